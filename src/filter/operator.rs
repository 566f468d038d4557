//! Operators, which mean what they mean in mitmproxy. The parser, help, completion and the documentation read
//! this table.

/// An operator.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Op {
    /// `~all`
    All,
    /// `~b`
    Body,
    /// `~bq`
    RequestBody,
    /// `~bs`
    ResponseBody,
    /// `~c`
    Status,
    /// `~comment`
    Comment,
    /// `~d`
    Domain,
    /// `~e`
    Failed,
    /// `~h`
    Header,
    /// `~hq`
    RequestHeader,
    /// `~hs`
    ResponseHeader,
    /// `~http`
    Http,
    /// `~m`
    Method,
    /// `~marked`
    Marked,
    /// `~q`
    Unanswered,
    /// `~s`
    Answered,
    /// `~session`
    Session,
    /// `~src`
    Source,
    /// `~t`
    Type,
    /// `~thread`
    Thread,
    /// `~tq`
    RequestType,
    /// `~ts`
    ResponseType,
    /// `~u`
    Url,
    /// `~websocket`
    WebSocket,
}

impl Op {
    /// Its row in [`OPERATORS`].
    #[must_use]
    pub fn operator(self) -> Option<&'static Operator> {
        OPERATORS.iter().find(|operator| operator.op == self)
    }

    pub(super) fn name(self) -> &'static str {
        self.operator().map_or("", |operator| operator.name)
    }
}

/// The operator of this name.
pub(super) fn find(name: &str) -> Option<&'static Operator> {
    OPERATORS.iter().find(|operator| operator.name == name)
}

/// What there is to know of an operator: help, completion and the documentation come from it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Operator {
    /// Which one it is.
    pub op: Op,
    /// Its name, without the `~`.
    pub name: &'static str,
    /// What follows it.
    pub argument: Argument,
    /// What it chooses, in a few words.
    pub doc: &'static str,
}

/// What follows an operator.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Argument {
    /// Nothing.
    None,
    /// A regular expression.
    Regex,
    /// A status code, or a class of them such as `4xx`.
    Code,
}

impl Argument {
    /// The argument as help spells it; empty where there is none.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "",
            Self::Regex => "REGEX",
            Self::Code => "CODE",
        }
    }
}

const fn operator(op: Op, name: &'static str, argument: Argument, doc: &'static str) -> Operator {
    Operator {
        op,
        name,
        argument,
        doc,
    }
}

/// Every operator, by name.
pub const OPERATORS: [Operator; 24] = [
    operator(Op::All, "all", Argument::None, "every flow"),
    operator(
        Op::Body,
        "b",
        Argument::Regex,
        "body of the request or the response, messages included",
    ),
    operator(
        Op::RequestBody,
        "bq",
        Argument::Regex,
        "body of the request",
    ),
    operator(
        Op::ResponseBody,
        "bs",
        Argument::Regex,
        "body of the response",
    ),
    operator(
        Op::Status,
        "c",
        Argument::Code,
        "HTTP status, such as 404 or 4xx",
    ),
    operator(
        Op::Comment,
        "comment",
        Argument::Regex,
        "what the user noted about the flow",
    ),
    operator(
        Op::Domain,
        "d",
        Argument::Regex,
        "host and port of the upstream",
    ),
    operator(
        Op::Failed,
        "e",
        Argument::None,
        "the exchange broke or was refused, or the turn failed",
    ),
    operator(
        Op::Header,
        "h",
        Argument::Regex,
        "a header line (name: value) of the request or the response",
    ),
    operator(
        Op::RequestHeader,
        "hq",
        Argument::Regex,
        "a header line of the request",
    ),
    operator(
        Op::ResponseHeader,
        "hs",
        Argument::Regex,
        "a header line of the response",
    ),
    operator(
        Op::Http,
        "http",
        Argument::None,
        "a request and its response, no WebSocket",
    ),
    operator(Op::Method, "m", Argument::Regex, "method"),
    operator(Op::Marked, "marked", Argument::None, "marked in the list"),
    operator(Op::Unanswered, "q", Argument::None, "no response yet"),
    operator(Op::Answered, "s", Argument::None, "has a response"),
    operator(
        Op::Session,
        "session",
        Argument::Regex,
        "Codex's id of the session",
    ),
    operator(
        Op::Source,
        "src",
        Argument::Regex,
        "address and port of the client",
    ),
    operator(
        Op::Type,
        "t",
        Argument::Regex,
        "Content-Type of the request or the response",
    ),
    operator(
        Op::Thread,
        "thread",
        Argument::Regex,
        "Codex's id of the thread: one agent's conversation",
    ),
    operator(
        Op::RequestType,
        "tq",
        Argument::Regex,
        "Content-Type of the request",
    ),
    operator(
        Op::ResponseType,
        "ts",
        Argument::Regex,
        "Content-Type of the response",
    ),
    operator(
        Op::Url,
        "u",
        Argument::Regex,
        "URL: the upstream's, with path and query",
    ),
    operator(
        Op::WebSocket,
        "websocket",
        Argument::None,
        "a WebSocket connection or a turn on one",
    ),
];
