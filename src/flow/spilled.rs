//! Frames of a WebSocket behind [`LIMIT`]: on the disk, one after another as they passed, until the flow's line is written.
//!
//! They go where the rest of a long body goes, as the bytes of a [`Body`] of which nothing is in memory: of each frame a row of
//! JSON, a line break, and its text. In memory stay the frames before them, and behind them the one that ends a turn
//! and those that close a connection.

use std::borrow::Cow;
use std::io::{self, BufRead, BufReader, ErrorKind, Read};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::http::body;
use super::{Body, Flow, FlowId, Frame, LIMIT, Op, Spills};
use crate::tap::{At, Direction};

/// The frames of a flow that are not in memory.
#[derive(Clone, Debug)]
pub struct Spilled {
    /// How many of the frames in memory came before them.
    before: usize,
    /// When the latest of them passed.
    last: At,
    /// What stands on the disk.
    rows: Body,
    sums: Sums,
}

/// What frames have together, from Codex and to it.
#[derive(Clone, Copy, Default, Debug)]
struct Sums {
    /// Bytes of their texts.
    texts: [u64; 2],
    /// Bytes on the wire, without those that are counted as missed already.
    wires: [u64; 2],
}

/// Frames on their way to the disk.
#[derive(Debug)]
pub(super) struct Outbox {
    /// The flow that all of them belong to, or the last ones did.
    flow: Option<FlowId>,
    rows: Vec<u8>,
    sums: Sums,
    spills: Option<Arc<dyn Spills>>,
}

/// A frame on the disk.
#[derive(Serialize, Deserialize)]
struct Row<'a> {
    /// Microseconds since the Unix epoch.
    at: u64,
    /// Whether it is to Codex.
    inn: bool,
    op: Op,
    wire: u64,
    len: u64,
    /// Bytes of its text.
    text: usize,
    deflate: bool,
    fin: bool,
    fault: Option<Cow<'a, str>>,
}

impl Spilled {
    /// How many of the flow's frames in memory came before them.
    #[must_use]
    pub fn before(&self) -> usize {
        self.before
    }

    /// When the latest of them passed.
    pub(super) fn last(&self) -> At {
        self.last
    }

    /// Bytes that they take on the disk.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.rows.rest()
    }

    /// Reads them from the disk, each with its text.
    pub fn frames(&self) -> impl Iterator<Item = io::Result<(Frame, Vec<u8>)>> {
        let mut source = BufReader::with_capacity(PART, self.rows.reader());
        std::iter::from_fn(move || {
            let read = read(&mut source).transpose()?;
            Some(read.map(|(frame, text, _)| (frame, text)))
        })
    }

    /// Whether what comes has no place any more.
    fn is_closed(&self) -> bool {
        self.rows.missed > 0
    }

    /// Those that stand as a whole in the first `len` bytes.
    fn cut(&self, len: u64) -> Self {
        let mut cut = self.clone();
        cut.sums = Sums::default();
        cut.rows.cut(len);
        let mut whole = 0;
        let mut source = BufReader::with_capacity(PART, cut.rows.reader());
        while let Ok(Some((frame, text, size))) = read(&mut source) {
            cut.sums.add(&frame, text.len());
            whole += size;
        }
        cut.rows.cut(whole);
        cut
    }
}

impl Sums {
    fn add(&mut self, frame: &Frame, text: usize) {
        let dir = usize::from(frame.dir == Direction::In);
        self.texts[dir] += text as u64;
        if frame.op != Op::Gap {
            self.wires[dir] += frame.wire;
        }
    }
}

impl Outbox {
    /// One whose frames go to `spills`.
    pub(super) fn new(spills: Option<Arc<dyn Spills>>) -> Self {
        Self {
            flow: None,
            rows: Vec::new(),
            sums: Sums::default(),
            spills,
        }
    }

    /// The flow whose frames it has, if it has any.
    pub(super) fn owner(&self) -> Option<FlowId> {
        self.flow.filter(|_| !self.rows.is_empty())
    }

    /// Whether the flow's last frames came here.
    pub(super) fn is_of(&self, flow: FlowId) -> bool {
        self.flow == Some(flow)
    }

    /// Takes a frame for which there is no room in memory. What it has is of the same flow.
    pub(super) fn add(&mut self, flow: &mut Flow, frame: &Frame, text: &[u8]) {
        if flow.spilled.is_none() && flow.rest() > 0 {
            // The handshake's own body is there.
            leave_out(flow, frame.dir, frame.wire);
            return;
        }
        if flow.spilled.is_none() {
            let message = format!(
                "what follows has no rows: there are {} MiB already",
                LIMIT >> 20
            );
            let offset = body(flow, frame.dir).wire_len;
            flow.note_bound(frame.dir, offset, &message);
        }
        let before = flow.frames.len();
        let spilled = flow.spilled.get_or_insert_with(|| Spilled {
            before,
            last: frame.at,
            rows: Body::default(),
            sums: Sums::default(),
        });
        spilled.last = frame.at;
        if spilled.is_closed() {
            leave_out(flow, frame.dir, frame.wire);
            return;
        }
        self.flow = Some(flow.id);
        self.sums.add(frame, text.len());
        write(&mut self.rows, frame, text);
        if self.rows.len() >= PART {
            self.flush(flow);
        }
    }

