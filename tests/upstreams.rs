//! What a client is told when its request cannot go on, and upstreams behind TLS.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::net::SocketAddr;
use std::time::Duration;

use codextap::proxy::{Config, Error, Proxy};
use codextap::tap::{Clock, Direction, Kind, Limits, Redactor, channel};
use support::peer::{Peer, Server, vacant, within};
use support::proxied::Proxied;
use support::tls::acceptor;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// Asks once and gives the status line, the error object, and what the tap tells.
async fn ask(proxied: &mut Proxied, request: &str) -> (String, serde_json::Value, Vec<String>) {
    let mut client = Peer::connect(proxied.addr).await;
    client.send(request).await;
    let head = client.head().await;
    assert!(head.contains("content-type: application/json"), "{head}");
    let length = head
        .split("content-length: ")
        .nth(1)
        .unwrap()
        .split("\r\n")
        .next()
        .unwrap();
    let body = client.read(length.parse().unwrap()).await;
    let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
    let status = head.split("\r\n").next().unwrap().to_owned();
    (status, body["error"].clone(), proxied.story(1).await)
}

/// The last failure's one line.
fn failure(proxied: &Proxied) -> String {
    let failures = proxied.events.iter().filter_map(|event| match &event.kind {
        Kind::Failed(failure) => Some(failure.message.clone()),
        _ => None,
    });
    failures.last().unwrap()
}

const GET: &str = "GET /v1/models HTTP/1.1\r\nHost: localhost\r\n\r\n";

#[tokio::test]
async fn a_refused_connection_is_a_502_that_says_so_and_the_request_is_kept() {
    let addr = vacant().await;
    let mut proxied = Proxied::new(&format!("http://{addr}")).await;
    let body = "x".repeat(200_000);
    let request = format!(
        "POST /v1/responses HTTP/1.1\r\nHost: localhost\r\ncontent-length: 200000\r\n\r\n{body}"
    );
    let (status, error, story) = ask(&mut proxied, &request).await;
    assert_eq!(status, "HTTP/1.1 502 Bad Gateway");
    assert_eq!(error["type"], "codextap_upstream_unreachable");
    assert_eq!(error["code"], "connect_failed");
    let message = format!("codextap: cannot connect to http://{addr}: connection refused");
    assert_eq!(error["message"], message);
    assert_eq!(story[2], "failed upstream connect");
    assert_eq!(story[3], format!("out {body}"));
    assert_eq!(story[4..6], ["out Complete", "502"]);
    assert_eq!(story[7], "in Complete");
    assert!(
        failure(&proxied).contains("os error"),
        "{}",
        failure(&proxied)
    );
}

#[tokio::test]
async fn an_upstream_that_does_not_answer_in_time_is_a_504() {
    let server = Server::bind().await;
    let change = |config: &mut Config| {
        config.head_timeout = Some(Duration::from_millis(20));
        config.upgrade_timeout = Duration::from_millis(20);
    };
    let mut proxied = Proxied::with(&server.url(), Limits::default(), change).await;
    let upgrade = "GET /v1/responses HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\n\
                   Upgrade: websocket\r\n\r\n";
    for request in [GET, upgrade] {
        proxied.events.clear();
        let (status, error, story) = ask(&mut proxied, request).await;
        assert_eq!(status, "HTTP/1.1 504 Gateway Timeout");
        let message = format!("codextap: {} gave no answer within 20ms", server.url());
        assert_eq!(error["message"], message);
        assert!(
            story.contains(&"failed upstream response head".to_owned()),
            "{story:?}"
        );
        // The upstream is let go of as well.
        let mut upstream = server.accept().await;
        upstream.head().await;
        assert_eq!(upstream.rest().await, b"");
    }
}

#[tokio::test]
async fn a_path_without_route_is_a_404_that_lists_the_routes() {
    let mut proxied = Proxied::new("http://127.0.0.1:9").await;
    let (status, error, story) = ask(
        &mut proxied,
        "POST /v2?x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\nhi",
    )
    .await;
    assert_eq!(status, "HTTP/1.1 404 Not Found");
    let message = "codextap: no route for /v2; codextap forwards /v1/ to http://127.0.0.1:9";
    assert_eq!(error["message"], message);
    assert_eq!(
        story[..5],
        [
            "opened",
            "POST /v2?x",
            "failed client route",
            "out hi",
            "out Complete"
        ]
    );
    assert_eq!(story[5], "404");
}

