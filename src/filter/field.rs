//! Named fields: their names, what is compared with them, and what they mean. The parser, help, completion
//! and the documentation read these tables.

/// What a named field asks about. A field of a flow and one of a frame may share a key.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Key {
    /// `after`
    After,
    /// `agent`
    Agent,
    /// `args`
    Args,
    /// `before`
    Before,
    /// `bytes`, of a frame
    Bytes,
    /// `cached`
    Cached,
    /// `call`
    Call,
    /// `channel`
    Channel,
    /// `close`
    Close,
    /// `cost`
    Cost,
    /// `dir`, of a frame
    Dir,
    /// `dur`
    Duration,
    /// `effort`
    Effort,
    /// `frames`
    Frames,
    /// `has`
    Has,
    /// `hit`
    Hit,
    /// `in`
    Input,
    /// `inst`
    Instructions,
    /// `is`
    Is,
    /// `item`
    Item,
    /// `model`
    Model,
    /// `op`, of a frame
    Op,
    /// `out`
    Output,
    /// `path`
    Path,
    /// `prev`
    Previous,
    /// `reason`
    Reason,
    /// `reasoning`
    Reasoning,
    /// `resp`
    Response,
    /// `role`
    Role,
    /// `served`
    Served,
    /// `session`
    Session,
    /// `since`
    Since,
    /// `size`
    Size,
    /// `status`
    Status,
    /// `text`
    Text,
    /// `thread`
    Thread,
    /// `tool`
    Tool,
    /// `total`
    Total,
    /// `transport`
    Transport,
    /// `ttft`
    FirstDelta,
    /// `turn`
    Turn,
    /// `type`
    Type,
}

/// What there is to know of a field.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Field {
    /// Which one it is.
    pub key: Key,
    /// Its name.
    pub name: &'static str,
    /// What it is compared with.
    pub value: Value,
    /// What it asks about, in a few words.
    pub doc: &'static str,
}

/// What a field is compared with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Value {
    /// A text: `:` finds it within, `=` is all of it, `~` a regular expression.
    Text,
    /// A text, an HTTP status, or a class of them such as `4xx`.
    Status,
    /// A number of things, with `k` or `M`.
    Count,
    /// A number of bytes, with `k`, `M`, `KiB`, `MiB` or `GiB`.
    Bytes,
    /// A length of time, with `us`, `ms`, `s`, `m` or `h`.
    Duration,
    /// A share, with or without `%`.
    Percent,
    /// US dollars, with or without `$`.
    Dollars,
    /// A number that counts nothing.
    Number,
    /// One of [`FLAGS`].
    Flag,
    /// One of [`PARTS`].
    Part,
    /// How long ago.
    Ago,
    /// A time of the day, a date, or both.
    Time,
}

impl Value {
    /// How help spells it: a sign, and what follows.
    #[must_use]
    pub const fn usage(self) -> &'static str {
        match self {
            Self::Text => ":TEXT",
            Self::Status => ":STATUS",
            Self::Count | Self::Number => ">NUMBER",
            Self::Bytes => ">BYTES",
            Self::Duration => ">DURATION",
            Self::Percent => "<PERCENT",
            Self::Dollars => ">DOLLARS",
            Self::Flag => ":FLAG",
            Self::Part => ":PART",
            Self::Ago => ":DURATION",
            Self::Time => ":TIME",
        }
    }

    /// What is expected behind the sign.
    pub(super) const fn expected(self) -> &'static str {
        match self {
            Self::Text => "a text",
            Self::Status => "a status such as 404, 4xx or failed",
            Self::Count => "a number such as 500, 12k or 1.5M",
            Self::Bytes => "a number of bytes such as 500, 64KiB or 2MiB",
            Self::Duration | Self::Ago => "a length of time such as 300ms, 5s, 2m or 1h",
            Self::Percent => "a share such as 50%",
            Self::Dollars => "an amount such as 0.05$",
            Self::Number => "a whole number such as 1000",
            Self::Flag => "one of the flags",
            Self::Part => "one of the parts",
            Self::Time => "a time such as 14:05, 2026-11-20 or 2026-11-20T14:05",
        }
    }

    /// The signs that may stand before it.
    pub(super) const fn signs(self) -> &'static str {
        match self {
            Self::Text => ":, = or ~",
            Self::Status => ":, =, ~, <, <=, > or >=",
            Self::Count
            | Self::Bytes
            | Self::Duration
            | Self::Percent
            | Self::Dollars
            | Self::Number => ":, =, <, <=, > or >=",
            Self::Flag | Self::Part | Self::Ago | Self::Time => ":",
        }
    }
}

