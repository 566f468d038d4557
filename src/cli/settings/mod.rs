//! Where options are told: the command line, else the environment, else the settings file, else nowhere.
//!
//! Every option that has an environment variable is a setting. Nothing else lists them: the file's keys,
//! what they do and what they are if left out are read from the parser of the command line, and what the
//! file sets goes back to it as if it were the default. So the command line has the last word in every
//! case, and values are judged in one place.

mod print;
mod reading;
mod setting;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::builder::BoolishValueParser;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, CommandFactory as _, FromArgMatches as _};

use super::args::{Cli, Command, Common};
use super::captures::kept;
use super::error::Error;
use super::output::Output;
use super::station;
use crate::app::action::Action;
use crate::app::keymap::Keymap;
use crate::app::preset::Preset;
use crate::config::file::{Entry, File, Value};
use crate::config::paths;
use crate::filter::{Filter, Names};
use crate::text::nearest;
use setting::{Setting, renamed};

/// What is told elsewhere than on the command line, and what was told where.
#[derive(Clone, Default, Debug)]
pub(super) struct Settings {
    /// Where the file is looked for; `None` if nowhere.
    path: Option<PathBuf>,
    /// What it says, if it is there.
    file: Option<File>,
    /// What each option comes to.
    told: Vec<Told>,
    /// The keys of the screen.
    pub(super) keymap: Keymap,
    /// Saved filters by name.
    pub(super) filters: Names,
}

/// What an option comes to.
#[derive(Clone, Debug)]
struct Told {
    setting: Setting,
    values: Vec<String>,
    origin: Origin,
}

/// Where a value is told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Origin {
    /// On the command line.
    Flag,
    /// In the environment.
    Environment,
    /// In the settings file, on this line.
    File(usize),
    /// Nowhere.
    Default,
}

