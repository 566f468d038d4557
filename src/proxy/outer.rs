//! Outer proxies: which one leads to an upstream, if any, and what it has to be told.
//!
//! One is named by hand or by the variables that curl and most other programs read
//! (<https://curl.se/docs/manpage.html#ENVIRONMENT>): `https_proxy` and `http_proxy` by the upstream's
//! scheme, `all_proxy` for what they leave open, in lower case or upper, except that `HTTP_PROXY` is not
//! read: in a CGI program it is a header field that a client sent. `no_proxy` lists the hosts that
//! go without ([`no_proxy`](super::no_proxy)), whoever named the proxy.
//!
//! Variables are set for a whole session and with the outside in mind. So the proxies that they name
//! are not used for this machine's loopback, which no other machine could reach; one named by hand is.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::Uri;

use super::error::Error;
use super::no_proxy::NoProxy;

/// Which outer proxy leads to which upstream; by default there is none.
#[derive(Clone, Default, Debug)]
pub struct OuterProxies {
    /// For `http` upstreams.
    http: Option<Arc<OuterProxy>>,
    /// For `https` upstreams.
    https: Option<Arc<OuterProxy>>,
    /// The hosts that go without.
    except: NoProxy,
    /// Whether loopback goes without, too.
    spares_loopback: bool,
}

impl OuterProxies {
    /// The proxy at `url` for all upstreams but those that `no_proxy` lists.
    ///
    /// `url` is `http://`, `https://`, `socks5://` (names are resolved here) or `socks5h://` (by the
    /// proxy) with a host, and perhaps `user:password@` in front of it and a port behind it. Without
    /// a scheme it is `http`.
    ///
    /// # Errors
    /// [`Error::OuterProxy`] when the URL cannot be used.
    pub fn named(url: &str, no_proxy: &str) -> Result<Self, Error> {
        let proxy = Arc::new(OuterProxy::parse(url).map_err(Error::OuterProxy)?);
        Ok(Self {
            http: Some(Arc::clone(&proxy)),
            https: Some(proxy),
            except: NoProxy::parse(no_proxy),
            spares_loopback: false,
        })
    }

    /// The proxies that environment variables name; `variable` gives their values.
    ///
    /// # Errors
    /// [`Error::OuterProxy`] with the variable's name in front when its URL cannot be used.
    pub fn of_variables(variable: impl Fn(&str) -> Option<String>) -> Result<Self, Error> {
        let first = |names: &[&str]| {
            let set = names.iter().find_map(|name| {
                let value = variable(name).filter(|value| !value.trim().is_empty())?;
                Some(((*name).to_owned(), value))
            });
            set.map(|(name, url)| {
                let parsed = OuterProxy::parse(&url).map(Arc::new);
                parsed.map_err(|why| Error::OuterProxy(format!("{name}: {why}")))
            })
            .transpose()
        };
        let no_proxy = variable("no_proxy").or_else(|| variable("NO_PROXY"));
        Ok(Self {
            http: first(&["http_proxy", "all_proxy", "ALL_PROXY"])?,
            https: first(&["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"])?,
            except: NoProxy::parse(&no_proxy.unwrap_or_default()),
            spares_loopback: true,
        })
    }

    /// The proxy that leads to `host` (IPv6 without brackets) for an upstream with TLS or without.
    pub(super) fn find(&self, tls: bool, host: &str, port: u16) -> Option<&Arc<OuterProxy>> {
        let proxy = if tls { &self.https } else { &self.http };
        proxy.as_ref().filter(|_| {
            let is_spared = self.spares_loopback && is_loopback(host);
            !is_spared && !self.except.lists(host, port)
        })
    }
}

/// A proxy between this one and an upstream.
#[derive(Debug)]
pub(super) struct OuterProxy {
    pub(super) protocol: Protocol,
    /// Name or address, IPv6 without brackets.
    pub(super) host: String,
    pub(super) port: u16,
    /// Who we are to it.
    pub(super) credentials: Option<Credentials>,
    /// Scheme, host and port: how it is called wherever it is spoken of.
    pub(super) name: Arc<str>,
}

/// What an outer proxy speaks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Protocol {
    /// HTTP's CONNECT (RFC 9110 §9.3.6).
    Http,
    /// The same over TLS.
    Https,
    /// SOCKS 5 (RFC 1928), given addresses.
    Socks5,
    /// SOCKS 5, given names.
    Socks5h,
}

/// A user name and a password, which cannot be printed.
pub(super) struct Credentials {
    pub(super) user: Vec<u8>,
    pub(super) password: Vec<u8>,
}

