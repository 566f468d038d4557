//! The text of the detail panes: built when something it depends on changed, wrapped to the pane's
//! width, and scrolled.
//!
//! Only visible panes are built. What grows at its end, as a streaming answer does, keeps the rows
//! of the lines that stayed the same: each frame wraps only what is new.

use super::focus::Pane;
use super::frames_filter::FramesFilter;
use super::leaf::{Leaf, cut_line_from, wrap_line};
use super::relations::Relations;
use super::scroll::{Motion, Scroll};
use crate::content::{self, Document, Folds, Line, Tab};
use crate::flow::{Calls, Flow, FlowId, FlowKind, Store};
use crate::responses::Prices;

/// A detail pane's text, wrapped, with the reader's position in it.
#[derive(Clone, Default, Debug)]
pub(super) struct Sheet {
    /// The text, and where the reader is in it.
    leaf: Leaf,
    /// What the text was built from; `None` before the first time.
    source: Option<Source>,
    /// What makes the text of the output pane.
    output: content::Output,
    /// What makes the text of the frames pane.
    timeline: content::Timeline,
    /// How to move in the text of a flow, and of a tab of it, once that is here.
    awaited: Option<(FlowId, Option<Tab>, Vec<Motion>)>,
}

/// What a document is built from: as long as it is equal, so is the document.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Source {
    /// What it says.
    version: Version,
    /// The open and closed sections.
    folds: Folds,
    /// Columns for the text.
    width: u16,
    /// Whether long lines are broken.
    is_wrapped: bool,
}

/// Tells apart what a pane says, whatever is folded away.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Version {
    /// The flow.
    pub(super) flow: FlowId,
    /// The payload's tab; `None` for the other panes, which have none.
    pub(super) tab: Option<Tab>,
    /// Tells states of the flow apart, as far as they matter to the pane.
    pub(super) stamp: [u64; 6],
}

impl Version {
    /// Whether it is of the same text, which may have grown.
    pub(super) fn is_of(&self, other: &Self) -> bool {
        (self.flow, self.tab) == (other.flow, other.tab)
    }
}

/// What the panes show of a flow.
#[derive(Clone, Copy, Debug)]
pub(super) struct Show<'a> {
    /// The flows.
    pub(super) store: &'a Store,
    /// What the flow has to do with others.
    pub(super) relations: &'a Relations,
    /// What models cost.
    pub(super) prices: &'a Prices,
    /// The flow.
    pub(super) flow: &'a Flow,
    /// The payload's tab.
    pub(super) tab: Tab,
    /// The open and closed sections.
    pub(super) folds: &'a Folds,
    /// Which frames are shown.
    pub(super) frames: &'a FramesFilter,
    /// Whether what happened to the flow meanwhile is not to be shown.
    pub(super) is_paused: bool,
    /// Whether long lines go on in the next row.
    pub(super) is_wrapped: bool,
}

impl Sheet {
    /// The text, in rows.
    pub(super) fn leaf(&self) -> &Leaf {
        &self.leaf
    }

    /// The same, for the cursor to be put somewhere.
    pub(super) fn leaf_mut(&mut self) -> &mut Leaf {
        &mut self.leaf
    }

    /// Whether some of the text is still to be made, with the next time that it is prepared.
    pub(super) fn is_behind(&self) -> bool {
        self.timeline.is_behind()
    }

    /// How many frames there are, and how many of them are shown.
    pub(super) fn frames(&self) -> (usize, usize) {
        self.timeline.chosen()
    }

    /// The time axis of frames, and the column of the one under the cursor.
    pub(super) fn axis(&self, show: Show<'_>, columns: u16) -> (Line, Option<usize>) {
        let current = self.leaf.current();
        let frame = current.and_then(|line| {
            let flow = line.flow.and_then(|id| show.store.get(id));
            flow.unwrap_or(show.flow).frames.get(line.frame?)
        });
        let at = frame.map(|frame| frame.at);
        let columns = usize::from(columns);
        self.timeline.axis(show.flow.started, columns, at)
    }

    /// What the text says; `None` before the first time.
    pub(super) fn version(&self) -> Option<Version> {
        self.source.as_ref().map(|source| source.version)
    }

