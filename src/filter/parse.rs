//! Tokens as an expression, or what was expected where they make none.

use std::ops::Range;
use std::vec::IntoIter;

use super::amount::{Amount, Moment, Order};
use super::expr::{Expr, Test};
use super::field::{Choice, FLAGS, Field, PARTS, Value};
use super::lex::{Kind, Scope, Sign, Token, tokens};
use super::operator::{Argument, OPERATORS, Op, Operator, find};
use super::pattern::{Code, How, Pattern};
use super::{Names, ParseError};
use crate::text::nearest;

/// The expression that `text` is; `None` when it is blank.
pub(super) fn filter(text: &str, names: &Names) -> Result<Option<Expr>, ParseError> {
    let mut saved = Saved {
        names,
        path: Vec::new(),
        count: 0,
    };
    expression(text, Scope::Flow, 0, &mut saved)
}

/// The expression about frames that `text` is; `None` when it is blank.
pub(super) fn frames(text: &str) -> Result<Option<Expr>, ParseError> {
    let mut saved = Saved {
        names: &Names::default(),
        path: Vec::new(),
        count: 0,
    };
    expression(text, Scope::Frame, 0, &mut saved)
}

fn expression(
    text: &str,
    scope: Scope,
    depth: usize,
    saved: &mut Saved<'_>,
) -> Result<Option<Expr>, ParseError> {
    let tokens = tokens(text, scope)?;
    if tokens.is_empty() {
        return Ok(None);
    }
    let mut parser = Parser {
        tokens: tokens.into_iter().peekable(),
        end: text.len(),
        scope,
        depth,
        saved,
    };
    let expr = parser.or()?;
    match parser.tokens.next() {
        None => Ok(Some(expr)),
        Some(token) => Err(error(token.span, "this parenthesis was never opened")),
    }
}

/// What names stand for, and which of them are being read.
struct Saved<'a> {
    names: &'a Names,
    /// The names that the text being read is within.
    path: Vec<String>,
    /// How many names were read.
    count: usize,
}

/// Reads tokens by recursive descent, one method per rule of the grammar.
struct Parser<'s, 'a> {
    tokens: std::iter::Peekable<IntoIter<Token>>,
    /// The length of the text: where something is missing at the end.
    end: usize,
    /// What terms may ask about.
    scope: Scope,
    /// How many parentheses are open.
    depth: usize,
    saved: &'s mut Saved<'a>,
}

impl Parser<'_, '_> {
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
                Some(_) => {}
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