    /// Has what there is of this flow go to the disk.
    pub(super) fn flush(&mut self, flow: &mut Flow) {
        if self.owner() != Some(flow.id) {
            return;
        }
        let (rows, new) = (
            std::mem::take(&mut self.rows),
            std::mem::take(&mut self.sums),
        );
        let Some(mut spilled) = flow.spilled.take() else {
            return;
        };
        spilled.rows.spill(rows, self.spills.as_deref());
        for (at, dir) in DIRECTIONS.into_iter().enumerate() {
            if !spilled.is_closed() {
                spilled.sums.texts[at] += new.texts[at];
                spilled.sums.wires[at] += new.wires[at];
                body(flow, dir).follow(new.texts[at], &spilled.rows);
            } else if new.wires[at] > 0 {
                leave_out(flow, dir, new.wires[at]);
            }
        }
        flow.spilled = Some(spilled);
    }
}

impl Flow {
    /// Whether a frame that comes now goes to the disk, and not behind those in memory.
    pub(super) fn is_spilling(&self) -> bool {
        let spilled = self.spilled.as_ref();
        spilled.is_some_and(|spilled| !spilled.is_closed())
    }

    /// Waits until the frames that were spilled are on the disk. If those are not all, gives the flow with those that are.
    pub(super) fn settled_frames(&self) -> Option<Self> {
        let spilled = self.spilled.as_ref()?;
        let kept = spilled.rows.spilled();
        (kept < spilled.size()).then(|| self.cut_frames(kept))
    }

    /// The flow with no more frames on the disk than stand in the first `len` bytes there, the rest counted as missed.
    pub(super) fn cut_frames(&self, len: u64) -> Self {
        let mut flow = self.clone();
        let Some(old) = &self.spilled else {
            return flow;
        };
        let new = old.cut(len);
        for (at, dir) in DIRECTIONS.into_iter().enumerate() {
            let text = old.sums.texts[at] - new.sums.texts[at];
            let wire = old.sums.wires[at] - new.sums.wires[at];
            body(&mut flow, dir).lose(text, wire);
            if wire > 0 {
                note_unkept(&mut flow, dir);
            }
        }
        flow.spilled = Some(new);
        flow
    }
}

/// Counts bytes that a full flow does not keep, and says so once.
fn leave_out(flow: &mut Flow, dir: Direction, bytes: u64) {
    body(flow, dir).missed += bytes;
    note_unkept(flow, dir);
}

/// Says, once for each direction, that frames are not kept.
fn note_unkept(flow: &mut Flow, dir: Direction) {
    let offset = body(flow, dir).wire_len;
    let message = format!(
        "what follows is not kept: behind {} MiB frames need room on the disk",
        LIMIT >> 20
    );
    flow.note_bound(dir, offset, &message);
}

/// Adds a frame's row and its text.
fn write(rows: &mut Vec<u8>, frame: &Frame, text: &[u8]) {
    let row = Row {
        at: frame.at.as_micros(),
        inn: frame.dir == Direction::In,
        op: frame.op,
        wire: frame.wire,
        len: frame.len,
        text: text.len(),
        deflate: frame.is_compressed,
        fin: frame.is_final,
        fault: frame.fault.as_deref().map(Cow::Borrowed),
    };
    // Neither numbers and texts as JSON nor writing to memory can fail.
    let _ = serde_json::to_writer(&mut *rows, &row);
    rows.push(b'\n');
    rows.extend_from_slice(text);
}

/// Reads a frame and its text; and how many bytes that were.
fn read(source: &mut impl BufRead) -> io::Result<Option<(Frame, Vec<u8>, u64)>> {
    let mut row = Vec::new();
    let size = source.read_until(b'\n', &mut row)?;
    if size == 0 {
        return Ok(None);
    }
    let row: Row<'_> = serde_json::from_slice(&row)?;
    let mut text = Vec::with_capacity(row.text);
    source.take(row.text as u64).read_to_end(&mut text)?;
    if text.len() < row.text {
        return Err(ErrorKind::UnexpectedEof.into());
    }
    let frame = Frame {
        at: At::from_micros(row.at),
        dir: DIRECTIONS[usize::from(row.inn)],
        op: row.op,
        wire: row.wire,
        len: row.len,
        span: 0..0,
        is_compressed: row.deflate,
        is_final: row.fin,
        event: None,
        ordinal: None,
        fault: row.fault.map(Cow::into_owned),
    };
    let size = size + text.len();
    Ok(Some((frame, text, size as u64)))
}

const DIRECTIONS: [Direction; 2] = [Direction::Out, Direction::In];

/// How much goes to the disk, or comes from there, at once.
const PART: usize = 1 << 20;
