//! The shape of HAR 1.2 (<http://www.softwareishard.com/blog/har-12-spec/>), one struct for both ways.
//!
//! Names with an underscore are extensions, which the format allows: Chrome's `_resourceType`,
//! `_webSocketMessages` and `_eventSourceMessages`, and our own `_codextap`. What other programs leave out
//! or write as `null` is taken for unknown.

use std::borrow::Cow;

use serde::{Deserialize, Deserializer, Serialize};

/// One exchange.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Entry<'a> {
    pub(super) started_date_time: Cow<'a, str>,
    /// Milliseconds, as all times but those of messages.
    #[serde(default, deserialize_with = "number")]
    pub(super) time: f64,
    pub(super) request: Request<'a>,
    #[serde(default)]
    pub(super) response: Response<'a>,
    #[serde(default, deserialize_with = "ignored")]
    pub(super) cache: Empty,
    #[serde(default)]
    pub(super) timings: Timings,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) comment: Option<Cow<'a, str>>,
    /// `websocket`, `eventsource` or `fetch`.
    #[serde(rename = "_resourceType", default)]
    pub(super) resource_type: Option<Cow<'a, str>>,
    #[serde(rename = "_codextap", default, skip_serializing_if = "Option::is_none")]
    pub(super) own: Option<Own<'a>>,
    #[serde(
        rename = "_eventSourceMessages",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub(super) events: Option<Vec<EventMessage<'a>>>,
    #[serde(
        rename = "_webSocketMessages",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub(super) messages: Option<Vec<Message<'a>>>,
}

/// `cache`, of which nothing is known.
#[derive(Default, Serialize)]
pub(super) struct Empty {}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Request<'a> {
    pub(super) method: Cow<'a, str>,
    pub(super) url: Cow<'a, str>,
    #[serde(default)]
    pub(super) http_version: Cow<'a, str>,
    #[serde(default, deserialize_with = "none")]
    pub(super) cookies: [Pair<'a>; 0],
    #[serde(default)]
    pub(super) headers: Vec<Pair<'a>>,
    #[serde(default)]
    pub(super) query_string: Vec<Pair<'a>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) post_data: Option<PostData<'a>>,
    #[serde(default = "unknown", deserialize_with = "size")]
    pub(super) headers_size: i64,
    #[serde(default = "unknown", deserialize_with = "size")]
    pub(super) body_size: i64,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Response<'a> {
    /// 0 where there was no answer.
    #[serde(default, deserialize_with = "size")]
    pub(super) status: i64,
    #[serde(default)]
    pub(super) status_text: Cow<'a, str>,
    #[serde(default)]
    pub(super) http_version: Cow<'a, str>,
    #[serde(default, deserialize_with = "none")]
    pub(super) cookies: [Pair<'a>; 0],
    #[serde(default)]
    pub(super) headers: Vec<Pair<'a>>,
    #[serde(default)]
    pub(super) content: Content<'a>,
    #[serde(rename = "redirectURL", default)]
    pub(super) redirect_url: Cow<'a, str>,
    #[serde(default = "unknown", deserialize_with = "size")]
    pub(super) headers_size: i64,
    #[serde(default = "unknown", deserialize_with = "size")]
    pub(super) body_size: i64,
    /// Chrome's word for what failed.
    #[serde(rename = "_error", default, skip_serializing_if = "Option::is_none")]
    pub(super) error: Option<Cow<'a, str>>,
}

#[derive(Serialize, Deserialize)]
pub(super) struct Pair<'a> {
    pub(super) name: Cow<'a, str>,
    #[serde(default)]
    pub(super) value: Cow<'a, str>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PostData<'a> {
    #[serde(default)]
    pub(super) mime_type: Cow<'a, str>,
    #[serde(default)]
    pub(super) text: Cow<'a, str>,
    /// `base64` for bytes that are no text, which the format itself has no place for.
    #[serde(rename = "_encoding", default, skip_serializing_if = "Option::is_none")]
    pub(super) encoding: Option<Cow<'a, str>>,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Content<'a> {
    #[serde(default, deserialize_with = "size")]
    pub(super) size: i64,
    /// Bytes that the coding saved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) compression: Option<i64>,
    #[serde(default)]
    pub(super) mime_type: Cow<'a, str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) text: Option<Cow<'a, str>>,
    /// `base64` for bytes that are no text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) encoding: Option<Cow<'a, str>>,
}

/// Milliseconds of each phase; −1 for one that did not happen. `connect` includes `ssl`.
#[derive(Clone, Copy, Serialize, Deserialize)]
pub(super) struct Timings {
    #[serde(default = "absent", deserialize_with = "number")]
    pub(super) blocked: f64,
    #[serde(default = "absent", deserialize_with = "number")]
    pub(super) dns: f64,
    #[serde(default = "absent", deserialize_with = "number")]
    pub(super) connect: f64,
    #[serde(default = "absent", deserialize_with = "number")]
    pub(super) ssl: f64,
    #[serde(default, deserialize_with = "number")]
    pub(super) send: f64,
    #[serde(default, deserialize_with = "number")]
    pub(super) wait: f64,
    #[serde(default, deserialize_with = "number")]
    pub(super) receive: f64,
}

/// One message of a WebSocket, as Chrome has it.
#[derive(Serialize, Deserialize)]
pub(super) struct Message<'a> {
    /// `send` or `receive`.
    #[serde(rename = "type")]
    pub(super) dir: Cow<'a, str>,
    /// Seconds since 1970.
    pub(super) time: f64,
    /// RFC 6455 §5.2.
    #[serde(deserialize_with = "size")]
    pub(super) opcode: i64,
    /// The text of a text message, the bytes of any other in base64.
    #[serde(default)]
    pub(super) data: Cow<'a, str>,
}

/// One event of an event stream, as Chrome has it.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct EventMessage<'a> {
    /// Seconds since 1970.
    pub(super) time: f64,
    #[serde(default)]
    pub(super) event_name: Cow<'a, str>,
    #[serde(default)]
    pub(super) event_id: Cow<'a, str>,
    #[serde(default)]
    pub(super) data: Cow<'a, str>,
}

