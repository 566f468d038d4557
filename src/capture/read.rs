//! Captures as flows again: every line that can be read is, and every other one is named.
//!
//! A [`Reader`] takes any number of files and keeps all of every flow; [`scan()`](super::scan()) keeps their
//! summaries.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;
use std::sync::Arc;

use super::Error;
use super::decode::entry;
use super::excerpt::Excerpt;
use super::intake::{Intake, Item, Kept};
use crate::flow::Store;

/// What captures held.
#[derive(Default, Debug)]
pub struct Loaded {
    /// The flows.
    pub store: Store,
    /// The lines that could not be read.
    pub skipped: Vec<Skipped>,
}

/// A line that could not be read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Skipped {
    /// The file, as it was named.
    pub file: String,
    /// The line's number, from 1.
    pub line: u64,
    /// What is wrong with it, in a few words.
    pub why: String,
}

impl Skipped {
    /// Line number `line` of `file`. The reason may quote the file: what would break a line or act
    /// on a terminal is taken out of it.
    pub(super) fn new(file: &str, line: u64, why: &str) -> Self {
        let is_odd = |c: char| c.is_control() || matches!(c, '\u{2028}'..='\u{202e}');
        let plain = |c| {
            if is_odd(c) {
                char::REPLACEMENT_CHARACTER
            } else {
                c
            }
        };
        Self {
            file: file.to_owned(),
            line,
            why: why.chars().take(LONGEST_WHY).map(plain).collect(),
        }
    }
}

impl std::fmt::Display for Skipped {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}: {}", self.file, self.line, self.why)
    }
}

/// Reads one capture.
///
/// # Errors
/// [`Error::Read`] when the file cannot be opened or read; never for what its lines hold.
pub fn load(path: &Path) -> Result<Loaded, Error> {
    let mut reader = Reader::default();
    reader.file(path)?;
    Ok(reader.finish())
}

/// Reads captures whole: call [`Reader::file`] or [`Reader::lines`] for each, then
/// [`Reader::finish`].
#[derive(Default)]
pub struct Reader {
    store: Store,
    intake: Intake,
    skipped: Vec<Skipped>,
}

impl Reader {
    /// Reads a file.
    ///
    /// # Errors
    /// [`Error::Read`] when it cannot be opened or read; never for what its lines hold.
    pub fn file(&mut self, path: &Path) -> Result<(), Error> {
        let failed = |source| Error::Read {
            path: path.to_owned(),
            source,
        };
        let file = File::open(path).map_err(failed)?;
        let source = BufReader::with_capacity(BUFFER, file);
        self.lines(&path.display().to_string(), source)
            .map_err(failed)
    }

    /// Reads lines from anything; `file` is what to call it where a line is skipped.
    ///
    /// # Errors
    /// What reading `source` gives.
    pub fn lines(&mut self, file: &str, source: impl BufRead) -> io::Result<()> {
        let file: Arc<str> = Arc::from(file);
        for line in Lines::new(source) {
            if let Err(skipped) = self.line(&file, &line?) {
                self.skipped.push(skipped);
            }
        }
        Ok(())
    }

    fn line(&mut self, file: &Arc<str>, line: &Line) -> Result<(), Skipped> {
        let entry = line
            .read(entry)
            .map_err(|why| Skipped::new(file, line.number, &why))?;
        let Some(entry) = entry else {
            return Ok(());
        };
        let item = Item {
            kept: Kept::Whole(Box::new(entry.flow)),
            connection: entry.connection,
            place: None,
            file: Arc::clone(file),
            line: line.number,
        };
        self.intake.take(&mut self.store, item)
    }

    /// All flows, and the lines that were skipped.
    #[must_use]
    pub fn finish(self) -> Loaded {
        Loaded {
            store: self.store,
            skipped: self.skipped,
        }
    }
}

/// A line of a file, whatever it holds.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Line {
    /// Its number, from 1.
    pub number: u64,
    /// Where it begins, in bytes from the start of the file.
    pub offset: u64,
    /// How long it is, without the line break.
    pub len: u64,
    /// Its bytes without the line break, and without what does not stay in memory of a long body; cut off
    /// when that is too long still.
    pub bytes: Vec<u8>,
    /// Whether the file ends without a line break after it.
    pub is_torn: bool,
    /// Whether it is longer than a line may be.
    pub is_too_long: bool,
}

