//! Appending lines to a file, on a thread of its own: a slow disk or a full one holds up nobody.
//!
//! Several processes may append to one file. For every batch of lines the file is opened, locked
//! (an advisory lock), put right if its last line is torn, appended to and let go; a batch that
//! fails is taken back to the last whole line, kept in memory and tried again every second. A file
//! that was renamed or removed meanwhile is begun anew.
//!
//! Where nothing is to be captured the lines go to a file without a name, so that they need not stay
//! in memory.

use std::collections::VecDeque;
use std::fs::{DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io::{self, BufWriter, ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use super::counted::Counted;
use super::encode::{check, line_on, write_line};
use super::retention::{is_at, remove_empty};
use super::{Error, nameless, torn};
use crate::flow::{Flow, Place};

/// Appends lines to a file. Dropping it without [`Writer::finish`] leaves the thread to write what
/// it has been given.
#[derive(Debug)]
pub struct Writer {
    path: PathBuf,
    /// Whether the file was not there before.
    is_new: bool,
    /// Lines to hand over together, because the thread takes as long for one as for many.
    batch: Vec<Entry>,
    lines: Sender<Vec<Entry>>,
    reports: Receiver<Report>,
    status: Status,
    /// What became of lines, not taken yet.
    news: Vec<News>,
    thread: JoinHandle<()>,
}

/// What became of lines. Lines are settled in the order in which they were handed over.
#[derive(Clone, Debug)]
pub enum News {
    /// From now on [`Place::source`] counts one file more: this one.
    Opened(Arc<File>),
    /// The next line is in the file: there, or nowhere to be found again if it is a pipe.
    Written(Option<Place>),
    /// The next line was given up.
    Lost {
        /// Its bytes, line break included.
        bytes: u64,
    },
}

/// How writing goes.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Status {
    /// Lines that are in the file.
    pub lines: u64,
    /// Their bytes, line breaks included.
    pub bytes: u64,
    /// Bytes of lines that are not in the file yet.
    pub queued: u64,
    /// Lines that were given up, because writing failed and too much was waiting already.
    pub lost: u64,
    /// Files with torn lines that another writer left while this one ran.
    pub torn: Vec<PathBuf>,
    /// Their bytes, line breaks included.
    pub lost_bytes: u64,
    /// Why the last attempt failed; `None` when it succeeded.
    pub error: Option<String>,
}

impl Writer {
    /// Opens the file, and creates it (mode 0600) and its directory (0700) where they are missing.
    ///
    /// What is in the file stays. A file that others may read or write is made private.
    /// Up to `backlog` bytes are kept in memory while writing fails.
    ///
    /// # Errors
    /// [`Error::Write`] when the file cannot be opened for appending, or no thread can be started.
    pub fn open(path: &Path, backlog: u64) -> Result<Self, Error> {
        let failed = |source| Error::Write {
            path: path.to_owned(),
            source,
        };
        let is_new = std::fs::symlink_metadata(path).is_err();
        let file = open(path).map_err(failed)?;
        // Whoever reads a pipe would take its closing for the end.
        let target = if file.metadata().map_err(failed)?.is_file() {
            Target::Named(path.to_owned())
        } else {
            Target::Open(file)
        };
        Ok(Self {
            is_new,
            ..Self::start(path, target, backlog)?
        })
    }

    /// A file in `directory` that is gone with the program, see [`nameless`].
    ///
    /// # Errors
    /// [`Error::Write`] when it cannot be created, or no thread can be started.
    pub fn nameless(directory: &Path, backlog: u64) -> Result<Self, Error> {
        let file = nameless(directory).map_err(|source| Error::Write {
            path: directory.to_owned(),
            source,
        })?;
        Self::start(directory, Target::Open(file), backlog)
    }

    fn start(path: &Path, target: Target, backlog: u64) -> Result<Self, Error> {
        let failed = |source| Error::Write {
            path: path.to_owned(),
            source,
        };
        let (lines, queue) = channel();
        let (reporter, reports) = channel();
        let appender = Appender {
            path: path.to_owned(),
            target,
            source: None,
            sources: 0,
            backlog,
            pending: VecDeque::new(),
            pending_bytes: 0,
            is_failing: false,
            reporter,
        };
        let thread = Builder::new()
            .name("capture".to_owned())
            .spawn(move || appender.run(&queue))
            .map_err(failed)?;
        Ok(Self {
            path: path.to_owned(),
            is_new: false,
            batch: Vec::new(),
            lines,
            reports,
            status: Status::default(),
            news: Vec::new(),
            thread,
        })
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where there is room for what is to be in the file later.
    pub(super) fn directory(&self) -> PathBuf {
        let path = &self.path;
        match path.parent() {
            _ if path.is_dir() => path.clone(),
            Some(parent) if path.is_file() && parent != Path::new("") => parent.to_owned(),
            _ if path.is_file() => PathBuf::from("."),
            // Nothing stands beside a pipe.
            _ => std::env::temp_dir(),
        }
    }

    /// Takes a line, without its line break. It is written once [`Writer::flush`] is called.
    pub fn write(&mut self, line: Vec<u8>) {
        self.take(Entry::Line(line));
    }

    /// The same with a line that may still have to be made.
    pub(super) fn take(&mut self, line: Entry) {
        self.status.queued += line.weight();
        self.batch.push(line);
    }

    /// Hands the lines over that were taken. Never waits.
    pub fn flush(&mut self) {
        if !self.batch.is_empty() && self.lines.send(std::mem::take(&mut self.batch)).is_err() {
            self.status.error = Some("the writing thread is gone".to_owned());
        }
    }

    /// How writing goes, as far as the thread has told.
    pub fn status(&mut self) -> &Status {
        self.take_reports();
        &self.status
    }

    /// What became of lines since this was last asked.
    pub fn news(&mut self) -> Vec<News> {
        self.take_reports();
        std::mem::take(&mut self.news)
    }

    /// Writes what is waiting, stops the thread and tells how it went. Waits for the disk. A file that
    /// was made for this and is empty still is removed.
    #[must_use]
    pub fn finish(self) -> Status {
        self.close().0
    }

    /// The same, with what became of lines since [`Writer::news`] was last asked. Lines that it does not
    /// tell of are not in the file.
    pub(super) fn close(mut self) -> (Status, Vec<News>) {
        self.flush();
        let Self {
            path,
            is_new,
            lines,
            reports,
            mut status,
            mut news,
            thread,
            ..
        } = self;
        drop(lines);
        if thread.join().is_err() {
            status.error = Some("the writing thread broke off".to_owned());
        }
        for mut report in reports.try_iter() {
            news.append(&mut report.news);
            status.take(report);
        }
        if is_new && status.lines == 0 {
            remove_empty(&path);
        }
        (status, news)
    }

    fn take_reports(&mut self) {
        for mut report in self.reports.try_iter() {
            self.news.append(&mut report.news);
            self.status.take(report);
        }
    }
}

impl Status {
    /// What is wrong, in one line: writing fails, or flows are missing from the file for good.
    #[must_use]
    pub fn problem(&self) -> Option<String> {
        let lost = (self.lost > 0).then(|| {
            let (lost, bytes) = (self.lost, self.lost_bytes);
            format!("{lost} flows of {bytes} bytes are missing from the file")
        });
        match (&self.error, lost) {
            (Some(error), Some(lost)) => Some(format!("{error}; {lost}")),
            (Some(error), None) => Some(error.clone()),
            (None, lost) => lost,
        }
    }

    fn take(&mut self, report: Report) {
        self.lines += report.lines;
        self.bytes += report.bytes;
        self.lost += report.lost;
        self.lost_bytes += report.lost_bytes;
        self.queued = self
            .queued
            .saturating_sub(report.settled + report.lost_bytes);
        self.torn.extend(report.torn);
        self.error = report.error;
    }
}

/// A line on its way.
#[derive(Clone, Debug)]
pub(super) enum Entry {
    /// It is made.
    Line(Vec<u8>),
    /// It is made as it is written, so that a long flow is not in memory twice. With the name of the
    /// connection that a turn ran on.
    Flow(Arc<Flow>, Option<Box<str>>),
}

impl Entry {
    /// The line of a flow; `connection` is the name of the connection that a turn ran on.
    pub(super) fn of(flow: &Arc<Flow>, connection: Option<Box<str>>) -> Result<Self, Error> {
        if flow.weight() < LONG {
            return line_on(flow, connection.as_deref()).map(Self::Line);
        }
        check(flow)?;
        Ok(Self::Flow(Arc::clone(flow), connection))
    }

    /// What it takes in memory, in bytes; of a line, its length with the line break.
    fn weight(&self) -> u64 {
        match self {
            Self::Line(line) => line.len() as u64 + 1,
            Self::Flow(flow, _) => flow.weight(),
        }
    }

    /// The same, once the disk has what was spilled of the flow, as far as it took it.
    fn settled(self) -> Self {
        match self {
            Self::Flow(flow, on) => Self::Flow(flow.settled().map_or(flow, Arc::new), on),
            line @ Self::Line(_) => line,
        }
    }

    /// Writes the line and its line break.
    fn write(&self, out: &mut impl Write) -> io::Result<()> {
        match self {
            Self::Line(line) => out.write_all(line)?,
            Self::Flow(flow, connection) => write_line(&mut *out, flow, connection.as_deref())?,
        }
        out.write_all(b"\n")
    }
}

/// What an attempt to write came to.
#[derive(Default, Debug)]
struct Report {
    lines: u64,
    bytes: u64,
    /// What the lines took in memory.
    settled: u64,
    lost: u64,
    lost_bytes: u64,
    torn: Option<PathBuf>,
    news: Vec<News>,
    error: Option<String>,
}

/// Where the thread writes.
#[derive(Debug)]
enum Target {
    /// The file of this name, opened for every batch.
    Named(PathBuf),
    /// A file that has no name, or no use for one: a pipe, a device.
    Open(File),
}

/// The thread's half.
struct Appender {
    path: PathBuf,
    target: Target,
    /// The file that was written to last, by device and number.
    source: Option<(u64, u64)>,
    /// How many files were written to.
    sources: u32,
    backlog: u64,
    /// Lines that are not in the file yet, oldest first.
    pending: VecDeque<Entry>,
    pending_bytes: u64,
    /// Whether the last attempt failed.
    is_failing: bool,
    reporter: Sender<Report>,
}

impl Appender {
    fn run(mut self, queue: &Receiver<Vec<Entry>>) {
        loop {
            let lines = if self.pending.is_empty() {
                queue.recv().map_err(|_| RecvTimeoutError::Disconnected)
            } else {
                // What could not be written is tried again, whether or not another line comes.
                queue.recv_timeout(RETRY)
            };
            match lines {
                Ok(lines) => self.add(lines),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            while self.pending_bytes < BATCH
                && let Ok(lines) = queue.try_recv()
            {
                self.add(lines);
            }
            self.attempt();
        }
        if !self.pending.is_empty() {
            self.attempt();
        }
    }

    /// Takes lines, with what of their bodies is on the disk by now.
    fn add(&mut self, lines: Vec<Entry>) {
        self.pending_bytes += lines.iter().map(Entry::weight).sum::<u64>();
        self.pending.extend(lines.into_iter().map(Entry::settled));
    }

    /// Writes all pending lines, or keeps them and says why.
    fn attempt(&mut self) {
        let mut report = Report::default();
        let mut appended = self.append(&mut report);
        while appended.as_ref().is_err_and(is_full) && self.shorten() {
            appended = self.append(&mut report);
        }
        match appended {
            Ok(()) => {
                if std::mem::take(&mut self.is_failing) {
                    tracing::warn!("{} is written again", self.path.display());
                }
                report.lines = self.pending.len() as u64;
                report.settled = self.pending_bytes;
                self.pending.clear();
                self.pending_bytes = 0;
            }
            Err(source) => {
                while self.pending_bytes > self.backlog
                    && let Some(line) = self.pending.pop_front()
                {
                    let bytes = line.weight();
                    self.pending_bytes -= bytes;
                    report.lost += 1;
                    report.lost_bytes += bytes;
                    report.news.push(News::Lost { bytes });
                }
                let path = self.path.clone();
                let error = Error::Write { path, source }.to_string();
                if !std::mem::replace(&mut self.is_failing, true) {
                    tracing::error!("{error}; flows stay in memory meanwhile");
                }
                report.error = Some(error);
            }
        }
        // Nobody listens once the other half is dropped; the lines are written all the same.
        let _ = self.reporter.send(report);
    }

    /// Lets go of the longest rest of a body, so that lines behind it need not wait for room that may never
    /// come; says whether there was any.
    fn shorten(&mut self) -> bool {
        let rests = self.pending.iter_mut().filter_map(|line| match line {
            Entry::Flow(flow, _) if flow.rest() > 0 => Some(flow),
            _ => None,
        });
        let longest = rests.max_by_key(|flow| flow.rest());
        longest.is_some_and(|flow| {
            *flow = Arc::new(flow.without_rest());
            true
        })
    }

    /// Appends all pending lines, or nothing.
    fn append(&mut self, report: &mut Report) -> io::Result<()> {
        let mut file = match &self.target {
            Target::Named(path) => open_locked(path)?,
            Target::Open(file) => file.try_clone()?,
        };
        let metadata = file.metadata()?;
        // Pipes and devices have no end to look at or to go back to.
        let is_regular = metadata.is_file();
        if is_regular && let Some(aside) = torn::take(&mut file, &self.path)? {
            report.torn = Some(aside);
        }
        let end = if is_regular {
            file.seek(SeekFrom::End(0))?
        } else {
            0
        };
        let is_torn = is_regular && end > 0 && last_byte(&mut file)? != b'\n';
        let written = write_lines(&file, is_torn, &self.pending);
        if written.is_err() && is_regular {
            // Should this fail too, the next batch finds a torn line and begins a new one after it.
            let _ = file.set_len(end);
        }
        // The file may stay open for reading: the lock must not stay with it.
        let _ = file.unlock();
        let lens = written?;
        report.bytes = lens.iter().sum();
        if !is_regular {
            let written = self.pending.iter().map(|_| News::Written(None));
            report.news.extend(written);
            return Ok(());
        }
        let identity = (metadata.dev(), metadata.ino());
        if self.source.replace(identity) != Some(identity) {
            self.sources += 1;
            report.news.push(News::Opened(Arc::new(file)));
        }
        let mut offset = end + u64::from(is_torn);
        for len in lens {
            report.news.push(News::Written(Some(Place {
                source: self.sources - 1,
                len: len - 1,
                offset,
            })));
            offset += len;
        }
        Ok(())
    }
}

/// Whether there is no room.
fn is_full(error: &io::Error) -> bool {
    use ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
    matches!(error.kind(), FileTooLarge | QuotaExceeded | StorageFull)
}

/// Writes lines; gives how long each is, line break included.
fn write_lines(file: &File, is_torn: bool, lines: &VecDeque<Entry>) -> io::Result<Vec<u64>> {
    let mut out = Counted {
        out: BufWriter::with_capacity(BUFFER, file),
        bytes: 0,
    };
    let mut write = || {
        if is_torn {
            out.write_all(b"\n")?;
        }
        let mut lens = Vec::with_capacity(lines.len());
        for line in lines {
            let before = out.bytes;
            line.write(&mut out)?;
            lens.push(out.bytes - before);
        }
        out.flush()?;
        Ok(lens)
    };
    let written = write();
    // Dropped, it would write what is left of a line that failed.
    let _ = out.out.into_parts();
    written
}

/// The file, locked: the one that has the name once the lock is there.
fn open_locked(path: &Path) -> io::Result<File> {
    let mut file = open(path)?;
    lock(&file)?;
    for _ in 0..RENAMES {
        if !file.metadata()?.is_file() || is_at(path, &file) {
            break;
        }
        file = open(path)?;
        lock(&file)?;
    }
    Ok(file)
}

/// The file, ready for appending and private; created with its directory where missing.
pub(super) fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).append(true).create(true).mode(0o600);
    let file = match options.open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            if let Some(directory) = path.parent() {
                DirBuilder::new()
                    .recursive(true)
                    .mode(0o700)
                    .create(directory)?;
            }
            options.open(path)?
        }
        opened => opened?,
    };
    let metadata = file.metadata()?;
    if metadata.is_file() && metadata.permissions().mode() & 0o077 != 0 {
        file.set_permissions(Permissions::from_mode(0o600))?;
    }
    Ok(file)
}

