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
use codextap::wire::deflate::Parameters;
use codextap::wire::websocket::{Decoder, Event};
use flate2::{Compress, Compression, FlushCompress};
use serde_json::Value;

/// What the clients get.
#[derive(Clone, Copy)]
pub(crate) struct Load {
    pub(crate) clients: usize,
    pub(crate) protocol: Protocol,
    /// How long each event comes after the one before; `None` as fast as it goes.
    pub(crate) pace: Option<Duration>,
}

/// How events reach a client.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Protocol {
    /// As server-sent events.
    Events,
    /// As messages of a WebSocket, in many turns.
    Socket { is_deflated: bool },
}

/// What became of what a client received, in bytes of the body or of the messages.
pub(crate) struct Stream {
    pub(crate) received: usize,
    pub(crate) recovered: usize,
}

/// Lets clients read events until they have `bytes` in all, and, if `is_journalled`, some of
/// them are in the journal; kills the program, and recovers. Gives what became of each client's answer.
///
/// # Panics
/// If a line cannot be read, a flow is there twice, or what is in it is not what was sent.
pub(crate) fn round(home: &Path, load: Load, bytes: usize, is_journalled: bool) -> Vec<Stream> {
    let capture = home.join("capture.jsonl");
    let upstream = TcpListener::bind("127.0.0.1:0").unwrap();
    let origin = format!("http://{}", upstream.local_addr().unwrap());
    thread::spawn(move || {
        for stream in upstream.incoming().map_while(Result::ok) {
            // It goes on until codextap is gone.
            thread::spawn(move || serve(stream, load).ok());
        }
    });
    let (mut child, proxy) = listening::record(home, &origin);
    let (counts, received) = channel();
    let clients: Vec<JoinHandle<Vec<u8>>> = (0..load.clients)
        .map(|client| {
            let counts = counts.clone();
            thread::spawn(move || read(proxy, load.protocol, client, &counts))
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
    let is_empty = received.iter().all(Vec::is_empty);
    assert!(opened.status.success() || is_empty, "{opened:?}");
    let left = journals(&capture, &[]);
    assert!(left.is_empty(), "{left:?} {opened:?}");
    let recorded = recorded(&capture);
    let streams = received.iter().enumerate().map(|(client, received)| {
        let received = content(load.protocol, received);
        let recovered = recorded.get(&target(client)).map_or("", String::as_str);
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

/// What a capture has of each client's answer, by the path of its request.
fn recorded(capture: &Path) -> BTreeMap<String, String> {
    let text = fs::read_to_string(capture).unwrap();
    assert!(text.is_empty() || text.ends_with('\n'));
    let mut flows: BTreeMap<(String, u64), String> = BTreeMap::new();
    let mut ids = Vec::new();
    for line in text.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        ids.push(line["id"].as_str().unwrap().to_owned());
        let is_turn = line["kind"] == "ws_turn";
        // Turns that ended have their lines already.
        assert!(line["recovered"] == true || is_turn, "{line}");
        let body = line["response"]["body"].as_str().unwrap_or_default();
        let frames = line["frames"].as_array().into_iter().flatten();
        let messages = frames.filter(|frame| frame["dir"] == "in");
        let mut texts: String = messages.filter_map(|it| it["text"].as_str()).collect();
        texts.push_str(body);
        let path = line["request"]["path"].as_str().unwrap_or_default();
        let key = (path.to_owned(), line["number"].as_u64().unwrap_or_default());
        let before = flows.insert(key, texts);
        assert!(before.is_none(), "{path} is there twice");
    }
    let count = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), count, "a flow is there twice");
    let mut recorded: BTreeMap<String, String> = BTreeMap::new();
    for ((path, _), text) in flows {
        recorded.entry(path).or_default().push_str(&text);
    }
    recorded
}

/// What a client can make of what it received.
fn content(protocol: Protocol, received: &[u8]) -> Vec<u8> {
    let Protocol::Socket { is_deflated } = protocol else {
        return received.to_vec();
    };
    let mut decoder = Decoder::new(false, is_deflated.then(Parameters::default));
    decoder.push(received);
    decoder.finish();
    let mut texts = Vec::new();
    while let Some(event) = decoder.next() {
        if let Event::Frame(frame) = event {
            texts.extend(frame.message.into_iter().flat_map(|message| message.data));
        }
    }
    texts
}

/// Whether there is a journal with a whole row that has events.
fn has_events(home: &Path) -> bool {
    journals(home, &[]).iter().any(|path| {
        let rows = fs::read_to_string(path).unwrap_or_default();
        let mut rows = rows.split_inclusive('\n');
        rows.any(|row| row.ends_with('\n') && row.contains("output_text.delta"))
    })
}

/// Answers a request with events without end.
fn serve(mut stream: TcpStream, load: Load) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    head(&mut stream)?;
    let mut compressor = None;
    match load.protocol {
        Protocol::Events => stream.write_all(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n",
        )?,
        Protocol::Socket { is_deflated } => {
            let extensions = if is_deflated {
                compressor = Some(Compress::new(Compression::default(), false));
                "Sec-WebSocket-Extensions: permessage-deflate\r\n"
            } else {
                ""
            };
            let answer = format!(
                "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n{extensions}\r\n"
            );
            stream.write_all(answer.as_bytes())?;
            // It answers the first request for a turn; what else is asked it need not know.
            stream.read_exact(&mut [0; 8])?;
            let mut rest = stream.try_clone()?;
            thread::spawn(move || std::io::copy(&mut rest, &mut std::io::sink()));
        }
    }
    for number in 0_u64.. {
        let json = format!(
            "{{\"type\":\"response.output_text.delta\",\"sequence_number\":{number},\"delta\":\"word {number}\"}}"
        );
        let event = match (load.protocol, &mut compressor) {
            (Protocol::Events, _) => {
                format!("event: response.output_text.delta\ndata: {json}\n\n").into_bytes()
            }
            (_, None) => frame(0x81, 0, json.as_bytes()),
            (_, Some(compressor)) => {
                let mut deflated = Vec::with_capacity(json.len() + 64);
                let flush = FlushCompress::Sync;
                compressor.compress_vec(json.as_bytes(), &mut deflated, flush)?;
                // RFC 7692 §7.2.1: the last four bytes are not sent.
                frame(0xc1, 0, &deflated[..deflated.len() - 4])
            }
        };
        stream.write_all(&event)?;
        if let Some(pace) = load.pace {
            thread::sleep(pace);
        }
    }
    Ok(())
}

/// A frame (RFC 6455 §5.2) with a short payload; `mask` is 0x80 for a client, whose mask is zero here.
fn frame(first: u8, mask: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first];
    match u16::try_from(payload.len()).unwrap() {
        len @ ..=125 => frame.push(mask | len as u8),
        len => {
            frame.push(mask | 0x7e);
            frame.extend(len.to_be_bytes());
        }
    }
    frame.extend(vec![0; usize::from(mask >> 7) * 4]);
    frame.extend_from_slice(payload);
    frame
}

/// Reads an answer until codextap is gone; gives what came behind its head.
fn read(proxy: SocketAddr, protocol: Protocol, client: usize, counts: &Sender<usize>) -> Vec<u8> {
    let mut stream = TcpStream::connect(proxy).unwrap();
    let target = target(client);
    let request = match protocol {
        Protocol::Events => format!(
            "POST {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{{}}"
        ),
        Protocol::Socket { .. } => format!(
            "GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
        ),
    };
    stream.write_all(request.as_bytes()).unwrap();
    if head(&mut stream).is_err() {
        return Vec::new();
    }
    let (mut body, mut chunk) = (Vec::new(), vec![0; 16 << 10]);
    let mut turns = 0;
    loop {
        if protocol != Protocol::Events && body.len() >= turns * TURN {
            turns += 1;
            let create = br#"{"type":"response.create","model":"m","input":"hi"}"#;
            // One that is killed takes no more.
            let _ = stream.write_all(&frame(0x81, 0x80, create));
        }
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

/// After how many bytes of a WebSocket a client asks for the next turn.
const TURN: usize = 8 << 10;
