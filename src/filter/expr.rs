//! The tree that a filter's text stands for, and the tree as text.

use std::fmt;

use super::amount::{Amount, Moment, Order};
use super::field::{self, FLAGS, Flag, Key, PARTS, Part};
use super::lex::{self, FRAME};
use super::operator::Op;
use super::pattern::{Code, How, Pattern};

/// An expression. `And` and `Or` have at least two members.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Expr {
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
    /// A named field.
    Field(Key, Test),
    /// `frame( )`: a frame of the flow for which this holds.
    Frame(Box<Expr>),
}

/// What a field is compared with.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Test {
    /// A text that is found in it, is all of it, or matches it.
    Text(Pattern),
    /// A status, or a class of them.
    Status(Code),
    /// A number.
    Number(Order, Amount),
    /// A kind of flow.
    Flag(Flag),
    /// What a flow may have.
    Part(Part),
    /// A time before now.
    Ago(Amount),
    /// A moment.
    Time(Moment),
}

impl Expr {
    /// Whether it holds; `leaf` tells of the expressions that it is made of. `None` if that depends on what
    /// is not known of them.
    pub(super) fn ask(&self, leaf: &mut impl FnMut(&Self) -> Option<bool>) -> Option<bool> {
        match self {
            Self::And(members) => all(members, |inner| inner.ask(leaf)),
            Self::Or(members) => {
                let none = all(members, |inner| inner.ask(leaf).map(|is| !is));
                none.map(|is| !is)
            }
            Self::Not(inner) => inner.ask(leaf).map(|is| !is),
            Self::Is(_)
            | Self::Has(..)
            | Self::Status(_)
            | Self::Word(_)
            | Self::Field(..)
            | Self::Frame(_) => leaf(self),
        }
    }

    /// Whether one of the expressions that it is made of is such a one.
    pub(super) fn has(&self, is_such: &impl Fn(&Self) -> bool) -> bool {
        match self {
            Self::And(members) | Self::Or(members) => {
                members.iter().any(|member| member.has(is_such))
            }
            Self::Not(inner) => inner.has(is_such),
            leaf => is_such(leaf),
        }
    }

    /// Writes it as a member of another expression: in parentheses where it has members itself.
    fn fmt_inside(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::And(_) | Self::Or(_) => write!(f, "({self})"),
            _ => write!(f, "{self}"),
        }
    }
}

/// Whether all members hold. One that does not decides, whatever is unknown of the others.
fn all(members: &[Expr], mut member: impl FnMut(&Expr) -> Option<bool>) -> Option<bool> {
    let mut all = Some(true);
    for inner in members {
        match member(inner) {
            Some(true) => {}
            Some(false) => return Some(false),
            None => all = None,
        }
    }
    all
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
            Self::Field(key, test) => write!(f, "{}{test}", field::name(*key)),
            Self::Frame(inner) => write!(f, "{FRAME}{inner})"),
        }
    }
}

impl fmt::Display for Test {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(pattern) => {
                let sign = match pattern.how() {
                    How::Within => ":",
                    How::Whole => "=",
                    How::Regex => "~",
                };
                f.write_str(sign)?;
                lex::write(f, pattern.as_str(), lex::is_bare_value)
            }
            Self::Status(code) => write!(f, ":{code}"),
            Self::Number(order, amount) => write!(f, "{}{amount}", order.as_str()),
            Self::Flag(flag) => write!(f, ":{}", field::word(FLAGS, *flag)),
            Self::Part(part) => write!(f, ":{}", field::word(PARTS, *part)),
            Self::Ago(amount) => write!(f, ":{amount}"),
            Self::Time(moment) => write!(f, ":{moment}"),
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
