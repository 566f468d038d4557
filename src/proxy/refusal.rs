//! The proxy's own answers, in the shape of OpenAI's errors so that Codex prints their message.

use std::error::Error as StdError;
use std::io;
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;

use super::connector::{ConnectError, Step, Why};
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

    /// The request is one that the proxy itself sent to an upstream.
    pub(super) fn looped() -> Self {
        let message = "this request was sent by codextap itself, so the upstream that it was for \
                       leads back here; the upstream must be another server";
        Self::client(StatusCode::LOOP_DETECTED, "codextap_loop", "loop", message)
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
        let (word, is_late) = match &error.why {
            Why::TimedOut(after) => (format!("timed out after {after:?}"), true),
            Why::Said(what) => (what.clone(), false),
            Why::Failed(error) => word(&**error),
        };
        let short = match (&error.proxy, error.step) {
            (Some(proxy), Step::Resolve | Step::Connect | Step::ProxyTls) => {
                format!("cannot connect to the proxy {proxy} for {upstream}: {word}")
            }
            (Some(proxy), Step::Tunnel) => {
                format!("the proxy {proxy} does not lead to {upstream}: {word}")
            }
            (Some(proxy), Step::ResolveFar | Step::Tls | Step::Http2) => {
                format!("cannot connect to {upstream} through the proxy {proxy}: {word}")
            }
            (None, _) => format!("cannot connect to {upstream}: {word}"),
        };
        let (status, code) = match error.step {
            _ if is_late => (StatusCode::GATEWAY_TIMEOUT, "connect_timeout"),
            Step::Tunnel => (StatusCode::BAD_GATEWAY, "proxy_refused"),
            _ => (StatusCode::BAD_GATEWAY, "connect_failed"),
        };
        let mut detail = error_chain(error);
        if let Some(proxy) = &error.proxy {
            detail = format!("{detail} (outer proxy {proxy})");
        }
        Self::upstream(status, code, Phase::Connect, &short, detail)
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

/// What a call on the way to a connection failed with, in the reader's words, and whether it took
/// too long.
fn word(error: &(dyn StdError + 'static)) -> (String, bool) {
    let io = causes(error).filter_map(|cause| cause.downcast_ref::<io::Error>());
    let Some(io) = io.last() else {
        let last = causes(error).last();
        return (last.map_or_else(String::new, ToString::to_string), false);
    };
    let tls = io.get_ref().and_then(|inner| inner.downcast_ref());
    let is_late = io.kind() == io::ErrorKind::TimedOut;
    (tls.map_or_else(|| reason(io), untrusted), is_late)
}

/// Why a TLS handshake failed, and what to do where the certificate is to blame.
fn untrusted(error: &rustls::Error) -> String {
    use rustls::CertificateError as Fault;
    let rustls::Error::InvalidCertificate(fault) = error else {
        return format!("TLS: {error}");
    };
    match fault {
        Fault::Expired | Fault::ExpiredContext { .. } => "its certificate has expired".to_owned(),
        Fault::NotValidYet | Fault::NotValidYetContext { .. } => {
            "its certificate is not valid yet; is the clock right?".to_owned()
        }
        Fault::NotValidForName | Fault::NotValidForNameContext { .. } => {
            "its certificate is for another name".to_owned()
        }
        Fault::UnknownIssuer => "its certificate comes from an unknown issuer; if that is one to \
                                 trust, name its root with --upstream-ca FILE"
            .to_owned(),
        Fault::Revoked => "its certificate was revoked".to_owned(),
        other => format!("its certificate is not accepted: {other}"),
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
