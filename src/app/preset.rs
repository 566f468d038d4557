//! Sets of keys to begin with.
//!
//! A preset is written as what it changes of the default keys, in the spelling of the settings file. A key
//! that it gives to one command is taken from others, so each lists what those have instead.

use super::action::Action;

/// A set of keys.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Preset {
    /// Those of the table of commands.
    #[default]
    Default,
    /// The keys of mitmproxy's console, for what exists here.
    Mitmproxy,
    /// What vim's users expect beyond the default keys, which move as vim does; digits are counts only.
    Vim,
}

impl Preset {
    /// Every preset.
    pub const ALL: [Self; 3] = [Self::Default, Self::Mitmproxy, Self::Vim];

    /// Its name, as the settings spell it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::Mitmproxy => "mitmproxy",
            Self::Vim => "vim",
        }
    }

    /// The preset with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|preset| preset.name() == name)
    }

    /// The keys that it gives instead of the default ones.
    #[must_use]
    pub const fn bindings(self) -> &'static [(Action, &'static [&'static str])] {
        match self {
            Self::Default => &[],
            Self::Mitmproxy => MITMPROXY,
            Self::Vim => VIM,
        }
    }
}

/// Keys as in mitmproxy's `tools/console/defaultkeys.py`: the panes of the flow list and the flow view are
/// `list:` and `detail:` here. What a key does there and nothing does here keeps its default.
const MITMPROXY: &[(Action, &[&str])] = &[
    // `console.nav` and `console.view`.
    (Action::PageDown, &["ctrl-f", "list:space", "pagedown"]),
    (Action::Open, &["enter", "P", "list:l", "list:right"]),
    (Action::Back, &["esc", "list:h", "list:left"]),
    (Action::NextPane, &["shift-tab"]),
    (Action::PreviousPane, &["ctrl-p"]),
    (Action::NextTab, &["tab", "detail:l", "detail:right", "]"]),
    (Action::PreviousTab, &["detail:h", "detail:left", "["]),
    (Action::Help, &["?", "K"]),
    // `view.focus` in the flow view.
    (Action::NextFlow, &["detail:space", "J"]),
    (Action::PreviousFlow, &["detail:p", "ctrl-k"]),
    (Action::Pause, &["list:p", "I"]),
    // `view` and `flow` in the flow list; `m` in the flow view chooses how a body is shown.
    (Action::ReverseSort, &["v", "O"]),
    (Action::Range, &["V"]),
    (Action::Mark, &["list:m"]),
    (Action::Raw, &["detail:m", "r"]),
    // `cut.clip`.
    (Action::Copy, &["ctrl-l", "y"]),
    (Action::Redraw, &["ctrl-r"]),
];

/// Keys as in vim's normal mode.
const VIM: &[(Action, &[&str])] = &[
    (Action::Down, &["j", "down", "ctrl-n", "ctrl-j"]),
    (Action::Up, &["k", "up", "ctrl-p"]),
    (Action::PageDown, &["ctrl-f", "pagedown"]),
    (Action::PageUp, &["ctrl-b", "pageup"]),
    (Action::Back, &["esc", "h", "left", "ctrl-o"]),
    (Action::NextPane, &["ctrl-w", "tab"]),
    (Action::Range, &["V", "v"]),
    (Action::Requests, &["alt-1", "f1"]),
    (Action::Payload, &["alt-2", "f2"]),
    (Action::Output, &["alt-3", "f3"]),
    (Action::Reasoning, &["alt-4", "f4"]),
    (Action::Frames, &["alt-5", "f5"]),
];
