//! What a capture comes to: its endpoints, models, events and payloads in tables.
//!
//! [`Statistics`] are gathered flow by flow, on any number of threads, and merged: the order does not matter. What
//! counts turns is [`crate::flow::sessions`], here as everywhere. The conversation itself is the log of
//! [`super::Markdown`].

mod answers;
mod structure;
mod tables;

use std::collections::BTreeMap;
use std::time::Duration;

pub use answers::Lost;
use answers::Notes;
use structure::Structure;

use crate::flow::{Channel, Flow, FlowId, FlowKind, Op};
use crate::responses::EventKind;
use crate::tap::{At, Direction};

/// What flows come to.
#[derive(Clone, Default, Debug)]
pub struct Statistics {
    flows: Vec<FlowId>,
    errors: u64,
    began: Option<At>,
    ended: Option<At>,
    endpoints: BTreeMap<Endpoint, Traffic>,
    statuses: BTreeMap<Option<u16>, u64>,
    channels: BTreeMap<&'static str, (u64, u64)>,
    events: BTreeMap<String, (u64, u64)>,
    requests: BTreeMap<String, Structure>,
    responses: BTreeMap<String, Structure>,
    /// Why flows failed.
    failures: Notes,
    /// What was wrong in the bytes of flows, or in the order of their events.
    faults: Notes,
}

