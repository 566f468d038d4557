//! Sessions as JSON. `docs/sessions.md` has it for people.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use super::rows::{in_order, what};
use super::sort::Sort;
use crate::cli::prefix::Breaks;
use crate::flow::lineage::{Break, Place};
use crate::flow::sessions::{self, Attempt, Inferred, LogicalTurn, Purpose, Sessions};
use crate::flow::{FlowId, Store};
use crate::responses::{Confidence, Dollars, Prices, Usage};
use crate::tap::At;

/// How much a document says.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Detail {
    /// Each session.
    None,
    /// The models of each session, too.
    Models,
    /// The threads of each session, too.
    Threads,
}

/// Tells the names of flows, and where they left the prefix of the turn before.
pub(super) struct Namer<'a> {
    store: &'a Store,
    breaks: &'a Breaks,
}

impl<'a> Namer<'a> {
    pub(super) fn new(store: &'a Store, breaks: &'a Breaks) -> Self {
        Self { store, breaks }
    }

    fn name(&self, flow: FlowId) -> String {
        let summary = self.store.summary(flow);
        summary.map_or_else(String::new, |summary| summary.name.to_string())
    }
}

/// All of it.
#[derive(Serialize)]
pub(super) struct Document<'a> {
    v: u32,
    /// The day of the price table.
    prices: String,
    /// Lines that could not be read.
    skipped: u64,
    sessions: Vec<Session<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    models: Option<BTreeMap<&'a str, Tally>>,
    total: Tally,
}

#[derive(Serialize)]
struct Session<'a> {
    id: Option<&'a str>,
    title: Option<&'a str>,
    cwd: Option<&'a str>,
    started: Option<String>,
    ended: Option<String>,
    last_failure: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    threads: Option<Vec<Thread<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    models: Option<BTreeMap<&'a str, Tally>>,
    total: Tally,
}

#[derive(Serialize)]
struct Thread<'a> {
    id: Option<&'a str>,
    /// How deep it stands in the tree.
    depth: usize,
    parent: Option<&'a str>,
    agent: Option<&'a str>,
    role: Option<&'a str>,
    cwd: Option<&'a str>,
    title: Option<&'a str>,
    connections: u32,
    /// Which members the wire does not say.
    inferred: Vec<&'static str>,
    turns: Vec<Turn<'a>>,
}

#[derive(Serialize)]
struct Turn<'a> {
    /// Codex's turn id.
    id: Option<&'a str>,
    purpose: &'static str,
    started: String,
    duration: Option<u64>,
    model: Option<&'a str>,
    error: bool,
    usage: Usage,
    cost: Option<Cost>,
    /// Percent of the input, with two decimals.
    cached_share: Option<f64>,
    #[serde(rename = "break")]
    broken: Option<Left<'a>>,
    attempts: Vec<Try<'a>>,
}

/// Where a prompt left that of the turn before.
#[derive(Serialize)]
struct Left<'a> {
    place: &'static str,
    tool: Option<&'a str>,
    item: Option<usize>,
    byte: Option<u64>,
    lost: u64,
}

/// An attempt.
#[derive(Serialize)]
struct Try<'a> {
    flow: String,
    handshake: bool,
    transport: &'static str,
    started: String,
    ended: Option<String>,
    state: &'static str,
    status: Option<u16>,
    failure: Option<&'a str>,
    reason: Option<&'a str>,
    gist: &'a str,
    model: Option<&'a str>,
    served: Option<&'a str>,
    usage: Option<Usage>,
    cost: Option<Cost>,
}

/// An attempt, by itself.
#[derive(Serialize)]
pub(super) struct Event<'a> {
    session: Option<&'a str>,
    thread: Option<&'a str>,
    agent: Option<&'a str>,
    turn: Option<&'a str>,
    what: &'static str,
    /// The how-manieth attempt, from 1, of how many.
    attempt: usize,
    of: usize,
    #[serde(flatten)]
    tried: Try<'a>,
}

