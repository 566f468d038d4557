//! What a reader asks first: what failed, what was dear, where the cached prefix broke, and what is not as it should
//! be. Each answer names the section of the log that tells of it.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashSet};

use super::Statistics;
use super::tables::cost;
use crate::export::markdown::text::{cell, code, inline, share};
use crate::export::markdown::{Markdown, why};
use crate::flow::sessions::{LogicalTurn, Session, Sessions, Tally};
use crate::flow::{Flow, FlowId, State};
use crate::text::count;

/// What a turn lost because its prompt left the cached prefix.
#[derive(Clone, Debug)]
pub struct Lost {
    /// The attempt of the turn that counts.
    pub flow: FlowId,
    /// Where it left, in words.
    pub what: String,
    /// Tokens that were read anew and could have come from the cache.
    pub tokens: u64,
}

/// What there is to say of flows, a line each. Of too many, those that came first.
#[derive(Clone, Default, Debug)]
pub(super) struct Notes(BTreeMap<FlowId, String>);

impl Notes {
    /// Notes why a flow failed or is incomplete, if it is.
    pub(super) fn add_failure(&mut self, flow: &Flow) {
        let why = why(flow);
        if !why.is_empty() {
            self.add(flow.id, why);
        }
    }

    /// Notes what is wrong in a flow's bytes and events, if anything is.
    pub(super) fn add_faults(&mut self, flow: &Flow) {
        let lints = flow.turn.iter().flat_map(|turn| &turn.lints);
        let mut all = lints.chain(flow.faults.iter().map(|fault| &fault.message));
        if let Some(first) = all.next() {
            let more = match all.count() {
                0 => String::new(),
                more => format!(", and {more} more"),
            };
            self.add(flow.id, format!("{first}{more}"));
        }
    }

    /// Takes in those of other flows.
    pub(super) fn merge(&mut self, other: Self) {
        for (flow, what) in other.0 {
            self.add(flow, what);
        }
    }

    fn add(&mut self, flow: FlowId, mut what: String) {
        if let Some((end, _)) = what.char_indices().nth(LONGEST_NOTE) {
            what.truncate(end);
        }
        self.0.insert(flow, what);
        if self.0.len() > MOST_NOTES {
            self.0.pop_last();
        }
    }
}

impl Statistics {
    /// Adds the section that answers.
    pub(super) fn answers(
        &self,
        sessions: &Sessions,
        lost: &[Lost],
        log: &Markdown,
        out: &mut String,
    ) {
        let turns: Vec<&LogicalTurn> = sessions.sessions.iter().flat_map(Session::turns).collect();
        let (failed, broken) = (self.failed(&turns, log), broken(&turns, lost, log));
        let alerts = self.alerts(&turns, log);
        out.push_str("## In short\n\n");
        let lists = [
            ("Failed or incomplete", "failure", failed),
            ("Cached prefix broken", "break of the cached prefix", broken),
            ("Alerts", "alert", alerts),
        ];
        let nothing = lists.iter().filter(|(.., lines)| lines.is_empty());
        let nothing: Vec<&str> = nothing.map(|(_, nothing, _)| *nothing).collect();
        for (title, _, mut lines) in lists {
            if lines.is_empty() {
                continue;
            }
            lines.sort_by_key(|line| line.order);
            put!(out, "**{title}:**\n\n");
            for line in lines.iter().take(MOST_LINES) {
                put!(out, "- {}\n", line.text);
            }
            if lines.len() > MOST_LINES {
                put!(
                    out,
                    "- … and {} more\n",
                    count((lines.len() - MOST_LINES) as u64)
                );
            }
            out.push('\n');
        }
        if !nothing.is_empty() {
            put!(out, "There is no {}.\n\n", nothing.join(", no "));
        }
        dearest(&turns, log, out);
    }

