//! Who may ask: whoever shows the [`Token`] where there is one, and nothing that a web page made the
//! user's browser send.
//!
//! The token comes in front of the path, as a segment of its own, or in the field
//! `X-Codextap-Token`. It is taken off before anything is told or forwarded.
//!
//! A page can reach the proxy with a cross-site request or WebSocket, which carry its `Origin` or,
//! where browsers send none, `Sec-Fetch-Site`, or by rebinding its own name to 127.0.0.1, which
//! leaves that name in `Host`. Codex does none of this.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use http::StatusCode;
use http::uri::Authority;
use memchr::memmem;

use super::head::RequestHead;
use super::refusal::Refusal;
use super::route::{self, Route};
use super::token::{self, Token};

/// What a request must be to pass.
#[derive(Debug)]
pub(super) struct Guard {
    /// The address that the proxy listens on.
    listen: SocketAddr,
    /// Names for it besides loopback's.
    names: Vec<String>,
    token: Option<Token>,
}

impl Guard {
    pub(super) fn new(listen: SocketAddr, names: Vec<String>, token: Option<Token>) -> Self {
        Self {
            listen,
            names,
            token,
        }
    }

    /// Takes the token off `head` and says whether the request may pass. `routes` is where paths
    /// lead that have no token in front.
    pub(super) fn admit(&self, head: &mut RequestHead, routes: &[Route]) -> Result<(), Refusal> {
        self.check_token(head, routes)?;
        self.check_host(head)?;
        check_browser(head)
    }

    fn check_token(&self, head: &mut RequestHead, routes: &[Route]) -> Result<(), Refusal> {
        let shown = head.fields.all(token::FIELD);
        let shown: Vec<bool> = shown
            .map(|shown| self.token.as_ref().is_some_and(|token| token.is(shown)))
            .collect();
        // It speaks to codextap, whoever may be behind it.
        head.fields.remove(token::FIELD);
        let Some(token) = &self.token else {
            return Ok(());
        };
        let in_path = head
            .first_segment()
            .is_some_and(|segment| token.is(segment));
        let is_routed = route::find(routes, head.path()).is_some_and(|route| !route.is_catch_all());
        if in_path || shown.is_empty() && !is_routed {
            // What stands in its place is not for other eyes: it may be the token misspelt.
            head.remove_first_segment();
        }
        if shown.contains(&false) {
            let message = "the token in X-Codextap-Token is wrong";
            return Err(Refusal::unauthorized("wrong_token", message));
        }
        if shown.is_empty() && !in_path {
            let message = "this codextap asks for its token: in front of the path, as in \
                http://HOST:PORT/TOKEN/v1, or in the field X-Codextap-Token";
            return Err(Refusal::unauthorized("no_token", message));
        }
        let has_token = |bytes: &[u8]| memmem::find(bytes, token.as_str().as_bytes()).is_some();
        if has_token(&head.target) || head.fields.iter().any(|line| has_token(line.raw)) {
            let message = "the token stands where the upstream would see it";
            let status = StatusCode::BAD_REQUEST;
            return Err(Refusal::guard(status, "misplaced_token", message));
        }
        Ok(())
    }

    fn check_host(&self, head: &RequestHead) -> Result<(), Refusal> {
        // A target in absolute form takes precedence (RFC 9112 §3.2.2).
        let Some(authority) = head.authority().or_else(|| head.fields.all("host").next()) else {
            // HTTP/1.0 knows no Host (RFC 1945), and no browser speaks it.
            return Ok(());
        };
        // RFC 9112 §3.2: a request without a valid Host is answered 400. User information is no
        // part of one (RFC 9110 §7.2).
        let Some(host) = authority_host(authority) else {
            let message = "the request has no valid Host field";
            return Err(Refusal::guard(StatusCode::BAD_REQUEST, "no_host", message));
        };
        if self.is_own(&host) {
            return Ok(());
        }
        let message = format!(
            "Host {host:?} is neither a loopback name nor the address codextap listens on; \
             --allow-host admits more"
        );
        let status = StatusCode::MISDIRECTED_REQUEST;
        Err(Refusal::guard(status, "foreign_host", &message))
    }

