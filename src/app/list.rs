//! The request list: which flows are shown, where the cursor is, and what is marked.
//!
//! The cursor is a flow, not a row, so that it stays where it is when rows arrive above it. Of a
//! hundred thousand flows only those that changed are looked at; the rows are put together anew
//! only if one came or went.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use super::judge::Judge;
use super::scroll::{Motion, Scroll};
use crate::filter::Filter;
use crate::flow::{FlowId, FlowKind, State, Store, Summary};

/// The request list.
#[derive(Default, Debug)]
pub struct List {
    /// What matters of each flow, as of `seen`. Position = id.
    entries: Vec<Entry>,
    /// The store's revision that `entries` reflects.
    seen: u64,
    /// The flows shown, in order.
    rows: Vec<FlowId>,
    /// Whether `rows` must be put together anew.
    is_stale: bool,
    /// The flow under the cursor; `None` if no row is shown.
    selected: Option<FlowId>,
    /// The window, and the row of `selected`.
    scroll: Scroll,
    /// How many rows fit.
    height: usize,
    /// Whether the cursor goes along to the newest turn.
    follows: bool,
    /// Marked flows.
    marks: BTreeSet<FlowId>,
    /// Where a range began.
    anchor: Option<FlowId>,
    /// Whether only marked flows are shown.
    is_marked_only: bool,
    /// Connections whose turns are hidden.
    folded: HashSet<FlowId>,
    /// Which flows pass the filter.
    judge: Judge,
    /// Numbers for the status bar.
    totals: Totals,
}

/// What matters of a flow to the list.
#[derive(Clone, Copy, Debug)]
struct Entry {
    /// Where it stands in the tree.
    place: Place,
    /// Whether it failed, among others.
    state: State,
    /// Whether it carries no model turn.
    is_side: bool,
    /// Whether it goes on.
    is_live: bool,
    /// How many turns it has, if it is a connection.
    turns: u32,
}

/// Where a flow stands in the tree of connections and turns.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Place {
    /// Outside of it.
    Alone,
    /// A connection, above its turns.
    Connection,
    /// A turn of this connection.
    Turn(FlowId),
}

impl Entry {
    /// The connection that the flow is a turn of.
    fn connection(self) -> Option<FlowId> {
        match self.place {
            Place::Turn(connection) => Some(connection),
            Place::Alone | Place::Connection => None,
        }
    }
}

/// Numbers of flows.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Totals {
    /// All of them.
    pub flows: usize,
    /// Those that go on.
    pub live: usize,
    /// Those that failed.
    pub failed: usize,
}

impl List {
    // === Looking ===

    /// The flows shown, in order.
    #[must_use]
    pub fn rows(&self) -> &[FlowId] {
        &self.rows
    }

    /// The flows that are on the screen.
    #[must_use]
    pub fn visible(&self) -> &[FlowId] {
        let end = (self.scroll.top + self.height).min(self.rows.len());
        &self.rows[self.scroll.top.min(end)..end]
    }

    /// The window, and the row of the cursor.
    #[must_use]
    pub fn scroll(&self) -> Scroll {
        self.scroll
    }

    /// The flow under the cursor.
    #[must_use]
    pub fn selected(&self) -> Option<FlowId> {
        self.selected
    }

    /// Whether the cursor goes along to the newest turn.
    #[must_use]
    pub fn follows(&self) -> bool {
        self.follows
    }

    /// Whether only marked flows are shown.
    #[must_use]
    pub fn is_marked_only(&self) -> bool {
        self.is_marked_only
    }

    /// Whether the turns of this connection are hidden.
    #[must_use]
    pub fn is_folded(&self, connection: FlowId) -> bool {
        self.folded.contains(&connection)
    }

    /// Whether the flow is marked.
    #[must_use]
    pub fn is_marked(&self, id: FlowId) -> bool {
        self.marks.contains(&id)
    }

    /// How many flows are marked.
    #[must_use]
    pub fn marked(&self) -> usize {
        self.marks.len()
    }