    /// `"(" or ")" | "frame(" or ")" | operator [ argument ] | field | name | word`
    fn term(&mut self) -> Result<Expr, ParseError> {
        let expected = match self.scope {
            Scope::Flow => EXPECTED_TERM,
            Scope::Frame => EXPECTED_FRAME,
        };
        let Some(token) = self.tokens.next() else {
            return Err(error(self.end..self.end, expected));
        };
        let span = token.span;
        match token.kind {
            Kind::Open => self.group(&span),
            Kind::Word(text) => pattern(&text, How::Regex, span).map(Expr::Word),
            Kind::Field { row, sign, value } => field(row, sign, &value, span),
            Kind::Frame => {
                let outer = std::mem::replace(&mut self.scope, Scope::Frame);
                let inner = self.group(&span)?;
                self.scope = outer;
                Ok(Expr::Frame(Box::new(inner)))
            }
            Kind::Operator(name) if self.scope == Scope::Flow => self.operator(&name, span),
            Kind::Name(name) if self.scope == Scope::Flow => self.saved(&name, span),
            Kind::Operator(_) | Kind::Name(_) | Kind::And | Kind::Or | Kind::Not | Kind::Close => {
                Err(error(span, expected))
            }
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
        let Some(operator) = find(name) else {
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
                let pattern = pattern(&text, How::Regex, span);
                pattern.map(|pattern| Expr::Has(operator.op, pattern))
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

    /// What a saved filter stands for.
    fn saved(&mut self, name: &str, span: Range<usize>) -> Result<Expr, ParseError> {
        let Some(text) = self.saved.names.get(name) else {
            let known = || self.saved.names.iter().map(|(name, _)| name);
            let advice = match (nearest(name, known()), known().next()) {
                (Some(near), _) => format!("did you mean @{near}?"),
                (None, Some(_)) => {
                    let known: Vec<String> = known().map(|name| format!("@{name}")).collect();
                    format!("expected one of {}", known.join(" "))
                }
                (None, None) => "none is saved".to_owned(),
            };
            return Err(error(
                span,
                format!("unknown filter @{name:.40}: {advice} (a word stands in quotes)"),
            ));
        };
        if let Some(first) = self.saved.path.iter().position(|outer| outer == name) {
            let circle = &self.saved.path[first..];
            let circle: Vec<String> = circle.iter().map(|name| format!("@{name}")).collect();
            let message = format!("{} → @{name} never ends", circle.join(" → "));
            return Err(error(span, message));
        }
        self.saved.count += 1;
        if self.saved.count > MAX_NAMES {
            return Err(error(span, "expected fewer filters in each other"));
        }
        self.saved.path.push(name.to_owned());
        let expr = expression(text, Scope::Flow, self.depth, self.saved);
        self.saved.path.pop();
        // What is wrong stands elsewhere: the name is all that there is of it here.
        let expr = expr.map_err(|inner| error(span, format!("@{name}: {}", inner.message)))?;
        Ok(expr.unwrap_or(Expr::Is(Op::All)))
    }

    /// Whether the next token is `kind`, which is then taken.
    fn take(&mut self, kind: &Kind) -> bool {
        self.tokens.next_if(|token| token.kind == *kind).is_some()
    }
}

/// A field, its sign and what it is compared with. `span` is the place of all three.
fn field(row: &Field, sign: Sign, value: &str, span: Range<usize>) -> Result<Expr, ParseError> {
    let (name, kind) = (row.name, row.value);
    let sign_start = span.start + name.len();
    let place = sign_start + sign.as_str().len()..span.end;
    if place.is_empty() {
        let (sign, expected) = (sign.as_str(), kind.expected());
        let message = format!("expected {expected} after {name}{sign} ({})", row.doc);
        return Err(error(place, message));
    }
    let wrong_sign = || {
        let message = format!("expected {} after {name} ({})", kind.signs(), row.doc);
        error(sign_start..place.start, message)
    };
    let wrong = |kind: Value| {
        let expected = kind.expected();
        error(
            place.clone(),
            match SHARES.iter().find(|(count, _)| *count == name) {
                Some((_, share)) if value.ends_with('%') => {
                    format!(
                        "expected {expected}; a share is {share}{}{value}",
                        sign.as_str()
                    )
                }
                _ => format!("expected {expected}"),
            },
        )
    };
    let how = match sign {
        Sign::Colon => Some(How::Within),
        Sign::Order(Order::Equal) => Some(How::Whole),
        Sign::Tilde => Some(How::Regex),
        Sign::Order(_) => None,
    };
    let order = match sign {
        Sign::Colon => Some(Order::Equal),
        Sign::Order(order) => Some(order),
        Sign::Tilde => None,
    };
    let by_text = |how: Option<How>| {
        let how = how.ok_or_else(wrong_sign)?;
        pattern(value, how, place.clone()).map(Test::Text)
    };
    let by_number = |kind: Value| {
        let order = order.ok_or_else(wrong_sign)?;
        let amount = Amount::read(value, kind).ok_or_else(|| wrong(kind))?;
        Ok(Test::Number(order, amount))
    };
    let is_colon = sign == Sign::Colon;
    let test = match kind {
        Value::Text => by_text(how)?,
        Value::Status => match (how, Code::new(value)) {
            (None, _) => by_number(Value::Number)?,
            (Some(How::Within | How::Whole), Some(code)) => Test::Status(code),
            (Some(_), _) => by_text(how)?,
        },
        Value::Flag if is_colon => Test::Flag(one_of(FLAGS, value, place)?),
        Value::Part if is_colon => Test::Part(one_of(PARTS, value, place)?),
        Value::Ago if is_colon => Test::Ago(Amount::read(value, kind).ok_or_else(|| wrong(kind))?),
        Value::Time if is_colon => Test::Time(Moment::read(value).ok_or_else(|| wrong(kind))?),
        Value::Flag | Value::Part | Value::Ago | Value::Time => return Err(wrong_sign()),
        Value::Count
        | Value::Bytes
        | Value::Duration
        | Value::Percent
        | Value::Dollars
        | Value::Number => by_number(kind)?,
    };
    Ok(Expr::Field(row.key, test))
}

/// The choice of this name.
fn one_of<T: Copy>(choices: &[Choice<T>], name: &str, span: Range<usize>) -> Result<T, ParseError> {
    let choice = choices.iter().find(|choice| choice.name == name);
    choice.map(|choice| choice.what).ok_or_else(|| {
        let known: Vec<&str> = choices.iter().map(|choice| choice.name).collect();
        let message = match nearest(name, known.iter().copied()) {
            Some(near) => format!("did you mean {near}?"),
            None => format!("expected one of {}", known.join(" ")),
        };
        error(span, message)
    })
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

fn pattern(text: &str, how: How, span: Range<usize>) -> Result<Pattern, ParseError> {
    Pattern::of(text, how)
        .map_err(|why| error(span, format!("expected a regular expression: {why}")))
}

fn error(span: Range<usize>, message: impl Into<String>) -> ParseError {
    ParseError {
        span,
        message: message.into(),
    }
}

/// What can stand where a term begins.
const EXPECTED_TERM: &str =
    "expected a word, a field such as model:, an operator such as ~u, ! or (";

/// Fields of counts, and those that tell them as shares.
const SHARES: [(&str, &str); 1] = [("cached", "hit")];

/// The same within `frame( )`.
const EXPECTED_FRAME: &str = "expected a word, a field of frames such as dir:, ! or (";

/// How many parentheses may be open at once.
const MAX_DEPTH: usize = 64;

/// How many saved filters may be read for one.
const MAX_NAMES: usize = 500;
