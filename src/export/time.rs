//! Moments as the formats of others spell them.

use jiff::Timestamp;

use crate::tap::At;

/// RFC 3339, UTC, microseconds: `2026-11-20T21:33:28.365770Z`. What no date can name is the epoch.
pub(super) fn rfc3339(at: At) -> String {
    let micros = i64::try_from(at.as_micros()).unwrap_or_default();
    let timestamp = Timestamp::from_microsecond(micros).unwrap_or_default();
    timestamp.strftime("%Y-%m-%dT%H:%M:%S%.6fZ").to_string()
}

/// The moment that RFC 3339 text names, in any time zone; `None` if it is none, or before 1970.
pub(super) fn parse(text: &str) -> Option<At> {
    let timestamp: Timestamp = text.parse().ok()?;
    let micros = u64::try_from(timestamp.as_microsecond()).ok()?;
    Some(At::from_micros(micros))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_comes_back_to_the_microsecond() {
        let at = At::from_micros(1_795_174_000_125_001);
        assert_eq!(rfc3339(at), "2026-11-20T11:26:40.125001Z");
        assert_eq!(parse(&rfc3339(at)), Some(at));
        assert_eq!(parse("2026-11-20T12:26:40.125001+01:00"), Some(at));
        assert_eq!(parse("yesterday"), None);
    }
}
