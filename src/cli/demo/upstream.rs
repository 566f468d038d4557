//! The demo's upstream: an HTTP/1.1 server on loopback that answers what the story says.
//!
//! It takes the paths that Codex uses (`…/responses` as POST and as WebSocket, and the story's side
//! channels), finds each reply by the request's content, and answers 404 to everything else. It
//! keeps no state between connections.

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, Limited, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinSet};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::Role;

use super::events::{self, Timed};
use super::ids::Ids;
use super::story::{Refusal, Reply, Story};
use super::{Error, Pace};
use crate::tap::Clock;

/// A running upstream. Dropping it closes its listener and every connection.
#[derive(Debug)]
pub struct Upstream {
    address: SocketAddr,
    accepting: AbortHandle,
}

impl Upstream {
    /// Binds a free loopback port and starts to accept.
    pub(super) fn start(story: Story, pace: Pace) -> Result<Self, Error> {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let listener = TcpListener::from_std(listener)?;
        let address = listener.local_addr()?;
        let stage = Arc::new(Stage {
            story,
            pace,
            clock: Clock::start(),
        });
        let accepting = tokio::spawn(accept(listener, stage)).abort_handle();
        Ok(Self { address, accepting })
    }

    /// Scheme and authority, `http://127.0.0.1:PORT`: what both routes of the proxy lead to.
    #[must_use]
    pub fn origin(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// What every connection reads.
struct Stage {
    story: Story,
    pace: Pace,
    clock: Clock,
}

impl Stage {
    /// A maker of ids for one exchange.
    fn ids(&self) -> Ids {
        Ids::new(self.clock.now(), 1)
    }
}

type Socket = WebSocketStream<TokioIo<Upgraded>>;
type Body = BoxBody<Bytes, Infallible>;

/// Accepts until aborted; the connections end with it.
async fn accept(listener: TcpListener, stage: Arc<Stage>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                // A connection that is gone before it is accepted is no reason to stop.
                if let Ok((stream, _)) = accepted {
                    connections.spawn(serve(stream, Arc::clone(&stage)));
                }
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

/// Serves one connection, and the socket it may turn into.
async fn serve(stream: TcpStream, stage: Arc<Stage>) {
    let (upgrades, mut sockets) = mpsc::channel(1);
    let service = service_fn(|request| {
        let (stage, upgrades) = (Arc::clone(&stage), upgrades.clone());
        async move { Ok::<_, Infallible>(answer(request, &stage, upgrades).await) }
    });
    // A client that leaves mid-stream (Codex does, after `response.completed`) is not an error.
    let _gone = http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades()
        .await;
    if let Ok(upgrade) = sockets.try_recv() {
        let _gone = converse(upgrade, &stage).await;
    }
}

/// The answer to one request.
async fn answer(
    mut request: Request<Incoming>,
    stage: &Arc<Stage>,
    upgrades: mpsc::Sender<OnUpgrade>,
) -> Response<Body> {
    let path = request.uri().path();
    let response = if path.ends_with("/responses") && request.method() == Method::POST {
        create(request, stage).await
    } else if path.ends_with("/responses") && request.headers().contains_key(header::UPGRADE) {
        upgrade(&mut request, &upgrades, &mut stage.ids())
    } else {
        side_channel(&request, stage)
    };
    response.unwrap_or_else(|error| {
        let mut response = Response::new(whole(error.to_string()));
        *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
        response
    })
}

/// Answers `POST …/responses`.
async fn create(request: Request<Incoming>, stage: &Arc<Stage>) -> Result<Response<Body>, Error> {
    let zstd = request
        .headers()
        .get(header::CONTENT_ENCODING)
        .is_some_and(|it| it == "zstd");
    let body = Limited::new(request.into_body(), BODY_LIMIT)
        .collect()
        .await;
    let body = body
        .map_err(|error| Error::Script(error.to_string()))?
        .to_bytes();
    let body = if zstd {
        Bytes::from(zstd::bulk::decompress(&body, BODY_LIMIT)?)
    } else {
        body
    };
    let request: Value = serde_json::from_slice(&body)?;
    let Some(reply) = stage.story.reply(&request) else {
        return not_found();
    };
    if let Some(refusal) = &reply.refusal {
        return refuse(refusal, stage).await;
    }
    let mut ids = stage.ids();
    let events = events::tell(reply, &request, stage.clock.now(), &mut ids);
    let pace = stage.pace;
    let stream =
        futures_util::stream::iter(events).then(move |Timed { pause, event }| async move {
            pace.pause(pause).await;
            let kind = event["type"].as_str().unwrap_or_default();
            let frame = format!("event: {kind}\ndata: {event}\n\n");
            Ok::<_, Infallible>(Frame::data(Bytes::from(frame)))
        });
    let response = Response::builder()
        .header(header::CONTENT_TYPE, "text/event-stream; charset=utf-8")
        .header(header::CACHE_CONTROL, "no-cache")
        .header("openai-version", "2020-10-01")
        .header("openai-processing-ms", 40 + ids.below(60))
        .header("x-request-id", ids.api("req"))
        .header(
            "openai-model",
            request["model"].as_str().unwrap_or_default(),
        )
        .header("x-codex-turn-state", ids.api("ts"))
        .header("x-codex-primary-used-percent", "34.0")
        .header("x-codex-primary-window-minutes", "300")
        .header("x-codex-secondary-used-percent", "41.0")
        .header("x-codex-secondary-window-minutes", "10080")
        .header("x-reasoning-included", "true");
    Ok(response.body(BodyExt::boxed(StreamBody::new(stream)))?)
}

/// Answers with an error status and its body.
async fn refuse(refusal: &Refusal, stage: &Stage) -> Result<Response<Body>, Error> {
    stage.pace.pause(120).await;
    let error: Value = serde_json::from_str(&refusal.error)?;
    let response = Response::builder()
        .status(refusal.status)
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::RETRY_AFTER, refusal.retry_after)
        .header("x-request-id", stage.ids().api("req"))
        .header("x-codex-primary-used-percent", "100.0")
        .header("x-codex-primary-window-minutes", "300");
    Ok(response.body(whole(json!({"error": error}).to_string()))?)
}

/// Accepts an upgrade under `/v1`, refuses it elsewhere.
fn upgrade(
    request: &mut Request<Incoming>,
    upgrades: &mpsc::Sender<OnUpgrade>,
    ids: &mut Ids,
) -> Result<Response<Body>, Error> {
    let response = Response::builder().header("x-request-id", ids.api("req"));
    let key = request.headers().get(header::SEC_WEBSOCKET_KEY);
    let (Some(key), true) = (key, request.uri().path().starts_with("/v1/")) else {
        let error = json!({"error": {
            "type": "invalid_request_error",
            "code": "websocket_not_available",
            "message": "WebSocket connections are not available for this workspace. Use HTTP.",
            "param": null,
        }});
        return Ok(response
            .status(StatusCode::UPGRADE_REQUIRED)
            .header(header::CONTENT_TYPE, "application/json")
            .body(whole(error.to_string()))?);
    };
    let response = response
        .status(StatusCode::SWITCHING_PROTOCOLS)
        .header(header::CONNECTION, "Upgrade")
        .header(header::UPGRADE, "websocket")
        .header(
            header::SEC_WEBSOCKET_ACCEPT,
            derive_accept_key(key.as_bytes()),
        )
        .header("openai-version", "2020-10-01")
        .body(whole(""))?;
    // The channel has room for the one upgrade that a connection can have.
    let _full = upgrades.try_send(hyper::upgrade::on(request));
    Ok(response)
}

/// Answers everything that is not a model request.
fn side_channel(request: &Request<Incoming>, stage: &Stage) -> Result<Response<Body>, Error> {
    let target = request
        .uri()
        .path_and_query()
        .map_or("", http::uri::PathAndQuery::as_str);
    match stage.story.answer(target) {
        Some(answer) if request.method() == Method::GET => Ok(Response::builder()
            .header(header::CONTENT_TYPE, "application/json")
            .header("x-models-etag", "\"6f1c2a\"")
            .body(whole(answer.to_owned()))?),
        _ => not_found(),
    }
}

fn not_found() -> Result<Response<Body>, Error> {
    Ok(Response::builder()
        .status(StatusCode::NOT_FOUND)
        .header(header::CONTENT_TYPE, "application/json")
        .body(whole(r#"{"detail":"Not Found"}"#))?)
}

/// A body that is there at once.
fn whole(text: impl Into<Bytes>) -> Body {
    BodyExt::boxed(Full::new(text.into()))
}

/// Answers create messages on a socket until the other side leaves.
async fn converse(upgrade: OnUpgrade, stage: &Stage) -> Result<(), Error> {
    let io = TokioIo::new(upgrade.await?);
    let mut socket = WebSocketStream::from_raw_socket(io, Role::Server, None).await;
    while let Some(message) = socket.next().await {
        let Message::Text(text) = message? else {
            continue;
        };
        let request: Value = serde_json::from_str(&text)?;
        if let Some(reply) = stage.story.reply(&request) {
            stream_reply(&mut socket, reply, &request, stage).await?;
        } else {
            let error = json!({"type": "error", "status": 404,
                "error": {"type": "invalid_request_error", "code": "not_found",
                    "message": "The demo has no reply to this.", "param": null}});
            socket.send(Message::text(error.to_string())).await?;
        }
    }
    Ok(())
}

/// Sends one reply's frames, with a ping while the model thinks.
async fn stream_reply(
    socket: &mut Socket,
    reply: &Reply,
    request: &Value,
    stage: &Stage,
) -> Result<(), Error> {
    let mut ids = stage.ids();
    let now = stage.clock.now();
    let events = events::tell(reply, request, now, &mut ids);
    let prewarm = reply.items.is_empty();
    if reply.rate_limits {
        socket
            .send(Message::text(events::rate_limits(now).to_string()))
            .await?;
    }
    if !prewarm {
        let metadata = events::metadata(&ids.api("ts"));
        socket.send(Message::text(metadata.to_string())).await?;
    }
    for (number, Timed { pause, event }) in events.into_iter().enumerate() {
        if number == 1 && !prewarm {
            socket
                .send(Message::Ping(Bytes::from_static(b"still thinking")))
                .await?;
        }
        stage.pace.pause(pause).await;
        socket.send(Message::text(event.to_string())).await?;
    }
    Ok(())
}

/// The largest request body the upstream reads, compressed or not.
const BODY_LIMIT: usize = 4 << 20;
