//! The command line without a terminal: what is printed where, and with which exit code.

#[cfg(test)]
mod support {
    pub(crate) mod command;
    pub(crate) mod pty_upstream;
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::fs;
    use std::io::{BufRead, BufReader, Read};
    use std::net::TcpListener;
    use std::os::unix::fs::PermissionsExt;
    use std::path::Path;
    use std::process::Command;
    use std::sync::mpsc::channel;
    use std::thread;
    use std::time::Duration;

    use serde_json::Value;
    use tempfile::TempDir;

    use crate::support::command;
    use crate::support::pty_upstream::{EVENTS, ask, interrupt, record, recorder, upstream};

    /// What a command printed, and its exit code.
    struct Done {
        out: String,
        err: String,
        code: Option<i32>,
    }

    /// Runs codextap to its end in the directory `home`, which is its home too.
    fn codextap<S: AsRef<OsStr>>(home: &Path, arguments: &[S]) -> Done {
        let child = command::codextap(home, arguments).spawn().unwrap();
        let process = child.id().to_string();
        let (done, output) = channel();
        thread::spawn(move || done.send(child.wait_with_output().unwrap()));
        let output = output.recv_timeout(PATIENCE).unwrap_or_else(|_| {
            let killed = Command::new("kill").args(["-KILL", &process]).status();
            panic!("it does not end; killed: {killed:?}");
        });
        Done {
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
            code: output.status.code(),
        }
    }

    /// Command lines that fail: the exit code, a part of the message, and one of the hint.
    const FAILURES: &[(&str, i32, &str, &str)] = &[
        (
            "frob",
            2,
            "unrecognized subcommand 'frob'",
            "usage: codextap",
        ),
        ("recrod", 2, "unrecognized subcommand 'recrod'", "'record'"),
        ("record --frob", 2, "unexpected argument '--frob' found", ""),
        ("open", 2, "<FILE>...", "usage: codextap open <FILE>..."),
        ("--listen nowhere", 2, "'nowhere' for '--listen <ADDR>'", ""),
        (
            "--color some",
            2,
            "[possible values: auto, always, never]",
            "",
        ),
        (
            "record --api-upstream ftp://x",
            2,
            "--api-upstream: \"ftp://x\" is not",
            "",
        ),
        (
            "record --chatgpt-upstream x",
            2,
            "--chatgpt-upstream: \"x\" is not",
            "",
        ),
        (
            "record --route /azure",
            2,
            "--route /azure: expected PREFIX=URL",
            "/azure=",
        ),
        (
            "record --route a=http://x",
            2,
            "--route: \"a\" is not a path",
            "",
        ),
        (
            "record --route /azure=x",
            2,
            "--route: \"x\" is not an http",
            "",
        ),
        (
            "record --upstream-proxy gopher://u:p@h",
            2,
            "--upstream-proxy: not a proxy's URL: expected http://",
            "",
        ),
        (
            "--theme neon",
            2,
            "--theme neon: there is no theme",
            "default-dark, ",
        ),
        ("open file --theme neon", 2, "--theme neon", "mono"),
        ("record --filter ~zz", 2, "--filter: ", "»~zz«"),
        (
            "open file --filter (a",
            2,
            "--filter: ",
            "at character 1: »(«a",
        ),
        (
            "--split codex exec",
            2,
            "--split is an option of",
            "codextap codex --split",
        ),
        (
            "open file --filter mdoel:x",
            2,
            "did you mean model?",
            "»mdoel«:x",
        ),
        (
            "open file --filter in>5s",
            2,
            "expected a number",
            "in>»5s«",
        ),
        (
            "record --filter is:retry",
            2,
            "is:retry asks for",
            "codextap open FILE",
        ),
        (
            "record --listen 0.0.0.0:0",
            2,
            "without a token",
            "--token auto",
        ),
        (
            "record --listen 192.0.2.1:0 --capture none",
            2,
            "without a token",
            "/TOKEN/v1",
        ),
        (
            "record --token too-short",
            2,
            "--token: a token has 16 to",
            "--token auto",
        ),
        (
            "record --token not/for:a?path-of-a-url",
            2,
            "--token: a token is made of letters",
            "--token auto",
        ),
        (
            "record --allow-host http://box",
            2,
            "'http://box' for '--allow-host <NAME>': expected a host name",
            "",
        ),
        (
            "record --connect-timeout 10",
            2,
            "'10' for '--connect-timeout <TIME>': expected a time such as 500ms",
            "",
        ),
        (
            "record --handshake-timeout 0s",
            2,
            "must be longer than 0",
            "",
        ),
        (
            "record --listen localhost:8787",
            2,
            "expected an address and a port, such as 127.0.0.1:8787",
            "",
        ),
        (
            "record --listen 192.0.2.1:0 --capture none --token auto",
            1,
            "address not available",
            "an address of this machine",
        ),
        (
            "export file --format har --content",
            2,
            "--content is for --format otlp",
            "",
        ),
        ("config --config .", 2, "cannot read .: ", ""),
        ("demo --pace -1", 2, "expected a number from 0 to 100", ""),
        ("demo", 1, "the demo needs a terminal", ""),
        ("open missing", 2, "cannot read missing: No such file", ""),
        ("open .", 2, "cannot read .: ", ""),
        (
            "record --listen 127.0.0.1:0 --capture file/x",
            1,
            "cannot write file/x: ",
            "--capture none",
        ),
        (
            "record --listen TAKEN",
            1,
            "address in use",
            "--listen 127.0.0.1:0",
        ),
        ("record --upstream-ca missing.pem", 1, "missing.pem", ""),
        (
            "record --log file/log",
            1,
            "cannot write log file/log: ",
            "",
        ),
        (
            "codex --codex ./missing exec",
            1,
            "cannot run ./missing: No such",
            "--codex PATH",
        ),
    ];

