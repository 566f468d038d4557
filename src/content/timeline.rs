//! The frame timeline: a row for each WebSocket frame, or for each event of an SSE body.
//!
//! Deltas come by the hundred, so three and more of one type in a row share a row that opens into its
//! frames. Silence of a second and longer gets a row of its own.

mod axis;
mod rows;

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::{Document, Folds};
use crate::flow::{Flow, FlowId, Frame};
use crate::tap::At;
pub use rows::FRAME_TIMES;
use rows::{Rows, empty, hidden_turns, none_chosen, title_of};

/// What the frames pane says about `flow`; `turns` are the turns of a WebSocket connection, in order,
/// whose frames are merged with its own by time.
#[must_use]
pub fn timeline(flow: &Flow, turns: &[&Flow], folds: &Folds) -> Document {
    Timeline::whole(flow, turns, 0, folds, &|_, _| true)
}

/// Keeps the frames pane's document up to date while its flow grows.
///
/// Frames never change once they are there, so rows are made once: what is new is put behind them,
/// or into the burst that they end with, and a burst that opens or closes moves the rows behind it. Of many
/// frames, some are taken at a time ([`Timeline::is_behind`]).
#[derive(Clone, Default, Debug)]
pub struct Timeline {
    /// The flow, then its turns.
    flows: Vec<FlowId>,
    /// How many of its turns are not among them.
    hidden: usize,
    /// The open and closed bursts.
    folds: Folds,
    /// How many frames of the flow and of each turn are among the entries.
    taken: Vec<usize>,
    /// Every frame, in the order of the rows.
    entries: Vec<Place>,
    /// The rows that frames and bursts have, in order.
    blocks: Vec<Block>,
    /// The titles of turns.
    titles: Vec<Title>,
    /// Whether a frame was compressed, so that rows have a column for the size it inflates to.
    has_inflated: bool,
    /// How many frames there were when that was looked for last.
    looked: usize,
    /// Whether there are frames that have no rows yet.
    is_behind: bool,
}

/// Where a frame stands: when it passed; whose it is, the flow's (0) or that of a turn (from 1); its
/// index there. Of frames of one moment, the connection's come first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Place(At, usize, usize);

/// A flow and the rows it has: its frames and, behind them, an end that no frame tells.
#[derive(Debug)]
struct Track<'a> {
    flow: &'a Flow,
    end: Option<Frame>,
}

impl<'a> Track<'a> {
    fn of(flow: &'a Flow) -> Self {
        let end = flow.abnormal_end();
        Self { flow, end }
    }

    fn frame(&self, index: usize) -> Option<&Frame> {
        let frames = &self.flow.frames;
        let end = || self.end.as_ref().filter(|_| index == frames.len());
        frames.get(index).or_else(end)
    }

    fn len(&self) -> usize {
        self.flow.frames.len() + usize::from(self.end.is_some())
    }
}

/// The rows of a frame or of a burst.
#[derive(Clone, Copy, Debug)]
struct Block {
    /// The first entry.
    entry: usize,
    /// How many entries it has.
    count: usize,
    /// The line of the document with which it begins: silence, a title or its row.
    line: usize,
    /// The line of its row.
    row: usize,
    /// When the frame before it passed.
    previous: At,
}

/// The title of a turn.
#[derive(Clone, Copy, Debug)]
struct Title {
    /// Its line.
    line: usize,
    /// Whose it is, as in [`Place`].
    of: usize,
    /// The flow's revision when it was written.
    revision: u64,
}

impl Timeline {
    /// All that is told about `flow` and its turns, as far as `chosen` frames go; as many more turns as are
    /// `hidden` are not in memory.
    #[must_use]
    pub fn whole(
        flow: &Flow,
        turns: &[&Flow],
        hidden: usize,
        folds: &Folds,
        chosen: &dyn Fn(&Flow, &Frame) -> bool,
    ) -> Document {
        let (mut timeline, mut document) = (Self::default(), Document::default());
        timeline.update(&mut document, flow, turns, hidden, folds, chosen);
        while timeline.is_behind {
            timeline.update(&mut document, flow, turns, hidden, folds, chosen);
        }
        document
    }

    /// How many frames have been looked at, and how many of them were chosen.
    #[must_use]
    pub fn chosen(&self) -> (usize, usize) {
        (self.taken.iter().sum(), self.entries.len())
    }

    /// Whether there are frames that the last update left for the next one.
    #[must_use]
    pub fn is_behind(&self) -> bool {
        self.is_behind
    }

