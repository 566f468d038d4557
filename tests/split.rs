//! `--split` in tmux: a child and the screen side by side, and either of them ending first.
//!
//! Without tmux the tests say so and pass.

#[cfg(test)]
mod support {
    #![expect(dead_code, reason = "other tests use the rest")]

    pub(crate) mod pty;
    pub(crate) mod pty_upstream;
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write as _;
    use std::net::SocketAddr;
    use std::os::unix::fs::PermissionsExt;
    use std::path::PathBuf;
    use std::process::{Command, Stdio};

    use tempfile::TempDir;

    use crate::support::pty::Window;
    use crate::support::pty_upstream::{ask, upstream};

    /// A tmux with one session, which goes when this does.
    struct Tmux {
        home: TempDir,
        window: Window,
    }

    /// tmux's prefix and the key for the other pane.
    const OTHER_PANE: &str = "\x02o";

    impl Tmux {
        /// A session in which `command` runs, a line of sh with `codextap` for the program; `None` and
        /// a message without tmux.
        fn start(command: &str) -> Option<Self> {
            if Command::new("tmux").arg("-V").output().is_err() {
                // Not eprintln: the test harness would keep the message of a test that passes to itself.
                writeln!(std::io::stderr(), "skipped: there is no tmux").unwrap();
                return None;
            }
            let home = TempDir::new().unwrap();
            let codex = home.path().join("codex");
            fs::write(&codex, CODEX).unwrap();
            fs::set_permissions(&codex, PermissionsExt::from_mode(0o755)).unwrap();
            let command = command
                .replace("codextap", env!("CARGO_BIN_EXE_codextap"))
                .replace("UPSTREAM", &upstream());
            let socket = home.path().join("tmux");
            let socket = socket.to_str().unwrap();
            let arguments = ["-S", socket, "-f", "/dev/null", "new-session", &command];
            let window = Window::run("tmux", arguments, (200, 50), home.path());
            Some(Self { home, window })
        }

        fn capture(&self) -> PathBuf {
            self.home.path().join("capture.jsonl")
        }

        /// Where the fake Codex was led, and its other arguments.
        fn led(&self) -> (SocketAddr, String) {
            let text = fs::read_to_string(self.home.path().join("arguments")).unwrap();
            let (base, rest) = text.split_once('\n').unwrap();
            let address = base.strip_prefix("openai_base_url=\"http://").unwrap();
            let address = address.strip_suffix("/v1\"").unwrap();
            (address.parse().unwrap(), rest.to_owned())
        }

        /// The columns that two texts begin at.
        fn columns(&self, texts: [&str; 2]) -> [usize; 2] {
            let screen = self.window.text();
            texts.map(|text| {
                let line = screen.lines().find(|line| line.contains(text)).unwrap();
                line[..line.find(text).unwrap()].chars().count()
            })
        }
    }

    impl Drop for Tmux {
        fn drop(&mut self) {
            // One that has ended cannot be asked.
            let mut tmux = Command::new("tmux");
            tmux.arg("-S")
                .arg(self.home.path().join("tmux"))
                .arg("kill-server");
            let _ = tmux.stderr(Stdio::null()).status();
        }
    }

