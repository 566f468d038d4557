//! Message bodies: how each is framed, and what of it may be forwarded.

use std::ops::Range;

use bytes::{Bytes, BytesMut};
use http::{StatusCode, Version};

use super::chunked::Chunked;
use super::head::{Fault, Fields, RequestHead, ResponseHead};
use crate::tap::Lane;

/// How a body's end is found (RFC 9112 §6.3).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Framing {
    /// There is no body.
    Empty,
    /// By its length.
    Length(u64),
    /// By the last chunk and its trailer section.
    Chunked,
    /// By the end of the connection.
    Close,
}

impl Framing {
    /// How the body of a request is framed. Whatever is not beyond doubt is refused.
    pub(super) fn of_request(head: &RequestHead) -> Result<Self, Fault> {
        Ok(declared(&head.fields, head.version)?.unwrap_or(Self::Empty))
    }

    /// How the body of the response to a request is framed; `is_head`: its method is HEAD.
    pub(super) fn of_response(head: &ResponseHead, is_head: bool) -> Result<Self, Fault> {
        let declared = declared(&head.fields, head.version)?;
        let never = is_head
            || head.status.is_informational()
            || matches!(
                head.status,
                StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED
            );
        Ok(match declared {
            _ if never => Self::Empty,
            Some(framing) => framing,
            None => Self::Close,
        })
    }
}

/// What the fields say.
fn declared(fields: &Fields, version: Version) -> Result<Option<Framing>, Fault> {
    let mut lengths = fields.all("content-length");
    let mut codings = fields.all("transfer-encoding");
    match (lengths.next(), codings.next()) {
        (None, None) => Ok(None),
        // RFC 9112 §6.1 lets a server reject both together, and that is the safe half of it.
        (Some(_), Some(_)) => Err(Fault::bad(
            "Content-Length and Transfer-Encoding stand together",
        )),
        (Some(length), None) => {
            if lengths.next().is_some() {
                return Err(Fault::bad("Content-Length is repeated"));
            }
            let digits = str::from_utf8(length).unwrap_or_default();
            let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
            match digits.parse() {
                Ok(0) if is_number => Ok(Some(Framing::Empty)),
                Ok(length) if is_number => Ok(Some(Framing::Length(length))),
                _ => Err(Fault::bad("Content-Length is no number")),
            }
        }
        (None, Some(_)) if version == Version::HTTP_10 => {
            Err(Fault::bad("HTTP/1.0 has no Transfer-Encoding"))
        }
        (None, Some(coding)) => {
            let mut listed = coding.rsplit(|byte| *byte == b',').map(<[u8]>::trim_ascii);
            let is_last = |coding: &[u8]| coding.eq_ignore_ascii_case(b"chunked");
            let is_one = listed.next().is_some_and(is_last) && codings.next().is_none();
            if !is_one || !listed.all(is_known) {
                let message = "Transfer-Encoding does not end with one chunked";
                return Err(Fault::bad(message));
            }
            Ok(Some(Framing::Chunked))
        }
    }
}

/// Whether `coding` is one of the transfer codings below chunked that there are (RFC 9112 §7.2).
fn is_known(coding: &[u8]) -> bool {
    [
        &b"gzip"[..],
        b"deflate",
        b"compress",
        b"x-gzip",
        b"x-compress",
    ]
    .iter()
    .any(|known| coding.eq_ignore_ascii_case(known))
}

/// A body on its way.
#[derive(Debug)]
pub(super) enum Body {
    /// It is over.
    Over,
    /// That many bytes are to come.
    Length(u64),
    Chunked(Box<Chunked>),
    Close,
}

impl Body {
    pub(super) fn new(framing: Framing) -> Self {
        match framing {
            Framing::Empty | Framing::Length(0) => Self::Over,
            Framing::Length(length) => Self::Length(length),
            Framing::Chunked => Self::Chunked(Box::default()),
            Framing::Close => Self::Close,
        }
    }

    /// Whether its end was reached.
    pub(super) fn is_over(&self) -> bool {
        matches!(self, Self::Over)
    }

