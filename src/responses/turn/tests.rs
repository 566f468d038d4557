use proptest::prelude::*;

use super::*;
use crate::responses::{Request, ToolKind};

/// A turn after these events, one per line.
fn turn(events: &str) -> Turn {
    let mut turn = Turn::default();
    for event in events
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
    {
        turn.apply(event);
    }
    turn
}

/// A message item that is whole.
fn message(id: &str, text: &str) -> String {
    format!(
        r#"{{"id":"{id}","type":"message","role":"assistant","phase":"final_answer","content":[{{"type":"output_text","text":"{text}"}}]}}"#
    )
}

const LIFE: &str = r#"
{"type":"codex.rate_limits","plan_type":"plus","rate_limits":{}}
{"type":"response.created","sequence_number":0,"response":{"id":"resp_1","model":"gpt-x","status":"in_progress","output":[],"usage":null,"error":null,"incomplete_details":null}}
{"type":"response.metadata","response_id":"resp_1","headers":{"x-codex-turn-state":"s"},"metadata":{}}
{"type":"response.in_progress","sequence_number":1,"response":{"id":"resp_1","model":"gpt-x"}}
{"type":"response.output_item.added","sequence_number":2,"output_index":0,"item":{"id":"rs_1","type":"reasoning","encrypted_content":"part","summary":[]}}
{"type":"response.reasoning_summary_part.added","sequence_number":3,"item_id":"rs_1","output_index":0,"summary_index":0,"part":{"type":"summary_text","text":""}}
{"type":"response.reasoning_summary_text.delta","sequence_number":4,"item_id":"rs_1","output_index":0,"summary_index":0,"delta":"**Look","obfuscation":"zz"}
{"type":"response.reasoning_summary_text.delta","sequence_number":5,"item_id":"rs_1","output_index":0,"summary_index":0,"delta":"ing**"}
{"type":"response.reasoning_summary_text.done","sequence_number":6,"item_id":"rs_1","output_index":0,"summary_index":0,"text":"**Looking**"}
{"type":"response.reasoning_summary_part.done","sequence_number":7,"item_id":"rs_1","output_index":0,"summary_index":0,"part":{"type":"summary_text","text":"**Looking**"}}
{"type":"response.output_item.done","sequence_number":8,"output_index":0,"item":{"id":"rs_1","type":"reasoning","encrypted_content":"opaque-blob","summary":[{"type":"summary_text","text":"**Looking**"}]}}
{"type":"response.output_item.added","sequence_number":9,"output_index":1,"item":{"id":"msg_1","type":"message","role":"assistant","phase":"commentary","content":[]}}
{"type":"response.content_part.added","sequence_number":10,"item_id":"msg_1","output_index":1,"content_index":0,"part":{"type":"output_text","text":""}}
{"type":"response.output_text.delta","sequence_number":11,"item_id":"msg_1","output_index":1,"content_index":0,"delta":"I will "}
{"type":"response.output_text.delta","sequence_number":12,"item_id":"msg_1","output_index":1,"content_index":0,"delta":"look."}
{"type":"response.output_text.done","sequence_number":13,"item_id":"msg_1","output_index":1,"content_index":0,"text":"I will look."}
{"type":"response.content_part.done","sequence_number":14,"item_id":"msg_1","output_index":1,"content_index":0,"part":{"type":"output_text","text":"I will look."}}
{"type":"response.output_item.done","sequence_number":15,"output_index":1,"item":{"id":"msg_1","type":"message","role":"assistant","phase":"commentary","content":[{"type":"output_text","text":"I will look."}]}}
{"type":"response.output_item.added","sequence_number":16,"output_index":2,"item":{"id":"fc_1","type":"function_call","status":"in_progress","name":"exec_command","arguments":"","call_id":"call_1"}}
{"type":"response.function_call_arguments.delta","sequence_number":17,"item_id":"fc_1","output_index":2,"delta":"{\"cmd\":"}
{"type":"response.function_call_arguments.delta","sequence_number":18,"item_id":"fc_1","output_index":2,"delta":"\"ls\"}"}
{"type":"response.function_call_arguments.done","sequence_number":19,"item_id":"fc_1","output_index":2,"name":"exec_command","arguments":"{\"cmd\":\"ls\"}"}
{"type":"response.output_item.done","sequence_number":20,"output_index":2,"item":{"id":"fc_1","type":"function_call","status":"completed","name":"exec_command","arguments":"{\"cmd\":\"ls\"}","call_id":"call_1"}}
{"type":"response.completed","sequence_number":21,"response":{"id":"resp_1","model":"gpt-x-2","status":"completed","output":[{"id":"rs_1","type":"reasoning","summary":[]},{"id":"msg_1","type":"message","role":"assistant","content":[]},{"id":"fc_1","type":"function_call","name":"exec_command","arguments":"{}","call_id":"call_1"}],"usage":{"input_tokens":100,"input_tokens_details":{"cached_tokens":64,"cache_write_tokens":8},"output_tokens":20,"output_tokens_details":{"reasoning_tokens":5},"total_tokens":120}}}
{"type":"codex.rate_limits","plan_type":"plus","rate_limits":{}}
"#;