    #[test]
    fn each_failure_is_one_line_with_a_hint_where_one_helps() {
        let home = TempDir::new().unwrap();
        fs::write(home.path().join("file"), "no directory\n").unwrap();
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let taken = taken.local_addr().unwrap().to_string();
        for (line, code, says, hints) in FAILURES {
            let line = line.replace("TAKEN", &taken);
            let done = codextap(home.path(), &line.split(' ').collect::<Vec<_>>());
            let Done { out, err, .. } = &done;
            assert_eq!(done.code, Some(*code), "{line}: {err}");
            assert_eq!(out, "", "{line}");
            let (message, hint) = err.split_once('\n').unwrap();
            assert!(message.starts_with("codextap: "), "{line}: {err}");
            assert!(message.contains(says), "{line}: {err}");
            assert!(hint.contains(hints), "{line}: {err}");
            let is_hint = hint.starts_with("hint: ") && hint.lines().count() == 1;
            assert!(hint.is_empty() || is_hint, "{line}: {err}");
        }
    }

    #[test]
    fn help_and_version_go_to_standard_output() {
        let home = TempDir::new().unwrap();
        let help = codextap(home.path(), &["--help"]);
        assert_eq!(help.out, include_str!("cmd/help.txt"));
        assert_eq!((help.err.as_str(), help.code), ("", Some(0)));
        let version = codextap(home.path(), &["--version"]);
        let (number, built) = version.out.split_once(" (").unwrap();
        assert_eq!(number, concat!("codextap ", env!("CARGO_PKG_VERSION")));
        let target = format!("{}-{}", std::env::consts::ARCH, std::env::consts::OS);
        assert!(
            built.starts_with(&target) && built.ends_with(")\n"),
            "{built}"
        );
        assert_eq!(version.code, Some(0));
    }

