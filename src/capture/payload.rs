//! Bodies inside a line: JSON as JSON, text as a string, and only what is neither as base64.
//!
//! JSON keeps its number text and the order of its members, because it is never parsed into a
//! tree; only whitespace between its tokens goes, and only where a line break would tear the line.

use std::borrow::Cow;
use std::fmt;
use std::io::{ErrorKind, Read};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

use super::record::{BodyKind, Text};
use crate::flow::Body;

/// The value of a `body` member.
#[derive(Default)]
pub(super) enum Content<'a> {
    /// `null`.
    #[default]
    Null,
    /// JSON that stands in one line.
    Json(&'a RawValue),
    /// JSON whose line breaks had to be taken out.
    Compacted(Box<RawValue>),
    /// A string.
    Text(&'a str),
    /// The string that a long body is.
    Long(Long<'a>),
}

/// The value of a `base64` member.
pub(super) enum Base64<'a> {
    /// A string.
    Text(Text<'a>),
    /// The string that a long body becomes.
    Long(Long<'a>),
}

/// What a body becomes in a line: `body_kind`, `body` and `base64`.
pub(super) struct Payload<'a> {
    pub(super) kind: Option<BodyKind>,
    pub(super) body: Content<'a>,
    pub(super) base64: Option<Base64<'a>>,
}

impl<'a> Payload<'a> {
    /// How a body is written. A long one is never JSON: whoever reads it can pass over a string.
    pub(super) fn body(body: &'a Body) -> Self {
        if body.rest() == 0 || !body.is_at_hand() {
            return Self::of(body.bytes());
        }
        let is_text = body.is_text();
        let long = Long { body, is_text };
        if is_text {
            Self {
                kind: Some(BodyKind::Text),
                body: Content::Long(long),
                base64: None,
            }
        } else {
            Self {
                kind: Some(BodyKind::Base64),
                body: Content::Null,
                base64: Some(Base64::Long(long)),
            }
        }
    }

    /// How `bytes` are written.
    pub(super) fn of(bytes: &'a [u8]) -> Self {
        let (kind, body, base64) = match std::str::from_utf8(bytes) {
            Ok("") => (None, Content::Null, None),
            Ok(text) => json(text)
                .map_or((Some(BodyKind::Text), Content::Text(text), None), |json| {
                    (Some(BodyKind::Json), json, None)
                }),
            Err(_) => {
                let base64 = Base64::Text(STANDARD.encode(bytes).into());
                (Some(BodyKind::Base64), Content::Null, Some(base64))
            }
        };
        Self { kind, body, base64 }
    }
}

impl Serialize for Content<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_none(),
            Self::Json(json) => json.serialize(serializer),
            Self::Compacted(json) => json.serialize(serializer),
            Self::Text(text) => serializer.serialize_str(text),
            Self::Long(long) => serializer.collect_str(long),
        }
    }
}

impl Serialize for Base64<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Text(text) => text.serialize(serializer),
            Self::Long(long) => serializer.collect_str(long),
        }
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Base64<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Text::deserialize(deserializer).map(Self::Text)
    }
}

/// A long body as text, or in base64 if it is none. It is read while it is written, a part at a time.
pub(super) struct Long<'a> {
    body: &'a Body,
    is_text: bool,
}

impl fmt::Display for Long<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (mut reader, mut part) = (self.body.reader(), vec![0; PART]);
        // What is read and not written yet, in front of `part`.
        let mut kept = 0;
        loop {
            let read = match reader.read(&mut part[kept..]) {
                Ok(read) => read,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => {
                    // The line's `length` tells that something is missing.
                    tracing::error!("a long body cannot be read back: {error}");
                    0
                }
            };
            let bytes = &part[..kept + read];
            let written = if self.is_text {
                let whole = bytes.utf8_chunks().next().map_or("", |text| text.valid());
                f.write_str(whole)?;
                whole.len()
            } else {
                // Three bytes are four digits; only at the end there may be fewer.
                let whole = if read == 0 { kept } else { bytes.len() / 3 * 3 };
                f.write_str(&STANDARD.encode(&bytes[..whole]))?;
                whole
            };
            if read == 0 {
                return Ok(());
            }
            part.copy_within(written..kept + read, 0);
            kept = kept + read - written;
        }
    }
}

