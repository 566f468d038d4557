//! Credentials that show by how they look, wherever they stand: keys that begin as those of OpenAI, GitHub,
//! GitLab and Slack do, and JSON Web Tokens (RFC 7519 §3).
//!
//! A key is its beginning and then [`SHORTEST`] or more letters, digits, `-` and `_`, a digit among them, so that
//! no word with a hyphen is taken for one. One that is longer than [`LONGEST`] is masked up to there.

use std::ops::Range;

use memchr::memmem;

/// A sign that a text may have a credential.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Sign {
    /// `://`, plain or as JSON may have it.
    Url = 1,
    /// A field of `multipart/form-data`.
    Field = 2,
    /// An OAuth request.
    Grant = 4,
    /// The beginning of a key or a token.
    Shape = 8,
}

/// The signs in a text.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Signs(u8);

impl Signs {
    pub(super) fn of(text: &[u8]) -> Self {
        let has = |sign: &str| memmem::find(text, sign.as_bytes()).is_some();
        let is_url = URL.iter().any(|sign| has(sign));
        let mut signs = u8::from(is_url) * Sign::Url as u8;
        signs |= u8::from(has(WEB_TOKEN)) * Sign::Shape as u8;
        for (start, end) in starts(text) {
            signs |= match start {
                FORM => u8::from(text[end..].starts_with(b"data;")) * Sign::Field as u8,
                GRANT => u8::from(text[end..].starts_with(b"type")) * Sign::Grant as u8,
                _ => Sign::Shape as u8,
            };
        }
        Self(signs)
    }

    pub(super) fn has(self, sign: Sign) -> bool {
        self.0 & sign as u8 != 0
    }
}

/// The keys and tokens in a text, in order.
pub(super) fn in_text(text: &str) -> Vec<Range<usize>> {
    let bytes = text.as_bytes();
    let tokens = memmem::find_iter(bytes, WEB_TOKEN).map(|at| (WEB_TOKEN, at + WEB_TOKEN.len()));
    let keys = starts(bytes).chain(tokens).filter_map(|(start, end)| {
        let at = end - start.len();
        Some(at..whole(bytes, at, start)?)
    });
    let mut found: Vec<Range<usize>> = keys.collect();
    found.extend(protocol_keys(text));
    found.sort_unstable_by_key(|key| key.start);
    // What is part of a token is no token of its own.
    let mut done = 0;
    found.retain(|key| {
        let is_first = key.start >= done;
        done = done.max(key.end);
        is_first
    });
    found
}

/// Where the word begins that `at` stands in, which may be part of a key or token.
pub(super) fn word(bytes: &[u8], at: usize) -> usize {
    let before = bytes[..at].iter().rev().take(LONGEST);
    let word = before.take_while(|byte| is_token(**byte) || **byte == b'%');
    match word.count() {
        // No key begins within what is that long.
        LONGEST => at,
        before => at - before,
    }
}

/// Where a key or token begins that may go on behind the end of the text.
pub(super) fn begun(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let near = bytes.len().saturating_sub(LONGEST);
    let tokens = memmem::find_iter(&bytes[near..], WEB_TOKEN).map(|at| near + at);
    let keys = starts(&bytes[near..]).map(|(start, end)| near + end - start.len());
    let begun = keys
        .chain(tokens)
        .filter(|at| is_beginning(bytes, *at) && bytes[*at..].iter().all(|byte| is_token(*byte)));
    begun.min()
}

/// Where the key or token ends that begins at `at`, if it is one.
fn whole(bytes: &[u8], at: usize, start: &str) -> Option<usize> {
    if matches!(start, FORM | GRANT) || !is_beginning(bytes, at) {
        return None;
    }
    let is_web_token = start == WEB_TOKEN;
    let goes_on = |byte: &&u8| is_token(**byte) && (is_web_token || **byte != b'.');
    let run = bytes[at..].iter().take(LONGEST).take_while(goes_on);
    let mut end = at + run.count();
    while bytes[..end].ends_with(b".") {
        end -= 1;
    }
    let body = &bytes[at + start.len()..end];
    let is_one = if is_web_token {
        // A header, its claims, and mostly a signature.
        body.contains(&b'.')
            && body
                .split(|byte| *byte == b'.')
                .all(|part| part.len() >= PART)
    } else {
        body.len() >= SHORTEST && body.iter().any(u8::is_ascii_digit)
    };
    is_one.then_some(end)
}

/// Whether no word goes on at `at`; behind an escape of JSON or of a URL one begins.
fn is_beginning(bytes: &[u8], at: usize) -> bool {
    let is_hex = |digits: &[u8]| digits.iter().all(u8::is_ascii_hexdigit);
    match &bytes[..at] {
        [.., b'\\', b'n' | b'r' | b't' | b'b' | b'f'] | [] => true,
        [.., b'\\', b'u', a, b, c, d] if is_hex(&[*a, *b, *c, *d]) => true,
        // `%25` is the sign itself.
        [rest @ .., a, b] if is_hex(&[*a, *b]) && unencoded(rest).ends_with(b"%") => true,
        [.., before] => !is_token(*before) || *before == b'.',
    }
}

/// What stands before the digits of repeated percent signs.
fn unencoded(mut bytes: &[u8]) -> &[u8] {
    while let Some(before) = bytes.strip_suffix(b"25") {
        bytes = before;
    }
    bytes
}

