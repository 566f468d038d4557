//! Sessions as tables.

use std::cmp::Reverse;
use std::fmt::Write as _;

use super::sort::Sort;
use super::table::{Column, Table};
use crate::cli::prefix::{Breaks, Broken};
use crate::content::format;
use crate::flow::State;
use crate::flow::lineage::Break;
use crate::flow::sessions::{Attempt, Inferred, LogicalTurn, Session, Sessions, Tally, Thread};
use crate::responses::Usage;
use crate::tap::At;
use crate::text::Clean;

/// A row per session.
pub(super) fn list(sessions: &Sessions) -> Table {
    let mut table = Table::new(LIST);
    for session in &sessions.sessions {
        let main = session.main();
        let title = main.and_then(|main| main.title.as_deref());
        let total = session.total();
        let cells = [
            session.started().map_or_else(String::new, second),
            name(session),
            session.threads.len().to_string(),
        ];
        let title = title.unwrap_or_default().to_owned();
        let failure = session.last_failure().unwrap_or_default().to_owned();
        let cells = cells.into_iter().chain(tally(&total));
        table.push(cells.chain([failure, title]));
    }
    table
}

/// A row per session and model, and their sum.
pub(super) fn summary(sessions: &Sessions) -> Table {
    let mut table = Table::new(SUMMARY);
    let mut total = Tally::default();
    for session in &sessions.sessions {
        for (model, sum) in session.by_model() {
            let model = if model.is_empty() { NONE } else { model };
            table.push(
                [name(session), model.to_owned()]
                    .into_iter()
                    .chain(tally(&sum)),
            );
            total.merge(&sum);
        }
    }
    let heads = ["total".to_owned(), String::new()];
    table.push(heads.into_iter().chain(tally(&total)));
    table
}

/// Every session with its threads, their turns and attempts.
pub(super) fn show(sessions: &Sessions, breaks: &Breaks) -> String {
    let mut text = String::new();
    for session in &sessions.sessions {
        let main = session.main();
        let about = [
            main.and_then(|main| main.title.as_deref()),
            main.and_then(|main| main.cwd.as_deref()),
        ];
        let about: Vec<&str> = about.into_iter().flatten().collect();
        line(
            &mut text,
            0,
            &format!("session {}  {}", name(session), about.join("  ")),
        );
        for (depth, thread) in session.tree() {
            line(&mut text, depth + 1, &heading(thread));
            for turn in &thread.turns {
                line(&mut text, depth + 2, &turn_line(turn));
                if let Some(broken) = turn.last().and_then(|last| breaks.get(&last.flow)) {
                    line(&mut text, depth + 3, &break_line(broken));
                }
                // One that was made once says nothing that its turn does not.
                for (at, attempt) in turn.attempts.iter().enumerate() {
                    if turn.attempts.len() > 1 {
                        let attempt = attempt_line(at + 1, attempt);
                        line(&mut text, depth + 3, &attempt);
                    }
                }
            }
        }
        text.push('\n');
    }
    text
}

/// A row per attempt, in order.
pub(super) fn events(sessions: &Sessions, sort: Option<Sort>) -> Table {
    let mut table = Table::new(EVENTS);
    for (session, thread, turn, at) in in_order(sessions, sort) {
        let attempt = &turn.attempts[at];
        let told = |tokens: fn(&Usage) -> u64| {
            let usage = attempt.usage.as_ref();
            usage.map_or_else(|| NONE.to_owned(), |usage| format::tokens(tokens(usage)))
        };
        table.push([
            second(attempt.started),
            name(session),
            agent(thread),
            what(turn, attempt).to_owned(),
            format!("{}/{}", at + 1, turn.attempts.len()),
            attempt.transport.as_str().to_owned(),
            attempt.state.as_str().to_owned(),
            model(attempt),
            told(|usage| usage.input),
            told(|usage| usage.cached),
            told(|usage| usage.output),
            cost_of(attempt),
            duration(attempt),
            attempt
                .reason
                .as_deref()
                .unwrap_or(&attempt.gist)
                .to_owned(),
        ]);
    }
    table
}

