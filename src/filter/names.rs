//! Saved filters: what `@name` stands for.

use std::collections::BTreeMap;

use super::lex::is_of_name;

/// Filters by name, as texts. One may name others.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Names(BTreeMap<String, String>);

impl Names {
    /// The text of the filter of this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// Names and texts, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        let names = self.0.iter();
        names.map(|(name, text)| (name.as_str(), text.as_str()))
    }

    /// Whether `@name` can be written: letters, digits, `-` and `_`.
    #[must_use]
    pub fn is_name(name: &str) -> bool {
        !name.is_empty() && name.chars().all(is_of_name)
    }
}

impl FromIterator<(String, String)> for Names {
    fn from_iter<T: IntoIterator<Item = (String, String)>>(names: T) -> Self {
        Self(names.into_iter().collect())
    }
}
