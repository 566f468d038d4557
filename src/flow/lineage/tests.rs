use std::sync::Arc;

use serde_json::{Value, json};

use super::*;
use crate::flow::Body;
use crate::responses::Usage;
use crate::tap::{At, Field, RequestHead, ResponseHead, Value as FieldValue};

/// A turn that was asked with `body` and answered as `id` with `output`.
fn turn(name: &str, body: &Value, id: &str, output: &[Value]) -> Flow {
    let mut flow = Flow::new(name.to_owned(), String::new(), Arc::from(""), At::default());
    flow.request.head = Some(RequestHead {
        method: "POST".to_owned(),
        target: "/v1/responses".to_owned(),
        version: http::Version::HTTP_11,
        fields: Vec::new(),
    });
    flow.request.body = Body::default();
    flow.request.body.push(body.to_string().as_bytes());
    flow.replay();
    let turn = flow.turn.get_or_insert_default();
    for (at, item) in output.iter().enumerate() {
        let done = json!({"type": "response.output_item.done", "output_index": at, "item": item});
        turn.apply(&done.to_string());
    }
    let completed = json!({"type": "response.completed", "response": {"id": id, "output": []}});
    turn.apply(&completed.to_string());
    flow
}

fn message(role: &str, text: &str) -> Value {
    let kind = if role == "assistant" {
        "output_text"
    } else {
        "input_text"
    };
    json!({"type": "message", "role": role, "content": [{"type": kind, "text": text}]})
}

fn call(id: &str, input: &str) -> Value {
    json!({"type": "function_call", "name": "exec", "arguments": input, "call_id": id})
}

fn output(id: &str, text: &str) -> Value {
    json!({"type": "function_call_output", "call_id": id, "output": text})
}

/// The effective request of `flow` among `flows`.
fn effective(flow: &Flow, flows: &[Flow]) -> Effective {
    Effective::of(flow, |parent| {
        flows.iter().find(|flow| parent.is(&Summary::of(flow)))
    })
    .unwrap()
}

/// Its items as JSON.
fn items(effective: &Effective) -> Vec<Value> {
    let items = effective.items.iter();
    items
        .map(|it| serde_json::from_str(&it.item.raw).unwrap())
        .collect()
}

fn alone(body: &Value) -> Effective {
    let flow = turn("alone", body, "r", &[]);
    Effective::of(&flow, |_| None).unwrap()
}

#[test]
fn a_chain_is_put_together_again() {
    let prompt = [message("developer", "Be good."), message("user", "Go.")];
    let warm_up = turn(
        "1",
        &json!({"model": "m", "generate": false, "input": [prompt[0]]}),
        "r1",
        &[],
    );
    let first = json!({"model": "m", "previous_response_id": "r1", "input": [prompt[1]]});
    let first = turn("2", &first, "r2", &[call("c", "ls")]);
    let second = json!({"model": "m", "previous_response_id": "r2", "input": [output("c", "a b")]});
    let second = turn("3", &second, "r3", &[message("assistant", "Done.")]);
    let flows = [warm_up, first, second.clone()];
    let whole = effective(&second, &flows);
    assert_eq!(
        items(&whole),
        [&prompt[..], &[call("c", "ls"), output("c", "a b")]].concat()
    );
    assert_eq!(whole.badge, Badge::Complete);
    assert_eq!(whole.instructions.as_deref(), Some("Be good."));
    let sent: Vec<bool> = whole.items.iter().map(|it| it.is_output).collect();
    assert_eq!(sent, [false, false, true, false]);

    let part = effective(&second, &flows[1..]);
    assert_eq!(part.badge, Badge::ParentMissing("r1".to_owned()));
    assert_eq!(items(&part)[..], items(&whole)[1..]);
}

#[test]
fn the_instructions_may_come_after_an_empty_warm_up() {
    let warm_up = json!({"generate": false, "input": []});
    let warm_up = turn("1", &warm_up, "r1", &[]);
    let input = [message("developer", "Be good."), message("user", "Go.")];
    let first = json!({"previous_response_id": "r1", "input": input});
    let first = turn("2", &first, "r2", &[]);
    let whole = effective(&first, &[warm_up, first.clone()]);
    assert_eq!(whole.instructions.as_deref(), Some("Be good."));
}

