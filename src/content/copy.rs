//! Text to be copied out of a document: what was sent, as far as a line shows all of it.
//!
//! Symbols that stand for control characters stay symbols, but for tabs, which are none of the dangerous ones.
//! What is masked stays masked.

use super::{Document, Line, Role, json};

/// The text of some lines, without the margin that all of them have.
#[must_use]
pub fn text(lines: &[Line]) -> String {
    let texts: Vec<String> = lines.iter().map(of_line).collect();
    let margins = texts.iter().filter(|text| !text.trim().is_empty());
    let margin = margins.map(|text| indent(text)).min().unwrap_or_default();
    let lines = texts
        .iter()
        .map(|text| text.get(margin..).unwrap_or_default());
    lines.map(str::trim_end).collect::<Vec<_>>().join("\n")
}

/// The value that the first of these lines names or begins, the others being its section: a JSON value, the text of a
/// string, what stands behind a name or a label, or else the section without its head.
#[must_use]
pub fn value(lines: &[Line]) -> String {
    let Some((head, rest)) = lines.split_first() else {
        return String::new();
    };
    if is_json(head) {
        return json_value(head, rest);
    }
    let name = head.spans.iter().position(|span| {
        let is_name = matches!(span.role, Role::HeaderName | Role::Label);
        is_name && !span.text.as_str().trim().is_empty()
    });
    match name {
        Some(name) if rest.is_empty() || head.spans[name].role == Role::HeaderName => {
            let spans = head.spans[name + 1..].to_vec();
            let line = Line {
                spans,
                ..Line::default()
            };
            of_line(&line).trim().to_owned()
        }
        _ if rest.is_empty() => of_line(head).trim().to_owned(),
        _ => text(rest),
    }
}

/// Where the line number `at` of a document with every section open is: the path of a JSON value in the form of `jq`, the
/// name of a header field, or else the name of the section.
#[must_use]
pub fn path(document: &Document, at: usize) -> String {
    let lines = &document.lines;
    let Some(line) = lines.get(at) else {
        return String::new();
    };
    let name = line.spans.iter().find(|span| span.role == Role::HeaderName);
    if let Some(name) = name {
        return name.text.as_str().trim().to_owned();
    }
    if let (Some(frame), false) = (line.frame, is_json(line)) {
        return format!("frame {frame}");
    }
    if is_json(line) {
        return json_path(lines, at);
    }
    let head = (0..=at).rev().find(|at| lines[*at].fold.is_some());
    match head {
        Some(head) if is_json(&lines[head]) => json_path(lines, head),
        Some(head) => lines[head]
            .fold
            .as_ref()
            .map(|fold| fold.key.clone())
            .unwrap_or_default(),
        None => String::new(),
    }
}

/// The text of a line, tabs as they were.
fn of_line(line: &Line) -> String {
    let mut text = String::new();
    for span in &line.spans {
        let is_tab = span.role == Role::Control && span.text.as_str().starts_with('→');
        if is_tab {
            let tabs = span.text.as_str().matches('→').count();
            text.push_str(&"\t".repeat(tabs));
        } else {
            text.push_str(span.text.as_str());
        }
    }
    text
}

/// Columns of blanks at the beginning.
fn indent(text: &str) -> usize {
    text.len() - text.trim_start_matches(' ').len()
}

/// Whether it is a line of JSON that is laid out.
fn is_json(line: &Line) -> bool {
    let mut spans = line.spans.iter();
    let first = spans.find(|span| !span.text.as_str().trim().is_empty());
    first.is_some_and(|span| {
        matches!(
            span.role,
            Role::JsonKey | Role::JsonNumber | Role::JsonKeyword | Role::JsonPunctuation
        ) || span.role == Role::JsonString && span.text.as_str().starts_with('"')
    })
}

/// The name of a member, in quotes, if the line begins one.
fn member(line: &Line) -> Option<&str> {
    let mut spans = line.spans.iter();
    let first = spans.find(|span| !span.text.as_str().trim().is_empty())?;
    (first.role == Role::JsonKey).then(|| first.text.as_str())
}

/// The value of a member or element: without its name, and without the comma behind it.
fn json_value(head: &Line, rest: &[Line]) -> String {
    let is_long = head
        .spans
        .iter()
        .any(|span| span.role == Role::JsonString && span.text.as_str() == "…\"");
    if is_long {
        return text(rest);
    }
    let mut first = head.clone();
    if let Some(name) = member(head) {
        let at = first
            .spans
            .iter()
            .position(|span| span.text.as_str() == name);
        // The name and the colon behind it.
        first
            .spans
            .drain(..at.map_or(0, |at| at + 2).min(first.spans.len()));
    }
    let blanks = " ".repeat(indent(&of_line(head)));
    let mut all = vec![blanks + of_line(&first).trim_start()];
    all.extend(rest.iter().map(of_line));
    let margin = all
        .iter()
        .map(|text| indent(text))
        .min()
        .unwrap_or_default();
    let all: Vec<&str> = all.iter().map(|text| text[margin..].trim_end()).collect();
    let whole = all.join("\n");
    let whole = whole.strip_suffix(',').unwrap_or(&whole);
    json::unquoted(whole).unwrap_or_else(|| whole.to_owned())
}

