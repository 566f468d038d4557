//! Walks the chunked coding (RFC 9112 §7.1) of bytes that are forwarded as they are.
//!
//! It finds the payload, the trailer section and the end, byte by byte, so that a message may be
//! cut anywhere: what it says of the bytes does not depend on how they came. It is strict: nothing
//! from the first byte on that is out of place is forwarded.

use std::ops::Range;

use super::head::{is_text, is_token};

/// Where a walk through a chunked body stands.
#[derive(Debug)]
pub(super) struct Chunked {
    at: Place,
    /// The size of the chunk as far as it was read, then how much of its data is to come.
    left: u64,
    /// Bytes of chunk extensions so far, in the whole body.
    extensions: usize,
    /// The trailer section as it came.
    trailers: Vec<u8>,
}

/// What the next byte belongs to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Place {
    /// The first digit of a chunk's size.
    Size,
    /// Its further digits.
    Digits,
    /// White space before an extension.
    Space,
    Extension,
    SizeLf,
    Data,
    DataCr,
    DataLf,
    /// The first byte of a trailer line, or the end.
    Trailer,
    TrailerName,
    TrailerValue,
    TrailerLf,
    EndLf,
    End,
    Broken(&'static str),
}

impl Default for Chunked {
    fn default() -> Self {
        Self {
            at: Place::Size,
            left: 0,
            extensions: 0,
            trailers: Vec::new(),
        }
    }
}

impl Chunked {
    /// Walks on over `bytes`, adds where payload stands in them to `payload`, and gives how many of
    /// them belong to the body and may be forwarded.
    pub(super) fn walk(&mut self, bytes: &[u8], payload: &mut Vec<Range<usize>>) -> usize {
        let mut at = 0;
        while at < bytes.len() {
            match self.at {
                Place::End | Place::Broken(_) => break,
                Place::Data => {
                    let len = self.left.min((bytes.len() - at) as u64);
                    payload.push(at..at + len as usize);
                    at += len as usize;
                    self.left -= len;
                    if self.left == 0 {
                        self.at = Place::DataCr;
                    }
                }
                place => {
                    self.at = self.step(place, bytes[at]);
                    if matches!(self.at, Place::Broken(_)) {
                        break;
                    }
                    at += 1;
                }
            }
        }
        at
    }

    /// Whether the end was reached.
    pub(super) fn is_over(&self) -> bool {
        self.at == Place::End
    }

    /// What broke the walk.
    pub(super) fn fault(&self) -> Option<&'static str> {
        match self.at {
            Place::Broken(fault) => Some(fault),
            _ => None,
        }
    }

    /// The field lines of the trailer section, each with its line end.
    pub(super) fn take_trailers(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.trailers)
    }

    fn step(&mut self, place: Place, byte: u8) -> Place {
        match (place, byte) {
            (Place::Size | Place::Digits, b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F') => {
                if self.left >> (u64::BITS - 4) != 0 {
                    return Place::Broken("a chunk's size is too large");
                }
                let digit = char::from(byte).to_digit(16).unwrap_or_default();
                self.left = self.left << 4 | u64::from(digit);
                Place::Digits
            }
            (Place::Digits, b' ' | b'\t') => Place::Space,
            (Place::Space, b' ' | b'\t') => self.extend(Place::Space),
            (Place::Digits | Place::Space, b';') => Place::Extension,
            (Place::Digits | Place::Extension, b'\r') => Place::SizeLf,
            (Place::Extension, _) if is_text(byte) => self.extend(Place::Extension),
            (Place::SizeLf, b'\n') if self.left == 0 => Place::Trailer,
            (Place::SizeLf, b'\n') => Place::Data,
            (Place::DataCr, b'\r') => Place::DataLf,
            (Place::DataLf, b'\n') => Place::Size,
            (Place::Trailer, b'\r') => Place::EndLf,
            (Place::Trailer | Place::TrailerName, _) if is_token(byte) => {
                self.collect(byte, Place::TrailerName)
            }
            (Place::TrailerName, b':') => self.collect(byte, Place::TrailerValue),
            (Place::TrailerValue, b'\r') => self.collect(byte, Place::TrailerLf),
            (Place::TrailerValue, _) if is_text(byte) => self.collect(byte, Place::TrailerValue),
            (Place::TrailerLf, b'\n') => self.collect(byte, Place::Trailer),
            (Place::EndLf, b'\n') => Place::End,
            (Place::Size | Place::Digits | Place::Space, _) => {
                Place::Broken("a chunk's size is malformed")
            }
            (Place::Extension | Place::SizeLf, _) => {
                Place::Broken("a chunk's extension is malformed")
            }
            (Place::DataCr | Place::DataLf, _) => Place::Broken("a chunk is longer than its size"),
            (Place::End | Place::Data | Place::Broken(_), _) => place,
            _ => Place::Broken("the trailer section is malformed"),
        }
    }

    fn extend(&mut self, next: Place) -> Place {
        self.extensions += 1;
        if self.extensions > MAX_EXTENSIONS {
            return Place::Broken("the chunk extensions are too long");
        }
        next
    }

    fn collect(&mut self, byte: u8, next: Place) -> Place {
        if self.trailers.len() == MAX_TRAILERS {
            return Place::Broken("the trailer section is too long");
        }
        self.trailers.push(byte);
        next
    }
}

