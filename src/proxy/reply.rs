//! The client's half of an exchange: telling and writing what it is answered.

use http::{StatusCode, Version};
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::sync::watch;

use super::answer::Answer;
use super::body::Framing;
use super::client::After;
use super::head::RequestHead;
use super::hop::{Ending, Kept, closes};
use super::listen::Stage;
use super::refusal::Refusal;
use super::upload::Upload;
use crate::tap::{End, Exchange, Lane, Phase};

/// What an answer needs to know of its request.
pub(super) struct Reply<'a> {
    pub(super) head: &'a RequestHead,
    pub(super) exchange: Exchange,
    /// The direction of the answer.
    pub(super) lane: Lane,
    /// Whether the client's connection may go on behind the answer.
    pub(super) persists: bool,
    /// How far the proxy's shutdown is.
    pub(super) stage: &'a mut watch::Receiver<Stage>,
}

impl Reply<'_> {
    /// What becomes of the client's connection behind `answer`.
    pub(super) fn ending(&self, answer: &Answer) -> Ending {
        let is_told = answer.framing == Framing::Close
            || answer.head.version == Version::HTTP_10
            || self.head.version == Version::HTTP_10
            || closes(&answer.head.fields)
            // The upstream was told so, too, and says what it has to say.
            || (closes(&self.head.fields) && answer.version != Version::HTTP_2);
        match self.persists {
            _ if is_told => Ending::Told,
            true => Ending::Open,
            false => Ending::Said,
        }
    }

    /// Tells the head of `answer` as the client gets it.
    pub(super) fn tell(&self, answer: &Answer, kept: &Kept<'_>) {
        let status = answer.head.status.as_u16();
        self.exchange.response(status, answer.version, kept.iter());
    }

    /// Tells why a request will not be passed on, and reads what is left of it.
    pub(super) async fn give_up(&mut self, upload: &mut Upload<'_, '_>, refusal: &Refusal) {
        self.exchange.failed(refusal.failure());
        // Who waits for 100 Continue sends nothing before it has an answer.
        let waits = self.head.fields.lists("expect", "100-continue") && upload.is_awaited();
        if waits || !upload.drain().await {
            self.persists = false;
        }
    }

    /// Answers in the proxy's own words; told as the response that it is.
    pub(super) async fn refuse<W: AsyncWrite + Unpin>(
        mut self,
        sink: &mut W,
        refusal: &Refusal,
    ) -> After {
        let status = refusal.status();
        let mut body = refusal.body();
        let length = body.len().to_string();
        let mut fields = vec![
            ("content-type", "application/json"),
            ("content-length", &length[..]),
        ];
        if status == StatusCode::METHOD_NOT_ALLOWED {
            // RFC 9110 §15.5.6: it says what is allowed.
            fields.push(("allow", "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"));
        }
        if status == StatusCode::UNAUTHORIZED {
            // RFC 9110 §15.5.2: it says what would do.
            fields.push(("www-authenticate", "Codextap-Token"));
        }
        if !self.persists {
            fields.push(("connection", "close"));
        }
        let mut text = format!(
            "HTTP/1.1 {} {}\r\n",
            status.as_str(),
            status.canonical_reason().unwrap_or_default()
        );
        for (name, value) in &fields {
            text.extend([name, ": ", value, "\r\n"]);
        }
        text.push_str("\r\n");
        let lines = fields.iter().map(|(name, value)| (*name, value.as_bytes()));
        self.exchange
            .response(status.as_u16(), Version::HTTP_11, lines);
        if self.head.is_head() {
            body.clear();
        }
        self.lane.before([&body]);
        let written = sink.write_all(&[text.as_bytes(), &body[..]].concat()).await;
        if let Err(error) = written {
            self.exchange.left(Phase::Body, format!("write: {error}"));
            return After::Drop;
        }
        self.lane.data(&body);
        self.lane.end(End::Complete);
        if self.persists {
            After::Next
        } else {
            After::Close
        }
    }
}
