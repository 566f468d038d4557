//! Parts of a pane's text that are taken out of it, to be copied or read elsewhere.
//!
//! A line is at hand. Anything more may be folded away, so that it is taken from the text with every
//! section open, which is made on a thread ([`Extract::run`]).

use crossterm::event::{KeyCode, KeyEvent};

use super::documents::Show;
use super::find::{Alignment, Heads};
use super::focus::Pane;
use super::keymap::Chord;
use super::leaf::text_of;
use super::snapshot::Snapshot;
use super::{App, Effect};
use crate::content::{Document, Folds, copy};

/// A part of a text.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Part {
    /// The line under the cursor, as it is shown.
    Line,
    /// What that line names: a JSON value, a header's value, a section without its head.
    Value,
    /// Where that is: the path of a JSON value, the name of a header field or section.
    Path,
    /// The innermost section around the cursor.
    Section,
    /// All of it.
    All,
}

impl Part {
    /// Every part, with the key that copies it after the one for copying, and what it is called.
    pub const ALL: [(Self, char, &'static str); 5] = [
        (Self::Line, 'y', "line"),
        (Self::Value, 'v', "value"),
        (Self::Path, 'p', "path"),
        (Self::Section, 's', "section"),
        (Self::All, 'a', "all"),
    ];
}

/// What becomes of a text that was taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Use {
    /// It is put into the clipboard.
    Copy,
    /// It is opened in another program.
    View(Viewer),
}

/// A program that shows a text.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Viewer {
    /// The user's pager (`PAGER`, or `less`).
    Pager,
    /// The user's editor (`VISUAL`, `EDITOR`, or `vi`).
    Editor,
}

/// A part to be taken.
#[derive(Clone, Debug)]
pub struct Extract {
    part: Part,
    purpose: Use,
    snapshot: Box<Snapshot>,
    /// The heads of what is shown, and the line of the cursor in it.
    shown: Heads,
    line: usize,
}

/// What was taken.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Extracted {
    pub(super) text: String,
    pub(super) purpose: Use,
}

/// Equal when they take the same part at the same place.
impl PartialEq for Extract {
    fn eq(&self, other: &Self) -> bool {
        (self.part, self.purpose, self.line) == (other.part, other.purpose, other.line)
    }
}

impl Extract {
    /// Takes the part. May take long.
    #[must_use]
    pub fn run(self) -> Extracted {
        let whole = self.snapshot.document(&Folds::unfolded());
        let last = whole.lines.len().saturating_sub(1);
        let at = Alignment::of(&self.shown, &whole)
            .whole(self.line)
            .min(last);
        let lines = |range: std::ops::Range<usize>| whole.lines.get(range).unwrap_or_default();
        let text = match self.part {
            Part::Line => copy::text(lines(at..at + 1)).trim().to_owned(),
            Part::Value => {
                let more = self.behind(&whole, at).unwrap_or_default();
                copy::value(lines(at..at + 1 + more))
            }
            Part::Path => copy::path(&whole, at),
            Part::Section => {
                let (head, more) = self.around(&whole, at);
                copy::text(lines(head..head + 1 + more))
            }
            Part::All => copy::text(lines(0..last + 1)),
        };
        Extracted {
            text,
            purpose: self.purpose,
        }
    }

    /// The head of the innermost section that the line `at` is in, and how many lines are behind it. A
    /// line that is in none is its own.
    fn around(&self, whole: &Document, at: usize) -> (usize, usize) {
        let heads = (0..=at)
            .rev()
            .filter(|head| whole.lines[*head].fold.is_some());
        let mut sections = heads
            .take(MOST_HEADS)
            .filter_map(|head| Some((head, self.behind(whole, head)?)));
        let is_in = |section: &(usize, usize)| at <= section.0 + section.1;
        sections.find(is_in).unwrap_or((at, 0))
    }

    /// How many lines are behind the head that is the line `at`: as many as are missing once it is
    /// closed.
    fn behind(&self, whole: &Document, at: usize) -> Option<usize> {
        let fold = whole.lines.get(at)?.fold.as_ref()?;
        let mut folds = Folds::unfolded();
        folds.toggle(&fold.key);
        let without = self.snapshot.document(&folds);
        whole.lines.len().checked_sub(without.lines.len())
    }
}

impl App {
    /// Whether the next key says what to copy.
    #[must_use]
    pub fn is_copying(&self) -> bool {
        self.is_copying
    }

    /// Copies what the list's cursor is on; in a text, asks for how much of it.
    pub(super) fn begin_copy(&mut self) -> Vec<Effect> {
        if self.focus().is_detail() {
            self.is_copying = true;
            return Vec::new();
        }
        let selected = self.list.selected();
        let text = selected.and_then(|id| Some(self.store.summary(id)?.gist.to_string()));
        let text = text.map(|text| Effect::Copy(text.trim().to_owned()));
        text.into_iter().collect()
    }

    /// The key that says what to copy; Esc leaves it be, any other is told what it could have been.
    pub(super) fn copy_key(&mut self, key: KeyEvent) -> Vec<Effect> {
        self.is_copying = false;
        let parts = Part::ALL.iter();
        let part = parts.filter(|(_, char, _)| key.code == KeyCode::Char(*char));
        let Some((part, ..)) = part.copied().next() else {
            if key.code != KeyCode::Esc {
                let parts = Part::ALL.map(|(_, key, name)| format!("{key} {name}"));
                let (key, parts) = (Chord::from_event(key), parts.join(", "));
                self.note(format!("{key} copies nothing: {parts}"));
            }
            return Vec::new();
        };
        let effect = match part {
            Part::Line => {
                let line = self.sheet(self.focus()).and_then(|leaf| leaf.current());
                line.map(|line| Effect::Copy(text_of(line).trim().to_owned()))
            }
            part => self
                .extract(self.focus(), part, Use::Copy)
                .map(Effect::Extract),
        };
        effect.into_iter().collect()
    }

    /// Opens all of the focused pane in another program.
    pub(super) fn view(&self, viewer: Viewer) -> Vec<Effect> {
        let extract = self.extract(self.focus(), Part::All, Use::View(viewer));
        extract.map(Effect::Extract).into_iter().collect()
    }

    /// Takes a part of a pane's text for some use.
    pub(super) fn extract(&self, pane: Pane, part: Part, purpose: Use) -> Option<Extract> {
        let flow = self.list.selected().and_then(|id| self.store.get(id))?;
        let leaf = self.sheet(pane)?;
        let show = Show {
            store: &self.store,
            relations: &self.relations,
            prices: &self.options.prices,
            flow,
            tab: self.tab,
            folds: self.folds_of(pane),
            frames: &self.frames_filter,
            is_paused: self.display.is_paused,
            is_wrapped: self.display.is_wrapped,
        };
        let row = leaf.rows().get(leaf.scroll().cursor);
        Some(Extract {
            part,
            purpose,
            snapshot: Box::new(Snapshot::of(pane, show, self.options.prices.clone())?),
            shown: Heads::of(leaf.document()),
            line: row.map_or(0, |row| row.line),
        })
    }

    /// Does with a text what it was taken for.
    pub(super) fn take_extract(extracted: Extracted) -> Vec<Effect> {
        let Extracted { text, purpose } = extracted;
        match purpose {
            Use::Copy if text.is_empty() => Vec::new(),
            Use::Copy => vec![Effect::Copy(text)],
            Use::View(viewer) => vec![Effect::View { viewer, text }],
        }
    }
}

/// Sections before a line that are looked at for being around it.
const MOST_HEADS: usize = 64;
