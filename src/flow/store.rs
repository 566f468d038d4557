//! All flows of a run or a capture, in the order in which they began and in the order of the list.

use std::collections::HashMap;
use std::sync::Arc;

use super::{Flow, FlowId, FlowKind};

/// Every flow. Flows are added and changed, never removed.
///
/// A clone is a snapshot that shares the flows: cheap to make, and left alone by later changes.
#[derive(Clone, Default, Debug)]
pub struct Store {
    /// Position = id.
    flows: Vec<Arc<Flow>>,
    /// Flows as the list shows them: by start, turns right under their connection.
    rows: Vec<FlowId>,
    /// The turns of each connection, in order.
    turns: HashMap<FlowId, Vec<FlowId>>,
    /// Each flow's revision, close together so that what changed is found fast. Position = id.
    revisions: Vec<u64>,
    /// Grows with every change of any flow.
    revision: u64,
}

impl Store {
    /// Every flow, in the order in which they began.
    #[must_use]
    pub fn flows(&self) -> &[Arc<Flow>] {
        &self.flows
    }

    /// Every flow, in the order of the list: by start, but turns right under their connection.
    #[must_use]
    pub fn rows(&self) -> &[FlowId] {
        &self.rows
    }

    /// The flow with this id.
    #[must_use]
    pub fn get(&self, id: FlowId) -> Option<&Flow> {
        self.flows.get(id.0 as usize).map(AsRef::as_ref)
    }

    /// A number that grows with every change of any flow.
    #[must_use]
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// The flows that were added or changed since the store had this revision, by id.
    pub fn changed_since(&self, revision: u64) -> impl Iterator<Item = &Flow> {
        let revisions = self.revisions.iter().zip(&self.flows);
        revisions.filter_map(move |(own, flow)| (*own > revision).then_some(&**flow))
    }

    /// The turns of a connection, in order.
    pub fn turns(&self, connection: FlowId) -> impl Iterator<Item = &Flow> {
        let turns = self.turns.get(&connection).into_iter().flatten();
        turns.filter_map(|id| self.get(*id))
    }

    /// Adds a flow and gives it its id.
    pub fn push(&mut self, mut flow: Flow) -> FlowId {
        let id = FlowId(self.flows.len() as u32);
        flow.id = id;
        self.revision += 1;
        flow.revision = self.revision;
        let row = match flow.kind {
            FlowKind::Http | FlowKind::Ws => self.rows.len(),
            FlowKind::WsTurn { connection, .. } => {
                self.turns.entry(connection).or_default().push(id);
                self.end_of(connection)
            }
        };
        self.rows.insert(row, id);
        self.revisions.push(self.revision);
        self.flows.push(Arc::new(flow));
        id
    }

    /// Changes a flow: the only way to do so, so that no change is missed by a cache.
    pub fn change<T>(&mut self, id: FlowId, change: impl FnOnce(&mut Flow) -> T) -> Option<T> {
        let flow = Arc::make_mut(self.flows.get_mut(id.0 as usize)?);
        self.revision += 1;
        flow.revision = self.revision;
        self.revisions[id.0 as usize] = self.revision;
        Some(change(flow))
    }

    /// The row after the last turn of `connection`. Found from the end: the newest connection is the busy one.
    fn end_of(&self, connection: FlowId) -> usize {
        let belongs = |id: &FlowId| {
            *id == connection
                || matches!(self.get(*id).map(|flow| flow.kind),
                    Some(FlowKind::WsTurn { connection: of, .. }) if of == connection)
        };
        self.rows
            .iter()
            .rposition(belongs)
            .map_or(self.rows.len(), |row| row + 1)
    }
}
