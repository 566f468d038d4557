//! Who made a request, and for what: read from headers and `client_metadata`, never guessed.
//!
//! The body's `client_metadata` wins over headers: on a WebSocket the headers are the handshake's,
//! and describe its first request only. `x-codex-turn-metadata`, JSON within a string, says most.

use std::borrow::Cow;

use super::Request;
use super::lenient::Members;

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
    /// Whether `agent` follows from what the wire does not say: before 0.169 only sub-agents are named.
    pub is_agent_inferred: bool,
    /// What kind of sub-agent it is (`thread_spawn`, `collab_spawn`, `review`, `compact`), where told.
    pub label: Option<String>,
    /// The thread that this one was spawned from, where told.
    pub parent: Option<String>,
    /// How often the thread's context was compacted before, where told.
    pub window: Option<u32>,
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

    /// The agent that [`Agent::name`] names so.
    #[must_use]
    pub fn from_name(name: &str) -> Self {
        match name {
            "main" => Self::Main,
            name => Self::Sub(name.to_owned()),
        }
    }
}

impl Identity {
    /// Reads who asks, from a request's header fields (`header` gives the value of a field) and
    /// body.
    #[must_use]
    pub fn of(header: impl Fn(&str) -> Option<String>, body: Option<&Request>) -> Self {
        let header = |name: &str| header(name).filter(|value| !value.is_empty());
        let in_body = |name: &str| {
            let pairs = &body?.metadata;
            let value = pairs.iter().rev().find(|(member, _)| member == name);
            value
                .map(|(_, value)| value.clone())
                .filter(|value| !value.is_empty())
        };
        let either = |name: &str| in_body(name).or_else(|| header(name));
        // Never both: what the handshake says of its first request is wrong of a later one.
        let told = either(TURN_METADATA).unwrap_or_default();
        let told = Members::of(&told).unwrap_or_default();
        let told = |name: &str| {
            let text = told.text(name).map(Cow::into_owned);
            text.filter(|text| !text.is_empty())
        };
        let id = |name: &str, field: &str| {
            let of_body = told(name).or_else(|| in_body(name));
            of_body.or_else(|| header(field)).or_else(|| header(name))
        };

        let session = id("session_id", "session-id");
        // `<thread>:<number>`
        let window = either("x-codex-window-id");
        let window = window.and_then(|id| id.rsplit_once(':')?.1.parse().ok());
        let purpose = told("request_kind").or_else(|| {
            let is_warm_up = body.is_some_and(|body| body.is_warm_up);
            is_warm_up.then(|| "prewarm".to_owned())
        });
        let marks = Marks {
            label: either("x-openai-subagent"),
            kind: told("subagent_kind"),
            source: told("thread_source"),
            name: told("agent_name"),
            has_session: session.is_some(),
        };
        let agent = marks.agent();
        Self {
            // Versions before 0.169 have one identifier for both.
            thread: id("thread_id", "thread-id").or_else(|| session.clone()),
            turn: told("turn_id").or_else(|| in_body("turn_id")),
            is_agent_inferred: agent == Agent::Main && !marks.tell_main(),
            agent,
            parent: told("parent_thread_id").or_else(|| either("x-codex-parent-thread-id")),
            window,
            label: marks.kind.or(marks.label),
            purpose,
            session,
        }
    }
}

/// What the wire says about the agent.
struct Marks {
    /// `x-openai-subagent`.
    label: Option<String>,
    /// `subagent_kind`.
    kind: Option<String>,
    /// `thread_source`.
    source: Option<String>,
    /// `agent_name`: a path from `/root`.
    name: Option<String>,
    has_session: bool,
}

impl Marks {
    /// Whether the wire names the main agent.
    fn tell_main(&self) -> bool {
        self.source.is_some() || self.name.is_some()
    }

    fn agent(&self) -> Agent {
        let sub = |name: &str| Agent::Sub(name.to_owned());
        let source = self.source.as_deref();
        if source == Some("thread_title") {
            return sub("title");
        }
        // A spawned agent is better known by its own name than as one that was spawned.
        let path = self.name.as_deref().filter(|name| *name != ROOT);
        let last = path.and_then(|path| path.rsplit('/').next());
        if let Some(last) = last.filter(|last| !last.is_empty()) {
            return sub(last);
        }
        if let Some(kind) = self.kind.as_deref().or(self.label.as_deref()) {
            return sub(kind);
        }
        match (source, self.name.as_deref()) {
            (Some("user") | None, Some(ROOT)) | (Some("user"), None) => Agent::Main,
            (Some(source), _) => sub(source),
            (None, Some(name)) => sub(name),
            // Before 0.169 only sub-agents are labelled, so that no label says as much.
            (None, None) if self.has_session => Agent::Main,
            (None, None) => Agent::Unknown,
        }
    }
}

