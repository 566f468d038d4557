//! JSON text, pretty-printed without a tree: key order, number text and escapes stay as they were sent.
//!
//! One pass checks the text and notes where each object and array ends; a second one writes lines, and leaps over what is
//! folded away. Neither recurses, so depth costs nothing but memory. Broken JSON is shown as it is, with the place marked.

use super::block::{Look, block, floor};
use super::format;
use super::{Document, Folds, Line, Role};

/// Adds `text` as JSON, each line moved by `indent` columns; folds have keys that begin with `key`.
///
/// Containers are open down to `depth` levels, arrays only when they are short.
pub(super) fn json(
    document: &mut Document,
    text: &str,
    depth: usize,
    indent: usize,
    key: &str,
    folds: &Folds,
) {
    match check(text) {
        Ok(containers) => {
            Printer {
                text,
                containers: &containers,
                next: 0,
                at: 0,
                open: Vec::new(),
                path: key.to_owned(),
                depth,
                indent,
                line: Line::default(),
                document,
                folds,
            }
            .print();
        }
        Err(stop) => broken(document, text, stop, indent, key, folds),
    }
}

/// Whether `text` is one JSON value.
pub(super) fn is_json(text: &str) -> bool {
    check(text).is_ok()
}

/// The verbatim value of the top-level member `name`; the rest of `text` is leapt over, not checked.
pub(super) fn member<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let bytes = text.as_bytes();
    let mut at = space(bytes, 0);
    if bytes.get(at) != Some(&b'{') {
        return None;
    }
    loop {
        at = space(bytes, at + 1);
        let key_end = string(bytes, at)?;
        let key = &text[at + 1..key_end - 1];
        at = space(bytes, key_end);
        if bytes.get(at) != Some(&b':') {
            return None;
        }
        let start = space(bytes, at + 1);
        let end = leap(bytes, start)?;
        if key == name {
            return text.get(start..end);
        }
        at = space(bytes, end);
        if bytes.get(at) != Some(&b',') {
            return None;
        }
    }
}

/// The text of a JSON string, escapes undone; `None` when `raw` is no string.
pub(super) fn unquoted(raw: &str) -> Option<String> {
    if !raw.starts_with('"') {
        return None;
    }
    serde_json::from_str(raw).ok()
}

/// How many members or elements the object or array `text` has.
pub(super) fn elements(text: &str) -> Option<usize> {
    check(text).ok()?.first().map(|container| container.members)
}

/// An object or array.
struct Container {
    /// Offset of its closing bracket.
    end: usize,
    /// How many members or elements it has.
    members: usize,
    /// Number of the first container that begins after it.
    next: usize,
}

/// Where laying out JSON came to an end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Stop {
    /// The offset at which the text stops being JSON (RFC 8259).
    Broken(usize),
    /// The offset of one container more than are laid out.
    TooMany(usize),
}

/// Finds the containers of `text`, in the order in which they begin.
///
/// # Errors
/// Where the text stops being JSON, or has too many containers. Raw control characters in strings
/// and odd numbers are let pass: they are shown as they are.
fn check(text: &str) -> Result<Vec<Container>, Stop> {
    #[derive(PartialEq)]
    enum Due {
        Value,
        FirstElement,
        FirstKey,
        Key,
        Comma,
    }
    let bytes = text.as_bytes();
    let mut containers: Vec<Container> = Vec::new();
    // The containers that are open, and whether each is an object.
    let mut open: Vec<(usize, bool)> = Vec::new();
    let mut due = Due::Value;
    let mut at = space(bytes, 0);
    while let Some(&byte) = bytes.get(at) {
        let is_end = matches!(byte, b'}' | b']')
            && matches!(due, Due::FirstKey | Due::FirstElement | Due::Comma);
        if is_end {
            let (container, is_object) = open.pop().ok_or(Stop::Broken(at))?;
            if is_object != (byte == b'}') {
                return Err(Stop::Broken(at));
            }
            let next = containers.len();
            let container = &mut containers[container];
            container.end = at;
            container.next = next;
            if due == Due::Comma {
                container.members += 1;
            }
            due = Due::Comma;
            at += 1;
        } else if due == Due::Comma {
            let (container, is_object) = *open.last().ok_or(Stop::Broken(at))?;
            if byte != b',' {
                return Err(Stop::Broken(at));
            }
            containers[container].members += 1;
            due = if is_object { Due::Key } else { Due::Value };
            at += 1;
        } else if matches!(due, Due::Key | Due::FirstKey) {
            let colon = space(bytes, string(bytes, at).ok_or(Stop::Broken(at))?);
            if bytes.get(colon) != Some(&b':') {
                return Err(Stop::Broken(colon));
            }
            due = Due::Value;
            at = colon + 1;
        } else if matches!(byte, b'{' | b'[') {
            if containers.len() == MOST_CONTAINERS {
                return Err(Stop::TooMany(at));
            }
            open.push((containers.len(), byte == b'{'));
            containers.push(Container {
                end: at,
                members: 0,
                next: 0,
            });
            due = if byte == b'{' {
                Due::FirstKey
            } else {
                Due::FirstElement
            };
            at += 1;
        } else {
            at = scalar(bytes, at).ok_or(Stop::Broken(at))?;
            due = Due::Comma;
        }
        at = space(bytes, at);
    }
    if open.is_empty() && due == Due::Comma {
        Ok(containers)
    } else {
        Err(Stop::Broken(text.len()))
    }
}

