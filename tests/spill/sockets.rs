//! Turns on a WebSocket that are too long for the memory.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use codextap::capture::{self, Existing, Recording, Writer};
use codextap::content::Tab;
use codextap::flow::{Flow, LIMIT, Recorder, Spills, Store};
use codextap::responses::Status;
use codextap::tap::{
    At, Direction, End, Event, ExchangeId, Kind, Redactor, RequestHead, ResponseHead, fields,
};
use http::{HeaderMap, HeaderName, HeaderValue, Version};
use serde_json::Value;

use super::{Held, Small, brief, shown};

/// A frame: its opcode, which way, and its payload.
type Sent = (u8, Direction, Vec<u8>);

const TEXT: u8 = 1;
const BINARY: u8 = 2;
const CLOSE: u8 = 8;
const PING: u8 = 9;

/// A turn of `count` messages with the payloads that `delta` gives, and pings, pongs and bytes between them.
fn turn(count: usize, delta: impl Fn(usize) -> String) -> Vec<Sent> {
    let create = br#"{"type":"response.create","model":"m","input":[]}"#;
    let mut sent = vec![(TEXT, Direction::Out, create.to_vec())];
    for number in 0..count {
        sent.push((TEXT, Direction::In, delta(number).into_bytes()));
        if number % 500 == 0 {
            sent.push((PING, Direction::Out, b"are you there".to_vec()));
            sent.push((BINARY, Direction::In, vec![0xFF, 0xFE, number as u8]));
            sent.push((PING, Direction::In, Vec::new()));
        }
    }
    let completed = br#"{"type":"response.completed","response":{"id":"r","status":"completed","output":[],"usage":{"input_tokens":3,"output_tokens":4,"total_tokens":7}}}"#;
    sent.push((TEXT, Direction::In, completed.to_vec()));
    sent
}

/// A delta of about so many bytes that carries its number.
fn delta(number: usize, len: usize) -> String {
    format!(
        r#"{{"type":"response.output_text.delta","item_id":"i","number":{number},"delta":"é\n{}"}}"#,
        "d".repeat(len)
    )
}

/// What a tap tells of a connection on which this is sent.
fn events(sent: &[Sent]) -> Vec<Event> {
    let head = |pairs: &[(&'static str, &'static str)]| {
        let pairs = pairs.iter().map(|(name, value)| {
            let value = HeaderValue::from_static(value);
            (HeaderName::from_static(name), value)
        });
        fields(&pairs.collect::<HeaderMap>(), &Redactor::off())
    };
    let mut kinds = vec![
        Kind::Opened {
            connection: 1,
            client: "127.0.0.1:50000".parse().unwrap(),
            upstream: Arc::from("https://api.openai.com"),
        },
        Kind::Request(RequestHead {
            method: "GET".to_owned(),
            target: "/v1/responses".to_owned(),
            version: Version::HTTP_11,
            fields: head(&[("upgrade", "websocket")]),
        }),
        Kind::Response(ResponseHead {
            status: 101,
            version: Version::HTTP_11,
            fields: head(&[("upgrade", "websocket")]),
        }),
        Kind::Upgraded,
    ];
    kinds.extend(sent.iter().map(|(op, dir, payload)| {
        let mask: &[u8] = match dir {
            Direction::Out => &[0; 4],
            Direction::In => &[],
        };
        let bit = mask.len() as u8 * 32;
        let mut frame = vec![0x80 | op];
        match payload.len() {
            len @ 0..=125 => frame.push(bit | len as u8),
            len @ 126..=0xFFFF => {
                frame.push(bit | 0x7e);
                frame.extend((len as u16).to_be_bytes());
            }
            len => {
                frame.push(bit | 127);
                frame.extend((len as u64).to_be_bytes());
            }
        }
        frame.extend(mask);
        frame.extend(payload);
        let (dir, bytes) = (*dir, frame.into());
        Kind::Data { dir, bytes }
    }));
    let how = End::Complete;
    kinds.extend([Direction::In, Direction::Out].map(|dir| Kind::Ended { dir, how }));
    let events = kinds.into_iter().enumerate().map(|(number, kind)| Event {
        exchange: ExchangeId(1),
        at: At::from_micros(number as u64),
        kind,
    });
    events.collect()
}

/// Records it to `path`; gives the turn's line, and that of its connection.
fn recorded(path: &Path, sent: &[Sent], redactor: &Redactor) -> [Value; 2] {
    let writer = Writer::open(path, 1 << 20).unwrap();
    let mut recording = Recording::new(At::from_micros(0), redactor.clone(), Some(writer));
    let mut store = Store::default();
    for event in events(sent) {
        recording.apply(&mut store, event);
    }
    assert_eq!(recording.finish().unwrap().status.error, None);
    let text = std::fs::read_to_string(path).unwrap();
    let lines: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    lines.try_into().unwrap()
}

