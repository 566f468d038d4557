//! What a process uses, as Linux tells it (proc(5)).

use std::fs;
use std::time::Duration;

/// Resident memory in MB (2^20 bytes).
#[derive(Clone, Copy)]
pub(crate) struct Memory {
    /// Now.
    pub(crate) now: f64,
    /// Of that, what is not a page of a file.
    pub(crate) anonymous: f64,
    /// At most, so far.
    pub(crate) peak: f64,
}

impl Memory {
    pub(crate) fn of(process: u32) -> Self {
        let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
        let field = |name: &str| {
            let line = status.lines().find(|line| line.starts_with(name));
            let value = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<f64>().ok());
            value.unwrap_or_default() / 1024.0
        };
        Self {
            now: field("VmRSS:"),
            anonymous: field("RssAnon:"),
            peak: field("VmHWM:"),
        }
    }
}

/// User and system time so far, in ticks of 10 ms.
pub(crate) fn processor_time(process: u32) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    let after_name = stat.rsplit(')').next().unwrap();
    let fields: Vec<&str> = after_name.split_whitespace().collect();
    let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
    Duration::from_millis(ticks * 10)
}
