//! The dialog that saves and exports.

use std::path::Path;

use codextap::app::{
    Effect, Field, Form, Msg, Note, Outcome, Overlay, Preview, Question, Save, Which,
};
use codextap::capture::Existing;

use super::scene::Scene;
use super::{check, screen};

const SIZES: [(u16, u16); 5] = [(40, 10), (60, 24), (80, 24), (120, 40), (200, 50)];

/// The dialog once it is known what the file begins with.
fn previewed(keys: &str) -> Scene {
    let mut scene = Scene::finished();
    scene.app.prepare((120, 40));
    scene.press(keys);
    let line = r#"{"v":1,"kind":"http","id":"a1","request":{"method":"POST","path":"/v1/responses","headers":[["authorization","Bearer <redacted:3fa9c1d2>"],["x-evil","[31m"]]"#;
    scene.app.update(Msg::Previewed(Preview {
        round: 1,
        text: format!("{line}\n{line}\n"),
        masked: 12,
        flows: 1,
    }));
    scene
}

/// What is to be written, after these keys.
fn saved(scene: &mut Scene, keys: &str) -> Save {
    let effects = scene.press(keys);
    match effects.last() {
        Some(Effect::Save(save)) => save.clone(),
        _ => panic!("{effects:?}"),
    }
}

fn problem(scene: &Scene) -> String {
    match scene.app.dialog().and_then(|dialog| dialog.note()) {
        Some(Note::Problem(problem)) => problem.clone(),
        note => panic!("{note:?}"),
    }
}

#[test]
fn the_dialog_shows_what_is_written_and_what_of_it_is_masked() {
    for size in SIZES {
        check("export", previewed("kkmx"), size, "");
    }
    check("export-form", previewed("x"), (80, 24), "");
    check("export-flows", previewed("x"), (60, 24), "<down>");
    let mut scene = previewed("w");
    let path = Path::new("/home/me/a-very-long-directory/of-captures/kept.jsonl").to_owned();
    scene.press("<enter>");
    scene.app.update(Msg::Done(Outcome::Exists { path }));
    for size in [(40, 10), (80, 24)] {
        check("overwrite", scene, size, "");
        scene = previewed("w<enter>");
        let path = "kept.jsonl".into();
        scene.app.update(Msg::Done(Outcome::Exists { path }));
    }
    let mut scene = previewed("w<enter>");
    scene.app.update(Msg::Written(4));
    check("writing", scene, (80, 24), "");
}

#[test]
fn rows_choose_the_form_the_flows_and_the_file() {
    let mut scene = Scene::finished();
    screen(&mut scene, (80, 24), "kkmx", "default-dark");
    let dialog = |scene: &Scene| scene.app.dialog().unwrap().clone();
    assert_eq!(dialog(&scene).form(), Form::Markdown);
    assert_eq!(dialog(&scene).choices().0.len(), 3);
    let ends_in = |scene: &Scene| {
        let path = Path::new(dialog(scene).path().text()).to_owned();
        path.extension().unwrap().to_owned()
    };
    assert_eq!(ends_in(&scene), "md");
    let effects = scene.press("<left>");
    assert!(matches!(
        effects[..],
        [Effect::Preview {
            form: Form::Har,
            ..
        }]
    ));
    assert_eq!(ends_in(&scene), "har");
    let effects = scene.press("<down><right>");
    assert!(matches!(&effects[..], [Effect::Preview { flows, .. }] if flows.len() == 8));
    let (choices, chosen) = dialog(&scene).choices();
    assert_eq!(choices[chosen], (Which::Shown, 8));
    // What is typed is a name, whatever the row.
    let save = saved(&mut scene, "~/x.har<enter>");
    assert_eq!((save.form, save.flows.len()), (Form::Har, 8));
    assert_eq!(save.path, Path::new("~/x.har"));
    assert_eq!(save.existing, Existing::Keep);
    assert_eq!(scene.app.overlay(), None);
    // Esc always leaves.
    scene.press("w<up><esc>");
    assert!(scene.app.overlay().is_none() && scene.app.dialog().is_none());
}

#[test]
fn what_is_typed_first_replaces_the_name_and_a_key_that_moves_keeps_it() {
    let name = |scene: &Scene| scene.app.dialog().unwrap().path().text().to_owned();
    let mut scene = Scene::finished();
    scene.press("w");
    let given = name(&scene);
    scene.press("new");
    assert_eq!(name(&scene), "new");
    scene.press("<esc>w<end>x");
    assert_eq!(name(&scene), format!("{given}x"));
    scene.press("<esc>w<backspace>x");
    assert_eq!(name(&scene), format!("{}x", &given[..given.len() - 1]));
    // The form of an export changes the end of the name, and no more.
    scene.press("<esc>x<right>y");
    assert_eq!(name(&scene), "y");
}

