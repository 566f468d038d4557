//! The Response tab: what came back, errors first.

use super::expense::expense;
use super::headers::{close, status_role};
use super::payload::{body, messages};
use super::timing::timing;
use super::{Around, Document, Folds, Line, Role, calls, endpoint, format, items};
use crate::flow::{Flow, FlowKind};
use crate::responses::{Failure, Status, ToolCall, Turn, is_as_asked};
use crate::tap::{Direction, field};

/// Adds the response of a flow: a model response by its parts, anything else as the body it is.
pub(super) fn response(document: &mut Document, flow: &Flow, around: &Around<'_>, folds: &Folds) {
    if let Some(turn) = &flow.turn {
        failed(document, turn);
    }
    if let Some((asked, served)) = other_model(flow) {
        let text = format!("! {served} answered, not {asked} as asked");
        document.push(Line::of(&text, Role::Warning).hanging(2));
    }
    for lint in flow.lints() {
        document.push(Line::of(&format!("! {lint}"), Role::Warning).hanging(2));
    }
    document.push(status_line(flow));
    if let Some((name, text, role)) = close(flow) {
        document.push(Line::default().with_value(name, text.trim_end(), role));
    }
    if let Some(turn) = &flow.turn {
        answered(document, flow, turn, around, folds);
    }
    // A turn over HTTP may have been answered by a plain body: an error, or a compacted history.
    let is_plain = flow.kind == FlowKind::Http && !flow.is_event_stream();
    if is_plain || flow.is_refused_upgrade() || flow.kind == FlowKind::Http && flow.turn.is_none() {
        document.gap();
        endpoint::answered(document, flow, &around.calls, folds);
        body(document, &flow.response.body, "response/body", folds);
    }
    let is_open = flow.kind == FlowKind::Ws && !flow.is_refused_upgrade();
    if is_open && messages(flow, Direction::In).next().is_some() {
        document.gap();
        document.push(Line::of(
            "Messages outside turns stand in the frames and the Raw tab.",
            Role::Dim,
        ));
    }
}

/// Adds why a turn failed or ended early: on the panes of its output, too.
pub(super) fn failed(document: &mut Document, turn: &Turn) {
    if let Some(failure) = &turn.failure {
        document.push(Line::of(&format!("✗ {}", failure_text(failure)), Role::Error).hanging(2));
    }
    let (text, role) = match turn.status {
        Status::InProgress | Status::Completed => return,
        Status::Incomplete => {
            let reason = turn
                .incomplete_reason
                .as_deref()
                .unwrap_or("no reason given");
            (format!("! incomplete: {reason}"), Role::Warning)
        }
        Status::Cancelled => ("! cancelled".to_owned(), Role::Warning),
        Status::Lost => (
            "✗ the stream ended without a terminal event".to_owned(),
            Role::Error,
        ),
        Status::Failed | Status::Error if turn.failure.is_some() => return,
        Status::Failed => ("✗ failed, without a reason".to_owned(), Role::Error),
        Status::Error => ("✗ ended by an error event".to_owned(), Role::Error),
    };
    document.push(Line::of(&text, role).hanging(2));
}

/// A turn's status in a word, and its role.
pub(super) fn status(status: Status) -> (&'static str, Role) {
    match status {
        Status::InProgress => ("in progress", Role::Live),
        Status::Completed => ("completed", Role::Ok),
        Status::Incomplete => ("incomplete", Role::Warning),
        Status::Cancelled => ("cancelled", Role::Warning),
        Status::Failed => ("failed", Role::Error),
        Status::Error => ("error", Role::Error),
        Status::Lost => ("lost", Role::Error),
    }
}

fn failure_text(failure: &Failure) -> String {
    let status = failure.status.map(|status| status.to_string());
    let code = failure.code.clone().or_else(|| failure.kind.clone());
    let head: Vec<String> = status.into_iter().chain(code).collect();
    if head.is_empty() {
        return failure.message.clone();
    }
    format!("{}: {}", head.join(" "), failure.message)
}

