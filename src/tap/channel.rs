//! The channel between the proxy and whoever watches, bounded by bytes.
//!
//! Sending never waits and takes no lock that a receiver holds. A wake-up costs more than an event, so
//! [`Receiver::recv_many`] takes what there is, and after that is not woken again for a few milliseconds. Copied bytes count against the budget
//! from the moment they are sent until the receiver took them. Only [`Event`]s with payload bytes
//! are counted: heads and ends are few, bounded by the proxy's limits, and never dropped.
//!
//! Heads pass as they came and are masked where they are received, because that takes a while and the
//! observed need not wait for it. There is no other way out of the channel.
//!
//! When the receiver is gone, everything is forwarded without copies.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::sync::{Semaphore, mpsc};
use tokio::task::yield_now;
use tokio::time::Sleep;

use super::backlog::Backlog;
use super::clock::{At, Clock};
use super::event::{Event, ExchangeId, Kind};
use super::exchange::Exchange;
use super::head::Unmasked;
use super::secret::Redactor;
use super::tail::Tail;

/// How much the channel may hold, and how long the observed waits for the observer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Bytes that may be on their way to the receiver: payload plus the events' own size.
    pub budget: usize,
    /// How long one direction of one exchange is paused at once while the budget is spent: a receiver
    /// that gets on makes room long before. After that, what finds no room is forwarded uncopied
    /// and counted as [`Kind::Missed`].
    pub pause: Duration,
    /// How long its pauses are in all.
    pub patience: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            budget: 16 << 20,
            // Longer than a disk that hangs holds up the receiver, or many streams in the queue for room each other.
            pause: Duration::from_secs(5),
            patience: Duration::from_secs(30),
        }
    }
}

/// Makes the two ends of a channel. `clock` stamps the events, `redactor` masks their heads.
#[must_use]
pub fn channel(limits: Limits, clock: Clock, redactor: Redactor) -> (Tap, Receiver) {
    let (sender, events) = mpsc::unbounded_channel();
    let budget = limits.budget.min(Semaphore::MAX_PERMITS);
    let room = Arc::new(Semaphore::new(budget));
    let backlog = Backlog::default();
    let shared = Shared {
        limits: Limits { budget, ..limits },
        clock,
        redactor: redactor.clone(),
        sender,
        room: Arc::clone(&room),
        backlog: backlog.clone(),
        next: AtomicU64::new(1),
        tail: OnceLock::new(),
    };
    (
        Tap {
            shared: Arc::new(shared),
        },
        Receiver {
            events,
            redactor,
            room,
            backlog,
            lull: None,
            has_more: false,
        },
    )
}

/// The proxy's end: opens exchanges. Clones share one channel.
#[derive(Clone, Debug)]
pub struct Tap {
    shared: Arc<Shared>,
}

impl Tap {
    /// Opens an exchange and tells [`Kind::Opened`].
    ///
    /// `connection` numbers the client's connection for log lines; `upstream` is the scheme and
    /// authority of the upstream, empty when there is none.
    #[must_use]
    pub fn open(&self, connection: u64, client: SocketAddr, upstream: Arc<str>) -> Exchange {
        let id = ExchangeId(self.shared.next.fetch_add(1, Ordering::Relaxed));
        Exchange::open(Arc::clone(&self.shared), id, connection, client, upstream)
    }

    /// Has exchanges that are opened from now on stand in `tail` too; only the first one counts.
    pub fn keep_tail(&self, tail: Tail) {
        self.shared.tail.get_or_init(|| tail);
    }

    /// Masks `secret`, the proxy's own, wherever it should turn up.
    pub fn hide(&self, secret: &str) {
        self.shared.redactor.hide(secret);
    }

    /// The clock that stamps the events.
    #[must_use]
    pub fn clock(&self) -> Clock {
        self.shared.clock
    }
}

/// What all exchanges of a tap share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) limits: Limits,
    pub(super) clock: Clock,
    redactor: Redactor,
    sender: mpsc::UnboundedSender<Message>,
    /// One permit per byte of the budget that is left. Closed when the receiver is gone.
    pub(super) room: Arc<Semaphore>,
    /// What the receiver has yet to write.
    pub(super) backlog: Backlog,
    /// The number of the next exchange.
    next: AtomicU64,
    /// Where what is told outlives the program.
    pub(super) tail: OnceLock<Tail>,
}

