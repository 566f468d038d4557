//! An upgraded exchange: WebSocket frames both ways, sorted into the turns they belong to.
//!
//! A turn begins with a `response.create` (or Codex 0.98's `response.append`) from Codex and ends with
//! the terminal event. Frames in between are the turn's; close frames and all others are the
//! connection's. Each frame is stored once: in memory as long as there is room, then on the disk.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::http::{body, miss};
use super::spilled::Outbox;
use super::{
    Channel, Close, Flow, FlowId, FlowKind, Frame, MESSAGES, Op, Pending, Spills, Store, Titles,
};
use crate::responses::{EventKind, Turn};
use crate::tap::{At, Direction, Failure, GOING_AWAY, Phase, Redactor, Side};
use crate::wire::{deflate, websocket};

/// What is known of a WebSocket connection.
#[derive(Debug)]
pub(super) struct Socket {
    /// The connection's own flow.
    connection: FlowId,
    /// The turn that is in progress.
    turn: Option<FlowId>,
    /// Turns begun so far.
    turns: u32,
    /// The calls of the last turn that ended.
    made: Titles,
    /// Whether neither end ended it: that is told.
    is_broken: bool,
    out: websocket::Decoder,
    inn: websocket::Decoder,
    /// Frames for which there is no room in memory.
    outbox: Outbox,
}

/// A connection at rest, as far as it matters to what follows: no turn is in progress, and both directions are
/// between two messages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resting {
    /// Turns begun so far.
    turns: u32,
    /// The calls of the last one.
    made: Titles,
    /// From Codex, and to it.
    rests: [websocket::Rest; 2],
}

impl Resting {
    /// How many bytes were relayed: from Codex, and to it.
    #[must_use]
    pub fn relayed(&self) -> [u64; 2] {
        [&self.rests[0], &self.rests[1]].map(|rest| rest.offset)
    }
}

impl Socket {
    /// A socket on `connection` whose handshake was answered with these extensions. What is too long for the memory
    /// goes to `spills`.
    pub(super) fn new(
        connection: FlowId,
        extensions: Option<&str>,
        spills: Option<Arc<dyn Spills>>,
    ) -> Self {
        let deflate = extensions.and_then(deflate::Parameters::parse);
        Self {
            connection,
            turn: None,
            turns: 0,
            made: Titles::default(),
            is_broken: false,
            out: websocket::Decoder::with_limit(true, deflate, MESSAGES),
            inn: websocket::Decoder::with_limit(false, deflate, MESSAGES),
            outbox: Outbox::new(spills),
        }
    }

    /// A socket on `connection` that goes on from where one was at rest.
    pub(super) fn resumed(
        connection: FlowId,
        extensions: Option<&str>,
        resting: Resting,
        spills: Option<Arc<dyn Spills>>,
    ) -> Self {
        let deflate = extensions.and_then(deflate::Parameters::parse);
        let [out, inn] = resting.rests;
        Self {
            turns: resting.turns,
            made: resting.made,
            out: websocket::Decoder::resumed(true, deflate, MESSAGES, out),
            inn: websocket::Decoder::resumed(false, deflate, MESSAGES, inn),
            ..Self::new(connection, None, spills)
        }
    }

    /// Its state, if it is at rest.
    pub(super) fn resting(&self) -> Option<Resting> {
        if self.turn.is_some() || self.is_broken {
            return None;
        }
        Some(Resting {
            turns: self.turns,
            made: self.made.clone(),
            rests: [self.out.rest()?, self.inn.rest()?],
        })
    }

    /// Takes bytes that were relayed.
    pub(super) fn push(
        &mut self,
        store: &mut Store,
        dir: Direction,
        bytes: &[u8],
        at: At,
        redactor: &Redactor,
        finished: &mut Vec<FlowId>,
    ) {
        self.decoder(dir).push(bytes);
        self.sort(store, dir, at, redactor, finished);
    }

