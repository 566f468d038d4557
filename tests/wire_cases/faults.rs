//! An end that disappears, in every phase: the other one learns at once what it would have learnt
//! without the proxy. And ends that are slow: nothing piles up in between.

use std::time::Duration;

use codextap::proxy::Route;

use crate::difference::{HEAD_HELD, UNREACHABLE};
use crate::messages::{GET, OK};
use crate::script::Role::{Client, Upstream};
use crate::script::{Case, Script, Step, script};

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = clients();
    cases.extend(upstreams());
    cases.extend(unreachable());
    cases.extend(slow());
    cases
}

const CHUNKS: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n";

/// The ways to disappear.
const WAYS: [(&str, Step); 2] = [("closes", Step::Close), ("resets", Step::Reset)];

fn leaving(script: Script, way: &Step) -> Script {
    match way {
        Step::Reset => script.reset(),
        _ => script.close(),
    }
}

fn clients() -> Vec<Case> {
    let post = "POST /v1/x HTTP/1.1\r\nHost: <host>\r\nContent-Length: 9\r\n\r\n";
    let chunked = "POST /v1/x HTTP/1.1\r\nHost: <host>\r\nTransfer-Encoding: chunked\r\n\r\n";
    // What the client sends, and what the upstream has of it when the client disappears.
    let sending = [
        ("before-the-body", post.to_owned(), "\r\n\r\n"),
        ("in-the-body", format!("{post}abc"), "abc"),
        ("before-the-first-chunk", chunked.to_owned(), "\r\n\r\n"),
        (
            "in-a-chunk-size",
            format!("{chunked}2\r\nok\r\n1"),
            "ok\r\n1",
        ),
        ("in-a-chunk", format!("{chunked}5\r\nabc"), "abc"),
        (
            "between-chunks",
            format!("{chunked}3\r\nabc\r\n"),
            "abc\r\n",
        ),
        ("before-the-answer", GET.to_owned(), "\r\n\r\n"),
        (
            "after-a-whole-body",
            format!("{post}123456789"),
            "123456789",
        ),
    ];
    let mut cases = Vec::new();
    for (how, way) in &WAYS {
        for (phase, sent, seen) in &sending {
            cases.push(Case::new(
                format!("fault/client-{how}-{phase}"),
                leaving(script().send(sent).meet(), way),
                script().until(seen).meet().ended(),
            ));
        }
        for (phase, sent, seen) in [
            ("in-the-answer", CHUNKS, "abc\r\n"),
            (
                "after-the-answers-head",
                "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n",
                "\r\n\r\n",
            ),
            (
                "after-an-interim-answer",
                "HTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\n",
                "\r\n\r\n",
            ),
        ] {
            cases.push(Case::new(
                format!("fault/client-{how}-{phase}"),
                leaving(script().send(GET).until(seen).meet(), way),
                script().head().send(sent).meet().ended(),
            ));
        }
        for (phase, sent) in [
            ("before-the-head", ""),
            ("in-the-head", "POST /v1/x HTTP/1.1\r\nHo"),
        ] {
            cases.push(
                Case::new(
                    format!("fault/client-{how}-{phase}"),
                    leaving(script().send(sent).meet(), way),
                    script().meet(),
                )
                .edit(&HEAD_HELD, Upstream, sent, ""),
            );
        }
    }
    cases
}

