//! Sessions, their threads, and the turns of these, with every attempt: who worked on what, and what
//! it took.
//!
//! Made from [`Summary`]s alone, so that a capture of any size can be read for it. What the wire does
//! not tell and is found another way is marked as inferred. Every flow stands in one place only, and
//! tokens are summed over flows: what was reported once counts once, a failed attempt that used
//! tokens included.

mod fold;
mod tally;

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use super::{Channel, FlowId, FlowKind, State, Summary, Transport};
use crate::responses::{Agent, Bill, Confidence, Cost, Day, Identity, Prices, Usage};
use crate::tap::At;

pub use tally::Tally;

/// Every session of a store or a capture, in the order in which they began.
#[derive(Clone, Default, Debug)]
pub struct Sessions {
    /// The sessions. The last one may be of flows that tell none; its id is empty.
    pub sessions: Vec<Session>,
}

/// What Codex calls a session: a main thread and the threads it spawned.
#[derive(Clone, Debug)]
pub struct Session {
    /// Codex's id.
    pub id: Box<str>,
    /// The threads, in the order in which they began.
    pub threads: Vec<Thread>,
}

/// A thread: one agent's conversation.
#[derive(Clone, Debug)]
pub struct Thread {
    /// Codex's id.
    pub id: Box<str>,
    /// The thread that it was spawned from.
    pub parent: Option<Inferred<Box<str>>>,
    /// The agent's name; `None` where the wire does not tell.
    pub agent: Option<Inferred<Box<str>>>,
    /// What the agent is for: `main`, `sub-agent`, `review`, `compact`, `title`, or what the wire
    /// calls it; `None` where it does not tell.
    pub role: Option<Box<str>>,
    /// The directory it works in, as last told.
    pub cwd: Option<Box<str>>,
    /// The first line of what the user wrote first.
    pub title: Option<Box<str>>,
    /// WebSocket connections that were opened.
    pub connections: u32,
    /// The turns, in the order in which they began.
    pub turns: Vec<LogicalTurn>,
}

/// A value, and whether it was told or follows from something else.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Inferred<T> {
    /// The value.
    pub value: T,
    /// Whether the wire does not say it.
    pub is_inferred: bool,
}

/// One model response that Codex wanted, and every attempt to get it: retries, reconnects, and HTTP
/// after a WebSocket that was refused.
#[derive(Clone, Debug)]
pub struct LogicalTurn {
    /// Codex's turn id, which the turns of one prompt share.
    pub turn: Option<Box<str>>,
    /// What it is for.
    pub purpose: Purpose,
    /// The attempts, in order; at least one.
    pub attempts: Vec<Attempt>,
}

/// What a turn is for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Purpose {
    /// An answer.
    Turn,
    /// No output: a warm-up.
    WarmUp,
    /// A shorter context.
    Compaction,
}

/// One flow of a turn.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// The flow.
    pub flow: FlowId,
    /// Whether it is a handshake that was refused, and no request for a response.
    pub is_handshake: bool,
    /// How it travelled.
    pub transport: Transport,
    /// When it began.
    pub started: At,
    /// When it ended.
    pub ended: Option<At>,
    /// Where it stands.
    pub state: State,
    /// The HTTP status.
    pub status: Option<u16>,
    /// What failed.
    pub failure: Option<Box<str>>,
    /// [`Summary::reason`].
    pub reason: Option<Box<str>>,
    /// What it is about.
    pub gist: Box<str>,
    /// The model asked for.
    pub model: Option<Box<str>>,
    /// The model that answered, where it is another.
    pub served: Option<Box<str>>,
    /// From its start to the first generated text.
    pub first_delta: Option<Duration>,
    /// The tokens it used.
    pub usage: Option<Usage>,
    /// What they cost; `None` without tokens, and for a model without a price.
    pub cost: Option<Cost>,
}

