//! What the user does at the terminal, read by threads of their own.
//!
//! Reading may never return, and never let go of the processor either, once the terminal is gone:
//! the loop must not be the one who reads. Nor may anything be read while another program has the
//! terminal: it would be stopped for that, or take the other's keys.

use std::fs::File;
use std::io::{self, IsTerminal as _};
use std::os::fd::OwnedFd;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use crossterm::event::{self, Event};
use futures_util::{Stream, stream};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::answer::Sieve;
use crate::view::Ground;

/// Whether the terminal may be read, and whether it is; and the answer that is awaited of it.
#[derive(Debug, Default)]
pub(super) struct Gate {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    is_closed: bool,
    is_reading: bool,
    /// Who waits for the answer, and since when.
    asked: Option<(oneshot::Sender<Ground>, Instant)>,
}

impl Gate {
    /// From now on nothing is read. What is being read is waited for, but not long: of a key that was
    /// cut off the rest may never come.
    pub(super) fn close(&self) {
        let mut state = self.lock();
        state.is_closed = true;
        let is_reading = |state: &mut State| state.is_reading;
        drop(self.changed.wait_timeout_while(state, PATIENCE, is_reading));
    }

    /// Reading goes on.
    pub(super) fn open(&self) {
        self.lock().is_closed = false;
        self.changed.notify_all();
    }

    /// An answer is to come, for `ground`.
    pub(super) fn ask(&self, ground: oneshot::Sender<Ground>) {
        self.lock().asked = Some((ground, Instant::now()));
    }

    /// Whether an answer may still come, as far as keys have to wait for that.
    fn is_asked(&self) -> bool {
        let state = self.lock();
        let since = state.asked.as_ref().map(|(_, since)| since.elapsed());
        since.is_some_and(|since| since < OPEN)
    }

    /// The answer has come.
    fn answer(&self, ground: Ground) {
        if let Some((asked, _)) = self.lock().asked.take() {
            // A loop that has ended has no use for it.
            let _ = asked.send(ground);
        }
        self.changed.notify_all();
    }

    /// Waits for an answer that was asked for just now: what is read later would be another program's.
    pub(super) fn settle(&self) {
        let state = self.lock();
        let Some((_, since)) = &state.asked else {
            return;
        };
        let left = ANSWER.saturating_sub(since.elapsed());
        let is_asked = |state: &mut State| state.asked.is_some();
        drop(self.changed.wait_timeout_while(state, left, is_asked));
    }

    fn is_closed(&self) -> bool {
        self.lock().is_closed
    }

    /// Begins to read, once it may. Says whether that took waiting; then it does not begin.
    fn enter(&self) -> bool {
        let mut state = self.lock();
        let had_to_wait = state.is_closed;
        while state.is_closed {
            let woken = self.changed.wait(state);
            state = woken.unwrap_or_else(PoisonError::into_inner);
        }
        state.is_reading = !had_to_wait;
        had_to_wait
    }

