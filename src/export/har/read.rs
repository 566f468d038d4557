//! Archives as flows: those of codextap, of Chrome and of mitmproxy.
//!
//! An entry is decoded with the functions that decode live traffic, and masked like it. Bodies stand decoded in
//! an archive and are taken as they are. The messages of a WebSocket are sorted into turns as live ones are.

use std::borrow::Cow;
use std::fmt;
use std::io::Read;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderValue, Version};
use serde::de::{
    DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor,
};

use super::shape::{Entry, Message, Pair};
use crate::export::time;
use crate::flow::{Channel, Close, Flow, FlowId, FlowKind, Frame, Op, Titles};
use crate::responses::{EventKind, event_name};
use crate::tap::{
    At, Connection, Direction, Failure, Field, Phase, Redactor, RequestHead, ResponseHead, Side,
    is_form,
};
use crate::wire::sse;

/// Whether text that begins so is an archive: an object whose first member is `log`.
#[must_use]
pub fn is_archive(beginning: &[u8]) -> bool {
    let text = beginning.strip_prefix(BOM).unwrap_or(beginning);
    let text = text.trim_ascii_start();
    let Some(text) = text.strip_prefix(b"{") else {
        return false;
    };
    text.trim_ascii_start().starts_with(br#""log""#)
}

/// Reads an archive and gives `take` the flows of one entry after another: an exchange, or a connection with its
/// turns behind it. `take` fails with what ends the reading.
///
/// # Errors
/// What is no archive, with its line and column; what reading gives; and what `take` gives.
pub fn read(
    mut source: impl Read,
    redactor: &Redactor,
    mut take: impl FnMut(Vec<Flow>) -> Result<(), String>,
) -> Result<(), String> {
    let mut beginning = Vec::new();
    let mut first = source.by_ref().take(BOM.len() as u64);
    let read = first.read_to_end(&mut beginning);
    read.map_err(|error| error.to_string())?;
    let beginning = beginning.strip_prefix(BOM).unwrap_or(&beginning);
    let mut json = serde_json::Deserializer::from_reader(beginning.chain(source));
    let mut number = 0;
    let mut entry = |entry: Entry<'_>| {
        number += 1;
        let flows = flows(entry, number, redactor);
        take(flows.ok_or_else(|| format!("entry {number} has no moment or no URL"))?)
    };
    let walk = Walk {
        level: Level::Archive,
        entry: &mut entry,
    };
    walk.deserialize(&mut json)
        .and_then(|()| json.end())
        .map_err(|error| error.to_string())
}

/// How far into an archive.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Level {
    Archive,
    Log,
    Entries,
}

/// Walks to the entries and reads one after another.
struct Walk<'a, F> {
    level: Level,
    entry: &'a mut F,
}

impl<'de, F: FnMut(Entry<'static>) -> Result<(), String>> DeserializeSeed<'de> for Walk<'_, F> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        match self.level {
            Level::Archive | Level::Log => deserializer.deserialize_map(self),
            Level::Entries => deserializer.deserialize_seq(self),
        }
    }
}

impl<'de, F: FnMut(Entry<'static>) -> Result<(), String>> Visitor<'de> for Walk<'_, F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the log of a HAR and its entries")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let (name, level) = match self.level {
            Level::Archive => ("log", Level::Log),
            Level::Log | Level::Entries => ("entries", Level::Entries),
        };
        let mut is_found = false;
        while let Some(key) = map.next_key::<String>()? {
            if key == name {
                is_found = true;
                let entry = &mut *self.entry;
                map.next_value_seed(Walk { level, entry })?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        if is_found {
            Ok(())
        } else {
            Err(A::Error::custom(format!("there is no member `{name}`")))
        }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while let Some(entry) = seq.next_element::<Entry<'static>>()? {
            (self.entry)(entry).map_err(A::Error::custom)?;
        }
        Ok(())
    }
}

/// The flows of an entry; `None` if it lacks what a flow needs.
fn flows(mut entry: Entry<'_>, number: u64, redactor: &Redactor) -> Option<Vec<Flow>> {
    let mut flow = exchange(&entry, number, redactor)?;
    let messages = entry.messages.take().unwrap_or_default();
    if flow.kind != FlowKind::Ws || flow.is_refused_upgrade() {
        bodies(&mut flow, &entry, redactor);
        flow.replay();
        // Our own comments say what the flow is about.
        if let Some(comment) = entry.comment.as_ref().filter(|_| entry.own.is_some()) {
            flow.gist = redactor.json(comment).into_owned();
        }
        return Some(vec![flow]);
    }
    flow.read_heads();
    let mut socket = Socket {
        connection: flow,
        turns: Vec::new(),
        redactor,
    };
    for message in messages {
        socket.take(&message);
    }
    Some(socket.finish())
}

