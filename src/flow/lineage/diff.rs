//! What changed from one effective request to another.

use std::hash::{DefaultHasher, Hash, Hasher};

use super::align::{Edit, align};
use super::{Effective, Offered};
use crate::responses::{Item, ItemKind, Part, Request, member};

/// What changed. Whatever is the same is left out.
#[derive(Clone, PartialEq, Debug)]
pub struct Diff {
    /// Members such as the model that have another value.
    pub settings: Vec<Setting>,
    /// The instructions in pieces, unless they are the same.
    pub instructions: Vec<Words>,
    /// Tools, by their place in [`Effective::offered`].
    pub tools: Vec<Change>,
    /// Items, by their place in [`Effective::items`].
    pub items: Vec<Change>,
}

/// A member that has another value.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Setting {
    /// Its name.
    pub name: &'static str,
    /// The value there was.
    pub before: Option<String>,
    /// The value there is.
    pub after: Option<String>,
}

/// A piece of text.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Words {
    /// In both.
    Kept(String),
    /// Only before.
    Gone(String),
    /// Only after.
    Added(String),
}

/// What became of something; places are before and after.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Change {
    /// It was not there.
    Added(usize),
    /// It is not there any more.
    Gone(usize),
    /// It says something else.
    Changed(usize, usize),
}

impl Diff {
    /// What changed from `before` to `after`.
    #[must_use]
    pub fn between(before: &Effective, after: &Effective) -> Self {
        let keys = |request: &Effective| -> Vec<u64> {
            request.items.iter().map(|it| essence(&it.item)).collect()
        };
        let tools = [before.offered(), after.offered()];
        let raws = |tools: &[Offered]| -> Vec<std::sync::Arc<str>> {
            tools.iter().map(|tool| tool.raw.clone()).collect()
        };
        Self {
            settings: settings(&before.request, &after.request),
            instructions: words(
                before.instructions.as_deref().unwrap_or_default(),
                after.instructions.as_deref().unwrap_or_default(),
            ),
            tools: changes(&align(&raws(&tools[0]), &raws(&tools[1])), |old, new| {
                let name = |side: usize, at: usize| tools[side].get(at).map(|tool| &tool.name);
                name(0, old) == name(1, new)
            }),
            items: changes(&align(&keys(before), &keys(after)), |old, new| {
                match (before.items.get(old), after.items.get(new)) {
                    (Some(old), Some(new)) => is_version(&old.item, &new.item),
                    _ => false,
                }
            }),
        }
    }

    /// Whether nothing changed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.settings.is_empty()
            && self.instructions.is_empty()
            && self.tools.is_empty()
            && self.items.is_empty()
    }
}

/// Whether two items say the same to the model: ids, status and Codex's own notes aside.
pub(super) fn is_same(one: &Item, other: &Item) -> bool {
    essence(one) == essence(other)
}

/// What an item says to the model, as a number that is another for everything else.
pub(super) fn essence(item: &Item) -> u64 {
    let mut hasher = DefaultHasher::new();
    std::mem::discriminant(&item.kind).hash(&mut hasher);
    match &item.kind {
        ItemKind::Message { role, parts, .. } => {
            role.hash(&mut hasher);
            hash_parts(parts, &mut hasher);
        }
        ItemKind::Reasoning {
            summary, content, ..
        } => {
            hash_parts(summary, &mut hasher);
            hash_parts(content, &mut hasher);
            member(&item.raw, "encrypted_content").hash(&mut hasher);
        }
        ItemKind::Call(call) => {
            (&call.name, &call.namespace, &call.call_id, &call.input).hash(&mut hasher);
        }
        ItemKind::Output(output) => {
            (&output.kind, &output.call_id, &output.text).hash(&mut hasher);
        }
        ItemKind::Tools(_) => member(&item.raw, "tools").hash(&mut hasher),
        ItemKind::Other { kind } => {
            kind.hash(&mut hasher);
            match member(&item.raw, "encrypted_content") {
                Some(content) => content.hash(&mut hasher),
                None => item.raw.hash(&mut hasher),
            }
        }
    }
    hasher.finish()
}

