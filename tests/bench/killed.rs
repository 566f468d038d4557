//! How much of what clients received is missing after a kill: `cargo bench --bench killed [-- ROUNDS] [PART OF A LOAD'S NAME]`.
//!
//! Event streams and WebSockets at the pace of a fast model, and event streams at full flood; the program is killed after a random number of bytes.

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

use killed::{Load, Protocol};

fn main() {
    let rounds = std::env::args()
        .find_map(|it| it.parse().ok())
        .unwrap_or(50);
    let paced = |protocol| Load {
        clients: 8,
        protocol,
        pace: Some(Duration::from_millis(1)),
    };
    let flood = Load {
        clients: 4,
        protocol: Protocol::Events,
        pace: None,
    };
    let plain = Protocol::Socket { is_deflated: false };
    let deflated = Protocol::Socket { is_deflated: true };
    let loads = [
        (
            "8 streams, an event every ms each",
            paced(Protocol::Events),
            400_000,
        ),
        (
            "8 WebSockets, a message every ms each",
            paced(plain),
            400_000,
        ),
        (
            "8 WebSockets, the same compressed",
            paced(deflated),
            100_000,
        ),
        ("4 streams at full flood", flood, 20_000_000),
    ];
    let chosen = |name: &str| {
        std::env::args()
            .skip(1)
            .all(|it| it.starts_with("--") || it.parse::<u64>().is_ok() || name.contains(&it))
    };
    for (name, load, most) in loads.into_iter().filter(|(name, ..)| chosen(name)) {
        let mut missing = Vec::new();
        let (mut received, mut whole) = (0, 0);
        for number in 0..rounds {
            let home = tempfile::tempdir().unwrap();
            let bytes = RandomState::new().hash_one(number) as usize % most + 1;
            for stream in killed::round(home.path(), load, bytes, false) {
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
