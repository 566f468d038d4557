//! Requests and answers as Codex and its upstream send them, byte by byte.

use std::io::Write as _;

use flate2::write::GzEncoder;
use flate2::{Compress, Compression, FlushCompress};

use crate::plan::{Exchange, Kind, Pace, Round};
use crate::random::Random;

/// JSON both ways.
pub(crate) fn json(id: u64, host: &str, random: &mut Random) -> Exchange {
    let status = if random.chance(15) {
        random.one(&[401, 404, 429, 500, 503])
    } else {
        200
    };
    let sent = format!("{{\"id\":{id},\"input\":\"{}\"}}", words(random, &SIZES));
    let received = format!("{{\"id\":{id},\"output\":\"{}\"}}", words(random, &SIZES));
    let (up, sent) = request("POST", "/v1/items", id, host, sent.into_bytes(), random);
    let (down, received, closes) =
        answer(status, "application/json", received.into_bytes(), random);
    Exchange {
        rounds: vec![Round { up, down }],
        bodies: [sent, received],
        status,
        closes,
        ..blank(id, Kind::Json)
    }
}

/// A model response as an event stream.
pub(crate) fn events(id: u64, host: &str, random: &mut Random) -> Exchange {
    let input = words(random, &[300, 3000, 30_000]);
    let sent = format!("{{\"model\":\"gpt-5\",\"stream\":true,\"input\":\"{input}\"}}");
    let mut stream = String::new();
    let events = response(id, random);
    for (name, event) in &events {
        stream.push_str(&format!("event: {name}\ndata: {event}\n\n"));
    }
    let (up, sent) = request("POST", "/v1/responses", id, host, sent.into_bytes(), random);
    let (down, received, closes) = answer(200, "text/event-stream", stream.into_bytes(), random);
    Exchange {
        rounds: vec![Round { up, down }],
        bodies: [sent, received],
        status: 200,
        messages: [0, events.len() as u64],
        closes,
        ..blank(id, Kind::Events)
    }
}

/// Model responses on a WebSocket, compressed in both directions, pings between them.
pub(crate) fn socket(id: u64, host: &str, random: &mut Random) -> Exchange {
    let mut exchange = Exchange {
        status: 101,
        closes: true,
        ..blank(id, Kind::Socket)
    };
    exchange.rounds.push(Round {
        up: upgrade(id, host),
        down: b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
            Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n"
            .to_vec(),
    });
    let mut deflate = [(); 2].map(|()| Compress::new(Compression::fast(), false));
    exchange.turns = 1 + random.below(4) as u64;
    for turn in 0..exchange.turns {
        let mut round = Round::default();
        let ask = format!(
            "{{\"type\":\"response.create\",\"model\":\"gpt-5\",\"input\":\"{}\"}}",
            words(random, &[100, 3000])
        );
        frame(
            &mut round.up,
            0x41,
            &deflated(&mut deflate[0], &ask),
            Some([7, turn as u8, 0, 255]),
        );
        exchange.messages[0] += 1;
        for (_, event) in response(id, random) {
            frame(
                &mut round.down,
                0x41,
                &deflated(&mut deflate[1], &event),
                None,
            );
            exchange.messages[1] += 1;
        }
        exchange.rounds.push(round);
        if random.chance(30) {
            let mut round = Round::default();
            frame(&mut round.up, 0x9, b"are you there", Some([1, 2, 3, 4]));
            frame(&mut round.down, 0xA, b"are you there", None);
            exchange.rounds.push(round);
        }
    }
    let mut round = Round::default();
    frame(
        &mut round.up,
        0x8,
        &1000_u16.to_be_bytes(),
        Some([9, 9, 9, 9]),
    );
    frame(&mut round.down, 0x8, &1000_u16.to_be_bytes(), None);
    exchange.rounds.push(round);
    exchange
}

/// An upgrade that the upstream refuses.
pub(crate) fn refused(id: u64, host: &str, random: &mut Random) -> Exchange {
    let status = random.one(&[200, 401, 403, 426, 503]);
    let text = format!("{{\"error\":\"{}\"}}", words(random, &[20, 2000]));
    let (down, received, closes) = answer(status, "application/json", text.into_bytes(), random);
    Exchange {
        rounds: vec![Round {
            up: upgrade(id, host),
            down,
        }],
        bodies: [Vec::new(), received],
        status,
        closes,
        ..blank(id, Kind::Refused)
    }
}

fn blank(id: u64, kind: Kind) -> Exchange {
    Exchange {
        id,
        kind,
        rounds: Vec::new(),
        bodies: Default::default(),
        status: 0,
        messages: [0; 2],
        turns: 0,
        closes: false,
        fault: None,
        paces: [Pace::Fast; 2],
    }
}

/// The events of one model response.
fn response(id: u64, random: &mut Random) -> Vec<(&'static str, String)> {
    let created = format!(
        "{{\"type\":\"response.created\",\"response\":{{\"id\":\"resp_{id}\",\"status\":\"in_progress\"}}}}"
    );
    let mut events = vec![("response.created", created)];
    for number in 0..random.one(&[1, 10, 30, 200]) {
        let delta = random.words(20);
        let event = format!(
            "{{\"type\":\"response.output_text.delta\",\"sequence_number\":{number},\"item_id\":\"msg_{id}\",\
             \"output_index\":0,\"content_index\":0,\"delta\":\"{delta}\"}}"
        );
        events.push(("response.output_text.delta", event));
    }
    let completed = format!(
        "{{\"type\":\"response.completed\",\"response\":{{\"id\":\"resp_{id}\",\"status\":\"completed\",\"output\":[],\
         \"usage\":{{\"input_tokens\":10,\"output_tokens\":20,\"total_tokens\":30}}}}}}"
    );
    events.push(("response.completed", completed));
    events
}

