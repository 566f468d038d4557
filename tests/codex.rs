//! The real Codex through the real program: nothing changes on the way, and everything is kept.
//!
//! Codex runs against a fake upstream, with the bytes kept on both sides of codextap:
//!
//! ```text
//! codex ──▶ recorder ──▶ codextap record ──▶ fake upstream
//! ```
//!
//! Codex is looked for where `.ci/run` installs it; without it the tests say so and pass.

#[cfg(test)]
mod support {
    pub(crate) mod captured;
    pub(crate) mod codex_run;
    pub(crate) mod fake_upstream;
    pub(crate) mod reported;
    pub(crate) mod wire_log;
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;
    use std::path::Path;
    use std::process::{Command, ExitStatus};

    use tempfile::TempDir;

    use crate::support::captured::Capture;
    use crate::support::codex_run::{Login, Run, Running, Version, isolated};
    use crate::support::fake_upstream::script::{FINAL_TEXT, Scenario};
    use crate::support::fake_upstream::{FakeUpstream, Sockets};
    use crate::support::reported::assert_report;
    use crate::support::wire_log::{Exchange, Recorder, exchanges};

    const API_KEY: Run = Run {
        version: Version::V0_169,
        login: Login::ApiKey,
        websocket: false,
        model: None,
        limits: None,
    };
    const CHATGPT: Run = Run {
        login: Login::ChatGpt,
        ..API_KEY
    };

    #[test]
    fn codex_169_with_an_api_key_over_sse() {
        through(
            Run {
                model: Some("gpt-5.5"),
                ..API_KEY
            },
            Sockets::Deflate,
        );
    }

    #[test]
    fn codex_169_with_an_api_key_over_a_compressed_websocket() {
        through(
            Run {
                websocket: true,
                ..API_KEY
            },
            Sockets::Deflate,
        );
    }

    #[test]
    fn codex_169_with_an_api_key_over_a_plain_websocket() {
        through(
            Run {
                websocket: true,
                model: Some("gpt-5.5"),
                ..API_KEY
            },
            Sockets::Plain,
        );
    }

    #[test]
    fn codex_169_with_a_chatgpt_login_over_a_compressed_websocket() {
        through(
            Run {
                websocket: true,
                ..CHATGPT
            },
            Sockets::Deflate,
        );
    }

    #[test]
    fn codex_169_with_a_chatgpt_login_over_sse_after_a_refused_upgrade() {
        through(
            Run {
                websocket: true,
                ..CHATGPT
            },
            Sockets::Refuse(426),
        );
    }

    #[test]
    fn codex_98_with_an_api_key_over_sse() {
        through(
            Run {
                version: Version::V0_98,
                ..API_KEY
            },
            Sockets::Deflate,
        );
    }

    #[test]
    fn codex_98_with_an_api_key_over_a_websocket() {
        through(
            Run {
                version: Version::V0_98,
                websocket: true,
                ..API_KEY
            },
            Sockets::Deflate,
        );
    }

    #[test]
    fn codex_98_with_a_chatgpt_login_over_sse() {
        through(
            Run {
                version: Version::V0_98,
                ..CHATGPT
            },
            Sockets::Deflate,
        );
    }

    #[test]
    fn codex_98_with_a_chatgpt_login_over_a_websocket() {
        through(
            Run {
                version: Version::V0_98,
                websocket: true,
                ..CHATGPT
            },
            Sockets::Deflate,
        );
    }

    #[test]
    fn the_launcher_records_codex_169_by_itself() {
        launched(Version::V0_169);
    }

    #[test]
    fn the_launcher_records_codex_98_by_itself() {
        launched(Version::V0_98);
    }

    /// `codextap codex exec …` without a codextap that runs: starts its own, and keeps everything.
    fn launched(version: Version) {
        let Some(codex) = version.find() else {
            return;
        };
        let upstream = FakeUpstream::start(Scenario::Tools(1), Sockets::Deflate);
        let place = Place::new();
        let file = place.home.path().join("capture.jsonl");
        let mut command = place.codextap(&["--api-upstream", &upstream.origin()]);
        command.arg("--capture").arg(&file);
        let (status, output, errors) = exec(command, &codex, &[PROMPT]);
        assert!(status.success(), "{status}\n{output}\n{errors}");
        assert!(output.trim_end().ends_with(FINAL_TEXT), "{output}");
        assert!(errors.contains("codextap: captured to "), "{errors}");

        upstream.log.wait_ended("between codextap and the upstream");
        let capture = Capture::read(&file);
        capture.assert_private();
        let upgraded = upstream
            .exchanges()
            .iter()
            .any(|far| far.upgraded.is_some());
        capture.assert_exchanges(&upstream.exchanges(), &upstream.origin());
        assert_eq!(upgraded, version == Version::V0_169, "as without codextap");
        place.assert_untouched();
    }

