//! WebSocket connections: the handshake is between client and upstream, and so is every byte after it.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::time::Duration;

use codextap::proxy::{Config, Stage};
use codextap::tap::{Direction, Kind, Limits};
use futures_util::{SinkExt, StreamExt};
use support::frames::{self, BINARY, CLOSE, Frame, PING, TEXT};
use support::peer::{Peer, Server, lines, within};
use support::proxied::Proxied;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::{accept_async, client_async};

const HANDSHAKE: &str = "GET /v1/responses HTTP/1.1\r\nHost: 127.0.0.1:8787\r\n\
    Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    sec-websocket-extensions: permessage-deflate; client_max_window_bits\r\n\
    openai-beta: responses_websockets=2026-02-06\r\n\r\n";

const ACCEPTED: &str = "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\n\
    upgrade: websocket\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\
    sec-websocket-extensions: permessage-deflate\r\nx-codex-turn-state: t-1\r\n\r\n";

/// A proxy with an upgraded connection through it, spoken byte by byte.
async fn upgraded(limits: Limits) -> (Proxied, Peer, Peer) {
    let drain = |config: &mut Config| config.drain = Duration::from_millis(50);
    bounded(limits, drain).await
}

/// The same through a proxy with other settings.
async fn socket(change: impl FnOnce(&mut Config)) -> (Proxied, Peer, Peer) {
    bounded(Limits::default(), change).await
}

async fn bounded(limits: Limits, change: impl FnOnce(&mut Config)) -> (Proxied, Peer, Peer) {
    let server = Server::bind().await;
    let proxied = Proxied::with(&server.url(), limits, change).await;
    let mut client = Peer::connect(proxied.addr).await;
    client.send(HANDSHAKE).await;
    let mut upstream = server.accept().await;
    upstream.head().await;
    upstream.send(ACCEPTED).await;
    client.head().await;
    (proxied, client, upstream)
}

#[tokio::test]
async fn the_handshake_passes_as_it_is_both_ways() {
    let server = Server::bind().await;
    let mut proxied = Proxied::new(&server.url()).await;
    let mut client = Peer::connect(proxied.addr).await;
    client.send(HANDSHAKE).await;
    let mut upstream = server.accept().await;
    let head = upstream.head().await;
    assert!(head.starts_with("GET /v1/responses HTTP/1.1\r\n"), "{head}");
    let sent = HANDSHAKE.replace("127.0.0.1:8787", &server.addr.to_string());
    assert_eq!(lines(&head), lines(&sent));
    // The first frames may come in one segment with the heads.
    upstream.send(format!("{ACCEPTED}\u{1}first")).await;
    let head = client.head().await;
    assert!(
        head.starts_with("HTTP/1.1 101 Switching Protocols\r\n"),
        "{head}"
    );
    assert_eq!(lines(&head), lines(ACCEPTED));
    client.expect("\u{1}first").await;
    client.send("answer").await;
    upstream.expect("answer").await;
    client.finish().await;
    upstream.finish().await;
    let story = proxied.story(1).await;
    assert_eq!(
        story[..4],
        ["opened", "GET /v1/responses", "101", "upgraded"]
    );
    assert_eq!(proxied.copied(Direction::In), b"\x01first");
    assert_eq!(proxied.copied(Direction::Out), b"answer");
    let mut ends = story[story.len() - 2..].to_vec();
    ends.sort();
    assert_eq!(ends, ["in Complete", "out Complete"]);
}

#[tokio::test]
async fn a_refusal_comes_back_with_its_body() {
    for status in [
        "401 Unauthorized",
        "426 Upgrade Required",
        "429 Too Many Requests",
        "503 Busy",
    ] {
        let server = Server::bind().await;
        let mut proxied = Proxied::new(&server.url()).await;
        let mut client = Peer::connect(proxied.addr).await;
        client.send(HANDSHAKE).await;
        let mut upstream = server.accept().await;
        upstream.head().await;
        let answer = format!("HTTP/1.1 {status}\r\nRetry-After: 7\r\ncontent-length: 4\r\n\r\n");
        upstream.send(format!("{answer}nope")).await;
        assert_eq!(client.head().await, answer);
        client.expect("nope").await;
        let code = &status[..3];
        let told = [
            "opened",
            "GET /v1/responses",
            "out Complete",
            code,
            "in nope",
            "in Complete",
        ];
        assert_eq!(proxied.story(1).await, told);
        // Both connections are still good for the POST that follows a 426.
        client
            .send("POST /v1/r HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1\r\n\r\nx")
            .await;
        assert!(upstream.head().await.starts_with("POST /v1/r "));
    }
}

