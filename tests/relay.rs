//! HTTP/1.1 to the byte: what passes on the wire is what was sent, and what is out of order ends
//! there.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::time::Duration;

use codextap::tap::{Direction, Event, Kind, Limits};
use support::peer::{Peer, Server, within};
use support::proxied::Proxied;

/// A proxy, its upstream, and a client connected to it.
async fn setup() -> (Proxied, Server, Peer) {
    let server = Server::bind().await;
    let proxied = Proxied::new(&server.url()).await;
    let client = Peer::connect(proxied.addr).await;
    (proxied, server, client)
}

const GET: &str = "GET /v1/x HTTP/1.1\r\nHost: localhost\r\n\r\n";
const POST: &str = "POST /v1/x HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n";
const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

#[tokio::test]
async fn heads_keep_order_case_duplicates_and_white_space() {
    let (mut proxied, server, mut client) = setup().await;
    let sent = "PATCH /v1//a/../%7e?q=%20&&\"{}\" HTTP/1.1\r\nx-LAST: 1\r\nACCEPT:*/*\r\n\
        x-dup:  a \r\nhOST: localhost:1\r\nX-Dup: b\r\nx-dup:\r\nuser-agent: \u{e9}\t\u{1f980}\r\n\
        Content-length: 0\r\n\r\n";
    client.send(sent).await;
    let mut upstream = server.accept().await;
    let expected = sent.replace("localhost:1", &server.addr.to_string());
    assert_eq!(upstream.head().await, expected);
    let answer = "HTTP/1.1 299 Quite  good \u{e9}\r\nserver:x\r\nSet-Cookie: b\r\nDATE: never\r\n\
        set-cookie: a\r\nContent-Length: 2\r\nSet-Cookie: c\r\n\r\nok";
    upstream.send(answer).await;
    client.expect(answer).await;
    proxied.story(1).await;
    let names = proxied.events.iter().filter_map(|event| {
        let fields = match &event.kind {
            Kind::Request(head) => &head.fields,
            Kind::Response(head) => &head.fields,
            _ => return None,
        };
        let names: Vec<&str> = fields.iter().map(|field| &field.name[..]).collect();
        Some(names.join(" "))
    });
    let names: Vec<String> = names.collect();
    let [asked, answered] = &names[..] else {
        panic!("{names:?}")
    };
    assert_eq!(
        asked,
        "x-LAST ACCEPT x-dup hOST X-Dup x-dup user-agent Content-length"
    );
    assert_eq!(
        answered,
        "server Set-Cookie DATE set-cookie Content-Length Set-Cookie"
    );
}