impl Sessions {
    /// The sessions that these flows are of.
    pub fn of<'a>(summaries: impl IntoIterator<Item = Cow<'a, Summary>>, prices: &Prices) -> Self {
        let mut gathered: HashMap<(Box<str>, Box<str>), Gathered> = HashMap::new();
        for summary in summaries {
            let identity = &summary.identity;
            let is_connection = summary.kind == FlowKind::Ws && summary.channel == Channel::Model;
            if summary.context.is_none() && !is_connection {
                continue;
            }
            let id = |id: &Option<String>| Box::from(id.as_deref().unwrap_or_default());
            let key = (id(&identity.session), id(&identity.thread));
            gathered.entry(key).or_default().take(&summary, prices);
        }
        let mut sessions: HashMap<Box<str>, Session> = HashMap::new();
        for ((session, thread), gathered) in gathered {
            if gathered.steps.is_empty() {
                continue;
            }
            let thread = gathered.into_thread(&session, thread);
            let session = sessions.entry(session.clone()).or_insert(Session {
                id: session,
                threads: Vec::new(),
            });
            session.threads.push(thread);
        }
        let mut sessions: Vec<Session> = sessions.into_values().collect();
        for session in &mut sessions {
            session
                .threads
                .sort_by_key(|thread| (thread.started(), thread.id.clone()));
        }
        sessions.sort_by_key(|it| (it.id.is_empty(), it.started(), it.id.clone()));
        Self { sessions }
    }
}

impl Session {
    /// When its first thread began.
    #[must_use]
    pub fn started(&self) -> Option<At> {
        self.threads.iter().filter_map(Thread::started).min()
    }

    /// When the last flow of it ended; `None` while one goes on.
    #[must_use]
    pub fn ended(&self) -> Option<At> {
        let attempts = self.turns().flat_map(|turn| &turn.attempts);
        let mut ends = attempts.map(|attempt| attempt.ended);
        ends.try_fold(At::default(), |latest, ended| Some(latest.max(ended?)))
    }

    /// The first thread that is the main one, or else the first.
    #[must_use]
    pub fn main(&self) -> Option<&Thread> {
        let is_main = |thread: &&Thread| thread.role.as_deref() == Some("main");
        self.threads.iter().find(is_main).or(self.threads.first())
    }

    /// The [`LogicalTurn::reason`] of the turn that began last among those that have one.
    #[must_use]
    pub fn last_failure(&self) -> Option<&str> {
        let failed = self.turns().filter(|turn| turn.reason().is_some());
        failed.max_by_key(|turn| turn.started())?.reason()
    }

    /// The turns of all threads.
    pub fn turns(&self) -> impl Iterator<Item = &LogicalTurn> {
        self.threads.iter().flat_map(|thread| &thread.turns)
    }

    /// The threads, each under the one that it was spawned from, with how deep it stands. Threads
    /// whose parents are each other's, or are not there, stand at the top.
    #[must_use]
    pub fn tree(&self) -> Vec<(usize, &Thread)> {
        let parent = |thread: &Thread| {
            let parent = thread.parent.as_ref()?.value.clone();
            self.threads
                .iter()
                .any(|other| other.id == parent)
                .then_some(parent)
        };
        let mut children: HashMap<Option<Box<str>>, Vec<&Thread>> = HashMap::new();
        for thread in &self.threads {
            children.entry(parent(thread)).or_default().push(thread);
        }
        let (mut tree, mut placed) = (Vec::new(), HashSet::new());
        let tops = children.get(&None).into_iter().flatten().copied();
        for top in tops.chain(&self.threads) {
            let mut waiting = vec![(0, top)];
            while let Some((depth, thread)) = waiting.pop() {
                if !placed.insert(&thread.id) {
                    continue;
                }
                tree.push((depth, thread));
                let below = children.get(&Some(thread.id.clone()));
                let below = below.into_iter().flatten().rev();
                waiting.extend(below.map(|child| (depth + 1, *child)));
            }
        }
        tree
    }

    /// What all turns took.
    #[must_use]
    pub fn total(&self) -> Tally {
        let mut total = Tally::default();
        self.turns().for_each(|turn| total.add(turn));
        total
    }

    /// What the turns took that ended with each model: the one that answered, else the one asked
    /// for; empty where neither is known.
    #[must_use]
    pub fn by_model(&self) -> BTreeMap<&str, Tally> {
        let mut tallies: BTreeMap<&str, Tally> = BTreeMap::new();
        for turn in self.turns() {
            let model = turn.model().unwrap_or_default();
            tallies.entry(model).or_default().add(turn);
        }
        tallies
    }
}

