//! A body as it can be read: content coding undone, secrets masked, and what the wire carried beside it.

/// A decoded body, or the messages of one direction of a WebSocket one after another.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Body {
    /// The decoded bytes, secrets masked.
    bytes: Vec<u8>,
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

impl Body {
    /// The decoded bytes, secrets masked.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The body as text, if it is UTF-8.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        std::str::from_utf8(&self.bytes).ok()
    }

    /// Takes the decoded, masked bytes of a body that has none yet.
    pub(super) fn fill(&mut self, bytes: Vec<u8>) {
        self.bytes = bytes;
    }

    /// Adds decoded, masked bytes; returns the span they now have.
    pub fn push(&mut self, bytes: &[u8]) -> std::ops::Range<usize> {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(bytes);
        start..self.bytes.len()
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
