//! Chosen flows in a file of their own: the whole file appears at once, or none.

use std::fs::{self, File};
use std::io::{self, BufWriter, ErrorKind, Write};
use std::path::Path;

use super::counted::Counted;
use super::encode::{check, name_of_connection, tail, write_line};
use super::{Error, Shelf, create_beside};
use crate::flow::{FlowId, Place, Store};

/// What to do when there is a file of that name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Existing {
    /// Leave it and fail.
    Keep,
    /// Put the new file in its place.
    Replace,
}

/// What was saved.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Saved {
    /// Lines, one per flow.
    pub lines: u64,
    /// Bytes of the file.
    pub bytes: u64,
}

/// Saves the flows called `ids` to a file of mode 0600, in that order.
///
/// A connection is saved as it is, without its turns unless they are named too. What is no longer
/// in memory is copied from the capture's files, the `shelf`.
///
/// # Errors
/// [`Error::Exists`] when the file exists and is to be kept, [`Error::Write`] when writing fails,
/// [`Error::Encode`] when a flow cannot be written as JSON. The file is then as it was before.
pub fn save(
    path: &Path,
    store: &Store,
    shelf: &Shelf,
    ids: impl IntoIterator<Item = FlowId>,
    existing: Existing,
) -> Result<Saved, Error> {
    whole(path, existing, |out| {
        let mut out = Counted { out, bytes: 0 };
        let mut saved = Saved::default();
        for id in ids {
            let before = out.bytes;
            match (store.get(id), store.place(id)) {
                (Some(flow), place) if flow.is_at_hand() || place.is_none() => {
                    check(flow)?;
                    let connection = name_of_connection(flow, store);
                    write_line(&mut out, flow, connection.as_deref()).map_err(io::Error::from)?;
                }
                (_, Some(place)) => copy(&mut out, shelf, place, retold(store, id))?,
                _ => {
                    let why = "a flow is neither in memory nor in the capture any more";
                    return Err(io::Error::other(why).into());
                }
            }
            out.write_all(b"\n")?;
            saved.lines += 1;
            saved.bytes += out.bytes - before;
        }
        Ok::<_, Failure>(saved)
    })
}

/// Writes a file of mode 0600 that appears as a whole or not at all.
///
/// # Errors
/// As [`save`]; what `write` fails with.
pub fn whole<T, E: Into<Failure>>(
    path: &Path,
    existing: Existing,
    write: impl FnOnce(&mut BufWriter<File>) -> Result<T, E>,
) -> Result<T, Error> {
    let failed = |source| Error::Write {
        path: path.to_owned(),
        source,
    };
    if existing == Existing::Keep && path.symlink_metadata().is_ok() {
        return Err(Error::Exists(path.to_owned()));
    }
    let (file, temporary) = create_beside(path).map_err(failed)?;
    let mut out = BufWriter::with_capacity(BUFFER, file);
    let written = write(&mut out).map_err(Into::into).and_then(|written| {
        let file = out.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.sync_all()?;
        Ok(written)
    });
    let written = written.map_err(|failure| match failure {
        Failure::Write(source) => failed(source),
        Failure::Encode(error) => error,
    });
    let written = written.and_then(|written| {
        put(&temporary, path, existing).map_err(|source| match source.kind() {
            ErrorKind::AlreadyExists => Error::Exists(path.to_owned()),
            _ => failed(source),
        })?;
        Ok(written)
    });
    if written.is_err() {
        // The first failure is the one to tell.
        let _ = fs::remove_file(&temporary);
    }
    written
}

/// Why the text of a file could not be written.
#[derive(Debug)]
pub enum Failure {
    /// The device did not take it, or what it is made from could not be read.
    Write(io::Error),
    /// A flow could not be put into it.
    Encode(Error),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Write(error)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Encode(error)
    }
}

/// The ends of a line whose flow got another comment since: what it has, and what it is to have.
fn retold(store: &Store, id: FlowId) -> Option<[String; 2]> {
    let before = store.comment_in_line(id)?;
    let summary = store.summary(id)?;
    Some([tail(before), tail(summary.comment.as_deref())])
}

/// Copies a line, with another end if there is one.
fn copy(
    out: &mut impl Write,
    shelf: &Shelf,
    place: Place,
    ends: Option<[String; 2]>,
) -> io::Result<()> {
    let Some([old, new]) = ends else {
        return shelf.each(place, |part| out.write_all(part));
    };
    let len = place.len.saturating_sub(old.len() as u64);
    let end = Place {
        len: place.len - len,
        offset: place.offset + len,
        ..place
    };
    let mut found = Vec::new();
    shelf.each(end, |part| found.write_all(part))?;
    if found != old.as_bytes() {
        let why = "a line of the capture does not end as it did, so no comment can be put there";
        return Err(io::Error::other(why));
    }
    shelf.each(Place { len, ..place }, |part| out.write_all(part))?;
    out.write_all(new.as_bytes())
}

/// Gives the finished file its name.
///
/// # Errors
/// [`ErrorKind::AlreadyExists`] where another file has that name and is to be kept; what the system gives.
pub fn put(temporary: &Path, path: &Path, existing: Existing) -> io::Result<()> {
    match existing {
        Existing::Replace => fs::rename(temporary, path),
        // Unlike a rename, a link never replaces a file that came in the meantime.
        Existing::Keep => match fs::hard_link(temporary, path) {
            Ok(()) => fs::remove_file(temporary),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Err(error),
            Err(_) => fs::rename(temporary, path),
        },
    }
}

/// Lines shorter than this are written together.
const BUFFER: usize = 256 << 10;
