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
    let failed = |source| Error::Write {
        path: path.to_owned(),
        source,
    };
    if existing == Existing::Keep && path.symlink_metadata().is_ok() {
        return Err(Error::Exists(path.to_owned()));
    }
    let (file, temporary) = create_beside(path).map_err(failed)?;
    let saved = write(file, store, shelf, ids, failed).and_then(|saved| {
        put(&temporary, path, existing).map_err(|source| match source.kind() {
            ErrorKind::AlreadyExists => Error::Exists(path.to_owned()),
            _ => failed(source),
        })?;
        Ok(saved)
    });
    if saved.is_err() {
        // The first failure is the one to tell.
        let _ = fs::remove_file(&temporary);
    }
    saved
}

fn write(
    file: File,
    store: &Store,
    shelf: &Shelf,
    ids: impl IntoIterator<Item = FlowId>,
    failed: impl Fn(io::Error) -> Error,
) -> Result<Saved, Error> {
    let mut out = Counted {
        out: BufWriter::with_capacity(BUFFER, file),
        bytes: 0,
    };
    let mut saved = Saved::default();
    for id in ids {
        let before = out.bytes;
        match (store.get(id), store.place(id)) {
            (Some(flow), place) if flow.is_at_hand() || place.is_none() => {
                check(flow)?;
                let connection = name_of_connection(flow, store);
                write_line(&mut out, flow, connection.as_deref())
                    .map_err(|source| failed(source.into()))?;
            }
            (_, Some(place)) => copy(&mut out, shelf, place, retold(store, id)).map_err(&failed)?,
            _ => {
                let why = "a flow is neither in memory nor in the capture any more";
                return Err(failed(io::Error::other(why)));
            }
        }
        out.write_all(b"\n").map_err(&failed)?;
        saved.lines += 1;
        saved.bytes += out.bytes - before;
    }
    let file = out
        .out
        .into_inner()
        .map_err(|error| failed(error.into_error()))?;
    file.sync_all().map_err(&failed)?;
    Ok(saved)
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
fn put(temporary: &Path, path: &Path, existing: Existing) -> io::Result<()> {
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
