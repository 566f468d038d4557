//! Content codings, undone for reading (RFC 9110 §8.4): gzip, deflate, br, zstd, one after another.
//!
//! Takes the body as it came over the wire and gives the body as it was meant, each byte as soon
//! as it can be known: an event that was flushed into a compressed stream shows when it arrives.
//! What it cannot undo it passes as it is (an unknown coding) or counts (broken data), and it stops
//! where a small body would become an absurdly large one.

use std::collections::VecDeque;

use super::brotli::Brotli;
use super::zlib::Zlib;
use super::zstd::Zstd;
use super::{Fault, amount};

/// Undoes the content codings of one body.
///
/// Push the bytes of the wire with a vector for the decoded ones; [`next`](Self::next) tells what
/// went wrong, [`finish`](Self::finish) sees whether the end is missing, and
/// [`missed`](Self::missed) takes note of bytes that are lost.
#[derive(Debug)]
pub struct Decoder {
    /// One for each coding, the last applied first.
    stages: Vec<Stage>,
    /// Decoded bytes given out.
    given: u64,
    /// Bytes of the wire that were not decoded.
    undecoded: u64,
    /// Decoding has stopped for good.
    is_stopped: bool,
    /// Not yet asked for.
    faults: VecDeque<Fault>,
}

impl Decoder {
    /// A decoder for the value of a `Content-Encoding` field, several values joined by commas.
    ///
    /// Not more than `limit` bytes are decoded, see [`DEFAULT_LIMIT`]; nor, once 16 MiB are
    /// exceeded, more than 1024 for each byte of the wire. A body without a coding has no limit.
    #[must_use]
    pub fn new(content_encoding: &str, limit: u64) -> Self {
        let mut decoder = Self {
            stages: Vec::new(),
            given: 0,
            undecoded: 0,
            is_stopped: false,
            faults: VecDeque::new(),
        };
        // RFC 9110 §8.4: codings are listed in the order in which they were applied.
        for name in content_encoding.rsplit(',').map(str::trim) {
            if name.is_empty() || name.eq_ignore_ascii_case("identity") {
                continue;
            }
            let Some(codec) = Codec::named(name) else {
                decoder.fault(format!(
                    "unknown content coding{}, left as it is",
                    quoted(name)
                ));
                break;
            };
            if decoder.stages.len() == MOST_STAGES {
                decoder.fault(format!(
                    "more than {MOST_STAGES} content codings, left as it is"
                ));
                break;
            }
            decoder.stages.push(Stage::new(codec, limit));
        }
        decoder
    }

    /// Takes the next bytes of the wire and appends what they decode to, to `out`.
    pub fn push(&mut self, wire: &[u8], out: &mut Vec<u8>) {
        if self.is_stopped {
            self.undecoded += wire.len() as u64;
            return;
        }
        let taken = self.taken();
        let length = out.len();
        let result = run(&mut self.stages, wire, out);
        self.given += (out.len() - length) as u64;
        if let Err(message) = result {
            self.undecoded = wire.len() as u64 - (self.taken() - taken);
            self.is_stopped = true;
            self.fault(message);
        }
    }

    /// The next thing that went wrong, or `None` if nothing else did so far.
    #[expect(
        clippy::should_implement_trait,
        reason = "None means not yet, not the end"
    )]
    pub fn next(&mut self) -> Option<Fault> {
        self.faults.pop_front()
    }

    /// Says that the body has ended. An empty body is whole under every coding.
    pub fn finish(&mut self) {
        let is_cut = |stage: &&Stage| stage.taken > 0 && !stage.codec.is_complete();
        if self.is_stopped {
            return;
        }
        self.is_stopped = true;
        if let Some(stage) = self.stages.iter().find(is_cut) {
            self.fault(format!("{} data ends too early", stage.codec.name()));
        }
    }

    /// Says that `missed` bytes of the wire are lost after what was pushed so far. Without a coding
    /// the body goes on after them; under one nothing more can be decoded.
    pub fn missed(&mut self, missed: u64) {
        if self.stages.is_empty() {
            self.given += missed;
        } else if missed > 0 && !self.is_stopped {
            self.is_stopped = true;
            self.fault(format!(
                "{missed} bytes are missing, the rest is not decoded"
            ));
        }
    }

    /// True if the bytes pass as they are.
    #[must_use]
    pub fn is_identity(&self) -> bool {
        self.stages.is_empty()
    }

    /// How many bytes of the wire were not decoded, because the data is broken or too large. After
    /// broken data it may be off by the few bytes the codec looked ahead.
    #[must_use]
    pub fn undecoded(&self) -> u64 {
        self.undecoded
    }

    /// Bytes of the wire that the first stage consumed.
    fn taken(&self) -> u64 {
        self.stages.first().map_or(0, |stage| stage.taken)
    }

    fn fault(&mut self, message: String) {
        self.faults.push_back(Fault::new(self.given, message));
    }
}

