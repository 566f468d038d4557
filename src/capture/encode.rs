//! A flow as one line of JSON.

use std::io::Write;
use std::time::Duration;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::frames::Frames;
use super::payload::{Content, Payload, text_or_base64};
use super::record::{
    Close, Connection, Context, Event, Failure, Fault, Frame, Header, Kind, Message, Outcome,
    Record, Stamp, Text, Timings,
};
use super::{Error, VERSION};
use crate::flow::{self, Body, Flow, FlowKind, Op, Store};
use crate::responses::{EventKind, Turn};
use crate::tap::{self, At, Direction};

/// The flow as one line of a capture, without the line break.
///
/// The store tells the name of the connection that a turn ran on.
///
/// # Errors
/// [`Error::Encode`] when a time of the flow is beyond the dates that RFC 3339 can name.
pub fn line(flow: &Flow, store: &Store) -> Result<Vec<u8>, Error> {
    line_on(flow, name_of_connection(flow, store).as_deref())
}

/// The name of the connection that a turn ran on.
pub(super) fn name_of_connection(flow: &Flow, store: &Store) -> Option<Box<str>> {
    let FlowKind::WsTurn { connection, .. } = flow.kind else {
        return None;
    };
    Some(store.summary(connection)?.name.clone())
}

/// The same; `connection` is the name of the connection that a turn ran on.
pub(super) fn line_on(flow: &Flow, connection: Option<&str>) -> Result<Vec<u8>, Error> {
    let size = 4096 + flow.request.body.bytes().len() + flow.response.body.bytes().len();
    let mut line = Vec::with_capacity(size + size / 4);
    write_line(&mut line, flow, connection).map_err(|source| refused(flow, source))?;
    Ok(line)
}

/// The same, written in parts while it is made.
pub(super) fn write_line(
    out: impl Write,
    flow: &Flow,
    connection: Option<&str>,
) -> serde_json::Result<()> {
    serde_json::to_writer(out, &record(flow, connection.unwrap_or_default()))
}

/// Whether a line can be made of the flow.
pub(super) fn check(flow: &Flow) -> Result<(), Error> {
    serde_json::to_writer(std::io::sink(), &heads(flow, "")).map_err(|source| refused(flow, source))
}

fn refused(flow: &Flow, source: serde_json::Error) -> Error {
    Error::Encode {
        name: flow.name.clone(),
        source,
    }
}

/// The flow in the shape of a line.
fn record<'a>(flow: &'a Flow, connection: &'a str) -> Record<'a> {
    let is_socket = flow.kind != FlowKind::Http;
    Record {
        request: request(flow),
        response: response(flow),
        frames: is_socket.then_some(Frames::Of(flow)),
        ..heads(flow, connection)
    }
}

/// The flow in the shape of a line, but without what its bodies and frames hold.
pub(super) fn heads<'a>(flow: &'a Flow, connection: &'a str) -> Record<'a> {
    let identity = &flow.identity;
    let (kind, ws, number) = match flow.kind {
        FlowKind::Http => (Kind::Http, None, None),
        FlowKind::Ws => (Kind::Ws, Some(flow.name.as_str()), None),
        FlowKind::WsTurn { number, .. } => (Kind::WsTurn, Some(connection), Some(number)),
    };
    Record {
        v: VERSION,
        kind,
        id: flow.name.as_str().into(),
        ws: ws.map(Text::from),
        number,
        started: Stamp(flow.started),
        ended: flow.ended.map(Stamp),
        client: flow.client.as_str().into(),
        upstream: flow.upstream.as_ref().into(),
        channel: flow.channel.as_str().into(),
        session: Text::of(identity.session.as_ref()),
        thread: Text::of(identity.thread.as_ref()),
        turn: Text::of(identity.turn.as_ref()),
        agent: identity.agent.name().map(Text::from),
        purpose: Text::of(identity.purpose.as_ref()),
        model: Text::of(flow.model.as_ref()),
        gist: flow.gist.as_str().into(),
        warm_up: flow.is_warm_up,
        recovered: flow.is_recovered,
        context: context(flow),
        request: request_head(flow),
        response: Some(response_head(flow)),
        outcome: flow.turn.as_ref().map(outcome),
        error: flow
            .failures
            .first()
            .map(|failure| failure.to_string().into()),
        failures: flow.failures.iter().map(failure).collect(),
        faults: flow.faults.iter().map(fault).collect(),
        timings: timings(flow),
        connection: flow.connection.as_ref().map(connected),
        frames: None,
        close: flow.close.as_ref().map(close),
        comment: flow.comment.as_deref().map(Text::from),
    }
}

/// How a line ends whose flow has this comment.
pub(super) fn tail(comment: Option<&str>) -> String {
    let Some(comment) = comment else {
        return "}".to_owned();
    };
    let comment = serde_json::Value::from(comment);
    format!(",\"comment\":{comment}}}")
}

