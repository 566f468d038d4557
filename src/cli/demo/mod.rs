//! `codextap demo`: everything on screen with no key and no network.
//!
//! An upstream on loopback and an agent play a short story (`story.toml`): a question over a
//! WebSocket, a patch over SSE, a review by a sub-agent, a refused upgrade, a usage limit, a
//! request that does not fit. The agent behaves like Codex on the wire and talks *through the
//! proxy*, so the demo shows the same path that real traffic takes. Nothing here reads files or
//! environment.
//!
//! ```text
//! agent ──▶ proxy (both routes) ──▶ upstream
//! ```

mod agent;
mod events;
mod ids;
mod request;
mod story;
#[cfg(test)]
mod tests;
mod upstream;

use std::net::SocketAddr;
use std::time::Duration;

pub use story::Story;
pub use upstream::Upstream;

/// Why the demo cannot start, or stopped before its end.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Binding, connecting, reading or writing on loopback failed.
    #[error("use a loopback socket: {0}")]
    Io(#[from] std::io::Error),
    /// The proxy or the upstream broke HTTP.
    #[error("complete an HTTP exchange: {0}")]
    Http(#[from] hyper::Error),
    /// A request or response could not be put together.
    #[error("build a message: {0}")]
    Build(#[from] http::Error),
    /// The proxy or the upstream broke the WebSocket protocol.
    #[error("talk over a WebSocket: {0}")]
    WebSocket(#[from] Box<tokio_tungstenite::tungstenite::Error>),
    /// Something that should be JSON is not.
    #[error("read JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// The built-in story does not parse.
    #[error("read the story: {0}")]
    Toml(#[from] toml::de::Error),
    /// The story and what happened disagree.
    #[error("follow the story: {0}")]
    Script(String),
}

impl From<tokio_tungstenite::tungstenite::Error> for Error {
    fn from(error: tokio_tungstenite::tungstenite::Error) -> Self {
        Self::WebSocket(Box::new(error))
    }
}

/// Starts the demo's upstream on a free loopback port; it ends when the value is dropped.
///
/// `pace` multiplies every pause: 1 is the pace of a person reading, 0 is as fast as possible.
/// Must be called within a tokio runtime.
pub fn start(pace: f64) -> Result<Upstream, Error> {
    Upstream::start(Story::load()?, Pace::new(pace))
}

/// Plays the agent's side of the story through the proxy at `proxy`, whose routes both lead to the
/// upstream that [`start`] gave.
///
/// Returns when the story is told. Its WebSocket then stays open, looked after by a task of its
/// own, until the other side closes it or the runtime ends: the screen shows a live connection.
pub async fn play(proxy: SocketAddr, pace: f64) -> Result<(), Error> {
    agent::Agent::new(proxy, Pace::new(pace))
        .play(&Story::load()?)
        .await
}

/// How much the story's pauses are stretched.
#[derive(Clone, Copy, Debug)]
struct Pace(f64);

impl Pace {
    /// A multiplier; anything that is not a sensible one counts as 0.
    fn new(pace: f64) -> Self {
        Self(if pace.is_finite() {
            pace.clamp(0.0, 100.0)
        } else {
            0.0
        })
    }

    /// Waits for `ms` milliseconds of the story.
    async fn pause(self, ms: u64) {
        let duration = Duration::from_millis(ms).mul_f64(self.0);
        if !duration.is_zero() {
            tokio::time::sleep(duration).await;
        }
    }
}