/// Sends `input` through all stages. The error is a fault's message.
fn run(stages: &mut [Stage], input: &[u8], out: &mut Vec<u8>) -> Result<(), String> {
    let Some((stage, inner)) = stages.split_first_mut() else {
        out.extend_from_slice(input);
        return Ok(());
    };
    let mut rest = input;
    while !rest.is_empty() {
        // The ratio is looked at where the input crosses a multiple of the window, so that the
        // outcome does not depend on how the input was cut.
        let window = stage.taken / WINDOW + 1;
        let most = stage.limit.min((window * WINDOW * RATIO).max(RATIO_FLOOR));
        let length = (window * WINDOW - stage.taken).min(rest.len() as u64) as usize;
        let (piece, after) = rest.split_at(length);
        stage.run(piece, most, &mut |bytes| run(inner, bytes, out))?;
        rest = after;
    }
    Ok(())
}

/// One coding on its way to be undone.
#[derive(Debug)]
struct Stage {
    codec: Codec,
    /// The most it may give.
    limit: u64,
    /// Bytes it consumed.
    taken: u64,
    /// Bytes it gave.
    given: u64,
    /// What it gave in one step.
    scratch: Vec<u8>,
}

impl Stage {
    fn new(codec: Codec, limit: u64) -> Self {
        Self {
            codec,
            limit,
            taken: 0,
            given: 0,
            scratch: Vec::with_capacity(CHUNK),
        }
    }

    /// Decodes all of `piece`, giving not more than `most` bytes in all to `sink`.
    fn run(
        &mut self,
        piece: &[u8],
        most: u64,
        sink: &mut dyn FnMut(&[u8]) -> Result<(), String>,
    ) -> Result<(), String> {
        let mut rest = piece;
        loop {
            self.scratch.clear();
            let step = self.codec.step(rest, &mut self.scratch);
            rest = rest.get(step.consumed..).unwrap_or_default();
            self.taken += step.consumed as u64;
            let room = most.saturating_sub(self.given);
            let is_over = self.scratch.len() as u64 > room;
            if is_over {
                self.scratch.truncate(room as usize);
            }
            self.given += self.scratch.len() as u64;
            sink(&self.scratch)?;
            if is_over {
                let name = self.codec.name();
                return Err(format!("{name} decoding stopped at {}", amount(most)));
            }
            if let Some(reason) = step.failure {
                return Err(format!("{} data is broken: {reason}", self.codec.name()));
            }
            if rest.is_empty() && step.is_drained {
                return Ok(());
            }
        }
    }
}

/// What a codec did with some input. It consumes, gives, fails or is drained: never nothing.
#[derive(Debug)]
pub(super) struct Step {
    /// Bytes consumed.
    pub(super) consumed: usize,
    /// Nothing is left to give without more input.
    pub(super) is_drained: bool,
    /// Why it can do no more.
    pub(super) failure: Option<String>,
}

impl Step {
    /// All is well.
    pub(super) fn new(consumed: usize, is_drained: bool) -> Self {
        Self {
            consumed,
            is_drained,
            failure: None,
        }
    }

    /// The data is broken.
    pub(super) fn failed(consumed: usize, reason: impl Into<String>) -> Self {
        Self {
            consumed,
            is_drained: true,
            failure: Some(reason.into()),
        }
    }
}

/// The codings we know.
#[derive(Debug)]
enum Codec {
    Gzip(Zlib),
    Deflate(Zlib),
    Brotli(Brotli),
    Zstd(Zstd),
}

