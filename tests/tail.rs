//! The tail: what a client received is there before the recorder has heard of it, and comes back once.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::thread::yield_now;

use bytes::Bytes;
use codextap::capture::{self, BACKLOG, Choice, Recording, Recovery, Writer, load};
use codextap::flow::{Flow, FlowKind, Store};
use codextap::tap::{
    Clock, Direction, End, Exchange, Lane, Limits, Receiver, Redactor, Tail, Tap, channel,
};
use flate2::{Compress, Compression, FlushCompress};
use http::Version;
use tempfile::TempDir;

/// A recording with a journal and a tail, and the tap that it listens to.
struct Run {
    home: TempDir,
    tap: Tap,
    events: Receiver,
    recording: Recording,
    store: Store,
}

impl Run {
    fn new() -> Self {
        Self::with_backlog(BACKLOG)
    }

    /// With so many bytes of lines that may wait for the disk.
    fn with_backlog(backlog: u64) -> Self {
        let home = tempfile::tempdir().unwrap();
        let (clock, redactor) = (Clock::start(), Redactor::new());
        let (tap, events) = channel(Limits::default(), clock, redactor.clone());
        let capture = home.path().join("capture.jsonl");
        let writer = Writer::open(&capture, backlog).unwrap();
        let started = clock.now();
        let mut recording = Recording::new(started, redactor.clone(), Some(writer));
        recording.keep_journal().unwrap();
        let tails = home.path().join("tails");
        fs::create_dir(&tails).unwrap();
        let run = recording.run();
        let tail = Tail::start(&tails, run, u64::MAX, &capture, started, redactor).unwrap();
        tap.keep_tail(tail.clone());
        recording.keep_tail(tail);
        Self {
            home,
            tap,
            events,
            recording,
            store: Store::default(),
        }
    }

    /// An answer of events on its way.
    fn stream(&self) -> (Exchange, Lane) {
        let exchange = self.open();
        exchange.request(b"POST", b"/v1/responses", Version::HTTP_11, []);
        let mut out = exchange.lane(Direction::Out);
        out.data(&Bytes::from_static(b"{}"));
        out.end(End::Complete);
        let kind = ("content-type", &b"text/event-stream"[..]);
        exchange.response(200, Version::HTTP_11, [kind]);
        let inn = exchange.lane(Direction::In);
        (exchange, inn)
    }

    fn open(&self) -> Exchange {
        let client = SocketAddr::from(([127, 0, 0, 1], 40_000));
        self.tap.open(1, client, "https://api.openai.com".into())
    }

    /// Lets the recording hear what was told, and waits for the lines of what ended.
    fn hear(&mut self) {
        let mut events = Vec::new();
        while self.events.try_recv_many(&mut events) > 0 {}
        for event in events {
            self.recording.apply(&mut self.store, event);
        }
        self.recording.settle(&mut self.store);
        while self.recording.awaits_writing() {
            self.recording.settle(&mut self.store);
            yield_now();
        }
    }

    fn slot(&self, number: usize) -> PathBuf {
        let run = self.home.path().join("tails").join(self.recording.run());
        run.join(number.to_string())
    }

    /// All that would be left if it was killed now, in a directory of its own; recovers it. Gives the
    /// flows that were added, and all that the capture then has.
    fn kill(&self) -> (usize, Vec<Flow>) {
        let left = tempfile::tempdir().unwrap();
        copy(self.home.path(), left.path());
        let name = format!("capture.jsonl.{}.journal", self.recording.run());
        let tails = [left.path().join("tails")];
        let recovery = capture::recover(&left.path().join(name), &tails).unwrap();
        let Recovery::Recovered { capture, flows, .. } = recovery else {
            panic!("in use")
        };
        assert_eq!(fs::read_dir(&tails[0]).unwrap().count(), 0);
        let loaded = load(&capture).unwrap();
        assert!(loaded.skipped.is_empty());
        let all = loaded.store.flows().into_iter().cloned().collect();
        (flows, all)
    }
}

fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            fs::create_dir(&to).unwrap();
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}

/// Forwards bytes to the client.
fn forward(lane: &mut Lane, bytes: &[u8]) {
    let bytes = Bytes::copy_from_slice(bytes);
    lane.before([&bytes]);
    lane.data(&bytes);
}

/// A text message (RFC 6455 §5.2), masked with zeros on its way out.
fn message(dir: Direction, text: &[u8]) -> Vec<u8> {
    let is_out = dir == Direction::Out;
    let mask = if is_out { 0x80 } else { 0 };
    let mut frame = vec![0x81];
    match u16::try_from(text.len()).unwrap() {
        len @ ..=125 => frame.push(mask | len as u8),
        len => {
            frame.push(mask | 0x7e);
            frame.extend(len.to_be_bytes());
        }
    }
    frame.extend(vec![0; usize::from(is_out) * 4]);
    frame.extend(text);
    frame
}

#[test]
fn what_the_recorder_has_not_heard_of_comes_back_to_the_last_byte() {
    let mut run = Run::new();
    let (_one, mut inn) = run.stream();
    forward(&mut inn, b"data: 1\n\nda");
    run.hear();
    forward(&mut inn, b"ta: 2\n\ndata: 3");
    let (_two, mut other) = run.stream();
    forward(&mut other, b"data: 4\n\n");
    let (count, flows) = run.kill();
    assert_eq!(count, 2);
    let bodies: Vec<_> = flows
        .iter()
        .filter_map(|it| it.response.body.text())
        .collect();
    assert_eq!(bodies, ["data: 1\n\ndata: 2\n\ndata: 3", "data: 4\n\n"]);
    let names: Vec<_> = flows.iter().map(|flow| flow.name.clone()).collect();
    let name = |number| format!("{}-{number}", run.recording.run());
    assert_eq!(names, [name(1), name(2)]);
    assert!(
        flows
            .iter()
            .all(|flow| flow.is_recovered && flow.failures.len() == 1)
    );
    assert_eq!(flows[0].request.body.text(), Some("{}"));
}

#[test]
fn what_is_in_the_capture_leaves_the_tail_and_is_not_added_again() {
    let mut run = Run::new();
    let (_one, mut inn) = run.stream();
    forward(&mut inn, b"data: 1\n\n");
    let slot = fs::read(run.slot(0)).unwrap();
    assert!(slot.ends_with(b"data: 1\n\n\n"));
    inn.end(End::Complete);
    run.hear();
    assert!(fs::read(run.slot(0)).unwrap().iter().all(|byte| *byte == 0));
    // Killed behind the line and before that.
    fs::write(run.slot(0), slot).unwrap();
    let (count, flows) = run.kill();
    assert_eq!((count, flows.len()), (0, 1));
    assert!(!flows[0].is_recovered);
}

#[test]
fn a_journal_that_was_torn_at_the_end_of_a_flow_is_no_match_for_the_tail() {
    let mut run = Run::new();
    // It keeps the journal from being emptied.
    let (_live, mut live) = run.stream();
    forward(&mut live, b"data: 1\n\n");
    run.hear();
    let (_ended, mut inn) = run.stream();
    let body = format!("data: {}\n\n", "x".repeat(100)).repeat(2000);
    forward(&mut inn, body.as_bytes());
    let slot = fs::read(run.slot(1)).unwrap();
    inn.end(End::Complete);
    run.hear();
    let name = format!("{}-2", run.recording.run());
    let journal = format!("capture.jsonl.{}.journal", run.recording.run());
    let journal = run.home.path().join(journal);
    let mut rows = String::new();
    while rows.len() < body.len() {
        yield_now();
        rows = fs::read_to_string(&journal).unwrap_or_default();
    }
    // Killed when the first of its rows was written, and the line was not.
    let is_its = |row: &&str| row.contains(&name);
    let first = rows.split_inclusive('\n').position(|row| is_its(&row));
    let torn: String = rows
        .split_inclusive('\n')
        .take(first.unwrap() + 1)
        .collect();
    assert!(torn.len() < body.len());
    fs::write(&journal, torn).unwrap();
    fs::write(run.slot(1), slot).unwrap();
    fs::write(run.home.path().join("capture.jsonl"), "").unwrap();
    let (count, flows) = run.kill();
    assert_eq!(count, 2);
    let ended = flows.iter().find(|flow| flow.name == name).unwrap();
    assert!(ended.response.body.text() == Some(&body));
    // And by itself the journal does not pass for the whole.
    fs::write(run.slot(1), "").unwrap();
    let (_, flows) = run.kill();
    let ended = flows.iter().find(|flow| flow.name == name).unwrap();
    assert!(!ended.response.body.is_complete && ended.failures.len() == 1);
}

