//! HTTP/2 upstreams: what HTTP/1.1 says becomes what HTTP/2 says, and back.
//!
//! The upstream is hyper's own server, told what to answer by the test.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use codextap::proxy::Config;
use codextap::tap::{Direction, Kind, Limits};
use http::{HeaderMap, Request, Response, Version};
use http_body::Frame;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo};
use support::peer::{Peer, lines, within};
use support::proxied::Proxied;
use support::tls::acceptor;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};

/// A request that an upstream got, and where its answer goes.
type Asked = (Request<Incoming>, oneshot::Sender<Response<Script>>);

/// A body that the test writes frame by frame.
#[derive(Debug)]
struct Script(mpsc::UnboundedReceiver<Frame<Bytes>>);

impl http_body::Body for Script {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.poll_recv(cx).map(|frame| frame.map(Ok))
    }
}

/// A proxy before an HTTP/2 upstream, and the requests that reach it.
struct Setup {
    proxied: Proxied,
    authority: String,
    asked: mpsc::UnboundedReceiver<Asked>,
    /// Ends the connections that are open when it is sent to.
    hang_up: mpsc::Sender<()>,
}

async fn setup() -> Setup {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let authority = format!("localhost:{}", listener.local_addr().unwrap().port());
    let (asking, asked) = mpsc::unbounded_channel::<Asked>();
    let (hang_up, mut ended) = mpsc::channel(1);
    let acceptor = acceptor(&[b"h2", b"http/1.1"]);
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let stream = acceptor.accept(stream).await.unwrap();
            assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
            let asking = asking.clone();
            let service = hyper::service::service_fn(move |request| {
                let (answer, answered) = oneshot::channel();
                let sent = asking.send((request, answer));
                async move {
                    sent.map_err(|_| "the test is over")?;
                    answered.await.map_err(|_| "no answer")
                }
            });
            let builder = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
            tokio::select! {
                _ = builder.serve_connection(TokioIo::new(stream), service) => {}
                _ = ended.recv() => {}
            }
        }
    });
    let trusting = |config: &mut Config| {
        config.upstream_ca = Some("tests/support/tls/ca.pem".into());
    };
    let url = format!("https://{authority}");
    // Copies are taken at the end of a test.
    let limits = Limits {
        budget: 2 * MUCH,
        ..Limits::default()
    };
    Setup {
        proxied: Proxied::with(&url, limits, trusting).await,
        authority,
        asked,
        hang_up,
    }
}

impl Setup {
    async fn client(&self) -> Peer {
        Peer::connect(self.proxied.addr).await
    }

    async fn asked(&mut self) -> Asked {
        within(self.asked.recv()).await.unwrap()
    }
}

/// A response with a body to write.
fn response(
    fields: &[(&'static str, &'static str)],
) -> (Response<Script>, mpsc::UnboundedSender<Frame<Bytes>>) {
    let (frames, script) = mpsc::unbounded_channel();
    let mut response = Response::new(Script(script));
    for (name, value) in fields {
        let value = http::HeaderValue::from_static(value);
        response.headers_mut().append(*name, value);
    }
    (response, frames)
}

fn data(text: &str) -> Frame<Bytes> {
    Frame::data(Bytes::copy_from_slice(text.as_bytes()))
}

fn trailers(name: &'static str, value: &'static str) -> HeaderMap {
    HeaderMap::from_iter([(
        http::HeaderName::from_static(name),
        http::HeaderValue::from_static(value),
    )])
}

