//! Where the frames of one direction of a WebSocket end: the arithmetic of their headers (RFC 6455
//! §5.2) and nothing else.
//!
//! The relay may write a frame of the proxy's own only between two frames of whoever else speaks in
//! that direction. Payloads are stepped over and never looked at, so this costs a few instructions
//! for a frame.

/// Follows the frames of one direction.
#[derive(Clone, Default, Debug)]
pub(super) struct Frames {
    /// What came of a header: two bytes, and up to eight of a longer length.
    header: [u8; 10],
    /// How much that is; 0 behind the header.
    read: usize,
    /// Bytes of the frame that are still to come behind its header, mask included.
    rest: u64,
    /// A close frame has begun, and it is the last one of its direction (RFC 6455 §5.5.1).
    is_last: bool,
    /// Its length was impossible, so that nobody knows where the next frame begins.
    is_lost: bool,
}

impl Frames {
    /// Takes bytes that were passed on.
    pub(super) fn push(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() && !self.is_lost {
            let len = self.step(bytes);
            bytes = &bytes[len..];
        }
    }

    /// How many of `bytes` are left of the frame that has begun; all of them if it goes on.
    pub(super) fn left(&self, bytes: &[u8]) -> usize {
        let mut ahead = self.clone();
        let mut len = 0;
        while len < bytes.len() && !ahead.is_between() && !ahead.is_lost {
            len += ahead.step(&bytes[len..]);
        }
        if ahead.is_lost { bytes.len() } else { len }
    }

    /// Whether the last byte was the last one of a frame, or none has come.
    pub(super) fn is_between(&self) -> bool {
        self.read == 0 && self.rest == 0 && !self.is_lost
    }

    /// Whether a frame may follow.
    pub(super) fn may_follow(&self) -> bool {
        self.is_between() && !self.is_last
    }

    /// Goes on by as many of `bytes`, which are not none, as belong together; gives their number.
    fn step(&mut self, bytes: &[u8]) -> usize {
        if self.rest > 0 {
            let len = usize::try_from(self.rest).map_or(bytes.len(), |rest| rest.min(bytes.len()));
            self.rest -= len as u64;
            return len;
        }
        self.header[self.read] = bytes[0];
        self.read += 1;
        let Some(len) = length(&self.header[..self.read]) else {
            return 1;
        };
        self.read = 0;
        self.is_last |= self.header[0] & 0x0F == CLOSE;
        self.is_lost = len > u64::MAX >> 1;
        self.rest = len.saturating_add(if self.header[1] & MASKED == 0 { 0 } else { 4 });
        1
    }
}

/// The payload's length in a header that is all there, but for the mask.
fn length(header: &[u8]) -> Option<u64> {
    let (&[_, short], rest) = header.split_first_chunk()?;
    match short & !MASKED {
        126 => Some(u64::from(u16::from_be_bytes(*rest.first_chunk()?))),
        127 => Some(u64::from_be_bytes(*rest.first_chunk()?)),
        len => Some(u64::from(len)),
    }
}

/// A close frame as the proxy writes one itself, with `reason` of up to 123 bytes; masked with
/// `mask` on the way to a server (RFC 6455 §5.3).
pub(super) fn close(code: u16, reason: &str, mask: Option<[u8; 4]>) -> Vec<u8> {
    let code = code.to_be_bytes();
    let payload: Vec<u8> = code.into_iter().chain(reason.bytes()).take(125).collect();
    let mut frame = vec![FIN | CLOSE, payload.len() as u8];
    match mask {
        None => frame.extend(payload),
        Some(key) => {
            frame[1] |= MASKED;
            frame.extend(key);
            let keys = key.iter().cycle();
            frame.extend(payload.iter().zip(keys).map(|(byte, key)| byte ^ key));
        }
    }
    frame
}

/// The bit of the last frame of a message.
const FIN: u8 = 0x80;

/// The opcode of a close frame.
const CLOSE: u8 = 0x8;

