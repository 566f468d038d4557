//! Short messages that come and go.

use std::path::Path;
use std::time::Duration;

use super::msg::Outcome;
use crate::content::format;
use crate::tap::At;

/// A message that is shown for a while.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Toast {
    /// What it says, in one line.
    pub text: String,
    /// What it tells of.
    pub tone: Tone,
    /// How long it stays.
    stays: Duration,
    /// When it goes; `None` until the first tick that it saw.
    until: Option<At>,
}

/// What a message tells of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Tone {
    /// Something to know.
    Neutral,
    /// Something that was done.
    Success,
    /// Something that failed.
    Failure,
}

impl Toast {
    /// Something to know.
    #[must_use]
    pub fn note(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            tone: Tone::Neutral,
            stays: NOTE,
            until: None,
        }
    }

    /// Something that was done.
    #[must_use]
    pub fn success(text: impl Into<String>) -> Self {
        Self {
            tone: Tone::Success,
            ..Self::note(text)
        }
    }

    /// Something that failed.
    #[must_use]
    pub fn error(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            tone: Tone::Failure,
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

/// Messages: a few are shown one above another, the others wait until one of those goes.
#[derive(Default, Debug)]
pub(super) struct Toasts {
    /// The oldest first.
    all: Vec<Toast>,
}

impl Toasts {
    /// Takes a message. One that says the same begins anew.
    pub(super) fn push(&mut self, toast: Toast) {
        let same = self.all.iter_mut().find(|other| other.text == toast.text);
        match same {
            Some(other) => *other = toast,
            None => self.all.push(toast),
        }
        if self.all.len() > MOST {
            // Of those that wait, the oldest.
            self.all.remove(SHOWN);
        }
    }

    /// Those that are shown, the oldest first.
    pub(super) fn shown(&self) -> &[Toast] {
        &self.all[..self.all.len().min(SHOWN)]
    }

    /// The newest.
    pub(super) fn newest(&self) -> Option<&Toast> {
        self.all.last()
    }

    /// Whether there are none.
    pub(super) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Takes in that it is `now`. What waits has all its time before it.
    pub(super) fn tick(&mut self, now: At) {
        let mut place = 0;
        self.all.retain_mut(|toast| {
            place += 1;
            place > SHOWN || toast.tick(now)
        });
    }
}

impl From<Outcome> for Toast {
    /// How an effect went.
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Saved { path, count } => {
                let flows = format::counted(count as u64, "flow");
                Self::success(format!("saved {flows} to {}", path.display()))
            }
            Outcome::Exists { path } => {
                Self::error(format!("cannot save {}: the file exists", path.display()))
            }
            Outcome::SaveFailed { path, error } => {
                let reason = reason(&path, &error);
                Self::error(format!("cannot save {}: {reason}", path.display()))
            }
            Outcome::Streaming { path } => {
                Self::success(format!("streaming to {}", path.display()))
            }
            Outcome::Streamed { path, count: 0 } => {
                Self::note(format!("nothing came to be streamed to {}", path.display()))
            }
            Outcome::Streamed { path, count } => {
                let flows = format::counted(count, "flow");
                Self::success(format!("streamed {flows} to {}", path.display()))
            }
            Outcome::StreamFailed { path, error } => {
                let reason = reason(&path, &error);
                Self::error(format!("cannot stream to {}: {reason}", path.display()))
            }
            Outcome::ThemeFailed { error } => Self::error(error),
            Outcome::Copied { chars, most: None } => {
                Self::success(format!("copied {chars} characters"))
            }
            Outcome::Copied {
                chars,
                most: Some(most),
            } => {
                let most = format::bytes(most as u64);
                let text = format!("copied {chars} characters; some terminals take {most} at most");
                Self::note(text)
            }
            Outcome::CopyFailed { error } => Self::error(format!("cannot copy: {error}")),
        }
    }
}

/// Why a file could not be saved, without what the message around it says already.
#[must_use]
pub fn reason<'a>(path: &Path, error: &'a str) -> &'a str {
    let told = format!("cannot write {}: ", path.display());
    error.strip_prefix(&told).unwrap_or(error)
}

/// How many messages are shown at once.
const SHOWN: usize = 3;
/// How many messages there are at most.
const MOST: usize = 16;
/// How long a note stays.
const NOTE: Duration = Duration::from_secs(4);
/// How long an error stays.
const ERROR: Duration = Duration::from_secs(8);
