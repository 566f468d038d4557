//! The request list: a row per flow, in columns that give way as the pane gets narrow.

use std::time::Duration;

use super::theme::{Theme, Ui};
use super::{empty, put};
use crate::app::columns::{Column, PREFIX, columns};
use crate::app::focus::Pane;
use crate::app::layout::Placed;
use crate::app::order::Sort;
use crate::app::{App, Below, Stem};
use crate::content::{Role, format};
use crate::flow::{FlowKind, State, Summary, sessions};
use crate::responses::{Agent, Status};
use crate::tap::At;
use crate::text::{Clean, pad, pad_start, truncate, width};
use ratatui::buffer::Buffer;
use ratatui::style::Style;

/// Draws the list.
pub(super) fn draw(app: &App, placed: &Placed, theme: &Theme, buf: &mut Buffer) {
    let list = app.list();
    if list.rows().is_empty() {
        empty::list(app, placed, theme, buf);
        return;
    }
    let inner = placed.inner();
    let rows = placed.rows();
    let columns = columns(inner.width);
    if rows.y > inner.y {
        header(&columns, list.sort(), inner.x + PREFIX, inner.y, theme, buf);
    }
    let is_focused = app.focus() == Pane::Requests;
    let range = list.range();
    for ((row, id), y) in (list.scroll().top..)
        .zip(list.visible())
        .zip(rows.y..rows.bottom())
    {
        let Some(flow) = app.store().summary(*id) else {
            continue;
        };
        let line = Line {
            app,
            flow: &flow,
            row,
            theme,
        };
        line.draw(&columns, inner.x, y, buf);
        let area = ratatui::layout::Rect::new(inner.x, y, inner.width, 1);
        if range.as_ref().is_some_and(|range| range.contains(&row)) {
            buf.set_style(area, theme.ui(Ui::Range));
        }
        if list.selected() == Some(*id) {
            let cursor = if is_focused {
                Ui::Cursor
            } else {
                Ui::CursorInactive
            };
            put(
                buf,
                inner.x,
                y,
                inner.right(),
                "▌",
                theme.ui(Ui::CursorMark),
            );
            buf.set_style(area, theme.ui(cursor));
        }
    }
    super::pane::scrollbar(
        placed.area,
        rows,
        list.scroll().top,
        list.rows().len(),
        theme,
        buf,
    );
}

/// Draws the column titles, with an arrow at the one that the list is sorted by.
fn header(
    columns: &[(Column, u16)],
    sort: Sort,
    mut x: u16,
    y: u16,
    theme: &Theme,
    buf: &mut Buffer,
) {
    for (column, width) in columns {
        let title = column.title();
        let title = if *column != sort.column || sort.is_natural() {
            title.to_owned()
        } else if column.is_number() {
            // The longest titles are as wide as their columns.
            let title = &title[..title.len().min(usize::from(*width) - 1)];
            format!("{}{title}", sort.arrow())
        } else {
            format!("{title} {}", sort.arrow())
        };
        let text = align(*column, &title, *width);
        put(buf, x, y, x + width, &text, theme.ui(Ui::Header));
        x += width + 1;
    }
}

/// `text` in a column.
fn align(column: Column, text: &str, width: u16) -> String {
    let width = usize::from(width);
    if column.is_number() {
        pad_start(text, width)
    } else {
        pad(text, width)
    }
}

/// A row of the list.
#[derive(Clone, Copy)]
struct Line<'a> {
    /// The app.
    app: &'a App,
    /// The flow it shows.
    flow: &'a Summary,
    /// Its place in the list.
    row: usize,
    /// The colours.
    theme: &'a Theme,
}

