//! How much stays: captures of earlier runs on the disk, and traffic in memory, as the command line
//! says it.

use std::time::Duration;

use clap::Args;

use super::limits::time;
use crate::capture::{Policy, Removed};
use crate::content::format;
use crate::tap;

/// Options that bound what is kept.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Retention")]
pub(super) struct Keep {
    /// Captures of earlier runs that stay in the state directory; `all` for no bound
    #[arg(
        long = "keep-count",
        global = true,
        value_name = "NUMBER",
        default_value = "200",
        value_parser = count,
        env = "CODEXTAP_KEEP_COUNT"
    )]
    count: u64,
    /// How long they stay; `all` for ever
    #[arg(
        long = "keep-age",
        global = true,
        value_name = "TIME",
        default_value = "30d",
        value_parser = age,
        env = "CODEXTAP_KEEP_AGE"
    )]
    age: Duration,
    /// Their size together; `all` for no bound
    #[arg(
        long = "keep-size",
        global = true,
        value_name = "SIZE",
        default_value = "4GiB",
        value_parser = bytes,
        env = "CODEXTAP_KEEP_SIZE"
    )]
    size: u64,
    /// What traffic may take in memory
    #[arg(
        long,
        global = true,
        value_name = "SIZE",
        default_value = "512MiB",
        value_parser = memory,
        env = "CODEXTAP_MEMORY"
    )]
    memory: u64,
}

impl Keep {
    /// Which captures of earlier runs stay.
    pub(super) fn policy(&self) -> Policy {
        Policy {
            count: self.count,
            age: self.age,
            bytes: self.size,
        }
    }

    /// Bytes of copies that may wait to be decoded.
    pub(super) fn tap(&self) -> tap::Limits {
        let budget = usize::try_from(self.memory / 32).unwrap_or(usize::MAX);
        tap::Limits {
            budget: budget.max(LEAST_BUDGET),
            ..tap::Limits::default()
        }
    }

    /// Bytes of lines that may wait for the disk.
    pub(super) fn backlog(&self) -> u64 {
        self.memory / 2 - self.cache()
    }

    /// Bytes of flows that stay whole although they stand in the capture.
    pub(super) fn cache(&self) -> u64 {
        self.memory / 16
    }
}

/// What was removed, in one line; `None` if nothing was.
pub(super) fn told(removed: &Removed) -> Option<String> {
    let Removed { files, bytes } = removed;
    let captures = format::counted(*files, "old capture");
    let size = format::bytes(*bytes);
    (*files > 0)
        .then(|| format!("removed {captures} ({size}); --keep-count and others say how many stay"))
}

fn count(text: &str) -> Result<u64, &'static str> {
    match text {
        ALL => Ok(u64::MAX),
        _ => text.parse().map_err(|_| "expected a number, or all"),
    }
}

fn age(text: &str) -> Result<Duration, &'static str> {
    match text {
        ALL => Ok(Duration::MAX),
        _ => time(text).map_err(|_| "expected a time such as 12h or 30d, or all"),
    }
}

fn bytes(text: &str) -> Result<u64, &'static str> {
    match text {
        ALL => Ok(u64::MAX),
        _ => size(text).ok_or("expected a size such as 500MiB or 4GiB, or all"),
    }
}

fn memory(text: &str) -> Result<u64, &'static str> {
    let size = size(text).ok_or("expected a size such as 256MiB or 1GiB")?;
    if size < LEAST {
        return Err("must be 16MiB or more");
    }
    Ok(size)
}

/// A number of bytes: a whole number and its unit.
fn size(text: &str) -> Option<u64> {
    let unit = text.find(|c: char| !c.is_ascii_digit());
    let (number, unit) = text.split_at(unit.unwrap_or(text.len()));
    let factor: u64 = match unit {
        "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        "TiB" => 1 << 40,
        "kB" => 1_000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(factor)
}

/// Less would not hold what a busy machine keeps a recorder from for an instant.
const LEAST_BUDGET: usize = 4 << 20;
/// Without a bound.
const ALL: &str = "all";
/// With less, a single request with a picture in it would not fit.
const LEAST: u64 = 16 << 20;

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        keep: Keep,
    }

    #[test]
    fn sizes_have_units() {
        for (text, bytes) in [
            ("0B", 0),
            ("3KiB", 3072),
            ("4GiB", 4 << 30),
            ("5MB", 5_000_000),
        ] {
            assert_eq!(size(text), Some(bytes), "{text}");
        }
        for text in [
            "",
            "10",
            "MiB",
            "-1MiB",
            "1.5GiB",
            "1 GiB",
            "99999999999GiB",
            "1gib",
        ] {
            assert_eq!(size(text), None, "{text}");
        }
        assert!(memory("15MiB").is_err() && memory("16MiB").is_ok());
        assert_eq!(bytes("all"), Ok(u64::MAX));
        assert_eq!(age("2d"), Ok(Duration::from_hours(48)));
        assert_eq!(count("all"), Ok(u64::MAX));
    }

    #[test]
    fn the_memory_that_is_told_is_shared_out() {
        let keep = Line::parse_from([""]).keep;
        assert_eq!(keep.tap(), tap::Limits::default());
        assert_eq!((keep.backlog(), keep.cache()), (224 << 20, 32 << 20));
    }
}
