//! Flows as Codex makes them: a request of 30 KB and 50 events, seeded, and turns on one WebSocket.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use codextap::capture::line;
use codextap::flow::{Recorder, Store};
use codextap::tap::{
    At, Connection, Direction, End, Event, ExchangeId, Field, Kind, Redactor, RequestHead,
    ResponseHead, Value,
};
use http::{HeaderValue, Version};

/// How many different flows there are; every other one is one of them with another name and moment.
pub(crate) const KINDS: u64 = 16;
/// What the first of the [`KINDS`] is asked, and no other: it fails with this status.
pub(crate) const FAULT: &str = "Fault";
/// What the model wrote into the second of the [`KINDS`] alone.
pub(crate) const NEEDLE: &str = "zanzibar";
/// When the first flow began.
const START: u64 = 1_767_225_600_000_000;
const DAY: &str = "2026-01-";

/// The events of flow `number`, its moments `number` seconds after the start.
pub(crate) fn exchange(number: u64) -> Vec<Event> {
    let kind = number % KINDS;
    let start = START + number * 1_000_000;
    let mut events = Vec::new();
    let mut add = |micros: u64, kind: Kind| {
        let (exchange, at) = (ExchangeId(number + 1), At::from_micros(start + micros));
        events.push(Event { exchange, at, kind });
    };
    let client = std::net::SocketAddr::from(([127, 0, 0, 1], 50_000));
    let upstream = Arc::from("https://chatgpt.com");
    add(
        0,
        Kind::Opened {
            connection: 1,
            client,
            upstream,
        },
    );
    add(0, Kind::Request(request_head()));
    let bytes = Bytes::from(request(number));
    add(
        10,
        Kind::Data {
            dir: Direction::Out,
            bytes,
        },
    );
    let how = End::Complete;
    add(
        20,
        Kind::Ended {
            dir: Direction::Out,
            how,
        },
    );
    add(30, Kind::Connected(Connection::default()));
    let status = if kind == 0 { 429 } else { 200 };
    let media = if kind == 0 {
        "application/json"
    } else {
        "text/event-stream"
    };
    let version = Version::HTTP_11;
    let fields = fields(&[
        ("content-type", media),
        ("x-request-id", "req_0123456789abcdef"),
    ]);
    add(
        40,
        Kind::Response(ResponseHead {
            status,
            version,
            fields,
        }),
    );
    let chunks = if kind == 0 {
        vec![
            r#"{"error":{"type":"usage_limit_reached","message":"The limit was reached."}}"#
                .to_owned(),
        ]
    } else {
        answer(kind)
    };
    for (chunk, micros) in chunks.into_iter().zip(0..) {
        let bytes = Bytes::from(chunk);
        add(
            50_000 + micros * 10_000,
            Kind::Data {
                dir: Direction::In,
                bytes,
            },
        );
    }
    add(
        900_000,
        Kind::Ended {
            dir: Direction::In,
            how,
        },
    );
    events
}

/// The events of a connection with so many turns, numbered from `first`.
pub(crate) fn connection(number: u64, first: u64, turns: u64, take: impl FnMut(Event)) {
    let turns = (first..first + turns).map(|turn| (request(turn), answer(1 + turn % (KINDS - 1))));
    talk(number, first, turns, take);
}

/// The events of a connection with these requests and their answers.
fn talk(
    number: u64,
    first: u64,
    turns: impl Iterator<Item = (String, Vec<String>)>,
    mut take: impl FnMut(Event),
) {
    let start = START + first * 1_000_000;
    let exchange = ExchangeId(number + 1);
    let mut add = |micros: u64, kind: Kind| {
        take(Event {
            exchange,
            at: At::from_micros(start + micros),
            kind,
        });
    };
    let client = std::net::SocketAddr::from(([127, 0, 0, 1], 50_000));
    add(
        0,
        Kind::Opened {
            connection: 1,
            client,
            upstream: Arc::from("https://chatgpt.com"),
        },
    );
    let mut head = request_head();
    "GET".clone_into(&mut head.method);
    head.fields.retain(|field| field.name != "content-type");
    head.fields.extend(fields(&[
        ("connection", "Upgrade"),
        ("upgrade", "websocket"),
    ]));
    add(0, Kind::Request(head));
    add(
        5,
        Kind::Ended {
            dir: Direction::Out,
            how: End::Complete,
        },
    );
    let fields = fields(&[("connection", "Upgrade"), ("upgrade", "websocket")]);
    add(
        10,
        Kind::Response(ResponseHead {
            status: 101,
            version: Version::HTTP_11,
            fields,
        }),
    );
    add(11, Kind::Upgraded);
    let mut end = 0;
    for (text, answer) in turns {
        let at = end;
        end += 1_000_000.max(10_000 * answer.len() as u64 + 100_000);
        let text = format!("{{\"type\":\"response.create\",{}", &text[1..]);
        let bytes = frame(text.as_bytes(), true);
        add(
            at + 100,
            Kind::Data {
                dir: Direction::Out,
                bytes,
            },
        );
        for (event, micros) in answer.into_iter().zip(0..) {
            let data = event.split_once("data: ").unwrap().1.trim_end();
            let bytes = frame(data.as_bytes(), false);
            add(
                at + 50_000 + micros * 10_000,
                Kind::Data {
                    dir: Direction::In,
                    bytes,
                },
            );
        }
    }
    for dir in [Direction::In, Direction::Out] {
        add(
            end,
            Kind::Ended {
                dir,
                how: End::Complete,
            },
        );
    }
}

