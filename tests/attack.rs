//! Decoders under attack: what is sent to fill the memory, or to keep the program busy, is bounded,
//! and the flow says what was left out.
//!
//! Memory is the most that was allocated while a flow was recorded, written, opened again and drawn.
//! Work is a ratio: four times the input must not take much more than four times as long.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "attack/bounds.rs"]
mod bounds;
#[path = "attack/live.rs"]
mod live;
#[path = "attack/observed.rs"]
mod observed;
mod support;
#[path = "attack/work.rs"]
mod work;

use std::sync::{Mutex, MutexGuard, PoisonError};

use peak_alloc::PeakAlloc;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// Tests measure one after another.
static TURN: Mutex<()> = Mutex::new(());

/// Waits until no other test measures.
fn alone() -> MutexGuard<'static, ()> {
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The most memory that `work` had at once, in bytes, beyond what there was before.
fn peak<T>(work: impl FnOnce() -> T) -> (T, usize) {
    MEMORY.reset_peak_usage();
    let before = MEMORY.current_usage();
    let result = work();
    (result, MEMORY.peak_usage().saturating_sub(before))
}

const MIB: usize = 1 << 20;
