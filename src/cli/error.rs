//! What a command fails with: one line that says what, where and why, and a hint where one helps.

use std::fmt;

/// A failure as the user reads it.
#[derive(Debug)]
pub(super) struct Error {
    message: String,
    hint: Option<String>,
}

impl Error {
    /// A failure told in one line, without the program's name in front.
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            hint: None,
        }
    }

    /// The same with a word on what to do.
    #[must_use]
    pub(super) fn hint(self, hint: impl Into<String>) -> Self {
        Self {
            hint: Some(hint.into()),
            ..self
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "codextap: {}", self.message)?;
        match &self.hint {
            Some(hint) => write!(f, "\nhint: {hint}"),
            None => Ok(()),
        }
    }
}