/// A text frame (RFC 6455, section 5.2); its mask, if it has one, is zero.
fn frame(text: &[u8], is_masked: bool) -> Bytes {
    let mask = if is_masked { 0x80 } else { 0 };
    let mut bytes = vec![0x81];
    if let Ok(len @ ..126) = u8::try_from(text.len()) {
        bytes.push(mask | len);
    } else if let Ok(len) = u16::try_from(text.len()) {
        bytes.push(mask | 0x7e);
        bytes.extend(len.to_be_bytes());
    } else {
        bytes.push(mask | 0x7f);
        bytes.extend((text.len() as u64).to_be_bytes());
    }
    if is_masked {
        bytes.extend([0; 4]);
    }
    bytes.extend_from_slice(text);
    bytes.into()
}

fn request_head() -> RequestHead {
    let session = "0199a000-0000-7000-8000-00000000002a";
    let lines = [
        ("host", "127.0.0.1:8787"),
        ("content-type", "application/json"),
        ("accept", "text/event-stream"),
        ("user-agent", "codex_cli_rs/0.169.0 (Linux; x86_64)"),
        ("originator", "codex_cli_rs"),
        ("session_id", session),
        ("thread_id", session),
        ("openai-beta", "responses=experimental"),
    ];
    RequestHead {
        method: "POST".to_owned(),
        target: "/backend-api/codex/responses".to_owned(),
        version: Version::HTTP_11,
        fields: fields(&lines),
    }
}

fn fields(lines: &[(&str, &str)]) -> Vec<Field> {
    let field = |(name, value): &(&str, &str)| Field {
        name: (*name).to_owned(),
        value: Value::Plain(HeaderValue::from_str(value).unwrap()),
    };
    lines.iter().map(field).collect()
}

/// A request of 30 KB.
fn request(number: u64) -> String {
    let kind = number % KINDS;
    let ask = if kind == 0 { FAULT } else { "Task" };
    let mut words = Words(kind + 1);
    format!(
        r#"{{"model":"gpt-5.5","instructions":"{}","input":[{{"type":"message","role":"developer","content":[{{"type":"input_text","text":"{}"}}]}},{{"type":"message","role":"user","content":[{{"type":"input_text","text":"{ask} {number:06}"}}]}}],"stream":true,"client_metadata":{{"session_id":"0199a000-0000-7000-8000-00000000002a","turn_id":"0199a000-0000-7000-8000-{kind:012}"}}}}"#,
        words.text(12_000),
        words.text(17_500),
    )
}

