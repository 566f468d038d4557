//! The HTTP clients that talk to upstreams, and what their errors mean.
//!
//! `http` upstreams are spoken to [directly](super::direct), `https` ones through hyper's pooled
//! client, which knows HTTP/2.

use std::error::Error as StdError;
use std::io;
use std::time::Duration;

use bytes::Bytes;
use http::uri::Scheme;
use http::{Request, Response, StatusCode};
use http_body_util::Empty;
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};

use super::connector::{ConnectError, Connector};
use super::direct::{Direct, Driven};
use super::error::reason;
use super::loan::Loan;
use super::refusal::Refusal;
use crate::tap::{Failure, Phase, Side, TapBody, error_chain};

/// Talks to all upstreams, over pooled connections.
#[derive(Debug)]
pub(super) struct Upstreams {
    /// HTTP/1.1 without TLS.
    direct: Direct,
    /// HTTP/1.1 or HTTP/2, whichever TLS negotiates.
    secure: Client<Connector, RequestBody>,
    /// HTTP/1.1 on a fresh connection each time, for upgrades.
    upgrading: Client<Connector, Empty<Bytes>>,
}

/// A request's body as the clients get it.
pub(super) type RequestBody = Loan<TapBody<Incoming>>;

/// Why there is no response head.
pub(super) type SendError = Box<dyn StdError + Send + Sync>;

impl Upstreams {
    pub(super) fn new(connector: &Connector) -> Self {
        let mut builder = Client::builder(TokioExecutor::new());
        builder
            .timer(TokioTimer::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .http1_preserve_header_case(true)
            .http1_max_headers(super::listen::MAX_HEADERS)
            // The `Host` field is ours to write, where it stands and as the user spelt it.
            .set_host(false)
            // Not a retry in the sense of HTTP: only a request of which no byte was written, because
            // its pooled connection turned out to be closed, moves to a new connection. Without it
            // the pool, which the client knows nothing of, would fail requests of its own.
            .retry_canceled_requests(true);
        let secure = builder.build(connector.clone());
        let upgrading = builder.pool_max_idle_per_host(0).build(connector.http1());
        Self {
            direct: Direct::new(connector.clone()),
            secure,
            upgrading,
        }
    }

    /// Sends a request and waits for the response head.
    pub(super) async fn send(
        &self,
        request: Request<RequestBody>,
    ) -> Result<Response<Driven>, SendError> {
        if request.uri().scheme() == Some(&Scheme::HTTP) {
            return self.direct.send(request).await;
        }
        Ok(self.secure.request(request).await?.map(Driven::detached))
    }

    /// Lets go of connections that are not needed any more; called every [`SWEEP`].
    pub(super) fn sweep(&self) {
        self.direct.sweep();
    }

    /// Sends an upgrade request and waits for the answer.
    pub(super) async fn upgrade(
        &self,
        request: Request<Empty<Bytes>>,
    ) -> Result<Response<Incoming>, SendError> {
        Ok(self.upgrading.request(request).await?)
    }
}

/// What a failed request comes to.
pub(super) enum Trouble {
    /// The upstream's fault: the client is told.
    Refused(Refusal),
    /// The client broke off its own request and cannot be told any more.
    ClientGone,
}

impl Trouble {
    /// Explains why `upstream` gave no response head.
    pub(super) fn of(error: &(dyn StdError + 'static), upstream: &str) -> Self {
        if causes(error).any(|cause| cause.downcast_ref().is_some_and(hyper::Error::is_user)) {
            // The lane of the request's body has told what happened to it.
            return Self::ClientGone;
        }
        let connect = causes(error).find_map(|cause| cause.downcast_ref::<ConnectError>());
        let io = causes(error)
            .filter_map(|cause| cause.downcast_ref::<io::Error>())
            .last();
        let word = io.map_or_else(|| last(error).to_string(), reason);
        let detail = error_chain(error);
        let (status, code, phase, short) = match connect {
            Some(ConnectError::Loop) => return Self::Refused(Refusal::looped(upstream)),
            Some(ConnectError::TimedOut(after)) => {
                let short = format!("cannot connect to {upstream}: timed out after {after:?}");
                (
                    StatusCode::GATEWAY_TIMEOUT,
                    "connect_timeout",
                    Phase::Connect,
                    short,
                )
            }
            _ if io.is_some_and(|io| io.kind() == io::ErrorKind::TimedOut) => {
                let short = format!("cannot connect to {upstream}: {word}");
                (
                    StatusCode::GATEWAY_TIMEOUT,
                    "connect_timeout",
                    Phase::Connect,
                    short,
                )
            }
            Some(ConnectError::Failed(_) | ConnectError::Tls(_)) => {
                let short = format!("cannot connect to {upstream}: {word}");
                (
                    StatusCode::BAD_GATEWAY,
                    "connect_failed",
                    Phase::Connect,
                    short,
                )
            }
            None => {
                let short = format!("{upstream} gave no answer: {word}");
                (StatusCode::BAD_GATEWAY, "no_response", Phase::Head, short)
            }
        };
        Self::Refused(Refusal::upstream(status, code, phase, &short, detail))
    }

    /// The upstream took longer than `after` to answer.
    pub(super) fn timed_out(upstream: &str, after: Duration) -> Self {
        let short = format!("{upstream} gave no answer within {after:?}");
        let status = StatusCode::GATEWAY_TIMEOUT;
        Self::Refused(Refusal::upstream(
            status,
            "no_response",
            Phase::Head,
            &short,
            short.clone(),
        ))
    }
}

/// A failure of the upstream's half in `phase`.
pub(super) fn failure(phase: Phase, error: &(dyn StdError + 'static)) -> Failure {
    Failure {
        side: Side::Upstream,
        phase,
        message: error_chain(error),
    }
}

/// `error` and what caused it, outermost first.
fn causes<'a>(
    error: &'a (dyn StdError + 'static),
) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |error: &&'a (dyn StdError + 'static)| {
        (*error).source()
    })
}

fn last<'a>(error: &'a (dyn StdError + 'static)) -> &'a (dyn StdError + 'static) {
    causes(error).last().unwrap_or(error)
}

/// How long an idle connection to an upstream is kept: less than upstreams keep theirs, so that it
/// is rarely closed under a request.
const IDLE: Duration = Duration::from_secs(30);

/// How often idle connections are looked at.
pub(super) const SWEEP: Duration = Duration::from_secs(15);
