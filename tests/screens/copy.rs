//! Copying parts of a text, and cutting long lines.

use codextap::app::focus::Pane;
use codextap::app::leaf::text_of;
use codextap::app::{Effect, Msg};

use super::scene::Scene;
use super::{check, screen};

const SIZE: (u16, u16) = (80, 24);

/// What these keys put into the clipboard.
fn copied(scene: &mut Scene, keys: &str) -> Option<String> {
    scene.app.prepare(SIZE);
    let mut effects = scene.press(keys);
    scene.app.prepare(SIZE);
    while let Some(effect) = effects.pop() {
        match effect {
            Effect::Copy(text) => return Some(text),
            Effect::Extract(extract) => {
                effects.extend(scene.app.update(Msg::Extracted(extract.run())));
            }
            _ => {}
        }
    }
    None
}

/// Puts the payload's cursor onto the line that begins so.
fn go_to(scene: &mut Scene, start: &str) {
    scene.press("g");
    let is_there = |scene: &Scene| {
        let line = scene.app.sheet(Pane::Payload).unwrap().current();
        text_of(line.unwrap()).starts_with(start)
    };
    for _ in 0..40 {
        if is_there(scene) {
            return;
        }
        scene.press("j");
    }
    panic!("there is no line {start}");
}

#[test]
fn what_is_meant_is_copied_folded_or_not() {
    let mut scene = Scene::finished();
    screen(&mut scene, SIZE, "2z", "default-dark");
    let instructions = "You are Codex, a coding agent.\nWork in small steps and test each.";
    go_to(&mut scene, "Instructions");
    let line = copied(&mut scene, "yy").unwrap();
    assert!(line.starts_with("Instructions 65 chars"), "{line}");
    assert_eq!(copied(&mut scene, "yv").as_deref(), Some(instructions));
    assert_eq!(
        copied(&mut scene, "yp").as_deref(),
        Some("request/instructions")
    );
    let section = copied(&mut scene, "ys").unwrap();
    assert!(section.starts_with("Instructions 65 chars"), "{section}");
    assert!(section.contains("Work in small steps"), "{section}");
    assert!(!section.contains("Input"), "{section}");
    let all = copied(&mut scene, "ya").unwrap();
    assert!(
        all.contains("Work in small steps") && all.contains("Input 2 items"),
        "{all}"
    );
    assert_eq!(copied(&mut scene, "y<esc>"), None);
    assert!(!scene.app.is_copying());
    assert_eq!(
        scene.app.focus(),
        Pane::Payload,
        "Esc leaves no more than the menu"
    );
    assert_eq!(
        copied(&mut scene, "1y").as_deref(),
        Some("Review the change of the parser")
    );
}

#[test]
fn a_line_within_a_section_is_of_that_section() {
    let mut scene = Scene::finished();
    screen(&mut scene, SIZE, "2z", "default-dark");
    go_to(&mut scene, "Instructions");
    screen(&mut scene, SIZE, "<enter>", "default-dark");
    go_to(&mut scene, "  Work in small");
    assert_eq!(
        copied(&mut scene, "yv").as_deref(),
        Some("Work in small steps and test each.")
    );
    let section = copied(&mut scene, "ys").unwrap();
    assert!(
        section.starts_with("Instructions") && section.contains("You are"),
        "{section}"
    );
    go_to(&mut scene, "Input");
    let section = copied(&mut scene, "ys").unwrap();
    assert!(section.starts_with("Input"), "{section}");
}

#[test]
fn the_keys_for_copying_are_told() {
    check("copy", Scene::finished(), SIZE, "3y");
    check("copy", Scene::finished(), (40, 10), "3y");
    check("copy", Scene::finished(), (160, 50), "3y");
}

#[test]
fn long_lines_are_cut_if_wanted() {
    let mut scene = Scene::finished();
    screen(&mut scene, SIZE, "4z", "default-dark");
    let rows = |scene: &Scene| scene.app.sheet(Pane::Reasoning).unwrap().rows().len();
    let wrapped = rows(&scene);
    screen(&mut scene, SIZE, "b", "default-dark");
    assert!(rows(&scene) < wrapped);
    check("cut", scene, SIZE, "");
    let mut scene = Scene::finished();
    screen(&mut scene, SIZE, "4zbb", "default-dark");
    assert_eq!(rows(&scene), wrapped);
}
