//! The thread that writes to the terminal.
//!
//! A terminal may stop reading at any time: Ctrl-S, tmux's copy mode, a stalled connection. The
//! loop must not wait for it, so it leaves frames in a slot that keeps only the newest one, and
//! this thread writes what differs from what the terminal shows.

use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use crossterm::queue;
use crossterm::terminal::{BeginSynchronizedUpdate, Clear, ClearType, EndSynchronizedUpdate};
use ratatui::backend::{Backend, CrosstermBackend};
use ratatui::buffer::Buffer;

/// Hands frames to the thread that writes them.
#[derive(Debug)]
pub struct Screen {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    slot: Mutex<Slot>,
    /// Told when the slot was filled, and when the thread has written or ended.
    changed: Condvar,
    /// Whether the rest of the frame that is being written is to be left unwritten.
    is_abandoned: AtomicBool,
}

#[derive(Debug, Default)]
struct Slot {
    /// The newest frame that is not written yet.
    frame: Option<Buffer>,
    /// Sequences to pass on as they are (clipboard, title).
    bytes: Vec<u8>,
    /// Forget what the terminal shows, and write whole frames.
    must_repaint: bool,
    /// The thread is writing at this moment.
    is_writing: bool,
    /// No more frames will come.
    is_closed: bool,
}

impl Screen {
    /// Starts the thread, which writes to `out`.
    pub fn start(out: impl Write + Send + 'static) -> Self {
        let shared = Arc::new(Shared::default());
        let theirs = Arc::clone(&shared);
        thread::spawn(move || write_frames(&theirs, out));
        Self { shared }
    }

    /// Shows a frame, in place of any that is not written yet.
    pub fn show(&self, frame: Buffer) {
        self.change(|slot| slot.frame = Some(frame));
    }

    /// Passes bytes to the terminal as they are.
    pub fn send(&self, bytes: &[u8]) {
        self.change(|slot| slot.bytes.extend_from_slice(bytes));
    }

    /// Forgets what the terminal shows: the next frame is written whole.
    pub fn repaint(&self) {
        self.change(|slot| slot.must_repaint = true);
    }

    /// Waits until everything is written. A terminal that has stopped reading is not waited for:
    /// what it has not taken by then is given up, so that nothing follows what the caller writes.
    pub fn settle(&self) {
        let waiting =
            self.shared
                .changed
                .wait_timeout_while(self.shared.lock(), PATIENCE, |slot| {
                    slot.is_writing || slot.frame.is_some() || !slot.bytes.is_empty()
                });
        let (mut slot, waited) = waiting.unwrap_or_else(PoisonError::into_inner);
        if waited.timed_out() {
            slot.frame = None;
            slot.bytes.clear();
            slot.must_repaint = true;
            self.shared.is_abandoned.store(true, Ordering::SeqCst);
        }
    }

    fn change(&self, change: impl FnOnce(&mut Slot)) {
        change(&mut self.shared.lock());
        self.shared.changed.notify_all();
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        self.change(|slot| slot.is_closed = true);
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Slot> {
        self.slot.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The thread: waits for a frame, writes what changed.
fn write_frames(shared: &Shared, mut out: impl Write) {
    let mut shown = Buffer::default();
    let mut slot = shared.lock();
    loop {
        if slot.frame.is_none() && slot.bytes.is_empty() {
            if slot.is_closed {
                return;
            }
            slot = shared
                .changed
                .wait(slot)
                .unwrap_or_else(PoisonError::into_inner);
            continue;
        }
        let frame = slot.frame.take();
        let bytes = std::mem::take(&mut slot.bytes);
        if std::mem::take(&mut slot.must_repaint) {
            shown = Buffer::default();
        }
        slot.is_writing = true;
        shared.is_abandoned.store(false, Ordering::SeqCst);
        drop(slot);
        let written = compose(&mut shown, frame, bytes)
            .and_then(|bytes| deliver(&bytes, &mut out, &shared.is_abandoned));
        slot = shared.lock();
        slot.is_writing = false;
        shared.changed.notify_all();
        if written.is_err() {
            // The terminal is gone. Whoever waits for keys learns that too and ends the program.
            return;
        }
    }
}

/// Adds to `bytes` what turns the shown frame into the new one, in one synchronized update.
fn compose(shown: &mut Buffer, frame: Option<Buffer>, mut bytes: Vec<u8>) -> io::Result<Vec<u8>> {
    let Some(frame) = frame else {
        return Ok(bytes);
    };
    let mut backend = CrosstermBackend::new(&mut bytes);
    queue!(backend, BeginSynchronizedUpdate)?;
    if shown.area != frame.area {
        queue!(backend, Clear(ClearType::All))?;
        *shown = Buffer::empty(frame.area);
    }
    let changes = shown.diff(&frame);
    backend.draw(changes.into_iter())?;
    queue!(backend, EndSynchronizedUpdate)?;
    *shown = frame;
    Ok(bytes)
}

/// Writes `bytes`, unless the rest of them is given up meanwhile.
fn deliver(bytes: &[u8], out: &mut impl Write, is_abandoned: &AtomicBool) -> io::Result<()> {
    for portion in bytes.chunks(PORTION) {
        if is_abandoned.load(Ordering::SeqCst) {
            return Ok(());
        }
        out.write_all(portion)?;
    }
    out.flush()
}

/// How much is written before it is asked again whether it should be.
const PORTION: usize = 16 << 10;

/// How long the end of the program waits for the terminal to take the last frame.
const PATIENCE: Duration = Duration::from_millis(300);

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use ratatui::layout::Rect;
    use ratatui::style::Style;

    use super::*;

    /// Sends every flushed write on, and waits for leave to go on.
    struct Slow {
        written: Vec<u8>,
        flushed: mpsc::Sender<Vec<u8>>,
        leave: mpsc::Receiver<()>,
    }

    impl Write for Slow {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.written.extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            let _ = self.flushed.send(std::mem::take(&mut self.written));
            let _ = self.leave.recv();
            Ok(())
        }
    }

    fn frame(text: &str) -> Buffer {
        let mut buffer = Buffer::empty(Rect::new(0, 0, 10, 1));
        buffer.set_string(0, 0, text, Style::default());
        buffer
    }

    #[test]
    fn a_slow_terminal_gets_the_newest_frame_and_nothing_waits_for_it() {
        let (flushed, frames) = mpsc::channel();
        let (go_on, leave) = mpsc::channel();
        let screen = Screen::start(Slow {
            written: Vec::new(),
            flushed,
            leave,
        });
        screen.show(frame("one"));
        let first = String::from_utf8(frames.recv().unwrap()).unwrap();
        assert!(first.contains("one"), "{first:?}");
        // The terminal is busy with the first frame; the second is never written.
        screen.show(frame("two"));
        screen.show(frame("six"));
        go_on.send(()).unwrap();
        let next = String::from_utf8(frames.recv().unwrap()).unwrap();
        assert!(next.contains("six") && !next.contains("two"), "{next:?}");
        drop(go_on);
        screen.settle();
    }
}