/// Whether a key or token may have the byte: base64url (RFC 4648 §5), and dots between parts.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.')
}

/// The keys of the Realtime API among the subprotocols of a WebSocket.
pub(super) fn protocol_keys(text: &str) -> Vec<Range<usize>> {
    let bytes = text.as_bytes();
    // A token (RFC 9110 §5.6.2), or nearly.
    let is_key = |byte: &u8| is_token(*byte) || b"~+/=".contains(byte);
    memmem::find_iter(bytes, PROTOCOL_KEY.as_bytes())
        .map(|at| {
            let start = at + PROTOCOL_KEY.len();
            let key = bytes[start..].iter().take_while(|byte| is_key(byte));
            start..start + key.count()
        })
        .collect()
}

/// The beginnings in a text, all that end in `-` or `_`, and where they end.
fn starts(text: &[u8]) -> impl Iterator<Item = (&'static str, usize)> {
    memchr::memchr2_iter(b'-', b'_', text).filter_map(|at| {
        // Most are told by the letter in front of them.
        let letter = text[..at].last()?.wrapping_sub(b'a');
        let may_be = letter < 26 && LAST_LETTERS >> letter & 1 == 1;
        let is_start = |start: &&&str| text[..=at].ends_with(start.as_bytes());
        let start = STARTS.iter().find(is_start).filter(|_| may_be)?;
        Some((*start, at + 1))
    })
}

/// How keys begin; and what is no key, but looked for together with them.
const STARTS: [&str; 14] = [
    "sk-",
    "sess-",
    "ek_",
    "ghp_",
    "gho_",
    "ghu_",
    "ghs_",
    "ghr_",
    "github_pat_",
    "glpat-",
    "xoxb-",
    "xoxp-",
    FORM,
    GRANT,
];
/// The letters in front of their last bytes, as bits.
const LAST_LETTERS: u32 = {
    let mut letters = 0;
    let mut at = 0;
    while at < STARTS.len() {
        let start = STARTS[at].as_bytes();
        letters |= 1 << (start[start.len() - 2] - b'a');
        at += 1;
    }
    letters
};
/// `form-data;`, the disposition of a form's field (RFC 7578 §4.2).
const FORM: &str = "form-";
/// `grant_type`, of an OAuth request (RFC 6749 §4).
const GRANT: &str = "grant_";
/// What stands between a URL's scheme and its authority, in text and in JSON.
const URL: [&str; 2] = ["://", r":\/\/"];
/// How a JSON Web Token begins: `{"` in base64url.
const WEB_TOKEN: &str = "eyJ";
/// What stands before a key among the subprotocols of a WebSocket.
const PROTOCOL_KEY: &str = "openai-insecure-api-key.";
/// The shortest key, in bytes behind its beginning.
const SHORTEST: usize = 16;
/// The shortest part of a token, in bytes.
const PART: usize = 10;
/// The longest key or token, in bytes.
const LONGEST: usize = 8192;

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<&str> {
        in_text(text).into_iter().map(|key| &text[key]).collect()
    }

    #[test]
    fn keys_and_tokens_are_found_wherever_they_stand() {
        let key = "sk-proj-Ab3_dE5-gH7iJ9kL";
        let token = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dGhlLXNpZ25hdHVyZQ";
        for text in [
            format!("the key is {key}."),
            format!("OPENAI_API_KEY={key} codex"),
            format!(r#"{{"output":"key:\n{key}\nsess-"}}"#),
            format!(r#"{{"output":"\u0022{key}\u0022"}}"#),
            format!("x%3D{key}%26y"),
            format!("x%253D{key}"),
        ] {
            assert_eq!(found(&text), [key], "{text}");
        }
        assert_eq!(found(&format!("Bearer {token}, and so on")), [token]);
        assert_eq!(found(&format!("cookie={token}.")), [token]);
        let others = [
            "sess-0123456789abcdefGHIJ",
            "ghp_0123456789abcdefGHIJ",
            "github_pat_0123456789abcdefGHIJ",
            "ek_68af296e8e408191",
            "openai-insecure-api-key.sk-0123456789abcdefGHIJ",
        ];
        for text in others {
            assert_eq!(found(text).len(), 1, "{text}");
        }
    }

    #[test]
    fn words_are_no_keys() {
        for text in [
            "",
            "sk-",
            "a task-0123456789abcdefGHIJ and a disk-0123456789abcdefGHIJ",
            "sk-folding-cube-of-a-spinner",
            "sk-short1",
            "eyJhbGciOiJIUzI1NiJ9 and eyJhbGciOiJIUzI1NiJ9.x",
            "sk-<redacted:01234567>0123456789abcdef",
        ] {
            assert_eq!(found(text), [""; 0], "{text}");
        }
    }

    #[test]
    fn signs_are_those_of_a_text() {
        for (text, expected) in [
            ("plain \"text\": a/b", 0),
            ("https://h", Sign::Url as u8),
            (r"https:\/\/h", Sign::Url as u8),
            ("form-data; x", Sign::Field as u8),
            ("grant_type", Sign::Grant as u8),
            ("ghp_", Sign::Shape as u8),
            ("eyJ://", Sign::Shape as u8 | Sign::Url as u8),
        ] {
            assert_eq!(Signs::of(text.as_bytes()), Signs(expected), "{text}");
        }
    }
}
