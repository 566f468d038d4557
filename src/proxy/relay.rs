//! The relay of an upgraded connection: raw bytes both ways, unchanged, each chunk copied to its
//! lane after it was written.
//!
//! Backpressure: a direction reads only when everything it read before was written. A FIN from one
//! end is passed on and leaves the other direction flowing, until nothing has come that way for
//! [`Silence::half_closed`]: then the connection ends, as it would without the proxy when the process
//! that sent the FIN is gone. nginx does not wait at all there, but a WebSocket may say its last
//! words behind a FIN. An error on either end ends both directions; behind a FIN it is no fault, for
//! whoever sent that may be gone.
//!
//! The proxy ends a connection itself in two cases: when it shuts down, and when no byte passed for
//! [`Silence::idle`]. Each end then gets a close frame of the proxy's own, if the bytes it got so far
//! end with a frame's end, and a FIN, which cuts the frame that it stands in otherwise.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use ring::rand::{SecureRandom, SystemRandom};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::{Sleep, sleep, timeout};

use super::frames::{self, Frames};
use crate::tap::{CLOSED, CUT, CUT_INSIDE, Direction, End, Failure, GOING_AWAY, Lane, Phase, Side};

/// How long a relay may be silent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Silence {
    /// With no byte either way; `None`: for ever.
    pub(super) idle: Option<Duration>,
    /// With no byte from the other end behind the FIN of one.
    pub(super) half_closed: Duration,
}

/// Relays until both ends sent their FIN, one of them failed, a limit is hit, or `closing` resolves
/// because the proxy shuts down.
///
/// `out` is the lane from `client` to `upstream`, `back` the other one. Gives [`End::Aborted`] when
/// an end failed and the other one is to be told by a reset.
pub(super) async fn relay<C, U>(
    mut client: C,
    mut upstream: U,
    out: Lane,
    back: Lane,
    silence: Silence,
    closing: impl Future<Output = ()>,
) -> End
where
    C: AsyncRead + AsyncWrite + Unpin,
    U: AsyncRead + AsyncWrite + Unpin,
{
    let mut out = Pump::new(out);
    let mut back = Pump::new(back);
    let mut closing = pin!(closing);
    let mut timer = pin!(sleep(Duration::ZERO));
    let mut limit = None;
    let halt = poll_fn(|cx| {
        if let Poll::Ready(end) = poll_both(cx, &mut out, &mut back, &mut client, &mut upstream) {
            return Poll::Ready(Halt::Over(end));
        }
        if closing.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Halt::Closing(Why::Shutdown));
        }
        poll_silence(cx, timer.as_mut(), &mut limit, silence, &mut out, &mut back)
    })
    .await;
    let why = match halt {
        Halt::Over(end) => return end,
        Halt::Unanswered => {
            let exchange = out.lane.exchange().id().0;
            let limit = silence.half_closed;
            tracing::info!(
                exchange,
                "no byte behind the FIN of one end for {limit:?}: ended"
            );
            return End::Complete;
        }
        Halt::Closing(why) => why,
    };
    let pumps = (&mut out, &mut back);
    close(pumps, &mut client, &mut upstream, why).await
}

/// Moves what can be moved now; ready when there is nothing more to move.
fn poll_both<C, U>(
    cx: &mut Context<'_>,
    out: &mut Pump,
    back: &mut Pump,
    client: &mut C,
    upstream: &mut U,
) -> Poll<End>
where
    C: AsyncRead + AsyncWrite + Unpin,
    U: AsyncRead + AsyncWrite + Unpin,
{
    let sent = out.poll(cx, client, upstream);
    if let Poll::Ready(Outcome::Broken(side, message)) = sent {
        out.broke(side, message, back);
        return Poll::Ready(End::Aborted);
    }
    let got = back.poll(cx, upstream, client);
    if let Poll::Ready(Outcome::Broken(side, message)) = got {
        back.broke(side, message, out);
        return Poll::Ready(End::Aborted);
    }
    match (sent, got) {
        (Poll::Ready(_), Poll::Ready(_)) => Poll::Ready(End::Complete),
        _ => Poll::Pending,
    }
}

