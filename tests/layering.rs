//! Keeps the import table and the size of files true (`docs/architecture.md`).
//!
//! The check reads `src` as text: every `crate::module` a file names, every foreign crate it uses, and how
//! long it is. The checker itself is tested against made-up files, so that it cannot pass for want of eyes.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// For each module of the crate: which of ours and which foreign crates it may import. `serde`,
/// `bytes`, `thiserror` and `std` are open to all; `*` stands for every module or crate.
const LAYERS: [(&str, &str, &str); 16] = [
    ("text", "", "unicode_width unicode_segmentation strsim"),
    (
        "wire",
        "",
        "memchr flate2 zstd brotli_decompressor tokio_tungstenite",
    ),
    ("responses", "", "serde_json toml"),
    ("config", "", "toml etcetera"),
    ("tap", "text", "http http_body tokio ring memchr serde_json"),
    ("proxy", "tap config", "*"),
    ("flow", "tap wire responses", "http jiff ring"),
    (
        "filter",
        "flow responses tap text",
        "regex regex_syntax memchr jiff",
    ),
    ("content", "flow responses wire text tap", "serde_json jiff"),
    (
        "capture",
        "flow responses tap",
        "serde_json jiff base64 http",
    ),
    (
        "export",
        "flow responses wire text tap",
        "serde_json jiff base64 http",
    ),
    (
        "app",
        "flow filter content capture config tap text responses",
        "crossterm ratatui tui_input jiff",
    ),
    (
        "view",
        "app content flow responses text tap",
        "ratatui syntect toml",
    ),
    (
        "tui",
        "text wire responses config tap flow filter content capture export app view",
        "ratatui crossterm tokio futures_util rustix base64",
    ),
    ("cli", "*", "*"),
    ("main", "*", "*"),
];

/// Crates that every layer may use.
const COMMON: [&str; 5] = ["std", "core", "serde", "bytes", "thiserror"];

/// The longest a file may be, tests included.
const CEILING: usize = 600;

/// What only some modules may do (rule 5: input, output, clock and randomness live at the edges).
const EDGES: [(&str, &str); 8] = [
    ("Instant::now", "tap/clock.rs tui"),
    ("SystemTime::now", "tap/clock.rs"),
    ("std::env::var", "config cli"),
    ("std::net::Tcp", "proxy cli"),
    ("std::process::Command", "cli tui"),
    // Text comes to cells through `view::put` alone, which makes it safe.
    (".set_string", "view/mod.rs"),
    (".set_line", "view/mod.rs"),
    (".set_symbol", "view/mod.rs"),
];

