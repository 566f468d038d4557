//! A program in a pseudo-terminal: how long it takes to its first screen, and to draw what a key asks for.

use std::io::{Read, Write};
use std::num::NonZeroU16;
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};
use vt100::Parser;

/// A terminal of 160×50 with a program in it.
pub(crate) struct Window {
    child: Box<dyn Child + Send + Sync>,
    keys: Box<dyn Write + Send>,
    /// What was written, and when it was read.
    read: Receiver<(Instant, Vec<u8>)>,
    parser: Parser,
    began: Instant,
    /// When something was read last.
    latest: Instant,
    _master: Box<dyn MasterPty + Send>,
}

impl Window {
    /// Runs a command, with its state in `state`.
    pub(crate) fn run(command: &[&str], state: &Path) -> Self {
        let size = PtySize {
            rows: 50,
            cols: 160,
            pixel_width: 0,
            pixel_height: 0,
        };
        let pair = native_pty_system().openpty(size).unwrap();
        let mut builder = CommandBuilder::new(command[0]);
        builder.args(&command[1..]);
        builder.env("TERM", "xterm-256color");
        builder.env("XDG_STATE_HOME", state);
        let began = Instant::now();
        let child = pair.slave.spawn_command(builder).unwrap();
        drop(pair.slave);
        favour(child.process_id().unwrap());
        let mut reader = pair.master.try_clone_reader().unwrap();
        let (tell, read) = channel();
        thread::spawn(move || {
            let mut chunk = vec![0; 1 << 16];
            while let Ok(length @ 1..) = reader.read(&mut chunk) {
                if tell
                    .send((Instant::now(), chunk[..length].to_vec()))
                    .is_err()
                {
                    return;
                }
            }
        });
        let size = |cells| NonZeroU16::new(cells).unwrap();
        Self {
            child,
            keys: pair.master.take_writer().unwrap(),
            read,
            parser: Parser::new(size(50), size(160), 0),
            began,
            latest: began,
            _master: pair.master,
        }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.process_id().unwrap()
    }

    pub(crate) fn text(&self) -> String {
        self.parser.screen().contents()
    }

    /// Reads until the screen is as wanted; gives how long that took since the start.
    pub(crate) fn until(&mut self, is_so: impl Fn(&str) -> bool) -> Duration {
        while !is_so(&self.text()) {
            let Ok((at, bytes)) = self.read.recv_timeout(PATIENCE) else {
                panic!("not on the screen:\n{}", self.text());
            };
            self.latest = at;
            self.parser.process(&bytes);
        }
        self.latest - self.began
    }

    /// Reads until nothing was written for a moment. Gives when the last frame was read to its end.
    pub(crate) fn rest(&mut self) -> Option<Instant> {
        let mut last = None;
        loop {
            match self.read.recv_timeout(QUIET) {
                Ok((at, bytes)) => {
                    self.parser.process(&bytes);
                    last = Some(at);
                }
                Err(RecvTimeoutError::Timeout) => return last,
                Err(RecvTimeoutError::Disconnected) => panic!("it ended:\n{}", self.text()),
            }
        }
    }

    pub(crate) fn press(&mut self, keys: &str) -> Instant {
        let at = Instant::now();
        self.keys.write_all(keys.as_bytes()).unwrap();
        self.keys.flush().unwrap();
        at
    }

    /// Presses a key; gives how long it took until the end of the next frame was read; `None` if there was
    /// none in time.
    pub(crate) fn frame(&mut self, key: &str) -> Option<Duration> {
        // What was drawn before is no answer.
        while let Ok((_, bytes)) = self.read.try_recv() {
            self.parser.process(&bytes);
        }
        let pressed = self.press(key);
        let mut tail = Vec::new();
        loop {
            let left = LATE.saturating_sub(pressed.elapsed());
            let (at, bytes) = self.read.recv_timeout(left).ok()?;
            self.parser.process(&bytes);
            tail.extend_from_slice(&bytes);
            if tail
                .windows(FRAME_END.len())
                .any(|window| window == FRAME_END)
            {
                return Some(at - pressed);
            }
        }
    }

    /// Presses keys; gives how long it took until the screen was as wanted.
    pub(crate) fn after(&mut self, keys: &str, is_so: impl Fn(&str) -> bool) -> Duration {
        let pressed = self.press(keys);
        self.until(is_so).saturating_sub(pressed - self.began)
    }
}

impl Drop for Window {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Gives a process with a terminal of its own the standing of this one: where sessions share the processor (sched(7),
/// autogroup), it would else have none of the favour that this one is shown.
fn favour(process: u32) {
    let own = std::fs::read_to_string("/proc/self/autogroup").unwrap_or_default();
    if let Some((_, nice)) = own.trim().rsplit_once(' ') {
        // Without such groups there is nothing to write to.
        let _ = std::fs::write(format!("/proc/{process}/autogroup"), nice);
    }
}

/// Ends a frame: the end of a synchronized update.
const FRAME_END: &[u8] = b"\x1b[?2026l";
/// How long a screen stands still before it counts as at rest.
const QUIET: Duration = Duration::from_millis(40);
/// How long a key may take.
const LATE: Duration = Duration::from_secs(1);
/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(60);
