//! The bottom line: how recording goes, where traffic comes from and goes to, numbers, and hints
//! for the focused pane.

use std::time::Duration;

use ratatui::buffer::Buffer;
use ratatui::style::Style;

use super::put;
use super::theme::{Theme, Ui};
use crate::app::{App, Capture, Hint};
use crate::content::{Role, format};
use crate::flow::lineage::Window;
use crate::text::{Clean, truncate, width};

/// Draws the bottom line.
pub(super) fn draw(app: &App, theme: &Theme, buf: &mut Buffer) {
    let area = app.layout().status;
    buf.set_style(area, theme.ui(Ui::Status));
    let useful = app.hints().into_iter().take(app.kept_hints());
    let kept = app.help_hint().into_iter().chain(useful);
    let kept: usize = kept.map(|hint| columns(&hint) + GAP).sum();
    let room = usize::from(area.width).saturating_sub(kept + 2);
    let parts = parts(app, theme, room);
    let mut x = area.x + 1;
    for part in &parts {
        x = put(buf, x, area.y, area.right(), &part.text, part.style) + GAP as u16;
    }
    hints(app, x.max(area.x + 1), theme, buf);
}

/// A piece of the bottom line.
#[derive(Clone)]
struct Part {
    /// What it says.
    text: String,
    /// A shorter way to say it, for when room is scarce.
    short: String,
    /// What it looks like.
    style: Style,
    /// The lower, the later it gives way.
    rank: u8,
}

/// The pieces that fit into `room` columns.
fn parts(app: &App, theme: &Theme, room: usize) -> Vec<Part> {
    let mut parts = all_parts(app, theme);
    let total = |parts: &[Part]| {
        let widths = parts.iter().map(|part| width(&part.text) + GAP);
        widths.sum::<usize>().saturating_sub(GAP)
    };
    while total(&parts) > room {
        let Some(last) = parts.iter().map(|part| part.rank).max() else {
            break;
        };
        let Some(index) = parts.iter().position(|part| part.rank == last) else {
            break;
        };
        let part = &mut parts[index];
        if part.short.is_empty() || part.short == part.text {
            parts.remove(index);
        } else {
            part.text = std::mem::take(&mut part.short);
            // What is of little use goes altogether before more useful pieces become short.
            if part.rank < ADDRESS {
                part.rank /= 2;
            }
        }
    }
    parts
}

/// All pieces, in order.
fn all_parts(app: &App, theme: &Theme) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut add = |rank, role, text: String, short: String| {
        let style = theme.ui(Ui::Status).patch(theme.role(role));
        parts.push(Part {
            text,
            short,
            style,
            rank,
        });
    };
    let options = app.options();
    let status = app.status();
    let totals = app.list().totals();
    if app.is_paused() {
        add(0, Role::Warning, "❚❚ paused".to_owned(), "❚❚".to_owned());
    }
    if let Some(error) = &status.proxy_error {
        add(0, Role::Error, format!("✕ {error}"), "✕ proxy".to_owned());
    }
    for (rank, role, text, short) in capture_part(app).into_iter().chain(stream_part(app)) {
        add(rank, role, text, short);
    }
    if options.is_proxy {
        let listen = options.listen.clone();
        if options.upstreams.is_empty() {
            add(ADDRESS, Role::Dim, listen, String::new());
        } else {
            let text = format!("{listen} → {}", options.upstreams);
            add(ADDRESS, Role::Dim, text, listen);
        }
    }
    if totals.live > 0 {
        let text = format!("{} live", totals.live);
        add(2, Role::Live, text, String::new());
    }
    let flows = if totals.flows == 1 { "flow" } else { "flows" };
    add(
        5,
        Role::Text,
        format!("{} {flows}", totals.flows),
        String::new(),
    );
    if let Some(percent) = app.loading().percent() {
        add(2, Role::Live, opening(percent), format!("{percent} %"));
    }
    if let Some((written, all)) = app.writing() {
        let percent = written * 100 / all.max(1);
        add(
            1,
            Role::Live,
            format!("writing {percent} %"),
            format!("{percent} %"),
        );
    }
    if app.loading().skips() > 0 {
        let text = format!("{} lines skipped", format::count(app.loading().skips()));
        add(4, Role::Warning, text, String::new());
    }
    if totals.failed > 0 {
        let text = format!("{} failed", totals.failed);
        add(3, Role::Error, text, format!("{}✕", totals.failed));
    }
    if status.lost > 0 {
        let text = format!("{} not recorded", format::bytes(status.lost));
        add(1, Role::Error, text, String::new());
    }
    if app.log().unseen() > 0 {
        let errors = format::counted(app.log().unseen() as u64, "error");
        let text = format!("✕ {errors} in the log (L)");
        let short = format!("✕{} L", app.log().unseen());
        add(3, Role::Error, text, short);
    }
    if app.list().marked() > 0 {
        let text = format!("◆ {} marked", app.list().marked());
        add(4, Role::Warning, text, format!("◆{}", app.list().marked()));
    }
    if !app.filter().is_empty() {
        let text = format!("/ {}", app.filter());
        add(
            3,
            Role::Live,
            truncate(&text, 30).into_owned(),
            "/…".to_owned(),
        );
    }
    for window in app.limits() {
        let (role, text, short) = gauge(window);
        add(4, role, text, short);
    }
    for note in &options.notes {
        add(4, Role::Warning, note.clone(), String::new());
    }
    if !app.count().is_empty() {
        add(0, Role::Live, app.count().to_owned(), String::new());
    }
    parts
}