    /// Tells where it was led, and waits to be told to end.
    const CODEX: &str = "#!/bin/sh
[ \"$1\" = --version ] && echo codex-cli 0.169.0 && exit
shift
printf '%s\\n' \"$@\" > \"$HOME/arguments\"
echo \"the agent is ready: $OF_THE_SHELL\"
read -r code
exit $code
";

    const OPTIONS: &str = "--listen 127.0.0.1:0 --api-upstream UPSTREAM --capture capture.jsonl";

    #[test]
    fn what_is_copied_reaches_tmux_as_it_is_set_up_at_first() {
        let capture = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/demo.jsonl");
        let Some(mut tmux) = Tmux::start(&format!("exec codextap open {capture}")) else {
            return;
        };
        tmux.window.shows(&["Requests", "follow"]);
        tmux.window.press("Y");
        tmux.window.shows(&["to the terminal's clipboard"]);
        let socket = tmux.home.path().join("tmux");
        let buffer = || {
            let mut show = Command::new("tmux");
            let show = show.arg("-S").arg(&socket).arg("show-buffer");
            show.stderr(Stdio::null()).output().unwrap().stdout
        };
        // tmux takes it in its own time.
        let mut copied = buffer();
        while copied.is_empty() {
            copied = buffer();
        }
        let line = String::from_utf8(copied).unwrap();
        assert!(
            line.starts_with(r#"{"v":1,"kind":"ws_turn","id":"#),
            "{line:.80}"
        );
    }

    #[test]
    fn codex_and_the_screen_stand_side_by_side_and_codex_may_end_first() {
        let command = format!(
            "OF_THE_SHELL=\"it's here\" CODEXTAP_CODEX=$HOME/codex exec codextap --split {OPTIONS}"
        );
        let Some(mut tmux) = Tmux::start(&command) else {
            return;
        };
        tmux.window
            .shows(&["Requests", "the agent is ready: it's here"]);
        let [requests, agent] = tmux.columns(["Requests", "the agent is ready"]);
        assert!(requests < 90 && agent >= 100, "{}", tmux.window.text());
        let (address, rest) = tmux.led();
        assert_eq!(rest, "");
        ask(address, "What is six by nine");
        tmux.window
            .shows(&["What is six by nine", "the agent is ready"]);
        let state = tmux.home.path().join(".local/state/codextap");
        let names = fs::read_dir(state)
            .unwrap()
            .map(|entry| entry.unwrap().file_name());
        let scripts = names.filter(|name| name.to_string_lossy().starts_with("split"));
        assert_eq!(scripts.count(), 0, "the script has removed itself");
        // It has the keys.
        tmux.window.press("0\r");
        tmux.window
            .until("one pane", |screen| !screen.contains("the agent is ready"));
        tmux.window.shows(&["What is six by nine"]);
        tmux.window.press("q");
        assert!(tmux.window.ends().success(), "{}", tmux.window.text());
        let text = fs::read_to_string(tmux.capture()).unwrap();
        assert!(text.contains("What is six by nine"));
    }

    #[test]
    fn the_screen_may_be_left_first() {
        let command =
            format!("exec codextap {OPTIONS} codex --split --codex ./codex exec 'say hi'");
        let Some(mut tmux) = Tmux::start(&command) else {
            return;
        };
        tmux.window.shows(&["Requests", "the agent is ready"]);
        let (address, rest) = tmux.led();
        assert_eq!(rest, "exec\nsay hi\n");
        tmux.window.press(OTHER_PANE);
        tmux.window.press("q");
        tmux.window
            .shows(&["1 child runs. It is recorded to its end."]);
        tmux.window.press("y");
        tmux.window
            .shows(&["recording goes on until the child", "the agent is ready"]);
        ask(address, "What is six by nine");
        tmux.window.press(OTHER_PANE);
        tmux.window.press("0\r");
        assert!(tmux.window.ends().success(), "{}", tmux.window.text());
        let text = fs::read_to_string(tmux.capture()).unwrap();
        assert!(text.contains("What is six by nine"));
    }

    #[test]
    fn last_words_stay_until_they_were_read() {
        let command = format!("exec codextap {OPTIONS} split -- sh -c 'echo too bad; exit 3'");
        let Some(mut tmux) = Tmux::start(&command) else {
            return;
        };
        tmux.window.shows(&[
            "Requests",
            "too bad",
            "It ended with 3. Enter closes this half.",
        ]);
        tmux.window.press("\r");
        tmux.window
            .until("one pane", |screen| !screen.contains("too bad"));
        tmux.window.press("q");
        assert!(tmux.window.ends().success(), "{}", tmux.window.text());
    }

    #[test]
    fn elsewhere_it_says_what_to_type() {
        let home = TempDir::new().unwrap();
        let arguments = ["codex", "--split", "exec", "say hi"];
        let mut window = Window::codextap(arguments, (120, 24), home.path());
        assert_eq!(window.ends().exit_code(), 2);
        let text = window.text();
        assert!(text.contains("--split needs a terminal within tmux, zellij, WezTerm or kitty"));
        let hint =
            "hint: type `codextap` here, and in another terminal `codextap codex exec 'say hi'`";
        assert!(text.contains(hint), "{text}");
        let output = Command::new(env!("CARGO_BIN_EXE_codextap"))
            .args(["record", "--split"])
            .env("HOME", home.path())
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(2), "{output:?}");
    }
}
