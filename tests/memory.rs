//! Bounded memory: flows that stand in a capture are let go, and come back when they are needed.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

#[path = "support/brief.rs"]
mod brief;
#[path = "capture/flows.rs"]
mod flows;

use std::fs;
use std::path::Path;

use brief::brief;
use codextap::app::{App, Effect, Msg, Options, Search};
use codextap::capture::{self, Existing, Recording, Shelf, Start, Writer};
use codextap::filter::{Filter, Standing};
use codextap::flow::{FlowId, FlowKind, Store, Summary};
use codextap::tap::{At, Direction, End, Event, ExchangeId, Kind, Redactor, RequestHead};
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use flows::{every_kind, text_of};

/// How much a writer may keep in memory in these tests.
const BACKLOG: u64 = 1 << 20;

#[test]
fn a_flow_comes_back_as_it_was() {
    let directory = tempfile::tempdir().unwrap();
    let path = saved(directory.path());
    let whole = capture::load(&path).unwrap().store;
    let (mut store, shelf) = brief(&path);
    assert!(store.flows().is_empty());
    assert_eq!(store.len(), whole.len());
    for flow in whole.flows() {
        let mut summary = store.summary(flow.id).unwrap().into_owned();
        // How much there is to read, and how long nothing came, is asked of what is in memory only.
        let now = Summary::of(flow);
        (summary.text_len, summary.quiet_since) = (now.text_len, now.quiet_since);
        assert_eq!(summary, now);
        let read = shelf
            .read(store.place(flow.id).unwrap(), &flow.name)
            .unwrap();
        store.restore(flow.id, read);
        let back = store.get(flow.id).unwrap();
        assert_eq!(text_of(back, &store), text_of(flow, &whole));
        assert_eq!(back.kind, flow.kind);
    }
}

#[test]
fn the_longest_untouched_flows_are_let_go_first_and_wanted_ones_stay() {
    let directory = tempfile::tempdir().unwrap();
    let path = saved(directory.path());
    let (mut store, shelf) = brief(&path);
    let ids: Vec<FlowId> = store.rows().to_vec();
    for id in &ids {
        let name = store.summary(*id).unwrap().name.clone();
        let flow = shelf.read(store.place(*id).unwrap(), &name).unwrap();
        store.restore(*id, flow);
    }
    let is_whole =
        |store: &Store| -> Vec<bool> { ids.iter().map(|id| store.get(*id).is_some()).collect() };
    assert_eq!(is_whole(&store), vec![true; ids.len()]);
    let last = *ids.last().unwrap();
    let weight = store.get(last).unwrap().weight();
    store.trim(weight, |_| false);
    let mut expected = vec![false; ids.len()];
    *expected.last_mut().unwrap() = true;
    assert_eq!(is_whole(&store), expected);
    store.trim(0, |id| id == last);
    assert_eq!(is_whole(&store), expected);
    store.trim(0, |_| false);
    assert_eq!(is_whole(&store), vec![false; ids.len()]);
}

#[test]
fn what_was_let_go_is_saved_as_it_was_written() {
    let directory = tempfile::tempdir().unwrap();
    let path = saved(directory.path());
    let (store, shelf) = brief(&path);
    let other = directory.path().join("other.jsonl");
    let ids = store.rows().iter().copied();
    capture::save(&other, &store, &shelf, ids, Existing::Keep).unwrap();
    assert_eq!(fs::read(&other).unwrap(), fs::read(&path).unwrap());
}

