//! Why a response failed, in the provider's words.
//!
//! Providers and what stands in front of them disagree on the shape of an error, so every known one
//! is read: an `error` object or string, a `detail`, or the members on their own.

use std::borrow::Cow;

use super::lenient::{self, Members};

/// An error object, from an HTTP body, an `error` event, or `response.failed`.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Failure {
    /// The error's class, such as `invalid_request_error`.
    pub kind: Option<String>,
    /// The machine-readable code, such as `context_length_exceeded`.
    pub code: Option<String>,
    /// The message for people; the code or kind where the provider gives none.
    pub message: String,
    /// The HTTP status that a WebSocket `error` frame carries.
    pub status: Option<u16>,
}

impl Failure {
    /// What it is in a word: the code or, without one, the message.
    #[must_use]
    pub fn name(&self) -> &str {
        self.code.as_deref().unwrap_or(&self.message)
    }

    /// Reads the body of an HTTP error, `{"error":{…}}` or `{"detail":…}`; `None` if it is neither.
    #[must_use]
    pub fn from_body(json: &str) -> Option<Self> {
        let members = Members::of(json).ok()?;
        members
            .find("error")
            .and_then(Self::read)
            .or_else(|| members.find("detail").and_then(Self::read))
            .or_else(|| members.text("message").and_then(|_| Self::read(json)))
    }

    /// Reads an `error` event: bare, as server-sent events carry it, or with the status and the
    /// nested object that a WebSocket carries.
    pub(super) fn from_event(json: &str) -> Self {
        let members = Members::of(json).unwrap_or_default();
        let mut failure = match members.find("error").and_then(Self::read) {
            Some(failure) => failure,
            None => Self {
                // Here `type` says that it is an event, not of which class the error is.
                kind: None,
                ..Self::read(json).unwrap_or_default()
            },
        };
        failure.status = ["status", "status_code"]
            .iter()
            .find_map(|name| lenient::number(members.find(name)?))
            .and_then(|status| u16::try_from(status).ok());
        failure
    }

    /// Reads an error: an object, a string that is its message, or a list of either (the first
    /// counts).
    pub(super) fn read(json: &str) -> Option<Self> {
        if let Some(message) = lenient::text(json) {
            return Some(Self {
                message: message.into_owned(),
                ..Self::default()
            });
        }
        if let Some(list) = lenient::elements(json) {
            return list.first().and_then(|error| Self::read(error.get()));
        }
        let members = Members::of(json).ok()?;
        let text = |name: &str| members.text(name).map(Cow::into_owned);
        let (kind, code) = (text("type"), text("code"));
        let message = text("message")
            .or_else(|| text("msg"))
            .or_else(|| code.clone())
            .or_else(|| kind.clone());
        Some(Self {
            kind,
            code,
            message: message.unwrap_or_default(),
            status: None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(kind: Option<&str>, code: Option<&str>, message: &str) -> Failure {
        Failure {
            kind: kind.map(str::to_owned),
            code: code.map(str::to_owned),
            message: message.to_owned(),
            status: None,
        }
    }

    #[test]
    fn bodies_of_every_known_shape_are_read() {
        let cases = [
            (
                r#"{"error":{"type":"invalid_request_error","code":"bad","message":"No.","param":null}}"#,
                Some(failure(Some("invalid_request_error"), Some("bad"), "No.")),
            ),
            (
                r#"{"error":{"type":"usage_limit_reached","plan_type":"plus","resets_in_seconds":60}}"#,
                Some(failure(
                    Some("usage_limit_reached"),
                    None,
                    "usage_limit_reached",
                )),
            ),
            (
                r#"{"error":"no such model"}"#,
                Some(failure(None, None, "no such model")),
            ),
            (
                r#"{"detail":"Unauthorized"}"#,
                Some(failure(None, None, "Unauthorized")),
            ),
            (
                r#"{"detail":[{"type":"missing","loc":["body"],"msg":"Field required"}]}"#,
                Some(failure(Some("missing"), None, "Field required")),
            ),
            (
                r#"{"detail":{"code":"deactivated_workspace"}}"#,
                Some(failure(
                    None,
                    Some("deactivated_workspace"),
                    "deactivated_workspace",
                )),
            ),
            (
                r#"{"message":"m","code":"c"}"#,
                Some(failure(None, Some("c"), "m")),
            ),
            (r#"{"error":null,"output":[]}"#, None),
            ("<html>", None),
            ("", None),
        ];
        for (json, expected) in cases {
            assert_eq!(Failure::from_body(json), expected, "{json}");
        }
    }

    #[test]
    fn error_events_are_read_from_both_transports() {
        let sse = r#"{"type":"error","code":"server_error","message":"Oops","param":null}"#;
        assert_eq!(
            Failure::from_event(sse),
            failure(None, Some("server_error"), "Oops")
        );
        for name in ["status", "status_code"] {
            let ws = format!(
                r#"{{"type":"error","{name}":429,"headers":{{"retry-after":"1"}},
                "error":{{"type":"tokens","code":"rate_limit_exceeded","message":"Slow down"}}}}"#
            );
            let expected = Failure {
                status: Some(429),
                ..failure(Some("tokens"), Some("rate_limit_exceeded"), "Slow down")
            };
            assert_eq!(Failure::from_event(&ws), expected);
        }
        assert_eq!(Failure::from_event("{}"), Failure::default());
    }
}
