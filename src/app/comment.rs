//! What the user notes about a flow.
//!
//! A comment goes into the line of a flow that goes on. Lines are never changed, so one on a flow that
//! ended is kept with it in memory, and goes into what is saved.

use super::App;
use super::prompt::Prompt;
use crate::flow::FlowId;

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
        let is_written = !flow.is_live() && self.options.capture.is_some();
        self.store.comment(id, text);
        self.list.reconsider(id, &self.store);
        self.note(match (text.is_empty(), is_written) {
            (true, _) => "the comment is gone".to_owned(),
            (false, false) => "the comment stays with the flow".to_owned(),
            (false, true) => {
                "the comment stays until the end; saved with the flow, it stays for good".to_owned()
            }
        });
    }
}
