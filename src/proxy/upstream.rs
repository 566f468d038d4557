//! Connections to upstreams: which to use, and which to keep for the next request.
//!
//! HTTP/1.1 is spoken on connections of our own, HTTP/2 where TLS negotiates it; an upgrade gets a
//! fresh HTTP/1.1 connection. A kept connection that turns out to be closed is replaced before any
//! byte of a request was accepted, never after: requests are not repeated.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use tokio::io::{ReadHalf, WriteHalf};

use super::connector::{ConnectError, Connector, Step, Why};
use super::http2::{self, Sender};
use super::route::Route;
use super::stream::Stream;
use super::wire::{Reset, Source, Wire};
use crate::tap::{Connection, Exchange};

/// Makes and keeps the connections.
#[derive(Debug)]
pub(super) struct Upstreams {
    connector: Connector,
    kept: Mutex<HashMap<Arc<str>, Kept>>,
}

/// What is kept for one origin.
#[derive(Default, Debug)]
struct Kept {
    /// HTTP/1.1 connections without a request, the one used last at the end.
    idle: Vec<Idle<Link>>,
    /// The connection that takes all requests, when the origin speaks HTTP/2.
    http2: Option<Idle<Sender>>,
}

/// Something that waits for its next use.
#[derive(Debug)]
struct Idle<T> {
    it: T,
    /// How many sweeps it has waited for.
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
    /// Whether it carried a request before.
    pub(super) is_used: bool,
}

impl Link {
    fn new(stream: Stream) -> Self {
        let reset = Reset::default();
        let (read, write) = tokio::io::split(Wire::new(stream, reset.clone()));
        Self {
            reset,
            source: Source::new(read),
            sink: write,
            is_used: false,
        }
    }

    /// Whether its upstream keeps it open and has said nothing that nobody asked for.
    fn is_open(&mut self) -> bool {
        // Whoever uses it next reads it again, with a waker.
        self.source.buffer.is_empty() && self.source.fill().now_or_never().is_none()
    }
}

impl Upstreams {
    pub(super) fn new(connector: Connector) -> Self {
        Self {
            connector,
            kept: Mutex::default(),
        }
    }

    /// A connection for a request to `route`, a kept one if there is one; `exchange` is told.
    pub(super) async fn open(
        &self,
        route: &Route,
        exchange: &Exchange,
    ) -> Result<Upstream, ConnectError> {
        if let Some(kept) = self.take(route.origin()) {
            exchange.connected(Connection {
                is_reused: true,
                proxy: self.connector.proxy(route).cloned(),
                ..Connection::default()
            });
            return Ok(kept);
        }
        self.connect(route, exchange).await
    }

    /// A new connection for a request to `route`; `exchange` is told.
    pub(super) async fn connect(
        &self,
        route: &Route,
        exchange: &Exchange,
    ) -> Result<Upstream, ConnectError> {
        let (stream, connection) = self.connector.connect(route, true).await?;
        if !stream.is_http2() {
            exchange.connected(connection);
            return Ok(Upstream::Http1(Link::new(stream)));
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
            it: sender.clone(),
            sweeps: 0,
        };
        self.with(route.origin(), |kept| kept.http2 = Some(idle));
        Ok(Upstream::Http2(sender))
    }

    /// A new HTTP/1.1 connection for an upgrade to a protocol that HTTP/2 does not carry; `exchange`
    /// is told.
    pub(super) async fn connect_http1(
        &self,
        route: &Route,
        exchange: &Exchange,
    ) -> Result<Upstream, ConnectError> {
        let (stream, connection) = self.connector.connect(route, false).await?;
        exchange.connected(connection);
        Ok(Upstream::Http1(Link::new(stream)))
    }

    /// Keeps a connection on which an exchange came to its proper end.
    pub(super) fn keep(&self, origin: &Arc<str>, mut link: Link) {
        link.is_used = true;
        self.with(origin, |kept| {
            if kept.idle.len() < MAX_IDLE {
                kept.idle.push(Idle {
                    it: link,
                    sweeps: 0,
                });
            }
        });
    }

    /// Closes connections that were idle for two sweeps, or that their upstream closed; called
    /// every [`SWEEP`].
    pub(super) fn sweep(&self) {
        let mut all = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, kept| {
            kept.idle.retain_mut(|idle| {
                idle.sweeps += 1;
                idle.sweeps <= 2 && idle.it.is_open()
            });
            // Exchanges in flight have a sender of their own, and it lives on with them.
            kept.http2.take_if(|idle| {
                idle.sweeps += 1;
                idle.sweeps > 2 || idle.it.is_closed()
            });
            !kept.idle.is_empty() || kept.http2.is_some()
        });
    }

    fn take(&self, origin: &Arc<str>) -> Option<Upstream> {
        self.with(origin, |kept| {
            if let Some(idle) = &mut kept.http2
                && !idle.it.is_closed()
            {
                idle.sweeps = 0;
                return Some(Upstream::Http2(idle.it.clone()));
            }
            while let Some(mut idle) = kept.idle.pop() {
                if idle.it.is_open() {
                    return Some(Upstream::Http1(idle.it));
                }
            }
            None
        })
    }

    fn with<T>(&self, origin: &Arc<str>, change: impl FnOnce(&mut Kept) -> T) -> T {
        let mut all = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        change(all.entry(Arc::clone(origin)).or_default())
    }
}

/// How often idle connections are looked at. Twice this is less than upstreams keep theirs, so that
/// one is rarely closed under a request.
pub(super) const SWEEP: Duration = Duration::from_secs(15);

/// How many idle connections are kept for one upstream.
const MAX_IDLE: usize = 64;