/// Where requests of a kind go: method, path without its query, transport.
type Endpoint = (String, String, &'static str);

/// What passed at an endpoint.
#[derive(Clone, Default, Debug)]
struct Traffic {
    flows: u64,
    errors: u64,
    /// Bytes on the wire: to the upstream, to Codex.
    bytes: [u64; 2],
    /// Microseconds of each flow.
    durations: Vec<u64>,
}

impl Statistics {
    /// Which flows they are of, in any order.
    #[must_use]
    pub fn flows(&self) -> &[FlowId] {
        &self.flows
    }

    /// Takes in a flow.
    pub fn add(&mut self, flow: &Flow) {
        self.flows.push(flow.id);
        self.errors += u64::from(flow.is_error());
        self.began = [self.began, Some(flow.started)].into_iter().flatten().min();
        self.ended = self.ended.max(flow.ended).max(Some(flow.started));
        let path = path(flow);
        let method = flow.method().to_owned();
        let transport = flow.transport().as_str();
        // A connection and its turns have one endpoint and are told apart.
        let transport = match flow.kind {
            FlowKind::WsTurn { .. } => "WS turn",
            FlowKind::Http | FlowKind::Ws => transport,
        };
        let endpoint = (method, path.clone(), transport);
        let traffic = bounded(&mut self.endpoints, endpoint);
        traffic.flows += 1;
        traffic.errors += u64::from(flow.is_error());
        traffic.pass([flow.request.body.wire_len, flow.response.body.wire_len]);
        traffic.durations.extend(flow.duration().map(micros));
        if !matches!(flow.kind, FlowKind::WsTurn { .. }) {
            *self.statuses.entry(flow.status()).or_default() += 1;
        }
        let channel = self.channels.entry(flow.channel.as_str()).or_default();
        channel.0 += 1;
        channel.1 = channel.1.saturating_add(flow.wire_len());
        self.failures.add_failure(flow);
        self.faults.add_faults(flow);
        self.add_events(flow);
        self.add_payloads(flow, &path);
    }

    fn add_events(&mut self, flow: &Flow) {
        let counts = flow.turn.iter().flat_map(|turn| &turn.counts);
        for (name, (events, bytes)) in counts {
            let total = bounded(&mut self.events, name.clone());
            total.0 += u64::from(*events);
            total.1 += bytes;
        }
    }

    fn add_payloads(&mut self, flow: &Flow, path: &str) {
        let endpoint = format!("{} {path}", flow.method());
        if flow.kind == FlowKind::Ws && !flow.is_refused_upgrade() {
            return;
        }
        let is_turn = flow.channel == Channel::Model && flow.turn.is_some();
        let either = |name: &str| (if is_turn { TURNS } else { name }).to_owned();
        if let Some(text) = flow.request_text().filter(|text| is_json(text)) {
            bounded(&mut self.requests, either(&endpoint)).add(text);
        }
        if flow.frames.is_empty() {
            if let Some(text) = flow.response.body.text().filter(|text| is_json(text)) {
                bounded(&mut self.responses, endpoint).add(text);
            }
            return;
        }
        let structure = bounded(&mut self.responses, either(&endpoint));
        for (index, frame) in flow.frames.iter().enumerate() {
            let is_event = matches!(frame.op, Op::Event | Op::Text | Op::Continuation);
            // A delta differs from the one before in its text.
            let is_delta = frame.event.is_some_and(EventKind::is_delta);
            if is_event
                && !is_delta
                && frame.dir == Direction::In
                && let Some(text) = flow.event_text(index)
            {
                structure.add(&text);
            }
        }
    }

    /// Takes in what others were gathered.
    pub fn merge(&mut self, other: Self) {
        self.flows.extend(other.flows);
        self.errors += other.errors;
        self.failures.merge(other.failures);
        self.faults.merge(other.faults);
        self.began = [self.began, other.began].into_iter().flatten().min();
        self.ended = self.ended.max(other.ended);
        for (endpoint, traffic) in other.endpoints {
            let own = bounded(&mut self.endpoints, endpoint);
            own.flows += traffic.flows;
            own.errors += traffic.errors;
            own.pass(traffic.bytes);
            own.durations.extend(traffic.durations);
        }
        for (status, count) in other.statuses {
            *self.statuses.entry(status).or_default() += count;
        }
        for (channel, (flows, bytes)) in other.channels {
            let own = self.channels.entry(channel).or_default();
            *own = (own.0 + flows, own.1.saturating_add(bytes));
        }
        for (name, (events, bytes)) in other.events {
            let own = bounded(&mut self.events, name);
            *own = (own.0 + events, own.1 + bytes);
        }
        for (own, others) in [
            (&mut self.requests, other.requests),
            (&mut self.responses, other.responses),
        ] {
            for (endpoint, other) in others {
                bounded(own, endpoint).merge(&other);
            }
        }
    }
}

impl Traffic {
    /// A capture may tell any number of bytes.
    fn pass(&mut self, bytes: [u64; 2]) {
        for (sum, bytes) in self.bytes.iter_mut().zip(bytes) {
            *sum = sum.saturating_add(bytes);
        }
    }
}

/// The path without its query, and without the ids in it that would make every request an endpoint of its own.
fn path(flow: &Flow) -> String {
    let path = flow.path().split(['?', '#']).next().unwrap_or_default();
    let parts = path.split('/').map(|part| {
        let is_id = part.len() >= 16 && part.bytes().any(|byte| byte.is_ascii_digit());
        if is_id { "…" } else { part }
    });
    parts.collect::<Vec<_>>().join("/")
}

fn is_json(text: &str) -> bool {
    text.trim_start().starts_with(['{', '['])
}

fn micros(duration: Duration) -> u64 {
    duration.as_micros() as u64
}

/// The entry of this name; one for all further names once there are too many.
fn bounded<N: Name, T: Default>(map: &mut BTreeMap<N, T>, name: N) -> &mut T {
    let is_known = map.len() < MOST_NAMES || map.contains_key(&name);
    map.entry(if is_known { name } else { N::others() })
        .or_default()
}

/// What entries are told apart by.
trait Name: Ord {
    /// What stands for further ones.
    fn others() -> Self;
}

impl Name for String {
    fn others() -> Self {
        OTHERS.to_owned()
    }
}

impl Name for Endpoint {
    fn others() -> Self {
        (String::new(), OTHERS.to_owned(), "")
    }
}

/// What model turns are called, whatever path and transport they take: their payloads are of one form.
const TURNS: &str = "model turns";
/// What stands for further names.
const OTHERS: &str = "(others)";
/// Names of a kind that are told apart.
const MOST_NAMES: usize = 500;
