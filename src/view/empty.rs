//! What a pane says when there is nothing to show.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::put;
use super::theme::{Theme, Ui};
use crate::app::App;
use crate::app::focus::Pane;
use crate::app::layout::Placed;
use crate::content::{Role, Tab};
use crate::text::{truncate, width};

/// Says why the list is empty, and how to get traffic into it.
pub(super) fn list(app: &App, placed: &Placed, theme: &Theme, buf: &mut Buffer) {
    let plain = theme.ui(Ui::Empty);
    let strong = theme.role(Role::Text);
    let accent = theme.ui(Ui::Accent);
    let lines: Vec<(String, Style)> = if !app.store().is_empty() {
        let why = if app.filter().is_empty() {
            "nothing is marked".to_owned()
        } else {
            format!("nothing matches {}", app.filter())
        };
        let key = if app.filter().is_empty() { "M" } else { "\\" };
        vec![
            (why, strong),
            (String::new(), plain),
            (format!("{key} shows all flows"), plain),
        ]
    } else if app.options().is_proxy {
        invitation(app, placed.text().width)
            .into_iter()
            .map(|(text, is_command)| (text, if is_command { accent } else { plain }))
            .collect()
    } else {
        vec![("This capture is empty".to_owned(), strong)]
    };
    centre(&lines, placed.text(), buf);
}

/// Says what is missing from a detail pane.
pub(super) fn detail(app: &App, placed: &Placed, theme: &Theme, buf: &mut Buffer) {
    let Some(flow) = app.selected() else {
        if app.list().selected().is_some() {
            let text = match app.missing() {
                Some(why) => format!("not to be read back: {why}"),
                None => "reading it back from the capture…".to_owned(),
            };
            let text = truncate(&text, usize::from(placed.text().width)).into_owned();
            centre(&[(text, theme.ui(Ui::Empty))], placed.text(), buf);
        }
        return;
    };
    let is_live = flow.is_live();
    let text = match (placed.pane, is_live) {
        (Pane::Output, true) => "no text yet",
        (Pane::Output, false) => "no text",
        (Pane::Reasoning, true) => "no reasoning yet",
        (Pane::Reasoning, false) => "no reasoning",
        (Pane::Frames, true) => "no frames yet",
        (Pane::Frames, false) => "no frames",
        (Pane::Payload, true) if app.tab() == Tab::Response => "no response yet",
        (Pane::Payload, false) if app.tab() == Tab::Response => "no response",
        (Pane::Payload | Pane::Requests, _) => "nothing",
    };
    centre(
        &[(text.to_owned(), theme.ui(Ui::Empty))],
        placed.text(),
        buf,
    );
}

/// How to get traffic, in lines of at most `columns`, each with whether it is to be typed or
/// pasted.
fn invitation(app: &App, columns: u16) -> Vec<(String, bool)> {
    let url = format!("{}/v1", app.options().base);
    let whole = format!("codex -c openai_base_url={url}");
    let (first, rest) = ("codex -c \\", format!("openai_base_url={url}"));
    let fits = |text: &str| width(text) <= usize::from(columns);
    let text = |text: &str| (text.to_owned(), false);
    let mut lines = vec![text("No traffic yet"), text("")];
    if fits(&rest) {
        lines.extend([text("Start Codex in another terminal:"), text("")]);
        if fits(&whole) {
            lines.push((whole, true));
        } else {
            lines.extend([(first.to_owned(), true), (rest, true)]);
        }
        lines.extend([text(""), text("or let us do it:  codextap codex")]);
    } else {
        lines.extend([
            text("Start Codex with"),
            ("codextap codex".to_owned(), true),
        ]);
        lines.extend([text("or give it as base URL"), (url, true)]);
    }
    lines
}

/// Writes lines into the middle of an area; where there is no room for all, those without text go
/// first.
fn centre(lines: &[(String, Style)], area: Rect, buf: &mut Buffer) {
    let has_room = lines.len() <= usize::from(area.height);
    let lines: Vec<_> = lines
        .iter()
        .filter(|(line, _)| has_room || !line.is_empty())
        .collect();
    let shown = lines.len().min(usize::from(area.height));
    let top = area.y + (area.height - shown as u16) / 2;
    for ((line, style), y) in lines.into_iter().zip(top..area.bottom()) {
        let columns = (width(line) as u16).min(area.width);
        let x = area.x + (area.width - columns) / 2;
        put(buf, x, y, area.right(), line, *style);
    }
}
