//! Upstreams behind outer proxies, what goes wrong on the way to an upstream, and ways that lead back.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use codextap::proxy::{Config, OuterProxies, Route};
use codextap::tap::{Connection, Failure, Kind, Limits};
use http::Response;
use http_body_util::Full;
use hyper_util::rt::{TokioExecutor, TokioIo};
use support::outer::{self, Outer};
use support::peer::{Peer, Server, within};
use support::proxied::Proxied;
use support::tls;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

const GET: &str = "GET /v1/models HTTP/1.1\r\nHost: localhost\r\n\r\n";
const UPGRADE: &str = "GET /v1/responses HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\n\
                       Upgrade: websocket\r\n\r\n";
const SWITCH: &str = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n\
                      Upgrade: websocket\r\n\r\n";
const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// `/v1/` leads to `url`, through the outer proxy at `proxy`.
async fn through(proxy: &str, url: &str) -> Proxied {
    within(Proxied::with(url, Limits::default(), |config| {
        config.outer = OuterProxies::named(proxy, "direct.test, 127.0.0.9").unwrap();
        config.upstream_ca = Some("tests/support/tls/ca.pem".into());
    }))
    .await
}

/// Asks once; gives the status and the message of an answer of the proxy's own, and the failure.
async fn refused(proxied: &mut Proxied, request: &str) -> (u16, String, Failure) {
    let mut client = Peer::connect(proxied.addr).await;
    client.send(request).await;
    let head = client.head().await;
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let length = head
        .split("content-length: ")
        .nth(1)
        .unwrap()
        .split("\r\n")
        .next()
        .unwrap();
    let body = client.read(length.parse().unwrap()).await;
    let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
    let message = body["error"]["message"].as_str().unwrap().to_owned();
    proxied.story(1).await;
    let failures = proxied.events.iter().filter_map(|event| match &event.kind {
        Kind::Failed(failure) => Some(failure.clone()),
        _ => None,
    });
    let failure = failures.last().unwrap();
    proxied.events.clear();
    (status, message, failure)
}

/// The connections that were told.
fn connections(proxied: &Proxied) -> Vec<Connection> {
    let told = proxied.events.iter().filter_map(|event| match &event.kind {
        Kind::Connected(connection) => Some(connection.clone()),
        _ => None,
    });
    told.collect()
}

/// A loopback address that nobody listens on.
async fn vacant() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap()
}

#[tokio::test]
async fn requests_and_upgrades_pass_through_every_kind() {
    let basic = "\r\nProxy-Authorization: Basic dTpodXNoLWh1c2g=\r\n";
    let connect = "CONNECT upstream.test:8080 HTTP/1.1\r\nHost: upstream.test:8080\r\n";
    let (plain, with_password) = (
        format!("{connect}\r\n"),
        format!("{}{basic}\r\n", connect.trim_end()),
    );
    let table = [
        (outer::Kind::Http, "http://", &plain[..]),
        (outer::Kind::Http, "http://u:hush-hush@", &with_password),
        (outer::Kind::Https, "https://", &plain),
        (outer::Kind::Https, "https://u:hush-hush@", &with_password),
        (outer::Kind::Socks, "socks5h://", "upstream.test:8080"),
        (
            outer::Kind::Socks,
            "socks5h://u:hush-hush@",
            "u:hush-hush@upstream.test:8080",
        ),
    ];
    for (kind, scheme, asked) in table {
        let server = Server::bind().await;
        let outer = Outer::start(kind, scheme.contains('@'), server.addr).await;
        // Only the outer proxy knows that name.
        let proxy = format!("{scheme}{}", outer.addr);
        let mut proxied = through(&proxy, "http://upstream.test:8080").await;
        let mut client = Peer::connect(proxied.addr).await;
        client.send(GET).await;
        let mut upstream = server.accept().await;
        for round in 1..=2 {
            let head = upstream.head().await;
            assert_eq!(
                head,
                GET.replace("localhost", "upstream.test:8080"),
                "{proxy}"
            );
            upstream.send(OK).await;
            client.expect(OK).await;
            proxied.story(round).await;
            if round == 1 {
                client.send(GET).await;
            }
        }
        client.send(UPGRADE).await;
        let mut upstream = server.accept().await;
        upstream.head().await;
        upstream.send(format!("{SWITCH}\u{1}hello")).await;
        client.expect(format!("{SWITCH}\u{1}hello")).await;
        client.send("\u{2}hello").await;
        upstream.expect("\u{2}hello").await;
        drop((client, upstream));
        proxied.story(3).await;

        assert_eq!(outer.heard(), [asked, asked], "{proxy}");
        let name = format!("{}://{}", scheme.split(':').next().unwrap(), outer.addr);
        let told = connections(&proxied);
        let reused: Vec<bool> = told.iter().map(|connection| connection.is_reused).collect();
        assert_eq!(reused, [false, true, false], "{proxy}");
        for connection in told {
            assert_eq!(connection.proxy.as_deref(), Some(&name[..]));
            assert_eq!((connection.dns, connection.tls), (None, None));
            assert_eq!(connection.connect.is_some(), !connection.is_reused);
        }
        assert!(!format!("{:?}", proxied.events).contains("hush"));
    }
}

