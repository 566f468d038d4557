use std::ffi::OsStr;
use std::fs;
use std::net::SocketAddr;
use std::os::unix::ffi::OsStrExt;
use std::time::Duration;

use bytes::Bytes;
use http::Version;
use tempfile::TempDir;

use super::*;
use crate::tap::{
    Clock, Connection, End, Event, Exchange, Failure, KILLED, Kind, Lane, Limits, Phase, Receiver,
    Side, Tap, channel,
};

/// A tap with a tail.
struct Run {
    home: TempDir,
    tap: Tap,
    receiver: Receiver,
    tail: Tail,
}

impl Run {
    fn new() -> Self {
        Self::with_room(u64::MAX)
    }

    fn with_room(room: u64) -> Self {
        let home = tempfile::tempdir().unwrap();
        let redactor = Redactor::new();
        let (tap, receiver) = channel(Limits::default(), Clock::start(), redactor.clone());
        let capture = Path::new("/home/me/capture.jsonl");
        let started = At::from_micros(7);
        let tail = Tail::start(home.path(), "run", room, capture, started, redactor).unwrap();
        tap.keep_tail(tail.clone());
        Self {
            home,
            tap,
            receiver,
            tail,
        }
    }

    fn open(&self) -> (Exchange, Lane, Lane) {
        let client = SocketAddr::from(([127, 0, 0, 1], 40_000));
        let exchange = self.tap.open(1, client, "https://up".into());
        let (out, inn) = (exchange.lane(Direction::Out), exchange.lane(Direction::In));
        (exchange, out, inn)
    }

    /// What a receiver was told.
    fn told(&mut self) -> Vec<Event> {
        let mut events = Vec::new();
        self.receiver.try_recv_many(&mut events);
        events
    }

    /// What would be left if it was killed now.
    fn kill(&self) -> Remains {
        let left = self.home.path().join("killed");
        fs::create_dir(&left).unwrap();
        for entry in fs::read_dir(self.home.path().join("run")).unwrap() {
            let entry = entry.unwrap();
            fs::copy(entry.path(), left.join(entry.file_name())).unwrap();
        }
        Remains::take(self.home.path(), "killed").unwrap().unwrap()
    }
}

/// A part of a body on its way to the client.
fn forward(lane: &mut Lane, bytes: &'static [u8]) {
    let bytes = Bytes::from_static(bytes);
    lane.before([&bytes]);
    lane.data(&bytes);
}

fn bytes_of(events: &[Event], exchange: ExchangeId) -> Vec<u8> {
    let of_it = events.iter().filter(|event| event.exchange == exchange);
    let data = of_it.filter_map(|event| match &event.kind {
        Kind::Data { bytes, .. } => Some(&bytes[..]),
        _ => None,
    });
    data.collect::<Vec<_>>().concat()
}

const KEY: &[u8] = b"Bearer a-credential-of-some-length";

#[test]
fn all_that_was_told_is_there_again_masked_the_same_and_in_order() {
    let mut run = Run::new();
    let (exchange, mut out, mut inn) = run.open();
    let fields = [("authorization", KEY), ("X-Odd", &b"\xff\xfe"[..])];
    exchange.request(b"POST", b"/v1/responses?key=abc", Version::HTTP_11, fields);
    out.data(&Bytes::from_static(b"{}"));
    exchange.connected(Connection {
        is_reused: false,
        proxy: Some("http://proxy:1".into()),
        dns: None,
        connect: Some(Duration::from_micros(3)),
        tls: Some(Duration::ZERO),
    });
    out.end(End::Complete);
    exchange.response(200, Version::HTTP_2, [("content-type", &b"text/plain"[..])]);
    forward(&mut inn, b"one");
    inn.trailers([("t", &b"1"[..])]);
    inn.failed(Side::Upstream, Phase::Body, "broke".to_owned());
    let (other, _out, mut inn) = run.open();
    other.upgraded();
    forward(&mut inn, b"frame");

    let told = run.told();
    let remains = run.kill();
    assert_eq!(remains.started(), At::from_micros(7));
    let InFlight {
        events, left_out, ..
    } = remains.read().unwrap();
    assert!(left_out.is_empty());
    let kinds = |events: &[Event], id| -> Vec<Kind> {
        let of_it = events
            .iter()
            .filter(|event| event.exchange == ExchangeId(id));
        of_it.map(|event| event.kind.clone()).collect()
    };
    // The very last news of an exchange wait for the next bytes to a client.
    let first = kinds(&told, 1);
    let recovered = kinds(&events, 1);
    let is_trailers = |kind: &Kind| matches!(kind, Kind::Trailers { .. });
    let written = first.iter().position(is_trailers).unwrap();
    assert_eq!(recovered[..written], first[..written]);
    let mut second = kinds(&told, 2);
    second.push(Kind::Failed(Failure::killed(Phase::Relay)));
    for dir in [Direction::Out, Direction::In] {
        let how = End::Aborted;
        second.push(Kind::Ended { dir, how });
    }
    assert_eq!(kinds(&events, 2), second);
    assert!(events.is_sorted_by_key(|event| event.at));
}

