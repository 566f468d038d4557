//! An event stream, decoded piece by piece.

use codextap::wire::sse::{Block, Decoder};

/// The blocks of a stream; `gap` is where how many bytes are missing.
pub(crate) fn blocks(pieces: &[&[u8]], limit: u64, gap: Option<(usize, u64)>) -> Vec<Block> {
    let mut decoder = Decoder::new(limit);
    let mut blocks = Vec::new();
    let mut at = 0;
    for piece in pieces {
        match gap {
            Some((place, missed)) if (at..at + piece.len()).contains(&place) => {
                let (before, after) = piece.split_at(place - at);
                decoder.push(before);
                decoder.resync(missed);
                decoder.push(after);
            }
            _ => decoder.push(piece),
        }
        at += piece.len();
        blocks.extend(std::iter::from_fn(|| decoder.next()));
    }
    decoder.finish();
    blocks.extend(std::iter::from_fn(|| decoder.next()));
    blocks
}
