//! The way back from what a line led to.

use codextap::app::focus::Pane;
use codextap::content::Tab;
use codextap::flow::{FlowId, FlowKind};

use super::scene::Scene;
use super::screen;

const SIZE: (u16, u16) = (120, 40);

/// Where the reader is: the flow, the pane, and the cursor in its text.
fn place(scene: &mut Scene) -> (FlowId, Pane, usize) {
    screen(scene, SIZE, "", "default-dark");
    let pane = scene.app.focus();
    let row = match scene.app.sheet(pane) {
        Some(leaf) => leaf.scroll().cursor,
        None => scene.app.list().scroll().cursor,
    };
    (scene.app.list().selected().unwrap(), pane, row)
}

/// On a frame of a turn in the timeline of its connection.
fn on_a_frame(keys: &str) -> Scene {
    let mut scene = Scene::finished();
    screen(&mut scene, SIZE, "gjj", "default-dark");
    assert_eq!(scene.app.selected().unwrap().kind, FlowKind::Ws);
    screen(&mut scene, SIZE, keys, "default-dark");
    let line = scene.app.sheet(Pane::Frames).unwrap().current().unwrap();
    assert!(line.flow.is_some(), "a frame of a turn");
    scene
}

#[test]
fn esc_leads_back_to_the_frame_of_the_connection_and_then_to_its_row() {
    for back in ["<esc>", "h", "q"] {
        let mut scene = on_a_frame("5jjj");
        scene.press("22");
        screen(&mut scene, SIZE, "]]5", "default-dark");
        let (tab, from) = (scene.app.tab(), place(&mut scene));
        screen(&mut scene, SIZE, "<enter>", "default-dark");
        let there = place(&mut scene);
        assert_eq!(there.1, Pane::Payload);
        assert_ne!(there.0, from.0, "the turn");
        screen(&mut scene, SIZE, back, "default-dark");
        assert_eq!((scene.app.tab(), place(&mut scene)), (tab, from), "{back}");
        assert_eq!(tab, Tab::Headers);
        screen(&mut scene, SIZE, back, "default-dark");
        assert_eq!(place(&mut scene), (from.0, Pane::Requests, 2), "{back}");
    }
}

#[test]
fn esc_leads_back_step_by_step() {
    let mut scene = on_a_frame("5jjj");
    let first = place(&mut scene);
    screen(&mut scene, SIZE, "<enter>5j", "default-dark");
    let second = place(&mut scene);
    // The same way twice is one step.
    screen(&mut scene, SIZE, "<enter>5<enter>", "default-dark");
    assert_eq!(place(&mut scene).1, Pane::Payload);
    for expected in [second, first, (first.0, Pane::Requests, 2)] {
        screen(&mut scene, SIZE, "<esc>", "default-dark");
        assert_eq!(place(&mut scene), expected);
    }
}

#[test]
fn a_pane_that_fills_the_screen_does_so_again_and_a_filter_that_hid_the_turn_holds_again() {
    let mut scene = on_a_frame("5zjjj");
    let from = place(&mut scene);
    screen(&mut scene, SIZE, "<enter>", "default-dark");
    assert!(scene.app.is_zoomed());
    screen(&mut scene, SIZE, "<esc>", "default-dark");
    assert_eq!((place(&mut scene), scene.app.is_zoomed()), (from, true));
    screen(&mut scene, SIZE, "<esc>", "default-dark");
    assert_eq!((place(&mut scene), scene.app.is_zoomed()), (from, false));
    // What fills the screen only since then does so no longer first.
    screen(&mut scene, SIZE, "<enter>z<esc>", "default-dark");
    assert_eq!(
        (scene.app.focus(), scene.app.is_zoomed()),
        (Pane::Payload, false)
    );

    let mut scene = on_a_frame("fclose=1000<enter>5jjj");
    let from = place(&mut scene);
    screen(&mut scene, SIZE, "<enter>", "default-dark");
    assert_eq!(scene.app.filter(), "");
    screen(&mut scene, SIZE, "<esc>", "default-dark");
    assert_eq!(place(&mut scene), from);
    assert_eq!(scene.app.filter(), "close=1000");
}

#[test]
fn whoever_goes_elsewhere_does_not_come_back() {
    for keys in ["J", "}", "15", "<tab><tab><tab><tab>5"] {
        let mut scene = on_a_frame("5jjj");
        screen(&mut scene, SIZE, "<enter>", "default-dark");
        screen(&mut scene, SIZE, keys, "default-dark");
        let flow = scene.app.list().selected();
        screen(&mut scene, SIZE, "<esc>", "default-dark");
        assert_eq!(
            (scene.app.list().selected(), scene.app.focus()),
            (flow, Pane::Requests),
            "{keys}"
        );
    }
}