/// How many bytes of extensions a body may have: nobody sends any but to exhaust who reads them.
const MAX_EXTENSIONS: usize = 16 << 10;

/// The longest trailer section, in bytes.
const MAX_TRAILERS: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Payload, length forwarded, trailers and how it stands, when `bytes` come cut at `cuts`.
    fn walked(bytes: &[u8], cuts: &[usize]) -> (Vec<u8>, usize, Vec<u8>, Place) {
        let mut chunked = Chunked::default();
        let (mut payload, mut start, mut total) = (Vec::new(), 0, 0);
        for end in cuts.iter().copied().chain([bytes.len()]) {
            let end = end.clamp(start, bytes.len());
            let mut ranges = Vec::new();
            let part = &bytes[start..end];
            let taken = chunked.walk(part, &mut ranges);
            for range in ranges {
                payload.extend_from_slice(&part[range]);
            }
            total += taken;
            start = end;
        }
        (payload, total, chunked.take_trailers(), chunked.at)
    }

    #[test]
    fn payload_extensions_trailers_and_the_end_are_found() {
        let body =
            b"5;a=\"b c\"\r\nhello\r\n00A \t;x\r\n0123456789\r\n000\r\nX-Sum: 1\r\ny:\r\n\r\n";
        let mut bytes = body.to_vec();
        bytes.extend_from_slice(b"GET");
        let (payload, total, trailers, at) = walked(&bytes, &[]);
        assert_eq!(payload, b"hello0123456789");
        assert_eq!(total, body.len());
        assert_eq!(trailers, b"X-Sum: 1\r\ny:\r\n");
        assert_eq!(at, Place::End);
    }

    #[test]
    fn nothing_behind_the_first_byte_out_of_place_passes() {
        for (bytes, passed) in [
            (&b"g\r\n"[..], 0),
            (b"\r\n", 0),
            (b"-1\r\n", 0),
            (b"0x5\r\n", 1),
            (b"5\nhello", 1),
            (b"5 \r\nhello", 2),
            (b"5;a\nhello", 3),
            (b"5;a\0\r\n", 3),
            (b"5\r\nhelloX\r\n", 8),
            (b"5\r\nhello\n", 8),
            (b"5\r\nhello\rX", 9),
            (b"11111111111111111\r\n", 16),
            (b"0\r\n fold\r\n", 3),
            (b"0\r\nX : 1\r\n", 4),
            (b"0\r\nX: 1\n\r\n", 7),
            (b"0\r\n\n", 3),
            (b"0\r\n\rX", 4),
        ] {
            let (_, total, _, at) = walked(bytes, &[]);
            assert!(matches!(at, Place::Broken(_)), "{}", bytes.escape_ascii());
            assert_eq!(total, passed, "{}", bytes.escape_ascii());
        }
        for (flood, limit) in [
            (
                [b"1;".to_vec(), vec![b'x'; MAX_EXTENSIONS + 1]].concat(),
                MAX_EXTENSIONS,
            ),
            (
                [b"0\r\nX:".to_vec(), vec![b'x'; MAX_TRAILERS + 1]].concat(),
                MAX_TRAILERS,
            ),
        ] {
            let (_, total, _, at) = walked(&flood, &[]);
            assert!(matches!(at, Place::Broken(_)));
            assert!(total <= limit + 5);
        }
    }

    proptest! {
        #[test]
        fn a_body_may_be_cut_anywhere(
            chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..40), 0..6),
            noise in prop::collection::vec(any::<u8>(), 0..12),
            at in any::<prop::sample::Index>(),
            mut cuts in prop::collection::vec(0_usize..300, 0..8),
        ) {
            let mut bytes = Vec::new();
            for chunk in &chunks {
                bytes.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
                bytes.extend_from_slice(chunk);
                bytes.extend_from_slice(b"\r\n");
            }
            bytes.extend_from_slice(b"0\r\nT: v\r\n\r\n");
            cuts.sort_unstable();
            let (payload, total, _, place) = walked(&bytes, &cuts);
            prop_assert_eq!(payload, chunks.concat());
            prop_assert_eq!(total, bytes.len());
            prop_assert_eq!(place, Place::End);
            // With noise in it, it may break, but everywhere alike.
            let at = at.index(bytes.len());
            bytes.splice(at..at, noise);
            prop_assert_eq!(walked(&bytes, &cuts), walked(&bytes, &[]));
        }
    }
}
