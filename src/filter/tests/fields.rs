//! Every field, flag and part, with a flow that it chooses and one that it does not.

use serde_json::{Value as Json, json};

use super::super::*;
use crate::flow::{Close, FlowKind, Frame, Op as FrameOp};
use crate::responses::EventKind;
use crate::tap::{Direction, RequestHead, ResponseHead};

/// Expressions, whether each chooses [`turn`], and whether it chooses [`side`].
const TABLE: &[(&str, bool, bool)] = &[
    ("model:gpt", true, false),
    ("model:GPT", false, false),
    ("model=gpt-6-sol", true, false),
    ("model=gpt-6", false, false),
    ("model~^gpt-.*l$", true, false),
    ("model:\"gpt 6\"", false, false),
    ("model:.", false, false),
    ("!model:gpt", false, true),
    ("served:gpt-6-luna", true, false),
    ("served:sol", false, false),
    ("effort=high", true, false),
    ("effort=low", false, false),
    ("status:200", false, true),
    ("status=404", false, false),
    ("status:2xx", false, true),
    ("status>=101", true, true),
    ("status>101", false, true),
    ("status:incomplete", true, false),
    ("status=complete", false, true),
    ("status~\"^(in)?complete$\"", true, true),
    ("type:response.incomplete", true, false),
    ("type=response.create", true, false),
    ("type:response.failed", false, false),
    ("type:x.of_tomorrow", true, false),
    ("transport:ws", true, false),
    ("transport=http", false, true),
    ("channel=models", false, true),
    ("channel=model", true, false),
    ("session:sess", true, false),
    ("thread=t-1", true, false),
    ("turn:turn", true, false),
    ("turn:x", false, false),
    ("agent:scout", true, false),
    ("agent=main", false, false),
    ("resp=resp_2", true, false),
    ("prev=resp_1", true, false),
    ("prev=resp_2", false, false),
    ("call:c1", true, false),
    ("call=c0", true, false),
    ("call:c2", false, false),
    ("tool:shell", true, false),
    ("tool=she", false, false),
    ("tool=apply_patch", true, false),
    ("args:\"rm -rf\"", true, false),
    ("args~rm\\s+-rf", true, false),
    ("args:-rfx", false, false),
    ("text:written", true, false),
    ("text:thought", false, false),
    ("reason:thought", true, false),
    ("reason:written", false, false),
    ("inst:helpful", true, false),
    ("inst:rude", false, false),
    ("item:function_call_output", true, false),
    ("item=function_call", true, false),
    ("item=custom_tool_call", true, false),
    ("item=compaction", false, false),
    ("role=user", true, false),
    ("role=developer", false, false),
    ("in>9999", true, false),
    ("in>=10k", true, false),
    ("in>10k", false, false),
    ("in:10000", true, false),
    ("in<10k", false, false),
    ("cached=8k", true, false),
    ("cached<8k", false, false),
    ("hit>=80%", true, false),
    ("hit<80", false, false),
    ("out<=0.5k", true, false),
    ("out<500", false, false),
    ("reasoning>0", true, false),
    ("reasoning>100", false, false),
    ("total=10.5k", true, false),
    ("total>0.02M", false, false),
    ("cost>0.0001$", true, false),
    ("cost>$1", false, false),
    ("ttft<=300ms", true, false),
    ("ttft<0.3s", false, false),
    ("dur>=2s", true, false),
    ("dur>1m", false, false),
    ("dur<1s", false, true),
    ("size>=2KiB", true, false),
    ("size<2k", false, true),
    ("frames>=7", true, false),
    ("frames>1k", false, false),
    ("close=1001", true, false),
    ("close>1001", false, false),
    ("path:/responses", true, false),
    ("path=/v1/models", false, true),
    ("is:live", false, false),
    ("is:failed", false, false),
    ("is:warmup", false, false),
    ("is:retry", false, false),
    ("is:compact", false, false),
    ("is:side", false, true),
    ("is:incomplete", true, false),
    ("is:partial", true, false),
    ("is:mismatch", true, false),
    ("is:subagent", true, false),
    ("is:marked", false, false),
    ("has:image", true, false),
    ("has:patch", true, false),
    ("has:reasoning", true, false),
    ("since:5m", true, false),
    ("after:14:05", true, false),
    ("after:14:06", false, false),
    ("after:2026-11-20T14:05:03", true, false),
    ("before:2026-11-20", false, true),
    ("before:14:05", false, true),
    ("frame(dir:in & type:incomplete)", true, false),
    ("frame(dir:out & type:incomplete)", false, false),
    ("frame(dir:in) & frame(dir:out)", true, false),
    ("frame(dir=in dir=out)", false, false),
    ("frame(op:close & close=1001)", true, false),
    ("frame(close>1001)", false, false),
    ("frame(bytes>20 size<30)", true, false),
    ("frame(bytes>1M | size>1MiB)", false, false),
    ("frame(text:written !dir:out)", true, false),
    ("frame(text=bye op=close)", true, false),
    ("frame(op:ping)", false, false),
    ("frame(tomorrow | nothing)", true, false),
    ("!frame(op:ping)", true, true),
];

