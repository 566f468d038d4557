//! Server-sent events, as the HTML standard defines `text/event-stream` (WHATWG HTML §9.2).
//!
//! Takes the decoded body of a response and gives [`Block`]s: an event, or a comment, or what the
//! stream held when it broke off, each with its span and its raw text. The spans of all blocks tile
//! the body, so that every byte can be shown and kept. It refuses to guess: a block above the limit
//! and the rest of a block after a loss are skipped to the next blank line, and say so.
//!
//! A block ends with the blank line's CR or LF, whichever comes first: an event is never held
//! back for a line feed that may follow. That line feed, and all other blank lines before the next
//! field or comment, begin the next block; so a block is complete when the *last* byte of its span
//! has arrived.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use memchr::{memchr, memchr2};

use super::{Fault, amount};

/// Decodes one event stream.
///
/// Push bytes, then call [`next`](Self::next) until it gives `None`; [`finish`](Self::finish) at
/// the end of the body, and [`resync`](Self::resync) where bytes are missing.
#[derive(Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent facts about the last bytes"
)]
pub struct Decoder {
    /// The longest block kept, in bytes.
    limit: u64,
    /// Bytes of the current block, and whatever came after it.
    buffer: BytesMut,
    /// Offset of the current block's first byte.
    start: u64,
    /// How much of the current block is not in `buffer`: missed, or dropped for its length.
    absent: u64,
    /// How much of `absent` never arrived.
    missed: u64,
    /// How much of `buffer` was looked at without finding the block's end.
    scanned: usize,
    /// The current block has a line that is not blank.
    has_content: bool,
    /// Nothing has come since the last line ending.
    at_line_start: bool,
    /// The last byte was a CR, so that an LF now belongs to the same line ending.
    after_cr: bool,
    /// No line has ended yet, so that a byte order mark may stand here.
    in_first_line: bool,
    /// No more bytes will come.
    is_finished: bool,
    /// The last event ID, which stays until a block sets another.
    last_id: Arc<str>,
    /// Blocks found when bytes were lost before the caller asked for them.
    ready: VecDeque<Block>,
}

/// A stretch of the stream up to and including a blank line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// Where it lies in the body, in bytes. The next block starts where this one ends.
    pub span: Range<u64>,
    /// The bytes of the span as they came; shorter than the span if some were missed, and empty if
    /// the block was too long to keep. They share the memory of all that was pushed with them, so
    /// copy what is to stay.
    pub raw: Bytes,
    /// What it says.
    pub kind: Kind,
    /// What is wrong with it.
    pub faults: Vec<Fault>,
}

/// What a [`Block`] says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// An event, dispatched.
    Event(Event),
    /// No event, for want of a `data` line: the comments in it, joined by line feeds; empty if it
    /// has only blank lines or other fields.
    Comment(String),
    /// What came after the last blank line when the stream ended or bytes were lost. A browser
    /// discards it.
    Unterminated(Event),
    /// Not read: it was too long, or bytes before it are missing.
    Skipped,
}

/// The fields of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Its type: the `event` field, or `message`.
    pub name: String,
    /// The `data` lines, joined by line feeds.
    pub data: String,
    /// The stream's last event ID as of this event, empty if none was ever set.
    pub id: Arc<str>,
    /// The reconnection time this block sets, in milliseconds.
    pub retry: Option<u64>,
}

impl Decoder {
    /// A decoder that keeps no block longer than `limit` bytes; see [`DEFAULT_LIMIT`].
    #[must_use]
    pub fn new(limit: u64) -> Self {
        Self {
            // The byte order mark must fit.
            limit: limit.max(16),
            buffer: BytesMut::new(),
            start: 0,
            absent: 0,
            missed: 0,
            scanned: 0,
            has_content: false,
            at_line_start: true,
            after_cr: false,
            in_first_line: true,
            is_finished: false,
            last_id: Arc::from(""),
            ready: VecDeque::new(),
        }
    }

    /// Takes the next bytes of the body.
    pub fn push(&mut self, chunk: &[u8]) {
        self.buffer.extend_from_slice(chunk);
    }

