//! `codextap completions`: what makes a shell complete commands, options and their values.
//!
//! The script asks this program each time, by a variable that only it sets, so that themes, saved filters and
//! captures are those of the moment.

use std::ffi::{OsStr, OsString};

use clap::ValueEnum;
use clap::builder::ValueHint;
use clap_complete::env::Shells;
use clap_complete::{ArgValueCandidates, ArgValueCompleter, CompleteEnv, CompletionCandidate};
use clap_complete::{PathCompleter, engine::ValueCompleter as _};

use super::captures::kept;
use super::error::Error;
use super::output::Output;
use super::screen;
use super::settings::{self, BINARY};
use crate::view::Theme;

/// The shells that are known.
#[derive(Clone, Copy, ValueEnum, Debug)]
pub(super) enum Shell {
    /// GNU bash.
    Bash,
    /// Elvish.
    Elvish,
    /// fish.
    Fish,
    /// PowerShell.
    Powershell,
    /// The Z shell.
    Zsh,
}

/// Prints the script for `shell`.
pub(super) fn script(shell: Shell) -> Result<(), Error> {
    let name = shell.to_possible_value();
    let name = name.as_ref().map_or("", |name| name.get_name());
    let shells = Shells::builtins();
    let failed = |why: &str| Error::new(format!("cannot print completions for {name}: {why}"));
    let completer = shells
        .completer(name)
        .ok_or_else(|| failed("no such shell"))?;
    let mut script = Vec::new();
    completer
        .write_registration(VARIABLE, BINARY, BINARY, BINARY, &mut script)
        .map_err(|error| failed(&error.to_string()))?;
    let mut output = Output::standard();
    output.write(&mut script)?;
    output.finish()
}

/// Answers the script, if it is the one that asks.
pub(super) fn answer(arguments: &[OsString]) -> Result<bool, Error> {
    let directory = std::env::current_dir().ok();
    CompleteEnv::with_factory(command)
        .var(VARIABLE)
        .try_complete(arguments, directory.as_deref())
        .map_err(|error| Error::of_arguments(&error))
}

/// The command line with what its values may be.
fn command() -> clap::Command {
    let names = settings::command();
    let names = names.get_subcommands().map(|sub| sub.get_name().to_owned());
    let mut command = settings::command().mut_args(hinted);
    for name in names.collect::<Vec<_>>() {
        command = command.mut_subcommand(name, |sub| sub.mut_args(hinted));
    }
    command
}

/// An option or argument with what its value may be.
fn hinted(arg: clap::Arg) -> clap::Arg {
    let value = arg.get_value_names().and_then(|names| names.first());
    let value = value.map_or("", |name| name.as_str()).to_owned();
    match (arg.get_id().as_str(), value.as_str()) {
        ("theme", _) => arg.add(ArgValueCandidates::new(themes)),
        ("filter", _) => arg.add(ArgValueCandidates::new(filters)),
        ("log_level", _) => arg.add(ArgValueCandidates::new(levels)),
        ("files", _) => arg.add(ArgValueCompleter::new(captures)),
        (_, "FILE" | "OUT" | "PATH") => arg.value_hint(ValueHint::FilePath),
        (_, "DIR") => arg.value_hint(ValueHint::DirPath),
        _ => arg,
    }
}

fn themes() -> Vec<CompletionCandidate> {
    let own = screen::own_themes().unwrap_or_default().into_iter();
    let mut names: Vec<_> = own.map(|(name, _)| name).collect();
    names.push(screen::AUTO.to_owned());
    names.extend(Theme::names().into_iter().map(str::to_owned));
    names.sort();
    names.dedup();
    names.into_iter().map(CompletionCandidate::new).collect()
}

/// Saved filters, as they are named in an expression.
fn filters() -> Vec<CompletionCandidate> {
    let Ok(cli) = settings::read(&[BINARY.into()]) else {
        return Vec::new();
    };
    let filters = cli.common.settings.filters.iter();
    let filters = filters.map(|(name, text)| {
        let about = text.to_owned().into();
        CompletionCandidate::new(format!("@{name}")).help(Some(about))
    });
    filters.collect()
}

fn levels() -> Vec<CompletionCandidate> {
    let levels = ["error", "warn", "info", "debug", "trace"];
    levels.into_iter().map(CompletionCandidate::new).collect()
}

/// Files, and captures in the state directory by their name.
fn captures(current: &OsStr) -> Vec<CompletionCandidate> {
    let mut found = PathCompleter::file().stdio().complete(current);
    let Some(typed) = current.to_str().filter(|typed| !typed.contains('/')) else {
        return found;
    };
    let kept = kept().into_iter().filter(|path| {
        let name = path.file_name().and_then(OsStr::to_str).unwrap_or_default();
        name.starts_with(typed)
    });
    let newest = kept.rev().take(MOST_CAPTURES);
    found.extend(newest.map(CompletionCandidate::new));
    found
}

/// Set by the script, to the shell's name.
const VARIABLE: &str = "CODEXTAP_COMPLETE";
/// More would be no help.
const MOST_CAPTURES: usize = 20;
