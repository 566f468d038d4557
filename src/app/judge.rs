//! Which flows pass the filter, found out a step at a time.
//!
//! A filter may read every body of a long session, which takes seconds; so nothing here reads more
//! than [`STEP`] bytes (or one flow) at once. While a new filter is at work the verdicts of the one
//! before stand, and then all change together. A large flow that grows is looked at again only when
//! it has grown by an eighth, or has ended: what a stream costs stays in proportion to its length.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::filter::{Filter, Flag};
use crate::flow::{Flow, FlowId, State, Store, Summary};

/// Applies the filter.
#[derive(Default, Debug)]
pub(super) struct Judge {
    /// Which flows are wanted.
    filter: Option<Arc<Filter>>,
    /// Grows when what was found before may be wrong: with another filter, and with a mark.
    round: u64,
    /// What is known of each flow. Position = id.
    verdicts: Vec<Verdict>,
    /// Flows that must be looked at: those below `rest`, and these.
    due: BTreeSet<FlowId>,
    /// How many flows, the oldest, a new filter has not come to yet.
    rest: u32,
    /// Flows that must be read back to be looked at.
    unread: BTreeSet<FlowId>,
    /// Whether the filter is new, and not all flows were looked at yet.
    is_round: bool,
}

/// Whether a flow passes.
#[derive(Clone, Copy, Debug)]
struct Verdict {
    /// What counts.
    shown: bool,
    /// What was found last; counts when the round is over.
    found: bool,
    /// How many bytes of bodies there were then.
    read: u64,
    /// How the flow stood when it last changed.
    stand: (State, bool),
}

impl Judge {
    /// Whether the flow passes the filter, as far as it is known.
    pub(super) fn passes(&self, id: FlowId) -> bool {
        self.verdicts
            .get(id.0 as usize)
            .is_some_and(|verdict| verdict.shown)
    }

    /// Whether flows are still to be looked at.
    pub(super) fn is_busy(&self) -> bool {
        !self.due.is_empty() || self.rest > 0
    }

    /// Flows that must be read back from the capture to be looked at, the newest first; none before a new filter has
    /// come to all flows: what they find would not count yet, and takes the processors from that.
    pub(super) fn unread(&self) -> impl Iterator<Item = FlowId> {
        let unread = (!self.is_round).then_some(&self.unread);
        unread.into_iter().flatten().rev().copied()
    }

    /// The filter that they are to be judged by, and its round, which the answers must name.
    pub(super) fn filter(&self) -> Option<(&Arc<Filter>, u64)> {
        self.filter.as_ref().map(|filter| (filter, self.round))
    }

    /// How far a new filter is: flows looked at, of how many. `None` when it is through.
    pub(super) fn progress(&self) -> Option<(usize, usize)> {
        let total = self.verdicts.len();
        (self.is_round || !self.unread.is_empty()).then(|| {
            (
                total.saturating_sub(self.due.len() + self.rest as usize + self.unread.len()),
                total,
            )
        })
    }

    /// Takes another filter. Says whether the verdicts changed at once.
    pub(super) fn set(&mut self, filter: Option<Filter>) -> bool {
        if self.filter.as_deref() == filter.as_ref() {
            return false;
        }
        self.filter = filter.map(Arc::new);
        self.round += 1;
        self.unread.clear();
        self.due.clear();
        self.rest = 0;
        if self.filter.is_some() {
            self.rest = self.verdicts.len() as u32;
            self.is_round = true;
            return false;
        }
        self.is_round = false;
        for verdict in &mut self.verdicts {
            verdict.shown = true;
        }
        true
    }

    /// Takes in that a flow came or changed.
    pub(super) fn take(&mut self, flow: &Summary) {
        let stand = (flow.state, flow.is_live());
        let Some(verdict) = self.verdicts.get_mut(flow.id.0 as usize) else {
            let shown = self.filter.is_none();
            self.verdicts.push(Verdict {
                shown,
                found: shown,
                read: 0,
                stand,
            });
            if !shown {
                self.due.insert(flow.id);
            }
            return;
        };
        if self.filter.is_none() {
            return;
        }
        let size = flow.text_len;
        let is_grown = size <= SMALL || size >= verdict.read + verdict.read / 8;
        if verdict.stand != stand || is_grown {
            verdict.stand = stand;
            self.due.insert(flow.id);
        }
    }

    /// Has a flow looked at again: its mark changed.
    pub(super) fn again(&mut self, id: FlowId) {
        if self.filter.is_some() {
            self.round += 1;
            self.due.insert(id);
        }
    }

    /// Has every flow looked at again that grew since it was last looked at.
    pub(super) fn refresh(&mut self, store: &Store) {
        if self.filter.is_none() {
            return;
        }
        for (flow, verdict) in store.summaries().zip(&self.verdicts) {
            if flow.is_live() && flow.text_len != verdict.read {
                self.due.insert(flow.id);
            }
        }
    }