impl OuterProxy {
    /// Reads a URL; or says what is wrong with it, without any word of it but its scheme: the others
    /// may be the password.
    fn parse(url: &str) -> Result<Self, String> {
        let (scheme, rest) = url.trim().split_once("://").unwrap_or(("http", url.trim()));
        let (protocol, port) = match &scheme.to_ascii_lowercase()[..] {
            "http" => (Protocol::Http, 80),
            "https" => (Protocol::Https, 443),
            "socks5" => (Protocol::Socks5, 1080),
            "socks5h" => (Protocol::Socks5h, 1080),
            _ if url.contains('@') => return Err(format!("not a proxy's URL: {EXPECTED}")),
            _ => {
                return Err(format!(
                    "a {scheme:.20}:// proxy cannot be used: {EXPECTED}"
                ));
            }
        };
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        if rest.len() > authority.len() && rest.contains('@') && !authority.contains('@') {
            return Err(
                "not a proxy's URL: write / ? # @ in a user name or password as %2F %3F %23 %40"
                    .to_owned(),
            );
        }
        let (user, place) = authority.rsplit_once('@').unwrap_or(("", authority));
        let not_a_place = || format!("not a proxy's URL: {EXPECTED}");
        let place = format!("http://{place}")
            .parse::<Uri>()
            .map_err(|_| not_a_place())?;
        let host = place
            .host()
            .filter(|host| !host.is_empty())
            .ok_or_else(not_a_place)?;
        let port = match place
            .authority()
            .and_then(|place| place.as_str().strip_prefix(host))
        {
            None | Some("" | ":") => port,
            Some(port) => port[1..].parse().map_err(|_| not_a_place())?,
        };
        let name = format!("{}://{host}:{port}", scheme.to_ascii_lowercase());
        Ok(Self {
            protocol,
            host: host.trim_matches(['[', ']']).to_owned(),
            port,
            credentials: Credentials::parse(user, protocol)?,
            name: name.into(),
        })
    }
}

impl Credentials {
    /// Reads `user:password` with its percent-encoding (RFC 3986 §3.2.1).
    fn parse(text: &str, protocol: Protocol) -> Result<Option<Self>, String> {
        if text.is_empty() {
            return Ok(None);
        }
        let (user, password) = text.split_once(':').unwrap_or((text, ""));
        let (user, password) = (decoded(user), decoded(password));
        match protocol {
            // RFC 7617 §2: the first colon ends the user name.
            Protocol::Http | Protocol::Https if user.contains(&b':') => {
                Err("a proxy's user name must not have a colon in it".to_owned())
            }
            // RFC 1929 §2: one byte tells how long each is.
            Protocol::Socks5 | Protocol::Socks5h if user.len().max(password.len()) > 255 => {
                Err("a SOCKS user name or password is longer than 255 bytes".to_owned())
            }
            _ => Ok(Some(Self { user, password })),
        }
    }

    /// The value of `Proxy-Authorization` (RFC 7617 §2).
    pub(super) fn basic(&self) -> String {
        let pair = [&self.user[..], b":", &self.password].concat();
        format!("Basic {}", STANDARD.encode(pair))
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials")
    }
}

/// Undoes percent-encoding (RFC 3986 §2.1); what is none stays as it is.
fn decoded(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        let code = behind
            .get(..2)
            .filter(|code| code.iter().all(u8::is_ascii_hexdigit));
        let code = code.and_then(|code| u8::from_str_radix(str::from_utf8(code).ok()?, 16).ok());
        if let Some(byte) = code.filter(|_| *first == b'%') {
            bytes.push(byte);
            rest = &behind[2..];
        } else {
            bytes.push(*first);
            rest = behind;
        }
    }
    bytes
}

fn is_loopback(host: &str) -> bool {
    let host = host.strip_suffix('.').unwrap_or(host);
    let address = host.parse::<IpAddr>().ok();
    host.eq_ignore_ascii_case("localhost")
        || address.is_some_and(|address| address.to_canonical().is_loopback())
}

