//! Themes: what each role and each part of the screen looks like.
//!
//! A theme is a TOML file with a palette and with styles for dotted scopes. A scope without a style
//! takes that of the broader one (`json.key`, then `json`, then `text`), and a theme may inherit
//! from another. The default themes use the terminal's own 16 colours; named ones use RGB. Nothing
//! is told by colour alone, so `mono` works as well.

use std::collections::BTreeMap;

use ratatui::style::{Color, Modifier, Style};
use serde::Deserialize;

use super::depth::{Depth, needs_more};
use super::highlight::Highlighter;
use crate::content::Role;

/// A style for every role and every part of the screen.
#[derive(Debug)]
pub struct Theme {
    /// Its name.
    name: String,
    /// The user's themes, by name.
    own: Vec<(String, String)>,
    /// The colours that there are.
    depth: Depth,
    /// Styles in the order of [`Role::ALL`].
    roles: Vec<Style>,
    /// Styles in the order of [`Ui::ALL`].
    ui: Vec<Style>,
    /// Colours code.
    pub(super) highlighter: Highlighter,
}

/// Why a theme cannot be used.
#[derive(Clone, PartialEq, Eq, thiserror::Error, Debug)]
pub enum ThemeError {
    /// There is no theme of this name.
    #[error("there is no theme `{0}`")]
    Unknown(String),
    /// The file is no theme.
    #[error("theme `{theme}`: {message}")]
    Syntax {
        /// The theme.
        theme: String,
        /// What is wrong, and where.
        message: String,
    },
    /// A scope does not exist.
    #[error("theme `{theme}`: there is no scope `{scope}`")]
    UnknownScope {
        /// The theme.
        theme: String,
        /// The scope.
        scope: String,
    },
    /// A colour or modifier does not exist.
    #[error("theme `{theme}`: `{value}` is no colour of the palette, no colour and no modifier")]
    UnknownValue {
        /// The theme.
        theme: String,
        /// The value.
        value: String,
    },
    /// Themes inherit from each other in a circle.
    #[error("theme `{0}` inherits from itself")]
    Circle(String),
}

