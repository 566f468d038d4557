//! The shape of a slot: records of what was told, one behind the other.
//!
//! A record is its length (4 bytes), a letter that says what it is, its fields, and [`END`]. Numbers are
//! little-endian; texts and bytes have their length in front. Behind the last record the file ends or is zero, so a record
//! that was torn by a kill lacks its end.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, Bytes};
use http::Version;

use crate::tap::channel::Told;
use crate::tap::clock::At;
use crate::tap::event::{Connection, Direction, End, ExchangeId, Failure, Kind, Phase, Side};
use crate::tap::head::{Lines, Unmasked};

/// What a record says.
pub(super) enum Record {
    /// Whose slot it is: the first record.
    Begun(ExchangeId),
    /// What was told, and when.
    Told(At, Told),
    /// What stands for all that was told before: how far that went in bytes, when, and the rest itself.
    Rested(u64, At, Bytes),
    /// A turn that is not to stand in the capture.
    LeftOut(u32),
}

/// Adds the record that a slot begins with.
pub(super) fn begin(out: &mut Vec<u8>, exchange: ExchangeId) {
    framed(out, BEGUN, |out| put_u64(out, exchange.0));
}

/// Adds bytes that were forwarded, or will be.
pub(super) fn data(out: &mut Vec<u8>, at: At, dir: Direction, bytes: &[u8]) {
    timed(out, DATA, at, |out| {
        put_dir(out, dir);
        out.extend_from_slice(bytes);
    });
}

/// Adds what stands for all that was told before, which went as far as `relayed`.
pub(super) fn rested(out: &mut Vec<u8>, at: At, relayed: u64, rest: &[u8]) {
    timed(out, RESTED, at, |out| {
        put_u64(out, relayed);
        out.extend_from_slice(rest);
    });
}

/// Adds a turn that is not to stand in the capture.
pub(super) fn left_out(out: &mut Vec<u8>, turn: u32) {
    framed(out, LEFT_OUT, |out| out.extend(turn.to_le_bytes()));
}

/// Adds what was told; nothing of what [`data`] has, and nothing of copies that were missed, because here
/// none are.
pub(super) fn told(out: &mut Vec<u8>, at: At, told: &Told) {
    match told {
        Told::Kind(kind) => add(out, at, kind),
        Told::Unmasked(head) => add_unmasked(out, at, head),
    }
}

fn add(out: &mut Vec<u8>, at: At, kind: &Kind) {
    match kind {
        Kind::Opened {
            connection,
            client,
            upstream,
        } => timed(out, OPENED, at, |out| {
            put(out, client.to_string().as_bytes());
            put(out, upstream.as_bytes());
            put_u64(out, *connection);
        }),
        Kind::Connected(connection) => timed(out, CONNECTED, at, |out| {
            out.push(u8::from(connection.is_reused));
            put(
                out,
                connection.proxy.as_deref().unwrap_or_default().as_bytes(),
            );
            for time in [connection.dns, connection.connect, connection.tls] {
                // No time is that long.
                let micros = time.map_or(u64::MAX, |time| time.as_micros() as u64);
                put_u64(out, micros);
            }
        }),
        Kind::Upgraded => timed(out, UPGRADED, at, |_| {}),
        Kind::Failed(failure) => timed(out, FAILED, at, |out| {
            out.push(u8::from(failure.side == Side::Upstream));
            put(out, failure.phase.as_str().as_bytes());
            put(out, failure.message.as_bytes());
        }),
        Kind::Ended { dir, how } => timed(out, ENDED, at, |out| {
            put_dir(out, *dir);
            out.push(u8::from(*how == End::Complete));
        }),
        Kind::Request(_)
        | Kind::Response(_)
        | Kind::Trailers { .. }
        | Kind::Data { .. }
        | Kind::Missed { .. } => {}
    }
}

