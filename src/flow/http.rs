//! One direction of an HTTP exchange: wire bytes into the flow's decoded, masked body.
//!
//! An event stream is stored block by block as it arrives. Any other body is masked as a whole, so it
//! is held back until it ended: a secret could be cut in two otherwise. One above [`LIMIT`] is masked in
//! parts, with care for what their ends may cut. What is behind [`LIMIT`] is spilled.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use ring::digest;

use super::{Flow, Frame, LIMIT, MESSAGES, Op, Pending, Spills};
use crate::responses::EventKind;
use crate::tap::{At, Direction, End, Field, Redactor, field, is_form};
use crate::wire::{encoding, sse};

/// The decoders of one direction.
#[derive(Debug)]
pub(super) struct HttpBody {
    dir: Direction,
    coding: encoding::Decoder,
    /// Over the bytes as they are on the wire.
    digest: DigestContext,
    /// Decoded bytes on their way to `events` or `held`; kept to spare an allocation per chunk.
    decoded: Vec<u8>,
    /// The body is a form (WHATWG URL §5.1).
    is_form: bool,
    /// Splits an event stream.
    events: Option<sse::Decoder>,
    /// The decoded body of anything else, until it is whole; of a long one, what is not masked yet.
    held: Vec<u8>,
    /// How much of `held` is masked at once.
    window: usize,
    /// How the body is kept, once that is known.
    mode: Mode,
    /// Masked bytes on their way to the disk.
    outbox: Vec<u8>,
    /// Where what is too long goes.
    spills: Option<Arc<dyn Spills>>,
    /// Decoded bytes that are not kept, since they could not be masked in parts.
    left_out: u64,
    /// Masked bytes that found no room on the disk.
    unspilled: u64,
}

/// How a body is kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Mode {
    /// All of it in memory.
    Whole,
    /// In memory, masked in parts.
    Parts,
    /// What comes goes to the disk.
    Spilling,
}

/// SHA-256 in progress.
struct DigestContext(digest::Context);

impl std::fmt::Debug for DigestContext {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DigestContext")
    }
}

impl HttpBody {
    /// For a message without fields.
    pub(super) fn plain(dir: Direction) -> Self {
        Self::new(dir, &[], None)
    }

    /// For a message with these header fields.
    pub(super) fn new(dir: Direction, fields: &[Field], spills: Option<Arc<dyn Spills>>) -> Self {
        let content_type = field(fields, "content-type").unwrap_or_default();
        let is = |essence| content_type.trim_start().starts_with(essence);
        let coding = field(fields, "content-encoding").unwrap_or_default();
        Self {
            dir,
            coding: encoding::Decoder::new(&coding, encoding::DEFAULT_LIMIT),
            digest: DigestContext(digest::Context::new(&digest::SHA256)),
            decoded: Vec::new(),
            is_form: is_form(&content_type),
            events: is("text/event-stream").then(|| sse::Decoder::new(MESSAGES as u64)),
            held: Vec::new(),
            window: PART,
            mode: Mode::Whole,
            outbox: Vec::new(),
            spills,
            left_out: 0,
            unspilled: 0,
        }
    }

    /// Takes the next bytes from the wire.
    pub(super) fn push(&mut self, flow: &mut Flow, bytes: &[u8], at: At, redactor: &Redactor) {
        let dir = self.dir;
        self.digest.0.update(bytes);
        body(flow, dir).wire_len += bytes.len() as u64;
        // What a few bytes decode to may be long.
        let step = if self.coding.is_identity() {
            bytes.len()
        } else {
            STEP
        };
        for bytes in bytes.chunks(step.max(1)) {
            self.coding.push(bytes, &mut self.decoded);
            self.sort(flow, at, redactor);
        }
    }

