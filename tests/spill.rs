//! Bodies that are too long for the memory: every byte is in the capture, and what comes back is bounded.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

#[path = "support/brief.rs"]
mod brief;
#[path = "spill/sockets.rs"]
mod sockets;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use brief::brief;
use bytes::Bytes;

use codextap::capture::{self, Existing, Recording, Shelf, Status as Written, Writer};
use codextap::content::{Around, Folds, Tab, payload};
use codextap::flow::{Flow, LIMIT, Recorder, Spill, Spills, Store};
use codextap::responses::Status;
use codextap::tap::{
    At, Direction, End, Event, ExchangeId, Kind, Redactor, RequestHead, ResponseHead, fields,
};
use http::{HeaderMap, HeaderName, HeaderValue, Version};
use proptest::prelude::*;
use serde_json::Value;

/// An exchange: a body each way, of these types, in parts of these sizes.
struct Exchange<'a> {
    request: (&'static str, &'a [u8]),
    response: (&'static str, &'a [u8]),
    parts: &'a [usize],
}

impl Exchange<'_> {
    fn events(&self) -> Vec<Event> {
        let head = |kind: &'static str| {
            let pair = (
                HeaderName::from_static("content-type"),
                HeaderValue::from_static(kind),
            );
            let map: HeaderMap = [pair].into_iter().collect();
            fields(&map, &Redactor::off())
        };
        let mut kinds = vec![
            Kind::Opened {
                connection: 1,
                client: "127.0.0.1:50000".parse().unwrap(),
                upstream: Arc::from("https://api.openai.com"),
            },
            Kind::Request(RequestHead {
                method: "POST".to_owned(),
                target: "/v1/responses".to_owned(),
                version: Version::HTTP_11,
                fields: head(self.request.0),
            }),
        ];
        kinds.extend(self.body(Direction::Out, self.request.1));
        kinds.push(Kind::Response(ResponseHead {
            status: 200,
            version: Version::HTTP_11,
            fields: head(self.response.0),
        }));
        kinds.extend(self.body(Direction::In, self.response.1));
        let events = kinds.into_iter().enumerate().map(|(number, kind)| Event {
            exchange: ExchangeId(1),
            at: At::from_micros(number as u64),
            kind,
        });
        events.collect()
    }

    fn body(&self, dir: Direction, body: &[u8]) -> Vec<Kind> {
        let (mut rest, mut kinds) = (Bytes::copy_from_slice(body), Vec::new());
        for size in self.parts.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let bytes = rest.split_to(rest.len().min(*size));
            kinds.push(Kind::Data { dir, bytes });
        }
        let how = End::Complete;
        kinds.push(Kind::Ended { dir, how });
        kinds
    }

    /// Records it to `path`.
    fn record(&self, path: &Path, redactor: &Redactor) -> Written {
        let writer = Writer::open(path, 1 << 20).unwrap();
        let mut recording = Recording::new(At::from_micros(0), redactor.clone(), Some(writer));
        let mut store = Store::default();
        for event in self.events() {
            recording.apply(&mut store, event);
        }
        recording.finish().unwrap().status
    }
}

/// JSON of this length with secrets in it, near the places where it may be cut too.
fn json(len: usize) -> String {
    let part = concat!(
        r#"{"access_token":"sEcReT-1","note":"é and \"more\" of it","link":"https://u:sEcReT-2@h/?q=1&token=sEcReT-3"},"#,
        r#""plain text without anything to hide, but for what it says of itself","#
    );
    let mut text = "[".to_owned();
    while text.len() < len {
        text.push_str(part);
        text.push_str("\"é");
        text.push_str(&"lorem ipsum, ".repeat(2000));
        text.push_str("\",");
    }
    text.push_str("null]");
    text
}

/// Bytes that are no text.
fn noise(len: usize) -> Vec<u8> {
    let mut state = 1_u32;
    let byte = |_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    (0..len).map(byte).collect()
}

fn only_line(path: &Path) -> Value {
    let text = fs::read_to_string(path).unwrap();
    assert_eq!(text.matches('\n').count(), 1);
    serde_json::from_str(&text).unwrap()
}

