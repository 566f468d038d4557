//! How much memory huge streams take: `cargo bench --bench bounds` (Linux).
//!
//! The release binary, recording to a file, stands between a client and an upstream in this process.
//! For each figure the peak of its resident memory is set back (proc(5), `clear_refs`) and read again
//! at the end; the bytes are counted at both ends.
//!
//! Arguments choose figures by name: `cargo bench --bench bounds -- up`.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark reports and may panic"
)]

#[path = "../../support/listening.rs"]
mod listening;
mod upstream;

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command};
use std::time::Duration;

use upstream::{BLOCK, Upstream};

/// A huge exchange.
struct Figure {
    name: &'static str,
    what: &'static str,
    path: &'static str,
    /// Bytes of the request's body.
    up: u64,
    /// Bytes of the response's body.
    down: u64,
    /// Whether the client stops reading until nothing more is written.
    stalls: bool,
}

const GIB: u64 = 1 << 30;

const FIGURES: [Figure; 6] = [
    Figure {
        name: "stalled",
        what: "2 GiB of bytes to a client that stalls, then goes on",
        path: "/v1/bytes",
        up: 0,
        down: 2 * GIB,
        stalls: true,
    },
    Figure {
        name: "events",
        what: "2 GiB of events to a client that stalls, then goes on",
        path: "/v1/events",
        up: 0,
        down: 2 * GIB,
        stalls: true,
    },
    Figure {
        name: "up",
        what: "a body of 1 GiB to the upstream",
        path: "/v1/bytes",
        up: GIB,
        down: 0,
        stalls: false,
    },
    Figure {
        name: "down",
        what: "a body of 1 GiB to the client",
        path: "/v1/bytes",
        up: 0,
        down: GIB,
        stalls: false,
    },
    Figure {
        name: "both",
        what: "bodies of 1 GiB both ways",
        path: "/v1/bytes",
        up: GIB,
        down: GIB,
        stalls: false,
    },
    Figure {
        name: "socket",
        what: "a turn of 512 MiB of messages on a WebSocket",
        path: SOCKET,
        up: 0,
        down: GIB / 2,
        stalls: false,
    },
];

fn main() {
    let chosen: Vec<String> = std::env::args()
        .skip(1)
        .filter(|name| !name.starts_with('-'))
        .collect();
    for figure in &FIGURES {
        if chosen.is_empty() || chosen.iter().any(|name| name == figure.name) {
            take(figure);
        }
    }
}

/// Takes one figure, with a program of its own.
fn take(figure: &Figure) {
    let state = tempfile::tempdir().unwrap();
    let upstream = Upstream::start(figure.down);
    let (mut program, proxy) = listening::record(state.path(), &upstream.origin());
    // What it needs for any request is there by then.
    exchange(proxy, "/v1/warm", 0, |_| ());
    let process = Path::new("/proc").join(program.id().to_string());
    fs::write(process.join("clear_refs"), "5").unwrap();
    let before = resident(&process, "VmRSS");
    let mut stalled_at = None;
    let received = exchange(proxy, figure.path, figure.up, |_| {
        if figure.stalls {
            stalled_at = Some(upstream.standstill());
        }
    });
    let growth = resident(&process, "VmHWM").saturating_sub(before);
    interrupt(&mut program);
    println!("{} ({})", figure.what, figure.name);
    if let Some(at) = stalled_at {
        println!("  the upstream stood still after {} KiB", at / 1024);
    }
    assert_eq!(
        (upstream.received(), upstream.sent()),
        (figure.up, received)
    );
    println!(
        "  up {} and down {received} bytes, the same at both ends",
        figure.up
    );
    println!("  memory grew by {growth} KiB at its peak");
    for (dir, wire, missed) in recorded(state.path(), figure.path) {
        println!("  recorded {dir}: {wire} bytes on the wire, {missed} not kept");
    }
}

/// Sends a request and reads its answer; gives how many bytes its body had.
fn exchange(proxy: SocketAddr, path: &str, up: u64, stall: impl FnOnce(&TcpStream)) -> u64 {
    let mut stream = TcpStream::connect(proxy).unwrap();
    if path == SOCKET {
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nHost: {proxy}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        .unwrap();
        stream.write_all(CREATE).unwrap();
    } else {
        write!(
            stream,
            "POST {path} HTTP/1.1\r\nHost: {proxy}\r\nConnection: close\r\nContent-Length: {up}\r\n\r\n"
        )
        .unwrap();
    }
    let mut left = up;
    while left > 0 {
        let part = &BLOCK[..BLOCK.len().min(left as usize)];
        stream.write_all(part).unwrap();
        left -= part.len() as u64;
    }
    let mut reader = BufReader::with_capacity(BLOCK.len(), stream);
    let mut line = String::new();
    while line != "\r\n" {
        line.clear();
        assert!(reader.read_line(&mut line).unwrap() > 0, "no head");
    }
    stall(reader.get_ref());
    std::io::copy(&mut reader, &mut std::io::sink()).unwrap()
}

fn interrupt(program: &mut Child) {
    let status = Command::new("kill")
        .args(["-INT", &program.id().to_string()])
        .status();
    assert!(status.unwrap().success());
    assert!(program.wait().unwrap().success());
}

/// A figure of `/proc/…/status`, in KiB.
fn resident(process: &Path, name: &str) -> u64 {
    let status = fs::read_to_string(process.join("status")).unwrap();
    let line = status.lines().find(|line| line.starts_with(name)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Both directions of the exchange with `path`, as the capture has them: bytes on the wire, and those
/// that were not kept.
fn recorded(state: &Path, path: &str) -> Vec<(&'static str, u64, u64)> {
    let text = fs::read_to_string(state.join("capture.jsonl")).unwrap();
    let mut found = Vec::new();
    for line in text.lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        if line["request"]["path"] == path {
            for (dir, message) in [("up", &line["request"]), ("down", &line["response"])] {
                let count = |name: &str| message[name].as_u64().unwrap_or(0);
                found.push((dir, count("wire"), count("missed")));
            }
        }
    }
    found
}

/// A message that begins a turn, masked with nothing (RFC 6455 §5.3).
const CREATE: &[u8] = b"\x81\x9a\0\0\0\0{\"type\":\"response.create\"}";

/// Where the WebSocket is.
const SOCKET: &str = "/v1/responses";

/// How long nothing must be written for a standstill.
const STANDSTILL: Duration = Duration::from_secs(1);