/// Whatever the value is, it is read as JSON: `body_kind` tells only later what it means.
impl<'de: 'a, 'a> Deserialize<'de> for Content<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <&RawValue>::deserialize(deserializer).map(Self::Json)
    }
}

/// The bytes that a body's members stand for; or what is wrong with them.
pub(super) fn bytes<'a>(
    kind: Option<BodyKind>,
    body: &'a Content<'a>,
    base64: Option<&'a Base64<'a>>,
) -> Result<Cow<'a, [u8]>, String> {
    let json = match body {
        Content::Null => "null",
        Content::Json(json) => json.get(),
        Content::Compacted(json) => json.get(),
        Content::Text(text) => return Ok(text.as_bytes().into()),
        Content::Long(long) => return Ok(long.body.bytes().into()),
    };
    match (kind, base64) {
        (None, _) => Ok(Cow::default()),
        (Some(BodyKind::Json), _) => Ok(json.as_bytes().into()),
        (Some(BodyKind::Text), _) => match serde_json::from_str::<Text<'_>>(json) {
            Ok(Text(Cow::Borrowed(text))) => Ok(text.as_bytes().into()),
            Ok(Text(Cow::Owned(text))) => Ok(text.into_bytes().into()),
            Err(_) => Err("a body of kind text is no string".to_owned()),
        },
        (Some(BodyKind::Base64), Some(Base64::Text(text))) => decoded(text).map(Cow::Owned),
        (Some(BodyKind::Base64), Some(Base64::Long(long))) => Ok(long.body.bytes().into()),
        (Some(BodyKind::Base64), None) => Err("a body of kind base64 has no base64".to_owned()),
    }
}

/// The bytes that `base64` stands for; or what is wrong with it.
pub(super) fn decoded(base64: &Text<'_>) -> Result<Vec<u8>, String> {
    STANDARD
        .decode(base64.as_str())
        .map_err(|error| format!("base64: {error}"))
}

/// The bytes that `text` or `base64` stands for, none without either; or what is wrong with them.
pub(super) fn of<'a>(
    text: Option<&'a Text<'_>>,
    base64: Option<&Text<'_>>,
) -> Result<Cow<'a, [u8]>, String> {
    match base64 {
        Some(base64) => decoded(base64).map(Cow::Owned),
        None => Ok(text.map_or(&[][..], |text| text.as_str().as_bytes()).into()),
    }
}

/// `bytes` as text if they are UTF-8, and otherwise in base64.
pub(super) fn text_or_base64(bytes: &[u8]) -> (Option<Text<'_>>, Option<Text<'_>>) {
    match std::str::from_utf8(bytes) {
        Ok(text) => (Some(text.into()), None),
        Err(_) => (None, Some(STANDARD.encode(bytes).into())),
    }
}

/// The text as JSON that every reader of JSON Lines can take; `None` if it is none.
fn json(text: &str) -> Option<Content<'_>> {
    let json: &RawValue = serde_json::from_str(text).ok()?;
    let survey = survey(json.get());
    if survey.depth > MAX_DEPTH || survey.has_lone_surrogate {
        return None;
    }
    if !survey.has_line_break {
        return Some(Content::Json(json));
    }
    RawValue::from_string(compact(json.get()))
        .ok()
        .map(Content::Compacted)
}

/// What valid JSON has that decides how it is written.
#[derive(Default)]
struct Survey {
    depth: usize,
    has_line_break: bool,
    /// `\ud800` without its other half: allowed by RFC 8259 §8.2, refused by most parsers.
    has_lone_surrogate: bool,
}

