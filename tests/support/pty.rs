//! The real program in a terminal of its own, which reads only while a test waits for something.

use std::ffi::OsStr;
use std::io::{Read, Write};
use std::num::NonZeroU16;
use std::path::Path;
use std::process::Command;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel, sync_channel};
use std::thread;
use std::time::Duration;

use codextap::tap::{At, Clock};
use portable_pty::{
    ChildKiller, CommandBuilder, ExitStatus, MasterPty, PtySize, native_pty_system,
};
use vt100::{MouseProtocolMode, Parser};

/// A terminal with a program in it.
pub(crate) struct Window {
    parser: Parser,
    /// Everything the program has written, as far as it was read.
    pub(crate) written: Vec<u8>,
    /// What the terminal reads. Nothing is taken in advance, so a terminal that nobody waits for
    /// stops reading.
    read: Receiver<Vec<u8>>,
    keys: Box<dyn Write + Send>,
    /// `None` once the window is closed.
    master: Option<Box<dyn MasterPty + Send>>,
    /// The terminal's modes before the program came.
    modes: String,
    process: u32,
    killer: Box<dyn ChildKiller + Send + Sync>,
    ended: Receiver<ExitStatus>,
    clock: Clock,
}

impl Window {
    /// Runs `program` in a terminal of so many columns and rows, with its home in `home`.
    pub(crate) fn run<I>(program: &str, arguments: I, size: (u16, u16), home: &Path) -> Self
    where
        I: IntoIterator,
        I::Item: AsRef<OsStr>,
    {
        let pair = native_pty_system().openpty(pty_size(size)).unwrap();
        let mut command = CommandBuilder::new(program);
        command.args(arguments);
        let path = command.get_env("PATH").unwrap().to_owned();
        command.env_clear();
        command.env("PATH", path);
        command.env("HOME", home);
        command.env("TERM", "xterm-256color");
        command.env("TZ", "UTC");
        command.cwd(home);
        let modes = modes(&*pair.master);
        let mut child = pair.slave.spawn_command(command).unwrap();
        // Else the terminal would not see the last program leave.
        drop(pair.slave);
        let (chunks, read) = sync_channel(0);
        let mut reader = pair.master.try_clone_reader().unwrap();
        thread::spawn(move || {
            let mut chunk = vec![0; 4096];
            while let Ok(length @ 1..) = reader.read(&mut chunk) {
                if chunks.send(chunk[..length].to_vec()).is_err() {
                    return;
                }
            }
        });
        let (tell, ended) = channel();
        let (process, killer) = (child.process_id().unwrap(), child.clone_killer());
        thread::spawn(move || tell.send(child.wait().unwrap()));
        Self {
            parser: parser(size),
            written: Vec::new(),
            read,
            keys: pair.master.take_writer().unwrap(),
            master: Some(pair.master),
            modes,
            process,
            killer,
            ended,
            clock: Clock::start(),
        }
    }

    /// Runs codextap.
    pub(crate) fn codextap<I>(arguments: I, size: (u16, u16), home: &Path) -> Self
    where
        I: IntoIterator,
        I::Item: AsRef<OsStr>,
    {
        Self::run(env!("CARGO_BIN_EXE_codextap"), arguments, size, home)
    }

    /// What the screen shows.
    pub(crate) fn text(&self) -> String {
        self.parser.screen().contents()
    }

    /// Reads until the screen shows all of `texts`.
    pub(crate) fn shows(&mut self, texts: &[&str]) {
        self.until(&format!("{texts:?}"), |screen| {
            texts.iter().all(|text| screen.contains(text))
        });
    }

    /// Reads until the screen is as wanted, at the end of a frame.
    pub(crate) fn until(&mut self, what: &str, is_so: impl Fn(&str) -> bool) {
        let began = self.clock.now();
        while !(self.is_whole() && is_so(&self.text())) {
            let is_open = self.read_once(began);
            assert!(is_open, "no {what} on the screen:\n{}", self.text());
        }
    }

    /// Reads until the frame of the focused pane in the corner has this one of the terminal's colours.
    pub(crate) fn is_framed_in(&mut self, colour: u8) {
        let began = self.clock.now();
        let corner = |parser: &Parser| parser.screen().cell(0, 0).map(vt100::Cell::fgcolor);
        while !(self.is_whole() && corner(&self.parser) == Some(vt100::Color::Idx(colour))) {
            let is_open = self.read_once(began);
            assert!(is_open, "no colour {colour}:\n{}", self.text());
        }
    }

    /// Whether no frame is half on the screen.
    fn is_whole(&self) -> bool {
        last(&self.written, b"\x1b[?2026h") <= last(&self.written, b"\x1b[?2026l")
    }

