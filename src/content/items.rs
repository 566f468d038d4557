//! Rows for the items of a conversation: a line each, with the whole item behind a fold.

use std::collections::HashMap;

use super::block::{Look, block, preview};
use super::json::{json, member, unquoted};
use super::{Document, Folds, Line, Role, calls, format};
use crate::flow::{Calls, Flow};
use crate::responses::{Item, ItemKind, Part, ToolCall};

/// Adds a row for each item; the folds' keys are `key/0`, `key/1`, … `frames` has the frames of the events
/// that began them ([`events`]), for items of a response.
pub(super) fn table<'a>(
    document: &mut Document,
    items: impl IntoIterator<Item = &'a Item> + Clone,
    others: &Calls,
    frames: &[usize],
    key: &str,
    folds: &Folds,
) {
    let own = items.clone().into_iter();
    let asked: HashMap<&str, &ToolCall> = own
        .filter_map(|item| match &item.kind {
            ItemKind::Call(call) => Some((call.call_id.as_deref()?, call)),
            _ => None,
        })
        .collect();
    for (number, item) in items.into_iter().enumerate() {
        let key = format!("{key}/{number}");
        let head = Line {
            frame: frames.get(item.began as usize).copied(),
            ..head(item, number, &asked, others)
        };
        if document.section(&key, false, folds, head) {
            whole(document, item, &key, folds);
        }
    }
}

/// The frames of a flow that carry the events of its turn, by the ordinals of those.
pub(super) fn events(flow: &Flow) -> Vec<usize> {
    let frames = flow.frames.iter().enumerate();
    let events = frames.filter(|(_, frame)| frame.ordinal.is_some());
    events.map(|(index, _)| index).collect()
}

/// An item's row: its number, what it is, and what it says in short. `asked` are the calls beside it.
pub(super) fn head(
    item: &Item,
    number: usize,
    asked: &HashMap<&str, &ToolCall>,
    others: &Calls,
) -> Line {
    let (label, role) = label(&item.kind);
    let label = crate::text::pad(crate::text::Clean::from(label).as_str(), LABEL_COLUMNS);
    let head = Line::of(&format!("{number:>3} "), Role::Dim)
        .with(&label, role)
        .with(" ", Role::Text);
    summary(head, item, asked, others).hanging(LABEL_COLUMNS + 5)
}

/// The role in which a speaker's name stands.
pub(super) fn speaker(role: &str) -> Role {
    match role {
        "user" => Role::User,
        "developer" | "system" => Role::Developer,
        _ => Role::Assistant,
    }
}

pub(super) fn label(item_kind: &ItemKind) -> (String, Role) {
    match item_kind {
        ItemKind::Message { role, .. } => (role.clone(), speaker(role)),
        ItemKind::Reasoning { .. } => ("reasoning".to_owned(), Role::Reasoning),
        ItemKind::Call(_) => ("call".to_owned(), Role::Tool),
        ItemKind::Output(_) => ("output".to_owned(), Role::Tool),
        ItemKind::Tools(_) => ("tools".to_owned(), Role::Tool),
        ItemKind::Other { kind } if item_kind.is_known() => (kind.clone(), Role::Label),
        ItemKind::Other { kind } => (kind.clone(), Role::Warning),
    }
}

/// Adds to an item's row what it says, in short.
fn summary(line: Line, item: &Item, asked: &HashMap<&str, &ToolCall>, others: &Calls) -> Line {
    let text = match &item.kind {
        ItemKind::Message { phase, parts, .. } => {
            let to = member(&item.raw, "recipient").and_then(unquoted);
            let to = to.map_or_else(String::new, |to| format!("→ {to}: "));
            let phase = phase.as_ref();
            let phase = phase.map_or_else(String::new, |it| format!("{}: ", it.replace('_', " ")));
            format!("{to}{phase}{}", joined(parts))
        }
        ItemKind::Reasoning {
            summary,
            content,
            encrypted,
        } => {
            let text = joined(if summary.is_empty() { content } else { summary });
            match (*encrypted, text.is_empty()) {
                (0, _) => text,
                (bytes, true) => format!("({} encrypted)", format::bytes(bytes as u64)),
                (bytes, false) => format!("{text} ({} encrypted)", format::bytes(bytes as u64)),
            }
        }
        ItemKind::Call(call) => return calls::title(line, call),
        ItemKind::Output(output) => {
            let id = output.call_id.as_deref();
            let made = others.made_before(id);
            let call = id.and_then(|id| asked.get(id)).copied();
            let call = call.or(made.map(|made| &made.call));
            let line = match call {
                Some(call) => line
                    .with(&calls::name(call), Role::Tool)
                    .with(" → ", Role::Dim),
                None => line,
            };
            let after = made.and_then(|made| made.before);
            return calls::outcome(line, &output.outcome(), after);
        }
        ItemKind::Tools(tools) => {
            let names: Vec<&str> = tools
                .iter()
                .take(PREVIEW)
                .map(|tool| tool.name.as_str())
                .collect();
            preview(&format!("{}: {}", tools.len(), names.join(", ")), PREVIEW)
        }
        ItemKind::Other { .. } => match member(&item.raw, "encrypted_content").and_then(unquoted) {
            Some(text) => format!("({} encrypted)", format::bytes(text.len() as u64)),
            None => preview(&item.raw, PREVIEW),
        },
    };
    line.with(&text, Role::Text)
}

