//! What a detail pane is made from, kept: its text can be made of it on any thread, with any sections
//! open, while the app goes on.

use std::sync::Arc;

use super::documents::{Show, calls, turns};
use super::focus::Pane;
use super::relations::Kept;
use crate::content::{self, Document, Folds, Tab};
use crate::filter::FrameFilter;
use crate::flow::{Calls, Flow, Frame};
use crate::responses::Prices;

/// A flow and what is known around it, at one moment.
#[derive(Clone, Debug)]
pub(super) struct Snapshot {
    pane: Pane,
    tab: Tab,
    flow: Arc<Flow>,
    /// The turns of a connection, and how many of them are not in memory.
    turns: Vec<Arc<Flow>>,
    hidden: usize,
    /// Which frames are shown.
    frames: Option<Arc<FrameFilter>>,
    calls: Calls,
    kept: Kept,
    prices: Arc<Prices>,
}

impl Snapshot {
    /// Keeps what `pane` shows; `None` for the list, and of a flow that is not in memory.
    pub(super) fn of(pane: Pane, show: Show<'_>, prices: Arc<Prices>) -> Option<Self> {
        let Show { store, flow, .. } = show;
        let of_frames = pane == Pane::Frames;
        let shown = turns(show).filter(|_| of_frames);
        let turns: Vec<_> = shown.filter_map(|turn| store.shared(turn.id)).collect();
        let all = if of_frames { store.turns(flow.id) } else { &[] };
        Some(Self {
            pane,
            tab: show.tab,
            flow: store.shared(flow.id).filter(|_| pane.is_detail())?,
            hidden: all.len() - turns.len(),
            turns,
            frames: show.frames.filter().cloned(),
            calls: calls(pane, show),
            kept: show.relations.keep(store),
            prices,
        })
    }

    /// The pane's text, with these sections open.
    pub(super) fn document(&self, folds: &Folds) -> Document {
        let flow = &self.flow;
        match self.pane {
            Pane::Requests => Document::default(),
            Pane::Payload => {
                let calls = self.calls.clone();
                let around = self.kept.around(flow, calls, &self.prices);
                content::payload(flow, &around, self.tab, folds)
            }
            Pane::Output => content::output(flow, &self.calls),
            Pane::Reasoning => content::reasoning(flow),
            Pane::Frames => {
                let turns: Vec<&Flow> = self.turns.iter().map(AsRef::as_ref).collect();
                let chosen = |flow: &Flow, frame: &Frame| {
                    let filter = self.frames.as_ref();
                    filter.is_none_or(|filter| filter.matches(flow, frame))
                };
                content::Timeline::whole(flow, &turns, self.hidden, folds, &chosen)
            }
        }
    }
}
