//! Who may use the proxy: attacks on its token, its `Host` list, its refusal of browsers, and its
//! patience.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::time::Duration;

use codextap::proxy::{Config, Proxy, Token};
use codextap::tap::{Clock, Limits, Redactor, channel};
use support::peer::{Peer, Server, lines};
use support::proxied::Proxied;

const TOKEN: &str = "open-sesame-0123456789";

/// A proxy that asks for [`TOKEN`], and its upstream.
async fn guarded() -> (Proxied, Server) {
    let server = Server::bind().await;
    let token = |config: &mut Config| config.token = Some(TOKEN.parse().unwrap());
    let proxied = Proxied::with(&server.url(), Limits::default(), token).await;
    (proxied, server)
}

/// Sends `request` on a connection of its own; gives the status line and the error's code of what
/// must be a refusal, and the story of the exchange.
async fn refused(proxied: &mut Proxied, request: &str) -> (String, String, Vec<String>) {
    proxied.events.clear();
    let mut client = Peer::connect(proxied.addr).await;
    client.send(request).await;
    client.finish().await;
    let answer = String::from_utf8(client.rest().await).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let error: serde_json::Value = serde_json::from_str(body).unwrap();
    let code = error["error"]["code"].as_str().unwrap().to_owned();
    let status = head.lines().next().unwrap().to_owned();
    let needs_token = status.contains(" 401 ");
    assert_eq!(
        head.contains("www-authenticate: Codextap-Token"),
        needs_token
    );
    assert!(!answer.contains(TOKEN), "{answer}");
    let story = proxied.story(1).await;
    assert!(!told(proxied).contains(TOKEN), "{request}");
    (status, code, story)
}

/// Everything that the tap told.
fn told(proxied: &Proxied) -> String {
    format!("{:?}", proxied.events)
}

/// Sends `request`, answers it, and gives the head that the upstream got.
async fn forwarded(proxied: &mut Proxied, server: &Server, request: &str) -> String {
    proxied.events.clear();
    let mut client = Peer::connect(proxied.addr).await;
    client.send(request).await;
    let mut upstream = server.accept().await;
    let head = upstream.head().await;
    let answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    upstream.send(answer).await;
    client.expect(answer).await;
    // So that the next request comes on a connection of its own.
    drop(upstream);
    proxied.story(1).await;
    assert!(!told(proxied).contains(TOKEN), "{request}");
    head
}

#[tokio::test]
async fn only_the_token_is_taken_from_what_is_forwarded() {
    let (mut proxied, server) = guarded().await;
    let rest = "hOst: localhost\r\nX-b:1\r\nAuthorization:  Bearer sk-1 \r\nx-B:2\r\n";
    let expected = format!("GET /v1/a%2Fb//c?q=%7B&&x HTTP/1.1\r\n{rest}\r\n")
        .replace("localhost", &server.addr.to_string());
    let path = "/v1/a%2Fb//c?q=%7B&&x";
    for (target, fields) in [
        (format!("/{TOKEN}{path}"), rest.to_owned()),
        (
            path.to_owned(),
            rest.replace("X-b", &format!("x-codextap-TOKEN:{TOKEN}\r\nX-b")),
        ),
        (
            format!("/{TOKEN}{path}"),
            format!("X-Codextap-Token: {TOKEN}\r\n{rest}X-Codextap-Token: {TOKEN}\r\n"),
        ),
    ] {
        let request = format!("GET {target} HTTP/1.1\r\n{fields}\r\n");
        assert_eq!(forwarded(&mut proxied, &server, &request).await, expected);
    }
    let absolute = format!(
        "GET http://{}/{TOKEN}/v1/x HTTP/1.1\r\nHost: x\r\n\r\n",
        proxied.addr
    );
    let head = forwarded(&mut proxied, &server, &absolute).await;
    let expected = format!("GET {}/v1/x HTTP/1.1\r\n", server.url());
    assert!(head.starts_with(&expected), "{head}");
}

#[tokio::test]
async fn the_field_of_the_token_stays_here_where_none_is_asked_for() {
    let server = Server::bind().await;
    let mut proxied = Proxied::new(&server.url()).await;
    let request =
        format!("GET /v1/x HTTP/1.1\r\nHost: localhost\r\nX-Codextap-Token: {TOKEN}\r\n\r\n");
    let head = forwarded(&mut proxied, &server, &request).await;
    assert_eq!(lines(&head), [format!("Host: {}", server.addr)]);
}

