//! Why a response failed, in the provider's words.

/// An error object, from an HTTP body, an `error` event, or `response.failed`.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Failure {
    /// The error's class, such as `invalid_request_error`.
    pub kind: Option<String>,
    /// The machine-readable code, such as `context_length_exceeded`.
    pub code: Option<String>,
    /// The message for people.
    pub message: String,
    /// The HTTP status that a WebSocket `error` frame carries.
    pub status: Option<u16>,
}
