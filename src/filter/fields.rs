//! What the named fields of a flow are: of its summary where that tells, or else of the flow itself.

use std::borrow::Cow;

use super::amount::Order;
use super::expr::Test;
use super::field::{Flag, Key, Part};
use super::matches::{Subject, is_status, said, thought};
use super::pattern::Pattern;
use crate::flow::sessions::{Purpose, cost};
use crate::flow::{Flow, State, Summary};
use crate::responses::{
    Agent, EventKind, Item, ItemKind, Patch, Request, Status, ToolKind, Turn, text as member,
};

/// Whether a flow's field passes; `None` if that depends on what is not in memory.
pub(super) fn field(key: Key, test: &Test, subject: Subject<'_>) -> Option<bool> {
    let summary = subject.summary;
    match test {
        Test::Text(pattern) => text(key, pattern, subject),
        Test::Status(code) => Some(is_status(*code, summary)),
        Test::Number(order, amount) => {
            let number = number(key, subject);
            Some(number.is_some_and(|number| order.includes(number.cmp(&amount.value))))
        }
        Test::Flag(flag) => Some(is(*flag, subject)),
        Test::Part(part) => has(*part, subject),
        Test::Ago(amount) => {
            let now = subject.basis.now.as_micros();
            let first = u128::from(now).saturating_sub(amount.value);
            Some(u128::from(summary.started.as_micros()) >= first)
        }
        Test::Time(moment) => {
            let ordering = moment.compare(summary.started, &subject.basis.zone);
            Some(match key {
                Key::Before => Order::Less.includes(ordering),
                _ => Order::AtLeast.includes(ordering),
            })
        }
    }
}

/// A field that is a text, or several.
fn text(key: Key, pattern: &Pattern, subject: Subject<'_>) -> Option<bool> {
    let summary = subject.summary;
    let is_in = |text: &str| pattern.is_in(text.as_bytes());
    let is_told = match key {
        Key::Status => statuses(summary).any(|status| is_in(&status)),
        Key::Tool => match summary.tools().any(is_in) {
            false if summary.has_more_tools() => return in_flow(key, is_in, subject),
            found => found,
        },
        _ => match of_summary(key, summary) {
            Told::Text(text) => text.is_some_and(is_in),
            Told::Elsewhere => return in_flow(key, is_in, subject),
        },
    };
    Some(is_told)
}

/// What a summary tells of a field.
pub(super) enum Told<'a> {
    /// The field, where the flow has it.
    Text(Option<&'a str>),
    /// Nothing: the flow has to be asked.
    Elsewhere,
}

/// The text of a field that has one, as far as the summary tells.
pub(super) fn of_summary(key: Key, summary: &Summary) -> Told<'_> {
    let identity = &summary.identity;
    let context = summary.context.as_deref();
    Told::Text(match key {
        Key::Model => summary.model.as_deref(),
        Key::Served => {
            let context = context.filter(|it| it.served.is_some() || it.response.is_some());
            context.and_then(|it| it.served.as_deref().or(summary.model.as_deref()))
        }
        Key::Effort => context.and_then(|context| context.effort.as_deref()),
        Key::Transport => Some(summary.transport.as_str()),
        Key::Channel => Some(summary.channel.as_str()),
        Key::Session => identity.session.as_deref(),
        Key::Thread => identity.thread.as_deref(),
        Key::Turn => identity.turn.as_deref(),
        Key::Agent => identity.agent.name(),
        Key::Response => context.and_then(|context| context.response.as_deref()),
        Key::Previous => context.and_then(|context| context.previous.as_deref()),
        Key::Path => Some(&summary.path),
        _ => return Told::Elsewhere,
    })
}

/// The HTTP status, and the words for where the flow stands.
pub(super) fn statuses(summary: &Summary) -> impl Iterator<Item = Cow<'static, str>> {
    let code = summary.status.map(|status| status.to_string().into());
    let turn = summary.turn.map(Status::as_str);
    let words = turn.into_iter().chain([summary.state.as_str()]);
    code.into_iter().chain(words.map(Cow::Borrowed))
}

/// A field that is a number, in its smallest unit; `None` where the flow has none.
fn number(key: Key, subject: Subject<'_>) -> Option<u128> {
    let summary = subject.summary;
    let usage = summary.usage;
    let number = match key {
        Key::Status => summary.status?.into(),
        Key::Close => summary.close?.into(),
        Key::Size => summary.wire_len,
        Key::Frames => summary.frames.into(),
        Key::Input => usage?.input,
        Key::Cached => usage?.cached,
        Key::Output => usage?.output,
        Key::Reasoning => usage?.reasoning,
        Key::Total => usage?.total,
        Key::Hit => {
            let usage = usage.filter(|usage| usage.input > 0)?;
            return Some(u128::from(usage.cached) * 100_000_000 / u128::from(usage.input));
        }
        Key::Duration => return Some(summary.duration()?.as_micros()),
        Key::FirstDelta => return Some(summary.first_delta?.as_micros()),
        Key::Cost => return Some(cost(summary, &subject.basis.prices)?.dollars.0),
        _ => return None,
    };
    Some(number.into())
}

/// Whether the flow is of this kind.
fn is(flag: Flag, subject: Subject<'_>) -> bool {
    let summary = subject.summary;
    // A connection is there for what is asked on it, and asks for nothing itself.
    let is_for = |purpose| summary.context.is_some() && Purpose::of(summary) == purpose;
    match flag {
        Flag::Compact => is_for(Purpose::Compaction),
        Flag::Failed => summary.is_error(),
        Flag::Incomplete => summary.turn == Some(Status::Incomplete),
        Flag::Partial => summary.state == State::Partial,
        Flag::Live => summary.is_live(),
        Flag::Marked => subject.standing.is_marked,
        Flag::Mismatch => {
            let served = summary.context.as_ref().and_then(|it| it.served.as_ref());
            // A `response.append` names no model.
            summary.model.is_some() && served.is_some()
        }
        Flag::Retry => subject.standing.is_retry,
        Flag::Side => summary.channel.is_side(),
        Flag::Subagent => matches!(summary.agent(), Agent::Sub(_)),
        Flag::WarmUp => is_for(Purpose::WarmUp),
    }
}

