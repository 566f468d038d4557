//! The output pane: the assembled text as it streams, with a mark where a tool was called.

use super::markdown::{self, Resume};
use super::payload::problems;
use super::response::{failed, status};
use super::{Document, Line, Role, block, calls, format, items};
use crate::flow::{Calls, Flow, FlowId, FlowKind};
use crate::responses::{Item, ItemKind, Part, Patch, Status, Turn};

/// What the output pane says about `flow`, and about tool `calls` that it shares with others.
#[must_use]
pub fn output(flow: &Flow, calls: &Calls) -> Document {
    let mut document = Document::default();
    Output::default().update(&mut document, flow, calls);
    document
}

/// Keeps the output pane's document up to date while its flow grows.
///
/// As long as nothing but deltas of the last text arrive, only the last lines are read again.
#[derive(Clone, Default, Debug)]
pub struct Output {
    /// Where the last text goes on, and what must be as it was for that.
    growing: Option<(Basis, Resume)>,
}

/// What tells that a text only grew at its end.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Basis {
    /// The flow.
    flow: FlowId,
    /// Events that were no deltas of text.
    other_events: u32,
    /// Bytes of all other texts.
    other_texts: usize,
    /// The item and part that grow.
    place: (usize, usize),
    /// What went wrong, and what could not be copied.
    problems: (usize, u64),
}

impl Output {
    /// Brings `document`, which is what this gave last for the same pane, up to date with `flow`.
    /// Says how many of its first lines are as they were.
    pub fn update(&mut self, document: &mut Document, flow: &Flow, calls: &Calls) -> usize {
        let growing = flow.turn.as_ref().and_then(|turn| growing(flow, turn));
        let Some((basis, part, role)) = growing else {
            self.growing = None;
            *document = whole(flow, calls, &mut Resume::default());
            return 0;
        };
        match &mut self.growing {
            Some((known, resume)) if *known == basis && resume.fits(document, &part.text) => {
                let kept = resume.lines;
                document.truncate(kept);
                let frame = items::events(flow).get(part.began as usize).copied();
                anchored(document, frame, |document| {
                    resume.go_on(document, &part.text, role);
                });
                document.trim();
                kept.min(document.lines.len())
            }
            _ => {
                let mut resume = Resume::default();
                *document = whole(flow, calls, &mut resume);
                self.growing = Some((basis, resume));
                0
            }
        }
    }
}

/// The text that grows, its role, and what it rests on: the last part of the last item, while that
/// is a message that goes on.
fn growing<'a>(flow: &Flow, turn: &'a Turn) -> Option<(Basis, &'a Part, Role)> {
    let (last, before) = turn.items.split_last()?;
    let ItemKind::Message { phase, parts, .. } = &last.kind else {
        return None;
    };
    let (part, parts_before) = parts.split_last()?;
    if turn.status != Status::InProgress || part.text.is_empty() || part.kind == "refusal" {
        return None;
    }
    let messages = before.iter().filter_map(|item| match &item.kind {
        ItemKind::Message { parts, .. } => Some(parts),
        _ => None,
    });
    let others = messages.flatten().chain(parts_before);
    let deltas = turn.counts.get("response.output_text.delta");
    let basis = Basis {
        flow: flow.id,
        other_events: turn.events - deltas.map_or(0, |(count, _)| *count),
        other_texts: others.map(|part| part.text.len()).sum(),
        place: (before.len(), parts_before.len()),
        problems: (
            flow.failures.len() + flow.faults.len(),
            flow.request.body.missed + flow.response.body.missed,
        ),
    };
    Some((basis, part, role_of(phase.as_deref())))
}

/// The whole document; `resume` is where the last text of a message goes on.
fn whole(flow: &Flow, calls: &Calls, resume: &mut Resume) -> Document {
    let mut document = Document::default();
    problems(&mut document, flow);
    match &flow.turn {
        Some(turn) => of_turn(&mut document, flow, turn, calls, resume),
        None => without_turn(&mut document, flow),
    }
    document
}

fn of_turn(document: &mut Document, flow: &Flow, turn: &Turn, calls: &Calls, resume: &mut Resume) {
    let before = document.lines.len();
    let has_phases = phases(turn) > 1;
    let frames = items::events(flow);
    for item in &turn.items {
        let frame = frames.get(item.began as usize).copied();
        anchored(document, frame, |document| {
            of_item(document, item, &frames, has_phases, calls, resume);
        });
    }
    if document.lines.len() == before {
        document.push(awaited(flow, turn));
    }
    document.gap();
    failed(document, turn);
    document.trim();
}

/// Adds lines that come from a frame, but for those that say from which one they come.
fn anchored(document: &mut Document, frame: Option<usize>, add: impl FnOnce(&mut Document)) {
    let start = document.lines.len();
    add(document);
    let lines = document.lines.iter_mut().skip(start);
    for line in lines.filter(|line| line.frame.is_none() && !line.spans.is_empty()) {
        line.frame = frame;
    }
}