impl Codec {
    /// The coding with this name in IANA's registry, or its alias (RFC 9110 §8.4.1.3).
    fn named(name: &str) -> Option<Self> {
        match name.to_ascii_lowercase().as_str() {
            "gzip" | "x-gzip" => Some(Self::Gzip(Zlib::gzip())),
            "deflate" => Some(Self::Deflate(Zlib::deflate())),
            "br" => Some(Self::Brotli(Brotli::default())),
            "zstd" => Some(Self::Zstd(Zstd::new())),
            _ => None,
        }
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Gzip(_) => "gzip",
            Self::Deflate(_) => "deflate",
            Self::Brotli(_) => "brotli",
            Self::Zstd(_) => "zstd",
        }
    }

    /// Decodes some of `input` into the room that `out` has.
    fn step(&mut self, input: &[u8], out: &mut Vec<u8>) -> Step {
        match self {
            Self::Gzip(zlib) | Self::Deflate(zlib) => zlib.step(input, out),
            Self::Brotli(brotli) => brotli.step(input, out),
            Self::Zstd(zstd) => zstd.step(input, out),
        }
    }

    /// True if the data may end here.
    fn is_complete(&self) -> bool {
        match self {
            Self::Gzip(zlib) | Self::Deflate(zlib) => zlib.is_complete(),
            Self::Brotli(brotli) => brotli.is_complete(),
            Self::Zstd(zstd) => zstd.is_complete(),
        }
    }
}

/// A coding's name for a message, if it looks like one.
fn quoted(name: &str) -> String {
    let is_plain = name
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    if is_plain && name.len() <= 32 {
        format!(" {name}")
    } else {
        String::new()
    }
}

/// The most bytes decoded if the caller names no limit: 256 MiB.
pub const DEFAULT_LIMIT: u64 = 256 << 20;

/// Codings undone on one body; more are an attack.
const MOST_STAGES: usize = 4;

/// Decoded bytes for each byte of the wire, beyond which a body is taken for an attack. Deflate
/// cannot do better than 1032.
const RATIO: u64 = 1024;

/// Decoded bytes for which the ratio does not matter.
const RATIO_FLOOR: u64 = 16 << 20;

/// Bytes of the wire between looks at the ratio.
const WINDOW: u64 = 4096;