#[test]
fn what_is_about_to_be_forwarded_is_there_before_it_is() {
    let run = Run::new();
    let (exchange, mut out, inn) = run.open();
    out.data(&Bytes::from_static(b"asked"));
    exchange.response(200, Version::HTTP_11, []);
    inn.before([&Bytes::from_static(b"on"), &Bytes::from_static(b"e")]);
    let remains = run.kill();
    let events = remains.read().unwrap().events;
    assert_eq!(bytes_of(&events, exchange.id()), b"askedone");
    let last = events.iter().find_map(|event| match &event.kind {
        Kind::Failed(failure) => Some(failure.message.clone()),
        _ => None,
    });
    assert!(last.is_some_and(|message| message.contains(KILLED)));
}

#[test]
fn a_record_that_is_torn_or_forged_ends_its_slot() {
    let run = Run::new();
    let (exchange, _out, inn) = run.open();
    inn.before([&Bytes::from_static(b"whole")]);
    inn.before([&Bytes::from_static(b"not whole, since it was torn")]);
    let slot = run.home.path().join("run/0");
    let bytes = fs::read(&slot).unwrap();
    for torn in 1..36 {
        let mut bytes = bytes.clone();
        let end = bytes.len();
        // What was not written is zero, or not there.
        bytes[end - torn..].fill(0);
        for bytes in [&bytes[..], &bytes[..end - torn]] {
            let mut told = Vec::new();
            let records = record::records(Bytes::copy_from_slice(bytes));
            for record in records {
                if let record::Record::Told(_, Told::Kind(Kind::Data { bytes, .. })) = record {
                    told.extend_from_slice(&bytes);
                }
            }
            assert_eq!(told, b"whole", "{torn}");
        }
    }
    assert_eq!(exchange.id(), ExchangeId(1));
}

#[test]
fn a_slot_is_wiped_and_used_again() {
    let run = Run::new();
    let slot = run.home.path().join("run/0");
    for (number, len) in [(1, 100), (2, 10), (3, 2 * WIPED), (4, 7)] {
        let (exchange, _out, inn) = run.open();
        inn.before([&Bytes::from(vec![b'x'; len])]);
        assert!(run.tail.shared.bytes.load(Ordering::Relaxed) > len as u64);
        run.tail.settle(exchange.id());
        assert_eq!(exchange.id(), ExchangeId(number));
        assert!(fs::read(&slot).unwrap().iter().all(|byte| *byte == 0));
        assert_eq!(run.tail.shared.bytes.load(Ordering::Relaxed), 0);
        // It is over: nothing more is taken.
        inn.before([&Bytes::from_static(b"late")]);
        assert!(fs::read(&slot).unwrap().iter().all(|byte| *byte == 0));
    }
    assert!(!run.home.path().join("run/1").exists());
    let remains = run.kill();
    assert!(remains.read().unwrap().events.is_empty());
}

