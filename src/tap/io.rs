//! The relay of an upgraded connection: raw bytes both ways, unchanged, each chunk copied to its
//! lane after it was written.
//!
//! Backpressure: a direction reads only when everything it read before was written. A FIN from one
//! end is passed on and leaves the other direction flowing. An error on either end ends both
//! directions: the caller's connections are closed when [`relay`] drops them.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};

use super::event::{Direction, End, Phase, Side};
use super::lane::Lane;

/// Relays until both ends sent their FIN or one of them failed.
///
/// `out` is the lane from `client` to `upstream`, `back` the other one. Gives [`End::Aborted`] when
/// one of them failed.
pub async fn relay<C, U>(mut client: C, mut upstream: U, out: Lane, back: Lane) -> End
where
    C: AsyncRead + AsyncWrite + Unpin,
    U: AsyncRead + AsyncWrite + Unpin,
{
    let mut out = Pump::new(out);
    let mut back = Pump::new(back);
    poll_fn(|cx| {
        let sent = out.poll(cx, &mut client, &mut upstream);
        if matches!(sent, Poll::Ready(Outcome::Broken)) {
            return Poll::Ready(End::Aborted);
        }
        match (sent, back.poll(cx, &mut upstream, &mut client)) {
            (_, Poll::Ready(Outcome::Broken)) => Poll::Ready(End::Aborted),
            (Poll::Ready(Outcome::Finished), Poll::Ready(Outcome::Finished)) => {
                Poll::Ready(End::Complete)
            }
            _ => Poll::Pending,
        }
    })
    .await
}

/// How a direction came to rest.
enum Outcome {
    /// Its source sent a FIN, and the sink got everything and the FIN.
    Finished,
    /// Its source or its sink failed.
    Broken,
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
    /// Whether the source sent a FIN.
    drained: bool,
    /// Whether the FIN was passed on.
    finished: bool,
}

impl Pump {
    fn new(lane: Lane) -> Self {
        Self {
            lane,
            buffer: BytesMut::new(),
            chunk: Bytes::new(),
            unflushed: false,
            drained: false,
            finished: false,
        }
    }

    fn poll<R, W>(&mut self, cx: &mut Context<'_>, source: &mut R, sink: &mut W) -> Poll<Outcome>
    where
        R: AsyncRead + Unpin,
        W: AsyncWrite + Unpin,
    {
        if self.finished {
            return Poll::Ready(Outcome::Finished);
        }
        let (source_side, sink_side) = match self.lane.dir() {
            Direction::Out => (Side::Client, Side::Upstream),
            Direction::In => (Side::Upstream, Side::Client),
        };
        let broken = match ready!(self.poll_copy(cx, source, sink)) {
            Ok(()) => {
                self.finished = true;
                self.lane.end(End::Complete);
                return Poll::Ready(Outcome::Finished);
            }
            Err(Broken::Source(error)) => (source_side, format!("read: {error}")),
            Err(Broken::Sink(error)) => (sink_side, format!("write: {error}")),
        };
        self.lane.failed(broken.0, Phase::Relay, broken.1);
        Poll::Ready(Outcome::Broken)
    }

    /// Moves what can be moved now; ready when the FIN was passed on.
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
                let written = ready!(Pin::new(&mut *sink).poll_write(cx, &self.chunk));
                let written = written.map_err(Broken::Sink)?;
                if written == 0 {
                    return Poll::Ready(Err(Broken::Sink(io::ErrorKind::WriteZero.into())));
                }
                self.unflushed = true;
                self.lane.data(&self.chunk.split_to(written));
            }
            if self.drained {
                return Pin::new(sink).poll_shutdown(cx).map_err(Broken::Sink);
            }
            let read = match self.lane.poll_ready(cx) {
                Poll::Ready(()) => self.poll_read(cx, source),
                Poll::Pending => Poll::Pending,
            };
            match read {
                Poll::Ready(Ok(0)) => self.drained = true,
                Poll::Ready(Ok(_)) => self.chunk = self.buffer.split().freeze(),
                // A TLS peer that ends without close_notify (RFC 8446 §6.1). The protocol inside tells
                // whether something is missing; WebSocket frames do.
                Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::UnexpectedEof => {
                    self.drained = true;
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

/// A read buffer's size: one TLS record.
const READ_SIZE: usize = 16 << 10;

/// With less room than this a new buffer is begun.
const READ_MIN: usize = 2 << 10;

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use tokio::io::{AsyncWriteExt, duplex};

    use super::*;
    use crate::tap::{Clock, Event, Kind, Limits, Receiver, Redactor, channel};

    fn lanes() -> (Lane, Lane, Receiver) {
        let (tap, receiver) = channel(Limits::default(), Clock::start(), Redactor::off());
        let exchange = tap.open(1, SocketAddr::from(([127, 0, 0, 1], 4)), "".into());
        (
            exchange.lane(Direction::Out),
            exchange.lane(Direction::In),
            receiver,
        )
    }

    async fn all(mut receiver: Receiver) -> Vec<Event> {
        let mut events = Vec::new();
        while receiver.recv_many(&mut events).await > 0 {}
        events
    }

    fn copied(events: &[Event], way: Direction) -> Vec<u8> {
        (events.iter())
            .flat_map(|event| match &event.kind {
                Kind::Data { dir, bytes } if *dir == way => bytes.to_vec(),
                _ => Vec::new(),
            })
            .collect()
    }

    /// A TLS connection whose peer just closed the socket.
    struct Unannounced;

    impl AsyncRead for Unannounced {
        fn poll_read(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
            _: &mut tokio::io::ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()))
        }
    }