    /// Reads what comes next; false when nothing does, or not in time.
    fn read_once(&mut self, began: At) -> bool {
        let left = PATIENCE.saturating_sub(self.clock.now().since(began));
        match self.read.recv_timeout(left) {
            Ok(bytes) => {
                self.parser.process(&bytes);
                self.written.extend(bytes);
                true
            }
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => false,
        }
    }

    /// Types.
    pub(crate) fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
        self.keys.flush().unwrap();
    }

    /// Makes the window larger or smaller.
    pub(crate) fn resize(&mut self, size: (u16, u16)) {
        self.parser = parser(size);
        self.parser.process(ENTER_ALTERNATE.as_bytes());
        self.master
            .as_ref()
            .unwrap()
            .resize(pty_size(size))
            .unwrap();
    }

    /// The same while the program does not have the screen.
    pub(crate) fn resize_shell(&mut self, size: (u16, u16)) {
        self.parser = parser(size);
        self.master
            .as_ref()
            .unwrap()
            .resize(pty_size(size))
            .unwrap();
    }

    /// Sends the program a signal, such as `-TERM`.
    pub(crate) fn signal(&self, name: &str) {
        let status = Command::new("kill")
            .args([name, &self.process.to_string()])
            .status();
        assert!(status.unwrap().success());
    }

    /// Waits for the program's end without reading a byte.
    pub(crate) fn ends_unread(&mut self) -> ExitStatus {
        let ended = self.ended.recv_timeout(PATIENCE);
        ended.expect("still running while nobody reads the terminal")
    }

    /// Reads until the program has ended.
    pub(crate) fn ends(&mut self) -> ExitStatus {
        self.reads_to_the_end();
        let ended = self.ended.recv_timeout(PATIENCE);
        ended.unwrap_or_else(|_| panic!("still running:\n{}", self.text()))
    }

    /// Closes the window under the program, and waits for its end.
    pub(crate) fn closes(&mut self) -> ExitStatus {
        self.read = channel().1;
        // With the next that it reads, the reader finds that nobody wants it, and goes.
        self.press("\x0c");
        self.keys = Box::new(std::io::sink());
        self.master = None;
        let ended = self.ended.recv_timeout(PATIENCE);
        ended.expect("still running without a terminal")
    }

    /// Reads until nobody has the terminal any more.
    pub(crate) fn reads_to_the_end(&mut self) {
        let began = self.clock.now();
        while self.read_once(began) {}
    }

    /// The terminal is as it was before the program came.
    pub(crate) fn assert_restored(&self) {
        let screen = self.parser.screen();
        let written = String::from_utf8_lossy(&self.written);
        assert!(!screen.alternate_screen(), "alternate screen: {written:?}");
        assert!(!screen.hide_cursor(), "hidden cursor");
        assert!(!screen.bracketed_paste(), "bracketed paste");
        assert_eq!(screen.mouse_protocol_mode(), MouseProtocolMode::None);
        let count = |sequence| written.matches(sequence).count();
        assert!(count(ENTER_ALTERNATE) > 0 && count("\x1b[22;2t") > 0);
        assert_eq!(count("\x1b[22;2t"), count("\x1b[23;2t"), "titles");
        assert!(
            written.rfind("\x1b[?2026l") > written.rfind("\x1b[?2026h"),
            "a frame without its end"
        );
        assert_eq!(modes(&**self.master.as_ref().unwrap()), self.modes);
    }

    /// Reads until the program has left the alternate screen.
    pub(crate) fn gives_back(&mut self) {
        let began = self.clock.now();
        while self.is_taken() {
            assert!(self.read_once(began), "the screen is not given back");
        }
    }

    /// Reads until the program has entered the alternate screen.
    pub(crate) fn takes(&mut self) {
        let began = self.clock.now();
        while !self.is_taken() {
            assert!(self.read_once(began), "the screen is not taken");
        }
    }

    /// Whether the program has the alternate screen.
    pub(crate) fn is_taken(&self) -> bool {
        self.parser.screen().alternate_screen()
    }
}

impl Drop for Window {
    fn drop(&mut self) {
        // One that has ended cannot be killed.
        let _ = self.killer.kill();
    }
}

/// Where `sequence` begins for the last time.
fn last(written: &[u8], sequence: &[u8]) -> Option<usize> {
    written
        .windows(sequence.len())
        .rposition(|window| window == sequence)
}

/// The terminal's modes, for comparison.
fn modes(master: &dyn MasterPty) -> String {
    format!("{:?}", master.get_termios())
}

fn parser((columns, rows): (u16, u16)) -> Parser {
    let size = |cells| NonZeroU16::new(cells).unwrap();
    Parser::new(size(rows), size(columns), 0)
}

fn pty_size((cols, rows): (u16, u16)) -> PtySize {
    PtySize {
        rows,
        cols,
        pixel_width: 0,
        pixel_height: 0,
    }
}

const ENTER_ALTERNATE: &str = "\x1b[?1049h";

/// How long anything may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
