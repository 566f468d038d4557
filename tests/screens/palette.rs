//! The command palette and help: what is found, and what keys do there.

use codextap::app::action::Action;
use codextap::app::focus::Pane;
use codextap::app::{Effect, Level, LogLine, Msg, Overlay};
use codextap::view::Theme;
use crossterm::event::{MouseButton, MouseEventKind};
use ratatui::buffer::Buffer;

use super::scene::{START, Scene};
use super::{check, row_of, screen, text};

const SIZES: [(u16, u16); 5] = [(40, 10), (60, 24), (80, 24), (120, 40), (200, 50)];

fn names(scene: &Scene) -> Vec<&'static str> {
    let entries = scene.app.palette().entries().iter();
    entries.map(|entry| entry.action.name()).collect()
}

#[test]
fn the_palette_shows_commands_and_their_keys() {
    for size in SIZES {
        check("palette", Scene::finished(), size, ":");
    }
    check("palette-found", Scene::finished(), (80, 24), ":nxtp");
    check("palette-none", Scene::finished(), (60, 24), ":zzz");
    for size in [(40, 10), (80, 24)] {
        check("palette-wrong", Scene::finished(), size, ":goto x<enter>");
    }
}

#[test]
fn every_command_is_found_by_its_name_and_by_what_it_does() {
    let mut scene = Scene::finished();
    screen(&mut scene, (80, 24), ":", "default-dark");
    let all = scene.app.palette().entries().len();
    assert_eq!(all, Action::ALL.len() - 1, "all but the palette itself");
    scene.press("<esc>");
    for action in Action::ALL.iter().filter(|it| **it != Action::Palette) {
        for typed in [action.name(), action.description()] {
            scene.press(":");
            scene.app.update(Msg::Paste(typed.to_owned()));
            // What is said of one may stand within what is said of another.
            let place = names(&scene).iter().position(|name| *name == action.name());
            let worst = usize::from(typed != action.name());
            assert!(place.is_some_and(|place| place <= worst), "{typed}");
            scene.press("<esc>");
        }
    }
    assert_eq!(scene.app.overlay(), None);
}

#[test]
fn enter_gives_the_command_in_the_pane_that_had_the_focus() {
    let mut scene = Scene::finished();
    scene.app.prepare((120, 40));
    scene.press("3:zoom<enter>");
    assert!(scene.app.is_zoomed());
    assert_eq!(scene.app.focus(), Pane::Output);
    assert_eq!(scene.press(":quit-now<enter>"), [Effect::Quit]);
    // The arrows choose, and Tab writes the name.
    scene.press(":next-p<down><up><tab>");
    assert_eq!(scene.app.palette().edit().text(), "next-pane");
    scene.press("<enter>");
    assert_eq!(scene.app.focus(), Pane::Reasoning);
}

#[test]
fn what_was_given_last_stands_first() {
    let mut scene = Scene::finished();
    screen(
        &mut scene,
        (80, 24),
        ":zoom<enter>:follow<enter>:",
        "default-dark",
    );
    assert_eq!(names(&scene)[..2], ["follow", "zoom"]);
}

#[test]
fn arguments_stand_behind_the_name() {
    let mut scene = Scene::finished();
    scene.app.prepare((120, 40));
    scene.press(":goto 3<enter>");
    assert_eq!(scene.app.list().scroll().cursor, 2);
    scene.press(":goto 0<enter>");
    let problem = scene.app.palette().problem().unwrap();
    assert!(problem.contains("`goto 12`"), "{problem}");
    scene.press("<backspace>4<enter>");
    assert_eq!(scene.app.list().scroll().cursor, 3);
    scene.press(":filter (<enter>");
    assert_eq!(scene.app.overlay(), Some(Overlay::Palette));
    assert!(scene.app.palette().problem().is_some());
    scene.press("<c-u>filter parser<enter>");
    assert_eq!(scene.app.filter(), "parser");
    assert_eq!(scene.app.overlay(), None);
    // Without an argument, it asks.
    scene.press(":filter<enter><up>");
    assert_eq!(scene.app.prompt().unwrap().text(), "parser");
    scene.press("<esc>:goto<enter>");
    assert_eq!(
        scene.app.overlay(),
        Some(Overlay::Palette),
        "it can be typed"
    );
    assert!(scene.app.palette().problem().unwrap().contains("number"));
    scene.press(" 2<enter>");
    assert_eq!(scene.app.list().scroll().cursor, 1);
}