/// Every attempt, by its place in its turn, sorted, or else in the order in which they began.
pub(super) fn in_order(
    sessions: &Sessions,
    sort: Option<Sort>,
) -> Vec<(&Session, &Thread, &LogicalTurn, usize)> {
    let mut all = Vec::new();
    for session in &sessions.sessions {
        for thread in &session.threads {
            for turn in &thread.turns {
                all.extend((0..turn.attempts.len()).map(|at| (session, thread, turn, at)));
            }
        }
    }
    all.sort_by_key(|(_, _, turn, at)| {
        let attempt = &turn.attempts[*at];
        (
            Reverse(sort.map(|sort| sort.of(attempt))),
            attempt.started,
            attempt.flow,
        )
    });
    all
}

/// What an attempt is for, or that it is a handshake.
pub(super) fn what(turn: &LogicalTurn, attempt: &Attempt) -> &'static str {
    if attempt.is_handshake {
        "handshake"
    } else {
        turn.purpose.as_str()
    }
}

fn line(text: &mut String, depth: usize, line: &str) {
    // Writing to a string does not fail.
    let _ = writeln!(
        text,
        "{}{}",
        "  ".repeat(depth),
        Clean::new(line).as_str().trim_end()
    );
}

fn heading(thread: &Thread) -> String {
    let mut parts = vec![agent(thread)];
    let role = thread.role.as_deref();
    if let Some(role) = role.filter(|role| *role != parts[0].trim_end_matches(INFERRED)) {
        parts.push(format!("({role})"));
    }
    parts.push(if thread.id.is_empty() {
        NONE.to_owned()
    } else {
        thread.id.to_string()
    });
    if let Some(Inferred {
        is_inferred: true, ..
    }) = thread.parent
    {
        parts.push("parent inferred".to_owned());
    }
    if thread.connections > 1 {
        parts.push(format!("{} connections", thread.connections));
    }
    parts.join("  ")
}

fn turn_line(turn: &LogicalTurn) -> String {
    let mut tally = Tally::default();
    tally.add(turn);
    let Some(last) = turn.last() else {
        return String::new();
    };
    let usage = tally.usage;
    // What several attempts failed with stands on their own lines.
    let why = last.reason.as_deref().filter(|_| turn.attempts.len() == 1);
    let has_usage = turn.attempts.iter().any(|attempt| attempt.usage.is_some());
    let used = if has_usage {
        let share = format::share(usage.cached, usage.input);
        format!("{}  cached {share}", tokens(&usage))
    } else {
        NONE.to_owned()
    };
    let parts = [
        second(turn.started()),
        turn.purpose.as_str().to_owned(),
        last.state.as_str().to_owned(),
        last.transport.as_str().to_owned(),
        model(last),
        used,
        cost(&tally),
        turn.duration().map_or_else(String::new, format::duration),
        last.gist.to_string(),
        why.map_or_else(String::new, |why| format!("({why})")),
    ];
    parts.join("  ")
}

/// Where the prompt left that of the turn before, and what that took.
fn break_line(broken: &Broken) -> String {
    let Break { place, byte, lost } = &broken.found;
    let mut parts = vec![format!("cache  {}", broken.what)];
    if place.is_in_prompt() {
        parts.push(format!("at byte {}", format::count(*byte)));
    }
    if *lost > 0 {
        parts.push(format!("read anew {} tokens", format::count(*lost)));
    }
    parts.join(" · ")
}

fn attempt_line(number: usize, attempt: &Attempt) -> String {
    let what = if attempt.is_handshake {
        "handshake "
    } else {
        ""
    };
    let status = attempt
        .status
        .map_or_else(String::new, |status| format!(" {status}"));
    let reason = attempt.reason.as_deref().unwrap_or_default();
    let (transport, state) = (attempt.transport.as_str(), attempt.state.as_str());
    let took = duration(attempt);
    format!("attempt {number}  {what}{transport}{status}  {state}  {took}  {reason}")
}

/// The cells that every tally has.
fn tally(tally: &Tally) -> [String; 9] {
    [
        tally.turns.to_string(),
        tally.retries.to_string(),
        tally.errors.to_string(),
        format::tokens(tally.usage.input),
        format::tokens(tally.usage.cached),
        format::tokens(tally.usage.output),
        format::tokens(tally.usage.reasoning),
        cost(tally),
        format::duration(tally.busy),
    ]
}

fn tokens(usage: &Usage) -> String {
    let counts = [usage.input, usage.cached, usage.output].map(format::tokens);
    counts.join("/")
}

