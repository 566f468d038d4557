//! Where credentials stand in URLs: user-info (RFC 3986 §3.2.1), and secret parameters of the query or
//! the fragment.
//!
//! URLs are looked for in any text, JSON included, where `/` may be written `\/` and `&` `\u0026`.

use std::ops::Range;

use memchr::memmem;

use super::names::is_secret_parameter;

/// The credentials in the URLs of a text, in order.
pub(super) fn in_text(text: &str) -> Vec<Range<usize>> {
    let bytes = text.as_bytes();
    let begins = |sign: &'static str| {
        let found = memmem::find_iter(bytes, sign.as_bytes());
        found.map(move |at| at + sign.len())
    };
    let mut begins: Vec<usize> = SIGNS.into_iter().flat_map(begins).collect();
    begins.sort_unstable();
    let mut secrets = Vec::new();
    // A URL within another one's query has its parameters looked at with that one's.
    let mut done = 0;
    for begin in begins {
        let is_authority =
            |byte: &u8| !matches!(byte, b'/' | b'?' | b'#' | b'\\') && !is_end(*byte);
        let authority = bytes[begin..].iter().take_while(|byte| is_authority(byte));
        let authority = begin..begin + authority.count();
        let sign = memchr::memrchr(b'@', &bytes[authority.clone()]).filter(|sign| *sign > 0);
        secrets.extend(sign.map(|sign| begin..begin + sign));
        if begin >= done {
            done = end(bytes, authority.end);
            secrets.extend(in_query(text, authority.end..done));
        }
    }
    secrets.sort_unstable_by_key(|secret| secret.start);
    secrets
}

/// Where the `://` begins of the URL that `at` stands in; of nested ones, of the innermost.
pub(super) fn around(text: &str, at: usize) -> Option<usize> {
    let bytes = text.as_bytes();
    let begin = |sign: &str| {
        let near = bytes.len().min(at + sign.len() - 1);
        let colon = memmem::rfind(&bytes[..near], sign.as_bytes())?;
        (at < end(bytes, colon + sign.len())).then_some(colon)
    };
    SIGNS.iter().filter_map(|sign| begin(sign)).max()
}

/// The credentials in a request target or a URL reference that is all of the text, in order.
pub(super) fn in_target(text: &str) -> Vec<Range<usize>> {
    let mut secrets = in_text(text);
    secrets.extend(in_query(text, 0..text.len()));
    secrets.sort_unstable_by_key(|secret| secret.start);
    secrets
}

/// The values of secret parameters behind the first `?` or `#` of a part of the text.
fn in_query(text: &str, part: Range<usize>) -> Vec<Range<usize>> {
    let sign = memchr::memchr2(b'?', b'#', &text.as_bytes()[part.clone()]);
    sign.map_or_else(Vec::new, |sign| {
        in_pairs(text, part.start + sign + 1..part.end)
    })
}

/// The credentials among the `name=value&…` of a part of the text, in order, and in the percent-encoded
/// URLs that are values there.
pub(super) fn in_pairs(text: &str, part: Range<usize>) -> Vec<Range<usize>> {
    let bytes = &text.as_bytes()[..part.end];
    let mut secrets = encoded_user_info(bytes, part.start);
    let (mut begin, mut at) = (part.start, part.start);
    while at < part.end {
        match delimiter(bytes, at) {
            Some((b'=', depth, len)) if begin < at && is_secret_parameter(&text[begin..at]) => {
                let value = at + len;
                at = value;
                // What is encoded more than the name is part of its value.
                while at < part.end
                    && delimiter(bytes, at)
                        .is_none_or(|(sign, other, _)| sign == b'=' || other > depth)
                {
                    at += 1;
                }
                if value < at {
                    secrets.push(value..at);
                }
                begin = at;
            }
            // In a value, or behind one: no name begins before the next one does.
            Some((b'=', _, len)) => {
                at += len;
                begin = part.end;
            }
            Some((_, _, len)) => {
                at += len;
                begin = at;
            }
            None => at += 1,
        }
    }
    secrets.sort_unstable_by_key(|secret| secret.start);
    secrets
}

/// The sign at `at` that divides parameters or ends a name, how many times over it is encoded, and its
/// length.
fn delimiter(bytes: &[u8], at: usize) -> Option<(u8, usize, usize)> {
    let rest = bytes.get(at..)?;
    match rest.first()? {
        sign @ (b'&' | b'?' | b'#' | b'=') => Some((*sign, 0, 1)),
        b'\\' if rest.starts_with(AMPERSAND) => Some((b'&', 0, AMPERSAND.len())),
        b'%' => {
            let (code, depth, len) = encoded(rest)?;
            let signs = [(b"26", b'&'), (b"3f", b'?'), (b"23", b'#'), (b"3d", b'=')];
            let sign = signs
                .iter()
                .find(|(hex, _)| code.eq_ignore_ascii_case(*hex));
            sign.map(|(_, sign)| (*sign, depth, len))
        }
        _ => None,
    }
}

