//! A request's body on its way to the upstream, and an eye on the client while it waits.
//!
//! Bytes are written as they were read, then told to the tap; the next ones are read when they are
//! through. Every future here may be dropped and asked for again: what is under way is kept in
//! [`Upload`].
//!
//! A client may close its sending side behind its request and still wait for the answer (RFC 9112
//! §9.6 lets either side close at any time). An upstream without us would see that FIN and judge
//! for itself, so an HTTP/1.1 upstream gets it too, and what it still answers is passed on. HTTP/2
//! has nothing like it: there a client that goes away resets its stream. So a client that closes its
//! half before the answer is asked whether it still listens, by an interim response: one that is gone
//! altogether answers what is written to it with a reset, and that, or a reset at any time before,
//! ends the exchange and with it the upstream's half. In the middle of an answer over HTTP/2 there is
//! no such question, and a FIN means that the client has enough.

use std::fmt;
use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::time::Duration;

use bytes::{Buf, Bytes};
use tokio::io::{AsyncWriteExt, Interest, WriteHalf};
use tokio::net::tcp::ReadHalf;
use tokio::sync::mpsc;

use super::body::{Body, Piece};
use super::http2::Sent;
use super::wire::{Reset, Source, Wire};
use crate::tap::{Lane, Phase, Side};

/// A request's body, from the client to the upstream.
#[derive(Debug)]
pub(super) struct Upload<'a, 'c> {
    client: &'a mut Source<ReadHalf<'c>>,
    body: Body,
    pub(super) lane: Lane,
    sink: Sink,
    /// Resets the upstream's connection, as the client did its own.
    pub(super) reset: Reset,
    /// The request's head, as far as it is not written.
    head: Bytes,
    /// What was read and is not yet written.
    piece: Option<Piece>,
    /// Whether something was written since the last flush.
    is_unflushed: bool,
    /// How many parts of the piece an HTTP/2 stream has taken.
    parts: usize,
    /// Whether an upgrade is asked for: then the request is over only with its answer.
    pub(super) is_upgrade: bool,
    /// Whether an interim response may be written to the client: before the answer, and not if it
    /// speaks HTTP/1.0, which knows none.
    pub(super) may_question: bool,
    /// Why the upstream takes no more.
    pub(super) fault: Option<io::Error>,
    fin: Fin,
}

/// The end of the client's sending side.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Fin {
    /// It did not come.
    Awaited,
    /// It came.
    Seen,
    /// The upstream was told.
    Passed,
    /// The upstream cannot be told, and the client was asked whether it still listens.
    Questioned,
}

/// Where a request's body goes.
#[derive(Debug)]
pub(super) enum Sink {
    /// Nowhere yet.
    Unset,
    Http1(WriteHalf<Wire>),
    Http2(mpsc::Sender<Sent>),
    /// Nowhere more: an HTTP/2 stream has it all.
    Ended,
}

/// Why an exchange cannot go on: the client's doing.
#[derive(Debug)]
pub(super) enum Stop {
    /// It went away; how that showed.
    Gone(String),
    /// It ended or failed in the middle of the request.
    Cut(String),
    /// What it sent is no body.
    Malformed(&'static str),
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gone(message) | Self::Cut(message) => f.write_str(message),
            Self::Malformed(fault) => f.write_str(fault),
        }
    }
}

impl Stop {
    /// It sent a FIN, and does not wait for an answer.
    pub(super) fn closed() -> Self {
        Self::Gone("read: the connection was closed".to_owned())
    }
}

impl<'a, 'c> Upload<'a, 'c> {
    pub(super) fn new(client: &'a mut Source<ReadHalf<'c>>, body: Body, lane: Lane) -> Self {
        Self {
            client,
            body,
            lane,
            sink: Sink::Unset,
            reset: Reset::default(),
            head: Bytes::new(),
            piece: None,
            is_unflushed: false,
            parts: 0,
            is_upgrade: false,
            may_question: false,
            fault: None,
            fin: Fin::Awaited,
        }
    }

    /// Goes to `sink` from here on, an HTTP/1.1 connection, with `head` in front.
    ///
    /// Writes once: the head with what is there of the body. An error means that nothing of the
    /// request was accepted.
    pub(super) async fn begin(
        &mut self,
        sink: WriteHalf<Wire>,
        reset: Reset,
        head: Bytes,
    ) -> Result<(), BeginError> {
        self.sink = Sink::Http1(sink);
        self.reset = reset;
        self.head = head;
        if self.piece.is_none() {
            self.piece = self
                .body
                .take(&mut self.client.buffer)
                .map_err(|fault| BeginError::Stop(Stop::Malformed(fault)))?;
        }
        self.write().await.map_err(BeginError::Refused)
    }

