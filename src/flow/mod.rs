//! What happened, in order: flows, assembled from the tap's events or read back from a capture.
//!
//! A [`Flow`] is one row of the request list and one line of a capture: an HTTP exchange, a WebSocket
//! connection, or one turn on a WebSocket connection. [`Recorder`] makes flows from tap events and
//! keeps them in the [`Store`]; a capture's lines go through the same decoding with the times they carry, so that a flow
//! looks the same live and re-opened. Secrets are masked before anything is stored.

mod body;
mod calls;
mod channel;
mod context;
mod dissect;
mod frame;
mod http;
pub mod lineage;
mod lint;
mod phases;
mod pieces;
mod recorder;
mod related;
pub mod sessions;
mod slots;
mod socket;
mod spilled;
mod store;
mod summary;

use std::sync::Arc;

use crate::responses::{Agent, Identity, Status, Turn};
use crate::tap::{At, Connection, Direction, Failure, Field, RequestHead, ResponseHead};

pub use body::{Body, Fault, Reader, Spill, Spills};
pub use calls::{Answer, Calls, Made, Titles};
pub use channel::{Channel, Transport};
pub use context::Context;
pub use frame::{ABNORMAL, Frame, Op};
pub use phases::Phases;
pub use recorder::Recorder;
pub use related::{Related, is_retry};
pub use socket::Resting;
pub use spilled::Spilled;
pub use store::{Place, Store};
pub use summary::{Summary, tools_of};

/// Position of a flow in the store: ascending in the order in which flows came, live as they begin, of
/// a capture as their lines stand.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct FlowId(pub u32);

/// An HTTP exchange, a WebSocket connection, or one turn on a WebSocket connection.
#[derive(Clone, Debug)]
pub struct Flow {
    /// Its place in the store.
    pub id: FlowId,
    /// Its id in captures: unique across runs, such as `0mfx2k1q-12`.
    pub name: String,
    /// Which of the three it is.
    pub kind: FlowKind,
    /// What kind of traffic it is.
    pub channel: Channel,
    /// Address and port of the client's end, as text.
    pub client: String,
    /// Scheme and authority of the upstream; empty when no route matched.
    pub upstream: Arc<str>,
    /// When it began.
    pub started: At,
    /// When it ended; `None` while it is live.
    pub ended: Option<At>,
    /// The connection to the upstream that carries it; of a turn, its WebSocket connection has it.
    pub connection: Option<Connection>,
    /// When that connection was there.
    pub connected_at: Option<At>,
    /// The request: of a turn on a WebSocket, the handshake's head with the body that Codex sent as a message.
    pub request: Request,
    /// The answer; its head is missing until it came.
    pub response: Response,
    /// WebSocket frames, or the events of an SSE body, in order of arrival.
    pub frames: Vec<Frame>,
    /// The WebSocket frames that are not in memory, until the flow's line is written.
    pub spilled: Option<Spilled>,
    /// The model response, where the flow is one.
    pub turn: Option<Turn>,
    /// Codex's own identifiers.
    pub identity: Identity,
    /// The model asked for.
    pub model: Option<String>,
    /// What the request tells of its place in a conversation ([`Flow::context`] has the response's part too).
    pub asked: Context,
    /// What it is about, in a few words: the last user text, a tool's output, or the path.
    pub gist: String,
    /// Whether it asked for no output (`generate: false`).
    pub is_warm_up: bool,
    /// What failed, each as the log has it.
    pub failures: Vec<Failure>,
    /// What was wrong in the bytes: broken frames, wrong codings, malformed streams.
    pub faults: Vec<Fault>,
    /// How a WebSocket ended.
    pub close: Option<Close>,
    /// Whether it was put together from a journal, because the program that recorded it was killed.
    pub is_recovered: bool,
    /// What the user noted about it.
    pub comment: Option<Box<str>>,
    /// Grows with every change; caches compare it.
    pub revision: u64,
}

/// What has come in one direction of a flow and is in none of its bodies yet, because its end is
/// needed to mask it. It is not masked.
#[derive(Clone, Copy, Default, Debug)]
pub struct Pending<'a> {
    /// The bytes, decoded.
    pub bytes: &'a [u8],
    /// Another number tells that they are another text, not more of the one before.
    pub origin: u64,
    /// Whether they are a form (WHATWG URL §5.1).
    pub is_form: bool,
}

/// What a flow is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FlowKind {
    /// A request and its response.
    Http,
    /// A WebSocket connection: the handshake, and the frames that belong to no turn.
    Ws,
    /// One turn on a WebSocket connection.
    WsTurn {
        /// The connection it ran on.
        connection: FlowId,
        /// The how-manieth turn of the connection, from 1.
        number: u32,
    },
}

