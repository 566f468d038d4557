//! Borders that neighbouring panes share, and the titles in them.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::symbols::merge::MergeStrategy;

use super::prompt::matches;
use super::put;
use super::theme::{Theme, Ui};
use crate::app::App;
use crate::app::columns::columns;
use crate::app::focus::Pane;
use crate::app::layout::Placed;
use crate::text::{Clean, truncate, width};

/// Draws the borders and titles of all panes. The focused pane comes last, so that its colour is
/// whole.
pub(super) fn draw(app: &App, theme: &Theme, buf: &mut Buffer) {
    let panes = &app.layout().panes;
    for placed in panes {
        outline(placed.area, theme.ui(Ui::Border), buf);
    }
    // With a single pane there is nothing to tell apart.
    if panes.len() > 1
        && let Some(placed) = app.layout().place(app.focus())
    {
        outline(placed.area, theme.ui(Ui::BorderFocused), buf);
    }
    for placed in panes {
        titles(app, placed, theme, buf);
    }
}

/// Draws a rounded border, joined with what is there.
pub(super) fn outline(area: Rect, style: Style, buf: &mut Buffer) {
    if area.width < 2 || area.height < 2 {
        return;
    }
    let (right, bottom) = (area.right() - 1, area.bottom() - 1);
    let mut join = |x, y, symbol: &str| {
        if let Some(cell) = buf.cell_mut((x, y)) {
            cell.merge_symbol(symbol, MergeStrategy::Fuzzy)
                .set_style(style);
        }
    };
    for x in area.x + 1..right {
        join(x, area.y, "─");
        join(x, bottom, "─");
    }
    for y in area.y + 1..bottom {
        join(area.x, y, "│");
        join(right, y, "│");
    }
    join(area.x, area.y, "╭");
    join(right, area.y, "╮");
    join(area.x, bottom, "╰");
    join(right, bottom, "╯");
}

/// Writes a pane's titles, tabs and numbers into its border.
fn titles(app: &App, placed: &Placed, theme: &Theme, buf: &mut Buffer) {
    let is_focused = app.focus() == placed.pane;
    let shown = if is_focused {
        theme.ui(Ui::TitleFocused)
    } else {
        theme.ui(Ui::Title)
    };
    let mut left = placed.area.x + 2;
    for (pane, area) in placed.titles() {
        let style = if pane == placed.pane {
            shown
        } else {
            theme.ui(Ui::Tab)
        };
        label(buf, area, pane.title(), style);
        left = area.right();
    }
    for (tab, area) in placed.tabs() {
        let style = if tab == app.tab() {
            shown
        } else {
            theme.ui(Ui::Tab)
        };
        label(buf, area, tab.title(), style);
    }
    if let Some(text) = asked(app, placed.pane) {
        let bottom = placed.area.bottom() - 1;
        let tabs = |y| {
            placed
                .tabs()
                .iter()
                .find(|(_, area)| area.y == y)
                .map(|(_, area)| area.x)
        };
        let room = |x: u16, y| {
            tabs(y)
                .unwrap_or(placed.area.right() - 1)
                .saturating_sub(x + 1)
        };
        // Below, only where no other pane has its title.
        let is_lowest = bottom + 1 == app.layout().status.y;
        let below = placed.area.x + 2;
        let (x, y) = if room(left, placed.area.y) < 12 && is_lowest {
            (below, bottom)
        } else {
            (left, placed.area.y)
        };
        let text = truncate(&text, usize::from(room(x, y)).saturating_sub(2));
        if width(&text) > 2 {
            let area = Rect::new(x, y, width(&text) as u16 + 2, 1);
            label(buf, area, &text, theme.ui(Ui::Accent));
        }
    }
    if placed.pane == Pane::Requests {
        let room = usize::from(placed.area.right().saturating_sub(left + 5));
        let text = numbers(app, placed.inner().width);
        let text = truncate(&text, room);
        if !text.is_empty() && room > 6 {
            let columns = width(&text) as u16 + 2;
            let x = placed.area.right() - 2 - columns;
            let area = Rect::new(x, placed.area.y, columns, 1);
            label(buf, area, &text, theme.ui(Ui::Tab));
        }
    }
}

/// What of a pane is shown, and what is looked for in it.
fn asked(app: &App, pane: Pane) -> Option<String> {
    let filter = Clean::new(app.frames_filter());
    let filter = (pane == Pane::Frames && !filter.is_empty())
        .then(|| format!("&{}", truncate(filter.as_str(), 24)));
    let parts: Vec<String> = filter.into_iter().chain(search(app, pane)).collect();
    (!parts.is_empty()).then(|| parts.join(" "))
}

/// What is looked for in a pane, and which match of how many the cursor is on.
fn search(app: &App, pane: Pane) -> Option<String> {
    let sought = Clean::new(app.sought(pane)?);
    let sought = truncate(sought.as_str(), 24);
    Some(match app.match_count(pane) {
        Some((current, count)) => format!("{} /{sought}", matches(current, count)),
        None => format!("… /{sought}"),
    })
}

/// Writes a title with a blank on either side.
fn label(buf: &mut Buffer, area: Rect, text: &str, style: Style) {
    let end = area.right();
    let x = put(buf, area.x, area.y, end, " ", style);
    let x = put(buf, x, area.y, end, text, style);
    put(buf, x, area.y, end, " ", style);
}

/// How the list stands, in a pane of `width` columns: what it follows, how much of it is shown.
fn numbers(app: &App, width: u16) -> String {
    let list = app.list();
    let mut parts = Vec::new();
    if let Some(percent) = list.progress() {
        parts.push(format!("filtering {percent} %"));
    }
    if list.has_range() {
        parts.push("range".to_owned());
    }
    if list.is_marked_only() {
        parts.push("marked only".to_owned());
    }
    if list.hidden_side_channels() > 0 {
        parts.push(format!("{} side hidden", list.hidden_side_channels()));
    }
    let sort = list.sort();
    let is_shown = |column| columns(width).iter().any(|(shown, _)| *shown == column);
    if !sort.is_natural() && !is_shown(sort.column) {
        parts.push(format!("{}{}", sort.arrow(), sort.column.title()));
    }
    if list.follows() {
        parts.push("follow".to_owned());
    }
    let rows = list.rows().len();
    if rows > 0 {
        let place = format!("{}/{rows}", list.scroll().cursor + 1);
        let all = app.store().len();
        parts.push(if list.is_filtered() {
            format!("{place} of {all}")
        } else {
            place
        });
    }
    parts.join(" · ")
}
