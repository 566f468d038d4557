//! What is in flight, on the disk: a file beside the capture that outlives a program which is killed.
//!
//! For each batch of events a row says what was added to a flow since the row before: its heads where
//! they changed, bytes of its bodies and frames. What waits for its end to be masked is masked as far
//! as it came, and written anew when more of it is here. Everything is masked before it leaves the
//! memory; a thread of its own writes it.
//!
//! The file is locked by the program that writes it, so that others see whether it lives. It is
//! emptied when no flow depends on it and removed at the end; [`recover()`](super::recover()) reads what is left of one.

use std::collections::{HashMap, HashSet};
use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{Builder, JoinHandle};

use super::encode::{frame_head, heads, name_of_connection};
use super::payload::text_or_base64;
use super::record::Stamp;
use super::row::{Part, Row, Span};
use crate::flow::{Flow, FlowId, FlowKind, LIMIT, Pending, Recorder, Store};
use crate::tap::{At, Direction, ExchangeId, Redactor};

/// Writes a journal.
#[derive(Debug)]
pub(super) struct Journal {
    rows: Sender<Order>,
    thread: JoinHandle<()>,
    shared: Arc<Shared>,
    /// What the journal holds of each flow that depends on it.
    known: HashMap<FlowId, Known>,
    /// Bytes written since it was last begun.
    size: u64,
    /// The size at which it is looked whether most of it is of use.
    limit: u64,
    /// When writing failed last.
    failed_at: Option<At>,
    /// The exchanges that have changed since rows were written last.
    changed: HashSet<ExchangeId>,
    /// When the latest of them did.
    at: At,
    /// Rows of flows that have ended since then.
    ended: Vec<u8>,
}

/// What both threads see.
#[derive(Default, Debug)]
struct Shared {
    /// Bytes of rows that are not written yet.
    queued: AtomicU64,
    /// Whether writing failed: what is in the file is of no use any more.
    has_failed: AtomicBool,
}

/// What the thread is to do.
enum Order {
    /// Add rows.
    Append(Vec<u8>),
    /// Put these rows in the place of all others.
    Replace(Vec<u8>),
    /// Stop, and remove the file or leave it.
    Finish { is_needed: bool },
}

/// What the journal holds of a flow.
#[derive(Default, Debug)]
struct Known {
    shape: Option<Shape>,
    frames: usize,
    /// Of the request and of the response.
    halves: [Half; 2],
}

/// What the journal holds of a body.
#[derive(Default, Debug)]
struct Half {
    /// Bytes of the body.
    len: usize,
    /// Bytes of what is pending, unmasked, that are masked for good.
    settled: usize,
    /// Their length in the journal.
    kept: usize,
    /// All of what was pending.
    seen: usize,
    /// [`Pending::origin`].
    origin: u64,
}

/// What of a flow is in its heads: where it differs, the heads have changed.
#[derive(PartialEq, Eq, Debug)]
struct Shape {
    kind: FlowKind,
    has_heads: [bool; 2],
    times: [Option<At>; 2],
    ended: Option<At>,
    counts: [usize; 4],
    /// How much is not in memory, in [`LIMIT`].
    rests: [u64; 2],
    is_complete: [bool; 2],
    is_closed: bool,
}

impl Shape {
    fn of(flow: &Flow) -> Self {
        let (request, response) = (&flow.request, &flow.response);
        Self {
            kind: flow.kind,
            has_heads: [request.head.is_some(), response.head.is_some()],
            times: [flow.connected_at, request.sent_at],
            ended: flow.ended,
            counts: [
                flow.failures.len(),
                flow.faults.len(),
                request.trailers.len(),
                response.trailers.len(),
            ],
            rests: [&request.body, &response.body].map(|body| body.rest() / LIMIT as u64),
            is_complete: [request.body.is_complete, response.body.is_complete],
            is_closed: flow.close.is_some(),
        }
    }
}