    /// Takes what belongs to the body off `buffer`; `None` when nothing is there.
    pub(super) fn take(&mut self, buffer: &mut BytesMut) -> Result<Option<Piece>, &'static str> {
        if buffer.is_empty() {
            return Ok(None);
        }
        let piece = match self {
            Self::Over => return Ok(None),
            Self::Close => Piece::plain(buffer.split().freeze()),
            Self::Length(left) => {
                let len = (*left).min(buffer.len() as u64);
                *left -= len;
                if *left == 0 {
                    *self = Self::Over;
                }
                Piece::plain(buffer.split_to(len as usize).freeze())
            }
            Self::Chunked(chunked) => {
                let mut ranges = Vec::new();
                let len = chunked.walk(buffer, &mut ranges);
                if let (0, Some(fault)) = (len, chunked.fault()) {
                    return Err(fault);
                }
                let wire = buffer.split_to(len).freeze();
                let payload = payload(&wire, ranges);
                let mut trailers = None;
                if chunked.is_over() {
                    let section = Bytes::from(chunked.take_trailers());
                    // The walk let nothing else pass than what can be read.
                    trailers = (!section.is_empty()).then(|| Fields::parse(&section, 0).0);
                    *self = Self::Over;
                }
                Piece {
                    wire,
                    payload,
                    trailers,
                }
            }
        };
        Ok(Some(piece))
    }

    /// Takes the end of the connection; whether it is the body's end as well.
    pub(super) fn close(&mut self) -> bool {
        if matches!(self, Self::Close) {
            *self = Self::Over;
        }
        self.is_over()
    }
}

/// A part of a body: what is forwarded, and what of it the tap is told.
#[derive(Debug)]
pub(super) struct Piece {
    /// The bytes to forward.
    pub(super) wire: Bytes,
    /// The content in them.
    pub(super) payload: Vec<Bytes>,
    /// The trailer section that ended with them.
    pub(super) trailers: Option<Fields>,
}

impl Piece {
    /// One whose bytes are all content.
    pub(super) fn plain(wire: Bytes) -> Self {
        Self {
            payload: vec![wire.clone()],
            wire,
            trailers: None,
        }
    }

    /// Tells it to the tap.
    pub(super) fn tell(&self, lane: &mut Lane) {
        for bytes in &self.payload {
            lane.data(bytes);
        }
        if let Some(trailers) = &self.trailers {
            lane.trailers(trailers.iter().map(|line| (line.name, line.value)));
        }
    }
}

/// The payload at `ranges` of `wire`: long chunks shared, runs of short ones put together, because
/// an event of the tap's for each would cost more than the copy.
fn payload(wire: &Bytes, ranges: Vec<Range<usize>>) -> Vec<Bytes> {
    if let [range] = &ranges[..] {
        return vec![wire.slice(range.clone())];
    }
    let mut payload = Vec::new();
    let mut run = BytesMut::new();
    for range in ranges {
        if range.len() < SHORT {
            run.extend_from_slice(&wire[range]);
            continue;
        }
        if !run.is_empty() {
            payload.push(run.split().freeze());
        }
        payload.push(wire.slice(range));
    }
    if !run.is_empty() {
        payload.push(run.freeze());
    }
    payload
}

