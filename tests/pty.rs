//! The binary in a terminal: what it shows at every size, what keys do, and that it leaves the
//! terminal as it was, however it ends.

#[cfg(test)]
mod support {
    pub(crate) mod pty;
    pub(crate) mod pty_upstream;
}

#[cfg(test)]
#[path = "terminal/colours.rs"]
mod colours;

#[cfg(test)]
#[path = "terminal/modes.rs"]
mod terminal;

#[cfg(test)]
#[path = "terminal/viewer.rs"]
mod viewer;

#[cfg(test)]
mod tests {
    use std::fs;
    use std::net::SocketAddr;
    use std::os::unix::fs::PermissionsExt;
    use std::path::{Path, PathBuf};
    use std::thread;

    use codextap::tap::Clock;
    use codextap::tui::Terminal;
    use tempfile::TempDir;

    use crate::support::pty::{PATIENCE, Window};
    use crate::support::pty_upstream::{ask, record, upstream};

    /// What each pane shows of one turn of the demo's story, at its top.
    const PANES: [(&str, &str); 5] = [
        ("Requests", "Can `Pol"),
        ("Payload", "Input 4 items"),
        ("Output", "`Instant` is a local"),
        ("Reasoning", "Where the clock escapes"),
        ("Frames", "← event"),
    ];

    #[test]
    fn the_demo_fills_five_panes_at_60_by_24() {
        demo_one_by_one((60, 24));
    }

    #[test]
    fn the_demo_fills_five_panes_at_80_by_24() {
        demo_one_by_one((80, 24));
    }

    #[test]
    fn the_demo_fills_five_panes_at_120_by_40() {
        demo_one_by_one((120, 40));
    }

    #[test]
    fn the_demo_fills_five_panes_at_160_by_50() {
        demo_side_by_side((160, 50));
    }

    #[test]
    fn the_demo_fills_five_panes_at_200_by_50() {
        demo_side_by_side((200, 50));
    }

    /// All panes are on the screen together.
    fn demo_side_by_side(size: (u16, u16)) {
        let home = TempDir::new().unwrap();
        let mut window = demo(size, &home);
        window.shows(&PANES.map(|(title, _)| title));
        window.shows(&PANES.map(|(_, text)| text));
        leave(window);
    }

    /// Each pane comes with its key.
    fn demo_one_by_one(size: (u16, u16)) {
        let home = TempDir::new().unwrap();
        let mut window = demo(size, &home);
        for (number, (title, text)) in PANES.into_iter().enumerate() {
            // Ctrl-L draws the whole screen again.
            window.press(&format!("{}\x0c", number + 1));
            window.shows(&[&format!(" {title} "), text]);
        }
        leave(window);
    }

    /// The demo when it has told of the turn that [`PANES`] is about, with that turn selected.
    fn demo(size: (u16, u16), home: &TempDir) -> Window {
        let mut window = Window::codextap(["demo"], size, home.path());
        window.shows(&["Can `Pol"]);
        window.press("/\"read its clock\"\r");
        window.until("filtered list", |screen| !screen.contains("/v1/models"));
        window.press("g");
        window
    }

    /// `Q` ends the program at once, live streams or not, and it leaves nothing behind.
    pub(crate) fn leave(mut window: Window) {
        assert!(window.is_taken());
        window.press("Q");
        assert_eq!(window.ends().exit_code(), 0, "{}", window.text());
        window.assert_restored();
    }

    /// A capture with two turns.
    pub(crate) fn captured(home: &TempDir) -> PathBuf {
        let file = home.path().join("two.jsonl");
        record(
            &file,
            home.path(),
            &["What is six by nine", "And seven by six"],
        );
        file
    }

    #[test]
    fn a_report_shows_how_far_it_is_on_a_terminal_and_takes_that_away() {
        let home = tempfile::tempdir().unwrap();
        let file = captured(&home);
        let arguments = ["report", file.to_str().unwrap(), "-o", "report.md"];
        let run = |more: &[&str]| {
            let arguments = arguments.iter().chain(more);
            let mut window = Window::codextap(arguments, (80, 24), home.path());
            assert!(window.ends().success(), "{}", window.text());
            let shown = window.text();
            assert_eq!(shown.trim(), "", "nothing is left on the screen");
            String::from_utf8(window.written.clone()).unwrap()
        };
        let written = run(&[]);
        for bar in ["reading █", "writing █"] {
            assert!(written.contains(bar), "{bar}: {written:?}");
        }
        assert_eq!(run(&["-q", "--force"]), "");
        assert!(home.path().join("report.md").exists());
    }

