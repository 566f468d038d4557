//! A flow's parts as styled lines: what each pane says, without colours, cells or widths of a screen.
//!
//! Every function takes a flow and gives a [`Document`]: lines of text with [`Role`]s, which a theme turns into
//! styles, and with the folds and anchors that the panes navigate by.
//!
//! Text from the network enters a document through one function, which makes it safe to draw.
//! What a pane does not show at once, it shows behind a fold: nothing that passed is out of reach.
//! A fold's marker is not part of its text: whoever draws the line puts `▸` or `▾` before it.

mod block;
mod calls;
mod context;
pub mod copy;
mod diff;
mod endpoint;
mod expense;
pub mod format;
mod gist;
mod headers;
mod items;
mod json;
mod log;
mod markdown;
mod output;
mod payload;
mod raw;
mod reasoning;
mod request;
mod response;
mod sessions;
mod timeline;
mod timing;

use std::collections::HashSet;

use crate::flow::lineage::Effective;
use crate::flow::sessions::LogicalTurn;
use crate::flow::{Calls, Flow, FlowId};
use crate::responses::Prices;
use crate::text::Clean;

pub use diff::diff;
pub use expense::what_differs;
pub use log::{log_line, plain};
pub use output::{Output, output};
pub use payload::payload;
pub use reasoning::reasoning;
pub use sessions::{Branch, sessions_header, sessions_note, sessions_row};
pub use timeline::{FRAME_TIMES, Timeline, timeline};

/// What is known besides a flow itself, for what is told about it. Nothing by default.
#[derive(Clone, Default, Debug)]
pub struct Around<'a> {
    /// Tool calls that it shares with other flows.
    pub calls: Calls,
    /// Every attempt at what it is an attempt at.
    pub turn: Option<&'a LogicalTurn>,
    /// The turn of its thread before that.
    pub turn_before: Option<&'a LogicalTurn>,
    /// The flow of that one that counts.
    pub flow_before: Option<&'a Flow>,
    /// Its effective request.
    pub asked: Option<&'a Effective>,
    /// That of the turn before.
    pub asked_before: Option<&'a Effective>,
    /// What models cost.
    pub prices: Option<&'a Prices>,
}

/// What a pane says, top to bottom.
///
/// It takes a million pieces at most, a piece being a line or a span: what an attack brings beyond
/// that is told in one last line, and stands in the Raw tab and in captures.
#[derive(Clone, Default, Debug)]
pub struct Document {
    /// Its lines, unwrapped.
    pub lines: Vec<Line>,
    /// Lines and spans; what was changed in a line since it was added does not matter.
    pieces: usize,
}

/// Documents are equal when their lines are.
impl PartialEq for Document {
    fn eq(&self, other: &Self) -> bool {
        self.lines == other.lines
    }
}

impl FromIterator<Line> for Document {
    fn from_iter<T: IntoIterator<Item = Line>>(lines: T) -> Self {
        let mut document = Self::default();
        for line in lines {
            document.push(line);
        }
        document
    }
}

/// One line of a document.
#[derive(Clone, PartialEq, Default, Debug)]
pub struct Line {
    /// How far continuation rows are indented when the line is wrapped, in columns.
    pub indent: u16,
    /// Its text, piece by piece.
    pub spans: Vec<Span>,
    /// The fold that this line is the head of.
    pub fold: Option<Fold>,
    /// The frame of the flow that this line comes from: selecting one selects the other.
    pub frame: Option<usize>,
    /// The flow whose frame it is, where the document tells of several: a connection with its turns.
    pub flow: Option<FlowId>,
    /// The language of a code block's line (`rust`, `json`, `diff`), for highlighting.
    pub code: Option<Clean>,
}

impl Document {
    /// A document of one line.
    fn of(line: Line) -> Self {
        let mut document = Self::default();
        document.push(line);
        document
    }

    /// Adds a line at the end, or, if there is no room for it, says so once.
    fn push(&mut self, line: Line) {
        if self.is_full() {
            return;
        }
        self.pieces += line.pieces();
        self.lines.push(line);
        if self.is_full() {
            let full = Line::of(FULL, Role::Warning);
            self.pieces += full.pieces();
            self.lines.push(full);
        }
    }

    /// Whether lines that are added now are left out.
    fn is_full(&self) -> bool {
        self.pieces >= MOST_PIECES
    }

