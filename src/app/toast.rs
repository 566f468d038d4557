//! Short messages that come and go.

use std::time::Duration;

use super::msg::Outcome;
use crate::tap::At;

/// A message that is shown for a while.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Toast {
    /// What it says, in one line.
    pub text: String,
    /// Whether it tells of a failure.
    pub is_error: bool,
    /// How long it stays.
    stays: Duration,
    /// When it goes; `None` until the first tick that it saw.
    until: Option<At>,
}

impl Toast {
    /// Something to know.
    #[must_use]
    pub fn note(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            is_error: false,
            stays: NOTE,
            until: None,
        }
    }

    /// Something that failed.
    #[must_use]
    pub fn error(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            is_error: true,
            stays: ERROR,
            until: None,
        }
    }

    /// Takes in that it is `now`; the first time starts its clock, because the app does not know
    /// the time between ticks. Says whether it is still to be shown.
    pub fn tick(&mut self, now: At) -> bool {
        now < *self.until.get_or_insert(now.plus(self.stays))
    }
}

impl From<Outcome> for Toast {
    /// How an effect went.
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Saved { path, count } => {
                let flows = if count == 1 { "flow" } else { "flows" };
                Self::note(format!("saved {count} {flows} to {}", path.display()))
            }
            Outcome::SaveFailed { path, error } => {
                Self::error(format!("cannot save {}: {error}", path.display()))
            }
            Outcome::Copied { chars } => Self::note(format!("copied {chars} characters")),
            Outcome::CopyFailed { error } => Self::error(format!("cannot copy: {error}")),
        }
    }
}

/// How long a note stays.
const NOTE: Duration = Duration::from_secs(4);
/// How long an error stays.
const ERROR: Duration = Duration::from_secs(8);
