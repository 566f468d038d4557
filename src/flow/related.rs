//! The flows that a turn has to do with: other attempts at it, the turn of its thread before it, and
//! those whose responses it continues.
//!
//! Found among the summaries of the rows near by, so that it may be asked for when another row is
//! selected, in a list of any length. What is to be read of the flows themselves is told by
//! [`Related::needed`].

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::lineage::Effective;
use super::sessions::{LogicalTurn, Sessions, before};
use super::{FlowId, FlowKind, Store, Summary};
use crate::responses::Prices;

/// The turns that one has to do with.
#[derive(Clone, Debug)]
pub struct Related {
    /// Every attempt at what the flow is an attempt at.
    pub turn: LogicalTurn,
    /// The turn of the thread before that; compactions are none, and warm-ups only where there is no other that it
    /// continues.
    pub before: Option<LogicalTurn>,
    /// The flow.
    flow: FlowId,
    /// By flow: the one whose response it continues.
    parents: HashMap<FlowId, FlowId>,
}

impl Related {
    /// What the flow has to do with; `None` where it asks for no model response.
    #[must_use]
    pub fn of(store: &Store, id: FlowId, prices: &Prices) -> Option<Self> {
        let own = store.identity(id)?;
        let rows = store.rows();
        let row = rows.iter().rposition(|row| *row == id)?;
        let is_same = |id: &&FlowId| {
            let other = store.identity(**id);
            other.is_some_and(|it| it.thread == own.thread && it.session == own.session)
        };
        let earlier = rows[row.saturating_sub(BEFORE)..row].iter();
        let later = rows[row..].iter().take(NEAR);
        let thread = earlier.clone().rev().filter(is_same).take(TURNS);
        let thread = thread.chain(later.clone().filter(is_same).take(TURNS));
        let thread = thread.filter_map(|id| store.summary(*id));
        let find = |id: FlowId| {
            let link = store.link(id).filter(Link::is_continuing);
            let rows = link.map(|_| earlier.clone().chain(later.clone()));
            let thread = rows.into_iter().flatten().filter(is_same);
            let links = thread.filter_map(|id| Some((*id, store.link(*id)?)));
            parents(&links.collect::<Vec<_>>())
        };
        let mut parents = find(id);
        let sessions = Sessions::of(thread, prices);
        let turns = sessions
            .sessions
            .into_iter()
            .flat_map(|it| it.threads)
            .flat_map(|it| it.turns);
        let mut turns: Vec<LogicalTurn> = turns.collect();
        let has = |turn: &LogicalTurn, id| turn.attempts.iter().any(|it| it.flow == id);
        let at = turns.iter().position(|turn| has(turn, id))?;
        let is_told = own.thread.is_some() || own.session.is_some();
        let before = before(&turns, at, parents.get(&id).copied(), is_told);
        let turn = turns.swap_remove(at);
        let before = before.map(|before| turns.swap_remove(before));
        if let Some(before) = before.as_ref().and_then(LogicalTurn::last)
            && parents.is_empty()
        {
            parents = find(before.flow);
        }
        Some(Self {
            turn,
            before,
            flow: id,
            parents,
        })
    }

    /// The flow of the turn before: its attempt that counts.
    #[must_use]
    pub fn before(&self) -> Option<FlowId> {
        Some(self.before.as_ref()?.last()?.flow)
    }

    /// The flows that have to be read, besides the flow itself, for all that can be told about it: the
    /// nearest first.
    #[must_use]
    pub fn needed(&self) -> Vec<FlowId> {
        let mut seen = HashSet::from([self.flow]);
        let chains = [Some(self.flow), self.before()].into_iter().flatten();
        let all = chains.flat_map(|id| self.chain(id));
        all.filter(|id| seen.insert(*id)).collect()
    }

    /// The effective request of one of these flows, as far as its chain is in memory as a whole.
    /// `known` gives what was put together before.
    pub fn effective(
        &self,
        store: &Store,
        id: FlowId,
        known: impl Fn(FlowId) -> Option<Arc<Effective>>,
    ) -> Option<Arc<Effective>> {
        let mut chain = Vec::new();
        let mut effective = None;
        for id in self.chain(id) {
            effective = known(id);
            // What is before a flow that is not there is not known either.
            let Some(flow) = store.get(id).filter(|_| effective.is_none()) else {
                break;
            };
            chain.push(flow);
        }
        for flow in chain.into_iter().rev() {
            effective = Effective::after(effective.as_deref(), flow).map(Arc::new);
        }
        effective
    }

    /// A flow, and those that it continues one after another.
    fn chain(&self, id: FlowId) -> impl Iterator<Item = FlowId> {
        // Responses that continue each other are nobody's.
        let mut seen = HashSet::new();
        let next = |id: &FlowId| self.parents.get(id).copied();
        std::iter::successors(Some(id), next).take_while(move |id| seen.insert(*id))
    }
}

