use super::*;

#[test]
fn content_that_is_no_text_is_described() {
    let cases = [
        (r#"{"type":"input_text","text":"hi"}"#, "hi"),
        (r#"{"type":"refusal","refusal":"no"}"#, "no"),
        (r#""bare""#, "bare"),
        (
            r#"{"type":"input_image","image_url":"data:image/png;base64,AAAAAA=="}"#,
            "[image, 4 bytes]",
        ),
        (
            r#"{"type":"input_image","image_url":"https://x.test/a.png"}"#,
            "[image https://x.test/a.png]",
        ),
        (
            r#"{"type":"input_image","image_url":{"url":"data:,AAAA"}}"#,
            "[image, 3 bytes]",
        ),
        (
            r#"{"type":"input_image","file_id":"file-1"}"#,
            "[image file-1]",
        ),
        (
            r#"{"type":"input_audio","input_audio":{"data":"AAAA"}}"#,
            "[audio, 3 bytes]",
        ),
        (
            r#"{"type":"input_file","filename":"a.pdf","file_data":"AAAA"}"#,
            "[file a.pdf, 3 bytes]",
        ),
        (
            r#"{"type":"encrypted_content","encrypted_content":"12345"}"#,
            "[encrypted, 5 bytes]",
        ),
        (r#"{"type":"novelty","x":[1,2]}"#, "[novelty, 28 bytes]"),
    ];
    for (json, text) in cases {
        assert_eq!(Part::read(json, 0).text, text, "{json}");
    }
}

/// An item's noun and its text.
fn read(json: &str) -> (String, String) {
    let item = Item::read(json, 0);
    assert_eq!(item.raw, json);
    let text = match &item.kind {
        ItemKind::Message { parts, .. } => join(parts),
        ItemKind::Reasoning { summary, .. } => join(summary),
        ItemKind::Call(call) => call.input.clone(),
        ItemKind::Output(output) => output.text.clone(),
        ItemKind::Tools(_) | ItemKind::Other { .. } => String::new(),
    };
    (item.kind.noun().to_owned(), text)
}

fn check(cases: &[(&str, &str, &str)]) {
    for (json, noun, text) in cases {
        let expected = ((*noun).to_owned(), (*text).to_owned());
        assert_eq!(read(json), expected, "{json}");
    }
}

#[test]
fn messages_reasoning_and_tools_of_codex_are_read() {
    check(&[
        (
            r#"{"type":"message","role":"user","content":"hi"}"#,
            "message",
            "hi",
        ),
        (
            r#"{"type":"agent_message","author":"/root","content":[{"type":"input_text","text":"go"}]}"#,
            "message",
            "go",
        ),
        (
            r#"{"type":"reasoning","summary":[{"type":"summary_text","text":"s"}],"content":null,"encrypted_content":"e"}"#,
            "reasoning",
            "s",
        ),
        (
            r#"{"type":"function_call","name":"f","arguments":"{}"}"#,
            "f",
            "{}",
        ),
        (
            r#"{"type":"function_call","name":"f","arguments":{"a":1}}"#,
            "f",
            r#"{"a":1}"#,
        ),
        (
            r#"{"type":"function_call_output","output":"done"}"#,
            "function_call_output",
            "done",
        ),
        (
            r#"{"type":"custom_tool_call","name":"exec","input":"x"}"#,
            "exec",
            "x",
        ),
        (
            r#"{"type":"custom_tool_call_output","output":[{"type":"input_text","text":"a"},{"type":"input_image","image_url":"data:,AAAA"}]}"#,
            "custom_tool_call_output",
            "a\n[image, 3 bytes]",
        ),
    ]);
}

#[test]
fn every_other_type_of_input_item_is_read() {
    check(&[
        (
            r#"{"type":"tool_search_call","arguments":{"q":1}}"#,
            "tool_search",
            r#"{"q":1}"#,
        ),
        (
            r#"{"type":"tool_search_output","tools":[{"type":"namespace","name":"n","tools":[{"name":"a"},{"name":"b"}]}]}"#,
            "tool_search_output",
            "a\nb",
        ),
        (
            r#"{"type":"local_shell_call","action":{"a":1}}"#,
            "local_shell",
            r#"{"a":1}"#,
        ),
        (
            r#"{"type":"local_shell_call_output","output":{"exit":0}}"#,
            "local_shell_call_output",
            r#"{"exit":0}"#,
        ),
        (
            r#"{"type":"web_search_call","action":{"a":1}}"#,
            "web_search",
            r#"{"a":1}"#,
        ),
        (
            r#"{"type":"image_generation_call","result":"AAAA"}"#,
            "image_generation",
            "",
        ),
        (
            r#"{"type":"additional_tools","tools":[]}"#,
            "additional_tools",
            "",
        ),
        (
            r#"{"type":"compaction","encrypted_content":"x"}"#,
            "compaction",
            "",
        ),
        (r#"{"type":"compaction_trigger"}"#, "compaction_trigger", ""),
        (r#"{"type":"context_compaction"}"#, "context_compaction", ""),
        (
            r#"{"type":"configuration_update"}"#,
            "configuration_update",
            "",
        ),
        (r#"{"type":"novelty"}"#, "novelty", ""),
        ("7", "", ""),
        ("{", "", ""),
    ]);
}
