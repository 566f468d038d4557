//! The one-line prompts at the bottom of the screen.

use std::ops::Range;
use std::sync::Arc;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::edit::Edit;
use super::focus::Pane;
use super::history::History;
use crate::filter::{Candidate, Completion, Filter, FrameFilter, Names, Needle, ParseError};
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
    history: History,
    /// How many answers back the line is; 0 for what was typed.
    place: usize,
    /// What was typed before an earlier answer was looked at.
    typed: String,
    /// Saved filters.
    names: Arc<Names>,
    /// What may be written at the cursor, while one of it is being chosen.
    offer: Option<Offer>,
}

/// What may be written at the cursor, and what of it is written for now.
#[derive(Clone, Debug)]
pub struct Offer {
    completion: Completion,
    /// Which of them.
    chosen: usize,
    /// The text and its cursor before.
    before: Edit,
}

impl Offer {
    /// What may be written.
    #[must_use]
    pub fn candidates(&self) -> &[Candidate] {
        &self.completion.candidates
    }

    /// Which of it is written for now.
    #[must_use]
    pub fn chosen(&self) -> usize {
        self.chosen
    }
}

/// What a prompt asks for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Kind {
    /// A filter for the list; what it was before, for when the prompt is left.
    Filter {
        /// The filter's text before.
        before: String,
    },
    /// Which frames to show; what the filter was before, for when the prompt is left.
    Frames {
        /// The filter's text before.
        before: String,
    },
    /// What to look for in the text of a pane.
    Search {
        /// The pane.
        pane: Pane,
    },
    /// A file to write flows to as they end: those that match the filter in force.
    Stream,
    /// What is to be noted about a flow.
    Comment {
        /// The flow.
        flow: FlowId,
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
    /// Asks for a filter, which may name others; `history` has the earlier ones, the newest last.
    #[must_use]
    pub fn filter(before: String, history: History, names: Arc<Names>) -> Self {
        let kind = Kind::Filter {
            before: before.clone(),
        };
        let mut prompt = Self {
            history,
            names,
            ..Self::new(kind, before)
        };
        prompt.validate();
        prompt
    }

    /// Asks which frames to show; `history` has the earlier filters, the newest last.
    #[must_use]
    pub fn frames(before: String, history: History) -> Self {
        let kind = Kind::Frames {
            before: before.clone(),
        };
        Self {
            history,
            ..Self::new(kind, before)
        }
    }

    /// Asks for what to look for in `pane`; `history` has what was looked for, the newest last.
    #[must_use]
    pub fn search(pane: Pane, history: History) -> Self {
        Self {
            history,
            ..Self::new(Kind::Search { pane }, String::new())
        }
    }

    /// Asks for a file to write flows to as they end.
    #[must_use]
    pub fn stream(path: String) -> Self {
        Self::new(Kind::Stream, path)
    }

    /// Asks what is to be noted about a flow, of which `before` is noted.
    #[must_use]
    pub fn comment(flow: FlowId, before: String) -> Self {
        Self::new(Kind::Comment { flow }, before)
    }

    /// A prompt with a text to begin with.
    fn new(kind: Kind, text: String) -> Self {
        let mut prompt = Self {
            kind,
            input: Edit::new(text),
            problem: None,
            was_refused: false,
            history: History::default(),
            place: 0,
            typed: String::new(),
            names: Arc::default(),
            offer: None,
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

    /// What may be written at the cursor, while one of it is being chosen.
    #[must_use]
    pub fn offer(&self) -> Option<&Offer> {
        self.offer.as_ref()
    }

    /// Writes the next of what may be written at the cursor, or the one before; `completion` finds it the
    /// first time.
    pub(super) fn complete(
        &mut self,
        is_forward: bool,
        completion: impl FnOnce(&Self) -> Completion,
    ) {
        if let Some(offer) = &mut self.offer {
            let count = offer.completion.candidates.len();
            let by = if is_forward { 1 } else { count - 1 };
            offer.chosen = (offer.chosen + by) % count;
        } else {
            let completion = completion(self);
            let count = completion.candidates.len();
            if count == 0 {
                return;
            }
            self.offer = Some(Offer {
                completion,
                chosen: if is_forward { 0 } else { count - 1 },
                before: self.input.clone(),
            });
        }
        let Some(offer) = &self.offer else { return };
        if let Some(candidate) = offer.completion.candidates.get(offer.chosen) {
            self.input = offer
                .before
                .replaced(offer.completion.span.clone(), &candidate.text);
        }
        if offer.completion.candidates.len() == 1 {
            self.offer = None;
        }
        self.validate();
    }

    /// The saved filters that the answer may name.
    pub(super) fn names(&self) -> &Names {
        &self.names
    }

    /// Takes a key.
    pub fn key(&mut self, key: KeyEvent) -> Answer {
        if let Some(offer) = self.offer.take()
            && key.code == KeyCode::Esc
        {
            self.input = offer.before;
            self.validate();
            return Answer::Typing;
        }
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
            Some(back) => self.history.back(back),
            None => Some(self.typed.as_str()),
        };
        self.input = Edit::new(text.unwrap_or_default().to_owned());
        self.validate();
    }

    /// Takes pasted text, as much as fits; line breaks and other control characters become spaces.
    pub fn paste(&mut self, text: &str) {
        self.offer = None;
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
            Kind::Filter { .. } => {
                let filter = Filter::parse_with(text, &self.names);
                filter.err().map(Problem::from)
            }
            Kind::Frames { .. } => FrameFilter::parse(text).err().map(Problem::from),
            Kind::Search { .. } => Needle::parse(text).err().map(Problem::from),
            Kind::Stream if text.trim().is_empty() => Some(Problem {
                span: 0..0,
                message: "expected a file name".to_owned(),
            }),
            Kind::Stream | Kind::Comment { .. } => None,
        };
    }
}

/// Filters that show what can be asked for, separated by dots, and how to learn of more.
#[must_use]
pub fn examples() -> String {
    format!("{} · Tab: more", EXAMPLES.join(" · "))
}

/// Whether the key asks for an earlier or later answer.
fn is_history_key(key: KeyEvent) -> bool {
    matches!(key.code, KeyCode::Up | KeyCode::Down)
}

/// What is asked for most.
const EXAMPLES: [&str; 6] = [
    "word",
    "is:failed",
    "model:gpt",
    "in>50k",
    "~c 4xx",
    "~b text",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_example_is_a_filter() {
        for example in EXAMPLES {
            let filter = Filter::parse(example);
            assert!(filter.is_ok_and(|filter| !filter.is_empty()), "{example}");
        }
    }

    #[test]
    fn text_is_pasted_at_the_cursor() {
        let mut prompt = Prompt::filter("ab".to_owned(), History::default(), Arc::default());
        prompt.key(KeyEvent::from(KeyCode::Left));
        prompt.paste("x\ty\n");
        assert_eq!((prompt.text(), prompt.cursor()), ("ax yb", 4));
    }
}
