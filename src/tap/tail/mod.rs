//! The tail: what is in flight, in files in memory that outlive a program that is killed.
//!
//! The observer works on copies and is always a little behind. So whatever goes to a client is put here before
//! it is forwarded, as it came, by one write to a file that no disk stands behind: that takes about a microsecond,
//! unless that memory is swapped out or short. What goes to the upstream is added with the next bytes to the client. [`Remains`] reads
//! what is left of a tail, and a recorder makes the flows of it that the killed program would have made.
//!
//! A tail is a directory, locked by the program that writes it, with a file (a *slot*) for each exchange in flight and
//! one that says whose it is. What it holds is not masked: it must not stand on a disk, which is for the caller
//! to see to. Once the lines of an exchange are in the capture, its slot is wiped for the next one. A WebSocket connection goes
//! on for hours: between two turns what it has told is replaced by what the next turn needs of it ([`Tail::rest`]).
//!
//! A tail is bounded. An exchange that goes beyond a bound, or that cannot be written, is dropped from it and stands
//! in the journal alone, which lacks the last instant.

mod read;
mod record;

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use rustix::process::{Resource, getrlimit};
use serde::{Deserialize, Serialize};

use super::channel::Told;
use super::clock::At;
use super::event::{Direction, ExchangeId, Kind};
use super::secret::{Memory, Redactor};

pub use read::{InFlight, Remains};

/// Writes a tail. Clones write the same.
#[derive(Clone, Debug)]
pub struct Tail {
    shared: Arc<Shared>,
}

/// What the slots share.
struct Shared {
    directory: PathBuf,
    /// Keeps the lock.
    _lock: File,
    /// Masks what is received, and so knows what is to be masked.
    redactor: Redactor,
    /// What the directory says of the run.
    label: Mutex<Label>,
    /// The exchanges that have slots.
    live: Mutex<HashMap<ExchangeId, Arc<Slot>>>,
    /// What is over, and has shown credentials that the label lacks.
    over: Mutex<Vec<Arc<Slot>>>,
    pool: Mutex<Pool>,
    /// Bytes in all slots.
    bytes: AtomicU64,
    /// How many there may be.
    most: u64,
    /// How many slots there may be.
    slots: usize,
    /// Whether it was told that something could not be written, and nothing has been since.
    has_failed: AtomicBool,
    /// Whether it was told that an exchange goes beyond the bounds.
    is_full: AtomicBool,
}

/// Whose tail it is, and what masks it.
#[derive(Serialize, Deserialize)]
struct Label {
    /// When the run began, in microseconds since the Unix epoch: that is in its flows' names.
    started: u64,
    /// The capture that flows go to.
    capture: PathBuf,
    memory: Memory,
}

/// Files of slots.
#[derive(Default)]
struct Pool {
    /// Those that are wiped; the one that was used last has its memory still.
    free: Vec<Room>,
    /// How many there are.
    made: usize,
    /// The name of the next one.
    next: usize,
}

/// A file of a slot.
struct Room {
    file: File,
    /// Its name.
    name: usize,
}

/// What of the tail is an exchange's.
pub(super) struct Slot {
    tail: Arc<Shared>,
    state: Mutex<State>,
}

struct State {
    /// `None` once the exchange is dropped or done with.
    file: Option<Room>,
    /// Bytes in the file.
    len: u64,
    /// How many of them stand for what was told before a rest.
    rested: u64,
    /// When something happened last.
    last: At,
    /// How many bytes were relayed: from Codex, and to it; if that is all that happened since the upgrade.
    relayed: Option<[u64; 2]>,
    /// Turns that are not to stand in the capture.
    left_out: Vec<u32>,
    /// Records that are written with the next bytes to the client.
    pending: Vec<u8>,
}

