//! WebSocket frames and messages of one direction (RFC 6455, RFC 7692).
//!
//! Takes the bytes that followed the handshake and gives every [`Frame`], with the message it
//! completes. A breach of the standard is told on the frame it was found in and decoding goes on,
//! for it is the two ends' business to fail the connection. Only where the framing itself is gone
//! (bytes missing, an impossible length) it refuses to guess and counts bytes.

mod header;
mod message;

#[cfg(test)]
mod tests;

use std::collections::VecDeque;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use self::header::Header;
use self::message::Assembly;
use super::deflate::{Inflater, Parameters};
use super::{Fault, mask};

/// Decodes the frames of one direction.
///
/// Push bytes, then call [`next`](Self::next) until it gives `None`; [`finish`](Self::finish) when
/// the connection has ended, [`missed`](Self::missed) where bytes were lost.
#[derive(Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent facts about the direction"
)]
pub struct Decoder {
    /// The client's direction, where frames are masked.
    is_client: bool,
    /// The longest message kept, in bytes, inflated.
    limit: usize,
    /// Inflates compressed messages, if the ends agreed on that.
    inflater: Option<Inflater>,
    /// Bytes pushed; those before `consumed` are done with.
    input: Vec<u8>,
    consumed: usize,
    /// Offset of the next frame, or of the one being read.
    offset: u64,
    /// The bytes of a frame's header that came so far.
    header: Vec<u8>,
    /// The frame whose payload is being read.
    reading: Option<Reading>,
    /// The message whose frames are being read.
    message: Option<Assembly>,
    /// How many messages have begun.
    messages: u64,
    /// A close frame has come.
    is_closed: bool,
    /// The framing is lost, so that bytes are only counted.
    is_out_of_step: bool,
    /// No more bytes will come.
    is_finished: bool,
    /// Bytes that belong to no frame.
    skipped: u64,
    /// Found before the caller asked for it.
    ready: VecDeque<Event>,
}

/// A direction between two messages, as far as it matters to those that follow.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rest {
    /// Bytes since the handshake.
    pub offset: u64,
    /// Messages since then.
    messages: u64,
    /// What compressed messages may refer to, [inflated](Inflater::context).
    context: Option<Context>,
}

/// The bytes of an inflater's context, in base64 where they are serialized (RFC 4648 §4).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
struct Context(Vec<u8>);

impl From<Context> for String {
    fn from(Context(bytes): Context) -> Self {
        STANDARD.encode(bytes)
    }
}

impl TryFrom<String> for Context {
    type Error = base64::DecodeError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        STANDARD.decode(text).map(Self)
    }
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A frame, whole, or cut by the end of the connection and then with a fault that says so.
    Frame(Frame),
    /// Something that concerns no single frame.
    Fault(Fault),
}

/// A frame as it was on the wire (RFC 6455 §5.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Where it begins, in bytes since the handshake.
    pub offset: u64,
    /// How many bytes it took on the wire, header included.
    pub wire: u64,
    /// The last frame of its message.
    pub fin: bool,
    /// The first reserved bit: the message is compressed (RFC 7692 §6).
    pub rsv1: bool,
    /// What it is.
    pub op: Opcode,
    /// Its payload was masked.
    pub masked: bool,
    /// The payload's length on the wire as the header has it, in bytes.
    pub len: u64,
    /// The payload, unmasked, of control and reserved frames, up to 125 bytes; empty for others,
    /// whose payload is in the message.
    pub payload: Vec<u8>,
    /// The message this frame completes.
    pub message: Option<Message>,
    /// What a close frame says.
    pub close: Option<Close>,
    /// What is wrong with it.
    pub faults: Vec<Fault>,
}

/// The kind of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Opcode {
    /// More of a message.
    Continuation,
    /// A text message, or the beginning of one.
    Text,
    /// A binary message, or the beginning of one.
    Binary,
    /// The end of the conversation.
    Close,
    /// A question whether the other end is there.
    Ping,
    /// The answer.
    Pong,
    /// A number without a meaning, 3 to 7 or 11 to 15.
    Reserved(u8),
}

