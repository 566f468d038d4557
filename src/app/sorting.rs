//! The menu of what the list can be sorted by: what the cursor is on is shown at once.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::action::Action;
use super::focus::Pane;
use super::keymap::Chord;
use super::order::{SORTABLE, Sort};
use super::palette::motion;
use super::scroll::{Motion, Scroll};
use super::{App, Overlay};

/// Where the cursor is among the columns.
#[derive(Clone, Default, Debug)]
pub struct Sorting {
    scroll: Scroll,
    /// How many columns fit.
    height: usize,
    /// What the list was sorted by when the menu was called.
    before: Sort,
}

impl Sorting {
    /// Where the cursor is.
    #[must_use]
    pub fn scroll(&self) -> Scroll {
        self.scroll
    }
}

impl App {
    /// The menu of what the list can be sorted by.
    #[must_use]
    pub fn sorting(&self) -> &Sorting {
        &self.sorting
    }

    /// Shows the menu, with the cursor on what the list is sorted by.
    pub(super) fn show_sorting(&mut self) {
        let before = self.list.sort();
        let place = SORTABLE.iter().position(|column| *column == before.column);
        self.sorting = Sorting {
            scroll: Scroll {
                cursor: place.unwrap_or(0),
                ..Scroll::default()
            },
            height: 0,
            before,
        };
        self.show(Overlay::Sort);
    }

    /// Makes room for `height` columns.
    pub(super) fn prepare_sorting(&mut self, height: u16) {
        self.sorting.height = usize::from(height);
        self.sorting
            .scroll
            .clamp(SORTABLE.len(), self.sorting.height);
    }

    /// Moves the cursor, and sorts by what it comes to.
    pub(super) fn preview_sort(&mut self, motion: Motion) {
        let sorting = &mut self.sorting;
        sorting.scroll.go(motion, SORTABLE.len(), sorting.height);
        let sort = SORTABLE
            .get(sorting.scroll.cursor)
            .and_then(|it| Sort::by(*it));
        if let Some(sort) = sort.filter(|sort| sort.column != self.list.sort().column) {
            self.list.set_sort(sort, &self.store);
        }
    }

    /// Leaves the menu with the list sorted as it was.
    pub(super) fn restore_sort(&mut self) {
        self.close();
        self.list.set_sort(self.sorting.before, &self.store);
    }

    /// A key while the menu is on top: the first letter of a title goes to the next one that has it.
    pub(super) fn sorting_key(&mut self, key: KeyEvent) {
        let letter = match (key.code, key.modifiers) {
            (KeyCode::Char(letter), KeyModifiers::NONE) => Some(letter),
            _ => None,
        };
        if let Some(row) = letter.and_then(|letter| self.next_with(letter)) {
            self.preview_sort(Motion::To(row));
            return;
        }
        let action = self
            .options
            .keymap
            .action(Chord::from_event(key), Pane::Requests);
        let moved = motion(key).or(action.and_then(|action| Motion::of(action, None)));
        if let Some(moved) = moved {
            self.preview_sort(moved);
            return;
        }
        match (key.code, action) {
            (KeyCode::Enter, _) | (_, Some(Action::Open | Action::Sort)) => {
                self.close();
                self.sort_so(self.list.sort());
            }
            (KeyCode::Esc, _) | (_, Some(Action::Back | Action::Quit | Action::Interrupt)) => {
                self.restore_sort();
            }
            (_, Some(Action::ReverseSort)) => {
                let sort = self.list.sort().reversed();
                self.list.set_sort(sort, &self.store);
            }
            _ => {}
        }
    }

    /// The next column, round and round, whose title begins with `letter`.
    fn next_with(&self, letter: char) -> Option<usize> {
        let after = self.sorting.scroll.cursor + 1;
        let rows = (after..SORTABLE.len()).chain(0..after.min(SORTABLE.len()));
        let has_it = |row: &usize| SORTABLE[*row].title().starts_with(letter);
        rows.into_iter().find(has_it)
    }
}
