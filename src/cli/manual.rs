//! `codextap man`: manual pages, made from the command line's help.

use std::fmt::Display;
use std::fs;
use std::path::Path;

use clap_mangen::Man;

use super::error::Error;
use super::output::Output;
use super::settings;

/// Prints the main page, or writes the pages of all commands to `directory`.
pub(super) fn manual(directory: Option<&Path>) -> Result<(), Error> {
    // `help` prints the help of the others, and has no page.
    let command = settings::command().disable_help_subcommand(true);
    if let Some(directory) = directory {
        let failed = |error: &dyn Display| {
            Error::new(format!("cannot write to {}: {error}", directory.display()))
        };
        fs::create_dir_all(directory).map_err(|error| failed(&error))?;
        return clap_mangen::generate_to(command, directory).map_err(|error| failed(&error));
    }
    let mut page = Vec::new();
    Man::new(command)
        .render(&mut page)
        .map_err(|error| Error::new(format!("cannot print the manual page: {error}")))?;
    let mut output = Output::standard();
    output.write(&mut page)?;
    output.finish()
}
