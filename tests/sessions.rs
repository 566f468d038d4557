//! Sessions and lineage of a made-up Codex that knows what it meant, and `codextap sessions` over its
//! capture.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

#[path = "sessions/codex.rs"]
mod codex;
#[path = "support/fake_upstream/frames.rs"]
#[expect(dead_code, clippy::expect_used, reason = "other tests use the rest")]
mod frames;
#[path = "support/pty.rs"]
#[expect(dead_code, clippy::expect_used, reason = "other tests use the rest")]
mod pty;
#[path = "sessions/questions.rs"]
mod questions;
#[path = "support/recorder.rs"]
#[expect(dead_code, clippy::expect_used, reason = "other tests use the rest")]
mod recorder;
#[path = "recording/script.rs"]
#[expect(dead_code, reason = "other tests use the rest")]
mod script;
#[path = "sessions/sockets.rs"]
mod sockets;
#[path = "sessions/wire.rs"]
mod wire;

use std::collections::HashMap;
use std::path::Path;
use std::process::{Command, Output};

use codextap::capture;
use codextap::flow::lineage::{Badge, Effective, Parent};
use codextap::flow::sessions::Sessions;
use codextap::flow::{Flow, Store, Summary};
use codextap::responses::Prices;
use proptest::prelude::*;
use serde_json::Value;
use tempfile::TempDir;

use codex::{ALL, Codex, Meant, SESSION, Step, Totals};
use script::Script;
use sockets::Sockets;
use wire::{Told, Wire};

/// What was done, and the capture of it.
struct Day {
    meant: Vec<Meant>,
    totals: Totals,
    /// Where [`CAPTURE`] is.
    directory: TempDir,
}

const CAPTURE: &str = "day.jsonl";

/// Sixty turns and more, with everything that can happen.
fn long_day() -> Vec<Step> {
    let quiet = [Step::Prompt, Step::Tool, Step::Tool, Step::Prompt];
    let mut steps = Vec::new();
    for _ in 0..3 {
        for event in &ALL[..7] {
            steps.extend_from_slice(&quiet[..2]);
            steps.push(*event);
        }
        steps.extend_from_slice(&quiet);
    }
    steps.push(Step::Fallback);
    steps.extend_from_slice(&ALL);
    steps
}

impl Day {
    /// Codex does `steps` over a wire, and whatever `end` gives is the capture then.
    fn over<W: Wire>(wire: W, directory: TempDir, steps: &[Step], end: impl FnOnce(W)) -> Self {
        let mut codex = Codex::new(wire);
        codex.play(steps);
        end(codex.wire);
        Self {
            meant: codex.meant,
            totals: codex.totals,
            directory,
        }
    }

    /// Told to a recorder.
    fn told(steps: &[Step]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(CAPTURE);
        Self::over(Told::new(), directory, steps, |Told { script, .. }| {
            write(script, &path);
        })
    }

    /// Sent through the program.
    fn sent(steps: &[Step]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let wire = Sockets::start(directory.path(), CAPTURE);
        Self::over(wire, directory, steps, Sockets::end)
    }

    fn store(&self) -> Store {
        let loaded = capture::load(&self.directory.path().join(CAPTURE)).unwrap();
        assert_eq!(loaded.skipped, []);
        loaded.store
    }
}

/// Writes all that was told as a capture.
fn write(mut script: Script, path: &Path) {
    let mut text = Vec::new();
    for id in script.recorder.take_finished() {
        let flow = script.store.get(id).unwrap();
        text.extend(capture::line(flow, &script.store).unwrap());
        text.push(b'\n');
    }
    std::fs::write(path, text).unwrap();
}

/// Every turn of a store, in the order in which they began.
fn turns(store: &Store) -> Vec<&Flow> {
    let mut turns = store.flows();
    turns.retain(|flow| flow.turn.is_some());
    turns.sort_by_key(|flow| flow.started);
    turns
}