impl FlowKind {
    /// Whether a flow with this status is a handshake that was answered with 426. Codex goes on over
    /// HTTP then, and nothing has failed (RFC 9110 §15.5.22).
    #[must_use]
    pub fn is_referred_to_http(self, status: Option<u16>) -> bool {
        self == Self::Ws && status == Some(426)
    }

    /// Whether such a flow asks for a model response.
    #[must_use]
    pub fn asks_for_a_turn(self, channel: Channel, method: &str) -> bool {
        match self {
            Self::Http => channel == Channel::Model && method == "POST",
            Self::WsTurn { .. } => true,
            Self::Ws => false,
        }
    }
}

/// What was sent.
#[derive(Clone, Default, Debug)]
pub struct Request {
    /// Method, target and fields; missing only in a capture that lacks them.
    pub head: Option<RequestHead>,
    /// The body, or the messages from Codex.
    pub body: Body,
    /// Trailer fields.
    pub trailers: Vec<Field>,
    /// When all of it was sent, or what will be sent of it.
    pub sent_at: Option<At>,
}

/// What came back.
#[derive(Clone, Default, Debug)]
pub struct Response {
    /// Status and fields.
    pub head: Option<ResponseHead>,
    /// The body, or the messages from the upstream.
    pub body: Body,
    /// Trailer fields.
    pub trailers: Vec<Field>,
    /// When the head came.
    pub head_at: Option<At>,
}

/// How a WebSocket connection ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Close {
    /// The close frame's code; `None` when there was no close frame, or none in it.
    pub code: Option<u16>,
    /// The close frame's reason.
    pub reason: String,
    /// Who ended it first.
    pub dir: Direction,
    /// Whether a close frame was seen (RFC 6455 §7.1.5), or the TCP stream just ended.
    pub is_framed: bool,
}

/// Where a flow stands, as one word for the list. The first that applies wins.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum State {
    /// Sent, nothing came back yet.
    Waiting,
    /// The answer is arriving, or the connection is open.
    Streaming,
    /// Ended as it should.
    Complete,
    /// Ended with less than was asked for: incomplete, cancelled, HTTP in place of a WebSocket.
    Partial,
    /// Ended with an error: status 400 and above, a failed turn, a lost connection.
    Failed,
}

/// What decides where a flow stands.
#[derive(Clone, Copy, Debug)]
pub struct Facts {
    /// What the flow is.
    pub kind: FlowKind,
    /// Where the model response stands, where the flow is one.
    pub turn: Option<Status>,
    /// The HTTP status, once the head is here.
    pub status: Option<u16>,
    /// Whether the exchange failed.
    pub has_failed: bool,
    /// Whether it is over.
    pub has_ended: bool,
    /// A close frame's code.
    pub close: Option<u16>,
}

impl State {
    /// Its name, as commands print it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Streaming => "streaming",
            Self::Complete => "complete",
            Self::Partial => "partial",
            Self::Failed => "failed",
        }
    }

    /// Where a flow stands of which this is known.
    #[must_use]
    pub fn of(facts: Facts) -> Self {
        match facts.turn {
            Some(Status::Completed) => return Self::Complete,
            Some(Status::Incomplete | Status::Cancelled) => return Self::Partial,
            Some(Status::Failed | Status::Error | Status::Lost) => return Self::Failed,
            Some(Status::InProgress) | None => {}
        }
        let is_refused = facts.status.is_some_and(|status| status >= 400);
        if facts.has_failed || is_refused && !facts.kind.is_referred_to_http(facts.status) {
            return Self::Failed;
        }
        if is_refused {
            return Self::Partial;
        }
        // Codex drops its sockets without a close frame, and is done with them after 1000 and 1001.
        let is_early = facts
            .close
            .is_some_and(|code| !matches!(code, 1000 | 1001 | 1005));
        match (facts.has_ended, facts.status) {
            (true, _) if is_early => Self::Partial,
            (true, _) => Self::Complete,
            (false, Some(_)) => Self::Streaming,
            (false, None) => Self::Waiting,
        }
    }
}

/// How long a stream in progress is silent before it is said to have stalled.
pub const STALL: std::time::Duration = std::time::Duration::from_secs(60);