fn context(flow: &Flow) -> Option<Context<'_>> {
    let (identity, told) = (&flow.identity, flow.context());
    let is_told = told.is_some()
        || identity.is_agent_inferred
        || identity.parent.is_some()
        || identity.label.is_some()
        || identity.window.is_some();
    let told = told.unwrap_or_default();
    let text = |text: Option<Box<str>>| text.map(|text| Text(text.into_string().into()));
    is_told.then(|| Context {
        parent: Text::of(identity.parent.as_ref()),
        label: Text::of(identity.label.as_ref()),
        agent_inferred: identity.is_agent_inferred,
        window: identity.window,
        cwd: text(told.cwd),
        title: text(told.title),
        previous: text(told.previous),
        response: text(told.response),
        served: text(told.served),
        tier: text(told.tier),
        effort: text(told.effort),
    })
}

fn request(flow: &Flow) -> Message<'_> {
    let payload = match flow.kind {
        FlowKind::Http => Payload::body(&flow.request.body),
        FlowKind::Ws => refusal(flow, Direction::Out),
        FlowKind::WsTurn { .. } => Payload::of(flow.request_text().unwrap_or_default().as_bytes()),
    };
    Message {
        body_kind: payload.kind,
        body: payload.body,
        base64: payload.base64,
        ..request_head(flow)
    }
}

fn request_head(flow: &Flow) -> Message<'_> {
    let head = flow.request.head.as_ref();
    Message {
        method: head.map(|head| head.method.as_str().into()),
        path: head.map(|head| head.target.as_str().into()),
        version: head.map(|head| version(head.version)),
        headers: headers(head.map_or(&[], |head| &head.fields)),
        trailers: headers(&flow.request.trailers),
        ..message(&flow.request.body)
    }
}

/// The response; `None` as long as nothing of it came.
fn response(flow: &Flow) -> Option<Message<'_>> {
    let (head, body) = (flow.response.head.as_ref(), &flow.response.body);
    let is_missing = head.is_none() && *body == Body::default() && flow.frames.is_empty();
    if is_missing {
        return None;
    }
    let payload = match flow.kind {
        FlowKind::Http => Payload::body(body),
        FlowKind::Ws => refusal(flow, Direction::In),
        FlowKind::WsTurn { .. } => Payload::of(answer(flow)),
    };
    let events = match flow.kind {
        FlowKind::Http => flow
            .frames
            .iter()
            .map(|row| event(flow.started, row))
            .collect(),
        FlowKind::Ws | FlowKind::WsTurn { .. } => Vec::new(),
    };
    Some(Message {
        body_kind: payload.kind,
        body: payload.body,
        base64: payload.base64,
        events,
        ..response_head(flow)
    })
}

fn response_head(flow: &Flow) -> Message<'_> {
    let head = flow.response.head.as_ref();
    Message {
        status: head.map(|head| head.status),
        version: head.map(|head| version(head.version)),
        headers: headers(head.map_or(&[], |head| &head.fields)),
        trailers: headers(&flow.response.trailers),
        ..message(&flow.response.body)
    }
}

/// What a body gives to a message, but for its bytes.
fn message(body: &Body) -> Message<'_> {
    Message {
        method: None,
        path: None,
        status: None,
        version: None,
        headers: Vec::new(),
        body_kind: None,
        body: Content::default(),
        base64: None,
        length: (body.rest() > 0 && body.is_at_hand()).then(|| body.len()),
        coding: Text::of(body.coding.as_ref()),
        wire: body.wire_len,
        sha256: Text::of(body.digest.as_ref()),
        missed: if body.is_at_hand() {
            body.missed
        } else {
            body.left_out()
        },
        complete: body.is_complete,
        trailers: Vec::new(),
        events: Vec::new(),
    }
}

/// The body of one direction of a connection that was not upgraded; messages stand in the frames.
fn refusal(flow: &Flow, dir: Direction) -> Payload<'_> {
    let body = match dir {
        Direction::Out => &flow.request.body,
        Direction::In => &flow.response.body,
    };
    let has_frames = flow.frames.iter().any(|frame| frame.dir == dir);
    if has_frames || flow.spilled.is_some() {
        Payload::of(b"")
    } else {
        Payload::body(body)
    }
}

/// The `response` object of the event that ended the turn.
fn answer(flow: &Flow) -> &[u8] {
    #[derive(Deserialize)]
    struct Terminal<'a> {
        #[serde(borrow)]
        response: &'a RawValue,
    }
    let is_terminal = |frame: &&flow::Frame| {
        let event = frame.event.filter(|_| frame.dir == Direction::In);
        event.is_some_and(EventKind::is_terminal)
    };
    flow.frames
        .iter()
        .rfind(is_terminal)
        .and_then(|frame| serde_json::from_slice(flow.frame_bytes(frame)).ok())
        .map_or(b"", |terminal: Terminal<'_>| {
            terminal.response.get().as_bytes()
        })
}

