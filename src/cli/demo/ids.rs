//! Identifiers that look like the real ones: unique within a run and hard to confuse between runs.

use crate::tap::At;

/// Makes identifiers; two makers seeded at different moments do not give the same ones.
#[derive(Debug)]
pub(super) struct Ids {
    /// Milliseconds since the Unix epoch, the leading part of a version 7 UUID.
    millis: u64,
    /// The state of a `SplitMix64` sequence, which visits every value once.
    state: u64,
}

impl Ids {
    /// Ids of a run that started at `now`; `lane` keeps makers of one run apart.
    pub(super) const fn new(now: At, lane: u64) -> Self {
        let micros = now.as_micros();
        Self {
            millis: micros / 1000,
            state: micros.rotate_left(20) ^ lane.rotate_left(48),
        }
    }

    /// An id of the API: `resp_…`, `msg_…`, `call_…`.
    pub(super) fn api(&mut self, prefix: &str) -> String {
        format!("{prefix}_{:016x}{:08x}", self.next(), self.next() >> 32)
    }

    /// A version 7 UUID (RFC 9562 §5.7), as Codex names threads and turns.
    pub(super) fn uuid(&mut self) -> String {
        self.millis += 1;
        let (high, low) = (self.next(), self.next());
        format!(
            "{:08x}-{:04x}-7{:03x}-{:04x}-{:012x}",
            self.millis >> 16 & 0xffff_ffff,
            self.millis & 0xffff,
            high & 0xfff,
            0x8000 | low >> 50,
            low & 0xffff_ffff_ffff,
        )
    }

    /// A number below `bound`, for pauses that differ a little.
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound.max(1)
    }

    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn ids_do_not_repeat_and_have_their_shape() {
        let mut seen = HashSet::new();
        for lane in 0..2 {
            let mut ids = Ids::new(At::from_micros(1_795_177_325_000_000), lane);
            for _ in 0..500 {
                let uuid = ids.uuid();
                assert_eq!((uuid.len(), uuid.as_bytes()[14]), (36, b'7'), "{uuid}");
                assert!(b"89ab".contains(&uuid.as_bytes()[19]), "{uuid}");
                assert!(seen.insert(uuid) && seen.insert(ids.api("msg")));
            }
        }
    }
}
