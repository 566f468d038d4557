//! What killed programs have left, put back where it belongs, in a line each.

use std::path::Path;

use super::volatile;
use crate::capture::{self, Recovery};
use crate::tap::Remains;

/// Adds what killed programs have left to the captures in a directory, or to one capture, says what it
/// was, and gives that for a screen to say it too. What cannot be added stays where it is.
pub(super) fn recover(place: &Path) -> Vec<String> {
    let mut told = Vec::new();
    let mut say = |message: String| {
        super::report(&message);
        told.push(message);
    };
    let tails = volatile::directories();
    for journal in capture::journals(place, &tails) {
        let problem = match capture::recover(&journal, &tails) {
            Ok(Recovery::InUse) => continue,
            Ok(Recovery::Recovered {
                capture,
                flows,
                torn,
                unread,
            }) => {
                if let Some(problem) = unread {
                    let capture = capture.display();
                    say(format!(
                        "{capture}: cannot read what a codextap that was killed had in memory: {problem}; what its journal \
                         has is recovered"
                    ));
                }
                if let Some(torn) = torn {
                    say(is_torn(&capture, &torn));
                }
                if flows > 0 {
                    let capture = capture.display();
                    say(format!(
                        "{capture}: recovered {flows} flows of a codextap that was killed"
                    ));
                }
                continue;
            }
            Err(problem) => problem,
        };
        say(format!("cannot recover {}: {problem}", journal.display()));
    }
    for directory in &tails {
        Remains::sweep(directory);
    }
    // What cannot be set aside is skipped when it is read.
    if let Ok(Some(torn)) = capture::set_aside(place) {
        say(is_torn(place, &torn));
    }
    told
}

/// Says where a torn line of a capture is now.
pub(super) fn say_torn(capture: &Path, torn: &Path) {
    super::report(&is_torn(capture, torn));
}

fn is_torn(capture: &Path, torn: &Path) -> String {
    let (capture, torn) = (capture.display(), torn.display());
    format!("{capture}: its torn last line is in {torn} now")
}
