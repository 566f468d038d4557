//! The theme picker: what the cursor is on is shown at once.

use crossterm::event::{KeyCode, KeyEvent};

use super::action::Action;
use super::focus::Pane;
use super::keymap::Chord;
use super::palette::motion;
use super::scroll::{Motion, Scroll};
use super::{App, Effect, Overlay};

/// Where the cursor is among the themes.
#[derive(Clone, Default, Debug)]
pub struct Themes {
    scroll: Scroll,
    /// How many names fit.
    height: usize,
    /// The theme in force when the picker was called.
    before: String,
}

impl Themes {
    /// Where the cursor is.
    #[must_use]
    pub fn scroll(&self) -> Scroll {
        self.scroll
    }

    /// The theme in force when the picker was called.
    #[must_use]
    pub fn before(&self) -> &str {
        &self.before
    }
}

impl App {
    /// The theme picker.
    #[must_use]
    pub fn themes(&self) -> &Themes {
        &self.themes
    }

    /// Shows the picker, with the cursor on the theme in force.
    pub(super) fn show_themes(&mut self) {
        let status = &self.status;
        let place = status.themes.iter().position(|name| *name == status.theme);
        self.themes = Themes {
            scroll: Scroll {
                cursor: place.unwrap_or(0),
                ..Scroll::default()
            },
            height: 0,
            before: status.theme.clone(),
        };
        self.show(Overlay::Themes);
    }

    /// Makes room for `height` names.
    pub(super) fn prepare_themes(&mut self, height: u16) {
        self.themes.height = usize::from(height);
        let names = self.status.themes.len();
        self.themes.scroll.clamp(names, self.themes.height);
    }

    /// Moves the cursor, and shows the theme that it comes to.
    pub(super) fn preview_theme(&mut self, motion: Motion) -> Vec<Effect> {
        let (before, names) = (self.themes.scroll.cursor, self.status.themes.len());
        self.themes.scroll.go(motion, names, self.themes.height);
        let cursor = self.themes.scroll.cursor;
        let name = self.status.themes.get(cursor).filter(|_| cursor != before);
        name.cloned().map(Effect::Theme).into_iter().collect()
    }

    /// A key while the picker is on top.
    pub(super) fn themes_key(&mut self, key: KeyEvent) -> Vec<Effect> {
        if let Some(motion) = motion(key) {
            return self.preview_theme(motion);
        }
        let action = self
            .options
            .keymap
            .action(Chord::from_event(key), Pane::Requests);
        if let Some(motion) = action.and_then(|action| Motion::of(action, None)) {
            return self.preview_theme(motion);
        }
        match (key.code, action) {
            (KeyCode::Enter, _) | (_, Some(Action::Open)) => self.keep_theme(),
            (KeyCode::Esc, _)
            | (_, Some(Action::Back | Action::Quit | Action::Themes | Action::Interrupt)) => {
                self.close();
                return vec![Effect::Theme(self.themes.before.clone())];
            }
            (_, Some(action)) if action.is_everywhere() => return self.act(action, None),
            _ => {}
        }
        Vec::new()
    }

    /// Leaves the picker with the theme under its cursor in force.
    pub(super) fn keep_theme(&mut self) {
        self.close();
        if let Some(name) = self.status.themes.get(self.themes.scroll.cursor) {
            self.note(format!(
                "{name} until you quit; theme = \"{name}\" in config.toml keeps it"
            ));
        }
    }

    /// Puts the theme called `name` in force.
    pub(super) fn choose_theme(&mut self, name: &str) -> Result<Vec<Effect>, String> {
        if self.status.themes.iter().any(|known| known == name) {
            Ok(vec![Effect::Theme(name.to_owned())])
        } else {
            let names = self.status.themes.join(", ");
            Err(format!("there is no theme `{name}`: {names}"))
        }
    }
}
