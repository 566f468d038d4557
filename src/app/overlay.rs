//! What is on top of the panes, and what keys do there.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::layout::Rect;

use super::action::Action;
use super::focus::Pane;
use super::keymap::Chord;
use super::layout::Shape;
use super::leaf::text_of;
use super::page::Source;
use super::scroll::Motion;
use super::tree::Target;
use super::{App, Effect, help};
use crate::content;
use crate::filter::{Filter, Key};
use crate::flow::{Calls, FlowId};

/// What is on top of the panes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Overlay {
    /// The keys.
    Help {
        /// The first visible line.
        top: usize,
    },
    /// Whether to quit although streams are live or a child runs.
    Quit,
    /// What changed in the selected turn since the one before it.
    Diff,
    /// Sessions with their agents and turns.
    Sessions,
}

impl App {
    /// Where an overlay sits that covers all panes.
    #[must_use]
    pub fn cover(&self) -> Rect {
        let (width, height) = self.size;
        Rect::new(0, 0, width, height.saturating_sub(1))
    }

    /// Where the text of such an overlay sits: columns for marks are kept free on the left, one on the
    /// right; the tree has a line of titles above it.
    #[must_use]
    pub fn cover_text(&self) -> Rect {
        let area = self.cover();
        let (left, top) = match self.overlay {
            Some(Overlay::Sessions) => (2, 2),
            _ => (4, 1),
        };
        Rect {
            x: area.x + left,
            y: area.y + top,
            width: area.width.saturating_sub(left + 2),
            height: area.height.saturating_sub(top + 1),
        }
    }

    /// Brings the overlay up to date.
    pub(super) fn prepare_overlay(&mut self) {
        if self.layout.shape == Shape::TooSmall {
            return;
        }
        match self.overlay {
            Some(Overlay::Diff) => self.prepare_diff(),
            Some(Overlay::Sessions) => {
                let height = self.cover_text().height;
                let store = &self.store;
                if !self.is_paused {
                    self.tree
                        .prepare(store, &self.options.prices, self.now, height);
                }
            }
            Some(Overlay::Help { .. } | Overlay::Quit) | None => {}
        }
    }

    fn prepare_diff(&mut self) {
        let area = self.cover_text();
        let selected = self.list.selected();
        let Some(flow) = selected.and_then(|id| self.store.get(id)) else {
            self.page.clear();
            return;
        };
        self.relations.prepare(&self.store, self.options.cache);
        let source = Source {
            flow: flow.id,
            stamp: [
                self.relations.stamp(&self.store),
                flow.request.body.bytes().len() as u64,
            ],
            width: area.width,
        };
        let (relations, store, options) = (&self.relations, &self.store, &self.options);
        self.page.prepare(source, area.height, |folds| {
            let around = relations.around(store, flow, Calls::default(), &options.prices);
            content::diff(flow, &around, folds, area.width, &options.time_zone)
        });
    }

    /// Shows the session tree, with the cursor on the selected turn.
    pub(super) fn show_sessions(&mut self) {
        self.overlay = Some(Overlay::Sessions);
        let height = self.cover_text().height;
        let selected = self.list.selected();
        self.tree.open(
            selected,
            &self.store,
            &self.options.prices,
            self.now,
            height,
        );
    }

