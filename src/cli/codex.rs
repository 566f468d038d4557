//! `codextap codex …`: Codex with its model traffic sent through a codextap.
//!
//! The built-in provider is pointed here by an override on Codex's own command line, so nothing of
//! the user's configuration is read or changed, and `codex resume` lists stay whole. Which override
//! a Codex understands depends on its version, and the path on how it is logged in.

use std::ffi::OsString;
use std::io::IsTerminal as _;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::process::{ExitStatus, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use tokio::process::Command;

use super::error::Error;
use super::runtime::Running;
use super::signals::Signals;

/// How Codex authenticates, which decides the upstream it talks to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Login {
    /// With an API key: `…/v1` at the API.
    ApiKey,
    /// With a ChatGPT account: `…/backend-api/codex` at ChatGPT.
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

    /// Codex's base URL for a proxy at `proxy`.
    #[must_use]
    pub(super) fn base_url(self, proxy: &Running) -> String {
        let path = match self {
            Self::ApiKey => "/v1",
            Self::ChatGpt => "/backend-api/codex",
        };
        proxy.url() + path
    }
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
    /// For a Codex of this version (`None` if it did not tell) that goes to `base_url` on `host`,
    /// with the value of `NO_PROXY` as it is now.
    #[must_use]
    pub(super) fn new(
        version: Option<(u32, u32)>,
        base_url: &str,
        host: IpAddr,
        no_proxy: Option<&str>,
    ) -> Self {
        let mut variables = Vec::new();
        let mut direct = vec!["127.0.0.1".to_owned(), "localhost".to_owned()];
        if host != Ipv4Addr::LOCALHOST {
            direct.push(host.to_string());
        }
        direct.splice(
            0..0,
            no_proxy
                .filter(|hosts| !hosts.is_empty())
                .map(str::to_owned),
        );
        let no_proxy = direct.join(",");
        variables.push(("no_proxy", no_proxy.clone()));
        variables.push(("NO_PROXY", no_proxy));
        if version.is_some_and(|version| version < FIRST_WITH_SETTING) {
            variables.push(("OPENAI_BASE_URL", base_url.to_owned()));
        }
        // Given to old versions too, which ignore it: without any `-c`, a background Codex server
        // that does not see these variables would do the talking.
        let arguments = vec!["-c".to_owned(), format!("openai_base_url={base_url:?}")];
        Self {
            arguments,
            variables,
        }
    }
}

/// Runs `codex` with its traffic sent to `proxy`; the terminal and the exit status are Codex's own.
///
/// # Errors
/// When Codex cannot be started.
pub(super) async fn run(
    program: &str,
    arguments: &[OsString],
    proxy: &Running,
    login: Login,
    no_proxy: Option<&str>,
) -> Result<ExitStatus, Error> {
    let fail = |error: std::io::Error| {
        Error::new(format!("cannot run {program}: {error}"))
            .hint("install it with `npm install -g @openai/codex`, or name it with --codex PATH")
    };
    // From here on a signal is Codex's to act on: the recording ends when Codex does.
    let mut signals = Signals::listen();
    let base_url = login.base_url(proxy);
    let host = proxy.reachable().ip();
    let overrides = Overrides::new(version(program).await, &base_url, host, no_proxy);
    let mut child = Command::new(program)
        .args(&overrides.arguments)
        .args(arguments)
        .envs(overrides.variables)
        // It is in the base URL, which the commands that Codex runs do not get.
        .env_remove("CODEXTAP_TOKEN")
        .spawn()
        .map_err(fail)?;
    loop {
        let signal = tokio::select! {
            status = child.wait() => return status.map_err(fail),
            signal = signals.next() => signal,
        };
        if signal == Signal::INT && has_terminal() {
            // Ctrl-C: the terminal has told Codex itself.
            continue;
        }
        let pid = child
            .id()
            .and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
        if let Some(pid) = pid {
            // A child that ended in this moment needs no signal.
            let _ = kill_process(pid, signal);
        }
    }
}

/// Whether Codex has a terminal, whose Ctrl-C it hears as this program does.
fn has_terminal() -> bool {
    std::io::stdin().is_terminal()
        || std::io::stdout().is_terminal()
        || std::io::stderr().is_terminal()
}

/// Major and minor version, as `codex --version` tells them.
async fn version(program: &str) -> Option<(u32, u32)> {
    let output = Command::new(program)
        .arg("--version")
        .stdin(Stdio::null())
        .output()
        .await
        .ok()?;
    parse_version(&String::from_utf8_lossy(&output.stdout))
}

/// Finds the version in `codex-cli 0.169.0`.
fn parse_version(text: &str) -> Option<(u32, u32)> {
    let number = text
        .split_whitespace()
        .find(|word| word.starts_with(|c: char| c.is_ascii_digit()))?;
    let mut parts = number.split('.');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

/// The first minor version that is taken to read `openai_base_url`; older ones read
/// `OPENAI_BASE_URL`.
const FIRST_WITH_SETTING: (u32, u32) = (0, 110);

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