#[test]
fn fields_choose_what_they_name() {
    let (turn, side) = (turn(), side());
    for (text, is_turn, is_side) in TABLE {
        let filter = filter(text);
        let chosen = |flow| filter.matches(flow, Standing::default());
        assert_eq!(
            (chosen(&turn), chosen(&side)),
            (*is_turn, *is_side),
            "{text}"
        );
    }
}

#[test]
fn the_status_of_an_error_message_is_its_turns() {
    let mut flow = Flow::new("f".into(), "127.0.0.1:5".into(), "https://x".into(), START);
    flow.kind = FlowKind::WsTurn {
        connection: FlowId(0),
        number: 1,
    };
    heads(&mut flow, "GET", "/v1/responses", 101);
    let error = r#"{"type":"error","status":429,"error":{"code":"rate_limit_exceeded"}}"#;
    frame(&mut flow, 10, Direction::In, FrameOp::Text, error);
    flow.replay();
    for text in ["~c 429", "status:429", "status>=400"] {
        assert!(filter(text).matches(&flow, Standing::default()), "{text}");
    }
    flow.kind = FlowKind::Ws;
    assert!(!filter("~c 429").matches(&flow, Standing::default()));
}

#[test]
fn flags_that_other_flows_decide_choose_what_they_name() {
    let mut flow = turn();
    let chosen = |text: &str, flow: &Flow, standing| filter(text).matches(flow, standing);
    let none = Standing::default();
    let all = Standing {
        is_marked: true,
        is_retry: true,
    };
    for text in ["is:retry", "is:marked", "~marked"] {
        assert!(
            chosen(text, &flow, all) && !chosen(text, &flow, none),
            "{text}"
        );
    }
    flow.ended = None;
    assert!(chosen("is:live", &flow, none));
    flow.identity.purpose = Some("prewarm".to_owned());
    assert!(chosen("is:warmup", &flow, none));
    let mut connection = side();
    connection
        .identity
        .purpose
        .clone_from(&flow.identity.purpose);
    assert!(
        !chosen("is:warmup", &connection, none),
        "it asks for nothing itself"
    );
    flow.identity.purpose = Some("compaction".to_owned());
    assert!(chosen("is:compact", &flow, none));
    let turn = flow.turn.as_mut().unwrap();
    turn.status = crate::responses::Status::Lost;
    assert!(chosen("is:failed status:lost status:failed", &flow, none));
}

#[test]
fn every_field_flag_and_part_is_in_the_table_or_a_test_of_its_own() {
    let is_there = |sought: &str, chosen: bool| {
        let rows = TABLE
            .iter()
            .filter(|(_, turn, side)| [turn, side].contains(&&chosen));
        rows.into_iter().any(|(text, ..)| {
            let terms = text.split([' ', '(', '!']);
            let mut terms = terms.map(|term| term.trim_end_matches(')'));
            terms.any(|term| term.starts_with(sought))
        })
    };
    let signs = [":", "=", "~", "<", ">"];
    for (fields, lead) in [(FIELDS, ""), (FRAME_FIELDS, "")] {
        for field in fields {
            let names = signs.map(|sign| format!("{lead}{}{sign}", field.name));
            for chosen in [true, false] {
                let found = names.iter().any(|name| is_there(name, chosen));
                assert!(found, "{} {chosen}", field.name);
            }
        }
    }
    for name in FLAGS.iter().map(|flag| flag.name) {
        assert!(is_there(&format!("is:{name}"), false), "{name}");
    }
    for name in PARTS.iter().map(|part| part.name) {
        assert!(is_there(&format!("has:{name}"), true), "{name}");
    }
}

