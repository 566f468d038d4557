//! Where credentials stand in URLs: user-info (RFC 3986 §3.2.1), and secret parameters of the query or
//! the fragment.
//!
//! URLs are looked for in any text, JSON included, where `/` may be written `\/` and `&` `\u0026`.

use std::ops::Range;

use memchr::memmem;

use super::secret::is_secret_parameter;

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

/// Whether the bytes have a sign that a URL may stand there.
pub(super) fn may_be_in(bytes: &[u8]) -> bool {
    let has = |sign: &&str| memmem::find(bytes, sign.as_bytes()).is_some();
    SIGNS.iter().any(has)
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

/// The values of secret parameters among the `name=value&…` of a part of the text.
pub(super) fn in_pairs(text: &str, part: Range<usize>) -> Vec<Range<usize>> {
    let bytes = text.as_bytes();
    let mut secrets = Vec::new();
    let mut begin = part.start;
    while begin < part.end {
        let (end, next) = piece(bytes, begin..part.end);
        if let Some(sign) = memchr::memchr(b'=', &bytes[begin..end]) {
            let value = begin + sign + 1..end;
            if !value.is_empty() && is_secret_parameter(&text[begin..begin + sign]) {
                secrets.push(value);
            }
        }
        begin = next;
    }
    secrets
}

/// Where the piece that begins a part ends, and where the next one begins.
fn piece(bytes: &[u8], part: Range<usize>) -> (usize, usize) {
    for at in part.clone() {
        match bytes[at] {
            b'&' | b'?' | b'#' => return (at, at + 1),
            b'\\' if bytes[at..part.end].starts_with(AMPERSAND) => {
                return (at, at + AMPERSAND.len());
            }
            _ => {}
        }
    }
    (part.end, part.end)
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
    fn a_target_is_looked_at_without_a_scheme() {
        let text = "/cb?state=1&code=c#id_token=t";
        let secrets: Vec<&str> = in_target(text).into_iter().map(|at| &text[at]).collect();
        assert_eq!(secrets, ["c", "t"]);
    }
}
