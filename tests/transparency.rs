//! What passes through the proxy is what was sent: bytes, header lines, order in time, and ends.
//!
//! What differs, because RFC 9110 says so: `Host` names the upstream, and fields of the hop are
//! gone. `tests/relay.rs` holds the wire to the byte, `tests/http2.rs` what HTTP/2 makes of it.

mod support;

use std::time::Duration;

use codextap::proxy::{Config, Route};
use codextap::tap::{Direction, Kind, Limits};
use support::peer::{Peer, Server, lines};
use support::proxied::Proxied;

/// A proxy, its upstream, and a client connected to it.
async fn setup() -> (Proxied, Server, Peer) {
    let server = Server::bind().await;
    let proxied = Proxied::new(&server.url()).await;
    let client = Peer::connect(proxied.addr).await;
    (proxied, server, client)
}

#[tokio::test]
async fn heads_and_bodies_pass_unchanged() {
    let (mut proxied, server, mut client) = setup().await;
    client
        .send(
            "POST /v1/a%2Fb/..//c?q=%7B%7d&&x HTTP/1.1\r\nHost: 127.0.0.1:8787\r\nX-Odd-CASE: 1\r\n\
             x-dup: a\r\nx-dup: b\r\nConnection: keep-alive, X-Gone\r\nX-Gone: 1\r\n\
             Keep-Alive: timeout=5\r\nProxy-Connection: keep-alive\r\nTE: gzip\r\n\
             Authorization: Bearer sk-1\r\nContent-Length: 5\r\n\r\nhello",
        )
        .await;
    let mut upstream = server.accept().await;
    let head = upstream.head().await;
    assert!(
        head.starts_with("POST /v1/a%2Fb/..//c?q=%7B%7d&&x HTTP/1.1\r\n"),
        "{head}"
    );
    let host = format!("Host: {}", server.addr);
    assert_eq!(
        lines(&head),
        [
            "Authorization: Bearer sk-1",
            "Content-Length: 5",
            &host,
            "X-Odd-CASE: 1",
            "x-dup: a",
            "x-dup: b"
        ]
    );
    upstream.expect("hello").await;
    upstream
        .send(
            "HTTP/1.1 429 Slow Down Please\r\nSet-Cookie: a=1\r\nset-cookie: b=2\r\nX-ODD: \u{e9}\r\n\
             Connection: X-Hop\r\nX-Hop: 1\r\nContent-Length: 3\r\n\r\nno!",
        )
        .await;
    let head = client.head().await;
    assert!(
        head.starts_with("HTTP/1.1 429 Slow Down Please\r\n"),
        "{head}"
    );
    assert_eq!(
        lines(&head),
        [
            "Content-Length: 3",
            "Set-Cookie: a=1",
            "X-ODD: \u{e9}",
            "set-cookie: b=2"
        ]
    );
    client.expect("no!").await;
    assert_eq!(
        proxied.story(1).await,
        [
            "opened",
            "POST /v1/a%2Fb/..//c?q=%7B%7d&&x",
            "out hello",
            "out Complete",
            "429",
            "in no!",
            "in Complete"
        ]
    );
    let Kind::Request(head) = &proxied.events[1].kind else {
        panic!("no request")
    };
    let secret = codextap::tap::field(&head.fields, "authorization").unwrap();
    assert!(secret.starts_with("Bearer <redacted:"), "{secret}");
}

#[tokio::test]
async fn chunked_bodies_and_trailers_pass_both_ways() {
    let (mut proxied, server, mut client) = setup().await;
    client
        .send(
            "POST /v1/x HTTP/1.1\r\nhost: localhost\r\nte: trailers\r\nconnection: te\r\n\
             trailer: x-sum\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\
             x-sum: 5\r\n\r\n",
        )
        .await;
    let mut upstream = server.accept().await;
    let host = format!("host: {}", server.addr);
    let head = upstream.head().await;
    assert_eq!(
        lines(&head),
        [
            &host,
            "te: trailers",
            "trailer: x-sum",
            "transfer-encoding: chunked"
        ]
    );
    assert_eq!(
        upstream.chunked().await,
        (b"abcde".to_vec(), "x-sum: 5\r\n".to_owned())
    );
    upstream
        .send(
            "HTTP/1.1 200 OK\r\nTrailer: x-end\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nwxyz\r\n0\r\n\
             x-end: yes\r\n\r\n",
        )
        .await;
    client.head().await;
    assert_eq!(
        client.chunked().await,
        (b"wxyz".to_vec(), "x-end: yes\r\n".to_owned())
    );
    assert_eq!(
        proxied.story(1).await[2..],
        [
            "out abcde",
            "out trailers x-sum: 5",
            "out Complete",
            "200",
            "in wxyz",
            "in trailers x-end: yes",
            "in Complete"
        ]
    );
}

