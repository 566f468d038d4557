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
                    ("Ctrl-u", "clear"),
                    ("↑", "earlier"),
                ],
                Kind::Frames { .. } | Kind::Search { .. } => &[
                    ("Enter", "keep"),
                    ("Esc", "restore"),
                    ("Ctrl-u", "clear"),
                    ("↑", "earlier"),
                ],
                Kind::Comment { .. } => &[("Enter", "keep"), ("Esc", "leave"), ("Ctrl-u", "clear")],
                Kind::Stream => &[("Enter", "begin"), ("Esc", "leave"), ("Ctrl-u", "clear")],
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
                ("Ctrl-u", "clear"),
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
                let actions = self.useful().into_iter();
                let hints = actions.filter_map(|action| self.named(action, action.hint()));
                hints.collect()
            }
        }
    }

    /// How many of them stay when room is scarce: the more, the wider the screen is; where something is on
    /// top, all.
    #[must_use]
    pub fn kept_hints(&self) -> usize {
        let width = self.size.0;
        match self.overlay() {
            Some(_) => usize::MAX,
            None if width < NARROW => EVERYWHERE.len(),
            None => usize::from(width / 30).max(EVERYWHERE.len() + 1),
        }
    }

    /// The commands to suggest in the focused pane: what is done there most, then what is asked for
    /// everywhere. Where there is little room, the latter come first.
    fn useful(&self) -> Vec<Action> {
        let own = Action::hints(self.focus());
        let (first, others) = own.split_at(usize::from(self.size.0 >= NARROW).min(own.len()));
        let others = others.iter().filter(|it| !EVERYWHERE.contains(it));
        let all = first.iter().chain(&EVERYWHERE).chain(others);
        all.copied().collect()
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

/// From so many columns on there is room for what is done most in a pane beside what is asked for everywhere.
const NARROW: u16 = 50;

/// What is asked for everywhere.
const EVERYWHERE: [Action; 2] = [Action::Filter, Action::Save];

/// Hints of keys that cannot be bound to something else.
fn fixed(hints: &[(&str, &'static str)]) -> Vec<Hint> {
    let hint = |(key, text): &(&str, &'static str)| Hint {
        key: (*key).to_owned(),
        text,
    };
    hints.iter().map(hint).collect()
}
