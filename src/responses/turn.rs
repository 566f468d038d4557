//! One model response, assembled from its events.
//!
//! [`Turn::apply`] takes the JSON of one event after another, from server-sent events and WebSocket
//! messages alike, and is total: what cannot be read becomes a lint. Deltas append, so that the
//! work grows with the input and no faster. The first terminal event counts; nothing reopens a
//! response, and what still comes of the response before it is left aside.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use serde_json::value::RawValue;

use super::assembly::Places;
use super::lenient::{self, Members};
use super::lint::{Asked, LOST, Once};
use super::{Event, EventKind, Failure, Item, ItemKind, Part, ToolCall, Usage};

/// A response as far as it has arrived.
#[derive(Clone, PartialEq, Default, Debug)]
pub struct Turn {
    /// The response's id.
    pub response_id: Option<String>,
    /// The model that answers, as the response says.
    pub model: Option<String>,
    /// The service tier that was used, as the response says.
    pub service_tier: Option<String>,
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
    /// What `response.metadata` says in place of header fields, in order.
    pub headers: Vec<(String, String)>,
    /// Things that were wrong with the stream, each in one line.
    pub lints: Vec<String>,
    /// What the request says of its answer.
    pub(super) asked: Asked,
    /// The ids of calls that are whole.
    pub(super) call_ids: BTreeSet<String>,
    /// Lints that are noted once, and were.
    pub(super) said: Vec<Once>,
    /// Where in `items` each output index and item id is.
    pub(super) places: Places,
    /// The newest `sequence_number`.
    sequence: Option<u64>,
}

impl Turn {
    /// Takes one event in and says of which kind it is. What is no JSON object is counted as
    /// `(not JSON)` and noted.
    pub fn apply(&mut self, json: &str) -> EventKind {
        let ordinal = self.events;
        self.events = self.events.saturating_add(1);
        let event = match Event::parse(json) {
            Ok(event) => event,
            Err(error) => {
                // A habit of the chat API, which bridges keep.
                let is_end_mark = json.trim_ascii() == END_MARK;
                self.count(if is_end_mark { END_MARK } else { "(not JSON)" }, json);
                if !is_end_mark {
                    self.lint(format!("event {ordinal}: {error}"));
                }
                return EventKind::Other;
            }
        };
        let kind = event.kind();
        self.count(event.name(), json);
        self.check_sequence(&event, ordinal);
        if self.is_over() {
            self.note_late(&event, ordinal);
            return kind;
        }
        if self.is_of_another(event.response) {
            let name = event.name();
            self.lint(format!(
                "event {ordinal}: {name} is of the response before this one: left aside"
            ));
            return kind;
        }
        match kind {
            EventKind::Created | EventKind::InProgress | EventKind::Queued => {
                self.take_response(event.response, ordinal);
            }
            EventKind::Completed => self.close(Status::Completed, event.response, ordinal),
            EventKind::Incomplete => self.close(Status::Incomplete, event.response, ordinal),
            EventKind::Failed => self.close(Status::Failed, event.response, ordinal),
            EventKind::Cancelled => self.close(Status::Cancelled, event.response, ordinal),
            EventKind::Error => {
                self.status = Status::Error;
                self.failure = Some(Failure::from_event(json));
            }
            EventKind::Metadata => self.take_headers(json),
            EventKind::Other => self.check_known(event.name(), ordinal),
            _ => self.assemble(kind, &event, ordinal),
        }
        kind
    }

    /// The response that a body without events holds, as `…/responses/compact` answers; `None` if it is
    /// no JSON object.
    #[must_use]
    pub fn of_body(json: &str) -> Option<Self> {
        let response: &RawValue = serde_json::from_str(json).ok()?;
        if !json.trim_ascii_start().starts_with('{') {
            return None;
        }
        let mut turn = Self::default();
        turn.close(Status::Completed, Some(response), 0);
        // What is noted is that there was no stream.
        turn.lints.clear();
        Some(turn)
    }

    /// Says that no event will follow: a response that is still in progress is lost.
    pub fn end_of_stream(&mut self) {
        if self.status == Status::InProgress {
            self.status = Status::Lost;
        }
    }

