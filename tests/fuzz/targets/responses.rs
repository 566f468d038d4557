//! Responses events and requests: total, the same twice, no larger than what they were read from.

#![no_main]

use codextap::responses::{Event, Item, ItemKind, Request, Turn, event_name};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    request(&text);
    let mut turn = Turn::default();
    for (ordinal, json) in text.lines().enumerate() {
        event(json);
        turn.apply(json);
        assert_eq!(turn.events as usize, ordinal + 1);
    }
    let counted: u64 = turn
        .counts
        .values()
        .map(|(events, _)| u64::from(*events))
        .sum();
    assert_eq!(counted, u64::from(turn.events));
    assert!(turn.lints.len() <= 101);
    assert!(
        turn.lints
            .iter()
            .all(|lint| lint.chars().count() <= 300 && !lint.contains('\n'))
    );
    let kept: usize = turn.items.iter().map(size).sum();
    assert!(
        kept <= most(&text, turn.items.len()),
        "{kept} of {}",
        text.len()
    );
    assert!(turn.items.len() <= text.len());
    let _ = (
        turn.output_text(),
        turn.reasoning_summaries().count(),
        turn.calls().count(),
    );
    turn.end_of_stream();
    assert!(turn.is_over());
});

/// What items that were read from `text` may hold: their texts, once more in their JSON, and for
/// content that is no text (`1`) a few words in its place.
fn most(text: &str, items: usize) -> usize {
    32 * text.len() + 64 * items
}

fn event(json: &str) {
    let Ok(event) = Event::parse(json) else {
        return;
    };
    if let Some(name) = event_name(json) {
        assert_eq!(name, event.name());
    }
}

fn request(text: &str) {
    let Ok(request) = Request::parse(text) else {
        return;
    };
    assert_eq!(Request::parse(text).as_ref(), Ok(&request));
    assert!(request.gist().chars().count() <= text.len());
    let kept: usize = request.input.iter().map(size).sum();
    assert!(kept <= most(text, request.input.len()));
}

/// Bytes of text that an item holds.
fn size(item: &Item) -> usize {
    let kind = match &item.kind {
        ItemKind::Message { role, parts, .. } => {
            role.len() + parts.iter().map(|part| part.text.len()).sum::<usize>()
        }
        ItemKind::Reasoning {
            summary, content, ..
        } => summary
            .iter()
            .chain(content)
            .map(|part| part.text.len())
            .sum(),
        ItemKind::Call(call) => call.name.len() + call.input.len(),
        ItemKind::Output(output) => output.text.len(),
        ItemKind::Tools(tools) => tools.iter().map(|tool| tool.name.len()).sum(),
        ItemKind::Other { kind } => kind.len(),
    };
    kind + item.raw.len()
}
