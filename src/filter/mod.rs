//! Which flows: expressions such as `~m post & (error | ~c 5xx) !~u analytics`.
//!
//! The grammar, loosest first. `&` may be left out between terms; a doubled `&&` or `||` is one.
//!
//! ```text
//! filter = [ or ]
//! or     = and { "|" and }
//! and    = not { [ "&" ] not }
//! not    = { "!" } term
//! term   = "(" or ")" | operator [ argument ] | word
//! ```
//!
//! Operators begin with `~` and mean what they mean in mitmproxy; [`OPERATORS`] lists them. A word
//! is text without blanks and parentheses, or text in quotes, in which a backslash keeps the
//! quote or a backslash after it from being special. `&`, `|` and `!` are operators only where
//! a term may begin or end: `a|b` and `x&y` are words. Words and arguments are regular expressions,
//! smart-case: letters match in both cases unless the pattern has a capital letter.

mod lex;
mod matches;
mod needle;
mod parse;
mod pattern;

use std::fmt;
use std::ops::Range;

use crate::flow::{Flow, Summary};
pub use needle::Needle;

use pattern::{Code, Pattern};

/// An expression that chooses flows. The default one chooses all.
#[derive(Clone, PartialEq, Default, Debug)]
pub struct Filter {
    root: Option<Expr>,
}

impl Filter {
    /// Reads an expression. Nothing but blanks chooses every flow.
    ///
    /// # Errors
    /// [`ParseError`] names the part that does not fit and says what was expected in its place.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        parse::filter(text).map(|root| Self { root })
    }

    /// The expression that chooses what `op`, which takes a regular expression, finds to be just `text`.
    #[must_use]
    pub fn exactly(op: Op, text: &str) -> Option<Self> {
        let pattern = Pattern::new(&format!("^{}$", regex::escape(text))).ok()?;
        Some(Self {
            root: Some(Expr::Has(op, pattern)),
        })
    }

    /// Whether the expression chooses `flow`; `is_marked` is what [`Op::Marked`] asks for.
    #[must_use]
    pub fn matches(&self, flow: &Flow, is_marked: bool) -> bool {
        let chosen = self.judge(&Summary::of(flow), Some(flow), is_marked);
        chosen.unwrap_or_default()
    }

    /// The same of a flow that need not be in memory as a whole; `None` if that decides.
    #[must_use]
    pub fn judge(&self, summary: &Summary, flow: Option<&Flow>, is_marked: bool) -> Option<bool> {
        self.ask(matches::Subject {
            summary,
            flow,
            line: None,
            is_marked,
        })
    }

    /// The same of a flow that stands in a capture as `line`, which is looked at as it is; `None` if the
    /// line must be decoded.
    #[must_use]
    pub fn judge_line(&self, summary: &Summary, line: &[u8], is_marked: bool) -> Option<bool> {
        self.ask(matches::Subject {
            summary,
            flow: None,
            line: Some(line),
            is_marked,
        })
    }

    fn ask(&self, subject: matches::Subject<'_>) -> Option<bool> {
        match &self.root {
            None => Some(true),
            Some(root) => matches::expr(root, subject),
        }
    }

    /// Whether it chooses every flow because nothing was asked for.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.root.is_none()
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

/// An expression. `And` and `Or` have at least two members.
#[derive(Clone, PartialEq, Debug)]
enum Expr {
    And(Vec<Expr>),
    Or(Vec<Expr>),
    Not(Box<Expr>),
    /// An operator without an argument.
    Is(Op),
    /// An operator with a pattern.
    Has(Op, Pattern),
    /// `~c`.
    Status(Code),
    /// A word on its own.
    Word(Pattern),
}

impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::And(members) => join(f, members, " & "),
            Self::Or(members) => join(f, members, " | "),
            Self::Not(inner) => {
                f.write_str("!")?;
                inner.fmt_inside(f)
            }
            Self::Is(op) => write!(f, "~{}", op.name()),
            Self::Has(op, pattern) => write!(f, "~{} {pattern}", op.name()),
            Self::Status(code) => write!(f, "~c {code}"),
            Self::Word(pattern) => pattern.fmt(f),
        }
    }
}

impl Expr {
    /// Writes it as a member of another expression: in parentheses where it has members itself.
    fn fmt_inside(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::And(_) | Self::Or(_) => write!(f, "({self})"),
            _ => write!(f, "{self}"),
        }
    }
}

fn join(f: &mut fmt::Formatter<'_>, members: &[Expr], between: &str) -> fmt::Result {
    for (n, member) in members.iter().enumerate() {
        if n > 0 {
            f.write_str(between)?;
        }
        member.fmt_inside(f)?;
    }
    Ok(())
}