fn upstreams() -> Vec<Case> {
    let length = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n";
    let close = "HTTP/1.1 200 OK\r\nX-A: 1\r\n\r\n";
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    let hints = "HTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\n";
    // What the upstream sends before it disappears, and what the client has of it by then.
    let sending = [
        ("before-the-head", String::new(), ""),
        ("after-an-interim-answer", hints.to_owned(), "\r\n\r\n"),
        ("before-the-body", length.to_owned(), "\r\n\r\n"),
        ("in-the-body", format!("{length}abc"), "abc"),
        ("before-the-first-chunk", chunked.to_owned(), "\r\n\r\n"),
        ("in-a-chunk", format!("{chunked}5\r\nabc"), "abc"),
        (
            "between-chunks",
            format!("{chunked}3\r\nabc\r\n"),
            "abc\r\n",
        ),
        ("in-a-body-up-to-the-close", format!("{close}abc"), "abc"),
        (
            "before-the-last-empty-line",
            format!("{chunked}3\r\nabc\r\n0\r\n"),
            "0\r\n",
        ),
    ];
    let mut cases = Vec::new();
    for (how, way) in &WAYS {
        for (phase, sent, seen) in &sending {
            cases.push(Case::new(
                format!("fault/upstream-{how}-{phase}"),
                script().send(GET).until(seen).meet().ended(),
                leaving(script().head().send(sent).meet(), way),
            ));
        }
        for (phase, sent) in [
            ("in-the-status-line", "HTTP/1.1 20"),
            ("in-the-head", "HTTP/1.1 200 OK\r\nContent-Le"),
        ] {
            cases.push(
                Case::new(
                    format!("fault/upstream-{how}-{phase}"),
                    script().send(GET).meet().ended(),
                    leaving(script().head().send(sent).meet(), way),
                )
                .dropped(&HEAD_HELD, Client, sent),
            );
        }
        cases.push(Case::new(
            format!("fault/upstream-{how}-while-the-request-is-sent"),
            (script().send("POST /v1/x HTTP/1.1\r\nHost: <host>\r\nContent-Length: 9\r\n\r\nabc"))
                .meet()
                .ended(),
            leaving(script().head().until("abc").meet(), way),
        ));
        cases.push(Case::new(
            format!("fault/upstream-{how}-instead-of-the-second-answer"),
            script().send(GET).message(OK).send(GET).meet().ended(),
            leaving(script().head().send(OK).head().meet(), way),
        ));
    }
    cases
}

fn unreachable() -> Vec<Case> {
    let post = "POST /v1/x HTTP/1.1\r\nHost: <host>\r\nContent-Length: 5\r\n\r\nhello";
    vec![
        Case::new("fault/no-upstream", script().send(post).head(), script())
            .with(|config| config.routes = vec![Route::new("/", "http://127.0.0.1:1").unwrap()])
            .answered(502, &UNREACHABLE),
        Case::new(
            "fault/upstream-too-slow-for-the-limit",
            script().send(post).head(),
            script().message(post),
        )
        .with(|config| config.head_timeout = Some(SHORT))
        .answered(504, &UNREACHABLE),
    ]
}

/// A reader that does not read brings the writer to a standstill, however much there is to write.
fn slow() -> Vec<Case> {
    let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {MUCH}\r\n\r\n");
    let request = format!("POST /v1/x HTTP/1.1\r\nHost: <host>\r\nContent-Length: {MUCH}\r\n\r\n");
    let chunk = format!("{MUCH:x}\r\n");
    let mut cases = vec![
        Case::new(
            "backpressure/answer",
            script().send(GET).head().meet().take(MUCH),
            script().head().send(&answer).flood(MUCH),
        ),
        Case::new(
            "backpressure/request",
            script().send(&request).flood(MUCH).message(OK),
            script().head().meet().take(MUCH).send(OK),
        ),
        Case::new(
            "backpressure/chunked-answer",
            script()
                .send(GET)
                .head()
                .until(&chunk)
                .meet()
                .take(MUCH)
                .until("0\r\n\r\n"),
            (script()
                .head()
                .send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"))
            .send(&chunk)
            .flood(MUCH)
            .send("\r\n0\r\n\r\n"),
        ),
        Case::new(
            "backpressure/answer-up-to-the-close",
            script().send(GET).head().meet().take(MUCH).ended(),
            script()
                .head()
                .send("HTTP/1.1 200 OK\r\n\r\n")
                .flood(MUCH)
                .close(),
        ),
        Case::new(
            "backpressure/websocket-from-the-client",
            crate::websocket::client().flood(MUCH),
            crate::websocket::upstream().meet().take(MUCH),
        ),
        Case::new(
            "backpressure/websocket-from-the-upstream",
            crate::websocket::client().meet().take(MUCH),
            crate::websocket::upstream().flood(MUCH),
        ),
    ];
    for case in &mut cases {
        case.cut = false;
    }
    cases
}

/// More than all buffers on the way hold.
const MUCH: usize = 48 << 20;

/// A limit that a case waits for.
pub(crate) const SHORT: Duration = Duration::from_millis(60);
