//! The rows of frames, bursts, silence and turns.

use std::borrow::Cow;
use std::time::Duration;

use super::super::{Document, Folds, Line, Role, format, gist, response};
use super::{Block, Place, Title, Track};
use crate::flow::{ABNORMAL, Flow, FlowId, FlowKind, Frame, Op};
use crate::responses::{EventKind, event_name};
use crate::tap::{At, Direction};
use crate::text::{pad, pad_start};

/// A frame and what is around it.
#[derive(Clone, Copy)]
struct Entry<'a> {
    of: usize,
    flow: &'a Flow,
    index: usize,
    frame: &'a Frame,
}

impl<'a> Entry<'a> {
    fn at(flows: &'a [Track<'a>], Place(_, of, index): Place) -> Option<Self> {
        let track = flows.get(of)?;
        let frame = track.frame(index)?;
        Some(Self {
            of,
            flow: track.flow,
            index,
            frame,
        })
    }

    /// Whether it is the end of the connection, which no frame tells.
    fn is_end(&self) -> bool {
        self.index == self.flow.frames.len()
    }

    /// What it carries: an event's JSON, or the bytes as they are.
    fn text(&self) -> Cow<'a, str> {
        self.flow
            .event_text(self.index)
            .unwrap_or_else(|| String::from_utf8_lossy(self.flow.frame_bytes(self.frame)))
    }

    /// The type of the event it carries, if it does. Only an unknown one has to be read off the text.
    fn event(&self) -> Option<Cow<'a, str>> {
        match self.frame.event? {
            EventKind::Other => Some(event_name(&self.text())?.to_owned().into()),
            known => Some(known.as_str().into()),
        }
    }

    /// The type of the delta it carries, if it carries nothing else.
    fn delta(&self) -> Option<Cow<'a, str>> {
        self.event()
            .filter(|name| name.strip_suffix(".delta").is_some() && self.frame.fault.is_none())
    }
}

/// The rows so far.
pub(super) struct Rows<'a> {
    /// The flow, then its turns.
    pub(super) flows: &'a [Track<'a>],
    pub(super) folds: &'a Folds,
    pub(super) document: &'a mut Document,
    /// When the frame of the last row came.
    pub(super) previous: At,
    /// Whose frames the last rows were.
    pub(super) turn: FlowId,
    pub(super) titles: &'a mut Vec<Title>,
    /// Whether there is a column for the size that frames inflate to.
    pub(super) has_inflated: bool,
}

