//! Large captures, quickly: the summaries of a file's lines and where they stand, found by all
//! processors at once and given in order, a piece of the file after the other.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::sync_channel;

use super::excerpt::{Excerpt, WHOLE};
use super::glance::{Glanced, glance};
use super::intake::{Item, Kept};
use super::read::{Line, MAX_LINE, Skipped};
use crate::flow::Place;

/// What a piece of a file held.
#[derive(Debug)]
pub struct Piece {
    /// The flows, in the order of their lines.
    pub items: Vec<Item>,
    /// The lines that could not be read.
    pub skipped: Vec<Skipped>,
    /// Where the piece ends, in bytes from the start of the file.
    pub end: u64,
    /// How many lines stand before that.
    pub lines: u64,
}

/// From where a file is read.
#[derive(Clone, Copy, Default, Debug)]
pub struct Start {
    /// Bytes before the first line that is wanted.
    pub offset: u64,
    /// How many lines those are.
    pub lines: u64,
}

/// Reads a regular file from `start` to its end; of one that `grows`, to its last line break. It is called
/// `name` where a line is skipped, and is number `source` of a shelf. `take` is given one piece after
/// the other, and says whether it wants more. Gives where to go on once the file has grown.
///
/// # Errors
/// What reading the file gives.
pub fn scan(
    file: &File,
    name: &str,
    source: u32,
    start: Start,
    grows: bool,
    take: impl FnMut(Piece) -> bool,
) -> io::Result<Start> {
    SIZES.scan(file, name, source, start, grows, take)
}

impl Sizes {
    fn scan(
        self,
        file: &File,
        name: &str,
        source: u32,
        start: Start,
        grows: bool,
        mut take: impl FnMut(Piece) -> bool,
    ) -> io::Result<Start> {
        let name: Arc<str> = Arc::from(name);
        let len = file.metadata()?.len();
        let pieces = self.pieces(start.offset, len);
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let (next, threads) = (
            AtomicUsize::new(0),
            threads.min(MAX_THREADS).min(pieces.len()),
        );
        let mut at = start;
        std::thread::scope(|scope| {
            // Bounded, so that pieces do not pile up behind a slow taker.
            let (send, parts) = sync_channel(threads);
            for _ in 0..threads {
                let (send, name) = (send.clone(), Arc::clone(&name));
                let (next, pieces) = (&next, &pieces);
                scope.spawn(move || {
                    loop {
                        let index = next.fetch_add(1, Ordering::Relaxed);
                        let Some((from, to)) = pieces.get(index).copied() else {
                            return;
                        };
                        let part = Part::read(
                            Window::new(file, self),
                            source,
                            &name,
                            (from, to),
                            start.offset,
                            grows,
                        );
                        if send.send((index, part)).is_err() {
                            return;
                        }
                    }
                });
            }
            drop(send);
            let mut early = BTreeMap::new();
            let mut due = 0;
            for (index, part) in parts {
                early.insert(index, part);
                while let Some(part) = early.remove(&due) {
                    due += 1;
                    let part = part?;
                    let is_last = part.is_torn;
                    let piece = part.into_piece(&name, at.lines);
                    at = Start {
                        offset: piece.end,
                        lines: piece.lines,
                    };
                    // What follows a torn line is its rest.
                    if !take(piece) || is_last {
                        next.store(pieces.len(), Ordering::Relaxed);
                        return Ok(at);
                    }
                }
            }
            Ok(at)
        })
    }

    /// The file in pieces, the first one small so that there is something to show at once.
    fn pieces(self, start: u64, len: u64) -> Vec<(u64, u64)> {
        let mut pieces = Vec::new();
        let mut from = start;
        let mut size = self.first;
        while from < len {
            let to = len.min(from + size);
            pieces.push((from, to));
            from = to;
            size = self.piece;
        }
        pieces
    }
}

/// A piece, before it is known how many lines stand before it.
struct Part {
    items: Vec<Item>,
    /// Lines that could not be read: their number from 0, and why.
    skipped: Vec<(u64, String)>,
    lines: u64,
    end: u64,
    /// Whether it ends where a line is still being written.
    is_torn: bool,
}

impl Part {
    /// Reads the lines that begin in `from..to`. Only at `first` does a line begin in any case.
    fn read(
        mut window: Window<'_>,
        source: u32,
        name: &Arc<str>,
        (from, to): (u64, u64),
        first: u64,
        grows: bool,
    ) -> io::Result<Self> {
        window.offset = from.max(first + 1) - 1;
        let mut part = Self {
            items: Vec::new(),
            skipped: Vec::new(),
            lines: 0,
            end: from,
            is_torn: false,
        };
        if from > first {
            // The line that began before belongs to the piece before; it may end in a later one.
            window.skip(to)?;
        }
        part.end = part.end.max(window.offset);
        while window.offset < to {
            let offset = window.offset;
            let Some(line) = window.line()? else {
                break;
            };
            if line.is_torn && grows {
                part.is_torn = true;
                break;
            }
            part.end = window.offset;
            let number = part.lines;
            part.lines += 1;
            match line.read(glance) {
                Ok(None) => {}
                Ok(Some(Glanced {
                    summary,
                    connection,
                })) => part.items.push(Item {
                    kept: Kept::Brief(Box::new(summary)),
                    connection,
                    place: Some(Place {
                        source,
                        len: line.len,
                        offset,
                    }),
                    file: Arc::clone(name),
                    line: number,
                }),
                Err(why) => part.skipped.push((number, why)),
            }
        }
        Ok(part)
    }

