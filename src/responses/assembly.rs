//! How events find their output item and change it.
//!
//! An item is found by `output_index`, else by its id, else it is the one being streamed; an event
//! that comes before its `response.output_item.added` makes the item. A `*.done` event replaces
//! what the deltas gave, and `response.output_item.done` replaces the item, as Codex itself goes by
//! it.

use std::collections::BTreeMap;
use std::mem;

use serde_json::value::RawValue;

use super::merge::{Merged, merge};
use super::{Event, EventKind, Item, ItemKind, Part, ToolCall, ToolKind, Turn};

/// Positions in a turn's items.
#[derive(Clone, PartialEq, Default, Debug)]
pub(super) struct Places {
    /// By `output_index`. An index that is used twice leads to the later item.
    by_index: BTreeMap<u64, usize>,
    by_id: BTreeMap<String, usize>,
}

/// Which text of an item an event is about.
#[derive(Clone, Copy)]
enum Target {
    /// A content part of a message, of this type.
    Content(&'static str),
    /// A summary part of reasoning.
    Summary,
    /// Raw reasoning text.
    Reasoning,
    /// Arguments or input of a call of this kind; the name until the item tells a better one.
    Input(ToolKind, &'static str),
}

impl Turn {
    /// Applies an event about an output item. Events about anything else change no item.
    pub(super) fn assemble(&mut self, kind: EventKind, event: &Event<'_>, ordinal: u32) {
        match kind {
            EventKind::OutputItemAdded => self.take_item(event, ordinal, false),
            EventKind::OutputItemDone => self.take_item(event, ordinal, true),
            EventKind::ContentPartAdded
            | EventKind::ContentPartDone
            | EventKind::ReasoningSummaryPartAdded
            | EventKind::ReasoningSummaryPartDone => self.take_part(kind, event, ordinal),
            _ => {
                if let Some(target) = Target::of(kind) {
                    self.take_text(kind, target, event, ordinal);
                } else if let Some((tool, status)) = hosted(kind) {
                    self.take_status(tool, status, event, ordinal);
                }
            }
        }
    }

    /// Takes in the output that the terminal event repeats, for items the stream left out or open.
    pub(super) fn take_output(&mut self, output: &[&RawValue], ordinal: u32) {
        let is_streamed = self.items.iter().all(|item| item.ended.is_some());
        if is_streamed && self.items.len() == output.len() {
            return;
        }
        for (index, json) in (0_u64..).zip(output) {
            let item = Item::read(json.get(), ordinal);
            let by_id = item.id.as_ref().and_then(|id| self.places.by_id.get(id));
            let by_index = self.places.by_index.get(&index).filter(|place| {
                let known = self.items.get(**place).and_then(|item| item.id.as_ref());
                known.is_none() || item.id.is_none()
            });
            if let Some(&place) = by_id.or(by_index) {
                if self
                    .items
                    .get(place)
                    .is_some_and(|item| item.ended.is_none())
                {
                    self.adopt(place, item, ordinal, true);
                }
                continue;
            }
            self.lint(format!(
                "output {index} ({}) came only at the end: \
                 Codex ignores text that is only in the final output",
                item.kind.noun(),
            ));
            if item.kind.has_text() {
                self.first_delta.get_or_insert(ordinal);
            }
            self.insert(Some(index), item);
        }
    }

    /// Notes the items of a completed response that never got their `output_item.done`.
    pub(super) fn note_unfinished(&mut self) {
        let unfinished = self.items.iter().zip(0..).filter_map(|(item, place)| {
            let is_streamed = item.ended.is_none() && item.began.saturating_add(1) < self.events;
            is_streamed.then(|| (place, item.kind.noun().to_owned()))
        });
        for (place, noun) in unfinished.collect::<Vec<(usize, String)>>() {
            self.lint(format!(
                "output {place} ({noun}) has no response.output_item.done: Codex drops it"
            ));
        }
    }

    fn take_item(&mut self, event: &Event<'_>, ordinal: u32, is_whole: bool) {
        let Some(json) = event.item else {
            self.lint(format!("event {ordinal}: {} has no item", event.name()));
            return;
        };
        let mut item = Item::read(json.get(), ordinal);
        if item.id.is_none() {
            item.id = event.item_id().map(str::to_owned);
        }
        let place = match self.find(event.output_index(), item.id.as_deref()) {
            Some(place) if self.is_same(place, &item) => place,
            Some(_) if event.output_index().is_some() => {
                self.lint(format!(
                    "event {ordinal}: {} uses an output_index a second time",
                    event.name()
                ));
                self.insert(event.output_index(), blank(&item))
            }
            _ => self.insert(event.output_index(), blank(&item)),
        };
        if is_whole && item.kind.has_text() {
            self.first_delta.get_or_insert(ordinal);
        }
        self.check_item(place, &item, is_whole);
        self.adopt(place, item, ordinal, is_whole);
        if is_whole && let Some(item) = self.items.get_mut(place) {
            item.ended = Some(ordinal);
        }
    }

    /// Whether the item at `place` is still open and may be this one.
    fn is_same(&self, place: usize, item: &Item) -> bool {
        self.items.get(place).is_some_and(|known| {
            let is_known = known.id.is_some() && item.id.is_some();
            let is_alike = if is_known {
                known.id == item.id
            } else {
                mem::discriminant(&known.kind) == mem::discriminant(&item.kind)
            };
            known.ended.is_none() && is_alike
        })
    }

    /// Replaces what is known of an item. A whole one counts in full; one that just begins leaves
    /// the text that came before it.
    fn adopt(&mut self, place: usize, item: Item, ordinal: u32, is_whole: bool) {
        let Some(known) = self.items.get_mut(place) else {
            return;
        };
        if known.id.is_none()
            && let Some(id) = item.id
        {
            self.places.by_id.insert(id.clone(), place);
            known.id = Some(id);
        }
        if is_whole || matches!(item.kind, ItemKind::Other { .. }) {
            known.raw = item.raw;
        }
        let noun = item.kind.noun().to_owned();
        let merged = merge(&mut known.kind, item.kind, is_whole);
        match merged {
            Merged::Agreed => {}
            Merged::Differed if is_whole => self.lint(format!(
                "event {ordinal}: output {place} ({noun}) is not what its deltas gave"
            )),
            Merged::Differed => self.lint(format!(
                "event {ordinal}: output {place} ({noun}) does not fit the deltas before it"
            )),
            Merged::LeftOut => self.lint(format!(
                "event {ordinal}: output {place} ({noun}) leaves out the text that was streamed"
            )),
        }
    }

    fn take_part(&mut self, kind: EventKind, event: &Event<'_>, ordinal: u32) {
        let Some(json) = event.part else {
            self.lint(format!("event {ordinal}: {} has no part", event.name()));
            return;
        };
        let part = Part::read(json.get(), ordinal);
        let is_summary = matches!(
            kind,
            EventKind::ReasoningSummaryPartAdded | EventKind::ReasoningSummaryPartDone
        );
        let target = match part.kind.as_str() {
            _ if is_summary => Target::Summary,
            "reasoning_text" => Target::Reasoning,
            "refusal" => Target::Content("refusal"),
            _ => Target::Content("output_text"),
        };
        let is_whole = matches!(
            kind,
            EventKind::ContentPartDone | EventKind::ReasoningSummaryPartDone
        );
        let Some(known) = self.part(target, event, ordinal) else {
            self.note_mismatch(event, ordinal);
            return;
        };
        known.kind = part.kind;
        if !is_whole && !known.text.is_empty() {
            return;
        }
        known.text = part.text;
        if !known.text.is_empty() {
            self.first_delta.get_or_insert(ordinal);
        }
    }

    /// Appends a delta, or puts the whole text of a `.done` event in place of the deltas.
    fn take_text(&mut self, kind: EventKind, target: Target, event: &Event<'_>, ordinal: u32) {
        let (piece, is_delta) = if kind.is_delta() {
            (event.delta(), true)
        } else {
            (event.whole(), false)
        };
        let Some(piece) = piece else {
            self.lint(format!("event {ordinal}: {} has no text", event.name()));
            return;
        };
        self.check_live(kind, event, ordinal);
        let text = match target {
            Target::Input(..) => self
                .call(target, event, ordinal)
                .map(|call| &mut call.input),
            _ => self.part(target, event, ordinal).map(|part| &mut part.text),
        };
        let Some(text) = text else {
            self.note_mismatch(event, ordinal);
            return;
        };
        let mut is_odd = false;
        if is_delta {
            text.push_str(piece);
        } else if text != piece {
            is_odd = !text.is_empty();
            piece.clone_into(text);
        }
        if is_odd {
            self.lint(format!(
                "event {ordinal}: {} is not what the deltas gave",
                event.name()
            ));
        }
        if !piece.is_empty() {
            self.first_delta.get_or_insert(ordinal);
        }
    }

    /// Notes how far a tool of the provider is.
    fn take_status(&mut self, tool: &'static str, status: &str, event: &Event<'_>, ordinal: u32) {
        let target = Target::Input(ToolKind::Hosted, tool);
        match self.call(target, event, ordinal) {
            Some(call) => call.status = Some(status.to_owned()),
            None => self.note_mismatch(event, ordinal),
        }
    }

    fn note_mismatch(&mut self, event: &Event<'_>, ordinal: u32) {
        self.lint(format!(
            "event {ordinal}: {} does not fit the item it is about",
            event.name()
        ));
    }

    /// The part that an event is about, made if need be; `None` if the item is of another type.
    fn part(&mut self, target: Target, event: &Event<'_>, ordinal: u32) -> Option<&mut Part> {
        let place = self.place(target, event, ordinal);
        let item = self.items.get_mut(place)?;
        let (parts, kind) = match (&mut item.kind, target) {
            (ItemKind::Message { parts, .. }, Target::Content(kind)) => (parts, kind),
            (ItemKind::Reasoning { summary, .. }, Target::Summary) => (summary, "summary_text"),
            (ItemKind::Reasoning { content, .. }, Target::Reasoning) => (content, "reasoning_text"),
            _ => return None,
        };
        let newest = parts.len().saturating_sub(1);
        // A wild index must not make a million parts: it counts as the newest one's.
        let index = event
            .part_index()
            .and_then(|index| usize::try_from(index).ok())
            .filter(|index| *index <= parts.len() + MAX_GAP)
            .unwrap_or(newest);
        while parts.len() <= index {
            parts.push(Part {
                kind: kind.to_owned(),
                text: String::new(),
                began: ordinal,
            });
        }
        parts.get_mut(index)
    }

    /// The call that an event is about, made if need be; `None` if the item is none.
    fn call(&mut self, target: Target, event: &Event<'_>, ordinal: u32) -> Option<&mut ToolCall> {
        let place = self.place(target, event, ordinal);
        let ItemKind::Call(call) = &mut self.items.get_mut(place)?.kind else {
            return None;
        };
        if call.name.is_empty()
            && let Some(name) = event.tool()
        {
            name.clone_into(&mut call.name);
        }
        Some(call)
    }

    /// The position of the item that an event is about, made if need be.
    fn place(&mut self, target: Target, event: &Event<'_>, ordinal: u32) -> usize {
        let (index, id) = (event.output_index(), event.item_id());
        if let Some(place) = self.find(index, id) {
            return place;
        }
        let item = Item {
            id: id.map(str::to_owned),
            kind: target.blank(),
            began: ordinal,
            ended: None,
            raw: String::new(),
        };
        self.insert(index, item)
    }

    pub(super) fn find(&self, index: Option<u64>, id: Option<&str>) -> Option<usize> {
        let by_id = || self.places.by_id.get(id?).copied();
        let by_index = index.and_then(|index| self.places.by_index.get(&index).copied());
        match by_index {
            // Some bridges number every item 0; an id that is known says more.
            Some(place) => {
                let known = self.items.get(place).and_then(|item| item.id.as_deref());
                let is_other = id.is_some() && known != id;
                is_other.then(by_id).flatten().or(Some(place))
            }
            None if index.is_some() => by_id(),
            None => by_id().or_else(|| {
                let newest = self.items.len().checked_sub(1)?;
                let item = self.items.get(newest)?;
                let is_nameless = id.is_none() || item.id.is_none();
                (item.ended.is_none() && is_nameless).then_some(newest)
            }),
        }
    }

    /// Adds an item where its index belongs and gives its position.
    fn insert(&mut self, index: Option<u64>, item: Item) -> usize {
        let after = self.places.by_index.last_key_value();
        let after = after.map_or(0, |(last, _)| last.saturating_add(1));
        let index = index.unwrap_or(after);
        // Moving items costs their number: beyond a bound, order of arrival must do.
        let mut later = self.places.by_index.range(index.saturating_add(1)..);
        let place = later
            .next()
            .map(|(_, place)| *place)
            .filter(|_| self.items.len() < MAX_MOVED)
            .unwrap_or(self.items.len());
        if place < self.items.len() {
            let positions = self.places.by_index.values_mut();
            for position in positions.chain(self.places.by_id.values_mut()) {
                *position += usize::from(*position >= place);
            }
        }
        if let Some(id) = &item.id {
            self.places.by_id.insert(id.clone(), place);
        }
        self.places.by_index.insert(index, place);
        self.items.insert(place, item);
        place
    }
}

impl Target {
    fn of(kind: EventKind) -> Option<Self> {
        Some(match kind {
            EventKind::OutputTextDelta | EventKind::OutputTextDone => Self::Content("output_text"),
            EventKind::RefusalDelta | EventKind::RefusalDone => Self::Content("refusal"),
            EventKind::ReasoningSummaryTextDelta | EventKind::ReasoningSummaryTextDone => {
                Self::Summary
            }
            EventKind::ReasoningTextDelta | EventKind::ReasoningTextDone => Self::Reasoning,
            EventKind::FunctionCallArgumentsDelta | EventKind::FunctionCallArgumentsDone => {
                Self::Input(ToolKind::Function, "")
            }
            EventKind::CustomToolCallInputDelta | EventKind::CustomToolCallInputDone => {
                Self::Input(ToolKind::Custom, "")
            }
            EventKind::CodeInterpreterCallCodeDelta | EventKind::CodeInterpreterCallCodeDone => {
                Self::Input(ToolKind::Hosted, "code_interpreter")
            }
            EventKind::McpCallArgumentsDelta | EventKind::McpCallArgumentsDone => {
                Self::Input(ToolKind::Hosted, "mcp")
            }
            _ => return None,
        })
    }

    /// The item that holds such a text, still empty.
    fn blank(self) -> ItemKind {
        match self {
            Self::Content(_) => ItemKind::Message {
                role: "assistant".to_owned(),
                phase: None,
                parts: Vec::new(),
            },
            Self::Summary | Self::Reasoning => ItemKind::Reasoning {
                summary: Vec::new(),
                content: Vec::new(),
                encrypted: 0,
            },
            Self::Input(kind, name) => ItemKind::Call(ToolCall {
                kind,
                name: name.to_owned(),
                namespace: None,
                call_id: None,
                input: String::new(),
                status: None,
            }),
        }
    }
}

/// The tool of the provider that an event tells the progress of, and how far it is.
fn hosted(kind: EventKind) -> Option<(&'static str, &'static str)> {
    let rest = kind.as_str().strip_prefix("response.")?;
    let (tool, status) = rest.split_once("_call.")?;
    Some((tool, status))
}

/// An item to merge another into: nothing of it but its id and when it began.
fn blank(item: &Item) -> Item {
    Item {
        id: item.id.clone(),
        kind: ItemKind::Other {
            kind: String::new(),
        },
        began: item.began,
        ended: None,
        raw: String::new(),
    }
}

/// How many parts may be missing before one that is named by its index.
const MAX_GAP: usize = 16;

/// Up to how many items are kept in the order of their indexes.
const MAX_MOVED: usize = 1024;
