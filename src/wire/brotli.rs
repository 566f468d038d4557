//! The br content coding (RFC 7932), one step at a time.
//!
//! Takes and gives what [`encoding`](super::encoding) asks of a codec.

use std::fmt;

use brotli_decompressor::{BrotliDecompressStream, BrotliResult, BrotliState, StandardAlloc};

use super::encoding::Step;

/// Decodes one brotli stream.
pub(super) struct Brotli {
    inner: Box<BrotliState<StandardAlloc, StandardAlloc, StandardAlloc>>,
    is_complete: bool,
    /// The library writes into initialised memory only.
    scratch: Box<[u8]>,
}

impl Brotli {
    /// Decodes some of `input` into the room that `out` has.
    pub(super) fn step(&mut self, input: &[u8], out: &mut Vec<u8>) -> Step {
        if self.is_complete {
            return match input {
                [] => Step::new(0, true),
                _ => Step::failed(0, "bytes follow its end"),
            };
        }
        // The library drops what it decoded in a call that then fails, and it decodes as far as its
        // input goes. So a call gets a single byte.
        let input = input.get(..1).unwrap_or(input);
        let mut available = input.len();
        let mut consumed = 0;
        let mut room = self.scratch.len().min(out.capacity() - out.len());
        let mut written = 0;
        let result = BrotliDecompressStream(
            &mut available,
            &mut consumed,
            input,
            &mut room,
            &mut written,
            &mut self.scratch,
            &mut 0,
            &mut self.inner,
        );
        out.extend_from_slice(self.scratch.get(..written).unwrap_or_default());
        match result {
            BrotliResult::ResultSuccess => {
                self.is_complete = true;
                Step::new(consumed, true)
            }
            BrotliResult::NeedsMoreInput => Step::new(consumed, true),
            BrotliResult::NeedsMoreOutput => Step::new(consumed, false),
            BrotliResult::ResultFailure => Step::failed(consumed, "not brotli data"),
        }
    }

    /// True if the data may end here.
    pub(super) fn is_complete(&self) -> bool {
        self.is_complete
    }
}

impl Default for Brotli {
    fn default() -> Self {
        let allocator = StandardAlloc::default;
        // Strict: no windows above 16 MiB, which RFC 7932 does not have.
        let inner = BrotliState::new_strict(allocator(), allocator(), allocator());
        Self {
            inner: Box::new(inner),
            is_complete: false,
            scratch: vec![0; 4096].into(),
        }
    }
}

impl fmt::Debug for Brotli {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = formatter.debug_struct("Brotli");
        debug
            .field("is_complete", &self.is_complete)
            .finish_non_exhaustive()
    }
}