    /// Goes to an HTTP/2 stream from here on.
    pub(super) fn begin_http2(&mut self, sink: mpsc::Sender<Sent>) {
        self.sink = Sink::Http2(sink);
    }

    /// Whether all of it was sent.
    pub(super) fn is_complete(&self) -> bool {
        self.body.is_over() && self.piece.is_none() && self.head.is_empty() && self.fault.is_none()
    }

    /// Whether nothing of the body has come yet.
    pub(super) fn is_awaited(&self) -> bool {
        !self.body.is_over() && self.piece.is_none() && self.client.buffer.is_empty()
    }

    /// Whether the upstream was sent the client's FIN: if it breaks off then, that is no fault of
    /// its own.
    pub(super) fn passed_fin(&self) -> bool {
        self.fin == Fin::Passed
    }

    /// The writing end of an HTTP/1.1 connection that can take another request.
    pub(super) fn reusable(&mut self) -> Option<WriteHalf<Wire>> {
        if !self.is_complete() || self.passed_fin() {
            return None;
        }
        match std::mem::replace(&mut self.sink, Sink::Unset) {
            Sink::Http1(sink) => Some(sink),
            Sink::Unset | Sink::Http2(_) | Sink::Ended => None,
        }
    }

    /// What an upgraded connection is made of: the client's reading end, the lane,
    /// the sink and what resets it.
    pub(super) fn into_parts(self) -> (&'a mut Source<ReadHalf<'c>>, Lane, Sink, Reset) {
        (self.client, self.lane, self.sink, self.reset)
    }

    /// Sends to the end, then watches the client; ends only when it must not go on.
    pub(super) async fn drive(&mut self) -> Stop {
        match self.send().await {
            Ok(()) => self.watch().await,
            Err(stop) => stop,
        }
    }

    /// Sends all there is; done as well when the upstream takes no more.
    pub(super) async fn send(&mut self) -> Result<(), Stop> {
        while self.fault.is_none() {
            if let Err(error) = self.flush().await {
                self.fault = Some(error);
                return Ok(());
            }
            self.told();
            if self.body.is_over() {
                if let Sink::Http2(sink) = &self.sink {
                    // A stream that is gone already shows in the response.
                    let _ = sink.send(Sent::End).await;
                    self.sink = Sink::Ended;
                }
                if !self.is_upgrade {
                    self.lane.complete().await;
                }
                return Ok(());
            }
            self.piece = self.next().await?;
        }
        Ok(())
    }

    /// Waits for the client to reset its connection; with an upgrade asked for, which nobody can
    /// use half, a FIN is enough. Reads ahead, or a FIN would not be seen.
    pub(super) async fn watch(&mut self) -> Stop {
        while self.fin == Fin::Awaited && self.client.buffer.len() < AHEAD {
            match self.client.fill().await {
                Ok(0) if self.is_upgrade => return Stop::closed(),
                Ok(0) => self.fin = Fin::Seen,
                Ok(_) => {}
                Err(error) => return self.was_reset(&error),
            }
        }
        // A FIN belongs to the last of the requests that were sent ahead.
        if self.fin == Fin::Seen && self.body.is_over() && self.client.buffer.is_empty() {
            match &mut self.sink {
                Sink::Http1(sink) => {
                    self.fin = Fin::Passed;
                    // An upstream that is gone already shows in the response.
                    let _ = sink.shutdown().await;
                }
                Sink::Http2(_) | Sink::Ended => {
                    self.fin = Fin::Questioned;
                    // Nothing else is written before the answer, so all of it finds room.
                    let asked = self.may_question
                        && (self.client.read.as_ref().try_write(QUESTION)).is_ok();
                    if !asked {
                        return Stop::closed();
                    }
                }
                Sink::Unset => {}
            }
        }
        loop {
            match self.client.read.ready(Interest::ERROR).await {
                Ok(ready) if !ready.is_error() => {}
                Ok(_) => {
                    let error = self.client.read.as_ref().take_error().ok().flatten();
                    return self.was_reset(&error.unwrap_or(io::ErrorKind::BrokenPipe.into()));
                }
                Err(error) => return self.was_reset(&error),
            }
        }
    }

    /// The client is gone, and so the upstream's connection is to be.
    fn was_reset(&self, error: &io::Error) -> Stop {
        self.reset.arm();
        Stop::Gone(format!("read: {error}"))
    }

