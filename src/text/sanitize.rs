//! The one gate between text from the network and the terminal.
//!
//! A [`Clean`] holds no control character, escape sequence, bidirectional override, invisible character
//! or line break, and no more combining marks on one character than a script needs.
//! The only way to make one from foreign text is through [`Clean::new`] or [`Clean::pieces`], so the compiler
//! knows where the gate is. What is taken out leaves a visible symbol: `␛` for C0 controls,
//! `⟨9b⟩` or `⟨202e⟩` for others by code point, `→` and spaces for a tab, `⟨+12⟩` for marks beyond the limit.
//!
//! Cleaning clean text changes nothing and costs one scan.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use unicode_width::UnicodeWidthChar;

use super::width::width;

/// Text that is safe to write into a terminal cell.
#[derive(Clone, PartialEq, Eq, Hash, Default, Debug)]
pub struct Clean(String);

impl Clean {
    /// Makes `text` safe: each character that could act on the terminal, or hide, becomes a visible symbol.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(washed(text).into_owned())
    }

    /// Makes `text` safe, and tells apart what is text and what are symbols: `true` marks a symbol.
    #[must_use]
    pub fn pieces(text: &str) -> Vec<(Self, bool)> {
        if is_plain_ascii(text) {
            let piece = (!text.is_empty()).then(|| (Self(text.to_owned()), false));
            return piece.into_iter().collect();
        }
        let mut pieces = Vec::new();
        wash(text, |piece, is_symbol| match pieces.last_mut() {
            Some((Self(last), of)) if *of == is_symbol => last.push_str(piece),
            _ => pieces.push((Self(piece.to_owned()), is_symbol)),
        });
        pieces
    }

    /// What [`Self::new`] makes of `text`, borrowed if that is the same: for what is written at once.
    #[must_use]
    pub fn shown(text: &str) -> Cow<'_, str> {
        washed(text)
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// How many columns it takes.
    #[must_use]
    pub fn width(&self) -> usize {
        width(&self.0)
    }

    /// Whether there is nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for Clean {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl From<&str> for Clean {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl From<String> for Clean {
    /// As [`Clean::new`], without a copy when the text is clean already.
    fn from(text: String) -> Self {
        match washed(&text) {
            Cow::Borrowed(_) => Self(text),
            Cow::Owned(washed) => Self(washed),
        }
    }
}

/// `text` with symbols in place of what is not safe; borrowed when all of it is.
fn washed(text: &str) -> Cow<'_, str> {
    if is_plain_ascii(text) || Findings::of(text).next().is_none() {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    wash(text, |piece, _| out.push_str(piece));
    Cow::Owned(out)
}

/// Tells `text` piece by piece: safe text as it is, and a symbol (`true`) for each finding.
fn wash(text: &str, mut tell: impl FnMut(&str, bool)) {
    let mut kept = 0;
    let mut column = 0;
    for (range, finding) in Findings::of(text) {
        let plain = &text[kept..range.start];
        if !plain.is_empty() {
            tell(plain, false);
        }
        kept = range.end;
        column += width(plain);
        let symbol = finding.symbol(column);
        column += width(&symbol);
        tell(&symbol, true);
    }
    if kept < text.len() {
        tell(&text[kept..], false);
    }
}

/// Something that must not reach the terminal as it is.
#[derive(Clone, Copy)]
enum Finding {
    /// A character that acts, or hides.
    Hidden(char),
    /// A combining mark with nothing before it to combine with; the range before it is empty.
    Orphan,
    /// This many marks more than one character may carry.
    Flood(usize),
}

impl Finding {
    /// What is shown instead, at `column`.
    fn symbol(self, column: usize) -> Cow<'static, str> {
        match self {
            Self::Hidden('\t') => TAB_STOPS[column % TAB_STOPS.len()].into(),
            // The control pictures stand in the order of the controls.
            Self::Hidden(c @ '\0'..='\x1f') => char::from_u32(0x2400 + u32::from(c))
                .unwrap_or(char::REPLACEMENT_CHARACTER)
                .to_string()
                .into(),
            Self::Hidden('\x7f') => "\u{2421}".into(),
            Self::Hidden(c) => format!("⟨{:x}⟩", u32::from(c)).into(),
            Self::Orphan => "\u{25cc}".into(),
            Self::Flood(marks) => format!("⟨+{marks}⟩").into(),
        }
    }
}

/// Walks over a text and stops at what must not reach the terminal.
struct Findings<'a> {
    text: &'a str,
    /// Everything before it was looked at.
    at: usize,
    /// The last character that is no mark.
    base: Option<char>,
    /// How many marks `base` carries.
    marks: usize,
}

impl<'a> Findings<'a> {
    fn of(text: &'a str) -> Self {
        Self {
            text,
            at: 0,
            base: None,
            marks: 0,
        }
    }

    /// Goes over the marks from here on; returns how many there are.
    fn skip_marks(&mut self) -> usize {
        let rest = &self.text[self.at..];
        let mut count = 0;
        for (offset, c) in rest.char_indices() {
            if !is_mark(c) {
                self.at += offset;
                return count;
            }
            count += 1;
        }
        self.at = self.text.len();
        count
    }
}

