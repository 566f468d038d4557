//! Heads for the next hop: every line as it came and where it stood, but for the fields that belong
//! to one connection and not to the message (RFC 9110 §7.6.1), and `Host`. `Connection: close` goes
//! on, because the connections on the two sides end together.
//!
//! The body keeps its framing, so `Transfer-Encoding` stays, and so do trailers.

use bytes::{Bytes, BytesMut};
use http::StatusCode;

use super::head::{FieldLine, Fields, RequestHead, ResponseHead, members};

/// What is kept of a head: its lines in order.
#[derive(Debug)]
pub(super) struct Kept<'a> {
    lines: Vec<Line<'a>>,
}

/// What becomes of the client's connection behind a response.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Ending {
    /// It takes another request.
    Open,
    /// It ends, as the response tells by itself: `close` stands only where the upstream had it.
    Told,
    /// It ends, and the response has to say so.
    Said,
}

/// A line as it goes on.
#[derive(Debug)]
enum Line<'a> {
    /// As it came.
    Same(FieldLine<'a>),
    /// With another value.
    New(&'a str, &'a [u8]),
}

impl<'a> Kept<'a> {
    /// What the upstream at `host` gets of a request; `upgrade`: it asks for a WebSocket.
    pub(super) fn request(head: &'a RequestHead, host: &'a [u8], upgrade: bool) -> Self {
        let nominated = nominated(&head.fields);
        let mut closes = closes(&head.fields);
        let keep = |line: FieldLine<'a>| match &line.name.to_ascii_lowercase()[..] {
            "host" => Some(Line::New(line.name, host)),
            "connection" | "upgrade" if upgrade => Some(Line::Same(line)),
            "connection" => std::mem::take(&mut closes).then(|| option(line, b"close")),
            "upgrade" => None,
            // Of the codings that TE may list we can pass on none but "trailers", which is no
            // coding.
            "te" => {
                let is_trailers = |member: &[u8]| member.eq_ignore_ascii_case(b"trailers");
                if members(line.value).all(is_trailers) {
                    Some(Line::Same(line))
                } else {
                    let listed = members(line.value).any(is_trailers);
                    listed.then_some(Line::New(line.name, b"trailers"))
                }
            }
            name => (!is_of_hop(name, &nominated)).then_some(Line::Same(line)),
        };
        Self {
            lines: head.fields.iter().filter_map(keep).collect(),
        }
    }

    /// What the client gets of a response.
    pub(super) fn response(head: &'a ResponseHead, ending: Ending) -> Self {
        let close = match ending {
            Ending::Open => false,
            Ending::Told => closes(&head.fields),
            Ending::Said => true,
        };
        let is_switch = head.status == StatusCode::SWITCHING_PROTOCOLS;
        // RFC 9110 §15.5.22: a 426 says which protocol it requires.
        let is_required = head.status == StatusCode::UPGRADE_REQUIRED;
        let options: &[u8] = match (close, is_required) {
            (true, true) => b"close, Upgrade",
            (true, false) => b"close",
            (false, true) => b"Upgrade",
            (false, false) => b"",
        };
        let nominated = nominated(&head.fields);
        let mut said = false;
        let keep = |line: FieldLine<'a>| match &line.name.to_ascii_lowercase()[..] {
            "connection" if is_switch => Some(Line::Same(line)),
            "connection" if options.is_empty() || std::mem::replace(&mut said, true) => None,
            "connection" => Some(option(line, options)),
            "upgrade" => (is_switch || is_required).then_some(Line::Same(line)),
            "te" => None,
            name => (!is_of_hop(name, &nominated)).then_some(Line::Same(line)),
        };
        let mut lines: Vec<Line<'a>> = head.fields.iter().filter_map(keep).collect();
        if close && !said && !is_switch {
            // RFC 9112 §9.6: who closes says so.
            lines.push(Line::New("Connection", options));
        }
        Self { lines }
    }

    /// Adds a field of the proxy's own.
    pub(super) fn add(&mut self, (name, value): (&'a str, &'a [u8])) {
        self.lines.push(Line::New(name, value));
    }

    /// Frames the message by the `length` of its body, whatever framed it before.
    pub(super) fn frame(&mut self, length: &'a str) {
        let is_framing = |line: &Line<'_>| {
            matches!(line, Line::Same(line) if ["content-length", "transfer-encoding"]
                .iter()
                .any(|name| line.name.eq_ignore_ascii_case(name)))
        };
        self.lines.retain(|line| !is_framing(line));
        self.add(("content-length", length.as_bytes()));
    }

    /// Names and values.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.lines.iter().map(|line| match line {
            Line::Same(line) => (line.name, line.value),
            Line::New(name, value) => (*name, *value),
        })
    }

    /// The head that begins with `parts`, which make up its first line.
    pub(super) fn write(&self, parts: &[&[u8]]) -> Bytes {
        let mut head = BytesMut::with_capacity(1024);
        for part in parts {
            head.extend_from_slice(part);
        }
        for line in &self.lines {
            match line {
                Line::Same(line) => head.extend_from_slice(line.raw),
                Line::New(name, value) => {
                    for part in [name.as_bytes(), b": ", value, b"\r\n"] {
                        head.extend_from_slice(part);
                    }
                }
            }
        }
        head.extend_from_slice(b"\r\n");
        head.freeze()
    }
}