#[test]
fn responses_that_continue_each_other_end() {
    let of = |name: &str, id: &str, previous: &str| {
        let body = json!({"input": [message("user", name)], "previous_response_id": previous});
        turn(name, &body, id, &[])
    };
    let flows = [of("1", "a", "b"), of("2", "b", "a")];
    let whole = effective(&flows[0], &flows);
    assert_eq!(items(&whole), [message("user", "2"), message("user", "1")]);
    assert_eq!(whole.badge, Badge::ParentMissing("a".to_owned()));
}

#[test]
fn what_is_appended_repeats_the_outputs() {
    let create = json!({"model": "m", "instructions": "Be good.", "input": [message("user", "Go.")],
        "tools": [{"type": "function", "name": "exec"}]});
    let mut first = turn("1", &create, "r1", &[call("c", "ls")]);
    let append = json!({"type": "response.append", "input": [call("c", "ls"), output("c", "a")]});
    let mut second = turn("2", &append, "r2", &[]);
    let connection = FlowId(9);
    for (flow, number) in [(&mut first, 1), (&mut second, 2)] {
        // Their requests are messages on a WebSocket.
        let body = flow.request.body.text().unwrap().to_owned();
        flow.frames.push(crate::flow::Frame {
            at: At::default(),
            dir: crate::tap::Direction::Out,
            op: crate::flow::Op::Text,
            wire: 0,
            len: 0,
            span: 0..body.len(),
            is_compressed: false,
            is_final: true,
            event: None,
            ordinal: None,
            fault: None,
        });
        flow.kind = FlowKind::WsTurn { connection, number };
    }
    let flows = [first, second.clone()];
    let whole = effective(&second, &flows);
    assert_eq!(
        items(&whole),
        [message("user", "Go."), call("c", "ls"), output("c", "a")]
    );
    assert_eq!(whole.instructions.as_deref(), Some("Be good."));
    assert_eq!(
        (whole.tools.len(), whole.request.model.as_deref()),
        (1, Some("m"))
    );
    let part = effective(&second, &flows[1..]);
    assert_eq!(
        part.badge,
        Badge::ParentMissing("turn 1 of its connection".to_owned())
    );
}

#[test]
fn an_answer_without_events_is_a_turn_where_contexts_are_compacted() {
    let answer = json!({"id": "r", "model": "m-2026-01-02", "usage": {"input_tokens": 7},
        "output": [{"type": "compaction", "encrypted_content": "abc"}]});
    let compacted = |path: &str, status: u16| {
        let mut flow = turn("1", &json!({"model": "m", "input": []}), "", &[]);
        flow.turn = None;
        flow.request.head.as_mut().unwrap().target = path.to_owned();
        flow.response.head = Some(ResponseHead {
            status,
            version: http::Version::HTTP_11,
            fields: Vec::new(),
        });
        flow.response.body.push(answer.to_string().as_bytes());
        flow.ended = Some(At::default());
        flow.replay();
        flow
    };
    let flow = compacted("/v1/responses/compact", 200);
    let summary = Summary::of(&flow);
    assert_eq!(summary.usage.unwrap().input, 7);
    assert_eq!(summary.state, crate::flow::State::Complete);
    assert_eq!(
        summary.context.unwrap().served,
        None,
        "a snapshot is the model asked for"
    );
    assert_eq!(flow.turn.unwrap().outputs().count(), 1);
    assert!(compacted("/v1/responses/compact", 500).turn.is_none());
    let not_streamed = compacted("/v1/responses", 200);
    assert_eq!(Summary::of(&not_streamed).usage, None);
}

#[test]
fn a_compacted_context_says_so() {
    let compaction = json!({"type": "compaction", "encrypted_content": "abcdef"});
    let whole = alone(&json!({"input": [compaction, message("user", "On.")]}));
    assert_eq!(whole.badge, Badge::Compacted);
    assert_eq!(whole.encrypted(), 6);
    let window = json!({"x-codex-window-id": "t:1"});
    let whole = alone(&json!({"input": [message("user", "On.")], "client_metadata": window}));
    assert_eq!(whole.badge, Badge::Compacted);
}