/// The capture's one flow, as a screen reads it back.
fn reopened(path: &Path) -> (Store, Shelf, Flow) {
    let (store, shelf) = brief(path);
    let [id] = store.rows() else {
        panic!("{} flows", store.len())
    };
    let (place, name) = (
        store.place(*id).unwrap(),
        store.summary(*id).unwrap().name.clone(),
    );
    assert_eq!(place.len + 1, fs::metadata(path).unwrap().len());
    let flow = shelf.read(place, &name).unwrap();
    (store, shelf, flow)
}

fn shown(flow: &Flow, tab: Tab) -> String {
    let document = payload(flow, &Around::default(), tab, &Folds::default());
    let pieces = document.lines.iter().flat_map(|line| &line.spans);
    pieces.map(|piece| piece.text.as_str()).collect()
}

#[test]
fn a_capture_has_every_byte_and_what_is_read_back_is_bounded_and_says_so() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("capture.jsonl");
    let redactor = Redactor::new();
    let (request, response) = (json(13 << 20), noise(14 << 20));
    let exchange = Exchange {
        request: ("application/json", request.as_bytes()),
        response: ("application/octet-stream", &response),
        parts: &[200_000],
    };
    let written = exchange.record(&path, &redactor);
    assert_eq!((written.lines, written.error), (1, None));
    assert_eq!(written.bytes, fs::metadata(&path).unwrap().len());
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);

    let masked = redactor.json(&request);
    let line = only_line(&path);
    assert_eq!(line["request"]["body_kind"], "text");
    assert!(line["request"]["body"] == *masked);
    assert_eq!(line["request"]["length"], masked.len());
    assert_eq!(line["response"]["body_kind"], "base64");
    let base64 = line["response"]["base64"].as_str().unwrap();
    let bytes = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, base64);
    assert!(bytes.unwrap() == response);
    assert_eq!(line["response"]["length"], response.len());
    for message in ["request", "response"] {
        assert_eq!(line[message]["missed"], Value::Null);
        assert_eq!(line[message]["sha256"].as_str().unwrap().len(), 64);
    }
    assert_eq!(line["faults"], Value::Null);

    let (store, shelf, flow) = reopened(&path);
    for (body, whole) in [
        (&flow.request.body, masked.as_bytes()),
        (&flow.response.body, &response),
    ] {
        assert!(whole.starts_with(body.bytes()));
        assert!((LIMIT..2 * LIMIT).contains(&body.bytes().len()));
        assert_eq!(body.len(), whole.len() as u64);
        assert!(!body.is_at_hand());
    }
    for tab in [Tab::Request, Tab::Response, Tab::Raw] {
        assert!(
            shown(&flow, tab).contains(" more in the capture"),
            "{tab:?}"
        );
    }

    // Saved, it is what it was.
    let saved = directory.path().join("saved.jsonl");
    let ids = store.rows().iter().copied();
    capture::save(&saved, &store, &shelf, ids, Existing::Keep).unwrap();
    assert!(fs::read(&saved).unwrap() == fs::read(&path).unwrap());
    // A line of the part that is in memory says what it lacks.
    let line: Value = serde_json::from_slice(&capture::line(&flow, &store).unwrap()).unwrap();
    assert_eq!(line["response"]["missed"], flow.response.body.rest());
    assert_eq!(line["response"]["length"], Value::Null);
}

