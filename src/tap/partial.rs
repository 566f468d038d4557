//! Masking text of which more is to come: what is masked for good, and what is only for now.
//!
//! A journal is written while bodies arrive. Where a text is cut, a secret may be cut too: what its
//! second half would have told is not known yet, so the end of the text is masked with more caution
//! than the whole will be.

use std::borrow::Cow;

use memchr::memmem;

use super::mask::{self, LONGEST_NAME};
use super::secret::Redactor;
use super::shape::{self, Sign, Signs};
use super::{multipart, url};

/// The beginning of a text, masked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Partial {
    /// How many bytes of the text are masked for good, whatever follows: the rest of the text may be
    /// masked without them.
    pub settled: usize,
    /// The text, masked. The bytes of a character that is not whole yet are left out.
    pub masked: Vec<u8>,
    /// How many of its bytes stand for the settled ones.
    pub kept: usize,
}

impl Redactor {
    /// Masks the beginning of a text, a form (WHATWG URL §5.1) or any other. Bytes that are no text are kept.
    #[must_use]
    pub fn partial(&self, bytes: &[u8], is_form: bool) -> Partial {
        let known = self.known();
        let mut at = if !self.is_active() {
            bytes.len()
        } else if is_form || self.may_be_in(bytes) {
            0
        } else {
            let end = bytes.len().saturating_sub(reach(&known));
            shape::word(bytes, unescaped(bytes, end))
        };
        at = boundary(bytes, at);
        let mut partial = Partial {
            settled: at,
            masked: Vec::with_capacity(bytes.len()),
            kept: at,
        };
        partial.masked.extend_from_slice(&bytes[..at]);
        if !self.is_active() {
            return partial;
        }
        for chunk in bytes[at..].utf8_chunks() {
            let (text, invalid) = (chunk.valid(), chunk.invalid());
            let is_last = at + text.len() + invalid.len() == bytes.len();
            let may_go_on = std::str::from_utf8(invalid)
                .map_or_else(|error| error.error_len().is_none(), |_| true);
            if is_last && may_go_on {
                let cut = settled(text, is_form, &known);
                let masked = self.whole(&text[..cut], is_form);
                partial.masked.extend_from_slice(masked.as_bytes());
                partial.settled = at + cut;
                partial.kept = partial.masked.len();
                let rest = self.cut_off(&text[cut..], is_form, &known);
                partial.masked.extend_from_slice(rest.as_bytes());
                return partial;
            }
            partial
                .masked
                .extend_from_slice(self.whole(text, is_form).as_bytes());
            partial.masked.extend_from_slice(invalid);
            at += text.len() + invalid.len();
            partial.settled = at;
            partial.kept = partial.masked.len();
        }
        partial
    }

    /// Whether the bytes, which are no form, may hold a secret as a whole. Told fast, and often: what is
    /// no text has thousands of texts in it.
    pub(super) fn may_be_in(&self, bytes: &[u8]) -> bool {
        let holds = |secret: &String| memmem::find(bytes, secret.as_bytes()).is_some();
        let has_sign = || {
            let signs = Signs::of(bytes);
            signs.has(Sign::Url) || signs.has(Sign::Shape)
        };
        self.is_active() && (has_sign() || mask::may_be_in(bytes) || self.known().iter().any(holds))
    }