    /// What the status bar suggests.
    #[must_use]
    pub fn hints(&self) -> &'static [Action] {
        match self.overlay {
            Some(Overlay::Diff) => &[
                Action::Back,
                Action::NextTurn,
                Action::PreviousTurn,
                Action::Open,
                Action::Copy,
            ],
            Some(Overlay::Sessions) => &[
                Action::Back,
                Action::Open,
                Action::Fold,
                Action::FoldAll,
                Action::Diff,
            ],
            _ => Action::hints(self.focus()),
        }
    }

    /// A key that answers whether to quit.
    pub(super) fn confirm_key(&mut self, key: KeyEvent) -> Vec<Effect> {
        self.overlay = None;
        match key.code {
            KeyCode::Char('y' | 'Y' | 'q' | 'Q') | KeyCode::Enter => vec![Effect::Quit],
            KeyCode::Char('c') if key.modifiers.contains(KeyModifiers::CONTROL) => {
                vec![Effect::Quit]
            }
            _ => Vec::new(),
        }
    }

    /// A key that scrolls or closes the help overlay.
    pub(super) fn help_key(&mut self, key: KeyEvent, top: usize) -> Vec<Effect> {
        let page = self.help_page();
        let chord = Chord::from_event(key);
        let action = self.options.keymap.action(chord, Pane::Requests);
        let top = match action {
            Some(Action::Down) => top + 1,
            Some(Action::Up) => top.saturating_sub(1),
            Some(Action::HalfDown) => top + page / 2,
            Some(Action::HalfUp) => top.saturating_sub(page / 2),
            Some(Action::PageDown | Action::Mark) => top + page,
            Some(Action::PageUp) => top.saturating_sub(page),
            Some(Action::First) => 0,
            Some(Action::Last) => usize::MAX,
            Some(Action::QuitNow) => return vec![Effect::Quit],
            Some(Action::Interrupt) => {
                self.overlay = None;
                return self.quit();
            }
            Some(Action::Back | Action::Help | Action::Quit) => {
                self.overlay = self.beneath.take();
                return Vec::new();
            }
            _ => top,
        };
        self.scroll_help(top);
        Vec::new()
    }

    /// Shows the keys, on top of what is there.
    pub(super) fn show_help(&mut self) {
        self.beneath = self.overlay.replace(Overlay::Help { top: 0 });
    }

    /// Shows help from line `top` on.
    pub(super) fn scroll_help(&mut self, top: usize) {
        let lines = help::lines(self.focus(), &self.options.keymap).len();
        let top = top.min(lines.saturating_sub(self.help_page()));
        self.overlay = Some(Overlay::Help { top });
    }

    /// How many lines of help fit on the screen.
    fn help_page(&self) -> usize {
        usize::from(help::height(self.size.1)).max(1)
    }

    /// A command while the diff is on top. Those that go to another flow show its diff.
    pub(super) fn act_on_diff(&mut self, action: Action, count: Option<usize>) -> Vec<Effect> {
        if let Some(motion) = Motion::of(action, count) {
            self.page.go(motion);
            return Vec::new();
        }
        match action {
            Action::Back | Action::Quit | Action::Diff => self.overlay = None,
            Action::Open | Action::Fold => self.page.fold(),
            Action::Sessions => self.show_sessions(),
            Action::Copy => {
                let line = self.page.leaf().current().map(text_of);
                let text = line.map(|text| Effect::Copy(text.trim().to_owned()));
                return text.into_iter().collect();
            }
            Action::NextFlow
            | Action::PreviousFlow
            | Action::NextTurn
            | Action::PreviousTurn
            | Action::NextError
            | Action::PreviousError
            | Action::NextCall
            | Action::PreviousCall
            | Action::NextAgent
            | Action::PreviousAgent => return self.act(action, count),
            _ if action.is_everywhere() => return self.act(action, count),
            _ => {}
        }
        Vec::new()
    }

    /// A command while the session tree is on top.
    pub(super) fn act_on_sessions(&mut self, action: Action, count: Option<usize>) -> Vec<Effect> {
        if let Some(motion) = Motion::of(action, count) {
            self.tree.go(motion);
            return Vec::new();
        }
        match action {
            Action::Back | Action::Quit | Action::Sessions => self.overlay = None,
            Action::Open => self.choose(),
            Action::Fold => self.tree.fold(),
            Action::FoldAll => self.tree.fold_all(),
            Action::Diff => {
                if let Some(Target::Turn(flow)) = self.tree.target() {
                    self.show_flow(flow);
                    self.overlay = Some(Overlay::Diff);
                }
            }
            _ if action.is_everywhere() => return self.act(action, count),
            _ => {}
        }
        Vec::new()
    }

    /// Goes to the turn under the tree's cursor, or shows what is of the session or thread there.
    fn choose(&mut self) {
        let (key, id) = match self.tree.target() {
            Some(Target::Turn(flow)) => {
                self.overlay = None;
                self.show_flow(flow);
                return;
            }
            Some(Target::Session(id)) => (Key::Session, id),
            Some(Target::Thread(id)) => (Key::Thread, id),
            None => return,
        };
        if id.is_empty() {
            self.note("no id is told to filter by".to_owned());
            return;
        }
        if let Some(filter) = Filter::exactly(key, &id) {
            self.overlay = None;
            self.focus_on(Pane::Requests);
            self.apply_filter(&filter.to_string());
        }
    }

    /// Puts the list's cursor onto a flow, without the filter if that hides it.
    pub(super) fn show_flow(&mut self, flow: FlowId) {
        self.focus_on(Pane::Requests);
        if self.list.select(flow, &self.store) {
            return;
        }
        if self.list.is_marked_only() {
            self.list.toggle_marked_only(&self.store);
        }
        if !self.filter.is_empty() {
            self.toggle_filter();
            self.note("the filter is cleared: it hides that turn".to_owned());
        }
        self.list.select(flow, &self.store);
    }
}
