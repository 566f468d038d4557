//! A small session of Codex, told to an app as the tap would tell it, with fixed times.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use codextap::app::{App, Capture, Effect, Msg, Options};
use codextap::filter::Names;
use codextap::flow::Recorder;
use codextap::responses::Prices;
use codextap::tap::{
    At, Direction, End, Event, ExchangeId, Failure, Kind, Phase, Redactor, RequestHead,
    ResponseHead, Side, fields,
};
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers, MouseEvent, MouseEventKind};
use http::{HeaderMap, HeaderName, HeaderValue, Version};
use serde_json::{Value, json};

/// 2026-11-20 14:05:03 UTC.
pub(crate) const START: At = At::from_micros(1_795_183_503_000_000);

/// An app, and the recorder that feeds it.
pub(crate) struct Scene {
    pub(crate) app: App,
    recorder: Recorder,
    redactor: Redactor,
    exchange: u64,
    ms: u64,
}

impl Scene {
    /// A proxy's screen without traffic.
    pub(crate) fn new() -> Self {
        Self::named(&[])
    }

    /// The same with saved filters.
    pub(crate) fn named(filters: &[(&str, &str)]) -> Self {
        let filters = filters.iter();
        let filters = filters.map(|(name, text)| ((*name).to_owned(), (*text).to_owned()));
        let filters: Names = filters.collect();
        let mut scene = Self::with(App::new(Options {
            filters: filters.into(),
            prices: Prices::built_in().unwrap().into(),
            listen: "127.0.0.1:8787".to_owned(),
            upstreams: "api.openai.com, chatgpt.com".to_owned(),
            capture: Some("/home/me/.local/state/codextap/2026-11-20.jsonl".to_owned()),
            ..Options::default()
        }));
        scene.app.status_mut().capture = Capture::Recording;
        scene
    }

    /// This app without traffic.
    pub(crate) fn with(mut app: App) -> Self {
        app.update(Msg::Tick(START));
        Self {
            app,
            recorder: Recorder::new(START, Redactor::off()),
            redactor: Redactor::off(),
            exchange: 0,
            ms: 0,
        }
    }

    /// A session over SSE and WebSocket that is over, with a failed and an incomplete turn.
    pub(crate) fn finished() -> Self {
        let mut scene = Self::new();
        scene.side_channel();
        scene.streamed_turn("Why does the parser drop the last line?", "main", true);
        scene.refused();
        scene.socket(true);
        scene.incomplete();
        scene.streamed_turn("Review the change of the parser", "review", true);
        scene.wait(7_300);
        scene
    }

    /// The same, with a turn that is still streaming.
    pub(crate) fn live() -> Self {
        let mut scene = Self::finished();
        scene.streamed_turn("Now write a test for it, please", "main", false);
        scene.wait(200);
        scene
    }

    /// Lets time pass.
    pub(crate) fn wait(&mut self, ms: u64) {
        self.ms += ms;
        let now = START.plus(Duration::from_millis(self.ms));
        self.app.update(Msg::Tick(now));
        self.app.update(Msg::Changed);
    }

    /// Presses keys: characters, or names in angle brackets (`<enter>`, `<esc>`, `<tab>`, `<c-d>`).
    pub(crate) fn press(&mut self, keys: &str) -> Vec<Effect> {
        let mut effects = Vec::new();
        let mut rest = keys;
        while let Some(first) = rest.chars().next() {
            let (name, after) = match rest.strip_prefix('<').and_then(|rest| rest.split_once('>')) {
                Some((name, after)) if !name.is_empty() => (name, after),
                _ => rest.split_at(first.len_utf8()),
            };
            rest = after;
            let (code, modifiers) = match name {
                "enter" => (KeyCode::Enter, KeyModifiers::NONE),
                "esc" => (KeyCode::Esc, KeyModifiers::NONE),
                "up" => (KeyCode::Up, KeyModifiers::NONE),
                "down" => (KeyCode::Down, KeyModifiers::NONE),
                "left" => (KeyCode::Left, KeyModifiers::NONE),
                "right" => (KeyCode::Right, KeyModifiers::NONE),
                "home" => (KeyCode::Home, KeyModifiers::NONE),
                "end" => (KeyCode::End, KeyModifiers::NONE),
                "pgup" => (KeyCode::PageUp, KeyModifiers::NONE),
                "pgdn" => (KeyCode::PageDown, KeyModifiers::NONE),
                "tab" => (KeyCode::Tab, KeyModifiers::NONE),
                "shift-tab" => (KeyCode::BackTab, KeyModifiers::SHIFT),
                "space" => (KeyCode::Char(' '), KeyModifiers::NONE),
                "backspace" => (KeyCode::Backspace, KeyModifiers::NONE),
                name => match name.strip_prefix("c-") {
                    Some(key) => (
                        KeyCode::Char(key.chars().next().unwrap()),
                        KeyModifiers::CONTROL,
                    ),
                    None => (
                        KeyCode::Char(name.chars().next().unwrap()),
                        KeyModifiers::NONE,
                    ),
                },
            };
            effects.extend(self.app.update(Msg::Key(KeyEvent::new(code, modifiers))));
        }
        effects
    }

