//! HTTP/1.1 that two readers may read differently: refused, and never forwarded.

use crate::difference::{BAD_ANSWER, LIMIT};
use crate::messages::{GET, OK};
use crate::script::Role::Client;
use crate::script::{Case, Expect, script};

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = heads();
    cases.extend(lines());
    cases.extend(chunks());
    cases.extend(answers());
    cases.extend(answers_cut());
    cases.extend(limits());
    cases
}

/// Requests whose fields do not tell one length.
fn heads() -> Vec<Case> {
    let refused = [
        (
            "length-and-chunked",
            "Content-Length: 5\r\nTransfer-Encoding: chunked",
        ),
        (
            "chunked-and-length",
            "Transfer-Encoding: chunked\r\nContent-Length: 5",
        ),
        (
            "chunked-and-length-of-zero",
            "Transfer-Encoding: chunked\r\ncontent-length: 0",
        ),
        (
            "lengths-that-differ",
            "Content-Length: 5\r\nContent-Length: 6",
        ),
        (
            "lengths-that-agree",
            "Content-Length: 5\r\ncontent-length: 5",
        ),
        ("length-list", "Content-Length: 5, 5"),
        ("length-list-that-differs", "Content-Length: 5, 6"),
        ("length-with-plus", "Content-Length: +5"),
        ("length-with-minus", "Content-Length: -5"),
        ("length-with-letters", "Content-Length: 5x"),
        ("length-in-hex", "Content-Length: 0x5"),
        ("length-with-a-space", "Content-Length: 5 5"),
        ("length-with-a-fraction", "Content-Length: 5.0"),
        ("length-empty", "Content-Length: "),
        ("length-too-large", "Content-Length: 18446744073709551621"),
        ("chunked-not-final", "Transfer-Encoding: chunked, gzip"),
        ("chunked-twice", "Transfer-Encoding: chunked, chunked"),
        (
            "chunked-on-two-lines",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        ),
        (
            "chunked-then-identity",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
        ),
        ("coding-without-chunked", "Transfer-Encoding: gzip"),
        ("coding-unknown", "Transfer-Encoding: xchunked"),
        ("coding-empty", "Transfer-Encoding:"),
        ("coding-in-quotes", "Transfer-Encoding: \"chunked\""),
        (
            "coding-with-a-vertical-tab",
            "Transfer-Encoding: \x0bchunked",
        ),
    ];
    (refused.iter())
        .map(|(name, fields)| {
            let request = format!(
                "POST /v1/x HTTP/1.1\r\nHost: <host>\r\n{fields}\r\n\r\n0\r\n\r\nGET /smuggled \
                 HTTP/1.1\r\nHost: <host>\r\n\r\n"
            );
            Case::refused(format!("refused/{name}"), request, 400)
        })
        .chain([Case::refused(
            "refused/chunked-in-http-1.0",
            "POST /v1/x HTTP/1.0\r\nHost: <host>\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            400,
        )])
        .collect()
}

/// Requests whose lines are no lines.
fn lines() -> Vec<Case> {
    let head = |line: &str| format!("GET /v1/x HTTP/1.1\r\nHost: <host>\r\n{line}\r\n\r\n");
    let refused = [
        ("folded-field", head("X-A: 1\r\n  2")),
        ("folded-with-a-tab", head("X-A: 1\r\n\tContent-Length: 5")),
        (
            "folded-first-field",
            "GET /v1/x HTTP/1.1\r\n X-A: 1\r\nHost: <host>\r\n\r\n".to_owned(),
        ),
        ("space-before-the-colon", head("Content-Length : 5")),
        ("tab-before-the-colon", head("Transfer-Encoding\t: chunked")),
        ("space-in-a-name", head("X A: 1")),
        ("field-without-colon", head("X-A")),
        ("field-without-name", head(": 1")),
        ("name-beyond-ascii", head("X-\u{e9}: 1")),
        ("nul-in-a-value", head("X-A: a\0b")),
        ("bare-cr-in-a-value", head("X-A: a\rContent-Length: 5")),
        ("bare-lf-between-fields", head("X-A: a\nContent-Length: 5")),
        (
            "bare-lf-at-the-end",
            "GET /v1/x HTTP/1.1\r\nHost: <host>\r\n\nGET /s HTTP/1.1\r\n\r\n".to_owned(),
        ),
        (
            "bare-lf-after-the-request-line",
            "GET /v1/x HTTP/1.1\nHost: <host>\r\n\r\n".to_owned(),
        ),
        (
            "bare-lf-everywhere",
            "GET /v1/x HTTP/1.1\nHost: <host>\n\n".to_owned(),
        ),
        ("no-host", "GET /v1/x HTTP/1.1\r\nX-A: 1\r\n\r\n".to_owned()),
        ("two-hosts", head("Host: <host>")),
        ("no-version", "GET /v1/x\r\nHost: <host>\r\n\r\n".to_owned()),
        (
            "version-in-lower-case",
            "GET /v1/x http/1.1\r\nHost: <host>\r\n\r\n".to_owned(),
        ),
        (
            "three-words-too-many",
            "GET /v1/x y HTTP/1.1\r\nHost: <host>\r\n\r\n".to_owned(),
        ),
        (
            "no-method",
            " /v1/x HTTP/1.1\r\nHost: <host>\r\n\r\n".to_owned(),
        ),
        (
            "control-in-the-target",
            "GET /v1/\x01x HTTP/1.1\r\nHost: <host>\r\n\r\n".to_owned(),
        ),
        (
            "tls-instead-of-http",
            "\x16\x03\x01\x02\0\x01\0\x01\u{fc}\x03\x03\r\n\r\n".to_owned(),
        ),
    ];
    (refused.iter())
        .map(|(name, request)| Case::refused(format!("refused/{name}"), request, 400))
        .chain([
            Case::refused(
                "refused/preface-of-http-2",
                "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
                505,
            ),
            Case::refused(
                "refused/connect",
                "CONNECT <host> HTTP/1.1\r\nHost: <host>\r\n\r\n",
                405,
            ),
            foreign("host", "Host: evil.test", 421),
            foreign("origin", "Host: <host>\r\nOrigin: http://evil.test", 403),
            foreign("page", "Host: <host>\r\nSec-Fetch-Site: cross-site", 403),
            foreign("user", "Host: user@<host>", 400),
            foreign("client", "Host: <host>", 401)
                .with(|config| config.token = "open-sesame-0123456789".parse().ok()),
            behind_a_good_one(),
        ])
        .collect()
}

