//! The rows of the session tree: who worked on what, and what it took, in columns that give way as the
//! tree gets narrow.

use jiff::tz::TimeZone;

use super::{Line, Role, format};
use crate::flow::State;
use crate::flow::sessions::{Inferred, LogicalTurn, Purpose, Session, Tally, Thread};
use crate::responses::Cost;
use crate::text::{Clean, pad, pad_start, truncate};

/// What a row tells of.
#[derive(Clone, Copy, Debug)]
pub enum Branch<'a> {
    /// A session.
    Session {
        /// The session.
        session: &'a Session,
        /// What it took.
        sum: &'a Tally,
        /// Whether its threads are shown below.
        is_open: bool,
    },
    /// A thread of the session above.
    Thread {
        /// The thread.
        thread: &'a Thread,
        /// How deep it stands below the session's first threads.
        depth: usize,
        /// What it took.
        sum: &'a Tally,
        /// Whether its turns are shown below.
        is_open: bool,
    },
    /// A turn of the thread above.
    Turn {
        /// The turn.
        turn: &'a LogicalTurn,
        /// Its thread.
        thread: &'a Thread,
        /// How deep its thread stands.
        depth: usize,
    },
}

/// A column of numbers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Column {
    Turns,
    Input,
    Cached,
    Output,
    Cost,
    Time,
}

impl Column {
    /// In the order of the tree.
    const ALL: [Self; 6] = [
        Self::Turns,
        Self::Input,
        Self::Cached,
        Self::Output,
        Self::Cost,
        Self::Time,
    ];

    /// Its title, and its columns with the blank before them.
    const fn shape(self) -> (&'static str, usize) {
        match self {
            Self::Turns => ("turns", 6),
            Self::Input => ("in", 7),
            Self::Cached => ("cached", 7),
            Self::Output => ("out", 7),
            Self::Cost => ("cost", 10),
            Self::Time => ("time", 10),
        }
    }

    /// How early it gives way.
    const fn rank(self) -> u8 {
        match self {
            Self::Cost => 0,
            Self::Time => 1,
            Self::Input => 2,
            Self::Output => 3,
            Self::Turns => 4,
            Self::Cached => 5,
        }
    }

    fn text(self, tally: &Tally) -> String {
        let usage = &tally.usage;
        let tokens = |count: u64| match usage.total.max(usage.input) {
            0 => String::new(),
            _ => format::tokens(count),
        };
        match self {
            Self::Turns => tally.turns.to_string(),
            Self::Input => tokens(usage.input),
            Self::Cached => tokens(usage.cached),
            Self::Output => tokens(usage.output),
            Self::Cost => cost(tally),
            Self::Time => format::duration(tally.busy),
        }
    }
}

/// The titles of the columns, for rows of `width` columns.
#[must_use]
pub fn sessions_header(width: u16) -> Line {
    let mut line = Line::default();
    let columns = columns(width);
    line.add(
        &pad("session · agent · turn", flexible(width, &columns)),
        Role::Label,
    );
    for column in columns {
        let (title, columns) = column.shape();
        line.add(&pad_start(title, columns), Role::Label);
    }
    line
}

/// A row of `width` columns. Clock times are told in `zone`.
#[must_use]
pub fn sessions_row(branch: Branch<'_>, width: u16, zone: &TimeZone) -> Line {
    let columns = columns(width);
    let room = flexible(width, &columns);
    let (head, sum) = match branch {
        Branch::Session {
            session,
            sum,
            is_open,
        } => (self::session(session, sum, is_open), *sum),
        Branch::Thread {
            thread,
            depth,
            sum,
            is_open,
        } => (self::thread(thread, depth, sum, is_open), *sum),
        Branch::Turn { turn, depth, .. } => {
            let mut sum = Tally::default();
            sum.add(turn);
            (self::turn(turn, depth, zone), sum)
        }
    };
    let mut line = cut(head, room);
    for column in columns {
        let (_, columns) = column.shape();
        let is_turn = matches!(branch, Branch::Turn { .. });
        let text = match (column, branch) {
            (Column::Turns, Branch::Turn { turn, .. }) if turn.attempts.len() > 1 => {
                format!("×{}", turn.attempts.len())
            }
            (Column::Turns, Branch::Turn { .. }) => String::new(),
            (Column::Time, Branch::Turn { turn, .. }) if turn.duration().is_none() => {
                "live".to_owned()
            }
            _ => column.text(&sum),
        };
        let role = if is_turn { Role::Dim } else { Role::Number };
        line.add(&pad_start(&text, columns), role);
    }
    line
}

