//! The log: lines for people who look into a fault, on standard error or in a file.
//!
//! Whoever logs never waits for the device: a [`Printer`] takes the lines, and counts those that find
//! no room.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use super::args::Common;
use super::error::Error;
use super::printer::Printer;

/// Takes the lines of the log.
#[derive(Debug)]
pub(super) struct Log(Mutex<Printer>);

impl Log {
    /// Starts the log: to the file that was named, else to standard error where there is no screen.
    pub(super) fn start(common: &Common, has_screen: bool) -> Result<Option<Arc<Self>>, Error> {
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(common.log_level)
            .with_target(false);
        let printer = match &common.log {
            Some(path) => {
                let file = append(path).map_err(|error| {
                    Error::new(format!("cannot write log {}: {error}", path.display()))
                })?;
                Printer::start(file)
            }
            None if has_screen => return Ok(None),
            None => Printer::start(io::stderr()),
        };
        let log = Arc::new(Self(Mutex::new(printer)));
        // The crate's colours would need a feature of it, and say so on a terminal.
        subscriber
            .with_ansi(false)
            .with_writer(Arc::clone(&log))
            .init();
        Ok(Some(log))
    }

    /// Waits until everything is written, as long as the device takes it. What comes later is lost.
    pub(super) fn finish(&self) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .finish();
    }
}

/// The subscriber writes each line at once.
impl Write for &Log {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(line);
        let text = text.trim_end_matches('\n').to_owned();
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .print(text);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn append(path: &std::path::Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).open(path)
}
