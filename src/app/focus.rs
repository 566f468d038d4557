//! The five panes, and moving between them.

/// A pane of the screen.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug)]
pub enum Pane {
    /// The request list.
    #[default]
    Requests,
    /// The decoded request and response.
    Payload,
    /// The assembled output text.
    Output,
    /// The reasoning summaries.
    Reasoning,
    /// The frame timeline.
    Frames,
}

impl Pane {
    /// Every pane, in the order of Tab and of the number keys.
    pub const ALL: [Self; 5] = [
        Self::Requests,
        Self::Payload,
        Self::Output,
        Self::Reasoning,
        Self::Frames,
    ];

    /// The panes that show the selected flow.
    pub const DETAILS: [Self; 4] = [Self::Payload, Self::Output, Self::Reasoning, Self::Frames];

    /// The title in its border.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Requests => "Requests",
            Self::Payload => "Payload",
            Self::Output => "Output",
            Self::Reasoning => "Reasoning",
            Self::Frames => "Frames",
        }
    }

    /// Whether it shows the selected flow, rather than the list.
    #[must_use]
    pub fn is_detail(self) -> bool {
        self != Self::Requests
    }

    /// The pane after this one, round and round.
    #[must_use]
    pub fn next(self) -> Self {
        Self::ALL[(self as usize + 1) % Self::ALL.len()]
    }

    /// The pane before this one, round and round.
    #[must_use]
    pub fn previous(self) -> Self {
        Self::ALL[(self as usize + Self::ALL.len() - 1) % Self::ALL.len()]
    }
}

#[cfg(test)]
mod tests {
    use super::Pane;

    #[test]
    fn tab_goes_round_and_back() {
        for pane in Pane::ALL {
            assert_eq!(pane.next().previous(), pane);
        }
        assert_eq!(Pane::Frames.next(), Pane::Requests);
    }
}
