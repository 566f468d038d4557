//! Where the panes sit: a pure function of the screen's size and of what the reader chose.
//!
//! Neighbouring panes share their border, so rectangles overlap by one cell. Wide screens show all
//! five panes, medium ones the list above one tabbed pane, narrow ones a single pane.

use ratatui::layout::{Position, Rect};

use super::columns;
use super::focus::Pane;
use crate::content::Tab;

/// Which arrangement to use.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Mode {
    /// The one that suits the size.
    #[default]
    Auto,
    /// All five panes, if they fit.
    Columns,
    /// The list above one tabbed pane, if they fit.
    Stacked,
    /// One pane at a time.
    Single,
}

impl Mode {
    /// The next one, round and round.
    #[must_use]
    pub fn next(self) -> Self {
        match self {
            Self::Auto => Self::Columns,
            Self::Columns => Self::Stacked,
            Self::Stacked => Self::Single,
            Self::Single => Self::Auto,
        }
    }

    /// Its name.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Auto => "automatic",
            Self::Columns => "all panes",
            Self::Stacked => "list and detail",
            Self::Single => "one pane",
        }
    }
}

/// How an area is divided.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Shape {
    /// Not at all: the screen is too small.
    #[default]
    TooSmall,
    /// All five panes.
    Columns,
    /// The list above one tabbed pane.
    Stacked,
    /// One pane.
    Single,
}

/// What the reader chose about the arrangement.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Wish {
    /// The pane with the focus.
    pub focus: Pane,
    /// The detail pane that is shown where only one fits.
    pub detail: Pane,
    /// Whether the focused pane fills the screen.
    pub is_zoomed: bool,
    /// The arrangement.
    pub mode: Mode,
    /// Where the borders between panes are.
    pub shares: Shares,
}

/// What panes have of the room that they share with others, in ten-thousandths: fine enough for a
/// border to be wherever it was dragged to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Shares {
    /// The list's width, when all panes are shown; `None` for what suits the screen.
    pub list_width: Option<u16>,
    /// The list's height, when it is above one pane.
    pub list_height: u16,
    /// The payload's height, of what is above the frames.
    pub payload: u16,
    /// The output's width, of what is right of the list.
    pub output: u16,
    /// The frames' height.
    pub frames: u16,
}

impl Default for Shares {
    fn default() -> Self {
        Self {
            list_width: None,
            list_height: 4_600,
            payload: 5_000,
            output: 5_800,
            frames: 2_800,
        }
    }
}

/// A border that can be dragged.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Edge {
    /// Between the list and the panes that show the selected flow.
    List,
    /// Below the payload, when all panes are shown.
    Payload,
    /// Between output and reasoning.
    Output,
    /// Above the frames.
    Frames,
}

impl Default for Wish {
    fn default() -> Self {
        Self {
            focus: Pane::Requests,
            detail: Pane::Payload,
            is_zoomed: false,
            mode: Mode::Auto,
            shares: Shares::default(),
        }
    }
}

/// A pane on the screen.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Placed {
    /// Which one.
    pub pane: Pane,
    /// Its place, borders included.
    pub area: Rect,
    /// Whether its title lists all detail panes as tabs, because it stands for them all.
    pub is_tabbed: bool,
}

impl Placed {
    /// The place of its rows: within the borders, but without the columns left and right of the
    /// text.
    #[must_use]
    pub fn inner(&self) -> Rect {
        Rect {
            x: self.area.x + 1,
            y: self.area.y + 1,
            width: self.area.width.saturating_sub(2),
            height: self.area.height.saturating_sub(2),
        }
    }

    /// The place of the time axis, in a line above the frames; `None` in other panes, and where there is no
    /// room for it.
    #[must_use]
    pub fn axis(&self) -> Option<Rect> {
        let inner = self.inner();
        let has_axis = self.pane == Pane::Frames && inner.height >= HEADER_FROM;
        has_axis.then(|| Rect {
            x: inner.x + 1,
            width: inner.width.saturating_sub(2),
            height: 1,
            ..inner
        })
    }

    /// The place of the rows of its text, margins included.
    #[must_use]
    pub fn body(&self) -> Rect {
        let inner = self.inner();
        let axis = self.axis().map_or(0, |axis| axis.height);
        Rect {
            y: inner.y + axis,
            height: inner.height - axis,
            ..inner
        }
    }

    /// The place of its text: columns for the cursor's mark and for the marks of folds are kept
    /// free on the left, one on the right.
    #[must_use]
    pub fn text(&self) -> Rect {
        let inner = self.body();
        let margin = match self.pane {
            Pane::Requests | Pane::Output | Pane::Reasoning => 1,
            Pane::Frames => 2,
            Pane::Payload => 3,
        };
        Rect {
            x: inner.x + margin,
            width: inner.width.saturating_sub(margin + 1),
            ..inner
        }
    }

