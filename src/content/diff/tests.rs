use serde_json::{Value, json};

use super::super::tests::{at, flow, plain};
use super::*;
use crate::flow::sessions::{LogicalTurn, Sessions};
use crate::flow::{FlowKind, Store};
use crate::responses::{Identity, Prices, Turn};

/// A turn of thread `t` that began `ms` after the start with this request.
fn turn(ms: u64, request: &Value) -> Flow {
    let mut flow = flow(FlowKind::Http, "/v1/responses");
    flow.started = at(ms);
    flow.request.body.push(request.to_string().as_bytes());
    flow.turn = Some(Turn::default());
    flow.gist = request["input"].as_array().unwrap().len().to_string();
    flow.identity = Identity {
        thread: Some("t".to_owned()),
        ..Identity::default()
    };
    flow
}

fn said(role: &str, text: &str) -> Value {
    json!({"type": "message", "role": role, "content": [{"type": "input_text", "text": text}]})
}

/// What is shown of the second request, in so many columns.
fn shown(before: &Value, after: &Value, width: u16, folds: &Folds) -> String {
    let flows = [turn(0, before), turn(61_000, after)];
    let [one, other] = [0, 1].map(|at| Effective::of(&flows[at], |_| None).unwrap());
    let mut turn_before = logical(&flows[0]);
    if before["generate"] == json!(false) {
        turn_before.purpose = Purpose::WarmUp;
    }
    let around = Around {
        turn_before: Some(&turn_before),
        asked: Some(&other),
        asked_before: Some(&one),
        ..Around::default()
    };
    plain(&diff(&flows[1], &around, folds, width, &TimeZone::UTC))
}

fn logical(flow: &Flow) -> LogicalTurn {
    let mut store = Store::default();
    store.push(flow.clone());
    let mut sessions = Sessions::of(store.summaries(), &Prices::default());
    let mut threads = sessions.sessions.remove(0).threads;
    threads.remove(0).turns.remove(0)
}

fn request() -> Value {
    json!({
        "model": "gpt-a",
        "instructions": "Line one\nLine two\nLine three\nLine four\nLine five\nLine six\nBe terse\n",
        "tools": [
            {"type": "function", "name": "exec", "description": "Runs it"},
            {"type": "web_search"},
        ],
        "input": [said("developer", "rules"), said("user", "first question")],
    })
}

fn changed() -> Value {
    let mut after = request();
    after["model"] = json!("gpt-b");
    after["instructions"] = json!(
        "Line one\nLine two\nLine three\nLine four\nLine five\nLine six\nBe very terse\nAnd kind\n"
    );
    after["tools"][0]["description"] = json!("Runs this");
    after["tools"][1] = json!({"type": "custom", "name": "apply_patch"});
    after["input"]
        .as_array_mut()
        .unwrap()
        .push(said("user", "second question"));
    after
}

#[test]
fn narrow_it_is_a_unified_diff() {
    let text = shown(&request(), &changed(), 60, &Folds::default());
    assert_eq!(
        text,
        "turn before, 1 m 01 s earlier
− 14:05:03 2
+ 14:06:04 3

Settings 1
− model gpt-a
+ model gpt-b

Instructions +2 −1
  … 4 lines the same
  Line five
  Line six
− Be terse
+ Be very terse
+ And kind

Tools +1 ~1 −1
− exec 57 B
+ exec 59 B
  {
    \"type\": \"function\",
    \"name\": \"exec\",
−   \"description\": \"Runs it\"
+   \"description\": \"Runs this\"
  }
− web_search 21 B
+ apply_patch 38 B

Input +1
  … 2 items the same
+   2 user       second question
"
    );
}

#[test]
fn wide_both_stand_side_by_side() {
    let text = shown(&request(), &changed(), 110, &Folds::default());
    for row in [
        "− 14:05:03 2                                          │ + 14:06:04 3",
        "  Line six                                            │   Line six",
        "− Be terse                                            │ + Be very terse",
        "                                                      │ + And kind",
        "−   \"description\": \"Runs it\"                          │ +   \"description\": \"Runs this\"",
        "                                                      │ +   2 user       second question",
    ] {
        assert!(text.lines().any(|line| line == row), "{row}\n{text}");
    }
    let mut long = request();
    long["input"][1] = said("user", &"word ".repeat(20));
    let text = shown(&request(), &long, 110, &Folds::default());
    assert!(
        text.lines().all(|line| crate::text::width(line) <= 110),
        "{text}"
    );
    let words = |line: &str| line.matches("word").count();
    let said: usize = text.lines().map(words).sum();
    assert!(said >= 20, "{text}");
}

#[test]
fn an_item_that_came_is_all_behind_a_fold() {
    let mut folds = Folds::default();
    folds.toggle("diff/added/2");
    let text = shown(&request(), &changed(), 60, &folds);
    assert!(
        text.ends_with("second question\n    second question\n    JSON 91 B\n"),
        "{text}"
    );
}

