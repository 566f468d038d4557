//! Searching the text of a pane.

use codextap::app::focus::Pane;
use codextap::app::leaf::text_of;
use codextap::content::Tab;

use super::scene::Scene;
use super::{check, row_of, screen};

const SIZE: (u16, u16) = (80, 24);

/// The focused pane's title with what is looked for, and the text of the line under the cursor.
fn found(scene: &mut Scene, keys: &str) -> (String, String) {
    screen(scene, SIZE, keys, "default-dark");
    let pane = scene.app.focus();
    let count = scene.app.match_count(pane);
    let count = count.map(|(current, count)| format!("{}/{count}", current.unwrap_or_default()));
    let line = scene.app.sheet(pane).unwrap().current().map(text_of);
    (
        count.unwrap_or_default(),
        line.unwrap_or_default().trim().to_owned(),
    )
}

fn toast(scene: &Scene) -> Option<&str> {
    scene.app.toast().map(|toast| toast.text.as_str())
}

#[test]
fn matches_are_marked_and_counted_while_typing() {
    for size in [(80, 24), (160, 50)] {
        check("search", Scene::finished(), size, "3/line");
        check("search-wrong", Scene::finished(), size, "3/(line");
        check("search-kept", Scene::finished(), size, "5z/output<enter>");
    }
}

#[test]
fn matches_are_gone_to_round_and_round() {
    let mut scene = Scene::finished();
    screen(&mut scene, SIZE, "5", "default-dark");
    let (first, line) = found(&mut scene, "/added<enter>");
    assert!(
        first.starts_with("1/") && line.contains("added"),
        "{first} {line}"
    );
    let count: usize = first[2..].parse().unwrap();
    assert!(count > 1);
    assert_eq!(toast(&scene), None);
    assert_eq!(found(&mut scene, "n").0, format!("2/{count}"));
    assert_eq!(found(&mut scene, "N").0, format!("1/{count}"));
    assert_eq!(found(&mut scene, "N").0, format!("{count}/{count}"));
    assert_eq!(toast(&scene), Some("went on from the end"));
    assert_eq!(found(&mut scene, "n").0, format!("1/{count}"));
    assert_eq!(toast(&scene), Some("went on from the top"));
    assert_eq!(
        found(&mut scene, "Gn").0,
        format!("1/{count}"),
        "from the cursor"
    );
    scene.press("<esc>");
    assert_eq!(scene.app.sought(Pane::Frames), None);
    assert_eq!(scene.app.focus(), Pane::Frames);
    scene.press("n");
    assert_eq!(
        toast(&scene),
        Some("nothing is looked for here: / begins a search")
    );
}

#[test]
fn what_is_folded_is_unfolded_on_the_way_and_folded_again_when_the_search_is_left() {
    let mut scene = Scene::finished();
    screen(&mut scene, SIZE, "2", "default-dark");
    let lines = |scene: &Scene| scene.app.sheet(Pane::Payload).unwrap().document().clone();
    let before = lines(&scene);
    let text = |scene: &Scene| -> String {
        let document = lines(scene);
        document
            .lines
            .iter()
            .map(|line| text_of(line) + "\n")
            .collect()
    };
    assert!(!text(&scene).contains("small steps"));
    let (count, line) = found(&mut scene, "/small steps");
    assert_eq!(count, "1/1");
    assert!(line.contains("small steps"), "{line}");
    let (count, _) = found(&mut scene, "xyz");
    assert_eq!(count, "0/0");
    assert_eq!(lines(&scene), before, "no match leaves all as it was");
    found(&mut scene, "<backspace><backspace><backspace>");
    assert!(text(&scene).contains("small steps"));
    found(&mut scene, "<esc>");
    assert_eq!(lines(&scene), before);
    assert_eq!(scene.app.sought(Pane::Payload), None);
}