#[tokio::test]
async fn web_pages_and_foreign_hosts_are_refused() {
    let mut proxied = Proxied::new("http://127.0.0.1:9").await;
    let page = "GET /v1/x HTTP/1.1\r\nHost: localhost\r\nOrigin: https://evil.example\r\n\r\n";
    assert_eq!(ask(&mut proxied, page).await.0, "HTTP/1.1 403 Forbidden");
    let rebound = "GET /v1/x HTTP/1.1\r\nHost: evil.example:8787\r\n\r\n";
    assert_eq!(
        ask(&mut proxied, rebound).await.0,
        "HTTP/1.1 421 Misdirected Request"
    );
}

#[tokio::test]
async fn an_address_in_use_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let listen = taken.local_addr().unwrap();
    let error = bind(Config {
        listen,
        ..Config::default()
    })
    .await
    .unwrap_err()
    .to_string();
    assert_eq!(error, format!("cannot listen on {listen}: address in use"));
}

#[tokio::test]
async fn a_ca_file_must_hold_certificates() {
    let dir = tempfile::tempdir().unwrap();
    let (missing, empty) = (dir.path().join("missing.pem"), dir.path().join("empty.pem"));
    std::fs::write(&empty, "nothing\n").unwrap();
    for (path, reason) in [
        (missing, "no such file or directory"),
        (empty, "there is no PEM certificate in it"),
    ] {
        let listen = SocketAddr::from(([127, 0, 0, 1], 0));
        let config = Config {
            listen,
            upstream_ca: Some(path.clone()),
            ..Config::default()
        };
        let error = bind(config).await.unwrap_err().to_string();
        assert_eq!(
            error,
            format!(
                "cannot use the certificates in {}: {reason}",
                path.display()
            )
        );
    }
}

async fn bind(config: Config) -> Result<Proxy, Error> {
    let (tap, _) = channel(Limits::default(), Clock::start(), Redactor::new());
    Proxy::bind(config, tap).await
}

#[tokio::test]
async fn an_https_upstream_is_verified_and_reached() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!(
        "https://localhost:{}",
        listener.local_addr().unwrap().port()
    );
    let acceptor = acceptor(&[b"http/1.1"]);
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let Ok(mut stream) = acceptor.accept(stream).await else {
                continue;
            };
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(stream.read_u8().await.unwrap());
            }
            let answer = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
            stream.write_all(answer.as_bytes()).await.unwrap();
            stream.flush().await.unwrap();
        }
    });
    let trusting = |config: &mut Config| {
        config.upstream_ca = Some("tests/support/tls/ca.pem".into());
    };
    let mut proxied = Proxied::with(&url, Limits::default(), trusting).await;
    let mut client = Peer::connect(proxied.addr).await;
    client.send(GET).await;
    assert!(client.head().await.starts_with("HTTP/1.1 200 OK"));
    client.expect("ok").await;
    proxied.story(1).await;

    let mut proxied = Proxied::new(&url).await;
    let (status, error, _) = within(ask(&mut proxied, GET)).await;
    assert_eq!(status, "HTTP/1.1 502 Bad Gateway");
    let message = error["message"].as_str().unwrap();
    assert!(
        message.contains("certificate") || message.contains("TLS"),
        "{message}"
    );
}

#[tokio::test]
async fn a_kept_connection_that_the_upstream_closed_is_not_used() {
    let server = Server::bind().await;
    let mut proxied = Proxied::new(&server.url()).await;
    for round in 1..=3 {
        let mut client = Peer::connect(proxied.addr).await;
        client.send(GET).await;
        let mut upstream = server.accept().await;
        upstream.head().await;
        upstream
            .send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
            .await;
        assert!(client.head().await.starts_with("HTTP/1.1 200 OK\r\n"));
        client.expect("ok").await;
        proxied.story(round).await;
    }
}

#[tokio::test]
async fn chunks_that_are_there_already_leave_together() {
    let server = Server::bind().await;
    let mut proxied = Proxied::new(&server.url()).await;
    let mut client = Peer::connect(proxied.addr).await;
    client.send(GET).await;
    let mut upstream = server.accept().await;
    upstream.head().await;
    let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    let (mut answer, mut body) = (head.to_owned(), String::new());
    for number in 1000..2000 {
        let event = format!("data: {number}\n\n");
        answer.push_str(&["c\r\n", &event, "\r\n"].concat());
        body.push_str(&event);
    }
    upstream.send(answer + "0\r\n\r\n").await;
    client.head().await;
    assert_eq!(String::from_utf8(client.chunked().await.0).unwrap(), body);
    proxied.story(1).await;
    assert_eq!(proxied.copied(Direction::In), body.as_bytes());
    let copies = proxied
        .events
        .iter()
        .filter(|event| matches!(event.kind, Kind::Data { .. }));
    assert!(copies.count() < 500);
}

