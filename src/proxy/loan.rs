//! A body that is lent to the upstream's client and comes back.
//!
//! When the upstream cannot be reached, its client drops the request with a body that nobody has
//! read. Closing the connection on unread bytes resets it, and the answer that says why may be lost
//! with it. So the body is lent, comes back on drop, and is read before that answer is given.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use tokio::sync::oneshot;

/// A lent body.
#[derive(Debug)]
pub(super) struct Loan<B> {
    /// `None` only while it is dropped.
    body: Option<B>,
    lender: Option<oneshot::Sender<B>>,
}

impl<B> Loan<B> {
    /// Lends `body`; it comes back when the loan is dropped.
    pub(super) fn new(body: B) -> (Self, Lender<B>) {
        let (lender, back) = oneshot::channel();
        (
            Self {
                body: Some(body),
                lender: Some(lender),
            },
            Lender { back, found: None },
        )
    }
}

impl<B> Drop for Loan<B> {
    fn drop(&mut self) {
        if let (Some(lender), Some(body)) = (self.lender.take(), self.body.take()) {
            // Nobody waits for it: then it ends here.
            let _ = lender.send(body);
        }
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for Loan<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        match &mut self.body {
            Some(body) => Pin::new(body).poll_frame(cx),
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body
            .as_ref()
            .map_or_else(SizeHint::default, Body::size_hint)
    }
}

/// The right to have the body back.
#[derive(Debug)]
pub(super) struct Lender<B> {
    back: oneshot::Receiver<B>,
    /// The body, when [`Lender::is_back`] found it.
    found: Option<B>,
}

impl<B: Body<Data = Bytes> + Unpin> Lender<B> {
    /// Whether the borrower is done with the body.
    pub(super) fn is_back(&mut self) -> bool {
        if self.found.is_none() {
            self.found = self.back.try_recv().ok();
        }
        self.found.is_some()
    }

    /// Waits for the body and reads what is left of it, within [`DRAIN_TIME`] and [`DRAIN_BYTES`].
    pub(super) async fn drain(self) {
        let draining = async {
            if let Some(body) = self.found {
                drain(body).await;
            } else if let Ok(body) = self.back.await {
                drain(body).await;
            }
        };
        // When the time is over the answer is given all the same.
        let _ = tokio::time::timeout(DRAIN_TIME, draining).await;
    }
}

/// Reads `body` to its end or to [`DRAIN_BYTES`].
async fn drain<B: Body<Data = Bytes> + Unpin>(mut body: B) {
    let mut left = DRAIN_BYTES;
    while left > 0
        && !body.is_end_stream()
        && let Some(Ok(frame)) = body.frame().await
    {
        left = left.saturating_sub(frame.data_ref().map_or(0, Bytes::len));
    }
}

/// How long a refused request's body is read.
const DRAIN_TIME: Duration = Duration::from_secs(2);

/// How much of a refused request's body is read: more than Codex ever sends.
const DRAIN_BYTES: usize = 64 << 20;