impl Journal {
    /// A journal beside `capture` for a run. The file is made when there is something to write.
    pub(super) fn start(capture: &Path, run: &str) -> io::Result<Self> {
        let (rows, orders) = channel();
        let shared = Arc::new(Shared::default());
        let scribe = Scribe {
            path: path(capture, run),
            file: None,
            shared: Arc::clone(&shared),
        };
        let thread = Builder::new()
            .name("journal".to_owned())
            .spawn(move || scribe.run(&orders))?;
        Ok(Self {
            rows,
            thread,
            shared,
            known: HashMap::new(),
            size: 0,
            limit: LARGE,
            failed_at: None,
            changed: HashSet::new(),
            at: At::default(),
            ended: Vec::new(),
        })
    }

    /// Takes note that an event at `at` changed an exchange.
    pub(super) fn note(&mut self, exchange: ExchangeId, at: At) {
        self.changed.insert(exchange);
        self.at = at;
    }

    /// Takes what is new of a flow that ended, which may be gone when rows are written.
    pub(super) fn end(&mut self, store: &Store, redactor: &Redactor, id: FlowId) {
        if !self.is_stuck() {
            let mut rows = std::mem::take(&mut self.ended);
            self.add_all(&mut rows, store, id, Default::default(), redactor, self.at);
            self.ended = rows;
        }
    }

    /// Writes what is new of the flows that have changed.
    pub(super) fn write(&mut self, store: &Store, recorder: &Recorder) {
        if self.changed.is_empty() {
            return;
        }
        let at = self.at;
        let changed = std::mem::take(&mut self.changed);
        let mut rows = std::mem::take(&mut self.ended);
        if self.shared.has_failed.load(Ordering::Relaxed) {
            // Everything is written again, but not at once: a disk is seldom full for an instant.
            let since = *self.failed_at.get_or_insert(at);
            if at.since(since).as_secs() == 0 {
                return;
            }
            self.failed_at = None;
            self.shared.has_failed.store(false, Ordering::Relaxed);
            self.rewrite(store, recorder, at);
            rows.clear();
        }
        if !self.is_stuck() {
            for (id, pending) in changed.iter().flat_map(|id| recorder.live(*id)) {
                self.add_all(&mut rows, store, id, pending, recorder.redactor(), at);
            }
        }
        if !rows.is_empty() {
            self.send(rows, Order::Append);
        }
        if self.size > self.limit {
            let halves = self.known.values().flat_map(|known| &known.halves);
            let live: usize = halves.map(|half| half.len + half.kept).sum();
            if live as u64 * 2 < self.size {
                self.rewrite(store, recorder, at);
            }
            self.limit = LARGE.max(self.size * 2);
        }
    }

    /// Whether rows cannot be written at the moment. What is left out now is in the next row of the flow.
    fn is_stuck(&self) -> bool {
        self.shared.has_failed.load(Ordering::Relaxed)
            || self.shared.queued.load(Ordering::Relaxed) > BACKLOG
    }

    /// Takes note that a flow stands in the capture.
    pub(super) fn settled(&mut self, id: FlowId) {
        let was_needed = self.known.remove(&id).is_some();
        if was_needed && self.known.is_empty() {
            self.size = 0;
            self.ended.clear();
            self.send(Vec::new(), Order::Replace);
        }
    }

    /// Takes note that a flow that ended is not to stand in the capture.
    pub(super) fn leave_out(&mut self, flow: &Flow) {
        if !self.known.contains_key(&flow.id) {
            return;
        }
        let row = Row {
            id: flow.name.as_str().into(),
            at: self.at.as_micros(),
            left_out: true,
            ..Row::default()
        };
        if let Ok(row) = serde_json::to_vec(&row) {
            self.ended.extend(row);
            self.ended.push(b'\n');
        }
        self.settled(flow.id);
    }