/// 50 events: a message in 44 deltas, and what is around it.
fn answer(kind: u64) -> Vec<String> {
    let mut words = Words(kind + 100);
    let mut events = Vec::new();
    let mut add = |name: &str, rest: &str| {
        let number = events.len();
        events.push(format!(
            "event: {name}\ndata: {{\"type\":\"{name}\",\"sequence_number\":{number},{rest}}}\n\n"
        ));
    };
    let response = r#""object":"response","created_at":1767225600,"model":"gpt-5.5","output":[]"#;
    add(
        "response.created",
        &format!(r#""response":{{"id":"resp_1","status":"in_progress",{response}}}"#),
    );
    add(
        "response.in_progress",
        &format!(r#""response":{{"id":"resp_1","status":"in_progress",{response}}}"#),
    );
    let item = r#""output_index":0,"item":{"id":"msg_1","type":"message","role":"assistant""#;
    add(
        "response.output_item.added",
        &format!(r#"{item},"status":"in_progress","content":[]}}"#),
    );
    let mut text = String::new();
    for number in 0..44 {
        let mut delta = words.text(24);
        if kind == 1 && number == 20 {
            let _ = write!(delta, " {NEEDLE} ");
        }
        text.push_str(&delta);
        add(
            "response.output_text.delta",
            &format!(
                r#""item_id":"msg_1","output_index":0,"content_index":0,"delta":"{delta}","logprobs":[],"obfuscation":"a1B2c3D4""#
            ),
        );
    }
    add(
        "response.output_text.done",
        &format!(
            r#""item_id":"msg_1","output_index":0,"content_index":0,"text":"{text}","logprobs":[]"#
        ),
    );
    add(
        "response.output_item.done",
        &format!(
            r#"{item},"status":"completed","content":[{{"type":"output_text","text":"{text}","annotations":[]}}]}}"#
        ),
    );
    add(
        "response.completed",
        &format!(
            r#""response":{{"id":"resp_1","status":"completed",{response},"usage":{{"input_tokens":7000,"input_tokens_details":{{"cached_tokens":6000}},"output_tokens":300,"output_tokens_details":{{"reasoning_tokens":64}},"total_tokens":7300}}}}"#
        ),
    );
    events
}

/// The events of a long turn: text and reasoning by turns, in bursts of eight deltas.
fn long_answer(count: u64) -> Vec<String> {
    let mut words = Words(7);
    let mut events = answer(2);
    let end = events.split_off(3);
    for number in 0..count.saturating_sub(50) {
        let (kind, rest) = match number / 8 % 2 {
            0 => ("output_text", r#""content_index":0"#),
            _ => ("reasoning_summary_text", r#""summary_index":0"#),
        };
        let name = format!("response.{kind}.delta");
        let delta = words.text(8);
        events.push(format!(
            "event: {name}\ndata: {{\"type\":\"{name}\",\"output_index\":0,{rest},\"delta\":\"{delta}\"}}\n\n"
        ));
    }
    events.extend(end);
    events
}

/// Writes a capture of a connection whose one turn has so many frames.
pub(crate) fn long(path: &Path, frames: u64) {
    let mut recorder = Recorder::new(At::from_micros(START), Redactor::off());
    let mut store = Store::default();
    let turn = (request(1), long_answer(frames));
    talk(0, 0, std::iter::once(turn), |event| {
        recorder.apply(&mut store, event);
    });
    let mut file = BufWriter::new(File::create(path).unwrap());
    for id in recorder.take_finished() {
        let mut text = line(store.get(id).unwrap(), &store).unwrap();
        if !text.ends_with(b"\n") {
            text.push(b'\n');
        }
        file.write_all(&text).unwrap();
    }
    file.flush().unwrap();
}

/// Words out of a seeded generator (xorshift).
struct Words(u64);

impl Words {
    fn text(&mut self, len: usize) -> String {
        let mut text = String::with_capacity(len + 12);
        while text.len() < len {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            for at in 0..2 + self.0 % 8 {
                text.push(char::from(b'a' + (self.0 >> (8 * at)) as u8 % 24));
            }
            text.push_str(if self.0.is_multiple_of(11) {
                ".\\n"
            } else {
                " "
            });
        }
        text
    }
}

/// Writes a capture of so many flows: the library's own lines of [`KINDS`] flows, with another name, moment
/// and question each time. Gives its length.
pub(crate) fn capture(path: &Path, flows: u64) -> u64 {
    let mut recorder = Recorder::new(At::from_micros(START), Redactor::off());
    let mut store = Store::default();
    let mut templates = Vec::new();
    for kind in 0..KINDS {
        for event in exchange(kind) {
            recorder.apply(&mut store, event);
        }
        let id = recorder.take_finished()[0];
        let flow = store.get(id).unwrap();
        let text = String::from_utf8(line(flow, &store).unwrap()).unwrap();
        templates.push(
            text.replace(&format!("\"{}\"", flow.name), "\"\u{1}n\u{1}\"")
                .replace(&format!("{DAY}01T00:00:{kind:02}"), "\u{1}t\u{1}")
                .replace(&format!(" {kind:06}"), " \u{1}q\u{1}"),
        );
    }
    let mut file = BufWriter::with_capacity(1 << 20, File::create(path).unwrap());
    let mut written = 0;
    for number in 0..flows {
        let mut text = String::with_capacity(64 << 10);
        for part in templates[(number % KINDS) as usize].split('\u{1}') {
            let _ = match part {
                "n" => write!(text, "scale-{number}"),
                "q" => write!(text, "{number:06}"),
                "t" => {
                    let (day, of_day) = (number / 86_400 + 1, number % 86_400);
                    let (hour, minute) = (of_day / 3600, of_day / 60 % 60);
                    write!(
                        text,
                        "{DAY}{day:02}T{hour:02}:{minute:02}:{:02}",
                        of_day % 60
                    )
                }
                part => {
                    text.push_str(part);
                    Ok(())
                }
            };
        }
        if !text.ends_with('\n') {
            text.push('\n');
        }
        written += text.len() as u64;
        file.write_all(text.as_bytes()).unwrap();
    }
    file.flush().unwrap();
    written
}
