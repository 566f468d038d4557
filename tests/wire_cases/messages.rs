//! HTTP/1.1: heads, bodies and their framing, one exchange each.

use crate::difference::{EMPTY_LINE, HOP, HOST, TOKEN};
use crate::script::Role::{Client, Upstream};
use crate::script::{Case, script};

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = bodies();
    cases.extend(chunked());
    cases.extend(odd_chunks());
    cases.extend(fields());
    cases.extend(targets());
    cases.extend(hops());
    cases.extend(statuses());
    cases
}

fn bodies() -> Vec<Case> {
    let zstd = b"\x28\xb5\x2f\xfd\x04\x58\x19\x00\x00abc\x00\xff\r\n\r\n0\r\n";
    vec![
        Case::exchange("http/get", GET, OK),
        Case::exchange("http/post", post("Content-Length: 5", b"hello"), OK),
        Case::exchange("http/post-of-nothing", post("Content-Length: 0", b""), OK),
        Case::exchange("http/post-without-framing", post("X-A: 1", b""), OK),
        Case::exchange(
            "http/body-of-a-get",
            "GET /v1/q HTTP/1.1\r\nHost: <host>\r\nContent-Length: 3\r\n\r\nwhy",
            OK,
        ),
        Case::exchange(
            "http/compressed-request",
            post("content-encoding: zstd\r\ncontent-length: 21", zstd),
            OK,
        ),
        Case::exchange(
            "http/compressed-response",
            post("Content-Length: 2", b"{}"),
            answer("content-encoding: zstd\r\ncontent-length: 21", zstd),
        ),
        Case::exchange(
            "http/every-byte-in-a-body",
            post("Content-Length: 256", (0..=255).collect::<Vec<u8>>()),
            answer("Content-Length: 256", (0..=255).rev().collect::<Vec<u8>>()),
        ),
        Case::exchange(
            "http/leading-zeros-in-content-length",
            post("Content-Length: 0005", b"hello"),
            answer("Content-Length: 002", b"ok"),
        ),
        Case::exchange(
            "http/a-megabyte-each-way",
            post("Content-Length: 1048576", vec![b'q'; 1 << 20]),
            answer("Content-Length: 1048576", vec![b'a'; 1 << 20]),
        )
        .uncut(),
        Case::new(
            "http/body-up-to-the-close",
            script().send(GET).until("the end").ended(),
            (script().head())
                .send("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n0\r\n\r\nthe end")
                .close(),
        ),
        Case::new(
            "http/empty-body-up-to-the-close",
            script().send(GET).head().ended(),
            script()
                .head()
                .send("HTTP/1.1 200 OK\r\nX-A: 1\r\n\r\n")
                .close(),
        ),
    ]
}

fn chunked() -> Vec<Case> {
    vec![
        Case::exchange(
            "http/chunked-request",
            post(
                "Transfer-Encoding: chunked",
                b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
            ),
            OK,
        ),
        Case::exchange(
            "http/chunked-request-with-trailers",
            post(
                "Trailer: X-Sum\r\nTransfer-Encoding: chunked",
                b"3\r\nabc\r\n0\r\nX-Sum: 5\r\nx-sum:  6\r\n\r\n",
            ),
            OK,
        ),
        Case::exchange(
            "http/chunked-response",
            GET,
            answer(
                "transfer-encoding: chunked",
                b"4\r\nwxyz\r\n1\r\n!\r\n0\r\n\r\n",
            ),
        ),
        Case::exchange(
            "http/chunked-response-with-trailers",
            GET,
            answer(
                "Trailer: X-End\r\ntransfer-encoding: chunked",
                b"4\r\nwxyz\r\n0\r\nX-End: yes\r\nServer-Timing: a;dur=1\r\n\r\n",
            ),
        ),
        Case::exchange(
            "http/chunked-both-ways-with-trailers",
            post(
                "TE: trailers\r\nTransfer-Encoding: chunked",
                b"1\r\n1\r\n1\r\n2\r\n0\r\na: b\r\n\r\n",
            ),
            answer(
                "Transfer-Encoding: chunked",
                b"2\r\n34\r\n0\r\nc: d\r\n\r\n",
            ),
        ),
        Case::exchange(
            "http/chunked-of-nothing",
            post("Transfer-Encoding: chunked", b"0\r\n\r\n"),
            answer("Transfer-Encoding: chunked", b"0\r\n\r\n"),
        ),
        Case::exchange(
            "http/chunk-extensions",
            post(
                "Transfer-Encoding: chunked",
                b"3;a=b;c=\"d e\"\r\nabc\r\n0;last\r\n\r\n",
            ),
            answer("Transfer-Encoding: chunked", b"1 ; x\r\n.\r\n0\r\n\r\n"),
        ),
        Case::exchange(
            "http/chunk-sizes-spelt-oddly",
            post("Transfer-Encoding: chunked", b"0003\r\nabc\r\n00\r\n\r\n"),
            answer(
                "Transfer-Encoding: chunked",
                b"A\r\n0123456789\r\nb\r\n0123456789a\r\n0\r\n\r\n",
            ),
        ),
    ]
}

