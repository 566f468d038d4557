//! Options that mean nothing to commands that only read captures, or run no proxy of the user's: left out of
//! their help, and refused there.
//!
//! What the environment or the settings file says is for all commands, and no mistake.

use clap::parser::ValueSource;
use clap::{ArgMatches, Command};

use crate::cli::error::Error;

/// The command line, on which such options do not stand in the help of the commands.
pub(super) fn hidden(mut command: Command) -> Command {
    let shows = ("config", is_setting as MeansNothing, "");
    for (name, means_nothing, _) in COMMANDS.into_iter().chain([shows]) {
        let args = command.get_arguments().filter(|arg| arg.is_global_set());
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
    let Some((_, means_nothing, why)) = COMMANDS.iter().find(|(known, ..)| *known == name) else {
        return Ok(());
    };
    let mut args = command.get_arguments().filter(|arg| arg.is_global_set());
    let told = args.find(|arg| {
        let id = arg.get_id().as_str();
        means_nothing(id, heading(arg))
            && matches.value_source(id) == Some(ValueSource::CommandLine)
    });
    let Some(option) = told.and_then(clap::Arg::get_long) else {
        return Ok(());
    };
    let why = format!("--{option} means nothing to codextap {name}, which {why}");
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

/// Whether it means nothing to the demo, which keeps a capture if it is told to.
fn is_of_own_proxy(id: &str, heading: &str) -> bool {
    id != "capture" && is_of_proxy(id, heading)
}

/// Whether it means nothing to who looks at what stands between Codex and the screen.
fn is_of_traffic(id: &str, _: &str) -> bool {
    let is_looked_at = matches!(
        id,
        "listen"
            | "api_upstream"
            | "chatgpt_upstream"
            | "route"
            | "side_channels"
            | "upstream_proxy"
            | "upstream_ca"
            | "capture"
            | "codex"
            | "token"
            | "allow_host"
            | "connect_timeout"
    );
    !is_looked_at && !is_of_log(id)
}

/// Whether it means nothing to who tells the lines that lead to an address.
fn is_no_address(id: &str, _: &str) -> bool {
    !matches!(id, "listen" | "side_channels") && !is_of_log(id)
}

/// Whether any does: all of them are settings.
fn is_setting(_: &str, _: &str) -> bool {
    true
}

/// Whether it is about the log.
fn is_of_log(id: &str) -> bool {
    matches!(id, "log" | "log_level")
}

/// Whether an option means nothing, by its name and its heading.
type MeansNothing = fn(&str, &str) -> bool;

/// The commands with options that mean nothing to them, which those are, and what the command does instead.
/// `config` takes them all, and tells what they come to.
const COMMANDS: [(&str, MeansNothing, &str); 9] = [
    ("open", is_of_proxy, "reads captures"),
    ("report", is_of_screen, "reads captures"),
    ("sessions", is_of_screen, "reads captures"),
    ("export", is_of_screen, "reads captures"),
    (
        "demo",
        is_of_own_proxy,
        "has a proxy and an upstream of its own",
    ),
    ("doctor", is_of_traffic, "sees no traffic"),
    ("setup", is_no_address, "prints where to point Codex"),
    ("completions", is_setting, "prints a script"),
    ("man", is_setting, "prints manual pages"),
];
