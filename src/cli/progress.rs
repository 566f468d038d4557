//! How far a long command is, in one line of a terminal that goes when it is done.

use std::io::{self, IsTerminal as _, Write as _};

/// A line on standard error, if that is a terminal.
#[derive(Default)]
pub(super) struct Progress {
    is_shown: bool,
    /// What the line says.
    last: Option<(&'static str, u8)>,
}

impl Progress {
    /// Shows nothing where standard error is no terminal, or with `quiet`.
    pub(super) fn new(quiet: bool) -> Self {
        Self {
            is_shown: !quiet && io::stderr().is_terminal(),
            last: None,
        }
    }

    /// Says what is being done, and how much of it is, in percent.
    pub(super) fn show(&mut self, what: &'static str, percent: u8) {
        if !self.is_shown || self.last == Some((what, percent)) {
            return;
        }
        self.last = Some((what, percent));
        let done = usize::from(percent.min(100)) * WIDTH / 100;
        let (full, empty) = ("█".repeat(done), "·".repeat(WIDTH - done));
        // A terminal that is gone needs no progress.
        let _ = write!(io::stderr(), "\r\x1b[K{what} {full}{empty} {percent:>3} %");
    }

    /// Takes the line away.
    pub(super) fn clear(&mut self) {
        if self.last.take().is_some() {
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.clear();
    }
}

/// Columns of the bar.
const WIDTH: usize = 30;