#[tokio::test]
async fn an_upgrade_to_something_else_is_a_plain_request() {
    let server = Server::bind().await;
    let proxied = Proxied::new(&server.url()).await;
    let mut client = Peer::connect(proxied.addr).await;
    client
        .send(
            "GET /v1/x HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade, http2-settings\r\n\
             upgrade: h2c\r\nhttp2-settings: AA\r\n\r\n",
        )
        .await;
    let mut upstream = server.accept().await;
    assert_eq!(
        lines(&upstream.head().await),
        [format!("host: {}", server.addr)]
    );
    upstream
        .send("HTTP/1.1 101 Switching Protocols\r\nupgrade: h2c\r\n\r\n")
        .await;
    assert!(client.head().await.starts_with("HTTP/1.1 502 "));
}

#[tokio::test]
async fn a_message_arrives_before_the_next_one_is_sent() {
    let server = Server::bind().await;
    let proxied = Proxied::new(&server.url()).await;
    let url = format!("ws://{}/v1/responses", proxied.addr);
    let client = async {
        let stream = Peer::connect(proxied.addr).await.stream;
        within(client_async(url, stream)).await.unwrap().0
    };
    let upstream = async {
        within(accept_async(server.accept().await.stream))
            .await
            .unwrap()
    };
    let (mut client, mut upstream) = tokio::join!(client, upstream);
    for number in 0..20 {
        let question = Message::text(format!("question {number} {}", "q".repeat(number * 1000)));
        client.send(question.clone()).await.unwrap();
        assert_eq!(within(upstream.next()).await.unwrap().unwrap(), question);
        let answer = Message::binary(vec![number as u8; number * 3000]);
        upstream.send(answer.clone()).await.unwrap();
        assert_eq!(within(client.next()).await.unwrap().unwrap(), answer);
    }
    upstream
        .send(Message::Ping("are you there".into()))
        .await
        .unwrap();
    assert!(within(client.next()).await.unwrap().unwrap().is_ping());
    client.flush().await.unwrap();
    let pong = within(upstream.next()).await.unwrap().unwrap();
    assert_eq!(pong, Message::Pong("are you there".into()));
}

#[tokio::test]
async fn close_codes_pass() {
    for code in [1000, 1001, 1008, 1011, 1013, 4001] {
        let server = Server::bind().await;
        let mut proxied = Proxied::new(&server.url()).await;
        let url = format!("ws://{}/v1/responses", proxied.addr);
        let client = async {
            let stream = Peer::connect(proxied.addr).await.stream;
            within(client_async(url, stream)).await.unwrap().0
        };
        let upstream = async {
            within(accept_async(server.accept().await.stream))
                .await
                .unwrap()
        };
        let (mut client, mut upstream) = tokio::join!(client, upstream);
        let frame = CloseFrame {
            code: CloseCode::from(code),
            reason: "over".into(),
        };
        upstream.close(Some(frame.clone())).await.unwrap();
        let got = within(client.next()).await.unwrap().unwrap();
        assert_eq!(got, Message::Close(Some(frame.clone())));
        // The reply leaves with the next call.
        let _ = client.flush().await;
        let back = within(upstream.next()).await.unwrap().unwrap();
        assert_eq!(back, Message::Close(Some(frame)));
        drop((client, upstream));
        let story = proxied.story(1).await;
        assert!(
            !story.iter().any(|line| line.starts_with("failed")),
            "{story:?}"
        );
    }
}

