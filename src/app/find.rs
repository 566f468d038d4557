//! Search in the text of a detail pane.
//!
//! What is searched is all of the pane's text, as it is with every section open: a match that is
//! folded away is unfolded when it is gone to. That text may be long, so it is made and searched on a
//! thread ([`TextSearch::run`]), and kept as long as the search goes on. Where a line of it stands in what
//! is shown is worked out from the heads of sections ([`Alignment`]).

use std::ops::Range;
use std::sync::Arc;

use super::documents::Version;
use super::focus::Pane;
use super::leaf::{Leaf, text_of};
use super::scroll::Scroll;
use super::snapshot::Snapshot;
use crate::content::{Document, Fold, Folds};
use crate::filter::Needle;
use crate::tap::At;

/// A pane's text to be searched.
#[derive(Clone, Debug)]
pub struct TextSearch {
    pub(super) pane: Pane,
    /// Differs from search to search.
    pub(super) round: u64,
    pub(super) needle: Arc<Needle>,
    pub(super) version: Version,
    pub(super) text: Text,
}

/// What is searched.
#[derive(Clone, Debug)]
pub(super) enum Text {
    /// A text that was searched before.
    Made(Arc<Document>),
    /// One that is still to be made.
    Unmade(Box<Snapshot>),
}

/// What a [`TextSearch`] found.
#[derive(Clone, PartialEq, Debug)]
pub struct Hits {
    pub(super) pane: Pane,
    pub(super) round: u64,
    pub(super) version: Version,
    pub(super) text: Arc<Document>,
    pub(super) all: Vec<Hit>,
}

/// A match.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Hit {
    /// The line, in the text with every section open.
    pub(super) line: usize,
    /// Its bytes within the texts of the line's spans, one after another.
    pub(super) range: Range<usize>,
}

/// Searches are equal when they are the same one.
impl PartialEq for TextSearch {
    fn eq(&self, other: &Self) -> bool {
        (self.pane, self.round) == (other.pane, other.round)
    }
}

impl TextSearch {
    /// Makes the text, if need be, and searches it. May take long.
    #[must_use]
    pub fn run(self) -> Hits {
        let text = match self.text {
            Text::Made(text) => text,
            Text::Unmade(snapshot) => Arc::new(snapshot.document(&Folds::unfolded())),
        };
        let mut all = Vec::new();
        for (line, text) in text.lines.iter().map(text_of).enumerate() {
            let found = self.needle.find_in(&text);
            all.extend(found.map(|range| Hit { line, range }));
            if all.len() >= MOST_HITS {
                all.truncate(MOST_HITS);
                break;
            }
        }
        Hits {
            pane: self.pane,
            round: self.round,
            version: self.version,
            text,
            all,
        }
    }
}

/// A search that goes on in a pane.
#[derive(Debug)]
pub(super) struct Finder {
    /// What is looked for.
    needle: Arc<Needle>,
    /// Which search it is.
    round: u64,
    /// What was found last; of an earlier round until the search comes back.
    hits: Option<Hits>,
    /// Whether a search is on its way, and when it went.
    is_asked: bool,
    asked_at: At,
    /// What is to be done once it comes back.
    wish: Option<Wish>,
    /// The match that was gone to.
    current: Option<usize>,
    /// Whether it is still to be brought into view.
    is_due: bool,
    /// Where it was found then: the row of the cursor, the line and the bytes in it.
    landed: Option<(usize, usize, Range<usize>)>,
}

/// Where to go when matches are known.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Wish {
    /// To the first one from where the search began.
    First,
    /// Some matches on, or back.
    Step(usize, bool),
}

/// How going to another match went.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Went {
    /// There.
    There,
    /// There, over the end or the beginning of the text.
    Around,
    /// There are no matches.
    Nowhere,
    /// It goes there once the matches are known.
    Later,
}