#[test]
fn the_life_of_a_websocket_turn() {
    let turn = turn(LIFE);
    assert_eq!(turn.lints, Vec::<String>::new());
    assert_eq!(turn.status, Status::Completed);
    assert_eq!(turn.response_id.as_deref(), Some("resp_1"));
    assert_eq!(turn.model.as_deref(), Some("gpt-x-2"));
    assert_eq!(turn.events, 25);
    assert_eq!(turn.first_delta, Some(6));
    assert_eq!(turn.output_text(), "I will look.");
    let summaries: Vec<_> = turn
        .reasoning_summaries()
        .map(|part| (&*part.text, part.began))
        .collect();
    assert_eq!(summaries, [("**Looking**", 5)]);
    let spans: Vec<_> = turn
        .items
        .iter()
        .map(|item| (item.began, item.ended))
        .collect();
    assert_eq!(spans, [(4, Some(10)), (11, Some(17)), (18, Some(22))]);
    assert!(turn.items[0].raw.contains("opaque-blob"));
    assert!(matches!(
        turn.items[0].kind,
        ItemKind::Reasoning { encrypted: 11, .. }
    ));
    let usage = turn.usage.unwrap();
    assert_eq!(
        (usage.cached, usage.cache_write, usage.reasoning),
        (64, Some(8), 5)
    );
    assert_eq!(turn.counts["codex.rate_limits"], (2, 128));
    assert_eq!(turn.counts["response.output_text.delta"].0, 2);
    let calls: Vec<_> = turn.calls().collect();
    assert_eq!(calls.len(), 1);
    assert_eq!(calls[0].input, r#"{"cmd":"ls"}"#);
    assert_eq!(calls[0].status.as_deref(), Some("completed"));
}

#[test]
fn text_is_there_before_it_is_done() {
    let until = LIFE.find(r#"{"type":"response.output_text.done""#).unwrap();
    let mut turn = turn(&LIFE[..until]);
    assert_eq!(turn.output_text(), "I will look.");
    assert_eq!(turn.items[1].raw, "");
    assert!(!turn.is_over());
    turn.end_of_stream();
    assert_eq!(turn.status, Status::Lost);
    assert_eq!(turn.items.len(), 2);
}

#[test]
fn every_kind_of_tool_call_is_assembled() {
    use ToolKind::{Custom, Function, Hosted, Shell};
    let cases = [
        (
            Function,
            "close_agent",
            "{}",
            r#"{"type":"response.output_item.done","output_index":0,"item":{"type":"function_call","namespace":"collaboration","name":"close_agent","arguments":"{}","call_id":"c"}}"#,
        ),
        (
            Custom,
            "exec",
            "text(1);",
            r#"{"type":"response.output_item.added","output_index":0,"item":{"id":"ctc","type":"custom_tool_call","name":"exec","input":"","call_id":"c"}}
            {"type":"response.custom_tool_call_input.delta","item_id":"ctc","output_index":0,"delta":"text("}
            {"type":"response.custom_tool_call_input.delta","item_id":"ctc","output_index":0,"delta":"1"}
            {"type":"response.custom_tool_call_input.done","item_id":"ctc","output_index":0,"input":"text(1);"}"#,
        ),
        (
            Shell,
            "local_shell",
            r#"{"type":"exec","command":["ls"]}"#,
            r#"{"type":"response.output_item.done","item":{"type":"local_shell_call","call_id":"c","action":{"type":"exec","command":["ls"]}}}"#,
        ),
        (
            Hosted,
            "web_search",
            r#"{"type":"search","query":"q"}"#,
            r#"{"type":"response.output_item.added","output_index":3,"item":{"id":"ws","type":"web_search_call","status":"in_progress"}}
            {"type":"response.web_search_call.searching","item_id":"ws","output_index":3}
            {"type":"response.web_search_call.completed","item_id":"ws","output_index":3}
            {"type":"response.output_item.done","output_index":3,"item":{"id":"ws","type":"web_search_call","status":"completed","action":{"type":"search","query":"q"}}}"#,
        ),
        (
            Hosted,
            "code_interpreter",
            "1+1",
            r#"{"type":"response.code_interpreter_call.in_progress","item_id":"ci","output_index":0}
            {"type":"response.code_interpreter_call_code.delta","item_id":"ci","output_index":0,"delta":"1+"}
            {"type":"response.code_interpreter_call_code.delta","item_id":"ci","output_index":0,"delta":"1"}"#,
        ),
        (
            Hosted,
            "image_generation",
            "a cat",
            r#"{"type":"response.image_generation_call.partial_image","item_id":"ig","output_index":0,"partial_image_b64":"AAAA"}
            {"type":"response.output_item.done","output_index":0,"item":{"id":"ig","type":"image_generation_call","result":"AAAA","revised_prompt":"a cat"}}"#,
        ),
        (
            Hosted,
            "lookup",
            r#"{"a":1}"#,
            r#"{"type":"response.mcp_call_arguments.delta","item_id":"m","output_index":0,"delta":"{\"a\":"}
            {"type":"response.output_item.done","output_index":0,"item":{"id":"m","type":"mcp_call","server_label":"docs","name":"lookup","arguments":"{\"a\":1}"}}"#,
        ),
        (
            Hosted,
            "tool_search",
            r#"{"query":"x"}"#,
            r#"{"type":"response.output_item.done","output_index":0,"item":{"type":"tool_search_call","call_id":"c","execution":"client","arguments":{"query":"x"}}}"#,
        ),
    ];
    for (kind, name, input, events) in cases {
        let turn = turn(events);
        let calls: Vec<_> = turn.calls().collect();
        assert_eq!(calls.len(), 1, "{name}");
        let call = calls[0];
        assert_eq!(
            (call.kind, call.name.as_str(), call.input.as_str()),
            (kind, name, input)
        );
    }
}

#[test]
fn the_ways_to_fail() {
    let cases = [
        (
            r#"{"type":"response.failed","response":{"id":"r","error":{"code":"context_length_exceeded","message":"Too long."}}}"#,
            Status::Failed,
            Some(("context_length_exceeded", "Too long.", None)),
        ),
        (
            r#"{"type":"error","code":"server_error","message":"Oops","param":null,"sequence_number":3}"#,
            Status::Error,
            Some(("server_error", "Oops", None)),
        ),
        (
            r#"{"type":"error","status":429,"error":{"type":"tokens","code":"rate_limit_exceeded","message":"Wait"},"headers":{"retry-after":"1"}}"#,
            Status::Error,
            Some(("rate_limit_exceeded", "Wait", Some(429))),
        ),
        (
            r#"{"type":"response.incomplete","response":{"id":"r","error":null,"incomplete_details":{"reason":"interrupted"}}}"#,
            Status::Incomplete,
            None,
        ),
        (
            r#"{"type":"response.cancelled","response":{"id":"r"}}"#,
            Status::Cancelled,
            None,
        ),
    ];
    for (event, status, failure) in cases {
        let turn = turn(event);
        assert_eq!(turn.status, status, "{event}");
        let found = turn.failure.as_ref();
        let found = found.map(|f| {
            (
                f.code.as_deref().unwrap_or(""),
                f.message.as_str(),
                f.status,
            )
        });
        assert_eq!(found, failure, "{event}");
        let reason = (status == Status::Incomplete).then_some("interrupted");
        assert_eq!(turn.incomplete_reason.as_deref(), reason);
    }
}

#[test]
fn the_first_end_counts_and_nothing_reopens_it() {
    let mut turn = turn(
        r#"{"type":"response.completed","response":{"id":"r","usage":{"input_tokens":1,"output_tokens":1,"total_tokens":2}}}
        {"type":"response.failed","response":{"id":"r","error":{"message":"late"}}}
        {"type":"response.created","response":{"id":"r2"}}
        {"type":"response.output_text.delta","output_index":0,"delta":"late"}"#,
    );
    turn.end_of_stream();
    assert_eq!(turn.status, Status::Completed);
    assert_eq!(turn.failure, None);
    assert_eq!(turn.response_id.as_deref(), Some("r"));
    assert_eq!(turn.items, []);
    assert_eq!(turn.events, 4);
    let lints = [
        "event 1: response.failed, but the response was over: the first end counts",
        "event 2: response.created after the response was over",
    ];
    assert_eq!(turn.lints, lints);
}

const EARLY: &str = "event 0: response.output_text.delta before its response.output_item.added: \
    Codex shows the text only once it is whole";

/// What a stream that bends the rules gives: the text, and the lints.
#[test]
fn bent_streams_are_read_and_noted() {
    let done = r#"{"type":"response.completed","response":{"id":"r"}}"#;
    let delta = |index: u32, id: &str, text: &str| {
        format!(
            r#"{{"type":"response.output_text.delta","output_index":{index},"item_id":"{id}","delta":"{text}"}}"#
        )
    };
    let whole = |index: u32, id: &str, text: &str| {
        let item = message(id, text);
        format!(r#"{{"type":"response.output_item.done","output_index":{index},"item":{item}}}"#)
    };
    let added = |index: u32, id: &str| {
        format!(
            r#"{{"type":"response.output_item.added","output_index":{index},"item":{{"id":"{id}","type":"message","role":"assistant","content":[]}}}}"#
        )
    };
    let cases = [
        ("the smallest that works", vec![
            format!(r#"{{"type":"response.output_item.done","item":{}}}"#, message("m", "hi")),
            done.to_owned(),
        ], "hi", &[][..]),
        ("deltas first", vec![
            delta(0, "m", "a"), added(0, "m"), delta(0, "m", "b"), whole(0, "m", "ab"), done.to_owned(),
        ], "ab", &[EARLY]),
        ("without index or id", vec![
            r#"{"type":"response.output_text.delta","delta":"a"}"#.to_owned(),
            r#"{"type":"response.output_text.delta","delta":"b"}"#.to_owned(),
            format!(r#"{{"type":"response.output_item.done","item":{}}}"#, message("m", "ab")),
            done.to_owned(),
        ], "ab", &[EARLY]),
        ("out of order", vec![
            delta(2, "z", "z"), delta(0, "x", "x"), delta(1, "y", "y"), delta(2, "z", "Z"),
            whole(0, "x", "x"), whole(1, "y", "y"), whole(2, "z", "zZ"), done.to_owned(),
        ], "x\n\ny\n\nzZ", &[EARLY]),
        ("every item numbered 0", vec![
            added(0, "m"), delta(0, "m", "a"), whole(0, "m", "a"),
            added(0, "n"), delta(0, "n", "b"), whole(0, "n", "b"), done.to_owned(),
        ], "a\n\nb", &["event 3: response.output_item.added uses an output_index a second time"]),
        ("corrected", vec![
            delta(0, "m", "teh"), whole(0, "m", "the"), done.to_owned(),
        ], "the", &[EARLY, "event 1: output 0 (message) is not what its deltas gave"]),
        ("never done", vec![
            delta(0, "m", "a"), delta(0, "m", "b"), done.to_owned(),
        ], "ab", &[EARLY, "output 0 (message) has no response.output_item.done: Codex drops it"]),
        ("only at the end", vec![
            format!(r#"{{"type":"response.completed","response":{{"id":"r","output":[{}]}}}}"#, message("m", "hi")),
        ], "hi", &["output 0 (message) came only at the end: Codex ignores text that is only in the final output"]),
        ("one in the middle only at the end", vec![
            whole(0, "a", "a"), whole(2, "c", "c"),
            format!(r#"{{"type":"response.completed","response":{{"id":"r","output":[{},{},{}]}}}}"#,
                message("a", "a"), message("b", "b"), message("c", "c")),
        ], "a\n\nb\n\nc", &["output 1 (message) came only at the end: Codex ignores text that is only in the final output"]),
        ("streamed but left out", vec![
            delta(0, "m", "kept"),
            r#"{"type":"response.output_item.done","output_index":0,"item":{"id":"m","type":"message","role":"assistant","content":[]}}"#.to_owned(),
            done.to_owned(),
        ], "kept", &[EARLY, "event 1: output 0 (message) leaves out the text that was streamed"]),
        ("a gap", vec![
            r#"{"type":"response.created","sequence_number":0,"response":{"id":"r"}}"#.to_owned(),
            r#"{"type":"response.in_progress","sequence_number":3,"response":{"id":"r"}}"#.to_owned(),
            done.to_owned(),
        ], "", &["event 1: sequence_number 3 follows 0"]),
        ("a text for a call", vec![
            r#"{"type":"response.output_item.done","output_index":0,"item":{"type":"function_call","name":"f","arguments":"{}","call_id":"c"}}"#.to_owned(),
            delta(0, "m", "x"), done.to_owned(),
        ], "", &["event 1: response.output_text.delta does not fit the item it is about"]),
        ("a wild index", vec![
            r#"{"type":"response.output_text.delta","output_index":9007199254740991,"content_index":4000000000,"delta":"a"}"#.to_owned(),
            r#"{"type":"response.output_text.delta","output_index":9007199254740991,"content_index":4000000000,"delta":"b"}"#.to_owned(),
        ], "ab", &[EARLY]),
        ("a part too many before the item begins", vec![
            r#"{"type":"response.output_text.delta","output_index":0,"content_index":1,"delta":"b"}"#.to_owned(),
            format!(r#"{{"type":"response.output_item.added","output_index":0,"item":{}}}"#, message("m", "a")),
        ], "a\n\nb", &[EARLY]),
        ("without an id", vec![
            r#"{"type":"response.completed","response":{}}"#.to_owned(),
        ], "", &["response.completed has no id: Codex takes the stream for lost and sends the request again"]),
        ("the chat API's end", vec![done.to_owned(), "[DONE]".to_owned()], "", &[]),
    ];
    for (name, events, text, lints) in cases {
        let turn = turn(&events.join("\n"));
        assert_eq!(turn.output_text(), text, "{name}");
        assert_eq!(turn.lints, lints, "{name}");
    }
}

#[test]
fn refusals_are_output_too() {
    let turn = turn(
        r#"{"type":"response.output_text.delta","output_index":0,"content_index":0,"delta":"Well."}
        {"type":"response.refusal.delta","output_index":0,"content_index":1,"delta":"I can"}
        {"type":"response.refusal.delta","output_index":0,"content_index":1,"delta":"not."}"#,
    );
    assert_eq!(turn.output_text(), "Well.\n\nI cannot.");
}

#[test]
fn unknown_events_and_items_are_kept() {
    let turn = turn(
        r#"{"type":"response.sparkle","sequence_number":0,"x":1}
        {"type":"response.output_item.done","output_index":0,"item":{"type":"sparkle","glow":[1, 2]}}
        {"type":"response.sparkle","sequence_number":1,"x":1}
        {"no":"type"}"#,
    );
    assert_eq!(turn.counts["response.sparkle"], (2, 106));
    assert_eq!(turn.counts["(no type)"].0, 1);
    assert!(matches!(&turn.items[0].kind, ItemKind::Other { kind } if kind == "sparkle"));
    assert_eq!(turn.items[0].raw, r#"{"type":"sparkle","glow":[1, 2]}"#);
    let lints = [
        "event 0: response.sparkle is not a known event: Codex skips it",
        "output 0 (sparkle) is not a known item: Codex skips it",
        "event 3 has no type: Codex skips it",
    ];
    assert_eq!(turn.lints, lints);
}

#[test]
fn the_end_of_the_response_before_ends_nothing() {
    let stale = r#"{"type":"response.completed","response":{"id":"resp_0","usage":{"input_tokens":1,"output_tokens":1,"total_tokens":2}}}"#;
    let request = r#"{"previous_response_id":"resp_0","input":[]}"#;
    let mut turn = Turn::default();
    turn.expect(&Request::parse(request).unwrap());
    turn.apply(stale);
    turn.apply(r#"{"type":"response.created","response":{"id":"resp_1"}}"#);
    turn.apply(stale);
    assert_eq!((turn.status, turn.usage), (Status::InProgress, None));
    assert_eq!(
        turn.lints[1],
        "event 2: response.completed is of the response before this one: left aside"
    );
    turn.apply(r#"{"type":"response.completed","response":{"id":"resp_1"}}"#);
    assert_eq!(turn.status, Status::Completed);
    assert_eq!(turn.response_id.as_deref(), Some("resp_1"));
}

#[test]
fn header_fields_in_messages_are_kept() {
    let turn = turn(
        r#"{"type":"response.metadata","headers":{"openai-model":"gpt-y","x-n":7},"metadata":{}}"#,
    );
    let headers = [("openai-model".to_owned(), "gpt-y".to_owned())];
    assert_eq!(turn.headers, headers);
}

#[test]
fn broken_json_is_counted_and_noted() {
    let mut turn = Turn::default();
    assert_eq!(turn.apply("{\"type\":"), EventKind::Other);
    assert_eq!(turn.counts["(not JSON)"], (1, 8));
    assert_eq!(turn.lints.len(), 1);
    for _ in 0..2 * MAX_LINTS {
        turn.apply("nonsense");
    }
    assert_eq!(turn.lints.len(), MAX_LINTS + 1);
    assert_eq!(turn.counts["(not JSON)"].0, 2 * MAX_LINTS as u32 + 1);
}

/// Some event of the life above, or one with members picked at random.
fn any_event() -> impl Strategy<Value = String> {
    let lines: Vec<&str> = LIFE.lines().filter(|line| !line.is_empty()).collect();
    let index = prop_oneof![
        Just("0"),
        Just("1"),
        Just("7"),
        Just("null"),
        Just("\"x\""),
        Just("18446744073709551615")
    ];
    let kinds = prop::sample::select(EventKind::ALL);
    let made = (kinds, index, "[a-c]{0,2}").prop_map(|(kind, index, id)| {
        let item = r#"{"type":"message","content":[{"type":"output_text","text":"t"},null,7]}"#;
        format!(
            r#"{{"type":"{}","output_index":{index},"content_index":{index},"item_id":"{id}","delta":"d","text":"t","item":{item},"part":{item},"response":{{"id":"{id}","output":[{item},{item}],"usage":7}}}}"#,
            kind.as_str()
        )
    });
    prop_oneof![prop::sample::select(lines).prop_map(str::to_owned), made]
}

proptest! {
    #[test]
    fn no_stream_breaks_a_turn(events in prop::collection::vec(any_event(), 0..40), cut in any::<prop::sample::Index>()) {
        let mut turn = Turn::default();
        for event in &events {
            turn.apply(event);
            let prefix: String = event.chars().take(cut.index(event.len() + 1)).collect();
            turn.apply(&prefix);
            prop_assert!(turn.items.len() <= turn.events as usize * 2);
        }
        turn.end_of_stream();
        prop_assert!(turn.is_over());
        prop_assert_eq!(turn.events as usize, events.len() * 2);
        let counted: u32 = turn.counts.values().map(|(events, _)| events).sum();
        prop_assert_eq!(counted, turn.events);
    }

    #[test]
    fn where_a_text_is_cut_does_not_matter(pieces in prop::collection::vec("[a-zé\"\\\\]{0,5}", 0..20)) {
        let mut turn = Turn::default();
        for piece in &pieces {
            let event = serde_json::json!({"type": "response.output_text.delta", "output_index": 0,
                "content_index": 0, "delta": piece});
            turn.apply(&event.to_string());
        }
        prop_assert_eq!(turn.output_text(), pieces.concat());
    }

    #[test]
    fn no_text_is_too_odd(text in ".{0,80}") {
        let mut turn = Turn::default();
        turn.apply(&text);
        prop_assert_eq!(turn.events, 1);
    }
}