#[tokio::test]
async fn a_fin_one_way_keeps_the_other_way_open() {
    let (mut proxied, mut client, mut upstream) = upgraded(Limits::default()).await;
    client.send("last words").await;
    client.finish().await;
    assert_eq!(upstream.rest().await, b"last words");
    upstream.send("still talking").await;
    client.expect("still talking").await;
    upstream.finish().await;
    assert_eq!(client.rest().await, b"");
    let story = proxied.story(1).await;
    assert_eq!(
        story[4..],
        [
            "out last words",
            "out Complete",
            "in still talking",
            "in Complete"
        ]
    );
}

#[tokio::test]
async fn a_client_that_drops_the_connection_without_a_close_frame_is_no_failure() {
    let (mut proxied, client, mut upstream) = upgraded(Limits::default()).await;
    drop(client);
    assert_eq!(upstream.rest().await, b"");
    drop(upstream);
    let story = proxied.story(1).await;
    assert_eq!(story[4..], ["out Complete", "in Complete"]);
}

#[tokio::test]
async fn a_reset_of_either_end_ends_the_other_and_is_named() {
    let (mut proxied, mut client, upstream) = upgraded(Limits::default()).await;
    upstream.stream.set_zero_linger().unwrap();
    drop(upstream);
    assert_eq!(client.rest().await, b"");
    let story = proxied.story(1).await;
    assert_eq!(
        story[4..],
        ["failed upstream relay", "in Aborted", "out Aborted"]
    );

    let (mut proxied, client, mut upstream) = upgraded(Limits::default()).await;
    client.stream.set_zero_linger().unwrap();
    drop(client);
    assert_eq!(upstream.rest().await, b"");
    let story = proxied.story(1).await;
    assert_eq!(
        story[4..],
        ["failed client relay", "out Aborted", "in Aborted"]
    );
}

#[tokio::test]
async fn bytes_are_identical_both_ways_at_once() {
    let (mut proxied, client, upstream) = upgraded(Limits::default()).await;
    let (question, answer) = (noise(3_000_000, 7), noise(5_000_000, 11));
    exchange(client, upstream, &question, &answer).await;
    proxied.story(1).await;
    assert!(proxied.copied(Direction::Out) == question);
    assert!(proxied.copied(Direction::In) == answer);
}

#[tokio::test]
async fn an_observer_out_of_budget_costs_copies_and_nothing_else() {
    let limits = Limits {
        budget: 40_000,
        pause: Duration::from_millis(10),
        ..Limits::default()
    };
    let (mut proxied, client, upstream) = upgraded(limits).await;
    let (question, answer) = (noise(500_000, 7), noise(700_000, 11));
    exchange(client, upstream, &question, &answer).await;
    proxied.story(1).await;
    for (way, len) in [
        (Direction::Out, question.len()),
        (Direction::In, answer.len()),
    ] {
        let missed: u64 = (proxied.events.iter())
            .map(|event| match event.kind {
                Kind::Missed { dir, bytes } if dir == way => bytes,
                _ => 0,
            })
            .sum();
        assert!(missed > 0);
        assert_eq!(missed as usize + proxied.copied(way).len(), len);
    }
}

/// Sends both texts at once, each to the other end, with a FIN after them.
async fn exchange(mut client: Peer, mut upstream: Peer, question: &[u8], answer: &[u8]) {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let (mut client_read, mut client_write) = client.stream.split();
    let (mut upstream_read, mut upstream_write) = upstream.stream.split();
    let (mut asked, mut answered) = (Vec::new(), Vec::new());
    let asking = async {
        client_write.write_all(question).await.unwrap();
        client_write.shutdown().await.unwrap();
    };
    let answering = async {
        upstream_write.write_all(answer).await.unwrap();
        upstream_write.shutdown().await.unwrap();
    };
    let reading = async {
        let both = (
            upstream_read.read_to_end(&mut asked),
            client_read.read_to_end(&mut answered),
        );
        let (asked, answered) = tokio::join!(both.0, both.1);
        (asked.unwrap(), answered.unwrap())
    };
    within(async { tokio::join!(asking, answering, reading) }).await;
    assert!(asked == question && answered == answer);
}