/// `$0.0123`; see [`Tally::price`].
fn cost(tally: &Tally) -> String {
    tally.price().unwrap_or_else(|| NONE.to_owned())
}

/// The same of one attempt.
fn cost_of(attempt: &Attempt) -> String {
    let cost = attempt.cost;
    self::cost(&Tally {
        confidence: cost.map(|cost| cost.confidence),
        cost: cost.map(|cost| cost.dollars).unwrap_or_default(),
        unpriced: u64::from(cost.is_none() && attempt.usage.is_some()),
        ..Tally::default()
    })
}

fn name(session: &Session) -> String {
    if session.id.is_empty() {
        NONE.to_owned()
    } else {
        session.id.to_string()
    }
}

/// The agent's name, marked where the wire does not say it.
fn agent(thread: &Thread) -> String {
    match &thread.agent {
        None => NONE.to_owned(),
        Some(agent) if agent.is_inferred => format!("{}{INFERRED}", agent.value),
        Some(agent) => agent.value.to_string(),
    }
}

/// The model asked for and, if it is another, the one that answered.
fn model(attempt: &Attempt) -> String {
    let asked = attempt.model.as_deref().unwrap_or(NONE);
    match &attempt.served {
        Some(served) => format!("{asked} → {served}"),
        None => asked.to_owned(),
    }
}

fn duration(attempt: &Attempt) -> String {
    match attempt.ended {
        Some(ended) => format::duration(ended.since(attempt.started)),
        None if attempt.state == State::Streaming => "live".to_owned(),
        None => String::new(),
    }
}

/// A moment as local date and time, to the second.
fn second(at: At) -> String {
    format::moment(at)
        .chars()
        .take("2026-11-20 14:05:03".len())
        .collect()
}

const fn text(name: &'static str, widest: usize) -> Column {
    let is_number = false;
    Column {
        name,
        is_number,
        widest,
    }
}

const fn number(name: &'static str) -> Column {
    let (is_number, widest) = (true, 20);
    Column {
        name,
        is_number,
        widest,
    }
}

const LIST: &[Column] = &[
    text("STARTED", 19),
    text("SESSION", 36),
    number("THREADS"),
    number("TURNS"),
    number("RETRIES"),
    number("ERRORS"),
    number("IN"),
    number("CACHED"),
    number("OUT"),
    number("REASONING"),
    number("COST"),
    number("TIME"),
    text("LAST FAILURE", 40),
    text("TITLE", 80),
];

const SUMMARY: &[Column] = &[
    text("SESSION", 36),
    text("MODEL", 40),
    number("TURNS"),
    number("RETRIES"),
    number("ERRORS"),
    number("IN"),
    number("CACHED"),
    number("OUT"),
    number("REASONING"),
    number("COST"),
    number("TIME"),
];

const EVENTS: &[Column] = &[
    text("STARTED", 19),
    text("SESSION", 36),
    text("AGENT", 24),
    text("WHAT", 10),
    number("ATTEMPT"),
    text("VIA", 4),
    text("STATE", 9),
    text("MODEL", 40),
    number("IN"),
    number("CACHED"),
    number("OUT"),
    number("COST"),
    number("TIME"),
    text("ABOUT", 80),
];

/// Where there is nothing to tell.
const NONE: &str = "—";
/// Behind what was inferred.
const INFERRED: &str = "?";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::responses::{Confidence, Dollars};

    #[test]
    fn costs_say_how_sure_they_are() {
        let tally = |cost, confidence, unpriced| Tally {
            cost: Dollars(cost),
            confidence,
            unpriced,
            ..Tally::default()
        };
        let table = [
            (tally(0, None, 0), "—"),
            (tally(0, None, 2), "?"),
            (tally(8_500_000_000, Some(Confidence::Listed), 0), "$0.0085"),
            (
                tally(1_949_999_999_999, Some(Confidence::Equivalent), 0),
                "~$1.9500",
            ),
            (
                tally(49_999_999, Some(Confidence::Assumed), 1),
                "~$0.0000+?",
            ),
            (
                tally(u128::MAX, Some(Confidence::Listed), 0),
                "$340282366920938463463374607.4317",
            ),
        ];
        for (tally, expected) in table {
            assert_eq!(cost(&tally), expected);
        }
    }
}
