//! Whether a flow is one of those that an expression chooses.

use super::expr::Expr;
use super::operator::Op;
use super::pattern::{Code, Pattern};
use super::{Basis, Standing, fields, frame};
use crate::flow::{Flow, FlowKind, Summary};
use crate::responses::{Item, ItemKind, Part};
use crate::tap::Field;

/// What an expression is asked about.
#[derive(Clone, Copy)]
pub(super) struct Subject<'a> {
    /// What is always known of the flow.
    pub(super) summary: &'a Summary,
    /// The flow, where it is in memory as a whole.
    pub(super) flow: Option<&'a Flow>,
    /// The flow's line in a capture, where that was read.
    pub(super) line: Option<&'a [u8]>,
    /// What neither tells.
    pub(super) standing: Standing,
    /// What costs and times are told by.
    pub(super) basis: &'a Basis,
}

/// Whether an expression that is made of no others chooses the flow; `None` if that depends on what is not in
/// memory.
pub(super) fn leaf(leaf: &Expr, subject: Subject<'_>) -> Option<bool> {
    match leaf {
        Expr::Is(op) => Some(is(*op, subject)),
        Expr::Has(op, pattern) => has(*op, pattern, subject),
        Expr::Status(code) => Some(is_status(*code, subject.summary)),
        Expr::Word(pattern) => word(pattern, subject),
        Expr::Field(key, test) => fields::field(*key, test, subject),
        Expr::Frame(inner) => frames(inner, subject),
        Expr::And(_) | Expr::Or(_) | Expr::Not(_) => {
            leaf.ask(&mut |inner| self::leaf(inner, subject))
        }
    }
}

/// Whether the HTTP status is meant.
pub(super) fn is_status(code: Code, summary: &Summary) -> bool {
    summary.status.is_some_and(|status| code.includes(status))
}

/// Whether a frame passes the expression.
fn frames(inner: &Expr, subject: Subject<'_>) -> Option<bool> {
    if subject.summary.frames == 0 {
        return Some(false);
    }
    let flow = subject.flow?;
    let mut frames = flow.frames.iter();
    Some(frames.any(|frame| frame::chooses(inner, flow, frame)))
}

/// An operator without an argument.
fn is(op: Op, subject: Subject<'_>) -> bool {
    let summary = subject.summary;
    match op {
        Op::All => true,
        Op::Failed => summary.is_error(),
        Op::Http => summary.kind == FlowKind::Http,
        Op::Marked => subject.standing.is_marked,
        Op::Unanswered => summary.status.is_none(),
        Op::Answered => summary.status.is_some(),
        Op::WebSocket => summary.kind != FlowKind::Http,
        Op::Body
        | Op::RequestBody
        | Op::ResponseBody
        | Op::Status
        | Op::Comment
        | Op::Domain
        | Op::Header
        | Op::RequestHeader
        | Op::ResponseHeader
        | Op::Method
        | Op::Session
        | Op::Source
        | Op::Thread
        | Op::Type
        | Op::RequestType
        | Op::ResponseType
        | Op::Url => false,
    }
}

/// An operator with a pattern.
fn has(op: Op, pattern: &Pattern, subject: Subject<'_>) -> Option<bool> {
    let summary = subject.summary;
    let is_id = |id: &Option<String>| {
        let id = id.as_deref();
        id.is_some_and(|id| pattern.is_in(id.as_bytes()))
    };
    let known = match op {
        Op::Comment => {
            let comment = summary.comment.as_deref();
            comment.is_some_and(|text| pattern.is_in(text.as_bytes()))
        }
        Op::Session => is_id(&summary.identity.session),
        Op::Thread => is_id(&summary.identity.thread),
        Op::Domain => pattern.is_in(authority(&summary.upstream).as_bytes()),
        Op::Method => pattern.is_in(summary.method.as_bytes()),
        Op::Source => pattern.is_in(summary.client.as_bytes()),
        Op::Url => pattern.is_in(format!("{}{}", summary.upstream, summary.path).as_bytes()),
        Op::Body | Op::RequestBody | Op::ResponseBody
            if subject.line.is_some_and(|line| pattern.is_missing_in(line)) =>
        {
            false
        }
        _ => return subject.flow.map(|flow| has_text(op, pattern, flow)),
    };
    Some(known)
}

