//! What stays in memory of every flow: what the list shows, and what filters ask that read no text.

use std::sync::Arc;
use std::time::Duration;

use super::{Channel, Context, Flow, FlowId, FlowKind, STALL, State, Transport};
use crate::responses::{Agent, Failure, Identity, Status, Turn, Usage};
use crate::tap::At;

/// A flow without its heads, bodies, frames and items: under 1 KB, whatever the flow holds.
#[derive(Clone, PartialEq, Debug)]
pub struct Summary {
    /// [`Flow::id`].
    pub id: FlowId,
    /// [`Flow::name`].
    pub name: Box<str>,
    /// [`Flow::kind`].
    pub kind: FlowKind,
    /// [`Flow::channel`].
    pub channel: Channel,
    /// [`Flow::transport`].
    pub transport: Transport,
    /// [`Flow::state`].
    pub state: State,
    /// [`Flow::client`].
    pub client: Box<str>,
    /// [`Flow::upstream`].
    pub upstream: Arc<str>,
    /// [`Flow::started`].
    pub started: At,
    /// [`Flow::ended`].
    pub ended: Option<At>,
    /// [`Flow::method`].
    pub method: Box<str>,
    /// [`Flow::path`].
    pub path: Box<str>,
    /// [`Flow::status`].
    pub status: Option<u16>,
    /// [`Flow::model`].
    pub model: Option<Box<str>>,
    /// [`Flow::gist`].
    pub gist: Box<str>,
    /// [`Flow::identity`].
    pub identity: Identity,
    /// [`Flow::context`].
    pub context: Option<Box<Context>>,
    /// Where the model response stands, where the flow is one.
    pub turn: Option<Status>,
    /// Its tokens.
    pub usage: Option<Usage>,
    /// How many tool calls it made.
    pub calls: u32,
    /// The names of the tools that it called, each once, line breaks between them. A line break at the end says
    /// that some are left out: there are many, or they are long.
    pub tools: Box<str>,
    /// How many frames it has.
    pub frames: u32,
    /// [`Flow::first_delta`].
    pub first_delta: Option<Duration>,
    /// What failed, in a few words: the model response, or else the exchange. Of a response that is incomplete the
    /// reason (`max_output_tokens`), as far as it gives one.
    pub failure: Option<Box<str>>,
    /// The close frame's code.
    pub close: Option<u16>,
    /// [`Flow::wire_len`].
    pub wire_len: u64,
    /// Bytes of its bodies, decoded: what a search in them has to read.
    pub text_len: u64,
    /// [`Flow::is_recovered`].
    pub is_recovered: bool,
    /// [`Flow::quiet_since`].
    pub quiet_since: Option<At>,
    /// [`Flow::comment`].
    pub comment: Option<Box<str>>,
    /// [`Flow::revision`].
    pub revision: u64,
}

impl Summary {
    /// The summary of a flow as it is now.
    #[must_use]
    pub fn of(flow: &Flow) -> Self {
        let turn = flow.turn.as_ref();
        let failed_turn = turn.and_then(|turn| turn.failure.as_ref());
        let reason = turn.and_then(|turn| turn.incomplete_reason.as_deref());
        let failure = failed_turn
            .map(Failure::name)
            .or(reason)
            .map(Into::into)
            .or_else(|| Some(flow.failures.first()?.to_string().into()));
        Self {
            id: flow.id,
            name: flow.name.as_str().into(),
            kind: flow.kind,
            channel: flow.channel,
            transport: flow.transport(),
            state: flow.state(),
            client: flow.client.as_str().into(),
            upstream: Arc::clone(&flow.upstream),
            started: flow.started,
            ended: flow.ended,
            method: flow.method().into(),
            path: flow.path().into(),
            status: flow.status(),
            model: flow.model.as_deref().map(Into::into),
            gist: flow.gist.as_str().into(),
            identity: flow.identity.clone(),
            context: flow.context().map(Box::new),
            turn: turn.map(|turn| turn.status),
            usage: turn.and_then(|turn| turn.usage),
            calls: turn.map_or(0, |turn| turn.calls().count() as u32),
            tools: turn.map(tools_of).unwrap_or_default(),
            frames: flow.frames.len() as u32,
            first_delta: flow.first_delta(),
            failure,
            close: flow.close.as_ref().and_then(|close| close.code),
            wire_len: flow.wire_len(),
            text_len: (flow.request.body.bytes().len() + flow.response.body.bytes().len()) as u64,
            is_recovered: flow.is_recovered,
            quiet_since: flow.quiet_since(),
            comment: flow.comment.clone(),
            revision: flow.revision,
        }
    }

    /// The names of the tools that it called, each once.
    pub fn tools(&self) -> impl Iterator<Item = &str> {
        self.tools.lines().filter(|name| !name.is_empty())
    }

