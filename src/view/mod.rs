//! The screen: what the app holds, put into cells. Only reads.

mod border;
mod cover;
mod depth;
mod dialog;
mod empty;
mod ground;
mod highlight;
mod list;
mod overlay;
mod palette;
mod pane;
mod prompt;
mod status;
mod theme;

use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use crate::app::App;
use crate::app::focus::Pane;
use crate::app::layout::{MIN_HEIGHT, MIN_WIDTH, Shape};
use crate::content::Role;
use crate::text::{Clean, width};

pub use depth::Depth;
pub use ground::Ground;
pub use theme::{Theme, ThemeError, Ui};

/// Draws the app as it was prepared for this screen's size.
pub fn draw(app: &App, theme: &Theme, frame: &mut Frame<'_>) {
    let area = frame.area();
    let buf = frame.buffer_mut();
    buf.set_style(area, theme.ui(Ui::Background));
    let layout = app.layout();
    if layout.shape == Shape::TooSmall || !area.contains(layout.status.as_position()) {
        too_small(area, theme, buf);
        return;
    }
    border::draw(app, theme, buf);
    for placed in &layout.panes {
        match placed.pane {
            Pane::Requests => list::draw(app, placed, theme, buf),
            Pane::Payload | Pane::Output | Pane::Reasoning | Pane::Frames => {
                pane::draw(app, placed, theme, buf);
            }
        }
    }
    match app.prompt() {
        Some(prompt) => prompt::draw(app, prompt, theme, buf),
        None if app.is_copying() => prompt::copy(app, theme, buf),
        None => status::draw(app, theme, buf),
    }
    overlay::draw(app, theme, buf);
    overlay::toasts(app, theme, buf);
}

/// Says that the screen is too small.
fn too_small(area: Rect, theme: &Theme, buf: &mut Buffer) {
    let lines = [
        "too small".to_owned(),
        format!("needs {MIN_WIDTH}×{MIN_HEIGHT}"),
    ];
    let top = area.y + area.height.saturating_sub(2) / 2;
    for (y, line) in (top..area.bottom()).zip(lines) {
        let columns = (width(&line) as u16).min(area.width);
        let x = area.x + (area.width - columns) / 2;
        put(buf, x, y, area.right(), &line, theme.role(Role::Dim));
    }
}

/// Empties an area for what is drawn on top. A character of two columns that reaches into it goes as a whole: the
/// terminal would draw its second half over the area's first column.
fn clear(buf: &mut Buffer, area: Rect, style: Style) {
    let area = area.intersection(buf.area);
    for position in area.positions() {
        if let Some(cell) = buf.cell_mut(position) {
            cell.reset();
            cell.set_style(style);
        }
    }
    let Some(left) = area.x.checked_sub(1) else {
        return;
    };
    for y in area.y..area.bottom() {
        if let Some(cell) = buf.cell_mut((left, y))
            && width(cell.symbol()) > 1
        {
            cell.set_symbol(" ");
        }
    }
}

/// Writes `text` from column `x` on, up to but not into column `end`. Gives the column after it.
///
/// Every text on the screen comes through here, and is made safe whoever made it.
fn put(buf: &mut Buffer, x: u16, y: u16, end: u16, text: &str, style: Style) -> u16 {
    if x >= end || !buf.area.contains((x, y).into()) {
        return x;
    }
    let end = end.min(buf.area.right());
    let text = Clean::shown(text);
    buf.set_stringn(x, y, text, usize::from(end - x), style).0
}