impl Line<'_> {
    /// Draws it.
    fn draw(self, columns: &[(Column, u16)], x: u16, y: u16, buf: &mut Buffer) {
        let end = buf.area.right();
        let (glyph, role) = glyph(self.flow, self.app.now());
        let mut style = self.theme.role(role);
        if self.flow.channel.is_side() && role == Role::Ok {
            style = self.theme.ui(Ui::Side);
        }
        put(buf, x + 1, y, end, glyph, style);
        if self.app.list().is_marked(self.flow.id) {
            put(buf, x + 2, y, end, "◆", self.theme.ui(Ui::Mark));
        }
        let mut x = x + PREFIX;
        let has_agent = columns.iter().any(|(column, _)| *column == Column::Agent);
        for (column, width) in columns {
            if *column == Column::Gist {
                self.gist(x, y, x + width, has_agent, buf);
            } else {
                let (text, style) = self.cell(*column);
                let text = align(*column, &text, *width);
                put(buf, x, y, x + width, &text, style);
            }
            x += width + 1;
        }
    }

    /// Draws what the flow is about, with the lines that join it to what it hangs below and, where
    /// there is no column for it, the agent if it is not the main one.
    fn gist(self, x: u16, y: u16, end: u16, has_agent: bool, buf: &mut Buffer) {
        let stem = self.app.list().stem(self.row);
        let more = match (stem.below, stem.turns) {
            (Below::Nothing, _) | (_, 0) => String::new(),
            (_, 1) => " · 1 turn".to_owned(),
            (_, turns) => format!(" · {turns} turns"),
        };
        let tree = tree(stem);
        let x = put(buf, x, y, end, &tree, self.theme.ui(Ui::Tree));
        let recovered = if self.flow.is_recovered {
            RECOVERED
        } else {
            ""
        };
        let x = put(buf, x, y, end, recovered, self.theme.role(Role::Warning));
        let x = match self.flow.agent() {
            Agent::Sub(name) if !has_agent => {
                let name = Clean::new(name);
                let name = truncate(name.as_str(), MOST_OF_AN_AGENT);
                let x = put(buf, x, y, end, &name, self.theme.role(Role::Tool));
                put(buf, x, y, end, " ", self.text())
            }
            Agent::Sub(_) | Agent::Main | Agent::Unknown => x,
        };
        let x = match &self.flow.comment {
            Some(comment) => {
                let comment = Clean::new(comment);
                let comment = truncate(comment.as_str(), MOST_OF_A_COMMENT);
                let comment = format!("“{comment}” ");
                put(buf, x, y, end, &comment, self.theme.role(Role::Emphasis))
            }
            None => x,
        };
        let stall = self.flow.stall(self.app.now());
        let (more, role) = match stall {
            Some(stall) => (format!(" · silent {}", short(stall)), Role::Warning),
            None => (more, Role::Dim),
        };
        let gist = Clean::new(&self.flow.gist);
        let gist = match gist.as_str() {
            "" => Clean::new(&self.flow.path),
            _ => gist,
        };
        let room = usize::from(end.saturating_sub(x));
        // Where there is no room for both, how many turns there are can be seen below.
        let is_below = stall.is_none() && stem.below != Below::Hidden;
        let least = if is_below { width(gist.as_str()) } else { 8 };
        let more = if room < width(&more) + least {
            ""
        } else {
            &more
        };
        let room = room - width(more);
        let style = match self.flow.kind {
            FlowKind::Ws => self.theme.role(Role::Dim),
            FlowKind::Http | FlowKind::WsTurn { .. } => self.text(),
        };
        let x = put(buf, x, y, end, &truncate(gist.as_str(), room), style);
        put(buf, x, y, end, more, self.theme.role(role));
    }

    /// The text and style of a column.
    fn cell(self, column: Column) -> (String, Style) {
        let flow = self.flow;
        let dim = self.theme.role(Role::Dim);
        let usage = flow.usage;
        let tokens = |count: Option<u64>| count.map(format::tokens).unwrap_or_default();
        match column {
            Column::Time => {
                let zone = &self.app.options().time_zone;
                (format::clock_in(flow.started, zone), dim)
            }
            Column::Transport => (flow.transport.as_str().to_owned(), dim),
            Column::Agent => {
                let style = match flow.agent() {
                    Agent::Sub(_) => self.theme.role(Role::Tool),
                    Agent::Main | Agent::Unknown => dim,
                };
                let name = Clean::new(flow.agent().name().unwrap_or_default());
                (name.to_string(), style)
            }
            Column::Model => self.model(),
            Column::Gist => (String::new(), self.text()),
            Column::Status => {
                let (text, role) = status(flow);
                (text, self.theme.role(role))
            }
            Column::Size => (format::bytes(self.app.list().volume(flow)), dim),
            Column::Input => (tokens(usage.map(|usage| usage.input)), self.text()),
            Column::Cached => (tokens(usage.map(|usage| usage.cached)), dim),
            Column::Output => (tokens(usage.map(|usage| usage.output)), self.text()),
            Column::Cost => {
                let cost = sessions::cost(flow, &self.app.options().prices);
                (cost.map(format::cost).unwrap_or_default(), dim)
            }
            Column::Duration => match flow.duration() {
                Some(duration) => (short(duration), self.text()),
                // The screen does not tick for a connection, so a time would stand still.
                None if flow.kind == FlowKind::Ws => {
                    ("open".to_owned(), self.theme.role(Role::Live))
                }
                None => (
                    short(self.app.now().since(flow.started)),
                    self.theme.role(Role::Live),
                ),
            },
            Column::First => {
                let first = flow.first_delta.map(short);
                (first.unwrap_or_default(), dim)
            }
        }
    }

    /// The model asked for; the one that answered, if that is another.
    fn model(self) -> (String, Style) {
        let context = self.flow.context.as_deref();
        let served = context.and_then(|context| context.served.as_deref());
        match (served, self.flow.model.as_deref()) {
            (Some(served), Some(_)) => {
                let served = Clean::new(served);
                (format!("≠{served}"), self.theme.role(Role::Warning))
            }
            (served, asked) => {
                let model = Clean::new(asked.or(served).unwrap_or_default());
                (model.to_string(), self.text())
            }
        }
    }

    /// The style of ordinary text.
    fn text(self) -> Style {
        if self.flow.channel.is_side() {
            self.theme.ui(Ui::Side)
        } else {
            self.theme.role(Role::Text)
        }
    }
}

