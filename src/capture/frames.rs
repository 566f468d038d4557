//! The frames of a line: those in memory, and those of a long turn read from the disk while the line is written.

use serde::ser::SerializeSeq as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::encode::frame_head;
use super::payload::text_or_base64;
use super::record::Frame;
use crate::flow::{self, Flow, Op};
use crate::tap::At;

/// The value of `frames`.
pub(super) enum Frames<'a> {
    /// As they were read.
    Read(Vec<Frame<'a>>),
    /// Those of a flow.
    Of(&'a Flow),
}

impl<'a> Frames<'a> {
    /// Those that were read.
    pub(super) fn into_read(self) -> Vec<Frame<'a>> {
        match self {
            Self::Read(frames) => frames,
            Self::Of(_) => Vec::new(),
        }
    }
}

impl Serialize for Frames<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let flow = match self {
            Self::Read(frames) => return frames.serialize(serializer),
            Self::Of(flow) => flow,
        };
        let mut frames = serializer.serialize_seq(None)?;
        let spilled = flow.spilled.as_ref();
        let before = spilled.map_or(flow.frames.len(), flow::Spilled::before);
        let (before, after) = flow.frames.split_at(before.min(flow.frames.len()));
        for row in before {
            frames.serialize_element(&frame(flow.started, row, flow.frame_bytes(row)))?;
        }
        for read in spilled.into_iter().flat_map(flow::Spilled::frames) {
            let Ok((row, text)) = read.inspect_err(|error| {
                // The line's `length` tells that something is missing.
                tracing::error!("the frames of a long turn cannot be read back: {error}");
            }) else {
                break;
            };
            frames.serialize_element(&frame(flow.started, &row, &text))?;
        }
        for row in after {
            frames.serialize_element(&frame(flow.started, row, flow.frame_bytes(row)))?;
        }
        frames.end()
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Frames<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Vec::deserialize(deserializer).map(Self::Read)
    }
}

/// A frame with its payload.
fn frame<'a>(started: At, frame: &'a flow::Frame, payload: &'a [u8]) -> Frame<'a> {
    // A fragment has no text of its own; an empty message has an empty one.
    let has_text = !payload.is_empty() || (frame.is_final && frame.op != Op::Gap);
    let (text, base64) = if has_text {
        text_or_base64(payload)
    } else {
        (None, None)
    };
    Frame {
        text,
        base64,
        ..frame_head(started, frame)
    }
}