/// The frames of a line are those that were sent, in their order.
fn assert_frames(line: &Value, sent: &[Sent]) {
    let frames = line["frames"].as_array().unwrap();
    assert_eq!(frames.len(), sent.len());
    let mut last = 0;
    for (frame, (op, dir, payload)) in frames.iter().zip(sent) {
        let op = match *op {
            TEXT => "text",
            BINARY => "binary",
            CLOSE => "close",
            _ => "ping",
        };
        assert_eq!(
            (&frame["op"], &frame["dir"]),
            (&op.into(), &dir.as_str().into())
        );
        assert_eq!(frame["len"], payload.len());
        let t = frame["t"].as_u64().unwrap();
        assert!(last <= t, "{frame}");
        last = t;
        if op == "binary" {
            assert_eq!(frame["base64"].as_str().unwrap().len(), 4);
        } else {
            assert!(frame["text"].as_str().unwrap().as_bytes() == payload);
        }
    }
}

/// Bytes of the payloads of one direction.
fn texts(sent: &[Sent], dir: Direction) -> usize {
    let payloads = sent.iter().filter(|it| it.1 == dir);
    payloads.map(|(_, _, payload)| payload.len()).sum()
}

/// The turn of a capture, as a screen reads it back.
fn reopened(path: &Path) -> Flow {
    let (store, shelf) = brief(path);
    let turn = store
        .rows()
        .iter()
        .find(|id| store.summary(**id).unwrap().turn.is_some());
    let summary = store.summary(*turn.unwrap()).unwrap();
    assert_eq!(summary.turn, Some(Status::Completed));
    shelf
        .read(store.place(summary.id).unwrap(), &summary.name)
        .unwrap()
}

#[test]
fn a_long_turn_is_in_the_capture_frame_by_frame() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("capture.jsonl");
    let sent = turn(60 << 10, |number| delta(number, 1000));
    let [line, _] = recorded(&path, &sent, &Redactor::new());
    assert_frames(&line, &sent);
    for (message, dir) in [("request", Direction::Out), ("response", Direction::In)] {
        assert_eq!(line[message]["missed"], Value::Null);
        assert_eq!(line[message]["length"], texts(&sent, dir), "{message}");
    }
    assert_eq!(line["outcome"]["status"], "completed");
    assert_eq!(line["response"]["body"]["id"], "r");
    let [fault] = &line["faults"].as_array().unwrap()[..] else {
        panic!("{}", line["faults"])
    };
    assert_eq!(
        fault["message"],
        "what follows has no rows: there are 8 MiB already"
    );

    // What is read back is bounded, and says what it lacks.
    let flow = reopened(&path);
    let body = &flow.response.body;
    assert!(body.bytes().len() > 4 * LIMIT && body.rest() > 0);
    assert_eq!(body.len(), texts(&sent, Direction::In) as u64);
    let turn = flow.turn.as_ref().unwrap();
    assert_eq!(
        (turn.status, turn.usage.unwrap().total),
        (Status::Completed, 7)
    );

    // Saved, it is what it was.
    let saved = directory.path().join("saved.jsonl");
    let (store, shelf) = brief(&path);
    let ids = store.rows().iter().copied();
    capture::save(&saved, &store, &shelf, ids, Existing::Keep).unwrap();
    let lines = |path: &Path| {
        let text = std::fs::read_to_string(path).unwrap();
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    assert!(lines(&saved) == lines(&path));
    let names = std::fs::read_dir(directory.path()).unwrap();
    assert_eq!(names.count(), 2);
    assert!(shown(&flow, Tab::Raw).contains('d'));
}

#[test]
fn a_turn_a_little_longer_than_the_memory_is_read_back_as_a_whole() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("capture.jsonl");
    let sent = turn(150, |number| delta(number, 70_000));
    assert!(texts(&sent, Direction::In) > LIMIT);
    let [line, _] = recorded(&path, &sent, &Redactor::new());
    assert_frames(&line, &sent);
    let flow = reopened(&path);
    assert_eq!(flow.rest(), 0);
    assert_eq!(flow.frames.len(), sent.len());
    for (frame, (_, _, payload)) in flow.frames.iter().zip(&sent) {
        assert!(flow.frame_bytes(frame) == payload);
    }
}