impl Thread {
    /// When its first turn began.
    #[must_use]
    pub fn started(&self) -> Option<At> {
        self.turns.iter().map(LogicalTurn::started).min()
    }
}

impl LogicalTurn {
    /// When its first attempt began.
    #[must_use]
    pub fn started(&self) -> At {
        let first = self.attempts.first();
        first.map_or(At::default(), |attempt| attempt.started)
    }

    /// The attempt that counts: the last that asked for a response.
    #[must_use]
    pub fn last(&self) -> Option<&Attempt> {
        let asked = self.attempts.iter().rfind(|attempt| !attempt.is_handshake);
        asked.or(self.attempts.last())
    }

    /// Whether a response was asked for, and not just a WebSocket.
    #[must_use]
    pub fn is_asked(&self) -> bool {
        self.attempts.iter().any(|attempt| !attempt.is_handshake)
    }

    /// From its first attempt's start to its last one's end.
    #[must_use]
    pub fn duration(&self) -> Option<Duration> {
        let ends = self.attempts.iter().map(|attempt| attempt.ended);
        let ended = ends.max().flatten()?;
        Some(ended.since(self.started()))
    }

    /// The model of the attempt that counts: the one that answered, else the one asked for.
    #[must_use]
    pub fn model(&self) -> Option<&str> {
        let last = self.last()?;
        last.served.as_deref().or(last.model.as_deref())
    }

    /// Why it came to nothing, or to less than was asked for. A warm-up that fails costs nobody anything; the
    /// handshake for one matters, because it is that of all turns.
    #[must_use]
    pub fn reason(&self) -> Option<&str> {
        let is_warm_up = self.purpose == Purpose::WarmUp && self.is_asked();
        let last = self.last().filter(|_| !is_warm_up);
        last?.reason.as_deref()
    }

    /// Whether it came to nothing. A warm-up that fails costs nobody anything.
    #[must_use]
    pub fn is_error(&self) -> bool {
        let has_failed = self.last().is_some_and(|last| last.state == State::Failed);
        has_failed && self.purpose != Purpose::WarmUp
    }
}

/// The place, among a thread's `turns`, of the one that the turn at `at` is held against: the latest before it that
/// asked for an answer or, if it is the first such, the warm-up whose response it continues. `parent` is the flow
/// whose response it continues; where the traffic tells no thread (`is_told`), only that is known to be of the same.
#[must_use]
pub fn before(
    turns: &[LogicalTurn],
    at: usize,
    parent: Option<FlowId>,
    is_told: bool,
) -> Option<usize> {
    let is_continued = |turn: &LogicalTurn| {
        let mut attempts = turn.attempts.iter();
        attempts.any(|attempt| Some(attempt.flow) == parent)
    };
    let earlier = turns.get(..at)?;
    let find = |purpose, is_told: bool| {
        earlier.iter().rposition(|turn| {
            turn.purpose == purpose && turn.is_asked() && (is_told || is_continued(turn))
        })
    };
    find(Purpose::Turn, is_told).or_else(|| find(Purpose::WarmUp, false))
}

impl Purpose {
    /// Its name, as commands print it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Turn => "turn",
            Self::WarmUp => "warm-up",
            Self::Compaction => "compaction",
        }
    }

    /// What a flow is for that asks for a model response.
    #[must_use]
    pub fn of(summary: &Summary) -> Self {
        match summary.identity.purpose.as_deref() {
            _ if summary.channel == Channel::Compact => Self::Compaction,
            Some("compaction") => Self::Compaction,
            Some("prewarm") => Self::WarmUp,
            _ => Self::Turn,
        }
    }
}

impl Attempt {
    fn of(summary: &Summary, prices: &Prices) -> Self {
        let context = summary.context.as_deref();
        Self {
            flow: summary.id,
            is_handshake: summary.kind == FlowKind::Ws,
            transport: summary.transport,
            started: summary.started,
            ended: summary.ended,
            state: summary.state,
            status: summary.status,
            failure: summary.failure.clone(),
            reason: summary.reason().map(Into::into),
            gist: summary.gist.clone(),
            model: summary.model.clone(),
            served: context.and_then(|context| context.served.clone()),
            first_delta: summary.first_delta,
            usage: summary.usage,
            cost: cost(summary, prices),
        }
    }
}