/// An operator.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Op {
    /// `~all`
    All,
    /// `~b`
    Body,
    /// `~bq`
    RequestBody,
    /// `~bs`
    ResponseBody,
    /// `~c`
    Status,
    /// `~d`
    Domain,
    /// `~e`
    Failed,
    /// `~h`
    Header,
    /// `~hq`
    RequestHeader,
    /// `~hs`
    ResponseHeader,
    /// `~http`
    Http,
    /// `~m`
    Method,
    /// `~marked`
    Marked,
    /// `~q`
    Unanswered,
    /// `~s`
    Answered,
    /// `~session`
    Session,
    /// `~src`
    Source,
    /// `~t`
    Type,
    /// `~thread`
    Thread,
    /// `~tq`
    RequestType,
    /// `~ts`
    ResponseType,
    /// `~u`
    Url,
    /// `~websocket`
    WebSocket,
}

impl Op {
    /// Its row in [`OPERATORS`].
    #[must_use]
    pub fn operator(self) -> Option<&'static Operator> {
        OPERATORS.iter().find(|operator| operator.op == self)
    }

    fn name(self) -> &'static str {
        self.operator().map_or("", |operator| operator.name)
    }
}

/// What there is to know of an operator: help, completion and the documentation come from it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Operator {
    /// Which one it is.
    pub op: Op,
    /// Its name, without the `~`.
    pub name: &'static str,
    /// What follows it.
    pub argument: Argument,
    /// What it chooses, in a few words.
    pub doc: &'static str,
}

/// What follows an operator.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Argument {
    /// Nothing.
    None,
    /// A regular expression.
    Regex,
    /// A status code, or a class of them such as `4xx`.
    Code,
}

impl Argument {
    /// The argument as help spells it; empty where there is none.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "",
            Self::Regex => "REGEX",
            Self::Code => "CODE",
        }
    }
}

const fn operator(op: Op, name: &'static str, argument: Argument, doc: &'static str) -> Operator {
    Operator {
        op,
        name,
        argument,
        doc,
    }
}

/// Every operator, by name.
pub const OPERATORS: [Operator; 23] = [
    operator(Op::All, "all", Argument::None, "every flow"),
    operator(
        Op::Body,
        "b",
        Argument::Regex,
        "body of the request or the response, messages included",
    ),
    operator(
        Op::RequestBody,
        "bq",
        Argument::Regex,
        "body of the request",
    ),
    operator(
        Op::ResponseBody,
        "bs",
        Argument::Regex,
        "body of the response",
    ),
    operator(
        Op::Status,
        "c",
        Argument::Code,
        "HTTP status, such as 404 or 4xx",
    ),
    operator(
        Op::Domain,
        "d",
        Argument::Regex,
        "host and port of the upstream",
    ),
    operator(
        Op::Failed,
        "e",
        Argument::None,
        "the exchange broke or was refused, or the turn failed",
    ),
    operator(
        Op::Header,
        "h",
        Argument::Regex,
        "a header line (name: value) of the request or the response",
    ),
    operator(
        Op::RequestHeader,
        "hq",
        Argument::Regex,
        "a header line of the request",
    ),
    operator(
        Op::ResponseHeader,
        "hs",
        Argument::Regex,
        "a header line of the response",
    ),
    operator(
        Op::Http,
        "http",
        Argument::None,
        "a request and its response, no WebSocket",
    ),
    operator(Op::Method, "m", Argument::Regex, "method"),
    operator(Op::Marked, "marked", Argument::None, "marked in the list"),
    operator(Op::Unanswered, "q", Argument::None, "no response yet"),
    operator(Op::Answered, "s", Argument::None, "has a response"),
    operator(
        Op::Session,
        "session",
        Argument::Regex,
        "Codex's id of the session",
    ),
    operator(
        Op::Source,
        "src",
        Argument::Regex,
        "address and port of the client",
    ),
    operator(
        Op::Type,
        "t",
        Argument::Regex,
        "Content-Type of the request or the response",
    ),
    operator(
        Op::Thread,
        "thread",
        Argument::Regex,
        "Codex's id of the thread: one agent's conversation",
    ),
    operator(
        Op::RequestType,
        "tq",
        Argument::Regex,
        "Content-Type of the request",
    ),
    operator(
        Op::ResponseType,
        "ts",
        Argument::Regex,
        "Content-Type of the response",
    ),
    operator(
        Op::Url,
        "u",
        Argument::Regex,
        "URL: the upstream's, with path and query",
    ),
    operator(
        Op::WebSocket,
        "websocket",
        Argument::None,
        "a WebSocket connection or a turn on one",
    ),
];

#[cfg(test)]
mod tests;
