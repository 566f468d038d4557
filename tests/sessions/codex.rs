//! A made-up Codex and upstream, which know what they meant and what they reported.

use codextap::tap::Direction;
use serde_json::{Value, json};

use crate::wire::Wire;

/// What Codex does next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Step {
    /// A prompt that is answered at once.
    Prompt,
    /// A prompt that is answered after a tool was called.
    Tool,
    /// A prompt whose first attempt ends with an error, its second with a lost connection.
    Retried,
    /// A prompt that fails for good, tokens and all.
    Failed,
    /// A socket that is closed between two prompts.
    Reconnect,
    /// From here on the upstream refuses WebSockets.
    Fallback,
    /// The context is replaced by a summary of it.
    Compact,
    /// A sub-agent is spawned and answers.
    Spawn,
}

/// One of each, so that nothing is left out.
pub(crate) const ALL: [Step; 8] = [
    Step::Prompt,
    Step::Tool,
    Step::Retried,
    Step::Failed,
    Step::Reconnect,
    Step::Compact,
    Step::Spawn,
    Step::Fallback,
];

/// What a flow meant: the whole input, in the order in which flows began.
#[derive(Debug)]
pub(crate) struct Meant {
    pub(crate) input: Vec<Value>,
    pub(crate) is_compacted: bool,
}

/// What was asked and reported in all.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct Totals {
    pub(crate) turns: u64,
    pub(crate) warm_ups: u64,
    pub(crate) compactions: u64,
    pub(crate) retries: u64,
    pub(crate) errors: u64,
    /// Input, cached, output and reasoning tokens.
    pub(crate) tokens: [u64; 4],
}

/// Codex and the upstream, and what is between them.
pub(crate) struct Codex<W> {
    pub(crate) wire: W,
    pub(crate) meant: Vec<Meant>,
    pub(crate) totals: Totals,
    /// Numbers for whatever needs a name of its own.
    next: u64,
    /// Whether the upstream refuses WebSockets.
    is_refused: bool,
}

/// A conversation.
pub(crate) struct Thread {
    id: String,
    parent: Option<String>,
    agent: String,
    /// All that was said: the input of the next request.
    history: Vec<Value>,
    /// How much of it the upstream has, on the socket.
    told: usize,
    previous: Option<String>,
    window: u32,
    turn: String,
    socket: Option<usize>,
    is_over_http: bool,
    is_warm: bool,
}

/// How the upstream ends a response.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Completed,
    Failed,
    Error,
    Lost,
}

pub(crate) const SESSION: &str = "session-1";

impl<W: Wire> Codex<W> {
    pub(crate) fn new(wire: W) -> Self {
        Self {
            wire,
            meant: Vec::new(),
            totals: Totals::default(),
            next: 0,
            is_refused: false,
        }
    }

    /// Does it all, and closes what is open.
    pub(crate) fn play(&mut self, steps: &[Step]) {
        let mut main = self.thread("/root", None);
        main.history = vec![
            message("developer", "You are Codex."),
            message(
                "user",
                "<environment_context><cwd>/home/dev</cwd></environment_context>",
            ),
        ];
        for step in steps {
            self.step(&mut main, *step);
        }
        self.close(&mut main, Direction::Out);
    }

    fn thread(&mut self, agent: &str, parent: Option<&Thread>) -> Thread {
        let id = match parent {
            None => SESSION.to_owned(),
            Some(_) => self.name("thread"),
        };
        Thread {
            id,
            parent: parent.map(|parent| parent.id.clone()),
            agent: agent.to_owned(),
            history: Vec::new(),
            told: 0,
            previous: None,
            window: 0,
            turn: String::new(),
            socket: None,
            is_over_http: false,
            is_warm: false,
        }
    }

