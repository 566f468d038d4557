//! When the loop draws, ticks, and looks at how writing went.

use std::time::Duration;

use tokio::time::Instant;

/// When to draw and when to tick.
#[derive(Debug)]
pub(super) struct Pace {
    /// Something changed since the last frame.
    pub(super) is_dirty: bool,
    /// Somebody waits for the next frame: it answers a key.
    pub(super) is_awaited: bool,
    drawn: Option<Instant>,
    /// Since when the panes wait for something that is being read back.
    held: Option<Instant>,
    /// Whether a frame was drawn since then.
    is_held_drawn: bool,
    ticked: Instant,
    /// When to look once more at how writing the latest flows went.
    check: Option<Instant>,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            is_dirty: true,
            is_awaited: false,
            drawn: None,
            held: None,
            is_held_drawn: false,
            ticked: Instant::now(),
            check: None,
        }
    }
}

impl Pace {
    /// When the next frame may be drawn.
    pub(super) fn due(&self) -> Instant {
        let drawn = self.drawn.filter(|_| !self.is_awaited);
        let due = drawn.map_or_else(Instant::now, |drawn| drawn + PACE);
        let Some(held) = self.held else {
            return due;
        };
        let least = if self.is_held_drawn && !self.is_awaited {
            LONG_HOLD
        } else {
            HOLD
        };
        due.max(held + least)
    }

    /// Puts the frame off a little while the panes wait: most often what they wait for comes at once.
    pub(super) fn hold(&mut self, is_waiting: bool) {
        if !is_waiting {
            self.held = None;
            self.is_held_drawn = false;
        } else if self.held.is_none() {
            self.held = Some(Instant::now());
        }
    }

    /// Whether the panes show what they did until what they wait for has come, instead of saying that
    /// it is on its way.
    pub(super) fn is_patient(&self) -> bool {
        self.held
            .is_some_and(|held| Instant::now() < held + LONG_HOLD)
    }

    /// Whether a frame is to be drawn now. For one that answers a key nothing is waited but further
    /// keys, if `is_typed` says that there are any, as far as the pace allows.
    pub(super) fn may_draw(&self, is_typed: impl FnOnce() -> bool) -> bool {
        if !self.is_dirty || self.due() > Instant::now() {
            return false;
        }
        let is_in_pace = |drawn: Instant| drawn.elapsed() >= PACE;
        self.drawn.is_none_or(is_in_pace) || !is_typed()
    }

    /// Whether one is to be drawn, now or later.
    pub(super) fn is_due_later(&self) -> bool {
        self.is_dirty
    }

    pub(super) fn drawn(&mut self) {
        self.is_held_drawn = self.held.is_some();
        // What the panes show is to change even if nothing comes.
        self.is_dirty = self.is_patient();
        self.is_awaited = false;
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

/// The shortest time between two frames that nobody waits for.
const PACE: Duration = Duration::from_millis(16);
/// How long a frame is put off for what is being read back.
const HOLD: Duration = Duration::from_millis(4);
/// How long the panes show what they did before they say that something is being read back.
const LONG_HOLD: Duration = Duration::from_millis(30);
/// How often a moving screen moves.
const TICK: Duration = Duration::from_millis(100);
/// How long after the latest events the capture's thread has surely tried to write them.
const CHECK: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    /// A pace at which a frame was just drawn, and something changed since.
    fn drawn() -> Pace {
        let mut pace = Pace::default();
        assert!(pace.may_draw(|| false));
        pace.drawn();
        assert!(!pace.is_due_later());
        pace.is_dirty = true;
        pace
    }

    #[tokio::test(start_paused = true)]
    async fn a_key_is_answered_at_once_and_data_in_their_pace() {
        let pace = drawn();
        assert!(!pace.may_draw(|| false));
        advance(PACE).await;
        assert!(pace.may_draw(|| true));

        let mut pace = drawn();
        pace.is_awaited = true;
        assert!(pace.may_draw(|| false));
        // A further key comes first, but no number of them stops the frames.
        assert!(!pace.may_draw(|| true));
        advance(PACE).await;
        assert!(pace.may_draw(|| true));
        pace.drawn();
        pace.is_dirty = true;
        assert!(!pace.may_draw(|| false), "the answer was drawn");
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_read_back_is_waited_for_in_two_steps() {
        let mut pace = drawn();
        pace.is_awaited = true;
        pace.hold(true);
        assert!(!pace.may_draw(|| false));
        advance(HOLD).await;
        assert!(pace.may_draw(|| false) && pace.is_patient());
        pace.drawn();
        assert!(pace.is_due_later(), "the panes are still to change");
        advance(PACE).await;
        assert!(!pace.may_draw(|| false));
        advance(LONG_HOLD).await;
        assert!(pace.may_draw(|| false) && !pace.is_patient());
        pace.drawn();
        assert!(!pace.is_due_later());
        pace.hold(false);
        pace.is_dirty = true;
        advance(PACE).await;
        assert!(pace.may_draw(|| false));
    }
}
