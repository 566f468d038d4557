//! The real Codex meets faults of its upstream alike with and without codextap between them.
//!
//! Each case runs `codex exec` twice against an upstream that fails in one way: directly, and
//! through `codextap record`. Exit code, attempts at the upstream (their order, heads and bodies)
//! and what Codex prints have to be equal, but for ids, times and addresses. Then what was
//! recorded is held against what happened.
//!
//! `docs/transparency.md` has the table, which `UPDATE_DOCS=1` writes anew. `CODEXTAP_TEST_ALL=1`
//! plays the cases as well that are left out for the sake of time, and `CASES=…` only those with
//! that in their name.

#[cfg(test)]
#[expect(dead_code, reason = "other tests use the rest")]
mod support {
    pub(crate) mod codex_run;
    pub(crate) mod fake_upstream;
    pub(crate) mod wire_log;
}

#[cfg(test)]
#[path = "faults/fault.rs"]
mod fault;
#[cfg(test)]
#[path = "faults/flows.rs"]
mod flows;
#[cfg(test)]
#[path = "faults/outcome.rs"]
mod outcome;
#[cfg(test)]
#[path = "faults/play.rs"]
mod play;
#[cfg(test)]
#[path = "faults/table.rs"]
mod table;
#[cfg(test)]
#[path = "faults/upstream.rs"]
mod upstream;

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use crate::fault::{self, Fault, Meets};
    use crate::play::Case;
    use crate::support::codex_run::{Limits, Login, Run, Version};
    use crate::table::{self, Cells};

    #[test]
    fn codex_behaves_alike_with_and_without_codextap() {
        let all = cases();
        let wanted = variable("CASES");
        let is_wanted = |case: &&Case| {
            let is_asked_for = !wanted.is_empty() || variable("CODEXTAP_TEST_ALL") == "1";
            case.name().contains(&wanted) && (is_asked_for || !is_rare(case))
        };
        let cases: Vec<_> = all.iter().filter(is_wanted).collect();
        let next = AtomicUsize::new(0);
        let failures = Mutex::new(Vec::new());
        let cells = Mutex::new(Cells::new());
        std::thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| {
                    while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                        let Some(codex) = case.run.version.find() else {
                            continue;
                        };
                        match case.play(&codex) {
                            Ok(outcome) => {
                                let key = (case.row(), case.version());
                                cells.lock().unwrap().insert(key, table::cell(&outcome));
                            }
                            Err(failure) => {
                                let failure = format!("{}: {failure}", case.name());
                                failures.lock().unwrap().push(failure);
                            }
                        }
                    }
                });
            }
        });
        let mut failures = failures.into_inner().unwrap();
        failures.sort();
        failures.extend(table::check(&all, &cells.into_inner().unwrap()).err());
        let count = failures.len();
        let text = failures.join("\n");
        assert!(count == 0, "{count} of {}\n{text}", cases.len());
    }

    #[test]
    fn the_launcher_fails_as_codex_does() {
        for version in [Version::V0_169, Version::V0_98] {
            let Some(codex) = version.find() else {
                continue;
            };
            let run = Run {
                version,
                websocket: version == Version::V0_169,
                limits: None,
                ..SOON
            };
            let fault = named("429 of a used-up plan");
            let differs = Case { fault, run }.launch(&codex);
            assert!(differs.is_empty(), "{version:?}: {differs}");
        }
    }

    /// The upstream fails in the same way as often as it is met, so nothing else can differ.
    #[test]
    fn another_fault_is_seen() {
        let Some(codex) = Version::V0_98.find() else {
            return;
        };
        let run = Run {
            version: Version::V0_98,
            ..SOON
        };
        let play = |name: &str| {
            let fault = named(name);
            Case { fault, run }.play(&codex).unwrap()
        };
        let [plain, named, other] = ["401", "401 with WWW-Authenticate", "400"].map(play);
        assert_eq!(plain.differs(&named), "", "Codex does not show this field");
        let differs = plain.differs(&other);
        for what in ["attempts [Post, Post]", "errors: direct", "No such key."] {
            assert!(differs.contains(what), "{what}: {differs}");
        }
    }

    /// All cases.
    fn cases() -> Vec<Case> {
        let mut cases = Vec::new();
        for (run, names) in [
            (SOON, None),
            (
                Run {
                    login: Login::ChatGpt,
                    ..SOON
                },
                Some(&LOGIN),
            ),
            (
                Run {
                    limits: None,
                    ..SOON
                },
                Some(&OWN),
            ),
        ] {
            for fault in fault::all() {
                if names.is_some_and(|names| !names.contains(&fault.name)) {
                    continue;
                }
                for websocket in [false, true] {
                    for version in [Version::V0_169, Version::V0_98] {
                        let is_met = websocket || fault.meets == Meets::Every;
                        if is_met && !fault.is_endless(version) {
                            let fault = fault.clone();
                            let run = Run {
                                version,
                                websocket,
                                ..run
                            };
                            cases.push(Case { fault, run });
                        }
                    }
                }
            }
        }
        cases
    }

    /// Whether a case is left out when time is short.
    fn is_rare(case: &Case) -> bool {
        case.fault.is_rare || case.run.limits.is_none()
    }

    fn named(name: &str) -> Fault {
        let mut faults = fault::all().into_iter();
        faults.find(|fault| fault.name == name).unwrap()
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "asked for by whoever runs the test"
    )]
    fn variable(name: &str) -> String {
        std::env::var(name).unwrap_or_default()
    }

    /// Codex gives up soon, so that all faults can be met.
    const SOON: Run = Run {
        version: Version::V0_169,
        login: Login::ApiKey,
        websocket: false,
        model: None,
        limits: Some(Limits {
            retries: 1,
            wait_ms: 5000,
        }),
    };

    /// The faults that are met with a ChatGPT login as well, which is renewed after a 401.
    const LOGIN: [&str; 4] = [
        "401",
        "429 of a used-up plan",
        "closed in mid-stream",
        "upgrade refused with 401",
    ];

    /// The faults that are met with Codex's own limits as well.
    const OWN: [&str; 4] = ["401", "429 with Retry-After", "500", "closed in mid-stream"];

    /// More than a machine has cores: Codex waits before it tries again.
    const THREADS: usize = 12;
}