fn add_unmasked(out: &mut Vec<u8>, at: At, head: &Unmasked) {
    match head {
        Unmasked::Request {
            method,
            target,
            version,
            lines,
        } => timed(out, REQUEST, at, |out| {
            put(out, method.as_bytes());
            put(out, target.as_bytes());
            put_head(out, *version, lines);
        }),
        Unmasked::Response {
            status,
            version,
            lines,
        } => timed(out, RESPONSE, at, |out| {
            out.extend(status.to_le_bytes());
            put_head(out, *version, lines);
        }),
        Unmasked::Trailers { dir, lines } => timed(out, TRAILERS, at, |out| {
            put_dir(out, *dir);
            put_head(out, Version::HTTP_11, lines);
        }),
    }
}

/// Adds a record about a moment.
fn timed(out: &mut Vec<u8>, letter: u8, at: At, fields: impl FnOnce(&mut Vec<u8>)) {
    framed(out, letter, |out| {
        put_u64(out, at.as_micros());
        fields(out);
    });
}

fn framed(out: &mut Vec<u8>, letter: u8, fields: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend([0; LENGTH]);
    out.push(letter);
    fields(out);
    out.push(END);
    // A slot is far shorter than 4 GiB.
    let length = (out.len() - start - LENGTH) as u32;
    out[start..start + LENGTH].copy_from_slice(&length.to_le_bytes());
}

fn put(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend((bytes.len() as u32).to_le_bytes());
    out.extend_from_slice(bytes);
}

fn put_u64(out: &mut Vec<u8>, number: u64) {
    out.extend(number.to_le_bytes());
}

fn put_dir(out: &mut Vec<u8>, dir: Direction) {
    out.push(u8::from(dir == Direction::In));
}

fn put_head(out: &mut Vec<u8>, version: Version, lines: &Lines) {
    let version = VERSIONS.iter().position(|known| *known == version);
    out.push(version.unwrap_or_default() as u8);
    let lines = lines.iter();
    out.extend((lines.len() as u32).to_le_bytes());
    for (name, value) in lines {
        put(out, name.as_bytes());
        put(out, value);
    }
}

/// The records of a slot, up to the first that is not whole.
pub(super) fn records(mut slot: Bytes) -> impl Iterator<Item = Record> {
    std::iter::from_fn(move || {
        let length = slot.get(..LENGTH)?.try_into().ok()?;
        let length = u32::from_le_bytes(length) as usize;
        slot.advance(LENGTH);
        if length < 2 || length > slot.len() {
            return None;
        }
        let mut fields = slot.split_to(length);
        let is_whole = fields.last() == Some(&END);
        fields.truncate(length - 1);
        let record = Fields(fields).record();
        record.filter(|_| is_whole)
    })
}

/// The fields of a record; each can be read once.
struct Fields(Bytes);

