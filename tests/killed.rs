//! `codextap record` killed in the middle of its work: what was journalled comes back.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

#[path = "journal/killed.rs"]
mod killed;

#[test]
fn what_was_in_flight_when_it_was_killed_is_in_the_capture_after_the_next_start() {
    for (number, bytes) in [1, 700, 20_000, 300_000, 1_000_000].into_iter().enumerate() {
        let home = tempfile::tempdir().unwrap();
        let streams = killed::round(home.path(), 4, bytes, None, true);
        let sums = streams.iter().fold((0, 0), |sums, stream| {
            (sums.0 + stream.received, sums.1 + stream.recovered)
        });
        assert!(sums.0 >= bytes, "round {number}: {sums:?}");
        assert!(sums.1 > 0, "round {number}: {sums:?}");
    }
}
