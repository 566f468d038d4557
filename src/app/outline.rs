//! The tree of the request list: a thread's flows below its first one, the turns of a WebSocket below
//! their connection.
//!
//! Rows are flows and nothing else: the head of a thread is the first of its flows that is shown, so
//! that a filter leaves no row that it did not choose, but for connections whose turns it did.

use std::collections::HashSet;

use crate::flow::{FlowId, State};

/// What matters of a flow to the list.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    /// Where it stands in the tree.
    pub(super) place: Place,
    /// The thread it belongs to; `None` of side channels, and where the traffic does not tell.
    pub(super) thread: Option<u32>,
    /// Whether it failed, among others.
    pub(super) state: State,
    /// Whether it carries no model turn.
    pub(super) is_side: bool,
    /// Whether it goes on.
    pub(super) is_live: bool,
}

/// What a flow is to the tree.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Place {
    /// An HTTP exchange.
    Alone,
    /// A connection, above its turns.
    Connection,
    /// A turn of this connection.
    Turn(FlowId),
}

impl Entry {
    /// The connection that the flow is a turn of.
    pub(super) fn connection(self) -> Option<FlowId> {
        match self.place {
            Place::Turn(connection) => Some(connection),
            Place::Alone | Place::Connection => None,
        }
    }

    /// Whether it is a model turn.
    pub(super) fn is_turn(self) -> bool {
        !self.is_side && self.place != Place::Connection
    }
}

/// Rows that fold together.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum Group {
    /// The flows of a thread.
    Thread(u32),
    /// The turns of a connection.
    Connection(FlowId),
}

/// Where a row hangs in the tree.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Stem {
    /// How many rows it hangs below, one below the other: 2 at most.
    pub depth: u8,
    /// Whether it is the last one below its parent.
    pub is_last: bool,
    /// Whether its parent is the last one below its own.
    pub is_parent_last: bool,
    /// What hangs below it.
    pub below: Below,
    /// How many turns it and what hangs below it are, hidden ones included.
    pub turns: u32,
}

/// What hangs below a row.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Below {
    /// Nothing.
    #[default]
    Nothing,
    /// Rows that are shown.
    Shown,
    /// Rows that are hidden.
    Hidden,
}

/// A row and its place in the tree.
pub(super) type Row = (FlowId, Stem);

/// The tree of `flows`, which come by start with turns right under their connections. A connection
/// that is not wanted is there if one of its turns is.
pub(super) fn outline(
    flows: &[FlowId],
    entries: &[Entry],
    is_wanted: impl FnMut(FlowId, Entry) -> bool,
) -> Vec<Row> {
    let mut hung = hang(flows, entries, is_wanted);
    // Flows of one thread come together where its first one stands; all else stays in order.
    hung.sort_by_key(|(rank, _)| *rank);
    let mut rows: Vec<Row> = hung.into_iter().map(|(_, row)| row).collect();
    join(&mut rows, entries);
    rows
}

/// The wanted flows, each with its depth and the rank of the row that it hangs below in the end.
fn hang(
    flows: &[FlowId],
    entries: &[Entry],
    mut is_wanted: impl FnMut(FlowId, Entry) -> bool,
) -> Vec<(u32, Row)> {
    let mut hung: Vec<(u32, Row)> = Vec::new();
    // The rank of each thread's first row.
    let mut heads = Vec::new();
    // The connection that the next turns may be of, and whether it has a row.
    let mut above = None;
    // Rank and depth of the latest row that is no turn of a connection.
    let mut place = (0, 0);
    for id in flows {
        let Some(entry) = entries.get(id.0 as usize).copied() else {
            continue;
        };
        let is_wanted = is_wanted(*id, entry);
        if entry.place == Place::Connection {
            above = Some((*id, entry, is_wanted));
        }
        if !is_wanted {
            continue;
        }
        let mut add = |id: FlowId, entry: Entry, below: u8| {
            if below == 0 {
                place = find(entry.thread, hung.len() as u32, &mut heads);
            }
            let stem = Stem {
                depth: place.1 + below,
                ..Stem::default()
            };
            hung.push((place.0, (id, stem)));
        };
        match (entry.connection(), &mut above) {
            (Some(connection), Some((id_above, own, has_row))) if *id_above == connection => {
                if !std::mem::replace(has_row, true) {
                    add(connection, *own, 0);
                }
                add(*id, entry, 1);
            }
            _ => add(*id, entry, 0),
        }
    }
    hung
}

/// The rank and depth of the next row, which is `rank` unless its thread has a head already.
fn find(thread: Option<u32>, rank: u32, heads: &mut Vec<Option<u32>>) -> (u32, u8) {
    let Some(thread) = thread else {
        return (rank, 0);
    };
    let thread = thread as usize;
    if heads.len() <= thread {
        heads.resize(thread + 1, None);
    }
    let Some(head) = heads[thread] else {
        heads[thread] = Some(rank);
        return (rank, 0);
    };
    (head, 1)
}

