//! How a proxy's run ends, with everything written down: what is in flight may come to its end, for a
//! while, and what does not is ended and marked.
//!
//! An open WebSocket without a turn in progress is not waited for: Codex keeps its own for as long as
//! it runs, and nobody who presses Ctrl-C wants to wait for that.

use std::future::Future;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::aside;
use super::runtime::Announcement;
use super::signals::Signals;
use super::threads::Threads;
use crate::capture::Recording;
use crate::flow::{FlowId, Store};
use crate::proxy::Stage;
use crate::tap::{Clock, Event, Receiver};

/// Ends a proxy.
#[derive(Debug)]
pub(super) struct Ending {
    /// How far the shutdown is.
    pub(super) stage: watch::Sender<Stage>,
    /// The proxy; one that panicked has ended too.
    pub(super) proxy: JoinHandle<()>,
    /// Keeps the threads that it runs on.
    pub(super) _threads: Threads,
    /// Keeps others from what is meant for side channels.
    pub(super) _aside: Option<aside::Hold>,
    /// Lets others find the proxy.
    pub(super) announcement: Option<Announcement>,
}

/// What becomes of the tap's events.
pub(super) struct Record<'a, F> {
    pub(super) events: &'a mut Receiver,
    pub(super) recording: &'a mut Recording,
    pub(super) store: &'a mut Store,
    /// Is shown the flows that ended.
    pub(super) finished: F,
}

impl<F: FnMut(&mut Store, Vec<FlowId>)> Record<'_, F> {
    /// Records until `ended` resolves; `None` when the tap was closed before.
    pub(super) async fn until<T>(&mut self, ended: impl Future<Output = T>) -> Option<T> {
        let mut ended = std::pin::pin!(ended);
        let mut arrived = Vec::new();
        loop {
            tokio::select! {
                end = &mut ended => return Some(end),
                count = self.events.recv_many(&mut arrived) => {
                    if count == 0 {
                        return None;
                    }
                }
                // What became of the latest lines is told, whether or not more events come.
                () = sleep(CHECK), if self.recording.awaits_writing() => {}
            }
            self.take(&mut arrived);
        }
    }

    /// Ends the proxy from `stage` on, records what it still tells, and marks what is cut. Gives the
    /// signal that cut everything at once, if there was one.
    pub(super) async fn end(
        mut self,
        mut ending: Ending,
        stage: Stage,
        signals: &mut Signals,
        clock: Clock,
    ) -> Option<rustix::process::Signal> {
        drop(ending.announcement.take());
        ending.stage.send_replace(stage);
        let mut arrived = Vec::new();
        let cut = loop {
            // A batch, not all there is: a stream that outpaces the recorder must not keep a signal waiting.
            let is_drained = self.events.try_recv_many(&mut arrived) == 0;
            self.take(&mut arrived);
            if is_drained && self.recording.is_at_rest() {
                (ending.stage).send_if_modified(|stage| {
                    std::mem::replace(stage, Stage::Closing) != Stage::Closing
                });
            }
            tokio::select! {
                signal = signals.next() => break Some(signal),
                _ = &mut ending.proxy => break None,
                () = tokio::task::yield_now(), if !is_drained => {}
                count = self.events.recv_many(&mut arrived), if is_drained => {
                    if count == 0 {
                        break None;
                    }
                }
            }
        };
        // What waits already. The proxy still runs, so there may always be more.
        for _ in 0..LAST_BATCHES {
            if self.events.try_recv_many(&mut arrived) == 0 {
                break;
            }
            self.take(&mut arrived);
        }
        self.take(&mut arrived);
        let ids = self.recording.cut(self.store, clock.now());
        (self.finished)(self.store, ids);
        // Only now, so that what is cut is marked as that.
        ending.proxy.abort();
        cut
    }

    fn take(&mut self, arrived: &mut Vec<Event>) {
        for event in arrived.drain(..) {
            let ids = self.recording.apply(self.store, event);
            (self.finished)(self.store, ids);
        }
        self.recording.settle(self.store);
    }
}

/// How long after a line was handed over it is looked whether it was written.
const CHECK: Duration = Duration::from_secs(1);

/// How many batches of events are recorded once nothing is waited for any more: more than the tap's
/// budget holds at a time.
const LAST_BATCHES: usize = 64;
