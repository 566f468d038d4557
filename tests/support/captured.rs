//! A capture, held against the bytes that passed.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use jiff::Timestamp;
use ring::digest::{SHA256, digest};
use serde_json::{Value, json};

use super::codex_run::{Run, Version};
use super::fake_upstream::frames::{self, CLOSE, Frame, PING, PONG, TEXT};
use super::fake_upstream::script::{COMMAND, COMMENTARY, FINAL_TEXT, SUMMARIES, USAGE};
use super::wire_log::Exchange;

/// What no file may tell of a run: keys, tokens, accounts and what routes a turn.
pub(crate) const SECRETS: [&str; 4] = [
    "sk-test-not-a-real-key",
    ".c2ln",
    "acct-test-0001",
    "state-of-this-turn",
];

/// The lines of a capture.
#[derive(Debug)]
pub(crate) struct Capture {
    text: String,
    mode: u32,
    lines: Vec<Value>,
}

impl Capture {
    /// Reads a file of one JSON object per line.
    pub(crate) fn read(file: &Path) -> Self {
        let text = fs::read_to_string(file).unwrap();
        assert!(text.ends_with('\n'), "the last line is not whole");
        let lines = text
            .lines()
            .map(|line| serde_json::from_str(line).expect(line))
            .collect();
        Self {
            mode: fs::metadata(file).unwrap().permissions().mode(),
            text,
            lines,
        }
    }

    /// No credential of a run is in the file, and nobody else can read it.
    pub(crate) fn assert_private(&self) {
        assert_eq!(self.mode & 0o777, 0o600);
        for secret in SECRETS {
            assert!(!self.text.contains(secret), "the capture tells {secret}");
        }
    }

