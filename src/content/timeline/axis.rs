//! The time axis: how many frames passed when, and where nothing did, in one line.

use std::time::Duration;

use super::super::{Line, Role, format};
use super::Timeline;
use super::rows::GAP;
use crate::tap::At;
use crate::text::width;

impl Timeline {
    /// The time from `start` to the last frame in a line of `columns`, and the column in which `at` is.
    ///
    /// A column's bar grows with each doubling of its frames. Silence that has a row of its own is dotted.
    #[must_use]
    pub fn axis(&self, start: At, columns: usize, at: Option<At>) -> (Line, Option<usize>) {
        let Some(end) = self.entries.last().map(|entry| entry.0) else {
            return (Line::default(), None);
        };
        let whole = end.since(start);
        let (first, last) = ("0 ", format!(" {}", format::duration(whole)));
        let Some(bars) = columns.checked_sub(width(first) + width(&last)) else {
            return (Line::default(), None);
        };
        // The last moment is the last column's.
        let micros = whole.as_micros().max(1) + 1;
        let begin = |column: usize| {
            let micros = micros * column as u128 / bars.max(1) as u128;
            start.plus(Duration::from_micros(micros as u64))
        };
        let mut line = Line::of(first, Role::Dim);
        // Bars of one colour are one piece of the line.
        let (mut piece, mut role) = (String::new(), Role::FrameIn);
        let mut from = 0;
        for column in 0..bars {
            let end = begin(column + 1);
            let count = self.entries[from..].partition_point(|entry| entry.0 < end);
            let (bar, its) = match count.checked_ilog2() {
                Some(doubled) => (
                    BARS[BARS.len().min(doubled as usize + 1) - 1],
                    Role::FrameIn,
                ),
                None if self.is_in_gap(from, start) => ("┄", Role::FrameGap),
                None => (" ", Role::FrameIn),
            };
            if its != role {
                line.add(&std::mem::take(&mut piece), role);
                role = its;
            }
            piece.push_str(bar);
            from += count;
        }
        line.add(&piece, role);
        let column = at.filter(|_| bars > 0).map(|at| {
            let column = at.since(start).as_micros() * bars as u128 / micros;
            width(first) + (column as usize).min(bars - 1)
        });
        (line.with(&last, Role::Dim), column)
    }

    /// Whether the time before the entry `next` is silence that has a row.
    fn is_in_gap(&self, next: usize, start: At) -> bool {
        let before = next.checked_sub(1).and_then(|last| self.entries.get(last));
        let before = before.map_or(start, |entry| entry.0);
        let next = self.entries.get(next);
        next.is_some_and(|next| next.0.since(before) >= GAP)
    }
}

/// What stands for 1, 2, 4, … frames and more.
const BARS: [&str; 8] = ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"];