impl Line {
    /// What `parse` makes of it, nothing if it is blank; or why it cannot be read, in a few words.
    pub(super) fn read<T>(
        &self,
        parse: impl FnOnce(&[u8]) -> Result<T, String>,
    ) -> Result<Option<T>, String> {
        if self.is_too_long {
            return Err(format!("longer than {} MiB", MAX_LINE >> 20));
        }
        if self.bytes.trim_ascii().is_empty() {
            return Ok(None);
        }
        match parse(&self.bytes) {
            Err(_) if self.is_torn => Err("torn: the file ends within this line".to_owned()),
            parsed => parsed.map(Some),
        }
    }
}

/// The lines of a file, one at a time.
#[derive(Debug)]
pub struct Lines<R> {
    source: R,
    number: u64,
    offset: u64,
}

impl<R: BufRead> Lines<R> {
    /// The lines that `source` gives from here on.
    pub fn new(source: R) -> Self {
        Self {
            source,
            number: 0,
            offset: 0,
        }
    }

    fn line(&mut self) -> io::Result<Option<Line>> {
        let mut excerpt = Excerpt::default();
        let (is_whole, has_room) = excerpt.read(&mut self.source, MAX_LINE)?;
        let len = excerpt.len();
        if len == 0 && !is_whole {
            return Ok(None);
        }
        let mut bytes = excerpt.into_bytes();
        if !has_room {
            bytes.truncate(KEPT);
        }
        let offset = self.offset;
        self.number += 1;
        self.offset += len + u64::from(is_whole);
        Ok(Some(Line {
            number: self.number,
            offset,
            len,
            bytes,
            is_torn: !is_whole && has_room,
            is_too_long: !has_room,
        }))
    }
}

impl<R: BufRead> Iterator for Lines<R> {
    type Item = io::Result<Line>;

    fn next(&mut self) -> Option<Self::Item> {
        self.line().transpose()
    }
}

/// Characters of a reason.
const LONGEST_WHY: usize = 300;

/// The longest line that is read, what is left out of it aside: a file that is no capture cannot fill the
/// memory.
pub(super) const MAX_LINE: u64 = 256 << 20;

/// What is kept of a longer one.
const KEPT: usize = 256;

/// How much of a file is read at once.
const BUFFER: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_named_after_its_beginning() {
        let at = crate::tap::At::from_micros(1_749_988_800_000_005);
        assert_eq!(crate::capture::file_name(at), "2025-06-15T12-00-00Z.jsonl");
    }

    #[test]
    fn lines_know_their_number_and_place() {
        let lines: Vec<Line> = Lines::new(&b"ab\n\nc\nto"[..])
            .map(Result::unwrap)
            .collect();
        let places: Vec<_> = lines
            .iter()
            .map(|line| (line.number, line.offset))
            .collect();
        assert_eq!(places, [(1, 0), (2, 3), (3, 4), (4, 6)]);
        assert_eq!(lines[3].bytes, b"to");
        assert_eq!(
            lines.iter().map(|line| line.is_torn).collect::<Vec<_>>(),
            [false, false, false, true]
        );
    }

    #[test]
    fn a_reason_is_one_plain_line_whatever_it_quotes() {
        let file = concat!(r#"{"v":1,"kind":"a\nb\u001b[2J"}"#, "\n");
        let mut reader = Reader::default();
        reader.lines("f", file.as_bytes()).unwrap();
        let why = &reader.finish().skipped[0].why;
        assert!(why.contains("a\u{fffd}b\u{fffd}[2J"), "{why}");
        assert!(!why.contains(char::is_control), "{why}");
    }

    #[test]
    fn every_skipped_line_is_named_with_its_reason() {
        let file = "{\"v\":1,\"kind\":\"http\"}\n\nhello\n[1]\n{\"v\":9,\"kind\":\"x\"}\n\
                    {\"event\":\"message\"}\n{\"v\":1,\"ki";
        let mut reader = Reader::default();
        reader.lines("f", file.as_bytes()).unwrap();
        let loaded = reader.finish();
        assert!(loaded.store.flows().is_empty());
        let skipped: Vec<String> = loaded.skipped.iter().map(ToString::to_string).collect();
        let expected = [
            "f:1: missing field",
            "f:3: not JSON",
            "f:4: JSON, but not a flow",
            "f:5: version 9 of the format",
            "f:6: JSON, but not a flow",
            "f:7: torn",
        ];
        assert_eq!(skipped.len(), expected.len(), "{skipped:#?}");
        for (skipped, expected) in skipped.iter().zip(expected) {
            assert!(skipped.starts_with(expected), "{skipped} / {expected}");
        }
    }
}
