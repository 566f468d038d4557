//! Which colours reach the terminal: what it has, what `NO_COLOR` and `--color` say, and the user's own themes.

use std::fs;

use tempfile::TempDir;

use crate::support::pty::Window;

/// What a run is told, and what it writes: sequences of SGR (ISO 6429 §8.3.117, ISO 8613-6).
struct Run {
    /// Variables and options.
    told: &'static str,
    /// Parts of sequences that come, and that do not.
    comes: &'static [&'static str],
    not: &'static [&'static str],
}

const fn run(
    told: &'static str,
    comes: &'static [&'static str],
    not: &'static [&'static str],
) -> Run {
    Run { told, comes, not }
}

const RGB: &str = "38;2;";
const INDEXED: &str = "38;5;";
/// crossterm writes the terminal's own colours as the first of the 256.
const OWN: &str = INDEXED;

const RUNS: &[Run] = &[
    run(
        "TERM=xterm COLORTERM=truecolor --theme=midnight",
        &[RGB],
        &[],
    ),
    run("TERM=xterm-direct --theme=midnight", &[RGB], &[]),
    run("TERM=xterm-256color --theme=midnight", &[INDEXED], &[RGB]),
    run("TERM=xterm --theme=midnight", &[OWN], &[RGB]),
    run("TERM=linux COLORTERM= --theme=paper", &[OWN], &[RGB]),
    run("TERM=xterm COLORTERM=24bit", &[OWN], &[RGB]),
    run(
        "TERM=xterm COLORTERM=24bit NO_COLOR=1 --theme=midnight",
        &[],
        &[RGB, INDEXED],
    ),
    run(
        "TERM=xterm COLORTERM=24bit NO_COLOR= --theme=midnight",
        &[RGB],
        &[],
    ),
    run(
        "TERM=xterm COLORTERM=24bit NO_COLOR=1 --color=always --theme=midnight",
        &[RGB],
        &[],
    ),
    run(
        "TERM=xterm COLORTERM=24bit --color=never --theme=midnight",
        &[],
        &[RGB, INDEXED],
    ),
    run(
        "TERM=xterm COLORTERM=24bit --theme=mine",
        &["38;2;1;2;3"],
        &[],
    ),
    run(
        "TERM=xterm COLORTERM=24bit CODEXTAP_THEME=ember",
        &["38;2;9;8;7"],
        &[],
    ),
];

#[test]
fn only_the_colours_that_there_are_and_are_wanted_are_written() {
    let home = TempDir::new().unwrap();
    let themes = home.path().join(".config/codextap/themes");
    fs::create_dir_all(&themes).unwrap();
    let accent =
        |colour: &str| format!("[scopes]\n\"ui\" = \"{colour}\"\n\"text\" = \"{colour}\"\n");
    fs::write(themes.join("mine.toml"), accent("#010203")).unwrap();
    let ember = format!("inherits = \"ember\"\n{}", accent("#090807"));
    fs::write(themes.join("ember.toml"), ember).unwrap();
    fs::copy("tests/fixtures/demo.jsonl", home.path().join("demo.jsonl")).unwrap();
    for Run { told, comes, not } in RUNS {
        let (variables, options): (Vec<_>, Vec<_>) =
            told.split(' ').partition(|word| !word.starts_with("--"));
        let program = [env!("CARGO_BIN_EXE_codextap"), "open", "demo.jsonl"];
        let line = [&variables[..], &program, &options].concat();
        let mut window = Window::run("env", line, (120, 40), home.path());
        window.shows(&["Requests", "16 flows"]);
        window.press("Q");
        let written = String::from_utf8_lossy(&window.written).into_owned();
        for part in *comes {
            assert!(written.contains(part), "{told}: no {part}");
        }
        for part in *not {
            assert!(!written.contains(part), "{told}: {part}");
        }
    }
}

/// The accents of the themes that go with a dark and a light terminal.
const CYAN: u8 = 6;
const BLUE: u8 = 4;
/// Asks the terminal for its background (OSC 11).
const QUESTION: &[u8] = b"\x1b]11;?\x1b\\";

/// The demo's capture, opened with these variables and options.
fn opened(told: &str, home: &TempDir) -> Window {
    let file = home.path().join("demo.jsonl");
    fs::copy("tests/fixtures/demo.jsonl", file).unwrap();
    let words = told.split(' ').filter(|word| !word.is_empty());
    let (variables, options): (Vec<_>, Vec<_>) = words.partition(|word| !word.starts_with("--"));
    let program = [env!("CARGO_BIN_EXE_codextap"), "open", "demo.jsonl"];
    let line = [&variables[..], &program, &options].concat();
    let mut window = Window::run("env", line, (120, 40), home.path());
    window.shows(&["Requests", "16 flows"]);
    window
}

fn is_asked(window: &Window) -> bool {
    let mut parts = window.written.windows(QUESTION.len());
    parts.any(|part| part == QUESTION)
}

#[test]
fn the_theme_goes_by_what_the_terminal_answers_whenever_it_does() {
    for (answer, accent) in [
        ("\x1b]11;rgb:ffff/ffff/ffff\x1b\\", BLUE),
        ("\x1b]11;rgb:fd/f6/e3\x07", BLUE),
        ("\x1b]11;rgb:1e1e/1e1e/2e2e\x1b\\", CYAN),
        ("\x1b]11;rgb:zz/zz/zz\x07", CYAN),
        ("\x1b]11;garbage;?;q\x1b\\", CYAN),
        ("", CYAN),
    ] {
        let home = TempDir::new().unwrap();
        let mut window = opened("", &home);
        assert!(is_asked(&window));
        // No first frame waits for an answer, and no key.
        window.is_framed_in(CYAN);
        window.press(&format!("?{answer}"));
        window.shows(&["Move down"]);
        window.press("?");
        window.until("no help", |screen| !screen.contains("Move down"));
        window.is_framed_in(accent);
        // Nothing of it was taken for keys.
        window.press("?");
        window.shows(&["Move down"]);
        window.press("Q");
        assert!(window.ends().success());
    }
}

#[test]
fn the_terminal_is_asked_only_where_its_answer_counts() {
    for (told, asked) in [
        ("", true),
        ("--theme=auto", true),
        ("CODEXTAP_THEME=auto", true),
        ("--theme=midnight", false),
        ("NO_COLOR=1", false),
        ("--color=never", false),
        ("NO_COLOR=1 --color=always", true),
    ] {
        let home = TempDir::new().unwrap();
        let window = opened(told, &home);
        assert_eq!(is_asked(&window), asked, "{told}");
    }
}

#[test]
fn a_hint_in_the_environment_holds_until_the_terminal_answers() {
    let home = TempDir::new().unwrap();
    let mut window = opened("COLORFGBG=0;15", &home);
    window.is_framed_in(BLUE);
    window.press("\x1b]11;rgb:0000/0000/0000\x1b\\");
    window.is_framed_in(CYAN);
    // Who chose a theme is not overruled.
    let mut window = opened("", &home);
    window.press(":theme midnight\r");
    window.until("no prompt", |screen| !screen.contains("midnight"));
    window.press("\x1b]11;rgb:ffff/ffff/ffff\x1b\\?");
    window.shows(&["Move down"]);
    let written = String::from_utf8_lossy(&window.written);
    assert!(!written.contains("[38;5;4m"), "{written:?}");
}
