//! A flow's parts as styled lines: what each pane says, without colours, cells or widths of a screen.
//!
//! Every function takes a flow and gives a [`Document`]: lines of text with [`Role`]s, which a theme turns into
//! styles, and with the folds and anchors that the panes navigate by.

use crate::text::Clean;

/// What a pane says, top to bottom.
#[derive(Clone, PartialEq, Default, Debug)]
pub struct Document {
    /// Its lines, unwrapped.
    pub lines: Vec<Line>,
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
    /// The language of a code block's line (`rust`, `json`, `diff`), for highlighting.
    pub code: Option<Clean>,
}

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
    pub toggled: std::collections::HashSet<String>,
}

impl Folds {
    /// Whether the section `key` is open, when it is `by_default` open.
    #[must_use]
    pub fn is_open(&self, key: &str, by_default: bool) -> bool {
        self.toggled.contains(key) != by_default
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
