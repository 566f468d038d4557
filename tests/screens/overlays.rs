//! The diff with the turn before, and the session tree.

use codextap::app::Overlay;
use codextap::app::focus::Pane;
use crossterm::event::{MouseButton, MouseEventKind};
use serde_json::json;

use super::scene::Scene;
use super::{check, screen, text};

const SIZES: [(u16, u16); 4] = [(60, 24), (80, 24), (120, 40), (200, 50)];

/// A session whose last turn differs from the one before it in everything.
fn changed() -> Scene {
    let mut scene = Scene::finished();
    scene.changed_turn(|request| {
        request["model"] = json!("gpt-5.1-codex-max");
        request["reasoning"]["effort"] = json!("high");
        request["instructions"] =
            json!("You are Codex, a coding agent.\nWork in tiny steps and test each.\nBe brief.");
        request["tools"][0]["parameters"]["properties"]["cwd"] = json!({"type": "string"});
        request["tools"][2] = json!({"type": "custom", "name": "view_image"});
        let items = request["input"].as_array_mut().unwrap();
        items[1]["content"][0]["text"] = json!("List the files\u{1b}[31m of the crate");
        items.push(
            json!({"type": "function_call", "call_id": "call_1", "name": "exec_command",
            "arguments": "{\"cmd\":\"cargo test parser\"}"}),
        );
        items.push(json!({"type": "function_call_output", "call_id": "call_1",
            "output": "Process exited with code 0\nOutput:\n12 passed\n"}));
    });
    scene.wait(0);
    scene
}

#[test]
fn the_diff_tells_what_changed_since_the_turn_before() {
    for size in SIZES {
        check("diff", changed(), size, "d");
    }
}

#[test]
fn a_diff_without_a_turn_before_says_so() {
    let mut scene = Scene::finished();
    let first = text(&screen(&mut scene, (80, 24), "gjd", "default-dark"));
    assert!(
        first.contains("No turn of its thread was captured before"),
        "{first}"
    );
    let side = text(&screen(&mut scene, (80, 24), "K", "default-dark"));
    assert!(side.contains("Not a model turn"), "{side}");
    screen(&mut scene, (80, 24), "<esc>", "default-dark");
    assert_eq!(
        (scene.app.overlay(), scene.app.focus()),
        (None, Pane::Requests)
    );
    let empty = text(&screen(&mut Scene::new(), (80, 24), "d", "default-dark"));
    assert!(empty.contains("no flow is selected"), "{empty}");
}

#[test]
fn the_diff_scrolls_folds_and_goes_from_turn_to_turn() {
    let mut scene = changed();
    let size = (80, 24);
    screen(&mut scene, size, "d", "default-dark");
    assert_eq!(scene.app.overlay(), Some(Overlay::Diff));
    screen(&mut scene, size, "G", "default-dark");
    let page = scene.app.page();
    let last = page.rows().len() - 1;
    assert_eq!(page.scroll().cursor, last);
    assert!(page.scroll().top > 0);
    screen(&mut scene, size, "g6<esc>", "default-dark");
    assert_eq!(scene.app.page().scroll().cursor, 0);
    // The head of the settings folds them away.
    let shown = text(&screen(&mut scene, size, "jjjj<enter>", "default-dark"));
    assert!(
        shown.contains("▸ Settings") && !shown.contains("effort"),
        "{shown}"
    );
    let shown = text(&screen(&mut scene, size, "c", "default-dark"));
    assert!(
        shown.contains("▾ Settings") && shown.contains("effort"),
        "{shown}"
    );
    let before = scene.app.selected().unwrap().id;
    let shown = text(&screen(&mut scene, size, "{", "default-dark"));
    assert_ne!(scene.app.selected().unwrap().id, before);
    assert!(!shown.contains("Settings"), "{shown}");
    let help = text(&screen(&mut scene, size, "?", "default-dark"));
    assert!(help.contains("Move down"), "{help}");
    screen(&mut scene, size, "<esc>", "default-dark");
    assert_eq!(scene.app.overlay(), Some(Overlay::Diff));
    screen(&mut scene, size, "d", "default-dark");
    assert_eq!(scene.app.overlay(), None);
}

