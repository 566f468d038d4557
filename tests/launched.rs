//! The real Codex, started by `codextap codex`: all it sends is in the capture, and what it keeps in its
//! own home is what it keeps without codextap.
//!
//! Codex is looked for where `.ci/run` installs it; without it the tests say so and pass.

#[cfg(test)]
mod support {
    #![expect(dead_code, reason = "other tests use the rest")]

    pub(crate) mod captured;
    pub(crate) mod codex_run;
    pub(crate) mod fake_upstream;
    pub(crate) mod wire_log;
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::{Path, PathBuf};
    use std::process::{Command, ExitStatus};

    use serde_json::Value;
    use tempfile::TempDir;

    use crate::support::captured::Capture;
    use crate::support::codex_run::{Login, Running, Version, auth, isolated};
    use crate::support::fake_upstream::script::{FINAL_TEXT, Scenario};
    use crate::support::fake_upstream::{FakeUpstream, Sockets};

    #[test]
    fn codex_169_with_an_api_key() {
        launched(Version::V0_169, Login::ApiKey);
    }

    #[test]
    fn codex_169_with_a_chatgpt_login() {
        launched(Version::V0_169, Login::ChatGpt);
    }

    #[test]
    fn codex_98_with_an_api_key() {
        launched(Version::V0_98, Login::ApiKey);
    }

    #[test]
    fn codex_98_with_a_chatgpt_login() {
        launched(Version::V0_98, Login::ChatGpt);
    }

    /// `codextap codex exec …` without a codextap that runs starts its own, which keeps everything. A
    /// Codex without codextap then goes on with the same session.
    fn launched(version: Version, login: Login) {
        let Some(codex) = version.find() else {
            return;
        };
        let upstream = FakeUpstream::start(Scenario::Tools(1), Sockets::Deflate);
        let place = Place::new(login);
        let file = place.home.path().join("capture.jsonl");
        let mut command = place.codextap(&["--api-upstream", &upstream.origin()]);
        command.args(["--chatgpt-upstream", &upstream.origin(), "--capture"]);
        command.arg(&file).args(["codex", "--codex"]).arg(&codex);
        let (status, output, errors) = place.exec(command, &[PROMPT]);
        assert!(status.success(), "{status}\n{output}\n{errors}");
        assert!(output.trim_end().ends_with(FINAL_TEXT), "{output}");
        assert!(errors.contains("codextap: captured to "), "{errors}");
        assert!(!errors.contains("past codextap"), "{errors}");

        upstream.log.wait_ended("between codextap and the upstream");
        let capture = Capture::read(&file);
        capture.assert_private();
        let exchanges = upstream.exchanges();
        let upgraded = exchanges.iter().any(|far| far.upgraded.is_some());
        capture.assert_exchanges(&exchanges, &upstream.origin());
        assert_eq!(upgraded, version == Version::V0_169, "as without codextap");
        place.assert_untouched();

        // What the same Codex leaves without codextap.
        let direct = Place::new(login);
        let far = FakeUpstream::start(Scenario::Tools(1), Sockets::Deflate);
        let command = |place: &Place, far: &FakeUpstream| {
            let path = match login {
                Login::ApiKey => "/v1",
                Login::ChatGpt => "/backend-api/codex",
            };
            let base = far.origin() + path;
            let mut command = place.isolated(&codex);
            command.env("OPENAI_BASE_URL", &base);
            command.args(["-c", &format!("openai_base_url=\"{base}\"")]);
            command
        };
        let (status, output, errors) = direct.exec(command(&direct, &far), &[PROMPT]);
        assert!(status.success(), "{status}\n{output}\n{errors}");
        assert_eq!(place.written(), direct.written());
        assert_eq!(place.sessions(), direct.sessions());
        assert_eq!(place.sessions().len(), 1);

        let far = FakeUpstream::start(Scenario::Text, Sockets::Deflate);
        let resumed = place.exec(command(&place, &far), &["resume", "--last", "And then?"]);
        assert!(resumed.0.success(), "{resumed:?}");
        assert_eq!(
            place.sessions().len(),
            1,
            "it went on with the same session"
        );
    }

    #[test]
    fn how_codex_failed_is_passed_on() {
        let Some(codex) = Version::V0_169.find() else {
            return;
        };
        let place = Place::new(Login::ApiKey);
        let mut command = place.codextap(&["--api-upstream", "http://127.0.0.1:9"]);
        command
            .args(["--capture", "none", "codex", "--codex"])
            .arg(&codex);
        let (status, output, errors) = place.exec(command, &["--no-such-option"]);
        assert_eq!(status.code(), Some(2), "{output}\n{errors}");
        assert!(errors.contains("--no-such-option"), "{errors}");
        assert!(!errors.contains("codextap: "), "{errors}");
        place.assert_untouched();
    }

