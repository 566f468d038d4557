//! What a recorder makes of an attack, and what becomes of it in a capture and on the screen.

use std::sync::Arc;

use bytes::Bytes;
use codextap::app::{App, Msg, Options};
use codextap::capture;
use codextap::flow::{Flow, Recorder, Store};
use codextap::tap::{
    At, Direction, End, Event, ExchangeId, Kind, Redactor, RequestHead, ResponseHead, fields,
};
use codextap::view::{Theme, draw};
use crossterm::event::{KeyCode, KeyEvent};
use http::{HeaderMap, HeaderName, HeaderValue, Version};
use ratatui::Terminal;
use ratatui::backend::TestBackend;

/// A recorder that is told what a tap would tell.
pub(crate) struct Observed {
    pub(crate) store: Store,
    recorder: Recorder,
    redactor: Redactor,
    now: u64,
}

impl Observed {
    pub(crate) fn new() -> Self {
        let redactor = Redactor::new();
        let now = 1_790_000_000_000_000;
        Self {
            store: Store::default(),
            recorder: Recorder::new(At::from_micros(now), redactor.clone()),
            redactor,
            now,
        }
    }

    /// Takes what a tap told.
    pub(crate) fn take(&mut self, events: Vec<Event>) {
        for event in events {
            self.recorder.apply(&mut self.store, event);
        }
    }

    fn tell(&mut self, kind: Kind) {
        self.now += 100;
        let event = Event {
            exchange: ExchangeId(1),
            at: At::from_micros(self.now),
            kind,
        };
        self.recorder.apply(&mut self.store, event);
    }

