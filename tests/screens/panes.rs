//! What the panes keep, and when the screen rests.

use codextap::app::focus::Pane;
use codextap::flow::{Flow, FlowKind, State};

use super::scene::Scene;
use super::{row_of, screen};

#[test]
fn another_tab_of_the_payload_moves_no_other_pane() {
    let mut scene = Scene::finished();
    let size = (160, 50);
    screen(&mut scene, size, "gj", "default-dark");
    screen(&mut scene, size, "5jjj", "default-dark");
    let before = scene.app.sheet(Pane::Frames).unwrap().scroll();
    assert_eq!(before.cursor, 3);
    screen(&mut scene, size, "]", "default-dark");
    assert_eq!(scene.app.sheet(Pane::Frames).unwrap().scroll(), before);
}

#[test]
fn an_open_connection_that_rests_lets_the_screen_rest() {
    let mut scene = Scene::new();
    scene.socket(false);
    scene.wait(100);
    let buf = screen(&mut scene, (120, 40), "g", "default-dark");
    assert!(!scene.app.is_animating());
    let row = row_of(&buf, 2);
    assert!(row.contains('◎') && row.contains("open"), "{row}");
    let mut scene = Scene::live();
    screen(&mut scene, (120, 40), "", "default-dark");
    assert!(scene.app.is_animating());
}

#[test]
fn an_upgrade_refused_in_favour_of_http_is_no_error_and_shows_the_refusal() {
    let mut scene = Scene::new();
    scene.refused_upgrade(426);
    scene.wait(0);
    assert_eq!(scene.app.list().totals().failed, 0);
    assert_eq!(scene.app.store().flows()[0].state(), State::Partial);
    let mut text = |keys: &str| {
        let buf = screen(&mut scene, (160, 50), keys, "default-dark");
        (0..50).map(|y| row_of(&buf, y) + "\n").collect::<String>()
    };
    let request = text("2");
    assert!(!request.contains("its turns stand below"), "{request}");
    let response = text("]");
    assert!(response.contains("use HTTP instead"), "{response}");
    let raw = text("]]");
    assert!(raw.contains("use HTTP instead"), "{raw}");
}

#[test]
fn any_other_refused_upgrade_is_an_error() {
    let mut scene = Scene::new();
    scene.refused_upgrade(403);
    scene.wait(0);
    assert_eq!(scene.app.list().totals().failed, 1);
    scene.press("/~e<enter>");
    assert_eq!(scene.app.list().rows().len(), 1);
}

#[test]
fn a_connection_that_was_closed_early_has_a_sign_of_its_own() {
    let scene = Scene::finished();
    let flows = scene.app.store().flows();
    let flow = flows.iter().find(|flow| flow.kind == FlowKind::Ws);
    let mut flow = Flow::clone(flow.unwrap());
    assert_eq!(flow.state(), State::Complete);
    flow.close.as_mut().unwrap().code = Some(1011);
    assert_eq!((flow.state(), flow.is_error()), (State::Partial, false));
}
