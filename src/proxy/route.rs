//! Which path leads to which upstream.
//!
//! A prefix matches whole path segments: `/v1` takes `/v1` and `/v1/responses`, not `/v1x`. The
//! path is passed on as it is, percent-encoding and dot segments included; an upstream URL with a
//! path of its own puts it in front.

use std::sync::Arc;

use http::Uri;
use http::uri::{Authority, PathAndQuery, Scheme};

use super::error::Error;

/// A path prefix and the upstream it leads to.
#[derive(Clone, Debug)]
pub struct Route {
    /// Begins with a slash and does not end with one; empty matches every path.
    prefix: String,
    scheme: Scheme,
    authority: Authority,
    /// The upstream URL's own path, without a slash at its end.
    base: String,
    /// Scheme and authority.
    origin: Arc<str>,
}

impl Route {
    /// Sends paths below `prefix` to `url`, an `http` or `https` URL without user, query or
    /// fragment.
    pub fn new(prefix: &str, url: &str) -> Result<Self, Error> {
        if !prefix.starts_with('/') || prefix.contains(['?', '#']) {
            return Err(Error::Prefix(prefix.to_owned()));
        }
        let not_http = || Error::NotHttp(without_user(url));
        let extra = |part| Error::UrlPart {
            url: without_user(url),
            part,
        };
        if url.contains('#') {
            return Err(extra("fragment"));
        }
        let parts = url.parse::<Uri>().map_err(|_| not_http())?.into_parts();
        let (Some(scheme), Some(authority)) = (parts.scheme, parts.authority) else {
            return Err(not_http());
        };
        if (scheme != Scheme::HTTP && scheme != Scheme::HTTPS) || authority.host().is_empty() {
            return Err(not_http());
        }
        if authority.as_str().contains('@') {
            return Err(extra("user name or password"));
        }
        let path = parts
            .path_and_query
            .unwrap_or_else(|| PathAndQuery::from_static("/"));
        if path.query().is_some() {
            return Err(extra("query"));
        }
        Ok(Self {
            prefix: prefix.trim_end_matches('/').to_owned(),
            base: path.path().trim_end_matches('/').to_owned(),
            origin: format!("{scheme}://{authority}").into(),
            scheme,
            authority,
        })
    }

    /// `/v1/` to OpenAI's API, which API keys are for.
    #[must_use]
    pub fn api() -> Self {
        Self::fixed("/v1", "api.openai.com")
    }

    /// `/backend-api/` to ChatGPT, which a ChatGPT login is for.
    #[must_use]
    pub fn chatgpt() -> Self {
        Self::fixed("/backend-api", "chatgpt.com")
    }

    fn fixed(prefix: &str, host: &'static str) -> Self {
        Self {
            prefix: prefix.to_owned(),
            scheme: Scheme::HTTPS,
            authority: Authority::from_static(host),
            base: String::new(),
            origin: format!("https://{host}").into(),
        }
    }

    /// The prefix, with a slash at its end.
    #[must_use]
    pub fn prefix(&self) -> String {
        format!("{}/", self.prefix)
    }

    /// Which prefix leads where, as `--route` takes it.
    #[must_use]
    pub fn told(&self) -> String {
        format!("{}={}{}", self.prefix, self.origin, self.base)
    }

    /// Scheme and authority of the upstream.
    #[must_use]
    pub fn origin(&self) -> &Arc<str> {
        &self.origin
    }

    /// The `Host` field that the upstream expects.
    pub(super) fn host(&self) -> &[u8] {
        self.authority.as_str().as_bytes()
    }

    /// The origin as a URL.
    pub(super) fn url(&self) -> Result<Uri, http::Error> {
        Uri::builder()
            .scheme(self.scheme.clone())
            .authority(self.authority.clone())
            .path_and_query("/")
            .build()
    }

    /// Whether the upstream is asked over TLS, its name or address (IPv6 without brackets), its port.
    pub(super) fn place(&self) -> (bool, &str, u16) {
        let tls = self.scheme == Scheme::HTTPS;
        let port = self.authority.port_u16();
        let host = self.authority.host().trim_matches(['[', ']']);
        (tls, host, port.unwrap_or(if tls { 443 } else { 80 }))
    }

