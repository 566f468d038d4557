//! Message heads: strict to read, and kept as they were sent.
//!
//! The grammar is RFC 9112 §2–5 without any of its concessions to old software, because everything
//! that two parsers may read in two ways can smuggle a second request past one of them. A parser of
//! our own is shorter than a lenient one with all its leniency checked afterwards.
//!
//! A faulty head is still read as far as it can be, so that the tap can show what came.

use std::ops::Range;

use bytes::Bytes;
use http::{StatusCode, Version};
use memchr::{memchr, memchr2};

/// A request's head.
#[derive(Clone, Debug)]
pub(super) struct RequestHead {
    /// The method as sent; empty when the request line cannot be read.
    pub(super) method: Bytes,
    /// The target as sent (RFC 9112 §3.2).
    pub(super) target: Bytes,
    pub(super) version: Version,
    pub(super) fields: Fields,
}

/// A response's head.
#[derive(Clone, Debug)]
pub(super) struct ResponseHead {
    /// The status line as sent, with its line end.
    pub(super) line: Bytes,
    pub(super) status: StatusCode,
    pub(super) version: Version,
    pub(super) fields: Fields,
}

/// What is wrong with a message, and the status that answers such a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Fault {
    pub(super) status: StatusCode,
    pub(super) message: &'static str,
}

impl Fault {
    /// A fault that is answered 400.
    pub(super) const fn bad(message: &'static str) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            message,
        }
    }
}

impl RequestHead {
    /// Reads a request's head and says whether it may be forwarded.
    pub(super) fn parse(bytes: &Bytes) -> (Self, Result<(), Fault>) {
        let mut head = Self {
            method: Bytes::new(),
            target: Bytes::new(),
            version: Version::HTTP_11,
            fields: Fields::default(),
        };
        let (line, rest) = line(bytes, 0);
        let started = match line {
            Ok(line) => head.request_line(&bytes.slice(line)),
            Err(fault) => Err(fault),
        };
        let (fields, read) = Fields::parse(bytes, rest);
        head.fields = fields;
        let checked = started.and(read).and_then(|()| head.check_host());
        (head, checked)
    }

    /// All of it, as it was sent.
    pub(super) fn bytes(&self) -> &Bytes {
        &self.fields.bytes
    }

    /// The path that chooses a route: the target without scheme, authority and query.
    pub(super) fn path(&self) -> &[u8] {
        let path = self.path_and_query();
        memchr2(b'?', b'#', path).map_or(path, |end| &path[..end])
    }

    /// The target in origin form (RFC 9112 §3.2.1), spelt as it came; `*` stays what it is.
    pub(super) fn path_and_query(&self) -> &[u8] {
        let Some(authority) = self.authority() else {
            return &self.target;
        };
        let start = self.target.len() - self.after_scheme().len() + authority.len();
        match self.target.get(start) {
            Some(b'/') => &self.target[start..],
            _ => b"/",
        }
    }

    /// The first segment of the path, if another one stands behind it.
    pub(super) fn first_segment(&self) -> Option<&[u8]> {
        let path = self.path().strip_prefix(b"/")?;
        Some(&path[..memchr(b'/', path)?])
    }

    /// Takes the first segment away, and the slash in front of it.
    pub(super) fn remove_first_segment(&mut self) {
        let Some(len) = self.first_segment().map(|segment| 1 + segment.len()) else {
            return;
        };
        let path = self.target.len() - self.path_and_query().len();
        self.target = if path == 0 {
            self.target.slice(len..)
        } else {
            [&self.target[..path], &self.target[path + len..]]
                .concat()
                .into()
        };
    }

    /// The authority of a target in absolute form (RFC 9112 §3.2.2).
    pub(super) fn authority(&self) -> Option<&[u8]> {
        let rest = self.after_scheme();
        if rest.len() == self.target.len() {
            return None;
        }
        Some(&rest[..memchr(b'/', rest).unwrap_or(rest.len())])
    }

    pub(super) fn is_head(&self) -> bool {
        &self.method[..] == b"HEAD"
    }

    /// The target behind `http://` or `https://`; all of it when it has neither.
    fn after_scheme(&self) -> &[u8] {
        let target = &self.target[..];
        for scheme in [&b"http://"[..], b"https://"] {
            if target.len() >= scheme.len() && target[..scheme.len()].eq_ignore_ascii_case(scheme) {
                return &target[scheme.len()..];
            }
        }
        target
    }