/// The path of the JSON value that a line begins, or whose end it is.
fn json_path(lines: &[Line], at: usize) -> String {
    let depth = |at: usize| indent(&of_line(&lines[at]));
    let mut here = at;
    if is_end(&lines[at]) {
        let mut before = (0..at).rev();
        let head = before.find(|line| depth(*line) == depth(at) && lines[*line].fold.is_some());
        here = head.unwrap_or(at);
    }
    let mut steps = Vec::new();
    loop {
        let own = depth(here);
        // What is nested deeper is passed over, the text of long strings, too.
        let mut before = (0..here)
            .rev()
            .take_while(|line| is_json(&lines[*line]) || depth(*line) >= own);
        let parent = before.find(|line| depth(*line) < own && lines[*line].fold.is_some());
        if let Some(name) = member(&lines[here]) {
            steps.push(step(name));
        } else if let Some(parent) = parent {
            let elements = (parent + 1..here).filter(|line| {
                depth(*line) == own && is_json(&lines[*line]) && !is_end(&lines[*line])
            });
            steps.push(format!("[{}]", elements.count()));
        }
        match parent {
            Some(parent) => here = parent,
            None => break,
        }
    }
    steps.reverse();
    let path = steps.concat();
    if path.starts_with('.') {
        path
    } else {
        format!(".{path}")
    }
}

/// Whether the line is the end of a container.
fn is_end(line: &Line) -> bool {
    of_line(line).trim_start().starts_with(['}', ']'])
}

/// A step of a path to a member: `.name`, or `["a name"]` where that is no identifier.
fn step(name: &str) -> String {
    let bare = name.trim_matches('"');
    let is_start = |c: char| c.is_ascii_alphabetic() || c == '_';
    let is_plain =
        bare.starts_with(is_start) && bare.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if is_plain {
        format!(".{bare}")
    } else {
        format!("[{name}]")
    }
}

#[cfg(test)]
mod tests {
    use super::super::Folds;
    use super::*;

    const JSON: &str = r#"{"input":[{"type":"message","content":[{"text":"say \"hi\"\tnow"},17]},"a string that makes the row long enough"],"x-y":{"deep":[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23]},"n":null}"#;

    fn document() -> Document {
        let mut document = Document::default();
        document.push(Line::of("Body", Role::Heading));
        json::json(&mut document, JSON, 9, 4, "body", &Folds::unfolded());
        document
    }

    fn line_of(document: &Document, text: &str) -> usize {
        let lines = &document.lines;
        lines
            .iter()
            .position(|line| of_line(line).contains(text))
            .unwrap()
    }

    #[test]
    fn json_values_have_paths() {
        let document = document();
        for (text, expected) in [
            ("\"type\"", ".input[0].type"),
            ("say", ".input[0].content[0]"),
            ("a string", ".input[1]"),
            ("\"input\"", ".input"),
            ("null", ".n"),
        ] {
            let at = line_of(&document, text);
            assert_eq!(path(&document, at), expected, "{text}");
        }
        let last = document.lines.len() - 1;
        assert_eq!(path(&document, last), ".", "the end of the whole");
        let at = line_of(&document, "x-y");
        assert!(
            path(&document, at).starts_with(".[\"x-y\"]"),
            "{}",
            path(&document, at)
        );
        assert_eq!(path(&document, 0), "");
    }

    #[test]
    fn json_values_are_copied_without_name_and_comma() {
        let document = document();
        let at = line_of(&document, "\"type\"");
        assert_eq!(value(&document.lines[at..=at]), "message");
        let at = line_of(&document, "a string");
        assert_eq!(
            value(&document.lines[at..=at]),
            "a string that makes the row long enough"
        );
        let at = line_of(&document, "say");
        assert_eq!(
            value(&document.lines[at..=at]),
            r#"{"text": "say \"hi\"\tnow"}"#
        );
        let at = line_of(&document, "null");
        assert_eq!(value(&document.lines[at..=at]), "null");
        let start = line_of(&document, "\"input\"");
        let end = line_of(&document, "a string") + 1;
        let copied = value(&document.lines[start..=end]);
        let read: serde_json::Value = serde_json::from_str(&copied).unwrap();
        let whole: serde_json::Value = serde_json::from_str(JSON).unwrap();
        assert_eq!(read, whole["input"], "{copied}");
        let copied = value(&document.lines[1..]);
        let read: serde_json::Value = serde_json::from_str(&copied).unwrap();
        assert_eq!(read, whole, "{copied}");
    }

    #[test]
    fn other_values_stand_behind_their_names() {
        let header =
            Line::of("content-type", Role::HeaderName).with("  text/plain", Role::HeaderValue);
        assert_eq!(value(std::slice::from_ref(&header)), "text/plain");
        let label = Line::default().with_value("model", "gpt-x", Role::Text);
        assert_eq!(value(&[label]), "gpt-x");
        let head = Line::of("Instructions", Role::Heading);
        let body = ["    one", "", "      two\tend "].map(|text| Line::of(text, Role::Text));
        let all: Vec<Line> = std::iter::once(head.clone()).chain(body).collect();
        assert_eq!(value(&all), "one\n\n  two\tend");
        assert_eq!(value(&[head]), "Instructions");
        assert_eq!(value(&[]), "");
    }
}
