//! Markdown as it streams: enough of it to read an answer, line by line, with its marks left in place.
//!
//! Marks stay visible, dimmed: what is on screen is what was sent, and nothing is told by colour alone. Only a
//! code fence reaches over lines, so that a text that grows changes nothing but its end.

use super::{Document, Line, Role};
use crate::text::Clean;

/// Adds `text` as Markdown; ordinary text in `role`.
pub(super) fn markdown(document: &mut Document, text: &str, role: Role) {
    Resume::default().go_on(document, text, role);
}

/// Where to go on reading a text that has grown: the last line that was not empty.
#[derive(Clone, Default, Debug)]
pub(super) struct Resume {
    /// Bytes of the text before that line.
    offset: usize,
    /// The code fence that is open there.
    fence: Option<Fence>,
    /// Lines of the document before that line.
    pub(super) lines: usize,
}

impl Resume {
    /// Whether this place is in `document` and `text`.
    pub(super) fn fits(&self, document: &Document, text: &str) -> bool {
        self.lines <= document.lines.len() && self.offset <= text.len()
    }

    /// Adds the lines of `text` from here on; the document must end where this line begins.
    pub(super) fn go_on(&mut self, document: &mut Document, text: &str, role: Role) {
        let end = text.len() - usize::from(text.ends_with('\n'));
        let mut offset = self.offset.min(end);
        let mut fence = self.fence.take();
        for line in text.get(offset..end).unwrap_or_default().split('\n') {
            if !line.trim_end_matches('\r').is_empty() || offset == 0 {
                *self = Self {
                    offset,
                    fence: fence.clone(),
                    lines: document.lines.len(),
                };
            }
            offset += line.len() + 1;
            add(document, line, &mut fence, role);
            if document.is_full() {
                return;
            }
        }
    }
}

/// Adds one line.
fn add(document: &mut Document, line: &str, fence: &mut Option<Fence>, role: Role) {
    let line = line.strip_suffix('\r').unwrap_or(line);
    match fence {
        Some(open) if open.is_closed_by(line) => {
            *fence = None;
            document.push(Line::of(line, Role::Dim));
        }
        Some(open) => {
            let own = line.len() - line.trim_start_matches(' ').len();
            document.push(Line {
                code: Some(open.language.clone()),
                ..Line::of(line, Role::Code).hanging(own)
            });
        }
        None => {
            *fence = Fence::opened_by(line);
            let line = if fence.is_some() {
                Line::of(line, Role::Dim)
            } else {
                prose(line, role)
            };
            document.push(line);
        }
    }
}

/// A code fence that is open (`CommonMark` §4.5).
#[derive(Clone, Debug)]
struct Fence {
    mark: u8,
    length: usize,
    language: Clean,
}

impl Fence {
    fn opened_by(line: &str) -> Option<Self> {
        let text = line.trim_start_matches(' ');
        let mark = *text
            .as_bytes()
            .first()
            .filter(|mark| matches!(mark, b'`' | b'~'))?;
        let length = text.bytes().take_while(|byte| *byte == mark).count();
        let info = text[length..].trim();
        if length < 3 || (mark == b'`' && info.contains('`')) {
            return None;
        }
        let language = Clean::new(info.split([' ', ',', '{']).next().unwrap_or_default());
        Some(Self {
            mark,
            length,
            language,
        })
    }

    fn is_closed_by(&self, line: &str) -> bool {
        let text = line.trim();
        text.len() >= self.length && text.bytes().all(|byte| byte == self.mark)
    }
}

