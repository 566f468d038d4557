//! A body that passes its frames on and tells what they were.
//!
//! Data, trailers, errors and the end are told, and so is being dropped before the end: that is how
//! a receiver that went away looks from here. A body that has nothing to say (HEAD, 204, 304, no
//! content) is over as soon as it is wrapped, because nobody will ever poll it.

use std::error::Error;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use super::event::{Direction, End, Phase, Side};
use super::exchange::error_chain;
use super::lane::Lane;

/// A body with a lane beside it.
#[derive(Debug)]
pub struct TapBody<B> {
    inner: B,
    lane: Lane,
}

impl<B: Body<Data = Bytes>> TapBody<B> {
    /// Wraps `inner`, whose frames travel along `lane`.
    #[must_use]
    pub fn new(inner: B, mut lane: Lane) -> Self {
        if inner.is_end_stream() {
            lane.end(End::Complete);
        }
        Self { inner, lane }
    }
}

impl<B> Body for TapBody<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Error + 'static,
{
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let Self { inner, lane } = &mut *self;
        ready!(lane.poll_ready(cx));
        let polled = ready!(Pin::new(&mut *inner).poll_frame(cx));
        match &polled {
            Some(Ok(frame)) => {
                if let Some(bytes) = frame.data_ref() {
                    lane.data(bytes);
                } else if let Some(trailers) = frame.trailers_ref() {
                    lane.trailers(trailers);
                }
                // Nobody asks again after the last byte of a known length, nor after trailers.
                if frame.is_trailers() || inner.is_end_stream() {
                    lane.end(End::Complete);
                }
            }
            Some(Err(error)) => {
                let (side, phase) = match lane.dir() {
                    Direction::Out => (Side::Client, Phase::Request),
                    Direction::In => (Side::Upstream, Phase::Body),
                };
                lane.failed(side, phase, error_chain(error));
            }
            None => lane.end(End::Complete),
        }
        Poll::Ready(polled)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
