//! What a model request asked for: its settings in a line, and what is new in it.

use std::collections::BTreeMap;

use super::text::{END_OF_DETAILS, cell, code, details, fence, inline};
use super::{Markdown, hash};
use crate::flow::Flow;
use crate::responses::{Item, ItemKind, Part, Request, Tool};
use crate::text::{count, counted};

impl Markdown {
    /// Adds a request; `marks` are those of its input.
    pub(super) fn request(
        &mut self,
        flow: &Flow,
        request: &Request,
        marks: &[u64],
        out: &mut String,
    ) {
        let size = flow.request_text().map_or(0, str::len) as u64;
        put!(out, "**Request** {} bytes", count(size));
        let parent = request.previous_response_id.as_deref();
        let parent = parent.map(|id| match self.seen.get(&hash(&["response", id])) {
            Some(section) => format!("continues {section}"),
            None => format!("continues {}", code(id)),
        });
        let [told, others] = settings(request, parent).map(|settings| settings.join(" · "));
        let others = match self.seen(hash(&["settings", &others])) {
            Some(first) if others.len() > SHORT => format!("the rest as in {first}"),
            _ => others,
        };
        for settings in [told, others] {
            if !settings.is_empty() {
                put!(out, " · {settings}");
            }
        }
        out.push_str("\n\n");
        self.instructions(request, out);
        self.input(flow, request, marks, out);
        self.tools(&request.tools, out);
    }

    fn instructions(&mut self, request: &Request, out: &mut String) {
        let Some(instructions) = &request.instructions else {
            return;
        };
        let what = format!(
            "Instructions: {} characters",
            count(instructions.chars().count() as u64)
        );
        if let Some(first) = self.seen(hash(&["instructions", instructions])) {
            put!(out, "{what}, as in {first}.\n\n");
            return;
        }
        details(out, &what);
        fence(out, "text", instructions, usize::MAX);
        out.push_str(END_OF_DETAILS);
    }

    /// The input items that stood nowhere before in their thread.
    fn input(&mut self, flow: &Flow, request: &Request, marks: &[u64], out: &mut String) {
        let mut rows = String::new();
        // Those that another thread had before, by the section in which.
        let mut known: BTreeMap<u32, Vec<String>> = BTreeMap::new();
        let mut new = 0_u64;
        for (index, (item, mark)) in request.input.iter().zip(marks).enumerate() {
            let first = self.seen(*mark);
            if !self.is_new(flow, *mark) {
                continue;
            }
            new += 1;
            match first {
                _ if new > MOST_ITEMS => {}
                Some(first) => known.entry(first).or_default().push(index.to_string()),
                None => rows.push_str(&row(index, item)),
            }
        }
        let all = request.input.len() as u64;
        if all == 0 {
            return;
        }
        put!(out, "Input: {}, {} new", counted(all, "item"), count(new));
        for (at, (first, items)) in known.iter().enumerate() {
            let by = if at == 0 { ": " } else { "; " };
            put!(out, "{by}{} as in {first}", items.join(", "));
        }
        out.push_str(".\n\n");
        if !rows.is_empty() {
            out.push_str("| # | item | bytes | preview |\n|--:|---|--:|---|\n");
            out.push_str(&rows);
            out.push('\n');
        }
        if new > MOST_ITEMS {
            put!(out, "… and {} more.\n\n", count(new - MOST_ITEMS));
        }
    }

    fn tools(&mut self, tools: &[Tool], out: &mut String) {
        if tools.is_empty() {
            return;
        }
        let mut rows = String::new();
        let mut bytes = 0;
        for tool in tools {
            let name = match &tool.namespace {
                Some(namespace) => format!("{namespace}.{}", tool.name),
                None => tool.name.clone(),
            };
            let (kind, size) = (inline(&tool.kind, 40), count(tool.bytes as u64));
            put!(rows, "| {} | {kind} | {size} |\n", cell(&name));
            bytes += tool.bytes as u64;
        }
        let what = format!("Tools: {}, {} bytes", tools.len(), count(bytes));
        if let Some(first) = self.seen(hash(&["tools", &rows])) {
            put!(out, "{what}, as in {first}.\n\n");
            return;
        }
        details(out, &what);
        out.push_str("| tool | type | bytes |\n|---|---|--:|\n");
        out.push_str(&rows);
        out.push('\n');
        out.push_str(END_OF_DETAILS);
    }
}

/// The settings of a request, those that were told: first those that change from turn to turn. `parent` says which
/// response it continues.
fn settings(request: &Request, parent: Option<String>) -> [Vec<String>; 2] {
    let mut settings: Vec<String> = request.model.iter().map(|model| code(model)).collect();
    let told = [
        ("effort", &request.effort),
        ("summary", &request.summary),
        ("verbosity", &request.verbosity),
        ("tier", &request.service_tier),
    ];
    for (name, value) in told {
        settings.extend(value.iter().map(|value| format!("{name} {}", code(value))));
    }
    settings.extend(parent);
    if request.is_warm_up {
        settings.push("warm-up".to_owned());
    }
    let others = request.other.iter().filter(|(name, json)| {
        json.len() <= LONGEST_SETTING && !matches!(name.as_str(), "type" | "generate")
    });
    let others = others.map(|(name, json)| code(&format!("{name}: {json}")));
    [settings, others.collect()]
}

/// An input item as a row.
fn row(index: usize, item: &Item) -> String {
    let (what, preview) = match &item.kind {
        ItemKind::Message { role, parts, .. } => (role.clone(), texts(parts)),
        ItemKind::Reasoning {
            summary, encrypted, ..
        } => {
            let text = texts(summary);
            let text = if text.is_empty() {
                format!("{encrypted} bytes encrypted")
            } else {
                text
            };
            ("reasoning".to_owned(), text)
        }
        ItemKind::Call(call) => (format!("call {}", call.name), call.input.clone()),
        ItemKind::Output(output) => (output.kind.clone(), output.text.clone()),
        ItemKind::Tools(tools) => {
            let names: Vec<&str> = tools.iter().map(|tool| tool.name.as_str()).collect();
            ("tools".to_owned(), names.join(", "))
        }
        ItemKind::Other { kind } => (kind.clone(), item.raw.clone()),
    };
    // A person's words are what the log is about.
    let most = if what == "user" { 600 } else { 160 };
    let bytes = count(item.raw.len() as u64);
    let (what, said) = (inline(&what, 60), inline(&preview, most));
    format!("| {index} | {what} | {bytes} | {said} |\n")
}

fn texts(parts: &[Part]) -> String {
    let texts: Vec<&str> = parts.iter().map(|part| part.text.as_str()).collect();
    texts.join(" ")
}

/// Bytes of settings that are said again: a reference is no shorter.
const SHORT: usize = 30;
/// New items of one request that are shown.
const MOST_ITEMS: u64 = 200;
/// Bytes of a member's JSON that is shown among the settings.
const LONGEST_SETTING: usize = 60;
