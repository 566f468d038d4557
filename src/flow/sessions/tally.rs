//! What turns took, together.

use std::time::Duration;

use super::{LogicalTurn, Purpose};
use crate::responses::{Confidence, Dollars, Usage};

/// Sums over logical turns.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Tally {
    /// Turns that asked for an answer.
    pub turns: u64,
    /// Warm-ups.
    pub warm_ups: u64,
    /// Compactions.
    pub compactions: u64,
    /// Attempts that were made again, refused handshakes included: all but the last of each turn.
    pub retries: u64,
    /// Turns and compactions whose last attempt failed.
    pub errors: u64,
    /// Turns that another model answered than the one asked for.
    pub rerouted: u64,
    /// Tokens of all attempts. [`Usage::cache_write`] is there where one told it.
    pub usage: Usage,
    /// What the tokens cost whose price is known.
    pub cost: Dollars,
    /// How sure the cost is: as sure as the least sure part of it. `None` where no price is known.
    pub confidence: Option<Confidence>,
    /// Attempts that used tokens whose price is not known.
    pub unpriced: u64,
    /// How long the turns took, one after another.
    pub busy: Duration,
}

impl Tally {
    /// Adds a turn.
    pub fn add(&mut self, turn: &LogicalTurn) {
        match turn.purpose {
            _ if !turn.is_asked() => {}
            Purpose::Turn => self.turns += 1,
            Purpose::WarmUp => self.warm_ups += 1,
            Purpose::Compaction => self.compactions += 1,
        }
        self.retries += turn.attempts.len().saturating_sub(1) as u64;
        self.errors += u64::from(turn.is_error());
        // A `response.append` names no model.
        let is_other = |last: &super::Attempt| last.model.is_some() && last.served.is_some();
        self.rerouted += u64::from(turn.last().is_some_and(is_other));
        self.busy += turn.duration().unwrap_or_default();
        for attempt in &turn.attempts {
            let Some(usage) = attempt.usage else { continue };
            self.usage.add(&usage);
            match attempt.cost {
                Some(cost) => {
                    self.cost = self.cost.plus(cost.dollars);
                    self.confidence = self.confidence.max(Some(cost.confidence));
                }
                None => self.unpriced += 1,
            }
        }
    }

    /// What it cost, in dollars with four decimals: `~` in front where that is no list price for just that, `+?`
    /// behind where the price of some is not known, `?` where that of none is. `None` where nothing has a price.
    #[must_use]
    pub fn price(&self) -> Option<String> {
        let is_lacking = self.unpriced > 0;
        let about = match self.confidence {
            None => return is_lacking.then(|| "?".to_owned()),
            Some(Confidence::Listed) => "",
            Some(Confidence::Equivalent | Confidence::Assumed) => "~",
        };
        let more = if is_lacking { "+?" } else { "" };
        Some(format!("{about}${}{more}", self.cost.rounded()))
    }

    /// Adds what was summed up elsewhere.
    pub fn merge(&mut self, other: &Self) {
        self.turns += other.turns;
        self.warm_ups += other.warm_ups;
        self.compactions += other.compactions;
        self.retries += other.retries;
        self.errors += other.errors;
        self.rerouted += other.rerouted;
        self.usage.add(&other.usage);
        self.cost = self.cost.plus(other.cost);
        self.confidence = self.confidence.max(other.confidence);
        self.unpriced += other.unpriced;
        self.busy += other.busy;
    }
}
