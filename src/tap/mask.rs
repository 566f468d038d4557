//! Masking inside JSON text, without parsing it into a tree and without changing any other byte.
//!
//! One pass over the quotation marks: where a secret member's name stands between two of them and a
//! colon follows, the string after it, or each string of the array after it, is replaced. JSON inside
//! a JSON string is read as it stands, escaped: a quotation mark of the n-th inner text has 2ⁿ − 1 backslashes
//! in front of it. So text around it, broken escapes and unpaired quotation marks do not matter, and
//! a secret that is cut off by the end of the text is masked too.

use std::borrow::Cow;
use std::ops::Range;

use memchr::memmem;

use super::names::is_secret_member;
use super::secret::Redactor;

/// JSON text with its secrets masked; borrowed when there was none. An OAuth request (RFC 6749 §4), a grant, has
/// a code that is a credential; elsewhere codes are of errors.
pub(super) fn json<'a>(text: &'a str, is_grant: bool, redactor: &Redactor) -> Cow<'a, str> {
    let mut masked = String::new();
    let is_secret = |name: &str| is_secret_member(name) || is_grant && name == "code";
    // Everything before `kept` is in `masked` already, changed or not.
    let mut kept = 0;
    let mut quotes = Quotes {
        text: text.as_bytes(),
        at: 0,
    };
    while let Some(quote) = quotes.next() {
        let Some(values) = secret_values(text, quote, is_secret) else {
            continue;
        };
        for (start, end) in values {
            let secret = &text[start..end];
            let mark = redactor.mark(secret);
            if secret.is_empty() || mark == secret || start < kept {
                continue;
            }
            masked.push_str(&text[kept..start]);
            masked.push_str(&mark);
            kept = end;
        }
        quotes.at = quotes.at.max(kept);
    }
    if kept == 0 {
        return Cow::Borrowed(text);
    }
    masked.push_str(&text[kept..]);
    Cow::Owned(masked)
}

/// A quotation mark.
#[derive(Clone, Copy)]
struct Quote {
    /// Where it stands.
    at: usize,
    /// How many backslashes stand in front of it.
    escapes: usize,
}

/// The quotation marks of a text from a place on.
struct Quotes<'a> {
    text: &'a [u8],
    at: usize,
}

impl Iterator for Quotes<'_> {
    type Item = Quote;

    fn next(&mut self) -> Option<Quote> {
        let at = self.at + memchr::memchr(b'"', self.text.get(self.at..)?)?;
        let backslashes = self.text[..at]
            .iter()
            .rev()
            .take_while(|byte| **byte == b'\\');
        // A run of backslashes is looked at once, however long it is.
        let escapes = backslashes.take(at - self.at + 1).count();
        self.at = at + 1;
        Some(Quote { at, escapes })
    }
}

/// Where secret members stand: from the quotation mark in front of their name to behind what decided
/// where their strings end. Text may be cut anywhere else, and its parts be masked one by one.
pub(super) fn spans(text: &str) -> Vec<Range<usize>> {
    let bytes = text.as_bytes();
    let quotes = Quotes { text: bytes, at: 0 };
    let span = |quote: Quote| {
        let name_end = secret_name(text, quote, is_secret_member)?;
        let mut at = skip_blank(bytes, name_end + quote.escapes + 1);
        if bytes.get(at) == Some(&b':') {
            at = skip_blank(bytes, at + 1);
            let values = secret_values(text, quote, is_secret_member).unwrap_or_default();
            if let Some((_, end)) = values.last() {
                at = skip_blank(bytes, end + quote.escapes + 1);
            }
            if matches!(bytes.get(at), Some(b'[' | b',')) {
                at = skip_blank(bytes, at + 1);
            }
        }
        let end = at + quote.escapes + 2;
        Some(quote.at - quote.escapes..end.min(bytes.len()))
    };
    quotes.filter_map(span).collect()
}

/// Whether the bytes, text or not, have the name of a secret member, between quotation marks or escaped ones.
pub(super) fn may_be_in(bytes: &[u8]) -> bool {
    memchr::memchr_iter(b'"', bytes).any(|quote| {
        let name = &bytes[quote + 1..];
        let end = memchr::memchr2(b'"', b'\\', &name[..name.len().min(LONGEST_NAME)]);
        let name = end.and_then(|end| std::str::from_utf8(&name[..end]).ok());
        // A grant's code counts wherever it stands.
        name.is_some_and(|name| is_secret_member(name) || name == "code" || name == GRANT)
    })
}

