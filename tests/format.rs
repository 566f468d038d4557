//! The capture format as its document promises it: captures of before load as they did, newer lines are
//! skipped by name, and the document's examples run.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use codextap::capture::{self, Intake, Start};
use codextap::flow::{Store, Summary};

/// A capture of each shape that was written so far.
const FIXTURES: [&str; 2] = ["tests/fixtures/v1.jsonl", "tests/fixtures/v1-outcome.jsonl"];

/// What both hold.
const SUMMARIES: &str = "\
v1fixture-1 Http 200 Complete None None None GET /v1/models?client_version=0.169.0
v1fixture-8 Ws 426 Partial None None None GET /backend-api/codex/responses
v1fixture-9 Http 200 Complete Completed 9120/7296/58 None Write the changelog line for this fix.
v1fixture-10 Http 429 Failed Failed None The usage limit has been reached And a short note for the release mail?
v1fixture-20 Http 502 Failed Failed None upstream side, connect: connection refused POST /v1/responses
";

#[test]
fn captures_of_before_load_with_the_same_summaries() {
    for fixture in FIXTURES {
        let whole = capture::load(Path::new(fixture)).unwrap();
        assert_eq!(whole.skipped, []);
        assert_eq!(summaries(&whole.store), SUMMARIES, "{fixture}, whole");
        assert_eq!(
            summaries(&glanced(Path::new(fixture)).0),
            SUMMARIES,
            "{fixture}"
        );
    }
}

#[test]
fn lines_of_newer_versions_are_counted_and_members_of_them_ignored() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("newer.jsonl");
    let text = fs::read_to_string(FIXTURES[1]).unwrap();
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    lines[0] = lines[0].replacen("\"v\":1", "\"v\":2", 1);
    lines[1] = lines[1].replacen("\"v\":1", "\"v\":1,\"of_later\":{\"a\":[1]}", 1);
    fs::write(&path, lines.join("\n") + "\n").unwrap();
    let expected = SUMMARIES.split_once('\n').unwrap().1;
    let whole = capture::load(&path).unwrap();
    let (store, skipped) = glanced(&path);
    for (store, skipped) in [(&whole.store, &whole.skipped), (&store, &skipped)] {
        assert_eq!(summaries(store), expected);
        let [skipped] = skipped.as_slice() else {
            panic!("{skipped:?}");
        };
        assert_eq!(skipped.line, 1);
        assert!(
            skipped.why.starts_with("version 2 of the format"),
            "{skipped}"
        );
    }
}

#[test]
fn the_fixtures_fit_the_schema() {
    let schema = serde_json::from_str(include_str!("../docs/capture.schema.json")).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    for fixture in FIXTURES {
        for line in fs::read_to_string(fixture).unwrap().lines() {
            let value = serde_json::from_str(line).unwrap();
            let errors: Vec<String> = validator
                .iter_errors(&value)
                .map(|error| format!("{}: {error}", error.instance_path()))
                .collect();
            assert!(errors.is_empty(), "{fixture}: {errors:#?}");
        }
    }
}

#[test]
fn each_worked_example_runs_and_finds_something() {
    let has_jq = Command::new("jq").arg("--version").output().is_ok();
    if !has_jq {
        // Not eprintln: the test harness would keep the message of a test that passes to itself.
        writeln!(std::io::stderr(), "skipped: jq is not installed").unwrap();
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let texts = ["tests/fixtures/demo.jsonl", FIXTURES[1]].map(|path| fs::read(path).unwrap());
    fs::write(directory.path().join("capture.jsonl"), texts.concat()).unwrap();
    let document = include_str!("../docs/capture-format.md");
    let examples = document
        .lines()
        .filter_map(|line| line.strip_prefix("    jq "));
    let mut count = 0;
    for example in examples {
        // The id of a connection in the capture.
        let example = example.replace("0mfx2k1q-3", "hock9y1136-2");
        let output = Command::new("sh")
            .arg("-c")
            .arg(format!("set -e; jq {example}"))
            .current_dir(directory.path())
            .output()
            .unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success() && errors.is_empty(),
            "{example}: {errors}"
        );
        assert!(!output.stdout.is_empty(), "{example}");
        count += 1;
    }
    assert!(count > 10, "{count} examples");
}

/// What the summaries of a store say, a line each.
fn summaries(store: &Store) -> String {
    let summaries = store.rows().iter().map(|id| store.summary(*id).unwrap());
    summaries.map(|summary| shown(&summary)).collect()
}

fn shown(summary: &Summary) -> String {
    let or_none = |text: Option<String>| text.unwrap_or_else(|| "None".to_owned());
    let usage = summary.usage.map(|usage| {
        let (input, cached, output) = (usage.input, usage.cached, usage.output);
        format!("{input}/{cached}/{output}")
    });
    format!(
        "{} {:?} {} {:?} {} {} {} {}\n",
        summary.name,
        summary.kind,
        or_none(summary.status.map(|status| status.to_string())),
        summary.state,
        or_none(summary.turn.map(|turn| format!("{turn:?}"))),
        or_none(usage),
        or_none(summary.failure.as_ref().map(ToString::to_string)),
        summary.gist,
    )
}

/// The summaries of a capture's lines, and the lines that were skipped.
fn glanced(path: &Path) -> (Store, Vec<capture::Skipped>) {
    let (mut store, mut intake) = (Store::default(), Intake::default());
    let mut skipped = Vec::new();
    let file = Arc::new(fs::File::open(path).unwrap());
    capture::scan(&file, "-", 0, Start::default(), false, |piece| {
        skipped.extend(piece.skipped);
        for item in piece.items {
            intake.take(&mut store, item).unwrap();
        }
        true
    })
    .unwrap();
    (store, skipped)
}