/// One of a few words that a field may have, and what it means.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Choice<T> {
    /// Which one it is.
    pub what: T,
    /// The word.
    pub name: &'static str,
    /// What it chooses, in a few words.
    pub doc: &'static str,
}

/// What `is:` asks for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Flag {
    /// `is:compact`
    Compact,
    /// `is:failed`
    Failed,
    /// `is:incomplete`
    Incomplete,
    /// `is:live`
    Live,
    /// `is:marked`
    Marked,
    /// `is:mismatch`
    Mismatch,
    /// `is:partial`
    Partial,
    /// `is:retry`
    Retry,
    /// `is:side`
    Side,
    /// `is:subagent`
    Subagent,
    /// `is:warmup`
    WarmUp,
}

/// What `has:` asks for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Part {
    /// `has:image`
    Image,
    /// `has:patch`
    Patch,
    /// `has:reasoning`
    Reasoning,
}

/// The field of this name, among `fields`.
pub(super) fn find(fields: &'static [Field], name: &str) -> Option<&'static Field> {
    fields.iter().find(|field| field.name == name)
}

/// The name of a field.
pub(super) fn name(key: Key) -> &'static str {
    let mut rows = FIELDS.iter().chain(FRAME_FIELDS);
    rows.find(|field| field.key == key)
        .map_or("", |field| field.name)
}

/// The word for one of these choices.
pub(super) fn word<T: Copy + PartialEq>(choices: &[Choice<T>], what: T) -> &'static str {
    let choice = choices.iter().find(|choice| choice.what == what);
    choice.map_or("", |choice| choice.name)
}

const fn field(key: Key, name: &'static str, value: Value, doc: &'static str) -> Field {
    Field {
        key,
        name,
        value,
        doc,
    }
}

const fn choice<T: Copy>(what: T, name: &'static str, doc: &'static str) -> Choice<T> {
    Choice { what, name, doc }
}

/// Every field of a flow, by name.
pub const FIELDS: &[Field] = &[
    field(
        Key::After,
        "after",
        Value::Time,
        "began at this time or later: of any day, or of the day that is named",
    ),
    field(
        Key::Agent,
        "agent",
        Value::Text,
        "agent: main, or a sub-agent's name",
    ),
    field(
        Key::Args,
        "args",
        Value::Text,
        "arguments of a tool call that the model made",
    ),
    field(
        Key::Before,
        "before",
        Value::Time,
        "began before this time: of any day, or of the day that is named",
    ),
    field(
        Key::Cached,
        "cached",
        Value::Count,
        "input tokens that were read from the cache",
    ),
    field(
        Key::Call,
        "call",
        Value::Text,
        "id of a tool call that the model made, or that the request answers",
    ),
    field(
        Key::Channel,
        "channel",
        Value::Text,
        "kind of traffic: model, models, compact, realtime, backend, analytics, mcp, skills/plugins, other",
    ),
    field(
        Key::Close,
        "close",
        Value::Number,
        "code of a WebSocket's close frame",
    ),
    field(
        Key::Cost,
        "cost",
        Value::Dollars,
        "cost by list prices; models without a price have none",
    ),
    field(
        Key::Duration,
        "dur",
        Value::Duration,
        "from start to end; what is live has none yet",
    ),
    field(
        Key::Effort,
        "effort",
        Value::Text,
        "reasoning effort asked for",
    ),
    field(
        Key::Frames,
        "frames",
        Value::Count,
        "WebSocket frames, or events of a stream",
    ),
    field(Key::Has, "has", Value::Part, "has this part"),
    field(
        Key::Hit,
        "hit",
        Value::Percent,
        "share of the input tokens that were read from the cache",
    ),
    field(Key::Input, "in", Value::Count, "input tokens"),
    field(
        Key::Instructions,
        "inst",
        Value::Text,
        "instructions (the system prompt)",
    ),
    field(Key::Is, "is", Value::Flag, "is of this kind"),
    field(
        Key::Item,
        "item",
        Value::Text,
        "type of an input or output item, such as function_call",
    ),
    field(Key::Model, "model", Value::Text, "model asked for"),
    field(Key::Output, "out", Value::Count, "output tokens"),
    field(Key::Path, "path", Value::Text, "path and query"),
    field(
        Key::Previous,
        "prev",
        Value::Text,
        "previous_response_id: the response that the request continues",
    ),
    field(
        Key::Reason,
        "reason",
        Value::Text,
        "reasoning: summaries and raw text",
    ),
    field(
        Key::Reasoning,
        "reasoning",
        Value::Count,
        "output tokens that were spent on reasoning",
    ),
    field(Key::Response, "resp", Value::Text, "the response's id"),
    field(
        Key::Role,
        "role",
        Value::Text,
        "role of an input or output message",
    ),
    field(
        Key::Served,
        "served",
        Value::Text,
        "model that answered: the one asked for, unless another is told",
    ),
    field(
        Key::Session,
        "session",
        Value::Text,
        "Codex's id of the session",
    ),
    field(
        Key::Since,
        "since",
        Value::Ago,
        "began that long before now, or later; now is when the filter is given",
    ),
    field(
        Key::Size,
        "size",
        Value::Bytes,
        "bytes on the wire, both ways",
    ),
    field(
        Key::Status,
        "status",
        Value::Status,
        "HTTP status, or where it stands: completed, failed, incomplete, streaming …",
    ),
    field(
        Key::Text,
        "text",
        Value::Text,
        "text that the model wrote, assembled",
    ),
    field(
        Key::Thread,
        "thread",
        Value::Text,
        "Codex's id of the thread: one agent's conversation",
    ),
    field(
        Key::Tool,
        "tool",
        Value::Text,
        "name of a tool that the model called",
    ),
    field(Key::Total, "total", Value::Count, "tokens in all"),
    field(
        Key::Transport,
        "transport",
        Value::Text,
        "how it travelled: HTTP, SSE or WS",
    ),
    field(
        Key::FirstDelta,
        "ttft",
        Value::Duration,
        "time to the first generated text or arguments",
    ),
    field(Key::Turn, "turn", Value::Text, "Codex's id of the turn"),
    field(
        Key::Type,
        "type",
        Value::Text,
        "type of an event, such as response.failed",
    ),
];