fn upgrade(id: u64, host: &str) -> Vec<u8> {
    format!(
        "GET /v1/responses HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nX-Soak: {id}\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\
         Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n"
    )
    .into_bytes()
}

/// A request with its body, which is given back as it is on the wire.
fn request(
    method: &str,
    path: &str,
    id: u64,
    host: &str,
    body: Vec<u8>,
    random: &mut Random,
) -> (Vec<u8>, Vec<u8>) {
    let mut head = format!(
        "{method} {path} HTTP/1.1\r\nHost: {host}\r\nX-Soak: {id}\r\nContent-Type: application/json\r\n"
    );
    let body = coded(body, &mut head, random);
    let is_chunked = random.chance(30);
    (framed(head, &body, is_chunked, random), body)
}

/// An answer with its body, which is given back as it is on the wire, and whether it ends with the connection.
fn answer(
    status: u16,
    media: &str,
    body: Vec<u8>,
    random: &mut Random,
) -> (Vec<u8>, Vec<u8>, bool) {
    let mut head = format!("HTTP/1.1 {status} Soaked\r\nContent-Type: {media}\r\n");
    let body = coded(body, &mut head, random);
    match random.below(10) {
        0 => {
            head.push_str("\r\n");
            ([head.as_bytes(), &body].concat(), body, true)
        }
        1..5 => (framed(head, &body, false, random), body, false),
        _ => (framed(head, &body, true, random), body, false),
    }
}

/// Compresses some bodies.
fn coded(body: Vec<u8>, head: &mut String, random: &mut Random) -> Vec<u8> {
    let (name, coded) = match random.below(10) {
        0 => {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
            encoder.write_all(&body).unwrap();
            ("gzip", encoder.finish().unwrap())
        }
        1 => ("zstd", zstd::bulk::compress(&body, 1).unwrap()),
        _ => return body,
    };
    head.push_str(&format!("Content-Encoding: {name}\r\n"));
    coded
}

/// Head and body with a length or in chunks.
fn framed(mut head: String, body: &[u8], is_chunked: bool, random: &mut Random) -> Vec<u8> {
    if !is_chunked {
        head.push_str(&format!("Content-Length: {}\r\n\r\n", body.len()));
        return [head.as_bytes(), body].concat();
    }
    head.push_str("Transfer-Encoding: chunked\r\n\r\n");
    let mut bytes = head.into_bytes();
    let mut rest = body;
    while !rest.is_empty() {
        let (chunk, more) = rest.split_at((1 + random.below(8000)).min(rest.len()));
        write!(bytes, "{:x}\r\n", chunk.len()).unwrap();
        bytes.extend_from_slice(chunk);
        bytes.extend_from_slice(b"\r\n");
        rest = more;
    }
    let end: &[u8] = if random.chance(20) {
        b"0\r\nX-Trailer: 1\r\n\r\n"
    } else {
        b"0\r\n\r\n"
    };
    bytes.extend_from_slice(end);
    bytes
}

/// Appends a whole WebSocket frame; `first` has the opcode and the bit of compression.
fn frame(out: &mut Vec<u8>, first: u8, payload: &[u8], mask: Option<[u8; 4]>) {
    let bit = if mask.is_some() { 0x80 } else { 0 };
    out.push(0x80 | first);
    match payload.len() {
        len @ ..126 => out.push(bit | len as u8),
        len @ 126..=0xFFFF => {
            out.push(bit | 126);
            out.extend_from_slice(&(len as u16).to_be_bytes());
        }
        len => {
            out.push(bit | 127);
            out.extend_from_slice(&(len as u64).to_be_bytes());
        }
    }
    let Some(mask) = mask else {
        out.extend_from_slice(payload);
        return;
    };
    out.extend_from_slice(&mask);
    out.extend(
        payload
            .iter()
            .zip(mask.iter().cycle())
            .map(|(byte, mask)| byte ^ mask),
    );
}

/// The payload of a compressed message (RFC 7692 §7.2.1).
fn deflated(deflate: &mut Compress, text: &str) -> Vec<u8> {
    let mut payload = Vec::with_capacity(text.len() + 64);
    deflate
        .compress_vec(text.as_bytes(), &mut payload, FlushCompress::Sync)
        .unwrap();
    assert!(payload.ends_with(&[0, 0, 0xFF, 0xFF]));
    payload.truncate(payload.len() - 4);
    payload
}

/// Puts fields at the end of a head.
pub(crate) fn insert_field(message: &mut Vec<u8>, lines: &str) {
    let at = head_length(message) - 2;
    message.splice(at..at, lines.bytes());
}

/// The length of a head, its empty line included.
pub(crate) fn head_length(message: &[u8]) -> usize {
    memchr::memmem::find(message, b"\r\n\r\n").unwrap() + 4
}

/// Words of about one of these lengths; seldom very many.
fn words(random: &mut Random, sizes: &[usize]) -> String {
    let size = if random.chance(1) {
        1 << 20
    } else {
        random.one(sizes)
    };
    let size = random.below(size);
    random.words(size)
}

const SIZES: [usize; 4] = [10, 500, 5000, 40_000];
