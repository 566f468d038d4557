//! A body under a content coding, decoded piece by piece.

use codextap::wire::Fault;
use codextap::wire::encoding::Decoder;

/// What the pieces decode to, at most `limit` bytes of it, and what was wrong with them.
pub(crate) fn decoded(coding: &str, pieces: &[&[u8]], limit: u64) -> (Vec<u8>, Vec<Fault>) {
    let mut decoder = Decoder::new(coding, limit);
    let mut out = Vec::new();
    for piece in pieces {
        decoder.push(piece, &mut out);
    }
    decoder.finish();
    let pushed: usize = pieces.iter().map(|piece| piece.len()).sum();
    assert!(decoder.undecoded() <= pushed as u64);
    (out, std::iter::from_fn(|| decoder.next()).collect())
}
