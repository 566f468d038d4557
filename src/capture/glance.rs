//! A line's summary, read without decoding its bodies, frames and events: what opening a large
//! capture needs of every line.

use std::fmt;
use std::sync::Arc;

use serde::de::{IgnoredAny, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::VERSION;
use super::decode::{self, Entry, entry};
use super::record::{self, Close, Failure, Header, Kind, Outcome, Stamp, Text, Timings};
use crate::flow::{Channel, Context, Facts, FlowId, FlowKind, State, Summary, Transport};
use crate::responses::{Agent, Identity, Status};

/// A line as its summary.
pub(super) struct Glanced {
    /// The flow's summary. Its id, and the id of the connection that it ran on, are not set.
    pub(super) summary: Summary,
    /// The name of the connection that a turn ran on.
    pub(super) connection: Option<String>,
}

/// The members of a line that a summary is made of; serde passes over the others.
#[derive(Deserialize)]
struct Glance<'a> {
    v: u32,
    kind: Kind,
    #[serde(borrow)]
    id: Text<'a>,
    #[serde(borrow, default)]
    ws: Option<Text<'a>>,
    #[serde(default)]
    number: Option<u32>,
    started: Stamp,
    #[serde(default)]
    ended: Option<Stamp>,
    #[serde(borrow, default)]
    client: Text<'a>,
    #[serde(borrow, default)]
    upstream: Text<'a>,
    #[serde(borrow, default)]
    session: Option<Text<'a>>,
    #[serde(borrow, default)]
    thread: Option<Text<'a>>,
    #[serde(borrow, default)]
    turn: Option<Text<'a>>,
    #[serde(borrow, default)]
    agent: Option<Text<'a>>,
    #[serde(borrow, default)]
    purpose: Option<Text<'a>>,
    #[serde(borrow, default)]
    model: Option<Text<'a>>,
    #[serde(borrow, default)]
    gist: Text<'a>,
    #[serde(borrow, default)]
    context: Option<record::Context<'a>>,
    #[serde(borrow)]
    request: Half<'a>,
    #[serde(borrow, default)]
    response: Option<Half<'a>>,
    #[serde(borrow, default)]
    outcome: Option<Outcome<'a>>,
    #[serde(default)]
    recovered: bool,
    #[serde(borrow, default)]
    failures: Vec<Failure<'a>>,
    #[serde(default)]
    timings: Timings,
    #[serde(default)]
    frames: Option<Count>,
    #[serde(borrow, default)]
    close: Option<Close<'a>>,
    #[serde(borrow, default)]
    comment: Option<Text<'a>>,
}

/// A request or a response without its body.
#[derive(Deserialize)]
struct Half<'a> {
    #[serde(borrow, default)]
    method: Option<Text<'a>>,
    #[serde(borrow, default)]
    path: Option<Text<'a>>,
    #[serde(default)]
    status: Option<u16>,
    #[serde(borrow, default)]
    headers: Vec<Header<'a>>,
    #[serde(default)]
    wire: u64,
    /// Written only where there are some.
    #[serde(default)]
    events: Option<Count>,
}

/// How many elements a list has, which are passed over.
#[derive(Default)]
struct Count(u32);

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Elements;
        impl<'de> Visitor<'de> for Elements {
            type Value = Count;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Count, A::Error> {
                let mut count = 0;
                while list.next_element::<IgnoredAny>()?.is_some() {
                    count += 1;
                }
                Ok(Count(count))
            }
        }
        deserializer.deserialize_seq(Elements)
    }
}

/// The summary of the flow that a line holds; or what is wrong with the line, in a few words.
///
/// A line that lacks what a summary needs, because another program or an earlier version wrote it,
/// is decoded as a whole.
pub(super) fn glance(line: &[u8]) -> Result<Glanced, String> {
    let text = std::str::from_utf8(line).map_err(|_| "not UTF-8".to_owned())?;
    let glanced = serde_json::from_str::<Glance<'_>>(text).ok();
    if let Some(glanced) = glanced.and_then(Glance::summary) {
        return Ok(glanced);
    }
    let Entry {
        flow, connection, ..
    } = entry(line)?;
    Ok(Glanced {
        summary: Summary::of(&flow),
        connection,
    })
}

