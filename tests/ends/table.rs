//! Who disappears, how, in which phase of which protocol, and what comes of it.

use codextap::tap::{Phase, Side};

/// One end that disappears in the middle of an exchange.
pub(crate) struct Case {
    pub(crate) name: String,
    /// What the client sends.
    pub(crate) asked: String,
    /// What the upstream sends when it has got all of that, a character for each byte; `None` if it
    /// is not to get anything.
    pub(crate) answered: Option<String>,
    pub(crate) who: Side,
    pub(crate) how: How,
    /// What the other end sees of it.
    pub(crate) sees: Sees,
    /// What is told: the level of the line, the phase, and how the message begins.
    pub(crate) told: Option<(&'static str, Phase, String)>,
}

/// How an end disappears.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum How {
    /// It closes its socket.
    Fin,
    /// It resets the connection.
    Reset,
    /// It says nothing more, until the proxy waits no longer.
    Silence,
}

/// What an end sees of the other's disappearing, after what it had got by then.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Sees {
    Fin,
    Reset,
    /// An answer of the proxy's own with this status.
    Status(u16),
}

const GET: &str = "GET /v1/x HTTP/1.1\r\nHost: localhost\r\n\r\n";

const POST: &str = "POST /v1/x HTTP/1.1\r\nHost: localhost\r\n";

pub(crate) const UPGRADE: &str = "GET /v1/responses HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\n\
    Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

pub(crate) const SWITCH: &str = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n\
    Upgrade: websocket\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

/// A text message as an upstream sends it, a character for each byte.
const FRAME: &str = "\u{81}\u{5}hello";

const LENGTH: &str = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n";
const CHUNKED: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
pub(crate) const EVENTS: &str =
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";

/// What a read gives of a reset; the number behind it is the system's.
const RESET: &str = "read: Connection reset by peer (os error ";

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = upstreams();
    cases.extend(clients());
    cases
}

/// The answers that can be broken off: where that is, and what has been sent by then.
fn answers() -> Vec<(&'static str, String, Phase)> {
    let of = |parts: &[&str]| parts.concat();
    vec![
        ("length: before the body", of(&[LENGTH]), Phase::Body),
        ("length: in the body", of(&[LENGTH, "abc"]), Phase::Body),
        ("chunked: before a chunk", of(&[CHUNKED]), Phase::Body),
        (
            "chunked: in a chunk",
            of(&[CHUNKED, "5\r\nabc"]),
            Phase::Body,
        ),
        (
            "chunked: between chunks",
            of(&[CHUNKED, "3\r\nabc\r\n"]),
            Phase::Body,
        ),
        (
            "events: between two",
            of(&[EVENTS, "9\r\ndata: 1\n\n\r\n"]),
            Phase::Body,
        ),
        (
            "events: in one",
            of(&[EVENTS, "9\r\ndata: 1\n\n\r\n4\r\ndata\r\n"]),
            Phase::Body,
        ),
        ("websocket: before a frame", of(&[SWITCH]), Phase::Relay),
        (
            "websocket: between frames",
            of(&[SWITCH, FRAME]),
            Phase::Relay,
        ),
        (
            "websocket: in a frame",
            of(&[SWITCH, FRAME, "\u{81}\u{5}he"]),
            Phase::Relay,
        ),
    ]
}

fn asked(answer: &str) -> String {
    if answer.starts_with(SWITCH) {
        UPGRADE
    } else {
        GET
    }
    .to_owned()
}

