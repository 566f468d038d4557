//! All flows of a run or a capture, in the order in which they came and in the order of the list.
//!
//! Of every flow the store keeps at least a [`Summary`]. Flows that stand in a capture need not stay
//! whole: [`Store::trim`] lets the oldest go, and [`Store::restore`] takes one back. Only where
//! nobody looks, [`Store::forget`] soon keeps nothing of them.

use std::borrow::Cow;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use super::related::{Link, NEAR};
use super::slots::{Slot, Slots};
use super::{Flow, FlowId, FlowKind, Summary};
use crate::responses::Identity;
use crate::tap::At;

/// Every flow. Flows are added and changed, and removed only where nobody looks.
///
/// A clone is a snapshot that shares the flows: cheap to make, and left alone by later changes.
#[derive(Clone, Default, Debug)]
pub struct Store {
    /// What is kept of each, by id.
    slots: Slots,
    /// Flows as the list shows them: by start, turns right under their connection.
    rows: Vec<FlowId>,
    /// The turns of each connection, in order.
    turns: HashMap<FlowId, Vec<FlowId>>,
    /// Grows with every change of any flow.
    revision: u64,
    /// When the latest of them began, turns aside.
    latest: At,
    /// Whole flows that may be let go, each with its weight; the first to go first.
    spare: VecDeque<(FlowId, u64)>,
    /// The sum of the weights in `spare`.
    spare_weight: u64,
    /// Grows with every flow that got a place, or came back whole.
    moves: u64,
    /// Flows whose comment is another than the one that stands in their line, and that one.
    retold: HashMap<FlowId, Option<Box<str>>>,
    /// Forgotten flows whose summaries are kept still, the first to go first: at most [`NEAR`].
    forgotten: VecDeque<FlowId>,
}

/// Where a flow's line stands in the files of a capture.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Place {
    /// Which of the capture's files.
    pub source: u32,
    /// Bytes of the line, without its line break.
    pub len: u64,
    /// Where it begins, in bytes from the start of the file.
    pub offset: u64,
}