/// HTTP status, the turn's status, the model that served it, the response's id.
fn status_line(flow: &Flow) -> Line {
    let mut line = Line::default().hanging(2);
    let is_turn = matches!(flow.kind, FlowKind::WsTurn { .. }) && flow.turn.is_some();
    match flow.status() {
        // The handshake's status says nothing about a turn.
        Some(101) if is_turn => {}
        Some(status) => line.add(&status.to_string(), status_role(status)),
        None if flow.is_live() => line.add("no response yet", Role::Live),
        None => line.add("no response came", Role::Warning),
    }
    let Some(turn) = &flow.turn else {
        if let (Some(head), Some(at)) = (&flow.response.head, flow.response.head_at) {
            let after = format::duration(at.since(flow.started));
            line = line.with_value("after", &after, Role::Number);
            if let Some(kind) = field(&head.fields, "content-type") {
                line = line.with_value("type", &kind, Role::Text);
            }
        }
        return line;
    };
    let (word, role) = status(turn.status);
    if !line.spans.is_empty() {
        line.add(" ", Role::Dim);
    }
    line.add(word, role);
    if let Some(served) = served(flow, turn) {
        line = line.with_value("model", &served, Role::Strong);
    }
    if let Some(agent) = flow.agent().name() {
        line = line.with_value("agent", agent, Role::Tool);
        if flow.identity.is_agent_inferred {
            line.add(" (inferred)", Role::Dim);
        }
    }
    if let Some(id) = &turn.response_id {
        line = line.with_value("id", id, Role::Dim);
    }
    line
}

/// The model that answered. Codex goes by the header field: it warns of another model than it asked for.
fn served(flow: &Flow, turn: &Turn) -> Option<String> {
    let mut told = turn.headers.iter().rev();
    let told = told.find(|(name, _)| name == "openai-model");
    let head = flow.response.head.as_ref();
    told.map(|(_, model)| model.clone())
        .or_else(|| field(&head?.fields, "openai-model").map(Into::into))
        .or_else(|| turn.model.clone())
}

/// The model that was asked for and the one that answered, where that is another.
fn other_model(flow: &Flow) -> Option<(&str, String)> {
    let served = served(flow, flow.turn.as_ref()?)?;
    let asked = flow.model.as_deref()?;
    (!is_as_asked(&served, asked)).then_some((asked, served))
}

fn answered(document: &mut Document, flow: &Flow, turn: &Turn, around: &Around<'_>, folds: &Folds) {
    let others = &around.calls;
    timing(document, flow, around);
    expense(document, flow, around);
    let frames = items::events(flow);
    let calls: Vec<&ToolCall> = turn.calls().collect();
    if !calls.is_empty() {
        document.gap();
        document.push(
            Line::of("Tool calls", Role::Heading).with(&format!(" {}", calls.len()), Role::Number),
        );
    }
    for (number, call) in calls.into_iter().enumerate() {
        let key = format!("response/call/{number}");
        let id = call.call_id.as_deref();
        let head = calls::title(Line::of("⚙ ", Role::Tool), call)
            .with(&format!(" {}", id.unwrap_or("no call id")), Role::Dim)
            .hanging(4);
        if document.section(&key, true, folds, head) {
            calls::arguments(document, call, &key, folds);
        }
        if let Some(answer) = others.answer_to(id) {
            calls::answer(document, answer, &key, folds);
        }
    }
    if !turn.items.is_empty() {
        document.gap();
        let count = format::counted(turn.items.len() as u64, "item");
        let head = Line::of("Output", Role::Heading).with(&format!(" {count}"), Role::Number);
        if document.section("response/output", true, folds, head) {
            items::table(
                document,
                &turn.items,
                others,
                &frames,
                "response/output",
                folds,
            );
        }
    }
    events(document, turn, folds);
}

fn events(document: &mut Document, turn: &Turn, folds: &Folds) {
    if turn.counts.is_empty() {
        return;
    }
    document.gap();
    let bytes: u64 = turn.counts.values().map(|(_, bytes)| bytes).sum();
    let head = Line::of("Events", Role::Heading)
        .with(
            &format!(" {}", format::count(u64::from(turn.events))),
            Role::Number,
        )
        .with(&format!(" {}", format::bytes(bytes)), Role::Dim);
    if !document.section("response/events", true, folds, head) {
        return;
    }
    for (kind, (count, bytes)) in &turn.counts {
        let line = Line::of(
            &format!("{:>7} ", format::count(u64::from(*count))),
            Role::Number,
        )
        .with(&format!("{:>8} ", format::bytes(*bytes)), Role::Dim)
        .with(kind, Role::Label);
        document.push(line);
    }
}
