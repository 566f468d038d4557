//! `codextap record` under load, killed, and what is left of it.

#[path = "../support/listening.rs"]
mod listening;

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::{Sender, channel};
use std::thread::{self, JoinHandle, yield_now};
use std::time::Duration;

use codextap::capture::journals;
use serde_json::Value;

/// What became of one answer, in bytes of its body.
pub(crate) struct Stream {
    pub(crate) received: usize,
    pub(crate) recovered: usize,
}

/// Lets `clients` read event streams until they have `bytes` in all, and, if `is_journalled`, some of
/// them are in the journal; kills the program, and recovers. Gives what became of each client's answer.
///
/// # Panics
/// If a line cannot be read, a flow is there twice, or a body is not what was sent.
pub(crate) fn round(
    home: &Path,
    clients: usize,
    bytes: usize,
    pace: Option<Duration>,
    is_journalled: bool,
) -> Vec<Stream> {
    let capture = home.join("capture.jsonl");
    let upstream = TcpListener::bind("127.0.0.1:0").unwrap();
    let origin = format!("http://{}", upstream.local_addr().unwrap());
    thread::spawn(move || {
        for stream in upstream.incoming().map_while(Result::ok) {
            // It goes on until codextap is gone.
            thread::spawn(move || serve(stream, pace).ok());
        }
    });
    let (mut child, proxy) = listening::record(home, &origin);
    let (counts, received) = channel();
    let clients: Vec<JoinHandle<Vec<u8>>> = (0..clients)
        .map(|client| {
            let counts = counts.clone();
            thread::spawn(move || read(proxy, client, &counts))
        })
        .collect();
    let mut sum = 0;
    while sum < bytes {
        sum += received.recv().unwrap();
    }
    while is_journalled && !has_events(home) {
        yield_now();
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let received: Vec<Vec<u8>> = clients.into_iter().map(|it| it.join().unwrap()).collect();

    let opened = Command::new(env!("CARGO_BIN_EXE_codextap"))
        .env_clear()
        .env("HOME", home)
        .args(["open"])
        .arg(&capture)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(opened.status.success(), "{opened:?}");
    let left = journals(&capture);
    assert!(left.is_empty(), "{left:?} {opened:?}");
    compare(&capture, &received)
}

/// Holds the capture against what the clients received.
fn compare(capture: &Path, received: &[Vec<u8>]) -> Vec<Stream> {
    let text = fs::read_to_string(capture).unwrap();
    assert!(text.is_empty() || text.ends_with('\n'));
    let mut bodies: BTreeMap<String, String> = BTreeMap::new();
    for line in text.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        assert_eq!(line["recovered"], true, "{line}");
        let body = line["response"]["body"].as_str().unwrap_or_default();
        let path = line["request"]["path"].as_str().unwrap_or_default();
        let before = bodies.insert(path.to_owned(), body.to_owned());
        assert!(before.is_none(), "{path} is there twice");
    }
    let streams = received.iter().enumerate().map(|(client, received)| {
        let recovered = bodies.get(&target(client)).map_or("", String::as_str);
        let both = recovered.len().min(received.len());
        assert_eq!(
            recovered.as_bytes()[..both],
            received[..both],
            "client {client}"
        );
        Stream {
            received: received.len(),
            recovered: recovered.len(),
        }
    });
    streams.collect()
}

/// Whether there is a journal with a whole row that has events.
fn has_events(home: &Path) -> bool {
    journals(home).iter().any(|path| {
        let rows = fs::read_to_string(path).unwrap_or_default();
        let mut rows = rows.split_inclusive('\n');
        rows.any(|row| row.ends_with('\n') && row.contains("output_text.delta"))
    })
}

/// Answers a request with events without end.
fn serve(mut stream: TcpStream, pace: Option<Duration>) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    head(&mut stream)?;
    stream.write_all(
        b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n",
    )?;
    for number in 0_u64.. {
        let event = format!(
            "event: response.output_text.delta\ndata: {{\"type\":\"response.output_text.delta\",\"sequence_number\":{number},\"delta\":\"word {number}\"}}\n\n"
        );
        stream.write_all(event.as_bytes())?;
        if let Some(pace) = pace {
            thread::sleep(pace);
        }
    }
    Ok(())
}

/// Reads an answer until codextap is gone; gives its body.
fn read(proxy: SocketAddr, client: usize, counts: &Sender<usize>) -> Vec<u8> {
    let mut stream = TcpStream::connect(proxy).unwrap();
    let target = target(client);
    let request = format!(
        "POST {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{{}}"
    );
    stream.write_all(request.as_bytes()).unwrap();
    if head(&mut stream).is_err() {
        return Vec::new();
    }
    let (mut body, mut chunk) = (Vec::new(), vec![0; 16 << 10]);
    loop {
        match stream.read(&mut chunk) {
            // A program that is killed resets what it has not read.
            Ok(0) | Err(_) => return body,
            Ok(count) => {
                body.extend_from_slice(&chunk[..count]);
                // Nobody counts any more once enough was received.
                let _ = counts.send(count);
            }
        }
    }
}

/// Reads a head, byte by byte.
fn head(stream: &mut TcpStream) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    Ok(())
}

fn target(client: usize) -> String {
    format!("/v1/responses?client={client}")
}
