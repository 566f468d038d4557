//! What a Codex is told so that its model traffic comes through a codextap.
//!
//! The built-in provider is pointed here by an override on Codex's own command line, so nothing of
//! the user's configuration is read or changed, and `codex resume` lists stay whole. Which override
//! a Codex understands depends on its version, and the path on how it is logged in.

mod settings;

use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use clap::ValueEnum;
use tokio::process::Command;

pub(super) use self::settings::{Arguments, Settings};
use super::runtime::Running;
use crate::config::{self, paths};

/// How Codex authenticates, which decides the upstream it talks to.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum, Debug)]
pub(super) enum Login {
    /// With an API key: `…/v1` at the API
    ApiKey,
    /// With a ChatGPT account: `…/backend-api/codex` at ChatGPT
    #[value(name = "chatgpt")]
    ChatGpt,
}

impl Login {
    /// How the Codex whose home is `codex_home` authenticates: by a key in the environment, else as
    /// `auth.json` says, else with a key.
    #[must_use]
    pub(super) fn detect(codex_home: Option<&Path>, has_key: bool) -> Self {
        if has_key {
            return Self::ApiKey;
        }
        let auth = codex_home.and_then(|home| std::fs::read(home.join("auth.json")).ok());
        let auth: Option<serde_json::Value> =
            auth.and_then(|text| serde_json::from_slice(&text).ok());
        let Some(auth) = auth else {
            return Self::ApiKey;
        };
        let is_chatgpt = auth["auth_mode"] == "chatgpt"
            || (auth["OPENAI_API_KEY"].is_null() && auth["tokens"].is_object());
        if is_chatgpt {
            Self::ChatGpt
        } else {
            Self::ApiKey
        }
    }

    /// The same for a Codex with these arguments. One that keeps its login where only it can read
    /// (`cli_auth_credentials_store`) is asked.
    pub(super) async fn of(program: &str, arguments: &Arguments, settings: &Settings) -> Self {
        let home = home();
        let has_key = arguments.reads_key() && config::environment("CODEX_API_KEY").is_some();
        let store = settings.text(&["cli_auth_credentials_store"]);
        let is_kept = store.is_some_and(|(store, _)| matches!(store, "keyring" | "auto"));
        let has_file = || {
            home.as_deref()
                .is_some_and(|home| home.join("auth.json").exists())
        };
        if is_kept && !has_key && !has_file() {
            let status = answer(program, &["login", "status"]).await;
            let is_chatgpt = status.is_ok_and(|told| told.concat().contains("ChatGPT"));
            return if is_chatgpt {
                Self::ChatGpt
            } else {
                Self::ApiKey
            };
        }
        Self::detect(home.as_deref(), has_key)
    }

    /// Codex's base URL for a proxy at `proxy`.
    #[must_use]
    pub(super) fn base_url(self, proxy: &Running) -> String {
        proxy.url() + self.path()
    }

    /// What stands behind the proxy's URL.
    #[must_use]
    pub(super) fn path(self) -> &'static str {
        match self {
            Self::ApiKey => "/v1",
            Self::ChatGpt => "/backend-api/codex",
        }
    }
}

/// Where Codex keeps its settings, login and sessions.
#[must_use]
pub(super) fn home() -> Option<PathBuf> {
    config::environment("CODEX_HOME")
        .map(PathBuf::from)
        .or_else(|| paths::home().ok().map(|home| home.join(".codex")))
}

/// The arguments and variables that point Codex at a base URL.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Overrides {
    /// Arguments to put before the user's own.
    pub(super) arguments: Vec<String>,
    /// Environment variables to set.
    pub(super) variables: Vec<(&'static str, String)>,
}

impl Overrides {
    /// For a program that reads what OpenAI's own libraries read.
    #[must_use]
    pub(super) fn of_any(base_url: &str, host: IpAddr, no_proxy: Option<&str>) -> Self {
        let mut variables = direct(host, no_proxy);
        variables.push(("OPENAI_BASE_URL", base_url.to_owned()));
        Self {
            arguments: Vec::new(),
            variables,
        }
    }

    /// For a Codex of this version (`None` if it did not tell) that goes to `base_url` on `host`,
    /// with the value of `NO_PROXY` as it is now.
    #[must_use]
    pub(super) fn new(
        version: Option<(u32, u32)>,
        base_url: &str,
        host: IpAddr,
        no_proxy: Option<&str>,
    ) -> Self {
        let Self { mut variables, .. } = Self::of_any(base_url, host, no_proxy);
        if version.is_none_or(|version| version >= FIRST_WITH_SETTING) {
            // It would only reach the commands that Codex runs.
            variables.retain(|(name, _)| *name != "OPENAI_BASE_URL");
        }
        // Given to old versions too, which ignore it: without any `-c`, a background Codex server
        // that does not see these variables would do the talking.
        let arguments = vec!["-c".to_owned(), format!("openai_base_url={base_url:?}")];
        Self {
            arguments,
            variables,
        }
    }

