//! What every event and every item of the vocabulary gives: a golden table, one row for each line of
//! `tests/fixtures/events.jsonl` and `tests/fixtures/items.jsonl`.

use std::fmt::Write;

use codextap::responses::{EventKind, Item, ItemKind, Part, Turn, event_name};

const EVENTS: &str = include_str!("fixtures/events.jsonl");
const ITEMS: &str = include_str!("fixtures/items.jsonl");

#[test]
fn every_event_gives_what_it_should() {
    let mut table = String::new();
    for event in EVENTS.lines() {
        let mut turn = Turn::default();
        let kind = turn.apply(event);
        assert_ne!(kind, EventKind::Other, "{event}");
        writeln!(table, "{}\n    {}", kind.as_str(), of_turn(&turn)).unwrap();
    }
    let given: Vec<_> = EVENTS.lines().filter_map(event_name).collect();
    let known: Vec<_> = EventKind::ALL.iter().map(|kind| kind.as_str()).collect();
    assert_eq!(given, known, "one line for each event, in order");
    insta::assert_snapshot!(table);
}

#[test]
fn every_item_gives_what_it_should() {
    let mut table = String::new();
    let mut unknown = Vec::new();
    for json in ITEMS.lines() {
        let item = Item::read(json, 0);
        let name = event_name(json).unwrap();
        if !item.kind.is_known() {
            unknown.push(name);
        }
        writeln!(table, "{name}\n    {}", of_item(&item)).unwrap();
    }
    assert_eq!(unknown, ["sparkle"]);
    insta::assert_snapshot!(table);
}

/// What of a turn is not as it was before its first event.
fn of_turn(turn: &Turn) -> String {
    let mut says = vec![turn.status.as_str().to_owned()];
    says.extend(turn.response_id.iter().map(|id| format!("id {id}")));
    says.extend(turn.model.iter().map(|model| format!("model {model}")));
    says.extend(turn.incomplete_reason.clone());
    says.extend(turn.failure.iter().map(|failure| format!("{failure:?}")));
    says.extend(turn.usage.iter().map(|usage| format!("{usage:?}")));
    says.extend(turn.headers.iter().map(|header| format!("{header:?}")));
    says.extend(turn.items.iter().map(of_item));
    says.extend(turn.lints.iter().map(|lint| format!("! {lint}")));
    says.join("\n    ")
}

fn of_item(item: &Item) -> String {
    match &item.kind {
        ItemKind::Message { role, phase, parts } => {
            format!("message of {role:?} {phase:?} {}", texts(parts))
        }
        ItemKind::Reasoning {
            summary,
            content,
            encrypted,
        } => format!(
            "reasoning {} {} {encrypted} bytes encrypted",
            texts(summary),
            texts(content)
        ),
        ItemKind::Call(call) => format!(
            "{:?} call of {:?} {:?} id {:?} {:?} {:?}",
            call.kind, call.namespace, call.name, call.call_id, call.input, call.status
        ),
        ItemKind::Output(output) => {
            format!("{} for {:?} {:?}", output.kind, output.call_id, output.text)
        }
        ItemKind::Tools(tools) => {
            let names = tools
                .iter()
                .map(|tool| (&tool.namespace, &tool.kind, &tool.name));
            format!("tools {:?}", names.collect::<Vec<_>>())
        }
        ItemKind::Other { kind } => format!("{kind}, verbatim"),
    }
}

fn texts(parts: &[Part]) -> String {
    let parts = parts.iter().map(|part| (&part.kind, &part.text));
    format!("{:?}", parts.collect::<Vec<_>>())
}
