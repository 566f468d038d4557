//! What keys do about searching the text of a pane.

use std::ops::Range;

use super::App;
use super::documents::Show;
use super::find::{Finder, Hits, Origin, TextSearch, Went, Wish};
use super::focus::Pane;
use super::history::History;
use super::layout::Placed;
use super::leaf::Leaf;
use super::prompt::Prompt;
use super::snapshot::Snapshot;
use crate::content::Folds;
use crate::filter::Needle;

/// The searches in the detail panes.
#[derive(Default, Debug)]
pub(super) struct Finders {
    /// In the order of [`Pane::DETAILS`].
    each: [Option<Finder>; 4],
    /// Where the search began that is being typed.
    origin: Option<Origin>,
    /// How many searches there were.
    rounds: u64,
    /// What was looked for, the newest last.
    history: History,
}

impl Finders {
    pub(super) fn of(&self, pane: Pane) -> Option<&Finder> {
        self.each.get(place(pane)?)?.as_ref()
    }

    fn slot(&mut self, pane: Pane) -> Option<&mut Option<Finder>> {
        self.each.get_mut(place(pane)?)
    }
}

impl App {
    /// What is looked for in a pane.
    #[must_use]
    pub fn sought(&self, pane: Pane) -> Option<&str> {
        self.finders.of(pane).map(|finder| finder.needle().as_str())
    }

    /// Where that is in the text of a line, in bytes.
    #[must_use]
    pub fn matches_in(&self, pane: Pane, line: &str) -> Vec<Range<usize>> {
        let finder = self.finders.of(pane);
        let found = finder.map(|finder| finder.needle().find_in(line).collect());
        found.unwrap_or_default()
    }

    /// Which match of a pane's search was gone to, counted from 1, and how many there are; `None`
    /// while that is being found out.
    #[must_use]
    pub fn match_count(&self, pane: Pane) -> Option<(Option<usize>, usize)> {
        let (current, count) = self.finders.of(pane)?.count()?;
        Some((current.map(|current| current + 1), count))
    }

    /// The match that the cursor of a pane is on: its line, and its bytes within the texts of the line's
    /// spans.
    #[must_use]
    pub fn current_match(&self, pane: Pane) -> Option<(usize, Range<usize>)> {
        self.finders.of(pane)?.landed(self.sheet(pane)?)
    }

    /// Asks for a filter in the list, and for what to look for in a text.
    pub(super) fn begin_search(&mut self) {
        let pane = self.focus();
        let Some(scroll) = self.sheet(pane).map(Leaf::scroll) else {
            self.ask_filter();
            return;
        };
        let folds = self.folds_of(pane).clone();
        let before = self.finders.slot(pane).and_then(Option::take);
        self.finders.origin = Some(Origin::new(scroll, folds, before));
        self.prompt = Some(Prompt::search(pane, self.finders.history.clone()));
    }

    /// Looks for what was typed so far.
    pub(super) fn preview_search(&mut self, pane: Pane, text: &str) {
        let needle = Needle::parse(text).ok().filter(|_| !text.is_empty());
        self.finders.rounds += 1;
        let round = self.finders.rounds;
        let Some(slot) = self.finders.slot(pane) else {
            return;
        };
        match needle {
            Some(needle) => *slot = Some(Finder::new(needle, round, slot.take())),
            None if text.is_empty() => {
                *slot = None;
                self.return_to_origin(pane);
            }
            // What cannot be read yet leaves what there was.
            None => {}
        }
    }

    /// Keeps what was typed as the search in force.
    pub(super) fn keep_search(&mut self, pane: Pane, text: &str) {
        self.finders.origin = None;
        if text.is_empty() {
            return;
        }
        self.finders.history.add(text);
        let count = self.match_count(pane);
        if count.is_some_and(|(_, count)| count == 0) {
            self.note(format!("no match for {text}"));
        }
    }

    /// Goes back to where the search began, as if there had been none.
    pub(super) fn leave_search(&mut self, pane: Pane) {
        self.return_to_origin(pane);
        let origin = self.finders.origin.take();
        if let Some(slot) = self.finders.slot(pane) {
            *slot = origin.and_then(|origin| origin.finder);
        }
    }

    /// Ends the search of the focused pane. Says whether there was one.
    pub(super) fn end_search(&mut self) -> bool {
        let pane = self.focus();
        let slot = self.finders.slot(pane);
        slot.is_some_and(|slot| slot.take().is_some())
    }

    /// Goes to another match.
    pub(super) fn step_match(&mut self, times: usize, is_forward: bool) {
        let pane = self.focus();
        let Some(place) = place(pane) else {
            return;
        };
        let Some(finder) = &mut self.finders.each[place] else {
            self.note("nothing is looked for here: / begins a search".to_owned());
            return;
        };
        let went = finder.step(times, is_forward, self.sheets[place].leaf());
        self.tell(pane, went, is_forward);
    }