#[tokio::test]
async fn socks5_is_told_an_address() {
    let server = Server::bind().await;
    let outer = Outer::start(outer::Kind::Socks, false, server.addr).await;
    let mut proxied = through(&format!("socks5://{}", outer.addr), "http://localhost:8080").await;
    let mut client = Peer::connect(proxied.addr).await;
    client.send(GET).await;
    let mut upstream = server.accept().await;
    upstream.head().await;
    upstream.send(OK).await;
    client.expect(OK).await;
    proxied.story(1).await;
    assert!(["127.0.0.1:8080", "::1:8080"].contains(&&outer.heard()[0][..]));
    assert!(connections(&proxied)[0].dns.is_some());
}

#[tokio::test]
async fn http2_is_negotiated_through_a_tunnel() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = listener.local_addr().unwrap();
    let accepting = tokio::spawn(async move {
        let acceptor = tls::acceptor(&[b"h2", b"http/1.1"]);
        let (stream, _) = listener.accept().await.unwrap();
        let stream = TokioIo::new(acceptor.accept(stream).await.unwrap());
        let service = hyper::service::service_fn(|_| async {
            Ok::<_, Infallible>(Response::new(Full::new(Bytes::from("ok"))))
        });
        let builder = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
        builder.serve_connection(stream, service).await
    });
    let outer = Outer::start(outer::Kind::Https, false, server).await;
    let url = format!("https://localhost:{}", server.port());
    let mut proxied = through(&format!("https://{}", outer.addr), &url).await;
    for round in 1..=2 {
        let mut client = Peer::connect(proxied.addr).await;
        client.send(GET).await;
        assert!(client.head().await.starts_with("HTTP/1.1 200 OK\r\n"));
        client.expect("ok").await;
        proxied.story(round).await;
    }
    let told = connections(&proxied);
    assert!(told[0].tls.is_some() && told[1].is_reused);
    assert!(told.iter().all(|connection| connection.proxy.is_some()));
    let versions = proxied.events.iter().filter_map(|event| match &event.kind {
        Kind::Response(head) => Some(head.version),
        _ => None,
    });
    assert!(versions.eq([http::Version::HTTP_2; 2]));
    accepting.abort();
}

#[tokio::test]
async fn listed_hosts_go_without() {
    let server = Server::bind().await;
    for (list, goes_through) in [("127.0.0.0/8", false), ("127.0.0.2", true)] {
        let outer = Outer::start(outer::Kind::Http, false, server.addr).await;
        let mut proxied = Proxied::with(&server.url(), Limits::default(), |config| {
            let url = format!("http://{}", outer.addr);
            config.outer = OuterProxies::named(&url, list).unwrap();
        })
        .await;
        let mut client = Peer::connect(proxied.addr).await;
        client.send(GET).await;
        let mut upstream = server.accept().await;
        upstream.head().await;
        upstream.send(OK).await;
        client.expect(OK).await;
        proxied.story(1).await;
        assert_eq!(outer.heard().len(), usize::from(goes_through));
        assert_eq!(connections(&proxied)[0].proxy.is_some(), goes_through);
    }
}

#[tokio::test]
async fn what_an_http_proxy_refuses_is_told() {
    let table = [
        (
            "HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n",
            "it answered 407 Proxy Authentication Required: it does not take the user name and password",
        ),
        (
            "HTTP/1.0 403 Forbidden by \x07policy\r\n\r\n<html>",
            "it gave no HTTP answer: ",
        ),
        (
            "HTTP/1.0 403 Forbidden by policy\r\n\r\n<html>",
            "it answered 403 Forbidden by policy",
        ),
        (
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 502\r\n\r\n",
            "it answered 502",
        ),
        ("SSH-2.0-OpenSSH_9.9\r\n\r\n", "it gave no HTTP answer: "),
        (
            "HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
            "it sent more than its answer to CONNECT",
        ),
        ("HTTP/1.1 200", "it closed the connection"),
    ];
    let server = Server::bind().await;
    let name = server.url();
    let proxy = format!("http://u:hush-hush@{}", server.addr);
    let mut proxied = through(&proxy, "https://upstream.test").await;
    for (answer, said) in table {
        for request in [GET, UPGRADE] {
            let asking = refused(&mut proxied, request);
            let answering = async {
                let mut peer = server.accept().await;
                peer.head().await;
                peer.send(answer).await;
                peer.finish().await;
            };
            let ((status, message, failure), ()) = tokio::join!(asking, answering);
            assert_eq!(status, 502, "{answer}");
            let start = format!(
                "codextap: the proxy {name} does not lead to https://upstream.test: {said}"
            );
            assert!(message.starts_with(&start), "{message}");
            let told = failure.to_string();
            assert!(
                told.starts_with("upstream side, connect: tunnel through the outer proxy: it "),
                "{told}"
            );
            assert!(told.ends_with(&format!("(outer proxy {name})")), "{told}");
            assert!(!format!("{message}{told}").contains("hush"));
        }
    }
}

