//! Rows of the frame timeline: WebSocket frames, or the events of an SSE body.

use std::ops::Range;

use crate::responses::EventKind;
use crate::tap::{At, Direction};

/// One WebSocket frame, or one block of an SSE body.
#[derive(Clone, PartialEq, Debug)]
pub struct Frame {
    /// When its last byte passed.
    pub at: At,
    /// Which way it travelled.
    pub dir: Direction,
    /// What it is.
    pub op: Op,
    /// Bytes on the wire, header included.
    pub wire: u64,
    /// Bytes of the payload once unmasked, reassembled and inflated: the whole message's on the frame that completes it.
    pub len: u64,
    /// Where its text stands in the body of its direction ([`super::Flow::frame_bytes`]); empty for
    /// a fragment that does not complete its message.
    pub span: Range<usize>,
    /// Whether the message was compressed (RFC 7692).
    pub is_compressed: bool,
    /// Whether it completes a message (RFC 6455 §5.4); always true for control frames and SSE blocks.
    pub is_final: bool,
    /// The Responses event it carries, if its text is one.
    pub event: Option<EventKind>,
    /// The event's number within the turn, for what the turn refers to by ordinal.
    pub ordinal: Option<u32>,
    /// What is wrong with it, in one line.
    pub fault: Option<String>,
}

/// What a row of the timeline is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Op {
    /// A text frame.
    Text,
    /// A binary frame.
    Binary,
    /// A continuation frame.
    Continuation,
    /// A close frame; its text is the reason.
    Close(Option<u16>),
    /// A ping.
    Ping,
    /// A pong.
    Pong,
    /// A frame with a reserved opcode.
    Reserved(u8),
    /// An event of an SSE body.
    Event,
    /// A comment, or a block of an SSE body that dispatches nothing.
    Comment,
    /// Bytes that could not be read as a frame or event, or that were not copied; `fault` says why.
    Gap,
}

impl Op {
    /// Every name, in the order of the kinds.
    pub const NAMES: [&str; 10] = [
        Self::Text.as_str(),
        Self::Binary.as_str(),
        Self::Continuation.as_str(),
        Self::Close(None).as_str(),
        Self::Ping.as_str(),
        Self::Pong.as_str(),
        Self::Reserved(0).as_str(),
        Self::Event.as_str(),
        Self::Comment.as_str(),
        Self::Gap.as_str(),
    ];

    /// Its name, as the timeline and captures spell it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Binary => "binary",
            Self::Continuation => "continuation",
            Self::Close(_) => "close",
            Self::Ping => "ping",
            Self::Pong => "pong",
            Self::Reserved(_) => "reserved",
            Self::Event => "event",
            Self::Comment => "comment",
            Self::Gap => "gap",
        }
    }

    /// Whether it is a WebSocket control frame (RFC 6455 §5.5).
    #[must_use]
    pub const fn is_control(self) -> bool {
        matches!(self, Self::Close(_) | Self::Ping | Self::Pong)
    }
}