    /// Keeps the first `lines`.
    fn truncate(&mut self, lines: usize) {
        for line in self.lines.drain(lines.min(self.lines.len())..) {
            self.pieces = self.pieces.saturating_sub(line.pieces());
        }
    }

    /// Puts other lines in the place of some, and does not look whether there is room for them.
    fn replace(&mut self, range: std::ops::Range<usize>, by: Self) {
        self.pieces += by.pieces;
        for line in self.lines.splice(range, by.lines) {
            self.pieces = self.pieces.saturating_sub(line.pieces());
        }
    }

    /// Adds an empty line, unless there is one, or nothing to set apart from.
    fn gap(&mut self) {
        if self.lines.last().is_some_and(|line| !line.spans.is_empty()) {
            self.push(Line::default());
        }
    }

    /// Takes empty lines at the end away.
    fn trim(&mut self) {
        let is_text = |line: &Line| !line.spans.is_empty();
        let end = self.lines.iter().rposition(is_text);
        self.truncate(end.map_or(0, |last| last + 1));
    }

    /// Adds the head of the section `key`; returns whether the section is open.
    fn section(&mut self, key: &str, by_default: bool, folds: &Folds, head: Line) -> bool {
        let is_open = folds.is_open(key, by_default);
        let fold = Some(Fold {
            key: key.to_owned(),
            is_open,
        });
        self.push(Line { fold, ..head });
        is_open
    }
}

impl Line {
    /// How much of a document it takes.
    fn pieces(&self) -> usize {
        1 + self.spans.len()
    }

    /// A line that begins with `text`.
    fn of(text: &str, role: Role) -> Self {
        Self::default().with(text, role)
    }

    /// The line with `text` added at its end.
    #[must_use]
    fn with(mut self, text: &str, role: Role) -> Self {
        self.add(text, role);
        self
    }

    /// The line with `label value` added, set apart from what stands before.
    #[must_use]
    fn with_value(mut self, label: &str, value: &str, role: Role) -> Self {
        if !self.spans.is_empty() {
            self.add(" · ", Role::Dim);
        }
        self.add(label, Role::Label);
        self.add(" ", Role::Label);
        self.add(value, role);
        self
    }

    /// The line with continuation rows indented by `columns`.
    #[must_use]
    fn hanging(mut self, columns: usize) -> Self {
        self.indent = columns.min(usize::from(MAX_INDENT)) as u16;
        self
    }

    /// Adds `text` at the end, made safe: symbols for control characters and marks of
    /// masked secrets get their own roles. Of a very long text, the beginning.
    fn add(&mut self, text: &str, role: Role) {
        let (text, left_out) = text.split_at(block::floor(text, LONGEST));
        if !left_out.is_empty() {
            self.add(text, role);
            let more = format!("… {} more", format::bytes(left_out.len() as u64));
            return self.add_clean(&more, Role::Dim);
        }
        let mut rest = text;
        while let Some(start) = rest.find(MARK) {
            let end = rest[start..]
                .find('>')
                .map_or(rest.len(), |end| start + end + 1);
            self.add_clean(&rest[..start], role);
            self.add_clean(&rest[start..end], Role::Secret);
            rest = &rest[end..];
        }
        self.add_clean(rest, role);
    }

    fn add_clean(&mut self, text: &str, role: Role) {
        for (text, is_symbol) in Clean::pieces(text) {
            let role = if is_symbol { Role::Control } else { role };
            self.spans.push(Span { text, role });
        }
    }
}

/// A line that tells something in the column beside its name.
fn fact(name: &str) -> Line {
    Line::of(&format!("{name:<FACT$}"), Role::Heading).hanging(FACT)
}

/// Columns of a fact's name.
const FACT: usize = 10;

/// The most lines and spans of a document.
const MOST_PIECES: usize = 1_000_000;

/// The last line of a document that has no room for all.
const FULL: &str = "! too much to show: the rest is in the Raw tab, and in a capture";

/// The longest text that a line takes, in bytes.
const LONGEST: usize = 256 * 1024;

/// How a masked secret begins ([`crate::tap::Redactor`]).
const MARK: &str = "<redacted:";

/// The hanging indent that is not exceeded, in columns, however deep the text is nested.
const MAX_INDENT: u16 = 48;

/// A piece of a line in one role.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Span {
    /// The text.
    pub text: Clean,
    /// What it is.
    pub role: Role,
}

/// A section that opens and closes.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Fold {
    /// Names the section within its document, stable while the flow grows (`request/instructions`).
    pub key: String,
    /// Whether its lines are in the document now.
    pub is_open: bool,
}

