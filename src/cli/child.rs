//! A program that runs in this one's place: it has the terminal, gets the signals, and its exit code
//! is ours.

use std::io::IsTerminal as _;
use std::os::fd::AsFd;
use std::process::{ExitCode, ExitStatus};

use rustix::process::{Pid, Signal, getpgrp, kill_process};
use rustix::termios::{LocalModes, tcgetattr, tcgetpgrp};
use tokio::process::Command;

use super::signals::Signals;

/// Runs `command` to its end and passes on the signals that come meanwhile: from here on they are the
/// child's to act on.
///
/// # Errors
/// When it cannot be started.
pub(super) async fn run(mut command: Command) -> std::io::Result<ExitStatus> {
    let mut signals = Signals::listen();
    let mut child = command.spawn()?;
    loop {
        let signal = tokio::select! {
            status = child.wait() => return status,
            signal = signals.next() => signal,
        };
        if signal == Signal::INT && is_of_terminal() {
            continue;
        }
        let pid = child
            .id()
            .and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
        if let Some(pid) = pid {
            // A child that ended in this moment needs no signal.
            let _ = kill_process(pid, signal);
        }
    }
}

/// Whether Ctrl-C is a SIGINT of the terminal, which the child has got as this program has: both are
/// in the foreground, and the child has not taken the keys as they are.
fn is_of_terminal() -> bool {
    let (input, output, errors) = (std::io::stdin(), std::io::stdout(), std::io::stderr());
    let asks = |terminal: &dyn AsFd| {
        let modes = tcgetattr(terminal.as_fd()).map(|attributes| attributes.local_modes);
        tcgetpgrp(terminal.as_fd()).is_ok_and(|group| group == getpgrp())
            && modes.is_ok_and(|modes| modes.contains(LocalModes::ISIG))
    };
    input.is_terminal() && asks(&input)
        || output.is_terminal() && asks(&output)
        || errors.is_terminal() && asks(&errors)
}

/// The child's own code; 128 and the signal's number if one ended it, as shells tell it.
pub(super) fn exit_code(status: ExitStatus) -> ExitCode {
    use std::os::unix::process::ExitStatusExt as _;
    let ended = status
        .signal()
        .map_or(ExitCode::FAILURE, super::signal_code);
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    code.map_or(ended, ExitCode::from)
}