/// The second pass.
struct Printer<'a> {
    text: &'a str,
    containers: &'a [Container],
    /// Number of the container that begins next.
    next: usize,
    at: usize,
    /// The containers whose lines are being written.
    open: Vec<Open>,
    /// The fold key of the value at hand.
    path: String,
    depth: usize,
    indent: usize,
    /// The line being written.
    line: Line,
    document: &'a mut Document,
    folds: &'a Folds,
}

/// A container whose lines are being written.
struct Open {
    /// Length of its path.
    path: usize,
    /// How many members were begun.
    members: usize,
}

impl Printer<'_> {
    fn print(mut self) {
        self.at = space(self.text.as_bytes(), 0);
        self.margin();
        while !self.document.is_full() {
            if self.value() {
                self.begin_member();
                continue;
            }
            // After a value: a comma and the next member, or the end of containers.
            loop {
                self.at = space(self.text.as_bytes(), self.at);
                let Some(&byte) = self.text.as_bytes().get(self.at) else {
                    self.end_line();
                    return;
                };
                self.at += 1;
                if byte == b',' {
                    self.line.add(",", Role::JsonPunctuation);
                    self.end_line();
                    self.begin_member();
                    break;
                }
                self.end_line();
                if let Some(open) = self.open.pop() {
                    self.path.truncate(open.path);
                }
                self.margin();
                self.line
                    .add(if byte == b'}' { "}" } else { "]" }, Role::JsonPunctuation);
            }
        }
    }

    /// Writes the value at hand; `true` when it is a container whose members come next.
    fn value(&mut self) -> bool {
        match self.text.as_bytes().get(self.at) {
            Some(b'{') => self.container("{", "}"),
            Some(b'[') => self.container("[", "]"),
            Some(b'"') => {
                self.string();
                false
            }
            _ => {
                let end = scalar(self.text.as_bytes(), self.at).unwrap_or(self.text.len());
                let text = &self.text[self.at..end];
                self.line.add(text, scalar_role(text));
                self.at = end;
                false
            }
        }
    }

    fn container(&mut self, start: &str, end: &str) -> bool {
        let Some(container) = self.containers.get(self.next) else {
            return false;
        };
        let source = &self.text[self.at..=container.end];
        let has_containers = container.next > self.next + 1;
        let is_short = source.len() <= SHORT_CONTAINER && !has_containers;
        if is_short || container.members == 0 {
            compact(&mut self.line, source);
            self.next = container.next;
            self.at = container.end + 1;
            return false;
        }
        let level = self.open.len();
        let by_default =
            level < self.depth && (start == "{" || level == 0 || container.members <= SHORT_ARRAY);
        let is_open = self.folds.is_open(&self.path, by_default);
        self.line.fold = Some(super::Fold {
            key: self.path.clone(),
            is_open,
        });
        self.line.add(start, Role::JsonPunctuation);
        if is_open {
            self.end_line();
            self.next += 1;
            self.at += 1;
            self.open.push(Open {
                path: self.path.len(),
                members: 0,
            });
            return true;
        }
        self.line.add("…", Role::Dim);
        self.line.add(end, Role::JsonPunctuation);
        let noun = if start == "{" { "member" } else { "element" };
        let members = format::counted(container.members as u64, noun);
        self.line.add(&format!(" {members}"), Role::Dim);
        self.next = container.next;
        self.at = container.end + 1;
        false
    }

    /// Begins the line of the next member of the innermost container.
    fn begin_member(&mut self) {
        use std::fmt::Write as _;
        let bytes = self.text.as_bytes();
        self.at = space(bytes, self.at);
        self.margin();
        let Some(open) = self.open.last_mut() else {
            return;
        };
        self.path.truncate(open.path);
        let number = open.members;
        open.members += 1;
        // Inside an array a string is a value: only an object's member has a colon behind its name.
        let name_end = string(bytes, self.at).unwrap_or(self.at);
        let colon = space(bytes, name_end);
        if name_end == self.at || bytes.get(colon) != Some(&b':') {
            // Writing into a string cannot fail.
            let _ = write!(self.path, "/{number}");
            return;
        }
        let name = &self.text[self.at..name_end];
        if name.len() <= LONG_NAME {
            self.path.push('/');
            self.path.push_str(name.trim_matches('"'));
        } else {
            let _ = write!(self.path, "/{number}");
        }
        self.line.add(name, Role::JsonKey);
        self.line.add(": ", Role::JsonPunctuation);
        self.at = space(bytes, colon + 1);
    }

    fn string(&mut self) {
        let end = string(self.text.as_bytes(), self.at).unwrap_or(self.text.len());
        let raw = &self.text[self.at..end];
        self.at = end;
        if raw.len() <= LONG_STRING {
            self.line.add(raw, Role::JsonString);
            return;
        }
        let whole = unquoted(raw).unwrap_or_else(|| raw.to_owned());
        self.line
            .add(&raw[..floor(raw, SHORT_STRING)], Role::JsonString);
        self.line.add("…\"", Role::JsonString);
        let chars = format::count(whole.chars().count() as u64);
        self.line.add(&format!(" {chars} chars"), Role::Dim);
        let is_open = self.folds.is_open(&self.path, false);
        self.line.fold = Some(super::Fold {
            key: self.path.clone(),
            is_open,
        });
        if is_open {
            self.end_line();
            let indent = self.indent + 2 * self.open.len().min(MAX_LEVELS) + 2;
            block(
                self.document,
                &whole,
                Look::Plain(Role::JsonString),
                indent,
                &self.path,
                self.folds,
            );
        }
    }

    fn margin(&mut self) {
        let columns = self.indent + 2 * self.open.len().min(MAX_LEVELS);
        self.line = Line::default().hanging(columns + 2);
        if columns > 0 {
            self.line.add(&" ".repeat(columns), Role::JsonPunctuation);
        }
    }

    /// Ends the line at hand, unless it ended with a fold's content and only a comma is left of it.
    fn end_line(&mut self) {
        let line = std::mem::take(&mut self.line);
        let is_left_over = line
            .spans
            .iter()
            .all(|span| matches!(span.text.as_str().trim(), "" | ","));
        if !is_left_over {
            self.document.push(line);
        }
    }
}

