//! The request list: which flows are shown, where the cursor is, and what is marked.
//!
//! The cursor is a flow, not a row, so that it stays where it is, on the screen too, when rows arrive
//! above it; a flow that is hidden for a while has it again when it comes back. Of a hundred
//! thousand flows only those that changed are looked at; the rows are put together anew only if one
//! came, went or moved.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use super::judge::Judge;
use super::order::{Names, Order, Sort};
use super::outline::{self, Below, Entry, Group, Place, Stem};
use super::scroll::{Motion, Scroll};
use crate::filter::Filter;
use crate::flow::{FlowId, FlowKind, State, Store, Summary};
use crate::responses::Prices;

/// The request list.
#[derive(Default, Debug)]
pub struct List {
    /// What matters of each flow, as of `seen`. Position = id.
    entries: Vec<Entry>,
    /// The store's revision that `entries` reflects.
    seen: u64,
    /// The threads that flows belong to.
    threads: Names,
    /// The flows shown, in order.
    rows: Vec<FlowId>,
    /// Where they hang in the tree. Position = row.
    stems: Vec<Stem>,
    /// Whether `rows` must be put together anew.
    is_stale: bool,
    /// The flow under the cursor; `None` if no row is shown.
    selected: Option<FlowId>,
    /// The flow that the cursor was put on. It has the cursor whenever it is shown.
    meant: Option<FlowId>,
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
    /// What is folded.
    folded: HashSet<Group>,
    /// How many flows of side channels are hidden, if those are: all but what failed.
    terse: Option<usize>,
    /// What the list is sorted by.
    order: Order,
    /// Which flows pass the filter.
    judge: Judge,
    /// Numbers for the status bar.
    totals: Totals,
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
    /// A list without flows; costs go by these prices.
    #[must_use]
    pub fn new(prices: Arc<Prices>) -> Self {
        Self {
            order: Order::new(prices),
            ..Self::default()
        }
    }

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

    /// Where a row hangs in the tree.
    #[must_use]
    pub fn stem(&self, row: usize) -> Stem {
        self.stems.get(row).copied().unwrap_or_default()
    }

    /// What the list is sorted by.
    #[must_use]
    pub fn sort(&self) -> Sort {
        self.order.sort()
    }

    /// Bytes on the wire of a flow: of a connection, those of its turns too.
    #[must_use]
    pub fn volume(&self, flow: &Summary) -> u64 {
        self.order.volume(flow)
    }

    /// How many flows of side channels are hidden with the others of their kind.
    #[must_use]
    pub fn hidden_side_channels(&self) -> usize {
        self.terse.unwrap_or_default()
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
        if self.is_stale && !self.order.is_busy() {
            self.rebuild(store);
            self.is_stale = false;
        }
    }

