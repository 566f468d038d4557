//! Credentials that came in pieces, each in a delta of its own: no piece shows what it is part of, and so none was
//! masked as it came. Once a flow is over its deltas are joined and looked at as the texts that they make.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;

use super::{Flow, Op};
use crate::responses::{Delta, EventKind, ItemKind, Target, Turn};
use crate::tap::{Direction, Redactor};

/// A text, and the pieces that it came in.
#[derive(Default)]
struct Joined {
    text: String,
    /// The frame that each came in, and where it is in the text.
    pieces: Vec<(usize, Range<usize>)>,
}

impl Flow {
    /// The flow with the credentials masked that came in pieces; `None` if there are none. The mark stands where
    /// the first piece did. Pieces are looked for in the frames that are in memory.
    #[must_use]
    pub fn without_pieces(&self, redactor: &Redactor) -> Option<Self> {
        let turn = self.turn.as_ref().filter(|_| redactor.is_active())?;
        // What was masked as a whole by the end of its text may have come in pieces before.
        let may_have =
            |text: &str| Redactor::has_mark(text) || matches!(redactor.json(text), Cow::Owned(_));
        if !texts(turn).any(may_have) {
            return None;
        }
        let mut texts: BTreeMap<Target, Joined> = BTreeMap::new();
        for (number, frame) in self.frames.iter().enumerate() {
            let is_delta = frame.event.is_some_and(EventKind::is_delta);
            if frame.dir == Direction::In
                && is_delta
                && let Some(delta) = self.event_text(number).and_then(|json| Delta::of(&json))
            {
                let joined = texts.entry(delta.target).or_default();
                let start = joined.text.len();
                joined.text.push_str(&delta.text);
                joined.pieces.push((number, start..joined.text.len()));
            }
        }
        let mut masked = BTreeMap::new();
        for joined in texts.values() {
            if let Cow::Owned(text) = redactor.json(&joined.text) {
                masked.extend(joined.masked(&text));
            }
        }
        if masked.is_empty() {
            return None;
        }
        let mut flow = self.clone();
        flow.rewrite(Direction::In, |number, bytes| {
            let piece = number.and_then(|number| masked.get(&number));
            let written = piece.zip(number).and_then(|(piece, number)| {
                let json = self.event_text(number)?;
                let new = Delta::of(&json)?.replaced(&json, piece);
                let frame = std::str::from_utf8(bytes).ok()?;
                Some(with_data(frame, &json, &new).into_bytes())
            });
            written.unwrap_or_else(|| bytes.to_vec())
        });
        // What was decoded quotes the text as it was.
        flow.turn = None;
        flow.replay();
        Some(flow)
    }

    /// Writes the bytes of one direction anew, frame by frame, and what stands in no frame as it is between them.
    /// Of what is not in memory nothing changes.
    pub fn rewrite(
        &mut self,
        dir: Direction,
        mut write: impl FnMut(Option<usize>, &[u8]) -> Vec<u8>,
    ) {
        let old = match dir {
            Direction::Out => self.request.body.bytes(),
            Direction::In => self.response.body.bytes(),
        };
        let mut new = Vec::with_capacity(old.len());
        let (mut done, mut spans) = (0, Vec::new());
        for (number, frame) in self.frames.iter().enumerate() {
            let (start, end) = (frame.span.start, frame.span.end);
            if frame.dir != dir || frame.op == Op::Gap || start < done || end > old.len() {
                continue;
            }
            new.extend(write(None, &old[done..start]));
            let begin = new.len();
            new.extend(write(Some(number), &old[start..end]));
            spans.push((number, begin..new.len()));
            done = end;
        }
        new.extend(write(None, &old[done..]));
        let (before, after) = (old.len(), new.len());
        super::http::body(self, dir).fill(new);
        let mut spans = spans.into_iter().peekable();
        for (number, frame) in self.frames.iter_mut().enumerate() {
            if let Some((_, span)) = spans.next_if(|(written, _)| *written == number) {
                frame.span = span;
            } else if frame.dir == dir && frame.span.start >= before {
                // Behind what is in memory.
                let len = frame.span.len();
                frame.span.start = frame.span.start - before + after;
                frame.span.end = frame.span.start + len;
            }
        }
    }
}

impl Joined {
    /// The pieces that change where the text is to read `masked`: what is between the first and the last
    /// difference stands in the first piece that has some of it.
    fn masked(&self, masked: &str) -> Vec<(usize, String)> {
        let text = &self.text;
        let same = |(a, b): &(char, char)| a == b;
        let len = |pairs: &mut dyn Iterator<Item = (char, char)>| -> usize {
            pairs.take_while(same).map(|(c, _)| c.len_utf8()).sum()
        };
        let first = len(&mut text.chars().zip(masked.chars()));
        let (old, new) = (&text[first..], &masked[first..]);
        let after = len(&mut old.chars().rev().zip(new.chars().rev()));
        let (last, mask) = (text.len() - after, &new[..new.len() - after]);
        let mut changed = Vec::new();
        for (frame, piece) in &self.pieces {
            if piece.end <= first || piece.start >= last {
                continue;
            }
            let before = &text[piece.start..piece.end.min(first).max(piece.start)];
            let mask = if piece.start <= first { mask } else { "" };
            let after = &text[last.clamp(piece.start, piece.end)..piece.end];
            changed.push((*frame, [before, mask, after].concat()));
        }
        changed
    }
}