    /// Whether `host` names this machine's loopback or the address listened on.
    fn is_own(&self, host: &str) -> bool {
        let listen = self.listen.ip();
        // An address cannot be rebound, so with a wildcard any of them may be ours.
        let is_listen = |ip: IpAddr| ip.is_loopback() || ip == listen || listen.is_unspecified();
        host.eq_ignore_ascii_case("localhost")
            || ip(host).is_some_and(is_listen)
            || (self.names.iter()).any(|name| name.eq_ignore_ascii_case(host))
    }
}

/// Refuses what a web page sent: browsers let no page leave these fields out or forge them (Fetch
/// §3.2, Fetch Metadata §2).
fn check_browser(head: &RequestHead) -> Result<(), Refusal> {
    let origin = head.fields.all("origin").next();
    // `none` is what the user typed into the browser's address bar.
    let mut sites = head.fields.all("sec-fetch-site");
    let site = sites.find(|site| *site != b"none");
    let Some(page) = origin.or(site) else {
        return Ok(());
    };
    let page = String::from_utf8_lossy(page);
    let message = format!("requests of web pages ({page:?}) are not forwarded");
    let status = StatusCode::FORBIDDEN;
    Err(Refusal::guard(status, "foreign_origin", &message))
}

/// The host of an authority without user information, without its port.
fn authority_host(authority: &[u8]) -> Option<String> {
    let authority = str::from_utf8(authority).ok()?;
    let authority = authority.parse::<Authority>().ok()?;
    (!authority.as_str().contains('@')).then(|| authority.host().to_owned())
}

