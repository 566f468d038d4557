//! The agent against the upstream, with no more between them than a hop that notes the heads.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::*;

/// The address behind an origin.
fn address(upstream: &Upstream) -> SocketAddr {
    upstream
        .origin()
        .strip_prefix("http://")
        .unwrap()
        .parse()
        .unwrap()
}

/// Passes connections on to `target`; notes request line and status of each one's first exchange.
async fn hop(target: SocketAddr) -> (SocketAddr, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let notes = Arc::new(Mutex::new(Vec::new()));
    let shared = Arc::clone(&notes);
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let server = TcpStream::connect(target).await.unwrap();
            let shared = Arc::clone(&shared);
            tokio::spawn(async move {
                let (mut client_in, mut client_out) = client.into_split();
                let (mut server_in, mut server_out) = server.into_split();
                let (asked, read) = first_line(&mut client_in).await;
                tokio::spawn(async move {
                    server_out.write_all(&read).await.unwrap();
                    let _gone = tokio::io::copy(&mut client_in, &mut server_out).await;
                });
                let (answered, read) = first_line(&mut server_in).await;
                let status = answered.split(' ').nth(1).unwrap();
                let (asked, _) = asked.rsplit_once(' ').unwrap();
                shared.lock().unwrap().push(format!("{asked} {status}"));
                client_out.write_all(&read).await.unwrap();
                let _gone = tokio::io::copy(&mut server_in, &mut client_out).await;
            });
        }
    });
    (address, notes)
}

/// Reads until there is a whole line; gives that line and all that was read.
async fn first_line(from: &mut (impl AsyncRead + Unpin)) -> (String, Vec<u8>) {
    let mut read = Vec::new();
    while !read.contains(&b'\n') {
        assert!(from.read_buf(&mut read).await.unwrap() > 0, "no line came");
    }
    let line = String::from_utf8_lossy(&read)
        .lines()
        .next()
        .unwrap_or_default()
        .to_owned();
    (line, read)
}

#[tokio::test]
async fn the_story_shows_every_kind_of_exchange() {
    let upstream = start(0.0).unwrap();
    let (proxy, notes) = hop(address(&upstream)).await;
    let playing = tokio::spawn(play(proxy, 0.0));
    let played = tokio::time::timeout(Duration::from_secs(20), playing).await;
    played.expect("the story hangs").unwrap().unwrap();
    assert_eq!(
        *notes.lock().unwrap(),
        [
            "GET /v1/models?client_version=0.169.0 200",
            "GET /v1/responses 101",
            "GET /backend-api/wham/usage 200",
            "POST /v1/responses 200",
            "POST /v1/responses 200",
            "POST /v1/responses 200",
            "POST /v1/responses 200",
            "GET /backend-api/codex/responses 426",
            "POST /backend-api/codex/responses 200",
            "POST /backend-api/codex/responses 429",
            "POST /v1/responses 200",
        ]
    );
}

#[test]
fn the_story_takes_the_time_of_a_short_look() {
    let story = Story::load().unwrap();
    let mut ids = ids::Ids::new(crate::tap::At::from_micros(7), 0);
    let mut taken = 0;
    for step in &story.steps {
        taken += step.pause;
        if let story::Action::Turn { reply, .. } = &step.action {
            let request = json!({"input": []});
            let events = events::tell(reply, &request, crate::tap::At::from_micros(7), &mut ids);
            taken += events.iter().map(|timed| timed.pause).sum::<u64>();
        }
    }
    assert!((15_000..=20_000).contains(&taken), "{taken} ms");
}

#[test]
fn a_request_that_is_not_in_the_story_has_no_reply() {
    let story = Story::load().unwrap();
    assert!(
        story
            .reply(&json!({"input": [{"content": [{"text": "Sing."}]}]}))
            .is_none()
    );
    assert!(story.reply(&json!({"input": []})).is_none());
    assert!(story.reply(&json!({"generate": false})).is_some());
    assert!(story.answer("/v1/models").is_none());
}

#[tokio::test]
async fn nobody_listens_after_the_upstream_is_dropped() {
    let upstream = start(0.0).unwrap();
    let gone = address(&upstream);
    drop(upstream);
    while TcpStream::connect(gone).await.is_ok() {
        tokio::task::yield_now().await;
    }
    assert!(play(gone, 0.0).await.is_err());
}
