//! Every key of the table of commands is pressed.

use codextap::app::action::Action;
use codextap::app::focus::Pane;

use super::scene::Scene;
use super::{row_of, screen};

/// A key as [`Scene::press`] takes it.
fn pressed(key: &str) -> String {
    match key {
        "pagedown" => "<pgdn>".to_owned(),
        "pageup" => "<pgup>".to_owned(),
        _ => match key.strip_prefix("ctrl-") {
            Some(letter) => format!("<c-{letter}>"),
            None if key.chars().count() == 1 => key.to_owned(),
            None => format!("<{key}>"),
        },
    }
}

#[test]
fn every_key_does_something_or_says_why_not() {
    const SIZE: (u16, u16) = (120, 40);
    let mut idle = Vec::new();
    for action in Action::ALL {
        let pane = Pane::ALL
            .into_iter()
            .find(|pane| action.scope().contains(*pane));
        for key in action.keys() {
            let mut scene = Scene::finished();
            scene.app.prepare(SIZE);
            // A row in the middle, one that is marked, and a filter to clear.
            scene.press("gjjjm");
            match action {
                Action::ToggleFilter => {
                    scene.press("f~m POST<enter>");
                }
                Action::Requests | Action::Back => {
                    scene.press("3");
                }
                _ => {
                    let number = pane.map_or(1, |pane| pane as usize + 1);
                    scene.press(&number.to_string());
                }
            }
            let shown = |scene: &mut Scene| -> Vec<String> {
                let buf = screen(scene, SIZE, "", "mono");
                let styles = buf
                    .content
                    .iter()
                    .map(|cell| format!("{:?}", cell.modifier));
                let rows = (0..SIZE.1).map(|y| row_of(&buf, y));
                rows.chain([styles.collect()]).collect()
            };
            let before = shown(&mut scene);
            let effects = scene.press(&pressed(key));
            if effects.is_empty() && shown(&mut scene) == before {
                idle.push(format!("{key} ({})", action.name()));
            }
        }
    }
    assert!(idle.is_empty(), "{idle:#?}");
}
