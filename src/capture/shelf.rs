//! The files that a capture's lines stand in, kept open: whatever happens to their names, a flow can
//! be read back from where its line was written.

use std::fs::{self, File, Metadata};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileExt, MetadataExt as _};
use std::path::Path;
use std::sync::Arc;

use super::decode::{Entry, entry};
use super::excerpt::Excerpt;
use super::read::MAX_LINE;
use crate::flow::{Flow, Place};
use crate::responses::Request;

/// Open files, by [`Place::source`]. A clone is cheap and shares them.
#[derive(Clone, Default, Debug)]
pub struct Shelf {
    sources: Vec<Arc<File>>,
}

impl Shelf {
    /// Takes another file; gives its number.
    pub fn add(&mut self, file: Arc<File>) -> u32 {
        self.sources.push(file);
        self.sources.len() as u32 - 1
    }

    /// Whether `path` leads to one of them.
    #[must_use]
    pub fn has(&self, path: &Path) -> bool {
        let identity = |file: &Metadata| (file.dev(), file.ino());
        let is_same = |file: &Arc<File>, there: &Metadata| {
            file.metadata()
                .is_ok_and(|file| identity(&file) == identity(there))
        };
        fs::metadata(path).is_ok_and(|there| self.sources.iter().any(|file| is_same(file, &there)))
    }

    /// The bytes of a line, without its line break and without what does not stay in memory of a long
    /// body; or why they are not there, in one line.
    pub fn line(&self, place: Place) -> Result<Vec<u8>, String> {
        let mut excerpt = Excerpt::default();
        self.each(place, |part| {
            excerpt.push(part);
            if excerpt.kept() < MAX_LINE {
                Ok(())
            } else {
                Err(io::Error::new(
                    ErrorKind::InvalidData,
                    "its line is too long",
                ))
            }
        })
        .map_err(|error| format!("byte {} of the capture: {error}", place.offset))?;
        Ok(excerpt.into_bytes())
    }

    /// Gives all of a line, without its line break, to `take`, part by part.
    ///
    /// # Errors
    /// What reading the file gives, and what `take` gives.
    pub fn each(
        &self,
        place: Place,
        mut take: impl FnMut(&[u8]) -> io::Result<()>,
    ) -> io::Result<()> {
        let source = self.sources.get(place.source as usize);
        let source = source.ok_or_else(|| io::Error::other("its file is not open"))?;
        let mut part = vec![0; place.len.min(PART) as usize];
        let mut at = 0;
        while at < place.len {
            let part = &mut part[..(place.len - at).min(PART) as usize];
            source.read_exact_at(part, place.offset + at)?;
            take(part)?;
            at += part.len() as u64;
        }
        Ok(())
    }

    /// The flow called `name` that stands at `place`; or why it does not, in one line. Its id, and
    /// that of its connection, are not set.
    pub fn read(&self, place: Place, name: &str) -> Result<Flow, String> {
        Self::decode(&self.line(place)?, place, name)
    }

    /// The same with the flow's request, as it was read for the flow.
    pub fn read_asked(&self, place: Place, name: &str) -> Result<(Flow, Option<Request>), String> {
        Self::entry(&self.line(place)?, place, name).map(|entry| (entry.flow, entry.request))
    }

    /// The flow of a line that was read already.
    pub fn decode(line: &[u8], place: Place, name: &str) -> Result<Flow, String> {
        Self::entry(line, place, name).map(|entry| entry.flow)
    }

    fn entry(line: &[u8], place: Place, name: &str) -> Result<Entry, String> {
        let changed = |what: &str| {
            let offset = place.offset;
            format!("the capture was changed: byte {offset} is {what}")
        };
        let entry = entry(line).map_err(|why| changed(&why))?;
        if entry.flow.name == name {
            Ok(entry)
        } else {
            Err(changed("another flow"))
        }
    }
}

/// How much of a line is read at once.
const PART: u64 = 1 << 20;
