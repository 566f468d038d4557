//! The shape of a line: one struct for both ways, so that what is written is what is read.
//!
//! Texts are borrowed, from the flow when writing and from the line when reading, so that neither
//! way builds a tree. Members appear in the order of the fields.

use std::borrow::Cow;

use jiff::Timestamp;
use serde::de::Error as _;
use serde::ser::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::frames::Frames;
use super::payload::{Base64, Content};
use crate::responses::Usage;
use crate::tap::{At, Direction};

/// One line of a capture.
#[derive(Serialize, Deserialize)]
pub(super) struct Record<'a> {
    /// The version of the format.
    pub(super) v: u32,
    pub(super) kind: Kind,
    /// Unique across runs.
    #[serde(borrow)]
    pub(super) id: Text<'a>,
    /// The connection's id; on sockets only.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(super) ws: Option<Text<'a>>,
    /// The how-manieth turn of the connection; on turns only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) number: Option<u32>,
    pub(super) started: Stamp,
    /// Missing while the flow was live when the line was written.
    #[serde(default)]
    pub(super) ended: Option<Stamp>,
    #[serde(borrow, default)]
    pub(super) client: Text<'a>,
    #[serde(borrow, default)]
    pub(super) upstream: Text<'a>,
    /// Follows from the path; written for those who read lines without this program.
    #[serde(borrow, default)]
    pub(super) channel: Text<'a>,
    #[serde(borrow, default)]
    pub(super) session: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(super) thread: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(super) turn: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(super) agent: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(super) purpose: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(super) model: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(super) gist: Text<'a>,
    #[serde(default, skip_serializing_if = "is_false")]
    pub(super) warm_up: bool,
    /// Put together from a journal.
    #[serde(default, skip_serializing_if = "is_false")]
    pub(super) recovered: bool,
    /// Follows from the request and the events; written for those who would not decode them. On all
    /// turns, and where there is something to tell.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(super) context: Option<Context<'a>>,
    #[serde(borrow)]
    pub(super) request: Message<'a>,
    #[serde(borrow, default)]
    pub(super) response: Option<Message<'a>>,
    /// How the model response ended. Follows from the events; written for those who would not
    /// decode them.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(super) outcome: Option<Outcome<'a>>,
    /// The first failure in one line.
    #[serde(borrow, default)]
    pub(super) error: Option<Text<'a>>,
    #[serde(borrow, default, skip_serializing_if = "Vec::is_empty")]
    pub(super) failures: Vec<Failure<'a>>,
    #[serde(borrow, default, skip_serializing_if = "Vec::is_empty")]
    pub(super) faults: Vec<Fault<'a>>,
    #[serde(default)]
    pub(super) timings: Timings,
    /// Missing where there was none, and on turns.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(super) connection: Option<Connection<'a>>,
    /// On sockets only.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(super) frames: Option<Frames<'a>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(super) close: Option<Close<'a>>,
    /// What the user noted. The last member, so that a line can be copied with another one.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(super) comment: Option<Text<'a>>,
}

/// What a line holds.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Kind {
    Http,
    Ws,
    WsTurn,
}

/// A request or a response.
#[derive(Serialize, Deserialize)]
pub(super) struct Message<'a> {
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(super) method: Option<Text<'a>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(super) path: Option<Text<'a>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) status: Option<u16>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(super) version: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(super) headers: Vec<Header<'a>>,
    /// How to read `body`; missing when there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) body_kind: Option<BodyKind>,
    #[serde(borrow, default)]
    pub(super) body: Content<'a>,
    /// The body when it is neither JSON nor text.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(super) base64: Option<Base64<'a>>,
    /// Bytes of a body that is too long to stay in memory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) length: Option<u64>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(super) coding: Option<Text<'a>>,
    #[serde(default)]
    pub(super) wire: u64,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(super) sha256: Option<Text<'a>>,
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(super) missed: u64,
    #[serde(default)]
    pub(super) complete: bool,
    #[serde(borrow, default, skip_serializing_if = "Vec::is_empty")]
    pub(super) trailers: Vec<Header<'a>>,
    /// The blocks of an SSE body.
    #[serde(borrow, default, skip_serializing_if = "Vec::is_empty")]
    pub(super) events: Vec<Event<'a>>,
}