/// Looks through valid JSON once.
fn survey(json: &str) -> Survey {
    let json = json.as_bytes();
    let mut survey = Survey::default();
    let mut depth = 0_usize;
    let mut at = 0;
    while let Some(byte) = json.get(at) {
        match byte {
            b'"' => {
                let end = end_of_string(json, at);
                survey.has_lone_surrogate |= has_lone_surrogate(&json[at..end]);
                at = end;
                continue;
            }
            b'{' | b'[' => {
                depth += 1;
                survey.depth = survey.depth.max(depth);
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            b'\n' | b'\r' => survey.has_line_break = true,
            _ => {}
        }
        at += 1;
    }
    survey
}

/// Valid JSON without the whitespace between its tokens.
fn compact(json: &str) -> String {
    let mut compacted = String::with_capacity(json.len());
    let mut rest = json;
    while !rest.is_empty() {
        let blanks = rest.trim_start_matches([' ', '\t', '\n', '\r']);
        let end = match blanks.as_bytes().first() {
            Some(b'"') => end_of_string(blanks.as_bytes(), 0),
            _ => blanks
                .find(['"', ' ', '\t', '\n', '\r'])
                .unwrap_or(blanks.len()),
        };
        let (token, after) = blanks.split_at(end);
        compacted.push_str(token);
        rest = after;
    }
    compacted
}

/// The position after the string that begins at `start`, in valid JSON.
fn end_of_string(json: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while let Some(found) = next(json, at, |byte| matches!(byte, b'"' | b'\\')) {
        if json[found] == b'"' {
            return found + 1;
        }
        at = found + 2;
    }
    json.len()
}

/// Whether a string token has an escaped UTF-16 surrogate that is no half of a pair.
fn has_lone_surrogate(token: &[u8]) -> bool {
    let mut at = 0;
    while let Some(found) = next(token, at, |byte| byte == b'\\') {
        at = match unit(token, found) {
            Some(0xd800..=0xdbff) if matches!(unit(token, found + 6), Some(0xdc00..=0xdfff)) => {
                found + 12
            }
            Some(0xd800..=0xdfff) => return true,
            _ => found + 2,
        };
    }
    false
}

/// Where the first of the bytes that are looked for stands, from `at` on.
fn next(bytes: &[u8], at: usize, is_sought: impl Fn(u8) -> bool) -> Option<usize> {
    let rest = bytes.get(at..)?;
    rest.iter()
        .position(|byte| is_sought(*byte))
        .map(|found| at + found)
}

/// The UTF-16 unit that the escape at `at` stands for, if it is a `\u` escape.
fn unit(token: &[u8], at: usize) -> Option<u16> {
    let hex = token.get(at..at + 6)?.strip_prefix(b"\\u")?;
    u16::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok()
}

/// How much of a long body is read at once.
const PART: usize = 48 << 10;

/// How deep JSON may be nested to be written as JSON; common parsers stop at 128 levels of a line.
const MAX_DEPTH: usize = 120;

#[cfg(test)]
mod tests {
    use super::*;

    fn written(body: &str) -> (Option<BodyKind>, String) {
        let payload = Payload::of(body.as_bytes());
        (payload.kind, serde_json::to_string(&payload.body).unwrap())
    }

    #[test]
    fn json_is_kept_letter_by_letter() {
        for body in [
            r#"{"b":1.50,"a":[1e400, -0,12345678901234567890],"b" : null}"#,
            r#""a string""#,
            r#"{"pair":"\ud83d\ude00 and \\ud800"}"#,
            "true",
        ] {
            assert_eq!(written(body), (Some(BodyKind::Json), body.to_owned()));
        }
    }

    #[test]
    fn line_breaks_between_tokens_go_and_those_in_strings_stay() {
        let body = "{\n  \"a\" : [ 1.0 ,\r\n\t2 ],\n  \"b\\\" {\": \"x  \\n y\"\n}\n";
        let expected = r#"{"a":[1.0,2],"b\" {":"x  \n y"}"#.to_owned();
        assert_eq!(written(body), (Some(BodyKind::Json), expected));
    }

    #[test]
    fn what_other_readers_would_refuse_is_text() {
        let deep = format!("{}{}", "[".repeat(121), "]".repeat(121));
        for body in [
            "{",
            "a: b",
            deep.as_str(),
            r#"["\ud800"]"#,
            r#"["\udc00\ud800"]"#,
        ] {
            assert_eq!(written(body).0, Some(BodyKind::Text), "{body}");
        }
        let shallow = format!("{}{}", "[".repeat(120), "]".repeat(120));
        assert_eq!(written(&shallow).0, Some(BodyKind::Json));
    }

    #[test]
    fn bytes_come_back() {
        let bodies: [&[u8]; 6] = [
            b"",
            b"{\"a\":1}",
            b"text \"x\"\n",
            b"\xff\x00",
            b"null",
            b"\"s\"",
        ];
        for body in bodies {
            let payload = Payload::of(body);
            let json = serde_json::to_string(&payload.body).unwrap();
            let content: Content<'_> = serde_json::from_str(&json).unwrap();
            let read = bytes(payload.kind, &content, payload.base64.as_ref()).unwrap();
            assert_eq!(read.as_ref(), body);
        }
    }
}
