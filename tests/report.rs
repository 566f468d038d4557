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

#[test]
fn a_report_says_first_what_failed_was_dear_or_went_wrong() {
    let capture = changed(|number, flow| match number {
        5 => flow["request"]["body"]["input"][1]["content"][0]["text"] = "other rules".into(),
        6 => cut_short(flow),
        7 => {
            let body = flow["response"]["body"].as_str().unwrap();
            let served = body.replace("\"model\":\"gpt-6.1-sol\"", "\"model\":\"gpt-other-1\"");
            flow["response"]["body"] = served.into();
        }
        _ => {}
    });
    // The provider had nothing of it.
    let capture = capture.replace("\\\"cached_tokens\\\":8320", "\\\"cached_tokens\\\":1024");
    let report = told(&["report"], &capture);
    let (_, rest) = report.split_once("\n## In short\n\n").unwrap();
    let (short, rest) = rest.split_once("\n## ").unwrap();
    assert!(rest.starts_with("Endpoints\n"));
    for expected in [
        "apply\\_patch → Exit code: 0: incomplete: max\\_output\\_tokens (partial, HTTP 200)\n",
        ": The usage limit has been reached (failed, HTTP 429)\n",
        ": context\\_length\\_exceeded: Your input exceeds",
        ": the prefix breaks at item 1, ",
        " tokens read anew\n",
        ": `gpt-6.1-sol` was asked for, `gpt-other-1` answered\n",
        "\n| dearest | ",
    ] {
        assert!(short.contains(expected), "{expected} in {short}");
    }
    assert!(!short.contains("There is no"), "{short}");
    let rows = short.lines().filter(|line| line.starts_with("| ["));
    let costs = rows.map(|row| row.trim_end_matches(" |").rsplit_once(' ').unwrap().1);
    let costs: Vec<f64> = costs
        .map(|cost| cost.trim_start_matches(['~', '$']).parse().unwrap())
        .collect();
    assert_eq!(costs.len(), 5);
    assert!(costs.is_sorted_by(|one, other| one >= other), "{costs:?}");
    let links: Vec<&str> = short.split("](#").skip(1).collect();
    assert!(links.len() >= 10, "{short}");
    for link in links {
        let (anchor, _) = link.split_once(')').unwrap();
        let number = anchor.trim_start_matches('t');
        let heading = report.lines().filter(|line| {
            line.starts_with(&format!("### {number}. "))
                && line.ends_with(&format!(" <a id=\"{anchor}\"></a>"))
        });
        assert_eq!(heading.count(), 1, "{anchor}");
    }
}

#[test]
fn where_there_is_nothing_to_say_a_line_says_so() {
    let report = told(&["report", "--filter", "~u models"], &changed(|_, _| {}));
    let (_, rest) = report.split_once("\n## In short\n\n").unwrap();
    let (short, _) = rest.split_once("\n## ").unwrap();
    assert_eq!(
        short,
        "There is no failure, no break of the cached prefix, no alert.\n"
    );
}

#[test]
fn sessions_and_attempts_are_sorted_by_what_they_took() {
    let capture = changed(|_, _| {});
    for (sort, member) in [("tokens", "input"), ("time", "busy"), ("errors", "errors")] {
        let list = told(&["sessions", "list", "--json", "--sort", sort], &capture);
        let list: Value = serde_json::from_str(&list).unwrap();
        let totals = list["sessions"].as_array().unwrap().iter().map(|it| {
            let total = &it["total"];
            let number = total[member].as_u64();
            number.or(total["usage"][member].as_u64()).unwrap()
        });
        assert!(totals.rev().is_sorted(), "{sort}");
    }
    let table = told(&["sessions", "list", "--sort", "errors"], &capture);
    assert!(
        table.lines().nth(1).unwrap().contains("usage limit"),
        "{table}"
    );
    let events = told(
        &["sessions", "events", "--json", "--sort", "cost"],
        &capture,
    );
    let first: Value = serde_json::from_str(events.lines().next().unwrap()).unwrap();
    assert_eq!(first["what"], "warm-up");
    assert_eq!(events.lines().count(), 13);
}
