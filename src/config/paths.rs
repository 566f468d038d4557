//! Directories, as the XDG Base Directory Specification and each system's habits have them.

use std::path::PathBuf;

use etcetera::{BaseStrategy, choose_base_strategy};

/// No directory could be found, because the user has no home.
#[derive(thiserror::Error, Debug)]
#[error("cannot find the home directory: HOME is not set")]
pub struct NoHome;

/// The user's home directory.
///
/// # Errors
/// When there is none.
pub fn home() -> Result<PathBuf, NoHome> {
    Ok(strategy()?.home_dir().to_owned())
}

/// Where captures and running programs' addresses are kept: `$XDG_STATE_HOME/codextap`.
///
/// # Errors
/// When the user has no home.
pub fn state() -> Result<PathBuf, NoHome> {
    let strategy = strategy()?;
    Ok(strategy
        .state_dir()
        .unwrap_or_else(|| strategy.data_dir())
        .join("codextap"))
}

/// Where files are kept for a moment that nobody else may read: `$XDG_RUNTIME_DIR/codextap` or, without one, a directory
/// beside the captures.
///
/// # Errors
/// When the user has no home.
pub fn runtime() -> Result<PathBuf, NoHome> {
    match session() {
        Some(directory) => Ok(directory),
        None => Ok(state()?.join("running")),
    }
}

/// Where files are kept as long as the user is logged in: `$XDG_RUNTIME_DIR/codextap`.
#[must_use]
pub fn session() -> Option<PathBuf> {
    Some(strategy().ok()?.runtime_dir()?.join("codextap"))
}

/// Where settings and the user's themes are kept: `$XDG_CONFIG_HOME/codextap`.
///
/// # Errors
/// When the user has no home.
pub fn settings() -> Result<PathBuf, NoHome> {
    Ok(strategy()?.config_dir().join("codextap"))
}

fn strategy() -> Result<impl BaseStrategy, NoHome> {
    choose_base_strategy().map_err(|_| NoHome)
}
