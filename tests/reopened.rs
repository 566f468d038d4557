//! A flow looks the same live and re-opened: recorded, written as a line, read back, compared.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::sync::Arc;

use bytes::Bytes;
use codextap::capture;
use codextap::flow::{Flow, Op, Recorder, Store};
use codextap::tap::{
    At, Direction, End, Event, ExchangeId, Kind, Redactor, RequestHead, ResponseHead, fields,
};
use http::{HeaderMap, HeaderName, HeaderValue, Version};

const CREATE: &str = concat!(
    r#"{"type":"response.create","model":"m-1","input":[{"type":"message","role":"user","#,
    r#""content":[{"type":"input_text","text":"say hello"}]}],"#,
    r#""client_metadata":{"x-codex-installation-id":"i-secret"}}"#,
);

const EVENTS: [&str; 4] = [
    r#"{"type":"response.created","sequence_number":0,"response":{"id":"resp_1","model":"m-1"}}"#,
    concat!(
        r#"{"type":"response.output_text.delta","sequence_number":1,"item_id":"msg_1","#,
        r#""output_index":0,"content_index":0,"delta":"Hel"}"#,
    ),
    concat!(
        r#"{"type":"response.output_text.delta","sequence_number":2,"item_id":"msg_1","#,
        r#""output_index":0,"content_index":0,"delta":"lo"}"#,
    ),
    concat!(
        r#"{"type":"response.completed","sequence_number":3,"response":{"id":"resp_1","#,
        r#""status":"completed","usage":{"input_tokens":10,"output_tokens":2,"total_tokens":12}}}"#,
    ),
];

#[test]
fn an_event_stream_is_the_same_again() {
    let mut tap = Tap::new();
    tap.begin(&[("session-id", "s-1"), ("authorization", "Bearer x")]);
    tap.data(Direction::Out, CREATE.as_bytes());
    tap.end(Direction::Out);
    tap.answer(200, &[("content-type", "text/event-stream")]);
    for event in EVENTS {
        tap.data(Direction::In, format!("data: {event}\n\n").as_bytes());
        tap.data(Direction::In, b": keep-alive\n\n");
    }
    tap.tell(Kind::Missed {
        dir: Direction::In,
        bytes: 9,
    });
    tap.data(Direction::In, b"\n\ndata: late\n\n\n");
    tap.end(Direction::In);
    let flow = &tap.store.flows()[0];
    assert!(flow.frames.iter().any(|frame| frame.op == Op::Gap));
    assert_eq!(flow.turn.as_ref().unwrap().output_text(), "Hello");
    tap.assert_same_again();
}

#[test]
fn a_socket_and_its_turns_are_the_same_again() {
    let mut tap = Tap::new();
    tap.begin(&[("upgrade", "websocket"), ("session-id", "s-1")]);
    tap.end(Direction::Out);
    tap.answer(101, &[("upgrade", "websocket")]);
    tap.tell(Kind::Upgraded);
    for _ in 0..2 {
        tap.frame(Direction::In, 0x81, EVENTS[0].as_bytes());
        tap.frame(Direction::Out, 0x81, CREATE.as_bytes());
        tap.frame(Direction::In, 0x81, b"no event");
        tap.frame(Direction::In, 0x82, EVENTS[0].as_bytes());
        for event in EVENTS {
            let (first, rest) = event.as_bytes().split_at(20);
            tap.frame(Direction::In, 0x01, first);
            tap.frame(Direction::In, 0x89, b"ping");
            tap.frame(Direction::In, 0x80, rest);
        }
    }
    tap.frame(Direction::Out, 0x82, b"\xff\xfe");
    tap.frame(Direction::Out, 0x88, b"\x03\xe8bye");
    tap.end(Direction::In);
    tap.end(Direction::Out);
    assert_eq!(tap.store.flows().len(), 3);
    tap.assert_same_again();
}