#[test]
fn the_session_tree_stands_on_the_selected_turn() {
    for size in SIZES {
        check("sessions", Scene::finished(), size, "s");
    }
}

#[test]
fn enter_in_the_tree_goes_to_a_turn_or_filters_by_what_is_above_it() {
    let mut scene = Scene::finished();
    let size = (120, 40);
    screen(&mut scene, size, "s", "default-dark");
    let newest = scene.app.selected().unwrap().id;
    screen(&mut scene, size, "kk<enter>", "default-dark");
    assert_eq!(scene.app.overlay(), None);
    assert_ne!(scene.app.selected().unwrap().id, newest);
    // A session's row stands for all its flows.
    screen(&mut scene, size, "sg<enter>", "default-dark");
    assert_eq!(scene.app.filter(), "session=0195-session");
    let rows = scene.app.list().rows().len();
    assert!((3..8).contains(&rows), "{rows}");
    // What the filter hides is shown all the same once it is chosen.
    let shown = text(&screen(&mut scene, size, "sG", "default-dark"));
    assert!(shown.contains("no session is told"), "{shown}");
    screen(&mut scene, size, "<enter>", "default-dark");
    assert_eq!(scene.app.filter(), "");
    assert_eq!(scene.app.selected().unwrap().gist, "Explain everything");
}

#[test]
fn the_tree_folds_and_is_left_with_esc() {
    let mut scene = Scene::finished();
    let size = (120, 40);
    screen(&mut scene, size, "s", "default-dark");
    let all = scene.app.tree().len();
    screen(&mut scene, size, "C", "default-dark");
    let heads = scene.app.tree().len();
    assert!(heads < all, "{heads} {all}");
    screen(&mut scene, size, "C", "default-dark");
    assert_eq!(scene.app.tree().len(), all);
    screen(&mut scene, size, "gc", "default-dark");
    assert!(scene.app.tree().len() < all);
    screen(&mut scene, size, "c", "default-dark");
    assert_eq!(scene.app.tree().len(), all);
    screen(&mut scene, size, "<esc>", "default-dark");
    assert_eq!(scene.app.overlay(), None);
}

#[test]
fn the_mouse_scrolls_and_selects_in_overlays() {
    let mut scene = changed();
    let size = (60, 12);
    let click = MouseEventKind::Down(MouseButton::Left);
    screen(&mut scene, size, "d", "default-dark");
    scene.mouse(MouseEventKind::ScrollDown, (20, 5));
    assert_eq!(scene.app.page().scroll().top, 3);
    scene.mouse(click, (20, 2));
    assert_eq!(scene.app.page().scroll().cursor, 4);
    // The tree has a line of titles above its rows.
    screen(&mut scene, size, "sg", "default-dark");
    scene.mouse(click, (20, 4));
    assert_eq!(scene.app.tree().scroll().cursor, 2);
    scene.mouse(MouseEventKind::ScrollDown, (20, 5));
    assert!(scene.app.tree().scroll().top > 0);
    assert_eq!(scene.app.overlay(), Some(Overlay::Sessions));
}

#[test]
fn the_tree_takes_in_what_comes_and_keeps_its_cursor() {
    let mut scene = Scene::finished();
    let size = (120, 40);
    screen(&mut scene, size, "sg", "default-dark");
    let rows = scene.app.tree().len();
    scene.streamed_turn("One more", "main", true);
    scene.wait(0);
    assert!(scene.app.is_animating(), "or nothing would show it");
    scene.wait(2_000);
    screen(&mut scene, size, "", "default-dark");
    assert_eq!(scene.app.tree().len(), rows + 1);
    assert_eq!(scene.app.tree().scroll().cursor, 0);
    scene.wait(10_000);
    screen(&mut scene, size, "", "default-dark");
    assert!(!scene.app.is_animating());
}
