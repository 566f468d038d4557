//! Captures for the commands that read them from end to end, without a screen: their summaries first, then the
//! chosen flows, whole, in the order of the list.

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::mpsc::sync_channel;
use std::thread::{self, ScopedJoinHandle};

use super::error::Error;
use super::opening;
use super::progress::Progress;
use crate::app::Loading as Taken;
use crate::capture::Shelf;
use crate::config::paths;
use crate::filter::Filter;
use crate::flow::{Flow, FlowId, Place, Store};
use crate::responses::Request;
use crate::tap::{Field, Redactor, field, is_form};
use crate::tui::Loading;

/// What captures hold: a summary of every flow, and where the rest of it stands.
pub(super) struct Captures {
    pub(super) store: Store,
    /// How many lines gave nothing.
    pub(super) skips: u64,
    /// Whether there was a file of which nothing could be read.
    has_failed: bool,
    shelf: Shelf,
}

impl Captures {
    /// Reads the files, and says what could not be read. `-` is the standard input.
    pub(super) async fn read(
        files: &[PathBuf],
        redactor: &Redactor,
        progress: &mut Progress,
    ) -> Result<Self, Error> {
        let mut loading = opening::open(files, false, redactor.clone())?;
        let (mut store, mut taken, mut shelf) =
            (Store::default(), Taken::default(), Shelf::default());
        while let Some(news) = loading.recv().await {
            match news {
                Loading::Opened(file) => {
                    shelf.add(file);
                }
                Loading::Piece(piece, percent) => {
                    progress.show("reading", percent);
                    taken.take(&mut store, piece, percent);
                }
                Loading::Failed(why) => taken.fail(why),
                Loading::Noted(what) => {
                    progress.clear();
                    super::report(&what);
                }
                Loading::Done => break,
            }
        }
        progress.clear();
        Ok(Self {
            has_failed: super::open::tell(&taken, store.is_empty())?,
            skips: taken.skips(),
            store,
            shelf,
        })
    }

    /// What the command exits with.
    pub(super) fn code(&self) -> ExitCode {
        super::open::code(self.has_failed)
    }

    /// The flows that pass the filter, in the order of the list. Only what the filter looks into is read.
    pub(super) fn chosen(&self, filter: Option<&Filter>) -> Result<Vec<FlowId>, Error> {
        let Some(filter) = filter else {
            return Ok(self.store.rows().to_vec());
        };
        let mut chosen = Vec::new();
        for id in self.store.rows() {
            if let Some(summary) = self.store.summary(*id)
                && super::open::is_chosen(filter, &summary, &self.store, &self.shelf)?
            {
                chosen.push(*id);
            }
        }
        Ok(chosen)
    }

    /// Reads the flows that pass the filter, on all processors, and takes what `work` made of each in the order of
    /// the list. Not many more than there are processors are in memory at once. Gives what `work` gathered on each.
    pub(super) fn each<S: Default + Send, T: Send>(
        &self,
        filter: Option<&Filter>,
        progress: &mut Progress,
        work: impl Fn(&mut S, Flow, Option<Request>) -> T + Sync,
        mut take: impl FnMut(T) -> Result<(), Error>,
    ) -> Result<Vec<S>, Error> {
        let place = |id: &FlowId| Some((*id, self.store.place(*id)?));
        let rows: Vec<_> = self.store.rows().iter().filter_map(place).collect();
        let total: u64 = rows.iter().map(|(_, place)| place.len).sum();
        let threads = thread::available_parallelism().map_or(1, usize::from);
        let threads = threads.min(MOST_THREADS);
        let (rows, work) = (rows.as_slice(), &work);
        let taken = thread::scope(|scope| {
            let (mut queues, mut workers) = (Vec::new(), Vec::new());
            for first in 0..threads {
                let (send, queue) = sync_channel(AHEAD);
                queues.push(queue);
                workers.push(scope.spawn(move || {
                    let mut gathered = S::default();
                    for (id, place) in rows.iter().skip(first).step_by(threads) {
                        let read = self.flow(*id, *place, filter);
                        let mut made = |(flow, asked)| work(&mut gathered, flow, asked);
                        let made = read.map(|read| read.map(&mut made));
                        if send.send(made).is_err() {
                            break;
                        }
                    }
                    gathered
                }));
            }
            let mut done = 0;
            for (number, (_, place)) in rows.iter().enumerate() {
                let made = queues[number % threads].recv();
                let made = made.map_err(|_| ended())?;
                if let Some(made) = made? {
                    take(made)?;
                }
                done += place.len;
                let percent = (done * 100).checked_div(total).unwrap_or(100);
                progress.show("writing", percent as u8);
            }
            drop(queues);
            let gathered = workers.into_iter().map(ScopedJoinHandle::join);
            gathered.map(|joined| joined.map_err(|_| ended())).collect()
        });
        progress.clear();
        taken
    }

