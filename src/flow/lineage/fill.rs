//! What a context is full of.

use std::collections::{BTreeMap, HashMap};

use super::Effective;
use crate::responses::{Item, ItemKind};

/// What a part of a context is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Content {
    /// The member `instructions`.
    Instructions,
    /// Descriptions of tools.
    Tools,
    /// Messages; by role, or by the agent that wrote them.
    Messages,
    /// Reasoning, encrypted or not.
    Reasoning,
    /// Calls; by tool.
    Calls,
    /// Outputs; by tool.
    Outputs,
    /// Everything else; by type.
    Other,
}

/// How much of a context is of one kind.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Share {
    /// What it is.
    pub content: Content,
    /// Of whom or of what: a role, an agent, a tool, a type; empty where there is nothing to tell apart.
    pub name: String,
    /// How many items or tools.
    pub count: u64,
    /// Their JSON's bytes.
    pub bytes: u64,
    /// Tokens, estimated: by bytes, so that all of them are `input` where that is known, and a quarter
    /// of the bytes otherwise.
    pub tokens: u64,
}

/// What a context is full of, the most first. `input` is how many tokens it had, as the response told.
#[must_use]
pub fn fill(request: &Effective, input: Option<u64>) -> Vec<Share> {
    let mut sums: BTreeMap<(Content, String), (u64, u64)> = BTreeMap::new();
    let mut add = |content: Content, name: &str, bytes: usize| {
        let sum = sums.entry((content, name.to_owned())).or_default();
        *sum = (sum.0 + 1, sum.1 + bytes as u64);
    };
    if let Some(instructions) = request.instructions.as_deref()
        && request.has_instructions
    {
        add(Content::Instructions, "", instructions.len());
    }
    for tool in &request.tools {
        add(Content::Tools, &tool.name, tool.raw.len());
    }
    let mut tools: HashMap<&str, &str> = HashMap::new();
    for carried in &request.items {
        let item: &Item = &carried.item;
        match &item.kind {
            ItemKind::Message { role, .. } => add(Content::Messages, role, item.raw.len()),
            ItemKind::Reasoning { .. } => add(Content::Reasoning, "", item.raw.len()),
            ItemKind::Tools(offered) => {
                for tool in offered {
                    add(Content::Tools, &tool.name, tool.bytes);
                }
            }
            ItemKind::Call(call) => {
                if let Some(id) = &call.call_id {
                    tools.insert(id, &call.name);
                }
                add(Content::Calls, &call.name, item.raw.len());
            }
            ItemKind::Output(output) => {
                let id = output.call_id.as_deref().unwrap_or_default();
                let tool = tools.get(id).copied().unwrap_or_default();
                add(Content::Outputs, tool, item.raw.len());
            }
            ItemKind::Other { kind } => add(Content::Other, kind, item.raw.len()),
        }
    }
    let total: u64 = sums.values().map(|(_, bytes)| bytes).sum();
    let input = u128::from(input.unwrap_or(total.div_ceil(4)));
    let mut before = 0;
    let up_to = |bytes: u64| (input * u128::from(bytes) / u128::from(total.max(1))) as u64;
    let mut shares: Vec<Share> = sums
        .into_iter()
        .map(|((content, name), (count, bytes))| {
            // Rounded where they meet, so that their sum is right.
            let tokens = up_to(before + bytes) - up_to(before);
            before += bytes;
            Share {
                content,
                name,
                count,
                bytes,
                tokens,
            }
        })
        .collect();
    shares.sort_by_key(|share| std::cmp::Reverse(share.bytes));
    shares
}

impl Content {
    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Instructions => "instructions",
            Self::Tools => "tools",
            Self::Messages => "messages",
            Self::Reasoning => "reasoning",
            Self::Calls => "calls",
            Self::Outputs => "outputs",
            Self::Other => "other",
        }
    }
}
