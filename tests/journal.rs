//! The journal: what is in flight is on the disk as it comes, masked, and comes back after a kill.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

#[path = "journal/run.rs"]
mod run;
#[expect(dead_code, reason = "another test uses the rest")]
#[path = "recording/script.rs"]
mod script;

use std::fs;
use std::path::Path;

use codextap::capture::{self, Recovery, load};
use codextap::flow::{Flow, FlowKind, LIMIT, State};
use codextap::tap::{Direction, KILLED};
use proptest::prelude::*;
use run::Run;
use script::frame;

const TEXT: u8 = 0x81;

#[test]
fn a_stream_that_was_cut_comes_back_up_to_its_last_byte_once() {
    let mut run = Run::new();
    run.stream();
    run.data(
        Direction::In,
        b"data: {\"type\":\"response.created\"}\n\ndata: {\"half",
    );
    let home = run.kill();
    assert_eq!(recovered(home.path()), 1);
    let capture = home.path().join("capture.jsonl");
    let loaded = load(&capture).unwrap();
    assert!(loaded.skipped.is_empty(), "{:?}", loaded.skipped);
    let flows = loaded.store.flows();
    let [flow] = flows[..] else {
        panic!("{flows:?}")
    };
    assert!(flow.is_recovered);
    assert_eq!(flow.state(), State::Failed);
    assert!(
        flow.failures[0].message.contains(KILLED),
        "{:?}",
        flow.failures
    );
    assert_eq!(flow.gist, "say hello");
    assert_eq!(
        flow.response.body.text(),
        Some("data: {\"type\":\"response.created\"}\n\ndata: {\"half")
    );
    assert!(
        fs::read_to_string(&capture)
            .unwrap()
            .contains("\"recovered\":true")
    );
    assert!(capture::journals(home.path(), &[]).is_empty());
}

#[test]
fn what_is_in_the_capture_already_is_not_added_again() {
    let mut run = Run::new();
    run.stream();
    run.data(Direction::In, b"data: 1\n\n");
    run.end(Direction::In);
    run.stream();
    run.data(Direction::In, b"data: 2\n\n");
    let home = run.kill();
    let before = fs::read_to_string(home.path().join("capture.jsonl")).unwrap();
    assert_eq!(before.lines().count(), 1);
    assert_eq!(recovered(home.path()), 1);
    let after = fs::read_to_string(home.path().join("capture.jsonl")).unwrap();
    assert!(
        after.starts_with(&before) && after.lines().count() == 2,
        "{after}"
    );
}

#[test]
fn what_ended_and_was_not_chosen_does_not_come_back() {
    let mut run = Run::new();
    run.choose(|flow| flow.response.body.text() == Some("data: 1\n\n"));
    // Whether this one is to be chosen nobody knows yet.
    run.stream();
    run.data(Direction::In, b"data: 0\n\n");
    for data in ["data: 1\n\n", "data: 2\n\n"] {
        run.stream();
        run.data(Direction::In, data.as_bytes());
        run.end(Direction::In);
    }
    let home = run.kill();
    assert_eq!(recovered(home.path()), 1);
    let loaded = load(&home.path().join("capture.jsonl")).unwrap();
    let mut flows = loaded.store.flows();
    flows.sort_by_key(|flow| flow.started);
    let bodies = flows.iter().map(|flow| flow.response.body.text());
    let bodies: Vec<_> = bodies.flatten().collect();
    assert_eq!(bodies, ["data: 0\n\n", "data: 1\n\n"]);
}

#[test]
fn a_batch_of_events_is_one_row_of_a_flow_that_goes_on_and_one_of_each_that_ended() {
    let mut run = Run::new();
    for _ in 0..2 {
        run.stream();
        run.data(Direction::In, b"data: 1\n\n");
        run.end(Direction::In);
    }
    run.stream();
    run.data(Direction::In, b"data: 2\n\n");
    run.data(Direction::In, b"data: 3\n\n");
    run.hear_together();
    let home = run.kill();
    let journal = capture::journals(home.path(), &[]).remove(0);
    assert_eq!(fs::read_to_string(&journal).unwrap().lines().count(), 3);
    assert_eq!(recovered(home.path()), 1);
    let loaded = load(&home.path().join("capture.jsonl")).unwrap();
    let texts = |flow: &&Flow| flow.response.body.text().map(str::to_owned);
    let texts: Vec<_> = loaded.store.flows().iter().filter_map(texts).collect();
    assert_eq!(
        texts,
        ["data: 1\n\n", "data: 1\n\n", "data: 2\n\ndata: 3\n\n"]
    );
}

