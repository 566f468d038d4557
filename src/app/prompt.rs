//! The one-line prompts at the bottom of the screen.

use std::ops::Range;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use tui_input::{Input, InputRequest};

use crate::filter::{Filter, Op};
use crate::flow::FlowId;

/// A question with a line to type the answer into.
#[derive(Clone, Debug)]
pub struct Prompt {
    /// What is asked.
    kind: Kind,
    /// What was typed.
    input: Input,
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
            input: Input::new(text),
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
        self.input.value()
    }

    /// What is wrong with what was typed.
    #[must_use]
    pub fn problem(&self) -> Option<&Problem> {
        self.problem.as_ref()
    }

    /// How many bytes of the text are before the cursor.
    #[must_use]
    pub fn cursor(&self) -> usize {
        let text = self.text();
        let mut starts = text.char_indices().map(|(at, _)| at);
        starts.nth(self.input.cursor()).unwrap_or(text.len())
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
        } else if let Some(request) = request(key) {
            let is_insert = matches!(request, InputRequest::InsertChar(_));
            if !is_insert || self.text().len() < MAX_TEXT {
                self.input.handle(request);
            }
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
        self.input = Input::new(text.cloned().unwrap_or_default());
        self.validate();
    }

    /// Takes pasted text, as much as fits; line breaks and other control characters become spaces.
    pub fn paste(&mut self, text: &str) {
        let (before, after) = self.text().split_at(self.cursor());
        let room = MAX_TEXT.saturating_sub(self.text().len());
        let mut ends = (0..=room.min(text.len())).rev();
        let end = ends.find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        let pasted = text[..end].trim_end().replace(char::is_control, " ");
        let cursor = self.input.cursor() + pasted.chars().count();
        let whole = format!("{before}{pasted}{after}");
        self.input = Input::new(whole).with_cursor(cursor);
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
        let text = self.input.value();
        self.problem = match &self.kind {
            Kind::Filter { .. } if text.trim().is_empty() => None,
            Kind::Filter { .. } => Filter::parse(text).err().map(|error| Problem {
                span: error.span.start.min(text.len())..error.span.end.min(text.len()),
                message: error.message,
            }),
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

/// The edit that a key stands for, as in a shell.
fn request(key: KeyEvent) -> Option<InputRequest> {
    let is_control = key.modifiers.contains(KeyModifiers::CONTROL);
    let is_alt = key.modifiers.contains(KeyModifiers::ALT);
    Some(match key.code {
        KeyCode::Char('a') if is_control => InputRequest::GoToStart,
        KeyCode::Char('e') if is_control => InputRequest::GoToEnd,
        KeyCode::Char('b') if is_control => InputRequest::GoToPrevChar,
        KeyCode::Char('f') if is_control => InputRequest::GoToNextChar,
        KeyCode::Char('h') if is_control => InputRequest::DeletePrevChar,
        KeyCode::Char('d') if is_control => InputRequest::DeleteNextChar,
        KeyCode::Char('u') if is_control => InputRequest::DeleteFromStart,
        KeyCode::Char('k') if is_control => InputRequest::DeleteTillEnd,
        KeyCode::Char('w') if is_control => InputRequest::DeletePrevWord,
        KeyCode::Char('y') if is_control => InputRequest::Yank,
        KeyCode::Char('b') if is_alt => InputRequest::GoToPrevWord,
        KeyCode::Char('f') if is_alt => InputRequest::GoToNextWord,
        KeyCode::Char('d') if is_alt => InputRequest::DeleteNextWord,
        KeyCode::Char(char) if !is_control && !is_alt => InputRequest::InsertChar(char),
        KeyCode::Backspace if is_alt => InputRequest::DeletePrevWord,
        KeyCode::Backspace => InputRequest::DeletePrevChar,
        KeyCode::Delete => InputRequest::DeleteNextChar,
        KeyCode::Left if is_control => InputRequest::GoToPrevWord,
        KeyCode::Left => InputRequest::GoToPrevChar,
        KeyCode::Right if is_control => InputRequest::GoToNextWord,
        KeyCode::Right => InputRequest::GoToNextChar,
        KeyCode::Home => InputRequest::GoToStart,
        KeyCode::End => InputRequest::GoToEnd,
        _ => return None,
    })
}

/// Operators that are asked for most, with arguments.
const EXAMPLES: [(Op, &str); 5] = [
    (Op::Failed, ""),
    (Op::Method, "post"),
    (Op::Status, "4xx"),
    (Op::Body, "text"),
    (Op::Url, "responses"),
];
/// The longest text, in bytes, that can be typed or pasted.
const MAX_TEXT: usize = 4 << 10;

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
