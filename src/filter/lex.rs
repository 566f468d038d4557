//! A filter's text as tokens, each with its place.

use std::fmt;
use std::ops::Range;

use super::ParseError;
use super::amount::Order;
use super::field::{self, FIELDS, FRAME_FIELDS, Field};
use super::operator::{Argument, find};
use crate::text::nearest;

/// A piece of a filter's text.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Token {
    pub(super) kind: Kind,
    /// Its place, in bytes of the text.
    pub(super) span: Range<usize>,
}

/// What a piece is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    And,
    Or,
    Not,
    Open,
    Close,
    /// `frame(`
    Frame,
    /// `~` and a name.
    Operator(String),
    /// A word, its quotes undone.
    Word(String),
    /// A field with what it is compared with, whose quotes are undone.
    Field {
        row: &'static Field,
        sign: Sign,
        value: String,
    },
    /// `@` and a name.
    Name(String),
}

/// What stands between a field's name and its value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Sign {
    /// `:`
    Colon,
    /// `~`
    Tilde,
    /// `=`, `<`, `<=`, `>`, `>=`
    Order(Order),
}

/// What fields may stand where.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Scope {
    /// Those of flows.
    Flow,
    /// Those of frames.
    Frame,
}

impl Scope {
    /// The fields that may stand there.
    pub(super) const fn fields(self) -> &'static [Field] {
        match self {
            Self::Flow => FIELDS,
            Self::Frame => FRAME_FIELDS,
        }
    }
}

impl Sign {
    /// The sign that `text` begins with, and its length.
    pub(super) fn read(text: &str) -> Option<(Self, usize)> {
        let sign = SIGNS.iter().find(|(sign, _)| text.starts_with(sign));
        sign.map(|(text, sign)| (*sign, text.len()))
    }

    /// As it is written.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Colon => ":",
            Self::Tilde => "~",
            Self::Order(order) => order.as_str(),
        }
    }
}

/// The tokens of `text`, or the first piece that is none: a quote that is never closed, or a field that
/// there is not.
pub(super) fn tokens(text: &str, scope: Scope) -> Result<Vec<Token>, ParseError> {
    let mut tokens: Vec<Token> = Vec::new();
    // That of each parenthesis that is open.
    let mut scopes = vec![scope];
    let mut at = 0;
    while let Some(first) = text[at..].chars().next() {
        let rest = &text[at..];
        let inner = scopes.last().copied().unwrap_or(scope);
        let (kind, len) = match first {
            blank if blank.is_whitespace() => {
                at += first.len_utf8();
                continue;
            }
            '(' => {
                scopes.push(inner);
                (Kind::Open, 1)
            }
            ')' => {
                scopes.pop();
                (Kind::Close, 1)
            }
            '!' => (Kind::Not, 1),
            '&' => (Kind::And, doubled(rest, '&')),
            '|' => (Kind::Or, doubled(rest, '|')),
            '"' | '\'' => {
                let (word, len) = closed(text, at)?;
                (Kind::Word(word), len)
            }
            '~' => {
                let name = leading(&rest[1..], |c| c.is_ascii_alphanumeric());
                (Kind::Operator(name.to_owned()), 1 + name.len())
            }
            '@' if !is_argument(tokens.last()) => {
                let name = leading(&rest[1..], is_of_name);
                (Kind::Name(name.to_owned()), 1 + name.len())
            }
            _ if is_argument(tokens.last()) => word(rest),
            _ if inner == Scope::Flow && rest.starts_with(FRAME) => {
                scopes.push(Scope::Frame);
                (Kind::Frame, FRAME.len())
            }
            _ => match field(text, at, inner)? {
                Some(field) => field,
                None => word(rest),
            },
        };
        tokens.push(Token {
            kind,
            span: at..at + len,
        });
        at += len;
    }
    Ok(tokens)
}

/// Whether `text` is read as one word of just these characters when it stands without quotes.
pub(super) fn is_bare(text: &str) -> bool {
    let is_word = |token: &Token| matches!(&token.kind, Kind::Word(word) if word == text);
    let is_alone = |scope| {
        let tokens = tokens(text, scope);
        tokens.is_ok_and(|tokens| matches!(tokens.as_slice(), [token] if is_word(token)))
    };
    is_alone(Scope::Flow) && is_alone(Scope::Frame)
}

/// Whether `text` is read as just these characters when it stands without quotes behind a field's sign.
pub(super) fn is_bare_value(text: &str) -> bool {
    !text.is_empty() && !text.starts_with(['"', '\'', '=']) && bare_len(text) == text.len()
}

