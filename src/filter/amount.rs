//! Numbers with their units, and moments: what fields are compared with by `<` and `>`, and by the clock.

use std::cmp::Ordering;
use std::fmt;

use jiff::Timestamp;
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;

use super::field::Value;
use crate::tap::At;

/// A number as it was typed, and what it comes to in the smallest unit of its kind: microseconds,
/// bytes, millionths of a percent, picodollars, or ones.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Amount {
    text: String,
    pub(super) value: u128,
}

impl Amount {
    /// Reads a number of this kind; `None` if it is none, or is finer than the smallest unit.
    pub(super) fn read(text: &str, kind: Value) -> Option<Self> {
        let bare = match kind {
            Value::Dollars => text.strip_prefix('$').unwrap_or(text),
            _ => text,
        };
        let end = bare.find(|c: char| !c.is_ascii_digit() && c != '.');
        let (number, unit) = bare.split_at(end.unwrap_or(bare.len()));
        let (whole, part) = number.split_once('.').unwrap_or((number, "0"));
        // More digits than these fit no number that is compared with.
        let is_number = |digits: &str| {
            (1..=15).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit())
        };
        if !is_number(whole) || !is_number(part) {
            return None;
        }
        let unit = unit.to_ascii_lowercase();
        let (_, factor) = units(kind).iter().find(|(name, _)| *name == unit)?;
        let digits: u128 = format!("{whole}{part}").parse().ok()?;
        let scale = 10_u128.pow(part.len() as u32);
        let value = digits.checked_mul(*factor)?;
        value.is_multiple_of(scale).then(|| Self {
            text: text.to_owned(),
            value: value / scale,
        })
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// How a number compares.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Order {
    /// `=`, and `:`
    Equal,
    /// `<`
    Less,
    /// `<=`
    AtMost,
    /// `>`
    More,
    /// `>=`
    AtLeast,
}

impl Order {
    /// Whether a number that compares so is meant.
    pub(super) fn includes(self, ordering: Ordering) -> bool {
        match self {
            Self::Equal => ordering.is_eq(),
            Self::Less => ordering.is_lt(),
            Self::AtMost => ordering.is_le(),
            Self::More => ordering.is_gt(),
            Self::AtLeast => ordering.is_ge(),
        }
    }

    /// Its sign.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::Less => "<",
            Self::AtMost => "<=",
            Self::More => ">",
            Self::AtLeast => ">=",
        }
    }
}

/// A moment as it was typed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Moment {
    text: String,
    point: Point,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Point {
    /// A time of any day, by the user's clock.
    Clock(Time),
    /// A time of one day, by the user's clock.
    Civil(DateTime),
    /// A time with its offset from UTC.
    Instant(Timestamp),
}

impl Moment {
    /// Reads `14:05`, `2026-11-20`, or both with a `T` between (RFC 3339, the offset may be missing).
    pub(super) fn read(text: &str) -> Option<Self> {
        let is_told = |byte: u8| byte.is_ascii_digit() || b":-+.TZ".contains(&byte);
        let begins = text
            .bytes()
            .next()
            .is_some_and(|byte| byte.is_ascii_digit());
        let point = if !begins || !text.bytes().all(is_told) {
            return None;
        } else if text.contains('T') {
            let civil = || text.parse().map(Point::Civil);
            text.parse().map(Point::Instant).or_else(|_| civil())
        } else if text.contains(':') {
            text.parse().map(Point::Clock)
        } else {
            let date = text.parse::<Date>();
            date.map(|date| Point::Civil(date.to_datetime(Time::midnight())))
        };
        Some(Self {
            point: point.ok()?,
            text: text.to_owned(),
        })
    }