#[tokio::test]
async fn without_the_token_nothing_passes() {
    let (mut proxied, server) = guarded().await;
    let (wrong, encoded) = (TOKEN.to_uppercase(), TOKEN.replace('o', "%6f"));
    let long = "x".repeat(30_000);
    for (target, fields) in [
        ("/v1/x", String::new()),
        (&format!("/{wrong}/v1/x"), String::new()),
        (&format!("/{encoded}/v1/x"), String::new()),
        (&format!("/{TOKEN}x/v1/x"), String::new()),
        (&format!("/x{TOKEN}/v1/x"), String::new()),
        (&format!("/{long}/v1/x"), String::new()),
        (&format!("//{TOKEN}/v1/x"), String::new()),
        (&format!("/.//{TOKEN}/v1/x"), String::new()),
        (&format!("/v1/{TOKEN}/x"), String::new()),
        (&format!("/v1/x?{TOKEN}"), String::new()),
        (&format!("/v1/x?codextap_token={TOKEN}"), String::new()),
        (&format!("/{TOKEN}"), String::new()),
        (&format!("/{TOKEN}?/v1/x"), String::new()),
        ("*", String::new()),
        ("/v1/x", format!("Authorization: Bearer {TOKEN}\r\n")),
        ("/v1/x", "X-Codextap-Token:\r\n".to_owned()),
        ("/v1/x", format!("X-Codextap-Token: {wrong}\r\n")),
        ("/v1/x", format!("X-Codextap-Token: {long}\r\n")),
        ("/v1/x", format!("X-Codextap-Token: {TOKEN}, {TOKEN}\r\n")),
        (
            "/v1/x",
            format!("X-Codextap-Token: {TOKEN}\r\nX-Codextap-Token: no\r\n"),
        ),
        (
            &format!("/{TOKEN}/v1/x"),
            "X-Codextap-Token: no\r\n".to_owned(),
        ),
    ] {
        let request = format!("OPTIONS {target} HTTP/1.1\r\nHost: localhost\r\n{fields}\r\n");
        let (status, _, story) = refused(&mut proxied, &request).await;
        assert_eq!(status, "HTTP/1.1 401 Unauthorized", "{request}");
        assert_eq!(story[2..4], ["failed client route", "out Complete"]);
    }
    // What a stranger sends is not kept either.
    let request = "POST /v1/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n\r\nbody";
    let (status, code, story) = refused(&mut proxied, request).await;
    assert_eq!((&status[9..12], &code[..]), ("401", "no_token"));
    assert_eq!(
        story[..4],
        ["opened", "POST /v1/x", "failed client route", "out Aborted"]
    );
    let unreached = server.accept();
    assert!(futures_util::FutureExt::now_or_never(unreached).is_none());
}

#[tokio::test]
async fn a_misspelt_token_is_not_shown() {
    let (mut proxied, _server) = guarded().await;
    let misspelt = &TOKEN[1..];
    let request = format!("GET /{misspelt}/v1/x HTTP/1.1\r\nHost: localhost\r\n\r\n");
    let (_, _, story) = refused(&mut proxied, &request).await;
    assert_eq!(story[1], "GET /v1/x");
    assert!(!told(&proxied).contains(misspelt));
}

#[tokio::test]
async fn a_token_that_would_reach_the_upstream_is_refused() {
    let (mut proxied, _server) = guarded().await;
    for (target, field) in [
        (format!("/{TOKEN}/v1/x?key={TOKEN}"), String::new()),
        (format!("/{TOKEN}/v1/{TOKEN}"), String::new()),
        (
            format!("/{TOKEN}/v1/x"),
            format!("Referer: http://localhost/{TOKEN}/\r\n"),
        ),
    ] {
        let request = format!("GET {target} HTTP/1.1\r\nHost: localhost\r\n{field}\r\n");
        let (status, code, _) = refused(&mut proxied, &request).await;
        assert_eq!(status, "HTTP/1.1 400 Bad Request", "{request}");
        assert_eq!(code, "misplaced_token", "{request}");
    }
}

#[tokio::test]
async fn each_request_of_a_connection_shows_the_token() {
    let (mut proxied, server) = guarded().await;
    let mut client = Peer::connect(proxied.addr).await;
    client
        .send(format!(
            "GET /{TOKEN}/v1/1 HTTP/1.1\r\nHost: localhost\r\n\r\n\
             GET /v1/2 HTTP/1.1\r\nHost: localhost\r\n\r\n\
             GET /{TOKEN}/v1/3 HTTP/1.1\r\nHost: localhost\r\n\r\n"
        ))
        .await;
    let mut upstream = server.accept().await;
    let answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    assert!(upstream.head().await.starts_with("GET /v1/1 "));
    upstream.send(answer).await;
    client.expect(answer).await;
    assert!(client.head().await.starts_with("HTTP/1.1 401 "));
    client.read_to("}}").await;
    assert!(upstream.head().await.starts_with("GET /v1/3 "));
    upstream.send(answer).await;
    client.expect(answer).await;
    proxied.story(3).await;
    assert!(!told(&proxied).contains(TOKEN));
}