/// What a flow has that HAR has no place for.
#[derive(Default, Serialize, Deserialize)]
pub(super) struct Own<'a> {
    /// The flow's id.
    #[serde(default)]
    pub(super) id: Cow<'a, str>,
    /// Address of Codex's end.
    #[serde(default)]
    pub(super) client: Cow<'a, str>,
    /// All that failed: side, phase, message.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) failures: Vec<[Cow<'a, str>; 3]>,
    /// Bytes that passed and are not here: of the request, of the response.
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub(super) missed: [u64; 2],
    /// Whether the bodies came to their proper end: of the request, of the response.
    #[serde(default)]
    pub(super) complete: [bool; 2],
}

impl Default for Timings {
    fn default() -> Self {
        Self {
            blocked: -1.0,
            dns: -1.0,
            connect: -1.0,
            ssl: -1.0,
            send: 0.0,
            wait: 0.0,
            receive: 0.0,
        }
    }
}

const fn absent() -> f64 {
    -1.0
}

const fn unknown() -> i64 {
    -1
}

fn is_nothing(missed: &[u64; 2]) -> bool {
    *missed == [0, 0]
}

/// A number, or `null` for −1.
fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or(-1.0))
}

/// A whole number, which some programs write with a fraction.
fn size<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    Ok(number(deserializer)? as i64)
}

fn ignored<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Empty, D::Error> {
    serde::de::IgnoredAny::deserialize(deserializer)?;
    Ok(Empty {})
}

/// Cookies stand among the headers too.
fn none<'de, 'a, D: Deserializer<'de>>(deserializer: D) -> Result<[Pair<'a>; 0], D::Error> {
    serde::de::IgnoredAny::deserialize(deserializer)?;
    Ok([])
}
