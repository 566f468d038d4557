//! Bytes to frames: content codings, server-sent events, WebSocket frames and their compression.
//!
//! Every decoder here is a pure state machine with the same three steps:
//!
//! 1. `push(chunk)` takes bytes as they arrived, in any portions, and copies them once.
//! 2. `next()` gives what can be told so far, one thing at a time; `None` means "not yet". Call it
//!    until it says so after every `push`, or the pushed bytes pile up.
//! 3. `finish()` says that no more bytes come; `next()` then gives what was left unfinished.
//!
//! However the bytes are cut into pushes, the outcome is the same. Nothing here reads a clock or
//! does I/O, and time is unknown: offsets and spans count bytes, and the caller knows when they
//! came. Malformed input is never an `Err` and never a panic; it is told as a [`Fault`], and
//! decoding goes on wherever that still makes sense. Memory is bounded by limits given to the
//! constructors, work is linear in the bytes read and written.

pub mod deflate;
pub mod encoding;
pub mod sse;
pub mod websocket;

mod brotli;
mod mask;
mod zlib;
mod zstd;

/// Something in the bytes that is not as its standard wants it, or that was not kept.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Fault {
    /// Where, in bytes since the decoder's beginning. [`sse`] and [`websocket`] count the bytes
    /// pushed (and missed); [`encoding`] counts the bytes it gave out, so that the fault has a
    /// place in the decoded body.
    pub offset: u64,
    /// What, as a lowercase sentence without a full stop, which names nothing of the
    /// bytes but numbers and, checked, the name of a content coding.
    pub message: String,
}

impl Fault {
    fn new(offset: u64, message: impl Into<String>) -> Self {
        Self {
            offset,
            message: message.into(),
        }
    }
}

/// A limit in the words of a message: whole mebibytes where it is a multiple of one.
fn amount(bytes: u64) -> String {
    if bytes >= MIB && bytes.is_multiple_of(MIB) {
        format!("{} MiB", bytes / MIB)
    } else {
        format!("{bytes} bytes")
    }
}

const MIB: u64 = 1 << 20;
