//! The same attacks through a running proxy: what is bounded is the observer; bytes pass.

use codextap::tap::{Direction, Kind, Limits};

use super::observed::{Observed, frame};
use super::support::peer::{Peer, Server};
use super::support::proxied::Proxied;
use super::{MIB, alone};

/// Runs `test` while no other test measures.
fn running(test: impl Future<Output = ()>) {
    let _alone = alone();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    runtime.unwrap().block_on(test);
}

/// Sends `answer` as the body of a response through a proxy, piece by piece, and sees it arrive.
async fn passed(fields: &str, pieces: &[Vec<u8>]) -> Observed {
    let server = Server::bind().await;
    // Copies are taken at the end.
    let limits = Limits {
        budget: 256 * MIB,
        ..Limits::default()
    };
    let mut proxied = Proxied::with(&server.url(), limits, |_| ()).await;
    let mut client = Peer::connect(proxied.addr).await;
    let body = r#"{"model":"m","input":[]}"#;
    client
        .send(format!(
            "POST /v1/responses HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        ))
        .await;
    let mut upstream = server.accept().await;
    upstream.head().await;
    upstream.expect(body).await;
    let length: usize = pieces.iter().map(Vec::len).sum();
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n{fields}\r\n");
    upstream.send(&head).await;
    client.expect(&head).await;
    let mut observed = Observed::new();
    for piece in pieces {
        let ((), arrived) = tokio::join!(upstream.send(piece), client.read(piece.len()));
        assert!(arrived == *piece, "bytes were changed");
    }
    proxied
        .until(|events| {
            let ended = |dir| {
                let is_end =
                    |kind: &Kind| matches!(kind, Kind::Ended { dir: of, .. } if *of == dir);
                events.iter().any(|event| is_end(&event.kind))
            };
            ended(Direction::Out) && ended(Direction::In)
        })
        .await;
    observed.take(std::mem::take(&mut proxied.events));
    observed
}

#[test]
fn a_bomb_passes_as_it_is() {
    running(async {
        let part = zstd::encode_all(vec![0; 16 * MIB].as_slice(), 1).unwrap();
        let pieces = vec![part.repeat(64); 10];
        let mut observed = passed("Content-Encoding: zstd\r\n", &pieces).await;
        let seen = observed.seen();
        seen.assert_marked("zstd decoding stopped at 16 MiB");
    });
}

#[test]
fn a_line_without_an_end_passes_as_it_is() {
    running(async {
        let mut pieces = vec![b"data: ".to_vec()];
        pieces.extend(vec![vec![b'x'; MIB]; 66]);
        pieces.push(b"\n\ndata: after\n\n".to_vec());
        let mut observed = passed("Content-Type: text/event-stream\r\n", &pieces).await;
        let seen = observed.seen();
        seen.assert_marked("block of more than 32 MiB skipped");
        let flow = &observed.store.flows()[0];
        assert_eq!(flow.frames.len(), 2, "the event behind it is read");
    });
}

#[test]
fn frames_without_number_pass_as_they_are() {
    running(async {
        let flood = frame(0x81, false, b"").repeat(50_000);
        let server = Server::bind().await;
        let mut proxied = Proxied::new(&server.url()).await;
        let mut client = Peer::connect(proxied.addr).await;
        client
            .send(
                "GET /v1/responses HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: \
                 websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: \
                 dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
            )
            .await;
        let mut upstream = server.accept().await;
        upstream.head().await;
        let head = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
        upstream.send(head).await;
        client.expect(head).await;
        let mut observed = Observed::new();
        for _ in 0..11 {
            let ((), arrived) = tokio::join!(upstream.send(&flood), client.read(flood.len()));
            assert!(arrived == flood, "bytes were changed");
        }
        drop((upstream, client));
        proxied.story(1).await;
        observed.take(std::mem::take(&mut proxied.events));
        let seen = observed.seen();
        seen.assert_marked("what follows is not kept: behind 8 MiB frames need room on the disk");
    });
}

#[test]
fn a_head_without_an_end_is_refused_and_told() {
    running(async {
        let server = Server::bind().await;
        let mut proxied = Proxied::new(&server.url()).await;
        let mut client = Peer::connect(proxied.addr).await;
        client
            .send("GET /v1/models HTTP/1.1\r\nHost: localhost\r\n\r\n")
            .await;
        let mut upstream = server.accept().await;
        upstream.head().await;
        upstream
            .send(format!("HTTP/1.1 200 OK\r\n{}", "x: y\r\n".repeat(60_000)))
            .await;
        assert!(client.head().await.starts_with("HTTP/1.1 502 "));
        proxied.story(1).await;
        let mut observed = Observed::new();
        observed.take(std::mem::take(&mut proxied.events));
        let flow = &observed.store.flows()[0];
        assert_eq!(flow.failures.len(), 1, "{:?}", flow.failures);
        assert!(flow.is_error());
    });
}