fn upstreams() -> Vec<Case> {
    let mut cases = Vec::new();
    for (protocol, request) in [("http", GET), ("websocket", UPGRADE)] {
        for (place, sent) in [("before the head", ""), ("in the head", "HTTP/1.1 20")] {
            for (how, sees, message) in [
                (
                    How::Fin,
                    Sees::Fin,
                    "read: the connection was closed before the response head",
                ),
                (How::Reset, Sees::Reset, RESET),
                (How::Silence, Sees::Status(504), "http://"),
            ] {
                cases.push(Case {
                    name: format!("upstream, {how:?}, {protocol}: {place}"),
                    asked: request.to_owned(),
                    answered: Some(sent.to_owned()),
                    who: Side::Upstream,
                    how,
                    sees,
                    told: Some(("ERROR", Phase::Head, message.to_owned())),
                });
            }
        }
    }
    for (how, sees) in [(How::Fin, Sees::Fin), (How::Reset, Sees::Reset)] {
        for (place, answer, phase) in answers() {
            let message = match (how, phase) {
                (How::Reset, _) => Some(RESET),
                // A FIN without a close frame: what is missing the frames tell, not the relay.
                (_, Phase::Relay) => None,
                _ => Some("read: the connection ended before the body did"),
            };
            cases.push(Case {
                name: format!("upstream, {how:?}, {place}"),
                asked: asked(&answer),
                answered: Some(answer),
                who: Side::Upstream,
                how,
                sees: sees.clone(),
                told: message.map(|message| ("ERROR", phase, message.to_owned())),
            });
        }
        cases.push(Case {
            name: format!("upstream, {how:?}, in the request"),
            asked: format!("{POST}Content-Length: 9\r\n\r\nabc"),
            answered: Some(String::new()),
            who: Side::Upstream,
            how,
            sees,
            told: Some((
                "ERROR",
                Phase::Head,
                match how {
                    How::Reset => RESET,
                    _ => "read: the connection was closed before the response head",
                }
                .to_owned(),
            )),
        });
    }
    cases
}

fn clients() -> Vec<Case> {
    let mut cases = Vec::new();
    let closed = "read: the connection was closed";
    for (how, sees) in [(How::Fin, Sees::Fin), (How::Reset, Sees::Reset)] {
        for (place, request) in [
            ("length: before the body", "Content-Length: 9\r\n\r\n"),
            ("length: in the body", "Content-Length: 9\r\n\r\nabc"),
            (
                "chunked: before a chunk",
                "Transfer-Encoding: chunked\r\n\r\n",
            ),
            (
                "chunked: in a chunk",
                "Transfer-Encoding: chunked\r\n\r\n5\r\nabc",
            ),
            (
                "chunked: between chunks",
                "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
            ),
        ] {
            let message = match how {
                How::Reset => RESET,
                _ => "read: the connection ended in the middle of the request",
            };
            cases.push(Case {
                name: format!("client, {how:?}, {place}"),
                asked: format!("{POST}{request}"),
                answered: Some(String::new()),
                who: Side::Client,
                how,
                sees: sees.clone(),
                told: Some(("ERROR", Phase::Request, message.to_owned())),
            });
        }
        for (place, request) in [("http", GET), ("websocket", UPGRADE)] {
            cases.push(Case {
                name: format!("client, {how:?}, {place}: before the answer"),
                asked: request.to_owned(),
                answered: Some(String::new()),
                who: Side::Client,
                how,
                sees: sees.clone(),
                told: Some((
                    "INFO",
                    Phase::Head,
                    if how == How::Reset { RESET } else { closed }.to_owned(),
                )),
            });
        }
        for (place, answer, phase) in answers() {
            let told = match (how, phase) {
                (How::Reset, Phase::Relay) => Some(("ERROR", phase, RESET.to_owned())),
                (How::Reset, _) => Some(("INFO", phase, RESET.to_owned())),
                (_, Phase::Relay) => None,
                _ => Some(("INFO", phase, closed.to_owned())),
            };
            cases.push(Case {
                name: format!("client, {how:?}, {place}"),
                asked: asked(&answer),
                answered: Some(answer),
                who: Side::Client,
                how,
                sees: sees.clone(),
                told,
            });
        }
        for (place, request) in [("before the head", ""), ("in the head", "GET /v1/x HT")] {
            cases.push(Case {
                name: format!("client, {how:?}, {place}"),
                asked: request.to_owned(),
                answered: None,
                who: Side::Client,
                how,
                sees: sees.clone(),
                told: None,
            });
        }
    }
    cases
}
