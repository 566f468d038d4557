//! Patches of `apply_patch`, wherever a call carries one: the files they touch and their lines.
//!
//! A patch is an envelope of its own (`*** Begin Patch` … `*** End Patch`) with a section for each
//! file. Codex takes it as the input of a custom tool; models also give it to a shell, or to a
//! script as a string. What has arrived of it is read, whole or not.

use std::borrow::Cow;

use super::lenient::{self, Members};
use super::{ToolCall, ToolKind};

/// A patch that a call applies.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Patch {
    /// The files in order.
    pub files: Vec<PatchedFile>,
    /// The text of the envelope, as far as it has arrived.
    pub text: String,
    /// Whether the call's input is the patch, and nothing else.
    pub is_all: bool,
}

/// What a patch does to a file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PatchedFile {
    /// What happens to the file.
    pub change: Change,
    /// Its path, as the patch has it.
    pub path: String,
    /// Where it is moved to.
    pub moved_to: Option<String>,
    /// Lines that are added.
    pub added: usize,
    /// Lines that are removed.
    pub removed: usize,
}

/// What happens to a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Change {
    /// It is new.
    Add,
    /// Lines of it change.
    Update,
    /// It is gone.
    Delete,
}

impl Patch {
    /// The patch that a call applies, if it does.
    #[must_use]
    pub fn of(call: &ToolCall) -> Option<Self> {
        let (text, is_all) = text_of(call)?;
        Some(Self {
            files: files(&text),
            text: text.into_owned(),
            is_all,
        })
    }

    /// The files with their lines: `a.rs +3 −1, b.rs (new) +10, c.rs (deleted)`.
    #[must_use]
    pub fn gist(&self) -> String {
        let files: Vec<String> = self.files.iter().map(PatchedFile::gist).collect();
        files.join(", ")
    }
}

impl PatchedFile {
    /// Its path, where it goes, and what becomes of it.
    #[must_use]
    pub fn name(&self) -> String {
        let path = &self.path;
        match (&self.moved_to, self.change) {
            (Some(to), _) => format!("{path} → {to}"),
            (None, Change::Add) => format!("{path} (new)"),
            (None, Change::Update) => path.clone(),
            (None, Change::Delete) => format!("{path} (deleted)"),
        }
    }

    fn gist(&self) -> String {
        let lines = |sign: &str, lines: usize| match lines {
            0 => String::new(),
            lines => format!(" {sign}{lines}"),
        };
        let (added, removed) = (lines("+", self.added), lines("−", self.removed));
        format!("{}{added}{removed}", self.name())
    }
}

/// The patch in a call's input, and whether there is nothing else in it.
fn text_of(call: &ToolCall) -> Option<(Cow<'_, str>, bool)> {
    let input = call.input.as_str();
    if call.kind == ToolKind::Custom {
        // One that is still arriving has not said what it is.
        if call.name == "apply_patch" || input.starts_with(BEGIN) {
            return Some((input.into(), true));
        }
        return Some((literal(envelope(input)?), false));
    }
    if call.kind == ToolKind::Hosted && call.name == "apply_patch" {
        return Some((of_operation(input)?.into(), true));
    }
    // To look into each argument costs more than to see that none has one.
    input.contains(BEGIN).then_some(())?;
    let members = Members::of(input).ok()?;
    let mut values = members.0.iter().flat_map(|(_, value)| {
        let words = lenient::elements(value.get()).unwrap_or_else(|| vec![value]);
        words
            .into_iter()
            .filter_map(|word| lenient::text(word.get()))
    });
    let text = values.find_map(|text| Some(envelope(&text)?.to_owned()))?;
    Some((text.into(), call.name == "apply_patch"))
}

/// The envelope in a text, up to its end or to the end of the text.
fn envelope(text: &str) -> Option<&str> {
    let start = text.find(BEGIN)?;
    let text = &text[start..];
    let end = text.find(END).map_or(text.len(), |at| at + END.len());
    Some(&text[..end])
}

/// The text of an envelope that stands in a program, its line breaks written as `\n` there.
fn literal(envelope: &str) -> Cow<'_, str> {
    if !envelope.starts_with(BEGIN_ESCAPED) {
        return envelope.into();
    }
    let mut text = String::with_capacity(envelope.len());
    let mut characters = envelope.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => match characters.next() {
                Some('n') => text.push('\n'),
                Some('t') => text.push('\t'),
                Some('r') => text.push('\r'),
                Some(other) => text.push(other),
                None => text.push('\\'),
            },
            other => text.push(other),
        }
    }
    text.into()
}

