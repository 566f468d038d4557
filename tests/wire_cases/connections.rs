//! HTTP/1.1: several messages on one connection, and their order in time.

use crate::messages::{GET, OK};
use crate::script::{Case, script};

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = persistent();
    cases.extend(closing());
    cases.extend(bodiless());
    cases.extend(interim());
    cases.extend(streams());
    cases.extend(dialogues());
    cases.extend(half_closed());
    cases
}

fn post(body: &str) -> String {
    let len = body.len();
    format!("POST /v1/{body} HTTP/1.1\r\nHost: <host>\r\nContent-Length: {len}\r\n\r\n{body}")
}

fn answer(body: &str) -> String {
    let len = body.len();
    format!("HTTP/1.1 200 OK\r\nX-For: {body}\r\nContent-Length: {len}\r\n\r\n{body}")
}

const CHUNKED: &str = "POST /v1/c HTTP/1.1\r\nHost: <host>\r\nTransfer-Encoding: chunked\r\n\r\n\
                       2\r\nab\r\n0\r\nt: 1\r\n\r\n";

const CHUNKED_OK: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\
                          3\r\nabc\r\n0\r\nT: 2\r\n\r\n";

fn persistent() -> Vec<Case> {
    let mut ten = (script(), script());
    for n in 0..10 {
        let (request, response) = (post(&format!("q{n}")), answer(&format!("a{n}")));
        ten = (
            ten.0.send(&request).message(&response),
            ten.1.message(&request).send(&response),
        );
    }
    vec![
        Case::new("http/ten-requests-on-one-connection", ten.0, ten.1),
        Case::new(
            "http/framings-by-turns",
            (script()
                .send(CHUNKED)
                .message(OK)
                .send(GET)
                .message(CHUNKED_OK))
            .send(post("x"))
            .message(answer("y")),
            (script()
                .message(CHUNKED)
                .send(OK)
                .message(GET)
                .send(CHUNKED_OK))
            .message(post("x"))
            .send(answer("y")),
        ),
        Case::new(
            "http/pipelined-gets",
            script()
                .send(GET.repeat(3))
                .message(answer("1"))
                .message(answer("2"))
                .message(OK),
            (script()
                .head()
                .send(answer("1"))
                .head()
                .send(answer("2"))
                .head())
            .send(OK),
        ),
        Case::new(
            "http/pipelined-posts",
            (script().send(post("a") + &post("bb") + &post("ccc")))
                .message(answer("1"))
                .message(answer("2"))
                .message(answer("3")),
            (script().message(post("a")).send(answer("1")))
                .message(post("bb"))
                .send(answer("2"))
                .message(post("ccc"))
                .send(answer("3")),
        ),
        Case::new(
            "http/pipelined-framings",
            (script().send(CHUNKED.to_owned() + GET + &post("a") + CHUNKED))
                .message(CHUNKED_OK)
                .message(OK)
                .message(CHUNKED_OK)
                .message(answer("z")),
            (script()
                .message(CHUNKED)
                .send(CHUNKED_OK)
                .message(GET)
                .send(OK))
            .message(post("a"))
            .send(CHUNKED_OK)
            .message(CHUNKED)
            .send(answer("z")),
        ),
        Case::new(
            "http/pipelined-behind-a-stream",
            (script()
                .send(GET)
                .until("2\r\nab\r\n")
                .send(post("next"))
                .meet())
            .until("0\r\n\r\n")
            .message(OK),
            (script().head())
                .send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n")
                .meet()
                .send("1\r\nc\r\n0\r\n\r\n")
                .message(post("next"))
                .send(OK),
        ),
    ]
}

