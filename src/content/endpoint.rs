//! What calls beside the model's turns say, in a few lines above their bodies: models, rate limits, a
//! compacted history, analytics events and MCP calls.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use super::json::{member, unquoted};
use super::{Document, Folds, Line, Role, format, items};
use crate::flow::{Body, Calls, Channel, Flow};
use crate::responses::Item;

/// Adds what the request of a call says, if it is one that is known.
pub(super) fn asked(document: &mut Document, flow: &Flow) {
    let Some(text) = json_of(&flow.request.body) else {
        return;
    };
    match flow.channel {
        Channel::Analytics => {
            let mut counts = BTreeMap::<String, u64>::new();
            for event in list(text, "events") {
                let kind = string(event.get(), "event_type").unwrap_or_default();
                *counts.entry(kind).or_default() += 1;
            }
            for (kind, count) in counts {
                let count = format!("{:>5} ", format::count(count));
                document.push(Line::of(&count, Role::Number).with(&kind, Role::Label));
            }
        }
        Channel::Mcp => {
            if let Some(method) = string(text, "method") {
                let tool = member(text, "params").and_then(|params| string(params, "name"));
                let line = Line::default().with_value("MCP", &method, Role::Tool);
                document.push(
                    line.with(" ", Role::Dim)
                        .with(&tool.unwrap_or_default(), Role::Tool),
                );
            }
        }
        _ => {}
    }
    document.gap();
}

/// Adds what the answer to a call says, if it is one that is known.
pub(super) fn answered(document: &mut Document, flow: &Flow, calls: &Calls, folds: &Folds) {
    let Some(text) = json_of(&flow.response.body) else {
        return;
    };
    match flow.channel {
        Channel::Compact => {
            let output: Vec<Item> = list(text, "output")
                .iter()
                .map(|item| Item::read(item.get(), 0))
                .collect();
            if !output.is_empty() {
                let count = format::counted(output.len() as u64, "item");
                let head =
                    Line::of("Output", Role::Heading).with(&format!(" {count}"), Role::Number);
                document.push(head);
                items::table(document, &output, calls, &[], "response/compacted", folds);
            }
        }
        Channel::Models => models(document, text),
        Channel::Backend => {
            if let Some(limits) = member(text, "rate_limit") {
                let plan = string(text, "plan_type").unwrap_or_else(|| "unknown".to_owned());
                document.push(Line::default().with_value("plan", &plan, Role::Text));
                limit(document, limits, "primary_window");
                limit(document, limits, "secondary_window");
            }
        }
        _ => {}
    }
    document.gap();
}

/// Adds a row for each model, of Codex's list (`models`) or the API's (`data`).
fn models(document: &mut Document, text: &str) {
    for model in list(text, "models").iter().chain(&list(text, "data")) {
        let model = model.get();
        let Some(name) = string(model, "slug").or_else(|| string(model, "id")) else {
            continue;
        };
        let mut line = Line::of(&name, Role::Strong).hanging(2);
        if let Some(window) = member(model, "context_window").and_then(|it| it.parse().ok()) {
            line = line.with_value("context", &format::tokens(window), Role::Number);
        }
        if let Some(shown) = string(model, "visibility") {
            line = line.with_value("visibility", &shown, Role::Dim);
        }
        document.push(line);
    }
}

/// Adds how much of a window of the plan is used.
fn limit(document: &mut Document, limits: &str, name: &str) {
    let window = member(limits, name).unwrap_or_default();
    let Some(used) = member(window, "used_percent") else {
        return;
    };
    let label = name.trim_end_matches("_window");
    let mut line = Line::default().with_value(label, &format!("{used} % used"), Role::Number);
    let seconds = member(window, "reset_after_seconds").and_then(|it| it.parse().ok());
    if let Some(seconds) = seconds.map(std::time::Duration::from_secs) {
        line = line.with_value("resets in", &format::duration(seconds), Role::Number);
    }
    document.push(line);
}

/// The text of a body that is whole and begins as a JSON object does.
fn json_of(body: &Body) -> Option<&str> {
    body.text()
        .filter(|text| body.is_complete && text.trim_start().starts_with('{'))
}

fn string(object: &str, name: &str) -> Option<String> {
    member(object, name).and_then(unquoted)
}

/// The elements of the list that a member is, as many as a pane needs; none if it is no list.
fn list<'a>(object: &'a str, name: &str) -> Vec<&'a RawValue> {
    let list = member(object, name).filter(|list| list.len() <= MOST);
    let mut list: Vec<&RawValue> = list
        .and_then(|list| serde_json::from_str(list).ok())
        .unwrap_or_default();
    list.truncate(ROWS);
    list
}

/// Bytes of a list that is taken apart.
const MOST: usize = 16 << 20;

/// Rows of it that are shown.
const ROWS: usize = 1_000;

#[cfg(test)]
mod tests {
    use super::super::tests::{answered as with_head, body, flow, plain};
    use super::*;
    use crate::flow::FlowKind;

    #[test]
    fn calls_beside_the_turns_are_told_in_a_few_lines() {
        let table = [
            (
                "/v1/models",
                "",
                r#"{"models":[{"slug":"gpt-x","context_window":272000,"visibility":"list"},{"n":1}]}"#,
                "gpt-x · context 272k · visibility list\n",
            ),
            ("/v1/models", "", r#"{"data":[{"id":"gpt-y"}]}"#, "gpt-y\n"),
            (
                "/v1/responses/compact",
                "",
                r#"{"output":[{"type":"compaction","encrypted_content":"abc"}]}"#,
                "Output 1 item\n  0 compaction (3 B encrypted)\n",
            ),
            (
                "/backend-api/wham/usage",
                "",
                r#"{"plan_type":"plus","rate_limit":{"primary_window":{"used_percent":12,"reset_after_seconds":90},"secondary_window":null}}"#,
                "plan plus\nprimary 12 % used · resets in 1 m 30 s\n",
            ),
            (
                "/backend-api/codex/analytics-events/events",
                r#"{"events":[{"event_type":"a"},{"event_type":"b"},{"event_type":"a"}]}"#,
                "{}",
                "    2 a\n    1 b\n",
            ),
            (
                "/backend-api/ps/mcp",
                r#"{"jsonrpc":"2.0","method":"tools/call","params":{"name":"lookup"}}"#,
                "",
                "MCP tools/call lookup\n",
            ),
            ("/backend-api/wham/tasks", "[]", r#"{"tasks":[]}"#, ""),
            ("/v1/models", "{", r#"{"models":7}"#, ""),
        ];
        for (target, request, response, expected) in table {
            let mut flow = with_head(flow(FlowKind::Http, target), 200, "application/json");
            flow.request.body = body(request.as_bytes());
            flow.response.body = body(response.as_bytes());
            let mut document = Document::default();
            asked(&mut document, &flow);
            answered(&mut document, &flow, &Calls::default(), &Folds::default());
            document.trim();
            assert_eq!(plain(&document), expected, "{target}");
        }
    }
}
