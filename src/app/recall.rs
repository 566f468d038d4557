//! Flows that are in memory as a summary only and are needed as a whole: for the panes, or for the
//! filter. Those for the panes are asked for together; the filter has a few at a time searched, on as many threads
//! as there are processors.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::list::List;
use super::search::{Found, Search, Sought};
use crate::flow::{FlowId, Store};

/// What was asked for, and what could not be had.
#[derive(Default, Debug)]
pub(super) struct Recall {
    /// What the panes show: it stays in memory.
    shown: BTreeSet<FlowId>,
    /// What the panes tell besides: it stays too, and is asked for when what is shown is there.
    related: BTreeSet<FlowId>,
    /// Asked for, for the panes.
    asked_to_show: BTreeSet<FlowId>,
    /// Asked for, for the filter.
    asked_to_judge: BTreeSet<FlowId>,
    /// How many searches go on for that.
    searches: usize,
    /// What cannot be read back, and why.
    failed: BTreeMap<FlowId, String>,
    /// What the last round was about; `None` when something came since.
    seen: Option<Key>,
}

/// What decides what the panes show, what may be let go and what is to be asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Key {
    selected: Option<FlowId>,
    /// How many turns the selected connection has.
    turns: usize,
    /// How many other flows the selected one has to do with.
    related: usize,
    /// [`Store::moves`].
    moves: u64,
}

impl Recall {
    /// Whether anything changed since the last time this was asked that [`Recall::show`],
    /// [`Store::trim`] and [`Recall::ask`] depend on. They look at every flow that is whole, so they
    /// are not for every turn of the loop.
    pub(super) fn is_due(
        &mut self,
        selected: Option<FlowId>,
        related: usize,
        store: &Store,
    ) -> bool {
        let key = Key {
            selected,
            turns: selected.map_or(0, |id| store.turns(id).len()),
            related,
            moves: store.moves(),
        };
        self.seen.replace(key) != Some(key)
    }

    /// Has the panes show `selected`: a connection with its turns, the newest first, a turn with those
    /// that are `related`, the nearest first, as far as they are not too large together.
    pub(super) fn show(&mut self, selected: Option<FlowId>, related: &[FlowId], store: &Store) {
        self.shown.clear();
        self.related.clear();
        self.shown.extend(selected);
        let Some(selected) = selected else {
            return;
        };
        let turns = store.turns(selected).iter().rev();
        self.shown.extend(fitting(turns, CONNECTION, store));
        self.related.extend(fitting(related.iter(), RELATED, store));
    }

    /// Whether the flow is to stay in memory.
    pub(super) fn is_shown(&self, id: FlowId) -> bool {
        self.shown.contains(&id) || self.related.contains(&id)
    }

    /// Whether something was asked for that the panes need.
    pub(super) fn is_waiting(&self) -> bool {
        !self.asked_to_show.is_empty()
    }

    /// Why the flow cannot be read back.
    pub(super) fn failure(&self, id: FlowId) -> Option<&str> {
        self.failed.get(&id).map(String::as_str)
    }

    /// What to ask for now, for the panes.
    pub(super) fn ask(&mut self, store: &Store) -> Option<Vec<FlowId>> {
        if self.asked_to_show.is_empty() {
            let is_missing = |id: &&FlowId| {
                store.get(**id).is_none()
                    && store.place(**id).is_some()
                    && !self.failed.contains_key(id)
            };
            self.asked_to_show = self.shown.iter().filter(is_missing).copied().collect();
            if self.asked_to_show.is_empty() {
                self.asked_to_show = self.related.iter().filter(is_missing).copied().collect();
            }
            let asked: Vec<_> = self.asked_to_show.iter().copied().collect();
            return (!asked.is_empty()).then_some(asked);
        }
        None
    }

    /// The next search to begin, if the filter needs one and not as many go on as there are processors.
    pub(super) fn search(&mut self, store: &Store, list: &List) -> Option<Search> {
        let (filter, round) = list.filter()?;
        let lanes = std::thread::available_parallelism().map_or(1, usize::from);
        if self.searches >= lanes {
            return None;
        }
        let mut flows = Vec::new();
        let mut size = 0;
        for id in list.unread() {
            if self.asked_to_judge.contains(&id) {
                continue;
            }
            let (Some(place), Some(summary)) = (store.place(id), store.shared_summary(id)) else {
                continue;
            };
            self.asked_to_judge.insert(id);
            size += place.len;
            flows.push(Sought {
                id,
                place,
                summary,
                standing: filter.standing(store, id, list.is_marked(id)),
            });
            if size > BATCH {
                break;
            }
        }
        if flows.is_empty() {
            return None;
        }
        self.searches += 1;
        Some(Search {
            filter: Arc::clone(filter),
            round,
            flows,
        })
    }