fn odd_chunks() -> Vec<Case> {
    vec![
        Case::exchange(
            "http/chunks-of-one-byte",
            post("Transfer-Encoding: chunked", each_a_chunk("request")),
            answer("Transfer-Encoding: chunked", each_a_chunk("response")),
        ),
        Case::exchange(
            "http/chunks-that-look-like-messages",
            post(
                "Transfer-Encoding: chunked",
                b"16\r\nGET / HTTP/1.1\r\n\r\n0\r\n\r\r\n0\r\n\r\n",
            ),
            answer(
                "Transfer-Encoding: chunked",
                b"17\r\nHTTP/1.1 200 OK\r\n\r\n0\r\n\r\r\n0\r\n\r\n",
            ),
        ),
        Case::exchange(
            "http/transfer-encoding-in-odd-case",
            post("tRANSFER-eNCODING: ChUnKeD", b"1\r\na\r\n0\r\n\r\n"),
            answer("TRANSFER-ENCODING:CHUNKED", b"1\r\nb\r\n0\r\n\r\n"),
        ),
        Case::exchange(
            "http/transfer-encoding-gzip-then-chunked",
            post("Transfer-Encoding: gzip, chunked", b"1\r\na\r\n0\r\n\r\n"),
            answer("Transfer-Encoding: gzip, chunked", b"1\r\nb\r\n0\r\n\r\n"),
        ),
        Case::exchange(
            "http/ten-thousand-chunks-each-way",
            post(
                "Transfer-Encoding: chunked",
                each_a_chunk(&"r".repeat(10_000)),
            ),
            answer(
                "Transfer-Encoding: chunked",
                each_a_chunk(&"a".repeat(10_000)),
            ),
        )
        .uncut(),
    ]
}

fn post(fields: &str, body: impl AsRef<[u8]>) -> Vec<u8> {
    let head = format!("POST /v1/responses HTTP/1.1\r\nHost: <host>\r\n{fields}\r\n\r\n");
    [head.as_bytes(), body.as_ref()].concat()
}

fn answer(fields: &str, body: impl AsRef<[u8]>) -> Vec<u8> {
    let head = format!("HTTP/1.1 200 OK\r\n{fields}\r\n\r\n");
    [head.as_bytes(), body.as_ref()].concat()
}

