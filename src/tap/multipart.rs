//! Where credentials stand in `multipart/form-data` (RFC 7578): the values of fields whose names are
//! those of secret members. Only parts with line breaks of their own are looked at, as they are sent.

use std::ops::Range;

use memchr::memmem;

use super::names::is_secret_member;

/// A field whose value is a credential.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Secret {
    /// From its header to behind what ends it, or to the end of the text: it is not to be cut.
    pub(super) span: Range<usize>,
    /// Its value, once the header is over.
    pub(super) value: Option<Range<usize>>,
}

/// The credentials in a text, in order.
pub(super) fn in_text(text: &str) -> Vec<Secret> {
    let mut secrets = Vec::new();
    let mut at = 0;
    while let Some(begin) = find(text.as_bytes(), at, DISPOSITION) {
        let secret = secret(text, begin);
        at = secret
            .as_ref()
            .map_or(begin + DISPOSITION.len(), |secret| secret.span.end);
        secrets.extend(secret);
    }
    secrets
}

/// The field whose disposition (RFC 6266 §4) is at `at`, if its name is that of a credential.
fn secret(text: &str, at: usize) -> Option<Secret> {
    let bytes = text.as_bytes();
    let header = &bytes[..bytes.len().min(at + LONGEST_HEADER)];
    let line_end = memchr::memchr(b'\n', &header[at..]).map_or(header.len(), |end| at + end);
    let mut parameters = bytes[at..line_end].split(|byte| *byte == b';');
    let name = parameters.find_map(|it| it.trim_ascii().strip_prefix(b"name=\""))?;
    let name = &name[..memchr::memchr(b'"', name)?];
    if !is_secret_member(std::str::from_utf8(name).ok()?) {
        return None;
    }
    let blank = [&b"\n\r\n"[..], b"\n\n"];
    let blank = blank.map(|line| Some(find(header, line_end, line)? + line.len()));
    let Some(start) = blank.into_iter().flatten().min() else {
        // One that has no end so far has none at all, or it comes with what follows.
        let may_come = header.len() == bytes.len();
        return may_come.then_some(Secret {
            span: at..bytes.len(),
            value: None,
        });
    };
    let end = find(bytes, start, b"\n--");
    let value_end = end.map_or(bytes.len(), |end| match bytes[start..end].last() {
        Some(b'\r') => end - 1,
        _ => end,
    });
    Some(Secret {
        span: at..end.map_or(bytes.len(), |end| end + 3),
        value: Some(start..value_end),
    })
}

fn find(bytes: &[u8], from: usize, what: &[u8]) -> Option<usize> {
    memmem::find(bytes.get(from..)?, what).map(|at| from + at)
}

/// How the header of a field begins.
const DISPOSITION: &[u8] = b"form-data;";
/// The longest header of a field that is looked at, in bytes.
const LONGEST_HEADER: usize = 4 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<&str> {
        let secrets = in_text(text).into_iter();
        secrets
            .filter_map(|secret| Some(&text[secret.value?]))
            .collect()
    }

    #[test]
    fn values_of_secret_fields_are_found_and_no_others() {
        let part = |name: &str, more: &str, value: &str| {
            format!(
                "--b\r\nContent-Disposition: form-data; name=\"{name}\"{more}\r\n\r\n{value}\r\n"
            )
        };
        let text = [
            part("purpose", "", "plain"),
            part("api_key", "", "s1"),
            part(
                "password",
                "\r\nContent-Type: text/plain",
                "s2\r\nand -- more",
            ),
            part("file", "; filename=\"password\"", "plain"),
            part("client_secret", "; filename=\"x\"", ""),
        ];
        let text = text.concat() + "--b--\r\n";
        assert_eq!(found(&text), ["s1", "s2\r\nand -- more", ""]);
        for (cut, expected) in [
            ("form-data; name=\"api_key\"\n\nbegun", &["begun"][..]),
            ("form-data; name=\"api_key\"\r\nX: y", &[]),
            ("form-data; name=\"api_key", &[]),
            ("<input name=\"password\">\n\nplain", &[]),
        ] {
            assert_eq!(found(cut), expected, "{cut}");
        }
    }
}
