//! What is on top of the panes: help, the question whether to quit, and messages that come and go.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::theme::{Theme, Ui};
use super::{border, cover, put};
use crate::app::help::{self, HelpLine};
use crate::app::toast::Tone;
use crate::app::{App, Overlay};
use crate::content::Role;
use crate::text::{truncate, width};

/// Draws the overlay, if there is one.
pub(super) fn draw(app: &App, area: Rect, theme: &Theme, buf: &mut Buffer) {
    match app.overlay() {
        Some(Overlay::Help { top }) => keys(app, top, area, theme, buf),
        Some(Overlay::Quit) => quit(app, area, theme, buf),
        Some(Overlay::Diff) => cover::diff(app, theme, buf),
        Some(Overlay::Sessions) => cover::sessions(app, theme, buf),
        None => {}
    }
}

/// Writes the newest message into the border above the bottom line.
pub(super) fn toast(app: &App, theme: &Theme, buf: &mut Buffer) {
    let Some(toast) = app.toast() else {
        return;
    };
    let status = app.layout().status;
    let (sign, style) = match toast.tone {
        Tone::Failure => ("✕", theme.ui(Ui::ToastError)),
        Tone::Success => ("✓", theme.ui(Ui::Toast)),
        Tone::Neutral => ("·", theme.ui(Ui::Toast)),
    };
    let room = usize::from(status.width).saturating_sub(8);
    let text = format!(" {sign} {} ", truncate(&toast.text, room));
    let x = status.right().saturating_sub(width(&text) as u16 + 2);
    put(
        buf,
        x,
        status.y.saturating_sub(1),
        status.right(),
        &text,
        style,
    );
}

/// The keys of the focused pane.
fn keys(app: &App, top: usize, area: Rect, theme: &Theme, buf: &mut Buffer) {
    let lines = help::lines(app.focus(), &app.options().keymap);
    let height = (lines.len() as u16).min(help::height(area.height));
    let title = format!("Keys in {}", app.focus().title());
    let inner = popup(&title, 74, height, area, theme, buf);
    let style = theme.ui(Ui::Overlay);
    for (line, y) in lines.iter().skip(top).zip(inner.y..inner.bottom()) {
        match line {
            HelpLine::Heading(text) => {
                let style = style.patch(theme.role(Role::Heading));
                put(buf, inner.x, y, inner.right(), text, style);
            }
            HelpLine::Entry { keys, description } => {
                let key = style.patch(theme.ui(Ui::Accent));
                let column = KEYS.min(inner.width / 3);
                let keys = truncate(keys, usize::from(column));
                put(buf, inner.x + 1, y, inner.right(), &keys, key);
                let x = inner.x + column + 2;
                let room = usize::from(inner.right().saturating_sub(x));
                put(
                    buf,
                    x,
                    y,
                    inner.right(),
                    &truncate(description, room),
                    style,
                );
            }
            HelpLine::Blank => {}
        }
    }
    let hidden = lines.len().saturating_sub(top + usize::from(inner.height));
    if hidden > 0 {
        let text = format!(" ↓ {hidden} more ");
        let x = inner.right().saturating_sub(width(&text) as u16);
        put(
            buf,
            x,
            inner.bottom(),
            inner.right(),
            &text,
            theme.ui(Ui::Tab),
        );
    }
}

/// Whether to quit although streams are live or a child runs.
fn quit(app: &App, area: Rect, theme: &Theme, buf: &mut Buffer) {
    let text = match (app.status().children, app.list().totals().live) {
        (0, 1) => "1 stream is live. Codex will lose it.".to_owned(),
        (0, live) => format!("{live} streams are live. Codex will lose them."),
        (1, _) => "1 child runs. It is recorded to its end.".to_owned(),
        (count, _) => format!("{count} children run, recorded to their end."),
    };
    let inner = popup("Quit", 40, 3, area, theme, buf);
    let style = theme.ui(Ui::Overlay);
    put(buf, inner.x, inner.y, inner.right(), &text, style);
    let key = style.patch(theme.ui(Ui::Accent));
    let y = inner.y + 2;
    let mut x = inner.x;
    for (keys, text) in [("y", "quit"), ("n", "stay")] {
        x = put(buf, x, y, inner.right(), keys, key);
        x = put(buf, x + 1, y, inner.right(), text, style) + 3;
    }
}

/// Clears a box in the middle of the screen and draws its border. Gives the place of its text.
fn popup(
    title: &str,
    width: u16,
    height: u16,
    area: Rect,
    theme: &Theme,
    buf: &mut Buffer,
) -> Rect {
    let width = (width + 4).min(area.width);
    let height = (height + 2).min(area.height);
    let outer = Rect {
        x: area.x + (area.width - width) / 2,
        y: area.y + (area.height - height) / 2,
        width,
        height,
    };
    frame(title, outer, theme, buf);
    Rect {
        x: outer.x + 2,
        y: outer.y + 1,
        width: width.saturating_sub(4),
        height: height.saturating_sub(2),
    }
}

/// Clears a box and draws its border.
pub(super) fn frame(title: &str, outer: Rect, theme: &Theme, buf: &mut Buffer) {
    let style = theme.ui(Ui::Background).patch(theme.ui(Ui::Overlay));
    for position in outer.positions() {
        if let Some(cell) = buf.cell_mut(position) {
            cell.reset();
            cell.set_style(style);
        }
    }
    let border = style.patch(theme.ui(Ui::BorderFocused));
    border::outline(outer, border, buf);
    let text = format!(" {title} ");
    let style = style.patch(theme.ui(Ui::TitleFocused));
    let end = outer.right().saturating_sub(1);
    put(buf, outer.x + 1, outer.y, end, &text, style);
}

/// Columns for keys in the help overlay.
const KEYS: u16 = 20;
