//! Captures from end to end: every kind of line against the schema, back again, and on the disk.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

#[path = "capture/flows.rs"]
mod flows;

use codextap::capture::{self, Existing, Shelf, Writer};
use codextap::flow::{Flow, FlowId};
use flows::{every_kind, text_of};

/// How much a writer may keep in memory in these tests.
const BACKLOG: u64 = 1 << 20;

#[test]
fn every_kind_of_line_fits_the_schema() {
    let schema = serde_json::from_str(include_str!("../docs/capture.schema.json")).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let store = every_kind();
    for flow in store.flows() {
        let line = text_of(flow, &store);
        let value = serde_json::from_str(&line).unwrap();
        let errors: Vec<String> = validator
            .iter_errors(&value)
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        assert!(errors.is_empty(), "{}: {errors:#?}\n{line}", flow.name);
    }
    let wrong = text_of(store.flows()[0], &store).replacen("\"v\":1", "\"v\":2", 1);
    assert!(!validator.is_valid(&serde_json::from_str(&wrong).unwrap()));
}

#[test]
fn what_is_read_is_what_was_written() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("capture.jsonl");
    let store = every_kind();
    let ids = || store.rows().iter().copied();
    let saved = capture::save(&path, &store, &Shelf::default(), ids(), Existing::Keep).unwrap();
    let written = fs::read_to_string(&path).unwrap();
    assert_eq!(saved.lines as usize, written.lines().count());
    assert_eq!(saved.bytes as usize, written.len());

    let loaded = capture::load(&path).unwrap();
    assert_eq!(loaded.skipped, []);
    for (read, was) in loaded.store.flows().iter().zip(store.flows()) {
        assert_eq!(text_of(read, &loaded.store), text_of(was, &store));
        assert_eq!(read.kind, was.kind, "{}", was.name);
        assert_eq!(read.connection, was.connection);
        assert_eq!(read.phases(), was.phases());
        assert_eq!(read.connection, was.connection);
        assert_eq!(read.phases(), was.phases());
        assert_eq!(read.request.head, was.request.head, "{}", was.name);
        assert_eq!(read.response.head, was.response.head, "{}", was.name);
        assert_eq!(read.identity, was.identity, "{}", was.name);
        let texts = |flow: &Flow| -> Vec<Vec<u8>> {
            let frames = flow.frames.iter();
            frames
                .map(|frame| flow.frame_bytes(frame).to_vec())
                .collect()
        };
        assert_eq!(texts(read), texts(was), "{}", was.name);
        assert_eq!(read.request.body, was.request.body, "{}", was.name);
        assert_eq!(read.response.body, was.response.body, "{}", was.name);
    }
    assert_eq!(loaded.store.flows().len(), store.flows().len());
}

#[test]
fn a_line_says_what_jq_users_look_for() {
    let store = every_kind();
    let json = |name: &str| -> serde_json::Value {
        let flows = store.flows();
        let flow = flows.iter().find(|flow| flow.name == name).unwrap();
        serde_json::from_str(&text_of(flow, &store)).unwrap()
    };
    let http = json("run-json");
    assert_eq!(http["started"], "2025-06-15T12:00:01.000005Z");
    assert_eq!(http["request"]["body"]["model"], "m-1");
    assert_eq!(http["response"]["status"], 200);
    assert_eq!(http["timings"]["response_head"], 250);
    assert_eq!(http["timings"]["end"], 1500);
    let secret = http["request"]["headers"][0][1].as_str().unwrap();
    assert!(secret.starts_with("Bearer <redacted:"), "{secret}");

    let verbatim = r#""body":{"model":"m-1","z":1.50,"a":12345678901234567890}"#;
    assert!(text_of(store.flows()[0], &store).contains(verbatim));

    let failed = json("run-failed");
    assert_eq!(
        failed["error"],
        "upstream side, connect: connection refused"
    );
    assert_eq!(failed["response"], serde_json::Value::Null);

    let turn = json("run-ws-1");
    assert_eq!(turn["ws"], "run-ws");
    assert_eq!(turn["number"], 1);
    assert_eq!(turn["request"]["body"]["type"], "response.create");
    assert_eq!(turn["response"]["body"]["id"], "resp_1");
    assert_eq!(turn["frames"][0]["dir"], "out");
    assert_eq!(turn["frames"][1]["deflate"], true);
    assert_eq!(turn["frames"][1]["t"], 40);
    let connection = json("run-ws");
    assert_eq!(connection["ws"], "run-ws");
    assert_eq!(connection["close"]["code"], 1000);

    let sse = json("run-sse");
    let body = sse["response"]["body"].as_str().unwrap();
    let event = &sse["response"]["events"][1];
    let (from, len) = (
        event[0].as_u64().unwrap() as usize,
        event[1].as_u64().unwrap() as usize,
    );
    assert!(body[from..from + len].starts_with("event: b"), "{body}");
}

