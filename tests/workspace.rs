//! The one answer that is changed on its way, and all those beside it that are not.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use codextap::proxy::{Config, Route, Stage};
use codextap::tap::{CHANGED, Direction, Kind, Limits, field};
use support::peer::{Peer, Server, lines};
use support::proxied::Proxied;

const PATH: &str = "/backend-api/wham/accounts/check";
const BODY: &str = r#"{"accounts":[{"id":"a","workspace_backend_origin":"NO_CONSTRAINT","account_routing_override":"NO_CONSTRAINT"}]}"#;

/// A proxy to ChatGPT that takes side channels or not, and what plays ChatGPT.
async fn proxied(takes: bool) -> (Proxied, Server) {
    let server = Server::bind().await;
    let change = |config: &mut Config| {
        config.routes = vec![Route::new("/backend-api", &server.url()).unwrap()];
        config.side_channels = takes;
    };
    let proxied = Proxied::with(&server.url(), Limits::default(), change).await;
    (proxied, server)
}

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n")
}

#[tokio::test]
async fn codex_is_told_the_origin_and_the_tap_what_came() {
    let sized = format!(
        "HTTP/1.1 200 OK\r\nA: b\r\nContent-Length: {}\r\n\r\n{BODY}",
        BODY.len()
    );
    let (start, end) = BODY.split_at(50);
    let chunked = format!(
        "HTTP/1.1 200 OK\r\nA: b\r\nTransfer-Encoding: chunked\r\n\r\n32\r\n{start}\r\n{:x}\r\n{end}\r\n\
         0\r\n\r\n",
        end.len()
    );
    let (mut proxied, server) = proxied(true).await;
    let mut client = Peer::connect(proxied.addr).await;
    let mut upstream = None;
    let expected = BODY.replacen("NO_CONSTRAINT", "https://chatgpt.com", 1);
    // One after another on one connection, cut in two everywhere.
    let cuts = [&sized, &chunked]
        .into_iter()
        .flat_map(|answer| [10, answer.len() - 60, answer.len() - 2].map(|at| answer.split_at(at)));
    for (round, (one, two)) in cuts.enumerate() {
        client.send(get(&format!("{PATH}?n={round}"))).await;
        if upstream.is_none() {
            upstream = Some(server.accept().await);
        }
        let upstream: &mut Peer = upstream.as_mut().unwrap();
        upstream.head().await;
        upstream.send(one).await;
        upstream.send(two).await;
        let head = client.head().await;
        let fields = [
            "A: b".to_owned(),
            format!("content-length: {}", expected.len()),
            format!("{CHANGED}: workspace_backend_origin=https://chatgpt.com"),
        ];
        assert_eq!(lines(&head), fields, "{head}");
        client.expect(&expected).await;
        proxied.story(round + 1).await;
        assert_eq!(
            proxied.copied(Direction::In),
            BODY.repeat(round + 1).as_bytes()
        );
        let told = proxied
            .events
            .iter()
            .rev()
            .find_map(|event| match &event.kind {
                Kind::Response(head) => Some(head.fields.clone()),
                _ => None,
            });
        let told = told.unwrap();
        let framing = ["content-length", "transfer-encoding"];
        let framing = framing.iter().find_map(|name| field(&told, name)).unwrap();
        assert!(
            framing == BODY.len().to_string() || framing == "chunked",
            "{framing}"
        );
        assert!(field(&told, CHANGED).is_some());
    }
}

