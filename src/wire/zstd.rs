//! The zstd content coding (RFC 8878, RFC 9659), one step at a time.
//!
//! Takes and gives what [`encoding`](super::encoding) asks of a codec.

use std::fmt;

use ::zstd::stream::raw::{DParameter, Decoder, InBuffer, Operation, OutBuffer};

use super::encoding::Step;

/// Decodes zstd frames, one after another.
pub(super) struct Zstd {
    /// `None` if there was no memory for it.
    inner: Option<Decoder<'static>>,
    /// How many bytes it would like next, 0 between frames.
    wanted: usize,
}

impl Zstd {
    pub(super) fn new() -> Self {
        let mut inner = Decoder::new().ok();
        if let Some(inner) = &mut inner {
            // Refused only if the number were out of range.
            let _ = inner.set_parameter(DParameter::WindowLogMax(WINDOW_LOG_MAX));
        }
        Self { inner, wanted: 0 }
    }

    /// Decodes some of `input` into the room that `out` has.
    pub(super) fn step(&mut self, input: &[u8], out: &mut Vec<u8>) -> Step {
        let Some(inner) = &mut self.inner else {
            return Step::failed(0, "no memory");
        };
        // The library drops what it decoded in a call that then fails. So a call gets no more than
        // the rest of a block; what the library wants beyond it is the next block's header.
        let most = match self.wanted {
            0 => 1,
            wanted @ 1..=BLOCK_HEADER => wanted,
            wanted => wanted - BLOCK_HEADER,
        };
        let input = input.get(..most).unwrap_or(input);
        let mut source = InBuffer::around(input);
        let length = out.len();
        let result = inner.run(&mut source, &mut OutBuffer::around_pos(out, length));
        let consumed = source.pos();
        match result {
            Ok(wanted) => {
                self.wanted = wanted;
                let has_room = out.len() < out.capacity();
                if has_room && consumed == 0 && out.len() == length && !input.is_empty() {
                    return Step::failed(0, "no progress");
                }
                Step::new(consumed, has_room)
            }
            Err(error) => {
                out.truncate(length);
                Step::failed(consumed, error.to_string())
            }
        }
    }

    /// True if the data may end here.
    pub(super) fn is_complete(&self) -> bool {
        self.wanted == 0
    }
}

impl fmt::Debug for Zstd {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Zstd")
            .field("wanted", &self.wanted)
            .finish_non_exhaustive()
    }
}

/// RFC 9659 §3: a content coding uses windows of at most 8 MiB, and a decoder may refuse more.
const WINDOW_LOG_MAX: u32 = 23;

/// Length of a block's header (RFC 8878 §3.1.1.2).
const BLOCK_HEADER: usize = 3;
