//! The prompt in the bottom line, and above it what is wrong or what Enter would do.

use std::ops::Range;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};
use ratatui::text::Span;

use super::theme::{Theme, Ui};
use super::{put, status};
use crate::app::prompt::{Kind, Offer, Prompt, examples};
use crate::app::{App, MOST_HITS, Part};
use crate::content::Role;
use crate::text::{Clean, pad, truncate, width};

/// Draws the prompt, with a cursor of its own: the terminal's is hidden.
pub(super) fn draw(app: &App, prompt: &Prompt, theme: &Theme, buf: &mut Buffer) {
    let area = app.layout().status;
    let y = area.y;
    let label = match prompt.kind() {
        Kind::Filter { .. } | Kind::Search { .. } => "/ ",
        Kind::Frames { .. } => "& ",
        Kind::Stream => "stream to ",
        Kind::Comment { .. } => "comment ",
    };
    let start = put(
        buf,
        area.x + 1,
        y,
        area.right(),
        label,
        theme.ui(Ui::Accent),
    );
    let place = Rect {
        x: start,
        width: area.right().saturating_sub(start),
        height: 1,
        ..area
    };
    let wrong = prompt.problem().map(|problem| &problem.span);
    let x = line(prompt.text(), prompt.cursor(), wrong, place, theme, buf);
    status::hints(app, x + 2, theme, buf);
    if let Some(offer) = prompt.offer() {
        self::offer(offer, area, theme, buf);
    }
    let room = usize::from(area.width).saturating_sub(6);
    let (text, style) = above(app, prompt, room, theme);
    let text = format!(" {} ", truncate(&text, room));
    put(
        buf,
        area.x + 1,
        y.saturating_sub(1),
        area.right(),
        &text,
        style,
    );
}

/// Draws what may be written at the cursor: some rows above the prompt, the chosen one among them.
fn offer(offer: &Offer, area: Rect, theme: &Theme, buf: &mut Buffer) {
    let bottom = area.y.saturating_sub(1);
    let candidates = offer.candidates();
    let height = candidates.len().min(MOST_ROWS).min(usize::from(bottom / 2));
    let top = (offer.chosen() + 1).saturating_sub(height);
    let shown = candidates.iter().enumerate().skip(top).take(height);
    let names = shown.clone().map(|(_, it)| Clean::new(&it.text).width());
    let column = names
        .max()
        .unwrap_or_default()
        .min(usize::from(area.width) / 2);
    let width = area.width.saturating_sub(2).min(MOST_COLUMNS);
    for (y, (number, candidate)) in (bottom - height as u16..bottom).zip(shown) {
        let style = if number == offer.chosen() {
            theme.ui(Ui::Overlay).patch(theme.ui(Ui::Cursor))
        } else {
            theme.ui(Ui::Overlay)
        };
        let name = Clean::new(&candidate.text);
        let name = pad(&truncate(name.as_str(), column), column);
        let doc = Clean::new(&candidate.doc);
        let text = format!(" {name}  {}", doc.as_str());
        let text = pad(&truncate(&text, usize::from(width) - 1), usize::from(width));
        put(buf, area.x + 1, y, area.x + 1 + width, &text, style);
    }
}

/// Draws what can be copied, each with its key.
pub(super) fn copy(app: &App, theme: &Theme, buf: &mut Buffer) {
    let Rect { x, y, .. } = app.layout().status;
    let end = app.layout().status.right();
    let mut x = put(buf, x + 1, y, end, "copy", theme.ui(Ui::Accent));
    let parts = Part::ALL.map(|(_, key, name)| (key.to_string(), name));
    for (key, name) in parts.into_iter().chain([("Esc".to_owned(), "back")]) {
        x = put(buf, x + 2, y, end, &key, theme.ui(Ui::StatusKey));
        x = put(buf, x + 1, y, end, name, theme.ui(Ui::Status));
    }
}

