//! The Request tab: what was asked for.

use super::block::{Look, block};
use super::json::{self, is_json, json};
use super::payload::{body, messages};
use super::{Around, Document, Folds, Line, Role, context, endpoint, format, gist, items};
use crate::flow::{Channel, Flow, FlowKind};
use crate::responses::{ItemKind, Request, Tool, event_name};
use crate::tap::Direction;

/// Adds the request of a flow: a model request by its parts, anything else as the body it is.
pub(super) fn request(document: &mut Document, flow: &Flow, around: &Around<'_>, folds: &Folds) {
    match flow.kind {
        FlowKind::Http => {
            let is_model = matches!(flow.channel, Channel::Model | Channel::Compact);
            let text = flow.request.body.text().filter(|_| is_model);
            if let Some(request) = text.and_then(|text| Request::parse(text).ok()) {
                asked(document, flow, &request, around, folds);
            } else {
                endpoint::asked(document, flow);
                body(document, &flow.request.body, "request/body", folds);
            }
        }
        FlowKind::Ws if flow.is_refused_upgrade() => {
            document.push(Line::of(
                "A WebSocket handshake that was refused: no message was sent.",
                Role::Dim,
            ));
        }
        FlowKind::Ws => {
            document.push(Line::of(
                "A WebSocket connection: its turns stand below it in the list.",
                Role::Dim,
            ));
            if messages(flow, Direction::Out).next().is_some() {
                document.gap();
                document.push(Line::of("Messages outside turns", Role::Heading));
                further(document, flow, 0, folds);
            }
        }
        FlowKind::WsTurn { .. } => turn(document, flow, around, folds),
    }
}

/// Adds a turn's `response.create`, then what Codex sent while it ran.
fn turn(document: &mut Document, flow: &Flow, around: &Around<'_>, folds: &Folds) {
    let first = messages(flow, Direction::Out).next();
    let bytes = first.map_or(flow.request.body.bytes(), |(_, bytes)| bytes);
    let parsed = std::str::from_utf8(bytes)
        .ok()
        .and_then(|text| Request::parse(text).ok());
    let start = document.lines.len();
    match parsed {
        Some(request) => asked(document, flow, &request, around, folds),
        None => body(document, &flow.request.body, "request/body", folds),
    }
    if let Some(line) = document.lines.get_mut(start) {
        line.frame = first.map(|(index, _)| index);
    }
    if messages(flow, Direction::Out).nth(1).is_some() {
        document.gap();
        document.push(Line::of("Sent while the turn ran", Role::Heading));
        further(document, flow, 1, folds);
    }
}

/// Adds a row for each message from Codex after the first `skip`.
fn further(document: &mut Document, flow: &Flow, skip: usize, folds: &Folds) {
    for (index, bytes) in messages(flow, Direction::Out).skip(skip) {
        let text = String::from_utf8_lossy(bytes);
        let kind = event_name(&text).unwrap_or("message");
        let head = Line {
            frame: Some(index),
            ..Line::of("→ ", Role::FrameOut)
                .with(kind, Role::Label)
                .with(&format!(" {} ", gist::event(kind, &text)), Role::Text)
                .with(&format::bytes(bytes.len() as u64), Role::Dim)
        };
        let key = format!("request/message/{index}");
        if document.section(&key, false, folds, head) {
            json(document, &text, 3, 2, &key, folds);
        }
    }
}

/// Adds a model request, part by part.
fn asked(
    document: &mut Document,
    flow: &Flow,
    request: &Request,
    around: &Around<'_>,
    folds: &Folds,
) {
    config(document, request);
    if let Some(id) = &request.previous_response_id {
        document.push(
            Line::of("continues ", Role::Label)
                .with(id, Role::Text)
                .with(": only what is new was sent", Role::Dim),
        );
    }
    if let Some(asked) = around.asked {
        context::context(document, flow, asked, folds);
        context::effective(document, request, around, folds);
    }
    instructions(document, flow, request, around, folds);
    let count = format::counted(request.input.len() as u64, "item");
    let head = Line::of("Input", Role::Heading).with(&format!(" {count}"), Role::Number);
    if document.section("request/input", true, folds, head) {
        items::table(
            document,
            &request.input,
            &around.calls,
            &[],
            "request/input",
            folds,
        );
    }
    tools(document, request, around, folds);
    if !request.metadata.is_empty() {
        let head = Line::of("Client metadata", Role::Heading)
            .with(&format!(" {}", request.metadata.len()), Role::Number);
        if document.section("request/metadata", false, folds, head) {
            for (name, value) in &request.metadata {
                metadata(document, name, value, folds);
            }
        }
    }
    let others: Vec<&(String, String)> = request
        .other
        .iter()
        .filter(|(name, _)| !CONFIG.contains(&name.as_str()) && name != "type")
        .collect();
    let unknown: Vec<&str> = request.unknown_members().collect();
    if !others.is_empty() {
        let head = Line::of("Other members", Role::Heading)
            .with(&format!(" {}", others.len()), Role::Number);
        if document.section("request/other", true, folds, head) {
            for (name, value) in others {
                let is_known = !unknown.contains(&name.as_str());
                member(document, name, value, is_known, folds);
            }
        }
    }
}

