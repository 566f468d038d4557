//! What a request asks for.
//!
//! One reader for the three shapes that Codex sends: instructions and tools as members of their
//! own, instructions as the first developer message, and everything within `input`. Whatever has no
//! field here is kept verbatim in [`Request::other`]; what is malformed counts as absent there and
//! is kept too.

use std::borrow::Cow;

use super::item::{Item, ItemKind, Part, ToolOutput, join};
use super::lenient::{self, Members};
use super::{Identity, ParseError};

/// The body of `POST …/responses`, or a `response.create` message.
#[derive(Clone, PartialEq, Default, Debug)]
pub struct Request {
    /// The model asked for.
    pub model: Option<String>,
    /// `reasoning.effort`.
    pub effort: Option<String>,
    /// `reasoning.summary`.
    pub summary: Option<String>,
    /// `text.verbosity`.
    pub verbosity: Option<String>,
    /// `service_tier`.
    pub service_tier: Option<String>,
    /// `prompt_cache_key`.
    pub prompt_cache_key: Option<String>,
    /// `previous_response_id`: this request continues that response.
    pub previous_response_id: Option<String>,
    /// `generate: false`: a warm-up that asks for no output.
    pub is_warm_up: bool,
    /// The system prompt: top-level `instructions`, else the first developer message's text.
    pub instructions: Option<String>,
    /// Tools offered, from `tools` and from `additional_tools` items; members of a namespace one by
    /// one.
    pub tools: Vec<Tool>,
    /// Input items in order.
    pub input: Vec<Item>,
    /// `client_metadata`, in order.
    pub metadata: Vec<(String, String)>,
    /// Every other top-level member, name and verbatim JSON, in order; `reasoning` and `text` too,
    /// if they say more than the fields above.
    pub other: Vec<(String, String)>,
}

/// A tool that a request offers.
#[derive(Clone, PartialEq, Debug)]
pub struct Tool {
    /// Its name; the type for tools without a name (`web_search`).
    pub name: String,
    /// Its type (`function`, `custom`, `web_search`, …).
    pub kind: String,
    /// The namespace it belongs to.
    pub namespace: Option<String>,
    /// Length of its JSON, in bytes.
    pub bytes: usize,
}

impl Request {
    /// Reads the body of a request, or a `response.create` or `response.append` message.
    ///
    /// Fails on text that is not one JSON object, and on one of more than a million elements.
    pub fn parse(json: &str) -> Result<Self, ParseError> {
        if !json.trim_ascii_start().starts_with('{') {
            return Err(ParseError::not_an_object("request"));
        }
        if lenient::has_too_many(json) {
            return Err(ParseError::too_many("request"));
        }
        let members = Members::of(json).map_err(|error| ParseError::new("request", &error))?;
        let mut request = Self::default();
        for (name, value) in &members.0 {
            if !request.take(name, value.get()) {
                let member = (name.clone().into_owned(), value.get().to_owned());
                request.other.push(member);
            }
        }
        for item in &request.input {
            if let ItemKind::Tools(tools) = &item.kind {
                request.tools.extend_from_slice(tools);
            }
        }
        if request.instructions.is_none() {
            request.instructions = request.first_developer_text();
        }
        Ok(request)
    }

    /// Takes one top-level member in; false if it is to be kept verbatim as well.
    fn take(&mut self, name: &str, json: &str) -> bool {
        let field = match name {
            "model" => &mut self.model,
            "service_tier" => &mut self.service_tier,
            "prompt_cache_key" => &mut self.prompt_cache_key,
            "previous_response_id" => &mut self.previous_response_id,
            "instructions" => &mut self.instructions,
            "reasoning" => {
                let members = Members::of(json).unwrap_or_default();
                self.effort = members.text("effort").map(Cow::into_owned);
                self.summary = members.text("summary").map(Cow::into_owned);
                return only(&members, &["effort", "summary"]);
            }
            "text" => {
                let members = Members::of(json).unwrap_or_default();
                self.verbosity = members.text("verbosity").map(Cow::into_owned);
                return only(&members, &["verbosity"]);
            }
            "generate" => {
                self.is_warm_up = json == "false";
                return self.is_warm_up;
            }
            "tools" => {
                self.tools = Tool::read_all(Some(json));
                return lenient::elements(json).is_some();
            }
            "input" => return self.take_input(json),
            "client_metadata" => return self.take_metadata(json),
            _ => return false,
        };
        let text = lenient::text(json).map(Cow::into_owned);
        let is_taken = text.is_some();
        *field = text;
        is_taken
    }

