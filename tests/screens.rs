//! What people see: flows, a size and keys in; the screen out, symbols and styles.
//!
//! A snapshot has the screen's rows, then its runs of style. To look at the screens in colour,
//! build the tests with `CODEXTAP_ANSI` set to a directory: every screen is written there in every
//! theme, with ANSI escapes.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

#[path = "screens/copy.rs"]
mod copy;
#[path = "screens/dialog.rs"]
mod dialog;
#[path = "screens/hints.rs"]
mod hints;
#[path = "screens/keys.rs"]
mod keys;
#[path = "screens/list.rs"]
mod list;
#[path = "screens/overlays.rs"]
mod overlays;
#[path = "screens/palette.rs"]
mod palette;
#[path = "screens/panes.rs"]
mod panes;
#[path = "screens/quit.rs"]
mod quit;
#[path = "screens/scene.rs"]
mod scene;
#[path = "screens/search.rs"]
mod search;
#[path = "screens/storm.rs"]
mod storm;
#[path = "screens/table.rs"]
mod table;
#[path = "screens/trail.rs"]
mod trail;

use std::fmt::Write as _;

use codextap::app::focus::Pane;
use codextap::app::{Capture, Effect, Msg, Outcome, Save, Stream};
use codextap::flow::{FlowKind, Summary};
use codextap::view::{Theme, draw};
use crossterm::event::{MouseButton, MouseEventKind};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;
use ratatui::style::{Color, Modifier, Style};
use scene::Scene;

/// The sizes that people have: from a narrow split to a wide screen.
const SIZES: [(u16, u16); 7] = [
    (40, 10),
    (60, 24),
    (80, 24),
    (120, 40),
    (160, 50),
    (200, 50),
    (300, 100),
];

#[test]
fn without_traffic_the_screen_says_how_to_get_some() {
    for size in SIZES {
        check("empty", Scene::new(), size, "");
    }
}

#[test]
fn a_session_is_a_list_with_its_newest_turn_beside_it() {
    for size in SIZES {
        check("finished", Scene::finished(), size, "");
    }
}

#[test]
fn a_streaming_turn_is_shown_as_it_comes() {
    for size in SIZES {
        check("live", Scene::live(), size, "3");
    }
}

#[test]
fn a_turn_that_is_silent_for_a_minute_says_so() {
    let mut scene = Scene::live();
    scene.wait(68_000);
    check("stalled", scene, (120, 40), "3");
}

#[test]
fn a_failure_stands_first() {
    for size in SIZES {
        let mut scene = Scene::finished();
        scene.unreachable();
        scene.wait(0);
        check("failed", scene, size, "gee<enter>");
    }
}

#[test]
fn what_was_sent_and_why_it_took_so_much_stand_first() {
    for size in [(60, 24), (80, 24), (120, 40), (200, 50)] {
        for (name, keys) in [("sent", "<enter>"), ("why", "<enter>]")] {
            let mut scene = Scene::new();
            scene.retried();
            scene.wait(0);
            check(name, scene, size, keys);
        }
    }
}

#[test]
fn a_capture_that_cannot_be_written_is_said_in_red() {
    for size in [(80, 24), (200, 50)] {
        let mut scene = Scene::finished();
        let why = "cannot write /data/c.jsonl: No space left on device (os error 28)";
        scene.app.status_mut().capture = Capture::Failed(why.to_owned());
        check("unwritten", scene, size, "");
    }
}

#[test]
fn a_stream_says_what_it_takes_and_where_it_goes() {
    check(
        "stream-asked",
        Scene::finished(),
        (80, 24),
        "/parser<enter>W",
    );
    for (name, problem) in [
        ("streaming", None),
        ("stream-unwritten", Some("No space left".to_owned())),
    ] {
        let mut scene = Scene::finished();
        scene.app.status_mut().stream = Some(Stream {
            path: "/home/me/matches.jsonl".to_owned(),
            problem,
        });
        check(name, scene, (60, 24), "");
    }
}

