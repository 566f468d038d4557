//! What the user is doing: selection, focus, filter, prompts; and what they see of the flows.
//!
//! [`App`] owns the [`Store`]. Everything that happens comes in through [`App::update`], which
//! gives back the effects that the loop has to carry out. [`App::prepare`] then builds the text of
//! the visible panes, and [`view::draw`](crate::view::draw) only reads. No terminal, clock or file
//! is touched here.

pub mod action;
mod chord;
pub mod columns;
mod comment;
mod dialog;
mod display;
mod documents;
pub mod edit;
mod extract;
mod find;
pub mod focus;
mod frames_filter;
mod fuzzy;
mod gauges;
pub mod help;
mod hints;
pub mod history;
mod judge;
pub mod keymap;
pub mod layout;
pub mod leaf;
pub mod list;
mod loading;
mod log;
mod mouse;
mod msg;
pub mod order;
mod outline;
mod overlay;
mod page;
mod palette;
mod pick;
pub mod preset;
pub mod prompt;
mod quit;
mod recall;
mod relations;
pub mod scroll;
mod search;
mod seek;
mod snapshot;
mod sorting;
mod status;
mod text_search;
mod themes;
pub mod toast;
mod trail;
pub mod tree;
mod update;

use std::sync::Arc;

use ratatui::layout::Rect;

use crate::capture::Piece;
use crate::content::{Folds, Line, Tab};
use crate::filter::{Basis, Filter};
use crate::flow::lineage::Window;
use crate::flow::{Flow, FlowId, FlowKind, Store};
use crate::tap::At;

pub use dialog::{Dialog, Field, Form, Note, Preview, Save, Which};
pub use extract::{Extract, Extracted, Part, Use, Viewer};
pub use find::{Hits, MOST_HITS, TextSearch};
pub use hints::Hint;
pub use loading::Loading;
pub use log::{Level, Log, LogLine};
pub use msg::{Effect, Msg, Outcome};
pub use outline::{Below, Stem};
pub use overlay::{Overlay, Question};
pub use palette::{Entry, Palette};
pub use quit::Stake;
pub use search::{Found, Search};
pub use sorting::Sorting;
pub use status::{Capture, Options, Status, Stream};
pub use themes::Themes;

use comment::Comments;
use display::Display;
use documents::Sheet;
use focus::Pane;
use frames_filter::FramesFilter;
use gauges::Gauges;
use help::Help;
use history::History;
use keymap::Count;
use layout::{Edge, Layout, Wish};
use leaf::Leaf;
use list::List;
use page::Page;
use pick::Picks;
use prompt::Prompt;
use recall::Recall;
use relations::Relations;
use text_search::Finders;
use toast::{Toast, Toasts};
use trail::Step;
use tree::Tree;

