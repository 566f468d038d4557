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
    /// When it goes.
    pub until: At,
}

impl Toast {
    /// Something to know, from `now` on.
    #[must_use]
    pub fn note(text: impl Into<String>, now: At) -> Self {
        Self {
            text: text.into(),
            is_error: false,
            until: now.plus(NOTE),
        }
    }

    /// Something that failed, from `now` on.
    #[must_use]
    pub fn error(text: impl Into<String>, now: At) -> Self {
        Self {
            text: text.into(),
            is_error: true,
            until: now.plus(ERROR),
        }
    }

    /// How an effect went.
    #[must_use]
    pub fn of(outcome: Outcome, now: At) -> Self {
        match outcome {
            Outcome::Saved { path, count } => {
                let flows = if count == 1 { "flow" } else { "flows" };
                Self::note(format!("saved {count} {flows} to {}", path.display()), now)
            }
            Outcome::SaveFailed { path, error } => {
                Self::error(format!("cannot save {}: {error}", path.display()), now)
            }
            Outcome::Copied { chars } => Self::note(format!("copied {chars} characters"), now),
            Outcome::CopyFailed { error } => Self::error(format!("cannot copy: {error}"), now),
        }
    }
}

/// How long a note stays.
const NOTE: Duration = Duration::from_secs(4);
/// How long an error stays.
const ERROR: Duration = Duration::from_secs(8);
