//! The rest of a long body on the disk, until the flow's line is written: a file without a name, made and
//! written by a thread of its own.
//!
//! Who gives it bytes never waits: what is on its way to the disks stays in memory. While that is much the
//! proxy lets long bodies wait ([`Backlog`]), as far as they may; what goes beyond a bound all the same is
//! counted by whom it belongs to. Only who writes the line waits, as long as the disk gets
//! on at all: one that does nothing for a second, or fails, keeps what it has.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::Builder;
use std::time::Duration;

use super::nameless;
use crate::flow::{Spill, Spills};
use crate::tap::Backlog;

/// Makes nameless files in a directory.
#[derive(Debug)]
pub struct Spillway {
    directory: PathBuf,
    /// Bytes of all files that are on their way to the disk.
    waiting: Backlog,
}

impl Spillway {
    /// One that makes files in `directory` and tells `waiting` what is not written yet.
    #[must_use]
    pub fn new(directory: PathBuf, waiting: Backlog) -> Self {
        Self { directory, waiting }
    }
}

impl Spills for Spillway {
    fn open(&self) -> Option<Arc<dyn Spill>> {
        let directory = self.directory.clone();
        let open = move || {
            nameless(&directory).inspect_err(|error| {
                let directory = directory.display();
                tracing::error!("cannot make a file in {directory} for a long body: {error}");
            })
        };
        match Pool::start(&self.waiting, open, FileExt::write_all_at) {
            Ok(pool) => Some(Arc::new(pool)),
            Err(error) => {
                tracing::error!("cannot start a thread for a long body: {error}");
                None
            }
        }
    }
}

/// A file with the rest of a body.
#[derive(Debug)]
struct Pool {
    shared: Arc<Shared>,
}

/// What both threads see.
#[derive(Debug)]
struct Shared {
    /// The file, once it is there.
    file: OnceLock<File>,
    state: Mutex<State>,
    /// Something in `state` changed.
    changed: Condvar,
    /// Bytes of this and other files that are on their way to the disk.
    waiting: Backlog,
}

/// How far a file is.
#[derive(Default, Debug)]
struct State {
    /// What is to be written.
    parts: VecDeque<Vec<u8>>,
    /// Whether no more parts come.
    is_complete: bool,
    /// Bytes that are in the file.
    written: u64,
    /// Whether nothing more will be.
    is_over: bool,
}

impl Pool {
    /// Starts a thread that makes a file with `open` and puts parts into it with `write`.
    fn start(
        waiting: &Backlog,
        open: impl FnOnce() -> io::Result<File> + Send + 'static,
        write: impl Fn(&File, &[u8], u64) -> io::Result<()> + Send + 'static,
    ) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            file: OnceLock::new(),
            state: Mutex::default(),
            changed: Condvar::new(),
            waiting: waiting.clone(),
        });
        let own = Arc::clone(&shared);
        Builder::new().name("spill".to_owned()).spawn(move || {
            if let Ok(file) = open() {
                own.fill(own.file.get_or_init(|| file), write);
            }
            own.end(&mut own.lock());
        })?;
        Ok(Self { shared })
    }
}

impl Spill for Pool {
    fn add(&self, bytes: Vec<u8>) -> bool {
        let shared = &self.shared;
        let len = bytes.len() as u64;
        let mut state = shared.lock();
        if state.is_complete || state.is_over {
            return false;
        }
        if !shared.waiting.add(len, QUEUE) {
            return false;
        }
        state.parts.push_back(bytes);
        shared.changed.notify_all();
        true
    }

    fn finish(&self) -> u64 {
        let shared = &self.shared;
        let mut state = shared.lock();
        state.is_complete = true;
        shared.changed.notify_all();
        while !state.is_over {
            let before = state.written;
            let waited = shared.changed.wait_timeout(state, PATIENCE);
            let (now, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
            state = now;
            if timeout.timed_out() && state.written == before {
                tracing::error!("a long body is kept in part: the disk does nothing");
                shared.end(&mut state);
            }
        }
        state.written
    }

    fn read(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let file = self.shared.file.get();
        file.map_or(Ok(0), |file| file.read_at(buffer, offset))
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.shared.end(&mut self.shared.lock());
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes what comes, until the end or a failure.
    fn fill(&self, file: &File, write: impl Fn(&File, &[u8], u64) -> io::Result<()>) {
        while let Some((part, offset)) = self.next() {
            let len = part.len() as u64;
            let written = write(file, &part, offset);
            self.waiting.remove(len);
            if let Err(error) = written {
                tracing::error!("a long body cannot be kept beyond its first bytes: {error}");
                return;
            }
            let mut state = self.lock();
            // Whoever waited for it in vain has counted it as missed.
            if !state.is_over {
                state.written += len;
                self.changed.notify_all();
            }
        }
    }

    /// Waits for the next part; gives it with its place in the file.
    fn next(&self) -> Option<(Vec<u8>, u64)> {
        let idle =
            |state: &mut State| state.parts.is_empty() && !state.is_complete && !state.is_over;
        let waited = self.changed.wait_while(self.lock(), idle);
        let mut state = waited.unwrap_or_else(PoisonError::into_inner);
        let part = state.parts.pop_front()?;
        Some((part, state.written))
    }

    /// Lets go of what is not written.
    fn end(&self, state: &mut State) {
        state.is_over = true;
        for part in state.parts.drain(..) {
            let len = part.len() as u64;
            self.waiting.remove(len);
        }
        self.changed.notify_all();
    }
}

/// How many bytes may be on their way to the disk at once.
const QUEUE: u64 = 64 << 20;

/// How long a disk that does nothing is waited for.
const PATIENCE: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Sender, channel};