/// Bytes without a pattern that a lost or doubled chunk could hide in.
fn noise(len: usize, seed: u32) -> Vec<u8> {
    let mut state = seed;
    std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    })
    .take(len)
    .collect()
}

#[tokio::test]
async fn a_client_that_gives_up_on_the_handshake_aborts_the_upstream() {
    let server = Server::bind().await;
    let mut proxied = Proxied::new(&server.url()).await;
    let mut client = Peer::connect(proxied.addr).await;
    client.send(HANDSHAKE).await;
    let mut upstream = server.accept().await;
    upstream.head().await;
    drop(client);
    assert_eq!(upstream.rest().await, b"");
    let mut story = proxied.story(1).await[2..].to_vec();
    story.sort();
    assert_eq!(
        story,
        ["failed client response head", "in Aborted", "out Aborted"]
    );
}

/// The message of the only failure.
fn failure(proxied: &Proxied) -> String {
    let failures: Vec<String> = (proxied.events.iter())
        .filter_map(|event| match &event.kind {
            Kind::Failed(failure) => Some(failure.message.clone()),
            _ => None,
        })
        .collect();
    assert_eq!(failures.len(), 1, "{failures:?}");
    failures[0].clone()
}

/// A close frame of the proxy's own, as each end gets it.
fn closed(code: u16, reason: &str, is_masked: bool) -> Frame {
    let payload = [&code.to_be_bytes()[..], reason.as_bytes()].concat();
    Frame {
        first: CLOSE,
        is_masked,
        payload,
    }
}

#[tokio::test]
async fn a_shutdown_closes_what_would_go_on_for_ever_with_1001() {
    let drain = |config: &mut Config| config.drain = Duration::from_millis(50);
    let (mut proxied, mut client, mut upstream) = socket(drain).await;
    let (said, asked) = (frames::unmasked(TEXT, b"one"), frames::masked(PING, b"two"));
    upstream.send(&said).await;
    client.expect(&said).await;
    client.send(&asked).await;
    upstream.expect(&asked).await;
    proxied.tell(Stage::Draining);
    // It still carries frames, until the time is over.
    let got = frames::read(&client.rest().await);
    assert_eq!(got, [closed(1001, "codextap ended", false)]);
    let got = frames::read(&upstream.rest().await);
    assert_eq!(got, [closed(1001, "codextap ended", true)]);
    drop((client, upstream));
    proxied.stop().await;
    let story = proxied.story(1).await;
    let ended = ["failed client relay", "out Aborted", "in Aborted"];
    assert_eq!(story[story.len() - 3..], ended);
    assert_eq!(
        failure(&proxied),
        "closed with 1001: codextap ended while this was live"
    );
}

#[tokio::test]
async fn a_frame_that_is_under_way_is_let_through_before_the_close() {
    let (mut proxied, mut client, mut upstream) = socket(|_| ()).await;
    let (said, asked) = (
        frames::unmasked(BINARY, &[7; 200]),
        frames::masked(TEXT, b"hello"),
    );
    upstream.send(&said[..100]).await;
    client.expect(&said[..100]).await;
    client.send(&asked[..3]).await;
    upstream.expect(&asked[..3]).await;
    proxied.tell(Stage::Closing);
    upstream.send(&said[100..]).await;
    client.expect(&said[100..]).await;
    client.send(&asked[3..]).await;
    upstream.expect(&asked[3..]).await;
    let got = frames::read(&client.rest().await);
    assert_eq!(got, [closed(1001, "codextap ended", false)]);
    let got = frames::read(&upstream.rest().await);
    assert_eq!(got, [closed(1001, "codextap ended", true)]);
    drop((client, upstream));
    proxied.stop().await;
    proxied.story(1).await;
    assert!(failure(&proxied).starts_with("closed with 1001: "));
}