#[test]
fn a_long_event_stream_is_in_the_capture_and_its_turn_ends() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("capture.jsonl");
    let delta = format!(
        "data: {{\"type\":\"response.output_text.delta\",\"delta\":\"{}\"}}\n\n",
        "d".repeat(4000)
    );
    let completed = "data: {\"type\":\"response.completed\",\"response\":{\"id\":\"r\",\"status\":\"completed\",\"usage\":{\"input_tokens\":3,\"output_tokens\":4,\"total_tokens\":7}}}\n\n";
    let stream = delta.repeat((LIMIT + (18 << 20)) / delta.len()) + completed;
    let exchange = Exchange {
        request: ("application/json", b"{}"),
        response: ("text/event-stream", stream.as_bytes()),
        parts: &[70_000],
    };
    exchange.record(&path, &Redactor::new());
    let line = only_line(&path);
    assert!(line["response"]["body"] == *stream);
    assert_eq!(line["response"]["missed"], Value::Null);
    assert_eq!(line["outcome"]["status"], "completed");
    let (_, _, flow) = reopened(&path);
    let turn = flow.turn.as_ref().unwrap();
    assert_eq!(turn.status, Status::Completed);
    assert_eq!(turn.usage.unwrap().total, 7);
    assert!(shown(&flow, Tab::Response).contains(" more in the capture"));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_split_gives_the_same_line(parts in prop::collection::vec(1..3_000_000_usize, 1..6)) {
        let directory = tempfile::tempdir().unwrap();
        let redactor = Redactor::new();
        let text = json(LIMIT + (2 << 20));
        let body = |parts: &[usize]| {
            let exchange = Exchange {
                request: ("application/json", text.as_bytes()),
                response: ("text/plain", b""),
                parts,
            };
            let path: PathBuf = directory.path().join(format!("{}.jsonl", parts.len()));
            exchange.record(&path, &redactor);
            only_line(&path)["request"].take()
        };
        // None is too small for a test's time.
        let parts: Vec<usize> = parts.into_iter().map(|part| part.max(10_000)).chain([50_000]).collect();
        let request = body(&parts);
        prop_assert!(request["body"] == *redactor.json(&text));
        prop_assert!(request["sha256"].is_string());
    }
}

/// A disk with room for so many bytes.
#[derive(Debug)]
struct Small {
    room: usize,
    opened: AtomicUsize,
    held: Arc<Held>,
}

#[derive(Default, Debug)]
struct Held {
    room: usize,
    bytes: Mutex<Vec<u8>>,
}

impl Spills for Small {
    fn open(&self) -> Option<Arc<dyn Spill>> {
        self.opened.fetch_add(1, Ordering::Relaxed);
        Some(Arc::clone(&self.held) as Arc<dyn Spill>)
    }
}

impl Spill for Held {
    fn add(&self, bytes: Vec<u8>) -> bool {
        let mut held = self.bytes.lock().unwrap();
        let has_room = held.len() + bytes.len() <= self.room;
        if has_room {
            held.extend(bytes);
        }
        has_room
    }

    fn finish(&self) -> u64 {
        self.bytes.lock().unwrap().len() as u64
    }

    fn read(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let held = self.bytes.lock().unwrap();
        let left = held.get(offset as usize..).unwrap_or_default();
        let read = left.len().min(buffer.len());
        buffer[..read].copy_from_slice(&left[..read]);
        Ok(read)
    }
}

#[test]
fn what_is_spilled_is_masked_and_what_the_disk_does_not_take_is_missed() {
    let room = 3 << 20;
    let held = Arc::new(Held {
        room,
        ..Held::default()
    });
    let disk = Arc::new(Small {
        room,
        opened: AtomicUsize::new(0),
        held: Arc::clone(&held),
    });
    let redactor = Redactor::new();
    let mut recorder = Recorder::new(At::from_micros(0), redactor.clone());
    recorder.spill_to(Arc::clone(&disk) as Arc<dyn Spills>);
    let mut store = Store::default();
    let text = json(LIMIT + 2 * disk.room);
    let exchange = Exchange {
        request: ("application/json", text.as_bytes()),
        response: ("text/plain", b"fine"),
        parts: &[100_000],
    };
    for event in exchange.events() {
        recorder.apply(&mut store, event);
    }
    assert_eq!(disk.opened.load(Ordering::Relaxed), 1);
    let [flow] = store.flows()[..] else { panic!() };
    let body = &flow.request.body;
    let spilled = held.bytes.lock().unwrap().clone();
    assert_eq!(body.rest(), spilled.len() as u64);
    let masked = redactor.json(&text).into_owned();
    assert!(
        masked
            .as_bytes()
            .starts_with(&[body.bytes(), &spilled].concat())
    );
    assert!(!String::from_utf8(spilled).unwrap().contains("sEcR"));
    assert_eq!(body.len() + body.missed, masked.len() as u64);
    let [fault] = &flow.faults[..] else {
        panic!("{:?}", flow.faults)
    };
    assert!(fault.message.contains("a body needs room on the disk"));
}