/// Where the reader was before a search, to come back to.
#[derive(Debug)]
pub(super) struct Origin {
    pub(super) scroll: Scroll,
    pub(super) folds: Folds,
    /// The search before.
    pub(super) finder: Option<Finder>,
    /// The same place in the text with every section open, once that is known.
    place: Option<Point>,
}

/// A place in a text: line and byte.
type Point = (usize, usize);

impl Origin {
    pub(super) fn new(scroll: Scroll, folds: Folds, finder: Option<Finder>) -> Self {
        Self {
            scroll,
            folds,
            finder,
            place: None,
        }
    }
}

impl Finder {
    /// The search number `round`, for `needle`. The text that `before` searched is searched again.
    pub(super) fn new(needle: Needle, round: u64, before: Option<Self>) -> Self {
        Self {
            needle: Arc::new(needle),
            round,
            hits: before.and_then(|before| before.hits),
            is_asked: false,
            asked_at: At::default(),
            wish: Some(Wish::First),
            current: None,
            is_due: false,
            landed: None,
        }
    }

    /// What is looked for.
    pub(super) fn needle(&self) -> &Needle {
        &self.needle
    }

    /// Which match was gone to, counted from 0, and how many there are; `None` while that is being
    /// found out.
    pub(super) fn count(&self) -> Option<(Option<usize>, usize)> {
        let hits = self.hits.as_ref()?;
        (hits.round == self.round).then_some((self.current, hits.all.len()))
    }

    /// The match that the cursor was put on: its bytes within its line.
    pub(super) fn landed(&self, leaf: &Leaf) -> Option<(usize, Range<usize>)> {
        let (row, line, range) = self.landed.clone()?;
        (leaf.scroll().cursor == row).then_some((line, range))
    }

    /// The search to begin now for a pane whose text has this version; `None` while one is on its way,
    /// or if nothing changed, or not long ago.
    pub(super) fn ask(
        &mut self,
        pane: Pane,
        version: Version,
        now: At,
        snapshot: impl FnOnce() -> Option<Snapshot>,
    ) -> Option<TextSearch> {
        let known = self.hits.as_ref();
        let known = known.filter(|hits| hits.version.is_of(&version));
        let is_stale = known.is_none_or(|hits| hits.version != version);
        let is_new = known.is_none_or(|hits| hits.round != self.round);
        let is_due = is_new || is_stale && now.since(self.asked_at) >= REFRESH;
        if self.is_asked || !is_due {
            return None;
        }
        let text = match known.filter(|_| !is_stale) {
            Some(hits) => Text::Made(Arc::clone(&hits.text)),
            None => Text::Unmade(Box::new(snapshot()?)),
        };
        self.is_asked = true;
        self.asked_at = now;
        Some(TextSearch {
            pane,
            round: self.round,
            needle: Arc::clone(&self.needle),
            version,
            text,
        })
    }

    /// Takes in what was found; gives what was to be done then. Of what another search found, no more
    /// than the text is of use.
    pub(super) fn take(&mut self, hits: Hits) -> Option<Wish> {
        if hits.round != self.round {
            self.hits.get_or_insert(hits);
            return None;
        }
        self.is_asked = false;
        let is_of_other = |old: &Hits| !old.version.is_of(&hits.version);
        if self.hits.as_ref().is_some_and(is_of_other) {
            (self.current, self.landed) = (None, None);
        }
        self.hits = Some(hits);
        self.wish.take()
    }

    /// Chooses the first match from where the search began on.
    pub(super) fn go_first(&mut self, origin: &mut Origin, leaf: &Leaf) -> Went {
        let Some(hits) = self.hits.as_ref() else {
            return Went::Nowhere;
        };
        let place = *origin.place.get_or_insert_with(|| {
            let alignment = Alignment::of(&Heads::of(leaf.document()), &hits.text);
            alignment.place_of(leaf).0
        });
        let after = hits.all.partition_point(|hit| hit.start() < place);
        self.choose(after, false)
    }