/// Where flows are written, or read: rank, role, what it says and a shorter way to say it.
fn capture_part(app: &App) -> Option<(u8, Role, String, String)> {
    let options = app.options();
    let capture = &app.status().capture;
    Some(match (capture, &options.capture) {
        (Capture::Failed(error), _) => (
            0,
            Role::Error,
            format!("✕ capture: {error}"),
            "✕ capture".to_owned(),
        ),
        // A proxy's file is made with its first line, but nothing needs to be done for that.
        (Capture::Recording | Capture::Off, Some(path))
            if options.is_proxy || *capture == Capture::Recording =>
        {
            (6, Role::Ok, format!("● {}", name(path)), "●".to_owned())
        }
        (Capture::Recording, None) => (6, Role::Ok, "● recording".to_owned(), "●".to_owned()),
        (Capture::Recording | Capture::Off, Some(path)) => {
            (6, Role::Text, name(path).to_owned(), String::new())
        }
        (Capture::Off, _) if options.is_proxy => (
            6,
            Role::Warning,
            "○ not recording".to_owned(),
            "○".to_owned(),
        ),
        (Capture::Off, _) => return None,
    })
}

/// Where flows that match are written besides.
fn stream_part(app: &App) -> Option<(u8, Role, String, String)> {
    let stream = app.status().stream.as_ref()?;
    Some(match &stream.problem {
        Some(problem) => (
            0,
            Role::Error,
            format!("✕ stream: {problem}"),
            "✕ stream".to_owned(),
        ),
        None => (
            1,
            Role::Ok,
            format!("» {}", name(&stream.path)),
            "»".to_owned(),
        ),
    })
}

/// The last part of a path.
fn name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// How much of the captures was read.
fn opening(percent: u8) -> String {
    let done = usize::from(percent) * BAR / 100;
    let bar = format!("{}{}", "█".repeat(done), "░".repeat(BAR - done));
    format!("opening {bar} {percent} %")
}

/// How much of a rate-limit window is used, named by how long the window is.
fn gauge(window: &Window) -> (Role, String, String) {
    let role = match window.used {
        ..8_000 => Role::Text,
        8_000..9_500 => Role::Warning,
        _ => Role::Error,
    };
    let length = window.minutes.map(|it| it.saturating_mul(60));
    let length = length.map(|it| format::span(Duration::from_secs(it)).replace(' ', ""));
    let name = match (window.name.split_once(' '), length) {
        (Some(("codex", _)), Some(length)) => length,
        (Some((family, _)), Some(length)) => format!("{family} {length}"),
        (_, None) | (None, _) => window.name.clone(),
    };
    let name = Clean::new(&name);
    let name = truncate(name.as_str(), MOST_OF_A_NAME);
    let used = (window.used / 100).min(100) as usize;
    let done = (used * GAUGE + 50) / 100;
    let bar = format!("{}{}", "█".repeat(done), "░".repeat(GAUGE - done));
    (
        role,
        format!("{name} {bar} {used}%"),
        format!("{name} {used}%"),
    )
}

/// Columns of a gauge.
const GAUGE: usize = 5;
/// Columns of its name.
const MOST_OF_A_NAME: usize = 16;

/// Columns of the bar that tells how much was read.
const BAR: usize = 10;

/// How many columns a hint takes.
fn columns(hint: &Hint) -> usize {
    width(&hint.key) + 1 + width(hint.text)
}

/// Draws as many hints as fit between `left` and the end of the line, aligned to the right; help
/// last.
pub(super) fn hints(app: &App, left: u16, theme: &Theme, buf: &mut Buffer) {
    let area = app.layout().status;
    let room = usize::from(area.right().saturating_sub(left + 1));
    let help = app.help_hint();
    let mut total = help.as_ref().map_or(0, columns);
    if total > room {
        return;
    }
    let mut shown = Vec::new();
    for hint in app.hints() {
        let gap = if total > 0 { GAP } else { 0 };
        if total + gap + columns(&hint) > room {
            break;
        }
        total += gap + columns(&hint);
        shown.push(hint);
    }
    shown.extend(help);
    let mut x = area.right() - 1 - total as u16;
    let dim = theme.ui(Ui::Status).patch(theme.role(Role::Dim));
    let key = theme.ui(Ui::StatusKey);
    for hint in shown {
        x = put(buf, x, area.y, area.right(), &hint.key, key);
        x = put(buf, x + 1, area.y, area.right(), hint.text, dim) + GAP as u16;
    }
}

/// The rank of the addresses, which give way first.
const ADDRESS: u8 = 8;
/// Columns between pieces.
const GAP: usize = 2;
