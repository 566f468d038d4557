//! From keys to commands.
//!
//! A [`Chord`] is one key with its modifiers; the [`Keymap`] says which command it gives in which
//! pane. Digits are split between panes and counts: `1`–`5` alone name panes; `6`–`9`, a leading
//! `0`, and any number of two digits or more are the count of the motion that follows (`12j`,
//! `06j`).

use std::collections::HashMap;
use std::fmt;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::action::Action;
use super::focus::Pane;

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

/// Which keys give which commands.
#[derive(Clone, Debug)]
pub struct Keymap {
    /// The commands of a chord; the first whose scope holds the pane is meant.
    actions: HashMap<Chord, Vec<Action>>,
    /// The chords of a command, in the order in which they were given.
    chords: HashMap<Action, Vec<Chord>>,
}

/// Why key bindings cannot be used.
#[derive(Clone, PartialEq, Eq, thiserror::Error, Debug)]
pub enum KeymapError {
    /// There is no such command.
    #[error("there is no command `{0}`")]
    UnknownAction(String),
    /// There is no such key.
    #[error("there is no key `{key}` (for `{action}`)")]
    UnknownKey {
        /// The key as given.
        key: String,
        /// The command it was to give.
        action: String,
    },
}

impl Default for Keymap {
    fn default() -> Self {
        let mut keymap = Self {
            actions: HashMap::new(),
            chords: HashMap::new(),
        };
        for action in Action::ALL {
            let chords = action.keys().iter().filter_map(|key| Chord::parse(key));
            keymap.chords.insert(*action, chords.collect());
        }
        keymap.index();
        keymap
    }
}

impl Keymap {
    /// The default keys, but those of the named commands replaced.
    pub fn with(bindings: &[(String, Vec<String>)]) -> Result<Self, KeymapError> {
        let mut keymap = Self::default();
        for (name, keys) in bindings {
            let action =
                Action::from_name(name).ok_or_else(|| KeymapError::UnknownAction(name.clone()))?;
            let chords = keys.iter().map(|key| {
                Chord::parse(key).ok_or_else(|| KeymapError::UnknownKey {
                    key: key.clone(),
                    action: name.clone(),
                })
            });
            let chords = chords.collect::<Result<Vec<_>, _>>()?;
            // A key that is given to a command is taken from those that had it in the same place.
            for (other, theirs) in &mut keymap.chords {
                if overlap(*other, action) {
                    theirs.retain(|chord| !chords.contains(chord));
                }
            }
            keymap.chords.insert(action, chords);
        }
        keymap.index();
        Ok(keymap)
    }

    /// The command that `chord` gives in `pane`.
    #[must_use]
    pub fn action(&self, chord: Chord, pane: Pane) -> Option<Action> {
        let actions = self.actions.get(&chord)?;
        actions
            .iter()
            .copied()
            .find(|action| action.scope().contains(pane))
    }

    /// The chords that give `action`, the main one first.
    #[must_use]
    pub fn chords(&self, action: Action) -> &[Chord] {
        self.chords.get(&action).map_or(&[], Vec::as_slice)
    }

    /// Turns the chords of each command into the commands of each chord.
    fn index(&mut self) {
        self.actions.clear();
        for action in Action::ALL {
            for chord in self.chords.get(action).into_iter().flatten() {
                self.actions.entry(*chord).or_default().push(*action);
            }
        }
    }
}

/// Digits on their way to becoming a count.
#[derive(Clone, Default, Debug)]
pub struct Count {
    /// What was typed so far.
    digits: String,
}

impl Count {
    /// Takes a digit unless it names a pane, as 1 to 5 do where a count would begin: a count of
    /// twelve is typed `012`. Says whether it took it.
    pub fn push(&mut self, digit: char) -> bool {
        if self.is_empty() && ('1'..='5').contains(&digit) {
            return false;
        }
        if self.digits.len() < MAX_DIGITS {
            self.digits.push(digit);
        }
        true
    }

    /// Whether no digit was typed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.digits.is_empty()
    }

    /// The count, if one was typed; forgets it.
    pub fn take(&mut self) -> Option<usize> {
        let digits = std::mem::take(&mut self.digits);
        digits.parse().ok().filter(|count| *count > 0)
    }

    /// What was typed so far, for the status bar.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.digits
    }
}

/// Whether two commands can be given in the same pane.
fn overlap(one: Action, other: Action) -> bool {
    one != other
        && Pane::ALL
            .iter()
            .any(|pane| one.scope().contains(*pane) && other.scope().contains(*pane))
}

/// More digits than this are not taken: there are never that many rows.
const MAX_DIGITS: usize = 6;

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
    fn every_default_key_is_a_key_and_gives_its_command() {
        let keymap = Keymap::default();
        for action in Action::ALL {
            for key in action.keys() {
                let chord = Chord::parse(key).unwrap_or_else(|| panic!("{key}"));
                for pane in Pane::ALL {
                    if action.scope().contains(pane) {
                        assert_eq!(keymap.action(chord, pane), Some(*action), "{key} {pane:?}");
                    }
                }
            }
        }
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
        assert_eq!(Chord::parse("hyper-x"), None);
        assert_eq!(Chord::parse("f25"), None);
    }

    #[test]
    fn a_binding_takes_the_key_from_its_former_command() {
        let keymap = Keymap::with(&[("zoom".to_owned(), vec!["j".to_owned()])]).unwrap();
        assert_eq!(keymap.action(chord("j"), Pane::Output), Some(Action::Zoom));
        assert_eq!(keymap.action(chord("z"), Pane::Output), None);
        assert_eq!(keymap.chords(Action::Down), [chord("down")]);
        let error = Keymap::with(&[("zom".to_owned(), vec![])]).unwrap_err();
        assert_eq!(error.to_string(), "there is no command `zom`");
    }

    #[test]
    fn one_to_five_alone_are_panes() {
        let typed = |text: &str| {
            let mut count = Count::default();
            let is_count = text.chars().map(|digit| count.push(digit)).last();
            (is_count.unwrap(), count.take())
        };
        assert_eq!(typed("2"), (false, None));
        assert_eq!(typed("7"), (true, Some(7)));
        assert_eq!(typed("12"), (false, None));
        assert_eq!(typed("012"), (true, Some(12)));
        assert_eq!(typed("71"), (true, Some(71)));
        assert_eq!(typed("05"), (true, Some(5)));
        assert_eq!(typed("0"), (true, None));
    }
}
