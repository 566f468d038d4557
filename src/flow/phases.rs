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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tap::{At, Connection};

    /// A flow with a new connection at 60 µs; the request sent, the answer there, its end.
    fn flow(sent: Option<u64>, answered: Option<u64>, ended: Option<u64>) -> Flow {
        let at = |micros| At::from_micros(1_000 + micros);
        let mut flow = Flow::new(String::new(), String::new(), "".into(), at(0));
        flow.connection = Some(Connection {
            dns: Some(Duration::from_micros(10)),
            connect: Some(Duration::from_micros(20)),
            tls: Some(Duration::from_micros(30)),
            ..Connection::default()
        });
        flow.connected_at = Some(at(60));
        flow.request.sent_at = sent.map(at);
        flow.response.head_at = answered.map(at);
        flow.ended = ended.map(at);
        flow
    }

    fn told(flow: &Flow) -> String {
        let phases = flow.phases();
        let phases = phases
            .iter()
            .map(|(name, time)| format!("{name} {}", time.as_micros()));
        phases.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn phases_follow_each_other() {
        let table = [
            (None, None, None, ""),
            (Some(70), None, None, " send 10"),
            (Some(70), Some(170), None, " send 10 wait 100"),
            (
                Some(70),
                Some(170),
                Some(1170),
                " send 10 wait 100 receive 1000",
            ),
            // An answer that came before the request's end.
            (
                Some(500),
                Some(170),
                Some(1170),
                " send 110 wait 0 receive 1000",
            ),
            (None, Some(170), None, " send 110 wait 0"),
            // A request that was given up before there was a connection.
            (Some(5), None, None, " send 0"),
        ];
        for (sent, answered, ended, expected) in table {
            let expected = format!("dns 10 connect 20 tls 30{expected}");
            assert_eq!(told(&flow(sent, answered, ended)), expected);
        }
        let mut socket = flow(Some(9_000), Some(170), None);
        socket.kind = FlowKind::Ws;
        assert_eq!(told(&socket), "dns 10 connect 20 tls 30 send 0 wait 110");
        let mut alone = flow(Some(70), Some(170), Some(180));
        alone.connection = None;
        assert_eq!(told(&alone), "");
        let mut reused = flow(Some(70), Some(170), Some(180));
        reused.connection = Some(Connection {
            is_reused: true,
            ..Connection::default()
        });
        assert_eq!(told(&reused), "send 10 wait 100 receive 10");
    }
}
