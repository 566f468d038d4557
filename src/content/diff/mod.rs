//! What changed since the turn before: settings, instructions, tools and items of the effective requests.
//!
//! What is in both is counted and left out. Texts are told by lines, with the words that differ marked.

mod lines;
mod sides;

use std::collections::HashMap;
use std::time::Duration;

use jiff::tz::TimeZone;

use super::items::{head, whole};
use super::{Around, Document, Folds, Line, Role, format};
use crate::flow::lineage::{Badge, Carried, Change, Diff, Effective, Offered, words};
use crate::flow::sessions::Purpose;
use crate::flow::{Calls, Flow};
use crate::responses::{Item, ItemKind, Part, ToolCall};
use crate::tap::At;
use lines::{Pair, pairs};
use sides::Sides;

/// What changed in the request of `flow` since the turn before it in its thread, `around` it, in `width`
/// columns: side by side where there is room for that. Clock times are told in `zone`.
#[must_use]
pub fn diff(
    flow: &Flow,
    around: &Around<'_>,
    folds: &Folds,
    width: u16,
    zone: &TimeZone,
) -> Document {
    let mut page = Page {
        sides: Sides::new(width),
        folds,
    };
    let Some(after) = around.asked else {
        let why = if flow.turn.is_some() {
            "The request of this turn is not readable: there is nothing to compare."
        } else {
            "Not a model turn: there is nothing to compare."
        };
        return Document::of(Line::of(why, Role::Dim));
    };
    let Some(turn_before) = around.turn_before else {
        return first(flow, after);
    };
    let [one, other] = [turn_before.started(), flow.started];
    let title = |at: At, gist: &str| {
        Line::of(&format::clock_in(at, zone), Role::Number)
            .with(" ", Role::Text)
            .with(gist, Role::Strong)
    };
    let gist = turn_before.last().map_or("", |last| &last.gist);
    let which = match turn_before.purpose {
        Purpose::WarmUp => "warm-up",
        Purpose::Turn | Purpose::Compaction => "turn before",
    };
    let between = Line::of(which, Role::Label).with(
        &format!(", {} earlier", format::duration(span(one, other))),
        Role::Dim,
    );
    page.note(between);
    page.pair(Some(title(one, gist)), Some(title(other, &flow.gist)));
    let Some(before) = around.asked_before else {
        page.warn("! the request of the turn before is not readable, or was not captured");
        return page.end();
    };
    page.badges(before, after);
    let diff = Diff::between(before, after);
    page.settings(&diff);
    page.instructions(&diff);
    let tools = [before.offered(), after.offered()];
    page.tools(&diff, &tools);
    page.items(&diff, before, after);
    page.same(&diff, after, &tools[1]);
    page.end()
}

/// What is said of a turn with none before it.
fn first(flow: &Flow, after: &Effective) -> Document {
    let identity = &flow.identity;
    let is_known = identity.thread.is_some() || identity.session.is_some();
    let mut document = Document::default();
    let why = match &after.badge {
        Badge::ParentMissing(_) => "The turn before this one was not captured.",
        _ if is_known => "No turn of its thread was captured before this one.",
        _ => "The traffic tells no thread, so which turn came before is not known.",
    };
    document.push(Line::of(why, Role::Text));
    if let Badge::ParentMissing(parent) = &after.badge {
        document.push(missing("this turn", parent));
    }
    let items = format::counted(after.items.len() as u64, "item");
    let tools = count(&after.offered());
    let all = format!("All of its request is new: {items}, {tools}.");
    document.push(Line::of(&all, Role::Dim));
    document
}

fn missing(which: &str, parent: &str) -> Line {
    let text = format!(
        "! {which} continues {parent}, which was not captured: what came before is unknown"
    );
    Line::of(&text, Role::Warning).hanging(2)
}

/// The document on its way.
struct Page<'a> {
    sides: Sides,
    folds: &'a Folds,
}

