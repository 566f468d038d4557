//! `codextap setup`: the lines that point Codex here, for a shell and for each way to be logged in. It
//! prints them and writes nothing.

use std::fmt::Write as _;

use clap::ValueEnum;

use super::args::Common;
use super::aside;
use super::codex::{self, Login};
use super::error::Error;
use super::launch::{self, Found};
use super::output;
use super::runtime::Running;
use crate::config;

/// A shell that lines are printed for.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum, Debug)]
pub(super) enum Shell {
    Bash,
    Zsh,
    Fish,
    #[value(alias = "pwsh")]
    Powershell,
    #[value(alias = "nushell")]
    Nu,
}

impl Shell {
    /// The user's own.
    fn of_user() -> Option<Self> {
        let path = config::environment("SHELL")?;
        Self::from_str(path.rsplit('/').next()?, true).ok()
    }

    /// The line that sets a variable for the programs of this session. URLs and lists of hosts have
    /// nothing to be quoted but for the quotes that some shells want.
    fn set(self, name: &str, value: &str) -> String {
        match self {
            Self::Bash | Self::Zsh => format!("export {name}='{value}'"),
            Self::Fish => format!("set -gx {name} '{value}'"),
            Self::Powershell => format!("$env:{name} = '{value}'"),
            Self::Nu => format!("$env.{name} = '{value}'"),
        }
    }

    /// The line that makes `codex` come here always.
    fn alias(self) -> &'static str {
        match self {
            Self::Bash | Self::Zsh => "alias codex='codextap codex'",
            Self::Fish => "alias codex 'codextap codex'",
            Self::Powershell => "function codex { codextap codex @args }",
            Self::Nu => "alias codex = codextap codex",
        }
    }

    /// The file that such a line goes into.
    fn settings(self) -> &'static str {
        match self {
            Self::Bash => "~/.bashrc",
            Self::Zsh => "~/.zshrc",
            Self::Fish => "~/.config/fish/config.fish",
            Self::Powershell => "$PROFILE",
            Self::Nu => "config.nu",
        }
    }
}

/// Prints the lines.
pub(super) async fn setup(common: &Common, shell: Option<Shell>) -> Result<(), Error> {
    let shell = shell.or_else(Shell::of_user).unwrap_or(Shell::Bash);
    // What it would say is in the lines.
    let silent = Common {
        quiet: true,
        ..common.clone()
    };
    let running = match launch::running(&silent, None).await {
        Found::Joined(running) => Some(running),
        Found::Other(_) | Found::None => None,
    };
    let text = lines(shell, common, running.as_ref());
    output::print(text)
}

fn lines(shell: Shell, common: &Common, running: Option<&Running>) -> String {
    let root = running.map_or_else(|| format!("http://{}", common.listen), Running::url);
    let mut text = match running {
        Some(running) => format!("# codextap runs on {}.\n", running.address),
        None => format!(
            "# No codextap runs; one that is started will be on {}.\n",
            common.listen
        ),
    };
    if running.is_some_and(|running| running.token.is_some()) {
        text.push_str("# The lines have its token in them: keep them to yourself.\n");
    }
    let mut part = |title: &str, lines: &[&str]| {
        let _ = writeln!(text, "\n# {title}\n{}", lines.join("\n"));
    };
    part(
        "For any Codex and login, without any other line",
        &["codextap codex"],
    );
    let always = format!(
        "The same whenever you type codex; to keep it, put it into {}",
        shell.settings()
    );
    part(&always, &[shell.alias()]);
    let key = format!("{root}{}", Login::ApiKey.path());
    let login = format!("{root}{}", Login::ChatGpt.path());
    let with = |url: &str| format!("codex -c openai_base_url={url}");
    part("With an API key", &[&with(&key)]);
    part("With a ChatGPT login", &[&with(&login)]);
    let aside = match running {
        Some(running) => running.side_channels.then(|| aside::base_url(running)),
        None => (common.side_channels).then(|| aside::base_url_on(common.listen.port(), "")),
    };
    if let Some(url) = aside {
        let line = format!("{} -c chatgpt_base_url={url}", with(&login));
        part("With a ChatGPT login, side channels included", &[&line]);
    }
    let base = |url: &str| shell.set("OPENAI_BASE_URL", url);
    let (major, minor) = codex::FIRST_WITH_SETTING;
    let old = format!("Before Codex {major}.{minor}");
    part(&format!("{old}, with an API key"), &[&base(&key), "codex"]);
    part(
        &format!("{old}, with a ChatGPT login"),
        &[&base(&login), "codex"],
    );
    let hosts = "127.0.0.1,localhost";
    part(
        "Where HTTPS_PROXY or its relatives are set",
        &[&shell.set("NO_PROXY", hosts)],
    );
    text
}
