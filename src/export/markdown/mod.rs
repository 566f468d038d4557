//! Flows as a log to be read: one section each, what was said before named and not said again.
//!
//! Foreign text stands in code blocks, code spans or escaped, so that it is read as text by whatever shows the
//! log. Long texts are cut, and say by how much: the capture has them whole.

mod digest;
mod request;
mod response;
pub(super) mod text;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

pub use digest::Digest;
use digest::hash;
use text::{END_OF_DETAILS, code, details, duration, fence, inline};

use super::Format;
use super::time::rfc3339;
use crate::flow::{Body, Flow, FlowId, FlowKind, State, Summary};
use crate::responses::Failure;
use crate::tap::Field;
use crate::text::count;

/// Writes the log.
#[derive(Default, Debug)]
pub struct Markdown {
    /// The section that was written last, from 1.
    number: u32,
    /// The section of each flow, and what it is about, as Markdown.
    sections: HashMap<FlowId, (u32, Box<str>)>,
    /// The section in which each thing stood first, by its mark.
    seen: HashMap<u64, u32>,
    /// What stood in each thread, by marks of both.
    said: HashSet<u64>,
    /// Head fields as they were last, by what they may be held against, with their section.
    heads: HashMap<u64, Arc<Head>>,
}

/// Head fields that stood in a section.
#[derive(Debug)]
struct Head {
    section: u32,
    fields: Vec<(String, String)>,
}

impl Format for Markdown {
    fn push(&mut self, flow: Flow, out: &mut Vec<u8>) {
        self.add(&Digest::of(flow, None), out);
    }
}

impl Markdown {
    /// Adds a flow whose digest is made already.
    pub fn add(&mut self, digest: &Digest, out: &mut Vec<u8>) {
        self.number += 1;
        let mut section = String::new();
        let flow = &digest.flow;
        self.title(flow, &mut section);
        problems(flow, &mut section);
        if let Some(request) = &digest.request {
            self.request(flow, request, &digest.input, &mut section);
        } else if flow.kind == FlowKind::Http {
            self.body("Request body", &flow.request.body, &mut section);
        }
        match &flow.turn {
            Some(turn) => self.response(flow, turn, &digest.output, &mut section),
            None if flow.kind == FlowKind::Ws => connection(flow, &mut section),
            None => {}
        }
        if flow.turn.as_ref().is_none_or(|turn| turn.events == 0)
            && (flow.kind == FlowKind::Http || flow.is_refused_upgrade())
        {
            self.body("Response body", &flow.response.body, &mut section);
        }
        // A turn's heads are those of its connection.
        if !matches!(flow.kind, FlowKind::WsTurn { .. }) {
            self.heads(flow, &mut section);
        }
        out.extend_from_slice(section.as_bytes());
    }

    /// A link to the section that tells of a flow, and what that is about; empty if none does.
    pub(super) fn link(&self, flow: FlowId) -> String {
        match self.sections.get(&flow) {
            Some((number, about)) => format!("[{number}](#{ANCHOR}{number}) {about}"),
            None => String::new(),
        }
    }

    /// The number of the section that tells of a flow.
    pub(super) fn section(&self, flow: FlowId) -> Option<u32> {
        self.sections.get(&flow).map(|(number, _)| *number)
    }

    /// The section in which the thing with this mark stood first, unless that is this one.
    fn seen(&mut self, mark: u64) -> Option<u32> {
        let first = *self.seen.entry(mark).or_insert(self.number);
        (first != self.number).then_some(first)
    }

    /// Whether the thing with this mark is new in the thread of `flow`.
    fn is_new(&mut self, flow: &Flow, mark: u64) -> bool {
        let identity = &flow.identity;
        let [session, thread] =
            [&identity.session, &identity.thread].map(|id| id.as_deref().unwrap_or_default());
        self.said
            .insert(hash(&[session, thread, &mark.to_string()]))
    }

    fn title(&mut self, flow: &Flow, out: &mut String) {
        let what = match flow.kind {
            FlowKind::Ws => "connection",
            FlowKind::Http | FlowKind::WsTurn { .. } => flow.gist.as_str(),
        };
        let state = match flow.state() {
            State::Failed => " ✗".to_owned(),
            State::Partial => format!(" ({})", inline(&reason(flow), 80)),
            State::Waiting | State::Streaming => " (live)".to_owned(),
            State::Complete => String::new(),
        };
        let (number, what) = (self.number, inline(what, 80));
        let about = inline(&flow.gist, LONGEST_ABOUT).into_boxed_str();
        self.sections.insert(flow.id, (number, about));
        put!(
            out,
            "### {number}. {what}{state} <a id=\"{ANCHOR}{number}\"></a>\n\n"
        );
        let transport = flow.transport().as_str();
        let (method, upstream, path) = (flow.method(), &flow.upstream, flow.path());
        let target = code(&format!("{method} {upstream}{path}"));
        let is_told = self.seen(hash(&["target", &target])).is_some();
        let mut facts = match flow.kind {
            // Where it goes to is its connection's.
            FlowKind::WsTurn { number, .. } if is_told => {
                vec![format!("{transport}, turn {number} of its connection")]
            }
            FlowKind::Http | FlowKind::Ws | FlowKind::WsTurn { .. } => {
                vec![target, format!("{transport} {}", status(flow))]
            }
        };
        facts.push(rfc3339(flow.started));
        facts.extend(flow.duration().map(duration));
        facts.extend(
            flow.first_delta()
                .map(|first| format!("first text {}", duration(first))),
        );
        facts.extend(flow.agent().name().map(|name| inline(name, 80)));
        out.push_str(&facts.join(" · "));
        out.push_str("\n\n");
    }