    /// There is a line for every exchange and connection, with the fields that all lines have.
    pub(crate) fn assert_exchanges(&self, near: &[Exchange], upstream: &str) {
        let mut ids: Vec<_> = self
            .lines
            .iter()
            .map(|line| line["id"].as_str().unwrap())
            .collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), self.lines.len(), "ids repeat");

        let kept = self
            .lines
            .iter()
            .filter(|line| line["kind"] != "ws_turn")
            .map(|line| {
                let request = &line["request"];
                let asked = [&request["method"], &request["path"]].map(|it| it.as_str().unwrap());
                (
                    line["kind"].as_str().unwrap().to_owned(),
                    asked.join(" "),
                    status(line),
                )
            });
        let passed = near.iter().map(|exchange| {
            let kind = if exchange.is_handshake() {
                "ws"
            } else {
                "http"
            };
            (
                kind.to_owned(),
                exchange.asked(),
                u64::from(exchange.status()),
            )
        });
        assert_eq!(sorted(kept), sorted(passed));

        for line in &self.lines {
            assert_eq!(line["v"], 1);
            let [started, ended] = ["started", "ended"].map(|name| {
                let stamp = line[name]
                    .as_str()
                    .unwrap_or_else(|| panic!("no {name}: {line}"));
                stamp.parse::<Timestamp>().unwrap()
            });
            assert!(started <= ended, "{line}");
            assert!(
                line["client"].as_str().unwrap().starts_with("127.0.0.1:"),
                "{line}"
            );
            assert_eq!(line["upstream"], upstream);
            let path = line["request"]["path"]
                .as_str()
                .unwrap()
                .split('?')
                .next()
                .unwrap();
            let channel = match path {
                path if path.ends_with("/responses") => "model",
                path if path.ends_with("/models") => "models",
                _ => "backend",
            };
            assert_eq!(line["channel"], channel, "{path}");
        }
    }

    /// A model request over SSE is kept with all that was asked and answered.
    pub(crate) fn assert_stream(&self, exchange: &Exchange, run: Run) {
        let asked = exchange.request.json();
        let digest = hexadecimal(digest(&SHA256, &exchange.request.body).as_ref());
        let line = self.one(|line| line["request"]["sha256"] == digest.as_str());
        assert_eq!(line["kind"], "http");
        let request = &line["request"];
        assert_eq!(request["wire"], exchange.request.body.len());
        assert_eq!(
            request["coding"].as_str(),
            exchange.request.field("content-encoding")
        );
        assert_same_request(&request["body"], &asked);
        assert_identity(line, exchange, &asked, run);

        // Codex may hang up before it has read all that codextap passed on.
        let passed = str::from_utf8(&exchange.response.body).unwrap();
        let (passed, _) = passed.split_at(passed.rfind("\n\n").unwrap() + 2);
        let kept = line["response"]["body"]
            .as_str()
            .expect("an SSE body is text");
        assert!(kept.starts_with(passed), "passed:\n{passed}\nkept:\n{kept}");
        let blocks = kept.matches("\n\n").count();
        assert_eq!(line["response"]["events"].as_array().unwrap().len(), blocks);
        let events = kept.lines().filter_map(|line| line.strip_prefix("data: "));
        assert_told(
            &events
                .map(|data| serde_json::from_str(data).unwrap())
                .collect::<Vec<_>>(),
            &asked,
        );
    }

    /// A refused upgrade is kept as a connection that never was, with the refusal's body.
    pub(crate) fn assert_refusal(&self, exchange: &Exchange) {
        let line = self.one(|line| line["kind"] == "ws");
        assert_eq!(line["frames"], json!([]));
        // Codex may hang up without reading the body.
        if exchange.response.whole {
            assert_eq!(line["response"]["body"], exchange.response.json());
        }
    }

    /// A WebSocket is kept as a connection and its turns, with every frame on one of them.
    pub(crate) fn assert_socket(&self, exchange: &Exchange, run: Run) {
        let (sent, received) = exchange.upgraded.as_ref().unwrap();
        let (sent, received) = (frames::all(sent), frames::all(received));
        let connection = self.one(|line| line["kind"] == "ws");
        let lines: Vec<_> = self
            .lines
            .iter()
            .filter(|line| line["ws"] == connection["id"])
            .collect();
        let of = |dir: &str| {
            let frames = lines
                .iter()
                .flat_map(|line| line["frames"].as_array().unwrap());
            frames
                .filter(|frame| frame["dir"] == dir)
                .cloned()
                .collect::<Vec<_>>()
        };
        let kept = |frame: &Value| {
            let shape = (
                frame["op"].to_string(),
                frame["len"].to_string(),
                frame["wire"].to_string(),
            );
            (shape, payload(frame["text"].as_str().unwrap_or_default()))
        };
        let passed = |frame: &Frame| {
            let op = json!(op(frame.opcode)).to_string();
            let shape = (op, frame.payload.len().to_string(), frame.wire.to_string());
            (shape, payload(str::from_utf8(&frame.payload).unwrap()))
        };
        assert_eq!(
            sorted(of("out").iter().map(kept)),
            sorted(sent.iter().map(passed))
        );
        assert_eq!(
            sorted(of("in").iter().map(kept)),
            sorted(received.iter().map(passed))
        );

        let requests: Vec<Value> = sent
            .iter()
            .filter(|frame| frame.opcode == TEXT)
            .map(|frame| serde_json::from_slice(&frame.payload).unwrap())
            .collect();
        let turns: Vec<_> = lines
            .iter()
            .filter(|line| line["kind"] == "ws_turn")
            .collect();
        assert_eq!(turns.len(), requests.len(), "one line per turn");
        for (number, (line, asked)) in turns.iter().zip(&requests).enumerate() {
            assert_eq!(line["number"], number + 1);
            assert_identity(line, exchange, asked, run);
            assert_same_request(&line["request"]["body"], asked);
            let frames = line["frames"].as_array().unwrap();
            let times: Vec<_> = frames
                .iter()
                .map(|frame| frame["t"].as_u64().unwrap())
                .collect();
            assert!(times.is_sorted(), "{times:?}");
            let texts = frames
                .iter()
                .filter(|frame| frame["dir"] == "in" && frame["op"] == "text");
            let events: Vec<Value> = texts
                .map(|frame| serde_json::from_str(frame["text"].as_str().unwrap()).unwrap())
                .collect();
            assert_told(&events, asked);
            assert_eq!(line["response"]["body"], events.last().unwrap()["response"]);
        }
    }

    /// The only line that `is` says yes to.
    fn one(&self, is: impl Fn(&Value) -> bool) -> &Value {
        let mut found = self.lines.iter().filter(|line| is(line));
        let line = found.next().expect("a line is missing");
        assert!(found.next().is_none(), "more than one line");
        line
    }
}

