//! What a flow's bytes mean: its request, its events and its end, read off what was stored.
//!
//! Live recording and re-opened captures call the same functions in the same order
//! ([`Flow::read_request`], [`Flow::read_event`] for each event, [`Flow::conclude`]), so that a flow looks
//! the same both ways. [`Flow::replay`] does all of it for a flow that is whole.

use std::borrow::Cow;

use super::{Channel, Context, Flow, FlowKind, Frame, Op, Titles};
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
        text_of(frame.op, self.frame_bytes(frame))
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

    /// Reads the request body, once it is whole: model, identity, what it is about. Gives what was read.
    pub fn read_request(&mut self) -> Option<Request> {
        self.read_request_after(&Titles::default())
    }

    /// The same of a turn on a WebSocket, where the turn before it made these calls.
    pub fn read_request_after(&mut self, made: &Titles) -> Option<Request> {
        if !matches!(self.channel, Channel::Model | Channel::Compact) || self.kind == FlowKind::Ws {
            return None;
        }
        let request = match self.request_text().map(Request::parse) {
            Some(Ok(request)) => request,
            Some(Err(error)) if error.is_bound() => {
                self.note_bound(Direction::Out, 0, &error.to_string());
                return None;
            }
            Some(Err(_)) | None => return None,
        };
        self.identity = self.identify(Some(&request));
        if let Some(turn) = &mut self.turn {
            turn.expect(&request);
        }
        let gist = request.gist_after(|id| made.get(id));
        if !gist.is_empty() {
            self.gist = gist;
        }
        self.is_warm_up = request.is_warm_up;
        self.asked = Context::of(&request);
        self.model.clone_from(&request.model);
        Some(request)
    }

    /// Reads the JSON text of the event that frame number `frame` carries.
    pub fn read_event(&mut self, frame: usize, json: &str) {
        if let Some(frame) = self.frames.get_mut(frame) {
            frame.read(self.turn.as_mut(), json);
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

    /// Reads a whole flow whose heads, bodies and frames are in place. Gives its request as it was read.
    pub fn replay(&mut self) -> Option<Request> {
        self.read_heads();
        let request = self.read_request();
        for frame in 0..self.frames.len() {
            if self.frames[frame].dir == Direction::Out {
                self.read_client_event(frame);
                continue;
            }
            let (frame, body) = (&mut self.frames[frame], self.response.body.bytes());
            let bytes = body.get(frame.span.clone()).unwrap_or_default();
            if let Some(json) = text_of(frame.op, bytes) {
                if frame.op == Op::Event {
                    frame.len = json.len() as u64;
                }
                frame.read(self.turn.as_mut(), &json);
            }
        }
        if self.ended.is_some() {
            self.conclude();
        }
        request
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

impl Frame {
    /// Takes note of the event that the frame carries, and has the turn take it in.
    fn read(&mut self, turn: Option<&mut Turn>, json: &str) {
        match turn {
            _ if json == "[DONE]" => {}
            Some(turn) => {
                self.ordinal = Some(turn.events);
                self.event = Some(turn.apply(json));
            }
            None => self.event = event_kind(json),
        }
    }
}

/// The JSON text of the event that a frame's bytes are.
fn text_of(op: Op, bytes: &[u8]) -> Option<Cow<'_, str>> {
    let text = || {
        std::str::from_utf8(bytes)
            .ok()
            .filter(|text| !text.is_empty())
    };
    match op {
        Op::Event => event_data(text()?),
        Op::Text | Op::Continuation => text().map(Cow::Borrowed),
        Op::Binary
        | Op::Close(_)
        | Op::Ping
        | Op::Pong
        | Op::Reserved(_)
        | Op::Comment
        | Op::Gap => None,
    }
}

/// The event that a JSON text is, by its `type`.
pub(super) fn event_kind(text: &str) -> Option<EventKind> {
    event_name(text).map(EventKind::from_name)
}

/// The `data` of one block of an event stream.
fn event_data(block: &str) -> Option<Cow<'_, str>> {
    plain_data(block).map_or_else(
        || decoded_data(block).map(Cow::Owned),
        |data| Some(data.into()),
    )
}

/// The same where it is one line, as it nearly always is; `None` where that takes a decoder to tell.
fn plain_data(block: &str) -> Option<&str> {
    let is_plain = !block.contains('\r') && block.len() as u64 <= sse::DEFAULT_LIMIT;
    let block = Some(block).filter(|block| is_plain && !block.starts_with('\u{feff}'))?;
    let mut data = None;
    for line in block.split('\n').filter(|line| line.starts_with("data")) {
        let line = line.strip_prefix("data:")?;
        if data
            .replace(line.strip_prefix(' ').unwrap_or(line))
            .is_some()
        {
            return None;
        }
    }
    data.filter(|data| !data.is_empty())
}

fn decoded_data(block: &str) -> Option<String> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_in_one_line_is_what_a_decoder_finds() {
        for (block, is_plain) in [
            ("event: x\ndata: {\"a\":1}\n\n", true),
            ("data:{}\nid: 1\n\n", true),
            ("data:  {}", true),
            (": note\n\ndata: {}\n\n", true),
            ("data: {\ndata: }\n\n", false),
            ("data: {}\r\n\r\n", false),
            ("\u{feff}data: {}\n\n", false),
            ("data\n\n", false),
            ("data: \n\n", false),
            ("database: {}\ndata: {}\n\n", false),
            ("event: x\n\n", false),
        ] {
            let plain = plain_data(block);
            assert_eq!(plain.is_some(), is_plain, "{block:?}");
            if let Some(plain) = plain {
                assert_eq!(decoded_data(block).as_deref(), Some(plain), "{block:?}");
            }
        }
    }
}
