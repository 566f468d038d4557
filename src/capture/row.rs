//! The shape of a journal's row: what was added to a flow. `docs/capture-format.md` has it for people.

use serde::{Deserialize, Serialize};

use super::record::{Frame, Record, Text, is_false};

/// One row of a journal.
#[derive(Serialize, Deserialize, Default)]
pub(super) struct Row<'a> {
    /// The flow's id.
    #[serde(borrow)]
    pub(super) id: Text<'a>,
    /// When, in microseconds since 1970.
    pub(super) at: u64,
    /// The flow's line, without its bodies and frames, where it changed.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(super) flow: Option<Record<'a>>,
    /// Whether it has ended and is not to stand in the capture.
    #[serde(default, skip_serializing_if = "is_false")]
    pub(super) left_out: bool,
    /// What was sent.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(super) out: Option<Part<'a>>,
    /// What came back.
    #[serde(
        borrow,
        default,
        rename = "in",
        skip_serializing_if = "Option::is_none"
    )]
    pub(super) inn: Option<Part<'a>>,
    /// Frames and events that were added.
    #[serde(borrow, default, skip_serializing_if = "Vec::is_empty")]
    pub(super) frames: Vec<Span<'a>>,
}

/// What is new of a body: these bytes, in the place of all from `from` on.
#[derive(Serialize, Deserialize)]
pub(super) struct Part<'a> {
    pub(super) from: usize,
    /// How long the body is; what stands behind is masked as far as it came.
    pub(super) body: usize,
    /// Bytes on the wire so far.
    pub(super) wire: u64,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(super) text: Option<Text<'a>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(super) base64: Option<Text<'a>>,
}

/// A frame without its payload, and where that stands in the body of its direction: offset and length.
#[derive(Serialize, Deserialize)]
pub(super) struct Span<'a>(
    #[serde(borrow)] pub(super) Frame<'a>,
    pub(super) usize,
    pub(super) usize,
);
