//! What the status bar tells about the program: set once at the start, or kept up to date by the
//! loop.

use std::sync::Arc;

use jiff::tz::TimeZone;

use super::keymap::Keymap;
use crate::filter::Names;
use crate::responses::Prices;
use crate::tap::At;

/// What does not change while the program runs.
#[derive(Clone, Debug)]
pub struct Options {
    /// The address the proxy listens on, such as `127.0.0.1:8787`.
    pub listen: String,
    /// The URL that Codex's paths come behind, such as `http://127.0.0.1:8787`.
    pub base: String,
    /// Where it forwards to, in few words, such as `api.openai.com, chatgpt.com`.
    pub upstreams: String,
    /// The capture file; for a reader, the file that is read. `None` with `--capture none`.
    pub capture: Option<String>,
    /// Whether credentials are masked: `false` with `--no-redact`.
    pub is_redacted: bool,
    /// Whether traffic can arrive: `false` for `open`.
    pub is_proxy: bool,
    /// What else is to be said all the time, such as `not redacted`.
    pub notes: Vec<String>,
    /// In which time zone clock times are shown.
    pub time_zone: TimeZone,
    /// The keys.
    pub keymap: Keymap,
    /// The filter to begin with, if it is valid.
    pub filter: Option<String>,
    /// Saved filters by name.
    pub filters: Arc<Names>,
    /// What models cost.
    pub prices: Arc<Prices>,
    /// The moment of the start.
    pub now: At,
    /// How many bytes of flows that stand in the capture stay in memory all the same.
    pub cache: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:8787".to_owned(),
            base: "http://127.0.0.1:8787".to_owned(),
            upstreams: String::new(),
            capture: None,
            is_redacted: true,
            is_proxy: true,
            notes: Vec::new(),
            time_zone: TimeZone::UTC,
            keymap: Keymap::default(),
            filter: None,
            filters: Arc::default(),
            prices: Arc::default(),
            now: At::default(),
            cache: CACHE,
        }
    }
}

/// What the loop keeps up to date.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Status {
    /// Bytes that were forwarded but not recorded.
    pub lost: u64,
    /// How the capture goes.
    pub capture: Capture,
    /// The file that chosen flows go to as well, if there is one.
    pub stream: Option<Stream>,
    /// How many children that others have started send their traffic here. The proxy outlives the
    /// screen until they end.
    pub children: usize,
    /// Whether panes show what they did while the flow under the cursor is being read back: for the
    /// moment that this mostly takes.
    pub is_patient: bool,
    /// The theme in force.
    pub theme: String,
    /// The themes that there are.
    pub themes: Vec<String>,
    /// Why the proxy stopped, in one line, if it did.
    pub proxy_error: Option<String>,
}

/// How the capture goes.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub enum Capture {
    /// Nothing is being written.
    #[default]
    Off,
    /// Flows are being written.
    Recording,
    /// Writing failed, for this reason, in one line.
    Failed(String),
}

/// A file that chosen flows are written to as they end.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Stream {
    /// The file, as the user named it.
    pub path: String,
    /// What is wrong with writing it, in one line.
    pub problem: Option<String>,
}

/// What stays in memory unless told otherwise: some hundred flows.
const CACHE: u64 = 24 << 20;