#[tokio::test]
async fn chunks_extensions_and_trailers_pass_as_they_are_both_ways() {
    let (mut proxied, server, mut client) = setup().await;
    let body = "0003;a=\"b\"\r\nabc\r\n2\r\nde\r\n00\r\nX-Sum: 5\r\nx-sum:6\r\n\r\n";
    client.send(format!("{POST}{body}")).await;
    let mut upstream = server.accept().await;
    upstream.head().await;
    upstream.expect(body).await;
    let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    let body = "A;x\r\n0123456789\r\n0;last\r\nServer-Timing: a\r\n\r\n";
    upstream.send(format!("{head}{body}")).await;
    client.expect(format!("{head}{body}")).await;
    let story = proxied.story(1).await;
    assert_eq!(
        story[2..],
        [
            "out abcde",
            "out trailers X-Sum: 5, x-sum: 6",
            "out Complete",
            "200",
            "in 0123456789",
            "in trailers Server-Timing: a",
            "in Complete"
        ]
    );
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order() {
    let (mut proxied, server, mut client) = setup().await;
    let request = |number: usize| {
        format!(
            "POST /v1/{number} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n\r\n{number}"
        )
    };
    client.send((1..=3).map(request).collect::<String>()).await;
    // A FIN behind them belongs to the last one.
    client.finish().await;
    let mut upstream = server.accept().await;
    for number in 1..=3 {
        let head = upstream.head().await;
        assert!(head.starts_with(&format!("POST /v1/{number} ")), "{head}");
        upstream.expect(number.to_string()).await;
        let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n{number}");
        upstream.send(&answer).await;
        client.expect(answer).await;
    }
    assert_eq!(client.rest().await, b"");
    assert_eq!(upstream.rest().await, b"");
    assert_eq!(proxied.story(3).await.len(), 21);
}

#[tokio::test]
async fn an_answer_may_come_before_its_request_is_through() {
    // The upstream closes behind it …
    let (mut proxied, server, mut client) = setup().await;
    client.send(format!("{POST}3\r\nabc\r\n")).await;
    let mut upstream = server.accept().await;
    upstream.head().await;
    upstream.expect("3\r\nabc\r\n").await;
    let answer = "HTTP/1.1 401 Unauthorized\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno";
    upstream.send(answer).await;
    drop(upstream);
    client.expect(answer).await;
    assert_eq!(client.rest().await, b"");
    drop(client);
    let mut story = proxied.story(1).await;
    story[5..].sort();
    let told = [
        "opened",
        "POST /v1/x",
        "out abc",
        "401",
        "in no",
        "in Complete",
        "out Aborted",
    ];
    assert_eq!(story, told);
    // … or wants the rest all the same.
    let mut client = Peer::connect(proxied.addr).await;
    client.send(POST).await;
    let mut upstream = server.accept().await;
    upstream.head().await;
    upstream.send(OK).await;
    client.expect(OK).await;
    client.send("3\r\nabc\r\n0\r\n\r\n").await;
    upstream.expect("3\r\nabc\r\n0\r\n\r\n").await;
    client.send(GET).await;
    upstream.head().await;
}

#[tokio::test]
async fn a_client_that_closes_its_half_still_gets_its_answer() {
    let (mut proxied, server, mut client) = setup().await;
    client.send(GET).await;
    client.finish().await;
    let mut upstream = server.accept().await;
    upstream.head().await;
    // The upstream sees the FIN as it would without us.
    assert_eq!(upstream.rest().await, b"");
    upstream.send(OK).await;
    client.expect(OK).await;
    assert_eq!(client.rest().await, b"");
    let story = proxied.story(1).await;
    assert_eq!(story[2..], ["out Complete", "200", "in ok", "in Complete"]);
}

#[tokio::test]
async fn a_reset_by_the_client_aborts_the_upstream_at_once() {
    let (mut proxied, server, mut client) = setup().await;
    client.send(GET).await;
    let mut upstream = server.accept().await;
    upstream.head().await;
    client.finish().await;
    assert_eq!(upstream.rest().await, b"");
    client.stream.set_zero_linger().unwrap();
    drop(client);
    let story = proxied.story(1).await;
    assert_eq!(
        story[2..],
        ["out Complete", "failed client response head", "in Aborted"]
    );
    // Without a FIN before it, it arrives as what it is.
    for begun in [false, true] {
        let mut client = Peer::connect(proxied.addr).await;
        client.send(GET).await;
        let mut upstream = server.accept().await;
        upstream.head().await;
        if begun {
            let head = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n";
            upstream.send(head).await;
            client.expect(head).await;
        }
        client.stream.set_zero_linger().unwrap();
        drop(client);
        reset(&mut upstream).await;
    }
}

#[tokio::test]
async fn a_reset_by_the_upstream_reaches_the_client() {
    let (_proxied, server, mut client) = setup().await;
    client.send(GET).await;
    let mut upstream = server.accept().await;
    upstream.head().await;
    let begun = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc";
    upstream.send(begun).await;
    client.expect(begun).await;
    upstream.stream.set_zero_linger().unwrap();
    drop(upstream);
    reset(&mut client).await;
}

/// Waits for the reset of a connection on which nothing else comes.
async fn reset(peer: &mut Peer) {
    let mut rest = [0];
    let read = within(tokio::io::AsyncReadExt::read(&mut peer.stream, &mut rest)).await;
    assert_eq!(
        read.unwrap_err().kind(),
        std::io::ErrorKind::ConnectionReset
    );
}

#[tokio::test]
async fn http_1_0_ends_with_its_connection() {
    let (mut proxied, server, mut client) = setup().await;
    client
        .send("GET /v1/x HTTP/1.0\r\nhost: localhost\r\nConnection: keep-alive\r\n\r\n")
        .await;
    let mut upstream = server.accept().await;
    let host = format!("GET /v1/x HTTP/1.0\r\nhost: {}\r\n\r\n", server.addr);
    assert_eq!(upstream.head().await, host);
    let answer = "HTTP/1.0 200 OK\r\nServer: old\r\n\r\nall there is";
    upstream.send(answer).await;
    client.expect(answer).await;
    drop(upstream);
    assert_eq!(client.rest().await, b"");
    let story = proxied.story(1).await;
    assert_eq!(
        story[2..],
        ["out Complete", "200", "in all there is", "in Complete"]
    );
    // HTTP/1.1 may end that way, too.
    let mut client = Peer::connect(proxied.addr).await;
    client.send(GET).await;
    let mut upstream = server.accept().await;
    upstream.head().await;
    upstream.send("HTTP/1.1 200 OK\r\n\r\nmore").await;
    client.expect("HTTP/1.1 200 OK\r\n\r\nmore").await;
    // A reset is not the end: the client must not take what it has for all.
    upstream.stream.set_zero_linger().unwrap();
    drop(upstream);
    reset(&mut client).await;
}

#[tokio::test]
async fn a_connection_to_the_upstream_belongs_to_one_of_a_client() {
    let (proxied, server, mut client) = setup().await;
    client.send(GET).await;
    let mut upstream = server.accept().await;
    upstream.head().await;
    upstream.send(OK).await;
    client.expect(OK).await;
    // Another client gets one of its own, and nothing that was said on the first …
    let mut other = Peer::connect(proxied.addr).await;
    other.send(GET).await;
    let mut another = server.accept().await;
    another.head().await;
    let stray = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nstray";
    upstream.send(stray).await;
    another.send(OK).await;
    other.expect(OK).await;
    // … which ends with what nobody asked for.
    assert_eq!(client.rest().await, b"");
    assert_eq!(upstream.rest().await, b"");
    // The other one serves until its client goes away.
    other.send(GET).await;
    another.head().await;
    another.send(OK).await;
    other.expect(OK).await;
    drop(other);
    assert_eq!(another.rest().await, b"");
}

#[tokio::test]
async fn a_malformed_chunk_goes_no_further() {
    let (mut proxied, server, mut client) = setup().await;
    client.send(format!("{POST}3\r\nabc\r\nzz\r\n")).await;
    let mut upstream = server.accept().await;
    upstream.head().await;
    upstream.expect("3\r\nabc\r\n").await;
    assert_eq!(upstream.rest().await, b"");
    assert!(client.head().await.starts_with("HTTP/1.1 400 "));
    let story = proxied.story(1).await;
    let told = ["out abc", "out Aborted", "failed client request", "400"];
    assert_eq!(story[2..6], told);

    proxied.events.clear();
    let mut client = Peer::connect(proxied.addr).await;
    client.send(GET).await;
    let mut upstream = server.accept().await;
    upstream.head().await;
    let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    upstream.send(format!("{head}3\r\nabc\r\n-1\r\n")).await;
    client.expect(format!("{head}3\r\nabc\r\n")).await;
    assert_eq!(client.rest().await, b"");
    let story = proxied.story(1).await;
    let told = [
        "200",
        "in abc",
        "failed upstream response body",
        "in Aborted",
    ];
    assert_eq!(story[3..], told);
}

#[tokio::test]
async fn an_answer_that_may_be_read_in_two_ways_is_a_502() {
    let (proxied, server, _) = setup().await;
    for answer in [
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\nok",
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, gzip\r\n\r\nok",
        "HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n",
        "HTTP/1.1 200 OK\nContent-Length: 0\n\n",
        "SSH-2.0-OpenSSH_9.9\r\n\r\n",
    ] {
        let mut client = Peer::connect(proxied.addr).await;
        client.send(GET).await;
        let mut upstream = server.accept().await;
        upstream.head().await;
        upstream.send(answer).await;
        let head = client.head().await;
        assert!(
            head.starts_with("HTTP/1.1 502 Bad Gateway\r\n"),
            "{answer}: {head}"
        );
        assert_eq!(upstream.rest().await, b"");
    }
}

#[tokio::test]
async fn heads_beyond_the_limits_are_refused_and_shown() {
    let (mut proxied, _server, _) = setup().await;
    let long = format!("GET /v1/{} HTTP/1.1\r\n", "x".repeat(70_000));
    let many = format!("{}{}\r\n", &GET[..GET.len() - 2], "a: b\r\n".repeat(500));
    let large = format!("{}a: {}", &GET[..GET.len() - 2], "b".repeat(300_000));
    for (head, status) in [(long, "414"), (many, "431"), (large, "431")] {
        proxied.events.clear();
        let mut client = Peer::connect(proxied.addr).await;
        client.send(head).await;
        let head = client.head().await;
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{head}");
        assert!(head.contains("connection: close"), "{head}");
        let story = proxied.story(1).await;
        assert_eq!(
            story[2..5],
            ["out Aborted", "failed client request", status]
        );
    }
}

#[tokio::test]
async fn a_target_in_any_form_keeps_its_spelling() {
    let (mut proxied, server, mut client) = setup().await;
    client
        .send("OPTIONS http://127.0.0.1:8787/v1/%41?a=b HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .await;
    let mut upstream = server.accept().await;
    let target = format!("OPTIONS {}/v1/%41?a=b HTTP/1.1\r\n", server.url());
    let head = upstream.head().await;
    assert!(head.starts_with(&target), "{head}");
    upstream.send(OK).await;
    let story = proxied.story(1).await;
    assert_eq!(story[1], "OPTIONS http://127.0.0.1:8787/v1/%41?a=b");
    assert_eq!(proxied.copied(Direction::In), b"ok");
}

#[tokio::test]
async fn a_client_that_has_its_answer_may_leave_before_the_observer_has_it() {
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n";
    // What the client says before it resets its connection: nothing, or the beginning of another request.
    for (answer, last) in [(OK, ""), (chunked, ""), (OK, "GET /v1/y")] {
        let limits = Limits {
            budget: "ok".len() + size_of::<Event>(),
            pause: Duration::from_secs(3600),
            patience: Duration::from_secs(3600),
        };
        let server = Server::bind().await;
        let mut proxied = Proxied::with(&server.url(), limits, |_| ()).await;
        // The first answer takes all the room there is. The last one shows that what is in between has passed.
        for number in 0..3 {
            let mut client = Peer::connect(proxied.addr).await;
            client.send(GET).await;
            let mut upstream = server.accept().await;
            upstream.head().await;
            upstream.send(answer).await;
            client.expect(answer).await;
            if number == 1 {
                client.send(last).await;
                client.stream.set_zero_linger().unwrap();
                drop(client);
            }
        }
        let story = proxied.story(3).await;
        let is_failure = |line: &&String| line.starts_with("failed") || line.contains("Aborted");
        assert_eq!(story.iter().find(is_failure), None, "{story:#?}");
        assert_eq!(proxied.copied(Direction::In), b"okokok");
    }
}
