//! A line of JSON as a flow again.
//!
//! Texts, times and heads come back as they were written. What decoding found in them (the kinds of
//! events, the assembled turn) is not in the line: it is found again from the texts.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderValue, Version};
use serde::Deserialize;

use super::VERSION;
use super::frames::Frames;
use super::payload::{self, decoded};
use super::record::{
    Close, Connection, Event, Failure, Frame, Header, Kind, Message, Record, Text,
};
use crate::flow::{self, Body, Channel, Fault, Flow, FlowId, FlowKind, Op, Request, Response};
use crate::responses::{self, Agent, Status};
use crate::tap::{
    self, At, Direction, Field, Phase, RequestHead, ResponseHead, Secret, Side, Value,
};

/// A flow that was read, before it has its place in a store.
pub(super) struct Entry {
    /// The flow. Its id, and the id of the connection that it ran on, are not set yet.
    pub(super) flow: Flow,
    /// The name of the connection that a turn ran on.
    pub(super) connection: Option<String>,
    /// Its request, if that could be read.
    pub(super) request: Option<responses::Request>,
}

/// The flow that a line holds; or what is wrong with the line, in a few words.
pub(super) fn entry(line: &[u8]) -> Result<Entry, String> {
    let line = std::str::from_utf8(line).map_err(|_| "not UTF-8".to_owned())?;
    let mut record: Record<'_> =
        serde_json::from_str(line).map_err(|error| diagnosis(line, &error))?;
    if record.v != VERSION {
        return Err(unknown_version(record.v));
    }
    let mut entry = skeleton(&record)?;
    let flow = &mut entry.flow;
    flow.request.body = body(Some(&record.request));
    flow.response.body = body(record.response.as_ref());
    if record.kind != Kind::WsTurn {
        fill(&mut flow.request.body, Some(&record.request))?;
        fill(&mut flow.response.body, record.response.as_ref())?;
    }
    for event in record.response.iter().flat_map(|response| &response.events) {
        flow.frames.push(block(flow.started, event)?);
    }
    for frame in record.frames.take().into_iter().flat_map(Frames::into_read) {
        add_frame(flow, frame)?;
    }
    if record.kind != Kind::Http {
        leave(&mut flow.request.body, Some(&record.request));
        leave(&mut flow.response.body, record.response.as_ref());
    }
    entry.request = interpret(flow, &record);
    Ok(entry)
}

/// Finds again what decoding found in the texts. What the line itself says counts for more: another
/// program may have written it, or an earlier version of this one.
fn interpret(flow: &mut Flow, record: &Record<'_>) -> Option<responses::Request> {
    let request = flow.replay();
    if !flow.is_at_hand()
        && let (Some(turn), Some(outcome)) = (&mut flow.turn, &record.outcome)
    {
        // The event that tells it may be in what is not in memory.
        turn.status = Status::from_name(outcome.status.as_str()).unwrap_or(turn.status);
        turn.usage = outcome.usage.or(turn.usage);
    }
    let identity = &mut flow.identity;
    let told = [
        (&record.session, &mut identity.session),
        (&record.thread, &mut identity.thread),
        (&record.turn, &mut identity.turn),
        (&record.purpose, &mut identity.purpose),
        (&record.model, &mut flow.model),
    ];
    for (told, known) in told {
        if let Some(told) = told {
            *known = Some(told.as_str().to_owned());
        }
    }
    match record.agent.as_ref().map(Text::as_str) {
        None => {}
        Some(name) => identity.agent = Agent::from_name(name),
    }
    if !record.gist.as_str().is_empty() {
        record.gist.as_str().clone_into(&mut flow.gist);
    }
    flow.is_warm_up |= record.warm_up;
    flow.is_recovered = record.recovered;
    flow.comment = record.comment.as_ref().map(|text| text.as_str().into());
    request
}

