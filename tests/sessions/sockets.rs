//! The made-up Codex and its upstream at the ends of real sockets, `codextap record` between them.
//!
//! Both ends are in one hand: what one side writes the other has read before anything else happens.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use codextap::tap::Direction;
use serde_json::Value;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use crate::frames::{Reader, TEXT, Writer};
use crate::recorder::{PATIENCE, Recorder};
use crate::wire::{Fields, Wire, block};

/// The program, and what it connects.
pub(crate) struct Sockets {
    recorder: Recorder,
    /// Connections that reached the upstream.
    accepted: Receiver<TcpStream>,
    open: Vec<Option<Socket>>,
}

/// The two ends of a WebSocket.
struct Socket {
    codex: End,
    upstream: End,
}

/// One end, with its half of permessage-deflate (RFC 7692).
struct End {
    stream: TcpStream,
    reader: Reader,
    writer: Writer,
}

impl Sockets {
    /// Records into `capture`, a name within `home`.
    pub(crate) fn start(home: &Path, capture: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let (tell, accepted) = channel();
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if tell.send(stream).is_err() {
                    return;
                }
            }
        });
        let arguments = ["--capture", capture, "--api-upstream", &origin];
        Self {
            recorder: Recorder::start(home, &arguments),
            accepted,
            open: Vec::new(),
        }
    }

    /// Ends the program, which has written everything then.
    pub(crate) fn end(self) {
        let (status, _, errors) = self.recorder.end();
        assert!(status.success(), "{errors}");
    }

    /// Sends a request, and gives the ends of its connection once the upstream has all of it.
    fn ask(&self, head: &str, fields: &Fields<'_>, body: &str) -> (TcpStream, TcpStream) {
        let mut codex = connect(self.recorder.address);
        let mut request = format!("{head}Host: {}\r\n", self.recorder.address);
        for (name, value) in fields {
            request.extend([name, ": ", value, "\r\n"]);
        }
        request.extend(["\r\n", body]);
        codex.write_all(request.as_bytes()).unwrap();
        let mut upstream = self.accepted.recv_timeout(PATIENCE).unwrap();
        upstream.set_read_timeout(Some(PATIENCE)).unwrap();
        read_head(&mut upstream);
        let mut got = vec![0; body.len()];
        upstream.read_exact(&mut got).unwrap();
        assert_eq!(got, body.as_bytes());
        (codex, upstream)
    }
}

impl Wire for Sockets {
    fn upgrade(&mut self, fields: &Fields<'_>, is_refused: bool) -> Option<usize> {
        let (mut codex, mut upstream) = self.ask(HANDSHAKE, fields, "");
        if is_refused {
            let refusal = "HTTP/1.1 426 Upgrade Required\r\nContent-Length: 0\r\n\r\n";
            upstream.write_all(refusal.as_bytes()).unwrap();
            assert!(read_head(&mut codex).starts_with("HTTP/1.1 426 "));
            return None;
        }
        let accept = derive_accept_key(KEY.as_bytes());
        let answer = format!(
            "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Extensions: permessage-deflate\r\nSec-WebSocket-Accept: {accept}\r\n\r\n"
        );
        upstream.write_all(answer.as_bytes()).unwrap();
        assert!(read_head(&mut codex).starts_with("HTTP/1.1 101 "));
        let end = |stream| End {
            stream,
            reader: Reader::default(),
            writer: Writer::new(true),
        };
        self.open.push(Some(Socket {
            codex: end(codex),
            upstream: end(upstream),
        }));
        Some(self.open.len() - 1)
    }

    fn converse(&mut self, socket: usize, request: &Value, events: &[Value]) {
        let Socket { codex, upstream } = self.open[socket].as_mut().unwrap();
        let request = request.to_string();
        let frame = codex.writer.frame(TEXT, request.as_bytes());
        codex.stream.write_all(&masked(frame)).unwrap();
        assert_eq!(upstream.message(), request);
        for event in events {
            let event = event.to_string();
            let frame = upstream.writer.frame(TEXT, event.as_bytes());
            upstream.stream.write_all(&frame).unwrap();
            assert_eq!(codex.message(), event);
        }
    }

    fn post(&mut self, fields: &Fields<'_>, request: &Value, events: &[Value], is_lost: bool) {
        let body = request.to_string();
        let length = body.len().to_string();
        let more = [
            ("content-type", "application/json"),
            ("content-length", &*length),
        ];
        let head = "POST /v1/responses HTTP/1.1\r\n";
        let (mut codex, mut upstream) = self.ask(head, &[fields, &more].concat(), &body);
        let mut answer = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\
             Transfer-Encoding: chunked\r\n\r\n"
            .to_owned();
        for event in events {
            let block = block(event);
            let length = format!("{:x}", block.len());
            answer.extend([&*length, "\r\n", &block, "\r\n"]);
        }
        if !is_lost {
            answer += LAST_CHUNK;
        }
        upstream.write_all(answer.as_bytes()).unwrap();
        if is_lost {
            upstream.shutdown(Shutdown::Both).unwrap();
        }
        let mut got = Vec::new();
        let mut chunk = [0; 4096];
        while !got.ends_with(LAST_CHUNK.as_bytes()) {
            match codex.read(&mut chunk) {
                Ok(length @ 1..) => got.extend_from_slice(&chunk[..length]),
                // However the proxy tells that there is no more.
                Ok(0) | Err(_) => break,
            }
        }
        assert_eq!(got.ends_with(LAST_CHUNK.as_bytes()), !is_lost);
    }

    fn close(&mut self, socket: usize, first: Direction) {
        let Socket { codex, upstream } = self.open[socket].take().unwrap();
        let (gone, mut left) = match first {
            Direction::Out => (codex.stream, upstream.stream),
            Direction::In => (upstream.stream, codex.stream),
        };
        drop(gone);
        let mut rest = Vec::new();
        // A reset is an end as well.
        let _ended = left.read_to_end(&mut rest);
        assert!(rest.is_empty(), "{rest:?}");
    }
}

impl End {
    /// The next message.
    fn message(&mut self) -> String {
        let mut chunk = [0; 4096];
        loop {
            if let Some(frame) = self.reader.next() {
                assert_eq!(frame.opcode, TEXT);
                return String::from_utf8(frame.payload).unwrap();
            }
            let length = self.stream.read(&mut chunk).unwrap();
            assert!(length > 0, "the connection ended");
            self.reader.push(&chunk[..length]);
        }
    }
}

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// Reads a head and nothing behind it.
fn read_head(stream: &mut TcpStream) -> String {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    String::from_utf8(head).unwrap()
}

/// A server's frame as a client sends it (RFC 6455 §5.3), with a key that changes nothing.
fn masked(mut frame: Vec<u8>) -> Vec<u8> {
    let header = match frame[1] {
        126 => 4,
        127 => 10,
        _ => 2,
    };
    frame[1] |= 0x80;
    frame.splice(header..header, [0; 4]);
    frame
}

const HANDSHAKE: &str = "GET /v1/responses HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n";
/// The key of RFC 6455 §1.3.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const LAST_CHUNK: &str = "0\r\n\r\n";
