//! The request list: its tree, its order, and the cursor, which stays where it is.

use codextap::app::layout::{Edge, Shape};
use codextap::app::{Effect, Msg, Overlay};
use codextap::flow::FlowKind;
use crossterm::event::{MouseButton, MouseEventKind};
use ratatui::layout::Position;

use super::scene::Scene;
use super::{check, row_of, screen};

const SIZE: (u16, u16) = (120, 40);

/// The rows of the list after these keys, without borders and the cursor's mark.
fn rows(scene: &mut Scene, keys: &str) -> Vec<String> {
    let buf = screen(scene, SIZE, keys, "default-dark");
    let area = scene.app.layout().panes[0].inner();
    let rows = (area.y..area.bottom()).map(|y| {
        let row = row_of(&buf, y).replace('▌', " ");
        row.trim_matches('│').trim_end().to_owned()
    });
    rows.filter(|row| !row.is_empty()).collect()
}

/// What the flows of the list are about, in order.
fn gists(scene: &Scene) -> Vec<String> {
    let rows = scene.app.list().rows().iter();
    rows.map(|id| scene.app.store().summary(*id).unwrap().gist.to_string())
        .collect()
}

/// On which row of the screen the cursor is, and what is there.
fn cursor(scene: &Scene) -> (usize, String) {
    let scroll = scene.app.list().scroll();
    let gist = scene.app.selected().unwrap().gist.clone();
    (scroll.cursor - scroll.top, gist)
}

#[test]
fn flows_hang_below_their_thread_and_fold() {
    let mut scene = Scene::finished();
    let tree = rows(&mut scene, "g");
    let has = |rows: &[String], text: &str| rows.iter().any(|row| row.contains(text));
    for text in [
        "▾ Why does the parser",
        "├ ▾ GET /v1/responses",
        "│ ├ List the files",
        "│ └ 日本語",
        "└ review Review",
    ] {
        assert!(has(&tree, text), "{text}: {tree:#?}");
    }
    // In the connection, its turns go; with the cursor on its last turn.
    let folded = rows(&mut scene, "jjjjc");
    assert!(has(&folded, "├ ▸ GET /v1/respo… · 2 turns"), "{folded:#?}");
    assert_eq!(folded.len(), tree.len() - 2);
    assert_eq!(cursor(&scene).1, "GET /v1/responses");
    let whole = rows(&mut scene, "c");
    assert_eq!(whole, tree, "and the cursor is on the turn again");
    let folded = rows(&mut scene, "kkkc");
    assert!(has(&folded, "▸ Why does the pa"), "{folded:#?}");
    assert!(!has(&folded, "Review"));
    assert!(has(&rows(&mut scene, "C"), "▸ Why"));
    let whole = rows(&mut scene, "C");
    assert_eq!(whole.len(), tree.len());
    assert_eq!(cursor(&scene).1, "Why does the parser drop the last line?");
}

#[test]
fn side_channels_fold_away_but_for_what_failed() {
    let mut scene = Scene::finished();
    scene.side_channel();
    scene.failed_side_channel();
    scene.wait(0);
    let all = rows(&mut scene, "g").len();
    let few = rows(&mut scene, ".");
    assert_eq!(few.len(), all - 2);
    assert!(few.iter().any(|row| row.contains("/v1/files")), "{few:#?}");
    let top = row_of(&screen(&mut scene, SIZE, "", "default-dark"), 0);
    assert!(top.contains("2 side hidden"), "{top}");
    assert_eq!(rows(&mut scene, ".").len(), all);
    // On one of them, the key for folding does the same.
    assert_eq!(rows(&mut scene, "gc").len(), all - 2);
}

