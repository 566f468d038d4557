//! What is wrong with an exchange, in plain words on the flow, however its bytes were cut.

use codextap::flow::Flow;
use codextap::responses::Status;
use codextap::tap::{Direction, Failure, Kind, Phase, Side};

use super::script::{REQUEST, STREAM, Script, frame};

fn lints(flow: &Flow) -> Vec<String> {
    let lints = flow.lints().into_iter();
    lints.map(std::borrow::Cow::into_owned).collect()
}

type Fields<'a> = &'a [(&'static str, &'a str)];

/// A model request that was answered so.
fn answered(status: u16, fields: Fields, body: &str) -> Script {
    let mut script = Script::new();
    script.request("POST", "/v1/responses", &[]);
    script.data(Direction::Out, REQUEST.as_bytes());
    script.end(Direction::Out);
    script.response(status, fields);
    script.data(Direction::In, body.as_bytes());
    script.end(Direction::In);
    script
}

const AGAIN: &str = "Codex takes the stream for lost and sends the request again";

#[test]
fn an_answer_in_another_format_is_named() {
    let page = "<!DOCTYPE html>\n<html><head><title>Just a\n moment...</title></head></html>";
    let html = ("content-type", "text/html; charset=UTF-8");
    let json = ("content-type", "application/json");
    let table: &[(u16, Fields, &str, Option<String>)] = &[
        (
            403,
            &[html, ("server", "cloudflare"), ("cf-ray", "8-AMS")],
            page,
            Some(
                "an HTML page from Cloudflare (“Just a moment...”) came where JSON was due".into(),
            ),
        ),
        (
            200,
            &[html],
            page,
            Some("an HTML page (“Just a moment...”) came where an event stream was due".into()),
        ),
        (
            502,
            &[],
            "<html><body>Bad gateway",
            Some("an HTML page came where JSON was due".into()),
        ),
        (
            200,
            &[json],
            r#"{"id":"resp_1","output":[]}"#,
            Some(format!(
                "one body came where an event stream was due: {AGAIN}"
            )),
        ),
        (
            500,
            &[json],
            "{\"error\":",
            Some("body is not readable: EOF while parsing a value at line 1 column 9".into()),
        ),
        (429, &[json], r#"{"error":{"message":"slow down"}}"#, None),
    ];
    for (status, fields, body, lint) in table {
        let script = answered(*status, fields, body);
        let found = lints(script.flow(0));
        assert_eq!(found.first(), lint.as_ref(), "{status} {body}");
    }
}

#[test]
fn a_compaction_over_http_is_one_body_and_no_lost_stream() {
    let json = ("content-type", "application/json");
    for fields in [&[json][..], &[]] {
        let mut script = Script::new();
        script.request("POST", "/v1/responses/compact", &[]);
        script.data(Direction::Out, br#"{"model":"gpt-5.2-codex","input":[]}"#);
        script.end(Direction::Out);
        script.response(200, fields);
        let body = br#"{"output":[{"type":"compaction","encrypted_content":"c2VhbGVk"}]}"#;
        script.data(Direction::In, body);
        script.end(Direction::In);
        let flow = script.flow(0);
        assert_eq!(flow.turn.as_ref().unwrap().status, Status::Completed);
        assert_eq!(lints(flow), Vec::<String>::new());
    }
}

#[test]
fn a_stream_without_its_end_is_named_unless_codex_left() {
    let half = &STREAM[..STREAM.find("event: response.completed").unwrap()];
    let stream = [("content-type", "text/event-stream")];
    let lost = format!("no terminal event came: {AGAIN}");
    let script = answered(200, &stream, half);
    assert_eq!(lints(script.flow(0))[0], lost);

    let mut left = Script::new();
    left.stream();
    left.data(Direction::In, half.as_bytes());
    left.tell(Kind::Failed(Failure {
        side: Side::Client,
        phase: Phase::Body,
        message: "gone".to_owned(),
    }));
    left.end(Direction::In);
    assert_eq!(left.flow(0).turn.as_ref().unwrap().status, Status::Lost);
    assert!(!lints(left.flow(0)).contains(&lost));
}

#[test]
fn an_error_event_that_codex_ignores_is_named() {
    let stream = [("content-type", "text/event-stream")];
    let error = "data: {\"type\":\"error\",\"code\":\"server_error\",\"message\":\"Oops\"}\n\n";
    let script = answered(200, &stream, error);
    assert_eq!(
        lints(script.flow(0)),
        ["Codex ignores an error event over HTTP: only response.failed tells it why"]
    );
}

#[test]
fn comments_do_not_keep_a_stream_alive() {
    let mut script = Script::new();
    script.stream();
    script.data(Direction::In, b": still here\n\n");
    assert_eq!(lints(script.flow(0)), Vec::<String>::new());
    script.now += 300_000_000;
    script.data(Direction::In, b": still here\n\n");
    assert_eq!(
        lints(script.flow(0)),
        ["300 s of comments alone: they do not reset Codex's idle timer"]
    );
}

#[test]
fn a_socket_of_which_one_side_ended_is_half_closed() {
    let mut script = Script::new();
    script.socket(None);
    script.data(Direction::In, &frame(Direction::In, 0x82, &[0, 1]));
    let binary = "a binary message came: Codex ends the connection over it";
    assert_eq!(lints(script.flow(0)), [binary]);
    script.end(Direction::In);
    assert_eq!(
        lints(script.flow(0)),
        [
            "half-closed: the upstream ended its side without a close frame, and Codex has not yet",
            binary
        ]
    );
    script.end(Direction::Out);
    assert_eq!(lints(script.flow(0)), [binary]);
}

#[test]
fn the_end_of_one_turn_is_not_that_of_the_next() {
    let mut script = Script::new();
    script.socket(None);
    let create = |more: &str| {
        let text = format!(r#"{{"type":"response.create","model":"m",{more}"input":[]}}"#);
        frame(Direction::Out, 0x81, text.as_bytes())
    };
    let event = |kind: &str, id: &str| {
        let text = format!(r#"{{"type":"response.{kind}","response":{{"id":"{id}"}}}}"#);
        frame(Direction::In, 0x81, text.as_bytes())
    };
    script.data(Direction::Out, &create(""));
    script.data(Direction::In, &event("completed", "resp_1"));
    script.data(
        Direction::Out,
        &create(r#""previous_response_id":"resp_1","#),
    );
    script.data(Direction::In, &event("completed", "resp_1"));
    let turn = script.flow(2).turn.as_ref().unwrap();
    assert_eq!(turn.status, Status::InProgress);
    script.data(Direction::In, &event("completed", "resp_2"));
    let turn = script.flow(2).turn.as_ref().unwrap();
    assert_eq!(turn.status, Status::Completed);
    assert_eq!(turn.response_id.as_deref(), Some("resp_2"));
    assert_eq!(
        lints(script.flow(2)),
        ["event 0: response.completed is of the response before this one: left aside"]
    );
}

#[test]
fn where_a_bent_stream_is_cut_changes_no_word_about_it() {
    let events = [
        r#"{"type":"response.output_text.delta","sequence_number":1,"output_index":0,"delta":"é"}"#,
        r#"{"type":"response.output_item.added","sequence_number":4,"output_index":1,"item":{"type":"reasoning","id":"rs"}}"#,
        r#"{"type":"response.output_item.done","sequence_number":5,"output_index":1,"item":{"type":"function_call","name":"f","arguments":"{"}}"#,
        r#"{"type":"response.sparkle"}"#,
        r#"{"type":"#,
        r#"{"type":"error","message":"no"}"#,
        r#"{"type":"response.completed","response":{"usage":{}}}"#,
    ];
    let blocks = events.map(|event| format!("data: {event}\r\n\r\n"));
    let body = blocks.concat();
    let bent = |size: usize| {
        let mut script = Script::new();
        script.stream();
        for chunk in body.as_bytes().chunks(size) {
            script.data(Direction::In, chunk);
        }
        script.end(Direction::In);
        (script.flow(0).turn.clone(), lints(script.flow(0)))
    };
    let whole = bent(body.len());
    assert!(whole.1.len() > 6, "{:#?}", whole.1);
    for size in [1, 2, 3, 7, 64] {
        assert_eq!(bent(size), whole, "in portions of {size}");
    }
}
