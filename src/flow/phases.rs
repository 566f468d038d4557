//! Where the time of an exchange went, in the phases of HAR 1.2's `timings`
//! (<https://w3c.github.io/web-performance/specs/HAR/Overview.html#timings>).

use std::time::Duration;

use super::{Flow, FlowKind};

/// The phases of an exchange; those that did not happen, or have not ended, are missing.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Phases {
    /// Resolving names.
    pub dns: Option<Duration>,
    /// TCP, and an outer proxy's tunnel. Unlike HAR's `connect` it does not include `tls`.
    pub connect: Option<Duration>,
    /// The TLS handshake with the upstream.
    pub tls: Option<Duration>,
    /// Sending the request, up to the response's head if that came before the request's end.
    pub send: Option<Duration>,
    /// From the request's end to the response's head.
    pub wait: Option<Duration>,
    /// From the response's head to its end.
    pub receive: Option<Duration>,
}

impl Phases {
    /// The phases with their names, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, Duration)> {
        [
            ("dns", self.dns),
            ("connect", self.connect),
            ("tls", self.tls),
            ("send", self.send),
            ("wait", self.wait),
            ("receive", self.receive),
        ]
        .into_iter()
        .filter_map(|(name, duration)| Some((name, duration?)))
    }
}

impl Flow {
    /// Where its time went; nothing is known of a turn on a WebSocket, or without a connection.
    #[must_use]
    pub fn phases(&self) -> Phases {
        let (Some(connection), Some(connected)) = (&self.connection, self.connected_at) else {
            return Phases::default();
        };
        let answered = self.response.head_at;
        // A handshake is sent at once, and what is sent behind it belongs to another protocol.
        let sent = match self.kind {
            FlowKind::Http => self.request.sent_at,
            FlowKind::Ws | FlowKind::WsTurn { .. } => Some(connected),
        };
        let sent = [sent, answered].into_iter().flatten().min();
        let sent = sent.map(|sent| sent.max(connected));
        let received = answered.zip(self.ended);
        Phases {
            dns: connection.dns,
            connect: connection.connect,
            tls: connection.tls,
            send: sent.map(|sent| sent.since(connected)),
            wait: sent
                .zip(answered)
                .map(|(sent, answered)| answered.since(sent)),
            receive: received.map(|(answered, ended)| ended.since(answered)),
        }
    }
}