/// Ready when a limit is hit. `limit` is the one that `timer` waits for.
fn poll_silence(
    cx: &mut Context<'_>,
    mut timer: Pin<&mut Sleep>,
    limit: &mut Option<Duration>,
    silence: Silence,
    out: &mut Pump,
    back: &mut Pump,
) -> Poll<Halt> {
    let has_moved = std::mem::take(&mut out.has_moved) | std::mem::take(&mut back.has_moved);
    // Bytes that a slow reader has not taken yet are waited for.
    let is_unanswered = (out.is_finished() && back.chunk.is_empty())
        || (back.is_finished() && out.chunk.is_empty());
    let half_closed = is_unanswered.then_some(silence.half_closed);
    let wanted = half_closed.into_iter().chain(silence.idle).min();
    if has_moved || *limit != wanted {
        *limit = wanted;
        if let Some(wanted) = wanted {
            timer.set(sleep(wanted));
        }
    }
    let Some(limit) = *limit else {
        return Poll::Pending;
    };
    ready!(timer.poll(cx));
    Poll::Ready(if half_closed == Some(limit) {
        Halt::Unanswered
    } else {
        Halt::Closing(Why::Idle(limit))
    })
}

/// Why a relay comes to rest.
enum Halt {
    /// Its ends have ended it.
    Over(End),
    /// One end sent its FIN, and the other one has nothing more to say.
    Unanswered,
    /// The proxy ends it.
    Closing(Why),
}

/// Why the proxy ends a connection.
#[derive(Clone, Copy)]
enum Why {
    /// It shuts down.
    Shutdown,
    /// No byte passed for so long.
    Idle(Duration),
}

impl Why {
    /// The code of the close frames (RFC 6455 §7.4.1).
    fn code(self) -> u16 {
        match self {
            Self::Shutdown => 1001,
            Self::Idle(_) => 1011,
        }
    }

    /// The reason in the close frames.
    fn reason(self) -> String {
        match self {
            Self::Shutdown => GOING_AWAY.to_owned(),
            Self::Idle(limit) => format!("no bytes for {limit:?}"),
        }
    }
}

/// The last thing that an end got.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Last {
    /// A close frame of the proxy's own.
    Closed,
    /// A part of a frame.
    Cut,
    /// The other end's close frame, or its FIN.
    Theirs,
}

/// Ends a connection: lets both ends and the lanes know.
async fn close<C, U>(
    (out, back): (&mut Pump, &mut Pump),
    client: &mut C,
    upstream: &mut U,
    why: Why,
) -> End
where
    C: AsyncRead + AsyncWrite + Unpin,
    U: AsyncRead + AsyncWrite + Unpin,
{
    if matches!(why, Why::Shutdown) {
        // Frames that are under way get there.
        (out.is_stopping, back.is_stopping) = (true, true);
        let ends = poll_fn(|cx| poll_both(cx, out, back, client, upstream));
        if let Ok(End::Aborted) = timeout(CLOSING, ends).await {
            return End::Aborted;
        }
    }
    let mut mask = [0; 4];
    // Without chance it is a mask all the same; it guards against scripts in browsers.
    let _ = SystemRandom::new().fill(&mut mask);
    let (code, reason) = (why.code(), why.reason());
    let to_upstream = frames::close(code, &reason, Some(mask));
    let to_client = frames::close(code, &reason, None);
    let (sent, got) = tokio::join!(
        out.finish(upstream, &to_upstream),
        back.finish(client, &to_client)
    );
    let failure = why.failure(sent, got);
    match why {
        Why::Shutdown => out.lane.cut(failure),
        Why::Idle(_) => {
            let Failure {
                side,
                phase,
                message,
            } = failure;
            out.lane.failed(side, phase, message);
        }
    }
    back.lane.end(End::Aborted);
    // A connection that is closed on unread bytes is reset, and the close frame may be lost by that.
    let ends = async { tokio::join!(read_out(client), read_out(upstream)) };
    let _ = timeout(CLOSING, ends).await;
    End::Complete
}