    /// Takes note that the flow came for the panes, or why it cannot.
    pub(super) fn came(&mut self, id: FlowId, failure: Option<String>) {
        self.asked_to_show.remove(&id);
        self.seen = None;
        self.failed.extend(failure.map(|why| (id, why)));
    }

    /// Takes note of how a search ended.
    pub(super) fn searched(&mut self, found: &Found) {
        self.searches = self.searches.saturating_sub(1);
        for (id, verdict) in &found.verdicts {
            self.asked_to_judge.remove(id);
            if let Err(why) = verdict {
                self.seen = None;
                self.failed.insert(*id, why.clone());
            }
        }
    }
}

/// The first of these flows, as many as do not have more than `room` bytes of lines together.
fn fitting<'a>(
    ids: impl Iterator<Item = &'a FlowId>,
    mut room: u64,
    store: &Store,
) -> impl Iterator<Item = FlowId> {
    ids.copied().take_while(move |id| {
        let len = store.place(*id).map_or(0, |place| place.len);
        let left = room.checked_sub(len);
        room = left.unwrap_or_default();
        left.is_some()
    })
}

/// Bytes of lines of a connection's turns that are shown with it.
const CONNECTION: u64 = 16 << 20;
/// Bytes of lines of other flows that a flow's panes tell of: a chain of some hundred turns.
const RELATED: u64 = 8 << 20;
/// Bytes of lines that one search reads: a few milliseconds' worth, so that what is found shows up soon.
const BATCH: u64 = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::{Flow, FlowKind, Place};
    use crate::tap::At;

    fn flow(kind: FlowKind) -> Flow {
        let name = "name".to_owned();
        let mut flow = Flow::new(name, String::new(), Arc::from(""), At::from_micros(1));
        flow.kind = kind;
        flow
    }

    /// How many of a hundred rounds have something to do.
    fn due(recall: &mut Recall, selected: Option<FlowId>, store: &Store) -> usize {
        (0..100)
            .filter(|_| recall.is_due(selected, 0, store))
            .count()
    }

    #[test]
    fn flows_are_looked_at_once_after_each_change_that_matters() {
        let (mut store, mut recall) = (Store::default(), Recall::default());
        assert_eq!(due(&mut recall, None, &store), 1, "at first");
        let connection = store.push(flow(FlowKind::Ws));
        let other = store.push(flow(FlowKind::Http));
        assert_eq!(due(&mut recall, None, &store), 0, "new ones are whole");
        assert_eq!(due(&mut recall, Some(connection), &store), 1, "selected");
        let number = 1;
        let turn = store.push(flow(FlowKind::WsTurn { connection, number }));
        assert_eq!(due(&mut recall, Some(connection), &store), 1, "a turn");
        store.change(turn, |flow| flow.ended = Some(flow.started));
        assert_eq!(due(&mut recall, Some(connection), &store), 0, "a change");
        let place = Place {
            source: 0,
            len: 1,
            offset: 0,
        };
        store.release(turn, Some(place));
        assert_eq!(due(&mut recall, Some(connection), &store), 1, "written");
        store.release(other, Some(place));
        store.trim(0, |_| false);
        assert_eq!(due(&mut recall, Some(other), &store), 1, "selected");
        recall.show(Some(other), &[], &store);
        assert_eq!(recall.ask(&store), Some(vec![other]));
        recall.came(other, Some("it is gone".to_owned()));
        assert_eq!(due(&mut recall, Some(other), &store), 1, "came");
        store.restore(other, flow(FlowKind::Http));
        assert_eq!(due(&mut recall, Some(other), &store), 1, "restored");
    }

    #[test]
    fn what_is_told_besides_is_read_back_after_what_is_shown() {
        let (mut store, mut recall) = (Store::default(), Recall::default());
        let place = |len| Place {
            source: 0,
            len,
            offset: 0,
        };
        let ids = [1, 1, RELATED, 1].map(|len| {
            let id = store.push(flow(FlowKind::Http));
            store.release(id, Some(place(len)));
            id
        });
        store.trim(0, |_| false);
        recall.show(Some(ids[0]), &ids[1..], &store);
        assert_eq!(recall.ask(&store), Some(vec![ids[0]]));
        assert_eq!(recall.ask(&store), None, "one at a time");
        recall.came(ids[0], None);
        store.restore(ids[0], flow(FlowKind::Http));
        assert_eq!(recall.ask(&store), Some(vec![ids[1]]), "as much as fits");
        assert!(recall.is_shown(ids[1]) && !recall.is_shown(ids[3]));
    }
}
