//! The order of rows: as they began, or what took most first.

use std::cmp::Reverse;

use clap::ValueEnum;

use crate::flow::State;
use crate::flow::sessions::{Attempt, Session};

/// What rows are sorted by, the most first. Those that are alike stay in the order in which they began.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum, Debug)]
pub(super) enum Sort {
    /// What it cost; what has no price stands last
    Cost,
    /// Tokens in and out
    Tokens,
    /// How long turns took
    Time,
    /// How many turns failed
    Errors,
}

impl Sort {
    /// Sorts sessions by all of their turns.
    pub(super) fn sessions(self, sessions: &mut [Session]) {
        sessions.sort_by_cached_key(|session| {
            let total = session.total();
            Reverse(match self {
                Self::Cost => total.cost.0,
                Self::Tokens => tokens(total.usage.input, total.usage.output),
                Self::Time => total.busy.as_micros(),
                Self::Errors => total.errors.into(),
            })
        });
    }

    /// What an attempt is sorted by.
    pub(super) fn of(self, attempt: &Attempt) -> u128 {
        let usage = attempt.usage.unwrap_or_default();
        let took = attempt.ended.map(|ended| ended.since(attempt.started));
        match self {
            Self::Cost => attempt.cost.map_or(0, |cost| cost.dollars.0),
            Self::Tokens => tokens(usage.input, usage.output),
            Self::Time => took.unwrap_or_default().as_micros(),
            Self::Errors => u128::from(attempt.state == State::Failed),
        }
    }
}

fn tokens(input: u64, output: u64) -> u128 {
    u128::from(input) + u128::from(output)
}