/// Holds every effective request of a capture against what was meant.
fn check_lineage(meant: &[Meant], store: &Store) {
    let turns = turns(store);
    let by_response: HashMap<String, &Flow> = turns
        .iter()
        .filter_map(|flow| Some((flow.turn.as_ref()?.response_id.clone()?, *flow)))
        .collect();
    let find = |parent: &Parent| match parent {
        Parent::Response(id) => {
            let flow = by_response.get(id).copied()?;
            assert!(parent.is(&Summary::of(flow)));
            Some(flow)
        }
        Parent::Before { .. } => None,
    };
    assert_eq!(turns.len(), meant.len());
    for (flow, meant) in turns.iter().zip(meant) {
        let effective = Effective::of(flow, find).unwrap();
        let items: Vec<Value> = effective
            .items
            .iter()
            .map(|carried| serde_json::from_str(&carried.item.raw).unwrap())
            .collect();
        assert_eq!(items, meant.input, "{}", flow.name);
        let badge = if meant.is_compacted {
            Badge::Compacted
        } else {
            Badge::Complete
        };
        assert_eq!(effective.badge, badge, "{}", flow.name);
    }
}

fn totals(store: &Store) -> Totals {
    let sessions = Sessions::of(store.summaries(), &Prices::built_in().unwrap());
    let [session] = sessions.sessions.as_slice() else {
        panic!("{:#?}", sessions.sessions);
    };
    let total = session.total();
    let usage = total.usage;
    Totals {
        turns: total.turns,
        warm_ups: total.warm_ups,
        compactions: total.compactions,
        retries: total.retries,
        errors: total.errors,
        tokens: [usage.input, usage.cached, usage.output, usage.reasoning],
    }
}

#[test]
fn a_day_of_sixty_turns_is_understood_turn_for_turn() {
    understand(&Day::told(&long_day()));
}

#[test]
fn a_day_over_real_sockets_is_understood_turn_for_turn() {
    understand(&Day::sent(&long_day()));
}

/// Holds a long day against what was meant and reported.
fn understand(day: &Day) {
    let reported = day.totals;
    assert!(reported.turns >= 60, "{reported:?}");
    let store = day.store();
    check_lineage(&day.meant, &store);
    assert_eq!(totals(&store), reported);

    let home = day.directory.path();
    let summary = json(home, &["summary", CAPTURE, "--json"]);
    let session = &summary["sessions"][0];
    assert_eq!(session["id"], SESSION);
    assert_eq!(session["cwd"], "/home/dev");
    assert_eq!(session["models"]["gpt-5.5"], summary["total"]);
    let total = &summary["total"];
    let number = |name: &str| total[name].as_u64().unwrap();
    let tokens = |name: &str| total["usage"][name].as_u64().unwrap();
    let told = Totals {
        turns: number("turns"),
        warm_ups: number("warm_ups"),
        compactions: number("compactions"),
        retries: number("retries"),
        errors: number("errors"),
        tokens: ["input", "cached", "output", "reasoning"].map(tokens),
    };
    assert_eq!(told, reported);
    // 5, 0.5 and 30 dollars for a million: in micros of cents, so that it is whole.
    let [input, cached, output, _] = reported.tokens;
    let cost = (input - cached) * 50 + cached * 5 + output * 300;
    let usd = total["cost"]["usd"].as_str().unwrap();
    let (whole, part) = usd.split_once('.').unwrap();
    let usd: u64 = format!("{whole}{part:0<7}").parse().unwrap();
    assert_eq!(usd, cost);

    let shown = json(home, &["show", CAPTURE, "--json"]);
    let threads = shown["sessions"][0]["threads"].as_array().unwrap();
    let [main, scouts @ ..] = threads.as_slice() else {
        panic!("no threads");
    };
    assert_eq!(
        (&main["agent"], &main["depth"]),
        (&"main".into(), &0.into())
    );
    assert_eq!(scouts.len(), 4);
    for scout in scouts {
        assert_eq!(scout["role"], "sub-agent");
        assert_eq!(
            (&scout["agent"], &scout["depth"]),
            (&"scout".into(), &1.into())
        );
        assert_eq!(scout["inferred"], Value::Array(Vec::new()));
    }
    let ladder = |turn: &&Value| turn["attempts"].as_array().unwrap().len() == 3;
    let retried = main["turns"]
        .as_array()
        .unwrap()
        .iter()
        .find(ladder)
        .unwrap();
    let states = retried["attempts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| &it["state"]);
    assert_eq!(states.collect::<Vec<_>>(), ["failed", "failed", "complete"]);

    let report = codextap(home, &["report", CAPTURE]);
    let report = String::from_utf8(report.stdout).unwrap();
    let (short, _) = report.split_once("\n## Endpoints").unwrap();
    for mended in ["attempt 1 of 3, the last", "attempt 2 of 3, the last"] {
        assert!(short.contains(mended), "{short}");
    }

    let events = run(home, &["events", CAPTURE, "--json"]);
    let events = String::from_utf8(events.stdout).unwrap();
    let attempts = day.meant.len() + 1 + 1;
    assert!(events.lines().count() >= attempts, "and refused handshakes");
    for line in events.lines() {
        let event: Value = serde_json::from_str(line).unwrap();
        assert_eq!(event["session"], SESSION);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(24) })]

    #[test]
    fn whatever_happens_is_understood(places in proptest::collection::vec(0..ALL.len(), 1..24)) {
        let steps: Vec<Step> = places.into_iter().map(|place| ALL[place]).collect();
        let day = Day::told(&steps);
        let store = day.store();
        check_lineage(&day.meant, &store);
        if !day.meant.is_empty() {
            prop_assert_eq!(totals(&store), day.totals);
        }
    }
}

