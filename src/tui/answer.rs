//! The terminal's answer to what its background is, taken out of what the user does.
//!
//! The question (xterm's OSC 11) is asked once and nobody waits for the answer: it comes in between keys, at
//! any time or never. crossterm does not know it and reads keys: Alt-] for how it begins, one for each of its
//! characters, and Alt-\ or Ctrl-g for how it ends. Where an answer comes in two reads, split behind an ESC, it
//! reads Esc and a character for Alt and that character.

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
    /// Esc behind the held events: a key, or the ESC of what comes next.
    escape: Option<Event>,
}

impl Sieve {
    /// Takes in an event; `is_asked`: an answer is awaited, and Esc may be the start of it. Gives what is to be
    /// passed on of it and those before, and what was answered with it; an answer that cannot be read is none.
    pub(super) fn take(&mut self, event: Event, is_asked: bool) -> (Vec<Event>, Option<Ground>) {
        let escape = self.escape.take();
        let piece = match Piece::of(&event) {
            Piece::Char(']') if escape.is_some() => Piece::Begin,
            Piece::Char('\\') if escape.is_some() && self.is_answer() => Piece::End,
            piece => piece,
        };
        match piece {
            Piece::Begin => {
                let passed = self.release();
                self.held.extend(escape);
                self.held.push(event);
                (passed, None)
            }
            Piece::Escape if self.is_answer() && escape.is_none() => {
                self.escape = Some(event);
                (Vec::new(), None)
            }
            Piece::Escape if is_asked => {
                let mut passed = self.release();
                passed.extend(escape);
                self.escape = Some(event);
                (passed, None)
            }
            Piece::Char(char) if !self.held.is_empty() && escape.is_none() => {
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
                passed.extend(escape);
                passed.push(event);
                (passed, None)
            }
        }
    }

    /// Whether what is held back is an answer for sure, its end to come.
    pub(super) fn is_answer(&self) -> bool {
        self.text.starts_with(PREFIX)
    }

    /// Whether anything is held back.
    pub(super) fn holds(&self) -> bool {
        !self.held.is_empty() || self.escape.is_some()
    }

    /// Gives back what was held back and is no answer. Of an answer, nothing is anybody's.
    pub(super) fn release(&mut self) -> Vec<Event> {
        let mut held = std::mem::take(&mut self.held);
        if self.is_answer() {
            held.clear();
        }
        self.text.clear();
        held.extend(self.escape.take());
        held
    }
}

/// What an event may be in an answer.
enum Piece {
    Begin,
    /// What Begin or End may come as the first half of.
    Escape,
    Char(char),
    End,
    Other,
}

impl Piece {
    fn of(event: &Event) -> Self {
        let Event::Key(KeyEvent {
            code, modifiers, ..
        }) = event
        else {
            return Self::Other;
        };
        let char = match code {
            KeyCode::Char(char) => char,
            KeyCode::Esc if modifiers.is_empty() => return Self::Escape,
            _ => return Self::Other,
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

    /// What crossterm makes of bytes that a terminal sends; `|` is where they are split.
    fn events(bytes: &str) -> Vec<Event> {
        let mut events = Vec::new();
        let mut chars = bytes.chars();
        while let Some(char) = chars.next() {
            let (code, modifiers) = match char {
                '|' => continue,
                '\x1b' => match chars.next().unwrap() {
                    '|' => (KeyCode::Esc, KeyModifiers::NONE),
                    char => (KeyCode::Char(char), KeyModifiers::ALT),
                },
                '\x07' => (KeyCode::Char('g'), KeyModifiers::CONTROL),
                char if char.is_uppercase() => (KeyCode::Char(char), KeyModifiers::SHIFT),
                char => (KeyCode::Char(char), KeyModifiers::NONE),
            };
            events.push(Event::Key(KeyEvent::new(code, modifiers)));
        }
        events
    }

    /// What becomes of them, the rest after a moment of silence.
    fn sift(bytes: &str, is_asked: bool) -> (Vec<Event>, Vec<Ground>) {
        let mut sieve = Sieve::default();
        let (mut passed, mut grounds) = (Vec::new(), Vec::new());
        for event in events(bytes) {
            let (events, ground) = sieve.take(event, is_asked);
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
            for is_asked in [false, true] {
                let sifted = sift(bytes, is_asked);
                assert_eq!(sifted, (events(passed), grounds.to_vec()), "{bytes:?}");
            }
        }
        let endless = format!("\x1b]11;{}", "x".repeat(LONGEST));
        assert_eq!(sift(&endless, false).0, events("xx"), "a bound");
    }

    #[test]
    fn an_answer_that_is_awaited_may_be_split_anywhere() {
        let answer = "\x1b]11;rgb:ff/ff/ff\x1b\\";
        for at in 1..answer.len() {
            let (start, end) = answer.split_at(at);
            let split = format!("j{start}|{end}k");
            let sifted = sift(&split, true);
            assert_eq!(sifted, (events("jk"), vec![Ground::Light]), "{split:?}");
            let mut sieve = Sieve::default();
            for event in events(&format!("{start}|")) {
                sieve.take(event, true);
            }
            assert!(sieve.holds(), "{start:?}");
        }
        for keys in [
            "\x1b|",
            "\x1b|j",
            "\x1b|\x1b|",
            "\x1b|]",
            "\x1b|]1",
            "\x1b|]j",
            "\x1b|\\",
            "\x1b]1\x1b|",
            "\x1b]1\x1b|\\",
        ] {
            assert_eq!(sift(keys, true), (events(keys), Vec::new()), "{keys:?}");
        }
        // Nothing waits for an answer that is not awaited.
        let mut sieve = Sieve::default();
        assert_eq!(sieve.take(events("\x1b|").remove(0), false).0.len(), 1);
        // Behind half an answer it is a key.
        assert_eq!(sift("\x1b]11;rgb\x1b|j", true).0, events("\x1b|j"));
    }
}