#[tokio::test]
async fn what_a_socks_proxy_refuses_is_told() {
    let (open, closed) = ("socks5h://", "socks5h://u:hush-hush@");
    let table: [(&str, &[&[u8]], &str); 8] = [
        (open, &[b"\x05\xff"], "it wants a user name and a password"),
        (
            closed,
            &[b"\x05\xff"],
            "it does not take a user name and a password",
        ),
        (
            closed,
            &[b"\x05\x02", b"\x01\x01"],
            "it does not take the user name and password",
        ),
        (open, &[b"\x04\x5a"], "it does not speak SOCKS 5"),
        (open, &[b"\x05\x02"], "it does not speak SOCKS 5"),
        (
            open,
            &[b"\x05\x00", b"\x05\x05\x00\x01\x00\x00\x00\x00\x00\x00"],
            "it answered 5: connection refused",
        ),
        (
            open,
            &[b"\x05\x00", b"\x05\x00\x00\x09"],
            "it gave an address of an unknown kind",
        ),
        (open, &[b"\x05\x00", b"\x05"], "it closed the connection"),
    ];
    let server = Server::bind().await;
    for (scheme, answers, said) in table {
        let mut proxied =
            through(&format!("{scheme}{}", server.addr), "http://upstream.test").await;
        let asking = refused(&mut proxied, GET);
        let answering = async {
            let mut peer = server.accept().await;
            for answer in answers {
                // A greeting has three bytes, and every message behind it more.
                peer.read(3).await;
                peer.send(answer).await;
            }
            peer.finish().await;
            peer.rest().await;
        };
        let ((status, message, failure), ()) = tokio::join!(asking, answering);
        assert_eq!(status, 502);
        let name = format!("socks5h://{}", server.addr);
        let expected =
            format!("codextap: the proxy {name} does not lead to http://upstream.test: {said}");
        assert_eq!(message, expected);
        assert!(!format!("{failure}").contains("hush"));
    }
}

#[tokio::test]
async fn a_proxy_that_is_silent_is_given_up() {
    let server = Server::bind().await;
    for scheme in ["http", "https", "socks5h"] {
        let name = format!("{scheme}://{}", server.addr);
        let mut proxied = Proxied::with(
            "https://upstream.test",
            Limits::default(),
            |config: &mut Config| {
                config.outer = OuterProxies::named(&name, "").unwrap();
                config.connect_timeout = Duration::from_millis(50);
            },
        )
        .await;
        let (status, message, failure) = refused(&mut proxied, GET).await;
        assert_eq!(status, 504);
        assert!(
            message.contains(&name) && message.ends_with(": timed out after 50ms"),
            "{message}"
        );
        let step = if scheme == "https" {
            "TLS handshake with the outer proxy"
        } else {
            "tunnel through the outer proxy"
        };
        assert!(
            failure
                .message
                .starts_with(&format!("{step}: no connection within 50ms")),
            "{failure}"
        );
        server.accept().await;
    }
}

#[tokio::test]
async fn a_proxy_that_is_not_there_is_named() {
    let gone = vacant().await;
    let table = [
        (
            format!("http://u:hush-hush@{gone}"),
            format!("http://{gone}"),
            "connection refused",
        ),
        (
            "socks5://u:hush-hush@no-such.invalid".to_owned(),
            "socks5://no-such.invalid:1080".to_owned(),
            "",
        ),
    ];
    for (proxy, name, word) in table {
        let mut proxied = through(&proxy, "https://upstream.test").await;
        let (status, message, failure) = refused(&mut proxied, GET).await;
        assert_eq!(status, 502);
        let expected = format!(
            "codextap: cannot connect to the proxy {name} for https://upstream.test: {word}"
        );
        assert!(message.starts_with(&expected), "{message}");
        assert!(
            failure.message.ends_with(&format!("(outer proxy {name})")),
            "{failure}"
        );
        assert!(!format!("{message}{failure}").contains("hush"));
    }
}

/// A server that only shakes hands.
async fn shaking(acceptor: TlsAcceptor) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            // The other side breaks it off.
            let _ = acceptor.accept(stream).await;
        }
    });
    port
}