    /// The place of the list's rows: below the line of column titles, if there is room for one.
    #[must_use]
    pub fn rows(&self) -> Rect {
        let inner = self.inner();
        let header = u16::from(inner.height >= HEADER_FROM);
        Rect {
            y: inner.y + header,
            height: inner.height - header,
            ..inner
        }
    }

    /// The titles in the top border, a blank on either side of each.
    #[must_use]
    pub fn titles(&self) -> Vec<(Pane, Rect)> {
        let panes: &[Pane] = if self.is_tabbed {
            &Pane::DETAILS
        } else {
            std::slice::from_ref(&self.pane)
        };
        let titles = panes.iter().map(|pane| (*pane, pane.title()));
        tabs(titles, self.area.x + 2, self.area.y)
    }

    /// The payload's tabs: at the right of the top border or, where they do not fit, of the bottom
    /// border.
    #[must_use]
    pub fn tabs(&self) -> Vec<(Tab, Rect)> {
        if self.pane != Pane::Payload {
            return Vec::new();
        }
        let titles = || Tab::ALL.into_iter().map(|tab| (tab, tab.title()));
        let width: u16 = titles().map(|(_, title)| title.len() as u16 + 2).sum();
        let left = self.titles().last().map_or(0, |(_, area)| area.right());
        let x = self.area.right().saturating_sub(width + 2);
        let y = if x > left {
            self.area.y
        } else {
            self.area.bottom() - 1
        };
        tabs(titles(), x, y)
    }
}

/// Titles side by side, each with a blank on either side.
fn tabs<T>(titles: impl Iterator<Item = (T, &'static str)>, mut x: u16, y: u16) -> Vec<(T, Rect)> {
    titles
        .map(|(tab, title)| {
            let area = Rect::new(x, y, title.len() as u16 + 2, 1);
            x = area.right();
            (tab, area)
        })
        .collect()
}

/// Where everything sits.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Layout {
    /// How the area is divided.
    pub shape: Shape,
    /// The visible panes, in the order of [`Pane::ALL`].
    pub panes: Vec<Placed>,
    /// What the panes share.
    pub body: Rect,
    /// The bottom line.
    pub status: Rect,
}

impl Layout {
    /// Divides `area` as `wish` asks, as far as it fits.
    #[must_use]
    pub fn of(area: Rect, wish: Wish) -> Self {
        if area.width < MIN_WIDTH || area.height < MIN_HEIGHT {
            return Self::default();
        }
        let status = Rect {
            y: area.bottom() - 1,
            height: 1,
            ..area
        };
        let body = Rect {
            height: area.height - 1,
            ..area
        };
        let shape = if wish.is_zoomed {
            Shape::Single
        } else {
            shape(area, wish.mode)
        };
        let panes = match shape {
            Shape::TooSmall => Vec::new(),
            Shape::Columns => side_by_side(body, wish),
            Shape::Stacked => stacked(body, wish),
            Shape::Single => vec![Placed {
                pane: wish.focus,
                area: body,
                is_tabbed: wish.focus.is_detail(),
            }],
        };
        Self {
            shape,
            panes,
            body,
            status,
        }
    }

    /// The pane's place, if it is visible.
    #[must_use]
    pub fn place(&self, pane: Pane) -> Option<&Placed> {
        self.panes.iter().find(|placed| placed.pane == pane)
    }

    /// The pane at a cell. On a shared border, the lower or right one.
    #[must_use]
    pub fn at(&self, position: Position) -> Option<&Placed> {
        self.panes
            .iter()
            .rev()
            .find(|placed| placed.area.contains(position))
    }

    /// The border between panes at a cell.
    #[must_use]
    pub fn edge(&self, position: Position) -> Option<Edge> {
        let area = |pane| self.place(pane).map(|placed| placed.area);
        let is_right = |area: Rect| area.right() == position.x + 1 && area.contains(position);
        let is_bottom = |area: Rect| area.bottom() == position.y + 1 && area.contains(position);
        let list = area(Pane::Requests)?;
        match self.shape {
            Shape::Stacked => is_bottom(list).then_some(Edge::List),
            Shape::Columns if area(Pane::Frames)?.y == position.y => Some(Edge::Frames),
            Shape::Columns if is_right(list) => Some(Edge::List),
            Shape::Columns if is_bottom(area(Pane::Payload)?) => Some(Edge::Payload),
            Shape::Columns if is_right(area(Pane::Output)?) => Some(Edge::Output),
            Shape::Columns | Shape::Single | Shape::TooSmall => None,
        }
    }

