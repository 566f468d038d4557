//! Sessions, their threads and the turns of these, as rows that fold.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use super::scroll::{Motion, Scroll};
use crate::content::Branch;
use crate::flow::sessions::{Sessions, Tally};
use crate::flow::{FlowId, Store};
use crate::responses::Prices;
use crate::tap::At;

/// The tree, and where the reader is in it.
#[derive(Default, Debug)]
pub struct Tree {
    sessions: Sessions,
    rows: Vec<Node>,
    /// Sessions, and threads of sessions, whose rows below are hidden; by id.
    folded: HashSet<Key>,
    scroll: Scroll,
    /// How many rows fit.
    height: usize,
    /// The store's revision that the tree is of, and when it was made; `None` before the first time.
    made: Option<(u64, At)>,
}

/// Names a row whatever comes.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Key {
    session: Box<str>,
    thread: Option<Box<str>>,
    /// The first flow of a turn.
    flow: Option<FlowId>,
}

/// A row.
#[derive(Debug)]
struct Node {
    /// Its place among the sessions.
    session: usize,
    /// The thread's place in the session, and how deep it stands.
    thread: Option<(usize, usize)>,
    /// The turn's place in the thread.
    turn: Option<usize>,
    /// What a session or thread took.
    sum: Option<Box<Tally>>,
}

/// What a row stands for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Target {
    /// A session with this id.
    Session(Box<str>),
    /// A thread with this id.
    Thread(Box<str>),
    /// A turn, by the attempt that counts.
    Turn(FlowId),
}

impl Tree {
    /// Where the reader is.
    #[must_use]
    pub fn scroll(&self) -> Scroll {
        self.scroll
    }