#[tokio::test]
async fn what_is_wrong_with_an_upstream_is_told_with_the_step() {
    let (good, expired) = (
        shaking(tls::acceptor(&[])).await,
        shaking(tls::expired()).await,
    );
    let plain = plain_server().await;
    let gone = vacant().await;
    let table = [
        (
            format!("https://localhost:{expired}"),
            "expired-ca",
            "its certificate has expired",
            "TLS handshake: ",
        ),
        (
            format!("https://localhost:{good}"),
            "expired-ca",
            "its certificate comes from an unknown issuer; ",
            "TLS handshake: ",
        ),
        (
            format!("https://127.0.0.2:{}", forwarded(good).await),
            "ca",
            "its certificate is for another name",
            "TLS handshake: ",
        ),
        (
            format!("https://{plain}"),
            "ca",
            "TLS: received corrupt message",
            "TLS handshake: ",
        ),
        (
            format!("https://{gone}"),
            "ca",
            "connection refused",
            "connect: ",
        ),
        ("https://no-such.invalid".to_owned(), "ca", "", "resolve: "),
    ];
    for (url, ca, word, step) in table {
        let mut proxied = Proxied::with(&url, Limits::default(), |config: &mut Config| {
            config.upstream_ca = Some(format!("tests/support/tls/{ca}.pem").into());
        })
        .await;
        for request in [GET, UPGRADE] {
            let (status, message, failure) = refused(&mut proxied, request).await;
            assert_eq!(status, 502, "{url}");
            let expected = format!("codextap: cannot connect to {url}: {word}");
            assert!(message.starts_with(&expected), "{message}");
            assert!(
                failure
                    .to_string()
                    .starts_with(&format!("upstream side, connect: {step}")),
                "{failure}"
            );
        }
    }
}

/// A server that answers everything with a few bytes of HTTP.
async fn plain_server() -> SocketAddr {
    let server = Server::bind().await;
    let addr = server.addr;
    tokio::spawn(async move {
        loop {
            let mut peer = server.accept().await;
            tokio::spawn(async move {
                peer.send("HTTP/1.1 400 Bad Request\r\n\r\n").await;
                peer.rest().await;
            });
        }
    });
    addr
}

/// A port on 127.0.0.2 that leads to `port` on 127.0.0.1.
async fn forwarded(port: u16) -> u16 {
    let listener = TcpListener::bind("127.0.0.2:0").await.unwrap();
    let forwarded = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut near, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut far = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
                // However it ends, it does.
                let _ = tokio::io::copy_bidirectional(&mut near, &mut far).await;
            });
        }
    });
    forwarded
}

#[tokio::test]
async fn every_way_back_is_a_508_after_one_round() {
    let routes = |urls: [&str; 2]| {
        ["/v1", "/backend-api"]
            .iter()
            .zip(urls)
            .map(|(prefix, url)| Route::new(prefix, url).unwrap())
            .collect()
    };
    let addr = vacant().await;
    let port = addr.port();
    let outer = Outer::start(outer::Kind::Http, false, addr).await;
    let elsewhere = format!("http://127.0.0.2:{}/v1", forwarded(port).await);
    let own = format!("http://{addr}");
    let table: [(&str, &str, Option<&Outer>); 6] = [
        ("127.0.0.1", &own, None),
        ("0.0.0.0", &format!("http://127.0.0.2:{port}"), None),
        ("127.0.0.1", &format!("http://localhost:{port}"), None),
        // A forwarded port, and the other route in between.
        ("127.0.0.1", &elsewhere, None),
        // Names that only the outer proxy knows.
        ("127.0.0.1", "http://loop.test", Some(&outer)),
        ("127.0.0.1", &own, Some(&outer)),
    ];
    for (listen, url, outer) in table {
        let mut proxied = Proxied::with(&own, Limits::default(), |config: &mut Config| {
            config.listen = SocketAddr::new(listen.parse().unwrap(), port);
            let back = format!("{}/backend-api", url.trim_end_matches("/v1"));
            config.routes = routes([if url == elsewhere { &back } else { url }, url]);
            if let Some(outer) = outer {
                config.outer = OuterProxies::named(&format!("http://{}", outer.addr), "").unwrap();
            }
        })
        .await;
        for request in [GET, UPGRADE] {
            let mut client = Peer::connect(addr).await;
            client.send(request).await;
            let head = client.head().await;
            assert!(
                head.starts_with("HTTP/1.1 508 Loop Detected\r\n"),
                "{url}: {head}"
            );
            let rounds = proxied.story(2).await;
            let opened = rounds.iter().filter(|line| *line == "opened").count();
            assert_eq!(opened, 2, "{url}: {rounds:?}");
            assert!(
                rounds.contains(&"failed client route".to_owned()),
                "{url}: {rounds:?}"
            );
            proxied.events.clear();
        }
        proxied.stop().await;
    }
}
