//! `codextap config`: the settings in force, or a settings file with all there are. Both are TOML that the
//! program reads again.

use std::fmt::Write as _;

use super::setting::{Kind, Setting};
use super::{Origin, Settings, Told, of_table};
use crate::app::action::Action;
use crate::app::preset::Preset;
use crate::config::file::Value;

/// The settings in force, each with where it is told.
pub(in crate::cli) fn print(settings: &Settings) -> String {
    let mut out = String::new();
    let place = match (&settings.path, &settings.file) {
        (Some(path), Some(_)) => path.display().to_string(),
        (Some(path), None) => format!("{} (there is no such file)", path.display()),
        (None, _) => "No settings file is read".to_owned(),
    };
    line(&mut out, &format!("# {place}\n"));
    for told in &settings.told {
        let (text, origin) = in_force(told);
        line(&mut out, &format!("{text:<WIDTH$} # {origin}"));
    }
    let Some(file) = &settings.file else {
        return out;
    };
    for (table, _) in file.tables() {
        line(&mut out, &format!("\n[{table}]"));
        for entry in of_table(file, table) {
            let value = match &entry.value {
                Value::Text(text) => quoted(text),
                Value::Texts(texts) => list(texts),
                Value::Number(_) | Value::Truth(_) | Value::Other(_) => continue,
            };
            let text = format!("{} = {value}", key(&entry.key));
            line(&mut out, &format!("{text:<WIDTH$} # line {}", entry.line));
        }
        if table == super::KEYS {
            for taken in settings.keymap.taken() {
                let (from, by, chord) = (taken.from.name(), taken.by.name(), taken.chord);
                line(
                    &mut out,
                    &format!("# {chord} is taken from {from}, for {by}"),
                );
            }
        }
    }
    out
}

/// An option's line, and where it is told.
fn in_force(told: &Told) -> (String, String) {
    let Told {
        setting,
        values,
        origin,
    } = told;
    let origin = match origin {
        Origin::Flag => format!("--{}", setting.key()),
        Origin::Environment => setting.variable(),
        Origin::File(line) => format!("line {line}"),
        Origin::Default if values.is_empty() => "not set".to_owned(),
        Origin::Default => "default".to_owned(),
    };
    if values.is_empty() {
        (format!("# {}", setting.key()), origin)
    } else if setting.is_secret() {
        (
            format!("# {}", setting.key()),
            format!("{origin}, not shown"),
        )
    } else {
        (
            format!("{} = {}", setting.key(), value(setting, values)),
            origin,
        )
    }
}

/// A settings file that says nothing yet: all there are, each with what it does and what it is if left out.
pub(in crate::cli) fn print_default() -> String {
    let mut out = String::new();
    let mut heading = None;
    line(&mut out, INTRODUCTION);
    for setting in Setting::all(&super::whole()) {
        let command = setting
            .command
            .as_ref()
            .map(|name| format!("Of `codextap {name}`"));
        let of = command.or_else(|| setting.heading().map(str::to_owned));
        if of != heading {
            let title = of.as_deref().unwrap_or("Options");
            line(&mut out, &format!("\n# == {title} =="));
            heading = of;
        }
        line(&mut out, &format!("\n# {}", setting.about()));
        let values = match setting.default_values() {
            values if values.is_empty() => vec![setting.value_name().to_owned()],
            values => values,
        };
        line(
            &mut out,
            &format!("# {} = {}", setting.key(), value(&setting, &values)),
        );
    }
    let presets: Vec<_> = Preset::ALL.iter().map(|preset| preset.name()).collect();
    line(&mut out, KEYS);
    line(
        &mut out,
        &format!("\n# Keys to begin with: {}", presets.join(", ")),
    );
    line(
        &mut out,
        &format!("# preset = {}", quoted(Preset::default().name())),
    );
    for action in Action::ALL {
        line(&mut out, &format!("\n# {}", action.description()));
        let keys: Vec<_> = action.keys().iter().map(ToString::to_string).collect();
        line(&mut out, &format!("# {} = {}", action.name(), list(&keys)));
    }
    line(&mut out, FILTERS);
    out
}

/// A setting's value in TOML.
fn value(setting: &Setting, values: &[String]) -> String {
    let is_plain = |text: &&String| text.parse::<u64>().is_ok();
    match (setting.kind(), values) {
        (Kind::Texts, values) => list(values),
        (Kind::Truth, [truth, ..]) => truth_of(truth).to_owned(),
        (Kind::Number, [number, ..]) if is_plain(&number) => number.clone(),
        (_, [text, ..]) => quoted(text),
        (_, []) => quoted(""),
    }
}

/// A truth as the environment may spell it, as TOML does.
fn truth_of(text: &str) -> &'static str {
    match text.to_lowercase().as_str() {
        "y" | "yes" | "t" | "true" | "on" | "1" => "true",
        _ => "false",
    }
}

/// A bare key, or a quoted one where that is no key (TOML 1.0, Keys).
fn key(key: &str) -> String {
    let is_bare = |letter: char| letter.is_ascii_alphanumeric() || "-_".contains(letter);
    if key.chars().all(is_bare) && !key.is_empty() {
        key.to_owned()
    } else {
        quoted(key)
    }
}

fn list(texts: &[String]) -> String {
    let texts: Vec<_> = texts.iter().map(|text| quoted(text)).collect();
    format!("[{}]", texts.join(", "))
}

/// A basic string (TOML 1.0, String).
fn quoted(text: &str) -> String {
    let mut out = String::from('"');
    for letter in text.chars() {
        match letter {
            '"' | '\\' => out.extend(['\\', letter]),
            letter if letter.is_control() => {
                // A string takes whatever is written to it.
                let _ = write!(out, "\\U{:08X}", u32::from(letter));
            }
            letter => out.push(letter),
        }
    }
    out.push('"');
    out
}

fn line(out: &mut String, text: &str) {
    out.push_str(text);
    out.push('\n');
}

/// Columns in front of where a setting is told.
const WIDTH: usize = 48;

const INTRODUCTION: &str = "\
# Settings of codextap. Each line that sets something is commented out and says what holds without it; capitals
# stand for a value of yours, where nothing is set. `codextap config` tells where this file is looked for.
# The environment comes before this file, as CODEXTAP_LISTEN for `listen`, and the command line before both.
# Names of files are taken from the directory of this file; `~/` is your home directory.";

const KEYS: &str = "
# == Keys of the screen ==
# A key is a character or a name (space, enter, f5, …), after ctrl-, alt- or shift-; `list:`, `detail:` or
# `payload:` in front of it confine it to those panes. A key that is given to one action is taken from others.

[keys]";

const FILTERS: &str = "
# == Saved filters ==
# A name and what it stands for, such as: errors = \"~e | ~c 4xx\"

[filters]";