/// The exchange of an entry, without bodies.
fn exchange(entry: &Entry<'_>, number: u64, redactor: &Redactor) -> Option<Flow> {
    let started = time::parse(&entry.started_date_time)?;
    let (scheme, rest) = entry.request.url.split_once("://")?;
    let (authority, target) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let target = target.split('#').next().unwrap_or_default();
    let target = redactor.target(if target.is_empty() { "/" } else { target });
    let told = entry.resource_type.as_deref() == Some("websocket");
    let is_socket = told || scheme.starts_with("ws") || entry.messages.is_some();
    let scheme = scheme.replacen("ws", "http", 1);
    // User-info is masked as in any URL.
    let upstream = format!("{scheme}://{authority}");
    let upstream = redactor.target(&upstream);
    let own = entry.own.as_ref();
    let name = own.map(|own| own.id.clone().into_owned());
    let name = name.filter(|name| !name.is_empty());
    let name = name.unwrap_or_else(|| format!("har-{:x}-{number}", started.as_micros()));
    let client = own.map_or_else(String::new, |own| own.client.clone().into_owned());
    let mut flow = Flow::new(name, client, Arc::from(&*upstream), started);
    if is_socket {
        flow.kind = FlowKind::Ws;
    }
    flow.request.head = Some(RequestHead {
        method: entry.request.method.clone().into_owned(),
        target: target.into_owned(),
        version: version(&entry.request.http_version),
        fields: fields(&entry.request.headers, redactor),
    });
    let status = u16::try_from(entry.response.status).ok();
    flow.response.head = status
        .filter(|status| *status > 0)
        .map(|status| ResponseHead {
            status,
            version: version(&entry.response.http_version),
            fields: fields(&entry.response.headers, redactor),
        });
    times(&mut flow, entry);
    failures(&mut flow, entry, redactor);
    Some(flow)
}

/// When what happened, by the phases.
fn times(flow: &mut Flow, entry: &Entry<'_>) {
    let timings = entry.timings;
    let phase = |ms: f64| whole(ms / 1000.0);
    let spent = |ms: f64| phase(ms).unwrap_or_default();
    let tls = phase(timings.ssl);
    let connect = phase(timings.connect);
    let (blocked, dns) = (phase(timings.blocked), phase(timings.dns));
    let mut at = flow.started;
    if blocked.or(dns).or(connect).is_some() {
        for time in [blocked, dns, connect].into_iter().flatten() {
            at = at.plus(time);
        }
        flow.connected_at = Some(at);
        flow.connection = Some(Connection {
            is_reused: connect.is_none(),
            proxy: None,
            dns,
            connect: connect.map(|connect| connect.saturating_sub(tls.unwrap_or_default())),
            tls,
        });
        at = at.plus(spent(timings.send));
        flow.request.sent_at = Some(at);
        at = at.plus(spent(timings.wait));
    } else {
        at = at.plus(spent(timings.send)).plus(spent(timings.wait));
    }
    if flow.response.head.is_some() {
        flow.response.head_at = Some(at);
    }
    let end = flow.started.plus(spent(entry.time));
    flow.ended = Some(end.max(at.plus(spent(timings.receive))));
}

fn failures(flow: &mut Flow, entry: &Entry<'_>, redactor: &Redactor) {
    for [side, phase, message] in entry.own.iter().flat_map(|own| &own.failures) {
        flow.failures.push(Failure {
            side: if side == Side::Client.as_str() {
                Side::Client
            } else {
                Side::Upstream
            },
            phase: Phase::from_name(phase).unwrap_or(Phase::Body),
            message: redactor.json(message).into_owned(),
        });
    }
    let error = entry.response.error.as_ref();
    if let Some(error) = error.filter(|error| flow.failures.is_empty() && !error.is_empty()) {
        flow.failures.push(Failure {
            side: Side::Upstream,
            phase: if flow.response.head.is_some() {
                Phase::Body
            } else {
                Phase::Head
            },
            message: redactor.json(error).into_owned(),
        });
    }
}