/// A message put together from its frames.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// [`Opcode::Text`] or [`Opcode::Binary`].
    pub op: Opcode,
    /// Its bytes, inflated. Those of a text need not be UTF-8; a fault says so.
    pub data: Vec<u8>,
    /// It was compressed on the wire.
    pub compressed: bool,
    /// Nothing is missing: it was neither too long nor cut, and could be inflated.
    pub whole: bool,
}

/// The payload of a close frame (RFC 6455 §5.5.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Close {
    /// The status code, if there is one.
    pub code: Option<u16>,
    /// Why, as text; bytes that are not UTF-8 replaced.
    pub reason: String,
}

impl Decoder {
    /// A decoder for the client's direction (`expect_masked`) or the server's, with what the ends
    /// agreed on for compression. Messages above [`DEFAULT_LIMIT`] are not kept whole.
    #[must_use]
    pub fn new(expect_masked: bool, deflate: Option<Parameters>) -> Self {
        Self::with_limit(expect_masked, deflate, DEFAULT_LIMIT)
    }

    /// The same, keeping at most `limit` bytes of a message, inflated.
    #[must_use]
    pub fn with_limit(expect_masked: bool, deflate: Option<Parameters>, limit: usize) -> Self {
        Self {
            is_client: expect_masked,
            limit,
            inflater: deflate
                .map(|parameters| Inflater::new(parameters.has_takeover(expect_masked))),
            input: Vec::new(),
            consumed: 0,
            offset: 0,
            header: Vec::with_capacity(header::LONGEST),
            reading: None,
            message: None,
            messages: 0,
            is_closed: false,
            is_out_of_step: false,
            is_finished: false,
            skipped: 0,
            ready: VecDeque::new(),
        }
    }

    /// A decoder like [`with_limit`](Self::with_limit), for what comes behind a rest that another one had.
    #[must_use]
    pub fn resumed(
        expect_masked: bool,
        deflate: Option<Parameters>,
        limit: usize,
        rest: Rest,
    ) -> Self {
        let mut resumed = Self::with_limit(expect_masked, deflate, limit);
        if let (Some(parameters), Some(Context(context))) = (deflate, rest.context) {
            let has_takeover = parameters.has_takeover(expect_masked);
            resumed.inflater = Some(Inflater::resumed(has_takeover, &context));
        }
        resumed.offset = rest.offset;
        resumed.messages = rest.messages;
        resumed
    }

    /// The rest that it has, if it is between two messages and has understood all of those before.
    #[must_use]
    pub fn rest(&self) -> Option<Rest> {
        let is_between = self.header.is_empty()
            && self.reading.is_none()
            && self.message.is_none()
            && self.consumed == self.input.len()
            && self.ready.is_empty();
        let is_over = self.is_closed || self.is_finished || self.is_out_of_step;
        if !is_between || is_over {
            return None;
        }
        let context = match &self.inflater {
            Some(inflater) => Some(Context(inflater.context()?.to_vec())),
            None => None,
        };
        Some(Rest {
            offset: self.offset,
            messages: self.messages,
            context,
        })
    }

    /// Takes the next bytes of the direction.
    pub fn push(&mut self, chunk: &[u8]) {
        if self.consumed > self.input.len() / 2 {
            self.input.drain(..self.consumed);
            self.consumed = 0;
        }
        self.input.extend_from_slice(chunk);
    }

