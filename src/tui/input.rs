//! What the user does at the terminal, read by threads of their own.
//!
//! Reading may never return, and never let go of the processor either, once the terminal is gone:
//! the loop must not be the one who reads.

use std::io;
use std::thread;

use crossterm::event::{self, Event};
use futures_util::{Stream, stream};
use rustix::event::{PollFd, PollFlags, poll};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

/// Keys, mouse, paste and resize events of the real terminal; an error is the last item.
pub fn input() -> impl Stream<Item = io::Result<Event>> + Unpin {
    let (events, queue) = unbounded_channel();
    let watcher = events.clone();
    thread::spawn(move || read(&events));
    thread::spawn(move || watch(&watcher));
    Box::pin(stream::unfold(queue, async |mut queue| {
        let event = queue.recv().await?;
        Some((event, queue))
    }))
}

/// Passes on what is read, until reading fails or nobody wants it.
fn read(events: &UnboundedSender<io::Result<Event>>) {
    loop {
        let event = event::read();
        let is_last = event.is_err();
        if events.send(event).is_err() || is_last {
            return;
        }
    }
}

/// Tells when the terminal is gone, which [`event::read`] does not.
fn watch(events: &UnboundedSender<io::Result<Event>>) {
    let out = io::stdout();
    // No event is asked for, so that only a hang-up or an error is told (POSIX poll).
    let mut terminal = [PollFd::new(&out, PollFlags::empty())];
    while !terminal[0]
        .revents()
        .intersects(PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL)
    {
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