/// The panes' tabs and folds that the reader chose: which sections differ from their default.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Folds {
    /// Keys of folds that were toggled away from their default.
    pub toggled: HashSet<String>,
    /// Whether the default is to be open, for every fold.
    is_unfolded: bool,
}

impl Folds {
    /// All sections open.
    #[must_use]
    pub fn unfolded() -> Self {
        Self {
            is_unfolded: true,
            ..Self::default()
        }
    }

    /// Whether the section `key` is open, when it is `by_default` open.
    #[must_use]
    pub fn is_open(&self, key: &str, by_default: bool) -> bool {
        self.toggled.contains(key) != (by_default || self.is_unfolded)
    }

    /// Opens a closed section, closes an open one.
    pub fn toggle(&mut self, key: &str) {
        if !self.toggled.remove(key) {
            self.toggled.insert(key.to_owned());
        }
    }
}

/// The tabs of the payload pane.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Debug)]
pub enum Tab {
    /// What Codex sent.
    #[default]
    Request,
    /// What came back.
    Response,
    /// Both heads, and the connection.
    Headers,
    /// Bodies as they were, decoded but not interpreted.
    Raw,
}

impl Tab {
    /// Every tab, in order.
    pub const ALL: [Self; 4] = [Self::Request, Self::Response, Self::Headers, Self::Raw];

    /// Whether it tells what a model request and response mean.
    #[must_use]
    pub const fn interprets(self) -> bool {
        matches!(self, Self::Request | Self::Response)
    }

    /// Its title.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Request => "Request",
            Self::Response => "Response",
            Self::Headers => "Headers",
            Self::Raw => "Raw",
        }
    }
}

/// Declares the roles with their dotted names.
macro_rules! roles {
    ($($(#[$doc:meta])* $variant:ident = $name:literal,)+) => {
        /// What a piece of text is. A theme gives each role a style; `json.key` falls back to `json`, then to `text`.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Debug)]
        pub enum Role {
            $($(#[$doc])* $variant,)+
        }

        impl Role {
            /// Every role.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// Its dotted name, as themes spell it.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $name),+
                }
            }
        }
    };
}

roles! {
    /// Ordinary text.
    #[default]
    Text = "text",
    /// Less important text: units, separators, hints.
    Dim = "text.dim",
    /// Text that stands out.
    Strong = "text.strong",
    /// Emphasised Markdown.
    Emphasis = "text.emphasis",
    /// Assistant text.
    Output = "text.output",
    /// Reasoning.
    Reasoning = "text.reasoning",
    /// Code in a Markdown text.
    Code = "text.code",
    /// A link's target.
    Link = "text.link",
    /// A symbol that stands for a control character.
    Control = "text.control",
    /// A section's title.
    Heading = "heading",
    /// The label of a value.
    Label = "label",
    /// A count, size or duration.
    Number = "number",
    /// A JSON member name.
    JsonKey = "json.key",
    /// A JSON string.
    JsonString = "json.string",
    /// A JSON number.
    JsonNumber = "json.number",
    /// `true`, `false`, `null`.
    JsonKeyword = "json.keyword",
    /// Brackets, commas, colons.
    JsonPunctuation = "json.punctuation",
    /// A masked credential.
    Secret = "secret",
    /// A header field's name.
    HeaderName = "header.name",
    /// A header field's value.
    HeaderValue = "header.value",
    /// A tool's name.
    Tool = "tool",
    /// A user's message.
    User = "role.user",
    /// A developer's or system message.
    Developer = "role.developer",
    /// An assistant's message.
    Assistant = "role.assistant",
    /// An added line of a diff.
    DiffAdded = "diff.added",
    /// A removed line of a diff.
    DiffRemoved = "diff.removed",
    /// A hunk or file header of a diff.
    DiffHeader = "diff.header",
    /// Ended well.
    Ok = "status.ok",
    /// Still going on.
    Live = "status.live",
    /// Ended with less than was asked for; or something to know.
    Warning = "status.warning",
    /// Failed.
    Error = "status.error",
    /// A frame from Codex.
    FrameOut = "frame.out",
    /// A frame to Codex.
    FrameIn = "frame.in",
    /// A control frame.
    FrameControl = "frame.control",
    /// A close frame.
    FrameClose = "frame.close",
    /// A pause between frames.
    FrameGap = "frame.gap",
}

#[cfg(test)]
mod tests;
