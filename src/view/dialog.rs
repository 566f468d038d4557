//! The dialog that saves and exports.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};

use super::overlay::frame;
use super::pane::{draw_row, scrollbar};
use super::prompt::line;
use super::put;
use super::theme::{Theme, Ui};
use crate::app::{App, Dialog, Field, Form, Note, Overlay};
use crate::content::{Role, format};
use crate::text::{Clean, truncate, width};

/// Draws the rows that are filled in and, below, what the file will begin with.
pub(super) fn draw(app: &App, theme: &Theme, buf: &mut Buffer) {
    let Some(dialog) = app.dialog() else {
        return;
    };
    let (area, text) = (
        app.place(Overlay::Dialog),
        app.place_of_text(Overlay::Dialog),
    );
    frame(dialog.title(), area, theme, buf);
    let row = |number: u16| Rect::new(text.x, area.y + 1 + number, text.width, 1);
    let forms = Form::ALL.map(|form| (form.title().to_owned(), form == dialog.form()));
    choice(
        "form",
        &forms,
        dialog.field() == Field::Form,
        row(0),
        theme,
        buf,
    );
    let (choices, chosen) = dialog.choices();
    let flows: Vec<_> = choices
        .iter()
        .enumerate()
        .map(|(place, (which, count))| {
            let count = format::count(*count as u64);
            (format!("{count} {}", which.title()), place == chosen)
        })
        .collect();
    choice(
        "flows",
        &flows,
        dialog.field() == Field::Flows,
        row(1),
        theme,
        buf,
    );
    let place = label("file", dialog.field() == Field::Path, row(2), theme, buf);
    let path = dialog.path();
    let end = line(path.text(), path.cursor(), None, place, theme, buf);
    if path.is_selected() {
        let columns = end.saturating_sub(place.x + 1);
        let selected = Rect {
            width: columns,
            ..place
        };
        buf.set_style(selected, Style::new().add_modifier(Modifier::UNDERLINED));
    }
    note(dialog, row(3), theme, buf);
    preview(app, dialog, area, text, theme, buf);
}

/// Writes what a row is called. Gives the place behind it.
fn label(name: &str, is_active: bool, row: Rect, theme: &Theme, buf: &mut Buffer) -> Rect {
    let style = theme.ui(Ui::Overlay).patch(theme.role(Role::Label));
    if is_active {
        let x = row.x.saturating_sub(1);
        put(buf, x, row.y, row.x, "▌", theme.ui(Ui::CursorMark));
    }
    put(buf, row.x, row.y, row.right(), name, style);
    Rect {
        x: row.x + LABEL,
        width: row.width.saturating_sub(LABEL),
        ..row
    }
}

/// Writes what can be chosen in a row, as much as fits around what is.
fn choice(
    name: &str,
    choices: &[(String, bool)],
    is_active: bool,
    row: Rect,
    theme: &Theme,
    buf: &mut Buffer,
) {
    let place = label(name, is_active, row, theme, buf);
    let texts: usize = choices.iter().map(|(text, _)| width(text) + SIGN).sum();
    let takes = |gap: usize| texts + gap * choices.len().saturating_sub(1);
    let mut gaps = [2, 1].into_iter();
    let gap = gaps.find(|gap| takes(*gap) <= usize::from(place.width));
    let fits = gap.is_some();
    let gap = gap.unwrap_or(2) as u16;
    let mut x = place.x;
    for (text, is_chosen) in choices {
        if !fits && !is_chosen {
            continue;
        }
        let (sign, style) = if *is_chosen {
            let style = theme.ui(Ui::Accent);
            ("● ", style.add_modifier(Modifier::UNDERLINED))
        } else {
            ("○ ", theme.role(Role::Dim))
        };
        let text_at = put(
            buf,
            x,
            place.y,
            place.right(),
            sign,
            style.remove_modifier(Modifier::UNDERLINED),
        );
        x = put(buf, text_at, place.y, place.right(), text, style) + gap;
    }
    if !fits {
        put(buf, x, place.y, place.right(), "← →", theme.role(Role::Dim));
    }
}

/// What is wrong with the file, or what its name may become.
fn note(dialog: &Dialog, row: Rect, theme: &Theme, buf: &mut Buffer) {
    let (text, style) = match dialog.note() {
        Some(Note::Problem(problem)) => (format!("✕ {problem}"), theme.ui(Ui::ToastError)),
        Some(Note::Candidates(names)) => (names.clone(), theme.role(Role::Dim)),
        None => return,
    };
    let text = Clean::new(&text);
    let text = truncate(text.as_str(), usize::from(row.width));
    put(buf, row.x, row.y, row.right(), &text, style);
}

/// What the file will begin with, and how much in it is masked.
fn preview(app: &App, dialog: &Dialog, area: Rect, text: Rect, theme: &Theme, buf: &mut Buffer) {
    let head = Rect::new(text.x, text.y.saturating_sub(1), text.width, 1);
    let (told, role) = match dialog.preview() {
        _ if !app.options().is_redacted => {
            ("nothing is masked: --no-redact".to_owned(), Role::Warning)
        }
        None => ("reading …".to_owned(), Role::Dim),
        Some(preview) => {
            let values = format::counted(preview.masked as u64, "value");
            let (choices, chosen) = dialog.choices();
            let all = choices.get(chosen).map_or(0, |(_, count)| *count);
            let told = if preview.flows < all {
                let flows = format::counted(preview.flows as u64, "flow");
                format!("{values} masked in the first {flows}")
            } else {
                format!("{values} masked")
            };
            (told, Role::Secret)
        }
    };
    let x = put(
        buf,
        head.x,
        head.y,
        head.right(),
        "begins with",
        theme.role(Role::Label),
    );
    let told = format!(" · {told}");
    let room = usize::from(head.right().saturating_sub(x));
    put(
        buf,
        x,
        head.y,
        head.right(),
        &truncate(&told, room),
        theme.role(role),
    );
    let leaf = dialog.leaf();
    if dialog.preview().is_none() {
        return;
    }
    let top = leaf.scroll().top;
    for (row, y) in leaf.rows().iter().skip(top).zip(text.y..text.bottom()) {
        if let Some(line) = leaf.document().lines.get(row.line) {
            draw_row(line, row, text.x, y, text.right(), theme, buf);
        }
    }
    scrollbar(area, text, top, leaf.rows().len(), theme, buf);
}

/// Columns of the sign before what can be chosen.
const SIGN: usize = 2;
/// Columns of what a row is called.
const LABEL: u16 = 7;
