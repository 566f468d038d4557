//! HTTP/1.1 to an upstream without a task in between.
//!
//! hyper's pooled client runs every connection in a task of its own, and hands each chunk over to
//! the task that answers Codex: for a stream of small events that is a task switch and a write per
//! event. Here the response's body drives its connection itself, so that chunks which are there
//! already leave as one; it never waits for more. A connection whose exchange is over is kept for
//! the next one; one whose body is dropped before its end is closed at once.

use std::collections::HashMap;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker, ready};

use bytes::{Bytes, BytesMut};
use http::uri::{Authority, PathAndQuery};
use http::{Request, Response, Uri};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use tower_service::Service;

use super::connector::{Connector, Stream};
use super::upstream::{RequestBody, SendError};

/// Makes and keeps the connections.
#[derive(Debug)]
pub(super) struct Direct {
    connector: Connector,
    idle: Arc<Idle>,
}

impl Direct {
    pub(super) fn new(connector: Connector) -> Self {
        Self {
            connector,
            idle: Arc::default(),
        }
    }

    /// Sends a request with an absolute `http` URI and waits for the response head.
    ///
    /// Only a request of which no byte was written, because the connection kept for it turned out
    /// to be closed, moves to another connection.
    pub(super) async fn send(
        &self,
        mut request: Request<RequestBody>,
    ) -> Result<Response<Driven>, SendError> {
        let uri = request.uri().clone();
        let authority = uri
            .authority()
            .cloned()
            .unwrap_or_else(|| Authority::from_static(""));
        let path = uri.path_and_query().cloned();
        *request.uri_mut() = Uri::from(path.unwrap_or_else(|| PathAndQuery::from_static("/")));
        loop {
            let kept = self.idle.take(&authority);
            let reused = kept.is_some();
            let mut link = match kept {
                Some(link) => link,
                None => self.connect(uri.clone()).await?,
            };
            let sent = link.sender.try_send_request(request);
            match link.connection.drive(sent).await {
                Ok(response) => {
                    let home = (Arc::clone(&self.idle), authority);
                    return Ok(response.map(|incoming| Driven {
                        incoming,
                        link: Some(link),
                        home: Some(home),
                        merged: BytesMut::new(),
                        behind: Behind::Nothing,
                    }));
                }
                Err(mut error) => match error.take_message() {
                    Some(unsent) if reused => request = unsent,
                    _ => return Err(error.into_error().into()),
                },
            }
        }
    }

    /// Closes connections that were idle for two sweeps, or that their upstream closed.
    pub(super) fn sweep(&self) {
        self.idle.sweep();
    }

    async fn connect(&self, uri: Uri) -> Result<Link, SendError> {
        let stream = self.connector.clone().call(uri).await?;
        let (sender, connection) = http1::Builder::new()
            .preserve_header_case(true)
            .max_headers(super::listen::MAX_HEADERS)
            .handshake(stream)
            .await?;
        Ok(Link {
            sender,
            connection: Connection(Some(Box::pin(connection))),
            sweeps: 0,
        })
    }
}

/// A connection and the way to put requests on it.
#[derive(Debug)]
struct Link {
    sender: http1::SendRequest<RequestBody>,
    connection: Connection,
    /// How many sweeps it has been idle for.
    sweeps: u8,
}

impl Link {
    /// Lets the connection see what happened to it; whether it takes another request.
    fn is_ready(&mut self) -> bool {
        // Whoever uses it next polls it again, with a waker.
        self.connection
            .poll(&mut Context::from_waker(Waker::noop()));
        self.connection.0.is_some() && self.sender.is_ready()
    }
}

/// hyper's half of a connection; `None` once it is over.
#[derive(Debug)]
struct Connection(Option<Pin<Box<http1::Connection<Stream, RequestBody>>>>);

impl Connection {
    /// Reads and writes what it can. Its errors reach the request or the body that waits for it.
    fn poll(&mut self, cx: &mut Context<'_>) {
        if let Some(connection) = &mut self.0
            && connection.as_mut().poll(cx).is_ready()
        {
            self.0 = None;
        }
    }

    /// Runs the connection until `future`, which waits for it, has its answer.
    async fn drive<F: Future>(&mut self, future: F) -> F::Output {
        let mut future = pin!(future);
        poll_fn(|cx| {
            if let Poll::Ready(output) = future.as_mut().poll(cx) {
                return Poll::Ready(output);
            }
            self.poll(cx);
            future.as_mut().poll(cx)
        })
        .await
    }
}