/// Answers behind which the connection ends.
fn closing() -> Vec<Case> {
    vec![
        Case::new(
            "http/close-asked-by-the-client",
            (script().send("GET /v1/x HTTP/1.1\r\nHost: <host>\r\nConnection: close\r\n\r\n"))
                .message(OK)
                .ended(),
            script()
                .head()
                .send("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok")
                .close(),
        ),
        Case::new(
            "http/close-asked-by-the-client-and-not-told-by-the-upstream",
            (script().send("GET /v1/x HTTP/1.1\r\nHost: <host>\r\nConnection: close\r\n\r\n"))
                .message(OK)
                .ended(),
            script().head().send(OK).close(),
        ),
        Case::new(
            "http/request-in-http-1.0",
            (script().send("GET /v1/x HTTP/1.0\r\nHost: <host>\r\n\r\n"))
                .message(OK)
                .ended(),
            script().head().send(OK).close(),
        ),
        Case::new(
            "http/answer-in-http-1.0",
            script().send(GET).until("ok").ended(),
            script()
                .head()
                .send("HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok")
                .close(),
        ),
        Case::new(
            "http/answer-in-http-1.0-up-to-the-close",
            script().send(GET).until("ok").ended(),
            script().head().send("HTTP/1.0 200 OK\r\n\r\nok").close(),
        ),
        Case::new(
            "http/close-asked-by-the-upstream",
            script().send(GET).until("ok").ended(),
            (script().head())
                .send("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok")
                .close(),
        ),
        Case::new(
            "http/close-before-a-body-up-to-the-close",
            script().send(GET).until("streamed").ended(),
            (script().head())
                .send("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nstreamed")
                .close(),
        ),
    ]
}

/// Answers without a body, whatever their fields say: the next exchange would see it.
fn bodiless() -> Vec<Case> {
    let cases = [
        (
            "head-with-a-length",
            "HEAD",
            "200 OK\r\nContent-Length: 1234",
        ),
        (
            "head-of-a-chunked-body",
            "HEAD",
            "200 OK\r\nTransfer-Encoding: chunked",
        ),
        ("head-without-framing", "HEAD", "200 OK\r\nX-A: 1"),
        (
            "head-of-nothing-there",
            "HEAD",
            "404 Not Found\r\nContent-Length: 9",
        ),
        ("no-content", "GET", "204 No Content\r\nX-A: 1"),
        ("no-content-to-a-delete", "DELETE", "204 No Content"),
        (
            "reset-content",
            "GET",
            "205 Reset Content\r\nContent-Length: 0",
        ),
        ("not-modified", "GET", "304 Not Modified\r\nETag: \"x\""),
        (
            "not-modified-with-a-length",
            "GET",
            "304 Not Modified\r\nContent-Length: 99",
        ),
        ("length-of-zero", "GET", "200 OK\r\nContent-Length: 0"),
    ];
    (cases.iter())
        .map(|(name, method, head)| {
            let request = format!("{method} /v1/x HTTP/1.1\r\nHost: <host>\r\n\r\n");
            let response = format!("HTTP/1.1 {head}\r\n\r\n");
            Case::new(
                format!("http/{name}"),
                script()
                    .send(&request)
                    .head()
                    .send(post("next"))
                    .message(OK),
                script()
                    .head()
                    .send(&response)
                    .message(post("next"))
                    .send(OK),
            )
        })
        .collect()
}

