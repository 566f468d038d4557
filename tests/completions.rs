//! What shells complete, and manual pages.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use tempfile::TempDir;

const PROGRAM: &str = env!("CARGO_BIN_EXE_codextap");

/// What a program prints that must succeed.
fn printed(command: &mut Command, home: &Path) -> String {
    let command = command.current_dir(home).stdin(Stdio::null());
    let output = command.output().unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!(
        (errors.as_str(), output.status.code()),
        ("", Some(0)),
        "{command:?}"
    );
    String::from_utf8(output.stdout).unwrap()
}

fn codextap(home: &Path, arguments: &[&str]) -> String {
    let mut command = Command::new(PROGRAM);
    command.args(arguments).env_clear().env("HOME", home);
    printed(&mut command, home)
}

/// What bash offers for the last of these words, with the script that codextap prints.
fn offered(home: &Path, words: &[&str]) -> Vec<String> {
    let script = r#"
        PATH=$1:$PATH
        source <(codextap completions bash)
        shift
        COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMP_TYPE=9
        function=$(complete -p codextap | sed 's/.*-F \([^ ]*\) .*/\1/')
        "$function" codextap "${@: -1}" ""
        ((${#COMPREPLY[@]} == 0)) || printf '%s\n' "${COMPREPLY[@]}"
    "#;
    let mut command = Command::new("bash");
    let directory = Path::new(PROGRAM).parent().unwrap();
    let path = format!("{}:/usr/bin:/bin", directory.display());
    command
        .args(["--norc", "-c", script, "bash"])
        .arg(directory);
    command
        .args(words)
        .env_clear()
        .env("HOME", home)
        .env("PATH", path);
    let printed = printed(&mut command, home);
    printed.lines().map(str::to_owned).collect()
}

/// The commands in the program's help.
fn commands(home: &Path) -> Vec<String> {
    let help = codextap(home, &["-h"]);
    let list = help.split("Commands:\n").nth(1).unwrap();
    let list = list.split("\n\n").next().unwrap();
    let names = list.lines().filter(|line| !line.starts_with("   "));
    let names: Vec<_> = names
        .map(|line| line.split_whitespace().next().unwrap().to_owned())
        // That of another one, and no command of its own.
        .filter(|name| name != "help")
        .collect();
    assert!(names.len() >= 10, "{names:?}");
    names
}

/// The long options in a command's help.
fn options(help: &str) -> Vec<String> {
    let lines = help.lines().map(str::trim_start);
    let options = lines
        .filter(|line| line.starts_with('-'))
        .filter_map(|line| {
            let long = line.split("--").nth(1)?;
            let end = long.find(|letter: char| !letter.is_alphanumeric() && letter != '-');
            Some(format!("--{}", &long[..end.unwrap_or(long.len())]))
        });
    options.collect()
}

#[test]
fn bash_completes_every_command_and_option() {
    let home = TempDir::new().unwrap();
    let home = home.path();
    let names = commands(home);
    let found = offered(home, &["codextap", ""]);
    for name in &names {
        assert!(found.contains(name), "{name}: {found:?}");
    }
    assert_eq!(offered(home, &["codextap", "repo"]), ["report"]);
    for name in names
        .iter()
        .filter(|name| !["codex", "run"].contains(&name.as_str()))
    {
        let known = options(&codextap(home, &[name, "--help"]));
        assert!(known.contains(&"--help".to_owned()), "{name}: {known:?}");
        let found = offered(home, &["codextap", name, "--"]);
        for option in known {
            let has = found
                .iter()
                .any(|found| found.trim_end_matches('=') == option);
            assert!(has, "{name} {option}: {found:?}");
        }
    }
}

#[test]
fn values_of_the_moment_are_completed() {
    let home = TempDir::new().unwrap();
    let home = home.path();
    let settings = home.join(".config/codextap");
    fs::create_dir_all(settings.join("themes")).unwrap();
    fs::write(settings.join("themes/mine.toml"), "").unwrap();
    fs::write(
        settings.join("config.toml"),
        "[filters]\nslow = '~e'\nsmall = '~s'\n",
    )
    .unwrap();
    let state = home.join(".local/state/codextap");
    fs::create_dir_all(&state).unwrap();
    fs::write(state.join("2026-01-02T03-04-05Z.jsonl"), "").unwrap();
    fs::write(home.join("own.jsonl"), "").unwrap();
    let kept = state
        .join("2026-01-02T03-04-05Z.jsonl")
        .display()
        .to_string();
    for (words, expected) in [
        (
            &["codextap", "--theme", "mi"][..],
            &["midnight", "mine"][..],
        ),
        (
            &["codextap", "record", "--filter", "@s"],
            &["@slow", "@small"],
        ),
        (&["codextap", "--color", "a"], &["auto", "always"]),
        (&["codextap", "record", "--log-level", "t"], &["trace"]),
        (&["codextap", "open", "ow"], &["own.jsonl"]),
        (&["codextap", "open", "2026"], &[&kept]),
        (&["codextap", "report", "own.jsonl", "2026"], &[&kept]),
        (
            &["codextap", "record", "--upstream-ca", "ow"],
            &["own.jsonl"],
        ),
        (&["codextap", "completions", "f"], &["fish"]),
    ] {
        let mut found = offered(home, words);
        found.sort();
        let mut expected = expected.to_vec();
        expected.sort_unstable();
        assert_eq!(found, expected, "{words:?}");
    }
}

#[test]
fn every_shell_has_a_script_that_it_can_read() {
    let home = TempDir::new().unwrap();
    let home = home.path();
    for (shell, checks) in [
        ("bash", &["-n"][..]),
        ("zsh", &["-n"]),
        ("fish", &["--no-execute"]),
        ("elvish", &["-compileonly"]),
        ("powershell", &[]),
    ] {
        let script = codextap(home, &["completions", shell]);
        assert!(script.contains("CODEXTAP_COMPLETE"), "{shell}: {script}");
        fs::write(home.join("script"), script).unwrap();
        let checked = Command::new(shell)
            .args(checks)
            .arg(home.join("script"))
            .status();
        match checked {
            Ok(status) => assert!(status.success(), "{shell}"),
            Err(error) => assert_ne!(shell, "bash", "{error}"),
        }
    }
}

#[test]
fn every_command_has_a_page() {
    let home = TempDir::new().unwrap();
    let home = home.path();
    assert_eq!(codextap(home, &["man", "--out", "share/man"]), "");
    let page = |name: &str| fs::read_to_string(home.join("share/man").join(name)).unwrap();
    let main = codextap(home, &["man"]);
    assert_eq!(page("codextap.1"), main);
    let plain = |page: String| page.replace("\\-", "-");
    let main = plain(main);
    for name in commands(home) {
        assert!(main.contains(&format!("codextap-{name}(1)")), "{name}");
        let text = plain(page(&format!("codextap-{name}.1")));
        assert!(text.starts_with(".ie"), "{name}: {text:.80}");
    }
    for option in options(&codextap(home, &["--help"])) {
        assert!(main.contains(&option), "{option}");
    }
    assert!(main.contains("CODEXTAP_THEME"));
}