impl Page<'_> {
    fn end(self) -> Document {
        self.sides.document
    }

    fn note(&mut self, line: Line) {
        self.sides.document.push(line);
    }

    fn warn(&mut self, text: &str) {
        self.note(Line::of(text, Role::Warning).hanging(2));
    }

    fn pair(&mut self, before: Option<Line>, after: Option<Line>) {
        self.sides.pair(before, after);
    }

    /// Adds the head of a section; returns whether it is open.
    fn section(&mut self, key: &str, title: &str, counts: &str) -> bool {
        self.sides.document.gap();
        let head = Line::of(title, Role::Heading).with(&format!(" {counts}"), Role::Number);
        self.sides.document.section(key, true, self.folds, head)
    }

    /// How much of both requests is known.
    fn badges(&mut self, before: &Effective, after: &Effective) {
        for (which, request) in [("the turn before", before), ("this turn", after)] {
            if let Badge::ParentMissing(parent) = &request.badge {
                self.note(missing(which, parent));
            }
        }
        if after.badge == Badge::Compacted && before.badge != Badge::Compacted {
            self.warn("! the context was compacted since: a summary stands for earlier items");
        }
    }

    fn settings(&mut self, diff: &Diff) {
        if diff.settings.is_empty() {
            return;
        }
        let count = diff.settings.len().to_string();
        if !self.section("diff/settings", "Settings", &count) {
            return;
        }
        for setting in &diff.settings {
            let side = |value: &Option<String>, role| {
                let value = value.as_deref()?;
                let line = Line::of(&format!("{} ", setting.name), Role::Label);
                Some(line.with(value, role))
            };
            self.pair(
                side(&setting.before, Role::DiffRemoved),
                side(&setting.after, Role::DiffAdded),
            );
        }
    }

    fn instructions(&mut self, diff: &Diff) {
        if diff.instructions.is_empty() {
            return;
        }
        let pairs = pairs(&diff.instructions);
        let counts = lines::counts(&pairs);
        if self.section("diff/instructions", "Instructions", &counts) {
            self.lines(&pairs);
        }
    }

    fn tools(&mut self, diff: &Diff, [before, after]: &[Vec<Offered>; 2]) {
        if diff.tools.is_empty() {
            return;
        }
        if !self.section("diff/tools", "Tools", &counted(&diff.tools)) {
            return;
        }
        for change in &diff.tools {
            let (old, new) = places(*change);
            let old = old.and_then(|at| before.get(at));
            let new = new.and_then(|at| after.get(at));
            self.pair(old.map(tool), new.map(tool));
            if let (Some(old), Some(new)) = (old, new) {
                self.lines(&pairs(&words(&pretty(&old.raw), &pretty(&new.raw))));
            }
        }
    }

    fn items(&mut self, diff: &Diff, before: &Effective, after: &Effective) {
        if diff.items.is_empty() {
            return;
        }
        if !self.section("diff/input", "Input", &counted(&diff.items)) {
            return;
        }
        let asked = [calls(&before.items), calls(&after.items)];
        let row = |side: usize, carried: &Carried, at: usize| {
            head(&carried.item, at, &asked[side], &Calls::default())
        };
        // How many items of either are behind.
        let mut passed = [0, 0];
        for change in &diff.items {
            let (old, new) = places(*change);
            let same = match (old, new) {
                (Some(old), _) => old.saturating_sub(passed[0]),
                (None, new) => new.map_or(0, |new| new.saturating_sub(passed[1])),
            };
            self.passed(same, "item");
            passed[0] += same + usize::from(old.is_some());
            passed[1] += same + usize::from(new.is_some());
            let of = |request: &Effective, at: Option<usize>| {
                let at = at?;
                Some((at, request.items.get(at)?.clone()))
            };
            match (of(before, old), of(after, new)) {
                (Some((at, old)), Some((to, new))) => {
                    self.pair(Some(row(0, &old, at)), Some(row(1, &new, to)));
                    // What changed of tools has a section.
                    if !matches!(new.item.kind, ItemKind::Tools(_)) {
                        self.lines(&pairs(&words(&text(&old.item), &text(&new.item))));
                    }
                }
                (Some((at, old)), None) => self.item(&old, row(0, &old, at), at, true),
                (None, Some((to, new))) => self.item(&new, row(1, &new, to), to, false),
                (None, None) => {}
            }
        }
        self.passed(after.items.len().saturating_sub(passed[1]), "item");
    }

    /// Adds an item that is in one of the requests only, all of it behind a fold.
    fn item(&mut self, carried: &Carried, row: Line, at: usize, is_gone: bool) {
        let key = format!("diff/{}/{at}", if is_gone { "gone" } else { "added" });
        let (before, after) = if is_gone {
            (Some(row), None)
        } else {
            (None, Some(row))
        };
        if self.sides.section(&key, self.folds, before, after) {
            whole(&mut self.sides.document, &carried.item, &key, self.folds);
        }
    }

    /// Says what of both is the same.
    fn same(&mut self, diff: &Diff, after: &Effective, offered: &[Offered]) {
        let tools = count(offered);
        let items = format::counted(after.items.len() as u64, "item");
        let has_instructions = after.instructions.is_some();
        let parts = [
            (diff.settings.is_empty(), "settings".to_owned()),
            (
                diff.instructions.is_empty() && has_instructions,
                "instructions".to_owned(),
            ),
            (diff.tools.is_empty() && !offered.is_empty(), tools),
            (diff.items.is_empty() && !after.items.is_empty(), items),
        ];
        let parts = parts.into_iter().filter(|(is_same, _)| *is_same);
        let parts: Vec<String> = parts.map(|(_, name)| name).collect();
        if !parts.is_empty() {
            self.sides.document.gap();
            let line = Line::of("The same: ", Role::Label).with(&parts.join(", "), Role::Dim);
            self.note(line.hanging(2));
        }
    }

    /// Adds lines of two texts; of those that are the same, a few around each change.
    fn lines(&mut self, pairs: &[Pair]) {
        let is_same = |pair: &Pair| matches!(pair, Pair::Same(_));
        let mut rest = pairs;
        let mut is_start = true;
        while !rest.is_empty() {
            let (same, after) = rest.split_at(rest.iter().take_while(|it| is_same(it)).count());
            let changed = after.iter().take_while(|it| !is_same(it)).count();
            let head = if is_start { 0 } else { CONTEXT };
            let tail = if after.is_empty() { 0 } else { CONTEXT };
            if same.len() > head + tail + 1 {
                self.context(&same[..head]);
                self.passed(same.len() - head - tail, "line");
                self.context(&same[same.len() - tail..]);
            } else {
                self.context(same);
            }
            for pair in &after[..changed] {
                if let Pair::Changed(before, after) = pair {
                    self.pair(before.clone(), after.clone());
                }
            }
            rest = &after[changed..];
            is_start = false;
        }
    }

    fn context(&mut self, same: &[Pair]) {
        for pair in same {
            if let Pair::Same(line) = pair {
                self.sides.same(line.clone());
            }
        }
    }

    /// Says how much is the same and left out.
    fn passed(&mut self, count: usize, noun: &str) {
        if count > 0 {
            let text = format!("  … {} the same", format::counted(count as u64, noun));
            self.note(Line::of(&text, Role::Dim));
        }
    }
}

