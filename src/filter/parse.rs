//! Tokens as an expression, or what was expected where they make none.

use std::ops::Range;
use std::vec::IntoIter;

use super::lex::{Kind, Token, tokens};
use super::pattern::{Code, Pattern};
use super::{Argument, Expr, OPERATORS, Operator, ParseError};

/// The expression that `text` is; `None` when it is blank.
pub(super) fn filter(text: &str) -> Result<Option<Expr>, ParseError> {
    let tokens = tokens(text)?;
    if tokens.is_empty() {
        return Ok(None);
    }
    let mut parser = Parser {
        tokens: tokens.into_iter().peekable(),
        end: text.len(),
        depth: 0,
    };
    let expr = parser.or()?;
    match parser.tokens.next() {
        None => Ok(Some(expr)),
        Some(token) => Err(error(token.span, "this parenthesis was never opened")),
    }
}

/// Reads tokens by recursive descent, one method per rule of the grammar.
struct Parser {
    tokens: std::iter::Peekable<IntoIter<Token>>,
    /// The length of the text: where something is missing at the end.
    end: usize,
    /// How many parentheses are open.
    depth: usize,
}

impl Parser {
    /// `and { "|" and }`
    fn or(&mut self) -> Result<Expr, ParseError> {
        let first = self.and()?;
        let mut members = vec![first];
        while self.take(&Kind::Or) {
            members.push(self.and()?);
        }
        Ok(joined(members, Expr::Or))
    }

    /// `not { [ "&" ] not }`
    fn and(&mut self) -> Result<Expr, ParseError> {
        let first = self.not()?;
        let mut members = vec![first];
        loop {
            match self.tokens.peek().map(|token| &token.kind) {
                None | Some(Kind::Or | Kind::Close) => return Ok(joined(members, Expr::And)),
                Some(Kind::And) => {
                    self.tokens.next();
                }
                Some(Kind::Not | Kind::Open | Kind::Operator(_) | Kind::Word(_)) => {}
            }
            members.push(self.not()?);
        }
    }

    /// `{ "!" } term`. Two of them cancel out, so that any number of them is no deep tree.
    fn not(&mut self) -> Result<Expr, ParseError> {
        let mut is_negated = false;
        while self.take(&Kind::Not) {
            is_negated = !is_negated;
        }
        let term = self.term()?;
        Ok(match term {
            Expr::Not(inner) if is_negated => *inner,
            term if is_negated => Expr::Not(Box::new(term)),
            term => term,
        })
    }

    /// `"(" or ")" | operator [ argument ] | word`
    fn term(&mut self) -> Result<Expr, ParseError> {
        let Some(token) = self.tokens.next() else {
            return Err(error(self.end..self.end, EXPECTED_TERM));
        };
        match token.kind {
            Kind::Open => self.group(&token.span),
            Kind::Operator(name) => self.operator(&name, token.span),
            Kind::Word(text) => pattern(&text, token.span).map(Expr::Word),
            Kind::And | Kind::Or | Kind::Not | Kind::Close => Err(error(token.span, EXPECTED_TERM)),
        }
    }

    /// What follows the opening parenthesis at `open`.
    fn group(&mut self, open: &Range<usize>) -> Result<Expr, ParseError> {
        if self.depth == MAX_DEPTH {
            return Err(error(
                open.clone(),
                "expected fewer parentheses in each other",
            ));
        }
        self.depth += 1;
        let inner = self.or()?;
        self.depth -= 1;
        if self.take(&Kind::Close) {
            return Ok(inner);
        }
        Err(error(
            open.clone(),
            "this parenthesis is not closed: expected )",
        ))
    }

    /// What follows an operator's name.
    fn operator(&mut self, name: &str, span: Range<usize>) -> Result<Expr, ParseError> {
        let Some(operator) = OPERATORS.iter().find(|operator| operator.name == name) else {
            let known: Vec<String> = OPERATORS
                .iter()
                .map(|operator| format!("~{}", operator.name))
                .collect();
            let known = known.join(" ");
            return Err(error(
                span,
                format!("unknown operator: expected one of {known}"),
            ));
        };
        if operator.argument == Argument::None {
            return Ok(Expr::Is(operator.op));
        }
        let (text, span) = self.argument(operator)?;
        match operator.argument {
            Argument::Code => Code::new(&text).map(Expr::Status).ok_or_else(|| {
                error(
                    span,
                    "expected a status code such as 404, or a class such as 4xx",
                )
            }),
            Argument::None | Argument::Regex => {
                pattern(&text, span).map(|pattern| Expr::Has(operator.op, pattern))
            }
        }
    }

    /// The word that an operator needs.
    fn argument(&mut self, operator: &Operator) -> Result<(String, Range<usize>), ParseError> {
        let what = match operator.argument {
            Argument::Code => "a status code",
            Argument::None | Argument::Regex => "a regular expression",
        };
        let message = format!(
            "expected {what} after ~{} ({})",
            operator.name, operator.doc
        );
        match self.tokens.next() {
            Some(Token {
                kind: Kind::Word(text),
                span,
            }) => Ok((text, span)),
            Some(token) => Err(error(token.span, message)),
            None => Err(error(self.end..self.end, message)),
        }
    }

    /// Whether the next token is `kind`, which is then taken.
    fn take(&mut self, kind: &Kind) -> bool {
        self.tokens.next_if(|token| token.kind == *kind).is_some()
    }
}

/// A single member as it is, several of them joined.
fn joined(mut members: Vec<Expr>, join: fn(Vec<Expr>) -> Expr) -> Expr {
    match members.pop() {
        Some(only) if members.is_empty() => only,
        last => {
            members.extend(last);
            join(members)
        }
    }
}

fn pattern(text: &str, span: Range<usize>) -> Result<Pattern, ParseError> {
    Pattern::new(text).map_err(|why| error(span, format!("expected a regular expression: {why}")))
}

fn error(span: Range<usize>, message: impl Into<String>) -> ParseError {
    ParseError {
        span,
        message: message.into(),
    }
}

/// What can stand where a term begins.
const EXPECTED_TERM: &str = "expected a word, an operator such as ~u, ! or (";

/// How many parentheses may be open at once.
const MAX_DEPTH: usize = 64;
