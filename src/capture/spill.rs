//! The rest of a long body on the disk, until the flow's line is written: a file without a name, written
//! by a thread of its own.
//!
//! Who gives it bytes waits while the disk is behind, as long as the disk gets on at all. One that does
//! nothing for a second, or fails, gets no more: what it has is kept, and what follows is counted by
//! whom it belongs to.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::Builder;
use std::time::Duration;

use super::nameless;
use crate::flow::{Spill, Spills};

/// Makes nameless files in a directory.
#[derive(Debug)]
pub struct Spillway {
    directory: PathBuf,
}

impl Spillway {
    /// One that makes files in `directory`.
    #[must_use]
    pub fn new(directory: PathBuf) -> Self {
        Self { directory }
    }
}

impl Spills for Spillway {
    fn open(&self) -> Option<Arc<dyn Spill>> {
        match Pool::open(&self.directory) {
            Ok(pool) => Some(Arc::new(pool)),
            Err(error) => {
                let directory = self.directory.display();
                tracing::error!("cannot make a file in {directory} for a long body: {error}");
                None
            }
        }
    }
}

/// A file with the rest of a body.
#[derive(Debug)]
struct Pool {
    file: Arc<File>,
    /// Parts on their way to the thread; `None` ends it.
    parts: SyncSender<Option<Vec<u8>>>,
    shared: Arc<Shared>,
}

/// What both threads see.
#[derive(Default, Debug)]
struct Shared {
    /// Bytes that are in the file.
    written: AtomicU64,
    /// Whether nothing more will be.
    is_over: AtomicBool,
}

impl Pool {
    fn open(directory: &std::path::Path) -> io::Result<Self> {
        let file = Arc::new(nameless(directory)?);
        let shared = Arc::new(Shared::default());
        let (parts, queue) = sync_channel(QUEUE);
        let (own, told) = (Arc::clone(&file), Arc::clone(&shared));
        Builder::new()
            .name("spill".to_owned())
            .spawn(move || fill(&own, &queue, &told))?;
        Ok(Self {
            file,
            parts,
            shared,
        })
    }

    /// Hands a part over; says whether it could.
    fn send(&self, mut part: Option<Vec<u8>>) -> bool {
        let mut patience = Patience::default();
        loop {
            match self.parts.try_send(part) {
                Ok(()) => return true,
                Err(TrySendError::Full(own)) => part = own,
                Err(TrySendError::Disconnected(_)) => return false,
            }
            if !patience.waits(&self.shared) {
                self.shared.is_over.store(true, Ordering::Release);
                return false;
            }
        }
    }
}

impl Spill for Pool {
    fn add(&self, bytes: Vec<u8>) -> bool {
        !self.shared.is_over.load(Ordering::Acquire) && self.send(Some(bytes))
    }

    fn finish(&self) -> u64 {
        let mut patience = Patience::default();
        let mut is_waiting = self.send(None);
        while is_waiting {
            let is_over = self.shared.is_over.load(Ordering::Acquire);
            is_waiting = !is_over && patience.waits(&self.shared);
        }
        self.shared.written.load(Ordering::Acquire)
    }

    fn read(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        self.file.read_at(buffer, offset)
    }
}

/// Writes what comes, until the end or a failure.
fn fill(file: &File, queue: &Receiver<Option<Vec<u8>>>, shared: &Shared) {
    while let Ok(Some(part)) = queue.recv() {
        let offset = shared.written.load(Ordering::Relaxed);
        if let Err(error) = file.write_all_at(&part, offset) {
            tracing::error!("a long body cannot be kept beyond its first bytes: {error}");
            break;
        }
        shared
            .written
            .store(offset + part.len() as u64, Ordering::Release);
    }
    shared.is_over.store(true, Ordering::Release);
}

/// How long a disk that does nothing is waited for.
#[derive(Default)]
struct Patience {
    /// Bytes in the file when it was looked at last.
    seen: u64,
    /// How often nothing had been added.
    idle: u32,
}

impl Patience {
    /// Waits a moment; says whether it is worth it to wait on.
    fn waits(&mut self, shared: &Shared) -> bool {
        std::thread::sleep(PAUSE);
        let written = shared.written.load(Ordering::Acquire);
        if written > self.seen {
            *self = Self {
                seen: written,
                idle: 0,
            };
        }
        self.idle += 1;
        self.idle < PAUSES
    }
}

/// How many parts may wait for the disk.
const QUEUE: usize = 4;

/// How long a pause is, and how many of them without a byte written are too many: a second.
const PAUSE: Duration = Duration::from_millis(1);
const PAUSES: u32 = 1000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_added_is_read_back_and_the_file_has_no_name() {
        let directory = tempfile::tempdir().unwrap();
        let spill = Spillway::new(directory.path().to_owned()).open().unwrap();
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
    fn without_its_directory_there_is_no_room() {
        let spillway = Spillway::new(PathBuf::from("/nonexistent"));
        assert!(spillway.open().is_none());
    }
}
