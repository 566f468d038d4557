//! A recording with its journal, which can be killed.

use std::fs;
use std::ops::{Deref, DerefMut};
use std::path::PathBuf;
use std::thread::yield_now;

use codextap::capture::{BACKLOG, Choice, Recording, Writer, journals};
use codextap::flow::{Flow, Store};
use codextap::tap::{At, Direction};
use tempfile::TempDir;

use crate::script::Script;

/// A script that a recording hears too.
pub(crate) struct Run {
    script: Script,
    recording: Recording,
    store: Store,
    home: TempDir,
    /// Flows that ended.
    finished: usize,
}

impl Run {
    pub(crate) fn new() -> Self {
        let script = Script::new();
        let home = tempfile::tempdir().unwrap();
        let writer = Writer::open(&home.path().join("capture.jsonl"), BACKLOG).unwrap();
        let started = At::from_micros(script.now);
        let mut recording = Recording::new(started, script.redactor.clone(), Some(writer));
        recording.keep_journal().unwrap();
        Self {
            script,
            recording,
            store: Store::default(),
            home,
            finished: 0,
        }
    }

    /// Has only flows written that pass this.
    pub(crate) fn choose(&mut self, passes: fn(&Flow) -> bool) {
        self.recording
            .choose(Choice::new(move |flow, _| passes(flow)));
    }

    /// Tells the bytes in two portions.
    pub(crate) fn in_two(&mut self, dir: Direction, bytes: &[u8], cut: usize) {
        let (first, second) = bytes.split_at(cut.min(bytes.len()));
        self.data(dir, first);
        self.data(dir, second);
    }

    /// Lets the recording hear what was told, one event after the other.
    fn hear(&mut self) {
        for event in self.script.told.drain(..) {
            self.finished += self.recording.apply(&mut self.store, event).len();
            self.recording.settle(&mut self.store);
        }
    }

    /// The same, all of it in a batch.
    pub(crate) fn hear_together(&mut self) {
        for event in self.script.told.drain(..) {
            self.finished += self.recording.apply(&mut self.store, event).len();
        }
        self.recording.settle(&mut self.store);
    }

    /// Waits until there is a journal; gives the directory that it is in.
    pub(crate) fn journalled(&mut self) -> PathBuf {
        self.hear();
        let has_name = |path: &PathBuf| path.extension().is_some_and(|it| it == "journal");
        while !journals(self.home.path(), &[]).iter().any(has_name) {
            yield_now();
        }
        self.home.path().to_owned()
    }

    pub(crate) fn wait_for_an_empty_journal(&mut self) {
        let home = self.journalled();
        while fs::metadata(&journals(&home, &[])[0]).unwrap().len() > 0 {
            self.recording.settle(&mut self.store);
            yield_now();
        }
    }

    /// Ends in good order.
    pub(crate) fn finish(mut self) {
        self.hear();
        let ended = At::from_micros(self.script.now);
        self.recording.cut(&mut self.store, ended);
        assert!(self.recording.finish().unwrap().status.problem().is_none());
    }

    /// Ends as a program does that is killed once its threads have written what they had; gives the
    /// directory with all that is left.
    pub(crate) fn kill(mut self) -> TempDir {
        self.journalled();
        let Self {
            recording,
            home,
            finished,
            ..
        } = self;
        drop(recording);
        let lines = || fs::read_to_string(home.path().join("capture.jsonl")).unwrap();
        while lines().lines().count() < finished {
            yield_now();
        }
        for journal in journals(home.path(), &[]) {
            // The lock goes with the thread.
            while fs::File::open(&journal).unwrap().try_lock().is_err() {
                yield_now();
            }
        }
        home
    }
}

impl Deref for Run {
    type Target = Script;

    fn deref(&self) -> &Script {
        &self.script
    }
}

impl DerefMut for Run {
    fn deref_mut(&mut self) -> &mut Script {
        &mut self.script
    }
}
