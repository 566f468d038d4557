//! Where Codex's own arguments and settings lead it, as far as they decide whether it comes here.
//!
//! Codex takes a value from the first of these that has it: `-c` on its command line (the last one of
//! a name), the profile, `config.toml`. A profile is a file `NAME.config.toml` beside that, or for
//! older versions a table of it. Nothing is written, and what cannot be read counts as empty: to say
//! what is wrong with it is for Codex.

use std::ffi::OsString;
use std::path::Path;

use toml::{Table, Value};

/// What Codex's arguments say.
#[derive(Clone, Default, Debug)]
pub(in crate::cli) struct Arguments {
    /// What stands in `-c NAME=VALUE`.
    overrides: Table,
    profile: Option<String>,
    /// The app server that is to do the work.
    remote: Option<String>,
    is_oss: bool,
    /// The first word that is no option: a command or a prompt.
    command: Option<String>,
    /// Whether it only prints its help or version.
    is_question: bool,
}

/// Settings in force, each with where it stands, what wins first.
#[derive(Clone, Debug)]
pub(in crate::cli) struct Settings {
    layers: Vec<(String, Table)>,
}

impl Arguments {
    /// Reads them as Codex does.
    #[must_use]
    pub(in crate::cli) fn parse(arguments: &[OsString]) -> Self {
        let mut read = Self::default();
        let mut words = arguments.iter().map(|word| word.to_string_lossy());
        while let Some(word) = words.next() {
            if word == "--" {
                break;
            }
            let (name, joined) = match word.split_once('=') {
                Some((name, value)) if name.starts_with("--") => (name, Some(value.to_owned())),
                _ if word.starts_with("--") => (&*word, None),
                // `-cNAME=VALUE`; one letter, and what is joined to it.
                _ if word.starts_with('-') && word.is_char_boundary(2) && word.len() > 2 => {
                    let (name, value) = word.split_at(2);
                    (name, Some(value.trim_start_matches('=').to_owned()))
                }
                _ => (&*word, None),
            };
            let mut value = || joined.clone().or_else(|| words.next().map(Into::into));
            match name {
                "-c" | "--config" => {
                    if let Some((name, value)) =
                        value().as_deref().and_then(|it| it.split_once('='))
                    {
                        set(&mut read.overrides, name.trim(), parse(value.trim()));
                    }
                }
                "-p" | "--profile" => read.profile = value(),
                "--remote" => read.remote = value(),
                "--oss" => read.is_oss = true,
                "-h" | "--help" | "-V" | "--version" => read.is_question = true,
                name if WITH_VALUE.contains(&name) => _ = value(),
                name if !name.starts_with('-') && read.command.is_none() => {
                    read.command = Some(name.to_owned());
                }
                _ => {}
            }
        }
        read
    }

    /// Whether a Codex with these arguments asks a model, unless its user leaves before that.
    #[must_use]
    pub(in crate::cli) fn asks_model(&self) -> bool {
        let command = self.command.as_deref();
        !self.is_question && command.is_none_or(|command| !SILENT.contains(&command))
    }

    /// Whether Codex reads `CODEX_API_KEY` then.
    #[must_use]
    pub(in crate::cli) fn reads_key(&self) -> bool {
        matches!(self.command.as_deref(), Some("exec" | "e" | "review"))
    }
}

impl Settings {
    /// The settings in `codex_home` under these arguments.
    #[must_use]
    pub(in crate::cli) fn read(arguments: &Arguments, codex_home: Option<&Path>) -> Self {
        let file = |name: &str| -> Option<Table> {
            let text = std::fs::read_to_string(codex_home?.join(name)).ok()?;
            text.parse().ok()
        };
        let config = file("config.toml").unwrap_or_default();
        let mut layers = vec![("codex's arguments".to_owned(), arguments.overrides.clone())];
        let named = arguments.profile.as_deref();
        let profile = named.or_else(|| config.get("profile").and_then(Value::as_str));
        if let Some(name) = profile {
            let own = named.and_then(|name| file(&format!("{name}.config.toml")));
            let table = config.get("profiles").and_then(|all| all.get(name));
            let table = own.or_else(|| table.and_then(Value::as_table).cloned());
            layers.push((format!("profile {name}"), table.unwrap_or_default()));
        }
        layers.push(("config.toml".to_owned(), config));
        Self { layers }
    }

    /// The text at `path`, and where it stands.
    #[must_use]
    pub(in crate::cli) fn text(&self, path: &[&str]) -> Option<(&str, &str)> {
        self.layers.iter().find_map(|(layer, table)| {
            let (first, rest) = path.split_first()?;
            let found = rest
                .iter()
                .try_fold(table.get(*first)?, |value, name| value.get(name))?;
            Some((found.as_str()?, layer.as_str()))
        })
    }

    /// Why a Codex with these settings goes elsewhere than where the launcher points it, in a few
    /// words, and what would bring it here; `None` when nothing is seen that leads elsewhere.
    /// `is_own` says of a base URL whether it leads here as well.
    #[must_use]
    pub(in crate::cli) fn detour(
        &self,
        arguments: &Arguments,
        is_own: impl Fn(&str) -> bool,
    ) -> Option<(String, &'static str)> {
        if let Some(server) = &arguments.remote {
            let what = format!("--remote {server} has another process talk to the models");
            return Some((what, "leave it out"));
        }
        if arguments.is_oss {
            let what = "--oss makes it use a provider on this machine".to_owned();
            return Some((what, "leave it out"));
        }
        let told = arguments.overrides.get("openai_base_url");
        if let Some(url) = told.and_then(Value::as_str).filter(|url| !is_own(url)) {
            let what = format!("openai_base_url among its arguments leads to {url}");
            return Some((
                what,
                "leave it out; `--api-upstream` says where codextap leads on to",
            ));
        }
        let (provider, layer) = self.text(&["model_provider"])?;
        if provider == "openai" {
            return None;
        }
        let url = self.text(&["model_providers", provider, "base_url"]);
        match url.map(|(url, _)| url) {
            Some(url) if is_own(url) => None,
            Some(url) => Some((
                format!("model_provider {provider:?} in {layer} leads to {url}"),
                BRING_HERE,
            )),
            None => Some((
                format!("model_provider {provider:?} in {layer} leads elsewhere"),
                BRING_HERE,
            )),
        }
    }
}

