//! Items: the elements of a request's `input` and of a response's `output`.
//!
//! [`Item::read`] takes the JSON of one item and is total: a type that is not in the vocabulary,
//! and JSON that is no object, give [`ItemKind::Other`] with the text kept verbatim.

use std::borrow::Cow;

use super::lenient::{self, Members};
use super::request::first_line;
use super::{Patch, Tool};

/// One element of a conversation.
#[derive(Clone, PartialEq, Debug)]
pub struct Item {
    /// The item's id (`msg_…`, `rs_…`, `fc_…`), where it has one.
    pub id: Option<String>,
    /// What it is.
    pub kind: ItemKind,
    /// Ordinal of the turn's event that began it; 0 in a request.
    pub began: u32,
    /// Ordinal of the event that completed it (`response.output_item.done`).
    pub ended: Option<u32>,
    /// The item's JSON as last seen whole, verbatim; empty until then. Of an unknown type, as last
    /// seen.
    pub raw: String,
}

/// What an item is.
#[derive(Clone, PartialEq, Debug)]
pub enum ItemKind {
    /// A message of the user, the developer, the system, an assistant or another agent.
    Message {
        /// Who speaks (`user`, `developer`, `system`, `assistant`, or an agent's name).
        role: String,
        /// Codex's `phase` (`commentary`, `final_answer`), where given.
        phase: Option<String>,
        /// Its content parts in order.
        parts: Vec<Part>,
    },
    /// The model's reasoning.
    Reasoning {
        /// Summary parts in order.
        summary: Vec<Part>,
        /// Raw reasoning text, where the model gives it.
        content: Vec<Part>,
        /// Bytes of `encrypted_content`.
        encrypted: usize,
    },
    /// A call of a tool.
    Call(ToolCall),
    /// A tool's answer.
    Output(ToolOutput),
    /// Tools given as an input item (`additional_tools`).
    Tools(Vec<Tool>),
    /// Any other item: a compaction, for example, or a type that is not known
    /// ([`ItemKind::is_known`]).
    Other {
        /// Its `type`.
        kind: String,
    },
}

/// A piece of text or other content.
#[derive(Clone, PartialEq, Debug)]
pub struct Part {
    /// Its type, such as `output_text`, `refusal`, `input_image`.
    pub kind: String,
    /// Its text; a short description in brackets for content that is no text (`[image, 12345
    /// bytes]`).
    pub text: String,
    /// Ordinal of the event that began it; 0 in a request.
    pub began: u32,
}

/// A call of a tool.
#[derive(Clone, PartialEq, Debug)]
pub struct ToolCall {
    /// Which kind of tool.
    pub kind: ToolKind,
    /// The tool's name; the item type's stem for built-in tools (`web_search`).
    pub name: String,
    /// The namespace it belongs to, where there is one.
    pub namespace: Option<String>,
    /// Pairs the call with its output.
    pub call_id: Option<String>,
    /// Arguments (JSON text of a function call) or input (free text of a custom tool), as assembled
    /// so far.
    pub input: String,
    /// The item's `status`, where given.
    pub status: Option<String>,
}

/// The kinds of tools.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ToolKind {
    /// `function_call`: JSON arguments.
    Function,
    /// `custom_tool_call`: free text.
    Custom,
    /// `local_shell_call`.
    Shell,
    /// A tool that the provider runs: web search, file search, code interpreter, image generation,
    /// MCP, tool search.
    Hosted,
}

/// What a tool answered.
#[derive(Clone, PartialEq, Debug)]
pub struct ToolOutput {
    /// The item's type (`function_call_output`, `custom_tool_call_output`, …).
    pub kind: String,
    /// The call it answers.
    pub call_id: Option<String>,
    /// The output's text; parts of a list joined by line breaks.
    pub text: String,
}

impl Item {
    /// Reads the JSON of one item. `began` is the ordinal of the event it came with.
    #[must_use]
    pub fn read(json: &str, began: u32) -> Self {
        let members = Members::of(json).unwrap_or_default();
        Self {
            id: members.text("id").map(Cow::into_owned),
            kind: ItemKind::of(&members, began),
            began,
            ended: None,
            raw: json.to_owned(),
        }
    }
}