#[tokio::test]
async fn answers_without_a_body_end_at_once_and_the_connection_lives_on() {
    let (mut proxied, server, mut client) = setup().await;
    let cases = [
        ("HEAD", "HTTP/1.1 200 OK\r\ncontent-length: 1234\r\n\r\n"),
        ("GET", "HTTP/1.1 204 No Content\r\nx-a: 1\r\n\r\n"),
        ("GET", "HTTP/1.1 304 Not Modified\r\netag: \"x\"\r\n\r\n"),
        ("POST", "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"),
    ];
    let mut upstream = None;
    for (method, answer) in cases {
        client
            .send(format!(
                "{method} /v1/m HTTP/1.1\r\nhost: localhost\r\n\r\n"
            ))
            .await;
        let upstream = match &mut upstream {
            Some(upstream) => upstream,
            none => none.insert(server.accept().await),
        };
        let head = upstream.head().await;
        assert!(head.starts_with(method), "{head}");
        assert_eq!(lines(&head).len(), 1, "{head}");
        upstream.send(answer).await;
        assert_eq!(client.head().await, answer);
    }
    let story = proxied.story(4).await;
    assert_eq!(
        story[..5],
        ["opened", "HEAD /v1/m", "out Complete", "200", "in Complete"]
    );
    assert_eq!(story.len(), 20);
}

#[tokio::test]
async fn interim_answers_pass_as_they_come() {
    let (mut proxied, server, mut client) = setup().await;
    client
        .send(
            "POST /v1/x HTTP/1.1\r\nhost: localhost\r\nexpect: 100-continue\r\n\
             content-length: 2\r\n\r\n",
        )
        .await;
    let mut upstream = server.accept().await;
    assert!(upstream.head().await.contains("expect: 100-continue"));
    for interim in [
        "HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\nlink: </b>\r\n\r\n",
        "HTTP/1.1 100 Go on\r\nX-a: 1\r\n\r\n",
    ] {
        upstream.send(interim).await;
        client.expect(interim).await;
    }
    client.send("ok").await;
    upstream.expect("ok").await;
    let answer = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
    upstream
        .send(format!("HTTP/1.1 102 Processing\r\n\r\n{answer}"))
        .await;
    client
        .expect(format!("HTTP/1.1 102 Processing\r\n\r\n{answer}"))
        .await;
    let story = proxied.story(1).await;
    assert_eq!(story[2..], ["out ok", "out Complete", "200", "in Complete"]);
}

#[tokio::test]
async fn an_event_reaches_the_client_before_the_next_one_is_written() {
    let (mut proxied, server, mut client) = setup().await;
    client
        .send("POST /v1/r HTTP/1.1\r\nhost: localhost\r\ncontent-length: 2\r\n\r\n{}")
        .await;
    let mut upstream = server.accept().await;
    upstream.head().await;
    upstream.expect("{}").await;
    upstream
        .send(
            "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\
             transfer-encoding: chunked\r\n\r\n",
        )
        .await;
    client.head().await;
    for number in 0..5 {
        let event = format!("data: {number}\n\n");
        upstream
            .send(format!("{:x}\r\n{event}\r\n", event.len()))
            .await;
        client
            .expect(format!("{:X}\r\n{event}\r\n", event.len()))
            .await;
    }
    upstream.send("0\r\n\r\n").await;
    client.expect("0\r\n\r\n").await;
    proxied.story(1).await;
    assert_eq!(
        proxied.copied(Direction::In),
        b"data: 0\n\ndata: 1\n\ndata: 2\n\ndata: 3\n\ndata: 4\n\n"
    );
}

#[tokio::test]
async fn a_request_body_streams_before_it_is_complete() {
    let (_proxied, server, mut client) = setup().await;
    client
        .send("POST /v1/x HTTP/1.1\r\nhost: localhost\r\ncontent-length: 6\r\n\r\nabc")
        .await;
    let mut upstream = server.accept().await;
    upstream.head().await;
    upstream.expect("abc").await;
    client.send("def").await;
    upstream.expect("def").await;
}