    /// A body that is no model request and no event stream.
    fn body(&mut self, what: &str, body: &Body, out: &mut String) {
        let left_out = body.left_out();
        if left_out > 0 {
            put!(
                out,
                "{what}: {} bytes are left out here.\n\n",
                count(left_out)
            );
        }
        let body = body.bytes();
        if body.is_empty() {
            return;
        }
        let size = count(body.len() as u64);
        let Ok(text) = std::str::from_utf8(body) else {
            put!(out, "{what}: {size} bytes, no text.\n\n");
            return;
        };
        if let Some(first) = self.seen(hash(&["body", text])) {
            put!(out, "{what}: {size} bytes, as in {first}.\n\n");
            return;
        }
        details(out, &format!("{what}: {size} bytes"));
        match serde_json::from_str::<serde_json::Value>(text) {
            Ok(json) => {
                let pretty = serde_json::to_string_pretty(&json);
                fence(out, "json", &pretty.unwrap_or_default(), MOST_OF_A_BODY);
            }
            Err(_) => fence(out, "text", text, MOST_OF_A_BODY),
        }
        out.push_str(END_OF_DETAILS);
    }

    /// The head fields; of those that stood under the same target before, what is different.
    fn heads(&mut self, flow: &Flow, out: &mut String) {
        let mut text = String::new();
        let mut note = String::new();
        let line = format!("{} {}", flow.method(), flow.path());
        // Upstreams have the same endpoints under other prefixes.
        let (method, path) = (flow.method(), flow.path());
        let path = path.split('?').next().unwrap_or_default();
        let name = path.rsplit('/').next().unwrap_or_default();
        let fields = flow.request.head.as_ref().map(|head| &*head.fields);
        let keys = [
            ["out", method, path],
            ["out", method, name],
            ["out", "", name],
        ];
        self.head(&keys, &line, fields, &mut text, &mut note);
        let status = status(flow);
        let fields = flow.response.head.as_ref().map(|head| &*head.fields);
        if fields.is_some() {
            text.push('\n');
        }
        let keys = [["in", &status, path], ["in", &status, name]];
        self.head(&keys, &status, fields, &mut text, &mut note);
        if text.trim().is_empty() {
            return;
        }
        details(out, &format!("Header fields{note}"));
        fence(out, "http", &text, MOST_OF_A_BODY);
        out.push_str(END_OF_DETAILS);
    }

    /// Adds a head; `keys` are what the heads have in common that it is held against, the best first.
    fn head(
        &mut self,
        keys: &[[&str; 3]],
        line: &str,
        fields: Option<&[Field]>,
        text: &mut String,
        note: &mut String,
    ) {
        let Some(fields) = fields else {
            return;
        };
        let mut pairs: Vec<(String, String)> = fields
            .iter()
            .map(|field| (field.name.clone(), field.value.as_text().into_owned()))
            .collect();
        let keys: Vec<u64> = keys.iter().map(|key| hash(key)).collect();
        let before = keys.iter().find_map(|key| self.heads.get(key).cloned());
        let head = Arc::new(Head {
            section: self.number,
            fields: pairs.clone(),
        });
        for key in keys {
            if self.heads.len() < MOST_HEADS || self.heads.contains_key(&key) {
                self.heads.insert(key, Arc::clone(&head));
            }
        }
        let mut gone = String::new();
        if let Some(Head { section, fields }) = before.as_deref() {
            let all = pairs.len();
            let values: HashSet<String> = pairs.iter().map(|(_, value)| value.clone()).collect();
            let names: HashSet<String> = pairs.iter().map(|(name, _)| name.clone()).collect();
            let missing = fields.iter().filter(|(name, _)| !names.contains(name));
            let missing: Vec<&str> = missing.map(|(name, _)| name.as_str()).collect();
            if !missing.is_empty() {
                gone = format!("(no {})\n", missing.join(", "));
            }
            pairs.retain(|pair| !fields.contains(pair));
            for (name, value) in &mut pairs {
                let old = fields.iter().find(|(old, _)| old == name);
                if let Some(short) = old.and_then(|(_, old)| differing(old, value, &values)) {
                    *value = short;
                }
            }
            if note.is_empty() && pairs.len() < all {
                *note = format!(", those that differ from {section}");
            }
        }
        text.push_str(line);
        text.push('\n');
        // One after the other, Codex tells one id under several names.
        for same in pairs.chunk_by(|(_, one), (_, other)| one == other) {
            let names: Vec<&str> = same.iter().map(|(name, _)| name.as_str()).collect();
            let value = same.first().map_or("", |(_, value)| value.as_str());
            put!(text, "{}: {value}\n", names.join(", "));
        }
        text.push_str(&gone);
    }
}