#[test]
fn tables_are_aligned_plain_text() {
    let directory = tempfile::tempdir().unwrap();
    let capture = Path::new("tests/fixtures/demo.jsonl")
        .canonicalize()
        .unwrap();
    let file = capture.to_str().unwrap();
    let table = |what: &str| {
        let done = run(directory.path(), &[what, file]);
        assert!(
            done.status.success(),
            "{}",
            String::from_utf8_lossy(&done.stderr)
        );
        assert_eq!(String::from_utf8(done.stderr).unwrap(), "");
        String::from_utf8(done.stdout).unwrap()
    };
    let shown = ["list", "show", "events", "summary"].map(|what| {
        let text = table(what);
        assert!(!text.contains('\u{1b}'), "{what}");
        format!("# {what}\n{text}")
    });
    let expected = include_str!("cmd/sessions.txt");
    assert_eq!(shown.join("\n"), expected);
}

#[test]
fn a_filter_and_a_session_choose() {
    let directory = tempfile::tempdir().unwrap();
    let capture = Path::new("tests/fixtures/demo.jsonl")
        .canonicalize()
        .unwrap();
    let file = capture.to_str().unwrap();
    let all = json(directory.path(), &["list", file, "--json"]);
    let all = all["sessions"].as_array().unwrap();
    assert!(all.len() > 1);
    let id = all[1]["id"].as_str().unwrap();
    let one = json(directory.path(), &["list", file, "--json", "--session", id]);
    assert_eq!(one["sessions"].as_array().unwrap()[..], all[1..2]);
    let review = json(
        directory.path(),
        &["show", file, "--json", "--filter", "review ~http"],
    );
    let threads = &review["sessions"][0]["threads"];
    assert_eq!(threads.as_array().unwrap().len(), 1);
    assert_eq!(threads[0]["role"], "review");
}

