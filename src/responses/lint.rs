//! The rules by which Codex drops what it is sent, answers it with an error, or sends its request
//! again, in plain words: where its user sees nothing, or `stream closed before response.completed`.
//!
//! They are those of Codex 0.169; what only other versions do is said. Rules about single items and
//! events stand here, those about a whole exchange in `flow`.

use super::lenient::{self, Members};
use super::{Event, EventKind, Item, ItemKind, Request, Tool, ToolCall, ToolKind, Turn};

/// What a request says of the answer that is due.
#[derive(Clone, PartialEq, Default, Debug)]
pub(super) struct Asked {
    /// The response that it continues.
    pub(super) previous: Option<String>,
    /// The tools it offers; none where they were offered before.
    tools: Vec<Tool>,
}

/// What is noted once, as it goes for all that follows too.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Once {
    /// An event after the response was over.
    LateEvent,
    /// A piece of a summary that does not say of which part.
    SummaryIndex,
    /// A piece of text before its item.
    EarlyDelta,
}

impl Turn {
    /// Tells which request this is the answer to: what it calls can be checked then.
    pub fn expect(&mut self, request: &Request) {
        self.asked = Asked {
            previous: request.previous_response_id.clone(),
            tools: request.tools.clone(),
        };
    }

    /// Notes something the first time that it is so.
    pub(super) fn lint_once(&mut self, once: Once, lint: impl FnOnce() -> String) {
        if !self.said.contains(&once) {
            self.said.push(once);
            self.lint(lint());
        }
    }

    /// Notes an event that is not in the vocabulary, the first of its name.
    pub(super) fn check_known(&mut self, name: &str, ordinal: u32) {
        if self.counts.get(name).is_none_or(|(count, _)| *count == 1) {
            self.lint(match name {
                "" => format!("event {ordinal} has no type: Codex skips it"),
                name => format!("event {ordinal}: {name} is not a known event: Codex skips it"),
            });
        }
    }

    /// Notes a piece of text that Codex cannot show as it comes.
    pub(super) fn check_live(&mut self, kind: EventKind, event: &Event<'_>, ordinal: u32) {
        let is_shown = matches!(
            kind,
            EventKind::OutputTextDelta
                | EventKind::ReasoningSummaryTextDelta
                | EventKind::ReasoningTextDelta
                | EventKind::CustomToolCallInputDelta
        );
        if !is_shown {
            return;
        }
        let name = event.name();
        if kind == EventKind::ReasoningSummaryTextDelta && event.summary_index().is_none() {
            self.lint_once(Once::SummaryIndex, || {
                format!("event {ordinal}: {name} has no summary_index: {AT_ONCE}")
            });
        }
        if self.find(event.output_index(), event.item_id()).is_none() {
            self.lint_once(Once::EarlyDelta, || {
                format!("event {ordinal}: {name} before its response.output_item.added: {AT_ONCE}")
            });
        }
    }

    /// Notes why Codex will not take an item as it is.
    pub(super) fn check_item(&mut self, place: usize, item: &Item, is_whole: bool) {
        let noun = item.kind.noun();
        let members = Members::of(&item.raw).unwrap_or_default();
        let what = format!("output {place} ({noun})");
        if !is_whole {
            if matches!(item.kind, ItemKind::Reasoning { .. }) && !is_list(members.find("summary"))
            {
                self.lint(format!("{what} begins without a summary: {AT_ONCE}"));
            }
            return;
        }
        if !item.kind.is_known() {
            self.lint(format!("{what} is not a known item: Codex skips it"));
            return;
        }
        for lack in lacks(&members) {
            self.lint(format!("{what} {lack}: Codex drops it silently"));
        }
        if let ItemKind::Call(call) = &item.kind {
            for fault in self.faults_of(call) {
                self.lint(format!("{what} {fault}"));
            }
        }
    }

    /// What is wrong with a call as a call.
    fn faults_of(&mut self, call: &ToolCall) -> Vec<String> {
        let mut faults = Vec::new();
        if let Some(id) = &call.call_id
            && !self.call_ids.insert(id.clone())
        {
            faults.push(format!(
                "has the call_id {id} of another call: Codex runs both, before 0.169 one"
            ));
        }
        let is_patch_tool = call.name == "apply_patch";
        match call.kind {
            ToolKind::Function if is_patch_tool => {
                faults.push(
                    "came as a function_call, but it is a custom tool: Codex answers “aborted”"
                        .to_owned(),
                );
            }
            ToolKind::Function if Members::of(&call.input).is_err() => {
                faults.push(
                    "has arguments that are no JSON object: Codex answers with a parse error"
                        .to_owned(),
                );
            }
            ToolKind::Custom if is_patch_tool && !is_envelope(&call.input) => {
                faults.push("has an input that is no patch (*** Begin Patch … *** End Patch): Codex cannot apply it".to_owned());
            }
            ToolKind::Function | ToolKind::Custom | ToolKind::Shell | ToolKind::Hosted => {}
        }
        if matches!(call.kind, ToolKind::Function | ToolKind::Custom) && !is_patch_tool {
            faults.extend(self.asked.mistaken(call));
        }
        faults
    }