/// Whether a flow is one more attempt at a turn of which it is not the first. Only flows that came shortly before
/// are looked at: attempts follow each other.
#[must_use]
pub fn is_retry(store: &Store, id: FlowId) -> bool {
    let Some(own) = store.identity(id) else {
        return false;
    };
    let is_same = |id: &FlowId| {
        let other = store.identity(*id);
        other.is_some_and(|it| it.thread == own.thread && it.session == own.session)
    };
    let before = (id.0.saturating_sub(NEAR as u32)..id.0).rev().map(FlowId);
    let near = before.filter(is_same).take(ATTEMPTS);
    let mut near: Vec<_> = near.filter_map(|id| store.summary(id)).collect();
    let is_refused = |it: &Summary| it.kind == FlowKind::Ws && it.status != Some(101);
    // Most flows follow none that failed.
    if !near.iter().any(|it| it.is_error() || is_refused(it)) {
        return false;
    }
    near.extend(store.summary(id));
    let sessions = Sessions::of(near, &Prices::default()).sessions;
    let threads = sessions.iter().flat_map(|session| &session.threads);
    let mut turns = threads.flat_map(|thread| &thread.turns);
    turns.any(|turn| {
        turn.attempts
            .iter()
            .skip(1)
            .any(|attempt| attempt.flow == id)
    })
}

/// By flow: the one that it continues.
fn parents(links: &[(FlowId, Link<'_>)]) -> HashMap<FlowId, FlowId> {
    let responses = links
        .iter()
        .filter_map(|(id, link)| Some((link.response?, *id)));
    let responses: HashMap<&str, FlowId> = responses.collect();
    let numbered = links
        .iter()
        .filter_map(|(id, link)| Some((link.place()?, *id)));
    let numbered: HashMap<(FlowId, u32), FlowId> = numbered.collect();
    let parent = |link: &Link<'_>| match (link.previous, link.place()) {
        (Some(previous), _) => responses.get(previous),
        (None, Some((connection, number))) if link.is_append() => {
            numbered.get(&(connection, number.checked_sub(1)?))
        }
        (None, _) => None,
    };
    let pairs = links
        .iter()
        .filter_map(|(id, link)| Some((*id, *parent(link)?)));
    pairs.filter(|(id, parent)| id != parent).collect()
}

/// What ties a flow to the one it continues, without the cost of a summary.
#[derive(Clone, Copy, Debug)]
pub(super) struct Link<'a> {
    pub(super) kind: FlowKind,
    /// Whether the request names a model.
    pub(super) has_model: bool,
    /// The response that the request continues.
    pub(super) previous: Option<&'a str>,
    /// The response's own id.
    pub(super) response: Option<&'a str>,
}

impl Link<'_> {
    fn is_continuing(&self) -> bool {
        self.previous.is_some() || self.is_append()
    }

    /// Whether it is a `response.append`, which names neither a response nor a model.
    fn is_append(&self) -> bool {
        self.place().is_some() && !self.has_model
    }

    /// The connection, and the number of the turn on it.
    fn place(&self) -> Option<(FlowId, u32)> {
        match self.kind {
            FlowKind::WsTurn { connection, number } => Some((connection, number)),
            FlowKind::Http | FlowKind::Ws => None,
        }
    }
}

/// Rows before the flow's that are looked at.
const BEFORE: usize = 2_000;

/// How many flows there may be between two attempts, which follow each other.
pub(super) const NEAR: usize = 200;

/// Flows of the thread among which the attempts before one are looked for.
const ATTEMPTS: usize = 12;

