//! The demo's agent: it walks through the story and sends what Codex would send.
//!
//! It really is a client: it reads the streams, chains turns by the ids it was given, and answers
//! the tool calls it got. What a tool would have printed comes from the story.

use std::collections::HashMap;
use std::net::SocketAddr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::Role;

use super::ids::Ids;
use super::request::{self, Identity};
use super::story::{Action, Story, Thread, Transport};
use super::{Error, Pace};
use crate::tap::Clock;

/// The agent and its conversations.
#[derive(Debug)]
pub(super) struct Agent {
    proxy: SocketAddr,
    pace: Pace,
    clock: Clock,
    ids: Ids,
    installation: String,
    /// By the story's thread name.
    conversations: HashMap<String, Conversation>,
}

/// A thread under way.
#[derive(Debug)]
struct Conversation {
    identity: Identity,
    /// Everything said so far, both ways: the whole input of the next POST.
    history: Vec<Value>,
    /// How much of `history` the server has, on a WebSocket.
    told: usize,
    /// Whether the surroundings have been described.
    described: bool,
    /// The last response's id, which the next message on the WebSocket builds on.
    previous: Option<String>,
    /// The routing token of the running turn.
    turn_state: Option<String>,
    socket: Option<Socket>,
}

type Socket = WebSocketStream<TokioIo<Upgraded>>;

impl Agent {
    /// An agent that reaches everything through `proxy`.
    pub(super) fn new(proxy: SocketAddr, pace: Pace) -> Self {
        let clock = Clock::start();
        let mut ids = Ids::new(clock.now(), 0);
        let installation = ids.uuid();
        Self {
            proxy,
            pace,
            clock,
            ids,
            installation,
            conversations: HashMap::new(),
        }
    }

    /// Plays every step; open sockets are handed to tasks of their own at the end.
    pub(super) async fn play(mut self, story: &Story) -> Result<(), Error> {
        for step in &story.steps {
            self.pace.pause(step.pause).await;
            match &step.action {
                Action::Fetch { get, login, .. } => {
                    let request = request::get(get, *login, &self.proxy.to_string())?;
                    send(self.proxy, request)
                        .await?
                        .into_body()
                        .collect()
                        .await?;
                }
                Action::Turn {
                    thread,
                    user,
                    output,
                    ..
                } => {
                    let thread = story.thread(thread)?;
                    let mut conversation = self.take_up(thread).await?;
                    self.say(
                        &mut conversation,
                        thread,
                        user.as_deref(),
                        output.as_deref(),
                    )?;
                    turn(self.proxy, &mut conversation, thread).await?;
                    self.conversations.insert(thread.name.clone(), conversation);
                }
            }
        }
        for socket in self.conversations.into_values().filter_map(|it| it.socket) {
            tokio::spawn(keep_open(socket));
        }
        Ok(())
    }

    /// The conversation on a thread; a new one first asks for its socket, if it uses one.
    async fn take_up(&mut self, thread: &Thread) -> Result<Conversation, Error> {
        if let Some(conversation) = self.conversations.remove(&thread.name) {
            return Ok(conversation);
        }
        let parent = thread
            .parent
            .as_ref()
            .and_then(|name| self.conversations.get(name));
        let parent = parent.map(|it| (it.identity.session.clone(), it.identity.thread.clone()));
        let id = self.ids.uuid();
        let identity = Identity {
            session: parent
                .as_ref()
                .map_or_else(|| id.clone(), |(session, _)| session.clone()),
            thread: id,
            parent: parent.map(|(_, thread)| thread),
            installation: self.installation.clone(),
            turn: String::new(),
            turn_started: self.clock.now(),
        };
        let socket = match thread.transport {
            Transport::Sse => None,
            Transport::Websocket | Transport::RefusedWebsocket => {
                self.connect(thread, &identity).await?
            }
        };
        Ok(Conversation {
            identity,
            history: request::preamble(thread, &mut self.ids)?,
            told: 0,
            described: false,
            previous: None,
            turn_state: None,
            socket,
        })
    }

    /// Adds what the step brings; a step that brings nothing is a prewarm.
    fn say(
        &mut self,
        conversation: &mut Conversation,
        thread: &Thread,
        user: Option<&str>,
        output: Option<&str>,
    ) -> Result<(), Error> {
        if let Some(user) = user {
            conversation.identity.turn = self.ids.uuid();
            conversation.identity.turn_started = self.clock.now();
            conversation.turn_state = None;
            if !conversation.described {
                conversation
                    .history
                    .extend(request::surroundings(&mut self.ids));
                conversation.described = true;
            }
            conversation
                .history
                .push(request::message("user", user, &mut self.ids));
        }
        if let Some(output) = output {
            let call = conversation
                .history
                .last()
                .filter(|item| item["call_id"].is_string());
            let missing = || Error::Script(format!("no call to answer on {}", thread.name));
            let output = request::tool_output(call.ok_or_else(missing)?, output, &mut self.ids);
            conversation.history.push(output);
        }
        Ok(())
    }