    /// Chooses the match that is so many on, or back, from the one that was gone to or, when the
    /// cursor was moved since, from the cursor.
    pub(super) fn step(&mut self, times: usize, is_forward: bool, leaf: &Leaf) -> Went {
        let hits = self.hits.as_ref().filter(|hits| hits.round == self.round);
        let Some(hits) = hits else {
            self.wish = Some(Wish::Step(times, is_forward));
            return Went::Later;
        };
        let count = hits.all.len();
        if count == 0 {
            return Went::Nowhere;
        }
        let has_stayed = self.landed(leaf).is_some() || self.is_due;
        let (from, steps) = if let Some(current) = self.current.filter(|_| has_stayed) {
            (current, times)
        } else {
            let alignment = Alignment::of(&Heads::of(leaf.document()), &hits.text);
            let (start, end) = alignment.place_of(leaf);
            let at = if is_forward { end } else { start };
            let next = hits.all.partition_point(|hit| hit.start() < at);
            // The match at `next` is the first one on, the match before it the first one back.
            (next, times - usize::from(is_forward && times > 0))
        };
        if is_forward {
            self.choose((from + steps) % count, from + steps >= count)
        } else {
            let back = steps % count;
            self.choose((from + count - back) % count, from < steps)
        }
    }

    /// Has a match brought into view, or the first one where there is none of that number.
    fn choose(&mut self, index: usize, is_around: bool) -> Went {
        let count = self.hits.as_ref().map_or(0, |hits| hits.all.len());
        if count == 0 {
            (self.current, self.landed) = (None, None);
            return Went::Nowhere;
        }
        self.current = Some(index % count);
        self.is_due = true;
        if is_around || index >= count {
            Went::Around
        } else {
            Went::There
        }
    }

    /// Puts the cursor onto the match that is to be brought into view. If it is folded away, opens
    /// what it is directly behind, and says so: then the text is to be made again.
    pub(super) fn reveal(&mut self, leaf: &mut Leaf, folds: &mut Folds) -> bool {
        let hits = self.hits.as_ref().filter(|_| self.is_due);
        let hit = hits.and_then(|hits| Some((hits, hits.all.get(self.current?)?)));
        let Some((hits, hit)) = hit else {
            self.is_due = false;
            return false;
        };
        match Alignment::of(&Heads::of(leaf.document()), &hits.text).spot(hit.line) {
            Spot::Shown(line) => {
                let range = hit.range.clone();
                let row = leaf.row_at(line, range.start);
                leaf.put(row);
                self.landed = Some((row, line, range));
                self.is_due = false;
                false
            }
            Spot::Behind(head) => open(&hits.text, head, hit.line, folds),
        }
    }
}

impl Hit {
    fn start(&self) -> Point {
        (self.line, self.range.start)
    }
}

/// Opens the section whose head is the line `head` of `text`. A long text goes on behind a fold at the
/// end of each of its parts: all that are before `line` are opened with the first.
fn open(text: &Document, head: usize, line: usize, folds: &mut Folds) -> bool {
    let key_at = |at: usize| text.lines.get(at).and_then(|line| line.fold.as_ref());
    let Some(fold) = key_at(head) else {
        return false;
    };
    folds.toggle(&fold.key);
    let stem = |key: &str| Some(key.rsplit_once(MORE)?.0.to_owned());
    if let Some(parts) = stem(&fold.key) {
        let later = (head + 1..line).filter_map(key_at);
        for fold in later.filter(|fold| stem(&fold.key).as_ref() == Some(&parts)) {
            if !folds.is_open(&fold.key, false) {
                folds.toggle(&fold.key);
            }
        }
    }
    true
}

