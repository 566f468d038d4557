//! Does what the app asked for: saving files, the clipboard, the title.
//!
//! Whatever can wait for a device runs on a thread of its own; how it ended comes back as a message.

use std::fmt::Write as _;

use tokio::sync::mpsc;

use super::{Screen, Session};
use crate::app::{Effect, Outcome};
use crate::capture::{self, Existing};

/// Performs effects.
pub(super) struct Effects {
    done: mpsc::UnboundedSender<Outcome>,
}

impl Effects {
    /// With the receiving end of what came of them.
    pub(super) fn new() -> (Self, mpsc::UnboundedReceiver<Outcome>) {
        let (done, outcomes) = mpsc::unbounded_channel();
        (Self { done }, outcomes)
    }

    /// Performs one effect. Quitting, redrawing and suspending are the loop's own.
    pub(super) fn perform(&mut self, effect: Effect, session: &Session, screen: &Screen) {
        match effect {
            Effect::Save { path, flows } => {
                let snapshot = session.app.store().clone();
                let done = self.done.clone();
                tokio::task::spawn_blocking(move || {
                    let outcome = match capture::save(&path, &snapshot, flows, Existing::Keep) {
                        Ok(saved) => Outcome::Saved {
                            path,
                            count: saved.lines as usize,
                        },
                        Err(error) => Outcome::SaveFailed {
                            path,
                            error: error.to_string(),
                        },
                    };
                    // A loop that ended meanwhile has no use for the outcome.
                    let _ = done.send(outcome);
                });
            }
            Effect::Copy(text) => {
                screen.send(clipboard(&text).as_bytes());
                let _ = self.done.send(Outcome::Copied {
                    chars: text.chars().count(),
                });
            }
            Effect::Title(title) => {
                let mut sequence = String::from("\x1b]2;");
                // Writing to a string cannot fail; the title holds no control character.
                let _ = write!(sequence, "{}\x07", crate::text::Clean::new(&title));
                screen.send(sequence.as_bytes());
            }
            Effect::Quit | Effect::Redraw | Effect::Suspend => {}
        }
    }
}

/// The sequence that puts `text` on the clipboard (OSC 52), through SSH and tmux too.
fn clipboard(text: &str) -> String {
    use base64::Engine as _;
    let encoded = base64::engine::general_purpose::STANDARD.encode(text);
    format!("\x1b]52;c;{encoded}\x07")
}