    /// The same with side channels sent to `base_url`.
    #[must_use]
    pub(super) fn with_side_channels(mut self, base_url: &str) -> Self {
        let value = format!("chatgpt_base_url={base_url:?}");
        self.arguments.extend(["-c".to_owned(), value]);
        self
    }
}

/// The variables that keep clients from asking an outer proxy for `host` and for loopback, with the
/// value of `NO_PROXY` as it is now.
#[must_use]
fn direct(host: IpAddr, no_proxy: Option<&str>) -> Vec<(&'static str, String)> {
    let mut hosts = Vec::new();
    hosts.extend(
        no_proxy
            .filter(|hosts| !hosts.is_empty())
            .map(str::to_owned),
    );
    hosts.extend(["127.0.0.1".to_owned(), "localhost".to_owned()]);
    if host != Ipv4Addr::LOCALHOST {
        hosts.push(host.to_string());
    }
    let hosts = hosts.join(",");
    vec![("no_proxy", hosts.clone()), ("NO_PROXY", hosts)]
}

/// What `codex --version` prints, in one line. Warnings go to standard error.
///
/// # Errors
/// When it cannot be run.
pub(super) async fn version(program: &str) -> io::Result<String> {
    let told = answer(program, &["--version"]).await?;
    let mut lines = told.iter().flat_map(|text| text.lines());
    Ok(lines.next().unwrap_or_default().to_owned())
}

/// What a command of Codex prints, on standard output and on standard error.
async fn answer(program: &str, arguments: &[&str]) -> io::Result<[String; 2]> {
    let mut command = Command::new(program);
    let output = command
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .await?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    Ok([text(&output.stdout), text(&output.stderr)])
}

/// Finds the version in `codex-cli 0.169.0`.
#[must_use]
pub(super) fn parse_version(text: &str) -> Option<(u32, u32)> {
    let number = text
        .split_whitespace()
        .find(|word| word.starts_with(|c: char| c.is_ascii_digit()))?;
    let mut parts = number.split('.');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

/// The first minor version that is taken to read `openai_base_url`; older ones read
/// `OPENAI_BASE_URL`.
pub(super) const FIRST_WITH_SETTING: (u32, u32) = (0, 110);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_from_what_codex_prints() {
        let table = [
            ("codex-cli 0.169.0\n", Some((0, 169))),
            ("codex-cli 0.98.0", Some((0, 98))),
            ("codex 1.2", Some((1, 2))),
            ("", None),
            ("codex-cli unknown", None),
        ];
        for (text, version) in table {
            assert_eq!(parse_version(text), version, "{text:?}");
        }
    }

    #[test]
    fn each_version_is_told_in_the_way_it_reads() {
        let host = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let new = Overrides::new(Some((0, 169)), "http://127.0.0.1:1/v1", host, None);
        assert_eq!(
            new.arguments,
            ["-c", "openai_base_url=\"http://127.0.0.1:1/v1\""]
        );
        assert!(
            !new.variables
                .iter()
                .any(|(name, _)| *name == "OPENAI_BASE_URL")
        );

        let old = Overrides::new(Some((0, 98)), "http://127.0.0.1:1/v1", host, Some("corp"));
        assert!(
            old.variables
                .contains(&("OPENAI_BASE_URL", "http://127.0.0.1:1/v1".to_owned()))
        );
        assert!(
            old.variables
                .contains(&("NO_PROXY", "corp,127.0.0.1,localhost".to_owned()))
        );

        let host = "10.1.2.3".parse().unwrap();
        let away = Overrides::new(None, "http://10.1.2.3:1/v1", host, None);
        let direct = "127.0.0.1,localhost,10.1.2.3".to_owned();
        assert!(away.variables.contains(&("NO_PROXY", direct)));
    }

    #[test]
    fn the_login_is_read_from_codex_own_file() {
        let home = tempfile::tempdir().unwrap();
        let write = |text: &str| std::fs::write(home.path().join("auth.json"), text).unwrap();
        assert_eq!(Login::detect(Some(home.path()), false), Login::ApiKey);
        write(r#"{"auth_mode":"chatgpt","OPENAI_API_KEY":null,"tokens":{}}"#);
        assert_eq!(Login::detect(Some(home.path()), false), Login::ChatGpt);
        assert_eq!(Login::detect(Some(home.path()), true), Login::ApiKey);
        write(r#"{"OPENAI_API_KEY":null,"tokens":{"access_token":"x"}}"#);
        assert_eq!(Login::detect(Some(home.path()), false), Login::ChatGpt);
        write(r#"{"auth_mode":"apikey","OPENAI_API_KEY":"x"}"#);
        assert_eq!(Login::detect(Some(home.path()), false), Login::ApiKey);
        write("not json");
        assert_eq!(Login::detect(None, false), Login::ApiKey);
    }
}