/// How the lines of a text with some sections closed stand in the same text with every one open.
///
/// A head is one line, open or closed; closing a section takes the lines right after its head away. So
/// the lines from a head that is shown to the next one are the same in both, but for what is missing
/// after a closed one.
pub(super) struct Alignment {
    /// Heads that are shown, in order.
    heads: Vec<Head>,
    /// How many lines the texts have: what is shown, and the whole.
    lines: (usize, usize),
}

#[derive(Clone, Copy)]
struct Head {
    shown: usize,
    whole: usize,
    is_open: bool,
}

/// Where a line of the whole text is.
#[derive(PartialEq, Eq, Debug)]
enum Spot {
    /// In this line of what is shown.
    Shown(usize),
    /// Behind the head that is this line of the whole text.
    Behind(usize),
}

/// The heads of a text's sections.
#[derive(Clone, Debug)]
pub(super) struct Heads {
    /// Each with its line.
    all: Vec<(usize, Fold)>,
    /// How many lines the text has.
    lines: usize,
}

impl Heads {
    pub(super) fn of(document: &Document) -> Self {
        let lines = document.lines.iter().enumerate();
        Self {
            all: lines
                .filter_map(|(at, line)| Some((at, line.fold.clone()?)))
                .collect(),
            lines: document.lines.len(),
        }
    }
}

impl Alignment {
    pub(super) fn of(shown: &Heads, whole: &Document) -> Self {
        let all = whole.lines.iter().enumerate();
        let mut all = all.filter_map(|(at, line)| Some((at, line.fold.as_ref()?)));
        let lines = (shown.lines, whole.lines.len());
        let mut found = Vec::new();
        for (shown, fold) in &shown.all {
            let Some((whole, _)) = all.find(|(_, other)| other.key == fold.key) else {
                break;
            };
            found.push(Head {
                shown: *shown,
                whole,
                is_open: fold.is_open,
            });
        }
        Self {
            heads: found,
            lines,
        }
    }

    /// The head at this place among them, and where the next one stands.
    fn head(&self, place: usize) -> Option<(Head, (usize, usize))> {
        let head = *self.heads.get(place)?;
        let next = self.heads.get(place + 1);
        let end = next.map_or(self.lines, |next| (next.shown, next.whole));
        Some((head, end))
    }

    /// Which line of the whole text a shown one is.
    pub(super) fn whole(&self, shown: usize) -> usize {
        let before = self.heads.partition_point(|head| head.shown <= shown);
        match before.checked_sub(1).and_then(|place| self.head(place)) {
            Some((head, end)) if !head.is_open && shown > head.shown => {
                end.1.saturating_sub(end.0.saturating_sub(shown))
            }
            Some((head, _)) => head.whole + (shown - head.shown),
            None => shown,
        }
    }

    /// Where a line of the whole text is.
    fn spot(&self, whole: usize) -> Spot {
        let before = self.heads.partition_point(|head| head.whole <= whole);
        let Some((head, end)) = before.checked_sub(1).and_then(|place| self.head(place)) else {
            return Spot::Shown(whole);
        };
        if head.is_open || whole == head.whole {
            return Spot::Shown(head.shown + (whole - head.whole));
        }
        let shown = end.0 - head.shown - 1;
        if whole + shown >= end.1 {
            Spot::Shown(end.0 - (end.1 - whole).min(end.0))
        } else {
            Spot::Behind(head.whole)
        }
    }

    /// Where the row of the cursor begins and ends in the whole text.
    fn place_of(&self, leaf: &Leaf) -> (Point, Point) {
        let Some(row) = leaf.rows().get(leaf.scroll().cursor) else {
            return ((0, 0), (0, 0));
        };
        let line = self.whole(row.line);
        ((line, row.range.start), (line, row.range.end))
    }
}

/// What the keys of folds have before the number of a part.
const MORE: &str = "/more";

/// How long matches in a text that grows stay as they are.
const REFRESH: std::time::Duration = std::time::Duration::from_secs(1);

/// More matches than these are not counted.
pub const MOST_HITS: usize = 100_000;

#[cfg(test)]
mod tests;
