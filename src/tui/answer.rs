//! The terminal's answer to what its background is, taken out of what the user does.
//!
//! The question (xterm's OSC 11) is asked once and nobody waits for the answer: it comes in between keys, at
//! any time or never. crossterm does not know it and reads keys: Alt-] for how it begins, one for each of its
//! characters, and Alt-\ or Ctrl-g for how it ends.

use crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers};

use crate::view::Ground;

/// Asks for the background: OSC 11 with `?` for the colour (xterm's control sequences), ended by ST.
pub(super) const QUESTION: &str = "\x1b]11;?\x1b\\";

/// Takes answers out of input events. What may be one is held back until that is known.
#[derive(Default, Debug)]
pub(super) struct Sieve {
    held: Vec<Event>,
    /// What the held events are as text, behind the beginning.
    text: String,
}

impl Sieve {
    /// Takes in an event. Gives what is to be passed on of it and those before, and what was answered with it;
    /// an answer that cannot be read is none.
    pub(super) fn take(&mut self, event: Event) -> (Vec<Event>, Option<Ground>) {
        match Piece::of(&event) {
            Piece::Begin => {
                let passed = self.release();
                self.held.push(event);
                (passed, None)
            }
            Piece::Char(char) if !self.held.is_empty() => {
                self.text.push(char);
                self.held.push(event);
                let is_one = PREFIX.starts_with(&self.text) || self.is_answer();
                if is_one && self.text.len() <= LONGEST {
                    (Vec::new(), None)
                } else {
                    (self.release(), None)
                }
            }
            Piece::End if self.is_answer() => {
                let ground = self.text.strip_prefix(PREFIX).and_then(Ground::of);
                self.release();
                (Vec::new(), ground)
            }
            _ => {
                let mut passed = self.release();
                passed.push(event);
                (passed, None)
            }
        }
    }

    /// Whether what is held back is an answer for sure, its end to come.
    pub(super) fn is_answer(&self) -> bool {
        self.text.starts_with(PREFIX)
    }

    /// Gives back what was held back and is no answer. Of an answer, nothing is anybody's.
    pub(super) fn release(&mut self) -> Vec<Event> {
        let held = std::mem::take(&mut self.held);
        let is_answer = self.is_answer();
        self.text.clear();
        if is_answer { Vec::new() } else { held }
    }
}

/// What an event may be in an answer.
enum Piece {
    Begin,
    Char(char),
    End,
    Other,
}

impl Piece {
    fn of(event: &Event) -> Self {
        let Event::Key(KeyEvent {
            code: KeyCode::Char(char),
            modifiers,
            ..
        }) = event
        else {
            return Self::Other;
        };
        match (*char, *modifiers) {
            (']', KeyModifiers::ALT) => Self::Begin,
            ('\\', KeyModifiers::ALT) | ('g', KeyModifiers::CONTROL) => Self::End,
            (char, KeyModifiers::NONE | KeyModifiers::SHIFT) => Self::Char(char),
            _ => Self::Other,
        }
    }
}

/// How an answer goes on.
const PREFIX: &str = "11;";
/// More characters than an answer has.
const LONGEST: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    /// What crossterm makes of bytes that a terminal sends.
    fn events(bytes: &str) -> Vec<Event> {
        let mut events = Vec::new();
        let mut chars = bytes.chars();
        while let Some(char) = chars.next() {
            let (code, modifiers) = match char {
                '\x1b' => (chars.next().unwrap(), KeyModifiers::ALT),
                '\x07' => ('g', KeyModifiers::CONTROL),
                char if char.is_uppercase() => (char, KeyModifiers::SHIFT),
                char => (char, KeyModifiers::NONE),
            };
            events.push(Event::Key(KeyEvent::new(KeyCode::Char(code), modifiers)));
        }
        events
    }

    /// What becomes of them, the rest after a moment of silence.
    fn sift(bytes: &str) -> (Vec<Event>, Vec<Ground>) {
        let mut sieve = Sieve::default();
        let (mut passed, mut grounds) = (Vec::new(), Vec::new());
        for event in events(bytes) {
            let (events, ground) = sieve.take(event);
            passed.extend(events);
            grounds.extend(ground);
        }
        passed.extend(sieve.release());
        (passed, grounds)
    }

    #[test]
    fn answers_are_taken_out_and_keys_stay_in_their_order() {
        let (dark, light) = (Ground::Dark, Ground::Light);
        for (bytes, passed, grounds) in [
            ("\x1b]11;rgb:0000/0000/0000\x1b\\", "", &[dark][..]),
            ("\x1b]11;rgb:FFFF/ffff/ffff\x07", "", &[light]),
            (
                "j\x1b]11;rgb:ff/ff/ff\x1b\\k\x1b]11;rgb:0/0/0\x07l",
                "jkl",
                &[light, dark],
            ),
            // What is no colour is nobody's either.
            ("\x1b]11;garbage\x1b\\j", "j", &[]),
            ("\x1b]11;\x07j", "j", &[]),
            // An answer without its end ends with what cannot be of it.
            ("\x1b]11;rgb:ff\x1bjk", "\x1bjk", &[]),
            ("\x1b]11;rgb:00/", "", &[]),
            ("\x1b]11;\x1b]11;rgb:ff/ff/ff\x07", "", &[light]),
            // Keys.
            ("\x1b]", "\x1b]", &[]),
            ("\x1b]1", "\x1b]1", &[]),
            ("\x1b]12;rgb:ff/ff/ff\x07", "\x1b]12;rgb:ff/ff/ff\x07", &[]),
            ("\x1b]j\x1b]\x1b]k", "\x1b]j\x1b]\x1b]k", &[]),
            (
                "11;rgb:ff/ff/ff\x07\x1b\\",
                "11;rgb:ff/ff/ff\x07\x1b\\",
                &[],
            ),
        ] {
            assert_eq!(sift(bytes), (events(passed), grounds.to_vec()), "{bytes:?}");
        }
        let endless = format!("\x1b]11;{}", "x".repeat(LONGEST));
        assert_eq!(sift(&endless).0, events("xx"), "a bound");
    }
}