#[tokio::test]
async fn a_request_has_one_authority_and_no_fields_of_the_hop() {
    let mut setup = setup().await;
    let mut client = setup.client().await;
    client
        .send(
            "POST /v1/%7e?x HTTP/1.1\r\nHost: localhost\r\nConnection: close, X-Hop\r\nX-Hop: 1\r\n\
             Keep-Alive: 5\r\nTE: trailers, gzip\r\nX-Dup: a\r\nx-dup: b\r\nContent-Length: 3\r\n\r\n\
             abc",
        )
        .await;
    let (request, answer) = setup.asked().await;
    let url = format!("https://{}/v1/%7e?x", setup.authority);
    assert_eq!(request.uri().to_string(), url);
    let mut fields: Vec<String> = (request.headers().iter())
        .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
        .collect();
    fields.sort();
    assert_eq!(
        fields,
        ["content-length: 3", "te: trailers", "x-dup: a", "x-dup: b"]
    );
    let body = request.into_body().collect().await.unwrap();
    assert_eq!(body.to_bytes(), "abc");
    let (response, frames) = response(&[("content-length", "2"), ("x-a", "1"), ("x-a", "2")]);
    answer.send(response).unwrap();
    frames.send(data("ok")).unwrap();
    drop(frames);
    let head = client.head().await;
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    let fields = lines(&head);
    assert!(
        fields.starts_with(&["Connection: close", "content-length: 2"]),
        "{head}"
    );
    assert!(fields.ends_with(&["x-a: 1", "x-a: 2"]), "{head}");
    client.expect("ok").await;
    assert_eq!(client.rest().await, b"");
    let story = setup.proxied.story(1).await;
    assert_eq!(
        story[2..],
        ["out abc", "out Complete", "200", "in ok", "in Complete"]
    );
    let versions = setup
        .proxied
        .events
        .iter()
        .filter_map(|event| match &event.kind {
            Kind::Response(head) => Some(head.version),
            _ => None,
        });
    assert_eq!(versions.collect::<Vec<_>>(), [Version::HTTP_2]);
}

#[tokio::test]
async fn a_stream_comes_as_chunks_as_it_is_sent_and_keeps_its_trailers() {
    let mut setup = setup().await;
    let mut client = setup.client().await;
    for round in 1..=2 {
        client
            .send("GET /v1/x HTTP/1.1\r\nHost: localhost\r\n\r\n")
            .await;
        let (_, answer) = setup.asked().await;
        let (response, frames) = response(&[("content-type", "text/event-stream")]);
        answer.send(response).unwrap();
        let head = client.head().await;
        assert!(
            head.contains("\r\ntransfer-encoding: chunked\r\n"),
            "{head}"
        );
        for event in ["data: 1\n\n", "data: 22\n\n"] {
            frames.send(data(event)).unwrap();
            client
                .expect(format!("{:x}\r\n{event}\r\n", event.len()))
                .await;
        }
        frames
            .send(Frame::trailers(trailers("x-sum", "7")))
            .unwrap();
        client.expect("0\r\nx-sum: 7\r\n\r\n").await;
        let story = setup.proxied.story(round).await;
        let told = [
            "in data: 1\n\ndata: 22\n\n",
            "in trailers x-sum: 7",
            "in Complete",
        ];
        assert_eq!(story[story.len() - 3..], told);
    }
    // HTTP/1.0 knows no chunks.
    let mut client = setup.client().await;
    client.send("GET /v1/x HTTP/1.0\r\n\r\n").await;
    let (_, answer) = setup.asked().await;
    let (response, frames) = response(&[]);
    answer.send(response).unwrap();
    frames.send(data("plain")).unwrap();
    drop(frames);
    assert!(!client.head().await.contains("chunked"));
    assert_eq!(client.rest().await, b"plain");
}