/// The lines that join a row to what it hangs below, and the sign of what hangs below it.
fn tree(stem: Stem) -> String {
    let mut tree = String::new();
    if stem.depth > 1 {
        tree.push_str(if stem.is_parent_last { "  " } else { "│ " });
    }
    if stem.depth > 0 {
        tree.push_str(if stem.is_last { "└ " } else { "├ " });
    }
    tree.push_str(match stem.below {
        Below::Nothing => "",
        Below::Shown => "▾ ",
        Below::Hidden => "▸ ",
    });
    tree
}

/// The sign of a flow's state: a different shape for each, so that colour is not needed.
fn glyph(flow: &Summary, now: At) -> (&'static str, Role) {
    match flow.state {
        State::Waiting | State::Streaming if flow.stall(now).is_some() => ("◌", Role::Warning),
        State::Waiting => ("○", Role::Live),
        State::Streaming if flow.kind == FlowKind::Ws => ("◎", Role::Live),
        State::Streaming => {
            let since = now.since(flow.started).as_millis() / 200;
            (SPINNER[since as usize % SPINNER.len()], Role::Live)
        }
        State::Complete => ("●", Role::Ok),
        State::Partial => ("◑", Role::Warning),
        State::Failed => ("✕", Role::Error),
    }
}

/// A duration in as few columns as can be: `1.23s`, `2m03s`.
fn short(duration: Duration) -> String {
    format::duration(duration).replace(' ', "")
}

/// The HTTP status; of a turn that did not complete, how it ended; of a connection, its close code.
fn status(flow: &Summary) -> (String, Role) {
    let turn = flow.turn;
    let word = match turn {
        Some(Status::Incomplete) => Some(("part", Role::Warning)),
        Some(Status::Cancelled) => Some(("cut", Role::Warning)),
        Some(Status::Failed) => Some(("fail", Role::Error)),
        Some(Status::Error) => Some(("err", Role::Error)),
        Some(Status::Lost) => Some(("lost", Role::Error)),
        Some(Status::Completed | Status::InProgress) | None => None,
    };
    if let Some(code @ 400..) = flow.status {
        let role = if flow.kind.is_referred_to_http(flow.status) {
            Role::Warning
        } else {
            Role::Error
        };
        return (code.to_string(), role);
    }
    if let Some((word, role)) = word {
        return (word.to_owned(), role);
    }
    if let FlowKind::WsTurn { .. } = flow.kind {
        let word = if turn == Some(Status::Completed) {
            "ok"
        } else {
            ""
        };
        return (word.to_owned(), Role::Dim);
    }
    if let Some(code) = flow.close {
        let role = match code {
            1000 | 1001 => Role::Dim,
            _ => Role::Warning,
        };
        return (code.to_string(), role);
    }
    match flow.status {
        Some(code) => (code.to_string(), Role::Dim),
        None if flow.failure.is_none() => (String::new(), Role::Dim),
        None => ("fail".to_owned(), Role::Error),
    }
}

/// Before what a flow is about that a journal gave back; the payload pane says it in words.
const RECOVERED: &str = "↺ ";
/// Columns of what the user noted.
const MOST_OF_A_COMMENT: usize = 24;
/// Columns of a sub-agent's name.
const MOST_OF_AN_AGENT: usize = 12;
/// Phases of a live flow's sign; none of them looks like another state's.
const SPINNER: [&str; 4] = ["◐", "◓", "◐", "◒"];
