//! A response on its way from the upstream to the client.

use std::collections::VecDeque;
use std::future::{pending, poll_fn};
use std::io;

use bytes::{Buf, Bytes};
use futures_util::FutureExt;
use http::{StatusCode, Version};
use tokio::io::{AsyncWriteExt, ReadHalf};

use super::body::{Body, Framing, Piece};
use super::head::ResponseHead;
use super::hop::{Ending, Kept};
use super::http2::Inbound;
use super::wire::{NoHead, Source, Wire};
use crate::tap::Lane;

/// A response whose head came.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) head: ResponseHead,
    /// The protocol that it came over.
    pub(super) version: Version,
    pub(super) framing: Framing,
    pub(super) content: Content,
}

/// Where a response's body comes from.
#[derive(Debug)]
pub(super) enum Content {
    Http1(Source<ReadHalf<Wire>>, Body),
    Http2(Inbound),
}

/// Which end of a response failed.
#[derive(Debug)]
pub(super) enum Broken {
    /// The client cannot be written to any more.
    Client(io::Error),
    /// The upstream did not give the body its proper end.
    Upstream(String),
    /// It reset its connection.
    Reset(String),
    /// The proxy shuts down.
    Cut,
}

impl Content {
    /// The next part; `None` when the body is over. Dropping the future loses nothing.
    pub(super) async fn next(&mut self) -> Result<Option<Piece>, Broken> {
        let (source, body) = match self {
            Self::Http1(source, body) => (source, body),
            Self::Http2(inbound) => return inbound.next().await.map_err(Broken::Upstream),
        };
        loop {
            let taken = body.take(&mut source.buffer);
            if let Some(piece) = taken.map_err(|fault| Broken::Upstream(fault.to_owned()))? {
                return Ok(Some(piece));
            }
            if body.is_over() {
                return Ok(None);
            }
            match source.fill().await {
                Ok(0) if body.close() => {}
                Ok(0) => {
                    let end = "read: the connection ended before the body did";
                    return Err(Broken::Upstream(end.to_owned()));
                }
                Ok(_) => {}
                Err(error) => return Err(Broken::Reset(format!("read: {error}"))),
            }
        }
    }

    /// Whether the body was given to its end.
    fn is_over(&self) -> bool {
        match self {
            Self::Http1(_, body) => body.is_over(),
            Self::Http2(inbound) => inbound.is_over(),
        }
    }

    /// Waits for an HTTP/1.1 upstream to end its connection behind its response, or to go on
    /// speaking, which ends it as well.
    pub(super) async fn ended(&mut self) {
        match self {
            Self::Http1(source, _) => {
                // However it ends, it does.
                let _ = source.fill().await;
            }
            // There the stream's end shows when the request is sent.
            Self::Http2(_) => pending().await,
        }
    }

    /// Writes `head` and the body to `client`, with what `next` gave `ahead` of that first. Each part leaves when
    /// it came and is then told to `lane`; the next one is read when it is through. The end is yet to be told:
    /// behind the last byte the client may go, however long the observer takes.
    pub(super) async fn send<W: AsyncWriteExt + Unpin>(
        &mut self,
        mut head: Bytes,
        mut ahead: VecDeque<Result<Piece, Broken>>,
        client: &mut W,
        lane: &mut Lane,
    ) -> Result<(), Broken> {
        loop {
            // The head leaves with the part behind it if that is there already, else alone.
            let next = if let Some(piece) = ahead.pop_front() {
                Some(piece.map(Some))
            } else if head.is_empty() {
                Some(self.next().await)
            } else {
                self.next().now_or_never()
            };
            let (piece, end) = match next {
                None => (None, None),
                Some(Ok(Some(piece))) => (Some(piece), None),
                Some(Ok(None)) => (None, Some(Ok(()))),
                Some(Err(fault)) => (None, Some(Err(fault))),
            };
            let body = piece
                .as_ref()
                .map_or_else(Bytes::new, |piece| piece.wire.clone());
            if piece.is_some() || !head.is_empty() {
                lane.before(piece.iter().flat_map(|piece| &piece.payload));
            }
            let mut both = std::mem::take(&mut head).chain(body);
            client
                .write_all_buf(&mut both)
                .await
                .map_err(Broken::Client)?;
            if let Some(piece) = piece {
                piece.tell(lane);
            }
            if let Some(end) = end {
                return end;
            }
            if ahead.is_empty() && self.is_over() {
                return Ok(());
            }
            poll_fn(|cx| lane.poll_ready(cx)).await;
        }
    }
}

/// Waits for the final response head, and passes the interim ones (RFC 9110 §15.2) on to `client`,
/// unless it speaks HTTP/1.0, which knows none.
pub(super) async fn head<W: AsyncWriteExt + Unpin>(
    source: &mut Source<ReadHalf<Wire>>,
    client: &mut W,
    version: Version,
) -> Result<Result<ResponseHead, NoHead>, io::Error> {
    loop {
        let bytes = match source.head().await {
            Ok(bytes) => bytes,
            Err(none) => return Ok(Err(none)),
        };
        let head = match ResponseHead::parse(&bytes) {
            Ok(head) => head,
            Err(fault) => return Ok(Err(NoHead::Refused(fault))),
        };
        if !head.status.is_informational() || head.status == StatusCode::SWITCHING_PROTOCOLS {
            return Ok(Ok(head));
        }
        if version != Version::HTTP_10 {
            let kept = Kept::response(&head, Ending::Open);
            client.write_all(&kept.write(&[&head.line])).await?;
        }
    }
}