    /// Whether the response has ended, well or not.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.status != Status::InProgress
    }

    /// What the model said: the text parts and refusals of all messages, an empty line between two.
    #[must_use]
    pub fn output_text(&self) -> String {
        let texts: Vec<&str> = self
            .items
            .iter()
            .filter_map(|item| match &item.kind {
                ItemKind::Message { parts, .. } => Some(parts),
                _ => None,
            })
            .flatten()
            .filter(|part| part.is_text())
            .map(|part| part.text.as_str())
            .collect();
        texts.join("\n\n")
    }

    /// The parts of all reasoning summaries in order.
    pub fn reasoning_summaries(&self) -> impl Iterator<Item = &Part> {
        let summaries = self.items.iter().filter_map(|item| match &item.kind {
            ItemKind::Reasoning { summary, .. } => Some(summary),
            _ => None,
        });
        summaries.flatten()
    }

    /// The tool calls in order.
    pub fn calls(&self) -> impl Iterator<Item = &ToolCall> {
        self.items.iter().filter_map(|item| match &item.kind {
            ItemKind::Call(call) => Some(call),
            _ => None,
        })
    }

    /// The items that a request which continues the response need not send: those that are whole.
    pub fn outputs(&self) -> impl Iterator<Item = &Item> {
        self.items.iter().filter(|item| !item.raw.is_empty())
    }

    /// Notes something wrong with the stream. The first [`MAX_LINTS`] are kept.
    pub(super) fn lint(&mut self, lint: impl Into<String>) {
        match self.lints.len() {
            MAX_LINTS => self.lints.push("more like these are not listed".to_owned()),
            kept if kept < MAX_LINTS => {
                // The names in it are the sender's.
                let mut lint = lint.into().replace(char::is_control, " ");
                if let Some((end, _)) = lint.char_indices().nth(MAX_LINT) {
                    lint.truncate(end);
                }
                self.lints.push(lint);
            }
            _ => {}
        }
    }

    fn count(&mut self, name: &str, json: &str) {
        let name = if name.is_empty() { "(no type)" } else { name };
        let bytes = json.len() as u64;
        if let Some((events, total)) = self.counts.get_mut(name) {
            *events = events.saturating_add(1);
            *total = total.saturating_add(bytes);
        } else if self.counts.len() < MAX_NAMES {
            self.counts.insert(name.to_owned(), (1, bytes));
        } else {
            let (events, total) = self.counts.entry("(others)".to_owned()).or_default();
            *events = events.saturating_add(1);
            *total = total.saturating_add(bytes);
        }
    }

    fn check_sequence(&mut self, event: &Event<'_>, ordinal: u32) {
        let Some(number) = event.sequence_number() else {
            return;
        };
        if let Some(last) = self.sequence
            && last.checked_add(1) != Some(number)
        {
            self.lint(format!(
                "event {ordinal}: sequence_number {number} follows {last}"
            ));
        }
        self.sequence = Some(number);
    }

    fn note_late(&mut self, event: &Event<'_>, ordinal: u32) {
        let name = event.name();
        if event.kind().is_terminal() {
            self.lint(format!(
                "event {ordinal}: {name}, but the response was over: the first end counts"
            ));
        } else if !event.kind().is_aside() {
            self.lint_once(Once::LateEvent, || {
                format!("event {ordinal}: {name} after the response was over")
            });
        }
    }

    /// Whether an event speaks of the response that this one continues: it came too late there.
    fn is_of_another(&self, response: Option<&RawValue>) -> bool {
        let (Some(previous), Some(response)) = (&self.asked.previous, response) else {
            return false;
        };
        let members = Members::of(response.get()).unwrap_or_default();
        members.text("id").is_some_and(|id| id == *previous)
    }

    /// Takes the header fields that a message carries, there being no head to carry them.
    fn take_headers(&mut self, json: &str) {
        let members = Members::of(json).unwrap_or_default();
        let headers = members.find("headers").map(Members::of);
        for (name, value) in headers.and_then(Result::ok).unwrap_or_default().0 {
            if let Some(value) =
                lenient::text(value.get()).filter(|_| self.headers.len() < MAX_NAMES)
            {
                self.headers.push((name.into_owned(), value.into_owned()));
            }
        }
    }

    /// Takes in the response object that some events carry.
    fn take_response<'a>(&mut self, json: Option<&'a RawValue>, ordinal: u32) -> Members<'a> {
        let members = json.map_or("{}", RawValue::get);
        let members = Members::of(members).unwrap_or_default();
        if let Some(id) = members.text("id") {
            match &self.response_id {
                None => self.response_id = Some(id.into_owned()),
                Some(known) if *known == id => {}
                Some(known) => {
                    let lint = format!("event {ordinal}: is of response {id}, not of {known}");
                    self.lint(lint);
                }
            }
        }
        if let Some(model) = members.text("model") {
            self.model = Some(model.into_owned());
        }
        if let Some(tier) = members.text("service_tier") {
            self.service_tier = Some(tier.into_owned());
        }
        if let Some(usage) = members.find("usage").and_then(Usage::read) {
            self.usage = Some(usage);
        }
        if let Some(failure) = members.find("error").and_then(Failure::read) {
            self.failure = Some(failure);
        }
        if let Some(details) = members.find("incomplete_details") {
            let details = Members::of(details).unwrap_or_default();
            self.incomplete_reason = details.text("reason").map(Cow::into_owned);
        }
        members
    }

    fn close(&mut self, status: Status, response: Option<&RawValue>, ordinal: u32) {
        let members = self.take_response(response, ordinal);
        self.status = status;
        if let Some(output) = members.find("output").and_then(lenient::elements) {
            self.take_output(&output, ordinal);
        }
        match status {
            Status::Completed => {
                if members.text("id").is_none() {
                    self.lint(format!("response.completed has no id: {LOST}"));
                }
                self.check_usage(members.find("usage"));
                self.note_unfinished();
            }
            Status::Failed if self.failure.is_none() => {
                self.lint("response.failed does not say why");
            }
            _ => {}
        }
    }
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

impl Status {
    /// In the order of a response's life.
    const ALL: [Self; 7] = [
        Self::InProgress,
        Self::Completed,
        Self::Incomplete,
        Self::Failed,
        Self::Cancelled,
        Self::Error,
        Self::Lost,
    ];

    /// Its name, as the `status` of a response has it where there is one.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InProgress => "in_progress",
            Self::Completed => "completed",
            Self::Incomplete => "incomplete",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Error => "error",
            Self::Lost => "lost",
        }
    }

    /// The status of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == name)
    }
}

/// How many lints are kept.
pub(super) const MAX_LINTS: usize = 100;

/// Characters of a lint: the names in it are the sender's, and of any length.
const MAX_LINT: usize = 300;

/// How many names of events are told apart: the vocabulary several times over.
const MAX_NAMES: usize = 400;

const END_MARK: &str = "[DONE]";

#[cfg(test)]
mod tests;