#[test]
fn in_the_diff_it_gives_the_commands_of_the_diff_and_else_those_of_the_panes() {
    let mut scene = Scene::finished();
    let size = (80, 24);
    screen(&mut scene, size, "Gd", "default-dark");
    screen(&mut scene, size, ":last<enter>", "default-dark");
    assert_eq!(scene.app.overlay(), Some(Overlay::Diff));
    assert_eq!(
        scene.app.page().scroll().cursor,
        scene.app.page().rows().len() - 1
    );
    scene.press(":zoom<enter>");
    assert_eq!(scene.app.overlay(), None);
    assert!(scene.app.is_zoomed());
    // A key that means nothing there says so.
    scene.press("dz");
    let said = &scene.app.toast().unwrap().text;
    assert_eq!(said, "zoom is not for the diff: Esc leaves it");
}

#[test]
fn the_mouse_gives_a_command_or_leaves() {
    let mut scene = Scene::finished();
    let size = (80, 24);
    let click = MouseEventKind::Down(MouseButton::Left);
    screen(&mut scene, size, ":layout", "default-dark");
    let text = scene.app.place_of_text(Overlay::Palette);
    scene.mouse(click, (text.x, text.y));
    assert!(scene.app.toast().unwrap().text.starts_with("layout: "));
    assert_eq!(scene.app.overlay(), None);
    screen(&mut scene, size, ":", "default-dark");
    scene.mouse(MouseEventKind::ScrollDown, (text.x, text.y));
    assert_eq!(scene.app.palette().scroll().cursor, 1);
    scene.mouse(click, (0, 0));
    assert_eq!(scene.app.overlay(), None);
}

#[test]
fn help_says_first_what_works_here_and_can_be_searched() {
    for size in SIZES {
        check("help", Scene::finished(), size, "?");
    }
    check("help-diff", Scene::finished(), (80, 24), "Gd?");
    check("help-payload", Scene::finished(), (120, 40), "2?");
    check("help-found", Scene::finished(), (80, 24), "?/tool");
    check("help-none", Scene::finished(), (60, 24), "?/zzz<enter>");
    let mut scene = Scene::finished();
    let size = (80, 24);
    let shown = text(&screen(&mut scene, size, "?G", "default-dark"));
    assert!(!shown.contains('↓'), "{shown}");
    screen(&mut scene, size, "/ERR next<enter>", "default-dark");
    let shown = text(&screen(&mut scene, size, "", "default-dark"));
    assert!(shown.contains("Show the next flow that failed"), "{shown}");
    assert!(!shown.contains("half a page"), "{shown}");
    scene.press("/<c-u><backspace>");
    assert!(!scene.app.help().is_typing());
    assert_eq!(scene.app.overlay(), Some(Overlay::Help));
    scene.press("/x<esc>");
    assert_eq!(scene.app.overlay(), None, "Esc always leaves");
}

#[test]
fn hints_can_be_hidden() {
    let mut scene = Scene::finished();
    let last = |buf: &Buffer| row_of(buf, 23);
    let shown = last(&screen(&mut scene, (80, 24), "", "default-dark"));
    assert!(shown.contains("? help"), "{shown}");
    let hidden = last(&screen(&mut scene, (80, 24), "H", "default-dark"));
    assert!(!hidden.contains("? help"), "{hidden}");
    let said = |scene: &Scene| scene.app.toast().unwrap().text.clone();
    assert_eq!(said(&scene), "the keys are hidden: H shows them again");
    screen(&mut scene, (80, 24), "d", "default-dark");
    let again = last(&screen(&mut scene, (80, 24), "H", "default-dark"));
    assert!(again.contains("Esc back"), "{again}");
    assert_eq!(said(&scene), "the keys are shown: H hides them");
}

/// A program that has logged something.
fn logged() -> Scene {
    let mut scene = Scene::finished();
    for (level, text) in [
        (Level::Info, "the client left before the answer exchange=12"),
        (Level::Warning, "a line with \u{1b}[31man escape\u{202e}"),
        (
            Level::Error,
            "cannot write /data/c.jsonl: No space left on device (os error 28); flows stay in memory meanwhile",
        ),
    ] {
        scene.app.update(Msg::Logged(LogLine {
            at: START,
            level,
            text: text.to_owned(),
        }));
    }
    scene
}

