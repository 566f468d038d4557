//! What several tests use. Each test binary uses its share of it.
#![expect(dead_code, unreachable_pub, reason = "no test binary uses all of it")]
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

pub mod frames;
pub mod outer;
pub mod peer;
pub mod proxied;
pub mod tls;

/// Keeps the expectation above true in a binary that should happen to use everything.
const UNUSED: () = ();