    /// Builds what changed, for a pane with room for `width` columns and `height` rows.
    pub(super) fn prepare(&mut self, pane: Pane, show: Show<'_>, width: u16, height: u16) {
        let height = usize::from(height);
        let form = |source: &Source| (source.width, source.is_wrapped);
        let old_form = self.source.as_ref().map(form);
        let is_same_width = old_form == Some((width, show.is_wrapped));
        let is_resized = old_form.is_some() && !(is_same_width && self.leaf.height == height);
        let places = is_resized.then(|| self.leaf.places());
        self.leaf.height = height;
        let mut source = Source {
            version: Version {
                flow: show.flow.id,
                tab: (pane == Pane::Payload).then_some(show.tab),
                stamp: stamp(pane, show),
            },
            folds: show.folds.clone(),
            width,
            is_wrapped: show.is_wrapped,
        };
        if let Some(old) = self.source.as_ref().filter(|_| show.is_paused) {
            source.version.stamp = old.version.stamp;
            if pane == Pane::Frames {
                source.version.stamp[ROUND] = show.frames.round();
            }
        }
        let old = self.source.as_ref();
        let is_new = old.is_none_or(|old| !old.version.is_of(&source.version));
        if old != Some(&source) || self.is_behind() {
            let round = |source: &Source| source.version.stamp[ROUND];
            if pane == Pane::Frames && old.is_some_and(|old| round(old) != round(&source)) {
                self.timeline = content::Timeline::default();
            }
            let kept = self.build(pane, show);
            self.wrap(pane, if is_same_width { kept } else { 0 }, &source);
            if is_new {
                self.leaf.scroll = Scroll {
                    follows_end: pane != Pane::Payload && show.flow.is_live(),
                    ..Scroll::default()
                };
                let Version { flow, tab, .. } = source.version;
                let awaited = self.awaited.take();
                for motion in awaited.into_iter().filter(|it| (it.0, it.1) == (flow, tab)) {
                    motion.2.into_iter().for_each(|it| self.go(pane, it));
                }
            }
            self.source = Some(source);
        }
        match places.filter(|_| !is_new) {
            Some(places) => self.leaf.show_again(places),
            None => self.leaf.clamp(),
        }
    }

    /// Forgets the text: there is no flow to show.
    pub(super) fn clear(&mut self) {
        *self = Self {
            awaited: self.awaited.take(),
            ..Self::default()
        };
    }

    /// Moves the cursor in the text of `flow` and `tab`: once that is here, if it is another's that is shown still.
    pub(super) fn go_in(&mut self, pane: Pane, flow: Option<FlowId>, tab: Tab, motion: Motion) {
        let tab = (pane == Pane::Payload).then_some(tab);
        let shown = self.version().map(|shown| (shown.flow, shown.tab));
        match flow.filter(|flow| shown != Some((*flow, tab))) {
            None => self.go(pane, motion),
            Some(flow) => match &mut self.awaited {
                Some((of, in_tab, motions)) if (*of, *in_tab) == (flow, tab) => {
                    motions.push(motion);
                }
                awaited => *awaited = Some((flow, tab, vec![motion])),
            },
        }
    }

    /// Moves the cursor. Reaching the end of a text that grows means to stay there.
    pub(super) fn go(&mut self, pane: Pane, motion: Motion) {
        self.leaf.scroll.follows_end = false;
        self.leaf.go(motion);
        self.follow(pane);
    }

    /// Turns the wheel by `by` rows.
    pub(super) fn wheel(&mut self, pane: Pane, by: isize) {
        self.leaf.scroll.follows_end = false;
        self.leaf.wheel(by);
        self.follow(pane);
    }

    /// Follows the end from now on if the cursor is there.
    fn follow(&mut self, pane: Pane) {
        let is_at_end = self.leaf.scroll.cursor + 1 >= self.leaf.rows.len();
        self.leaf.scroll.follows_end = is_at_end && pane != Pane::Payload;
    }

