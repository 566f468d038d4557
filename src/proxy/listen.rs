//! Accepting clients, one task each, and ending them in order: first nobody new, then whoever has no
//! request in flight, after a while everybody, each told as well as its protocol can.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::client;
use super::connector::KEEP_ALIVE;
use super::forward::Forwarder;
use super::upstream::SWEEP;

/// How far a shutdown is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Stage {
    /// There is none.
    Serving,
    /// No client is accepted any more; what is in flight goes on.
    Draining,
    /// What is in flight is ended: a WebSocket by a close frame with 1001 to both ends, a response by
    /// an end that says that it was cut.
    Closing,
}

/// Resolves when `stage` has come to `least`, or will never come to anything any more.
pub(super) async fn reached(stage: &mut watch::Receiver<Stage>, least: Stage) {
    // An error is the end of the proxy.
    let _ = stage.wait_for(|stage| *stage >= least).await;
}

/// Accepts clients until `told` is past [`Stage::Serving`], then waits for them, at [`Stage::Draining`]
/// for `drain`, and ends the rest.
pub(super) async fn serve(
    listener: TcpListener,
    forwarder: Arc<Forwarder>,
    drain: Duration,
    mut told: watch::Receiver<Stage>,
) {
    let (stage, stages) = watch::channel(Stage::Serving);
    let mut connections = JoinSet::new();
    let mut sweep = tokio::time::interval(SWEEP);
    let mut next = 1;
    let mut trouble = Trouble::default();
    loop {
        let accepting = async {
            if trouble.is_paused {
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
            listener.accept().await
        };
        let accepted = tokio::select! {
            accepted = accepting => accepted,
            Some(_) = connections.join_next() => {
                // Its descriptors are free again.
                trouble.is_paused = false;
                continue;
            }
            _ = sweep.tick() => {
                forwarder.upstreams.sweep();
                trouble.sweep();
                continue;
            }
            () = reached(&mut told, Stage::Draining) => break,
        };
        match accepted {
            Ok((stream, addr)) => {
                trouble.is_paused = false;
                let forwarder = Arc::clone(&forwarder);
                tune(&stream);
                connections.spawn(client::serve(stream, addr, next, forwarder, stages.clone()));
                next += 1;
            }
            Err(error) => trouble.add(&error),
        }
    }
    trouble.end();
    drop(listener);
    stage.send_replace(Stage::Draining);
    let closing = async {
        // Nobody is left who could say so.
        if told
            .wait_for(|stage| *stage == Stage::Closing)
            .await
            .is_err()
        {
            std::future::pending::<()>().await;
        }
    };
    tokio::select! {
        () = ended(&mut connections) => return,
        () = closing => {}
        () = tokio::time::sleep(drain) => {}
    }
    stage.send_replace(Stage::Closing);
    // Whoever does not take its end in that time is cut.
    let _ = tokio::time::timeout(LAST_WORDS, ended(&mut connections)).await;
    connections.shutdown().await;
}

/// Waits for all connections to end.
async fn ended(connections: &mut JoinSet<()>) {
    while connections.join_next().await.is_some() {}
}

/// Accepting that fails: out of file descriptors, most likely, and some must be closed before another
/// try helps. However often that is, the log has a line when it begins and one when it is over.
#[derive(Default)]
struct Trouble {
    /// How often it has failed since that began.
    failures: u64,
    /// How often it had at the last sweep.
    swept: u64,
    /// Whether to wait before the next try.
    is_paused: bool,
}

impl Trouble {
    fn add(&mut self, error: &io::Error) {
        if self.failures == 0 {
            tracing::error!(side = "client", "accept: {error}; new clients have to wait");
        }
        self.failures += 1;
        self.is_paused = true;
    }

    /// It is over when it has not failed since the last sweep.
    fn sweep(&mut self) {
        if self.failures == self.swept {
            self.end();
        } else {
            self.swept = self.failures;
        }
    }

    fn end(&mut self) {
        let failures = std::mem::take(self).failures;
        if failures > 0 {
            tracing::warn!(
                side = "client",
                "accept: works again, having failed {failures} times"
            );
        }
    }
}

/// Small writes leave at once, and a client that vanished is noticed.
fn tune(stream: &TcpStream) {
    let keep_alive = socket2::TcpKeepalive::new().with_time(KEEP_ALIVE);
    let socket = socket2::SockRef::from(stream);
    let tuned = stream
        .set_nodelay(true)
        .and_then(|()| socket.set_tcp_keepalive(&keep_alive));
    if let Err(error) = tuned {
        tracing::debug!(side = "client", "socket options: {error}");
    }
}

/// How long the ends of what was in flight may take to be told.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// How long to wait before accepting again after it failed.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