    /// Ends the journal, and removes it unless flows depend on it. Waits for the disk.
    pub(super) fn finish(self, is_needed: bool) {
        // A thread that is gone has left the file as it is.
        let _ = self.rows.send(Order::Finish { is_needed });
        let _ = self.thread.join();
    }

    /// Writes all that is of use, in the place of what was written.
    fn rewrite(&mut self, store: &Store, recorder: &Recorder, at: At) {
        let ids: Vec<FlowId> = self.known.drain().map(|(id, _)| id).collect();
        let pending: HashMap<FlowId, [Pending<'_>; 2]> = recorder.all_live().collect();
        let mut rows = Vec::new();
        for id in ids {
            let pending = pending.get(&id).copied().unwrap_or_default();
            self.add_all(&mut rows, store, id, pending, recorder.redactor(), at);
        }
        self.size = 0;
        self.send(rows, Order::Replace);
    }

    fn send(&mut self, rows: Vec<u8>, order: impl FnOnce(Vec<u8>) -> Order) {
        let bytes = rows.len() as u64;
        self.size += bytes;
        self.shared.queued.fetch_add(bytes, Ordering::Relaxed);
        // Without its thread there is no journal, and everything else goes on.
        let _ = self.rows.send(order(rows));
    }

    /// Adds what is new of a flow, of much of it one row after another.
    fn add_all(
        &mut self,
        rows: &mut Vec<u8>,
        store: &Store,
        id: FlowId,
        pending: [Pending<'_>; 2],
        redactor: &Redactor,
        at: At,
    ) {
        while self.add(rows, store, id, pending, redactor, at) {}
    }

    /// Adds a row with what is new of a flow; says whether there may be more. Only the last one says that the flow is over.
    fn add(
        &mut self,
        rows: &mut Vec<u8>,
        store: &Store,
        id: FlowId,
        pending: [Pending<'_>; 2],
        redactor: &Redactor,
        at: At,
    ) -> bool {
        let Some(flow) = store.get(id) else {
            return false;
        };
        let known = self.known.entry(id).or_default();
        let mut shape = Shape::of(flow);
        let connection = name_of_connection(flow, store);
        let has_frames = flow.frames.len() > known.frames;
        let [out, inn] = &mut known.halves;
        let [pend_out, pend_in] = pending;
        let mut masked = [Vec::new(), Vec::new()];
        let [mask_out, mask_in] = &mut masked;
        let is_same = !has_frames;
        let dir = Direction::Out;
        let out = out.part(flow, dir, pend_out, is_same, redactor, mask_out);
        let dir = Direction::In;
        let inn = inn.part(flow, dir, pend_in, is_same, redactor, mask_in);
        let bodies = [&flow.request.body, &flow.response.body];
        let new_frames = flow.frames.get(known.frames..).unwrap_or_default();
        let new_frames = &new_frames[..new_frames.len().min(FRAMES)];
        let mut has_more = known.frames + new_frames.len() < flow.frames.len();
        for ((half, body), is_complete) in
            known.halves.iter().zip(bodies).zip(&mut shape.is_complete)
        {
            let is_cut = half.len < body.bytes().len();
            *is_complete &= !is_cut;
            has_more |= is_cut;
        }
        shape.ended = shape.ended.filter(|_| !has_more);
        let is_reshaped = known.shape.as_ref() != Some(&shape);
        if !is_reshaped && !has_frames && out.is_none() && inn.is_none() {
            return false;
        }
        let heads = is_reshaped.then(|| {
            let mut heads = heads(flow, connection.as_deref().unwrap_or_default());
            heads.ended = shape.ended.map(Stamp);
            heads.request.complete = shape.is_complete[0];
            if let Some(response) = &mut heads.response {
                response.complete = shape.is_complete[1];
            }
            heads
        });
        let row = Row {
            id: flow.name.as_str().into(),
            at: at.as_micros(),
            flow: heads,
            left_out: false,
            out,
            inn,
            frames: new_frames
                .iter()
                .map(|frame| {
                    Span(
                        frame_head(flow.started, frame),
                        frame.span.start,
                        frame.span.len(),
                    )
                })
                .collect(),
        };
        let start = rows.len();
        if serde_json::to_writer(&mut *rows, &row).is_err() {
            // A time beyond all dates: the capture cannot name it either.
            rows.truncate(start);
            return false;
        }
        rows.push(b'\n');
        known.shape = Some(shape);
        known.frames += new_frames.len();
        has_more
    }
}

impl Half {
    /// What is new of a body: its own bytes, and what is pending behind them. `masked` is where to
    /// keep the latter.
    fn part<'a>(
        &mut self,
        flow: &'a Flow,
        dir: Direction,
        pending: Pending<'_>,
        is_same: bool,
        redactor: &Redactor,
        masked: &'a mut Vec<u8>,
    ) -> Option<Part<'a>> {
        let body = match dir {
            Direction::Out => &flow.request.body,
            Direction::In => &flow.response.body,
        };
        let bytes = body.bytes();
        let has_grown = bytes.len() > self.len;
        let is_other = pending.origin != self.origin || pending.bytes.len() < self.seen;
        if has_grown || !is_same || is_other {
            // What was pending is in the body now, or dropped.
            let had_pending = self.seen > 0;
            let old = self.len;
            let mut new = bytes.len();
            if new - old > PART {
                new = old + PART;
                // Half a character would make no text of all of it.
                while new > old + PART / 2 && bytes[new] & 0xc0 == 0x80 {
                    new -= 1;
                }
            }
            *self = Self {
                len: new,
                ..Self::default()
            };
            if new < bytes.len() {
                masked.extend_from_slice(&bytes[old..new]);
                return Some(Part::new(old, new, body.wire_len, masked));
            }
            self.pend(pending, redactor, masked);
            if !has_grown && !had_pending && masked.is_empty() {
                return None;
            }
            masked.splice(..0, bytes[old..].iter().copied());
            return Some(Part::new(old, bytes.len(), body.wire_len, masked));
        }
        if pending.bytes.len() == self.seen {
            return None;
        }
        let unsettled = pending.bytes.len() - self.settled;
        if unsettled > WINDOW && unsettled < 2 * (self.seen - self.settled) {
            // A secret of this size is masked a few times, not with every byte that is added to it.
            return None;
        }
        let start = bytes.len() + self.kept;
        self.pend(pending, redactor, masked);
        Some(Part::new(start, bytes.len(), body.wire_len, masked))
    }

    /// Masks what is pending from where it is not masked for good.
    fn pend(&mut self, pending: Pending<'_>, redactor: &Redactor, masked: &mut Vec<u8>) {
        self.seen = pending.bytes.len();
        self.origin = pending.origin;
        let rest = pending.bytes.get(self.settled..).unwrap_or_default();
        if rest.is_empty() {
            return;
        }
        let partial = redactor.partial(rest, pending.is_form);
        self.settled += partial.settled;
        self.kept += partial.kept;
        *masked = partial.masked;
    }
}

impl<'a> Part<'a> {
    fn new(from: usize, body: usize, wire: u64, bytes: &'a [u8]) -> Self {
        let (text, base64) = text_or_base64(bytes);
        Self {
            from,
            body,
            wire,
            text,
            base64,
        }
    }
}

/// The thread's half.
struct Scribe {
    path: PathBuf,
    file: Option<File>,
    shared: Arc<Shared>,
}

impl Scribe {
    fn run(mut self, orders: &Receiver<Order>) {
        while let Ok(order) = orders.recv() {
            let (rows, written) = match order {
                Order::Append(mut rows) => {
                    // What has come meanwhile goes with it.
                    let mut next = None;
                    while rows.len() < BATCH
                        && let Ok(order) = orders.try_recv()
                    {
                        match order {
                            Order::Append(more) => rows.extend_from_slice(&more),
                            other => {
                                next = Some(other);
                                break;
                            }
                        }
                    }
                    let written = self.append(&rows);
                    self.done(rows.len(), &written);
                    match next {
                        None => continue,
                        Some(Order::Finish { is_needed }) => return self.finish(is_needed),
                        Some(Order::Append(rows) | Order::Replace(rows)) => {
                            let written = self.replace(&rows);
                            (rows.len(), written)
                        }
                    }
                }
                Order::Replace(rows) => {
                    let written = self.replace(&rows);
                    (rows.len(), written)
                }
                Order::Finish { is_needed } => return self.finish(is_needed),
            };
            self.done(rows, &written);
        }
    }

