//! How much of long bodies is on its way to a disk: the observer counts it, and the proxy lets such a body
//! come no faster than it is written.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::Notify;

/// Bytes that wait to be written. Clones count the same.
#[derive(Clone, Default, Debug)]
pub struct Backlog {
    shared: Arc<Shared>,
}

#[derive(Default, Debug)]
struct Shared {
    bytes: AtomicU64,
    /// It was high and is not any more.
    eased: Notify,
}

impl Backlog {
    /// Counts `len` more bytes unless there are more than `most` then. Says whether it did.
    #[must_use]
    pub fn add(&self, len: u64, most: u64) -> bool {
        let bytes = &self.shared.bytes;
        let fits = bytes.fetch_add(len, Ordering::Relaxed) + len <= most;
        if !fits {
            self.remove(len);
        }
        fits
    }

    /// Counts `len` bytes less: they are written, or given up.
    pub fn remove(&self, len: u64) {
        let before = self.shared.bytes.fetch_sub(len, Ordering::AcqRel);
        if before > HIGH && before - len <= HIGH {
            self.shared.eased.notify_waiters();
        }
    }

    /// How many bytes wait.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.shared.bytes.load(Ordering::Acquire)
    }

    /// Whether so many wait that no more should come.
    pub(super) fn is_high(&self) -> bool {
        self.bytes() > HIGH
    }

    /// Waits until it is not high.
    pub(super) async fn eased(self) {
        loop {
            let mut eased = pin!(self.shared.eased.notified());
            eased.as_mut().enable();
            if !self.is_high() {
                return;
            }
            eased.await;
        }
    }
}

/// Enough to keep a disk busy while the next bytes come.
const HIGH: u64 = 1 << 20;
