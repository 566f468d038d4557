//! A request passed to its upstream, and the answer passed back, both at once.
//!
//! Upstream-first: what the upstream says is what the client gets, and when. A response may begin,
//! and end, before the request is through. A client that goes away aborts the upstream, and an
//! upstream that breaks off cuts the client.

use std::future::pending;
use std::io::Cursor;
use std::sync::Arc;
use std::time::Duration;

use http::{StatusCode, Version};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::WriteHalf;

use super::answer::{self, Answer, Broken, Content};
use super::body::{Body, Framing};
use super::client::After;
use super::connector::ConnectError;
use super::forward::Forwarder;
use super::head::{Fault, RequestHead};
use super::hop::{self, Ending, Kept};
use super::http2::{self, Inbound, Sender};
use super::listen::{Stage, reached};
use super::refusal::Refusal;
use super::relay::{Silence, relay};
use super::reply::Reply;
use super::returned::InFlight;
use super::route::Route;
use super::upload::{BeginError, Sink, Stop, Upload};
use super::upstream::{Link, Upstream};
use super::wire::NoHead;
use super::workspace::{self, Ahead};
use crate::tap::{End, Failure, Phase, Side, error_chain};

/// Why there is no answer to pass on.
enum Trouble {
    /// The client is told.
    Refused(Refusal),
    /// The upstream took the request and went away: the client sees that as it would without us.
    Dropped(Failure, After),
    /// The client's doing.
    Stopped(Stop),
    /// The proxy shuts down.
    Cut,
}

impl From<Stop> for Trouble {
    fn from(stop: Stop) -> Self {
        Self::Stopped(stop)
    }
}

impl Forwarder {
    /// Passes a request on to `route`, and the answer to `sink`. `kept`: the connection that the
    /// request before it left.
    pub(super) async fn pass(
        &self,
        route: &Route,
        framing: Framing,
        mut upload: Upload<'_, '_>,
        sink: &mut WriteHalf<'_>,
        kept: &mut Option<Link>,
        mut reply: Reply<'_>,
    ) -> After {
        let used = kept.take().filter(|link| link.origin == *route.origin());
        let head = reply.head;
        upload.is_upgrade = &head.method[..] == b"GET"
            && head.version == Version::HTTP_11
            && framing == Framing::Empty
            && hop::is_websocket(&head.fields);
        let limit = if upload.is_upgrade {
            Some(self.upgrade_timeout)
        } else {
            self.head_timeout
        };
        let asked = tokio::select! {
            asked = self.ask(route, used, head, framing, &mut upload, sink) => asked,
            limit = elapsed(limit) => {
                Err(Trouble::Refused(Refusal::timed_out(route.origin(), limit)))
            }
            () = reached(reply.stage, Stage::Closing) => Err(Trouble::Cut),
        };
        let answer = match asked {
            Ok(answer) if answer.head.status == StatusCode::SWITCHING_PROTOCOLS => {
                if upload.is_upgrade {
                    return switch(answer, upload, sink, reply, self.silence).await;
                }
                Err(Trouble::Refused(Refusal::unasked_upgrade(route.origin())))
            }
            asked => asked,
        };
        match answer {
            Ok(answer) => self.answer(route, answer, upload, sink, kept, reply).await,
            Err(Trouble::Refused(refusal)) => {
                reply.give_up(&mut upload, &refusal).await;
                drop(upload);
                reply.refuse(sink, &refusal).await
            }
            Err(Trouble::Dropped(failure, after)) => {
                reply.exchange.failed(failure);
                after
            }
            Err(Trouble::Stopped(Stop::Malformed(fault))) => {
                reply.persists = false;
                drop(upload);
                let refusal = Refusal::malformed(Fault::bad(fault));
                reply.exchange.failed(refusal.failure());
                reply.refuse(sink, &refusal).await
            }
            Err(Trouble::Stopped(stop)) => stopped(stop, upload, Phase::Head),
            Err(Trouble::Cut) => {
                reply.exchange.cut(Failure::cut(Phase::Head));
                After::Close
            }
        }
    }

