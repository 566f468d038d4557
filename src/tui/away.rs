//! Another program on the terminal, in place of the screen, while recording goes on: the user's shell, which
//! is what Ctrl-Z means here, or what shows a text: the pager, the editor.
//!
//! Job control stops a process as a whole, so a proxy that is stopped is one that Codex waits for. The
//! program that is started instead has the terminal to itself until it is left; tap events are taken in
//! and written all the while.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::time::Duration;

use rustix::process::{Pid, Signal, getpgrp, kill_process};
use rustix::termios::tcgetpgrp;
use tokio::process::{Child, Command};
use tokio::time::sleep;

use crate::app::Viewer;
use crate::config;

/// A program that has the terminal.
#[derive(Debug)]
pub(super) struct Away {
    child: Child,
    /// What it shows, and the command for that.
    shown: Option<(Shown, String)>,
}

impl Away {
    /// Starts the user's shell (`SHELL`) on a terminal that was given back; `has_capture`: what passes is recorded.
    ///
    /// # Errors
    /// When it cannot be started.
    pub(super) fn shell(has_capture: bool) -> io::Result<Self> {
        let name = config::environment("SHELL").filter(|name| !name.is_empty());
        let name = name.unwrap_or_else(|| "/bin/sh".to_owned());
        // What is not written is not missed.
        let going = if has_capture {
            "recording"
        } else {
            "without a capture"
        };
        let _ = writeln!(io::stdout(), "codextap goes on {going}. {BACK}");
        let child = Command::new(&name).spawn();
        let child =
            child.map_err(|error| io::Error::new(error.kind(), format!("{name}: {error}")))?;
        Ok(Self { child, shown: None })
    }

    /// Starts the program that shows `text`, on a terminal that was given back. The text stands in a file that
    /// only the user can read, until the program is left.
    ///
    /// # Errors
    /// When it cannot be started, or the file not be written.
    pub(super) fn view(viewer: Viewer, text: &str) -> io::Result<Self> {
        let (names, usual): (&[&str], _) = match viewer {
            Viewer::Pager => (&["PAGER"], "less"),
            Viewer::Editor => (&["VISUAL", "EDITOR"], "vi"),
        };
        let mut set = names.iter().filter_map(|name| config::environment(name));
        let set = set.find(|command| !command.trim().is_empty());
        let command = set.unwrap_or_else(|| usual.to_owned());
        let told = |error: io::Error| io::Error::new(error.kind(), format!("{command}: {error}"));
        let shown = Shown::write(text).map_err(told)?;
        // With job control (POSIX `sh -m`) Ctrl-C and Ctrl-Z are that program's alone. The command may have
        // arguments, so that a shell has to read it.
        let child = Command::new("sh")
            .args(["-mc", &format!("{command} \"$0\"; exit $?")])
            .arg(&shown.path)
            .spawn()
            .map_err(told)?;
        Ok(Self {
            child,
            shown: Some((shown, command)),
        })
    }

    /// Resolves when the program was left and the terminal is this one's again. May be dropped
    /// before that and asked again. Gives what is wrong with a program that was to show a text.
    pub(super) async fn back(&mut self) -> Option<String> {
        // Without a child to wait for there is nothing to wait for.
        let status = self.child.wait().await.ok();
        // Whoever takes a terminal that is another's is stopped. A shell that was killed has not given
        // it back; then the one that started this program may.
        while tcgetpgrp(io::stdout()).is_ok_and(|owner| owner != getpgrp()) {
            sleep(PATIENCE).await;
        }
        let (_, command) = self.shown.as_ref()?;
        let status = status.filter(|status| !status.success())?;
        Some(format!("`{command}` failed: {status}"))
    }
}

/// A file with a text to be shown. It goes when this does.
#[derive(Debug)]
struct Shown {
    path: PathBuf,
}

impl Shown {
    fn write(text: &str) -> io::Result<Self> {
        let directory = config::paths::runtime().map_err(io::Error::other)?;
        let mut builder = DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(&directory)?;
        let path = directory.join(format!("view-{}.txt", std::process::id()));
        // Of a process of the same number that was killed.
        let _ = fs::remove_file(&path);
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&path)?;
        let shown = Self { path };
        file.write_all(text.as_bytes())?;
        file.write_all(b"\n")?;
        Ok(shown)
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        // The program may have removed it.
        let _ = fs::remove_file(&self.path);
    }
}

impl Drop for Away {
    /// A program that is still there is told that its terminal goes.
    fn drop(&mut self) {
        let id = self
            .child
            .id()
            .and_then(|id| Pid::from_raw(id.cast_signed()));
        if let Some(id) = id {
            // It may have ended by itself.
            let _ = kill_process(id, Signal::HUP);
        }
    }
}

/// What the user is told.
const BACK: &str = "Leave this shell (exit, Ctrl-D) to see it again.";
/// How long until it is asked again whose the terminal is.
const PATIENCE: Duration = Duration::from_millis(250);
