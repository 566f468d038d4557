//! Parts of JSON as they stand in it, for those who compare or pass them on and do not read them.

use super::lenient::{self, Members};

/// The JSON of an object's last member called `name`; `None` if `json` is no object or has none.
#[must_use]
pub fn member<'a>(json: &'a str, name: &str) -> Option<&'a str> {
    Members::of(json).ok()?.find(name)
}

/// The text of an object's last member called `name`, if it is a string.
#[must_use]
pub fn text(json: &str, name: &str) -> Option<String> {
    let members = Members::of(json).ok()?;
    members.text(name).map(std::borrow::Cow::into_owned)
}

/// The JSON of each element of an array; none if `json` is no array.
#[must_use]
pub fn elements(json: &str) -> Vec<&str> {
    let elements = lenient::elements(json).unwrap_or_default();
    let elements = elements.into_iter();
    elements.map(serde_json::value::RawValue::get).collect()
}