fn of_item(
    document: &mut Document,
    item: &Item,
    frames: &[usize],
    has_phases: bool,
    others: &Calls,
    resume: &mut Resume,
) {
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
            for part in parts {
                *resume = Resume::default();
                let frame = frames.get(part.began as usize).copied();
                anchored(document, frame, |document| {
                    of_part(document, part, role_of(phase.as_deref()), resume);
                });
            }
        }
        ItemKind::Call(call) => {
            // Calls in a row stand together.
            if document.lines.last().is_some_and(|line| !is_call(line)) {
                document.gap();
            }
            let line = calls::title(Line::of(CALL, Role::Tool), call);
            document.push(line.hanging(2));
            if let Some(patch) = Patch::of(call) {
                diff(document, &patch.text);
            }
            if let Some(answer) = others.answer_to(call.call_id.as_deref()) {
                let line = Line::of(ANSWER, Role::Tool);
                let outcome = answer.output.outcome();
                document.push(calls::outcome(line, &outcome, answer.after).hanging(4));
            }
        }
        ItemKind::Reasoning { .. } | ItemKind::Output(_) | ItemKind::Tools(_) => {}
        ItemKind::Other { kind } => {
            document.gap();
            document.push(Line::of("◇ ", Role::Dim).with(kind, Role::Dim));
        }
    }
}

/// Adds the lines of a patch, of a long one the first.
fn diff(document: &mut Document, patch: &str) {
    let lines = patch.lines().filter(|line| !ENVELOPE.contains(line));
    let count = lines.clone().count();
    for line in lines.take(DIFF_LINES) {
        let role = block::patch_role(line);
        document.push(Line::of("  ", role).with(line, role).hanging(3));
    }
    if count > DIFF_LINES {
        let more = format::counted((count - DIFF_LINES) as u64, "more line");
        let text = format!("  … {more} in the payload's Response tab");
        document.push(Line::of(&text, Role::Dim));
    }
}

/// The role of a message's text: what is said on the way stands back.
fn role_of(phase: Option<&str>) -> Role {
    match phase {
        Some("commentary") => Role::Dim,
        _ => Role::Output,
    }
}

fn of_part(document: &mut Document, part: &Part, role: Role, resume: &mut Resume) {
    match part.kind.as_str() {
        "refusal" => {
            document.push(Line::of("refused:", Role::Warning));
            markdown::markdown(document, &part.text, Role::Warning);
        }
        _ => resume.go_on(document, &part.text, role),
    }
}

fn is_call(line: &Line) -> bool {
    let is_mark = |text: &str| text == CALL || text == ANSWER;
    line.spans
        .first()
        .is_some_and(|span| span.role == Role::Tool && is_mark(span.text.as_str()))
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

/// How the line of a tool's answer begins.
const ANSWER: &str = "  ↩ ";

/// Lines of a patch that say nothing but that it is one.
const ENVELOPE: [&str; 2] = ["*** Begin Patch", "*** End Patch"];

/// Lines of a patch that are shown.
const DIFF_LINES: usize = 60;

#[cfg(test)]
mod tests {
    use super::super::tests::{TURN, answered, at, flow, plain, shown, streamed};
    use super::*;

    fn shows(flow: &Flow) -> Document {
        output(flow, &Calls::default())
    }

    #[test]
    fn text_comes_in_the_order_of_the_items() {
        assert_eq!(
            plain(&shows(&streamed(&TURN))),
            "\
── commentary
I will look␛[2J first.

⚙ exec_command cargo test
⚙ apply_patch a.rs +1 −1
  *** Update File: a.rs
  -old
  +new

── final answer
Done.
"
        );
        let roles = shown(&shows(&streamed(&TURN[..8])));
        assert_eq!(
            roles, "text.dim:I will look|text.control:␛|text.dim:[2J\n",
            "as it streams"
        );
    }

    #[test]
    fn what_grows_is_what_it_would_be_at_once() {
        let text = "Intro\n\n# Plan\n\n- one\n- two\n```rust\nlet a;\n\nlet b;\n```\n\n\nand *out*.\r\n\r\nEnd";
        let pieces: Vec<String> = text
            .chars()
            .map(|c| {
                let delta = serde_json::to_string(&c.to_string()).unwrap();
                format!(
                    r#"{{"type":"response.output_text.delta","output_index":9,"delta":{delta}}}"#
                )
            })
            .collect();
        let mut events: Vec<&str> = TURN[..8].to_vec();
        let mut kept = Output::default();
        let mut document = Document::default();
        let mut reused = 0;
        for piece in &pieces {
            events.push(piece);
            let flow = streamed(&events);
            let before = document.clone();
            let same = kept.update(&mut document, &flow, &Calls::default());
            assert_eq!(document, shows(&flow));
            assert_eq!(document.lines[..same], before.lines[..same]);
            reused += usize::from(same > 0);
        }
        assert!(reused > pieces.len() * 3 / 4, "{reused}");
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
            assert_eq!(shown(&shows(&streamed(events))), *expected, "{events:?}");
        }
    }

    #[test]
    fn other_flows_say_where_to_look() {
        let mut models = answered(flow(FlowKind::Http, "/v1/models"), 200, "application/json");
        models.ended = Some(at(30));
        let text = plain(&shows(&models));
        assert_eq!(
            text,
            "Not a model turn: the payload pane has request and response.\n"
        );
        let text = plain(&shows(&flow(FlowKind::Http, "/v1/models")));
        assert_eq!(text, "waiting for the response\n");
    }
}
