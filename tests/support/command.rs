//! The program as tests run it.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Stdio};

/// Codextap in the directory `home`, which is its home too and all of its environment; what it prints is kept.
pub(crate) fn codextap<I>(home: &Path, arguments: I) -> Command
where
    I: IntoIterator,
    I::Item: AsRef<OsStr>,
{
    let mut command = Command::new(env!("CARGO_BIN_EXE_codextap"));
    command
        .args(arguments)
        .env_clear()
        .env("HOME", home)
        .current_dir(home)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}