#[test]
fn what_one_exchange_has_shown_to_be_secret_stays_secret_in_all_others() {
    let mut run = Run::new();
    let (other, _out, inn) = run.open();
    let (exchange, ..) = run.open();
    exchange.request(b"GET", b"/", Version::HTTP_11, [("authorization", KEY)]);
    run.told();
    run.tail.settle(exchange.id());
    inn.before([&Bytes::from_static(b"one")]);
    other.response(200, Version::HTTP_11, [("x-echo", KEY)]);
    inn.before([&Bytes::from_static(b"two")]);
    let live = run.told();
    let is_echo = |event: &&Event| matches!(event.kind, Kind::Response(_));
    let live = live.iter().find(is_echo).unwrap().kind.clone();
    let remains = run.kill();
    let events = remains.read().unwrap().events;
    let echo = &events.iter().find(is_echo).unwrap().kind;
    // With the live run's own mark.
    assert_eq!(*echo, live);
    assert!(format!("{echo:?}").contains("<redacted:"), "{echo:?}");
}

/// Whether a credential that was learnt before is masked in what another exchange has.
fn is_masked_elsewhere(run: &Run, other: &Exchange, inn: &Lane) -> bool {
    other.response(200, Version::HTTP_11, [("x-echo", KEY)]);
    inn.before([&Bytes::from_static(b"two")]);
    let events = run.kill().read().unwrap().events;
    let is_echo = |event: &&Event| matches!(event.kind, Kind::Response(_));
    let echo = &events.iter().find(is_echo).unwrap().kind;
    format!("{echo:?}").contains("<redacted:")
}

#[test]
fn what_shows_a_credential_stays_until_the_label_has_that() {
    let mut run = Run::new();
    let (other, _out, inn) = run.open();
    inn.before([&Bytes::from_static(b"one")]);
    let (exchange, _out, own) = run.open();
    exchange.request(b"GET", b"/", Version::HTTP_11, [("authorization", KEY)]);
    own.before([&Bytes::from_static(b"one")]);
    run.told();
    let obstacle = run.home.path().join("run/label-new");
    fs::create_dir(&obstacle).unwrap();
    run.tail.settle(exchange.id());
    let slot = run.home.path().join("run/1");
    let has_key = || {
        let slot = fs::read(&slot).unwrap();
        slot.windows(KEY.len()).any(|bytes| bytes == KEY)
    };
    assert!(has_key());
    fs::remove_dir(&obstacle).unwrap();
    run.tail.settle(ExchangeId(99));
    assert!(!has_key());
    assert!(is_masked_elsewhere(&run, &other, &inn));
}

#[test]
fn a_credential_is_known_even_if_its_exchange_goes_beyond_a_bound() {
    let mut run = Run::with_room(1000);
    let (other, _out, inn) = run.open();
    let (exchange, _out, own) = run.open();
    exchange.request(b"GET", b"/", Version::HTTP_11, [("authorization", KEY)]);
    run.told();
    own.before([&Bytes::from(vec![b'x'; 1000])]);
    assert!(is_masked_elsewhere(&run, &other, &inn));
}

#[test]
fn a_credential_is_known_even_if_its_exchange_has_no_slot() {
    let mut run = Run::new();
    let (other, _out, inn) = run.open();
    lock(&run.tail.shared.pool).made = SLOTS;
    let (exchange, ..) = run.open();
    exchange.request(b"GET", b"/", Version::HTTP_11, [("authorization", KEY)]);
    run.told();
    run.tail.settle(exchange.id());
    assert!(is_masked_elsewhere(&run, &other, &inn));
}

#[test]
fn files_that_many_exchanges_needed_go_when_all_are_over() {
    let run = Run::new();
    let slots = || {
        let files = fs::read_dir(&run.tail.shared.directory).unwrap();
        let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
        names.filter(|name| name.parse::<usize>().is_ok()).count()
    };
    let open: Vec<_> = (0..3 * SPARE).map(|_| run.open()).collect();
    assert_eq!(slots(), open.len());
    let (last, rest) = open.split_last().unwrap();
    for (exchange, ..) in rest {
        run.tail.settle(exchange.id());
    }
    assert_eq!(slots(), open.len(), "there may be as many again");
    run.tail.settle(last.0.id());
    assert_eq!(slots(), SPARE);
    let again: Vec<_> = (0..3 * SPARE).map(|_| run.open()).collect();
    assert_eq!(slots(), again.len());
}