    /// Turns that came to nothing or to less than was asked for, attempts that were repeated, and other flows that
    /// failed.
    fn failed(&self, turns: &[&LogicalTurn], log: &Markdown) -> Vec<Line> {
        let mut lines = Vec::new();
        for turn in turns {
            let tries = turn.attempts.len();
            for (at, attempt) in turn.attempts.iter().enumerate() {
                let is_last = at + 1 == tries;
                let is_told = if is_last {
                    turn.reason().is_some()
                } else {
                    attempt.state == State::Failed
                };
                if !is_told {
                    continue;
                }
                let why = self.failures.0.get(&attempt.flow);
                let why = inline(why.map_or("", String::as_str), LONGEST_NOTE);
                let status = attempt.status.filter(|status| *status != SWITCHING);
                let status = status.map(|status| status.to_string());
                let status = status.filter(|status| !why.contains(status.as_str()));
                let is_mended = !is_last && turn.reason().is_none();
                let more = [
                    Some(attempt.state.as_str().to_owned()),
                    status.map(|status| format!("HTTP {status}")),
                    (tries > 1).then(|| format!("attempt {} of {tries}", at + 1)),
                    is_mended.then(|| "the last one succeeded".to_owned()),
                ];
                let more: Vec<String> = more.into_iter().flatten().collect();
                let text = format!("{}: {why} ({})", log.link(attempt.flow), more.join(", "));
                lines.push(Line::new(attempt.flow, text, log));
            }
        }
        let attempts = turns.iter().flat_map(|turn| &turn.attempts);
        let known: HashSet<FlowId> = attempts.map(|attempt| attempt.flow).collect();
        for (flow, why) in &self.failures.0 {
            if !known.contains(flow) {
                let text = format!("{}: {}", log.link(*flow), inline(why, LONGEST_NOTE));
                lines.push(Line::new(*flow, text, log));
            }
        }
        lines
    }

    /// Turns that another model answered, and what is wrong in bytes and events.
    fn alerts(&self, turns: &[&LogicalTurn], log: &Markdown) -> Vec<Line> {
        let attempts = turns.iter().flat_map(|turn| &turn.attempts);
        let rerouted = attempts.filter_map(|attempt| {
            let (asked, served) = (attempt.model.as_deref()?, attempt.served.as_deref()?);
            let [asked, served] = [asked, served].map(code);
            let text = format!(
                "{}: {asked} was asked for, {served} answered",
                log.link(attempt.flow)
            );
            Some(Line::new(attempt.flow, text, log))
        });
        let faults = self.faults.0.iter().map(|(flow, what)| {
            let text = format!("{}: {}", log.link(*flow), inline(what, LONGEST_NOTE));
            Line::new(*flow, text, log)
        });
        rerouted.chain(faults).collect()
    }
}

/// A line of a list.
struct Line {
    /// Where it stands: as in the log.
    order: u32,
    text: String,
}

impl Line {
    fn new(flow: FlowId, text: String, log: &Markdown) -> Self {
        let order = log.section(flow).unwrap_or(u32::MAX);
        Self { order, text }
    }
}

/// Where prompts left the cached prefix, and what that took.
fn broken(turns: &[&LogicalTurn], lost: &[Lost], log: &Markdown) -> Vec<Line> {
    let lines = turns.iter().filter_map(|turn| {
        let attempt = turn.last()?;
        let left = lost.iter().find(|it| it.flow == attempt.flow)?;
        let text = format!(
            "{}: {}; {} tokens read anew",
            log.link(attempt.flow),
            inline(&left.what, LONGEST_NOTE),
            count(left.tokens)
        );
        Some(Line::new(attempt.flow, text, log))
    });
    lines.collect()
}

/// The turns that cost most; those without a price by their tokens, behind all others.
fn dearest(turns: &[&LogicalTurn], log: &Markdown, out: &mut String) {
    let tally = |turn: &LogicalTurn| {
        let mut tally = Tally::default();
        tally.add(turn);
        tally
    };
    let used = turns.iter().map(|turn| (*turn, tally(turn)));
    let tokens = |tally: &Tally| tally.usage.input.saturating_add(tally.usage.output);
    let mut used: Vec<_> = used.filter(|(_, tally)| tokens(tally) > 0).collect();
    if used.is_empty() {
        return;
    }
    used.sort_by_key(|(_, tally)| Reverse((tally.cost.0, tokens(tally))));
    out.push_str("| dearest | model | tokens in | cached | tokens out | cost |\n");
    out.push_str("|---|---|--:|--:|--:|--:|\n");
    for (turn, tally) in used.iter().take(MOST_DEAR) {
        let Some(last) = turn.last() else { continue };
        let usage = tally.usage;
        put!(
            out,
            "| {} | {} | {} | {} | {} | {} |\n",
            log.link(last.flow),
            cell(turn.model().unwrap_or_default()),
            count(usage.input),
            share(usage.cached, usage.input),
            count(usage.output),
            cost(tally)
        );
    }
    out.push('\n');
}

/// The status of every turn on a WebSocket whose failure has none of its own (RFC 9110 §15.2.2).
const SWITCHING: u16 = 101;
/// Flows of which notes are kept.
const MOST_NOTES: usize = 1_000;
/// Characters of a note.
const LONGEST_NOTE: usize = 200;
/// Lines of a list.
const MOST_LINES: usize = 20;
/// Turns that are called dear.
const MOST_DEAR: usize = 5;
