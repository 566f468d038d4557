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
    /// Whether it answers what the user did: the next answer takes its place.
    is_answer: bool,
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
    /// Something to know, in answer to what the user did.
    #[must_use]
    pub fn note(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            tone: Tone::Neutral,
            is_answer: true,
            stays: NOTE,
            until: None,
        }
    }

    /// Something to know that came of itself.
    #[must_use]
    pub fn news(text: impl Into<String>) -> Self {
        Self {
            is_answer: false,
            ..Self::note(text)
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
            is_answer: false,
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

/// Messages. The newest answer is shown at once, in place of the one before; of news and errors a few are
/// shown above it, the others wait until one of those goes.
#[derive(Default, Debug)]
pub(super) struct Toasts {
    /// The oldest first.
    all: Vec<Toast>,
}

impl Toasts {
    /// Takes a message. One that says the same begins anew.
    pub(super) fn push(&mut self, toast: Toast) {
        self.all.retain(|other| {
            let is_replaced = toast.is_answer && other.is_answer;
            !is_replaced && other.text != toast.text
        });
        self.all.push(toast);
        if self.all.len() > MOST {
            // Of those that wait, the oldest.
            let waits = self.places().iter().position(|is_shown| !is_shown);
            self.all.remove(waits.unwrap_or(0));
        }
    }

    /// Which are shown, in order.
    fn places(&self) -> Vec<bool> {
        let has_answer = self.all.iter().any(|toast| toast.is_answer);
        let mut room = SHOWN - usize::from(has_answer);
        let is_shown = |toast: &Toast| {
            let is_shown = toast.is_answer || room > 0;
            room = room.saturating_sub(usize::from(!toast.is_answer));
            is_shown
        };
        self.all.iter().map(is_shown).collect()
    }

    /// Those that are shown, the oldest first.
    pub(super) fn shown(&self) -> Vec<&Toast> {
        let pairs = self.all.iter().zip(self.places());
        let shown = pairs.filter(|(_, is_shown)| *is_shown);
        shown.map(|(toast, _)| toast).collect()
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
        let mut places = self.places().into_iter();
        self.all
            .retain_mut(|toast| places.next() != Some(true) || toast.tick(now));
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
            Outcome::Copied { chars, most: None } => Self::success(sent(chars)),
            Outcome::Copied {
                chars,
                most: Some(most),
            } => {
                let most = format::bytes(most as u64);
                let text = format!("{}; some take {most} at most", sent(chars));
                Self::note(text)
            }
            Outcome::CopyFailed { error } => Self::error(format!("cannot copy: {error}")),
        }
    }
}

/// What is known of a copy: no terminal tells whether it took it.
fn sent(chars: usize) -> String {
    let chars = format::counted(chars as u64, "character");
    format!("sent {chars} to the terminal's clipboard")
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
