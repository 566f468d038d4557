//! HTTP/2 upstreams that break the rules or break off, frame by frame: what the client gets is a
//! whole answer or one that is seen to be cut, and never more than the answer.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::io::ErrorKind;

use codextap::proxy::Config;
use codextap::tap::Limits;
use support::peer::{Peer, within};
use support::proxied::Proxied;
use support::tls::acceptor;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// An upstream that speaks HTTP/2 (RFC 9113), and a proxy before it.
struct Setup {
    proxied: Proxied,
    listener: TcpListener,
    acceptor: TlsAcceptor,
}

/// A connection of the proxy's.
struct Frames(TlsStream<TcpStream>);

impl Setup {
    async fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!(
            "https://localhost:{}",
            listener.local_addr().unwrap().port()
        );
        let trusting = |config: &mut Config| {
            config.upstream_ca = Some("tests/support/tls/ca.pem".into());
            config.side_channels = true;
        };
        Self {
            proxied: Proxied::with(&url, Limits::default(), trusting).await,
            listener,
            acceptor: acceptor(&[b"h2"]),
        }
    }

    async fn accept(&self) -> Frames {
        let (stream, _) = within(self.listener.accept()).await.unwrap();
        let mut stream = within(self.acceptor.accept(stream)).await.unwrap();
        let mut preface = [0; 24];
        within(stream.read_exact(&mut preface)).await.unwrap();
        assert_eq!(&preface, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
        let mut frames = Frames(stream);
        frames.send(SETTINGS, 0, 0, b"").await;
        frames
    }

    /// Sends a request and waits until it is at the upstream.
    async fn ask(&self, request: &str, frames: &mut Option<Frames>) -> (Peer, u32) {
        let mut client = Peer::connect(self.proxied.addr).await;
        let request = format!("{request} HTTP/1.1\r\nHost: localhost\r\n\r\n");
        client.send(request).await;
        let frames = match frames {
            Some(frames) => frames,
            none => none.insert(self.accept().await),
        };
        (client, frames.stream().await)
    }
}

impl Frames {
    async fn send(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        let len = u32::try_from(payload.len()).unwrap().to_be_bytes();
        let head = [&len[1..], &[kind, flags], &stream.to_be_bytes()].concat();
        within(self.0.write_all(&[&head, payload].concat()))
            .await
            .unwrap();
        within(self.0.flush()).await.unwrap();
    }

    /// The next frame: kind, flags, stream and payload.
    async fn next(&mut self) -> (u8, u8, u32, Vec<u8>) {
        let mut head = [0; 9];
        within(self.0.read_exact(&mut head)).await.unwrap();
        let len = usize::from(head[0]) << 16 | usize::from(head[1]) << 8 | usize::from(head[2]);
        let mut payload = vec![0; len];
        within(self.0.read_exact(&mut payload)).await.unwrap();
        let stream = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
        (head[3], head[4], stream, payload)
    }

    /// Waits for a request's head; its stream.
    async fn stream(&mut self) -> u32 {
        loop {
            match self.next().await {
                (SETTINGS, 0, ..) => self.send(SETTINGS, ACK, 0, b"").await,
                (HEADERS, _, stream, _) => return stream,
                _ => {}
            }
        }
    }
}

/// A header block (RFC 7541): the status, and a length if there is one.
fn block(status: u16, length: Option<&str>) -> Vec<u8> {
    let mut block = vec![0x08, 3];
    block.extend(status.to_string().bytes());
    if let Some(length) = length {
        block.extend([0x0f, 0x0d, length.len() as u8]);
        block.extend(length.bytes());
    }
    block
}

