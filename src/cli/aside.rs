//! Side channels: what a Codex with a ChatGPT login sends that is no model traffic, taken through
//! codextap as well (`--side-channels`).
//!
//! Codex sends them where its `chatgpt_base_url` says. One of the same origin as its model traffic
//! has it follow its workspace's origin, past codextap; so models are asked at `127.0.0.1`, and the
//! rest goes to the other spelling of the same place, `localhost`.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use socket2::{Domain, Protocol, Socket, Type};

use super::error::Error;
use super::runtime::Running;

/// Keeps the same port of `::1` from everybody else. `localhost` may lead there first, and whoever
/// listens there would be shown the login.
#[derive(Debug)]
pub(super) struct Hold {
    _socket: Option<Socket>,
}

impl Hold {
    /// Where `listen` is the address of the proxy, with its real port.
    ///
    /// # Errors
    /// When that address has no other spelling, or another program has the port on `::1`.
    pub(super) fn new(listen: SocketAddr) -> Result<Self, Error> {
        if !has_other_spelling(listen) {
            return Err(Error::usage(format!(
                "--side-channels: Codex asks for them at localhost, which is not {listen}"
            ))
            .hint("listen on 127.0.0.1, or leave --side-channels out"));
        }
        match bound(listen.port()) {
            Ok(socket) => Ok(Self {
                _socket: Some(socket),
            }),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
                let place = SocketAddr::from((Ipv6Addr::LOCALHOST, listen.port()));
                Err(Error::new(format!(
                    "--side-channels: another program has {place}, where localhost may lead"
                ))
                .hint("choose another port with --listen, or leave --side-channels out"))
            }
            // Without IPv6 nobody is there.
            Err(_) => Ok(Self { _socket: None }),
        }
    }
}

/// The value of `chatgpt_base_url` for the codextap at `running`. Codex wants `/backend-api` in it.
#[must_use]
pub(super) fn base_url(running: &Running) -> String {
    let token = running.token.as_ref();
    let token = token.map_or_else(String::new, |token| format!("/{}", token.as_str()));
    base_url_on(running.address.port(), &token)
}

/// The same for one on `port`, behind `token` and its slash if it has one.
#[must_use]
pub(super) fn base_url_on(port: u16, token: &str) -> String {
    format!("http://localhost:{port}{token}/backend-api/")
}

/// Whether this machine takes `localhost` for 127.0.0.1, among others.
pub(super) async fn leads_here() -> bool {
    let found = tokio::net::lookup_host(("localhost", 0)).await;
    found.is_ok_and(|mut found| found.any(|place| place.ip() == Ipv4Addr::LOCALHOST))
}

/// Whether `url` is what `chatgpt_base_url` is for a Codex that was told nothing.
#[must_use]
pub(super) fn is_default(url: &str) -> bool {
    url.starts_with("https://chatgpt.com/")
}

fn has_other_spelling(listen: SocketAddr) -> bool {
    let wildcard = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
    listen.ip() == Ipv4Addr::LOCALHOST || listen.ip() == wildcard
}

/// A socket that takes the port and no connections: who tries is refused, and goes on to 127.0.0.1.
fn bound(port: u16) -> io::Result<Socket> {
    let socket = Socket::new(Domain::IPV6, Type::STREAM, Some(Protocol::TCP))?;
    socket.set_only_v6(true)?;
    socket.bind(&SocketAddr::from((Ipv6Addr::LOCALHOST, port)).into())?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;
    use crate::proxy::Token;

    fn running(address: &str, token: Option<&str>) -> Running {
        Running {
            address: address.parse().unwrap(),
            token: token.map(|token| token.parse().unwrap()),
            key: Token::random().unwrap(),
            side_channels: true,
            upstreams: Vec::new(),
            started: 1,
        }
    }

    #[test]
    fn they_go_to_the_other_spelling_of_the_same_place() {
        let url = |address, token| base_url(&running(address, token));
        let plain = "http://localhost:8787/backend-api/";
        assert_eq!(url("127.0.0.1:8787", None), plain);
        assert_eq!(url("0.0.0.0:8787", None), plain);
        assert_eq!(
            url("127.0.0.1:1", Some("0123456789abcdef")),
            "http://localhost:1/0123456789abcdef/backend-api/"
        );
    }

    #[test]
    fn nobody_else_gets_the_place_that_localhost_may_lead_to() {
        let there = |port| TcpListener::bind((Ipv6Addr::LOCALHOST, port));
        let Ok(other) = there(0) else {
            // No IPv6 here, so nobody can be there.
            return;
        };
        let port = other.local_addr().unwrap().port();
        let place = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let error = Hold::new(place).unwrap_err().to_string();
        assert!(
            error.contains(&format!("another program has [::1]:{port}")),
            "{error}"
        );
        drop(other);
        let held = Hold::new(place).unwrap();
        assert_eq!(there(port).unwrap_err().kind(), io::ErrorKind::AddrInUse);
        let refused = std::net::TcpStream::connect((Ipv6Addr::LOCALHOST, port)).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
        drop(held);
        for elsewhere in ["[::1]:1", "10.1.2.3:1", "127.0.0.2:1"] {
            let error = Hold::new(elsewhere.parse().unwrap())
                .unwrap_err()
                .to_string();
            assert!(
                error.contains(&format!("which is not {elsewhere}")),
                "{error}"
            );
        }
    }
}