/// Fields that a summary answers: the flow itself is not needed.
#[test]
fn what_a_summary_tells_needs_no_body() {
    let summary = Summary::of(&turn());
    let needs_flow = [
        "type", "call", "args", "text", "reason", "inst", "item", "role", "has", "frame",
    ];
    for (text, is_turn, _) in TABLE {
        let judged = filter(text).judge(&summary, None, Standing::default());
        let name = text.trim_start_matches('!');
        if needs_flow.iter().any(|field| {
            let rest = name.strip_prefix(field);
            rest.is_some_and(|rest| rest.starts_with([':', '=', '~', '(']))
        }) {
            assert_eq!(judged, None, "{text}");
        } else {
            assert_eq!(judged, Some(*is_turn), "{text}");
        }
    }
    // Of what is no turn, a summary tells as much.
    let summary = Summary::of(&side());
    for text in ["text:a", "args:a", "has:patch", "inst:a", "frame(dir:in)"] {
        let judged = filter(text).judge(&summary, None, Standing::default());
        assert_eq!(judged, Some(false), "{text}");
    }
}

#[test]
fn more_tools_than_a_summary_names_are_looked_for_in_the_flow() {
    let mut flow = turn();
    let calls = flow.turn.as_mut().map(|turn| &mut turn.items).unwrap();
    let call = calls
        .iter()
        .find(|item| matches!(item.kind, crate::responses::ItemKind::Call(_)));
    let call = call.unwrap().clone();
    for number in 0..40 {
        let mut call = call.clone();
        if let crate::responses::ItemKind::Call(call) = &mut call.kind {
            call.name = format!("tool_{number}");
        }
        calls.push(call);
    }
    let summary = Summary::of(&flow);
    let standing = Standing::default();
    for (text, without, with) in [
        ("tool=tool_1", Some(true), true),
        ("tool=tool_39", None, true),
        ("tool=tool_40", None, false),
    ] {
        assert_eq!(
            filter(text).judge(&summary, None, standing),
            without,
            "{text}"
        );
        assert_eq!(filter(text).matches(&flow, standing), with, "{text}");
    }
}

#[test]
fn frames_are_chosen_one_by_one() {
    let flow = turn();
    let table = [
        ("", 8),
        ("dir:out", 2),
        ("dir=in", 6),
        ("type:delta | op=close", 2),
        ("!(dir:in | op:close)", 1),
        ("close=1001", 1),
        ("written", 1),
    ];
    for (text, count) in table {
        let filter = FrameFilter::parse(text).unwrap();
        let frames = flow.frames.iter();
        let chosen = frames.filter(|frame| filter.matches(&flow, frame)).count();
        assert_eq!(chosen, count, "{text}");
        assert_eq!(filter.is_empty(), text.is_empty());
        assert_eq!(FrameFilter::parse(&filter.to_string()), Ok(filter));
    }
}

/// A filter that knows prices, at five past two.
fn filter(text: &str) -> Filter {
    let basis = Basis {
        prices: Prices::built_in().unwrap().into(),
        zone: TimeZone::UTC,
        now: START.plus(std::time::Duration::from_secs(60)),
    };
    Filter::parse(text)
        .unwrap_or_else(|error| panic!("{text}: {error}"))
        .on(basis)
}