    /// The next block, or `None` if its end has not come yet.
    #[expect(
        clippy::should_implement_trait,
        reason = "None means not yet, not the end"
    )]
    pub fn next(&mut self) -> Option<Block> {
        if let Some(block) = self.ready.pop_front() {
            return Some(block);
        }
        if let Some(end) = self.scan() {
            return Some(self.take(end, true));
        }
        if self.is_finished {
            self.take_rest()
        } else {
            None
        }
    }

    /// The bytes of the block whose end has not come yet, once [`Decoder::next`] gave `None`, and
    /// where in the body it begins.
    #[must_use]
    pub fn pending(&self) -> (&[u8], u64) {
        (&self.buffer, self.start)
    }

    /// Says that the body has ended.
    pub fn finish(&mut self) {
        self.is_finished = true;
    }

    /// Says that `missed` bytes are lost after what was pushed so far. What is gathered becomes an
    /// unterminated block, and everything up to the next blank line is skipped.
    pub fn resync(&mut self, missed: u64) {
        if missed == 0 {
            return;
        }
        while let Some(end) = self.scan() {
            let block = self.take(end, true);
            self.ready.push_back(block);
        }
        let rest = self.take_rest();
        self.ready.extend(rest);
        self.absent = missed;
        self.missed = missed;
        self.has_content = true;
        // What was lost may have ended anywhere, so the next line ending is of no blank line.
        self.at_line_start = false;
        self.after_cr = false;
        self.in_first_line = false;
    }

    /// Looks on for the end of the current block, and gives its place in the buffer.
    fn scan(&mut self) -> Option<usize> {
        while let Some(&first) = self.buffer.get(self.scanned) {
            if std::mem::take(&mut self.after_cr) && first == b'\n' {
                self.scanned += 1;
                continue;
            }
            let rest = self.buffer.get(self.scanned..).unwrap_or_default();
            let Some(length) = memchr2(b'\r', b'\n', rest) else {
                self.scanned = self.buffer.len();
                self.at_line_start = false;
                break;
            };
            let is_mark = std::mem::take(&mut self.in_first_line)
                && self.buffer.get(..self.scanned + length) == Some(BYTE_ORDER_MARK);
            let is_blank = is_mark || (self.at_line_start && length == 0);
            self.after_cr = rest.get(length) == Some(&b'\r');
            self.scanned += length + 1;
            self.at_line_start = true;
            if !is_blank {
                self.has_content = true;
            } else if self.has_content {
                return Some(self.scanned);
            }
        }
        if self.buffer.len() as u64 > self.limit {
            self.absent += self.buffer.len() as u64;
            self.buffer.clear();
            self.scanned = 0;
            self.in_first_line = false;
        }
        None
    }

    /// Takes what is left as a block that no blank line ended.
    fn take_rest(&mut self) -> Option<Block> {
        if self.absent == 0 && self.buffer.is_empty() {
            return None;
        }
        // Bytes after the last line ending count as a line here.
        self.has_content |= !self.at_line_start;
        Some(self.take(self.buffer.len(), false))
    }

    /// Cuts the current block out of the buffer, up to `end`, and begins the next one.
    fn take(&mut self, end: usize, is_terminated: bool) -> Block {
        let length = self.absent + end as u64;
        let mut raw = self.buffer.split_to(end).freeze();
        let span = self.start..self.start + length;
        let mut faults = Vec::new();
        if self.missed > 0 {
            let missed = self.missed;
            let message = format!("{missed} bytes are missing, skipped to the next blank line");
            faults.push(Fault::new(span.start, message));
        }
        // Missing bytes took no memory, hence do not count against the limit.
        if length - self.missed > self.limit {
            let message = format!("block of more than {} skipped", amount(self.limit));
            faults.push(Fault::new(span.start, message));
            raw = Bytes::new();
        }
        let kind = if faults.is_empty() {
            self.read(&raw, is_terminated, &mut faults)
        } else {
            Kind::Skipped
        };
        self.start = span.end;
        self.absent = 0;
        self.missed = 0;
        self.scanned = 0;
        self.has_content = false;
        Block {
            span,
            raw,
            kind,
            faults,
        }
    }

    /// Reads a block's lines (WHATWG HTML §9.2.6).
    fn read(&mut self, raw: &[u8], is_terminated: bool, faults: &mut Vec<Fault>) -> Kind {
        let mut fields = Fields::default();
        let mut rest = raw;
        if self.start == 0 {
            rest = rest.strip_prefix(BYTE_ORDER_MARK).unwrap_or(rest);
        }
        while !rest.is_empty() {
            let length = memchr2(b'\r', b'\n', rest).unwrap_or(rest.len());
            let (line, after) = rest.split_at(length);
            // The halves of CR LF are taken for two line endings; blank lines say nothing here.
            rest = after.get(1..).unwrap_or_default();
            if let Err(error) = std::str::from_utf8(line)
                && faults.is_empty()
            {
                let place = raw.len() - after.len() - length + error.valid_up_to();
                faults.push(Fault::new(self.start + place as u64, "text is not UTF-8"));
            }
            fields.read(line);
        }
        if let Some(id) = fields.id {
            self.last_id = Arc::from(id);
        }
        let name = fields.name.filter(|name| !name.is_empty());
        let has_data = fields.data.is_some();
        let event = Event {
            name: name.unwrap_or_else(|| "message".to_owned()),
            data: fields.data.unwrap_or_default(),
            id: Arc::clone(&self.last_id),
            retry: fields.retry,
        };
        if !is_terminated && self.has_content {
            Kind::Unterminated(event)
        } else if has_data {
            Kind::Event(event)
        } else {
            Kind::Comment(fields.comment.unwrap_or_default())
        }
    }
}

