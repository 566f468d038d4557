//! `NO_PROXY`: which hosts no outer proxy is used for.
//!
//! The list is read as curl reads it (<https://everything.curl.dev/usingcurl/proxies/env.html>), with
//! a port where Go and others allow one: members separated by commas or white space, each of them
//!
//! - `*`: every host;
//! - `example.com`, `.example.com` or `*.example.com`: that domain and all under it;
//! - `10.1.2.3`, `::1` or `[::1]`: that address; names are not resolved to be compared with it;
//! - `10.0.0.0/8`, `fd00::/8`: that network (RFC 4632, RFC 4291 §2.3);
//! - any of those with `:port` behind it (an IPv6 address in brackets then): only at that port.
//!
//! What is none of them matches nothing.

use std::net::IpAddr;

/// A list of hosts.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(super) struct NoProxy {
    members: Vec<Member>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
struct Member {
    host: Host,
    /// `None`: any port.
    port: Option<u16>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum Host {
    Any,
    /// A domain without the dots around it.
    Domain(String),
    /// Addresses that share so many bits with this one.
    Network(IpAddr, u8),
}

impl NoProxy {
    /// Reads a list.
    pub(super) fn parse(list: &str) -> Self {
        let members = list.split(|c: char| c == ',' || c.is_whitespace());
        Self {
            members: members.filter_map(Member::parse).collect(),
        }
    }

