//! What the proxy tells the rest of the program: the test language of everything downstream.
//!
//! Events of one exchange arrive in the order in which they happened; events of different exchanges
//! interleave. Nothing in them is parsed, and every credential in a head is masked already.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::clock::At;
use super::head::{Field, RequestHead, ResponseHead};

/// One request and its answer, upgraded or not, as the proxy relays it. Unique within a run.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ExchangeId(pub u64);

/// Which way bytes travel, seen from Codex.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Direction {
    /// From Codex to the upstream.
    Out,
    /// From the upstream to Codex.
    In,
}

impl Direction {
    /// `out` or `in`, as captures spell it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Out => "out",
            Self::In => "in",
        }
    }
}

/// Something that happened to an exchange.
#[derive(Clone, PartialEq, Debug)]
pub struct Event {
    /// The exchange it happened to.
    pub exchange: ExchangeId,
    /// When the proxy saw it.
    pub at: At,
    /// What happened.
    pub kind: Kind,
}

/// What can happen to an exchange, in the order of a life.
#[derive(Clone, PartialEq, Debug)]
pub enum Kind {
    /// A request arrived: always the first event of an exchange.
    Opened {
        /// The number of the client's connection, as log lines tell it.
        connection: u64,
        /// The address of the client's end of the connection.
        client: SocketAddr,
        /// Scheme and authority of the upstream the route leads to; empty when no route matched.
        upstream: Arc<str>,
    },
    /// The request's head, as the client sent it.
    Request(RequestHead),
    /// There is a connection to the upstream. Told again when another one takes its place, because it
    /// turned out to be closed before it took anything.
    Connected(Connection),
    /// The final response head (or the 101), as the client gets it.
    Response(ResponseHead),
    /// The connection now carries another protocol: all [`Kind::Data`] from here on are its bytes.
    Upgraded,
    /// Body or upgraded bytes that were forwarded.
    Data {
        /// Which way they travelled.
        dir: Direction,
        /// The bytes, shared with the forwarding path.
        bytes: Bytes,
    },
    /// The trailer section of a body.
    Trailers {
        /// Which way it travelled.
        dir: Direction,
        /// The trailer fields, credentials masked.
        fields: Vec<Field>,
    },
    /// Bytes that were forwarded but not copied, because the channel's budget was spent.
    Missed {
        /// Which way they travelled.
        dir: Direction,
        /// How many.
        bytes: u64,
    },
    /// Something failed. The exchange may go on (a 502 of our own follows an unreachable upstream).
    Failed(Failure),
    /// One direction is over. The exchange is over when both are.
    Ended {
        /// Which direction.
        dir: Direction,
        /// Whether it came to its proper end.
        how: End,
    },
}

/// The connection to an upstream that carries an exchange, and how long it took to have it.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Connection {
    /// Whether it carried another exchange before, or still does; the durations are missing then.
    pub is_reused: bool,
    /// Scheme, host and port of the outer proxy that it goes through.
    pub proxy: Option<Arc<str>>,
    /// How long names took to resolve; missing when there was none but addresses.
    pub dns: Option<Duration>,
    /// How long TCP took, and an outer proxy with its own TLS handshake and its tunnel.
    pub connect: Option<Duration>,
    /// How long the TLS handshake with the upstream took.
    pub tls: Option<Duration>,
}

/// How a direction ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum End {
    /// With the end that its framing announced, or a FIN on an upgraded stream.
    Complete,
    /// Before it: the receiver went away, or a [`Kind::Failed`] tells what broke.
    Aborted,
}

/// A failure, told the way a log line needs it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Failure {
    /// Whose half of the exchange failed.
    pub side: Side,
    /// What was being done.
    pub phase: Phase,
    /// The failing call and the operating system's word for it, in one line.
    pub message: String,
}

impl Failure {
    /// The proxy ended what still went on in this phase, because the program ended.
    #[must_use]
    pub fn cut(phase: Phase) -> Self {
        Self::ended(phase, CUT)
    }