/// The bodies, and the events of an event stream.
fn bodies(flow: &mut Flow, entry: &Entry<'_>, redactor: &Redactor) {
    if let Some(data) = &entry.request.post_data {
        let bytes = bytes(&data.text, data.encoding.as_deref());
        let is_form = is_form(&data.mime_type);
        flow.request.body.push(&redactor.bytes(&bytes, is_form));
    }
    let content = &entry.response.content;
    if let Some(text) = &content.text {
        let bytes = bytes(text, content.encoding.as_deref());
        let is_form = is_form(&content.mime_type);
        flow.response.body.push(&redactor.bytes(&bytes, is_form));
    }
    let [request, response] = [&mut flow.request.body, &mut flow.response.body];
    for (body, size) in [
        (&mut *request, entry.request.body_size),
        (&mut *response, entry.response.body_size),
    ] {
        let decoded = body.bytes().len() as u64;
        body.wire_len = u64::try_from(size).unwrap_or(decoded);
    }
    let is_whole = flow.failures.is_empty();
    let own = entry.own.as_ref();
    [request.is_complete, response.is_complete] = own.map_or([is_whole; 2], |own| own.complete);
    [request.missed, response.missed] = own.map_or([0; 2], |own| own.missed);
    let coding = |head: Option<&[Field]>| {
        let coding = crate::tap::field(head?, "content-encoding")?;
        Some(coding.into_owned())
    };
    request.coding = coding(flow.request.head.as_ref().map(|head| &*head.fields));
    response.coding = coding(flow.response.head.as_ref().map(|head| &*head.fields));
    if flow.is_event_stream() || entry.events.is_some() {
        events(flow, entry);
    }
}

/// The blocks of an event stream, at the moments that the entry tells.
fn events(flow: &mut Flow, entry: &Entry<'_>) {
    let first = flow.response.head_at.unwrap_or(flow.started);
    let mut told = entry.events.iter().flatten();
    let mut at = first;
    let mut decoder = sse::Decoder::new(sse::DEFAULT_LIMIT);
    decoder.push(flow.response.body.bytes());
    decoder.finish();
    while let Some(block) = decoder.next() {
        let is_blank = block.raw.trim_ascii().is_empty();
        let (op, len) = match &block.kind {
            sse::Kind::Comment(_) if is_blank && block.faults.is_empty() => continue,
            sse::Kind::Unterminated(event) if event.data.is_empty() => {
                (Op::Comment, block.raw.len())
            }
            sse::Kind::Event(event) | sse::Kind::Unterminated(event) => {
                at = told.next().map_or(at, |message| moment(message.time));
                (Op::Event, event.data.len())
            }
            sse::Kind::Comment(_) => (Op::Comment, block.raw.len()),
            sse::Kind::Skipped => (Op::Gap, 0),
        };
        flow.frames.push(Frame {
            at,
            dir: Direction::In,
            op,
            wire: block.span.end - block.span.start,
            len: len as u64,
            span: block.span.start as usize..block.span.end as usize,
            is_compressed: false,
            is_final: true,
            event: None,
            ordinal: None,
            fault: block.faults.first().map(|fault| fault.message.clone()),
        });
    }
}

/// A connection whose messages are being sorted into turns.
struct Socket<'a> {
    connection: Flow,
    /// The last one may be in progress.
    turns: Vec<Flow>,
    redactor: &'a Redactor,
}

