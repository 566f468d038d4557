//! `export` and `report` as they are run: files and pipes in, one result out, and clear ends.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

#[path = "support/command.rs"]
mod command;

use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::PathBuf;
use std::process::{Output, Stdio};

use command::codextap;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::Value;
use tempfile::TempDir;

struct Place {
    home: TempDir,
    capture: PathBuf,
}

impl Place {
    /// A directory with the demo's capture.
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let capture = home.path().join("demo.jsonl");
        fs::copy("tests/fixtures/demo.jsonl", &capture).unwrap();
        Self { home, capture }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    /// `+` stands for a blank within a word.
    fn run(&self, arguments: &str, input: Stdio) -> Output {
        codextap(
            self.home.path(),
            arguments.split(' ').map(|word| word.replace('+', " ")),
        )
        .stdin(input)
        .output()
        .unwrap()
    }

    /// What a command that succeeds prints.
    fn printed(&self, arguments: &str) -> String {
        let output = self.run(arguments, Stdio::null());
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments}: {errors}");
        assert_eq!(errors, "", "{arguments}");
        String::from_utf8(output.stdout).unwrap()
    }
}

#[test]
fn an_archive_in_a_pipe_or_compressed_is_read_like_a_capture() {
    let place = Place::new();
    let archive = place.printed("export demo.jsonl --format har");
    fs::write(place.path("a.har"), &archive).unwrap();
    assert_eq!(place.printed("export a.har --format har"), archive);
    let input = File::open(place.path("a.har")).unwrap();
    let piped = place.run("export - --format har", input.into());
    assert_eq!(String::from_utf8(piped.stdout).unwrap(), archive);
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(archive.as_bytes()).unwrap();
    fs::write(place.path("a.har.gz"), gzip.finish().unwrap()).unwrap();
    assert_eq!(place.printed("export a.har.gz --format har"), archive);
    let lines = place.printed("open a.har");
    assert_eq!(lines.lines().count(), 16, "{lines}");
}

#[test]
fn a_filter_chooses_and_a_file_is_private_and_whole() {
    let place = Place::new();
    fs::write(place.path("out.jsonl"), "of before").unwrap();
    place.printed("export demo.jsonl --format jsonl --filter ~c+429 -o out.jsonl --force");
    let text = fs::read_to_string(place.path("out.jsonl")).unwrap();
    let flows: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(flows.len(), 1);
    assert_eq!(flows[0]["response"]["status"], 429);
    let mode = fs::metadata(place.path("out.jsonl")).unwrap().permissions();
    assert_eq!(mode.mode() & 0o777, 0o600);
    let names = fs::read_dir(place.home.path()).unwrap();
    assert_eq!(names.count(), 2, "nothing is left beside it");
}

#[test]
fn a_long_body_is_copied_where_nothing_is_to_be_masked() {
    let place = Place::new();
    let text = fs::read_to_string(&place.capture).unwrap();
    let mut line: Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    line["response"]["body_kind"] = "text".into();
    line["response"]["length"] = (30 << 20).into();
    line["response"]["body"] = "long ".repeat(6 << 20).into();
    let line = format!("{line}\n");
    fs::write(&place.capture, &line).unwrap();
    let copied = place.printed("export demo.jsonl --format jsonl --no-redact");
    assert!(copied == line, "{} of {} bytes", copied.len(), line.len());
    let masked = place.printed("export demo.jsonl --format jsonl");
    assert!(masked == line, "{} of {} bytes", masked.len(), line.len());
    let key = "sk-proj-0123456789abcdefGHIJ0";
    let plain = line.replacen(&"long ".repeat(6)[..key.len()], key, 1);
    fs::write(&place.capture, &plain).unwrap();
    let masked = place.printed("export demo.jsonl --format jsonl");
    assert!(!masked.contains("GHIJ"));
    let masked: Value = serde_json::from_str(&masked).unwrap();
    assert!(masked["response"]["missed"].as_u64().unwrap() > 10 << 20);
}