fn fields() -> Vec<Case> {
    let head = |lines: &str| format!("GET /v1/x HTTP/1.1\r\nHost: <host>\r\n{lines}\r\n");
    let answer = |lines: &str| format!("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n{lines}\r\n");
    let both = |name: &str, lines: &str| Case::exchange(name, head(lines), answer(lines));
    let many: Vec<String> = (0..100)
        .map(|n| format!("X-Field-{n}: value {n}\r\n"))
        .collect();
    let codex = "authorization: Bearer sk-made-up\r\nsession-id: 0190\r\nthread-id: 0190\r\n\
                 x-codex-turn-metadata: {\"a\":{\"b\":[1,2]}}\r\noriginator: codex_exec\r\n\
                 user-agent: codex_exec/0.169.0 (Linux; x86_64) xterm\r\n\
                 accept: text/event-stream\r\ncontent-type: application/json\r\n";
    vec![
        both("http/fields-in-order", "B: 1\r\nA: 2\r\nC: 3\r\nA-: 4\r\n"),
        both(
            "http/fields-repeated",
            "X-D: a\r\nY: 1\r\nx-d: b\r\nX-D: a\r\nY: 2\r\n",
        ),
        both(
            "http/fields-in-odd-case",
            "x-OdD-cAsE: 1\r\nETAG: 2\r\naccept: 3\r\n",
        ),
        both(
            "http/fields-without-value",
            "X-Empty:\r\nX-Blank:   \r\nX-A: 1\r\n",
        ),
        both(
            "http/whitespace-around-values",
            "X-A:1\r\nX-B:  \t2\t \r\nX-C: a  b\r\n",
        ),
        both("http/every-token-character", "!#$%&'*+-.^_`|~09azAZ: 1\r\n"),
        both(
            "http/quoted-values",
            "X-Q: \"a, b\"; c=\"\\\"\"\r\nX-P: (a (b))\r\n",
        ),
        both("http/values-beyond-ascii", "X-U: caf\u{e9} \u{1f980}\r\n"),
        both("http/hundred-fields", &many.concat()),
        both("http/fields-of-codex", codex),
        both(
            "http/date-server-via",
            "Via: 1.0 x\r\nServer: y\r\nDate: never\r\n",
        ),
        both(
            "http/cookies",
            "Cookie: a=1\r\nSet-Cookie: a=1; Path=/\r\nset-cookie: b=2\r\n",
        ),
        both(
            "http/forwarded-fields",
            "X-Forwarded-For: 1.2.3.4\r\nForwarded: for=x\r\n",
        ),
        Case::exchange(
            "http/latin-1-bytes-in-values",
            b"GET /v1/x HTTP/1.1\r\nHost: <host>\r\nX-L: \xe9\xff\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nX-L: \x80\xfe\r\nContent-Length: 0\r\n\r\n",
        ),
        Case::exchange(
            "http/host-in-the-middle",
            "GET /v1/x HTTP/1.1\r\nA: 1\r\nhOsT:   <host>\r\nB: 2\r\n\r\n",
            OK,
        )
        .edit(&HOST, Upstream, "hOsT:   <host>", "hOsT: <host>"),
        Case::exchange(
            "http/host-by-name",
            "GET /v1/x HTTP/1.1\r\nA: 1\r\nHost: localhost\r\nB: 2\r\n\r\n",
            OK,
        )
        .edit(&HOST, Upstream, "Host: localhost", "Host: <host>"),
        Case::exchange(
            "http/token-in-the-path",
            "GET /open-sesame-0123456789/v1//x%2f/..?y&& HTTP/1.1\r\nA:1\r\nHost: <host>\r\n\r\n",
            OK,
        )
        .with(|config| config.token = "open-sesame-0123456789".parse().ok())
        .edit(&TOKEN, Upstream, "/open-sesame-0123456789/v1", "/v1"),
        Case::exchange(
            "http/token-in-a-field",
            "GET /v1/x HTTP/1.1\r\nHost: <host>\r\nA:1\r\n\
             X-CODEXTAP-Token:  open-sesame-0123456789\r\na: 2\r\n\r\n",
            OK,
        )
        .with(|config| config.token = "open-sesame-0123456789".parse().ok())
        .edit(
            &TOKEN,
            Upstream,
            "X-CODEXTAP-Token:  open-sesame-0123456789\r\n",
            "",
        ),
        both(
            "http/long-field",
            &format!("X-Long: {}\r\n", "v".repeat(30_000)),
        )
        .uncut(),
        both(
            "http/long-head",
            &format!("X-Long: {}\r\n", "v".repeat(180)).repeat(200),
        )
        .uncut(),
    ]
}

fn targets() -> Vec<Case> {
    let long = format!("/v1/{}", "a".repeat(8000));
    let targets = [
        ("percent-encoding", "/v1/a%2Fb%2f%00%7E~?q=%7B%7d+%20"),
        ("dot-segments", "/v1/../a/./b/.."),
        ("empty-segments", "//v1///x//"),
        ("empty-query", "/v1/x?"),
        ("odd-query", "/v1/x?a=b&&c==d?e/f:@!$'()*,;"),
        ("path-parameters", "/v1;a=b/x;c"),
        ("absolute-form", "http://<host>/v1/x?y"),
        ("long-target", &long),
    ];
    let mut cases: Vec<Case> = (targets.iter())
        .map(|(name, target)| {
            let request = format!("GET {target} HTTP/1.1\r\nHost: <host>\r\n\r\n");
            Case::exchange(format!("http/target-{name}"), request, OK)
        })
        .collect();
    for method in ["PUT", "DELETE", "PATCH", "OPTIONS", "BREW", "get"] {
        let request =
            format!("{method} /v1/x HTTP/1.1\r\nHost: <host>\r\nContent-Length: 2\r\n\r\nhi");
        cases.push(Case::exchange(format!("http/method-{method}"), request, OK));
    }
    cases
}

