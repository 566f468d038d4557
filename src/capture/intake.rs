//! Flows that were read, into a store, in whatever order their lines stand.
//!
//! Lines stand in the order in which flows ended, a connection's after those of its turns. A turn
//! whose connection was not read yet gets one with what the turn knows of it, until its line comes, if
//! it does.

use std::collections::HashMap;
use std::sync::Arc;

use super::Skipped;
use crate::flow::{Flow, FlowId, FlowKind, Place, State, Store, Summary};

/// A flow that was read, without its place in a store.
#[derive(Debug)]
pub struct Item {
    pub(super) kept: Kept,
    /// The name of the connection that a turn ran on.
    pub(super) connection: Option<String>,
    /// Where its line stands.
    pub(super) place: Option<Place>,
    /// The file's name.
    pub(super) file: Arc<str>,
    /// The line's number, from 1.
    pub(super) line: u64,
}

impl Item {
    /// The name of the file that it was read from.
    #[must_use]
    pub fn file(&self) -> &str {
        &self.file
    }
}

/// What is kept of a flow.
#[derive(Debug)]
pub(super) enum Kept {
    /// All of it.
    Whole(Box<Flow>),
    /// Its summary.
    Brief(Box<Summary>),
}

/// Puts flows into a store.
#[derive(Default, Debug)]
pub struct Intake {
    /// The flows so far: one that stands in two files is taken once.
    known: HashMap<Box<str>, Known>,
}

/// A flow that is in the store.
#[derive(Clone, Copy, Debug)]
struct Known {
    id: FlowId,
    /// Whether it was made up from one of its turns.
    is_made_up: bool,
}

impl Intake {
    /// Adds a flow, unless it was added already.
    pub fn take(&mut self, store: &mut Store, item: Item) -> Result<(), Skipped> {
        let Item {
            mut kept,
            connection,
            place,
            file,
            line,
        } = item;
        let name: Box<str> = kept.name().into();
        let known = self.known.get(&name).copied();
        if known.is_some_and(|known| !known.is_made_up) {
            let why = format!("flow {name} was read already");
            return Err(Skipped::new(&file, line, &why));
        }
        if let (FlowKind::WsTurn { number, .. }, Some(connection)) = (kept.kind(), connection) {
            let connection = self.connection(store, &connection, &kept);
            kept.set_kind(FlowKind::WsTurn { connection, number });
        }
        let id = match (kept, known) {
            (Kept::Whole(flow), None) => store.push(*flow),
            (Kept::Brief(summary), None) => store.push_summary(*summary, place),
            (Kept::Whole(flow), Some(known)) => {
                store.replace(known.id, *flow);
                known.id
            }
            (Kept::Brief(summary), Some(known)) => {
                store.replace_summary(known.id, *summary, place);
                known.id
            }
        };
        let is_made_up = false;
        self.known.insert(name, Known { id, is_made_up });
        Ok(())
    }

    /// The connection called `name`, made up from `turn` if it was not read yet.
    fn connection(&mut self, store: &mut Store, name: &str, turn: &Kept) -> FlowId {
        if let Some(known) = self.known.get(name) {
            return known.id;
        }
        let id = match turn {
            Kept::Whole(turn) => store.push(made_up(turn, name)),
            Kept::Brief(turn) => store.push_summary(made_up_summary(turn, name), None),
        };
        let is_made_up = true;
        self.known.insert(name.into(), Known { id, is_made_up });
        id
    }
}

impl Kept {
    fn name(&self) -> &str {
        match self {
            Self::Whole(flow) => &flow.name,
            Self::Brief(summary) => &summary.name,
        }
    }

    fn kind(&self) -> FlowKind {
        match self {
            Self::Whole(flow) => flow.kind,
            Self::Brief(summary) => summary.kind,
        }
    }

    fn set_kind(&mut self, kind: FlowKind) {
        match self {
            Self::Whole(flow) => flow.kind = kind,
            Self::Brief(summary) => summary.kind = kind,
        }
    }
}

/// The connection called `name`, as far as one of its turns tells.
fn made_up(turn: &Flow, name: &str) -> Flow {
    let upstream = Arc::clone(&turn.upstream);
    let mut flow = Flow::new(name.to_owned(), turn.client.clone(), upstream, turn.started);
    flow.kind = FlowKind::Ws;
    flow.ended = turn.ended;
    flow.request.head.clone_from(&turn.request.head);
    flow.response.head.clone_from(&turn.response.head);
    flow.response.head_at = turn.response.head_at;
    flow.read_heads();
    flow.gist.push_str(NOT_SAVED);
    flow
}

/// The same of a turn's summary.
fn made_up_summary(turn: &Summary, name: &str) -> Summary {
    Summary {
        name: name.into(),
        kind: FlowKind::Ws,
        state: State::Complete,
        gist: format!("{} {}{NOT_SAVED}", turn.method, turn.path).into(),
        model: None,
        context: None,
        turn: None,
        usage: None,
        calls: 0,
        tools: Box::default(),
        frames: 0,
        first_delta: None,
        failure: None,
        close: None,
        wire_len: 0,
        is_recovered: false,
        comment: None,
        quiet_since: None,
        ..turn.clone()
    }
}

/// Behind what a made-up connection is about.
const NOT_SAVED: &str = " (connection not saved)";
