//! One direction of an exchange: copies what was forwarded, within the channel's budget.
//!
//! The owner forwards chunks, then calls [`Lane::data`] for each, which never waits. Before it takes
//! the next ones, and before it tells the end, it calls [`Lane::poll_ready`]: that is the one place
//! where the observed waits for the observer: as long as that gets on, within
//! [`Limits::patience`](super::Limits). After that the lane copies what finds room, counts what does
//! not, and says so before the next event it sends.

use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, timeout};

use super::clock::{At, timer};
use super::event::{Direction, End, Failure, Kind, Phase, Side};
use super::exchange::Exchange;
use super::head::{Lines, Unmasked};

/// The copying end of one direction. Dropped before its end, it tells [`End::Aborted`].
#[derive(Debug)]
pub struct Lane {
    exchange: Exchange,
    dir: Direction,
    /// Forwarded chunks that found no room yet, and when they were forwarded: at most what the owner
    /// forwards between two calls of [`Lane::poll_ready`].
    held: VecDeque<(At, Bytes)>,
    /// Bytes forwarded without a copy since the last event.
    missed: u64,
    /// Bytes forwarded, until it is known to be [`LONG`].
    passed: usize,
    /// Whether bytes behind [`LONG`] go to a disk.
    is_body: bool,
    /// How long this lane may still pause.
    patience: Duration,
    /// The wait for room in the channel.
    pause: Option<Pause>,
    /// The wait for the disk.
    writing: Option<Pause>,
    /// Whether [`Kind::Ended`] was told.
    over: bool,
}

impl Lane {
    pub(super) fn new(exchange: Exchange, dir: Direction) -> Self {
        let limits = exchange.shared().limits;
        Self {
            exchange,
            dir,
            held: VecDeque::new(),
            missed: 0,
            passed: 0,
            is_body: true,
            patience: if limits.pause.is_zero() {
                Duration::ZERO
            } else {
                limits.patience
            },
            pause: None,
            writing: None,
            over: false,
        }
    }

    /// The exchange that this is a direction of.
    #[must_use]
    pub fn exchange(&self) -> &Exchange {
        &self.exchange
    }

    /// From here on it carries another protocol, of which nothing is written before a message ends.
    pub fn upgraded(&mut self) {
        self.is_body = false;
    }