    pub(crate) fn open(file: &Path, size: (u16, u16), home: &TempDir) -> Window {
        let arguments = ["open".as_ref(), file.as_os_str()];
        let mut window = Window::codextap(arguments, size, home.path());
        window.shows(&["What is six", "And seven"]);
        window
    }

    #[test]
    fn keys_browse_filter_mark_and_save() {
        let home = TempDir::new().unwrap();
        let file = captured(&home);
        let mut window = open(&file, (120, 40), &home);
        window.press("?");
        window.shows(&["Move down", "Go to the first line"]);
        window.press("\x1b");
        window.until("panes", |screen| !screen.contains("Go to the first line"));
        window.press("3\x0c");
        window.shows(&["Forty-two, as ever."]);
        window.press("4\x0c");
        window.shows(&["Adding it up"]);
        window.press("1\x0c/seven\r");
        window.until("filtered list", |screen| !screen.contains("What is six"));
        window.press(" ");
        window.shows(&["1 marked"]);
        window.press("w\x15out.jsonl\r");
        window.shows(&["saved 1 flow to out.jsonl"]);
        leave(window);

        let saved = home.path().join("out.jsonl");
        let mode = fs::metadata(&saved).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let text = fs::read_to_string(&saved).unwrap();
        let line: serde_json::Value =
            serde_json::from_str(text.strip_suffix('\n').unwrap()).unwrap();
        assert_eq!(line["v"], 1);
        assert!(text.contains("And seven by six"));
        let whole = fs::read_to_string(&file).unwrap();
        assert!(
            whole.lines().any(|line| line == text.trim_end()),
            "the same line"
        );
    }

    #[test]
    fn the_screen_follows_the_window() {
        let home = TempDir::new().unwrap();
        let file = captured(&home);
        let mut window = open(&file, (160, 50), &home);
        window.shows(&["Requests", "Payload", "Output", "Reasoning", "Frames"]);
        window.resize((60, 24));
        window.until("only the list", |screen| {
            screen.contains("And seven") && !screen.contains("Payload")
        });
        window.resize((30, 8));
        window.shows(&["too small"]);
        window.resize((200, 50));
        window.shows(&[
            "Requests",
            "Payload",
            "Output",
            "Reasoning",
            "Frames",
            "And seven",
        ]);
        leave(window);
    }

    #[test]
    fn a_terminal_that_is_too_small_says_so_and_can_be_left() {
        let home = TempDir::new().unwrap();
        let mut window = Window::codextap(["demo"], (30, 8), home.path());
        window.shows(&["too small"]);
        leave(window);
        let mut window = Window::codextap(["demo"], (1, 1), home.path());
        window.until("screen", |screen| !screen.trim().is_empty());
        leave(window);
    }

    #[test]
    fn signals_end_it_in_good_order() {
        let home = TempDir::new().unwrap();
        let file = captured(&home);
        for signal in ["-TERM", "-HUP", "-INT"] {
            let mut window = open(&file, (80, 24), &home);
            window.signal(signal);
            assert_eq!(window.ends().exit_code(), 0, "{signal}");
            window.assert_restored();
        }
    }

    #[test]
    fn credentials_that_are_not_masked_are_said_all_the_time() {
        let home = TempDir::new().unwrap();
        let mut window = Window::codextap(["demo", "--no-redact"], (160, 40), home.path());
        window.shows(&["not redacted", "GET /v1/responses"]);
        window.signal("-TERM");
        window.gives_back();
        window.signal("-TERM");
        window.ends();
    }

