//! Lines that are no flow's: those of the program's log, and text as it is.

use jiff::tz::TimeZone;

use super::{Document, Line, Role, format};
use crate::tap::At;

/// A line of the program's log: when, how much it matters, what it says.
#[must_use]
pub fn log_line(at: At, level: &str, role: Role, text: &str, zone: &TimeZone) -> Line {
    let clock = format::clock_in(at, zone);
    let indent = clock.len() + LEVEL + 2;
    Line::of(&clock, Role::Dim)
        .with(&format!(" {level:<LEVEL$} "), role)
        .with(text, if role == Role::Dim { role } else { Role::Text })
        .hanging(indent)
}

/// Text as it is, line by line; marks of masked secrets stand out.
#[must_use]
pub fn plain(text: &str) -> Document {
    text.lines()
        .map(|line| Line::of(line, Role::Text))
        .collect()
}

/// Columns of a level.
const LEVEL: usize = 5;