/// What else is to be said of a row: ids, the directory, and what its signs mean.
#[must_use]
pub fn sessions_note(branch: Branch<'_>) -> String {
    let mut parts: Vec<String> = Vec::new();
    let id = |what: &str, id: &str| match id {
        "" => format!("no id of the {what}"),
        id => format!("{what} {id}"),
    };
    match branch {
        Branch::Session { session, .. } => {
            parts.push(id("session", &session.id));
            let cwd = session.main().and_then(|main| main.cwd.as_deref());
            parts.extend(cwd.map(str::to_owned));
        }
        Branch::Thread { thread, .. } => {
            let is_inferred = |it: &Option<Inferred<Box<str>>>| {
                it.as_ref().is_some_and(|inferred| inferred.is_inferred)
            };
            parts.push(id("thread", &thread.id));
            if is_inferred(&thread.agent) {
                parts.push("? agent inferred".to_owned());
            }
            if is_inferred(&thread.parent) {
                parts.push("parent inferred".to_owned());
            }
            parts.extend(thread.cwd.as_deref().map(str::to_owned));
            if thread.connections > 0 {
                let count = u64::from(thread.connections);
                parts.push(format::counted(count, "connection"));
            }
        }
        Branch::Turn { turn, thread, .. } => {
            parts.extend(thread.agent.as_ref().map(|agent| agent.value.to_string()));
            parts.push(id("turn", turn.turn.as_deref().unwrap_or_default()));
            let last = turn.last();
            parts.extend(last.map(|last| last.transport.as_str().to_owned()));
            if turn.attempts.len() > 1 {
                parts.push(format::counted(turn.attempts.len() as u64, "attempt"));
            }
            let failure = last.and_then(|last| last.failure.as_deref());
            parts.extend(failure.map(str::to_owned));
        }
    }
    Clean::from(parts.join(" · ")).as_str().to_owned()
}

fn session(session: &Session, sum: &Tally, is_open: bool) -> Line {
    let main = session.main();
    let title = main.and_then(|main| main.title.as_deref());
    let mut line = opened(0, is_open);
    let agents = session.threads.len() as u64;
    line = errors(line, sum);
    match &*session.id {
        "" => line.add("no session is told", Role::Dim),
        id => line.add(title.unwrap_or(id), Role::Strong),
    }
    if agents > 1 {
        line.add(
            &format!("  {}", format::counted(agents, "agent")),
            Role::Dim,
        );
    }
    if let Some(cwd) = main.and_then(|main| main.cwd.as_deref()) {
        line.add(&format!("  {cwd}"), Role::Dim);
    }
    line
}

fn thread(thread: &Thread, depth: usize, sum: &Tally, is_open: bool) -> Line {
    let mut line = opened(depth + 1, is_open);
    let (name, is_inferred) = match &thread.agent {
        Some(agent) => (&*agent.value, agent.is_inferred),
        None => ("agent unknown", false),
    };
    line.add(name, Role::Tool);
    if is_inferred {
        line.add("?", Role::Warning);
    }
    let role = thread.role.as_deref().filter(|role| *role != name);
    if let Some(role) = role {
        line.add(&format!(" ({role})"), Role::Dim);
    }
    line.add(" ", Role::Text);
    line = errors(line, sum);
    line.add(thread.title.as_deref().unwrap_or_default(), Role::Text);
    line
}

fn turn(turn: &LogicalTurn, depth: usize, zone: &TimeZone) -> Line {
    let mut line = Line::of(&"  ".repeat(indent(depth + 2)), Role::Dim);
    let Some(last) = turn.last() else {
        return line;
    };
    let (sign, role) = match last.state {
        State::Waiting => ("○", Role::Live),
        State::Streaming => ("◐", Role::Live),
        State::Complete => ("●", Role::Ok),
        State::Partial => ("◑", Role::Warning),
        State::Failed => ("✕", Role::Error),
    };
    line.add(sign, role);
    let clock = format::clock_in(turn.started(), zone);
    line.add(&format!(" {clock} "), Role::Dim);
    match (&last.model, &last.served) {
        (asked, Some(served)) => {
            let asked = asked.as_deref().unwrap_or("?");
            line.add(&format!("{asked} ≠ {served} "), Role::Warning);
        }
        (Some(asked), None) => line.add(&format!("{asked} "), Role::Label),
        (None, None) => {}
    }
    if turn.purpose != Purpose::Turn {
        line.add(&format!("{} ", turn.purpose.as_str()), Role::Dim);
    }
    if *last.gist != *turn.purpose.as_str() {
        line.add(&last.gist, Role::Text);
    }
    line
}

/// The beginning of a row that has others below it.
fn opened(depth: usize, is_open: bool) -> Line {
    let sign = if is_open { "▾ " } else { "▸ " };
    Line::of(&"  ".repeat(indent(depth)), Role::Dim).with(sign, Role::Dim)
}

/// Whoever spawns without end is not followed to the edge of the screen.
fn indent(depth: usize) -> usize {
    depth.min(8)
}

/// How many turns failed, and how many another model answered.
fn errors(mut line: Line, sum: &Tally) -> Line {
    if sum.errors > 0 {
        let errors = format::counted(sum.errors, "error");
        line.add(&format!("✕ {errors} "), Role::Error);
    }
    if sum.rerouted > 0 {
        line.add(&format!("≠ {} rerouted ", sum.rerouted), Role::Warning);
    }
    line
}

/// What fits into `width` columns.
fn columns(width: u16) -> Vec<Column> {
    let mut columns = Column::ALL.to_vec();
    while flexible(width, &columns) < LEAST
        && let Some(last) = columns.iter().map(|column| column.rank()).max()
    {
        columns.retain(|column| column.rank() != last);
    }
    columns
}

