//! One request: told to the tap, and refused or [passed](super::pass) to the upstream it is for.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::{StatusCode, Version};
use rustls::pki_types::CertificateDer;

use super::Config;
use super::body::{Body, Framing};
use super::client::{After, Client};
use super::connector::Connector;
use super::guard::Guard;
use super::head::{Fault, RequestHead};
use super::hop;
use super::presence::Presence;
use super::refusal::Refusal;
use super::relay;
use super::reply::Reply;
use super::returned::InFlight;
use super::route::{self, Route};
use super::upload::Upload;
use super::upstream::Upstreams;
use crate::tap::{Direction, Tap};

/// What all connections share.
#[derive(Debug)]
pub(super) struct Forwarder {
    routes: Vec<Route>,
    pub(super) upstreams: Upstreams,
    pub(super) in_flight: InFlight,
    tap: Tap,
    guard: Guard,
    pub(super) presence: Presence,
    /// How long a request's head may take from its first byte to its end.
    pub(super) request_timeout: Duration,
    pub(super) head_timeout: Option<Duration>,
    pub(super) upgrade_timeout: Duration,
    pub(super) silence: relay::Silence,
    /// Whether [the one answer](super::workspace) is changed that side channels would not survive.
    pub(super) side_channels: bool,
}

impl Forwarder {
    pub(super) fn new(
        config: Config,
        listen: SocketAddr,
        roots: Vec<CertificateDer<'static>>,
        tap: Tap,
    ) -> Self {
        let connector = Connector::new(roots, config.outer, config.connect_timeout, tap.clock());
        Self {
            routes: config.routes,
            upstreams: Upstreams::new(connector),
            in_flight: InFlight::default(),
            tap,
            presence: Presence::new(config.key),
            guard: Guard::new(listen, config.hosts, config.token),
            request_timeout: config.request_timeout,
            head_timeout: config.head_timeout,
            upgrade_timeout: config.upgrade_timeout,
            silence: relay::Silence {
                idle: config.ws_idle_timeout,
                half_closed: config.half_closed_timeout,
            },
            side_channels: config.side_channels,
        }
    }

    /// Answers the request that begins with `head`; `checked`: whether it could be read.
    pub(super) async fn exchange(
        &self,
        client: &mut Client<'_>,
        mut head: RequestHead,
        checked: Result<(), Fault>,
    ) -> After {
        let returned = self.not_returned(&head);
        // Nobody behind this line sees the token.
        let admitted = self.guard.admit(&mut head, &self.routes);
        let head = &head;
        if admitted.is_ok() && checked.is_ok() && self.presence.is_asked(head) {
            let (source, sink) = (&mut client.source, &mut client.sink);
            let presence = &self.presence;
            return presence.answer(head, source, sink, &mut client.stage).await;
        }
        self.presence.count();
        let route = route::find(&self.routes, head.path());
        let origin = route.map_or_else(|| Arc::from(""), |route| Arc::clone(route.origin()));
        let exchange = self.tap.open(client.connection, client.addr, origin);
        let lines = head.fields.iter().map(|line| (line.name, line.value));
        exchange.request(&head.method, &head.target, head.version, lines);
        let (out, back) = (exchange.lane(Direction::Out), exchange.lane(Direction::In));
        let persists =
            head.version != Version::HTTP_10 && !hop::closes(&head.fields) && !client.is_closing();
        let mut reply = Reply {
            head,
            exchange,
            lane: back,
            persists,
            stage: &mut client.stage,
        };
        let framing = match checked.and_then(|()| Framing::of_request(head)) {
            Ok(framing) => framing,
            Err(fault) => {
                // Where the next request begins nobody knows.
                reply.persists = false;
                drop(out);
                let refusal = Refusal::malformed(fault);
                reply.exchange.failed(refusal.failure());
                return reply.refuse(&mut client.sink, &refusal).await;
            }
        };
        let mut upload = Upload::new(&mut client.source, Body::new(framing), out);
        let admitted = returned
            .and(admitted)
            .and_then(|()| route.ok_or_else(|| self.unrouted(head.path())));
        match admitted {
            Ok(route) => {
                let (sink, kept) = (&mut client.sink, &mut client.kept);
                self.pass(route, framing, upload, sink, kept, reply).await
            }
            Err(refusal) => {
                if refusal.status() == StatusCode::UNAUTHORIZED && framing != Framing::Empty {
                    // What a stranger sends is neither read nor kept.
                    reply.exchange.failed(refusal.failure());
                    reply.persists = false;
                } else {
                    reply.give_up(&mut upload, &refusal).await;
                }
                drop(upload);
                reply.refuse(&mut client.sink, &refusal).await
            }
        }
    }

    fn not_returned(&self, head: &RequestHead) -> Result<(), Refusal> {
        if self.in_flight.has(head.bytes()) {
            return Err(Refusal::looped());
        }
        Ok(())
    }

    fn unrouted(&self, path: &[u8]) -> Refusal {
        let routes: Vec<String> = (self.routes.iter())
            .map(|route| format!("{} to {}", route.prefix(), route.origin()))
            .collect();
        Refusal::unrouted(&String::from_utf8_lossy(path), &routes.join(", "))
    }
}
