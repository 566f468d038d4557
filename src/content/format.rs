//! Numbers for people: sizes, counts, durations and local times, each in one style everywhere.

use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::responses::{Confidence, Cost};
use crate::tap::At;
pub use crate::text::{count, counted};

/// A size in decimal units, three digits at most: `999 B`, `1.2 KB`, `34 MB`.
#[must_use]
pub fn bytes(bytes: u64) -> String {
    if bytes < 1000 {
        return format!("{bytes} B");
    }
    let (value, unit) = scaled(bytes, &["KB", "MB", "GB", "TB"]);
    format!("{value} {unit}")
}

/// A number of tokens: `999`, `1.2k`, `34k`, `1.5M`.
#[must_use]
pub fn tokens(tokens: u64) -> String {
    if tokens < 1000 {
        return tokens.to_string();
    }
    let (value, unit) = scaled(tokens, &["k", "M", "G", "T"]);
    format!("{value}{unit}")
}

/// `part` as a share of `whole`: `81 %`; nothing of nothing is `0 %`.
#[must_use]
pub fn share(part: u64, whole: u64) -> String {
    let percent = (u128::from(part) * 100 + u128::from(whole) / 2)
        .checked_div(u128::from(whole))
        .unwrap_or_default();
    format!("{percent} %")
}

/// A duration with as many digits as one can use: `850 µs`, `45 ms`, `1.23 s`, `2 m 03 s`, `1 h 02 m`.
#[must_use]
pub fn duration(duration: Duration) -> String {
    let micros = duration.as_micros();
    let seconds = duration.as_secs();
    match micros {
        0 => "<1 µs".to_owned(),
        1..1_000 => format!("{micros} µs"),
        1_000..1_000_000 => format!("{} ms", micros / 1_000),
        1_000_000..60_000_000 => format!("{seconds}.{:02} s", duration.subsec_millis() / 10),
        60_000_000..3_600_000_000 => format!("{} m {:02} s", seconds / 60, seconds % 60),
        _ => format!("{} h {:02} m", seconds / 3_600, seconds / 60 % 60),
    }
}

/// A length of time in its largest unit, for windows and deadlines: `45 s`, `10 m`, `5 h`, `6.9 d`.
#[must_use]
pub fn span(span: Duration) -> String {
    let seconds = span.as_secs();
    let (unit, name) = match seconds {
        0..60 => return format!("{seconds} s"),
        60..3_600 => (60, "m"),
        3_600..172_800 => (3_600, "h"),
        _ => (86_400, "d"),
    };
    let tenths = seconds * 10 / unit;
    match tenths % 10 {
        0 => format!("{} {name}", tenths / 10),
        tenth => format!("{}.{tenth} {name}", tenths / 10),
    }
}

/// Hundredths of a percent: `12 %`, `12.5 %`, `0.05 %`.
#[must_use]
pub fn hundredths(hundredths: u64) -> String {
    let (whole, part) = (hundredths / 100, hundredths % 100);
    match part {
        0 => format!("{whole} %"),
        part if part % 10 == 0 => format!("{whole}.{} %", part / 10),
        part => format!("{whole}.{part:02} %"),
    }
}

/// An amount of money, `~` before what is not billed so for sure: `$0.0123`, `~$12.34`, `<$0.0001`.
#[must_use]
pub fn cost(cost: Cost) -> String {
    let about = match cost.confidence {
        Confidence::Listed => "",
        Confidence::Equivalent | Confidence::Assumed => "~",
    };
    // Hundredths of a cent.
    let parts = cost.dollars.0.saturating_add(50_000_000) / 100_000_000;
    match parts {
        0 if cost.dollars.0 > 0 => format!("{about}<$0.0001"),
        0 => format!("{about}$0"),
        1..10_000 => format!("{about}$0.{parts:04}"),
        _ => {
            let cents = (parts + 50) / 100;
            format!("{about}${}.{:02}", cents / 100, cents % 100)
        }
    }
}

/// A moment's local time of day: `14:05:03`.
#[must_use]
pub fn clock(at: At) -> String {
    clock_in(at, &TimeZone::system())
}

/// A moment's time of day in `zone`: `14:05:03`.
#[must_use]
pub fn clock_in(at: At, zone: &TimeZone) -> String {
    local(at, zone, "%H:%M:%S")
}

/// A moment as local date and time, to the millisecond: `2026-11-20 14:05:03.123`.
#[must_use]
pub fn moment(at: At) -> String {
    local(at, &TimeZone::system(), "%Y-%m-%d %H:%M:%S%.3f")
}

