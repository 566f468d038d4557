//! The table of what differs and why, as `docs/transparency.md` holds it.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use crate::difference;
use crate::script::{Case, Expect, Role};

/// Fails when the table in the docs is not that of `cases`; with `UPDATE_DOCS=1` writes it.
pub(crate) fn check(cases: &[Case]) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/transparency.md");
    let text = fs::read_to_string(&path).unwrap();
    let (before, rest) = text.split_once(BEGIN).unwrap();
    let (_, after) = rest.split_once(END).unwrap();
    let tables = format!("{}\n{}", differences(cases), self::cases(cases));
    let fresh = format!("{before}{BEGIN}\n\n{tables}\n{END}{after}");
    if text == fresh {
        return;
    }
    #[expect(
        clippy::disallowed_methods,
        reason = "asked for by whoever runs the test"
    )]
    let update = std::env::var("UPDATE_DOCS").is_ok();
    assert!(
        update,
        "docs/transparency.md is stale: run the test with UPDATE_DOCS=1"
    );
    fs::write(path, fresh).unwrap();
}

/// Which differences there are, and why; each has to occur.
fn differences(cases: &[Case]) -> String {
    let mut table = "| difference | why | cases |\n|---|---|---|\n".to_owned();
    for difference in difference::ALL {
        let count = cases
            .iter()
            .filter(|case| names(case).contains(&difference.name))
            .count();
        assert!(count > 0, "no case shows {:?}", difference.name);
        let _ = writeln!(
            table,
            "| {} | {} | {count} |",
            difference.name, difference.why
        );
    }
    table
}

/// What differs in which case, and in which cases nothing does.
pub(crate) fn cases(cases: &[Case]) -> String {
    let same = |case: &&Case| matches!(&case.expect, Expect::Same(edits) if edits.is_empty());
    let mut table = "| case | what differs |\n|---|---|\n".to_owned();
    for case in cases.iter().filter(|case| !same(case)) {
        let _ = writeln!(table, "| `{}` | {} |", case.name, what(case));
    }
    let names: Vec<String> = (cases.iter().filter(same))
        .map(|case| format!("- `{}`", case.name))
        .collect();
    let _ = writeln!(
        table,
        "\nIn {} of the {} cases nothing differs:\n",
        names.len(),
        cases.len()
    );
    table.push_str(&names.join("\n"));
    table.push('\n');
    table
}

fn what(case: &Case) -> String {
    match &case.expect {
        Expect::Same(edits) => {
            let edits = edits.iter().map(|edit| {
                let receiver = match edit.receiver {
                    Role::Client => "client",
                    Role::Upstream => "upstream",
                };
                let (from, to) = (code(&edit.from), code(&edit.to));
                match (edit.from.as_str(), edit.to.as_str()) {
                    ("", "") => edit.why.name.to_owned(),
                    (_, "") => format!("{}: the {receiver} does not get {from}", edit.why.name),
                    ("", _) => format!("{}: the {receiver} gets {to}", edit.why.name),
                    _ => format!("{}: the {receiver} gets {to} for {from}", edit.why.name),
                }
            });
            edits.collect::<Vec<_>>().join("; ")
        }
        Expect::Refused {
            status,
            never: None,
        } => {
            format!("answered {status}, nothing forwarded")
        }
        Expect::Refused {
            status,
            never: Some(_),
        } => {
            format!("answered {status}, nothing forwarded from the fault on")
        }
        Expect::Answered { status, why } => format!("{}: answered {status}", why.name),
    }
}

/// The names of a case's differences.
fn names(case: &Case) -> Vec<&'static str> {
    match &case.expect {
        Expect::Same(edits) => edits.iter().map(|edit| edit.why.name).collect(),
        Expect::Refused { .. } => Vec::new(),
        Expect::Answered { why, .. } => vec![why.name],
    }
}

fn code(text: &str) -> String {
    let trimmed = match text.trim_end() {
        "" => text,
        trimmed => trimmed,
    };
    let short: String = trimmed.chars().take(60).collect();
    format!(
        "`{}`",
        short
            .escape_debug()
            .to_string()
            .replace("\\\"", "\"")
            .replace('|', "\\|")
    )
}

const BEGIN: &str =
    "<!-- written by tests/wire_cases.rs: UPDATE_DOCS=1 cargo test --test wire_cases -->";
const END: &str = "<!-- end -->";
