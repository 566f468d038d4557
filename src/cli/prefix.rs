//! Where turns left the prefix that the provider had in its cache: what `codextap sessions show` and `report` tell
//! beyond summaries. Flows are read one after the other, thread by thread.

use std::collections::{HashMap, VecDeque};

use super::captures::Captures;
use super::error::Error;
use super::progress::Progress;
use crate::content::what_differs;
use crate::flow::FlowId;
use crate::flow::lineage::{Break, Effective, Parent};
use crate::flow::sessions::{Sessions, Thread, before};
use crate::responses::Usage;

/// A turn whose prompt left that of the turn before it.
#[derive(Debug)]
pub(super) struct Broken {
    /// Where, and what it cost.
    pub(super) found: Break,
    /// The same in words.
    pub(super) what: String,
}

/// Every such turn, by the attempt of it that counts.
pub(super) type Breaks = HashMap<FlowId, Broken>;

/// Looks for them in all turns of the threads that `is_wanted` chooses.
pub(super) fn breaks(
    captures: &Captures,
    sessions: &Sessions,
    is_wanted: impl Fn(&Thread) -> bool,
    progress: &mut Progress,
) -> Result<Breaks, Error> {
    let mut breaks = Breaks::new();
    let threads = || {
        let all = sessions.sessions.iter();
        let all = all.flat_map(|session| session.threads.iter().map(move |it| (session, it)));
        all.filter(|(_, thread)| is_wanted(thread))
    };
    let all: usize = threads().map(|(_, thread)| thread.turns.len()).sum();
    let mut done: usize = 0;
    for (session, thread) in threads() {
        {
            let is_told = !(session.id.is_empty() && thread.id.is_empty());
            let mut search = Search {
                captures,
                thread,
                is_told,
                known: VecDeque::new(),
            };
            for at in 0..thread.turns.len() {
                breaks.extend(search.turn(at)?);
                done += 1;
                let percent = (done * 100).checked_div(all).unwrap_or(100);
                progress.show("comparing", percent as u8);
            }
        }
    }
    progress.clear();
    Ok(breaks)
}

/// Whether a turn of it used more tokens than the provider would have had to read anew: by usage alone, so that
/// threads whose prefix held are not read again.
pub(super) fn may_be_broken(thread: &Thread) -> bool {
    let turns = &thread.turns;
    let usage = |at: usize| turns.get(at)?.last()?.usage;
    (1..turns.len()).any(|at| {
        // The first turn goes on from the warm-up before it.
        let earlier = before(turns, at, None, true).unwrap_or(at - 1);
        Break::lost_between(usage(earlier), usage(at)) > Break::STEP
    })
}

/// A thread, turn by turn.
struct Search<'a> {
    captures: &'a Captures,
    thread: &'a Thread,
    /// Whether the traffic tells which thread it is.
    is_told: bool,
    /// The latest requests, which later ones continue.
    known: VecDeque<Known>,
}

/// A request that was put together.
struct Known {
    flow: FlowId,
    response: Option<String>,
    usage: Option<Usage>,
    asked: Effective,
}

impl Search<'_> {
    /// Takes the turn at this place; gives where it left the prefix, if it did.
    fn turn(&mut self, at: usize) -> Result<Option<(FlowId, Broken)>, Error> {
        let turns = &self.thread.turns;
        let last = turns.get(at).and_then(|turn| turn.last());
        let Some(last) = last.filter(|last| !last.is_handshake) else {
            return Ok(None);
        };
        let Some(flow) = self.captures.whole(last.flow)? else {
            return Ok(None);
        };
        let parent = match Parent::of(&flow) {
            Some(Parent::Response(id)) => {
                let mut known = self.known.iter();
                known.find(|known| known.response.as_ref() == Some(&id))
            }
            Some(Parent::Before { .. }) => self.known.back(),
            None => None,
        };
        let Some(asked) = Effective::after(parent.map(|known| &known.asked), &flow) else {
            return Ok(None);
        };
        let before = before(turns, at, parent.map(|known| known.flow), self.is_told);
        let before = before.and_then(|at| turns[at].last());
        let before = before.and_then(|it| self.known.iter().find(|known| known.flow == it.flow));
        let whole = before.filter(|it| !it.asked.badge.is_missing() && !asked.badge.is_missing());
        let broken = whole.and_then(|before| {
            let found = Break::between((&before.asked, before.usage), (&asked, last.usage))?;
            let what = what_differs(&found.place, &asked, &before.asked);
            Some((last.flow, Broken { found, what }))
        });
        if self.known.len() == MOST_KNOWN {
            self.known.pop_front();
        }
        self.known.push_back(Known {
            flow: last.flow,
            response: flow.turn.and_then(|turn| turn.response_id),
            usage: last.usage,
            asked,
        });
        Ok(broken)
    }
}

/// Requests of a thread that are kept: what is continued is nearly always the latest.
const MOST_KNOWN: usize = 16;