fn joined(parts: &[Part]) -> String {
    let mut text = String::new();
    for part in parts {
        if text.len() > PREVIEW * 4 {
            break;
        }
        if !text.is_empty() {
            text.push(' ');
        }
        text.push_str(&preview(&part.text, PREVIEW));
    }
    preview(&text, PREVIEW)
}

/// Adds everything of an item, and its JSON behind one more fold.
pub(super) fn whole(document: &mut Document, item: &Item, key: &str, folds: &Folds) {
    let facts = [("id", item.id.as_deref()), ("call", call_id(&item.kind))];
    let mut line = Line::of(MARGIN, Role::Dim);
    for (name, value) in facts {
        if let Some(value) = value {
            line = line
                .with(name, Role::Label)
                .with(&format!(" {value}  "), Role::Dim);
        }
    }
    if line.spans.len() > 1 {
        document.push(line);
    }
    match &item.kind {
        ItemKind::Message { parts: list, .. } => {
            parts(document, list, Role::Text, &format!("{key}/part"), folds);
        }
        ItemKind::Reasoning {
            summary,
            content,
            encrypted,
        } => {
            parts(
                document,
                summary,
                Role::Reasoning,
                &format!("{key}/summary"),
                folds,
            );
            parts(
                document,
                content,
                Role::Reasoning,
                &format!("{key}/content"),
                folds,
            );
            if *encrypted > 0 {
                let size = format::count(*encrypted as u64);
                document.push(Line::of(
                    &format!("{MARGIN}encrypted, {size} bytes"),
                    Role::Dim,
                ));
            }
        }
        ItemKind::Call(call) => {
            calls::arguments(document, call, &format!("{key}/arguments"), folds);
            calls::result(document, &item.raw, &format!("{key}/result"), folds);
        }
        ItemKind::Output(output) => {
            calls::printed(document, &output.text, &format!("{key}/text"), folds);
        }
        ItemKind::Tools(list) => tools(document, list),
        ItemKind::Other { .. } => {
            json(document, &item.raw, 3, INDENT, &format!("{key}/raw"), folds);
            return;
        }
    }
    if item.raw.is_empty() {
        return;
    }
    let key = format!("{key}/raw");
    let head = Line::of(MARGIN, Role::Dim)
        .with("JSON ", Role::Label)
        .with(&format::bytes(item.raw.len() as u64), Role::Dim);
    if document.section(&key, false, folds, head) {
        json(document, &item.raw, 3, INDENT, &key, folds);
    }
}

/// Adds a row for each tool: name, type, size.
pub(super) fn tools(document: &mut Document, tools: &[crate::responses::Tool]) {
    for tool in tools {
        let name = match &tool.namespace {
            Some(namespace) => format!("{namespace}.{}", tool.name),
            None => tool.name.clone(),
        };
        let name = crate::text::Clean::from(name);
        let line = Line::of(MARGIN, Role::Dim)
            .with(
                &crate::text::pad(name.as_str(), TOOL_COLUMNS.max(name.width())),
                Role::Tool,
            )
            .with(
                &format!(" {:10} ", crate::text::Clean::new(&tool.kind)),
                Role::Dim,
            )
            .with(
                &format!("{:>8}", format::bytes(tool.bytes as u64)),
                Role::Number,
            );
        document.push(line);
    }
}

fn parts(document: &mut Document, parts: &[Part], role: Role, key: &str, folds: &Folds) {
    for (number, part) in parts.iter().enumerate() {
        let is_text = matches!(
            part.kind.as_str(),
            "input_text" | "output_text" | "summary_text" | "reasoning_text" | "text"
        );
        if !is_text {
            document.push(Line::of(&format!("{MARGIN}{}:", part.kind), Role::Label));
        } else if number > 0 {
            document.push(Line::of(&format!("{MARGIN}—"), Role::Dim));
        }
        block(
            document,
            &part.text,
            Look::Plain(role),
            INDENT,
            &format!("{key}/{number}"),
            folds,
        );
    }
}

fn call_id(kind: &ItemKind) -> Option<&str> {
    match kind {
        ItemKind::Call(call) => call.call_id.as_deref(),
        ItemKind::Output(output) => output.call_id.as_deref(),
        ItemKind::Message { .. }
        | ItemKind::Reasoning { .. }
        | ItemKind::Tools(_)
        | ItemKind::Other { .. } => None,
    }
}

/// Columns of the content of a row.
pub(super) const INDENT: usize = 4;
/// The same as spaces.
pub(super) const MARGIN: &str = "    ";
/// Columns of a row's label: the longest common ones fit.
const LABEL_COLUMNS: usize = 10;
/// Columns of a tool's name, unless it is longer.
const TOOL_COLUMNS: usize = 28;
/// Columns of a preview.
pub(super) const PREVIEW: usize = 120;
