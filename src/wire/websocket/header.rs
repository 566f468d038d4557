//! A frame's header (RFC 6455 §5.2): what it says and what it breaks.

use super::{LONGEST_CONTROL, Opcode};

/// The fields of a header.
#[derive(Clone, Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "they are bits on the wire, too"
)]
pub(super) struct Header {
    pub(super) fin: bool,
    pub(super) rsv1: bool,
    /// The second or third reserved bit is set; no extension we know uses them.
    has_reserved: bool,
    pub(super) op: Opcode,
    pub(super) mask: Option<[u8; 4]>,
    pub(super) len: u64,
    /// The length would have fitted into fewer bytes.
    is_stretched: bool,
}

impl Header {
    /// Reads a header that is all there, and nothing else.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let (&[first, second], rest) = bytes.split_first_chunk()?;
        let (len, rest, least) = match second & 0x7F {
            126 => {
                let (len, rest) = rest.split_first_chunk()?;
                (u64::from(u16::from_be_bytes(*len)), rest, 126)
            }
            127 => {
                let (len, rest) = rest.split_first_chunk()?;
                (u64::from_be_bytes(*len), rest, 1 << 16)
            }
            len => (u64::from(len), rest, 0),
        };
        let mask = if second & 0x80 == 0 {
            None
        } else {
            Some(*rest.first_chunk()?)
        };
        Some(Self {
            fin: first & 0x80 != 0,
            rsv1: first & 0x40 != 0,
            has_reserved: first & 0x30 != 0,
            op: Opcode::of(first & 0x0F),
            mask,
            len,
            is_stretched: len < least,
        })
    }

    /// What is wrong with it in this direction, whatever came before.
    pub(super) fn faults(&self, is_client: bool, has_deflate: bool) -> Vec<String> {
        let is_control = matches!(self.op, Opcode::Close | Opcode::Ping | Opcode::Pong);
        // RFC 7692 §6.1: only the first frame of a message says that it is compressed.
        let may_compress = has_deflate && matches!(self.op, Opcode::Text | Opcode::Binary);
        let is_masked = self.mask.is_some();
        let checks = [
            (is_client && !is_masked, "client's frame is not masked"),
            (!is_client && is_masked, "server's frame is masked"),
            (self.rsv1 && !may_compress, "reserved bit 1 is set"),
            (self.has_reserved, "reserved bit 2 or 3 is set"),
            (matches!(self.op, Opcode::Reserved(_)), "reserved opcode"),
            (self.is_stretched, "length takes more bytes than it needs"),
            (is_control && !self.fin, "fragmented control frame"),
            (
                is_control && self.len > LONGEST_CONTROL as u64,
                "control frame above 125 bytes",
            ),
        ];
        let found = checks.into_iter().filter(|(is_wrong, _)| *is_wrong);
        found.map(|(_, message)| message.to_owned()).collect()
    }
}

impl Opcode {
    /// The opcode with this number (RFC 6455 §11.8).
    fn of(number: u8) -> Self {
        match number {
            0 => Self::Continuation,
            1 => Self::Text,
            2 => Self::Binary,
            8 => Self::Close,
            9 => Self::Ping,
            10 => Self::Pong,
            number => Self::Reserved(number),
        }
    }
}

/// Two bytes, a length of eight, a mask of four.
pub(super) const LONGEST: usize = 14;