/// What a flow cost by list prices; `None` without tokens, and for a model without a price.
#[must_use]
pub fn cost(summary: &Summary, prices: &Prices) -> Option<Cost> {
    let context = summary.context.as_deref()?;
    let mut cost = prices.cost(Bill {
        model: context.served.as_deref().or(summary.model.as_deref())?,
        tier: context.tier.as_deref(),
        day: Day((summary.started.as_micros() / MICROS_OF_A_DAY) as u32),
        usage: summary.usage?,
    })?;
    // A ChatGPT login goes there, and is not billed by tokens.
    if summary.path.starts_with("/backend-api/") {
        cost.confidence = cost.confidence.max(Confidence::Equivalent);
    }
    Some(cost)
}

/// What is known of a thread before its flows are in order.
#[derive(Default)]
struct Gathered {
    /// What each flow says of the thread, and when.
    told: Vec<(At, Told)>,
    steps: Vec<fold::Step>,
    connections: u32,
}

/// What one flow says of its thread.
struct Told {
    parent: Option<Box<str>>,
    agent: Option<Inferred<Box<str>>>,
    /// Follows from the same as `agent`.
    role: Option<Box<str>>,
    cwd: Option<Box<str>>,
    title: Option<Box<str>>,
}

impl Gathered {
    fn take(&mut self, summary: &Summary, prices: &Prices) {
        let identity = &summary.identity;
        if summary.kind == FlowKind::Ws && summary.status == Some(101) {
            self.connections += 1;
            return;
        }
        let context = summary.context.as_deref();
        let told = Told {
            parent: identity.parent.as_deref().map(Into::into),
            agent: identity.agent.name().map(|name| Inferred {
                value: name.into(),
                is_inferred: identity.is_agent_inferred,
            }),
            role: role(identity).map(Into::into),
            cwd: context.and_then(|context| context.cwd.clone()),
            title: context.and_then(|context| context.title.clone()),
        };
        self.told.push((summary.started, told));
        self.steps.push(fold::Step {
            turn: identity.turn.as_deref().map(Into::into),
            purpose: Purpose::of(summary),
            attempt: Attempt::of(summary, prices),
        });
    }

    fn into_thread(mut self, session: &str, id: Box<str>) -> Thread {
        // The first that tells counts, but for the directory, which may change, and an agent that is
        // inferred, because the first handshake says less than the requests after it.
        self.told.sort_by_key(|(at, _)| *at);
        let mut thread = Thread {
            id,
            parent: None,
            agent: None,
            role: None,
            cwd: None,
            title: None,
            connections: self.connections,
            turns: fold::fold(self.steps),
        };
        for (_, told) in self.told {
            let parent = told.parent.map(|value| Inferred {
                value,
                is_inferred: false,
            });
            thread.parent = thread.parent.or(parent);
            let is_told = |agent: &Option<Inferred<_>>| agent.as_ref().map(|it| !it.is_inferred);
            if is_told(&told.agent) > is_told(&thread.agent) {
                (thread.agent, thread.role) = (told.agent, told.role);
            }
            thread.title = thread.title.or(told.title);
            thread.cwd = told.cwd.or(thread.cwd);
        }
        // The main thread has the session's id.
        let is_root = *thread.id == *session || thread.role.as_deref() == Some("main");
        if thread.parent.is_none() && !is_root && !session.is_empty() {
            thread.parent = Some(Inferred {
                value: session.into(),
                is_inferred: true,
            });
        }
        thread
    }
}

/// What an agent is for, as the wire tells it.
fn role(identity: &Identity) -> Option<&str> {
    match (&identity.agent, identity.label.as_deref()) {
        (Agent::Unknown, _) => None,
        (Agent::Main, _) => Some("main"),
        (Agent::Sub(_), Some("thread_spawn" | "collab_spawn")) => Some("sub-agent"),
        (Agent::Sub(_), Some(label)) => Some(label),
        (Agent::Sub(name), None) => Some(name),
    }
}

const MICROS_OF_A_DAY: u64 = 86_400_000_000;

#[cfg(test)]
mod tests;
