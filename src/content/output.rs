//! The output pane: the assembled text as it streams, with a mark where a tool was called.

use super::payload::problems;
use super::response::{failed, status};
use super::{Document, Line, Role, gist, items, markdown};
use crate::flow::{Flow, FlowKind};
use crate::responses::{Item, ItemKind, Part, Status, Turn};

/// What the output pane says about `flow`.
#[must_use]
pub fn output(flow: &Flow) -> Document {
    let mut document = Document::default();
    problems(&mut document, flow);
    match &flow.turn {
        Some(turn) => of_turn(&mut document, flow, turn),
        None => without_turn(&mut document, flow),
    }
    document
}

fn of_turn(document: &mut Document, flow: &Flow, turn: &Turn) {
    let before = document.lines.len();
    let has_phases = phases(turn) > 1;
    for item in &turn.items {
        of_item(document, item, has_phases);
    }
    if document.lines.len() == before {
        document.push(awaited(flow, turn));
    }
    document.gap();
    failed(document, turn);
    while document
        .lines
        .last()
        .is_some_and(|line| line.spans.is_empty())
    {
        document.lines.pop();
    }
}

fn of_item(document: &mut Document, item: &Item, has_phases: bool) {
    match &item.kind {
        ItemKind::Message { phase, parts, .. } => {
            if parts.iter().all(|part| part.text.is_empty()) {
                return;
            }
            document.gap();
            if let Some(phase) = phase.as_ref().filter(|_| has_phases) {
                let title = phase.replace('_', " ");
                document.push(Line::of(&format!("── {title}"), Role::Heading));
            }
            let role = match phase.as_deref() {
                Some("commentary") => Role::Dim,
                _ => Role::Output,
            };
            for part in parts {
                of_part(document, part, role);
            }
        }
        ItemKind::Call(call) => {
            // Calls in a row stand together.
            if document.lines.last().is_some_and(|line| !is_call(line)) {
                document.gap();
            }
            let line = Line::of(CALL, Role::Tool)
                .with(&items::tool_name(call), Role::Tool)
                .with(" ", Role::Text)
                .with(&gist::call(call), Role::Text);
            document.push(line.hanging(2));
        }
        ItemKind::Reasoning { .. } | ItemKind::Output(_) | ItemKind::Tools(_) => {}
        ItemKind::Other { kind } => {
            document.gap();
            document.push(Line::of("◇ ", Role::Dim).with(kind, Role::Dim));
        }
    }
}

fn of_part(document: &mut Document, part: &Part, role: Role) {
    match part.kind.as_str() {
        "refusal" => {
            document.push(Line::of("refused:", Role::Warning));
            markdown::markdown(document, &part.text, Role::Warning);
        }
        _ => markdown::markdown(document, &part.text, role),
    }
}

fn is_call(line: &Line) -> bool {
    line.spans
        .first()
        .is_some_and(|span| span.role == Role::Tool && span.text.as_str() == CALL)
}

/// How many phases the messages are in.
fn phases(turn: &Turn) -> usize {
    let mut phases: Vec<&str> = turn
        .items
        .iter()
        .filter_map(|item| match &item.kind {
            ItemKind::Message { phase, .. } => phase.as_deref(),
            _ => None,
        })
        .collect();
    phases.sort_unstable();
    phases.dedup();
    phases.len()
}

/// What is awaited while there is no output, or why there is none.
fn awaited(flow: &Flow, turn: &Turn) -> Line {
    let is_thinking = turn
        .items
        .iter()
        .any(|item| matches!(item.kind, ItemKind::Reasoning { .. }));
    let (text, role) = match turn.status {
        Status::InProgress if turn.events == 0 => ("waiting for the first event", Role::Live),
        Status::InProgress if is_thinking => ("reasoning; no output yet", Role::Live),
        Status::InProgress => ("waiting for output", Role::Live),
        Status::Completed if flow.is_warm_up => ("a warm-up: no output was asked for", Role::Dim),
        Status::Completed if is_thinking => ("no output but reasoning", Role::Dim),
        other => {
            let (word, _) = status(other);
            return Line::of(&format!("no output ({word})"), Role::Dim);
        }
    };
    Line::of(text, role)
}

fn without_turn(document: &mut Document, flow: &Flow) {
    let text = match (flow.kind, flow.status()) {
        (FlowKind::Ws, _) => {
            "A WebSocket connection: the output is on its turns, below it in the list."
        }
        (FlowKind::WsTurn { .. }, _) => "no response event yet",
        (FlowKind::Http, None) if flow.is_live() => "waiting for the response",
        (FlowKind::Http, None) => {
            "No response came; the Headers tab of the payload has what is known."
        }
        (FlowKind::Http, Some(_)) if flow.channel.is_side() => {
            "Not a model turn: the payload pane has request and response."
        }
        (FlowKind::Http, Some(_)) => {
            "No model output: the Response tab of the payload has what came back."
        }
    };
    document.push(Line::of(
        text,
        if flow.is_live() {
            Role::Live
        } else {
            Role::Dim
        },
    ));
}

/// How the line of a tool call begins.
const CALL: &str = "⚙ ";

#[cfg(test)]
mod tests {
    use super::super::tests::{TURN, answered, at, flow, plain, shown, streamed};
    use super::*;

    #[test]
    fn text_comes_in_the_order_of_the_items() {
        assert_eq!(
            plain(&output(&streamed(&TURN))),
            "\
── commentary
I will look␛[2J first.

⚙ exec_command cargo test
⚙ apply_patch a.rs

── final answer
Done.
"
        );
        let roles = shown(&output(&streamed(&TURN[..8])));
        assert_eq!(
            roles, "text.dim:I will look|text.control:␛|text.dim:[2J\n",
            "as it streams"
        );
    }

    #[test]
    fn an_empty_pane_says_what_is_awaited() {
        let failed = r#"{"type":"response.failed","response":{"id":"r","error":{"code":"server_error","message":"no luck"}}}"#;
        let refused = r#"{"type":"response.output_item.done","output_index":0,"item":{"type":"message","role":"assistant","id":"m","content":[{"type":"refusal","refusal":"No."}]}}"#;
        let table: &[(&[&str], &str)] = &[
            (&[], "status.live:waiting for the first event\n"),
            (&TURN[..1], "status.live:waiting for output\n"),
            (&TURN[..4], "status.live:reasoning; no output yet\n"),
            (
                &[TURN[0], failed],
                "text.dim:no output (failed)\n\nstatus.error:✗ server_error: no luck\n",
            ),
            (&[refused], "status.warning:refused:\nstatus.warning:No.\n"),
        ];
        for (events, expected) in table {
            assert_eq!(shown(&output(&streamed(events))), *expected, "{events:?}");
        }
    }

    #[test]
    fn other_flows_say_where_to_look() {
        let mut models = answered(flow(FlowKind::Http, "/v1/models"), 200, "application/json");
        models.ended = Some(at(30));
        let text = plain(&output(&models));
        assert_eq!(
            text,
            "Not a model turn: the payload pane has request and response.\n"
        );
        let text = plain(&output(&flow(FlowKind::Http, "/v1/models")));
        assert_eq!(text, "waiting for the response\n");
    }
}