    #[test]
    fn a_second_signal_cuts_what_the_first_one_waits_for() {
        let home = TempDir::new().unwrap();
        let capture = home.path().join("demo.jsonl");
        let arguments = ["demo".as_ref(), "--capture".as_ref(), capture.as_os_str()];
        let mut window = Window::codextap(arguments, (80, 24), home.path());
        window.shows(&["GET /v1/responses"]);
        window.signal("-TERM");
        // The screen is given back before the streams are waited for.
        let began = Clock::start();
        let start = began.now();
        window.gives_back();
        window.signal("-TERM");
        // Between two turns of the demo the first signal was enough.
        assert!([0, 143].contains(&window.ends().exit_code()));
        assert!(began.now().since(start).as_secs() < 4, "drained to the end");
        window.assert_restored();
        let text = fs::read_to_string(&capture).unwrap();
        assert!(text.ends_with('\n'));
        assert!(
            text.contains("codextap ended"),
            "the live socket is marked as cut: {text}"
        );
    }

    #[test]
    fn a_panic_can_be_read_on_a_terminal_that_is_as_it_was() {
        let home = TempDir::new().unwrap();
        fs::create_dir(home.path().join(PANICS)).unwrap();
        let program = std::env::current_exe().unwrap();
        let mut window = Window::run(
            program.to_str().unwrap(),
            [
                "--exact",
                "--nocapture",
                "tests::takes_the_terminal_and_panics",
            ],
            (80, 24),
            &home.path().join(PANICS),
        );
        assert_ne!(window.ends().exit_code(), 0);
        window.assert_restored();
        window.shows(&["gone wrong on purpose"]);
    }

