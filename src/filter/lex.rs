//! A filter's text as tokens, each with its place.

use std::ops::Range;

use super::ParseError;

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
    /// `~` and a name.
    Operator(String),
    /// A word, its quotes undone.
    Word(String),
}

/// The tokens of `text`, or the quote that is never closed.
pub(super) fn tokens(text: &str) -> Result<Vec<Token>, ParseError> {
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(first) = text[at..].chars().next() {
        let rest = &text[at..];
        let (kind, len) = match first {
            blank if blank.is_whitespace() => {
                at += first.len_utf8();
                continue;
            }
            '(' => (Kind::Open, 1),
            ')' => (Kind::Close, 1),
            '!' => (Kind::Not, 1),
            '&' => (Kind::And, doubled(rest, '&')),
            '|' => (Kind::Or, doubled(rest, '|')),
            '"' | '\'' => quoted(rest, first).ok_or_else(|| ParseError {
                span: at..text.len(),
                message: format!("this quote is not closed: expected another {first}"),
            })?,
            '~' => {
                let name = rest[1..]
                    .split(|c: char| !c.is_ascii_alphanumeric())
                    .next()
                    .unwrap_or_default();
                (Kind::Operator(name.to_owned()), 1 + name.len())
            }
            _ => {
                let len = bare_len(rest);
                (Kind::Word(rest[..len].to_owned()), len)
            }
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
    text.chars()
        .next()
        .is_some_and(|first| !SPECIAL.contains(&first))
        && bare_len(text) == text.len()
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

/// The word in quotes that `text` begins with, and its length with the quotes; `None` if it has
/// no end.
fn quoted(text: &str, quote: char) -> Option<(Kind, usize)> {
    let mut word = String::new();
    let mut chars = text.char_indices().skip(1);
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => {
                let (_, next) = chars.next()?;
                if next != quote && next != '\\' {
                    word.push('\\');
                }
                word.push(next);
            }
            _ if c == quote => return Some((Kind::Word(word), at + 1)),
            _ => word.push(c),
        }
    }
    None
}

/// Characters that no bare word begins with.
const SPECIAL: [char; 8] = ['(', ')', '!', '&', '|', '"', '\'', '~'];
