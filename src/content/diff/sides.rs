//! Two columns where there is room, or signs of a unified diff.

use super::super::{Document, Fold, Folds, Line, Role, Span};
use crate::text::{Clean, Wrap};

/// A document of lines that are in one of two requests, or in both.
pub(super) struct Sides {
    pub(super) document: Document,
    /// Columns of either side, its sign included; `None` where they stand one below the other.
    column: Option<usize>,
}

impl Sides {
    /// For `width` columns in all.
    pub(super) fn new(width: u16) -> Self {
        let columns = usize::from(width).saturating_sub(BETWEEN_COLUMNS) / 2;
        Self {
            document: Document::default(),
            column: (width >= super::WIDE).then_some(columns),
        }
    }

    /// Adds what stands in one place of either.
    pub(super) fn pair(&mut self, before: Option<Line>, after: Option<Line>) {
        self.put(before, after, None);
    }

    /// The same as the head of a section that is closed at first; returns whether it is open.
    pub(super) fn section(
        &mut self,
        key: &str,
        folds: &Folds,
        before: Option<Line>,
        after: Option<Line>,
    ) -> bool {
        let is_open = folds.is_open(key, false);
        let fold = Fold {
            key: key.to_owned(),
            is_open,
        };
        self.put(before, after, Some(fold));
        is_open
    }

    /// Adds a line that is in both.
    pub(super) fn same(&mut self, line: Line) {
        if self.column.is_some() {
            let again = line.clone();
            self.rows(Some(both(line)), Some(both(again)), None);
        } else {
            self.document.push(both(line));
        }
    }

    fn put(&mut self, before: Option<Line>, after: Option<Line>, mut fold: Option<Fold>) {
        let before = before.map(|line| signed("−", Role::DiffRemoved, line));
        let after = after.map(|line| signed("+", Role::DiffAdded, line));
        if self.column.is_some() {
            return self.rows(before, after, fold);
        }
        for line in before.into_iter().chain(after) {
            let fold = fold.take();
            self.document.push(Line { fold, ..line });
        }
    }

    /// Adds the rows that two lines take, side by side.
    fn rows(&mut self, before: Option<Line>, after: Option<Line>, mut fold: Option<Fold>) {
        let columns = self.column.unwrap_or_default();
        let cells = |line: Option<Line>| line.map_or_else(Vec::new, |line| cells(&line, columns));
        let (left, right) = (cells(before), cells(after));
        for row in 0..left.len().max(right.len()) {
            let mut line = Line::default();
            line.spans
                .extend(left.get(row).into_iter().flatten().cloned());
            let used: usize = line.spans.iter().map(|span| span.text.width()).sum();
            line.add(&" ".repeat(columns.saturating_sub(used)), Role::Text);
            line.add(BETWEEN, Role::Dim);
            line.spans
                .extend(right.get(row).into_iter().flatten().cloned());
            line.fold = fold.take();
            self.document.push(line);
        }
    }
}

/// A line that needs no sign.
fn both(line: Line) -> Line {
    signed(" ", Role::Dim, line)
}

/// A line with a sign before it.
fn signed(sign: &str, role: Role, line: Line) -> Line {
    let mut signed = Line::of(&format!("{sign} "), role);
    signed.spans.extend(line.spans);
    signed.hanging(SIGN + usize::from(line.indent))
}

/// A line's spans, in rows of at most `columns`.
fn cells(line: &Line, columns: usize) -> Vec<Vec<Span>> {
    let text: String = line.spans.iter().map(|span| span.text.as_str()).collect();
    let wrap = Wrap::new(&text, columns, usize::from(line.indent));
    let rows = wrap.rows().iter();
    let cells = rows.map(|row| {
        // Blanks at its end may stand out.
        let end = row.range.start + text[row.range.clone()].trim_end().len();
        let mut cell = Vec::new();
        if row.indent > 0 {
            cell.push(Span {
                text: Clean::new(&" ".repeat(row.indent)),
                role: Role::Text,
            });
        }
        let mut start = 0;
        for span in &line.spans {
            let piece = span.text.as_str();
            let from = row.range.start.max(start);
            let to = end.min(start + piece.len());
            if from < to
                && let Some(piece) = piece.get(from - start..to - start)
            {
                cell.push(Span {
                    text: Clean::new(piece),
                    role: span.role,
                });
            }
            start += piece.len();
        }
        cell
    });
    cells.collect()
}

/// Columns of a sign and the blank after it.
const SIGN: usize = 2;
/// What stands between the sides.
const BETWEEN: &str = " │ ";
/// Its columns.
const BETWEEN_COLUMNS: usize = 3;
