//! `codextap setup` and `codextap doctor`: lines that work as they stand, and faults that are found with
//! what mends them.

#[cfg(test)]
mod support {
    #![expect(dead_code, reason = "other tests use the rest")]

    pub(crate) mod pty_upstream;
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::{BufRead, BufReader};
    use std::net::TcpListener;
    use std::os::unix::fs::PermissionsExt;
    use std::path::{Path, PathBuf};
    use std::process::{Command, Output, Stdio};

    use serde_json::Value;
    use tempfile::TempDir;

    use crate::support::pty_upstream::{interrupt, recorder};

    /// A home in which nothing is wrong, with a Codex that is logged in.
    struct Place {
        home: TempDir,
        /// What the doctor is told besides.
        arguments: Vec<String>,
        variables: Vec<(&'static str, String)>,
    }

    impl Place {
        fn sound() -> Self {
            let home = TempDir::new().unwrap();
            let codex = home.path().join("codex");
            let script = "#!/bin/sh\n[ \"$1\" = --version ] && echo codex-cli 0.169.0 && echo WARNING: x >&2 && exit\n\
                          echo \"$OPENAI_BASE_URL $*\"\n";
            fs::write(&codex, script).unwrap();
            fs::set_permissions(&codex, PermissionsExt::from_mode(0o755)).unwrap();
            fs::create_dir(home.path().join(".codex")).unwrap();
            let place = Self {
                home,
                arguments: Vec::new(),
                variables: vec![
                    ("CODEXTAP_LISTEN", "127.0.0.1:0".into()),
                    ("TERM", "xterm-256color".into()),
                    ("COLORTERM", "truecolor".into()),
                    ("LANG", "C.UTF-8".into()),
                ],
            };
            place.write(".codex/auth.json", r#"{"OPENAI_API_KEY":"x"}"#);
            place.write(".codex/config.toml", "model = \"x\"\n");
            place
        }

        fn path(&self, name: &str) -> PathBuf {
            self.home.path().join(name)
        }

        fn write(&self, name: &str, text: &str) {
            let path = self.path(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, text).unwrap();
            fs::set_permissions(path, PermissionsExt::from_mode(0o600)).unwrap();
        }

        fn set(&mut self, name: &'static str, value: &str) {
            self.variables.retain(|(other, _)| *other != name);
            self.variables.push((name, value.to_owned()));
        }

        fn tell(&mut self, arguments: &[&str]) {
            self.arguments
                .extend(arguments.iter().map(|it| (*it).to_owned()));
        }

        fn run(&self, arguments: &[&str]) -> Output {
            let own = self.home.path().display();
            Command::new(env!("CARGO_BIN_EXE_codextap"))
                .args(&self.arguments)
                .args(arguments)
                .env_clear()
                .env("HOME", self.home.path())
                .env("PATH", format!("{own}:/usr/bin:/bin"))
                .envs(self.variables.iter().map(|(name, value)| (name, value)))
                .current_dir(self.home.path())
                .stdin(Stdio::null())
                .output()
                .unwrap()
        }

        /// What is not in order: check, level, finding and hint; and the exit code.
        fn findings(&self, arguments: &[&str]) -> (Vec<[String; 4]>, Option<i32>) {
            let output = self.run(&[&["doctor", "--json"], arguments].concat());
            assert_eq!(output.stderr, b"", "{output:?}");
            let document: Value = serde_json::from_slice(&output.stdout).unwrap();
            let findings = document["findings"].as_array().unwrap();
            let text = |finding: &Value| {
                ["check", "level", "says", "hint"]
                    .map(|name| finding[name].as_str().unwrap_or_default().to_owned())
            };
            let wrong = findings.iter().filter(|finding| finding["level"] != "ok");
            (wrong.map(text).collect(), output.status.code())
        }
    }

    /// A planted fault: what it is called, how it is planted, its level, parts of the finding and hint.
    type Planted = (
        &'static str,
        fn(&mut Place),
        &'static str,
        &'static str,
        &'static str,
    );