    /// RFC 9112 §3: method SP request-target SP HTTP-version.
    fn request_line(&mut self, line: &Bytes) -> Result<(), Fault> {
        let bad = Err(Fault::bad("the request line is malformed"));
        let Some(first) = memchr(b' ', line) else {
            return bad;
        };
        let Some(last) = memchr::memrchr(b' ', line).filter(|last| *last > first) else {
            return bad;
        };
        self.method = line.slice(..first);
        self.target = line.slice(first + 1..last);
        if self.method.is_empty() || !self.method.iter().copied().all(is_token) {
            return bad;
        }
        self.version = match &line[last + 1..] {
            b"HTTP/1.0" => Version::HTTP_10,
            [b'H', b'T', b'T', b'P', b'/', b'1', b'.', b'1'..=b'9'] => Version::HTTP_11,
            [b'H', b'T', b'T', b'P', b'/', b'0'..=b'9', b'.', b'0'..=b'9'] => {
                return Err(Fault {
                    status: StatusCode::HTTP_VERSION_NOT_SUPPORTED,
                    message: "only HTTP/1.0 and HTTP/1.1 are spoken here",
                });
            }
            _ => return bad,
        };
        if self.target.len() > MAX_TARGET {
            return Err(TARGET_TOO_LONG);
        }
        if &self.method[..] == b"CONNECT" {
            return Err(Fault {
                status: StatusCode::METHOD_NOT_ALLOWED,
                message: "CONNECT is not forwarded",
            });
        }
        let is_known_form = self.target.first() == Some(&b'/')
            || self
                .authority()
                .is_some_and(|host| !host.is_empty() && memchr2(b'?', b'#', host).is_none())
            || &self.target[..] == b"*";
        if !is_known_form
            || self
                .target
                .iter()
                .any(|byte| *byte <= b' ' || *byte == 0x7f)
        {
            return Err(Fault::bad("the request target is malformed"));
        }
        Ok(())
    }

    /// RFC 9112 §3.2: exactly one `Host`; HTTP/1.0 (RFC 1945) knows none.
    fn check_host(&self) -> Result<(), Fault> {
        match (self.fields.all("host").count(), self.version) {
            (1, _) | (0, Version::HTTP_10) => Ok(()),
            (0, _) => Err(Fault::bad("the request has no Host field")),
            _ => Err(Fault::bad("the request has more than one Host field")),
        }
    }
}

impl ResponseHead {
    /// Reads a response's head. RFC 9112 §4: HTTP-version SP status-code SP [ reason-phrase ].
    pub(super) fn parse(bytes: &Bytes) -> Result<Self, Fault> {
        const BAD: Fault = Fault::bad("the status line is malformed");
        let (line, rest) = line(bytes, 0);
        let line = &bytes[line?];
        let version = match line.get(..9) {
            Some(b"HTTP/1.0 ") => Version::HTTP_10,
            Some([b'H', b'T', b'T', b'P', b'/', b'1', b'.', b'1'..=b'9', b' ']) => Version::HTTP_11,
            _ => return Err(BAD),
        };
        let status = line
            .get(9..12)
            .filter(|digits| matches!(digits, [b'1'..=b'9', _, _]));
        let status = status.and_then(|digits| StatusCode::from_bytes(digits).ok());
        // The space behind the code may be missing when there is no reason, as old servers have it.
        let status = status.filter(|_| matches!(line.get(12), None | Some(b' ')));
        if !line.iter().copied().all(is_text) {
            return Err(BAD);
        }
        let (fields, read) = Fields::parse(bytes, rest);
        read?;
        Ok(Self {
            line: bytes.slice(..rest),
            status: status.ok_or(BAD)?,
            version,
            fields,
        })
    }
}

/// Field lines in the order and the spelling in which they came.
#[derive(Clone, Default, Debug)]
pub(super) struct Fields {
    bytes: Bytes,
    lines: Vec<Span>,
}

/// One line of [`Fields::bytes`].
#[derive(Clone, Debug)]
struct Span {
    line: Range<usize>,
    name: usize,
    value: Range<usize>,
}

/// One field line.
#[derive(Clone, Copy, Debug)]
pub(super) struct FieldLine<'a> {
    /// The name as it was spelt.
    pub(super) name: &'a str,
    /// The value without the white space around it.
    pub(super) value: &'a [u8],
    /// The whole line with its line end.
    pub(super) raw: &'a [u8],
}

