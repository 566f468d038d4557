//! What the user notes about a flow.
//!
//! A comment goes into the line of a flow that goes on. Lines are never changed, so one on a flow that
//! ended is kept with it in memory, and goes into what is saved. Before it would be lost, the user is asked.

use std::collections::BTreeSet;

use super::prompt::Prompt;
use super::{App, Capture, Form, Save};
use crate::flow::FlowId;

/// The flows that were noted about since the start.
#[derive(Default, Debug)]
pub(super) struct Comments {
    /// Those that were not saved since.
    noted: BTreeSet<FlowId>,
    /// Those that are being saved, as they are noted about now.
    leaving: BTreeSet<FlowId>,
}

impl Comments {
    /// Takes in that something else is noted about a flow.
    fn note(&mut self, id: FlowId) {
        self.noted.insert(id);
        self.leaving.remove(&id);
    }

    /// Takes in that flows are being written to a file; only that of one form has comments.
    pub(super) fn leave(&mut self, save: &Save) {
        let flows = save.flows.iter().filter(|_| save.form == Form::Jsonl);
        self.leaving = flows.copied().collect();
    }

    /// Takes in whether they are written.
    pub(super) fn left(&mut self, are_written: bool) {
        for id in std::mem::take(&mut self.leaving) {
            if are_written {
                self.noted.remove(&id);
            }
        }
    }
}

impl App {
    /// Asks what is to be noted about the selected flow.
    pub(super) fn ask_comment(&mut self) {
        let selected = self.list.selected();
        let flow = selected.and_then(|id| self.store.summary(id));
        let Some(flow) = flow else {
            self.note("no flow is selected".to_owned());
            return;
        };
        let before = flow.comment.as_deref().unwrap_or_default().to_owned();
        self.prompt = Some(Prompt::comment(flow.id, before));
    }

    /// Keeps what was noted about a flow.
    pub(super) fn comment(&mut self, id: FlowId, text: &str) {
        let Some(flow) = self.store.summary(id) else {
            return;
        };
        if flow.comment.as_deref().unwrap_or_default() == text {
            return;
        }
        self.store.comment(id, text);
        self.comments.note(id);
        self.list.reconsider(id, &self.store);
        self.note(match (text.is_empty(), self.is_unwritten(id)) {
            (true, _) => "the comment is gone".to_owned(),
            (false, false) => "the comment stays with the flow".to_owned(),
            (false, true) => {
                "the comment stays until the end; saved with the flow, it stays for good".to_owned()
            }
        });
    }

    /// How many comments are in no file, and are lost with the program.
    pub(super) fn unwritten_comments(&self) -> usize {
        let noted = self.comments.noted.iter();
        noted.filter(|id| self.is_unwritten(**id)).count()
    }

    /// Whether a flow has a comment that neither stands in its line nor will.
    fn is_unwritten(&self, id: FlowId) -> bool {
        let flow = self.store.summary(id);
        let Some(comment) = flow.as_ref().and_then(|flow| flow.comment.as_deref()) else {
            return false;
        };
        let is_failing = matches!(self.status.capture, Capture::Failed(_));
        let is_recording = self.options.is_proxy && self.options.capture.is_some() && !is_failing;
        match self.store.comment_in_line(id) {
            Some(in_line) => in_line != Some(comment),
            None => self.store.place(id).is_none() && !is_recording,
        }
    }
}