/// The program's state.
#[derive(Debug)]
pub struct App {
    /// What happened.
    store: Store,
    /// What was decided before the start.
    options: Options,
    /// What the loop tells.
    status: Status,
    /// The present moment, as of the last tick.
    now: At,
    /// Flows that are read back from the capture.
    recall: Recall,
    /// What the selected flow has to do with others.
    relations: Relations,
    /// How full the rate limits are.
    gauges: Gauges,
    /// Flows that are read from captures.
    loading: Loading,
    /// The request list.
    list: Box<List>,
    /// The text of the detail panes, in the order of [`Pane::DETAILS`].
    sheets: Box<[Sheet; 4]>,
    /// The focus, and what the reader chose about the arrangement.
    wish: Wish,
    /// Where the panes sat when they were last drawn.
    layout: Layout,
    /// The border that the mouse has hold of.
    dragged: Option<Edge>,
    /// The screen's size.
    size: (u16, u16),
    /// The payload's tab.
    tab: Tab,
    /// Sections that were opened or closed; they stay so from flow to flow.
    folds: Folds,
    /// Groups of frames that were opened or closed, and of which flow.
    frame_folds: (Option<FlowId>, Folds),
    /// The time axis of the frames, and the column of the one under the cursor.
    axis: Option<Box<(Line, Option<usize>)>>,
    /// Which frames are shown.
    frames_filter: Box<FramesFilter>,
    /// Where the panes are to go, because another one went there.
    picks: Box<Picks>,
    /// The places that were left by opening a line, the latest last.
    trail: Vec<Step>,
    /// The searches in the detail panes.
    finders: Box<Finders>,
    /// The filter in force, as text; empty for none.
    filter: String,
    /// Filters that were asked for, the newest last.
    history: History,
    /// The filter that was in force before it was cleared.
    cleared_filter: String,
    /// What is on top of the panes, the topmost last.
    overlays: Vec<Overlay>,
    /// The help overlay.
    help: Help,
    /// The command palette.
    palette: Box<Palette>,
    /// The program's own log.
    log: Box<Log>,
    /// The theme picker.
    themes: Themes,
    /// The menu of what the list can be sorted by.
    sorting: Sorting,
    /// The dialog that saves, until the file is written.
    dialog: Option<Box<Dialog>>,
    /// How many flows of how many are written, while a file is.
    writing: Option<(usize, usize)>,
    /// What is asked before something is done.
    question: Option<Question>,
    /// The diff, while it is on top.
    page: Box<Page>,
    /// The session tree.
    tree: Box<Tree>,
    /// The question at the bottom.
    prompt: Option<Prompt>,
    /// The question that a save under way answers.
    saving: Option<Prompt>,
    /// Messages.
    toasts: Toasts,
    /// Which flows were noted about.
    comments: Box<Comments>,
    /// What the reader chose about the display.
    display: Display,
    /// Whether the next key says what to copy.
    is_copying: bool,
    /// Digits of a count typed so far.
    count: Count,
    /// The terminal's title, as last set.
    title: String,
}

impl App {
    /// An app without flows.
    #[must_use]
    pub fn new(options: Options) -> Self {
        let mut app = Self {
            store: Store::default(),
            status: Status::default(),
            now: options.now,
            recall: Recall::default(),
            relations: Relations::default(),
            gauges: Gauges::default(),
            loading: Loading::default(),
            list: Box::new(List::new(Arc::clone(&options.prices))),
            sheets: Box::default(),
            wish: Wish::default(),
            layout: Layout::default(),
            dragged: None,
            size: (0, 0),
            tab: Tab::default(),
            folds: Folds::default(),
            frame_folds: (None, Folds::default()),
            axis: None,
            frames_filter: Box::default(),
            picks: Box::default(),
            trail: Vec::new(),
            finders: Box::default(),
            filter: String::new(),
            history: History::default(),
            cleared_filter: String::new(),
            overlays: Vec::new(),
            help: Help::default(),
            palette: Box::default(),
            log: Box::default(),
            themes: Themes::default(),
            sorting: Sorting::default(),
            dialog: None,
            writing: None,
            question: None,
            page: Box::default(),
            tree: Box::default(),
            prompt: None,
            saving: None,
            toasts: Toasts::default(),
            comments: Box::default(),
            display: Display::default(),
            is_copying: false,
            count: Count::default(),
            title: String::new(),
            options,
        };
        if app.options.is_proxy {
            app.list.set_follows(true, &app.store);
        }
        if let Some(text) = app.options.filter.clone() {
            app.apply_filter(&text);
        }
        app
    }

    /// What happened.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// What happened, for the recorder. [`Msg::Changed`] is to follow.
    pub fn store_mut(&mut self) -> &mut Store {
        &mut self.store
    }

    /// What was decided before the start.
    #[must_use]
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// What the loop told.
    #[must_use]
    pub fn status(&self) -> &Status {
        &self.status
    }

    /// What the loop tells.
    pub fn status_mut(&mut self) -> &mut Status {
        &mut self.status
    }

    /// The present moment, as of the last [`Msg::Tick`].
    #[must_use]
    pub fn now(&self) -> At {
        self.now
    }

    /// The request list.
    #[must_use]
    pub fn list(&self) -> &List {
        &self.list
    }

    /// The flow under the list's cursor; `None` while it is being read back from the capture, too.
    #[must_use]
    pub fn selected(&self) -> Option<&Flow> {
        self.store.get(self.list.selected()?)
    }