/// Why there is nothing to run.
#[derive(Debug)]
pub(super) enum Stop {
    /// What was asked for is this text: help, or the version.
    Answer(clap::Error),
    /// Something is wrong.
    Failed(Error),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl Settings {
    /// How messages name the option with this key: as the user told it.
    pub(super) fn name(&self, key: &str) -> String {
        let told = self.told.iter().find(|told| told.setting.key() == key);
        match told.map(|told| (told.origin, &told.setting)) {
            Some((Origin::Environment, setting)) => setting.variable(),
            Some((Origin::File(line), _)) => {
                let path = self.path.as_deref().unwrap_or(Path::new(""));
                format!("{}{key}", place(path, line))
            }
            Some((Origin::Flag | Origin::Default, _)) | None => format!("--{key}"),
        }
    }

    /// Whether the option with this key is told anywhere.
    pub(super) fn is_set(&self, key: &str) -> bool {
        let mut told = self.told.iter();
        told.any(|told| told.setting.key() == key && told.origin != Origin::Default)
    }

    /// Whether the option with this key is told for this run: on the command line or in the environment.
    pub(super) fn is_told(&self, key: &str) -> bool {
        let told = self.told.iter().find(|told| told.setting.key() == key);
        told.is_some_and(|told| matches!(told.origin, Origin::Flag | Origin::Environment))
    }
}

/// `codextap config`: the settings in force or, where asked, a file with all there are.
pub(super) fn config(common: &Common, is_default: bool) -> Result<(), Error> {
    let text = if is_default {
        print::print_default()
    } else {
        station::routes(common)?;
        print::print(&common.settings)
    };
    let mut output = Output::standard();
    output.write(&mut text.into_bytes())?;
    output.finish()
}

/// The whole command line that the program understands.
pub(super) fn command() -> clap::Command {
    reading::hidden(whole())
}

/// The same, with every option told by every command that takes it.
fn whole() -> clap::Command {
    let mut command = Cli::command().mut_args(|arg| {
        let is_setting = arg.get_env().is_some();
        let is_switch = matches!(arg.get_action(), ArgAction::SetTrue);
        if is_setting && is_switch {
            switch(arg)
        } else {
            arg
        }
    });
    let config = command.get_arguments().find(|arg| arg.get_id() == CONFIG);
    let Some(config) = config.cloned() else {
        return command;
    };
    // Codex has an option of this name, so that it cannot be a global one; and some ask no settings.
    let names = command
        .get_subcommands()
        .map(|sub| sub.get_name().to_owned());
    for name in names
        .filter(|name| !matches!(&name[..], "codex" | "completions" | "man"))
        .collect::<Vec<_>>()
    {
        command = command.mut_subcommand(name, |sub| sub.arg(config.clone()));
    }
    command
}

/// A flag that can be told to be off, too: the environment or the file may have turned it on.
fn switch(arg: Arg) -> Arg {
    arg.action(ArgAction::Set)
        .num_args(0..=1)
        .require_equals(true)
        .value_name("BOOL")
        .value_parser(BoolishValueParser::new())
        .default_value("false")
        .default_missing_value("true")
        .hide_possible_values(true)
        .hide_default_value(true)
}

/// Reads the command line, the environment and the settings file.
///
/// # Errors
/// When one of them is wrong, or only help was asked for.
pub(super) fn read(arguments: &[OsString]) -> Result<Cli, Stop> {
    let command = whole();
    let settings = Setting::all(&command);
    let parse = |command: clap::Command| {
        let matches = reading::hidden(command).try_get_matches_from(arguments);
        matches.map_err(|error| refused(error, &settings))
    };
    let first = parse(command.clone())?;
    reading::check(&command, &first)?;
    let mut cli = from(&first)?;
    let asks_nothing = matches!(
        cli.command,
        Some(Command::Config { default: true } | Command::Completions { .. } | Command::Man { .. })
    );
    if asks_nothing {
        return Ok(cli);
    }
    let (path, file) = find(&first)?;
    let mut filled = command;
    let mut keymap = Keymap::default();
    let mut filters = Names::default();
    if let Some(file) = &file {
        filled = fill(filled, &settings, file)?;
        keymap = keys(file)?;
        filters = self::filters(file)?;
    }
    let matches = parse(filled.clone())?;
    cli = from(&matches)?;
    let is_asked = matches!(cli.command, Some(Command::Config { .. }));
    let told = settings.iter().filter_map(|setting| {
        let matches = match &setting.command {
            None => matches.clone(),
            Some(name) => match matches.subcommand_matches(name) {
                Some(matches) => matches.clone(),
                // What such a command would be told is of interest to nobody else.
                None if is_asked => {
                    let matches = filled.clone().try_get_matches_from([BINARY, name]).ok()?;
                    matches.subcommand_matches(name)?.clone()
                }
                None => return None,
            },
        };
        Some(told(setting, &matches, file.as_ref()))
    });
    cli.common.settings = Settings {
        told: told.collect(),
        path,
        file,
        keymap,
        filters,
    };
    Ok(cli)
}

/// The command line with what the file sets as defaults.
fn fill(
    mut command: clap::Command,
    settings: &[Setting],
    file: &File,
) -> Result<clap::Command, Error> {
    let known = || settings.iter().map(Setting::key).chain(TABLES);
    let strange = |name: &str, line| Err(wrong(file, line, unknown("key", name, known())));
    for (name, line) in file.tables() {
        if !TABLES.contains(&name.as_str()) {
            return strange(name, *line);
        }
    }
    let directory = file.path().parent().unwrap_or(Path::new(""));
    for entry in of_table(file, "") {
        let Some(setting) = settings.iter().find(|setting| setting.key() == entry.key) else {
            return strange(&entry.key, entry.line);
        };
        let values = setting.read(&entry.value, directory);
        let values = values.map_err(|error| wrong(file, entry.line, error))?;
        command = setting.set(command, values);
    }
    Ok(command)
}

fn from(matches: &ArgMatches) -> Result<Cli, Error> {
    Cli::from_arg_matches(matches).map_err(|error| Error::of_arguments(&error))
}

/// What the parser refuses, told by the name of the variable if the value stands there.
fn refused(error: clap::Error, settings: &[Setting]) -> Stop {
    if !error.use_stderr() {
        return Stop::Answer(error);
    }
    let blamed = settings.iter().find(|setting| setting.is_blamed(&error));
    Stop::Failed(match blamed {
        Some(setting) => renamed(&error, &setting.variable()),
        None => misused(&error),
    })
}

/// What the parser says of the command line; where a capture is missing on it, with the newest one as the hint.
fn misused(error: &clap::Error) -> Error {
    let failure = Error::of_arguments(error);
    match kept().pop().filter(|_| lacks_a_file(error)) {
        Some(path) => failure.hint(format!("the newest capture is {}", path.display())),
        None => failure,
    }
}

fn lacks_a_file(error: &clap::Error) -> bool {
    let lacking = match error.get(ContextKind::InvalidArg) {
        Some(ContextValue::Strings(lacking)) => lacking.as_slice(),
        _ => &[],
    };
    error.kind() == ErrorKind::MissingRequiredArgument
        && lacking.iter().any(|argument| argument == "<FILE>...")
}

/// Where the settings file is looked for, and the file, if it is there.
fn find(matches: &ArgMatches) -> Result<(Option<PathBuf>, Option<File>), Error> {
    let is_flag = |matches: &&ArgMatches| {
        let source = matches
            .try_contains_id(CONFIG)
            .is_ok()
            .then(|| matches.value_source(CONFIG));
        source.flatten() == Some(ValueSource::CommandLine)
    };
    let own = matches.subcommand().map(|(_, matches)| matches);
    let matches = own.filter(is_flag).unwrap_or(matches);
    let name = match matches.value_source(CONFIG) {
        Some(ValueSource::EnvVariable) => "CODEXTAP_CONFIG",
        _ => "--config",
    };
    let told = matches.get_one::<PathBuf>(CONFIG);
    if told.is_some_and(|told| told.as_os_str() == "none") {
        return Ok((None, None));
    }
    let usual = || Some(paths::settings().ok()?.join("config.toml"));
    let Some(path) = told.cloned().or_else(usual) else {
        return Ok((None, None));
    };
    let file = File::read(&path).map_err(|error| {
        Error::usage(error.to_string())
            .hint("mend that file, or go without one: codextap --config none")
    })?;
    if file.is_none() && told.is_some() {
        let path = path.display();
        return Err(Error::usage(format!("{name} {path}: no such file")));
    }
    Ok((Some(path), file))
}

/// What a setting comes to.
fn told(setting: &Setting, matches: &ArgMatches, file: Option<&File>) -> Told {
    let values = matches.get_raw(setting.id()).into_iter().flatten();
    let entry = file.and_then(|file| {
        let mut entries = of_table(file, "");
        entries.find(|entry| entry.key == setting.key())
    });
    Told {
        setting: setting.clone(),
        values: values
            .map(|value| value.to_string_lossy().into_owned())
            .collect(),
        origin: match (matches.value_source(setting.id()), entry) {
            (Some(ValueSource::CommandLine), _) => Origin::Flag,
            (Some(ValueSource::EnvVariable), _) => Origin::Environment,
            (_, Some(entry)) => Origin::File(entry.line),
            (_, None) => Origin::Default,
        },
    }
}

/// The keys of the screen, as the file binds them.
fn keys(file: &File) -> Result<Keymap, Error> {
    let mut preset = Preset::default();
    let mut bindings = Vec::new();
    for entry in of_table(file, KEYS) {
        if entry.key == PRESET {
            preset = preset_of(&entry.value).map_err(|error| wrong(file, entry.line, error))?;
            continue;
        }
        let keys = match &entry.value {
            Value::Text(key) => vec![key.clone()],
            Value::Texts(keys) => keys.clone(),
            other => return Err(mistyped(file, entry, "a key, or a list of keys", other)),
        };
        let Some(action) = Action::from_name(&entry.key) else {
            let names = Action::ALL.iter().map(|action| action.name());
            let error = unknown("action", &entry.key, names.chain([PRESET]));
            return Err(wrong(file, entry.line, error));
        };
        bindings.push((action, keys));
    }
    Keymap::new(preset, &bindings).map_err(|error| {
        let mut entries = of_table(file, KEYS);
        let entry = entries.find(|entry| entry.key == error.action().name());
        let line = entry.map_or(1, |entry| entry.line);
        wrong(file, line, Error::usage(error.to_string()))
    })
}

fn preset_of(value: &Value) -> Result<Preset, Error> {
    let names = Preset::ALL.map(Preset::name);
    let expected = || Error::usage(format!("`{PRESET}`: expected one of {}", names.join(", ")));
    match value {
        Value::Text(name) => Preset::from_name(name).ok_or_else(expected),
        _ => Err(expected()),
    }
}

/// The filters that the file saves, by name. They may name each other.
fn filters(file: &File) -> Result<Names, Error> {
    let mut texts = Vec::new();
    for entry in of_table(file, FILTERS) {
        let Value::Text(text) = &entry.value else {
            return Err(mistyped(file, entry, "a string", &entry.value));
        };
        if !Names::is_name(&entry.key) {
            let error = format!(
                "`{}`: a filter's name has letters, digits, - and _",
                entry.key
            );
            return Err(wrong(file, entry.line, Error::usage(error)));
        }
        texts.push((entry, text));
    }
    let own = |(entry, text): &(&Entry, &String)| (entry.key.clone(), (*text).clone());
    let names: Names = texts.iter().map(own).collect();
    for (entry, text) in texts {
        if let Err(error) = Filter::parse_with(text, &names) {
            let told = Error::usage(format!("`{}`: {error}", entry.key));
            return Err(wrong(
                file,
                entry.line,
                told.hint(super::pointer(text, &error.span)),
            ));
        }
    }
    Ok(names)
}

fn of_table<'a>(file: &'a File, table: &'a str) -> impl Iterator<Item = &'a Entry> {
    file.entries()
        .iter()
        .filter(move |entry| entry.table == table)
}

fn mistyped(file: &File, entry: &Entry, expected: &str, value: &Value) -> Error {
    let (key, kind) = (&entry.key, value.kind());
    wrong(
        file,
        entry.line,
        Error::usage(format!("`{key}`: expected {expected}, not {kind}")),
    )
}

/// A word that nothing is called by, and what was meant by it.
fn unknown<'a>(what: &str, word: &str, known: impl Iterator<Item = &'a str>) -> Error {
    let meant = nearest(word, known).map(|meant| format!(": did you mean `{meant}`?"));
    Error::usage(format!(
        "unknown {what} `{word}`{}",
        meant.unwrap_or_default()
    ))
}