impl Shared {
    /// Sends an event; without a receiver it is dropped.
    pub(super) fn send(&self, exchange: ExchangeId, at: At, kind: impl Into<Told>) {
        let told = kind.into();
        // An error means that nobody watches any more, which is no trouble of the observed.
        let _ = self.sender.send(Message { exchange, at, told });
    }

    /// Whether the receiver is gone.
    pub(super) fn is_closed(&self) -> bool {
        self.sender.is_closed()
    }

    /// Takes the room for `len` payload bytes if the budget has it now.
    pub(super) fn reserve(&self, len: usize) -> bool {
        let Some(cost) = self.cost(len) else {
            return false;
        };
        self.room
            .try_acquire_many(cost)
            .map(tokio::sync::SemaphorePermit::forget)
            .is_ok()
    }

    /// What `len` payload bytes cost; `None` when even the whole budget is too small for them.
    pub(super) fn cost(&self, len: usize) -> Option<u32> {
        let cost = cost(len);
        (cost <= self.limits.budget)
            .then_some(cost)
            .and_then(|cost| u32::try_from(cost).ok())
    }
}

/// An event on its way.
struct Message {
    exchange: ExchangeId,
    at: At,
    told: Told,
}

impl Message {
    fn masked(self, redactor: &Redactor) -> Event {
        Event {
            exchange: self.exchange,
            at: self.at,
            kind: self.told.masked(redactor),
        }
    }

    /// The budget that it takes.
    fn room(&self) -> usize {
        match &self.told {
            Told::Kind(Kind::Data { bytes, .. }) => cost(bytes.len()),
            _ => 0,
        }
    }
}

/// What happened, as it passes through the channel.
pub(super) enum Told {
    Kind(Kind),
    Unmasked(Box<Unmasked>),
}

impl Told {
    pub(super) fn masked(self, redactor: &Redactor) -> Kind {
        match self {
            Self::Kind(kind) => kind,
            Self::Unmasked(head) => head.masked(redactor),
        }
    }
}

impl From<Kind> for Told {
    fn from(kind: Kind) -> Self {
        Self::Kind(kind)
    }
}

impl From<Unmasked> for Told {
    fn from(unmasked: Unmasked) -> Self {
        Self::Unmasked(Box::new(unmasked))
    }
}

/// The watcher's end.
#[derive(Debug)]
pub struct Receiver {
    events: mpsc::UnboundedReceiver<Message>,
    /// Masks the heads.
    redactor: Redactor,
    /// Where the bytes taken are given back.
    room: Arc<Semaphore>,
    /// What is yet to be written.
    backlog: Backlog,
    /// A time in which nothing is waited for, since there were events just now.
    lull: Option<Pin<Box<Sleep>>>,
    /// Whether the last batch was full.
    has_more: bool,
}

impl Receiver {
    /// Where to count what of long bodies is yet to be written: while that is much, those wait.
    #[must_use]
    pub fn backlog(&self) -> Backlog {
        self.backlog.clone()
    }

    /// Waits until there is an event, then appends all that are there to `events`. The first event
    /// after a while comes at once, those right behind it together, a few milliseconds later.
    ///
    /// Returns how many; 0 means that every [`Tap`] and [`Exchange`] is gone. Dropping the future
    /// loses nothing.
    pub async fn recv_many(&mut self, events: &mut Vec<Event>) -> usize {
        if let Some(lull) = &mut self.lull {
            lull.await;
        }
        if std::mem::take(&mut self.has_more) {
            // However fast events come, signals and timers of the caller have their turn.
            yield_now().await;
        }
        let Some(first) = self.events.recv().await else {
            return 0;
        };
        let before = events.len();
        let taken = first.room();
        events.push(first.masked(&self.redactor));
        self.has_more = self.take(events, before, taken);
        self.lull = (!self.has_more).then(|| Box::pin(tokio::time::sleep(LULL)));
        events.len() - before
    }

    /// Appends the events that are there now and returns how many; never waits.
    pub fn try_recv_many(&mut self, events: &mut Vec<Event>) -> usize {
        let before = events.len();
        self.take(events, before, 0);
        events.len() - before
    }