#[test]
fn a_turn_tells_its_cost_and_where_its_prompt_left_that_of_the_turn_before() {
    let directory = tempfile::tempdir().unwrap();
    let demo = std::fs::read_to_string("tests/fixtures/demo.jsonl").unwrap();
    let changed = demo.lines().map(|line| {
        let mut flow: Value = serde_json::from_str(line).unwrap();
        // The second turn over HTTP of a thread.
        if flow["id"].as_str().unwrap().ends_with("-5") {
            flow["request"]["body"]["input"][1]["content"][0]["text"] = "other rules".into();
        }
        format!("{flow}\n")
    });
    let changed: String = changed.collect();
    std::fs::write(directory.path().join(CAPTURE), changed).unwrap();
    let shown = json(directory.path(), &["show", CAPTURE, "--json"]);
    let turns = |session: usize| &shown["sessions"][session]["threads"][0]["turns"];
    let (first, second) = (&turns(1)[0], &turns(1)[1]);
    assert_eq!(first["break"], Value::Null);
    let broken = &second["break"];
    assert_eq!(
        (&broken["place"], &broken["item"]),
        (&"item".into(), &1.into())
    );
    let tokens = |turn: &Value, name: &str| turn["usage"][name].as_u64().unwrap();
    let could = tokens(first, "input") / 128 * 128;
    let missing = could.saturating_sub(tokens(second, "cached"));
    assert_eq!(broken["lost"], missing);
    assert_eq!(second["cost"], second["attempts"][0]["cost"]);
    let share = second["cached_share"].as_f64().unwrap();
    assert!((90.0..100.0).contains(&share), "{share}");
    // It continues a warm-up.
    assert_eq!(turns(0)[0]["purpose"], "warm-up");
    assert_eq!(turns(0)[1]["break"], Value::Null);

    let text = run(directory.path(), &["show", CAPTURE, "--session", "last"]);
    let text = String::from_utf8(text.stdout).unwrap();
    assert_eq!(text.matches("\nsession ").count() + 1, 1, "{text}");
    let newest = shown["sessions"].as_array().unwrap().last().unwrap();
    assert!(text.starts_with(&format!("session {}", newest["id"].as_str().unwrap())));
    let text = run(directory.path(), &["show", CAPTURE]);
    let text = String::from_utf8(text.stdout).unwrap();
    let rows: Vec<&str> = text
        .lines()
        .filter(|line| line.contains("cache  "))
        .collect();
    assert_eq!(
        rows.len(),
        2,
        "it leaves, and the one after it goes back: {text}"
    );
    assert!(
        rows[0].contains("cache  the prefix breaks at item 1, ") && rows[0].contains(" · at byte "),
        "{rows:?}"
    );
}

#[test]
fn an_incomplete_response_tells_its_reason() {
    let directory = tempfile::tempdir().unwrap();
    let demo = std::fs::read_to_string("tests/fixtures/demo.jsonl").unwrap();
    let end = "event: response.incomplete\ndata: {\"type\":\"response.incomplete\",\"response\":{\"id\":\"r\",\
        \"status\":\"incomplete\",\"incomplete_details\":{\"reason\":\"max_output_tokens\"}}}\n\n";
    let changed = demo.lines().map(|line| {
        let mut flow: Value = serde_json::from_str(line).unwrap();
        if flow["id"].as_str().unwrap().ends_with("-5") {
            let response = &mut flow["response"];
            let body = response["body"].as_str().unwrap();
            let (begin, _) = body.rsplit_once("event: response.completed").unwrap();
            response["body"] = format!("{begin}{end}").into();
            response["events"]
                .as_array_mut()
                .unwrap()
                .last_mut()
                .unwrap()[1] = end.len().into();
        }
        format!("{flow}\n")
    });
    let changed: String = changed.collect();
    std::fs::write(directory.path().join(CAPTURE), changed).unwrap();
    let partial = [CAPTURE, "--filter", "is:partial ~http !~c 426"];
    let told = |what: &str, more: &[&str]| {
        let done = run(directory.path(), &[&[what], &partial[..], more].concat());
        String::from_utf8(done.stdout).unwrap()
    };
    assert!(told("show", &[]).contains("  (incomplete: max_output_tokens)\n"));
    assert!(told("events", &[]).contains("  incomplete: max_output_tokens\n"));
    assert!(told("list", &[]).contains("  incomplete: max_output_tokens  "));
    let event: Value = serde_json::from_str(&told("events", &["--json"])).unwrap();
    assert_eq!(
        (&event["state"], &event["failure"]),
        (&"partial".into(), &"max_output_tokens".into())
    );
}

