//! Every command: the one table from which the keymap, the help overlay, the hints in the status
//! bar and the README's key table are made.

use super::focus::Pane;

/// Where a command can be given.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Scope {
    /// In every pane.
    Anywhere,
    /// In the request list.
    List,
    /// In the panes that show the selected flow.
    Detail,
    /// In the payload pane.
    Payload,
}

impl Scope {
    /// Whether `pane` lies within it.
    #[must_use]
    pub fn contains(self, pane: Pane) -> bool {
        match self {
            Self::Anywhere => true,
            Self::List => pane == Pane::Requests,
            Self::Detail => pane.is_detail(),
            Self::Payload => pane == Pane::Payload,
        }
    }

    /// The panes within both; `None` if there are none.
    #[must_use]
    pub fn and(self, other: Self) -> Option<Self> {
        let both = |pane: &Pane| self.contains(*pane) && other.contains(*pane);
        let scopes = [Self::Anywhere, Self::List, Self::Detail, Self::Payload];
        let is_same = |scope: &Self| {
            Pane::ALL
                .iter()
                .all(|pane| scope.contains(*pane) == both(pane))
        };
        scopes.into_iter().find(is_same)
    }
}

/// The headings under which help lists the commands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Topic {
    /// Moving within a pane.
    Move,
    /// Going from pane to pane, flow to flow.
    Go,
    /// Choosing flows.
    Choose,
    /// What is shown, and how.
    Show,
    /// The program.
    Program,
}

impl Topic {
    /// Every topic, in the order of the help overlay.
    pub const ALL: [Self; 5] = [
        Self::Move,
        Self::Go,
        Self::Choose,
        Self::Show,
        Self::Program,
    ];

    /// Its heading.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Move => "Move",
            Self::Go => "Go",
            Self::Choose => "Choose",
            Self::Show => "Show",
            Self::Program => "Program",
        }
    }
}

/// Declares the commands: variant, name, hint, keys, scope, topic, description.
macro_rules! actions {
    ($($variant:ident $name:literal $hint:literal $keys:tt
        $scope:ident $topic:ident $about:literal;)+) => {
        /// A command.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        pub enum Action {
            $(#[doc = concat!($about, ".")] $variant,)+
        }

        impl Action {
            /// Every command, in the order of the help overlay.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// Its name, as key bindings in the configuration spell it.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }

            /// What it does, in one word or two for the status bar.
            #[must_use]
            pub const fn hint(self) -> &'static str {
                match self { $(Self::$variant => $hint),+ }
            }

            /// What it does, in one line.
            #[must_use]
            pub const fn description(self) -> &'static str {
                match self { $(Self::$variant => $about),+ }
            }

            /// The keys that give it, unless the configuration says otherwise.
            #[must_use]
            pub const fn keys(self) -> &'static [&'static str] {
                match self { $(Self::$variant => &$keys),+ }
            }

            /// Where it can be given.
            #[must_use]
            pub const fn scope(self) -> Scope {
                match self { $(Self::$variant => Scope::$scope),+ }
            }

            /// Under which heading help lists it.
            #[must_use]
            pub const fn topic(self) -> Topic {
                match self { $(Self::$variant => Topic::$topic),+ }
            }
        }
    };
}

