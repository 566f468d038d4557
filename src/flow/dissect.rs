//! What a flow's bytes mean: its request, its events and its end, read off what was stored.
//!
//! Live recording and re-opened captures call the same functions in the same order
//! ([`Flow::read_request`], [`Flow::read_event`] for each event, [`Flow::conclude`]), so that a flow looks
//! the same both ways. [`Flow::replay`] does all of it for a flow that is whole.

use std::borrow::Cow;

use super::{Channel, Context, Flow, FlowKind, Op};
use crate::responses::{EventKind, Failure, Identity, Request, Status, Turn, event_name};
use crate::tap::{Direction, field};
use crate::wire::sse;

impl Flow {
    /// The text of the request: the body of an HTTP exchange, the message that began a turn.
    #[must_use]
    pub fn request_text(&self) -> Option<&str> {
        match self.kind {
            FlowKind::Http | FlowKind::Ws => self.request.body.text(),
            FlowKind::WsTurn { .. } => {
                let first = self.frames.iter().find(|frame| {
                    frame.dir == Direction::Out
                        && matches!(frame.op, Op::Text | Op::Continuation)
                        && frame.is_final
                });
                first.and_then(|frame| std::str::from_utf8(self.frame_bytes(frame)).ok())
            }
        }
    }

    /// The JSON text of the event that a frame carries; `None` if it carries no text from the upstream.
    #[must_use]
    pub fn event_text(&self, frame: usize) -> Option<Cow<'_, str>> {
        let frame = self.frames.get(frame)?;
        let text = std::str::from_utf8(self.frame_bytes(frame))
            .ok()
            .filter(|text| !text.is_empty())?;
        match frame.op {
            Op::Event => event_data(text).map(Cow::Owned),
            Op::Text | Op::Continuation => Some(Cow::Borrowed(text)),
            Op::Binary
            | Op::Close(_)
            | Op::Ping
            | Op::Pong
            | Op::Reserved(_)
            | Op::Comment
            | Op::Gap => None,
        }
    }

    /// Reads the heads: the channel, whether a turn is asked for, and the identity that the fields tell.
    pub fn read_heads(&mut self) {
        self.channel = Channel::of(self.path());
        self.identity = self.identify(None);
        if self.kind.asks_for_a_turn(self.channel, self.method()) {
            self.turn.get_or_insert_default();
        }
        self.gist = if self.channel.is_side() || self.kind == FlowKind::Ws {
            format!("{} {}", self.method(), self.path())
        } else {
            self.path().to_owned()
        };
    }

    /// Reads the request body, once it is whole: model, identity, what it is about.
    pub fn read_request(&mut self) {
        if !matches!(self.channel, Channel::Model | Channel::Compact) || self.kind == FlowKind::Ws {
            return;
        }
        let request = match self.request_text().map(Request::parse) {
            Some(Ok(request)) => request,
            Some(Err(error)) if error.is_bound() => {
                self.note_bound(Direction::Out, 0, &error.to_string());
                return;
            }
            Some(Err(_)) | None => return,
        };
        self.identity = self.identify(Some(&request));
        if let Some(turn) = &mut self.turn {
            turn.expect(&request);
        }
        let gist = request.gist();
        if !gist.is_empty() {
            self.gist = gist;
        }
        self.is_warm_up = request.is_warm_up;
        self.asked = Context::of(&request);
        self.model = request.model;
    }

    /// Reads the JSON text of the event that frame number `frame` carries.
    pub fn read_event(&mut self, frame: usize, json: &str) {
        let Some(frame) = self.frames.get_mut(frame).filter(|_| json != "[DONE]") else {
            return;
        };
        match &mut self.turn {
            Some(turn) => {
                frame.ordinal = Some(turn.events);
                frame.event = Some(turn.apply(json));
            }
            None => frame.event = event_kind(json),
        }
    }

    /// Reads the end: a turn without its terminal event failed, and an error body says why.
    pub fn conclude(&mut self) {
        let body = self.response.body.text();
        let is_answered = self
            .response
            .head
            .as_ref()
            .is_some_and(|head| head.status < 300);
        if self.channel == Channel::Compact && is_answered && self.turn.is_none() {
            self.turn = body.and_then(Turn::of_body);
        }
        let Some(turn) = self.turn.as_mut() else {
            return;
        };
        if turn.is_over() {
            return;
        }
        let status = self.response.head.as_ref().map(|head| head.status);
        let is_http = self.kind == FlowKind::Http;
        match status {
            Some(status) if is_http && status >= 400 => {
                turn.status = Status::Failed;
                turn.failure = body.and_then(Failure::from_body);
            }
            None if is_http => turn.status = Status::Failed,
            Some(_) | None => turn.end_of_stream(),
        }
    }

    /// Reads a whole flow whose heads, bodies and frames are in place.
    pub fn replay(&mut self) {
        self.read_heads();
        self.read_request();
        for frame in 0..self.frames.len() {
            match self.frames[frame].dir {
                Direction::In => {
                    if let Some(json) = self.event_text(frame).map(Cow::into_owned) {
                        if self.frames[frame].op == Op::Event {
                            self.frames[frame].len = json.len() as u64;
                        }
                        self.read_event(frame, &json);
                    }
                }
                Direction::Out => self.read_client_event(frame),
            }
        }
        if self.ended.is_some() {
            self.conclude();
        }
    }

    /// Names the event that a message from Codex carries.
    pub fn read_client_event(&mut self, frame: usize) {
        let event = self.event_text(frame).and_then(|text| event_kind(&text));
        if let Some(frame) = self.frames.get_mut(frame) {
            frame.event = event;
        }
    }

    /// Who asks, from the header fields and, where it is known, the body.
    fn identify(&self, request: Option<&Request>) -> Identity {
        let fields = self
            .request
            .head
            .as_ref()
            .map(|head| head.fields.as_slice())
            .unwrap_or_default();
        Identity::of(|name| field(fields, name).map(Cow::into_owned), request)
    }
}

/// The event that a JSON text is, by its `type`.
pub(super) fn event_kind(text: &str) -> Option<EventKind> {
    event_name(text).map(EventKind::from_name)
}

/// The `data` of one block of an event stream.
fn event_data(block: &str) -> Option<String> {
    let mut decoder = sse::Decoder::new(sse::DEFAULT_LIMIT);
    decoder.push(block.as_bytes());
    decoder.finish();
    while let Some(block) = decoder.next() {
        match block.kind {
            sse::Kind::Event(event) | sse::Kind::Unterminated(event) => return Some(event.data),
            sse::Kind::Comment(_) | sse::Kind::Skipped => {}
        }
    }
    None
}
