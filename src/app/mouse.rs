//! The mouse: a click selects, or sorts, the wheel scrolls what is under the pointer, borders can be dragged.

use crossterm::event::{MouseButton, MouseEvent, MouseEventKind};
use ratatui::layout::Position;

use super::columns::{self, Column};
use super::focus::Pane;
use super::layout::Placed;
use super::order::Sort;
use super::scroll::Motion;
use super::{App, Overlay};

impl App {
    /// Takes in a mouse event.
    pub(super) fn mouse(&mut self, event: MouseEvent) {
        if self.prompt.is_some() {
            return;
        }
        if let Some(overlay) = self.overlay {
            self.overlay_mouse(overlay, event);
            return;
        }
        let position = Position::new(event.column, event.row);
        match event.kind {
            MouseEventKind::Down(_) => self.dragged = self.layout.edge(position),
            MouseEventKind::Drag(MouseButton::Left) => {
                if let Some(edge) = self.dragged {
                    self.wish.shares = self.layout.dragged(edge, position, self.wish.shares);
                    self.arrange();
                }
                return;
            }
            MouseEventKind::Up(_) => self.dragged = None,
            _ => {}
        }
        let Some(placed) = self.layout.at(position).copied() else {
            return;
        };
        match event.kind {
            MouseEventKind::Down(MouseButton::Left) => self.click(placed, position),
            MouseEventKind::ScrollDown => self.wheel(placed.pane, WHEEL),
            MouseEventKind::ScrollUp => self.wheel(placed.pane, -WHEEL),
            _ => {}
        }
    }

    /// The wheel scrolls what is on top; a click selects its row, or closes what has none.
    fn overlay_mouse(&mut self, overlay: Overlay, event: MouseEvent) {
        let by = match event.kind {
            MouseEventKind::ScrollDown => WHEEL,
            MouseEventKind::ScrollUp => -WHEEL,
            MouseEventKind::Down(_) => 0,
            _ => return,
        };
        let text = self.cover_text();
        let row = (event.row.checked_sub(text.y)).filter(|row| *row < text.height);
        match overlay {
            Overlay::Help { .. } | Overlay::Quit if by == 0 => self.overlay = self.beneath.take(),
            Overlay::Help { top } => self.scroll_help(top.saturating_add_signed(by)),
            Overlay::Quit => {}
            Overlay::Diff if by == 0 => {
                if let Some(row) = row {
                    let top = self.page.leaf().scroll().top;
                    self.page.go(Motion::To(top + usize::from(row)));
                }
            }
            Overlay::Diff => self.page.wheel(by),
            Overlay::Sessions if by == 0 => {
                if let Some(row) = row {
                    let top = self.tree.scroll().top;
                    self.tree.go(Motion::To(top + usize::from(row)));
                }
            }
            Overlay::Sessions => self.tree.wheel(by),
        }
    }

    /// Selects what is at `position` in a pane.
    fn click(&mut self, placed: Placed, position: Position) {
        for (tab, area) in placed.tabs() {
            if area.contains(position) {
                self.tab = tab;
                self.focus_on(Pane::Payload);
                return;
            }
        }
        for (pane, area) in placed.titles() {
            if area.contains(position) {
                self.focus_on(pane);
                return;
            }
        }
        self.focus_on(placed.pane);
        if placed.pane == Pane::Requests {
            let (inner, rows) = (placed.inner(), placed.rows());
            if position.y < rows.y && inner.contains(position) {
                self.sort_by(columns::at(inner.width, position.x - inner.x));
                return;
            }
            let row = self.list.scroll().top + usize::from(position.y.saturating_sub(rows.y));
            if rows.contains(position) && row < self.list.rows().len() {
                self.list.go(Motion::To(row));
            }
            return;
        }
        let Some(sheet) = self.sheets.get_mut(placed.pane as usize - 1) else {
            return;
        };
        let text = placed.body();
        let row = sheet.leaf().scroll().top + usize::from(position.y.saturating_sub(text.y));
        if text.contains(position) && row < sheet.leaf().rows().len() {
            sheet.go(placed.pane, Motion::To(row));
            self.pick(placed.pane);
            self.list.set_follows(false, &self.store);
        }
    }

    /// Sorts by a column; by the one that is sorted by, the other way round.
    fn sort_by(&mut self, column: Option<Column>) {
        let sort = self.list.sort();
        let chosen = match column {
            Some(column) if column == sort.column => Some(sort.reversed()),
            Some(column) => Sort::by(column),
            None => None,
        };
        if let Some(chosen) = chosen {
            self.list.set_sort(chosen, &self.store);
        }
    }

    /// Scrolls a pane.
    fn wheel(&mut self, pane: Pane, by: isize) {
        match self.sheets.get_mut((pane as usize).wrapping_sub(1)) {
            Some(sheet) => sheet.wheel(pane, by),
            None => self.list.wheel(by),
        }
    }
}

/// Rows per notch of the wheel.
const WHEEL: isize = 3;
