//! A text on top of the panes: built when what it depends on changed, wrapped, and scrolled.

use super::documents::{Row, wrap_line};
use super::scroll::{Motion, Scroll};
use crate::content::{Document, Folds, Line};
use crate::flow::FlowId;

/// The text, and where the reader is in it.
#[derive(Default, Debug)]
pub struct Page {
    document: Document,
    rows: Vec<Row>,
    scroll: Scroll,
    /// How many rows fit.
    height: usize,
    /// The open and closed sections.
    folds: Folds,
    /// What the text was built from; `None` before the first time.
    source: Option<Source>,
    /// Whether a section was opened or closed since.
    is_stale: bool,
}

/// What a text is built from: as long as it is equal, so is the text.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Source {
    /// The flow that it is about.
    pub(super) flow: FlowId,
    /// Differs once what is known of the flow and of others does.
    pub(super) stamp: [u64; 2],
    /// Columns for the text.
    pub(super) width: u16,
}

impl Page {
    /// The text.
    #[must_use]
    pub fn document(&self) -> &Document {
        &self.document
    }

    /// The text's rows.
    #[must_use]
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// Where the reader is.
    #[must_use]
    pub fn scroll(&self) -> Scroll {
        self.scroll
    }

    /// The line under the cursor.
    #[must_use]
    pub fn current(&self) -> Option<&Line> {
        let row = self.rows.get(self.scroll.cursor)?;
        self.document.lines.get(row.line)
    }

    /// Brings the text up to date for a window of `height` rows.
    pub(super) fn prepare(
        &mut self,
        source: Source,
        height: u16,
        build: impl FnOnce(&Folds) -> Document,
    ) {
        self.height = usize::from(height);
        if std::mem::take(&mut self.is_stale) || self.source.as_ref() != Some(&source) {
            if self.source.as_ref().map(|old| old.flow) != Some(source.flow) {
                self.scroll = Scroll::default();
            }
            self.document = build(&self.folds);
            let lines = self.document.lines.iter().enumerate();
            let rows = lines.flat_map(|(at, line)| wrap_line(at, line, source.width));
            self.rows = rows.collect();
            self.source = Some(source);
        }
        self.scroll.clamp(self.rows.len(), self.height);
    }

    /// Forgets the text: there is nothing to tell.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Moves the cursor.
    pub(super) fn go(&mut self, motion: Motion) {
        self.scroll.go(motion, self.rows.len(), self.height);
    }

    /// Turns the wheel by `by` rows.
    pub(super) fn wheel(&mut self, by: isize) {
        self.scroll.wheel(by, self.rows.len(), self.height);
    }

    /// Opens or closes the section that the cursor is in.
    pub(super) fn fold(&mut self) {
        let Some(row) = self.rows.get(self.scroll.cursor) else {
            return;
        };
        let lines = self.document.lines.iter().enumerate().take(row.line + 1);
        let head = lines
            .rev()
            .find_map(|(at, line)| Some((at, line.fold.as_ref()?)));
        if let Some((line, fold)) = head {
            self.folds.toggle(&fold.key);
            self.scroll.cursor = self.rows.partition_point(|row| row.line < line);
            self.is_stale = true;
        }
    }
}