impl Fields {
    /// Reads field lines (RFC 9112 §5) from `start` up to the empty line or the end of `bytes`.
    /// Faulty lines are left out; the first fault is given with what could be read.
    pub(super) fn parse(bytes: &Bytes, start: usize) -> (Self, Result<(), Fault>) {
        let mut fields = Self {
            bytes: bytes.clone(),
            lines: Vec::new(),
        };
        let mut read = Ok(());
        let mut at = start;
        while at < bytes.len() {
            let (line, next) = line(bytes, at);
            let parsed = match line {
                Ok(line) if line.is_empty() => break,
                Ok(_) if fields.lines.len() == MAX_FIELDS => {
                    read = read.and(Err(TOO_LARGE));
                    break;
                }
                Ok(line) => field(bytes, line, next),
                Err(fault) => Err(fault),
            };
            match parsed {
                Ok(span) => fields.lines.push(span),
                Err(fault) => read = read.and(Err(fault)),
            }
            at = next;
        }
        (fields, read)
    }

    /// All lines.
    pub(super) fn iter(&self) -> impl Iterator<Item = FieldLine<'_>> {
        self.lines.iter().map(|span| FieldLine {
            // A name is ASCII, or the line would not have been read.
            name: str::from_utf8(&self.bytes[span.line.start..span.name]).unwrap_or_default(),
            value: &self.bytes[span.value.clone()],
            raw: &self.bytes[span.line.clone()],
        })
    }

    /// Takes the lines called `name` away, in any case.
    pub(super) fn remove(&mut self, name: &str) {
        let Self { bytes, lines } = self;
        lines.retain(|span| {
            !bytes[span.line.start..span.name].eq_ignore_ascii_case(name.as_bytes())
        });
    }

    /// The values of the lines called `name`, in any case.
    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        self.iter()
            .filter(move |line| line.name.eq_ignore_ascii_case(name))
            .map(|line| line.value)
    }

    /// The members of the list field `name` (RFC 9110 §5.6.1), without their parameters.
    pub(super) fn members<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        self.all(name).flat_map(members)
    }

    /// Whether the list field `name` has the member `token`, in any case.
    pub(super) fn lists(&self, name: &str, token: &str) -> bool {
        self.members(name)
            .any(|member| member.eq_ignore_ascii_case(token.as_bytes()))
    }
}

/// The members of a list without their parameters; empty ones are left out.
pub(super) fn members(list: &[u8]) -> impl Iterator<Item = &[u8]> {
    list.split(|byte| *byte == b',')
        .map(|member| {
            let end = memchr(b';', member).unwrap_or(member.len());
            member[..end].trim_ascii()
        })
        .filter(|member| !member.is_empty())
}

/// The line that begins at `start`, without its line end, and where the next one begins.
fn line(bytes: &[u8], start: usize) -> (Result<Range<usize>, Fault>, usize) {
    let Some(lf) = memchr(b'\n', &bytes[start..]) else {
        return (Err(Fault::bad("a line has no end")), bytes.len());
    };
    let end = start + lf;
    let line = match bytes[start..end].split_last() {
        Some((b'\r', line)) if memchr2(b'\r', 0, line).is_none() => Ok(start..end - 1),
        Some((b'\r', _)) => Err(Fault::bad("a line has a bare CR or a NUL in it")),
        _ => Err(Fault::bad("a line ends with a bare LF")),
    };
    (line, end + 1)
}

/// RFC 9112 §5: field-name ":" OWS field-value OWS.
fn field(bytes: &[u8], line: Range<usize>, next: usize) -> Result<Span, Fault> {
    let text = &bytes[line.clone()];
    if matches!(text.first(), Some(b' ' | b'\t')) {
        return Err(Fault::bad("a field line is folded"));
    }
    let Some(colon) = memchr(b':', text) else {
        return Err(Fault::bad("a field line has no colon"));
    };
    let (name, value) = (&text[..colon], &text[colon + 1..]);
    if matches!(name.last(), Some(b' ' | b'\t')) {
        return Err(Fault::bad("white space stands before the colon of a field"));
    }
    if name.is_empty() || !name.iter().copied().all(is_token) {
        return Err(Fault::bad("a field name is malformed"));
    }
    if !value.iter().copied().all(is_text) {
        return Err(Fault::bad("a field value has a control character in it"));
    }
    let blank = |byte: &u8| matches!(byte, b' ' | b'\t');
    let before = value.iter().take_while(|byte| blank(byte)).count();
    let trimmed = &value[before..];
    let after = trimmed.iter().rev().take_while(|byte| blank(byte)).count();
    let value = line.start + colon + 1 + before;
    Ok(Span {
        name: line.start + colon,
        value: value..line.end - after,
        line: line.start..next,
    })
}