#[test]
fn an_output_that_is_no_file_is_written_and_not_replaced() {
    let place = Place::new();
    symlink("/dev/full", place.path("full")).unwrap();
    let output = place.run("export demo.jsonl --format jsonl -o full", Stdio::null());
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("cannot write full: No space left"), "{said}");
    fs::write(place.path("target"), "of before").unwrap();
    symlink("target", place.path("link")).unwrap();
    place.printed("export demo.jsonl --format jsonl -o link --force");
    for name in ["full", "link"] {
        assert!(place.path(name).is_symlink(), "{name}");
    }
    let text = fs::read_to_string(place.path("target")).unwrap();
    assert_eq!(text.lines().count(), 16);
}

#[test]
fn what_was_recorded_unmasked_leaves_masked() {
    let place = Place::new();
    let text = fs::read_to_string(&place.capture).unwrap();
    let plain = text.replace("<redacted:e956a638>", "sk-plain-credential");
    assert_ne!(plain, text);
    fs::write(&place.capture, plain).unwrap();
    for command in [
        "report demo.jsonl",
        "export demo.jsonl --format jsonl",
        "export demo.jsonl --format har",
        "export demo.jsonl --format markdown",
        "export demo.jsonl --format curl",
        "export demo.jsonl --format otlp --content",
    ] {
        let printed = place.printed(command);
        assert!(!printed.contains("sk-plain"), "{command}");
        assert!(printed.len() > 1000, "{command}: {printed}");
    }
    let asked = place.printed("export demo.jsonl --format jsonl --no-redact");
    assert!(asked.contains("sk-plain-credential"));
}

#[test]
fn a_failure_is_one_line_and_leaves_no_file() {
    let place = Place::new();
    fs::write(place.path("bad.har"), "{\"log\":{\"entries\":[{}]}}").unwrap();
    for (command, code, says) in [
        (
            "report none.jsonl",
            2,
            "cannot read none.jsonl: No such file",
        ),
        (
            "export bad.har --format har -o x",
            2,
            "cannot read bad.har: HAR: missing field",
        ),
        (
            "export demo.jsonl --format har -o no/x",
            1,
            "cannot write no/x: No such file",
        ),
        (
            "export demo.jsonl --format har -o bad.har",
            1,
            "cannot write bad.har: it exists\nhint: --force writes over it",
        ),
        (
            "report demo.jsonl -o bad.har",
            1,
            "cannot write bad.har: it exists",
        ),
        (
            "report demo.jsonl --listen 127.0.0.1:0",
            2,
            "--listen means nothing to codextap report, which reads captures\nhint: codextap report --help",
        ),
        (
            "--route /x=http://y open demo.jsonl",
            2,
            "--route means nothing to codextap open",
        ),
        (
            "sessions list demo.jsonl --theme dark",
            2,
            "--theme means nothing to codextap sessions",
        ),
        (
            "demo --listen 127.0.0.1:0",
            2,
            "--listen means nothing to codextap demo, which has a proxy and an upstream of its own",
        ),
        (
            "config --config .",
            2,
            "cannot read .: Is a directory (os error 21)\nhint: mend that file, or go without one: codextap --config none",
        ),
        (
            "doctor --theme dark",
            2,
            "--theme means nothing to codextap doctor, which sees no traffic",
        ),
        (
            "setup --upstream-ca x",
            2,
            "--upstream-ca means nothing to codextap setup",
        ),
        (
            "man --listen 127.0.0.1:0",
            2,
            "--listen means nothing to codextap man",
        ),
        (
            "--quiet completions bash",
            2,
            "--quiet means nothing to codextap completions, which prints a script",
        ),
        ("export demo.jsonl --format pdf", 2, "invalid value 'pdf'"),
        (
            "export demo.jsonl --format har --filter ~zz",
            2,
            "--filter: ",
        ),
    ] {
        let output = place.run(command, Stdio::null());
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{command}: {said}");
        assert!(
            said.starts_with("codextap: ") && said.contains(says),
            "{said}"
        );
        assert!(!place.path("x").exists(), "{command}");
    }
}