#[test]
fn the_cursor_stays_on_its_flow_and_its_row_of_the_screen() {
    let mut scene = Scene::finished();
    for _ in 0..30 {
        scene.incomplete();
    }
    scene.wait(0);
    screen(&mut scene, SIZE, "G8k", "default-dark");
    let there = cursor(&scene);
    let flow = scene.app.list().selected();
    // These come above it, in the thread, and at the end.
    scene.streamed_turn("One more of the thread", "main", true);
    scene.refused();
    scene.wait(0);
    screen(&mut scene, SIZE, "", "default-dark");
    assert_eq!(
        (cursor(&scene), scene.app.list().selected()),
        (there.clone(), flow)
    );
    // A filter that hides it leaves the cursor near; without, it is there again.
    screen(&mut scene, SIZE, "/parser<enter>", "default-dark");
    assert_ne!(scene.app.list().selected(), flow);
    screen(&mut scene, SIZE, "<esc>", "default-dark");
    assert_eq!(scene.app.list().selected(), flow);
    for keys in ["ot<enter>", "O", "ot<esc>", "."] {
        screen(&mut scene, SIZE, keys, "default-dark");
        assert_eq!(scene.app.list().selected(), flow, "{keys}");
    }
    for size in [(40, 10), (300, 100), (200, 50), (60, 24), (20, 5), SIZE] {
        screen(&mut scene, size, "", "default-dark");
        assert_eq!(scene.app.list().selected(), flow, "{size:?}");
    }
}

#[test]
fn the_list_is_sorted_by_the_column_that_is_chosen_or_clicked() {
    let mut scene = Scene::live();
    let natural = gists(&scene);
    let took = rows(&mut scene, "ot<enter>");
    assert!(took[0].contains("▼took"), "{}", took[0]);
    let sorted = gists(&scene);
    assert_eq!(sorted[0], "GET /v1/responses", "the longest");
    assert_eq!(
        sorted.last().unwrap(),
        "Now write a test for it, please",
        "it goes on"
    );
    let durations = |scene: &Scene| {
        let rows = scene.app.list().rows().iter();
        rows.filter_map(|id| scene.app.store().summary(*id).unwrap().duration())
            .collect::<Vec<_>>()
    };
    assert!(durations(&scene).is_sorted_by(|one, other| one >= other));
    let back = rows(&mut scene, "O");
    assert!(back[0].contains("▲took"), "{}", back[0]);
    assert!(durations(&scene).is_sorted());
    assert_eq!(gists(&scene).last(), sorted.last());
    // One that comes now has its place too.
    scene.refused();
    scene.wait(0);
    assert!(durations(&scene).is_sorted());
    assert_eq!(durations(&scene).len(), 9);

    let header = scene.app.layout().panes[0].inner();
    let click = |scene: &mut Scene, title: &str| {
        let row = row_of(&screen(scene, SIZE, "", "default-dark"), header.y);
        let before = [' ', '▲', '▼'].map(|sign| row.find(&format!("{sign}{title}")));
        let at = before.into_iter().flatten().next().unwrap();
        let x = row[..at].chars().count() as u16 + 1;
        scene.mouse(MouseEventKind::Down(MouseButton::Left), (x, header.y));
        row_of(&screen(scene, SIZE, "", "default-dark"), header.y)
    };
    assert!(click(&mut scene, "out").contains("▼out"));
    assert!(click(&mut scene, "out").contains("▲out"));
    assert!(click(&mut scene, "about").contains("▲out"), "not by that");
    assert!(click(&mut scene, "model").contains("model ▲"));
    let row = click(&mut scene, "time");
    assert!(!row.contains('▲') && !row.contains('▼'), "{row}");
    assert_eq!(
        gists(&scene)[..natural.len() - 1],
        natural[..natural.len() - 1]
    );
    // Where the column has no room, the border says what the list is sorted by.
    let narrow = screen(&mut scene, (60, 24), "occ<enter>", "default-dark");
    assert!(
        row_of(&narrow, 0).contains("▼cost"),
        "{}",
        row_of(&narrow, 0)
    );
}

