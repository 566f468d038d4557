//! Numbers and texts that follow from a seed.

/// A generator that always gives the same numbers for the same seed (SplitMix64).
pub(crate) struct Random(u64);

impl Random {
    /// What belongs to `id` in the run with this `seed`.
    pub(crate) fn new(seed: u64, id: u64) -> Self {
        let mut random = Self(seed ^ id.wrapping_mul(0xD1B5_4A32_D192_ED03));
        random.next();
        random
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }

    /// `true` in `percent` of all cases.
    pub(crate) fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    /// One of them.
    pub(crate) fn one<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }

    /// Words of at least `length` bytes in all.
    pub(crate) fn words(&mut self, length: usize) -> String {
        let mut text = String::with_capacity(length + 10);
        while text.len() < length {
            text.push_str(self.one(&WORDS));
            text.push(' ');
        }
        text
    }
}

const WORDS: [&str; 16] = [
    "the", "proxy", "reads", "what", "passes", "and", "tells", "nobody", "grün", "über", "日本",
    "file", "changed", "twice", "\\n", "…",
];