    /// How full the rate limits are, as last told while this program ran.
    pub fn limits(&self) -> impl Iterator<Item = &Window> {
        self.gauges.windows(self.now)
    }

    /// Why the flow under the cursor cannot be shown; `None` while it is being read back.
    #[must_use]
    pub fn missing(&self) -> Option<&str> {
        let selected = self.list.selected()?;
        match self.store.place(selected) {
            None if self.selected().is_none() => Some("it is in no capture"),
            _ => self.recall.failure(selected),
        }
    }

    /// Takes in a piece of a capture; this much of all captures was read by now, in percent.
    pub fn load(&mut self, piece: Piece, percent: u8) {
        // However little of them there is when the screen is first drawn, their newest turn is meant.
        if self.loading.is_new() {
            self.list.set_follows(true, &self.store);
        }
        self.loading.take(&mut self.store, piece, percent);
    }

    /// How reading captures goes.
    #[must_use]
    pub fn loading(&self) -> &Loading {
        &self.loading
    }

    /// Whether the panes wait for something that is being read back.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        self.recall.is_waiting()
    }

    /// Keeps whole, beside what the panes show, no more than [`Options::cache`] bytes of flows that
    /// stand in the capture, and says which are needed from there. To be called when the store
    /// changed and after work.
    pub fn recall(&mut self) -> Vec<Effect> {
        let mut effects = Vec::new();
        let selected = self.list.selected();
        self.relations
            .look(selected, &self.store, &self.options.prices);
        let related = self.relations.needed();
        if self.recall.is_due(selected, related.len(), &self.store) {
            self.recall.show(selected, related, &self.store);
            let recall = &self.recall;
            self.store
                .trim(self.options.cache, |id| recall.is_shown(id));
            effects.extend(self.recall.ask(&self.store).map(Effect::Read));
        }
        while let Some(search) = self.recall.search(&self.store, &self.list) {
            effects.push(Effect::Search(search));
        }
        while let Some(search) = self.search_texts() {
            effects.push(Effect::SearchText(search));
        }
        effects
    }

    /// The text of a detail pane; `None` for the list.
    #[must_use]
    pub fn sheet(&self, pane: Pane) -> Option<&Leaf> {
        let sheet = self.sheets.get((pane as usize).checked_sub(1)?);
        sheet.map(Sheet::leaf)
    }

    /// Where the panes sit.
    #[must_use]
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// The pane with the focus.
    #[must_use]
    pub fn focus(&self) -> Pane {
        self.wish.focus
    }

    /// Whether the focused pane fills the screen because the reader wants it so.
    #[must_use]
    pub fn is_zoomed(&self) -> bool {
        self.wish.is_zoomed
    }

    /// The payload's tab.
    #[must_use]
    pub fn tab(&self) -> Tab {
        self.tab
    }

    /// The time axis of the frames, and the column of the one under the cursor.
    #[must_use]
    pub fn axis(&self) -> Option<&(Line, Option<usize>)> {
        self.axis.as_deref()
    }

    /// The filter in force; empty for none.
    #[must_use]
    pub fn filter(&self) -> &str {
        &self.filter
    }

    /// The text of the diff, while it is on top.
    #[must_use]
    pub fn page(&self) -> &Leaf {
        self.page.leaf()
    }

    /// The session tree.
    #[must_use]
    pub fn tree(&self) -> &Tree {
        &self.tree
    }

    /// The question at the bottom.
    #[must_use]
    pub fn prompt(&self) -> Option<&Prompt> {
        self.prompt.as_ref()
    }

    /// The newest message.
    #[must_use]
    pub fn toast(&self) -> Option<&Toast> {
        self.toasts.newest()
    }

    /// The messages that are shown, the oldest first.
    #[must_use]
    pub fn toasts(&self) -> Vec<&Toast> {
        self.toasts.shown()
    }

    /// Whether the display stands still.
    #[must_use]
    pub fn is_paused(&self) -> bool {
        self.display.is_paused
    }

    /// Digits of a count typed so far.
    #[must_use]
    pub fn count(&self) -> &str {
        self.count.as_str()
    }

    /// Whether something on the screen changes with time alone, so that ticks are needed.
    #[must_use]
    pub fn is_animating(&self) -> bool {
        // An open connection may be silent for hours; its turns are what moves.
        let is_moving_row = |flow: &Flow| flow.is_live() && flow.kind != FlowKind::Ws;
        // What is live is in memory.
        let is_live = |id: &FlowId| self.store.get(*id).is_some_and(is_moving_row);
        let is_moving = || {
            let is_list_visible = self.layout.place(Pane::Requests).is_some();
            is_list_visible && self.list.visible().iter().any(is_live)
        };
        let is_tree_stale =
            || self.overlays.contains(&Overlay::Sessions) && self.tree.is_stale(&self.store);
        !self.toasts.is_empty() || (!self.display.is_paused && (is_moving() || is_tree_stale()))
    }

    /// Whether something is left to do that must not be done in one go: [`App::work`] is to be
    /// called, between keys.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        self.list.is_busy() || self.is_behind()
    }

    /// Whether a visible pane is still to be filled.
    fn is_behind(&self) -> bool {
        self.layout.place(Pane::Frames).is_some() && self.sheets[3].is_behind()
    }

    /// Does a little of what is left to do.
    pub fn work(&mut self) {
        if self.list.is_busy() {
            self.list.work(&self.store);
        } else if let Some(placed) = self.layout.place(Pane::Frames).copied() {
            self.prepare_sheet(&placed);
        }
    }

    /// Builds the text of the visible panes for a screen of `size` columns and rows, and brings
    /// every position back into bounds. To be called right before drawing.
    pub fn prepare(&mut self, size: (u16, u16)) {
        self.size = size;
        self.keep_up();
        self.arrange();
        let selected = self.list.selected();
        self.relations
            .look(selected, &self.store, &self.options.prices);
        let layout = std::mem::take(&mut self.layout);
        for placed in &layout.panes {
            let pane = placed.pane;
            if pane == Pane::Requests {
                self.list.fit(placed.rows().height);
                continue;
            }
            if self.frame_folds.0 != selected {
                self.frame_folds = (selected, Folds::default());
            }
            if pane == Pane::Payload && self.tab.interprets() {
                self.relations.prepare(&self.store, self.options.cache);
            }
            self.prepare_sheet(placed);
        }
        self.layout = layout;
        self.prepare_overlays();
    }

    /// Takes in what happened, unless the display stands still.
    fn keep_up(&mut self) {
        if self.display.is_paused {
            self.list.settle(&self.store);
        } else {
            self.list.sync(&self.store);
        }
        if self.options.is_proxy && !self.display.is_paused {
            self.gauges.look(self.list.totals(), &self.store);
        }
    }

    /// Divides the screen.
    fn arrange(&mut self) {
        let (width, height) = self.size;
        self.layout = Layout::of(Rect::new(0, 0, width, height), self.wish);
    }

    /// Gives the focus to `pane`.
    fn focus_on(&mut self, pane: Pane) {
        self.wish.focus = pane;
        if pane.is_detail() {
            self.wish.detail = pane;
        } else {
            self.trail.clear();
        }
        self.arrange();
    }

    /// Shows what passes the filter `text`, and remembers it.
    fn choose_filter(&mut self, text: &str) {
        self.history.add(text);
        self.apply_filter(text);
    }

    /// Shows what passes the filter `text`, if it is one.
    fn apply_filter(&mut self, text: &str) {
        let text = text.trim();
        let filter = match text {
            "" => None,
            _ => match Filter::parse_with(text, &self.options.filters) {
                Ok(filter) => Some(filter.on(Basis {
                    prices: Arc::clone(&self.options.prices),
                    zone: self.options.time_zone.clone(),
                    now: self.now,
                })),
                Err(_) => return,
            },
        };
        text.clone_into(&mut self.filter);
        self.list.set_filter(filter, &self.store);
    }

    /// The terminal's title, as last set.
    #[must_use]
    pub fn title(&self) -> &str {
        &self.title
    }

    /// The title that tells what goes on.
    fn current_title(&self) -> String {
        match self.list.totals().live {
            0 => "codextap".to_owned(),
            live => format!("codextap · {live} live"),
        }
    }
}