fn interim() -> Vec<Case> {
    let expecting = "POST /v1/x HTTP/1.1\r\nHost: <host>\r\nExpect: 100-continue\r\n\
                     Content-Length: 4\r\n\r\n";
    let go_on = "HTTP/1.1 100 Continue\r\n\r\n";
    let hints = "HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\nlink: </b>\r\n\r\n";
    let before = |name: &str, interim: &str| {
        Case::new(
            name,
            script().send(GET).until(interim).meet().message(OK),
            script().head().send(interim).meet().send(OK),
        )
    };
    vec![
        Case::new(
            "http/continue-granted",
            script()
                .send(expecting)
                .until(go_on)
                .send("body")
                .message(OK),
            script().head().send(go_on).until("body").send(OK),
        ),
        Case::new(
            "http/continue-granted-with-fields",
            script()
                .send(expecting)
                .until("X-A: 1\r\n\r\n")
                .send("body")
                .message(OK),
            (script().head().send("HTTP/1.1 100 Go On\r\nX-A: 1\r\n\r\n"))
                .until("body")
                .send(OK),
        ),
        Case::new(
            "http/continue-granted-for-chunks",
            (script())
                .send("POST /v1/x HTTP/1.1\r\nHost: <host>\r\nExpect: 100-Continue\r\n")
                .send("Transfer-Encoding: chunked\r\n\r\n")
                .until(go_on)
                .send("1\r\na\r\n0\r\n\r\n")
                .message(OK),
            script().head().send(go_on).until("0\r\n\r\n").send(OK),
        ),
        Case::new(
            "http/continue-refused",
            script().send(expecting).message(EXPECTATION_FAILED).ended(),
            script().head().send(EXPECTATION_FAILED).close(),
        ),
        Case::new(
            "http/continue-not-awaited",
            script()
                .send(format!("{expecting}body"))
                .until(go_on)
                .message(OK),
            script().head().send(go_on).until("body").send(OK),
        ),
        Case::new(
            "http/continue-never-given",
            script().send(expecting).meet().send("body").message(OK),
            script().head().meet().until("body").send(OK),
        ),
        Case::new(
            "http/continue-unasked",
            script().send(post("body")).until(go_on).message(OK),
            script().message(post("body")).send(go_on).send(OK),
        ),
        Case::new(
            "http/continue-and-answer-in-one-segment",
            script()
                .send(expecting)
                .until(go_on)
                .send("body")
                .message(OK),
            (script().head().send(go_on.to_owned() + OK)).until("body"),
        ),
        before("http/early-hints", hints),
        before("http/processing", "HTTP/1.1 102 Processing\r\n\r\n"),
        before(
            "http/several-interim-answers",
            &format!("{hints}HTTP/1.1 102 \r\n\r\n{hints}"),
        ),
        before(
            "http/unknown-interim-answer",
            "HTTP/1.1 199 Odd\r\nContent-Type: x\r\n\r\n",
        ),
    ]
}

const EXPECTATION_FAILED: &str = "HTTP/1.1 417 Expectation Failed\r\nContent-Length: 2\r\n\r\nno";

/// What is written is passed on before the next thing is written.
fn streams() -> Vec<Case> {
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n";
    let events = |framed: bool| -> Vec<String> {
        (0..5)
            .map(|n| {
                let event = format!("event: e{n}\ndata: {{\"n\":{n}}}\n\n");
                if framed {
                    format!("{:x}\r\n{event}\r\n", event.len())
                } else {
                    event
                }
            })
            .collect()
    };
    let stream = |name: &str, head: String, events: Vec<String>, last: &str| {
        let mut client = script().send(post("q")).head().meet();
        let mut upstream = script().message(post("q")).send(head).meet();
        for event in events {
            client = client.until(&event).meet();
            upstream = upstream.send(&event).meet();
        }
        if last.is_empty() {
            return Case::new(name, client.ended(), upstream.close());
        }
        Case::new(name, client.until(last), upstream.send(last))
    };
    let len: usize = events(false).iter().map(String::len).sum();
    vec![
        stream(
            "http/events-in-chunks",
            format!("{head}Transfer-Encoding: chunked\r\n\r\n"),
            events(true),
            "0\r\n\r\n",
        ),
        stream(
            "http/events-up-to-a-length",
            format!("{head}Content-Length: {}\r\n\r\n", len + 1),
            events(false),
            "!",
        ),
        stream(
            "http/events-up-to-the-close",
            format!("{head}\r\n"),
            events(false),
            "",
        ),
    ]
}

