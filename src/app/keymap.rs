//! From keys to commands.
//!
//! A [`Chord`] is one key with its modifiers; the [`Keymap`] says which command it gives in which
//! pane. Digits are split between commands and counts: where `1`–`5` alone name panes, `6`–`9`, a leading
//! `0`, and what follows one of them are the count of the motion that follows (`012j`, `6j`).

use std::collections::HashMap;

use super::action::{Action, Scope};
pub use super::chord::Chord;
use super::focus::Pane;
use super::preset::Preset;

/// Which keys give which commands.
#[derive(Clone, Debug)]
pub struct Keymap {
    /// Where a chord gives which commands; the first is meant whose panes hold the focused one.
    actions: HashMap<Chord, Vec<(Key, Action)>>,
    /// The chords of a command, in the order in which they were given.
    chords: HashMap<Action, Vec<Chord>>,
    /// The keys that bindings took from other commands.
    taken: Vec<Taken>,
}

/// A key that one command has and another had.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Taken {
    /// The key.
    pub chord: Chord,
    /// The command that had it.
    pub from: Action,
    /// The command that has it.
    pub by: Action,
}

/// A chord in some panes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Key {
    chord: Chord,
    scope: Scope,
}

/// Why key bindings cannot be used.
#[derive(Clone, PartialEq, Eq, thiserror::Error, Debug)]
pub enum KeymapError {
    /// There is no such key.
    #[error("`{}`: there is no key `{key}`", action.name())]
    Unknown {
        /// The key as given.
        key: String,
        /// The command it was to give.
        action: Action,
    },
    /// The command cannot be given in the panes that the key is for.
    #[error("`{}`: it cannot be given where `{key}` is for", action.name())]
    Elsewhere {
        /// The key as given.
        key: String,
        /// The command it was to give.
        action: Action,
    },
    /// The command by which all others are found has no key in some pane.
    #[error("`{}`: it needs a key in every pane, because it finds what has none", .0.name())]
    Lost(Action),
    /// Two commands are given the same key in the same pane.
    #[error("`{}`: `{}` has the key {chord} already", action.name(), other.name())]
    Conflict {
        /// The key.
        chord: Chord,
        /// The command it was to give.
        action: Action,
        /// The command it gives by another binding.
        other: Action,
    },
}

impl KeymapError {
    /// The command whose binding is wrong.
    #[must_use]
    pub const fn action(&self) -> Action {
        match self {
            Self::Unknown { action, .. }
            | Self::Elsewhere { action, .. }
            | Self::Lost(action)
            | Self::Conflict { action, .. } => *action,
        }
    }
}

impl Default for Keymap {
    fn default() -> Self {
        Self::of(Preset::Default)
    }
}

impl Keymap {
    /// The keys of `preset`, but those of some commands replaced by the user's `bindings`.
    ///
    /// # Errors
    /// When there is no such key, or two of the bindings are for the same key in the same pane.
    pub fn new(preset: Preset, bindings: &[(Action, Vec<String>)]) -> Result<Self, KeymapError> {
        let mut keys = Keys::of(preset);
        let mut own: Vec<(Action, Vec<Key>)> = Vec::new();
        for (action, texts) in bindings {
            let read = texts.iter().map(|text| Key::parse(text, *action));
            let read = read.collect::<Result<Vec<_>, _>>()?;
            let theirs = own
                .iter()
                .flat_map(|(other, keys)| keys.iter().map(|key| (*other, *key)));
            for (other, key) in theirs {
                if read.iter().any(|own| own.meets(key)) {
                    return Err(KeymapError::Conflict {
                        chord: key.chord,
                        action: *action,
                        other,
                    });
                }
            }
            own.push((*action, read));
        }
        let mut taken = Vec::new();
        for (action, own) in own {
            taken.extend(keys.give(action, &own));
        }
        // What was taken from a command that has a binding of its own was not missed.
        taken.retain(|taken| bindings.iter().all(|(action, _)| *action != taken.from));
        let keymap = keys.index(taken);
        let is_lost = |pane: &Pane| keymap.chords_in(Action::Palette, *pane).next().is_none();
        if Pane::ALL.iter().any(is_lost) {
            return Err(KeymapError::Lost(Action::Palette));
        }
        Ok(keymap)
    }

    /// The keys of `preset`.
    #[must_use]
    pub fn of(preset: Preset) -> Self {
        Keys::of(preset).index(Vec::new())
    }