#[test]
fn one_bad_file_among_good_ones_is_told_and_the_others_are_read() {
    let place = Place::new();
    let demo = fs::read_to_string(&place.capture).unwrap();
    let mut lines: Vec<&str> = demo.lines().collect();
    lines.splice(1..1, ["a note", "{}"]);
    fs::write(place.path("notes.jsonl"), lines.join("\n")).unwrap();
    fs::write(place.path("list.txt"), "milk\nbread\n").unwrap();
    fs::write(place.path("empty.jsonl"), "").unwrap();
    let noted = "codextap: notes.jsonl: 2 lines are no flows, the first at line 2: not JSON: ";
    let foreign = "codextap: list.txt is neither a capture nor a HAR: line 1: not JSON: ";
    for command in ["report", "sessions list", "export --format jsonl", "open"] {
        let of = |files: &str| place.run(&format!("{command} {files}"), Stdio::null());
        let whole = of("demo.jsonl");
        for (files, code, says) in [
            ("empty.jsonl demo.jsonl", 0, &[][..]),
            ("notes.jsonl", 0, &[noted][..]),
            (
                "gone.jsonl list.txt notes.jsonl",
                2,
                &["codextap: cannot read gone.jsonl: ", foreign, noted],
            ),
            (
                "gone.jsonl list.txt",
                2,
                &["codextap: cannot read gone.jsonl: ", foreign],
            ),
        ] {
            let output = of(files);
            let said = String::from_utf8(output.stderr).unwrap();
            assert_eq!(
                output.status.code(),
                Some(code),
                "{command} {files}: {said}"
            );
            let said: Vec<&str> = said.lines().collect();
            assert_eq!(said.len(), says.len(), "{command} {files}: {said:?}");
            for (said, says) in said.iter().zip(says) {
                assert!(said.starts_with(says), "{command} {files}: {said}");
            }
            if command != "report" {
                let is_read = files.ends_with("notes.jsonl") || files.ends_with("demo.jsonl");
                assert_eq!(output.stdout == whole.stdout, is_read, "{command} {files}");
            }
        }
    }
    let twice = place.run("open demo.jsonl demo.jsonl", Stdio::null());
    let said = String::from_utf8(twice.stderr).unwrap();
    assert!(
        said.starts_with("codextap: demo.jsonl: 16 flows were read already, the first at line 1"),
        "{said}"
    );
    assert_eq!(twice.status.code(), Some(0));
}

#[test]
fn a_filter_that_matches_nothing_says_so() {
    let place = Place::new();
    for command in [
        "report demo.jsonl",
        "sessions list demo.jsonl",
        "export demo.jsonl --format har",
        "open demo.jsonl",
    ] {
        let run = |more: &str| {
            place.run(
                &format!("{command} --filter model:nosuch{more}"),
                Stdio::null(),
            )
        };
        let output = run("");
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(
            said, "codextap: nothing matches model:nosuch\n",
            "{command}"
        );
        assert_eq!(output.status.code(), Some(0), "{command}");
        assert_eq!(run(" -q").stderr, b"", "{command}");
    }
}

#[test]
fn a_filter_that_chooses_turns_leaves_their_connections_out() {
    let place = Place::new();
    let text = place.printed("export demo.jsonl --format jsonl --filter is:warmup");
    let kinds: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["kind"].clone())
        .collect();
    assert_eq!(kinds, ["ws_turn"]);
    fs::write(place.path("turn.jsonl"), text).unwrap();
    let rows = place.printed("open turn.jsonl --filter ~websocket");
    assert!(rows.contains(" warm-up"), "{rows}");
    let archive = place.printed("export demo.jsonl --format har --filter is:warmup");
    let archive: Value = serde_json::from_str(&archive).unwrap();
    assert_eq!(archive["log"]["entries"].as_array().unwrap().len(), 1);
}

#[test]
fn a_report_stands_in_its_order() {
    let place = Place::new();
    let report = place.printed("report demo.jsonl");
    let log = place.printed("export demo.jsonl --format markdown");
    let tables = report.strip_suffix(&log).unwrap();
    assert!(tables.starts_with("# Report of codextap\n"), "{tables}");
    assert!(tables.ends_with("\n## Conversation\n\n"), "{tables}");
    assert_eq!(log.matches("\n### ").count() + 1, 16);
}