/// A line outside code: heading, list item, quote, rule or paragraph.
fn prose(text: &str, role: Role) -> Line {
    let body = text.trim_start_matches(' ');
    let margin = text.len() - body.len();
    let hashes = body.bytes().take_while(|byte| *byte == b'#').count();
    if (1..=6).contains(&hashes) && body[hashes..].starts_with(' ') {
        let (marks, title) = text.split_at(margin + hashes + 1);
        return Line::of(marks, Role::Dim)
            .with(title, Role::Heading)
            .hanging(marks.len());
    }
    let is_rule = body.len() >= 3
        && ["-", "*", "_"].iter().any(|mark| {
            body.replace([' '], "")
                .trim_matches(|c| mark.contains(c))
                .is_empty()
        });
    if is_rule {
        return Line::of(text, Role::Dim);
    }
    let marker = marker(body);
    let (start, rest) = text.split_at(margin + marker);
    let mut line = Line::default().hanging(start.len());
    if !start.is_empty() {
        line.add(start, if marker > 0 { Role::Dim } else { role });
    }
    let role = if body.starts_with('>') {
        Role::Emphasis
    } else {
        role
    };
    inline(&mut line, rest, role);
    line
}

/// Length of the list or quote marker that `body` begins with, its space included.
fn marker(body: &str) -> usize {
    let bytes = body.as_bytes();
    let digits = bytes
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    let length = match bytes.get(digits) {
        Some(b'.' | b')') if (1..=9).contains(&digits) => digits + 1,
        Some(b'-' | b'*' | b'+' | b'>') if digits == 0 => 1,
        _ => return 0,
    };
    match bytes.get(length) {
        Some(b' ') => length + 1,
        None => length,
        Some(_) if bytes[0] == b'>' => length,
        Some(_) => 0,
    }
}

/// Adds a line's text: code, bold, emphasis and links each in their role.
fn inline(line: &mut Line, text: &str, role: Role) {
    if text.len() > LONGEST_INLINE {
        line.add(text, role);
        return;
    }
    let mut plain = 0;
    let mut at = 0;
    while let Some(found) = text
        .get(at..)
        .and_then(|rest| rest.find(['`', '*', '_', '[', 'h']))
    {
        at += found;
        let Some(piece) = piece(text, at) else {
            // What follows may be the second of two marks, which opens nothing either.
            at += text[at..]
                .bytes()
                .take_while(|byte| *byte == text.as_bytes()[at])
                .count();
            continue;
        };
        line.add_some(&text[plain..at], role);
        line.add_some(&text[at..piece.start], Role::Dim);
        line.add_some(&text[piece.start..piece.end], piece.role);
        line.add_some(&text[piece.end..piece.after], piece.tail);
        at = piece.after;
        plain = at;
    }
    line.add_some(&text[plain..], role);
}

impl Line {
    fn add_some(&mut self, text: &str, role: Role) {
        if !text.is_empty() {
            self.add(text, role);
        }
    }
}

/// A marked piece of a line: opening marks, text in a role, closing marks or a link's target.
struct Piece {
    start: usize,
    end: usize,
    after: usize,
    role: Role,
    tail: Role,
}

/// The marked piece that begins at `at`, if one does.
fn piece(text: &str, at: usize) -> Option<Piece> {
    let rest = &text[at..];
    let before = text[..at].chars().next_back();
    let tail = Role::Dim;
    match rest.as_bytes()[0] {
        b'`' => {
            let marks = rest.bytes().take_while(|byte| *byte == b'`').count();
            let length = near(&rest[marks..], &rest[..marks])?;
            let (start, end) = (at + marks, at + marks + length);
            Some(Piece {
                start,
                end,
                after: end + marks,
                role: Role::Code,
                tail,
            })
        }
        mark @ (b'*' | b'_') => {
            let marks = if rest.as_bytes().get(1) == Some(&mark) {
                2
            } else {
                1
            };
            // An underscore inside a word is part of a name.
            if mark == b'_' && before.is_some_and(char::is_alphanumeric) {
                return None;
            }
            let inner = &rest[marks..];
            if inner.starts_with([' ', '*', '_']) {
                return None;
            }
            let length = near(inner, &rest[..marks]).filter(|length| *length > 0)?;
            let is_word_after = inner[length + marks..]
                .chars()
                .next()
                .is_some_and(char::is_alphanumeric);
            if inner[..length].ends_with(' ') || (mark == b'_' && is_word_after) {
                return None;
            }
            let role = if marks == 2 {
                Role::Strong
            } else {
                Role::Emphasis
            };
            let (start, end) = (at + marks, at + marks + length);
            Some(Piece {
                start,
                end,
                after: end + marks,
                role,
                tail,
            })
        }
        b'[' => {
            let label = near(rest, "](")?;
            let target = near(&rest[label + 2..], ")")?;
            let end = at + label;
            Some(Piece {
                start: at + 1,
                end,
                after: end + 2 + target + 1,
                role: Role::Strong,
                tail: Role::Link,
            })
        }
        _ => {
            let is_url = rest.starts_with("https://") || rest.starts_with("http://");
            if !is_url || before.is_some_and(char::is_alphanumeric) {
                return None;
            }
            let length = rest
                .find([' ', '<', '>', '"', '`', ')', ']', '\t'])
                .unwrap_or(rest.len());
            let length = rest[..length]
                .trim_end_matches(['.', ',', ';', ':', '!', '?', '*', '_'])
                .len();
            Some(Piece {
                start: at,
                end: at + length,
                after: at + length,
                role: Role::Link,
                tail,
            })
        }
    }
}