    #[tokio::test]
    async fn a_tls_end_without_close_notify_is_an_end() {
        let (mut near, client) = duplex(64);
        let (out, back, receiver) = lanes();
        let mut far = tokio::io::join(Unannounced, tokio::io::sink());
        drop(client);
        assert_eq!(relay(&mut near, &mut far, out, back).await, End::Complete);
        let events = all(receiver).await;
        assert!(
            !events
                .iter()
                .any(|event| matches!(event.kind, Kind::Failed(_)))
        );
    }

    #[tokio::test]
    async fn a_fin_one_way_keeps_the_other_way_flowing() {
        let (mut client, near) = duplex(64);
        let (far, mut upstream) = duplex(64);
        let (out, back, receiver) = lanes();
        let relay = tokio::spawn(relay(near, far, out, back));
        client.write_all(b"question").await.unwrap();
        client.shutdown().await.unwrap();
        let mut question = Vec::new();
        upstream.read_to_end(&mut question).await.unwrap();
        assert_eq!(question, b"question");
        let answer = vec![7; 100_000];
        let (written, mut read) = (answer.clone(), Vec::new());
        let writing = async {
            upstream.write_all(&written).await.unwrap();
            upstream.shutdown().await.unwrap();
        };
        let ((), got) = tokio::join!(writing, client.read_to_end(&mut read));
        got.unwrap();
        assert!(read == answer);
        relay.await.unwrap();
        let events = all(receiver).await;
        assert_eq!(copied(&events, Direction::Out), b"question");
        assert!(copied(&events, Direction::In) == answer);
        let ends = events.iter().filter(|event| {
            matches!(
                event.kind,
                Kind::Ended {
                    how: End::Complete,
                    ..
                }
            )
        });
        assert_eq!(ends.count(), 2);
    }

    #[tokio::test]
    async fn a_sink_that_fails_ends_both_ways_and_is_named() {
        let (mut client, near) = duplex(64);
        let (far, upstream) = duplex(64);
        let (out, back, receiver) = lanes();
        drop(upstream);
        client.write_all(b"lost").await.unwrap();
        relay(near, far, out, back).await;
        let events = all(receiver).await;
        let failed = events.iter().find_map(|event| match &event.kind {
            Kind::Failed(failure) => Some(failure.clone()),
            _ => None,
        });
        assert_eq!(failed.unwrap().side, Side::Upstream);
        assert_eq!(copied(&events, Direction::Out), b"");
    }
}
