//! A pane that shows a document: its rows, the cursor's line, and where in the text the window is.

use std::ops::Range;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::theme::{Theme, Ui};
use super::{empty, put};
use crate::app::App;
use crate::app::focus::Pane;
use crate::app::layout::Placed;
use crate::app::leaf::{Row, cut_line, text_of};
use crate::content::{Line, Role};
use crate::text::width;

/// Draws a detail pane.
pub(super) fn draw(app: &App, placed: &Placed, theme: &Theme, buf: &mut Buffer) {
    let Some(sheet) = app.sheet(placed.pane) else {
        return;
    };
    if sheet.rows().is_empty() {
        empty::detail(app, placed, theme, buf);
        return;
    }
    let text = placed.text();
    let scroll = sheet.scroll();
    let is_focused = app.focus() == placed.pane;
    let mut matches = Matches::of(app, placed.pane);
    let line_at = |index: usize| sheet.rows().get(index).map(|row| row.line);
    let is_first = |index: usize| index == 0 || line_at(index) != line_at(index - 1);
    for ((index, row), y) in sheet
        .rows()
        .iter()
        .enumerate()
        .skip(scroll.top)
        .zip(text.y..text.bottom())
    {
        let Some(line) = sheet.document().lines.get(row.line) else {
            continue;
        };
        if is_focused && index == scroll.cursor {
            let inner = placed.inner();
            put(
                buf,
                inner.x,
                y,
                inner.right(),
                "▌",
                theme.ui(Ui::CursorMark),
            );
            let area = Rect::new(inner.x, y, inner.width, 1);
            buf.set_style(area, theme.ui(Ui::CursorLine));
        }
        if let Some(fold) = line.fold.as_ref().filter(|_| is_first(index)) {
            let sign = if fold.is_open { "▾" } else { "▸" };
            let x = placed.inner().x + 1;
            put(buf, x, y, x + 1, sign, theme.ui(Ui::Fold));
        }
        draw_row(line, row, text.x, y, text.right(), theme, buf);
        matches.mark(line, row, (text.x, y, text.right()), theme, buf);
    }
    if let (Some(area), Some((line, column))) = (placed.axis(), app.axis()) {
        axis(line, *column, area, theme, buf);
    }
    scrollbar(
        placed.area,
        placed.body(),
        scroll.top,
        sheet.rows().len(),
        theme,
        buf,
    );
}

/// Draws the time axis, with the column of the frame under the cursor marked.
fn axis(line: &Line, column: Option<usize>, area: Rect, theme: &Theme, buf: &mut Buffer) {
    let row = cut_line(0, line);
    draw_row(line, &row, area.x, area.y, area.right(), theme, buf);
    if let Some(column) = column.filter(|column| *column < usize::from(area.width)) {
        let place = Rect::new(area.x + column as u16, area.y, 1, 1);
        buf.set_style(place, theme.ui(Ui::Cursor));
    }
}

/// What the search of a pane found in the lines that are drawn.
struct Matches<'a> {
    app: &'a App,
    pane: Pane,
    /// The match that the cursor is on.
    current: Option<(usize, Range<usize>)>,
    /// The last line that was looked at: its number, its text and what was found in it.
    seen: Option<(usize, String, Vec<Range<usize>>)>,
}

impl<'a> Matches<'a> {
    fn of(app: &'a App, pane: Pane) -> Self {
        Self {
            app,
            pane,
            current: app.current_match(pane),
            seen: None,
        }
    }

    /// Marks what was found in a row that was drawn from column `x` up to `end`.
    fn mark(
        &mut self,
        line: &Line,
        row: &Row,
        (x, y, end): (u16, u16, u16),
        theme: &Theme,
        buf: &mut Buffer,
    ) {
        if self.app.sought(self.pane).is_none() {
            return;
        }
        if self.seen.as_ref().is_none_or(|seen| seen.0 != row.line) {
            let text = text_of(line);
            let found = self.app.matches_in(self.pane, &text);
            self.seen = Some((row.line, text, found));
        }
        let Some((number, text, found)) = &self.seen else {
            return;
        };
        let first = usize::from(x.saturating_add(row.indent));
        for range in found {
            let from = range.start.max(row.range.start);
            let to = range.end.min(row.range.end);
            let (Some(before), Some(piece)) = (text.get(row.range.start..from), text.get(from..to))
            else {
                continue;
            };
            let start = first + width(before);
            if start >= usize::from(end) {
                return;
            }
            let is_current = |(line, at): &(usize, Range<usize>)| line == number && at == range;
            let ui = if self.current.as_ref().is_some_and(is_current) {
                Ui::MatchCurrent
            } else {
                Ui::Match
            };
            let columns = width(piece).min(usize::from(end) - start);
            let area = Rect::new(start as u16, y, columns as u16, 1);
            buf.set_style(area.intersection(buf.area), theme.ui(ui));
        }
    }
}

