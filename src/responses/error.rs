//! Why JSON could not be read.

use super::lenient::MOST_COMMAS;

/// Text that is not what it should be. The message is one line: what, where and why.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{what} is not readable: {why}")]
pub struct ParseError {
    what: &'static str,
    why: String,
    is_bound: bool,
}

impl ParseError {
    /// Why a body is no JSON; `None` if it is.
    #[must_use]
    pub fn of(body: &str) -> Option<Self> {
        let error = serde_json::from_str::<serde::de::IgnoredAny>(body).err()?;
        Some(Self::new("body", &error))
    }

    /// Whether the text was left alone for its size, not for what it is.
    #[must_use]
    pub fn is_bound(&self) -> bool {
        self.is_bound
    }

    /// What serde says about it, with its line and column.
    pub(super) fn new(what: &'static str, error: &serde_json::Error) -> Self {
        let why = error.to_string().replace(['\n', '\r'], " ");
        Self {
            what,
            why,
            is_bound: false,
        }
    }

    /// More to take apart than is worth the memory.
    pub(super) fn too_many(what: &'static str) -> Self {
        Self {
            what,
            why: format!("it has more than {MOST_COMMAS} commas"),
            is_bound: true,
        }
    }

    /// JSON or not: no object.
    pub(super) fn not_an_object(what: &'static str) -> Self {
        Self {
            what,
            why: "not a JSON object".to_owned(),
            is_bound: false,
        }
    }
}