#[test]
fn a_flood_of_small_frames_is_in_the_capture_and_its_connection_goes_on() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("capture.jsonl");
    let first = turn(150_000, |_| "{}".to_owned());
    let second = turn(3, |number| delta(number, 10));
    let mut own: Vec<Sent> = vec![(PING, Direction::Out, b"?".to_vec()); 100_000];
    own.push((CLOSE, Direction::Out, b"\x03\xe8".to_vec()));
    let sent = [&first[..], &second, &own].concat();
    let writer = Writer::open(&path, 1 << 20).unwrap();
    let mut recording = Recording::new(At::from_micros(0), Redactor::new(), Some(writer));
    let mut store = Store::default();
    for event in events(&sent) {
        recording.apply(&mut store, event);
    }
    drop(recording.finish());
    let text = std::fs::read_to_string(&path).unwrap();
    let lines: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 3);
    assert_frames(&lines[0], &first);
    assert_frames(&lines[1], &second);
    assert_eq!(lines[2]["frames"].as_array().unwrap().len(), own.len());
    assert_eq!(lines[2]["close"]["code"], 1000);
}

#[test]
fn a_secret_in_what_is_spilled_is_masked() {
    let held = Arc::new(Held {
        room: 64 << 20,
        ..Held::default()
    });
    let store = kept(
        &held,
        &turn(200, |_| {
            let delta = delta(0, 60_000);
            delta.replacen('{', r#"{"access_token":"sEcReT-1","#, 1)
        }),
    );
    let turn = store.flows()[1];
    assert_eq!(turn.request.body.missed + turn.response.body.missed, 0);
    let spilled = held.bytes.lock().unwrap().clone();
    assert!(spilled.len() > 1 << 20);
    let text = String::from_utf8_lossy(&spilled);
    assert!(text.contains("<redacted:") && !text.contains("sEcR"));
}

/// The flows of a recorder whose disk is `held`.
fn kept(held: &Arc<Held>, sent: &[Sent]) -> Store {
    let mut recorder = Recorder::new(At::from_micros(0), Redactor::new());
    recorder.spill_to(Arc::new(Small {
        room: held.room,
        opened: AtomicUsize::new(0),
        held: Arc::clone(held),
    }) as Arc<dyn Spills>);
    let mut store = Store::default();
    for event in events(sent) {
        recorder.apply(&mut store, event);
    }
    store
}

#[test]
fn frames_that_the_disk_does_not_take_are_missed() {
    let held = Arc::new(Held {
        room: 5 << 20,
        ..Held::default()
    });
    let sent = turn(400, |number| delta(number, 60_000));
    let store = kept(&held, &sent);
    let turn = store.flows()[1];
    assert_eq!(turn.turn.as_ref().unwrap().status, Status::Completed);
    let line: Value = serde_json::from_slice(&capture::line(turn, &store).unwrap()).unwrap();
    assert_kept(&line, &sent);
    let is_told = |fault: &Value| fault["message"] == UNKEPT;
    assert!(line["faults"].as_array().unwrap().iter().any(is_told));
}

#[test]
fn frames_that_a_disk_has_lost_are_missed() {
    let held = Arc::new(Held {
        room: 64 << 20,
        ..Held::default()
    });
    let sent = turn(400, |number| delta(number, 60_000));
    let store = kept(&held, &sent);
    let turn = store.flows()[1];
    assert!(turn.settled().is_none());
    // In the middle of a frame.
    held.bytes.lock().unwrap().truncate((3 << 20) + 1234);
    let settled = turn.settled().unwrap();
    let line: Value = serde_json::from_slice(&capture::line(&settled, &store).unwrap()).unwrap();
    assert_kept(&line, &sent);
    assert!(line["response"]["missed"].as_u64().unwrap() > 4 << 20);
    let none = turn.without_rest();
    assert_eq!((none.rest(), none.is_at_hand()), (0, true));
    let line: Value = serde_json::from_slice(&capture::line(&none, &store).unwrap()).unwrap();
    assert_kept(&line, &sent);
}

/// A line has the first frames that were sent and the last one, and says how much of the others is missing.
fn assert_kept(line: &Value, sent: &[Sent]) {
    let frames = line["frames"].as_array().unwrap();
    assert!(frames.len() > 10 && frames.len() < sent.len() - 10);
    let wire = |line: &Value| line["wire"].as_u64().unwrap();
    for (message, dir) in [("request", "out"), ("response", "in")] {
        let own = frames.iter().filter(|frame| frame["dir"] == dir);
        let kept: u64 = own.map(wire).sum();
        let missed = line[message]["missed"].as_u64().unwrap_or_default();
        assert_eq!(kept + missed, wire(&line[message]), "{message}");
    }
    let mut expected: VecDeque<Sent> = sent.to_vec().into();
    expected.drain(frames.len() - 1..sent.len() - 1);
    assert_frames(line, &Vec::from(expected));
}

const UNKEPT: &str = "what follows is not kept: behind 8 MiB frames need room on the disk";
