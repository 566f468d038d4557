//! The log, as lines that a test can read.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use codextap::tap::Failure;
use tracing::subscriber::DefaultGuard;

/// Collects what this thread logs, as long as it is kept.
pub(crate) struct Log {
    text: Text,
    _guard: DefaultGuard,
}

/// Which of the proxy's connections a line is about.
pub(crate) struct About {
    pub(crate) connection: u64,
    pub(crate) exchange: u64,
    pub(crate) client: SocketAddr,
    pub(crate) upstream: String,
}

#[derive(Clone, Default)]
struct Text(Arc<Mutex<Vec<u8>>>);

impl Write for Text {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Log {
    pub(crate) fn start() -> Self {
        let text = Text::default();
        let writer = text.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::INFO)
            .with_target(false)
            .with_ansi(false)
            .with_writer(move || writer.clone())
            .finish();
        Self {
            text,
            _guard: tracing::subscriber::set_default(subscriber),
        }
    }

    /// Takes the lines so far, without their times, which must be there.
    pub(crate) fn take(&self) -> Vec<String> {
        let text = std::mem::take(&mut *self.text.0.lock().unwrap());
        let text = String::from_utf8(text).unwrap();
        (text.lines())
            .map(|line| {
                let (time, rest) = line.split_once(' ').expect(line);
                assert!(time.parse::<jiff::Timestamp>().is_ok(), "{line}");
                rest.trim_start().to_owned()
            })
            .collect()
    }
}

impl About {
    /// The line that tells `failure`.
    pub(crate) fn line(&self, level: &str, failure: &Failure) -> String {
        let Self {
            connection,
            exchange,
            client,
            upstream,
        } = self;
        format!(
            "{level} {} connection={connection} exchange={exchange} client={client} \
             upstream={upstream} side={:?} phase={:?}",
            failure.message,
            failure.side.as_str(),
            failure.phase.as_str()
        )
    }
}