#[tokio::test]
async fn a_chunked_request_streams_and_ends_with_its_trailers() {
    let mut setup = setup().await;
    let mut client = setup.client().await;
    client
        .send(
            "POST /v1/x HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\n\
             Transfer-Encoding: chunked\r\n\r\n",
        )
        .await;
    client.expect("HTTP/1.1 100 Continue\r\n\r\n").await;
    let (request, answer) = setup.asked().await;
    assert!(request.headers().is_empty(), "{:?}", request.headers());
    let mut body = request.into_body();
    for (chunk, expected) in [("3\r\nabc\r\n", "abc"), ("2;x\r\nde\r\n", "de")] {
        client.send(chunk).await;
        let frame = within(body.frame()).await.unwrap().unwrap();
        assert_eq!(frame.into_data().unwrap(), expected);
    }
    client.send("0\r\nX-Sum: 5\r\n\r\n").await;
    let frame = within(body.frame()).await.unwrap().unwrap();
    assert_eq!(frame.into_trailers().unwrap(), trailers("x-sum", "5"));
    let (response, frames) = response(&[]);
    drop(frames);
    answer.send(response).unwrap();
    client.head().await;
    setup.proxied.story(1).await;
    assert_eq!(setup.proxied.copied(Direction::Out), b"abcde");
}

#[tokio::test]
async fn a_request_that_is_cut_does_not_look_complete() {
    let mut setup = setup().await;
    let mut client = setup.client().await;
    client
        .send(
            "POST /v1/x HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n\
             3\r\nabc\r\n",
        )
        .await;
    let (request, _answer) = setup.asked().await;
    let mut body = request.into_body();
    within(body.frame()).await.unwrap().unwrap();
    drop(client);
    assert!(within(body.frame()).await.unwrap().is_err());
    let story = setup.proxied.story(1).await;
    assert!(
        story.contains(&"failed client request".to_owned()),
        "{story:?}"
    );
}

