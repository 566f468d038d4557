//! The body of what the client is answered.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::Full;

use super::direct::Driven;
use crate::tap::TapBody;

/// A response body, whoever wrote it.
#[derive(Debug)]
pub(super) enum Reply {
    /// The upstream's; boxed, because it carries its connection and hyper moves bodies about.
    Upstream(Box<TapBody<Driven>>),
    /// The proxy's own.
    Own(TapBody<Full<Bytes>>),
    /// None: the connection is upgraded.
    Nothing,
}

impl Body for Reply {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        match &mut *self {
            Self::Upstream(body) => Pin::new(&mut **body).poll_frame(cx),
            Self::Own(body) => Pin::new(body)
                .poll_frame(cx)
                .map_err(|infallible| match infallible {}),
            Self::Nothing => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Upstream(body) => body.is_end_stream(),
            Self::Own(body) => body.is_end_stream(),
            Self::Nothing => true,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Upstream(body) => body.size_hint(),
            Self::Own(body) => body.size_hint(),
            Self::Nothing => SizeHint::with_exact(0),
        }
    }
}
