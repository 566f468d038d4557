//! Accepting clients, one task each, and ending them in order.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use super::connector::KEEP_ALIVE;
use super::forward::Forwarder;
use super::upstream::SWEEP;
use crate::tap::error_chain;

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
            Ok((stream, client)) => {
                let forwarder = Arc::clone(&forwarder);
                connections.spawn(connection(stream, client, next, forwarder, closed.clone()));
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

/// A client's connection, as its requests know it.
pub(super) struct Link {
    /// Its number, for log lines.
    pub(super) connection: u64,
    /// The client's address.
    pub(super) client: SocketAddr,
    relays: mpsc::UnboundedSender<Relay>,
}

impl Link {
    /// Runs `relay` in the connection's task once HTTP has let go of it.
    pub(super) fn after_upgrade(&self, relay: impl Future<Output = ()> + Send + 'static) {
        // The task is gone: then the relay has nothing to do either.
        let _ = self.relays.send(Box::pin(relay));
    }
}

/// What a connection does after its upgrade.
type Relay = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Serves one client. Everything that belongs to it lives in this future and ends with it.
async fn connection(
    stream: TcpStream,
    client: SocketAddr,
    number: u64,
    forwarder: Arc<Forwarder>,
    mut closed: watch::Receiver<()>,
) {
    tune(&stream);
    let (relays, mut upgraded) = mpsc::unbounded_channel();
    let link = Arc::new(Link {
        connection: number,
        client,
        relays,
    });
    let service = service_fn(|request| {
        let (forwarder, link) = (Arc::clone(&forwarder), Arc::clone(&link));
        async move { forwarder.answer(&link, request).await }
    });
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_READ)
        .max_headers(MAX_HEADERS)
        .preserve_header_case(true)
        .auto_date_header(false)
        // A FIN is how a client that goes away looks, Codex included, so it must abort the
        // upstream at once. Half-closed clients are served after an upgrade only.
        .half_close(false)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    let mut serving = pin!(serving);
    let served = tokio::select! {
        served = &mut serving => served,
        Err(_) = closed.changed() => {
            serving.as_mut().graceful_shutdown();
            serving.await
        }
    };
    if let Err(error) = served {
        // Failures of exchanges were told where they happened; this is about the connection.
        tracing::debug!(connection = number, %client, side = "client", "{}", error_chain(&error));
    }
    if let Ok(relay) = upgraded.try_recv() {
        relay.await;
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

/// How long a connection may be idle or take to its next head: longer than clients keep theirs.
const HEAD_READ: Duration = Duration::from_secs(180);

/// How many header lines a head may have: more than any server takes.
pub(super) const MAX_HEADERS: usize = 512;

/// How long to wait before accepting again after it failed.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