#[tokio::test]
async fn a_client_that_goes_away_resets_its_stream() {
    let mut setup = setup().await;
    let mut client = setup.client().await;
    client
        .send("GET /v1/x HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .await;
    let (_, answer) = setup.asked().await;
    let (response, frames) = response(&[]);
    answer.send(response).unwrap();
    frames.send(data("a")).unwrap();
    client.read_to("a\r\n").await;
    drop(client);
    within(frames.closed()).await;
    let story = setup.proxied.story(1).await;
    assert_eq!(
        story[2..],
        [
            "out Complete",
            "200",
            "in a",
            "failed client response body",
            "in Aborted"
        ]
    );
}

#[tokio::test]
async fn a_client_that_closes_its_half_still_gets_its_answer() {
    for body in ["", "abc"] {
        let mut setup = setup().await;
        let mut client = setup.client().await;
        client
            .send(format!(
                "POST /v1/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n{body}",
                body.len()
            ))
            .await;
        client.finish().await;
        let (_request, answer) = setup.asked().await;
        // By then the FIN has been seen.
        client.expect("HTTP/1.1 100 Continue\r\n\r\n").await;
        let (response, frames) = response(&[]);
        answer.send(response).unwrap();
        client.head().await;
        for event in ["1", "2"] {
            frames.send(data(event)).unwrap();
            client.expect(format!("1\r\n{event}\r\n")).await;
        }
        drop(frames);
        assert_eq!(client.rest().await, b"0\r\n\r\n");
        let story = setup.proxied.story(1).await;
        assert_eq!(story[story.len() - 3..], ["200", "in 12", "in Complete"]);
    }
}

#[tokio::test]
async fn a_client_that_leaves_before_the_answer_resets_its_stream_at_once() {
    let mut setup = setup().await;
    let mut client = setup.client().await;
    client
        .send("GET /v1/x HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .await;
    let (_, mut answer) = setup.asked().await;
    drop(client);
    within(answer.closed()).await;
    let story = setup.proxied.story(1).await;
    assert_eq!(
        story[2..],
        ["out Complete", "failed client response head", "in Aborted"]
    );
}

#[tokio::test]
async fn a_connection_that_was_closed_is_replaced() {
    let mut setup = setup().await;
    let mut client = setup.client().await;
    for _ in 0..3 {
        client
            .send("GET /v1/x HTTP/1.1\r\nHost: localhost\r\n\r\n")
            .await;
        let (_, answer) = setup.asked().await;
        let (response, frames) = response(&[("content-length", "0")]);
        drop(frames);
        answer.send(response).unwrap();
        assert!(client.head().await.starts_with("HTTP/1.1 200 OK\r\n"));
        setup.hang_up.send(()).await.unwrap();
        // It is over when the upstream takes a new one.
        setup.hang_up.reserve().await.unwrap();
    }
}

#[tokio::test]
async fn a_stream_that_breaks_off_cuts_the_client() {
    let mut setup = setup().await;
    let mut client = setup.client().await;
    client
        .send("GET /v1/x HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .await;
    let (_, answer) = setup.asked().await;
    let (response, frames) = response(&[]);
    answer.send(response).unwrap();
    frames.send(data("a")).unwrap();
    client.read_to("a\r\n").await;
    setup.hang_up.send(()).await.unwrap();
    assert_eq!(client.rest().await, b"");
    let story = setup.proxied.story(1).await;
    assert_eq!(
        story[3..],
        ["200", "in a", "failed upstream response body", "in Aborted"]
    );
}

/// A part of a large body; counts itself as sent when the connection lets go of it.
struct Part(Arc<AtomicUsize>);

impl AsRef<[u8]> for Part {
    fn as_ref(&self) -> &[u8] {
        &BYTES
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        self.0.fetch_add(PART, Ordering::SeqCst);
    }
}

const PART: usize = 64 << 10;

static BYTES: [u8; PART] = [b'x'; PART];

/// More than all windows and buffers between the two ends hold.
const MUCH: usize = 48 << 20;

#[tokio::test]
async fn a_client_that_does_not_read_slows_its_stream() {
    let mut setup = setup().await;
    let mut client = setup.client().await;
    client
        .send("GET /v1/x HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .await;
    let (_, answer) = setup.asked().await;
    let (response, frames) = response(&[("content-type", "text/plain")]);
    answer.send(response).unwrap();
    let sent = Arc::new(AtomicUsize::new(0));
    for _ in 0..MUCH / PART {
        let part = Bytes::from_owner(Part(Arc::clone(&sent)));
        frames.send(Frame::data(part)).unwrap();
    }
    drop(frames);
    client.head().await;
    let stalled = standstill(|| sent.load(Ordering::SeqCst)).await;
    assert!(stalled < MUCH / 2, "no backpressure: {stalled}");
    assert_eq!(client.chunked().await.0.len(), MUCH);
    setup.proxied.story(1).await;
    assert_eq!(setup.proxied.copied(Direction::In).len(), MUCH);
}

#[tokio::test]
async fn an_upstream_that_does_not_read_slows_the_request() {
    let mut setup = setup().await;
    let mut client = setup.client().await;
    client
        .send(format!(
            "POST /v1/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: {MUCH}\r\n\r\n"
        ))
        .await;
    let (request, answer) = setup.asked().await;
    let part = vec![b'x'; PART];
    let mut sent = 0;
    let stalled = standstill(|| {
        while let Ok(written) = client.stream.try_write(&part[..PART.min(MUCH - sent)])
            && written > 0
        {
            sent += written;
        }
        sent
    })
    .await;
    assert!(stalled < MUCH / 2, "no backpressure: {stalled}");
    let rest = vec![b'x'; MUCH - stalled];
    let (body, ()) = tokio::join!(request.into_body().collect(), client.send(&rest));
    assert_eq!(body.unwrap().to_bytes().len(), MUCH);
    let (response, frames) = response(&[]);
    drop(frames);
    answer.send(response).unwrap();
    client.head().await;
}

/// Waits until `count` grows no more.
async fn standstill(mut count: impl FnMut() -> usize) -> usize {
    let waiting = async {
        let mut every = tokio::time::interval(std::time::Duration::from_millis(5));
        let (mut last, mut same) = (0, 0);
        while same < 60 {
            every.tick().await;
            let now = count();
            same = if now == last && now > 0 { same + 1 } else { 0 };
            last = now;
        }
        last
    };
    within(waiting).await
}
