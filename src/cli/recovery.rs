//! What killed programs have left, put back where it belongs, in a line each.

use std::path::Path;

use crate::capture::{self, Recovery};

/// Adds what killed programs have left to the captures in a directory, or to one capture, and says what it
/// was. What cannot be added stays where it is.
pub(super) fn recover(place: &Path) {
    for journal in capture::journals(place) {
        let problem = match capture::recover(&journal) {
            Ok(Recovery::InUse) => continue,
            Ok(Recovery::Recovered {
                capture,
                flows,
                torn,
            }) => {
                if let Some(torn) = torn {
                    say_torn(&capture, &torn);
                }
                if flows > 0 {
                    let capture = capture.display();
                    super::report(&format!(
                        "{capture}: recovered {flows} flows of a codextap that was killed"
                    ));
                }
                continue;
            }
            Err(problem) => problem,
        };
        super::report(&format!("cannot recover {}: {problem}", journal.display()));
    }
    // What cannot be set aside is skipped when it is read.
    if let Ok(Some(torn)) = capture::set_aside(place) {
        say_torn(place, &torn);
    }
}

/// Says where a torn line of a capture is now.
pub(super) fn say_torn(capture: &Path, torn: &Path) {
    let (capture, torn) = (capture.display(), torn.display());
    super::report(&format!("{capture}: its torn last line is in {torn} now"));
}