    /// Whether the filter or the order is still at work: [`List::work`] is to be called.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        self.judge.is_busy() || self.order.is_busy()
    }

    /// How far a new filter is, in percent; `None` when it is through.
    #[must_use]
    pub fn progress(&self) -> Option<usize> {
        let (done, total) = self.judge.progress()?;
        Some(done * 100 / total.max(1))
    }

    /// Lets the filter and the order look at some flows, for a few milliseconds at most.
    /// [`List::settle`] shows what came of it.
    pub fn work(&mut self, store: &Store) {
        if self.order.is_busy() {
            self.is_stale |= self.order.step(store);
        }
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

    /// Whether a filter is in force.
    #[must_use]
    pub fn is_filtered(&self) -> bool {
        self.judge.filter().is_some()
    }

    /// The filter that those are to be judged by, and its round.
    pub(super) fn filter(&self) -> Option<(&Arc<Filter>, u64)> {
        self.judge.filter()
    }

    /// Takes in whether a flow that was read back passes the filter of that round.
    pub(super) fn answer(&mut self, round: u64, id: FlowId, found: bool) {
        self.is_stale |= self.judge.answer(round, id, found);
    }

    /// Has the filter look again at a flow about which something else is noted.
    pub(super) fn reconsider(&mut self, id: FlowId, store: &Store) {
        self.judge.again(id);
        self.sync(store);
    }

    /// Fits the window to `height` rows.
    pub fn fit(&mut self, height: u16) {
        self.height = usize::from(height);
        self.scroll.clamp(self.rows.len(), self.height);
    }

    /// Sorts by something else, as soon as it is known of every flow.
    pub fn set_sort(&mut self, sort: Sort, store: &Store) {
        self.is_stale |= self.order.set(sort);
        self.sync(store);
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
        self.settle_cursor();
    }

    /// The reader means the flow that the cursor is on.
    fn settle_cursor(&mut self) {
        self.selected = self.rows.get(self.scroll.cursor).copied();
        self.meant = self.selected;
    }

    /// Puts the cursor onto a flow, and unfolds what it is folded in; says whether it is shown.
    pub fn select(&mut self, id: FlowId, store: &Store) -> bool {
        if let Some(entry) = self.entry(id) {
            let thread = entry.thread.map(Group::Thread);
            let connection = entry.connection().map(Group::Connection);
            for group in [thread, connection].into_iter().flatten() {
                self.is_stale |= self.folded.remove(&group);
            }
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
        self.settle_cursor();
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
        self.follows = false;
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

    /// Hides or shows what hangs below the row under the cursor or, if nothing does, below its
    /// parent; on a side channel, hides them all.
    pub fn fold(&mut self, store: &Store) {
        let Some(selected) = self.selected else {
            return;
        };
        let row = self.scroll.cursor;
        let stem = self.stem(row);
        let is_above =
            |row: &usize| stem.below != Below::Nothing || self.stem(*row).depth < stem.depth;
        let head = (0..=row).rev().find(is_above);
        let head = head.and_then(|head| {
            let id = *self.rows.get(head)?;
            outline::group(id, self.entry(id)?, self.stem(head))
        });
        if let Some(group) = head {
            if !self.folded.remove(&group) {
                self.folded.insert(group);
            }
        } else if self.entry(selected).is_some_and(|entry| entry.is_side) {
            self.terse = Some(0);
        } else {
            return;
        }
        self.follows = false;
        self.is_stale = true;
        self.sync(store);
    }

    /// Hides all that hangs below other rows, or shows it if all is hidden.
    pub fn fold_all(&mut self, store: &Store) {
        let threads = (0..self.threads.len()).map(Group::Thread);
        let connections = self.entries.iter().zip(0..);
        let connections = connections
            .filter(|(entry, _)| entry.place == Place::Connection)
            .map(|(_, id)| Group::Connection(FlowId(id)));
        let all: HashSet<_> = threads.chain(connections).collect();
        self.folded = if self.folded == all {
            HashSet::new()
        } else {
            all
        };
        self.is_stale = true;
        self.sync(store);
    }

    /// Hides the side channels, but for what failed, or shows them again.
    pub fn toggle_side_channels(&mut self, store: &Store) {
        self.terse = self.terse.is_none().then_some(0);
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
        let is_side = flow.channel.is_side();
        let thread = flow.identity.thread.as_deref().filter(|_| !is_side);
        let entry = Entry {
            place,
            thread: thread.map(|thread| self.threads.number(thread) as u32),
            state: flow.state,
            is_side,
            is_live: flow.is_live(),
        };
        if let Some(old) = self.entries.get(index).copied() {
            self.totals.live -= usize::from(old.is_live);
            self.totals.failed -= usize::from(old.state == State::Failed);
            self.is_stale |= (
                old.place,
                old.thread,
                old.is_side,
                old.state == State::Failed,
            ) != (place, entry.thread, is_side, entry.state == State::Failed);
            self.entries[index] = entry;
        } else {
            self.totals.flows += 1;
            self.is_stale = true;
            self.entries.push(entry);
        }
        self.is_stale |= self.order.take(flow);
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
    /// The cursor's row stays where it is on the screen.
    fn rebuild(&mut self, store: &Store) {
        let offset = self.scroll.cursor.saturating_sub(self.scroll.top);
        let mut terse = 0;
        // Of the flows that are left, the last one before the one that is meant, or else the first.
        let (mut nearest, mut is_past) = (None, false);
        // The newest turn that is left, in a fold or not, or else the newest flow.
        let mut newest = None;
        let mut is_wanted = |id: FlowId, entry: Entry| {
            let is_wanted =
                self.judge.passes(id) && (!self.is_marked_only || self.marks.contains(&id));
            let is_terse = self.terse.is_some() && entry.is_side && entry.state != State::Failed;
            terse += usize::from(is_wanted && is_terse);
            let is_wanted = is_wanted && !is_terse;
            is_past |= Some(id) == self.meant;
            if is_wanted {
                newest = newest.max(Some((entry.is_turn(), id)));
                if !is_past || nearest.is_none() {
                    nearest = Some(id);
                }
            }
            is_wanted
        };
        if self.order.sort().is_natural() {
            let mut rows = outline::outline(store.rows(), &self.entries, is_wanted);
            outline::fold(&mut rows, &self.entries, &self.folded);
            (self.rows, self.stems) = rows.into_iter().unzip();
        } else {
            let flows = store.rows().iter().copied();
            self.rows = flows
                .filter(|id| self.entry(*id).is_some_and(|entry| is_wanted(*id, entry)))
                .collect();
            self.order.apply(&mut self.rows);
            self.stems = Vec::new();
        }
        self.terse = self.terse.map(|_| terse);
        if self.follows || self.meant.is_none() {
            self.meant = newest.map(|(_, id)| id);
        }
        let row = self.meant.and_then(|id| self.row_of(id));
        let row = row.or_else(|| self.row_of(nearest?));
        self.scroll.cursor = row.unwrap_or_default();
        self.scroll.top = self.scroll.cursor.saturating_sub(offset);
        self.scroll.clamp(self.rows.len(), self.height);
        self.selected = self.rows.get(self.scroll.cursor).copied();
    }

    /// The row of a flow, or of what it is folded in.
    fn row_of(&self, id: FlowId) -> Option<usize> {
        let row_of = |id: FlowId| self.rows.iter().position(|row| *row == id);
        row_of(id).or_else(|| {
            let entry = self.entry(id)?;
            let of_thread = |row: &FlowId| self.entry(*row).and_then(|head| head.thread);
            let head = || {
                let thread = Some(entry.thread?);
                self.rows.iter().position(|row| of_thread(row) == thread)
            };
            entry.connection().and_then(row_of).or_else(head)
        })
    }
}