actions! {
    Down "down" "down" ["j", "down"] Anywhere Move "Move down";
    Up "up" "up" ["k", "up"] Anywhere Move "Move up";
    First "first" "first" ["g", "home"] Anywhere Move "Go to the first line";
    Last "last" "last" ["G", "end"] Anywhere Move "Go to the last line";
    HalfDown "half-page-down" "half page" ["ctrl-d"] Anywhere Move "Move half a page down";
    HalfUp "half-page-up" "half page" ["ctrl-u"] Anywhere Move "Move half a page up";
    PageDown "page-down" "page" ["ctrl-f", "pagedown"] Anywhere Move "Move a page down";
    PageUp "page-up" "page" ["ctrl-b", "pageup"] Anywhere Move "Move a page up";
    Goto "goto" "go to" [] Anywhere Move "Go to the row of this number";

    Open "open" "open" ["enter", "l", "right"] Anywhere Go
        "Open the flow, or the section under the cursor";
    Back "back" "back" ["esc", "h", "left"] Anywhere Go
        "Go back: close what is on top, return to the list";
    NextPane "next-pane" "pane" ["tab"] Anywhere Go "Go to the next pane";
    PreviousPane "previous-pane" "pane" ["shift-tab"] Anywhere Go "Go to the previous pane";
    Requests "requests" "list" ["1"] Anywhere Go "Go to Requests";
    Payload "payload" "payload" ["2"] Anywhere Go "Go to Payload";
    Output "output" "output" ["3"] Anywhere Go "Go to Output";
    Reasoning "reasoning" "reasoning" ["4"] Anywhere Go "Go to Reasoning";
    Frames "frames" "frames" ["5"] Anywhere Go "Go to Frames";
    NextFlow "next-flow" "next flow" ["J"] Anywhere Go "Show the next flow, staying in the pane";
    PreviousFlow "previous-flow" "previous flow" ["K"] Anywhere Go
        "Show the previous flow, staying in the pane";
    NextTurn "next-turn" "turn" ["}"] Anywhere Go "Show the next model turn";
    PreviousTurn "previous-turn" "turn" ["{"] Anywhere Go "Show the previous model turn";
    NextError "next-error" "error" ["e"] Anywhere Go "Show the next flow that failed";
    PreviousError "previous-error" "error" ["E"] Anywhere Go "Show the previous flow that failed";
    NextCall "next-call" "tool call" ["t"] Anywhere Go "Show the next turn that called a tool";
    PreviousCall "previous-call" "tool call" ["T"] Anywhere Go
        "Show the previous turn that called a tool";
    NextReasoning "next-reasoning" "reasoning" [")"] Anywhere Go
        "Show the next turn with reasoning";
    PreviousReasoning "previous-reasoning" "reasoning" ["("] Anywhere Go
        "Show the previous turn with reasoning";
    NextAgent "next-agent" "agent" ["a"] Anywhere Go "Show the next turn of another agent";
    PreviousAgent "previous-agent" "agent" ["A"] Anywhere Go
        "Show the previous turn of another agent";
    Sessions "sessions" "sessions" ["s"] Anywhere Go
        "Show sessions with their agents and turns";
    NextTab "next-tab" "tab" ["]"] Anywhere Go "Show the next tab of the payload";
    PreviousTab "previous-tab" "tab" ["["] Anywhere Go "Show the previous tab of the payload";

    Search "search" "search" ["/"] Anywhere Choose
        "Search the text of the pane, or filter the list";
    NextMatch "next-match" "next match" ["n"] Detail Choose "Go to the next match";
    PreviousMatch "previous-match" "previous match" ["N"] Detail Choose
        "Go to the previous match";
    FilterFrames "filter-frames" "filter frames" ["&"] Anywhere Choose
        "Filter the frames of the flow";
    Filter "filter" "filter" ["f"] Anywhere Choose "Filter the list";
    ToggleFilter "toggle-filter" "no filter" ["\\"] Anywhere Choose
        "Clear the filter; again restores it";
    Mark "mark" "mark" ["space", "m"] Anywhere Choose
        "Mark the flow, or the range, or take the mark away";
    Range "range" "range" ["v"] List Choose "Begin a range at the cursor, to be marked";
    MarkedOnly "marked-only" "marked" ["M"] Anywhere Choose "Show marked flows only";
    UnmarkAll "unmark-all" "unmark" ["U"] Anywhere Choose "Take all marks away";
    Comment "comment" "comment" [";"] Anywhere Choose "Note something about the flow";
    Save "save" "save" ["w"] Anywhere Choose "Save the marked (or else the shown) flows to JSONL";
    Export "export" "export" ["x"] Anywhere Choose
        "Export the marked flows, or the selected one: HAR, Markdown, curl, OTLP, bodies";
    Stream "stream" "stream" ["W"] Anywhere Choose
        "Stream flows that match to a file; again stops it";
    Copy "copy" "copy" ["y"] Anywhere Choose
        "Copy: then y the line, v the value, p the path, s the section, a all";
    Pager "pager" "pager" ["V"] Detail Choose "Read all of the pane in $PAGER; recording goes on";
    Editor "editor" "editor" ["ctrl-e"] Detail Choose
        "Open all of the pane in $EDITOR, as a copy; recording goes on";
    CopyFlow "copy-flow" "copy flow" ["Y"] Anywhere Choose "Copy the flow as a line of JSONL";

    Follow "follow" "follow" ["F"] Anywhere Show "Follow the newest turn";
    Pause "pause" "pause" ["p"] Anywhere Show "Pause the display; recording goes on";
    Sort "sort" "sort" ["o"] List Show "Choose the column that the list is sorted by";
    ReverseSort "reverse-sort" "reverse" ["O"] List Show "Sort the other way round";
    Fold "fold" "fold" ["c"] Anywhere Show
        "Fold the thread, connection or section under the cursor";
    FoldAll "fold-all" "fold all" ["C"] List Show
        "Fold all threads and connections; again unfolds them";
    SideChannels "side-channels" "side channels" ["."] List Show
        "Hide side channels, but for what failed; again shows them";
    Raw "raw" "raw" ["r"] Anywhere Show "Show the payload raw, or decoded again";
    Diff "diff" "diff" ["d"] Anywhere Show "Compare the request with that of the turn before";
    Wrap "wrap" "wrap" ["b"] Detail Show "Break long lines, or cut them at the edge";
    Zoom "zoom" "zoom" ["z"] Anywhere Show "Let the pane fill the screen, or not";
    Layout "layout" "layout" ["-"] Anywhere Show "Try the next layout";
    Shrink "shrink" "shrink" ["<"] Anywhere Show "Make the list smaller";
    Grow "grow" "grow" [">"] Anywhere Show "Make the list larger";
    Themes "theme" "theme" ["ctrl-t"] Anywhere Show "Choose the colours";

    Palette "palette" "commands" [":"] Anywhere Program "Find a command by its name";
    Help "help" "help" ["?"] Anywhere Program "Show these keys";
    Log "log" "log" ["L"] Anywhere Program "Show the program's own log";
    Hints "hints" "hints" ["H"] Anywhere Program "Show or hide the keys in the bottom line";
    Redraw "redraw" "redraw" ["ctrl-l"] Anywhere Program "Draw the screen anew";
    Suspend "suspend" "suspend" ["ctrl-z"] Anywhere Program
        "Leave the screen for a shell; recording goes on (a reader stops, `fg` comes back)";
    Quit "quit" "quit" ["q"] Anywhere Program "Go back, or quit; asks if streams, a child or comments are at stake";
    Interrupt "interrupt" "quit" ["ctrl-c"] Anywhere Program
        "Quit; where that asks, a second one means yes";
    QuitNow "quit-now" "quit" ["Q"] Anywhere Program "Quit now";
}

