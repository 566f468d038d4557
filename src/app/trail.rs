//! The way back: where the reader was before opening a line led to another pane.
//!
//! A step is good for as long as the flow that it led to is selected, and until the reader goes to
//! the list. Of the steps out of one pane of one flow only the latest is kept, so there are few.

use super::App;
use super::documents::Sheet;
use super::focus::Pane;
use crate::content::{Folds, Tab};
use crate::flow::FlowId;

/// A place that was left by opening a line.
#[derive(Debug)]
pub(super) struct Step {
    /// The flow that it led to.
    to: FlowId,
    /// The flow that was selected.
    flow: FlowId,
    /// The pane that had the focus.
    pane: Pane,
    /// Whether that filled the screen.
    is_zoomed: bool,
    /// The payload's tab.
    tab: Tab,
    /// The filter in force.
    filter: String,
    /// The text of the pane and what was opened in it, if the step led to another flow: the panes
    /// remember no more than one.
    place: Option<(Sheet, Folds)>,
}

impl App {
    /// Goes to `pane` of `flow`, so that [`App::step_back`] leads back to where the reader is.
    pub(super) fn step_to(&mut self, flow: FlowId, pane: Pane) {
        let mut trail = std::mem::take(&mut self.trail);
        let (from, focus) = (self.list.selected(), self.focus());
        if let Some(from) = from.filter(|_| focus.is_detail()) {
            let again = trail
                .iter()
                .position(|step| (step.flow, step.pane) == (from, focus));
            trail.truncate(again.unwrap_or(trail.len()));
            let place = (from != flow).then(|| {
                let sheet = std::mem::take(&mut self.sheets[focus as usize - 1]);
                (sheet, self.frame_folds.1.clone())
            });
            trail.push(Step {
                to: flow,
                flow: from,
                pane: focus,
                is_zoomed: self.wish.is_zoomed,
                tab: self.tab,
                filter: self.filter.clone(),
                place,
            });
        }
        if from != Some(flow) {
            self.show_flow(flow);
        }
        self.focus_on(pane);
        self.trail = trail;
    }

    /// Goes back by one step. Says whether there was one.
    pub(super) fn step_back(&mut self) -> bool {
        let selected = self.list.selected();
        let Some(step) = self.trail.pop_if(|step| selected == Some(step.to)) else {
            self.trail.clear();
            return false;
        };
        let trail = std::mem::take(&mut self.trail);
        if let Some((sheet, folds)) = step.place {
            self.show_flow(step.flow);
            if self.filter.is_empty() {
                self.apply_filter(&step.filter);
            }
            self.frame_folds = (Some(step.flow), folds);
            self.sheets[step.pane as usize - 1] = sheet;
        }
        self.tab = step.tab;
        self.wish.is_zoomed = step.is_zoomed;
        self.focus_on(step.pane);
        self.trail = trail;
        true
    }

    /// Whether the focused pane was made to fill the screen since the last step.
    pub(super) fn is_zoomed_since(&self) -> bool {
        let was_zoomed = self.trail.last().is_some_and(|step| step.is_zoomed);
        self.wish.is_zoomed && !was_zoomed
    }
}