#[test]
fn what_was_spilled_of_a_flow_that_is_not_in_the_capture_is_missed() {
    let mut run = Run::new();
    run.stream();
    let data = format!("data: {}\n\n", "x".repeat(1 << 20)).repeat(11);
    run.data(Direction::In, data.as_bytes());
    run.end(Direction::In);
    run.hear_together();
    let home = run.kill();
    let capture = home.path().join("capture.jsonl");
    fs::write(&capture, "").unwrap();
    assert_eq!(recovered(home.path()), 1);
    let loaded = load(&capture).unwrap();
    let [flow] = loaded.store.flows()[..] else {
        panic!("{} flows", loaded.store.len())
    };
    let body = &flow.response.body;
    assert!(body.missed > 0);
    assert_eq!(body.bytes().len() as u64 + body.missed, data.len() as u64);
}

#[test]
fn frames_that_were_spilled_are_missed_after_a_kill() {
    let mut run = Run::new();
    run.socket(None);
    let create = br#"{"type":"response.create","model":"m","input":"hi"}"#;
    run.data(Direction::Out, &frame(Direction::Out, TEXT, create));
    let delta = format!(
        r#"{{"type":"response.output_text.delta","delta":"{}"}}"#,
        "d".repeat(60_000)
    );
    let delta = frame(Direction::In, TEXT, delta.as_bytes());
    let count = (3 * LIMIT).div_ceil(delta.len());
    for _ in 0..count {
        run.data(Direction::In, &delta);
    }
    run.data(Direction::In, &delta[..1000]);
    run.hear_together();
    let home = run.kill();
    assert_eq!(recovered(home.path()), 2);
    let loaded = load(&home.path().join("capture.jsonl")).unwrap();
    let flows = loaded.store.flows();
    let is_turn = |flow: &&&Flow| matches!(flow.kind, FlowKind::WsTurn { .. });
    let turn = flows.iter().find(is_turn).unwrap();
    let body = &turn.response.body;
    assert!((LIMIT - delta.len()..LIMIT + delta.len()).contains(&body.bytes().len()));
    let known = body.bytes().len() as u64 + body.missed;
    // What the last row that tells of it did not know yet aside.
    assert!(known > 2 * LIMIT as u64 && known <= (count * delta.len()) as u64);
    assert!(
        turn.failures
            .iter()
            .any(|failure| failure.message.contains(KILLED))
    );
}

#[test]
fn a_torn_row_ends_the_journal_and_a_torn_line_is_set_aside() {
    let mut run = Run::new();
    run.stream();
    run.data(Direction::In, b"data: 1\n\n");
    run.data(Direction::In, b"data: 2\n\n");
    let home = run.kill();
    let journal = capture::journals(home.path(), &[]).remove(0);
    let rows = fs::read(&journal).unwrap();
    fs::write(&journal, &rows[..rows.len() - 3]).unwrap();
    let capture = home.path().join("capture.jsonl");
    fs::write(&capture, "{\"v\":1,\"kind\":\"ht").unwrap();
    let Recovery::Recovered { flows, torn, .. } = capture::recover(&journal, &[]).unwrap() else {
        panic!("in use")
    };
    assert_eq!(flows, 1);
    assert_eq!(fs::read(torn.unwrap()).unwrap(), b"{\"v\":1,\"kind\":\"ht");
    let loaded = load(&capture).unwrap();
    assert!(loaded.skipped.is_empty());
    assert_eq!(
        loaded.store.flows()[0].response.body.text(),
        Some("data: 1\n\n")
    );
}

#[test]
fn a_journal_of_a_program_that_lives_is_left_alone_and_goes_with_it() {
    let mut run = Run::new();
    run.stream();
    let home = run.journalled();
    let journals = capture::journals(&home, &[]);
    assert_eq!(
        capture::recover(&journals[0], &[]).unwrap(),
        Recovery::InUse
    );
    run.finish();
    assert!(capture::journals(&home, &[]).is_empty());
}

#[test]
fn a_journal_is_empty_when_nothing_is_in_flight() {
    let mut run = Run::new();
    run.stream();
    run.data(Direction::In, b"data: 1\n\n");
    run.journalled();
    run.end(Direction::In);
    run.wait_for_an_empty_journal();
}

