//! What is to be said in an exchange, and where it is broken off: all of it follows from its number,
//! so that both ends and the reader of the capture know it without telling each other.

use crate::content;
use crate::random::Random;

/// One request and its answer, or one WebSocket connection.
pub(crate) struct Exchange {
    /// Its number, which its request carries in `X-Soak`.
    pub(crate) id: u64,
    /// What it is.
    pub(crate) kind: Kind,
    /// What the client says, and what the upstream answers; several times on a WebSocket.
    pub(crate) rounds: Vec<Round>,
    /// The bodies as they are on the wire, without their framing; none on a WebSocket.
    pub(crate) bodies: [Vec<u8>; 2],
    /// The status of the answer.
    pub(crate) status: u16,
    /// Events of an event stream, or messages of a WebSocket: sent by the client, and by the upstream.
    pub(crate) messages: [u64; 2],
    /// Model responses on a WebSocket.
    pub(crate) turns: u64,
    /// The connection ends with it.
    pub(crate) closes: bool,
    /// What goes wrong.
    pub(crate) fault: Option<Fault>,
    /// How fast the two ends are.
    pub(crate) paces: [Pace; 2],
}

/// What an exchange is, as the report counts them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Kind {
    /// JSON both ways.
    Json,
    /// An event stream as the answer.
    Events,
    /// A WebSocket.
    Socket,
    /// An upgrade that is refused.
    Refused,
}

/// What goes up, and then down.
#[derive(Default)]
pub(crate) struct Round {
    pub(crate) up: Vec<u8>,
    pub(crate) down: Vec<u8>,
}

/// The two ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum End {
    Client,
    Upstream,
}

/// What goes wrong.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Fault {
    /// An end goes away.
    Cut { end: End, point: Point, how: How },
    /// The request has two framings.
    MalformedRequest,
    /// The answer has two lengths.
    MalformedAnswer,
    /// Nobody listens at the upstream.
    Dead,
}

/// When an end goes away.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Point {
    /// When so many of its bytes are sent.
    Sent(usize),
    /// When so many bytes are received.
    Received(usize),
}

/// How an end goes away.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum How {
    /// By closing its socket.
    Close,
    /// With a reset.
    Reset,
}

/// How fast an end is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Pace {
    /// As fast as it goes.
    Fast,
    /// It writes in pieces, with pauses between them.
    Slow,
    /// It stops reading for a while.
    Stalls,
}

impl Exchange {
    /// The exchange with this number; `host` is the upstream's.
    pub(crate) fn new(seed: u64, id: u64, host: &str) -> Self {
        let mut random = Random::new(seed, id);
        let mut exchange = match random.below(100) {
            0..50 => content::json(id, host, &mut random),
            50..80 => content::events(id, host, &mut random),
            80..95 => content::socket(id, host, &mut random),
            _ => content::refused(id, host, &mut random),
        };
        for pace in &mut exchange.paces {
            *pace = match random.below(100) {
                0..3 => Pace::Slow,
                3..5 => Pace::Stalls,
                _ => Pace::Fast,
            };
        }
        if random.chance(25) {
            exchange.fault = Some(exchange.spoil(&mut random));
        }
        exchange
    }

    /// Chooses a fault and puts it in.
    fn spoil(&mut self, random: &mut Random) -> Fault {
        let is_http = matches!(self.kind, Kind::Json | Kind::Events);
        match random.below(12) {
            0 if is_http => {
                content::insert_field(
                    &mut self.rounds[0].up,
                    "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n",
                );
                Fault::MalformedRequest
            }
            1 if is_http => {
                content::insert_field(
                    &mut self.rounds[0].down,
                    "Content-Length: 3\r\nContent-Length: 4\r\n",
                );
                Fault::MalformedAnswer
            }
            2 => {
                let up = &mut self.rounds[0].up;
                let at = up.iter().position(|byte| *byte == b'/').unwrap();
                up.splice(at..at + 3, *b"/dead");
                Fault::Dead
            }
            _ => {
                let end = random.one(&[End::Client, End::Upstream]);
                let [up, down] = self.lengths();
                let (sent, received) = match end {
                    End::Client => (up, down),
                    End::Upstream => (down, up),
                };
                // The upstream knows what to do when it has the head.
                let least = if end == End::Upstream {
                    self.head_length()
                } else {
                    0
                };
                let point = if random.chance(50) || (received == least) {
                    Point::Sent(random.below(sent))
                } else {
                    Point::Received(least + random.below(received - least))
                };
                let how = random.one(&[How::Close, How::Reset]);
                Fault::Cut { end, point, how }
            }
        }
    }

    /// Bytes in all: of the client, and of the upstream.
    pub(crate) fn lengths(&self) -> [usize; 2] {
        let sum = |of: fn(&Round) -> usize| self.rounds.iter().map(of).sum();
        [sum(|round| round.up.len()), sum(|round| round.down.len())]
    }

    /// Of the request.
    pub(crate) fn head_length(&self) -> usize {
        content::head_length(&self.rounds[0].up)
    }

    /// Whether the upstream must get to know of it, and the capture too.
    pub(crate) fn arrival(&self) -> [Arrival; 2] {
        match self.fault {
            None | Some(Fault::MalformedAnswer) => [Arrival::Once; 2],
            Some(Fault::MalformedRequest | Fault::Dead) => [Arrival::Never, Arrival::Once],
            Some(Fault::Cut {
                end: End::Client,
                point: Point::Sent(at),
                ..
            }) if at < self.head_length() => [Arrival::Never; 2],
            // A client that does not wait for an answer may be gone before there is a connection.
            Some(Fault::Cut {
                end: End::Client,
                point: Point::Received(0),
                how: How::Close,
            }) => [Arrival::Perhaps, Arrival::Once],
            // A reset overtakes what was sent before it.
            Some(Fault::Cut {
                end: End::Client,
                how: How::Reset,
                ..
            }) => [Arrival::Perhaps; 2],
            Some(Fault::Cut {
                end: End::Client,
                point: Point::Sent(_),
                ..
            }) => [Arrival::Perhaps, Arrival::Once],
            Some(Fault::Cut { .. }) => [Arrival::Once; 2],
        }
    }

    /// Whether the proxy may answer with `status` itself.
    pub(crate) fn admits(&self, status: &[u8]) -> bool {
        match self.fault {
            None => false,
            Some(Fault::MalformedRequest) => status == b"400",
            Some(Fault::Cut {
                end: End::Client, ..
            }) => status == b"502" || status == b"400",
            Some(_) => status == b"502",
        }
    }
}

/// Whether something comes to an end of its way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Arrival {
    Once,
    Perhaps,
    Never,
}