/// The flow without its bodies and frames.
pub(super) fn skeleton(record: &Record<'_>) -> Result<Entry, String> {
    let started = record.started.0;
    let (kind, connection) = match record.kind {
        Kind::Http => (FlowKind::Http, None),
        Kind::Ws => (FlowKind::Ws, None),
        Kind::WsTurn => {
            let connection = record.ws.as_ref().ok_or("a turn without `ws`")?;
            let number = record.number.unwrap_or(1);
            let id = FlowId(0);
            (
                FlowKind::WsTurn {
                    connection: id,
                    number,
                },
                Some(connection.as_str().to_owned()),
            )
        }
    };
    let path = record.request.path.as_ref().map_or("", Text::as_str);
    let flow = Flow {
        kind,
        channel: Channel::of(path),
        ended: record.ended.map(|ended| ended.0),
        connection: record.connection.as_ref().map(connected),
        connected_at: record.timings.connected.map(|t| later(started, t)),
        request: Request {
            head: request_head(&record.request)?,
            trailers: fields(&record.request.trailers)?,
            sent_at: record.timings.sent.map(|t| later(started, t)),
            ..Request::default()
        },
        response: Response {
            head: record.response.as_ref().map_or(Ok(None), response_head)?,
            trailers: record
                .response
                .as_ref()
                .map_or(Ok(Vec::new()), |response| fields(&response.trailers))?,
            head_at: record.timings.response_head.map(|t| later(started, t)),
            ..Response::default()
        },
        failures: record
            .failures
            .iter()
            .map(failure)
            .collect::<Result<_, _>>()?,
        faults: record
            .faults
            .iter()
            .map(|fault| Fault {
                dir: fault.dir.into(),
                offset: fault.offset,
                message: fault.message.as_str().to_owned(),
            })
            .collect(),
        close: record.close.as_ref().map(close),
        ..Flow::new(
            record.id.as_str().to_owned(),
            record.client.as_str().to_owned(),
            Arc::from(record.upstream.as_str()),
            started,
        )
    };
    Ok(Entry {
        flow,
        connection,
        request: None,
    })
}

fn request_head(request: &Message<'_>) -> Result<Option<RequestHead>, String> {
    let (Some(method), Some(target)) = (&request.method, &request.path) else {
        return Ok(None);
    };
    Ok(Some(RequestHead {
        method: method.as_str().to_owned(),
        target: target.as_str().to_owned(),
        version: version(request.version.as_ref())?,
        fields: fields(&request.headers)?,
    }))
}

fn response_head(response: &Message<'_>) -> Result<Option<ResponseHead>, String> {
    let Some(status) = response.status else {
        return Ok(None);
    };
    Ok(Some(ResponseHead {
        status,
        version: version(response.version.as_ref())?,
        fields: fields(&response.headers)?,
    }))
}