#[test]
fn what_is_missing_from_the_capture_stays_in_the_tail() {
    let mut run = Run::with_backlog(1);
    let capture = run.home.path().join("capture.jsonl");
    fs::remove_file(&capture).unwrap();
    fs::create_dir(&capture).unwrap();
    let (_one, mut inn) = run.stream();
    forward(&mut inn, b"data: 1\n\n");
    inn.end(End::Complete);
    run.hear();
    assert!(run.recording.error().is_some());
    assert!(fs::read(run.slot(0)).unwrap().ends_with(b"data: 1\n\n\n"));
    fs::remove_dir(&capture).unwrap();
    assert_eq!(run.kill().0, 1);
}

#[test]
fn a_tail_that_cannot_be_read_is_told_and_the_journal_is_recovered() {
    let mut run = Run::new();
    let (_one, mut inn) = run.stream();
    forward(&mut inn, b"data: 1\n\n");
    run.hear();
    let name = format!("capture.jsonl.{}.journal", run.recording.run());
    while !run.home.path().join(&name).exists() {
        yield_now();
    }
    let left = tempfile::tempdir().unwrap();
    copy(run.home.path(), left.path());
    let tails = [left.path().join("tails")];
    let label = tails[0].join(run.recording.run()).join("label");
    fs::write(&label, "{").unwrap();
    let journal = left.path().join(name);
    let recovery = capture::recover(&journal, &tails).unwrap();
    let Recovery::Recovered { flows, unread, .. } = recovery else {
        panic!("in use")
    };
    assert_eq!(flows, 1);
    assert!(unread.is_some() && label.exists() && !journal.exists());
}