#[test]
fn items_that_changed_or_went_are_told_with_those_between_counted() {
    let mut before = request();
    let item = |id: &str, text: &str| {
        let mut item = said("user", text);
        item["id"] = json!(id);
        item
    };
    before["input"] = json!([
        item("a", "one"),
        item("b", "two"),
        item("c", "three"),
        item("d", "four"),
        item("e", "five"),
    ]);
    let mut after = request();
    after["input"] = json!([
        item("a", "one"),
        item("b", "two again"),
        item("c", "three"),
        item("e", "five"),
        item("f", "six"),
    ]);
    let text = shown(&before, &after, 60, &Folds::default());
    let input = text.split_once("Input").unwrap().1;
    assert_eq!(
        input,
        " +1 ~1 −1
  … 1 item the same
−   1 user       two
+   1 user       two again
− two
+ two again
  … 1 item the same
−   3 user       four
  … 1 item the same
+   4 user       six

The same: settings, instructions, 2 tools
"
    );
}

#[test]
fn tools_are_counted_wherever_they_stand() {
    let mut warm_up = request();
    warm_up["generate"] = json!(false);
    let mut first = request();
    let tools = first.as_object_mut().unwrap().remove("tools").unwrap();
    let shell = json!({"type": "namespace", "name": "shell", "tools": [
        {"type": "function", "name": "wait"}, {"type": "function", "name": "kill"}]});
    let mut tools = tools.as_array().unwrap().clone();
    tools.push(shell.clone());
    let offer =
        |tools: &[Value]| json!({"type": "additional_tools", "role": "developer", "tools": tools});
    first["input"]
        .as_array_mut()
        .unwrap()
        .insert(0, offer(&tools));
    let text = shown(&warm_up, &first, 60, &Folds::default());
    assert!(text.starts_with("warm-up, 1 m 01 s earlier\n"), "{text}");
    assert!(text.contains("\nTools +1\n+ shell 113 B\n"), "{text}");

    let mut second = first.clone();
    second["input"]
        .as_array_mut()
        .unwrap()
        .push(said("user", "more"));
    let text = shown(&first, &second, 60, &Folds::default());
    assert!(
        text.ends_with("The same: settings, instructions, 4 tools\n"),
        "{text}"
    );
    tools[0]["description"] = json!("Runs this");
    second["input"][0] = offer(&tools);
    let text = shown(&first, &second, 60, &Folds::default());
    assert_eq!(text.matches("Runs this").count(), 1, "{text}");

    let flow = turn(0, &first);
    let asked = Effective::of(&flow, |_| None);
    let around = Around {
        asked: asked.as_ref(),
        ..Around::default()
    };
    let text = plain(&diff(&flow, &around, &Folds::default(), 60, &TimeZone::UTC));
    assert!(text.ends_with("is new: 3 items, 4 tools.\n"), "{text}");
}

#[test]
fn what_is_missing_is_said() {
    let mut continued = changed();
    continued["previous_response_id"] = json!("resp_0");
    let text = shown(&request(), &continued, 60, &Folds::default());
    assert!(
        text.contains("! this turn continues resp_0, which was not captured"),
        "{text}"
    );
    let alone = |flow: &Flow| {
        let asked = Effective::of(flow, |_| None);
        let around = Around {
            asked: asked.as_ref(),
            ..Around::default()
        };
        plain(&diff(flow, &around, &Folds::default(), 60, &TimeZone::UTC))
    };
    let table = [
        (
            turn(0, &request()),
            "No turn of its thread was captured before",
        ),
        (
            turn(0, &continued),
            "The turn before this one was not captured.",
        ),
        (
            Flow {
                identity: Identity::default(),
                ..turn(0, &request())
            },
            "The traffic tells no thread",
        ),
        (flow(FlowKind::Http, "/v1/models"), "Not a model turn"),
    ];
    for (flow, expected) in table {
        let text = alone(&flow);
        assert!(text.starts_with(expected), "{text}");
    }
}

#[test]
fn lines_are_paired_wherever_words_begin_and_end() {
    let table = [
        ("a\nb\n", "a\nb\nc\n", "=a =b +c"),
        ("a\nb", "a\nb\nc", "=a -b+b +c"),
        ("a\nb\nc\n", "a\nc\n", "=a -b =c"),
        ("a b\n", "a  b\n", "-a b+a  b"),
        ("", "x\ny\n", "+x +y"),
        ("x\ny\n", "", "-x -y"),
        ("one\n\ntwo\n", "one\ntwo\n", "=one - =two"),
    ];
    let text = |line: &Line| -> String { line.spans.iter().map(|it| it.text.as_str()).collect() };
    for (before, after, expected) in table {
        let told = pairs(&words(before, after))
            .into_iter()
            .map(|pair| match pair {
                Pair::Same(line) => format!("={}", text(&line)),
                Pair::Changed(old, new) => {
                    let old = old.map_or_else(String::new, |line| format!("-{}", text(&line)));
                    let new = new.map_or_else(String::new, |line| format!("+{}", text(&line)));
                    old + &new
                }
            });
        assert_eq!(
            told.collect::<Vec<_>>().join(" "),
            expected,
            "{before:?} {after:?}"
        );
    }
}