#[test]
fn what_cannot_be_done_is_said_in_one_line() {
    let directory = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(directory.path().join(name), text).unwrap();
    write(
        "bad.toml",
        "date = 2026-01-01\n[models]\nm = [{ input = \"x\", output = \"1\" }]\n",
    );
    write("no.jsonl", "hello\n");
    let capture = Path::new("tests/fixtures/demo.jsonl")
        .canonicalize()
        .unwrap();
    let file = capture.to_str().unwrap();
    let table: [(&[&str], i32, &str); 6] = [
        (&["list"], 2, "<FILE>..."),
        (&["all", file], 2, "invalid value 'all'"),
        (
            &["list", file, "--session", "zz"],
            1,
            "no session's id begins with zz",
        ),
        (
            &["list", file, "--prices", "gone.toml"],
            2,
            "--prices gone.toml: no such file",
        ),
        (
            &["list", file, "--prices", "bad.toml"],
            1,
            "bad.toml: line 3: \"x\" is no price",
        ),
        (
            &["list", "no.jsonl"],
            2,
            "no.jsonl is neither a capture nor a HAR: line 1: not JSON",
        ),
    ];
    for (arguments, code, why) in table {
        let done = run(directory.path(), arguments);
        let told = String::from_utf8(done.stderr).unwrap();
        assert_eq!(done.status.code(), Some(code), "{arguments:?}: {told}");
        assert!(told.lines().next().unwrap().contains(why), "{told}");
    }
}

#[test]
fn prices_are_the_users_where_there_are_some() {
    let directory = tempfile::tempdir().unwrap();
    let capture = Path::new("tests/fixtures/demo.jsonl")
        .canonicalize()
        .unwrap();
    let file = capture.to_str().unwrap();
    let prices = |output: &str| {
        format!(
            "date = 2026-01-02\n[models]\n\"gpt-5.5\" = [{{ input = \"0\", output = \"{output}\" }}]\n"
        )
    };
    let settings = directory.path().join(".config/codextap");
    std::fs::create_dir_all(&settings).unwrap();
    std::fs::write(settings.join("prices.toml"), prices("1")).unwrap();
    std::fs::write(directory.path().join("own.toml"), prices("2")).unwrap();
    let cost = |more: &[&str]| {
        let arguments = [&["summary", file, "--json"], more].concat();
        let summary = json(directory.path(), &arguments);
        assert_eq!(summary["prices"], "2026-01-02");
        summary["models"]["gpt-5.5"]["cost"]["usd"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let tokens = json(directory.path(), &["summary", file, "--json"]);
    let tokens = tokens["models"]["gpt-5.5"]["usage"]["output"]
        .as_u64()
        .unwrap();
    assert_eq!(cost(&[]), format!("0.{tokens:06}"));
    assert_eq!(
        cost(&["--prices", "own.toml"]),
        format!("0.{:06}", 2 * tokens)
    );
}

fn json(home: &Path, arguments: &[&str]) -> Value {
    let done = run(home, arguments);
    assert!(
        done.status.success(),
        "{}",
        String::from_utf8_lossy(&done.stderr)
    );
    serde_json::from_slice(&done.stdout).unwrap()
}

/// `codextap sessions …` in `home`.
fn run(home: &Path, arguments: &[&str]) -> Output {
    codextap(home, &[&["sessions"], arguments].concat())
}

/// `codextap …` in `home`.
fn codextap(home: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_codextap"))
        .args(arguments)
        .env_clear()
        .env("HOME", home)
        .env("TZ", "UTC")
        .current_dir(home)
        .output()
        .unwrap()
}