    /// A request for a model response.
    pub(crate) fn request(&mut self, pairs: &[(&'static str, &str)], body: &[u8]) {
        self.tell(Kind::Opened {
            connection: 1,
            client: "127.0.0.1:50000".parse().unwrap(),
            upstream: Arc::from("https://upstream.example"),
        });
        self.tell(Kind::Request(RequestHead {
            method: "POST".to_owned(),
            target: "/v1/responses".to_owned(),
            version: Version::HTTP_11,
            fields: fields(&map(pairs), &self.redactor),
        }));
        self.data(Direction::Out, body);
        self.end(Direction::Out);
    }

    pub(crate) fn response(&mut self, status: u16, pairs: &[(&'static str, &str)]) {
        self.tell(Kind::Response(ResponseHead {
            status,
            version: Version::HTTP_11,
            fields: fields(&map(pairs), &self.redactor),
        }));
    }

    /// A small request, and the head of its answer.
    pub(crate) fn answered(&mut self, pairs: &[(&'static str, &str)]) {
        self.request(&[], br#"{"model":"m","input":[]}"#);
        self.response(200, pairs);
    }

    /// The same for an event stream.
    pub(crate) fn stream(&mut self) {
        self.answered(&[("content-type", "text/event-stream")]);
    }

    /// A WebSocket, upgraded, on which a turn began.
    pub(crate) fn socket(&mut self, extensions: &str) {
        self.request(&[("upgrade", "websocket")], b"");
        let mut pairs = vec![("upgrade", "websocket")];
        if !extensions.is_empty() {
            pairs.push(("sec-websocket-extensions", extensions));
        }
        self.response(101, &pairs);
        self.tell(Kind::Upgraded);
        let create = br#"{"type":"response.create","model":"m","input":[]}"#;
        self.data(Direction::Out, &frame(0x81, true, create));
    }

    /// Bytes, in chunks as large as a proxy's.
    pub(crate) fn data(&mut self, dir: Direction, bytes: &[u8]) {
        for chunk in bytes.chunks(64 << 10) {
            self.tell(Kind::Data {
                dir,
                bytes: Bytes::copy_from_slice(chunk),
            });
        }
    }

    pub(crate) fn end(&mut self, dir: Direction) {
        let how = End::Complete;
        self.tell(Kind::Ended { dir, how });
    }

    /// Ends the response, and of a WebSocket both directions.
    pub(crate) fn finish(&mut self) -> Seen {
        self.end(Direction::In);
        self.end(Direction::Out);
        self.seen()
    }

    /// Writes, opens again and draws the newest flow that carries a mark, or else the newest.
    pub(crate) fn seen(&mut self) -> Seen {
        let mut file = Vec::new();
        for id in self.recorder.take_finished() {
            let flow = self.store.get(id).unwrap();
            file.extend(capture::line(flow, &self.store).unwrap());
            file.push(b'\n');
        }
        let mut reader = capture::Reader::default();
        reader.lines("-", file.as_slice()).unwrap();
        drop(file);
        let loaded = reader.finish();
        assert_eq!(loaded.skipped, []);
        let (live, again) = (self.store.flows(), loaded.store.flows());
        assert_eq!(live.len(), again.len());
        for (live, again) in live.iter().zip(again) {
            assert_eq!(marks(live), marks(again));
            assert_eq!(live.frames.len(), again.frames.len());
            assert!(live.turn == again.turn, "another turn");
            assert_eq!(live.state(), again.state());
        }
        let index = live.iter().rposition(|flow| !marks(flow).is_empty());
        let index = index.unwrap_or(live.len() - 1);
        let flow = &live[index];
        Seen {
            marks: marks(flow),
            screens: draws(&self.store, index),
            wire: flow.wire_len(),
        }
    }
}

/// What there is to see of an attack.
#[derive(Debug)]
pub(crate) struct Seen {
    /// What the flow says about it.
    pub(crate) marks: Vec<String>,
    /// The panes at 80 by 24, without blanks and borders.
    pub(crate) screens: Vec<String>,
    /// Bytes on the wire.
    pub(crate) wire: u64,
}

impl Seen {
    /// The flow, and a pane that is open without asking, say `mark`.
    #[track_caller]
    pub(crate) fn assert_marked(&self, mark: &str) {
        let is_marked = self.marks.iter().any(|text| text.contains(mark));
        assert!(is_marked, "no {mark:?} in {:#?}", self.marks);
        self.assert_shown(mark);
    }

    /// A pane says `text`.
    #[track_caller]
    pub(crate) fn assert_shown(&self, text: &str) {
        let text = dense(text);
        let is_shown = self.screens.iter().any(|screen| screen.contains(&text));
        assert!(is_shown, "no {text:?} in {:#?}", self.screens);
    }
}

/// What was bounded, and what is wrong with the stream.
pub(crate) fn marks(flow: &Flow) -> Vec<String> {
    let faults = flow.faults.iter().map(|fault| fault.message.clone());
    let lints = flow.turn.iter().flat_map(|turn| turn.lints.clone());
    faults.chain(lints).collect()
}

/// Draws each pane of the flow at `index` on a screen of its own.
fn draws(store: &Store, index: usize) -> Vec<String> {
    let theme = Theme::load("default-dark", &[]).unwrap().loaded();
    let mut app = App::new(Options::default());
    *app.store_mut() = store.clone();
    app.update(Msg::Tick(At::from_micros(1_790_000_100_000_000)));
    app.update(Msg::Changed);
    app.prepare((80, 24));
    press(&mut app, 'g');
    for _ in 0..index {
        press(&mut app, 'j');
    }
    let mut screens = Vec::new();
    for keys in ["2z", "]", "]", "]", "z3z", "z4z", "z5z"] {
        keys.chars().for_each(|key| press(&mut app, key));
        app.prepare((80, 24));
        let mut terminal = Terminal::new(TestBackend::new(80, 24)).unwrap();
        terminal.draw(|frame| draw(&app, &theme, frame)).unwrap();
        let cells = &terminal.backend().buffer().content;
        screens.push(dense(
            &cells
                .iter()
                .map(ratatui::buffer::Cell::symbol)
                .collect::<String>(),
        ));
    }
    screens
}

fn press(app: &mut App, key: char) {
    app.update(Msg::Key(KeyEvent::from(KeyCode::Char(key))));
}

/// Without what breaks a text that is wrapped in a pane.
fn dense(text: &str) -> String {
    text.chars()
        .filter(|c| !c.is_whitespace() && !matches!(c, '│' | '┃' | '▌'))
        .collect()
}

/// A WebSocket frame; a mask of zeros changes nothing (RFC 6455 §5.3).
pub(crate) fn frame(first: u8, is_masked: bool, payload: &[u8]) -> Vec<u8> {
    let bit = u8::from(is_masked) << 7;
    let mut frame = vec![first];
    match payload.len() {
        len @ 0..126 => frame.push(bit | len as u8),
        len => {
            frame.push(bit | 127);
            frame.extend((len as u64).to_be_bytes());
        }
    }
    if is_masked {
        frame.extend([0; 4]);
    }
    frame.extend(payload);
    frame
}

fn map(pairs: &[(&'static str, &str)]) -> HeaderMap {
    let pairs = pairs.iter().map(|(name, value)| {
        let value = HeaderValue::from_str(value).unwrap();
        (HeaderName::from_static(name), value)
    });
    pairs.collect()
}
