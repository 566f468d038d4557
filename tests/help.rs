//! The help of every command, without what all of them have from the program's own; and the README's examples, run.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::HashSet;
use std::fmt::Write as _;
use std::process::Command;

use tempfile::TempDir;

#[test]
fn each_command_tells_what_it_takes() {
    let program = help(&[]);
    let common: HashSet<&str> = blocks(&program).collect();
    let mut told = String::new();
    for command in commands(&program) {
        // What follows that word is Codex's own.
        if command == "codex" {
            continue;
        }
        let own = help(&[command]);
        tell(&mut told, &[command], &own, &common);
        for part in commands(&own) {
            tell(
                &mut told,
                &[command, part],
                &help(&[command, part]),
                &common,
            );
        }
    }
    insta::assert_snapshot!("commands", told);
}

/// Commands that run no proxy of the user's, and the settings that their help has.
#[test]
fn no_command_offers_what_does_nothing_there() {
    let settings = |command: &str| help(&[command]).matches("[env:").count();
    let all = settings("record");
    assert!(all > 30, "{all}");
    for (command, count) in [
        ("completions", 0),
        ("man", 0),
        ("config", 1),
        ("setup", 5),
        ("doctor", 15),
    ] {
        assert_eq!(settings(command), count, "{command}");
    }
    for command in ["demo", "open", "report", "sessions", "export"] {
        assert!(!help(&[command]).contains("--api-upstream"), "{command}");
    }
}

#[test]
fn examples_of_the_readme_print_what_they_say() {
    trycmd::TestCases::new().case("README.md");
}

/// Adds what a command's help has beyond what is `common`.
fn tell(told: &mut String, command: &[&str], help: &str, common: &HashSet<&str>) {
    let own = blocks(help).filter(|block| !common.contains(block));
    let own: Vec<&str> = own.collect();
    let (command, own) = (command.join(" "), own.join("\n\n"));
    write!(told, "# {command}\n\n{own}\n\n").unwrap();
}

#[test]
fn help_comes_with_a_command_or_before_it() {
    assert_eq!(printed(&["help"]), help(&[]));
    assert_eq!(printed(&["help", "report"]), help(&["report"]));
}

/// What `--help` prints.
fn help(command: &[&str]) -> String {
    printed(&[command, &["--help"]].concat())
}

/// What a command prints that succeeds.
fn printed(command: &[&str]) -> String {
    let home = TempDir::new().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_codextap"))
        .args(command)
        .env_clear()
        .env("HOME", home.path())
        .output()
        .unwrap();
    assert!(output.status.success(), "{command:?}");
    assert_eq!(output.stderr, b"", "{command:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// The names under `Commands:`.
fn commands(help: &str) -> impl Iterator<Item = &str> {
    let lines = help
        .split_once("\nCommands:\n")
        .map_or("", |(_, rest)| rest)
        .lines();
    let names = lines.take_while(|line| !line.is_empty());
    names.filter_map(|line| {
        let name = line.strip_prefix("  ")?;
        // That of another one is no command of its own.
        name.split(' ')
            .next()
            .filter(|name| !name.is_empty() && *name != "help")
    })
}

/// An option each, or a paragraph; headings are left out.
fn blocks(help: &str) -> impl Iterator<Item = &str> {
    help.split("\n\n")
        .map(|block| match block.split_once(":\n") {
            Some((heading, rest)) if !heading.contains(['\n', ' ']) => rest.trim_end(),
            _ => block.trim_end(),
        })
}
