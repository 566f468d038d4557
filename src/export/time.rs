//! Moments as the formats of others spell them.

use jiff::Timestamp;

use crate::tap::At;

/// RFC 3339, UTC, microseconds: `2026-11-20T21:33:28.365770Z`. What no date can name is the epoch.
pub(super) fn rfc3339(at: At) -> String {
    let micros = i64::try_from(at.as_micros()).unwrap_or_default();
    let timestamp = Timestamp::from_microsecond(micros).unwrap_or_default();
    timestamp.strftime("%Y-%m-%dT%H:%M:%S%.6fZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_told_to_the_microsecond() {
        let at = At::from_micros(1_795_174_000_125_001);
        assert_eq!(rfc3339(at), "2026-11-20T11:26:40.125001Z");
    }
}