/// Below this many bytes a chunk is short.
const SHORT: usize = 4 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    fn request(version: &str, fields: &str) -> Result<Framing, &'static str> {
        let text = format!("POST / HTTP/{version}\r\nHost: h\r\n{fields}\r\n");
        let head = RequestHead::parse(&Bytes::from(text)).0;
        Framing::of_request(&head).map_err(|fault| fault.message)
    }

    #[test]
    fn requests_are_framed_beyond_doubt_or_refused() {
        assert_eq!(request("1.1", ""), Ok(Framing::Empty));
        assert_eq!(request("1.1", "content-length: 0\r\n"), Ok(Framing::Empty));
        assert_eq!(
            request("1.0", "Content-Length: 007\r\n"),
            Ok(Framing::Length(7))
        );
        assert_eq!(
            request("1.1", "Transfer-Encoding: Chunked\r\n"),
            Ok(Framing::Chunked)
        );
        let coded = "Transfer-Encoding: GZIP ,deflate, chunked\r\n";
        assert_eq!(request("1.1", coded), Ok(Framing::Chunked));
        for (version, fields) in [
            ("1.1", "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n"),
            ("1.1", "Content-Length: 1\r\nContent-Length: 2\r\n"),
            ("1.1", "Content-Length: 1\r\nContent-Length: 1\r\n"),
            ("1.1", "Content-Length: 1, 1\r\n"),
            ("1.1", "Content-Length: +1\r\n"),
            ("1.1", "Content-Length: -1\r\n"),
            ("1.1", "Content-Length: 0x1\r\n"),
            ("1.1", "Content-Length:\r\n"),
            ("1.1", "Content-Length: 18446744073709551616\r\n"),
            ("1.1", "Transfer-Encoding: gzip\r\n"),
            ("1.1", "Transfer-Encoding: chunked, chunked\r\n"),
            ("1.1", "Transfer-Encoding: , chunked\r\n"),
            ("1.1", "Transfer-Encoding: new, chunked\r\n"),
            ("1.1", "Transfer-Encoding: chunked, gzip\r\n"),
            ("1.1", "Transfer-Encoding: chunked;q=1\r\n"),
            ("1.1", "Transfer-Encoding: xchunked\r\n"),
            (
                "1.1",
                "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
            ),
            ("1.1", "Transfer-Encoding:\r\n"),
            ("1.0", "Transfer-Encoding: chunked\r\n"),
        ] {
            assert!(request(version, fields).is_err(), "{fields:?}");
        }
    }

    #[test]
    fn responses_are_framed_by_status_method_and_fields() {
        for (status, is_head, fields, expected) in [
            (200, false, "", Some(Framing::Close)),
            (
                200,
                false,
                "content-length: 3\r\n",
                Some(Framing::Length(3)),
            ),
            (
                200,
                false,
                "transfer-encoding: chunked\r\n",
                Some(Framing::Chunked),
            ),
            (200, true, "content-length: 3\r\n", Some(Framing::Empty)),
            (
                200,
                true,
                "transfer-encoding: chunked\r\n",
                Some(Framing::Empty),
            ),
            (204, false, "", Some(Framing::Empty)),
            (304, false, "content-length: 3\r\n", Some(Framing::Empty)),
            (103, false, "", Some(Framing::Empty)),
            (
                200,
                false,
                "content-length: 3\r\ncontent-length: 3\r\n",
                None,
            ),
            (
                200,
                false,
                "content-length: 3\r\ntransfer-encoding: chunked\r\n",
                None,
            ),
            (200, false, "transfer-encoding: gzip\r\n", None),
        ] {
            let text = format!("HTTP/1.1 {status} x\r\n{fields}\r\n");
            let head = ResponseHead::parse(&Bytes::from(text)).unwrap();
            let framing = Framing::of_response(&head, is_head).ok();
            assert_eq!(framing, expected, "{status} {fields:?}");
        }
    }

    #[test]
    fn short_chunks_are_told_together_and_long_ones_are_shared() {
        let long = "y".repeat(SHORT);
        let text = format!("1\r\na\r\n2\r\nbc\r\n1000\r\n{long}\r\n1\r\nd\r\n0\r\n\r\nrest");
        let mut buffer = BytesMut::from(text.as_str());
        let mut body = Body::new(Framing::Chunked);
        let piece = body.take(&mut buffer).unwrap().unwrap();
        assert_eq!(piece.payload, [&b"abc"[..], long.as_bytes(), b"d"]);
        assert!(body.is_over());
        assert_eq!(&buffer[..], b"rest");
    }

    #[test]
    fn what_stands_before_a_break_is_forwarded_and_then_it_fails() {
        let mut buffer = BytesMut::from("3\r\nabc\r\nzz");
        let mut body = Body::new(Framing::Chunked);
        assert_eq!(
            body.take(&mut buffer).unwrap().unwrap().wire,
            "3\r\nabc\r\n"
        );
        assert!(body.take(&mut buffer).is_err());
    }
}
