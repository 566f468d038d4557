//! A client's connection: one request after the other, and its end.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::sync::watch;
use tokio::time::timeout;

use super::forward::Forwarder;
use super::head::{Fault, RequestHead};
use super::listen::{Stage, reached};
use super::upstream::Link;
use super::wire::{NoHead, Source};

/// A client's connection, as its exchanges know it.
pub(super) struct Client<'c> {
    /// Its number, for log lines.
    pub(super) connection: u64,
    pub(super) addr: SocketAddr,
    pub(super) source: Source<ReadHalf<'c>>,
    pub(super) sink: WriteHalf<'c>,
    /// The upstream's connection, while it waits for the next request.
    pub(super) kept: Option<Link>,
    /// How far the proxy's shutdown is.
    pub(super) stage: watch::Receiver<Stage>,
}

/// What comes behind an exchange.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum After {
    /// The next request.
    Next,
    /// The end of the connection, so that the client gets everything that was written.
    Close,
    /// A reset, because nothing else tells the client that its response was cut.
    Reset,
    /// The end at once: nobody is there any more.
    Drop,
}

impl Client<'_> {
    /// Whether the proxy shuts down.
    pub(super) fn is_closing(&self) -> bool {
        *self.stage.borrow() != Stage::Serving
    }

    /// Waits for the next request's head, which may take `limit` from its first byte to its end.
    /// `Err` is the end of the connection.
    async fn head(&mut self, limit: Duration) -> Result<(RequestHead, Result<(), Fault>), After> {
        // What was read ahead counts as begun; a CR may begin an empty line.
        self.source.skip_empty_lines();
        while matches!(&self.source.buffer[..], b"" | b"\r") {
            let read = tokio::select! {
                biased;
                read = self.source.fill() => read,
                after = ended(&mut self.kept) => return Err(after),
                () = reached(&mut self.stage, Stage::Draining) => return Err(After::Drop),
            };
            match (read, &self.kept) {
                (Ok(1..), _) => self.source.skip_empty_lines(),
                (Err(_), Some(link)) => {
                    link.reset.arm();
                    return Err(After::Drop);
                }
                _ => return Err(After::Drop),
            }
        }
        let fault = match timeout(limit, self.source.head()).await {
            Ok(Ok(bytes)) => return Ok(RequestHead::parse(&bytes)),
            Ok(Err(NoHead::Closed)) => return Err(self.left("the connection was closed")),
            Ok(Err(NoHead::Failed(error))) => return Err(self.left(&error)),
            Ok(Err(NoHead::Refused(fault))) => fault,
            Err(_) => LATE,
        };
        let bytes = self.source.buffer.split().freeze();
        Ok((RequestHead::parse(&bytes).0, Err(fault)))
    }

    /// Logs that the client went away in the middle of a head, of which there is no flow.
    fn left(&self, error: &(impl fmt::Display + ?Sized)) -> After {
        let (connection, client) = (self.connection, self.addr);
        tracing::info!(connection, %client, side = "client", phase = "request head", "read: {error}");
        After::Drop
    }

    /// Sends a FIN and reads on for a while: closing on unread bytes would reset the connection,
    /// and the client might lose what was written to it (RFC 9112 §9.6).
    async fn linger(&mut self) {
        if self.sink.shutdown().await.is_err() {
            return;
        }
        let reading = async {
            let mut rest = vec![0; 16 << 10];
            while matches!(self.source.read.read(&mut rest).await, Ok(1..)) {}
        };
        // The time being over is as good an end.
        let _ = timeout(LINGER, reading).await;
    }
}

/// Waits for the end of an idle connection: its upstream's when there is one, else [`IDLE`].
async fn ended(kept: &mut Option<Link>) -> After {
    let Some(link) = kept else {
        tokio::time::sleep(IDLE).await;
        return After::Drop;
    };
    match link.source.fill().await {
        Err(_) => After::Reset,
        // What it says unasked is no answer, and ends it as well.
        Ok(_) => After::Close,
    }
}

/// Serves one client. Everything that belongs to it lives in this future and ends with it.
pub(super) async fn serve(
    mut stream: TcpStream,
    addr: SocketAddr,
    connection: u64,
    forwarder: Arc<Forwarder>,
    stage: watch::Receiver<Stage>,
) {
    let (read, write) = stream.split();
    let mut client = Client {
        connection,
        addr,
        source: Source::new(read),
        sink: write,
        kept: None,
        stage,
    };
    let after = loop {
        let after = match client.head(forwarder.request_timeout).await {
            Ok((head, checked)) => forwarder.exchange(&mut client, head, checked).await,
            Err(after) => after,
        };
        if after != After::Next {
            break after;
        }
    };
    client.kept = None;
    match after {
        After::Close => client.linger().await,
        After::Reset => {
            drop(client);
            // Without it the client sees a FIN, which is the best that is left then.
            let _ = stream.set_zero_linger();
        }
        After::Drop | After::Next => {}
    }
}

/// How long a connection may be idle where no upstream's end says so: longer than clients keep theirs.
const IDLE: Duration = Duration::from_secs(180);

/// How long a connection that was ended is read on.
const LINGER: Duration = Duration::from_secs(2);

/// The head took too long.
const LATE: Fault = Fault {
    status: StatusCode::REQUEST_TIMEOUT,
    message: "the head of the request was not finished within --request-timeout",
};