#[tokio::test]
async fn a_client_that_goes_away_aborts_the_upstream() {
    let (mut proxied, server, mut client) = setup().await;
    // While the upstream has not answered …
    client
        .send("GET /v1/slow HTTP/1.1\r\nhost: localhost\r\n\r\n")
        .await;
    let mut upstream = server.accept().await;
    upstream.head().await;
    drop(client);
    assert_eq!(upstream.rest().await, b"");
    drop(upstream);
    // … in the middle of the answer …
    let mut client = Peer::connect(proxied.addr).await;
    client
        .send("GET /v1/stream HTTP/1.1\r\nhost: localhost\r\n\r\n")
        .await;
    let mut upstream = server.accept().await;
    upstream.head().await;
    upstream
        .send("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n")
        .await;
    client.read_to("abc\r\n").await;
    drop(client);
    assert_eq!(upstream.rest().await, b"");
    drop(upstream);
    // … and in the middle of its own request.
    let mut client = Peer::connect(proxied.addr).await;
    client
        .send("POST /v1/up HTTP/1.1\r\nhost: localhost\r\ncontent-length: 9\r\n\r\nabc")
        .await;
    let mut upstream = server.accept().await;
    upstream.head().await;
    upstream.expect("abc").await;
    drop(client);
    assert_eq!(upstream.rest().await, b"");
    let story = proxied.story(3).await;
    assert_eq!(
        story[..5],
        [
            "opened",
            "GET /v1/slow",
            "out Complete",
            "failed client response head",
            "in Aborted"
        ]
    );
    assert_eq!(
        story[5..12],
        [
            "opened",
            "GET /v1/stream",
            "out Complete",
            "200",
            "in abc",
            "failed client response body",
            "in Aborted"
        ]
    );
    assert_eq!(story[12..15], ["opened", "POST /v1/up", "out abc"]);
    assert!(
        story[15..].contains(&"failed client request".to_owned()),
        "{story:?}"
    );
    assert!(story[15..].contains(&"out Aborted".to_owned()), "{story:?}");
    assert!(
        !story[15..].iter().any(|line| line.starts_with("50")),
        "{story:?}"
    );
}

#[tokio::test]
async fn an_upstream_that_breaks_off_cuts_the_client() {
    let (mut proxied, server, _) = setup().await;
    for (framing, part) in [
        ("transfer-encoding: chunked", "3\r\nabc\r\n"),
        ("content-length: 9", "abc"),
    ] {
        let mut client = Peer::connect(proxied.addr).await;
        client
            .send("GET /v1/x HTTP/1.1\r\nhost: localhost\r\n\r\n")
            .await;
        let mut upstream = server.accept().await;
        upstream.head().await;
        upstream
            .send(format!("HTTP/1.1 200 OK\r\n{framing}\r\n\r\n{part}"))
            .await;
        client.head().await;
        client.expect(part).await;
        drop(upstream);
        assert_eq!(client.rest().await, b"", "no clean end");
    }
    assert_eq!(
        proxied.story(2).await[..7],
        [
            "opened",
            "GET /v1/x",
            "out Complete",
            "200",
            "in abc",
            "failed upstream response body",
            "in Aborted"
        ]
    );
}

#[tokio::test]
async fn a_slow_reader_slows_the_upstream() {
    let server = Server::bind().await;
    // Nobody takes the copies before the end.
    let limits = Limits {
        budget: 2 * BIG,
        ..Limits::default()
    };
    let mut proxied = Proxied::with(&server.url(), limits, |_| ()).await;
    let mut client = Peer::connect(proxied.addr).await;
    client
        .send("GET /v1/big HTTP/1.1\r\nhost: localhost\r\n\r\n")
        .await;
    let mut upstream = server.accept().await;
    upstream.head().await;
    upstream
        .send(format!("HTTP/1.1 200 OK\r\ncontent-length: {BIG}\r\n\r\n"))
        .await;
    // Write until nothing more fits anywhere, which must come long before the end.
    let chunk = vec![b'x'; 64 << 10];
    let mut sent = 0;
    let mut stalled = 0;
    while stalled < 50 {
        let part = &chunk[..chunk.len().min(BIG - sent)];
        if let Ok(written) = upstream.stream.try_write(part) {
            (sent, stalled) = (sent + written, 0);
        } else {
            // A stall is when no other task makes room for a while.
            let room = upstream.stream.writable();
            let _ = tokio::time::timeout(Duration::from_millis(10), room).await;
            stalled += 1;
        }
        assert!(sent < BIG / 2, "no backpressure");
    }
    let reading = async {
        client.head().await;
        client.read(BIG).await
    };
    let writing = async {
        for left in (1..=BIG - sent).rev().step_by(chunk.len()) {
            upstream.send(&chunk[..chunk.len().min(left)]).await;
        }
    };
    let (body, ()) = tokio::join!(reading, writing);
    assert_eq!(body.len(), BIG);
    proxied.story(1).await;
    assert_eq!(proxied.copied(Direction::In).len(), BIG);
}

/// More than all buffers between an upstream and a client hold.
const BIG: usize = 64 << 20;

