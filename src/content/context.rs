//! The context of a request: what it is full of, and the whole of it where only what is new was sent.

use super::{Around, Document, Folds, Line, Role, format, items};
use crate::flow::Flow;
use crate::flow::lineage::{Badge, Content, Effective, Share, fill};
use crate::responses::Request;

/// Adds how much of the context is known and what it is full of, by kind, and by agent or tool.
pub(super) fn context(document: &mut Document, flow: &Flow, asked: &Effective, folds: &Folds) {
    let usage = flow.turn.as_ref().and_then(|turn| turn.usage);
    let shares = fill(asked, usage.map(|usage| usage.input));
    let bytes: u64 = shares.iter().map(|share| share.bytes).sum();
    let tokens: u64 = shares.iter().map(|share| share.tokens).sum();
    // The provider counted them, once it answered.
    let about = if usage.is_some() { "" } else { "~" };
    let mut head = Line::of("Context", Role::Heading)
        .with(&format!(" {}", format::bytes(bytes)), Role::Number)
        .with(
            &format!(" {about}{} tokens", format::tokens(tokens)),
            Role::Dim,
        )
        .hanging(4);
    for (content, sum) in kinds(&shares).into_iter().take(KINDS) {
        head = head.with_value(content.as_str(), &format::share(sum, bytes), Role::Number);
    }
    let encrypted = asked.encrypted();
    if encrypted > 0 {
        head = head.with_value("encrypted", &format::bytes(encrypted), Role::Number);
    }
    if document.section("request/context", false, folds, head) {
        document.push(Line::of("      size  tokens  share", Role::Dim));
        for share in shares.iter().take(ROWS) {
            document.push(row(share, bytes));
        }
        if let Some(rest) = shares.get(ROWS..).filter(|rest| !rest.is_empty()) {
            let rest: u64 = rest.iter().map(|share| share.bytes).sum();
            let text = format!("  … {} of other things", format::bytes(rest));
            document.push(Line::of(&text, Role::Dim));
        }
    }
}

/// Adds the request as the model saw it, if that is more than what was sent.
pub(super) fn effective(
    document: &mut Document,
    request: &Request,
    around: &Around<'_>,
    folds: &Folds,
) {
    let Some(asked) = around.asked else { return };
    let continues = asked.items.len() != request.input.len();
    if !continues && asked.badge == Badge::Complete {
        return;
    }
    let (badge, role) = match &asked.badge {
        Badge::Complete => ("complete".to_owned(), Role::Ok),
        Badge::Compacted => (
            "compacted: earlier items were replaced by a summary".to_owned(),
            Role::Warning,
        ),
        Badge::ParentMissing(id) => (
            format!("parent not captured: what stands before {id} is missing"),
            Role::Warning,
        ),
    };
    let count = format::counted(asked.items.len() as u64, "item");
    let head = Line::of("Effective input", Role::Heading)
        .with(&format!(" {count}"), Role::Number)
        .with(" · ", Role::Dim)
        .with(&badge, role)
        .hanging(4);
    if document.section("request/effective", false, folds, head) {
        let all = asked.items.iter().map(|carried| carried.item.as_ref());
        items::table(
            document,
            all,
            &around.calls,
            &[],
            "request/effective",
            folds,
        );
    }
}

/// The bytes of each kind, the most first.
fn kinds(shares: &[Share]) -> Vec<(Content, u64)> {
    let mut kinds: Vec<(Content, u64)> = Vec::new();
    for share in shares {
        match kinds.iter_mut().find(|(kind, _)| *kind == share.content) {
            Some((_, sum)) => *sum += share.bytes,
            None => kinds.push((share.content, share.bytes)),
        }
    }
    kinds.sort_by_key(|(_, sum)| std::cmp::Reverse(*sum));
    kinds
}

/// What one kind, of one agent or tool, takes.
fn row(share: &Share, all: u64) -> Line {
    let bytes = format!("  {:>8} ", format::bytes(share.bytes));
    let tokens = format!("{:>7} ", format!("~{}", format::tokens(share.tokens)));
    let part = format!("{:>5}  ", format::share(share.bytes, all));
    let mut line = Line::of(&bytes, Role::Number)
        .with(&tokens, Role::Dim)
        .with(&part, Role::Number)
        .with(share.content.as_str(), Role::Label)
        .hanging(28);
    if !share.name.is_empty() {
        line = line.with(" ", Role::Dim).with(&share.name, Role::Tool);
    }
    if share.count > 1 {
        let count = format!(" ×{}", format::count(share.count));
        line.add(&count, Role::Dim);
    }
    line
}

/// Kinds that the section's head tells of.
const KINDS: usize = 3;

/// Rows of the table.
const ROWS: usize = 30;
