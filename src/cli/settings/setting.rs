//! An option that can be told in other places than the command line.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::builder::{OsStr, Resettable};
use clap::error::{ContextKind, ContextValue};
use clap::{Arg, ArgAction, Command};

use super::CONFIG;
use crate::cli::error::Error;
use crate::config::file::Value;
use crate::config::{self, paths};

/// An option that has an environment variable. Its key in the settings file is its long name.
#[derive(Clone, Debug)]
pub(super) struct Setting {
    arg: Arg,
    /// The command that has it; `None` if all have it.
    pub(super) command: Option<String>,
}

/// What values a setting takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    /// `true` or `false`.
    Truth,
    /// A string.
    Text,
    /// A whole number, or a string.
    Number,
    /// An array of strings.
    Texts,
}

impl Setting {
    /// Every setting, in the order of the command line's help.
    pub(super) fn all(command: &Command) -> Vec<Self> {
        let of = |command: &Command, name: Option<&str>| {
            let args = command.get_arguments();
            let args = args.filter(|arg| arg.get_env().is_some() && arg.get_id() != CONFIG);
            let settings = args.map(|arg| Self {
                arg: arg.clone(),
                command: name.map(str::to_owned),
            });
            settings.collect::<Vec<_>>()
        };
        let mut all = of(command, None);
        for command in command.get_subcommands() {
            all.extend(of(command, Some(command.get_name())));
        }
        all
    }

    /// What the parser of the command line calls it.
    pub(super) fn id(&self) -> &str {
        self.arg.get_id().as_str()
    }

    /// Its name in the settings file: the option without dashes.
    pub(super) fn key(&self) -> &str {
        self.arg.get_long().unwrap_or_default()
    }

    /// Its environment variable.
    pub(super) fn variable(&self) -> String {
        let variable = self.arg.get_env().map(|name| name.to_string_lossy());
        variable.unwrap_or_default().into_owned()
    }

    /// The heading that help lists it under.
    pub(super) fn heading(&self) -> Option<&str> {
        self.arg.get_help_heading()
    }

    /// What it does, in one line, as help has it.
    pub(super) fn about(&self) -> String {
        let help = self.arg.get_help().map(ToString::to_string);
        let help = help.unwrap_or_default();
        let help = help.trim_end_matches('.');
        let names = self.arg.get_value_parser().possible_values();
        match names.filter(|_| self.kind() == Kind::Text) {
            Some(names) => {
                let names: Vec<_> = names.map(|name| name.get_name().to_owned()).collect();
                format!("{help}: {}", names.join(", "))
            }
            None => help.to_owned(),
        }
    }

    /// What it is if it is told nowhere.
    pub(super) fn default_values(&self) -> Vec<String> {
        let values = self.arg.get_default_values().iter();
        values
            .map(|value| value.to_string_lossy().into_owned())
            .collect()
    }

    /// What help calls its value, such as `FILE`.
    pub(super) fn value_name(&self) -> &str {
        let names = self.arg.get_value_names().unwrap_or_default();
        names.first().map_or("VALUE", |name| name.as_str())
    }

    /// Whether its value is shown to nobody.
    pub(super) fn is_secret(&self) -> bool {
        self.arg.is_hide_env_values_set()
    }

    /// What values it takes.
    pub(super) fn kind(&self) -> Kind {
        let least = self.arg.get_num_args().map(|number| number.min_values());
        if matches!(self.arg.get_action(), ArgAction::Append) {
            Kind::Texts
        } else if least == Some(0) {
            Kind::Truth
        } else if self.value_name() == "NUMBER" {
            Kind::Number
        } else {
            Kind::Text
        }
    }

    /// The value as the command line would have it. Names of files are taken from `directory`, the one
    /// with the settings file, and `~/` is the home directory.
    ///
    /// # Errors
    /// When the value is of the wrong type, with what was expected; or is refused by the option.
    pub(super) fn read(&self, value: &Value, directory: &Path) -> Result<Vec<OsString>, Error> {
        let expected = match (self.kind(), value) {
            (Kind::Truth, Value::Truth(truth)) => {
                return self.checked(vec![truth.to_string().into()]);
            }
            (Kind::Number, Value::Number(number)) => {
                return self.checked(vec![number.to_string().into()]);
            }
            (Kind::Text | Kind::Number, Value::Text(text)) => {
                return self.checked(vec![self.resolved(text, directory)]);
            }
            (Kind::Texts, Value::Texts(texts)) => {
                return self.checked(texts.iter().map(OsString::from).collect());
            }
            (Kind::Truth, _) => "true or false",
            (Kind::Number, _) => "a number",
            (Kind::Text, _) => "a string",
            (Kind::Texts, _) => "a list of strings",
        };
        let (key, kind) = (self.key(), value.kind());
        Err(Error::usage(format!(
            "`{key}`: expected {expected}, not {kind}"
        )))
    }

    fn resolved(&self, text: &str, directory: &Path) -> OsString {
        if self.value_name() != "FILE" || text == "none" {
            return text.into();
        }
        let path = match text.strip_prefix("~/").map(|rest| (rest, paths::home())) {
            Some((rest, Ok(home))) => home.join(rest),
            _ => PathBuf::from(text),
        };
        directory.join(path).into()
    }

    /// The values, if the option takes them.
    fn checked(&self, values: Vec<OsString>) -> Result<Vec<OsString>, Error> {
        let alone = self.arg.clone().env(Resettable::Reset).global(false);
        let alone = Command::new(env!("CARGO_PKG_NAME")).arg(alone);
        let told = values.iter().map(|value| {
            let mut told = OsString::from(format!("--{}=", self.key()));
            told.push(value);
            told
        });
        match alone.no_binary_name(true).try_get_matches_from(told) {
            Ok(_) => Ok(values),
            Err(error) => Err(renamed(&error, &format!("`{}`", self.key()))),
        }
    }

    /// `command` with these values where neither its line nor the environment tells any.
    pub(super) fn set(&self, command: Command, values: Vec<OsString>) -> Command {
        let set = |command: Command| {
            let values = values.into_iter().map(OsStr::from);
            command.mut_arg(self.id(), |arg| arg.default_values(values))
        };
        match &self.command {
            Some(name) => command.mut_subcommand(name, set),
            None => set(command),
        }
    }

    /// Whether the parser's `error` is about the value in the environment.
    pub(super) fn is_blamed(&self, error: &clap::Error) -> bool {
        let name = text(error, ContextKind::InvalidArg).strip_prefix("--");
        let name = name.and_then(|name| name.split([' ', '[']).next());
        let value = text(error, ContextKind::InvalidValue);
        let set = config::environment(&self.variable());
        name == Some(self.key()) && set.is_some_and(|set| set.contains(value))
    }
}

/// What the parser says about an option, which is told under another name.
pub(super) fn renamed(error: &clap::Error, name: &str) -> Error {
    let option = text(error, ContextKind::InvalidArg);
    Error::of_arguments(error).renamed(&format!("'{option}'"), name)
}

fn text(error: &clap::Error, kind: ContextKind) -> &str {
    match error.get(kind) {
        Some(ContextValue::String(text)) => text,
        _ => "",
    }
}