    /// Whether `host` is on the list: a name, or an address without brackets.
    pub(super) fn lists(&self, host: &str, port: u16) -> bool {
        let host = host.strip_suffix('.').unwrap_or(host);
        let address = host.parse::<IpAddr>().ok();
        self.members.iter().any(|member| {
            let is_host = match (&member.host, address) {
                (Host::Any, _) => true,
                (Host::Domain(domain), None) => is_under(host, domain),
                (Host::Network(network, bits), Some(address)) => {
                    is_in(address.to_canonical(), *network, *bits)
                }
                _ => false,
            };
            is_host && member.port.is_none_or(|wanted| wanted == port)
        })
    }
}

impl Member {
    fn parse(text: &str) -> Option<Self> {
        if let Some(host) = Host::parse(text) {
            return Some(Self { host, port: None });
        }
        let (host, port) = text.rsplit_once(':')?;
        Some(Self {
            host: Host::parse(host)?,
            port: Some(port.parse().ok()?),
        })
    }
}

impl Host {
    fn parse(text: &str) -> Option<Self> {
        if text == "*" {
            return Some(Self::Any);
        }
        let bare = text
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'));
        if let Ok(address) = bare.unwrap_or(text).parse::<IpAddr>() {
            let address = address.to_canonical();
            return Some(Self::Network(address, width(address)));
        }
        if let Some((address, bits)) = text.split_once('/') {
            let (address, bits) = (address.parse().ok()?, bits.parse().ok()?);
            return (bits <= width(address)).then_some(Self::Network(address, bits));
        }
        let domain = text.strip_prefix('*').unwrap_or(text);
        let domain = domain.strip_prefix('.').unwrap_or(domain);
        let domain = domain.strip_suffix('.').unwrap_or(domain);
        let is_name = !domain.is_empty() && !domain.contains([':', '/', '*', '[', ']']);
        is_name.then(|| Self::Domain(domain.to_owned()))
    }
}

/// Whether `host` is `domain` or a name under it.
fn is_under(host: &str, domain: &str) -> bool {
    let Some(start) = host.len().checked_sub(domain.len()) else {
        return false;
    };
    let is_label = start == 0 || host.as_bytes()[start - 1] == b'.';
    is_label && host.as_bytes()[start..].eq_ignore_ascii_case(domain.as_bytes())
}

/// Whether the first `bits` of both are the same.
fn is_in(address: IpAddr, network: IpAddr, bits: u8) -> bool {
    let differing = match (address, network) {
        (IpAddr::V4(one), IpAddr::V4(other)) => (one.to_bits() ^ other.to_bits()).leading_zeros(),
        (IpAddr::V6(one), IpAddr::V6(other)) => (one.to_bits() ^ other.to_bits()).leading_zeros(),
        _ => return false,
    };
    differing >= u32::from(bits)
}

/// How many bits an address of that kind has.
fn width(address: IpAddr) -> u8 {
    match address {
        IpAddr::V4(_) => 32,
        IpAddr::V6(_) => 128,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn hosts_are_listed_as_curl_lists_them() {
        #[rustfmt::skip]
        let table = [
            // list, host, port, listed
            ("", "example.com", 443, false),
            (" , ,", "example.com", 443, false),
            ("*", "example.com", 443, true),
            ("*", "10.1.2.3", 443, true),
            ("*:80", "example.com", 443, false),
            ("example.com", "example.com", 443, true),
            ("example.com", "EXAMPLE.com", 443, true),
            ("Example.COM.", "example.com", 443, true),
            ("example.com", "example.com.", 443, true),
            ("example.com", "www.example.com", 443, true),
            ("example.com", "notexample.com", 443, false),
            ("example.com", "example.com.evil", 443, false),
            ("example.com", "com", 443, false),
            (".example.com", "example.com", 443, true),
            (".example.com", "a.b.example.com", 443, true),
            (".example.com", "notexample.com", 443, false),
            ("*.example.com", "www.example.com", 443, true),
            ("ex*ple.com", "example.com", 443, false),
            ("a.test,b.test", "b.test", 80, true),
            ("a.test, b.test", "b.test", 80, true),
            ("a.test b.test", "b.test", 80, true),
            ("example.com:443", "example.com", 443, true),
            ("example.com:443", "www.example.com", 443, true),
            ("example.com:443", "example.com", 80, false),
            ("example.com:x", "example.com", 80, false),
            ("10.1.2.3", "10.1.2.3", 80, true),
            ("10.1.2.3", "110.1.2.3", 80, false),
            ("10.1.2.3:80", "10.1.2.3", 80, true),
            ("10.1.2.3:80", "10.1.2.3", 81, false),
            ("10.0.0.0/8", "10.255.0.1", 80, true),
            ("10.0.0.0/8", "11.0.0.1", 80, false),
            ("10.0.0.0/8:80", "10.255.0.1", 443, false),
            ("10.1.2.3/33", "10.1.2.3", 80, false),
            ("0.0.0.0/0", "192.0.2.1", 80, true),
            ("0.0.0.0/0", "::1", 80, false),
            ("::1", "::1", 80, true),
            ("[::1]", "0:0::1", 80, true),
            ("[::1]:80", "::1", 80, true),
            ("[::1]:80", "::1", 81, false),
            ("fd00::/8", "fd12::1", 80, true),
            ("fd00::/8", "fe80::1", 80, false),
            ("10.1.2.3", "::ffff:10.1.2.3", 80, true),
            ("2.3", "10.1.2.3", 80, false),
        ];
        for (list, host, port, listed) in table {
            let found = NoProxy::parse(list).lists(host, port);
            assert_eq!(found, listed, "{list:?} {host} {port}");
        }
    }

    proptest! {
        #[test]
        fn a_network_lists_what_shares_its_first_bits(a: u32, b: u32, bits in 0_u8..=32) {
            let list = format!("{}/{bits}", std::net::Ipv4Addr::from_bits(a));
            let host = std::net::Ipv4Addr::from_bits(b).to_string();
            let mask = u32::MAX.checked_shl(32 - u32::from(bits)).unwrap_or(0);
            prop_assert_eq!(NoProxy::parse(&list).lists(&host, 1), a & mask == b & mask);
        }

        #[test]
        fn any_text_is_a_list(list in ".*", host in ".*", port: u16) {
            NoProxy::parse(&list).lists(&host, port);
        }
    }
}