    /// The program of the test above; by itself it does nothing.
    #[test]
    #[expect(
        clippy::disallowed_methods,
        reason = "the home says whose test this is"
    )]
    fn takes_the_terminal_and_panics() {
        let is_meant = std::env::var("HOME").is_ok_and(|home| home.ends_with(PANICS));
        if is_meant {
            let _terminal = Terminal::enter(true).unwrap();
            panic!("gone wrong on purpose");
        }
    }

    const PANICS: &str = "where-a-test-panics";

    #[test]
    fn the_shell_gets_the_terminal_while_the_program_is_stopped() {
        let home = TempDir::new().unwrap();
        let file = captured(&home);
        let mut window = Window::run(
            "bash",
            ["--norc", "--noprofile", "-i"],
            (100, 30),
            home.path(),
        );
        let program = env!("CARGO_BIN_EXE_codextap");
        window.press(&format!("{program} open {}\n", file.display()));
        window.shows(&["Requests", "And seven"]);
        assert!(window.is_taken());
        window.press("\x1a");
        window.shows(&["Stopped"]);
        assert!(!window.is_taken());
        window.press("fg\n");
        window.shows(&["Requests", "And seven"]);
        assert!(window.is_taken());
        window.press("3");
        window.shows(&["Forty-two, as ever."]);
        window.press("Q");
        window.until("prompt", |screen| screen.trim_end().ends_with(['#', '$']));
        window.press("exit 7\n");
        assert_eq!(window.ends().exit_code(), 7);
        window.assert_restored();
    }

    /// Waits until `is_so`.
    pub(crate) fn wait(what: &str, is_so: impl Fn() -> bool) {
        let clock = Clock::start();
        let began = clock.now();
        while !is_so() {
            assert!(clock.now().since(began) < PATIENCE, "{what}");
            thread::yield_now();
        }
    }

    /// Codextap on any free port, with a capture, and where it listens.
    pub(crate) fn live(capture: &Path, size: (u16, u16), home: &TempDir) -> (Window, SocketAddr) {
        let upstream = upstream();
        let mut arguments = vec!["--listen", "127.0.0.1:0", "--api-upstream", &upstream];
        arguments.extend(["--capture", capture.to_str().unwrap()]);
        let mut window = Window::codextap(arguments, size, home.path());
        window.shows(&["No traffic yet", "/v1"]);
        let text = window.text();
        let at = text.find("http://127.0.0.1:").unwrap() + "http://".len();
        let address = text[at..].split('/').next().unwrap().parse().unwrap();
        (window, address)
    }

    #[test]
    fn a_terminal_that_stops_reading_stops_nothing_else() {
        let home = TempDir::new().unwrap();
        let capture = home.path().join("live.jsonl");
        let (mut window, proxy) = live(&capture, (200, 50), &home);
        let lines = || fs::read_to_string(&capture).unwrap().lines().count();
        // From here on nobody reads; each Ctrl-L asks for a whole screen.
        for number in 1..=40 {
            window.press("\x0c");
            ask(proxy, &format!("Question {number}"));
            wait("a line for each flow", || lines() == number);
        }
        window.signal("-TERM");
        assert!(window.ends_unread().success());
        assert_eq!(lines(), 40);
        // The terminal reads again, and finds itself given back.
        window.reads_to_the_end();
        window.assert_restored();
    }

    #[test]
    fn what_matches_is_streamed_to_a_file_while_it_is_wanted() {
        let home = TempDir::new().unwrap();
        let capture = home.path().join("live.jsonl");
        let (mut window, proxy) = live(&capture, (160, 50), &home);
        let stream = home.path().join("matches.jsonl");
        let lines = || fs::read_to_string(&capture).unwrap().lines().count();
        ask(proxy, "A seven too early");
        wait("the first line", || lines() == 1);
        window.press("/seven\rW\x15matches.jsonl\r");
        window.shows(&["» matches.jsonl"]);
        ask(proxy, "And seven by six");
        ask(proxy, "What is six by nine");
        wait("two more", || lines() == 3);
        window.press("W");
        window.shows(&["streamed 1 flow to matches.jsonl"]);
        ask(proxy, "A seven too late");
        wait("one more", || lines() == 4);
        // Whatever a file has that is no capture, or the capture itself, stays as it is.
        fs::write(home.path().join("notes"), "seven\n").unwrap();
        for (name, why) in [("notes", "is no capture"), ("live.jsonl", "there already")] {
            window.press(&format!("W\x15{name}\r"));
            window.shows(&["cannot stream: ", why]);
            window.press("\x1b");
            window.until("no prompt", |screen| !screen.contains("cannot stream"));
        }
        assert_eq!(
            fs::read_to_string(home.path().join("notes")).unwrap(),
            "seven\n"
        );
        // Again, with all that is to come, to the end of the program.
        window.press("\\W\x15matches.jsonl\r");
        window.shows(&["» matches.jsonl"]);
        ask(proxy, "How many are nine sixes");
        leave(window);
        let captured = fs::read_to_string(&capture).unwrap();
        let captured: Vec<_> = captured.lines().collect();
        assert_eq!(captured.len(), 5);
        let streamed = fs::read_to_string(&stream).unwrap();
        assert_eq!(
            streamed.lines().collect::<Vec<_>>(),
            [captured[1], captured[4]],
            "the same lines as in the capture"
        );
        let mode = fs::metadata(&stream).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_window_that_is_closed_ends_the_program_and_loses_nothing() {
        let home = TempDir::new().unwrap();
        let capture = home.path().join("demo.jsonl");
        let arguments = ["demo".as_ref(), "--capture".as_ref(), capture.as_os_str()];
        let mut window = Window::codextap(arguments, (120, 40), home.path());
        window.shows(&["warm-up"]);
        let status = window.closes();
        assert!(status.signal().is_none(), "{status}");
        let text = fs::read_to_string(&capture).unwrap();
        assert!(
            text.ends_with('\n') && text.contains("\"kind\":\"ws\""),
            "{text}"
        );
    }

    #[test]
    fn a_capture_shows_what_was_shown_live() {
        let home = TempDir::new().unwrap();
        let capture = home.path().join("live.jsonl");
        let (mut window, proxy) = live(&capture, (160, 50), &home);
        ask(proxy, "What is six by nine");
        ask(proxy, "And seven by six");
        let panes = |window: &mut Window| {
            window.shows(&["2 flows"]);
            window.press("G");
            window.until("the last flow under the cursor", |screen| {
                let mut lines = screen.lines();
                lines.any(|line| line.contains('▌') && line.contains("And seven"))
            });
            window.shows(&[
                "And seven",
                "Forty-two, as ever.",
                "Adding it up",
                "response.completed",
            ]);
            window.until("a settled screen", |screen| !screen.contains(" live "));
            let text = window.text();
            // Nothing is left to follow in a capture.
            let line = |line: &str| line.replace(" follow ·", &"─".repeat(9));
            let lines: Vec<_> = text.lines().map(line).collect();
            lines[..lines.len() - 1].to_vec()
        };
        let seen_live = panes(&mut window);
        leave(window);
        let mut window = open(&capture, (160, 50), &home);
        for (reopened, live) in panes(&mut window).iter().zip(&seen_live) {
            assert_eq!(reopened, live);
        }
        leave(window);
    }
}