#[test]
fn esc_restores_the_place_and_the_search_before() {
    let mut scene = Scene::finished();
    screen(&mut scene, SIZE, "5", "default-dark");
    found(&mut scene, "/created<enter>G");
    let place = scene.app.sheet(Pane::Frames).unwrap().scroll();
    found(&mut scene, "/delta");
    assert_ne!(scene.app.sheet(Pane::Frames).unwrap().scroll(), place);
    found(&mut scene, "<esc>");
    assert_eq!(scene.app.sheet(Pane::Frames).unwrap().scroll(), place);
    assert_eq!(scene.app.sought(Pane::Frames), Some("created"));
}

#[test]
fn the_slash_filters_in_the_list_and_f_does_from_anywhere() {
    let mut scene = Scene::finished();
    screen(&mut scene, SIZE, "/parser<enter>", "default-dark");
    assert_eq!(scene.app.filter(), "parser");
    screen(&mut scene, SIZE, "3f<c-u>crate<enter>", "default-dark");
    assert_eq!(scene.app.filter(), "crate");
    assert_eq!(scene.app.sought(Pane::Output), None);
}

#[test]
fn a_search_goes_along_to_other_flows_and_tabs() {
    let mut scene = Scene::finished();
    screen(&mut scene, SIZE, "2", "default-dark");
    let (request, _) = found(&mut scene, "/codex<enter>");
    assert_eq!(scene.app.tab(), Tab::Request);
    let (response, _) = found(&mut scene, "]");
    assert_ne!(request, response);
    let (_, line) = found(&mut scene, "n");
    assert!(line.to_lowercase().contains("codex"), "{line}");
    let (count, _) = found(&mut scene, "K");
    assert!(count.starts_with("0/"), "{count}");
}

#[test]
fn what_streams_in_is_found_a_second_later() {
    let mut scene = Scene::live();
    let (before, _) = found(&mut scene, "5/added<enter>");
    scene.one_more_event();
    let (count, _) = found(&mut scene, "");
    assert_eq!(count, before, "not at once");
    scene.wait(1_000);
    let (after, _) = found(&mut scene, "");
    let number = |count: &str| count.split_once('/').unwrap().1.parse::<usize>().unwrap();
    assert!(number(&after) > number(&before), "{before} {after}");
    let buf = screen(&mut scene, SIZE, "", "default-dark");
    let rows: String = (0..24).map(|y| row_of(&buf, y)).collect();
    assert!(rows.contains(&format!("{after} /added")), "{rows}");
}

#[test]
fn frames_are_filtered_while_it_is_typed() {
    let rows = |scene: &Scene| scene.app.sheet(Pane::Frames).unwrap().rows().len();
    let mut scene = Scene::finished();
    screen(&mut scene, SIZE, "5z", "default-dark");
    let all = rows(&scene);
    screen(&mut scene, SIZE, "&type:added", "default-dark");
    assert_eq!(rows(&scene), 5);
    screen(&mut scene, SIZE, "<esc>", "default-dark");
    assert_eq!((rows(&scene), scene.app.frames_filter()), (all, ""));
    screen(&mut scene, SIZE, "&dir:out<enter>", "default-dark");
    assert_eq!(rows(&scene), 1, "it says that there are none");
    screen(&mut scene, SIZE, "\\", "default-dark");
    assert_eq!(rows(&scene), all);
    screen(&mut scene, SIZE, "\\", "default-dark");
    assert_eq!(scene.app.frames_filter(), "dir:out");
    screen(&mut scene, SIZE, "&<c-u><enter>", "default-dark");
    assert_eq!(rows(&scene), all);
    for size in [(80, 24), (160, 50)] {
        check("frames-filter", Scene::finished(), size, "5z&type:added");
        check(
            "frames-filtered",
            Scene::finished(),
            size,
            "5z&type:added<enter>/call",
        );
    }
    // What is looked for is looked for in what is shown.
    assert_eq!(
        found(&mut scene, "&type:added<enter>g/added<enter>").0,
        "1/5"
    );
}
