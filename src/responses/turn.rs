//! One model response, assembled from its events.

use std::collections::BTreeMap;

use super::{EventKind, Failure, Item, Usage};

/// A response as far as it has arrived.
#[derive(Clone, PartialEq, Default, Debug)]
pub struct Turn {
    /// The response's id.
    pub response_id: Option<String>,
    /// The model that answers, as the response says.
    pub model: Option<String>,
    /// Where the response stands.
    pub status: Status,
    /// Why it is incomplete (`max_output_tokens`, `interrupted`).
    pub incomplete_reason: Option<String>,
    /// What failed.
    pub failure: Option<Failure>,
    /// Output items in the order of `output_index`.
    pub items: Vec<Item>,
    /// Token counts.
    pub usage: Option<Usage>,
    /// How many events of each type came, and their bytes; unknown types under their own name.
    pub counts: BTreeMap<String, (u32, u64)>,
    /// Number of events applied: the next event's ordinal.
    pub events: u32,
    /// Ordinal of the first event that carried generated text or arguments.
    pub first_delta: Option<u32>,
    /// Things that were wrong with the stream, each in one line.
    pub lints: Vec<String>,
    /// Status kept apart so that a late event cannot reopen a response.
    _kind: std::marker::PhantomData<EventKind>,
}

/// Where a response stands.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Status {
    /// Events are still due.
    #[default]
    InProgress,
    /// `response.completed`.
    Completed,
    /// `response.incomplete`.
    Incomplete,
    /// `response.failed`.
    Failed,
    /// `response.cancelled`.
    Cancelled,
    /// An `error` event ended it.
    Error,
    /// The stream ended without a terminal event.
    Lost,
}
