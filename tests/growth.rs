//! A recording without a screen does not grow with what has passed.
//!
//! Alone in its binary, for it counts what the whole process has allocated.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use bytes::Bytes;
use codextap::capture::{Recording, Writer};
use codextap::flow::Store;
use codextap::tap::{
    At, Direction, End, Event, ExchangeId, Kind, Redactor, RequestHead, ResponseHead, fields,
};
use http::{HeaderMap, HeaderName, HeaderValue, Version};
use peak_alloc::PeakAlloc;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// A recording as `codextap record` has it.
struct Record {
    recording: Recording,
    store: Store,
    /// Events so far, which is the time.
    events: u64,
    /// Flows that ended.
    ended: usize,
}

impl Record {
    fn tell(&mut self, exchange: u64, kind: Kind) {
        self.events += 1;
        let event = Event {
            exchange: ExchangeId(exchange),
            at: At::from_micros(self.events * 1000),
            kind,
        };
        for id in self.recording.apply(&mut self.store, event) {
            assert!(self.store.summary(id).is_some());
            self.ended += 1;
            self.store.forget(id);
        }
    }

    fn open(&mut self, exchange: u64, method: &str, pairs: &[(&'static str, &'static str)]) {
        self.tell(
            exchange,
            Kind::Opened {
                connection: 1,
                client: "127.0.0.1:50000".parse().unwrap(),
                upstream: "https://api.openai.com".into(),
            },
        );
        let pairs = pairs.iter().map(|(name, value)| {
            let value = HeaderValue::from_static(value);
            (HeaderName::from_static(name), value)
        });
        let fields = fields(&pairs.collect::<HeaderMap>(), &Redactor::off());
        let head = RequestHead {
            method: method.to_owned(),
            target: "/v1/responses".to_owned(),
            version: Version::HTTP_11,
            fields,
        };
        self.tell(exchange, Kind::Request(head));
    }

    fn answer(&mut self, exchange: u64, status: u16) {
        let head = ResponseHead {
            status,
            version: Version::HTTP_11,
            fields: Vec::new(),
        };
        self.tell(exchange, Kind::Response(head));
    }

    fn data(&mut self, exchange: u64, dir: Direction, bytes: Vec<u8>) {
        let bytes = Bytes::from(bytes);
        self.tell(exchange, Kind::Data { dir, bytes });
    }

    fn end(&mut self, exchange: u64, dir: Direction) {
        let how = End::Complete;
        self.tell(exchange, Kind::Ended { dir, how });
    }

    /// A request with its answer.
    fn exchange(&mut self, number: u64) {
        let (out, inn) = (Direction::Out, Direction::In);
        self.open(number, "POST", &[("session_id", "s"), ("thread_id", "t")]);
        let asked = format!(r#"{{"model":"gpt-5","previous_response_id":"r{number}"}}"#);
        self.data(number, out, asked.into_bytes());
        self.end(number, out);
        self.answer(number, 200);
        let answered = format!(r#"{{"id":"r{}","status":"completed"}}"#, number + 1);
        self.data(number, inn, answered.into_bytes());
        self.end(number, inn);
    }

    /// A WebSocket is opened that stays open.
    fn socket(&mut self, exchange: u64) {
        self.open(exchange, "GET", &[("upgrade", "websocket")]);
        self.answer(exchange, 101);
        self.tell(exchange, Kind::Upgraded);
    }

    /// A turn on it.
    fn turn(&mut self, exchange: u64) {
        let create = r#"{"type":"response.create","model":"gpt-5","input":[]}"#;
        self.data(exchange, Direction::Out, message(create, true));
        let done = r#"{"type":"response.completed","response":{"id":"r","status":"completed"}}"#;
        self.data(exchange, Direction::In, message(done, false));
    }

    /// What is allocated time and again while exchanges, and turns if there is a socket, pass.
    fn samples(&mut self, has_socket: bool) -> Vec<usize> {
        let mut samples = Vec::new();
        for number in 1..=EXCHANGES {
            self.exchange(number);
            if has_socket && number % 4 == 0 {
                self.turn(0);
            }
            if number % 50 == 0 {
                samples.push(self.settled());
            }
        }
        let turns = if has_socket { EXCHANGES / 4 } else { 0 };
        assert_eq!(self.ended as u64, EXCHANGES + turns);
        samples
    }

    /// What is allocated once everything is written.
    fn settled(&mut self) -> usize {
        self.recording.settle(&mut self.store);
        while self.recording.awaits_writing() {
            std::thread::yield_now();
            self.recording.settle(&mut self.store);
        }
        MEMORY.current_usage()
    }
}

/// A WebSocket message of less than 126 bytes (RFC 6455 §5.2), masked with nothing.
fn message(text: &str, is_masked: bool) -> Vec<u8> {
    let len = u8::try_from(text.len()).unwrap();
    let head = if is_masked {
        vec![0x81, 0x80 | len, 0, 0, 0, 0]
    } else {
        vec![0x81, len]
    };
    [&head, text.as_bytes()].concat()
}

#[test]
fn ten_thousand_exchanges_leave_nothing_behind() {
    for has_socket in [true, false] {
        let directory = tempfile::tempdir().unwrap();
        let writer = Writer::open(&directory.path().join("capture.jsonl"), 1 << 20).unwrap();
        let mut recording = Recording::new(At::default(), Redactor::new(), Some(writer));
        if !has_socket {
            // What its thread has yet to write comes and goes; it is emptied where nothing is open.
            recording.keep_journal().unwrap();
        }
        let mut record = Record {
            recording,
            store: Store::default(),
            events: 0,
            ended: 0,
        };
        if has_socket {
            // An old connection that lives on.
            record.socket(0);
        }
        let samples = record.samples(has_socket);
        assert_eq!(record.store.rows().len(), usize::from(has_socket));
        // At first what is kept for long has to come.
        let least = |samples: &[usize]| samples.iter().copied().min().unwrap();
        let fifth = samples.len() / 5;
        let [early, late] = [&samples[fifth..2 * fifth], &samples[4 * fifth..]].map(least);
        assert!(late < early + SLACK, "{early} bytes, and {late} later");
    }
}

const EXCHANGES: u64 = 10_000;

/// What may be allocated in passing: a byte for each flow is more.
const SLACK: usize = 6 << 10;
