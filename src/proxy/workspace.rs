//! The one answer that is changed on its way to Codex, and only where side channels come here
//! (`Config::side_channels`).
//!
//! Before its first model request a Codex with a ChatGPT login asks `GET …/wham/accounts/check`
//! which back end its workspace is bound to (`workspace_backend_origin`). `NO_CONSTRAINT` stands for
//! the origin of its `chatgpt_base_url`, and a Codex that was given one over plain http takes that
//! for an attack and asks no model at all. So it is told the origin that it would have without
//! codextap. Nothing else is touched: an answer without that word, one that is coded, and one too
//! long or too slow to be it pass as they came. The tap is told the answer as it came, with a field that says
//! what was changed ([`CHANGED`]).

use std::collections::VecDeque;
use std::time::Duration;

use http::StatusCode;
use memchr::memmem;

use super::answer::{Answer, Broken, Content};
use super::body::{Framing, Piece};
use super::head::RequestHead;
use crate::tap::CHANGED;

/// The beginning of an answer that was read ahead.
#[derive(Default, Debug)]
pub(super) struct Ahead {
    /// Its parts, to be sent first, and what broke it behind them.
    pub(super) pieces: VecDeque<Result<Piece, Broken>>,
    /// The length of the body if it was changed; it is whole then, and one part.
    pub(super) changed: Option<usize>,
}

/// Whether a request asks for the answer that may be changed.
pub(super) fn is_asked(head: &RequestHead) -> bool {
    &head.method[..] == b"GET" && head.path().ends_with(PATH)
}

/// Reads the body of `answer` ahead and changes what must be. Dropping the future loses what was read.
pub(super) async fn read(answer: &mut Answer) -> Ahead {
    let fields = &answer.head.fields;
    let is_plain = fields.all("content-encoding").next().is_none();
    let is_short = !matches!(answer.framing, Framing::Length(len) if len > LONGEST as u64);
    let mut ahead = Ahead::default();
    if answer.head.status == StatusCode::OK && is_plain && is_short {
        let body = whole(&mut answer.content, &mut ahead.pieces);
        let body = tokio::time::timeout(SLOWEST, body).await.ok().flatten();
        if let Some((changed, body)) = body.and_then(|body| Some((changed(&body)?, body))) {
            ahead.changed = Some(changed.len());
            // What is forwarded is not what the tap is told.
            ahead.pieces = [Ok(Piece {
                wire: changed.into(),
                payload: vec![body.into()],
                trailers: None,
            })]
            .into();
        }
    }
    ahead
}

/// The field that says what was changed.
pub(super) fn mark() -> (&'static str, &'static [u8]) {
    (CHANGED, b"workspace_backend_origin=https://chatgpt.com")
}

/// The body, if it ends in good order before it is too long; `pieces` are its parts so far.
async fn whole(
    content: &mut Content,
    pieces: &mut VecDeque<Result<Piece, Broken>>,
) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    while body.len() <= LONGEST {
        let piece = content.next().await.transpose();
        let Some(piece) = piece else {
            return Some(body);
        };
        if let Ok(piece) = &piece {
            for part in &piece.payload {
                body.extend_from_slice(part);
            }
        }
        let is_broken = piece.is_err();
        // What broke it may not show a second time.
        pieces.push_back(piece);
        if is_broken {
            return None;
        }
    }
    None
}

/// `body` with the origin in place of the word, wherever that is the member's value; `None` if it is
/// nowhere. A quotation mark within a string of JSON has a backslash in front, so what looks like the
/// member is it.
fn changed(body: &[u8]) -> Option<Vec<u8>> {
    let mut changed = Vec::with_capacity(body.len() + 64);
    let mut rest = body;
    while let Some(at) = memmem::find(rest, MEMBER) {
        let (before, behind) = rest.split_at(at + MEMBER.len());
        changed.extend_from_slice(before);
        rest = behind;
        let value = behind.trim_ascii_start().strip_prefix(b":");
        let value = value.map(<[u8]>::trim_ascii_start);
        if let Some(behind) = value.and_then(|value| value.strip_prefix(WORD)) {
            changed.extend_from_slice(b":");
            changed.extend_from_slice(ORIGIN);
            rest = behind;
        }
    }
    changed.extend_from_slice(rest);
    (changed != body).then_some(changed)
}

const PATH: &[u8] = b"/wham/accounts/check";
const MEMBER: &[u8] = b"\"workspace_backend_origin\"";
const WORD: &[u8] = b"\"NO_CONSTRAINT\"";
const ORIGIN: &[u8] = b"\"https://chatgpt.com\"";

/// Beyond this many bytes an answer is not read ahead. Those that were seen have less than 1 KiB.
const LONGEST: usize = 1 << 20;

/// How long the end of an answer is waited for before what came of it is passed on.
const SLOWEST: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_word_in_its_own_place_is_changed() {
        let change = |text: &str| changed(text.as_bytes()).map(|it| String::from_utf8(it).unwrap());
        let account = |origin: &str| {
            format!(
                r#"{{"id":"a","workspace_backend_origin":{origin},"account_routing_override":"NO_CONSTRAINT"}}"#
            )
        };
        let (before, after) = (
            account(r#""NO_CONSTRAINT""#),
            account(r#""https://chatgpt.com""#),
        );
        assert_eq!(change(&before), Some(after.clone()));
        let pair = |one: &str, two: &str| format!(r#"{{"accounts":[{one},{two}]}}"#);
        let other = account(r#""https://us.chatgpt.com""#);
        assert_eq!(change(&pair(&before, &before)), Some(pair(&after, &after)));
        assert_eq!(change(&pair(&other, &before)), Some(pair(&other, &after)));
        assert_eq!(
            change("{\"workspace_backend_origin\" :\n \"NO_CONSTRAINT\" }").as_deref(),
            Some("{\"workspace_backend_origin\":\"https://chatgpt.com\" }")
        );
        for text in [
            other.as_str(),
            &account("null"),
            r#"{"workspace_backend_origin":"#,
            r#"{"name":"\"workspace_backend_origin\":\"NO_CONSTRAINT\""}"#,
            r#"{"account_routing_override":"NO_CONSTRAINT"}"#,
            "",
        ] {
            assert_eq!(change(text), None, "{text}");
        }
    }
}
