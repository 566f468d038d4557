//! A reply as the events of a Responses stream, each with the pause before it.
//!
//! The order and the members are those of the public API: every item is added, told in deltas,
//! done, and repeated in `response.completed`; `sequence_number` counts from 0 without gaps.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use super::ids::Ids;
use super::story::{Failure, Item, Reply};
use crate::tap::At;

/// An event and how many milliseconds of the story pass before it.
#[derive(Debug)]
pub(super) struct Timed {
    pub(super) pause: u64,
    pub(super) event: Value,
}

/// The events that answer `request` with `reply` at `now`.
pub(super) fn tell(reply: &Reply, request: &Value, now: At, ids: &mut Ids) -> Vec<Timed> {
    let mut stream = Stream {
        request,
        id: ids.api("resp"),
        created: now.as_micros() / 1_000_000,
        ids,
        output: Vec::new(),
        events: Vec::new(),
    };
    stream.start(reply.think);
    for item in &reply.items {
        match item {
            Item::Reasoning { parts } => stream.reasoning(parts),
            Item::Commentary { text } => stream.message(text, "commentary"),
            Item::Message { text } => stream.message(text, "final_answer"),
            Item::Function { name, input } => stream.function_call(name, input),
            Item::Custom { name, input } => stream.custom_call(name, input),
        }
    }
    match &reply.failure {
        Some(failure) => stream.fail(failure),
        None => stream.complete(reply.usage),
    }
    stream.events
}

/// The plan's limits, as they are told on a WebSocket before an answer.
pub(super) fn rate_limits(now: At) -> Value {
    let seconds = now.as_micros() / 1_000_000;
    json!({
        "type": "codex.rate_limits",
        "plan_type": "plus",
        "rate_limits": {
            "allowed": true,
            "limit_reached": false,
            "primary": {"used_percent": 34, "window_minutes": 300,
                "reset_after_seconds": 7260, "reset_at": seconds + 7260},
            "secondary": {"used_percent": 41, "window_minutes": 10080,
                "reset_after_seconds": 251_000, "reset_at": seconds + 251_000},
        },
        "code_review_rate_limits": null,
        "credits": {"has_credits": false, "unlimited": false, "balance": "0"},
        "promo": null,
    })
}

/// The routing token that a WebSocket tells in a frame and SSE in a header.
pub(super) fn metadata(turn_state: &str) -> Value {
    json!({
        "type": "response.metadata",
        "headers": {"x-codex-turn-state": turn_state},
        "metadata": {},
    })
}

/// A stream being put together.
struct Stream<'a> {
    request: &'a Value,
    ids: &'a mut Ids,
    /// The response's id.
    id: String,
    /// Seconds since the Unix epoch.
    created: u64,
    /// The finished items.
    output: Vec<Value>,
    events: Vec<Timed>,
}