/// Whether the text, of which more is to come, may be an OAuth request: then it is not to be cut, for
/// one part of it says what another one means.
pub(super) fn may_be_grant(text: &str) -> bool {
    let has = |name: &str| memmem::find(text.as_bytes(), name.as_bytes()).is_some();
    text.len() <= LONGEST_GRANT && (has("\"code\"") || has(GRANT))
}

/// If a secret member's name begins after `quote`: where it ends.
fn secret_name(text: &str, quote: Quote, is_secret: impl Fn(&str) -> bool) -> Option<usize> {
    let name_start = quote.at + 1;
    let name_end = name_start
        + text.as_bytes()[name_start..]
            .iter()
            .take(LONGEST_NAME)
            .position(|byte| matches!(byte, b'"' | b'\\'))?;
    is_secret(text.get(name_start..name_end)?).then_some(name_end)
}

/// If a secret member's name begins after `quote`: where its strings are.
fn secret_values(
    text: &str,
    quote: Quote,
    is_secret: impl Fn(&str) -> bool,
) -> Option<Vec<(usize, usize)>> {
    let bytes = text.as_bytes();
    let name_end = secret_name(text, quote, is_secret)?;
    let close = Quotes {
        text: bytes,
        at: name_end,
    }
    .next()?;
    if close.at != name_end + quote.escapes || close.escapes != quote.escapes {
        return None;
    }
    let colon = skip_blank(bytes, close.at + 1);
    if bytes.get(colon) != Some(&b':') {
        return None;
    }
    let mut at = skip_blank(bytes, colon + 1);
    if bytes.get(at) != Some(&b'[') {
        return string_at(bytes, at, quote.escapes).map(|value| vec![value]);
    }
    let mut values = Vec::new();
    loop {
        at = skip_blank(bytes, at + 1);
        let Some((start, end)) = string_at(bytes, at, quote.escapes) else {
            break;
        };
        values.push((start, end));
        at = skip_blank(bytes, end + quote.escapes + 1);
        if bytes.get(at) != Some(&b',') {
            break;
        }
    }
    Some(values)
}

/// The inside of the string whose quotation mark, or the backslashes before it, stand at `at`. It ends with the text at the latest.
fn string_at(bytes: &[u8], at: usize, escapes: usize) -> Option<(usize, usize)> {
    let open = Quotes { text: bytes, at }.next()?;
    if open.at != at + escapes {
        return None;
    }
    let start = open.at + 1;
    let mut quotes = Quotes {
        text: bytes,
        at: start,
    };
    let end = loop {
        match quotes.next() {
            Some(close) if close.escapes == escapes => break close.at - escapes,
            Some(_) => {}
            None => break bytes.len(),
        }
    };
    Some((start, end.max(start)))
}

/// The first byte from `at` on that is no white space, escaped white space included. Within an event of
/// a stream, what begins its next line of data (WHATWG HTML §9.2.6) stands for a line break too.
fn skip_blank(bytes: &[u8], mut at: usize) -> usize {
    loop {
        match bytes.get(at) {
            Some(b'\r' | b'\n') if bytes[at + 1..].starts_with(DATA) => at += 1 + DATA.len(),
            Some(b' ' | b'\t' | b'\r' | b'\n') => at += 1,
            Some(b'\\') => {
                let slashes = bytes[at..]
                    .iter()
                    .take_while(|byte| **byte == b'\\')
                    .count();
                match bytes.get(at + slashes) {
                    Some(b'n' | b'r' | b't') => at += slashes + 1,
                    _ => return at,
                }
            }
            _ => return at,
        }
    }
}

