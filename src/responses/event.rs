//! One event of a response's stream, read in a single pass and without copying where JSON allows
//! it.
//!
//! An [`Event`] borrows from its text. Members of an unexpected type count as absent rather than as
//! an error, since what a stream carries besides is its sender's affair; only text that is no JSON
//! object is refused. [`event_name`] finds the top-level `type` alone, without reading the rest.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::lenient::{self, Number, Text};
use super::{EventKind, ParseError};

/// One event, as far as a response is assembled from it.
#[derive(Default, Debug, Deserialize)]
#[serde(default)]
pub struct Event<'a> {
    /// Its `type`, as it stands.
    #[serde(rename = "type", borrow)]
    name: Text<'a>,
    #[serde(borrow)]
    response_id: Text<'a>,
    #[serde(borrow)]
    item_id: Text<'a>,
    sequence_number: Number,
    output_index: Number,
    content_index: Number,
    summary_index: Number,
    #[serde(borrow)]
    delta: Text<'a>,
    #[serde(borrow)]
    text: Text<'a>,
    #[serde(borrow)]
    refusal: Text<'a>,
    #[serde(borrow)]
    arguments: Text<'a>,
    #[serde(borrow)]
    input: Text<'a>,
    #[serde(borrow)]
    code: Text<'a>,
    #[serde(borrow, rename = "name")]
    tool: Text<'a>,
    /// `response`, unread.
    #[serde(borrow)]
    pub response: Option<&'a RawValue>,
    /// `item`, unread.
    #[serde(borrow)]
    pub item: Option<&'a RawValue>,
    /// `part`, unread.
    #[serde(borrow)]
    pub part: Option<&'a RawValue>,
}

impl<'a> Event<'a> {
    /// Reads one event. Fails on text that is not one JSON object, and on one of more than a million
    /// elements.
    pub fn parse(text: &'a str) -> Result<Self, ParseError> {
        // Serde would also take an array for a struct, member by member.
        if !text.trim_ascii_start().starts_with('{') {
            return Err(ParseError::not_an_object("event"));
        }
        if lenient::has_too_many(text) {
            return Err(ParseError::too_many("event"));
        }
        serde_json::from_str(text).map_err(|error| ParseError::new("event", &error))
    }

    /// Which kind of event it is.
    #[must_use]
    pub fn kind(&self) -> EventKind {
        EventKind::from_name(self.name())
    }

    /// Its `type`; empty where there is none.
    #[must_use]
    pub fn name(&self) -> &str {
        self.name.as_deref().unwrap_or_default()
    }

    /// `response_id`.
    #[must_use]
    pub fn response_id(&self) -> Option<&str> {
        self.response_id.as_deref()
    }

    /// `item_id`.
    #[must_use]
    pub fn item_id(&self) -> Option<&str> {
        self.item_id.as_deref()
    }

    /// `sequence_number`.
    #[must_use]
    pub fn sequence_number(&self) -> Option<u64> {
        self.sequence_number.0
    }

    /// `output_index`: which output item it is about.
    #[must_use]
    pub fn output_index(&self) -> Option<u64> {
        self.output_index.0
    }

    /// `summary_index`: which part of a reasoning summary it is about.
    #[must_use]
    pub fn summary_index(&self) -> Option<u64> {
        self.summary_index.0
    }

    /// `summary_index` or `content_index`: which part of the item it is about.
    #[must_use]
    pub fn part_index(&self) -> Option<u64> {
        self.summary_index.0.or(self.content_index.0)
    }

    /// `delta`: a piece to append.
    #[must_use]
    pub fn delta(&self) -> Option<&str> {
        self.delta.as_deref()
    }

    /// The whole text of a `.done` event: `text`, `refusal`, `arguments`, `input` or `code`.
    #[must_use]
    pub fn whole(&self) -> Option<&str> {
        [
            &self.text,
            &self.refusal,
            &self.arguments,
            &self.input,
            &self.code,
        ]
        .into_iter()
        .find_map(|text| text.as_deref())
    }

    /// `name`: the tool that is called, which `…arguments.done` repeats.
    #[must_use]
    pub fn tool(&self) -> Option<&str> {
        self.tool.as_deref()
    }
}

/// The top-level `type` of a JSON object, not that of a member of it.
///
/// Reads no further than it must and allocates nothing. Escapes in the name, as in no known event,
/// and text that is not an object give `None`. The rest of the object is not checked.
#[must_use]
pub fn event_name(text: &str) -> Option<&str> {
    let mut scan = Scan { text, at: 0 };
    scan.expect(b'{')?;
    loop {
        let name = scan.string()?;
        scan.expect(b':')?;
        if name == "type" {
            return scan.string().filter(|name| !name.contains('\\'));
        }
        scan.skip_value()?;
        scan.expect(b',')?;
    }
}

