//! What a turn really asked: its request rebuilt over the responses that it continues.
//!
//! A request with `previous_response_id` sends only what is new; the rest the server has. [`Effective`]
//! puts it together again: the input of the whole chain, the outputs in between, and the new items.
//! Over that, [`Diff`] says what changed since another turn, [`Break`] where the cached prefix ended,
//! and [`fill()`] what the context is full of. [`windows()`] reads rate limits.

mod align;
mod cache;
mod diff;
mod fill;
mod limits;

use std::collections::HashSet;
use std::sync::Arc;

use super::{Flow, FlowId, FlowKind, Summary};
use crate::responses::{Item, ItemKind, Request, Turn, elements, member};

pub use cache::{Break, Place};
pub use diff::{Change, Diff, Setting, Words, words};
pub use fill::{Content, Share, fill};
pub use limits::{Window, burnt, windows};

/// A request as the model saw it.
#[derive(Clone, Debug)]
pub struct Effective {
    /// The request as it was sent, but for its input; of a `response.append`, with what the last create
    /// said.
    pub request: Request,
    /// The whole input.
    pub items: Vec<Carried>,
    /// The instructions: the member, else the first developer message's text.
    pub instructions: Option<Arc<str>>,
    /// Where those were sent: by this request, or by one that it continues.
    pub instructed_by: Origin,
    /// Whether the instructions are a member of the request, and not one of the items.
    pub has_instructions: bool,
    /// The tools of the member `tools`; those of `additional_tools` are items.
    pub tools: Vec<Offered>,
    /// How much of it is known.
    pub badge: Badge,
    /// What the response added, for the request that continues it.
    outputs: Vec<Carried>,
}

/// An item of the input.
#[derive(Clone, Debug)]
pub struct Carried {
    /// The item.
    pub item: Arc<Item>,
    /// The flow that sent or answered it.
    pub flow: FlowId,
    /// Whether it was an answer.
    pub is_output: bool,
}

/// The flow that a part of a request was sent by.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Origin {
    /// The flow.
    pub flow: FlowId,
    /// The number of the turn on its connection, if it is on one.
    pub number: Option<u32>,
    /// Whether it only warmed up.
    pub is_warm_up: bool,
}

impl Origin {
    fn of(flow: &Flow) -> Self {
        let number = match flow.kind {
            FlowKind::WsTurn { number, .. } => Some(number),
            FlowKind::Http | FlowKind::Ws => None,
        };
        Self {
            flow: flow.id,
            number,
            is_warm_up: flow.is_warm_up,
        }
    }
}

/// A tool, or a namespace of them, as it stands in a request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Offered {
    /// Its name; its type where it has none.
    pub name: String,
    /// Its JSON, verbatim.
    pub raw: Arc<str>,
}

impl Offered {
    /// How many tools it is: a namespace has any number.
    #[must_use]
    pub fn count(&self) -> usize {
        let is_namespace =
            crate::responses::text(&self.raw, "type").as_deref() == Some("namespace");
        let inner = is_namespace.then(|| member(&self.raw, "tools"));
        inner.flatten().map_or(1, |tools| elements(tools).len())
    }
}

/// How much of an effective request is known.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Badge {
    /// All of it.
    Complete,
    /// All that is sent, but earlier items were replaced by a summary of them.
    Compacted,
    /// The response that the chain begins with was not captured: what it continues is missing.
    ParentMissing(String),
}

/// What a request continues.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Parent {
    /// The response of this id.
    Response(String),
    /// The turn before it on its WebSocket: a `response.append` names no response.
    Before {
        /// The connection.
        connection: FlowId,
        /// The number of the turn on it.
        number: u32,
    },
}

impl Badge {
    /// Whether something is not known.
    #[must_use]
    pub const fn is_missing(&self) -> bool {
        matches!(self, Self::ParentMissing(_))
    }
}

impl Parent {
    /// What a flow continues; `None` where its request holds all it asks.
    #[must_use]
    pub fn of(flow: &Flow) -> Option<Self> {
        Self::new(flow, &Request::parse(flow.request_text()?).ok()?)
    }

    fn new(flow: &Flow, request: &Request) -> Option<Self> {
        if let Some(id) = &request.previous_response_id {
            return Some(Self::Response(id.clone()));
        }
        match flow.kind {
            FlowKind::WsTurn { connection, number } if is_append(request) && number > 1 => {
                let number = number - 1;
                Some(Self::Before { connection, number })
            }
            _ => None,
        }
    }

    /// Whether this is the flow that is continued.
    #[must_use]
    pub fn is(&self, summary: &Summary) -> bool {
        match self {
            Self::Response(id) => {
                let context = summary.context.as_deref();
                let response = context.and_then(|context| context.response.as_deref());
                response == Some(id.as_str())
            }
            Self::Before { connection, number } => {
                summary.kind
                    == FlowKind::WsTurn {
                        connection: *connection,
                        number: *number,
                    }
            }
        }
    }

    fn name(&self) -> String {
        match self {
            Self::Response(id) => id.clone(),
            Self::Before { number, .. } => format!("turn {number} of its connection"),
        }
    }
}

