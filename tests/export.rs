//! Flows in the forms of other tools, held against what those tools demand of them.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::path::Path;

use codextap::capture;
use codextap::export::{Format, Har};
use codextap::flow::{Flow, Store};
use serde_json::Value;

/// Captures with exchanges, event streams, WebSockets and failures.
const CAPTURES: [&str; 3] = [
    "tests/fixtures/demo.jsonl",
    "tests/fixtures/v1.jsonl",
    "tests/fixtures/v1-outcome.jsonl",
];

#[test]
fn an_archive_fits_the_schema() {
    let schema = serde_json::from_str(include_str!("fixtures/har-1.2.schema.json")).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    for capture in CAPTURES {
        let archive: Value = serde_json::from_str(&written(Har::default(), capture)).unwrap();
        let errors: Vec<String> = validator
            .iter_errors(&archive)
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        assert!(errors.is_empty(), "{capture}: {errors:#?}");
    }
    let mut broken: Value = serde_json::from_str(&written(Har::default(), CAPTURES[0])).unwrap();
    broken["log"]["entries"][0]["time"] = Value::Null;
    assert!(!validator.is_valid(&broken));
}

#[test]
fn a_connection_is_one_entry_with_the_messages_of_its_turns_in_order() {
    let archive: Value = serde_json::from_str(&written(Har::default(), CAPTURES[0])).unwrap();
    let entries = archive["log"]["entries"].as_array().unwrap();
    assert_eq!(entries.len(), 11, "16 flows, 5 of them turns");
    let messages = entries[1]["_webSocketMessages"].as_array().unwrap();
    let times: Vec<f64> = messages
        .iter()
        .map(|message| message["time"].as_f64().unwrap())
        .collect();
    assert!(times.is_sorted());
    let asked = messages.iter().filter(|message| {
        let data = message["data"].as_str().unwrap();
        message["type"] == "send" && data.contains("response.create")
    });
    assert_eq!(asked.count(), 5);
}

#[test]
fn turns_without_their_connection_stand_on_one_made_of_their_handshake() {
    let store = store(CAPTURES[0]);
    let mut har = Har::default();
    let mut text = Vec::new();
    har.begin(&mut text);
    for flow in flows(&store).filter(|flow| flow.name.contains('.')) {
        har.push(flow.clone(), &mut text);
    }
    har.end(&mut text);
    let archive: Value = serde_json::from_slice(&text).unwrap();
    let entries = archive["log"]["entries"].as_array().unwrap();
    assert_eq!(entries.len(), 1);
    assert_eq!(entries[0]["response"]["status"], 101);
    assert!(entries[0]["_webSocketMessages"].as_array().unwrap().len() > 100);
}

fn store(capture: &str) -> Store {
    let loaded = capture::load(Path::new(capture)).unwrap();
    assert_eq!(loaded.skipped, []);
    loaded.store
}

/// The flows in the order of the list.
fn flows(store: &Store) -> impl Iterator<Item = &Flow> {
    store.rows().iter().map(|id| store.get(*id).unwrap())
}

/// The whole of a capture in a form.
fn written(mut format: impl Format, capture: &str) -> String {
    let mut text = Vec::new();
    format.begin(&mut text);
    for flow in flows(&store(capture)) {
        format.push(flow.clone(), &mut text);
    }
    format.end(&mut text);
    String::from_utf8(text).unwrap()
}
