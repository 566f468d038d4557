//! The payload pane: one document for each tab.
//!
//! What failed comes first on the tabs that interpret; the Raw tab interprets nothing.

use super::block::{Look, binary, block};
use super::json::json;
use super::{Around, Document, Folds, Line, Role, Tab, format, headers, raw, request, response};
use crate::flow::{Body, Flow};
use crate::tap::Direction;

/// What the payload pane says about `flow`, with what is known `around` it.
#[must_use]
pub fn payload(flow: &Flow, around: &Around<'_>, tab: Tab, folds: &Folds) -> Document {
    let mut document = Document::default();
    match tab {
        Tab::Request => {
            problems(&mut document, flow);
            if let Some(turn) = &flow.turn {
                response::failed(&mut document, turn);
            }
            request::request(&mut document, flow, around, folds);
            rest(&mut document, &flow.request.body);
        }
        Tab::Response => {
            problems(&mut document, flow);
            response::response(&mut document, flow, around, folds);
            rest(&mut document, &flow.response.body);
        }
        Tab::Headers => {
            problems(&mut document, flow);
            headers::headers(&mut document, flow, folds);
        }
        Tab::Raw => raw::raw(&mut document, flow, folds),
    }
    document
}

/// Adds what failed on the way, and what was wrong in the bytes.
pub(super) fn problems(document: &mut Document, flow: &Flow) {
    if let Some(comment) = &flow.comment {
        document.push(Line::of(&format!("“{comment}”"), Role::Emphasis).hanging(1));
    }
    if flow.is_recovered {
        let text = "↺ recovered from the journal of a codextap that was killed";
        document.push(Line::of(text, Role::Warning).hanging(2));
    }
    for failure in &flow.failures {
        document.push(Line::of(&format!("✗ {}", failure.in_words()), Role::Error).hanging(2));
    }
    for fault in &flow.faults {
        let place = format!(
            "✗ {} at byte {}: ",
            fault.dir.as_str(),
            format::count(fault.offset)
        );
        document.push(
            Line::of(&place, Role::Error)
                .with(&fault.message, Role::Error)
                .hanging(2),
        );
    }
    for (dir, body) in [
        (Direction::Out, &flow.request.body),
        (Direction::In, &flow.response.body),
    ] {
        if body.missed > 0 {
            let missed = format::bytes(body.missed);
            let text = format!(
                "! {}: {missed} passed on, but could not be copied",
                dir.as_str()
            );
            document.push(Line::of(&text, Role::Warning).hanging(2));
        }
    }
    document.gap();
}

/// Says how much of a body is not in memory.
pub(super) fn rest(document: &mut Document, body: &Body) {
    if body.rest() > 0 {
        let rest = format::bytes(body.rest());
        let text = format!("… {rest} more in the capture");
        document.push(Line::of(&text, Role::Warning));
    }
}

/// Adds a body that carries no model turn: pretty JSON, text, or a dump.
pub(super) fn body(document: &mut Document, body: &Body, key: &str, folds: &Folds) {
    if body.is_empty() {
        document.push(Line::of("no body", Role::Dim));
        return;
    }
    let bytes = body.bytes();
    let Some(text) = body.text() else {
        binary(document, bytes, key, folds);
        return;
    };
    // A body that is still arriving is no JSON yet, and no fault either.
    let is_json = body.is_complete && text.trim_start().starts_with(['{', '[']);
    if is_json {
        json(document, text, 3, 0, key, folds);
    } else {
        block(document, text, Look::Plain(Role::Text), 0, key, folds);
    }
}

/// The messages of one direction of a WebSocket, each with its frame's index.
pub(super) fn messages(flow: &Flow, dir: Direction) -> impl Iterator<Item = (usize, &[u8])> {
    flow.frames
        .iter()
        .enumerate()
        .filter(move |(_, frame)| {
            frame.dir == dir && !frame.op.is_control() && !frame.span.is_empty()
        })
        .map(|(index, frame)| (index, flow.frame_bytes(frame)))
}

#[cfg(test)]
mod around;
#[cfg(test)]
mod tests;
