//! Whether a frame is one of those that an expression chooses.

use std::fmt;

use super::expr::{Expr, Test};
use super::field::Key;
use super::{ParseError, parse};
use crate::flow::{Flow, Frame, Op};
use crate::tap::Direction;

/// An expression that chooses frames: what may stand within `frame( )`. The default one chooses all.
#[derive(Clone, PartialEq, Default, Debug)]
pub struct FrameFilter {
    root: Option<Expr>,
}

impl FrameFilter {
    /// Reads an expression. Nothing but blanks chooses every frame.
    ///
    /// # Errors
    /// [`ParseError`] names the part that does not fit and says what was expected in its place.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        parse::frames(text).map(|root| Self { root })
    }

    /// Whether the expression chooses `frame`, which is one of the flow's.
    #[must_use]
    pub fn matches(&self, flow: &Flow, frame: &Frame) -> bool {
        let root = self.root.as_ref();
        root.is_none_or(|root| chooses(root, flow, frame))
    }

    /// Whether it chooses every frame because nothing was asked for.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.root.is_none()
    }
}

/// The expression as text; parsed again, it is the same expression.
impl fmt::Display for FrameFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.root.as_ref().map_or(Ok(()), |expr| expr.fmt(f))
    }
}

/// Whether an expression about frames chooses this one.
pub(super) fn chooses(expr: &Expr, flow: &Flow, frame: &Frame) -> bool {
    let chosen = expr.ask(&mut |leaf| Some(is(leaf, flow, frame)));
    chosen.unwrap_or_default()
}

fn is(leaf: &Expr, flow: &Flow, frame: &Frame) -> bool {
    let event = frame.event.map_or("", crate::responses::EventKind::as_str);
    match leaf {
        // A word: in what the timeline shows of the frame.
        Expr::Word(pattern) => {
            let row = [frame.op.as_str(), event].into_iter();
            let mut row = row.chain(frame.fault.as_deref());
            row.any(|text| !text.is_empty() && pattern.is_in(text.as_bytes()))
                || pattern.is_in(flow.frame_bytes(frame))
        }
        Expr::Field(key, Test::Text(pattern)) => {
            let text = match key {
                Key::Dir => direction(frame.dir).as_bytes(),
                Key::Op => frame.op.as_str().as_bytes(),
                Key::Type => event.as_bytes(),
                Key::Text => flow.frame_bytes(frame),
                _ => return false,
            };
            (!text.is_empty() || *key == Key::Text) && pattern.is_in(text)
        }
        Expr::Field(key, Test::Number(order, amount)) => {
            let number = match (key, frame.op) {
                (Key::Size, _) => Some(frame.wire),
                (Key::Bytes, _) => Some(frame.len),
                (Key::Close, Op::Close(code)) => code.map(u64::from),
                _ => None,
            };
            number.is_some_and(|number| order.includes(u128::from(number).cmp(&amount.value)))
        }
        _ => false,
    }
}

/// A direction, as captures spell it.
const fn direction(dir: Direction) -> &'static str {
    match dir {
        Direction::Out => "out",
        Direction::In => "in",
    }
}
