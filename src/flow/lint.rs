//! What is wrong with an exchange as a whole, in plain words, beside what is wrong within its stream.
//!
//! Derived from what the flow holds whenever it is asked for, and so the same live and re-opened.

use std::borrow::Cow;
use std::time::Duration;

use super::{Channel, Flow, FlowKind, Op};
use crate::responses::{ParseError, Status};
use crate::tap::{CHANGED, Direction, Side, field};

impl Flow {
    /// What is wrong with the exchange, then with the response's events, each in one line.
    #[must_use]
    pub fn lints(&self) -> Vec<Cow<'_, str>> {
        let whole = [
            self.changed(),
            self.wrong_body(),
            self.half_closed(),
            self.binary_message(),
            self.ignored_error(),
            self.only_comments(),
            self.lost(),
        ];
        let within = self.turn.iter().flat_map(|turn| &turn.lints);
        whole
            .into_iter()
            .flatten()
            .chain(within.map(|lint| lint.as_str().into()))
            .collect()
    }

    /// A body that Codex got otherwise than it stands here.
    fn changed(&self) -> Option<Cow<'_, str>> {
        let head = self.response.head.as_ref()?;
        let what = field(&head.fields, CHANGED)?;
        Some(format!("codextap changed this on the way to Codex: {what} (--side-channels)").into())
    }

    /// A body in another format than Codex reads.
    fn wrong_body(&self) -> Option<Cow<'_, str>> {
        let head = self.response.head.as_ref()?;
        if matches!(self.channel, Channel::Other) || matches!(head.status, 101 | 204 | 304) {
            return None;
        }
        let kind = field(&head.fields, "content-type").unwrap_or_default();
        let is_ok = (200..300).contains(&head.status);
        // A compaction over HTTP is answered with one body.
        let is_model = self.channel == Channel::Model && self.turn.is_some();
        let is_stream_due = is_model && self.kind == FlowKind::Http && is_ok;
        let due = if is_stream_due {
            "an event stream"
        } else {
            "JSON"
        };
        let text = self.response.body.text().unwrap_or_default();
        if kind.trim_start().starts_with("text/html") || is_page(text) {
            let title = title(text).map(|title| format!(" (“{title}”)"));
            let is_cloudflare = field(&head.fields, "cf-ray").is_some()
                || field(&head.fields, "server").is_some_and(|by| by == "cloudflare");
            let by = if is_cloudflare {
                " from Cloudflare"
            } else {
                ""
            };
            let title = title.unwrap_or_default();
            return Some(format!("an HTML page{by}{title} came where {due} was due").into());
        }
        if is_stream_due && !self.is_event_stream() && self.ended.is_some() {
            return Some(
                "one body came where an event stream was due: Codex takes the stream for lost \
                 and sends the request again"
                    .into(),
            );
        }
        let is_json = kind.trim_start().starts_with("application/json");
        let is_whole = self.response.body.is_complete && !text.is_empty();
        let error = (is_json && is_whole && text.len() <= MOST_CHECKED)
            .then(|| ParseError::of(text))
            .flatten()?;
        Some(error.to_string().into())
    }

    /// A socket of which one side has said its last.
    fn half_closed(&self) -> Option<Cow<'_, str>> {
        let close = self.close.as_ref().filter(|_| self.is_live())?;
        let (who, other) = match close.dir {
            Direction::Out => ("Codex", "the upstream"),
            Direction::In => ("the upstream", "Codex"),
        };
        let how = if close.is_framed {
            "sent a close frame"
        } else {
            "ended its side without a close frame"
        };
        Some(format!("half-closed: {who} {how}, and {other} has not yet").into())
    }

    /// A message that Codex does not take on a model's socket.
    fn binary_message(&self) -> Option<Cow<'_, str>> {
        let is_socket = self.channel == Channel::Model && self.kind != FlowKind::Http;
        let is_binary = is_socket
            && self
                .frames
                .iter()
                .any(|frame| frame.op == Op::Binary && frame.dir == Direction::In);
        is_binary.then(|| "a binary message came: Codex ends the connection over it".into())
    }

    /// An `error` event where Codex only knows `response.failed`.
    fn ignored_error(&self) -> Option<Cow<'_, str>> {
        let turn = self.turn.as_ref()?;
        let is_ignored = self.kind == FlowKind::Http && turn.status == Status::Error;
        is_ignored.then(|| {
            "Codex ignores an error event over HTTP: only response.failed tells it why".into()
        })
    }

    /// A stream that is kept alive by what does not keep it alive for Codex.
    fn only_comments(&self) -> Option<Cow<'_, str>> {
        self.turn.as_ref()?;
        let mut last = self.response.head_at?;
        for frame in &self.frames {
            match frame.op {
                Op::Event => last = frame.at,
                Op::Comment if frame.at.since(last) >= IDLE => {
                    let seconds = frame.at.since(last).as_secs();
                    return Some(
                        format!(
                            "{seconds} s of comments alone: they do not reset Codex's idle timer"
                        )
                        .into(),
                    );
                }
                _ => {}
            }
        }
        None
    }

    /// A response without its end that Codex did not leave itself.
    fn lost(&self) -> Option<Cow<'_, str>> {
        let turn = self.turn.as_ref()?;
        let has_left = self.failures.iter().any(|it| it.side == Side::Client)
            || self
                .close
                .as_ref()
                .is_some_and(|it| it.dir == Direction::Out);
        let is_stream = self.kind != FlowKind::Http || self.is_event_stream();
        (turn.status == Status::Lost && is_stream && !has_left).then(|| {
            "no terminal event came: Codex takes the stream for lost and sends the request again"
                .into()
        })
    }
}

/// Whether a text begins as an HTML page does.
fn is_page(text: &str) -> bool {
    let start: String = text.trim_start().chars().take(15).collect();
    let start = start.to_ascii_lowercase();
    ["<!doctype html", "<html"]
        .iter()
        .any(|tag| start.starts_with(tag))
}

/// The title of an HTML page, short.
fn title(page: &str) -> Option<String> {
    let (_, rest) = page.split_once("<title>")?;
    let (title, _) = rest.split_once("</title>")?;
    let title: Vec<&str> = title.split_whitespace().collect();
    Some(title.join(" ").chars().take(TITLE).collect())
}

/// Characters of a page's title.
const TITLE: usize = 80;

/// How long a body is checked for being JSON, in bytes.
const MOST_CHECKED: usize = 4 << 20;

/// After how much silence Codex gives a stream up (its `stream_idle_timeout_ms`).
const IDLE: Duration = Duration::from_secs(300);