    /// Brings the text up to date. Gives how many of its first lines are as they were.
    fn build(&mut self, pane: Pane, show: Show<'_>) -> usize {
        let document = match pane {
            Pane::Requests => Document::default(),
            Pane::Payload => {
                let calls = calls(pane, show);
                let Show { store, flow, .. } = show;
                let around = show.relations.around(store, flow, calls, show.prices);
                content::payload(flow, &around, show.tab, show.folds)
            }
            Pane::Reasoning => content::reasoning(show.flow),
            Pane::Output => {
                let calls = calls(pane, show);
                return self
                    .output
                    .update(&mut self.leaf.document, show.flow, &calls);
            }
            Pane::Frames => {
                let turns: Vec<_> = turns(show).collect();
                let hidden = show.store.turns(show.flow.id).len() - turns.len();
                let document = &mut self.leaf.document;
                return self.timeline.update(
                    document,
                    show.flow,
                    &turns,
                    hidden,
                    show.folds,
                    &|flow, frame| show.frames.passes(flow, frame),
                );
            }
        };
        let pairs = self.leaf.document.lines.iter().zip(&document.lines);
        let kept = pairs.take_while(|(old, new)| old == new).count();
        self.leaf.document = document;
        kept
    }

    /// Breaks the lines into rows, but for the first `kept`, which have theirs.
    fn wrap(&mut self, pane: Pane, kept: usize, source: &Source) {
        let rows = self.leaf.rows.partition_point(|row| row.line < kept);
        self.leaf.rows.truncate(rows);
        for (index, line) in self.leaf.document.lines.iter().enumerate().skip(kept) {
            let is_table = pane == Pane::Frames && line.frame.is_some();
            if is_table || !source.is_wrapped {
                let is_narrow = is_table && source.width < NARROW;
                let start = if is_narrow { content::FRAME_TIMES } else { 0 };
                self.leaf.rows.push(cut_line_from(index, line, start));
            } else {
                self.leaf.rows.extend(wrap_line(index, line, source.width));
            }
        }
    }
}

/// What of the flow a pane depends on. A request does not change while its answer streams.
fn stamp(pane: Pane, show: Show<'_>) -> [u64; 6] {
    let flow = show.flow;
    match (pane, show.tab) {
        (Pane::Payload, Tab::Request) => [
            flow.request.body.bytes().len() as u64,
            u64::from(flow.request.body.is_complete),
            u64::from(flow.request.head.is_some()),
            (flow.failures.len() + flow.faults.len()) as u64,
            flow.state() as u64,
            show.relations.stamp(show.store),
        ],
        (Pane::Frames, _) => {
            let newest = turns(show).map(|turn| turn.revision).max();
            let shown = turns(show).count() as u64;
            let round = show.frames.round();
            [flow.revision, newest.unwrap_or(0), shown, round, 0, 0]
        }
        (Pane::Payload, _) => {
            let answers = Calls::stamp(show.store, flow);
            let related = show.relations.stamp(show.store);
            [flow.revision, answers, related, 0, 0, 0]
        }
        (Pane::Output, _) => {
            let answers = Calls::stamp(show.store, flow);
            [flow.revision, answers, 0, 0, 0, 0]
        }
        _ => [flow.revision, 0, 0, 0, 0, 0],
    }
}

/// The tool calls that a pane tells of, which the flow shares with others.
pub(super) fn calls(pane: Pane, show: Show<'_>) -> Calls {
    match (pane, show.tab) {
        (Pane::Payload, Tab::Request) => Calls::made(show.store, show.flow),
        (Pane::Payload, Tab::Response) | (Pane::Output, _) => Calls::answers(show.store, show.flow),
        _ => Calls::default(),
    }
}

/// A timeline of fewer columns than this has no room for times beside what frames are.
const NARROW: u16 = 50;
/// Where a stamp of frames has the round of their filter.
const ROUND: usize = 3;

/// The turns of a connection.
pub(super) fn turns(show: Show<'_>) -> impl Iterator<Item = &Flow> {
    let is_connection = show.flow.kind == FlowKind::Ws;
    is_connection
        .then(|| show.store.turns(show.flow.id))
        .into_iter()
        .flatten()
        .filter_map(|turn| show.store.get(*turn))
}