    /// Gives the line of a flow to `take`, part by part, with all that of a long body is not in memory.
    pub(super) fn line(
        &self,
        id: FlowId,
        mut take: impl FnMut(&[u8]) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let place = self.store.place(id);
        let place = place.ok_or_else(|| Error::new("a flow is not in the capture any more"))?;
        let mut failed = None;
        let read = self.shelf.each(place, |part| {
            take(part).map_err(|error| {
                failed = Some(error);
                io::Error::other("writing failed")
            })
        });
        failed.map_or(read.map_err(|error| Error::new(error.to_string())), Err)
    }

    /// Whether masking changes nothing in the line of a flow. What is in Base64 or a form is not looked into, so
    /// of such a flow that is not said.
    pub(super) fn is_masked(&self, flow: &Flow, redactor: &Redactor) -> Result<bool, Error> {
        if !redactor.is_active() {
            return Ok(true);
        }
        let (request, response) = (&flow.request, &flow.response);
        let heads = [
            request.head.as_ref().map(|head| &*head.fields),
            response.head.as_ref().map(|head| &*head.fields),
        ];
        let is_form =
            |fields: &&[Field]| field(fields, "content-type").is_some_and(|it| is_form(&it));
        let is_text = request.body.is_text() && response.body.is_text();
        if !is_text || heads.iter().flatten().any(is_form) {
            return Ok(false);
        }
        let (mut held, mut is_same) = (Vec::new(), true);
        self.line(flow.id, |part| {
            held.extend_from_slice(part);
            if is_same {
                let partial = redactor.partial(&held, false);
                is_same = partial.masked[..partial.kept] == held[..partial.settled]
                    && held.len() - partial.settled <= LONGEST_SECRET;
                held.drain(..partial.settled);
            } else {
                held.clear();
            }
            Ok(())
        })?;
        Ok(is_same && *redactor.bytes(&held, false) == *held)
    }

    /// The flow as a whole; `None` where only others tell of it.
    pub(super) fn whole(&self, id: FlowId) -> Result<Option<Flow>, Error> {
        let place = self.store.place(id);
        let read = place.map(|place| self.flow(id, place, None)).transpose()?;
        Ok(read.flatten().map(|(flow, _)| flow))
    }

    /// The flow and its request, if it passes the filter.
    fn flow(
        &self,
        id: FlowId,
        place: Place,
        filter: Option<&Filter>,
    ) -> Result<Option<(Flow, Option<Request>)>, Error> {
        let Some(summary) = self.store.summary(id) else {
            return Ok(None);
        };
        let standing = filter.map(|filter| filter.standing(&self.store, id, false));
        let standing = standing.unwrap_or_default();
        let known = filter.map_or(Some(true), |it| it.judge(&summary, None, standing));
        if known == Some(false) {
            return Ok(None);
        }
        let read = self.shelf.read_asked(place, &summary.name);
        let (mut flow, asked) = read.map_err(Error::new)?;
        (flow.id, flow.kind) = (id, summary.kind);
        let is_chosen =
            known == Some(true) || filter.is_some_and(|filter| filter.matches(&flow, standing));
        Ok(is_chosen.then_some((flow, asked)))
    }
}

/// What there is to say where a thread is gone.
fn ended() -> Error {
    Error::new("a thread that reads flows ended")
}

/// What may be a secret and is longer than this, in bytes, is taken for one.
const LONGEST_SECRET: usize = 4 << 20;
/// More threads than this would wait for the disk.
const MOST_THREADS: usize = 8;
/// How many flows a thread may have ready.
const AHEAD: usize = 2;

/// The captures in the state directory, the newest last: their names are the times at which they begin.
pub(super) fn kept() -> Vec<PathBuf> {
    let state = paths::state().ok().and_then(|state| state.read_dir().ok());
    let paths = state.into_iter().flatten().flatten().map(|it| it.path());
    let mut kept: Vec<_> = paths
        .filter(|path| path.extension().is_some_and(|it| it == "jsonl"))
        .collect();
    kept.sort();
    kept
}