    /// What has come and is held back, because it can be masked only once it is whole. Nothing any more
    /// once it would not stand right behind what is in memory.
    pub(super) fn pending(&self) -> Pending<'_> {
        if self.mode == Mode::Spilling {
            return Pending::default();
        }
        let held = (&*self.held, 0);
        let (bytes, origin) = self.events.as_ref().map_or(held, sse::Decoder::pending);
        Pending {
            bytes,
            origin,
            is_form: self.is_form,
        }
    }

    /// Takes note of bytes that passed without a copy.
    pub(super) fn missed(&mut self, flow: &mut Flow, bytes: u64, at: At) {
        self.coding.missed(bytes);
        if let Some(events) = self.events.as_mut().filter(|_| self.coding.is_identity()) {
            events.resync(bytes);
        }
        let row = miss(flow, self.dir, bytes, at);
        if self.events.is_some() {
            flow.frames.push(row);
        }
    }

    /// Takes the end of the body.
    pub(super) fn finish(&mut self, flow: &mut Flow, how: End, at: At, redactor: &Redactor) {
        self.coding.finish();
        if let Some(events) = &mut self.events {
            events.push(&std::mem::take(&mut self.decoded));
            events.finish();
        }
        self.sort(flow, at, redactor);
        let held = std::mem::take(&mut self.held);
        let masked = match redactor.bytes(&held, self.is_form) {
            Cow::Owned(masked) => Some(masked),
            Cow::Borrowed(_) => None,
        };
        let dir = self.dir;
        if self.mode == Mode::Whole {
            if !held.is_empty() {
                body(flow, dir).fill(masked.unwrap_or(held));
            }
        } else {
            self.keep(flow, &masked.unwrap_or(held));
            self.flush(flow);
        }
        let body = body(flow, dir);
        body.is_complete = how == End::Complete;
        if body.is_complete && body.missed == self.unspilled && body.wire_len > 0 {
            body.digest = Some(hex(self.digest.0.clone().finish().as_ref()));
        }
        body.missed += self.left_out;
        note_unkept(flow, dir, self.unspilled + self.left_out);
    }

    /// Moves what was decoded to where it belongs.
    fn sort(&mut self, flow: &mut Flow, at: At, redactor: &Redactor) {
        let dir = self.dir;
        while let Some(fault) = self.coding.next() {
            flow.note(dir, fault.offset, fault.message);
        }
        let Some(events) = &mut self.events else {
            self.hold(flow, redactor);
            return;
        };
        events.push(&self.decoded);
        self.decoded.clear();
        while let Some(block) = self.events.as_mut().and_then(sse::Decoder::next) {
            self.store_block(flow, block, at, redactor);
        }
    }

    /// Holds what was decoded back; of what becomes too long, masks and keeps what can be.
    fn hold(&mut self, flow: &mut Flow, redactor: &Redactor) {
        if self.left_out > 0 {
            self.left_out += self.decoded.len() as u64;
            self.decoded.clear();
            return;
        }
        self.held.append(&mut self.decoded);
        if self.mode == Mode::Whole {
            if self.held.len() <= LIMIT {
                return;
            }
            self.mode = Mode::Parts;
            body(flow, self.dir).expect(LIMIT + PART);
        }
        let mut held = std::mem::take(&mut self.held);
        while held.len() >= self.window {
            let part = redactor.partial(&held[..self.window], self.is_form);
            self.keep(flow, &part.masked[..part.kept]);
            // At once, so that a long body is not in memory twice.
            held.drain(..part.settled);
            held.shrink_to(2 * PART);
            // A secret that is longer than a part is looked at a few times, not with every byte of it.
            self.window = if part.settled > 0 {
                PART
            } else {
                self.window * 2
            };
            if self.window > LIMIT {
                self.left_out = held.len() as u64;
                held.clear();
            }
        }
        self.held = held;
    }

    /// Keeps masked bytes: in memory as long as there is room. Gives their span in the body.
    fn keep(&mut self, flow: &mut Flow, masked: &[u8]) -> Range<usize> {
        let dir = self.dir;
        let is_full = match self.events {
            Some(_) => flow.is_full(dir),
            None => body(flow, dir).bytes().len() >= LIMIT,
        };
        if is_full && self.mode != Mode::Spilling {
            self.mode = Mode::Spilling;
        }
        let body = body(flow, dir);
        if self.mode != Mode::Spilling {
            return body.push(masked);
        }
        let start = body.len() as usize + self.outbox.len();
        self.outbox.extend_from_slice(masked);
        if self.outbox.len() >= PART {
            self.flush(flow);
        }
        start..start + masked.len()
    }

    /// Spills what is on its way to the disk.
    fn flush(&mut self, flow: &mut Flow) {
        if self.outbox.is_empty() {
            return;
        }
        let body = body(flow, self.dir);
        let before = body.missed;
        body.spill(std::mem::take(&mut self.outbox), self.spills.as_deref());
        self.unspilled += body.missed - before;
    }

    /// Stores one block of an event stream: its text, its row in the timeline, and what it says. Behind
    /// [`LIMIT`] only the event that ends the turn has a row.
    fn store_block(&mut self, flow: &mut Flow, block: sse::Block, at: At, redactor: &Redactor) {
        let dir = self.dir;
        let has_row = !flow.is_full(dir) || ends_turn(flow, &block);
        let text = String::from_utf8_lossy(&block.raw);
        let masked = redactor.json(&text);
        let span = self.keep(flow, masked.as_bytes());
        for fault in &block.faults {
            flow.note(dir, fault.offset, &fault.message);
        }
        if !has_row {
            let message = format!(
                "what follows has no rows: there are {} MiB already",
                LIMIT >> 20
            );
            flow.note_bound(dir, block.span.start, &message);
            return;
        }
        let fault = block.faults.into_iter().next().map(|fault| fault.message);
        let (op, data) = match block.kind {
            sse::Kind::Unterminated(event) if event.data.is_empty() => (Op::Comment, None),
            sse::Kind::Event(event) | sse::Kind::Unterminated(event) => {
                (Op::Event, Some(event.data))
            }
            sse::Kind::Comment(_) => (Op::Comment, None),
            sse::Kind::Skipped => (Op::Gap, None),
        };
        if op == Op::Comment && masked.trim().is_empty() && fault.is_none() {
            // Blank lines at the end of a stream are bytes of the body, but nothing to look at.
            return;
        }
        let wire = block.span.end - block.span.start;
        flow.frames.push(Frame {
            at,
            dir,
            op,
            wire,
            len: data.as_ref().map_or(wire, |data| data.len() as u64),
            span,
            is_compressed: false,
            is_final: true,
            event: None,
            ordinal: None,
            fault,
        });
        if let Some(data) = data {
            flow.read_event(flow.frames.len() - 1, &redactor.json(&data));
        }
    }
}