#[test]
fn what_a_journal_gave_back_is_marked_in_the_list_and_said() {
    for size in [(60, 24), (120, 40)] {
        let mut scene = Scene::finished();
        let cut = |flow: &Summary| matches!(flow.kind, FlowKind::Ws | FlowKind::WsTurn { .. });
        let cut = |flow: &Summary| cut(flow) || flow.gist.contains("Review");
        let store = scene.app.store_mut();
        let cut = store
            .summaries()
            .filter(|flow| cut(flow))
            .map(|flow| flow.id);
        for id in cut.collect::<Vec<_>>() {
            store.change(id, |flow| flow.is_recovered = true);
        }
        scene.app.update(Msg::Changed);
        check("recovered", scene, size, "");
    }
}

#[test]
fn each_pane_has_the_screen_to_itself() {
    for (name, keys) in [
        ("payload", "2z]"),
        ("output", "3z"),
        ("reasoning", "4z"),
        ("frames", "5z"),
    ] {
        check(name, Scene::finished(), (80, 24), keys);
    }
    check("socket", Scene::finished(), (120, 40), "kkkk5z");
}

#[test]
fn a_wrong_filter_says_what_is_wrong() {
    for size in [(40, 10), (80, 24), (200, 50)] {
        check("filter-wrong", Scene::finished(), size, "/(~m post");
    }
    check(
        "filter-misspelt",
        Scene::finished(),
        (120, 40),
        "/is:failed mdoel:gpt",
    );
    check("filter", Scene::finished(), (120, 40), "/parser");
    for size in SIZES {
        check("filter-none", Scene::finished(), size, "/zebra<enter>");
    }
}

#[test]
fn what_may_be_written_next_stands_above_the_prompt() {
    for size in [(40, 10), (80, 24), (160, 50)] {
        check(
            "complete",
            Scene::finished(),
            size,
            "/is:failed | a<tab><tab>",
        );
    }
    check(
        "complete-values",
        Scene::finished(),
        (80, 24),
        "/status:<tab>",
    );
}

#[test]
fn saving_asks_where_to() {
    for size in [(40, 10), (120, 40)] {
        check("save", Scene::finished(), size, "kkmw");
    }
}

#[test]
fn quitting_asks_while_a_stream_is_live() {
    for size in [(40, 10), (200, 50)] {
        check("quit", Scene::live(), size, "q");
    }
    check("quit", Scene::live(), (80, 24), "q");
    let mut scene = Scene::live();
    assert!(!scene.press("<c-c>").contains(&Effect::Quit));
    assert!(scene.press("<c-c>").contains(&Effect::Quit));
    assert!(Scene::finished().press("q").contains(&Effect::Quit));
}

#[test]
fn a_tiny_screen_says_so() {
    check("tiny", Scene::finished(), (39, 12), "");
    check("tiny", Scene::finished(), (1, 1), "");
}

#[test]
fn the_cursor_stays_on_its_flow_while_others_arrive() {
    let mut scene = Scene::finished();
    scene.press("gj");
    let selected = scene.app.selected().unwrap().id;
    scene.streamed_turn("One more", "main", true);
    scene.wait(0);
    assert_eq!(scene.app.selected().unwrap().id, selected);
    scene.press("F");
    assert_eq!(scene.app.selected().unwrap().gist, "One more");
    scene.streamed_turn("And another", "main", true);
    scene.side_channel();
    scene.wait(0);
    assert_eq!(scene.app.selected().unwrap().gist, "And another");
}

#[test]
fn what_is_marked_is_saved() {
    let mut scene = Scene::finished();
    scene.app.prepare((120, 40));
    let effects = scene.press("gmjjmw<enter>");
    let rows = scene.app.list().rows();
    let [.., Effect::Save(Save { path, flows, .. })] = effects.as_slice() else {
        panic!("{effects:?}");
    };
    assert_eq!(*flows, [rows[0], rows[2]]);
    assert_eq!(path.extension().unwrap(), "jsonl");
}