#[test]
fn the_menu_sorts_at_once_and_esc_takes_it_back() {
    let mut scene = Scene::finished();
    screen(&mut scene, SIZE, "ot<enter>O", "default-dark");
    let header = |scene: &mut Scene, keys: &str| rows(scene, keys).swap_remove(0);
    let before = gists(&scene);
    assert!(header(&mut scene, "os").contains("▼size"), "a letter");
    assert!(header(&mut scene, "j").contains("▼cod"));
    assert!(header(&mut scene, "O").contains("▲cod"));
    assert_eq!(scene.app.overlay(), Some(Overlay::Sort));
    assert!(header(&mut scene, "<esc>").contains("▲took"));
    assert_eq!((scene.app.overlay(), gists(&scene)), (None, before));
    // Letters that several titles begin with go round.
    assert!(header(&mut scene, "oc").contains("▼cache"));
    assert!(header(&mut scene, "c").contains("▼cost"));
    assert!(header(&mut scene, "cc").contains("▼cache"));
    assert!(header(&mut scene, "<enter>").contains("▼cache"));
    assert_eq!(scene.app.overlay(), None);
    // The mouse chooses, and beside the menu it leaves it.
    let click = MouseEventKind::Down(MouseButton::Left);
    screen(&mut scene, SIZE, "o", "default-dark");
    let menu = scene.app.place_of_text(Overlay::Sort);
    scene.mouse(click, (menu.x, menu.y + 1));
    assert!(header(&mut scene, "").contains("▼took"));
    scene.mouse(click, (1, 1));
    assert!(header(&mut scene, "").contains("▼cache"));
    assert_eq!(scene.app.overlay(), None);
}

#[test]
fn a_connection_is_as_large_as_what_it_carries() {
    let mut scene = Scene::finished();
    let store = scene.app.store();
    let is_of = |kind: FlowKind| matches!(kind, FlowKind::Ws | FlowKind::WsTurn { .. });
    let flows: Vec<_> = store.summaries().filter(|flow| is_of(flow.kind)).collect();
    let all: u64 = flows.iter().map(|flow| flow.wire_len).sum();
    let connection = flows.iter().find(|flow| flow.kind == FlowKind::Ws).unwrap();
    let (own, id) = (connection.wire_len, connection.id);
    assert!(flows.len() == 3 && all > 2 * own, "{all} {own}");
    let shown = rows(&mut scene, "");
    let row = shown.iter().find(|row| row.contains("▾ GET")).unwrap();
    let size = codextap::content::format::bytes(all);
    assert!(row.contains(&size), "{size}: {row}");
    // By size, it stands before its turns.
    rows(&mut scene, "os<enter>");
    let place = |id| {
        let mut rows = scene.app.list().rows().iter();
        rows.position(|row| *row == id).unwrap()
    };
    for turn in scene.app.store().turns(id) {
        assert!(place(id) < place(*turn));
    }
}

#[test]
fn a_hundred_thousand_flows_are_sorted_between_keys() {
    let mut scene = Scene::finished();
    let flow = scene.app.selected().unwrap().clone();
    for number in 0..100_000_u64 {
        let mut flow = flow.clone();
        flow.ended = Some(
            flow.started
                .plus(std::time::Duration::from_micros((number * 7_919) % 100_003)),
        );
        scene.app.store_mut().push(flow);
    }
    scene.wait(0);
    let natural = scene.app.list().rows().to_vec();
    scene.press("ot<enter>");
    assert!(scene.app.is_busy());
    assert_eq!(scene.app.list().rows(), natural, "the list stands");
    let mut steps = 0;
    while scene.app.is_busy() {
        scene.app.work();
        steps += 1;
    }
    assert!(steps > 20, "{steps}");
    scene.app.prepare(SIZE);
    let took = |row: usize| {
        let id = scene.app.list().rows()[row];
        scene.app.store().summary(id).unwrap().duration()
    };
    assert!((1..1_000).all(|row| took(row - 1) >= took(row)));
}

#[test]
fn a_flow_that_is_followed_is_let_go_by_whoever_moves() {
    for keys in ["k", "v", "c", "gg"] {
        let mut scene = Scene::finished();
        screen(&mut scene, SIZE, keys, "default-dark");
        let before = scene.app.list().selected();
        scene.streamed_turn("Another", "main", true);
        scene.wait(0);
        assert_eq!(scene.app.list().selected(), before, "{keys}");
    }
}