/// The field of an event's data.
const DATA: &[u8] = b"data:";
/// What makes JSON an OAuth request.
const GRANT: &str = "grant_type";
/// No OAuth request is longer, in bytes.
const LONGEST_GRANT: usize = 64 << 10;
/// Longer than the longest name of a secret member.
pub(super) const LONGEST_NAME: usize = 64;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn members_are_masked_at_any_depth_and_the_rest_is_kept() {
        let redactor = Redactor::new();
        let (a, b) = (redactor.mark("s1"), redactor.mark("s2"));
        let text = r#"{ "n":1.50, "access_token" : "s1", "x":[{"X-Codex-Turn-State":"s2"}], "api_key":7 }"#;
        let expected = format!(
            r#"{{ "n":1.50, "access_token" : "{a}", "x":[{{"X-Codex-Turn-State":"{b}"}}], "api_key":7 }}"#
        );
        assert_eq!(json(text, false, &redactor), expected);
    }

    #[test]
    fn json_inside_strings_is_masked_too() {
        let redactor = Redactor::new();
        let mut text = r#"{"installation_id":"i-1","ok":"yes"}"#.to_owned();
        for depth in 0..3 {
            let masked = json(&text, false, &redactor).into_owned();
            assert!(!masked.contains("i-1"), "{depth}: {masked}");
            let mut value: serde_json::Value = serde_json::from_str(&masked).unwrap();
            for _ in 0..depth {
                value = serde_json::from_str(value["m"].as_str().unwrap()).unwrap();
            }
            assert_eq!(value["ok"], "yes");
            assert_eq!(value["installation_id"], redactor.mark("i-1"));
            text = serde_json::json!({ "m": text }).to_string();
        }
    }

    #[test]
    fn a_file_that_a_tool_printed_is_masked_with_the_text_around_it() {
        let redactor = Redactor::new();
        let file = "Chunk ID: 1\nOutput: 5\" {\n  \"tokens\": {\n    \"refresh_token\" :\n \"rt-1\",\n    \"id_token\": \"it-1\"";
        let text = serde_json::json!({ "output": file }).to_string();
        let masked = json(&text, false, &redactor);
        assert!(
            !masked.contains("rt-1") && !masked.contains("it-1"),
            "{masked}"
        );
        let masked = json(file, false, &redactor);
        assert!(
            !masked.contains("rt-1") && !masked.contains("it-1"),
            "{masked}"
        );
    }

    #[test]
    fn a_list_of_secrets_is_masked_whole_and_a_cut_one_to_the_end() {
        let redactor = Redactor::new();
        let masked = json(
            r#"{"set-cookie": ["a=1", "b=2"], "x": "b=2"}"#,
            false,
            &redactor,
        )
        .into_owned();
        assert!(
            !masked.contains("a=1") && masked.matches("b=2").count() == 1,
            "{masked}"
        );
        for cut in [
            r#"{"access_token":"eyJab"#,
            r#"{\"access_token\":\"eyJ\\ab\"#,
        ] {
            assert!(!json(cut, false, &redactor).contains("eyJ"), "{cut}");
        }
    }

    #[test]
    fn broken_escapes_do_not_hide_a_secret() {
        let redactor = Redactor::new();
        let masked = json(r#"{"o":"\ud83d {\"api_key\":\"sk-1\"}"}"#, false, &redactor);
        assert!(!masked.contains("sk-1"), "{masked}");
    }

    #[test]
    fn a_member_that_goes_on_in_the_next_line_of_an_event_is_masked() {
        let redactor = Redactor::new();
        for text in [
            "data: {\"access_token\":\ndata: \"sk-1\"}\n\n",
            "data:{\"access_token\"\r\ndata::\r\ndata:\"sk-1\"}\r\n\r\n",
            "data: {\"set-cookie\":[\"sk-1\",\ndata:  \"sk-1\"\ndata: ]}\n\n",
        ] {
            let masked = json(text, false, &redactor);
            assert!(!masked.contains("sk-1"), "{masked}");
            assert_eq!(
                masked.matches("data:").count(),
                text.matches("data:").count()
            );
        }
    }

    #[test]
    fn text_without_secrets_is_borrowed() {
        let redactor = Redactor::new();
        for text in [
            "",
            "{}",
            "not json",
            r#"{"a":"b\"c"}"#,
            r#"{"broken":"#,
            r#""\"#,
            r#"["access_token"]"#,
        ] {
            assert!(
                matches!(json(text, false, &redactor), Cow::Borrowed(_)),
                "{text}"
            );
        }
    }

    #[test]
    fn a_value_in_a_later_member_is_not_taken_for_the_secret() {
        let redactor = Redactor::new();
        let text = r#"{"api_key":null,"list":["plain"],"cookie":{"a":"b"}}"#;
        assert_eq!(json(text, false, &redactor), text);
    }

    proptest! {
        #[test]
        fn any_text_is_taken_and_masking_twice_changes_nothing(
            text in r#"([{}\[\]:,"\\ né]|api_key|"cookie"|\\"api_key\\":\\"|"password":"){0,30}"#,
        ) {
            let redactor = Redactor::new();
            let once = json(&text, false, &redactor).into_owned();
            prop_assert_eq!(json(&once, false, &redactor), once.as_str());
        }

        #[test]
        fn a_secret_member_of_any_json_is_masked(secret in "[a-z]{6,12}Q", noise in ".{0,20}") {
            let redactor = Redactor::new();
            let text = serde_json::json!({ "a": noise, "b": [{ "password": secret, "z": noise }] }).to_string();
            let masked = json(&text, false, &redactor).into_owned();
            prop_assert!(!masked.contains(&secret));
            prop_assert!(serde_json::from_str::<serde_json::Value>(&masked).is_ok());
        }
    }
}
