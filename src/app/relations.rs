//! What the selected flow has to do with others: found when another one is selected, and read again only
//! when one of those changed.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

use crate::content::Around;
use crate::flow::lineage::Effective;
use crate::flow::{Calls, Flow, FlowId, Related, State, Store};
use crate::responses::Prices;

/// The flows around the selected one, and the requests that were put together over them.
#[derive(Default, Debug)]
pub(super) struct Relations {
    /// What the last search was for; `None` before the first one.
    seen: Option<Key>,
    /// What it found.
    related: Option<Related>,
    /// The flows that are needed as a whole for what is told about the selected one.
    needed: Vec<FlowId>,
    /// Effective requests that were put together, the latest last.
    known: VecDeque<Known>,
    /// Those of the selected flow and of the turn before it.
    effective: [Option<Arc<Effective>>; 2],
    /// What those were made from.
    stamp: Option<u64>,
}

/// What is known around a flow at one moment.
#[derive(Clone, Default, Debug)]
pub(super) struct Kept {
    /// Of which flow.
    of: Option<FlowId>,
    related: Option<Related>,
    before: Option<Arc<Flow>>,
    effective: [Option<Arc<Effective>>; 2],
}

impl Kept {
    /// What the panes are to be told about `flow` besides tool `calls`.
    pub(super) fn around<'a>(
        &'a self,
        flow: &Flow,
        calls: Calls,
        prices: &'a Prices,
    ) -> Around<'a> {
        let is_own = self.of == Some(flow.id);
        let related = self.related.as_ref().filter(|_| is_own);
        let [before_asked, asked] = &self.effective;
        Around {
            calls,
            turn: related.map(|related| &related.turn),
            turn_before: related.and_then(|related| related.before.as_ref()),
            flow_before: self.before.as_deref().filter(|_| related.is_some()),
            asked: asked.as_deref().filter(|_| is_own),
            asked_before: before_asked.as_deref().filter(|_| is_own),
            prices: Some(prices),
        }
    }
}

/// What decides which flows are related: none of it changes with what streams.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Key {
    selected: Option<FlowId>,
    /// How many flows there are.
    flows: usize,
    /// How many bytes of the request there are.
    asked: usize,
    /// Where the flow stands.
    state: Option<State>,
}

/// An effective request that was put together.
#[derive(Debug)]
struct Known {
    flow: FlowId,
    revision: u64,
    effective: Arc<Effective>,
}

impl Relations {
    /// Looks for the flows that `selected` has to do with, if there may be others by now.
    pub(super) fn look(&mut self, selected: Option<FlowId>, store: &Store, prices: &Prices) {
        let flow = selected.and_then(|id| store.get(id));
        let key = Key {
            selected,
            flows: store.len(),
            asked: flow.map_or(0, |flow| flow.request.body.bytes().len()),
            state: flow.map(Flow::state),
        };
        if self.seen.replace(key) != Some(key) {
            self.related = selected.and_then(|id| Related::of(store, id, prices));
            self.needed = self.related.as_ref().map_or_else(Vec::new, Related::needed);
            self.stamp = None;
        }
    }

    /// The flows that are needed as a whole, besides the selected one: the nearest first.
    pub(super) fn needed(&self) -> &[FlowId] {
        &self.needed
    }

    /// A number that differs once what is told about the flow does, but for the flow itself.
    pub(super) fn stamp(&self, store: &Store) -> u64 {
        let whole = self.needed.iter().filter_map(|id| store.get(*id));
        let revisions: u64 = whole.map(|flow| flow.revision).sum();
        let turn = self.related.as_ref().map(|related| &related.turn);
        revisions.wrapping_add(turn.map_or(0, |turn| turn.attempts.len() as u64))
    }

    /// Puts the requests together, as far as what they continue is in memory. Of those before, as many are kept
    /// as take `cache` bytes.
    pub(super) fn prepare(&mut self, store: &Store, cache: u64) {
        let asked = self.seen.map_or(0, |key| key.asked as u64);
        let stamp = self.stamp(store).wrapping_add(asked);
        if self.stamp.replace(stamp) == Some(stamp) {
            return;
        }
        let Some(related) = self.related.take() else {
            self.effective = [None, None];
            return;
        };
        let selected = self.seen.and_then(|key| key.selected);
        self.effective = [related.before(), selected].map(|id| self.put(id?, &related, store));
        self.trim(cache);
        self.related = Some(related);
    }

