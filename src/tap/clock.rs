//! The one place that reads a clock.
//!
//! Every moment in the program is an [`At`]: microseconds since the Unix epoch. Within one run they
//! come from a monotonic clock anchored once to the wall clock, so differences between two of them
//! are true durations and never negative, while each of them alone can be printed as a date.

use std::time::{Duration, Instant, SystemTime};

/// A moment: microseconds since 1970-01-01T00:00:00Z, leap seconds not counted.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug)]
pub struct At(u64);

impl At {
    /// The moment `micros` microseconds after the Unix epoch.
    #[must_use]
    pub const fn from_micros(micros: u64) -> Self {
        Self(micros)
    }

    /// Microseconds since the Unix epoch.
    #[must_use]
    pub const fn as_micros(self) -> u64 {
        self.0
    }

    /// How long after `earlier` this is; zero when it is not after it.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }

    /// The moment `duration` later.
    #[must_use]
    pub const fn plus(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(duration.as_micros() as u64))
    }
}

/// A monotonic clock that tells the date.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    /// The monotonic reading that `epoch` belongs to.
    start: Instant,
    /// The wall clock's reading at `start`.
    epoch: At,
}

impl Clock {
    /// Reads the wall clock once; later steps of the wall clock do not move this one.
    #[must_use]
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the module that reads the clocks"
    )]
    pub fn start() -> Self {
        let wall = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default();
        Self {
            start: Instant::now(),
            epoch: At(wall.as_micros() as u64),
        }
    }

    /// The present moment.
    #[must_use]
    pub fn now(&self) -> At {
        self.epoch.plus(self.start.elapsed())
    }
}

/// The present moment of the runtime's timers, for waits that a test may pause.
pub(super) fn timer() -> tokio::time::Instant {
    tokio::time::Instant::now()
}
