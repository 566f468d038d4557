//! The columns of the request list: what each tells, and which of them fit.

/// What a column tells.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Column {
    /// When the flow began.
    Time,
    /// How its bytes travel.
    Transport,
    /// Which agent asked.
    Agent,
    /// Which model was asked for.
    Model,
    /// What it is about.
    Gist,
    /// The HTTP status, or how the turn ended.
    Status,
    /// Bytes on the wire.
    Size,
    /// Input tokens.
    Input,
    /// Cached input tokens.
    Cached,
    /// Output tokens.
    Output,
    /// What they cost by list prices.
    Cost,
    /// How long it took.
    Duration,
    /// How long until the first text.
    First,
}

impl Column {
    /// In the order of the list.
    pub const ALL: [Self; 13] = [
        Self::Time,
        Self::Transport,
        Self::Agent,
        Self::Model,
        Self::Gist,
        Self::Status,
        Self::Size,
        Self::Input,
        Self::Cached,
        Self::Output,
        Self::Cost,
        Self::Duration,
        Self::First,
    ];

    /// In the order in which they give way; those not named never do. An agent that is not the main
    /// one is named before the gist where it has no column.
    const GIVE_WAY: [Self; 10] = [
        Self::Agent,
        Self::Size,
        Self::Transport,
        Self::Cost,
        Self::Cached,
        Self::First,
        Self::Input,
        Self::Output,
        Self::Model,
        Self::Status,
    ];

    /// Its title.
    #[must_use]
    pub const fn title(self) -> &'static str {
        self.shape().0
    }

    /// Its title, and its width. The gist takes what is left.
    const fn shape(self) -> (&'static str, u16) {
        match self {
            Self::Time => ("time", 8),
            Self::Transport => ("via", 4),
            Self::Agent => ("agent", 8),
            Self::Model => ("model", 13),
            Self::Gist => ("about", 0),
            Self::Status => ("code", 4),
            Self::Size => ("size", 7),
            Self::Input => ("in", 6),
            Self::Cached => ("cached", 6),
            Self::Output => ("out", 6),
            Self::Cost => ("cost", 8),
            Self::Duration => ("took", 6),
            Self::First => ("first", 6),
        }
    }

    /// What it tells, in a few words.
    #[must_use]
    pub const fn about(self) -> &'static str {
        match self {
            Self::Time => "when it began, as a tree",
            Self::Transport => "HTTP, SSE or WebSocket",
            Self::Agent => "who asked",
            Self::Model => "which one was asked for",
            Self::Gist => "what it is about",
            Self::Status => "how it ended",
            Self::Size => "bytes on the wire",
            Self::Input => "input tokens",
            Self::Cached => "cached input tokens",
            Self::Output => "output tokens",
            Self::Cost => "what it cost",
            Self::Duration => "how long it took",
            Self::First => "how long to the first text",
        }
    }

    /// Whether it is aligned to the right.
    #[must_use]
    pub const fn is_number(self) -> bool {
        !matches!(
            self,
            Self::Time | Self::Transport | Self::Agent | Self::Model | Self::Gist
        )
    }
}

/// The columns that fit into a list of `width` columns, with their widths.
#[must_use]
pub fn columns(width: u16) -> Vec<(Column, u16)> {
    let room = width.saturating_sub(PREFIX + 1);
    let mut shown = Column::ALL.to_vec();
    for column in Column::GIVE_WAY {
        let gist = if shown.len() > 6 { GIST } else { GIST_LEAST };
        if needed(&shown) + gist <= room {
            break;
        }
        shown.retain(|other| *other != column);
    }
    let gist = room.saturating_sub(needed(&shown));
    let width = |column: Column| match column {
        Column::Gist => gist,
        _ => column.shape().1,
    };
    shown
        .into_iter()
        .map(|column| (column, width(column)))
        .collect()
}

/// The least width of a list in which no column gives way.
#[must_use]
pub fn whole() -> u16 {
    needed(&Column::ALL) + GIST + PREFIX + 1
}

/// What these columns take with the blanks between them, the gist without a width.
fn needed(shown: &[Column]) -> u16 {
    let widths = shown.iter().map(|column| column.shape().1 + 1);
    widths.sum::<u16>().saturating_sub(1)
}

/// The column at `x` of a list of `width` columns.
#[must_use]
pub fn at(width: u16, x: u16) -> Option<Column> {
    let mut left = PREFIX;
    columns(width).into_iter().find_map(|(column, width)| {
        let is_it = (left..left + width).contains(&x);
        left += width + 1;
        is_it.then_some(column)
    })
}

/// Columns of the screen before the first one: the cursor's mark, the state, the sign of a marked flow.
pub const PREFIX: u16 = 4;
/// The least width of the gist while other columns can give way.
const GIST: u16 = 22;
/// The same when only the most important columns are left.
const GIST_LEAST: u16 = 12;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_give_way_but_the_important_ones_stay() {
        for width in 38..300 {
            let columns = columns(width);
            let has = |wanted| columns.iter().any(|(column, _)| *column == wanted);
            assert!(has(Column::Time) && has(Column::Gist) && has(Column::Duration));
            let total: u16 = columns.iter().map(|(_, width)| width + 1).sum();
            assert!(total + PREFIX <= width + 1, "{width}: {columns:?}");
            let gist = columns.iter().find(|(column, _)| *column == Column::Gist);
            assert!(gist.is_some_and(|(_, width)| *width >= GIST_LEAST));
        }
        assert_eq!(columns(whole()).len(), Column::ALL.len());
        assert_eq!(columns(whole() - 1).len(), Column::ALL.len() - 1);
    }

    #[test]
    fn a_column_is_found_where_it_stands() {
        assert_eq!(at(160, PREFIX), Some(Column::Time));
        assert_eq!(at(160, PREFIX + 8), None, "the blank behind it");
        assert_eq!(at(160, PREFIX + 9), Some(Column::Transport));
        assert_eq!(at(160, 158), Some(Column::First));
        assert_eq!(at(160, 0), None);
    }
}