    /// The list's share of the width, in ten-thousandths.
    #[must_use]
    pub fn list_share(&self) -> u16 {
        let list = self.place(Pane::Requests).map_or(0, |list| list.area.width);
        part(list, self.body.width)
    }

    /// `shares`, but with a border at `position`.
    #[must_use]
    pub fn dragged(&self, edge: Edge, position: Position, mut shares: Shares) -> Shares {
        let body = self.body;
        let column = position.x.saturating_sub(body.x) + 1;
        let row = position.y.saturating_sub(body.y) + 1;
        let area = |pane| self.place(pane).map_or(body, |placed| placed.area);
        match (edge, self.shape) {
            (Edge::List, Shape::Stacked) => shares.list_height = part(row, body.height),
            (Edge::List, _) => shares.list_width = Some(part(column, body.width)),
            (Edge::Payload, _) => shares.payload = part(row, area(Pane::Requests).height),
            (Edge::Output, _) => {
                let right = area(Pane::Payload);
                let column = (position.x + 1).saturating_sub(right.x);
                shares.output = part(column, right.width);
            }
            (Edge::Frames, _) => {
                let row = body.bottom().saturating_sub(position.y);
                shares.frames = part(row, body.height);
            }
        }
        shares
    }
}

/// The arrangement for `area`: the one asked for, or the next smaller one that fits.
fn shape(area: Rect, mode: Mode) -> Shape {
    let (columns, stacked) = match mode {
        Mode::Auto => (
            area.width >= 140 && area.height >= 24,
            area.width >= 80 && area.height >= 18,
        ),
        Mode::Columns => (
            area.width >= 100 && area.height >= 20,
            area.width >= 60 && area.height >= 16,
        ),
        Mode::Stacked => (false, area.height >= 14),
        Mode::Single => (false, false),
    };
    match (columns, stacked) {
        (true, _) => Shape::Columns,
        (false, true) => Shape::Stacked,
        (false, false) => Shape::Single,
    }
}

/// The list on the left; Payload above Output and Reasoning on the right; Frames across the bottom.
fn side_by_side(body: Rect, wish: Wish) -> Vec<Placed> {
    let shares = wish.shares;
    let frames_height = share(body.height, shares.frames).clamp(6, body.height - 9);
    let top_height = body.height - frames_height + 1;
    let list_width = match shares.list_width {
        Some(part) => share(body.width, part),
        None => list_width(body.width),
    };
    let list_width = list_width.clamp(36, body.width - 50);
    let right_x = body.x + list_width - 1;
    let right_width = body.width - list_width + 1;
    let payload_height = share(top_height, shares.payload).clamp(5, top_height - 4);
    let lower_y = body.y + payload_height - 1;
    let lower_height = top_height - payload_height + 1;
    let output_width = share(right_width, shares.output).clamp(16, right_width - 16);
    let placed = |pane, x, y, width, height| Placed {
        pane,
        area: Rect::new(x, y, width, height),
        is_tabbed: false,
    };
    vec![
        placed(Pane::Requests, body.x, body.y, list_width, top_height),
        placed(Pane::Payload, right_x, body.y, right_width, payload_height),
        placed(Pane::Output, right_x, lower_y, output_width, lower_height),
        placed(
            Pane::Reasoning,
            right_x + output_width - 1,
            lower_y,
            right_width - output_width + 1,
            lower_height,
        ),
        placed(
            Pane::Frames,
            body.x,
            body.y + top_height - 1,
            body.width,
            frames_height,
        ),
    ]
}

/// The list's width that suits a screen of `width` columns: about half of it but, once there is room for what is
/// right of it, so much that the list has all its columns.
fn list_width(width: u16) -> u16 {
    let whole = columns::whole() + BORDERS;
    share(width, LIST).max(width.saturating_sub(DETAILS).min(whole))
}

/// The list above one pane that stands for all details.
fn stacked(body: Rect, wish: Wish) -> Vec<Placed> {
    let list_height = share(body.height, wish.shares.list_height).clamp(5, body.height - 6);
    vec![
        Placed {
            pane: Pane::Requests,
            area: Rect {
                height: list_height,
                ..body
            },
            is_tabbed: false,
        },
        Placed {
            pane: wish.detail,
            area: Rect {
                y: body.y + list_height - 1,
                height: body.height - list_height + 1,
                ..body
            },
            is_tabbed: true,
        },
    ]
}

/// So many ten-thousandths of `whole`.
fn share(whole: u16, part: u16) -> u16 {
    (u32::from(whole) * u32::from(part) / WHOLE) as u16
}

