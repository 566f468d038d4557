//! What keys do: panes, counts, the prompt.

use std::path::Path;

use codextap::app::focus::Pane;
use codextap::app::leaf::text_of;
use codextap::app::{Effect, Msg, Outcome, Stream};
use codextap::content::Tab;
use codextap::filter::Filter;
use crossterm::event::{MouseButton, MouseEventKind};
use ratatui::style::Modifier;

use super::scene::Scene;
use super::{row_of, screen};

#[test]
fn each_digit_goes_to_its_pane_whatever_was_typed_before() {
    let mut scene = Scene::finished();
    scene.app.prepare((160, 50));
    for (keys, pane) in [
        ("2", Pane::Payload),
        ("3", Pane::Output),
        ("45", Pane::Frames),
        ("1", Pane::Requests),
    ] {
        scene.press(keys);
        assert_eq!(scene.app.focus(), pane, "{keys}");
    }
    scene.press("G2j");
    scene.app.prepare((160, 50));
    let row = scene.app.sheet(Pane::Payload).unwrap().scroll().cursor;
    assert_eq!(row, 1, "the digit of a pane is no count");
}

#[test]
fn counts_begin_with_a_digit_that_is_no_pane() {
    let mut scene = Scene::finished();
    scene.app.prepare((160, 50));
    let row = |scene: &Scene| scene.app.list().scroll().cursor;
    scene.press("g6j");
    assert_eq!(row(&scene), 6);
    scene.press("05k");
    assert_eq!(row(&scene), 1);
    scene.press("6<esc>j");
    assert_eq!(row(&scene), 2, "Esc takes a count back");
    assert_eq!(scene.app.focus(), Pane::Requests);
}

#[test]
fn the_prompt_shows_its_cursor() {
    let mut scene = Scene::finished();
    let is_reversed = |scene: &mut Scene, keys: &str| {
        let buf = screen(scene, (80, 24), keys, "default-dark");
        let cells = (0..80).filter(|x| {
            let cell = &buf[(*x, 23)];
            cell.modifier.contains(Modifier::REVERSED)
        });
        cells.collect::<Vec<_>>()
    };
    assert_eq!(is_reversed(&mut scene, "/日b"), [6]);
    assert_eq!(is_reversed(&mut scene, "<c-a>"), [3]);
}

#[test]
fn a_huge_paste_is_cut_and_drawn() {
    let mut scene = Scene::finished();
    scene.press("/");
    scene.app.update(Msg::Paste("日本 ".repeat(200_000)));
    let text = scene.app.prompt().unwrap().text();
    assert!((4_000..=4_096).contains(&text.len()), "{}", text.len());
    let buf = screen(&mut scene, (80, 24), "x", "default-dark");
    assert!(row_of(&buf, 23).contains("日本"));
    assert!(scene.app.prompt().unwrap().text().len() <= 4_096);
}

#[test]
fn earlier_filters_come_back_with_the_arrows() {
    let mut scene = Scene::finished();
    scene.press("/one<enter>/<c-u>two<enter>/<c-u>new<up>");
    let text = |scene: &Scene| scene.app.prompt().unwrap().text().to_owned();
    assert_eq!(text(&scene), "two");
    scene.press("<up><up>");
    assert_eq!(text(&scene), "one");
    scene.press("<down><down>");
    assert_eq!(text(&scene), "new");
}