fn fields(headers: &[Header<'_>]) -> Result<Vec<Field>, String> {
    headers.iter().map(field).collect()
}

fn field(header: &Header<'_>) -> Result<Field, String> {
    let (name, bytes) = match header.0.as_slice() {
        [name, value] => (name, value.as_str().as_bytes().to_vec()),
        [name, value, kind] if kind.as_str() == "base64" => (name, decoded(value)?),
        _ => return Err("a header that is no pair of name and value".to_owned()),
    };
    let name = name.as_str().to_owned();
    let mark = std::str::from_utf8(&bytes).ok().and_then(Secret::from_mark);
    let value = match mark {
        Some(secret) => Value::Secret(secret),
        None => HeaderValue::from_bytes(&bytes)
            .map(Value::Plain)
            .map_err(|_| format!("header {name:.40} has a control character in its value"))?,
    };
    Ok(Field { name, value })
}

fn version(name: Option<&Text<'_>>) -> Result<Version, String> {
    match name.map_or("HTTP/1.1", Text::as_str) {
        "HTTP/0.9" => Ok(Version::HTTP_09),
        "HTTP/1.0" => Ok(Version::HTTP_10),
        "HTTP/1.1" => Ok(Version::HTTP_11),
        "HTTP/2" | "HTTP/2.0" => Ok(Version::HTTP_2),
        "HTTP/3" | "HTTP/3.0" => Ok(Version::HTTP_3),
        other => Err(format!("unknown protocol version {other:.20}")),
    }
}

/// The body that a message tells of, still without its bytes.
pub(super) fn body(message: Option<&Message<'_>>) -> Body {
    let mut body = Body::default();
    if let Some(message) = message {
        body.coding = message.coding.as_ref().map(|text| text.as_str().to_owned());
        body.wire_len = message.wire;
        body.digest = message.sha256.as_ref().map(|text| text.as_str().to_owned());
        body.missed = message.missed;
        body.is_complete = message.complete;
    }
    body
}

/// Puts the bytes of a message into its body.
fn fill(body: &mut Body, message: Option<&Message<'_>>) -> Result<(), String> {
    if let Some(message) = message {
        let bytes = payload::bytes(message.body_kind, &message.body, message.base64.as_ref())?;
        body.push(&bytes);
    }
    leave(body, message);
    Ok(())
}

/// Takes note of what a message has beside the bytes that are in its body.
fn leave(body: &mut Body, message: Option<&Message<'_>>) {
    let length = message.and_then(|message| message.length);
    body.leave(
        length
            .unwrap_or_default()
            .saturating_sub(body.bytes().len() as u64),
    );
}

/// A row for a block of an SSE body.
fn block(started: At, event: &Event<'_>) -> Result<flow::Frame, String> {
    let (offset, len, t, name, fault) = match event {
        Event::Sound(offset, len, t) => (*offset, *len, *t, None, None),
        Event::Other(offset, len, t, name) => (*offset, *len, *t, Some(name), None),
        Event::Faulty(offset, len, t, name, fault) => (
            *offset,
            *len,
            *t,
            Some(name),
            Some(fault.as_str().to_owned()),
        ),
    };
    let start = usize::try_from(offset).unwrap_or(usize::MAX);
    let end = start.saturating_add(usize::try_from(len).unwrap_or(usize::MAX));
    Ok(flow::Frame {
        at: later(started, t),
        dir: Direction::In,
        op: name.map_or(Ok(Op::Event), |name| op(name.as_str(), None, None))?,
        wire: len,
        len,
        span: start..end,
        is_compressed: false,
        is_final: true,
        event: None,
        ordinal: None,
        fault,
    })
}

/// Adds a WebSocket frame and its payload to the flow.
fn add_frame(flow: &mut Flow, frame: Frame<'_>) -> Result<(), String> {
    let dir = Direction::from(frame.dir);
    let payload = payload::of(frame.text.as_ref(), frame.base64.as_ref())?.into_owned();
    let body = match dir {
        Direction::Out => &mut flow.request.body,
        Direction::In => &mut flow.response.body,
    };
    let span = body.push(&payload);
    flow.frames.push(row(flow.started, frame, span)?);
    Ok(())
}

/// A row for a WebSocket frame whose payload stands at `span`.
pub(super) fn row(
    started: At,
    frame: Frame<'_>,
    span: Range<usize>,
) -> Result<flow::Frame, String> {
    Ok(flow::Frame {
        at: later(started, frame.t),
        dir: frame.dir.into(),
        op: op(frame.op.as_str(), frame.code, frame.opcode)?,
        wire: frame.wire,
        len: frame.len,
        span,
        is_compressed: frame.deflate,
        is_final: frame.fin,
        event: None,
        ordinal: None,
        fault: frame.fault.map(Text::into_owned),
    })
}

fn op(name: &str, code: Option<u16>, opcode: Option<u8>) -> Result<Op, String> {
    let op = match name {
        "close" => Op::Close(code),
        "reserved" => Op::Reserved(opcode.unwrap_or_default()),
        _ => *PLAIN_OPS
            .iter()
            .find(|op| op.as_str() == name)
            .ok_or_else(|| format!("unknown op {name:.20}"))?,
    };
    Ok(op)
}

fn close(close: &Close<'_>) -> flow::Close {
    flow::Close {
        code: close.code,
        reason: close.reason.as_str().to_owned(),
        dir: close.dir.into(),
        is_framed: close.framed,
    }
}

fn connected(connection: &Connection<'_>) -> tap::Connection {
    tap::Connection {
        is_reused: connection.reused,
        proxy: connection.proxy.as_ref().map(|name| name.as_str().into()),
        dns: connection.dns.map(Duration::from_micros),
        connect: connection.connect.map(Duration::from_micros),
        tls: connection.tls.map(Duration::from_micros),
    }
}

pub(super) fn failure(failure: &Failure<'_>) -> Result<tap::Failure, String> {
    let side = match failure.side.as_str() {
        "client" => Side::Client,
        "upstream" => Side::Upstream,
        other => return Err(format!("unknown side {other:.20}")),
    };
    let phase = Phase::from_name(failure.phase.as_str())
        .ok_or_else(|| format!("unknown phase {:.20}", failure.phase.as_str()))?;
    Ok(tap::Failure {
        side,
        phase,
        message: failure.message.as_str().to_owned(),
    })
}

fn later(started: At, micros: u64) -> At {
    At::from_micros(started.as_micros().saturating_add(micros))
}

/// Why a line is no record: what it lacks at all is worth more than what it has wrong.
fn diagnosis(line: &str, error: &serde_json::Error) -> String {
    #[derive(Deserialize)]
    struct Label {
        v: Option<u32>,
    }
    if error.is_syntax() || error.is_eof() {
        return format!("not JSON: {error}");
    }
    let label = serde_json::from_str::<Label>(line).map(|label| label.v);
    match label {
        _ if !line.trim_start().starts_with('{') => "JSON, but not a flow".to_owned(),
        Ok(Some(VERSION)) => error.to_string(),
        Ok(Some(other)) => unknown_version(other),
        Ok(None) | Err(_) => "JSON, but not a flow".to_owned(),
    }
}

fn unknown_version(version: u32) -> String {
    format!("version {version} of the format; this program reads version {VERSION}")
}

/// Kinds of frames that need nothing but their name.
const PLAIN_OPS: [Op; 8] = [
    Op::Text,
    Op::Binary,
    Op::Continuation,
    Op::Ping,
    Op::Pong,
    Op::Event,
    Op::Comment,
    Op::Gap,
];