impl Fields {
    fn record(mut self) -> Option<Record> {
        let letter = self.byte()?;
        match letter {
            BEGUN => return Some(Record::Begun(ExchangeId(self.u64()?))),
            LEFT_OUT => return Some(Record::LeftOut(self.u32()?)),
            _ => {}
        }
        let at = At::from_micros(self.u64()?);
        if letter == RESTED {
            return Some(Record::Rested(self.u64()?, at, self.0));
        }
        let told = match letter {
            OPENED => {
                let client: SocketAddr = self.text()?.parse().ok()?;
                let upstream = Arc::from(self.text()?);
                let opened = Kind::Opened {
                    // Older ones end before it.
                    connection: self.u64().unwrap_or_default(),
                    client,
                    upstream,
                };
                opened.into()
            }
            REQUEST => {
                let (method, target) = (self.text()?, self.text()?);
                let (version, lines) = self.head()?;
                let head = Unmasked::Request {
                    method,
                    target,
                    version,
                    lines,
                };
                head.into()
            }
            CONNECTED => {
                let is_reused = self.byte()? > 0;
                let proxy = Some(self.text()?).filter(|proxy| !proxy.is_empty());
                let mut times = [None; 3];
                for time in &mut times {
                    let micros = Some(self.u64()?).filter(|micros| *micros != u64::MAX);
                    *time = micros.map(Duration::from_micros);
                }
                let [dns, connect, tls] = times;
                Kind::Connected(Connection {
                    is_reused,
                    proxy: proxy.map(Arc::from),
                    dns,
                    connect,
                    tls,
                })
                .into()
            }
            RESPONSE => {
                let status = self.take(2)?;
                let status = u16::from_le_bytes(status.get(..)?.try_into().ok()?);
                let (version, lines) = self.head()?;
                let head = Unmasked::Response {
                    status,
                    version,
                    lines,
                };
                head.into()
            }
            UPGRADED => Kind::Upgraded.into(),
            DATA => {
                let dir = self.dir()?;
                Kind::Data { dir, bytes: self.0 }.into()
            }
            TRAILERS => {
                let dir = self.dir()?;
                let (_, lines) = self.head()?;
                Unmasked::Trailers { dir, lines }.into()
            }
            FAILED => {
                let side = match self.byte()? {
                    0 => Side::Client,
                    _ => Side::Upstream,
                };
                let phase = Phase::from_name(&self.text()?)?;
                Kind::Failed(Failure {
                    side,
                    phase,
                    message: self.text()?,
                })
                .into()
            }
            ENDED => {
                let dir = self.dir()?;
                let how = match self.byte()? {
                    0 => End::Aborted,
                    _ => End::Complete,
                };
                Kind::Ended { dir, how }.into()
            }
            _ => return None,
        };
        Some(Record::Told(at, told))
    }

    fn take(&mut self, len: usize) -> Option<Bytes> {
        (len <= self.0.len()).then(|| self.0.split_to(len))
    }

    fn byte(&mut self) -> Option<u8> {
        self.take(1)?.first().copied()
    }

    fn u32(&mut self) -> Option<u32> {
        Some(u32::from_le_bytes(self.take(4)?.get(..)?.try_into().ok()?))
    }

    fn u64(&mut self) -> Option<u64> {
        Some(u64::from_le_bytes(self.take(8)?.get(..)?.try_into().ok()?))
    }

    fn bytes(&mut self) -> Option<Bytes> {
        let len = self.u32()? as usize;
        self.take(len)
    }

    fn text(&mut self) -> Option<String> {
        String::from_utf8(self.bytes()?.into()).ok()
    }

    fn dir(&mut self) -> Option<Direction> {
        Some(match self.byte()? {
            0 => Direction::Out,
            _ => Direction::In,
        })
    }

    fn head(&mut self) -> Option<(Version, Lines)> {
        let version = *VERSIONS.get(usize::from(self.byte()?))?;
        let mut lines = Vec::new();
        for _ in 0..self.u32()? {
            lines.push((self.text()?, self.bytes()?));
        }
        let lines = lines
            .iter()
            .map(|(name, value)| (name.as_str(), &value[..]));
        Some((version, Lines::of(lines)))
    }
}

/// The versions that a head may have; what is none of them is taken for the first.
const VERSIONS: [Version; 5] = [
    Version::HTTP_11,
    Version::HTTP_10,
    Version::HTTP_2,
    Version::HTTP_3,
    Version::HTTP_09,
];

/// Bytes of a record's length.
const LENGTH: usize = 4;
/// The last byte of a record. What was never written is zero.
const END: u8 = b'\n';

const BEGUN: u8 = b'b';
const OPENED: u8 = b'o';
const REQUEST: u8 = b'q';
const CONNECTED: u8 = b'c';
const RESPONSE: u8 = b's';
const UPGRADED: u8 = b'u';
const DATA: u8 = b'd';
const TRAILERS: u8 = b't';
const FAILED: u8 = b'f';
const ENDED: u8 = b'e';
const RESTED: u8 = b'r';
const LEFT_OUT: u8 = b'l';