/// Adds a short container, or an empty one, in one line.
fn compact(line: &mut Line, source: &str) {
    let bytes = source.as_bytes();
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let end = match byte {
            b'{' | b'[' | b'}' | b']' | b',' | b':' => at + 1,
            _ => scalar(bytes, at).unwrap_or(bytes.len()),
        };
        let text = &source[at..end];
        at = space(bytes, end);
        match byte {
            b',' | b':' => line.add(&format!("{text} "), Role::JsonPunctuation),
            b'"' if bytes.get(at) == Some(&b':') => line.add(text, Role::JsonKey),
            _ => line.add(text, scalar_role(text)),
        }
    }
}

/// Adds text that cannot be laid out from `stop` on.
fn broken(
    document: &mut Document,
    text: &str,
    stop: Stop,
    indent: usize,
    key: &str,
    folds: &Folds,
) {
    let margin = " ".repeat(indent);
    let (at, what) = match stop {
        Stop::Broken(at) if at >= text.len() => (at, "JSON ends early"),
        Stop::Broken(at) => (at, "not JSON from here on"),
        Stop::TooMany(at) => (at, "too many objects and arrays to lay out"),
    };
    let number = text[..floor(text, at)].matches('\n').count() + 1;
    let place = format!(
        "{margin}{what}: byte {}, line {number}",
        format::count(at as u64)
    );
    document.push(Line::of(&place, Role::Warning));
    let at = floor(text, at);
    let (before, after) = text.split_at(at);
    if !before.is_empty() {
        block(
            document,
            before,
            Look::Plain(Role::Text),
            indent,
            key,
            folds,
        );
    }
    document.push(Line::of(&format!("{margin}▲ {what}"), Role::Error));
    if !after.is_empty() {
        block(
            document,
            after,
            Look::Plain(Role::Error),
            indent,
            &format!("{key}/rest"),
            folds,
        );
    }
}