#[test]
fn what_is_noted_about_a_flow_is_saved_with_it() {
    let directory = tempfile::tempdir().unwrap();
    let mut path = saved(directory.path());
    let before = fs::read(&path).unwrap();
    let id = FlowId(1);
    for comment in ["look \"here\"\n日本", "or here", ""] {
        let (mut store, shelf) = brief(&path);
        store.comment(id, comment);
        let noted = |store: &Store| store.summary(id).unwrap().comment.clone();
        assert_eq!(noted(&store).unwrap_or_default().as_ref(), comment);
        let name = store.summary(id).unwrap().name.clone();
        let flow = shelf.read(store.place(id).unwrap(), &name).unwrap();
        store.restore(id, flow);
        assert_eq!(
            noted(&store).unwrap_or_default().as_ref(),
            comment,
            "read back"
        );
        store.trim(0, |_| false);
        path = directory.path().join(format!("{}.jsonl", comment.len()));
        let ids = store.rows().to_vec();
        capture::save(&path, &store, &shelf, ids, Existing::Keep).unwrap();
        assert_eq!(noted(&brief(&path).0).unwrap_or_default().as_ref(), comment);
    }
    assert_eq!(fs::read(&path).unwrap(), before, "nothing else is touched");
}

#[test]
fn a_recording_lets_go_what_it_has_written() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("capture.jsonl");
    let writer = Writer::open(&path, BACKLOG).unwrap();
    let mut recording = Recording::new(At::default(), Redactor::off(), Some(writer));
    let mut store = Store::default();
    let first = exchange(&mut recording, &mut store, 1, "first body");
    written(&mut recording, &mut store, first);
    // Whoever rotates files moves this one away: what is in it can be read all the same.
    fs::rename(&path, directory.path().join("old.jsonl")).unwrap();
    let second = exchange(&mut recording, &mut store, 2, "second body");
    written(&mut recording, &mut store, second);
    store.trim(0, |_| false);
    for (id, body) in [(first, "first body"), (second, "second body")] {
        assert!(store.get(id).is_none());
        let name = store.summary(id).unwrap().name.clone();
        let flow = recording.shelf().read(store.place(id).unwrap(), &name);
        assert_eq!(flow.unwrap().request.body.text(), Some(body));
    }
    assert_ne!(
        store.place(first).unwrap().source,
        store.place(second).unwrap().source
    );
}

#[test]
fn a_file_without_a_name_serves_where_none_is_kept() {
    let directory = tempfile::tempdir().unwrap();
    let mut recording = Recording::new(At::default(), Redactor::off(), None);
    recording.spill(|| Writer::nameless(directory.path(), BACKLOG).ok());
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
    assert_eq!(recording.path(), None);
    let mut store = Store::default();
    let ids: Vec<FlowId> = (1..4)
        .map(|number| {
            exchange(
                &mut recording,
                &mut store,
                number,
                &format!("body {number}"),
            )
        })
        .collect();
    written(&mut recording, &mut store, ids[2]);
    store.trim(0, |_| false);
    let name = store.summary(ids[1]).unwrap().name.clone();
    let flow = recording.shelf().read(store.place(ids[1]).unwrap(), &name);
    assert_eq!(flow.unwrap().request.body.text(), Some("body 2"));
    assert_eq!(recording.finish(), None);
}

#[test]
fn flows_that_could_not_be_written_are_named() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("capture.jsonl");
    let writer = Writer::open(&path, 10).unwrap();
    let mut recording = Recording::new(At::default(), Redactor::off(), Some(writer));
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    let mut store = Store::default();
    let id = exchange(&mut recording, &mut store, 7, "lost body");
    recording.settle(&mut store);
    while !recording
        .error()
        .is_some_and(|error| error.contains("missing"))
    {
        std::thread::yield_now();
    }
    recording.settle(&mut store);
    let name = store.summary(id).unwrap().name.clone();
    let error = recording.error().unwrap();
    assert!(
        error.contains(&format!(" bytes are missing from the file ({name})")),
        "{error}"
    );
    // What can be kept neither on disk nor in the backlog is not kept in memory for ever.
    store.trim(0, |_| false);
    assert!(store.get(id).is_none() && store.place(id).is_none());
}

