//! What the fake model answers: the events of one response, chosen by what the request offers.

use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::{Value, json};

/// What the model does with a turn.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Scenario {
    /// Answers at once.
    Text,
    /// Thinks in two parts and calls the shell, again until so many outputs stand in a request, and answers
    /// then.
    Tools(usize),
}

/// The last line that Codex prints in the end.
pub(crate) const FINAL_TEXT: &str = "The command printed a small number: 42.";
/// What the model says before its call.
pub(crate) const COMMENTARY: &str = "I will add the two numbers.";
/// What the model thinks.
pub(crate) const SUMMARIES: [&str; 2] =
    ["**Adding**\n\nThe shell can do it.", "**Calling**\n\nNow."];
/// What the model runs.
pub(crate) const COMMAND: &str = "echo $((40 + 2))";
/// Input, cached, output and reasoning tokens of every response but a prewarm.
pub(crate) const USAGE: [u64; 4] = [4321, 4096, 123, 45];

/// The names of the tools that a request offers, inside namespaces and input items as well.
pub(crate) fn tools(request: &Value) -> Vec<String> {
    let items = request["input"].as_array().into_iter().flatten();
    let mut waiting: Vec<&Value> = items.map(|item| &item["tools"]).collect();
    waiting.push(&request["tools"]);
    let mut names = Vec::new();
    while let Some(list) = waiting.pop() {
        for tool in list.as_array().into_iter().flatten() {
            names.extend(tool["name"].as_str().map(str::to_owned));
            waiting.push(&tool["tools"]);
        }
    }
    names
}

/// The events that answer `request`, whose thread has `tools`.
pub(crate) fn answer(scenario: Scenario, request: &Value, tools: &[String]) -> Vec<Value> {
    let mut script = Script::start(request);
    let items = request["input"].as_array().into_iter().flatten();
    let kinds = items.filter_map(|item| item["type"].as_str());
    let outputs = kinds.filter(|kind| kind.ends_with("_output")).count();
    if request["generate"] == Value::Bool(false) {
        return script.complete([4000, 0, 0, 0]);
    }
    match scenario {
        Scenario::Tools(due) if outputs < due => {
            script.reasoning();
            script.message(COMMENTARY, "commentary");
            script.call(tools);
        }
        Scenario::Text | Scenario::Tools(_) => script.message(FINAL_TEXT, "final_answer"),
    }
    script.complete(USAGE)
}

struct Script {
    response: Value,
    output: Vec<Value>,
    events: Vec<Value>,
}

impl Script {
    fn start(request: &Value) -> Self {
        let response = json!({
            "id": id("resp"), "object": "response", "created_at": 1_795_177_325,
            "status": "in_progress", "error": null, "incomplete_details": null,
            "model": request["model"], "output": [], "store": false, "usage": null,
            "previous_response_id": request["previous_response_id"],
        });
        let mut script = Self {
            response,
            output: Vec::new(),
            events: Vec::new(),
        };
        let response = script.response.clone();
        script.push("response.created", json!({"response": response}));
        script.push("response.in_progress", json!({"response": response}));
        script
    }

    fn reasoning(&mut self) {
        let (id, index) = (id("rs"), self.output.len());
        let item =
            json!({"id": id, "type": "reasoning", "encrypted_content": "c2VhbGVk", "summary": []});
        self.added(&item);
        for (part, text) in SUMMARIES.iter().enumerate() {
            let place = json!({"item_id": id, "output_index": index, "summary_index": part});
            let at = |name: &str, value: Value| with(place.clone(), &[(name, value)]);
            let whole = json!({"type": "summary_text", "text": text});
            let empty = json!({"type": "summary_text", "text": ""});
            self.push("response.reasoning_summary_part.added", at("part", empty));
            for piece in text.split_inclusive(' ') {
                self.push(
                    "response.reasoning_summary_text.delta",
                    at("delta", json!(piece)),
                );
            }
            self.push(
                "response.reasoning_summary_text.done",
                at("text", json!(text)),
            );
            self.push("response.reasoning_summary_part.done", at("part", whole));
        }
        let summary = SUMMARIES.map(|text| json!({"type": "summary_text", "text": text}));
        self.done(with(item, &[("summary", json!(summary))]));
    }

