//! Streams that are too long for the memory: what is kept of them where there is no disk, and what is said of
//! the rest.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::sync::Arc;

use bytes::Bytes;
use codextap::capture;
use codextap::flow::{Flow, Frame, LIMIT, Recorder, Store};
use codextap::responses::Status;
use codextap::tap::{
    At, Direction, End, Event, ExchangeId, Kind, Redactor, RequestHead, ResponseHead, fields,
};
use http::{HeaderMap, HeaderName, HeaderValue, Version};

/// A request with `asked`, answered by `parts` of this type; the flows that come of it.
fn flows(asked: &[u8], kind: &'static str, parts: impl IntoIterator<Item = Bytes>) -> Store {
    let redactor = Redactor::new();
    let head = |pairs: &[(&'static str, &'static str)]| {
        let pairs = pairs.iter().map(|(name, value)| {
            let value = HeaderValue::from_static(value);
            (HeaderName::from_static(name), value)
        });
        fields(&pairs.collect::<HeaderMap>(), &redactor)
    };
    let is_socket = kind == "websocket";
    let request = RequestHead {
        method: if is_socket { "GET" } else { "POST" }.to_owned(),
        target: "/v1/responses".to_owned(),
        version: Version::HTTP_11,
        fields: head(if is_socket {
            &[("upgrade", "websocket")]
        } else {
            &[]
        }),
    };
    let response = ResponseHead {
        status: if is_socket { 101 } else { 200 },
        version: Version::HTTP_11,
        fields: head(&[("content-type", kind)]),
    };
    let opened = Kind::Opened {
        connection: 1,
        client: "127.0.0.1:50000".parse().unwrap(),
        upstream: Arc::from("https://api.openai.com"),
    };
    let asked = Kind::Data {
        dir: Direction::Out,
        bytes: Bytes::copy_from_slice(asked),
    };
    let end = |dir| Kind::Ended {
        dir,
        how: End::Complete,
    };
    let mut told = vec![opened, Kind::Request(request)];
    if is_socket {
        told.extend([Kind::Response(response), Kind::Upgraded, asked]);
    } else {
        told.extend([asked, end(Direction::Out), Kind::Response(response)]);
    }
    let dir = Direction::In;
    let parts = parts.into_iter().map(|bytes| Kind::Data { dir, bytes });
    let ends = [end(Direction::In), end(Direction::Out)];
    let mut recorder = Recorder::new(At::from_micros(0), redactor.clone());
    let mut store = Store::default();
    for (number, kind) in told.into_iter().chain(parts).chain(ends).enumerate() {
        let at = At::from_micros(number as u64);
        let exchange = ExchangeId(1);
        recorder.apply(&mut store, Event { exchange, at, kind });
    }
    store
}

fn only(store: &Store) -> &Flow {
    let [flow] = store.flows()[..] else {
        panic!("{} flows", store.flows().len())
    };
    flow
}

/// What a flow has of its answer in memory.
fn size(flow: &Flow) -> usize {
    flow.response.body.bytes().len() + flow.frames.len() * size_of::<Frame>()
}

const PART: usize = 1 << 20;

#[test]
fn a_body_up_to_the_limit_is_whole_and_above_it_its_beginning() {
    let part = Bytes::from("lorem, ".repeat(PART / 7 + 1).into_bytes()).slice(..PART);
    let whole = flows(b"", "text/plain", vec![part.clone(); LIMIT / PART]);
    let body = &only(&whole).response.body;
    assert_eq!((body.bytes().len(), body.missed), (LIMIT, 0));

    let count = LIMIT / PART + 2;
    let store = flows(b"", "text/plain", vec![part.clone(); count]);
    let flow = only(&store);
    let body = &flow.response.body;
    assert_eq!(body.wire_len, (count * PART) as u64);
    assert_eq!(body.bytes().len() as u64 + body.missed, body.wire_len);
    assert!((LIMIT..LIMIT + PART).contains(&body.bytes().len()));
    assert!(
        body.bytes()
            .chunks(PART)
            .all(|chunk| part.starts_with(chunk))
    );
    assert_eq!(body.digest.as_ref().unwrap().len(), 64, "of all of it");
    let [fault] = &flow.faults[..] else {
        panic!("{:?}", flow.faults)
    };
    let message = format!(
        "{} bytes are not kept: behind 8 MiB a body needs room on the disk",
        body.missed
    );
    assert_eq!(fault.message, message);
    let line = capture::line(flow, &store).unwrap();
    let line: serde_json::Value = serde_json::from_slice(&line).unwrap();
    assert_eq!(line["response"]["missed"], body.missed);
    assert_eq!(line["response"]["length"], serde_json::Value::Null);
}

