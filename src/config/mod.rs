//! Where the program's files are, and what the environment says: strings and paths, no meaning.

pub mod file;
pub mod paths;
pub mod themes;

use std::ffi::OsString;

/// All environment variables.
pub fn all_environment() -> impl Iterator<Item = (OsString, OsString)> {
    std::env::vars_os()
}

/// The environment variable `name`; `None` when it is not set or no Unicode.
#[must_use]
#[expect(
    clippy::disallowed_methods,
    reason = "this is the module that reads the environment"
)]
pub fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