    const PLANTED: &[Planted] = &[
        (
            "codex",
            |place| fs::remove_file(place.path("codex")).unwrap(),
            "fault",
            "there is no program codex in PATH",
            "npm install -g @openai/codex",
        ),
        (
            "codex",
            |place| {
                fs::write(place.path("codex"), "#!/bin/sh\necho hello\n").unwrap();
            },
            "warning",
            "does not tell its version: hello",
            "--codex PATH",
        ),
        (
            "login",
            |place| place.write(".codex/auth.json", "{"),
            "fault",
            "auth.json is not JSON",
            "codex login",
        ),
        (
            "login",
            |place| {
                fs::remove_file(place.path(".codex/auth.json")).unwrap();
                place.set("OPENAI_API_KEY", "x");
            },
            "warning",
            "does not read OPENAI_API_KEY",
            "codex login --with-api-key",
        ),
        (
            "login",
            |place| {
                let file = place.path(".codex/auth.json");
                fs::set_permissions(file, PermissionsExt::from_mode(0o644)).unwrap();
            },
            "warning",
            "others can read",
            "chmod 600",
        ),
        (
            "login",
            |place| {
                let file = place.path(".codex/auth.json");
                fs::remove_file(&file).unwrap();
                fs::create_dir(file).unwrap();
            },
            "fault",
            "auth.json: Is a directory",
            "codex login",
        ),
        (
            "login",
            |place| place.set("CODEX_HOME", "/dev/null/x"),
            "fault",
            "CODEX_HOME is /dev/null/x, which is no directory",
            "unset CODEX_HOME",
        ),
        (
            "provider",
            |place| {
                let file = place.path(".codex/config.toml");
                fs::write(file, b"model = \"\xFF\"\n").unwrap();
            },
            "fault",
            "config.toml: stream did not contain valid UTF-8",
            "UTF-8",
        ),
        (
            "provider",
            |place| place.write(".codex/config.toml", "model_provider = \"azure\"\n"),
            "fault",
            "model_provider \"azure\" in config.toml leads elsewhere",
            "-c model_provider=openai",
        ),
        (
            "provider",
            |place| place.write(".codex/config.toml", "model = \"x\"\nmodel = \n"),
            "fault",
            "config.toml:2: ",
            "correct that line",
        ),
        (
            "routes",
            |place| place.tell(&["--route", "azure=https://x"]),
            "fault",
            "\"azure\" is not a path",
            "/PREFIX=URL",
        ),
        (
            "outer-proxy",
            |place| place.set("https_proxy", "gopher://x"),
            "fault",
            "https_proxy",
            "--upstream-proxy none",
        ),
        (
            "outer-proxy",
            |place| place.set("HTTPS_PROXY", "http://proxy:3128"),
            "warning",
            "HTTPS_PROXY makes a Codex",
            "NO_PROXY=127.0.0.1,localhost",
        ),
        (
            "certificates",
            |place| {
                place.write("ca.pem", "not a certificate");
                place.tell(&["--upstream-ca", "ca.pem"]);
            },
            "fault",
            "there is no PEM certificate in it",
            "-----BEGIN CERTIFICATE-----",
        ),
        (
            "state",
            |place| place.write(".local/state", "a file"),
            "fault",
            "cannot write in",
            "XDG_STATE_HOME",
        ),
        (
            "state",
            |place| {
                let state = place.path(".local/state/codextap");
                fs::create_dir_all(&state).unwrap();
                fs::set_permissions(state, PermissionsExt::from_mode(0o755)).unwrap();
            },
            "warning",
            "others can enter",
            "chmod 700",
        ),
        (
            "capture",
            |place| {
                place.write("file", "");
                place.tell(&["--capture", "file/capture.jsonl"]);
            },
            "fault",
            "cannot write in file",
            "--capture none",
        ),
        (
            "listen",
            |place| place.set("CODEXTAP_LISTEN", "0.0.0.0:0"),
            "fault",
            "other machines can reach 0.0.0.0:0",
            "--token auto",
        ),
        (
            "terminal",
            |place| place.set("TERM", "dumb"),
            "fault",
            "TERM=dumb has no screen",
            "codextap record",
        ),
        (
            "locale",
            |place| place.set("LC_ALL", "C"),
            "warning",
            "C is not UTF-8",
            "LC_ALL=C.UTF-8",
        ),
        (
            "locale",
            |place| place.set("LANG", ""),
            "warning",
            "no locale is set, so",
            "LC_ALL=C.UTF-8",
        ),
        (
            "side-channels",
            |place| {
                place.write(".codex/config.toml", "chatgpt_base_url = \"https://x/\"\n");
                place.set("CODEXTAP_SIDE_CHANNELS", "true");
            },
            "fault",
            "chatgpt_base_url in config.toml leads to https://x/",
            "leave it out",
        ),
        (
            "side-channels",
            |place| {
                place.set("CODEXTAP_LISTEN", "127.0.0.2:0");
                place.set("CODEXTAP_SIDE_CHANNELS", "true");
            },
            "fault",
            "which is not 127.0.0.2:0",
            "listen on 127.0.0.1",
        ),
        (
            "colours",
            |place| place.set("COLORTERM", ""),
            "warning",
            "does not promise 24 bits",
            "COLORTERM=truecolor",
        ),
        (
            "tmux",
            |place| place.set("TMUX", "/none,1,0"),
            "warning",
            "tmux does not tell its options",
            "PATH",
        ),
    ];