    #[test]
    fn the_launcher_passes_on_how_codex_failed() {
        let Some(codex) = Version::V0_169.find() else {
            return;
        };
        let place = Place::new();
        let mut command = place.codextap(&["--api-upstream", "http://127.0.0.1:9"]);
        command.args(["--capture", "none"]);
        let (status, output, errors) = exec(command, &codex, &["--no-such-option"]);
        assert_eq!(status.code(), Some(2), "{output}\n{errors}");
        assert!(errors.contains("--no-such-option"), "{errors}");
        place.assert_untouched();
    }

    #[test]
    fn the_launcher_finds_a_codextap_that_runs() {
        let Some(codex) = Version::V0_169.find() else {
            return;
        };
        let upstream = FakeUpstream::start(Scenario::Text, Sockets::Deflate);
        let place = Place::new();
        let file = place.home.path().join("capture.jsonl");
        let (codextap, _) = record(&upstream.origin(), &file, place.home.path());
        // Told of no upstream, it takes the one that runs; OpenAI itself cannot be reached here.
        let command = place.codextap(&[]);
        let (status, output, errors) = exec(command, &codex, &[PROMPT]);
        assert!(status.success(), "{status}\n{output}\n{errors}");
        codextap.interrupt();
        let (status, output, errors) = codextap.wait();
        assert!(status.success(), "codextap: {status}\n{output}\n{errors}");
        upstream.log.wait_ended("between codextap and the upstream");
        Capture::read(&file).assert_exchanges(&upstream.exchanges(), &upstream.origin());
        let state = place.home.path().join(".local/state/codextap");
        let captures = std::fs::read_dir(state).unwrap().flatten();
        let captures = captures.filter(|entry| entry.path().extension().is_some());
        assert_eq!(captures.count(), 0, "no other capture was begun");
        place.assert_untouched();
    }

    /// A home with a configuration of Codex in it.
    struct Place {
        home: TempDir,
    }

    impl Place {
        fn new() -> Self {
            let home = TempDir::new().unwrap();
            std::fs::create_dir(home.path().join("project")).unwrap();
            std::fs::create_dir(home.path().join(".codex")).unwrap();
            std::fs::write(home.path().join(".codex/config.toml"), CONFIG).unwrap();
            Self { home }
        }

        /// Codextap with its options up to the command.
        fn codextap(&self, options: &[&str]) -> Command {
            let program = Path::new(env!("CARGO_BIN_EXE_codextap"));
            let mut command = isolated(program, self.home.path());
            command
                .args(options)
                .current_dir(self.home.path().join("project"))
                .env("CODEX_HOME", self.home.path().join(".codex"))
                .env("CODEX_API_KEY", "sk-test-not-a-real-key");
            command
        }

        /// Codex is configured as it was.
        fn assert_untouched(&self) {
            let codex_home = self.home.path().join(".codex");
            let config = std::fs::read_to_string(codex_home.join("config.toml")).unwrap();
            assert_eq!(config, CONFIG);
            assert!(!codex_home.join("auth.json").exists());
        }
    }

    /// Runs `codex exec` through codextap.
    fn exec(
        mut codextap: Command,
        codex: &Path,
        arguments: &[&str],
    ) -> (ExitStatus, String, String) {
        codextap.args(["codex", "--codex"]).arg(codex);
        codextap.args(["exec", "--skip-git-repo-check", "-s", "danger-full-access"]);
        Running::spawn(codextap.args(arguments)).wait()
    }

    const CONFIG: &str =
        "[analytics]\nenabled = false\n\n[features]\nplugins = false\napps = false\n";

    /// When this fails, the fake upstream is at fault and not codextap.
    #[test]
    fn codex_is_content_with_the_fake_upstream() {
        for version in [Version::V0_169, Version::V0_98] {
            let Some(codex) = version.find() else {
                continue;
            };
            let upstream = FakeUpstream::start(Scenario::Text, Sockets::Deflate);
            let run = Run {
                version,
                websocket: true,
                ..API_KEY
            };
            let printed = run.exec(&codex, upstream.address.port(), PROMPT);
            assert!(printed.contains(FINAL_TEXT), "{printed}");
        }
    }

    #[test]
    fn a_report_of_a_session_with_tool_calls_is_whole_private_and_short() {
        let Some(codex) = Version::V0_169.find() else {
            return;
        };
        let (calls, model) = (8, "gpt-5.5");
        let run = Run {
            model: Some(model),
            ..API_KEY
        };
        let directory = TempDir::new().unwrap();
        let file = directory.path().join("capture.jsonl");
        let upstream = FakeUpstream::start(Scenario::Tools(calls), Sockets::Deflate);
        recorded(run, &codex, &upstream, &file);
        let program = Path::new(env!("CARGO_BIN_EXE_codextap"));
        let mut command = isolated(program, directory.path());
        let report = command.arg("report").arg(&file).output().unwrap();
        assert!(report.status.success(), "{report:?}");
        assert_report(str::from_utf8(&report.stdout).unwrap(), model, calls);
        let (length, of) = (report.stdout.len(), file.metadata().unwrap().len());
        assert!(length * 100 <= of as usize * 15, "{length} of {of} bytes");
    }

