//! The terminal's modes: taken on entry, given back on every way out.
//!
//! [`Terminal`] restores when it is dropped; signals end the loop, which drops it. A panic that
//! ends the program restores before its message is printed, so that it can be read; the message of
//! one that only ends a task is kept until the terminal is given back, for it must not be drawn
//! over the screen. A terminal that has stopped reading is not waited for.

use std::io::{self, Write};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, MutexGuard, Once, PoisonError};
use std::thread::{self, ThreadId};
use std::time::Duration;

use crossterm::event::{DisableBracketedPaste, DisableMouseCapture, EnableBracketedPaste, Event};
use crossterm::style::Print;
use crossterm::terminal::{
    EndSynchronizedUpdate, EnterAlternateScreen, LeaveAlternateScreen, SetTitle, disable_raw_mode,
    enable_raw_mode,
};
use crossterm::{cursor, execute, queue};
use futures_util::Stream;
use rustix::termios::{QueueSelector, tcflush};
use tokio::sync::oneshot;

use super::answer::QUESTION;
use super::input::{self, Gate};
use crate::view::Ground;

/// The terminal in raw mode, on its alternate screen.
#[derive(Debug)]
pub struct Terminal {
    has_mouse: bool,
    /// Shut while another program has the terminal.
    gate: Arc<Gate>,
}

impl Terminal {
    /// Takes the terminal over, with the mouse if asked to.
    ///
    /// # Errors
    /// When there is no terminal to read from, or standard output cannot be written.
    pub fn enter(has_mouse: bool) -> io::Result<Self> {
        restore_on_panic();
        // Until this has succeeded there is nothing to give back.
        enable_raw_mode()?;
        let terminal = Self {
            has_mouse,
            gate: Arc::default(),
        };
        terminal.resume()?;
        Ok(terminal)
    }

    /// Takes the terminal over again after [`Terminal::release`].
    ///
    /// # Errors
    /// As [`Terminal::enter`].
    pub fn resume(&self) -> io::Result<()> {
        enable_raw_mode()?;
        panics().owner = Some(thread::current().id());
        let mut out = io::stdout();
        queue!(
            out,
            Print(PUSH_TITLE),
            SetTitle("codextap"),
            EnterAlternateScreen,
            EnableBracketedPaste,
            cursor::Hide
        )?;
        if self.has_mouse {
            queue!(out, Print(ENABLE_MOUSE))?;
        }
        self.gate.open();
        out.flush()
    }

    /// Gives the terminal back for a while: a suspended program, or a shell. Nothing is read of it
    /// meanwhile.
    pub fn release(&self) {
        self.gate.settle();
        self.gate.close();
        restore();
    }

    /// Asks the terminal what its text stands on. Its answer comes while [`Terminal::input`] is read, if it
    /// has one.
    ///
    /// # Errors
    /// When standard output cannot be written.
    pub fn ask_ground(&self) -> io::Result<oneshot::Receiver<Ground>> {
        let (answered, ground) = oneshot::channel();
        self.gate.ask(answered);
        execute!(io::stdout(), Print(QUESTION))?;
        Ok(ground)
    }

    /// Keys, mouse and paste events; an error is the last item.
    pub fn input(&self) -> impl Stream<Item = io::Result<Event>> + Unpin + use<> {
        input::input(Arc::clone(&self.gate))
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.gate.settle();
        restore();
        for message in std::mem::take(&mut panics().messages) {
            // Standard error that is gone leaves nowhere to say so.
            let _ = writeln!(io::stderr().lock(), "{message}");
        }
    }
}

/// Gives the terminal back, if it was taken. A terminal that is gone cannot be restored, so errors
/// do not matter.
fn restore() {
    if panics().owner.take().is_none() {
        return;
    }
    let (done, restored) = channel::<()>();
    // A thread that cannot be started leaves nothing better to do.
    let _ = thread::Builder::new().spawn(move || {
        let _ = write_restore();
        drop(done);
    });
    make_way(&restored);
    let _ = disable_raw_mode();
}

fn write_restore() -> io::Result<()> {
    execute!(
        io::stdout(),
        // A frame that was cut off may have left a sequence without its end.
        Print(STRING_TERMINATOR),
        EndSynchronizedUpdate,
        Print(RESET_STYLE),
        DisableMouseCapture,
        DisableBracketedPaste,
        LeaveAlternateScreen,
        cursor::Show,
        Print(POP_TITLE)
    )
}

/// Waits until the terminal has taken what restores it. From one that has stopped reading, takes
/// back what is left of the last frames to make room, so that it finds those sequences when it
/// reads again.
fn make_way(restored: &Receiver<()>) {
    for _ in 0..ATTEMPTS {
        if restored.recv_timeout(PATIENCE) != Err(RecvTimeoutError::Timeout) {
            return;
        }
        // Where that fails there is no terminal.
        let _ = tcflush(io::stdout(), QueueSelector::OFlush);
    }
}

/// What a panic needs to know about the terminal.
struct Panics {
    /// The thread that took the terminal and will give it back; `None` while nobody has it.
    owner: Option<ThreadId>,
    /// What other threads' panics said meanwhile.
    messages: Vec<String>,
}

static PANICS: Mutex<Panics> = Mutex::new(Panics {
    owner: None,
    messages: Vec::new(),
});

fn panics() -> MutexGuard<'static, Panics> {
    PANICS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Restores the terminal before the message of a panic that ends the program is printed.
fn restore_on_panic() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let report = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            let owner = panics().owner;
            match owner {
                Some(owner) if owner != thread::current().id() => {
                    panics().messages.push(panic.to_string());
                }
                Some(_) => {
                    restore();
                    report(panic);
                }
                None => report(panic),
            }
        }));
    });
}

/// Has buttons, the wheel and drags told, in a form that fits any width (xterm 1000, 1002, 1006), but
/// not where the pointer is all the time: nothing is done about that.
const ENABLE_MOUSE: &str = "\x1b[?1000h\x1b[?1002h\x1b[?1006h";
/// Saves the window title on the terminal's stack (XTWINOPS 22).
const PUSH_TITLE: &str = "\x1b[22;2t";
/// Restores the saved window title (XTWINOPS 23).
const POP_TITLE: &str = "\x1b[23;2t";
/// Ends a string sequence (ECMA-48 §8.3.143); by itself, nothing.
const STRING_TERMINATOR: &str = "\x1b\\";
/// The style that text has by default (ECMA-48 §8.3.117).
const RESET_STYLE: &str = "\x1b[0m";

/// How long a terminal may take to read what restores it before room is made.
const PATIENCE: Duration = Duration::from_millis(250);
/// How many times room is made: a frame that is being written fills it again.
const ATTEMPTS: usize = 4;