impl Flow {
    /// A flow of which nothing but its beginning is known.
    #[must_use]
    pub fn new(name: String, client: String, upstream: Arc<str>, started: At) -> Self {
        Self {
            id: FlowId(0),
            name,
            kind: FlowKind::Http,
            channel: Channel::Other,
            client,
            upstream,
            started,
            ended: None,
            connection: None,
            connected_at: None,
            request: Request::default(),
            response: Response::default(),
            frames: Vec::new(),
            spilled: None,
            turn: None,
            identity: Identity::default(),
            model: None,
            asked: Context::default(),
            gist: String::new(),
            is_warm_up: false,
            failures: Vec::new(),
            faults: Vec::new(),
            close: None,
            is_recovered: false,
            comment: None,
            revision: 0,
        }
    }

    /// Whether it holds as much of one direction as it may in memory.
    fn is_full(&self, dir: Direction) -> bool {
        let body = match dir {
            Direction::Out => &self.request.body,
            Direction::In => &self.response.body,
        };
        body.bytes().len() + self.frames.len() * size_of::<Frame>() >= LIMIT
    }

    /// Notes what is wrong in the bytes of one direction. The first [`MOST_FAULTS`] are kept.
    fn note(&mut self, dir: Direction, offset: u64, message: impl Into<String>) {
        let message = match self.faults.len() {
            MOST_FAULTS => "more like these are not listed".to_owned(),
            kept if kept < MOST_FAULTS => message.into(),
            _ => return,
        };
        self.faults.push(Fault {
            dir,
            offset,
            message,
        });
    }

    /// Notes, once for each direction, that something of it is not kept or not read.
    fn note_bound(&mut self, dir: Direction, offset: u64, message: &str) {
        let is_known = |fault: &Fault| fault.dir == dir && fault.message == message;
        if !self.faults.iter().any(is_known) {
            let fault = Fault {
                dir,
                offset,
                message: message.to_owned(),
            };
            // First: it tells more than all that may stand here.
            self.faults.insert(0, fault);
        }
    }

    /// About how much memory its bodies, frames and items take, in bytes.
    #[must_use]
    pub fn weight(&self) -> u64 {
        let bodies = self.request.body.bytes().len() + self.response.body.bytes().len();
        let frames = self.frames.len() * size_of::<Frame>();
        let items = self.turn.iter().flat_map(|turn| &turn.items);
        // An item keeps its JSON and, beside it, what it says.
        let items: usize = items
            .map(|item| 2 * item.raw.len() + size_of_val(item))
            .sum();
        (size_of::<Self>() + HEADS + bodies + frames + items) as u64
    }

