//! Plays a case before a proxy: one exchange that breaks off, and one behind it that does not.

use std::time::Duration;

use codextap::capture::Recording;
use codextap::flow::Store;
use codextap::tap::{At, Event, ExchangeId, Failure, Kind, Limits, Redactor, Side};
use tokio::io::AsyncReadExt;

use crate::log::{About, Log};
use crate::support::peer::{Peer, Server, within};
use crate::support::proxied::Proxied;
use crate::table::{Case, How, Sees};

/// A proxy before an upstream.
pub(crate) struct Stage {
    proxied: Proxied,
    pub(crate) server: Server,
    /// How many connections the proxy has accepted, and how many exchanges it has opened.
    pub(crate) connections: u64,
    pub(crate) exchanges: u64,
}

/// What came of a case.
struct Outcome {
    sees: Sees,
    about: About,
    /// What stands on the flow.
    failures: Vec<Failure>,
    /// What was wrong in its bytes.
    faults: usize,
}

impl Stage {
    /// A proxy that waits for a response head as long as `deadline`, or for ever.
    pub(crate) async fn new(deadline: Option<Duration>) -> Self {
        let server = Server::bind().await;
        let change = |config: &mut codextap::proxy::Config| {
            config.head_timeout = deadline;
            config.upgrade_timeout = deadline.unwrap_or(config.upgrade_timeout);
        };
        Self {
            proxied: Proxied::with(&server.url(), Limits::default(), change).await,
            server,
            connections: 0,
            exchanges: 0,
        }
    }

    /// Plays `case` and holds what comes of it against what the case says.
    pub(crate) async fn check(&mut self, case: &Case, log: &Log) {
        eprintln!("{}", case.name);
        let outcome = self.play(case).await;
        if case.answered.is_none() {
            // There is no request, and so no flow.
            if !case.asked.is_empty() {
                in_the_head(log, &outcome.about, case.how).await;
            }
            return;
        }
        assert_eq!(outcome.sees, case.sees);
        let lines: Vec<String> = match &case.told {
            None => Vec::new(),
            Some((level, phase, message)) => {
                let [failure] = &outcome.failures[..] else {
                    panic!("{:#?}", outcome.failures)
                };
                assert_eq!((failure.side, failure.phase), (case.who, *phase));
                assert!(failure.message.starts_with(message), "{failure}");
                vec![outcome.about.line(level, failure)]
            }
        };
        assert_eq!(outcome.failures.len(), lines.len());
        assert_eq!(log.take(), lines);
        let is_torn = case.name.ends_with("in a frame");
        assert_eq!(outcome.faults > 0, is_torn, "what the bytes tell");
    }

    async fn play(&mut self, case: &Case) -> Outcome {
        let mut client = self.client().await;
        let about = About {
            connection: self.connections,
            exchange: self.exchanges + 1,
            client: client.stream.local_addr().unwrap(),
            upstream: self.server.url(),
        };
        client.send(&case.asked).await;
        let Some(answered) = &case.answered else {
            leave(client, case.how);
            return Outcome {
                sees: Sees::Fin,
                about,
                failures: Vec::new(),
                faults: 0,
            };
        };
        let mut upstream = self.server.accept().await;
        upstream.head().await;
        let (_, body) = case.asked.split_once("\r\n\r\n").unwrap();
        upstream.expect(body).await;
        let bytes: Vec<u8> = answered.chars().map(|byte| byte as u8).collect();
        upstream.send(&bytes).await;
        if answered.contains("\r\n\r\n") {
            client.expect(&bytes).await;
        }
        let sees = match case.who {
            Side::Upstream => leave_before(upstream, case.how, client).await,
            Side::Client => leave_before(client, case.how, upstream).await,
        };
        self.exchanges += 1;
        let (failures, faults) = self.flow().await;
        Outcome {
            sees,
            about,
            failures,
            faults,
        }
    }

    /// One exchange as it should be.
    pub(crate) async fn next_works(&mut self, log: &Log) {
        let mut client = self.client().await;
        client
            .send("GET /v1/next HTTP/1.1\r\nHost: localhost\r\n\r\n")
            .await;
        let mut upstream = self.server.accept().await;
        upstream.head().await;
        upstream
            .send("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok")
            .await;
        assert!(client.head().await.starts_with("HTTP/1.1 200 OK\r\n"));
        client.expect("ok").await;
        self.exchanges += 1;
        let (failures, faults) = self.flow().await;
        assert_eq!((failures, faults), (Vec::new(), 0));
        assert_eq!(log.take(), Vec::<String>::new());
    }

    pub(crate) async fn client(&mut self) -> Peer {
        self.connections += 1;
        Peer::connect(self.proxied.addr).await
    }

    /// Waits for the end of the exchange that was opened last; gives what its flow tells of faults.
    pub(crate) async fn flow(&mut self) -> (Vec<Failure>, usize) {
        let last = ExchangeId(self.exchanges);
        let is_end =
            |event: &Event| event.exchange == last && matches!(event.kind, Kind::Ended { .. });
        self.proxied
            .until(|events| {
                let upgraded = (events.iter())
                    .any(|event| event.exchange == last && event.kind == Kind::Upgraded);
                let ends = events.iter().filter(|event| is_end(event)).count();
                // Should a handshake tell its end, the upgraded connection has two of its own.
                ends >= 2 && (!upgraded || ends == 2)
            })
            .await;
        let mut recording = Recording::new(At::from_micros(0), Redactor::off(), None);
        let mut store = Store::default();
        for event in self.proxied.events.drain(..) {
            recording.apply(&mut store, event);
        }
        // On a connection that carried a turn, that is a flow of its own.
        let flow = store.flows()[0];
        assert!(store.flows().iter().all(|flow| !flow.is_live()));
        (flow.failures.clone(), flow.faults.len())
    }
}

fn leave(peer: Peer, how: How) {
    if how == How::Reset {
        peer.stream.set_zero_linger().unwrap();
    }
    drop(peer);
}

/// `peer` disappears; gives what `other` sees.
pub(crate) async fn leave_before(peer: Peer, how: How, mut other: Peer) -> Sees {
    if how == How::Silence {
        let head = other.head().await;
        let status = head.split(' ').nth(1).unwrap();
        return Sees::Status(status.parse().unwrap());
    }
    leave(peer, how);
    let mut rest = [0; 64];
    match within(other.stream.read(&mut rest)).await {
        Ok(0) => Sees::Fin,
        Ok(read) => panic!("and then came {:?}", String::from_utf8_lossy(&rest[..read])),
        Err(error) => {
            assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
            Sees::Reset
        }
    }
}

/// A client that disappeared in its head has a line, too.
async fn in_the_head(log: &Log, about: &About, how: How) {
    let mut lines = Vec::new();
    let told = async {
        while lines.is_empty() {
            tokio::task::yield_now().await;
            lines = log.take();
        }
    };
    within(told).await;
    let reason = match how {
        How::Reset => "read: Connection reset by peer (os error ",
        How::Fin | How::Silence => "read: the connection was closed ",
    };
    let [line] = &lines[..] else {
        panic!("{lines:?}")
    };
    assert!(line.starts_with(&format!("INFO {reason}")), "{line}");
    let about = format!(
        "connection={} client={} side=\"client\" phase=\"request head\"",
        about.connection, about.client
    );
    assert!(line.ends_with(&about), "{line}");
}