/// Adds the tools that the request offers: its own, else those that stand in what it continues.
fn tools(document: &mut Document, request: &Request, around: &Around<'_>, folds: &Folds) {
    let carried = around.asked.iter().flat_map(|asked| &asked.items);
    let carried = carried.filter_map(|carried| match &carried.item.kind {
        ItemKind::Tools(tools) => Some(tools),
        _ => None,
    });
    let is_own = !request.tools.is_empty();
    let tools: Vec<Tool> = if is_own {
        request.tools.clone()
    } else {
        carried.flatten().cloned().collect()
    };
    if tools.is_empty() {
        return;
    }
    let bytes: usize = tools.iter().map(|tool| tool.bytes).sum();
    let mut head = Line::of("Tools", Role::Heading)
        .with(&format!(" {}", tools.len()), Role::Number)
        .with(&format!(" {}", format::bytes(bytes as u64)), Role::Dim);
    if !is_own {
        head.add(" offered before", Role::Dim);
    }
    if document.section("request/tools", false, folds, head) {
        items::tools(document, &tools);
    }
}

/// Adds the instructions that hold, and by which turn they were sent if not by this one.
fn instructions(
    document: &mut Document,
    flow: &Flow,
    request: &Request,
    around: &Around<'_>,
    folds: &Folds,
) {
    let asked = around.asked;
    let Some(text) = asked.map_or(request.instructions.as_deref(), |asked| {
        asked.instructions.as_deref()
    }) else {
        return;
    };
    let chars = text.chars().count() as u64;
    let mut head = Line::of("Instructions", Role::Heading)
        .with(&format!(" {} chars", format::count(chars)), Role::Number)
        .with(
            &format!(" ~{} tokens", format::tokens(chars / 4)),
            Role::Dim,
        );
    let origin = asked.map(|asked| asked.instructed_by);
    if let Some(origin) = origin.filter(|origin| origin.flow != flow.id) {
        let from = match (origin.number, origin.is_warm_up) {
            (_, true) => "the warm-up".to_owned(),
            (Some(number), _) => format!("turn {number}"),
            (None, _) => "an earlier turn".to_owned(),
        };
        head = head.with(&format!(" · sent by {from}"), Role::Text);
    }
    if document.section("request/instructions", false, folds, head) {
        let key = "request/instructions";
        block(document, text, Look::Plain(Role::Developer), 2, key, folds);
    }
}

/// Adds what the request is set to, in one line.
fn config(document: &mut Document, request: &Request) {
    let mut line =
        Line::of(request.model.as_deref().unwrap_or("no model"), Role::Strong).hanging(2);
    let named = [
        ("effort", &request.effort),
        ("summary", &request.summary),
        ("verbosity", &request.verbosity),
        ("tier", &request.service_tier),
    ];
    for (name, value) in named {
        if let Some(value) = value {
            line = line.with_value(name, value, Role::Text);
        }
    }
    for (name, value) in &request.other {
        line = match name.as_str() {
            "reasoning" => within(line, value, "context", "context"),
            "text" => within(line, member_of(value, "format"), "name", "answer format"),
            "type" if value == "\"response.append\"" => {
                line.with_value("response.append:", "goes on as asked before", Role::Text)
            }
            name if CONFIG.contains(&name) => {
                line.with_value(name, value.trim_matches('"'), Role::Text)
            }
            _ => line,
        };
    }
    if let Some(key) = &request.prompt_cache_key {
        line = line.with_value("cache key", key, Role::Dim);
    }
    if request.is_warm_up {
        line = line.with_value("warm-up:", "asks for no output", Role::Warning);
    }
    document.push(line);
}

/// The line with the string member `name` of an object added, if it is there.
fn within(line: Line, object: &str, name: &str, label: &str) -> Line {
    match json::unquoted(member_of(object, name)) {
        Some(value) => line.with_value(label, &value, Role::Text),
        None => line,
    }
}

