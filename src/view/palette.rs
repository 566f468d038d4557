//! The command palette.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};

use super::overlay::frame;
use super::pane::scrollbar;
use super::prompt::line;
use super::theme::{Theme, Ui};
use super::{cover, put};
use crate::app::{App, Entry, Overlay};
use crate::content::Role;
use crate::text::{truncate, width};

/// Draws the line that is typed and, below, the commands that it finds.
pub(super) fn draw(app: &App, theme: &Theme, buf: &mut Buffer) {
    let (palette, area) = (app.palette(), app.place(Overlay::Palette));
    frame("Commands", area, theme, buf);
    let text = app.place_of_text(Overlay::Palette);
    typed(app, text, theme, buf);
    let (entries, scroll) = (palette.entries(), palette.scroll());
    let style = theme.ui(Ui::Overlay);
    if entries.is_empty() {
        let why = "no command has these letters in this order";
        let why = truncate(why, usize::from(text.width));
        put(buf, text.x, text.y, text.right(), &why, theme.ui(Ui::Empty));
    }
    let rows = entries.iter().enumerate().skip(scroll.top);
    for ((index, entry), y) in rows.zip(text.y..text.bottom()) {
        let x = name(entry, text, y, style, theme, buf);
        let about = Rect::new(x, y, text.right().saturating_sub(x), 1);
        description(app, entry, about, style, theme, buf);
        if index == scroll.cursor {
            cover::cursor(area, y, theme, buf);
        }
    }
    scrollbar(area, text, scroll.top, entries.len(), theme, buf);
}

/// The line that is typed, and what is wrong with it below.
fn typed(app: &App, text: Rect, theme: &Theme, buf: &mut Buffer) {
    let palette = app.palette();
    let y = text.y.saturating_sub(2);
    let x = put(buf, text.x, y, text.right(), ": ", theme.ui(Ui::Accent));
    let place = Rect::new(x, y, text.right().saturating_sub(x), 1);
    let edit = palette.edit();
    line(edit.text(), edit.cursor(), None, place, theme, buf);
    if let Some(problem) = palette.problem() {
        let problem = format!("✕ {problem}");
        let problem = truncate(&problem, usize::from(text.width));
        let style = theme.ui(Ui::ToastError);
        put(buf, text.x, text.y - 1, text.right(), &problem, style);
    }
}

/// A command's name, the letters that were typed standing out. Gives the column of what follows.
fn name(entry: &Entry, text: Rect, y: u16, style: Style, theme: &Theme, buf: &mut Buffer) -> u16 {
    let plain = style.patch(theme.ui(Ui::Accent));
    let mut x = text.x;
    for (at, char) in entry.action.name().char_indices() {
        let style = if entry.matched.contains(&at) {
            plain.add_modifier(Modifier::BOLD | Modifier::UNDERLINED)
        } else {
            plain
        };
        x = put(
            buf,
            x,
            y,
            text.right(),
            char.encode_utf8(&mut [0; 4]),
            style,
        );
    }
    if let Some(argument) = entry.action.argument() {
        let style = style.patch(theme.role(Role::Dim));
        x = put(buf, x + 1, y, text.right(), argument, style);
    }
    x.max(text.x + NAME) + 2
}

/// What a command does and, at the right, its keys.
fn description(
    app: &App,
    entry: &Entry,
    area: Rect,
    style: Style,
    theme: &Theme,
    buf: &mut Buffer,
) {
    let chords = app.options().keymap.chords(entry.action).iter();
    let keys: Vec<_> = chords.take(2).map(ToString::to_string).collect();
    let keys = keys.join(" ");
    let columns = width(&keys) as u16;
    let room = area.width.saturating_sub(columns + 2);
    if room >= LEAST {
        let about = truncate(entry.action.description(), usize::from(room));
        put(buf, area.x, area.y, area.right(), &about, style);
    }
    if columns <= area.width {
        let x = area.right() - columns;
        let style = style.patch(theme.ui(Ui::StatusKey));
        put(buf, x, area.y, area.right(), &keys, style);
    }
}

/// Columns of a name.
const NAME: u16 = 15;
/// A description with less room is of no use.
const LEAST: u16 = 12;
