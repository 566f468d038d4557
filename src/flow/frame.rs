//! Rows of the frame timeline: WebSocket frames, or the events of an SSE body.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::{Flow, FlowKind};
use crate::responses::EventKind;
use crate::tap::{At, Direction, GOING_AWAY, Side};

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

impl Frame {
    /// A row for so many bytes of the wire that are in no frame; `fault` says why.
    pub(crate) fn gap(dir: Direction, at: At, bytes: u64, fault: String) -> Self {
        Self {
            at,
            dir,
            op: Op::Gap,
            wire: bytes,
            len: 0,
            span: 0..0,
            is_compressed: false,
            is_final: true,
            event: None,
            ordinal: None,
            fault: Some(fault),
        }
    }
}

/// What a row of the timeline is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
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

impl Flow {
    /// Whether the proxy ended the connection itself: with a close frame of its own, which is not among those that
    /// it relayed, or, as the only one, without a frame but with a reason.
    #[must_use]
    pub fn is_closed_by_proxy(&self) -> bool {
        let is_relayed = |frame: &Frame| matches!(frame.op, Op::Close(_));
        self.close.as_ref().is_some_and(|close| {
            if close.is_framed {
                !self.frames.iter().any(is_relayed)
            } else {
                !close.reason.is_empty()
            }
        })
    }

    /// The end of a WebSocket connection that no relayed close frame told, as a row of the timeline behind all frames:
    /// what it would be a close frame of (RFC 6455 §7.1.5), and as its fault, who ended it and how.
    #[must_use]
    pub fn abnormal_end(&self) -> Option<Frame> {
        let at = self.ended.filter(|_| self.kind == FlowKind::Ws)?;
        let is_close = |frame: &Frame| matches!(frame.op, Op::Close(_));
        if self.status() != Some(101) || self.frames.iter().any(is_close) {
            return None;
        }
        let close = self.close.as_ref();
        let code = close
            .filter(|close| close.is_framed)
            .map(|close| close.code);
        let (dir, how) = match (&self.close, self.failures.last()) {
            (Some(close), _) if self.is_closed_by_proxy() => {
                let who = if close.reason.starts_with(GOING_AWAY) {
                    ""
                } else {
                    "codextap: "
                };
                (close.dir, format!("{who}{}", close.reason))
            }
            (Some(close), _) => {
                let side = match close.dir {
                    Direction::Out => "Codex",
                    Direction::In => "upstream",
                };
                (close.dir, format!("{side} FIN"))
            }
            (None, Some(failure)) => {
                let dir = match failure.side {
                    Side::Client => Direction::Out,
                    Side::Upstream => Direction::In,
                };
                (dir, failure.in_words())
            }
            (None, None) => (Direction::In, "how is not known".to_owned()),
        };
        Some(Frame {
            op: Op::Close(code.unwrap_or(Some(ABNORMAL))),
            ..Frame::gap(dir, at, 0, how)
        })
    }
}

/// The close code of a connection without a close frame (RFC 6455 §7.1.5).
pub const ABNORMAL: u16 = 1006;
