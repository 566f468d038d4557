//! The signals that end the program in good order.

use tokio::signal::unix::{Signal, SignalKind, signal};

/// SIGINT, SIGTERM and SIGHUP as they come, from the moment this is made; one that came before is
/// not told again.
///
/// Once there was one of these, the signals no longer end the process by themselves, so whoever
/// drops it must see to the next signal.
#[derive(Debug)]
pub(super) struct Signals {
    interrupt: Option<Signal>,
    terminate: Option<Signal>,
    hangup: Option<Signal>,
}

/// Has a file that grew beyond `RLIMIT_FSIZE` fail to be written, as on a full disk, instead of SIGXFSZ
/// end the process.
pub(super) fn ignore_file_limit() {
    // From the first time on the signal no longer ends the process.
    let _ = signal(SignalKind::from_raw(rustix::process::Signal::XFSZ.as_raw()));
}

impl Signals {
    /// Listens from now on.
    #[must_use]
    pub(super) fn listen() -> Self {
        Self {
            interrupt: signal(SignalKind::interrupt()).ok(),
            terminate: signal(SignalKind::terminate()).ok(),
            hangup: signal(SignalKind::hangup()).ok(),
        }
    }

    /// The next signal.
    pub(super) async fn next(&mut self) -> rustix::process::Signal {
        use rustix::process::Signal;
        tokio::select! {
            () = received(&mut self.interrupt) => Signal::INT,
            () = received(&mut self.terminate) => Signal::TERM,
            () = received(&mut self.hangup) => Signal::HUP,
        }
    }
}

/// Resolves when the signal came; never where there is no handler for it, because it then ends the
/// process by itself.
async fn received(signal: &mut Option<Signal>) {
    match signal {
        Some(signal) => {
            signal.recv().await;
        }
        None => std::future::pending().await,
    }
}