    /// The next frame or fault, or `None` if its end has not come yet.
    #[expect(
        clippy::should_implement_trait,
        reason = "None means not yet, not the end"
    )]
    pub fn next(&mut self) -> Option<Event> {
        if self.ready.is_empty() && !self.is_out_of_step {
            let event = self.read();
            self.ready.extend(event);
        }
        if self.is_out_of_step {
            self.skipped += (self.input.len() - self.consumed) as u64;
            self.consumed = self.input.len();
        } else if self.is_finished && self.ready.is_empty() {
            self.cut("the connection ended");
        }
        self.ready.pop_front()
    }

    /// What has come of the message whose end has not come yet, inflated, and the how-manieth message
    /// it is.
    #[must_use]
    pub fn pending(&self) -> (&[u8], u64) {
        let data = self.message.as_ref().map_or(&[][..], Assembly::data);
        (data, self.messages)
    }

    /// Says that the connection has ended.
    pub fn finish(&mut self) {
        self.is_finished = true;
    }

    /// Says that `missed` bytes are lost after what was pushed so far: from here on nobody knows
    /// where a frame begins, and bytes are only counted.
    pub fn missed(&mut self, missed: u64) {
        while !self.is_out_of_step
            && let Some(event) = self.read()
        {
            self.ready.push_back(event);
        }
        if !self.is_out_of_step {
            self.cut("bytes are missing");
            let message = format!("{missed} bytes are missing, frames can no longer be told apart");
            self.ready
                .push_back(Event::Fault(Fault::new(self.offset, message)));
            self.is_out_of_step = true;
        }
        self.skipped += missed;
    }

    /// Bytes, missing ones included, that could not be decoded as part of a frame.
    #[must_use]
    pub fn skipped(&self) -> u64 {
        self.skipped
    }

    /// Reads on until a frame is complete.
    fn read(&mut self) -> Option<Event> {
        loop {
            if self.reading.is_none() {
                let header = self.read_header()?;
                if header.len > MOST_LENGTH {
                    return Some(self.lose_step());
                }
                self.begin(&header);
                self.header.clear();
            }
            self.read_payload();
            if self
                .reading
                .as_ref()
                .is_some_and(|reading| reading.remaining() == 0)
            {
                return self
                    .reading
                    .take()
                    .map(|reading| self.complete(reading, None));
            }
            if self.consumed == self.input.len() {
                return None;
            }
        }
    }

    /// Reads a header, byte by byte until it is complete.
    fn read_header(&mut self) -> Option<Header> {
        loop {
            if let Some(header) = Header::parse(&self.header) {
                return Some(header);
            }
            self.header.push(*self.input.get(self.consumed)?);
            self.consumed += 1;
        }
    }

    /// Begins a frame's payload, and says what is wrong with its header.
    fn begin(&mut self, header: &Header) {
        let mut faults = header.faults(self.is_client, self.inflater.is_some());
        let is_data = matches!(
            header.op,
            Opcode::Continuation | Opcode::Text | Opcode::Binary
        );
        if is_data && self.is_closed {
            faults.push("data after the close frame".to_owned());
        }
        let mut is_kept = is_data;
        match header.op {
            Opcode::Continuation if self.message.is_none() => {
                faults.push("continuation without a message to continue".to_owned());
                is_kept = false;
            }
            Opcode::Text | Opcode::Binary => {
                if let Some(old) = self.message.take() {
                    faults.push("new message inside a fragmented one, which is dropped".to_owned());
                    if old.compressed
                        && let Some(inflater) = &mut self.inflater
                    {
                        inflater.abandon();
                    }
                }
                let compressed = header.rsv1 && self.inflater.is_some();
                self.message = Some(Assembly::new(header.op, compressed));
                self.messages += 1;
            }
            _ => {}
        }
        let offset = self.offset;
        let frame = Frame {
            offset,
            wire: self.header.len() as u64,
            fin: header.fin,
            rsv1: header.rsv1,
            op: header.op,
            masked: header.mask.is_some(),
            len: header.len,
            payload: Vec::new(),
            message: None,
            close: None,
            faults: faults
                .into_iter()
                .map(|message| Fault::new(offset, message))
                .collect(),
        };
        let mask = header.mask;
        self.reading = Some(Reading {
            frame,
            mask,
            arrived: 0,
            is_data,
            is_kept,
        });
    }

    /// Takes what is there of the payload.
    fn read_payload(&mut self) {
        let Some(reading) = &mut self.reading else {
            return;
        };
        let available = (self.input.len() - self.consumed) as u64;
        let end = self.consumed + available.min(reading.remaining()) as usize;
        let piece = self.input.get_mut(self.consumed..end).unwrap_or_default();
        self.consumed = end;
        if let Some(key) = reading.mask {
            mask::apply(key, reading.arrived, piece);
        }
        reading.arrived += piece.len() as u64;
        if !reading.is_data {
            let room = LONGEST_CONTROL - reading.frame.payload.len();
            reading
                .frame
                .payload
                .extend_from_slice(piece.get(..room).unwrap_or(piece));
        } else if reading.is_kept
            && let Some(message) = &mut self.message
        {
            message.push(piece, self.limit, self.inflater.as_mut());
        }
    }

    /// Ends a frame, after all of its payload or, for a reason, before.
    fn complete(&mut self, reading: Reading, cut: Option<&str>) -> Event {
        let missing = reading.remaining();
        let Reading {
            mut frame,
            arrived,
            is_kept,
            ..
        } = reading;
        frame.wire += arrived;
        if let Some(reason) = cut {
            let message = format!("{reason} inside the frame, {missing} bytes before its end");
            frame
                .faults
                .push(Fault::new(self.offset + frame.wire, message));
        }
        let is_last = frame.fin || cut.is_some();
        if is_kept
            && is_last
            && let Some(assembly) = self.message.take()
        {
            let inflater = self.inflater.as_mut();
            let (message, fault) = assembly.complete(self.limit, inflater, cut.is_none());
            frame
                .faults
                .extend(fault.map(|message| Fault::new(frame.offset, message)));
            frame.message = Some(message);
        }
        if frame.op == Opcode::Close && cut.is_none() {
            self.is_closed = true;
            let (close, faults) = Close::parse(&frame.payload);
            let faults = faults
                .into_iter()
                .map(|message| Fault::new(frame.offset, message));
            frame.faults.extend(faults);
            frame.close = Some(close);
        }
        self.offset += frame.wire;
        Event::Frame(frame)
    }

    /// Gives up after a header that cannot be.
    fn lose_step(&mut self) -> Event {
        self.is_out_of_step = true;
        self.skipped += self.header.len() as u64;
        self.header.clear();
        let message = "impossible frame length, frames can no longer be told apart";
        Event::Fault(Fault::new(self.offset, message))
    }

    /// Tells what is left unfinished; nothing if that was told already.
    fn cut(&mut self, reason: &str) {
        if let Some(reading) = self.reading.take() {
            let event = self.complete(reading, Some(reason));
            self.ready.push_back(event);
        }
        if !self.header.is_empty() {
            let message = format!("{reason} inside a frame's header");
            self.ready
                .push_back(Event::Fault(Fault::new(self.offset, message)));
            self.skipped += self.header.len() as u64;
            self.offset += self.header.len() as u64;
            self.header.clear();
        }
        if self.message.take().is_some() {
            let message = format!("{reason} before the last frame of a message");
            self.ready
                .push_back(Event::Fault(Fault::new(self.offset, message)));
        }
    }
}

/// A frame whose payload is on its way.
#[derive(Debug)]
struct Reading {
    /// The frame; its `wire` counts the header alone.
    frame: Frame,
    mask: Option<[u8; 4]>,
    /// Bytes of the payload that have come.
    arrived: u64,
    /// It is part of a message, or claims to be.
    is_data: bool,
    /// Its payload belongs to the decoder's message.
    is_kept: bool,
}

impl Reading {
    fn remaining(&self) -> u64 {
        self.frame.len - self.arrived
    }
}

/// The longest message kept if the caller names no limit: 64 MiB.
pub const DEFAULT_LIMIT: usize = 64 << 20;

/// The longest payload that can be (RFC 6455 §5.2: the most significant bit is 0).
const MOST_LENGTH: u64 = u64::MAX >> 1;

/// The longest payload of a control frame (RFC 6455 §5.5).
const LONGEST_CONTROL: usize = 125;