/// What a run's events must tell, whichever transport kept them.
fn assert_told(events: &[Value], asked: &Value) {
    for (number, event) in events.iter().enumerate() {
        assert_eq!(event["sequence_number"], number, "{event}");
    }
    let last = events.last().expect("no events");
    assert_eq!(last["type"], "response.completed");
    let response = &last["response"];
    let output = response["output"].to_string();
    if asked["generate"] == false {
        assert_eq!(output, "[]");
        return;
    }
    assert_eq!(response["usage"]["input_tokens"], USAGE[0]);
    assert_eq!(response["usage"]["total_tokens"], USAGE[0] + USAGE[2]);
    let items = asked["input"].as_array().unwrap();
    let result = items
        .iter()
        .rfind(|item| item["type"].as_str().unwrap().ends_with("_output"));
    if let Some(result) = result {
        assert!(
            result.to_string().contains("42"),
            "the tool's output: {result}"
        );
        assert!(output.contains(FINAL_TEXT), "{output}");
    } else {
        assert!(
            output.contains(COMMENTARY) && output.contains(COMMAND),
            "{output}"
        );
        for summary in SUMMARIES {
            assert!(output.contains(&json!(summary).to_string()), "{output}");
        }
    }
}

/// The line names the session, thread and turn that Codex told.
fn assert_identity(line: &Value, exchange: &Exchange, asked: &Value, run: Run) {
    let field = |name: &str| exchange.request.field(name);
    match run.version {
        Version::V0_169 => {
            assert_eq!(line["session"].as_str(), field("session-id"), "{line}");
            assert_eq!(line["thread"].as_str(), field("thread-id"), "{line}");
            let turn = asked["client_metadata"]["turn_id"]
                .as_str()
                .filter(|it| !it.is_empty());
            assert_eq!(line["turn"].as_str(), turn, "{line}");
        }
        Version::V0_98 => assert_eq!(line["session"].as_str(), field("session_id"), "{line}"),
    }
}

/// Masks aside, the body that was kept is the body that passed.
fn assert_same_request(kept: &Value, passed: &Value) {
    for (name, value) in passed.as_object().unwrap() {
        if name != "client_metadata" {
            assert_eq!(&kept[name], value, "{name}");
        }
    }
    let [kept, passed] =
        [kept, passed].map(|body| body.as_object().unwrap().keys().collect::<Vec<_>>());
    assert_eq!(kept, passed, "members and their order");
}

/// A frame's text without what a capture masks.
fn payload(text: &str) -> String {
    match serde_json::from_str::<Value>(text) {
        Ok(Value::Object(mut message)) => {
            message.remove("client_metadata");
            Value::Object(message).to_string()
        }
        _ => text.to_owned(),
    }
}

/// How captures spell an opcode.
fn op(opcode: u8) -> &'static str {
    match opcode {
        TEXT => "text",
        CLOSE => "close",
        PING => "ping",
        PONG => "pong",
        other => panic!("unexpected opcode {other}"),
    }
}

fn status(line: &Value) -> u64 {
    line["response"]["status"].as_u64().unwrap_or_default()
}

fn sorted<T: Ord>(items: impl IntoIterator<Item = T>) -> Vec<T> {
    let mut items: Vec<T> = items.into_iter().collect();
    items.sort();
    items
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}
