//! The signals that end the program in good order.

use tokio::signal::unix::{Signal, SignalKind, signal};

/// Resolves at the first SIGINT, SIGTERM or SIGHUP.
pub(super) async fn ending() {
    let mut interrupt = signal(SignalKind::interrupt()).ok();
    let mut terminate = signal(SignalKind::terminate()).ok();
    let mut hangup = signal(SignalKind::hangup()).ok();
    tokio::select! {
        () = received(&mut interrupt) => {}
        () = received(&mut terminate) => {}
        () = received(&mut hangup) => {}
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
