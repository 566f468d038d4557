//! A text on top of the panes: built when what it depends on changed, wrapped, and scrolled.

use super::leaf::{Leaf, wrap_line};
use super::scroll::{Motion, Scroll};
use crate::content::{Document, Folds};
use crate::flow::FlowId;

/// The text, and where the reader is in it.
#[derive(Default, Debug)]
pub(super) struct Page {
    leaf: Leaf,
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
    /// The text, in rows.
    pub(super) fn leaf(&self) -> &Leaf {
        &self.leaf
    }

    /// Brings the text up to date for a window of `height` rows.
    pub(super) fn prepare(
        &mut self,
        source: Source,
        height: u16,
        build: impl FnOnce(&Folds) -> Document,
    ) {
        self.leaf.height = usize::from(height);
        if std::mem::take(&mut self.is_stale) || self.source.as_ref() != Some(&source) {
            if self.source.as_ref().map(|old| old.flow) != Some(source.flow) {
                self.leaf.scroll = Scroll::default();
            }
            self.leaf.document = build(&self.folds);
            let lines = self.leaf.document.lines.iter().enumerate();
            let rows = lines.flat_map(|(at, line)| wrap_line(at, line, source.width));
            self.leaf.rows = rows.collect();
            self.source = Some(source);
        }
        self.leaf.clamp();
    }

    /// Forgets the text: there is nothing to tell.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Moves the cursor.
    pub(super) fn go(&mut self, motion: Motion) {
        self.leaf.go(motion);
    }

    /// Turns the wheel by `by` rows.
    pub(super) fn wheel(&mut self, by: isize) {
        self.leaf.wheel(by);
    }

    /// Opens or closes the section that the cursor is in.
    pub(super) fn fold(&mut self) {
        if let Some((row, fold)) = self.leaf.section() {
            self.folds.toggle(&fold.key);
            self.leaf.scroll.cursor = row;
            self.is_stale = true;
        }
    }
}