    /// What a path and query become at the upstream: its own path stands in front, and their
    /// spelling is not touched. `*` (RFC 9112 §3.2.4) stays what it is.
    pub(super) fn target(&self, path_and_query: &[u8]) -> Vec<u8> {
        if path_and_query == b"*" {
            return path_and_query.to_vec();
        }
        [self.base.as_bytes(), path_and_query].concat()
    }

    /// Whether it takes every path.
    pub(super) fn is_catch_all(&self) -> bool {
        self.prefix.is_empty()
    }

    fn matches(&self, path: &[u8]) -> bool {
        path.strip_prefix(self.prefix.as_bytes())
            .is_some_and(|rest| matches!(rest.first(), None | Some(b'/')))
            || self.prefix.is_empty()
    }
}

/// `url` without its user-info (RFC 3986 §3.2.1): a password is not shown.
fn without_user(url: &str) -> String {
    let Some((user, rest)) = url.rsplit_once('@') else {
        return url.to_owned();
    };
    let scheme = user.find("://").map_or(0, |at| at + 3);
    format!("{}…@{rest}", &user[..scheme])
}

/// The route with the longest prefix that matches `path`.
pub(super) fn find<'a>(routes: &'a [Route], path: &[u8]) -> Option<&'a Route> {
    routes
        .iter()
        .filter(|route| route.matches(path))
        .max_by_key(|route| route.prefix.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_prefix_wins_at_segment_boundaries() {
        let routes = [
            Route::new("/v1/", "http://a").unwrap(),
            Route::new("/v1/special", "http://b").unwrap(),
            Route::new("/backend-api", "http://c").unwrap(),
        ];
        let found =
            |path: &str| find(&routes, path.as_bytes()).map(|route| route.origin().to_string());
        assert_eq!(found("/v1").as_deref(), Some("http://a"));
        assert_eq!(found("/v1/responses").as_deref(), Some("http://a"));
        assert_eq!(found("/v1/special/x").as_deref(), Some("http://b"));
        assert_eq!(found("/v1/specials").as_deref(), Some("http://a"));
        assert_eq!(found("/backend-api/codex").as_deref(), Some("http://c"));
        assert_eq!(found("/v1x"), None);
        assert_eq!(found("/"), None);
        assert_eq!(found("*"), None);
    }

    #[test]
    fn targets_keep_their_spelling() {
        let target = |url: &str, path: &str| {
            let route = Route::new("/", url).unwrap();
            String::from_utf8(route.target(path.as_bytes())).unwrap()
        };
        let odd = "/v1/a%2Fb/../%7e?x=%20&y=a+b&&";
        assert_eq!(target("https://h", odd), odd);
        assert_eq!(target("http://h:81/base/", odd), format!("/base{odd}"));
        assert_eq!(target("http://h/base", "*"), "*");
    }

    #[test]
    fn bad_urls_are_named() {
        let error = |url| Route::new("/v1", url).unwrap_err().to_string();
        for url in [
            "foo",
            "",
            "ftp://h",
            "http://",
            "//h",
            "http:/h",
            "h:80",
            "https:///x",
        ] {
            assert_eq!(error(url), format!("{url:?} is not an http or https URL"));
        }
        assert_eq!(
            error("http://u:p@h"),
            r#""http://…@h" must not have a user name or password"#
        );
        assert_eq!(
            error("http://u:p w@h"),
            r#""http://…@h" is not an http or https URL"#
        );
        assert_eq!(
            error("http://h/?a=b"),
            r#""http://h/?a=b" must not have a query"#
        );
        assert_eq!(
            error("http://h/#a"),
            r#""http://h/#a" must not have a fragment"#
        );
        let prefix = Route::new("v1", "http://h").unwrap_err().to_string();
        assert_eq!(prefix, r#""v1" is not a path that begins with a slash"#);
    }
}