/// A good request that must not pass; the connection may take another one.
fn foreign(what: &str, fields: &str, status: u16) -> Case {
    let request = format!("GET /v1/x HTTP/1.1\r\n{fields}\r\n\r\n");
    let mut case = Case::refused(format!("refused/foreign-{what}"), &request, status);
    case.client = script().send(&request).head();
    case
}

/// A pipelined request is refused only after the ones before it were answered.
fn behind_a_good_one() -> Case {
    let bad = "POST /v1/bad HTTP/1.1\r\nHost: <host>\r\nContent-Length: 1\r\n\
               Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
    let answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    let client = script().send(GET.to_owned() + bad).until(answer).ended();
    let mut case = Case::new(
        "refused/behind-a-good-request",
        client,
        script().head().send(answer),
    );
    case.expect = Expect::Refused {
        status: 400,
        never: Some("/v1/bad"),
    };
    case
}

/// Chunked bodies that go wrong behind a good head and a good chunk.
fn chunks() -> Vec<Case> {
    let refused = [
        (
            "chunk-size-of-letters",
            "size\r\nSMUGGLED\r\n0\r\n\r\n",
            "SMUGGLED",
        ),
        (
            "chunk-size-missing",
            "\r\nSMUGGLED\r\n0\r\n\r\n",
            "SMUGGLED",
        ),
        (
            "chunk-size-negative",
            "-3\r\nSMUGGLED\r\n0\r\n\r\n",
            "SMUGGLED",
        ),
        (
            "chunk-size-in-c",
            "0x3\r\nSMUGGLED\r\n0\r\n\r\n",
            "SMUGGLED",
        ),
        (
            "chunk-size-too-large",
            "10000000000000003\r\nSMUGGLED\r\n0\r\n\r\n",
            "SMUGGLED",
        ),
        (
            "chunk-size-ended-by-lf",
            "3\nabc\r\n0\r\n\r\nGET /SMUGGLED",
            "SMUGGLED",
        ),
        (
            "chunk-longer-than-its-size",
            "3\r\nabcSMUGGLED\r\n0\r\n\r\n",
            "SMUGGLED",
        ),
        (
            "chunk-ended-by-lf",
            "3\r\nabc\n0\r\n\r\nGET /SMUGGLED",
            "SMUGGLED",
        ),
        (
            "chunk-extension-with-lf",
            "3;a\nSMUGGLED\r\nabc\r\n0\r\n\r\n",
            "SMUGGLED",
        ),
        (
            "chunk-extension-with-cr",
            "3;a\rSMUGGLED\r\nabc\r\n0\r\n\r\n",
            "SMUGGLED",
        ),
        (
            "trailer-folded",
            "0\r\nX-A: 1\r\n SMUGGLED\r\n\r\n",
            "SMUGGLED",
        ),
        (
            "trailer-without-colon",
            "0\r\nSMUGGLED\r\n\r\n",
            "SMUGGLED\r",
        ),
        (
            "trailer-ended-by-lf",
            "0\r\nX-A: 1\nSMUGGLED: 2\r\n\r\n",
            "SMUGGLED",
        ),
    ];
    (refused.iter())
        .map(|(name, body, never)| {
            let request = format!(
                "POST /v1/x HTTP/1.1\r\nHost: <host>\r\nTransfer-Encoding: chunked\r\n\r\n\
                 2\r\nok\r\n{body}"
            );
            Case::refused_within(format!("refused/{name}"), request, never)
        })
        .collect()
}

