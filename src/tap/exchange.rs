//! One exchange as the proxy tells it: heads, failures, and a [`Lane`] for each direction.

use std::error::Error;
use std::net::SocketAddr;
use std::sync::Arc;

use http::Version;

use super::channel::{Shared, Told};
use super::event::{Connection, Direction, ExchangeId, Failure, Kind, Phase, Side};
use super::head::{Lines, Unmasked};
use super::lane::Lane;
use super::tail::Slot;
use crate::text::Clean;

/// Writes a failure to the log, at a level that must be known when this is compiled.
macro_rules! log {
    ($level:ident, $parties:expr, $failure:expr) => {
        tracing::$level!(
            connection = $parties.connection,
            exchange = $parties.exchange.0,
            client = %$parties.client,
            upstream = %$parties.upstream,
            side = $failure.side.as_str(),
            phase = $failure.phase.as_str(),
            "{}",
            $failure.message
        )
    };
}

/// Between whom an exchange is, as log lines tell it.
#[derive(Clone, Debug)]
pub struct Parties {
    /// The number of the client's connection.
    pub connection: u64,
    /// The number of the exchange.
    pub exchange: ExchangeId,
    /// The address of the client's end of the connection.
    pub client: SocketAddr,
    /// Scheme and authority of the upstream; empty when there is none.
    pub upstream: Arc<str>,
}

impl Parties {
    /// Logs a failure that only what was exchanged tells, in the line that the proxy would have
    /// written: an upstream's as an error; a client's for information, because leaving is its right.
    pub fn log(&self, failure: &Failure) {
        match failure.side {
            Side::Upstream => log!(error, self, failure),
            Side::Client => log!(info, self, failure),
        }
    }
}

/// The proxy's hold on one exchange. Clones tell about the same one.
#[derive(Clone, Debug)]
pub struct Exchange {
    inner: Arc<Inner>,
}

/// What the clones share.
#[derive(Debug)]
struct Inner {
    shared: Arc<Shared>,
    parties: Parties,
    /// Where it outlives the program.
    slot: Option<Arc<Slot>>,
}

impl Exchange {
    pub(super) fn open(
        shared: Arc<Shared>,
        id: ExchangeId,
        connection: u64,
        client: SocketAddr,
        upstream: Arc<str>,
    ) -> Self {
        let opened = Kind::Opened {
            connection,
            client,
            upstream: Arc::clone(&upstream),
        };
        let tail = shared.tail.get().filter(|_| !shared.is_closed());
        let exchange = Self {
            inner: Arc::new(Inner {
                slot: tail.and_then(|tail| tail.open(id)),
                shared,
                parties: Parties {
                    connection,
                    exchange: id,
                    client,
                    upstream,
                },
            }),
        };
        exchange.send(opened);
        exchange
    }

    /// The number that all events of this exchange carry.
    #[must_use]
    pub fn id(&self) -> ExchangeId {
        self.inner.parties.exchange
    }

    /// Scheme and authority of the upstream; empty when there is none.
    #[must_use]
    pub fn upstream(&self) -> &str {
        &self.inner.parties.upstream
    }

    /// Tells the request's head, as the client sent it.
    pub fn request<'a>(
        &self,
        method: &[u8],
        target: &[u8],
        version: Version,
        lines: impl IntoIterator<Item = (&'a str, &'a [u8])>,
    ) {
        if self.shared().is_closed() {
            return;
        }
        self.send(Unmasked::Request {
            method: String::from_utf8_lossy(method).into_owned(),
            target: String::from_utf8_lossy(target).into_owned(),
            version,
            lines: Lines::of(lines),
        });
    }

    /// Tells that there is a connection to the upstream.
    pub fn connected(&self, connection: Connection) {
        self.send(Kind::Connected(connection));
    }

    /// Tells the response's head, as the client gets it, with the upstream's `version`.
    pub fn response<'a>(
        &self,
        status: u16,
        version: Version,
        lines: impl IntoIterator<Item = (&'a str, &'a [u8])>,
    ) {
        if self.shared().is_closed() {
            return;
        }
        self.send(Unmasked::Response {
            status,
            version,
            lines: Lines::of(lines),
        });
    }

    /// Tells that the connection carries another protocol from here on.
    pub fn upgraded(&self) {
        self.send(Kind::Upgraded);
    }

    /// Tells a failure, to the channel and to the log: the same text to both, in one line of bounded
    /// length without control characters, whatever the peers put into it.
    pub fn failed(&self, failure: Failure) {
        self.tell(failure, |parties, failure| log!(error, parties, failure));
    }

    /// Tells that the proxy ended it, because the program ends. That is nobody's fault.
    pub fn cut(&self, failure: Failure) {
        self.tell(failure, |parties, failure| log!(info, parties, failure));
    }

    /// Tells that the client went away during `phase`, to the channel alone: whoever reads that knows
    /// whether the client had all it wants, and logs what is a failure.
    pub fn left(&self, phase: Phase, message: String) {
        let failure = Failure {
            side: Side::Client,
            phase,
            message,
        };
        self.tell(failure, |_, _| {});
    }

    fn tell(&self, mut failure: Failure, log: impl FnOnce(&Parties, &Failure)) {
        failure.message = one_line(&failure.message);
        log(&self.inner.parties, &failure);
        self.send(Kind::Failed(failure));
    }

    /// One direction of this exchange. Each is told once: by the lane's owner or by its drop.
    #[must_use]
    pub fn lane(&self, dir: Direction) -> Lane {
        Lane::new(self.clone(), dir)
    }

    pub(super) fn shared(&self) -> &Shared {
        &self.inner.shared
    }

    /// Where it stands in the tail.
    pub(super) fn slot(&self) -> Option<&Slot> {
        self.inner.slot.as_deref()
    }

    pub(super) fn send(&self, kind: impl Into<Told>) {
        let shared = self.shared();
        let (at, told) = (shared.clock.now(), kind.into());
        if let Some(slot) = self.slot() {
            slot.tell(at, &told);
        }
        shared.send(self.id(), at, told);
    }
}

/// `error` and its causes in one line, each said once.
#[must_use]
pub fn error_chain(error: &(dyn Error + 'static)) -> String {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        if !line.contains(&text) {
            line.push_str(": ");
            line.push_str(&text);
        }
        cause = error.source();
    }
    line
}

/// `text` without what could act on a terminal or forge a line, and not longer than a reader takes.
fn one_line(text: &str) -> String {
    let kept: String = text.chars().take(MAX_MESSAGE).collect();
    let is_cut = kept.len() < text.len();
    let line = Clean::from(kept);
    if is_cut {
        format!("{line} …")
    } else {
        line.to_string()
    }
}

/// How many characters of a failure's message are told.
const MAX_MESSAGE: usize = 1000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_one_line_whatever_is_in_it() {
        assert_eq!(one_line("read: os error 104"), "read: os error 104");
        let forged = one_line("no route for /\n2026 ERROR \u{1b}[31m\u{9b}2J\u{202e}");
        assert!(!forged.contains(char::is_control), "{forged:?}");
        assert!(!forged.contains('\u{202e}'), "{forged:?}");
        let long = one_line(&"é".repeat(100_000));
        assert!(
            long.len() < 2 * MAX_MESSAGE + 10 && long.ends_with(" …"),
            "{}",
            long.len()
        );
    }
}
