//! What all targets make of the fuzzer's bytes: a few that steer, and the rest for the decoder.

/// An input, taken apart: five bytes that steer, then the payload.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    /// Bits for a target to choose by.
    pub flags: u8,
    /// A number for a target's limit or gap.
    pub number: u8,
    /// Where to cut the payload, in parts of 256.
    cuts: [u8; 3],
    /// What the decoder gets.
    pub payload: &'a [u8],
}

impl<'a> Input<'a> {
    /// Takes `data` apart; `None` if it is too short to steer.
    #[must_use]
    pub fn new(data: &'a [u8]) -> Option<Self> {
        let (&[flags, number, first, second, third], payload) = data.split_first_chunk()?;
        Some(Self {
            flags,
            number,
            cuts: [first, second, third],
            payload,
        })
    }

    /// Whether the flag with this number, 0 to 7, is set.
    #[must_use]
    pub fn has(&self, flag: u8) -> bool {
        self.flags >> flag & 1 == 1
    }

    /// `bytes` in up to four pieces, cut where the fuzzer wants.
    #[must_use]
    pub fn pieces<'b>(&self, bytes: &'b [u8]) -> Vec<&'b [u8]> {
        let place = |cut: u8| bytes.len() * usize::from(cut) / 256;
        let mut places: Vec<usize> = self.cuts.iter().map(|cut| place(*cut)).collect();
        places.extend([0, bytes.len()]);
        places.sort_unstable();
        places
            .windows(2)
            .map(|pair| &bytes[pair[0]..pair[1]])
            .collect()
    }
}

/// `bytes` one at a time; many of them in small pieces, which takes less time.
#[must_use]
pub fn singly(bytes: &[u8]) -> Vec<&[u8]> {
    bytes.chunks(1 + bytes.len() / 512).collect()
}