/// Answers whose end is not one place.
fn answers() -> Vec<Case> {
    let bad = [
        (
            "length-and-chunked",
            "200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked",
        ),
        (
            "lengths-that-differ",
            "200 OK\r\nContent-Length: 5\r\nContent-Length: 6",
        ),
        ("length-with-letters", "200 OK\r\nContent-Length: 5x"),
        ("length-with-plus", "200 OK\r\nContent-Length: +5"),
        (
            "folded-field",
            "200 OK\r\nX-A: 1\r\n 2\r\nContent-Length: 5",
        ),
        ("space-before-the-colon", "200 OK\r\nContent-Length : 5"),
        ("field-without-colon", "200 OK\r\nX-A\r\nContent-Length: 5"),
        ("bare-cr-in-a-value", "200 OK\r\nX-A: 1\rContent-Length: 5"),
        ("status-of-two-digits", "20 OK\r\nContent-Length: 5"),
        (
            "unasked-101",
            "101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: upgrade",
        ),
    ];
    (bad.iter())
        .map(|(name, head)| {
            let answer = format!("HTTP/1.1 {head}\r\n\r\n0\r\n\r\n");
            Case::new(
                format!("answer/{name}"),
                script().send(GET).head(),
                script().head().send(answer),
            )
            .answered(502, &BAD_ANSWER)
        })
        .chain([Case::new(
            "answer/not-http",
            script().send(GET).head(),
            script().head().send("SSH-2.0-OpenSSH_9.9\r\n\r\n"),
        )
        .answered(502, &BAD_ANSWER)])
        .collect()
}

/// Answers that go wrong behind their heads: the client gets what stands before the fault.
fn answers_cut() -> Vec<Case> {
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n";
    let faults = [
        ("chunk-size-of-letters", "", "size\r\nabc\r\n0\r\n\r\n"),
        ("chunk-longer-than-its-size", "3\r\nabc", "def\r\n0\r\n\r\n"),
        ("trailer-folded", "0\r\nX-A: 1\r\n", " 2\r\n\r\n"),
    ];
    (faults.iter())
        .map(|(name, good, bad)| {
            Case::new(
                format!("answer/{name}"),
                script().send(GET).until("ok\r\n").ended(),
                (script().head())
                    .send(format!("{chunked}{good}{bad}"))
                    .close(),
            )
            .dropped(&BAD_ANSWER, Client, bad)
        })
        .chain([Case::new(
            "answer/longer-than-its-length",
            script().send(GET).message(OK),
            script()
                .head()
                .send(format!("{OK}HTTP/1.1 200 OK\r\n\r\nsmuggled")),
        )
        .dropped(&BAD_ANSWER, Client, "HTTP/1.1 200 OK\r\n\r\nsmuggled")])
        .collect()
}

/// Heads beyond what the proxy holds.
fn limits() -> Vec<Case> {
    let huge = "x".repeat(1 << 20);
    let many = "X-A: 1\r\n".repeat(10_000);
    let wide = format!("X-A: {}\r\n", &huge[..1019]).repeat(250);
    let too_wide = format!("X-A: {}\r\n", &huge[..1019]).repeat(257);
    let request = |target: &str, fields: &str| {
        format!("GET /v1/{target} HTTP/1.1\r\nHost: <host>\r\n{fields}\r\n")
    };
    vec![
        Case::refused(
            "bounds/field-of-a-megabyte",
            request("", &format!("X-A: {huge}\r\n")),
            431,
        )
        .uncut(),
        Case::refused("bounds/ten-thousand-fields", request("", &many), 431).uncut(),
        Case::refused("bounds/target-of-a-megabyte", request(&huge, ""), 414).uncut(),
        Case::refused(
            "bounds/target-beyond-64-kib",
            request(&huge[..64 << 10], ""),
            414,
        )
        .uncut(),
        Case::exchange(
            "bounds/target-of-64-kib",
            request(&huge[..(64 << 10) - 4], ""),
            OK,
        )
        .uncut(),
        Case::exchange("bounds/head-of-250-kib", request("", &wide), OK).uncut(),
        Case::refused("bounds/head-of-257-kib", request("", &too_wide), 431).uncut(),
        Case::exchange("bounds/500-fields", request("", &many[..8 * 499]), OK).uncut(),
        Case::refused("bounds/501-fields", request("", &many[..8 * 500]), 431).uncut(),
        Case::refused_within(
            "bounds/trailers-of-a-megabyte",
            format!(
                "POST /v1/x HTTP/1.1\r\nHost: <host>\r\nTransfer-Encoding: chunked\r\n\r\n\
                 0\r\nX-A: {huge}\r\nEND: 1\r\n\r\n"
            ),
            "END",
        )
        .uncut(),
        Case::refused_within(
            "bounds/chunk-extension-of-a-megabyte",
            format!(
                "POST /v1/x HTTP/1.1\r\nHost: <host>\r\nTransfer-Encoding: chunked\r\n\r\n\
                 3;{huge}\r\nEND\r\n0\r\n\r\n"
            ),
            "END",
        )
        .uncut(),
        Case::new(
            "bounds/answer-head-of-a-megabyte",
            script().send(GET).head(),
            (script().head()).send(format!("HTTP/1.1 200 OK\r\nX-A: {huge}\r\n\r\n")),
        )
        .answered(502, &LIMIT)
        .uncut(),
    ]
}
