//! What a model response brought: text, reasoning, calls, usage, and its events by type.

use super::Markdown;
use super::digest::hash;
use super::text::{END_OF_DETAILS, cell, code, details, fence, inline, share};
use crate::flow::Flow;
use crate::responses::{ToolCall, Turn, Usage};
use crate::text::{count, counted};

impl Markdown {
    /// Adds a response; `marks` are those of its output, which requests may bring back.
    pub(super) fn response(&mut self, flow: &Flow, turn: &Turn, marks: &[u64], out: &mut String) {
        for mark in marks {
            self.seen(*mark);
            self.is_new(flow, *mark);
        }
        if let Some(id) = &turn.response_id {
            self.seen(hash(&["response", id]));
        }
        let events: u64 = turn
            .counts
            .values()
            .map(|(events, _)| u64::from(*events))
            .sum();
        let bytes: u64 = turn.counts.values().map(|(_, bytes)| bytes).sum();
        put!(
            out,
            "**Response** {} · {} bytes · {} events",
            turn.status.as_str().replace('_', " "),
            count(bytes),
            count(events)
        );
        if let Some(model) = &turn.model {
            let asked = flow.model.as_ref();
            let note = if asked.is_some_and(|asked| asked != model) {
                " (another was asked for)"
            } else {
                ""
            };
            put!(out, " · {}{note}", code(model));
        }
        out.push_str(
            &turn
                .response_id
                .iter()
                .fold(String::new(), |text, id| format!("{text} · {}", code(id))),
        );
        if let Some(reason) = &turn.incomplete_reason {
            put!(out, " · incomplete: {}", inline(reason, 80));
        }
        out.push_str("\n\n");
        event_types(turn, out);
        let summaries: Vec<&str> = turn
            .reasoning_summaries()
            .map(|part| part.text.as_str())
            .collect();
        if !summaries.is_empty() {
            out.push_str("Reasoning summary:\n\n");
            fence(out, "text", &summaries.join("\n\n"), MOST_OF_A_TEXT);
        }
        let text = turn.output_text();
        if !text.is_empty() {
            out.push_str("Output:\n\n");
            fence(out, "text", &text, MOST_OF_A_TEXT);
        }
        for call in turn.calls() {
            tool_call(call, out);
        }
        if let Some(usage) = &turn.usage {
            put!(out, "Usage: {}.\n\n", usage_of(usage));
        }
    }
}

fn event_types(turn: &Turn, out: &mut String) {
    if turn.counts.is_empty() {
        return;
    }
    let types = counted(turn.counts.len() as u64, "type");
    details(out, &format!("Events: {types}"));
    out.push_str("| `response`… | count | bytes |\n|---|--:|--:|\n");
    for (name, (events, bytes)) in &turn.counts {
        let (events, bytes) = (count(u64::from(*events)), count(*bytes));
        // Nearly all begin so.
        let name = name
            .strip_prefix(NEARLY_ALL)
            .filter(|rest| rest.starts_with('.'))
            .unwrap_or(name);
        put!(out, "| {} | {events} | {bytes} |\n", cell(name));
    }
    out.push('\n');
    out.push_str(END_OF_DETAILS);
}

fn tool_call(call: &ToolCall, out: &mut String) {
    let name = match &call.namespace {
        Some(namespace) => format!("{namespace}.{}", call.name),
        None => call.name.clone(),
    };
    put!(out, "Call of {}", code(&name));
    if let Some(id) = &call.call_id {
        put!(out, " ({})", code(id));
    }
    out.push_str(":\n\n");
    let language = if call.input.trim_start().starts_with('{') {
        "json"
    } else {
        "text"
    };
    fence(out, language, &call.input, MOST_OF_A_TEXT);
}

/// `9,120 tokens in (7,296 cached, 80 %), 58 out (12 reasoning)`, and their sum where it is another.
fn usage_of(usage: &Usage) -> String {
    let written = usage.cache_write.filter(|written| *written > 0);
    let written = written.map(|written| format!(", {} written to the cache", count(written)));
    let is_sum = usage.input.checked_add(usage.output) == Some(usage.total);
    let total = (!is_sum).then(|| format!(", {} in all", count(usage.total)));
    format!(
        "{} tokens in ({} cached, {}{}), {} out ({} reasoning){}",
        count(usage.input),
        count(usage.cached),
        share(usage.cached, usage.input),
        written.unwrap_or_default(),
        count(usage.output),
        count(usage.reasoning),
        total.unwrap_or_default()
    )
}

/// What the names of nearly all events begin with: in tables, only what follows stands, from the dot on.
const NEARLY_ALL: &str = "response";
/// Bytes of a text that are shown.
const MOST_OF_A_TEXT: usize = 8_000;