fn headers(fields: &[tap::Field]) -> Vec<Header<'_>> {
    fields.iter().map(header).collect()
}

fn header(field: &tap::Field) -> Header<'_> {
    let name = field.name.as_str().into();
    let value = match &field.value {
        tap::Value::Secret(secret) => return Header(vec![name, secret.as_str().into()]),
        tap::Value::Plain(value) => value.as_bytes(),
    };
    match text_or_base64(value) {
        (Some(text), _) => Header(vec![name, text]),
        (None, base64) => Header(vec![name, base64.unwrap_or_default(), "base64".into()]),
    }
}

fn event(started: At, frame: &flow::Frame) -> Event<'_> {
    let (offset, len) = (frame.span.start as u64, frame.span.len() as u64);
    let t = micros(started, frame.at);
    let op = frame.op.as_str().into();
    match &frame.fault {
        None if frame.op == Op::Event => Event::Sound(offset, len, t),
        None => Event::Other(offset, len, t, op),
        Some(fault) => Event::Faulty(offset, len, t, op, fault.as_str().into()),
    }
}

/// The frame without its payload.
pub(super) fn frame_head(started: At, frame: &flow::Frame) -> Frame<'_> {
    let (code, opcode) = match frame.op {
        Op::Close(code) => (code, None),
        Op::Reserved(opcode) => (None, Some(opcode)),
        _ => (None, None),
    };
    Frame {
        t: micros(started, frame.at),
        dir: frame.dir.into(),
        op: frame.op.as_str().into(),
        len: frame.len,
        wire: frame.wire,
        text: None,
        base64: None,
        fin: frame.is_final,
        deflate: frame.is_compressed,
        code,
        opcode,
        fault: Text::of(frame.fault.as_ref()),
    }
}

fn close(close: &flow::Close) -> Close<'_> {
    Close {
        code: close.code,
        reason: close.reason.as_str().into(),
        dir: close.dir.into(),
        framed: close.is_framed,
    }
}

fn failure(failure: &tap::Failure) -> Failure<'_> {
    Failure {
        side: failure.side.as_str().into(),
        phase: failure.phase.as_str().into(),
        message: failure.message.as_str().into(),
    }
}

fn fault(fault: &flow::Fault) -> Fault<'_> {
    Fault {
        dir: fault.dir.into(),
        offset: fault.offset,
        message: fault.message.as_str().into(),
    }
}

fn outcome(turn: &Turn) -> Outcome<'_> {
    Outcome {
        status: turn.status.as_str().into(),
        usage: turn.usage,
        calls: Some(turn.calls().count() as u32),
        tools: Some(tools(turn)),
        failure: turn.failure.as_ref().map(|failure| failure.name().into()),
    }
}

fn tools(turn: &Turn) -> Vec<Text<'static>> {
    let tools = flow::tools_of(turn);
    let names = tools.split('\n').filter(|_| !tools.is_empty());
    names.map(|name| name.to_owned().into()).collect()
}

fn timings(flow: &Flow) -> Timings {
    let since = |at| micros(flow.started, at);
    let is_turn = matches!(flow.kind, FlowKind::WsTurn { .. });
    Timings {
        connected: flow.connected_at.map(since),
        sent: flow.request.sent_at.map(since),
        // A turn's head is the handshake's, which came before the turn began.
        response_head: flow.response.head_at.filter(|_| !is_turn).map(since),
        first_event: flow
            .frames
            .iter()
            .find(|frame| frame.dir == Direction::In && !frame.op.is_control())
            .map(|frame| since(frame.at)),
        first_delta: flow.first_delta().map(|delta| delta.as_micros() as u64),
        end: flow.ended.map(since),
    }
}

fn connected(connection: &tap::Connection) -> Connection<'_> {
    let micros = |duration: Option<Duration>| duration.map(|time| time.as_micros() as u64);
    Connection {
        reused: connection.is_reused,
        proxy: connection.proxy.as_deref().map(Text::from),
        dns: micros(connection.dns),
        connect: micros(connection.connect),
        tls: micros(connection.tls),
    }
}

fn micros(started: At, at: At) -> u64 {
    at.since(started).as_micros() as u64
}

/// The protocol version as HAR and the access logs of servers spell it.
fn version(version: http::Version) -> Text<'static> {
    match version {
        http::Version::HTTP_2 => "HTTP/2".into(),
        http::Version::HTTP_3 => "HTTP/3".into(),
        other => format!("{other:?}").into(),
    }
}
