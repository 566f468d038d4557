//! The frame timeline: a row for each WebSocket frame, or for each event of an SSE body.
//!
//! Deltas come by the hundred, so three and more of one type in a row share a row that opens into its
//! frames. Silence of a second and longer gets a row of its own.

use std::borrow::Cow;
use std::time::Duration;

use super::{Document, Folds, Line, Role, format, gist};
use crate::flow::{Flow, FlowId, FlowKind, Frame, Op};
use crate::responses::{EventKind, event_name};
use crate::tap::{At, Direction};
use crate::text::{pad, pad_start};

/// What the frames pane says about `flow`; `turns` are the turns of a WebSocket connection, in order,
/// whose frames are merged with its own by time.
#[must_use]
pub fn timeline(flow: &Flow, turns: &[&Flow], folds: &Folds) -> Document {
    let entries = merged(flow, turns);
    if entries.is_empty() {
        return Document::of(empty(flow));
    }
    let mut rows = Rows {
        flow,
        folds,
        document: Document::default(),
        previous: flow.started,
        turn: flow.id,
    };
    let mut at = 0;
    while at < entries.len() {
        let burst = burst(&entries[at..]);
        rows.separate(&entries[at]);
        if burst >= SHORTEST_BURST {
            rows.burst(&entries[at..at + burst]);
        } else {
            rows.frame(&entries[at], "");
        }
        at += if burst >= SHORTEST_BURST { burst } else { 1 };
    }
    rows.document
}

/// A frame in its place.
struct Entry<'a> {
    flow: &'a Flow,
    index: usize,
    frame: &'a Frame,
}

impl<'a> Entry<'a> {
    fn all(flow: &'a Flow) -> impl Iterator<Item = Self> {
        let frames = flow.frames.iter().enumerate();
        frames.map(move |(index, frame)| Self { flow, index, frame })
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

/// The frames of a connection and of its turns, by time; of frames of one moment, the connection's first.
fn merged<'a>(flow: &'a Flow, turns: &[&'a Flow]) -> Vec<Entry<'a>> {
    let mut entries: Vec<Entry> = Entry::all(flow).collect();
    for turn in turns {
        entries.extend(Entry::all(turn));
    }
    entries.sort_by_key(|entry| entry.frame.at);
    entries
}

/// How many of the first entries are deltas of one type that no silence parts.
fn burst(entries: &[Entry]) -> usize {
    let Some((first, rest)) = entries.split_first() else {
        return 0;
    };
    let Some(name) = first.delta() else {
        return 1;
    };
    let mut before = first.frame.at;
    let mut count = 1;
    for entry in rest {
        let is_near = entry.frame.at.since(before) < GAP;
        let is_alike = entry.flow.id == first.flow.id && entry.frame.dir == first.frame.dir;
        if !is_near || !is_alike || entry.delta().as_ref() != Some(&name) {
            break;
        }
        before = entry.frame.at;
        count += 1;
    }
    count
}

/// The rows so far.
struct Rows<'a> {
    flow: &'a Flow,
    folds: &'a Folds,
    document: Document,
    /// When the frame of the last row came.
    previous: At,
    /// Whose frames the last rows were.
    turn: FlowId,
}

impl Rows<'_> {
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
        let FlowKind::WsTurn { number, .. } = next.flow.kind else {
            self.document.push(Line::of("── connection", Role::Dim));
            return;
        };
        let mut line = Line::of(&format!("── turn {number}"), Role::Heading);
        if let Some(model) = &next.flow.model {
            line.add(&format!(" {model}"), Role::Text);
        }
        if let Some(turn) = &next.flow.turn {
            let (word, role) = super::response::status(turn.status);
            line.add(&format!(" {word}"), role);
        }
        self.document.push(line);
    }

    /// Adds the row of a burst, and those of its frames when it is open.
    fn burst(&mut self, entries: &[Entry]) {
        let [first, .., last] = entries else {
            return;
        };
        let wire: u64 = entries.iter().map(|entry| entry.frame.wire).sum();
        let len: u64 = entries.iter().map(|entry| entry.frame.len).sum();
        let mut line = self.start(first, &format!("{} ×", entries.len()));
        sizes(&mut line, wire, len);
        line.add(&first.delta().unwrap_or_default(), Role::Label);
        let took = format::duration(last.frame.at.since(first.frame.at));
        line.add(&format!(" in {took}"), Role::Dim);
        let key = if first.flow.id == self.flow.id {
            format!("burst/{}", first.index)
        } else {
            format!("burst/{}/{}", first.flow.id.0, first.index)
        };
        if self.document.section(&key, false, self.folds, line) {
            for entry in entries {
                self.frame(entry, "  ");
            }
        }
        self.previous = last.frame.at;
    }

    /// Adds a frame's row.
    fn frame(&mut self, entry: &Entry, margin: &str) {
        let frame = entry.frame;
        let mut line = self.start(entry, name(frame.op));
        self.previous = frame.at;
        sizes(&mut line, frame.wire, frame.len);
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
            &pad_start(&seconds(frame.at.since(self.flow.started)), 9),
            Role::Number,
        )
        .with(
            &pad_start(&step(frame.at.since(self.previous)), 8),
            Role::Dim,
        )
        .with(&format!(" {arrow} "), role)
        .with(&pad(name, 8), name_role)
        .hanging(HANGING);
        Line {
            frame: Some(entry.index),
            flow: (entry.flow.id != self.flow.id).then_some(entry.flow.id),
            ..line
        }
    }
}

/// Adds the size on the wire, and what it inflates to if that differs by more than the framing.
fn sizes(line: &mut Line, wire: u64, len: u64) {
    line.add(&pad_start(&format::bytes(wire), 8), Role::Number);
    let inflated = if len > wire {
        format!(" ({})", format::bytes(len))
    } else {
        String::new()
    };
    line.add(&pad(&inflated, 11), Role::Dim);
    line.add(" ", Role::Dim);
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

fn empty(flow: &Flow) -> Line {
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

/// Deltas in a row that share a row.
const SHORTEST_BURST: usize = 3;
/// Silence that gets a row of its own.
const GAP: Duration = Duration::from_secs(1);
/// Where the rest of a row that is wrapped goes on.
const HANGING: usize = 29;

#[cfg(test)]
mod tests;