    /// Brings `document`, which is what this gave last, up to date with the `chosen` frames of `flow` and its
    /// turns, which are to be chosen as before; as many turns as are `hidden` are not in memory. Says how many of its first lines are as they were.
    pub fn update(
        &mut self,
        document: &mut Document,
        flow: &Flow,
        turns: &[&Flow],
        hidden: usize,
        folds: &Folds,
        chosen: &dyn Fn(&Flow, &Frame) -> bool,
    ) -> usize {
        let flows = std::iter::once(flow).chain(turns.iter().copied());
        let flows: Vec<Track> = flows.map(Track::of).collect();
        let ids: Vec<FlowId> = flows.iter().map(|track| track.flow.id).collect();
        let taken = self.taken.iter().zip(&flows);
        let has_grown = ids.starts_with(&self.flows)
            && taken.clone().all(|(taken, track)| *taken <= track.len());
        let mut new = taken.flat_map(|(taken, track)| track.flow.frames.iter().skip(*taken));
        let mut others = flows
            .iter()
            .skip(self.taken.len())
            .flat_map(|track| &track.flow.frames);
        let is_inflated = |frame: &Frame| frame.len > frame.wire;
        let frames = || flows.iter().map(|track| &track.flow.frames);
        let all: usize = frames().map(Vec::len).sum();
        let is_looked = all == self.looked && has_grown;
        let has_inflated =
            self.has_inflated || !is_looked && (new.any(is_inflated) || others.any(is_inflated));
        let is_full = document.is_full();
        let is_refolded = self.folds != *folds && is_full;
        let is_same = self.hidden == hidden && !is_refolded && has_grown;
        if !is_same || has_inflated != self.has_inflated {
            *self = Self {
                hidden,
                folds: folds.clone(),
                has_inflated: frames().flatten().any(is_inflated),
                ..Self::default()
            };
        }
        self.looked = all;
        self.flows = ids;
        if self.entries.is_empty() {
            document.truncate(0);
            if hidden > 0 {
                document.push(hidden_turns(hidden));
            }
        }
        let mut kept = self.retitle(document, &flows);
        kept = kept.min(self.refold(document, &flows, folds));
        let from = self.take(&flows, chosen);
        let mut rows = Rows {
            flows: &flows,
            folds,
            document,
            previous: flow.started,
            turn: flow.id,
            titles: &mut self.titles,
            has_inflated: self.has_inflated,
        };
        if self.entries.is_empty() {
            let line = match self.taken.iter().sum::<usize>() {
                0 => empty(flow),
                count => none_chosen(count),
            };
            rows.document.push(line);
            return 0;
        }
        kept.min(rows.add(&self.entries, &mut self.blocks, from))
    }

    /// Opens and closes the bursts that are not as `folds` has them. Gives the first line that changed.
    fn refold(&mut self, document: &mut Document, flows: &[Track], folds: &Folds) -> usize {
        let mut first = usize::MAX;
        if self.folds == *folds {
            return first;
        }
        let has_changed = |block: &Block| {
            let fold = document.lines.get(block.row)?.fold.as_ref()?;
            Some(fold.is_open != folds.is_open(&fold.key, false))
        };
        let blocks = self.blocks.iter().enumerate();
        let changed = blocks.filter(|(_, block)| has_changed(block).unwrap_or_default());
        let changed: Vec<usize> = changed.map(|(at, _)| at).collect();
        for at in changed.into_iter().rev() {
            let block = self.blocks[at];
            let next = self.blocks.get(at + 1);
            let end = next.map_or(document.lines.len(), |next| next.line);
            let mut own = Document::default();
            let mut rows = Rows {
                flows,
                folds,
                document: &mut own,
                previous: block.previous,
                turn: flows.first().map_or(FlowId(0), |track| track.flow.id),
                titles: &mut Vec::new(),
                has_inflated: self.has_inflated,
            };
            rows.block(&self.entries[block.entry..block.entry + block.count]);
            let moves = |line: &mut usize| *line = *line - (end - block.row) + own.lines.len();
            for later in &mut self.blocks[at + 1..] {
                moves(&mut later.line);
                moves(&mut later.row);
            }
            for title in self.titles.iter_mut().filter(|title| title.line >= end) {
                moves(&mut title.line);
            }
            document.replace(block.row..end, own);
            first = block.row;
        }
        self.folds = folds.clone();
        first
    }

    /// Takes in new frames. Gives the first entry that is new or has moved.
    fn take(&mut self, flows: &[Track], chosen: &dyn Fn(&Flow, &Frame) -> bool) -> usize {
        self.taken.resize(flows.len(), 0);
        let next = |of: usize, index: usize| {
            let frame = flows.get(of)?.frame(index)?;
            Some(Reverse(Place(frame.at, of, index)))
        };
        let taken = self.taken.iter().enumerate();
        let mut ahead: BinaryHeap<_> = taken.filter_map(|(of, count)| next(of, *count)).collect();
        let mut new = Vec::new();
        for _ in 0..SLICE {
            let Some(Reverse(place)) = ahead.pop() else {
                break;
            };
            let Place(_, of, index) = place;
            let track = &flows[of];
            if track
                .frame(index)
                .is_some_and(|frame| chosen(track.flow, frame))
            {
                new.push(place);
            }
            self.taken[of] = index + 1;
            ahead.extend(next(of, index + 1));
        }
        self.is_behind = !ahead.is_empty();
        new.sort_unstable();
        let from = match new.first() {
            Some(first) => self.entries.partition_point(|entry| entry < first),
            None => self.entries.len(),
        };
        new.extend(self.entries.drain(from..));
        new.sort_unstable();
        self.entries.append(&mut new);
        from
    }

    /// Writes the titles of turns anew that changed. Gives the first line that did.
    fn retitle(&mut self, document: &mut Document, flows: &[Track]) -> usize {
        let mut first = usize::MAX;
        for title in &mut self.titles {
            let Some(Track { flow, .. }) = flows.get(title.of) else {
                continue;
            };
            if flow.revision == title.revision {
                continue;
            }
            title.revision = flow.revision;
            let line = title_of(flow);
            if let Some(old) = document.lines.get_mut(title.line)
                && *old != line
            {
                *old = line;
                first = first.min(title.line);
            }
        }
        first
    }
}

/// Frames that are taken at a time: a millisecond's work.
const SLICE: usize = 250;

#[cfg(test)]
mod tests;