#[test]
fn messages_of_a_socket_come_back_whole_or_not() {
    let mut run = Run::new();
    run.socket(None);
    let create = br#"{"type":"response.create","model":"m","input":"hi"}"#;
    run.data(Direction::Out, &frame(Direction::Out, TEXT, create));
    let delta = br#"{"type":"response.output_text.delta","delta":"one"}"#;
    run.data(Direction::In, &frame(Direction::In, TEXT, delta));
    let half = frame(Direction::In, TEXT, delta);
    run.data(Direction::In, &half[..half.len() - 5]);
    let home = run.kill();
    assert_eq!(recovered(home.path()), 2);
    let loaded = load(&home.path().join("capture.jsonl")).unwrap();
    assert!(loaded.skipped.is_empty(), "{:?}", loaded.skipped);
    let flows = loaded.store.flows();
    assert_eq!(flows.len(), 2);
    let is_turn = |flow: &&&Flow| matches!(flow.kind, FlowKind::WsTurn { .. });
    let turn = flows.iter().find(is_turn).unwrap();
    let texts: Vec<&[u8]> = turn
        .frames
        .iter()
        .map(|row| turn.frame_bytes(row))
        .collect();
    assert_eq!(texts, [&create[..], delta, &delta[..delta.len() - 5]]);
    assert!(
        flows
            .iter()
            .all(|flow| flow.is_recovered && !flow.failures.is_empty())
    );
}

#[test]
fn a_secret_that_is_cut_anywhere_is_never_in_the_journal() {
    let secret = r#"{"a":"x","access_token":"sEcReT-in-a-member","url":"https://me:sEcReT-in-a-url@h/","echo":"lEaRnEd-credential-of-a-header"}"#;
    let event = format!("data: {secret}\n\n");
    let message = frame(Direction::In, TEXT, secret.as_bytes());
    for cut in 0..=event.len() {
        let mut run = Run::new();
        run.request("POST", "/v1/files", &[CREDENTIAL]);
        run.in_two(Direction::Out, secret.as_bytes(), cut);
        run.stream();
        run.in_two(Direction::In, event.as_bytes(), cut);
        run.socket(None);
        run.in_two(Direction::In, &message, cut);
        let home = run.kill();
        let journal = fs::read_to_string(&capture::journals(home.path(), &[])[0]).unwrap();
        for told in ["sEcR", "lEaR"] {
            assert!(!journal.contains(told), "cut at {cut}: {journal}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn whatever_was_told_before_the_cut_comes_back_and_nothing_twice(
        steps in proptest::collection::vec((0..3_u8, 0..3_u64, "[a-zé\n\"]{0,40}"), 0..40),
    ) {
        let mut run = Run::new();
        // An upload, an event stream and a socket, in turns.
        run.request("POST", "/v1/files", &[]);
        run.stream();
        run.socket(None);
        let mut told = [Vec::new(), Vec::new(), Vec::new()];
        for (exchange, _, text) in &steps {
            let exchange = usize::from(*exchange);
            run.exchange = exchange as u64 + 1;
            told[exchange].extend_from_slice(text.as_bytes());
            match exchange {
                0 => run.data(Direction::Out, text.as_bytes()),
                1 => run.data(Direction::In, text.as_bytes()),
                _ => run.data(Direction::In, &frame(Direction::In, TEXT, text.as_bytes())),
            }
        }
        let home = run.kill();
        prop_assert_eq!(recovered(home.path()), 3);
        let loaded = load(&home.path().join("capture.jsonl")).unwrap();
        prop_assert!(loaded.skipped.is_empty(), "{:?}", loaded.skipped);
        let mut flows = loaded.store.flows();
        flows.sort_by_key(|flow| flow.started);
        prop_assert_eq!(flows.len(), 3);
        prop_assert_eq!(flows[0].request.body.bytes(), &told[0][..]);
        prop_assert_eq!(flows[1].response.body.bytes(), &told[1][..]);
        let texts: Vec<u8> = flows[2].frames.iter().flat_map(|row| flows[2].frame_bytes(row)).copied().collect();
        prop_assert_eq!(&texts, &told[2]);
    }
}

/// A field whose credential is masked everywhere.
const CREDENTIAL: (&str, &str) = ("authorization", "Bearer lEaRnEd-credential-of-a-header");

/// Recovers all journals in `home`; gives the number of flows.
fn recovered(home: &Path) -> usize {
    let recovered = capture::journals(home, &[])
        .into_iter()
        .map(|journal| match capture::recover(&journal, &[]).unwrap() {
            Recovery::Recovered { flows, .. } => flows,
            Recovery::InUse => panic!("in use"),
        });
    recovered.sum()
}