#[derive(Serialize)]
struct Tally {
    turns: u64,
    warm_ups: u64,
    compactions: u64,
    retries: u64,
    errors: u64,
    rerouted: u64,
    usage: Usage,
    cost: Option<Cost>,
    unpriced: u64,
    /// Microseconds.
    busy: u64,
}

#[derive(Serialize)]
struct Cost {
    usd: String,
    confidence: &'static str,
}

impl<'a> Document<'a> {
    pub(super) fn new(
        sessions: &'a Sessions,
        prices: &Prices,
        skipped: u64,
        detail: Detail,
        namer: &Namer<'a>,
    ) -> Self {
        let mut total = sessions::Tally::default();
        let mut models: BTreeMap<&str, sessions::Tally> = BTreeMap::new();
        for session in &sessions.sessions {
            total.merge(&session.total());
            for (model, tally) in session.by_model() {
                models.entry(model).or_default().merge(&tally);
            }
        }
        let all = sessions.sessions.iter();
        Self {
            v: 1,
            prices: date(prices),
            skipped,
            sessions: all
                .map(|session| Session::new(session, detail, namer))
                .collect(),
            models: (detail == Detail::Models).then(|| tallies(&models)),
            total: Tally::from(&total),
        }
    }
}

impl<'a> Session<'a> {
    fn new(session: &'a sessions::Session, detail: Detail, namer: &Namer<'a>) -> Self {
        let main = session.main();
        let threads = || {
            let tree = session.tree().into_iter();
            tree.map(|(depth, thread)| Thread::new(depth, thread, namer))
                .collect()
        };
        Self {
            id: id(&session.id),
            title: main.and_then(|main| main.title.as_deref()),
            cwd: main.and_then(|main| main.cwd.as_deref()),
            started: session.started().map(stamp),
            ended: session.ended().map(stamp),
            last_failure: session.last_failure(),
            threads: (detail == Detail::Threads).then(threads),
            models: (detail == Detail::Models).then(|| tallies(&session.by_model())),
            total: Tally::from(&session.total()),
        }
    }
}

impl<'a> Thread<'a> {
    fn new(depth: usize, thread: &'a sessions::Thread, namer: &Namer<'a>) -> Self {
        let inferred = [("parent", &thread.parent), ("agent", &thread.agent)];
        let is_inferred =
            |value: &Option<Inferred<_>>| value.as_ref().is_some_and(|value| value.is_inferred);
        Self {
            id: id(&thread.id),
            depth,
            parent: thread.parent.as_ref().map(|parent| &*parent.value),
            agent: thread.agent.as_ref().map(|agent| &*agent.value),
            role: thread.role.as_deref(),
            cwd: thread.cwd.as_deref(),
            title: thread.title.as_deref(),
            connections: thread.connections,
            inferred: inferred
                .iter()
                .filter(|(_, value)| is_inferred(value))
                .map(|(name, _)| *name)
                .collect(),
            turns: thread
                .turns
                .iter()
                .map(|turn| Turn::new(turn, namer))
                .collect(),
        }
    }
}

impl<'a> Turn<'a> {
    fn new(turn: &'a LogicalTurn, namer: &Namer<'a>) -> Self {
        let mut tally = sessions::Tally::default();
        tally.add(turn);
        let usage = tally.usage;
        let last = turn.last();
        let broken = last.and_then(|last| namer.breaks.get(&last.flow));
        Self {
            usage,
            cost: Tally::from(&tally).cost,
            cached_share: share(usage),
            broken: broken.map(|broken| Left::new(&broken.found)),
            id: turn.turn.as_deref(),
            purpose: Purpose::as_str(turn.purpose),
            started: stamp(turn.started()),
            duration: turn.duration().map(micros),
            model: turn.model(),
            error: turn.is_error(),
            attempts: turn.attempts.iter().map(|it| Try::new(it, namer)).collect(),
        }
    }
}

