//! The reading end of a connection, with what was read and not yet used, and a connection to an
//! upstream that can be reset: a client's reset arrives there as one.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use memchr::memchr;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};

use super::head::{Fault, MAX_HEAD, MAX_TARGET, TARGET_TOO_LONG, TOO_LARGE};
use super::stream::Stream;

/// A reading end and its buffer. Dropping any of its futures loses nothing.
#[derive(Debug)]
pub(super) struct Source<R> {
    pub(super) read: R,
    /// What was read; parts are split off it without copying.
    pub(super) buffer: BytesMut,
    /// How much room a read is given: more while reads fill it.
    room: usize,
}

/// Why there is no head.
#[derive(Debug)]
pub(super) enum NoHead {
    /// The connection ended, before the first byte or in the middle.
    Closed,
    /// It failed.
    Failed(io::Error),
    /// What came is no head that will be read on.
    Refused(Fault),
}

impl<R: AsyncRead + Unpin> Source<R> {
    pub(super) fn new(read: R) -> Self {
        Self {
            read,
            buffer: BytesMut::new(),
            room: ROOM,
        }
    }

    /// Reads what is there, or waits for it; 0 is the end.
    pub(super) async fn fill(&mut self) -> io::Result<usize> {
        if self.buffer.capacity() - self.buffer.len() < self.room / 8 {
            self.buffer.reserve(self.room);
        }
        let offered = self.buffer.capacity() - self.buffer.len();
        let read = self.read.read_buf(&mut self.buffer).await?;
        if read == offered {
            self.room = (self.room * 2).min(MAX_ROOM);
        }
        Ok(read)
    }

    /// Reads up to the empty line that ends a head, and takes the head.
    pub(super) async fn head(&mut self) -> Result<Bytes, NoHead> {
        let mut scanned = 0;
        loop {
            if let Some(len) = head_end(&self.buffer, &mut scanned) {
                if len > MAX_HEAD {
                    return Err(NoHead::Refused(TOO_LARGE));
                }
                return Ok(self.buffer.split_to(len).freeze());
            }
            // A method is short, so a first line that goes on is all target.
            if let Some(line) = self.buffer.get(..MAX_TARGET + 100)
                && memchr(b'\n', line).is_none()
            {
                return Err(NoHead::Refused(TARGET_TOO_LONG));
            }
            if self.buffer.len() > MAX_HEAD {
                return Err(NoHead::Refused(TOO_LARGE));
            }
            match self.fill().await {
                Ok(0) => return Err(NoHead::Closed),
                Ok(_) => {}
                Err(error) => return Err(NoHead::Failed(error)),
            }
        }
    }

    /// Drops empty lines before a request line, as RFC 9112 §2.2 asks of a server.
    pub(super) fn skip_empty_lines(&mut self) {
        while self.buffer.starts_with(b"\r\n") {
            let _ = self.buffer.split_to(2);
        }
    }
}

/// How long the head at the front of `bytes` is. `line` is where its first unfinished line begins.
///
/// Line ends that are not CRLF end a head as well: it is refused, and not waited for.
fn head_end(bytes: &[u8], line: &mut usize) -> Option<usize> {
    while let Some(len) = memchr(b'\n', &bytes[*line..]) {
        let text = &bytes[*line..*line + len];
        *line += len + 1;
        if matches!(text, b"" | b"\r") {
            return Some(*line);
        }
    }
    None
}

/// A connection to an upstream.
#[derive(Debug)]
pub(super) struct Wire {
    stream: Stream,
    reset: Reset,
}

/// Makes a connection end with a reset instead of a FIN, when it ends.
#[derive(Clone, Default, Debug)]
pub(super) struct Reset(Arc<AtomicBool>);

impl Reset {
    pub(super) fn arm(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Wire {
    pub(super) fn new(stream: Stream, reset: Reset) -> Self {
        Self { stream, reset }
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        if self.reset.0.load(Ordering::Relaxed) {
            // Without it the upstream sees a FIN, which is the best that is left then.
            let _ = self.stream.tcp().set_zero_linger();
        }
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// A read's room at first: a request of Codex's, or two TLS records.
const ROOM: usize = 32 << 10;

/// A read's room at most.
const MAX_ROOM: usize = 128 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn heads_are_cut_off_what_follows() {
        let mut source = Source::new(&b"\r\n\r\nA b\r\nc\r\n\r\nD\n\nrest"[..]);
        source.fill().await.unwrap();
        source.skip_empty_lines();
        assert_eq!(source.head().await.unwrap(), "A b\r\nc\r\n\r\n");
        assert_eq!(source.head().await.unwrap(), "D\n\n");
        assert!(matches!(source.head().await, Err(NoHead::Closed)));
        assert_eq!(&source.buffer[..], b"rest");
    }

    #[tokio::test]
    async fn endless_heads_are_given_up() {
        let line = vec![b'x'; 1 << 20];
        let refused = |head: Result<Bytes, NoHead>| match head {
            Err(NoHead::Refused(fault)) => fault.status.as_u16(),
            other => panic!("{other:?}"),
        };
        assert_eq!(refused(Source::new(&line[..]).head().await), 414);
        let lines = b"x: y\r\n".repeat(1 << 16);
        assert_eq!(refused(Source::new(&lines[..]).head().await), 431);
        let long = [b"GET / HTTP/1.1\r\n", &line[..], b"\r\n\r\n"].concat();
        assert_eq!(refused(Source::new(&long[..]).head().await), 431);
    }
}
