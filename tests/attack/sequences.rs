//! Takes apart what a program writes to a terminal, by the rules of ECMA-48.

use std::collections::BTreeSet;

use unicode_width::UnicodeWidthChar as _;

/// The kinds of control sequences and characters in `written` that are no text: `CSI m` for those whose numbers
/// say only where or in which colour, `CSI ?25h`, `OSC 0`, `ESC P`, `U+9b`.
pub(crate) fn kinds(written: &[u8]) -> BTreeSet<String> {
    let mut kinds = BTreeSet::new();
    let Ok(mut rest) = std::str::from_utf8(written) else {
        return BTreeSet::from(["not UTF-8".to_owned()]);
    };
    let mut marks = 0;
    while let Some(first) = rest.chars().next() {
        if let Some(after) = rest.strip_prefix("\x1b[") {
            let end = after
                .find(|c| ('@'..='~').contains(&c))
                .unwrap_or(after.len() - 1);
            let (numbers, last) = (&after[..end], &after[end..=end]);
            let is_place = matches!(last, "H" | "m") && !numbers.starts_with('?');
            kinds.insert(format!("CSI {}{last}", if is_place { "" } else { numbers }));
            rest = &after[end + 1..];
            continue;
        }
        if let Some(after) = rest.strip_prefix("\x1b]") {
            let end = after.find(|c: char| c.is_control()).unwrap_or(after.len());
            let number = after.split([';', '\x07', '\x1b']).next().unwrap();
            let tail = &after[end..];
            let end_of = ["\x07", "\x1b\\"];
            if let Some(after) = end_of.iter().find_map(|end| tail.strip_prefix(end)) {
                kinds.insert(format!("OSC {number}"));
                text(&rest[..end], &mut kinds);
                rest = after;
            } else {
                kinds.insert("OSC without end".to_owned());
                rest = tail;
            }
            continue;
        }
        if let Some(after) = rest.strip_prefix('\x1b') {
            let next = after.chars().next().unwrap_or(' ');
            kinds.insert(format!("ESC {next}"));
            // A string goes on to its terminator.
            let end = if next == 'P' {
                after.find("\x1b\\").map(|at| at + 2)
            } else {
                None
            };
            rest = &after[end.unwrap_or(next.len_utf8().min(after.len()))..];
            continue;
        }
        let is_mark = first.width() == Some(0) && !"\u{200c}\u{200d}".contains(first);
        marks = if is_mark { marks + 1 } else { 0 };
        if marks > 4 {
            kinds.insert("a flood of marks".to_owned());
        }
        let (one, after) = rest.split_at(first.len_utf8());
        text(one, &mut kinds);
        rest = after;
    }
    kinds
}

/// Adds the characters of `text` that act on a terminal or hide in it.
fn text(text: &str, kinds: &mut BTreeSet<String>) {
    let acts = |c: &char| {
        let is_hidden = matches!(c, '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}');
        (c.is_control() && *c != '\x1b') || is_hidden
    };
    kinds.extend(
        text.chars()
            .filter(acts)
            .map(|c| format!("U+{:x}", u32::from(c))),
    );
}