    fn into_piece(mut self, name: &str, before: u64) -> Piece {
        for item in &mut self.items {
            item.line += before + 1;
        }
        let skipped = self.skipped.into_iter();
        let skipped = skipped.map(|(line, why)| Skipped::new(name, before + line + 1, &why));
        Piece {
            items: self.items,
            skipped: skipped.collect(),
            end: self.end,
            lines: before + self.lines,
        }
    }
}

/// Lines of a file from some byte on.
struct Window<'a> {
    file: &'a File,
    sizes: Sizes,
    /// Where the next line begins.
    offset: u64,
    /// Bytes of the file from `offset` on.
    bytes: Vec<u8>,
    /// How many of them belong to lines that were given.
    given: usize,
}

impl<'a> Window<'a> {
    /// All lines of the file.
    fn new(file: &'a File, sizes: Sizes) -> Self {
        Self {
            file,
            sizes,
            offset: 0,
            bytes: Vec::new(),
            given: 0,
        }
    }

    /// The next line; `None` at the end of the file.
    fn line(&mut self) -> io::Result<Option<Line>> {
        let mut seen = 0;
        loop {
            let rest = &self.bytes[self.given..];
            let end = memchr::memchr(b'\n', &rest[seen..]).map(|end| seen + end);
            seen = end.unwrap_or(rest.len());
            if seen as u64 >= self.sizes.whole {
                return self.long_line().map(Some);
            }
            if let Some(end) = end {
                let bytes = rest[..end].to_vec();
                return Ok(Some(self.give(bytes, 1)));
            }
            if self.fill()? == 0 {
                let bytes = self.bytes[self.given..].to_vec();
                if bytes.is_empty() {
                    return Ok(None);
                }
                let line = self.give(bytes, 0);
                return Ok(Some(Line {
                    is_torn: true,
                    ..line
                }));
            }
        }
    }

    /// The next line, which is not read as a whole at once.
    fn long_line(&mut self) -> io::Result<Line> {
        let (mut excerpt, offset) = (Excerpt::default(), self.offset);
        loop {
            let rest = &self.bytes[self.given..];
            let end = memchr::memchr(b'\n', rest);
            let part = &rest[..end.unwrap_or(rest.len())];
            excerpt.push(part);
            let passed = part.len() + usize::from(end.is_some());
            self.given += passed;
            self.offset += passed as u64;
            let is_too_long = excerpt.kept() >= self.sizes.line;
            if is_too_long && end.is_none() {
                self.skip(u64::MAX)?;
            }
            let is_torn = !is_too_long && end.is_none() && self.fill()? == 0;
            if is_too_long || end.is_some() || is_torn {
                let len = excerpt.len();
                let bytes = excerpt.into_bytes();
                return Ok(Line {
                    offset,
                    len,
                    bytes: if is_too_long { Vec::new() } else { bytes },
                    is_torn,
                    is_too_long,
                    ..Line::default()
                });
            }
        }
    }

    fn give(&mut self, bytes: Vec<u8>, line_break: usize) -> Line {
        let offset = self.offset;
        self.given += bytes.len() + line_break;
        self.offset += (bytes.len() + line_break) as u64;
        Line {
            offset,
            len: bytes.len() as u64,
            bytes,
            ..Line::default()
        }
    }

    /// Passes over the rest of a line, as far as it stands before `to`.
    fn skip(&mut self, to: u64) -> io::Result<()> {
        while self.offset < to {
            let rest = &self.bytes[self.given..];
            let end = memchr::memchr(b'\n', rest);
            let passed = end.map_or(rest.len(), |end| end + 1);
            self.given += passed;
            self.offset += passed as u64;
            if end.is_some() || self.fill()? == 0 {
                break;
            }
        }
        Ok(())
    }

    /// Reads on; gives how many bytes there were.
    fn fill(&mut self) -> io::Result<usize> {
        self.bytes.drain(..self.given);
        self.given = 0;
        let known = self.bytes.len();
        self.bytes.resize(known + self.sizes.buffer, 0);
        let read = loop {
            let at = self.offset + known as u64;
            match self.file.read_at(&mut self.bytes[known..], at) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => break read?,
            }
        };
        self.bytes.truncate(known + read);
        Ok(read)
    }
}

/// How a file is cut up; what comes of it is the same with any of them.
#[derive(Clone, Copy, Debug)]
struct Sizes {
    /// Bytes of the first piece.
    first: u64,
    /// Bytes of every other piece.
    piece: u64,
    /// Bytes that are read at once.
    buffer: usize,
    /// A line of so many bytes is not read as a whole at once.
    whole: u64,
    /// So many bytes, what is left out of a line aside, are more than it may have.
    line: u64,
}

const SIZES: Sizes = Sizes {
    first: 256 << 10,
    piece: 4 << 20,
    buffer: 1 << 20,
    whole: WHOLE,
    line: MAX_LINE,
};
/// More threads than this would wait for the disk.
const MAX_THREADS: usize = 8;

#[cfg(test)]
mod tests;
