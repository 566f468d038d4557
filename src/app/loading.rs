//! Captures that are being read: their flows into the store, and what to say about it.

use crate::capture::{Intake, Piece, Skipped};
use crate::flow::Store;

/// How reading captures goes.
#[derive(Default, Debug)]
pub struct Loading {
    intake: Intake,
    /// How much was read, in percent; `None` when nothing is being read.
    percent: Option<u8>,
    /// Whether all was read that there was at first; what comes now was added to a file.
    is_done: bool,
    /// The first lines that could not be read.
    skipped: Vec<Skipped>,
    /// How many there were.
    skips: u64,
}

impl Loading {
    /// How much was read, in percent; `None` when nothing is being read.
    #[must_use]
    pub fn percent(&self) -> Option<u8> {
        self.percent
    }

    /// Whether nothing was read yet.
    pub(super) fn is_new(&self) -> bool {
        self.percent.is_none() && !self.is_done
    }

    /// How many lines could not be read.
    #[must_use]
    pub fn skips(&self) -> u64 {
        self.skips
    }

    /// The first of them.
    #[must_use]
    pub fn skipped(&self) -> &[Skipped] {
        &self.skipped
    }

    /// Takes in a piece of a file.
    pub fn take(&mut self, store: &mut Store, piece: Piece, percent: u8) {
        self.percent = (!self.is_done).then_some(percent);
        let lines = piece.skipped.len() as u64;
        let room = NAMED.saturating_sub(self.skipped.len());
        self.skipped.extend(piece.skipped.into_iter().take(room));
        self.skips += lines;
        for item in piece.items {
            if let Err(skipped) = self.intake.take(store, item) {
                self.skips += 1;
                if self.skipped.len() < NAMED {
                    self.skipped.push(skipped);
                }
            }
        }
    }

    /// Takes note that all was read.
    pub(super) fn done(&mut self) {
        self.percent = None;
        self.is_done = true;
    }
}

/// How many lines that could not be read are named.
const NAMED: usize = 20;
