//! A frame and what is decoded of it, selected together: where the cursor of one detail pane goes, those of
//! the others go too.

use super::App;
use super::focus::Pane;
use super::leaf::Leaf;
use crate::content::Tab;
use crate::flow::{Flow, FlowId};

/// Where the detail panes are to go once they are shown, in the order of [`Pane::DETAILS`].
#[derive(Default, Debug)]
pub(super) struct Picks {
    due: [Option<Picked>; 4],
    /// What was picked last.
    last: Option<Picked>,
}

/// A frame of a flow.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Picked {
    flow: FlowId,
    /// Its index.
    frame: usize,
}

impl Picks {
    /// Has all panes go to a frame, but the one that is there.
    fn pick(&mut self, picked: Picked, from: Option<Pane>) {
        if self.last.replace(picked) == Some(picked) && from.is_some() {
            return;
        }
        for (pane, due) in Pane::DETAILS.into_iter().zip(&mut self.due) {
            *due = (Some(pane) != from).then_some(picked);
        }
    }

    /// Puts the cursor of a pane, which shows `flow`, where it is to go.
    pub(super) fn follow(&mut self, pane: Pane, flow: &Flow, leaf: &mut Leaf) {
        let due = (pane as usize).checked_sub(1);
        let due = due.and_then(|place| self.due.get_mut(place)?.take());
        let Some(picked) = due.filter(|picked| picked.flow == flow.id) else {
            return;
        };
        let dir = |frame: usize| flow.frames.get(frame).map(|frame| frame.dir);
        let lines = leaf.document().lines.iter().enumerate();
        let frames = lines.filter_map(|(at, line)| {
            let frame = line.frame.filter(|_| line.flow.is_none())?;
            let is_before = frame <= picked.frame && dir(frame) == dir(picked.frame);
            is_before.then_some((frame, std::cmp::Reverse(at)))
        });
        // The nearest one before it, and of its lines the first.
        if let Some((_, line)) = frames.max() {
            let row = leaf.row_of(line.0);
            leaf.put(row);
        }
    }
}

impl App {
    /// Has the other panes go to what the cursor of `pane` is on.
    pub(super) fn pick(&mut self, pane: Pane) {
        let (Some(leaf), Some(flow)) = (self.sheet(pane), self.list.selected()) else {
            return;
        };
        // Whoever follows what comes in does so in each pane for itself.
        if leaf.scroll().follows_end {
            return;
        }
        let row = leaf.rows().get(leaf.scroll().cursor);
        let Some(row) = row else { return };
        let lines = leaf.document().lines.iter().take(row.line + 1);
        let frame = lines.rev().find_map(|line| Some((line.frame?, line.flow)));
        if let Some((frame, None)) = frame {
            self.picks.pick(Picked { flow, frame }, Some(pane));
        }
    }

    /// Goes from the frame under the cursor to what is decoded of it: in a connection, to its turn. Says
    /// whether there is a frame.
    pub(super) fn open_frame(&mut self) -> bool {
        let line = self.sheet(Pane::Frames).and_then(Leaf::current);
        let Some((frame, of)) = line.and_then(|line| Some((line.frame?, line.flow))) else {
            return false;
        };
        let Some(flow) = of.or(self.list.selected()) else {
            return false;
        };
        let shown = self.store.get(flow).and_then(|flow| flow.frames.get(frame));
        let shown = shown.map(|frame| (frame.event, frame.dir));
        let tab = match shown {
            // The end of a connection is told there, too.
            None => Tab::Headers,
            Some((None, _)) => Tab::Raw,
            Some((Some(_), crate::tap::Direction::Out)) => Tab::Request,
            Some((Some(_), crate::tap::Direction::In)) => Tab::Response,
        };
        self.step_to(flow, Pane::Payload);
        self.tab = tab;
        self.picks.pick(Picked { flow, frame }, None);
        true
    }

    /// Goes from a line of what the model wrote to its item in the payload. Says whether there is one.
    pub(super) fn open_item(&mut self) -> bool {
        let Some(flow) = self.selected().filter(|flow| flow.turn.is_some()) else {
            return false;
        };
        let flow = flow.id;
        let line = self.sheet(self.focus()).and_then(Leaf::current);
        let frame = line.and_then(|line| line.frame);
        self.step_to(flow, Pane::Payload);
        self.tab = Tab::Response;
        // The items of an answer that was no stream have no frames.
        if let Some(frame) = frame {
            self.picks.pick(Picked { flow, frame }, None);
        }
        true
    }
}
