//! The README's pictures: the real screen over a recorded demo, as SVG.
//!
//! Each picture in `docs/images` is compared with what the program draws now; `UPDATE_PICTURES=1 cargo
//! test --test pictures` draws them anew.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use codextap::app::{App, Msg, Options};
use codextap::capture;
use codextap::responses::Prices;
use codextap::view::{Theme, draw};
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::{Buffer, Cell};
use ratatui::style::{Color, Modifier};
use unicode_width::UnicodeWidthStr as _;

#[test]
fn the_readme_shows_the_screen_as_it_is() {
    let turn = "g}}}}}}";
    for (name, size, keys) in [
        ("screen", (166, 46), "gjjjj".to_owned()),
        ("sent", (118, 20), format!("{turn}2zjjj\r")),
        ("changed", (118, 16), format!("{turn}}}d")),
        ("slow", (118, 12), "g}}}2z]".to_owned()),
        ("cost", (118, 18), format!("{turn}s")),
        ("who", (118, 20), "1zgG".to_owned()),
    ] {
        for (shade, theme) in [("dark", "midnight"), ("light", "paper")] {
            picture(&format!("{name}-{shade}"), theme, size, &keys);
        }
    }
    picture("split", "midnight", (84, 40), "gjjj");
}

/// Draws one picture and compares it with the one in the documentation.
fn picture(name: &str, theme: &str, size: (u16, u16), keys: &str) {
    let mut app = App::new(Options {
        listen: "127.0.0.1:8787".to_owned(),
        upstreams: "api.openai.com, chatgpt.com".to_owned(),
        capture: Some("demo.jsonl".to_owned()),
        prices: Prices::built_in().unwrap().into(),
        ..Options::default()
    });
    *app.store_mut() = capture::load(Path::new("tests/fixtures/demo.jsonl"))
        .unwrap()
        .store;
    let theme = Theme::load(theme, &[]).unwrap().loaded();
    app.update(Msg::Resize(size.0, size.1));
    app.update(Msg::Changed);
    app.status_mut().capture = codextap::app::Capture::Recording;
    app.prepare(size);
    for key in keys.chars() {
        let key = match key {
            '\r' => KeyCode::Enter,
            key => KeyCode::Char(key),
        };
        app.update(Msg::Key(KeyEvent::new(key, KeyModifiers::NONE)));
        app.prepare(size);
    }
    let mut terminal = Terminal::new(TestBackend::new(size.0, size.1)).unwrap();
    terminal.draw(|frame| draw(&app, &theme, frame)).unwrap();
    let svg = svg(terminal.backend().buffer());

    let path = format!("docs/images/{name}.svg");
    #[expect(
        clippy::disallowed_methods,
        reason = "the reader of this test asks by the environment"
    )]
    if std::env::var("UPDATE_PICTURES").is_ok() {
        fs::write(&path, svg).unwrap();
        return;
    }
    let kept = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        kept == svg,
        "{path} is stale: UPDATE_PICTURES=1 cargo test --test pictures"
    );
}

/// A screen as SVG: one rectangle per run of background, one text per run of style.
fn svg(screen: &Buffer) -> String {
    let (columns, rows) = (screen.area.width, screen.area.height);
    let (width, height) = (
        f64::from(columns) * COLUMN + 2.0 * MARGIN,
        f64::from(rows) * ROW + 2.0 * MARGIN,
    );
    let ground = colour(screen[(0, 0)].bg).unwrap_or("#12151c".to_owned());
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" \
         font-family=\"ui-monospace, 'JetBrains Mono', 'DejaVu Sans Mono', Menlo, Consolas, monospace\" \
         font-size=\"14\">\n<rect width=\"100%\" height=\"100%\" rx=\"8\" fill=\"{ground}\"/>\n"
    );
    for row in 0..rows {
        let mut column = 0;
        while column < columns {
            let run = run_of(screen, column, row);
            push_run(&mut svg, screen, (column, row), run, &ground);
            column += run;
        }
    }
    svg.push_str("</svg>\n");
    svg
}

/// How many cells from here on look the same.
fn run_of(screen: &Buffer, column: u16, row: u16) -> u16 {
    let first = look(&screen[(column, row)]);
    let same = (column..screen.area.width).take_while(|at| look(&screen[(*at, row)]) == first);
    same.count() as u16
}

fn look(cell: &Cell) -> (Color, Color, Modifier) {
    if cell.modifier.contains(Modifier::REVERSED) {
        return (cell.bg, cell.fg, cell.modifier);
    }
    (cell.fg, cell.bg, cell.modifier)
}

fn push_run(svg: &mut String, screen: &Buffer, (column, row): (u16, u16), run: u16, ground: &str) {
    let (fg, bg, modifier) = look(&screen[(column, row)]);
    let (x, y) = (
        MARGIN + f64::from(column) * COLUMN,
        MARGIN + f64::from(row) * ROW,
    );
    if let Some(bg) = colour(bg).filter(|bg| bg != ground) {
        let width = f64::from(run) * COLUMN;
        writeln!(
            svg,
            "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{ROW}\" fill=\"{bg}\"/>"
        )
        .unwrap();
    }
    let mut text = String::new();
    let mut covered = 0;
    for at in column..column + run {
        let symbol = screen[(at, row)].symbol();
        if covered > 0 {
            covered -= 1;
            continue;
        }
        covered = symbol.width().saturating_sub(1);
        text.push_str(symbol);
    }
    if text.trim().is_empty() {
        return;
    }
    let fill = colour(fg).unwrap_or("#c8d0e0".to_owned());
    let bold = if modifier.contains(Modifier::BOLD) {
        " font-weight=\"bold\""
    } else {
        ""
    };
    let italic = if modifier.contains(Modifier::ITALIC) {
        " font-style=\"italic\""
    } else {
        ""
    };
    let line = if modifier.contains(Modifier::UNDERLINED) {
        " text-decoration=\"underline\""
    } else {
        ""
    };
    let length = f64::from(run) * COLUMN;
    let text = text
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;");
    writeln!(
        svg,
        "<text x=\"{x:.1}\" y=\"{:.1}\" fill=\"{fill}\" textLength=\"{length:.1}\" \
         xml:space=\"preserve\"{bold}{italic}{line}>{text}</text>",
        y + BASELINE
    )
    .unwrap();
}

/// Only the themes with colours of their own are pictured; a terminal's colours are the terminal's.
fn colour(colour: Color) -> Option<String> {
    match colour {
        Color::Rgb(r, g, b) => Some(format!("#{r:02x}{g:02x}{b:02x}")),
        _ => None,
    }
}

const COLUMN: f64 = 8.4;
const ROW: f64 = 16.4;
const BASELINE: f64 = 13.0;
const MARGIN: f64 = 10.0;
