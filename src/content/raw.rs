//! The Raw tab: bodies as they were, content coding undone and secrets masked, but not interpreted.

use super::block::{Look, binary, block};
use super::payload::rest;
use super::{Document, Folds, Line, Role, format};
use crate::flow::{Body, Flow, FlowKind, Frame, Op};
use crate::tap::Direction;

/// Adds the request's body, then the response's; of a WebSocket, its frames' texts in order.
pub(super) fn raw(document: &mut Document, flow: &Flow, folds: &Folds) {
    match flow.kind {
        FlowKind::Ws if flow.is_refused_upgrade() => side(
            document,
            "Response body",
            &flow.response.body,
            "raw/in",
            folds,
        ),
        FlowKind::Http => {
            side(
                document,
                "Request body",
                &flow.request.body,
                "raw/out",
                folds,
            );
            document.gap();
            side(
                document,
                "Response body",
                &flow.response.body,
                "raw/in",
                folds,
            );
        }
        FlowKind::Ws | FlowKind::WsTurn { .. } => frames(document, flow, folds),
    }
}

fn side(document: &mut Document, title: &str, body: &Body, key: &str, folds: &Folds) {
    let size = format::bytes(body.len());
    let mut head = Line::of(title, Role::Heading).with(&format!(" {size}"), Role::Dim);
    if let Some(coding) = &body.coding {
        head.add(
            &format!(", {} as {coding}", format::bytes(body.wire_len)),
            Role::Dim,
        );
    }
    document.push(head);
    text_or_dump(document, body.bytes(), key, folds);
    rest(document, body);
}

fn frames(document: &mut Document, flow: &Flow, folds: &Folds) {
    if flow.frames.is_empty() {
        let text = if flow.kind == FlowKind::Ws {
            "The frames of a connection stand in its turns, below it in the list."
        } else if flow.is_live() {
            "no frames yet"
        } else {
            "no frames"
        };
        document.push(Line::of(text, Role::Dim));
    }
    let mut shown = 0;
    for part in 1.. {
        let end = flow.frames.len().min(shown + SLICE_FRAMES);
        for (index, frame) in flow.frames.iter().enumerate().take(end).skip(shown) {
            paragraph(document, flow, index, frame, folds);
        }
        shown = end;
        if shown == flow.frames.len() {
            return;
        }
        let more = format!(
            "… {} more frames",
            format::count((flow.frames.len() - shown) as u64)
        );
        if !document.section(
            &format!("raw/more{part}"),
            false,
            folds,
            Line::of(&more, Role::Dim),
        ) {
            return;
        }
    }
}

fn paragraph(document: &mut Document, flow: &Flow, index: usize, frame: &Frame, folds: &Folds) {
    document.gap();
    let (arrow, role) = match frame.dir {
        Direction::Out => ("→", Role::FrameOut),
        Direction::In => ("←", Role::FrameIn),
    };
    let first = document.lines.len();
    let mut head = Line::of(arrow, role).with(&format!(" {}", frame.op.as_str()), role);
    if let Op::Close(Some(code)) = frame.op {
        head.add(&format!(" {code}"), Role::FrameClose);
    }
    head.add(
        &format!(" {} {}", format::bytes(frame.len), format::clock(frame.at)),
        Role::Dim,
    );
    document.push(head);
    text_or_dump(
        document,
        flow.frame_bytes(frame),
        &format!("raw/frame{index}"),
        folds,
    );
    for line in &mut document.lines[first..] {
        line.frame = Some(index);
    }
}

fn text_or_dump(document: &mut Document, bytes: &[u8], key: &str, folds: &Folds) {
    match std::str::from_utf8(bytes) {
        _ if bytes.is_empty() => {}
        Ok(text) => block(document, text, Look::Plain(Role::Text), 0, key, folds),
        Err(_) => binary(document, bytes, key, folds),
    }
}

/// Frames that are shown at once, and with each further step.
const SLICE_FRAMES: usize = 200;