fn hops() -> Vec<Case> {
    let request =
        |lines: &str| format!("GET /v1/x HTTP/1.1\r\nA: 1\r\nHost: <host>\r\n{lines}B: 2\r\n\r\n");
    let answer =
        |lines: &str| format!("HTTP/1.1 200 OK\r\nA: 1\r\n{lines}Content-Length: 0\r\n\r\n");
    let up = |name: &str, lines: &str| {
        Case::exchange(name, request(lines), OK).dropped(&HOP, Upstream, lines)
    };
    let back = |name: &str, lines: &str| {
        Case::exchange(name, GET, answer(lines)).dropped(&HOP, Client, lines)
    };
    vec![
        up(
            "http/request-keep-alive",
            "Connection: keep-alive\r\nKeep-Alive: timeout=5\r\n",
        ),
        up(
            "http/request-nominates",
            "Connection: X-Gone, x-gone-too\r\nX-GONE: 1\r\nx-gone: 2\r\nX-Gone-Too: 3\r\n",
        ),
        up(
            "http/request-nominates-nothing-there",
            "Connection: , X-None ,\r\n",
        ),
        up(
            "http/request-proxy-connection",
            "Proxy-Connection: keep-alive\r\n",
        ),
        up("http/request-te-gzip", "TE: gzip\r\nConnection: TE\r\n"),
        Case::exchange(
            "http/request-te-trailers",
            request("TE: trailers\r\nConnection: TE\r\n"),
            OK,
        )
        .dropped(&HOP, Upstream, "Connection: TE\r\n"),
        Case::exchange(
            "http/nominated-framing-stays",
            "POST /v1/x HTTP/1.1\r\nHost: <host>\r\nConnection: content-length, host\r\n\
             Content-Length: 2\r\n\r\nhi",
            OK,
        )
        .dropped(&HOP, Upstream, "Connection: content-length, host\r\n"),
        Case::exchange(
            "http/nominated-authorization-stays",
            request("Connection: Authorization\r\nAuthorization: Bearer x\r\n"),
            OK,
        )
        .dropped(&HOP, Upstream, "Connection: Authorization\r\n"),
        up(
            "http/request-upgrade-to-h2c",
            "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AA\r\n",
        ),
        back(
            "http/response-keep-alive",
            "Connection: keep-alive\r\nKeep-Alive: timeout=5\r\n",
        ),
        Case::exchange(
            "http/response-connection-close",
            GET,
            answer("Connection: close\r\n"),
        ),
        Case::exchange(
            "http/request-connection-close",
            request("Connection: close\r\n"),
            OK,
        ),
        Case::exchange(
            "http/request-closes-and-nominates",
            request("connection: x-gone, Close\r\nX-GONE: 1\r\nConnection: close\r\n"),
            OK,
        )
        .edit(
            &HOP,
            Upstream,
            "connection: x-gone, Close\r\nX-GONE: 1\r\nConnection: close\r\n",
            "connection: close\r\n",
        ),
        back(
            "http/response-nominates",
            "Connection: x-hop\r\nX-Hop: 1\r\n",
        ),
        back(
            "http/response-proxy-connection",
            "proxy-connection: close\r\n",
        ),
        back(
            "http/response-offers-an-upgrade",
            "Upgrade: h2c\r\nConnection: Upgrade\r\n",
        ),
        Case::exchange("http/empty-line-first", format!("\r\n{GET}"), OK).dropped(
            &EMPTY_LINE,
            Upstream,
            "\r\n",
        ),
    ]
}

fn statuses() -> Vec<Case> {
    let lines = [
        ("without-reason", "200 "),
        (
            "with-a-long-reason",
            "429 Slow Down, Please: You Are Too Fast!",
        ),
        ("with-reason-beyond-ascii", "200 \u{c7}a va"),
        ("made-up", "299 Fine"),
        ("beyond-599", "799 Odd"),
        ("redirect", "307 Temporary Redirect"),
        ("401", "401 Unauthorized"),
        ("500", "500 Internal Server Error"),
        ("503", "503 Service Unavailable"),
    ];
    (lines.iter())
        .map(|(name, line)| {
            let response = format!(
                "HTTP/1.1 {line}\r\nRetry-After: 7\r\nLocation: http://elsewhere.test/\r\n\
                 Content-Length: 4\r\n\r\nbody"
            );
            Case::exchange(format!("http/status-{name}"), GET, response)
        })
        .collect()
}

fn each_a_chunk(text: &str) -> Vec<u8> {
    let chunks = text.chars().map(|byte| format!("1\r\n{byte}\r\n"));
    (chunks
        .chain(["0\r\n\r\n".to_owned()])
        .collect::<Vec<_>>()
        .concat())
    .into_bytes()
}

/// A plain request.
pub(crate) const GET: &str = "GET /v1/x HTTP/1.1\r\nHost: <host>\r\n\r\n";

/// A plain answer.
pub(crate) const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
