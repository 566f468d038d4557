//! What the reader chose about the display.

use super::App;
use super::action::Action;
use super::focus::Pane;
use super::order::Sort;
use crate::content::Tab;

/// The choices that hold in every pane.
#[derive(Debug)]
pub(super) struct Display {
    /// Whether it stands still.
    pub(super) is_paused: bool,
    /// Whether long lines go on in the next row.
    pub(super) is_wrapped: bool,
    /// Whether the bottom line tells keys.
    pub(super) has_hints: bool,
}

impl Default for Display {
    fn default() -> Self {
        Self {
            is_paused: false,
            is_wrapped: true,
            has_hints: true,
        }
    }
}

impl App {
    /// Shows the newest turn whenever there is one, or no longer.
    pub(super) fn toggle_follow(&mut self) {
        let follows = !self.list.follows();
        self.list.set_follows(follows, &self.store);
    }

    /// Sorts the list the other way round.
    pub(super) fn reverse_sort(&mut self) {
        self.sort_so(self.list.sort().reversed());
    }

    /// Sorts the list, and says by what.
    pub(super) fn sort_so(&mut self, sort: Sort) {
        self.list.set_sort(sort, &self.store);
        self.note(if sort.is_natural() {
            "in the order of arrival, as a tree".to_owned()
        } else {
            format!("sorted by {} {}", sort.column.title(), sort.arrow())
        });
    }

    /// Shows the payload as it came, or decoded again.
    pub(super) fn toggle_raw(&mut self) {
        self.tab = match self.tab {
            Tab::Raw => Tab::Request,
            Tab::Request | Tab::Response | Tab::Headers => Tab::Raw,
        };
        self.focus_on(Pane::Payload);
    }

    /// Arranges the panes in the next way.
    pub(super) fn next_layout(&mut self) {
        self.wish.is_zoomed = false;
        self.wish.mode = self.wish.mode.next();
        let title = self.wish.mode.title();
        self.note(format!("layout: {title}"));
    }

    /// Tells keys in the bottom line, or no longer.
    pub(super) fn toggle_hints(&mut self) {
        self.display.has_hints = !self.display.has_hints;
        let chord = self.options.keymap.chords(Action::Hints).first();
        let how = chord.map_or_else(|| "`:hints`".to_owned(), ToString::to_string);
        self.note(if self.display.has_hints {
            format!("the keys are shown: {how} hides them")
        } else {
            format!("the keys are hidden: {how} shows them again")
        });
    }
}