    fn step(&mut self, thread: &mut Thread, step: Step) {
        let text = self.name("Do");
        match step {
            Step::Reconnect => return self.close(thread, Direction::Out),
            Step::Fallback => {
                self.is_refused = true;
                return self.close(thread, Direction::Out);
            }
            Step::Compact => return self.compact(thread),
            Step::Prompt | Step::Tool | Step::Retried | Step::Failed | Step::Spawn => {}
        }
        thread.turn = self.name("turn");
        thread.history.push(message("user", &text));
        let answer = message("assistant", &format!("{text}: done."));
        match step {
            Step::Tool => {
                let call = self.call(thread, "exec", "ls");
                thread.history.push(output(&call, "a b c"));
            }
            Step::Retried => {
                self.attempt(thread, "turn", &[], End::Error);
                self.attempt(thread, "turn", std::slice::from_ref(&answer), End::Lost);
            }
            Step::Failed => {
                self.totals.errors += 1;
                self.ask(thread, "turn", &[], End::Failed);
                return;
            }
            Step::Spawn => {
                let call = self.call(thread, "spawn_agent", "look around");
                let mut agent = self.thread("/root/scout", Some(thread));
                agent.history = vec![message("developer", "You are a scout.")];
                self.step(&mut agent, Step::Tool);
                self.close(&mut agent, Direction::Out);
                thread.history.push(output(&call, "nothing there"));
            }
            _ => {}
        }
        self.ask(thread, "turn", &[answer], End::Completed);
    }

    /// A response that calls a tool.
    fn call(&mut self, thread: &mut Thread, tool: &str, input: &str) -> String {
        let (id, call) = (self.name("call"), self.name("fc"));
        let reasoning = json!({"type": "reasoning", "id": self.name("rs"), "summary": [],
            "encrypted_content": "c2VhbGVk"});
        let item = json!({"type": "function_call", "id": call, "name": tool, "arguments": input,
            "call_id": id, "status": "completed"});
        self.ask(thread, "turn", &[reasoning, item], End::Completed);
        id
    }

    fn compact(&mut self, thread: &mut Thread) {
        thread.turn = self.name("turn");
        let kept = thread.history.clone();
        thread.history.push(json!({"type": "compaction_trigger"}));
        let summary = json!({"type": "compaction", "id": self.name("cmp"),
            "encrypted_content": self.name("sealed")});
        self.totals.compactions += 1;
        self.totals.retries += self.refusals(thread);
        self.request(
            thread,
            "compaction",
            std::slice::from_ref(&summary),
            End::Completed,
        );
        thread.history = kept.into_iter().take(2).chain([summary]).collect();
        (thread.told, thread.previous) = (0, None);
        thread.window += 1;
    }

    /// A turn of its own.
    fn ask(&mut self, thread: &mut Thread, purpose: &str, output: &[Value], end: End) {
        self.totals.turns += 1;
        self.totals.retries += self.refusals(thread);
        self.request(thread, purpose, output, end);
    }

    /// A turn that is asked for again.
    fn attempt(&mut self, thread: &mut Thread, purpose: &str, output: &[Value], end: End) {
        self.totals.retries += 1 + self.refusals(thread);
        self.request(thread, purpose, output, end);
    }

    /// How many handshakes will be refused before the next request.
    fn refusals(&self, thread: &Thread) -> u64 {
        u64::from(self.is_refused && !thread.is_over_http && thread.socket.is_none())
    }

    /// Asks for a response, over whatever there is.
    fn request(&mut self, thread: &mut Thread, purpose: &str, output: &[Value], end: End) {
        if thread.socket.is_none() && !thread.is_over_http {
            self.connect(thread);
        }
        let id = self.name("resp");
        self.meant.push(Meant {
            input: thread.history.clone(),
            is_compacted: thread.window > 0,
        });
        let events = self.events(&id, output, end, purpose != "prewarm");
        if let Some(socket) = thread.socket {
            let mut body = body(thread, purpose, &thread.history[thread.told..]);
            body["type"] = json!("response.create");
            if let Some(previous) = &thread.previous {
                body["previous_response_id"] = json!(previous);
            }
            if purpose == "prewarm" {
                body["generate"] = json!(false);
            }
            self.wire.converse(socket, &body, &events);
        } else {
            let body = body(thread, purpose, &thread.history);
            let is_lost = end == End::Lost;
            self.wire.post(&fields(thread), &body, &events, is_lost);
        }
        if end == End::Completed {
            thread.history.extend_from_slice(output);
            (thread.told, thread.previous) = (thread.history.len(), Some(id));
        } else {
            // Codex leaves a socket on which something failed.
            let is_lost = end == End::Lost;
            let first = if is_lost {
                Direction::In
            } else {
                Direction::Out
            };
            self.close(thread, first);
        }
    }

