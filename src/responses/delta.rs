//! A piece of a text that comes in pieces, and where it stands in its event.

use std::ops::Range;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Event, EventKind};

/// What a `….delta` event adds to a text.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Delta {
    /// The text that it adds to: equal for all deltas of one text.
    pub target: Target,
    /// The piece.
    pub text: String,
    /// Where the piece stands in the JSON of the event, quotation marks included.
    span: Range<usize>,
}

/// Which text of a response a delta adds to: the event's type, and the output item and the part of it by index or id.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Target(EventKind, Option<u64>, Option<String>, Option<u64>);

impl Delta {
    /// The delta that an event is, if it is one of a text.
    #[must_use]
    pub fn of(json: &str) -> Option<Self> {
        let event = Event::parse(json).ok()?;
        let kind = event.kind();
        let text = event.delta().filter(|_| kind.is_delta())?.to_owned();
        let raw = serde_json::from_str::<Raw<'_>>(json).ok()?.delta.get();
        let start = raw.as_ptr().addr() - json.as_ptr().addr();
        Some(Self {
            target: Target(
                kind,
                event.output_index(),
                event.item_id().map(str::to_owned),
                event.part_index(),
            ),
            text,
            span: start..start + raw.len(),
        })
    }

    /// The event, of which this is the delta, with another piece in its place.
    #[must_use]
    pub fn replaced(&self, json: &str, piece: &str) -> String {
        let piece = serde_json::Value::from(piece);
        let (before, after) = (&json[..self.span.start], &json[self.span.end..]);
        format!("{before}{piece}{after}")
    }
}

/// An event's delta, unread.
#[derive(Deserialize)]
struct Raw<'a> {
    #[serde(borrow)]
    delta: &'a RawValue,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_piece_is_replaced_and_nothing_else() {
        let json = r#"{"type":"response.output_text.delta", "output_index":1, "delta" : "a \"b" ,"x":[1]}"#;
        let delta = Delta::of(json).unwrap();
        assert_eq!(delta.text, "a \"b");
        assert_eq!(
            delta.replaced(json, "c\n\""),
            r#"{"type":"response.output_text.delta", "output_index":1, "delta" : "c\n\"" ,"x":[1]}"#
        );
        let other = json.replace("\"output_index\":1", "\"output_index\":2");
        assert_ne!(delta.target, Delta::of(&other).unwrap().target);
        for none in [
            "",
            "[]",
            r#"{"type":"response.output_text.delta"}"#,
            r#"{"type":"response.output_text.delta","delta":{"a":1}}"#,
            r#"{"type":"response.output_text.done","delta":"x"}"#,
        ] {
            assert_eq!(Delta::of(none), None, "{none}");
        }
    }
}