    /// Looks at flows, for one step. Says whether verdicts changed.
    pub(super) fn step(&mut self, store: &Store, marks: &BTreeSet<FlowId>) -> bool {
        let mut spent = 0;
        let mut has_changed = false;
        while spent < STEP
            && let Some(id) = self.next()
        {
            let (Some(summary), Some(filter)) = (store.summary(id), &self.filter) else {
                continue;
            };
            let flow = store.get(id);
            spent += flow.map_or(SUMMARY, |flow| size(flow) + HEADS);
            if filter.asks(Flag::Retry) {
                spent += NEIGHBOURS;
            }
            if !self.unread.is_empty() {
                self.unread.remove(&id);
            }
            let standing = filter.standing(store, id, marks.contains(&id));
            match filter.judge(&summary, flow, standing) {
                Some(found) => has_changed |= self.decide(id, summary.text_len, found),
                None if store.place(id).is_some() => {
                    self.unread.insert(id);
                }
                // It is nowhere to be read.
                None => has_changed |= self.decide(id, 0, false),
            }
        }
        self.end_round() || has_changed
    }

    /// The next flow to be looked at, the newest first.
    fn next(&mut self) -> Option<FlowId> {
        self.due.pop_last().or_else(|| {
            self.rest = self.rest.checked_sub(1)?;
            Some(FlowId(self.rest))
        })
    }

    /// Takes in what was found, in this round, of a flow that was read back. Says whether verdicts changed.
    pub(super) fn answer(&mut self, round: u64, id: FlowId, found: bool) -> bool {
        if round != self.round || !self.unread.remove(&id) {
            return false;
        }
        let has_changed = self.decide(id, 0, found);
        self.end_round() || has_changed
    }

    /// Takes note of what was found. Says whether that counts at once and is new.
    fn decide(&mut self, id: FlowId, read: u64, found: bool) -> bool {
        let Some(verdict) = self.verdicts.get_mut(id.0 as usize) else {
            return false;
        };
        verdict.read = read;
        verdict.found = found;
        if self.is_round {
            return false;
        }
        let has_changed = verdict.shown != found;
        verdict.shown = found;
        has_changed
    }

    /// Has all verdicts count if the round is over, but for flows that must be read back first: those
    /// show up as they are found. Says whether it is.
    fn end_round(&mut self) -> bool {
        if !self.is_round || self.is_busy() {
            return false;
        }
        self.is_round = false;
        for verdict in &mut self.verdicts {
            verdict.shown = verdict.found;
        }
        true
    }
}

/// Bytes that a filter may have to read of a flow.
fn size(flow: &Flow) -> u64 {
    (flow.request.body.bytes().len() + flow.response.body.bytes().len()) as u64
}

/// How many bytes are read in one step: a few milliseconds' worth.
const STEP: u64 = 256 << 10;
/// What looking at a flow costs beside its bodies, in bytes.
const HEADS: u64 = 512;
/// What looking at a summary costs.
const SUMMARY: u64 = 64;
/// What looking at the flows before one costs.
const NEIGHBOURS: u64 = 4 << 10;
/// Up to this many bytes, a flow is looked at whenever it changes.
const SMALL: u64 = 64 << 10;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::Recorder;
    use crate::tap::{At, Event, ExchangeId, Kind, Redactor};

    #[test]
    fn a_long_stream_is_looked_at_now_and_then() {
        let mut store = Store::default();
        Recorder::new(At::default(), Redactor::off()).apply(
            &mut store,
            Event {
                exchange: ExchangeId(1),
                at: At::default(),
                kind: Kind::Opened {
                    connection: 1,
                    client: "127.0.0.1:5".parse().unwrap(),
                    upstream: "https://x".into(),
                },
            },
        );
        let id = store.flows()[0].id;
        let marks = BTreeSet::new();
        let mut judge = Judge::default();
        judge.set(Filter::parse("~bs end").ok());
        let mut looks = 0;
        for number in 0..1_000 {
            let text: &[u8] = if number == 999 {
                b"the end"
            } else {
                &[b'x'; 1_000]
            };
            store.change(id, |flow| flow.response.body.push(text));
            judge.take(&store.summary(id).unwrap());
            looks += usize::from(judge.is_busy());
            judge.step(&store, &marks);
        }
        assert!((66..120).contains(&looks), "{looks}");
        assert!(!judge.passes(id), "not yet");
        store.change(id, |flow| flow.ended = Some(At::default()));
        judge.take(&store.summary(id).unwrap());
        judge.step(&store, &marks);
        assert!(judge.passes(id));
    }
}
