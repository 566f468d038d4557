//! Captures as flows again: every line that can be read is, and every other one is named.
//!
//! Lines stand in the order in which flows ended, a connection's after those of its turns. A
//! [`Reader`] takes any number of files and then puts all flows in the order in which they began.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use super::Error;
use super::decode::{Entry, entry};
use crate::flow::{FlowId, FlowKind, Store};
use crate::tap::At;

/// What captures held.
#[derive(Default, Debug)]
pub struct Loaded {
    /// The flows, in the order in which they began.
    pub store: Store,
    /// The lines that could not be read.
    pub skipped: Vec<Skipped>,
}

/// A line that could not be read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Skipped {
    /// The file, as it was named.
    pub file: String,
    /// The line's number, from 1.
    pub line: u64,
    /// What is wrong with it, in a few words.
    pub why: String,
}

impl std::fmt::Display for Skipped {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}: {}", self.file, self.line, self.why)
    }
}

/// Reads one capture.
///
/// # Errors
/// [`Error::Read`] when the file cannot be opened or read; never for what its lines hold.
pub fn load(path: &Path) -> Result<Loaded, Error> {
    let mut reader = Reader::default();
    reader.file(path)?;
    Ok(reader.finish())
}

/// Reads captures: call [`Reader::file`] or [`Reader::lines`] for each, then [`Reader::finish`].
#[derive(Default)]
pub struct Reader {
    entries: Vec<Entry>,
    /// Names of the flows read so far: a flow that stands in two files is taken once.
    names: HashSet<String>,
    skipped: Vec<Skipped>,
}

impl Reader {
    /// Reads a file.
    ///
    /// # Errors
    /// [`Error::Read`] when it cannot be opened or read; never for what its lines hold.
    pub fn file(&mut self, path: &Path) -> Result<(), Error> {
        let failed = |source| Error::Read {
            path: path.to_owned(),
            source,
        };
        let file = File::open(path).map_err(failed)?;
        let source = BufReader::with_capacity(BUFFER, file);
        self.lines(&path.display().to_string(), source)
            .map_err(failed)
    }

    /// Reads lines from anything; `file` is what to call it where a line is skipped.
    ///
    /// # Errors
    /// What reading `source` gives.
    pub fn lines(&mut self, file: &str, source: impl BufRead) -> io::Result<()> {
        for line in Lines::new(source) {
            let line = line?;
            if let Err(why) = self.line(&line) {
                self.skipped.push(Skipped {
                    file: file.to_owned(),
                    line: line.number,
                    why,
                });
            }
        }
        Ok(())
    }

    fn line(&mut self, line: &Line) -> Result<(), String> {
        if line.is_too_long {
            return Err(format!("longer than {} MiB", MAX_LINE >> 20));
        }
        if line.bytes.trim_ascii().is_empty() {
            return Ok(());
        }
        let entry = entry(&line.bytes).map_err(|why| {
            if line.is_torn {
                "torn: the file ends within this line".to_owned()
            } else {
                why
            }
        })?;
        if !self.names.insert(entry.flow.name.clone()) {
            return Err(format!("flow {} was read already", entry.flow.name));
        }
        self.entries.push(entry);
        Ok(())
    }

    /// All flows, in the order in which they began, and the lines that were skipped.
    #[must_use]
    pub fn finish(mut self) -> Loaded {
        self.add_missing_connections();
        let starts: HashMap<String, At> = self
            .entries
            .iter()
            .filter(|entry| entry.flow.kind == FlowKind::Ws)
            .map(|entry| (entry.flow.name.clone(), entry.flow.started))
            .collect();
        // A turn never comes before its connection, whatever the clocks of its line say.
        self.entries
            .sort_by_cached_key(|Entry { flow, connection }| {
                let opened = connection
                    .as_ref()
                    .and_then(|name| starts.get(name).copied());
                let number = match flow.kind {
                    FlowKind::Http | FlowKind::Ws => 0,
                    FlowKind::WsTurn { number, .. } => number.max(1),
                };
                (opened.max(Some(flow.started)), number)
            });
        let mut store = Store::default();
        let mut ids: HashMap<String, FlowId> = HashMap::new();
        for Entry {
            mut flow,
            connection,
        } in self.entries
        {
            if let FlowKind::WsTurn { connection: id, .. } = &mut flow.kind
                && let Some(known) = connection.and_then(|name| ids.get(&name).copied())
            {
                *id = known;
            }
            let name = (flow.kind == FlowKind::Ws).then(|| flow.name.clone());
            let id = store.push(flow);
            if let Some(name) = name {
                ids.insert(name, id);
            }
        }
        Loaded {
            store,
            skipped: self.skipped,
        }
    }

