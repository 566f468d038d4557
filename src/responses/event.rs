//! The kinds of events that a response streams.

/// What kind of event a message or SSE block carries. `codex-wire` vocabulary, API reference order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum EventKind {
    /// Not in the vocabulary: kept and shown verbatim.
    Other,
}
