//! Flows that are in memory as a summary only and are needed as a whole: for the panes, or for the
//! filter. They are asked for a few at a time, those for the panes first.

use std::collections::{BTreeMap, BTreeSet};

use crate::flow::{FlowId, Store};

/// What was asked for, and what could not be had.
#[derive(Default, Debug)]
pub(super) struct Recall {
    /// What the panes show: it stays in memory.
    shown: BTreeSet<FlowId>,
    /// Asked for, for the panes.
    asked_to_show: BTreeSet<FlowId>,
    /// Asked for, for the filter.
    asked_to_judge: BTreeSet<FlowId>,
    /// What cannot be read back, and why.
    failed: BTreeMap<FlowId, String>,
}

impl Recall {
    /// Has the panes show `selected`: a connection with its turns, the newest first, as far as they
    /// are not too large together.
    pub(super) fn show(&mut self, selected: Option<FlowId>, store: &Store) {
        self.shown.clear();
        self.shown.extend(selected);
        let Some(selected) = selected else {
            return;
        };
        let mut room = CONNECTION;
        for turn in store.turns(selected).iter().rev() {
            let len = store.place(*turn).map_or(0, |place| u64::from(place.len));
            let Some(left) = room.checked_sub(len) else {
                break;
            };
            room = left;
            self.shown.insert(*turn);
        }
    }

    /// Whether the flow is to stay in memory.
    pub(super) fn is_shown(&self, id: FlowId) -> bool {
        self.shown.contains(&id)
    }

    /// Whether something was asked for that the panes need.
    pub(super) fn is_waiting(&self) -> bool {
        !self.asked_to_show.is_empty()
    }

    /// Why the flow cannot be read back.
    pub(super) fn failure(&self, id: FlowId) -> Option<&str> {
        self.failed.get(&id).map(String::as_str)
    }

    /// What to ask for now; `unread` is what the filter needs.
    pub(super) fn ask(
        &mut self,
        store: &Store,
        unread: impl Iterator<Item = FlowId>,
    ) -> Vec<Vec<FlowId>> {
        let mut batches = Vec::new();
        if self.asked_to_show.is_empty() {
            let is_missing = |id: &&FlowId| {
                store.get(**id).is_none()
                    && store.place(**id).is_some()
                    && !self.failed.contains_key(id)
            };
            self.asked_to_show = self.shown.iter().filter(is_missing).copied().collect();
            batches.push(self.asked_to_show.iter().copied().collect());
        }
        if self.asked_to_judge.is_empty() {
            let mut size = 0;
            for id in unread {
                self.asked_to_judge.insert(id);
                size += store.place(id).map_or(0, |place| u64::from(place.len));
                if size > BATCH {
                    break;
                }
            }
            batches.push(self.asked_to_judge.iter().copied().collect());
        }
        batches.retain(|batch: &Vec<FlowId>| !batch.is_empty());
        batches
    }

    /// Takes note that the flow came, or why it cannot.
    pub(super) fn came(&mut self, id: FlowId, failure: Option<String>) {
        self.asked_to_show.remove(&id);
        self.asked_to_judge.remove(&id);
        if let Some(why) = failure {
            self.failed.insert(id, why);
        }
    }
}

/// Bytes of lines of a connection's turns that are shown with it.
const CONNECTION: u64 = 16 << 20;
/// Bytes of lines that are read for the filter at once.
const BATCH: u64 = 4 << 20;