/// Reads until there is nothing more to read.
async fn read_out<R: AsyncRead + Unpin>(end: &mut R) {
    let mut scrap = [0; 4096];
    while matches!(end.read(&mut scrap).await, Ok(1..)) {}
}

impl Why {
    /// What is told: `sent` is the last thing that the upstream got, `got` that of the client.
    fn failure(self, sent: Last, got: Last) -> Failure {
        let code = self.code();
        let how = match (sent, got) {
            (Last::Cut, Last::Cut) => format!("{CUT_INSIDE}frames both ways"),
            (Last::Cut, _) => format!("{CUT_INSIDE}a frame of the client"),
            (_, Last::Cut) => format!("{CUT_INSIDE}a frame of the upstream"),
            (Last::Closed, _) | (_, Last::Closed) => format!("{CLOSED}{code}"),
            (Last::Theirs, Last::Theirs) => "cut behind the close frames".to_owned(),
        };
        let why = match self {
            Self::Shutdown => CUT.to_owned(),
            Self::Idle(limit) => format!("no byte either way for {limit:?} (--ws-idle-timeout)"),
        };
        let is_client = matches!(self, Self::Shutdown) || sent == Last::Cut;
        Failure {
            side: if is_client {
                Side::Client
            } else {
                Side::Upstream
            },
            phase: Phase::Relay,
            message: format!("{how}: {why}"),
        }
    }
}

/// How a direction came to rest.
enum Outcome {
    /// Its source sent a FIN, and the sink got everything and the FIN.
    Finished,
    /// It was told to stop, and stands between two frames.
    Stopped,
    /// Its source or its sink failed.
    Broken(Side, String),
}

/// The end of what a source sends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fin {
    /// It did not come.
    Awaited,
    /// It came.
    Seen,
    /// The sink was told.
    Passed,
}

/// One direction of a relay.
struct Pump {
    lane: Lane,
    /// Where the source is read into; chunks are split off it without copying.
    buffer: BytesMut,
    /// What was read and is not yet written.
    chunk: Bytes,
    /// Whether something was written since the last flush.
    unflushed: bool,
    fin: Fin,
    /// Where its frames end.
    frames: Frames,
    /// Whether it is to stop behind the frame that is under way.
    is_stopping: bool,
    /// Whether something passed since this was last asked.
    has_moved: bool,
}

impl Pump {
    fn new(mut lane: Lane) -> Self {
        lane.upgraded();
        Self {
            lane,
            buffer: BytesMut::new(),
            chunk: Bytes::new(),
            unflushed: false,
            fin: Fin::Awaited,
            frames: Frames::default(),
            is_stopping: false,
            has_moved: false,
        }
    }

