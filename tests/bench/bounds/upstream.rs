//! An upstream that takes whatever it is sent and answers with as much as it is told to.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use crate::{CREATE, SOCKET, STANDSTILL};

/// A listening upstream, and what it counts.
pub(crate) struct Upstream {
    address: SocketAddr,
    counts: Arc<Counts>,
}

#[derive(Default)]
struct Counts {
    received: AtomicU64,
    sent: AtomicU64,
}

impl Upstream {
    /// Starts one that answers with bodies of `down` bytes.
    pub(crate) fn start(down: u64) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let counts = Arc::new(Counts::default());
        let upstream = Self {
            address: listener.local_addr().unwrap(),
            counts: Arc::clone(&counts),
        };
        thread::spawn(move || {
            for stream in listener.incoming() {
                let counts = Arc::clone(&counts);
                thread::spawn(move || serve(stream.unwrap(), down, &counts));
            }
        });
        upstream
    }

    pub(crate) fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn received(&self) -> u64 {
        self.counts.received.load(Ordering::SeqCst)
    }

    pub(crate) fn sent(&self) -> u64 {
        self.counts.sent.load(Ordering::SeqCst)
    }

    /// Waits until nothing more is taken from it; gives how much was.
    pub(crate) fn standstill(&self) -> u64 {
        let mut last = u64::MAX;
        while self.sent() != last {
            last = self.sent();
            thread::sleep(STANDSTILL);
        }
        last
    }
}

/// Answers one request.
fn serve(stream: TcpStream, down: u64, counts: &Counts) {
    let mut reader = BufReader::with_capacity(1 << 20, stream.try_clone().unwrap());
    let mut stream = stream;
    let (mut path, mut length) = (String::new(), 0);
    let mut line = String::new();
    while line != "\r\n" {
        line.clear();
        if reader.read_line(&mut line).unwrap_or(0) == 0 {
            return;
        }
        let lower = line.to_ascii_lowercase();
        if let Some(value) = lower.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        } else if path.is_empty() {
            line.split(' ').nth(1).unwrap().clone_into(&mut path);
        }
    }
    let received = std::io::copy(&mut reader.by_ref().take(length), &mut std::io::sink()).unwrap();
    counts.received.fetch_add(received, Ordering::SeqCst);
    let (kind, block, down) = match &path[..] {
        "/v1/warm" => ("text/plain", &BLOCK[..], 0),
        SOCKET => return messages(stream, &mut reader, down, counts),
        "/v1/events" => ("text/event-stream", &EVENTS[..], down),
        _ => ("application/octet-stream", &BLOCK[..], down),
    };
    write!(
        stream,
        "HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {down}\r\n\r\n"
    )
    .unwrap();
    let mut left = down;
    while left > 0 {
        let part = &block[..block.len().min(left as usize)];
        stream.write_all(part).unwrap();
        counts.sent.fetch_add(part.len() as u64, Ordering::SeqCst);
        left -= part.len() as u64;
    }
}

/// Accepts a WebSocket and sends messages of one model response.
fn messages(mut stream: TcpStream, reader: &mut impl Read, down: u64, counts: &Counts) {
    stream
        .write_all(
            b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
              Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n",
        )
        .unwrap();
    reader.read_exact(&mut [0; CREATE.len()]).unwrap();
    let mut send = |text: &str| {
        let len = (text.len() as u16).to_be_bytes();
        let frame = [&[0x81, 126, len[0], len[1]], text.as_bytes()].concat();
        stream.write_all(&frame).unwrap();
        counts.sent.fetch_add(frame.len() as u64, Ordering::SeqCst);
    };
    let delta = format!(
        r#"{{"type":"response.output_text.delta","item_id":"m","delta":"{}"}}"#,
        "x".repeat(60_000)
    );
    for _ in 0..down / delta.len() as u64 {
        send(&delta);
    }
    send(r#"{"type":"response.completed","response":{"id":"r","status":"completed"}}"#);
}

/// What bodies are made of: bytes that are no text.
pub(crate) static BLOCK: [u8; 1 << 16] = {
    let mut block = [0; 1 << 16];
    let mut at = 0;
    while at < block.len() {
        block[at] = (at * 7 + at / 256) as u8;
        at += 1;
    }
    block
};

/// Events of 256 bytes each.
static EVENTS: [u8; 1 << 16] = {
    let mut events = [b'x'; 1 << 16];
    let mut at = 0;
    while at < events.len() {
        let mut byte = 0;
        while byte < 6 {
            events[at + byte] = b"data: "[byte];
            byte += 1;
        }
        events[at + 254] = b'\n';
        events[at + 255] = b'\n';
        at += 256;
    }
    events
};
