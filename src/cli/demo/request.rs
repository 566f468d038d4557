//! Requests as Codex 0.169 sends them: header fields, bodies, and the metadata in both.

use bytes::Bytes;
use http::request::Builder;
use http::{Method, Request, header};
use http_body_util::Full;
use serde_json::{Value, json};

use super::Error;
use super::ids::Ids;
use super::story::{Login, Thread};
use crate::tap::At;

/// Who a thread is on the wire.
#[derive(Debug)]
pub(super) struct Identity {
    /// Shared with the thread's parent.
    pub(super) session: String,
    /// The thread's own id.
    pub(super) thread: String,
    /// The parent's thread id.
    pub(super) parent: Option<String>,
    /// Shared by all threads of an installation.
    pub(super) installation: String,
    /// The turn that is running; empty in a prewarm.
    pub(super) turn: String,
    /// When it began.
    pub(super) turn_started: At,
}

impl Identity {
    /// The value of `x-codex-turn-metadata`.
    fn metadata(&self, thread: &Thread) -> Value {
        let kind = if self.turn.is_empty() {
            "prewarm"
        } else {
            "turn"
        };
        let agent = thread
            .subagent
            .as_ref()
            .map_or("/root".into(), |it| format!("/root/{it}"));
        let mut metadata = json!({
            "installation_id": self.installation,
            "session_id": self.session,
            "thread_id": self.thread,
            "agent_name": agent,
            "turn_id": self.turn,
            "window_id": format!("{}:0", self.thread),
            "window_number": 0,
            "request_kind": kind,
            "history_initialization": "new",
            "thread_source": if thread.subagent.is_some() { "subagent" } else { "user" },
            "sandbox": "seccomp",
            "sandbox_mode": "workspace-write",
            "workspaces": {DIRECTORY: {
                "associated_remote_urls": {"origin": "https://git.example.com/tools/ferry.git"},
                "latest_git_commit_hash": "5f0c3e9d1b7a4c62a8e0d4f9b3c1e7a695d82f40",
                "has_changes": true,
            }},
            "analytics_enabled": false,
            "model": thread.model,
            "reasoning_effort": thread.effort,
        });
        if !self.turn.is_empty() {
            metadata["turn_trigger"] = json!("user");
            metadata["root_turn_id"] = json!(self.turn);
            metadata["turn_started_at_unix_ms"] = json!(self.turn_started.as_micros() / 1000);
        }
        if let (Some(subagent), Some(parent)) = (&thread.subagent, &self.parent) {
            metadata["subagent_kind"] = json!(subagent);
            metadata["parent_thread_id"] = json!(parent);
        }
        metadata
    }

    /// The body's `client_metadata`: on a WebSocket the only identity of a request.
    fn client_metadata(&self, thread: &Thread) -> Value {
        let mut metadata = json!({
            "session_id": self.session,
            "thread_id": self.thread,
            "turn_id": self.turn,
            "root_turn_id": self.turn,
            "x-codex-window-id": format!("{}:0", self.thread),
            "x-codex-installation-id": self.installation,
            "x-codex-turn-metadata": self.metadata(thread).to_string(),
        });
        if let (Some(subagent), Some(parent)) = (&thread.subagent, &self.parent) {
            metadata["x-openai-subagent"] = json!(subagent);
            metadata["x-codex-parent-thread-id"] = json!(parent);
        }
        metadata
    }

    /// Adds the fields that model requests carry on either transport.
    fn head(&self, builder: Builder, thread: &Thread) -> Builder {
        let builder = sender(builder, thread.login)
            .header("x-codex-beta-features", "remote_compaction_v2")
            .header("x-codex-window-id", format!("{}:0", self.thread))
            .header("x-codex-turn-metadata", self.metadata(thread).to_string())
            .header("x-client-request-id", &self.thread)
            .header("session-id", &self.session)
            .header("thread-id", &self.thread);
        match (&thread.subagent, &self.parent) {
            (Some(subagent), Some(parent)) => builder
                .header("x-openai-subagent", subagent)
                .header("x-codex-parent-thread-id", parent),
            _ => builder,
        }
    }
}

/// The handshake of a thread's WebSocket.
pub(super) fn handshake(
    thread: &Thread,
    identity: &Identity,
    host: &str,
    key: &str,
) -> Result<Request<Full<Bytes>>, Error> {
    let builder = Request::builder()
        .uri(responses_path(thread.login))
        .header(header::HOST, host)
        .header(header::CONNECTION, "Upgrade")
        .header(header::UPGRADE, "websocket")
        .header(header::SEC_WEBSOCKET_VERSION, "13")
        .header(header::SEC_WEBSOCKET_KEY, key)
        .header("openai-beta", "responses_websockets=2026-02-06")
        .header("version", CODEX_VERSION);
    let builder = identity.head(builder, thread).header(
        header::SEC_WEBSOCKET_EXTENSIONS,
        "permessage-deflate; client_max_window_bits",
    );
    Ok(builder.body(Full::default())?)
}