impl Iterator for Findings<'_> {
    type Item = (Range<usize>, Finding);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let start = self.at;
            let c = self.text.get(start..)?.chars().next()?;
            let end = start + c.len_utf8();
            self.at = end;
            if matches!(c, ' '..='~') {
                (self.base, self.marks) = (Some(c), 0);
                continue;
            }
            if matches!(c, '\u{200c}' | '\u{200d}') {
                let next = self.text[end..].chars().next();
                if is_joined(self.base, next) {
                    continue;
                }
            } else if !is_hidden(c) && !is_mark(c) {
                (self.base, self.marks) = (Some(c), 0);
                continue;
            }
            if !is_mark(c) {
                (self.base, self.marks) = (Some(char::REPLACEMENT_CHARACTER), 0);
                return Some((start..end, Finding::Hidden(c)));
            }
            if self.base.is_none() {
                self.base = Some('\u{25cc}');
                self.at = start;
                return Some((start..start, Finding::Orphan));
            }
            if self.marks < MAX_MARKS && (self.marks == 0 || !is_variation_selector(c)) {
                self.marks += 1;
                continue;
            }
            self.at = start;
            let count = self.skip_marks();
            (self.base, self.marks) = (Some(char::REPLACEMENT_CHARACTER), 0);
            return Some((start..self.at, Finding::Flood(count)));
        }
    }
}

fn is_plain_ascii(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b' '..=b'~'))
}

/// Whether `c` acts on the terminal or takes no room while meaning something: controls, separators, bidirectional
/// formatting (UAX #9), default-ignorable code points (UAX #44) other than marks and joiners.
fn is_hidden(c: char) -> bool {
    matches!(c,
        '\0'..='\x1f' | '\x7f'..='\u{9f}' | '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}'
        | '\u{17b4}' | '\u{17b5}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
        | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e00ff}'
        | '\u{e01f0}'..='\u{e0fff}')
}

/// Whether `c` is drawn onto the character before it.
fn is_mark(c: char) -> bool {
    !c.is_ascii() && c.width() == Some(0) && !is_hidden(c)
}

fn is_variation_selector(c: char) -> bool {
    matches!(c, '\u{180b}'..='\u{180f}' | '\u{fe00}'..='\u{fe0f}' | '\u{e0100}'..='\u{e01ef}')
}

/// Whether a joiner between `base` and `next` does what it is for: it shapes a letter of a script that needs it,
/// or makes one picture of two.
fn is_joined(base: Option<char>, next: Option<char>) -> bool {
    let is_letter = |c: char| matches!(c, '\u{600}'..='\u{dff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{18af}');
    let is_picture = |c: char| {
        matches!(c, '\u{2190}'..='\u{21ff}' | '\u{2600}'..='\u{27bf}' | '\u{2b00}'..='\u{2bff}'
            | '\u{1f000}'..='\u{1faff}')
    };
    match (base, next) {
        (Some(base), Some(next)) if !is_mark(next) => {
            (is_letter(base) && is_letter(next)) || (is_picture(base) && is_picture(next))
        }
        _ => false,
    }
}

/// Combining marks that one character may carry; no living script needs more.
const MAX_MARKS: usize = 4;

/// A tab, by how many columns it stands past a stop.
const TAB_STOPS: [&str; 4] = ["→   ", "→  ", "→ ", "→"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_acts_or_hides_becomes_visible() {
        let table = [
            ("plain text, ünï 漢字 👍", "plain text, ünï 漢字 👍"),
            ("\x1b[31mred\x07\r\n", "␛[31mred␇␍␊"),
            ("\u{9b}31m\x7f\0", "⟨9b⟩31m␡␀"),
            ("a\u{202e}cba\u{2066}x", "a⟨202e⟩cba⟨2066⟩x"),
            ("\u{feff}a\u{200b}b\u{2028}c", "⟨feff⟩a⟨200b⟩b⟨2028⟩c"),
            ("hi\u{e0041}\u{e0042}", "hi⟨e0041⟩⟨e0042⟩"),
            ("\ta\tbcd\te", "→   a→  bcd→e"),
            ("e\u{301}", "e\u{301}"),
            ("\u{301}x", "◌\u{301}x"),
            (
                "z\u{300}\u{300}\u{300}\u{300}\u{300}\u{300}y",
                "z\u{300}\u{300}\u{300}\u{300}⟨+2⟩y",
            ),
            ("x\u{fe0f}\u{fe01}\u{fe02}", "x\u{fe0f}⟨+2⟩"),
            (
                "👩\u{200d}💻 a\u{200d}b ❤\u{fe0f}\u{200d}🔥",
                "👩\u{200d}💻 a⟨200d⟩b ❤\u{fe0f}\u{200d}🔥",
            ),
            ("می\u{200c}خواهم", "می\u{200c}خواهم"),
            ("1\u{fe0f}\u{20e3}", "1\u{fe0f}\u{20e3}"),
        ];
        for (text, expected) in table {
            let clean = Clean::new(text);
            assert_eq!(clean.as_str(), expected, "{text:?}");
            assert_eq!(Clean::new(expected), clean, "twice: {text:?}");
            let pieces: String = Clean::pieces(text).into_iter().map(|(p, _)| p.0).collect();
            assert_eq!(pieces, expected, "in pieces: {text:?}");
        }
    }

    #[test]
    fn symbols_are_told_from_text_that_looks_like_them() {
        let pieces = Clean::pieces("⟨9b⟩\u{9b}\u{1b}x");
        let pieces: Vec<_> = pieces.iter().map(|(p, s)| (p.as_str(), *s)).collect();
        assert_eq!(pieces, [("⟨9b⟩", false), ("⟨9b⟩␛", true), ("x", false)]);
    }

    #[test]
    fn an_owned_clean_string_is_taken_as_it_is() {
        let text = "clean, ü and all".to_owned();
        let at = text.as_ptr();
        assert_eq!(Clean::from(text).as_str().as_ptr(), at);
        assert_eq!(Clean::from("a\nb".to_owned()).as_str(), "a␊b");
    }
}