    /// Turns whose connection's line is missing (it had not ended, or was not saved) get one with
    /// what the turns know of it: the handshake.
    fn add_missing_connections(&mut self) {
        let mut known: HashSet<String> = self
            .entries
            .iter()
            .filter(|entry| entry.flow.kind == FlowKind::Ws)
            .map(|entry| entry.flow.name.clone())
            .collect();
        let mut missing = Vec::new();
        let mut turns: Vec<&Entry> = self.entries.iter().collect();
        turns.sort_by_key(|entry| entry.flow.started);
        for turn in turns {
            let Some(name) = &turn.connection else {
                continue;
            };
            if known.insert(name.clone()) {
                missing.push(turn.connection_of_its_own(name));
            }
        }
        self.entries.extend(missing);
    }
}

impl Entry {
    /// The connection called `name`, as far as this turn tells.
    fn connection_of_its_own(&self, name: &str) -> Self {
        let mut flow = self.flow.clone();
        name.clone_into(&mut flow.name);
        flow.kind = FlowKind::Ws;
        flow.request.body = crate::flow::Body::default();
        flow.response.body = crate::flow::Body::default();
        flow.frames.clear();
        flow.turn = None;
        flow.failures.clear();
        flow.faults.clear();
        flow.model = None;
        flow.is_warm_up = false;
        flow.read_heads();
        flow.gist.push_str(" (connection not saved)");
        Self {
            flow,
            connection: None,
        }
    }
}

/// A line of a file, whatever it holds.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Line {
    /// Its number, from 1.
    pub number: u64,
    /// Where it begins, in bytes from the start of the file.
    pub offset: u64,
    /// Its bytes without the line break; cut off when it is too long.
    pub bytes: Vec<u8>,
    /// Whether the file ends without a line break after it.
    pub is_torn: bool,
    /// Whether it is longer than a line may be.
    pub is_too_long: bool,
}

/// The lines of a file, one at a time.
#[derive(Debug)]
pub struct Lines<R> {
    source: R,
    number: u64,
    offset: u64,
}

impl<R: BufRead> Lines<R> {
    /// The lines that `source` gives from here on.
    pub fn new(source: R) -> Self {
        Self {
            source,
            number: 0,
            offset: 0,
        }
    }

    fn line(&mut self) -> io::Result<Option<Line>> {
        let mut bytes = Vec::new();
        let mut read = (&mut self.source)
            .take(MAX_LINE)
            .read_until(b'\n', &mut bytes)? as u64;
        if read == 0 {
            return Ok(None);
        }
        let is_whole = bytes.pop_if(|byte| *byte == b'\n').is_some();
        let is_too_long = !is_whole && read == MAX_LINE;
        if is_too_long {
            bytes.truncate(KEPT);
            read += self.source.skip_until(b'\n')? as u64;
        }
        let offset = self.offset;
        self.number += 1;
        self.offset += read;
        Ok(Some(Line {
            number: self.number,
            offset,
            bytes,
            is_torn: !is_whole && !is_too_long,
            is_too_long,
        }))
    }
}

impl<R: BufRead> Iterator for Lines<R> {
    type Item = io::Result<Line>;

    fn next(&mut self) -> Option<Self::Item> {
        self.line().transpose()
    }
}

/// The longest line that is read, so that a file that is no capture cannot fill the memory.
const MAX_LINE: u64 = 1 << 30;

/// What is kept of a longer one.
const KEPT: usize = 256;

/// How much of a file is read at once.
const BUFFER: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_named_after_its_beginning() {
        let at = At::from_micros(1_749_988_800_000_005);
        assert_eq!(crate::capture::file_name(at), "2025-06-15T12-00-00Z.jsonl");
    }

    #[test]
    fn lines_know_their_number_and_place() {
        let lines: Vec<Line> = Lines::new(&b"ab\n\nc\nto"[..])
            .map(Result::unwrap)
            .collect();
        let places: Vec<_> = lines
            .iter()
            .map(|line| (line.number, line.offset))
            .collect();
        assert_eq!(places, [(1, 0), (2, 3), (3, 4), (4, 6)]);
        assert_eq!(lines[3].bytes, b"to");
        assert_eq!(
            lines.iter().map(|line| line.is_torn).collect::<Vec<_>>(),
            [false, false, false, true]
        );
    }

    #[test]
    fn every_skipped_line_is_named_with_its_reason() {
        let file = "{\"v\":1,\"kind\":\"http\"}\n\nhello\n[1]\n{\"v\":9,\"kind\":\"x\"}\n\
                    {\"event\":\"message\"}\n{\"v\":1,\"ki";
        let mut reader = Reader::default();
        reader.lines("f", file.as_bytes()).unwrap();
        let loaded = reader.finish();
        assert!(loaded.store.flows().is_empty());
        let skipped: Vec<String> = loaded.skipped.iter().map(ToString::to_string).collect();
        let expected = [
            "f:1: missing field",
            "f:3: not JSON",
            "f:4: JSON, but not a flow",
            "f:5: version 9 of the format",
            "f:6: JSON, but not a flow",
            "f:7: torn",
        ];
        assert_eq!(skipped.len(), expected.len(), "{skipped:#?}");
        for (skipped, expected) in skipped.iter().zip(expected) {
            assert!(skipped.starts_with(expected), "{skipped} / {expected}");
        }
    }
}