/// Requests and answers that are on their way at the same time.
fn dialogues() -> Vec<Case> {
    let mut dialogue = (
        (script()
            .send("POST /v1/d HTTP/1.1\r\nHost: <host>\r\nTransfer-Encoding: chunked\r\n\r\n"))
        .head(),
        (script().head()).send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
    );
    for n in 0..4 {
        let (ask, say) = (format!("2\r\nq{n}\r\n"), format!("2\r\na{n}\r\n"));
        dialogue = (
            dialogue.0.send(&ask).until(&say),
            dialogue.1.until(&ask).send(&say),
        );
    }
    vec![
        Case::new(
            "http/request-body-bit-by-bit",
            (script().send("POST /v1/x HTTP/1.1\r\nHost: <host>\r\nContent-Length: 6\r\n\r\nab"))
                .meet()
                .send("cd")
                .meet()
                .send("ef")
                .message(OK),
            script()
                .head()
                .until("ab")
                .meet()
                .until("cd")
                .meet()
                .until("ef")
                .send(OK),
        ),
        Case::new(
            "http/both-bodies-at-once",
            dialogue.0.send("0\r\n\r\n").until("0\r\n\r\n"),
            dialogue.1.until("0\r\n\r\n").send("0\r\n\r\n"),
        ),
        Case::new(
            "http/answer-before-the-body",
            (script().send("POST /v1/x HTTP/1.1\r\nHost: <host>\r\nContent-Length: 6\r\n\r\nabc"))
                .message(EXPECTATION_FAILED)
                .send("def")
                .send(GET)
                .message(OK),
            (script()
                .head()
                .until("abc")
                .send(EXPECTATION_FAILED)
                .until("def"))
            .head()
            .send(OK),
        ),
        Case::new(
            "http/client-closes-when-it-has-enough",
            script()
                .send(post("q"))
                .until("response.completed\n\n\r\n")
                .meet()
                .close(),
            (script().message(post("q")))
                .send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
                .send("1a\r\ndata: response.completed\n\n\r\n")
                .meet()
                .ended(),
        ),
    ]
}

fn half_closed() -> Vec<Case> {
    vec![
        Case::new(
            "http/half-closed-after-the-request",
            script().send(post("q")).fin().message(OK).ended(),
            script().message(post("q")).ended().send(OK).close(),
        ),
        Case::new(
            "http/half-closed-in-the-answer",
            script()
                .send(GET)
                .until("3\r\nabc\r\n")
                .fin()
                .until("0\r\n\r\n")
                .ended(),
            (script().head())
                .send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
                .ended()
                .send("3\r\ndef\r\n0\r\n\r\n")
                .close(),
        ),
        Case::new(
            "http/half-closed-behind-pipelined-requests",
            script()
                .send(GET.repeat(2))
                .fin()
                .message(OK)
                .message(OK)
                .ended(),
            script().head().send(OK).head().send(OK).ended().close(),
        ),
        Case::new(
            "http/upstream-half-closes-before-the-body",
            (script().send("POST /v1/x HTTP/1.1\r\nHost: <host>\r\nContent-Length: 4\r\n\r\n"))
                .message(EXPECTATION_FAILED)
                .ended()
                .send("body")
                .close(),
            script()
                .head()
                .send(EXPECTATION_FAILED)
                .fin()
                .until("body")
                .ended(),
        ),
        Case::new(
            "http/client-closes-an-idle-connection",
            script().send(GET).message(OK).close(),
            script().head().send(OK).ended(),
        ),
        Case::new(
            "http/client-resets-an-idle-connection",
            script().send(GET).message(OK).meet().reset(),
            script().head().send(OK).meet().ended(),
        ),
        Case::new(
            "http/upstream-closes-an-idle-connection",
            script().send(GET).message(OK).ended(),
            script().head().send(OK).close(),
        ),
        Case::new(
            "http/upstream-resets-an-idle-connection",
            script().send(GET).message(OK).meet().ended(),
            script().head().send(OK).meet().reset(),
        ),
    ]
}