    /// Searches the texts that are to be searched, as the loop would.
    pub(crate) fn search(&mut self) {
        for effect in self.app.recall() {
            if let Effect::SearchText(search) = effect {
                self.app.update(Msg::Hits(search.run()));
            }
        }
    }

    /// The scene with this news.
    pub(crate) fn told(mut self, texts: &[String]) -> Self {
        for text in texts {
            self.app.update(Msg::LoadNoted(text.clone()));
        }
        self
    }

    /// Does something with the mouse at a column and row.
    pub(crate) fn mouse(&mut self, kind: MouseEventKind, (column, row): (u16, u16)) {
        self.app.update(Msg::Mouse(MouseEvent {
            kind,
            column,
            row,
            modifiers: KeyModifiers::NONE,
        }));
    }

    /// `GET /v1/models`, answered.
    pub(crate) fn side_channel(&mut self) {
        self.request(
            "GET",
            "/v1/models?client_version=0.169.0",
            &[],
            &Value::Null,
        );
        self.pass(85);
        self.response(200, "application/json");
        self.data(Direction::In, br#"{"models":[{"slug":"gpt-5.1-codex"}]}"#);
        self.end();
        self.pass(400);
    }

    /// `GET /v1/files`, refused.
    pub(crate) fn failed_side_channel(&mut self) {
        self.request("GET", "/v1/files", &[], &Value::Null);
        self.pass(85);
        self.response(500, "text/plain");
        self.end();
        self.pass(400);
    }

    /// A turn over SSE: reasoning, a text with code, a tool call.
    pub(crate) fn streamed_turn(&mut self, text: &str, agent: &str, is_whole: bool) {
        let mut headers = vec![("session_id", "0195-session")];
        if agent != "main" {
            headers.push(("x-openai-subagent", agent));
        }
        self.request("POST", "/v1/responses", &headers, &create(text));
        self.pass(310);
        self.response(200, "text/event-stream; charset=utf-8");
        let events = events("resp_a1", if is_whole { 0 } else { 5 });
        for event in &events {
            let name = event["type"].as_str().unwrap();
            let block = format!("event: {name}\ndata: {event}\n\n");
            self.data(Direction::In, block.as_bytes());
            self.pass(140);
        }
        if is_whole {
            self.end();
            self.pass(900);
        }
    }

    /// One more event of the turn that streams.
    pub(crate) fn one_more_event(&mut self) {
        let event = json!({"type": "response.output_item.added", "output_index": 3, "item":
            {"type": "message", "id": "msg_2", "role": "assistant", "content": []}});
        self.data(Direction::In, format!("data: {event}\n\n").as_bytes());
        self.app.update(Msg::Changed);
    }

    /// A turn, then one that goes on from it: overloaded at first, then answered by another model,
    /// with the plan's limits told by both.
    pub(crate) fn retried(&mut self) {
        self.streamed_turn("Why does the parser drop the last line?", "main", true);
        let mut asked = create("Now write a test for it, please");
        asked["previous_response_id"] = json!("resp_a1");
        asked["instructions"] = json!("You are Codex, a coding agent.\nWork in large steps.");
        let overloaded = json!({"type": "response.failed", "response": {"id": "resp_o",
            "status": "failed", "error": {"code": "server_is_overloaded",
            "message": "The server is overloaded, please try again"}}});
        self.turn_with_limits(&asked, 30, &[overloaded]);
        let mut answered = events("resp_b1", 0);
        for event in &mut answered {
            if event["response"].is_object() {
                event["response"]["model"] = json!("gpt-5.1");
            }
        }
        let done = answered.last_mut().unwrap();
        done["response"]["usage"] = usage(21_400, 2_048, 402, 128);
        self.turn_with_limits(&asked, 82, &answered);
    }

    /// A turn over SSE that tells how much of the plan's limits is used, in percent.
    fn turn_with_limits(&mut self, asked: &Value, used: u64, events: &[Value]) {
        self.request(
            "POST",
            "/v1/responses",
            &[("session_id", "0195-session")],
            asked,
        );
        self.pass(310);
        self.response(200, "text/event-stream");
        let now = START.as_micros() / 1_000_000;
        let limits = json!({"type": "codex.rate_limits", "rate_limits": {
            "primary": {"used_percent": used, "window_minutes": 300, "reset_at": now + 7_200},
            "secondary": {"used_percent": 12, "window_minutes": 10_080, "reset_at": now + 400_000}}});
        for event in [&limits].into_iter().chain(events) {
            self.data(Direction::In, format!("data: {event}\n\n").as_bytes());
            self.pass(if event["type"] == "response.created" {
                2_400
            } else {
                90
            });
        }
        self.end();
        self.pass(700);
    }

    /// A turn over SSE whose request is not what the others are.
    pub(crate) fn changed_turn(&mut self, change: impl FnOnce(&mut Value)) {
        let mut body = create("And its tests?");
        change(&mut body);
        let headers = [("session_id", "0195-session")];
        self.request("POST", "/v1/responses", &headers, &body);
        self.pass(310);
        self.response(200, "text/event-stream");
        for event in events("resp_c1", 0) {
            self.data(Direction::In, format!("data: {event}\n\n").as_bytes());
            self.pass(140);
        }
        self.end();
        self.pass(900);
    }

    /// A turn that is refused with 429.
    pub(crate) fn refused(&mut self) {
        self.request("POST", "/v1/responses", &[], &create("And the first one?"));
        self.pass(95);
        self.response(429, "application/json");
        let error = json!({"error": {"type": "usage_limit_reached",
            "message": "The usage limit has been reached", "resets_in_seconds": 321}});
        self.data(Direction::In, error.to_string().as_bytes());
        self.end();
        self.pass(700);
    }

    /// A WebSocket handshake that is refused with this status.
    pub(crate) fn refused_upgrade(&mut self, status: u16) {
        self.request(
            "GET",
            "/v1/responses",
            &[("upgrade", "websocket")],
            &Value::Null,
        );
        self.pass(95);
        self.response(status, "text/plain");
        self.data(Direction::In, b"use HTTP instead\n");
        self.end();
        self.pass(700);
    }

    /// An upstream that cannot be reached.
    pub(crate) fn unreachable(&mut self) {
        self.request("POST", "/v1/responses", &[], &create("Anybody there?"));
        self.pass(5);
        self.tell(Kind::Failed(Failure {
            side: Side::Upstream,
            phase: Phase::Connect,
            message: "connect to api.openai.com:443: connection refused (os error 111)".to_owned(),
        }));
        self.response(502, "text/plain");
        self.data(Direction::In, b"codextap: cannot reach the upstream\n");
        self.end();
        self.pass(500);
    }

    /// A turn that hit the limit of output tokens.
    pub(crate) fn incomplete(&mut self) {
        self.request("POST", "/v1/responses", &[], &create("Explain everything"));
        self.pass(200);
        self.response(200, "text/event-stream");
        let delta = json!({"type": "response.output_text.delta", "item_id": "m", "output_index": 0,
            "content_index": 0, "delta": "In the beginning"});
        let done = json!({"type": "response.incomplete", "response": {"id": "resp_i",
            "status": "incomplete", "model": "gpt-5.1-codex",
            "incomplete_details": {"reason": "max_output_tokens"},
            "usage": usage(5_120, 4_096, 16, 0), "output": []}});
        for event in [delta, done] {
            self.data(Direction::In, format!("data: {event}\n\n").as_bytes());
            self.pass(150);
        }
        self.end();
        self.pass(800);
    }

    /// A WebSocket connection with two turns, closed by Codex, or still open.
    pub(crate) fn socket(&mut self, is_closed: bool) {
        self.exchange += 1;
        self.tell_opened();
        let upgrade = [("upgrade", "websocket"), ("session_id", "0195-session")];
        let head = self.head("GET", "/v1/responses", &upgrade);
        self.tell(Kind::Request(head));
        self.pass(120);
        let fields = self.fields(&[("upgrade", "websocket")]);
        self.tell(Kind::Response(ResponseHead {
            status: 101,
            version: Version::HTTP_11,
            fields,
        }));
        self.tell(Kind::Upgraded);
        for (number, text) in ["List the files of the crate", "日本語で説明してください 🙂"]
            .iter()
            .enumerate()
        {
            let mut create = create(text);
            create["type"] = json!("response.create");
            self.frame(Direction::Out, 1, create.to_string().as_bytes());
            self.pass(280);
            for event in events(&format!("resp_w{number}"), 0) {
                self.frame(Direction::In, 1, event.to_string().as_bytes());
                self.pass(60);
            }
            self.pass(400);
        }
        self.frame(Direction::In, 9, b"hb");
        self.frame(Direction::Out, 10, b"hb");
        if is_closed {
            self.pass(1_200);
            self.frame(Direction::Out, 8, &1000u16.to_be_bytes());
            self.frame(Direction::In, 8, &1000u16.to_be_bytes());
            self.end();
        }
        self.pass(300);
    }

    fn request(
        &mut self,
        method: &str,
        target: &str,
        pairs: &[(&'static str, &str)],
        body: &Value,
    ) {
        self.exchange += 1;
        self.tell_opened();
        let head = self.head(method, target, pairs);
        self.tell(Kind::Request(head));
        if !body.is_null() {
            self.data(Direction::Out, body.to_string().as_bytes());
        }
        self.tell(Kind::Ended {
            dir: Direction::Out,
            how: End::Complete,
        });
    }

    fn tell_opened(&mut self) {
        self.tell(Kind::Opened {
            connection: 1,
            client: "127.0.0.1:50000".parse().unwrap(),
            upstream: Arc::from("https://api.openai.com"),
        });
    }

    fn head(&self, method: &str, target: &str, pairs: &[(&'static str, &str)]) -> RequestHead {
        RequestHead {
            method: method.to_owned(),
            target: target.to_owned(),
            version: Version::HTTP_11,
            fields: self.fields(pairs),
        }
    }

    fn fields(&self, pairs: &[(&'static str, &str)]) -> Vec<codextap::tap::Field> {
        let mut map = HeaderMap::new();
        for (name, value) in pairs {
            map.append(
                HeaderName::from_static(name),
                HeaderValue::from_str(value).unwrap(),
            );
        }
        fields(&map, &self.redactor)
    }

    fn response(&mut self, status: u16, kind: &str) {
        let fields = self.fields(&[("content-type", kind)]);
        self.tell(Kind::Response(ResponseHead {
            status,
            version: Version::HTTP_11,
            fields,
        }));
    }

    fn data(&mut self, dir: Direction, bytes: &[u8]) {
        self.tell(Kind::Data {
            dir,
            bytes: Bytes::copy_from_slice(bytes),
        });
    }

    /// A frame; masked with zeros, which change nothing, when it comes from Codex (RFC 6455 §5.3).
    fn frame(&mut self, dir: Direction, opcode: u8, payload: &[u8]) {
        let mut bytes = vec![0x80 | opcode];
        let mask = if dir == Direction::Out { 0x80 } else { 0 };
        if payload.len() < 126 {
            bytes.push(mask | payload.len() as u8);
        } else {
            bytes.push(mask | 0x7e);
            bytes.extend_from_slice(&(payload.len() as u16).to_be_bytes());
        }
        if mask > 0 {
            bytes.extend_from_slice(&[0; 4]);
        }
        bytes.extend_from_slice(payload);
        self.data(dir, &bytes);
    }

    pub(crate) fn end(&mut self) {
        for dir in [Direction::Out, Direction::In] {
            self.tell(Kind::Ended {
                dir,
                how: End::Complete,
            });
        }
    }

    fn pass(&mut self, ms: u64) {
        self.ms += ms;
    }

    fn tell(&mut self, kind: Kind) {
        let event = Event {
            exchange: ExchangeId(self.exchange),
            at: START.plus(Duration::from_millis(self.ms)),
            kind,
        };
        self.recorder.apply(self.app.store_mut(), event);
    }
}

/// What Codex asks.
fn create(text: &str) -> Value {
    json!({
        "model": "gpt-5.1-codex",
        "instructions": "You are Codex, a coding agent.\nWork in small steps and test each.",
        "input": [
            {"type": "message", "role": "developer", "content": [
                {"type": "input_text", "text": "<permissions>read-only</permissions>"}]},
            {"type": "message", "role": "user", "content": [
                {"type": "input_text", "text": text}]},
        ],
        "tools": [
            {"type": "function", "name": "exec_command", "parameters": {"type": "object",
                "properties": {"cmd": {"type": "string"}}}},
            {"type": "custom", "name": "apply_patch"},
            {"type": "web_search"},
        ],
        "tool_choice": "auto",
        "reasoning": {"effort": "medium", "summary": "auto"},
        "text": {"verbosity": "low"},
        "stream": true,
        "store": false,
        "prompt_cache_key": "0195-session",
    })
}

fn usage(input: u64, cached: u64, output: u64, reasoning: u64) -> Value {
    json!({"input_tokens": input, "input_tokens_details": {"cached_tokens": cached},
        "output_tokens": output, "output_tokens_details": {"reasoning_tokens": reasoning},
        "total_tokens": input + output})
}

/// The events of a turn, without the last `missing`.
fn events(id: &str, missing: usize) -> Vec<Value> {
    let summary = "**Reading the parser**\n\nThe loop ends at the last newline, so text behind it \
        is never pushed. I should check `finish`.";
    let text = "The last line is dropped because `finish` is *never called*:\n\n```rust\n\
        fn finish(&mut self) -> Option<Frame> {\n    // The body may end without a newline.\n    \
        let rest = std::mem::take(&mut self.line);\n    \
        (!rest.is_empty()).then(|| Frame::new(\"data\", rest))\n}\n```\n\n\
        1. Call it when the body ends.\n2. Add a test without a final newline.\n";
    let arguments = r#"{"cmd":"cargo test parser"}"#;
    let reasoning = json!({"type": "reasoning", "id": "rs_1", "encrypted_content": "gAAAAABo",
        "summary": [{"type": "summary_text", "text": summary}]});
    let message = json!({"type": "message", "id": "msg_1", "role": "assistant",
        "status": "completed", "content": [{"type": "output_text", "text": text}]});
    let call = json!({"type": "function_call", "id": "fc_1", "call_id": "call_1",
        "name": "exec_command", "arguments": arguments, "status": "completed"});
    let model = "gpt-5.1-codex";
    let mut events = vec![
        json!({"type": "response.created", "response":
            {"id": id, "model": model, "status": "in_progress", "output": []}}),
        json!({"type": "response.output_item.added", "output_index": 0, "item":
            {"type": "reasoning", "id": "rs_1", "summary": []}}),
        json!({"type": "response.reasoning_summary_part.added", "item_id": "rs_1",
            "output_index": 0, "summary_index": 0, "part": {"type": "summary_text", "text": ""}}),
        json!({"type": "response.reasoning_summary_text.delta", "item_id": "rs_1",
            "output_index": 0, "summary_index": 0, "delta": summary}),
        json!({"type": "response.output_item.done", "output_index": 0, "item": reasoning}),
        json!({"type": "response.output_item.added", "output_index": 1, "item":
            {"type": "message", "id": "msg_1", "role": "assistant", "content": []}}),
        json!({"type": "response.content_part.added", "item_id": "msg_1", "output_index": 1,
            "content_index": 0, "part": {"type": "output_text", "text": ""}}),
    ];
    let cut = text.len() / 3;
    for piece in [&text[..cut], &text[cut..2 * cut], &text[2 * cut..]] {
        events.push(
            json!({"type": "response.output_text.delta", "item_id": "msg_1",
            "output_index": 1, "content_index": 0, "delta": piece}),
        );
    }
    events.extend([
        json!({"type": "response.output_item.done", "output_index": 1, "item": message}),
        json!({"type": "response.output_item.added", "output_index": 2, "item":
            {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "exec_command",
            "arguments": ""}}),
        json!({"type": "response.function_call_arguments.delta", "item_id": "fc_1",
            "output_index": 2, "delta": arguments}),
        json!({"type": "response.output_item.done", "output_index": 2, "item": call}),
        json!({"type": "response.completed", "response": {"id": id, "model": model,
            "status": "completed", "usage": usage(18_204, 16_896, 402, 128), "output": []}}),
    ]);
    events.truncate(events.len() - missing);
    events
}
