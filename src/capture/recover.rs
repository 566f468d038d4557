//! What a killed program has left: its journal, as flows of the capture beside which it stands.

use std::collections::{HashMap, HashSet};
use std::ffi::OsStr;
use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Deserialize;

use super::decode::{Entry, row, skeleton};
use super::encode::name_of_connection;
use super::journal::{capture_of, path, run_of};
use super::payload;
use super::record::Text;
use super::row::{Part, Row, Span};
use super::writer::Entry as Line;
use super::{BACKLOG, Lines, Spillway, Writer, rest, torn};
use crate::flow::{Body, Flow, FlowKind, Frame, Recorder, Store};
use crate::tap::{At, Backlog, Direction, Failure, InFlight, KILLED, Phase, Remains};

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
        /// Why the tail could not be read, which has the last instant and stays then.
        unread: Option<String>,
    },
}

/// The journals beside the capture `place`, or all in a directory of that name; those too that are not there, but to whose
/// runs there is a tail in `tails`.
#[must_use]
pub fn journals(place: &Path, tails: &[PathBuf]) -> Vec<PathBuf> {
    let is_directory = place.is_dir();
    let directory = if is_directory { place } else { parent(place) };
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    let mut journals: Vec<PathBuf> = entries
        .map(|entry| entry.path())
        .filter(|path| {
            let capture = capture_of(path);
            let name = capture.as_deref().and_then(Path::file_name);
            name.is_some_and(|name: &OsStr| is_directory || Some(name) == place.file_name())
        })
        .collect();
    let own = directory.canonicalize().ok();
    for (run, capture) in tails.iter().flat_map(|tails| Remains::list(tails)) {
        let is_here = own.as_deref() == capture.parent()
            && (is_directory || capture.file_name() == place.file_name());
        if let Some(name) = capture.file_name().filter(|_| is_here) {
            journals.push(path(&directory.join(name), &run));
        }
    }
    journals.sort();
    journals.dedup();
    journals
}

/// The directory that a file is in.
fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    }
}

/// The path of a capture that tells it from all others, wherever a program runs.
///
/// # Errors
/// What looking for its directory gives.
pub fn absolute(capture: &Path) -> io::Result<PathBuf> {
    let name = capture.file_name().ok_or(ErrorKind::InvalidInput)?;
    Ok(parent(capture).canonicalize()?.join(name))
}

/// Adds the flows of a journal whose program is gone, and of the tail of its run if there is one in `tails`, to the capture that
/// it stands beside, those aside that are in it already, and removes both.
///
/// # Errors
/// What the operating system says where the journal cannot be read or the capture not be written: the
/// journal and the tail stay then. A tail that cannot be read is told beside what the journal has.
pub fn recover(journal: &Path, tails: &[PathBuf]) -> io::Result<Recovery> {
    let capture = capture_of(journal).ok_or(ErrorKind::InvalidInput)?;
    let file = match OpenOptions::new().read(true).write(true).open(journal) {
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        opened => Some(opened?),
    };
    // A file system without locks has no journals.
    if file.as_ref().is_some_and(|file| file.try_lock().is_err()) {
        return Ok(Recovery::InUse);
    }
    let tail = match take_tail(journal, tails) {
        Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Recovery::InUse),
        taken => taken,
    };
    let torn = match torn::set_aside(&capture) {
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        torn => torn?,
    };
    let mut left = Left::default();
    if let Some(file) = &file {
        left.read_journal(file)?;
    }
    let read = tail.and_then(|tail| {
        if let Some(tail) = &tail {
            left.read_tail(tail, &capture)?;
        }
        Ok(tail)
    });
    let flows = left.write(&capture)?;
    let unread = match read {
        Ok(tail) => {
            tail.map_or(Ok(()), Remains::remove)?;
            None
        }
        Err(error) => Some(error.to_string()),
    };
    match std::fs::remove_file(journal) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(Recovery::Recovered {
            capture,
            flows,
            torn,
            unread,
        }),
    }
}

/// Takes the tail of a journal's run.
fn take_tail(journal: &Path, tails: &[PathBuf]) -> io::Result<Option<Remains>> {
    let Some(run) = run_of(journal) else {
        return Ok(None);
    };
    for directory in tails {
        if let Some(tail) = Remains::take(directory, run)? {
            return Ok(Some(tail));
        }
    }
    Ok(None)
}

/// What a program has left, a line for each flow, by its name.
#[derive(Default)]
struct Left {
    lines: HashMap<String, Recovered>,
    /// Names of flows that are not to stand in the capture.
    left_out: HashSet<String>,
}