    /// How `at` stands to it, on a clock of this zone.
    pub(super) fn compare(&self, at: At, zone: &TimeZone) -> Ordering {
        let micros = i64::try_from(at.as_micros()).unwrap_or(i64::MAX);
        let at = Timestamp::from_microsecond(micros).unwrap_or(Timestamp::MAX);
        match self.point {
            Point::Clock(time) => zone.to_datetime(at).time().cmp(&time),
            Point::Civil(civil) => zone.to_datetime(at).cmp(&civil),
            Point::Instant(instant) => at.cmp(&instant),
        }
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// The units of a kind of number, in lower case, and what each comes to.
const fn units(kind: Value) -> &'static [(&'static str, u128)] {
    match kind {
        Value::Count => &[("", 1), ("k", 1_000), ("m", 1_000_000)],
        Value::Bytes => &[
            ("", 1),
            ("b", 1),
            ("k", 1_000),
            ("kb", 1_000),
            ("m", 1_000_000),
            ("mb", 1_000_000),
            ("kib", 1 << 10),
            ("mib", 1 << 20),
            ("gib", 1 << 30),
        ],
        Value::Duration | Value::Ago => &[
            ("us", 1),
            ("ms", 1_000),
            ("s", 1_000_000),
            ("m", 60_000_000),
            ("h", 3_600_000_000),
        ],
        Value::Percent => &[("", 1_000_000), ("%", 1_000_000)],
        Value::Dollars => &[("", PICO), ("$", PICO)],
        Value::Number | Value::Status => &[("", 1)],
        Value::Text | Value::Flag | Value::Part | Value::Time => &[],
    }
}

/// Picodollars of a dollar.
const PICO: u128 = 1_000_000_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_the_units_of_their_kind() {
        let table = [
            ("500", Value::Count, Some(500)),
            ("1.5k", Value::Count, Some(1_500)),
            ("2M", Value::Count, Some(2_000_000)),
            ("0.5", Value::Count, None),
            ("5s", Value::Count, None),
            ("", Value::Count, None),
            ("k", Value::Count, None),
            ("-1", Value::Count, None),
            ("1.", Value::Count, None),
            ("1e3", Value::Count, None),
            ("64KiB", Value::Bytes, Some(65_536)),
            ("1.5MiB", Value::Bytes, Some(1_572_864)),
            ("2k", Value::Bytes, Some(2_000)),
            ("300ms", Value::Duration, Some(300_000)),
            ("2m", Value::Duration, Some(120_000_000)),
            ("0.25s", Value::Duration, Some(250_000)),
            ("5", Value::Duration, None),
            ("50%", Value::Percent, Some(50_000_000)),
            ("12.5", Value::Percent, Some(12_500_000)),
            ("0.05$", Value::Dollars, Some(50_000_000_000)),
            ("$2", Value::Dollars, Some(2_000_000_000_000)),
            ("1006", Value::Number, Some(1006)),
            ("1006k", Value::Number, None),
            (
                "999999999999999M",
                Value::Count,
                Some(999_999_999_999_999_000_000),
            ),
            ("9999999999999999", Value::Count, None),
            ("\u{662}", Value::Count, None),
        ];
        for (text, kind, expected) in table {
            let amount = Amount::read(text, kind).map(|amount| amount.value);
            assert_eq!(amount, expected, "{text} {kind:?}");
        }
    }

    #[test]
    fn moments_are_of_any_day_of_one_day_or_of_the_whole_world() {
        // 2026-11-20 14:05:03 UTC, which is 15:05:03 an hour to the east.
        let at = At::from_micros(1_795_183_503_000_000);
        let east = TimeZone::fixed(jiff::tz::offset(1));
        let table = [
            ("14:05", Ordering::Greater, Ordering::Greater),
            ("14:05:03", Ordering::Equal, Ordering::Greater),
            ("15:00", Ordering::Less, Ordering::Greater),
            ("2026-11-20", Ordering::Greater, Ordering::Greater),
            ("2026-11-21", Ordering::Less, Ordering::Less),
            ("2026-11-20T15:05", Ordering::Less, Ordering::Greater),
            ("2026-11-20T14:05:03Z", Ordering::Equal, Ordering::Equal),
            (
                "2026-11-20T15:05:03+01:00",
                Ordering::Equal,
                Ordering::Equal,
            ),
        ];
        for (text, here, there) in table {
            let moment = Moment::read(text).unwrap();
            assert_eq!(moment.compare(at, &TimeZone::UTC), here, "{text}");
            assert_eq!(moment.compare(at, &east), there, "{text}");
            assert_eq!(moment.to_string(), text);
        }
        for text in ["", "25:00", "2026-13-01", "14", "now", "T14:05", "14:05Z"] {
            assert_eq!(Moment::read(text), None, "{text}");
        }
    }
}
