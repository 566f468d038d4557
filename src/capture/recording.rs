//! Tap events into the store, and each flow that ended into the capture.

use std::path::{Path, PathBuf};

use super::{Status, Writer, line};
use crate::flow::{FlowId, Recorder, Store};
use crate::tap::{At, Event, Redactor};

/// Records a run: the one place that sees every event and every finished flow.
#[derive(Debug)]
pub struct Recording {
    recorder: Recorder,
    /// `None` with `--capture none`.
    writer: Option<Writer>,
    /// Why a flow could not be written at all, which no later success mends.
    refused: Option<String>,
}

/// How a recording ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Written {
    /// The file.
    pub path: PathBuf,
    /// How writing went.
    pub status: Status,
}

impl Recording {
    /// Records a run that began at `started`.
    #[must_use]
    pub fn new(started: At, redactor: Redactor, writer: Option<Writer>) -> Self {
        Self {
            recorder: Recorder::new(started, redactor),
            writer,
            refused: None,
        }
    }

    /// Takes one event; gives the flows that ended with it.
    pub fn apply(&mut self, store: &mut Store, event: Event) -> Vec<FlowId> {
        self.recorder.apply(store, event);
        self.write(store)
    }

    /// Whether nothing is in flight that may still come to its end.
    #[must_use]
    pub fn is_at_rest(&self) -> bool {
        self.recorder.is_at_rest()
    }

    /// Ends what is still going on; gives the flows that were cut.
    pub fn cut(&mut self, store: &mut Store, at: At) -> Vec<FlowId> {
        self.recorder.cut(store, at);
        self.write(store)
    }

    /// The file that flows are written to.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        self.writer.as_ref().map(Writer::path)
    }

    /// Why writing fails at the moment; `None` while it goes well or nothing is written.
    pub fn error(&mut self) -> Option<String> {
        let writing = self.writer.as_mut();
        let problem = writing.and_then(|writer| writer.status().problem());
        problem.or_else(|| self.refused.clone())
    }

    /// Writes what is waiting and closes the file. Waits for the disk.
    #[must_use]
    pub fn finish(self) -> Option<Written> {
        let writer = self.writer?;
        let path = writer.path().to_owned();
        let mut status = writer.finish();
        status.error = status.problem().or(self.refused);
        Some(Written { path, status })
    }

    /// Writes the flows that ended.
    fn write(&mut self, store: &Store) -> Vec<FlowId> {
        let finished = self.recorder.take_finished();
        let Some(writer) = &mut self.writer else {
            return finished;
        };
        for flow in finished.iter().filter_map(|id| store.get(*id)) {
            match line(flow, store) {
                Ok(line) => writer.write(line),
                Err(error) => self.refused = Some(error.to_string()),
            }
        }
        finished
    }
}
