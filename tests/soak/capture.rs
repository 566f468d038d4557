//! The capture, held against what was sent.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use ring::digest::{SHA256, digest};
use serde::Deserialize;

use crate::ledger::Counters;
use crate::plan::{Arrival, Exchange, Kind};

/// What the capture has.
pub(crate) struct Recorded {
    pub(crate) lines: u64,
    pub(crate) bytes: u64,
    /// Undisturbed exchanges; `bytes` stays 0.
    pub(crate) counters: Counters,
    pub(crate) wrongs: Vec<String>,
}

#[derive(Deserialize)]
struct Line<'a> {
    kind: &'a str,
    request: Message,
    response: Option<Message>,
    #[serde(default)]
    failures: Vec<serde_json::Value>,
    #[serde(default)]
    faults: Vec<serde_json::Value>,
    #[serde(borrow, default)]
    frames: Vec<Frame<'a>>,
}

#[derive(Deserialize)]
struct Message {
    status: Option<u16>,
    headers: Vec<Vec<String>>,
    wire: u64,
    sha256: Option<String>,
    complete: bool,
    #[serde(default)]
    missed: u64,
    #[serde(default)]
    events: Vec<serde::de::IgnoredAny>,
}

#[derive(Deserialize)]
struct Frame<'a> {
    op: &'a str,
}

/// Which lines there are of an exchange.
#[derive(Clone, Copy, Default)]
struct Seen {
    flows: u8,
    turns: u8,
    messages: u32,
}

/// Reads the capture of `sent` exchanges, numbered from 0.
pub(crate) fn read(path: &Path, seed: u64, sent: u64, host: &str) -> Recorded {
    let mut input = BufReader::with_capacity(1 << 20, File::open(path).unwrap());
    let mut recorded = Recorded {
        lines: 0,
        bytes: 0,
        counters: Counters::default(),
        wrongs: Vec::new(),
    };
    let mut seen = vec![Seen::default(); sent as usize];
    let mut text = Vec::new();
    while input.read_until(b'\n', &mut text).unwrap() > 0 {
        recorded.lines += 1;
        recorded.bytes += text.len() as u64;
        let line = std::str::from_utf8(&text)
            .ok()
            .filter(|line| line.ends_with('\n'));
        let line = line.and_then(|line| serde_json::from_str::<Line<'_>>(line).ok());
        match line.and_then(|line| Some((line.id()?, line))) {
            Some((id, line)) if id < sent => {
                let exchange = Exchange::new(seed, id, host);
                if let Err(wrong) = recorded.line(&exchange, &line, &mut seen[id as usize]) {
                    recorded.wrongs.push(format!(
                        "capture: #{id} {:?} {:?}: {wrong}",
                        exchange.kind, exchange.fault
                    ));
                }
            }
            _ => recorded
                .wrongs
                .push(format!("capture: line {} is none of ours", recorded.lines)),
        }
        text.clear();
    }
    for (id, seen) in seen.iter().enumerate() {
        let exchange = Exchange::new(seed, id as u64, host);
        let fits = match exchange.arrival()[1] {
            Arrival::Once => seen.flows == 1,
            Arrival::Perhaps => seen.flows <= 1,
            Arrival::Never => seen.flows == 0,
        };
        let is_sound = exchange.fault.is_none();
        let is_told = !is_sound || u64::from(seen.turns) == exchange.turns;
        let messages: u64 = exchange.messages.iter().sum();
        let is_heard =
            exchange.kind != Kind::Socket || !is_sound || u64::from(seen.messages) == messages;
        if !fits || !is_told || !is_heard {
            let (flows, turns) = (seen.flows, seen.turns);
            recorded.wrongs.push(format!(
                "capture: #{id} {:?} {:?}: {flows} flows, {turns} turns, {} messages of {messages}",
                exchange.kind, exchange.fault, seen.messages
            ));
        }
    }
    recorded
}

impl Line<'_> {
    /// The number of its exchange.
    fn id(&self) -> Option<u64> {
        let field = self
            .request
            .headers
            .iter()
            .find(|field| field[0] == "X-Soak")?;
        field.get(1)?.parse().ok()
    }
}

impl Recorded {
    fn line(
        &mut self,
        exchange: &Exchange,
        line: &Line<'_>,
        seen: &mut Seen,
    ) -> Result<(), Cow<'static, str>> {
        let is_sound = exchange.fault.is_none();
        if line.kind == "ws_turn" {
            seen.turns += 1;
        } else {
            seen.flows += 1;
            self.counters.exchanges += u64::from(is_sound);
        }
        let messages = line
            .frames
            .iter()
            .filter(|frame| frame.op == "text")
            .count() as u64;
        seen.messages += messages as u32;
        let missed =
            line.request.missed + line.response.as_ref().map_or(0, |response| response.missed);
        if missed > 0 {
            return Err("bytes were missed".into());
        }
        if !is_sound {
            return Ok(());
        }
        self.counters.messages += messages;
        if !line.faults.is_empty() || !line.failures.is_empty() {
            return Err(format!("{:?} {:?}", line.failures, line.faults).into());
        }
        let response = line.response.as_ref().ok_or("no response")?;
        if response.status != Some(exchange.status) {
            return Err("another status".into());
        }
        if exchange.kind == Kind::Socket {
            return Ok(());
        }
        self.counters.events += response.events.len() as u64;
        self.counters.bodies[0] += line.request.wire;
        self.counters.bodies[1] += response.wire;
        for (message, body) in [&line.request, response].into_iter().zip(&exchange.bodies) {
            // A body of nothing has no digest.
            let is_same = message
                .sha256
                .as_ref()
                .is_none_or(|sha256| *sha256 == hex(body));
            if message.wire != body.len() as u64 || !is_same || !message.complete {
                return Err("other bodies than those sent".into());
            }
        }
        if response.events.len() as u64 != exchange.messages[1] {
            return Err("other events than those sent".into());
        }
        Ok(())
    }
}

/// The SHA-256 of a body.
fn hex(body: &[u8]) -> String {
    let mut text = String::with_capacity(64);
    for byte in digest(&SHA256, body).as_ref() {
        write!(text, "{byte:02x}").unwrap();
    }
    text
}