    /// Sends the request and waits for the head of the answer.
    async fn ask(
        &self,
        route: &Route,
        mut used: Option<Link>,
        head: &RequestHead,
        framing: Framing,
        upload: &mut Upload<'_, '_>,
        sink: &mut WriteHalf<'_>,
    ) -> Result<Answer, Trouble> {
        loop {
            let is_upgrade = upload.is_upgrade;
            let used = used.take().and_then(Link::if_open);
            let exchange = upload.lane.exchange().clone();
            let open = async {
                if let Some(link) = used {
                    self.upstreams.reuse(route, &exchange);
                    Ok(Upstream::Http1(link))
                } else if is_upgrade {
                    self.upstreams.connect_http1(route, &exchange).await
                } else {
                    self.upstreams.open(route, &exchange).await
                }
            };
            let opened = tokio::select! {
                opened = open => opened,
                stop = upload.watch() => return Err(stop.into()),
            };
            match opened.map_err(|error| unreachable(route, &error))? {
                Upstream::Http1(link) => {
                    let in_flight = &self.in_flight;
                    let asked = ask_http1(link, route, head, in_flight, upload, sink);
                    if let Some(answer) = asked.await? {
                        return Ok(answer);
                    }
                }
                Upstream::Http2(sender) => {
                    return self
                        .ask_http2(sender, route, head, framing, upload, sink)
                        .await;
                }
            }
        }
    }

    /// The same over HTTP/2. hyper gives a request back of which nothing was sent, because its
    /// connection was closing; that one moves to a new connection, once.
    async fn ask_http2(
        &self,
        mut sender: Sender,
        route: &Route,
        head: &RequestHead,
        framing: Framing,
        upload: &mut Upload<'_, '_>,
        sink: &mut WriteHalf<'_>,
    ) -> Result<Answer, Trouble> {
        let request = http2::request(head, route, framing);
        let (request, body) = request.map_err(|error| {
            let word = format!("the request cannot be told in HTTP/2: {error}");
            no_answer(route, &word, word.clone())
        })?;
        upload.begin_http2(body);
        let exchange = upload.lane.exchange().clone();
        let expects = head.fields.lists("expect", "100-continue");
        if expects && upload.is_awaited() && head.version == Version::HTTP_11 {
            // hyper does not pass on what the upstream might say to it.
            let go_on = sink.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await;
            go_on.map_err(|error| Stop::Gone(format!("write: {error}")))?;
        }
        upload.may_question = head.version == Version::HTTP_11;
        let sent = async {
            let mut error = match sender.try_send_request(request).await {
                Ok(response) => return Ok(response),
                Err(error) => error,
            };
            if let Some(request) = error.take_message()
                && let Ok(Upstream::Http2(mut sender)) =
                    self.upstreams.connect(route, &exchange).await
            {
                return sender.send_request(request).await;
            }
            Err(error.into_error())
        };
        let response = tokio::select! {
            biased;
            stop = upload.drive() => return Err(stop.into()),
            response = sent => response,
        };
        let response = response.map_err(|error| {
            let detail = error_chain(&error);
            let word = detail.rsplit(": ").next().unwrap_or_default().to_owned();
            match no_answer(route, &word, detail) {
                // A stream that is reset is to HTTP/2 what a connection is to HTTP/1.1.
                Trouble::Refused(refusal) if !error.is_user() => {
                    Trouble::Dropped(refusal.failure(), After::Reset)
                }
                trouble => trouble,
            }
        })?;
        let is_head = head.is_head();
        let answer = http2::head(&response, is_head, head.version != Version::HTTP_10)
            .and_then(|head| Ok((Framing::of_response(&head, is_head)?, head)));
        let (framing, answer) = answer.map_err(|fault| unanswered(route, fault))?;
        let body = Inbound::new(response.into_body(), framing, upload.is_complete());
        Ok(Answer {
            head: answer,
            version: Version::HTTP_2,
            framing,
            content: Content::Http2(body),
        })
    }

