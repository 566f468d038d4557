//! Where the prefix that a request shares with the one before it ends, and what that cost.
//!
//! Providers cache prompts by their beginning: tools, instructions, items, in this order. What follows
//! the first difference is read anew. OpenAI caches from 1024 tokens on, in steps of 128
//! (<https://platform.openai.com/docs/guides/prompt-caching>).

use super::Effective;
use super::diff::is_same;
use crate::responses::{Item, ItemKind, Part, Usage};

/// Where a shared prefix ended early.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Break {
    /// What differs first.
    pub place: Place,
    /// Bytes of the prompt before that, as far as it is text: tools, instructions and items as sent.
    pub byte: u64,
    /// Tokens that were read anew and could have come from the cache.
    pub lost: u64,
}

/// What differs first.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Place {
    /// The model: each has its own cache.
    Model,
    /// A tool, by its name.
    Tool(String),
    /// The instructions.
    Instructions,
    /// An item, by its place in [`Effective::items`].
    Item(usize),
    /// Nothing: the provider did not have it, or not any more.
    Nothing,
}

impl Place {
    /// Its name, as commands print it.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Model => "model",
            Self::Tool(_) => "tool",
            Self::Instructions => "instructions",
            Self::Item(_) => "item",
            Self::Nothing => "nothing",
        }
    }

    /// Whether it is within the prompt, so that bytes of it stand before.
    #[must_use]
    pub const fn is_in_prompt(&self) -> bool {
        matches!(self, Self::Tool(_) | Self::Instructions | Self::Item(_))
    }
}

impl Break {
    /// Tokens of a step of the cache. How much of the last steps is cached depends on where the provider cut.
    pub const STEP: u64 = 128;

    /// Tokens that a turn read anew and could have had from the cache, by what it and the turn before it used.
    #[must_use]
    pub fn lost_between(before: Option<Usage>, after: Option<Usage>) -> u64 {
        let could = before.map_or(0, |usage| usage.input);
        let could = if could < FIRST {
            0
        } else {
            could / Self::STEP * Self::STEP
        };
        after.map_or(0, |usage| could.saturating_sub(usage.cached))
    }

    /// Where the prompt `after` leaves that of `before`; `None` where it goes on from it, and the cache
    /// was used. Usage is what the responses reported. A warm-up without input leaves nothing: the rest of its prompt
    /// is yet to come.
    #[must_use]
    pub fn between(
        (before, used_before): (&Effective, Option<Usage>),
        (after, used_after): (&Effective, Option<Usage>),
    ) -> Option<Self> {
        if after.items.is_empty() {
            return None;
        }
        let lost = Self::lost_between(used_before, used_after);
        let found = |place, byte| Some(Self { place, byte, lost });
        if before.request.model != after.request.model {
            return found(Place::Model, 0);
        }
        let mut byte = 0;
        for (at, tool) in before.tools.iter().enumerate() {
            let other = after.tools.get(at);
            if other != Some(tool) {
                let other = other.map_or("", |other| &other.raw);
                return found(
                    Place::Tool(tool.name.clone()),
                    byte + shared(&tool.raw, other),
                );
            }
            byte += tool.raw.len() as u64;
        }
        if let Some(more) = after.tools.get(before.tools.len()) {
            return found(Place::Tool(more.name.clone()), byte);
        }
        if before.has_instructions || after.has_instructions {
            let (old, new) = (
                before.instructions.as_deref(),
                after.instructions.as_deref(),
            );
            let (old, new) = (old.unwrap_or_default(), new.unwrap_or_default());
            if old != new {
                return found(Place::Instructions, byte + shared(old, new));
            }
            byte += new.len() as u64;
        }
        for (at, carried) in before.items.iter().enumerate() {
            let Some(other) = after.items.get(at) else {
                return found(Place::Item(at), byte);
            };
            if !is_same(&carried.item, &other.item) {
                let within = shared(&said(&carried.item), &said(&other.item));
                return found(Place::Item(at), byte + within);
            }
            byte += other.item.raw.len() as u64;
        }
        if lost > Self::STEP {
            found(Place::Nothing, byte)
        } else {
            None
        }
    }
}

/// How many bytes two texts begin with alike.
fn shared(one: &str, other: &str) -> u64 {
    let pairs = one.bytes().zip(other.bytes());
    pairs.take_while(|(one, other)| one == other).count() as u64
}

/// What an item says, as text.
fn said(item: &Item) -> String {
    let texts = |parts: &[Part]| {
        let texts: Vec<&str> = parts.iter().map(|part| part.text.as_str()).collect();
        texts.join("\n")
    };
    match &item.kind {
        ItemKind::Message { parts, .. } => texts(parts),
        ItemKind::Reasoning { summary, .. } => texts(summary),
        ItemKind::Call(call) => call.input.clone(),
        ItemKind::Output(output) => output.text.clone(),
        ItemKind::Tools(_) | ItemKind::Other { .. } => item.raw.clone(),
    }
}

/// Tokens from which on prompts are cached.
const FIRST: u64 = 1024;
