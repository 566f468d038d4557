//! Flows as entries of a HAR.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::shape::{
    Content, Empty, Entry, EventMessage, Message, Own, Pair, PostData, Request, Response, Timings,
};
use crate::export::Format;
use crate::export::time::rfc3339;
use crate::flow::{Body, Flow, FlowId, FlowKind, Frame, Op, Transport};
use crate::tap::{At, Direction, Field, field};
use crate::wire::sse;

/// Writes a HAR: its text is that of [`Format::begin`], of [`Format::push`] for each flow, and of [`Format::end`].
#[derive(Default, Debug)]
pub struct Har {
    has_entries: bool,
    has_messages: bool,
    /// The connection whose entry is not closed yet.
    open: Option<Socket>,
}

/// A connection, and how many of its own frames are written.
#[derive(Debug)]
struct Socket {
    connection: Flow,
    next: usize,
}

impl Format for Har {
    fn begin(&mut self, out: &mut Vec<u8>) {
        let version = env!("CARGO_PKG_VERSION");
        let head = format!(
            r#"{{"log":{{"version":"1.2","creator":{{"name":"codextap","version":"{version}"}},"pages":[],"entries":["#
        );
        out.extend_from_slice(head.as_bytes());
    }

    fn push(&mut self, flow: Flow, out: &mut Vec<u8>) {
        match flow.kind {
            FlowKind::Http => {
                self.close(out);
                self.separate(out);
                put(&entry(&flow), out);
            }
            FlowKind::Ws => self.open(flow, out),
            FlowKind::WsTurn { connection, .. } => {
                let is_known = |socket: &Socket| socket.connection.id == connection;
                if !self.open.as_ref().is_some_and(is_known) {
                    self.open(handshake(&flow, connection), out);
                }
                self.own_messages(flow.started, out);
                for frame in &flow.frames {
                    self.message(&flow, frame, out);
                }
            }
        }
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        self.close(out);
        out.extend_from_slice(b"\n]}}\n");
    }
}

impl Har {
    /// Begins the entry of a connection, which goes on with messages.
    fn open(&mut self, connection: Flow, out: &mut Vec<u8>) {
        self.close(out);
        self.separate(out);
        put(&entry(&connection), out);
        out.pop();
        out.extend_from_slice(br#","_webSocketMessages":["#);
        self.has_messages = false;
        self.open = Some(Socket {
            connection,
            next: 0,
        });
    }

    /// Ends the entry of the connection that is open, if one is.
    fn close(&mut self, out: &mut Vec<u8>) {
        self.own_messages(END, out);
        if self.open.take().is_some() {
            out.extend_from_slice(b"]}");
        }
    }

    fn separate(&mut self, out: &mut Vec<u8>) {
        let separator: &[u8] = if self.has_entries { b",\n" } else { b"\n" };
        out.extend_from_slice(separator);
        self.has_entries = true;
    }

    /// The messages that came on the open connection outside its turns before `end`.
    fn own_messages(&mut self, end: At, out: &mut Vec<u8>) {
        let Some(mut socket) = self.open.take() else {
            return;
        };
        let flow = &socket.connection;
        let frames = flow.frames.iter().skip(socket.next);
        for frame in frames.take_while(|frame| frame.at < end) {
            self.message(flow, frame, out);
            socket.next += 1;
        }
        self.open = Some(socket);
    }

    fn message(&mut self, flow: &Flow, frame: &Frame, out: &mut Vec<u8>) {
        if let Some(message) = message(flow, frame) {
            let separator: &[u8] = if self.has_messages { b",\n" } else { b"\n" };
            out.extend_from_slice(separator);
            self.has_messages = true;
            put(&message, out);
        }
    }
}

/// The connection of a turn, as far as the turn tells.
fn handshake(turn: &Flow, id: FlowId) -> Flow {
    let name = turn.name.rsplit_once('.').map_or("", |(name, _)| name);
    let upstream = Arc::clone(&turn.upstream);
    let mut flow = Flow::new(name.to_owned(), turn.client.clone(), upstream, turn.started);
    flow.id = id;
    flow.kind = FlowKind::Ws;
    flow.ended = turn.ended;
    flow.request.head.clone_from(&turn.request.head);
    flow.response.head.clone_from(&turn.response.head);
    flow.read_heads();
    flow
}

fn put(value: &impl serde::Serialize, out: &mut Vec<u8>) {
    // Writing these shapes into memory cannot fail.
    let _ = serde_json::to_writer(out, value);
}

fn entry(flow: &Flow) -> Entry<'_> {
    let is_socket = flow.kind != FlowKind::Http;
    let transport = flow.transport();
    let timings = timings(flow);
    Entry {
        started_date_time: rfc3339(flow.started).into(),
        time: total(timings),
        request: request(flow),
        response: response(flow),
        cache: Empty {},
        timings,
        comment: Some(flow.gist.as_str().into()).filter(|gist: &Cow<'_, str>| !gist.is_empty()),
        resource_type: Some(match transport {
            Transport::WebSocket => "websocket".into(),
            Transport::Sse => "eventsource".into(),
            Transport::Http => "fetch".into(),
        }),
        own: Some(own(flow)),
        events: (!is_socket && transport == Transport::Sse).then(|| events(flow)),
        messages: None,
    }
}

fn own(flow: &Flow) -> Own<'_> {
    let failures = flow.failures.iter().map(|failure| {
        let (side, phase) = (failure.side.as_str(), failure.phase.as_str());
        [side.into(), phase.into(), failure.message.as_str().into()]
    });
    Own {
        id: flow.name.as_str().into(),
        client: flow.client.as_str().into(),
        failures: failures.collect(),
        missed: [flow.request.body.left_out(), flow.response.body.left_out()],
        complete: [
            flow.request.body.is_complete,
            flow.response.body.is_complete,
        ],
    }
}