#[test]
fn a_part_shows_no_part_of_a_credential() {
    // It lies across the end of what is masked at once.
    let secret = "sk-proj-".to_owned() + &"S3cr3t".repeat(10);
    let mut body = "{\"pad\":\"".to_owned();
    body.push_str(&"x, ".repeat((PART - 60) / 3));
    body.push_str("\",\"api_key\":\"");
    body.push_str(&secret);
    body.push_str("\",\"more\":\"");
    body.push_str(&"y".repeat(LIMIT));
    body.push_str("\"}");
    let store = flows(b"", "application/json", [Bytes::from(body)]);
    let kept = only(&store).response.body.text().unwrap();
    assert!(kept.len() >= LIMIT);
    assert!(kept.contains("\"api_key\":\"<redacted:"));
    assert!(!kept.contains("S3cr3t"));
}

#[test]
fn an_event_stream_keeps_its_beginning_and_the_end_of_its_turn() {
    let delta = format!(
        "event: response.output_text.delta\ndata: {{\"type\":\"response.output_text.delta\",\"delta\":\"{}\"}}\n\n",
        "d".repeat(4000)
    );
    let count = (LIMIT + PART) / delta.len();
    let completed = "event: response.completed\ndata: {\"type\":\"response.completed\",\"response\":{\"id\":\"r\",\"status\":\"completed\"}}\n\n";
    let deltas = vec![Bytes::from(delta.clone()); count];
    let store = flows(
        b"{}",
        "text/event-stream",
        deltas.into_iter().chain([Bytes::from(completed)]),
    );
    let flow = only(&store);
    let body = &flow.response.body;
    assert_eq!(flow.turn.as_ref().unwrap().status, Status::Completed);
    assert!(size(flow) <= LIMIT + delta.len() + completed.len() + 1000);
    assert!(body.bytes().len() > LIMIT / 2);
    assert_eq!(body.bytes().len() as u64 + body.missed, body.wire_len);
    assert!(body.text().unwrap().ends_with("\n\n"));
    let faults = flow.faults.iter().map(|fault| &fault.message[..]);
    let lost = format!(
        "{} bytes are not kept: behind 8 MiB a body needs room on the disk",
        body.missed
    );
    let rows = "what follows has no rows: there are 8 MiB already";
    assert_eq!(faults.collect::<Vec<_>>(), [&lost, rows]);
}

#[test]
fn floods_of_small_events_and_frames_are_bounded_too() {
    let events = Bytes::from(b": \n\n".repeat(PART / 4));
    let store = flows(b"", "text/event-stream", vec![events; 2]);
    assert!(size(only(&store)) <= LIMIT + 1000);

    let pings = Bytes::from(b"\x89\x00".repeat(PART / 2));
    let store = flows(b"", "websocket", vec![pings; 2]);
    let flow = only(&store);
    assert!(size(flow) <= LIMIT + 1000);
    assert!(flow.response.body.missed > 0);
    assert_eq!(flow.response.body.wire_len, 2 * PART as u64);
}

#[test]
fn a_turn_on_a_websocket_ends_however_long_it_is() {
    let frame = |text: &str| {
        let mut frame = vec![0x81, 126];
        frame.extend((text.len() as u16).to_be_bytes());
        frame.extend(text.as_bytes());
        Bytes::from(frame)
    };
    let create = br#"{"type":"response.create","input":[]}"#;
    let mut asked = vec![0x81, 0x80 | create.len() as u8, 0, 0, 0, 0];
    asked.extend(create);
    let delta = frame(&format!(
        r#"{{"type":"response.output_text.delta","delta":"{}"}}"#,
        "d".repeat(60_000)
    ));
    let completed = frame(
        r#"{"type":"response.completed","response":{"id":"r","status":"completed","output":[]}}"#,
    );
    let deltas = vec![delta.clone(); (LIMIT + PART) / delta.len()];
    let store = flows(&asked, "websocket", deltas.into_iter().chain([completed]));
    let [_, turn] = store.flows()[..] else {
        panic!("{} flows", store.flows().len())
    };
    assert_eq!(turn.turn.as_ref().unwrap().status, Status::Completed);
    assert!(size(turn) <= LIMIT + delta.len() + 1000);
    assert!(turn.response.body.missed > 0);
}
