//! The mouse: a click selects, the wheel scrolls what is under the pointer.

use crossterm::event::{MouseButton, MouseEvent, MouseEventKind};
use ratatui::layout::Position;

use super::focus::Pane;
use super::layout::Placed;
use super::scroll::Motion;
use super::{App, Overlay};

impl App {
    /// Takes in a mouse event.
    pub(super) fn mouse(&mut self, event: MouseEvent) {
        if self.prompt.is_some() {
            return;
        }
        if let Some(overlay) = self.overlay {
            self.overlay_mouse(overlay, event.kind);
            return;
        }
        let position = Position::new(event.column, event.row);
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

    /// The wheel scrolls help; a click closes it.
    fn overlay_mouse(&mut self, overlay: Overlay, kind: MouseEventKind) {
        match (overlay, kind) {
            (_, MouseEventKind::Down(_)) => self.overlay = None,
            (Overlay::Help { top }, MouseEventKind::ScrollDown) => self.scroll_help(top + 3),
            (Overlay::Help { top }, MouseEventKind::ScrollUp) => {
                self.scroll_help(top.saturating_sub(3));
            }
            _ => {}
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
            let rows = placed.rows();
            let row = self.list.scroll().top + usize::from(position.y.saturating_sub(rows.y));
            if rows.contains(position) && row < self.list.rows().len() {
                self.list.go(Motion::To(row));
            }
            return;
        }
        let Some(sheet) = self.sheets.get_mut(placed.pane as usize - 1) else {
            return;
        };
        let text = placed.inner();
        let row = sheet.scroll().top + usize::from(position.y.saturating_sub(text.y));
        if text.contains(position) && row < sheet.rows().len() {
            sheet.go(placed.pane, Motion::To(row));
            self.list.set_follows(false, &self.store);
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