    fn take_input(&mut self, json: &str) -> bool {
        if let Some(items) = lenient::elements(json) {
            self.input = items.iter().map(|item| Item::read(item.get(), 0)).collect();
            return true;
        }
        // The API's short form: a string is one message of the user.
        let Some(text) = lenient::text(json) else {
            return false;
        };
        self.input = vec![Item {
            id: None,
            kind: ItemKind::Message {
                role: "user".to_owned(),
                phase: None,
                parts: vec![Part {
                    kind: "input_text".to_owned(),
                    text: text.into_owned(),
                    began: 0,
                }],
            },
            began: 0,
            ended: None,
            raw: json.to_owned(),
        }];
        true
    }

    fn take_metadata(&mut self, json: &str) -> bool {
        let Ok(members) = Members::of(json) else {
            return false;
        };
        let pairs = members.0.into_iter().map(|(name, value)| {
            let value = lenient::text_or_json(value.get()).unwrap_or_default();
            (name.into_owned(), value)
        });
        self.metadata = pairs.collect();
        true
    }

    /// The system prompt among the developer messages that open the input. Codex tags its other
    /// sections (`<permissions instructions>`), which a follow-up may begin with.
    fn first_developer_text(&self) -> Option<String> {
        let opening: Vec<&[Part]> = self
            .input
            .iter()
            .filter(|item| !matches!(item.kind, ItemKind::Tools(_)))
            .map_while(|item| match &item.kind {
                ItemKind::Message { role, parts, .. } => {
                    matches!(role.as_str(), "developer" | "system").then_some(&**parts)
                }
                _ => None,
            })
            .collect();
        let is_tagged = |parts: &[Part]| {
            let first = parts.first();
            first.is_none_or(|part| part.text.trim_start().starts_with('<'))
        };
        let prompt = opening.iter().find(|parts| !is_tagged(parts));
        let first = opening
            .first()
            .filter(|_| self.previous_response_id.is_none());
        Some(join(prompt.or(first)?))
    }

    /// Names of top-level members that are neither in the API reference nor Codex's own.
    pub fn unknown_members(&self) -> impl Iterator<Item = &str> {
        let names = self.other.iter().map(|(name, _)| name.as_str());
        names.filter(|name| !MEMBERS.contains(name))
    }

    /// What the user said last, without what Codex says in the user's name: the environment, the
    /// project's instructions, notes about an interrupted turn.
    #[must_use]
    pub fn last_user_text(&self) -> Option<&str> {
        self.input.iter().rev().find_map(user_text)
    }

    /// One line that says what the request is about, for the request list.
    ///
    /// The user's words if they are the newest item, otherwise what the newest item brings: a
    /// tool's output (`↩ exec_command → exit 0 · hi`), another agent's message, a
    /// compaction.
    #[must_use]
    pub fn gist(&self) -> String {
        self.gist_after(|_| None)
    }

    /// The same of a request that continues others: `title` gives the title of the call with an id, if
    /// they made it.
    #[must_use]
    pub fn gist_after<'a>(&self, title: impl Fn(&str) -> Option<&'a str>) -> String {
        if self.is_warm_up {
            return "warm-up".to_owned();
        }
        let purpose = Identity::of(|_| None, Some(self)).purpose;
        if purpose.as_deref() == Some("compaction") {
            return "compaction".to_owned();
        }
        let Some(newest) = self.input.last() else {
            return String::new();
        };
        match &newest.kind {
            ItemKind::Output(output) => {
                let id = output.call_id.as_deref();
                let made = || Some(title(id?)?.to_owned());
                self.output_gist(output, self.title_of(id).or_else(made))
            }
            ItemKind::Other { kind } if kind == "compaction_trigger" => "compaction".to_owned(),
            ItemKind::Message { role, parts, .. } if role.starts_with('/') => {
                format!("{role}: {}", first_line(&join(parts)))
            }
            kind => match self.last_user_text() {
                Some(text) => first_line(text),
                None => kind.noun().to_owned(),
            },
        }
    }

    /// The title of the call with this id.
    fn title_of(&self, id: Option<&str>) -> Option<String> {
        self.input.iter().rev().find_map(|item| match &item.kind {
            ItemKind::Call(call) if call.call_id.as_deref() == id => Some(call.title()),
            _ => None,
        })
    }

    fn output_gist(&self, output: &ToolOutput, title: Option<String>) -> String {
        let outcome = output.outcome();
        let word = outcome.end.word().unwrap_or_default();
        let says = first_line(&outcome.body);
        let says = says.split_whitespace().collect::<Vec<_>>().join(" ");
        let by = if word.is_empty() || says.is_empty() {
            ""
        } else {
            " · "
        };
        let line = format!("{word}{by}{says}");
        let outputs = self.input.iter().rev();
        let more = outputs
            .take_while(|item| matches!(item.kind, ItemKind::Output(_)))
            .count()
            .saturating_sub(1);
        let tail = match more {
            0 => String::new(),
            more => format!(" (+{more} more)"),
        };
        match title {
            Some(title) => format!("↩ {title} → {line}{tail}"),
            None => format!("↩ {line}{tail}"),
        }
    }
}