#[test]
fn tab_goes_through_what_may_be_written_and_esc_takes_it_back() {
    let mut scene = Scene::finished();
    let text = |scene: &Scene| scene.app.prompt().unwrap().text().to_owned();
    let offers = |scene: &Scene| {
        let offer = scene.app.prompt().unwrap().offer();
        offer.map(|offer| (offer.chosen(), offer.candidates().len()))
    };
    scene.press("/mod<tab>");
    assert_eq!((text(&scene), offers(&scene)), ("model:".into(), None));
    scene.press("<tab>");
    assert_eq!(text(&scene), "model:gpt-5.1-codex");
    scene.press("<c-u>is:<tab><tab>");
    assert_eq!(
        (text(&scene), offers(&scene)),
        ("is:failed".into(), Some((1, 11)))
    );
    assert_eq!(scene.app.filter(), "is:failed", "shown while it is chosen");
    scene.press("<shift-tab><shift-tab>");
    assert_eq!(
        (text(&scene), offers(&scene)),
        ("is:warmup".into(), Some((10, 11)))
    );
    scene.press("<esc>");
    assert_eq!((text(&scene), offers(&scene)), ("is:".into(), None));
    scene.press("<shift-tab> a");
    assert_eq!((text(&scene), offers(&scene)), ("is:warmup a".into(), None));
    scene.press("<c-u>zebra<tab>");
    assert_eq!((text(&scene), offers(&scene)), ("zebra".into(), None));
    // In the middle of the text, too.
    scene.press("<c-u> | b<c-a>is:li<tab>");
    assert_eq!(text(&scene), "is:live | b");
    assert_eq!(scene.app.prompt().unwrap().cursor(), 7);
}

#[test]
fn saved_filters_are_named_in_the_prompt_and_at_the_start() {
    let mut scene = Scene::named(&[("bad", "is:failed"), ("good", "!@bad")]);
    scene.streamed_turn("Why?", "main", true);
    scene.refused();
    scene.wait(7_000);
    let shown = |scene: &Scene| scene.app.list().rows().len();
    let all = shown(&scene);
    scene.press("/@b<tab><enter>");
    assert_eq!((scene.app.filter(), shown(&scene)), ("@bad", 1));
    scene.press("/<c-u>@good<enter>");
    assert_eq!((scene.app.filter(), shown(&scene)), ("@good", all - 1));
    scene.press("/<c-u>@goood");
    let problem = scene.app.prompt().unwrap().problem().unwrap();
    assert_eq!(problem.span, 0..6);
    assert!(
        problem.message.contains("did you mean @good?"),
        "{}",
        problem.message
    );
}

#[test]
fn a_flow_is_copied_as_its_line_of_the_capture() {
    let mut scene = Scene::finished();
    scene.app.prepare((120, 40));
    let effects = scene.press("gjY");
    let [Effect::Copy(line)] = effects.as_slice() else {
        panic!("{effects:?}");
    };
    let flow = scene.app.selected().unwrap();
    let expected = codextap::capture::line(flow, scene.app.store()).unwrap();
    assert_eq!(line.as_bytes(), expected);
}

#[test]
fn a_filter_that_takes_long_is_applied_between_keys() {
    let mut scene = Scene::finished();
    let mut flow = scene.app.selected().unwrap().clone();
    flow.response.body.push(&vec![b'a'; 100_000]);
    for number in 0..40 {
        let mut flow = flow.clone();
        if number % 4 == 0 {
            flow.response.body.push(b"needle");
        }
        scene.app.store_mut().push(flow);
    }
    scene.wait(0);
    scene.press("/~b needle");
    assert!(scene.app.is_busy());
    assert_eq!(scene.app.list().rows().len(), 48, "the list stands");
    scene.press("<enter>w");
    assert!(scene.app.dialog().is_none(), "what passes is not known yet");
    let mut steps = 0;
    while scene.app.is_busy() {
        scene.app.work();
        steps += 1;
    }
    assert!(steps > 5, "{steps}");
    scene.app.prepare((80, 24));
    assert_eq!(scene.app.list().rows().len(), 10);
    scene.press("w");
    assert!(scene.app.dialog().is_some());
}

#[test]
fn the_next_error_is_shown_with_what_came_back() {
    let mut scene = Scene::finished();
    scene.app.prepare((120, 40));
    scene.press("ge");
    assert!(scene.app.selected().unwrap().is_error());
    assert_eq!(scene.app.tab(), Tab::Response);
    scene.press("[");
    assert_eq!(scene.app.tab(), Tab::Request);
}

