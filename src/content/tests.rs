//! What the panes' tests share: flows made from messages, as the recorder would make them, and
//! documents as text to compare with.

use std::ops::Range;

use http::{HeaderValue, Version};

use super::{Document, Line, Role};
use crate::flow::{Body, Channel, Flow, FlowId, FlowKind, Frame, Op, Request, Response};
use crate::responses::{EventKind, Identity, Turn, event_name};
use crate::tap::{At, Direction, Field, RequestHead, ResponseHead, Value};

/// When every sample begins.
pub(super) const START: At = At::from_micros(1_795_183_503_000_000);

/// `ms` milliseconds after the start.
pub(super) fn at(ms: u64) -> At {
    START.plus(std::time::Duration::from_millis(ms))
}

/// A flow that just began.
pub(super) fn flow(kind: FlowKind, target: &str) -> Flow {
    Flow {
        id: FlowId(0),
        name: "0sample0-0".into(),
        kind,
        channel: Channel::of(target),
        client: "127.0.0.1:50000".into(),
        upstream: "https://api.example".into(),
        started: START,
        ended: None,
        connection: None,
        connected_at: None,
        request: Request {
            head: Some(RequestHead {
                method: "POST".into(),
                target: target.into(),
                version: Version::HTTP_11,
                fields: vec![field("content-type", "application/json")],
            }),
            ..Request::default()
        },
        response: Response::default(),
        frames: Vec::new(),
        spilled: None,
        turn: None,
        identity: Identity::default(),
        model: Some("gpt-x".into()),
        asked: crate::flow::Context::default(),
        gist: String::new(),
        is_warm_up: false,
        failures: Vec::new(),
        faults: Vec::new(),
        close: None,
        is_recovered: false,
        comment: None,
        revision: 0,
    }
}

/// A header field.
pub(super) fn field(name: &str, value: &str) -> Field {
    Field {
        name: name.into(),
        value: Value::Plain(HeaderValue::from_str(value).unwrap()),
    }
}

/// The flow, answered with `status` and a body of `kind`.
pub(super) fn answered(mut flow: Flow, status: u16, kind: &str) -> Flow {
    flow.response.head = Some(ResponseHead {
        status,
        version: Version::HTTP_11,
        fields: vec![field("content-type", kind)],
    });
    flow.response.head_at = Some(at(20));
    flow
}

/// A body that came to its end.
pub(super) fn body(bytes: &[u8]) -> Body {
    let mut body = Body::default();
    body.is_complete = true;
    body.wire_len = bytes.len() as u64;
    body.push(bytes);
    body
}

/// Adds a frame `ms` after the start; an event from the upstream goes to the turn as well.
pub(super) fn frame(flow: &mut Flow, ms: u64, dir: Direction, op: Op, text: &str) {
    let body = match dir {
        Direction::Out => &mut flow.request.body,
        Direction::In => &mut flow.response.body,
    };
    let bytes = match op {
        Op::Event => format!("data: {text}\n\n"),
        _ => text.to_owned(),
    };
    let span: Range<usize> = body.push(bytes.as_bytes());
    let event = event_name(text).map(EventKind::from_name);
    let mut ordinal = None;
    if let Some(turn) = flow
        .turn
        .as_mut()
        .filter(|_| dir == Direction::In && event.is_some())
    {
        ordinal = Some(turn.events);
        turn.apply(text);
    }
    flow.frames.push(Frame {
        at: at(ms),
        dir,
        op,
        wire: text.len() as u64 + 2,
        len: text.len() as u64,
        span,
        is_compressed: false,
        is_final: true,
        event,
        ordinal,
        fault: None,
    });
}

/// A streamed turn with these events, one each 10 ms from 100 ms on.
pub(super) fn streamed(events: &[&str]) -> Flow {
    let mut flow = answered(
        flow(FlowKind::Http, "/v1/responses"),
        200,
        "text/event-stream",
    );
    flow.turn = Some(Turn::default());
    for (number, event) in events.iter().enumerate() {
        frame(
            &mut flow,
            100 + 10 * number as u64,
            Direction::In,
            Op::Event,
            event,
        );
    }
    flow
}