/// RFC 9110 §5.6.2: tchar.
pub(super) const fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'!' | b'#'
                | b'$'
                | b'%'
                | b'&'
                | b'\''
                | b'*'
                | b'+'
                | b'-'
                | b'.'
                | b'^'
                | b'_'
                | b'`'
                | b'|'
                | b'~'
        )
}

/// RFC 9110 §5.5: what a field value is made of.
pub(super) const fn is_text(byte: u8) -> bool {
    byte == b'\t' || (byte >= b' ' && byte != 0x7f)
}

/// The longest head that is read, in bytes.
pub(super) const MAX_HEAD: usize = 256 << 10;

/// The longest request target.
pub(super) const MAX_TARGET: usize = 64 << 10;

/// How many field lines a head may have.
const MAX_FIELDS: usize = 500;

/// The head is longer than [`MAX_HEAD`] or has more than [`MAX_FIELDS`] lines (RFC 6585 §5).
pub(super) const TOO_LARGE: Fault = Fault {
    status: StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
    message: "the head is larger than 256 KiB or has more than 500 fields",
};

/// The target is longer than [`MAX_TARGET`].
pub(super) const TARGET_TOO_LONG: Fault = Fault {
    status: StatusCode::URI_TOO_LONG,
    message: "the request target is longer than 64 KiB",
};

#[cfg(test)]
mod tests {
    use super::*;

    fn request(text: &[u8]) -> (RequestHead, Result<(), Fault>) {
        RequestHead::parse(&Bytes::copy_from_slice(text))
    }

    #[test]
    fn a_head_keeps_order_case_and_duplicates() {
        let text = b"PoST /v1/%7e?x HTTP/1.1\r\nX-b:  1 \r\nHost: h\r\nx-A: \xe9\t\r\nX-b:\r\n\r\n";
        let (head, checked) = request(text);
        assert_eq!(checked, Ok(()));
        assert_eq!(&head.method[..], b"PoST");
        assert_eq!(&head.target[..], b"/v1/%7e?x");
        let lines: Vec<_> = (head.fields.iter())
            .map(|line| (line.name, line.value))
            .collect();
        let expected: [(&str, &[u8]); 4] = [
            ("X-b", b"1"),
            ("Host", b"h"),
            ("x-A", b"\xe9"),
            ("X-b", b""),
        ];
        assert_eq!(lines, expected);
        let raw: Vec<u8> = head
            .fields
            .iter()
            .flat_map(|line| line.raw.to_vec())
            .collect();
        assert_eq!(raw, text[25..text.len() - 2]);
    }