/// Where `mark` comes next, if not far: a line full of opening marks is no reason to read it again for each.
fn near(text: &str, mark: &str) -> Option<usize> {
    text[..super::block::floor(text, FARTHEST)].find(mark)
}

/// Bytes within which a piece must be closed.
const FARTHEST: usize = 500;
/// Longer lines are shown without looking for marks.
const LONGEST_INLINE: usize = 20_000;

#[cfg(test)]
mod tests {
    use super::super::tests::shown;
    use super::*;

    fn line(text: &str) -> String {
        shown(&Document::of(prose(text, Role::Output)))
            .trim_end()
            .replace("text.", "")
    }

    #[test]
    fn lines_have_their_roles() {
        let table = [
            ("plain", "output:plain"),
            ("## Title `x`", "dim:## |heading:Title `x`"),
            ("#tag", "output:#tag"),
            (
                "- a **b** c",
                "dim:- |output:a |dim:**|strong:b|dim:**|output: c",
            ),
            ("  12. x", "dim:  12. |output:x"),
            ("> said", "dim:> |emphasis:said"),
            ("---", "dim:---"),
            (
                "use `a*b*` *now*",
                "output:use |dim:`|code:a*b*|dim:`|output: |dim:*|emphasis:now|dim:*",
            ),
            (
                "snake_case_name and 2 * 3 * 4",
                "output:snake_case_name and 2 * 3 * 4",
            ),
            ("_it_ **open", "dim:_|emphasis:it|dim:_|output: **open"),
            (
                "[a](http://x/y).",
                "dim:[|strong:a|link:](http://x/y)|output:.",
            ),
            (
                "see https://x.y/z.",
                "output:see |link:https://x.y/z|output:.",
            ),
            (
                "a\u{1b}[0m *b\u{202e}*",
                "output:a|control:␛|output:[0m |dim:*|emphasis:b|control:⟨202e⟩|dim:*",
            ),
            ("``a`b`` ``", "dim:``|code:a`b|dim:``|output: ``"),
            ("| a | b |", "output:| a | b |"),
        ];
        for (text, expected) in table {
            assert_eq!(line(text), expected, "{text}");
        }
    }

    #[test]
    fn fences_hold_code() {
        let mut document = Document::default();
        markdown(
            &mut document,
            "a\n```rust,ignore\nlet x = *y;\n````\nno end",
            Role::Output,
        );
        assert_eq!(
            shown(&document),
            "text.output:a\ntext.dim:```rust,ignore\ntext.code:let x = *y;\ntext.dim:````\ntext.output:no end\n"
        );
        assert_eq!(document.lines[2].code, Some(Clean::new("rust")));
        assert_eq!(document.lines[4].code, None);
    }

    #[test]
    fn list_items_hang() {
        assert_eq!(prose("  - item", Role::Output).indent, 4);
        assert_eq!(prose("10) item", Role::Output).indent, 4);
    }
}