    /// Passes `answer` on, and what is left of the request.
    async fn answer(
        &self,
        route: &Route,
        mut answer: Answer,
        mut upload: Upload<'_, '_>,
        sink: &mut WriteHalf<'_>,
        kept: &mut Option<Link>,
        mut reply: Reply<'_>,
    ) -> After {
        upload.may_question = false;
        if std::mem::replace(&mut upload.is_upgrade, false) {
            upload.lane.complete().await;
        }
        let mut ahead = Ahead::default();
        if self.side_channels && workspace::is_asked(reply.head) {
            tokio::select! {
                biased;
                stop = upload.drive() => return stopped(stop, upload, Phase::Body),
                read = workspace::read(&mut answer) => ahead = read,
                () = reached(reply.stage, Stage::Closing) => {
                    // What was read of it is lost: the rest would pass for the whole.
                    reply.exchange.cut(Failure::cut(Phase::Body));
                    return After::Close;
                }
            }
        }
        let ending = reply.ending(&answer);
        let length = ahead.changed.map(|length| length.to_string());
        let mut fields = Kept::response(&answer.head, ending);
        if length.is_some() {
            fields.add(workspace::mark());
        }
        reply.tell(&answer, &fields);
        if let Some(length) = &length {
            fields.frame(length);
        }
        let head = fields.write(&[&answer.head.line]);
        let sent = tokio::select! {
            biased;
            stop = upload.drive() => return stopped(stop, upload, Phase::Body),
            sent = answer.content.send(head, ahead.pieces, sink, &mut reply.lane) => sent,
            () = reached(reply.stage, Stage::Closing) => Err(Broken::Cut),
        };
        match sent {
            // The client has it all, and may go: nothing is watched while the observer is waited for.
            Ok(()) => reply.lane.complete().await,
            Err(Broken::Client(error)) => {
                reply.exchange.left(Phase::Body, format!("write: {error}"));
                upload.reset.arm();
                return After::Drop;
            }
            Err(Broken::Upstream(_) | Broken::Reset(_)) if upload.passed_fin() => {
                return stopped(Stop::closed(), upload, Phase::Body);
            }
            Err(Broken::Upstream(message)) => {
                reply.lane.failed(Side::Upstream, Phase::Body, message);
                return cut(answer.framing);
            }
            Err(Broken::Cut) => {
                reply.lane.cut(Failure::cut(Phase::Body));
                return cut(answer.framing);
            }
            Err(Broken::Reset(message)) => {
                reply.lane.failed(Side::Upstream, Phase::Body, message);
                return After::Reset;
            }
        }
        let mut has_ended = false;
        if !upload.is_complete() {
            // The answer came early. The upstream may want the rest all the same.
            let sent = tokio::select! {
                sent = upload.send() => sent,
                () = answer.content.ended() => {
                    has_ended = true;
                    // So the client sees the end as it would without us, and may still send.
                    if sink.shutdown().await.is_err() {
                        return After::Drop;
                    }
                    let rest = tokio::time::timeout(LAST_WORDS, upload.send()).await;
                    rest.unwrap_or(Ok(()))
                }
            };
            if sent.is_err() {
                // No failure: a client that has its answer may save itself the rest.
                return After::Close;
            }
        }
        if !upload.is_complete() {
            return After::Close;
        }
        upload.lane.complete().await;
        if has_ended || ending != Ending::Open {
            return After::Close;
        }
        let Content::Http1(source, _) = answer.content else {
            return After::Next;
        };
        // What stands behind the answer belongs to none, and ends the connection.
        match upload.reusable().filter(|_| source.buffer.is_empty()) {
            Some(sink) => {
                *kept = Some(Link {
                    source,
                    sink,
                    reset: upload.reset.clone(),
                    origin: Arc::clone(route.origin()),
                    is_used: true,
                });
                After::Next
            }
            None => After::Close,
        }
    }
}

/// Sends the request over HTTP/1.1 and waits for the head of the answer. `None`: the connection had
/// been closed while it was kept, and nothing of the request was accepted.
async fn ask_http1(
    link: Link,
    route: &Route,
    head: &RequestHead,
    in_flight: &InFlight,
    upload: &mut Upload<'_, '_>,
    sink: &mut WriteHalf<'_>,
) -> Result<Option<Answer>, Trouble> {
    let mut source = link.source;
    let mut target = route.target(head.path_and_query());
    if head.authority().is_some() {
        // RFC 9112 §3.2.2: in absolute form it names the upstream, like Host.
        target.splice(0..0, route.origin().bytes());
    }
    // The version stays the client's, because the framing of the answer depends on it.
    let version: &[u8] = match head.version {
        Version::HTTP_10 => b" HTTP/1.0\r\n",
        _ => b" HTTP/1.1\r\n",
    };
    let kept = Kept::request(head, route.host(), upload.is_upgrade);
    let text = kept.write(&[&head.method, b" ", &target, version]);
    let _sent = in_flight.enter(text.clone());
    match upload.begin(link.sink, link.reset, text).await {
        Ok(()) => {}
        Err(BeginError::Stop(stop)) => return Err(stop.into()),
        Err(BeginError::Refused(_)) if link.is_used => return Ok(None),
        // What it says to that may still be read.
        Err(BeginError::Refused(error)) => upload.fault = Some(error),
    }
    let answered = tokio::select! {
        biased;
        stop = upload.drive() => return Err(stop.into()),
        answered = answer::head(&mut source, sink, head.version) => answered,
    };
    let answered = answered.map_err(|error| Stop::Gone(format!("write: {error}")))?;
    if answered.is_err() && upload.passed_fin() {
        // Both sides have done with it: the client is told what the upstream said, nothing.
        return Err(Stop::closed().into());
    }
    let answer = answered.map_err(|none| {
        let unsent = upload.fault.as_ref();
        let refusal = Refusal::unanswered(route.origin(), &none, unsent);
        match none {
            NoHead::Closed => Trouble::Dropped(refusal.failure(), After::Close),
            NoHead::Failed(_) => Trouble::Dropped(refusal.failure(), After::Reset),
            NoHead::Refused(_) => Trouble::Refused(refusal),
        }
    })?;
    let framing = Framing::of_response(&answer, head.is_head());
    let framing = framing.map_err(|fault| unanswered(route, fault))?;
    Ok(Some(Answer {
        version: answer.version,
        head: answer,
        framing,
        content: Content::Http1(source, Body::new(framing)),
    }))
}