/// A create request as a POST; `turn_state` repeats what the turn's last response told.
pub(super) fn post(
    thread: &Thread,
    identity: &Identity,
    host: &str,
    turn_state: Option<&str>,
    body: &Value,
) -> Result<Request<Full<Bytes>>, Error> {
    let builder = Request::builder()
        .method(Method::POST)
        .uri(responses_path(thread.login))
        .header(header::ACCEPT, "text/event-stream")
        .header(header::CONTENT_TYPE, "application/json");
    let mut builder = identity.head(builder, thread);
    if let Some(turn_state) = turn_state {
        builder = builder.header("x-codex-turn-state", turn_state);
    }
    let plain = serde_json::to_vec(body)?;
    let body = match thread.login {
        Login::ApiKey => plain,
        Login::Chatgpt => {
            builder = builder
                .header("version", CODEX_VERSION)
                .header(header::CONTENT_ENCODING, "zstd")
                .header("x-codex-routing-hint", format!("model={}", thread.model));
            zstd::bulk::compress(&plain, 3)?
        }
    };
    if body_is_lite(&thread.model) {
        builder = builder.header("x-openai-internal-codex-responses-lite", "true");
    }
    Ok(builder
        .header(header::HOST, host)
        .body(Full::new(Bytes::from(body)))?)
}

/// A GET of a side channel.
pub(super) fn get(target: &str, login: Login, host: &str) -> Result<Request<Full<Bytes>>, Error> {
    let builder = Request::builder().uri(target).header(header::ACCEPT, "*/*");
    Ok(sender(builder, login)
        .header(header::HOST, host)
        .body(Full::default())?)
}

/// The body of a create request over `input`, without what only a WebSocket adds.
pub(super) fn create(
    thread: &Thread,
    identity: &Identity,
    input: &[Value],
) -> Result<Value, Error> {
    let lite = body_is_lite(&thread.model);
    let mut body = json!({"model": thread.model, "stream": true, "input": input});
    if !lite {
        body["tools"] = serde_json::from_str(TOOLS)?;
    }
    body["tool_choice"] = json!("auto");
    body["parallel_tool_calls"] = json!(!lite);
    body["reasoning"] = if lite {
        json!({"effort": thread.effort, "context": "all_turns"})
    } else {
        json!({"effort": thread.effort, "summary": "auto"})
    };
    body["store"] = json!(false);
    body["include"] = json!(["reasoning.encrypted_content"]);
    body["prompt_cache_key"] = json!(identity.thread);
    body["text"] = json!({"verbosity": "low"});
    body["client_metadata"] = identity.client_metadata(thread);
    Ok(body)
}

/// What a thread's input begins with, before the user has said anything.
pub(super) fn preamble(thread: &Thread, ids: &mut Ids) -> Result<Vec<Value>, Error> {
    let instructions = message("developer", INSTRUCTIONS, ids);
    if !body_is_lite(&thread.model) {
        return Ok(vec![instructions]);
    }
    let tools: Value = serde_json::from_str(LITE_TOOLS)?;
    let tools = json!({"type": "additional_tools", "id": ids.api("at"), "role": "developer",
        "tools": tools});
    Ok(vec![tools, instructions])
}

/// What the first turn adds before the user's words: permissions and surroundings.
pub(super) fn surroundings(ids: &mut Ids) -> [Value; 2] {
    let permissions = "<permissions instructions>\n`sandbox_mode` is `workspace-write`: files \
        outside the workspace are read-only. Network access is restricted.\n\
        </permissions instructions>";
    let environment = format!(
        "<environment_context>\n  <cwd>{DIRECTORY}</cwd>\n  <shell>bash</shell>\n  \
         <timezone>Etc/UTC</timezone>\n</environment_context>"
    );
    [
        message("developer", permissions, ids),
        message("user", &environment, ids),
    ]
}

/// An input message.
pub(super) fn message(role: &str, text: &str, ids: &mut Ids) -> Value {
    json!({"type": "message", "id": ids.api("msg"), "role": role,
        "content": [{"type": "input_text", "text": text}]})
}

/// The result of a tool call.
pub(super) fn tool_output(call: &Value, output: &str, ids: &mut Ids) -> Value {
    let (kind, prefix) = if call["type"] == "custom_tool_call" {
        ("custom_tool_call_output", "ctco")
    } else {
        ("function_call_output", "fco")
    };
    json!({"type": kind, "id": ids.api(prefix), "call_id": call["call_id"], "output": output})
}

/// Adds who sends: front end and credentials, invented ones.
fn sender(builder: Builder, login: Login) -> Builder {
    let builder = builder.header("originator", "codex-tui").header(
        header::USER_AGENT,
        "codex-tui/0.169.0 (Debian 12.0.0; x86_64) xterm (codex-tui; 0.169.0)",
    );
    match login {
        Login::ApiKey => builder.header(header::AUTHORIZATION, "Bearer sk-demo-not-a-real-key"),
        Login::Chatgpt => builder
            .header(header::AUTHORIZATION, "Bearer demo.not-a-real.token")
            .header("chatgpt-account-id", "acct-demo-0001"),
    }
}

/// Where a login's model requests go.
const fn responses_path(login: Login) -> &'static str {
    match login {
        Login::ApiKey => "/v1/responses",
        Login::Chatgpt => "/backend-api/codex/responses",
    }
}

/// Whether a model takes its tools as an input item instead of `tools`.
fn body_is_lite(model: &str) -> bool {
    model.starts_with("gpt-6")
}

const CODEX_VERSION: &str = "0.169.0";
const DIRECTORY: &str = "/home/dev/ferry";
const INSTRUCTIONS: &str = include_str!("instructions.md");
const TOOLS: &str = include_str!("tools.json");
const LITE_TOOLS: &str = include_str!("lite_tools.json");