    /// Masks bytes, of which only some may be text. Those that are none are kept, and so do not hide the
    /// text around them.
    #[must_use]
    pub fn bytes<'a>(&self, bytes: &'a [u8], is_form: bool) -> Cow<'a, [u8]> {
        if let Ok(text) = std::str::from_utf8(bytes) {
            return match self.whole(text, is_form) {
                Cow::Borrowed(_) => bytes.into(),
                Cow::Owned(masked) => masked.into_bytes().into(),
            };
        }
        if !is_form && !self.may_be_in(bytes) {
            return bytes.into();
        }
        let mut masked = Vec::with_capacity(bytes.len());
        for chunk in bytes.utf8_chunks() {
            masked.extend_from_slice(self.whole(chunk.valid(), is_form).as_bytes());
            masked.extend_from_slice(chunk.invalid());
        }
        masked.into()
    }

    fn whole<'a>(&self, text: &'a str, is_form: bool) -> Cow<'a, str> {
        if is_form {
            self.form(text)
        } else {
            self.json(text)
        }
    }

    /// The end of a text, masked with all that may be the beginning of a secret.
    fn cut_off(&self, text: &str, is_form: bool, known: &[String]) -> String {
        let begun = known.iter().filter_map(|secret| begins(text, secret));
        let open = open_authority(text).into_iter().chain(shape::begun(text));
        let hidden = begun.chain(open).min();
        let (plain, hidden) = text.split_at(hidden.unwrap_or(text.len()));
        let mut masked = if is_form {
            self.form(plain).into_owned()
        } else {
            self.json_begun(plain, mask::may_be_grant(text))
                .into_owned()
        };
        if !hidden.is_empty() {
            masked.push_str(&self.mark(hidden));
        }
        masked
    }
}

/// Up to where `text` is masked for good, whatever follows.
fn settled(text: &str, is_form: bool, known: &[String]) -> usize {
    let mut at = boundary(text.as_bytes(), text.len().saturating_sub(reach(known)));
    if !is_form && mask::may_be_grant(text) {
        return 0;
    }
    let mut members = Vec::new();
    if !is_form {
        members = mask::spans(text);
        let fields = multipart::in_text(text).into_iter();
        members.extend(fields.map(|field| field.span));
    }
    loop {
        let before = at;
        if is_form {
            at = text[..at].rfind('&').map_or(0, |sign| sign + 1);
        } else {
            at = unescaped(text.as_bytes(), shape::word(text.as_bytes(), at));
        }
        let straddled = members
            .iter()
            .filter(|span| span.start < at && at < span.end);
        let starts = straddled.map(|span| span.start);
        let secrets = known
            .iter()
            .filter_map(|secret| straddles(text, secret, at));
        at = starts
            .chain(secrets)
            .chain(url::around(text, at))
            .min()
            .unwrap_or(at);
        if at == before {
            return at;
        }
    }
}

/// How far before the end of a text something may begin that is not to be told from its beginning.
fn reach(known: &[String]) -> usize {
    let longest = known.iter().map(String::len).max().unwrap_or_default();
    longest.max(LONGEST_NAME) + MARGIN
}

/// The last place up to `at` that is not within a character (RFC 3629 §3).
fn boundary(bytes: &[u8], at: usize) -> usize {
    let lead = bytes[..at]
        .iter()
        .rev()
        .take(3)
        .position(|byte| byte & 0xc0 != 0x80);
    let Some(behind) = lead else { return at };
    let width = match bytes[at - behind - 1] {
        ..=0xbf => 1,
        0xc0..=0xdf => 2,
        0xe0..=0xef => 3,
        0xf0.. => 4,
    };
    if width > behind + 1 {
        at - behind - 1
    } else {
        at
    }
}

/// The last place up to `at` that is not behind backslashes: how many stand in front of a quotation
/// mark is part of what it means.
fn unescaped(bytes: &[u8], at: usize) -> usize {
    let last = bytes[..at].iter().rposition(|byte| *byte != b'\\');
    last.map_or(0, |last| last + 1)
}

/// Where `secret` begins, if it stands on both sides of `at`.
fn straddles(text: &str, secret: &str, at: usize) -> Option<usize> {
    let reach = secret.len() - 1;
    let start = at.saturating_sub(reach);
    let end = (at + reach).min(text.len());
    let found = memmem::find(&text.as_bytes()[start..end], secret.as_bytes())?;
    Some(start + found)
}

/// Where an authority begins that goes on to the end of `text`.
fn open_authority(text: &str) -> Option<usize> {
    let start = text.rfind("://")? + 3;
    authority_end(text, start).is_none().then_some(start)
}