/// How many ten-thousandths of `whole` are `cells`: the least that [`share`] makes so many of.
fn part(cells: u16, whole: u16) -> u16 {
    let cells = u32::from(cells.min(whole));
    (cells * WHOLE).div_ceil(u32::from(whole.max(1))) as u16
}

/// In ten-thousandths.
const WHOLE: u32 = 10_000;

/// What the list has of the width where that suits the screen, in ten-thousandths.
const LIST: u16 = 4_900;
/// Columns that the panes right of the list need to be read with ease.
const DETAILS: u16 = 84;
/// Columns of a pane's borders.
const BORDERS: u16 = 2;
/// From this many rows on, the list spends one on column titles.
const HEADER_FROM: u16 = 6;
/// Fewer columns than this are too few.
pub const MIN_WIDTH: u16 = 40;
/// Fewer rows than this are too few.
pub const MIN_HEIGHT: u16 = 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_size_and_wish_keeps_panes_on_the_screen() {
        let modes = [Mode::Auto, Mode::Columns, Mode::Stacked, Mode::Single];
        for width in (1..260).step_by(3) {
            for height in 1..70 {
                for mode in modes {
                    for part in [0, 4_600, 10_000] {
                        let wish = Wish {
                            mode,
                            shares: Shares {
                                list_width: Some(part),
                                list_height: part,
                                payload: part,
                                output: part,
                                frames: part,
                            },
                            ..Wish::default()
                        };
                        let area = Rect::new(0, 0, width, height);
                        let layout = Layout::of(area, wish);
                        let is_large = width >= MIN_WIDTH && height >= MIN_HEIGHT;
                        assert_eq!(layout.shape != Shape::TooSmall, is_large);
                        for placed in &layout.panes {
                            assert_eq!(placed.area.intersection(area), placed.area);
                            assert!(
                                placed.text().width >= 10 && placed.text().height >= 2,
                                "{placed:?} at {width}×{height}"
                            );
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn a_wide_screen_has_as_many_columns_as_one_of_120() {
        let shown = |width, height| -> Vec<_> {
            let layout = Layout::of(Rect::new(0, 0, width, height), Wish::default());
            let columns = columns::columns(layout.panes[0].inner().width);
            columns.into_iter().map(|(column, _)| column).collect()
        };
        assert_eq!(shown(200, 50), shown(120, 40));
        assert_eq!(shown(220, 50).len(), columns::Column::ALL.len());
        assert_eq!(shown(300, 50).len(), columns::Column::ALL.len());
    }

    #[test]
    fn width_decides_the_shape() {
        let shape = |width, height| Layout::of(Rect::new(0, 0, width, height), Wish::default());
        assert_eq!(shape(39, 30).shape, Shape::TooSmall);
        assert_eq!(shape(40, 10).shape, Shape::Single);
        assert_eq!(shape(79, 60).shape, Shape::Single);
        assert_eq!(shape(80, 24).shape, Shape::Stacked);
        assert_eq!(shape(140, 40).shape, Shape::Columns);
        assert_eq!(shape(140, 40).panes.len(), 5);
        assert_eq!(shape(140, 20).shape, Shape::Stacked);
    }

    #[test]
    fn every_border_goes_where_it_is_dragged() {
        for (size, edges) in [
            (
                (200, 50),
                &[Edge::List, Edge::Payload, Edge::Output, Edge::Frames][..],
            ),
            ((100, 40), &[Edge::List]),
        ] {
            let area = Rect::new(0, 0, size.0, size.1);
            let mut found = Vec::new();
            for position in area.positions() {
                let mut wish = Wish::default();
                let layout = Layout::of(area, wish);
                let Some(edge) = layout.edge(position) else {
                    continue;
                };
                found.push(edge);
                for (by_x, by_y) in [(0, 0), (3, 2), (-5, -3), (7, -1)] {
                    let to = position.offset(ratatui::layout::Offset { x: by_x, y: by_y });
                    wish.shares = layout.dragged(edge, to, wish.shares);
                    let moved = Layout::of(area, wish);
                    // Along the border it may be anywhere.
                    let is_there = area.positions().any(|other| {
                        moved.edge(other) == Some(edge) && (other.x == to.x || other.y == to.y)
                    });
                    assert!(is_there, "{edge:?} from {position} to {to}");
                }
            }
            for edge in edges {
                assert!(found.contains(edge), "{edge:?}");
            }
        }
    }

    #[test]
    fn zoom_fills_the_screen_with_the_focused_pane() {
        let wish = Wish {
            focus: Pane::Output,
            is_zoomed: true,
            ..Wish::default()
        };
        let layout = Layout::of(Rect::new(0, 0, 200, 50), wish);
        assert_eq!(layout.panes.len(), 1);
        assert_eq!(layout.panes[0].area, Rect::new(0, 0, 200, 49));
    }
}
