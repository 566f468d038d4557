//! An end that disappears, in every phase: the other one learns of it at once, the flow says which
//! side, which phase and why, the log has the same in one line, and the next request works.
//!
//! `tests/wire_cases.rs` holds what the other end sees against what it would have seen without the
//! proxy; here is what is told of it.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stderr,
    reason = "a test fails by panicking, and says where"
)]

#[path = "ends/heads.rs"]
mod heads;
#[path = "ends/log.rs"]
mod log;
#[path = "ends/play.rs"]
mod play;
mod support;
#[path = "ends/table.rs"]
mod table;
#[path = "ends/turns.rs"]
mod turns;

use std::time::Duration;

use codextap::tap::{Kind, Side};
use log::{About, Log};
use play::Stage;
use support::peer::{Peer, Server};
use support::proxied::Proxied;
use table::{How, cases};

/// How long an upstream may take to its response head where that is the case.
const DEADLINE: Duration = Duration::from_millis(500);

#[tokio::test]
async fn every_end_that_disappears_is_told_once_and_the_same_everywhere() {
    let log = Log::start();
    let mut patient = Stage::new(None).await;
    let mut hasty = Stage::new(Some(DEADLINE)).await;
    for case in cases() {
        let stage = match case.how {
            How::Silence => &mut hasty,
            How::Fin | How::Reset => &mut patient,
        };
        stage.check(&case, &log).await;
        stage.next_works(&log).await;
    }
}

#[tokio::test]
async fn two_halves_that_fail_have_two_lines() {
    let log = Log::start();
    // Nobody listens there.
    let server = Server::bind().await;
    let url = server.url();
    drop(server);
    let mut proxied = Proxied::new(&url).await;
    let mut client = Peer::connect(proxied.addr).await;
    client
        .send("POST /v1/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nabc")
        .await;
    client.finish().await;
    assert!(client.head().await.starts_with("HTTP/1.1 502 "));
    proxied.story(1).await;
    let failures = proxied.events.iter().filter_map(|event| match &event.kind {
        Kind::Failed(failure) => Some(failure.clone()),
        _ => None,
    });
    let failures: Vec<_> = failures.collect();
    let [upstream_half, client_half] = &failures[..] else {
        panic!("{failures:?}")
    };
    assert_eq!(upstream_half.side, Side::Upstream);
    assert!(
        upstream_half
            .message
            .contains("Connection refused (os error ")
    );
    assert_eq!(client_half.side, Side::Client);
    let about = About {
        connection: 1,
        exchange: 1,
        client: client.stream.local_addr().unwrap(),
        upstream: url,
    };
    let lines = failures.iter().map(|failure| about.line("ERROR", failure));
    assert_eq!(log.take(), lines.collect::<Vec<_>>());
}

#[tokio::test]
async fn what_a_peer_writes_stays_in_its_line() {
    let log = Log::start();
    let mut proxied = Proxied::new("http://127.0.0.1:9").await;
    for target in [
        "/\u{9b}31m\u{202e}x".to_owned(),
        format!("/{}", "y".repeat(60_000)),
    ] {
        proxied.events.clear();
        let mut client = Peer::connect(proxied.addr).await;
        client
            .send(format!("GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n"))
            .await;
        client.head().await;
        proxied.story(1).await;
        let lines = log.take();
        let [line] = &lines[..] else {
            panic!("{lines:?}")
        };
        assert!(line.len() < 2000, "{}", line.len());
        assert!(!line.contains(|c: char| c.is_control() || c == '\u{202e}'));
    }
}