    /// Fills a batch, which begins at `before` and has `taken` room so far, with the events that are
    /// there; gives their room back and wakes the streams that wait for it. Whether the batch is full.
    fn take(&mut self, events: &mut Vec<Event>, before: usize, mut taken: usize) -> bool {
        while events.len() - before < BATCH
            && taken < BATCH_BYTES
            && let Ok(message) = self.events.try_recv()
        {
            taken += message.room();
            events.push(message.masked(&self.redactor));
        }
        self.room.add_permits(taken);
        events.len() - before >= BATCH || taken >= BATCH_BYTES
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        // Streams that wait for room go on without copies.
        self.room.close();
    }
}

/// The budget that a copy of `len` bytes takes: floods of tiny chunks must be bounded, too.
const fn cost(len: usize) -> usize {
    len.saturating_add(size_of::<Event>())
}

/// How long a receiver that took all there was is not woken: half of what a screen shows a frame for,
/// and many times what comes between two events of a stream.
const LULL: Duration = Duration::from_millis(8);

/// How many events are taken at once: enough to make a wake-up cheap, few enough that a caller with
/// other work gets back to it.
const BATCH: usize = 4096;

/// And with how many bytes: what was taken is in memory still, though the budget is free again.
const BATCH_BYTES: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::tap::{Direction, End};

    fn client() -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], 40_000))
    }

    #[tokio::test]
    async fn events_come_in_order_and_give_their_room_back() {
        let limits = Limits {
            budget: 1000,
            pause: Duration::ZERO,
            ..Limits::default()
        };
        let (tap, mut receiver) = channel(limits, Clock::start(), Redactor::off());
        let exchange = tap.open(1, client(), "http://up".into());
        let mut lane = exchange.lane(Direction::In);
        let mut events = Vec::new();
        for round in 0..20_u8 {
            lane.data(&Bytes::from(vec![round; 300]));
            assert!(receiver.recv_many(&mut events).await > 0);
        }
        lane.end(End::Complete);
        drop((lane, exchange, tap));
        while receiver.recv_many(&mut events).await > 0 {}
        assert!(
            matches!(&events[0].kind, Kind::Opened { upstream, .. } if &**upstream == "http://up")
        );
        let bytes: Vec<u8> = (events.iter())
            .filter_map(|event| match &event.kind {
                Kind::Data { bytes, .. } => Some(bytes[0]),
                _ => None,
            })
            .collect();
        assert_eq!(bytes, (0..20).collect::<Vec<_>>());
        assert_eq!(receiver.room.available_permits(), 1000);
        assert!(events.is_sorted_by_key(|event| event.at));
    }

    #[tokio::test]
    async fn a_receiver_is_woken_once_for_what_comes_in_quick_succession() {
        let (tap, mut receiver) = channel(Limits::default(), Clock::start(), Redactor::off());
        let mut events = Vec::new();
        let first = tap.open(1, client(), "".into());
        assert_eq!(receiver.recv_many(&mut events).await, 1);
        let telling = async {
            for _ in 0..5 {
                first.upgraded();
                tokio::task::yield_now().await;
            }
        };
        let (count, ()) = tokio::join!(receiver.recv_many(&mut events), telling);
        assert_eq!(count, 5);
    }

    #[tokio::test]
    async fn others_have_their_turn_between_full_batches() {
        let (tap, mut receiver) = channel(Limits::default(), Clock::start(), Redactor::off());
        let exchange = tap.open(1, client(), "".into());
        (0..2 * BATCH).for_each(|_| exchange.upgraded());
        let other = tokio::spawn(async {});
        let mut events = Vec::new();
        assert_eq!(receiver.recv_many(&mut events).await, BATCH);
        assert!(!other.is_finished());
        assert_eq!(receiver.recv_many(&mut events).await, BATCH);
        assert!(other.is_finished());
    }

    #[test]
    fn exchanges_are_numbered() {
        let (tap, mut receiver) = channel(Limits::default(), Clock::start(), Redactor::off());
        let first = tap.open(1, client(), "".into());
        let second = tap.clone().open(2, client(), "".into());
        assert_ne!(first.id(), second.id());
        let mut events = Vec::new();
        assert_eq!(receiver.try_recv_many(&mut events), 2);
        assert_eq!(receiver.try_recv_many(&mut events), 0);
        assert_eq!(events[1].exchange, second.id());
    }
}
