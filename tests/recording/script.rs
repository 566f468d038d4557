//! What a tap would tell, and what came of it.

use std::sync::Arc;

use bytes::Bytes;
use codextap::flow::{Flow, Recorder, Store};
use codextap::tap::{
    At, Direction, End, Event, ExchangeId, Field, Kind, Redactor, RequestHead, ResponseHead, fields,
};
use http::{HeaderMap, HeaderName, HeaderValue, Version};

/// Tells a recorder what a tap would, one millisecond after the other.
pub(crate) struct Script {
    pub(crate) recorder: Recorder,
    pub(crate) store: Store,
    pub(crate) now: u64,
    pub(crate) exchange: u64,
    pub(crate) redactor: Redactor,
    /// All that was told.
    pub(crate) told: Vec<Event>,
}

impl Script {
    pub(crate) fn new() -> Self {
        let redactor = Redactor::new();
        let start = At::from_micros(1_790_000_000_000_000);
        Self {
            recorder: Recorder::new(start, redactor.clone()),
            store: Store::default(),
            now: start.as_micros(),
            exchange: 0,
            redactor,
            told: Vec::new(),
        }
    }

    pub(crate) fn tell(&mut self, kind: Kind) {
        self.now += 1000;
        let at = At::from_micros(self.now);
        let event = Event {
            exchange: ExchangeId(self.exchange),
            at,
            kind,
        };
        self.told.push(event.clone());
        self.recorder.apply(&mut self.store, event);
    }

    pub(crate) fn fields(&self, pairs: &[(&'static str, &str)]) -> Vec<Field> {
        let mut map = HeaderMap::new();
        for (name, value) in pairs {
            map.append(
                HeaderName::from_static(name),
                HeaderValue::from_str(value).unwrap(),
            );
        }
        fields(&map, &self.redactor)
    }

    pub(crate) fn request(&mut self, method: &str, target: &str, pairs: &[(&'static str, &str)]) {
        self.exchange += 1;
        self.tell(Kind::Opened {
            connection: 1,
            client: "127.0.0.1:50000".parse().unwrap(),
            upstream: Arc::from("https://api.openai.com"),
        });
        let fields = self.fields(pairs);
        self.tell(Kind::Request(RequestHead {
            method: method.to_owned(),
            target: target.to_owned(),
            version: Version::HTTP_11,
            fields,
        }));
    }

    pub(crate) fn response(&mut self, status: u16, pairs: &[(&'static str, &str)]) {
        let fields = self.fields(pairs);
        self.tell(Kind::Response(ResponseHead {
            status,
            version: Version::HTTP_11,
            fields,
        }));
    }

    pub(crate) fn data(&mut self, dir: Direction, bytes: &[u8]) {
        self.tell(Kind::Data {
            dir,
            bytes: Bytes::copy_from_slice(bytes),
        });
    }

    pub(crate) fn end(&mut self, dir: Direction) {
        self.tell(Kind::Ended {
            dir,
            how: End::Complete,
        });
    }

    /// A POST to the Responses API whose answer is an event stream, up to its head.
    pub(crate) fn stream(&mut self) {
        self.request(
            "POST",
            "/v1/responses",
            &[("content-type", "application/json")],
        );
        self.data(Direction::Out, REQUEST.as_bytes());
        self.end(Direction::Out);
        self.response(200, &[("content-type", "text/event-stream")]);
    }

    /// A WebSocket to the Responses API, just upgraded.
    pub(crate) fn socket(&mut self, extensions: Option<&str>) {
        let upgrade = [("upgrade", "websocket"), ("session-id", "s-1")];
        self.request("GET", "/v1/responses", &upgrade);
        self.end(Direction::Out);
        let mut answer = vec![("upgrade", "websocket")];
        answer.extend(extensions.map(|extensions| ("sec-websocket-extensions", extensions)));
        self.response(101, &answer);
        self.tell(Kind::Upgraded);
    }

    pub(crate) fn flow(&self, index: usize) -> &Flow {
        self.store.flows()[index]
    }

    pub(crate) fn finished(&mut self) -> Vec<String> {
        let ids = self.recorder.take_finished();
        ids.iter()
            .map(|id| self.store.get(*id).unwrap().name.clone())
            .collect()
    }
}

pub(crate) const REQUEST: &str = r#"{"model":"gpt-6.1-sol","stream":true,"input":[{"type":"message","role":"user",
"content":[{"type":"input_text","text":"say hello"}]}],"client_metadata":{"session_id":"s-1","turn_id":"t-1",
"x-codex-installation-id":"inst-secret"}}"#;

pub(crate) const STREAM: &str = concat!(
    "event: response.created\ndata: {\"type\":\"response.created\",\"sequence_number\":0,",
    "\"response\":{\"id\":\"resp_1\",\"model\":\"gpt-6.1-sol\"}}\n\n",
    ": keep-alive\n\n",
    "event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",",
    "\"sequence_number\":1,\"item_id\":\"msg_1\",\"output_index\":0,\"content_index\":0,\"delta\":\"Hello\"}\n\n",
    "event: response.completed\ndata: {\"type\":\"response.completed\",\"sequence_number\":2,",
    "\"response\":{\"id\":\"resp_1\",\"status\":\"completed\",\"usage\":{\"input_tokens\":10,",
    "\"output_tokens\":2,\"total_tokens\":12}}}\n\n",
);

/// A frame as a client (masked) or a server writes it (RFC 6455 §5.2).
pub(crate) fn frame(dir: Direction, first: u8, payload: &[u8]) -> Vec<u8> {
    let mask_bit = if dir == Direction::Out { 0x80 } else { 0 };
    let mut frame = vec![first];
    match payload.len() {
        len @ 0..126 => frame.push(mask_bit | len as u8),
        len => {
            frame.push(mask_bit | 0x7e);
            frame.extend_from_slice(&(len as u16).to_be_bytes());
        }
    }
    if dir == Direction::In {
        frame.extend_from_slice(payload);
        return frame;
    }
    let mask = [7, 11, 13, 17];
    frame.extend_from_slice(&mask);
    frame.extend(
        payload
            .iter()
            .zip(mask.iter().cycle())
            .map(|(byte, mask)| byte ^ mask),
    );
    frame
}