#[test]
fn a_pause_holds_the_list_until_it_ends() {
    let mut scene = Scene::finished();
    scene.app.prepare((120, 40));
    let rows = scene.app.list().rows().len();
    scene.press("p");
    scene.streamed_turn("Unseen", "main", true);
    scene.wait(0);
    scene.app.prepare((120, 40));
    assert_eq!(scene.app.list().rows().len(), rows);
    scene.press("p");
    scene.app.prepare((120, 40));
    assert_eq!(scene.app.list().rows().len(), rows + 1);
}

#[test]
fn the_mouse_selects_and_scrolls_what_is_under_it() {
    let mut scene = Scene::finished();
    scene.app.prepare((120, 40));
    let rows = scene.app.list().rows().to_vec();
    let click = MouseEventKind::Down(MouseButton::Left);
    scene.mouse(click, (20, 3));
    assert_eq!(scene.app.selected().unwrap().id, rows[1]);
    let tab = |scene: &Scene| scene.app.layout().panes[1].titles()[3].1;
    let frames = tab(&scene);
    scene.mouse(click, (frames.x + 1, frames.y));
    assert_eq!(scene.app.focus(), Pane::Frames);
    scene.press("z");
    scene.app.prepare((60, 12));
    let top = |scene: &Scene| scene.app.sheet(Pane::Frames).unwrap().scroll().top;
    assert_eq!(top(&scene), 0);
    scene.mouse(MouseEventKind::ScrollDown, (20, 5));
    assert_eq!(top(&scene), 3);
    scene.mouse(MouseEventKind::ScrollUp, (20, 5));
    assert_eq!(top(&scene), 0);
}

#[test]
fn a_message_stays_for_its_time_however_late_the_first_tick() {
    let mut scene = Scene::finished();
    let outcome = Outcome::SaveFailed {
        path: "x.jsonl".into(),
        error: "no room".to_owned(),
    };
    scene.app.update(Msg::Done(outcome));
    assert!(scene.app.is_animating());
    scene.wait(60_000);
    assert_eq!(
        scene.app.toast().unwrap().text,
        "cannot save x.jsonl: no room"
    );
    check("toast", scene, (80, 24), "");
    let mut scene = Scene::finished();
    scene.press("Ge");
    scene.wait(1);
    assert_eq!(scene.app.toast().unwrap().text, "no next error");
    scene.wait(5_000);
    assert!(scene.app.toast().is_none() && !scene.app.is_animating());
}

#[test]
fn a_hundred_thousand_flows_are_one_list() {
    let mut scene = Scene::finished();
    let flow = scene.app.selected().unwrap().clone();
    for _ in 0..100_000 {
        scene.app.store_mut().push(flow.clone());
    }
    scene.wait(0);
    scene.press("kG");
    scene.app.prepare((120, 40));
    assert_eq!(scene.app.list().scroll().cursor, 100_007);
    assert!(scene.app.list().visible().len() < 40);
}

/// Holds a screen in the default theme against its snapshot.
fn check(name: &str, mut scene: Scene, size: (u16, u16), keys: &str) {
    let buf = screen(&mut scene, size, keys, "default-dark");
    let name = format!("{name}-{}x{}", size.0, size.1);
    if let Some(folder) = option_env!("CODEXTAP_ANSI") {
        for theme in Theme::names() {
            let buf = screen(&mut scene, size, "", theme);
            std::fs::write(format!("{folder}/{name}-{theme}.ansi"), ansi(&buf)).unwrap();
        }
    }
    insta::assert_snapshot!(name, shown(&buf));
}

/// One row of a screen, without blanks at its end.
fn row_of(buf: &Buffer, y: u16) -> String {
    let mut skip = 0;
    let mut row = String::new();
    for x in 0..buf.area.width {
        if skip > 0 {
            skip -= 1;
            continue;
        }
        let symbol = buf[(x, y)].symbol();
        skip = codextap::text::width(symbol).saturating_sub(1);
        row.push_str(symbol);
    }
    row.trim_end().to_owned()
}