    #[test]
    fn nothing_is_found_where_nothing_is_wrong() {
        let place = Place::sound();
        assert_eq!(place.findings(&[]), (Vec::new(), Some(0)));
        let output = place.run(&["doctor"]);
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(
            text.contains("ok       codex        codex-cli 0.169.0, which"),
            "{text}"
        );
        assert!(text.ends_with("0 faults, 0 warnings\n"), "{text}");
        assert!(!place.path(".local").exists(), "it made nothing");
    }

    #[test]
    fn each_planted_fault_is_found_with_its_mend() {
        for (check, plant, level, says, hint) in PLANTED {
            let mut place = Place::sound();
            plant(&mut place);
            let (findings, code) = place.findings(&[]);
            assert_eq!(findings.len(), 1, "{check}, {says}: {findings:?}");
            let found = &findings[0];
            assert_eq!([&found[0], &found[1]], [check, level], "{findings:?}");
            assert!(found[2].contains(says), "{says}: {findings:?}");
            assert!(found[3].contains(hint), "{hint}: {findings:?}");
            assert_eq!(code, Some(i32::from(*level == "fault")), "{check}");
            let output = place.run(&["doctor"]);
            let text = String::from_utf8(output.stdout).unwrap();
            let line = format!("{level:<8} {check:<12} {}\nhint: {}\n", found[2], found[3]);
            assert!(text.contains(&line), "{line}{text}");
        }
    }

    #[test]
    fn a_port_and_a_process_that_are_not_codextap_are_found() {
        let mut place = Place::sound();
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = taken.local_addr().unwrap().to_string();
        place.set("CODEXTAP_LISTEN", &address);
        let (findings, code) = place.findings(&[]);
        assert_eq!(code, Some(1));
        let says = format!("another program listens on {address}");
        assert_eq!(findings[0][2], says);
        assert!(
            findings[0][3].ends_with("--listen 127.0.0.1:0"),
            "{findings:?}"
        );
        drop(taken);

        // One that was stopped still holds its lock and its port.
        let mut child = recorder(&["--capture"], Path::new("none"), place.home.path());
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let first = lines.next().unwrap().unwrap();
        let id = child.id().to_string();
        let signal = |name: &str| {
            let status = Command::new("kill").args([name, &id]).status();
            assert!(status.unwrap().success());
        };
        signal("-STOP");
        let (findings, code) = place.findings(&[]);
        assert_eq!((findings.len(), code), (1, Some(0)), "{findings:?}");
        assert_eq!(findings[0][..2], ["running", "warning"]);
        assert!(findings[0][2].contains(&format!("{id}.json: its process does not answer")));
        assert!(findings[0][3].contains("remove the file"));
        signal("-CONT");
        let address = first.strip_prefix("listening on http://").unwrap();
        place.set("CODEXTAP_LISTEN", address);
        assert_eq!(place.findings(&[]), (Vec::new(), Some(0)));
        interrupt(&child);
        assert!(child.wait().unwrap().success());
    }

