//! What the filter asks of flows that are in memory as a summary only: their lines are read where they stand, on any
//! thread, and decoded only if what is sought may be in them. Nothing of them is kept.

use std::sync::Arc;

use crate::capture::Shelf;
use crate::filter::{Filter, Standing};
use crate::flow::{FlowId, Place, Summary};

/// Flows to be judged by a filter.
#[derive(Clone, PartialEq, Debug)]
pub struct Search {
    pub(super) filter: Arc<Filter>,
    /// Which filter it is, and which marks: [`Found::round`].
    pub(super) round: u64,
    pub(super) flows: Vec<Sought>,
}

/// A flow to be judged.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Sought {
    pub(super) id: FlowId,
    pub(super) place: Place,
    pub(super) summary: Arc<Summary>,
    pub(super) standing: Standing,
}

/// What came of a [`Search`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Found {
    /// That of the search.
    pub(super) round: u64,
    /// Whether each flow passes; or why it cannot be read.
    pub(super) verdicts: Vec<(FlowId, Result<bool, String>)>,
}

impl Search {
    /// Reads and judges the flows. Waits for the disk.
    #[must_use]
    pub fn run(&self, files: &Shelf) -> Found {
        let judged = self
            .flows
            .iter()
            .map(|flow| (flow.id, self.judge(flow, files)));
        Found {
            round: self.round,
            verdicts: judged.collect(),
        }
    }

    fn judge(&self, sought: &Sought, files: &Shelf) -> Result<bool, String> {
        let Sought {
            place,
            summary,
            standing,
            ..
        } = sought;
        let line = files.line(*place)?;
        if let Some(found) = self.filter.judge_line(summary, &line, *standing) {
            return Ok(found);
        }
        let flow = Shelf::decode(&line, *place, &summary.name)?;
        let found = self.filter.judge(summary, Some(&flow), *standing);
        Ok(found.unwrap_or_default())
    }
}