impl Default for Decoder {
    fn default() -> Self {
        Self::new(DEFAULT_LIMIT)
    }
}

/// What the lines of a block set.
#[derive(Default)]
struct Fields {
    name: Option<String>,
    data: Option<String>,
    id: Option<String>,
    retry: Option<u64>,
    comment: Option<String>,
}

impl Fields {
    /// Reads a line: `:comment`, `name`, or `name:value` with one space after the colon dropped.
    fn read(&mut self, line: &[u8]) {
        let colon = memchr(b':', line).unwrap_or(line.len());
        let (name, value) = line.split_at(colon);
        let value = value.strip_prefix(b":").unwrap_or(value);
        let value = value.strip_prefix(b" ").unwrap_or(value);
        // Several times as fast as to look for what is not UTF-8.
        let value = match str::from_utf8(value) {
            Ok(text) => Cow::Borrowed(text),
            Err(_) => String::from_utf8_lossy(value),
        };
        match name {
            // Not a blank line: those have no colon.
            b"" if colon < line.len() => append(&mut self.comment, &value),
            b"event" => self.name = Some(value.into_owned()),
            b"data" => append(&mut self.data, &value),
            b"id" if !value.contains('\0') => self.id = Some(value.into_owned()),
            b"retry" => self.retry = milliseconds(&value).or(self.retry),
            _ => {}
        }
    }
}

/// Adds a line to those before it.
fn append(lines: &mut Option<String>, line: &str) {
    match lines {
        None => *lines = Some(line.to_owned()),
        Some(lines) => {
            lines.push('\n');
            lines.push_str(line);
        }
    }
}

/// A reconnection time: ASCII digits and nothing else.
fn milliseconds(value: &str) -> Option<u64> {
    if value.bytes().all(|byte| byte.is_ascii_digit()) {
        value.parse().ok()
    } else {
        None
    }
}

/// The longest block kept if the caller names no limit: 64 MiB.
pub const DEFAULT_LIMIT: u64 = 64 << 20;