    /// The HTTP status: of a turn on a WebSocket that failed, the one that its `error` message carries; else the head's,
    /// once that is here.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        let turn = match self.kind {
            FlowKind::WsTurn { .. } => self.turn.as_ref(),
            FlowKind::Http | FlowKind::Ws => None,
        };
        let told = turn.and_then(|turn| turn.failure.as_ref()?.status);
        told.or_else(|| self.response.head.as_ref().map(|head| head.status))
    }

    /// The method; empty if unknown.
    #[must_use]
    pub fn method(&self) -> &str {
        self.request.head.as_ref().map_or("", |head| &head.method)
    }

    /// The request target, path and query; empty if unknown.
    #[must_use]
    pub fn path(&self) -> &str {
        self.request.head.as_ref().map_or("", |head| &head.target)
    }

    /// How its bytes travel.
    #[must_use]
    pub fn transport(&self) -> Transport {
        match self.kind {
            FlowKind::Ws | FlowKind::WsTurn { .. } => Transport::WebSocket,
            FlowKind::Http if self.frames.is_empty() && !self.is_event_stream() => Transport::Http,
            FlowKind::Http => Transport::Sse,
        }
    }

    /// Whether the response announced itself as an event stream.
    #[must_use]
    pub fn is_event_stream(&self) -> bool {
        self.response.head.as_ref().is_some_and(|head| {
            crate::tap::field(&head.fields, "content-type")
                .is_some_and(|value| Transport::is_event_stream(&value))
        })
    }

    /// The agent, where the wire tells.
    #[must_use]
    pub fn agent(&self) -> &Agent {
        &self.identity.agent
    }

    /// Whether it still goes on.
    #[must_use]
    pub fn is_live(&self) -> bool {
        self.ended.is_none()
    }

    /// Where it stands.
    #[must_use]
    pub fn state(&self) -> State {
        State::of(Facts {
            kind: self.kind,
            turn: self.turn.as_ref().map(|turn| turn.status),
            status: self.status(),
            has_failed: !self.failures.is_empty(),
            has_ended: self.ended.is_some(),
            close: self.close.as_ref().and_then(|close| close.code),
        })
    }

    /// Whether it is a handshake that was answered, but not with a WebSocket (RFC 6455 §4.1).
    #[must_use]
    pub fn is_refused_upgrade(&self) -> bool {
        self.kind == FlowKind::Ws && self.status().is_some_and(|status| status != 101)
    }

    /// Whether it failed itself: an error status, a failed or lost turn, a broken exchange. A
    /// connection does not fail with a turn on it.
    #[must_use]
    pub fn is_error(&self) -> bool {
        self.state() == State::Failed
    }

    /// From its start to its end.
    #[must_use]
    pub fn duration(&self) -> Option<std::time::Duration> {
        self.ended.map(|ended| ended.since(self.started))
    }

    /// From its start to the first generated text or arguments.
    #[must_use]
    pub fn first_delta(&self) -> Option<std::time::Duration> {
        let ordinal = self.turn.as_ref()?.first_delta?;
        self.event_at(ordinal).map(|at| at.since(self.started))
    }

    /// When the turn's event number `ordinal` arrived.
    #[must_use]
    pub fn event_at(&self, ordinal: u32) -> Option<At> {
        self.frames
            .iter()
            .filter(|frame| frame.ordinal.is_some())
            .nth(ordinal as usize)
            .map(|frame| frame.at)
    }

    /// When the last byte came or went on a stream that is in progress. An open connection without a
    /// turn may be silent for hours, and nobody waits for it.
    #[must_use]
    pub fn quiet_since(&self) -> Option<At> {
        let is_stream = match self.kind {
            FlowKind::WsTurn { .. } => true,
            FlowKind::Http => self.response.head.is_none() || self.is_event_stream(),
            FlowKind::Ws => false,
        };
        if !is_stream || !self.is_live() {
            return None;
        }
        let last = self.frames.last().map(|frame| frame.at);
        let last = last.max(self.spilled.as_ref().map(Spilled::last));
        let last = last.or(self.response.head_at).unwrap_or(self.started);
        Some(last.max(self.started))
    }

    /// Bytes on the wire, both ways: bodies, or frames.
    #[must_use]
    pub fn wire_len(&self) -> u64 {
        let (out, inn) = (self.request.body.wire_len, self.response.body.wire_len);
        out.saturating_add(inn)
    }

    /// Whether its bodies can be read to their ends.
    #[must_use]
    pub fn is_at_hand(&self) -> bool {
        self.request.body.is_at_hand() && self.response.body.is_at_hand()
    }

    /// The bytes of a frame's text, masked; none of what is not in memory.
    #[must_use]
    pub fn frame_bytes(&self, frame: &Frame) -> &[u8] {
        let body = match frame.dir {
            Direction::Out => &self.request.body,
            Direction::In => &self.response.body,
        };
        body.bytes().get(frame.span.clone()).unwrap_or_default()
    }
}

/// What heads, names and allocations take beside the rest, in bytes: a rough average.
const HEADS: usize = 4 << 10;

/// How many bytes of one direction a flow keeps in memory, the rows of its timeline counted: more than nearly
/// all bodies and turns have, and little enough that no stream takes the machine's memory. What is behind is spilled.
pub const LIMIT: usize = 8 << 20;

/// How many bytes a message or an event may have: more than Codex ever sends. What is longer is not decoded.
pub const MESSAGES: usize = 32 << 20;

/// Faults of a flow that are kept.
const MOST_FAULTS: usize = 1000;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::tap::Clock;

    #[test]
    fn a_stall_is_a_silence_of_a_minute_and_ends_with_the_next_byte() {
        let began = Clock::start().now();
        let at = |seconds: u64| began.plus(Duration::from_secs(seconds));
        let stall = |flow: &Flow, now| Summary::of(flow).stall(now);
        let mut flow = Flow::new(String::new(), String::new(), "".into(), began);
        assert_eq!(stall(&flow, at(59)), None);
        assert_eq!(stall(&flow, at(60)), Some(STALL));
        flow.kind = FlowKind::WsTurn {
            connection: FlowId(0),
            number: 1,
        };
        assert_eq!(stall(&flow, at(61)), Some(Duration::from_secs(61)));
        let row = Frame::gap(Direction::In, at(61), 0, String::new());
        flow.frames.push(row);
        assert_eq!(stall(&flow, at(62)), None);
        assert_eq!(stall(&flow, at(121)), Some(STALL));
        flow.ended = Some(at(122));
        assert_eq!(stall(&flow, at(500)), None);
        flow.ended = None;
        flow.kind = FlowKind::Ws;
        assert_eq!(stall(&flow, at(5000)), None);
    }
}
