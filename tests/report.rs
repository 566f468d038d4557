//! `codextap report` over captures: what it says first, why turns failed, and how long it is.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// The capture of the demo, each flow changed by `change`, which gets its number, from 1, too.
fn changed(change: impl Fn(u32, &mut Value)) -> String {
    let demo = std::fs::read_to_string("tests/fixtures/demo.jsonl").unwrap();
    let lines = demo.lines().map(|line| {
        let mut flow: Value = serde_json::from_str(line).unwrap();
        let id = flow["id"].as_str().unwrap();
        let (_, number) = id.rsplit_once('-').unwrap();
        if let Ok(number) = number.parse() {
            change(number, &mut flow);
        }
        format!("{flow}\n")
    });
    lines.collect()
}

/// What `codextap` with `arguments` and a file of this capture prints.
fn told(arguments: &[&str], capture: &str) -> String {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("capture.jsonl");
    std::fs::write(&file, capture).unwrap();
    run(home.path(), arguments, &file)
}

fn run(home: &Path, arguments: &[&str], file: &Path) -> String {
    let done = Command::new(env!("CARGO_BIN_EXE_codextap"))
        .args(arguments)
        .arg(file)
        .env_clear()
        .env("HOME", home)
        .env("TZ", "UTC")
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{errors}");
    String::from_utf8(done.stdout).unwrap()
}

/// Ends the stream of a flow with `response.incomplete`.
fn cut_short(flow: &mut Value) {
    let end = "event: response.incomplete\ndata: {\"type\":\"response.incomplete\",\"response\":{\"id\":\"r\",\
        \"status\":\"incomplete\",\"incomplete_details\":{\"reason\":\"max_output_tokens\"}}}\n\n";
    let response = &mut flow["response"];
    let body = response["body"].as_str().unwrap();
    let (begin, _) = body.rsplit_once("event: response.completed").unwrap();
    response["body"] = format!("{begin}{end}").into();
    let events = response["events"].as_array_mut().unwrap();
    events.last_mut().unwrap()[1] = end.len().into();
}

/// A flow with the upgrade that was refused has another status.
fn refuse_with(status: u16, flow: &mut Value) {
    if flow["response"]["status"] == 426 {
        flow["response"]["status"] = status.into();
    }
}

#[test]
fn what_was_refused_or_cut_short_says_why_wherever_it_is_told() {
    let capture = changed(|number, flow| {
        if number == 5 {
            cut_short(flow);
        }
        refuse_with(403, flow);
    });
    let log = told(&["report"], &capture);
    let heading = |begin: &str| {
        let mut lines = log.lines().filter(|line| line.starts_with("### "));
        let found = lines.find(|line| line.contains(begin)).unwrap();
        found.to_owned()
    };
    let incomplete = heading("Good. Do that");
    assert!(
        incomplete.contains("(incomplete: max\\_output\\_tokens)"),
        "{incomplete}"
    );
    assert!(log.contains("\n- **!** refused: 403 Forbidden\n"), "{log}");
    for what in ["show", "events"] {
        let table = told(&["sessions", what], &capture);
        assert!(table.contains("  refused: 403 Forbidden\n"), "{table}");
    }
    let capture = changed(|_, _| {});
    let log = told(&["report"], &capture);
    assert!(
        log.contains(". connection (refused: 426 Upgrade Required)"),
        "{log}"
    );
    let alone = told(&["sessions", "list", "--filter", "~c 426"], &capture);
    assert!(alone.contains("  refused: 426 Upgrade Required"), "{alone}");
    let shown = told(
        &["sessions", "show", "--json", "--filter", "~c 426"],
        &capture,
    );
    let shown: Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(
        shown["sessions"][0]["last_failure"],
        "refused: 426 Upgrade Required"
    );
}
