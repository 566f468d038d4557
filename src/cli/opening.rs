//! Captures from files and pipes, plain or compressed, on a thread of its own: what was read is told piece
//! by piece, so that the first flows are on the screen at once.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Seek as _, Write};
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::error::Error;
use super::source::{Source, Spool};
use crate::capture::{Start, line, nameless, scan};
use crate::export::{is_archive, read_archive};
use crate::flow::Store;
use crate::tap::Redactor;
use crate::tui::Loading;

/// Begins to read the files, one after another; with `follows`, what is added to them as well, until the
/// receiver is dropped. `-` is the standard input. What other programs wrote (HAR) is masked.
pub(super) fn open(
    paths: &[PathBuf],
    follows: bool,
    redactor: Redactor,
) -> Result<UnboundedReceiver<Loading>, Error> {
    let (tell, told) = unbounded_channel();
    let mut files = Vec::new();
    for path in paths {
        match Source::open(path) {
            Ok(source) => files.push(source),
            Err(error) => {
                let why = format!("cannot read {}: {error}", path.display());
                // The receiver is at hand.
                let _ = tell.send(Loading::Failed(why));
            }
        }
    }
    let opening = Opening {
        files,
        follows,
        shelved: 0,
        done: 0,
        redactor,
        tell,
    };
    std::thread::Builder::new()
        .name("opening".to_owned())
        .spawn(move || opening.run())
        .map_err(|error| Error::new(format!("cannot start a thread: {error}")))?;
    Ok(told)
}

/// The thread that reads.
struct Opening {
    files: Vec<Source>,
    follows: bool,
    /// How many files are on the shelf.
    shelved: u32,
    /// Bytes of files that were read.
    done: u64,
    /// Masks what other programs have written.
    redactor: Redactor,
    tell: UnboundedSender<Loading>,
}

/// A file that what is added to is read of, too.
struct Growing {
    source: Source,
    /// The number of its lines' file on the shelf.
    number: u32,
    end: Start,
}

impl Opening {
    fn run(mut self) {
        let sizes = self.files.iter().map(|source| {
            let metadata = source.file.metadata();
            metadata.map_or(0, |metadata| metadata.len())
        });
        let total = sizes.sum();
        let mut growing = Vec::new();
        for source in std::mem::take(&mut self.files) {
            let name = source.name.clone();
            match self.read_all(source, total) {
                Ok(file) => growing.extend(file),
                Err(error) => self.fail(&name, &error),
            }
        }
        self.send(Loading::Done);
        while !growing.is_empty() && !self.tell.is_closed() {
            std::thread::sleep(FOLLOW);
            let mut followed = Vec::new();
            for file in std::mem::take(&mut growing) {
                let name = file.source.name.clone();
                match self.follow(file) {
                    Ok(file) => followed.extend(file),
                    Err(error) => self.fail(&name, &error),
                }
            }
            growing = followed;
        }
    }

    /// Reads a file; gives it if it is to be followed.
    fn read_all(&mut self, source: Source, total: u64) -> io::Result<Option<Growing>> {
        if !source.is_plain() {
            return self.spool(source, total).map(|()| None);
        }
        if let Some(lines) = lines_of_archive(&source.file, &self.redactor)? {
            let number = self.shelve(&Arc::new(lines.try_clone()?));
            let start = Start::default();
            return self
                .read(&lines, &source.name, number, start, false, total)
                .map(|_| None);
        }
        let number = self.shelve(&Arc::new(source.file.try_clone()?));
        let (start, follows) = (Start::default(), self.follows);
        let end = self.read(&source.file, &source.name, number, start, follows, total)?;
        Ok(follows.then_some(Growing {
            source,
            number,
            end,
        }))
    }

    /// Reads what comes through a pipe or is compressed, as it comes.
    fn spool(&mut self, source: Source, total: u64) -> io::Result<()> {
        let name = source.name.clone();
        let mut spool = Spool::new(source)?;
        let (mut number, mut end, mut is_har) = (None, Start::default(), false);
        while !spool.is_over && !self.tell.is_closed() {
            let most = if number.is_some() { PIECE } else { FIRST_PIECE };
            if let Some(why) = spool.take(most)? {
                if spool.len == 0 {
                    return Err(io::Error::new(io::ErrorKind::InvalidData, why));
                }
                self.send(Loading::Noted(format!(
                    "{name} is cut off or broken ({why}): what stands before that is shown"
                )));
            }
            // What it is shows once there is enough of it.
            if number.is_none() && !is_har {
                let mut beginning = [0; BEGINNING];
                let read = spool.file.read_at(&mut beginning, 0)?;
                if read < BEGINNING && !spool.is_over {
                    continue;
                }
                is_har = is_archive(&beginning[..read]);
            }
            if is_har {
                continue;
            }
            let file = match number {
                Some(number) => number,
                None => self.shelve(&Arc::new(spool.file.try_clone()?)),
            };
            number = Some(file);
            end = self.read(&spool.file, &name, file, end, !spool.is_over, total)?;
        }
        if is_har && let Some(lines) = lines_of_archive(&spool.file, &self.redactor)? {
            let number = self.shelve(&Arc::new(lines.try_clone()?));
            self.read(&lines, &name, number, end, false, total)?;
        }
        Ok(())
    }

