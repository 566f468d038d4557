//! What a killed program has left: its journal, as flows of the capture beside which it stands.

use std::collections::{HashMap, HashSet};
use std::ffi::OsStr;
use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, ErrorKind};
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::decode::{Entry, row, skeleton};
use super::encode::line_on;
use super::journal::capture_of;
use super::payload;
use super::record::Text;
use super::row::{Part, Row, Span};
use super::{BACKLOG, Lines, Writer, torn};
use crate::flow::{Body, Flow, FlowKind, Frame, Op};
use crate::tap::{At, Direction, Failure, Phase};

/// What became of a journal.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Recovery {
    /// The program that writes it lives.
    InUse,
    /// It is gone, and so is the journal.
    Recovered {
        /// The capture that it stood beside.
        capture: PathBuf,
        /// How many flows were added to it; all others are in it already.
        flows: usize,
        /// Where its torn last line is now, if it had one.
        torn: Option<PathBuf>,
    },
}

/// The journals beside `capture`, or all in a directory.
#[must_use]
pub fn journals(place: &Path) -> Vec<PathBuf> {
    let is_directory = place.is_dir();
    let directory = match place.parent() {
        _ if is_directory => place,
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    let mut journals: Vec<PathBuf> = entries
        .map(|entry| entry.path())
        .filter(|path| {
            let capture = capture_of(path);
            let name = capture.as_deref().and_then(Path::file_name);
            name.is_some_and(|name: &OsStr| is_directory || Some(name) == place.file_name())
        })
        .collect();
    journals.sort();
    journals
}

/// Adds the flows of a journal whose program is gone to the capture that it stands beside, those aside
/// that are in it already, and removes the journal.
///
/// # Errors
/// What the operating system says where the journal cannot be read or the capture not be written: the
/// journal stays then.
pub fn recover(journal: &Path) -> io::Result<Recovery> {
    let capture = capture_of(journal).ok_or(ErrorKind::InvalidInput)?;
    let file = OpenOptions::new().read(true).write(true).open(journal)?;
    // A file system without locks has no journals.
    if file.try_lock().is_err() {
        return Ok(Recovery::InUse);
    }
    let torn = match torn::set_aside(&capture) {
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        torn => torn?,
    };
    let mut entries = read(&file)?;
    if !entries.is_empty() {
        let written = names(&capture)?;
        entries.retain(|entry| !written.contains(&entry.flow.name));
    }
    let flows = entries.len();
    if flows > 0 {
        let mut writer = Writer::open(&capture, BACKLOG).map_err(io::Error::other)?;
        for entry in entries {
            let line = line_on(&entry.flow, entry.connection.as_deref());
            writer.write(line.map_err(io::Error::other)?);
        }
        let status = writer.finish();
        if let Some(problem) = status.problem() {
            return Err(io::Error::other(problem));
        }
    }
    match std::fs::remove_file(journal) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(Recovery::Recovered {
            capture,
            flows,
            torn,
        }),
    }
}

/// The names of the flows whose lines are in a capture as a whole.
fn names(capture: &Path) -> io::Result<HashSet<String>> {
    #[derive(Deserialize)]
    struct Label<'a> {
        #[serde(borrow)]
        id: Text<'a>,
    }
    let file = match File::open(capture) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(HashSet::new()),
        opened => opened?,
    };
    let mut names = HashSet::new();
    for line in Lines::new(BufReader::with_capacity(BUFFER, file)) {
        if let Ok(label) = serde_json::from_slice::<Label<'_>>(&line?.bytes) {
            names.insert(label.id.into_owned());
        }
    }
    Ok(names)
}

/// A flow as far as it was read.
struct Found {
    entry: Entry,
    /// Bytes of both directions, those behind the bodies' own included.
    bytes: [Vec<u8>; 2],
    /// How long the bodies are in the journal.
    bodies: [usize; 2],
    /// How long they were, what was spilled included.
    lengths: [u64; 2],
    last: At,
    is_left_out: bool,
}

/// The flows of a journal, in the order in which they go into a capture.
fn read(file: &File) -> io::Result<Vec<Entry>> {
    let mut found: Vec<Found> = Vec::new();
    let mut known: HashMap<String, usize> = HashMap::new();
    for line in Lines::new(BufReader::with_capacity(BUFFER, file)) {
        let line = line?;
        let Ok(row) = serde_json::from_slice::<Row<'_>>(&line.bytes) else {
            // Torn: what follows, if anything does, may build upon what is missing.
            break;
        };
        let name = row.id.as_str();
        let index = match (known.get(name), &row.flow) {
            (Some(index), _) => *index,
            (None, Some(_)) => {
                known.insert(name.to_owned(), found.len());
                found.len()
            }
            (None, None) => continue,
        };
        if take(&mut found, index, row).is_err() {
            break;
        }
    }
    found.retain(|found| !found.is_left_out);
    // A connection's line comes after those of its turns.
    found.sort_by_key(|found| (found.entry.flow.kind == FlowKind::Ws, found.last));
    Ok(found.into_iter().map(Found::finish).collect())
}