#[test]
fn turns_that_are_not_to_be_captured_are_named_after_a_rest_too() {
    let run = Run::new();
    let (exchange, _out, mut inn) = run.open();
    exchange.upgraded();
    forward(&mut inn, b"answered");
    run.tail.leave_out(exchange.id(), 3);
    run.tail.rest(exchange.id(), [0, 8], b"resting");
    let in_flight = run.kill().read().unwrap();
    assert_eq!(in_flight.resting.len(), 1);
    assert!(in_flight.left_out.contains(&(exchange.id(), 3)));
}

#[test]
fn a_rest_keeps_to_the_bounds_too_and_is_not_taken_for_what_grew() {
    let run = Run::with_room(300 << 10);
    let (exchange, _out, inn) = run.open();
    exchange.upgraded();
    inn.before([&Bytes::from(vec![b'x'; 100 << 10])]);
    assert!(!run.tail.is_long(exchange.id()));
    inn.before([&Bytes::from(vec![b'x'; 100 << 10])]);
    // Half of all the room.
    assert!(run.tail.is_long(exchange.id()));
    run.tail
        .rest(exchange.id(), [0, 200 << 10], &vec![b'r'; 200 << 10]);
    assert!(run.kill().read().unwrap().resting.is_empty());
    let run = Run::new();
    let (exchange, _out, inn) = run.open();
    exchange.upgraded();
    inn.before([&Bytes::from(vec![b'x'; 600 << 10])]);
    assert!(run.tail.is_long(exchange.id()));
    run.tail
        .rest(exchange.id(), [0, 600 << 10], &vec![b'r'; 600 << 10]);
    assert!(!run.tail.is_long(exchange.id()));
    inn.before([&Bytes::from(vec![b'x'; 500 << 10])]);
    assert!(!run.tail.is_long(exchange.id()));
    inn.before([&Bytes::from(vec![b'x'; 200 << 10])]);
    assert!(run.tail.is_long(exchange.id()));
}

#[test]
fn a_start_that_fails_leaves_nothing() {
    let home = tempfile::tempdir().unwrap();
    let capture = Path::new(OsStr::from_bytes(b"/home/me/\xff.jsonl"));
    let started = At::from_micros(7);
    let tail = Tail::start(home.path(), "run", 9, capture, started, Redactor::new());
    assert!(tail.is_err());
    assert_eq!(fs::read_dir(home.path()).unwrap().count(), 0);
}

#[test]
fn what_nobody_will_recover_is_removed() {
    let run = Run::new();
    let tails = run.home.path();
    let make = |name: &str, capture: &Path| {
        let started = At::from_micros(7);
        let tail = Tail::start(tails, name, 9, capture, started, Redactor::new()).unwrap();
        drop(tail);
        tails.join(name)
    };
    let is_here = tails.join("capture.jsonl");
    let kept = make("kept", &is_here);
    let gone = make("gone", Path::new("/nowhere/at/all/capture.jsonl"));
    let nameless = make("nameless", &is_here);
    fs::remove_file(nameless.join(LABEL)).unwrap();
    fs::write(nameless.join("0"), "a credential").unwrap();
    let nascent = tails.join(".nascent");
    fs::rename(make("nascent", &is_here), &nascent).unwrap();
    let old = make("old", &is_here);
    let label = File::options().write(true).open(old.join(LABEL)).unwrap();
    let week = Duration::from_secs(8 * 24 * 60 * 60);
    let modified = label.metadata().unwrap().modified().unwrap();
    label.set_modified(modified - week).unwrap();
    Remains::sweep(tails);
    for tail in [gone, nameless, nascent, old] {
        assert!(!tail.exists(), "{}", tail.display());
    }
    // That of a program that lives stays whatever it says.
    assert!(kept.exists() && run.home.path().join("run").exists());
}

#[test]
fn slots_leave_most_descriptors_to_connections() {
    let soft = [None, Some(1 << 20), Some(1024), Some(0)];
    assert_eq!(soft.map(slots), [SLOTS, SLOTS, 128, 0]);
}