/// What a proxy's URL looks like.
const EXPECTED: &str =
    "expected http://, https://, socks5:// or socks5h:// with a host and perhaps a port";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_read_and_never_told_with_their_passwords() {
        let table = [
            (
                "http://proxy:3128",
                Protocol::Http,
                "proxy",
                "http://proxy:3128",
                None,
            ),
            (
                "proxy:3128",
                Protocol::Http,
                "proxy",
                "http://proxy:3128",
                None,
            ),
            (
                "HTTPS://proxy/",
                Protocol::Https,
                "proxy",
                "https://proxy:443",
                None,
            ),
            (
                "http://proxy",
                Protocol::Http,
                "proxy",
                "http://proxy:80",
                None,
            ),
            (
                "socks5://[::1]",
                Protocol::Socks5,
                "::1",
                "socks5://[::1]:1080",
                None,
            ),
            (
                "socks5h://u%40x:p%3aw%2F@h:9",
                Protocol::Socks5h,
                "h",
                "socks5h://h:9",
                Some(("u@x", "p:w/")),
            ),
            (
                "http://u:p@ss@h",
                Protocol::Http,
                "h",
                "http://h:80",
                Some(("u", "p@ss")),
            ),
            (
                "u:100%@h:1",
                Protocol::Http,
                "h",
                "http://h:1",
                Some(("u", "100%")),
            ),
            (
                "http://token@h",
                Protocol::Http,
                "h",
                "http://h:80",
                Some(("token", "")),
            ),
        ];
        for (url, protocol, host, name, credentials) in table {
            let proxy = OuterProxy::parse(url).unwrap();
            assert_eq!(
                (proxy.protocol, &proxy.host[..], &*proxy.name),
                (protocol, host, name)
            );
            let told = proxy
                .credentials
                .as_ref()
                .map(|known| (&known.user[..], &known.password[..]));
            let expected =
                credentials.map(|(user, password)| (user.as_bytes(), password.as_bytes()));
            assert_eq!(told, expected, "{url}");
            let debug = format!("{proxy:?}");
            assert!(!debug.contains("p:w") && !debug.contains("ss@"), "{debug}");
        }
        let aladdin = OuterProxy::parse("http://Aladdin:open%20sesame@h").unwrap();
        let basic = aladdin.credentials.unwrap().basic();
        assert_eq!(basic, "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==", "RFC 7617 §2");
    }

    #[test]
    fn bad_urls_are_refused_without_a_word_of_them() {
        for url in [
            "",
            "http://",
            "http://u:secret@",
            "http://u:secret",
            "http://u:sec/ret@h",
            "ftp://u:secret@h",
            "socks4://h",
            "http://h:secret",
            "http://h:99999",
            "http://u%3ax:secret@h",
            "http://h h",
        ] {
            let why = OuterProxy::parse(url).unwrap_err();
            assert!(!why.contains("sec"), "{url}: {why}");
        }
        let long = format!("socks5://u:{}@h", "x".repeat(256));
        assert!(OuterProxy::parse(&long).is_err());
    }

    /// Variables, and the proxies for an `http` and an `https` upstream.
    type Row = (
        &'static [(&'static str, &'static str)],
        Option<&'static str>,
        Option<&'static str>,
    );

    fn of(variables: &[(&str, &str)]) -> Result<OuterProxies, Error> {
        OuterProxies::of_variables(|name| {
            let set = variables.iter().find(|(set, _)| *set == name);
            set.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn variables_are_read_as_curl_reads_them() {
        let table: [Row; 8] = [
            (&[], None, None),
            (&[("HTTPS_PROXY", "a")], None, Some("http://a:80")),
            (
                &[("https_proxy", "a"), ("HTTPS_PROXY", "b")],
                None,
                Some("http://a:80"),
            ),
            (&[("http_proxy", "a")], Some("http://a:80"), None),
            (&[("HTTP_PROXY", "a")], None, None),
            (
                &[("all_proxy", "a")],
                Some("http://a:80"),
                Some("http://a:80"),
            ),
            (
                &[("ALL_PROXY", "a"), ("https_proxy", "")],
                Some("http://a:80"),
                Some("http://a:80"),
            ),
            (
                &[
                    ("ALL_PROXY", "socks5://a"),
                    ("HTTPS_PROXY", "b"),
                    ("no_proxy", "c.test"),
                ],
                Some("socks5://a:1080"),
                Some("http://b:80"),
            ),
        ];
        for (variables, http, https) in table {
            let proxies = of(variables).unwrap();
            let found = |tls| {
                proxies
                    .find(tls, "example.com", 443)
                    .map(|proxy| &*proxy.name)
            };
            assert_eq!((found(false), found(true)), (http, https), "{variables:?}");
            assert!(
                proxies.find(true, "c.test", 443).is_none()
                    == (https.is_none() || variables.len() == 3)
            );
            for loopback in ["localhost", "127.1.2.3", "::1"] {
                assert!(proxies.find(true, loopback, 443).is_none());
            }
        }
        let error = of(&[("ALL_PROXY", "socks4://h")]).unwrap_err().to_string();
        assert!(
            error.starts_with("ALL_PROXY: a socks4:// proxy cannot be used"),
            "{error}"
        );
    }

    #[test]
    fn a_proxy_named_by_hand_is_for_loopback_too() {
        let proxies = OuterProxies::named("http://proxy", "localhost,10.0.0.0/8").unwrap();
        for (host, goes) in [
            ("127.0.0.1", true),
            ("localhost", false),
            ("10.9.9.9", false),
        ] {
            assert_eq!(proxies.find(false, host, 80).is_some(), goes, "{host}");
        }
    }
}
