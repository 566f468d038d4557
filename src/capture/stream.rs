//! Which flows are written, and a file of their own for chosen ones while they end.

use std::fmt;
use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::writer::Entry;
use super::{Error, Writer, Written};
use crate::flow::{Flow, Store};

/// Says of a flow that ended whether it is meant.
pub struct Choice(Box<Passes>);

/// Says whether a flow of a store passes.
type Passes = dyn Fn(&Flow, &Store) -> bool + Send;

impl Choice {
    /// Those that pass this, which is told the store that they are of.
    #[must_use]
    pub fn new(passes: impl Fn(&Flow, &Store) -> bool + Send + 'static) -> Self {
        Self(Box::new(passes))
    }

    /// Whether the flow is meant.
    pub(super) fn has(&self, flow: &Flow, store: &Store) -> bool {
        (self.0)(flow, store)
    }
}

impl fmt::Debug for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Choice")
    }
}

/// Writes flows that are chosen to a file as they end, beside the capture and as it does.
#[derive(Debug)]
pub struct Stream {
    writer: Writer,
    choice: Choice,
}

impl Stream {
    /// Opens a file, or creates it as [`Writer::open`] does. Lines are added to what a capture holds
    /// already; up to `backlog` bytes wait in memory while writing fails. Waits for the disk.
    ///
    /// # Errors
    /// [`Error::Write`] when the file cannot be opened for appending, is no capture, or is `capture`,
    /// the file that all flows go to.
    pub fn open(
        path: &Path,
        backlog: u64,
        choice: Choice,
        capture: Option<&Path>,
    ) -> Result<Self, Error> {
        may_be_added_to(path, capture).map_err(|source| Error::Write {
            path: path.to_owned(),
            source,
        })?;
        Ok(Self {
            writer: Writer::open(path, backlog)?,
            choice,
        })
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.writer.path()
    }

    /// Whether the flow is to be written.
    pub(super) fn has(&self, flow: &Flow, store: &Store) -> bool {
        self.choice.has(flow, store)
    }

    /// Takes a line, without its line break.
    pub(super) fn write(&mut self, line: Entry) {
        self.writer.take(line);
    }

    /// Has the lines written that were taken. Never waits.
    pub(super) fn flush(&mut self) {
        self.writer.flush();
    }

    /// What is wrong with writing at the moment, in one line.
    pub fn problem(&mut self) -> Option<String> {
        // Nobody reads back from it.
        drop(self.writer.news());
        self.writer.status().problem()
    }

    /// Writes what is waiting and closes the file. Waits for the disk.
    #[must_use]
    pub fn finish(self) -> Written {
        let path = self.writer.path().to_owned();
        let mut status = self.writer.finish();
        status.error = status.problem();
        Written { path, status }
    }
}

/// Whether a file is new, empty, or a capture other than `capture`.
fn may_be_added_to(path: &Path, capture: Option<&Path>) -> io::Result<()> {
    let identity = |path: &Path| path.metadata().ok().map(|file| (file.dev(), file.ino()));
    let metadata = match path.metadata() {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        metadata => metadata?,
    };
    // The capture may be empty still.
    if identity(path) == capture.and_then(identity) {
        return Err(io::Error::other("all flows are written there already"));
    }
    if !metadata.is_file() || metadata.len() == 0 {
        return Ok(());
    }
    let mut start = Vec::new();
    File::open(path)?
        .take(LINE.len() as u64)
        .read_to_end(&mut start)?;
    if start != LINE {
        return Err(io::Error::other("the file exists and is no capture"));
    }
    Ok(())
}

/// How each line of a capture begins.
const LINE: &[u8] = b"{\"v\":";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_capture_itself_is_refused_empty_or_not() {
        let directory = tempfile::tempdir().unwrap();
        let capture = directory.path().join("capture.jsonl");
        for content in [&b""[..], b"{\"v\":1}\n"] {
            std::fs::write(&capture, content).unwrap();
            let error = may_be_added_to(&capture, Some(&capture)).unwrap_err();
            assert_eq!(error.to_string(), "all flows are written there already");
        }
        may_be_added_to(&directory.path().join("new.jsonl"), Some(&capture)).unwrap();
    }
}