    #[test]
    fn a_codextap_that_runs_is_found() {
        let Some(codex) = Version::V0_169.find() else {
            return;
        };
        let upstream = FakeUpstream::start(Scenario::Text, Sockets::Deflate);
        let place = Place::new(Login::ApiKey);
        let file = place.home.path().join("capture.jsonl");
        let mut recorder = isolated(Path::new(env!("CARGO_BIN_EXE_codextap")), place.home.path());
        recorder.args(["record", "--listen", "127.0.0.1:0", "--api-upstream"]);
        recorder.args([&upstream.origin(), "--capture"]).arg(&file);
        let (codextap, _) = Running::spawn(&mut recorder).line();
        // Told of no upstream, it takes the one that runs; OpenAI itself cannot be reached here.
        let mut command = place.codextap(&["codex", "--codex"]);
        command.arg(&codex);
        let (status, output, errors) = place.exec(command, &[PROMPT]);
        assert!(status.success(), "{status}\n{output}\n{errors}");
        codextap.interrupt();
        let (status, output, errors) = codextap.wait();
        assert!(status.success(), "codextap: {status}\n{output}\n{errors}");
        upstream.log.wait_ended("between codextap and the upstream");
        Capture::read(&file).assert_exchanges(&upstream.exchanges(), &upstream.origin());
        let state = place.home.path().join(".local/state/codextap");
        let captures = fs::read_dir(state).unwrap().flatten();
        let captures = captures.filter(|entry| entry.path().extension().is_some());
        assert_eq!(captures.count(), 0, "no other capture was begun");
        place.assert_untouched();
    }

    /// A home with a configuration of Codex in it.
    struct Place {
        home: TempDir,
        login: Login,
        /// Answers what is no model traffic, as ChatGPT does without codextap's help.
        aside: FakeUpstream,
    }

    impl Place {
        fn new(login: Login) -> Self {
            let home = TempDir::new().unwrap();
            let codex_home = home.path().join(".codex");
            fs::create_dir(home.path().join("project")).unwrap();
            fs::create_dir(&codex_home).unwrap();
            fs::write(codex_home.join("config.toml"), CONFIG).unwrap();
            if login == Login::ChatGpt {
                fs::write(codex_home.join("auth.json"), auth().to_string()).unwrap();
            }
            let aside = FakeUpstream::start(Scenario::Text, Sockets::Deflate);
            Self { home, login, aside }
        }

        /// Codextap with its options up to the command.
        fn codextap(&self, options: &[&str]) -> Command {
            let mut command = self.isolated(Path::new(env!("CARGO_BIN_EXE_codextap")));
            command.args(options);
            command
        }

        fn isolated(&self, program: &Path) -> Command {
            let mut command = isolated(program, self.home.path());
            command
                .current_dir(self.home.path().join("project"))
                .env("CODEX_HOME", self.home.path().join(".codex"));
            if self.login == Login::ApiKey {
                command.env("CODEX_API_KEY", "sk-test-not-a-real-key");
            }
            let renewal = format!("{}/oauth/token", self.aside.origin());
            command.env("CODEX_REFRESH_TOKEN_URL_OVERRIDE", renewal);
            command
        }

        /// Runs `codex exec` behind what `command` has so far.
        fn exec(&self, mut command: Command, arguments: &[&str]) -> (ExitStatus, String, String) {
            command.args(["exec", "--skip-git-repo-check", "-s", "danger-full-access"]);
            let aside = format!("chatgpt_base_url=\"{}/backend-api/\"", self.aside.origin());
            command.args(["-c", &aside]);
            Running::spawn(command.args(arguments)).wait()
        }

        /// Codex is configured and logged in as it was.
        fn assert_untouched(&self) {
            let codex_home = self.home.path().join(".codex");
            let config = fs::read_to_string(codex_home.join("config.toml")).unwrap();
            assert_eq!(config, CONFIG);
            let kept = fs::read_to_string(codex_home.join("auth.json")).ok();
            let given = (self.login == Login::ChatGpt).then(|| auth().to_string());
            assert_eq!(kept, given);
        }

        /// The files in Codex's home, without what is in their names of a moment or a process.
        fn written(&self) -> BTreeSet<String> {
            let mut files = Vec::new();
            let home = self.home.path().join(".codex");
            collect(&home, &mut files);
            let name = |file: PathBuf| {
                let name = file
                    .strip_prefix(&home)
                    .unwrap()
                    .to_string_lossy()
                    .into_owned();
                let name = name.trim_end_matches("-wal").trim_end_matches("-shm");
                name.split(['/', '-', '_', '.'])
                    .filter(|part| !part.contains(|c: char| c.is_ascii_digit()))
                    // A group of a UUID may have letters alone.
                    .filter(|part| part.len() < 4 || !part.bytes().all(|b| b.is_ascii_hexdigit()))
                    .collect::<Vec<_>>()
                    .join("/")
            };
            files.into_iter().map(name).collect()
        }

        /// What `codex resume` knows sessions by.
        fn sessions(&self) -> Vec<Value> {
            let mut files = Vec::new();
            collect(&self.home.path().join(".codex/sessions"), &mut files);
            let session = |file: PathBuf| {
                let text = fs::read_to_string(file).unwrap();
                let first: Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
                let meta = &first["payload"];
                let names = ["model_provider", "originator", "source", "cli_version"];
                names.map(|name| meta[name].clone()).into_iter().collect()
            };
            files.into_iter().map(session).collect()
        }
    }

    /// Files below a directory.
    fn collect(directory: &Path, files: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(directory).unwrap().flatten() {
            if entry.file_type().unwrap().is_dir() {
                collect(&entry.path(), files);
            } else {
                files.push(entry.path());
            }
        }
    }

    const CONFIG: &str =
        "[analytics]\nenabled = false\n\n[features]\nplugins = false\napps = false\n";

    const PROMPT: &str = "Add forty and two.";
}
