//! What the bottom line and the help tell of keys, and what is said where a key does nothing.

use codextap::app::Msg;
use codextap::app::focus::Pane;
use codextap::app::help::HelpLine;
use codextap::app::leaf::text_of;
use codextap::content::Tab;
use codextap::text::width;

use super::scene::Scene;
use super::{SIZES, row_of, screen, text};

#[test]
fn filter_save_and_help_are_told_on_every_screen() {
    for (width, height) in SIZES {
        for keys in ["1", "2", "3", "4", "5"] {
            let mut scene = Scene::live();
            let buf = screen(&mut scene, (width, height), keys, "default-dark");
            let line = row_of(&buf, height - 1);
            for hint in ["f filter", "w save", "? help"] {
                assert!(line.contains(hint), "{hint} in {line}");
            }
        }
    }
    let mut scene = Scene::live();
    let line = |scene: &mut Scene, keys| row_of(&screen(scene, (60, 24), keys, "default-dark"), 23);
    assert!(line(&mut scene, "").contains("Enter open  f filter"));
    assert!(line(&mut scene, "2").contains("] tab  f filter"));
}

#[test]
fn help_is_as_wide_as_what_it_says_and_cuts_nothing() {
    for size in [(40, 10), (60, 24), (80, 24), (200, 50)] {
        let mut scene = Scene::finished();
        screen(&mut scene, size, "?", "default-dark");
        let (room, column) = (size.0 - 4, scene.app.help_column());
        for line in scene.app.help_lines() {
            let takes = match &line {
                HelpLine::Heading(text) => width(text),
                HelpLine::Entry {
                    keys,
                    description: "",
                    ..
                } => 1 + width(keys),
                HelpLine::Entry {
                    keys, description, ..
                } => {
                    assert!(width(keys) + 2 < column.into(), "{line:?}");
                    width(description) + usize::from(column)
                }
                HelpLine::Blank => 0,
            };
            assert!(takes <= room.into(), "{line:?} at {size:?}");
        }
    }
    let mut scene = Scene::finished();
    let shown = text(&screen(&mut scene, (200, 50), "?", "default-dark"));
    for whole in [
        "Hide side channels, but for what failed; again shows them",
        "6…9 0…",
        "Count of the next command, as in 6j; behind a 0 any, as in 012j",
    ] {
        assert!(shown.contains(whole), "{whole} in {shown}");
    }
}

#[test]
fn what_is_chosen_in_the_dialog_has_a_mark() {
    for width in [60, 80, 120] {
        let mut scene = Scene::finished();
        let shown = text(&screen(&mut scene, (width, 24), "w", "default-dark"));
        assert!(shown.contains("● JSONL"), "{shown}");
        assert!(shown.contains("○ Markdown"), "{shown}");
        assert!(shown.contains("● 8 shown"), "{shown}");
    }
    let mut scene = Scene::finished();
    let shown = text(&screen(&mut scene, (120, 24), "/x", "default-dark"));
    assert!(shown.contains("Ctrl-u clear"), "{shown}");
}

#[test]
fn while_a_filter_is_half_typed_it_says_what_the_list_shows() {
    let mut scene = Scene::finished();
    let shown = text(&screen(&mut scene, (80, 24), "/is:", "default-dark"));
    assert!(shown.contains("· showing: is ─"), "{shown}");
    let shown = text(&screen(&mut scene, (80, 24), "<c-u>~", "default-dark"));
    assert!(shown.contains("· showing all ─"), "{shown}");
    let rows = scene.app.list().rows().len();
    screen(&mut scene, (80, 24), "<c-u>is:failed", "default-dark");
    let fewer = scene.app.list().rows().len();
    assert!(fewer < rows, "{fewer} {rows}");
    scene.app.update(Msg::Paste(" in>".to_owned()));
    let shown = text(&screen(&mut scene, (60, 24), "", "default-dark"));
    assert!(shown.contains("· showing: is:failed"), "{shown}");
    assert_eq!(scene.app.list().rows().len(), fewer);
    // The frames' filter, too.
    screen(&mut scene, (80, 24), "<esc>&", "default-dark");
    scene.app.update(Msg::Paste("op:".to_owned()));
    let shown = text(&screen(&mut scene, (80, 24), "", "default-dark"));
    assert!(shown.contains("· showing all"), "{shown}");
}

#[test]
fn enter_goes_from_a_call_to_its_item_and_says_where_there_is_nothing() {
    let mut scene = Scene::finished();
    let size = (160, 50);
    screen(&mut scene, size, "g}3g", "default-dark");
    let line = |scene: &Scene, pane| {
        let line = scene.app.sheet(pane).unwrap().current();
        line.map(text_of).unwrap()
    };
    for _ in 0..20 {
        if !line(&scene, Pane::Output).starts_with("⚙ ") {
            scene.press("j");
        }
    }
    screen(&mut scene, size, "<enter>", "default-dark");
    assert_eq!(
        (scene.app.focus(), scene.app.tab()),
        (Pane::Payload, Tab::Response)
    );
    let item = line(&scene, Pane::Payload);
    assert!(
        item.contains("call") && item.contains("exec_command"),
        "{item}"
    );
    let said = |scene: &Scene| scene.app.toast().map(|toast| toast.text.clone());
    assert_eq!(said(&scene), None);
    screen(&mut scene, size, "2g<enter>", "default-dark");
    assert_eq!(said(&scene).as_deref(), Some("nothing to open here"));
    let mut empty = Scene::new();
    empty.press("<enter>");
    assert_eq!(said(&empty).as_deref(), Some("nothing to open here"));
}