    /// Takes note of bytes that were relayed without a copy: the direction is out of step from here on.
    pub(super) fn missed(&mut self, store: &mut Store, dir: Direction, bytes: u64, at: At) {
        self.decoder(dir).missed(bytes);
        self.make_way(store, self.owner());
        store.change(self.owner(), |flow| {
            let row = miss(flow, dir, bytes, at);
            add_gap(flow, row, &mut self.outbox);
        });
    }

    /// The flow that what comes next belongs to, and what has come of its messages in progress: from
    /// Codex, and to it. Nothing once they would not stand behind what is in memory.
    pub(super) fn pending(&self) -> (FlowId, [Pending<'_>; 2]) {
        if self.outbox.is_of(self.owner()) {
            return (self.owner(), Default::default());
        }
        let pending = [&self.out, &self.inn].map(|decoder| {
            let (bytes, origin) = decoder.pending();
            Pending {
                bytes,
                origin,
                is_form: false,
            }
        });
        (self.owner(), pending)
    }

    /// Whether a turn is in progress.
    pub(super) fn is_in_turn(&self) -> bool {
        self.turn.is_some()
    }

    /// The connection broke, or was ended by the proxy, and a turn in progress with it.
    pub(super) fn failed(&mut self, store: &mut Store, failure: &Failure) {
        self.is_broken = true;
        let is_over = self.turn.is_none() && failure.is_going_away();
        store.change(self.connection, |flow| {
            let code = failure.own_close();
            if code.is_some() || is_over {
                let why = failure.message.split_once(": ");
                let reason = if failure.is_going_away() {
                    GOING_AWAY
                } else {
                    why.map_or("", |(_, why)| why)
                };
                flow.close.get_or_insert(Close {
                    code,
                    reason: reason.to_owned(),
                    dir: Direction::Out,
                    is_framed: code.is_some(),
                });
            }
            // Nobody waits for anything on a connection without a turn.
            if !is_over {
                flow.failures.push(failure.clone());
            }
        });
        if let Some(turn) = self.turn {
            store.change(turn, |flow| flow.failures.push(failure.clone()));
        }
    }

    /// One direction sent its FIN, or broke.
    pub(super) fn end(
        &mut self,
        store: &mut Store,
        dir: Direction,
        at: At,
        redactor: &Redactor,
        finished: &mut Vec<FlowId>,
    ) {
        self.decoder(dir).finish();
        self.sort(store, dir, at, redactor, finished);
        if self.is_broken {
            return;
        }
        store.change(self.connection, |flow| {
            let close = Close {
                code: None,
                reason: String::new(),
                dir,
                is_framed: false,
            };
            flow.close.get_or_insert(close);
        });
    }

    /// Both directions are over: a turn in progress will not be completed, and says why. Gives that if
    /// nobody has told it.
    pub(super) fn conclude(
        mut self,
        store: &mut Store,
        at: At,
        finished: &mut Vec<FlowId>,
    ) -> Option<Failure> {
        let connection = store.get(self.connection);
        let connection = connection.filter(|flow| !flow.is_closed_by_proxy());
        let close = connection.and_then(|flow| flow.close.clone());
        let mut cut = None;
        if let (Some(turn), Some(close)) = (self.turn, close)
            && (close.is_framed || !self.is_broken)
        {
            let failure = cut_short(&close);
            cut = Some(failure.clone());
            // A Codex that leaves in the middle was interrupted by its user.
            if close.dir == Direction::In {
                store.change(self.connection, |flow| flow.failures.push(failure.clone()));
            }
            store.change(turn, |flow| flow.failures.push(failure));
        }
        self.end_turn(store, at, finished);
        store.change(self.connection, |flow| self.outbox.flush(flow));
        cut
    }

    fn decoder(&mut self, dir: Direction) -> &mut websocket::Decoder {
        match dir {
            Direction::Out => &mut self.out,
            Direction::In => &mut self.inn,
        }
    }

    /// The flow that a frame belongs to now.
    fn owner(&self) -> FlowId {
        self.turn.unwrap_or(self.connection)
    }

    /// Has frames of another flow go to the disk.
    fn make_way(&mut self, store: &mut Store, owner: FlowId) {
        if let Some(other) = self.outbox.owner().filter(|other| *other != owner) {
            store.change(other, |flow| self.outbox.flush(flow));
        }
    }

    /// Gives each complete frame to the flow it belongs to.
    fn sort(
        &mut self,
        store: &mut Store,
        dir: Direction,
        at: At,
        redactor: &Redactor,
        finished: &mut Vec<FlowId>,
    ) {
        while let Some(event) = self.decoder(dir).next() {
            let frame = match event {
                websocket::Event::Frame(frame) => frame,
                websocket::Event::Fault(fault) => {
                    self.make_way(store, self.owner());
                    store.change(self.owner(), |flow| {
                        let row = Frame::gap(dir, at, 0, fault.message.clone());
                        add_gap(flow, row, &mut self.outbox);
                        flow.note(dir, fault.offset, fault.message);
                    });
                    continue;
                }
            };
            let text = frame
                .message
                .as_ref()
                .map(|message| redactor.bytes(&message.data, false));
            let event = text
                .as_deref()
                .and_then(|text| super::dissect::event_kind(std::str::from_utf8(text).ok()?));
            let begins = dir == Direction::Out
                && matches!(event, Some(EventKind::Create | EventKind::Append));
            if begins
                && store
                    .get(self.connection)
                    .is_some_and(|flow| flow.channel == Channel::Model)
            {
                self.end_turn(store, at, finished);
                self.begin_turn(store, at);
            }
            let is_close = matches!(frame.op, websocket::Opcode::Close);
            let owner = if is_close {
                self.connection
            } else {
                self.owner()
            };
            let control = match &frame.close {
                Some(close) => redactor.bytes(close.reason.as_bytes(), false),
                None => redactor.bytes(&frame.payload, false),
            };
            let payload = text.as_deref().unwrap_or(&control);
            self.make_way(store, owner);
            let is_over = store.change(owner, |flow| {
                store_frame(flow, dir, &frame, payload, at, event, &mut self.outbox);
                if begins {
                    flow.read_request_after(&self.made);
                }
                flow.turn.as_ref().is_some_and(Turn::is_over)
            });
            if is_over == Some(true) {
                self.end_turn(store, at, finished);
            }
        }
    }

    /// Begins a turn with the identity and heads of its connection.
    fn begin_turn(&mut self, store: &mut Store, at: At) {
        let Some(connection) = store.get(self.connection) else {
            return;
        };
        self.turns += 1;
        let mut turn = Flow::new(
            format!("{}.{}", connection.name, self.turns),
            connection.client.clone(),
            connection.upstream.clone(),
            at,
        );
        turn.kind = FlowKind::WsTurn {
            connection: self.connection,
            number: self.turns,
        };
        turn.request.head.clone_from(&connection.request.head);
        turn.response.head.clone_from(&connection.response.head);
        turn.read_heads();
        self.turn = Some(store.push(turn));
    }

    /// Ends the turn in progress, if there is one.
    fn end_turn(&mut self, store: &mut Store, at: At, finished: &mut Vec<FlowId>) {
        let Some(turn) = self.turn.take() else { return };
        store.change(turn, |flow| {
            self.outbox.flush(flow);
            flow.ended = Some(at);
            flow.conclude();
        });
        self.made = store.get(turn).map(Titles::of).unwrap_or_default();
        finished.push(turn);
    }
}

/// What ended a turn that was in progress when its connection ended.
fn cut_short(close: &Close) -> Failure {
    let (side, who) = match close.dir {
        Direction::Out => (Side::Client, "Codex"),
        Direction::In => (Side::Upstream, "the upstream"),
    };
    let how = match (close.is_framed, close.code) {
        (true, Some(code)) => format!("closed the connection with {code} {}", close.reason),
        (true, None) => "closed the connection without a code".to_owned(),
        (false, _) => "ended the connection without a close frame".to_owned(),
    };
    let message = format!("{who} {} while the turn was in progress", how.trim_end());
    Failure {
        side,
        phase: Phase::Relay,
        message,
    }
}

/// Adds a row that stands for bytes in no frame.
fn add_gap(flow: &mut Flow, row: Frame, outbox: &mut Outbox) {
    if flow.is_spilling() {
        outbox.add(flow, &row, b"");
    } else {
        flow.frames.push(row);
    }
}

/// Stores one frame: its payload, its row in the timeline, and what it says. What is behind [`LIMIT`](super::LIMIT) goes to
/// the disk, but for what ends the turn or the connection.
fn store_frame(
    flow: &mut Flow,
    dir: Direction,
    frame: &websocket::Frame,
    payload: &[u8],
    at: At,
    event: Option<EventKind>,
    outbox: &mut Outbox,
) {
    body(flow, dir).wire_len += frame.wire;
    let ends_turn = dir == Direction::In
        && event.is_some_and(EventKind::is_terminal)
        && flow.turn.as_ref().is_some_and(|turn| !turn.is_over());
    let is_close = matches!(frame.op, websocket::Opcode::Close);
    let code = frame.close.as_ref().and_then(|close| close.code);
    let op = match &frame.op {
        websocket::Opcode::Text => Op::Text,
        websocket::Opcode::Binary => Op::Binary,
        websocket::Opcode::Continuation => Op::Continuation,
        websocket::Opcode::Ping => Op::Ping,
        websocket::Opcode::Pong => Op::Pong,
        websocket::Opcode::Reserved(code) => Op::Reserved(*code),
        websocket::Opcode::Close => {
            flow.close.get_or_insert_with(|| Close {
                code,
                reason: String::from_utf8_lossy(payload).into_owned(),
                dir,
                is_framed: true,
            });
            Op::Close(code)
        }
    };
    let is_text = matches!(op, Op::Text | Op::Continuation);
    for fault in &frame.faults {
        flow.note(dir, fault.offset, &fault.message);
    }
    let is_spilled = !ends_turn && !is_close && (flow.spilled.is_some() || flow.is_full(dir));
    let span = if is_spilled {
        0..0
    } else {
        self::body(flow, dir).push(payload)
    };
    let row = Frame {
        at,
        dir,
        op,
        wire: frame.wire,
        len: frame
            .message
            .as_ref()
            .map_or(frame.len, |message| message.data.len() as u64),
        span,
        is_compressed: frame
            .message
            .as_ref()
            .is_some_and(|message| message.compressed),
        is_final: frame.fin,
        event: event.filter(|_| is_text && dir == Direction::Out),
        ordinal: None,
        fault: frame.faults.first().map(|fault| fault.message.clone()),
    };
    if is_spilled {
        outbox.add(flow, &row, payload);
        return;
    }
    flow.frames.push(row);
    if dir == Direction::In
        && is_text
        && !payload.is_empty()
        && let Ok(text) = std::str::from_utf8(payload)
    {
        flow.read_event(flow.frames.len() - 1, text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_that_goes_on_knows_the_calls_of_the_last_turn() {
        let mut socket = Socket::new(FlowId(0), None, None);
        socket.made = serde_json::from_str(r#"{"call_1":"ls -l"}"#).unwrap();
        let resting = serde_json::to_string(&socket.resting().unwrap()).unwrap();
        let resting = serde_json::from_str(&resting).unwrap();
        let resumed = Socket::resumed(FlowId(0), None, resting, None);
        assert_eq!(resumed.made.get("call_1"), Some("ls -l"));
    }
}