#[test]
fn the_log_is_shown_and_its_errors_are_counted_until_then() {
    for size in SIZES {
        check("log-told", logged(), size, "");
        check("log", logged(), size, "L");
    }
    check("log-empty", Scene::finished(), (80, 24), "L");
    check("log-levels", logged(), (80, 24), "L[[");
    let mut scene = logged();
    let size = (80, 24);
    let shown = text(&screen(&mut scene, size, "", "default-dark"));
    assert!(shown.contains("1 error in the log (L)"), "{shown}");
    screen(&mut scene, size, "L", "default-dark");
    assert_eq!(scene.app.log().unseen(), 0);
    // It follows its end until the reader goes elsewhere.
    for number in 0..50 {
        let text = format!("line {number}");
        let (at, level) = (START, Level::Info);
        scene.app.update(Msg::Logged(LogLine { at, level, text }));
    }
    let shown = text(&screen(&mut scene, size, "", "default-dark"));
    assert!(shown.contains("line 49"), "{shown}");
    screen(&mut scene, size, "g", "default-dark");
    assert!(!scene.app.log().leaf().scroll().follows_end);
    assert_eq!(scene.press("Gy").len(), 1);
    screen(&mut scene, size, "L", "default-dark");
    assert_eq!(scene.app.overlay(), None);
}

fn with_themes() -> Scene {
    let mut scene = Scene::finished();
    let status = scene.app.status_mut();
    status.themes = Theme::names().iter().map(ToString::to_string).collect();
    "midnight".clone_into(&mut status.theme);
    scene
}

#[test]
fn themes_are_tried_kept_and_left() {
    for size in SIZES {
        check("themes", with_themes(), size, "<c-t>");
    }
    let mut scene = with_themes();
    let size = (80, 24);
    let theme = |name: &str| vec![Effect::Theme(name.to_owned())];
    screen(&mut scene, size, "<c-t>", "default-dark");
    assert_eq!(scene.press("j"), theme("fjord"));
    assert_eq!(scene.press("k"), theme("midnight"));
    assert_eq!(scene.press("<up>"), theme("default-light"));
    assert_eq!(scene.press("<esc>"), theme("midnight"), "Esc restores");
    assert_eq!(scene.app.overlay(), None);
    screen(&mut scene, size, "<c-t>G<enter>", "default-dark");
    let said = &scene.app.toast().unwrap().text;
    assert!(said.contains("theme = \"mono\" in config.toml"), "{said}");
    assert_eq!(scene.press(":theme paper<enter>"), theme("paper"));
    scene.press(":theme papr<enter>");
    let problem = scene.app.palette().problem().unwrap();
    assert!(
        problem.starts_with("there is no theme `papr`: "),
        "{problem}"
    );
}

#[test]
fn the_palette_knows_saved_filters() {
    let mut scene = Scene::named(&[("bad", "is:failed")]);
    scene.press(":filter @bad<enter>");
    assert_eq!((scene.app.filter(), scene.app.overlay()), ("@bad", None));
}

#[test]
fn news_stands_one_above_another_and_waits_for_room() {
    let mut scene = Scene::finished();
    for number in [0, 1, 2, 3, 4, 0] {
        let news = format!("{number} lines are torn");
        scene.app.update(Msg::LoadNoted(news));
    }
    scene.wait(0);
    let texts = toasts(&scene);
    assert_eq!(texts.len(), 3, "{texts:?}");
    for size in [(40, 10), (80, 24)] {
        check("toasts", Scene::finished().told(&texts), size, "");
    }
    scene.wait(5_000);
    assert_eq!(toasts(&scene), ["4 lines are torn", "0 lines are torn"]);
    scene.wait(0);
    scene.wait(5_000);
    assert!(scene.app.toasts().is_empty());
}

#[test]
fn an_answer_is_seen_at_once_in_place_of_the_one_before() {
    let mut scene = Scene::finished();
    scene.app.prepare((80, 24));
    for error in ["one", "two", "three"] {
        scene.app.update(Msg::LoadFailed(error.to_owned()));
    }
    scene.press("--");
    assert_eq!(toasts(&scene), ["one", "two", "layout: list and detail"]);
    scene.press("R");
    let unknown = "R does nothing here: ? shows the keys";
    assert_eq!(toasts(&scene), ["one", "two", unknown]);
    scene.wait(0);
    scene.wait(5_000);
    assert_eq!(toasts(&scene), ["one", "two", "three"]);
    scene.wait(4_000);
    assert_eq!(toasts(&scene), ["three"]);
}

/// The messages that are shown, the oldest first.
fn toasts(scene: &Scene) -> Vec<String> {
    let toasts = scene.app.toasts().into_iter();
    toasts.map(|toast| toast.text.clone()).collect()
}
