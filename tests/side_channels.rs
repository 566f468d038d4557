//! `--side-channels`: what a ChatGPT login sends beside its models comes through codextap, and without the
//! option Codex is told nothing of it.
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
    use std::collections::BTreeMap;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;
    use std::path::{Path, PathBuf};
    use std::process::Command;

    use serde_json::Value;
    use tempfile::TempDir;

    use crate::support::captured::Capture;
    use crate::support::codex_run::{Running, Version, auth, isolated};
    use crate::support::fake_upstream::script::{FINAL_TEXT, Scenario};
    use crate::support::fake_upstream::{FakeUpstream, Sockets};

    #[test]
    fn codex_169_sends_them_here_as_what_they_are() {
        let channels = recorded(Version::V0_169);
        let Some(channels) = channels else {
            return;
        };
        for channel in [
            "model",
            "models",
            "backend",
            "analytics",
            "mcp",
            "skills/plugins",
        ] {
            assert!(channels.contains_key(channel), "{channel}: {channels:?}");
        }
        let check = (channels["backend"].iter())
            .find(|line| line["request"]["path"] == "/backend-api/wham/accounts/check")
            .unwrap();
        let account = &check["response"]["body"]["accounts"][0];
        assert_eq!(account["workspace_backend_origin"], "NO_CONSTRAINT");
        let fields = check["response"]["headers"].to_string();
        assert!(fields.contains("x-codextap-changed"), "{fields}");
        let others = channels.values().flatten();
        let marked = others.filter(|line| line.to_string().contains("x-codextap-changed"));
        assert_eq!(marked.count(), 1, "nothing else is changed");
    }

    #[test]
    fn codex_98_has_none_and_goes_on_as_ever() {
        let Some(channels) = recorded(Version::V0_98) else {
            return;
        };
        assert!(channels.contains_key("model"), "{channels:?}");
        assert!(!channels.contains_key("analytics"), "{channels:?}");
    }

    /// Without the option the same Codex asks nothing here but models, of a workspace that is bound to no
    /// back end.
    #[test]
    fn without_the_option_only_models_are_asked_here() {
        let Some(codex) = Version::V0_169.find() else {
            return;
        };
        let place = Place::new("");
        let upstream = FakeUpstream::bound(Scenario::Text, Sockets::Deflate, "NO_CONSTRAINT");
        let direct = FakeUpstream::start(Scenario::Text, Sockets::Deflate);
        let mut command = place.codextap(&upstream.origin(), &[], &codex);
        let aside = format!("chatgpt_base_url=\"{}/backend-api/\"", direct.origin());
        command.args(["-c", &aside]);
        let (status, output, errors) = Running::spawn(command.arg(PROMPT)).wait();
        assert!(status.success(), "{status}\n{output}\n{errors}");
        let channels = place.channels();
        let names: Vec<_> = channels.keys().map(String::as_str).collect();
        assert!(
            names == ["model"] || names == ["model", "models"],
            "{names:?}"
        );
        place.assert_untouched();
    }

    /// What a Codex sent with the option, by channel; `None` if there is no such Codex.
    fn recorded(version: Version) -> Option<BTreeMap<String, Vec<Value>>> {
        let codex = version.find()?;
        let place = Place::new("");
        let upstream = FakeUpstream::bound(Scenario::Text, Sockets::Deflate, "NO_CONSTRAINT");
        let mut command = place.codextap(&upstream.origin(), &["--side-channels"], &codex);
        let (status, output, errors) = Running::spawn(command.arg(PROMPT)).wait();
        assert!(status.success(), "{status}\n{output}\n{errors}");
        assert!(output.trim_end().ends_with(FINAL_TEXT), "{output}");
        assert!(!errors.contains("past codextap"), "{errors}");
        place.assert_untouched();
        Capture::read(&place.file()).assert_private();
        Some(place.channels())
    }

    #[test]
    fn a_codex_is_told_of_it_where_it_is_wanted_and_can_be() {
        let plain = "model = \"x\"\n";
        let place = Place::new(plain);
        let told = |place: &Place, options: &[&str]| place.told(options);
        let (arguments, errors) = told(&place, &[]);
        assert!(!arguments.contains("chatgpt_base_url"), "{arguments}");
        assert!(!errors.contains("side channels"), "{errors}");

        let (arguments, _) = told(&place, &["--side-channels"]);
        let model = arguments
            .split("openai_base_url=\"http://127.0.0.1:")
            .nth(1)
            .unwrap();
        let aside = arguments
            .split("chatgpt_base_url=\"http://localhost:")
            .nth(1)
            .unwrap();
        let port = |text: &str| text.split('/').next().unwrap().to_owned();
        assert_eq!(port(model), port(aside));
        assert!(
            aside[port(aside).len()..].starts_with("/backend-api/\""),
            "{arguments}"
        );
        place.assert_untouched();

        // Its own default is no other place.
        let config = "chatgpt_base_url = \"https://chatgpt.com/backend-api/\"\n";
        let (arguments, errors) = told(&Place::new(config), &["--side-channels"]);
        assert!(
            arguments.contains("http://localhost:"),
            "{arguments}\n{errors}"
        );

        let config = "chatgpt_base_url = \"https://chat.corp/backend-api/\"\n";
        let (arguments, errors) = told(&Place::new(config), &["--side-channels"]);
        assert!(!arguments.contains("chatgpt_base_url"), "{arguments}");
        assert!(
            errors.contains("chatgpt_base_url in config.toml leads to https://chat.corp/"),
            "{errors}"
        );

        // An API key has none.
        let place = Place::new(plain);
        fs::write(place.path(".codex/auth.json"), "{\"OPENAI_API_KEY\":\"x\"}").unwrap();
        let (arguments, errors) = told(&place, &["--side-channels"]);
        assert!(!arguments.contains("chatgpt_base_url"), "{arguments}");
        assert!(!errors.contains("side channels"), "{errors}");
    }

    #[test]
    fn the_codextap_that_records_decides() {
        let place = Place::new("");
        for (takes, option) in [(true, false), (false, true)] {
            let mut recorder = place.program();
            recorder.args(["record", "--listen", "127.0.0.1:0", "--capture", "none"]);
            recorder.arg(format!("--side-channels={takes}"));
            let (recording, line) = Running::spawn(&mut recorder).line();
            let mut command = place.program();
            command.arg(format!("--side-channels={option}"));
            command.args(["codex", "--codex"]).arg(place.fake_codex());
            let (status, output, errors) = Running::spawn(command.arg("exec")).wait();
            assert!(status.success(), "{output}\n{errors}");
            assert_eq!(output.contains("chatgpt_base_url"), takes, "{output}");
            let said = format!(
                "{} takes no side channels",
                &line.trim()["listening on http://".len()..]
            );
            assert_eq!(errors.contains(&said), option, "{errors}");
            let setup = place.program().arg("setup").output().unwrap();
            let setup = String::from_utf8(setup.stdout).unwrap();
            assert_eq!(
                setup.contains(" -c chatgpt_base_url=http://localhost:"),
                takes,
                "{setup}"
            );
            recording.interrupt();
            assert!(recording.wait().0.success());
        }
    }

    #[test]
    fn where_localhost_cannot_lead_here_it_is_refused() {
        let place = Place::new("");
        let mut command = place.program();
        command.args(["record", "--side-channels", "--listen", "127.0.0.2:0"]);
        let (status, _, errors) = Running::spawn(&mut command).wait();
        assert_eq!(status.code(), Some(2), "{errors}");
        assert!(
            errors.starts_with("codextap: --side-channels: "),
            "{errors}"
        );
        assert!(errors.contains("hint: listen on 127.0.0.1"), "{errors}");
    }

    /// A home with a ChatGPT login and a configuration of Codex in it.
    struct Place {
        home: TempDir,
        config: &'static str,
    }

    impl Place {
        fn new(config: &'static str) -> Self {
            let place = Self {
                home: TempDir::new().unwrap(),
                config,
            };
            fs::create_dir(place.path(".codex")).unwrap();
            fs::create_dir(place.path("project")).unwrap();
            fs::write(place.path(".codex/config.toml"), config).unwrap();
            fs::write(place.path(".codex/auth.json"), auth().to_string()).unwrap();
            place
        }

        fn path(&self, name: &str) -> PathBuf {
            self.home.path().join(name)
        }

        fn file(&self) -> PathBuf {
            self.path("capture.jsonl")
        }

        fn program(&self) -> Command {
            let program = Path::new(env!("CARGO_BIN_EXE_codextap"));
            let mut command = isolated(program, self.home.path());
            command.current_dir(self.path("project"));
            command
                .env("CODEX_HOME", self.path(".codex"))
                // Codex has places of its own that no setting moves: nobody is there.
                .env("HTTPS_PROXY", "http://127.0.0.1:9");
            command
        }

        /// `codextap codex exec` with `codex`, but for the prompt.
        fn codextap(&self, upstream: &str, options: &[&str], codex: &Path) -> Command {
            let mut command = self.program();
            command
                .args(options)
                .args(["--chatgpt-upstream", upstream, "--capture"]);
            command
                .arg(self.file())
                .args(["codex", "--codex"])
                .arg(codex);
            command.args(["exec", "--skip-git-repo-check", "-s", "danger-full-access"]);
            command
        }

        /// A program that only says how it was called.
        fn fake_codex(&self) -> PathBuf {
            let path = self.path("codex");
            fs::write(&path, "#!/bin/sh\necho \"$*\"\n").unwrap();
            fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
            path
        }

        /// What Codex is told with these options, and what codextap says.
        fn told(&self, options: &[&str]) -> (String, String) {
            let mut command = self.codextap("http://127.0.0.1:9", options, &self.fake_codex());
            let (status, output, errors) = Running::spawn(&mut command).wait();
            assert!(status.success(), "{output}\n{errors}");
            (output, errors)
        }

        /// The lines of the capture by channel.
        fn channels(&self) -> BTreeMap<String, Vec<Value>> {
            let mut channels = BTreeMap::<_, Vec<_>>::new();
            for line in fs::read_to_string(self.file()).unwrap().lines() {
                let line: Value = serde_json::from_str(line).unwrap();
                let channel = line["channel"].as_str().unwrap().to_owned();
                channels.entry(channel).or_default().push(line);
            }
            channels
        }

        /// Codex is configured and logged in as it was.
        fn assert_untouched(&self) {
            let read = |name: &str| fs::read_to_string(self.path(name)).unwrap();
            assert_eq!(read(".codex/config.toml"), self.config);
            assert_eq!(read(".codex/auth.json"), auth().to_string());
        }
    }

    const PROMPT: &str = "Add forty and two.";
}
