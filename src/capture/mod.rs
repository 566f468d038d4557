//! Captures: flows as lines of JSON in a file, written while they happen, read back as they were.
//!
//! [`line()`] turns a flow into one line; [`Writer`] appends lines to a file on a thread of its own;
//! [`Reader`] and [`load`] turn files into a [`crate::flow::Store`] again; [`save`] writes chosen
//! flows to a file of their own. `docs/capture-format.md` describes the format for people,
//! `docs/capture.schema.json` for programs.
//!
//! Nothing is masked here: what a flow holds was masked where it entered the program, and a capture
//! says what the flow says. Nothing is decoded here either: a line carries texts and times, and
//! what they mean is found again by the decoders that read live traffic.

mod counted;
mod decode;
mod encode;
mod excerpt;
mod frames;
mod glance;
mod intake;
mod journal;
mod payload;
mod read;
mod record;
mod recording;
mod recover;
mod rest;
mod retention;
mod row;
mod scan;
mod selection;
mod shelf;
mod spill;
mod stream;
mod torn;
mod writer;

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::tap::At;

pub use encode::line;
pub use intake::{Intake, Item};
pub use read::{Line, Lines, Loaded, Reader, Skipped, load};
pub use recording::{Recording, Written};
pub use recover::{Recovery, absolute, journals, recover};
pub use retention::{Hold, Policy, Removed, clean};
pub use scan::{Piece, Start, scan};
pub use selection::{Existing, Failure, Saved, put, save, whole};
pub use shelf::Shelf;
pub use spill::Spillway;
pub use stream::{Choice, Stream};
pub use torn::set_aside;
pub use writer::{Status, Writer};

/// Why a capture could not be written or read at all.
#[derive(thiserror::Error, Debug)]
pub enum Error {
    /// The file or its directory could not be created, opened or written.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The file could not be opened or read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// There is a file of this name already, and it was not to be replaced.
    #[error("cannot write {}: the file exists", .0.display())]
    Exists(PathBuf),
    /// A flow could not be put into JSON: a time outside the years that dates can name.
    #[error("cannot write flow {name} as JSON: {source}")]
    Encode {
        /// The flow's name.
        name: String,
        /// What is wrong with it.
        source: serde_json::Error,
    },
}

/// The file name of a capture that begins at `at`, such as `2026-01-31T18-05-09Z.jsonl`.
#[must_use]
pub fn file_name(at: At) -> String {
    record::timestamp(at).map_or_else(
        || format!("{}.jsonl", at.as_micros()),
        |at| at.strftime("%Y-%m-%dT%H-%M-%SZ.jsonl").to_string(),
    )
}

/// A file of mode 0600 in `directory` that has no name and is gone with the program, to be written and read.
///
/// # Errors
/// What creating the file gives.
pub fn nameless(directory: &Path) -> io::Result<File> {
    let (file, path) = create_beside(&directory.join("codextap"))?;
    std::fs::remove_file(path)?;
    Ok(file)
}

/// A new hidden file of mode 0600 in the directory of `path`, to be renamed to it; and its own path. What is left of a
/// process with the same id does not matter.
///
/// # Errors
/// What creating the file gives; `path` without a file name.
pub fn create_beside(path: &Path) -> io::Result<(File, PathBuf)> {
    let name = path
        .file_name()
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "it is no file name"))?;
    let mut options = OpenOptions::new();
    options.read(true).write(true).create_new(true).mode(0o600);
    let process = std::process::id();
    let mut attempt = 0_u32;
    loop {
        let mut temporary = std::ffi::OsString::from(".");
        temporary.push(name);
        temporary.push(format!(".{process}-{attempt}.tmp"));
        let temporary = path.with_file_name(temporary);
        match options.open(&temporary) {
            Ok(file) => return Ok((file, temporary)),
            // Another thread is making one at this moment, or was stopped before it was done.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && attempt < ATTEMPTS => {
                attempt += 1;
            }
            Err(error) => return Err(error),
        }
    }
}

/// How many names are tried for a file.
const ATTEMPTS: u32 = 16;

/// How many bytes of lines are kept in memory while the file cannot be written.
pub const BACKLOG: u64 = 256 << 20;

/// The version of the format that this program writes and reads.
pub const VERSION: u32 = 1;