/// Decoded bytes handed on at once.
const CHUNK: usize = 32 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    use std::io::{Read, Write};

    use flate2::Compression;
    use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};

    fn decode(coding: &str, wire: &[u8]) -> (Vec<u8>, Vec<Fault>, u64) {
        let mut decoder = Decoder::new(coding, DEFAULT_LIMIT);
        let mut out = Vec::new();
        decoder.push(wire, &mut out);
        decoder.finish();
        let faults = std::iter::from_fn(|| decoder.next()).collect();
        (out, faults, decoder.undecoded())
    }

    fn gzip(plain: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(plain).expect("write to a vector");
        encoder.finish().expect("write to a vector")
    }

    #[test]
    fn identity_and_no_coding_pass_the_bytes() {
        for coding in ["", "identity", " , Identity"] {
            assert!(Decoder::new(coding, 1).is_identity());
            assert_eq!(decode(coding, b"plain"), (b"plain".to_vec(), vec![], 0));
        }
    }

    #[test]
    fn codings_are_undone_in_reverse_order() {
        let wire = ::zstd::encode_all(&gzip(b"twice")[..], 3).expect("encode");
        assert_eq!(decode("gzip, ZSTD", &wire), (b"twice".to_vec(), vec![], 0));
    }

    #[test]
    fn gzip_members_are_joined() {
        let wire = [gzip(b"one "), gzip(b""), gzip(b"two")].concat();
        assert_eq!(decode("x-gzip", &wire), (b"one two".to_vec(), vec![], 0));
    }

    #[test]
    fn deflate_is_zlib_or_raw() {
        let mut zlib = ZlibEncoder::new(Vec::new(), Compression::default());
        zlib.write_all(b"wrapped").expect("write to a vector");
        let wire = zlib.finish().expect("write to a vector");
        assert_eq!(decode("deflate", &wire), (b"wrapped".to_vec(), vec![], 0));
        let mut raw = DeflateEncoder::new(Vec::new(), Compression::default());
        raw.write_all(b"bare").expect("write to a vector");
        let wire = raw.finish().expect("write to a vector");
        assert_eq!(decode("deflate", &wire), (b"bare".to_vec(), vec![], 0));
    }

    #[test]
    fn flushed_text_shows_at_once() {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder
            .write_all(b"data: a\n\n")
            .expect("write to a vector");
        encoder.flush().expect("write to a vector");
        let mut out = Vec::new();
        Decoder::new("gzip", DEFAULT_LIMIT).push(encoder.get_ref(), &mut out);
        assert_eq!(out, b"data: a\n\n");
        let mut encoder = ::zstd::Encoder::new(Vec::new(), 3).expect("encoder");
        encoder
            .write_all(b"data: b\n\n")
            .expect("write to a vector");
        encoder.flush().expect("write to a vector");
        Decoder::new("zstd", DEFAULT_LIMIT).push(encoder.get_ref(), &mut out);
        assert_eq!(out, b"data: a\n\ndata: b\n\n");
    }

    #[test]
    fn what_is_wrong_is_told() {
        let whole = gzip(b"hello hello hello");
        let cut = &whole[..whole.len() - 9];
        let followed = [&whole[..], b"\0\0"].concat();
        let zstd = ::zstd::encode_all(&b"hello"[..], 3).expect("encode");
        let cases: [(&str, &[u8], &str, u64); 7] = [
            ("gzip", cut, "gzip data ends too early", 0),
            (
                "gzip",
                &followed,
                "gzip data is broken: bytes follow its end",
                2,
            ),
            ("zstd", &zstd[..5], "zstd data ends too early", 0),
            (
                "br",
                &[59, 59],
                "brotli data is broken: bytes follow its end",
                1,
            ),
            (
                "foo",
                b"as it is",
                "unknown content coding foo, left as it is",
                0,
            ),
            ("f\x1b[m", b"", "unknown content coding, left as it is", 0),
            (
                "br,br,br,br,br",
                b"",
                "more than 4 content codings, left as it is",
                0,
            ),
        ];
        for (coding, wire, message, undecoded) in cases {
            let (_, faults, rest) = decode(coding, wire);
            let messages: Vec<_> = faults.iter().map(|fault| &fault.message[..]).collect();
            assert_eq!((messages, rest), (vec![message], undecoded), "{coding}");
        }
        assert_eq!(decode("gzip", b"").1, [], "an empty body is whole");
    }

    #[test]
    fn broken_data_keeps_what_came_before() {
        for (coding, mut wire) in [
            ("gzip", gzip(b"hello")),
            (
                "zstd",
                ::zstd::encode_all(&b"hello"[..], 3).expect("encode"),
            ),
        ] {
            wire.extend_from_slice(b"garbage after it");
            let (out, faults, undecoded) = decode(coding, &wire);
            assert_eq!((&out[..], faults[0].offset), (&b"hello"[..], 5), "{coding}");
            assert!((11..=16).contains(&undecoded), "{coding}: {undecoded}");
        }
    }

    #[test]
    fn after_missing_bytes_only_plain_text_goes_on() {
        let wire = gzip(b"hello");
        for (coding, expected) in [("", &wire[..]), ("gzip", b"")] {
            let mut decoder = Decoder::new(coding, DEFAULT_LIMIT);
            let mut out = Vec::new();
            decoder.push(&wire[..4], &mut out);
            decoder.missed(7);
            decoder.push(&wire[4..], &mut out);
            decoder.finish();
            assert_eq!(out, expected);
            let fault = Fault::new(0, "7 bytes are missing, the rest is not decoded");
            let fault = Some(fault).filter(|_| !decoder.is_identity());
            let undecoded = if fault.is_some() { wire.len() - 4 } else { 0 };
            assert_eq!(
                (decoder.next(), decoder.undecoded()),
                (fault, undecoded as u64)
            );
            assert_eq!(decoder.next(), None);
        }
    }

    #[test]
    fn a_bomb_stops_at_the_limit() {
        let plain = vec![0; 3 << 20];
        let mut decoder = Decoder::new("gzip", 1 << 20);
        let mut out = Vec::new();
        decoder.push(&gzip(&plain), &mut out);
        assert_eq!(out.len(), 1 << 20);
        let fault = Fault::new(1 << 20, "gzip decoding stopped at 1 MiB");
        assert_eq!(decoder.next(), Some(fault));
        assert!(decoder.undecoded() > 0);
    }

    #[test]
    fn a_bomb_stops_at_the_ratio() {
        let wire = ::zstd::encode_all(std::io::repeat(0).take(20 << 20), 3).expect("encode");
        let (out, faults, _) = decode("zstd", &wire);
        assert_eq!(out.len(), 16 << 20);
        assert_eq!(faults[0].message, "zstd decoding stopped at 16 MiB");
    }
}
