//! The prompt in the bottom line, and above it what is wrong or what Enter would do.

use ratatui::buffer::Buffer;
use ratatui::layout::Position;
use ratatui::style::Style;
use ratatui::text::Span;

use super::put;
use super::theme::{Theme, Ui};
use crate::app::App;
use crate::app::prompt::{Kind, Prompt};
use crate::text::{truncate, width};

/// Draws the prompt. Gives the place of the cursor.
pub(super) fn draw(app: &App, prompt: &Prompt, theme: &Theme, buf: &mut Buffer) -> Position {
    let area = app.layout().status;
    let y = area.y;
    let style = theme.ui(Ui::Prompt);
    let label = match prompt.kind() {
        Kind::Filter { .. } => "/ ",
        Kind::Save { .. } => "save to ",
    };
    let start = put(
        buf,
        area.x + 1,
        y,
        area.right(),
        label,
        theme.ui(Ui::Accent),
    );
    let room = usize::from(area.right().saturating_sub(start + 1));
    let skip = prompt.scrolled(room);
    let wrong = prompt.problem().map(|problem| problem.span.clone());
    let (mut column, mut at) = (0, 0);
    let text = Span::raw(prompt.text());
    for grapheme in text.styled_graphemes(style) {
        let grapheme = grapheme.symbol;
        let is_wrong = wrong.as_ref().is_some_and(|span| span.contains(&at));
        let style = if is_wrong {
            theme.ui(Ui::PromptError)
        } else {
            style
        };
        if column >= skip {
            let x = start + (column - skip) as u16;
            put(buf, x, y, area.right(), grapheme, style);
        }
        column += width(grapheme);
        at += grapheme.len();
    }
    // What is missing at the end is marked behind it.
    if wrong.is_some_and(|span| span.start >= prompt.text().len()) && column >= skip {
        let x = start + (column - skip) as u16;
        put(buf, x, y, area.right(), " ", theme.ui(Ui::PromptError));
    }
    let (text, style) = above(app, prompt, theme);
    let room = usize::from(area.width).saturating_sub(4);
    let text = format!(" {} ", truncate(&text, room.saturating_sub(2)));
    put(
        buf,
        area.x + 1,
        y.saturating_sub(1),
        area.right(),
        &text,
        style,
    );
    Position::new(start + prompt.cursor().saturating_sub(skip) as u16, y)
}

/// What is wrong, or what Enter would do.
fn above(app: &App, prompt: &Prompt, theme: &Theme) -> (String, Style) {
    if let Some(problem) = prompt.problem() {
        return (format!("✕ {}", problem.message), theme.ui(Ui::ToastError));
    }
    let text = match prompt.kind() {
        Kind::Filter { .. } if prompt.text().is_empty() => {
            "word · ~m POST · model:gpt · is:failed · ttft>2s".to_owned()
        }
        Kind::Filter { .. } => {
            let shown = app.list().rows().len();
            format!(
                "{shown} of {} · Enter keeps, Esc restores",
                app.list().totals().flows
            )
        }
        Kind::Save { flows, is_marked } => {
            let what = if *is_marked { "marked" } else { "shown" };
            let count = flows.len();
            let flows = if count == 1 { "flow" } else { "flows" };
            format!("{count} {what} {flows} as JSONL · credentials stay masked")
        }
    };
    (text, theme.ui(Ui::Tab))
}