impl Rows<'_> {
    /// Adds the rows of the entries from `from` on; those before have theirs. Gives the first line
    /// that changed.
    pub(super) fn add(&mut self, entries: &[Place], blocks: &mut Vec<Block>, from: usize) -> usize {
        let mut at = match blocks.last_mut() {
            // The open end of a long stream: its row tells more, and the rows before stay.
            Some(last) if last.count >= SHORTEST_BURST && last.entry + last.count == from => {
                let count = self.run(&entries[last.entry..], last.count);
                if count > last.count {
                    self.grow(&entries[last.entry..last.entry + count], last);
                    last.count = count;
                }
                from.max(last.entry + count)
            }
            _ => self.step_back(blocks, from),
        };
        let kept = match blocks.last() {
            Some(last) if last.entry + last.count > from => last.row,
            _ => self.document.lines.len(),
        };
        if let Some(last) = at.checked_sub(1).and_then(|last| entries.get(last))
            && let Some(entry) = Entry::at(self.flows, *last)
        {
            self.previous = entry.frame.at;
            self.turn = entry.flow.id;
        }
        while at < entries.len() {
            let run = self.run(&entries[at..], 1);
            let count = if run >= SHORTEST_BURST { run } else { 1 };
            let (line, previous) = (self.document.lines.len(), self.previous);
            if let Some(entry) = Entry::at(self.flows, entries[at]) {
                self.separate(&entry);
            }
            blocks.push(Block {
                entry: at,
                count,
                line,
                row: self.document.lines.len(),
                previous,
            });
            self.block(&entries[at..at + count]);
            at += count;
        }
        kept
    }

    /// Takes the rows away that entries from `from` on may change: those from the block before on,
    /// and one more, which may turn out to begin a burst. Gives the first entry without a row.
    fn step_back(&mut self, blocks: &mut Vec<Block>, from: usize) -> usize {
        let before = blocks.partition_point(|block| block.entry < from);
        let mut first = before.saturating_sub(1);
        if let [.., one, other] = &blocks[..before]
            && one.count + other.count < SHORTEST_BURST
        {
            first -= 1;
        }
        let Some(block) = blocks.get(first).copied() else {
            return from;
        };
        blocks.truncate(first);
        self.document.truncate(block.line);
        self.titles.retain(|title| title.line < block.line);
        block.entry
    }

    /// How many of the first entries are deltas of one type that no silence parts; the first
    /// `known` are known to be.
    fn run(&self, entries: &[Place], known: usize) -> usize {
        let all = |place: &Place| Entry::at(self.flows, *place);
        let Some(first) = entries.first().and_then(all) else {
            return 0;
        };
        let Some(name) = first.delta() else {
            return 1;
        };
        let mut count = known.max(1);
        for pair in entries[count - 1..].windows(2) {
            let [Some(before), Some(entry)] = [all(&pair[0]), all(&pair[1])] else {
                break;
            };
            let is_near = entry.frame.at.since(before.frame.at) < GAP;
            let is_alike = entry.flow.id == first.flow.id && entry.frame.dir == first.frame.dir;
            if !is_near || !is_alike || entry.delta().as_ref() != Some(&name) {
                break;
            }
            count += 1;
        }
        count
    }

    /// Adds what stands between the last row and `next`: silence, and the title of a turn.
    fn separate(&mut self, next: &Entry) {
        let silence = next.frame.at.since(self.previous);
        if silence >= GAP {
            let text = format!("          ┆ {} of silence", format::duration(silence));
            self.document.push(Line::of(&text, Role::FrameGap));
        }
        if next.flow.id == self.turn {
            return;
        }
        self.turn = next.flow.id;
        self.titles.push(Title {
            line: self.document.lines.len(),
            of: next.of,
            revision: next.flow.revision,
        });
        self.document.push(title_of(next.flow));
    }

    /// Adds the row of a frame, or of a burst with those of its frames when it is open.
    pub(super) fn block(&mut self, entries: &[Place]) {
        if self.document.is_full() {
            return;
        }
        let all = entries
            .iter()
            .filter_map(|place| Entry::at(self.flows, *place));
        let all: Vec<Entry> = all.collect();
        let [first, _, .., last] = all.as_slice() else {
            for entry in &all {
                self.frame(entry, "");
            }
            return;
        };
        let key = key(first);
        let head = self.head(&all);
        if self.document.section(&key, false, self.folds, head) {
            for entry in &all {
                self.frame(entry, "  ");
            }
        }
        self.previous = last.frame.at;
    }

    /// Brings the rows of the burst `block` up to date: it has all of `entries` now.
    fn grow(&mut self, entries: &[Place], block: &Block) {
        let all = entries
            .iter()
            .filter_map(|place| Entry::at(self.flows, *place));
        let all: Vec<Entry> = all.collect();
        self.previous = block.previous;
        let head = self.head(&all);
        let mut is_open = false;
        if let Some(row) = self.document.lines.get_mut(block.row) {
            let fold = row.fold.take();
            is_open = fold.as_ref().is_some_and(|fold| fold.is_open);
            *row = Line { fold, ..head };
        }
        let known = block.count.min(all.len());
        if let Some(before) = known.checked_sub(1).and_then(|last| all.get(last)) {
            self.previous = before.frame.at;
        }
        for entry in all[known..].iter().filter(|_| is_open) {
            self.frame(entry, "  ");
        }
    }

    /// The row of a burst.
    fn head(&self, entries: &[Entry]) -> Line {
        let [first, .., last] = entries else {
            return Line::default();
        };
        let wire: u64 = entries.iter().map(|entry| entry.frame.wire).sum();
        let len: u64 = entries.iter().map(|entry| entry.frame.len).sum();
        let mut line = self.start(first, &format!("{} ×", entries.len()));
        self.sizes(&mut line, wire, len);
        line.add(&first.delta().unwrap_or_default(), Role::Label);
        let took = format::duration(last.frame.at.since(first.frame.at));
        line.add(&format!(" in {took}"), Role::Dim);
        line
    }

    /// Adds a frame's row.
    fn frame(&mut self, entry: &Entry, margin: &str) {
        if entry.is_end() {
            return self.end(entry);
        }
        let frame = entry.frame;
        let mut line = self.start(entry, name(frame.op));
        self.previous = frame.at;
        self.sizes(&mut line, frame.wire, frame.len);
        line.add(margin, Role::Dim);
        if let Some(fault) = &frame.fault {
            line.add(&format!("✗ {fault} "), Role::Error);
        }
        let text = entry.text();
        match (frame.op, entry.event()) {
            (Op::Close(code), _) => {
                let code = code.map_or_else(|| "no code".to_owned(), |code| code.to_string());
                line.add(&code, Role::FrameClose);
                line.add(&format!(" {text}"), Role::Text);
            }
            (_, Some(event)) => {
                let role = if is_failure(&event) {
                    Role::Error
                } else {
                    Role::Label
                };
                line.add(&event, role);
                line.add(&format!(" {}", gist::event(&event, &text)), Role::Text);
            }
            (Op::Binary, None) => {}
            (_, None) if text.is_empty() => {
                if !frame.is_final {
                    line.add("a fragment", Role::Dim);
                }
            }
            (_, None) => line.add(&gist::quoted(&text), Role::Text),
        }
        self.document.push(line);
    }

    /// Adds the row of an end without a close frame. That is Codex's way of ending a connection, and no fault.
    fn end(&mut self, entry: &Entry) {
        let frame = entry.frame;
        let mut line = self.start(entry, "⏻");
        self.previous = frame.at;
        line.add(&" ".repeat(self.size_columns()), Role::Dim);
        let role = match frame.dir {
            Direction::Out => Role::Dim,
            Direction::In => Role::FrameClose,
        };
        let how = if frame.op == Op::Close(Some(ABNORMAL)) {
            "ended without close"
        } else {
            "closed"
        };
        line.add(how, role);
        line.add(" · ", Role::Dim);
        line.add(frame.fault.as_deref().unwrap_or_default(), Role::Text);
        if let Op::Close(Some(code)) = frame.op {
            line.add(&format!(" · {code}"), Role::Dim);
        }
        self.document.push(line);
    }

    /// Columns of what [`Self::sizes`] adds.
    fn size_columns(&self) -> usize {
        let inflated = if self.has_inflated { INFLATED } else { 0 };
        SIZE + inflated + 1
    }

    /// Adds the size on the wire, and what it inflates to if that differs by more than the framing.
    fn sizes(&self, line: &mut Line, wire: u64, len: u64) {
        line.add(&pad_start(&format::bytes(wire), SIZE), Role::Number);
        if self.has_inflated {
            let inflated = if len > wire {
                format!(" ({})", format::bytes(len))
            } else {
                String::new()
            };
            line.add(&pad(&inflated, INFLATED), Role::Dim);
        }
        line.add(" ", Role::Dim);
    }

    /// When the flow began.
    fn started(&self) -> At {
        self.flows
            .first()
            .map_or(self.previous, |track| track.flow.started)
    }

    /// The columns that every row begins with: since the start, since the row before, direction, name.
    fn start(&self, entry: &Entry, name: &str) -> Line {
        let frame = entry.frame;
        let (arrow, role) = match frame.dir {
            Direction::Out => ("→", Role::FrameOut),
            Direction::In => ("←", Role::FrameIn),
        };
        let name_role = match frame.op {
            Op::Close(_) => Role::FrameClose,
            Op::Ping | Op::Pong => Role::FrameControl,
            Op::Gap => Role::Error,
            _ => role,
        };
        let line = Line::of(
            &pad_start(&seconds(frame.at.since(self.started())), SINCE_START),
            Role::Number,
        )
        .with(
            &pad_start(&step(frame.at.since(self.previous)), STEP),
            Role::Dim,
        )
        .with(&format!(" {arrow} "), role)
        .with(&pad(name, 8), name_role)
        .hanging(HANGING);
        Line {
            frame: Some(entry.index),
            flow: (entry.of > 0).then_some(entry.flow.id),
            ..line
        }
    }
}