fn request(flow: &Flow) -> Request<'_> {
    let head = flow.request.head.as_ref();
    let fields = head.map_or(&[][..], |head| &head.fields);
    let body = &flow.request.body;
    let has_body = is_plain(flow) && !body.bytes().is_empty();
    Request {
        method: flow.method().into(),
        url: url(flow).into(),
        http_version: version(head.map(|head| head.version)),
        cookies: [],
        headers: pairs(fields),
        query_string: query(flow.path()),
        post_data: has_body.then(|| {
            let (text, encoding) = text(body);
            PostData {
                mime_type: field(fields, "content-type").unwrap_or_default(),
                text,
                encoding,
            }
        }),
        headers_size: -1,
        body_size: body_size(flow, body),
    }
}

fn response(flow: &Flow) -> Response<'_> {
    let error = flow
        .failures
        .first()
        .map(|failure| failure.to_string().into());
    let Some(head) = &flow.response.head else {
        return Response {
            http_version: "unknown".into(),
            content: Content {
                mime_type: UNKNOWN.into(),
                ..Content::default()
            },
            headers_size: -1,
            body_size: -1,
            error,
            ..Response::default()
        };
    };
    let body = &flow.response.body;
    let has_body = is_plain(flow) && !body.bytes().is_empty();
    let size = if has_body { body.bytes().len() } else { 0 };
    let size = size.cast_signed() as i64;
    let (text, encoding) = text(body);
    Response {
        status: head.status.into(),
        status_text: http::StatusCode::from_u16(head.status)
            .ok()
            .and_then(|status| status.canonical_reason())
            .unwrap_or_default()
            .into(),
        http_version: version(Some(head.version)),
        cookies: [],
        headers: pairs(&head.fields),
        content: Content {
            size,
            compression: (has_body && body.coding.is_some())
                .then(|| size - body.wire_len.cast_signed()),
            mime_type: field(&head.fields, "content-type").unwrap_or(UNKNOWN.into()),
            text: has_body.then_some(text),
            encoding: encoding.filter(|_| has_body),
        },
        redirect_url: field(&head.fields, "location").unwrap_or_default(),
        headers_size: -1,
        body_size: body_size(flow, body),
        error,
    }
}

fn body_size(flow: &Flow, body: &Body) -> i64 {
    if is_plain(flow) {
        body.wire_len.cast_signed()
    } else {
        0
    }
}

/// Whether its bodies are those of the exchange: messages of a WebSocket are no body of its handshake.
fn is_plain(flow: &Flow) -> bool {
    flow.kind == FlowKind::Http || flow.is_refused_upgrade()
}

/// The body as text, or as base64 if it is none.
fn text(body: &Body) -> (Cow<'_, str>, Option<Cow<'_, str>>) {
    match body.text() {
        Some(text) => (text.into(), None),
        None => (STANDARD.encode(body.bytes()).into(), Some("base64".into())),
    }
}

/// The absolute URL; of a WebSocket with its own scheme (RFC 6455 §3).
fn url(flow: &Flow) -> String {
    let target = flow.path();
    if target.contains("://") {
        return target.to_owned();
    }
    let upstream = if flow.upstream.is_empty() {
        "http://localhost"
    } else {
        flow.upstream.as_ref()
    };
    match (flow.kind, upstream.strip_prefix("http")) {
        (FlowKind::Ws | FlowKind::WsTurn { .. }, Some(rest)) => format!("ws{rest}{target}"),
        _ => format!("{upstream}{target}"),
    }
}

fn pairs(fields: &[Field]) -> Vec<Pair<'_>> {
    let pair = |field: &'_ Field| -> (String, String) {
        (field.name.clone(), field.value.as_text().into_owned())
    };
    let pairs = fields.iter().map(pair);
    pairs
        .map(|(name, value)| Pair {
            name: name.into(),
            value: value.into(),
        })
        .collect()
}

