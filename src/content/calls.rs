//! Tool calls as people read them: what they do, a patch as a diff, and how they ended.

use std::time::Duration;

use super::block::{Look, block, preview};
use super::items::{INDENT, MARGIN, PREVIEW};
use super::json::{is_json, json, member, unquoted};
use super::{Document, Folds, Line, Role, format, gist};
use crate::flow::Answer;
use crate::responses::{End, Outcome, Patch, ToolCall, ToolKind};

/// The namespace and name of a called tool.
pub(super) fn name(call: &ToolCall) -> String {
    match &call.namespace {
        Some(namespace) => format!("{namespace}.{}", call.name),
        None => call.name.clone(),
    }
}

/// Adds to a line which tool is called, and what for: of a patch the files, with lines added and
/// removed.
pub(super) fn title(line: Line, call: &ToolCall) -> Line {
    let line = line.with(&name(call), Role::Tool).with(" ", Role::Text);
    let Some(patch) = Patch::of(call) else {
        return line.with(&gist::call(call), Role::Text);
    };
    let mut line = line;
    for (number, file) in patch.files.iter().take(FILES).enumerate() {
        if number > 0 {
            line.add(", ", Role::Dim);
        }
        line.add(&preview(&file.name(), PREVIEW), Role::Text);
        for (sign, lines, role) in [
            ("+", file.added, Role::DiffAdded),
            ("−", file.removed, Role::DiffRemoved),
        ] {
            if lines > 0 {
                line.add(&format!(" {sign}{lines}"), role);
            }
        }
    }
    match patch.files.len().saturating_sub(FILES) {
        0 => line,
        more => line.with(&format!(", {more} more"), Role::Dim),
    }
}

/// Adds the input of a call: a patch as a diff, JSON pretty, free text as code.
pub(super) fn arguments(document: &mut Document, call: &ToolCall, key: &str, folds: &Folds) {
    if call.input.is_empty() {
        return;
    }
    let Some(patch) = Patch::of(call) else {
        return as_sent(document, call, key, folds);
    };
    block(document, &patch.text, Look::Patch, INDENT, key, folds);
    if !patch.is_all {
        let key = format!("{key}/whole");
        let head = Line::of(MARGIN, Role::Dim)
            .with("whole input ", Role::Label)
            .with(&format::bytes(call.input.len() as u64), Role::Dim);
        if document.section(&key, false, folds, head) {
            as_sent(document, call, &key, folds);
        }
    }
}

/// Adds the input of a call as it was sent.
fn as_sent(document: &mut Document, call: &ToolCall, key: &str, folds: &Folds) {
    if call.kind != ToolKind::Custom && is_json(&call.input) {
        return json(document, &call.input, 3, INDENT, key, folds);
    }
    // Codex's own custom tool `exec` takes JavaScript; arguments that are still arriving are JSON.
    let language = match (call.kind, call.name.as_str()) {
        (ToolKind::Custom, "exec") => "javascript",
        (ToolKind::Custom, _) => "",
        (ToolKind::Hosted, "code_interpreter") => "python",
        _ => "json",
    };
    let look = Look::Code(language);
    block(document, &call.input, look, INDENT, key, folds);
}

/// Adds what a tool of the provider returned: it stands in the item of its call.
pub(super) fn result(document: &mut Document, item: &str, key: &str, folds: &Folds) {
    for name in ["output", "error", "results", "outputs"] {
        let Some(value) = member(item, name).filter(|value| *value != "null") else {
            continue;
        };
        let role = if name == "error" {
            Role::Error
        } else {
            Role::Label
        };
        document.push(Line::of(&format!("{MARGIN}{name}:"), role));
        let text = unquoted(value).unwrap_or_else(|| value.to_owned());
        printed(document, &text, &format!("{key}/{name}"), folds);
    }
    // The image of an `image_generation_call`, as Base64.
    if let Some(image) = member(item, "result").and_then(unquoted) {
        let bytes = image.trim_end_matches('=').len() as u64 * 3 / 4;
        let size = format::count(bytes);
        document.push(Line::of(
            &format!("{MARGIN}[image, {size} bytes]"),
            Role::Dim,
        ));
    }
}

/// Adds what a tool printed: JSON pretty, other text as it is.
pub(super) fn printed(document: &mut Document, text: &str, key: &str, folds: &Folds) {
    if text.starts_with(['{', '[']) && is_json(text) {
        return json(document, text, 3, INDENT, key, folds);
    }
    let look = Look::Plain(Role::Text);
    block(document, text, look, INDENT, key, folds);
}

