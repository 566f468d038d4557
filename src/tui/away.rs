//! The user's shell on the terminal, in place of the screen: what Ctrl-Z means to a program that
//! must go on recording.
//!
//! Job control stops a process as a whole, so a proxy that is stopped is one that Codex waits for. The
//! shell that is started instead has the terminal to itself until it is left; tap events are taken in
//! and written all the while.

use std::io::{self, Write as _};
use std::time::Duration;

use rustix::process::{Pid, Signal, getpgrp, kill_process};
use rustix::termios::tcgetpgrp;
use tokio::process::{Child, Command};
use tokio::time::sleep;

use crate::config;

/// A shell that has the terminal.
#[derive(Debug)]
pub(super) struct Away {
    shell: Child,
}

impl Away {
    /// Starts the user's shell (`SHELL`) on a terminal that was given back.
    ///
    /// # Errors
    /// When it cannot be started.
    pub(super) fn start() -> io::Result<Self> {
        let name = config::environment("SHELL").filter(|name| !name.is_empty());
        let name = name.unwrap_or_else(|| "/bin/sh".to_owned());
        // What is not written is not missed.
        let _ = writeln!(io::stdout(), "{GREETING}");
        let shell = Command::new(&name).spawn();
        let shell =
            shell.map_err(|error| io::Error::new(error.kind(), format!("{name}: {error}")))?;
        Ok(Self { shell })
    }

    /// Resolves when the shell was left and the terminal is this program's again. May be dropped
    /// before that and asked again.
    pub(super) async fn back(&mut self) {
        // Without a child to wait for there is nothing to wait for.
        let _ = self.shell.wait().await;
        // Whoever takes a terminal that is another's is stopped. A shell that was killed has not given
        // it back; then the one that started this program may.
        while tcgetpgrp(io::stdout()).is_ok_and(|owner| owner != getpgrp()) {
            sleep(PATIENCE).await;
        }
    }
}

impl Drop for Away {
    /// A shell that is still there is told that its terminal goes.
    fn drop(&mut self) {
        let id = self
            .shell
            .id()
            .and_then(|id| Pid::from_raw(id.cast_signed()));
        if let Some(id) = id {
            // It may have ended by itself.
            let _ = kill_process(id, Signal::HUP);
        }
    }
}

/// What the user is told.
const GREETING: &str =
    "codextap goes on recording. Leave this shell (exit, Ctrl-D) to see it again.";
/// How long until it is asked again whose the terminal is.
const PATIENCE: Duration = Duration::from_millis(250);
