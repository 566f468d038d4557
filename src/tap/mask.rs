//! Masking inside JSON text, without parsing it into a tree and without changing any other byte.
//!
//! One pass over the string tokens: a string that is followed by a colon is a member name; if the
//! name is a secret one, the string value after it is replaced. A string value that itself holds
//! JSON or a URL (Codex puts its turn metadata into a string) is unescaped, masked and escaped again.

use std::borrow::Cow;

use memchr::memchr2;

use super::secret::{Redactor, is_secret_member};

/// JSON text with its secrets masked; borrowed when there was none.
pub(super) fn json<'a>(text: &'a str, redactor: &Redactor) -> Cow<'a, str> {
    mask(text, redactor, MAX_NESTING)
}

fn mask<'a>(text: &'a str, redactor: &Redactor, nesting: u8) -> Cow<'a, str> {
    let mut masked = String::new();
    // Everything before `kept` is in `masked` already, changed or not.
    let mut kept = 0;
    let mut name: Option<&str> = None;
    let mut at = 0;
    while let Some((start, end)) = next_string(text.as_bytes(), at) {
        let inner = &text[start..end];
        at = end + 1;
        let after = text[at.min(text.len())..].trim_start();
        if after.starts_with(':') {
            name = Some(inner);
            continue;
        }
        let replacement = match name.take() {
            // Only the value right after the name belongs to it: `"name": "value"`.
            Some(name)
                if is_secret_member(name) && follows_colon(text, start) && !inner.is_empty() =>
            {
                Some(redactor.mark(inner))
            }
            _ => nested(inner, redactor, nesting),
        };
        if let Some(replacement) = replacement.filter(|replacement| replacement != inner) {
            masked.push_str(&text[kept..start]);
            masked.push_str(&replacement);
            kept = end;
        }
    }
    if kept == 0 {
        return Cow::Borrowed(text);
    }
    masked.push_str(&text[kept..]);
    Cow::Owned(masked)
}

/// Masks what a string value holds inside: JSON in a string, or URLs with user-info.
fn nested(inner: &str, redactor: &Redactor, nesting: u8) -> Option<String> {
    let is_json = nesting > 0 && inner.starts_with(['{', '[']) && inner.contains(r#"\""#);
    if !is_json {
        return match redactor.user_info(inner) {
            Cow::Borrowed(_) => None,
            Cow::Owned(masked) => Some(masked),
        };
    }
    let text: String = serde_json::from_str(&format!("\"{inner}\"")).ok()?;
    match mask(&text, redactor, nesting - 1) {
        Cow::Borrowed(_) => None,
        Cow::Owned(masked) => {
            let quoted = serde_json::to_string(&masked).ok()?;
            Some(quoted[1..quoted.len() - 1].to_owned())
        }
    }
}

/// The span between the quotes of the next complete string token at or after `from`.
fn next_string(text: &[u8], from: usize) -> Option<(usize, usize)> {
    let start = from + memchr::memchr(b'"', text.get(from..)?)? + 1;
    let mut at = start;
    loop {
        at += memchr2(b'"', b'\\', text.get(at..)?)?;
        if text[at] == b'"' {
            return Some((start, at));
        }
        at += 2;
    }
}

/// Whether the string whose inside begins at `start` comes right after a colon.
fn follows_colon(text: &str, start: usize) -> bool {
    text[..start - 1].trim_end().ends_with(':')
}

/// How deep JSON inside strings inside JSON is followed.
const MAX_NESTING: u8 = 3;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_masked_at_any_depth_and_the_rest_is_kept() {
        let redactor = Redactor::new();
        let (a, b) = (redactor.mark("s1"), redactor.mark("s2"));
        let text = r#"{ "n":1.50, "access_token" : "s1", "x":[{"x-codex-turn-state":"s2"}], "api_key":7 }"#;
        let expected = format!(
            r#"{{ "n":1.50, "access_token" : "{a}", "x":[{{"x-codex-turn-state":"{b}"}}], "api_key":7 }}"#
        );
        assert_eq!(json(text, &redactor), expected);
    }

    #[test]
    fn json_inside_a_string_is_masked_too() {
        let redactor = Redactor::new();
        let text = r#"{"m":"{\"installation_id\":\"i-1\",\"url\":\"https://u:p@h/r.git\",\"ok\":\"yes\"}"}"#;
        let masked = json(text, &redactor);
        assert!(
            !masked.contains("i-1") && !masked.contains("u:p"),
            "{masked}"
        );
        let outer: serde_json::Value = serde_json::from_str(&masked).unwrap();
        let inner: serde_json::Value = serde_json::from_str(outer["m"].as_str().unwrap()).unwrap();
        assert_eq!(inner["ok"], "yes");
        assert_eq!(inner["installation_id"], redactor.mark("i-1"));
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
        ] {
            assert!(matches!(json(text, &redactor), Cow::Borrowed(_)), "{text}");
        }
    }

    #[test]
    fn a_value_in_a_later_member_is_not_taken_for_the_secret() {
        let redactor = Redactor::new();
        let text = r#"{"api_key":null,"list":["plain"]}"#;
        assert_eq!(json(text, &redactor), text);
    }
}
