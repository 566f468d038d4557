//! What is between the made-up Codex and its upstream: nothing but what a tap would tell, here.

use codextap::tap::{Direction, Kind};
use serde_json::Value;

use crate::script::{Script, frame};

/// Fields of a request.
pub(crate) type Fields<'a> = [(&'static str, &'a str)];

/// Carries requests of Codex to the upstream, and its answers back.
pub(crate) trait Wire {
    /// Asks for a WebSocket, and gives it unless it `is_refused` (426).
    fn upgrade(&mut self, fields: &Fields<'_>, is_refused: bool) -> Option<usize>;

    /// A message of Codex, and the events that answer it.
    fn converse(&mut self, socket: usize, request: &Value, events: &[Value]);

    /// A request over HTTP, and the stream of events that answers it, which has no end if it `is_lost`.
    fn post(&mut self, fields: &Fields<'_>, request: &Value, events: &[Value], is_lost: bool);

    /// Ends a socket without a close frame; `first` says from where.
    fn close(&mut self, socket: usize, first: Direction);
}

/// Tells a recorder what a tap would.
pub(crate) struct Told {
    pub(crate) script: Script,
    /// Exchanges so far.
    exchanges: u64,
}

impl Told {
    pub(crate) fn new() -> Self {
        Self {
            script: Script::new(),
            exchanges: 0,
        }
    }

    fn begin(&mut self, method: &str, fields: &Fields<'_>, more: (&'static str, &str)) {
        self.script.exchange = self.exchanges;
        let fields = [fields, &[more]].concat();
        self.script.request(method, "/v1/responses", &fields);
        self.exchanges = self.script.exchange;
    }
}

impl Wire for Told {
    fn upgrade(&mut self, fields: &Fields<'_>, is_refused: bool) -> Option<usize> {
        self.begin("GET", fields, ("upgrade", "websocket"));
        self.script.end(Direction::Out);
        if is_refused {
            self.script.response(426, &[]);
            self.script.end(Direction::In);
            return None;
        }
        self.script.response(101, &[("upgrade", "websocket")]);
        self.script.tell(Kind::Upgraded);
        Some(self.exchanges as usize)
    }

    fn converse(&mut self, socket: usize, request: &Value, events: &[Value]) {
        self.script.exchange = socket as u64;
        let events = events.iter().map(|event| (Direction::In, event));
        for (dir, message) in std::iter::once((Direction::Out, request)).chain(events) {
            let frame = frame(dir, 0x81, message.to_string().as_bytes());
            self.script.data(dir, &frame);
        }
    }

    fn post(&mut self, fields: &Fields<'_>, request: &Value, events: &[Value], is_lost: bool) {
        self.begin("POST", fields, ("content-type", "application/json"));
        let body = request.to_string();
        self.script.data(Direction::Out, body.as_bytes());
        self.script.end(Direction::Out);
        self.script
            .response(200, &[("content-type", "text/event-stream")]);
        for event in events {
            self.script.data(Direction::In, block(event).as_bytes());
        }
        // Events without their last one, as an HTTP/1.0 server would lose them.
        assert!(!is_lost || !events.is_empty());
        self.script.end(Direction::In);
    }

    fn close(&mut self, socket: usize, first: Direction) {
        self.script.exchange = socket as u64;
        let then = match first {
            Direction::Out => Direction::In,
            Direction::In => Direction::Out,
        };
        self.script.end(first);
        self.script.end(then);
    }
}

/// An event as it stands in a stream.
pub(crate) fn block(event: &Value) -> String {
    format!(
        "event: {}\ndata: {event}\n\n",
        event["type"].as_str().unwrap()
    )
}