impl Store {
    /// How many flows there were, forgotten ones too.
    #[must_use]
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether there were none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.slots.len() == 0
    }

    /// The flows that are in memory as a whole, by id.
    #[must_use]
    pub fn flows(&self) -> Vec<&Flow> {
        self.slots.iter().filter_map(Slot::whole).collect()
    }

    /// Every flow, in the order of the list: by start, but turns right under their connection.
    #[must_use]
    pub fn rows(&self) -> &[FlowId] {
        &self.rows
    }

    /// The flow with this id, if it is in memory as a whole.
    #[must_use]
    pub fn get(&self, id: FlowId) -> Option<&Flow> {
        self.slots.get(id)?.whole()
    }

    /// The same, to be kept.
    #[must_use]
    pub fn shared(&self, id: FlowId) -> Option<Arc<Flow>> {
        match self.slots.get(id)? {
            Slot::Whole(flow) => Some(Arc::clone(flow)),
            Slot::Brief(_) | Slot::Gone => None,
        }
    }

    /// The summary of the flow with this id; `None` once nothing of it is kept.
    #[must_use]
    pub fn summary(&self, id: FlowId) -> Option<Cow<'_, Summary>> {
        self.slots.get(id)?.summary()
    }

    /// The same, to be kept.
    #[must_use]
    pub fn shared_summary(&self, id: FlowId) -> Option<Arc<Summary>> {
        match self.slots.get(id)? {
            Slot::Whole(flow) => Some(Arc::new(Summary::of(flow))),
            Slot::Brief(summary) => Some(Arc::clone(summary)),
            Slot::Gone => None,
        }
    }

    /// Codex's identifiers of the flow with this id, without the cost of a summary.
    #[must_use]
    pub fn identity(&self, id: FlowId) -> Option<&Identity> {
        match self.slots.get(id)? {
            Slot::Whole(flow) => Some(&flow.identity),
            Slot::Brief(summary) => Some(&summary.identity),
            Slot::Gone => None,
        }
    }

    /// What ties the flow with this id to others.
    pub(super) fn link(&self, id: FlowId) -> Option<Link<'_>> {
        match self.slots.get(id)? {
            Slot::Whole(flow) => {
                let turn = flow.turn.as_ref();
                Some(Link {
                    kind: flow.kind,
                    has_model: flow.model.is_some(),
                    previous: flow.asked.previous.as_deref(),
                    response: turn.and_then(|turn| turn.response_id.as_deref()),
                })
            }
            Slot::Brief(summary) => {
                let context = summary.context.as_deref();
                Some(Link {
                    kind: summary.kind,
                    has_model: summary.model.is_some(),
                    previous: context.and_then(|context| context.previous.as_deref()),
                    response: context.and_then(|context| context.response.as_deref()),
                })
            }
            Slot::Gone => None,
        }
    }

    /// Every flow's summary, by id.
    pub fn summaries(&self) -> impl Iterator<Item = Cow<'_, Summary>> {
        self.slots.iter().filter_map(Slot::summary)
    }

    /// Where the flow's line stands; `None` until it was written.
    #[must_use]
    pub fn place(&self, id: FlowId) -> Option<Place> {
        self.slots.place(id)
    }

    /// A number that grows with every change of any flow.
    #[must_use]
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// A number that grows whenever more flows may be let go, or read back: when the line of one
    /// found its place, and when one was restored.
    #[must_use]
    pub fn moves(&self) -> u64 {
        self.moves
    }

    /// The flows that were added or changed since the store had this revision, by id.
    pub fn changed_since(&self, revision: u64) -> impl Iterator<Item = Cow<'_, Summary>> {
        self.slots.since(revision).filter_map(Slot::summary)
    }

    /// The turns of a connection, in order.
    #[must_use]
    pub fn turns(&self, connection: FlowId) -> &[FlowId] {
        self.turns.get(&connection).map_or(&[], Vec::as_slice)
    }

    /// Adds a flow and gives it its id.
    pub fn push(&mut self, mut flow: Flow) -> FlowId {
        flow.id = self.next_id();
        flow.revision = self.revision + 1;
        let (id, kind, started) = (flow.id, flow.kind, flow.started);
        self.add(id, kind, started, Slot::Whole(Arc::new(flow)), None)
    }

    /// Adds a flow that stands in a capture: its summary alone.
    pub fn push_summary(&mut self, mut summary: Summary, place: Option<Place>) -> FlowId {
        summary.id = self.next_id();
        summary.revision = self.revision + 1;
        let (id, kind, started) = (summary.id, summary.kind, summary.started);
        self.add(id, kind, started, Slot::Brief(Arc::new(summary)), place)
    }

    /// Puts a flow in the place of another, made-up one.
    pub fn replace(&mut self, id: FlowId, mut flow: Flow) {
        (flow.id, flow.revision) = (id, self.revision + 1);
        self.put(id, Slot::Whole(Arc::new(flow)), None);
    }

    /// The same with a flow that stands in a capture: its summary alone.
    pub fn replace_summary(&mut self, id: FlowId, mut summary: Summary, place: Option<Place>) {
        (summary.id, summary.revision) = (id, self.revision + 1);
        self.put(id, Slot::Brief(Arc::new(summary)), place);
    }

    fn put(&mut self, id: FlowId, slot: Slot, place: Option<Place>) {
        let Some(known) = self.slots.get_mut(id) else {
            return;
        };
        *known = slot;
        if let Some(known) = self.slots.place_mut(id) {
            *known = place;
        }
        self.revise(id);
        self.moves += 1;
    }

    /// Counts a change of a flow.
    fn revise(&mut self, id: FlowId) {
        self.revision += 1;
        self.slots.revise(id, self.revision);
    }

    fn next_id(&self) -> FlowId {
        FlowId(self.slots.len() as u32)
    }

    fn add(
        &mut self,
        id: FlowId,
        kind: FlowKind,
        started: At,
        slot: Slot,
        place: Option<Place>,
    ) -> FlowId {
        self.revision += 1;
        let row = match kind {
            FlowKind::Http | FlowKind::Ws => self.row_of(started),
            FlowKind::WsTurn { connection, .. } => {
                self.turns.entry(connection).or_default().push(id);
                self.end_of(connection)
            }
        };
        self.rows.insert(row, id);
        self.slots.push(slot, place, self.revision);
        id
    }

    /// Changes a flow: the only way to do so, so that no change is missed by a cache. `None` if it
    /// is not in memory as a whole.
    pub fn change<T>(&mut self, id: FlowId, change: impl FnOnce(&mut Flow) -> T) -> Option<T> {
        let Slot::Whole(flow) = self.slots.get_mut(id)? else {
            return None;
        };
        let flow = Arc::make_mut(flow);
        self.revision += 1;
        flow.revision = self.revision;
        let changed = change(flow);
        self.slots.revise(id, self.revision);
        Some(changed)
    }

    /// Keeps what the user noted about a flow; nothing if it is empty. The line of a flow that ended
    /// stays as it was written.
    pub fn comment(&mut self, id: FlowId, comment: &str) {
        let comment: Option<Box<str>> = (!comment.is_empty()).then(|| comment.into());
        let (before, has_ended) = match self.slots.get_mut(id) {
            Some(Slot::Whole(flow)) => {
                let flow = Arc::make_mut(flow);
                flow.revision = self.revision + 1;
                (
                    std::mem::replace(&mut flow.comment, comment),
                    flow.ended.is_some(),
                )
            }
            Some(Slot::Brief(summary)) => {
                let summary = Arc::make_mut(summary);
                summary.revision = self.revision + 1;
                (std::mem::replace(&mut summary.comment, comment), true)
            }
            Some(Slot::Gone) | None => return,
        };
        if has_ended {
            self.retold.entry(id).or_insert(before);
        }
        self.revise(id);
    }

    /// The comment that stands in the flow's line, if it has got another one since.
    #[must_use]
    pub fn comment_in_line(&self, id: FlowId) -> Option<Option<&str>> {
        self.retold.get(&id).map(Option::as_deref)
    }

    /// Takes note where the line of a flow that ended stands, if it does anywhere: from now on the
    /// flow may be let go.
    pub fn release(&mut self, id: FlowId, place: Option<Place>) {
        if let Some(known) = self.slots.place_mut(id) {
            *known = place;
            self.moves += 1;
            self.may_go(id);
        }
    }

    /// Takes back, as a whole, a flow that was let go.
    pub fn restore(&mut self, id: FlowId, mut flow: Flow) {
        let Some(Slot::Brief(summary)) = self.slots.get(id) else {
            return;
        };
        flow.comment.clone_from(&summary.comment);
        (flow.id, flow.kind, flow.revision) = (id, summary.kind, self.revision + 1);
        self.put(id, Slot::Whole(Arc::new(flow)), self.slots.place(id));
        self.may_go(id);
    }

    /// Lets whole flows go, the longest untouched first, until those that may go weigh no more than
    /// `budget` bytes. Those that are `wanted` stay.
    pub fn trim(&mut self, budget: u64, wanted: impl Fn(FlowId) -> bool) {
        let mut left = self.spare.len();
        while self.spare_weight > budget && left > 0 {
            left -= 1;
            let Some((id, weight)) = self.spare.pop_front() else {
                return;
            };
            if wanted(id) {
                self.spare.push_back((id, weight));
            } else {
                self.spare_weight -= weight;
                self.let_go(id);
            }
        }
    }

    /// Forgets a flow that ended, because a recording of a week must not grow with what passed: it is in no row
    /// any more. Its summary is kept until two hundred others were forgotten, for whoever asks whether a flow is one
    /// more attempt.
    pub fn forget(&mut self, id: FlowId) {
        self.let_go(id);
        if let Some(row) = self.rows.iter().rposition(|row| *row == id) {
            self.rows.remove(row);
        }
        self.turns.remove(&id);
        if let Some(Slot::Brief(summary)) = self.slots.get(id)
            && let FlowKind::WsTurn { connection, .. } = summary.kind
            && let Some(turns) = self.turns.get_mut(&connection)
        {
            turns.retain(|turn| *turn != id);
        }
        self.forgotten.push_back(id);
        if self.forgotten.len() > NEAR
            && let Some(oldest) = self.forgotten.pop_front()
        {
            self.retold.remove(&oldest);
            self.slots.remove(oldest);
        }
    }

    /// Keeps of a flow its summary alone.
    fn let_go(&mut self, id: FlowId) {
        if let Some(slot) = self.slots.get_mut(id)
            && let Some(summary) = slot.summary()
        {
            *slot = Slot::Brief(Arc::new(summary.into_owned()));
        }
    }

    fn may_go(&mut self, id: FlowId) {
        if let Some(flow) = self.get(id) {
            let weight = flow.weight();
            self.spare_weight += weight;
            self.spare.push_back((id, weight));
        }
    }

    /// The row of what began then, turns aside. Found from the end: most come in order.
    fn row_of(&mut self, started: At) -> usize {
        let mut row = self.rows.len();
        if started >= self.latest {
            self.latest = started;
            return row;
        }
        for (before, id) in self.rows.iter().enumerate().rev() {
            let slot = self.slots.get(*id);
            match slot.and_then(Slot::beginning) {
                Some((FlowKind::WsTurn { .. }, _)) => {}
                Some((_, other)) if other > started => row = before,
                _ => break,
            }
        }
        row
    }

    /// The row after the last turn of `connection`. Found from the end: the newest connection is the busy one.
    fn end_of(&self, connection: FlowId) -> usize {
        let belongs = |id: &FlowId| {
            let slot = self.slots.get(*id);
            *id == connection
                || matches!(slot.and_then(Slot::beginning),
                    Some((FlowKind::WsTurn { connection: of, .. }, _)) if of == connection)
        };
        self.rows
            .iter()
            .rposition(belongs)
            .map_or(self.rows.len(), |row| row + 1)
    }
}

