//! HTTP/2 to an upstream, for a client that speaks HTTP/1.1.
//!
//! hyper keeps the connection and its streams; here a request becomes what HTTP/2 carries (RFC 9113
//! §8), and a response what HTTP/1.1 does: chunked when its length is not known. What HTTP/2
//! cannot carry is left out: field names lose their case, and interim responses end at hyper.

use std::error::Error as StdError;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{BufMut, Bytes, BytesMut};
use futures_util::FutureExt;
use http::header::{HeaderName, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderValue, Request, Response, Uri, Version};
use http_body::{Body as _, Frame, SizeHint};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::sync::mpsc;

use super::body::{Framing, Piece};
use super::head::{Fault, Fields, RequestHead, ResponseHead};
use super::hop::Kept;
use super::route::Route;
use super::stream::Stream;
use crate::tap::error_chain;

/// Puts requests on a connection.
pub(super) type Sender = http2::SendRequest<Outbound>;

/// Begins to speak HTTP/2 on `stream`; a task of its own runs the connection.
pub(super) async fn handshake(stream: Stream) -> hyper::Result<Sender> {
    let builder = http2::Builder::new(TokioExecutor::new());
    let (sender, connection) = builder.handshake(TokioIo::new(stream)).await?;
    tokio::spawn(async move {
        // Its errors reach the exchanges that it carries.
        let _ = connection.await;
    });
    Ok(sender)
}

/// The request that `head` is for the upstream of `route`, with a way to give it its body.
pub(super) fn request(
    head: &RequestHead,
    route: &Route,
    framing: Framing,
) -> Result<(Request<Outbound>, mpsc::Sender<Sent>), Box<dyn StdError + Send + Sync>> {
    let (body, receiver) = mpsc::channel(1);
    let length = match framing {
        Framing::Empty => Some(0),
        Framing::Length(length) => Some(length),
        Framing::Chunked | Framing::Close => None,
    };
    let mut url = route.url()?.into_parts();
    let target = route.target(head.path_and_query());
    let path_and_query = http::uri::PathAndQuery::try_from(&target[..])?;
    if path_and_query.as_str().as_bytes() != target {
        // A fragment is no part of a request (RFC 9112 §3.2), and would be left out without a word.
        return Err("its target has a fragment (#)".into());
    }
    url.path_and_query = Some(path_and_query);
    let mut request = Request::new(Outbound { receiver, length });
    *request.method_mut() = http::Method::from_bytes(&head.method)?;
    *request.uri_mut() = Uri::from_parts(url)?;
    *request.version_mut() = Version::HTTP_2;
    let kept = Kept::request(head, route.host(), false);
    // In HTTP/2 frames and the authority say what the first three do; the last one is ours to meet.
    let carried = |name: &str| {
        !["connection", "host", "transfer-encoding", "expect"]
            .iter()
            .any(|other| name.eq_ignore_ascii_case(other))
    };
    for (name, value) in kept.iter().filter(|(name, _)| carried(name)) {
        let name = HeaderName::from_bytes(name.as_bytes())?;
        let value = HeaderValue::from_bytes(value)?;
        request.headers_mut().append(name, value);
    }
    Ok((request, body))
}

/// A part of a request's body.
#[derive(Debug)]
pub(super) enum Sent {
    Data(Bytes),
    Trailers(HeaderMap),
    /// The body's end. Without it the body was cut, and the stream is reset.
    End,
}

impl Sent {
    /// A trailer section.
    pub(super) fn trailers(fields: &Fields) -> Self {
        let mut trailers = HeaderMap::new();
        for line in fields.iter() {
            if let (Ok(name), Ok(value)) = (
                HeaderName::from_bytes(line.name.as_bytes()),
                HeaderValue::from_bytes(line.value),
            ) {
                trailers.append(name, value);
            }
        }
        Self::Trailers(trailers)
    }
}

/// A request's body as hyper gets it.
#[derive(Debug)]
pub(super) struct Outbound {
    receiver: mpsc::Receiver<Sent>,
    length: Option<u64>,
}

/// The client broke off in the middle of its request.
#[derive(Debug, thiserror::Error)]
#[error("the request was broken off")]
pub(super) struct Cut;

