//! The one-line prompts at the bottom of the screen.

use std::ops::Range;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use tui_input::{Input, InputRequest};

use crate::filter::Filter;
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
    /// Asks for a filter.
    #[must_use]
    pub fn filter(before: String) -> Self {
        Self::new(
            Kind::Filter {
                before: before.clone(),
            },
            before,
        )
    }

    /// Asks for a file to save `flows` to.
    #[must_use]
    pub fn save(flows: Vec<FlowId>, is_marked: bool, path: String) -> Self {
        Self::new(Kind::Save { flows, is_marked }, path)
    }

    /// A prompt with a text to begin with.
    fn new(kind: Kind, text: String) -> Self {
        let mut prompt = Self {
            kind,
            input: Input::new(text),
            problem: None,
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

    /// How many columns of the text are before the cursor.
    #[must_use]
    pub fn cursor(&self) -> usize {
        self.input.visual_cursor()
    }

    /// How many columns are scrolled away on the left, for a line of `width` columns.
    #[must_use]
    pub fn scrolled(&self, width: usize) -> usize {
        self.input.visual_scroll(width)
    }

    /// Takes a key.
    pub fn key(&mut self, key: KeyEvent) -> Answer {
        let is_control = key.modifiers.contains(KeyModifiers::CONTROL);
        match key.code {
            KeyCode::Esc => return Answer::Left,
            KeyCode::Char('c' | 'g') if is_control => return Answer::Left,
            KeyCode::Backspace if self.text().is_empty() => return Answer::Left,
            KeyCode::Enter if self.problem.is_none() => return Answer::Given,
            KeyCode::Enter => return Answer::Typing,
            _ => {}
        }
        if let Some(request) = request(key) {
            self.input.handle(request);
            self.validate();
        }
        Answer::Typing
    }

    /// Takes pasted text; line breaks and other control characters become spaces.
    pub fn paste(&mut self, text: &str) {
        for char in text.trim_end().chars() {
            let char = if char.is_control() { ' ' } else { char };
            self.input.handle(InputRequest::InsertChar(char));
        }
        self.validate();
    }

    /// Looks for what is wrong with the text.
    fn validate(&mut self) {
        let text = self.input.value();
        self.problem = match &self.kind {
            Kind::Filter { .. } if text.trim().is_empty() => None,
            Kind::Filter { .. } => Filter::parse(text).err().map(|error| Problem {
                span: error.span.start.min(text.len())..error.span.end.min(text.len()),
                message: error.message,
            }),
            Kind::Save { .. } if text.trim().is_empty() => Some(Problem {
                span: 0..0,
                message: "expected a file name".to_owned(),
            }),
            Kind::Save { .. } => None,
        };
    }
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
