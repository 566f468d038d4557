//! Overlays that cover all panes: the diff, and the session tree.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::overlay::frame;
use super::pane::{draw_row, scrollbar};
use super::put;
use super::theme::{Theme, Ui};
use crate::app::leaf::{Leaf, cut_line, text_of};
use crate::app::{App, Level, Overlay};
use crate::content::{Line, Role, sessions_header, sessions_note, sessions_row};
use crate::text::{truncate, width};

/// What changed in the selected turn.
pub(super) fn diff(app: &App, theme: &Theme, buf: &mut Buffer) {
    let area = app.place(Overlay::Diff);
    frame("Diff with the turn before", area, theme, buf);
    let (page, text) = (app.page(), app.place_of_text(Overlay::Diff));
    if page.rows().is_empty() {
        let why = match (app.list().selected(), app.missing()) {
            (None, _) => "no flow is selected".to_owned(),
            (_, Some(why)) => format!("cannot read this flow back: {why}"),
            (Some(_), None) => "reading from the capture …".to_owned(),
        };
        let why = truncate(&why, usize::from(text.width));
        put(buf, text.x, text.y, text.right(), &why, theme.ui(Ui::Empty));
        return;
    }
    rows(page, area, text, theme, buf);
}

/// The program's own log.
pub(super) fn log(app: &App, theme: &Theme, buf: &mut Buffer) {
    let (log, area) = (app.log(), app.place(Overlay::Log));
    let text = app.place_of_text(Overlay::Log);
    let title = match log.least() {
        Level::Debug => "Log".to_owned(),
        least => format!("Log · {} and worse", least.title()),
    };
    frame(&title, area, theme, buf);
    if log.leaf().rows().is_empty() {
        let why = if log.is_empty() {
            "nothing was logged yet"
        } else {
            "nothing that bad was logged"
        };
        put(buf, text.x, text.y, text.right(), why, theme.ui(Ui::Empty));
        return;
    }
    rows(log.leaf(), area, text, theme, buf);
    if let (_, gone @ 1..) = log.len() {
        let note = format!(" {gone} older lines are gone ");
        let x = area.right().saturating_sub(width(&note) as u16 + 2);
        let y = area.bottom() - 1;
        put(buf, x, y, area.right(), &note, theme.role(Role::Dim));
    }
}

/// The visible rows of a text.
fn rows(leaf: &Leaf, area: Rect, text: Rect, theme: &Theme, buf: &mut Buffer) {
    let scroll = leaf.scroll();
    let rows = leaf.rows().iter().enumerate().skip(scroll.top);
    for ((index, row), y) in rows.zip(text.y..text.bottom()) {
        let Some(line) = leaf.document().lines.get(row.line) else {
            continue;
        };
        if index == scroll.cursor {
            cursor(area, y, theme, buf);
        }
        if let Some(fold) = line.fold.as_ref().filter(|_| row.range.start == 0) {
            let sign = if fold.is_open { "▾" } else { "▸" };
            put(buf, text.x - 2, y, text.x - 1, sign, theme.ui(Ui::Fold));
        }
        draw_row(line, row, text.x, y, text.right(), theme, buf);
    }
    scrollbar(area, text, scroll.top, leaf.rows().len(), theme, buf);
}

/// Sessions with their agents and turns.
pub(super) fn sessions(app: &App, theme: &Theme, buf: &mut Buffer) {
    let area = app.place(Overlay::Sessions);
    frame("Sessions", area, theme, buf);
    let (tree, text) = (app.tree(), app.place_of_text(Overlay::Sessions));
    if tree.is_empty() {
        let why = "no model turn yet";
        put(buf, text.x, text.y, text.right(), why, theme.ui(Ui::Empty));
        return;
    }
    let header = text_of(&sessions_header(text.width));
    let style = theme.ui(Ui::Header);
    put(buf, text.x, text.y - 1, text.right(), &header, style);
    let scroll = tree.scroll();
    for (row, y) in (scroll.top..tree.len()).zip(text.y..text.bottom()) {
        let Some(branch) = tree.branch(row) else {
            continue;
        };
        let line = sessions_row(branch, text.width, &app.options().time_zone);
        whole(&line, text, y, theme, buf);
        if row == scroll.cursor {
            cursor(area, y, theme, buf);
        }
    }
    scrollbar(area, text, scroll.top, tree.len(), theme, buf);
    if let Some(branch) = tree.branch(scroll.cursor) {
        let note = sessions_note(branch);
        let note = truncate(&note, usize::from(text.width.saturating_sub(4))).into_owned();
        let x = area.right().saturating_sub(width(&note) as u16 + 4);
        let y = area.bottom().saturating_sub(1);
        let style = theme.role(Role::Dim);
        put(buf, x, y, area.right(), &format!(" {note} "), style);
    }
}

/// Draws a line that fits.
fn whole(line: &Line, text: Rect, y: u16, theme: &Theme, buf: &mut Buffer) {
    let row = cut_line(0, line);
    draw_row(line, &row, text.x, y, text.right(), theme, buf);
}

/// Marks the cursor's row.
pub(super) fn cursor(area: Rect, y: u16, theme: &Theme, buf: &mut Buffer) {
    let mark = theme.ui(Ui::CursorMark);
    put(buf, area.x + 1, y, area.right(), "▌", mark);
    let row = Rect::new(area.x + 1, y, area.width.saturating_sub(2), 1);
    buf.set_style(row, theme.ui(Ui::CursorLine));
}
