//! The program's own log, as far as it is kept for the screen.

use std::collections::VecDeque;

use jiff::tz::TimeZone;
use ratatui::layout::Rect;

use super::action::Action;
use super::leaf::{Leaf, text_of, wrap_line};
use super::scroll::Motion;
use super::{App, Effect, Overlay};
use crate::content::{self, Role};
use crate::tap::At;
use crate::text::Clean;

/// How much a line of the log matters.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Debug)]
pub enum Level {
    /// Something failed.
    Error,
    /// Something may be wrong.
    Warning,
    /// Something to know.
    Info,
    /// Something for people who look into a fault.
    #[default]
    Debug,
}

/// A line of the log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LogLine {
    /// When it was written.
    pub at: At,
    /// How much it matters.
    pub level: Level,
    /// What it says.
    pub text: String,
}

/// The latest lines, and where the reader is in them.
#[derive(Default, Debug)]
pub struct Log {
    lines: VecDeque<LogLine>,
    /// How many lines came, in all.
    came: u64,
    /// Errors that nobody looked at.
    unseen: usize,
    /// The least that is shown.
    least: Level,
    leaf: Leaf,
    /// What the text was made from: lines that came, the least level, columns.
    source: Option<(u64, Level, u16)>,
}

impl Level {
    /// Every level, the worst first.
    const ALL: [Self; 4] = [Self::Error, Self::Warning, Self::Info, Self::Debug];

    /// Its name, as wide as the others.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
        }
    }

    /// What it looks like.
    const fn role(self) -> Role {
        match self {
            Self::Error => Role::Error,
            Self::Warning => Role::Warning,
            Self::Info => Role::Text,
            Self::Debug => Role::Dim,
        }
    }
}

impl Log {
    /// The text, in rows.
    #[must_use]
    pub fn leaf(&self) -> &Leaf {
        &self.leaf
    }

    /// The least that is shown.
    #[must_use]
    pub fn least(&self) -> Level {
        self.least
    }

    /// Errors that came since the log was looked at.
    #[must_use]
    pub fn unseen(&self) -> usize {
        self.unseen
    }

    /// How many of the latest lines there are, and how many there were before them.
    #[must_use]
    pub fn len(&self) -> (usize, u64) {
        (self.lines.len(), self.came - self.lines.len() as u64)
    }

    /// Whether nothing was logged.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.came == 0
    }

    /// Takes a line, and lets the oldest go.
    pub(super) fn push(&mut self, mut line: LogLine) {
        let ends = (0..=LONGEST.min(line.text.len())).rev();
        let end = ends.into_iter().find(|at| line.text.is_char_boundary(*at));
        line.text.truncate(end.unwrap_or(0));
        line.text = Clean::new(&line.text).to_string();
        self.unseen += usize::from(line.level == Level::Error);
        self.lines.push_back(line);
        self.came += 1;
        if self.lines.len() > MOST {
            self.lines.pop_front();
        }
    }

    /// Shows the end, which is followed from now on.
    fn open(&mut self) {
        self.unseen = 0;
        self.leaf.scroll.follows_end = true;
    }

    /// Brings the text up to date.
    fn prepare(&mut self, area: Rect, zone: &TimeZone) {
        self.unseen = 0;
        self.leaf.height = usize::from(area.height);
        let source = (self.came, self.least, area.width);
        if self.source != Some(source) {
            let lines = self.lines.iter().filter(|line| line.level <= self.least);
            let lines = lines.map(|line| {
                let (level, role) = (line.level.title(), line.level.role());
                content::log_line(line.at, level, role, &line.text, zone)
            });
            self.leaf.document = lines.collect();
            let lines = self.leaf.document.lines.iter().enumerate();
            let rows = lines.flat_map(|(at, line)| wrap_line(at, line, area.width));
            self.leaf.rows = rows.collect();
            self.source = Some(source);
        }
        self.leaf.clamp();
    }

    /// Moves the cursor; at the end it stays there.
    pub(super) fn go(&mut self, motion: Motion) {
        self.leaf.scroll.follows_end = false;
        self.leaf.go(motion);
        self.follow();
    }

    /// Turns the wheel by `by` rows.
    pub(super) fn wheel(&mut self, by: isize) {
        self.leaf.scroll.follows_end = false;
        self.leaf.wheel(by);
        self.follow();
    }

    fn follow(&mut self) {
        let is_at_end = self.leaf.scroll.cursor + 1 >= self.leaf.rows.len();
        self.leaf.scroll.follows_end = is_at_end;
    }

    /// Shows more levels, or fewer.
    fn turn(&mut self, by: isize) {
        let place = (self.least as usize).saturating_add_signed(by);
        self.least = Level::ALL[place.min(Level::ALL.len() - 1)];
        self.leaf.scroll.follows_end = true;
    }
}

impl App {
    /// The program's own log.
    #[must_use]
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// Shows the log, its newest line last.
    pub(super) fn show_log(&mut self) {
        self.log.open();
        self.show(Overlay::Log);
    }

    /// Brings the log's text up to date.
    pub(super) fn prepare_log(&mut self, area: Rect) {
        self.log.prepare(area, &self.options.time_zone);
    }

    /// A command while the log is on top.
    pub(super) fn act_on_log(
        &mut self,
        action: Action,
        count: Option<usize>,
    ) -> Option<Vec<Effect>> {
        if let Some(motion) = Motion::of(action, count) {
            self.log.go(motion);
            return Some(Vec::new());
        }
        match action {
            Action::Back | Action::Quit => self.close(),
            Action::NextTab => self.log.turn(1),
            Action::PreviousTab => self.log.turn(-1),
            Action::Copy => {
                let line = self.log.leaf.current().map(text_of);
                return Some(line.map(Effect::Copy).into_iter().collect());
            }
            _ => return None,
        }
        Some(Vec::new())
    }
}

/// How many lines are kept.
const MOST: usize = 1_000;
/// How many bytes of a line are kept.
const LONGEST: usize = 2 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_bounded_and_clean() {
        let mut log = Log::default();
        for number in 0..MOST as u64 + 5 {
            log.push(LogLine {
                at: At::default(),
                level: Level::Error,
                text: format!("line {number} \u{1b}[31m {}", "ü".repeat(LONGEST)),
            });
        }
        assert_eq!(log.len(), (MOST, 5));
        assert_eq!(log.unseen(), MOST + 5);
        let first = &log.lines[0].text;
        assert!(first.starts_with("line 5 ␛[31m ü"), "{first}");
        assert!(first.len() < 2 * LONGEST);
    }
}