#[test]
fn a_capture_is_private() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("state/codextap/capture.jsonl");
    let writer = Writer::open(&path, BACKLOG).unwrap();
    assert_eq!(mode(&path), 0o600);
    assert_eq!(mode(path.parent().unwrap()), 0o700);
    assert_eq!(writer.finish().error, None);

    fs::write(&path, "{}\n").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    let mut writer = Writer::open(&path, BACKLOG).unwrap();
    assert_eq!(mode(&path), 0o600);
    writer.write(b"{\"a\":1}".to_vec());
    let status = writer.finish();
    assert_eq!((status.lines, status.bytes, status.queued), (1, 8, 0));
    assert_eq!(fs::read_to_string(&path).unwrap(), "{}\n{\"a\":1}\n");
}

#[test]
fn two_writers_share_a_file_by_whole_lines() {
    const LINES: usize = 500;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("shared.jsonl");
    let write = |letter: u8| {
        let mut writer = Writer::open(&path, BACKLOG).unwrap();
        for length in 0..LINES {
            writer.write(vec![letter; length * 7 + 1]);
            writer.flush();
        }
        let status = writer.finish();
        assert_eq!((status.lines as usize, status.error), (LINES, None));
    };
    std::thread::scope(|scope| {
        scope.spawn(|| write(b'a'));
        scope.spawn(|| write(b'b'));
    });
    let text = fs::read_to_string(&path).unwrap();
    for letter in ['a', 'b'] {
        let lengths: Vec<usize> = text
            .lines()
            .filter(|line| line.chars().all(|c| c == letter))
            .map(str::len)
            .collect();
        let expected: Vec<usize> = (0..LINES).map(|length| length * 7 + 1).collect();
        assert_eq!(lengths, expected, "{letter}");
    }
    assert_eq!(text.lines().count(), 2 * LINES);
}

#[test]
fn a_torn_tail_costs_one_line() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("torn.jsonl");
    let store = every_kind();
    let lines: Vec<String> = store
        .flows()
        .iter()
        .map(|flow| text_of(flow, &store))
        .collect();
    let half = &lines[1][..lines[1].len() / 2];
    fs::write(&path, format!("{}\n{half}", lines[0])).unwrap();

    let loaded = capture::load(&path).unwrap();
    assert_eq!(loaded.store.flows().len(), 1);
    assert_eq!(loaded.skipped.len(), 1);
    assert_eq!(loaded.skipped[0].line, 2);
    assert!(
        loaded.skipped[0].why.starts_with("torn"),
        "{}",
        loaded.skipped[0]
    );

    let mut writer = Writer::open(&path, BACKLOG).unwrap();
    writer.write(lines[2].clone().into_bytes());
    let status = writer.finish();
    assert_eq!(status.error, None);
    assert_eq!(fs::read_to_string(&status.torn[0]).unwrap(), half);
    let loaded = capture::load(&path).unwrap();
    assert_eq!(loaded.store.flows().len(), 2);
    assert!(loaded.skipped.is_empty());
}