#[test]
fn a_line_that_was_changed_under_us_is_told_and_not_mistaken() {
    let directory = tempfile::tempdir().unwrap();
    let path = saved(directory.path());
    let (store, shelf) = brief(&path);
    let [first, second, ..] = store.rows() else {
        panic!("two flows");
    };
    let place = store.place(*first).unwrap();
    let name = store.summary(*second).unwrap().name.clone();
    let error = shelf.read(place, &name).unwrap_err();
    assert!(error.ends_with("is another flow"), "{error}");
    fs::write(&path, "short").unwrap();
    let error = shelf.read(place, &name).unwrap_err();
    assert!(
        error.starts_with(&format!("byte {} of the capture", place.offset)),
        "{error}"
    );
}

#[test]
fn the_panes_and_the_filter_have_flows_read_back() {
    let directory = tempfile::tempdir().unwrap();
    let path = saved(directory.path());
    let (store, shelf) = brief(&path);
    let whole = capture::load(&path).unwrap().store;
    let mut app = App::new(Options {
        is_proxy: false,
        ..Options::default()
    });
    *app.store_mut() = store;
    app.update(Msg::Changed);
    app.prepare((120, 40));
    let selected = app.list().selected().unwrap();
    assert!(app.selected().is_none());
    answer(&mut app, &shelf);
    assert_eq!(app.selected().map(|flow| flow.id), Some(selected));

    // Every flow whose body has a brace, found although none is in memory.
    for key in "/~b \\{".chars() {
        app.update(Msg::Key(KeyEvent::from(KeyCode::Char(key))));
    }
    app.update(Msg::Key(KeyEvent::from(KeyCode::Enter)));
    while app.is_busy() || answer(&mut app, &shelf) {
        app.work();
    }
    app.prepare((120, 40));
    let filter = Filter::parse("~b \\{").unwrap();
    let expected = whole
        .flows()
        .into_iter()
        .filter(|flow| filter.matches(flow, Standing::default()));
    let expected: Vec<FlowId> = expected.map(|flow| flow.id).collect();
    let is_found = |id: &FlowId| {
        let summary = app.store().summary(*id).unwrap();
        // A connection is shown for the sake of its turns.
        summary.kind != FlowKind::Ws || expected.contains(id)
    };
    let mut found = app.list().rows().to_vec();
    found.retain(is_found);
    found.sort_unstable();
    assert_eq!(found, expected);
    assert!(!expected.is_empty() && expected.len() < whole.len());
    assert_eq!(app.list().progress(), None);
}

#[test]
fn what_is_added_to_a_file_follows_without_a_bar() {
    let directory = tempfile::tempdir().unwrap();
    let path = saved(directory.path());
    let whole = fs::read(&path).unwrap();
    let half = whole.len() / 2;
    fs::write(&path, &whole[..half]).unwrap();
    let file = fs::File::open(&path).unwrap();
    let mut app = App::new(Options::default());
    let read = |app: &mut App, start| {
        let name = "capture.jsonl";
        let take = |piece| {
            app.update(Msg::Loaded(Box::new(piece), 50));
            true
        };
        capture::scan(&file, name, 0, start, true, take).unwrap()
    };
    let end = read(&mut app, Start::default());
    assert_eq!(app.loading().percent(), Some(50));
    app.update(Msg::AllLoaded);
    assert_eq!(app.loading().percent(), None);
    let before = app.store().len();
    fs::write(&path, &whole).unwrap();
    let end = read(&mut app, end);
    assert_eq!(end.offset, whole.len() as u64);
    assert_eq!(app.loading().percent(), None);
    assert_eq!(app.loading().skips(), 0);
    assert!(before > 0 && before < app.store().len());
    assert_eq!(app.store().len(), capture::load(&path).unwrap().store.len());
}

