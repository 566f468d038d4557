//! Heads that come slowly, or without end.

use std::time::Duration;

use codextap::tap::{Kind, Limits};

use crate::support::peer::{Peer, Server};
use crate::support::proxied::Proxied;

const GET: &str = "GET /v1/x HTTP/1.1\r\nHost: localhost\r\n\r\n";

#[tokio::test]
async fn a_response_head_may_come_byte_by_byte() {
    let server = Server::bind().await;
    let mut proxied = Proxied::new(&server.url()).await;
    let mut client = Peer::connect(proxied.addr).await;
    client.send(GET).await;
    let mut upstream = server.accept().await;
    upstream.head().await;
    let answer = "HTTP/1.1 200 OK\r\nX-A: 1\r\nContent-Length: 2\r\n\r\nok";
    for byte in answer.as_bytes() {
        upstream.send([*byte]).await;
        tokio::task::yield_now().await;
    }
    client.expect(answer).await;
    assert!(
        !proxied
            .story(1)
            .await
            .iter()
            .any(|line| line.starts_with("failed"))
    );
}

#[tokio::test]
async fn a_response_head_that_trickles_past_the_deadline_is_a_504() {
    let server = Server::bind().await;
    let change = |config: &mut codextap::proxy::Config| {
        config.head_timeout = Some(Duration::from_millis(40));
    };
    let proxied = Proxied::with(&server.url(), Limits::default(), change).await;
    let mut client = Peer::connect(proxied.addr).await;
    client.send(GET).await;
    let mut upstream = server.accept().await;
    upstream.head().await;
    // Each line comes long before the deadline, which counts all of them.
    let trickle = async {
        let line = b"X-Slow: 1\r\n";
        let mut every = tokio::time::interval(Duration::from_millis(5));
        upstream.send("HTTP/1.1 200 OK\r\n").await;
        loop {
            every.tick().await;
            if tokio::io::AsyncWriteExt::write_all(&mut upstream.stream, line)
                .await
                .is_err()
            {
                return;
            }
        }
    };
    let (head, ()) = tokio::join!(client.head(), trickle);
    assert!(head.starts_with("HTTP/1.1 504 "), "{head}");
}

/// Heads without end, and what is said of them.
#[tokio::test]
async fn a_response_head_without_end_is_a_502_and_lets_go_of_the_upstream() {
    for (begin, endless) in [
        ("HTTP/1.1 200 ", "x"),
        ("HTTP/1.1 200 OK\r\nX-A: ", "x"),
        ("HTTP/1.1 200 OK\r\n", "x: y\r\n"),
        // Not one of them ends, and so none is passed on.
        ("HTTP/1.1 103 Early Hints\r\n", "Link: </a>\r\n"),
    ] {
        let server = Server::bind().await;
        let mut proxied = Proxied::new(&server.url()).await;
        let mut client = Peer::connect(proxied.addr).await;
        client.send(GET).await;
        let mut upstream = server.accept().await;
        upstream.head().await;
        upstream.send(begin).await;
        let block = endless.repeat(8192 / endless.len());
        let flood = async {
            let mut sent = 0;
            while tokio::io::AsyncWriteExt::write_all(&mut upstream.stream, block.as_bytes())
                .await
                .is_ok()
            {
                sent += block.len();
                assert!(sent < 64 << 20, "the proxy reads without end");
            }
        };
        let (head, ()) = tokio::join!(client.head(), flood);
        assert!(head.starts_with("HTTP/1.1 502 "), "{head}");
        let story = proxied.story(1).await;
        assert!(
            story.contains(&"failed upstream response head".to_owned()),
            "{story:?}"
        );
        let told = proxied.events.iter().any(|event| match &event.kind {
            Kind::Failed(failure) => !failure.message.is_empty() && failure.message.len() < 300,
            _ => false,
        });
        assert!(told);
    }
}