/// The error, on this line of the file.
fn wrong(file: &File, line: usize, error: Error) -> Error {
    error
        .at(&place(file.path(), line))
        .or_hint("codextap config --default tells every setting")
}

fn place(path: &Path, line: usize) -> String {
    format!("{}:{line}: ", path.display())
}

/// The option that names the settings file. It is no setting.
const CONFIG: &str = "config";
/// The program, where the parser of the command line expects its name.
pub(super) const BINARY: &str = env!("CARGO_PKG_NAME");
/// The tables of the settings file.
const TABLES: [&str; 2] = [KEYS, FILTERS];
/// The table of the screen's keys.
const KEYS: &str = "keys";
/// What names a set of keys in it.
const PRESET: &str = "preset";
/// The table of saved filters.
const FILTERS: &str = "filters";

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    /// Options that are of one run: what it reads, what it writes, and in which form.
    const OF_ONE_RUN: [&str; 13] = [
        "follow", "output", "force", "format", "content", "json", "session", "sort", "default",
        "online", "split", "pace", "out",
    ];

    #[test]
    fn every_option_is_a_setting_or_of_one_run() {
        let command = whole();
        let mut keys = HashSet::new();
        for setting in Setting::all(&command) {
            let name = setting.key().to_uppercase().replace('-', "_");
            assert_eq!(setting.variable(), format!("CODEXTAP_{name}"));
            assert!(!setting.about().is_empty(), "{name}");
            assert!(
                keys.insert(setting.key().to_owned()),
                "{name} is there twice"
            );
        }
        for command in command.get_subcommands().chain([&command]) {
            let options = command.get_arguments().filter_map(clap::Arg::get_long);
            for option in options.filter(|option| *option != CONFIG) {
                let is_setting = keys.contains(option);
                assert!(is_setting != OF_ONE_RUN.contains(&option), "--{option}");
            }
        }
    }
}