#[test]
fn turns_that_were_not_chosen_do_not_come_back() {
    let mut run = Run::new();
    run.recording
        .choose(Choice::new(|flow, _| !flow.name.ends_with(".1")));
    let exchange = run.open();
    let upgrade = ("upgrade", &b"websocket"[..]);
    exchange.request(b"GET", b"/v1/responses", Version::HTTP_11, [upgrade]);
    exchange.response(101, Version::HTTP_11, [upgrade]);
    exchange.upgraded();
    let (mut out, mut inn) = (exchange.lane(Direction::Out), exchange.lane(Direction::In));
    for turn in 1..=3 {
        let create = message(Direction::Out, br#"{"type":"response.create"}"#);
        out.data(&Bytes::from(create));
        let delta = format!("{{\"type\":\"response.output_text.delta\",\"delta\":\"{turn}\"}}");
        forward(&mut inn, &message(Direction::In, delta.as_bytes()));
        let end = br#"{"type":"response.completed","response":{"id":"r"}}"#;
        if turn < 3 {
            forward(&mut inn, &message(Direction::In, end));
            run.hear();
        }
    }
    let (count, flows) = run.kill();
    // The third turn, and the connection.
    assert_eq!(count, 2);
    let turns: Vec<_> = flows
        .iter()
        .map(|flow| flow.name.rsplit_once('.'))
        .collect();
    let turns: Vec<_> = turns
        .into_iter()
        .map(|name| name.map(|(_, turn)| turn))
        .collect();
    assert_eq!(turns, [None, Some("2"), Some("3")]);
}

#[test]
fn a_proper_end_leaves_nothing() {
    let mut run = Run::new();
    let (_one, mut inn) = run.stream();
    forward(&mut inn, b"data: 1\n\n");
    run.hear();
    let Run {
        home,
        mut recording,
        mut store,
        events,
        tap,
        ..
    } = run;
    recording.cut(&mut store, Clock::start().now());
    assert!(recording.finish().unwrap().status.problem().is_none());
    drop((events, tap));
    assert_eq!(fs::read_dir(home.path().join("tails")).unwrap().count(), 0);
}

#[test]
fn a_connection_that_lives_long_is_kept_by_what_its_next_turn_needs() {
    for is_deflated in [false, true] {
        let mut run = Run::new();
        let exchange = run.open();
        let upgrade = ("upgrade", &b"websocket"[..]);
        exchange.request(b"GET", b"/v1/responses", Version::HTTP_11, [upgrade]);
        let extensions = ("sec-websocket-extensions", &b"permessage-deflate"[..]);
        let answer = [upgrade]
            .into_iter()
            .chain(is_deflated.then_some(extensions));
        exchange.response(101, Version::HTTP_11, answer);
        exchange.upgraded();
        let (mut out, mut inn) = (exchange.lane(Direction::Out), exchange.lane(Direction::In));
        let mut compressor = Compress::new(Compression::default(), false);
        let mut to_client = |text: &str| {
            let text = text.as_bytes();
            if !is_deflated {
                return message(Direction::In, text);
            }
            let mut deflated = Vec::with_capacity(text.len() + 100);
            let flush = FlushCompress::Sync;
            compressor.compress_vec(text, &mut deflated, flush).unwrap();
            deflated.truncate(deflated.len() - 4);
            let mut frame = message(Direction::In, &deflated);
            frame[0] |= 0x40;
            frame
        };
        let mut seed = 1_u32;
        let mut delta = || {
            let words = (0..5000).map(|_| {
                seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                format!("word{} ", seed >> 12)
            });
            let words: String = words.collect();
            format!("{{\"type\":\"response.output_text.delta\",\"delta\":\"{words}\"}}")
        };
        let end = r#"{"type":"response.completed","response":{"id":"r"}}"#;
        forward(&mut inn, &to_client(r#"{"type":"of.no.turn"}"#));
        let mut last_turn = Vec::new();
        for turn in 1..=5 {
            let create = message(Direction::Out, br#"{"type":"response.create"}"#);
            out.data(&create.into());
            last_turn = (0..10).map(|_| delta()).collect();
            for delta in &last_turn {
                forward(&mut inn, &to_client(delta));
            }
            if turn < 5 {
                forward(&mut inn, &to_client(end));
                run.hear();
            }
        }
        let sizes = [0, 1].map(|slot| fs::metadata(run.slot(slot)).unwrap().len());
        let passed = 5 * last_turn.iter().map(String::len).sum::<usize>() as u64;
        assert!(
            sizes.iter().sum::<u64>() < passed / 2,
            "{sizes:?} of {passed}"
        );
        let (count, flows) = run.kill();
        assert_eq!(count, 2);
        let name = |flow: &&Flow| flow.name.ends_with(".5");
        let last = flows.iter().find(name).unwrap();
        let rows = last.frames.iter().filter(|it| it.dir == Direction::In);
        let texts: Vec<&[u8]> = rows.map(|row| last.frame_bytes(row)).collect();
        assert_eq!(
            texts,
            last_turn.iter().map(String::as_bytes).collect::<Vec<_>>()
        );
        let connection = flows.iter().find(|flow| flow.kind == FlowKind::Ws).unwrap();
        assert_eq!(connection.frames.len(), 1);
        assert!(connection.is_recovered && connection.request.head.is_some());
    }
}