impl Action {
    /// The command with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .copied()
            .find(|action| action.name() == name)
    }

    /// What may stand behind its name in the palette; `None` if nothing may.
    #[must_use]
    pub const fn argument(self) -> Option<&'static str> {
        match self {
            Self::Goto => Some("ROW"),
            Self::Filter => Some("FILTER"),
            Self::Save | Self::Export => Some("FILE"),
            Self::Themes => Some("NAME"),
            _ => None,
        }
    }

    /// Whether it does the same whatever is on top of the panes.
    #[must_use]
    pub const fn is_everywhere(self) -> bool {
        matches!(
            self,
            Self::Help
                | Self::Hints
                | Self::Interrupt
                | Self::Log
                | Self::Palette
                | Self::QuitNow
                | Self::Redraw
                | Self::Suspend
                | Self::Themes
        )
    }

    /// What the status bar suggests in `pane`, most useful first.
    #[must_use]
    pub const fn hints(pane: Pane) -> &'static [Self] {
        match pane {
            Pane::Requests => &[
                Self::Open,
                Self::Filter,
                Self::Mark,
                Self::Save,
                Self::Follow,
                Self::Zoom,
                Self::NextError,
            ],
            Pane::Payload => &[
                Self::NextTab,
                Self::Open,
                Self::Back,
                Self::Search,
                Self::NextFlow,
                Self::Copy,
                Self::Zoom,
                Self::Raw,
            ],
            Pane::Output | Pane::Reasoning | Pane::Frames => &[
                Self::Back,
                Self::Search,
                Self::NextFlow,
                Self::Last,
                Self::Copy,
                Self::Zoom,
                Self::NextPane,
            ],
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::Action;

    #[test]
    fn names_are_unique_and_found_again() {
        let names: HashSet<_> = Action::ALL.iter().map(|action| action.name()).collect();
        assert_eq!(names.len(), Action::ALL.len());
        for action in Action::ALL {
            assert_eq!(Action::from_name(action.name()), Some(*action));
            assert!(!action.description().ends_with('.'));
        }
    }
}