/// An operator with a pattern that is looked for in heads or bodies.
fn has_text(op: Op, pattern: &Pattern, flow: &Flow) -> bool {
    let (request, response) = (&flow.request, &flow.response);
    let sent = || request.head.as_ref().map_or(&[][..], |head| &head.fields);
    let received = || response.head.as_ref().map_or(&[][..], |head| &head.fields);
    match op {
        Op::Body => pattern.is_in(request.body.bytes()) || pattern.is_in(response.body.bytes()),
        Op::RequestBody => pattern.is_in(request.body.bytes()),
        Op::ResponseBody => pattern.is_in(response.body.bytes()),
        Op::Header => {
            is_in_lines(pattern, sent())
                || is_in_lines(pattern, &request.trailers)
                || is_in_lines(pattern, received())
                || is_in_lines(pattern, &response.trailers)
        }
        Op::RequestHeader => {
            is_in_lines(pattern, sent()) || is_in_lines(pattern, &request.trailers)
        }
        Op::ResponseHeader => {
            is_in_lines(pattern, received()) || is_in_lines(pattern, &response.trailers)
        }
        Op::Type => is_in_type(pattern, sent()) || is_in_type(pattern, received()),
        Op::RequestType => is_in_type(pattern, sent()),
        Op::ResponseType => is_in_type(pattern, received()),
        Op::Comment
        | Op::Domain
        | Op::Method
        | Op::Session
        | Op::Source
        | Op::Thread
        | Op::Url
        | Op::All
        | Op::Failed
        | Op::Http
        | Op::Marked
        | Op::Unanswered
        | Op::Answered
        | Op::Status
        | Op::WebSocket => false,
    }
}

/// A word: in what the list shows of a flow, in the text that the model wrote, or in what is wrong
/// with the answer.
fn word(pattern: &Pattern, subject: Subject<'_>) -> Option<bool> {
    let summary = subject.summary;
    let row = [
        &summary.gist,
        summary.model.as_deref().unwrap_or_default(),
        summary.agent().name().unwrap_or_default(),
        &summary.path,
        &summary.method,
        summary.channel.as_str(),
        summary.transport.as_str(),
        summary.comment.as_deref().unwrap_or_default(),
    ];
    // An empty text has nothing to find: else `^$` would find every flow without a model.
    let is_in_text = |text: &str| !text.is_empty() && pattern.is_in(text.as_bytes());
    let status = summary.status.map(|status| status.to_string());
    if row.into_iter().chain(status.as_deref()).any(is_in_text) {
        return Some(true);
    }
    if summary.turn.is_none() {
        return Some(false);
    }
    let flow = subject.flow?;
    let mut items = flow.turn.iter().flat_map(|turn| &turn.items);
    let is_written = items.any(|item| written(item).any(|part| is_in_text(&part.text)));
    Some(is_written || flow.lints().iter().any(|lint| is_in_text(lint)))
}

/// The texts of an item that a reader sees assembled: what was said and what was thought.
fn written(item: &Item) -> impl Iterator<Item = &Part> {
    said(item).iter().chain(thought(item))
}

/// What was said.
pub(super) fn said(item: &Item) -> &[Part] {
    match &item.kind {
        ItemKind::Message { parts, .. } => parts,
        _ => &[],
    }
}

/// What was thought.
pub(super) fn thought(item: &Item) -> impl Iterator<Item = &Part> {
    let (summary, content): (&[Part], &[Part]) = match &item.kind {
        ItemKind::Reasoning {
            summary, content, ..
        } => (summary, content),
        _ => (&[], &[]),
    };
    summary.iter().chain(content)
}

/// Whether a header line, as `name: value`, matches.
fn is_in_lines(pattern: &Pattern, fields: &[Field]) -> bool {
    fields.iter().any(|field| {
        let line = format!("{}: {}", field.name, field.value.as_text());
        pattern.is_in(line.as_bytes())
    })
}

fn is_in_type(pattern: &Pattern, fields: &[Field]) -> bool {
    crate::tap::field(fields, "content-type").is_some_and(|value| pattern.is_in(value.as_bytes()))
}

/// Host and port of a URL that has no path.
fn authority(upstream: &str) -> &str {
    upstream
        .split_once("://")
        .map_or(upstream, |(_, host)| host)
}
