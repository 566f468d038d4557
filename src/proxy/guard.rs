//! Who may ask: nothing that a web page made the user's browser send.
//!
//! A page can reach a loopback port with a cross-site request or WebSocket, which carry its
//! `Origin`, or by rebinding its own name to 127.0.0.1, which leaves that name in `Host`. Codex
//! does neither.

use std::net::{IpAddr, SocketAddr};

use http::uri::Authority;
use http::{StatusCode, Uri};

use super::head::RequestHead;
use super::refusal::Refusal;

/// Refuses a request whose `Host` is not ours or whose `Origin` is a foreign page.
///
/// `listen` is the address that the proxy listens on.
pub(super) fn check(head: &RequestHead, listen: SocketAddr) -> Result<(), Refusal> {
    match host(head) {
        Some(host) if is_own(&host, listen) => {}
        // HTTP/1.0 knows no Host (RFC 1945), and no browser speaks it.
        None if head.fields.all("host").next().is_none() => {}
        Some(host) => {
            let status = StatusCode::MISDIRECTED_REQUEST;
            return Err(Refusal::guard(
                status,
                "foreign_host",
                &format!(
                    "Host {host:?} is neither a loopback name nor the address codextap listens on"
                ),
            ));
        }
        // RFC 9112 §3.2: a request without a valid Host is answered 400.
        None => {
            let message = "the request has no valid Host field";
            return Err(Refusal::guard(StatusCode::BAD_REQUEST, "no_host", message));
        }
    }
    for origin in head.fields.all("origin") {
        let origin = String::from_utf8_lossy(origin);
        let uri = origin.parse::<Uri>().ok();
        if !uri
            .and_then(|uri| Some(is_loopback(uri.host()?)))
            .unwrap_or_default()
        {
            let message = format!("requests of web pages ({origin:?}) are not forwarded");
            return Err(Refusal::guard(
                StatusCode::FORBIDDEN,
                "foreign_origin",
                &message,
            ));
        }
    }
    Ok(())
}

/// The host asked for, without its port: the target's if it is absolute (RFC 9112 §3.2.2), else the
/// one `Host` field.
fn host(head: &RequestHead) -> Option<String> {
    let authority = match head.authority() {
        Some(authority) => authority,
        None => head.fields.all("host").next()?,
    };
    let authority = str::from_utf8(authority).ok()?.parse::<Authority>().ok()?;
    Some(authority.host().to_owned())
}

/// Whether `host` names this machine's loopback or the address `listen`.
fn is_own(host: &str, listen: SocketAddr) -> bool {
    is_loopback(host)
        || ip(host).is_some_and(|ip| {
            // An address cannot be rebound, so with a wildcard any of them may be ours.
            ip == listen.ip() || listen.ip().is_unspecified()
        })
}

fn is_loopback(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost") || ip(host).is_some_and(|ip| ip.is_loopback())
}

/// The address that `host` spells, IPv6 in brackets.
fn ip(host: &str) -> Option<IpAddr> {
    host.trim_start_matches('[')
        .trim_end_matches(']')
        .parse()
        .ok()
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn status(target: &str, fields: &[(&str, &str)]) -> Option<u16> {
        let mut text = format!("GET {target} HTTP/1.1\r\n");
        for (name, value) in fields {
            text.extend([name, ": ", value, "\r\n"]);
        }
        let head = RequestHead::parse(&Bytes::from(text + "\r\n")).0;
        let listen = SocketAddr::from(([10, 1, 2, 3], 8787));
        check(&head, listen)
            .err()
            .map(|refusal| refusal.status().as_u16())
    }

    #[test]
    fn only_our_own_names_are_hosts() {
        for host in [
            "localhost",
            "LOCALHOST:8787",
            "127.0.0.1:8787",
            "127.9.9.9",
            "[::1]:8787",
        ] {
            assert_eq!(status("/", &[("host", host)]), None, "{host}");
        }
        assert_eq!(status("/", &[("host", "10.1.2.3:8787")]), None);
        for host in ["evil.example", "10.1.2.4", "localhost.evil.example:8787"] {
            assert_eq!(status("/", &[("host", host)]), Some(421), "{host}");
        }
        assert_eq!(
            status("http://evil.example/", &[("host", "localhost")]),
            Some(421)
        );
        assert_eq!(
            status("http://127.0.0.1:1/", &[("host", "evil.example")]),
            None
        );
        assert_eq!(status("/", &[("host", "local host")]), Some(400));
    }

    #[test]
    fn web_pages_are_refused() {
        let origin = |value| status("/", &[("host", "localhost"), ("origin", value)]);
        for value in [
            "http://localhost:3000",
            "http://127.0.0.1",
            "https://[::1]:1",
        ] {
            assert_eq!(origin(value), None, "{value}");
        }
        for value in [
            "https://evil.example",
            "null",
            "",
            "http://localhost.evil.example",
        ] {
            assert_eq!(origin(value), Some(403), "{value}");
        }
    }
}