#[test]
fn the_import_table_holds() {
    let faults: Vec<String> = sources()
        .iter()
        .flat_map(|(path, text)| check(path, text))
        .collect();
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

#[test]
fn no_test_file_is_longer_than_the_ceiling() {
    let mut files = Vec::new();
    collect(Path::new("tests"), &mut files);
    for file in files {
        let lines = fs::read_to_string(&file).unwrap().lines().count();
        assert!(
            lines <= CEILING,
            "{}: {lines} lines, the ceiling is {CEILING}",
            file.display()
        );
    }
}

#[test]
fn every_module_is_in_the_table() {
    for path in sources().keys() {
        let layer = layer_of(path);
        assert!(
            layer == "lib" || LAYERS.iter().any(|(name, ..)| *name == layer),
            "{path}: no row for {layer} in the import table"
        );
    }
}

#[test]
fn the_checker_sees_made_up_violations() {
    let wire_knows_flow = check("wire/sse.rs", "use crate::flow::Flow;\n");
    assert_eq!(
        wire_knows_flow,
        ["wire/sse.rs:1: wire must not import flow"]
    );

    let grouped = check(
        "text/wrap.rs",
        "use crate::{\n    text::Clean,\n    app::App,\n};\n",
    );
    assert_eq!(grouped, ["text/wrap.rs:1: text must not import app"]);

    let path_in_code = check("proxy/route.rs", "fn f() -> crate::responses::Turn {}\n");
    assert_eq!(
        path_in_code,
        ["proxy/route.rs:1: proxy must not import responses"]
    );

    let foreign = check("responses/turn.rs", "use tokio::sync::mpsc;\n");
    assert_eq!(
        foreign,
        ["responses/turn.rs:1: responses must not use the crate tokio"]
    );

    let clock = check("flow/store.rs", "let now = std::time::Instant::now();\n");
    assert_eq!(
        clock,
        ["flow/store.rs:1: only tap/clock.rs tui may use Instant::now"]
    );

    let long = check("flow/store.rs", &"//\n".repeat(CEILING + 1));
    assert_eq!(long, ["flow/store.rs: 601 lines, the ceiling is 600"]);

    assert!(
        check(
            "tui/mod.rs",
            "use crate::view::draw;\nuse ratatui::Frame;\n"
        )
        .is_empty()
    );
    assert!(check("wire/sse.rs", "// see crate::flow\n//! [`crate::flow`]\n").is_empty());
}

/// Everything that is wrong with one file.
fn check(path: &str, text: &str) -> Vec<String> {
    let layer = layer_of(path);
    let Some((_, ours, foreign)) = LAYERS.iter().find(|(name, ..)| *name == layer) else {
        return Vec::new();
    };
    let mut faults = Vec::new();
    if text.lines().count() > CEILING {
        faults.push(format!(
            "{path}: {} lines, the ceiling is {CEILING}",
            text.lines().count()
        ));
    }
    if path.ends_with("/tests.rs") || path.contains("/tests/") {
        // Tests may use what they like.
        return faults;
    }
    for (line, statement) in statements(text) {
        for module in ours_in(&statement) {
            let known = LAYERS.iter().any(|(name, ..)| *name == module);
            if known && module != layer && !allows(ours, &module) {
                faults.push(format!("{path}:{line}: {layer} must not import {module}"));
            }
        }
        if let Some(name) = foreign_in(&statement) {
            let is_child = text.contains(&format!("mod {name};"));
            if !is_child && !COMMON.contains(&name) && !allows(foreign, name) {
                faults.push(format!(
                    "{path}:{line}: {layer} must not use the crate {name}"
                ));
            }
        }
        for (call, places) in EDGES {
            let is_edge = places.split(' ').any(|place| path.starts_with(place));
            if statement.contains(call) && !is_edge && !statement.contains("tokio::time") {
                faults.push(format!("{path}:{line}: only {places} may use {call}"));
            }
        }
    }
    faults
}

fn allows(list: &str, name: &str) -> bool {
    list == "*" || list.split(' ').any(|allowed| allowed == name)
}

/// Lines of code with their numbers; a `use` over several lines becomes one. Comments and the
/// tests at a file's end are left out.
fn statements(text: &str) -> Vec<(usize, String)> {
    let mut found: Vec<(usize, String)> = Vec::new();
    let mut in_use = false;
    for (number, line) in text.lines().enumerate() {
        let line = line.split("//").next().unwrap_or_default().trim();
        if line == "#[cfg(test)]" {
            break;
        }
        match found.last_mut().filter(|_| in_use) {
            Some((_, statement)) => statement.push_str(line),
            None => found.push((number + 1, line.to_owned())),
        }
        let starts_use = line.starts_with("use ") || line.starts_with("pub use ");
        in_use = (in_use || starts_use) && !line.ends_with(';');
    }
    found
}

/// The modules of ours that a statement names: `crate::a::…`, `use crate::{a::…, b::…}`.
fn ours_in(statement: &str) -> Vec<String> {
    let mut modules = Vec::new();
    for (at, _) in statement.match_indices("crate::") {
        let rest = &statement[at + "crate::".len()..];
        if let Some(group) = rest.strip_prefix('{') {
            let mut depth = 0;
            let mut name = String::new();
            for c in group.chars() {
                match c {
                    '{' => depth += 1,
                    '}' if depth == 0 => break,
                    '}' => depth -= 1,
                    ',' if depth == 0 => modules.push(std::mem::take(&mut name)),
                    c if depth == 0 => name.push(c),
                    _ => {}
                }
            }
            modules.push(name);
        } else {
            modules.push(rest.to_owned());
        }
    }
    modules
        .iter()
        .map(|path| first_word(path).to_owned())
        .collect()
}

/// The foreign crate that a `use` statement names.
fn foreign_in(statement: &str) -> Option<&str> {
    let path = statement
        .strip_prefix("pub use ")
        .or_else(|| statement.strip_prefix("use "))?;
    let name = first_word(path);
    let is_path = path[name.len()..].starts_with("::");
    let is_ours = matches!(name, "crate" | "super" | "self" | "codextap");
    // A path that begins with one of our own items (`use Kind::*`) is no crate's.
    let is_item = name.chars().next().is_some_and(char::is_uppercase);
    (is_path && !is_ours && !is_item && !name.is_empty()).then_some(name)
}

fn first_word(path: &str) -> &str {
    let path = path.trim_start();
    let end = path
        .find(|c: char| !c.is_alphanumeric() && c != '_')
        .unwrap_or(path.len());
    &path[..end]
}

/// The module that a path below `src` belongs to.
fn layer_of(path: &str) -> &str {
    path.split('/')
        .next()
        .unwrap_or_default()
        .trim_end_matches(".rs")
}

/// Every source file: path below `src`, text.
fn sources() -> BTreeMap<String, String> {
    let mut files = Vec::new();
    collect(Path::new("src"), &mut files);
    assert!(!files.is_empty(), "no sources found");
    files
        .into_iter()
        .map(|path| {
            let name = path
                .strip_prefix("src")
                .unwrap()
                .to_string_lossy()
                .replace('\\', "/");
            let text = fs::read_to_string(&path).unwrap();
            (name, text)
        })
        .collect()
}

fn collect(directory: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}
