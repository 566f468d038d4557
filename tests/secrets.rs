//! Two hundred secrets in realistic exchanges, looked for in everything that codextap puts out.

#[cfg(test)]
#[path = "secrets/places.rs"]
mod places;
#[cfg(test)]
#[expect(dead_code, reason = "other tests use the rest")]
#[path = "support/recorder.rs"]
mod recorder;
#[cfg(test)]
#[path = "secrets/shapes.rs"]
mod shapes;

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::{BufRead, BufReader, Read, Write};
    use std::net::{SocketAddr, TcpListener, TcpStream};
    use std::path::Path;
    use std::process::{Command, Output};
    use std::sync::Arc;
    use std::thread;

    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use codextap::app::{App, Effect, Msg, Options};
    use codextap::capture::{self, Existing, Shelf};
    use codextap::tap::At;
    use codextap::view::{Theme, draw};
    use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;
    use serde_json::Value;
    use tempfile::TempDir;

    use crate::places::{Exchange, Garden, Planted};
    use crate::recorder::{PATIENCE, Recorder};

    /// All that one run puts out.
    struct Outputs {
        /// Each by its name.
        texts: Vec<(&'static str, String)>,
        planted: Vec<Planted>,
    }

    impl Outputs {
        /// Has all exchanges pass, and looks at them in every way.
        fn of(flags: &[&str]) -> Self {
            let home = TempDir::new().unwrap();
            let Garden { planted, exchanges } = Garden::new();
            let exchanges = Arc::new(exchanges);
            let upstream = upstream(&exchanges);
            let mut arguments = vec!["--capture", "c.jsonl", "--api-upstream", &upstream];
            arguments.extend(["--route", "/away=http://127.0.0.1:1"]);
            arguments.extend(["--log", "log", "--log-level", "trace"]);
            arguments.extend(flags);
            let recorder = Recorder::start(home.path(), &arguments);
            for exchange in exchanges.iter() {
                pass(recorder.address, exchange);
            }
            let (status, lines, err) = recorder.end();
            assert_eq!((status.code(), err.as_str()), (Some(0), ""));
            let capture = home.path().join("c.jsonl");
            let read = |name: &str| fs::read_to_string(home.path().join(name)).unwrap();
            let opened = open(home.path());
            let is_redacted = !flags.contains(&"--no-redact");
            let (screen, copies) = screens(&capture, is_redacted);
            let texts = vec![
                ("capture", read("c.jsonl")),
                ("Base64 in the capture", base64(&read("c.jsonl"))),
                ("log", read("log")),
                ("lines of record", lines),
                ("lines of open", String::from_utf8(opened.stdout).unwrap()),
                ("errors of open", String::from_utf8(opened.stderr).unwrap()),
                ("save", save(&capture, home.path())),
                ("screen", screen),
                ("copies", copies),
            ];
            Self { texts, planted }
        }

        fn text(&self, name: &str) -> &str {
            &self
                .texts
                .iter()
                .find(|(named, _)| *named == name)
                .unwrap()
                .1
        }
    }

    /// An upstream that answers as the exchanges want it; gives its origin.
    fn upstream(exchanges: &Arc<Vec<Exchange>>) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let exchanges = Arc::clone(exchanges);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let exchanges = Arc::clone(&exchanges);
                thread::spawn(move || answer(&stream, &exchanges).ok());
            }
        });
        origin
    }

    fn answer(mut stream: &TcpStream, exchanges: &[Exchange]) -> std::io::Result<()> {
        let mut reader = BufReader::new(stream.try_clone()?);
        let head = head(&mut reader)?;
        let target = head.split(' ').nth(1).unwrap_or_default();
        let is_asked = |exchange: &&Exchange| exchange.path == target;
        let path = target.split('?').next().unwrap_or_default();
        let found = exchanges.iter().find(is_asked).or_else(|| {
            let mut exchanges = exchanges.iter();
            exchanges.find(|exchange| exchange.path == path)
        });
        let Some(exchange) = found else {
            return Ok(());
        };
        stream.write_all(&exchange.response)?;
        if let Some([out, back]) = &exchange.frames {
            stream.write_all(back)?;
            return reader.read_exact(&mut vec![0; out.len()]);
        }
        stream.shutdown(std::net::Shutdown::Write)?;
        // What still comes in is read, so that nothing is reset.
        reader.read_to_end(&mut Vec::new()).map(|_| ())
    }

    /// Sends a request and reads all that comes back.
    fn pass(proxy: SocketAddr, exchange: &Exchange) {
        let mut stream = TcpStream::connect(proxy).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let request = replace(&exchange.request, b"HOST", proxy.to_string().as_bytes());
        stream.write_all(&request).unwrap();
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        if let Some([out, back]) = &exchange.frames {
            let answer = head(&mut reader).unwrap();
            assert!(answer.contains(" 101 "), "{answer}");
            stream.write_all(out).unwrap();
            let mut read = vec![0; back.len()];
            reader.read_exact(&mut read).unwrap();
            assert_eq!(&read, back, "bytes pass unchanged");
            return;
        }
        // A reset behind an answer is an end as well.
        let _ = reader.read_to_end(&mut Vec::new());
    }

    fn head(reader: &mut impl BufRead) -> std::io::Result<String> {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if reader.read_line(&mut head)? == 0 {
                break;
            }
        }
        Ok(head)
    }

    fn replace(bytes: &[u8], what: &[u8], by: &[u8]) -> Vec<u8> {
        let mut replaced = Vec::new();
        let mut rest = bytes;
        while let Some(at) = rest.windows(what.len()).position(|window| window == what) {
            replaced.extend([&rest[..at], by].concat());
            rest = &rest[at + what.len()..];
        }
        replaced.extend(rest);
        replaced
    }

    /// What stands in Base64 in a capture.
    fn base64(capture: &str) -> String {
        fn collect(value: &Value, texts: &mut String) {
            match value {
                Value::String(text) => {
                    let bytes = STANDARD.decode(text).unwrap_or_default();
                    *texts += &String::from_utf8_lossy(&bytes);
                }
                Value::Array(values) => values.iter().for_each(|value| collect(value, texts)),
                Value::Object(members) => members.values().for_each(|value| collect(value, texts)),
                _ => {}
            }
        }
        let mut texts = String::new();
        for line in capture.lines() {
            collect(&serde_json::from_str(line).unwrap(), &mut texts);
        }
        texts
    }

    /// What `codextap open` puts out of the capture in `home` without a terminal.
    fn open(home: &Path) -> Output {
        Command::new(env!("CARGO_BIN_EXE_codextap"))
            .args(["open", "c.jsonl"])
            .env_clear()
            .env("HOME", home)
            .current_dir(home)
            .output()
            .unwrap()
    }

    /// The flows of a capture as `w` saves them.
    fn save(capture: &Path, home: &Path) -> String {
        let store = capture::load(capture).unwrap().store;
        let path = home.join("saved.jsonl");
        let ids = store.rows().iter().copied();
        capture::save(&path, &store, &Shelf::default(), ids, Existing::Keep).unwrap();
        fs::read_to_string(path).unwrap()
    }

    /// All that the screen shows of a capture, and all that can be copied from it.
    fn screens(capture: &Path, is_redacted: bool) -> (String, String) {
        let mut app = App::new(Options {
            is_proxy: false,
            is_redacted,
            ..Options::default()
        });
        *app.store_mut() = capture::load(capture).unwrap().store;
        let flows = app.store().rows().len();
        app.update(Msg::Tick(At::default()));
        app.update(Msg::Changed);
        let (mut shown, mut copied) = (String::new(), String::new());
        let mut terminal = Terminal::new(TestBackend::new(SIZE.0, SIZE.1)).unwrap();
        let theme = Theme::load("default-dark", &[]).unwrap();
        let mut press = |app: &mut App, key: char| {
            let key = KeyEvent::new(KeyCode::Char(key), KeyModifiers::NONE);
            for effect in app.update(Msg::Key(key)) {
                if let Effect::Copy(text) = effect {
                    copied += &text;
                    copied.push('\n');
                }
            }
            app.prepare(SIZE);
        };
        app.prepare(SIZE);
        press(&mut app, '1');
        press(&mut app, 'g');
        for _ in 0..flows {
            press(&mut app, 'Y');
            // Each tab of the payload with its sections open, and the other panes.
            for keys in ["2C", "]C", "]C", "]C", "]3", "4", "5C"] {
                keys.chars().for_each(|key| press(&mut app, key));
                // All of the pane's text.
                "ya".chars().for_each(|key| press(&mut app, key));
                terminal.draw(|frame| draw(&app, &theme, frame)).unwrap();
                for cell in terminal.backend().buffer().content() {
                    shown += cell.symbol();
                }
            }
            press(&mut app, 'J');
        }
        (shown, copied)
    }

    /// All files under a directory, one after the other.
    fn files(directory: &Path) -> String {
        let mut text = String::new();
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            text += &if path.is_dir() {
                files(&path)
            } else {
                String::from_utf8_lossy(&fs::read(path).unwrap()).into_owned()
            };
        }
        text
    }

    const SIZE: (u16, u16) = (240, 80);

    #[test]
    fn no_secret_reaches_the_disk_when_all_that_is_in_flight_is_killed_and_recovered() {
        let home = TempDir::new().unwrap();
        let Garden { planted, exchanges } = Garden::new();
        let exchanges = Arc::new(exchanges);
        let upstream = upstream(&exchanges);
        let arguments = ["--capture", "c.jsonl", "--api-upstream", &upstream];
        let recorder = Recorder::start(home.path(), &arguments);
        let mut streams = Vec::new();
        for exchange in exchanges.iter() {
            let mut stream = TcpStream::connect(recorder.address).unwrap();
            let host = recorder.address.to_string();
            let request = replace(&exchange.request, b"HOST", host.as_bytes());
            stream.write_all(&request).unwrap();
            // The answer has begun, and nobody has taken it.
            stream.peek(&mut [0]).unwrap();
            streams.push(stream);
        }
        recorder.kill();
        let killed = files(home.path());
        let opened = open(home.path());
        assert!(opened.status.success(), "{opened:?}");
        let capture = fs::read_to_string(home.path().join("c.jsonl")).unwrap();
        let lines = capture.lines().count();
        assert!(lines >= exchanges.len(), "{lines} of {}", exchanges.len());
        let recovered = files(home.path()) + &base64(&capture);
        for Planted { place, secret, .. } in &planted {
            let (number, tail) = secret.split_once('-').unwrap();
            let has_it = |text: &str| text.contains(number) || text.contains(tail);
            // The journal does not know yet what pieces come to.
            let is_in_pieces = place.starts_with("pieces of");
            assert!(is_in_pieces || !has_it(&killed), "{place} ({secret})");
            assert!(!has_it(&recovered), "{place} ({secret})");
        }
    }

    #[test]
    fn no_secret_is_put_out() {
        let outputs = Outputs::of(&[]);
        assert!(outputs.planted.len() >= 200, "{}", outputs.planted.len());
        let mut leaks = Vec::new();
        for (name, text) in &outputs.texts {
            for Planted { place, secret, .. } in &outputs.planted {
                // No part of it, however it is cut or spelt.
                let (number, tail) = secret.split_once('-').unwrap();
                if text.contains(number) || text.contains(tail) {
                    leaks.push(format!("{name}: {place} ({secret})"));
                }
            }
        }
        assert!(leaks.is_empty(), "{} leaks: {leaks:#?}", leaks.len());
        let twins = outputs
            .text("capture")
            .lines()
            .find(|line| line.contains("/v1/twins"));
        let twins: Value = serde_json::from_str(twins.unwrap()).unwrap();
        let body = &twins["request"]["body"];
        let mark = body["api_key"].as_str().unwrap();
        assert!(mark.starts_with("<redacted:"), "{mark}");
        assert_eq!(body["echo"], format!("so {mark}"));
        assert_eq!(
            twins["request"]["path"],
            format!("/v1/twins?api_key={mark}")
        );
        let fields = twins["request"]["headers"].as_array().unwrap();
        assert!(
            fields.contains(&serde_json::json!(["X-Api-Key", mark])),
            "{fields:?}"
        );
    }

    #[test]
    fn with_no_redact_every_secret_is_where_it_was() {
        let outputs = Outputs::of(&["--no-redact"]);
        for name in ["capture", "save", "copies"] {
            let text = outputs.text(name);
            let missing: Vec<&str> = outputs
                .planted
                .iter()
                .filter(|planted| planted.is_kept && !text.contains(&planted.secret))
                .map(|planted| planted.place.as_str())
                .collect();
            assert!(missing.is_empty(), "{name}: {missing:#?}");
            assert!(!text.contains("<redacted:"), "{name}");
        }
        let encoded = outputs.text("Base64 in the capture");
        let is_in = |planted: &&Planted| encoded.contains(&planted.secret);
        assert_eq!(outputs.planted.iter().filter(is_in).count(), 1);
        let screen = outputs.text("screen");
        let seen = outputs
            .planted
            .iter()
            .filter(|planted| screen.contains(&planted.secret));
        assert!(
            seen.count() > 100,
            "the screen is looked at where secrets stand"
        );
        let log = outputs.text("log");
        let logged = outputs
            .planted
            .iter()
            .find(|planted| log.contains(&planted.secret));
        assert_eq!(
            logged.map(|planted| &planted.place),
            None,
            "logs tell none in any case"
        );
    }
}
