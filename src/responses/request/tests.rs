use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn parse(body: &Value) -> Request {
    Request::parse(&body.to_string()).unwrap()
}

fn says(role: &str, text: &str) -> Value {
    json!({"type": "message", "role": role, "content": [{"type": "input_text", "text": text}]})
}

fn names(request: &Request) -> Vec<(Option<&str>, &str)> {
    let tools = request.tools.iter();
    tools
        .map(|tool| (tool.namespace.as_deref(), tool.name.as_str()))
        .collect()
}

#[test]
fn instructions_and_tools_as_members() {
    let request = parse(&json!({
        "model": "gpt-a", "instructions": "Be good.", "service_tier": "priority",
        "prompt_cache_key": "k", "input": [says("developer", "<permissions>"), says("user", "hi")],
        "tools": [{"type": "function", "name": "exec_command"}, {"type": "web_search"}],
        "reasoning": {"effort": "medium", "summary": "auto"}, "text": {"verbosity": "low"},
        "store": false, "include": ["reasoning.encrypted_content"],
    }));
    assert_eq!(request.model.as_deref(), Some("gpt-a"));
    assert_eq!(request.effort.as_deref(), Some("medium"));
    assert_eq!(request.summary.as_deref(), Some("auto"));
    assert_eq!(request.verbosity.as_deref(), Some("low"));
    assert_eq!(request.service_tier.as_deref(), Some("priority"));
    assert_eq!(request.prompt_cache_key.as_deref(), Some("k"));
    assert_eq!(request.instructions.as_deref(), Some("Be good."));
    assert_eq!(
        names(&request),
        [(None, "exec_command"), (None, "web_search")]
    );
    assert_eq!(
        request.tools[0].bytes,
        r#"{"type":"function","name":"exec_command"}"#.len()
    );
    let other: Vec<_> = request
        .other
        .iter()
        .map(|(n, v)| (n.as_str(), v.as_str()))
        .collect();
    assert_eq!(
        other,
        [
            ("store", "false"),
            ("include", r#"["reasoning.encrypted_content"]"#)
        ]
    );
    assert_eq!(request.last_user_text(), Some("hi"));
}

#[test]
fn instructions_as_the_first_developer_message() {
    let prompt = says("developer", "You are a coder.");
    let section = says("developer", "<skills_instructions>x");
    let cases = [
        (
            vec![prompt.clone(), says("user", "hi")],
            None,
            Some("You are a coder."),
        ),
        (
            vec![section.clone(), prompt.clone()],
            None,
            Some("You are a coder."),
        ),
        (vec![section.clone()], None, Some("<skills_instructions>x")),
        (
            vec![section.clone(), says("user", "hi"), prompt.clone()],
            Some("r"),
            None,
        ),
        (vec![section, prompt], Some("r"), Some("You are a coder.")),
        (vec![says("user", "hi")], None, None),
    ];
    for (input, previous, instructions) in cases {
        let request = parse(&json!({"input": input, "previous_response_id": previous}));
        assert_eq!(request.instructions.as_deref(), instructions, "{input:?}");
    }
}

#[test]
fn tools_within_the_input() {
    let request = parse(&json!({
        "type": "response.create", "generate": true, "previous_response_id": "resp_0",
        "reasoning": {"effort": "low", "context": "all_turns"},
        "input": [
            {"type": "additional_tools", "role": "developer", "tools": [
                {"type": "namespace", "name": "functions", "tools": [
                    {"type": "custom", "name": "exec"}, {"type": "function", "name": "wait"}]},
                {"type": "namespace", "name": "broken"},
                {"type": "function", "name": "plain"}]},
            says("developer", "You are a coder."),
        ],
    }));
    let functions = Some("functions");
    let expected = [
        (functions, "exec"),
        (functions, "wait"),
        (None, "broken"),
        (None, "plain"),
    ];
    assert_eq!(names(&request), expected);
    assert_eq!(request.instructions.as_deref(), Some("You are a coder."));
    assert!(!request.is_warm_up);
    let other: Vec<_> = request
        .other
        .iter()
        .map(|(name, _)| name.as_str())
        .collect();
    assert_eq!(other, ["type", "generate", "reasoning"]);
}

#[test]
fn malformed_members_are_kept_verbatim() {
    let request = parse(
        &json!({"model": 7, "input": {"a": 1}, "tools": "x", "client_metadata": [],
        "text": {"verbosity": "low", "format": {}}}),
    );
    assert_eq!(request.model, None);
    let other: Vec<_> = request
        .other
        .iter()
        .map(|(n, v)| (n.as_str(), v.as_str()))
        .collect();
    let text = r#"{"verbosity":"low","format":{}}"#;
    let expected = [
        ("model", "7"),
        ("input", r#"{"a":1}"#),
        ("tools", r#""x""#),
        ("client_metadata", "[]"),
        ("text", text),
    ];
    assert_eq!(other, expected);
    let request = parse(&json!({"input": "just text", "client_metadata": {"a": "b", "n": 1}}));
    assert_eq!(request.last_user_text(), Some("just text"));
    let metadata = [
        ("a".to_owned(), "b".to_owned()),
        ("n".to_owned(), "1".to_owned()),
    ];
    assert_eq!(request.metadata, metadata);
}

#[test]
fn what_is_no_request_says_why() {
    let cases = [
        ("", "request is not readable: not a JSON object"),
        ("[1]", "request is not readable: not a JSON object"),
        (
            "{\"a\":}",
            "request is not readable: expected value at line 1 column 6",
        ),
    ];
    for (body, message) in cases {
        assert_eq!(Request::parse(body).unwrap_err().to_string(), message);
    }
}

#[test]
fn the_users_words_are_not_those_of_codex() {
    let environment = says("user", "<environment_context>\n<cwd>/w</cwd>");
    let agents = says("user", "# AGENTS.md instructions for /w\n\n<INSTRUCTIONS>");
    let aborted = says("user", "<turn_aborted>\nThe user interrupted.");
    let image = json!({"type": "message", "role": "user", "content": [
        {"type": "input_text", "text": "<image name=[Image #1]>"},
        {"type": "input_image", "image_url": "data:image/png;base64,AAAA"},
        {"type": "input_text", "text": "</image>"},
        {"type": "input_text", "text": "what is this?"}]});
    let cases = [
        (
            vec![agents.clone(), environment.clone(), says("user", "fix it")],
            Some("fix it"),
        ),
        (
            vec![says("user", "fix it"), aborted, environment.clone()],
            Some("fix it"),
        ),
        (
            vec![says("user", "old"), says("assistant", "no"), image],
            Some("what is this?"),
        ),
        (vec![agents, environment, says("developer", "x")], None),
    ];
    for (input, text) in cases {
        assert_eq!(
            parse(&json!({"input": input})).last_user_text(),
            text,
            "{input:?}"
        );
    }
}

#[test]
fn a_request_in_one_line() {
    let call =
        json!({"type": "function_call", "name": "exec_command", "arguments": "{}", "call_id": "c"});
    let ran = "Chunk ID: 1\nWall time: 0.1 seconds\nProcess exited with code 0\nOutput:\nhi";
    let output = json!({"type": "function_call_output", "call_id": "c", "output": ran});
    let script = json!({"type": "custom_tool_call_output", "call_id": "d",
        "output": [{"type": "input_text", "text": "\nScript completed\n"}]});
    let metadata = json!({"x-codex-turn-metadata": r#"{"request_kind":"compaction"}"#});
    let task = json!({"type": "agent_message", "author": "/root", "recipient": "/root/a",
        "content": [{"type": "input_text", "text": "Message Type: NEW_TASK\nTask"}]});
    let cases = [
        (
            json!({"generate": false, "input": [says("user", "hi")]}),
            "warm-up",
        ),
        (json!({"input": [says("user", "  first\nsecond")]}), "first"),
        (
            json!({"input": [call, output]}),
            "↩ exec_command → exit 0 · hi",
        ),
        (json!({"input": [output]}), "↩ exit 0 · hi"),
        (
            json!({"input": [output, script]}),
            "↩ Script completed (+1 more)",
        ),
        (
            json!({"input": [
                {"type": "custom_tool_call", "name": "apply_patch", "call_id": "p",
                    "input": "*** Begin Patch\n*** Update File: a.rs\n-x\n+y\n*** End Patch"},
                {"type": "custom_tool_call_output", "call_id": "p",
                    "output": "Exit code: 0\nWall time: 0 seconds\nOutput:\n61:   Success.\n"},
            ]}),
            "↩ apply_patch a.rs +1 −1 → exit 0 · 61: Success.",
        ),
        (
            json!({"input": [{"type": "compaction_trigger"}]}),
            "compaction",
        ),
        (
            json!({"input": [says("user", "sum up")], "client_metadata": metadata}),
            "compaction",
        ),
        (json!({"input": [task]}), "/root: Message Type: NEW_TASK"),
        (
            json!({"input": [says("user", "ask"), says("developer", "note")]}),
            "ask",
        ),
        (json!({"input": [{"type": "novelty"}]}), "novelty"),
        (json!({"input": []}), ""),
    ];
    for (body, gist) in cases {
        assert_eq!(parse(&body).gist(), gist, "{body}");
    }
    let long = parse(&json!({"input": "é".repeat(1000)})).gist();
    assert_eq!(long.chars().count(), GIST_CHARS + 1);
}

proptest! {
    #[test]
    fn no_body_breaks_the_reader(
        member in prop::sample::select(vec!["input", "tools", "reasoning", "client_metadata", "text", "model", "generate"]),
        value in prop::sample::select(vec![
            "null", "1", "\"x\"", "[]", "{}", "[null]", "[[{}]]", "[{\"type\":\"message\"}]",
            "[{\"type\":\"reasoning\",\"summary\":7,\"content\":{\"a\":1}}]",
            "[{\"type\":\"additional_tools\",\"tools\":[1,{\"type\":\"namespace\",\"tools\":{}}]}]",
            "[{\"type\":\"function_call_output\",\"output\":{\"a\":[]}}]",
            "[{\"type\":\"message\",\"role\":\"user\",\"content\":[{\"type\":\"input_image\"},{\"type\":7}]}]",
            "[\"string\"]", "{\"x-codex-turn-metadata\":\"[]\"}",
        ]),
        cut in any::<prop::sample::Index>(),
    ) {
        let body = format!("{{\"{member}\":{value},\"extra\":1}}");
        let request = Request::parse(&body).unwrap();
        prop_assert!(request.other.iter().any(|(name, _)| name == "extra"));
        let _ = (request.gist(), request.last_user_text().map(str::len));
        let _ = Request::parse(&body[..cut.index(body.len())]);
    }
}
