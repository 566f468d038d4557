//! Code in colours: one line at a time, only lines that are on the screen.
//!
//! Grammars take longer to load than a frame may: a thread does it once the first line of code is
//! drawn, and until then code is plain. What a line looks like depends on its text and language alone, so lines are remembered: a frame costs a look-up per
//! visible line. A comment or string that spans lines is not recognised beyond its first line; that
//! is the price for not reading the lines above.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::ops::Range;
use std::sync::{Arc, OnceLock};
use std::thread;

use syntect::parsing::{ParseState, Scope, ScopeStack, SyntaxSet};

use super::theme::Ui;

/// Colours lines of code. Its interior changes while drawing, but only to remember what it once
/// worked out.
#[derive(Clone, Default)]
pub(super) struct Highlighter {
    /// The grammars, once they are loaded.
    grammars: Arc<OnceLock<SyntaxSet>>,
    /// Whether a thread was told to load them.
    is_asked: Cell<bool>,
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
        let Some(grammars) = self.grammars.get() else {
            self.ask(code, text);
            return Arc::default();
        };
        let key = (code.to_owned(), text.to_owned());
        if let Some(pieces) = self.seen.borrow().get(&key) {
            return Arc::clone(pieces);
        }
        let pieces: Pieces = parse(grammars, code, text).into();
        let mut seen = self.seen.borrow_mut();
        if seen.len() >= MAX_SEEN {
            seen.clear();
        }
        seen.insert(key, Arc::clone(&pieces));
        pieces
    }

    /// Whether code is drawn plain only because the grammars are still being loaded.
    pub(super) fn is_loading(&self) -> bool {
        self.is_asked.get() && self.grammars.get().is_none()
    }

    /// Loads the grammars at once, in the caller's time.
    pub(super) fn load(&self) {
        self.grammars.get_or_init(SyntaxSet::load_defaults_newlines);
    }

    /// Has a thread load the grammars. It reads a line of the language that is needed first, which
    /// prepares that language's patterns: the longer part of the work.
    fn ask(&self, code: &str, text: &str) {
        if self.is_asked.replace(true) {
            return;
        }
        let (grammars, code, text) = (Arc::clone(&self.grammars), code.to_owned(), text.to_owned());
        let load = move || {
            let loaded = SyntaxSet::load_defaults_newlines();
            parse(&loaded, &code, &text);
            // Set already if they were loaded in the meantime.
            let _ = grammars.set(loaded);
        };
        let builder = thread::Builder::new().name("grammars".to_owned());
        if builder.spawn(load).is_err() {
            // Without a thread to spare, code stays plain until there is one.
            self.is_asked.set(false);
        }
    }
}

/// Reads a line.
fn parse(grammars: &SyntaxSet, code: &str, text: &str) -> Vec<(Range<usize>, Ui)> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_is_plain_and_waits_for_nobody() {
        let highlighter = Highlighter::default();
        assert!(!highlighter.is_loading());
        assert!(highlighter.line("rust", "let x = 1;").is_empty());
        assert!(highlighter.is_loading() || highlighter.grammars.get().is_some());
        while highlighter.is_loading() {
            thread::yield_now();
        }
        assert!(!highlighter.line("rust", "let x = 1;").is_empty());
    }
}
