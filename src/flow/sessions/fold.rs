//! Attempts into logical turns.
//!
//! Codex repeats what failed, on the same socket, a new one or over HTTP, with the same turn id. All
//! requests of one prompt share that id, so an attempt belongs to the turn before it only if that one
//! failed. Versions before 0.169 tell no turn id: there an attempt must be about the same thing. A
//! refused handshake belongs to what comes next, which Codex wanted the WebSocket for.

use super::{Attempt, LogicalTurn, Purpose};
use crate::flow::State;

/// An attempt and what it is an attempt at.
pub(super) struct Step {
    pub(super) turn: Option<Box<str>>,
    pub(super) purpose: Purpose,
    pub(super) attempt: Attempt,
}

/// The logical turns of a thread.
pub(super) fn fold(mut steps: Vec<Step>) -> Vec<LogicalTurn> {
    steps.sort_by_key(|step| (step.attempt.started, step.attempt.flow));
    let mut turns: Vec<LogicalTurn> = Vec::new();
    for step in steps {
        match turns.last_mut().filter(|turn| is_repeated(turn, &step)) {
            Some(turn) => {
                if !turn.is_asked() {
                    (turn.turn, turn.purpose) = (step.turn, step.purpose);
                }
                turn.attempts.push(step.attempt);
            }
            None => turns.push(LogicalTurn {
                turn: step.turn,
                purpose: step.purpose,
                attempts: vec![step.attempt],
            }),
        }
    }
    turns
}

/// Whether the step is one more attempt at this turn.
fn is_repeated(turn: &LogicalTurn, step: &Step) -> bool {
    if !turn.is_asked() {
        return true;
    }
    let Some(request) = turn.last().filter(|last| last.state == State::Failed) else {
        return false;
    };
    if step.attempt.is_handshake {
        // It may belong to this turn or to the next; what follows within the turn decides for this.
        return step.turn.is_none() || step.turn == turn.turn;
    }
    let is_same = match (&turn.turn, &step.turn) {
        (Some(one), Some(other)) => one == other,
        (None, None) => request.gist == step.attempt.gist,
        (Some(_), None) | (None, Some(_)) => false,
    };
    is_same && turn.purpose == step.purpose
}