    /// How many turns the connection has.
    #[must_use]
    pub fn turns(&self, connection: FlowId) -> u32 {
        self.entry(connection).map_or(0, |entry| entry.turns)
    }

    /// Whether the flow in this row is the last shown turn of its connection.
    #[must_use]
    pub fn is_last_turn(&self, row: usize) -> bool {
        let connection = |row: usize| self.entry(*self.rows.get(row)?)?.connection();
        connection(row) != connection(row + 1)
    }

    /// Numbers of all flows.
    #[must_use]
    pub fn totals(&self) -> Totals {
        self.totals
    }

    /// The marked flows, or else those that pass the filter: what a save writes, in the order of
    /// the list.
    #[must_use]
    pub fn chosen(&self, store: &Store) -> Vec<FlowId> {
        let is_chosen = |id: &&FlowId| {
            if self.marks.is_empty() {
                self.judge.passes(**id)
            } else {
                self.marks.contains(*id)
            }
        };
        store.rows().iter().filter(is_chosen).copied().collect()
    }

    // === Keeping up ===

    /// Takes in what changed in the store.
    pub fn sync(&mut self, store: &Store) {
        if store.revision() != self.seen {
            for flow in store.changed_since(self.seen) {
                self.take(&flow);
            }
            self.seen = store.revision();
        }
        self.work(store);
        self.settle(store);
    }

    /// Puts the rows together if something decided about them since.
    pub fn settle(&mut self, store: &Store) {
        if self.is_stale {
            self.rebuild(store);
            self.is_stale = false;
        }
    }