#[tokio::test]
async fn every_other_answer_passes_as_it_came() {
    let answer = |status: &str, fields: &str, body: &str| {
        let length = body.len();
        format!("HTTP/1.1 {status}\r\n{fields}Content-Length: {length}\r\n\r\n{body}")
    };
    let plain = answer("200 OK", "", BODY);
    let bound = answer(
        "200 OK",
        "",
        &BODY.replacen("NO_CONSTRAINT", "https://us.chatgpt.com", 1),
    );
    let long = answer("200 OK", "", &format!("{BODY}{}", " ".repeat(1 << 20)));
    let filler = "x".repeat(1 << 16);
    let chunk = format!("10000\r\n{filler}\r\n");
    let endless = format!(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{BODY}\r\n{}0\r\n\r\n",
        BODY.len(),
        chunk.repeat(17)
    );
    for (takes, path, answer) in [
        (false, PATH, &plain),
        (true, "/backend-api/wham/accounts/checks", &plain),
        (true, PATH, &bound),
        (true, PATH, &answer("401 Unauthorized", "", BODY)),
        (
            true,
            PATH,
            &answer("200 OK", "Content-Encoding: gzip\r\n", BODY),
        ),
        (true, PATH, &answer("200 OK", "", "")),
        (true, PATH, &long),
        (true, PATH, &endless),
    ] {
        let (mut proxied, server) = proxied(takes).await;
        let mut client = Peer::connect(proxied.addr).await;
        client.send(get(path)).await;
        let mut upstream = server.accept().await;
        upstream.head().await;
        let (sent, ()) = tokio::join!(client.read(answer.len()), upstream.send(answer));
        assert!(sent == answer.as_bytes(), "{path}: {}", &answer[..40]);
        let story = proxied.story(1).await;
        assert_eq!(story.last().unwrap(), "in Complete", "{story:?}");
    }
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_cut_and_said_to_be() {
    let (mut proxied, server) = proxied(true).await;
    let mut client = Peer::connect(proxied.addr).await;
    client.send(get(PATH)).await;
    let mut upstream = server.accept().await;
    upstream.head().await;
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", BODY.len());
    upstream.send(format!("{head}{}", &BODY[..90])).await;
    drop(upstream);
    client.expect(format!("{head}{}", &BODY[..90])).await;
    assert_eq!(client.rest().await, b"");
    let story = proxied.story(1).await;
    assert!(
        story.contains(&"failed upstream response body".to_owned()),
        "{story:?}"
    );
}

#[tokio::test]
async fn a_client_that_leaves_meanwhile_is_told_to_the_upstream() {
    let (mut proxied, server) = proxied(true).await;
    let mut client = Peer::connect(proxied.addr).await;
    client.send(get(PATH)).await;
    let mut upstream = server.accept().await;
    upstream.head().await;
    upstream
        .send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{")
        .await;
    drop(client);
    assert_eq!(upstream.rest().await, b"");
    drop(upstream);
    proxied.story(1).await;
}

/// A client that has asked, and the upstream that has begun an answer, as far as the proxy has taken it.
async fn begun(proxied: &Proxied, server: &Server, answer: &str) -> (Peer, Peer) {
    let mut client = Peer::connect(proxied.addr).await;
    client.send(get(PATH)).await;
    let mut upstream = server.accept().await;
    upstream.head().await;
    upstream.send(answer).await;
    // The proxy runs on this thread and does what it can meanwhile.
    for _ in 0..200 {
        tokio::task::yield_now().await;
    }
    (client, upstream)
}

#[tokio::test]
async fn a_reset_is_no_end_of_the_body() {
    let (mut proxied, server) = proxied(true).await;
    let answer = "HTTP/1.1 200 OK\r\n\r\n{";
    let (mut client, upstream) = begun(&proxied, &server, answer).await;
    upstream.stream.set_zero_linger().unwrap();
    drop(upstream);
    client.rest().await;
    let story = proxied.story(1).await;
    let told = ["failed upstream response body", "in Aborted"];
    assert_eq!(story[story.len() - 2..], told, "{story:?}");
}

#[tokio::test]
async fn a_proxy_that_ends_sends_nothing_of_an_answer_that_it_has_not_whole() {
    let (mut proxied, server) = proxied(true).await;
    let answer = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{";
    let (mut client, mut upstream) = begun(&proxied, &server, answer).await;
    proxied.tell(Stage::Closing);
    upstream.send("23456789").await;
    assert_eq!(client.rest().await.escape_ascii().to_string(), "");
    let story = proxied.story(1).await;
    assert!(
        story.contains(&"failed client response body".to_owned()),
        "{story:?}"
    );
    proxied.stop().await;
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_stalls_is_passed_on_as_far_as_it_came() {
    let (mut proxied, server) = proxied(true).await;
    let (start, end) = BODY.split_at(90);
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", BODY.len());
    let answer = format!("{head}{start}");
    let (mut client, mut upstream) = begun(&proxied, &server, &answer).await;
    client.expect(&answer).await;
    upstream.send(end).await;
    client.expect(end).await;
    let story = proxied.story(1).await;
    assert_eq!(story.last().unwrap(), "in Complete", "{story:?}");
}
