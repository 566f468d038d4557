//! What codextap recorded, held against what the suite says it sent and received.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};

use ring::digest::{Context, Digest, SHA256};
use serde::Deserialize;

use crate::case::Case;

/// A connection's line, without its messages.
pub(crate) struct Recorded {
    /// Frames by opcode, sent and received.
    frames: [BTreeMap<u8, u64>; 2],
    /// The messages, sent and received.
    messages: [Digest; 2],
    /// The code of the server's close frame.
    server_code: Option<u16>,
    /// Rows that are no frames.
    gaps: usize,
    /// What was said to be wrong in the client's frames, and in the server's.
    faults: [Vec<String>; 2],
    /// Bytes are not kept.
    is_cut: bool,
    /// Lines with this key; one.
    lines: usize,
}

#[derive(Deserialize)]
struct Line<'a> {
    request: Message,
    response: Answer,
    #[serde(default)]
    faults: Vec<Fault>,
    #[serde(borrow)]
    frames: Vec<Frame<'a>>,
}

#[derive(Deserialize)]
struct Message {
    headers: Vec<Vec<String>>,
    #[serde(default)]
    missed: u64,
}

#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    missed: u64,
}

#[derive(Deserialize)]
struct Fault {
    dir: Dir,
    message: String,
}

#[derive(Deserialize)]
struct Frame<'a> {
    dir: Dir,
    op: &'a str,
    #[serde(borrow)]
    text: Option<Cow<'a, str>>,
    #[serde(borrow)]
    base64: Option<Cow<'a, str>>,
    #[serde(default = "yes")]
    fin: bool,
    code: Option<u16>,
    opcode: Option<u8>,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "snake_case")]
enum Dir {
    Out,
    In,
}

/// Reads a capture to its end: the connections by their `Sec-WebSocket-Key`, and how many lines
/// were nothing of the kind.
pub(crate) fn read(capture: impl Read) -> (BTreeMap<String, Recorded>, usize) {
    let mut input = BufReader::with_capacity(1 << 20, capture);
    let mut bytes = Vec::new();
    let mut all: BTreeMap<String, Recorded> = BTreeMap::new();
    let mut others = 0;
    while input.read_until(b'\n', &mut bytes).unwrap() > 0 {
        let line = bytes.strip_suffix(b"\n");
        let line = line.and_then(|line| std::str::from_utf8(line).ok());
        match line.and_then(Recorded::of) {
            Some((key, recorded)) => {
                all.entry(key)
                    .and_modify(|other| other.lines += 1)
                    .or_insert(recorded);
            }
            None => others += 1,
        }
        bytes.clear();
    }
    (all, others)
}

impl Recorded {
    /// The connection that a line is about.
    fn of(line: &str) -> Option<(String, Self)> {
        let line: Line<'_> = serde_json::from_str(line).ok()?;
        let mut headers = line.request.headers.into_iter();
        let key = headers.find(|header| header[0].eq_ignore_ascii_case("sec-websocket-key"))?;
        let mut recorded = Self {
            frames: Default::default(),
            messages: [Context::new(&SHA256), Context::new(&SHA256)].map(Context::finish),
            server_code: None,
            gaps: 0,
            faults: Default::default(),
            is_cut: line.request.missed + line.response.missed > 0,
            lines: 1,
        };
        let mut messages = [Context::new(&SHA256), Context::new(&SHA256)];
        for frame in line.frames {
            let opcode = match frame.op {
                "continuation" => 0,
                "text" => 1,
                "binary" => 2,
                "close" => 8,
                "ping" => 9,
                "pong" => 10,
                "reserved" => frame.opcode?,
                _ => {
                    recorded.gaps += 1;
                    continue;
                }
            };
            let dir = frame.dir as usize;
            *recorded.frames[dir].entry(opcode).or_default() += 1;
            if opcode == 8 && matches!(frame.dir, Dir::In) {
                recorded.server_code = recorded.server_code.or(frame.code);
            }
            if opcode <= 2 && frame.fin {
                for part in [frame.text, frame.base64] {
                    let part = part.as_deref().unwrap_or_default();
                    messages[dir].update(&(part.len() as u64).to_be_bytes());
                    messages[dir].update(part.as_bytes());
                }
            }
        }
        recorded.messages = messages.map(Context::finish);
        for fault in line.faults {
            recorded.faults[fault.dir as usize].push(fault.message);
        }
        Some((key.get(1)?.clone(), recorded))
    }

    /// In what the capture says something else than the suite.
    pub(crate) fn wrongs(&self, case: &Case) -> Vec<String> {
        let mut wrongs = Vec::new();
        if self.lines != 1 {
            wrongs.push(format!("{} lines", self.lines));
        }
        if self.server_code != case.server_code {
            let (ours, theirs) = (self.server_code, case.server_code);
            wrongs.push(format!("close code {ours:?} for {theirs:?}"));
        }
        if self.is_cut {
            return wrongs;
        }
        let [of_client, of_server] = &self.faults;
        if !of_server.is_empty() {
            wrongs.push(format!("faults of the server: {of_server:?}"));
        }
        // A server ignores what comes behind a close frame (RFC 6455 §5.5.1).
        let is_late = of_client.iter().all(|fault| fault == LATE) && !of_client.is_empty();
        if case.is_failed() == (of_client.is_empty() || is_late) {
            let code = case.server_code;
            wrongs.push(format!("close code {code:?}, faults {of_client:?}"));
        }
        let whose = [
            ("client", &self.frames[0], &case.frames[0]),
            ("server", &self.frames[1], &case.frames[1]),
        ];
        // What the client says to a server that has failed the connection may not get to anybody.
        for (who, ours, theirs) in &whose[usize::from(case.is_failed())..] {
            if ours != theirs {
                wrongs.push(format!(
                    "frames of the {who} by opcode: {ours:?} for {theirs:?}"
                ));
            }
        }
        if case.is_failed() || is_late {
            return wrongs;
        }
        if self.gaps > 0 {
            wrongs.push(format!("{} rows that are no frames", self.gaps));
        }
        let [sent, received] = &self.messages;
        if sent.as_ref() != received.as_ref() {
            wrongs.push("the messages that came back are others than those sent".to_owned());
        }
        wrongs
    }
}

/// What the capture says of frames behind a close frame.
const LATE: &str = "data after the close frame";

fn yes() -> bool {
    true
}