/// The member of an object as JSON; nothing where there is none.
fn member_of<'a>(object: &'a str, name: &str) -> &'a str {
    json::member(object, name).unwrap_or_default()
}

/// Adds an entry of the client metadata; JSON inside its string is laid out as such.
fn metadata(document: &mut Document, name: &str, value: &str, folds: &Folds) {
    let is_nested = value.starts_with(['{', '[']) && is_json(value);
    let line = Line::of("  ", Role::Dim)
        .with(name, Role::JsonKey)
        .with(" ", Role::Dim);
    if !is_nested {
        document.push(line.with(value, Role::JsonString).hanging(4));
        return;
    }
    document.push(line.with("JSON in a string:", Role::Dim));
    json(
        document,
        value,
        1,
        4,
        &format!("request/metadata/{name}"),
        folds,
    );
}

/// Adds a top-level member that has no place of its own: in one line if it is short.
fn member(document: &mut Document, name: &str, value: &str, is_known: bool, folds: &Folds) {
    let mut line = Line::of("  ", Role::Dim).with(name, Role::JsonKey);
    if !is_known {
        line.add(" (not in the API's reference)", Role::Warning);
    }
    line.add(" ", Role::Dim);
    let at = document.lines.len();
    json(
        document,
        value,
        1,
        4,
        &format!("request/other/{name}"),
        folds,
    );
    // One line of JSON goes behind its name.
    match document.lines.get_mut(at..) {
        Some([only]) => {
            let value = std::mem::take(only);
            let spans = line
                .spans
                .into_iter()
                .chain(value.spans.into_iter().skip(1))
                .collect();
            *only = Line { spans, ..value };
        }
        _ => document.lines.insert(at, line),
    }
}

/// Members without a field of their own that belong on the config line when they are there.
const CONFIG: [&str; 4] = ["stream", "store", "tool_choice", "parallel_tool_calls"];

#[cfg(test)]
mod tests {
    use super::super::tests::{flow, plain, shown};
    use super::*;

    const BODY: &str = r#"{"model":"gpt-x","instructions":"Be good.","input":[
        {"type":"message","role":"user","content":[{"type":"input_text","text":"fix the\nbug \u001b[2J"}]},
        {"type":"function_call","call_id":"call_1","name":"exec_command","arguments":"{\"cmd\":\"ls -l\"}"},
        {"type":"function_call_output","call_id":"call_1","output":"a.rs\nb.rs"},
        {"type":"reasoning","id":"rs_1","summary":[],"encrypted_content":"gAAAAAB"}],
        "tools":[{"type":"function","name":"exec_command","parameters":{}}],
        "reasoning":{"effort":"high","summary":"auto"},"stream":true,"store":false,
        "include":["reasoning.encrypted_content"],"client_metadata":{"x":"{\"thread_id\":\"t\",\"n\":[1,2]}"}}"#;

    fn document(folds: &[&str]) -> Document {
        let mut chosen = Folds::default();
        for key in folds {
            chosen.toggle(key);
        }
        let mut document = Document::default();
        let request = Request::parse(BODY).unwrap();
        let flow = flow(FlowKind::Http, "/v1/responses");
        asked(&mut document, &flow, &request, &Around::default(), &chosen);
        document
    }

    #[test]
    fn a_request_is_told_by_its_parts() {
        assert_eq!(
            plain(&document(&[])),
            "\
gpt-x · effort high · summary auto · stream true · store false
Instructions 8 chars ~2 tokens
Input 4 items
  0 user       fix the bug ␛[2J
  1 call       exec_command ls -l
  2 output     exec_command → a.rs b.rs
  3 reasoning  (7 B encrypted)
Tools 1 57 B
Client metadata 1
Other members 1
  include [\"reasoning.encrypted_content\"]
"
        );
    }

    #[test]
    fn folds_show_the_whole() {
        let keys = [
            "request/instructions",
            "request/input/0",
            "request/input/1",
            "request/tools",
            "request/metadata",
        ];
        let text = plain(&document(&keys));
        for expected in [
            "  Be good.\n",
            "    fix the\n    bug ␛[2J\n",
            "    call call_1  \n    {\"cmd\": \"ls -l\"}\n    JSON ",
            "    exec_command                 function       57 B\n",
            "  x JSON in a string:\n    {\n      \"thread_id\": \"t\",\n",
        ] {
            assert!(text.contains(expected), "{expected:?} in {text}");
        }
        assert!(shown(&document(&keys)).contains("text:bug |text.control:␛|text:[2J"));
    }
}
