//! The table of what Codex does, as `docs/transparency.md` holds it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use crate::outcome::Outcome;
use crate::play::{Case, VERSIONS};

/// What each case came to, by its row and version.
pub(crate) type Cells = BTreeMap<([String; 2], &'static str), String>;

/// A case's cell.
pub(crate) fn cell(outcome: &Outcome) -> String {
    let code = outcome
        .code
        .map_or("a signal".to_owned(), |code| code.to_string());
    format!("{code}: {}", outcome.attempted())
}

/// Says where the table in the docs differs from what was `played`; with `UPDATE_DOCS=1` writes it.
/// What was not played stays.
pub(crate) fn check(cases: &[Case], played: &Cells) -> Result<(), String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/transparency.md");
    let text = fs::read_to_string(&path).unwrap();
    let (before, rest) = text.split_once(BEGIN).unwrap();
    let (table, after) = rest.split_once(END).unwrap();
    let mut cells = read(table);
    cells.extend(played.clone());
    let fresh = format!("{before}{BEGIN}\n\n{}\n{END}{after}", write(cases, &cells));
    if text == fresh {
        return Ok(());
    }
    #[expect(
        clippy::disallowed_methods,
        reason = "asked for by whoever runs the test"
    )]
    let update = std::env::var("UPDATE_DOCS").is_ok();
    if !update {
        let old = read(table);
        let differs = |(key, cell): &(_, &String)| old.get(*key) != Some(*cell);
        let stale: Vec<_> = played.iter().filter(differs).collect();
        let advice = "docs/transparency.md is stale: run the test with UPDATE_DOCS=1";
        return Err(format!("{advice}\n{stale:#?}"));
    }
    fs::write(path, fresh).map_err(|error| error.to_string())
}

fn read(table: &str) -> Cells {
    let mut cells = Cells::new();
    for line in table.lines().filter(|line| line.starts_with("| ")).skip(1) {
        let columns: Vec<_> = line.trim_matches('|').split('|').map(str::trim).collect();
        for (version, cell) in VERSIONS.into_iter().zip(&columns[2..]) {
            let row = [columns[0].to_owned(), columns[1].to_owned()];
            cells.insert((row, version), (*cell).to_owned());
        }
    }
    cells
}

fn write(cases: &[Case], cells: &Cells) -> String {
    let mut table = format!(
        "| fault | over | {} | {} |\n|---|---|---|---|\n",
        VERSIONS[0], VERSIONS[1]
    );
    let mut rows: Vec<[String; 2]> = Vec::new();
    for case in cases {
        if !rows.contains(&case.row()) {
            rows.push(case.row());
        }
    }
    for row in rows {
        let [one, two] = VERSIONS.map(|version| cells.get(&(row.clone(), version)));
        let of = |cell: Option<&String>| cell.map_or("–".to_owned(), Clone::clone);
        let _ = writeln!(table, "| {} | {} | {} |", row.join(" | "), of(one), of(two));
    }
    table
}

const BEGIN: &str = "<!-- written by tests/codex_faults.rs: CODEXTAP_TEST_ALL=1 UPDATE_DOCS=1 cargo test --test codex_faults -->";
const END: &str = "<!-- end -->";