#[test]
fn an_export_begins_with_its_form_and_a_save_with_its_file() {
    let mut scene = Scene::finished();
    for (key, title, field) in [
        ("x", "Export flows", Field::Form),
        ("<esc>w", "Save flows", Field::Path),
    ] {
        scene.press(key);
        let dialog = scene.app.dialog().unwrap();
        assert_eq!((dialog.title(), dialog.field()), (title, field));
    }
}

#[test]
fn tab_completes_the_name_of_the_file() {
    let mut scene = Scene::finished();
    scene.press("w<c-u>~/ca");
    let effects = scene.press("<tab>");
    assert_eq!(effects, [Effect::Complete("~/ca".to_owned())]);
    let names = ["~/capture.jsonl", "~/captures/"].map(str::to_owned);
    let completed = Msg::Completed("~/ca".to_owned(), names.to_vec());
    scene.app.update(completed);
    let dialog = scene.app.dialog().unwrap();
    assert_eq!(dialog.path().text(), "~/capture");
    let told = Note::Candidates("capture.jsonl  captures".to_owned());
    assert_eq!(dialog.note(), Some(&told));
    // What comes too late is of no use.
    scene.press("x");
    scene.app.update(Msg::Completed(
        "~/capture".to_owned(),
        vec!["no".to_owned()],
    ));
    assert_eq!(scene.app.dialog().unwrap().path().text(), "~/capturex");
}

#[test]
fn a_save_that_failed_asks_again_and_overwrites_only_after_a_question() {
    let mut scene = Scene::finished();
    let save = saved(&mut scene, "w<enter>");
    let name = save.path.display().to_string();
    assert!(name.starts_with("codextap-2026-11-20-"), "{name}");
    assert_eq!(scene.app.writing(), Some((0, 8)));
    let error = format!("cannot write {name}: no room");
    let path = save.path.clone();
    scene
        .app
        .update(Msg::Done(Outcome::SaveFailed { path, error }));
    assert_eq!(problem(&scene), "cannot save: no room");
    assert!(scene.app.toast().is_none() && scene.app.writing().is_none());
    assert_eq!(saved(&mut scene, "<enter>"), save);
    let path = save.path.clone();
    scene
        .app
        .update(Msg::Done(Outcome::Exists { path: path.clone() }));
    assert_eq!(
        scene.app.question(),
        Some(&Question::Overwrite(path.clone()))
    );
    assert!(scene.press("n").is_empty(), "it stays as it is");
    assert_eq!(scene.app.overlay(), Some(Overlay::Dialog));
    assert_eq!(problem(&scene), "cannot save: the file exists");
    scene.press("<enter>");
    scene
        .app
        .update(Msg::Done(Outcome::Exists { path: path.clone() }));
    assert!(scene.press("<enter>").is_empty(), "Enter is no yes");
    scene.press("<enter>");
    scene
        .app
        .update(Msg::Done(Outcome::Exists { path: path.clone() }));
    let save = saved(&mut scene, "y");
    assert_eq!(
        (save.existing, scene.app.overlay()),
        (Existing::Replace, None)
    );
    scene
        .app
        .update(Msg::Done(Outcome::Saved { path, count: 8 }));
    assert!(scene.app.dialog().is_none() && scene.app.writing().is_none());
    assert!(
        scene
            .app
            .toast()
            .unwrap()
            .text
            .starts_with("saved 8 flows to ")
    );
}

#[test]
fn the_palette_saves_to_what_stands_behind_the_command() {
    let mut scene = Scene::finished();
    scene.app.prepare((80, 24));
    let save = saved(&mut scene, ":save a b.txt<enter>");
    assert_eq!(
        (save.form, save.path.as_path()),
        (Form::Jsonl, Path::new("a b.txt"))
    );
    for (name, form) in [
        ("x.har", Form::Har),
        ("x.otlp.jsonl", Form::Otlp),
        ("x.sh", Form::Curl),
    ] {
        let save = saved(&mut scene, &format!(":export {name}<enter>"));
        assert_eq!((save.form, save.flows.len()), (form, 1));
    }
    assert!(scene.press(":export x<enter>").is_empty());
    let problem = scene.app.palette().problem().unwrap();
    assert!(problem.starts_with("the name tells no form"), "{problem}");
    // With nothing to save, it says so.
    let mut scene = Scene::new();
    scene.press("x");
    assert_eq!(scene.app.toast().unwrap().text, "nothing to save");
}
