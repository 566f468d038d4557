//! The tabs, over whole flows.

use super::super::tests::{TURN, answered, at, body, field, flow, frame, plain, shown, streamed};
use super::*;
use crate::flow::{Close, Fault, FlowKind, Op};
use crate::tap::{Connection, Failure, Phase, Redactor, Side, Value};

fn tab(flow: &Flow, tab: Tab) -> String {
    plain(&payload(flow, &Around::default(), tab, &Folds::default()))
}

#[test]
fn a_request_begins_with_why_its_turn_failed() {
    let failed = r#"{"type":"response.failed","response":{"id":"r","status":"failed","error":{"code":"rate_limit_exceeded","message":"slow down"}}}"#;
    let flow = streamed(&[failed]);
    let first = |flow: &Flow| tab(flow, Tab::Request).lines().next().unwrap().to_owned();
    assert!(first(&flow).starts_with("✗ "), "{}", first(&flow));
    assert!(first(&flow).contains("slow down"), "{}", first(&flow));
    assert!(!first(&streamed(&TURN)).starts_with('✗'));
}

#[test]
fn the_frames_of_a_connection_stand_in_its_turns() {
    let ws = answered(flow(FlowKind::Ws, "/v1/responses"), 101, "text/plain");
    let told = "The frames of a connection stand in its turns, below it in the list.";
    assert_eq!(tab(&ws, Tab::Raw).trim_end(), told);
}