/// A flow that goes into a capture.
struct Recovered {
    flow: Arc<Flow>,
    /// The name of the connection that a turn ran on.
    connection: Option<Box<str>>,
}

impl Left {
    /// Takes the flows of a journal.
    fn read_journal(&mut self, file: &File) -> io::Result<()> {
        for found in read(file)? {
            let name = found.entry.flow.name.clone();
            if found.is_left_out {
                self.left_out.insert(name);
                continue;
            }
            let Entry {
                flow, connection, ..
            } = found.finish();
            let flow = Arc::new(flow);
            let connection = connection.map(Into::into);
            self.lines.insert(name, Recovered { flow, connection });
        }
        Ok(())
    }

    /// Takes the flows of a tail. It has all of those that it has at all, up to the last byte, so they stand in the
    /// place of the journal's; unless the journal has one as a whole.
    fn read_tail(&mut self, tail: &Remains, capture: &Path) -> io::Result<()> {
        let InFlight {
            resting,
            events,
            left_out,
        } = tail.read()?;
        let redactor = tail.redactor();
        // The journal's rows were masked one by one, and what came in pieces shows in all of them.
        for line in self.lines.values_mut() {
            if let Some(masked) = line.flow.without_pieces(redactor) {
                line.flow = Arc::new(masked);
            }
        }
        let mut recorder = Recorder::new(tail.started(), redactor.clone());
        let spillway = Spillway::new(parent(capture).to_owned(), Backlog::default());
        recorder.spill_to(Arc::new(spillway));
        let mut store = Store::default();
        for (exchange, rest) in resting {
            // Without its beginning nothing can be made of an exchange: the journal's flows stand for it then.
            if let Some((flow, resting)) = rest::read(&rest) {
                recorder.resume(&mut store, exchange, flow, resting);
            }
        }
        for event in events {
            recorder.apply(&mut store, event);
        }
        let name = |(exchange, turn)| format!("{}.{turn}", recorder.name(exchange));
        self.left_out.extend(left_out.into_iter().map(name));
        for flow in store.flows() {
            let before = self.lines.get(&flow.name).map(|before| &before.flow);
            if before.is_some_and(|before| is_whole(before)) {
                continue;
            }
            let mut recovered = flow
                .without_pieces(redactor)
                .unwrap_or_else(|| flow.clone());
            recovered.is_recovered = true;
            recovered.comment = before.and_then(|before| before.comment.clone());
            let recovered = Recovered {
                flow: Arc::new(recovered),
                connection: name_of_connection(flow, &store),
            };
            self.lines.insert(flow.name.clone(), recovered);
        }
        Ok(())
    }

    /// Adds lines to a capture, but for those that it has; gives their number.
    fn write(mut self, capture: &Path) -> io::Result<usize> {
        self.lines.retain(|name, _| !self.left_out.contains(name));
        if !self.lines.is_empty() {
            let written = names(capture)?;
            self.lines.retain(|name, _| !written.contains(name));
        }
        if self.lines.is_empty() {
            return Ok(0);
        }
        let mut lines: Vec<Recovered> = self.lines.into_values().collect();
        // A connection's line comes after those of its turns.
        lines.sort_by_key(|line| {
            (
                line.flow.kind == FlowKind::Ws,
                line.flow.ended,
                line.flow.started,
            )
        });
        let mut writer = Writer::open(capture, BACKLOG).map_err(io::Error::other)?;
        let flows = lines.len();
        for Recovered { flow, connection } in lines {
            let line = Line::of(&flow, connection).map_err(io::Error::other)?;
            writer.take(line);
        }
        match writer.finish().problem() {
            Some(problem) => Err(io::Error::other(problem)),
            None => Ok(flows),
        }
    }
}

/// Whether a journal has all of a flow: it came to an end that was told, and nothing was missed.
fn is_whole(flow: &Flow) -> bool {
    let is_killed = |failure: &Failure| failure.message.contains(KILLED);
    let missed = flow.request.body.missed + flow.response.body.missed;
    missed == 0 && !flow.failures.iter().any(is_killed)
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

/// The flows of a journal, as far as it can be read.
fn read(file: &File) -> io::Result<Vec<Found>> {
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
    Ok(found)
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
    let len = span.len() as u64;
    let fault = "the rest was not recorded: codextap was killed".to_owned();
    Frame {
        len,
        span,
        ..Frame::gap(dir, at, len, fault)
    }
}

/// How much of a file is read at once.
const BUFFER: usize = 1 << 20;
