//! The reasoning pane: summaries with the time each began, raw text where the model gives it.

use std::time::Duration;

use super::{Document, Line, Role, format, items, markdown};
use crate::flow::Flow;
use crate::responses::{ItemKind, Part, Status};

/// What the reasoning pane says about `flow`.
#[must_use]
pub fn reasoning(flow: &Flow) -> Document {
    let Some(turn) = &flow.turn else {
        return Document::of(Line::of("Not a model turn: no reasoning.", Role::Dim));
    };
    let mut document = Document::default();
    let tokens = turn
        .usage
        .map(|usage| usage.reasoning)
        .filter(|tokens| *tokens > 0);
    if let Some(tokens) = tokens {
        let line =
            Line::of("reasoning tokens ", Role::Label).with(&format::count(tokens), Role::Number);
        document.push(line);
    }
    // Gathered once: to look each up by its ordinal would read all frames for each part.
    let events = items::events(flow);
    let heading = |part: &Part, title: &str| {
        let frame = events.get(part.began as usize).copied();
        let at = frame.and_then(|frame| Some(flow.frames.get(frame)?.at));
        Line {
            frame,
            ..heading(at.map(|at| at.since(flow.started)), title)
        }
    };
    let mut is_there = false;
    for item in &turn.items {
        let ItemKind::Reasoning {
            summary,
            content,
            encrypted,
        } = &item.kind
        else {
            continue;
        };
        is_there = true;
        for (number, part) in summary.iter().enumerate() {
            document.gap();
            document.push(heading(part, &format!("summary {}", number + 1)));
            markdown::markdown(&mut document, &part.text, Role::Reasoning);
        }
        for part in content {
            document.gap();
            document.push(heading(part, "reasoning"));
            markdown::markdown(&mut document, &part.text, Role::Reasoning);
        }
        let has_text = !summary.is_empty() || !content.is_empty();
        if *encrypted > 0 {
            document.gap();
            let size = format!("encrypted, {} bytes", format::count(*encrypted as u64));
            let why = if has_text {
                ""
            } else {
                "; no summary was sent"
            };
            document.push(Line::of(&format!("{size}{why}"), Role::Dim));
        } else if !has_text {
            document.gap();
            let text = if item.ended.is_some() {
                "reasoned, without a summary"
            } else {
                "reasoning…"
            };
            let role = if item.ended.is_some() {
                Role::Dim
            } else {
                Role::Live
            };
            document.push(Line::of(text, role));
        }
    }
    if !is_there {
        let (text, role) = match (turn.status, tokens) {
            (Status::InProgress, _) => ("no reasoning yet", Role::Live),
            (_, Some(_)) => ("none of it was sent", Role::Dim),
            (_, None) => ("no reasoning", Role::Dim),
        };
        document.push(Line::of(text, role));
    }
    document
}

/// The line above a part: when it began, from the start of the flow.
fn heading(began: Option<Duration>, title: &str) -> Line {
    let line = Line::of(title, Role::Heading);
    match began {
        Some(began) => line.with(&format!(" +{}", format::duration(began)), Role::Number),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{TURN, shown, streamed};
    use super::*;

    #[test]
    fn summaries_have_the_time_they_began() {
        assert_eq!(
            shown(&reasoning(&streamed(&TURN))),
            "\
label:reasoning tokens |number:9

heading:summary 1|number: +120 ms
text.dim:**|text.strong:Looking|text.dim:**|text.reasoning: at it

text.dim:encrypted, 5 bytes
"
        );
    }

    #[test]
    fn without_text_it_says_what_there_is() {
        let encrypted = r#"{"type":"response.output_item.done","output_index":0,"item":{"type":"reasoning","id":"rs","summary":[],"encrypted_content":"gAAAAAAA"}}"#;
        let table: &[(&[&str], &str)] = &[
            (&TURN[..1], "status.live:no reasoning yet\n"),
            (&TURN[..2], "status.live:reasoning…\n"),
            (
                &[encrypted],
                "text.dim:encrypted, 8 bytes; no summary was sent\n",
            ),
            (
                &TURN[14..],
                "label:reasoning tokens |number:9\ntext.dim:none of it was sent\n",
            ),
        ];
        for (events, expected) in table {
            assert_eq!(
                shown(&reasoning(&streamed(events))),
                *expected,
                "{events:?}"
            );
        }
    }
}
