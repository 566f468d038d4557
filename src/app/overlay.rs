//! What is on top of the panes, and what keys do there.

use std::path::PathBuf;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::layout::Rect;

use super::action::Action;
use super::focus::Pane;
use super::layout::Shape;
use super::leaf::text_of;
use super::order::SORTABLE;
use super::page::Source;
use super::scroll::Motion;
use super::tree::Target;
use super::{App, Effect};
use crate::capture::Existing;
use crate::content;
use crate::filter::{Filter, Key};
use crate::flow::{Calls, FlowId};

/// What is on top of the panes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Overlay {
    /// The keys.
    Help,
    /// The commands.
    Palette,
    /// The program's own log.
    Log,
    /// The themes.
    Themes,
    /// What the list can be sorted by.
    Sort,
    /// What to save, and where.
    Dialog,
    /// A question that is answered with yes or no.
    Confirm,
    /// What changed in the selected turn since the one before it.
    Diff,
    /// Sessions with their agents and turns.
    Sessions,
}

/// What is asked before something is done that costs what cannot be had back.
#[derive(Clone, PartialEq, Debug)]
pub enum Question {
    /// Whether to quit although that costs what [`App::stakes`] tells.
    Quit,
    /// Whether to write over this file.
    Overwrite(PathBuf),
}

/// What a command does in an overlay.
#[derive(Clone, Copy, Debug)]
pub struct Use {
    /// The command.
    pub action: Action,
    /// What it does there, in one word or two.
    pub hint: &'static str,
    /// What it does there, in one line.
    pub about: &'static str,
}

/// A command that does something of its own in an overlay.
const fn own(action: Action, hint: &'static str, about: &'static str) -> Use {
    Use {
        action,
        hint,
        about,
    }
}

/// A command that does what it does elsewhere.
const fn same(action: Action) -> Use {
    own(action, action.hint(), action.description())
}

impl Overlay {
    /// What is done in it most, most useful first; nothing where keys have a meaning of their own.
    #[must_use]
    pub const fn uses(self) -> &'static [Use] {
        match self {
            Self::Diff => {
                const {
                    &[
                        own(Action::Back, "back", "Leave the diff"),
                        same(Action::NextTurn),
                        same(Action::PreviousTurn),
                        own(Action::Open, "open", "Open or close the section"),
                        same(Action::Copy),
                    ]
                }
            }
            Self::Sessions => {
                const {
                    &[
                        own(Action::Back, "back", "Leave the sessions"),
                        own(
                            Action::Open,
                            "open",
                            "Go to the turn, or show what is of the session or agent",
                        ),
                        own(Action::Fold, "fold", "Fold the session or agent"),
                        own(Action::FoldAll, "fold all", "Fold all; again unfolds them"),
                        own(Action::Diff, "diff", "Compare the turn with the one before"),
                    ]
                }
            }
            Self::Log => {
                const {
                    &[
                        own(Action::Back, "back", "Leave the log"),
                        own(Action::PreviousTab, "less", "Show only what is worse"),
                        own(Action::NextTab, "more", "Show what matters less, too"),
                        own(Action::Last, "newest", "Follow the newest line"),
                        same(Action::Copy),
                    ]
                }
            }
            Self::Help => {
                const {
                    &[
                        own(Action::Back, "back", "Leave the help"),
                        own(Action::Search, "search", "Search the help"),
                        own(Action::Down, "scroll", "Move down"),
                    ]
                }
            }
            Self::Themes => {
                const {
                    &[
                        own(
                            Action::Open,
                            "keep",
                            "Keep the theme until the program ends",
                        ),
                        own(Action::Back, "restore", "Leave with the theme as it was"),
                        own(Action::Down, "next", "Try the next theme"),
                        own(Action::Up, "previous", "Try the theme before"),
                    ]
                }
            }
            Self::Sort => {
                const {
                    &[
                        own(Action::Open, "keep", "Sort by this column"),
                        own(Action::Back, "restore", "Leave with the list as it was"),
                        same(Action::ReverseSort),
                        own(Action::Down, "next", "Try the next column"),
                        own(Action::Up, "previous", "Try the column before"),
                    ]
                }
            }
            Self::Palette | Self::Dialog | Self::Confirm => &[],
        }
    }

    /// Whether it covers all panes.
    #[must_use]
    pub const fn is_cover(self) -> bool {
        matches!(self, Self::Diff | Self::Sessions | Self::Log)
    }

    /// What it is called within a sentence.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Help => "the help",
            Self::Palette => "the palette",
            Self::Dialog => "the dialog",
            Self::Confirm => "the question",
            Self::Log => "the log",
            Self::Themes => "the themes",
            Self::Sort => "the columns",
            Self::Diff => "the diff",
            Self::Sessions => "the sessions",
        }
    }
}

