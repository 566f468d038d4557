//! The real loop with keys from a test and a screen that a test reads.

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io;
    use std::net::SocketAddr;
    use std::num::NonZeroU16;
    use std::path::Path;
    use std::sync::Arc;
    use std::sync::mpsc::{Receiver, Sender, channel};
    use std::thread::{self, JoinHandle};
    use std::time::Duration;

    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use bytes::Bytes;
    use codextap::app::{App, Options};
    use codextap::capture::Recording;
    use codextap::tap::{self, Clock, Direction, End as HowEnded, Redactor, Tap};
    use codextap::tui::{self, Devices, End, Ended, Screen, Session};
    use codextap::view::Theme;
    use crossterm::event::{Event as Input, KeyCode, KeyEvent, KeyModifiers};
    use futures_util::stream;
    use tempfile::TempDir;
    use tokio::sync::{mpsc, oneshot};
    use vt100::Parser;

    /// The loop on a thread of its own.
    struct Loop {
        tap: Tap,
        input: mpsc::UnboundedSender<io::Result<Input>>,
        /// What was written, one flush after the other.
        written: Receiver<Vec<u8>>,
        /// All of it.
        bytes: Vec<u8>,
        parser: Parser,
        stop: Option<oneshot::Sender<()>>,
        thread: JoinHandle<Ended>,
    }

    /// Sends what is written on with every flush.
    struct Out {
        bytes: Vec<u8>,
        written: Sender<Vec<u8>>,
    }

    impl io::Write for Out {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.bytes.extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            // A test that is over reads no more.
            let _ = self.written.send(std::mem::take(&mut self.bytes));
            Ok(())
        }
    }

    impl Loop {
        fn start(size: (u16, u16)) -> Self {
            Self::with(size, tap::Limits::default())
        }

        fn with(size: (u16, u16), limits: tap::Limits) -> Self {
            let clock = Clock::start();
            let (tap, events) = tap::channel(limits, clock, Redactor::new());
            let session = Session {
                app: App::new(Options::default()),
                theme: Theme::load("default-dark", &[]).unwrap(),
                recording: Recording::new(clock.now(), Redactor::new(), None),
                clock,
            };
            let (input, keys) = mpsc::unbounded_channel();
            let (send, written) = channel();
            let (stop, stopped) = oneshot::channel::<()>();
            let thread = thread::spawn(move || {
                let screen = Screen::start(Out {
                    bytes: Vec::new(),
                    written: send,
                });
                let keys = stream::unfold(keys, async |mut keys| {
                    let input = keys.recv().await?;
                    Some((input, keys))
                });
                let devices = Devices {
                    children: None,
                    ground: None,
                    input: Box::pin(keys),
                    events: Some(events),
                    log: None,
                    loading: None,
                    screen: &screen,
                    terminal: None,
                    size,
                };
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build();
                let ending = async {
                    let _ = stopped.await;
                };
                let ended = runtime
                    .unwrap()
                    .block_on(tui::run(session, devices, ending));
                screen.settle();
                ended
            });
            Self {
                tap,
                input,
                written,
                bytes: Vec::new(),
                parser: parser(size),
                stop: Some(stop),
                thread,
            }
        }

        /// Types characters; `\r` is Enter and `\u{15}` Ctrl-U.
        fn press(&self, keys: &str) {
            for char in keys.chars() {
                let key = match char {
                    '\r' => KeyEvent::from(KeyCode::Enter),
                    '\u{15}' => KeyEvent::new(KeyCode::Char('u'), KeyModifiers::CONTROL),
                    '\u{3}' => KeyEvent::from(KeyCode::Esc),
                    '\u{c}' => KeyEvent::new(KeyCode::Char('l'), KeyModifiers::CONTROL),
                    char => KeyEvent::from(KeyCode::Char(char)),
                };
                self.send(Input::Key(key));
            }
        }

        fn send(&self, input: Input) {
            self.input.send(Ok(input)).unwrap();
        }

        /// The next flush.
        fn frame(&mut self) -> Vec<u8> {
            let Ok(frame) = self.written.recv_timeout(PATIENCE) else {
                panic!("nothing more is drawn:\n{}", self.text());
            };
            self.parser.process(&frame);
            self.bytes.extend_from_slice(&frame);
            frame
        }

        fn text(&self) -> String {
            self.parser.screen().contents()
        }

        /// Reads frames until the screen shows all of `texts`.
        fn shows(&mut self, texts: &[&str]) {
            while !texts.iter().all(|text| self.text().contains(text)) {
                self.frame();
            }
        }

        /// Reads frames until the screen shows `text` no more.
        fn hides(&mut self, text: &str) {
            while self.text().contains(text) {
                self.frame();
            }
        }

        fn end(self) -> Ended {
            self.thread.join().unwrap()
        }

        fn quit(self) -> Ended {
            self.press("Q");
            let ended = self.end();
            assert!(matches!(ended.end, End::Quit));
            ended
        }

        /// Tells of a whole exchange: a turn whose request asks `question`, and its answer.
        fn turn(&self, target: &str, question: &str, events: &str) {
            let client = SocketAddr::from(([127, 0, 0, 1], 50_000));
            let exchange = self
                .tap
                .open(1, client, Arc::from("https://api.example.com"));
            let version = http::Version::HTTP_11;
            let json = [("content-type", &b"application/json"[..])];
            exchange.request(b"POST", target.as_bytes(), version, json);
            let question = serde_json::to_string(question).unwrap();
            let body = format!(
                r#"{{"model":"gpt-5.5","input":[{{"type":"message","role":"user","content":[{{"type":"input_text","text":{question}}}]}}],"stream":true}}"#
            );
            let mut out = exchange.lane(Direction::Out);
            out.data(&Bytes::from(body));
            out.end(HowEnded::Complete);
            let stream = [("content-type", &b"text/event-stream"[..])];
            exchange.response(200, version, stream);
            let mut back = exchange.lane(Direction::In);
            back.data(&Bytes::copy_from_slice(events.as_bytes()));
            back.end(HowEnded::Complete);
        }
    }

    fn parser((columns, rows): (u16, u16)) -> Parser {
        let size = |cells| NonZeroU16::new(cells).unwrap();
        Parser::new(size(rows), size(columns), 0)
    }

    #[test]
    fn a_loop_at_rest_draws_nothing() {
        let mut screen = Loop::start((120, 40));
        screen.turn(
            "/v1/responses",
            "What is six by nine",
            &answer("Forty-two."),
        );
        screen.shows(&["What is six by nine", "1 flow"]);
        // What is still to be drawn of it comes before the answer to this key.
        screen.press("?");
        screen.shows(&["Move down"]);
        screen.press("?");
        screen.hides("Move down");
        for _ in 0..1000 {
            screen.send(Input::FocusGained);
            screen.send(Input::FocusLost);
        }
        screen.press("?");
        let frame = screen.frame();
        let frame = String::from_utf8(frame).unwrap();
        assert!(
            screen.text().contains("Move down"),
            "one frame more: {frame:?}"
        );
        assert!(screen.written.try_recv().is_err());
        screen.quit();
    }

    #[test]
    fn marked_flows_are_saved_and_failures_are_told() {
        let directory = TempDir::new().unwrap();
        let mut screen = Loop::start((120, 40));
        screen.turn(
            "/v1/responses",
            "What is six by nine",
            &answer("Forty-two."),
        );
        screen.turn("/v1/responses", "And seven by six", &answer("Forty-two."));
        screen.shows(&["And seven by six", "2 flows"]);
        let file = directory.path().join("out.jsonl");
        screen.press(&format!(" w\u{15}{}\r", file.display()));
        screen.shows(&["saved 1 flow to"]);
        assert_eq!(fs::read_to_string(&file).unwrap().lines().count(), 1);
        let before = fs::read(&file).unwrap();
        // The file exists, and there is no directory of that name.
        for path in [file.clone(), file.join("out.jsonl")] {
            screen.press(&format!("w\u{15}{}\r", path.display()));
            screen.shows(&["cannot save"]);
            assert_eq!(fs::read(&file).unwrap(), before);
            screen.press("w\u{15}");
            screen.press(&format!(
                "{}\r",
                directory.path().join(name(&path)).display()
            ));
            screen.shows(&["saved 1 flow to"]);
        }
        screen.quit();
    }

    #[test]
    fn a_flow_is_exported_in_the_form_that_the_name_tells_and_the_preview_counts_what_is_masked() {
        let directory = TempDir::new().unwrap();
        let mut screen = Loop::start((120, 40));
        screen.turn(
            "/v1/responses",
            "What is six by nine",
            &answer("Forty-two."),
        );
        screen.shows(&["What is six by nine"]);
        screen.press("w");
        screen.shows(&["begins with", "masked", "\"v\":1"]);
        screen.press("\u{3}");
        let path = |name: &str| directory.path().join(name);
        for (name, sign) in [
            ("a.har", "\"log\""),
            ("a.md", "six by nine"),
            ("a.sh", "curl"),
        ] {
            screen.press(&format!(":export {}\r", path(name).display()));
            screen.shows(&[
                &format!("saved 1 flow to {}", path(name).display())[..20],
                name,
            ]);
            let text = fs::read_to_string(path(name)).unwrap();
            assert!(text.contains(sign), "{text}");
        }
        // The bodies are files of a new directory: the next form before JSONL.
        let bodies = path("bodies");
        screen.press(&format!("w\u{15}{}", bodies.display()));
        for key in [KeyCode::Up, KeyCode::Up, KeyCode::Left, KeyCode::Enter] {
            screen.send(Input::Key(KeyEvent::from(key)));
        }
        screen.quit();
        assert!(bodies.join("0001-request.json").exists());
        assert!(bodies.join("0001-response.txt").exists());
    }

    /// A name that is free, one for each path.
    fn name(path: &Path) -> String {
        format!("free-{}.jsonl", path.components().count())
    }

    #[test]
    fn what_is_being_saved_when_the_user_quits_is_saved() {
        let directory = TempDir::new().unwrap();
        let mut screen = Loop::start((120, 40));
        screen.turn(
            "/v1/responses",
            "What is six by nine",
            &answer("Forty-two."),
        );
        screen.shows(&["What is six by nine"]);
        let file = directory.path().join("out.jsonl");
        screen.press(&format!("w\u{15}{}\rQ", file.display()));
        let ended = screen.end();
        assert!(ended.unsaved.is_empty());
        assert!(fs::read_to_string(&file).unwrap().ends_with('\n'));

        let mut screen = Loop::start((120, 40));
        screen.turn(
            "/v1/responses",
            "What is six by nine",
            &answer("Forty-two."),
        );
        screen.shows(&["What is six by nine"]);
        screen.press(&format!("w\u{15}{}\rQ", file.join("x").display()));
        let ended = screen.end();
        let [failure] = &ended.unsaved[..] else {
            panic!("{:?}", ended.unsaved);
        };
        assert!(failure.starts_with("cannot save "), "{failure}");
    }

    #[test]
    fn what_is_copied_goes_through_the_terminal() {
        let mut screen = Loop::start((160, 50));
        screen.turn(
            "/v1/responses",
            "What is six by nine",
            &answer("Forty-two."),
        );
        screen.shows(&["What is six by nine", "Forty-two."]);
        screen.press("y");
        screen.shows(&["sent 19 characters"]);
        let encoded = STANDARD.encode("What is six by nine");
        let sequence = format!("\x1b]52;c;{encoded}\x07");
        let bytes = String::from_utf8(screen.bytes.clone()).unwrap();
        assert!(bytes.contains(&sequence), "{bytes:?}");
        screen.quit();
    }

    #[test]
    fn a_resized_screen_is_drawn_anew() {
        let mut screen = Loop::start((160, 50));
        screen.turn(
            "/v1/responses",
            "What is six by nine",
            &answer("Forty-two."),
        );
        screen.shows(&["Requests", "Payload", "Output", "Reasoning", "Frames"]);
        for (size, shown) in [
            ((60, 20), &["Requests", "What is six"][..]),
            ((30, 8), &["too small"]),
            ((1, 1), &[]),
            ((200, 50), &["Payload", "Reasoning", "What is six by nine"]),
        ] {
            screen.send(Input::Resize(size.0, size.1));
            while !String::from_utf8_lossy(&screen.frame()).contains("\x1b[2J") {}
            screen.parser = parser(size);
            screen.press("\u{c}");
            screen.shows(shown);
        }
        screen.quit();
    }

    #[test]
    fn it_ends_when_told_and_when_the_keys_end() {
        let mut told = Loop::start((80, 24));
        told.shows(&["No traffic yet"]);
        drop(told.stop.take());
        let ended = told.end();
        assert!(matches!(ended.end, End::Told) && ended.events.is_some());

        let mut lost = Loop::start((80, 24));
        lost.turn(
            "/v1/responses",
            "What is six by nine",
            &answer("Forty-two."),
        );
        lost.shows(&["What is six"]);
        lost.input.send(Err(io::Error::other("gone"))).unwrap();
        let ended = lost.end();
        assert!(matches!(ended.end, End::Lost(_)));
        assert_eq!(
            ended.session.app.store().flows().len(),
            1,
            "what was recorded is kept"
        );
    }

    #[test]
    fn what_was_not_recorded_is_counted_on_the_screen() {
        let limits = tap::Limits {
            budget: 64,
            pause: Duration::ZERO,
            ..tap::Limits::default()
        };
        let mut screen = Loop::with((160, 50), limits);
        screen.turn(
            "/v1/responses",
            "What is six by nine",
            &answer("Forty-two."),
        );
        screen.shows(&["not recorded"]);
        screen.quit();
    }

    #[test]
    fn nothing_from_the_network_acts_on_the_terminal() {
        let mut screen = Loop::start((160, 50));
        let hostile =
            "\x1b]0;owned\x07\x1b[6n\x1bc\x1b[?1049l\u{9b}31mred\u{90}q\u{202e}evil\r\x08\x7f";
        let events = format!(
            "{}event: \u{1b}[2Kodd\ndata: \u{1b}]52;c;AAAA\u{7}\n\n: \u{1b}[5n\n\n",
            answer(hostile)
        );
        screen.turn("/v1/responses", hostile, &events);
        screen.turn(
            "/v1/%1b%5b6n?\u{7f}".trim_end_matches('\u{7f}'),
            hostile,
            hostile,
        );
        screen.shows(&["2 flows"]);
        // Through all panes and tabs of both flows, and what can be copied.
        for pane in ["2\u{c}", "]]", "]", "3\u{c}", "4\u{c}", "5\u{c}"] {
            screen.press(pane);
            screen.press("GgyK");
            screen.press("GgyJz?");
            screen.shows(&["Move down"]);
            screen.press("?z");
            screen.hides("Move down");
        }
        let bytes = String::from_utf8(screen.bytes.clone()).expect("text");
        assert!(
            bytes.contains("owned") && bytes.contains("evil"),
            "it was not shown at all"
        );
        assert_harmless(&bytes);
        screen.quit();
    }

    /// Only sequences that the program itself has reason to write.
    fn assert_harmless(mut text: &str) {
        while let Some(char) = text.chars().next() {
            if let Some(rest) = text.strip_prefix("\x1b[") {
                let end = rest.find(|char: char| char.is_ascii_alphabetic()).unwrap();
                let (sequence, rest) = rest.split_at(end + 1);
                let is_ours = sequence.ends_with(['m', 'H'])
                    || ["2J", "?25l", "?25h", "?2026h", "?2026l"].contains(&sequence);
                assert!(is_ours, "CSI {sequence}");
                text = rest;
            } else if let Some(rest) = text.strip_prefix("\x1b]") {
                let (sequence, rest) = rest.split_once('\x07').unwrap();
                let is_ours = sequence.starts_with("2;codextap") || sequence.starts_with("52;c;");
                assert!(
                    is_ours && !sequence.contains(char::is_control),
                    "OSC {sequence:?}"
                );
                assert!(sequence != "52;c;AAAA");
                text = rest;
            } else {
                let is_bidi = matches!(char, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
                let before: String = text.chars().take(40).collect();
                assert!(!char.is_control() && !is_bidi, "{before:?}");
                text = &text[char.len_utf8()..];
            }
        }
    }

    /// The events of a turn whose reasoning and answer are `text`.
    fn answer(text: &str) -> String {
        let text = serde_json::to_string(text).unwrap();
        [
            r#"{"type":"response.created","response":{"id":"resp_1","model":"gpt-5.5"}}"#.to_owned(),
            format!(r#"{{"type":"response.reasoning_summary_text.delta","item_id":"rs_1","output_index":0,"summary_index":0,"delta":{text}}}"#),
            format!(r#"{{"type":"response.output_item.done","output_index":0,"item":{{"id":"rs_1","type":"reasoning","summary":[{{"type":"summary_text","text":{text}}}]}}}}"#),
            format!(r#"{{"type":"response.output_item.done","output_index":1,"item":{{"id":"msg_1","type":"message","role":"assistant","content":[{{"type":"output_text","text":{text}}}]}}}}"#),
            format!(r#"{{"type":"response.completed","response":{{"id":{text},"model":{text},"status":"completed","output":[]}}}}"#),
        ]
        .map(|data| format!("data: {data}\n\n"))
        .concat()
    }

    const PATIENCE: Duration = Duration::from_secs(30);
}