impl ItemKind {
    fn of(members: &Members<'_>, began: u32) -> Self {
        let text = |name: &str| members.text(name).map(Cow::into_owned);
        let parts = |name: &str| {
            let json = members.find(name);
            json.map_or_else(Vec::new, |json| Part::read_all(json, began))
        };
        let kind = text("type").unwrap_or_default();
        if let Some(call) = ToolCall::of(&kind, members) {
            return Self::Call(call);
        }
        match kind.as_str() {
            "message" => Self::Message {
                role: text("role").unwrap_or_default(),
                phase: text("phase"),
                parts: parts("content"),
            },
            // What one agent says to another.
            "agent_message" => Self::Message {
                role: text("author").unwrap_or_default(),
                phase: text("phase"),
                parts: parts("content"),
            },
            "reasoning" => Self::Reasoning {
                summary: parts("summary"),
                content: parts("content"),
                encrypted: members
                    .text("encrypted_content")
                    .map_or(0, |text| text.len()),
            },
            "additional_tools" => Self::Tools(Tool::read_all(members.find("tools"))),
            "mcp_list_tools" => Self::Tools(Tool::read_of_server(
                members.find("tools"),
                text("server_label").as_deref(),
            )),
            "mcp_approval_response" => Self::Output(ToolOutput {
                text: approval(members),
                call_id: text("approval_request_id"),
                kind,
            }),
            "tool_search_output" => Self::Output(ToolOutput {
                text: tool_names(members.find("tools")),
                call_id: text("call_id"),
                kind,
            }),
            name if name.ends_with("_output") => Self::Output(ToolOutput {
                text: members.find("output").map_or_else(String::new, output_text),
                call_id: text("call_id"),
                kind,
            }),
            _ => Self::Other { kind },
        }
    }

    /// Whether its type is in the vocabulary: the API reference's, and what Codex adds to it.
    #[must_use]
    pub fn is_known(&self) -> bool {
        match self {
            Self::Other { kind } => PLAIN.contains(&kind.as_str()),
            Self::Output(output) => OUTPUTS.contains(&output.kind.as_str()),
            Self::Message { .. } | Self::Reasoning { .. } | Self::Call(_) | Self::Tools(_) => true,
        }
    }

    /// The item's type as the wire calls it, for a message about it.
    pub(super) fn noun(&self) -> &str {
        match self {
            Self::Message { .. } => "message",
            Self::Reasoning { .. } => "reasoning",
            Self::Call(call) => &call.name,
            Self::Output(output) => &output.kind,
            Self::Tools(_) => "additional_tools",
            Self::Other { kind } => kind,
        }
    }

    /// Whether it holds text that the model made: of a message, of reasoning, or a call's
    /// arguments.
    pub(super) fn has_text(&self) -> bool {
        let any = |parts: &[Part]| parts.iter().any(|part| !part.text.is_empty());
        match self {
            Self::Message { parts, .. } => any(parts),
            Self::Reasoning {
                summary, content, ..
            } => any(summary) || any(content),
            Self::Call(call) => !call.input.is_empty(),
            Self::Output(_) | Self::Tools(_) | Self::Other { .. } => false,
        }
    }
}

impl ToolCall {
    /// What its answer is named by: the tool and, of a patch, its files.
    #[must_use]
    pub fn title(&self) -> String {
        let patch = Patch::of(self).filter(|patch| !patch.files.is_empty());
        match patch {
            Some(patch) => format!("{} {}", self.name, first_line(&patch.gist())),
            None => self.name.clone(),
        }
    }

    /// The call that an item of type `kind` is, if that is a type of call.
    fn of(kind: &str, members: &Members<'_>) -> Option<Self> {
        let (tool, input) = match kind {
            "function_call" => (ToolKind::Function, &["arguments"][..]),
            "custom_tool_call" => (ToolKind::Custom, &["input"][..]),
            "local_shell_call" | "shell_call" => (ToolKind::Shell, &["action"][..]),
            "tool_search_call" | "mcp_call" | "mcp_approval_request" => {
                (ToolKind::Hosted, &["arguments"][..])
            }
            "web_search_call" => (ToolKind::Hosted, &["action"][..]),
            "computer_call" => (ToolKind::Hosted, &["action", "actions"][..]),
            "file_search_call" => (ToolKind::Hosted, &["queries"][..]),
            "code_interpreter_call" => (ToolKind::Hosted, &["code"][..]),
            "image_generation_call" => (ToolKind::Hosted, &["revised_prompt", "prompt"][..]),
            "apply_patch_call" => (ToolKind::Hosted, &["operation"][..]),
            _ => return None,
        };
        let text = |name: &str| members.text(name).map(Cow::into_owned);
        let input = input
            .iter()
            .find_map(|name| members.find(name).and_then(lenient::text_or_json));
        let stem = kind.strip_suffix("_call").unwrap_or(kind);
        // An approval names the request by its id.
        let own_id = (kind == "mcp_approval_request")
            .then(|| text("id"))
            .flatten();
        Some(Self {
            kind: tool,
            name: text("name").unwrap_or_else(|| stem.to_owned()),
            namespace: text("namespace").or_else(|| text("server_label")),
            call_id: text("call_id").or(own_id),
            input: input.unwrap_or_default(),
            status: text("status"),
        })
    }
}

impl Part {
    /// The parts that `json` holds: an array of them, a single one, or a bare string.
    pub(super) fn read_all(json: &str, began: u32) -> Vec<Self> {
        if let Some(elements) = lenient::elements(json) {
            let parts = elements.iter();
            return parts.map(|part| Self::read(part.get(), began)).collect();
        }
        if json == "null" {
            return Vec::new();
        }
        vec![Self::read(json, began)]
    }

