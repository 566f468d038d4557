//! What each end receives through the proxy is what it would have received from the other one.
//!
//! A case is two scripts over raw TCP: no library stands between a script and its bytes. Each case
//! is played directly and through the proxy, and the two outcomes have to be equal, byte for byte
//! and end for end, but for the differences that the case names. Then it is played again with its
//! bytes cut everywhere. `docs/transparency.md` holds the table of what differs and why; with
//! `UPDATE_DOCS=1` it is written anew, `CASES=…` plays only the cases with that in their name, and
//! `CODEXTAP_TEST_ALL=1` cuts longer streams at every position, too.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

#[path = "wire_cases/connections.rs"]
mod connections;
#[path = "wire_cases/difference.rs"]
mod difference;
#[path = "wire_cases/faults.rs"]
mod faults;
#[path = "wire_cases/framing.rs"]
mod framing;
#[path = "wire_cases/messages.rs"]
mod messages;
#[path = "wire_cases/play.rs"]
mod play;
#[path = "wire_cases/script.rs"]
mod script;
#[path = "wire_cases/table.rs"]
mod table;
#[path = "wire_cases/verdict.rs"]
mod verdict;
#[path = "wire_cases/websocket.rs"]
mod websocket;

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use play::{Cut, End, Outcome, Stage, Way};
use script::{Case, Expect, Role, script};
use verdict::judge;

/// All cases.
fn cases() -> Vec<Case> {
    let mut cases = messages::cases();
    cases.extend(connections::cases());
    cases.extend(framing::cases());
    cases.extend(websocket::cases());
    cases.extend(faults::cases());
    cases
}

#[test]
#[expect(
    clippy::print_stdout,
    reason = "the table is for whoever runs the test"
)]
fn each_end_receives_what_the_other_sent() {
    println!("{}", table::cases(&cases()));
    all(async |case| whole(case, &Stage::new(case).await).await.map(|_| ()));
}

#[test]
fn where_the_bytes_are_cut_changes_nothing() {
    all(async |case| {
        let is_flood = case.name.starts_with("backpressure/");
        if is_flood || !(case.cut || variable("CODEXTAP_TEST_ALL") == "1") {
            return Ok(());
        }
        let stage = Stage::new(case).await;
        let direct = whole(case, &stage).await?;
        for cuts in cuts(case, &stage) {
            let outcome = stage.play(case, Way::Proxied, cuts).await?;
            judge(case, direct.as_ref(), &outcome)
                .map_err(|fault| format!("{fault}\n    cut {cuts:?}"))?;
        }
        Ok(())
    });
}

#[test]
fn the_table_in_the_docs_is_that_of_the_cases() {
    table::check(&cases());
}

#[test]
fn there_are_cases_of_every_kind_and_each_has_its_name() {
    let cases = cases();
    let names: BTreeSet<&str> = cases.iter().map(|case| case.name.as_str()).collect();
    assert_eq!(names.len(), cases.len(), "a name stands for two cases");
    let count = |kind: &str| names.iter().filter(|name| name.starts_with(kind)).count();
    for kind in [
        "http/",
        "refused/",
        "websocket/",
        "bounds/",
        "backpressure/",
        "fault/",
    ] {
        assert!(count(kind) > 4, "{kind}");
    }
    assert!(cases.len() >= 120);
}

/// What is compared is seen: an outcome that differs by one byte, end or connection is no equal.
#[test]
fn a_proxy_that_changes_anything_is_caught() {
    let case = Case::exchange("", messages::GET, messages::OK);
    let got = |bytes: &str| play::Got {
        streams: vec![bytes.as_bytes().to_vec()],
        ends: vec![End::Fin],
    };
    let direct = Outcome {
        host: "127.0.0.1:1".to_owned(),
        client: got("answer"),
        upstream: got("a: 1\r\nb: 2\r\n"),
    };
    assert_eq!(judge(&case, Some(&direct), &direct), Ok(()));
    let mut changed = direct.clone();
    changed.upstream = got("b: 2\r\na: 1\r\n");
    assert!(judge(&case, Some(&direct), &changed).is_err());
    let mut changed = direct.clone();
    changed.client.ends = vec![End::Reset];
    assert!(judge(&case, Some(&direct), &changed).is_err());
    let mut changed = direct.clone();
    changed.client.streams.push(b"!".to_vec());
    assert!(judge(&case, Some(&direct), &changed).is_err());
    // A difference has to be there, not only to be allowed.
    let case = case.dropped(&difference::HOP, Role::Upstream, "a: 1\r\n");
    assert!(judge(&case, Some(&direct), &direct).is_err());
    let mut dropped = direct.clone();
    dropped.upstream = got("b: 2\r\n");
    assert_eq!(judge(&case, Some(&direct), &dropped), Ok(()));
    let refused = Case::refused("", "", 400);
    assert!(judge(&refused, None, &direct).is_err());
}