#[test]
fn what_goes_beyond_a_bound_is_dropped_and_the_rest_stays() {
    let run = Run::with_room(1000);
    let (small, _out, inn) = run.open();
    inn.before([&Bytes::from_static(b"small")]);
    let (large, _out2, inn2) = run.open();
    inn2.before([&Bytes::from_static(b"begun")]);
    inn2.before([&Bytes::from(vec![b'x'; 1000])]);
    inn2.before([&Bytes::from_static(b"more")]);
    inn.before([&Bytes::from(vec![b'y'; 100])]);
    let remains = run.kill();
    let events = remains.read().unwrap().events;
    assert!(bytes_of(&events, large.id()).is_empty());
    assert_eq!(bytes_of(&events, small.id()).len(), 105);
}

#[test]
fn nobody_takes_a_tail_whose_program_lives_and_a_proper_end_removes_it() {
    let run = Run::new();
    let taken = Remains::take(run.home.path(), "run");
    assert_eq!(taken.unwrap_err().kind(), io::ErrorKind::WouldBlock);
    let capture = PathBuf::from("/home/me/capture.jsonl");
    let expected = [("run".to_owned(), capture)];
    assert_eq!(Remains::list(run.home.path()), expected);
    let (out, ..) = run.open();
    run.tail.leave_out(out.id(), 3);
    run.tail.clone().finish(true);
    assert_eq!(Remains::list(run.home.path()).len(), 1);
    run.tail.clone().finish(false);
    assert!(Remains::list(run.home.path()).is_empty());
}

#[test]
fn turns_that_are_not_to_be_captured_are_named() {
    let run = Run::new();
    let (exchange, ..) = run.open();
    run.tail.leave_out(exchange.id(), 3);
    let remains = run.kill();
    let left_out = remains.read().unwrap().left_out;
    assert_eq!(
        left_out.into_iter().collect::<Vec<_>>(),
        [(exchange.id(), 3)]
    );
    remains.remove().unwrap();
    assert!(Remains::take(run.home.path(), "killed").unwrap().is_none());
}

#[test]
fn what_is_at_rest_is_replaced_unless_more_has_passed() {
    let run = Run::new();
    let (exchange, mut out, mut inn) = run.open();
    exchange.upgraded();
    out.data(&Bytes::from_static(b"asked"));
    forward(&mut inn, b"answered");
    assert!(!run.tail.is_long(exchange.id()));
    run.tail.rest(exchange.id(), [5, 7], b"other");
    run.tail.rest(exchange.id(), [5, 8], b"resting");
    let first = fs::read(run.home.path().join("run/0")).unwrap();
    assert!(first.iter().all(|byte| *byte == 0));
    forward(&mut inn, b"more");
    run.tail.rest(exchange.id(), [5, 8], b"too late");
    let in_flight = run.kill().read().unwrap();
    let rest = Bytes::from_static(b"resting");
    assert_eq!(in_flight.resting, [(exchange.id(), rest)]);
    assert_eq!(bytes_of(&in_flight.events, exchange.id()), b"more");
    let last = &in_flight.events[1].kind;
    assert_eq!(*last, Kind::Failed(Failure::killed(Phase::Relay)));
    // Killed before the slot that was replaced was wiped: the one that goes further counts.
    let left = run.home.path().join("killed");
    let old = [record_of(exchange.id(), 4), vec![0; 9]].concat();
    fs::write(left.join("0"), old).unwrap();
    let again = Remains::take(run.home.path(), "killed").unwrap().unwrap();
    assert_eq!(again.read().unwrap().events, in_flight.events);
    // Before it had its place: the old one has gone on.
    fs::write(left.join("0"), record_of(exchange.id(), 9)).unwrap();
    let longer = again.read().unwrap();
    assert_eq!(bytes_of(&longer.events, exchange.id()).len(), 27);
    assert!(longer.resting.is_empty());
    // And one that is about to end is left as it is.
    inn.end(End::Complete);
    run.tail.rest(exchange.id(), [5, 12], b"too late");
    let second = fs::read(run.home.path().join("run/1")).unwrap();
    assert!(second.windows(7).any(|bytes| bytes == b"resting"));
}

/// The beginning of a slot, with some portions of bytes to the client.
fn record_of(exchange: ExchangeId, portions: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    record::begin(&mut bytes, exchange);
    for _ in 0..portions {
        record::data(&mut bytes, At::from_micros(9), Direction::In, b"old");
    }
    bytes
}