    use bytes::Bytes;

    use super::*;
    use crate::flow::{Flow, LIMIT, Recorder, Store};
    use crate::tap::{At, Direction, End, Event, ExchangeId, Kind, Redactor, RequestHead};

    #[test]
    fn what_was_added_is_read_back_and_the_file_has_no_name() {
        let directory = tempfile::tempdir().unwrap();
        let spill = Spillway::new(directory.path().to_owned(), Backlog::default())
            .open()
            .unwrap();
        for part in 0..20_u8 {
            assert!(spill.add(vec![part; 1000]));
        }
        assert_eq!(spill.finish(), 20_000);
        assert!(!spill.add(vec![1]));
        let mut buffer = [0; 2000];
        assert_eq!(spill.read(7_500, &mut buffer).unwrap(), 2000);
        assert_eq!((buffer[0], buffer[499], buffer[500]), (7, 7, 8));
        assert_eq!(spill.read(20_000, &mut buffer).unwrap(), 0);
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
    }

    #[test]
    fn without_its_directory_nothing_is_kept() {
        let spill = Spillway::new(PathBuf::from("/nonexistent"), Backlog::default())
            .open()
            .unwrap();
        spill.add(vec![1]);
        assert_eq!(spill.finish(), 0);
        assert_eq!(spill.read(0, &mut [0]).unwrap(), 0);
    }

    /// A pool whose disk does nothing until it is told to go on, as often as it is to write.
    fn stalled() -> (Arc<Pool>, Sender<()>) {
        let (go, gate) = channel::<()>();
        let write = move |file: &File, part: &[u8], offset| {
            gate.recv().map_err(io::Error::other)?;
            file.write_all_at(part, offset)
        };
        let pool = Pool::start(&Backlog::default(), tempfile::tempfile, write);
        (Arc::new(pool.unwrap()), go)
    }

    #[derive(Debug)]
    struct Only(Arc<Pool>);

    impl Spills for Only {
        fn open(&self) -> Option<Arc<dyn Spill>> {
            Some(Arc::clone(&self.0) as Arc<dyn Spill>)
        }
    }

    /// How much of the body is not in memory.
    const BEHIND: u64 = 3 << 20;

    /// Records an exchange with a long body.
    fn recorded(pool: &Arc<Pool>) -> Flow {
        let mut recorder = Recorder::new(At::default(), Redactor::off());
        recorder.spill_to(Arc::new(Only(Arc::clone(pool))));
        let mut store = Store::default();
        let (dir, how) = (Direction::Out, End::Complete);
        let opened = Kind::Opened {
            connection: 1,
            client: "127.0.0.1:50000".parse().unwrap(),
            upstream: Arc::from("https://api.openai.com"),
        };
        let request = Kind::Request(RequestHead {
            method: "POST".to_owned(),
            target: "/v1/responses".to_owned(),
            version: http::Version::HTTP_11,
            fields: Vec::new(),
        });
        let part = Bytes::from(vec![b'x'; 1 << 20]);
        let parts = (LIMIT as u64 + BEHIND) >> 20;
        let data = (0..parts).map(|_| Kind::Data {
            dir,
            bytes: part.clone(),
        });
        let ends = [Direction::Out, Direction::In].map(|dir| Kind::Ended { dir, how });
        for kind in [opened, request].into_iter().chain(data).chain(ends) {
            let event = Event {
                exchange: ExchangeId(1),
                at: At::default(),
                kind,
            };
            recorder.apply(&mut store, event);
        }
        let [flow] = store.flows()[..] else { panic!() };
        flow.clone()
    }

    #[test]
    fn a_slow_disk_is_waited_for_by_who_writes_the_line_and_not_by_the_recorder() {
        let (pool, go) = stalled();
        let flow = recorded(&pool);
        assert!(flow.ended.is_some());
        let body = &flow.request.body;
        // Had it been waited for, the disk would have been given up.
        assert_eq!((body.rest(), body.missed), (BEHIND, 0));
        for _ in 0..BEHIND {
            go.send(()).unwrap();
        }
        assert!(flow.settled().is_none());
        assert_eq!(pool.finish(), BEHIND);
    }

    #[test]
    fn what_a_hung_disk_does_not_take_in_time_is_missed() {
        let (pool, go) = stalled();
        let flow = recorded(&pool);
        go.send(()).unwrap();
        let settled = flow.settled().unwrap();
        let body = &settled.request.body;
        let kept = body.rest();
        assert!(kept > 0 && kept < BEHIND, "{kept}");
        assert_eq!(body.missed, BEHIND - kept);
        let [fault] = &settled.faults[..] else {
            panic!("{:?}", settled.faults)
        };
        assert!(fault.message.contains("a body needs room on the disk"));
        // What the disk does later comes too late.
        go.send(()).unwrap();
        assert_eq!(pool.finish(), kept);
    }

    #[test]
    fn what_waits_for_a_disk_is_bounded_and_taken_again_once_it_is_written() {
        let (pool, go) = stalled();
        let part = vec![0; 16 << 20];
        for _ in 0..4 {
            assert!(pool.add(part.clone()));
        }
        assert!(!pool.add(vec![0]));
        go.send(()).unwrap();
        while !pool.add(part.clone()) {
            std::thread::yield_now();
        }
        drop(go);
        assert_eq!(pool.finish(), 16 << 20);
        assert_eq!(pool.shared.waiting.bytes(), 0);
    }
}
