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
    /// Where the window was before it got another size.
    pub(super) resized: Option<Resized>,
}

/// Where a window was before it got another size, so that it comes back there with the former one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Resized {
    /// What it showed.
    places: Places,
    /// What came of it. Where the position is another one by now, somebody has moved since.
    scroll: Scroll,
}

/// Places of the text, each a line and one of its bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Places {
    top: (usize, usize),
    cursor: (usize, usize),
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

    /// What the window shows, before it gets another size.
    pub(super) fn places(&self) -> Places {
        if let Some(resized) = self.resized.filter(|it| it.scroll == self.scroll) {
            return resized.places;
        }
        let place = |row| {
            let row: Option<&Row> = self.rows.get(row);
            row.map_or((0, 0), |row| (row.line, row.range.start))
        };
        Places {
            top: place(self.scroll.top),
            cursor: place(self.scroll.cursor),
        }
    }

    /// Has the window show that again, as far as it can with the cursor in it.
    pub(super) fn show_again(&mut self, places: Places) {
        let row = |(line, offset)| self.row_at(line, offset);
        (self.scroll.top, self.scroll.cursor) = (row(places.top), row(places.cursor));
        self.clamp();
        self.resized = Some(Resized {
            places,
            scroll: self.scroll,
        });
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
    cut_line_from(index, line, 0)
}

/// The same, from a byte of the line on.
pub(super) fn cut_line_from(index: usize, line: &Line, start: usize) -> Row {
    Row {
        line: index,
        range: start..line.spans.iter().map(|span| span.text.as_str().len()).sum(),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::content::{Role, Span};
    use crate::text::Clean;

    /// Gives the text another window.
    fn resize(leaf: &mut Leaf, width: u16, height: usize) {
        let places = leaf.places();
        let lines = leaf.document.lines.iter().enumerate();
        let rows = lines.flat_map(|(index, line)| wrap_line(index, line, width));
        leaf.rows = rows.collect();
        leaf.height = height;
        leaf.show_again(places);
    }

    fn top(leaf: &Leaf) -> (usize, usize) {
        let row = &leaf.rows[leaf.scroll.top];
        (row.line, row.range.start)
    }

    #[test]
    fn another_size_leaves_the_first_line_where_it_is_and_the_former_one_brings_all_back() {
        let mut leaf = Leaf::default();
        for number in 0..60 {
            let text = format!("line {number} {}", "word ".repeat(number % 30));
            let span = Span {
                text: Clean::new(&text),
                role: Role::Text,
            };
            leaf.document.lines.push(Line {
                spans: vec![span],
                ..Line::default()
            });
        }
        resize(&mut leaf, 40, 20);
        leaf.go(Motion::To(50));
        let (before, scroll) = (top(&leaf), leaf.scroll);
        for (width, height) in [(23, 20), (80, 20), (17, 20), (200, 9), (31, 12), (40, 14)] {
            resize(&mut leaf, width, height);
            let cursor = leaf.rows[leaf.scroll.cursor].line;
            assert!(top(&leaf).0 >= before.0 && cursor >= top(&leaf).0);
        }
        resize(&mut leaf, 40, 20);
        assert_eq!((top(&leaf), leaf.scroll), (before, scroll));
        // More room to the right or below moves nothing.
        resize(&mut leaf, 40, 24);
        assert_eq!(top(&leaf), before);
        // Whoever moves means what is there now.
        resize(&mut leaf, 40, 10);
        leaf.go(Motion::Rows(1));
        let moved = leaf.scroll;
        resize(&mut leaf, 40, 20);
        assert_eq!(leaf.scroll, moved);
    }
}