/// An incomplete turn of a sub-agent on a WebSocket, with a bit of everything.
pub(super) fn turn() -> Flow {
    let mut flow = Flow::new("f".into(), "127.0.0.1:5".into(), "https://x".into(), START);
    flow.kind = FlowKind::WsTurn {
        connection: FlowId(0),
        number: 1,
    };
    heads(&mut flow, "GET", "/v1/responses", 101);
    let request = json!({
        "type": "response.create", "model": "gpt-6-sol", "reasoning": {"effort": "high"},
        "instructions": "Be helpful.", "previous_response_id": "resp_1",
        "input": [
            {"type": "function_call_output", "call_id": "c0", "output": "hi"},
            {"type": "message", "role": "user", "content": [
                {"type": "input_text", "text": "look"},
                {"type": "input_image", "image_url": "data:image/png;base64,AAAA"},
            ]},
        ],
        "client_metadata": {"x-codex-turn-metadata": json!({
            "session_id": "sess", "thread_id": "t-1", "turn_id": "turn-1", "agent_name": "/root/scout",
        }).to_string()},
    });
    frame(
        &mut flow,
        0,
        Direction::Out,
        FrameOp::Text,
        &request.to_string(),
    );
    let item = |index: u32, item: Json| json!({"type": "response.output_item.done", "output_index": index, "item": item});
    let patch = "*** Begin Patch\n*** Add File: a\n+b\n*** End Patch\n";
    let events = [
        json!({"type": "response.output_text.delta", "item_id": "m", "output_index": 0, "delta": "As written."}),
        item(
            1,
            json!({"type": "reasoning", "summary": [{"type": "summary_text", "text": "a thought"}]}),
        ),
        item(
            2,
            json!({"type": "function_call", "call_id": "c1", "name": "shell", "arguments": "rm -rf /tmp/x"}),
        ),
        item(
            3,
            json!({"type": "custom_tool_call", "call_id": "c9", "name": "apply_patch", "input": patch}),
        ),
        json!({"type": "x.of_tomorrow"}),
        json!({"type": "response.incomplete", "response": {
            "id": "resp_2", "model": "gpt-6-luna", "usage": {
                "input_tokens": 10_000, "input_tokens_details": {"cached_tokens": 8_000},
                "output_tokens": 500, "output_tokens_details": {"reasoning_tokens": 100},
                "total_tokens": 10_500,
            },
        }}),
    ];
    for (number, event) in events.iter().enumerate() {
        let ms = 300 + 100 * number as u64;
        frame(
            &mut flow,
            ms,
            Direction::In,
            FrameOp::Text,
            &event.to_string(),
        );
    }
    frame(
        &mut flow,
        1_900,
        Direction::Out,
        FrameOp::Close(Some(1001)),
        "bye",
    );
    flow.close = Some(Close {
        code: Some(1001),
        reason: "bye".to_owned(),
        dir: Direction::Out,
        is_framed: true,
    });
    flow.response.body.wire_len = 2_048;
    flow.ended = Some(START.plus(std::time::Duration::from_secs(2)));
    flow.replay();
    assert_eq!(flow.frames[1].event, Some(EventKind::OutputTextDelta));
    flow
}

/// A list of models, of the day before at noon.
pub(super) fn side() -> Flow {
    let started = At::from_micros(START.as_micros() - 26 * 3_600_000_000);
    let mut flow = Flow::new(
        "g".into(),
        "127.0.0.1:6".into(),
        "https://x".into(),
        started,
    );
    heads(&mut flow, "GET", "/v1/models", 200);
    flow.response.body.push(b"{\"models\":[]}");
    flow.response.body.wire_len = 13;
    flow.ended = Some(started.plus(std::time::Duration::from_millis(80)));
    flow.replay();
    flow
}

fn heads(flow: &mut Flow, method: &str, target: &str, status: u16) {
    flow.request.head = Some(RequestHead {
        method: method.to_owned(),
        target: target.to_owned(),
        version: http::Version::HTTP_11,
        fields: Vec::new(),
    });
    flow.response.head = Some(ResponseHead {
        status,
        version: http::Version::HTTP_11,
        fields: Vec::new(),
    });
}

fn frame(flow: &mut Flow, ms: u64, dir: Direction, op: FrameOp, text: &str) {
    let body = match dir {
        Direction::Out => &mut flow.request.body,
        Direction::In => &mut flow.response.body,
    };
    let span = body.push(text.as_bytes());
    flow.frames.push(Frame {
        at: flow.started.plus(std::time::Duration::from_millis(ms)),
        dir,
        op,
        wire: span.len() as u64 + 4,
        len: span.len() as u64,
        span,
        is_compressed: false,
        is_final: true,
        event: None,
        ordinal: None,
        fault: None,
    });
}

/// 2026-11-20 14:05:03 UTC.
const START: At = At::from_micros(1_795_183_503_000_000);