#[tokio::test]
async fn a_websocket_needs_the_token_too() {
    let (mut proxied, server) = guarded().await;
    let handshake = |target: &str| {
        format!(
            "GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\n\
             Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
    };
    let (status, ..) = refused(&mut proxied, &handshake("/v1/responses")).await;
    assert_eq!(status, "HTTP/1.1 401 Unauthorized");

    proxied.events.clear();
    let mut client = Peer::connect(proxied.addr).await;
    let target = format!("/{TOKEN}/v1/responses");
    client.send(handshake(&target)).await;
    let mut upstream = server.accept().await;
    let expected = handshake("/v1/responses").replace("localhost", &server.addr.to_string());
    assert_eq!(upstream.head().await, expected);
    let accepted = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n\
        Upgrade: websocket\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
    upstream.send(accepted).await;
    client.expect(accepted).await;
    client.send("frames").await;
    upstream.expect("frames").await;
    client.finish().await;
    upstream.finish().await;
    proxied.story(1).await;
    assert!(!told(&proxied).contains(TOKEN));
}

#[tokio::test]
async fn pages_and_foreign_names_are_refused_with_the_token_as_well() {
    let (mut proxied, _server) = guarded().await;
    for (fields, expected) in [
        ("Host: evil.example", "421 foreign_host"),
        ("Host: localhost.evil.example", "421 foreign_host"),
        ("Host: 127.0.0.1.evil.example:8787", "421 foreign_host"),
        ("Host: 2130706433", "421 foreign_host"),
        ("Host: localhost.", "421 foreign_host"),
        ("Host: localhost@evil.example", "400 no_host"),
        ("Host: evil.example@localhost", "400 no_host"),
        ("Host: localhost, evil.example", "400 no_host"),
        ("Host: [fe80::1%25eth0]", "421 foreign_host"),
        ("Host:", "400 no_host"),
        ("X-No-Host: 1", "400 malformed_request"),
        (
            "Host: localhost\r\nHost: localhost",
            "400 malformed_request",
        ),
        ("Host: localhost\r\nOrigin: null", "403 foreign_origin"),
        (
            "Host: localhost\r\nORIGIN: http://LocalHost.evil.example",
            "403 foreign_origin",
        ),
        (
            "Host: localhost\r\nOrigin: http://localhost http://evil.example",
            "403 foreign_origin",
        ),
        (
            "Host: localhost\r\nOrigin: http://localhost:3000",
            "403 foreign_origin",
        ),
        (
            "Host: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nOrigin: https://evil.example",
            "403 foreign_origin",
        ),
        (
            "Host: localhost\r\nSec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: no-cors",
            "403 foreign_origin",
        ),
    ] {
        let request = format!("GET /{TOKEN}/v1/x HTTP/1.1\r\n{fields}\r\n\r\n");
        let (status, code, _) = refused(&mut proxied, &request).await;
        assert_eq!(format!("{} {code}", &status[9..12]), expected, "{fields}");
    }
}

#[tokio::test]
async fn names_that_were_allowed_are_hosts() {
    let server = Server::bind().await;
    let allow = |config: &mut Config| config.hosts = vec!["host.docker.internal".to_owned()];
    let mut proxied = Proxied::with(&server.url(), Limits::default(), allow).await;
    let asking = |host: &str| format!("GET /v1/x HTTP/1.1\r\nHost: {host}\r\n\r\n");
    forwarded(&mut proxied, &server, &asking("Host.Docker.Internal:8787")).await;
    let (_, code, _) = refused(&mut proxied, &asking("x.host.docker.internal")).await;
    assert_eq!(code, "foreign_host");
}

#[tokio::test]
async fn methods_for_proxies_lead_nowhere() {
    let server = Server::bind().await;
    let mut proxied = Proxied::new(&server.url()).await;
    let connect = "CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example:443\r\n\r\n";
    let (status, ..) = refused(&mut proxied, connect).await;
    assert_eq!(status, "HTTP/1.1 405 Method Not Allowed");
    let (status, code, _) = refused(
        &mut proxied,
        "OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n",
    )
    .await;
    assert_eq!((&status[9..12], &code[..]), ("404", "no_route"));
    // TRACE is a request like any other; what it echoes is what was forwarded.
    let trace =
        format!("TRACE /v1/x HTTP/1.1\r\nHost: localhost\r\nX-Codextap-Token: {TOKEN}\r\n\r\n");
    let head = forwarded(&mut proxied, &server, &trace).await;
    assert!(head.starts_with("TRACE /v1/x ") && !head.contains(TOKEN));
}

#[tokio::test]
async fn an_address_that_others_can_reach_needs_a_token() {
    let bind = |listen: &str, token: Option<Token>| {
        let config = Config {
            listen: listen.parse().unwrap(),
            token,
            ..Config::default()
        };
        let (tap, _) = channel(Limits::default(), Clock::start(), Redactor::new());
        Proxy::bind(config, tap)
    };
    for listen in ["0.0.0.0:0", "[::]:0", "192.0.2.1:0", "[::ffff:192.0.2.1]:0"] {
        let error = bind(listen, None).await.unwrap_err().to_string();
        let expected = format!("cannot listen on {listen} without a token");
        assert!(error.starts_with(&expected), "{error}");
    }
    assert!(bind("0.0.0.0:0", TOKEN.parse().ok()).await.is_ok());
    assert!(bind("127.0.0.2:0", None).await.is_ok());
}

#[tokio::test]
async fn a_head_that_was_begun_must_end_and_one_that_was_not_may_wait() {
    let server = Server::bind().await;
    let limit = |config: &mut Config| config.request_timeout = Duration::from_millis(20);
    let mut proxied = Proxied::with(&server.url(), Limits::default(), limit).await;
    let mut idle = Peer::connect(proxied.addr).await;
    idle.send("\r\n").await;
    for begun in [
        "G",
        "GET /v1/x HTTP/1.1\r\n",
        "\r\nGET /v1/x HTTP/1.1\r\nHost: l",
    ] {
        proxied.events.clear();
        let mut client = Peer::connect(proxied.addr).await;
        client.send(begun).await;
        let answer = String::from_utf8(client.rest().await).unwrap();
        let status = "HTTP/1.1 408 Request Timeout\r\n";
        assert!(answer.starts_with(status), "{answer}");
        assert!(answer.contains("connection: close"), "{answer}");
        assert!(answer.contains(r#""request_timeout""#), "{answer}");
        assert!(answer.contains("--request-timeout"), "{answer}");
        let story = proxied.story(1).await;
        assert_eq!(story[2..5], ["out Aborted", "failed client request", "408"]);
    }
    idle.send("GET /none HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .await;
    assert!(idle.head().await.starts_with("HTTP/1.1 404 "));
}

#[tokio::test]
async fn who_shows_the_token_is_told_that_it_is_codextap_and_nobody_else_is() {
    let server = Server::bind().await;
    let token: Token = TOKEN.parse().unwrap();
    let key = Token::random().unwrap();
    let set = |config: &mut Config| {
        (config.token, config.key) = (Some(token), Some(key.clone()));
    };
    let mut proxied = Proxied::with(&server.url(), Limits::default(), set).await;
    let asked = |target: &str| format!("GET {target} HTTP/1.1\r\nHost: localhost\r\n");
    let own = asked(&format!("/{TOKEN}/.well-known/codextap?challenge=abc"));
    for (request, expected) in [
        (asked("/.well-known/codextap"), "HTTP/1.1 401 Unauthorized"),
        (
            format!("{own}Origin: http://page\r\n"),
            "HTTP/1.1 403 Forbidden",
        ),
        (own.replace("GET", "POST"), "HTTP/1.1 404 Not Found"),
    ] {
        let (status, ..) = refused(&mut proxied, &format!("{request}\r\n")).await;
        assert_eq!(status, expected);
    }
    proxied.events.clear();
    let mut client = Peer::connect(proxied.addr).await;
    client.send(&format!("{own}\r\n")).await;
    let answer = String::from_utf8(client.rest().await).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    let told: serde_json::Value = serde_json::from_str(body).unwrap();
    assert_eq!(told["proof"], key.prove("abc"));
    assert_eq!(told["exchanges"], 3);
    assert!(!answer.contains(TOKEN) && !answer.contains(key.as_str()));
    // The next thing that the tap tells is of the next request.
    let (_, _, story) = refused(&mut proxied, &format!("{}\r\n", asked("/other"))).await;
    assert_eq!(story[1], "GET /other", "{story:?}");
}