/// How many were added, changed and are gone: `+3 ~1 −2`.
fn counted(changes: &[Change]) -> String {
    let count = |is_it: fn(&Change) -> bool| changes.iter().filter(|it| is_it(it)).count();
    let counts = [
        ("+", count(|it| matches!(it, Change::Added(_)))),
        ("~", count(|it| matches!(it, Change::Changed(..)))),
        ("−", count(|it| matches!(it, Change::Gone(_)))),
    ];
    let told = counts.into_iter().filter(|(_, count)| *count > 0);
    let told: Vec<String> = told.map(|(sign, count)| format!("{sign}{count}")).collect();
    told.join(" ")
}

/// The places of what changed, before and after.
fn places(change: Change) -> (Option<usize>, Option<usize>) {
    match change {
        Change::Added(new) => (None, Some(new)),
        Change::Gone(old) => (Some(old), None),
        Change::Changed(old, new) => (Some(old), Some(new)),
    }
}

/// How many tools these are.
fn count(offered: &[Offered]) -> String {
    let count: usize = offered.iter().map(Offered::count).sum();
    format::counted(count as u64, "tool")
}

fn tool(tool: &Offered) -> Line {
    Line::of(&tool.name, Role::Tool).with(
        &format!(" {}", format::bytes(tool.raw.len() as u64)),
        Role::Number,
    )
}

/// The tool calls of items, by call id.
fn calls(items: &[Carried]) -> HashMap<&str, &ToolCall> {
    let calls = items.iter().filter_map(|carried| match &carried.item.kind {
        ItemKind::Call(call) => Some((call.call_id.as_deref()?, call)),
        _ => None,
    });
    calls.collect()
}

/// JSON over several lines.
fn pretty(raw: &str) -> String {
    let value = serde_json::from_str::<serde_json::Value>(raw);
    let text = value.and_then(|value| serde_json::to_string_pretty(&value));
    text.unwrap_or_else(|_| raw.to_owned())
}

/// What an item says.
fn text(item: &Item) -> String {
    let joined = |parts: &[Part]| {
        let texts: Vec<&str> = parts.iter().map(|part| part.text.as_str()).collect();
        texts.join("\n")
    };
    match &item.kind {
        ItemKind::Message { parts, .. } => joined(parts),
        ItemKind::Reasoning {
            summary, content, ..
        } => joined(if summary.is_empty() { content } else { summary }),
        ItemKind::Call(call) => call.input.clone(),
        ItemKind::Output(output) => output.text.clone(),
        ItemKind::Tools(_) | ItemKind::Other { .. } => pretty(&item.raw),
    }
}

fn span(one: At, other: At) -> Duration {
    other.since(one)
}

/// From so many columns on, both requests stand side by side.
const WIDE: u16 = 110;
/// Lines that are shown around a change.
const CONTEXT: usize = 2;

#[cfg(test)]
mod tests;
