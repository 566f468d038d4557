//! Options that mean nothing to commands that only read captures: left out of their help, and refused there.
//!
//! What the environment or the settings file says is for all commands, and no mistake.

use clap::parser::ValueSource;
use clap::{ArgMatches, Command};

use crate::cli::error::Error;

/// The command line, on which such options do not stand in the help of the commands.
pub(super) fn hidden(mut command: Command) -> Command {
    for (name, means_nothing) in COMMANDS {
        let args = command.get_arguments();
        let args = args.filter(|arg| means_nothing(arg.get_id().as_str(), heading(arg)));
        let args: Vec<_> = args.map(|arg| arg.clone().hide(true)).collect();
        command = command.mut_subcommand(name, |sub| sub.args(args));
    }
    command
}

/// Refuses such options; `command` is what was parsed.
///
/// # Errors
/// The first of them that stands on the command line.
pub(super) fn check(command: &Command, matches: &ArgMatches) -> Result<(), Error> {
    let Some((name, matches)) = matches.subcommand() else {
        return Ok(());
    };
    let Some((_, means_nothing)) = COMMANDS.iter().find(|(known, _)| *known == name) else {
        return Ok(());
    };
    let mut args = command.get_arguments();
    let told = args.find(|arg| {
        let id = arg.get_id().as_str();
        means_nothing(id, heading(arg))
            && matches.value_source(id) == Some(ValueSource::CommandLine)
    });
    let Some(option) = told.and_then(clap::Arg::get_long) else {
        return Ok(());
    };
    let why = format!("--{option} means nothing to codextap {name}, which reads captures");
    Err(Error::usage(why).hint(format!("codextap {name} --help tells its options")))
}

fn heading(arg: &clap::Arg) -> &str {
    arg.get_help_heading().unwrap_or_default()
}

/// Whether the option of this name, under this heading, is about a proxy.
fn is_of_proxy(id: &str, heading: &str) -> bool {
    matches!(heading, "Access" | "Limits")
        || matches!(
            id,
            "listen"
                | "api_upstream"
                | "chatgpt_upstream"
                | "route"
                | "upstream_proxy"
                | "upstream_ca"
                | "capture"
                | "codex"
                | "side_channels"
                | "keep_count"
                | "keep_age"
                | "keep_size"
        )
}

/// Whether it is about a proxy or a screen.
fn is_of_screen(id: &str, heading: &str) -> bool {
    matches!(id, "theme" | "no_mouse" | "memory") || is_of_proxy(id, heading)
}

/// Whether an option means nothing, by its name and its heading.
type MeansNothing = fn(&str, &str) -> bool;

/// The commands that only read captures, and what means nothing to each.
const COMMANDS: [(&str, MeansNothing); 4] = [
    ("open", is_of_proxy),
    ("report", is_of_screen),
    ("sessions", is_of_screen),
    ("export", is_of_screen),
];
