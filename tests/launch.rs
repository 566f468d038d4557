//! `codextap run` and `codextap codex` with children that are scripts: which codextap they are led to,
//! and that terminal, signals and exit code are the child's own.

#[cfg(test)]
mod support {
    #![expect(dead_code, reason = "other tests use the rest")]

    pub(crate) mod pty;
    pub(crate) mod pty_upstream;
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::{BufRead, BufReader, Lines, Read as _, Write as _};
    use std::net::SocketAddr;
    use std::os::unix::fs::PermissionsExt;
    use std::path::{Path, PathBuf};
    use std::process::{Child, ChildStdout, Command, Output, Stdio};

    use tempfile::TempDir;

    use crate::support::pty::Window;
    use crate::support::pty_upstream::{ask, interrupt, recorder, upstream};

    fn codextap(home: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_codextap"));
        command
            .args(arguments)
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("HOME", home)
            .current_dir(home)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Standard output and standard error of a run that is over.
    fn printed(output: &Output) -> (String, String) {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        (text(&output.stdout), text(&output.stderr))
    }

    /// A codextap that records without an end.
    struct Recorder {
        child: Child,
        address: SocketAddr,
        /// Kept, so that it has a reader.
        _lines: Lines<BufReader<ChildStdout>>,
    }

    impl Recorder {
        fn start(home: &Path, upstream: &str) -> Self {
            let arguments = ["--api-upstream", upstream, "--capture"];
            let mut child = recorder(&arguments, Path::new("none"), home);
            let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
            let first = lines.next().unwrap().unwrap();
            let address = first.strip_prefix("listening on http://").unwrap();
            let address = address.parse().unwrap();
            Self {
                child,
                address,
                _lines: lines,
            }
        }
    }

    impl Drop for Recorder {
        fn drop(&mut self) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }

    /// A program named `codex` that runs `script`.
    fn fake_codex(home: &Path, script: &str) -> PathBuf {
        let path = home.join("codex");
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
        path
    }

    #[test]
    fn a_command_gets_the_base_url_and_gives_its_code() {
        let home = TempDir::new().unwrap();
        let script = "echo \"$OPENAI_BASE_URL\"; echo \"$NO_PROXY $no_proxy\"; exit \"$1\"";
        let run = |more: &[&str], code: &str| {
            let arguments = [&["run"], more, &["--", "sh", "-c", script, "sh", code]].concat();
            let mut command = codextap(home.path(), &arguments);
            let output = command.env("NO_PROXY", "corp").output().unwrap();
            (printed(&output), output.status.code())
        };
        let ((out, err), code) = run(&[], "7");
        assert_eq!(code, Some(7));
        let lines: Vec<&str> = out.lines().collect();
        let base = lines[0].strip_prefix("http://127.0.0.1:").unwrap();
        assert!(
            base.strip_suffix("/v1").unwrap().parse::<u16>().is_ok(),
            "{base}"
        );
        assert_eq!(
            lines[1],
            "corp,127.0.0.1,localhost corp,127.0.0.1,localhost"
        );
        assert_eq!(err.lines().count(), 1, "{err}");
        assert!(err.contains("nothing of sh came through codextap"), "{err}");
        let ((out, err), code) = run(&["--login", "chatgpt", "-q"], "0");
        assert_eq!((err.as_str(), code), ("", Some(0)));
        assert!(out.contains("/backend-api/codex\n"), "{out}");
        let output = codextap(home.path(), &["run", "--", "no-such-program"]).output();
        let output = output.unwrap();
        assert_eq!(output.status.code(), Some(1));
        let (_, err) = printed(&output);
        assert_eq!(err.lines().count(), 1, "{err}");
        assert!(
            err.starts_with("codextap: cannot run no-such-program: "),
            "{err}"
        );
    }

    #[test]
    fn signals_are_the_childs_and_so_is_the_code() {
        let home = TempDir::new().unwrap();
        for (signal, code) in [("-INT", 130), ("-TERM", 143), ("-HUP", 129)] {
            let script = ["run", "--", "sh", "-c", "echo ready; exec cat"];
            let mut command = codextap(home.path(), &script);
            let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
            let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
            assert_eq!(lines.next().unwrap().unwrap(), "ready");
            let id = child.id().to_string();
            assert!(
                Command::new("kill")
                    .args([signal, &id])
                    .status()
                    .unwrap()
                    .success()
            );
            let input = child.stdin.take();
            assert_eq!(child.wait().unwrap().code(), Some(code), "{signal}");
            drop(input);
        }
        // One that has its own way to end keeps it.
        let own = "trap 'exit 5' TERM; echo ready; read line";
        let mut command = codextap(home.path(), &["run", "--", "sh", "-c", own]);
        let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        assert_eq!(lines.next().unwrap().unwrap(), "ready");
        let id = child.id().to_string();
        assert!(
            Command::new("kill")
                .args(["-TERM", &id])
                .status()
                .unwrap()
                .success()
        );
        let input = child.stdin.take();
        assert_eq!(child.wait().unwrap().code(), Some(5));
        drop(input);
    }

    #[test]
    fn the_terminal_is_the_childs_and_tells_it_of_ctrl_c_once() {
        let home = TempDir::new().unwrap();
        let script = "trap 'echo interrupted' INT; [ -t 0 ] && [ -t 1 ] && echo ready; \
                      read a; read a; echo \"read <$a>\"; exit 3";
        let arguments = ["run", "-q", "--", "sh", "-c", script];
        let mut window = Window::codextap(arguments, (80, 24), home.path());
        window.shows(&["ready"]);
        window.press("\x03");
        window.shows(&["interrupted"]);
        window.press("hello\rhello\r");
        window.shows(&["read <hello>"]);
        assert_eq!(window.ends().exit_code(), 3);
        assert_eq!(window.text().matches("interrupted").count(), 1);
    }

    #[test]
    fn the_newest_is_found_and_the_one_that_was_asked_for() {
        let home = TempDir::new().unwrap();
        let upstream = upstream();
        let script = ["run", "-q", "--", "sh", "-c", "echo \"$OPENAI_BASE_URL\""];
        let base = |arguments: &[&str]| {
            let output = codextap(home.path(), arguments).output().unwrap();
            let (out, err) = printed(&output);
            (out.trim().to_owned(), err)
        };
        let older = Recorder::start(home.path(), &upstream);
        let newer = Recorder::start(home.path(), &upstream);
        let url = |recorder: &Recorder| format!("http://{}/v1", recorder.address);
        assert_eq!(base(&script), (url(&newer), String::new()));
        let (_, err) = base(&["run", "--", "true"]);
        let says = format!(
            "codextap: 2 of codextap run; the newest, on {}, records",
            newer.address
        );
        assert!(err.starts_with(&says), "{err}");
        let address = older.address.to_string();
        let asked = [&["--listen", &address], &script[..]].concat();
        assert_eq!(base(&asked), (url(&older), String::new()));
        let behind = [&script[..1], &["--listen", &address], &script[1..]].concat();
        assert_eq!(base(&behind), (url(&older), String::new()));
        drop(older);
        let (own, err) = base(&["--listen", &address, "run", "--", "sh", "-c", script[5]]);
        assert!(
            err.contains(&format!("no codextap runs on {address}, so one of its own")),
            "{err}"
        );
        assert!(own != url(&newer), "{own}");
        // One that was killed left a file, which is gone by now.
        let running = home.path().join(".local/state/codextap/running");
        assert_eq!(fs::read_dir(&running).unwrap().count(), 1);
        // One that is stopped does not answer.
        let id = newer.child.id().to_string();
        assert!(
            Command::new("kill")
                .args(["-STOP", &id])
                .status()
                .unwrap()
                .success()
        );
        let (own, err) = base(&script);
        assert!(own != url(&newer) && err.is_empty(), "{own} {err}");
        assert_eq!(fs::read_dir(&running).unwrap().count(), 1);
    }

    #[test]
    fn one_with_the_same_upstreams_is_joined_and_no_other() {
        let home = TempDir::new().unwrap();
        let upstream = upstream();
        let recorder = Recorder::start(home.path(), &upstream);
        let base = |upstream: &str, more: &[&str]| {
            let script = ["run", "--", "sh", "-c", "echo \"$OPENAI_BASE_URL\""];
            let mut command = codextap(home.path(), &[more, &script[..]].concat());
            let output = command.env("CODEXTAP_API_UPSTREAM", upstream).output();
            let (out, err) = printed(&output.unwrap());
            (out.trim().to_owned(), err)
        };
        let url = format!("http://{}/v1", recorder.address);
        assert_eq!(base(&upstream, &[]).0, url);
        let (own, err) = base("http://127.0.0.1:9", &[]);
        assert_ne!(own, url);
        let own = own.strip_prefix("http://").unwrap();
        let says = format!(
            "codextap: {} has other upstreams: started my own on {}\n",
            recorder.address,
            own.strip_suffix("/v1").unwrap()
        );
        assert!(err.starts_with(&says), "{err}");
        // Who names it means it.
        let address = recorder.address.to_string();
        let (named, err) = base("http://127.0.0.1:9", &["--listen", &address]);
        assert_eq!(named, url);
        assert!(
            err.contains("records this; CODEXTAP_API_UPSTREAM has no effect"),
            "{err}"
        );
    }

    #[test]
    fn where_the_capture_is_is_told_at_the_end_and_where_a_file_is_missing() {
        let home = TempDir::new().unwrap();
        let upstream = upstream();
        for (more, is_told) in [(None, true), (Some("-q"), false)] {
            let mut command = codextap(home.path(), &["record", "--listen", "127.0.0.1:0"]);
            command.args(["--api-upstream", &upstream]).args(more);
            let child = command.spawn().unwrap();
            let running = home.path().join(".local/state/codextap/running");
            let address = loop {
                let entry = fs::read_to_string(running.join(format!("{}.json", child.id())));
                let entry = entry.unwrap_or_default();
                if let Some((_, rest)) = entry.split_once("\"address\":\"") {
                    break rest.split_once('"').unwrap().0.to_owned();
                }
                std::thread::yield_now();
            };
            ask(address.parse().unwrap(), "What is six by nine");
            interrupt(&child);
            let (_, err) = printed(&child.wait_with_output().unwrap());
            let output = codextap(home.path(), &["open"]).output().unwrap();
            let hint = printed(&output).1;
            let (_, newest) = hint.split_once("the newest capture is ").unwrap();
            let newest = newest.trim_end();
            let told = format!("captured to {newest} (1 flow): codextap open {newest}\n");
            assert_eq!(err.contains(&told), is_told, "{err}");
        }
    }

    #[test]
    fn a_codex_that_goes_elsewhere_is_told() {
        let home = TempDir::new().unwrap();
        let codex = fake_codex(home.path(), "exit 0");
        let codex = codex.to_str().unwrap();
        fs::create_dir(home.path().join(".codex")).unwrap();
        let config = home.path().join(".codex/config.toml");
        let said = |arguments: &[&str]| {
            let arguments = [&["codex", "--codex", codex], arguments].concat();
            let output = codextap(home.path(), &arguments).output().unwrap();
            assert!(output.status.success());
            printed(&output).1
        };
        fs::write(&config, "model_provider = \"azure\"\n").unwrap();
        assert_eq!(
            said(&["exec", "hi"]),
            "codextap: codex will go past codextap: model_provider \"azure\" in config.toml leads \
             elsewhere; `-c model_provider=openai` brings it here\n"
        );
        assert_eq!(said(&["login"]), "");
        fs::write(&config, "").unwrap();
        let absent = said(&["exec", "hi"]);
        assert_eq!(absent.lines().count(), 1, "{absent}");
        assert!(
            absent.contains("nothing of codex came through codextap"),
            "{absent}"
        );
        assert_eq!(said(&["--version"]), "");
        assert_eq!(fs::read_to_string(&config).unwrap(), "");
        // By its name it is known behind `run`, too.
        let output = codextap(home.path(), &["run", "--", codex, "--oss"])
            .output()
            .unwrap();
        assert!(
            printed(&output)
                .1
                .contains("--oss makes it use a provider on this machine")
        );
    }

    #[test]
    fn a_child_that_asks_is_not_said_to_be_silent() {
        let home = TempDir::new().unwrap();
        let recorder = Recorder::start(home.path(), &upstream());
        let mut command = codextap(
            home.path(),
            &["run", "--", "sh", "-c", "echo ready; read x"],
        );
        let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        assert_eq!(lines.next().unwrap().unwrap(), "ready");
        ask(recorder.address, "What is six by nine");
        child.stdin.take().unwrap().write_all(b"\n").unwrap();
        let mut err = String::new();
        let mut stderr = child.stderr.take().unwrap();
        stderr.read_to_string(&mut err).unwrap();
        assert!(child.wait().unwrap().success());
        assert_eq!(err, "");
        interrupt(&recorder.child);
    }

    #[test]
    fn the_proxy_outlives_its_screen_while_a_child_runs() {
        let home = TempDir::new().unwrap();
        let file = home.path().join("capture.jsonl");
        let upstream = upstream();
        let arguments = [
            "--listen",
            "127.0.0.1:0",
            "--api-upstream",
            &upstream,
            "--capture",
        ];
        let arguments = arguments
            .iter()
            .map(AsRef::as_ref)
            .chain([file.as_os_str()]);
        for leave in ["qy", "Q", "closed"] {
            let mut window = Window::codextap(arguments.clone(), (80, 24), home.path());
            window.until("address", |screen| screen.contains("127.0.0.1:"));
            let script = "echo \"$OPENAI_BASE_URL\"; read x";
            let mut command = codextap(home.path(), &["run", "-q", "--", "sh", "-c", script]);
            let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
            let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
            let base = lines.next().unwrap().unwrap();
            let proxy = base
                .strip_prefix("http://")
                .unwrap()
                .strip_suffix("/v1")
                .unwrap();
            match leave {
                "qy" => {
                    window.press("q");
                    window.shows(&["1 child runs. It is recorded to its end."]);
                    window.press("y");
                }
                keys if keys == "Q" => window.press(keys),
                _ => window.signal("-HUP"),
            }
            window.shows(&["recording goes on until the child"]);
            ask(proxy.parse().unwrap(), leave);
            drop(child.stdin.take());
            assert_eq!(child.wait().unwrap().code(), Some(1));
            assert!(window.ends().success(), "{}", window.text());
            let text = fs::read_to_string(&file).unwrap();
            assert!(text.lines().last().unwrap().contains(leave), "{leave}");
        }
        // A second signal ends it although the child runs.
        let mut window = Window::codextap(arguments, (80, 24), home.path());
        window.until("address", |screen| screen.contains("127.0.0.1:"));
        let mut command = codextap(
            home.path(),
            &["run", "-q", "--", "sh", "-c", "echo x; read x"],
        );
        let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        lines.next().unwrap().unwrap();
        window.press("Q");
        window.shows(&["recording goes on until the child"]);
        window.press("\x03");
        assert!(window.ends().success(), "{}", window.text());
        drop(child.stdin.take());
        child.wait().unwrap();
    }
}