    /// Notes token counts that Codex cannot read. None at all are fine, and so is `null`.
    pub(super) fn check_usage(&mut self, json: Option<&str>) {
        let Some(usage) = json.and_then(|json| Members::of(json).ok()) else {
            return;
        };
        let is_count = |members: &Members<'_>, name: &str| {
            members.find(name).and_then(lenient::number).is_some()
        };
        let counts = ["input_tokens", "output_tokens", "total_tokens"];
        let details = [
            ("input_tokens_details", "cached_tokens"),
            ("output_tokens_details", "reasoning_tokens"),
        ];
        let missing = counts.iter().filter(|name| !is_count(&usage, name));
        let missing = missing.map(|name| (*name).to_owned());
        let missing_within = details.iter().filter_map(|(object, name)| {
            let within = Members::of(usage.find(object)?).ok()?;
            (!is_count(&within, name)).then(|| format!("{object}.{name}"))
        });
        for name in missing.chain(missing_within).collect::<Vec<_>>() {
            self.lint(format!("usage has no {name}: {LOST}"));
        }
    }
}

impl Asked {
    /// Why Codex will not find the tool that is called, if it will not.
    fn mistaken(&self, call: &ToolCall) -> Option<String> {
        if self.tools.is_empty() {
            return None;
        }
        let name = call.name.as_str();
        let called = match call.kind {
            ToolKind::Custom => "custom",
            _ => "function",
        };
        let named: Vec<&Tool> = self.tools.iter().filter(|tool| tool.name == name).collect();
        let Some(first) = named.first() else {
            let joined = self.tools.iter().find(|tool| {
                let namespace = tool.namespace.as_deref().unwrap_or_default();
                let rest = name.strip_prefix(namespace).unwrap_or_default();
                !namespace.is_empty()
                    && ["__", "."]
                        .iter()
                        .any(|by| rest.strip_prefix(by) == Some(&tool.name))
            });
            if let Some(tool) = joined {
                let namespace = tool.namespace.as_deref().unwrap_or_default();
                return Some(format!(
                    "has the namespace {namespace} in its name, not as namespace: {UNSUPPORTED}"
                ));
            }
            // Tools that a search brought need not be in this request.
            let is_searched = self.tools.iter().any(|tool| tool.kind == "tool_search");
            return (!is_searched)
                .then(|| format!("is no tool that the request offers: {UNSUPPORTED}"));
        };
        let is_plain = |kind: &str| matches!(kind, "function" | "custom");
        if named
            .iter()
            .all(|tool| is_plain(&tool.kind) && tool.kind != called)
        {
            return Some(format!(
                "came as a {called} tool, but was offered as a {} tool: Codex does not run it",
                first.kind
            ));
        }
        let is_named = |tool: &&Tool| {
            let own = tool
                .namespace
                .as_deref()
                .filter(|own| *own != DEFAULT_NAMESPACE);
            let told = call
                .namespace
                .as_deref()
                .filter(|told| *told != DEFAULT_NAMESPACE);
            own == told
        };
        if named.iter().any(is_named) {
            return None;
        }
        let own = first.namespace.as_deref();
        Some(match own {
            Some(own) => format!("does not name its namespace {own}: {UNSUPPORTED}"),
            None => format!("names a namespace, but is in none: {UNSUPPORTED}"),
        })
    }
}

/// Members without which, or in another type, an item is no item to Codex.
fn lacks(members: &Members<'_>) -> Vec<&'static str> {
    let kind = members.text("type").unwrap_or_default();
    let is_text = |name: &str| members.text(name).is_some();
    let rules: &[(bool, &'static str)] = match kind.as_ref() {
        "message" => &[
            (is_text("role"), "has no role"),
            (
                is_list(members.find("content")),
                "has content that is no list",
            ),
        ],
        "reasoning" => &[(is_list(members.find("summary")), "has no summary")],
        "function_call" => &[
            (is_text("call_id"), "has no call_id"),
            (is_text("name"), "has no name"),
            (is_text("arguments"), "has arguments that are no string"),
        ],
        "custom_tool_call" => &[
            (is_text("call_id"), "has no call_id"),
            (is_text("name"), "has no name"),
            (is_text("input"), "has input that is no string"),
        ],
        _ => &[],
    };
    let broken = rules.iter().filter(|(holds, _)| !holds);
    broken.map(|(_, lack)| *lack).collect()
}

fn is_list(json: Option<&str>) -> bool {
    json.is_some_and(|json| json.starts_with('['))
}

/// Whether a text is what `apply_patch` takes.
fn is_envelope(input: &str) -> bool {
    let input = input.trim();
    input.starts_with("*** Begin Patch") && input.ends_with("*** End Patch")
}

/// What Codex makes of an answer that it cannot read to its end.
pub(super) const LOST: &str = "Codex takes the stream for lost and sends the request again";

const AT_ONCE: &str = "Codex shows the text only once it is whole";

const UNSUPPORTED: &str = "Codex answers “unsupported call”";

/// The namespace whose tools are called by their names alone.
const DEFAULT_NAMESPACE: &str = "functions";

#[cfg(test)]
mod tests;