/// The parameters of the target, as they stand in it.
fn query(target: &str) -> Vec<Pair<'_>> {
    let query = target.split_once('?').map_or("", |(_, query)| query);
    let query = query.split('#').next().unwrap_or_default();
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Pair {
                name: name.into(),
                value: value.into(),
            }
        })
        .collect()
}

fn version(version: Option<http::Version>) -> Cow<'static, str> {
    match version {
        None => "unknown".into(),
        Some(http::Version::HTTP_2) => "HTTP/2".into(),
        Some(http::Version::HTTP_3) => "HTTP/3".into(),
        Some(version) => format!("{version:?}").into(),
    }
}

/// The phases; what is neither of them nor of the connection was spent before it (`blocked`).
fn timings(flow: &Flow) -> Timings {
    let phases = flow.phases();
    let ms = |duration: Option<Duration>| duration.map_or(-1.0, millis);
    let spent = |duration: Option<Duration>| duration.map_or(0.0, millis);
    let answered = flow
        .response
        .head_at
        .filter(|_| flow.response.head.is_some());
    let Some(connected) = flow.connected_at.filter(|_| flow.connection.is_some()) else {
        let end = flow.ended.unwrap_or(flow.started);
        let answered = answered.unwrap_or(end);
        return Timings {
            wait: millis(answered.since(flow.started)),
            receive: millis(end.since(answered)),
            ..Timings::default()
        };
    };
    let (dns, connect, tls) = (phases.dns, phases.connect, phases.tls);
    let known: Duration = [dns, connect, tls].into_iter().flatten().sum();
    let together = connect
        .or(tls)
        .map(|_| [connect, tls].into_iter().flatten().sum());
    Timings {
        blocked: millis(connected.since(flow.started).saturating_sub(known)),
        dns: ms(dns),
        connect: ms(together),
        ssl: ms(tls),
        send: spent(phases.send),
        wait: spent(phases.wait),
        receive: spent(phases.receive),
    }
}

/// The sum of the phases; `ssl` is a part of `connect`.
fn total(timings: Timings) -> f64 {
    let Timings {
        blocked,
        dns,
        connect,
        send,
        wait,
        receive,
        ..
    } = timings;
    let phases = [blocked, dns, connect, send, wait, receive];
    let total: f64 = phases.into_iter().filter(|phase| *phase > 0.0).sum();
    (total * 1000.0).round() / 1000.0
}

fn millis(duration: Duration) -> f64 {
    duration.as_micros() as f64 / 1000.0
}

fn seconds(at: At) -> f64 {
    at.as_micros() as f64 / 1_000_000.0
}

fn events(flow: &Flow) -> Vec<EventMessage<'_>> {
    let events = flow.frames.iter().filter(|frame| frame.op == Op::Event);
    let message = |frame: &Frame| {
        let mut decoder = sse::Decoder::new(sse::DEFAULT_LIMIT);
        decoder.push(flow.frame_bytes(frame));
        decoder.finish();
        while let Some(block) = decoder.next() {
            if let sse::Kind::Event(event) | sse::Kind::Unterminated(event) = block.kind {
                return EventMessage {
                    time: seconds(frame.at),
                    event_name: event.name.into(),
                    event_id: event.id.to_string().into(),
                    data: event.data.into(),
                };
            }
        }
        EventMessage {
            time: seconds(frame.at),
            event_name: "message".into(),
            event_id: "".into(),
            data: "".into(),
        }
    };
    events.map(message).collect()
}

/// The message that a frame completes; `None` for what is no message.
fn message<'a>(flow: &'a Flow, frame: &Frame) -> Option<Message<'a>> {
    if !frame.is_final {
        return None;
    }
    let payload = flow.frame_bytes(frame);
    let base64 = |bytes: &[u8]| Cow::Owned(STANDARD.encode(bytes));
    let text = std::str::from_utf8(payload).ok();
    let (opcode, data) = match (frame.op, text) {
        (Op::Text | Op::Continuation, Some(text)) => (1, text.into()),
        (Op::Text | Op::Binary | Op::Continuation, _) => (2, base64(payload)),
        (Op::Ping, _) => (9, base64(payload)),
        (Op::Pong, _) => (10, base64(payload)),
        (Op::Close(code), _) => {
            let mut bytes = code.map_or_else(Vec::new, |code| code.to_be_bytes().to_vec());
            bytes.extend_from_slice(payload);
            (8, base64(&bytes))
        }
        (Op::Reserved(opcode), _) => (opcode.into(), base64(payload)),
        (Op::Event | Op::Comment | Op::Gap, _) => return None,
    };
    Some(Message {
        dir: match frame.dir {
            Direction::Out => "send".into(),
            Direction::In => "receive".into(),
        },
        time: seconds(frame.at),
        opcode,
        data,
    })
}

/// What a body is whose type nobody told.
const UNKNOWN: &str = "x-unknown";
/// Later than everything.
const END: At = At::from_micros(u64::MAX);
