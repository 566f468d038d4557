//! What is wrong with an upstream: it cannot be reached or trusted, or leads back.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::net::SocketAddr;

use codextap::proxy::{Config, OuterProxies, Route};
use codextap::tap::Limits;
use support::outer::{self, Outer};
use support::peer::{Peer, Server, vacant};
use support::proxied::Proxied;
use support::tls;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

const GET: &str = "GET /v1/models HTTP/1.1\r\nHost: localhost\r\n\r\n";
const UPGRADE: &str = "GET /v1/responses HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\n\
                       Upgrade: websocket\r\n\r\n";

const TOKEN: &str = "a-token-of-the-tests-0123456789";

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
            let (status, message, failure) = proxied.refused(request).await;
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
            // A wildcard wants one; what comes back has it no more, and is a loop all the same.
            config.token = Some(TOKEN.parse().unwrap());
            let back = format!("{}/backend-api", url.trim_end_matches("/v1"));
            config.routes = routes([if url == elsewhere { &back } else { url }, url]);
            if let Some(outer) = outer {
                config.outer = OuterProxies::named(&format!("http://{}", outer.addr), "").unwrap();
            }
        })
        .await;
        for request in [GET, UPGRADE] {
            let mut client = Peer::connect(addr).await;
            let shown = format!("X-Codextap-Token: {TOKEN}\r\n\r\n");
            client
                .send(request.replacen("\r\n\r\n", &format!("\r\n{shown}"), 1))
                .await;
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
