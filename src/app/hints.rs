//! What keys do now, for the bottom line.

use crossterm::event::{KeyCode, KeyEvent};

use super::action::Action;
use super::keymap::Chord;
use super::prompt::Kind;
use super::{App, Overlay, Question};

/// A key and what it does.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Hint {
    /// The key.
    pub key: String,
    /// What it does, in one word or two.
    pub text: &'static str,
}

impl App {
    /// The keys of what is on top, most useful first; none if they are not wanted.
    #[must_use]
    pub fn hints(&self) -> Vec<Hint> {
        if !self.display.has_hints {
            return Vec::new();
        }
        if let Some(prompt) = &self.prompt {
            return fixed(match prompt.kind() {
                Kind::Filter { .. } if prompt.offer().is_some() => &[
                    ("Tab", "next"),
                    ("Shift-Tab", "previous"),
                    ("Esc", "take back"),
                ],
                Kind::Filter { .. } => &[
                    ("Enter", "keep"),
                    ("Esc", "restore"),
                    ("Tab", "complete"),
                    ("↑", "earlier"),
                ],
                Kind::Frames { .. } => &[("Enter", "keep"), ("Esc", "restore"), ("↑", "earlier")],
                Kind::Search { .. } => &[("Enter", "keep"), ("Esc", "restore")],
                Kind::Comment { .. } => &[("Enter", "keep"), ("Esc", "leave")],
                Kind::Stream => &[("Enter", "begin"), ("Esc", "leave")],
            });
        }
        match self.overlay() {
            Some(Overlay::Dialog) => fixed(&[
                ("Enter", "write"),
                ("Esc", "leave"),
                ("↑↓", "row"),
                ("← →", "choose"),
                ("Tab", "complete"),
                ("PgDn", "preview"),
            ]),
            Some(Overlay::Palette) => fixed(&[
                ("Enter", "run"),
                ("↑↓", "choose"),
                ("Tab", "complete"),
                ("Esc", "leave"),
            ]),
            Some(Overlay::Help) if self.help.is_typing() => {
                fixed(&[("Enter", "keep"), ("↑↓", "scroll"), ("Esc", "leave")])
            }
            Some(Overlay::Confirm) => fixed(match self.question {
                Some(Question::Overwrite(_)) => &[("y", "overwrite"), ("n", "keep")],
                Some(Question::Quit) | None => &[("y", "quit"), ("n", "stay")],
            }),
            Some(overlay) => {
                let uses = overlay.uses().iter();
                let hints = uses.filter_map(|used| self.named(used.action, used.hint));
                hints.collect()
            }
            None => {
                let actions = Action::hints(self.focus()).iter();
                let hints = actions.filter_map(|action| self.named(*action, action.hint()));
                hints.collect()
            }
        }
    }

    /// The key that shows all keys, where it does.
    #[must_use]
    pub fn help_hint(&self) -> Option<Hint> {
        let is_typing = self.prompt.is_some()
            || matches!(
                self.overlay(),
                Some(Overlay::Help | Overlay::Palette | Overlay::Dialog | Overlay::Confirm)
            );
        if is_typing || !self.display.has_hints {
            return None;
        }
        self.named(Action::Help, Action::Help.hint())
    }

    /// The hint of a command, if it has a key.
    fn named(&self, action: Action, text: &'static str) -> Option<Hint> {
        let keymap = &self.options.keymap;
        let chord = keymap.chords_in(action, self.pane_of_keys()).next()?;
        Some(Hint {
            key: chord.to_string(),
            text,
        })
    }
}

/// Hints of keys that cannot be bound to something else.
fn fixed(hints: &[(&str, &'static str)]) -> Vec<Hint> {
    let hint = |(key, text): &(&str, &'static str)| Hint {
        key: (*key).to_owned(),
        text,
    };
    hints.iter().map(hint).collect()
}
    /// Says that a key has no command.
    pub(super) fn say_unknown(&mut self, key: KeyEvent) {
        if matches!(key.code, KeyCode::Char(_) | KeyCode::F(_)) {
            let keys = self
                .options
                .keymap
                .chords_in(Action::Help, self.pane_of_keys());
            let help = keys.map(|chord| chord.to_string()).next();
            let help = help.unwrap_or_else(|| ":help".to_owned());
            let key = Chord::from_event(key);
            self.note(format!("{key} does nothing here: {help} shows the keys"));
        }
    }