    /// The searches to begin now.
    pub(super) fn search_texts(&mut self) -> Option<TextSearch> {
        let flow = self.list.selected().and_then(|id| self.store.get(id))?;
        for placed in &self.layout.panes {
            let pane = placed.pane;
            let Some(place) = place(pane) else { continue };
            let Some(finder) = &mut self.finders.each[place] else {
                continue;
            };
            let Some(version) = self.sheets[place].version() else {
                continue;
            };
            let show = Show {
                store: &self.store,
                relations: &self.relations,
                prices: &self.options.prices,
                flow,
                tab: self.tab,
                folds: &self.folds,
                frames: &self.frames_filter,
                is_paused: self.display.is_paused,
                is_wrapped: self.display.is_wrapped,
            };
            let prices = &self.options.prices;
            let snapshot = || Snapshot::of(pane, show, prices.clone());
            let search = finder.ask(pane, version, self.now, snapshot);
            if search.is_some() {
                return search;
            }
        }
        None
    }

    /// Takes in what a search found.
    pub(super) fn take_hits(&mut self, hits: Hits) {
        let pane = hits.pane;
        let Some(place) = place(pane) else { return };
        let Some(finder) = &mut self.finders.each[place] else {
            return;
        };
        let leaf = self.sheets[place].leaf();
        match (finder.take(hits), &mut self.finders.origin) {
            (Some(Wish::First), Some(origin)) => {
                let went = finder.go_first(origin, leaf);
                // Whatever an earlier match of fewer letters opened is closed again.
                self.return_to_origin(pane);
                if went != Went::Nowhere {
                    self.list.set_follows(false, &self.store);
                }
            }
            // It was kept before anything was found.
            (Some(Wish::First), None) => {
                let mut here = Origin::new(leaf.scroll(), Folds::default(), None);
                let went = finder.go_first(&mut here, leaf);
                self.tell(pane, went, true);
            }
            (Some(Wish::Step(times, is_forward)), _) => {
                let went = finder.step(times, is_forward, leaf);
                self.tell(pane, went, is_forward);
            }
            (None, _) => {}
        }
    }

    /// Says what a reader should know of how going to another match went.
    fn tell(&mut self, pane: Pane, went: Went, is_forward: bool) {
        match went {
            Went::There => {}
            Went::Around if is_forward => self.note("went on from the top".to_owned()),
            Went::Around => self.note("went on from the end".to_owned()),
            Went::Later => return,
            Went::Nowhere => {
                let text = self.sought(pane).unwrap_or_default();
                self.note(format!("no match for {text}"));
                return;
            }
        }
        self.list.set_follows(false, &self.store);
    }

    fn return_to_origin(&mut self, pane: Pane) {
        let (Some(origin), Some(place)) = (&self.finders.origin, place(pane)) else {
            return;
        };
        self.sheets[place].leaf_mut().scroll = origin.scroll;
        let folds = origin.folds.clone();
        *self.folds_of_mut(pane) = folds;
    }

    /// The open and closed sections of a pane.
    pub(super) fn folds_of(&self, pane: Pane) -> &Folds {
        match pane {
            Pane::Frames => &self.frame_folds.1,
            _ => &self.folds,
        }
    }

    /// The same, to be changed.
    pub(super) fn folds_of_mut(&mut self, pane: Pane) -> &mut Folds {
        match pane {
            Pane::Frames => &mut self.frame_folds.1,
            _ => &mut self.folds,
        }
    }

    /// Builds the text of a detail pane, and puts its cursor onto the match that was gone to, unfolding
    /// what it is behind.
    pub(super) fn prepare_sheet(&mut self, placed: &Placed) {
        let pane = placed.pane;
        let Some(place) = place(pane) else { return };
        let sheet = &mut self.sheets[place];
        let selected = self.list.selected();
        let Some(flow) = selected.and_then(|id| self.store.get(id)) else {
            if !(self.status.is_patient && self.recall.is_waiting()) {
                sheet.clear();
                self.axis = None;
            }
            return;
        };
        let text = placed.text();
        for _ in 0..MOST_LEVELS {
            let folds = match pane {
                Pane::Frames => &mut self.frame_folds.1,
                _ => &mut self.folds,
            };
            let show = Show {
                store: &self.store,
                relations: &self.relations,
                prices: &self.options.prices,
                flow,
                tab: self.tab,
                folds,
                frames: &self.frames_filter,
                is_paused: self.display.is_paused,
                is_wrapped: self.display.is_wrapped,
            };
            sheet.prepare(pane, show, text.width, text.height);
            if pane == Pane::Frames {
                let axis = placed.axis();
                self.axis = axis.map(|axis| Box::new(sheet.axis(show, axis.width)));
            }
            if sheet.is_behind() {
                return;
            }
            self.picks.follow(pane, flow, sheet.leaf_mut());
            let finder = &mut self.finders.each[place];
            let is_stale = finder
                .as_mut()
                .is_some_and(|finder| finder.reveal(sheet.leaf_mut(), folds));
            if !is_stale {
                return;
            }
        }
    }
}

/// A detail pane's place among them.
fn place(pane: Pane) -> Option<usize> {
    (pane as usize).checked_sub(1)
}

/// Sections within sections that are opened for a match.
const MOST_LEVELS: usize = 64;