const TURN_METADATA: &str = "x-codex-turn-metadata";

/// The main agent's `agent_name`, and the root of every other one's.
const ROOT: &str = "/root";

#[cfg(test)]
mod tests {
    use super::*;

    fn identify(headers: &[(&str, &str)], metadata: &[(&str, &str)]) -> Identity {
        let request = Request {
            metadata: metadata
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
            ..Request::default()
        };
        let header = |name: &str| {
            let value = headers.iter().find(|(field, _)| *field == name);
            value.map(|(_, value)| (*value).to_owned())
        };
        Identity::of(header, Some(&request))
    }

    #[test]
    fn the_agent_is_named_as_the_wire_names_it() {
        let cases = [
            (
                r#"{"agent_name":"/root","thread_source":"user"}"#,
                "",
                Some("main"),
            ),
            (r#"{"agent_name":"/root"}"#, "", Some("main")),
            (
                r#"{"agent_name":"/root","thread_source":"subagent","subagent_kind":"review"}"#,
                "review",
                Some("review"),
            ),
            (
                r#"{"agent_name":"/root/a/scout","thread_source":"subagent","subagent_kind":"thread_spawn"}"#,
                "collab_spawn",
                Some("scout"),
            ),
            (
                r#"{"agent_name":"/root","thread_source":"thread_title"}"#,
                "",
                Some("title"),
            ),
            (
                r#"{"agent_name":"/root","thread_source":"automation"}"#,
                "",
                Some("automation"),
            ),
            ("", "compact", Some("compact")),
            ("", "review", Some("review")),
            ("", "", None),
            ("not JSON", "", None),
        ];
        for (told, label, name) in cases {
            let headers = [(TURN_METADATA, told), ("x-openai-subagent", label)];
            assert_eq!(identify(&headers, &[]).agent.name(), name, "{told} {label}");
            assert_eq!(identify(&[], &headers).agent.name(), name, "{told} {label}");
        }
    }

    #[test]
    fn the_body_wins_over_the_headers_of_the_handshake() {
        let headers = [
            ("session-id", "s-head"),
            ("thread-id", "t-head"),
            (
                TURN_METADATA,
                r#"{"request_kind":"prewarm","turn_id":"","agent_name":"/root"}"#,
            ),
        ];
        let metadata = [
            ("turn_id", "turn-2"),
            (
                TURN_METADATA,
                r#"{"session_id":"s","thread_id":"t","request_kind":"turn"}"#,
            ),
        ];
        let identity = identify(&headers, &metadata);
        assert_eq!(identity.session.as_deref(), Some("s"));
        assert_eq!(identity.thread.as_deref(), Some("t"));
        assert_eq!(identity.turn.as_deref(), Some("turn-2"));
        assert_eq!(identity.purpose.as_deref(), Some("turn"));

        let identity = identify(&headers, &[]);
        assert_eq!(identity.thread.as_deref(), Some("t-head"));
        assert_eq!(identity.turn, None, "an empty identifier is none");
        assert_eq!(identity.purpose.as_deref(), Some("prewarm"));
    }

    #[test]
    fn the_parent_and_the_window_are_told_either_way() {
        let told =
            r#"{"parent_thread_id":"t-1","subagent_kind":"thread_spawn","agent_name":"/root/x"}"#;
        let metadata = [(TURN_METADATA, told), ("x-codex-window-id", "t-2:3")];
        let identity = identify(&[("x-codex-window-id", "t-2:0")], &metadata);
        assert_eq!(identity.parent.as_deref(), Some("t-1"));
        assert_eq!(identity.label.as_deref(), Some("thread_spawn"));
        assert_eq!(identity.window, Some(3));
        assert!(!identity.is_agent_inferred);

        let headers = [
            ("x-codex-parent-thread-id", "t-1"),
            ("x-openai-subagent", "review"),
            ("x-codex-window-id", "no number"),
        ];
        let identity = identify(&headers, &[]);
        assert_eq!(identity.parent.as_deref(), Some("t-1"));
        assert_eq!(identity.label.as_deref(), Some("review"));
        assert_eq!(identity.window, None);
    }

    #[test]
    fn old_versions_give_one_identifier() {
        let identity = identify(&[("session_id", "x")], &[]);
        assert_eq!(identity.session.as_deref(), Some("x"));
        assert_eq!(identity.thread.as_deref(), Some("x"));
        assert_eq!(identity.agent, Agent::Main);
        assert!(identity.is_agent_inferred);
        assert_eq!(Identity::of(|_| None, None), Identity::default());
    }
}