impl Tool {
    /// The tools that an array of JSON lists; those of a namespace one by one.
    pub(super) fn read_all(json: Option<&str>) -> Vec<Self> {
        let mut tools = Vec::new();
        for element in json.and_then(lenient::elements).unwrap_or_default() {
            let members = Members::of(element.get()).unwrap_or_default();
            let is_namespace = members.text("type").as_deref() == Some("namespace");
            let inner = is_namespace.then(|| lenient::elements(members.find("tools")?));
            let Some(inner) = inner.flatten() else {
                tools.push(Self::read(element.get(), None));
                continue;
            };
            let namespace = members.text("name");
            let inner = inner.iter();
            tools.extend(inner.map(|tool| Self::read(tool.get(), namespace.as_deref())));
        }
        tools
    }

    /// The tools that an MCP server lists: its label is their namespace, and its protocol their type.
    pub(super) fn read_of_server(json: Option<&str>, label: Option<&str>) -> Vec<Self> {
        let tools = json.and_then(lenient::elements).unwrap_or_default();
        let tools = tools.iter().map(|tool| Self {
            kind: "mcp".to_owned(),
            ..Self::read(tool.get(), label)
        });
        tools.collect()
    }

    fn read(json: &str, namespace: Option<&str>) -> Self {
        let members = Members::of(json).unwrap_or_default();
        let kind = members.text("type").unwrap_or_default();
        Self {
            name: members
                .text("name")
                .unwrap_or_else(|| kind.clone())
                .into_owned(),
            kind: kind.into_owned(),
            namespace: namespace.map(str::to_owned),
            bytes: json.len(),
        }
    }
}

/// Whether the object has no members but these.
fn only(members: &Members<'_>, names: &[&str]) -> bool {
    members
        .0
        .iter()
        .all(|(name, _)| names.contains(&name.as_ref()))
}

/// What the user wrote in this item, if it is a message of the user and not of Codex in their name.
pub(super) fn user_text(item: &Item) -> Option<&str> {
    let ItemKind::Message { role, parts, .. } = &item.kind else {
        return None;
    };
    if role != "user" {
        return None;
    }
    let is_written = |part: &&Part| {
        let text = part.text.trim_start();
        part.is_text() && !text.is_empty() && !WRAPPERS.iter().any(|tag| text.starts_with(tag))
    };
    let part = parts.iter().find(is_written)?;
    Some(&part.text)
}

/// The first line that is not blank, shortened to what a list can show.
pub(super) fn first_line(text: &str) -> String {
    let line = text.lines().map(str::trim).find(|line| !line.is_empty());
    let line = line.unwrap_or_default();
    match line.char_indices().nth(GIST_CHARS) {
        Some((end, _)) => format!("{}…", line.get(..end).unwrap_or_default()),
        None => line.to_owned(),
    }
}

/// Top-level members of a request: the API reference's (`POST /responses`), those of its WebSocket
/// messages, and those that Codex adds.
const MEMBERS: &[&str] = &[
    "access_programs",
    "background",
    "client_metadata",
    "context_management",
    "conversation",
    "generate",
    "include",
    "input",
    "instructions",
    "max_output_tokens",
    "max_tool_calls",
    "metadata",
    "model",
    "parallel_tool_calls",
    "previous_response_id",
    "prompt",
    "prompt_cache_key",
    "prompt_cache_options",
    "prompt_cache_retention",
    "reasoning",
    "response_id",
    "safety_identifier",
    "service_tier",
    "store",
    "stream",
    "stream_options",
    "temperature",
    "text",
    "tool_choice",
    "tools",
    "top_logprobs",
    "top_p",
    "truncation",
    "type",
    "user",
];

/// Characters of a gist's text: more than the widest list shows.
const GIST_CHARS: usize = 300;

/// How user messages begin that Codex writes itself.
const WRAPPERS: &[&str] = &[
    "<environment_context>",
    "<turn_aborted>",
    "<user_instructions>",
    "<INSTRUCTIONS>",
    "<permissions instructions>",
    "<skill>",
    "<subagent_notification>",
    "<image",
    "</image",
    "# AGENTS.md instructions",
];

#[cfg(test)]
mod tests;
