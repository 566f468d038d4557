//! Leaving the program: what would be lost is asked about first.

use std::path::PathBuf;

use codextap::app::{App, Effect, Msg, Options, Outcome, Overlay, Stake};

use super::scene::Scene;
use super::{screen, text};

/// A finished session, as this program of these options has it.
fn session(options: Options) -> Scene {
    let mut scene = Scene::with(App::new(options));
    scene.streamed_turn("Why does the parser drop the last line?", "main", true);
    scene.wait(0);
    scene
}

#[test]
fn q_asks_before_a_comment_is_lost() {
    let unrecorded = Options::default();
    let opened = Options {
        is_proxy: false,
        capture: Some("a.jsonl".to_owned()),
        ..Options::default()
    };
    for options in [unrecorded, opened] {
        let mut scene = session(options);
        assert_eq!(scene.press(";mine<enter>"), []);
        assert_eq!(scene.press("q"), [], "it asks");
        assert_eq!(scene.app.stakes(), [Stake::Comments(1)]);
        let shown = text(&screen(&mut scene, (60, 24), "", "default-dark"));
        assert!(shown.contains("1 comment is in no file"), "{shown}");
        assert_eq!(scene.press("n"), []);
        assert_eq!(scene.app.overlay(), None);
        assert_eq!(scene.press("qy"), [Effect::Quit]);
        assert_eq!(scene.press("Q"), [Effect::Quit], "without asking");
        assert_eq!(scene.press(";<c-u><enter>q"), [Effect::Quit], "it is gone");
    }
}

#[test]
fn a_comment_that_is_saved_is_not_lost() {
    let mut scene = session(Options::default());
    scene.press(";mine<enter>");
    for keys in ["x<enter>", "w<enter>"] {
        scene.app.prepare((80, 24));
        assert_eq!(scene.app.stakes(), [Stake::Comments(1)], "{keys}");
        scene.press(keys);
        let path = PathBuf::from("a.jsonl");
        scene
            .app
            .update(Msg::Done(Outcome::Saved { path, count: 1 }));
    }
    assert_eq!(scene.app.stakes(), []);
    // What is noted while flows are being written is not in their file.
    scene.app.prepare((80, 24));
    scene.press(";!<enter>w<enter>;?<enter>");
    let path = PathBuf::from("b.jsonl");
    scene
        .app
        .update(Msg::Done(Outcome::Saved { path, count: 1 }));
    assert_eq!(scene.app.stakes(), [Stake::Comments(1)]);
}

#[test]
fn a_question_has_a_line_for_each_thing_at_stake() {
    let mut scene = Scene::live();
    scene.press("k;mine<enter>");
    for (size, keys) in [((40, 10), "q"), ((80, 24), "")] {
        let shown = text(&screen(&mut scene, size, keys, "default-dark"));
        assert_eq!(scene.app.overlay(), Some(Overlay::Confirm));
        for said in ["1 stream is live", "1 comment is in no file", "y quit"] {
            assert!(shown.contains(said), "{said} in {shown}");
        }
    }
}
