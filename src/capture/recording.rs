//! Tap events into the store, and each flow that ended into the capture.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::encode::name_of_connection;
use super::journal::Journal;
use super::rest;
use super::writer::{Entry as Line, News};
use super::{Choice, Hold, Shelf, Spillway, Status, Stream, Writer};
use crate::flow::{Flow, FlowId, FlowKind, Recorder, Store};
use crate::tap::{At, Backlog, Event, ExchangeId, Kind, Redactor, Tail};

/// Records a run: the one place that sees every event and every finished flow.
#[derive(Debug)]
pub struct Recording {
    recorder: Recorder,
    /// What of long bodies is yet to be written.
    backlog: Backlog,
    /// `None` when a capture is browsed.
    writer: Option<Writer>,
    /// What is in flight, beside the file.
    journal: Option<Journal>,
    /// What is in flight, in memory, up to the last byte.
    tail: Option<Tail>,
    /// Exchanges that have a flow whose line is not settled, and how many.
    unsettled: HashMap<ExchangeId, usize>,
    /// Whether the file is one that stays.
    is_kept: bool,
    /// Which flows are written; `None` for all.
    choice: Option<Choice>,
    /// Another file that chosen flows go to.
    stream: Option<Stream>,
    /// The files that lines stand in.
    shelf: Shelf,
    /// Flows whose lines were handed to the writer and are not settled yet, in that order.
    handed: VecDeque<Handed>,
    /// Flows that are missing from the file for good, by name; the first [`NAMED`].
    missing: Vec<String>,
    /// Why a flow could not be written at all, which no later success mends.
    refused: Option<String>,
    /// Keeps other processes from removing the file.
    hold: Option<Hold>,
}

/// A flow whose line was handed to the writer.
#[derive(Debug)]
struct Handed {
    id: FlowId,
    name: String,
    /// The exchange that it ended with.
    exchange: Option<ExchangeId>,
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
    /// Records a run that began at `started`, into the file of `writer`.
    #[must_use]
    pub fn new(started: At, redactor: Redactor, writer: Option<Writer>) -> Self {
        let backlog = Backlog::default();
        let mut recorder = Recorder::new(started, redactor);
        spill_beside(&mut recorder, writer.as_ref(), &backlog);
        Self {
            recorder,
            backlog,
            is_kept: writer.is_some(),
            writer,
            journal: None,
            tail: None,
            unsettled: HashMap::new(),
            choice: None,
            stream: None,
            shelf: Shelf::default(),
            handed: VecDeque::new(),
            missing: Vec::new(),
            refused: None,
            hold: None,
        }
    }

    /// Keeps a journal of what is in flight beside the file, if that is one that stays.
    ///
    /// # Errors
    /// What starting a thread gives.
    pub fn keep_journal(&mut self) -> std::io::Result<()> {
        if let Some(path) = self.path().filter(|path| path.is_file()) {
            self.journal = Some(Journal::start(path, self.recorder.run())?);
        }
        Ok(())
    }

    /// Has a tail let go of exchanges whose lines are in the file.
    pub fn keep_tail(&mut self, tail: Tail) {
        self.tail = Some(tail);
    }

    /// In front of the name of every flow of this run.
    #[must_use]
    pub fn run(&self) -> &str {
        self.recorder.run()
    }

    /// Keeps what holds the file for as long as it is recorded into.
    pub fn hold(&mut self, hold: Option<Hold>) {
        self.hold = hold;
    }

    /// Records nothing: flows are read back from files that are shelved.
    #[must_use]
    pub fn browsing() -> Self {
        Self::new(At::default(), Redactor::off(), None)
    }

    /// Takes a file that flows can be read back from: the next [`crate::flow::Place::source`].
    pub fn shelve(&mut self, file: Arc<File>) {
        self.shelf.add(file);
    }

    /// Where no file is written, has flows go to one of [`Writer::nameless`], so that they need not
    /// stay in memory.
    pub fn spill(&mut self, nameless: impl FnOnce() -> Option<Writer>) {
        if self.writer.is_none() {
            self.writer = nameless();
            spill_beside(&mut self.recorder, self.writer.as_ref(), &self.backlog);
        }
    }

    /// Has `backlog` count what of long bodies is yet to be written.
    pub fn slow_down(&mut self, backlog: Backlog) {
        spill_beside(&mut self.recorder, self.writer.as_ref(), &backlog);
        self.backlog = backlog;
    }

    /// Has only these flows written from now on; of others nothing is kept once they ended.
    pub fn choose(&mut self, choice: Choice) {
        self.choice = Some(choice);
    }

