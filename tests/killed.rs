//! `codextap record` killed in the middle of its work: what was in flight comes back.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

#[path = "journal/killed.rs"]
mod killed;

use std::time::Duration;

use killed::{Load, Protocol};

#[test]
fn what_was_in_flight_when_it_was_killed_is_in_the_capture_after_the_next_start() {
    for (number, bytes) in [1, 700, 20_000, 300_000, 1_000_000].into_iter().enumerate() {
        let home = tempfile::tempdir().unwrap();
        let load = Load {
            clients: 4,
            protocol: Protocol::Events,
            pace: None,
        };
        let streams = killed::round(home.path(), load, bytes, true);
        let sums = streams.iter().fold((0, 0), |sums, stream| {
            (sums.0 + stream.received, sums.1 + stream.recovered)
        });
        assert!(sums.0 >= bytes, "round {number}: {sums:?}");
        assert!(sums.1 > 0, "round {number}: {sums:?}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn every_byte_that_a_client_received_comes_back() {
    let protocols = [
        Protocol::Events,
        Protocol::Socket { is_deflated: false },
        Protocol::Socket { is_deflated: true },
    ];
    for protocol in protocols {
        let load = Load {
            clients: 8,
            protocol,
            pace: Some(Duration::from_millis(1)),
        };
        for bytes in [1, 3000, 70_000] {
            let home = tempfile::tempdir().unwrap();
            for stream in killed::round(home.path(), load, bytes, false) {
                assert!(stream.recovered >= stream.received);
            }
        }
    }
}