/// How `body` is to be read.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Debug)]
#[serde(rename_all = "snake_case")]
pub(super) enum BodyKind {
    /// The JSON itself.
    Json,
    /// A string holding the text.
    Text,
    /// Null; the bytes are in `base64`.
    Base64,
}

/// `[name, value]`, or `[name, base64, "base64"]` for a value that is not UTF-8.
#[derive(Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Header<'a>(#[serde(borrow)] pub(super) Vec<Text<'a>>);

impl Header<'_> {
    /// The value, if it is a `Content-Type`.
    pub(super) fn content_type(&self) -> Option<&str> {
        match self.0.as_slice() {
            [name, value] if name.as_str().eq_ignore_ascii_case("content-type") => {
                Some(value.as_str())
            }
            _ => None,
        }
    }
}

/// Where a block of an SSE body stands, in bytes of the text, and when it came.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum Event<'a> {
    /// `[offset, len, t]`.
    Sound(u64, u64, u64),
    /// `[offset, len, t, op]`: what dispatches no event.
    Other(u64, u64, u64, #[serde(borrow)] Text<'a>),
    /// `[offset, len, t, op, fault]`.
    Faulty(
        u64,
        u64,
        u64,
        #[serde(borrow)] Text<'a>,
        #[serde(borrow)] Text<'a>,
    ),
}

/// A WebSocket frame.
#[derive(Serialize, Deserialize)]
pub(super) struct Frame<'a> {
    /// Microseconds since the flow's start.
    pub(super) t: u64,
    pub(super) dir: Dir,
    #[serde(borrow)]
    pub(super) op: Text<'a>,
    #[serde(default)]
    pub(super) len: u64,
    #[serde(default)]
    pub(super) wire: u64,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(super) text: Option<Text<'a>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(super) base64: Option<Text<'a>>,
    #[serde(default = "yes", skip_serializing_if = "is_true")]
    pub(super) fin: bool,
    #[serde(default, skip_serializing_if = "is_false")]
    pub(super) deflate: bool,
    /// A close frame's code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) code: Option<u16>,
    /// The number of a reserved opcode.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) opcode: Option<u8>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(super) fault: Option<Text<'a>>,
}

/// How a connection ended.
#[derive(Serialize, Deserialize)]
pub(super) struct Close<'a> {
    #[serde(default)]
    pub(super) code: Option<u16>,
    #[serde(borrow, default)]
    pub(super) reason: Text<'a>,
    pub(super) dir: Dir,
    #[serde(default)]
    pub(super) framed: bool,
}

/// A failure of the exchange.
#[derive(Serialize, Deserialize)]
pub(super) struct Failure<'a> {
    #[serde(borrow)]
    pub(super) side: Text<'a>,
    #[serde(borrow)]
    pub(super) phase: Text<'a>,
    #[serde(borrow)]
    pub(super) message: Text<'a>,
}

/// Something wrong in the bytes.
#[derive(Serialize, Deserialize)]
pub(super) struct Fault<'a> {
    pub(super) dir: Dir,
    pub(super) offset: u64,
    #[serde(borrow)]
    pub(super) message: Text<'a>,
}

/// What a turn says of its place in a conversation and of its price.
#[derive(Serialize, Deserialize)]
pub(super) struct Context<'a> {
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(super) parent: Option<Text<'a>>,
    /// The kind of sub-agent.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(super) label: Option<Text<'a>>,
    /// The line's `agent` was inferred.
    #[serde(default, skip_serializing_if = "is_false")]
    pub(super) agent_inferred: bool,
    /// How often the thread was compacted before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) window: Option<u32>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(super) cwd: Option<Text<'a>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(super) title: Option<Text<'a>>,
    /// `previous_response_id`.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(super) previous: Option<Text<'a>>,
    /// The response's id.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(super) response: Option<Text<'a>>,
    /// The model that answered, where it is not the line's `model`.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(super) served: Option<Text<'a>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(super) tier: Option<Text<'a>>,
    /// `reasoning.effort`.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(super) effort: Option<Text<'a>>,
}