/// Draws a text that is being typed, as much of it as fits around its cursor; `wrong` are bytes that
/// are marked, and make the others stand back. Gives the column behind it.
pub(super) fn line(
    text: &str,
    cursor: usize,
    wrong: Option<&Range<usize>>,
    area: Rect,
    theme: &Theme,
    buf: &mut Buffer,
) -> u16 {
    let room = usize::from(area.width);
    // One column more than the text has: for the cursor behind it, or a mark of what is missing.
    let end = text.len();
    let mut pieces = pieces(text);
    pieces.push((end..end + 1, " ".to_owned()));
    let columns = |to: usize| -> usize {
        let before = pieces.iter().take_while(|(range, _)| range.end <= to);
        before.map(|(_, text)| width(text)).sum()
    };
    let skip = (columns(cursor) + 2).saturating_sub(room);
    let mut column = 0;
    let mut drawn = area.x;
    for (range, text) in &pieces {
        let at = column;
        column += width(text);
        if at < skip {
            continue;
        }
        if column - skip > room {
            break;
        }
        let x = area.x + (at - skip) as u16;
        // What is missing at the end is marked behind it.
        let is_wrong = |wrong: &Range<usize>| {
            if range.start == end {
                wrong.start >= end
            } else {
                wrong.contains(&range.start)
            }
        };
        let style = if wrong.is_some_and(is_wrong) {
            theme.ui(Ui::PromptError)
        } else if wrong.is_some() {
            theme.ui(Ui::Prompt).patch(theme.role(Role::Dim))
        } else {
            theme.ui(Ui::Prompt)
        };
        drawn = put(buf, x, area.y, area.right(), text, style);
        if range.contains(&cursor)
            && let Some(cell) = buf.cell_mut((x, area.y))
        {
            cell.modifier.toggle(Modifier::REVERSED);
        }
    }
    drawn
}

/// Which match of how many: `3/17`.
pub(super) fn matches(current: Option<usize>, count: usize) -> String {
    let current = current.map_or_else(|| "–".to_owned(), |current| current.to_string());
    let more = if count >= MOST_HITS { "+" } else { "" };
    format!("{current}/{count}{more}")
}

/// The text's grapheme clusters, made safe, each with its bytes.
fn pieces(text: &str) -> Vec<(Range<usize>, String)> {
    let text = Span::raw(text);
    let mut at = 0;
    let graphemes = text.styled_graphemes(Style::default());
    graphemes
        .map(|grapheme| {
            let range = at..at + grapheme.symbol.len();
            at = range.end;
            (range, Clean::new(grapheme.symbol).to_string())
        })
        .collect()
}

/// What is wrong, and what is shown meanwhile; or what Enter would do. In `room` columns.
fn above(app: &App, prompt: &Prompt, room: usize, theme: &Theme) -> (String, Style) {
    if let Some(problem) = prompt.problem() {
        let problem = format!("✕ {}", problem.message);
        let shown = match prompt.kind() {
            Kind::Filter { .. } => showing(app.filter()),
            Kind::Frames { .. } => showing(app.frames_filter()),
            Kind::Search { .. } | Kind::Stream | Kind::Comment { .. } => String::new(),
        };
        let shown = truncate(&shown, room / 2);
        let problem = truncate(&problem, room.saturating_sub(width(&shown)));
        return (format!("{problem}{shown}"), theme.ui(Ui::ToastError));
    }
    let text = match prompt.kind() {
        Kind::Filter { .. } if prompt.text().is_empty() => examples(),
        Kind::Filter { .. } => {
            let shown = app.list().rows().len();
            format!(
                "{shown} of {} · Enter keeps, Esc restores",
                app.list().totals().flows
            )
        }
        Kind::Frames { .. } if prompt.text().is_empty() => {
            "dir:in · op:ping · type:delta · size>1KiB · close>1000 · text".to_owned()
        }
        Kind::Frames { .. } => {
            let (all, shown) = app.frames_shown();
            format!("{shown} of {all} · Enter keeps, Esc restores")
        }
        Kind::Search { .. } if prompt.text().is_empty() => {
            "a regular expression; capitals matter once there is one".to_owned()
        }
        Kind::Search { pane } => {
            let found = match app.match_count(*pane) {
                None => "searching…".to_owned(),
                Some((_, 0)) => "no match".to_owned(),
                Some((current, count)) => matches(current, count),
            };
            format!("{found} · Enter keeps, Esc restores")
        }
        Kind::Comment { .. } => "Enter keeps it with the flow, without text none".to_owned(),
        Kind::Stream => {
            let what = match app.filter() {
                "" => "all flows".to_owned(),
                filter => format!("what matches {}", Clean::new(filter)),
            };
            format!("from now on {what}, as JSONL · credentials stay masked")
        }
    };
    (text, theme.ui(Ui::Tab))
}

/// The filter that is in force while what is typed is none.
fn showing(filter: &str) -> String {
    match filter {
        "" => " · showing all".to_owned(),
        filter => format!(" · showing: {}", Clean::new(filter)),
    }
}

/// The most rows of what may be written.
const MOST_ROWS: usize = 8;
/// The most columns of it.
const MOST_COLUMNS: u16 = 76;