impl Tail {
    /// Begins a tail for the run `name`, in `directory`, of which the caller knows that it is in memory and
    /// private. At most `room` bytes are kept. The flows belong to `capture`, an absolute path, and their names begin with
    /// the time `started`; `redactor` masks the live run.
    ///
    /// # Errors
    /// What the operating system says where the files cannot be made or locked.
    pub fn start(
        directory: &Path,
        name: &str,
        room: u64,
        capture: &Path,
        started: At,
        redactor: Redactor,
    ) -> io::Result<Self> {
        // It has its name only once it is locked, so that nobody takes it for one that was left.
        let place = File::open(directory)?;
        place.lock_shared()?;
        let nascent = directory.join(format!(".{name}"));
        DirBuilder::new().mode(0o700).create(&nascent)?;
        let own = directory.join(name);
        let label = Label {
            started: started.as_micros(),
            capture: capture.to_owned(),
            memory: redactor.memory(),
        };
        let begin = || -> io::Result<File> {
            let lock = File::open(&nascent)?;
            lock.try_lock()?;
            label.write(&nascent)?;
            std::fs::rename(&nascent, &own)?;
            Ok(lock)
        };
        let lock = begin().inspect_err(|_| {
            // One that stays is removed at the next start.
            let _ = std::fs::remove_dir_all(&nascent);
        })?;
        Ok(Self {
            shared: Arc::new(Shared {
                directory: own,
                _lock: lock,
                redactor,
                label: Mutex::new(label),
                live: Mutex::default(),
                over: Mutex::default(),
                pool: Mutex::default(),
                bytes: AtomicU64::new(0),
                most: room.min(MOST),
                slots: slots(getrlimit(Resource::Nofile).current),
                has_failed: AtomicBool::new(false),
                is_full: AtomicBool::new(false),
            }),
        })
    }

    /// A slot for an exchange, if there is one.
    pub(super) fn open(&self, exchange: ExchangeId) -> Option<Arc<Slot>> {
        let shared = &self.shared;
        let file = match shared.file() {
            Ok(Some(file)) => file,
            Ok(None) => {
                shared.goes_beyond();
                return None;
            }
            Err(error) => {
                shared.failed(&error);
                return None;
            }
        };
        let mut pending = Vec::with_capacity(HEADS);
        record::begin(&mut pending, exchange);
        let slot = Arc::new(Slot {
            tail: Arc::clone(shared),
            state: Mutex::new(State {
                file: Some(file),
                len: 0,
                rested: 0,
                last: At::default(),
                relayed: None,
                left_out: Vec::new(),
                pending,
            }),
        });
        lock(&shared.live).insert(exchange, Arc::clone(&slot));
        Some(slot)
    }

    /// Takes note that an exchange is over and that all of it stands in the capture, or is not to.
    pub fn settle(&self, exchange: ExchangeId) {
        let shared = &self.shared;
        let slot = lock(&shared.live).remove(&exchange);
        let mut over = lock(&shared.over);
        over.extend(slot);
        // Another exchange may have credentials that one of these has shown to be some.
        if shared.remember() {
            for slot in over.drain(..) {
                slot.wipe(&mut lock(&slot.state));
            }
        }
        drop(over);
        if lock(&shared.live).is_empty() {
            shared.shrink();
        }
    }

    /// Whether an exchange takes so much room that a connection at rest is better kept by [`Tail::rest`]: much more than
    /// after its last rest, or more while half of all room is taken.
    #[must_use]
    pub fn is_long(&self, exchange: ExchangeId) -> bool {
        let shared = &self.shared;
        let is_scarce = shared.bytes.load(Ordering::Relaxed) > shared.most / 2;
        let least = if is_scarce { LONG / 4 } else { LONG };
        let slot = lock(&shared.live).get(&exchange).cloned();
        slot.is_some_and(|slot| {
            let state = lock(&slot.state);
            state.file.is_some() && state.len - state.rested > least.max(state.rested)
        })
    }

    /// Has `rest` stand for all that was told of a connection so far, if that is `relayed` and no more: as many
    /// bytes from Codex, and as many to it.
    pub fn rest(&self, exchange: ExchangeId, relayed: [u64; 2], rest: &[u8]) {
        let shared = &self.shared;
        let slot = lock(&shared.live).get(&exchange).cloned();
        let Some(slot) = slot.filter(|_| shared.remember()) else {
            return;
        };
        let mut records = Vec::with_capacity(rest.len() + HEADS);
        record::begin(&mut records, exchange);
        {
            let state = lock(&slot.state);
            if !state.is_at(relayed) {
                return;
            }
            record::rested(&mut records, state.last, relayed.iter().sum(), rest);
            for turn in &state.left_out {
                record::left_out(&mut records, *turn);
            }
        }
        // What goes to the client does not wait for this.
        let Some((file, more)) = shared.file_of(&records) else {
            return;
        };
        let mut state = lock(&slot.state);
        let (old, len) = if state.is_at(relayed) {
            // Both stand there for a moment; the one that goes further counts.
            state.pending.clear();
            state.rested = more;
            let len = std::mem::replace(&mut state.len, more);
            (state.file.replace(file), len)
        } else {
            (Some(file), more)
        };
        drop(state);
        if let Some(old) = old {
            shared.wipe(old, len);
        }
    }

