//! WebSocket frames, byte by byte (RFC 6455 §5.2).

/// A frame with a payload of up to 64 KiB.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Frame {
    /// FIN, RSV1–3 and the opcode.
    pub first: u8,
    pub is_masked: bool,
    /// Unmasked.
    pub payload: Vec<u8>,
}

/// First bytes of frames that are messages by themselves.
pub const TEXT: u8 = 0x81;
pub const BINARY: u8 = 0x82;
pub const CLOSE: u8 = 0x88;
pub const PING: u8 = 0x89;

/// A frame as a client sends it.
pub fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = head(first, 0x80, payload.len());
    frame.extend(MASK);
    let masked = payload.iter().zip(MASK.iter().cycle());
    frame.extend(masked.map(|(byte, mask)| byte ^ mask));
    frame
}

/// A frame as a server sends it.
pub fn unmasked(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = head(first, 0, payload.len());
    frame.extend(payload);
    frame
}

/// The frames that `bytes` are, which must be whole.
pub fn read(mut bytes: &[u8]) -> Vec<Frame> {
    let mut frames = Vec::new();
    while let [first, second, rest @ ..] = bytes {
        let is_masked = second & 0x80 != 0;
        let (len, rest) = match second & 0x7F {
            0x7E => (usize::from(rest[0]) << 8 | usize::from(rest[1]), &rest[2..]),
            0x7F => panic!("a longer frame than any test sends"),
            len => (usize::from(len), rest),
        };
        let (mask, rest) = rest.split_at(if is_masked { 4 } else { 0 });
        let mut payload = rest[..len].to_vec();
        for (byte, mask) in payload.iter_mut().zip(mask.iter().cycle()) {
            *byte ^= mask;
        }
        frames.push(Frame {
            first: *first,
            is_masked,
            payload,
        });
        bytes = &rest[len..];
    }
    assert!(bytes.is_empty(), "half a header");
    frames
}

fn head(first: u8, mask: u8, len: usize) -> Vec<u8> {
    match len {
        0..=125 => vec![first, mask | len as u8],
        _ => [&[first, mask | 0x7E], &(len as u16).to_be_bytes()[..]].concat(),
    }
}

/// As any key.
const MASK: [u8; 4] = [0x37, 0xFA, 0x00, 0x0D];