impl Stream<'_> {
    fn start(&mut self, think: u64) {
        let envelope = self.envelope("in_progress", &[]);
        self.push(20, "response.created", json!({"response": envelope}));
        self.push(5, "response.in_progress", json!({"response": envelope}));
        if let Some(first) = self.events.first_mut() {
            first.pause += think / 3;
        }
        if let Some(second) = self.events.last_mut() {
            second.pause += think - think / 3;
        }
    }

    fn reasoning(&mut self, parts: &[String]) {
        let id = self.ids.api("rs");
        let index = self.output.len();
        let item = json!({"id": id, "type": "reasoning", "encrypted_content": "", "summary": []});
        self.push(
            10,
            "response.output_item.added",
            json!({"output_index": index, "item": item}),
        );
        let mut summary = Vec::new();
        for (part, text) in parts.iter().enumerate() {
            let place = json!({"item_id": id, "output_index": index, "summary_index": part});
            let empty = json!({"type": "summary_text", "text": ""});
            let whole = json!({"type": "summary_text", "text": text});
            self.push(
                40,
                "response.reasoning_summary_part.added",
                with(&place, "part", &empty),
            );
            self.deltas("response.reasoning_summary_text", &place, "text", text, 16);
            self.push(
                0,
                "response.reasoning_summary_part.done",
                with(&place, "part", &whole),
            );
            summary.push(whole);
        }
        // Opaque to everyone but the server: as many bytes as a short line of thought.
        let sealed: Vec<u8> = (0..240).map(|_| self.ids.below(256) as u8).collect();
        let sealed = STANDARD.encode(sealed);
        let item =
            json!({"id": id, "type": "reasoning", "encrypted_content": sealed, "summary": summary});
        self.finish_item(item);
    }

    fn message(&mut self, text: &str, phase: &str) {
        let id = self.ids.api("msg");
        let index = self.output.len();
        let item = |status: &str, content: Value| {
            json!({"id": id, "type": "message", "status": status, "role": "assistant",
                "content": content, "phase": phase})
        };
        let added = item("in_progress", json!([]));
        self.push(
            60,
            "response.output_item.added",
            json!({"output_index": index, "item": added}),
        );
        let place = json!({"item_id": id, "output_index": index, "content_index": 0});
        self.push(
            0,
            "response.content_part.added",
            with(&place, "part", &output_text("")),
        );
        self.deltas("response.output_text", &place, "text", text, 13);
        self.push(
            0,
            "response.content_part.done",
            with(&place, "part", &output_text(text)),
        );
        self.finish_item(item("completed", json!([output_text(text)])));
    }

    fn function_call(&mut self, name: &str, arguments: &str) {
        let (id, member) = (self.ids.api("fc"), "arguments");
        let events = "response.function_call_arguments";
        self.call(&id, "function_call", name, events, (member, arguments), 14);
    }

    fn custom_call(&mut self, name: &str, input: &str) {
        let (id, member) = (self.ids.api("ctc"), "input");
        let events = "response.custom_tool_call_input";
        self.call(&id, "custom_tool_call", name, events, (member, input), 16);
    }

    /// A tool call of type `kind`, whose `member` streams as `events` in pieces of about `length` characters.
    fn call(
        &mut self,
        id: &str,
        kind: &str,
        name: &str,
        events: &str,
        (member, text): (&str, &str),
        length: usize,
    ) {
        let call = self.ids.api("call");
        let item = |status: &str, text: &str| {
            json!({"id": id, "type": kind, "status": status, "name": name,
                member: text, "call_id": call})
        };
        let place = json!({"item_id": id, "output_index": self.output.len()});
        let added = with(
            &json!({"output_index": self.output.len()}),
            "item",
            &item("in_progress", ""),
        );
        self.push(60, "response.output_item.added", added);
        self.deltas(events, &place, member, text, length);
        self.finish_item(item("completed", text));
    }

    fn complete(&mut self, [input, cached, output, reasoning]: [u64; 4]) {
        let usage = json!({
            "input_tokens": input,
            "input_tokens_details": {"cached_tokens": cached, "cache_write_tokens": 0},
            "output_tokens": output,
            "output_tokens_details": {"reasoning_tokens": reasoning},
            "total_tokens": input + output,
        });
        let output = Value::Array(self.output.clone());
        let response = self.envelope("completed", &[("output", output), ("usage", usage)]);
        self.push(30, "response.completed", json!({"response": response}));
    }

    fn fail(&mut self, failure: &Failure) {
        let error = json!({"code": failure.code, "message": failure.message});
        let response = self.envelope("failed", &[("error", error)]);
        self.push(200, "response.failed", json!({"response": response}));
    }

    fn finish_item(&mut self, item: Value) {
        let index = self.output.len();
        self.push(
            10,
            "response.output_item.done",
            json!({"output_index": index, "item": item}),
        );
        self.output.push(item);
    }

    /// `<kind>.delta` for every piece of `text`, then `<kind>.done` with the whole as `member`.
    fn deltas(&mut self, kind: &str, place: &Value, member: &str, text: &str, length: usize) {
        for piece in pieces(text, length) {
            let pause = 15 + self.ids.below(14);
            self.push(
                pause,
                &format!("{kind}.delta"),
                with(place, "delta", &json!(piece)),
            );
        }
        self.push(
            0,
            &format!("{kind}.done"),
            with(place, member, &json!(text)),
        );
    }

    fn push(&mut self, pause: u64, kind: &str, members: Value) {
        let mut event = Map::new();
        event.insert("type".into(), kind.into());
        event.insert("sequence_number".into(), self.events.len().into());
        if let Value::Object(members) = members {
            event.extend(members);
        }
        self.events.push(Timed {
            pause,
            event: Value::Object(event),
        });
    }

    /// The `response` object, with what the request asked for repeated in it.
    fn envelope(&self, status: &str, changes: &[(&str, Value)]) -> Value {
        let asked = |name: &str| self.request[name].clone();
        let mut envelope = json!({
            "id": self.id,
            "object": "response",
            "created_at": self.created,
            "status": status,
            "background": false,
            "error": null,
            "incomplete_details": null,
            "instructions": null,
            "max_output_tokens": null,
            "model": asked("model"),
            "output": [],
            "parallel_tool_calls": asked("parallel_tool_calls"),
            "previous_response_id": asked("previous_response_id"),
            "prompt_cache_key": asked("prompt_cache_key"),
            "reasoning": asked("reasoning"),
            "service_tier": "default",
            "store": false,
            "text": {"format": {"type": "text"}, "verbosity": "medium"},
            "tool_choice": asked("tool_choice"),
            "tools": [],
            "truncation": "disabled",
            "usage": null,
            "user": null,
            "metadata": {},
        });
        for (name, value) in changes {
            envelope[*name] = value.clone();
        }
        envelope
    }
}