/// Of a JSON object the members that `old` has not so and that other fields (`values`) do not tell, and `…` for the
/// others; `None` unless both are objects.
fn differing(old: &str, new: &str, values: &HashSet<String>) -> Option<String> {
    let object = |text: &str| match serde_json::from_str(text) {
        Ok(serde_json::Value::Object(members)) => Some(members),
        _ => None,
    };
    let (old, mut new) = (object(old)?, object(new)?);
    let is_told = |value: &serde_json::Value| value.as_str().is_some_and(|it| values.contains(it));
    new.retain(|name, value| old.get(name) != Some(value) && !is_told(value));
    let members = serde_json::to_string(&new).ok()?;
    let members = members.strip_suffix('}')?;
    let comma = if new.is_empty() { "" } else { "," };
    Some(format!("{members}{comma}…}}"))
}

/// The status, or what there is in its place.
fn status(flow: &Flow) -> String {
    flow.status()
        .map_or_else(|| "no answer".to_owned(), |status| status.to_string())
}

/// Why a flow came to less than was asked for.
fn reason(flow: &Flow) -> String {
    Summary::of(flow).reason().unwrap_or_default()
}

/// The same, with all that the provider says of it; empty where there is nothing to say.
pub(super) fn why(flow: &Flow) -> String {
    let failure = flow.turn.as_ref().and_then(|turn| turn.failure.as_ref());
    failure.map_or_else(|| reason(flow), in_words)
}

/// The code of a failure, where it has one, and the message.
fn in_words(failure: &Failure) -> String {
    match failure.code.as_deref() {
        Some(code) if code != failure.message => format!("{code}: {}", failure.message),
        _ => failure.message.clone(),
    }
}

/// What failed, and what was wrong in the bytes.
fn problems(flow: &Flow, out: &mut String) {
    let failures = flow.failures.iter().map(ToString::to_string);
    let faults = flow.faults.iter().map(|fault| {
        let (dir, offset) = (fault.dir.as_str(), fault.offset);
        format!("{dir}, byte {offset}: {}", fault.message)
    });
    let mut problems: Vec<String> = failures.chain(faults).collect();
    if let Some(turn) = &flow.turn {
        let failure = turn.failure.iter();
        problems.extend(failure.map(in_words));
    }
    if flow.is_error() && problems.len() == flow.faults.len() {
        problems.push(reason(flow));
    }
    problems.extend(flow.turn.iter().flat_map(|turn| turn.lints.iter().cloned()));
    for problem in problems.iter().take(MOST_PROBLEMS) {
        put!(out, "- **!** {}\n", inline(problem, 400));
    }
    if !problems.is_empty() {
        out.push('\n');
    }
}

/// A WebSocket connection: what is not its turns'.
fn connection(flow: &Flow, out: &mut String) {
    if flow.is_refused_upgrade() {
        return;
    }
    let frames = count(flow.frames.len() as u64);
    let wire = count(flow.wire_len());
    put!(
        out,
        "{frames} frames outside turns, {wire} bytes on the wire. "
    );
    match &flow.close {
        Some(close) => {
            let who = match close.dir {
                _ if flow.is_closed_by_proxy() => "codextap",
                crate::tap::Direction::Out => "Codex",
                crate::tap::Direction::In => "The upstream",
            };
            let how = match (close.is_framed, close.code) {
                (true, Some(code)) => format!("closed it with {code}"),
                (true, None) => "closed it without a code".to_owned(),
                (false, _) => "ended it without a close frame".to_owned(),
            };
            let why = inline(&close.reason, 200);
            let colon = if why.is_empty() { "" } else { ": " };
            put!(out, "{who} {how}{colon}{why}.\n\n");
        }
        None => out.push_str("\n\n"),
    }
}

/// What the anchors of sections begin with.
const ANCHOR: char = 't';
/// Characters of what a section is about, elsewhere.
const LONGEST_ABOUT: usize = 50;
/// Bytes of a body, or of header fields, that are shown.
const MOST_OF_A_BODY: usize = 6_000;
/// Keys by which heads are remembered, up to three each. Of more heads, they are told as a whole each time.
const MOST_HEADS: usize = 3 * 500;
/// Failures and faults that are shown.
const MOST_PROBLEMS: usize = 20;