/// Names a burst, by its first frame.
fn key(first: &Entry) -> String {
    if first.of == 0 {
        format!("burst/{}", first.index)
    } else {
        format!("burst/{}/{}", first.flow.id.0, first.index)
    }
}

/// The title of a turn, or of what belongs to none.
pub(super) fn title_of(flow: &Flow) -> Line {
    let FlowKind::WsTurn { number, .. } = flow.kind else {
        return Line::of("── connection", Role::Dim);
    };
    let mut line = Line::of(&format!("── turn {number}"), Role::Heading);
    if let Some(model) = &flow.model {
        line.add(&format!(" {model}"), Role::Text);
    }
    if let Some(turn) = &flow.turn {
        let (word, role) = response::status(turn.status);
        line.add(&format!(" {word}"), role);
    }
    line
}

/// A frame's name in the row's narrow column.
fn name(op: Op) -> &'static str {
    match op {
        Op::Binary => "bin",
        Op::Continuation => "cont",
        _ => op.as_str(),
    }
}

fn is_failure(event: &str) -> bool {
    matches!(event, "error" | "response.failed")
}

fn seconds(duration: Duration) -> String {
    format!("{}.{:03}", duration.as_secs(), duration.subsec_millis())
}

fn step(duration: Duration) -> String {
    format!("+{}", seconds(duration))
}

