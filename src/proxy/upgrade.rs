//! WebSocket upgrades, upstream-first.
//!
//! The client's handshake goes up as it is: key, version, protocols and extensions are between the
//! client and the upstream. The answer comes back as it is, be it 101 or a refusal with its body.
//! After 101 the bytes of both ends are relayed by the task of the client's connection.

use bytes::Bytes;
use http::header::{CONNECTION, UPGRADE};
use http::{HeaderValue, Request, Response, StatusCode, Version};
use http_body_util::Empty;
use hyper::body::Incoming;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;

use super::direct::Driven;
use super::forward::{Forwarder, Gone, Lanes, refuse, respond};
use super::listen::Link;
use super::reply::Reply;
use super::upstream::{Trouble, failure};
use crate::tap::{End, Failure, Phase, Side, error_chain, relay};

/// Answers an upgrade to `protocol`. `client` yields the client's end once the 101 was written.
pub(super) async fn answer(
    forwarder: &Forwarder,
    link: &Link,
    request: Request<Incoming>,
    protocol: HeaderValue,
    client: OnUpgrade,
    mut lanes: Lanes,
) -> Result<Response<Reply>, Gone> {
    let upstream = lanes.back.exchange().upstream();
    let mut request = request.map(|_| Empty::<Bytes>::new());
    request
        .headers_mut()
        .insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    request.headers_mut().insert(UPGRADE, protocol);
    let limit = forwarder.upgrade_timeout;
    let asked = tokio::time::timeout(limit, forwarder.upstreams.upgrade(request)).await;
    let answered = match asked {
        Ok(answered) => answered.map_err(|error| Trouble::of(&*error, upstream)),
        Err(_) => Err(Trouble::timed_out(upstream, limit)),
    };
    let mut response = match answered {
        Ok(response) => response,
        Err(trouble) => {
            lanes.out.end(End::Complete);
            return match trouble {
                Trouble::Refused(refusal) => Ok(refuse(refusal, lanes.back)),
                Trouble::ClientGone => Err(Gone),
            };
        }
    };
    if response.status() != StatusCode::SWITCHING_PROTOCOLS {
        lanes.out.end(End::Complete);
        return Ok(respond(response.map(Driven::detached), lanes.back));
    }
    let upstream = hyper::upgrade::on(&mut response);
    let mut head = response.into_parts().0;
    let exchange = lanes.back.exchange().clone();
    exchange.response(&head);
    exchange.upgraded();
    link.after_upgrade(async move {
        // The upstream's end is there already; the client's comes when the 101 was written.
        let upstream = upstream
            .await
            .map_err(|error| failure(Phase::Relay, &error));
        let client = client.await.map_err(|error| Failure {
            side: Side::Client,
            phase: Phase::Relay,
            message: error_chain(&error),
        });
        match (client, upstream) {
            (Ok(client), Ok(upstream)) => {
                relay(
                    TokioIo::new(client),
                    TokioIo::new(upstream),
                    lanes.out,
                    lanes.back,
                )
                .await;
            }
            (Err(failure), _) | (_, Err(failure)) => exchange.failed(failure),
        }
    });
    head.version = Version::HTTP_11;
    Ok(Response::from_parts(head, Reply::Nothing))
}
