//! One end of an exchange: says its part, and holds what it hears against the plan.

use std::io::ErrorKind;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use crate::plan::{End, Exchange, Fault, How, Pace, Point};

/// A connection as one end has it.
pub(crate) struct Connection {
    stream: TcpStream,
    /// Received and not yet looked at.
    pub(crate) buffer: Vec<u8>,
}

/// What an end has to say about an exchange.
#[derive(Debug)]
pub(crate) struct Note {
    pub(crate) id: u64,
    pub(crate) end: End,
    /// Bytes sent, as far as the plan goes.
    pub(crate) sent: usize,
    /// Bytes received, which were those of the plan.
    pub(crate) received: usize,
    /// How it went.
    pub(crate) outcome: Outcome,
}

/// How an exchange went at one end.
#[derive(PartialEq, Eq, Debug)]
pub(crate) enum Outcome {
    /// As planned, to its end.
    Whole,
    /// This end went away, as planned.
    Cut,
    /// The other end went away.
    Ended,
    /// The proxy answered itself.
    Answered,
    /// It must not be like that.
    Wrong(String),
}

impl Connection {
    pub(crate) fn new(stream: TcpStream) -> Self {
        stream.set_nodelay(true).unwrap();
        Self {
            stream,
            buffer: Vec::new(),
        }
    }

    /// Waits for bytes; 0 is the end, `Err` a hang.
    pub(crate) async fn fill(&mut self) -> Result<usize, String> {
        let read = timeout(LIMIT, self.stream.read_buf(&mut self.buffer)).await;
        let read = read.map_err(|_| "nothing came for a minute".to_owned())?;
        // A reset is an end as well.
        Ok(read.unwrap_or(0))
    }

    /// The same without a limit: the next request may be long in coming.
    pub(crate) async fn wait(&mut self) -> usize {
        self.stream.read_buf(&mut self.buffer).await.unwrap_or(0)
    }

    /// Plays `end` of the exchange.
    pub(crate) async fn play(&mut self, exchange: &Exchange, end: End) -> Note {
        let mut note = Note {
            id: exchange.id,
            end,
            sent: 0,
            received: 0,
            outcome: Outcome::Whole,
        };
        let cut = match exchange.fault {
            Some(Fault::Cut { end: of, point, .. }) if of == end => Some(point),
            _ => None,
        };
        let pace = exchange.paces[end as usize];
        for round in &exchange.rounds {
            let steps = match end {
                End::Client => [(true, &round.up), (false, &round.down)],
                End::Upstream => [(false, &round.up), (true, &round.down)],
            };
            for (sends, bytes) in steps {
                let done = if sends { note.sent } else { note.received };
                let most = match cut {
                    Some(Point::Sent(at)) if sends => at - done,
                    Some(Point::Received(at)) if !sends => at - done,
                    _ => usize::MAX,
                };
                let part = &bytes[..bytes.len().min(most)];
                let stopped = if sends {
                    self.send(part, pace, &mut note.sent).await
                } else {
                    self.receive(part, pace, exchange, &mut note.received).await
                };
                if let Err(outcome) = stopped {
                    note.outcome = outcome;
                    return note;
                }
                if part.len() < bytes.len() {
                    note.outcome = Outcome::Cut;
                    return note;
                }
            }
        }
        note
    }

    async fn send(&mut self, bytes: &[u8], pace: Pace, sent: &mut usize) -> Result<(), Outcome> {
        let piece = match pace {
            Pace::Slow => bytes.len() / 8 + 1,
            Pace::Fast | Pace::Stalls => bytes.len().max(1),
        };
        for piece in bytes.chunks(piece) {
            let mut rest = piece;
            while !rest.is_empty() {
                match timeout(LIMIT, self.stream.write(rest)).await {
                    Ok(Ok(written)) => {
                        *sent += written;
                        rest = &rest[written..];
                    }
                    Ok(Err(error)) if ENDS.contains(&error.kind()) => {
                        // What the other end said before it went may still be there.
                        return Ok(());
                    }
                    Ok(Err(error)) => return Err(Outcome::Wrong(error.to_string())),
                    Err(_) => {
                        return Err(Outcome::Wrong("nothing was taken for a minute".to_owned()));
                    }
                }
            }
            if pace == Pace::Slow {
                sleep(PAUSE).await;
            }
        }
        Ok(())
    }

    async fn receive(
        &mut self,
        bytes: &[u8],
        pace: Pace,
        exchange: &Exchange,
        received: &mut usize,
    ) -> Result<(), Outcome> {
        let mut rest = bytes;
        if pace == Pace::Stalls {
            sleep(STALL).await;
        }
        while !rest.is_empty() {
            if self.buffer.is_empty() {
                match self.fill().await {
                    Ok(0) => return Err(Outcome::Ended),
                    Ok(_) => {}
                    Err(hang) => return Err(Outcome::Wrong(hang)),
                }
            }
            let len = rest.len().min(self.buffer.len());
            if self.buffer[..len] != rest[..len] {
                let is_first = *received == 0;
                return Err(self.own_answer(exchange, is_first).await);
            }
            self.buffer.drain(..len);
            *received += len;
            rest = &rest[len..];
        }
        Ok(())
    }

    /// What came is not what was planned: perhaps an answer of the proxy's, which is then read whole.
    async fn own_answer(&mut self, exchange: &Exchange, is_first: bool) -> Outcome {
        let has_head = |buffer: &[u8]| memchr::memmem::find(buffer, b"\r\n\r\n").is_some();
        while is_first && !has_head(&self.buffer) && matches!(self.fill().await, Ok(1..)) {}
        let status = self.buffer.get(9..12).unwrap_or_default();
        if is_first && self.buffer.starts_with(b"HTTP/1.1 ") && exchange.admits(status) {
            return Outcome::Answered;
        }
        let start = &self.buffer[..self.buffer.len().min(200)];
        Outcome::Wrong(format!("received {:?}", String::from_utf8_lossy(start)))
    }

    /// Waits for the end that has to come now.
    pub(crate) async fn ended(&mut self) -> Result<(), String> {
        match (self.buffer.len(), self.fill().await?) {
            (0, 0) => Ok(()),
            _ => Err("bytes behind the end".to_owned()),
        }
    }

    /// Goes away as the exchange has it.
    pub(crate) fn leave(self, exchange: &Exchange) {
        if matches!(
            exchange.fault,
            Some(Fault::Cut {
                how: How::Reset,
                ..
            })
        ) {
            let _ = self.stream.set_zero_linger();
        }
    }
}

/// What a write says when the other end is gone.
const ENDS: [ErrorKind; 2] = [ErrorKind::BrokenPipe, ErrorKind::ConnectionReset];

/// Longer than this nothing may take.
const LIMIT: Duration = Duration::from_secs(60);

const PAUSE: Duration = Duration::from_millis(20);
const STALL: Duration = Duration::from_millis(400);
