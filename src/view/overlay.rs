//! What is on top of the panes: help, the question whether to quit, and messages that come and go.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::pane::scrollbar;
use super::theme::{Theme, Ui};
use super::{border, clear, cover, dialog, palette, prompt, put};
use crate::app::help::HelpLine;
use crate::app::order::SORTABLE;
use crate::app::toast::{Toast, Tone};
use crate::app::{App, Overlay, Question, Stake};
use crate::content::Role;
use crate::text::{Clean, truncate, truncate_middle, width};

/// Draws what is on top of the panes.
pub(super) fn draw(app: &App, theme: &Theme, buf: &mut Buffer) {
    for overlay in app.overlays() {
        match overlay {
            Overlay::Help => keys(app, theme, buf),
            Overlay::Palette => palette::draw(app, theme, buf),
            Overlay::Confirm => confirm(app, theme, buf),
            Overlay::Log => cover::log(app, theme, buf),
            Overlay::Themes => themes(app, theme, buf),
            Overlay::Sort => sorting(app, theme, buf),
            Overlay::Dialog => dialog::draw(app, theme, buf),
            Overlay::Diff => cover::diff(app, theme, buf),
            Overlay::Sessions => cover::sessions(app, theme, buf),
        }
    }
}

/// Writes messages into the border above the bottom line, and above it, the newest lowest.
pub(super) fn toasts(app: &App, theme: &Theme, buf: &mut Buffer) {
    let status = app.layout().status;
    for (toast, y) in app.toasts().iter().rev().zip((0..status.y).rev()) {
        message(toast, Rect { y, ..status }, theme, buf);
    }
}

/// Writes a message at the right of a row.
fn message(toast: &Toast, row: Rect, theme: &Theme, buf: &mut Buffer) {
    let (sign, style) = match toast.tone {
        Tone::Failure => ("✕", theme.ui(Ui::ToastError)),
        Tone::Success => ("✓", theme.ui(Ui::Toast)),
        Tone::Neutral => ("·", theme.ui(Ui::Toast)),
    };
    let room = usize::from(row.width).saturating_sub(8);
    // What is below has a ground of its own, the cursor's row above all.
    let said = Clean::new(&toast.text);
    let text = format!(" {sign} {} ", truncate(said.as_str(), room));
    let x = row.right().saturating_sub(width(&text) as u16 + 2);
    let style = theme.ui(Ui::Background).patch(style);
    let ground = Rect::new(x, row.y, width(&text) as u16, 1);
    clear(buf, ground, style);
    put(buf, x, row.y, row.right(), &text, style);
}