    /// Reads no more.
    fn leave(&self) {
        self.lock().is_reading = false;
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Keys, mouse, paste and resize events of the real terminal; an error is the last item.
pub(super) fn input(gate: Arc<Gate>) -> impl Stream<Item = io::Result<Event>> + Unpin {
    let (events, queue) = unbounded_channel();
    let watcher = events.clone();
    thread::spawn(move || {
        if let Err(error) = read(&events, &gate) {
            // A loop that has ended has no use for it.
            let _ = events.send(Err(error));
        }
    });
    thread::spawn(move || watch(&watcher));
    Box::pin(stream::unfold(queue, async |mut queue| {
        let event = queue.recv().await?;
        Some((event, queue))
    }))
}

/// Passes on what is read, until reading fails or nobody wants it.
fn read(events: &UnboundedSender<io::Result<Event>>, gate: &Gate) -> io::Result<()> {
    let keys = keys()?;
    let mut sieve = Sieve::default();
    while wait(&keys)? {
        if gate.enter() {
            // What was there was for the other program.
            continue;
        }
        loop {
            // What was read at once may be more than one event.
            while !gate.is_closed() && has_event()? {
                let (passed, ground) = sieve.take(event::read()?, gate.is_asked());
                if let Some(ground) = ground {
                    gate.answer(ground);
                }
                if !send(events, passed) {
                    return Ok(());
                }
            }
            let patience = patience(&sieve, gate.is_asked());
            if gate.is_closed() || !comes(&keys, patience)? {
                break;
            }
        }
        if !send(events, sieve.release()) {
            return Ok(());
        }
        gate.leave();
    }
    Ok(())
}

/// Whether crossterm has an event, or bytes that make one.
///
/// It turns round and round in the last millisecond of whatever time it is given, and may see that it has none
/// left before it has looked at all: so it gets little, twice.
fn has_event() -> io::Result<bool> {
    Ok(event::poll(AT_ONCE)? || event::poll(AT_ONCE)?)
}

/// Whether there is more to read within so long.
fn comes(keys: &OwnedFd, patience: Duration) -> io::Result<bool> {
    let patience = Timespec::try_from(patience).map_err(io::Error::other)?;
    let mut keys = [PollFd::new(keys, PollFlags::IN)];
    match poll(&mut keys, Some(&patience)) {
        // That it is gone is seen by [`wait`].
        Ok(_) => Ok(keys[0].revents() == PollFlags::IN),
        Err(rustix::io::Errno::INTR) => Ok(true),
        Err(error) => Err(error.into()),
    }
}

/// Passes events on; says whether anybody wants them.
fn send(events: &UnboundedSender<io::Result<Event>>, passed: Vec<Event>) -> bool {
    passed
        .into_iter()
        .all(|event| events.send(Ok(event)).is_ok())
}

/// How long more of what is being read may take to come; `is_asked`: an answer is awaited.
fn patience(sieve: &Sieve, is_asked: bool) -> Duration {
    if sieve.is_answer() || is_asked && sieve.holds() {
        ANSWER
    } else {
        BRIEFLY
    }
}

/// Where keys come from, as crossterm chooses it.
fn keys() -> io::Result<OwnedFd> {
    let stdin = io::stdin();
    if stdin.is_terminal() {
        return Ok(rustix::io::dup(stdin)?);
    }
    Ok(File::open("/dev/tty")?.into())
}

/// Waits until there is something to read; `false` when there never will be.
fn wait(keys: &OwnedFd) -> io::Result<bool> {
    let mut keys = [PollFd::new(keys, PollFlags::IN)];
    loop {
        match poll(&mut keys, None) {
            // That it is gone tells [`watch`].
            Ok(_) if keys[0].revents().intersects(GONE) => return Ok(false),
            Ok(_) if keys[0].revents().contains(PollFlags::IN) => return Ok(true),
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// Tells when the terminal is gone, which [`event::read`] does not.
fn watch(events: &UnboundedSender<io::Result<Event>>) {
    let out = io::stdout();
    // No event is asked for, so that only a hang-up or an error is told (POSIX poll).
    let mut terminal = [PollFd::new(&out, PollFlags::empty())];
    while !terminal[0].revents().intersects(GONE) {
        match poll(&mut terminal, None) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            // What cannot be watched is left to signals.
            Err(_) => return,
        }
    }
    let gone = io::Error::new(io::ErrorKind::NotConnected, "it was closed");
    // A loop that has ended knows already.
    let _ = events.send(Err(gone));
}

/// Long enough for crossterm to look at what it has read before: without time it does not.
const AT_ONCE: Duration = Duration::from_micros(50);
/// How long what belongs to a key may take to come.
const BRIEFLY: Duration = Duration::from_millis(20);
/// How long an answer may take, and the rest of one that has begun.
const ANSWER: Duration = Duration::from_millis(300);
/// How long after the question Esc and Alt-] wait for what might follow. A terminal that never answers would
/// make them slow for good.
const OPEN: Duration = Duration::from_secs(5);
/// How long reading may take to come to its end.
const PATIENCE: Duration = Duration::from_millis(100);
/// What is told of a terminal that is gone.
const GONE: PollFlags = PollFlags::HUP.union(PollFlags::ERR).union(PollFlags::NVAL);