    #[test]
    fn upstreams_are_asked_only_when_that_is_wanted() {
        let mut place = Place::sound();
        let closed = TcpListener::bind("127.0.0.1:0").unwrap();
        let origin = format!("http://{}", closed.local_addr().unwrap());
        drop(closed);
        let open = crate::support::pty_upstream::upstream();
        place.tell(&["--api-upstream", &origin, "--chatgpt-upstream", &open]);
        assert_eq!(place.findings(&[]), (Vec::new(), Some(0)));
        let (findings, code) = place.findings(&["--online"]);
        assert_eq!((findings.len(), code), (1, Some(1)), "{findings:?}");
        assert!(
            findings[0][2].contains(&format!("cannot connect to {origin}")),
            "{findings:?}"
        );
        assert!(findings[0][3].contains("--upstream-proxy"), "{findings:?}");
    }

    #[test]
    fn the_lines_for_bash_do_what_they_say() {
        let place = Place::sound();
        let output = place.run(&["setup", "bash"]);
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(
            text.starts_with("# No codextap runs; one that is started will be on 127.0.0.1:0.")
        );
        let run = |title: &str| {
            let lines = text.split(&format!("# {title}\n")).nth(1).unwrap();
            let lines = lines.split("\n\n").next().unwrap();
            let output = Command::new("/bin/bash")
                .args(["-c", lines])
                .env_clear()
                .env("PATH", place.home.path())
                .output()
                .unwrap();
            assert_eq!(output.stderr, b"", "{title}");
            String::from_utf8(output.stdout).unwrap()
        };
        let root = "http://127.0.0.1:0";
        assert_eq!(
            run("With an API key"),
            format!(" -c openai_base_url={root}/v1\n")
        );
        assert_eq!(
            run("With a ChatGPT login"),
            format!(" -c openai_base_url={root}/backend-api/codex\n")
        );
        assert_eq!(
            run("Before Codex 0.110, with an API key"),
            format!("{root}/v1 \n")
        );
        assert_eq!(
            run("Before Codex 0.110, with a ChatGPT login"),
            format!("{root}/backend-api/codex \n")
        );
    }

    #[test]
    fn each_shell_has_its_lines_with_the_address_of_the_one_that_runs() {
        let mut place = Place::sound();
        place.variables.clear();
        let arguments = ["--token", "open-sesame-0123456789", "--capture"];
        let mut child = recorder(&arguments, Path::new("none"), place.home.path());
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let first = lines.next().unwrap().unwrap();
        let root = first.strip_prefix("listening on ").unwrap();
        let base = format!("{root}/open-sesame-0123456789/v1");
        for (shell, set, alias) in [
            (
                "bash",
                format!("export OPENAI_BASE_URL='{base}'"),
                "alias codex='codextap codex'",
            ),
            (
                "zsh",
                format!("export OPENAI_BASE_URL='{base}'"),
                "alias codex='codextap codex'",
            ),
            (
                "fish",
                format!("set -gx OPENAI_BASE_URL '{base}'"),
                "alias codex 'codextap codex'",
            ),
            (
                "pwsh",
                format!("$env:OPENAI_BASE_URL = '{base}'"),
                "function codex { codextap codex @args }",
            ),
            (
                "nu",
                format!("$env.OPENAI_BASE_URL = '{base}'"),
                "alias codex = codextap codex",
            ),
        ] {
            let output = place.run(&["setup", shell]);
            let text = String::from_utf8(output.stdout).unwrap();
            let has = |line: &str| text.lines().any(|other| other == line);
            assert!(has(&set) && has(alias), "{shell}: {text}");
            assert!(text.contains("keep them to yourself"), "{text}");
        }
        place.set("SHELL", "/usr/bin/fish");
        let output = place.run(&["setup"]);
        assert!(
            String::from_utf8(output.stdout)
                .unwrap()
                .contains("set -gx NO_PROXY")
        );
        assert_eq!(place.run(&["setup", "csh"]).status.code(), Some(2));
        interrupt(&child);
        assert!(child.wait().unwrap().success());
    }
}