#[test]
fn the_newest_turn_of_a_capture_has_the_cursor_however_little_is_read_first() {
    let directory = tempfile::tempdir().unwrap();
    let path = saved(directory.path());
    let whole = fs::read(&path).unwrap();
    let ends = whole.iter().enumerate().filter(|(_, byte)| **byte == b'\n');
    let ends: Vec<usize> = ends.map(|(at, _)| at + 1).collect();
    let selected = ends.iter().map(|end| {
        let mut app = App::new(Options {
            is_proxy: false,
            ..Options::default()
        });
        let mut start = Start::default();
        for text in [&whole[..*end], &whole[..]] {
            fs::write(&path, text).unwrap();
            let file = fs::File::open(&path).unwrap();
            let take = |piece| {
                app.load(piece, 50);
                app.prepare((80, 24));
                true
            };
            start = capture::scan(&file, "capture.jsonl", 0, start, true, take).unwrap();
        }
        app.update(Msg::AllLoaded);
        app.prepare((80, 24));
        assert!(!app.list().follows());
        app.list().selected().unwrap()
    });
    let selected: Vec<FlowId> = selected.collect();
    assert!(ends.len() > 1);
    assert_eq!(selected, vec![selected[ends.len() - 1]; ends.len()]);
}

#[test]
fn a_search_for_a_filter_that_is_gone_decides_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let path = saved(directory.path());
    let (store, shelf) = brief(&path);
    let mut app = App::new(Options::default());
    *app.store_mut() = store;
    app.update(Msg::Changed);
    let set = |app: &mut App, text: &str| {
        for key in format!("/\u{15}{text}\r").chars() {
            app.update(Msg::Key(match key {
                '\r' => KeyEvent::from(KeyCode::Enter),
                '\u{15}' => KeyEvent::new(KeyCode::Char('u'), KeyModifiers::CONTROL),
                key => KeyEvent::from(KeyCode::Char(key)),
            }));
        }
        while app.is_busy() {
            app.work();
        }
    };
    let searches = |app: &mut App| -> Vec<Search> {
        let is_search = |effect| match effect {
            Effect::Search(search) => Some(search),
            _ => None,
        };
        app.recall().into_iter().filter_map(is_search).collect()
    };
    set(&mut app, "~b .");
    let late = searches(&mut app);
    assert!(!late.is_empty());
    // As many as there are processors go on, and no more are begun meanwhile.
    set(&mut app, "~b nowhere-to-be-found");
    for search in late {
        app.update(Msg::Found(search.run(&shelf)));
    }
    while answer(&mut app, &shelf) {}
    app.prepare((120, 40));
    assert_eq!(app.list().progress(), None);
    assert_eq!(app.list().rows(), []);
    // With a mark, too, what is under way may be wrong.
    set(&mut app, "~marked ~b \\{");
    assert_eq!(app.list().rows(), []);
    set(&mut app, "");
    app.prepare((120, 40));
    app.update(Msg::Key(KeyEvent::from(KeyCode::Char('g'))));
    set(&mut app, "!~marked ~b \\{");
    let late = searches(&mut app);
    app.update(Msg::Key(KeyEvent::from(KeyCode::Char(' '))));
    for search in late {
        app.update(Msg::Found(search.run(&shelf)));
    }
    while app.is_busy() || answer(&mut app, &shelf) {
        app.work();
    }
    let marked = app
        .list()
        .rows()
        .iter()
        .filter(|id| app.list().is_marked(**id));
    assert_eq!(marked.count(), 0);
}

