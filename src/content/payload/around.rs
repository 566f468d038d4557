//! What the tabs tell of a turn beside the one before it, and of several attempts.

use super::super::tests::{answered, at, body, field, flow, frame, plain};
use super::*;
use crate::flow::{Calls, FlowId, FlowKind, Op, Related, Store};
use crate::responses::Prices;

/// A turn of one thread: what was asked `ms` after the start, and when which events came.
fn turn(id: &str, ms: u64, asked: &str, used: &str, events: &[(u64, &str)]) -> Flow {
    let kind = "text/event-stream";
    let mut turn = answered(flow(FlowKind::Http, "/v1/responses"), 200, kind);
    turn.started = at(ms);
    turn.request.body = body(asked.as_bytes());
    turn.read_heads();
    turn.read_request();
    turn.identity.thread = Some("t".to_owned());
    turn.identity.turn = Some(id.to_owned());
    let head = turn.response.head.as_mut().unwrap();
    head.fields.extend([
        field("x-codex-primary-used-percent", used),
        field("x-codex-primary-window-minutes", "300"),
        field("x-codex-primary-reset-at", "1795190703"),
    ]);
    for (ms, event) in events {
        frame(&mut turn, *ms, Direction::In, Op::Event, event);
    }
    turn.ended = events.last().map(|(ms, _)| at(*ms));
    turn
}

fn completed(id: &str, model: &str, input: u64, cached: u64) -> String {
    format!(
        r#"{{"type":"response.completed","response":{{"id":"{id}","model":"{model}","usage":{{"input_tokens":{input},"input_tokens_details":{{"cached_tokens":{cached}}},"output_tokens":100,"total_tokens":{}}}}}}}"#,
        input + 100
    )
}

/// What a tab says of a flow among others.
fn told(store: &Store, id: FlowId, tab: Tab, folds: &[&str]) -> String {
    let prices = Prices::built_in().unwrap();
    let flow = store.get(id).unwrap();
    let related = Related::of(store, id, &prices).unwrap();
    let effective = |id| related.effective(store, id, |_| None);
    let (asked, before) = (effective(id), related.before());
    let asked_before = before.and_then(effective);
    let around = Around {
        calls: Calls::of(store, flow),
        turn: Some(&related.turn),
        turn_before: related.before.as_ref(),
        flow_before: before.and_then(|id| store.get(id)),
        asked: asked.as_deref(),
        asked_before: asked_before.as_deref(),
        prices: Some(&prices),
    };
    let mut chosen = Folds::default();
    for key in folds {
        chosen.toggle(key);
    }
    plain(&payload(flow, &around, tab, &chosen))
}

const CALL: &str = r#"{"type":"response.output_item.done","output_index":0,"item":{"type":"function_call","call_id":"c1","name":"exec","arguments":"{}"}}"#;
const CREATED: &str = r#"{"type":"response.created","response":{"id":"r2","model":"gpt-5.1"}}"#;
const FAILED: &str = r#"{"type":"response.failed","response":{"id":"bad","error":{"code":"server_is_overloaded","message":"try again"}}}"#;

/// A turn that calls a tool, one that fails, and its second attempt, which another model answers.
fn retried(first: &str, second: &str) -> (Store, FlowId) {
    let mut store = Store::default();
    let end = completed("r1", "gpt-5.1", 8_000, 7_680);
    store.push(turn("1", 0, first, "12.5", &[(500, CALL), (1_000, &end)]));
    store.push(turn("2", 3_000, second, "12.5", &[(3_100, FAILED)]));
    let end = completed("r2", "gpt-5", 9_000, 2_048);
    let events = [(4_200, CREATED), (14_200, &end)];
    let last = store.push(turn("2", 4_000, second, "13", &events));
    (store, last)
}

const FIRST: &str = r#"{"model":"gpt-5.1","instructions":"Be good.","input":[{"type":"message","role":"user","content":[{"type":"input_text","text":"Hi"}]}]}"#;

#[test]
fn why_a_turn_was_slow_and_expensive_stands_first() {
    let (store, last) = retried(FIRST, &FIRST.replace("good", "bad"));
    let text = told(&store, last, Tab::Response, &[]);
    let expected = "\
! gpt-5 answered, not gpt-5.1 as asked
200 completed · model gpt-5 · id r2
Time      took 10.20 s · first event 200 ms · longest silence 10.00 s after 200 ms · tools before 2.00 s
Attempts  2 · together 11.20 s
  ✕ SSE      +0 s    100 ms  200 server_is_overloaded
  ● SSE   +1.00 s   10.20 s  200 ← this flow
Tokens    in 9,000 (cached 2,048 · 23 % ↓ from 96 %) out 100 (reasoning 0) total 9,100
Cache     the prefix breaks within the instructions · at byte 3 · read anew 5,888 tokens
Cost      $0.0099 by list price
Limits    codex primary 13 % of 5 h +0.5 %, resets in 1.9 h
";
    assert!(text.starts_with(expected), "{text}");
}

