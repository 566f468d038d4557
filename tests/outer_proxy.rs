//! Upstreams behind outer proxies.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::convert::Infallible;
use std::process::Stdio;
use std::time::Duration;

use bytes::Bytes;
use codextap::proxy::{Config, OuterProxies};
use codextap::tap::{Connection, Kind, Limits};
use http::Response;
use http_body_util::Full;
use hyper_util::rt::{TokioExecutor, TokioIo};
use support::outer::{self, Outer};
use support::peer::{Peer, Server, vacant, within};
use support::proxied::Proxied;
use support::tls;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::TcpListener;
use tokio::process::Command;

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

/// The connections that were told.
fn connections(proxied: &Proxied) -> Vec<Connection> {
    let told = proxied.events.iter().filter_map(|event| match &event.kind {
        Kind::Connected(connection) => Some(connection.clone()),
        _ => None,
    });
    told.collect()
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
        let mut client = Peer::connect(proxied.addr).await;
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
            let asking = proxied.refused(request);
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
        let asking = proxied.refused(GET);
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
        let (status, message, failure) = proxied.refused(GET).await;
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
        let (status, message, failure) = proxied.refused(GET).await;
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

#[tokio::test]
async fn variables_name_the_proxy_and_nothing_tells_the_password() {
    let server = Server::bind().await;
    let home = tempfile::tempdir().unwrap();
    let through = format!("the proxy {} does not lead to ", server.url());
    let table: [(&[&str], &str, &str); 4] = [
        (&[], "HTTPS_PROXY", &through),
        (&[], "CODEXTAP_UPSTREAM_PROXY", &through),
        (
            &["--upstream-proxy", "none"],
            "https_proxy",
            "cannot connect to ",
        ),
        (&["--upstream-proxy", &server.url()], "all_proxy", &through),
    ];
    for (number, (arguments, variable, says)) in table.into_iter().enumerate() {
        let (log, capture) = (format!("{number}.log"), format!("{number}.jsonl"));
        let mut child = Command::new(env!("CARGO_BIN_EXE_codextap"))
            .env_clear()
            .env("HOME", home.path())
            .env(variable, format!("http://u:hush-hush@{}", server.addr))
            .args([
                "record",
                "--listen",
                "127.0.0.1:0",
                "--api-upstream",
                "https://no-such.invalid",
            ])
            .args(["--log-level", "trace", "--log", &log, "--capture", &capture])
            .args(arguments)
            .current_dir(home.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let listening = within(lines.next_line()).await.unwrap().unwrap();
        let address = listening.strip_prefix("listening on http://").unwrap();
        let mut client = Peer::connect(address.parse().unwrap()).await;
        client
            .send(GET.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n"))
            .await;
        if says == through {
            let mut peer = server.accept().await;
            let asked = peer.head().await;
            let has_password = asked.contains("Proxy-Authorization: Basic dTpodXNoLWh1c2g=\r\n");
            assert_eq!(has_password, arguments.is_empty(), "{asked}");
            peer.send("HTTP/1.1 407 No\r\n\r\n").await;
        }
        let answer = String::from_utf8(client.rest().await).unwrap();
        assert!(
            answer.starts_with("HTTP/1.1 502 ") && answer.contains(says),
            "{answer}"
        );
        let line = within(lines.next_line()).await.unwrap().unwrap();
        assert!(line.contains("FAIL"), "{line}");
        let text = |file: &str| std::fs::read_to_string(home.path().join(file)).unwrap();
        // A thread of its own writes the log.
        let logged = async {
            while !text(&log).contains("ERROR") {
                tokio::task::yield_now().await;
            }
        };
        within(logged).await;
        let (log, capture) = (text(&log), text(&capture));
        assert!(
            log.contains("ERROR") && log.contains("side=\"upstream\" phase=\"connect\""),
            "{log}"
        );
        for told in [answer, line, log, capture] {
            assert!(!told.contains("hush") && !told.contains("dTpo"), "{told}");
        }
    }
}