    fn message(&mut self, text: &str, phase: &str) {
        let (id, index) = (id("msg"), self.output.len());
        let item = json!({"id": id, "type": "message", "status": "in_progress",
            "role": "assistant", "content": [], "phase": phase});
        self.added(&item);
        let place = json!({"item_id": id, "output_index": index, "content_index": 0});
        let at = |name: &str, value: Value| with(place.clone(), &[(name, value)]);
        let part = |text: &str| json!({"type": "output_text", "annotations": [], "text": text});
        self.push("response.content_part.added", at("part", part("")));
        for piece in text.split_inclusive(' ') {
            self.push("response.output_text.delta", at("delta", json!(piece)));
        }
        self.push("response.output_text.done", at("text", json!(text)));
        self.push("response.content_part.done", at("part", part(text)));
        self.done(with(
            item,
            &[
                ("status", json!("completed")),
                ("content", json!([part(text)])),
            ],
        ));
    }

    /// Calls the shell the way this Codex offers it: as a function, or in a code cell.
    fn call(&mut self, tools: &[String]) {
        let offered = |name: &str| tools.iter().any(|tool| tool == name);
        let (prefix, kind, name, member, text, event) = if offered("exec_command") {
            let text = json!({"cmd": COMMAND}).to_string();
            let event = "response.function_call_arguments";
            (
                "fc",
                "function_call",
                "exec_command",
                "arguments",
                text,
                event,
            )
        } else {
            assert!(offered("exec"), "no way to run a command among {tools:?}");
            let text = format!(
                "text(await tools.exec_command({{cmd: {}}}));\n",
                json!(COMMAND)
            );
            let event = "response.custom_tool_call_input";
            ("ctc", "custom_tool_call", "exec", "input", text, event)
        };
        let (id, index) = (id(prefix), self.output.len());
        let item = json!({"id": id, "type": kind, "status": "in_progress", "name": name,
            member: "", "call_id": self::id("call")});
        self.added(&item);
        let place = json!({"item_id": id, "output_index": index});
        let at = |name: &str, value: &str| with(place.clone(), &[(name, json!(value))]);
        for piece in text.split_inclusive(' ') {
            self.push(&format!("{event}.delta"), at("delta", piece));
        }
        self.push(&format!("{event}.done"), at(member, &text));
        self.done(with(
            item,
            &[("status", json!("completed")), (member, json!(text))],
        ));
    }

    fn complete(mut self, [input, cached, output, reasoning]: [u64; 4]) -> Vec<Value> {
        let usage = json!({
            "input_tokens": input, "input_tokens_details": {"cached_tokens": cached},
            "output_tokens": output, "output_tokens_details": {"reasoning_tokens": reasoning},
            "total_tokens": input + output,
        });
        let items = json!(self.output);
        let changes = [
            ("status", json!("completed")),
            ("output", items),
            ("usage", usage),
        ];
        let response = with(self.response.clone(), &changes);
        self.push("response.completed", json!({"response": response}));
        self.events
    }

    fn added(&mut self, item: &Value) {
        let index = self.output.len();
        self.push(
            "response.output_item.added",
            json!({"output_index": index, "item": item}),
        );
    }

    fn done(&mut self, item: Value) {
        let index = self.output.len();
        self.push(
            "response.output_item.done",
            json!({"output_index": index, "item": item}),
        );
        self.output.push(item);
    }

    fn push(&mut self, kind: &str, mut members: Value) {
        let mut event = json!({"type": kind, "sequence_number": self.events.len()});
        event
            .as_object_mut()
            .unwrap()
            .append(members.as_object_mut().unwrap());
        self.events.push(event);
    }
}

fn with(mut item: Value, changes: &[(&str, Value)]) -> Value {
    for (name, value) in changes {
        item[*name] = value.clone();
    }
    item
}

/// An id that nothing else in this process has.
fn id(prefix: &str) -> String {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    format!("{prefix}_{:024x}", NEXT.fetch_add(1, Ordering::Relaxed))
}