/// Draws a row of a line; where it is cut it ends with `…`.
pub(super) fn draw_row(
    line: &Line,
    row: &Row,
    x: u16,
    y: u16,
    end: u16,
    theme: &Theme,
    buf: &mut Buffer,
) {
    let first = x.saturating_add(row.indent);
    let mut x = first;
    let mut start = 0;
    for span in &line.spans {
        let text = span.text.as_str();
        let from = row.range.start.max(start);
        let to = row.range.end.min(start + text.len());
        if from < to
            && let Some(piece) = text.get(from - start..to - start)
        {
            let is_cut = width(piece.trim_end()) > usize::from(end.saturating_sub(x));
            x = put(buf, x, y, end, piece, theme.role(span.role));
            if is_cut {
                put(buf, end - 1, y, end, "…", theme.role(Role::Dim));
                break;
            }
        }
        start += text.len();
    }
    if let Some(code) = &line.code {
        colour(line, row, code.as_str(), (first, y), x, theme, buf);
    }
}

/// Colours a row of code that was drawn from the position `first` up to column `end`.
fn colour(
    line: &Line,
    row: &Row,
    code: &str,
    (first, y): (u16, u16),
    end: u16,
    theme: &Theme,
    buf: &mut Buffer,
) {
    let text = text_of(line);
    for (range, ui) in theme.highlighter.line(code, &text).iter() {
        let from = range.start.max(row.range.start);
        let to = range.end.min(row.range.end);
        let (Some(before), Some(piece)) = (text.get(row.range.start..from), text.get(from..to))
        else {
            continue;
        };
        let x = usize::from(first) + width(before);
        if x >= usize::from(end) {
            return;
        }
        put(buf, x as u16, y, end, piece, theme.ui(*ui));
    }
}

/// Marks in the right border of `area` which part of `total` rows is visible from row `top` on.
pub(super) fn scrollbar(
    area: Rect,
    rows: Rect,
    top: usize,
    total: usize,
    theme: &Theme,
    buf: &mut Buffer,
) {
    let height = usize::from(rows.height);
    if total <= height || height == 0 {
        return;
    }
    let thumb = (height * height / total).clamp(1, height);
    let start = top * (height - thumb) / (total - height).max(1);
    let style: Style = theme.ui(Ui::Scrollbar);
    let x = area.right() - 1;
    for y in start..(start + thumb).min(height) {
        put(buf, x, rows.y + y as u16, x + 1, "┃", style);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::content::Span;
    use crate::text::Clean;

    /// The cells of a row that is drawn between columns 1 and 13.
    fn drawn(line: &Line, row: &Row) -> String {
        let theme = Theme::load("default-dark", &[]).unwrap().loaded();
        let mut buf = Buffer::empty(Rect::new(0, 0, 14, 1));
        draw_row(line, row, 1, 0, 13, &theme, &mut buf);
        let cells = buf.content.iter();
        cells.map(ratatui::buffer::Cell::symbol).collect()
    }

    #[test]
    fn a_row_that_is_cut_says_so() {
        for (text, cells) in [
            ("twelve cells", " twelve cells "),
            ("thirteen cells", " thirteen ce… "),
        ] {
            let line = Line {
                spans: vec![Span {
                    text: Clean::new(text),
                    role: Role::Text,
                }],
                ..Line::default()
            };
            assert_eq!(drawn(&line, &cut_line(0, &line)), cells);
        }
    }

    #[test]
    fn blanks_beyond_the_edge_do_not_move_the_colours() {
        let text = "let x = 1;        ";
        let line = Line {
            spans: vec![Span {
                text: Clean::new(text),
                role: Role::Code,
            }],
            code: Some(Clean::new("rust")),
            ..Line::default()
        };
        let row = Row {
            line: 0,
            range: 0..text.len(),
            indent: 2,
        };
        assert_eq!(drawn(&line, &row), "   let x = 1; ");
    }
}