#[tokio::test]
async fn an_answer_that_nobody_reads_yet_does_not_hold_up_the_request() {
    let server = Server::bind().await;
    let proxied = Proxied::new(&server.url()).await;
    let mut client = Peer::connect(proxied.addr).await;
    client
        .send("POST /v1/x HTTP/1.1\r\nHost: localhost\r\ncontent-length: 6\r\n\r\nabc")
        .await;
    let mut upstream = server.accept().await;
    upstream.head().await;
    upstream.expect("abc").await;
    // More than the buffers between upstream and client hold, so that its writing stalls.
    upstream
        .send("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
        .await;
    client.head().await;
    let chunk = format!("10000\r\n{}\r\n", "x".repeat(0x10000));
    let writing = tokio::time::timeout(Duration::from_millis(300), async {
        loop {
            tokio::io::AsyncWriteExt::write_all(&mut upstream.stream, chunk.as_bytes())
                .await
                .unwrap();
        }
    });
    assert!(writing.await.is_err());
    client.send("def").await;
    upstream.expect("def").await;
}

#[tokio::test]
async fn ambiguous_framing_never_reaches_an_upstream() {
    let server = Server::bind().await;
    let mut proxied = Proxied::new(&server.url()).await;
    for fields in [
        "Content-Length: 3\r\nContent-Length: 4",
        "Content-Length: 3\r\nContent-Length: 3",
        "Content-Length: 3, 4",
        "Content-Length: +3",
        "Content-Length: 3\r\nTransfer-Encoding: chunked",
        "X-Folded: a\r\n b",
        "Transfer-Encoding: gzip",
        "Transfer-Encoding: chunked, gzip",
        "X-Space : a",
        "X-Bare: a\nX-Line: b",
        "Host: localhost",
    ] {
        proxied.events.clear();
        let request = format!("POST /v1/x HTTP/1.1\r\nHost: localhost\r\n{fields}\r\n\r\nabc");
        let (status, error, story) = ask(&mut proxied, &request).await;
        assert_eq!(status, "HTTP/1.1 400 Bad Request", "{fields}");
        assert_eq!(error["type"], "codextap_refused", "{fields}");
        let told = [
            "opened",
            "POST /v1/x",
            "out Aborted",
            "failed client request",
            "400",
        ];
        assert_eq!(story[..5], told, "{fields}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn many_clients_at_once_get_their_own_answers() {
    const CLIENTS: usize = 16;
    const ROUNDS: usize = 20;
    let server = Server::bind().await;
    let mut proxied = Proxied::new(&server.url()).await;
    let addr = proxied.addr;
    let upstream = tokio::spawn(async move {
        loop {
            let mut upstream = server.accept().await;
            tokio::spawn(async move {
                loop {
                    let head = upstream.head().await;
                    let path = head.split(' ').nth(1).unwrap().to_owned();
                    assert_eq!(upstream.read(1000).await, path.as_bytes()[..1].repeat(1000));
                    let answer = format!(
                        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{:x}\r\n{path}\r\n1\r\n.\r\n0\r\n\r\n",
                        path.len()
                    );
                    upstream.send(answer).await;
                }
            });
        }
    });
    let clients = (0..CLIENTS).map(|number| {
        tokio::spawn(async move {
            let mut client = Peer::connect(addr).await;
            for round in 0..ROUNDS {
                let path = format!("/v1/{number}/{round}");
                let head = format!("POST {path} HTTP/1.1\r\nHost: localhost\r\n");
                client
                    .send(format!(
                        "{head}content-length: 1000\r\n\r\n{}",
                        "/".repeat(1000)
                    ))
                    .await;
                client.head().await;
                assert_eq!(client.chunked().await.0, format!("{path}.").into_bytes());
            }
        })
    });
    for client in clients.collect::<Vec<_>>() {
        client.await.unwrap();
    }
    upstream.abort();
    let story = proxied.story(CLIENTS * ROUNDS).await;
    let complete = story.iter().filter(|line| *line == "in Complete").count();
    assert_eq!(complete, CLIENTS * ROUNDS);
    assert!(!story.iter().any(|line| line.starts_with("failed")));
}
