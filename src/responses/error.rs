//! Why JSON could not be read.

/// Text that is not what it should be. The message is one line: what, where and why.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{what} is not readable: {why}")]
pub struct ParseError {
    what: &'static str,
    why: String,
}

impl ParseError {
    /// What serde says about it, with its line and column.
    pub(super) fn new(what: &'static str, error: &serde_json::Error) -> Self {
        let why = error.to_string().replace(['\n', '\r'], " ");
        Self { what, why }
    }

    /// JSON or not: no object.
    pub(super) fn not_an_object(what: &'static str) -> Self {
        Self {
            what,
            why: "not a JSON object".to_owned(),
        }
    }
}
