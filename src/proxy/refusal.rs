//! The proxy's own answers, in the shape of OpenAI's errors so that Codex prints their message.

use std::error::Error as StdError;
use std::io;
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;

use super::connector::ConnectError;
use super::error::reason;
use super::head::Fault;
use super::wire::NoHead;
use crate::tap::{Failure, Phase, Side, error_chain};

/// Why a request is answered by the proxy and not by an upstream.
#[derive(Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    kind: &'static str,
    code: &'static str,
    message: String,
    /// What the tap and the log are told.
    failure: Failure,
}

impl Refusal {
    /// No route leads on from `path`; `routes` is what there is.
    pub(super) fn unrouted(path: &str, routes: &str) -> Self {
        let message = format!("no route for {path}; codextap forwards {routes}");
        Self::client(
            StatusCode::NOT_FOUND,
            "codextap_no_route",
            "no_route",
            &message,
        )
    }

    /// The request cannot be read, or may be read in two ways.
    pub(super) fn malformed(fault: Fault) -> Self {
        let code = match fault.status {
            StatusCode::REQUEST_TIMEOUT => "request_timeout",
            _ => "malformed_request",
        };
        let refusal = Self::guard(fault.status, code, fault.message);
        Self {
            failure: Failure {
                phase: Phase::Request,
                ..refusal.failure
            },
            ..refusal
        }
    }

    /// The request shows no token, or a wrong one.
    pub(super) fn unauthorized(code: &'static str, message: &str) -> Self {
        Self::guard(StatusCode::UNAUTHORIZED, code, message)
    }

    /// The request must not pass.
    pub(super) fn guard(status: StatusCode, code: &'static str, message: &str) -> Self {
        Self::client(status, "codextap_refused", code, message)
    }

    fn client(status: StatusCode, kind: &'static str, code: &'static str, message: &str) -> Self {
        let failure = Failure {
            side: Side::Client,
            phase: Phase::Route,
            message: message.to_owned(),
        };
        Self {
            status,
            kind,
            code,
            message: format!("codextap: {message}"),
            failure,
        }
    }

    /// The upstream leads back to the proxy itself.
    pub(super) fn looped(upstream: &str) -> Self {
        let message = format!("{upstream} is codextap itself; the upstream must be another server");
        let status = StatusCode::LOOP_DETECTED;
        let refusal = Self::client(status, "codextap_loop", "loop", &message);
        Self {
            failure: Failure {
                side: Side::Upstream,
                ..refusal.failure
            },
            ..refusal
        }
    }

    /// The upstream answered 101 although nobody asked it to.
    pub(super) fn unasked_upgrade(upstream: &str) -> Self {
        let message = format!("{upstream} switched protocols without being asked");
        let status = StatusCode::BAD_GATEWAY;
        Self::upstream(
            status,
            "unasked_upgrade",
            Phase::Head,
            &message,
            message.clone(),
        )
    }

    /// There is no connection to `upstream`.
    pub(super) fn unreachable(upstream: &str, error: &ConnectError) -> Self {
        let io = causes(error)
            .filter_map(|cause| cause.downcast_ref::<io::Error>())
            .last();
        let is_late = io.is_some_and(|io| io.kind() == io::ErrorKind::TimedOut);
        let word = match error {
            ConnectError::Loop => return Self::looped(upstream),
            ConnectError::TimedOut(after) => format!("timed out after {after:?}"),
            ConnectError::Failed(_) | ConnectError::Tls(_) => io.map_or_else(
                || {
                    causes(error)
                        .last()
                        .map_or_else(String::new, ToString::to_string)
                },
                reason,
            ),
        };
        let (status, code) = if is_late || matches!(error, ConnectError::TimedOut(_)) {
            (StatusCode::GATEWAY_TIMEOUT, "connect_timeout")
        } else {
            (StatusCode::BAD_GATEWAY, "connect_failed")
        };
        let short = format!("cannot connect to {upstream}: {word}");
        Self::upstream(status, code, Phase::Connect, &short, error_chain(error))
    }

    /// `upstream` took the request, or part of it, and gave no response head.
    ///
    /// `unsent` is why it did not take all of the request.
    pub(super) fn unanswered(upstream: &str, error: &NoHead, unsent: Option<&io::Error>) -> Self {
        let (word, call) = match error {
            NoHead::Closed => {
                let word = "the connection was closed";
                (
                    word.to_owned(),
                    format!("read: {word} before the response head"),
                )
            }
            NoHead::Failed(error) => (reason(error), format!("read: {error}")),
            NoHead::Refused(fault) => (
                format!("what came is no response: {}", fault.message),
                fault.message.to_owned(),
            ),
        };
        match unsent {
            None => Self::no_response(upstream, Phase::Head, &word, call),
            Some(error) => {
                let call = format!("write: {error}; {call}");
                Self::no_response(upstream, Phase::Request, &reason(error), call)
            }
        }
    }

    /// `upstream` gave no response head that could be passed on. `word` is for the reader, `detail`
    /// for the log.
    pub(super) fn no_response(upstream: &str, phase: Phase, word: &str, detail: String) -> Self {
        let short = format!("{upstream} gave no answer: {word}");
        Self::upstream(
            StatusCode::BAD_GATEWAY,
            "no_response",
            phase,
            &short,
            detail,
        )
    }

    /// `upstream` took longer than `after` to answer.
    pub(super) fn timed_out(upstream: &str, after: Duration) -> Self {
        let short = format!("{upstream} gave no answer within {after:?}");
        let status = StatusCode::GATEWAY_TIMEOUT;
        Self::upstream(status, "no_response", Phase::Head, &short, short.clone())
    }

    fn upstream(
        status: StatusCode,
        code: &'static str,
        phase: Phase,
        short: &str,
        detail: String,
    ) -> Self {
        Self {
            status,
            kind: "codextap_upstream_unreachable",
            code,
            message: format!("codextap: {short}"),
            failure: Failure {
                side: Side::Upstream,
                phase,
                message: detail,
            },
        }
    }

    /// What the tap is told.
    pub(super) fn failure(&self) -> Failure {
        self.failure.clone()
    }

    /// The status it answers with.
    pub(super) fn status(&self) -> StatusCode {
        self.status
    }

    /// The answer's body.
    pub(super) fn body(&self) -> Bytes {
        let body = serde_json::json!({
            "error": {
                "message": self.message,
                "type": self.kind,
                "param": null,
                "code": self.code,
            }
        });
        Bytes::from(body.to_string())
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
