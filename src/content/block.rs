//! Long text, line by line and slice by slice.
//!
//! A body may be huge, and a document is built whole: so text beyond the first slice stays
//! behind a fold that says how much there is, and opening it adds one more slice.

use super::format;
use super::{Document, Folds, Line, Role};
use crate::text::{Clean, truncate};

/// How the lines of a block look.
#[derive(Clone, Copy)]
pub(super) enum Look<'a> {
    /// All in one role.
    Plain(Role),
    /// Code in this language.
    Code(&'a str),
    /// An `apply_patch` envelope.
    Patch,
}

/// Adds `text`, each line moved by `indent` columns; what is beyond the first slice stays behind folds under `key`.
pub(super) fn block(
    document: &mut Document,
    text: &str,
    look: Look,
    indent: usize,
    key: &str,
    folds: &Folds,
) {
    let margin = " ".repeat(indent);
    let mut rest = text.strip_suffix('\n').unwrap_or(text);
    for part in 1.. {
        let slice;
        (slice, rest) = split(rest);
        for line in slice.split('\n') {
            document.push(line_of(
                line.strip_suffix('\r').unwrap_or(line),
                look,
                &margin,
            ));
        }
        if rest.is_empty() {
            return;
        }
        let more = format!("{margin}… {} more", format::bytes(rest.len() as u64));
        let key = format!("{key}/more{part}");
        if !document.section(&key, false, folds, Line::of(&more, Role::Dim)) {
            return;
        }
    }
}

/// Adds bytes that are no text: what they are, and a dump behind a fold.
pub(super) fn binary(document: &mut Document, bytes: &[u8], key: &str, folds: &Folds) {
    let head = Line::of("binary, ", Role::Dim).with(
        &format!("{} bytes", format::count(bytes.len() as u64)),
        Role::Number,
    );
    if !document.section(key, bytes.len() <= SHORT_DUMP, folds, head) {
        return;
    }
    let mut dumped = 0;
    for part in 1.. {
        let end = bytes.len().min(dumped + DUMP_BYTES);
        for (row, bytes) in bytes[dumped..end].chunks(16).enumerate() {
            document.push(dump_row(dumped + row * 16, bytes));
        }
        dumped = end;
        if dumped == bytes.len() {
            return;
        }
        let more = format!("… {} more", format::bytes((bytes.len() - dumped) as u64));
        let key = format!("{key}/more{part}");
        if !document.section(&key, false, folds, Line::of(&more, Role::Dim)) {
            return;
        }
    }
}

/// The start of `text` in one line of at most `columns`: runs of white space become one space.
pub(super) fn preview(text: &str, columns: usize) -> String {
    // A character takes at least no column, so a flood of marks is cut by bytes before it is measured.
    let mut start = String::new();
    for word in text[..floor(text, columns * 8)].split_whitespace() {
        if !start.is_empty() {
            start.push(' ');
        }
        start.push_str(word);
    }
    if text.len() > columns * 8 {
        start.push('…');
    }
    truncate(Clean::from(start).as_str(), columns).into_owned()
}

/// The largest offset ≤ `at` that does not cut a character.
pub(super) fn floor(text: &str, at: usize) -> usize {
    (0..=at.min(text.len()))
        .rev()
        .find(|at| text.is_char_boundary(*at))
        .unwrap_or_default()
}

/// The first slice, ended at a line break if there is one, and the rest after that line break.
fn split(text: &str) -> (&str, &str) {
    let most = floor(text, SLICE_BYTES);
    let lines = text[..most].match_indices('\n').take(SLICE_LINES);
    let last = if most == text.len() {
        lines.map(|(at, _)| at).nth(SLICE_LINES - 1)
    } else {
        Some(lines.map(|(at, _)| at).last().unwrap_or(most))
    };
    match last {
        None => (text, ""),
        Some(at) => (
            &text[..at],
            text[at..].strip_prefix('\n').unwrap_or(&text[at..]),
        ),
    }
}

fn line_of(text: &str, look: Look, margin: &str) -> Line {
    let (role, code) = match look {
        Look::Plain(role) => (role, None),
        Look::Code(language) => (Role::Code, Some(Clean::new(language))),
        Look::Patch => (patch_role(text), None),
    };
    let mut line = Line {
        code,
        ..Line::default()
    };
    if !margin.is_empty() {
        line.add(margin, role);
    }
    line.add(text, role);
    let own = text.len() - text.trim_start_matches(' ').len();
    line.hanging(margin.len() + own)
}

