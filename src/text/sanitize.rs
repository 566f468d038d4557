//! The one gate between text from the network and the terminal.
//!
//! A [`Clean`] holds no control character, escape sequence, bidirectional override or line break.
//! The only way to make one from foreign text is [`Clean::new`], so the compiler knows where the gate is.

use std::fmt;

/// Text that is safe to write into a terminal cell.
#[derive(Clone, PartialEq, Eq, Hash, Default, Debug)]
pub struct Clean(String);

impl Clean {
    /// Makes `text` safe: each control character becomes a visible symbol.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(
            text.chars()
                .map(|c| if c.is_control() { '\u{fffd}' } else { c })
                .collect(),
        )
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Clean {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<&str> for Clean {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}