/// Adds to a line how a call ended, after how long, and what was printed first.
pub(super) fn outcome(line: Line, outcome: &Outcome<'_>, after: Option<Duration>) -> Line {
    let mut line = line;
    let mut by = "";
    if let Some(word) = outcome.end.word() {
        let role = match outcome.end {
            end if end.is_failure() => Role::Error,
            End::Running => Role::Live,
            _ => Role::Ok,
        };
        line.add(&word, role);
        by = " · ";
    }
    if let Some(after) = after {
        line.add(
            &format!("{by}after {}", format::duration(after)),
            Role::Number,
        );
        by = " · ";
    }
    if outcome.is_truncated {
        let of = outcome.tokens.map_or_else(String::new, |tokens| {
            format!(" of {} tokens", format::count(tokens))
        });
        line.add(&format!("{by}cut{of}"), Role::Warning);
        by = " · ";
    }
    let text = preview(&outcome.body, PREVIEW);
    if text.is_empty() {
        return line;
    }
    line.with(by, Role::Dim).with(&text, Role::Text)
}

/// Adds the answer to a call, its text behind a fold.
pub(super) fn answer(document: &mut Document, answer: &Answer, key: &str, folds: &Folds) {
    let key = format!("{key}/answer");
    let head = Line::of("  ↩ ", Role::Tool);
    let head = outcome(head, &answer.output.outcome(), answer.after).hanging(4);
    if document.section(&key, false, folds, head) {
        printed(document, &answer.output.text, &key, folds);
    }
}

/// Files of a patch that a line names.
const FILES: usize = 8;

#[cfg(test)]
mod tests {
    use super::super::tests::{plain, shown};
    use super::*;
    use crate::responses::{Item, ItemKind};

    fn call(item: &serde_json::Value) -> ToolCall {
        match Item::read(&item.to_string(), 0).kind {
            ItemKind::Call(call) => call,
            other => unreachable!("{other:?}"),
        }
    }

    const PATCH: &str =
        "*** Begin Patch\n*** Update File: a.rs\n@@\n a\n-b\n--- c\n+d\n*** End Patch";

    #[test]
    fn a_patch_is_a_diff_with_its_files_and_lines() {
        let script = format!("await tools.apply_patch({});", serde_json::json!(PATCH));
        let call =
            call(&serde_json::json!({"type":"custom_tool_call","name":"exec","input":script}));
        let line = Document::of(title(Line::default(), &call));
        assert_eq!(
            shown(&line),
            "tool:exec|text: |text:a.rs|diff.added: +1|diff.removed: −2\n"
        );
        let mut document = Document::default();
        arguments(&mut document, &call, "k", &Folds::default());
        let text = shown(&document);
        for expected in [
            "diff.header:    |diff.header:*** Update File: a.rs\n",
            "diff.removed:    |diff.removed:--- c\n",
            "diff.added:    |diff.added:+d\n",
            "+ text.dim:    |label:whole input |text.dim:104 B\n",
        ] {
            assert!(text.contains(expected), "{expected} in {text}");
        }
    }

    #[test]
    fn an_outcome_is_one_line() {
        let after = Some(Duration::from_millis(1200));
        let table = [
            (
                "Process exited with code 0\nOutput:\nhi\nthere",
                after,
                "status.ok:exit 0|number: · after 1.20 s|text.dim: · |text:hi there\n",
            ),
            ("Exit code: 2\nOutput:\n", None, "status.error:exit 2\n"),
            (
                "Original token count: 9000\nOutput:\na…8000 tokens truncated…b",
                None,
                "status.warning:cut of 9,000 tokens|text.dim: · |text:a…8000 tokens truncated…b\n",
            ),
            ("hi", None, "text:hi\n"),
        ];
        for (text, after, expected) in table {
            let output = crate::responses::ToolOutput {
                kind: String::new(),
                call_id: None,
                text: text.to_owned(),
            };
            let line = outcome(Line::default(), &output.outcome(), after);
            assert_eq!(
                shown(&Document::of(line)).replace("text.dim:|", ""),
                expected
            );
        }
    }

    #[test]
    fn what_the_provider_ran_is_shown_with_what_came_of_it() {
        let mut document = Document::default();
        let item = r#"{"type":"mcp_call","output":"found","error":null}"#;
        result(&mut document, item, "k", &Folds::default());
        let item = r#"{"type":"image_generation_call","result":"AAAA"}"#;
        result(&mut document, item, "k", &Folds::default());
        assert_eq!(
            plain(&document),
            "    output:\n    found\n    [image, 3 bytes]\n"
        );
    }
}
