//! What kind of traffic a flow is, told by its path.

/// What kind of traffic a flow is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Channel {
    /// `…/responses`: a model turn.
    Model,
    /// `…/models`.
    Models,
    /// `…/responses/compact`.
    Compact,
    /// `…/realtime`.
    Realtime,
    /// `/wham/…` and other calls to the ChatGPT back end.
    Backend,
    /// `…/analytics-events/…`, telemetry.
    Analytics,
    /// `/ps/mcp`.
    Mcp,
    /// `/ps/plugins/…`, skills.
    Plugins,
    /// Anything else.
    Other,
}

impl Channel {
    /// The channel of a request target (its query does not matter).
    #[must_use]
    pub fn of(target: &str) -> Self {
        let path = target
            .split(['?', '#'])
            .next()
            .unwrap_or_default()
            .trim_end_matches('/');
        let has = |part: &str| path.contains(part);
        if path.ends_with("/responses/compact") {
            Self::Compact
        } else if path.ends_with("/responses") {
            Self::Model
        } else if path.ends_with("/models") {
            Self::Models
        } else if has("/realtime") {
            Self::Realtime
        } else if has("/analytics") || has("/otlp/") {
            Self::Analytics
        } else if has("/ps/mcp") {
            Self::Mcp
        } else if has("/plugins") || has("/skills") || has("/connectors/") {
            Self::Plugins
        } else if has("/wham") || has("/api/codex") || has("/backend-api") {
            Self::Backend
        } else {
            Self::Other
        }
    }

    /// Its name, as the list, the filter and captures spell it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Model => "model",
            Self::Models => "models",
            Self::Compact => "compact",
            Self::Realtime => "realtime",
            Self::Backend => "backend",
            Self::Analytics => "analytics",
            Self::Mcp => "mcp",
            Self::Plugins => "skills/plugins",
            Self::Other => "other",
        }
    }

    /// Whether it carries no model turn: such flows are dimmed.
    #[must_use]
    pub const fn is_side(self) -> bool {
        !matches!(self, Self::Model | Self::Compact | Self::Realtime)
    }
}

/// How a flow's bytes travel.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Transport {
    /// A plain response.
    Http,
    /// Server-sent events.
    Sse,
    /// A WebSocket.
    WebSocket,
}

impl Transport {
    /// Whether a `Content-Type` announces server-sent events.
    #[must_use]
    pub fn is_event_stream(content_type: &str) -> bool {
        content_type.starts_with("text/event-stream")
    }

    /// `HTTP`, `SSE` or `WS`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http => "HTTP",
            Self::Sse => "SSE",
            Self::WebSocket => "WS",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Channel::{self, *};

    #[test]
    fn paths_tell_the_channel() {
        let table = [
            ("/v1/responses", Model),
            ("/backend-api/codex/responses?x=1", Model),
            ("/v1/responses/compact", Compact),
            ("/backend-api/codex/models?client_version=0.169.0", Models),
            ("/v1/realtime?model=gpt-realtime-1.5", Realtime),
            ("/v1/realtime/calls?intent=quicksilver", Realtime),
            ("/backend-api/wham/usage", Backend),
            ("/backend-api/codex/analytics-events/events", Analytics),
            ("/backend-api/ps/mcp", Mcp),
            ("/backend-api/ps/plugins/installed?limit=200", Plugins),
            ("/v1/files", Other),
        ];
        for (target, channel) in table {
            assert_eq!(Channel::of(target), channel, "{target}");
        }
    }
}