impl App {
    /// What is on top.
    #[must_use]
    pub fn overlay(&self) -> Option<Overlay> {
        self.overlays.last().copied()
    }

    /// All that is on top of the panes, the topmost last.
    #[must_use]
    pub fn overlays(&self) -> &[Overlay] {
        &self.overlays
    }

    /// Shows something on top of what is there; what covers all panes takes its place.
    pub(super) fn show(&mut self, overlay: Overlay) {
        if overlay.is_cover() {
            self.overlays.clear();
        }
        self.overlays.retain(|other| *other != overlay);
        self.overlays.push(overlay);
    }

    /// Leaves what is on top.
    pub(super) fn close(&mut self) {
        self.overlays.pop();
    }

    /// Leaves all that is on top.
    pub(super) fn close_all(&mut self) {
        self.overlays.clear();
    }

    /// Where an overlay sits, its border included.
    #[must_use]
    pub fn place(&self, overlay: Overlay) -> Rect {
        match overlay {
            Overlay::Diff | Overlay::Sessions | Overlay::Log => self.cover(),
            Overlay::Help => {
                let (width, height) = self.help_size();
                self.centered(width, height)
            }
            Overlay::Palette => self.centered(80, PALETTE + 2),
            Overlay::Confirm => self.centered(52, self.question_lines() + 2),
            Overlay::Dialog => self.centered(96, u16::MAX / 2),
            Overlay::Themes => self.beside(NAMES, self.status.themes.len() as u16 + 3),
            Overlay::Sort => self.beside(COLUMNS, SORTABLE.len() as u16),
        }
    }

    /// A box in the middle of the screen, with room for a text of this size if there is any, above the
    /// bottom line.
    fn centered(&self, width: u16, height: u16) -> Rect {
        let area = self.cover();
        let width = width.saturating_add(4).min(area.width);
        let margin = area.height.saturating_sub(10).min(4);
        let height = height.saturating_add(2).min(area.height - margin);
        Rect {
            x: area.x + (area.width - width) / 2,
            y: area.y + (area.height - height) / 2,
            width,
            height,
        }
    }

    /// A box at the right, so that what is to be judged stays visible beside it.
    fn beside(&self, width: u16, height: u16) -> Rect {
        let area = self.cover();
        let place = self.centered(width, height);
        Rect {
            x: area.right() - place.width,
            ..place
        }
    }

    /// Where an overlay's text sits: columns for marks are kept free on the left, one on the right; the
    /// tree has a line of titles above it.
    #[must_use]
    pub fn place_of_text(&self, overlay: Overlay) -> Rect {
        let area = self.place(overlay);
        let (left, top) = match overlay {
            Overlay::Sessions => (2, 2),
            Overlay::Diff => (4, 1),
            Overlay::Themes | Overlay::Sort => (3, 1),
            Overlay::Dialog => (2, 6),
            Overlay::Palette => (2, 3),
            Overlay::Help | Overlay::Confirm | Overlay::Log => (2, 1),
        };
        // How to keep a theme stands below the names.
        let bottom = if overlay == Overlay::Themes { 4 } else { 1 };
        Rect {
            x: area.x + left,
            y: area.y + top,
            width: area.width.saturating_sub(left + 2),
            height: area.height.saturating_sub(top + bottom),
        }
    }

    /// The screen but for the bottom line.
    fn cover(&self) -> Rect {
        let (width, height) = self.size;
        Rect::new(0, 0, width, height.saturating_sub(1))
    }

    /// Brings what is on top up to date.
    pub(super) fn prepare_overlays(&mut self) {
        if self.layout.shape == Shape::TooSmall {
            return;
        }
        for overlay in self.overlays.clone() {
            let text = self.place_of_text(overlay);
            match overlay {
                Overlay::Diff => self.prepare_diff(text),
                Overlay::Sessions if !self.display.is_paused => {
                    let (store, prices) = (&self.store, &self.options.prices);
                    self.tree.prepare(store, prices, self.now, text.height);
                }
                Overlay::Palette => self.palette.fit(text.height),
                Overlay::Help => self.scroll_help(self.help.top()),
                Overlay::Log => self.prepare_log(text),
                Overlay::Themes => self.prepare_themes(text.height),
                Overlay::Sort => self.prepare_sorting(text.height),
                Overlay::Dialog => {
                    if let Some(dialog) = &mut self.dialog {
                        dialog.prepare(text);
                    }
                }
                Overlay::Sessions | Overlay::Confirm => {}
            }
        }
    }