/// U+FEFF in UTF-8, dropped at the beginning of a stream.
const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(text: &[u8]) -> Vec<Block> {
        let mut decoder = Decoder::default();
        decoder.push(text);
        decoder.finish();
        std::iter::from_fn(|| decoder.next()).collect()
    }

    fn kinds(text: &str) -> Vec<Kind> {
        decode(text.as_bytes())
            .into_iter()
            .map(|block| block.kind)
            .collect()
    }

    fn event(name: &str, data: &str) -> Kind {
        Kind::Event(of(name, data, ""))
    }

    fn of(name: &str, data: &str, id: &str) -> Event {
        Event {
            name: name.into(),
            data: data.into(),
            id: id.into(),
            retry: None,
        }
    }

    #[test]
    fn fields_make_an_event() {
        let cases = [
            ("data: a\n\n", event("message", "a")),
            ("data:a\ndata: b\ndata\n\n", event("message", "a\nb\n")),
            ("event: x\ndata:  two spaces\n\n", event("x", " two spaces")),
            ("event: x\nevent:\ndata: a\n\n", event("message", "a")),
            ("data\n\n", event("message", "")),
            (
                ":c\nunknown: 1\nDATA: no\ndata: a\n\n",
                event("message", "a"),
            ),
            ("\u{FEFF}data: a\n\n", event("message", "a")),
            ("\u{FEFF}\n\ndata: a\n\n", event("message", "a")),
            ("data: a\rdata: b\r\r", event("message", "a\nb")),
            ("id: 7\ndata: a\n\n", Kind::Event(of("message", "a", "7"))),
            ("id: 7\0\ndata: a\n\n", event("message", "a")),
            (":one\n: two\n\n", Kind::Comment("one\ntwo".into())),
            ("event: x\n\n", Kind::Comment(String::new())),
            (
                "event: x\ndata: {\ndata",
                Kind::Unterminated(of("x", "{\n", "")),
            ),
            ("data: a\n", Kind::Unterminated(of("message", "a", ""))),
        ];
        for (text, kind) in cases {
            assert_eq!(kinds(text), [kind], "{text:?}");
        }
    }

    #[test]
    fn retry_takes_digits_only() {
        let cases = [("12", Some(12)), ("+12", None), ("", None), ("1a", None)];
        for (value, retry) in cases {
            let blocks = kinds(&format!("retry: {value}\ndata\n\n"));
            let [Kind::Event(event)] = &blocks[..] else {
                panic!("{blocks:?}")
            };
            assert_eq!(event.retry, retry, "{value:?}");
        }
    }

    #[test]
    fn an_id_stays_until_it_is_set_again() {
        let blocks = kinds("id: 1\n\ndata: a\n\nid\ndata: b\n\n");
        let ids = [
            Kind::Comment(String::new()),
            Kind::Event(of("message", "a", "1")),
            event("message", "b"),
        ];
        assert_eq!(blocks, ids);
    }

    #[test]
    fn an_event_does_not_wait_for_the_line_feed_after_its_blank_line() {
        let mut decoder = Decoder::default();
        decoder.push(b"data: a\r\n\r");
        assert_eq!(decoder.next().map(|block| block.span), Some(0..10));
        decoder.push(b"\n");
        assert_eq!(decoder.next(), None);
        decoder.push(b"data: b\r\n\r");
        let block = decoder.next().expect("the second event");
        assert_eq!((block.span, block.kind), (10..21, event("message", "b")));
        assert_eq!(&block.raw[..], b"\ndata: b\r\n\r");
        decoder.push(b"\n");
        decoder.finish();
        assert_eq!(
            decoder.next().map(|rest| rest.kind),
            Some(Kind::Comment(String::new()))
        );
        assert_eq!(decoder.next(), None);
    }

    #[test]
    fn bytes_that_are_not_utf8_are_replaced_and_told() {
        let blocks = decode(b"data: ok\ndata: a\xFFb\n\n");
        assert_eq!(blocks[0].kind, event("message", "ok\na\u{FFFD}b"));
        assert_eq!(blocks[0].faults, [Fault::new(16, "text is not UTF-8")]);
    }

    #[test]
    fn a_block_above_the_limit_is_skipped_to_the_next_blank_line() {
        let mut decoder = Decoder::new(16);
        let found: Vec<_> = b"data: 0123456789abcdef\ndata: b\n\n"
            .iter()
            .filter_map(|byte| {
                decoder.push(&[*byte]);
                let block = decoder.next();
                assert!(decoder.buffer.len() <= 16);
                block
            })
            .collect();
        let [block] = <[Block; 1]>::try_from(found).expect("the long block");
        assert_eq!(
            (block.span, block.kind, block.raw),
            (0..32, Kind::Skipped, Bytes::new())
        );
        assert_eq!(
            block.faults,
            [Fault::new(0, "block of more than 16 bytes skipped")]
        );
        decoder.push(b"data: c\n\n");
        assert_eq!(
            decoder.next().map(|block| block.kind),
            Some(event("message", "c"))
        );
    }

    #[test]
    fn a_loss_is_skipped_to_the_next_blank_line() {
        let mut decoder = Decoder::default();
        decoder.push(b"data: a\n\ndata: b");
        decoder.resync(100);
        decoder.push(b"\ndata: c\n\ndata: d\n\n");
        decoder.finish();
        let blocks: Vec<_> = std::iter::from_fn(|| decoder.next()).collect();
        let found: Vec<_> = blocks
            .iter()
            .map(|b| (b.span.clone(), b.kind.clone()))
            .collect();
        let expected = [
            (0..9, event("message", "a")),
            (9..16, Kind::Unterminated(of("message", "b", ""))),
            (16..126, Kind::Skipped),
            (126..135, event("message", "d")),
        ];
        assert_eq!(found, expected);
        assert_eq!(&blocks[2].raw[..], b"\ndata: c\n\n");
    }
}
