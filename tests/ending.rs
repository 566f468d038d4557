//! The program's end while streams are live, by each signal and by key: what client and upstream see
//! of it, what the capture says, the exit code, and the terminal.

#[cfg(test)]
mod support {
    #![expect(dead_code, unreachable_pub, reason = "other tests use the rest")]
    pub(crate) mod frames;
    pub(crate) mod pty;
    pub(crate) mod pty_upstream;
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::{BufRead, BufReader, Read, Write};
    use std::net::{SocketAddr, TcpListener, TcpStream};
    use std::path::{Path, PathBuf};
    use std::process::{Child, Command};
    use std::time::Duration;

    use codextap::tap::Clock;
    use serde_json::Value;
    use tempfile::TempDir;

    use crate::support::frames::{self, CLOSE, Frame, TEXT};
    use crate::support::pty::Window;
    use crate::support::pty_upstream::recorder;

    /// A codextap, and the upstream behind it.
    struct Scene {
        home: TempDir,
        upstream: TcpListener,
    }

    impl Scene {
        fn new() -> Self {
            Self {
                home: TempDir::new().unwrap(),
                upstream: TcpListener::bind("127.0.0.1:0").unwrap(),
            }
        }

        fn capture(&self) -> PathBuf {
            self.home.path().join("capture.jsonl")
        }

        fn origin(&self) -> String {
            format!("http://{}", self.upstream.local_addr().unwrap())
        }

        /// `codextap record`, and where it listens.
        fn record(&self, arguments: &[&str]) -> (Child, SocketAddr) {
            let origin = self.origin();
            let arguments = [arguments, &["--api-upstream", &origin, "--capture"]].concat();
            let mut child = recorder(&arguments, &self.capture(), self.home.path());
            let mut first = String::new();
            let mut out = BufReader::new(child.stdout.take().unwrap());
            out.read_line(&mut first).unwrap();
            child.stdout = Some(out.into_inner());
            let proxy = first.trim().strip_prefix("listening on http://").unwrap();
            (child, proxy.parse().unwrap())
        }

        /// Both ends of a WebSocket through the proxy.
        fn socket(&self, proxy: SocketAddr) -> (End, End) {
            let mut client = End::new(TcpStream::connect(proxy).unwrap());
            client.send(
                b"GET /v1/responses HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\n\
                  Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                  Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
            );
            let mut upstream = End::new(self.upstream.accept().unwrap().0);
            upstream.head();
            upstream.send(
                b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n\
                  Upgrade: websocket\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n",
            );
            client.head();
            (client, upstream)
        }

        /// Both ends of an event stream through the proxy, of which one event has come.
        fn stream(&self, proxy: SocketAddr) -> (End, End) {
            let mut client = End::new(TcpStream::connect(proxy).unwrap());
            client.send(
                b"POST /v1/responses HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}",
            );
            let mut upstream = End::new(self.upstream.accept().unwrap().0);
            upstream.head();
            upstream.expect(b"{}");
            upstream.send(
                b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\
                  Transfer-Encoding: chunked\r\n\r\n",
            );
            upstream.send(CHUNK);
            client.head();
            client.expect(CHUNK);
            (client, upstream)
        }

        /// The lines of the capture, which must be whole.
        fn lines(&self) -> Vec<Value> {
            let text = fs::read_to_string(self.capture()).unwrap();
            assert!(text.ends_with('\n'), "{text}");
            let lines = text.lines().map(serde_json::from_str);
            lines.collect::<Result<_, _>>().unwrap()
        }

        /// What the capture's only line of this kind says of failures.
        fn error(&self, kind: &str) -> String {
            let lines = self.lines();
            let mut lines = lines.iter().filter(|line| line["kind"] == kind);
            let line = lines.next().unwrap();
            assert!(lines.next().is_none(), "{kind}");
            line["error"].to_string()
        }
    }

    /// One end of a connection.
    struct End(TcpStream);

    impl End {
        fn new(stream: TcpStream) -> Self {
            let patience = Some(Duration::from_secs(20));
            stream.set_read_timeout(patience).unwrap();
            Self(stream)
        }

        fn send(&mut self, bytes: &[u8]) {
            self.0.write_all(bytes).unwrap();
        }

        fn expect(&mut self, bytes: &[u8]) {
            let mut got = vec![0; bytes.len()];
            self.0.read_exact(&mut got).unwrap();
            let shown = String::from_utf8_lossy(&got);
            assert_eq!(shown, String::from_utf8_lossy(bytes));
        }

