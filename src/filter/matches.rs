//! Whether a flow is one of those that an expression chooses.

use super::pattern::Pattern;
use super::{Expr, Op};
use crate::flow::{Flow, FlowKind};
use crate::responses::{Item, ItemKind, Part};
use crate::tap::Field;

/// Whether `expr` chooses `flow`.
pub(super) fn expr(expr: &Expr, flow: &Flow, is_marked: bool) -> bool {
    let member = |inner: &Expr| self::expr(inner, flow, is_marked);
    match expr {
        Expr::And(members) => members.iter().all(member),
        Expr::Or(members) => members.iter().any(member),
        Expr::Not(inner) => !member(inner),
        Expr::Is(op) => is(*op, flow, is_marked),
        Expr::Has(op, pattern) => has(*op, pattern, flow),
        Expr::Status(code) => flow.status().is_some_and(|status| code.includes(status)),
        Expr::Word(pattern) => word(pattern, flow),
    }
}

/// An operator without an argument.
fn is(op: Op, flow: &Flow, is_marked: bool) -> bool {
    match op {
        Op::All => true,
        Op::Failed => flow.is_error(),
        Op::Http => flow.kind == FlowKind::Http,
        Op::Marked => is_marked,
        Op::Unanswered => flow.response.head.is_none(),
        Op::Answered => flow.response.head.is_some(),
        Op::WebSocket => flow.kind != FlowKind::Http,
        Op::Body
        | Op::RequestBody
        | Op::ResponseBody
        | Op::Status
        | Op::Domain
        | Op::Header
        | Op::RequestHeader
        | Op::ResponseHeader
        | Op::Method
        | Op::Source
        | Op::Type
        | Op::RequestType
        | Op::ResponseType
        | Op::Url => false,
    }
}

/// An operator with a pattern.
fn has(op: Op, pattern: &Pattern, flow: &Flow) -> bool {
    let (request, response) = (&flow.request, &flow.response);
    let sent = || request.head.as_ref().map_or(&[][..], |head| &head.fields);
    let received = || response.head.as_ref().map_or(&[][..], |head| &head.fields);
    match op {
        Op::Body => pattern.is_in(request.body.bytes()) || pattern.is_in(response.body.bytes()),
        Op::RequestBody => pattern.is_in(request.body.bytes()),
        Op::ResponseBody => pattern.is_in(response.body.bytes()),
        Op::Domain => pattern.is_in(authority(&flow.upstream).as_bytes()),
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
        Op::Method => pattern.is_in(flow.method().as_bytes()),
        Op::Source => pattern.is_in(flow.client.as_bytes()),
        Op::Type => is_in_type(pattern, sent()) || is_in_type(pattern, received()),
        Op::RequestType => is_in_type(pattern, sent()),
        Op::ResponseType => is_in_type(pattern, received()),
        Op::Url => pattern.is_in(format!("{}{}", flow.upstream, flow.path()).as_bytes()),
        Op::All
        | Op::Failed
        | Op::Http
        | Op::Marked
        | Op::Unanswered
        | Op::Answered
        | Op::Status
        | Op::WebSocket => false,
    }
}

/// A word: in what the list shows of a flow, or in the text that the model wrote.
fn word(pattern: &Pattern, flow: &Flow) -> bool {
    let row = [
        flow.gist.as_str(),
        flow.model.as_deref().unwrap_or_default(),
        flow.agent().name().unwrap_or_default(),
        flow.path(),
        flow.method(),
        flow.channel.as_str(),
        flow.transport().as_str(),
    ];
    // An empty text has nothing to find: else `^$` would find every flow without a model.
    let is_in_text = |text: &str| !text.is_empty() && pattern.is_in(text.as_bytes());
    row.into_iter().any(is_in_text)
        || flow
            .status()
            .is_some_and(|status| is_in_text(&status.to_string()))
        || flow
            .turn
            .iter()
            .flat_map(|turn| &turn.items)
            .flat_map(written)
            .any(|part| is_in_text(&part.text))
}

/// The texts of an item that a reader sees assembled: what was said and what was thought.
fn written(item: &Item) -> impl Iterator<Item = &Part> {
    let (first, second): (&[Part], &[Part]) = match &item.kind {
        ItemKind::Message { parts, .. } => (parts, &[]),
        ItemKind::Reasoning {
            summary, content, ..
        } => (summary, content),
        ItemKind::Call(_) | ItemKind::Output(_) | ItemKind::Tools(_) | ItemKind::Other { .. } => {
            (&[], &[])
        }
    };
    first.iter().chain(second)
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
