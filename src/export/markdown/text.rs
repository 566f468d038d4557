//! Foreign text inside Markdown (`CommonMark`, with GitHub's tables): nothing in it acts as markup or on a terminal.

use std::time::Duration;

use crate::text::{Clean, count};

/// Text within a line: white space runs become one blank, punctuation is escaped (`CommonMark` §2.4), and what is
/// longer than `most` characters is cut.
pub(crate) fn inline(text: &str, most: usize) -> String {
    let mut line = String::new();
    let mut left = most;
    'words: for word in text.split_whitespace() {
        if !line.is_empty() {
            line.push(' ');
        }
        for c in Clean::new(word).as_str().chars() {
            if left == 0 {
                line.push('…');
                break 'words;
            }
            left -= 1;
            if matches!(
                c,
                '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '|' | '~' | '#' | '&' | '@' | '$'
            ) {
                line.push('\\');
            }
            line.push(c);
        }
        left = left.saturating_sub(1);
    }
    line
}

/// A name or value in a code span, in a cell of a table: there a pipe is escaped within code, too.
pub(crate) fn cell(text: &str) -> String {
    code(text).replace('|', "\\|")
}

/// A name or value in a code span, in one line outside of tables.
pub(crate) fn code(text: &str) -> String {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let text = Clean::new(&text);
    let text = text.as_str();
    if text.is_empty() {
        return String::new();
    }
    let ticks = "`".repeat(longest_run(text) + 1);
    let pad = if ticks.len() > 1 { " " } else { "" };
    format!("{ticks}{pad}{text}{pad}{ticks}")
}

/// Text in a fenced code block; of more than `most` bytes the beginning, and how much is missing.
pub(crate) fn fence(out: &mut String, language: &str, text: &str, most: usize) {
    let mut ends = (0..=most.min(text.len())).rev();
    let kept = ends.find(|end| text.is_char_boundary(*end));
    let kept = kept.unwrap_or_default();
    let (shown, rest) = text.split_at(kept);
    let ticks = "`".repeat(longest_run(shown).max(2) + 1);
    out.push_str(&ticks);
    out.push_str(language);
    out.push('\n');
    for line in shown.lines() {
        out.push_str(Clean::new(line).as_str());
        out.push('\n');
    }
    out.push_str(&ticks);
    out.push('\n');
    if !rest.is_empty() {
        put!(out, "… and {} more bytes.\n", count(rest.len() as u64));
    }
    out.push('\n');
}

/// The beginning of a part that a reader unfolds; [`END_OF_DETAILS`] ends it. The summary is HTML.
pub(crate) fn details(out: &mut String, summary: &str) {
    let summary = Clean::new(summary);
    let summary = summary.as_str().replace('&', "&amp;").replace('<', "&lt;");
    put!(out, "<details><summary>{summary}</summary>\n\n");
}

/// The end of [`details`].
pub(crate) const END_OF_DETAILS: &str = "</details>\n\n";

/// A duration in milliseconds, or seconds from ten on: `850 ms`, `12.3 s`.
pub(crate) fn duration(duration: Duration) -> String {
    let ms = duration.as_millis() as u64;
    if ms < 10_000 {
        format!("{} ms", count(ms))
    } else {
        let tenths = ms / 100;
        format!("{}.{} s", count(tenths / 10), tenths % 10)
    }
}

/// `part` of `whole` in percent: `81 %`.
pub(crate) fn share(part: u64, whole: u64) -> String {
    let percent = (part.saturating_mul(100) + whole / 2).checked_div(whole);
    format!("{} %", percent.unwrap_or_default())
}

/// The longest run of backticks.
fn longest_run(text: &str) -> usize {
    let mut runs = text.split(|c| c != '`').map(str::len);
    let first = runs.next().unwrap_or_default();
    runs.fold(first, usize::max)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_markup_and_no_control_character_gets_through() {
        assert_eq!(
            inline("a|b\n <b> `x` *y*", 99),
            "a\\|b \\<b\\> \\`x\\` \\*y\\*"
        );
        assert_eq!(inline("one two three", 5), "one t…");
        assert_eq!(inline("$a$", 9), "\\$a\\$", "no formula");
        assert_eq!(code("a`b"), "`` a`b ``");
        assert_eq!([code("a|b"), cell("a|b")], ["`a|b`", "`a\\|b`"]);
        let mut out = String::new();
        fence(&mut out, "text", "```\n\x1b[2J", 99);
        assert!(out.starts_with("````text\n```\n␛"), "{out}");
        out.clear();
        fence(&mut out, "", "aéb", 2);
        assert!(out.contains("… and 3 more bytes."), "{out}");
    }

    #[test]
    fn numbers_are_exact_and_grouped() {
        assert_eq!(share(2, 3), "67 %");
        assert_eq!(share(0, 0), "0 %");
        assert_eq!(duration(Duration::from_millis(9_999)), "9,999 ms");
        assert_eq!(duration(Duration::from_millis(12_345)), "12.3 s");
    }
}