    /// Reads what is left of a body that goes nowhere, within [`DRAIN_TIME`] and [`DRAIN_BYTES`];
    /// whether that was all. A connection that is closed on unread bytes is reset, and the
    /// answer that says why may be lost with it.
    pub(super) async fn drain(&mut self) -> bool {
        self.sink = Sink::Unset;
        let draining = async {
            let mut left = DRAIN_BYTES;
            self.told();
            while !self.body.is_over() && left > 0 {
                let piece = match self.next().await {
                    Ok(piece) => piece,
                    Err(stop) => {
                        let message = stop.to_string();
                        self.lane.failed(Side::Client, Phase::Request, message);
                        return;
                    }
                };
                left = left.saturating_sub(piece.as_ref().map_or(0, |piece| piece.wire.len()));
                self.piece = piece;
                self.told();
            }
        };
        // When the time is over the answer is given all the same.
        let _ = tokio::time::timeout(DRAIN_TIME, draining).await;
        if self.body.is_over() {
            self.lane.complete().await;
        }
        self.body.is_over()
    }

    /// The next part of the body.
    async fn next(&mut self) -> Result<Option<Piece>, Stop> {
        loop {
            poll_fn(|cx| self.lane.poll_ready(cx)).await;
            let taken = self.body.take(&mut self.client.buffer);
            if let Some(piece) = taken.map_err(Stop::Malformed)? {
                return Ok(Some(piece));
            }
            match self.client.fill().await {
                Ok(0) => {
                    let end = "read: the connection ended in the middle of the request";
                    return Err(Stop::Cut(end.to_owned()));
                }
                Ok(_) => {}
                Err(error) => {
                    self.reset.arm();
                    return Err(Stop::Cut(format!("read: {error}")));
                }
            }
        }
    }

    /// Tells what was sent.
    fn told(&mut self) {
        if let Some(piece) = self.piece.take() {
            piece.tell(&mut self.lane);
        }
        self.parts = 0;
    }

    /// Writes what is there to its end.
    async fn flush(&mut self) -> io::Result<()> {
        match &mut self.sink {
            Sink::Unset | Sink::Ended => return Ok(()),
            Sink::Http1(_) => {
                while self.has_unwritten() {
                    self.write().await?;
                }
                // TLS may hold back what its socket did not take at once.
                if self.is_unflushed
                    && let Sink::Http1(sink) = &mut self.sink
                {
                    sink.flush().await?;
                    self.is_unflushed = false;
                }
            }
            Sink::Http2(sink) => {
                let Some(piece) = &self.piece else {
                    return Ok(());
                };
                let closed = |_| io::Error::from(io::ErrorKind::BrokenPipe);
                while let Some(bytes) = piece.payload.get(self.parts) {
                    let room = sink.reserve().await.map_err(closed)?;
                    room.send(Sent::Data(bytes.clone()));
                    self.parts += 1;
                }
                if let Some(trailers) = &piece.trailers {
                    let room = sink.reserve().await.map_err(closed)?;
                    room.send(Sent::trailers(trailers));
                }
            }
        }
        Ok(())
    }

    fn has_unwritten(&self) -> bool {
        !self.head.is_empty()
            || self
                .piece
                .as_ref()
                .is_some_and(|piece| !piece.wire.is_empty())
    }

    /// Writes once.
    async fn write(&mut self) -> io::Result<()> {
        let Sink::Http1(sink) = &mut self.sink else {
            return Ok(());
        };
        let body: &[u8] = self.piece.as_ref().map_or(&[], |piece| &piece.wire);
        let written = match (&self.head[..], body) {
            ([], body) => sink.write(body).await?,
            (head, []) => sink.write(head).await?,
            (head, body) => {
                let both = [IoSlice::new(head), IoSlice::new(body)];
                sink.write_vectored(&both).await?
            }
        };
        if written == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        self.is_unflushed = true;
        let of_head = written.min(self.head.len());
        self.head.advance(of_head);
        if let Some(piece) = &mut self.piece {
            piece.wire.advance(written - of_head);
        }
        Ok(())
    }
}

/// Why a request did not begin.
#[derive(Debug)]
pub(super) enum BeginError {
    /// The upstream accepted nothing.
    Refused(io::Error),
    /// The client's doing.
    Stop(Stop),
}

/// Draws a reset from a client that is gone. One that listens "can simply discard" it (RFC 9110
/// §15.2.1).
const QUESTION: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// How much is read ahead of a response: a few pipelined requests.
const AHEAD: usize = 64 << 10;

/// How long a refused request's body is read.
const DRAIN_TIME: Duration = Duration::from_secs(2);

/// How much of a refused request's body is read: more than Codex ever sends.
const DRAIN_BYTES: usize = 64 << 20;