/// A part of a message.
fn output_text(text: &str) -> Value {
    json!({"type": "output_text", "annotations": [], "logprobs": [], "text": text})
}

/// `place` with one more member.
fn with(place: &Value, member: &str, value: &Value) -> Value {
    let mut members = place.clone();
    members[member] = value.clone();
    members
}

/// Cuts `text` the way tokens do: words with the space before them, long ones in parts of about
/// `length` bytes. The pieces joined are the text again.
fn pieces(text: &str, length: usize) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut start = 0;
    let mut previous = ' ';
    for (at, next) in text.char_indices() {
        let word_ends = next.is_whitespace() && !previous.is_whitespace();
        if at > start && ((word_ends && at - start >= length / 2) || at - start >= length) {
            pieces.push(&text[start..at]);
            start = at;
        }
        previous = next;
    }
    if start < text.len() {
        pieces.push(&text[start..]);
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::super::story::{Action, Story};
    use super::*;

    #[test]
    fn pieces_join_to_the_text() {
        for text in [
            "",
            "a",
            "one two  three",
            "Zürich → 北京, antidisestablishmentarianism\n\n- x",
        ] {
            assert_eq!(pieces(text, 8).concat(), text);
        }
        assert_eq!(
            pieces("reading before guessing", 8),
            ["reading", " before", " guessin", "g"]
        );
    }

    #[test]
    fn streams_number_their_events_and_end_with_what_they_told() {
        let story = Story::load().unwrap();
        let mut ids = Ids::new(At::from_micros(1), 1);
        for step in &story.steps {
            let Action::Turn { reply, .. } = &step.action else {
                continue;
            };
            let request = json!({"model": "gpt-5.5"});
            let events = tell(reply, &request, At::from_micros(5_000_000), &mut ids);
            for (number, timed) in events.iter().enumerate() {
                assert_eq!(timed.event["sequence_number"], number);
            }
            let last = &events.last().unwrap().event;
            let done: Vec<_> = events
                .iter()
                .filter(|timed| timed.event["type"] == "response.output_item.done")
                .map(|timed| timed.event["item"].clone())
                .collect();
            assert_eq!(done.len(), reply.items.len());
            if reply.failure.is_some() {
                assert_eq!(last["type"], "response.failed");
            } else {
                assert_eq!(last["response"]["output"], Value::Array(done));
            }
        }
    }
}
