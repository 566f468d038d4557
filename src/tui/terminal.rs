//! The terminal's modes: taken on entry, given back on every way out.
//!
//! [`Terminal`] restores when it is dropped; a panic hook restores before the message is printed, so
//! that it can be read. Signals end the loop, which drops the guard.

use std::io::{self, Write};

use crossterm::event::{
    DisableBracketedPaste, DisableMouseCapture, EnableBracketedPaste, EnableMouseCapture,
};
use crossterm::style::Print;
use crossterm::terminal::{
    EnterAlternateScreen, LeaveAlternateScreen, SetTitle, disable_raw_mode, enable_raw_mode,
};
use crossterm::{cursor, execute, queue};

/// The terminal in raw mode, on its alternate screen.
#[derive(Debug)]
pub struct Terminal {
    has_mouse: bool,
}

impl Terminal {
    /// Takes the terminal over, with the mouse if asked to.
    ///
    /// # Errors
    /// When standard input is no terminal, or standard output cannot be written.
    pub fn enter(has_mouse: bool) -> io::Result<Self> {
        restore_on_panic();
        let terminal = Self { has_mouse };
        terminal.resume()?;
        Ok(terminal)
    }

    /// Takes the terminal over again after [`Terminal::release`].
    ///
    /// # Errors
    /// As [`Terminal::enter`].
    pub fn resume(&self) -> io::Result<()> {
        enable_raw_mode()?;
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
            queue!(out, EnableMouseCapture)?;
        }
        out.flush()
    }

    /// Gives the terminal back for a while: a suspended program, or an editor.
    pub fn release(&self) {
        restore();
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        restore();
    }
}

/// Gives the terminal back. A terminal that is gone cannot be restored, so errors do not matter.
fn restore() {
    let _ = execute!(
        io::stdout(),
        DisableMouseCapture,
        DisableBracketedPaste,
        LeaveAlternateScreen,
        cursor::Show,
        Print(POP_TITLE)
    );
    let _ = disable_raw_mode();
}

/// Restores the terminal before a panic's message is printed.
fn restore_on_panic() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        let report = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            restore();
            report(panic);
        }));
    });
}

/// Saves the window title on the terminal's stack (XTWINOPS 22).
const PUSH_TITLE: &str = "\x1b[22;2t";
/// Restores the saved window title (XTWINOPS 23).
const POP_TITLE: &str = "\x1b[23;2t";