/// The bit beside the length that announces a mask.
const MASKED: u8 = 0x80;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::wire::websocket::{Close, Decoder, Event, Opcode};

    /// A frame with `first` as its first byte.
    fn frame(first: u8, len: usize, is_masked: bool) -> Vec<u8> {
        let mut frame = vec![first];
        let mask = if is_masked { MASKED } else { 0 };
        match len {
            0..=125 => frame.push(mask | len as u8),
            126..=0xFFFF => {
                frame.push(mask | 0x7E);
                frame.extend((len as u16).to_be_bytes());
            }
            _ => {
                frame.push(mask | 0x7F);
                frame.extend((len as u64).to_be_bytes());
            }
        }
        // Payloads full of what looks like close frames.
        frame.resize(frame.len() + len + if is_masked { 4 } else { 0 }, 0x88);
        frame
    }

    /// Where the decoder says that frames end.
    fn ends(bytes: &[u8]) -> Vec<usize> {
        let mut decoder = Decoder::new(false, None);
        decoder.push(bytes);
        let mut ends = vec![0];
        while let Some(event) = decoder.next() {
            if let Event::Frame(frame) = event {
                ends.push((frame.offset + frame.wire) as usize);
            }
        }
        ends
    }

    fn frames() -> impl Strategy<Value = Vec<u8>> {
        let len = prop_oneof![
            4 => 0..4_usize,
            2 => 120..130_usize,
            1 => 65_530..65_540_usize
        ];
        let one = (any::<u8>(), len, any::<bool>());
        proptest::collection::vec(one, 0..6).prop_map(|frames| {
            frames
                .into_iter()
                .flat_map(|(a, b, c)| frame(a, b, c))
                .collect()
        })
    }

    proptest! {
        #[test]
        fn it_agrees_with_the_decoder_at_any_split(
            bytes in frames(),
            cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..20),
        ) {
            let ends = ends(&bytes);
            let mut cuts: Vec<usize> =
                cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
            cuts.extend([0, bytes.len()]);
            cuts.extend(ends.iter().flat_map(|end| [end.saturating_sub(1), *end, end + 1]));
            cuts.retain(|cut| *cut <= bytes.len());
            cuts.sort_unstable();
            let mut frames = Frames::default();
            for pair in cuts.windows(2) {
                frames.push(&bytes[pair[0]..pair[1]]);
                prop_assert_eq!(frames.is_between(), ends.contains(&pair[1]));
                let next = ends.iter().find(|end| **end >= pair[1]);
                let left = frames.left(&bytes[pair[1]..]);
                prop_assert_eq!(pair[1] + left, next.copied().unwrap_or(bytes.len()));
            }
        }

        #[test]
        fn any_bytes_agree_with_the_decoder(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let ends = ends(&bytes);
            let mut frames = Frames::default();
            for (at, byte) in bytes.iter().enumerate() {
                prop_assert_eq!(frames.is_between(), ends.contains(&at));
                frames.push(&[*byte]);
            }
        }
    }

    #[test]
    fn nothing_follows_a_close_frame() {
        let mut frames = Frames::default();
        assert!(frames.may_follow());
        frames.push(&close(1000, "", None));
        assert!(frames.is_between() && !frames.may_follow());
    }

    #[test]
    fn nothing_is_known_behind_an_impossible_length() {
        let mut frames = Frames::default();
        let header = [0x82, 127, 0xFF, 0, 0, 0, 0, 0, 0, 0];
        assert_eq!(frames.left(&header), 0, "it stands between frames");
        frames.push(&header);
        frames.push(&[0; 30]);
        assert!(!frames.is_between());
        assert_eq!(frames.left(b"more"), 4);
    }

    #[test]
    fn a_close_frame_of_our_own_is_one() {
        for (is_client, mask) in [(false, None), (true, Some([1, 2, 3, 250]))] {
            for (reason, kept) in [("", 0), ("over", 4), (&*"r".repeat(200), 123)] {
                let mut decoder = Decoder::new(is_client, None);
                decoder.push(&close(1011, reason, mask));
                let Some(Event::Frame(frame)) = decoder.next() else {
                    panic!("no frame");
                };
                assert_eq!((frame.op, frame.faults), (Opcode::Close, Vec::new()));
                let close = Close {
                    code: Some(1011),
                    reason: reason[..kept].to_owned(),
                };
                assert_eq!(frame.close, Some(close));
            }
        }
    }
}
