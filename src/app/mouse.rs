//! The mouse: a click selects, or sorts, the wheel scrolls what is under the pointer, borders can be dragged.

use crossterm::event::{MouseButton, MouseEvent, MouseEventKind};
use ratatui::layout::Position;

use super::columns::{self, Column};
use super::focus::Pane;
use super::layout::Placed;
use super::order::Sort;
use super::scroll::Motion;
use super::{App, Effect, Overlay};

impl App {
    /// Takes in a mouse event.
    pub(super) fn mouse(&mut self, event: MouseEvent) -> Vec<Effect> {
        if self.prompt.is_some() {
            return Vec::new();
        }
        if let Some(overlay) = self.overlay() {
            return self.overlay_mouse(overlay, event);
        }
        let position = Position::new(event.column, event.row);
        match event.kind {
            MouseEventKind::Down(_) => self.dragged = self.layout.edge(position),
            MouseEventKind::Drag(MouseButton::Left) => {
                if let Some(edge) = self.dragged {
                    self.wish.shares = self.layout.dragged(edge, position, self.wish.shares);
                    self.arrange();
                }
                return Vec::new();
            }
            MouseEventKind::Up(_) => self.dragged = None,
            _ => {}
        }
        let Some(placed) = self.layout.at(position).copied() else {
            return Vec::new();
        };
        match event.kind {
            MouseEventKind::Down(MouseButton::Left) => self.click(placed, position),
            MouseEventKind::ScrollDown => self.wheel(placed.pane, WHEEL),
            MouseEventKind::ScrollUp => self.wheel(placed.pane, -WHEEL),
            _ => {}
        }
        Vec::new()
    }

    /// The wheel scrolls what is on top; a click selects its row, or closes what is beside it or has none.
    fn overlay_mouse(&mut self, overlay: Overlay, event: MouseEvent) -> Vec<Effect> {
        let by = match event.kind {
            MouseEventKind::ScrollDown => WHEEL,
            MouseEventKind::ScrollUp => -WHEEL,
            MouseEventKind::Down(_) => 0,
            _ => return Vec::new(),
        };
        let text = self.place_of_text(overlay);
        let row = (event.row.checked_sub(text.y)).filter(|row| *row < text.height);
        let is_beside = !self
            .place(overlay)
            .contains(Position::new(event.column, event.row));
        match (overlay, by, row.map(usize::from)) {
            (Overlay::Confirm, 0, _) => self.close(),
            (Overlay::Help | Overlay::Palette, 0, _) if is_beside => self.close(),
            (Overlay::Help, by, _) => {
                self.scroll_help(self.help.top().saturating_add_signed(by));
            }
            (Overlay::Palette, 0, Some(row)) => {
                let row = self.palette.scroll().top + row;
                if row < self.palette.entries().len() {
                    self.palette.go(Motion::To(row));
                    return self.run_chosen();
                }
            }
            (Overlay::Palette, by, _) => self.palette.go(Motion::Rows(by.signum())),
            (Overlay::Diff, 0, Some(row)) => {
                let top = self.page.leaf().scroll().top;
                self.page.go(Motion::To(top + row));
            }
            (Overlay::Diff, by, _) => self.page.wheel(by),
            (Overlay::Sessions, 0, Some(row)) => {
                let top = self.tree.scroll().top;
                self.tree.go(Motion::To(top + row));
            }
            (Overlay::Sessions, by, _) => self.tree.wheel(by),
            (Overlay::Log, 0, Some(row)) => {
                let top = self.log.leaf().scroll().top;
                self.log.go(Motion::To(top + row));
            }
            (Overlay::Log, by, _) => self.log.wheel(by),
            (Overlay::Themes, 0, _) if is_beside => {
                self.close();
                return vec![Effect::Theme(self.themes.before().to_owned())];
            }
            (Overlay::Themes, 0, Some(row)) => {
                let row = self.themes.scroll().top + row;
                return self.preview_theme(Motion::To(row));
            }
            (Overlay::Themes, by, _) => return self.preview_theme(Motion::Rows(by.signum())),
            (Overlay::Sort, 0, _) if is_beside => self.restore_sort(),
            (Overlay::Sort, 0, Some(row)) => {
                let row = self.sorting.scroll().top + row;
                self.preview_sort(Motion::To(row));
            }
            (Overlay::Sort, by, _) => self.preview_sort(Motion::Rows(by.signum())),
            (Overlay::Dialog, by, _) => {
                if let Some(dialog) = &mut self.dialog {
                    dialog.wheel(by);
                }
            }
            (Overlay::Confirm, ..) => {}
        }
        Vec::new()
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
            let fold = sheet.leaf().current().and_then(|line| line.fold.as_ref());
            let fold = fold
                .filter(|_| position.x < placed.text().x)
                .map(|fold| fold.key.clone());
            self.pick(placed.pane);
            self.list.set_follows(false, &self.store);
            // The sign before the text opens and closes.
            if let Some(key) = fold {
                self.toggle(&key);
            }
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
            self.sort_so(chosen);
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