    /// Has chosen flows written to another file too, or no longer; gives the stream before.
    #[must_use = "it is to be finished"]
    pub fn stream_to(&mut self, stream: Option<Stream>) -> Option<Stream> {
        std::mem::replace(&mut self.stream, stream)
    }

    /// The other file.
    pub fn stream(&mut self) -> Option<&mut Stream> {
        self.stream.as_mut()
    }

    /// Takes one event; gives the flows that ended with it, as far as they are chosen.
    /// [`Recording::settle`] belongs behind each batch of them.
    pub fn apply(&mut self, store: &mut Store, event: Event) -> Vec<FlowId> {
        if let Some(journal) = &mut self.journal {
            journal.note(event.exchange, event.at);
        }
        let exchange = event.exchange;
        let may_be_over = matches!(event.kind, Kind::Ended { .. });
        self.recorder.apply(store, event);
        for (parties, failure) in self.recorder.take_judged() {
            parties.log(&failure);
        }
        let finished = self.write(store, Some(exchange));
        if may_be_over {
            self.release(exchange, store);
        }
        finished
    }

    /// Whether nothing is in flight that may still come to its end.
    #[must_use]
    pub fn is_at_rest(&self) -> bool {
        self.recorder.is_at_rest()
    }

    /// Ends what is still going on; gives the flows that were cut.
    pub fn cut(&mut self, store: &mut Store, at: At) -> Vec<FlowId> {
        self.recorder.cut(store, at);
        self.write(store, None)
    }