#[test]
fn a_diff_says_what_came_went_and_changed() {
    let tool =
        |name: &str, text: &str| json!({"type": "function", "name": name, "description": text});
    let before = alone(&json!({"model": "m", "instructions": "Be good and kind.",
        "tools": [tool("a", ""), tool("b", "one")],
        "input": [message("user", "Go."), output("c", "old"), message("user", "Out.")]}));
    // The same message under another id says the same.
    let mut go = message("user", "Go.");
    go["id"] = json!("msg_1");
    let after = alone(
        &json!({"model": "n", "instructions": "Be good and very kind.",
        "tools": [tool("b", "two"), tool("c", "")],
        "input": [go, output("c", "new"), message("user", "In.")]}),
    );
    let diff = Diff::between(&before, &after);
    let model = |name: &str| Some(name.to_owned());
    let setting = Setting {
        name: "model",
        before: model("m"),
        after: model("n"),
    };
    assert_eq!(diff.settings, [setting]);
    let kept = |text: &str| Words::Kept(text.to_owned());
    let words = [
        kept("Be good and "),
        Words::Added("very ".to_owned()),
        kept("kind."),
    ];
    assert_eq!(diff.instructions, words);
    assert_eq!(
        diff.tools,
        [Change::Gone(0), Change::Changed(1, 0), Change::Added(1)]
    );
    assert_eq!(
        diff.items,
        [Change::Changed(1, 1), Change::Gone(2), Change::Added(2)]
    );
    assert!(Diff::between(&before, &before).is_empty());
}

/// What changes, what differs first, and after how many bytes.
type Case<'a> = (&'a dyn Fn(&mut Value), Place, u64);

#[test]
fn the_cached_prefix_ends_at_the_first_difference() {
    let used = |input, cached| {
        Some(Usage {
            input,
            cached,
            ..Usage::default()
        })
    };
    let base = json!({"model": "m", "instructions": "Be good.", "tools": [{"name": "a"}],
        "input": [message("user", "Go on."), message("user", "More.")]});
    let item = message("user", "Go on.").to_string().len() as u64;
    let add = |list: &mut Value, more: Value| list.as_array_mut().unwrap().push(more);
    let with = |change: &dyn Fn(&mut Value)| {
        let mut body = base.clone();
        change(&mut body);
        alone(&body)
    };
    let head = r#"{"name":"a"}"#.len() as u64;
    let all = head + 8;
    let table: [Case<'_>; 7] = [
        (&|body| body["model"] = json!("n"), Place::Model, 0),
        (
            &|body| body["tools"] = json!([]),
            Place::Tool("a".to_owned()),
            0,
        ),
        (
            &|body| add(&mut body["tools"], json!({"name": "b"})),
            Place::Tool("b".to_owned()),
            head,
        ),
        (
            &|body| body["instructions"] = json!("Be bad."),
            Place::Instructions,
            head + 3,
        ),
        (
            &|body| body["input"][1] = message("user", "Most."),
            Place::Item(1),
            all + item + 2,
        ),
        (
            &|body| body["input"] = json!([message("user", "Go on.")]),
            Place::Item(1),
            all + item,
        ),
        (&|_| (), Place::Nothing, all + 2 * item - 1),
    ];
    let before = alone(&base);
    for (change, place, byte) in table {
        let after = with(change);
        let found = Break::between((&before, used(5_000, 0)), (&after, used(6_000, 1_024)));
        // 4 992 is what 5 000 are in steps of 128.
        assert_eq!(
            found,
            Some(Break {
                place,
                byte,
                lost: 3_968
            })
        );
    }
    let longer = with(&|body| add(&mut body["input"], message("user", "And.")));
    assert_eq!(
        Break::between((&before, used(5_000, 0)), (&longer, used(6_000, 4_992))),
        None
    );
    // A warm-up after the conversation was resumed: what follows is yet to come.
    let warm_up = alone(&json!({"model": base["model"], "input": []}));
    assert_eq!(
        Break::between((&before, used(5_000, 0)), (&warm_up, used(6_000, 1_024))),
        None
    );
    // One step less than could be is no loss: it depends on where the provider cut.
    let almost = (&longer, used(6_000, 4_992 - 128));
    assert_eq!(Break::between((&before, used(5_000, 0)), almost), None);
    assert_eq!(
        Break::between((&before, used(900, 0)), (&longer, used(950, 0))),
        None
    );
}