/// Declares the parts of the screen with their dotted names.
macro_rules! ui {
    ($($(#[$doc:meta])* $variant:ident = $name:literal,)+) => {
        /// A part of the screen.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub enum Ui {
            $($(#[$doc])* $variant,)+
        }

        impl Ui {
            /// Every part.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// Its dotted name, as themes spell it.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }
        }
    };
}

ui! {
    /// The whole screen.
    Background = "ui.background",
    /// A border.
    Border = "ui.border",
    /// The border of the focused pane.
    BorderFocused = "ui.border.focused",
    /// A title in a border.
    Title = "ui.title",
    /// The title of the focused pane.
    TitleFocused = "ui.title.focused",
    /// A tab that is not shown.
    Tab = "ui.tab",
    /// What stands out, such as keys and the filter.
    Accent = "ui.accent",
    /// The row of the cursor in the focused pane.
    Cursor = "ui.cursor",
    /// The row of the list's cursor while another pane has the focus.
    CursorInactive = "ui.cursor.inactive",
    /// The line of the cursor in a text.
    CursorLine = "ui.cursor.line",
    /// The mark in the margin of the cursor's row.
    CursorMark = "ui.cursor.mark",
    /// The sign of a marked flow.
    Mark = "ui.mark",
    /// The rows of a range that is being chosen.
    Range = "ui.range",
    /// Column titles.
    Header = "ui.header",
    /// The row of a side channel.
    Side = "ui.side",
    /// The lines that join turns to their connection.
    Tree = "ui.tree",
    /// The sign of a section that opens and closes.
    Fold = "ui.fold",
    /// What a search found.
    Match = "ui.match",
    /// The match that the cursor is on.
    MatchCurrent = "ui.match.current",
    /// The part of a text that is visible.
    Scrollbar = "ui.scrollbar",
    /// The bottom line.
    Status = "ui.status",
    /// Keys in the bottom line.
    StatusKey = "ui.status.key",
    /// The text of a prompt.
    Prompt = "ui.prompt",
    /// The part of a prompt's text that is wrong.
    PromptError = "ui.prompt.error",
    /// What is on top of the panes.
    Overlay = "ui.overlay",
    /// A message that comes and goes.
    Toast = "ui.toast",
    /// Such a message, about a failure.
    ToastError = "ui.toast.error",
    /// Text where there is nothing to show.
    Empty = "ui.empty",
    /// A comment in code.
    CodeComment = "text.code.comment",
    /// A keyword in code.
    CodeKeyword = "text.code.keyword",
    /// A string in code.
    CodeString = "text.code.string",
    /// A number or another constant in code.
    CodeConstant = "text.code.constant",
    /// The name of a function in code.
    CodeFunction = "text.code.function",
    /// An operator in code.
    CodeOperator = "text.code.operator",
    /// The name of a type in code.
    CodeType = "text.code.type",
}

impl Theme {
    /// Has `tell` called, by another thread, when there are colours for code that was drawn plain.
    pub fn tell_colours(&self, tell: impl Fn() + Send + Sync + 'static) {
        self.highlighter.tell(tell);
    }

    /// Reads at once how to colour code, which takes a moment, so that all frames have it.
    #[must_use]
    pub fn loaded(mut self) -> Self {
        self.highlighter.load();
        self
    }

    /// The theme called `name`: one of `own`, which are the user's files by name, or one that comes
    /// with the program.
    pub fn load(name: &str, own: &[(String, String)]) -> Result<Self, ThemeError> {
        let raw = Raw::load(name, own, &mut Vec::new())?;
        raw.check(name)?;
        let style = |scope: &str| raw.style(name, scope);
        Ok(Self {
            name: name.to_owned(),
            own: own.to_vec(),
            depth: Depth::True,
            roles: Role::ALL
                .iter()
                .map(|role| style(role.as_str()))
                .collect::<Result<_, _>>()?,
            ui: Ui::ALL
                .iter()
                .map(|ui| style(ui.as_str()))
                .collect::<Result<_, _>>()?,
            highlighter: Highlighter::default(),
        })
    }

    /// Another theme, for the same screen.
    pub fn other(&self, name: &str) -> Result<Self, ThemeError> {
        let other = Self {
            highlighter: self.highlighter.clone(),
            ..Self::load(name, &self.own)?
        };
        other.fitted(self.depth)
    }

    /// The names of the themes that there are besides: those that come with the program, then the user's.
    #[must_use]
    pub fn others(&self) -> Vec<String> {
        let names = Self::names();
        let own = self.own.iter().map(|(name, _)| name.as_str());
        let own = own.filter(|own| !names.contains(own));
        names
            .iter()
            .copied()
            .chain(own)
            .map(str::to_owned)
            .collect()
    }

    /// The names of the themes that come with the program.
    #[must_use]
    pub fn names() -> Vec<&'static str> {
        EMBEDDED.iter().map(|(name, _)| *name).collect()
    }

    /// The theme in the colours that there are. Where it needs more than the terminal's own, no style of it can be
    /// told from its neighbours for sure, so it is one of those that need no more.
    ///
    /// # Errors
    /// When that one cannot be used.
    pub fn fitted(self, depth: Depth) -> Result<Self, ThemeError> {
        let mut styles = self.roles.iter().chain(&self.ui);
        if depth == Depth::Sixteen && styles.any(needs_more) {
            let name = if self.is_light() { LIGHT } else { DARK };
            let plain = Self::load(name, &[])?;
            return Ok(Self {
                depth,
                own: self.own,
                highlighter: self.highlighter,
                ..plain
            });
        }
        let fit = |styles: Vec<Style>| styles.into_iter().map(|style| depth.style(style)).collect();
        Ok(Self {
            depth,
            roles: fit(self.roles),
            ui: fit(self.ui),
            ..self
        })
    }

    /// Whether its ground is light, as far as that is known.
    fn is_light(&self) -> bool {
        match self.ui(Ui::Background).bg {
            Some(Color::Rgb(r, g, b)) => u16::from(r) + u16::from(g) + u16::from(b) > 3 * 128,
            _ => false,
        }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The style of a role.
    #[must_use]
    pub fn role(&self, role: Role) -> Style {
        self.roles.get(role as usize).copied().unwrap_or_default()
    }

    /// The style of a part of the screen.
    #[must_use]
    pub fn ui(&self, ui: Ui) -> Style {
        self.ui.get(ui as usize).copied().unwrap_or_default()
    }
}

/// A theme's file.
#[derive(Clone, Default, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    /// The theme that it changes.
    inherits: Option<String>,
    /// Colours by name.
    #[serde(default)]
    palette: BTreeMap<String, String>,
    /// Styles by scope.
    #[serde(default)]
    scopes: BTreeMap<String, RawStyle>,
}

/// A style, as a theme's file spells it.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
enum RawStyle {
    /// A foreground colour.
    Colour(String),
    /// Colours and modifiers.
    Parts(RawParts),
}

/// The parts of a style.
#[derive(Clone, Default, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawParts {
    /// The foreground colour.
    fg: Option<String>,
    /// The background colour.
    bg: Option<String>,
    /// `bold`, `dim`, `italic`, `underlined`, `reversed`.
    #[serde(default)]
    modifiers: Vec<String>,
}

impl Raw {
    /// Reads a theme and those it inherits from. `path` holds the names that led here.
    fn load(
        name: &str,
        own: &[(String, String)],
        path: &mut Vec<String>,
    ) -> Result<Self, ThemeError> {
        if path.iter().any(|seen| seen == name) {
            return Err(ThemeError::Circle(name.to_owned()));
        }
        path.push(name.to_owned());
        // A user's theme may have the name of an embedded one and inherit from it.
        let own_text = own.iter().find(|(own, _)| own == name && path.len() == 1);
        let text = own_text.map(|(_, text)| text.as_str()).or_else(|| {
            let embedded = EMBEDDED.iter().find(|(embedded, _)| *embedded == name);
            embedded.map(|(_, text)| *text)
        });
        let text = text
            .or_else(|| {
                let other = own.iter().find(|(own, _)| own == name);
                other.map(|(_, text)| text.as_str())
            })
            .ok_or_else(|| ThemeError::Unknown(name.to_owned()))?;
        let raw: Self = toml::from_str(text).map_err(|error| ThemeError::Syntax {
            theme: name.to_owned(),
            message: in_one_line(text, &error),
        })?;
        let Some(parent) = &raw.inherits else {
            return Ok(raw);
        };
        if parent == name && own_text.is_some() {
            path.clear();
        }
        let mut merged = Self::load(parent, &without(own, name), path)?;
        merged.palette.extend(raw.palette);
        merged.scopes.extend(raw.scopes);
        Ok(merged)
    }

    /// Refuses scopes that do not exist.
    fn check(&self, theme: &str) -> Result<(), ThemeError> {
        let unknown = self.scopes.keys().find(|scope| !is_known(scope));
        match unknown {
            Some(scope) => Err(ThemeError::UnknownScope {
                theme: theme.to_owned(),
                scope: scope.clone(),
            }),
            None => Ok(()),
        }
    }

    /// The style of `scope`, or of the nearest broader scope that has one.
    fn style(&self, theme: &str, scope: &str) -> Result<Style, ThemeError> {
        let mut scope = scope;
        let raw = loop {
            if let Some(raw) = self.scopes.get(scope) {
                break raw;
            }
            scope = match scope.rsplit_once('.') {
                Some((broader, _)) => broader,
                None if scope == "text" || scope == "ui" => return Ok(Style::default()),
                None => "text",
            };
        };
        let parts = match raw {
            RawStyle::Colour(fg) => RawParts {
                fg: Some(fg.clone()),
                ..RawParts::default()
            },
            RawStyle::Parts(parts) => parts.clone(),
        };
        let unknown = |value: &String| ThemeError::UnknownValue {
            theme: theme.to_owned(),
            value: value.clone(),
        };
        let mut style = Style::default();
        if let Some(fg) = &parts.fg {
            style = style.fg(self.colour(fg).ok_or_else(|| unknown(fg))?);
        }
        if let Some(bg) = &parts.bg {
            style = style.bg(self.colour(bg).ok_or_else(|| unknown(bg))?);
        }
        for name in &parts.modifiers {
            let modifier = MODIFIERS.iter().find(|(known, _)| known == name);
            let (_, modifier) = modifier.ok_or_else(|| unknown(name))?;
            style = style.add_modifier(*modifier);
        }
        Ok(style)
    }

    /// A colour of the palette, or any other.
    fn colour(&self, name: &str) -> Option<Color> {
        let name = self.palette.get(name).map_or(name, String::as_str);
        if name == "default" {
            return Some(Color::Reset);
        }
        name.parse().ok()
    }
}

/// What is wrong with a theme's text, and on which line.
fn in_one_line(text: &str, error: &toml::de::Error) -> String {
    let message = error.message().lines().collect::<Vec<_>>().join(", ");
    let before = error.span().and_then(|span| text.get(..span.start));
    match before.map(|before| 1 + before.matches('\n').count()) {
        Some(line) => format!("line {line}: {message}"),
        None => message,
    }
}

/// `own` without the theme `name`.
fn without(own: &[(String, String)], name: &str) -> Vec<(String, String)> {
    let others = own.iter().filter(|(own, _)| own != name);
    others.cloned().collect()
}

/// Whether a scope is one, or is broader than one.
fn is_known(scope: &str) -> bool {
    let roles = Role::ALL.iter().map(|role| role.as_str());
    let mut all = roles.chain(Ui::ALL.iter().map(|ui| ui.as_str()));
    all.any(|known| {
        known
            .strip_prefix(scope)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    })
}

/// The theme of a dark terminal's own colours.
pub(super) const DARK: &str = "default-dark";
/// The theme of a light terminal's own colours.
pub(super) const LIGHT: &str = "default-light";

/// The modifiers that a style may have.
const MODIFIERS: [(&str, Modifier); 5] = [
    ("bold", Modifier::BOLD),
    ("dim", Modifier::DIM),
    ("italic", Modifier::ITALIC),
    ("underlined", Modifier::UNDERLINED),
    ("reversed", Modifier::REVERSED),
];

/// The themes that come with the program: those of the terminal's own colours first, then dark, light,
/// for sharper and for other colour vision, and without colours.
const EMBEDDED: [(&str, &str); 11] = [
    (
        "default-dark",
        include_str!("../../themes/default-dark.toml"),
    ),
    (
        "default-light",
        include_str!("../../themes/default-light.toml"),
    ),
    ("midnight", include_str!("../../themes/midnight.toml")),
    ("fjord", include_str!("../../themes/fjord.toml")),
    ("ember", include_str!("../../themes/ember.toml")),
    ("paper", include_str!("../../themes/paper.toml")),
    ("daylight", include_str!("../../themes/daylight.toml")),
    (
        "high-contrast",
        include_str!("../../themes/high-contrast.toml"),
    ),
    ("color-blind", include_str!("../../themes/color-blind.toml")),
    (
        "color-blind-light",
        include_str!("../../themes/color-blind-light.toml"),
    ),
    ("mono", include_str!("../../themes/mono.toml")),
];