/// Whether the flow has this part.
fn has(part: Part, subject: Subject<'_>) -> Option<bool> {
    if subject.summary.turn.is_none() && subject.summary.context.is_none() {
        return Some(false);
    }
    let flow = subject.flow?;
    let items = || flow.turn.iter().flat_map(|turn| &turn.items);
    let mut calls = flow.turn.iter().flat_map(Turn::calls);
    Some(match part {
        Part::Image => {
            let sent = request(flow).is_some_and(|request| request.input.iter().any(is_image));
            sent || items().any(is_image)
        }
        Part::Patch => calls.any(|call| Patch::of(call).is_some_and(|it| !it.files.is_empty())),
        Part::Reasoning => items().any(|item| {
            let is_encrypted =
                matches!(item.kind, ItemKind::Reasoning { encrypted, .. } if encrypted > 0);
            is_encrypted || thought(item).any(|part| !part.text.is_empty())
        }),
    })
}

/// Whether a text that only the whole flow tells passes.
fn in_flow(key: Key, is_in: impl Fn(&str) -> bool, subject: Subject<'_>) -> Option<bool> {
    let summary = subject.summary;
    let is_of_turns = !matches!(key, Key::Type);
    if is_of_turns && summary.turn.is_none() && summary.context.is_none()
        || key == Key::Args && summary.calls == 0
    {
        return Some(false);
    }
    let flow = subject.flow?;
    let turn = || flow.turn.iter();
    let items = || turn().flat_map(|turn| &turn.items);
    let mut calls = turn().flat_map(Turn::calls);
    Some(match key {
        Key::Text => items().flat_map(said).any(|part| is_in(&part.text)),
        Key::Reason => items().flat_map(thought).any(|part| is_in(&part.text)),
        Key::Tool => calls.any(|call| is_in(&call.name)),
        Key::Args => calls.any(|call| is_in(&call.input)),
        Key::Type => {
            let mut sent = flow.frames.iter().filter_map(|frame| frame.event);
            let mut received = turn().flat_map(|turn| turn.counts.keys());
            received.any(|name| is_in(name))
                || sent.any(|kind| kind != EventKind::Other && is_in(kind.as_str()))
        }
        Key::Instructions => {
            request(flow).is_some_and(|it| it.instructions.is_some_and(|text| is_in(&text)))
        }
        Key::Call => {
            calls.any(|call| call.call_id.as_deref().is_some_and(&is_in))
                || any_input(flow, |item| match &item.kind {
                    ItemKind::Output(output) => output.call_id.as_deref().is_some_and(&is_in),
                    _ => false,
                })
        }
        Key::Item => {
            let has_type = |item: &Item| is_in(&kind_of(item));
            items().any(has_type) || any_input(flow, has_type)
        }
        Key::Role => {
            let has_role = |item: &Item| match &item.kind {
                ItemKind::Message { role, .. } => is_in(role),
                _ => false,
            };
            items().any(has_role) || any_input(flow, has_role)
        }
        _ => false,
    })
}

/// Whether one of the items that the flow's request brings is such a one.
fn any_input(flow: &Flow, is_such: impl Fn(&Item) -> bool) -> bool {
    request(flow).is_some_and(|request| request.input.iter().any(is_such))
}

/// The flow's request, if it is one for a model response.
fn request(flow: &Flow) -> Option<Request> {
    Request::parse(flow.request_text()?).ok()
}

/// An item's type, as the wire has it.
fn kind_of(item: &Item) -> Cow<'_, str> {
    match &item.kind {
        ItemKind::Message { .. } => "message".into(),
        ItemKind::Reasoning { .. } => "reasoning".into(),
        ItemKind::Tools(_) => "additional_tools".into(),
        ItemKind::Output(output) => output.kind.as_str().into(),
        ItemKind::Other { kind } => kind.as_str().into(),
        ItemKind::Call(call) => match (member(&item.raw, "type"), call.kind) {
            (Some(kind), _) => kind.into(),
            (None, ToolKind::Function) => "function_call".into(),
            (None, ToolKind::Custom) => "custom_tool_call".into(),
            (None, ToolKind::Shell | ToolKind::Hosted) => format!("{}_call", call.name).into(),
        },
    }
}

/// Whether the item is, or holds, an image.
fn is_image(item: &Item) -> bool {
    match &item.kind {
        ItemKind::Message { parts, .. } => {
            let mut kinds = parts.iter().map(|part| part.kind.as_str());
            kinds.any(|kind| IMAGES.contains(&kind))
        }
        ItemKind::Output(_) => IMAGES.iter().any(|kind| {
            let quoted = format!("\"{kind}\"");
            memchr::memmem::find(item.raw.as_bytes(), quoted.as_bytes()).is_some()
        }),
        ItemKind::Call(call) => call.kind == ToolKind::Hosted && call.name == "image_generation",
        ItemKind::Reasoning { .. } | ItemKind::Tools(_) | ItemKind::Other { .. } => false,
    }
}

/// Types of content parts that are images (API reference, and the chat API's).
const IMAGES: [&str; 4] = [
    "input_image",
    "output_image",
    "image",
    "computer_screenshot",
];
