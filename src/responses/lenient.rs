//! Reading members of hostile JSON: a member of another type than expected counts as absent.
//!
//! Serde would refuse the whole object for one odd member; an inspector must show the rest. Objects
//! are read as [`Members`], their values unread, so that each can be kept verbatim.

use std::borrow::Cow;
use std::fmt;
use std::ops::Deref;

use serde::Deserialize;
use serde::de::{self, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// A string, borrowed where it holds no escapes; `None` for anything else.
#[derive(Default, Debug)]
pub(super) struct Text<'a>(pub(super) Option<Cow<'a, str>>);

impl<'a> Deref for Text<'a> {
    type Target = Option<Cow<'a, str>>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Scalar { text, .. } = deserializer.deserialize_any(ScalarVisitor)?;
        Ok(Self(text))
    }
}

/// A number from 0 that is whole; `None` for anything else.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Number(pub(super) Option<u64>);

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Scalar { number, .. } = deserializer.deserialize_any(ScalarVisitor)?;
        Ok(Self(number))
    }
}

/// The members of an object in order, values unread. Anything else than an object has none.
#[derive(Default, Debug)]
pub(super) struct Members<'a>(pub(super) Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'a> Members<'a> {
    /// The members of the object that `json` is.
    pub(super) fn of(json: &'a str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(json)
    }

    /// The last member of this name, as JSON text.
    pub(super) fn find(&self, name: &str) -> Option<&'a str> {
        let found = self.0.iter().rev().find(|(member, _)| member == name);
        found.map(|(_, value)| value.get())
    }

    /// The last member of this name, if it is a string.
    pub(super) fn text(&self, name: &str) -> Option<Cow<'a, str>> {
        self.find(name).and_then(text)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MembersVisitor)
    }
}

/// The string that `json` is, if it is one.
pub(super) fn text(json: &str) -> Option<Cow<'_, str>> {
    // Anything else would be read to its end, however long.
    let is_text = json.trim_ascii_start().starts_with('"');
    is_text.then(|| serde_json::from_str::<Text<'_>>(json).ok()?.0)?
}

/// The string that `json` is, or else the JSON itself; nothing for `null`.
pub(super) fn text_or_json(json: &str) -> Option<String> {
    match text(json) {
        Some(text) => Some(text.into_owned()),
        None => (json != "null").then(|| json.to_owned()),
    }
}

/// The number that `json` is, if it is whole and not negative.
pub(super) fn number(json: &str) -> Option<u64> {
    serde_json::from_str::<Number>(json).ok()?.0
}

/// The elements of the array that `json` is; `None` if it is no array.
pub(super) fn elements(json: &str) -> Option<Vec<&RawValue>> {
    // Of a long string that stands there instead, the error would be a copy.
    let is_array = json.trim_ascii_start().starts_with('[');
    is_array.then(|| serde_json::from_str(json).ok())?
}

/// Whether `json` has more elements and members than are taken apart.
///
/// Two bytes of JSON (`1,`) become an item of some hundred bytes, so a text that is nothing but
/// elements would take a multiple of its own length. Elements are told apart by commas; those
/// within strings count too, of which no text has as many.
pub(super) fn has_too_many(json: &str) -> bool {
    // A shorter text needs no counting.
    json.len() > MOST_COMMAS && json.bytes().filter(|byte| *byte == b',').count() > MOST_COMMAS
}

/// How many commas a JSON text may have to be taken apart.
pub(super) const MOST_COMMAS: usize = 1_000_000;

#[derive(Default)]
struct Scalar<'a> {
    text: Option<Cow<'a, str>>,
    number: Option<u64>,
}

struct ScalarVisitor;

impl<'de> Visitor<'de> for ScalarVisitor {
    type Value = Scalar<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Scalar {
            text: Some(Cow::Borrowed(text)),
            number: None,
        })
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Scalar {
            text: Some(Cow::Owned(text.to_owned())),
            number: None,
        })
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Self::Value, E> {
        Ok(Scalar {
            text: None,
            number: Some(number),
        })
    }

    fn visit_i64<E: de::Error>(self, _: i64) -> Result<Self::Value, E> {
        Ok(Scalar::default())
    }

    fn visit_f64<E: de::Error>(self, _: f64) -> Result<Self::Value, E> {
        Ok(Scalar::default())
    }

    fn visit_bool<E: de::Error>(self, _: bool) -> Result<Self::Value, E> {
        Ok(Scalar::default())
    }

    fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
        Ok(Scalar::default())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Scalar::default())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Scalar::default())
    }
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Members<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::new();
        while let Some((Key(name), value)) = map.next_entry::<Key<'de>, &'de RawValue>()? {
            members.push((name, value));
        }
        Ok(Members(members))
    }
}

/// A member's name, borrowed where it holds no escapes.
struct Key<'a>(Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Key<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Text(text) = Text::deserialize(deserializer)?;
        Ok(Self(text.unwrap_or_default()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_keep_order_and_verbatim_values() {
        let members = Members::of(r#"{"b":{ "x": 1 },"a\n":"t","b":"last"}"#).unwrap();
        let all: Vec<_> = members
            .0
            .iter()
            .map(|(n, v)| (n.as_ref(), v.get()))
            .collect();
        assert_eq!(
            all,
            [("b", r#"{ "x": 1 }"#), ("a\n", "\"t\""), ("b", "\"last\"")]
        );
        assert_eq!(members.text("b").as_deref(), Some("last"));
        assert_eq!(members.text("c"), None);
        assert!(Members::of("[]").is_err());
    }

    #[test]
    fn scalars_of_another_type_are_absent() {
        for json in ["null", "true", "[1,[2]]", "{\"a\":{}}", "1.5", "-1"] {
            assert_eq!((text(json), number(json)), (None, None), "{json}");
        }
        assert_eq!(number("18446744073709551615"), Some(u64::MAX));
        assert_eq!(text("\"\\u00e9\"").as_deref(), Some("é"));
        assert_eq!(text_or_json("[1]").as_deref(), Some("[1]"));
        assert_eq!(text_or_json("null"), None);
    }
}