#[test]
fn a_context_is_told_by_what_fills_it() {
    let whole = alone(
        &json!({"instructions": "x".repeat(100), "tools": [{"name": "exec"}],
        "input": [message("user", &"y".repeat(500)), call("c", "ls"), output("c", &"z".repeat(2_000)),
            {"type": "reasoning", "summary": [], "encrypted_content": "abcd"}]}),
    );
    let shares = fill(&whole, Some(1_000));
    let told: Vec<_> = shares
        .iter()
        .map(|it| (it.content, it.name.as_str(), it.count))
        .collect();
    let expected = [
        (Content::Outputs, "exec", 1),
        (Content::Messages, "user", 1),
        (Content::Instructions, "", 1),
        (Content::Calls, "exec", 1),
        (Content::Reasoning, "", 1),
        (Content::Tools, "exec", 1),
    ];
    assert_eq!(told, expected);
    assert_eq!(shares.iter().map(|it| it.tokens).sum::<u64>(), 1_000);
    let bytes: u64 = shares.iter().map(|it| it.bytes).sum();
    let estimate: u64 = fill(&whole, None).iter().map(|it| it.tokens).sum();
    assert_eq!(estimate, bytes.div_ceil(4));
    assert_eq!(whole.encrypted(), 4);
}

#[test]
fn rate_limits_are_read_from_fields_and_messages() {
    let mut flow = turn("1", &json!({}), "r", &[]);
    let field = |name: &str, value: &'static str| Field {
        name: name.to_owned(),
        value: FieldValue::Plain(http::HeaderValue::from_static(value)),
    };
    flow.response.head = Some(ResponseHead {
        status: 200,
        version: http::Version::HTTP_11,
        fields: vec![
            field("X-Codex-Primary-Used-Percent", "12.5"),
            field("x-codex-primary-window-minutes", "300"),
            field("x-codex-primary-reset-at", "1795000000"),
            field("x-codex-secondary-used-percent", "lots"),
            field("x-spark-primary-used-percent", "3"),
        ],
    });
    let before = windows(&flow);
    let told: Vec<_> = before
        .iter()
        .map(|it| (it.name.as_str(), it.used))
        .collect();
    assert_eq!(told, [("codex primary", 1_250), ("spark primary", 300)]);
    assert_eq!(
        (before[0].minutes, before[0].resets),
        (Some(300), Some(1_795_000_000))
    );

    let text = json!({"type": "codex.rate_limits", "rate_limits": {"primary":
        {"used_percent": 14, "window_minutes": 300, "reset_at": 1_795_000_000}, "secondary": null}});
    flow.frames.push(crate::flow::Frame {
        at: At::default(),
        dir: crate::tap::Direction::In,
        op: crate::flow::Op::Text,
        wire: 0,
        len: 0,
        span: flow.response.body.push(text.to_string().as_bytes()),
        is_compressed: false,
        is_final: true,
        event: Some(crate::responses::EventKind::RateLimits),
        ordinal: None,
        fault: None,
    });
    let after = windows(&flow);
    assert_eq!(after[0].used, 1_400, "the message came later");
    let [primary, spark] = burnt(&before, &after).try_into().unwrap();
    assert_eq!(primary, ("codex primary".to_owned(), 150));
    assert_eq!(spark, ("spark primary".to_owned(), 0));
    let mut anew = after.clone();
    anew[0].resets = Some(1_795_018_000);
    assert_eq!(burnt(&after, &anew), [("spark primary".to_owned(), 0)]);
}
