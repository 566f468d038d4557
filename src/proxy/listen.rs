//! Accepting clients, one task each, and ending them in order.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::client;
use super::connector::KEEP_ALIVE;
use super::forward::Forwarder;
use super::upstream::SWEEP;

/// Accepts clients until `shutdown`, then waits for them for `drain` and cuts the rest.
pub(super) async fn serve(
    listener: TcpListener,
    forwarder: Arc<Forwarder>,
    drain: Duration,
    shutdown: impl Future<Output = ()>,
) {
    let (closing, closed) = watch::channel(());
    let mut connections = JoinSet::new();
    let mut shutdown = pin!(shutdown);
    let mut sweep = tokio::time::interval(SWEEP);
    let mut next = 1;
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(_) = connections.join_next() => continue,
            _ = sweep.tick() => {
                forwarder.upstreams.sweep();
                continue;
            }
            () = &mut shutdown => break,
        };
        match accepted {
            Ok((stream, addr)) => {
                let forwarder = Arc::clone(&forwarder);
                tune(&stream);
                connections.spawn(client::serve(stream, addr, next, forwarder, closed.clone()));
                next += 1;
            }
            Err(error) => {
                tracing::error!(side = "client", "accept: {error}");
                // Out of file descriptors, most likely: some must be closed before another try helps.
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop((listener, closing));
    let drained = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(drain, drained).await.is_err() {
        connections.shutdown().await;
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

/// How long to wait before accepting again after it failed.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
