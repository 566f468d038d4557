//! Where the program's files are, and what the environment says: strings and paths, no meaning.

pub mod file;
pub mod paths;

/// The environment variable `name`; `None` when it is not set or no Unicode.
#[must_use]
#[expect(
    clippy::disallowed_methods,
    reason = "this is the module that reads the environment"
)]
pub fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
