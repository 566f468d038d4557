//! A proxy in front of one upstream, and what its tap tells.

use std::net::SocketAddr;

use codextap::proxy::{Config, Proxy, Route, Stage};
use codextap::tap::{Clock, Direction, Event, Failure, Kind, Limits, Receiver, Redactor, channel};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::peer::{Peer, within};

/// A running proxy. Dropped, it ends.
pub struct Proxied {
    pub addr: SocketAddr,
    pub tap: Option<Receiver>,
    pub events: Vec<Event>,
    stage: watch::Sender<Stage>,
    serving: JoinHandle<()>,
}

impl Proxied {
    /// `/v1/` leads to `url`.
    pub async fn new(url: &str) -> Self {
        Self::with(url, Limits::default(), |_| ()).await
    }

    /// The same, with the channel's limits and other settings changed.
    pub async fn with(url: &str, limits: Limits, change: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            routes: vec![Route::new("/v1/", url).unwrap()],
            ..Config::default()
        };
        change(&mut config);
        let (tap, receiver) = channel(limits, Clock::start(), Redactor::new());
        let proxy = Proxy::bind(config, tap).await.unwrap();
        let addr = proxy.local_addr();
        let (stage, stages) = watch::channel(Stage::Serving);
        let serving = tokio::spawn(proxy.serve(stages));
        Self {
            addr,
            tap: Some(receiver),
            events: Vec::new(),
            stage,
            serving,
        }
    }

    /// Goes on with the shutdown.
    pub fn tell(&self, stage: Stage) {
        self.stage.send_replace(stage);
    }

    /// Begins the shutdown, if it has not begun, and waits for its end.
    pub async fn stop(&mut self) {
        if *self.stage.borrow() == Stage::Serving {
            self.tell(Stage::Draining);
        }
        within(&mut self.serving).await.unwrap();
    }

    /// Collects events until `enough`.
    pub async fn until(&mut self, enough: impl Fn(&[Event]) -> bool) {
        let tap = self.tap.as_mut().unwrap();
        while !enough(&self.events) {
            let told = within(tap.recv_many(&mut self.events)).await;
            assert!(told > 0, "the tap ended after {:#?}", self.events);
        }
    }

    /// Collects events until `exchanges` exchanges are over, and tells them in short.
    pub async fn story(&mut self, exchanges: usize) -> Vec<String> {
        self.until(|events| {
            let ended = events
                .iter()
                .filter(|event| matches!(event.kind, Kind::Ended { .. }));
            ended.count() >= 2 * exchanges
        })
        .await;
        story(&self.events)
    }

    /// Asks once; gives the status and the message of an answer of the proxy's own, and the failure.
    pub async fn refused(&mut self, request: &str) -> (u16, String, Failure) {
        let mut client = Peer::connect(self.addr).await;
        client.send(request).await;
        let head = client.head().await;
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let length = head.split("content-length: ").nth(1).unwrap();
        let length = length.split("\r\n").next().unwrap();
        let body = client.read(length.parse().unwrap()).await;
        let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
        let message = body["error"]["message"].as_str().unwrap().to_owned();
        self.story(1).await;
        let failures = self.events.iter().filter_map(|event| match &event.kind {
            Kind::Failed(failure) => Some(failure.clone()),
            _ => None,
        });
        let failure = failures.last().unwrap();
        self.events.clear();
        (status, message, failure)
    }

    /// The bytes copied one way.
    pub fn copied(&self, way: Direction) -> Vec<u8> {
        let mut copied = Vec::new();
        for event in &self.events {
            if let Kind::Data { dir, bytes } = &event.kind
                && *dir == way
            {
                copied.extend_from_slice(bytes);
            }
        }
        copied
    }
}

impl Drop for Proxied {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// Events in short, one line each; neighbouring chunks of a direction are joined.
pub fn story(events: &[Event]) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut run: Option<(Direction, String)> = None;
    for event in events {
        if let Kind::Data { dir, bytes } = &event.kind {
            let text = String::from_utf8_lossy(bytes);
            match &mut run {
                Some((way, joined)) if way == dir => joined.push_str(&text),
                _ => {
                    lines.extend(run.take().map(shown));
                    run = Some((*dir, text.into_owned()));
                }
            }
            continue;
        }
        lines.extend(run.take().map(shown));
        lines.push(match &event.kind {
            Kind::Opened { .. } => "opened".to_owned(),
            Kind::Request(head) => format!("{} {}", head.method, head.target),
            Kind::Response(head) => head.status.to_string(),
            Kind::Upgraded => "upgraded".to_owned(),
            Kind::Connected(_) | Kind::Data { .. } => continue,
            Kind::Trailers { dir, fields } => {
                let fields: Vec<String> = (fields.iter())
                    .map(|field| format!("{}: {}", field.name, field.value.as_text()))
                    .collect();
                format!("{} trailers {}", dir.as_str(), fields.join(", "))
            }
            Kind::Missed { dir, bytes } => format!("{} missed {bytes}", dir.as_str()),
            Kind::Failed(failure) => {
                format!(
                    "failed {} {}",
                    failure.side.as_str(),
                    failure.phase.as_str()
                )
            }
            Kind::Ended { dir, how } => format!("{} {how:?}", dir.as_str()),
        });
    }
    lines.extend(run.map(shown));
    lines
}

fn shown((dir, text): (Direction, String)) -> String {
    format!("{} {text}", dir.as_str())
}