/// The body of a response, which runs the connection that it comes from.
#[derive(Debug)]
pub(super) struct Driven {
    incoming: Incoming,
    /// `None` when the connection is run by a task.
    link: Option<Link>,
    /// Where the connection goes after the body's end.
    home: Option<(Arc<Idle>, Authority)>,
    /// Where chunks are merged; what was sent is split off, so that copies that the tap keeps stand
    /// side by side in one buffer.
    merged: BytesMut,
    behind: Behind,
}

/// What came behind the chunks that were merged.
#[derive(Debug)]
enum Behind {
    /// Nothing yet.
    Nothing,
    /// A frame that did not fit, or what broke.
    Frame(Result<Frame<Bytes>, hyper::Error>),
    /// The body's end.
    End,
}

impl Driven {
    /// A body whose connection has a task of its own.
    pub(super) fn detached(incoming: Incoming) -> Self {
        Self {
            incoming,
            link: None,
            home: None,
            merged: BytesMut::new(),
            behind: Behind::Nothing,
        }
    }

    /// Gives the connection a task of its own: for a request that is still being sent, which must
    /// not depend on how fast its response is read.
    pub(super) fn detach(&mut self) {
        if let Some(Link {
            connection: Connection(Some(connection)),
            ..
        }) = self.link.take()
        {
            tokio::spawn(connection);
        }
    }

    /// The next frame, from the connection if it is not there yet.
    fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        match std::mem::replace(&mut self.behind, Behind::Nothing) {
            Behind::Nothing => {}
            Behind::Frame(frame) => return Poll::Ready(Some(frame)),
            Behind::End => return Poll::Ready(None),
        }
        if let Poll::Ready(frame) = Pin::new(&mut self.incoming).poll_frame(cx) {
            return Poll::Ready(frame);
        }
        let Some(link) = &mut self.link else {
            return Poll::Pending;
        };
        link.connection.poll(cx);
        Pin::new(&mut self.incoming).poll_frame(cx)
    }
}

impl Body for Driven {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let first = match ready!(self.poll_next(cx)) {
            Some(Ok(frame)) => frame,
            end => return Poll::Ready(end),
        };
        let first = match first.into_data() {
            Ok(data) => data,
            Err(frame) => return Poll::Ready(Some(Ok(frame))),
        };
        let mut len = first.len();
        while len < MERGE
            && let Poll::Ready(next) = self.poll_next(cx)
        {
            match next {
                Some(Ok(frame))
                    if frame
                        .data_ref()
                        .is_some_and(|data| len + data.len() <= MERGE) =>
                {
                    let Ok(data) = frame.into_data() else {
                        continue;
                    };
                    if self.merged.is_empty() {
                        if self.merged.capacity() == 0 {
                            self.merged.reserve(MERGE);
                        }
                        self.merged.extend_from_slice(&first);
                    }
                    self.merged.extend_from_slice(&data);
                    len += data.len();
                }
                other => {
                    self.behind = other.map_or(Behind::End, Behind::Frame);
                    break;
                }
            }
        }
        let merged = &mut self.merged;
        let data = if merged.is_empty() {
            first
        } else {
            merged.split().freeze()
        };
        Poll::Ready(Some(Ok(Frame::data(data))))
    }

    fn is_end_stream(&self) -> bool {
        match &self.behind {
            Behind::Nothing => self.incoming.is_end_stream(),
            Behind::Frame(_) => false,
            Behind::End => true,
        }
    }

    fn size_hint(&self) -> SizeHint {
        // Asked before the first frame, when nothing was taken off it.
        self.incoming.size_hint()
    }
}

impl Drop for Driven {
    fn drop(&mut self) {
        if self.is_end_stream()
            && let (Some(mut link), Some((idle, authority))) = (self.link.take(), self.home.take())
            && link.is_ready()
        {
            idle.put(authority, link);
        }
    }
}

/// Connections that wait for their next request.
#[derive(Debug, Default)]
struct Idle(Mutex<HashMap<Authority, Vec<Link>>>);

impl Idle {
    /// The connection used last, if one is still open.
    fn take(&self, authority: &Authority) -> Option<Link> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let links = all.get_mut(authority)?;
        while let Some(mut link) = links.pop() {
            if link.is_ready() {
                return Some(link);
            }
        }
        None
    }

    fn put(&self, authority: Authority, mut link: Link) {
        link.sweeps = 0;
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let links = all.entry(authority).or_default();
        if links.len() < MAX_IDLE {
            links.push(link);
        }
    }

    fn sweep(&self) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for links in all.values_mut() {
            links.retain_mut(|link| {
                link.sweeps += 1;
                link.sweeps <= 2 && link.is_ready()
            });
        }
    }
}

/// Up to how many bytes chunks are merged: about what a socket takes at once.
const MERGE: usize = 16 << 10;

/// How many idle connections are kept for one upstream.
const MAX_IDLE: usize = 64;