#[test]
fn a_prefix_breaks_where_the_requests_differ() {
    let item = r#""input":[{"type":"message""#;
    let more = r#""input":[{"type":"message","role":"developer","content":"x"},{"type":"message""#;
    let table = [
        (
            FIRST.to_owned(),
            "the prefix is the same, but the provider had less of it · read anew",
        ),
        (
            FIRST.replace(item, more),
            "the prefix breaks at item 0, developer · at byte 8",
        ),
        (
            FIRST.replace(
                "\"instr",
                "\"tools\":[{\"type\":\"function\",\"name\":\"f\"}],\"instr",
            ),
            "the prefix breaks at the tool f · at byte 0",
        ),
        (
            FIRST.replace("gpt-5.1", "gpt-5"),
            "another model than the turn before, gpt-5.1: caches are not shared · read anew",
        ),
        (
            FIRST.replace("\"instr", "\"previous_response_id\":\"gone\",\"instr"),
            "not known: what the request continues was not captured\n",
        ),
    ];
    for (second, expected) in table {
        let (store, last) = retried(FIRST, &second);
        let text = told(&store, last, Tab::Response, &[]);
        let expected = format!("\nCache     {expected}");
        assert!(text.contains(&expected), "{expected}\n{text}");
    }
}

#[test]
fn the_whole_request_is_shown_where_only_the_new_was_sent() {
    let second = r#"{"model":"gpt-5.1","previous_response_id":"r1","instructions":"Be good.","input":[{"type":"function_call_output","call_id":"c1","output":"it is done"}]}"#;
    let (store, last) = retried(FIRST, second);
    let folds = ["request/context", "request/effective"];
    let text = told(&store, last, Tab::Request, &folds);
    let expected = "\
gpt-5.1
continues r1: only what is new was sent
Context 224 B 9.0k tokens · messages 35 % · calls 31 % · outputs 30 %
      size  tokens  share
      78 B   ~3.1k  35 %  messages user
      70 B   ~2.8k  31 %  calls exec
      68 B   ~2.7k  30 %  outputs exec
       8 B    ~321   4 %  instructions
";
    assert!(text.starts_with(expected), "{text}");
    let expected = "
Effective input 3 items · complete
  0 user       Hi
  1 call       exec {}
  2 output     exec → after 3.50 s · it is done
";
    assert!(text.contains(expected), "{text}");

    let offer = r#""input":[{"type":"additional_tools","role":"developer","tools":[{"type":"function","name":"f"}]},"#;
    let (store, last) = retried(&FIRST.replace(r#""input":["#, offer), second);
    let text = told(&store, last, Tab::Request, &["request/tools"]);
    assert!(
        text.contains("\nTools 1 30 B offered before\n    f "),
        "{text}"
    );

    let (store, last) = retried(FIRST, &second.replace("r1", "gone"));
    let text = told(&store, last, Tab::Request, &[]);
    let expected =
        "\nEffective input 1 item · parent not captured: what stands before gone is missing\n";
    assert!(text.contains(expected), "{text}");
    let (store, last) = retried(FIRST, FIRST);
    let text = told(&store, last, Tab::Request, &[]);
    assert!(
        !text.contains("Effective"),
        "nothing more than was sent: {text}"
    );
}

#[test]
fn instructions_of_an_earlier_turn_are_shown_with_the_turn_that_sent_them() {
    let second = r#"{"model":"gpt-5.1","previous_response_id":"r1","input":[{"type":"function_call_output","call_id":"c1","output":"it is done"}]}"#;
    let mut store = Store::default();
    let end = completed("r1", "gpt-5.1", 8_000, 7_680);
    let first = store.push(turn("1", 0, FIRST, "12.5", &[(500, CALL), (1_000, &end)]));
    let end = completed("r2", "gpt-5.1", 9_000, 8_000);
    let last = store.push(turn("2", 3_000, second, "12.5", &[(4_000, &end)]));
    let folds = ["request/instructions"];
    let shown = |store: &Store, sender: &str| {
        let text = told(store, last, Tab::Request, &folds);
        let expected = format!("\nInstructions 8 chars ~2 tokens · sent by {sender}\n  Be good.\n");
        assert!(text.contains(&expected), "{text}");
    };
    shown(&store, "an earlier turn");
    store.change(first, |flow| flow.is_warm_up = true);
    shown(&store, "the warm-up");
    let text = told(&store, first, Tab::Request, &folds);
    assert!(text.contains("~2 tokens\n  Be good."), "its own: {text}");
}
