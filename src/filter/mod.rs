//! Which flows: expressions such as `model:gpt in>50k (~c 5xx | is:failed) !~u analytics`.
//!
//! The grammar, loosest first. `&` may be left out between terms; a doubled `&&` or `||` is one.
//!
//! ```text
//! filter = [ or ]
//! or     = and { "|" and }
//! and    = not { [ "&" ] not }
//! not    = { "!" } term
//! term   = "(" or ")" | "frame(" or ")" | operator [ argument ] | field sign value | "@" name | word
//! sign   = ":" | "=" | "~" | "<" | "<=" | ">" | ">="
//! ```
//!
//! Operators begin with `~` and mean what they mean in mitmproxy; [`OPERATORS`] lists them. [`FIELDS`] has the
//! named fields; within `frame( )` terms are words and [`FRAME_FIELDS`], and one frame must pass them all. `@name`
//! stands for a saved filter ([`Names`]). A word
//! is text without blanks and parentheses, or text in quotes, in which a backslash keeps the
//! quote or a backslash after it from being special. `&`, `|` and `!` are operators only where
//! a term may begin or end: `a|b` and `x&y` are words. Words and arguments are regular expressions; what follows
//! a field's `:` or `=` is text as it is. All are smart-case: letters match in both cases unless the pattern has a
//! capital letter.

mod amount;
mod complete;
mod expr;
mod field;
mod fields;
mod frame;
mod lex;
mod matches;
mod names;
mod needle;
mod operator;
mod parse;
mod pattern;
mod raw;

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use jiff::tz::TimeZone;

use crate::flow::{Flow, FlowId, Store, Summary, is_retry};
use crate::responses::Prices;
use crate::tap::At;
use expr::{Expr, Test};
use pattern::{How, Pattern};

pub use complete::{Candidate, Completion};
pub use field::{Choice, FIELDS, FLAGS, FRAME_FIELDS, Field, Flag, Key, PARTS, Part, Value};
pub use frame::FrameFilter;
pub use names::Names;
pub use needle::Needle;
pub use operator::{Argument, OPERATORS, Op, Operator};

/// An expression that chooses flows. The default one chooses all.
#[derive(Clone, Default, Debug)]
pub struct Filter {
    root: Option<Expr>,
    basis: Arc<Basis>,
}

/// What costs and times are told by.
#[derive(Clone, Debug)]
pub struct Basis {
    /// What models cost.
    pub prices: Arc<Prices>,
    /// The zone of the user's clock.
    pub zone: TimeZone,
    /// When the filter was given: `since:` counts back from there.
    pub now: At,
}

/// No prices, UTC, and the beginning of time.
impl Default for Basis {
    fn default() -> Self {
        Self {
            prices: Arc::default(),
            zone: TimeZone::UTC,
            now: At::default(),
        }
    }
}

/// What a filter may ask of a flow that the flow itself does not tell.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Standing {
    /// Whether the user marked it.
    pub is_marked: bool,
    /// Whether it is one more attempt at a turn that failed before.
    pub is_retry: bool,
}

impl Filter {
    /// Reads an expression. Nothing but blanks chooses every flow.
    ///
    /// # Errors
    /// [`ParseError`] names the part that does not fit and says what was expected in its place.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        Self::parse_with(text, &Names::default())
    }

    /// The same of an expression that may name others.
    ///
    /// # Errors
    /// [`ParseError`] for an unknown name and for names that stand for each other, too.
    pub fn parse_with(text: &str, names: &Names) -> Result<Self, ParseError> {
        let root = parse::filter(text, names)?;
        Ok(Self {
            root,
            basis: Arc::default(),
        })
    }

    /// The expression, told what costs and times are told by.
    #[must_use]
    pub fn on(self, basis: Basis) -> Self {
        Self {
            basis: Arc::new(basis),
            ..self
        }
    }

    /// The expression that chooses flows whose field, which is a text, is just `text`.
    #[must_use]
    pub fn exactly(key: Key, text: &str) -> Option<Self> {
        let pattern = Pattern::of(text, How::Whole).ok()?;
        Some(Self {
            root: Some(Expr::Field(key, Test::Text(pattern))),
            ..Self::default()
        })
    }

    /// Whether the expression chooses `flow`.
    #[must_use]
    pub fn matches(&self, flow: &Flow, standing: Standing) -> bool {
        let chosen = self.judge(&Summary::of(flow), Some(flow), standing);
        chosen.unwrap_or_default()
    }

    /// The same of a flow that need not be in memory as a whole; `None` if that decides.
    #[must_use]
    pub fn judge(
        &self,
        summary: &Summary,
        flow: Option<&Flow>,
        standing: Standing,
    ) -> Option<bool> {
        self.ask(summary, flow, None, standing)
    }

    /// The same of a flow that stands in a capture as `line`, which is looked at as it is; `None` if the
    /// line must be decoded.
    #[must_use]
    pub fn judge_line(&self, summary: &Summary, line: &[u8], standing: Standing) -> Option<bool> {
        self.ask(summary, None, Some(line), standing)
    }

    fn ask(
        &self,
        summary: &Summary,
        flow: Option<&Flow>,
        line: Option<&[u8]>,
        standing: Standing,
    ) -> Option<bool> {
        let Some(root) = &self.root else {
            return Some(true);
        };
        let subject = matches::Subject {
            summary,
            flow,
            line,
            standing,
            basis: &self.basis,
        };
        root.ask(&mut |leaf| matches::leaf(leaf, subject))
    }

    /// What the expression may ask of a flow of the store that the flow itself does not tell.
    #[must_use]
    pub fn standing(&self, store: &Store, id: FlowId, is_marked: bool) -> Standing {
        Standing {
            is_marked,
            is_retry: self.asks(Flag::Retry) && is_retry(store, id),
        }
    }

    /// Whether it asks for this flag.
    #[must_use]
    pub fn asks(&self, flag: Flag) -> bool {
        let is_asked =
            |leaf: &Expr| matches!(leaf, Expr::Field(_, Test::Flag(asked)) if *asked == flag);
        self.root.as_ref().is_some_and(|root| root.has(&is_asked))
    }

    /// Whether it chooses every flow because nothing was asked for.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.root.is_none()
    }
}

/// Filters are equal when they ask for the same.
impl PartialEq for Filter {
    fn eq(&self, other: &Self) -> bool {
        self.root == other.root
    }
}

/// The expression as text; parsed again, it is the same expression.
impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.root.as_ref().map_or(Ok(()), |expr| expr.fmt(f))
    }
}

/// Why a text is no filter.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{message}")]
pub struct ParseError {
    /// The part that does not fit, in bytes of the text; empty where something is missing.
    pub span: Range<usize>,
    /// What was expected, in one line.
    pub message: String,
}

#[cfg(test)]
mod tests;