/// The address that `host` spells (RFC 3986 §3.2.2): IPv4 in four decimal numbers, IPv6 in
/// brackets.
fn ip(host: &str) -> Option<IpAddr> {
    match host.strip_prefix('[') {
        Some(host) => {
            let ip = host.strip_suffix(']')?.parse::<Ipv6Addr>();
            ip.ok().map(IpAddr::V6)
        }
        None => host.parse::<Ipv4Addr>().ok().map(IpAddr::V4),
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    const TOKEN: &str = "0123456789abcdef";

    fn parsed(target: &str, fields: &[(&str, &str)]) -> RequestHead {
        let mut text = format!("GET {target} HTTP/1.1\r\n");
        for (name, value) in fields {
            text.extend([name, ": ", value, "\r\n"]);
        }
        RequestHead::parse(&Bytes::from(text + "\r\n")).0
    }

    fn status(target: &str, fields: &[(&str, &str)]) -> Option<u16> {
        let listen = SocketAddr::from(([10, 1, 2, 3], 8787));
        let guard = Guard::new(listen, vec!["box.lan".to_owned()], None);
        let admitted = guard.admit(&mut parsed(target, fields), &[]);
        admitted.err().map(|refusal| refusal.status().as_u16())
    }

    /// What becomes of a target and its fields where there is a token: the status if it is refused,
    /// and how the target goes on.
    fn shown(target: &str, fields: &[(&str, &str)]) -> (Option<u16>, String) {
        let listen = SocketAddr::from(([127, 0, 0, 1], 8787));
        let guard = Guard::new(listen, Vec::new(), Some(TOKEN.parse().unwrap()));
        let mut head = parsed(target, &[&[("host", "localhost")], fields].concat());
        let admitted = guard.admit(&mut head, &[Route::api()]);
        assert_eq!(head.fields.all(token::FIELD).count(), 0);
        let status = admitted.err().map(|refusal| refusal.status().as_u16());
        (status, String::from_utf8(head.target.to_vec()).unwrap())
    }

    #[test]
    fn only_our_own_names_are_hosts() {
        for host in [
            "localhost",
            "LOCALHOST:8787",
            "127.0.0.1:8787",
            "127.9.9.9",
            "[::1]:8787",
            "10.1.2.3:8787",
            "Box.LAN:8787",
        ] {
            assert_eq!(status("/", &[("host", host)]), None, "{host}");
        }
        for host in [
            "evil.example",
            "10.1.2.4",
            "localhost.evil.example:8787",
            "127.0.0.1.evil.example",
            "x.box.lan",
            "localhost.",
            "2130706433",
            "0x7f.1",
            "127.1",
            "[::ffff:127.0.0.1]",
        ] {
            assert_eq!(status("/", &[("host", host)]), Some(421), "{host}");
        }
        for host in [
            "local host",
            "user@localhost",
            "localhost@evil.example",
            "localhost/",
            "",
            "::1",
        ] {
            assert_eq!(status("/", &[("host", host)]), Some(400), "{host}");
        }
        for host in ["[::1%25lo]", "[127.0.0.1]", "[localhost]", "[[::1]]"] {
            assert!(status("/", &[("host", host)]).is_some(), "{host}");
        }
        assert_eq!(
            status("http://evil.example/", &[("host", "localhost")]),
            Some(421)
        );
        assert_eq!(
            status("http://127.0.0.1:1/", &[("host", "evil.example")]),
            None
        );
    }

    #[test]
    fn web_pages_are_refused() {
        let with = |name, value| status("/", &[("host", "localhost"), (name, value)]);
        for value in [
            "https://evil.example",
            "null",
            "",
            "http://localhost.evil.example",
            "http://localhost:3000",
            "HTTP://LOCALHOST",
        ] {
            assert_eq!(with("oRiGiN", value), Some(403), "{value}");
        }
        for value in ["cross-site", "same-site", "same-origin"] {
            assert_eq!(with("sec-fetch-site", value), Some(403), "{value}");
        }
        assert_eq!(with("sec-fetch-site", "none"), None);
    }

    #[test]
    fn the_token_is_taken_off_whatever_carries_it() {
        let taken = (None, "/v1/x?y".to_owned());
        assert_eq!(shown(&format!("/{TOKEN}/v1/x?y"), &[]), taken);
        let field = ("X-CodexTap-Token", TOKEN);
        assert_eq!(shown("/v1/x?y", &[field]), taken);
        assert_eq!(shown(&format!("/{TOKEN}/v1/x?y"), &[field, field]), taken);
        let absolute = shown(&format!("http://localhost/{TOKEN}/v1/x"), &[]);
        assert_eq!(absolute, (None, "http://localhost/v1/x".to_owned()));
    }

    #[test]
    fn nothing_but_the_token_in_its_place_opens() {
        let upper = TOKEN.to_uppercase();
        for (target, left) in [
            ("/v1/x".to_owned(), "/v1/x"),
            (format!("/{upper}/v1/x"), "/v1/x"),
            (format!("/{}/v1/x", &TOKEN[1..]), "/v1/x"),
            (format!("/{TOKEN}x/v1/x"), "/v1/x"),
            (format!("/%30{}/v1/x", &TOKEN[1..]), "/v1/x"),
            (format!("/v1/{TOKEN}/x"), &format!("/v1/{TOKEN}/x")),
            (format!("/v1/x?{TOKEN}"), &format!("/v1/x?{TOKEN}")),
            (format!("//{TOKEN}/v1/x"), &format!("/{TOKEN}/v1/x")),
            (format!("/{TOKEN}"), &format!("/{TOKEN}")),
            ("*".to_owned(), "*"),
        ] {
            assert_eq!(
                shown(&target, &[]),
                (Some(401), left.to_owned()),
                "{target}"
            );
        }
        let wrong = ("x-codextap-token", "");
        let right = ("x-codextap-token", TOKEN);
        for fields in [&[wrong][..], &[right, wrong], &[wrong, right]] {
            assert_eq!(shown("/v1/x", fields).0, Some(401));
            assert_eq!(shown(&format!("/{TOKEN}/v1/x"), fields).0, Some(401));
        }
    }

    #[test]
    fn a_token_that_would_be_forwarded_is_refused() {
        let twice = format!("/{TOKEN}/{TOKEN}/v1/x");
        assert_eq!(shown(&twice, &[]).0, Some(400));
        assert_eq!(shown(&format!("/{TOKEN}/v1/x?t={TOKEN}"), &[]).0, Some(400));
        let referer = format!("http://localhost/{TOKEN}/");
        let target = format!("/{TOKEN}/v1/x");
        assert_eq!(shown(&target, &[("referer", &referer)]).0, Some(400));
    }
}