impl http_body::Body for Outbound {
    type Data = Bytes;
    type Error = Cut;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        Poll::Ready(match ready!(self.receiver.poll_recv(cx)) {
            Some(Sent::Data(bytes)) => Some(Ok(Frame::data(bytes))),
            Some(Sent::Trailers(trailers)) => Some(Ok(Frame::trailers(trailers))),
            Some(Sent::End) => None,
            None => Some(Err(Cut)),
        })
    }

    fn is_end_stream(&self) -> bool {
        self.length == Some(0)
    }

    fn size_hint(&self) -> SizeHint {
        self.length
            .map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

/// The head of `response` in HTTP/1.1's words. `can_chunk`: the client knows chunks.
pub(super) fn head(
    response: &Response<Incoming>,
    is_head: bool,
    can_chunk: bool,
) -> Result<ResponseHead, Fault> {
    let status = response.status();
    let mut text = BytesMut::from("HTTP/1.1 ");
    text.put_slice(status.as_str().as_bytes());
    text.put_slice(b" ");
    text.put_slice(status.canonical_reason().unwrap_or_default().as_bytes());
    text.put_slice(b"\r\n");
    for (name, value) in response.headers() {
        if name != TRANSFER_ENCODING {
            put_field(&mut text, name, value);
        }
    }
    let has_body = !is_head && !matches!(status.as_u16(), 100..=199 | 204 | 304);
    if has_body
        && !response
            .headers()
            .contains_key(http::header::CONTENT_LENGTH)
    {
        if response.body().is_end_stream() {
            text.put_slice(b"content-length: 0\r\n");
        } else if can_chunk {
            text.put_slice(b"transfer-encoding: chunked\r\n");
        }
    }
    text.put_slice(b"\r\n");
    ResponseHead::parse(&text.freeze())
}

/// A response's body on its way to a client that speaks HTTP/1.1.
#[derive(Debug)]
pub(super) struct Inbound {
    body: Incoming,
    /// How what is to come is framed; `None` once the end was given.
    framing: Option<Framing>,
    behind: Behind,
    /// Whether the request was sent as a whole when the answer began. A stream whose request is still
    /// under way may be reset behind a whole answer (RFC 9113 §8.1).
    is_asked: bool,
}

/// What came behind the data that was given last.
#[derive(Debug)]
enum Behind {
    /// Nothing yet.
    Nothing,
    /// Trailers, or what broke.
    Frame(hyper::Result<Frame<Bytes>>),
    /// The body's end.
    End,
}

impl Inbound {
    pub(super) fn new(body: Incoming, framing: Framing, is_asked: bool) -> Self {
        Self {
            body,
            framing: Some(framing),
            behind: Behind::Nothing,
            is_asked,
        }
    }

    /// Whether all of the body was given.
    pub(super) fn is_over(&self) -> bool {
        matches!(self.framing, None | Some(Framing::Empty))
    }

    /// The next part. What is there already comes as one; nothing is waited for behind the first
    /// frame.
    ///
    /// A client that reads HTTP/1.1 takes what is beyond the framing that it was told for another
    /// answer, and waits for what is missing: frames are held to it here.
    pub(super) async fn next(&mut self) -> Result<Option<Piece>, String> {
        let Some(framing) = self.framing.filter(|framing| *framing != Framing::Empty) else {
            return Ok(None);
        };
        let first = match std::mem::replace(&mut self.behind, Behind::Nothing) {
            Behind::Nothing => self.body.frame().await,
            Behind::Frame(frame) => Some(frame),
            Behind::End => None,
        };
        let Some(frame) = first else {
            self.framing = None;
            let is_reset = self.is_asked && !self.body.is_end_stream();
            if is_reset || matches!(framing, Framing::Length(1..)) {
                // hyper takes a stream that was reset with NO_ERROR or CANCEL for one that ended.
                return Err("read: the stream ended before the body did".to_owned());
            }
            return Ok((framing == Framing::Chunked).then(|| last_chunk(&HeaderMap::new())));
        };
        let frame = frame.map_err(|error| error_chain(&error))?;
        let first = match frame.into_data() {
            Ok(data) => data,
            Err(frame) => {
                self.framing = None;
                let trailers = frame.into_trailers().unwrap_or_default();
                let mut piece = last_chunk(&trailers);
                if framing != Framing::Chunked {
                    piece.wire = Bytes::new();
                }
                return Ok(Some(piece));
            }
        };
        let (mut len, mut parts) = (first.len(), vec![first]);
        while len < MERGE
            && let Some(next) = self.body.frame().now_or_never()
        {
            match next {
                Some(Ok(frame)) if frame.is_data() => {
                    let data = frame.into_data().unwrap_or_default();
                    len += data.len();
                    parts.push(data);
                }
                other => {
                    self.behind = other.map_or(Behind::End, Behind::Frame);
                    break;
                }
            }
        }
        if let Some(Framing::Length(left)) = &mut self.framing {
            let longer = || "read: the body is longer than its length".to_owned();
            *left = left.checked_sub(len as u64).ok_or_else(longer)?;
        }
        Ok(Some(piece(parts, len, framing)))
    }
}

/// Data as HTTP/1.1 frames it.
fn piece(mut parts: Vec<Bytes>, len: usize, framing: Framing) -> Piece {
    if framing != Framing::Chunked && parts.len() == 1 {
        return Piece::plain(parts.pop().unwrap_or_default());
    }
    let mut wire = BytesMut::with_capacity(len + 20);
    // An empty chunk would be the last one.
    let is_chunk = framing == Framing::Chunked && len > 0;
    if is_chunk {
        wire.put_slice(format!("{len:x}\r\n").as_bytes());
    }
    let start = wire.len();
    for part in parts {
        wire.put_slice(&part);
    }
    if is_chunk {
        wire.put_slice(b"\r\n");
    }
    let wire = wire.freeze();
    Piece {
        payload: vec![wire.slice(start..start + len)],
        wire,
        trailers: None,
    }
}

/// The last chunk with its trailer section.
fn last_chunk(trailers: &HeaderMap) -> Piece {
    let mut section = BytesMut::new();
    for (name, value) in trailers {
        put_field(&mut section, name, value);
    }
    let section = section.freeze();
    Piece {
        wire: [b"0\r\n", &section[..], b"\r\n"].concat().into(),
        payload: Vec::new(),
        trailers: (!section.is_empty()).then(|| Fields::parse(&section, 0).0),
    }
}

fn put_field(text: &mut BytesMut, name: &HeaderName, value: &HeaderValue) {
    for part in [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"] {
        text.put_slice(part);
    }
}

/// Up to how many bytes frames are put together: about what a socket takes at once.
const MERGE: usize = 16 << 10;