/// What a line of an `apply_patch` envelope is. Its headers begin with `*** ` or `@@`; `---` is a line
/// that is removed.
pub(super) fn patch_role(line: &str) -> Role {
    match line.as_bytes().first() {
        _ if line.starts_with("@@") || line.starts_with("***") => Role::DiffHeader,
        Some(b'+') => Role::DiffAdded,
        Some(b'-') => Role::DiffRemoved,
        _ => Role::Code,
    }
}

fn dump_row(offset: usize, bytes: &[u8]) -> Line {
    use std::fmt::Write as _;
    let mut hex = String::with_capacity(50);
    for (at, byte) in bytes.iter().enumerate() {
        let space = if at == 8 { "  " } else { " " };
        // Writing into a string cannot fail.
        let _ = write!(hex, "{space}{byte:02x}");
    }
    let text: String = bytes
        .iter()
        .map(|byte| {
            if matches!(byte, b' '..=b'~') {
                char::from(*byte)
            } else {
                '.'
            }
        })
        .collect();
    Line::of(&format!("{offset:08x}"), Role::Dim)
        .with(&format!(" {hex:50}"), Role::Number)
        .with(&format!(" {text}"), Role::Code)
}

/// What is shown of a text at once, and with each further step.
const SLICE_LINES: usize = 2_000;
/// What is shown of a text at once, and with each further step.
const SLICE_BYTES: usize = super::LONGEST;
/// Bytes of a dump that are shown at once, and with each further step.
const DUMP_BYTES: usize = 4 * 1024;
/// Bytes that are dumped without being asked for.
const SHORT_DUMP: usize = 512;

#[cfg(test)]
mod tests {
    use super::super::tests::{plain, shown};
    use super::*;

    #[test]
    fn text_is_shown_line_by_line() {
        let mut document = Document::default();
        block(
            &mut document,
            "a\r\n  b\t\n\n",
            Look::Plain(Role::Output),
            2,
            "k",
            &Folds::default(),
        );
        assert_eq!(
            shown(&document),
            "text.output:  |text.output:a\ntext.output:  |text.output:  b|text.control:→\ntext.output:  \n"
        );
        assert_eq!(document.lines[1].indent, 4);
    }

    #[test]
    fn a_huge_text_comes_in_slices() {
        let text = "line\n".repeat(5_000);
        let mut folds = Folds::default();
        let lines = |folds: &Folds| {
            let mut document = Document::default();
            block(&mut document, &text, Look::Plain(Role::Text), 0, "k", folds);
            document
        };
        let first = lines(&folds);
        assert_eq!(first.lines.len(), 2_001);
        assert_eq!(plain(&first).lines().last(), Some("… 15.0 KB more"));
        folds.toggle("k/more1");
        folds.toggle("k/more2");
        assert_eq!(lines(&folds).lines.len(), 5_002);

        let text = "ä".repeat(SLICE_BYTES);
        let mut document = Document::default();
        block(
            &mut document,
            &text,
            Look::Plain(Role::Text),
            0,
            "k",
            &folds,
        );
        let shown: usize = plain(&document).matches('ä').count();
        assert_eq!(
            shown, SLICE_BYTES,
            "a line without an end is cut, and goes on"
        );
    }

    #[test]
    fn a_patch_has_its_colours() {
        let mut document = Document::default();
        let patch = "*** Update File: a.rs\n@@\n-old\n+new\n same";
        block(&mut document, patch, Look::Patch, 0, "k", &Folds::default());
        assert_eq!(
            shown(&document),
            "diff.header:*** Update File: a.rs\ndiff.header:@@\ndiff.removed:-old\ndiff.added:+new\ntext.code: same\n"
        );
    }

    #[test]
    fn bytes_are_dumped() {
        let mut document = Document::default();
        binary(
            &mut document,
            b"\0\x1b[31mABCDEFGHIJK",
            "k",
            &Folds::default(),
        );
        assert_eq!(
            plain(&document),
            "binary, 17 bytes\n\
             00000000  00 1b 5b 33 31 6d 41 42  43 44 45 46 47 48 49 4a  ..[31mABCDEFGHIJ\n\
             00000010  4b                                                K\n"
        );
    }

    #[test]
    fn a_preview_is_one_line() {
        assert_eq!(preview("  two\n\n words ", 20), "two words");
        assert_eq!(preview("much too long for it", 10), "much too …");
        assert_eq!(preview(&"x".repeat(1_000), 5), "xxxx…");
    }
}