    fn done(&self, rows: usize, written: &io::Result<()>) {
        self.shared.queued.fetch_sub(rows as u64, Ordering::Relaxed);
        if written.is_err() {
            self.shared.has_failed.store(true, Ordering::Relaxed);
        }
    }

    fn append(&mut self, rows: &[u8]) -> io::Result<()> {
        match &mut self.file {
            Some(file) => file.write_all(rows),
            None => self.begin(rows),
        }
    }

    fn replace(&mut self, rows: &[u8]) -> io::Result<()> {
        match &self.file {
            Some(file) if rows.is_empty() => file.set_len(0),
            None if rows.is_empty() => Ok(()),
            _ => self.begin(rows),
        }
    }

    /// Begins a new file with these rows, in the place of one that may be there.
    fn begin(&mut self, rows: &[u8]) -> io::Result<()> {
        // It has its name only once it is locked, so that nobody takes it for one that was left.
        let nascent = self.path.with_extension("journal-new");
        let mut options = OpenOptions::new();
        let mut file = options
            .append(true)
            .create(true)
            .mode(0o600)
            .open(&nascent)?;
        // Without locks nobody could tell whether its owner lives: then there is no journal.
        file.try_lock()?;
        file.set_len(0)?;
        file.write_all(rows)?;
        std::fs::rename(&nascent, &self.path)?;
        self.file = Some(file);
        Ok(())
    }