/// How a model response ended.
#[derive(Serialize, Deserialize)]
pub(super) struct Outcome<'a> {
    /// [`crate::responses::Status`].
    #[serde(borrow)]
    pub(super) status: Text<'a>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) usage: Option<Usage>,
    /// How many tool calls there are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) calls: Option<u32>,
    /// The names of the tools that they are of, each once; an empty one at the end says that some are left out.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(super) tools: Option<Vec<Text<'a>>>,
    /// What failed: a code or, without one, a message.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(super) failure: Option<Text<'a>>,
}

/// Moments in microseconds since the flow's start.
#[derive(Default, Serialize, Deserialize)]
pub(super) struct Timings {
    /// The connection to the upstream was there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) connected: Option<u64>,
    /// The request was sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) sent: Option<u64>,
    #[serde(default)]
    pub(super) response_head: Option<u64>,
    #[serde(default)]
    pub(super) first_event: Option<u64>,
    #[serde(default)]
    pub(super) first_delta: Option<u64>,
    #[serde(default)]
    pub(super) end: Option<u64>,
}

/// The connection to the upstream; how long what took, in microseconds.
#[derive(Serialize, Deserialize)]
pub(super) struct Connection<'a> {
    #[serde(default)]
    pub(super) reused: bool,
    /// The outer proxy.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(super) proxy: Option<Text<'a>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) dns: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) connect: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) tls: Option<u64>,
}

/// A direction, as lines spell it.
#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Dir {
    Out,
    In,
}

impl From<Direction> for Dir {
    fn from(dir: Direction) -> Self {
        match dir {
            Direction::Out => Self::Out,
            Direction::In => Self::In,
        }
    }
}

impl From<Dir> for Direction {
    fn from(dir: Dir) -> Self {
        match dir {
            Dir::Out => Self::Out,
            Dir::In => Self::In,
        }
    }
}

/// Text that is borrowed where JSON lets it be. Inside `Option` and `Vec`, a bare `Cow` never is.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Text<'a>(#[serde(borrow)] pub(super) Cow<'a, str>);

impl<'a> Text<'a> {
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    pub(super) fn into_owned(self) -> String {
        self.0.into_owned()
    }

    /// The text, where there is some.
    pub(super) fn of(text: Option<&'a String>) -> Option<Self> {
        text.map(|text| text.as_str().into())
    }
}

impl<'a> From<&'a str> for Text<'a> {
    fn from(text: &'a str) -> Self {
        Self(Cow::Borrowed(text))
    }
}

impl From<String> for Text<'_> {
    fn from(text: String) -> Self {
        Self(Cow::Owned(text))
    }
}

/// A moment as an RFC 3339 date in UTC with six digits of the second.
#[derive(Clone, Copy)]
pub(super) struct Stamp(pub(super) At);

impl Serialize for Stamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let at = timestamp(self.0).ok_or_else(|| S::Error::custom("a time beyond all dates"))?;
        serializer.collect_str(&format_args!("{at:.6}"))
    }
}

impl<'de> Deserialize<'de> for Stamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Text::deserialize(deserializer)?;
        let at: Timestamp = text.as_str().parse().map_err(D::Error::custom)?;
        u64::try_from(at.as_microsecond())
            .map(|micros| Self(At::from_micros(micros)))
            .map_err(|_| D::Error::custom("a time before 1970"))
    }
}

/// The moment as a date, if there is a date for it.
pub(super) fn timestamp(at: At) -> Option<Timestamp> {
    let micros = i64::try_from(at.as_micros()).ok()?;
    Timestamp::from_microsecond(micros).ok()
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde calls it with a reference"
)]
pub(super) fn is_false(flag: &bool) -> bool {
    !flag
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde calls it with a reference"
)]
fn is_true(flag: &bool) -> bool {
    *flag
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde calls it with a reference"
)]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

fn yes() -> bool {
    true
}
