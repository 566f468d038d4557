//! Captures from files and pipes, plain or compressed, on a thread of its own: what was read is told piece
//! by piece, so that the first flows are on the screen at once.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek as _, Write};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::error::Error;
use crate::capture::{Start, line, nameless, scan};
use crate::export::{is_archive, read_archive};
use crate::flow::Store;
use crate::tap::Redactor;
use crate::tui::Loading;
use crate::wire::encoding::Decoder;

/// Begins to read the files, one after another; with `follows`, what is added to them as well, until the
/// receiver is dropped. `-` is the standard input. What other programs wrote (HAR) is masked.
pub(super) fn open(
    paths: &[PathBuf],
    follows: bool,
    redactor: Redactor,
) -> Result<UnboundedReceiver<Loading>, Error> {
    let mut files = Vec::new();
    for path in paths {
        files.push(
            Source::open(path)
                .map_err(|error| Error::new(format!("cannot read {}: {error}", path.display())))?,
        );
    }
    let (tell, told) = unbounded_channel();
    let opening = Opening {
        files,
        follows,
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

/// A file to read.
struct Source {
    name: String,
    file: File,
    /// What to read first, where the file cannot be read anywhere.
    head: Vec<u8>,
    coding: Option<&'static str>,
    is_regular: bool,
}

/// The thread that reads.
struct Opening {
    files: Vec<Source>,
    follows: bool,
    /// Bytes of files that were read.
    done: u64,
    /// Masks what other programs have written.
    redactor: Redactor,
    tell: UnboundedSender<Loading>,
}

impl Source {
    fn open(path: &Path) -> io::Result<Self> {
        let mut file = if path == Path::new("-") {
            // A copy: whoever closes it leaves the standard input open.
            let input = std::os::fd::AsFd::as_fd(&io::stdin()).try_clone_to_owned()?;
            File::from(input)
        } else {
            File::open(path)?
        };
        let metadata = file.metadata()?;
        if metadata.is_dir() {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        let mut head = Vec::new();
        Read::by_ref(&mut file).take(4).read_to_end(&mut head)?;
        let coding = match head.as_slice() {
            [0x1f, 0x8b, ..] => Some("gzip"),
            [0x28, 0xb5, 0x2f, 0xfd] => Some("zstd"),
            _ => None,
        };
        Ok(Self {
            name: path.display().to_string(),
            file,
            head,
            coding,
            is_regular: metadata.is_file(),
        })
    }

    /// The lines as a file that can be read anywhere; whether it is the one that was named.
    fn into_regular(self) -> io::Result<(File, bool)> {
        if self.is_regular && self.coding.is_none() {
            return Ok((self.file, true));
        }
        let mut spool = nameless(&std::env::temp_dir())?;
        let mut coded = self.head.as_slice().chain(self.file);
        let Some(coding) = self.coding else {
            io::copy(&mut coded, &mut spool)?;
            return Ok((spool, false));
        };
        let mut decoder = Decoder::new(coding, u64::MAX);
        let (mut chunk, mut lines) = (vec![0; CHUNK], Vec::new());
        loop {
            let read = coded.read(&mut chunk)?;
            if read == 0 {
                decoder.finish();
            } else {
                decoder.push(&chunk[..read], &mut lines);
            }
            spool.write_all(&lines)?;
            lines.clear();
            if let Some(fault) = decoder.next() {
                return Err(io::Error::new(io::ErrorKind::InvalidData, fault.message));
            }
            if read == 0 {
                return Ok((spool, false));
            }
        }
    }
}

impl Opening {
    fn run(mut self) {
        let sizes = self.files.iter().map(|source| {
            let metadata = source.file.metadata();
            metadata.map_or(0, |metadata| metadata.len())
        });
        let total = sizes.sum();
        let mut growing = Vec::new();
        for (number, source) in std::mem::take(&mut self.files).into_iter().enumerate() {
            let name = source.name.clone();
            let read = source.into_regular().and_then(|(file, is_named)| {
                let (file, is_named) = match lines_of_archive(&file, &self.redactor)? {
                    Some(lines) => (lines, false),
                    None => (file, is_named),
                };
                let file = Arc::new(file);
                self.send(Loading::Opened(Arc::clone(&file)));
                let follows = self.follows && is_named;
                let start = Start::default();
                let end = self.read(&file, &name, number as u32, start, follows, total)?;
                if follows {
                    growing.push((file, name.clone(), number as u32, end));
                }
                Ok(())
            });
            if let Err(error) = read {
                self.send(Loading::Failed(format!("cannot read {name}: {error}")));
            }
        }
        self.send(Loading::Done);
        while !growing.is_empty() && !self.tell.is_closed() {
            std::thread::sleep(FOLLOW);
            growing.retain_mut(|(file, name, source, end)| {
                let has_grown = file
                    .metadata()
                    .is_ok_and(|metadata| metadata.len() > end.offset);
                if !has_grown {
                    return true;
                }
                match self.read(file, name, *source, *end, true, 0) {
                    Ok(now) => *end = now,
                    Err(error) => {
                        self.send(Loading::Failed(format!("cannot read {name}: {error}")));
                        return false;
                    }
                }
                true
            });
        }
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
        });
        self.done = before + file.metadata()?.len().saturating_sub(start.offset);
        end
    }

    /// Says whether somebody listens.
    fn send(&self, news: Loading) -> bool {
        self.tell.send(news).is_ok()
    }
}

/// The flows of a HAR as the lines of a capture, in a file of its own; `None` if the file is no HAR.
fn lines_of_archive(file: &File, redactor: &Redactor) -> io::Result<Option<File>> {
    let mut beginning = [0; 256];
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

/// Bytes that are decompressed at once.
const CHUNK: usize = 256 << 10;
/// How often it is looked whether a followed file has grown.
const FOLLOW: Duration = Duration::from_millis(200);