    /// Whether the filter is still at work: [`List::work`] is to be called.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        self.judge.is_busy()
    }

    /// How far a new filter is, in percent; `None` when it is through.
    #[must_use]
    pub fn progress(&self) -> Option<usize> {
        let (done, total) = self.judge.progress()?;
        Some(done * 100 / total.max(1))
    }

    /// Lets the filter look at some flows, for a few milliseconds at most. [`List::settle`] shows
    /// what came of it.
    pub fn work(&mut self, store: &Store) {
        if self.judge.is_busy() || self.judge.progress().is_some() {
            self.is_stale |= self.judge.step(store, &self.marks);
        }
    }

    /// Has the filter look again at what grew since; says whether it is through with it.
    pub fn is_settled(&mut self, store: &Store) -> bool {
        self.judge.refresh(store);
        self.sync(store);
        self.judge.progress().is_none() && !self.is_busy()
    }

    /// Flows that the filter needs to have read back from the capture, the newest first.
    pub fn unread(&self) -> impl Iterator<Item = FlowId> {
        self.judge.unread()
    }

    /// The filter that those are to be judged by, and its round.
    pub(super) fn filter(&self) -> Option<(&Arc<Filter>, u64)> {
        self.judge.filter()
    }

    /// Takes in whether a flow that was read back passes the filter of that round.
    pub(super) fn answer(&mut self, round: u64, id: FlowId, found: bool) {
        self.is_stale |= self.judge.answer(round, id, found);
    }

    /// Fits the window to `height` rows.
    pub fn fit(&mut self, height: u16) {
        self.height = usize::from(height);
        self.scroll.clamp(self.rows.len(), self.height);
    }

    /// Shows only what passes `filter`, as soon as that is found out.
    pub fn set_filter(&mut self, filter: Option<Filter>, store: &Store) {
        self.is_stale |= self.judge.set(filter);
        self.sync(store);
    }

    // === Moving ===

    /// Moves the cursor; the newest turn is no longer followed.
    pub fn go(&mut self, motion: Motion) {
        self.follows = false;
        self.scroll.go(motion, self.rows.len(), self.height);
        self.selected = self.rows.get(self.scroll.cursor).copied();
    }

    /// Puts the cursor onto a flow, and unfolds its connection; says whether it is shown.
    pub fn select(&mut self, id: FlowId, store: &Store) -> bool {
        let connection = self.entry(id).and_then(Entry::connection);
        if connection.is_some_and(|connection| self.folded.remove(&connection)) {
            self.is_stale = true;
            self.sync(store);
        }
        let row = self.rows.iter().position(|row| *row == id);
        if let Some(row) = row {
            self.go(Motion::To(row));
        }
        row.is_some()
    }

    /// Turns the wheel by `by` rows.
    pub fn wheel(&mut self, by: isize) {
        self.follows = false;
        self.scroll.wheel(by, self.rows.len(), self.height);
        self.selected = self.rows.get(self.scroll.cursor).copied();
    }

    /// Moves the cursor `count` flows on, or back, counting those that are `wanted` only. Says
    /// whether there was one.
    pub fn seek(
        &mut self,
        count: usize,
        is_forward: bool,
        store: &Store,
        wanted: impl Fn(&Summary) -> bool,
    ) -> bool {
        let is_wanted = |row: &usize| {
            let flow = self.rows.get(*row).and_then(|id| store.summary(*id));
            flow.is_some_and(|flow| wanted(&flow))
        };
        let from = self.scroll.cursor;
        let found: Vec<_> = if is_forward {
            (from + 1..self.rows.len())
                .filter(is_wanted)
                .take(count)
                .collect()
        } else {
            (0..from.min(self.rows.len()))
                .rev()
                .filter(is_wanted)
                .take(count)
                .collect()
        };
        if let Some(row) = found.last() {
            self.go(Motion::To(*row));
        }
        !found.is_empty()
    }

    /// Follows the newest turn, or no longer.
    pub fn set_follows(&mut self, follows: bool, store: &Store) {
        self.follows = follows;
        self.is_stale |= follows;
        self.sync(store);
    }

    // === Choosing ===

    /// Marks the flow under the cursor, or takes its mark away; marks the range if there is one.
    pub fn mark(&mut self, store: &Store) {
        let ids: Vec<_> = match self.range() {
            Some(range) => self.rows[range].to_vec(),
            None => self.selected.into_iter().collect(),
        };
        let all_marked = ids.iter().all(|id| self.marks.contains(id));
        for id in ids {
            if all_marked {
                self.marks.remove(&id);
            } else {
                self.marks.insert(id);
            }
            self.judge.again(id);
        }
        self.anchor = None;
        self.marks_changed(store);
    }

    /// Takes all marks away.
    pub fn unmark_all(&mut self, store: &Store) {
        for id in std::mem::take(&mut self.marks) {
            self.judge.again(id);
        }
        self.is_marked_only = false;
        self.marks_changed(store);
    }

    /// Begins a range at the cursor, or forgets the one that was begun.
    pub fn toggle_range(&mut self) {
        self.anchor = match self.anchor {
            Some(_) => None,
            None => self.selected,
        };
    }

    /// Whether a range is being chosen.
    #[must_use]
    pub fn has_range(&self) -> bool {
        self.anchor.is_some()
    }

    /// Shows marked flows only, or all again.
    pub fn toggle_marked_only(&mut self, store: &Store) {
        self.is_marked_only = !self.is_marked_only;
        self.is_stale = true;
        self.sync(store);
    }

    /// Hides or shows the turns of the connection under the cursor, or that the flow under it
    /// belongs to.
    pub fn fold(&mut self, store: &Store) {
        let Some(selected) = self.selected else {
            return;
        };
        let connection = match self.entry(selected).map(|entry| entry.place) {
            Some(Place::Connection) => selected,
            Some(Place::Turn(connection)) => connection,
            Some(Place::Alone) | None => return,
        };
        if !self.folded.remove(&connection) {
            self.folded.insert(connection);
            self.selected = Some(connection);
            self.follows = false;
        }
        self.is_stale = true;
        self.sync(store);
    }

    /// Hides the turns of all connections, or shows them all if they are all hidden.
    pub fn fold_all(&mut self, store: &Store) {
        let connections = self.entries.iter().zip(0..);
        let connections: HashSet<_> = connections
            .filter(|(entry, _)| entry.place == Place::Connection)
            .map(|(_, id)| FlowId(id))
            .collect();
        if self.folded == connections {
            self.folded.clear();
        } else {
            let selected = self.selected.and_then(|id| self.entry(id));
            self.selected = selected.and_then(Entry::connection).or(self.selected);
            self.folded = connections;
        }
        self.is_stale = true;
        self.sync(store);
    }

    // === Inside ===

    /// What matters of a flow.
    fn entry(&self, id: FlowId) -> Option<Entry> {
        self.entries.get(id.0 as usize).copied()
    }

    /// The rows from where the range that is being chosen began to the cursor. Looks for the
    /// former: to be asked once per frame, not once per row.
    #[must_use]
    pub fn range(&self) -> Option<std::ops::Range<usize>> {
        let anchor = self.anchor?;
        let anchor = self.rows.iter().position(|id| *id == anchor)?;
        let cursor = self.scroll.cursor;
        Some(anchor.min(cursor)..anchor.max(cursor) + 1)
    }

    /// Takes in a new or changed flow.
    fn take(&mut self, flow: &Summary) {
        let index = flow.id.0 as usize;
        let place = match flow.kind {
            FlowKind::Http => Place::Alone,
            FlowKind::Ws => Place::Connection,
            FlowKind::WsTurn { connection, .. } => Place::Turn(connection),
        };
        let entry = Entry {
            place,
            state: flow.state,
            is_side: flow.channel.is_side(),
            is_live: flow.is_live(),
            turns: self.entry(flow.id).map_or(0, |entry| entry.turns),
        };
        if let Some(old) = self.entries.get(index).copied() {
            self.totals.live -= usize::from(old.is_live);
            self.totals.failed -= usize::from(old.state == State::Failed);
            self.entries[index] = entry;
        } else {
            self.totals.flows += 1;
            self.is_stale = true;
            self.entries.push(entry);
            if let Place::Turn(FlowId(connection)) = place
                && let Some(connection) = self.entries.get_mut(connection as usize)
            {
                connection.turns += 1;
            }
        }
        self.judge.take(flow);
        self.totals.live += usize::from(entry.is_live);
        self.totals.failed += usize::from(entry.state == State::Failed);
    }

    /// Puts the rows together anew if marks decide about them.
    fn marks_changed(&mut self, store: &Store) {
        self.is_stale |= self.is_marked_only;
        self.sync(store);
    }

    /// Puts the rows together, and the cursor onto its flow, or onto the nearest one that is left.
    fn rebuild(&mut self, store: &Store) {
        self.rows.clear();
        let mut nearest = 0;
        // A connection that is shown only if one of its turns is.
        let mut context = None;
        for id in store.rows() {
            if Some(*id) == self.selected {
                nearest = self.rows.len();
            }
            let Some(entry) = self.entry(*id) else {
                continue;
            };
            let is_wanted =
                self.judge.passes(*id) && (!self.is_marked_only || self.marks.contains(id));
            if entry.place == Place::Connection {
                context = (!is_wanted).then_some(*id);
            }
            if !is_wanted {
                continue;
            }
            if let Place::Turn(connection) = entry.place {
                if context.take_if(|of| *of == connection).is_some() {
                    self.rows.push(connection);
                }
                if self.folded.contains(&connection) {
                    continue;
                }
            }
            if Some(*id) == self.selected {
                nearest = self.rows.len();
            }
            self.rows.push(*id);
        }
        if self.follows || self.selected.is_none() {
            self.selected = self.newest();
        }
        let row = self.rows.iter().position(|id| Some(*id) == self.selected);
        self.scroll.cursor = row.unwrap_or(nearest);
        self.scroll.clamp(self.rows.len(), self.height);
        self.selected = self.rows.get(self.scroll.cursor).copied();
    }

    /// The newest turn that is shown or, if there is none, the newest flow.
    fn newest(&self) -> Option<FlowId> {
        let is_turn = |id: &&FlowId| {
            self.entry(**id)
                .is_some_and(|entry| !entry.is_side && entry.place != Place::Connection)
        };
        let turn = self.rows.iter().filter(is_turn).max();
        turn.or_else(|| self.rows.iter().max()).copied()
    }
}