/// The harness itself tells a FIN from a RST, and sees what nobody waited for.
#[test]
fn the_ends_are_seen_as_they_are() {
    let runtime = runtime();
    let direct = |case: &Case| {
        runtime.block_on(async {
            let stage = Stage::new(case).await;
            let cuts = (Cut::Nowhere, Cut::Nowhere);
            stage.play(case, Way::Direct, cuts).await.unwrap()
        })
    };
    let fin = direct(&Case::new(
        "",
        script().send("x").ended(),
        script().until("x").close(),
    ));
    assert_eq!(fin.client.ends, [End::Fin]);
    let reset = direct(&Case::new(
        "",
        script().send("x").ended(),
        script().until("x").reset(),
    ));
    assert_eq!(reset.client.ends, [End::Reset]);
    let extra = direct(&Case::new(
        "",
        script().send("xyz").until("a"),
        script().until("x").send("ab"),
    ));
    assert_eq!(extra.client.streams, [b"ab"]);
    assert_eq!(extra.upstream.streams, [b"xyz"]);
}

/// A cut is one to the proxy as well: it handles what comes before it before it reads on.
#[test]
fn a_cut_reaches_the_proxy() {
    let request = "POST /v1/x HTTP/1.1\r\nHost: <host>\r\nContent-Length: 5\r\n\r\nhello";
    let case = Case::exchange("", request, messages::OK);
    let pieces = |cuts| {
        runtime().block_on(async {
            let stage = Stage::new(&case).await;
            stage.play(&case, Way::Proxied, cuts).await.unwrap();
            stage.pieces().await
        })
    };
    assert_eq!(pieces((Cut::Nowhere, Cut::Nowhere)), 2);
    let within = case.client.sent("127.0.0.1:12345").len() - 3;
    assert_eq!(pieces((Cut::At(within), Cut::Nowhere)), 3);
    assert_eq!(
        pieces((Cut::Every(1), Cut::Every(1))),
        "hello".len() + "ok".len()
    );
}

/// Plays `case` in one piece; its direct outcome, if there is one to compare with.
async fn whole(case: &Case, stage: &Stage) -> Result<Option<Outcome>, String> {
    let cuts = (Cut::Nowhere, Cut::Nowhere);
    let direct = match case.expect {
        Expect::Same(_) => Some(stage.play(case, Way::Direct, cuts).await?),
        Expect::Refused { .. } | Expect::Answered { .. } => None,
    };
    let proxied = stage.play(case, Way::Proxied, cuts).await?;
    judge(case, direct.as_ref(), &proxied)?;
    Ok(direct)
}

/// Where the two ends cut: both at each position of their own, and at all of them together.
fn cuts(case: &Case, stage: &Stage) -> Vec<(Cut, Cut)> {
    let host = stage.upstream.to_string();
    let (client, upstream) = (case.client.sent(&host), case.upstream.sent(&host));
    let (ours, theirs) = (positions(&client), positions(&upstream));
    let at = |positions: &[usize], n: usize| match positions.len() {
        0 => Cut::Nowhere,
        len => Cut::At(positions[n % len]),
    };
    let every = client.len().max(upstream.len()) / 1000 + 1;
    (0..ours.len().max(theirs.len()))
        .map(|n| (at(&ours, n), at(&theirs, n)))
        .chain([(Cut::Every(every), Cut::Every(every))])
        .collect()
}

/// Every position of a short stream; of a longer one, those around the ends of its lines and some
/// more.
fn positions(bytes: &[u8]) -> Vec<usize> {
    let (short, some) = match variable("CODEXTAP_TEST_ALL").as_str() {
        "1" => (8 << 10, 400),
        _ => (160, 40),
    };
    if bytes.len() <= short {
        return (1..bytes.len()).collect();
    }
    let mut positions: BTreeSet<usize> = (1..some).map(|n| n * bytes.len() / some).collect();
    for at in memchr::memmem::find_iter(bytes, b"\r\n").take(some) {
        positions.extend([at, at + 1, at + 2]);
    }
    positions.retain(|at| (1..bytes.len()).contains(at));
    positions.into_iter().collect()
}

/// Plays all cases with `play`, some at a time, and fails with all that failed.
fn all(play: impl AsyncFn(&Case) -> Result<(), String> + Sync) {
    let wanted = variable("CASES");
    let mut cases = cases();
    cases.retain(|case| case.name.contains(&wanted));
    let next = AtomicUsize::new(0);
    let failures = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    // A case with its proxy has a thread to itself while it is played.
                    if let Err(failure) = runtime().block_on(play(case)) {
                        let mut failures = failures.lock().unwrap();
                        failures.push(format!("{}: {failure}", case.name));
                    }
                }
            });
        }
    });
    let mut failures = failures.into_inner().unwrap();
    failures.sort();
    let count = failures.len();
    assert!(
        count == 0,
        "{count} of {}\n{}",
        cases.len(),
        failures.join("\n")
    );
}

#[expect(clippy::disallowed_methods, reason = "how much to play")]
fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_default()
}

fn runtime() -> tokio::runtime::Runtime {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_all().build().unwrap()
}

/// More than a machine has cores: a case waits for its limits and deadlines.
const THREADS: usize = 4;
