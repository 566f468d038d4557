//! Who made a request, and for what: read from headers and `client_metadata`, never guessed.

/// Codex's own identifiers of a request.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Identity {
    /// The root session (`session-id`, `session_id`); shared by sub-agents.
    pub session: Option<String>,
    /// The thread; differs for each sub-agent.
    pub thread: Option<String>,
    /// Codex's turn id: equal for all requests, retries included, of one turn.
    pub turn: Option<String>,
    /// Which agent asks.
    pub agent: Agent,
    /// `request_kind` (`turn`, `prewarm`, `compaction`, `memory`), where told.
    pub purpose: Option<String>,
}

/// Which agent a request belongs to.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub enum Agent {
    /// The wire does not tell.
    #[default]
    Unknown,
    /// The main agent.
    Main,
    /// A named sub-agent: `review`, `compact`, `title`, or a spawned agent's path.
    Sub(String),
}

impl Agent {
    /// `main`, the sub-agent's name, or nothing.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::Unknown => None,
            Self::Main => Some("main"),
            Self::Sub(name) => Some(name),
        }
    }
}
