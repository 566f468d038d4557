//! What the request list is sorted by.
//!
//! Every flow has a number for it, its rank, taken anew when the flow changes. After a change of the column
//! the ranks of all flows are to be found, which may take a while (a price is looked up for each), so
//! that is done a step at a time; meanwhile the rows stand as they did.

use std::collections::HashMap;
use std::sync::Arc;

use super::columns::Column;
use crate::flow::{FlowId, FlowKind, State, Store, Summary, Transport, sessions};
use crate::responses::Prices;

/// By which column, and which way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Sort {
    /// By what.
    pub column: Column,
    /// Whether the largest comes first.
    pub is_descending: bool,
}

impl Default for Sort {
    /// As the flows came, in their tree.
    fn default() -> Self {
        Self {
            column: Column::Time,
            is_descending: false,
        }
    }
}

impl Sort {
    /// By a column in its usual direction: numbers from the largest on. `None` if nothing can be
    /// sorted by it.
    #[must_use]
    pub fn by(column: Column) -> Option<Self> {
        SORTABLE.contains(&column).then(|| Self {
            column,
            is_descending: column.is_number(),
        })
    }

    /// The other way round.
    #[must_use]
    pub fn reversed(self) -> Self {
        Self {
            is_descending: !self.is_descending,
            ..self
        }
    }

    /// Whether the list is as the flows came, and a tree.
    #[must_use]
    pub fn is_natural(self) -> bool {
        self == Self::default()
    }

    /// The sign of its direction.
    #[must_use]
    pub const fn arrow(self) -> &'static str {
        if self.is_descending { "▼" } else { "▲" }
    }
}

/// The order of the list.
#[derive(Default, Debug)]
pub(super) struct Order {
    sort: Sort,
    /// Position = id; of the first flows only while ranks are being found. Empty in natural order.
    ranks: Vec<u64>,
    /// Whether some are still to be found.
    is_busy: bool,
    names: Names,
    prices: Arc<Prices>,
    volumes: Volumes,
}

impl Order {
    pub(super) fn new(prices: Arc<Prices>) -> Self {
        Self {
            prices,
            ..Self::default()
        }
    }

    pub(super) fn sort(&self) -> Sort {
        self.sort
    }

    /// Sorts by something else. Says whether that can be shown at once.
    pub(super) fn set(&mut self, sort: Sort) -> bool {
        let is_same_column = sort.column == self.sort.column && !self.sort.is_natural();
        self.sort = sort;
        if sort.is_natural() || !is_same_column {
            self.ranks = Vec::new();
            self.is_busy = !sort.is_natural();
        }
        !self.is_busy
    }

    /// Whether ranks are still to be found: [`Order::step`] is to be called.
    pub(super) fn is_busy(&self) -> bool {
        self.is_busy
    }

    /// Bytes on the wire of a flow: of a connection, those of its turns too.
    pub(super) fn volume(&self, flow: &Summary) -> u64 {
        self.volumes.of(flow)
    }

    /// Takes in a new or changed flow. Says whether it, or its connection, may stand elsewhere now.
    pub(super) fn take(&mut self, flow: &Summary) -> bool {
        let grew = self.volumes.take(flow);
        let index = flow.id.0 as usize;
        if self.sort.is_natural() {
            return false;
        }
        let has_moved = self.sort.column == Column::Size
            && grew.is_some_and(|(connection, by)| self.raise(connection, by));
        if index > self.ranks.len() {
            return has_moved;
        }
        let rank = self.rank(flow);
        let Some(old) = self.ranks.get_mut(index) else {
            self.ranks.push(rank);
            return true;
        };
        std::mem::replace(old, rank) != rank || has_moved
    }

    /// Raises the rank of a connection, if it has one. Says whether that made a difference.
    fn raise(&mut self, connection: FlowId, by: u64) -> bool {
        match self.ranks.get_mut(connection.0 as usize) {
            Some(rank) if *rank != NONE && by > 0 => {
                *rank = rank.saturating_add(by).min(NONE - 1);
                true
            }
            _ => false,
        }
    }

    /// Finds some ranks. Says whether those were the last ones.
    pub(super) fn step(&mut self, store: &Store) -> bool {
        let first = self.ranks.len();
        let end = store.len().min(first + STEP);
        for id in first..end {
            let flow = store.summary(FlowId(id as u32));
            let rank = flow.map_or(NONE, |flow| self.rank(&flow));
            self.ranks.push(rank);
        }
        self.is_busy = end < store.len();
        !self.is_busy
    }

    /// Puts rows in order; those that have nothing to be sorted by come last, whichever way.
    pub(super) fn apply(&self, rows: &mut [FlowId]) {
        let is_name = matches!(self.sort.column, Column::Agent | Column::Model);
        let places = if is_name {
            self.names.places()
        } else {
            Vec::new()
        };
        let key = |id: FlowId| {
            let rank = self.ranks.get(id.0 as usize).copied().unwrap_or(NONE);
            let place = places.get(rank as usize).copied().unwrap_or(rank);
            match place {
                NONE => NONE,
                place if self.sort.is_descending => NONE - 1 - place,
                place => place,
            }
        };
        let mut keyed: Vec<_> = rows.iter().map(|id| (key(*id), *id)).collect();
        keyed.sort_unstable();
        for (row, (_, id)) in rows.iter_mut().zip(keyed) {
            *row = id;
        }
    }