    /// The program was killed while this phase went on.
    #[must_use]
    pub fn killed(phase: Phase) -> Self {
        Self::ended(phase, KILLED)
    }

    /// The code of the proxy's own close frame (RFC 6455 §5.5.1), if it ended a connection with one.
    #[must_use]
    pub fn own_close(&self) -> Option<u16> {
        let (code, _) = self.message.strip_prefix(CLOSED)?.split_once(": ")?;
        code.parse().ok().filter(|_| self.phase == Phase::Relay)
    }

    /// Whether the proxy ended a connection between two frames, because the program ended.
    #[must_use]
    pub fn is_going_away(&self) -> bool {
        let how = self.message.strip_suffix(CUT);
        self.phase == Phase::Relay && how.is_some_and(|how| !how.starts_with(CUT_INSIDE))
    }

    /// Whether the client went away from an exchange. Who has all it wants leaves, too: what was
    /// exchanged tells whether that is a failure.
    #[must_use]
    pub fn is_departure(&self) -> bool {
        self.side == Side::Client
            && matches!(self.phase, Phase::Head | Phase::Body)
            && !self.message.starts_with(ENDED)
    }

    /// The failure in words, for the screen. [`fmt::Display`] has the names that captures hold.
    #[must_use]
    pub fn in_words(&self) -> String {
        let side = match self.side {
            Side::Client => "Codex",
            Side::Upstream => "upstream",
        };
        let phase = match self.phase {
            Phase::Route => "choosing the upstream",
            Phase::Request => "sending the request",
            Phase::Head => "waiting for the response",
            Phase::Relay => "open connection",
            Phase::Connect | Phase::Body => self.phase.as_str(),
        };
        format!("{side} side, {phase}: {}", self.message)
    }

    fn ended(phase: Phase, why: &str) -> Self {
        Self {
            side: Side::Client,
            phase,
            message: format!("{ENDED}{why}"),
        }
    }
}

/// How the message of a failure begins that is the end of the program.
const ENDED: &str = "cut: ";

/// Why what a journal holds goes no further: the program ended without a chance to say so.
pub const KILLED: &str = "codextap was killed while this was live";

/// Why the proxy ends what still goes on when the program ends.
pub const CUT: &str = "codextap ended while this was live";

/// The reason in the proxy's own close frames when the program ends.
pub const GOING_AWAY: &str = "codextap ended";

/// How the message of a failure begins that is the proxy's own close frame, before its code.
pub const CLOSED: &str = "closed with ";

/// How the message of a failure begins that left a frame without its end.
pub const CUT_INSIDE: &str = "cut inside ";

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} side, {}: {}",
            self.side.as_str(),
            self.phase.as_str(),
            self.message
        )
    }
}

/// The two halves of an exchange.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Side {
    /// Between Codex and the proxy.
    Client,
    /// Between the proxy and the upstream.
    Upstream,
}

impl Side {
    /// `client` or `upstream`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Upstream => "upstream",
        }
    }
}

/// What an exchange was doing when it failed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Phase {
    /// Choosing an upstream.
    Route,
    /// Resolving, connecting, an outer proxy's tunnel or the TLS handshake.
    Connect,
    /// Passing the request on.
    Request,
    /// Waiting for the response head or the upgrade's answer.
    Head,
    /// Passing the response body on.
    Body,
    /// Relaying upgraded bytes.
    Relay,
}

impl Phase {
    /// The phase in one or two words, for log lines.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Route => "route",
            Self::Connect => "connect",
            Self::Request => "request",
            Self::Head => "response head",
            Self::Body => "response body",
            Self::Relay => "relay",
        }
    }

    /// The phase that [`Phase::as_str`] names.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [
            Self::Route,
            Self::Connect,
            Self::Request,
            Self::Head,
            Self::Body,
            Self::Relay,
        ]
        .into_iter()
        .find(|phase| phase.as_str() == name)
    }
}