#[test]
fn a_turn_that_is_followed_into_a_fold_has_the_cursor_at_its_head() {
    let mut scene = Scene::finished();
    screen(&mut scene, SIZE, "C", "default-dark");
    for text in ["Another", "And another"] {
        scene.streamed_turn(text, "main", true);
        scene.refused();
        scene.wait(0);
        screen(&mut scene, SIZE, "", "default-dark");
        assert_eq!(cursor(&scene).1, "And the first one?", "the newest of all");
    }
    scene.streamed_turn("And one more", "main", true);
    scene.wait(0);
    screen(&mut scene, SIZE, "", "default-dark");
    assert_eq!(cursor(&scene).1, "Why does the parser drop the last line?");
    screen(&mut scene, SIZE, "CF", "default-dark");
    assert_eq!(cursor(&scene).1, "And one more");
}

#[test]
fn borders_are_dragged_with_the_mouse() {
    let mut scene = Scene::finished();
    for size in [(200, 50), (100, 40)] {
        scene.app.prepare(size);
        let edges = match scene.app.layout().shape {
            Shape::Columns => &[Edge::List, Edge::Payload, Edge::Output, Edge::Frames][..],
            _ => &[Edge::List],
        };
        for edge in edges {
            let layout = scene.app.layout().clone();
            let mut cells = layout.body.positions();
            let from = cells.find(|at| layout.edge(*at) == Some(*edge)).unwrap();
            let to = Position::new(from.x + 2, from.y + 2);
            let left = MouseButton::Left;
            scene.mouse(MouseEventKind::Down(left), (from.x, from.y));
            scene.mouse(MouseEventKind::Drag(left), (to.x, to.y));
            scene.mouse(MouseEventKind::Up(left), (to.x, to.y));
            scene.app.prepare(size);
            let moved = scene.app.layout().clone();
            assert_ne!(moved, layout, "{edge:?}");
            // What is dragged without a border in hand moves nothing.
            scene.mouse(MouseEventKind::Drag(left), (from.x, from.y));
            scene.app.prepare(size);
            assert_eq!(*scene.app.layout(), moved, "{edge:?}");
        }
    }
}

#[test]
fn every_layout_has_its_list() {
    for size in [
        (40, 10),
        (60, 24),
        (80, 24),
        (120, 40),
        (200, 50),
        (300, 100),
    ] {
        check("list", Scene::live(), size, "k");
        check("list-sorted", Scene::live(), size, "of<enter>");
        check("sort", Scene::live(), size, "oc");
    }
    for size in [(80, 24), (200, 50)] {
        check("list-folded", Scene::live(), size, "C.");
    }
}

#[test]
fn turns_of_a_filter_stand_below_their_connection() {
    let mut scene = Scene::finished();
    rows(&mut scene, "/List<enter>");
    let kinds = scene
        .app
        .list()
        .rows()
        .iter()
        .map(|id| scene.app.store().summary(*id).unwrap().kind);
    let kinds: Vec<_> = kinds.collect();
    assert!(
        matches!(kinds[..], [FlowKind::Ws, FlowKind::WsTurn { .. }]),
        "{kinds:?}"
    );
}

#[test]
fn what_is_noted_about_a_flow_stands_in_its_row_and_above_its_payload() {
    let mut scene = Scene::live();
    let comment = "look \u{1b}[31mhere";
    scene.press(";");
    scene.app.update(Msg::Paste(comment.to_owned()));
    scene.press("<enter>");
    assert_eq!(
        scene.app.toast().unwrap().text,
        "the comment stays with the flow"
    );
    check("comment", scene, (120, 40), "");

    let mut scene = Scene::finished();
    scene.press(";done<enter>");
    let [Effect::Copy(line)] = &scene.press("Y")[..] else {
        panic!("no line");
    };
    assert!(line.ends_with(r#","comment":"done"}"#), "{line}");
    let text = &scene.app.toast().unwrap().text;
    assert!(text.contains("until the end"), "{text}");
    scene.press(";<esc>");
    let comment = |scene: &Scene| scene.app.selected().unwrap().comment.clone();
    assert_eq!(comment(&scene).as_deref(), Some("done"));
    scene.press(";<c-u><enter>");
    assert_eq!(comment(&scene), None);
    let mut empty = Scene::new();
    empty.press(";");
    assert_eq!(empty.app.toast().unwrap().text, "no flow is selected");
}