    /// Puts what is about to be forwarded to the client on the [tail](super::Tail), with all that was told
    /// so far: whatever the client gets is there before. What goes to the upstream may come behind it.
    pub fn before<'a>(&self, parts: impl IntoIterator<Item = &'a Bytes>) {
        if self.dir == Direction::In
            && let Some(slot) = self.exchange.slot()
        {
            slot.write(self.exchange.shared().clock.now(), parts);
        }
    }

    /// Copies a chunk that was just forwarded. Never waits.
    pub fn data(&mut self, bytes: &Bytes) {
        if bytes.is_empty() || self.over || self.exchange.shared().is_closed() {
            return;
        }
        self.passed = self.passed.saturating_add(bytes.len());
        let at = self.exchange.shared().clock.now();
        if self.dir == Direction::Out
            && let Some(slot) = self.exchange.slot()
        {
            slot.sent(at, bytes);
        }
        let is_next = self.held.is_empty();
        if is_next && self.exchange.shared().reserve(bytes.len()) {
            self.copy(at, bytes.clone());
        } else if is_next
            && (self.patience.is_zero() || self.exchange.shared().cost(bytes.len()).is_none())
        {
            self.missed += bytes.len() as u64;
        } else {
            self.held.push_back((at, bytes.clone()));
        }
    }

    /// Ready when the next chunk may be forwarded: at once, unless the budget is spent or a long body
    /// comes faster than it is written.
    pub fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        ready!(self.poll_room(cx));
        self.poll_written(cx)
    }

    /// Ready when all held chunks were sent or counted.
    fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while let Some((_, bytes)) = self.held.front() {
            let shared = self.exchange.shared();
            let pause = match &mut self.pause {
                Some(pause) => pause,
                none => {
                    if shared.reserve(bytes.len()) {
                        self.copy_held();
                        continue;
                    }
                    let cost = shared.cost(bytes.len());
                    let Some(cost) = cost.filter(|_| !self.patience.is_zero()) else {
                        self.miss_held();
                        continue;
                    };
                    let most = self.patience.min(shared.limits.pause);
                    let room = Arc::clone(&shared.room).acquire_many_owned(cost);
                    let granted = async { room.await.map(OwnedSemaphorePermit::forget).is_ok() };
                    none.insert(Pause::new(most, granted))
                }
            };
            if ready!(pause.poll(cx, &mut self.patience)) {
                self.pause = None;
                self.copy_held();
            } else {
                self.pause = None;
            }
        }
        Poll::Ready(())
    }

    /// Ready when what there is of long bodies is on its way to the disk.
    fn poll_written(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let backlog = &self.exchange.shared().backlog;
        let pause = match &mut self.writing {
            Some(pause) => pause,
            none => {
                let is_long = self.is_body && self.passed > LONG;
                if !is_long || self.patience.is_zero() || !backlog.is_high() {
                    return Poll::Ready(());
                }
                let most = self.patience.min(self.exchange.shared().limits.pause);
                let backlog = backlog.clone();
                none.insert(Pause::new(most, async {
                    backlog.eased().await;
                    true
                }))
            }
        };
        ready!(pause.poll(cx, &mut self.patience));
        self.writing = None;
        Poll::Ready(())
    }

    /// Tells the trailer section of a body.
    pub fn trailers<'a>(&mut self, lines: impl IntoIterator<Item = (&'a str, &'a [u8])>) {
        self.settle();
        self.tell_missed();
        self.exchange.send(Unmasked::Trailers {
            dir: self.dir,
            lines: Lines::of(lines),
        });
    }

    /// Tells what broke, then the end.
    pub fn failed(&mut self, side: Side, phase: Phase, message: String) {
        self.settle();
        self.tell_missed();
        self.exchange.failed(Failure {
            side,
            phase,
            message,
        });
        self.end(End::Aborted);
    }

    /// Tells that the proxy ended it, because the program ends.
    pub fn cut(&mut self, failure: Failure) {
        self.settle();
        self.tell_missed();
        self.exchange.cut(failure);
        self.end(End::Aborted);
    }

    /// Waits until all chunks were sent or counted, and tells that it came to its proper end; only the first end
    /// counts.
    pub async fn complete(&mut self) {
        poll_fn(|cx| self.poll_ready(cx)).await;
        self.end(End::Complete);
    }

    /// Tells the end; only the first call counts.
    pub fn end(&mut self, how: End) {
        if std::mem::replace(&mut self.over, true) {
            return;
        }
        self.settle();
        self.tell_missed();
        self.exchange.send(Kind::Ended { dir: self.dir, how });
    }

    /// The direction it copies.
    #[must_use]
    pub fn dir(&self) -> Direction {
        self.dir
    }

    /// Sends of the held chunks what there is room for now, and counts the rest: what follows must
    /// not overtake them.
    fn settle(&mut self) {
        self.pause = None;
        while let Some((_, bytes)) = self.held.front() {
            if self.exchange.shared().reserve(bytes.len()) {
                self.copy_held();
            } else {
                self.miss_held();
            }
        }
    }

    /// Sends the first held chunk, whose room is reserved.
    fn copy_held(&mut self) {
        if let Some((at, bytes)) = self.held.pop_front() {
            self.copy(at, bytes);
        }
    }

    /// Counts the first held chunk.
    fn miss_held(&mut self) {
        if let Some((_, bytes)) = self.held.pop_front() {
            self.missed += bytes.len() as u64;
        }
    }

    /// Sends a chunk whose room is reserved.
    fn copy(&mut self, at: At, bytes: Bytes) {
        self.tell_missed();
        let shared = self.exchange.shared();
        shared.send(
            self.exchange.id(),
            at,
            Kind::Data {
                dir: self.dir,
                bytes,
            },
        );
    }

    fn tell_missed(&mut self) {
        let bytes = std::mem::take(&mut self.missed);
        if bytes > 0 {
            self.exchange.send(Kind::Missed {
                dir: self.dir,
                bytes,
            });
        }
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        self.end(End::Aborted);
    }
}

/// A wait for the observer.
struct Pause {
    since: Instant,
    /// Whether it got on before patience ran out.
    granted: Pin<Box<dyn Future<Output = bool> + Send>>,
}

impl Pause {
    /// A wait of at most `most` until `granted` says whether it got on.
    fn new(most: Duration, granted: impl Future<Output = bool> + Send + 'static) -> Self {
        let granted = async move { timeout(most, granted).await.unwrap_or(false) };
        Self {
            since: timer(),
            granted: Box::pin(granted),
        }
    }