    /// Reads one content part; what is not text is described in brackets.
    pub(super) fn read(json: &str, began: u32) -> Self {
        if let Some(text) = lenient::text(json) {
            return Self {
                kind: "text".to_owned(),
                text: text.into_owned(),
                began,
            };
        }
        let members = Members::of(json).unwrap_or_default();
        let kind = members.text("type").unwrap_or_default().into_owned();
        let text = match kind.as_str() {
            "refusal" => members.text("refusal"),
            "input_image" | "output_image" | "image" | "computer_screenshot" => {
                Some(image(&members))
            }
            "input_audio" | "output_audio" => Some(audio(&members)),
            "input_file" => Some(file(&members)),
            "encrypted_content" => {
                let text = members.text("encrypted_content").unwrap_or_default();
                Some(format!("[encrypted, {} bytes]", text.len()).into())
            }
            _ => members.text("text"),
        };
        let text = text.unwrap_or_else(|| format!("[{kind}, {} bytes]", json.len()).into());
        Self {
            text: text.into_owned(),
            kind,
            began,
        }
    }

    /// Whether its text is text, not a description of something else.
    pub(super) fn is_text(&self) -> bool {
        matches!(
            self.kind.as_str(),
            "input_text" | "output_text" | "text" | "summary_text" | "reasoning_text" | "refusal"
        )
    }
}

/// Texts of the parts, joined by line breaks.
pub(super) fn join(parts: &[Part]) -> String {
    let texts: Vec<&str> = parts.iter().map(|part| part.text.as_str()).collect();
    texts.join("\n")
}

/// A tool's output: a string, a content part or a list of them, or whatever else, as JSON.
fn output_text(json: &str) -> String {
    if let Some(text) = lenient::text(json) {
        return text.into_owned();
    }
    let is_part = |json: &str| {
        let has_type = |json| Members::of(json).is_ok_and(|it| it.text("type").is_some());
        lenient::text(json).is_some() || has_type(json)
    };
    let are_parts = match lenient::elements(json) {
        Some(parts) => parts.iter().all(|part| is_part(part.get())),
        None => is_part(json),
    };
    match are_parts {
        true => join(&Part::read_all(json, 0)),
        false if json == "null" => String::new(),
        false => json.to_owned(),
    }
}

/// Whether a call of an MCP server was approved, and why or why not.
fn approval(members: &Members<'_>) -> String {
    let verdict = match members.find("approve") {
        Some("true") => "approved",
        Some("false") => "not approved",
        _ => "no verdict",
    };
    match members.text("reason") {
        Some(reason) => format!("{verdict}: {reason}"),
        None => verdict.to_owned(),
    }
}

fn tool_names(json: Option<&str>) -> String {
    let tools = Tool::read_all(json);
    let names: Vec<&str> = tools.iter().map(|tool| tool.name.as_str()).collect();
    names.join("\n")
}

fn image(members: &Members<'_>) -> Cow<'static, str> {
    let url = members.text("image_url").or_else(|| {
        // The chat API's shape, which bridges let through: {"image_url":{"url":…}}.
        let nested = Members::of(members.find("image_url")?).ok()?;
        nested.text("url")
    });
    let Some(url) = url else {
        let file = members.text("file_id").unwrap_or_default();
        return format!("[image {file}]").replace(" ]", "]").into();
    };
    match url.strip_prefix("data:") {
        Some(data) => format!("[image, {} bytes]", data_len(data)).into(),
        None => format!("[image {url}]").into(),
    }
}

fn audio(members: &Members<'_>) -> Cow<'static, str> {
    let nested = members.find("input_audio").map(Members::of);
    let data = members
        .text("data")
        .or_else(|| members.text("audio_url"))
        .or_else(|| nested?.ok()?.text("data"))
        .unwrap_or_default();
    format!("[audio, {} bytes]", data_len(&data)).into()
}

fn file(members: &Members<'_>) -> Cow<'static, str> {
    let name = ["filename", "file_url", "file_id"]
        .iter()
        .find_map(|name| members.text(name))
        .unwrap_or_default();
    let data = members.text("file_data").unwrap_or_default();
    format!("[file {name}, {} bytes]", data_len(&data)).into()
}

/// Types of items that are neither text nor calls.
const PLAIN: &[&str] = &[
    "compaction",
    "compaction_summary",
    "compaction_trigger",
    "context_compaction",
    "configuration_update",
    "item_reference",
];

/// Types of items that answer a call.
const OUTPUTS: &[&str] = &[
    "function_call_output",
    "custom_tool_call_output",
    "local_shell_call_output",
    "shell_call_output",
    "apply_patch_call_output",
    "computer_call_output",
    "tool_search_output",
    "mcp_tool_call_output",
    "mcp_approval_response",
];

/// Bytes that Base64 text decodes to (RFC 4648 §4), a data URL's preamble left out.
fn data_len(text: &str) -> usize {
    let data = text.split_once(',').map_or(text, |(_, data)| data);
    data.trim_end_matches('=').len() * 3 / 4
}

#[cfg(test)]
mod tests;
