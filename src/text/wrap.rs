//! Breaks a line of text into rows that fit a width.
//!
//! Rows end after white space, or next to a wide character; a word that is longer than a row is broken where the
//! row is full, never inside a grapheme cluster. Rows tile the text: white space at the end of a row stays
//! with it, and may stand out beyond the width, where nothing is drawn.
//!
//! A row depends on nothing but where it starts, so text that grows at its end is wrapped again only from the
//! row before the last ([`Wrap::extend`]): a delta costs as much as it is long, however long the text is.

use std::ops::Range;

use super::width::Clusters;

/// The rows of one line of text.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Wrap {
    width: usize,
    indent: usize,
    rows: Vec<Row>,
}

/// One row of a wrapped line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Row {
    /// Its bytes in the line.
    pub range: Range<usize>,
    /// How many columns it is moved to the right.
    pub indent: usize,
}

impl Wrap {
    /// Wraps `text` into rows of at most `width` columns, rows after the first moved by `indent` columns.
    ///
    /// Of a width below 2 columns, 2 are used, so that a wide character finds room; an indent of
    /// more than half the width is cut to that. Empty text has one empty row.
    #[must_use]
    pub fn new(text: &str, width: usize, indent: usize) -> Self {
        let width = width.max(2);
        // At least two columns must be left, or a wide character would stand out.
        let indent = indent.min(width / 2).min(width - 2);
        let mut wrap = Self {
            width,
            indent,
            rows: Vec::new(),
        };
        wrap.fill(text, 0);
        wrap
    }

    /// Takes in that the text grew: `text` is all of it, and begins with what was wrapped before.
    pub fn extend(&mut self, text: &str) {
        // The last row may take more; and its first cluster may have become narrower and fit on the row before.
        self.rows.pop();
        let start = self.rows.pop().map_or(0, |row| row.range.start);
        self.fill(text, start);
    }

    /// The rows, top to bottom; never none.
    #[must_use]
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// The row that shows the byte at `offset`.
    #[must_use]
    pub fn row_at(&self, offset: usize) -> usize {
        self.rows
            .partition_point(|row| row.range.end <= offset)
            .min(self.rows.len().saturating_sub(1))
    }

    /// Wraps from `start`, which begins a row, to the end.
    fn fill(&mut self, text: &str, start: usize) {
        let mut start = start;
        while let Some(end) = self.row_end(text, start) {
            self.push(start..end);
            start = end;
        }
        self.push(start..text.len());
    }

    /// Where the row that starts at `start` has to end; `None` when it takes all that is left.
    fn row_end(&self, text: &str, start: usize) -> Option<usize> {
        let room = self.width - self.next_indent();
        let mut column = 0;
        let mut chance = None;
        // A row of nothing but the line's own indentation would be no gain.
        let mut has_text = false;
        let mut was = Shape::Space;
        for cluster in Clusters::of(&text[start..]) {
            let (from, to) = (start + cluster.start, start + cluster.end);
            let shape = Shape::of(&text[from..to], cluster.width);
            let is_chance = was == Shape::Space || was == Shape::Wide || shape == Shape::Wide;
            if is_chance && has_text && shape != Shape::Space {
                chance = Some(from);
            }
            was = shape;
            has_text |= shape != Shape::Space;
            column += cluster.width;
            if shape != Shape::Space && column > room && from > start {
                return Some(chance.unwrap_or(from));
            }
        }
        None
    }

    fn push(&mut self, range: Range<usize>) {
        let indent = self.next_indent();
        self.rows.push(Row { range, indent });
    }

    /// The indent of the row that would be pushed next.
    fn next_indent(&self) -> usize {
        if self.rows.is_empty() { 0 } else { self.indent }
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Shape {
    Space,
    Letter,
    /// Ideographs and pictures: a row may end before and after each.
    Wide,
}

impl Shape {
    fn of(cluster: &str, width: usize) -> Self {
        match cluster {
            " " => Self::Space,
            _ if width == 2 => Self::Wide,
            _ => Self::Letter,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(text: &str, width: usize, indent: usize) -> Vec<String> {
        Wrap::new(text, width, indent)
            .rows()
            .iter()
            .map(|row| format!("{:1$}{2}", "", row.indent, &text[row.range.clone()]))
            .collect()
    }

    #[test]
    fn rows_end_between_words() {
        let table: &[(&str, usize, usize, &[&str])] = &[
            ("", 10, 0, &[""]),
            ("one two three", 20, 0, &["one two three"]),
            ("one two three", 8, 0, &["one two ", "three"]),
            ("one two three", 7, 2, &["one two ", "  three"]),
            ("- item of a list", 9, 2, &["- item of ", "  a list"]),
            ("abcdefghij", 4, 0, &["abcd", "efgh", "ij"]),
            (
                "ab cdefghijkl",
                5,
                2,
                &["ab ", "  cde", "  fgh", "  ijk", "  l"],
            ),
            ("漢字漢字", 5, 0, &["漢字", "漢字"]),
            ("a 漢字漢字b", 6, 0, &["a 漢字", "漢字b"]),
            ("ab     cd", 3, 0, &["ab     ", "cd"]),
            ("漢", 1, 9, &["漢"]),
            ("    abcdefgh", 8, 0, &["    abcd", "efgh"]),
            ("    indented code", 12, 4, &["    indented ", "    code"]),
        ];
        for (text, width, indent, expected) in table {
            assert_eq!(
                rows(text, *width, *indent),
                *expected,
                "{text:?} in {width}"
            );
        }
    }

    #[test]
    fn a_growing_text_is_wrapped_as_the_whole() {
        let text = "Some words, averyveryverylongword, 漢字漢字, and 👩\u{200d}💻 pictures ❤\u{fe0f} e\u{301}.";
        for width in 2..30 {
            let mut wrap = Wrap::new("", width, 2);
            for (end, c) in text.char_indices() {
                wrap.extend(&text[..end + c.len_utf8()]);
            }
            assert_eq!(wrap, Wrap::new(text, width, 2), "in {width}");
        }
    }

    #[test]
    fn offsets_lead_to_rows() {
        let wrap = Wrap::new("one two three", 8, 0);
        assert_eq!(
            [0, 7, 8, 12, 99].map(|offset| wrap.row_at(offset)),
            [0, 0, 1, 1, 1]
        );
    }
}