/// Waits until no other process appends, but not for ever; a file system without locks is written
/// without.
pub(super) fn lock(file: &File) -> io::Result<()> {
    for _ in 0..LOCK_TRIES {
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => std::thread::sleep(LOCK_PAUSE),
            Err(TryLockError::Error(error)) if error.kind() != ErrorKind::Unsupported => {
                return Err(error);
            }
            _ => return Ok(()),
        }
    }
    let why = "another process holds the file's lock";
    Err(io::Error::new(ErrorKind::WouldBlock, why))
}

fn last_byte(file: &mut File) -> io::Result<u8> {
    let mut byte = [0];
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut byte)?;
    Ok(byte[0])
}

/// How long the thread waits before it tries again what could not be written.
const RETRY: Duration = Duration::from_secs(1);

/// How often a file may be renamed or removed while its lock is waited for.
const RENAMES: u32 = 8;

/// How often a lock is tried before the batch is put off, and how long it is waited between.
const LOCK_TRIES: u32 = 500;
const LOCK_PAUSE: Duration = Duration::from_millis(2);

/// How much is taken from the queue before it is written, in bytes.
const BATCH: u64 = 4 << 20;

/// Flows that take more bytes than this in memory are long.
const LONG: u64 = 1 << 20;

/// Lines shorter than this are written together.
const BUFFER: usize = 256 << 10;