/// The two digits of what is percent-encoded (RFC 3986 §2.1) at the beginning, how many times over it is,
/// and how long that is.
fn encoded(bytes: &[u8]) -> Option<(&[u8], usize, usize)> {
    let mut at = 1;
    // `%25` is the sign itself.
    while bytes.get(at..at + 2) == Some(b"25") {
        at += 2;
    }
    Some((bytes.get(at..at + 2)?, at.div_ceil(2), at + 2))
}

/// The user-info of percent-encoded URLs from `from` on.
fn encoded_user_info(bytes: &[u8], from: usize) -> Vec<Range<usize>> {
    let mut secrets = Vec::new();
    // Where the authority begins, and how many slashes came without anything between them.
    let (mut begin, mut slashes) = (None, 0);
    let mut at = from;
    while let Some(percent) = memchr::memchr(b'%', &bytes[at..]) {
        let start = at + percent;
        let Some((code, _, len)) = encoded(&bytes[start..]) else {
            break;
        };
        if memchr::memchr2(b'&', b'/', &bytes[at..start]).is_some() {
            begin = None;
        }
        slashes = if percent > 0 { 0 } else { slashes };
        match &[code[0].to_ascii_lowercase(), code[1].to_ascii_lowercase()] {
            b"2f" => {
                slashes += 1;
                begin = (slashes == 2).then_some(start + len);
            }
            b"40" => {
                secrets.extend(
                    begin
                        .take()
                        .filter(|begin| *begin < start)
                        .map(|begin| begin..start),
                );
            }
            b"3f" | b"23" | b"26" => begin = None,
            _ => slashes = 0,
        }
        at = start + len;
    }
    secrets
}

/// What stands between a URL's scheme and its authority, in text and in JSON.
const SIGNS: [&str; 2] = ["://", r":\/\/"];

/// Where a URL ends that goes on at `at`.
fn end(bytes: &[u8], mut at: usize) -> usize {
    while let Some(byte) = bytes.get(at) {
        let is_escape = *byte == b'\\'
            && !bytes[at..].starts_with(br"\/")
            && !bytes[at..].starts_with(AMPERSAND);
        if is_escape || is_end(*byte) {
            break;
        }
        at += 1;
    }
    at
}

/// Whether no URL goes on with this byte.
fn is_end(byte: u8) -> bool {
    matches!(byte, b'"' | b'\'' | b'<' | b'>' | b'`' | ..=b' ' | 0x7f)
}

/// `&`, as JSON may have it.
const AMPERSAND: &[u8] = br"\u0026";

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<&str> {
        in_text(text)
            .into_iter()
            .map(|secret| &text[secret])
            .collect()
    }

    #[test]
    fn user_info_and_secret_parameters_are_found_wherever_a_url_stands() {
        for (text, secrets) in [
            ("git+https://u:p@h/a.git and https://h/@x", &["u:p"][..]),
            ("redis://:pw@h redis://@h", &[":pw"]),
            ("(https://h/?a=1&token=t1#access_token=t2)", &["t1", "t2)"]),
            (
                r#"{"u":"https:\/\/a:b@h\/p?q=1\u0026api_key=k","token":"x"}"#,
                &["a:b", "k"],
            ),
            ("https://h/?next=https://u:p@h/?code=c&x=y", &["u:p", "c"]),
            ("https://h/?token=é&sig=ü\u{3000}x", &["é", "ü\u{3000}x"]),
            ("token=plain ?token=plain", &[]),
            ("https://h/?token=&code", &[]),
            ("://", &[]),
        ] {
            assert_eq!(found(text), secrets, "{text}");
        }
    }

    #[test]
    fn encoded_urls_within_a_url_are_looked_at() {
        for (target, secrets) in [
            (
                "/a?next=https%3A%2F%2Fh%2Fcb%3Fcode%3Dc%26x%3D1&y=2",
                &["c"][..],
            ),
            (
                "/a?next=https%3a%2f%2fu%3apw%40h%2f%3ftoken%3dt%23id_token%3di",
                &["u%3apw", "t", "i"],
            ),
            (
                "/a?n=https%253A%252F%252Fu%2540h%252F%253Ftoken%253Dt%2526x%253D1%26z%3D2",
                &["u", "t"],
            ),
            // A name that is not encoded has all of the value.
            ("/a?password=a%26b%3Dc&x=y", &["a%26b%3Dc"]),
            ("/a?mail=me%40h&x=%2F%2Fa%2Fb%40c", &[]),
            ("/a?next=%2Fplain%3Fx%3D1%", &[]),
        ] {
            let found: Vec<&str> = in_target(target)
                .into_iter()
                .map(|at| &target[at])
                .collect();
            assert_eq!(found, secrets, "{target}");
        }
    }

    #[test]
    fn a_target_is_looked_at_without_a_scheme() {
        let text = "/cb?state=1&code=c#id_token=t";
        let secrets: Vec<&str> = in_target(text).into_iter().map(|at| &text[at]).collect();
        assert_eq!(secrets, ["c", "t"]);
    }
}
