//! Files and pipes with captures: what can be read anywhere is, of the rest the lines go to a file without a name
//! as they come, decompressed.

use std::fs::File;
use std::io::{self, Chain, Cursor, Read, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::capture::nameless;
use crate::wire::encoding::Decoder;

/// A file to read.
pub(super) struct Source {
    pub(super) name: String,
    pub(super) path: PathBuf,
    pub(super) file: File,
    /// What to read first, where the file cannot be read anywhere.
    head: Vec<u8>,
    coding: Option<&'static str>,
    is_regular: bool,
}

impl Source {
    /// Opens a file; `-` is the standard input.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let mut file = if path == Path::new("-") {
            // A copy: whoever closes it leaves the standard input open.
            File::from(io::stdin().as_fd().try_clone_to_owned()?)
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
            path: path.to_owned(),
            file,
            head,
            coding,
            is_regular: metadata.is_file(),
        })
    }

    /// Whether its lines can be read anywhere in it.
    pub(super) fn is_plain(&self) -> bool {
        self.is_regular && self.coding.is_none()
    }

    /// Whether another file has its name by now. A name that nothing has may come back.
    pub(super) fn is_replaced(&self) -> bool {
        let identity = |file: &std::fs::Metadata| (file.dev(), file.ino());
        match (self.file.metadata(), std::fs::metadata(&self.path)) {
            (Ok(own), Ok(named)) => identity(&own) != identity(&named),
            _ => false,
        }
    }
}

/// The lines of a source that cannot be read anywhere, as far as they have come.
pub(super) struct Spool {
    /// Where the lines are.
    pub(super) file: File,
    /// How many bytes of them there are.
    pub(super) len: u64,
    /// Whether no more will come.
    pub(super) is_over: bool,
    coded: Chain<Cursor<Vec<u8>>, File>,
    /// What can be read of `coded` without asking the file.
    known: u64,
    coding: Option<(&'static str, Decoder)>,
    buffer: Vec<u8>,
    lines: Vec<u8>,
}

impl Spool {
    pub(super) fn new(source: Source) -> io::Result<Self> {
        let known = source.head.len() as u64;
        let coding = source.coding;
        Ok(Self {
            file: nameless(&std::env::temp_dir())?,
            len: 0,
            is_over: false,
            coded: Cursor::new(source.head).chain(source.file),
            known,
            coding: coding.map(|coding| (coding, Decoder::new(coding, u64::MAX))),
            buffer: vec![0; CHUNK],
            lines: Vec::new(),
        })
    }

    /// Waits for more lines, and takes those that are there, about `most` bytes of them. What is compressed and
    /// broken is over where it breaks; gives what is wrong with it.
    pub(super) fn take(&mut self, most: u64) -> io::Result<Option<String>> {
        let before = self.len;
        loop {
            let read = self.coded.read(&mut self.buffer)?;
            self.known = self.known.saturating_sub(read as u64);
            self.is_over = read == 0;
            let read = &self.buffer[..read];
            let mut fault = None;
            if let Some((coding, decoder)) = &mut self.coding {
                if self.is_over {
                    decoder.finish();
                } else {
                    decoder.push(read, &mut self.lines);
                }
                fault = decoder
                    .next()
                    .map(|fault| format!("{coding}: {}", fault.message));
                self.file.write_all(&self.lines)?;
                self.len += self.lines.len() as u64;
                self.lines.clear();
            } else {
                self.file.write_all(read)?;
                self.len += read.len() as u64;
            }
            self.is_over |= fault.is_some();
            if self.is_over || self.len - before >= most || !self.is_ready() {
                return Ok(fault);
            }
        }
    }

    /// Whether there is something to read without waiting.
    fn is_ready(&self) -> bool {
        let file = self.coded.get_ref().1;
        let mut wanted = [PollFd::new(file, PollFlags::IN)];
        self.known > 0 || poll(&mut wanted, Some(&Timespec::default())).is_ok_and(|ready| ready > 0)
    }
}

/// Bytes that are read at once.
const CHUNK: usize = 256 << 10;