/// Passes a 101 on, and from there all bytes both ways.
async fn switch(
    answer: Answer,
    upload: Upload<'_, '_>,
    sink: &mut WriteHalf<'_>,
    reply: Reply<'_>,
    silence: Silence,
) -> After {
    let (client, out, Sink::Http1(upstream_sink), reset) = upload.into_parts() else {
        return After::Drop;
    };
    let kept = Kept::response(&answer.head, Ending::Open);
    reply.tell(&answer, &kept);
    reply.exchange.upgraded();
    reply.lane.before(None);
    if let Err(error) = sink.write_all(&kept.write(&[&answer.head.line])).await {
        reply.exchange.left(Phase::Head, format!("write: {error}"));
        return After::Drop;
    }
    let Content::Http1(upstream, _) = answer.content else {
        return After::Drop;
    };
    // What was read behind the heads belongs to the new protocol.
    let ahead = Cursor::new(client.buffer.split().freeze());
    let mut near = tokio::io::join(ahead.chain(&mut client.read), sink);
    let ahead = Cursor::new(upstream.buffer.freeze());
    let mut far = tokio::io::join(ahead.chain(upstream.read), upstream_sink);
    // Lent, so that they end as they should and not with the relay.
    let closing = reached(reply.stage, Stage::Closing);
    match relay(&mut near, &mut far, out, reply.lane, silence, closing).await {
        End::Complete => After::Drop,
        End::Aborted => {
            reset.arm();
            After::Reset
        }
    }
}

/// How a client is told that its response is not whole.
fn cut(framing: Framing) -> After {
    match framing {
        // Nothing else would say that this is not the end.
        Framing::Close => After::Reset,
        Framing::Empty | Framing::Length(_) | Framing::Chunked => After::Close,
    }
}

/// Ends an exchange that the client broke off, during `phase`, or broke.
fn stopped(stop: Stop, mut upload: Upload<'_, '_>, phase: Phase) -> After {
    match stop {
        Stop::Gone(message) => {
            upload.lane.exchange().left(phase, message);
            After::Drop
        }
        Stop::Cut(message) => {
            upload.lane.failed(Side::Client, Phase::Request, message);
            After::Drop
        }
        Stop::Malformed(fault) => {
            let message = fault.to_owned();
            upload.lane.failed(Side::Client, Phase::Request, message);
            After::Close
        }
    }
}

fn unreachable(route: &Route, error: &ConnectError) -> Trouble {
    Trouble::Refused(Refusal::unreachable(route.origin(), error))
}

fn unanswered(route: &Route, fault: Fault) -> Trouble {
    let none = NoHead::Refused(fault);
    Trouble::Refused(Refusal::unanswered(route.origin(), &none, None))
}

fn no_answer(route: &Route, word: &str, detail: String) -> Trouble {
    Trouble::Refused(Refusal::no_response(
        route.origin(),
        Phase::Head,
        word,
        detail,
    ))
}

/// Waits until `limit` is over and gives it; for ever when there is none.
async fn elapsed(limit: Option<Duration>) -> Duration {
    match limit {
        Some(limit) => {
            tokio::time::sleep(limit).await;
            limit
        }
        None => pending().await,
    }
}

/// How long a request may go on to an upstream that has answered it and sent a FIN.
const LAST_WORDS: Duration = Duration::from_secs(30);