/// An image is described by its length alone; two of the same length are rare, and the ids differ.
fn hash_parts(parts: &[Part], hasher: &mut DefaultHasher) {
    for part in parts {
        (&part.kind, &part.text).hash(hasher);
    }
}

/// Whether one item is the other with another content.
fn is_version(old: &Item, new: &Item) -> bool {
    let call = |item: &Item| match &item.kind {
        ItemKind::Call(call) => call.call_id.clone(),
        ItemKind::Output(output) => output.call_id.clone(),
        _ => None,
    };
    let is_alike = std::mem::discriminant(&old.kind) == std::mem::discriminant(&new.kind);
    let has_id = old.id.is_some() && old.id == new.id;
    let has_call = call(old).is_some() && call(old) == call(new);
    is_alike && (has_id || has_call || matches!(old.kind, ItemKind::Tools(_)))
}

/// Steps as changes: what went where another version of it came has changed.
fn changes(edits: &[Edit], is_version: impl Fn(usize, usize) -> bool) -> Vec<Change> {
    let mut changes: Vec<Change> = Vec::new();
    for run in edits.split(|edit| matches!(edit, Edit::Kept(..))) {
        let mut gone: Vec<usize> = Vec::new();
        let mut added: Vec<usize> = Vec::new();
        for edit in run {
            match *edit {
                Edit::Gone(at) => gone.push(at),
                Edit::Added(at) => added.push(at),
                Edit::Kept(..) => {}
            }
        }
        for old in gone {
            match added.iter().position(|new| is_version(old, *new)) {
                Some(found) => changes.push(Change::Changed(old, added.remove(found))),
                None => changes.push(Change::Gone(old)),
            }
        }
        changes.extend(added.into_iter().map(Change::Added));
    }
    changes
}

fn settings(before: &Request, after: &Request) -> Vec<Setting> {
    let pairs = [
        ("model", &before.model, &after.model),
        ("reasoning.effort", &before.effort, &after.effort),
        ("reasoning.summary", &before.summary, &after.summary),
        ("text.verbosity", &before.verbosity, &after.verbosity),
        ("service_tier", &before.service_tier, &after.service_tier),
        (
            "prompt_cache_key",
            &before.prompt_cache_key,
            &after.prompt_cache_key,
        ),
    ];
    let changed = pairs
        .into_iter()
        .filter(|(_, before, after)| before != after);
    changed
        .map(|(name, before, after)| Setting {
            name,
            before: before.clone(),
            after: after.clone(),
        })
        .collect()
}

/// Two texts by words; nothing where they are the same. A word has the blanks behind it.
#[must_use]
pub fn words(before: &str, after: &str) -> Vec<Words> {
    if before == after {
        return Vec::new();
    }
    let split = |text| -> Vec<&str> { str::split_inclusive(text, char::is_whitespace).collect() };
    let (old, new) = (split(before), split(after));
    let mut words: Vec<Words> = Vec::new();
    for edit in align(&old, &new) {
        let (word, is_more) = match edit {
            Edit::Kept(at, _) => (old[at], matches!(words.last(), Some(Words::Kept(_)))),
            Edit::Gone(at) => (old[at], matches!(words.last(), Some(Words::Gone(_)))),
            Edit::Added(at) => (new[at], matches!(words.last(), Some(Words::Added(_)))),
        };
        match words.last_mut().filter(|_| is_more) {
            Some(Words::Kept(text) | Words::Gone(text) | Words::Added(text)) => text.push_str(word),
            None => words.push(match edit {
                Edit::Kept(..) => Words::Kept(word.to_owned()),
                Edit::Gone(_) => Words::Gone(word.to_owned()),
                Edit::Added(_) => Words::Added(word.to_owned()),
            }),
        }
    }
    words
}
