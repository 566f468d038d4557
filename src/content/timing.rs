//! Where a turn's time went, and how often it was tried: why it was slow.

use std::time::Duration;

use super::{Around, Document, Line, Role, fact, format};
use crate::flow::sessions::{Attempt, LogicalTurn};
use crate::flow::{Flow, FlowKind, STALL, State};
use crate::responses::Turn;
use crate::tap::{At, Direction};

/// Adds the phases of a turn, then the attempts at it if there were several.
pub(super) fn timing(document: &mut Document, flow: &Flow, around: &Around<'_>) {
    let mut line = fact("Time");
    let start = line.spans.len();
    for (name, duration) in phases(flow) {
        let text = format::duration(duration);
        line = value(line, start, name, &text, Role::Number);
    }
    if let Some(speed) = speed(flow) {
        line = value(line, start, "speed", &speed, Role::Number);
    }
    if let Some((silence, at)) = silence(flow) {
        let after = format::duration(at.since(flow.started));
        let text = format!("{} after {after}", format::duration(silence));
        let role = if silence >= STALL {
            Role::Warning
        } else {
            Role::Number
        };
        line = value(line, start, "longest silence", &text, role);
    }
    if let Some((name, time)) = time_before(flow, around) {
        line = value(line, start, name, &format::duration(time), Role::Number);
    }
    if line.spans.len() > start {
        document.push(line);
    }
    if let Some(turn) = around.turn.filter(|turn| turn.attempts.len() > 1) {
        attempts(document, flow, turn);
    }
}

/// The line with a value added, set apart from the values before it but not from the line's name.
fn value(line: Line, start: usize, name: &str, text: &str, role: Role) -> Line {
    if line.spans.len() > start {
        return line.with_value(name, text, role);
    }
    line.with(name, Role::Label)
        .with(" ", Role::Dim)
        .with(text, role)
}

/// What the time went for, in order, as far as it is known.
fn phases(flow: &Flow) -> Vec<(&'static str, Duration)> {
    let phases = flow.phases();
    let is_http = flow.kind == FlowKind::Http;
    let known = [
        ("took", flow.duration()),
        ("upload", phases.send.filter(|_| is_http)),
        ("wait", phases.wait.filter(|_| is_http)),
        (
            "first event",
            flow.event_at(0).map(|at| at.since(flow.started)),
        ),
        ("first text", flow.first_delta()),
    ];
    let known = known.into_iter();
    known
        .filter_map(|(name, time)| Some((name, time?)))
        .collect()
}

/// How fast text was generated, once it is.
fn speed(flow: &Flow) -> Option<String> {
    let tokens = flow.turn.as_ref()?.usage?.output;
    let time = flow.duration()?.checked_sub(flow.first_delta()?)?;
    (time >= Duration::from_millis(50))
        .then(|| format!("{:.0} tokens/s", tokens as f64 / time.as_secs_f64()))
}

/// The longest silence after the first event, and when it began, if it is one to speak of.
fn silence(flow: &Flow) -> Option<(Duration, At)> {
    let is_event = |dir| dir == Direction::In;
    let events = flow.frames.iter().filter(|frame| is_event(frame.dir));
    let moments: Vec<At> = events.map(|frame| frame.at).collect();
    let silences = moments
        .windows(2)
        .map(|pair| (pair[1].since(pair[0]), pair[0]));
    let longest = silences.max_by_key(|(silence, _)| *silence)?;
    (longest.0 >= SILENCE).then_some(longest)
}

/// The time since the turn before it ended, and what passed it: tools, or nothing that is known.
fn time_before(flow: &Flow, around: &Around<'_>) -> Option<(&'static str, Duration)> {
    let ended = around.turn_before?.last()?.ended?;
    let first = around.turn.map_or(flow.started, LogicalTurn::started);
    let calls = around.flow_before?.turn.as_ref().map(Turn::calls)?.count();
    let name = if calls > 0 {
        "tools before"
    } else {
        "idle before"
    };
    // Turns that ran side by side did not wait for each other.
    (first > ended).then(|| (name, first.since(ended)))
}

/// Adds a row for each attempt: retries, reconnects, HTTP after a WebSocket.
fn attempts(document: &mut Document, flow: &Flow, turn: &LogicalTurn) {
    let count = turn.attempts.len();
    let mut line = fact("Attempts").with(&count.to_string(), Role::Number);
    if let Some(duration) = turn.duration() {
        line = line.with_value("together", &format::duration(duration), Role::Number);
    }
    document.push(line);
    for attempt in turn.attempts.iter().take(ROWS) {
        document.push(row(attempt, turn, attempt.flow == flow.id));
    }
    if count > ROWS {
        let more = format!("    … {} more", format::count((count - ROWS) as u64));
        document.push(Line::of(&more, Role::Dim));
    }
}

fn row(attempt: &Attempt, turn: &LogicalTurn, is_own: bool) -> Line {
    let (glyph, role) = match attempt.state {
        State::Waiting | State::Streaming => ("○", Role::Live),
        State::Complete => ("●", Role::Ok),
        State::Partial => ("◑", Role::Warning),
        State::Failed => ("✕", Role::Error),
    };
    let at = attempt.started.since(turn.started());
    let at = if at.is_zero() {
        "0 s".to_owned()
    } else {
        format::duration(at)
    };
    let took = attempt
        .ended
        .map(|ended| format::duration(ended.since(attempt.started)));
    let mut line = Line::of("  ", Role::Dim)
        .with(glyph, role)
        .with(&format!(" {:<4}", attempt.transport.as_str()), Role::Label)
        .with(&format!(" {:>8}", format!("+{at}")), Role::Dim)
        .with(&format!(" {:>9}  ", took.unwrap_or_default()), Role::Number)
        .hanging(30);
    let status = attempt.status.map(|status| status.to_string());
    let why = attempt.failure.as_deref().map(str::to_owned);
    let what = if attempt.is_handshake {
        Some("handshake refused".to_owned())
    } else {
        None
    };
    let words: Vec<String> = [status, what, why].into_iter().flatten().collect();
    line.add(&words.join(" "), role);
    if is_own {
        line.add(" ← this flow", Role::Strong);
    }
    line
}

/// A silence shorter than this is none to speak of.
const SILENCE: Duration = Duration::from_secs(1);

/// Attempts that are listed.
const ROWS: usize = 20;
