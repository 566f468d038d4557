//! The one-line prompts at the bottom of the screen.

use std::ops::Range;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::edit::Edit;
use super::focus::Pane;
use crate::filter::{Filter, Needle, Op, ParseError};
use crate::flow::FlowId;

/// A question with a line to type the answer into.
#[derive(Clone, Debug)]
pub struct Prompt {
    /// What is asked.
    kind: Kind,
    /// What was typed.
    input: Edit,
    /// What is wrong with it.
    problem: Option<Problem>,
    /// Whether that came of trying.
    was_refused: bool,
    /// Earlier answers, the newest last.
    history: Vec<String>,
    /// How many answers back the line is; 0 for what was typed.
    place: usize,
    /// What was typed before an earlier answer was looked at.
    typed: String,
}

/// What a prompt asks for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Kind {
    /// A filter for the list; what it was before, for when the prompt is left.
    Filter {
        /// The filter's text before.
        before: String,
    },
    /// What to look for in the text of a pane.
    Search {
        /// The pane.
        pane: Pane,
    },
    /// A file to save flows to.
    Save {
        /// The flows.
        flows: Vec<FlowId>,
        /// Whether they are the marked ones.
        is_marked: bool,
    },
    /// A file to write flows to as they end: those that match the filter in force.
    Stream,
}

/// What is wrong with a text, and where.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Problem {
    /// The bytes it is about.
    pub span: Range<usize>,
    /// What is wrong, in one line.
    pub message: String,
}

impl From<ParseError> for Problem {
    fn from(error: ParseError) -> Self {
        Self {
            span: error.span,
            message: error.message,
        }
    }
}

/// What a key did to a prompt.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Answer {
    /// The prompt goes on; its text may have changed.
    Typing,
    /// The answer is given.
    Given,
    /// The prompt is left without an answer.
    Left,
}

impl Prompt {
    /// Asks for a filter; `history` has the earlier ones, the newest last.
    #[must_use]
    pub fn filter(before: String, history: Vec<String>) -> Self {
        let kind = Kind::Filter {
            before: before.clone(),
        };
        Self {
            history,
            ..Self::new(kind, before)
        }
    }

    /// Asks for what to look for in `pane`; `history` has what was looked for, the newest last.
    #[must_use]
    pub fn search(pane: Pane, history: Vec<String>) -> Self {
        Self {
            history,
            ..Self::new(Kind::Search { pane }, String::new())
        }
    }

    /// Asks for a file to save `flows` to.
    #[must_use]
    pub fn save(flows: Vec<FlowId>, is_marked: bool, path: String) -> Self {
        Self::new(Kind::Save { flows, is_marked }, path)
    }

    /// Asks for a file to write flows to as they end.
    #[must_use]
    pub fn stream(path: String) -> Self {
        Self::new(Kind::Stream, path)
    }

    /// A prompt with a text to begin with.
    fn new(kind: Kind, text: String) -> Self {
        let mut prompt = Self {
            kind,
            input: Edit::new(text),
            problem: None,
            was_refused: false,
            history: Vec::new(),
            place: 0,
            typed: String::new(),
        };
        prompt.validate();
        prompt
    }

    /// What is asked.
    #[must_use]
    pub fn kind(&self) -> &Kind {
        &self.kind
    }

    /// What was typed.
    #[must_use]
    pub fn text(&self) -> &str {
        self.input.text()
    }

    /// What is wrong with what was typed.
    #[must_use]
    pub fn problem(&self) -> Option<&Problem> {
        self.problem.as_ref()
    }

    /// How many bytes of the text are before the cursor.
    #[must_use]
    pub fn cursor(&self) -> usize {
        self.input.cursor()
    }