    /// Asks for a WebSocket; `None` when it is refused.
    async fn connect(
        &mut self,
        thread: &Thread,
        identity: &Identity,
    ) -> Result<Option<Socket>, Error> {
        let nonce: Vec<u8> = (0..16).map(|_| self.ids.below(256) as u8).collect();
        let key = STANDARD.encode(nonce);
        let host = self.proxy.to_string();
        let handshake = request::handshake(thread, identity, &host, &key)?;
        let response = send(self.proxy, handshake).await?;
        if response.status() != StatusCode::SWITCHING_PROTOCOLS {
            response.into_body().collect().await?;
            return Ok(None);
        }
        let io = TokioIo::new(hyper::upgrade::on(response).await?);
        Ok(Some(
            WebSocketStream::from_raw_socket(io, Role::Client, None).await,
        ))
    }
}

impl Conversation {
    /// Takes one event in; true when it ends the response.
    fn take_in(&mut self, event: &Value) -> bool {
        match event["type"].as_str().unwrap_or_default() {
            "response.output_item.done" => self.history.push(event["item"].clone()),
            "response.metadata" => {
                let turn_state = event["headers"]["x-codex-turn-state"].as_str();
                self.turn_state = turn_state.map(str::to_owned);
            }
            "response.completed" => {
                self.previous = event["response"]["id"].as_str().map(str::to_owned);
                return true;
            }
            "response.failed" | "response.incomplete" | "error" => return true,
            _ => {}
        }
        false
    }
}

/// Sends what the server has not been told and takes in its answer.
async fn turn(proxy: SocketAddr, talk: &mut Conversation, thread: &Thread) -> Result<(), Error> {
    let Some(mut socket) = talk.socket.take() else {
        let body = request::create(thread, &talk.identity, &talk.history)?;
        let host = proxy.to_string();
        let turn_state = talk.turn_state.as_deref();
        let request = request::post(thread, &talk.identity, &host, turn_state, &body)?;
        return read_stream(send(proxy, request).await?, talk).await;
    };
    let body = request::create(thread, &talk.identity, &talk.history[talk.told..])?;
    let body = over_websocket(body, talk);
    socket.send(Message::text(body.to_string())).await?;
    while let Some(message) = socket.next().await {
        // Pings are answered by the library while it reads on.
        let Message::Text(text) = message? else {
            continue;
        };
        if talk.take_in(&serde_json::from_str(&text)?) {
            talk.told = talk.history.len();
            talk.socket = Some(socket);
            return Ok(());
        }
    }
    Err(Error::Script(
        "the socket closed in the middle of a turn".into(),
    ))
}

/// Sends a request on a connection of its own, as Codex does.
async fn send(
    proxy: SocketAddr,
    request: Request<Full<Bytes>>,
) -> Result<Response<Incoming>, Error> {
    let stream = TcpStream::connect(proxy).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    // What ends the connection early ends the exchange too, and is reported there.
    tokio::spawn(connection.with_upgrades());
    Ok(sender.send_request(request).await?)
}

/// Reads an SSE answer up to its last event, or an error's body to its end.
async fn read_stream(response: Response<Incoming>, talk: &mut Conversation) -> Result<(), Error> {
    if !response.status().is_success() {
        response.into_body().collect().await?;
        return Ok(());
    }
    let turn_state = response.headers().get("x-codex-turn-state");
    talk.turn_state = turn_state
        .and_then(|it| it.to_str().ok())
        .map(str::to_owned);
    let mut body = response.into_body();
    let mut pending = Vec::new();
    while let Some(frame) = body.frame().await {
        pending.extend_from_slice(frame?.data_ref().map_or(&[][..], |it| it));
        while let Some(end) = pending.windows(2).position(|pair| pair == b"\n\n") {
            let event: Vec<u8> = pending.drain(..end + 2).collect();
            let lines = event.split(|byte| *byte == b'\n');
            for data in lines.filter_map(|line| line.strip_prefix(b"data: ")) {
                if talk.take_in(&serde_json::from_slice(data)?) {
                    // Codex hangs up here, too.
                    return Ok(());
                }
            }
        }
    }
    Err(Error::Script(
        "the stream ended before its last event".into(),
    ))
}

/// Turns a POST's body into a message: what is new, and what it builds on.
fn over_websocket(body: Value, talk: &Conversation) -> Value {
    let mut message = json!({"type": "response.create"});
    if let (Value::Object(message), Value::Object(body)) = (&mut message, body) {
        if let Some(previous) = &talk.previous {
            message.insert("previous_response_id".into(), json!(previous));
        }
        message.extend(body);
        if talk.identity.turn.is_empty() {
            message.insert("generate".into(), json!(false));
        }
    }
    if let Some(turn_state) = &talk.turn_state {
        message["client_metadata"]["x-codex-turn-state"] = json!(turn_state);
    }
    message
}

/// Answers pings on a socket until it closes.
async fn keep_open(mut socket: Socket) {
    while let Some(Ok(_)) = socket.next().await {}
}
