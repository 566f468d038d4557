//! One line that says what a call or an event is about.

use super::block::preview;
use super::format;
use super::json::{elements, member, unquoted};
use crate::responses::{Patch, ToolCall, ToolKind};

/// What a tool call does: its command, the files it patches, or its arguments.
pub(super) fn call(call: &ToolCall) -> String {
    if let Some(patch) = Patch::of(call).filter(|patch| !patch.files.is_empty()) {
        return preview(&patch.gist(), GIST);
    }
    if call.kind == ToolKind::Custom {
        return preview(&call.input, GIST);
    }
    let arguments = &call.input;
    let told = TELLING.iter().find_map(|name| member(arguments, name));
    preview(&told.map_or_else(|| arguments.clone(), words), GIST)
}

/// What an event, or a message to the upstream, says beside its type.
pub(super) fn event(kind: &str, text: &str) -> String {
    let string = |name: &str| member(text, name).and_then(unquoted);
    if kind.strip_suffix(".delta").is_some() {
        return string("delta").map_or_else(String::new, |delta| quoted(&delta));
    }
    if let Some(item) = member(text, "item") {
        return named(item);
    }
    if let Some(response) = member(text, "response") {
        return of_response(response);
    }
    if let Some(part) = member(text, "part") {
        return named(part);
    }
    match kind {
        "response.create" | "response.append" => created(text),
        "error" => {
            let error = member(text, "error").unwrap_or(text);
            of_error(error)
        }
        "codex.rate_limits" => {
            let limits = member(text, "rate_limits").unwrap_or_default();
            let used = |name| member(member(limits, name)?, "used_percent");
            [
                ("primary", used("primary")),
                ("secondary", used("secondary")),
            ]
            .into_iter()
            .filter_map(|(name, used)| Some(format!("{name} {} % used", used?)))
            .collect::<Vec<_>>()
            .join(", ")
        }
        _ => ["text", "arguments", "input", "refusal", "response_id"]
            .into_iter()
            .find_map(string)
            .map_or_else(String::new, |text| quoted(&text)),
    }
}

/// A text in quotes, short, white space kept visible.
pub(super) fn quoted(text: &str) -> String {
    let text: String = text.chars().take(GIST).collect();
    format!(
        "“{}”",
        crate::text::truncate(crate::text::Clean::from(text).as_str(), GIST / 2)
    )
}

fn named(item: &str) -> String {
    ["type", "role", "name", "status"]
        .into_iter()
        .filter_map(|name| member(item, name).and_then(unquoted))
        .collect::<Vec<_>>()
        .join(" ")
}

fn of_response(response: &str) -> String {
    let mut says = Vec::new();
    if let Some(error) = member(response, "error").filter(|error| error.starts_with('{')) {
        says.push(of_error(error));
    }
    if let Some(reason) = member(response, "incomplete_details")
        .and_then(|details| member(details, "reason"))
        .and_then(unquoted)
    {
        says.push(reason);
    }
    let usage = member(response, "usage").unwrap_or_default();
    let count = |name| member(usage, name)?.parse::<u64>().ok();
    if let (Some(input), Some(output)) = (count("input_tokens"), count("output_tokens")) {
        says.push(format!(
            "in {} out {}",
            format::count(input),
            format::count(output)
        ));
    }
    says.extend(
        ["model", "id"]
            .into_iter()
            .filter_map(|name| member(response, name).and_then(unquoted)),
    );
    preview(&says.join(" · "), GIST)
}

fn of_error(error: &str) -> String {
    let says: Vec<String> = ["code", "message"]
        .into_iter()
        .filter_map(|name| member(error, name).and_then(unquoted))
        .collect();
    preview(&says.join(": "), GIST)
}

fn created(request: &str) -> String {
    let mut says: Vec<String> = member(request, "model")
        .and_then(unquoted)
        .into_iter()
        .collect();
    if let Some(count) = member(request, "input").and_then(elements) {
        says.push(format::counted(count as u64, "input item"));
    }
    if member(request, "generate") == Some("false") {
        says.push("warm-up".to_owned());
    }
    if let Some(id) = member(request, "previous_response_id").and_then(unquoted) {
        says.push(format!("continues {id}"));
    }
    preview(&says.join(" · "), GIST)
}

/// An argument as a person would write it: a string, a list's strings with spaces between, or its JSON.
fn words(raw: &str) -> String {
    if let Some(text) = unquoted(raw) {
        return text;
    }
    serde_json::from_str::<Vec<String>>(raw)
        .map_or_else(|_| raw.to_owned(), |words| words.join(" "))
}

/// Arguments that tell what a call does, the most telling first.
const TELLING: [&str; 9] = [
    "cmd", "command", "commands", "query", "url", "path", "pattern", "message", "code",
];

/// The columns of a gist.
const GIST: usize = 120;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_say_what_they_do() {
        let table = [
            (
                ToolKind::Function,
                "exec_command",
                r#"{"workdir":"/","cmd":"cargo test\n -q"}"#,
                "cargo test -q",
            ),
            (
                ToolKind::Shell,
                "local_shell",
                r#"{"command":["ls","-l"]}"#,
                "ls -l",
            ),
            (
                ToolKind::Function,
                "update_plan",
                r#"{"plan":[]}"#,
                r#"{"plan":[]}"#,
            ),
            (
                ToolKind::Function,
                "exec_command",
                r#"{"cmd":"unfini"#,
                r#"{"cmd":"unfini"#,
            ),
            (
                ToolKind::Custom,
                "exec",
                "const a = 1;\nb()",
                "const a = 1; b()",
            ),
            (
                ToolKind::Custom,
                "apply_patch",
                "*** Begin Patch\n*** Update File: a.rs\n+x\n*** Add File: b.rs\n",
                "a.rs +1, b.rs (new)",
            ),
        ];
        for (kind, name, input, expected) in table {
            let tool = ToolCall {
                kind,
                name: name.into(),
                namespace: None,
                call_id: None,
                input: input.into(),
                status: None,
            };
            assert_eq!(call(&tool), expected);
        }
    }

    #[test]
    fn events_say_what_they_carry() {
        let table = [
            (
                "response.output_text.delta",
                r#"{"delta":" wörld\n"}"#,
                "“ wörld␊”",
            ),
            (
                "response.output_item.added",
                r#"{"item":{"type":"function_call","id":"fc_1","name":"exec_command"}}"#,
                "function_call exec_command",
            ),
            (
                "response.completed",
                r#"{"response":{"id":"resp_1","usage":{"input_tokens":1234,"output_tokens":5}}}"#,
                "in 1,234 out 5 · resp_1",
            ),
            (
                "response.failed",
                r#"{"response":{"id":"resp_1","error":{"code":"server_error","message":"no"},"usage":null}}"#,
                "server_error: no · resp_1",
            ),
            (
                "error",
                r#"{"status":429,"error":{"code":"rate","message":"slow \u001b down"}}"#,
                "rate: slow ␛ down",
            ),
            (
                "response.create",
                r#"{"type":"response.create","model":"gpt-x","input":[1,2],"previous_response_id":"resp_0"}"#,
                "gpt-x · 2 input items · continues resp_0",
            ),
            (
                "codex.rate_limits",
                r#"{"rate_limits":{"primary":{"used_percent":12.5},"secondary":null}}"#,
                "primary 12.5 % used",
            ),
            ("something.new", r#"{"a":1}"#, ""),
            ("broken", "{", ""),
        ];
        for (kind, text, expected) in table {
            assert_eq!(event(kind, text), expected, "{kind}");
        }
    }
}
