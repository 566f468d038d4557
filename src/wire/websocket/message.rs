//! Putting messages together, and reading what a close frame says.

use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use super::{Close, Message, Opcode};
use crate::wire::amount;
use crate::wire::deflate::Inflater;

/// A message whose frames are coming in.
#[derive(Debug)]
pub(super) struct Assembly {
    op: Opcode,
    pub(super) compressed: bool,
    data: Vec<u8>,
    /// Bytes were left out.
    is_over: bool,
}

impl Assembly {
    pub(super) fn new(op: Opcode, compressed: bool) -> Self {
        Self {
            op,
            compressed,
            data: Vec::new(),
            is_over: false,
        }
    }

    /// What is there of it.
    pub(super) fn data(&self) -> &[u8] {
        &self.data
    }

    /// Takes a piece of payload, and keeps it as far as the limit allows.
    pub(super) fn push(&mut self, piece: &[u8], limit: usize, inflater: Option<&mut Inflater>) {
        if self.compressed
            && let Some(inflater) = inflater
        {
            inflater.push(piece, limit, &mut self.data);
            return;
        }
        let room = limit.saturating_sub(self.data.len());
        self.is_over |= piece.len() > room;
        self.data
            .extend_from_slice(piece.get(..room).unwrap_or(piece));
    }

    /// The message, and what is wrong with it. `is_ended` is false if the rest will never come.
    pub(super) fn complete(
        mut self,
        limit: usize,
        inflater: Option<&mut Inflater>,
        is_ended: bool,
    ) -> (Message, Option<String>) {
        let mut fault = None;
        if self.is_over {
            let most = amount(limit as u64);
            fault = Some(format!("message above {most}, the rest is not kept"));
        }
        if self.compressed
            && is_ended
            && let Some(inflater) = inflater
        {
            fault = inflater.end_message(limit, &mut self.data).err();
        }
        let whole = is_ended && fault.is_none();
        // RFC 6455 §8.1: a text message is UTF-8; its frames alone need not be.
        if whole && self.op == Opcode::Text && std::str::from_utf8(&self.data).is_err() {
            fault = Some("text is not UTF-8".to_owned());
        }
        let Self {
            op,
            compressed,
            data,
            ..
        } = self;
        (
            Message {
                op,
                data,
                compressed,
                whole,
            },
            fault,
        )
    }
}

impl Close {
    /// Reads a close frame's payload, and says what is wrong with it (RFC 6455 §5.5.1, §7.4).
    pub(super) fn parse(payload: &[u8]) -> (Self, Vec<String>) {
        let mut faults = Vec::new();
        let Some((code, reason)) = payload.split_first_chunk() else {
            if !payload.is_empty() {
                faults.push("close frame with half a status code".to_owned());
            }
            return (
                Self {
                    code: None,
                    reason: String::new(),
                },
                faults,
            );
        };
        let code = u16::from_be_bytes(*code);
        if !CloseCode::from(code).is_allowed() {
            faults.push(format!("close code {code} must not be sent"));
        }
        if std::str::from_utf8(reason).is_err() {
            faults.push("close reason is not UTF-8".to_owned());
        }
        let reason = String::from_utf8_lossy(reason).into_owned();
        (
            Self {
                code: Some(code),
                reason,
            },
            faults,
        )
    }
}