    /// What the panes are to be told about `flow`, which is the selected one, besides tool `calls`.
    pub(super) fn around<'a>(
        &'a self,
        store: &'a Store,
        flow: &Flow,
        calls: Calls,
        prices: &'a Prices,
    ) -> Around<'a> {
        let is_own = self.seen.is_some_and(|key| key.selected == Some(flow.id));
        let related = self.related.as_ref().filter(|_| is_own);
        let before = related.and_then(Related::before);
        let [before_asked, asked] = &self.effective;
        Around {
            calls,
            turn: related.map(|related| &related.turn),
            turn_before: related.and_then(|related| related.before.as_ref()),
            flow_before: before.and_then(|id| store.get(id)),
            asked: asked.as_deref().filter(|_| is_own),
            asked_before: before_asked.as_deref().filter(|_| is_own),
            prices: Some(prices),
        }
    }

    /// What is known now.
    pub(super) fn keep(&self, store: &Store) -> Kept {
        let before = self.related.as_ref().and_then(Related::before);
        Kept {
            of: self.seen.and_then(|key| key.selected),
            related: self.related.clone(),
            before: before.and_then(|id| store.shared(id)),
            effective: self.effective.clone(),
        }
    }

    /// The effective request of a flow, put together from what is known.
    fn put(&mut self, id: FlowId, related: &Related, store: &Store) -> Option<Arc<Effective>> {
        let revision = |id: FlowId| store.get(id).map(|flow| flow.revision);
        let known = |id: FlowId| {
            let is_it = |known: &&Known| known.flow == id && Some(known.revision) == revision(id);
            let known = self.known.iter().find(is_it)?;
            Some(Arc::clone(&known.effective))
        };
        let effective = related.effective(store, id, known)?;
        let is_whole = !effective.badge.is_missing();
        if let Some(revision) = revision(id).filter(|_| is_whole) {
            self.known.retain(|known| known.flow != id);
            self.known.push_back(Known {
                flow: id,
                revision,
                effective: Arc::clone(&effective),
            });
        }
        Some(effective)
    }

    /// Lets the oldest requests go: those beyond [`MOST_KNOWN`], and beyond `most` bytes together.
    fn trim(&mut self, most: u64) {
        let (mut counted, mut bytes) = (HashSet::new(), 0);
        let fits = |known: &&Known| {
            bytes += known.effective.bytes(&mut counted);
            bytes <= most
        };
        let kept = self
            .known
            .iter()
            .rev()
            .take(MOST_KNOWN)
            .take_while(fits)
            .count();
        self.known.drain(..self.known.len() - kept);
    }
}

/// Effective requests that are kept: enough to go on from turn to turn, and to come back.
const MOST_KNOWN: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::{Body, Channel};
    use crate::responses::{Status, Turn};
    use crate::tap::At;

    /// A turn that continues `previous` and was answered as `response`.
    fn turn(previous: &str, response: &str) -> Flow {
        let started = At::from_micros(1_000_000);
        let mut flow = Flow::new(response.to_owned(), String::new(), "".into(), started);
        flow.channel = Channel::Model;
        flow.turn = Some(Turn::default());
        let body = format!(r#"{{"input":"hi","previous_response_id":"{previous}"}}"#);
        flow.request.body.push(body.as_bytes());
        flow.read_request();
        flow.identity.thread = Some("t".to_owned());
        let turn = flow.turn.get_or_insert_default();
        turn.response_id = Some(response.to_owned());
        turn.status = Status::Completed;
        flow.ended = Some(started);
        flow
    }

    #[test]
    fn requests_are_kept_as_long_as_they_have_room() {
        let (mut store, mut relations) = (Store::default(), Relations::default());
        let mut first = turn("", "r0");
        first.request.body = Body::default();
        let text = format!(r#"{{"input":"{}"}}"#, "x".repeat(100_000));
        first.request.body.push(text.as_bytes());
        let mut ids = vec![store.push(first)];
        for number in 1..6 {
            ids.push(store.push(turn(&format!("r{}", number - 1), &format!("r{number}"))));
        }
        let prices = Prices::default();
        let mut look = |id: FlowId, cache: u64| {
            relations.look(Some(id), &store, &prices);
            relations.prepare(&store, cache);
            let flow = store.get(id).unwrap();
            let around = relations.around(&store, flow, Calls::default(), &prices);
            assert!(around.asked.is_some(), "what is shown is there in any case");
            relations.known.len()
        };
        // What all of them share counts once.
        for id in &ids[1..] {
            look(*id, 500_000);
        }
        assert_eq!(look(ids[4], 500_000), 6);
        assert_eq!(look(ids[5], 100_000), 0);
    }

    #[test]
    fn what_is_told_of_others_is_made_again_only_when_they_change() {
        let (mut store, mut relations) = (Store::default(), Relations::default());
        let prices = Prices::default();
        let mut first = turn("", "a");
        first.request.body = Body::default();
        first.request.body.push(br#"{"input":"hello"}"#);
        let first = store.push(first);
        let second = store.push(turn("a", "b"));
        let look = |relations: &mut Relations, store: &Store| {
            relations.look(Some(second), store, &prices);
            relations.prepare(store, u64::MAX);
            let flow = store.get(second).unwrap();
            let around = relations.around(store, flow, Calls::default(), &prices);
            std::ptr::from_ref(around.asked.unwrap())
        };
        let made = look(&mut relations, &store);
        assert_eq!(relations.needed(), [first]);
        let stamp = relations.stamp(&store);
        store.change(second, |flow| flow.response.body.push(b"streamed"));
        assert_eq!(look(&mut relations, &store), made, "an answer that streams");
        store.push(turn("x", "c"));
        relations.look(Some(second), &store, &prices);
        assert_eq!(relations.stamp(&store), stamp, "a turn after it");

        store.change(first, |flow| flow.turn = None);
        assert_ne!(relations.stamp(&store), stamp);
        let other = store.get(first).unwrap();
        let around = relations.around(&store, other, Calls::default(), &prices);
        assert!(around.turn.is_none(), "they are the selected flow's");
    }
}