    /// What a flow is sorted by. What goes on has none as long as it changes: it would wander.
    fn rank(&mut self, flow: &Summary) -> u64 {
        let usage = flow.usage;
        let rank = match self.sort.column {
            Column::Time => Some(flow.started.as_micros()),
            Column::Transport => Some(match flow.transport {
                Transport::Http => 0,
                Transport::Sse => 1,
                Transport::WebSocket => 2,
            }),
            Column::Agent => flow.agent().name().map(|name| self.names.number(name)),
            Column::Model => {
                let model = flow.model.as_deref();
                model.map(|model| self.names.number(model))
            }
            _ if flow.is_live() => None,
            Column::Status => {
                let code = flow.status.or(flow.close).map_or(0, u64::from);
                Some(gravity(flow.state) << 16 | code)
            }
            Column::Size => Some(self.volumes.of(flow)),
            Column::Input => usage.map(|usage| usage.input),
            Column::Cached => usage.map(|usage| usage.cached),
            Column::Output => usage.map(|usage| usage.output),
            Column::Cost => {
                let cost = sessions::cost(flow, &self.prices);
                cost.map(|cost| narrow(cost.dollars.0 / PICODOLLARS))
            }
            Column::Duration => flow.duration().map(|took| narrow(took.as_micros())),
            Column::First => flow.first_delta.map(|first| narrow(first.as_micros())),
            Column::Gist => None,
        };
        rank.map_or(NONE, |rank| rank.min(NONE - 1))
    }
}

/// What is too large for a rank is the largest one.
fn narrow(number: u128) -> u64 {
    u64::try_from(number).unwrap_or(NONE - 1)
}

/// How bad it is where a flow stands.
const fn gravity(state: State) -> u64 {
    match state {
        State::Complete => 0,
        State::Waiting | State::Streaming => 1,
        State::Partial => 2,
        State::Failed => 3,
    }
}

/// Bytes on the wire: what a connection carries is counted with the turns on it, and is a sum here.
#[derive(Default, Debug)]
struct Volumes {
    /// Bytes of each turn on a connection as of when it was last taken in.
    turns: HashMap<FlowId, u64>,
    /// Bytes of all turns of each connection.
    connections: HashMap<FlowId, u64>,
}

impl Volumes {
    /// Takes in a new or changed flow. Of a turn, gives its connection and by how much that grew.
    fn take(&mut self, flow: &Summary) -> Option<(FlowId, u64)> {
        let FlowKind::WsTurn { connection, .. } = flow.kind else {
            return None;
        };
        let before = self.turns.insert(flow.id, flow.wire_len).unwrap_or(0);
        let by = flow.wire_len.saturating_sub(before);
        *self.connections.entry(connection).or_default() += by;
        Some((connection, by))
    }

    /// Bytes of a flow and of the turns on it.
    fn of(&self, flow: &Summary) -> u64 {
        let turns = self.connections.get(&flow.id).copied().unwrap_or(0);
        flow.wire_len.saturating_add(turns)
    }
}

/// Names as numbers.
#[derive(Default, Debug)]
pub(super) struct Names(HashMap<Box<str>, u32>);

impl Names {
    /// The number of a name, in the order in which they came.
    pub(super) fn number(&mut self, name: &str) -> u64 {
        let next = self.0.len() as u32;
        let number = match self.0.get(name) {
            Some(number) => *number,
            None => *self.0.entry(name.into()).or_insert(next),
        };
        u64::from(number)
    }

    /// How many there are.
    pub(super) fn len(&self) -> u32 {
        self.0.len() as u32
    }

    /// The place of each name in the alphabet. Position = number.
    fn places(&self) -> Vec<u64> {
        let mut sorted: Vec<_> = self.0.iter().collect();
        sorted.sort_unstable();
        let mut places = vec![0; sorted.len()];
        for ((_, number), place) in sorted.into_iter().zip(0..) {
            places[*number as usize] = place;
        }
        places
    }
}

/// The rank of what has nothing to be sorted by.
const NONE: u64 = u64::MAX;
/// In a nanodollar, the unit of the ranks of costs.
const PICODOLLARS: u128 = 1_000;
/// How many ranks are found in one step: a millisecond's worth.
const STEP: usize = 1_024;
/// What can be sorted by, in the order of the menu for it.
pub const SORTABLE: [Column; 12] = [
    Column::Time,
    Column::Duration,
    Column::First,
    Column::Input,
    Column::Cached,
    Column::Output,
    Column::Cost,
    Column::Size,
    Column::Status,
    Column::Model,
    Column::Agent,
    Column::Transport,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_column_but_the_gist_can_be_sorted_by() {
        for column in Column::ALL {
            let is_there = SORTABLE.contains(&column);
            assert_eq!(is_there, column != Column::Gist, "{column:?}");
            assert_eq!(Sort::by(column).is_some(), is_there, "{column:?}");
        }
        assert_eq!(Sort::by(Column::Time), Some(Sort::default()));
    }

    #[test]
    fn what_has_no_rank_comes_last_both_ways_and_names_stand_as_in_the_alphabet() {
        let sorted = |column, ranks: &[u64], is_descending| {
            let mut names = Names::default();
            for name in ["delta", "alpha", "zeta"] {
                names.number(name);
            }
            let sort = Sort {
                column,
                is_descending,
            };
            let order = Order {
                sort,
                names,
                ranks: ranks.to_vec(),
                ..Order::default()
            };
            let mut rows: Vec<_> = (0..ranks.len() as u32).map(FlowId).collect();
            order.apply(&mut rows);
            rows.into_iter().map(|id| id.0).collect::<Vec<_>>()
        };
        let sizes = [0, NONE, 7, NONE - 1, 7];
        assert_eq!(sorted(Column::Size, &sizes, false), [0, 2, 4, 3, 1]);
        assert_eq!(sorted(Column::Size, &sizes, true), [3, 2, 4, 0, 1]);
        let models = [2, 0, NONE, 1];
        assert_eq!(sorted(Column::Model, &models, false), [3, 1, 0, 2]);
        assert_eq!(sorted(Column::Model, &models, true), [0, 1, 3, 2]);
    }
}