#[test]
fn foreign_lines_are_skipped_and_named() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("mixed.jsonl");
    let store = every_kind();
    let good = text_of(store.flows()[0], &store);
    let odd = good
        .replace("\"HTTP/1.1\"", "\"SPDY\"")
        .replace("run-", "other-");
    fs::write(&path, format!("hello\n{good}\n{odd}\n{good}\n")).unwrap();
    let loaded = capture::load(&path).unwrap();
    assert_eq!(loaded.store.flows().len(), 1);
    let skipped: Vec<_> = loaded
        .skipped
        .iter()
        .map(|line| (line.line, line.why.as_str()))
        .collect();
    assert!(
        skipped[0].0 == 1 && skipped[0].1.starts_with("not JSON"),
        "{skipped:?}"
    );
    assert_eq!(skipped[1], (3, "unknown protocol version SPDY"));
    assert!(
        skipped[2].0 == 4 && skipped[2].1.ends_with("was read already"),
        "{skipped:?}"
    );
}

#[test]
fn a_turn_without_its_connection_gets_one() {
    let store = every_kind();
    let flows = store.flows();
    let turn = flows.iter().find(|flow| flow.name == "run-ws-1").unwrap();
    let mut reader = capture::Reader::default();
    reader.lines("-", text_of(turn, &store).as_bytes()).unwrap();
    let loaded = reader.finish();
    let names: Vec<&str> = loaded
        .store
        .flows()
        .iter()
        .map(|flow| flow.name.as_str())
        .collect();
    assert_eq!(names, ["run-ws", "run-ws-1"]);
    assert_eq!(loaded.store.turns(FlowId(0)).len(), 1);
    assert_eq!(loaded.store.flows()[0].request.head, turn.request.head);
    let gist = &loaded.store.flows()[0].gist;
    assert!(gist.ends_with("(connection not saved)"), "{gist}");
}

#[test]
fn a_path_that_cannot_be_written_is_an_error_with_the_reason() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file");
    fs::write(&file, "").unwrap();
    let below = file.join("capture.jsonl");
    let message = Writer::open(&below, BACKLOG).unwrap_err().to_string();
    let expected = format!("cannot write {}: ", below.display());
    assert!(message.starts_with(&expected), "{message}");
    let message = capture::load(&below).unwrap_err().to_string();
    assert!(message.starts_with("cannot read "), "{message}");
}

#[test]
fn lines_wait_in_memory_until_the_file_can_be_written_again() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("capture.jsonl");
    let mut writer = Writer::open(&path, BACKLOG).unwrap();
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    writer.write(b"1".to_vec());
    writer.flush();
    while writer.status().error.is_none() {
        std::thread::yield_now();
    }
    assert_eq!(writer.status().queued, 2);
    fs::remove_dir(&path).unwrap();
    writer.write(b"2".to_vec());
    let status = writer.finish();
    assert_eq!(
        (status.lines, status.queued, status.lost, status.error),
        (2, 0, 0, None)
    );
    assert_eq!(fs::read_to_string(&path).unwrap(), "1\n2\n");
}

#[test]
fn what_does_not_fit_in_memory_is_counted() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("capture.jsonl");
    let mut writer = Writer::open(&path, 10).unwrap();
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    for _ in 0..5 {
        writer.write(b"1234".to_vec());
    }
    let status = writer.finish();
    assert_eq!((status.lines, status.lost, status.queued), (0, 3, 10));
    assert!(status.error.is_some());
}

#[test]
fn a_selection_replaces_a_file_only_when_told_and_leaves_nothing_behind() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("selection.jsonl");
    let store = every_kind();
    fs::write(&path, "mine\n").unwrap();
    let refused = capture::save(
        &path,
        &store,
        &Shelf::default(),
        [FlowId(0)],
        Existing::Keep,
    );
    assert!(matches!(refused, Err(capture::Error::Exists(_))));
    assert_eq!(fs::read_to_string(&path).unwrap(), "mine\n");
    capture::save(
        &path,
        &store,
        &Shelf::default(),
        [FlowId(1), FlowId(0)],
        Existing::Replace,
    )
    .unwrap();
    assert_eq!(mode(&path), 0o600);
    assert_eq!(fs::read_to_string(&path).unwrap().lines().count(), 2);
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}