/// Adds a row to the flow it is about.
fn take(found: &mut Vec<Found>, index: usize, row: Row<'_>) -> Result<(), String> {
    if let Some(record) = &row.flow {
        let mut entry = skeleton(record)?;
        entry.flow.request.body = super::decode::body(Some(&record.request));
        entry.flow.response.body = super::decode::body(record.response.as_ref());
        let messages = [Some(&record.request), record.response.as_ref()];
        let lengths = messages.map(|message| message.and_then(|it| it.length).unwrap_or_default());
        match found.get_mut(index) {
            Some(found) => {
                entry.flow.frames = std::mem::take(&mut found.entry.flow.frames);
                found.entry = entry;
                found.lengths = lengths;
            }
            None => found.push(Found {
                entry,
                bytes: Default::default(),
                bodies: [0, 0],
                lengths,
                last: At::default(),
                is_left_out: false,
            }),
        }
    }
    let Some(found) = found.get_mut(index) else {
        return Ok(());
    };
    found.last = At::from_micros(row.at);
    found.is_left_out |= row.left_out;
    let flow = &mut found.entry.flow;
    let [out, inn] = &mut found.bytes;
    let halves = [
        (row.out, out, &mut flow.request.body),
        (row.inn, inn, &mut flow.response.body),
    ];
    for ((part, bytes, body), len) in halves.into_iter().zip(&mut found.bodies) {
        if let Some(part) = part {
            *len = part.body;
            add(&part, bytes, body)?;
        }
    }
    for Span(frame, start, len) in row.frames {
        let end = start.saturating_add(len);
        flow.frames
            .push(self::row(flow.started, frame, start..end)?);
    }
    Ok(())
}

fn add(part: &Part<'_>, bytes: &mut Vec<u8>, body: &mut Body) -> Result<(), String> {
    if part.from > bytes.len() {
        return Err("a row is missing".to_owned());
    }
    bytes.truncate(part.from);
    bytes.extend_from_slice(&payload::of(part.text.as_ref(), part.base64.as_ref())?);
    body.wire_len = part.wire;
    Ok(())
}

impl Found {
    /// The flow, ended where the program was.
    fn finish(self) -> Entry {
        let Self {
            mut entry,
            bytes,
            bodies,
            lengths,
            last,
            is_left_out: _,
        } = self;
        let flow = &mut entry.flow;
        flow.is_recovered = true;
        let has_rows = flow.kind != FlowKind::Http || flow.is_event_stream();
        for (((dir, bytes), len), length) in [Direction::Out, Direction::In]
            .into_iter()
            .zip(bytes)
            .zip(bodies)
            .zip(lengths)
        {
            let body = match dir {
                Direction::Out => &mut flow.request.body,
                Direction::In => &mut flow.response.body,
            };
            body.push(&bytes);
            // What was spilled went with the program.
            body.missed += length.saturating_sub(bytes.len() as u64);
            let is_event = flow.kind != FlowKind::Http || dir == Direction::In;
            if bytes.len() > len && has_rows && is_event {
                flow.frames.push(begun(dir, last, len..bytes.len()));
            }
        }
        if flow.ended.is_none() {
            flow.ended = Some(last);
            let failure = Failure::killed(phase(flow));
            flow.failures.push(failure);
        }
        flow.replay();
        entry
    }
}

/// What was going on.
fn phase(flow: &Flow) -> Phase {
    match flow.kind {
        _ if flow.response.head.is_none() => Phase::Head,
        FlowKind::Http => Phase::Body,
        FlowKind::Ws | FlowKind::WsTurn { .. } => Phase::Relay,
    }
}

/// A row for the beginning of a message or event.
fn begun(dir: Direction, at: At, span: std::ops::Range<usize>) -> Frame {
    Frame {
        at,
        dir,
        op: Op::Gap,
        wire: span.len() as u64,
        len: span.len() as u64,
        span,
        is_compressed: false,
        is_final: true,
        event: None,
        ordinal: None,
        fault: Some("the rest was not recorded: codextap was killed".to_owned()),
    }
}

/// How much of a file is read at once.
const BUFFER: usize = 1 << 20;