    /// The file that flows are written to; `None` if it is to be gone with the run.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        let writer = self.writer.as_ref().filter(|_| self.is_kept);
        writer.map(Writer::path)
    }

    /// The files that the lines of flows stand in.
    #[must_use]
    pub fn shelf(&self) -> &Shelf {
        &self.shelf
    }

    /// Ends a batch of events: hands what it brought to the threads that write, and tells the store which
    /// flows were written, as far as they have told. Without a writer nothing is ever written, and all
    /// flows stay in memory.
    pub fn settle(&mut self, store: &mut Store) {
        if let Some(journal) = &mut self.journal {
            journal.write(store, &self.recorder);
        }
        if let Some(stream) = &mut self.stream {
            stream.flush();
        }
        let Some(writer) = &mut self.writer else {
            return;
        };
        writer.flush();
        for news in writer.news() {
            self.learn(news, Some(store));
        }
    }

    /// Takes in what became of the next line.
    fn learn(&mut self, news: News, mut store: Option<&mut Store>) {
        let (place, lost) = match news {
            News::Opened(file) => {
                self.shelf.add(file);
                return;
            }
            News::Written(place) => (place, None),
            News::Lost { bytes } => (None, Some(bytes)),
        };
        let Some(Handed { id, name, exchange }) = self.handed.pop_front() else {
            return;
        };
        // A pipe cannot be read back; what went into it stays in memory.
        if let Some(store) = &mut store
            && (place.is_some() || lost.is_some())
        {
            store.release(id, place);
        }
        match (lost, &mut self.journal) {
            (Some(bytes), _) => {
                tracing::error!("flow {name} of {bytes} bytes is given up");
                self.miss(name);
            }
            (None, Some(journal)) => journal.settled(id),
            (None, None) => {}
        }
        // What is missing from the file stays in the tail, until a bound takes it.
        if let Some(exchange) = exchange.filter(|_| lost.is_none()) {
            if let Entry::Occupied(mut count) = self.unsettled.entry(exchange) {
                *count.get_mut() -= 1;
                if *count.get() == 0 {
                    count.remove();
                }
            }
            if let Some(store) = store {
                self.release(exchange, store);
            }
        }
    }

    /// Lets go of an exchange in the tail, or of what it can do without, if nothing of it is yet to be written.
    fn release(&self, exchange: ExchangeId, store: &Store) {
        let is_unsettled = self.unsettled.contains_key(&exchange);
        let Some(tail) = self.tail.as_ref().filter(|_| !is_unsettled) else {
            return;
        };
        if self.recorder.live(exchange).next().is_none() {
            tail.settle(exchange);
        } else if tail.is_long(exchange)
            && let Some((id, resting)) = self.recorder.resting(exchange)
            && let Some(flow) = store.get(id)
        {
            let relayed = resting.relayed();
            if let Some(rest) = rest::write(flow, store, resting) {
                tail.rest(exchange, relayed, &rest);
            }
        }
    }

    /// Whether it is not known yet what became of some lines: [`Self::settle`] is to be called again.
    #[must_use]
    pub fn awaits_writing(&self) -> bool {
        !self.handed.is_empty()
    }

    /// Takes note of a flow that is missing from the file.
    fn miss(&mut self, name: String) {
        if self.missing.len() < NAMED {
            self.missing.push(name);
        }
    }

    /// Why writing fails at the moment; `None` while it goes well or nothing is written.
    pub fn error(&mut self) -> Option<String> {
        let writing = self.writer.as_mut();
        let problem = writing.and_then(|writer| writer.status().problem());
        let problem = problem.map(|problem| problem + &self.names());
        problem.or_else(|| self.refused.clone())
    }

    /// Writes what is waiting and closes the file. Waits for the disk.
    #[must_use]
    pub fn finish(mut self) -> Option<Written> {
        let writer = self.writer.take()?;
        let path = writer.path().to_owned();
        let (mut status, news) = writer.close();
        for news in news {
            self.learn(news, None);
        }
        for Handed { name, .. } in std::mem::take(&mut self.handed) {
            tracing::error!("flow {name} is not in the file");
            self.miss(name);
        }
        // A flow that could not be written is in the journal still, and in the tail.
        let is_whole = status.error.is_none() && status.lost == 0 && self.refused.is_none();
        if let Some(journal) = self.journal.take() {
            journal.finish(!is_whole);
        }
        if let Some(tail) = self.tail.take() {
            tail.finish(!is_whole);
        }
        let problem = status.problem().map(|problem| problem + &self.names());
        status.error = problem.or(self.refused);
        self.is_kept.then_some(Written { path, status })
    }

    /// The names of flows that are missing from the file.
    fn names(&self) -> String {
        if self.missing.is_empty() {
            return String::new();
        }
        let more = if self.missing.len() == NAMED {
            ", …"
        } else {
            ""
        };
        format!(" ({}{more})", self.missing.join(", "))
    }

    /// Writes the flows that ended and are chosen; gives them.
    /// They ended with what happened to `exchange`, if that is known.
    fn write(&mut self, store: &mut Store, exchange: Option<ExchangeId>) -> Vec<FlowId> {
        let finished = self.recorder.take_finished();
        if finished.is_empty() {
            return finished;
        }
        let is_chosen = |id: &FlowId| match (&self.choice, store.get(*id)) {
            (Some(choice), Some(flow)) => choice.has(flow, store),
            _ => true,
        };
        let (finished, left_out): (Vec<_>, Vec<_>) = finished.into_iter().partition(is_chosen);
        for id in &finished {
            let redactor = self.recorder.redactor();
            if let Some(journal) = &mut self.journal {
                // What the journal has of the flow so far is as it came, and so is the rest.
                journal.end(store, redactor, *id);
            }
            let masked = store
                .get(*id)
                .and_then(|flow| flow.without_pieces(redactor));
            if let Some(masked) = masked {
                store.change(*id, |flow| {
                    let revision = flow.revision;
                    *flow = Flow { revision, ..masked };
                });
            }
            let Some(flow) = store.shared(*id) else {
                continue;
            };
            let stream = self
                .stream
                .as_mut()
                .filter(|stream| stream.has(&flow, store));
            if self.writer.is_none() && stream.is_none() {
                continue;
            }
            match Line::of(&flow, name_of_connection(&flow, store)) {
                Ok(line) => {
                    if let Some(stream) = stream {
                        stream.write(line.clone());
                    }
                    if let Some(writer) = &mut self.writer {
                        writer.take(line);
                        let exchange = exchange.filter(|_| self.tail.is_some());
                        if let Some(exchange) = exchange {
                            *self.unsettled.entry(exchange).or_default() += 1;
                        }
                        self.handed.push_back(Handed {
                            id: flow.id,
                            name: flow.name.clone(),
                            exchange,
                        });
                    }
                }
                Err(error) => {
                    self.refused = Some(error.to_string());
                    // It is never settled.
                    if let Some(exchange) = exchange.filter(|_| self.tail.is_some()) {
                        *self.unsettled.entry(exchange).or_default() += 1;
                    }
                }
            }
        }
        // Only now: the line of a turn names its connection.
        for id in left_out {
            if let (Some(journal), Some(flow)) = (&mut self.journal, store.get(id)) {
                journal.leave_out(flow);
            }
            if let (Some(tail), Some(exchange)) = (&self.tail, exchange)
                && let Some(FlowKind::WsTurn { number, .. }) = store.get(id).map(|flow| flow.kind)
            {
                tail.leave_out(exchange, number);
            }
            store.forget(id);
        }
        finished
    }
}

/// Has bodies that are too long for the memory go to the disk that the lines go to.
fn spill_beside(recorder: &mut Recorder, writer: Option<&Writer>, backlog: &Backlog) {
    if let Some(writer) = writer {
        let spillway = Spillway::new(writer.directory(), backlog.clone());
        recorder.spill_to(Arc::new(spillway));
    }
}

/// How many missing flows are named.
const NAMED: usize = 8;
