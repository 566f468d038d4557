//! What is looked for in a text that people read: a regular expression, smart-case as in a filter.

use std::ops::Range;

use super::ParseError;
use super::pattern::{How, Pattern};

/// A regular expression to be found in lines of text.
#[derive(Clone, PartialEq, Debug)]
pub struct Needle(Pattern);

impl Needle {
    /// Reads a regular expression; letters match in both cases unless it has a capital letter.
    ///
    /// # Errors
    /// [`ParseError`] says what is wrong with the expression.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        Pattern::of(text, How::Regex)
            .map(Self)
            .map_err(|message| ParseError {
                span: 0..text.len(),
                message,
            })
    }

    /// Its text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// Where it is in `line`, in bytes, from left to right; matches of nothing are none.
    pub fn find_in<'a>(&'a self, line: &'a str) -> impl Iterator<Item = Range<usize>> + 'a {
        self.0.find_in(line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_needle_is_smart_case_and_never_empty() {
        let found = |needle: &str, line: &str| -> Vec<_> {
            let needle = Needle::parse(needle).unwrap();
            let found = needle.find_in(line);
            found.map(|range| (range.start, range.end)).collect()
        };
        assert_eq!(found("ab", "AB ab"), [(0, 2), (3, 5)]);
        assert_eq!(found("Ab", "AB Ab"), [(3, 5)]);
        assert_eq!(found("é", "aÉé"), [(1, 3), (3, 5)]);
        assert_eq!(found("x*", "axxa"), [(1, 3)]);
        assert!(found("", "abc").is_empty());
        let error = Needle::parse("(a").unwrap_err();
        assert_eq!(error.span, 0..2);
        assert!(error.message.contains("unclosed group"), "{error}");
    }
}