impl Glance<'_> {
    fn summary(self) -> Option<Glanced> {
        if self.v != VERSION || self.gist.as_str().is_empty() {
            return None;
        }
        let method = self.request.method.as_ref().map_or("", Text::as_str);
        let path = self.request.path.as_ref().map_or("", Text::as_str);
        let channel = Channel::of(path);
        let kind = match self.kind {
            Kind::Http => FlowKind::Http,
            Kind::Ws => FlowKind::Ws,
            Kind::WsTurn => FlowKind::WsTurn {
                connection: FlowId(0),
                number: self.number.unwrap_or(1),
            },
        };
        let turn = match &self.outcome {
            Some(outcome) => Some(Status::from_name(outcome.status.as_str())?),
            None if kind.asks_for_a_turn(channel, method) => return None,
            None => None,
        };
        // Why stands in its events.
        if turn == Some(Status::Incomplete) {
            return None;
        }
        let is_told = turn.is_some() || channel == Channel::Compact;
        if is_told && self.context.is_none() {
            return None;
        }
        let told = self.context.as_ref();
        // Written since effort and tools are told.
        let tools = match self.outcome.as_ref().map(|outcome| &outcome.tools) {
            Some(Some(names)) => joined(names),
            Some(None) => return None,
            None => Box::default(),
        };
        let events = self.response.as_ref().and_then(|it| it.events.as_ref());
        let frames = self.frames.as_ref().or(events).map_or(0, |count| count.0);
        let failures: Result<Vec<_>, _> = self.failures.iter().map(decode::failure).collect();
        let failures = failures.ok()?;
        let started = self.started.0;
        let ended = self.ended.map(|ended| ended.0);
        let status = self.response.as_ref().and_then(|response| response.status);
        let close = self.close.as_ref().and_then(|close| close.code);
        let outcome = self.outcome.as_ref();
        let failure = outcome
            .and_then(|outcome| Some(outcome.failure.as_ref()?.as_str().to_owned()))
            .or_else(|| Some(failures.first()?.to_string()));
        let wire = |half: &Half<'_>| half.wire;
        let connection = match kind {
            FlowKind::WsTurn { .. } => Some(self.ws.as_ref()?.as_str().to_owned()),
            FlowKind::Http | FlowKind::Ws => None,
        };
        let summary = Summary {
            id: FlowId(0),
            name: self.id.as_str().into(),
            kind,
            channel,
            transport: transport(kind, self.response.as_ref()),
            state: State::of(Facts {
                kind,
                turn,
                status,
                has_failed: !failures.is_empty(),
                has_ended: ended.is_some(),
                close,
            }),
            client: self.client.as_str().into(),
            upstream: Arc::from(self.upstream.as_str()),
            started,
            ended,
            method: method.into(),
            path: path.into(),
            status,
            model: self.model.as_ref().map(|model| model.as_str().into()),
            gist: self.gist.as_str().into(),
            identity: self.identity(),
            context: told
                .filter(|_| is_told)
                .map(|told| Box::new(Context::from(told))),
            turn,
            usage: outcome.and_then(|outcome| outcome.usage),
            calls: outcome.map_or(Some(0), |outcome| outcome.calls)?,
            tools,
            frames,
            first_delta: self
                .timings
                .first_delta
                .map(std::time::Duration::from_micros),
            failure: failure.map(String::into_boxed_str),
            close,
            wire_len: wire(&self.request) + self.response.as_ref().map_or(0, wire),
            text_len: 0,
            is_recovered: self.recovered,
            comment: self.comment.as_ref().map(|text| text.as_str().into()),
            quiet_since: None,
            revision: 0,
        };
        Some(Glanced {
            summary,
            connection,
        })
    }

    fn identity(&self) -> Identity {
        let told = self.context.as_ref();
        let owned = |text: Option<&Text<'_>>| text.map(|text| text.as_str().to_owned());
        Identity {
            session: owned(self.session.as_ref()),
            thread: owned(self.thread.as_ref()),
            turn: owned(self.turn.as_ref()),
            agent: match self.agent.as_ref().map(Text::as_str) {
                None => Agent::Unknown,
                Some(name) => Agent::from_name(name),
            },
            is_agent_inferred: told.is_some_and(|told| told.agent_inferred),
            label: owned(told.and_then(|told| told.label.as_ref())),
            parent: owned(told.and_then(|told| told.parent.as_ref())),
            window: told.and_then(|told| told.window),
            purpose: owned(self.purpose.as_ref()),
        }
    }
}

/// The names of tools as a summary has them.
fn joined(names: &[Text<'_>]) -> Box<str> {
    let names: Vec<&str> = names.iter().map(Text::as_str).collect();
    names.join("\n").into()
}

/// How the flow's bytes travelled.
fn transport(kind: FlowKind, response: Option<&Half<'_>>) -> Transport {
    if kind != FlowKind::Http {
        return Transport::WebSocket;
    }
    let is_event_stream = response.is_some_and(|response| {
        let header = response.headers.iter().find_map(Header::content_type);
        response.events.is_some() || header.is_some_and(Transport::is_event_stream)
    });
    if is_event_stream {
        Transport::Sse
    } else {
        Transport::Http
    }
}

impl From<&record::Context<'_>> for Context {
    fn from(told: &record::Context<'_>) -> Self {
        let boxed = |text: &Option<Text<'_>>| text.as_ref().map(|text| text.as_str().into());
        Self {
            cwd: boxed(&told.cwd),
            title: boxed(&told.title),
            previous: boxed(&told.previous),
            response: boxed(&told.response),
            served: boxed(&told.served),
            tier: boxed(&told.tier),
            effort: boxed(&told.effort),
        }
    }
}