#[test]
fn the_next_tool_call_is_shown_with_what_came_back() {
    let mut scene = Scene::finished();
    scene.app.prepare((120, 40));
    scene.press("gt");
    let calls = |scene: &Scene| {
        let turn = scene.app.selected().unwrap().turn.as_ref().unwrap();
        turn.calls().count()
    };
    let row = |scene: &Scene| scene.app.list().scroll().cursor;
    assert_eq!((calls(&scene), row(&scene)), (1, 1));
    assert_eq!(scene.app.tab(), Tab::Response);
    // The connection has none.
    scene.press("t");
    assert_eq!((calls(&scene), row(&scene)), (1, 3));
    scene.press("T");
    assert_eq!(row(&scene), 1);
    scene.press("T");
    assert_eq!(row(&scene), 1);
    assert_eq!(scene.app.toast().unwrap().text, "no previous tool call");
}

#[test]
fn keys_go_to_the_next_turn_with_reasoning_and_show_it() {
    let mut scene = Scene::finished();
    screen(&mut scene, (120, 40), "g)", "default-dark");
    let row = |scene: &Scene| scene.app.list().scroll().cursor;
    assert_eq!((row(&scene), scene.app.focus()), (1, Pane::Requests));
    assert!(scene.app.sheet(Pane::Reasoning).is_some_and(has_reasoning));
    // The next row is a connection, and what failed thought nothing.
    scene.press("3))");
    assert_eq!((row(&scene), scene.app.focus()), (4, Pane::Reasoning));
    scene.press("9)");
    assert_eq!(row(&scene), 5);
    scene.press(")");
    assert_eq!(said(&scene), "no next reasoning");
    scene.press("(");
    assert_eq!(row(&scene), 4);
    // One that still streams has not told what it used.
    scene.streamed_turn("Now write a test for it, please", "main", false);
    scene.wait(0);
    scene.press("9)");
    assert!(scene.app.selected().unwrap().is_live());
}

fn has_reasoning(leaf: &codextap::app::leaf::Leaf) -> bool {
    let text = leaf.document().lines.iter().map(text_of);
    text.collect::<String>().contains("summary 1")
}

/// What the newest message says.
fn said(scene: &Scene) -> &str {
    scene.app.toast().map_or("", |toast| &toast.text)
}

#[test]
fn frames_are_not_wrapped_and_that_is_said() {
    let mut scene = Scene::finished();
    scene.app.prepare((160, 50));
    scene.press("5b");
    assert_eq!(said(&scene), "frames are one line each");
}

#[test]
fn what_the_list_is_sorted_by_is_said() {
    let mut scene = Scene::finished();
    scene.app.prepare((120, 40));
    scene.press("ot<enter>");
    assert_eq!(said(&scene), "sorted by took ▼");
    scene.press("O");
    assert_eq!(said(&scene), "sorted by took ▲");
    let click = MouseEventKind::Down(MouseButton::Left);
    scene.mouse(click, (5, 1));
    assert_eq!(said(&scene), "in the order of arrival, as a tree");
}

#[test]
fn a_key_that_copies_nothing_says_which_do() {
    let mut scene = Scene::finished();
    scene.app.prepare((120, 40));
    assert_eq!(scene.press("2yx"), []);
    let parts = "y line, v value, p path, s section, a all";
    assert_eq!(said(&scene), format!("x copies nothing: {parts}"));
    scene.press("yy");
    scene.press("y<esc>");
    assert_eq!(
        said(&scene),
        format!("x copies nothing: {parts}"),
        "as before"
    );
}