#[tokio::test]
async fn a_body_where_none_may_be_is_no_second_answer() {
    let setup = Setup::new().await;
    let smuggled = b"HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\nsmuggled";
    let mut frames = None;
    for (method, status) in [("GET", 204), ("GET", 304), ("HEAD", 200)] {
        let (mut client, stream) = setup.ask(&format!("{method} /v1/x"), &mut frames).await;
        let upstream = frames.as_mut().unwrap();
        upstream
            .send(HEADERS, END_HEADERS, stream, &block(status, None))
            .await;
        upstream.send(DATA, END_STREAM, stream, smuggled).await;
        let head = client.head().await;
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{head}");
        client
            .send("GET /v1/y HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            .await;
        let stream = upstream.stream().await;
        let end = END_HEADERS | END_STREAM;
        upstream.send(HEADERS, end, stream, &block(206, None)).await;
        let head = client.head().await;
        assert!(
            head.starts_with("HTTP/1.1 206 "),
            "{method} {status}: {head}"
        );
        assert_eq!(client.rest().await, b"");
    }
}

#[tokio::test]
async fn a_stream_that_is_reset_before_its_end_is_seen_to_be_cut() {
    let mut setup = Setup::new().await;
    let mut frames = None;
    let lengths = [Some("9"), None].into_iter();
    let faults = lengths
        .flat_map(|length| [NO_ERROR, CANCEL, INTERNAL_ERROR].map(|reason| (length, reason)));
    for (exchange, (length, reason)) in faults.enumerate() {
        setup.proxied.events.clear();
        let (mut client, stream) = setup.ask("GET /v1/x", &mut frames).await;
        let upstream = frames.as_mut().unwrap();
        upstream
            .send(HEADERS, END_HEADERS, stream, &block(200, length))
            .await;
        upstream.send(DATA, 0, stream, b"abc").await;
        let chunk = if length.is_some() {
            "abc"
        } else {
            "3\r\nabc\r\n"
        };
        client.read_to(&format!("\r\n\r\n{chunk}")).await;
        upstream
            .send(RST_STREAM, 0, stream, &[0, 0, 0, reason])
            .await;
        // The next request must not be answered into this one's body.
        assert_eq!(client.rest().await, b"", "{exchange}");
        let story = setup.proxied.story(1).await;
        let told = ["failed upstream response body", "in Aborted"];
        assert_eq!(story[story.len() - 2..], told, "{exchange}");
    }
}

#[tokio::test]
async fn an_answer_that_is_read_ahead_is_seen_to_be_cut_as_well() {
    let mut setup = Setup::new().await;
    let mut frames = None;
    for reason in [NO_ERROR, CANCEL, INTERNAL_ERROR] {
        setup.proxied.events.clear();
        let path = "GET /v1/wham/accounts/check";
        let (mut client, stream) = setup.ask(path, &mut frames).await;
        let upstream = frames.as_mut().unwrap();
        upstream
            .send(HEADERS, END_HEADERS, stream, &block(200, Some("100")))
            .await;
        upstream.send(DATA, 0, stream, &[b'x'; 50]).await;
        upstream
            .send(RST_STREAM, 0, stream, &[0, 0, 0, reason])
            .await;
        client.read_to(&format!("\r\n\r\n{}", "x".repeat(50))).await;
        assert_eq!(client.rest().await, b"", "{reason}");
        let story = setup.proxied.story(1).await;
        let told = ["failed upstream response body", "in Aborted"];
        assert_eq!(story[story.len() - 2..], told, "{reason}");
    }
}

#[tokio::test]
async fn a_whole_answer_may_be_followed_by_a_reset() {
    let mut setup = Setup::new().await;
    let mut client = Peer::connect(setup.proxied.addr).await;
    client
        .send("POST /v1/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nabc")
        .await;
    let mut upstream = setup.accept().await;
    let stream = upstream.stream().await;
    // The upstream has seen enough (RFC 9113 §8.1).
    upstream
        .send(HEADERS, END_HEADERS, stream, &block(413, None))
        .await;
    upstream.send(DATA, END_STREAM, stream, b"abc").await;
    upstream
        .send(RST_STREAM, 0, stream, &[0, 0, 0, NO_ERROR])
        .await;
    client.read_to("3\r\nabc\r\n0\r\n\r\n").await;
    client.send("defghi").await;
    let story = setup.proxied.story(1).await;
    assert!(story.contains(&"in Complete".to_owned()), "{story:?}");
}

#[tokio::test]
async fn a_target_that_http_2_cannot_carry_is_not_shortened() {
    let setup = Setup::new().await;
    let mut client = Peer::connect(setup.proxied.addr).await;
    client
        .send("GET /v1/x#y?z HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .await;
    let _upstream = setup.accept().await;
    let head = client.head().await;
    assert!(head.starts_with("HTTP/1.1 502 "), "{head}");
}

#[tokio::test]
async fn a_stream_that_is_reset_before_its_answer_resets_the_client() {
    let mut setup = Setup::new().await;
    let mut frames = None;
    for reason in [CANCEL, INTERNAL_ERROR, REFUSED_STREAM] {
        setup.proxied.events.clear();
        let (mut client, stream) = setup.ask("GET /v1/x", &mut frames).await;
        let upstream = frames.as_mut().unwrap();
        upstream
            .send(RST_STREAM, 0, stream, &[0, 0, 0, reason])
            .await;
        let read = within(client.stream.read(&mut [0])).await;
        assert_eq!(read.unwrap_err().kind(), ErrorKind::ConnectionReset);
        let story = setup.proxied.story(1).await;
        assert!(story.contains(&"failed upstream response head".to_owned()));
    }
}

#[tokio::test]
async fn an_interim_answer_is_none() {
    let setup = Setup::new().await;
    let mut frames = None;
    let (mut client, stream) = setup.ask("GET /v1/x", &mut frames).await;
    let upstream = frames.as_mut().unwrap();
    for _ in 0..3 {
        upstream
            .send(HEADERS, END_HEADERS, stream, &block(103, None))
            .await;
    }
    upstream
        .send(HEADERS, END_HEADERS, stream, &block(200, Some("2")))
        .await;
    upstream.send(DATA, END_STREAM, stream, b"ok").await;
    client
        .expect("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
        .await;
}

#[tokio::test]
async fn te_is_said_as_http_2_allows_it() {
    let setup = Setup::new().await;
    let mut frames: Option<Frames> = None;
    for te in ["Trailers", "trailers;q=1", "trailers, trailers", ""] {
        let mut client = Peer::connect(setup.proxied.addr).await;
        let request = format!("GET /v1/x HTTP/1.1\r\nHost: localhost\r\nTE: {te}\r\n\r\n");
        client.send(request).await;
        let upstream = match &mut frames {
            Some(frames) => frames,
            none => none.insert(setup.accept().await),
        };
        let stream = upstream.stream().await;
        let end = END_HEADERS | END_STREAM;
        upstream.send(HEADERS, end, stream, &block(200, None)).await;
        let head = client.head().await;
        assert!(head.starts_with("HTTP/1.1 200 "), "{te}: {head}");
    }
}

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;

const ACK: u8 = 1;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

const NO_ERROR: u8 = 0;
const INTERNAL_ERROR: u8 = 2;
const REFUSED_STREAM: u8 = 7;
const CANCEL: u8 = 8;
