//! Code in colours: one line at a time, only lines that are on the screen.
//!
//! Grammars are loaded when the first line of code is drawn, never before. What a line looks like
//! depends on its text and language alone, so lines are remembered: a frame costs a look-up per
//! visible line. A comment or string that spans lines is not recognised beyond its first line; that
//! is the price for not reading the lines above.

use std::cell::{OnceCell, RefCell};
use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use syntect::parsing::{ParseState, Scope, ScopeStack, SyntaxSet};

use super::theme::Ui;

/// Colours lines of code. Its interior changes while drawing, but only to remember what it once
/// worked out.
#[derive(Default)]
pub(super) struct Highlighter {
    /// The grammars, once they were needed.
    grammars: OnceCell<SyntaxSet>,
    /// Lines seen before, by language and text.
    seen: RefCell<HashMap<(String, String), Pieces>>,
}

/// Which bytes of a line are what.
type Pieces = Arc<[(Range<usize>, Ui)]>;

impl Highlighter {
    /// Which bytes of `text` are what in the language `code`; nothing for a language that is not
    /// known.
    pub(super) fn line(&self, code: &str, text: &str) -> Pieces {
        if text.len() > MAX_LINE {
            return Arc::default();
        }
        let key = (code.to_owned(), text.to_owned());
        if let Some(pieces) = self.seen.borrow().get(&key) {
            return Arc::clone(pieces);
        }
        let pieces: Pieces = self.parse(code, text).into();
        let mut seen = self.seen.borrow_mut();
        if seen.len() >= MAX_SEEN {
            seen.clear();
        }
        seen.insert(key, Arc::clone(&pieces));
        pieces
    }

    /// Reads a line.
    fn parse(&self, code: &str, text: &str) -> Vec<(Range<usize>, Ui)> {
        let grammars = self.grammars.get_or_init(SyntaxSet::load_defaults_newlines);
        let Some(grammar) = grammars.find_syntax_by_token(code) else {
            return Vec::new();
        };
        let line = format!("{text}\n");
        let Ok(operations) = ParseState::new(grammar).parse_line(&line, grammars) else {
            return Vec::new();
        };
        let mut pieces = Vec::new();
        let mut stack = ScopeStack::new();
        let mut from = 0;
        for (at, operation) in operations {
            push(&mut pieces, from..at.min(text.len()), &stack);
            from = at;
            if stack.apply(&operation).is_err() {
                return pieces;
            }
        }
        push(&mut pieces, from..text.len(), &stack);
        pieces
    }
}

impl std::fmt::Debug for Highlighter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let seen = self.seen.borrow().len();
        f.debug_struct("Highlighter")
            .field("seen", &seen)
            .finish_non_exhaustive()
    }
}

/// Adds a piece if its scopes have a look of their own.
fn push(pieces: &mut Vec<(Range<usize>, Ui)>, range: Range<usize>, stack: &ScopeStack) {
    if range.start >= range.end {
        return;
    }
    let mut scopes = stack.as_slice().iter().rev();
    if let Some(ui) = scopes.find_map(|scope| look(*scope)) {
        pieces.push((range, ui));
    }
}

/// The look of a scope.
fn look(scope: Scope) -> Option<Ui> {
    let name = scope.build_string();
    let found = LOOKS.iter().find(|(prefix, _)| name.starts_with(prefix));
    found.map(|(_, ui)| *ui)
}

/// The beginnings of scope names (the conventions of `TextMate`), and their looks.
const LOOKS: [(&str, Ui); 12] = [
    ("comment", Ui::CodeComment),
    ("string", Ui::CodeString),
    ("constant", Ui::CodeConstant),
    ("keyword.operator", Ui::CodeOperator),
    ("keyword", Ui::CodeKeyword),
    ("storage.type", Ui::CodeKeyword),
    ("storage", Ui::CodeKeyword),
    ("entity.name.function", Ui::CodeFunction),
    ("support.function", Ui::CodeFunction),
    ("variable.function", Ui::CodeFunction),
    ("entity.name", Ui::CodeType),
    ("support.type", Ui::CodeType),
];
/// Longer lines are not worth the time.
const MAX_LINE: usize = 2_000;
/// More lines than this are not remembered.
const MAX_SEEN: usize = 4_000;