/// Writes `text` as it stands in a filter: in quotes unless it `is_bare`.
pub(super) fn write(
    f: &mut fmt::Formatter<'_>,
    text: &str,
    is_bare: impl Fn(&str) -> bool,
) -> fmt::Result {
    f.write_str(&written(text, is_bare))
}

/// The text as it stands in a filter.
pub(super) fn written(text: &str, is_bare: impl Fn(&str) -> bool) -> String {
    if is_bare(text) {
        return text.to_owned();
    }
    let escaped = text.replace('\\', r"\\").replace('"', "\\\"");
    format!("\"{escaped}\"")
}

/// Whether the character may stand in the name of a saved filter.
pub(super) fn is_of_name(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '-' | '_')
}

/// The field that stands at `at`; `None` where a word stands there.
fn field(text: &str, at: usize, scope: Scope) -> Result<Option<(Kind, usize)>, ParseError> {
    let rest = &text[at..];
    let name = leading(rest, |c| c.is_ascii_alphabetic());
    let Some((sign, sign_len)) = Sign::read(&rest[name.len()..]).filter(|_| !name.is_empty())
    else {
        return Ok(None);
    };
    let fields = scope.fields();
    let Some(row) = field::find(fields, name) else {
        let near = nearest(name, fields.iter().map(|field| field.name));
        let message = match (near, sign) {
            (None, Sign::Colon | Sign::Tilde) => return Ok(None),
            (Some(near), _) => format!("did you mean {near}?"),
            (None, Sign::Order(_)) => {
                let known: Vec<&str> = fields.iter().map(|field| field.name).collect();
                format!("expected one of {}", known.join(" "))
            }
        };
        return Err(ParseError {
            span: at..at + name.len(),
            message: format!("unknown field {name:.20}: {message} (a word stands in quotes)"),
        });
    };
    let start = name.len() + sign_len;
    let value = &rest[start..];
    let (value, len) = if value.starts_with(['"', '\'']) {
        closed(text, at + start)?
    } else {
        let len = bare_len(value);
        (value[..len].to_owned(), len)
    };
    Ok(Some((Kind::Field { row, sign, value }, start + len)))
}

/// Whether what follows the token is an operator's argument, in which nothing is a field.
fn is_argument(before: Option<&Token>) -> bool {
    let Some(Kind::Operator(name)) = before.map(|token| &token.kind) else {
        return false;
    };
    find(name).is_some_and(|operator| operator.argument != Argument::None)
}

/// The word without quotes that `text` begins with, and its length.
fn word(text: &str) -> (Kind, usize) {
    let len = bare_len(text);
    (Kind::Word(text[..len].to_owned()), len)
}

/// The length of the word that `text` begins with. A `&` or `|` at its end is an operator: no
/// word needs it there, and `a| b` is what people type.
fn bare_len(text: &str) -> usize {
    let end = text
        .find(|c: char| c.is_whitespace() || matches!(c, '(' | ')'))
        .unwrap_or(text.len());
    text[..end].trim_end_matches(['&', '|']).len()
}

fn doubled(text: &str, sign: char) -> usize {
    if text[1..].starts_with(sign) { 2 } else { 1 }
}

/// What `text` begins with of these characters.
fn leading(text: &str, belongs: impl Fn(char) -> bool) -> &str {
    let end = text.find(|c: char| !belongs(c));
    &text[..end.unwrap_or(text.len())]
}

/// The word in quotes at `at`, and its length with the quotes.
fn closed(text: &str, at: usize) -> Result<(String, usize), ParseError> {
    quoted(&text[at..]).ok_or_else(|| {
        let quote = &text[at..=at];
        ParseError {
            span: at..text.len(),
            message: format!("this quote is not closed: expected another {quote}"),
        }
    })
}

/// The word in quotes that `text` begins with, and its length with the quotes; `None` if it has
/// no end.
fn quoted(text: &str) -> Option<(String, usize)> {
    let mut word = String::new();
    let mut chars = text.char_indices();
    let (_, quote) = chars.next()?;
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => {
                let (_, next) = chars.next()?;
                if next != quote && next != '\\' {
                    word.push('\\');
                }
                word.push(next);
            }
            _ if c == quote => return Some((word, at + 1)),
            _ => word.push(c),
        }
    }
    None
}

/// What begins an expression about frames.
pub(super) const FRAME: &str = "frame(";

/// The signs, those of two characters first.
const SIGNS: [(&str, Sign); 7] = [
    ("<=", Sign::Order(Order::AtMost)),
    (">=", Sign::Order(Order::AtLeast)),
    ("<", Sign::Order(Order::Less)),
    (">", Sign::Order(Order::More)),
    ("=", Sign::Order(Order::Equal)),
    ("~", Sign::Tilde),
    (":", Sign::Colon),
];