fn local(at: At, zone: &TimeZone, format: &str) -> String {
    let micros = i64::try_from(at.as_micros()).unwrap_or(i64::MAX);
    let Ok(timestamp) = Timestamp::from_microsecond(micros) else {
        return "—".to_owned();
    };
    timestamp
        .to_zoned(zone.clone())
        .strftime(format)
        .to_string()
}

/// `value` ≥ 1000 in the largest unit that leaves a whole part: a decimal below a hundred, rounded half up.
fn scaled(value: u64, units: &[&'static str]) -> (String, &'static str) {
    let mut scale = 1;
    let mut rounded = (String::new(), "");
    for unit in units {
        scale *= 1000;
        let tenths = (u128::from(value) * 10 + scale / 2) / scale;
        let whole = (u128::from(value) + scale / 2) / scale;
        let text = if tenths < 1000 {
            format!("{}.{}", tenths / 10, tenths % 10)
        } else {
            whole.to_string()
        };
        rounded = (text, *unit);
        if whole < 1000 {
            break;
        }
    }
    rounded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        let table = [
            (0, "0 B", "0", "0"),
            (999, "999 B", "999", "999"),
            (1_000, "1.0 KB", "1.0k", "1,000"),
            (12_345, "12.3 KB", "12.3k", "12,345"),
            (7_296, "7.3 KB", "7.3k", "7,296"),
            (8_949, "8.9 KB", "8.9k", "8,949"),
            (8_950, "9.0 KB", "9.0k", "8,950"),
            (99_949, "99.9 KB", "99.9k", "99,949"),
            (99_950, "100 KB", "100k", "99,950"),
            (999_499, "999 KB", "999k", "999,499"),
            (999_500, "1.0 MB", "1.0M", "999,500"),
            (1_000_000, "1.0 MB", "1.0M", "1,000,000"),
            (
                u64::MAX,
                "18446744 TB",
                "18446744T",
                "18,446,744,073,709,551,615",
            ),
        ];
        for (value, size, short, exact) in table {
            assert_eq!(
                (bytes(value), tokens(value), count(value)),
                (size.into(), short.into(), exact.into())
            );
        }
        assert_eq!(
            [0, 1, 1_000].map(|number| counted(number, "item")),
            ["0 items", "1 item", "1,000 items"]
        );
        assert_eq!(share(81, 100), "81 %");
        assert_eq!(share(2, 3), "67 %");
        assert_eq!(share(0, 0), "0 %");
    }

    #[test]
    fn durations_have_the_digits_that_matter() {
        let table = [
            (0, "<1 µs"),
            (850, "850 µs"),
            (45_900, "45 ms"),
            (1_234_000, "1.23 s"),
            (59_999_999, "59.99 s"),
            (123_000_000, "2 m 03 s"),
            (3_725_000_000, "1 h 02 m"),
        ];
        for (micros, expected) in table {
            assert_eq!(duration(Duration::from_micros(micros)), expected);
        }
    }

    #[test]
    fn spans_shares_and_amounts_have_the_digits_that_matter() {
        let table = [
            (45, "45 s"),
            (600, "10 m"),
            (18_000, "5 h"),
            (594_000, "6.8 d"),
        ];
        for (seconds, expected) in table {
            assert_eq!(span(Duration::from_secs(seconds)), expected);
        }
        assert_eq!(
            [1_200, 1_250, 5].map(hundredths),
            ["12 %", "12.5 %", "0.05 %"]
        );
        let amount = |pico| {
            let cost = |confidence| {
                super::cost(Cost {
                    dollars: crate::responses::Dollars(pico),
                    confidence,
                })
            };
            (cost(Confidence::Listed), cost(Confidence::Equivalent))
        };
        let table = [
            (0, "$0"),
            (1_000_000, "<$0.0001"),
            (12_345_000_000, "$0.0123"),
            (12_345_000_000_000, "$12.35"),
        ];
        for (pico, expected) in table {
            assert_eq!(amount(pico), (expected.to_owned(), format!("~{expected}")));
        }
    }

    #[test]
    fn moments_are_local() {
        let zone = TimeZone::fixed(jiff::tz::offset(2));
        let at = At::from_micros(1_795_183_503_123_456);
        assert_eq!(
            local(at, &zone, "%Y-%m-%d %H:%M:%S%.3f"),
            "2026-11-20 16:05:03.123"
        );
        assert_eq!(local(At::from_micros(u64::MAX), &zone, "%H"), "—");
    }
}