impl Slot {
    fn summary(&self) -> Option<Cow<'_, Summary>> {
        match self {
            Self::Whole(flow) => Some(Cow::Owned(Summary::of(flow))),
            Self::Brief(summary) => Some(Cow::Borrowed(summary)),
            Self::Gone => None,
        }
    }

    /// What it is and when it began.
    fn beginning(&self) -> Option<(FlowKind, At)> {
        match self {
            Self::Whole(flow) => Some((flow.kind, flow.started)),
            Self::Brief(summary) => Some((summary.kind, summary.started)),
            Self::Gone => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flow() -> Flow {
        let name = "name".to_owned();
        Flow::new(name, String::new(), Arc::from(""), At::from_micros(1))
    }

    #[test]
    fn of_a_forgotten_flow_a_summary_is_left_until_others_are_forgotten() {
        let mut store = Store::default();
        let [first, second] = [store.push(flow()), store.push(flow())];
        let whole = Arc::downgrade(&store.shared(first).unwrap());
        assert!(whole.upgrade().is_some());
        store.forget(first);
        assert!(whole.upgrade().is_none());
        assert_eq!(store.rows(), [second]);
        assert!(store.summary(first).is_some());
        assert_eq!(store.change(first, |_| ()), None);
        assert_eq!(store.get(second).map(|flow| flow.id), Some(second));
        for number in 0..NEAR as u32 {
            assert!(store.summary(first).is_some());
            let id = store.push(flow());
            assert_eq!(id, FlowId(2 + number));
            store.forget(id);
        }
        assert!(store.summary(first).is_none());
        assert_eq!(store.change(first, |_| ()), None);
        assert_eq!((store.rows(), store.forgotten.len()), (&[second][..], NEAR));
    }

    #[test]
    fn a_connection_forgets_its_turns() {
        let mut store = Store::default();
        let connection = store.push(flow());
        let turns = [1, 2].map(|number| {
            let kind = FlowKind::WsTurn { connection, number };
            store.push(Flow { kind, ..flow() })
        });
        assert_eq!(store.rows(), [connection, turns[0], turns[1]]);
        store.forget(turns[0]);
        assert_eq!(store.turns(connection), [turns[1]]);
        assert_eq!(store.rows(), [connection, turns[1]]);
    }
}