    /// Waits; takes the time from `patience`, or all of it where it was in vain.
    fn poll(&mut self, cx: &mut Context<'_>, patience: &mut Duration) -> Poll<bool> {
        let granted = ready!(self.granted.as_mut().poll(cx));
        *patience = if granted {
            patience.saturating_sub(self.since.elapsed())
        } else {
            Duration::ZERO
        };
        Poll::Ready(granted)
    }
}

impl std::fmt::Debug for Pause {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pause")
            .field("since", &self.since)
            .finish_non_exhaustive()
    }
}

/// From here on a body goes to a disk, if there is one: what the observer keeps of it in memory.
const LONG: usize = 8 << 20;

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::*;
    use crate::tap::{Clock, Event, Limits, Receiver, Redactor, Tap, channel};

    /// A lane on a channel with room for one chunk of 100 bytes.
    fn lane(pause: Duration) -> (Tap, Lane, Receiver) {
        let limits = Limits {
            budget: 100 + size_of::<Event>(),
            pause,
            patience: 3 * pause,
        };
        let (tap, receiver) = channel(limits, Clock::start(), Redactor::off());
        let client = SocketAddr::from(([127, 0, 0, 1], 40_000));
        let lane = tap.open(1, client, "".into()).lane(Direction::Out);
        (tap, lane, receiver)
    }

    /// The kinds of all events that are there, in short.
    fn told(receiver: &mut Receiver) -> Vec<String> {
        let mut events = Vec::new();
        receiver.try_recv_many(&mut events);
        (events.iter())
            .filter_map(|event| match &event.kind {
                Kind::Data { bytes, .. } => Some(format!("data {}", bytes.len())),
                Kind::Missed { bytes, .. } => Some(format!("missed {bytes}")),
                Kind::Ended { how, .. } => Some(format!("ended {how:?}")),
                _ => None,
            })
            .collect()
    }

    fn chunk(len: usize) -> Bytes {
        Bytes::from(vec![b'x'; len])
    }

    #[tokio::test]
    async fn a_spent_budget_pauses_until_the_receiver_takes() {
        let (_tap, mut lane, mut receiver) = lane(Duration::from_secs(3600));
        lane.data(&chunk(100));
        lane.data(&chunk(99));
        let mut paused = false;
        poll_fn(|cx| {
            let ready = lane.poll_ready(cx);
            if ready.is_pending() && !std::mem::replace(&mut paused, true) {
                assert_eq!(told(&mut receiver), ["data 100"]);
            }
            ready
        })
        .await;
        assert!(paused);
        lane.end(End::Complete);
        assert_eq!(told(&mut receiver), ["data 99", "ended Complete"]);
    }

    #[tokio::test]
    async fn chunks_that_are_told_together_wait_together() {
        let (_tap, mut lane, mut receiver) = lane(Duration::from_secs(3600));
        for len in [100, 90, 80, 70] {
            lane.data(&chunk(len));
        }
        let mut seen = Vec::new();
        poll_fn(|cx| {
            let ready = lane.poll_ready(cx);
            seen.extend(told(&mut receiver));
            ready
        })
        .await;
        lane.end(End::Complete);
        seen.extend(told(&mut receiver));
        let all = [
            "data 100",
            "data 90",
            "data 80",
            "data 70",
            "ended Complete",
        ];
        assert_eq!(seen, all);
    }

    #[tokio::test]
    async fn patience_runs_out_once_and_the_loss_is_counted() {
        let (_tap, mut lane, mut receiver) = lane(Duration::from_millis(1));
        lane.data(&chunk(100));
        lane.data(&chunk(60));
        poll_fn(|cx| lane.poll_ready(cx)).await;
        lane.data(&chunk(40));
        assert!(poll_fn(|cx| Poll::Ready(lane.poll_ready(cx).is_ready())).await);
        assert_eq!(told(&mut receiver), ["data 100"]);
        lane.data(&chunk(5));
        drop(lane);
        assert_eq!(
            told(&mut receiver),
            ["missed 100", "data 5", "ended Aborted"]
        );
    }

    #[tokio::test(start_paused = true)]
    async fn an_observer_that_gets_on_is_waited_for_time_and_again() {
        const PAUSE: Duration = Duration::from_secs(1);
        let (_tap, mut lane, mut receiver) = lane(PAUSE);
        let mut seen = Vec::new();
        for _ in 0..5 {
            lane.data(&chunk(100));
            let waiting = tokio::time::sleep(PAUSE * 7 / 10);
            let ((), ()) = tokio::join!(
                async {
                    waiting.await;
                    seen.extend(told(&mut receiver));
                },
                poll_fn(|cx| lane.poll_ready(cx))
            );
        }
        drop(lane);
        // The first one finds room at once. Four waits of 0.7 s are less than 3 s in all.
        seen.extend(told(&mut receiver));
        let all = ["data 100"; 5].into_iter().chain(["ended Aborted"]);
        assert_eq!(seen, all.collect::<Vec<_>>());
    }

    #[tokio::test(start_paused = true)]
    async fn waits_are_bounded_in_all() {
        const PAUSE: Duration = Duration::from_secs(1);
        let (_tap, mut lane, mut receiver) = lane(PAUSE);
        let began = Instant::now();
        let mut seen = Vec::new();
        for _ in 0..9 {
            lane.data(&chunk(100));
            let slow = async {
                tokio::time::sleep(PAUSE * 9 / 10).await;
                seen.extend(told(&mut receiver));
            };
            tokio::select! {
                () = poll_fn(|cx| lane.poll_ready(cx)) => {}
                () = slow => poll_fn(|cx| lane.poll_ready(cx)).await,
            }
        }
        assert_eq!(began.elapsed(), 3 * PAUSE);
        drop(lane);
        seen.extend(told(&mut receiver));
        let all = [
            "data 100",
            "data 100",
            "data 100",
            "data 100",
            "missed 500",
            "ended Aborted",
        ];
        assert_eq!(seen, all);
    }

    #[tokio::test]
    async fn a_long_body_waits_for_the_disk_and_nothing_else_does() {
        let limits = Limits {
            pause: Duration::from_secs(3600),
            ..Limits::default()
        };
        let (tap, receiver) = channel(limits, Clock::start(), Redactor::off());
        let client = SocketAddr::from(([127, 0, 0, 1], 40_000));
        let exchange = tap.open(1, client, "".into());
        let [mut long, mut other, mut socket] =
            [Direction::Out, Direction::In, Direction::In].map(|dir| exchange.lane(dir));
        long.data(&chunk(LONG + 1));
        other.data(&chunk(1));
        socket.upgraded();
        socket.passed = LONG + 1;
        let backlog = receiver.backlog();
        assert!(backlog.add(LONG as u64 + 1, u64::MAX));
        poll_fn(|cx| other.poll_ready(cx)).await;
        poll_fn(|cx| socket.poll_ready(cx)).await;
        let mut paused = false;
        poll_fn(|cx| {
            let ready = long.poll_ready(cx);
            if ready.is_pending() && !std::mem::replace(&mut paused, true) {
                backlog.remove(1);
            }
            ready
        })
        .await;
        assert!(paused);
    }

    #[tokio::test(start_paused = true)]
    async fn a_disk_that_hangs_is_waited_for_once() {
        let (tap, receiver) = channel(Limits::default(), Clock::start(), Redactor::off());
        let client = SocketAddr::from(([127, 0, 0, 1], 40_000));
        let mut lane = tap.open(1, client, "".into()).lane(Direction::Out);
        assert!(receiver.backlog().add(u64::from(u32::MAX), u64::MAX));
        let began = Instant::now();
        for _ in 0..2 {
            lane.data(&chunk(LONG / 2 + 1));
            poll_fn(|cx| lane.poll_ready(cx)).await;
        }
        poll_fn(|cx| lane.poll_ready(cx)).await;
        assert_eq!(began.elapsed(), Limits::default().pause);
    }

    #[tokio::test]
    async fn without_a_receiver_nothing_waits() {
        let (_tap, mut lane, receiver) = lane(Duration::from_secs(3600));
        lane.data(&chunk(100));
        lane.data(&chunk(100));
        assert!(poll_fn(|cx| Poll::Ready(lane.poll_ready(cx).is_pending())).await);
        drop(receiver);
        poll_fn(|cx| lane.poll_ready(cx)).await;
    }

    #[tokio::test]
    async fn a_chunk_above_the_whole_budget_is_counted_at_once() {
        let (_tap, mut lane, mut receiver) = lane(Duration::from_secs(3600));
        lane.data(&chunk(101));
        poll_fn(|cx| lane.poll_ready(cx)).await;
        lane.end(End::Complete);
        lane.end(End::Aborted);
        assert_eq!(told(&mut receiver), ["missed 101", "ended Complete"]);
    }
}