    fn prepare_diff(&mut self, area: Rect) {
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
        self.show(Overlay::Sessions);
        let height = self.place_of_text(Overlay::Sessions).height;
        let selected = self.list.selected();
        self.tree.open(
            selected,
            &self.store,
            &self.options.prices,
            self.now,
            height,
        );
    }

    /// What is asked.
    #[must_use]
    pub fn question(&self) -> Option<&Question> {
        self.question.as_ref()
    }

    /// How many lines it takes to ask that.
    fn question_lines(&self) -> u16 {
        match &self.question {
            Some(Question::Quit) => self.stakes().len().max(1) as u16,
            Some(Question::Overwrite(_)) | None => 1,
        }
    }

    /// Asks before something is done.
    pub(super) fn ask(&mut self, question: Question) {
        self.question = Some(question);
        self.show(Overlay::Confirm);
    }

    /// A key that answers a question. Whatever does not say yes says no.
    pub(super) fn confirm_key(&mut self, key: KeyEvent) -> Vec<Effect> {
        self.close();
        let is_control = key.modifiers.contains(KeyModifiers::CONTROL);
        match (self.question.take(), key.code) {
            (Some(Question::Quit), KeyCode::Char('y' | 'Y' | 'q' | 'Q') | KeyCode::Enter) => {
                vec![Effect::Quit]
            }
            (Some(Question::Quit), KeyCode::Char('c')) if is_control => vec![Effect::Quit],
            (Some(Question::Overwrite(_)), KeyCode::Char('y' | 'Y')) => {
                self.close();
                self.begin_save(Existing::Replace)
            }
            _ => Vec::new(),
        }
    }

    /// Gives a command to what is on top; `None` if that has no such command.
    pub(super) fn act_on_top(
        &mut self,
        action: Action,
        count: Option<usize>,
    ) -> Option<Vec<Effect>> {
        match self.overlay() {
            None => Some(self.act(action, count)),
            _ if action.is_everywhere() => Some(self.act(action, count)),
            Some(Overlay::Diff) => self.act_on_diff(action, count),
            Some(Overlay::Sessions) => self.act_on_sessions(action, count),
            Some(Overlay::Log) => self.act_on_log(action, count),
            Some(
                Overlay::Help
                | Overlay::Palette
                | Overlay::Themes
                | Overlay::Sort
                | Overlay::Dialog
                | Overlay::Confirm,
            ) => None,
        }
    }

    /// A command while the diff is on top. Those that go to another flow show its diff.
    fn act_on_diff(&mut self, action: Action, count: Option<usize>) -> Option<Vec<Effect>> {
        if let Some(motion) = Motion::of(action, count) {
            self.page.go(motion);
            return Some(Vec::new());
        }
        match action {
            Action::Back | Action::Quit | Action::Diff => self.close(),
            Action::Open | Action::Fold => self.page.fold(),
            Action::Sessions => self.show_sessions(),
            Action::Copy => {
                let line = self.page.leaf().current().map(text_of);
                let text = line.map(|text| Effect::Copy(text.trim().to_owned()));
                return Some(text.into_iter().collect());
            }
            Action::NextFlow
            | Action::PreviousFlow
            | Action::NextTurn
            | Action::PreviousTurn
            | Action::NextError
            | Action::PreviousError
            | Action::NextCall
            | Action::PreviousCall
            | Action::NextReasoning
            | Action::PreviousReasoning
            | Action::NextAgent
            | Action::PreviousAgent => return Some(self.act(action, count)),
            _ => return None,
        }
        Some(Vec::new())
    }

    /// A command while the session tree is on top.
    fn act_on_sessions(&mut self, action: Action, count: Option<usize>) -> Option<Vec<Effect>> {
        if let Some(motion) = Motion::of(action, count) {
            self.tree.go(motion);
            return Some(Vec::new());
        }
        match action {
            Action::Back | Action::Quit | Action::Sessions => self.close(),
            Action::Open => self.choose(),
            Action::Fold => self.tree.fold(),
            Action::FoldAll => self.tree.fold_all(),
            Action::Diff => {
                if let Some(Target::Turn(flow)) = self.tree.target() {
                    self.show_flow(flow);
                    self.show(Overlay::Diff);
                }
            }
            _ => return None,
        }
        Some(Vec::new())
    }

    /// Goes to the turn under the tree's cursor, or shows what is of the session or thread there.
    fn choose(&mut self) {
        let (key, id) = match self.tree.target() {
            Some(Target::Turn(flow)) => {
                self.close();
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
            self.close();
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

/// Columns of the menu of what the list can be sorted by.
const COLUMNS: u16 = 35;
/// Columns of the theme picker.
const NAMES: u16 = 26;
/// Rows of the palette for commands.
const PALETTE: u16 = 18;