    /// The command that `chord` gives in `pane`.
    #[must_use]
    pub fn action(&self, chord: Chord, pane: Pane) -> Option<Action> {
        let actions = self.actions.get(&chord)?.iter();
        let mut actions = actions.filter(|(key, _)| key.scope.contains(pane));
        actions.next().map(|(_, action)| *action)
    }

    /// The chords that give `action`, the main one first.
    #[must_use]
    pub fn chords(&self, action: Action) -> &[Chord] {
        self.chords.get(&action).map_or(&[], Vec::as_slice)
    }

    /// The chords that give `action` in `pane`, the main one first.
    pub fn chords_in(&self, action: Action, pane: Pane) -> impl Iterator<Item = Chord> {
        let chords = self.chords(action).iter().copied();
        chords.filter(move |chord| self.action(*chord, pane) == Some(action))
    }

    /// The keys that the user's bindings took from commands without one.
    #[must_use]
    pub fn taken(&self) -> &[Taken] {
        &self.taken
    }
}

impl Key {
    /// Reads `ctrl-d`, or `list:ctrl-d`, as a key for `action`.
    fn parse(text: &str, action: Action) -> Result<Self, KeymapError> {
        let key = || text.to_owned();
        let scoped = SCOPES.iter().find_map(|(name, scope)| {
            let key = text.strip_prefix(name)?.strip_prefix(':')?;
            Some((key, *scope))
        });
        let (name, wish) = scoped.unwrap_or((text, Scope::Anywhere));
        let chord =
            Chord::parse(name).ok_or_else(|| KeymapError::Unknown { key: key(), action })?;
        let scope = wish
            .and(action.scope())
            .ok_or_else(|| KeymapError::Elsewhere { key: key(), action })?;
        Ok(Self { chord, scope })
    }

    /// Whether there is a pane in which both are the same key.
    fn meets(self, other: Self) -> bool {
        self.chord == other.chord && self.scope.and(other.scope).is_some()
    }
}

/// The keys of each command, while they are given and taken.
struct Keys(Vec<(Action, Vec<Key>)>);

impl Keys {
    fn of(preset: Preset) -> Self {
        let read = |action: Action, keys: &[&str]| {
            let keys = keys.iter().filter_map(|key| Key::parse(key, action).ok());
            (action, keys.collect::<Vec<_>>())
        };
        let all = Action::ALL.iter();
        let mut keys = Self(all.map(|action| read(*action, action.keys())).collect());
        for (action, given) in preset.bindings() {
            let (action, given) = read(*action, given);
            keys.give(action, &given);
        }
        keys
    }

    /// Gives `action` other keys, and takes them from those that have them in the same place.
    fn give(&mut self, action: Action, given: &[Key]) -> Vec<Taken> {
        let mut taken = Vec::new();
        for (other, theirs) in &mut self.0 {
            if *other == action {
                *theirs = given.to_vec();
                continue;
            }
            theirs.retain(|key| {
                let is_taken = given.iter().any(|given| given.meets(*key));
                taken.extend(is_taken.then_some(Taken {
                    chord: key.chord,
                    from: *other,
                    by: action,
                }));
                !is_taken
            });
        }
        taken
    }