/// The `Connection` line that says `options` where `line` stood.
fn option<'a>(line: FieldLine<'a>, options: &'a [u8]) -> Line<'a> {
    if line.value.eq_ignore_ascii_case(options) {
        Line::Same(line)
    } else {
        Line::New(line.name, options)
    }
}

/// Whether the sender ends the connection behind this message (RFC 9112 §9.6).
pub(super) fn closes(fields: &Fields) -> bool {
    fields.lists("connection", "close")
}

/// Whether the fields ask for a WebSocket (RFC 6455 §4.1).
pub(super) fn is_websocket(fields: &Fields) -> bool {
    fields.lists("connection", "upgrade") && fields.lists("upgrade", "websocket")
}

/// The names that `Connection` lists, in lower case.
fn nominated(fields: &Fields) -> Vec<String> {
    fields
        .members("connection")
        .map(|member| String::from_utf8_lossy(member).to_ascii_lowercase())
        // Naming these does not make them hop-by-hop but breaks the message (RFC 9110 §7.6.1).
        .filter(|name| {
            !matches!(
                &name[..],
                "host" | "content-length" | "transfer-encoding" | "trailer" | "authorization"
            )
        })
        .collect()
}

/// Whether the field `name` (lower case) ends at this hop.
fn is_of_hop(name: &str, nominated: &[String]) -> bool {
    matches!(name, "keep-alive" | "proxy-connection") || nominated.iter().any(|other| other == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(lines: &str, upgrade: bool) -> String {
        let text = format!("GET / HTTP/1.1\r\n{lines}\r\n");
        let head = RequestHead::parse(&Bytes::from(text)).0;
        let written = Kept::request(&head, b"up:1", upgrade).write(&[]);
        String::from_utf8(written.to_vec()).unwrap()
    }

    fn response(status: u16, lines: &str, ending: Ending) -> String {
        let text = format!("HTTP/1.1 {status} x\r\n{lines}\r\n");
        let head = ResponseHead::parse(&Bytes::from(text)).unwrap();
        let written = Kept::response(&head, ending).write(&[]);
        String::from_utf8(written.to_vec()).unwrap()
    }

    #[test]
    fn fields_of_the_hop_end_here_and_the_others_stand_where_they_stood() {
        let sent = "X-b:1\r\nhOst: 127.0.0.1:8787\r\nConnection: keep-alive, X-Hop\r\n\
            connection: Host, content-length, Transfer-Encoding\r\nX-HOP: 1\r\n\
            Keep-Alive: timeout=5\r\nProxy-Connection: keep-alive\r\nTE: gzip, Trailers;q=1\r\n\
            Transfer-Encoding: chunked\r\nUpgrade: h2c\r\ntrailer: x-sum\r\nx-b:  2 \r\n";
        let expected = "X-b:1\r\nhOst: up:1\r\nTE: trailers\r\nTransfer-Encoding: chunked\r\n\
            trailer: x-sum\r\nx-b:  2 \r\n\r\n";
        assert_eq!(request(sent, false), expected);
        assert_eq!(request("te:  Trailers\r\n", false), "te:  Trailers\r\n\r\n");
        assert_eq!(request("te: gzip\r\n", false), "\r\n");
    }

    #[test]
    fn an_upgrade_keeps_its_words() {
        let sent = "Connection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\nKeep-Alive: 1\r\n";
        let expected = "Connection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\n\r\n";
        assert_eq!(request(sent, true), expected);
        let sent = "connection: upgrade\r\nupgrade: websocket\r\n";
        assert_eq!(response(101, sent, Ending::Open), format!("{sent}\r\n"));
        assert_eq!(response(200, sent, Ending::Open), "\r\n");
        assert_eq!(response(426, sent, Ending::Open), format!("{sent}\r\n"));
    }

    #[test]
    fn who_closes_says_so_where_the_upstream_did() {
        let sent = "connection: Close\r\na: b\r\n";
        assert_eq!(response(200, sent, Ending::Said), format!("{sent}\r\n"));
        assert_eq!(response(200, sent, Ending::Open), "a: b\r\n\r\n");
        let sent = "connection: x, close\r\nx: 1\r\na: b\r\n";
        let closes = "connection: close\r\na: b\r\n\r\n";
        assert_eq!(response(200, sent, Ending::Said), closes);
        assert_eq!(response(200, sent, Ending::Told), closes);
        let sent = "a: b\r\n";
        let closes = "a: b\r\nConnection: close\r\n\r\n";
        assert_eq!(response(200, sent, Ending::Said), closes);
        assert_eq!(response(200, sent, Ending::Told), "a: b\r\n\r\n");
    }

    #[test]
    fn a_websocket_needs_both_fields() {
        let asks = |lines: &str| {
            let text = format!("GET / HTTP/1.1\r\n{lines}\r\n");
            is_websocket(&RequestHead::parse(&Bytes::from(text)).0.fields)
        };
        assert!(asks(
            "connection: keep-alive, Upgrade\r\nupgrade: WebSocket\r\n"
        ));
        assert!(!asks("upgrade: websocket\r\n"));
        assert!(!asks("connection: upgrade\r\nupgrade: h2c\r\n"));
    }
}