/// The texts of a turn.
fn texts(turn: &Turn) -> impl Iterator<Item = &str> {
    turn.items.iter().flat_map(|item| {
        let (parts, more): (&[_], &[_]) = match &item.kind {
            ItemKind::Message { parts, .. } => (parts, &[]),
            ItemKind::Reasoning {
                summary, content, ..
            } => (summary, content),
            _ => (&[], &[]),
        };
        let input = match &item.kind {
            ItemKind::Call(call) => Some(call.input.as_str()),
            _ => None,
        };
        let parts = parts.iter().chain(more).map(|part| part.text.as_str());
        parts.chain(input)
    })
}

/// The bytes of a frame with other data: a message, or an event of a stream, whose data may take several lines.
fn with_data(frame: &str, old: &str, new: &str) -> String {
    if frame.contains(old) {
        return frame.replacen(old, new, 1);
    }
    let others = frame.lines().filter(|line| !line.starts_with("data"));
    let lines: Vec<&str> = others.filter(|line| !line.is_empty()).collect();
    let data = format!("data: {new}\n\n");
    lines
        .into_iter()
        .map(|line| format!("{line}\n"))
        .chain([data])
        .collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::flow::{FlowId, FlowKind, Frame};
    use crate::tap::{At, RequestHead};

    const KEY: &str = "sk-proj-Ab3_dE5-gH7iJ9kL";

    /// A turn on a WebSocket with these messages from the upstream.
    fn turn(messages: &[String]) -> Flow {
        let mut flow = Flow::new("f".into(), String::new(), Arc::from(""), At::default());
        flow.kind = FlowKind::WsTurn {
            connection: FlowId(0),
            number: 1,
        };
        flow.request.head = Some(RequestHead {
            method: "GET".into(),
            target: "/v1/responses".into(),
            version: http::Version::HTTP_11,
            fields: Vec::new(),
        });
        for text in messages {
            let span = flow.response.body.push(text.as_bytes());
            flow.frames.push(Frame {
                at: At::default(),
                dir: Direction::In,
                op: Op::Text,
                wire: 0,
                len: 0,
                span,
                is_compressed: false,
                is_final: true,
                event: None,
                ordinal: None,
                fault: None,
            });
        }
        flow.replay();
        flow
    }

    fn delta(name: &str, index: usize, piece: &str) -> String {
        let piece = serde_json_string(piece);
        format!(r#"{{"type":"response.{name}.delta","output_index":{index},"delta":{piece}}}"#)
    }

    fn serde_json_string(text: &str) -> String {
        format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
    }

    #[test]
    fn a_key_in_pieces_is_masked_in_the_text_and_in_the_frames() {
        let redactor = Redactor::new();
        for cut in 1..KEY.len() {
            let (a, b) = KEY.split_at(cut);
            let (b, c) = b.split_at(b.len() / 2);
            let texts = ["see ", a, b, &format!("{c} é, "), "all"];
            let mut messages: Vec<String> = texts
                .iter()
                .map(|text| delta("output_text", 0, text))
                .collect();
            messages.insert(2, delta("reasoning_summary_text", 1, "aside"));
            let masked = turn(&messages).without_pieces(&redactor).unwrap();
            let text = masked.turn.as_ref().unwrap().output_text();
            assert_eq!(text, format!("see {} é, all", redactor.mark(KEY)));
            let body = masked.response.body.text().unwrap();
            assert!(!body.contains(&KEY[8..12]) || cut < 4, "{body}");
            assert_eq!(masked.frames.len(), 6);
            assert_eq!(
                masked.frame_bytes(&masked.frames[2]),
                messages[2].as_bytes()
            );
            assert!(masked.without_pieces(&redactor).is_none());
        }
    }

    #[test]
    fn a_member_of_arguments_in_pieces_is_masked() {
        let redactor = Redactor::new();
        let pieces = ["{\"pass", "word\": \"hun", "ter", "2\", \"n\": 1}"];
        let name = "function_call_arguments";
        let messages = pieces.map(|piece| delta(name, 0, piece));
        let masked = turn(&messages).without_pieces(&redactor).unwrap();
        let expected = format!(
            "{{\"password\": \"{}\", \"n\": 1}}",
            redactor.mark("hunter2")
        );
        let turn = masked.turn.as_ref().unwrap();
        assert_eq!(turn.calls().next().unwrap().input, expected);
        let body = masked.response.body.text().unwrap();
        assert!(!body.contains("hun") && !body.contains("ter\""), "{body}");
    }

    #[test]
    fn an_event_with_other_data_keeps_its_other_lines() {
        for (frame, expected) in [
            ("event: x\ndata: {}\n\n", "event: x\ndata: {1}\n\n"),
            ("event: x\ndata: {\ndata: }\n\n", "event: x\ndata: {1}\n\n"),
            ("{}", "{1}"),
        ] {
            assert_eq!(with_data(frame, "{}", "{1}"), expected);
        }
    }

    #[test]
    fn what_has_no_secret_is_left_alone() {
        let redactor = Redactor::new();
        let messages = ["task-", "0123456789abcdef"].map(|piece| delta("output_text", 0, piece));
        assert!(turn(&messages).without_pieces(&redactor).is_none());
        let messages = [KEY, "x"].map(|piece| delta("output_text", 0, piece));
        assert!(turn(&messages).without_pieces(&Redactor::off()).is_none());
    }
}