/// What is left beside the columns.
fn flexible(width: u16, columns: &[Column]) -> usize {
    let taken: usize = columns.iter().map(|column| column.shape().1).sum();
    usize::from(width).saturating_sub(taken)
}

/// A line of just `room` columns.
fn cut(line: Line, room: usize) -> Line {
    let mut cut = Line::default();
    let mut left = room;
    for span in line.spans {
        let text = truncate(span.text.as_str(), left).into_owned();
        let is_cut = text.len() < span.text.as_str().len();
        let text = Clean::from(text);
        left = left.saturating_sub(text.width());
        if !text.is_empty() {
            cut.spans.push(super::Span {
                text,
                role: span.role,
            });
        }
        if is_cut {
            break;
        }
    }
    cut.with(&" ".repeat(left), Role::Text)
}

/// What the tokens cost that have a price; `+?` where others have none.
fn cost(tally: &Tally) -> String {
    let Some(confidence) = tally.confidence else {
        let text = if tally.unpriced > 0 { "?" } else { "" };
        return text.to_owned();
    };
    let dollars = tally.cost;
    let cost = format::cost(Cost {
        dollars,
        confidence,
    });
    let more = if tally.unpriced > 0 { "+?" } else { "" };
    format!("{cost}{more}")
}

/// Columns that the tree itself keeps, as long as there are others to give way.
const LEAST: usize = 30;

#[cfg(test)]
mod tests {
    use super::super::Document;
    use super::super::tests::plain;
    use super::*;
    use crate::flow::sessions::Sessions;
    use crate::flow::{Channel, Context, Flow, FlowId, Summary};
    use crate::responses::{Agent, Identity, Prices, Status, Usage};
    use crate::tap::At;

    /// A turn of a thread that is not told to be the main one, answered by another model than asked for.
    fn rerouted() -> Sessions {
        let at = |seconds: u64| At::from_micros(seconds * 1_000_000);
        let flow = Flow::new(String::new(), String::new(), "".into(), at(60));
        let summary = Summary {
            id: FlowId(1),
            channel: Channel::Model,
            ended: Some(at(63)),
            state: State::Complete,
            turn: Some(Status::Completed),
            model: Some("gpt-a".into()),
            gist: "A question\u{1b}[2J".into(),
            identity: Identity {
                session: Some("s".to_owned()),
                thread: Some("t".to_owned()),
                agent: Agent::Main,
                is_agent_inferred: true,
                ..Identity::default()
            },
            context: Some(Box::new(Context {
                served: Some("gpt-b".into()),
                title: Some("A title that is long".into()),
                cwd: Some("/src".into()),
                ..Context::default()
            })),
            usage: Some(Usage {
                input: 1_000,
                cached: 500,
                output: 20,
                total: 1_020,
                ..Usage::default()
            }),
            ..Summary::of(&flow)
        };
        Sessions::of([std::borrow::Cow::Owned(summary)], &Prices::default())
    }

    fn rows(sessions: &Sessions, width: u16) -> String {
        let session = &sessions.sessions[0];
        let (thread, sum) = (&session.threads[0], session.total());
        let (is_open, depth) = (true, 0);
        let turn = &thread.turns[0];
        let rows = [
            Branch::Session {
                session,
                sum: &sum,
                is_open,
            },
            Branch::Thread {
                thread,
                depth,
                sum: &sum,
                is_open: false,
            },
            Branch::Turn {
                turn,
                thread,
                depth,
            },
        ];
        let mut document = Document::default();
        document.push(sessions_header(width));
        for row in rows {
            document.push(sessions_row(row, width, &TimeZone::UTC));
            document.push(Line::of(&sessions_note(row), Role::Dim));
        }
        plain(&document)
    }

    #[test]
    fn rows_are_aligned_and_say_what_is_not_as_asked() {
        assert_eq!(
            rows(&rerouted(), 92),
            "\
session · agent · turn                        turns     in cached    out      cost      time
▾ ≠ 1 rerouted A title that is long  /src         1   1.0k    500     20         ?    3.00 s
session s · /src
  ▸ main? ≠ 1 rerouted A title that is long       1   1.0k    500     20         ?    3.00 s
thread t · ? agent inferred · /src
    ● 00:01:00 gpt-a ≠ gpt-b A question␛[2J           1.0k    500     20         ?    3.00 s
main · no id of the turn · HTTP
"
        );
    }

    #[test]
    fn columns_give_way_and_rows_keep_their_width() {
        let sessions = rerouted();
        for width in 4..130 {
            let text = rows(&sessions, width);
            let rows = text.lines().skip(1).step_by(2);
            for row in text.lines().take(1).chain(rows) {
                let columns = crate::text::width(row);
                assert!(columns <= usize::from(width), "{width}: {row}");
            }
            let header = text.lines().next().unwrap_or_default();
            assert_eq!(header.contains("cost"), width >= 40, "{width}");
            assert_eq!(header.contains("cached"), width >= 77, "{width}");
        }
    }
}
