//! A WebSocket connection between two turns, as a tail keeps it: its line so far, and what its decoders need
//! to go on.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{decode, line};
use crate::flow::{Flow, Resting, Store};

#[derive(Serialize, Deserialize)]
struct Rest<'a> {
    #[serde(borrow)]
    line: &'a RawValue,
    resting: Resting,
}

/// What is kept of a connection; `None` where it cannot be told.
pub(super) fn write(flow: &Flow, store: &Store, resting: Resting) -> Option<Vec<u8>> {
    // What is on the disk goes with the program.
    let flow = if flow.rest() > 0 {
        &flow.without_rest()
    } else {
        flow
    };
    let line = line(flow, store).ok()?;
    let line = serde_json::from_slice(&line).ok()?;
    serde_json::to_vec(&Rest { line, resting }).ok()
}

/// The connection that something was kept of; `None` if that is not to be understood.
pub(super) fn read(rest: &[u8]) -> Option<(Flow, Resting)> {
    let Rest { line, resting } = serde_json::from_slice(rest).ok()?;
    let entry = decode::entry(line.get().as_bytes()).ok()?;
    Some((entry.flow, resting))
}