    /// Takes a key.
    pub fn key(&mut self, key: KeyEvent) -> Answer {
        let is_control = key.modifiers.contains(KeyModifiers::CONTROL);
        match key.code {
            KeyCode::Esc => return Answer::Left,
            KeyCode::Char('c' | 'g') if is_control => return Answer::Left,
            KeyCode::Backspace if self.text().is_empty() => return Answer::Left,
            // What failed once may go well the next time.
            KeyCode::Enter if self.problem.is_none() || self.was_refused => return Answer::Given,
            KeyCode::Enter => return Answer::Typing,
            _ => {}
        }
        if is_history_key(key) {
            self.recall(key.code == KeyCode::Up);
        } else if self.input.key(key) {
            self.validate();
        }
        Answer::Typing
    }

    /// Puts an earlier answer, or a later one, into the line.
    fn recall(&mut self, is_earlier: bool) {
        let place = if is_earlier {
            (self.place + 1).min(self.history.len())
        } else {
            self.place.saturating_sub(1)
        };
        if place == self.place {
            return;
        }
        if self.place == 0 {
            self.typed = self.text().to_owned();
        }
        self.place = place;
        let text = match place.checked_sub(1) {
            Some(back) => self.history.iter().rev().nth(back),
            None => Some(&self.typed),
        };
        self.input = Edit::new(text.cloned().unwrap_or_default());
        self.validate();
    }

    /// Takes pasted text, as much as fits; line breaks and other control characters become spaces.
    pub fn paste(&mut self, text: &str) {
        self.input.paste(text);
        self.validate();
    }

    /// Takes in that the answer was of no use, for this reason.
    pub fn refuse(&mut self, reason: String) {
        let end = self.text().len();
        self.was_refused = true;
        self.problem = Some(Problem {
            span: 0..end,
            message: reason,
        });
    }

    /// Looks for what is wrong with the text.
    fn validate(&mut self) {
        self.was_refused = false;
        let text = self.input.text();
        self.problem = match &self.kind {
            Kind::Filter { .. } if text.trim().is_empty() => None,
            Kind::Filter { .. } => Filter::parse(text).err().map(|error| Problem {
                span: error.span.start.min(text.len())..error.span.end.min(text.len()),
                ..Problem::from(error)
            }),
            Kind::Search { .. } => Needle::parse(text).err().map(Problem::from),
            Kind::Save { .. } | Kind::Stream if text.trim().is_empty() => Some(Problem {
                span: 0..0,
                message: "expected a file name".to_owned(),
            }),
            Kind::Save { .. } | Kind::Stream => None,
        };
    }
}

/// Filters that show what can be asked for, separated by dots.
#[must_use]
pub fn examples() -> String {
    let examples = EXAMPLES.iter().filter_map(|(op, argument)| {
        let name = op.operator()?.name;
        Some(format!("~{name} {argument}").trim_end().to_owned())
    });
    let words = std::iter::once("word".to_owned());
    words.chain(examples).collect::<Vec<_>>().join(" · ")
}

/// Whether the key asks for an earlier or later answer.
fn is_history_key(key: KeyEvent) -> bool {
    matches!(key.code, KeyCode::Up | KeyCode::Down)
}

/// Operators that are asked for most, with arguments.
const EXAMPLES: [(Op, &str); 5] = [
    (Op::Failed, ""),
    (Op::Method, "post"),
    (Op::Status, "4xx"),
    (Op::Body, "text"),
    (Op::Url, "responses"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_example_is_a_filter() {
        let examples = examples();
        assert_eq!(examples.split(" · ").count(), EXAMPLES.len() + 1);
        for example in examples.split(" · ") {
            let filter = Filter::parse(example);
            assert!(filter.is_ok_and(|filter| !filter.is_empty()), "{example}");
        }
    }

    #[test]
    fn text_is_pasted_at_the_cursor() {
        let mut prompt = Prompt::filter("ab".to_owned(), Vec::new());
        prompt.key(KeyEvent::from(KeyCode::Left));
        prompt.paste("x\ty\n");
        assert_eq!((prompt.text(), prompt.cursor()), ("ax yb", 4));
    }
}
