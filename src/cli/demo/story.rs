//! The demo's story as data: who asks what, and what the upstream answers.
//!
//! `story.toml` is the one source of both sides: the agent reads the steps, the upstream the
//! replies. They share no state at run time; the upstream knows a step by the text it asks with.

use serde::Deserialize;
use serde_json::Value;

use super::Error;

/// The whole story, in the order in which it is told.
#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub struct Story {
    /// Who speaks.
    #[serde(rename = "thread")]
    pub(super) threads: Vec<Thread>,
    /// What happens.
    #[serde(rename = "step")]
    pub(super) steps: Vec<Step>,
}

/// One Codex thread: a conversation with its own identity and transport.
#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub(super) struct Thread {
    /// How steps refer to it; not sent.
    pub(super) name: String,
    pub(super) transport: Transport,
    pub(super) login: Login,
    pub(super) model: String,
    /// The reasoning effort it asks for.
    pub(super) effort: String,
    /// What kind of sub-agent it is, if it is one.
    pub(super) subagent: Option<String>,
    /// The thread that started it; they share a session.
    pub(super) parent: Option<String>,
}

/// How a thread reaches the upstream.
#[derive(Deserialize, Clone, Copy, PartialEq, Eq, Debug)]
#[serde(rename_all = "snake_case")]
pub(super) enum Transport {
    /// One socket for all its turns.
    Websocket,
    /// One POST per turn.
    Sse,
    /// It asks for a socket first, is answered 426, and goes on with POSTs.
    RefusedWebsocket,
}

/// What a request authenticates with, which also decides its path.
#[derive(Deserialize, Clone, Copy, PartialEq, Eq, Debug)]
#[serde(rename_all = "snake_case")]
pub(super) enum Login {
    /// An API key, under `/v1`.
    ApiKey,
    /// A ChatGPT account, under `/backend-api/codex`; bodies are compressed with zstd.
    Chatgpt,
}

/// One exchange or turn.
#[derive(Deserialize, Debug)]
pub(super) struct Step {
    /// Milliseconds before it.
    pub(super) pause: u64,
    #[serde(flatten)]
    pub(super) action: Action,
}

/// What a step does.
#[derive(Deserialize, Debug)]
#[serde(untagged)]
pub(super) enum Action {
    /// A side channel's GET.
    Fetch {
        /// Path and query.
        get: String,
        login: Login,
        /// The JSON that answers it.
        answer: String,
    },
    /// A turn of a thread.
    Turn {
        /// The thread's name.
        thread: String,
        /// What the user says.
        user: Option<String>,
        /// What the last tool call gave back.
        output: Option<String>,
        reply: Reply,
    },
}

/// What the upstream makes of a turn.
#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub(super) struct Reply {
    /// Milliseconds before the first output.
    pub(super) think: u64,
    /// Whether the plan's limits are told first.
    #[serde(default)]
    pub(super) rate_limits: bool,
    #[serde(default, rename = "item")]
    pub(super) items: Vec<Item>,
    /// Input, cached input, output and reasoning tokens.
    #[serde(default)]
    pub(super) usage: [u64; 4],
    /// Answer with this instead of a stream.
    pub(super) refusal: Option<Refusal>,
    /// End the stream with this instead of output.
    pub(super) failure: Option<Failure>,
}

/// One item of the model's output.
#[derive(Deserialize, Debug)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Item {
    /// Reasoning, told as summary parts.
    Reasoning { parts: Vec<String> },
    /// A remark before a tool call.
    Commentary { text: String },
    /// The answer.
    Message { text: String },
    /// A call of a function; the input is its JSON arguments.
    Function { name: String, input: String },
    /// A call of a freeform tool.
    Custom { name: String, input: String },
}

/// An HTTP status with an error body.
#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub(super) struct Refusal {
    pub(super) status: u16,
    /// Seconds, for `retry-after`.
    pub(super) retry_after: u64,
    /// The body's `error` member.
    pub(super) error: String,
}

/// A `response.failed`.
#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub(super) struct Failure {
    pub(super) code: String,
    pub(super) message: String,
}

impl Story {
    /// Reads the story that is built into the program.
    pub fn load() -> Result<Self, Error> {
        Ok(toml::from_str(include_str!("story.toml"))?)
    }

    /// The thread that steps call `name`.
    pub(super) fn thread(&self, name: &str) -> Result<&Thread, Error> {
        let found = self.threads.iter().find(|thread| thread.name == name);
        found.ok_or_else(|| Error::Script(format!("no thread is called {name}")))
    }

    /// The reply to a create request, found by what its last input item says.
    pub(super) fn reply(&self, request: &Value) -> Option<&Reply> {
        let prewarm = request["generate"] == Value::Bool(false);
        let asked = request["input"]
            .as_array()
            .and_then(|items| items.last())
            .map(item_text);
        self.steps.iter().find_map(|step| match &step.action {
            Action::Turn {
                user,
                output,
                reply,
                ..
            } => {
                let asks = user.as_deref().or(output.as_deref());
                let found = if prewarm {
                    asks.is_none()
                } else {
                    asks.is_some() && asks == asked
                };
                found.then_some(reply)
            }
            Action::Fetch { .. } => None,
        })
    }

    /// The answer to a GET of `target`.
    pub(super) fn answer(&self, target: &str) -> Option<&str> {
        self.steps.iter().find_map(|step| match &step.action {
            Action::Fetch { get, answer, .. } => (get == target).then_some(answer.as_str()),
            Action::Turn { .. } => None,
        })
    }
}

/// What an input item says: a tool's output, or a message's first text.
fn item_text(item: &Value) -> &str {
    item["output"]
        .as_str()
        .or_else(|| item["content"][0]["text"].as_str())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn the_story_is_whole() {
        let story = Story::load().unwrap();
        let mut asked = HashSet::new();
        let mut fetched = 0;
        for step in &story.steps {
            match &step.action {
                Action::Fetch { answer, .. } => {
                    serde_json::from_str::<Value>(answer).unwrap();
                    fetched += 1;
                }
                Action::Turn {
                    thread,
                    user,
                    output,
                    reply,
                } => {
                    story.thread(thread).unwrap();
                    assert!(
                        asked.insert(user.as_ref().or(output.as_ref())),
                        "asked twice"
                    );
                    let [input, cached, out, reasoning] = reply.usage;
                    assert!(cached <= input && reasoning <= out && cached % 128 == 0);
                    if let Some(refusal) = &reply.refusal {
                        serde_json::from_str::<Value>(&refusal.error).unwrap();
                    }
                    for item in &reply.items {
                        if let Item::Function { input, .. } = item {
                            serde_json::from_str::<Value>(input).unwrap();
                        }
                    }
                }
            }
        }
        assert_eq!((asked.len(), fetched), (12, 2));
    }

    #[test]
    fn usage_grows_along_a_thread() {
        let story = Story::load().unwrap();
        for name in ["retry", "fix"] {
            let mut last = [0; 2];
            for step in &story.steps {
                if let Action::Turn { thread, reply, .. } = &step.action
                    && thread == name
                {
                    let [input, cached, ..] = reply.usage;
                    assert!(
                        input > last[0] && cached >= last[1],
                        "{name}: {input} {cached}"
                    );
                    last = [input, cached];
                }
            }
        }
    }
}