impl Socket<'_> {
    fn take(&mut self, message: &Message<'_>) {
        let at = moment(message.time);
        let dir = if message.dir == "send" {
            Direction::Out
        } else {
            Direction::In
        };
        let is_text = message.opcode == 1;
        let encoding = (!is_text).then_some("base64");
        let mut payload = bytes(&message.data, encoding);
        if let Cow::Owned(masked) = self.redactor.bytes(&payload, false) {
            payload = masked.into();
        }
        let op = match message.opcode {
            0 => Op::Continuation,
            1 => Op::Text,
            2 => Op::Binary,
            8 => {
                let code = payload.first_chunk().map(|code| u16::from_be_bytes(*code));
                payload = payload.get(2..).unwrap_or_default().to_vec().into();
                self.connection.close.get_or_insert(Close {
                    code,
                    reason: String::from_utf8_lossy(&payload).into_owned(),
                    dir,
                    is_framed: true,
                });
                Op::Close(code)
            }
            9 => Op::Ping,
            10 => Op::Pong,
            other => Op::Reserved(u8::try_from(other).unwrap_or_default()),
        };
        let text = std::str::from_utf8(&payload).ok().filter(|_| is_text);
        let event = text.and_then(event_name).map(EventKind::from_name);
        let begins = dir == Direction::Out
            && matches!(event, Some(EventKind::Create | EventKind::Append))
            && self.connection.channel == Channel::Model;
        if begins {
            self.end_turn(at);
            self.begin_turn(at);
        }
        let before = self.turns.iter().rev().filter(|_| begins).nth(1);
        let made = before.map(Titles::of).unwrap_or_default();
        let turn = self.turns.last_mut().filter(|turn| turn.is_live());
        let owner = match (turn, op) {
            (Some(turn), op) if !matches!(op, Op::Close(_)) => turn,
            _ => &mut self.connection,
        };
        let body = match dir {
            Direction::Out => &mut owner.request.body,
            Direction::In => &mut owner.response.body,
        };
        let len = payload.len() as u64;
        body.wire_len += len;
        let span = body.push(&payload);
        owner.frames.push(Frame {
            at,
            dir,
            op,
            wire: len,
            len,
            span,
            is_compressed: false,
            is_final: true,
            event: event.filter(|_| dir == Direction::Out),
            ordinal: None,
            fault: None,
        });
        if begins {
            owner.read_request_after(&made);
        }
        if let Some(text) = text.filter(|_| dir == Direction::In) {
            owner.read_event(owner.frames.len() - 1, text);
            if owner
                .turn
                .as_ref()
                .is_some_and(crate::responses::Turn::is_over)
            {
                self.end_turn(at);
            }
        }
    }

    fn begin_turn(&mut self, at: At) {
        let number = self.turns.len() as u32 + 1;
        let from = &self.connection;
        let mut turn = Flow::new(
            format!("{}.{number}", from.name),
            from.client.clone(),
            Arc::clone(&from.upstream),
            at,
        );
        turn.kind = FlowKind::WsTurn {
            connection: FlowId(0),
            number,
        };
        turn.request.head.clone_from(&from.request.head);
        turn.response.head.clone_from(&from.response.head);
        turn.read_heads();
        self.turns.push(turn);
    }

    /// Ends the turn in progress, if one is.
    fn end_turn(&mut self, at: At) {
        if let Some(turn) = self.turns.last_mut().filter(|turn| turn.is_live()) {
            turn.ended = Some(at);
            turn.conclude();
        }
    }

    fn finish(mut self) -> Vec<Flow> {
        let last = self.connection.ended.unwrap_or(self.connection.started);
        if let Some(turn) = self.turns.last_mut().filter(|turn| turn.is_live()) {
            turn.failures.clone_from(&self.connection.failures);
        }
        self.end_turn(last);
        let mut flows = vec![self.connection];
        flows.append(&mut self.turns);
        flows
    }
}

/// The bytes that text stands for; text that is no base64 for itself.
fn bytes<'a>(text: &'a str, encoding: Option<&str>) -> Cow<'a, [u8]> {
    if encoding == Some("base64")
        && let Ok(bytes) = STANDARD.decode(text)
    {
        return bytes.into();
    }
    text.as_bytes().into()
}

/// The fields that a message can have; HTTP/2's pseudo-header fields are none (RFC 9113 §8.3).
fn fields(pairs: &[Pair<'_>], redactor: &Redactor) -> Vec<Field> {
    let field = |pair: &Pair<'_>| {
        let value = HeaderValue::from_bytes(pair.value.as_bytes()).ok()?;
        Some(Field {
            name: pair.name.clone().into_owned(),
            value: redactor.field(&pair.name.to_ascii_lowercase(), &value),
        })
    };
    let pairs = pairs.iter().filter(|pair| !pair.name.starts_with(':'));
    pairs.filter_map(field).collect()
}

fn version(name: &str) -> Version {
    match name.to_ascii_lowercase().as_str() {
        "http/0.9" => Version::HTTP_09,
        "http/1.0" => Version::HTTP_10,
        "h2" | "http/2" | "http/2.0" => Version::HTTP_2,
        "h3" | "http/3" | "http/3.0" => Version::HTTP_3,
        _ => Version::HTTP_11,
    }
}

/// The moment so many seconds after the epoch.
fn moment(seconds: f64) -> At {
    At::default().plus(whole(seconds).unwrap_or_default())
}

/// Seconds to the nearest microsecond; `None` of negative ones.
fn whole(seconds: f64) -> Option<Duration> {
    let half = Duration::from_nanos(500);
    let rounded = Duration::try_from_secs_f64(seconds)
        .ok()?
        .checked_add(half)?;
    u64::try_from(rounded.as_micros())
        .ok()
        .map(Duration::from_micros)
}

/// The byte order mark that some programs begin with.
const BOM: &[u8] = b"\xef\xbb\xbf";
