//! Two texts by lines, from their words.

use super::super::{Line, Role};
use crate::flow::lineage::Words;

/// A line of two texts.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Pair {
    /// In both.
    Same(Line),
    /// What stands in one place of either; at least one is there.
    Changed(Option<Line>, Option<Line>),
}

/// The lines of two texts that consist of these words.
pub(super) fn pairs(words: &[Words]) -> Vec<Pair> {
    let mut pairing = Pairing::default();
    for piece in words {
        match piece {
            Words::Kept(text) => pairing.kept(text),
            Words::Gone(text) => pairing.before.push(text, Role::DiffRemoved),
            Words::Added(text) => pairing.after.push(text, Role::DiffAdded),
        }
    }
    pairing.end()
}

/// How many lines came and went: `+3 −1`.
pub(super) fn counts(pairs: &[Pair]) -> String {
    let (mut added, mut gone) = (0, 0);
    for pair in pairs {
        if let Pair::Changed(before, after) = pair {
            gone += usize::from(before.is_some());
            added += usize::from(after.is_some());
        }
    }
    format!("+{added} −{gone}")
}

#[derive(Default)]
struct Pairing {
    pairs: Vec<Pair>,
    before: Side,
    after: Side,
}

/// The lines of one text since the last that was the same in both.
#[derive(Default)]
struct Side {
    whole: Vec<Line>,
    /// The line that is not at its end, and whether it has changed.
    open: Line,
    is_changed: bool,
}

impl Side {
    /// Adds text that is in this one alone.
    fn push(&mut self, text: &str, role: Role) {
        for piece in text.split_inclusive('\n') {
            self.is_changed = true;
            self.add(piece, role);
            if piece.ends_with('\n') {
                self.close();
            }
        }
    }

    fn add(&mut self, piece: &str, role: Role) {
        let text = piece.strip_suffix('\n').unwrap_or(piece);
        let text = text.strip_suffix('\r').unwrap_or(text);
        if !text.is_empty() {
            self.open.add(text, role);
        }
    }

    fn close(&mut self) {
        self.whole.push(std::mem::take(&mut self.open));
        self.is_changed = false;
    }

    /// Whether nothing of the line that is not at its end came yet.
    fn is_at_start(&self) -> bool {
        self.open.spans.is_empty() && !self.is_changed
    }
}

impl Pairing {
    fn kept(&mut self, text: &str) {
        for piece in text.split_inclusive('\n') {
            if self.before.is_at_start() && self.after.is_at_start() {
                self.flush();
            }
            self.before.add(piece, Role::Text);
            self.after.add(piece, Role::Text);
            if piece.ends_with('\n') {
                self.line();
            }
        }
    }

    /// Both lines are at their end.
    fn line(&mut self) {
        let is_new = self.before.whole.is_empty() && self.after.whole.is_empty();
        if is_new && !self.before.is_changed && !self.after.is_changed {
            let line = std::mem::take(&mut self.before.open);
            self.after.open = Line::default();
            self.pairs.push(Pair::Same(line));
            return;
        }
        self.before.close();
        self.after.close();
        self.flush();
    }

    /// Puts side by side what changed so far.
    fn flush(&mut self) {
        let mut before = self.before.whole.drain(..);
        let mut after = self.after.whole.drain(..);
        loop {
            match (before.next(), after.next()) {
                (None, None) => return,
                (old, new) => self.pairs.push(Pair::Changed(old, new)),
            }
        }
    }

    fn end(mut self) -> Vec<Pair> {
        let ends = [self.before.is_at_start(), self.after.is_at_start()];
        match ends {
            [true, true] => {}
            [false, false] => self.line(),
            [false, true] => self.before.close(),
            [true, false] => self.after.close(),
        }
        self.flush();
        self.pairs
    }
}