    /// Takes note that a turn of an exchange ended and is not to stand in the capture.
    pub fn leave_out(&self, exchange: ExchangeId, turn: u32) {
        let slot = lock(&self.shared.live).get(&exchange).cloned();
        if let Some(slot) = slot {
            let mut state = lock(&slot.state);
            if state.file.is_some() {
                state.left_out.push(turn);
                record::left_out(&mut state.pending, turn);
                slot.put(&mut state);
            }
        }
    }

    /// Ends the tail: removes it, unless flows depend on it.
    pub fn finish(self, is_needed: bool) {
        if !is_needed {
            // One that stays is found to be of no use at the next start.
            let _ = read::remove(&self.shared.directory);
        }
    }
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tail")
            .field("directory", &self.directory)
            .finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Slot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Slot")
    }
}

impl Label {
    /// Writes it, in the place of one that may be there.
    fn write(&self, directory: &Path) -> io::Result<()> {
        let nascent = directory.join("label-new");
        let mut file = private().create(true).truncate(true).open(&nascent)?;
        serde_json::to_writer(&mut file, self)?;
        std::fs::rename(nascent, directory.join(LABEL))
    }
}

impl Shared {
    /// A file without content; `None` when there are enough.
    fn file(&self) -> io::Result<Option<Room>> {
        let mut pool = lock(&self.pool);
        if let Some(room) = pool.free.pop() {
            return Ok(Some(room));
        }
        if pool.made >= self.slots {
            return Ok(None);
        }
        let name = pool.next;
        let file = private().create_new(true).open(self.path(name))?;
        pool.made += 1;
        pool.next += 1;
        Ok(Some(Room { file, name }))
    }

    fn path(&self, name: usize) -> PathBuf {
        self.directory.join(name.to_string())
    }

    /// Lets go of files that only many exchanges at once need.
    fn shrink(&self) {
        let mut pool = lock(&self.pool);
        let spare = pool.free.len().saturating_sub(SPARE);
        let spare: Vec<_> = pool.free.drain(..spare).collect();
        pool.made -= spare.len();
        for room in spare {
            // One that stays is empty, and is removed with the rest.
            let _ = std::fs::remove_file(self.path(room.name));
        }
    }

    /// Takes a file back, whose first bytes hold what nobody needs any more.
    fn wipe(&self, room: Room, len: u64) {
        let file = &room.file;
        // Memory that is given back and taken again costs more than all the rest.
        let is_wiped = match usize::try_from(len) {
            Ok(len @ ..=WIPED) => file.write_all_at(&[0; WIPED][..len], 0),
            _ => file.set_len(0),
        };
        if is_wiped.or_else(|_| file.set_len(0)).is_ok() {
            self.bytes.fetch_sub(len, Ordering::Relaxed);
            lock(&self.pool).free.push(room);
        }
    }

    /// A file that has these bytes, and how many they are; `None` if there is no room for them.
    fn file_of(&self, bytes: &[u8]) -> Option<(Room, u64)> {
        let more = bytes.len() as u64;
        let all = self.bytes.load(Ordering::Relaxed) + more;
        if more > MOST_OF_ONE || all > self.most {
            return None;
        }
        let room = self.file().ok()??;
        self.bytes.fetch_add(more, Ordering::Relaxed);
        if let Err(error) = room.file.write_all_at(bytes, 0) {
            self.failed(&error);
            self.wipe(room, more);
            return None;
        }
        Some((room, more))
    }

    /// Has the label say what the redactor has learned; whether it does.
    fn remember(&self) -> bool {
        let mut label = lock(&self.label);
        if !self.redactor.knows_more(&label.memory) {
            return true;
        }
        let next = Label {
            started: label.started,
            capture: label.capture.clone(),
            memory: self.redactor.memory(),
        };
        let written = next.write(&self.directory);
        match &written {
            Ok(()) => *label = next,
            Err(error) => self.failed(error),
        }
        written.is_ok()
    }

    /// Says that something could not be written, once until something is.
    fn failed(&self, error: &io::Error) {
        if !self.has_failed.swap(true, Ordering::Relaxed) {
            let directory = self.directory.display();
            tracing::error!(
                "cannot write {directory}: {error}; the last instant of what is in flight would be lost with a codextap \
                 that is killed"
            );
        }
    }

    /// Says that an exchange goes beyond the bounds, once.
    fn goes_beyond(&self) {
        if !self.is_full.swap(true, Ordering::Relaxed) {
            let directory = self.directory.display();
            tracing::info!(
                "{directory} is full: the last instant of some of what is in flight would be lost with a kill"
            );
        }
    }
}