/// Puts `value` where the dotted `name` says.
fn set(table: &mut Table, name: &str, value: Value) {
    match name.split_once('.') {
        None => _ = table.insert(name.to_owned(), value),
        Some((first, rest)) => {
            let inner = table
                .entry(first)
                .or_insert_with(|| Value::Table(Table::new()));
            if let Value::Table(inner) = inner {
                set(inner, rest, value);
            }
        }
    }
}

/// A value of TOML, else the text as it stands.
fn parse(text: &str) -> Value {
    let document: Option<Table> = format!("x = {text}").parse().ok();
    let value = document.and_then(|mut document| document.remove("x"));
    value.unwrap_or_else(|| Value::String(text.to_owned()))
}

const BRING_HERE: &str = "`-c model_provider=openai` brings it here";

/// Options of Codex that a value follows, besides those that are read.
const WITH_VALUE: [&str; 20] = [
    "--enable",
    "--disable",
    "--remote-auth-token-env",
    "-i",
    "--image",
    "-m",
    "--model",
    "--local-provider",
    "-s",
    "--sandbox",
    "-C",
    "--cd",
    "--add-dir",
    "-a",
    "--ask-for-approval",
    "--thread-source",
    "--output-schema",
    "--color",
    "-o",
    "--output-last-message",
];

/// Commands of Codex that ask no model.
const SILENT: [&str; 23] = [
    "agents",
    "app-server",
    "apply",
    "a",
    "archive",
    "cloud",
    "completion",
    "debug",
    "delete",
    "doctor",
    "exec-server",
    "features",
    "help",
    "login",
    "logout",
    "mcp",
    "migrate-nfs-db",
    "migrate-rollouts",
    "plugin",
    "queue",
    "sandbox",
    "unarchive",
    "update",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn arguments(text: &str) -> Arguments {
        let words: Vec<OsString> = text.split(' ').map(Into::into).collect();
        Arguments::parse(&words)
    }

    #[test]
    fn what_leads_elsewhere_is_seen() {
        let home = tempfile::tempdir().unwrap();
        let config = |text: &str| std::fs::write(home.path().join("config.toml"), text).unwrap();
        let own = |url: &str| url.starts_with("http://here");
        let detour = |text: &str| {
            let arguments = arguments(text);
            let settings = Settings::read(&arguments, Some(home.path()));
            settings.detour(&arguments, own).map(|(what, _)| what)
        };
        config("openai_base_url = \"http://other\"\n");
        assert_eq!(detour("exec hi"), None, "the launcher's own -c is stronger");
        for (text, says) in [
            ("--oss", "--oss makes"),
            ("exec --remote ws://x hi", "--remote ws://x has"),
            ("-c openai_base_url=http://x hi", "leads to http://x"),
            ("--config=openai_base_url=\"http://x\"", "leads to http://x"),
            ("-copenai_base_url=http://x", "leads to http://x"),
            ("-c model_provider=azure", "\"azure\" in codex's arguments"),
            (
                "-c model_provider=my -c model_providers.my={base_url=\"http://y\"}",
                "\"my\" in codex's arguments leads to http://y",
            ),
        ] {
            let what = detour(text).unwrap_or_else(|| panic!("{text}"));
            assert!(what.contains(says), "{text}: {what}");
        }
        for text in [
            "-c openai_base_url=http://here/v1",
            "-c model_provider=my -c model_providers.my.base_url=http://here/v1",
            "-c model_provider=openai",
            "exec -- --oss",
            "-m --oss hi",
        ] {
            assert_eq!(detour(text), None, "{text}");
        }

        config(
            "model_provider = \"azure\"\nprofile = \"mine\"\n[profiles.mine]\nmodel = \"x\"\n\
             [profiles.home]\nmodel_provider = \"openai\"\n\
             [model_providers.azure]\nbase_url = \"https://a\"\n",
        );
        let what = detour("").unwrap();
        assert_eq!(
            what,
            "model_provider \"azure\" in config.toml leads to https://a"
        );
        assert_eq!(detour("-p home"), None);
        let profile = home.path().join("work.config.toml");
        std::fs::write(profile, "model_provider = \"corp\"\n").unwrap();
        let what = detour("exec -p work hi").unwrap();
        assert_eq!(
            what,
            "model_provider \"corp\" in profile work leads elsewhere"
        );
        config("not toml");
        assert_eq!(detour(""), None);
    }

    #[test]
    fn commands_are_told_apart() {
        for text in [
            "",
            "exec hi",
            "-m x exec hi",
            "resume --last",
            "fix login",
            "-c a=b",
        ] {
            assert!(arguments(text).asks_model(), "{text}");
        }
        for text in [
            "login",
            "--version",
            "exec --help",
            "-c a=b mcp list",
            "-m x doctor",
        ] {
            assert!(!arguments(text).asks_model(), "{text}");
        }
        assert!(arguments("-C dir exec hi").reads_key());
        assert!(!arguments("resume").reads_key() && !arguments("").reads_key());
    }
}
