//! WebSocket frames and permessage-deflate, from RFC 6455 and RFC 7692 and nothing else.

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress};

/// One frame, unmasked and, if it was compressed, inflated.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Frame {
    pub(crate) opcode: u8,
    pub(crate) payload: Vec<u8>,
    /// Its length on the wire, header included.
    pub(crate) wire: usize,
}

/// Opcodes (RFC 6455 §5.2).
pub(crate) const TEXT: u8 = 1;
pub(crate) const CLOSE: u8 = 8;
pub(crate) const PING: u8 = 9;
pub(crate) const PONG: u8 = 10;

/// Reads one direction.
#[derive(Debug)]
pub(crate) struct Reader {
    pending: Vec<u8>,
    /// The window that all messages of the direction share (RFC 7692 §7.2.2).
    inflate: Decompress,
}

impl Default for Reader {
    fn default() -> Self {
        Self {
            pending: Vec::new(),
            inflate: Decompress::new(false),
        }
    }
}

impl Reader {
    /// Adds bytes as they arrived.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.pending.extend_from_slice(bytes);
    }

    /// The next whole frame.
    pub(crate) fn next(&mut self) -> Option<Frame> {
        let [first, second, rest @ ..] = &self.pending[..] else {
            return None;
        };
        let extended = match second & 0x7f {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        let length = if extended == 0 {
            usize::from(second & 0x7f)
        } else {
            rest.get(..extended)?
                .iter()
                .fold(0, |length, byte| length << 8 | usize::from(*byte))
        };
        let masked = second & 0x80 != 0;
        let start = 2 + extended + if masked { 4 } else { 0 };
        let mut payload = self.pending.get(start..start + length)?.to_vec();
        if masked {
            let key = &self.pending[start - 4..start];
            payload
                .iter_mut()
                .zip(key.iter().cycle())
                .for_each(|(byte, mask)| *byte ^= mask);
        }
        assert_eq!(first & 0x80, 0x80, "Codex and this server do not fragment");
        let (opcode, compressed) = (first & 0x0f, first & 0x40 != 0);
        if compressed {
            payload = self.inflate(payload);
        }
        self.pending.drain(..start + length);
        Some(Frame {
            opcode,
            payload,
            wire: start + length,
        })
    }

    /// RFC 7692 §7.2.2: the four bytes that the sender cut off come back first.
    fn inflate(&mut self, mut bytes: Vec<u8>) -> Vec<u8> {
        bytes.extend([0, 0, 0xff, 0xff]);
        let mut inflated = Vec::with_capacity(64 << 10);
        let start = self.inflate.total_in();
        loop {
            let read = (self.inflate.total_in() - start) as usize;
            if read == bytes.len() && inflated.len() < inflated.capacity() {
                return inflated;
            }
            inflated.reserve(64 << 10);
            self.inflate
                .decompress_vec(&bytes[read..], &mut inflated, FlushDecompress::Sync)
                .expect("broken deflate data");
        }
    }
}

/// Writes one direction, as a server: unmasked.
#[derive(Debug)]
pub(crate) struct Writer {
    /// `None` when the extension was not negotiated.
    deflate: Option<Compress>,
}

impl Writer {
    pub(crate) fn new(deflate: bool) -> Self {
        Self {
            deflate: deflate.then(|| Compress::new(Compression::default(), false)),
        }
    }

    /// The bytes of a frame.
    pub(crate) fn frame(&mut self, opcode: u8, payload: &[u8]) -> Vec<u8> {
        let mut first = 0x80 | opcode;
        let mut payload = payload.to_vec();
        // Control frames are never compressed (RFC 7692 §6.1).
        if let Some(deflate) = self.deflate.as_mut().filter(|_| opcode < CLOSE) {
            first |= 0x40;
            payload = compress(deflate, &payload);
        }
        let mut frame = vec![first];
        match payload.len() {
            length @ 0..126 => frame.push(length as u8),
            length @ 126..0x1_0000 => {
                frame.push(126);
                frame.extend((length as u16).to_be_bytes());
            }
            length => {
                frame.push(127);
                frame.extend((length as u64).to_be_bytes());
            }
        }
        frame.extend(payload);
        frame
    }
}

/// RFC 7692 §7.2.1: flush to a byte boundary and cut the empty block off.
fn compress(deflate: &mut Compress, payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(payload.len() + 64);
    let start = deflate.total_in();
    loop {
        let read = (deflate.total_in() - start) as usize;
        deflate
            .compress_vec(&payload[read..], &mut out, FlushCompress::Sync)
            .unwrap();
        if out.len() < out.capacity() {
            break;
        }
        out.reserve(4096);
    }
    assert!(out.ends_with(&[0, 0, 0xff, 0xff]));
    out.truncate(out.len() - 4);
    out
}

/// The frames of a whole direction; what is left over is a mistake.
pub(crate) fn all(bytes: &[u8]) -> Vec<Frame> {
    let mut reader = Reader::default();
    reader.push(bytes);
    let frames = std::iter::from_fn(|| reader.next()).collect();
    assert!(
        reader.pending.is_empty(),
        "{} bytes of a torn frame",
        reader.pending.len()
    );
    frames
}
