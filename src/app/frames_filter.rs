//! Which frames the timeline shows.

use std::sync::Arc;

use super::App;
use super::focus::Pane;
use super::history::History;
use super::prompt::Prompt;
use crate::filter::FrameFilter;
use crate::flow::{Flow, Frame};

/// The filter of the timeline.
#[derive(Default, Debug)]
pub(super) struct FramesFilter {
    /// As it was typed; empty for none.
    text: String,
    filter: Option<Arc<FrameFilter>>,
    /// Grows with each change.
    round: u64,
    /// What was asked for, the newest last.
    history: History,
}

impl FramesFilter {
    /// The filter in force.
    pub(super) fn filter(&self) -> Option<&Arc<FrameFilter>> {
        self.filter.as_ref()
    }

    /// Tells filters apart.
    pub(super) fn round(&self) -> u64 {
        self.round
    }

    /// Whether a frame is shown.
    pub(super) fn passes(&self, flow: &Flow, frame: &Frame) -> bool {
        let filter = self.filter.as_ref();
        filter.is_none_or(|filter| filter.matches(flow, frame))
    }

    /// Puts a filter in force, if it is one.
    fn set(&mut self, text: &str) {
        let Ok(filter) = FrameFilter::parse(text) else {
            return;
        };
        if text != self.text {
            text.clone_into(&mut self.text);
            self.filter = (!filter.is_empty()).then(|| Arc::new(filter));
            self.round += 1;
        }
    }
}

impl App {
    /// The filter of the frames; empty for none.
    #[must_use]
    pub fn frames_filter(&self) -> &str {
        &self.frames_filter.text
    }

    /// How many frames the selected flow has, and how many of them are shown.
    #[must_use]
    pub fn frames_shown(&self) -> (usize, usize) {
        self.sheets[Pane::Frames as usize - 1].frames()
    }

    /// Asks which frames to show.
    pub(super) fn ask_frames(&mut self) {
        self.focus_on(Pane::Frames);
        let FramesFilter { text, history, .. } = &*self.frames_filter;
        self.prompt = Some(Prompt::frames(text.clone(), history.clone()));
    }

    /// Shows the frames that pass the filter `text`, if it is one.
    pub(super) fn filter_frames(&mut self, text: &str) {
        self.frames_filter.set(text.trim());
    }

    /// Shows all frames in the timeline, or again those that the latest filter was for. Says whether there is
    /// any to clear or restore.
    pub(super) fn toggle_frames_filter(&mut self) -> bool {
        let latest = if self.frames_filter.text.is_empty() {
            self.frames_filter.history.back(0).map(str::to_owned)
        } else {
            Some(String::new())
        };
        let has_one = latest.is_some();
        self.frames_filter.set(&latest.unwrap_or_default());
        has_one
    }

    /// Shows the frames that pass the filter `text`, if it is one, and remembers it.
    pub(super) fn keep_frames(&mut self, text: &str) {
        self.filter_frames(text);
        self.frames_filter.history.add(text);
    }
}