/// Says that there are more turns than are shown.
pub(super) fn hidden_turns(count: usize) -> Line {
    let turns = if count == 1 { "turn is" } else { "turns are" };
    let count = format::count(count as u64);
    let text = format!("{count} {turns} in the capture only: choose them in the list");
    Line::of(&text, Role::Dim)
}

/// Says that the filter leaves nothing.
pub(super) fn none_chosen(count: usize) -> Line {
    let count = format::counted(count as u64, "frame");
    Line::of(
        &format!("none of {count} passes the filter: & changes it"),
        Role::Dim,
    )
}

pub(super) fn empty(flow: &Flow) -> Line {
    let text = match flow.kind {
        FlowKind::Http if flow.is_event_stream() && flow.is_live() => "waiting for the first event",
        FlowKind::Http if flow.is_live() => "waiting for the response",
        FlowKind::Http if flow.is_event_stream() => "the stream ended without an event",
        FlowKind::Http => "A plain exchange: no frames and no events.",
        FlowKind::Ws | FlowKind::WsTurn { .. } if flow.is_live() => "waiting for the first frame",
        FlowKind::Ws | FlowKind::WsTurn { .. } => "no frames",
    };
    Line::of(
        text,
        if flow.is_live() {
            Role::Live
        } else {
            Role::Dim
        },
    )
}

/// Columns of the time since the start, and of that since the row before.
const SINCE_START: usize = 9;
const STEP: usize = 8;
/// Bytes, and columns, that the times of a frame take at the beginning of its row.
pub const FRAME_TIMES: usize = SINCE_START + STEP;
/// Columns of a size on the wire.
const SIZE: usize = 8;
/// Columns of what it inflates to.
const INFLATED: usize = 11;
/// Deltas in a row that share a row.
const SHORTEST_BURST: usize = 3;
/// Silence that gets a row of its own.
pub(super) const GAP: Duration = Duration::from_secs(1);
/// Where the rest of a row that is wrapped goes on.
const HANGING: usize = 29;