#[tokio::test]
async fn a_frame_that_does_not_end_is_cut_and_only_the_other_way_closed() {
    let (mut proxied, mut client, mut upstream) = socket(|_| ()).await;
    let said = frames::unmasked(BINARY, &[7; 200]);
    upstream.send(&said[..100]).await;
    client.expect(&said[..100]).await;
    proxied.tell(Stage::Closing);
    assert_eq!(client.rest().await, b"", "no frame inside a frame");
    let got = frames::read(&upstream.rest().await);
    assert_eq!(got, [closed(1001, "codextap ended", true)]);
    drop((client, upstream));
    proxied.stop().await;
    proxied.story(1).await;
    let told = "cut inside a frame of the upstream: codextap ended while this was live";
    assert_eq!(failure(&proxied), told);
}

#[tokio::test]
async fn a_silent_socket_is_closed_with_1011_where_a_limit_was_set() {
    let limit = |config: &mut Config| config.ws_idle_timeout = Some(Duration::from_millis(40));
    let (mut proxied, mut client, mut upstream) = socket(limit).await;
    let got = frames::read(&client.rest().await);
    assert_eq!(got, [closed(1011, "no bytes for 40ms", false)]);
    let got = frames::read(&upstream.rest().await);
    assert_eq!(got, [closed(1011, "no bytes for 40ms", true)]);
    let story = proxied.story(1).await;
    let ended = ["failed upstream relay", "out Aborted", "in Aborted"];
    assert_eq!(story[4..], ended);
    let told = "closed with 1011: no byte either way for 40ms (--ws-idle-timeout)";
    assert_eq!(failure(&proxied), told);

    // Behind its own close frame an end gets no other.
    let (mut proxied, mut client, mut upstream) = socket(limit).await;
    let close = frames::unmasked(CLOSE, b"\x03\xe8");
    upstream.send(&close).await;
    assert_eq!(client.rest().await, close);
    let got = frames::read(&upstream.rest().await);
    assert_eq!(got, [closed(1011, "no bytes for 40ms", true)]);
    proxied.story(1).await;

    // Nor does one that stands inside a frame.
    let (mut proxied, mut client, mut upstream) = socket(limit).await;
    client.send(b"\x81\xfe").await;
    assert_eq!(upstream.rest().await, b"\x81\xfe");
    let got = frames::read(&client.rest().await);
    assert_eq!(got, [closed(1011, "no bytes for 40ms", false)]);
    let story = proxied.story(1).await;
    assert_eq!(story[5], "failed client relay");
    assert!(failure(&proxied).starts_with("cut inside a frame of the client: "));
}

#[tokio::test]
async fn a_fin_that_is_never_answered_ends_the_socket_and_is_no_failure() {
    let limit = |config: &mut Config| config.half_closed_timeout = Duration::from_millis(40);
    let (mut proxied, mut client, mut upstream) = socket(limit).await;
    client.finish().await;
    assert_eq!(upstream.rest().await, b"");
    assert_eq!(client.rest().await, b"");
    let story = proxied.story(1).await;
    assert_eq!(story[4..], ["out Complete", "in Aborted"]);

    let (mut proxied, mut client, mut upstream) = socket(limit).await;
    upstream.finish().await;
    assert_eq!(client.rest().await, b"");
    assert_eq!(upstream.rest().await, b"");
    let story = proxied.story(1).await;
    assert_eq!(story[4..], ["in Complete", "out Aborted"]);
}

#[tokio::test]
async fn a_client_that_is_gone_when_the_upstream_still_speaks_is_no_failure() {
    let (mut proxied, client, mut upstream) = socket(|_| ()).await;
    drop(client);
    assert_eq!(upstream.rest().await, b"");
    // Until the client's system has said that nobody is there.
    while tokio::io::AsyncWriteExt::write_all(&mut upstream.stream, b"\x89\x00")
        .await
        .is_ok()
    {
        tokio::task::yield_now().await;
    }
    let story = proxied.story(1).await;
    assert_eq!(story[4], "out Complete");
    assert_eq!(story.last().unwrap(), "in Aborted");
    assert!(
        !story.iter().any(|line| line.starts_with("failed")),
        "{story:?}"
    );
}