/// The envelope's section that says what the operation of an `apply_patch_call` does.
fn of_operation(json: &str) -> Option<String> {
    let members = Members::of(json).ok()?;
    let path = members.text("path")?;
    let header = match members.text("type")?.as_ref() {
        "create_file" => ADD,
        "delete_file" => DELETE,
        _ => UPDATE,
    };
    let diff = members.text("diff").unwrap_or_default();
    Some(format!("{header}{path}\n{diff}"))
}

fn files(text: &str) -> Vec<PatchedFile> {
    let headers = [
        (ADD, Change::Add),
        (UPDATE, Change::Update),
        (DELETE, Change::Delete),
    ];
    let mut files: Vec<PatchedFile> = Vec::new();
    for line in text.lines() {
        let header = headers
            .iter()
            .find_map(|(start, change)| Some((line.strip_prefix(start)?, *change)));
        if let Some((path, change)) = header {
            files.push(PatchedFile {
                change,
                path: path.trim_end().to_owned(),
                moved_to: None,
                added: 0,
                removed: 0,
            });
            continue;
        }
        let Some(file) = files.last_mut() else {
            continue;
        };
        if let Some(path) = line.strip_prefix(MOVE) {
            file.moved_to = Some(path.trim_end().to_owned());
        }
        match line.as_bytes().first() {
            Some(b'+') => file.added += 1,
            Some(b'-') => file.removed += 1,
            _ => {}
        }
    }
    files
}

const BEGIN: &str = "*** Begin Patch";
const BEGIN_ESCAPED: &str = r"*** Begin Patch\n";
const END: &str = "*** End Patch";
const ADD: &str = "*** Add File: ";
const UPDATE: &str = "*** Update File: ";
const DELETE: &str = "*** Delete File: ";
const MOVE: &str = "*** Move to: ";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::responses::{Item, ItemKind};

    const PATCH: &str = "*** Begin Patch\n*** Update File: a.rs\n*** Move to: b.rs\n@@ fn a\n a\n-b\n--- c\n+d\n*** Add File: n.rs\n+x\n+y\n*** Delete File: o.rs\n*** End Patch";
    const GIST: &str = "a.rs → b.rs +1 −2, n.rs (new) +2, o.rs (deleted)";

    fn patch(item: &serde_json::Value) -> Option<Patch> {
        match Item::read(&item.to_string(), 0).kind {
            ItemKind::Call(call) => Patch::of(&call),
            _ => None,
        }
    }

    #[test]
    fn a_patch_is_found_wherever_a_call_has_one() {
        use serde_json::json;
        let script = format!("await tools.apply_patch({});", json!(PATCH));
        let template = format!("await tools.apply_patch(`{PATCH}`);");
        let heredoc = format!("cd x && apply_patch <<'EOF'\n{PATCH}\nEOF\n");
        let table = [
            (
                json!({"type":"custom_tool_call","name":"apply_patch","input":PATCH}),
                true,
            ),
            (
                json!({"type":"custom_tool_call","name":"exec","input":script}),
                false,
            ),
            (
                json!({"type":"custom_tool_call","name":"exec","input":template}),
                false,
            ),
            (
                json!({"type":"function_call","name":"exec_command","arguments":json!({"cmd":heredoc}).to_string()}),
                false,
            ),
            (
                json!({"type":"function_call","name":"apply_patch","arguments":json!({"input":PATCH}).to_string()}),
                true,
            ),
            (
                json!({"type":"local_shell_call","action":{"type":"exec","command":["apply_patch", PATCH]}}),
                false,
            ),
        ];
        for (item, is_all) in table {
            let patch = patch(&item).unwrap();
            assert_eq!(patch.text, PATCH, "{item}");
            assert_eq!(patch.gist(), GIST, "{item}");
            assert_eq!(patch.is_all, is_all, "{item}");
        }
        let operation = json!({"type":"apply_patch_call","operation":{"type":"create_file","path":"a.rs","diff":"+x"}});
        assert_eq!(patch(&operation).unwrap().gist(), "a.rs (new) +1");
        for none in [
            json!({"type":"custom_tool_call","name":"exec","input":"text(1)"}),
            json!({"type":"function_call","name":"exec_command","arguments":"{\"cmd\":\"ls\"}"}),
            json!({"type":"function_call","name":"f","arguments":"*** Begin Patch"}),
        ] {
            assert_eq!(patch(&none), None, "{none}");
        }
    }

    #[test]
    fn what_has_arrived_of_a_patch_is_read() {
        let call = |input: &str| {
            let item =
                serde_json::json!({"type":"custom_tool_call","name":"apply_patch","input":input});
            patch(&item).unwrap()
        };
        for end in (0..=PATCH.len()).filter(|at| PATCH.is_char_boundary(*at)) {
            let patch = call(&PATCH[..end]);
            assert_eq!(patch.text, PATCH[..end]);
            assert!(patch.files.len() <= 3);
        }
        assert_eq!(call("*** Be").files, []);
    }
}