#[test]
fn errors_and_refusals_are_the_same_again() {
    let mut tap = Tap::new();
    for upgrade in [&[][..], &[("upgrade", "websocket")]] {
        tap.begin(upgrade);
        tap.data(Direction::Out, CREATE.as_bytes());
        tap.end(Direction::Out);
        tap.answer(429, &[("content-type", "application/json")]);
        tap.data(Direction::In, br#"{"error":{"message":"too much"}}"#);
        tap.end(Direction::In);
    }
    tap.begin(&[]);
    tap.data(Direction::Out, b"\xff\xff");
    tap.recorder.cut(&mut tap.store, At::from_micros(tap.now));
    tap.assert_same_again();
}

/// Tells a recorder what a proxy would, a millisecond between any two events.
struct Tap {
    recorder: Recorder,
    redactor: Redactor,
    store: Store,
    now: u64,
    exchange: u64,
}

impl Tap {
    fn new() -> Self {
        let redactor = Redactor::new();
        let now = 1_750_000_000_000_000;
        Self {
            recorder: Recorder::new(At::from_micros(now), redactor.clone()),
            redactor,
            store: Store::default(),
            now,
            exchange: 0,
        }
    }

    fn tell(&mut self, kind: Kind) {
        self.now += 1000;
        let event = Event {
            exchange: ExchangeId(self.exchange),
            at: At::from_micros(self.now),
            kind,
        };
        self.recorder.apply(&mut self.store, event);
    }

    fn begin(&mut self, headers: &[(&'static str, &'static str)]) {
        self.exchange += 1;
        self.tell(Kind::Opened {
            connection: 1,
            client: "127.0.0.1:50000".parse().unwrap(),
            upstream: Arc::from("https://upstream.example"),
        });
        let fields = fields(&map(headers), &self.redactor);
        self.tell(Kind::Request(RequestHead {
            method: "POST".to_owned(),
            target: "/v1/responses".to_owned(),
            version: Version::HTTP_11,
            fields,
        }));
    }

    fn answer(&mut self, status: u16, headers: &[(&'static str, &'static str)]) {
        let fields = fields(&map(headers), &self.redactor);
        self.tell(Kind::Response(ResponseHead {
            status,
            version: Version::HTTP_2,
            fields,
        }));
    }

    fn data(&mut self, dir: Direction, bytes: &[u8]) {
        let bytes = Bytes::copy_from_slice(bytes);
        self.tell(Kind::Data { dir, bytes });
    }

    fn end(&mut self, dir: Direction) {
        let how = End::Complete;
        self.tell(Kind::Ended { dir, how });
    }

    /// Sends a WebSocket frame; a mask of zeros leaves the payload readable here.
    fn frame(&mut self, dir: Direction, first: u8, payload: &[u8]) {
        let mask = if dir == Direction::Out { 0x80 } else { 0 };
        let mut frame = vec![first];
        if let Ok(len @ 0..126) = u8::try_from(payload.len()) {
            frame.push(mask | len);
        } else {
            frame.push(mask | 0x7e);
            frame.extend((payload.len() as u16).to_be_bytes());
        }
        if mask != 0 {
            frame.extend([0; 4]);
        }
        frame.extend(payload);
        self.data(dir, &frame);
    }

    /// Writes the flows as they end, reads the lines, and compares.
    fn assert_same_again(&mut self) {
        let mut file = Vec::new();
        for id in self.recorder.take_finished() {
            let flow = self.store.get(id).unwrap();
            file.extend(capture::line(flow, &self.store).unwrap());
            file.push(b'\n');
        }
        let text = String::from_utf8_lossy(&file);
        assert!(!text.contains("i-secret"), "{text}");
        let mut reader = capture::Reader::default();
        reader.lines("-", file.as_slice()).unwrap();
        let loaded = reader.finish();
        assert_eq!(loaded.skipped, []);
        assert_eq!(loaded.store.flows().len(), self.store.flows().len());
        assert_eq!(loaded.store.rows(), self.store.rows());
        for (live, read) in self.store.flows().iter().zip(loaded.store.flows()) {
            assert_same(live, read);
            assert_eq!(
                capture::line(live, &self.store).unwrap(),
                capture::line(read, &loaded.store).unwrap()
            );
        }
    }
}

fn assert_same(live: &Flow, read: &Flow) {
    assert_eq!(read.name, live.name);
    assert_eq!((read.id, read.kind), (live.id, live.kind));
    assert_eq!(read.turn, live.turn, "{}", live.name);
    assert_eq!(read.identity, live.identity, "{}", live.name);
    assert_eq!(read.state(), live.state(), "{}", live.name);
    assert_eq!(read.first_delta(), live.first_delta(), "{}", live.name);
    assert_eq!(
        (&read.model, &read.gist, read.channel, &read.close),
        (&live.model, &live.gist, live.channel, &live.close)
    );
    assert_eq!(read.request.head, live.request.head, "{}", live.name);
    assert_eq!(read.request.body, live.request.body, "{}", live.name);
    assert_eq!(read.response.body, live.response.body, "{}", live.name);
    assert_eq!(read.failures, live.failures, "{}", live.name);
    assert_eq!(read.faults, live.faults, "{}", live.name);
    assert_eq!(read.frames.len(), live.frames.len(), "{}", live.name);
    for (read, live) in read.frames.iter().zip(&live.frames) {
        // How many bytes a gap of an event stream stands for is in its fault only.
        let mut read = read.clone();
        if live.op == Op::Gap {
            (read.wire, read.len) = (live.wire, live.len);
        }
        assert_eq!(read, *live);
    }
}

fn map(headers: &[(&'static str, &'static str)]) -> HeaderMap {
    headers
        .iter()
        .map(|(name, value)| {
            let name = HeaderName::from_static(name);
            (name, HeaderValue::from_static(value))
        })
        .collect()
}