impl Slot {
    /// Takes what was told, to be written with the next bytes to the client.
    pub(super) fn tell(&self, at: At, told: &Told) {
        let mut state = lock(&self.state);
        if state.file.is_some() {
            state.last = at;
            state.relayed = matches!(told, Told::Kind(Kind::Upgraded)).then_some([0, 0]);
            record::told(&mut state.pending, at, told);
        }
    }

    /// The same with bytes that were forwarded to the upstream.
    pub(super) fn sent(&self, at: At, bytes: &[u8]) {
        let mut state = lock(&self.state);
        if state.file.is_some() {
            state.add(at, Direction::Out, bytes);
            if state.pending.len() >= PENDING {
                self.put(&mut state);
            }
        }
    }

    /// Writes what is about to be forwarded to the client, and all that waits.
    pub(super) fn write<'a>(&self, at: At, parts: impl IntoIterator<Item = &'a Bytes>) {
        let mut state = lock(&self.state);
        if state.file.is_some() {
            for bytes in parts.into_iter().filter(|bytes| !bytes.is_empty()) {
                state.add(at, Direction::In, bytes);
            }
            self.put(&mut state);
        }
    }

    /// Writes what waits, or drops the exchange.
    fn put(&self, state: &mut State) {
        let Some(room) = state.file.as_ref().filter(|_| !state.pending.is_empty()) else {
            return;
        };
        let more = state.pending.len() as u64;
        let all = self.tail.bytes.fetch_add(more, Ordering::Relaxed) + more;
        let written = if state.len + more > MOST_OF_ONE || all > self.tail.most {
            Err(None)
        } else {
            let written = room.file.write_all_at(&state.pending, state.len);
            written.map_err(Some)
        };
        // Part of it may be there.
        state.len += more;
        state.pending.clear();
        state.pending.shrink_to(PENDING);
        match written {
            // Only read, as a rule: all exchanges share it.
            Ok(()) if self.tail.has_failed.load(Ordering::Relaxed) => {
                self.tail.has_failed.store(false, Ordering::Relaxed);
            }
            Ok(()) => {}
            Err(error) => {
                match error {
                    Some(error) => self.tail.failed(&error),
                    None => self.tail.goes_beyond(),
                }
                self.drop_it(state);
            }
        }
    }

    /// Drops the exchange, and not what it has shown to be a credential.
    fn drop_it(&self, state: &mut State) {
        let is_remembered = self.tail.remember();
        self.wipe(state);
        if !is_remembered {
            // There may be room only now.
            self.tail.remember();
        }
    }

    /// Wipes what there is of the exchange, of which no more is taken.
    fn wipe(&self, state: &mut State) {
        state.pending = Vec::new();
        if let Some(file) = state.file.take() {
            self.tail.wipe(file, state.len);
        }
    }
}

impl State {
    /// Whether that is all that was relayed, and nothing else happened.
    fn is_at(&self, relayed: [u64; 2]) -> bool {
        self.file.is_some() && self.relayed == Some(relayed)
    }

    /// Takes bytes, to be written.
    fn add(&mut self, at: At, dir: Direction, bytes: &[u8]) {
        self.last = at;
        if let Some(relayed) = &mut self.relayed {
            relayed[usize::from(dir == Direction::In)] += bytes.len() as u64;
        }
        record::data(&mut self.pending, at, dir, bytes);
    }
}

/// Opens files that only their owner can read.
fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true).mode(0o600);
    options
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The file that says whose tail it is.
const LABEL: &str = "label";

/// How many exchanges have slots at once where a process may have so many file descriptors (its soft limit; `None` for any
/// number): each takes one, and connections need the most of them.
fn slots(descriptors: Option<u64>) -> usize {
    let share = descriptors.and_then(|most| usize::try_from(most / 8).ok());
    share.map_or(SLOTS, |share| share.min(SLOTS))
}

/// How many there are at most.
const SLOTS: usize = 256;

/// How many files stay open while nothing is in flight.
const SPARE: usize = 4;

/// From how many bytes on a connection at rest is kept by what it needs alone: that is 100 KB or so.
const LONG: u64 = 512 << 10;

/// How many bytes all slots have at most.
const MOST: u64 = 64 << 20;

/// How many one of them has: the longest streams that models send are a few MiB.
const MOST_OF_ONE: u64 = 16 << 20;

/// Room for what stands in front of a body.
const HEADS: usize = 2 << 10;

/// How much of what goes to the upstream waits to be written.
const PENDING: usize = 16 << 10;

/// Up to how many bytes the memory of a slot is kept for the next one.
const WIPED: usize = 16 << 10;