fn scalar_role(text: &str) -> Role {
    match text.as_bytes().first() {
        Some(b'"') => Role::JsonString,
        Some(b'-' | b'0'..=b'9') => Role::JsonNumber,
        Some(b't' | b'f' | b'n') => Role::JsonKeyword,
        _ => Role::JsonPunctuation,
    }
}

/// Where the white space at `at` ends.
fn space(bytes: &[u8], at: usize) -> usize {
    let rest = bytes.get(at..).unwrap_or_default();
    let blanks = rest
        .iter()
        .take_while(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n'));
    at + blanks.count()
}

/// Where the string that begins at `at` ends; `None` when there is none, or no end.
fn string(bytes: &[u8], at: usize) -> Option<usize> {
    if bytes.get(at) != Some(&b'"') {
        return None;
    }
    let mut at = at + 1;
    loop {
        at += bytes
            .get(at..)?
            .iter()
            .position(|byte| matches!(byte, b'"' | b'\\'))?;
        if bytes[at] == b'"' {
            return Some(at + 1);
        }
        at += 2;
    }
}

/// Where the string, number or keyword that begins at `at` ends.
fn scalar(bytes: &[u8], at: usize) -> Option<usize> {
    let rest = bytes.get(at..)?;
    for keyword in ["true", "false", "null"] {
        if rest.starts_with(keyword.as_bytes()) {
            return Some(at + keyword.len());
        }
    }
    match rest.first()? {
        b'"' => string(bytes, at),
        b'-' | b'0'..=b'9' => {
            let is_part =
                |byte: &&u8| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E');
            Some(at + rest.iter().take_while(is_part).count())
        }
        _ => None,
    }
}

/// Where the value that begins at `at` ends, told by its brackets alone.
fn leap(bytes: &[u8], at: usize) -> Option<usize> {
    if !matches!(bytes.get(at)?, b'{' | b'[') {
        return scalar(bytes, at);
    }
    let mut at = at;
    let mut depth = 0_usize;
    loop {
        at += bytes
            .get(at..)?
            .iter()
            .position(|byte| matches!(byte, b'{' | b'[' | b'}' | b']' | b'"'))?;
        match bytes[at] {
            b'"' => at = string(bytes, at)? - 1,
            b'{' | b'[' => depth += 1,
            _ if depth == 1 => return Some(at + 1),
            _ => depth -= 1,
        }
        at += 1;
    }
}

/// The most containers that are laid out: each takes many times the byte that it is on the wire.
const MOST_CONTAINERS: usize = 1_000_000;
/// Containers of at most this many bytes stand in one line.
const SHORT_CONTAINER: usize = 60;
/// Arrays of more elements are closed at first.
const SHORT_ARRAY: usize = 20;
/// Strings of more bytes are shown shortened.
const LONG_STRING: usize = 240;
/// Bytes that are shown of them.
const SHORT_STRING: usize = 120;
/// Names of more bytes stand in fold keys by their number.
const LONG_NAME: usize = 64;
/// Deeper levels are not indented further.
const MAX_LEVELS: usize = 20;

#[cfg(test)]
mod tests;
