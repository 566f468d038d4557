//! The proxy's own answers, in the shape of OpenAI's errors so that Codex prints their message.

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Response, StatusCode};

use crate::tap::{Failure, Phase, Side};

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

    /// The upstream cannot be had. `short` is for the reader, `detail` for the log.
    pub(super) fn upstream(
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
    #[cfg(test)]
    pub(super) fn status(&self) -> StatusCode {
        self.status
    }

    /// The answer.
    pub(super) fn into_response(self) -> Response<Bytes> {
        let body = serde_json::json!({
            "error": {
                "message": self.message,
                "type": self.kind,
                "param": null,
                "code": self.code,
            }
        });
        let mut response = Response::new(Bytes::from(body.to_string()));
        *response.status_mut() = self.status;
        let json = HeaderValue::from_static("application/json");
        response.headers_mut().insert(CONTENT_TYPE, json);
        response
    }
}