    /// Whether it called others than [`Summary::tools`] gives.
    #[must_use]
    pub fn has_more_tools(&self) -> bool {
        self.tools.ends_with('\n')
    }

    /// [`Flow::is_live`].
    #[must_use]
    pub fn is_live(&self) -> bool {
        self.ended.is_none()
    }

    /// [`Flow::is_error`].
    #[must_use]
    pub fn is_error(&self) -> bool {
        self.state == State::Failed
    }

    /// Why it came to less than was asked for: `incomplete: max_output_tokens`, `refused: 426 Upgrade Required`, what
    /// failed, or else the status of the answer. `None` while it goes on, and where it ended as it should.
    #[must_use]
    pub fn reason(&self) -> Option<String> {
        if !matches!(self.state, State::Partial | State::Failed) {
            return None;
        }
        let led = |what: &str| match self.failure.as_deref() {
            Some(why) => format!("{what}: {why}"),
            None => what.to_owned(),
        };
        Some(match (self.turn, self.status, self.close) {
            (Some(Status::Incomplete), ..) => led("incomplete"),
            (Some(Status::Cancelled), ..) => led("cancelled"),
            (_, Some(status), _) if self.kind == FlowKind::Ws && status != 101 => {
                led(&format!("refused: {}", named(status)))
            }
            (turn, status, close) => match (self.failure.as_deref(), status, close) {
                (Some(why), ..) => why.to_owned(),
                (None, Some(status), _) if status >= 400 => named(status),
                _ if turn == Some(Status::Lost) => "ended without a terminal event".to_owned(),
                (None, _, Some(code)) => format!("closed with {code}"),
                (None, ..) => self.state.as_str().to_owned(),
            },
        })
    }

    /// [`Flow::duration`].
    #[must_use]
    pub fn duration(&self) -> Option<Duration> {
        self.ended.map(|ended| ended.since(self.started))
    }

    /// For how long nothing has come or gone on a stream that is in progress, from [`STALL`] on.
    #[must_use]
    pub fn stall(&self, now: At) -> Option<Duration> {
        let silence = now.since(self.quiet_since?);
        (silence >= STALL).then_some(silence)
    }

    /// [`Flow::agent`].
    #[must_use]
    pub fn agent(&self) -> &Agent {
        &self.identity.agent
    }
}

/// A status with its reason phrase, where it has one (RFC 9110 §15): `426 Upgrade Required`.
fn named(status: u16) -> String {
    let known = http::StatusCode::from_u16(status).ok();
    match known.and_then(|known| known.canonical_reason()) {
        Some(phrase) => format!("{status} {phrase}"),
        None => status.to_string(),
    }
}

/// The names of the tools that a response called, in the form of [`Summary::tools`].
#[must_use]
pub fn tools_of(turn: &Turn) -> Box<str> {
    let mut names: Vec<&str> = Vec::new();
    let mut has_more = false;
    for call in turn.calls() {
        let name = call.name.as_str();
        if name.is_empty() || names.contains(&name) {
            continue;
        }
        let fits = names.len() < MOST_TOOLS && name.len() <= LONGEST_TOOL && !name.contains('\n');
        if fits {
            names.push(name);
        }
        has_more |= !fits;
    }
    let mut tools = names.join("\n");
    if has_more {
        tools.push('\n');
    }
    tools.into()
}

/// How many names of tools a summary has.
const MOST_TOOLS: usize = 12;
/// Bytes of a tool's name in a summary.
const LONGEST_TOOL: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::responses::{Item, ItemKind, ToolCall, ToolKind};

    /// A turn that called tools of these names.
    fn turn<'a>(names: impl IntoIterator<Item = &'a str>) -> Turn {
        let mut turn = Turn::default();
        turn.items = names
            .into_iter()
            .map(|name| Item {
                id: None,
                kind: ItemKind::Call(ToolCall {
                    kind: ToolKind::Function,
                    name: name.to_owned(),
                    namespace: None,
                    call_id: None,
                    input: String::new(),
                    status: None,
                }),
                began: 0,
                ended: None,
                raw: String::new(),
            })
            .collect();
        turn
    }

    #[test]
    fn a_summary_names_tools_once_and_says_when_it_leaves_some_out() {
        assert_eq!(&*tools_of(&turn([])), "");
        assert_eq!(&*tools_of(&turn(["b", "a", "", "b"])), "b\na");
        assert_eq!(&*tools_of(&turn(["a", "b\nc"])), "a\n");
        let long = "x".repeat(LONGEST_TOOL + 1);
        assert_eq!(&*tools_of(&turn([long.as_str()])), "\n");
        let many: Vec<String> = (0..100).map(|number| format!("t{number}")).collect();
        let tools = tools_of(&turn(many.iter().map(String::as_str)));
        assert_eq!(tools.lines().count(), MOST_TOOLS);
        assert!(tools.ends_with('\n'));
    }
}
