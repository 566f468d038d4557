//! Turns that an end goes away from: a line where the turn is cut, nothing where it was over.

use codextap::tap::Side;

use crate::log::Log;
use crate::play::{Stage, leave_before};
use crate::support::frames::{TEXT, masked, unmasked};
use crate::support::peer::Peer;
use crate::table::{EVENTS, How, SWITCH, UPGRADE};

const CREATE: &str = r#"{"type":"response.create","model":"gpt-5.5","input":[]}"#;
const CREATED: &str =
    r#"{"type":"response.created","response":{"id":"resp_1","status":"in_progress","output":[]}}"#;
const COMPLETED: &str =
    r#"{"type":"response.completed","response":{"id":"resp_1","status":"completed","output":[]}}"#;

/// A stream of events that ends with its connection.
const CLOSED: &str =
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n";

#[tokio::test]
async fn a_turn_on_a_websocket_that_is_cut_has_one_line_and_one_that_is_over_none() {
    let log = Log::start();
    let mut stage = Stage::new(None).await;
    let none: Option<(&str, &str)> = None;
    let upstream = "the upstream ended the connection without a close frame while the turn";
    let client = "Codex ended the connection without a close frame while the turn";
    let reset = "read: Connection reset by peer (os error ";
    for (who, how, is_over, told) in [
        (Side::Upstream, How::Fin, false, Some(("ERROR", upstream))),
        (Side::Upstream, How::Reset, false, Some(("ERROR", reset))),
        (Side::Upstream, How::Fin, true, none),
        (Side::Client, How::Fin, false, Some(("INFO", client))),
        (Side::Client, How::Fin, true, none),
    ] {
        let (mut codex, mut up) = stage.connect(UPGRADE, SWITCH).await;
        let create = masked(TEXT, CREATE.as_bytes());
        codex.send(&create).await;
        up.read(create.len()).await;
        let events = if is_over {
            vec![CREATED, COMPLETED]
        } else {
            vec![CREATED]
        };
        for event in events {
            let frame = unmasked(TEXT, event.as_bytes());
            up.send(&frame).await;
            codex.expect(&frame).await;
        }
        stage.told(codex, up, (who, how), told, &log).await;
    }
}

#[tokio::test]
async fn a_codex_that_has_its_answer_leaves_without_a_line() {
    let log = Log::start();
    let mut stage = Stage::new(None).await;
    let closed = Some(("INFO", "read: the connection was closed"));
    for (head, is_over, told) in [
        (EVENTS, false, closed),
        (EVENTS, true, None),
        (CLOSED, true, None),
    ] {
        let body = CREATE.replace("create\"", "create\",\"stream\":true");
        let length = body.len();
        let asked = format!(
            "POST /v1/responses HTTP/1.1\r\nHost: localhost\r\n\
                 Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
        );
        let (mut codex, mut up) = stage.connect(&asked, head).await;
        let last = if is_over { COMPLETED } else { CREATED };
        let event = format!("data: {last}\n\n");
        let piece = if head.contains("chunked") {
            format!("{:x}\r\n{event}\r\n", event.len())
        } else {
            event
        };
        up.send(&piece).await;
        codex.expect(&piece).await;
        stage
            .told(codex, up, (Side::Client, How::Fin), told, &log)
            .await;
    }
}

impl Stage {
    /// A client that has asked, and the upstream, which has answered with `head`.
    async fn connect(&mut self, asked: &str, head: &str) -> (Peer, Peer) {
        let mut client = self.client().await;
        client.send(asked).await;
        let mut upstream = self.server.accept().await;
        upstream.head().await;
        let (_, body) = asked.split_once("\r\n\r\n").unwrap();
        upstream.expect(body).await;
        upstream.send(head).await;
        client.head().await;
        (client, upstream)
    }

    /// One of them leaves, then the other; `told` is what the log says of that: a level, and how the
    /// message begins.
    async fn told(
        &mut self,
        client: Peer,
        upstream: Peer,
        (who, how): (Side, How),
        told: Option<(&str, &str)>,
        log: &Log,
    ) {
        let about = format!(
            " connection={} exchange={} client={} upstream={} side={:?} phase=",
            self.connections,
            self.exchanges + 1,
            client.stream.local_addr().unwrap(),
            self.server.url(),
            who.as_str(),
        );
        match who {
            Side::Upstream => leave_before(upstream, how, client).await,
            Side::Client => leave_before(client, how, upstream).await,
        };
        self.exchanges += 1;
        self.flow().await;
        let lines = log.take();
        match (told, &lines[..]) {
            (None, []) => {}
            (Some((level, message)), [line]) => {
                assert!(line.starts_with(&format!("{level} {message}")), "{line}");
                assert!(line.contains(&about), "{line}, which is not{about}");
            }
            _ => panic!("{told:?}: {lines:#?}"),
        }
    }
}
