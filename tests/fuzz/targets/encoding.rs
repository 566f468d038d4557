//! Content codings: the same however cut, nothing above the limit; what is decoded without a fault
//! is what the codings' own libraries decode, and what they encoded comes back.

#![no_main]

#[path = "../../support/decoded.rs"]
mod decoded;

use std::io::{Read, Write};

use brotli_decompressor::BrotliDecompress;
use codextap::wire::encoding::DEFAULT_LIMIT;
use codextap_fuzz::{Input, singly};
use decoded::decoded;
use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some(input) = Input::new(data) else {
        return;
    };
    let coding = CODINGS[usize::from(input.flags & 7)];
    let limit = match input.flags >> 4 & 3 {
        0 => u64::from(input.number) * 64,
        1 => DEFAULT_LIMIT,
        _ => 1 << 20,
    };
    let wire = input.payload;
    if input.has(3) {
        comes_back(&input, wire);
        return;
    }
    let whole = decoded(coding, &[wire], limit);
    if coding != "what" {
        assert!(whole.0.len() as u64 <= limit);
    }
    assert_eq!(decoded(coding, &input.pieces(wire), limit), whole);
    assert_eq!(decoded(coding, &singly(wire), limit), whole);
    if whole.1.is_empty() && !wire.is_empty() {
        let expected = match coding {
            "gzip" => {
                let mut plain = Vec::new();
                MultiGzDecoder::new(wire)
                    .read_to_end(&mut plain)
                    .expect("sound gzip");
                plain
            }
            "zstd" => zstd::decode_all(wire).expect("sound zstd"),
            "br" => {
                let mut plain = Vec::new();
                BrotliDecompress(&mut &wire[..], &mut plain).expect("sound brotli");
                plain
            }
            _ => return,
        };
        assert_eq!(whole.0, expected);
    }
});

const CODINGS: [&str; 8] = [
    "gzip",
    "deflate",
    "zstd",
    "br",
    "br, gzip",
    "zstd, deflate",
    "gzip, gzip, gzip, gzip",
    "what",
];

/// Encodes `plain`, flushing at the cuts, and decodes it again.
fn comes_back(input: &Input<'_>, plain: &[u8]) {
    fn fill<W: Write>(mut encoder: W, pieces: &[&[u8]]) -> W {
        for piece in pieces {
            encoder.write_all(piece).expect("write to a vector");
            encoder.flush().expect("write to a vector");
        }
        encoder
    }
    let level = Compression::new(u32::from(input.number) % 10);
    let pieces = input.pieces(plain);
    let (coding, wire) = match input.flags & 3 {
        0 => (
            "gzip",
            fill(GzEncoder::new(Vec::new(), level), &pieces).finish(),
        ),
        1 => (
            "deflate",
            fill(ZlibEncoder::new(Vec::new(), level), &pieces).finish(),
        ),
        2 => (
            "deflate",
            fill(DeflateEncoder::new(Vec::new(), level), &pieces).finish(),
        ),
        _ => {
            // Above, the compressor reads a table that a compiler makes static, and AddressSanitizer takes for gone.
            let level = i32::from(input.number) % 16;
            let encoder = zstd::Encoder::new(Vec::new(), level).expect("encoder");
            ("zstd", fill(encoder, &pieces).finish())
        }
    };
    let wire = wire.expect("write to a vector");
    let expected = (plain.to_vec(), vec![]);
    assert_eq!(
        decoded(coding, &input.pieces(&wire), DEFAULT_LIMIT),
        expected
    );
}