/// The events of a turn that reasons, comments, calls two tools and answers.
pub(super) const TURN: [&str; 15] = [
    r#"{"type":"response.created","sequence_number":0,"response":{"id":"resp_1","model":"gpt-y","status":"in_progress"}}"#,
    r#"{"type":"response.output_item.added","sequence_number":1,"output_index":0,"item":{"type":"reasoning","id":"rs_1","summary":[]}}"#,
    r#"{"type":"response.reasoning_summary_part.added","sequence_number":2,"item_id":"rs_1","output_index":0,"summary_index":0,"part":{"type":"summary_text","text":""}}"#,
    r#"{"type":"response.reasoning_summary_text.delta","sequence_number":3,"item_id":"rs_1","output_index":0,"summary_index":0,"delta":"**Looking** at it"}"#,
    r#"{"type":"response.output_item.done","sequence_number":4,"output_index":0,"item":{"type":"reasoning","id":"rs_1","summary":[{"type":"summary_text","text":"**Looking** at it"}],"encrypted_content":"gAAAA"}}"#,
    r#"{"type":"response.output_item.added","sequence_number":5,"output_index":1,"item":{"type":"message","role":"assistant","id":"msg_1","phase":"commentary","content":[]}}"#,
    r#"{"type":"response.output_text.delta","sequence_number":6,"item_id":"msg_1","output_index":1,"content_index":0,"delta":"I will "}"#,
    r#"{"type":"response.output_text.delta","sequence_number":7,"item_id":"msg_1","output_index":1,"content_index":0,"delta":"look\u001b[2J"}"#,
    r#"{"type":"response.output_text.delta","sequence_number":8,"item_id":"msg_1","output_index":1,"content_index":0,"delta":" first."}"#,
    r#"{"type":"response.output_item.done","sequence_number":9,"output_index":1,"item":{"type":"message","role":"assistant","id":"msg_1","phase":"commentary","content":[{"type":"output_text","text":"I will look\u001b[2J first."}]}}"#,
    r#"{"type":"response.output_item.done","sequence_number":10,"output_index":2,"item":{"type":"function_call","id":"fc_1","call_id":"call_1","name":"exec_command","arguments":"{\"cmd\":\"cargo test\",\"workdir\":\"/src\"}"}}"#,
    r#"{"type":"response.output_item.done","sequence_number":11,"output_index":3,"item":{"type":"custom_tool_call","id":"ctc_1","call_id":"call_2","name":"apply_patch","input":"*** Begin Patch\n*** Update File: a.rs\n-old\n+new\n*** End Patch"}}"#,
    r#"{"type":"response.output_item.done","sequence_number":12,"output_index":4,"item":{"type":"message","role":"assistant","id":"msg_2","phase":"final_answer","content":[{"type":"output_text","text":"Done."}]}}"#,
    r#"{"type":"something.new","sequence_number":13}"#,
    r#"{"type":"response.completed","sequence_number":14,"response":{"id":"resp_1","model":"gpt-y","status":"completed","usage":{"input_tokens":100,"input_tokens_details":{"cached_tokens":81},"output_tokens":40,"output_tokens_details":{"reasoning_tokens":9},"total_tokens":140}}}"#,
];

/// A document as text, to compare with: one line each, `role:text|role:text`, a fold's head behind `+` or `-`.
pub(super) fn shown(document: &Document) -> String {
    let line = |line: &Line| {
        let fold = match &line.fold {
            None => "",
            Some(fold) if fold.is_open => "- ",
            Some(_) => "+ ",
        };
        let spans: Vec<String> = line
            .spans
            .iter()
            .map(|span| format!("{}:{}", span.role.as_str(), span.text))
            .collect();
        format!("{fold}{}\n", spans.join("|"))
    };
    document.lines.iter().map(line).collect()
}

/// A document's text alone.
pub(super) fn plain(document: &Document) -> String {
    let line = |line: &Line| {
        let spans: String = line.spans.iter().map(|span| span.text.as_str()).collect();
        spans + "\n"
    };
    document.lines.iter().map(line).collect()
}

#[test]
fn added_text_is_safe_and_marks_stand_out() {
    let line = Line::of("a\x1bb <redacted:12345678>\n", Role::Text);
    assert_eq!(
        shown(&Document::of(line)),
        "text:a|text.control:␛|text:b |secret:<redacted:12345678>|text.control:␊\n"
    );
}
