//! A text in rows, seen through a window, and where the reader is in it.

use std::ops::Range;

use super::scroll::{Motion, Scroll};
use crate::content::{Document, Fold, Line};
use crate::text::Wrap;

/// The text, its rows, and the reader's position.
#[derive(Clone, Default, Debug)]
pub struct Leaf {
    /// The text.
    pub(super) document: Document,
    /// The rows of the text, as wide as the window.
    pub(super) rows: Vec<Row>,
    /// Where the reader is.
    pub(super) scroll: Scroll,
    /// How many rows fit into the window.
    pub(super) height: usize,
}

/// A screen row of a document.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Row {
    /// The line it belongs to.
    pub line: usize,
    /// Its bytes within the texts of the line's spans, one after another.
    pub range: Range<usize>,
    /// How many columns it is moved to the right.
    pub indent: u16,
}

impl Leaf {
    /// The text.
    #[must_use]
    pub fn document(&self) -> &Document {
        &self.document
    }

    /// The text's rows.
    #[must_use]
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// Where the reader is.
    #[must_use]
    pub fn scroll(&self) -> Scroll {
        self.scroll
    }

    /// The line under the cursor.
    #[must_use]
    pub fn current(&self) -> Option<&Line> {
        let row = self.rows.get(self.scroll.cursor)?;
        self.document.lines.get(row.line)
    }

    /// The section that the cursor is in: the row of its head, and what opens and closes it.
    pub(super) fn section(&self) -> Option<(usize, &Fold)> {
        let row = self.rows.get(self.scroll.cursor)?;
        let lines = self.document.lines.iter().enumerate().take(row.line + 1);
        let mut heads = lines
            .rev()
            .filter_map(|(at, line)| Some((at, line.fold.as_ref()?)));
        heads.next().map(|(line, fold)| (self.row_of(line), fold))
    }

    /// The first row of a line.
    pub(super) fn row_of(&self, line: usize) -> usize {
        self.rows.partition_point(|row| row.line < line)
    }

    /// The row of a line that shows its byte at `offset`.
    pub(super) fn row_at(&self, line: usize, offset: usize) -> usize {
        let first = self.row_of(line);
        let rows = self.rows.iter().skip(first);
        let before = rows.take_while(|row| row.line == line && row.range.end <= offset);
        (first + before.count()).min(self.row_of(line + 1).saturating_sub(1).max(first))
    }

    /// Puts the cursor onto a row.
    pub(super) fn put(&mut self, row: usize) {
        self.scroll.follows_end = false;
        self.go(Motion::To(row));
    }

    /// Moves the cursor.
    pub(super) fn go(&mut self, motion: Motion) {
        self.scroll.go(motion, self.rows.len(), self.height);
    }

    /// Turns the wheel by `by` rows.
    pub(super) fn wheel(&mut self, by: isize) {
        self.scroll.wheel(by, self.rows.len(), self.height);
    }

    /// Brings the position back into the text.
    pub(super) fn clamp(&mut self) {
        self.scroll.clamp(self.rows.len(), self.height);
    }
}

/// A line's text.
#[must_use]
pub fn text_of(line: &Line) -> String {
    line.spans.iter().map(|span| span.text.as_str()).collect()
}

/// The one row of a line that is cut where the window ends, as in a table.
#[must_use]
pub fn cut_line(index: usize, line: &Line) -> Row {
    Row {
        line: index,
        range: 0..line.spans.iter().map(|span| span.text.as_str().len()).sum(),
        indent: 0,
    }
}

/// The rows of a line.
pub(super) fn wrap_line(index: usize, line: &Line, width: u16) -> impl Iterator<Item = Row> {
    let wrap = Wrap::new(&text_of(line), usize::from(width), usize::from(line.indent));
    let rows = wrap.rows().to_vec();
    rows.into_iter().map(move |row| Row {
        line: index,
        range: row.range,
        indent: row.indent as u16,
    })
}