    fn poll<R, W>(&mut self, cx: &mut Context<'_>, source: &mut R, sink: &mut W) -> Poll<Outcome>
    where
        R: AsyncRead + Unpin,
        W: AsyncWrite + Unpin,
    {
        if self.is_finished() {
            return Poll::Ready(Outcome::Finished);
        }
        let (source_side, sink_side) = match self.lane.dir() {
            Direction::Out => (Side::Client, Side::Upstream),
            Direction::In => (Side::Upstream, Side::Client),
        };
        Poll::Ready(match ready!(self.poll_copy(cx, source, sink)) {
            Ok(()) if self.fin == Fin::Seen => {
                self.fin = Fin::Passed;
                self.has_moved = true;
                self.lane.end(End::Complete);
                Outcome::Finished
            }
            Ok(()) => Outcome::Stopped,
            Err(Broken::Source(error)) => Outcome::Broken(source_side, format!("read: {error}")),
            Err(Broken::Sink(error)) => Outcome::Broken(sink_side, format!("write: {error}")),
        })
    }

    /// Whether the FIN was passed on.
    fn is_finished(&self) -> bool {
        self.fin == Fin::Passed
    }

    /// Tells what broke here; `other` is the other direction.
    fn broke(&mut self, side: Side, message: String, other: &Self) {
        if other.is_finished() {
            // Whoever sent the FIN has gone by now, as a client does that has all it wants.
            let exchange = self.lane.exchange().id().0;
            tracing::debug!(exchange, side = side.as_str(), "{message}");
            self.lane.end(End::Aborted);
        } else {
            self.lane.failed(side, Phase::Relay, message);
        }
    }

    /// Says the proxy's last word in this direction, within [`CLOSING`], and what it was.
    async fn finish<W: AsyncWrite + Unpin>(&mut self, sink: &mut W, close: &[u8]) -> Last {
        if self.is_finished() {
            return Last::Theirs;
        }
        let may_close = self.frames.may_follow();
        let last = async {
            if may_close {
                sink.write_all(close).await?;
            }
            sink.shutdown().await
        };
        match timeout(CLOSING, last).await {
            Ok(Ok(())) if may_close => Last::Closed,
            Ok(Ok(())) if self.frames.is_between() => Last::Theirs,
            _ => Last::Cut,
        }
    }

    /// Moves what can be moved now; ready when the FIN was passed on, or where it is to stop.
    fn poll_copy<R, W>(
        &mut self,
        cx: &mut Context<'_>,
        source: &mut R,
        sink: &mut W,
    ) -> Poll<Result<(), Broken>>
    where
        R: AsyncRead + Unpin,
        W: AsyncWrite + Unpin,
    {
        loop {
            while !self.chunk.is_empty() {
                let mut bytes = &self.chunk[..];
                if self.is_stopping {
                    bytes = &bytes[..self.frames.left(bytes)];
                    if bytes.is_empty() {
                        return Poll::Ready(Ok(()));
                    }
                }
                let written = ready!(Pin::new(&mut *sink).poll_write(cx, bytes));
                let written = written.map_err(Broken::Sink)?;
                if written == 0 {
                    return Poll::Ready(Err(Broken::Sink(io::ErrorKind::WriteZero.into())));
                }
                self.unflushed = true;
                self.has_moved = true;
                let passed = self.chunk.split_to(written);
                self.frames.push(&passed);
                self.lane.data(&passed);
            }
            if self.fin == Fin::Seen {
                return Pin::new(sink).poll_shutdown(cx).map_err(Broken::Sink);
            }
            if self.is_stopping && self.frames.is_between() {
                return Poll::Ready(Ok(()));
            }
            let read = match self.lane.poll_ready(cx) {
                Poll::Ready(()) => self.poll_read(cx, source),
                Poll::Pending => Poll::Pending,
            };
            match read {
                Poll::Ready(Ok(0)) => self.fin = Fin::Seen,
                Poll::Ready(Ok(_)) => {
                    self.chunk = self.buffer.split().freeze();
                    self.lane.before([&self.chunk]);
                }
                // A TLS peer that ends without close_notify (RFC 8446 §6.1). The protocol inside tells
                // whether something is missing; WebSocket frames do.
                Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::UnexpectedEof => {
                    self.fin = Fin::Seen;
                }
                Poll::Ready(Err(error)) => return Poll::Ready(Err(Broken::Source(error))),
                Poll::Pending => {
                    // Nothing more to add for now, so what a TLS sink still holds must leave.
                    if self.unflushed {
                        ready!(Pin::new(sink).poll_flush(cx)).map_err(Broken::Sink)?;
                        self.unflushed = false;
                    }
                    return Poll::Pending;
                }
            }
        }
    }

    fn poll_read<R: AsyncRead + Unpin>(
        &mut self,
        cx: &mut Context<'_>,
        source: &mut R,
    ) -> Poll<io::Result<usize>> {
        if self.buffer.capacity() < READ_MIN {
            self.buffer.reserve(READ_SIZE);
        }
        // The future holds no state between polls: it reads or it does not.
        pin!(source.read_buf(&mut self.buffer)).poll(cx)
    }
}

/// Which end of a direction failed.
enum Broken {
    Source(io::Error),
    Sink(io::Error),
}

/// How long the proxy waits for each step of ending a connection by itself.
const CLOSING: Duration = Duration::from_millis(500);

/// A read buffer's size: one TLS record.
const READ_SIZE: usize = 16 << 10;

/// With less room than this a new buffer is begun.
const READ_MIN: usize = 2 << 10;

#[cfg(test)]
mod tests;
