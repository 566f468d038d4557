//! Connections to upstreams: which to use, and which to keep for the next request.
//!
//! HTTP/1.1 is spoken on a connection that belongs to one client's connection and ends with it, so
//! that each sees the other's end when it comes, idle or not, and nobody gets an answer or a stale
//! connection that another client left behind. HTTP/2, where TLS negotiates it, carries the requests
//! of all.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use tokio::io::{ReadHalf, WriteHalf};

use super::connector::{ConnectError, Connector, Step, Why};
use super::http2::{self, Sender};
use super::route::Route;
use super::stream::Stream;
use super::wire::{Reset, Source, Wire};
use crate::tap::{Connection, Exchange};

/// Makes the connections, and keeps those of HTTP/2.
#[derive(Debug)]
pub(super) struct Upstreams {
    connector: Connector,
    /// The connection that takes all requests to an origin that speaks HTTP/2.
    http2: Mutex<HashMap<Arc<str>, Idle>>,
}

/// A connection for HTTP/2.
#[derive(Debug)]
struct Idle {
    sender: Sender,
    /// How many sweeps it has waited for its next use.
    sweeps: u8,
}

/// A connection for one request.
pub(super) enum Upstream {
    Http1(Link),
    Http2(Sender),
}

/// An HTTP/1.1 connection.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) source: Source<ReadHalf<Wire>>,
    pub(super) sink: WriteHalf<Wire>,
    pub(super) reset: Reset,
    /// Where it leads to.
    pub(super) origin: Arc<str>,
    /// Whether it carried a request before.
    pub(super) is_used: bool,
}

impl Link {
    fn new(stream: Stream, origin: &Arc<str>) -> Self {
        let reset = Reset::default();
        let (read, write) = tokio::io::split(Wire::new(stream, reset.clone()));
        Self {
            reset,
            source: Source::new(read),
            sink: write,
            origin: Arc::clone(origin),
            is_used: false,
        }
    }

    /// Itself, if its upstream keeps it open and has said nothing that nobody asked for.
    pub(super) fn if_open(mut self) -> Option<Self> {
        // Whoever uses it next reads it again, with a waker.
        self.source.fill().now_or_never().is_none().then_some(self)
    }
}

impl Upstreams {
    pub(super) fn new(connector: Connector) -> Self {
        Self {
            connector,
            http2: Mutex::default(),
        }
    }

    /// A connection for a request to `route`, a kept one if there is one; `exchange` is told.
    pub(super) async fn open(
        &self,
        route: &Route,
        exchange: &Exchange,
    ) -> Result<Upstream, ConnectError> {
        if let Some(sender) = self.take(route.origin()) {
            self.reuse(route, exchange);
            return Ok(Upstream::Http2(sender));
        }
        self.connect(route, exchange).await
    }

    /// Tells `exchange` that it has a connection that was used before.
    pub(super) fn reuse(&self, route: &Route, exchange: &Exchange) {
        exchange.connected(Connection {
            is_reused: true,
            proxy: self.connector.proxy(route).cloned(),
            ..Connection::default()
        });
    }

    /// A new connection for a request to `route`; `exchange` is told.
    pub(super) async fn connect(
        &self,
        route: &Route,
        exchange: &Exchange,
    ) -> Result<Upstream, ConnectError> {
        // In a box, because a request on a kept connection must not carry its state about.
        let (stream, connection) = Box::pin(self.connector.connect(route, true)).await?;
        if !stream.is_http2() {
            exchange.connected(connection);
            return Ok(Upstream::Http1(Link::new(stream, route.origin())));
        }
        let sender = http2::handshake(stream)
            .await
            .map_err(|error| ConnectError {
                step: Step::Http2,
                proxy: connection.proxy.clone(),
                why: Why::Failed(error.into()),
            })?;
        exchange.connected(connection);
        let idle = Idle {
            sender: sender.clone(),
            sweeps: 0,
        };
        self.http2().insert(Arc::clone(route.origin()), idle);
        Ok(Upstream::Http2(sender))
    }

    /// A new HTTP/1.1 connection for an upgrade to a protocol that HTTP/2 does not carry; `exchange`
    /// is told.
    pub(super) async fn connect_http1(
        &self,
        route: &Route,
        exchange: &Exchange,
    ) -> Result<Upstream, ConnectError> {
        let (stream, connection) = Box::pin(self.connector.connect(route, false)).await?;
        exchange.connected(connection);
        Ok(Upstream::Http1(Link::new(stream, route.origin())))
    }

    /// Closes connections that were idle for two sweeps, or that their upstream closed; called
    /// every [`SWEEP`].
    pub(super) fn sweep(&self) {
        // Exchanges in flight have a sender of their own, and the connection lives on with them.
        self.http2().retain(|_, idle| {
            idle.sweeps += 1;
            idle.sweeps <= 2 && !idle.sender.is_closed()
        });
    }

    fn take(&self, origin: &Arc<str>) -> Option<Sender> {
        let mut all = self.http2();
        let idle = all.get_mut(origin)?;
        idle.sweeps = 0;
        (!idle.sender.is_closed()).then(|| idle.sender.clone())
    }

    fn http2(&self) -> MutexGuard<'_, HashMap<Arc<str>, Idle>> {
        self.http2.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How often idle connections are looked at. Twice this is less than upstreams keep theirs, so that
/// one is rarely closed under a request.
pub(super) const SWEEP: Duration = Duration::from_secs(15);