#[tokio::test]
async fn an_unread_tap_never_stops_the_traffic() {
    let server = Server::bind().await;
    let limits = Limits {
        budget: 10_000,
        pause: Duration::from_millis(20),
        ..Limits::default()
    };
    let mut proxied = Proxied::with(&server.url(), limits, |_| ()).await;
    let mut client = Peer::connect(proxied.addr).await;
    client
        .send("POST /v1/x HTTP/1.1\r\nhost: localhost\r\ncontent-length: 300000\r\n\r\n")
        .await;
    let body = vec![b'q'; 300_000];
    let upstream = async {
        let mut upstream = server.accept().await;
        upstream.head().await;
        assert_eq!(upstream.read(300_000).await.len(), 300_000);
        upstream
            .send("HTTP/1.1 200 OK\r\ncontent-length: 300000\r\n\r\n")
            .await;
        upstream.send(&body).await;
    };
    let client = async {
        client.send(&body).await;
        client.head().await;
        assert_eq!(client.read(300_000).await.len(), 300_000);
    };
    tokio::join!(upstream, client);
    proxied.story(1).await;
    for way in [Direction::Out, Direction::In] {
        let missed: u64 = (proxied.events.iter())
            .map(|event| match event.kind {
                Kind::Missed { dir, bytes } if dir == way => bytes,
                _ => 0,
            })
            .sum();
        assert!(missed > 0);
        assert_eq!(missed as usize + proxied.copied(way).len(), 300_000);
    }
}

#[tokio::test]
async fn a_slow_watcher_misses_nothing_that_it_is_waited_for() {
    let server = Server::bind().await;
    let limits = Limits {
        budget: 10_000,
        pause: Duration::from_secs(3600),
        ..Limits::default()
    };
    let mut proxied = Proxied::with(&server.url(), limits, |_| ()).await;
    let mut client = Peer::connect(proxied.addr).await;
    client
        .send("POST /v1/x HTTP/1.1\r\nhost: localhost\r\ncontent-length: 9900\r\n\r\n")
        .await;
    let mut upstream = server.accept().await;
    upstream.head().await;
    // The budget is spent when the last bytes come …
    for part in [9000, 900] {
        client.send("q".repeat(part)).await;
        upstream.expect("q".repeat(part)).await;
    }
    // … and several chunks come at once.
    let answer = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    let chunks = format!("1400\r\n{}\r\n", "a".repeat(0x1400)).repeat(3);
    upstream.send(format!("{answer}{chunks}0\r\n\r\n")).await;
    client.head().await;
    assert_eq!(client.chunked().await.0.len(), 3 * 0x1400);
    let story = proxied.story(1).await;
    assert!(!story.iter().any(|line| line.contains("missed")));
    assert!(story.contains(&"out Complete".to_owned()));
    assert_eq!(proxied.copied(Direction::Out).len(), 9900);
    assert_eq!(proxied.copied(Direction::In).len(), 3 * 0x1400);
}

#[tokio::test]
async fn without_a_watcher_everything_is_forwarded() {
    let (mut proxied, server, mut client) = setup().await;
    proxied.tap = None;
    client
        .send("POST /v1/x HTTP/1.1\r\nhost: localhost\r\ncontent-length: 2\r\n\r\nhi")
        .await;
    let mut upstream = server.accept().await;
    upstream.head().await;
    upstream.expect("hi").await;
    upstream
        .send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nho")
        .await;
    client.head().await;
    client.expect("ho").await;
}

#[tokio::test]
async fn a_shutdown_lets_answers_finish_and_cuts_what_takes_too_long() {
    let server = Server::bind().await;
    let change = |config: &mut Config| config.drain = Duration::from_millis(50);
    let mut proxied = Proxied::with(&server.url(), Limits::default(), change).await;
    let mut client = Peer::connect(proxied.addr).await;
    client
        .send("GET /v1/x HTTP/1.1\r\nhost: localhost\r\n\r\n")
        .await;
    let mut upstream = server.accept().await;
    upstream.head().await;
    upstream
        .send("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n")
        .await;
    client.read_to("a\r\n").await;
    proxied.stop().await;
    assert_eq!(client.rest().await, b"");
    assert_eq!(upstream.rest().await, b"");
    assert_eq!(proxied.story(1).await.last().unwrap(), "in Aborted");
}

#[tokio::test]
async fn routes_choose_the_upstream_and_put_its_path_in_front() {
    let (api, chatgpt) = (Server::bind().await, Server::bind().await);
    let routes = vec![
        Route::new("/v1", &format!("{}/base", api.url())).unwrap(),
        Route::new("/backend-api", &chatgpt.url()).unwrap(),
    ];
    let change = |config: &mut Config| config.routes = routes;
    let proxied = Proxied::with(&api.url(), Limits::default(), change).await;
    for (path, server, there) in [
        ("/v1/models?x=%20", &api, "/base/v1/models?x=%20"),
        ("/backend-api/wham", &chatgpt, "/backend-api/wham"),
    ] {
        let mut client = Peer::connect(proxied.addr).await;
        client
            .send(format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n"))
            .await;
        let mut upstream = server.accept().await;
        assert!(
            upstream
                .head()
                .await
                .starts_with(&format!("GET {there} HTTP/1.1\r\n"))
        );
    }
}