/// Says of each row what comes below and behind it.
fn join(rows: &mut [Row], entries: &[Entry]) {
    // By depth, of the rows behind that hang below the same parent: whether there are any, and their turns.
    let mut behind = [(false, 0); DEPTHS + 1];
    for (id, stem) in rows.iter_mut().rev() {
        let depth = usize::from(stem.depth);
        let entry = entries.get(id.0 as usize);
        let own = entry.is_some_and(|entry| entry.is_turn());
        let (is_parent, below) = std::mem::take(&mut behind[depth + 1]);
        if is_parent {
            stem.below = Below::Shown;
        }
        stem.turns = u32::from(own) + below;
        stem.is_last = !behind[depth].0;
        behind[depth] = (true, behind[depth].1 + stem.turns);
    }
    let mut is_last = false;
    for (_, stem) in rows {
        if stem.depth == 1 {
            is_last = stem.is_last;
        }
        stem.is_parent_last = is_last;
    }
}

/// What folds with the row of this flow; `None` if nothing can hang below it.
pub(super) fn group(id: FlowId, entry: Entry, stem: Stem) -> Option<Group> {
    let of_thread = entry.thread.filter(|_| stem.depth == 0).map(Group::Thread);
    let is_connection = entry.place == Place::Connection;
    of_thread.or_else(|| is_connection.then_some(Group::Connection(id)))
}

/// Takes away what hangs below rows that are folded.
pub(super) fn fold(rows: &mut Vec<Row>, entries: &[Entry], folded: &HashSet<Group>) {
    if folded.is_empty() {
        return;
    }
    let mut hidden_from = u8::MAX;
    rows.retain_mut(|(id, stem)| {
        if stem.depth >= hidden_from {
            return false;
        }
        hidden_from = u8::MAX;
        let entry = entries.get(id.0 as usize).copied();
        let group = entry.and_then(|entry| group(*id, entry, *stem));
        if stem.below != Below::Nothing && group.is_some_and(|group| folded.contains(&group)) {
            stem.below = Below::Hidden;
            hidden_from = stem.depth + 1;
        }
        true
    });
}

/// How deep the tree is: thread, connection, turn.
const DEPTHS: usize = 3;

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(place: Place, thread: Option<u32>) -> Entry {
        Entry {
            place,
            thread,
            state: State::Complete,
            is_side: thread.is_none(),
            is_live: false,
        }
    }

    /// Two threads and a side channel; the first goes over HTTP, a socket, and HTTP again.
    fn flows() -> (Vec<FlowId>, Vec<Entry>) {
        let socket = FlowId(3);
        let entries = vec![
            entry(Place::Alone, None),
            entry(Place::Alone, Some(0)),
            entry(Place::Alone, Some(1)),
            entry(Place::Connection, Some(0)),
            entry(Place::Turn(socket), Some(0)),
            entry(Place::Turn(socket), Some(0)),
            entry(Place::Alone, Some(0)),
            entry(Place::Alone, None),
        ];
        ((0..8).map(FlowId).collect(), entries)
    }

    /// Rows as the list draws them.
    fn drawn(rows: &[Row]) -> Vec<String> {
        let draw = |(id, stem): &Row| {
            let tree = match (stem.depth, stem.is_parent_last, stem.is_last) {
                (0, _, _) => "",
                (1, _, false) => "├",
                (1, _, true) => "└",
                (_, false, false) => "│├",
                (_, false, true) => "│└",
                (_, true, false) => " ├",
                (_, true, true) => " └",
            };
            let fold = match stem.below {
                Below::Nothing => "",
                Below::Shown => "▾",
                Below::Hidden => "▸",
            };
            format!("{tree}{fold}{} {}", id.0, stem.turns)
        };
        rows.iter().map(draw).collect()
    }

    #[test]
    fn flows_hang_below_the_first_of_their_thread_and_turns_below_their_connection() {
        let (flows, entries) = flows();
        let mut rows = outline(&flows, &entries, |_, _| true);
        let whole = [
            "0 0",
            "▾1 4",
            "├▾3 2",
            "│├4 1",
            "│└5 1",
            "└6 1",
            "2 1",
            "7 0",
        ];
        assert_eq!(drawn(&rows), whole);
        fold(
            &mut rows,
            &entries,
            &HashSet::from([Group::Connection(FlowId(3))]),
        );
        let folded = ["0 0", "▾1 4", "├▸3 2", "└6 1", "2 1", "7 0"];
        assert_eq!(drawn(&rows), folded);
        fold(&mut rows, &entries, &HashSet::from([Group::Thread(0)]));
        assert_eq!(drawn(&rows), ["0 0", "▸1 4", "2 1", "7 0"]);
    }

    #[test]
    fn what_is_not_wanted_is_there_only_as_the_connection_of_what_is() {
        let (flows, entries) = flows();
        let rows = outline(&flows, &entries, |id, _| [5, 6].contains(&id.0));
        assert_eq!(drawn(&rows), ["▾3 2", "├5 1", "└6 1"]);
        let rows = outline(&flows, &entries, |id, _| id.0 == 3);
        assert_eq!(drawn(&rows), ["3 0"]);
        let rows = outline(&flows, &entries, |id, _| id.0 == 6);
        assert_eq!(drawn(&rows), ["6 1"]);
        assert_eq!(outline(&flows, &entries, |_, _| false), []);
    }
}
