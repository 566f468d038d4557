//! What a request asks for.

use super::item::Item;

/// The body of `POST …/responses`, or a `response.create` message.
#[derive(Clone, PartialEq, Default, Debug)]
pub struct Request {
    /// The model asked for.
    pub model: Option<String>,
    /// `reasoning.effort`.
    pub effort: Option<String>,
    /// `reasoning.summary`.
    pub summary: Option<String>,
    /// `text.verbosity`.
    pub verbosity: Option<String>,
    /// `service_tier`.
    pub service_tier: Option<String>,
    /// `prompt_cache_key`.
    pub prompt_cache_key: Option<String>,
    /// `previous_response_id`: this request continues that response.
    pub previous_response_id: Option<String>,
    /// `generate: false`: a warm-up that asks for no output.
    pub is_warm_up: bool,
    /// The system prompt: top-level `instructions`, else the first developer message's text.
    pub instructions: Option<String>,
    /// Tools offered, from `tools` and from `additional_tools` items; members of a namespace one by one.
    pub tools: Vec<Tool>,
    /// Input items in order.
    pub input: Vec<Item>,
    /// `client_metadata`, in order.
    pub metadata: Vec<(String, String)>,
    /// Every other top-level member, name and verbatim JSON, in order.
    pub other: Vec<(String, String)>,
}

/// A tool that a request offers.
#[derive(Clone, PartialEq, Debug)]
pub struct Tool {
    /// Its name; the type for tools without a name (`web_search`).
    pub name: String,
    /// Its type (`function`, `custom`, `web_search`, …).
    pub kind: String,
    /// The namespace it belongs to.
    pub namespace: Option<String>,
    /// Length of its JSON, in bytes.
    pub bytes: usize,
}
