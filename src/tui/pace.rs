//! When the loop draws, ticks, and looks at how writing went.

use std::time::Duration;

use tokio::time::Instant;

/// When to draw and when to tick.
#[derive(Debug)]
pub(super) struct Pace {
    /// Something changed since the last frame.
    pub(super) is_dirty: bool,
    drawn: Option<Instant>,
    /// Since when the panes wait for something that is being read back.
    held: Option<Instant>,
    ticked: Instant,
    /// When to look once more at how writing the latest flows went.
    check: Option<Instant>,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            is_dirty: true,
            drawn: None,
            held: None,
            ticked: Instant::now(),
            check: None,
        }
    }
}

impl Pace {
    /// When the next frame may be drawn.
    pub(super) fn due(&self) -> Instant {
        let due = self.drawn.map_or_else(Instant::now, |drawn| drawn + PACE);
        self.held.map_or(due, |held| due.max(held + HOLD))
    }

    /// Puts the frame off a little while the panes wait: most often it comes at once, and the screen
    /// need not say that it is on its way.
    pub(super) fn hold(&mut self, is_waiting: bool) {
        if !is_waiting {
            self.held = None;
        } else if self.held.is_none() {
            self.held = Some(Instant::now());
        }
    }

    /// Whether a frame is to be drawn now.
    pub(super) fn may_draw(&self) -> bool {
        self.is_dirty && self.due() <= Instant::now()
    }

    /// Whether one is to be drawn, now or later.
    pub(super) fn is_due_later(&self) -> bool {
        self.is_dirty
    }

    pub(super) fn drawn(&mut self) {
        self.is_dirty = false;
        self.drawn = Some(Instant::now());
    }

    /// Events were taken in.
    pub(super) fn recorded(&mut self) {
        self.check = Some(Instant::now() + CHECK);
    }

    /// When to look at how they were written.
    pub(super) fn check(&self) -> Instant {
        self.check.unwrap_or_else(Instant::now)
    }

    pub(super) fn is_check_due(&self) -> bool {
        self.check.is_some()
    }

    pub(super) fn checked(&mut self) {
        self.check = None;
    }

    pub(super) fn next_tick(&self) -> Instant {
        self.ticked + TICK
    }

    pub(super) fn ticked(&mut self) {
        self.ticked = Instant::now();
    }
}

/// The shortest time between two frames.
const PACE: Duration = Duration::from_millis(16);
/// How long a frame is put off for what is being read back.
const HOLD: Duration = Duration::from_millis(30);
/// How often a moving screen moves.
const TICK: Duration = Duration::from_millis(100);
/// How long after the latest events the capture's thread has surely tried to write them.
const CHECK: Duration = Duration::from_secs(1);
