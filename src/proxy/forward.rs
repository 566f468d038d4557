//! One request: to its upstream, and the answer back.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::{Method, Request, Response, StatusCode, Version};
use http_body::Body;
use http_body_util::Full;
use hyper::body::Incoming;
use rustls::pki_types::CertificateDer;

use super::Config;
use super::connector::Connector;
use super::direct::Driven;
use super::listen::Link;
use super::loan::Loan;
use super::refusal::Refusal;
use super::reply::Reply;
use super::route::{self, Route};
use super::upstream::{Trouble, Upstreams};
use super::{guard, headers, upgrade};
use crate::tap::{Direction, Exchange, Lane, Tap, TapBody};

/// What all connections share.
#[derive(Debug)]
pub(super) struct Forwarder {
    routes: Vec<Route>,
    pub(super) upstreams: Upstreams,
    tap: Tap,
    /// Where the proxy listens.
    listen: SocketAddr,
    head_timeout: Option<Duration>,
    pub(super) upgrade_timeout: Duration,
}

/// The client went away: there is nobody to answer, and its connection is closed.
#[derive(Debug, thiserror::Error)]
#[error("the client broke off its request")]
pub(super) struct Gone;

impl Forwarder {
    pub(super) fn new(
        config: Config,
        listen: SocketAddr,
        roots: Vec<CertificateDer<'static>>,
        tap: Tap,
    ) -> Self {
        let connector = Connector::new(roots, config.connect_timeout, listen);
        Self {
            routes: config.routes,
            upstreams: Upstreams::new(&connector),
            tap,
            listen,
            head_timeout: config.head_timeout,
            upgrade_timeout: config.upgrade_timeout,
        }
    }

    /// Answers one request that came over `link`.
    pub(super) async fn answer(
        &self,
        link: &Link,
        request: Request<Incoming>,
    ) -> Result<Response<Reply>, Gone> {
        let route = route::find(&self.routes, request.uri().path());
        let upstream = route.map_or_else(|| Arc::from(""), |route| Arc::clone(route.origin()));
        let exchange = self.tap.open(link.connection, link.client, upstream);
        let (head, body) = request.into_parts();
        exchange.request(&head);
        let lanes = Lanes::new(&exchange);
        let target = guard::check(&head, self.listen).and_then(|()| {
            let route = route.ok_or_else(|| self.unrouted(head.uri.path()))?;
            let target = route.target(&head.uri);
            Ok((route, target.map_err(|_| self.unrouted(head.uri.path()))?))
        });
        let mut request = Request::from_parts(head, body);
        let (route, target) = match target {
            Ok(target) => target,
            Err(refusal) => {
                let (loan, lender) = Loan::new(TapBody::new(request.into_body(), lanes.out));
                drop(loan);
                lender.drain().await;
                return Ok(refuse(refusal, lanes.back));
            }
        };
        let websocket = (request.method() == Method::GET && request.body().is_end_stream())
            .then(|| headers::websocket(request.headers()))
            .flatten();
        let client = websocket
            .is_some()
            .then(|| hyper::upgrade::on(&mut request));
        *request.uri_mut() = target;
        *request.version_mut() = Version::HTTP_11;
        headers::to_upstream(request.headers_mut(), route.host());
        if let (Some(protocol), Some(client)) = (websocket, client) {
            return upgrade::answer(self, link, request, protocol, client, lanes).await;
        }
        self.pass(request, lanes).await
    }

    /// Sends `request` on and streams the answer back.
    async fn pass(
        &self,
        request: Request<Incoming>,
        Lanes { out, back }: Lanes,
    ) -> Result<Response<Reply>, Gone> {
        let upstream = back.exchange().upstream();
        let (head, body) = request.into_parts();
        let (loan, mut lender) = Loan::new(TapBody::new(body, out));
        let sent = self.upstreams.send(Request::from_parts(head, loan));
        let answered = match self.head_timeout {
            None => sent.await.map_err(|error| Trouble::of(&*error, upstream)),
            Some(limit) => match tokio::time::timeout(limit, sent).await {
                Ok(answered) => answered.map_err(|error| Trouble::of(&*error, upstream)),
                Err(_) => Err(Trouble::timed_out(upstream, limit)),
            },
        };
        match answered {
            Ok(response) if response.status() == StatusCode::SWITCHING_PROTOCOLS => {
                Ok(refuse(Refusal::unasked_upgrade(upstream), back))
            }
            Ok(mut response) => {
                if !lender.is_back() {
                    response.body_mut().detach();
                }
                Ok(respond(response, back))
            }
            Err(Trouble::ClientGone) => Err(Gone),
            Err(Trouble::Refused(refusal)) => {
                lender.drain().await;
                Ok(refuse(refusal, back))
            }
        }
    }

    fn unrouted(&self, path: &str) -> Refusal {
        let routes: Vec<String> = (self.routes.iter())
            .map(|route| format!("{} to {}", route.prefix(), route.origin()))
            .collect();
        Refusal::unrouted(path, &routes.join(", "))
    }
}

/// The two directions of an exchange.
pub(super) struct Lanes {
    pub(super) out: Lane,
    pub(super) back: Lane,
}

impl Lanes {
    fn new(exchange: &Exchange) -> Self {
        Self {
            out: exchange.lane(Direction::Out),
            back: exchange.lane(Direction::In),
        }
    }
}

/// The upstream's answer as the client gets it.
pub(super) fn respond(mut response: Response<Driven>, back: Lane) -> Response<Reply> {
    headers::strip(response.headers_mut());
    let (mut head, body) = response.into_parts();
    back.exchange().response(&head);
    // hyper answers in the client's version; the upstream's may be HTTP/2.
    head.version = Version::HTTP_11;
    Response::from_parts(head, Reply::Upstream(Box::new(TapBody::new(body, back))))
}

/// The proxy's own answer, told as a failure and as the response that it is.
pub(super) fn refuse(refusal: Refusal, back: Lane) -> Response<Reply> {
    back.exchange().failed(refusal.failure());
    let (head, body) = refusal.into_response().into_parts();
    back.exchange().response(&head);
    Response::from_parts(head, Reply::Own(TapBody::new(Full::new(body), back)))
}