/// Turns of the thread on either side among which attempts and the turn before are looked for.
const TURNS: usize = 64;

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::flow::{Channel, Context, Flow, State, lineage::Badge};
    use crate::responses::Status;
    use crate::tap::{At, RequestHead};

    /// A turn of `thread` that continues `previous` and was answered as `response`.
    fn turn(thread: &str, id: &str, previous: &str, response: &str) -> Flow {
        let name = format!("{thread}-{response}");
        let started = At::from_micros(1_000_000);
        let mut flow = Flow::new(name, String::new(), Arc::from(""), started);
        flow.request.head = Some(RequestHead {
            method: "POST".to_owned(),
            target: "/v1/responses".to_owned(),
            version: http::Version::HTTP_11,
            fields: Vec::new(),
        });
        let previous = match previous {
            "" => String::new(),
            previous => format!(r#","previous_response_id":"{previous}""#),
        };
        let body = format!(r#"{{"model":"gpt-x","input":"after {response}"{previous}}}"#);
        flow.request.body.push(body.as_bytes());
        flow.replay();
        flow.identity.thread = (!thread.is_empty()).then(|| thread.to_owned());
        flow.identity.turn = Some(id.to_owned());
        let turn = flow.turn.get_or_insert_default();
        turn.response_id = Some(response.to_owned());
        turn.status = if response.starts_with("bad") {
            Status::Failed
        } else {
            Status::Completed
        };
        flow.ended = Some(started);
        flow
    }

    fn attempts(turn: &LogicalTurn) -> Vec<FlowId> {
        turn.attempts.iter().map(|attempt| attempt.flow).collect()
    }

    #[test]
    fn a_turn_is_related_to_its_attempts_the_turn_before_and_what_it_continues() {
        let mut store = Store::default();
        let first = store.push(turn("t", "1", "", "a"));
        let other = store.push(turn("u", "9", "", "o"));
        let second = store.push(turn("t", "2", "a", "b"));
        let failed = store.push(turn("t", "3", "b", "bad"));
        let again = store.push(turn("t", "3", "b", "c"));
        let of = |id| Related::of(&store, id, &Prices::default()).unwrap();

        let retries: Vec<FlowId> = (0..5)
            .map(FlowId)
            .filter(|id| is_retry(&store, *id))
            .collect();
        assert_eq!(retries, [again]);
        for id in [failed, again] {
            let related = of(id);
            assert_eq!(attempts(&related.turn), [failed, again]);
            assert_eq!(related.before(), Some(second));
            assert_eq!(related.needed(), [second, first]);
            let effective = related.effective(&store, id, |_| None).unwrap();
            assert_eq!(
                (effective.items.len(), &effective.badge),
                (3, &Badge::Complete)
            );
        }
        assert_eq!(of(first).before(), None);
        assert!(of(other).needed().is_empty());
    }

    #[test]
    fn an_attempt_after_one_that_was_forgotten_is_a_retry() {
        let mut store = Store::default();
        let failed = store.push(turn("t", "3", "b", "bad"));
        store.forget(failed);
        for number in 1..NEAR {
            let id = store.push(turn("u", &number.to_string(), "", "o"));
            store.forget(id);
        }
        let again = store.push(turn("t", "3", "b", "c"));
        assert!(is_retry(&store, again));
    }

    #[test]
    fn the_first_turn_is_held_against_the_warm_up_that_it_continues() {
        for thread in ["t", ""] {
            let mut store = Store::default();
            let warm = |response: &str| {
                let mut flow = turn(thread, "", "", response);
                flow.identity.turn = None;
                flow.identity.purpose = Some("prewarm".to_owned());
                flow
            };
            let warm_up = store.push(warm("w"));
            let first = store.push(turn(thread, "1", "w", "a"));
            let second = store.push(turn(thread, "2", "a", "b"));
            let again = store.push(warm("v"));
            let third = store.push(turn(thread, "3", "v", "c"));
            let fourth = store.push(turn(thread, "4", "", "d"));
            let before = |id| {
                let related = Related::of(&store, id, &Prices::default()).unwrap();
                related.before()
            };
            assert_eq!(before(first), Some(warm_up), "{thread:?}");
            assert_eq!(before(second), Some(first));
            // Of the same thread for sure, and an answer.
            let latest = if thread.is_empty() { again } else { second };
            assert_eq!(before(third), Some(latest));
            let latest = (!thread.is_empty()).then_some(third);
            assert_eq!(before(fourth), latest);
        }
    }

    #[test]
    fn what_was_put_together_before_is_gone_on_from() {
        let mut store = Store::default();
        let first = store.push(turn("t", "1", "", "a"));
        let second = store.push(turn("t", "2", "a", "b"));
        let related = Related::of(&store, second, &Prices::default()).unwrap();
        let known = related.effective(&store, first, |_| None);
        store.release(first, None);
        store.trim(0, |id| id == second);
        let badge = |known: Option<Arc<Effective>>| {
            let find = |id| known.clone().filter(|_| id == first);
            let effective = related.effective(&store, second, find).unwrap();
            effective.badge.clone()
        };
        assert_eq!(badge(known), Badge::Complete);
        assert_eq!(badge(None), Badge::ParentMissing("a".to_owned()));
    }

    #[test]
    fn what_no_one_answers_for_is_related_to_nothing() {
        let mut store = Store::default();
        let one = store.push(turn("", "1", "", "a"));
        let two = store.push(turn("", "2", "", "b"));
        let three = store.push(turn("", "3", "b", "c"));
        let loops = store.push(turn("", "4", "d", "d"));
        let of = |id| Related::of(&store, id, &Prices::default()).unwrap();
        assert_eq!(of(two).before(), None, "no thread, nothing continued");
        assert_eq!(of(three).before(), Some(two));
        assert!(of(loops).needed().is_empty());
        store.forget(one);
        assert!(Related::of(&store, one, &Prices::default()).is_none());
        let mut side = turn("t", "", "", "");
        side.turn = None;
        side.channel = Channel::Models;
        side.asked = Context::default();
        let side = store.push(side);
        assert_eq!(store.get(side).map(Flow::state), Some(State::Complete));
        assert!(Related::of(&store, side, &Prices::default()).is_none());
    }
}