#[test]
fn a_line_tells_what_its_flow_would() {
    let store = every_kind();
    let texts = [
        "~b gpt",
        "~b m-1",
        "~b created",
        "~bq greet",
        "~bs resp_1",
        "!~b resp_1",
        "~b absent",
        "!~b absent",
        "~b \"resp_1 \"",
        "~b :1",
        r"~b \}\{",
        "~b end",
        "~bs x & ~m post",
        "~b absent | ~m post",
        "~b ping",
        "~bq UNUSUAL",
        r"~bs r[aeiou]sp.\d",
        r"~bs r[aeiou]sp:\d",
        r"~b \{.m[^x]del\W+m",
        r"~b ^.pi.g",
        r"~b a[b-d]sent|\bnowhere$",
        "~h x-twice",
        "absent",
        "~b caf\u{e9}",
    ];
    let (mut spared, mut spared_by_class) = (0, 0);
    for flow in store.flows() {
        let line = text_of(flow, &store);
        let summary = Summary::of(flow);
        for text in texts {
            let filter = Filter::parse(text).unwrap();
            if let Some(told) = filter.judge_line(&summary, line.as_bytes(), Standing::default()) {
                assert_eq!(
                    told,
                    filter.matches(flow, Standing::default()),
                    "{text}: {line}"
                );
                spared += usize::from(text == "~b absent");
                spared_by_class += usize::from(text.starts_with("~b a[b"));
            }
        }
    }
    // But for sockets and Base64, no line that lacks a plain text need be decoded for it.
    assert_eq!((spared, spared_by_class), (4, 4));
}

#[test]
fn a_line_that_spells_its_text_otherwise_is_decoded() {
    let store = every_kind();
    let flow = store.flows()[1];
    let line = text_of(flow, &store);
    let filter = Filter::parse("~bs ping").unwrap();
    let told =
        |line: &str| filter.judge_line(&Summary::of(flow), line.as_bytes(), Standing::default());
    assert_eq!(told(&line.replace("ping", "pong")), Some(false));
    assert_eq!(told(&line.replace("ping", r"\u0070ing")), None);
    assert_eq!(told(&line), None);
}

/// Does what the app asks for; says whether it asked.
fn answer(app: &mut App, shelf: &Shelf) -> bool {
    let effects = app.recall();
    let has_asked = !effects.is_empty();
    for effect in effects {
        let ids = match effect {
            Effect::Read(ids) => ids,
            Effect::Search(search) => {
                app.update(Msg::Found(search.run(shelf)));
                continue;
            }
            effect => panic!("{effect:?}"),
        };
        let read = |id: FlowId| {
            let (place, summary) = (app.store().place(id)?, app.store().summary(id)?);
            Some((id, shelf.read(place, &summary.name).map(Box::new)))
        };
        let flows = ids.into_iter().filter_map(read).collect();
        app.update(Msg::Recalled(flows));
    }
    has_asked
}

/// A capture of every kind of flow.
fn saved(directory: &Path) -> std::path::PathBuf {
    let path = directory.join("capture.jsonl");
    let store = every_kind();
    let ids = store.rows().iter().copied();
    capture::save(&path, &store, &Shelf::default(), ids, Existing::Keep).unwrap();
    path
}

/// Waits until the flow is in the file.
fn written(recording: &mut Recording, store: &mut Store, id: FlowId) {
    while store.place(id).is_none() {
        std::thread::yield_now();
        recording.settle(store);
    }
}

/// Records an exchange with this request body.
fn exchange(recording: &mut Recording, store: &mut Store, number: u64, body: &str) -> FlowId {
    let head = RequestHead {
        method: "POST".to_owned(),
        target: "/v1/things".to_owned(),
        version: http::Version::HTTP_11,
        fields: Vec::new(),
    };
    let kinds = [
        Kind::Opened {
            connection: 1,
            client: "127.0.0.1:5000".parse().unwrap(),
            upstream: "https://api.openai.com".into(),
        },
        Kind::Request(head),
        Kind::Data {
            dir: Direction::Out,
            bytes: bytes::Bytes::copy_from_slice(body.as_bytes()),
        },
        Kind::Ended {
            dir: Direction::Out,
            how: End::Complete,
        },
        Kind::Ended {
            dir: Direction::In,
            how: End::Complete,
        },
    ];
    let mut finished = Vec::new();
    for kind in kinds {
        let exchange = ExchangeId(number);
        let at = At::default();
        finished.extend(recording.apply(store, Event { exchange, at, kind }));
    }
    finished[0]
}
