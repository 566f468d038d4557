//! The gzip and deflate content codings (RFC 1952, RFC 1950, RFC 1951), one step at a time.
//!
//! Takes and gives what [`encoding`](super::encoding) asks of a codec.

use flate2::{Decompress, FlushDecompress, Status};

use super::encoding::Step;

/// Decodes gzip members, a zlib stream or a bare deflate stream.
#[derive(Debug)]
pub(super) struct Zlib {
    state: State,
    /// More members may follow the first.
    is_gzip: bool,
}

#[derive(Debug)]
enum State {
    /// Nothing came yet.
    Start,
    /// One byte of a deflate coding came; the next one tells which kind it is.
    First(u8),
    Inside(Decompress),
    End,
}

impl Zlib {
    /// For the gzip coding.
    pub(super) fn gzip() -> Self {
        Self {
            state: State::Start,
            is_gzip: true,
        }
    }

    /// For the deflate coding: zlib as the standard has it, or the bare deflate data that some send
    /// instead (RFC 9110 §8.4.1.2).
    pub(super) fn deflate() -> Self {
        Self {
            state: State::Start,
            is_gzip: false,
        }
    }

    /// Decodes some of `input` into the room that `out` has.
    pub(super) fn step(&mut self, input: &[u8], out: &mut Vec<u8>) -> Step {
        let Some(&first) = input.first() else {
            return self.decompress(input, out);
        };
        match self.state {
            State::Start if self.is_gzip => self.state = State::Inside(Decompress::new_gzip(15)),
            State::Start => {
                self.state = State::First(first);
                return Step::new(1, true);
            }
            State::First(head) => {
                let mut inner = Decompress::new(is_zlib(head, first));
                // A first byte alone gives nothing and cannot fail.
                let _ = inner.decompress_vec(&[head], out, FlushDecompress::None);
                self.state = State::Inside(inner);
            }
            State::End if self.is_gzip && first == GZIP_MAGIC => {
                self.state = State::Inside(Decompress::new_gzip(15));
            }
            State::End => return Step::failed(0, "bytes follow its end"),
            State::Inside(_) => {}
        }
        self.decompress(input, out)
    }

    /// True if the data may end here.
    pub(super) fn is_complete(&self) -> bool {
        matches!(self.state, State::End)
    }

    fn decompress(&mut self, input: &[u8], out: &mut Vec<u8>) -> Step {
        let State::Inside(inner) = &mut self.state else {
            return Step::new(0, true);
        };
        let before = inner.total_in();
        let result = inner.decompress_vec(input, out, FlushDecompress::None);
        let consumed = (inner.total_in() - before) as usize;
        match result {
            Ok(Status::StreamEnd) => {
                self.state = State::End;
                Step::new(consumed, true)
            }
            Ok(_) => Step::new(consumed, out.len() < out.capacity()),
            // The library's reason depends on how the bytes were cut.
            Err(_) => Step::failed(consumed, "not deflate data"),
        }
    }
}

/// Whether two bytes begin a zlib stream (RFC 1950 §2.2).
fn is_zlib(cmf: u8, flg: u8) -> bool {
    let check = u16::from_be_bytes([cmf, flg]);
    cmf & 0x0F == 8 && cmf >> 4 <= 7 && check.is_multiple_of(31)
}

/// The first byte of a gzip member (RFC 1952 §2.3.1).
const GZIP_MAGIC: u8 = 0x1F;
