//! Where frames are drawn: a ratatui terminal without a device behind it.
//!
//! The real terminal is written by another thread ([`super::screen`]), which works out for itself
//! what changed; here a frame is only filled with cells.

use std::convert::Infallible;

use ratatui::backend::{Backend, ClearType, WindowSize};
use ratatui::buffer::{Buffer, Cell};
use ratatui::layout::{Position, Rect, Size};
use ratatui::{Frame, Terminal, TerminalOptions, Viewport};

/// Draws frames of one size.
pub(super) struct Canvas {
    terminal: Terminal<Nowhere>,
    size: (u16, u16),
}

impl std::fmt::Debug for Canvas {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Canvas")
    }
}

impl Canvas {
    /// A canvas of this many columns and rows.
    #[must_use]
    pub(super) fn new(size: (u16, u16)) -> Self {
        let (columns, rows) = size;
        let area = Rect::new(0, 0, columns, rows);
        let options = TerminalOptions {
            viewport: Viewport::Fixed(area),
        };
        match Terminal::with_options(Nowhere, options) {
            Ok(terminal) => Self { terminal, size },
            Err(never) => match never {},
        }
    }

    /// How many columns and rows it has.
    pub(super) fn size(&self) -> (u16, u16) {
        self.size
    }

    /// Gives it another size. Says whether it is another one.
    pub(super) fn resize(&mut self, size: (u16, u16)) -> bool {
        let is_other = self.size != size;
        if is_other {
            *self = Self::new(size);
        }
        is_other
    }

    /// Draws one frame.
    pub(super) fn draw(&mut self, draw: impl FnOnce(&mut Frame<'_>)) -> Buffer {
        draw(&mut self.terminal.get_frame());
        let drawn = self.terminal.current_buffer_mut();
        let empty = Buffer::empty(drawn.area);
        std::mem::replace(drawn, empty)
    }
}

/// A backend without a device.
struct Nowhere;

impl Backend for Nowhere {
    type Error = Infallible;

    fn draw<'a, I>(&mut self, _: I) -> Result<(), Infallible>
    where
        I: Iterator<Item = (u16, u16, &'a Cell)>,
    {
        Ok(())
    }

    fn hide_cursor(&mut self) -> Result<(), Infallible> {
        Ok(())
    }

    fn show_cursor(&mut self) -> Result<(), Infallible> {
        Ok(())
    }

    fn get_cursor_position(&mut self) -> Result<Position, Infallible> {
        Ok(Position::ORIGIN)
    }

    fn set_cursor_position<P: Into<Position>>(&mut self, _: P) -> Result<(), Infallible> {
        Ok(())
    }

    fn clear(&mut self) -> Result<(), Infallible> {
        Ok(())
    }

    fn clear_region(&mut self, _: ClearType) -> Result<(), Infallible> {
        Ok(())
    }

    fn size(&self) -> Result<Size, Infallible> {
        Ok(Size::ZERO)
    }

    fn window_size(&mut self) -> Result<WindowSize, Infallible> {
        Ok(WindowSize {
            columns_rows: Size::ZERO,
            pixels: Size::ZERO,
        })
    }

    fn flush(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}