impl Flow {
    /// Waits until what was spilled is on the disk. If that is not all of it, gives the flow as far as it is
    /// kept, the rest counted as missed.
    #[must_use]
    pub fn settled(&self) -> Option<Self> {
        if self.spilled.is_some() {
            return self.settled_frames();
        }
        let (out, inn) = (self.request.body.spilled(), self.response.body.spilled());
        let is_whole = (out, inn) == (self.request.body.rest(), self.response.body.rest());
        (!is_whole).then(|| self.cut([out, inn]))
    }

    /// How many bytes of its bodies or frames are not in memory.
    #[must_use]
    pub fn rest(&self) -> u64 {
        if let Some(spilled) = &self.spilled {
            return spilled.size();
        }
        self.request.body.rest() + self.response.body.rest()
    }

    /// The flow as far as it is in memory, the rest counted as missed.
    #[must_use]
    pub fn without_rest(&self) -> Self {
        if self.spilled.is_some() {
            return self.cut_frames(0);
        }
        self.cut([0, 0])
    }

    /// The flow with no more than so many bytes behind those of its bodies that are in memory: of the
    /// request's and of the response's.
    fn cut(&self, kept: [u64; 2]) -> Self {
        let mut flow = self.clone();
        for (dir, kept) in [Direction::Out, Direction::In].into_iter().zip(kept) {
            let body = body(&mut flow, dir);
            let lost = body.rest() - kept;
            body.cut(kept);
            note_unkept(&mut flow, dir, lost);
        }
        flow
    }
}

/// Says that the last bytes of a body are not kept, if any are not.
fn note_unkept(flow: &mut Flow, dir: Direction, lost: u64) {
    if lost > 0 {
        let offset = body(flow, dir).len();
        let message = format!(
            "{lost} bytes are not kept: behind {} MiB a body needs room on the disk",
            LIMIT >> 20
        );
        flow.note_bound(dir, offset, &message);
    }
}

/// Whether a block carries the event that ends the flow's turn.
fn ends_turn(flow: &Flow, block: &sse::Block) -> bool {
    let sse::Kind::Event(event) = &block.kind else {
        return false;
    };
    flow.turn.as_ref().is_some_and(|turn| !turn.is_over())
        && super::dissect::event_kind(&event.data).is_some_and(EventKind::is_terminal)
}

/// Counts bytes that passed without a copy and says so on the flow; gives the row for the timeline.
pub(super) fn miss(flow: &mut Flow, dir: Direction, bytes: u64, at: At) -> Frame {
    let message = format!("{bytes} bytes passed but were not recorded");
    let body = body(flow, dir);
    body.missed += bytes;
    body.wire_len += bytes;
    let offset = body.wire_len;
    flow.note(dir, offset, &message);
    Frame::gap(dir, at, bytes, message)
}

/// The body of one direction.
pub(super) fn body(flow: &mut Flow, dir: Direction) -> &mut super::Body {
    match dir {
        Direction::Out => &mut flow.request.body,
        Direction::In => &mut flow.response.body,
    }
}

/// Lower-case hexadecimal.
fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
            // Writing to a string cannot fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
}

/// How much is masked and spilled at once.
const PART: usize = 1 << 20;

/// How many bytes under a coding are decoded at once.
const STEP: usize = 4 << 10;