    /// Opens a socket and warms it up, or is refused.
    fn connect(&mut self, thread: &mut Thread) {
        thread.socket = self.wire.upgrade(&fields(thread), self.is_refused);
        thread.is_over_http = thread.socket.is_none();
        if thread.is_over_http {
            return;
        }
        // Only the first socket of a thread is warmed up.
        if !std::mem::replace(&mut thread.is_warm, true) {
            let turn = std::mem::take(&mut thread.turn);
            let history = std::mem::take(&mut thread.history);
            self.totals.warm_ups += 1;
            self.request(thread, "prewarm", &[], End::Completed);
            (thread.turn, thread.history, thread.told) = (turn, history, 0);
        }
    }

    /// Ends the socket, if there is one; `first` says who does.
    fn close(&mut self, thread: &mut Thread, first: Direction) {
        (thread.told, thread.previous) = (0, None);
        if let Some(socket) = thread.socket.take() {
            self.wire.close(socket, first);
        }
    }

    /// What the upstream answers, and takes note of.
    fn events(&mut self, id: &str, output: &[Value], end: End, is_answer: bool) -> Vec<Value> {
        let response = json!({"id": id, "model": "gpt-5.5", "output": []});
        let mut events = vec![json!({"type": "response.created", "response": response})];
        for (at, item) in output.iter().enumerate() {
            events.push(
                json!({"type": "response.output_item.added", "output_index": at, "item": item}),
            );
            if end == End::Completed {
                events.push(
                    json!({"type": "response.output_item.done", "output_index": at, "item": item}),
                );
            }
        }
        self.next += 1;
        let input = 2_000 + self.next;
        let tokens = [
            input,
            self.next % 7 * 128,
            u64::from(is_answer) * self.next,
            self.next % 5,
        ];
        let usage = json!({"input_tokens": input, "output_tokens": tokens[2],
            "input_tokens_details": {"cached_tokens": tokens[1]},
            "output_tokens_details": {"reasoning_tokens": tokens[3]},
            "total_tokens": input + tokens[2]});
        let error = json!({"code": "server_error", "message": "no"});
        match end {
            End::Completed => {
                let mut response = response;
                response["usage"] = usage;
                events.push(json!({"type": "response.completed", "response": response}));
            }
            End::Failed => {
                let response = json!({"id": id, "usage": usage, "error": error});
                events.push(json!({"type": "response.failed", "response": response}));
            }
            End::Error => events.push(json!({"type": "error", "status": 500, "error": error})),
            End::Lost => {}
        }
        if matches!(end, End::Completed | End::Failed) {
            for (sum, tokens) in self.totals.tokens.iter_mut().zip(tokens) {
                *sum += tokens;
            }
        }
        events
    }

    fn name(&mut self, of: &str) -> String {
        self.next += 1;
        format!("{of}-{}", self.next)
    }
}

/// What the fields of a request tell of who asks.
fn fields(thread: &Thread) -> [(&'static str, &str); 2] {
    [("session-id", SESSION), ("thread-id", &thread.id)]
}

/// A request for a response.
fn body(thread: &Thread, purpose: &str, input: &[Value]) -> Value {
    let source = if thread.parent.is_some() {
        "subagent"
    } else {
        "user"
    };
    let mut told = json!({"session_id": SESSION, "thread_id": thread.id, "turn_id": thread.turn,
        "agent_name": thread.agent, "request_kind": purpose, "thread_source": source});
    if let Some(parent) = &thread.parent {
        told["parent_thread_id"] = json!(parent);
        told["subagent_kind"] = json!("thread_spawn");
    }
    json!({"model": "gpt-5.5", "stream": true, "input": input, "client_metadata": {
        "session_id": SESSION, "thread_id": thread.id, "turn_id": thread.turn,
        "x-codex-window-id": format!("{}:{}", thread.id, thread.window),
        "x-codex-turn-metadata": told.to_string(),
    }})
}

fn message(role: &str, text: &str) -> Value {
    let kind = if role == "assistant" {
        "output_text"
    } else {
        "input_text"
    };
    json!({"type": "message", "role": role, "content": [{"type": kind, "text": text}]})
}

fn output(call: &str, text: &str) -> Value {
    json!({"type": "function_call_output", "call_id": call, "output": text})
}