/// A position in JSON text, for walking over the members of the outermost object.
struct Scan<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Scan<'a> {
    /// The next byte that is no white space (RFC 8259 §2), left where it is.
    fn peek(&mut self) -> Option<u8> {
        let rest = self.text.as_bytes().get(self.at..)?;
        let blank = rest
            .iter()
            .take_while(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r'))
            .count();
        self.at += blank;
        rest.get(blank).copied()
    }

    fn expect(&mut self, byte: u8) -> Option<()> {
        (self.peek()? == byte).then(|| self.at += 1)
    }

    /// A string without its quotes, escapes left as they are.
    fn string(&mut self) -> Option<&'a str> {
        self.expect(b'"')?;
        let start = self.at;
        let bytes = self.text.as_bytes();
        loop {
            match bytes.get(self.at)? {
                b'"' => {
                    let string = self.text.get(start..self.at);
                    self.at += 1;
                    return string;
                }
                b'\\' => self.at += 2,
                _ => self.at += 1,
            }
        }
    }

    /// Steps over one value: a string, a scalar, or all of a bracketed one.
    fn skip_value(&mut self) -> Option<()> {
        let mut depth = 0_usize;
        loop {
            match self.peek()? {
                b'"' => {
                    self.string()?;
                }
                b'{' | b'[' => {
                    depth += 1;
                    self.at += 1;
                }
                b'}' | b']' => {
                    depth = depth.checked_sub(1)?;
                    self.at += 1;
                }
                b',' | b':' if depth > 0 => self.at += 1,
                b',' | b':' => return None,
                _ => self.skip_scalar(),
            }
            if depth == 0 {
                return Some(());
            }
        }
    }

    /// Steps over a number or a literal.
    fn skip_scalar(&mut self) {
        let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
        self.at += rest
            .iter()
            .take_while(|byte| !matches!(byte, b',' | b':' | b'}' | b']' | b'"' | b'{' | b'['))
            .count();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_top_level_type_is_found_wherever_it_stands() {
        let cases = [
            (r#"{"type":"error"}"#, Some("error")),
            (r#" { "type" : "a.b" , "x":1}"#, Some("a.b")),
            (
                r#"{"response":{"type":"inner","a":[1,{"b":"}\""}]},"type":"outer"}"#,
                Some("outer"),
            ),
            (
                r#"{"n":-1.5e3,"t":true,"z":null,"type":"late"}"#,
                Some("late"),
            ),
            (r#"{"a":"type","type":"x"}"#, Some("x")),
            (r#"{"item":{"type":"message"}}"#, None),
            (r#"{"type":7}"#, None),
            (r#"{"type":"\u0061"}"#, None),
            (r#"["type","x"]"#, None),
            (r#"{"a":[1,2"#, None),
            ("[DONE]", None),
            ("", None),
        ];
        for (text, name) in cases {
            assert_eq!(event_name(text), name, "{text}");
        }
    }

    #[test]
    fn members_are_read_and_odd_ones_count_as_absent() {
        let text = r#"{"type":"response.output_text.delta","sequence_number":4,"item_id":"msg_1",
            "output_index":2,"content_index":0,"delta":"a\n\"b","logprobs":[],"obfuscation":"xx"}"#;
        let event = Event::parse(text).unwrap();
        assert_eq!(event.kind(), EventKind::OutputTextDelta);
        assert_eq!(event.sequence_number(), Some(4));
        assert_eq!(event.output_index(), Some(2));
        assert_eq!(event.part_index(), Some(0));
        assert_eq!(event.item_id(), Some("msg_1"));
        assert_eq!(event.delta(), Some("a\n\"b"));

        let odd = r#"{"type":"x","delta":{"a":[1]},"output_index":"2","item_id":null,"text":1.5,
            "input":["p"],"sequence_number":-1,"item":null}"#;
        let event = Event::parse(odd).unwrap();
        assert_eq!(event.kind(), EventKind::Other);
        assert_eq!(
            (event.delta(), event.whole(), event.item_id()),
            (None, None, None)
        );
        assert_eq!(
            (event.output_index(), event.sequence_number()),
            (None, None)
        );
        assert!(event.item.is_none());
    }

    #[test]
    fn what_is_no_object_is_refused_in_one_line() {
        for text in [
            "",
            "[]",
            "7",
            "\"x\"",
            "{",
            "{\"type\":\"x\"",
            "{\"a\":\n\n!}",
            "null",
        ] {
            let error = Event::parse(text).unwrap_err().to_string();
            assert!(!error.is_empty() && !error.contains('\n'), "{error}");
        }
    }

    proptest! {
        #[test]
        fn the_name_found_is_the_name_parsed(
            odd in "[a-z{}:,\\[\\]\"\\\\ ]{0,12}",
            name in "[a-z._]{1,20}",
        ) {
            let json = serde_json::json!({"a": {"type": odd, "b": [odd]}, "c": odd, "type": name});
            let text = json.to_string();
            prop_assert_eq!(event_name(&text), Some(name.as_str()));
            let event = Event::parse(&text).unwrap();
            prop_assert_eq!(event.name(), name.as_str());
        }

        #[test]
        fn no_text_breaks_the_scan(text in "[\"\\\\{}\\[\\]:,a-ét ]{0,60}") {
            let _ = event_name(&text);
            let _ = Event::parse(&text);
        }
    }
}