/// The screen's rows and, beside their numbers, its runs of style: first column, then what is not
/// the default.
fn shown(buf: &Buffer) -> String {
    let mut text = String::new();
    for y in 0..buf.area.height {
        writeln!(text, "{}", row_of(buf, y)).unwrap();
    }
    text.push('\n');
    for y in 0..buf.area.height {
        let mut runs = Vec::new();
        let mut last = Style::default();
        for x in 0..buf.area.width {
            let style = buf[(x, y)].style();
            if x == 0 || style != last {
                runs.push(format!("{x}{}", named(style)));
                last = style;
            }
        }
        writeln!(text, "{y:2}: {}", runs.join(" ")).unwrap();
    }
    text
}

/// What a style has beyond the terminal's own colours: `:Cyan`, `:Black/Cyan`, `:bold`.
fn named(style: Style) -> String {
    let mut parts = Vec::new();
    let colour = |colour: Option<Color>| colour.filter(|colour| *colour != Color::Reset);
    match (colour(style.fg), colour(style.bg)) {
        (None, None) => {}
        (Some(fg), None) => parts.push(fg.to_string()),
        (None, Some(bg)) => parts.push(format!("/{bg}")),
        (Some(fg), Some(bg)) => parts.push(format!("{fg}/{bg}")),
    }
    let modifiers = style.add_modifier.iter_names();
    parts.extend(modifiers.map(|(name, _)| name.to_lowercase()));
    if parts.is_empty() {
        return String::new();
    }
    format!(":{}", parts.join("+"))
}

/// The screen after these keys.
fn screen(scene: &mut Scene, size: (u16, u16), keys: &str, theme: &str) -> Buffer {
    let theme = Theme::load(theme, &[]).unwrap().loaded();
    scene.app.prepare(size);
    scene.press(keys);
    scene.app.prepare(size);
    scene.search();
    scene.app.prepare(size);
    let mut terminal = Terminal::new(TestBackend::new(size.0, size.1)).unwrap();
    terminal
        .draw(|frame| draw(&scene.app, &theme, frame))
        .unwrap();
    terminal.backend().buffer().clone()
}

/// The screen's rows as one text.
fn text(buf: &Buffer) -> String {
    let rows = (0..buf.area.height).map(|y| row_of(buf, y) + "\n");
    rows.collect()
}

/// The screen as a text with ANSI escapes.
fn ansi(buf: &Buffer) -> String {
    let mut text = String::new();
    for y in 0..buf.area.height {
        let mut skip = 0;
        for x in 0..buf.area.width {
            let cell = &buf[(x, y)];
            if skip > 0 {
                skip -= 1;
                continue;
            }
            skip = codextap::text::width(cell.symbol()).saturating_sub(1);
            let style = cell.style();
            write!(text, "\x1b[0m{}{}", sgr(style.fg, 38), sgr(style.bg, 48)).unwrap();
            for (modifier, code) in [
                (Modifier::BOLD, 1),
                (Modifier::DIM, 2),
                (Modifier::ITALIC, 3),
                (Modifier::UNDERLINED, 4),
                (Modifier::REVERSED, 7),
            ] {
                if style.add_modifier.contains(modifier) {
                    write!(text, "\x1b[{code}m").unwrap();
                }
            }
            text.push_str(cell.symbol());
        }
        text.push_str("\x1b[0m\n");
    }
    text
}

/// The escape sequence of a colour.
fn sgr(colour: Option<Color>, base: u8) -> String {
    let index = match colour {
        None | Some(Color::Reset) => return String::new(),
        Some(Color::Rgb(r, g, b)) => return format!("\x1b[{base};2;{r};{g};{b}m"),
        Some(Color::Indexed(index)) => index,
        Some(Color::Black) => 0,
        Some(Color::Red) => 1,
        Some(Color::Green) => 2,
        Some(Color::Yellow) => 3,
        Some(Color::Blue) => 4,
        Some(Color::Magenta) => 5,
        Some(Color::Cyan) => 6,
        Some(Color::Gray) => 7,
        Some(Color::DarkGray) => 8,
        Some(Color::LightRed) => 9,
        Some(Color::LightGreen) => 10,
        Some(Color::LightYellow) => 11,
        Some(Color::LightBlue) => 12,
        Some(Color::LightMagenta) => 13,
        Some(Color::LightCyan) => 14,
        Some(Color::White) => 15,
    };
    format!("\x1b[{base};5;{index}m")
}
