//! The files that a capture's lines stand in, kept open: whatever happens to their names, a flow can
//! be read back from where its line was written.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use super::decode::entry;
use crate::flow::{Flow, Place};

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

    /// The bytes of a line, without its line break; or why they are not there, in one line.
    pub fn line(&self, place: Place) -> Result<Vec<u8>, String> {
        let source = self
            .sources
            .get(place.source as usize)
            .ok_or("its capture is not open")?;
        let mut line = vec![0; place.len as usize];
        source
            .read_exact_at(&mut line, place.offset)
            .map_err(|error| format!("byte {} of the capture: {error}", place.offset))?;
        Ok(line)
    }

    /// The flow called `name` that stands at `place`; or why it does not, in one line. Its id, and
    /// that of its connection, are not set.
    pub fn read(&self, place: Place, name: &str) -> Result<Flow, String> {
        Self::decode(&self.line(place)?, place, name)
    }

    /// The same of a line that was read already.
    pub fn decode(line: &[u8], place: Place, name: &str) -> Result<Flow, String> {
        let changed = |what: &str| {
            let offset = place.offset;
            format!("the capture was changed: byte {offset} is {what}")
        };
        let entry = entry(line).map_err(|why| changed(&why))?;
        if entry.flow.name == name {
            Ok(entry.flow)
        } else {
            Err(changed("another flow"))
        }
    }
}
