//! Where a pane stands in its text: the first visible row, and the row of the cursor.

use super::action::Action;

/// A position in a text of rows, seen through a window of rows. The cursor is always visible.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Scroll {
    /// The first visible row.
    pub top: usize,
    /// The row of the cursor.
    pub cursor: usize,
    /// Whether the cursor stays on the last row as rows are added.
    pub follows_end: bool,
}

/// A way to move.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Motion {
    /// By rows; negative is up.
    Rows(isize),
    /// By halves of the window; negative is up.
    HalfPages(isize),
    /// By windows; negative is up.
    Pages(isize),
    /// To the row with this number.
    To(usize),
    /// To the last row.
    End,
}

impl Motion {
    /// What a command for moving means, given `count` times; `None` for other commands.
    #[must_use]
    pub fn of(action: Action, count: Option<usize>) -> Option<Self> {
        let rows = count.unwrap_or(1).cast_signed();
        Some(match action {
            Action::Down => Self::Rows(rows),
            Action::Up => Self::Rows(-rows),
            Action::First | Action::Goto => Self::To(count.map_or(0, |row| row.saturating_sub(1))),
            Action::Last => count.map_or(Self::End, |row| Self::To(row.saturating_sub(1))),
            Action::HalfDown => Self::HalfPages(rows),
            Action::HalfUp => Self::HalfPages(-rows),
            Action::PageDown => Self::Pages(rows),
            Action::PageUp => Self::Pages(-rows),
            _ => return None,
        })
    }
}

impl Scroll {
    /// Moves the cursor within `rows` rows, seen through `height` of them.
    pub fn go(&mut self, motion: Motion, rows: usize, height: usize) {
        let page = height.max(1).cast_signed();
        self.cursor = match motion {
            Motion::Rows(by) => self.cursor.saturating_add_signed(by),
            Motion::HalfPages(by) => self.cursor.saturating_add_signed(by * (page / 2).max(1)),
            Motion::Pages(by) => self.cursor.saturating_add_signed(by * (page - 1).max(1)),
            Motion::To(row) => row,
            Motion::End => rows.saturating_sub(1),
        };
        if let Motion::Pages(by) | Motion::HalfPages(by) = motion {
            let by = match motion {
                Motion::Pages(_) => by * (page - 1).max(1),
                _ => by * (page / 2).max(1),
            };
            self.top = self.top.saturating_add_signed(by);
        }
        self.clamp(rows, height);
    }

    /// Turns the wheel by `by` rows; the cursor comes along only as far as it must.
    pub fn wheel(&mut self, by: isize, rows: usize, height: usize) {
        let last_top = rows.saturating_sub(height);
        self.top = self.top.saturating_add_signed(by).min(last_top);
        let margin = margin(height);
        let low = if self.top == 0 { 0 } else { self.top + margin };
        let high = if self.top == last_top {
            rows.saturating_sub(1)
        } else {
            (self.top + height).saturating_sub(1 + margin)
        };
        self.cursor = self.cursor.clamp(low.min(high), high);
    }

    /// Brings the position back into `rows` rows, and the cursor into the window.
    pub fn clamp(&mut self, rows: usize, height: usize) {
        let last = rows.saturating_sub(1);
        if self.follows_end {
            self.cursor = last;
        }
        self.cursor = self.cursor.min(last);
        let margin = margin(height);
        let lowest = (self.cursor + 1 + margin).saturating_sub(height);
        let highest = self.cursor.saturating_sub(margin);
        self.top = self
            .top
            .clamp(lowest.min(highest), highest.max(lowest))
            .min(rows.saturating_sub(height));
    }
}

/// How many rows are kept visible above and below the cursor.
const fn margin(height: usize) -> usize {
    if height >= 8 { 2 } else { 0 }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn motion() -> impl Strategy<Value = Motion> {
        prop_oneof![
            (-30isize..30).prop_map(Motion::Rows),
            (-3isize..3).prop_map(Motion::HalfPages),
            (-3isize..3).prop_map(Motion::Pages),
            (0usize..99).prop_map(Motion::To),
            Just(Motion::End),
        ]
    }

    proptest! {
        #[test]
        fn the_cursor_is_always_visible(
            steps in prop::collection::vec((motion(), 0usize..60, 1usize..30, -9isize..9), 1..40),
        ) {
            let mut scroll = Scroll::default();
            for (motion, rows, height, wheel) in steps {
                scroll.go(motion, rows, height);
                prop_assert!(scroll.cursor <= rows.saturating_sub(1));
                prop_assert!(scroll.top <= scroll.cursor);
                prop_assert!(scroll.cursor < scroll.top + height);
                prop_assert!(scroll.top <= rows.saturating_sub(height));
                scroll.wheel(wheel, rows, height);
                prop_assert!(scroll.top <= scroll.cursor);
                prop_assert!(scroll.cursor < scroll.top + height);
            }
        }
    }

    #[test]
    fn the_end_is_followed_as_rows_are_added() {
        let mut scroll = Scroll {
            follows_end: true,
            ..Scroll::default()
        };
        scroll.clamp(100, 10);
        assert_eq!((scroll.top, scroll.cursor), (90, 99));
        scroll.clamp(103, 10);
        assert_eq!((scroll.top, scroll.cursor), (93, 102));
    }
}