#[test]
fn a_response_is_told_errors_first() {
    let mut flow = streamed(&TURN);
    flow.failures.push(Failure {
        side: Side::Upstream,
        phase: Phase::Body,
        message: "connection reset\u{1b}[2J".into(),
    });
    flow.faults.push(Fault {
        dir: Direction::In,
        offset: 1234,
        message: "broken chunk".into(),
    });
    flow.response.body.missed = 2_000;
    flow.ended = Some(at(1_100));
    let text = tab(&flow, Tab::Response);
    let expected = "\
✗ upstream side, response body: connection reset␛[2J
✗ in at byte 1,234: broken chunk
! in: 2.0 KB passed on, but could not be copied

! gpt-y answered, not gpt-x as asked
! event 13: something.new is not a known event: Codex skips it
200 completed · model gpt-y · id resp_1
Time      took 1.10 s · first event 100 ms · first text 130 ms · speed 41 tokens/s
Tokens    in 100 (cached 81 · 81 %) out 40 (reasoning 9) total 140
";
    assert!(text.starts_with(expected), "{text}");
    let calls = "
Tool calls 2
⚙ exec_command cargo test call_1
    {\"cmd\": \"cargo test\", \"workdir\": \"/src\"}
⚙ apply_patch a.rs +1 −1 call_2
    *** Begin Patch
    *** Update File: a.rs
    -old
    +new
    *** End Patch

Output 5 items
  0 reasoning  **Looking** at it (5 B encrypted)
  1 assistant  commentary: I will look␛[2J first.
  2 call       exec_command cargo test
";
    assert!(text.contains(calls), "{text}");
    assert!(text.contains("\nEvents 15 "), "{text}");
    assert!(text.contains("      3    3"), "{text}");
}

#[test]
fn other_bodies_are_shown_as_what_they_are() {
    let table: &[(&[u8], &str)] = &[
        (
            br#"{"models":["a","b"]}"#,
            "{\n  \"models\": [\"a\", \"b\"]\n}\n",
        ),
        (b"{\"models\":[", "JSON ends early: byte 11, line 1\n"),
        (b"plain\x1b text", "plain␛ text\n"),
        (b"\xff\xfe", "binary, 2 bytes\n"),
        (b"", "no body\n"),
    ];
    for (bytes, expected) in table {
        let mut flow = answered(flow(FlowKind::Http, "/v1/models"), 200, "application/json");
        flow.response.body = body(bytes);
        let text = tab(&flow, Tab::Response);
        let head = "200 · after 20 ms · type application/json\n\n";
        let is_json = text.strip_prefix("! body is not readable: ").is_none();
        let is_text = !expected.starts_with("JSON ends") && !expected.starts_with("plain");
        assert_eq!(is_json, is_text, "{text}");
        let text = &text[text.find(head).unwrap()..];
        assert!(text.starts_with(&format!("{head}{expected}")), "{text}");
    }
}

#[test]
fn a_body_that_is_still_arriving_is_no_fault() {
    let mut flow = answered(flow(FlowKind::Http, "/v1/models"), 200, "application/json");
    flow.response.body.push(b"{\"models\":[");
    assert!(tab(&flow, Tab::Response).ends_with("\n{\"models\":[\n"));
}

#[test]
fn a_turn_on_a_socket_has_its_own_request() {
    let kind = FlowKind::WsTurn {
        connection: crate::flow::FlowId(0),
        number: 2,
    };
    let mut flow = flow(kind, "/v1/responses");
    let create =
        r#"{"type":"response.create","model":"gpt-x","previous_response_id":"resp_0","input":[]}"#;
    let interrupt = r#"{"type":"response.interrupt","response_id":"resp_1"}"#;
    frame(&mut flow, 1, Direction::Out, Op::Text, create);
    frame(&mut flow, 50, Direction::Out, Op::Text, interrupt);
    let text = tab(&flow, Tab::Request);
    assert!(text.starts_with("gpt-x"), "{text}");
    assert!(
        text.contains("continues resp_0: only what is new was sent\n"),
        "{text}"
    );
    assert!(
        text.ends_with("\nSent while the turn ran\n→ response.interrupt “resp_1” 52 B\n"),
        "{text}"
    );
    let raw = tab(&flow, Tab::Raw);
    assert!(raw.starts_with("→ text 85 B "), "{raw}");
    assert!(
        raw.contains(&format!("\n{create}\n\n→ text 52 B ")),
        "{raw}"
    );
}

#[test]
fn heads_are_aligned_and_secrets_marked() {
    let mut flow = answered(
        flow(FlowKind::Http, "/v1/responses?a=\u{202e}b"),
        429,
        "text/plain",
    );
    let redactor = Redactor::new();
    if let Some(head) = &mut flow.request.head {
        let value = http::HeaderValue::from_static("Bearer sk-secret");
        head.fields.push(crate::tap::Field {
            name: "authorization".into(),
            value: redactor.field("authorization", &value),
        });
        assert!(matches!(head.fields[1].value, Value::Secret(_)));
    }
    flow.response.trailers.push(field("x-sum", "1"));
    flow.close = Some(Close {
        code: Some(1011),
        reason: "bye".into(),
        dir: Direction::In,
        is_framed: true,
    });
    assert!(tab(&flow, Tab::Headers).contains("\nclosed           by codextap, 1011 bye\n"));
    frame(&mut flow, 5, Direction::In, Op::Close(Some(1011)), "bye");
    flow.connection = Some(Connection {
        proxy: Some("http://proxy:3128".into()),
        connect: Some(std::time::Duration::from_millis(12)),
        ..Connection::default()
    });
    flow.connected_at = Some(at(13));
    flow.request.sent_at = Some(at(14));
    flow.response.head_at = Some(at(314));
    let document = payload(&flow, &Around::default(), Tab::Headers, &Folds::default());
    let text = plain(&document);
    for expected in [
        "POST /v1/responses?a=⟨202e⟩b HTTP/1.1\ncontent-type   application/json\nauthorization  Bearer <redacted:",
        "\n429 HTTP/1.1\n",
        "\nTrailers\nx-sum  1\n",
        "\nclient           127.0.0.1:50000\n",
        "\nconnection       new, through http://proxy:3128\n",
        "\nended            not yet\nphases           connect 12 ms · send 1 ms · wait 300 ms\n",
        "\nclosed           by the upstream, 1011 bye\n",
    ] {
        assert!(text.contains(expected), "{expected:?} in {text}");
    }
    assert!(!text.contains("sk-secret"));
    assert!(shown(&document).contains("secret:<redacted:"));
}

#[test]
fn raw_bodies_are_not_interpreted() {
    let mut flow = streamed(&[]);
    flow.request.body = body(br#"{"model":"gpt-x"}"#);
    flow.request.body.coding = Some("zstd".into());
    flow.response.body = body(b"event: x\ndata: {}\n\n");
    assert_eq!(
        tab(&flow, Tab::Raw),
        "Request body 17 B, 17 B as zstd\n{\"model\":\"gpt-x\"}\n\nResponse body 19 B\nevent: x\ndata: {}\n\n"
    );
}