        fn head(&mut self) {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                self.0.read_exact(&mut byte).unwrap();
                head.push(byte[0]);
            }
        }

        /// What comes before the FIN.
        fn rest(mut self) -> Vec<u8> {
            let mut rest = Vec::new();
            self.0.read_to_end(&mut rest).unwrap();
            rest
        }
    }

    /// Passes a frame from the client to the upstream.
    fn ask(client: &mut End, upstream: &mut End) {
        let create = frames::masked(
            TEXT,
            br#"{"type":"response.create","model":"m","input":[]}"#,
        );
        client.send(&create);
        upstream.expect(&create);
    }

    /// Passes the end of a turn from the upstream to the client.
    fn answer(client: &mut End, upstream: &mut End) {
        let event = br#"{"type":"response.completed","response":{"id":"r","status":"completed"}}"#;
        let completed = frames::unmasked(TEXT, event);
        upstream.send(&completed);
        client.expect(&completed);
    }

    /// Both ends get a close frame of codextap's own, and then a FIN.
    fn assert_closed(client: End, upstream: End) {
        let going_away = |is_masked| Frame {
            first: CLOSE,
            is_masked,
            payload: b"\x03\xe9codextap ended".to_vec(),
        };
        assert_eq!(frames::read(&client.rest()), [going_away(false)]);
        assert_eq!(frames::read(&upstream.rest()), [going_away(true)]);
    }

    fn signal(process: u32, name: &str) {
        let mut kill = Command::new("kill");
        let status = kill.args([name, &process.to_string()]).status();
        assert!(status.unwrap().success());
    }

    /// Waits until nobody is accepted any more: the shutdown has begun.
    fn refuses(proxy: SocketAddr) {
        let began = Clock::start();
        let start = began.now();
        while TcpStream::connect(proxy).is_ok() {
            assert!(began.now().since(start) < Duration::from_secs(20));
        }
    }

    const SIGNALS: [&str; 3] = ["-INT", "-TERM", "-HUP"];

    const MARK: &str = "codextap ended while this was live";

    /// An event, in a chunk.
    const CHUNK: &[u8] = b"e\r\ndata: {\"a\":1}\n\r\n";

    #[test]
    fn an_open_socket_without_a_turn_is_closed_with_1001_at_once() {
        for name in SIGNALS {
            let scene = Scene::new();
            let (mut child, proxy) = scene.record(&[]);
            let (mut client, mut upstream) = scene.socket(proxy);
            ask(&mut client, &mut upstream);
            answer(&mut client, &mut upstream);
            let clock = Clock::start();
            let began = clock.now();
            signal(child.id(), name);
            assert_closed(client, upstream);
            assert_eq!(child.wait().unwrap().code(), Some(0), "{name}");
            let took = clock.now().since(began);
            assert!(took < Duration::from_secs(4), "{name}: waited for {took:?}");
            // Nobody waited for anything: that is an end, and no failure.
            assert_eq!(scene.error("ws"), "null");
            assert_eq!(scene.error("ws_turn"), "null");
        }
    }

    #[test]
    fn a_turn_and_a_stream_in_flight_come_to_their_end() {
        for name in SIGNALS {
            let scene = Scene::new();
            let (mut child, proxy) = scene.record(&[]);
            let (mut client, mut upstream) = scene.socket(proxy);
            let (mut reader, mut writer) = scene.stream(proxy);
            ask(&mut client, &mut upstream);
            signal(child.id(), name);
            refuses(proxy);
            let rest = [CHUNK, b"0\r\n\r\n"].concat();
            writer.send(&rest);
            reader.expect(&rest);
            answer(&mut client, &mut upstream);
            assert_closed(client, upstream);
            drop((reader, writer));
            assert_eq!(child.wait().unwrap().code(), Some(0), "{name}");
            assert_eq!(scene.error("http"), "null");
            assert_eq!(scene.error("ws_turn"), "null");
        }
    }

    #[test]
    fn what_does_not_end_in_time_is_cut_and_marked() {
        let scene = Scene::new();
        let (mut child, proxy) = scene.record(&[]);
        let (mut client, mut upstream) = scene.socket(proxy);
        let (reader, writer) = scene.stream(proxy);
        ask(&mut client, &mut upstream);
        signal(child.id(), "-TERM");
        // The upstream is told as well that nobody listens any more.
        assert_eq!(writer.rest(), b"");
        assert_eq!(reader.rest(), b"", "no last chunk");
        assert_closed(client, upstream);
        assert_eq!(child.wait().unwrap().code(), Some(0));
        for kind in ["http", "ws", "ws_turn"] {
            let error = scene.error(kind);
            assert_eq!(
                error.matches("relay").count() + error.matches("body").count(),
                1
            );
            assert!(error.contains(MARK), "{kind}: {error}");
        }
    }

    #[test]
    fn a_second_signal_cuts_at_once_and_is_the_exit_code() {
        for (name, code) in [("-INT", 130), ("-TERM", 143), ("-HUP", 129)] {
            let scene = Scene::new();
            let (mut child, proxy) = scene.record(&[]);
            let (mut client, mut upstream) = scene.socket(proxy);
            let (reader, writer) = scene.stream(proxy);
            ask(&mut client, &mut upstream);
            signal(child.id(), "-TERM");
            refuses(proxy);
            signal(child.id(), name);
            assert_eq!(child.wait().unwrap().code(), Some(code), "{name}");
            for kind in ["http", "ws", "ws_turn"] {
                let error = scene.error(kind);
                assert!(error.contains(MARK), "{kind}: {error}");
            }
            assert_eq!((reader.rest(), client.rest()), (Vec::new(), Vec::new()));
            drop((writer, upstream));
        }
    }

    #[test]
    fn a_silent_socket_is_closed_only_where_a_limit_was_set() {
        let scene = Scene::new();
        let (child, proxy) = scene.record(&["--ws-idle-timeout", "50ms"]);
        let (client, upstream) = scene.socket(proxy);
        for (end, is_masked) in [(client, false), (upstream, true)] {
            let close = Frame {
                first: CLOSE,
                is_masked,
                payload: b"\x03\xf3no bytes for 50ms".to_vec(),
            };
            assert_eq!(frames::read(&end.rest()), [close]);
        }
        ends(child);
        let error = scene.error("ws");
        assert!(error.contains("--ws-idle-timeout"), "{error}");
    }

    fn ends(mut child: Child) {
        signal(child.id(), "-TERM");
        assert_eq!(child.wait().unwrap().code(), Some(0));
    }

    /// Codextap with its screen, and where it listens.
    fn window(scene: &Scene, capture: &Path) -> (Window, SocketAddr) {
        let origin = scene.origin();
        let mut arguments = vec!["--listen", "127.0.0.1:0", "--api-upstream", &origin];
        arguments.extend(["--capture", capture.to_str().unwrap()]);
        let mut window = Window::codextap(arguments, (120, 40), scene.home.path());
        window.shows(&["No traffic yet", "/v1"]);
        let text = window.text();
        let at = text.find("http://127.0.0.1:").unwrap() + "http://".len();
        let proxy = text[at..].split('/').next().unwrap().parse().unwrap();
        (window, proxy)
    }

    #[test]
    fn quitting_with_live_streams_asks_and_then_closes_them() {
        for keys in ["qy", "Q"] {
            let scene = Scene::new();
            let (mut window, proxy) = window(&scene, &scene.capture());
            let (mut client, mut upstream) = scene.socket(proxy);
            let (reader, writer) = scene.stream(proxy);
            ask(&mut client, &mut upstream);
            window.shows(&["3 live"]);
            window.press(keys);
            assert_eq!((writer.rest(), reader.rest()), (Vec::new(), Vec::new()));
            assert_closed(client, upstream);
            assert_eq!(window.ends().exit_code(), 0, "{keys}");
            window.assert_restored();
            for kind in ["http", "ws", "ws_turn"] {
                let error = scene.error(kind);
                assert!(error.contains(MARK), "{kind}: {error}");
            }
        }
    }

    #[test]
    fn signals_end_the_screen_in_the_same_way() {
        for name in SIGNALS {
            let scene = Scene::new();
            let (mut window, proxy) = window(&scene, &scene.capture());
            let (mut client, mut upstream) = scene.socket(proxy);
            ask(&mut client, &mut upstream);
            window.shows(&["2 live"]);
            window.signal(name);
            window.gives_back();
            answer(&mut client, &mut upstream);
            assert_closed(client, upstream);
            assert_eq!(window.ends().exit_code(), 0, "{name}");
            window.assert_restored();
            assert_eq!(scene.error("ws_turn"), "null");
        }
    }
}
