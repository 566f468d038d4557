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