/// Where the authority that begins at `start` is over.
fn authority_end(text: &str, start: usize) -> Option<usize> {
    let ends =
        |c: char| matches!(c, '/' | '?' | '#' | '"' | '\'' | '<' | '>' | '\\') || c.is_whitespace();
    text[start..].find(ends).map(|end| start + end)
}

/// Where the beginning of `secret` stands at the end of `text`, if enough of it does to tell.
fn begins(text: &str, secret: &str) -> Option<usize> {
    let start = text.len().saturating_sub(secret.len() - 1);
    let (first, end) = (secret.as_bytes().get(..TELLING)?, &text.as_bytes()[start..]);
    memmem::find_iter(end, first)
        .find(|at| secret.as_bytes().starts_with(&end[*at..]))
        .map(|at| start + at)
}

/// How much of a credential tells something about it, in bytes.
const TELLING: usize = 4;

/// More than the punctuation around a member's name, escapes included.
const MARGIN: usize = 16;

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    /// A text with secrets of every kind, and what must not be told of them.
    const TEXT: &str = concat!(
        r#"{"n":1,"note":"a quiet beginning that is long enough to be settled before all of the rest has come, "#,
        r#"and then some","access_token":"sEcReT-1","set-cookie" : [ "sEcReT-2=a" , "sEcReT-3" ],"#,
        r#""inner":"{\"refresh_token\":\"sEcReT-4\",\"x\":1}","url":"https://sEcReT-5:pw@host.example/path","#,
        r#""link":"https://host.example/?next=https://h/?a=b&token=sEcReT-6","slashes":"https:\/\/h\/?c=d\u0026api_key=sEcReT-7","#,
        r#""shapes":"task-sk-1 sk-sEcReT-89abcdef01234567.\nsess-sEcReT-89abcdef01234567 eyJsEcReT-9ab.eyJsEcReT-9ab","#,
        r#""echo":"the key is lEaRnEd-credential!","end":"and a long and quiet end, long enough that all of "#,
        r#"what came before it is settled by the time that it is here","z":[1,2,3]}"#,
    );

    fn redactor() -> Redactor {
        let redactor = Redactor::new();
        let value = HeaderValue::from_static("Bearer lEaRnEd-credential");
        let _ = redactor.field("authorization", &value);
        redactor
    }

    fn assert_hidden(masked: &[u8], what: &str) {
        let masked = String::from_utf8_lossy(masked);
        assert!(
            !masked.contains("sEcR") && !masked.contains("lEaR"),
            "{what}: {masked}"
        );
    }

    #[test]
    fn no_cut_tells_a_secret_and_what_is_settled_is_what_the_whole_will_be() {
        let redactor = redactor();
        let whole = redactor.json(TEXT);
        for cut in 0..=TEXT.len() {
            let partial = redactor.partial(&TEXT.as_bytes()[..cut], false);
            assert_hidden(&partial.masked, &format!("cut at {cut}"));
            let rest = redactor.json(&TEXT[partial.settled..]);
            let masked = [&partial.masked[..partial.kept], rest.as_bytes()].concat();
            assert_eq!(String::from_utf8_lossy(&masked), whole, "cut at {cut}");
        }
        let all = redactor.partial(TEXT.as_bytes(), false);
        assert!(all.settled > TEXT.len() - 200, "{}", all.settled);
    }

    #[test]
    fn the_code_of_a_grant_is_hidden_before_it_is_known_to_be_one() {
        let redactor = Redactor::new();
        let noise = "x".repeat(400);
        for text in [
            format!(r#"{{"code":"sEcReT","noise":"{noise}","grant_type":"authorization_code"}}"#),
            format!(r#"{{"grant_type":"authorization_code","noise":"{noise}","code":"sEcReT"}}"#),
        ] {
            let whole = redactor.json(&text);
            let (mut settled, mut kept) = (0, Vec::new());
            for cut in 0..=text.len() {
                let partial = redactor.partial(&text.as_bytes()[settled..cut], false);
                assert_hidden(&partial.masked, &format!("cut at {cut}"));
                kept.extend_from_slice(&partial.masked[..partial.kept]);
                settled += partial.settled;
            }
            let rest = redactor.json(&text[settled..]);
            let masked = [&kept[..], rest.as_bytes()].concat();
            assert_eq!(String::from_utf8_lossy(&masked), whole);
        }
    }

    #[test]
    fn a_field_of_a_multipart_form_is_hidden_wherever_it_is_cut() {
        let redactor = Redactor::new();
        let noise = "x".repeat(400);
        let part = |name: &str, value: &str| {
            format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
        };
        let long = format!("sEcReT\r\n-{noise}");
        let text = [part("a", &noise), part("api_key", &long), part("b", &noise)].concat();
        let whole = redactor.json(&text);
        assert_hidden(whole.as_bytes(), "whole");
        for cut in 0..=text.len() {
            let partial = redactor.partial(&text.as_bytes()[..cut], false);
            assert_hidden(&partial.masked, &format!("cut at {cut}"));
            let rest = redactor.json(&text[partial.settled..]);
            let masked = [&partial.masked[..partial.kept], rest.as_bytes()].concat();
            assert_eq!(String::from_utf8_lossy(&masked), whole, "cut at {cut}");
        }
    }

    #[test]
    fn a_form_is_cut_between_its_pairs() {
        let redactor = redactor();
        let text = format!(
            "a=b&{}password=sEcReT&c=d&{}",
            "x=y&".repeat(40),
            "e=f&".repeat(40)
        );
        for cut in 0..=text.len() {
            let partial = redactor.partial(&text.as_bytes()[..cut], true);
            assert_hidden(&partial.masked, &format!("cut at {cut}"));
            let rest = redactor.form(&text[partial.settled..]);
            let masked = [&partial.masked[..partial.kept], rest.as_bytes()].concat();
            assert_eq!(String::from_utf8_lossy(&masked), redactor.form(&text));
        }
    }

    #[test]
    fn bytes_that_are_no_text_are_kept_but_for_half_a_character() {
        let redactor = Redactor::new();
        let partial = redactor.partial(b"a\xff\xfeb\xe2\x82", false);
        assert_eq!(partial.masked, b"a\xff\xfeb");
        assert_eq!(partial.settled, 3);
        let partial = Redactor::off().partial(b"a\xff\xfeb\xe2\x82", false);
        assert_eq!(
            (partial.settled, &partial.masked[..]),
            (4, &b"a\xff\xfeb"[..])
        );
    }

    proptest! {
        #[test]
        fn any_text_is_masked_in_parts_as_it_is_as_a_whole(
            text in r#"([{}\[\]:,"\\ né]|api_key|"cookie"|\\"api_key\\":\\"|"password": ?"|://|:\\/\\/|\?token=|@|/|lEaRnEd-credential|sk-[a-z0-9-]{12,40}|\\\\n|eyJ[a-z.]{20,30}|.{1,90}){0,30}"#,
            cuts in proptest::collection::vec(0..400_usize, 1..6),
        ) {
            let redactor = redactor();
            let mut ends: Vec<usize> = cuts.iter().map(|cut| *cut % (text.len() + 1)).collect();
            ends.sort_unstable();
            let (mut settled, mut masked) = (0, Vec::new());
            for end in ends {
                if end < settled { continue; }
                let partial = redactor.partial(&text.as_bytes()[settled..end], false);
                masked.extend_from_slice(&partial.masked[..partial.kept]);
                settled += partial.settled;
            }
            masked.extend_from_slice(redactor.json(&text[settled..]).as_bytes());
            prop_assert_eq!(String::from_utf8_lossy(&masked), redactor.json(&text));
        }
    }
}
