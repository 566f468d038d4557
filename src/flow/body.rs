//! A body as it can be read: content coding undone, secrets masked, and what the wire carried beside it.
//!
//! Up to [`LIMIT`](super::LIMIT) it stands in memory. What is behind goes to a [`Spill`] as it comes, or is still where it
//! was written, in a capture's line.

use std::io::{self, Read};
use std::ops::Range;
use std::sync::Arc;

/// A decoded body, or the messages of one direction of a WebSocket one after another.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Body {
    /// The decoded bytes, secrets masked: all of them, or the first.
    bytes: Vec<u8>,
    /// Those behind them.
    rest: Rest,
    /// The value of `Content-Encoding`, when there was one.
    pub coding: Option<String>,
    /// Bytes on the wire, as sent: before the coding was undone, masks and frame headers counted.
    pub wire_len: u64,
    /// SHA-256 of the wire bytes, in lower-case hexadecimal, once the body ended.
    pub digest: Option<String>,
    /// Bytes that passed but could not be copied, or were too many to keep.
    pub missed: u64,
    /// Whether the body came to its proper end; `false` while it is arriving.
    pub is_complete: bool,
}

/// What of a body is not in memory.
#[derive(Clone, Default, Debug)]
struct Rest {
    /// How many bytes it has.
    len: u64,
    /// Where they are; `None` if that is a capture's line.
    spill: Option<Arc<dyn Spill>>,
    /// Whether what comes has no place any more: there would be a gap before it.
    is_closed: bool,
    /// Whether some of them are no UTF-8.
    is_binary: bool,
}

/// A place on the disk for the rest of a body.
pub trait Spill: std::fmt::Debug + Send + Sync {
    /// Takes the next bytes, without waiting for the disk. Says whether it does: one that is full or
    /// hangs takes no more.
    fn add(&self, bytes: Vec<u8>) -> bool;

    /// Takes no more, waits for the disk, and says how many bytes are there: of all that were taken, the
    /// first.
    fn finish(&self) -> u64;

    /// Reads bytes from `offset` on; gives how many, none at the end.
    ///
    /// # Errors
    /// What reading the file gives.
    fn read(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize>;
}

/// Makes places for what is too long to stay in memory.
pub trait Spills: std::fmt::Debug + Send + Sync {
    /// A new one, if there is room for any.
    fn open(&self) -> Option<Arc<dyn Spill>>;
}

impl Body {
    /// The decoded bytes, secrets masked; of a long body the first.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The same as text, if it is UTF-8.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        std::str::from_utf8(&self.bytes).ok()
    }

    /// Whether all of it is UTF-8, in memory and behind.
    #[must_use]
    pub fn is_text(&self) -> bool {
        !self.rest.is_binary && self.text().is_some()
    }

    /// How many bytes stand behind those in memory.
    #[must_use]
    pub fn rest(&self) -> u64 {
        self.rest.len
    }

    /// How many bytes it has, in memory and behind.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.bytes.len() as u64 + self.rest.len
    }

    /// How many bytes that passed are not in memory: those behind, and those that were missed.
    #[must_use]
    pub fn left_out(&self) -> u64 {
        self.missed.saturating_add(self.rest.len)
    }

    /// Whether it has none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether all of it is at hand: in memory, or where it was spilled.
    #[must_use]
    pub fn is_at_hand(&self) -> bool {
        self.rest.len == 0 || self.rest.spill.is_some()
    }

    /// Reads it from its first byte to its last one, as far as it is at hand.
    #[must_use]
    pub fn reader(&self) -> Reader<'_> {
        Reader { body: self, at: 0 }
    }

    /// Takes the decoded, masked bytes of a body that has none yet.
    pub(super) fn fill(&mut self, bytes: Vec<u8>) {
        self.bytes = bytes;
    }

    /// Makes room for `len` bytes in memory.
    pub(super) fn expect(&mut self, len: usize) {
        self.bytes
            .reserve_exact(len.saturating_sub(self.bytes.len()));
    }

    /// Adds decoded, masked bytes; returns the span they now have.
    pub fn push(&mut self, bytes: &[u8]) -> Range<usize> {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(bytes);
        start..self.bytes.len()
    }

    /// Takes note that `len` more bytes stand in the capture.
    pub fn leave(&mut self, len: u64) {
        self.rest.len = len;
    }

    /// Adds decoded, masked bytes behind those in memory; of text, whole characters. What finds no place is
    /// counted.
    pub(super) fn spill(&mut self, bytes: Vec<u8>, spills: Option<&dyn Spills>) {
        let len = bytes.len() as u64;
        let rest = &mut self.rest;
        let is_binary = std::str::from_utf8(&bytes).is_err();
        if !rest.is_closed {
            if rest.spill.is_none() {
                rest.spill = spills.and_then(Spills::open);
            }
            rest.is_closed = !rest.spill.as_ref().is_some_and(|spill| spill.add(bytes));
        }
        if rest.is_closed {
            self.missed += len;
        } else {
            rest.len += len;
            rest.is_binary |= is_binary;
        }
    }

    /// Takes note that `len` bytes more than are in memory stand where `rows` do, each message behind its row.
    pub(super) fn follow(&mut self, len: u64, rows: &Self) {
        self.rest.len += len;
        self.rest.spill.clone_from(&rows.rest.spill);
    }

    /// Takes note that `len` of the bytes that are not in memory, which had `wire` bytes on the wire, are not kept.
    pub(super) fn lose(&mut self, len: u64, wire: u64) {
        self.rest.len -= len;
        self.missed += wire;
        if self.rest.len == 0 {
            self.rest.spill = None;
        }
    }

    /// Waits until what was spilled is on the disk; gives how much is.
    pub(super) fn spilled(&self) -> u64 {
        let rest = &self.rest;
        let spill = rest.spill.as_ref();
        spill.map_or(rest.len, |spill| spill.finish().min(rest.len))
    }

    /// Counts as missed what is behind the first `len` bytes that are not in memory.
    pub(super) fn cut(&mut self, len: u64) {
        self.missed += self.rest.len - len;
        self.rest.len = len;
        if len == 0 {
            self.rest.spill = None;
        }
    }
}

impl PartialEq for Rest {
    fn eq(&self, other: &Self) -> bool {
        self.len == other.len
    }
}

impl Eq for Rest {}

/// Reads a body, in memory and behind.
#[derive(Debug)]
pub struct Reader<'a> {
    body: &'a Body,
    at: u64,
}

impl Read for Reader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let bytes = &self.body.bytes;
        let known = bytes.len() as u64;
        let read = match (&self.body.rest.spill, self.at.checked_sub(known)) {
            (_, None) => {
                let left = &bytes[self.at as usize..];
                let read = left.len().min(buffer.len());
                buffer[..read].copy_from_slice(&left[..read]);
                read
            }
            (Some(spill), Some(offset)) => {
                let left = self.body.rest.len - offset;
                let most = left.min(buffer.len() as u64) as usize;
                spill.read(offset, &mut buffer[..most])?
            }
            (None, Some(_)) => 0,
        };
        self.at += read as u64;
        Ok(read)
    }
}

/// Something wrong in the bytes, which passed on unchanged all the same.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fault {
    /// Which way the bytes travelled.
    pub dir: crate::tap::Direction,
    /// Where: offset into the wire bytes of that direction.
    pub offset: u64,
    /// What, in one line.
    pub message: String,
}
