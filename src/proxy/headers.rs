//! Header fields that belong to one connection and not to the message (RFC 9110 §7.6.1).

use http::header::{CONNECTION, HOST, HeaderName, TE, TRANSFER_ENCODING, UPGRADE};
use http::{HeaderMap, HeaderValue};

/// Turns a request's fields into what the upstream gets.
pub(super) fn to_upstream(headers: &mut HeaderMap, host: &HeaderValue) {
    let trailers = lists(headers, &TE, "trailers");
    strip(headers);
    if trailers {
        headers.insert(TE, HeaderValue::from_static("trailers"));
    }
    headers.insert(HOST, host.clone());
}

/// Drops the fields that end at this hop: `Connection`, what it nominates, and the well-known ones.
pub(super) fn strip(headers: &mut HeaderMap) {
    let nominated: Vec<HeaderName> = tokens(headers, &CONNECTION)
        .filter_map(|token| HeaderName::try_from(token).ok())
        // Naming these would not make them hop-by-hop but break the message (RFC 9110 §7.6.1).
        .filter(|name| !matches!(name.as_str(), "host" | "content-length" | "authorization"))
        .collect();
    let known = [
        CONNECTION,
        TE,
        TRANSFER_ENCODING,
        UPGRADE,
        KEEP_ALIVE,
        PROXY_CONNECTION,
    ];
    for name in nominated.into_iter().chain(known) {
        headers.remove(name);
    }
}

/// Whether the fields ask for a WebSocket (RFC 6455 §4.1), and how they spell the upgrade.
pub(super) fn websocket(headers: &HeaderMap) -> Option<HeaderValue> {
    if !lists(headers, &CONNECTION, "upgrade") || !lists(headers, &UPGRADE, "websocket") {
        return None;
    }
    headers.get(UPGRADE).cloned()
}

/// Whether the list field `name` has the member `token`, in any case.
pub(super) fn lists(headers: &HeaderMap, name: &HeaderName, token: &str) -> bool {
    tokens(headers, name).any(|member| member.eq_ignore_ascii_case(token))
}

/// The members of the list field `name` without their parameters.
fn tokens<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a str> {
    let lines = headers
        .get_all(name)
        .into_iter()
        .filter_map(|line| line.to_str().ok());
    let members = lines.flat_map(|line| line.split(','));
    members.map(|member| member.split(';').next().unwrap_or_default().trim())
}

const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
const PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");

#[cfg(test)]
mod tests {
    use super::*;

    fn map(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(
                HeaderName::from_static(name),
                HeaderValue::from_static(value),
            );
        }
        headers
    }

    fn names(headers: &HeaderMap) -> Vec<&str> {
        let mut names: Vec<&str> = headers.iter().map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        names
    }

    #[test]
    fn fields_of_the_hop_end_here() {
        let mut headers = map(&[
            ("host", "127.0.0.1:8787"),
            ("connection", "keep-alive, X-Hop"),
            ("connection", "Host, content-length"),
            ("x-hop", "1"),
            ("keep-alive", "timeout=5"),
            ("proxy-connection", "keep-alive"),
            ("te", "gzip, Trailers;q=1"),
            ("transfer-encoding", "chunked"),
            ("upgrade", "h2c"),
            ("content-length", "3"),
            ("trailer", "x-sum"),
            ("x-end", "1"),
            ("x-end", "2"),
        ]);
        to_upstream(&mut headers, &HeaderValue::from_static("up:1"));
        assert_eq!(
            names(&headers),
            ["content-length", "host", "te", "trailer", "x-end", "x-end"]
        );
        assert_eq!(headers[HOST], "up:1");
        assert_eq!(headers[TE], "trailers");
    }

    #[test]
    fn a_websocket_needs_both_fields() {
        let asked = map(&[
            ("connection", "keep-alive, Upgrade"),
            ("upgrade", "WebSocket"),
        ]);
        assert_eq!(websocket(&asked).unwrap(), "WebSocket");
        assert!(websocket(&map(&[("upgrade", "websocket")])).is_none());
        assert!(websocket(&map(&[("connection", "upgrade"), ("upgrade", "h2c")])).is_none());
    }
}