/// Every field of a frame, by name: what may stand within `frame( )`.
pub const FRAME_FIELDS: &[Field] = &[
    field(
        Key::Bytes,
        "bytes",
        Value::Bytes,
        "bytes of the payload, unmasked and inflated",
    ),
    field(Key::Close, "close", Value::Number, "code of a close frame"),
    field(
        Key::Dir,
        "dir",
        Value::Text,
        "direction: out (from Codex) or in",
    ),
    field(
        Key::Op,
        "op",
        Value::Text,
        "text, binary, continuation, close, ping, pong, reserved, event, comment or gap",
    ),
    field(Key::Size, "size", Value::Bytes, "bytes on the wire"),
    field(Key::Text, "text", Value::Text, "text of the payload"),
    field(
        Key::Type,
        "type",
        Value::Text,
        "type of the event that it carries",
    ),
];

/// Every flag, by name.
pub const FLAGS: &[Choice<Flag>] = &[
    choice(Flag::Compact, "compact", "a compaction"),
    choice(
        Flag::Failed,
        "failed",
        "the exchange broke or was refused, or the turn failed",
    ),
    choice(
        Flag::Incomplete,
        "incomplete",
        "a turn that ended with response.incomplete",
    ),
    choice(Flag::Live, "live", "still going on"),
    choice(Flag::Marked, "marked", "marked in the list"),
    choice(
        Flag::Mismatch,
        "mismatch",
        "answered by another model than the one asked for",
    ),
    choice(
        Flag::Partial,
        "partial",
        "ended with less than was asked for: incomplete, cancelled, referred to HTTP",
    ),
    choice(
        Flag::Retry,
        "retry",
        "one more attempt at a turn that failed before",
    ),
    choice(Flag::Side, "side", "carries no model turn"),
    choice(Flag::Subagent, "subagent", "of a sub-agent"),
    choice(
        Flag::WarmUp,
        "warmup",
        "a warm-up, which asks for no output",
    ),
];

/// Every part, by name.
pub const PARTS: &[Choice<Part>] = &[
    choice(Part::Image, "image", "an image, sent or made"),
    choice(Part::Patch, "patch", "a call that applies a patch"),
    choice(
        Part::Reasoning,
        "reasoning",
        "reasoning, readable or encrypted",
    ),
];
