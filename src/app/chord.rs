//! A key as it is pressed, bound and shown.

use std::fmt;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// A key with its modifiers. Shift is part of a character, not a modifier.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Chord {
    /// The key.
    code: KeyCode,
    /// Control and Alt; Shift for keys that are no characters.
    modifiers: KeyModifiers,
}

impl Chord {
    /// Reads `ctrl-d`, `space`, `J`, `f5`, `shift-tab`; `None` if there is no such key.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut modifiers = KeyModifiers::NONE;
        let mut key = text;
        loop {
            let (modifier, rest) = if let Some(rest) = key.strip_prefix("ctrl-") {
                (KeyModifiers::CONTROL, rest)
            } else if let Some(rest) = key.strip_prefix("alt-") {
                (KeyModifiers::ALT, rest)
            } else if let Some(rest) = key.strip_prefix("shift-") {
                (KeyModifiers::SHIFT, rest)
            } else {
                break;
            };
            modifiers |= modifier;
            key = rest;
        }
        let named = KEY_NAMES.iter().find(|(name, _)| *name == key);
        let mut chars = key.chars();
        let code = match (named, chars.next(), chars.as_str()) {
            (Some((_, code)), ..) => *code,
            (None, Some(char), "") => KeyCode::Char(char),
            (None, Some('f'), number) => {
                KeyCode::F(number.parse().ok().filter(|n| (1..=24).contains(n))?)
            }
            _ => return None,
        };
        Some(Self::of(code, modifiers))
    }

    /// The chord of a key event.
    #[must_use]
    pub fn from_event(event: KeyEvent) -> Self {
        Self::of(event.code, event.modifiers)
    }

    /// The one spelling of a chord that terminals report in several ways.
    fn of(code: KeyCode, modifiers: KeyModifiers) -> Self {
        let modifiers =
            modifiers & (KeyModifiers::CONTROL | KeyModifiers::ALT | KeyModifiers::SHIFT);
        // Terminals send the same byte for these.
        let code = match (code, modifiers) {
            (KeyCode::Char('m'), KeyModifiers::CONTROL) => KeyCode::Enter,
            (KeyCode::Char('i'), KeyModifiers::CONTROL) => KeyCode::Tab,
            (KeyCode::Char('['), KeyModifiers::CONTROL) => KeyCode::Esc,
            _ => return Self::shifted(code, modifiers),
        };
        Self {
            code,
            modifiers: KeyModifiers::NONE,
        }
    }

    /// A chord in which Shift is part of what has a key of its own with it.
    fn shifted(code: KeyCode, modifiers: KeyModifiers) -> Self {
        match code {
            KeyCode::Tab if modifiers.contains(KeyModifiers::SHIFT) => Self {
                code: KeyCode::BackTab,
                modifiers: modifiers - KeyModifiers::SHIFT,
            },
            KeyCode::BackTab => Self {
                code,
                modifiers: modifiers - KeyModifiers::SHIFT,
            },
            KeyCode::Char(char) => {
                let is_shifted = modifiers.contains(KeyModifiers::SHIFT);
                let upper = char.to_uppercase().next().unwrap_or(char);
                let char = if is_shifted && char.is_lowercase() {
                    upper
                } else {
                    char
                };
                Self {
                    code: KeyCode::Char(char),
                    modifiers: modifiers - KeyModifiers::SHIFT,
                }
            }
            _ => Self { code, modifiers },
        }
    }
}

impl fmt::Display for Chord {
    /// As people read it: `Ctrl-d`, `Space`, `↓`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.modifiers.contains(KeyModifiers::CONTROL) {
            f.write_str("Ctrl-")?;
        }
        if self.modifiers.contains(KeyModifiers::ALT) {
            f.write_str("Alt-")?;
        }
        if self.modifiers.contains(KeyModifiers::SHIFT) {
            f.write_str("Shift-")?;
        }
        f.write_str(match self.code {
            KeyCode::Char(' ') => "Space",
            KeyCode::Char(char) => return write!(f, "{char}"),
            KeyCode::F(number) => return write!(f, "F{number}"),
            KeyCode::Enter => "Enter",
            KeyCode::Esc => "Esc",
            KeyCode::Tab => "Tab",
            KeyCode::BackTab => "Shift-Tab",
            KeyCode::Backspace => "Backspace",
            KeyCode::Delete => "Delete",
            KeyCode::Up => "↑",
            KeyCode::Down => "↓",
            KeyCode::Left => "←",
            KeyCode::Right => "→",
            KeyCode::Home => "Home",
            KeyCode::End => "End",
            KeyCode::PageUp => "PgUp",
            KeyCode::PageDown => "PgDn",
            _ => "?",
        })
    }
}

/// Names of keys that are no characters, or whose character is hard to read.
const KEY_NAMES: [(&str, KeyCode); 16] = [
    ("space", KeyCode::Char(' ')),
    ("minus", KeyCode::Char('-')),
    ("enter", KeyCode::Enter),
    ("esc", KeyCode::Esc),
    ("tab", KeyCode::Tab),
    ("backspace", KeyCode::Backspace),
    ("delete", KeyCode::Delete),
    ("insert", KeyCode::Insert),
    ("up", KeyCode::Up),
    ("down", KeyCode::Down),
    ("left", KeyCode::Left),
    ("right", KeyCode::Right),
    ("home", KeyCode::Home),
    ("end", KeyCode::End),
    ("pageup", KeyCode::PageUp),
    ("pagedown", KeyCode::PageDown),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn chord(text: &str) -> Chord {
        Chord::parse(text).unwrap()
    }

    #[test]
    fn terminals_report_shift_in_several_ways() {
        let shifted = KeyEvent::new(KeyCode::Char('j'), KeyModifiers::SHIFT);
        assert_eq!(Chord::from_event(shifted), chord("J"));
        let upper = KeyEvent::new(KeyCode::Char('J'), KeyModifiers::SHIFT);
        assert_eq!(Chord::from_event(upper), chord("J"));
        let tab = KeyEvent::new(KeyCode::BackTab, KeyModifiers::SHIFT);
        assert_eq!(Chord::from_event(tab), chord("shift-tab"));
        assert_eq!(chord("ctrl-d").to_string(), "Ctrl-d");
        assert_eq!(chord("ctrl-m"), chord("enter"));
        assert_eq!(chord("ctrl-i"), chord("tab"));
        assert_eq!(Chord::parse("hyper-x"), None);
        assert_eq!(Chord::parse("f25"), None);
    }
}
