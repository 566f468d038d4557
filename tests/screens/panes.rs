//! What the panes keep, and when the screen rests.

use codextap::app::Msg;
use codextap::app::focus::Pane;
use codextap::app::leaf::text_of;
use codextap::content::Tab;
use codextap::flow::{Flow, FlowKind, State};
use crossterm::event::{MouseButton, MouseEventKind};

use super::scene::Scene;
use super::{row_of, screen, text};

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
fn keys_that_are_quicker_than_the_text_move_in_it_once_it_is_there() {
    let mut scene = Scene::finished();
    let size = (120, 20);
    screen(&mut scene, size, "g2", "default-dark");
    screen(&mut scene, size, "1G2Gk", "default-dark");
    let sheet = scene.app.sheet(Pane::Payload).unwrap();
    assert_eq!(sheet.scroll().cursor + 2, sheet.rows().len());
    screen(&mut scene, size, "z<esc>1gj", "default-dark");
    screen(&mut scene, (80, 24), "1gjj2zG", "default-dark");
    let sheet = scene.app.sheet(Pane::Payload).unwrap();
    assert_eq!(sheet.scroll().cursor + 1, sheet.rows().len());
    screen(&mut scene, size, "]Gg", "default-dark");
    assert_eq!(scene.app.sheet(Pane::Payload).unwrap().scroll().cursor, 0);
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

/// The text of the line under a pane's cursor.
fn line(scene: &Scene, pane: Pane) -> String {
    let current = scene.app.sheet(pane).unwrap().current();
    current.map(text_of).unwrap_or_default()
}

#[test]
fn a_frame_and_what_is_decoded_of_it_are_selected_together() {
    let mut scene = Scene::finished();
    let size = (160, 50);
    screen(&mut scene, size, "2]", "default-dark");
    screen(&mut scene, size, "5G", "default-dark");
    screen(&mut scene, size, "kk", "default-dark");
    assert!(line(&scene, Pane::Frames).contains("function_call_arguments.delta"));
    assert!(line(&scene, Pane::Output).contains("exec_command"));
    assert!(line(&scene, Pane::Payload).contains("exec_command"));
    screen(&mut scene, size, "gjjj", "default-dark");
    assert!(line(&scene, Pane::Frames).contains("reasoning_summary_text.delta"));
    assert!(line(&scene, Pane::Reasoning).contains("summary 1"));
    assert!(line(&scene, Pane::Payload).contains("reasoning"));
    // And the other way round.
    screen(&mut scene, size, "3g", "default-dark");
    assert!(line(&scene, Pane::Frames).contains("content_part.added"));
    screen(&mut scene, size, "jj", "default-dark");
    assert!(line(&scene, Pane::Frames).contains("content_part.added"));
    screen(&mut scene, size, "Gk", "default-dark");
    let frames = line(&scene, Pane::Frames);
    assert!(frames.contains("content_part.added"), "{frames}");
    screen(&mut scene, size, "k", "default-dark");
}

#[test]
fn enter_goes_from_a_frame_to_what_is_decoded_of_it() {
    let mut scene = Scene::finished();
    let size = (80, 24);
    screen(&mut scene, size, "5", "default-dark");
    screen(&mut scene, size, "Gkk<enter>", "default-dark");
    assert_eq!(scene.app.focus(), Pane::Payload);
    assert_eq!(scene.app.tab(), Tab::Response);
    assert!(line(&scene, Pane::Payload).contains("exec_command"));
    // From a connection to the turn that the frame is of.
    screen(&mut scene, size, "1kkk", "default-dark");
    assert_eq!(scene.app.selected().unwrap().kind, FlowKind::Ws);
    screen(&mut scene, size, "5", "default-dark");
    screen(&mut scene, size, "gj", "default-dark");
    assert!(line(&scene, Pane::Frames).contains("response.create"));
    screen(&mut scene, size, "<enter>", "default-dark");
    let kind = scene.app.selected().unwrap().kind;
    assert!(
        matches!(kind, FlowKind::WsTurn { number: 1, .. }),
        "{kind:?}"
    );
    assert_eq!(
        (scene.app.focus(), scene.app.tab()),
        (Pane::Payload, Tab::Request)
    );
    // What is no event stands in the raw text.
    screen(&mut scene, size, "1k5", "default-dark");
    screen(&mut scene, size, "G", "default-dark");
    assert!(line(&scene, Pane::Frames).contains("close"));
    screen(&mut scene, size, "<enter>", "default-dark");
    assert_eq!(scene.app.tab(), Tab::Raw);
    assert!(line(&scene, Pane::Payload).contains("close 1000"));
}

#[test]
fn many_frames_are_filled_in_between_keys() {
    let mut scene = Scene::finished();
    scene.socket(false);
    scene.wait(0);
    screen(&mut scene, (120, 40), "G", "default-dark");
    let id = scene.app.selected().unwrap().id;
    scene.app.store_mut().change(id, |flow| {
        let frame = flow.frames.last().unwrap().clone();
        flow.frames.resize(5_000, frame);
    });
    scene.app.update(Msg::Changed);
    scene.app.prepare((120, 40));
    screen(&mut scene, (120, 40), "5", "default-dark");
    let rows = |scene: &Scene| scene.app.sheet(Pane::Frames).unwrap().rows().len();
    assert!(rows(&scene) < 5_000 && scene.app.is_busy());
    let mut steps = 0;
    while scene.app.is_busy() {
        scene.app.work();
        steps += 1;
    }
    assert!(
        steps > 1 && rows(&scene) > 4_900,
        "{steps} {}",
        rows(&scene)
    );
}

#[test]
fn an_end_without_a_close_frame_is_a_row_that_is_found_and_opened() {
    let mut scene = Scene::new();
    scene.socket(false);
    scene.end();
    scene.wait(0);
    let size = (120, 40);
    let filter = "g5&op:close close=1006<enter>";
    screen(&mut scene, size, filter, "default-dark");
    screen(&mut scene, size, "G", "default-dark");
    let frames = scene.app.sheet(Pane::Frames).unwrap();
    assert_eq!(scene.app.frames_shown().1, 1);
    let row = frames.current().map(text_of).unwrap();
    assert!(
        row.contains("⏻") && row.contains("ended without close"),
        "{row}"
    );
    screen(&mut scene, size, "<enter>", "default-dark");
    assert_eq!(
        (scene.app.focus(), scene.app.tab()),
        (Pane::Payload, Tab::Headers)
    );
}

#[test]
fn a_narrow_timeline_tells_what_frames_are_before_when() {
    let mut scene = Scene::finished();
    let shown = text(&screen(&mut scene, (40, 10), "gj5", "default-dark"));
    assert!(
        shown.contains("← event      146 B response.creat"),
        "{shown}"
    );
    let shown = text(&screen(&mut scene, (60, 24), "", "default-dark"));
    assert!(shown.contains("  0.310  +0.310 ← event"), "{shown}");
}

#[test]
fn a_click_on_the_sign_of_a_section_opens_and_closes_it() {
    let mut scene = Scene::finished();
    let size = (80, 24);
    let shown = text(&screen(&mut scene, size, "2", "default-dark"));
    let row = shown.lines().position(|line| line.contains("▸ Tools 3"));
    let row = row.unwrap() as u16;
    let click = MouseEventKind::Down(MouseButton::Left);
    for (column, sign) in [(2, '▾'), (2, '▸'), (9, '▸')] {
        scene.mouse(click, (column, row));
        let shown = text(&screen(&mut scene, size, "", "default-dark"));
        assert!(shown.contains(&format!("{sign} Tools 3")), "{shown}");
    }
}
