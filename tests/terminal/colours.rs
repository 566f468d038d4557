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