impl<'a> Left<'a> {
    fn new(found: &'a Break) -> Self {
        let place = &found.place;
        Self {
            place: place.as_str(),
            tool: match place {
                Place::Tool(name) => Some(name),
                _ => None,
            },
            item: match place {
                Place::Item(at) => Some(*at),
                _ => None,
            },
            byte: place.is_in_prompt().then_some(found.byte),
            lost: found.lost,
        }
    }
}

impl<'a> Try<'a> {
    fn new(attempt: &'a Attempt, namer: &Namer<'_>) -> Self {
        Self {
            flow: namer.name(attempt.flow),
            handshake: attempt.is_handshake,
            transport: attempt.transport.as_str(),
            started: stamp(attempt.started),
            ended: attempt.ended.map(stamp),
            state: attempt.state.as_str(),
            status: attempt.status,
            failure: attempt.failure.as_deref(),
            reason: attempt.reason.as_deref(),
            gist: &attempt.gist,
            model: attempt.model.as_deref(),
            served: attempt.served.as_deref(),
            usage: attempt.usage,
            cost: attempt
                .cost
                .map(|cost| Cost::new(cost.dollars, cost.confidence)),
        }
    }
}

/// Every attempt, in order.
pub(super) fn events<'a>(
    sessions: &'a Sessions,
    sort: Option<Sort>,
    namer: &Namer<'_>,
) -> impl Iterator<Item = Event<'a>> {
    in_order(sessions, sort)
        .into_iter()
        .map(|(session, thread, turn, at)| {
            let attempt = &turn.attempts[at];
            Event {
                session: id(&session.id),
                thread: id(&thread.id),
                agent: thread.agent.as_ref().map(|agent| &*agent.value),
                turn: turn.turn.as_deref(),
                what: what(turn, attempt),
                attempt: at + 1,
                of: turn.attempts.len(),
                tried: Try::new(attempt, namer),
            }
        })
}

impl From<&sessions::Tally> for Tally {
    fn from(tally: &sessions::Tally) -> Self {
        Self {
            turns: tally.turns,
            warm_ups: tally.warm_ups,
            compactions: tally.compactions,
            retries: tally.retries,
            errors: tally.errors,
            rerouted: tally.rerouted,
            usage: tally.usage,
            cost: tally
                .confidence
                .map(|confidence| Cost::new(tally.cost, confidence)),
            unpriced: tally.unpriced,
            busy: micros(tally.busy),
        }
    }
}

impl Cost {
    fn new(dollars: Dollars, confidence: Confidence) -> Self {
        Self {
            usd: dollars.to_string(),
            confidence: confidence.as_str(),
        }
    }
}

/// How much of the input came from the cache; `None` without input.
fn share(usage: Usage) -> Option<f64> {
    let hundredths = u128::from(usage.cached) * 10_000;
    let hundredths = hundredths.checked_div(usage.input.into())?;
    Some(f64::from(u32::try_from(hundredths).ok()?) / 100.0)
}

fn tallies<'a>(models: &BTreeMap<&'a str, sessions::Tally>) -> BTreeMap<&'a str, Tally> {
    let tallies = models.iter();
    tallies
        .map(|(model, tally)| (*model, Tally::from(tally)))
        .collect()
}

/// An id, unless it is none.
fn id(id: &str) -> Option<&str> {
    Some(id).filter(|id| !id.is_empty())
}

/// RFC 3339, UTC, microseconds.
fn stamp(at: At) -> String {
    let micros = i64::try_from(at.as_micros()).unwrap_or(i64::MAX);
    let stamp = Timestamp::from_microsecond(micros).unwrap_or(Timestamp::MAX);
    stamp.strftime("%Y-%m-%dT%H:%M:%S%.6fZ").to_string()
}

fn date(prices: &Prices) -> String {
    let seconds = i64::from(prices.date().0) * 86_400;
    let stamp = Timestamp::from_second(seconds).unwrap_or(Timestamp::MAX);
    stamp.strftime("%Y-%m-%d").to_string()
}

fn micros(duration: Duration) -> u64 {
    duration.as_micros().try_into().unwrap_or(u64::MAX)
}