#[test]
fn keys_go_to_where_another_agent_takes_over() {
    let mut scene = Scene::finished();
    scene.streamed_turn("Review it once more", "review", true);
    scene.streamed_turn("Thank you", "main", true);
    scene.wait(0);
    scene.app.prepare((120, 40));
    let gist = |scene: &Scene| scene.app.selected().unwrap().gist.clone();
    scene.press("kkA");
    assert_eq!(gist(&scene), "日本語で説明してください 🙂");
    scene.press("a");
    assert_eq!(gist(&scene), "Review the change of the parser");
    scene.press("a");
    assert_eq!(gist(&scene), "Thank you");
    // Of the last two, no thread is told.
    scene.press("aa");
    assert_eq!(scene.app.toast().unwrap().text, "no next agent");
}

#[test]
fn keys_go_from_flow_to_flow_and_turn_to_turn_without_leaving_the_pane() {
    let mut scene = Scene::finished();
    scene.app.prepare((120, 40));
    let row = |scene: &Scene| scene.app.list().scroll().cursor;
    scene.press("g3J");
    assert_eq!((row(&scene), scene.app.focus()), (1, Pane::Output));
    scene.press("K");
    assert_eq!((row(&scene), scene.app.focus()), (0, Pane::Output));
    // The third row is a connection, and no turn.
    scene.press("}}");
    assert_eq!((row(&scene), scene.app.focus()), (3, Pane::Output));
    scene.press("}{{");
    assert_eq!(row(&scene), 1);
    assert!(scene.press("E").is_empty());
    assert_eq!(scene.app.toast().unwrap().text, "no previous error");
}

#[test]
fn a_key_for_tabs_first_brings_the_payload() {
    let mut scene = Scene::finished();
    scene.app.prepare((80, 24));
    scene.press("5]");
    assert_eq!(
        (scene.app.focus(), scene.app.tab()),
        (Pane::Payload, Tab::Request)
    );
    scene.press("]");
    assert_eq!(scene.app.tab(), Tab::Response);
}

#[test]
fn esc_in_the_list_clears_the_filter() {
    let mut scene = Scene::finished();
    scene.app.prepare((80, 24));
    scene.press("/zebra<enter>");
    assert!(scene.app.list().rows().is_empty());
    scene.press("<esc>");
    assert_eq!((scene.app.filter(), scene.app.list().rows().len()), ("", 8));
}

#[test]
fn the_latest_filter_is_cleared_and_restored_whatever_was_cleared_before() {
    let mut scene = Scene::finished();
    scene.press("f~e<enter>\\f~q<enter>");
    assert_eq!(scene.app.filter(), "~q");
    for filter in ["", "~q", "", "~q"] {
        scene.press("\\");
        assert_eq!(scene.app.filter(), filter);
    }
}

#[test]
fn a_stream_is_begun_with_the_filter_in_force_and_stopped_by_the_same_key() {
    let mut scene = Scene::finished();
    scene.press("/parser<enter>");
    let effects = scene.press("W<c-u>x.jsonl<enter>");
    let [Effect::Stream { path, filter }] = &effects[..] else {
        panic!("{effects:?}")
    };
    assert_eq!(path, Path::new("x.jsonl"));
    assert_eq!(filter.as_deref(), Filter::parse("parser").ok().as_ref());
    // A save that ends meanwhile is none of its business.
    scene.app.update(Msg::Done(Outcome::Saved {
        path: "y.jsonl".into(),
        count: 1,
    }));
    scene.app.update(Msg::Done(Outcome::StreamFailed {
        path: "x.jsonl".into(),
        error: "cannot write x.jsonl: no room".to_owned(),
    }));
    let problem = scene.app.prompt().and_then(|prompt| prompt.problem());
    assert_eq!(problem.unwrap().message, "cannot stream: no room");
    assert!(matches!(
        scene.press("<enter>")[..],
        [Effect::Stream { .. }]
    ));
    scene.app.status_mut().stream = Some(Stream {
        path: "x.jsonl".to_owned(),
        problem: None,
    });
    assert_eq!(scene.press("W"), [Effect::EndStream]);
    scene.app.status_mut().stream = None;
    scene.press("\\");
    let effects = scene.press("W<enter>");
    assert!(matches!(effects[..], [Effect::Stream { filter: None, .. }]));
}
