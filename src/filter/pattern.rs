//! What terms compare with: regular expressions, texts and status codes.

use std::fmt;
use std::ops::Range;
use std::sync::OnceLock;

use regex::bytes::{Regex, RegexBuilder};

use super::{lex, raw};

/// A text to look for, and how.
#[derive(Clone, Debug)]
pub(super) struct Pattern {
    text: String,
    how: How,
    regex: Regex,
    /// Whether letters match in their own case only.
    has_capital: bool,
    /// Whether the text is all that it matches, and JSON spells none of it otherwise.
    is_plain: bool,
    /// What a line has wherever a body in it matches; made when it is first asked for, and `None` where nothing tells.
    in_line: OnceLock<Option<Regex>>,
}

/// How a text is looked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum How {
    /// It is a regular expression.
    Regex,
    /// It is found within another, as it is.
    Within,
    /// It is all of another.
    Whole,
}

impl Pattern {
    /// Compiles `text`; or says in one line what is wrong with it.
    pub(super) fn of(text: &str, how: How) -> Result<Self, String> {
        let (source, has_capital) = match how {
            How::Regex => (text.to_owned(), has_capital(text)),
            How::Within => (regex::escape(text), text.contains(char::is_uppercase)),
            How::Whole => (
                format!(r"\A(?:{})\z", regex::escape(text)),
                text.contains(char::is_uppercase),
            ),
        };
        let regex = RegexBuilder::new(&source)
            .case_insensitive(!has_capital)
            .size_limit(SIZE)
            .build()
            .map_err(|error| reason(&error))?;
        Ok(Self {
            text: text.to_owned(),
            how,
            regex,
            has_capital,
            is_plain: text.bytes().all(is_plain),
            in_line: OnceLock::new(),
        })
    }

    /// Its text.
    pub(super) fn as_str(&self) -> &str {
        &self.text
    }

    /// Where it matches in `line`, from left to right, but for matches of nothing.
    pub(super) fn find_in<'a>(&'a self, line: &'a str) -> impl Iterator<Item = Range<usize>> + 'a {
        let found = self.regex.find_iter(line.as_bytes());
        found
            .map(|found| found.range())
            .filter(|found| !found.is_empty())
    }

    /// How the text is looked for.
    pub(super) fn how(&self) -> How {
        self.how
    }

    /// Whether it matches somewhere in `bytes`.
    pub(super) fn is_in(&self, bytes: &[u8]) -> bool {
        self.regex.is_match(bytes)
    }

    /// Whether no body in this line of a capture can match: a look at the line as it stands, which is many
    /// times as fast as decoding it. `false` where that tells nothing.
    pub(super) fn is_missing_in(&self, line: &[u8]) -> bool {
        let is_in = |part: &str| memchr::memmem::find(line, part.as_bytes()).is_some();
        let in_line = self.in_line.get_or_init(|| self.in_line());
        let may_be = in_line
            .as_ref()
            .is_none_or(|in_line| in_line.is_match(line));
        !may_be && !UNTOLD.iter().any(|part| is_in(part))
    }

    fn in_line(&self) -> Option<Regex> {
        if self.is_plain {
            return Some(self.regex.clone());
        }
        let source = self.regex.as_str();
        let raw = raw::expression(source, !self.has_capital)?;
        RegexBuilder::new(&raw).size_limit(SIZE).build().ok()
    }
}

/// Whether the byte means itself in a pattern and stands as itself in a JSON string (RFC 8259, section 7).
fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b" _-=@%;'<>~!".contains(&byte)
}

/// What a line may have whose bodies hold other text than it has itself: characters by number, bytes in Base64, and
/// frames, whose messages are one text.
const UNTOLD: [&str; 3] = [r"\u", "\"base64\"", "\"frames\""];

/// Patterns are equal when their texts are, and are looked for in one way.
impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        (&self.text, self.how) == (&other.text, other.how)
    }
}

/// The pattern as it stands in a filter: in quotes where it needs them.
impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        lex::write(f, &self.text, lex::is_bare)
    }
}

/// Whether the pattern asks for a capital letter. One after a backslash (`\S`, `\W`) names a class.
fn has_capital(text: &str) -> bool {
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c == '\\' {
            chars.next();
        } else if c.is_uppercase() {
            return true;
        }
    }
    false
}

/// The last line of a syntax error; the lines before it draw the pattern.
fn reason(error: &regex::Error) -> String {
    match error {
        regex::Error::CompiledTooBig(_) => "it is too large".to_owned(),
        other => {
            let text = other.to_string();
            let last = text.lines().last().unwrap_or_default().trim();
            last.strip_prefix("error: ").unwrap_or(last).to_owned()
        }
    }
}

/// A status code, or all that share their first digit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Code {
    /// `404`
    One(u16),
    /// `4xx`
    Class(u16),
}

impl Code {
    /// Reads `404` or `4xx`.
    pub(super) fn new(text: &str) -> Option<Self> {
        let (first, rest) = text.split_at_checked(1)?;
        let digit: u16 = first.parse().ok()?;
        if rest.eq_ignore_ascii_case("xx") {
            return Some(Self::Class(digit));
        }
        let is_number = text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then(|| text.parse().ok().map(Self::One))?
    }

    /// Whether `status` is meant.
    pub(super) fn includes(self, status: u16) -> bool {
        match self {
            Self::One(code) => status == code,
            Self::Class(digit) => status / 100 == digit,
        }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::One(code) => write!(f, "{code:03}"),
            Self::Class(digit) => write!(f, "{digit}xx"),
        }
    }
}

/// The most memory that one compiled pattern may take, in bytes.
const SIZE: usize = 1 << 20;