    #[test]
    fn what_two_parsers_may_read_in_two_ways_is_refused() {
        let long = format!(
            "GET /{} HTTP/1.1\r\nHost: h\r\n\r\n",
            "x".repeat(MAX_TARGET)
        );
        let many = format!(
            "GET / HTTP/1.1\r\nHost: h\r\n{}\r\n",
            "a: b\r\n".repeat(500)
        );
        let cases: [(&[u8], u16); 29] = [
            (b"GET / HTTP/1.1\nHost: h\r\n\r\n", 400),
            (b"GET / HTTP/1.1\r\nHost: h\n\r\n", 400),
            (b"GET / HTTP/1.1\r\nHost: h\r\n\n", 400),
            (b"GET / HTTP/1.1\r\nHost: h\rX: y\r\n\r\n", 400),
            (b"GET / HTTP/1.1\r\nHost: h\r\nX: a\0b\r\n\r\n", 400),
            (b"GET / HTTP/1.1\r\nHost: h\r\nX: a\x7f\r\n\r\n", 400),
            (b"GET / HTTP/1.1\r\nHost: h\r\nX: a\r\n b\r\n\r\n", 400),
            (b"GET / HTTP/1.1\r\n Host: h\r\n\r\n", 400),
            (b"GET / HTTP/1.1\r\nHost: h\r\nX : a\r\n\r\n", 400),
            (b"GET / HTTP/1.1\r\nHost: h\r\nX\t: a\r\n\r\n", 400),
            (b"GET / HTTP/1.1\r\nHost: h\r\nX\r\n\r\n", 400),
            (b"GET / HTTP/1.1\r\nHost: h\r\n: a\r\n\r\n", 400),
            (b"GET / HTTP/1.1\r\nHost: h\r\nX\xe9: a\r\n\r\n", 400),
            (b"GET / HTTP/1.1\r\n\r\n", 400),
            (b"GET / HTTP/1.1\r\nHost: h\r\nHost: h\r\n\r\n", 400),
            (b"GET /\r\n\r\n", 400),
            (b"GET  / HTTP/1.1\r\nHost: h\r\n\r\n", 400),
            (b"GET / HTTP/1.1 \r\nHost: h\r\n\r\n", 400),
            (b"GET /a b HTTP/1.1\r\nHost: h\r\n\r\n", 400),
            (b" GET / HTTP/1.1\r\nHost: h\r\n\r\n", 400),
            (b"GET v1 HTTP/1.1\r\nHost: h\r\n\r\n", 400),
            (b"GET http:/// HTTP/1.1\r\nHost: h\r\n\r\n", 400),
            (b"GET http://h?x HTTP/1.1\r\nHost: h\r\n\r\n", 400),
            (b"G@T / HTTP/1.1\r\nHost: h\r\n\r\n", 400),
            (b"GET / http/1.1\r\nHost: h\r\n\r\n", 400),
            (b"PRI * HTTP/2.0\r\n\r\n", 505),
            (b"CONNECT h:1 HTTP/1.1\r\nHost: h:1\r\n\r\n", 405),
            (long.as_bytes(), 414),
            (many.as_bytes(), 431),
        ];
        for (text, status) in cases {
            let fault = request(text).1.unwrap_err();
            let shown = text[..text.len().min(60)].escape_ascii();
            assert_eq!(fault.status.as_u16(), status, "{shown}");
        }
    }

    #[test]
    fn a_faulty_head_is_read_as_far_as_it_can_be() {
        let (head, checked) = request(b"GET /a HTTP/1.1\r\nHost: h\r\nbad\r\nX: 1\r\n\r\n");
        assert_eq!(checked.unwrap_err().message, "a field line has no colon");
        assert_eq!(&head.target[..], b"/a");
        assert_eq!(head.fields.iter().count(), 2);
    }

    #[test]
    fn targets_come_in_three_forms() {
        for (target, path, whole) in [
            ("/v1/x?a=/b", "/v1/x", "/v1/x?a=/b"),
            ("http://h:1/v1/x?y", "/v1/x", "/v1/x?y"),
            ("HTTPS://h", "/", "/"),
            ("*", "*", "*"),
        ] {
            let text = format!("OPTIONS {target} HTTP/1.1\r\nHost: h\r\n\r\n");
            let (head, checked) = request(text.as_bytes());
            assert_eq!(checked, Ok(()));
            assert_eq!(head.path(), path.as_bytes());
            assert_eq!(head.path_and_query(), whole.as_bytes());
        }
    }

    #[test]
    fn status_lines_are_kept_and_checked() {
        let parse = |text: &'static str| ResponseHead::parse(&Bytes::from(text));
        let head = parse("HTTP/1.1 299 All  good\r\nA: b\r\n\r\n").unwrap();
        assert_eq!(&head.line[..], b"HTTP/1.1 299 All  good\r\n");
        assert_eq!(head.status.as_u16(), 299);
        assert!(parse("HTTP/1.0 200\r\n\r\n").is_ok());
        for text in [
            "HTTP/1.1 20 OK\r\n\r\n",
            "HTTP/1.1 2000 OK\r\n\r\n",
            "HTTP/1.1 099 OK\r\n\r\n",
            "HTTP/2 200 OK\r\n\r\n",
            "HTTP/1.1  200 OK\r\n\r\n",
            "ICY 200 OK\r\n\r\n",
            "HTTP/1.1 200 OK\n\n",
            "HTTP/1.1 200 O\u{1}K\r\n\r\n",
            "HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n",
        ] {
            assert!(parse(text).is_err(), "{text:?}");
        }
    }
}
