//! The log: lines for people who look into a fault, on standard error or in a file.
//!
//! Whoever logs never waits for the device: a [`Printer`] takes the lines, and counts those that find
//! no room.

use std::fmt::{self, Write as _};
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::mpsc;
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;

use super::args::Common;
use super::error::Error;
use super::printer::Printer;
use crate::app::{self, LogLine};
use crate::tap::Clock;

/// Takes the lines of the log.
#[derive(Debug)]
pub(super) struct Log(Mutex<Printer>);

/// What is logged, for the screen.
pub(super) type Lines = mpsc::Receiver<LogLine>;

impl Log {
    /// Starts the log: to the file that was named, else to standard error where there is no screen. Where
    /// there is one that shows it, gives it what is logged, too.
    pub(super) fn start(
        common: &Common,
        has_screen: bool,
        is_shown: bool,
    ) -> Result<(Option<Arc<Self>>, Option<Lines>), Error> {
        let printer = match &common.log {
            Some(path) => {
                let file = append(path).map_err(|error| {
                    Error::new(format!("cannot write log {}: {error}", path.display()))
                })?;
                Some(Printer::start(file))
            }
            None if has_screen => None,
            None => Some(Printer::start(io::stderr())),
        };
        let log = printer.map(|printer| Arc::new(Self(Mutex::new(printer))));
        let written = log.as_ref().map(|log| {
            // The crate's colours would need a feature of it, and say so on a terminal.
            let layer = tracing_subscriber::fmt::layer()
                .with_ansi(false)
                .with_target(false);
            let layer = layer.with_writer(Arc::clone(log));
            layer.with_filter(LevelFilter::from(common.log_level))
        });
        let (shown, lines) = if is_shown {
            let (send, lines) = mpsc::channel(WAITING);
            let clock = Clock::start();
            let least = common.log_level.max(Level::INFO).min(Level::DEBUG);
            let layer = Shown { send, clock }.with_filter(LevelFilter::from(least));
            (Some(layer), Some(lines))
        } else {
            (None, None)
        };
        tracing_subscriber::registry()
            .with(written)
            .with(shown)
            .init();
        Ok((log, lines))
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

/// Hands what is logged to the screen. Whoever logs never waits for it.
struct Shown {
    send: mpsc::Sender<LogLine>,
    clock: Clock,
}

impl<S: Subscriber> Layer<S> for Shown {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut text = Text::default();
        event.record(&mut text);
        let level = match *event.metadata().level() {
            Level::ERROR => app::Level::Error,
            Level::WARN => app::Level::Warning,
            Level::INFO => app::Level::Info,
            Level::DEBUG | Level::TRACE => app::Level::Debug,
        };
        let line = LogLine {
            at: self.clock.now(),
            level,
            text: format!("{}{}", text.message, text.fields),
        };
        // A loop that does not get on with that many has more to do than to show one more.
        let _ = self.send.try_send(line);
    }
}

/// An event as a line: what it says, then its fields.
#[derive(Default)]
struct Text {
    message: String,
    fields: String,
}

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // Writing to a string cannot fail.
        let _ = match field.name() {
            "message" => write!(self.message, "{value:?}"),
            name => write!(self.fields, " {name}={value:?}"),
        };
    }
}

/// How many lines may wait for the screen.
const WAITING: usize = 1_024;

fn append(path: &std::path::Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).open(path)
}