    /// Turns the keys of each command into the commands of each chord.
    fn index(self, taken: Vec<Taken>) -> Keymap {
        let mut actions: HashMap<_, Vec<_>> = HashMap::new();
        let mut chords = HashMap::new();
        for (action, keys) in self.0 {
            for key in &keys {
                actions.entry(key.chord).or_default().push((*key, action));
            }
            chords.insert(action, keys.iter().map(|key| key.chord).collect());
        }
        Keymap {
            actions,
            chords,
            taken,
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
    /// Takes a digit unless it is the key of a command and a count would begin with it. Says whether it
    /// took it.
    pub fn push(&mut self, digit: char, is_key: bool) -> bool {
        if self.is_empty() && is_key {
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

/// What confines a key to some panes, in front of it and a colon.
const SCOPES: [(&str, Scope); 3] = [
    ("list", Scope::List),
    ("detail", Scope::Detail),
    ("payload", Scope::Payload),
];

/// More digits than this are not taken: there are never that many rows.
const MAX_DIGITS: usize = 6;

#[cfg(test)]
mod tests {
    use super::*;

    fn chord(text: &str) -> Chord {
        Chord::parse(text).unwrap()
    }

    #[test]
    fn every_key_of_a_preset_is_a_key_and_gives_its_command() {
        for preset in Preset::ALL {
            let keymap = Keymap::of(preset);
            let own = preset.bindings().iter();
            let own: HashMap<_, _> = own.copied().collect();
            assert_eq!(own.len(), preset.bindings().len(), "{preset:?}");
            for action in Action::ALL {
                let texts = own.get(action).copied().unwrap_or(action.keys());
                // What has a key by default has one in every preset.
                let has_none = texts.is_empty() && !action.keys().is_empty();
                assert!(!has_none, "{preset:?}: {action:?} has no key");
                for text in texts {
                    let key = Key::parse(text, *action).unwrap_or_else(|error| panic!("{error}"));
                    for pane in Pane::ALL {
                        if key.scope.contains(pane) {
                            let given = keymap.action(key.chord, pane);
                            assert_eq!(given, Some(*action), "{preset:?} {text} {pane:?}");
                        }
                    }
                }
            }
        }
    }

    fn bound(bindings: &[(Action, &[&str])]) -> Result<Keymap, KeymapError> {
        let texts = |texts: &[&str]| texts.iter().map(ToString::to_string).collect();
        let bindings = bindings.iter().map(|(action, keys)| (*action, texts(keys)));
        Keymap::new(Preset::Default, &bindings.collect::<Vec<_>>())
    }

    #[test]
    fn a_binding_takes_the_key_from_its_former_command() {
        let keymap = bound(&[(Action::Zoom, &["j"]), (Action::Grow, &["space"])]).unwrap();
        assert_eq!(keymap.action(chord("j"), Pane::Output), Some(Action::Zoom));
        assert_eq!(keymap.action(chord("z"), Pane::Output), None);
        assert_eq!(keymap.chords(Action::Down), [chord("down")]);
        let taken = [
            ("j", Action::Down, Action::Zoom),
            ("space", Action::Mark, Action::Grow),
        ];
        let taken = taken.map(|(key, from, by)| Taken {
            chord: chord(key),
            from,
            by,
        });
        assert_eq!(keymap.taken(), taken);
        // Whoever swaps two keys misses neither.
        let swapped = bound(&[(Action::Zoom, &["c"]), (Action::Fold, &["z"])]).unwrap();
        assert_eq!(
            swapped.action(chord("z"), Pane::Requests),
            Some(Action::Fold)
        );
        assert_eq!(
            swapped.action(chord("c"), Pane::Requests),
            Some(Action::Zoom)
        );
        assert_eq!(swapped.taken(), []);
    }

    #[test]
    fn a_key_may_do_another_thing_in_other_panes() {
        let keymap = bound(&[
            (Action::NextTab, &["detail:space"]),
            (Action::Mark, &["list:space", "payload:x"]),
        ])
        .unwrap();
        let given = |pane| keymap.action(chord("space"), pane);
        assert_eq!(given(Pane::Requests), Some(Action::Mark));
        assert_eq!(given(Pane::Output), Some(Action::NextTab));
        assert_eq!(keymap.action(chord("x"), Pane::Output), None);
        let in_payload: Vec<_> = keymap.chords_in(Action::Mark, Pane::Payload).collect();
        assert_eq!(in_payload, [chord("x")]);
        let colon = bound(&[(Action::Mark, &["list::"])]);
        assert_eq!(colon.unwrap_err(), KeymapError::Lost(Action::Palette));
        let colon = bound(&[(Action::Mark, &["list::"]), (Action::Palette, &["x"])]).unwrap();
        assert_eq!(colon.action(chord(":"), Pane::Requests), Some(Action::Mark));
    }

    #[test]
    fn bindings_that_cannot_be_are_refused() {
        for (bindings, says) in [
            (
                &[(Action::Zoom, &["x"][..]), (Action::Raw, &["list:x"])][..],
                "`raw`: `zoom` has the key x already",
            ),
            (
                &[(Action::Zoom, &["hyper-x"])],
                "`zoom`: there is no key `hyper-x`",
            ),
            (
                &[(Action::Range, &["payload:x"])],
                "`range`: it cannot be given where `payload:x` is for",
            ),
            (
                &[(Action::Palette, &["list:x"])],
                "`palette`: it needs a key in every pane, because it finds what has none",
            ),
        ] {
            let error = bound(bindings).unwrap_err();
            assert_eq!(error.to_string(), says);
            assert_eq!(says.split('`').nth(1), Some(error.action().name()));
        }
    }

    #[test]
    fn one_to_five_alone_are_panes() {
        let typed = |text: &str| {
            let mut count = Count::default();
            let is_key = |digit| ('1'..='5').contains(&digit);
            let is_count = text.chars().map(|digit| count.push(digit, is_key(digit)));
            let is_count = is_count.last();
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