    /// Reads what was added to a file. Where the file was cut short, or another one has its name, that is said,
    /// and it is read from its start. Gives the file to follow, if there is one still.
    fn follow(&mut self, file: Growing) -> io::Result<Option<Growing>> {
        let Growing {
            source,
            number,
            mut end,
        } = file;
        let is_replaced = source.is_replaced();
        let len = source.file.metadata()?.len();
        if len < end.offset {
            let name = &source.name;
            self.send(Loading::Noted(format!(
                "{name} was cut short: it is read from its start"
            )));
            end = Start::default();
        }
        if len > end.offset {
            // Of a file that has lost its name nothing more comes.
            let grows = !is_replaced;
            end = self.read(&source.file, &source.name, number, end, grows, 0)?;
        }
        if !is_replaced {
            return Ok(Some(Growing {
                source,
                number,
                end,
            }));
        }
        let source = Source::open(&source.path)?;
        self.send(Loading::Noted(format!(
            "{} is another file now: it is read from its start",
            source.name
        )));
        self.read_all(source, 0)
    }

    /// Puts a file on the shelf; gives its number there.
    fn shelve(&mut self, file: &Arc<File>) -> u32 {
        self.send(Loading::Opened(Arc::clone(file)));
        self.shelved += 1;
        self.shelved - 1
    }

    fn fail(&self, name: &str, error: &io::Error) {
        self.send(Loading::Failed(format!("cannot read {name}: {error}")));
    }

    fn read(
        &mut self,
        file: &File,
        name: &str,
        source: u32,
        start: Start,
        grows: bool,
        total: u64,
    ) -> io::Result<Start> {
        let before = self.done;
        let end = scan(file, name, source, start, grows, |piece| {
            self.done = before + piece.end - start.offset;
            let percent = (self.done * 100).checked_div(total);
            let percent = percent.map_or(100, |percent| percent.min(100) as u8);
            self.send(Loading::Piece(piece, percent))
        })?;
        self.done = before + end.offset.saturating_sub(start.offset);
        Ok(end)
    }

    /// Says whether somebody listens.
    fn send(&self, news: Loading) -> bool {
        self.tell.send(news).is_ok()
    }
}

/// The flows of a HAR as the lines of a capture, in a file of its own; `None` if the file is no HAR.
fn lines_of_archive(file: &File, redactor: &Redactor) -> io::Result<Option<File>> {
    let mut beginning = [0; BEGINNING];
    let read = file.read_at(&mut beginning, 0)?;
    if !is_archive(&beginning[..read]) {
        return Ok(None);
    }
    let mut source = file;
    source.rewind()?;
    let mut spool = BufWriter::with_capacity(CHUNK, nameless(&std::env::temp_dir())?);
    let source = BufReader::with_capacity(CHUNK, source);
    let read = read_archive(source, redactor, |flows| {
        let mut store = Store::default();
        let ids: Vec<_> = flows.into_iter().map(|flow| store.push(flow)).collect();
        for flow in ids.iter().filter_map(|id| store.get(*id)) {
            let mut line = line(flow, &store).map_err(|error| error.to_string())?;
            line.push(b'\n');
            spool.write_all(&line).map_err(|error| error.to_string())?;
        }
        Ok(())
    });
    read.map_err(|why| io::Error::new(io::ErrorKind::InvalidData, format!("HAR: {why}")))?;
    spool
        .into_inner()
        .map(Some)
        .map_err(io::IntoInnerError::into_error)
}

/// Bytes of a file that tell what it is.
const BEGINNING: usize = 256;
/// Bytes of what comes through a pipe or is compressed that are read before the first flows are told, and
/// between two pieces after that, unless there is nothing to read for the moment.
const FIRST_PIECE: u64 = 256 << 10;
const PIECE: u64 = 16 << 20;
/// Bytes of an archive that are read and written at once.
const CHUNK: usize = 256 << 10;
/// How often it is looked whether a followed file has grown.
const FOLLOW: Duration = Duration::from_millis(200);
