//! Lines on standard output and in the log, each written by a thread of their own.
//!
//! Whoever reads them may stop at any time: Ctrl-S, a pager, a pipe into something slow, a disk that
//! hangs. Recording and forwarding must not wait for that, so lines queue up; those that find the
//! queue full are counted, and a line says how many are missing.

use std::io::Write;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread;
use std::time::Duration;

/// Prints lines without ever waiting for their reader.
#[derive(Debug)]
pub(super) struct Printer {
    /// `None` once finished: what comes then goes nowhere.
    lines: Option<SyncSender<String>>,
    /// Told, if it has been heard, when lines were written; closed when the thread has ended.
    written: Receiver<()>,
    /// Lines that found the queue full since the last one that did not.
    left_out: u64,
}

impl Printer {
    /// Starts the thread, which writes to `out`.
    pub(super) fn start(out: impl Write + Send + 'static) -> Self {
        let (lines, queue) = sync_channel(QUEUE);
        let (tell, written) = sync_channel(1);
        thread::spawn(move || write(out, &queue, &tell));
        Self {
            lines: Some(lines),
            written,
            left_out: 0,
        }
    }

    /// Prints a line. A reader that went away takes nothing from the program.
    pub(super) fn print(&mut self, line: String) {
        let Some(lines) = &self.lines else { return };
        if self.left_out > 0 {
            let note = format!("… {} lines left out: nobody read them", self.left_out);
            if lines.try_send(note).is_ok() {
                self.left_out = 0;
            }
        }
        if let Err(TrySendError::Full(_)) = lines.try_send(line) {
            self.left_out += 1;
        }
    }

    /// Waits until everything is written, as long as somebody reads.
    pub(super) fn finish(&mut self) {
        self.lines = None;
        while self.written.recv_timeout(PATIENCE).is_ok() {}
    }
}

/// The thread: writes each line as it comes, with those behind it that are there.
fn write(mut out: impl Write, queue: &Receiver<String>, tell: &SyncSender<()>) {
    for mut lines in queue {
        lines.push('\n');
        while lines.len() < TOGETHER
            && let Ok(line) = queue.try_recv()
        {
            lines.extend([&line, "\n"]);
        }
        // In one call, so that no other writer gets in between.
        let written = out.write_all(lines.as_bytes());
        if written.and_then(|()| out.flush()).is_err() {
            return;
        }
        // It only says that there is progress, so one that is still unheard is enough.
        let _ = tell.try_send(());
    }
}

/// How many bytes of lines are written at once, or a line more: a pipe takes as many whole (pipe(7)).
const TOGETHER: usize = 2 << 10;
/// How many lines may wait.
const QUEUE: usize = 1 << 14;
/// How long the end of the program waits for a reader to take one more line.
const PATIENCE: Duration = Duration::from_millis(500);

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::mpsc::{Sender, channel};

    use super::*;

    /// Sends what it is written on, and waits for leave before it takes the first.
    struct Stopped {
        begun: Sender<()>,
        leave: Receiver<()>,
        lines: Sender<String>,
        line: Vec<u8>,
    }

    impl Write for Stopped {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let _ = self.begun.send(());
            let _ = self.leave.recv();
            self.line.extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            let line = String::from_utf8(std::mem::take(&mut self.line)).unwrap();
            let _ = self.lines.send(line);
            Ok(())
        }
    }

    #[test]
    fn a_reader_that_stops_holds_nobody_up_and_learns_what_it_missed() {
        let (go_on, leave) = channel();
        let (lines, read) = channel();
        let (begun, has_begun) = channel();
        let mut printer = Printer::start(Stopped {
            begun,
            leave,
            lines,
            line: Vec::new(),
        });
        printer.print("line 0".to_owned());
        has_begun.recv().unwrap();
        for number in 1..=QUEUE + 10 {
            printer.print(format!("line {number}"));
        }
        assert_eq!(printer.left_out, 10);
        drop(go_on);
        let mut text = String::new();
        while text.lines().count() <= QUEUE {
            text += &read.recv().unwrap();
        }
        assert!(text.starts_with("line 0\nline 1\n"));
        printer.print("the last".to_owned());
        printer.finish();
        text.extend(read.iter());
        assert_eq!(
            text.lines().skip(QUEUE + 1).collect::<Vec<_>>(),
            ["… 10 lines left out: nobody read them", "the last"]
        );
    }
}
