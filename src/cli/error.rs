//! What a command fails with: one line that says what, where and why, and a hint where one helps.

use std::fmt;
use std::process::ExitCode;

use crate::text::Clean;

/// A failure as the user reads it.
#[derive(Debug)]
pub(super) struct Error {
    message: String,
    hint: Option<String>,
    is_usage: bool,
}

impl Error {
    /// A failure told in one line, without the program's name in front.
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            hint: None,
            is_usage: false,
        }
    }

    /// A wrong command line, told in one line.
    pub(super) fn usage(message: impl Into<String>) -> Self {
        Self {
            is_usage: true,
            ..Self::new(message)
        }
    }

    /// What the parser of the command line says, in one line and a hint like all other failures.
    pub(super) fn of_arguments(error: &clap::Error) -> Self {
        let text = error.render().to_string();
        let mut paragraphs = text.split("\n\n").map(|paragraph| {
            let words: Vec<&str> = paragraph.split_whitespace().collect();
            words.join(" ")
        });
        let message = paragraphs.next().unwrap_or_default();
        let mut hint = String::from("codextap --help tells more");
        for paragraph in paragraphs {
            if let Some(tip) = paragraph.strip_prefix("tip: ") {
                tip.clone_into(&mut hint);
                break;
            }
            if let Some(usage) = paragraph.strip_prefix("Usage: ") {
                hint = format!("usage: {usage}");
            }
        }
        Self::usage(message.strip_prefix("error: ").unwrap_or(&message)).hint(hint)
    }

    /// The same with a word on what to do.
    #[must_use]
    pub(super) fn hint(self, hint: impl Into<String>) -> Self {
        Self {
            hint: Some(hint.into()),
            ..self
        }
    }

    /// The same with a word on what to do, unless there is one.
    #[must_use]
    pub(super) fn or_hint(self, hint: &str) -> Self {
        match self.hint {
            Some(_) => self,
            None => self.hint(hint),
        }
    }

    /// The same, with a place in front of it.
    #[must_use]
    pub(super) fn at(self, place: &str) -> Self {
        Self {
            message: format!("{place}{}", self.message),
            ..self
        }
    }

    /// What the parser of the command line says, about what has another name elsewhere. How to use the command
    /// line is of no help then.
    #[must_use]
    pub(super) fn renamed(self, from: &str, to: &str) -> Self {
        Self {
            message: self.message.replace(from, to),
            hint: None,
            ..self
        }
    }

    /// What failed, and what to do.
    pub(super) fn parts(&self) -> (&str, Option<&str>) {
        (&self.message, self.hint.as_deref())
    }

    /// What the program exits with.
    #[must_use]
    pub(super) fn code(&self) -> ExitCode {
        ExitCode::from(if self.is_usage { 2 } else { 1 })
    }
}

impl fmt::Display for Error {
    /// One line or two; what was quoted in them from files or the network is clean.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "codextap: {}", Clean::new(&self.message))?;
        match &self.hint {
            Some(hint) => write!(f, "\nhint: {}", Clean::new(hint)),
            None => Ok(()),
        }
    }
}