    /// Runs Codex through codextap until all is in the capture; gives what passed between the two.
    fn recorded(run: Run, codex: &Path, upstream: &FakeUpstream, file: &Path) -> Vec<Exchange> {
        let (codextap, address) = record(&upstream.origin(), file, file.parent().unwrap());
        let front = Recorder::before(address);

        let printed = run.exec(codex, front.address.port(), PROMPT);
        assert!(printed.trim_end().ends_with(FINAL_TEXT), "{printed}");

        front.log.wait_ended("between Codex and codextap");
        codextap.interrupt();
        let (status, output, errors) = codextap.wait();
        assert!(status.success(), "codextap: {status}\n{output}\n{errors}");
        upstream.log.wait_ended("between codextap and the upstream");
        front.log.connections().iter().flat_map(exchanges).collect()
    }

    /// Runs Codex through codextap and looks at the bytes on either side, and at the capture.
    fn through(run: Run, sockets: Sockets) {
        let Some(codex) = run.version.find() else {
            return;
        };
        let directory = TempDir::new().unwrap();
        let file = directory.path().join("capture.jsonl");
        let upstream = FakeUpstream::start(Scenario::Tools(1), sockets);
        let near = recorded(run, &codex, &upstream, &file);
        assert_unchanged(&near, upstream.exchanges());
        let capture = Capture::read(&file);
        capture.assert_private();
        capture.assert_exchanges(&near, &upstream.origin());
        for exchange in &near {
            if exchange.upgraded.is_some() {
                capture.assert_socket(exchange, run);
            } else if exchange.is_handshake() {
                capture.assert_refusal(exchange);
            } else if exchange.asked().starts_with("POST ") {
                capture.assert_stream(exchange, run);
            }
        }
    }

    /// Starts `codextap record` between any free port and the upstream.
    fn record(upstream: &str, capture: &Path, home: &Path) -> (Running, SocketAddr) {
        let mut command = isolated(Path::new(env!("CARGO_BIN_EXE_codextap")), home);
        command
            .args([
                "record",
                "--listen",
                "127.0.0.1:0",
                "--api-upstream",
                upstream,
            ])
            .args(["--chatgpt-upstream", upstream, "--capture"])
            .arg(capture);
        let (codextap, line) = Running::spawn(&mut command).line();
        let address = line
            .trim()
            .strip_prefix("listening on http://")
            .expect(&line);
        (codextap, address.parse().unwrap())
    }

    /// Every exchange of the near side has its like on the far side, byte for byte.
    fn assert_unchanged(near: &[Exchange], mut far: Vec<Exchange>) {
        // Those with an answer first: its id tells which is which.
        let (answered, unanswered): (Vec<_>, Vec<_>) =
            near.iter().partition(|exchange| exchange.status() > 0);
        for near in answered.into_iter().chain(unanswered) {
            let asked = near.asked();
            let id = near.response.field("x-request-id");
            let like = far.iter().position(|far| {
                far.asked() == asked
                    && far.request.body == near.request.body
                    && (id.is_none() || far.response.field("x-request-id") == id)
            });
            let far =
                far.remove(like.unwrap_or_else(|| panic!("{asked} did not arrive unchanged")));
            assert_eq!(
                near.request.end_to_end(),
                far.request.end_to_end(),
                "{asked}"
            );
            if id.is_none() {
                continue;
            }
            assert_eq!(near.status(), far.status(), "{asked}");
            assert_eq!(
                near.response.end_to_end(),
                far.response.end_to_end(),
                "{asked}"
            );
            assert_eq!(
                near.upgraded, far.upgraded,
                "{asked}: what the socket carried"
            );
            if near.response.whole {
                assert_eq!(near.response.body, far.response.body, "{asked}");
            } else {
                // Codex hangs up once it has read the last event, or the status that it fears.
                assert!(
                    far.response.body.starts_with(&near.response.body),
                    "{asked}"
                );
                let text = str::from_utf8(&near.response.body).unwrap();
                assert!(
                    near.status() >= 400 || text.contains("event: response.completed\n"),
                    "{asked}: {text}"
                );
            }
        }
        let left: Vec<_> = far.iter().map(Exchange::asked).collect();
        assert!(left.is_empty(), "codextap asked for more: {left:?}");
    }

    const PROMPT: &str = "Add forty and two.";
}