/// The keys of the focused pane.
fn keys(app: &App, theme: &Theme, buf: &mut Buffer) {
    let (lines, top) = (app.help_lines(), app.help().top());
    let title = match app.help_is_about() {
        Some(overlay) => format!("Keys in {}", overlay.title()),
        None => format!("Keys in {}", app.focus().title()),
    };
    let area = app.place(Overlay::Help);
    frame(&title, area, theme, buf);
    let inner = app.place_of_text(Overlay::Help);
    if let Some(search) = app.help().search() {
        let (x, end) = (inner.x, inner.right());
        let x = put(buf, x, area.bottom() - 1, end, " / ", theme.ui(Ui::Accent));
        let place = Rect::new(x, area.bottom() - 1, inner.width / 2, 1);
        if app.help().is_typing() {
            prompt::line(search.text(), search.cursor(), None, place, theme, buf);
        } else {
            let text = truncate(search.text(), usize::from(place.width)).into_owned();
            put(
                buf,
                x,
                place.y,
                end,
                &format!("{} ", Clean::new(&text)),
                theme.ui(Ui::Prompt),
            );
        }
    }
    if lines.is_empty() {
        let why = "nothing has these words";
        put(
            buf,
            inner.x,
            inner.y,
            inner.right(),
            why,
            theme.ui(Ui::Empty),
        );
    }
    let style = theme.ui(Ui::Overlay);
    let about = inner.x + app.help_column();
    for (line, y) in lines.iter().skip(top).zip(inner.y..inner.bottom()) {
        match line {
            HelpLine::Heading(text) => {
                let style = style.patch(theme.role(Role::Heading));
                put(buf, inner.x, y, inner.right(), text, style);
            }
            HelpLine::Entry {
                keys, description, ..
            } => {
                let key = style.patch(theme.ui(Ui::Accent));
                let end = inner.right();
                put(buf, inner.x + 1, y, end, keys, key);
                put(buf, about, y, end, description, style);
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

/// A question, and the keys that answer it.
fn confirm(app: &App, theme: &Theme, buf: &mut Buffer) {
    let Some(question) = app.question() else {
        return;
    };
    let (title, texts, answers) = match question {
        Question::Quit => {
            let texts = app.stakes().into_iter().map(stake).collect();
            ("Quit", texts, [("y", "quit"), ("n", "stay")])
        }
        Question::Overwrite(path) => {
            let texts = vec![format!("{} is there already.", path.display())];
            ("Overwrite", texts, [("y", "overwrite"), ("n", "keep")])
        }
    };
    frame(title, app.place(Overlay::Confirm), theme, buf);
    let inner = app.place_of_text(Overlay::Confirm);
    let style = theme.ui(Ui::Overlay);
    for (text, y) in texts.iter().zip(inner.y..) {
        let text = Clean::new(text);
        let text = truncate_middle(text.as_str(), usize::from(inner.width));
        put(buf, inner.x, y, inner.right(), &text, style);
    }
    let key = style.patch(theme.ui(Ui::Accent));
    let y = inner.bottom().saturating_sub(1);
    let mut x = inner.x;
    for (keys, text) in answers {
        x = put(buf, x, y, inner.right(), keys, key);
        x = put(buf, x + 1, y, inner.right(), text, style) + 3;
    }
}

/// What leaving the program would cost, in one line.
fn stake(stake: Stake) -> String {
    match stake {
        Stake::Streams(1) => "1 stream is live. Codex will lose it.".to_owned(),
        Stake::Streams(live) => format!("{live} streams are live. Codex will lose them."),
        Stake::Children(1) => "1 child runs. It is recorded to its end.".to_owned(),
        Stake::Children(count) => format!("{count} children run, recorded to their end."),
        Stake::Comments(1) => "1 comment is in no file: it is lost.".to_owned(),
        Stake::Comments(count) => format!("{count} comments are in no file: they are lost."),
    }
}

/// The themes, and how to keep one for good.
fn themes(app: &App, theme: &Theme, buf: &mut Buffer) {
    let (area, inner) = (
        app.place(Overlay::Themes),
        app.place_of_text(Overlay::Themes),
    );
    frame("Theme", area, theme, buf);
    let (names, scroll) = (&app.status().themes, app.themes().scroll());
    let style = theme.ui(Ui::Overlay);
    let rows = names.iter().enumerate().skip(scroll.top);
    for ((index, name), y) in rows.zip(inner.y..inner.bottom()) {
        let name = Clean::new(name);
        let name = truncate(name.as_str(), usize::from(inner.width));
        put(buf, inner.x, y, inner.right(), &name, style);
        if *app.themes().before() == names[index] {
            let sign = theme.ui(Ui::Accent);
            put(buf, inner.x.saturating_sub(1), y, inner.x, "●", sign);
        }
        if index == scroll.cursor {
            cover::cursor(area, y, theme, buf);
        }
    }
    scrollbar(area, inner, scroll.top, names.len(), theme, buf);
    let name = names.get(scroll.cursor).map_or("", String::as_str);
    let x = area.x + 2;
    let room = usize::from(area.right().saturating_sub(x + 1));
    let told = [
        format!("theme = \"{name}\""),
        "in config.toml keeps it".to_owned(),
    ];
    for (text, y) in told.iter().zip(inner.bottom() + 1..area.bottom() - 1) {
        let text = Clean::new(text);
        let dim = style.patch(theme.role(Role::Dim));
        put(
            buf,
            x,
            y,
            area.right() - 1,
            &truncate(text.as_str(), room),
            dim,
        );
    }
}

/// What the list can be sorted by, an arrow at what it is; the letters that go there stand out.
fn sorting(app: &App, theme: &Theme, buf: &mut Buffer) {
    let (area, inner) = (app.place(Overlay::Sort), app.place_of_text(Overlay::Sort));
    frame("Sort by", area, theme, buf);
    let (sort, scroll) = (app.list().sort(), app.sorting().scroll());
    let (style, end) = (theme.ui(Ui::Overlay), inner.right());
    let accent = style.patch(theme.ui(Ui::Accent));
    let dim = style.patch(theme.role(Role::Dim));
    let rows = SORTABLE.iter().enumerate().skip(scroll.top);
    for ((index, column), y) in rows.zip(inner.y..inner.bottom()) {
        let (letter, rest) = column.title().split_at(1);
        if *column == sort.column {
            put(buf, inner.x - 1, y, inner.x, sort.arrow(), accent);
        }
        let x = put(buf, inner.x + 1, y, end, letter, accent);
        put(buf, x, y, end, rest, style);
        put(buf, inner.x + TITLE, y, end, column.about(), dim);
        if index == scroll.cursor {
            cover::cursor(area, y, theme, buf);
        }
    }
    scrollbar(area, inner, scroll.top, SORTABLE.len(), theme, buf);
}

/// Clears a box and draws its border.
pub(super) fn frame(title: &str, outer: Rect, theme: &Theme, buf: &mut Buffer) {
    let style = theme.ui(Ui::Background).patch(theme.ui(Ui::Overlay));
    clear(buf, outer, style);
    let border = style.patch(theme.ui(Ui::BorderFocused));
    border::outline(outer, border, buf);
    let text = format!(" {title} ");
    let style = style.patch(theme.ui(Ui::TitleFocused));
    let end = outer.right().saturating_sub(1);
    put(buf, outer.x + 1, outer.y, end, &text, style);
}

/// Columns of a column's title in the menu of them, what is before it included.
const TITLE: u16 = 8;