    /// How many rows there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// What stands in a row.
    #[must_use]
    pub fn branch(&self, row: usize) -> Option<Branch<'_>> {
        let node = self.rows.get(row)?;
        let session = self.sessions.sessions.get(node.session)?;
        let is_open = !self.folded.contains(&self.key(node)?);
        let Some((thread, depth)) = node.thread else {
            let sum = node.sum.as_deref()?;
            return Some(Branch::Session {
                session,
                sum,
                is_open,
            });
        };
        let thread = session.threads.get(thread)?;
        let Some(turn) = node.turn else {
            let sum = node.sum.as_deref()?;
            return Some(Branch::Thread {
                thread,
                depth,
                sum,
                is_open,
            });
        };
        Some(Branch::Turn {
            turn: thread.turns.get(turn)?,
            thread,
            depth,
        })
    }

    /// Whether the tree is to be made anew, now or when some time has passed.
    pub(super) fn is_stale(&self, store: &Store) -> bool {
        self.made.map(|(revision, _)| revision) != Some(store.revision())
    }

    /// Brings the tree up to date, for a window of `height` rows. What streams changes the store all the
    /// time, so it is not made anew before some time has passed, more the larger it is.
    pub(super) fn prepare(&mut self, store: &Store, prices: &Prices, now: At, height: u16) {
        self.height = usize::from(height);
        let pause = PAUSE + Duration::from_micros(100 * store.len() as u64);
        let is_due = self.made.is_none_or(|(_, made)| now.since(made) >= pause);
        if is_due && self.is_stale(store) {
            self.sessions = Sessions::of(store.summaries(), prices);
            self.made = Some((store.revision(), now));
            self.lay_out();
        }
        self.scroll.clamp(self.rows.len(), self.height);
    }

    /// Has the tree be made anew at once, with the cursor on the turn that `flow` is an attempt at.
    pub(super) fn open(
        &mut self,
        flow: Option<FlowId>,
        store: &Store,
        prices: &Prices,
        now: At,
        height: u16,
    ) {
        if self.is_stale(store) {
            self.made = None;
        }
        self.prepare(store, prices, now, height);
        let is_it = |node: &Node| {
            let session = self.sessions.sessions.get(node.session)?;
            let turn = session.threads.get(node.thread?.0)?.turns.get(node.turn?)?;
            Some(turn.attempts.iter().any(|it| Some(it.flow) == flow))
        };
        if let Some(row) = self.rows.iter().position(|node| is_it(node) == Some(true)) {
            self.go(Motion::To(row));
        }
    }

    /// Moves the cursor.
    pub(super) fn go(&mut self, motion: Motion) {
        self.scroll.go(motion, self.rows.len(), self.height);
    }

    /// Turns the wheel by `by` rows.
    pub(super) fn wheel(&mut self, by: isize) {
        self.scroll.wheel(by, self.rows.len(), self.height);
    }

    /// What the row under the cursor stands for.
    pub(super) fn target(&self) -> Option<Target> {
        Some(match self.branch(self.scroll.cursor)? {
            Branch::Session { session, .. } => Target::Session(session.id.clone()),
            Branch::Thread { thread, .. } => Target::Thread(thread.id.clone()),
            Branch::Turn { turn, .. } => Target::Turn(turn.last()?.flow),
        })
    }

    /// Hides or shows what is below the session or thread that the cursor is on, or in.
    pub(super) fn fold(&mut self) {
        let Some(node) = self.rows.get(self.scroll.cursor) else {
            return;
        };
        let Some(key) = self.key(node) else { return };
        let head = Key { flow: None, ..key };
        if !self.folded.remove(&head) {
            self.folded.insert(head.clone());
        }
        self.lay_out();
        self.find(&head);
    }

    /// Hides the turns of all threads, or shows them if none are shown.
    pub(super) fn fold_all(&mut self) {
        let cursor = self.rows.get(self.scroll.cursor);
        let cursor = cursor.and_then(|node| self.key(node));
        let has_turns = self.rows.iter().any(|node| node.turn.is_some());
        self.folded.clear();
        if has_turns {
            let threads = self.sessions.sessions.iter().flat_map(|session| {
                session.threads.iter().map(|thread| Key {
                    session: session.id.clone(),
                    thread: Some(thread.id.clone()),
                    flow: None,
                })
            });
            self.folded = threads.collect();
        }
        self.lay_out();
        if let Some(key) = cursor {
            self.find(&Key { flow: None, ..key });
        }
    }

    /// Puts the rows together, and the cursor onto the row that it was on.
    fn lay_out(&mut self) {
        let cursor = self.rows.get(self.scroll.cursor);
        let cursor = cursor.and_then(|node| self.key(node));
        self.rows.clear();
        for (at, session) in self.sessions.sessions.iter().enumerate() {
            let key = |thread: Option<Box<str>>| Key {
                session: session.id.clone(),
                thread,
                flow: None,
            };
            let head = |thread, sum| Node {
                session: at,
                thread,
                turn: None,
                sum: Some(Box::new(sum)),
            };
            self.rows.push(head(None, session.total()));
            if self.folded.contains(&key(None)) {
                continue;
            }
            let places = session.threads.iter().zip(0..);
            let places: HashMap<&str, usize> = places.map(|(it, at)| (&*it.id, at)).collect();
            for (depth, thread) in session.tree() {
                let place = places.get(&*thread.id).map(|place| (*place, depth));
                let mut sum = Tally::default();
                thread.turns.iter().for_each(|turn| sum.add(turn));
                self.rows.push(head(place, sum));
                if self.folded.contains(&key(Some(thread.id.clone()))) {
                    continue;
                }
                self.rows.extend((0..thread.turns.len()).map(|turn| Node {
                    session: at,
                    thread: place,
                    turn: Some(turn),
                    sum: None,
                }));
            }
        }
        if let Some(key) = cursor {
            self.find(&key);
        }
    }

    /// Puts the cursor onto a row, if it is there.
    fn find(&mut self, key: &Key) {
        let is_it = |node: &Node| self.key(node).is_some_and(|own| own == *key);
        if let Some(row) = self.rows.iter().position(is_it) {
            self.scroll.cursor = row;
        }
        self.scroll.clamp(self.rows.len(), self.height);
    }

    fn key(&self, node: &Node) -> Option<Key> {
        let session = self.sessions.sessions.get(node.session)?;
        let thread = node
            .thread
            .and_then(|(thread, _)| session.threads.get(thread));
        let turn = node.turn.and_then(|turn| thread?.turns.get(turn));
        Some(Key {
            session: session.id.clone(),
            thread: thread.map(|thread| thread.id.clone()),
            flow: turn.and_then(|turn| Some(turn.attempts.first()?.flow)),
        })
    }
}

/// How long a small tree stands before it is made anew.
const PAUSE: Duration = Duration::from_secs(1);
