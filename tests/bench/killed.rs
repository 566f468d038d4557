//! How much of what clients received is missing after a kill: `cargo bench --bench killed [-- ROUNDS]`.
//!
//! Event streams at the pace of a fast model, and at full flood; the program is killed after a random number of bytes.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a harness may panic and prints"
)]

#[path = "../journal/killed.rs"]
mod killed;

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::time::Duration;

fn main() {
    let rounds = std::env::args()
        .find_map(|it| it.parse().ok())
        .unwrap_or(50);
    let loads = [
        (
            "8 streams, an event every ms each",
            8,
            Some(Duration::from_millis(1)),
            400_000,
        ),
        ("4 streams at full flood", 4, None, 20_000_000),
    ];
    for (name, clients, pace, most) in loads {
        let mut missing = Vec::new();
        let (mut received, mut whole) = (0, 0);
        for number in 0..rounds {
            let home = tempfile::tempdir().unwrap();
            let bytes = RandomState::new().hash_one(number) as usize % most + 1;
            for stream in killed::round(home.path(), clients, bytes, pace, false) {
                let lacks = stream.received.saturating_sub(stream.recovered);
                received += stream.received;
                whole += usize::from(lacks == 0);
                missing.push(lacks);
            }
        }
        missing.sort_unstable();
        let at = |share: usize| missing[(missing.len() - 1) * share / 100];
        let (count, sum) = (missing.len(), missing.iter().sum::<usize>());
        println!(
            "{name}: {rounds} kills, {count} streams, {whole} lack nothing; bytes missing at the end of a stream: \
             p50 {}, p90 {}, p99 {}, most {}; {sum} of {received} in all",
            at(50),
            at(90),
            at(99),
            at(100)
        );
    }
}