impl Effective {
    /// The effective request of `flow`; `find` gives the flow that another one continues. `None` where
    /// the request is not readable.
    pub fn of<'a>(flow: &'a Flow, find: impl Fn(&Parent) -> Option<&'a Flow>) -> Option<Self> {
        let (mut chain, mut seen) = (vec![flow], HashSet::from([&flow.name]));
        while let Some(parent) = chain.last().and_then(|flow| Parent::of(flow)) {
            // Responses that continue each other are nobody's.
            match find(&parent).filter(|parent| seen.insert(&parent.name)) {
                Some(parent) => chain.push(parent),
                None => break,
            }
        }
        let mut effective = None;
        while let Some(flow) = chain.pop() {
            effective = Self::after(effective.as_ref(), flow);
        }
        effective
    }

    /// The effective request of `flow`, which continues the turn that `parent` is the request of, if
    /// that is known. `None` where the request is not readable.
    #[must_use]
    pub fn after(parent: Option<&Self>, flow: &Flow) -> Option<Self> {
        let text = flow.request_text()?;
        let mut request = Request::parse(text).ok()?;
        let continues = Parent::new(flow, &request);
        let parent = parent.filter(|_| continues.is_some());
        let is_append = is_append(&request);
        let carried = |item: Item, is_output| Carried {
            item: Arc::new(item),
            flow: flow.id,
            is_output,
        };
        let new = std::mem::take(&mut request.input).into_iter();
        let new: Vec<Carried> = new.map(|item| carried(item, false)).collect();
        let mut items = parent.map_or_else(Vec::new, |parent| parent.items.clone());
        if let Some(parent) = parent {
            // Codex repeats the outputs in what it appends.
            let is_repeated = |output: &Carried| {
                let is_same = |own: &Carried| diff::is_same(&own.item, &output.item);
                new.iter().any(is_same)
            };
            if !(is_append && parent.outputs.iter().any(is_repeated)) {
                items.extend_from_slice(&parent.outputs);
            }
        }
        items.extend(new);
        let own = member(text, "instructions").is_some();
        let (mut instructions, mut has_instructions) = (request.instructions.take(), own);
        let mut instructed_by = Origin::of(flow);
        let mut tools = offered(text);
        if let Some(parent) = parent {
            if is_append {
                request = Request {
                    metadata: std::mem::take(&mut request.metadata),
                    ..parent.request.clone()
                };
                tools.clone_from(&parent.tools);
                has_instructions = parent.has_instructions;
            }
            if let Some(known) = parent.instructions.as_deref().filter(|_| !own) {
                instructions = Some(known.to_owned());
                instructed_by = parent.instructed_by;
            }
        }
        let badge = match (continues, parent) {
            (Some(missing), None) => Badge::ParentMissing(missing.name()),
            (Some(_), Some(parent)) if matches!(parent.badge, Badge::ParentMissing(_)) => {
                parent.badge.clone()
            }
            _ if flow.identity.window.is_some_and(|window| window > 0)
                || items.iter().any(|carried| is_compaction(&carried.item)) =>
            {
                Badge::Compacted
            }
            _ => Badge::Complete,
        };
        let outputs = flow.turn.iter().flat_map(Turn::outputs);
        Some(Self {
            outputs: outputs.map(|item| carried(item.clone(), true)).collect(),
            instructions: instructions.map(Into::into),
            request,
            items,
            instructed_by,
            has_instructions,
            tools,
            badge,
        })
    }

    /// About how many bytes it takes in memory, without the items that are `counted` already; its own are
    /// counted from then on. Requests of one conversation share theirs.
    pub fn bytes(&self, counted: &mut HashSet<*const Item>) -> u64 {
        let carried = || self.items.iter().chain(&self.outputs);
        let new = carried().filter(|carried| counted.insert(Arc::as_ptr(&carried.item)));
        // An item stands in it as it came, and decoded.
        let items = new.map(|carried| size_of::<Item>() + 2 * carried.item.raw.len());
        let tools = self
            .tools
            .iter()
            .map(|tool| size_of::<Offered>() + tool.raw.len());
        let instructions = self.instructions.as_ref().map_or(0, |text| text.len());
        let own = size_of::<Self>() + size_of::<Carried>() * carried().count() + instructions;
        (own + items.sum::<usize>() + tools.sum::<usize>()) as u64
    }

    /// Every tool that the request offers, wherever it stands: in the member `tools`, or in `additional_tools` items
    /// of the whole input. What stands in several places alike is told once.
    #[must_use]
    pub fn offered(&self) -> Vec<Offered> {
        let mut all = self.tools.clone();
        for carried in &self.items {
            if matches!(carried.item.kind, ItemKind::Tools(_)) {
                let more = offered(&carried.item.raw).into_iter();
                all.extend(more.filter(|tool| !self.tools.contains(tool)));
            }
        }
        all
    }

    /// Bytes of encrypted reasoning and compacted context that the request carries.
    #[must_use]
    pub fn encrypted(&self) -> u64 {
        let encrypted = self.items.iter().map(|carried| match &carried.item.kind {
            ItemKind::Reasoning { encrypted, .. } => *encrypted,
            ItemKind::Other { .. } => {
                let content = member(&carried.item.raw, "encrypted_content");
                content.map_or(0, |content| content.len().saturating_sub(2))
            }
            _ => 0,
        });
        encrypted.sum::<usize>() as u64
    }
}

/// Whether a request is a `response.append` (Codex before 0.169).
fn is_append(request: &Request) -> bool {
    let mut other = request.other.iter();
    other.any(|(name, value)| name == "type" && value == "\"response.append\"")
}

fn is_compaction(item: &Item) -> bool {
    matches!(&item.kind, ItemKind::Other { kind } if matches!(kind.as_str(), "compaction" | "compaction_summary" | "context_compaction"))
}

/// The tools of the member `tools` of a request, or of an item.
fn offered(text: &str) -> Vec<Offered> {
    let tools = member(text, "tools").map(elements).unwrap_or_default();
    let name = |tool: &str| {
        let name = crate::responses::text(tool, "name");
        name.or_else(|| crate::responses::text(tool, "type"))
            .unwrap_or_default()
    };
    let offered = tools.into_iter().map(|tool| Offered {
        name: name(tool),
        raw: tool.into(),
    });
    offered.collect()
}

#[cfg(test)]
mod tests;
