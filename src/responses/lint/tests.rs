use crate::responses::{Request, Turn};

/// What is noted of a response with these output items, asked for with `request`.
fn lints(request: &str, items: &[&str]) -> Vec<String> {
    let mut turn = Turn::default();
    turn.expect(&Request::parse(request).unwrap());
    for (index, item) in items.iter().enumerate() {
        turn.apply(&format!(
            r#"{{"type":"response.output_item.done","output_index":{index},"item":{item}}}"#
        ));
    }
    turn.apply(r#"{"type":"response.completed","response":{"id":"r","usage":null}}"#);
    turn.lints
}

#[test]
fn items_that_codex_drops_are_named() {
    let table = [
        (
            r#"{"type":"message","content":[]}"#,
            "output 0 (message) has no role: Codex drops it silently",
        ),
        (
            r#"{"type":"message","role":"assistant","content":"hi"}"#,
            "output 0 (message) has content that is no list: Codex drops it silently",
        ),
        (
            r#"{"type":"message","role":"assistant","content":null}"#,
            "output 0 (message) has content that is no list: Codex drops it silently",
        ),
        (
            r#"{"type":"reasoning","id":"rs"}"#,
            "output 0 (reasoning) has no summary: Codex drops it silently",
        ),
        (
            r#"{"type":"function_call","name":"f","arguments":"{}"}"#,
            "output 0 (f) has no call_id: Codex drops it silently",
        ),
        (
            r#"{"type":"function_call","call_id":"c","name":"f","arguments":{"a":1}}"#,
            "output 0 (f) has arguments that are no string: Codex drops it silently",
        ),
        (
            r#"{"type":"custom_tool_call","name":"exec","input":"x"}"#,
            "output 0 (exec) has no call_id: Codex drops it silently",
        ),
        (
            r#"{"type":"function_call","call_id":"c","name":"f","arguments":"{\"a\":"}"#,
            "output 0 (f) has arguments that are no JSON object: Codex answers with a parse error",
        ),
        (
            r#"{"type":"function_call","call_id":"c","name":"apply_patch","arguments":"{}"}"#,
            "output 0 (apply_patch) came as a function_call, but it is a custom tool: Codex answers “aborted”",
        ),
        (
            r#"{"type":"custom_tool_call","call_id":"c","name":"apply_patch","input":"{\"input\":\"\"}"}"#,
            "output 0 (apply_patch) has an input that is no patch (*** Begin Patch … *** End Patch): Codex cannot apply it",
        ),
        (
            r#"{"type":"sparkle"}"#,
            "output 0 (sparkle) is not a known item: Codex skips it",
        ),
    ];
    for (item, lint) in table {
        assert_eq!(lints("{}", &[item]), [lint], "{item}");
    }
    let sound = [
        r#"{"type":"message","role":"assistant","content":[]}"#,
        r#"{"type":"reasoning","summary":[]}"#,
        r#"{"type":"function_call","call_id":"a","name":"f","arguments":"{}"}"#,
        r#"{"type":"custom_tool_call","call_id":"b","name":"apply_patch","input":"*** Begin Patch\n*** End Patch\n"}"#,
        r#"{"type":"web_search_call","id":"ws","action":{"type":"search"}}"#,
        r#"{"type":"compaction","encrypted_content":"x"}"#,
    ];
    assert_eq!(lints("{}", &sound), Vec::<String>::new());
}

#[test]
fn calls_are_checked_against_the_tools_that_were_offered() {
    let offered = r#"{"tools":[{"type":"function","name":"shell"},{"type":"custom","name":"exec"},
        {"type":"namespace","name":"functions","tools":[{"type":"function","name":"wait"}]},
        {"type":"namespace","name":"agents","tools":[{"type":"function","name":"spawn"}]}]}"#;
    let function = |name: &str, more: &str| {
        format!(
            r#"{{"type":"function_call","call_id":"c","name":"{name}","arguments":"{{}}"{more}}}"#
        )
    };
    let table = [
        (function("shell", ""), None),
        (function("wait", ""), None),
        (function("wait", r#","namespace":"functions""#), None),
        (function("spawn", r#","namespace":"agents""#), None),
        (
            function("spawn", ""),
            Some("does not name its namespace agents: Codex answers “unsupported call”"),
        ),
        (
            function("agents__spawn", ""),
            Some(
                "has the namespace agents in its name, not as namespace: Codex answers “unsupported call”",
            ),
        ),
        (
            function("shell", r#","namespace":"agents""#),
            Some("names a namespace, but is in none: Codex answers “unsupported call”"),
        ),
        (
            function("exec", ""),
            Some(
                "came as a function tool, but was offered as a custom tool: Codex does not run it",
            ),
        ),
        (
            function("nope", ""),
            Some("is no tool that the request offers: Codex answers “unsupported call”"),
        ),
    ];
    for (item, fault) in table {
        let found = lints(offered, &[&item]);
        let found: Vec<&str> = found
            .iter()
            .filter_map(|lint| Some(lint.split_once(") ")?.1))
            .collect();
        assert_eq!(found, fault.into_iter().collect::<Vec<_>>(), "{item}");
        // A request that goes on with a response offers nothing again.
        assert_eq!(lints("{}", &[&item]), Vec::<String>::new(), "{item}");
    }
    let searched = r#"{"tools":[{"type":"tool_search"}]}"#;
    assert_eq!(
        lints(searched, &[&function("nope", "")]),
        Vec::<String>::new()
    );
}

#[test]
fn a_call_id_is_used_once() {
    let call = r#"{"type":"function_call","call_id":"c","name":"f","arguments":"{}"}"#;
    assert_eq!(
        lints("{}", &[call, call]),
        ["output 1 (f) has the call_id c of another call: Codex runs both, before 0.169 one"]
    );
}

#[test]
fn counts_that_codex_cannot_read_are_named() {
    let table: &[(&str, &[&str])] = &[
        (
            r#"{"input_tokens":1,"output_tokens":2,"total_tokens":3}"#,
            &[],
        ),
        (
            r#"{"input_tokens":1,"output_tokens":2,"total_tokens":3,"input_tokens_details":null}"#,
            &[],
        ),
        ("null", &[]),
        (r#"{"input_tokens":1,"output_tokens":2}"#, &["total_tokens"]),
        (
            r#"{"input_tokens":1,"output_tokens":2,"total_tokens":3,"input_tokens_details":{}}"#,
            &["input_tokens_details.cached_tokens"],
        ),
        ("{}", &["input_tokens", "output_tokens", "total_tokens"]),
    ];
    for (usage, missing) in table {
        let mut turn = Turn::default();
        turn.apply(&format!(
            r#"{{"type":"response.completed","response":{{"id":"r","usage":{usage}}}}}"#
        ));
        let expected: Vec<String> = missing
            .iter()
            .map(|name| {
                format!(
                    "usage has no {name}: Codex takes the stream for lost and sends the request again"
                )
            })
            .collect();
        assert_eq!(turn.lints, expected, "{usage}");
    }
}

#[test]
fn what_codex_cannot_show_as_it_comes_is_noted_once() {
    let mut turn = Turn::default();
    for event in [
        r#"{"type":"response.output_item.added","output_index":0,"item":{"type":"reasoning","id":"rs"}}"#,
        r#"{"type":"response.reasoning_summary_text.delta","output_index":0,"item_id":"rs","delta":"a"}"#,
        r#"{"type":"response.reasoning_summary_text.delta","output_index":0,"item_id":"rs","delta":"b"}"#,
        r#"{"type":"response.output_text.delta","output_index":1,"item_id":"m","delta":"a"}"#,
        r#"{"type":"response.output_text.delta","output_index":2,"item_id":"n","delta":"a"}"#,
    ] {
        turn.apply(event);
    }
    let at_once = "Codex shows the text only once it is whole";
    assert_eq!(
        turn.lints,
        [
            format!("output 0 (reasoning) begins without a summary: {at_once}"),
            format!(
                "event 1: response.reasoning_summary_text.delta has no summary_index: {at_once}"
            ),
            format!(
                "event 3: response.output_text.delta before its response.output_item.added: {at_once}"
            ),
        ]
    );
}
