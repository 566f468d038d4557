//! What the log needs of a flow, found without knowing what stands before it: this part runs on all processors.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use crate::flow::Flow;
use crate::responses::{Item, ItemKind, Request};

/// A flow, its request read, and marks by which what was said already is recognised.
#[derive(Debug)]
pub struct Digest {
    pub(super) flow: Flow,
    /// Of a model request.
    pub(super) request: Option<Request>,
    /// Of each input item.
    pub(super) input: Vec<u64>,
    /// Of each output item.
    pub(super) output: Vec<u64>,
}

impl Digest {
    /// The digest of a flow, whose request may have been read already.
    #[must_use]
    pub fn of(flow: Flow, asked: Option<Request>) -> Self {
        let read = || Request::parse(flow.request_text()?).ok();
        let turn = flow.turn.as_ref();
        let request = turn.and_then(|_| asked.or_else(read));
        let items = request.iter().flat_map(|request| &request.input);
        let input = items.map(mark).collect();
        let output = flow.turn.iter().flat_map(|turn| &turn.items);
        let output = output.map(mark).collect();
        Self {
            flow,
            request,
            input,
            output,
        }
    }
}

/// A number that is equal for equal things, within a run.
pub(super) fn hash(parts: &[&str]) -> u64 {
    let mut hasher = DefaultHasher::new();
    parts.hash(&mut hasher);
    hasher.finish()
}

/// The mark of an item: an output item has it again when Codex sends it back, which leaves out members.
fn mark(item: &Item) -> u64 {
    match &item.kind {
        ItemKind::Message { role, parts, .. } => {
            let texts = parts.iter().map(|part| part.text.as_str());
            let all: Vec<&str> = ["message", role].into_iter().chain(texts).collect();
            hash(&all)
        }
        ItemKind::Reasoning { summary, .. } => {
            let texts = summary.iter().map(|part| part.text.as_str());
            let id = item.id.as_deref().unwrap_or_default();
            let all: Vec<&str> = ["reasoning", id].into_iter().chain(texts).collect();
            hash(&all)
        }
        ItemKind::Call(call) => {
            let id = call.call_id.as_deref().unwrap_or_default();
            hash(&["call", id, &call.name, &call.input])
        }
        ItemKind::Output(output) => {
            let id = output.call_id.as_deref().unwrap_or_default();
            hash(&["output", id, &output.text])
        }
        ItemKind::Tools(_) | ItemKind::Other { .. } => hash(&["other", &item.raw]),
    }
}
