//! Rate-limit windows as last told by the upstream, for the status bar.

use crate::flow::lineage::{Window, windows};
use crate::flow::{FlowId, Store};
use crate::tap::At;

use super::list::Totals;

/// The windows, and when they were last looked for.
#[derive(Clone, Default, Debug)]
pub(super) struct Gauges {
    /// Flows that had begun, and that went on.
    seen: Option<(usize, usize)>,
    windows: Vec<Window>,
}

impl Gauges {
    /// Looks among the newest flows, when one began or ended since the last time.
    pub(super) fn look(&mut self, totals: Totals, store: &Store) {
        let key = (totals.flows, totals.live);
        if self.seen.replace(key) == Some(key) {
            return;
        }
        // By id, so that a turn on a connection that was opened long ago counts as new.
        let newest = (0..store.len()).rev().take(NEWEST);
        let told = newest.filter_map(|id| Some(windows(store.get(FlowId(id as u32))?)));
        if let Some(told) = told.into_iter().find(|told| !told.is_empty()) {
            self.windows = told;
        }
    }

    /// The windows that have not begun anew since.
    pub(super) fn windows(&self, now: At) -> impl Iterator<Item = &Window> {
        let now = now.as_micros() / 1_000_000;
        let is_current = move |window: &&Window| window.resets.is_none_or(|resets| resets > now);
        self.windows.iter().filter(is_current)
    }
}

/// Flows that are looked at.
const NEWEST: usize = 50;