    fn finish(self, is_needed: bool) {
        if self.file.is_some() && !is_needed {
            // One that stays is found to be of no use at the next start.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// Where the journal of a run stands.
pub(super) fn path(capture: &Path, run: &str) -> PathBuf {
    let mut name = OsString::from(capture);
    name.push(format!(".{run}.journal"));
    name.into()
}

/// The capture that a journal stands beside, if that is its name.
pub(super) fn capture_of(journal: &Path) -> Option<PathBuf> {
    let (capture, _) = parts(journal)?;
    Some(journal.with_file_name(capture))
}

/// The run that writes a journal, if that is its name.
pub(super) fn run_of(journal: &Path) -> Option<&str> {
    Some(parts(journal)?.1)
}

/// The name of the capture that a journal stands beside, and the run that writes it.
fn parts(journal: &Path) -> Option<(&str, &str)> {
    let name = journal.file_name()?.to_str()?;
    // The second is one that was being begun.
    let stem = name
        .strip_suffix(".journal")
        .or(name.strip_suffix(".journal-new"))?;
    let (capture, run) = stem.rsplit_once('.')?;
    let is_run = !run.is_empty() && run.bytes().all(|byte| byte.is_ascii_alphanumeric());
    (is_run && !capture.is_empty()).then_some((capture, run))
}

/// A journal larger than this is written anew when most of it is of no use.
const LARGE: u64 = 64 << 20;

/// How many bytes of rows may wait for the disk.
const BACKLOG: u64 = 4 << 20;

/// How much is written at once.
const BATCH: usize = 1 << 20;

/// A row has no more of a body than this, and no more frames than that: what a kill tears is a row.
const PART: usize = 64 << 10;
const FRAMES: usize = 512;

/// Text that cannot be cut is masked anew with each addition as long as it is not longer.
const WINDOW: usize = 1 << 20;
