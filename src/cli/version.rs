//! What `--version` tells: the version, what it was built for, and from which commit.

use std::env::consts::{ARCH, OS};

/// `0.1.0 (x86_64-linux-musl, 1a2b3c4d5)`, or without the commit where none was told to the build.
pub(super) fn version() -> String {
    let version = env!("CARGO_PKG_VERSION");
    let commit = COMMIT.map_or_else(String::new, |commit| format!(", {commit}"));
    format!("{version} ({ARCH}-{OS}{ABI}{commit})")
}

/// The commit, told by whoever builds a release; a build from an archive has none.
const COMMIT: Option<&str> = option_env!("CODEXTAP_COMMIT");

/// The C library or toolchain it is linked for.
const ABI: &str = if cfg!(target_env = "gnu") {
    "-gnu"
} else if cfg!(target_env = "musl") {
    "-musl"
} else if cfg!(target_env = "msvc") {
    "-msvc"
} else {
    ""
};