    #[test]
    fn record_forwards_tells_and_keeps() {
        let home = TempDir::new().unwrap();
        let file = home.path().join("private/capture.jsonl");
        let upstream = upstream();
        for command in [&["record"][..], &[]] {
            // Without a command but into a pipe, the same happens.
            let mut arguments = command.to_vec();
            arguments.extend(["--listen", "127.0.0.1:0", "--api-upstream", &upstream]);
            let mut child = command::codextap(home.path(), arguments)
                .arg("--capture")
                .arg(&file)
                .spawn()
                .unwrap();
            let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
            let first = lines.next().unwrap().unwrap();
            let proxy = first
                .strip_prefix("listening on http://127.0.0.1:")
                .expect(&first);
            let proxy = ([127, 0, 0, 1], proxy.parse::<u16>().unwrap()).into();
            let answer = ask(proxy, "What is six by nine");
            let events = answer.replace('\r', "");
            assert!(events.contains(EVENTS.lines().next().unwrap()), "{answer}");
            let line = lines.next().unwrap().unwrap();
            for part in [
                "ok",
                "SSE",
                "200",
                "gpt-5.5",
                "120/100/30",
                "What is six by nine",
            ] {
                assert!(line.contains(part), "{part}: {line}");
            }
            interrupt(&child);
            assert_eq!(lines.count(), 0);
            let mut errors = String::new();
            child
                .stderr
                .take()
                .unwrap()
                .read_to_string(&mut errors)
                .unwrap();
            assert_eq!(errors, "");
            assert_eq!(child.wait().unwrap().code(), Some(0));
        }
        let text = fs::read_to_string(&file).unwrap();
        assert!(text.ends_with('\n'));
        let lines: Vec<Value> = text
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!(lines.len(), 2);
        for line in lines {
            assert_eq!((&line["v"], &line["kind"]), (&1.into(), &"http".into()));
            assert_eq!(line["request"]["path"], "/v1/responses");
            assert_eq!(line["response"]["body"], EVENTS);
        }
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&file), 0o600);
        assert_eq!(mode(file.parent().unwrap()), 0o700);
        assert_eq!(mode(&home.path().join(".local/state/codextap")), 0o700);
    }

    #[test]
    fn an_upstream_that_cannot_be_reached_is_told_to_both_sides() {
        let home = TempDir::new().unwrap();
        let file = home.path().join("capture.jsonl");
        let closed = TcpListener::bind("127.0.0.1:0").unwrap();
        let origin = format!("http://{}", closed.local_addr().unwrap());
        drop(closed);
        let mut child = recorder(
            &["--api-upstream", &origin, "--capture"],
            &file,
            home.path(),
        );
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let first = lines.next().unwrap().unwrap();
        let proxy = first.strip_prefix("listening on http://").unwrap();
        let mut client = std::net::TcpStream::connect(proxy).unwrap();
        let request =
            format!("GET /v1/models HTTP/1.1\r\nHost: {proxy}\r\nConnection: close\r\n\r\n");
        std::io::Write::write_all(&mut client, request.as_bytes()).unwrap();
        let mut answer = String::new();
        client.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 502 "), "{answer}");
        let line = lines.next().unwrap().unwrap();
        assert!(line.contains("FAIL") && line.contains("refused"), "{line}");
        interrupt(&child);
        assert_eq!(child.wait().unwrap().code(), Some(0));
        assert!(fs::read_to_string(&file).unwrap().contains("refused"));
    }

    #[test]
    fn each_limit_ends_its_own_wait_and_says_so() {
        let home = TempDir::new().unwrap();
        let file = home.path().join("capture.jsonl");
        // It takes connections, and says nothing.
        let silent = TcpListener::bind("127.0.0.1:0").unwrap();
        let origin = format!("http://{}", silent.local_addr().unwrap());
        let limits = "--request-timeout 101ms --response-timeout 102ms --handshake-timeout 103ms";
        let mut arguments = vec!["--api-upstream", &origin];
        arguments.extend(limits.split(' ').chain(["--drain", "0s", "--capture"]));
        let mut child = recorder(&arguments, &file, home.path());
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let first = lines.next().unwrap().unwrap();
        let proxy = first.strip_prefix("listening on http://").unwrap();
        let upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
        for (rest, status, says) in [
            ("", "408", "--request-timeout"),
            ("\r\n", "504", "gave no answer within 102ms"),
            (upgrade, "504", "gave no answer within 103ms"),
        ] {
            let mut client = std::net::TcpStream::connect(proxy).unwrap();
            let request = format!("GET /v1/x HTTP/1.1\r\nHost: {proxy}\r\n{rest}");
            std::io::Write::write_all(&mut client, request.as_bytes()).unwrap();
            let mut answer = BufReader::new(client).lines().map_while(Result::ok);
            let line = answer.next().unwrap();
            assert!(line.starts_with(&format!("HTTP/1.1 {status} ")), "{line}");
            let line = lines.next().unwrap().unwrap();
            assert!(line.contains(says), "{line}");
        }
        interrupt(&child);
        assert_eq!(child.wait().unwrap().code(), Some(0));
    }

    const TOKEN: &str = "open-sesame-0123456789";

    #[test]
    fn a_token_is_never_printed_logged_or_kept() {
        for extra in [&[][..], &["--no-redact"]] {
            let home = TempDir::new().unwrap();
            let file = home.path().join("capture.jsonl");
            let mut child = command::codextap(home.path(), ["record", "--listen", "0.0.0.0:0"])
                .args(["--api-upstream", &upstream(), "--log-level", "trace"])
                .args(["--log", "log", "--capture", "capture.jsonl"])
                .args(extra)
                .env("CODEXTAP_TOKEN", TOKEN)
                .spawn()
                .unwrap();
            let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
            let first = lines.next().unwrap().unwrap();
            let port = first.rsplit(':').next().unwrap();
            let mut printed = Vec::new();
            for target in [
                format!("/{TOKEN}/v1/models"),
                format!("/{TOKEN}/none"),
                format!("/{}/v1/models", &TOKEN[1..]),
                "/v1/models".to_owned(),
            ] {
                let mut client = std::net::TcpStream::connect(format!("127.0.0.1:{port}")).unwrap();
                let request = format!(
                    "GET {target} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
                );
                std::io::Write::write_all(&mut client, request.as_bytes()).unwrap();
                let mut answer = String::new();
                client.read_to_string(&mut answer).unwrap();
                printed.push(answer);
                printed.push(lines.next().unwrap().unwrap());
            }
            for (answer, status) in printed.iter().step_by(2).zip([200, 404, 401, 401]) {
                assert!(
                    answer.starts_with(&format!("HTTP/1.1 {status} ")),
                    "{answer}"
                );
            }
            let running = home.path().join(".local/state/codextap/running");
            let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
            assert_eq!(mode(&running.join(format!("{}.json", child.id()))), 0o600);
            assert_eq!(mode(&running), 0o700);
            interrupt(&child);
            printed.extend(lines.map(Result::unwrap));
            let mut errors = String::new();
            let mut stderr = child.stderr.take().unwrap();
            stderr.read_to_string(&mut errors).unwrap();
            assert_eq!(child.wait().unwrap().code(), Some(0));
            printed.extend([first, errors]);
            let log = fs::read_to_string(home.path().join("log")).unwrap();
            assert!(log.contains("asks for its token"), "{log}");
            printed.extend([log, fs::read_to_string(&file).unwrap()]);
            for text in printed {
                assert!(!text.contains(&TOKEN[1..]), "{text}");
            }
        }
        let home = TempDir::new().unwrap();
        let help = Command::new(env!("CARGO_BIN_EXE_codextap"))
            .arg("--help")
            .env("HOME", home.path())
            .env("CODEXTAP_TOKEN", TOKEN)
            .output()
            .unwrap();
        assert!(!String::from_utf8(help.stdout).unwrap().contains(TOKEN));
        let bad = codextap(home.path(), &["record", "--token", "a secret with spaces"]);
        assert!(!bad.err.contains("secret"), "{}", bad.err);
    }

    #[test]
    fn codex_is_led_to_a_codextap_that_asks_for_a_token() {
        let home = TempDir::new().unwrap();
        let codex = home.path().join("codex");
        let script = "#!/bin/sh\necho \"$@\"\necho \"token in the environment: $CODEXTAP_TOKEN\"\n";
        fs::write(&codex, script).unwrap();
        fs::set_permissions(&codex, PermissionsExt::from_mode(0o755)).unwrap();
        let mut child = recorder(
            &["--token", "auto", "--capture"],
            Path::new("none"),
            home.path(),
        );
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let first = lines.next().unwrap().unwrap();
        let port = first.rsplit(':').next().unwrap();
        let second = lines.next().unwrap().unwrap();
        let file = second.strip_prefix("its token is in ").unwrap();
        let token = fs::read_to_string(file).unwrap();
        let base = format!("http://127.0.0.1:{port}/{}/v1", token.trim());
        let codex = codex.to_str().unwrap();
        let done = codextap(home.path(), &["codex", "--codex", codex, "exec", "hi"]);
        assert_eq!(done.code, Some(0));
        assert!(done.err.contains("nothing of codex came"), "{}", done.err);
        let expected =
            format!("-c openai_base_url=\"{base}\" exec hi\ntoken in the environment: \n");
        assert_eq!(done.out, expected);
        interrupt(&child);
        assert_eq!(child.wait().unwrap().code(), Some(0));
    }

    /// Whose lines are more than a pipe holds.
    const TURNS: usize = 300;

    #[test]
    fn a_reader_of_lines_that_stops_does_not_stop_the_recording() {
        let home = TempDir::new().unwrap();
        let file = home.path().join("capture.jsonl");
        let upstream = upstream();
        let mut child = recorder(
            &["--api-upstream", &upstream, "--capture"],
            &file,
            home.path(),
        );
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut first = String::new();
        out.read_line(&mut first).unwrap();
        let proxy = first.trim().strip_prefix("listening on http://").unwrap();
        // From here on nobody reads.
        let question = "?".repeat(300);
        for _ in 0..TURNS {
            ask(proxy.parse().unwrap(), &question);
        }
        interrupt(&child);
        assert_eq!(child.wait().unwrap().code(), Some(0));
        assert_eq!(fs::read_to_string(&file).unwrap().lines().count(), TURNS);
    }

    #[test]
    fn open_prints_what_it_can_read_and_names_what_it_cannot() {
        let home = TempDir::new().unwrap();
        let file = home.path().join("capture.jsonl");
        record(
            &file,
            home.path(),
            &["What is six by nine", "And seven by six"],
        );
        let good = fs::read_to_string(&file).unwrap();
        let lines: Vec<&str> = good.lines().collect();
        let torn = &lines[1][..lines[1].len() / 2];
        let text = format!(
            "{}\n{{\"foreign\":\"\\u001b[31m\"}}\n\u{1b}[2J\n{torn}",
            lines[0]
        );
        fs::write(home.path().join("torn.jsonl"), text).unwrap();

        let whole = codextap(home.path(), &["open", "capture.jsonl"]);
        assert_eq!((whole.err.as_str(), whole.code), ("", Some(0)));
        assert_eq!(whole.out.lines().count(), 2);
        let parts = codextap(home.path(), &["open", "torn.jsonl"]);
        assert_eq!(parts.code, Some(0));
        assert_eq!(
            parts.out.lines().collect::<Vec<_>>(),
            [whole.out.lines().next().unwrap()]
        );
        let named: Vec<&str> = parts.err.lines().collect();
        assert_eq!(named.len(), 2, "{named:?}");
        assert_eq!(
            named[0],
            "codextap: torn.jsonl: its torn last line is in torn.jsonl.torn-1 now"
        );
        assert_eq!(
            fs::read_to_string(home.path().join("torn.jsonl.torn-1")).unwrap(),
            torn
        );
        let summed =
            "codextap: torn.jsonl: 2 lines are no flows, the first at line 2: JSON, but not a flow";
        assert!(named[1].starts_with(summed), "{}", named[1]);
        assert!(!parts.err.contains('\u{1b}'));

        let both = codextap(home.path(), &["open", "torn.jsonl", "capture.jsonl"]);
        assert_eq!(both.out, whole.out, "a flow in two files is one flow");
        let some = codextap(home.path(), &["open", "capture.jsonl", "--filter", "seven"]);
        assert_eq!(some.out.lines().count(), 1);
        assert!(some.out.contains("And seven by six"));
    }

    const PATIENCE: Duration = Duration::from_secs(30);
}
