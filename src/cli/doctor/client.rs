//! Codex: which one, how it is logged in, and where its settings lead it.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use toml::Table;

use super::super::args::Common;
use super::super::aside;
use super::super::codex::{self, Arguments, Login, Settings};
use super::super::runtime::Running;
use super::Finding;
use crate::config;

pub(super) async fn look(common: &Common, running: &[Running]) -> Vec<Finding> {
    let program = common.codex.as_str();
    let version = codex::version(program).await;
    let mut findings = vec![binary(program, version)];
    let Some(home) = codex::home() else {
        findings.push(Finding::fault(
            "login",
            "Codex's home is not known: neither HOME nor CODEX_HOME is set",
            "set HOME",
        ));
        return findings;
    };
    if config::environment("CODEX_HOME").is_some() && !home.is_dir() {
        findings.push(Finding::fault(
            "login",
            format!("CODEX_HOME is {}, which is no directory", home.display()),
            "make it, or unset CODEX_HOME: Codex does not start without it",
        ));
        return findings;
    }
    let arguments = Arguments::default();
    let settings = Settings::read(&arguments, Some(&home));
    findings.push(login(&home, program, &settings).await);
    if common.side_channels || running.iter().any(|it| it.side_channels) {
        findings.push(side_channels(common, running, &settings).await);
    }
    findings.push(provider(&home, &arguments, &settings, |url| {
        running.iter().any(|running| running.is_at(url)) || is_at(common, url)
    }));
    findings
}

fn binary(program: &str, version: io::Result<String>) -> Finding {
    let version = match version {
        Ok(version) => version,
        Err(error) => {
            let says = match error.kind() {
                io::ErrorKind::NotFound if !program.contains('/') => {
                    format!("there is no program {program} in PATH")
                }
                _ => format!("cannot run {program}: {error}"),
            };
            let hint =
                "install it with `npm install -g @openai/codex`, or name it with --codex PATH";
            return Finding::fault("codex", says, hint);
        }
    };
    match codex::parse_version(&version) {
        Some(number) if number < codex::FIRST_WITH_SETTING => Finding::ok(
            "codex",
            format!("{version}, which is led here by OPENAI_BASE_URL"),
        ),
        Some(_) => Finding::ok(
            "codex",
            format!("{version}, which is led here by -c openai_base_url"),
        ),
        None => Finding::warning(
            "codex",
            format!("{program} does not tell its version: {version}"),
            "name the Codex to run with --codex PATH",
        ),
    }
}

async fn login(home: &Path, program: &str, settings: &Settings) -> Finding {
    let file = home.join("auth.json");
    let has_key = config::environment("CODEX_API_KEY").is_some();
    match fs::read(&file) {
        Ok(text) if serde_json::from_slice::<serde_json::Value>(&text).is_err() => {
            return Finding::fault(
                "login",
                format!("{} is not JSON", file.display()),
                "log in again with `codex login`",
            );
        }
        Ok(_) if is_open(&file) => {
            return Finding::warning(
                "login",
                format!("others can read {}", file.display()),
                format!("chmod 600 {}", file.display()),
            );
        }
        Ok(_) => {}
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Finding::fault(
                "login",
                format!("cannot read {}: {error}", file.display()),
                "make it a file that you can read, or remove it and log in with `codex login`",
            );
        }
        Err(_) if has_key => {
            return Finding::ok(
                "login",
                "CODEX_API_KEY, for `codex exec` and `review` alone",
            );
        }
        Err(_) if settings.text(&["cli_auth_credentials_store"]).is_some() => {}
        Err(_) => {
            let (says, hint) = if config::environment("OPENAI_API_KEY").is_some() {
                (
                    "Codex is not logged in, and does not read OPENAI_API_KEY",
                    "printenv OPENAI_API_KEY | codex login --with-api-key",
                )
            } else {
                (
                    "Codex is not logged in",
                    "`codex login`, or set CODEX_API_KEY for `codex exec`",
                )
            };
            return Finding::warning("login", says, hint);
        }
    }
    match Login::of(program, &Arguments::default(), settings).await {
        Login::ApiKey => Finding::ok("login", "an API key: requests go to /v1/"),
        Login::ChatGpt => Finding::ok("login", "ChatGPT: model requests go to /backend-api/codex/"),
    }
}

fn is_open(file: &Path) -> bool {
    fs::metadata(file).is_ok_and(|it| it.permissions().mode() & 0o077 != 0)
}

/// Whether what is no model traffic gets here, where it is meant to.
async fn side_channels(common: &Common, running: &[Running], settings: &Settings) -> Finding {
    let fault = |says: String, hint: &str| Finding::fault("side-channels", says, hint);
    let taking = running.iter().find(|it| it.side_channels);
    if let Some(other) = running.iter().find(|_| taking.is_none()) {
        return Finding::warning(
            "side-channels",
            format!("the codextap on {} takes none", other.address),
            "start that one with --side-channels",
        );
    }
    if taking.is_none()
        && let Err(error) = aside::Hold::new(common.listen)
    {
        return Finding::failed("side-channels", &error, "leave --side-channels out");
    }
    if !aside::leads_here().await {
        return fault(
            "localhost is not 127.0.0.1 here, so they go to ChatGPT directly".to_owned(),
            "have a line `127.0.0.1 localhost` in /etc/hosts",
        );
    }
    let told = settings.text(&["chatgpt_base_url"]);
    match told.filter(|(url, _)| !aside::is_default(url)) {
        Some((url, layer)) if !running.iter().any(|it| it.is_at(url)) => fault(
            format!("chatgpt_base_url in {layer} leads to {url}"),
            "leave it out",
        ),
        _ => Finding::ok("side-channels", "those of a ChatGPT login come here, too"),
    }
}

fn provider(
    home: &Path,
    arguments: &Arguments,
    settings: &Settings,
    is_own: impl Fn(&str) -> bool,
) -> Finding {
    let file = home.join("config.toml");
    let text = match fs::read_to_string(&file) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Finding::fault(
                "provider",
                format!("cannot read {}: {error}", file.display()),
                "make it a file of UTF-8 text that you can read",
            );
        }
        text => text.unwrap_or_default(),
    };
    if let Err(error) = text.parse::<Table>() {
        let line = error.span().map_or(1, |span| {
            1 + text
                .bytes()
                .take(span.start)
                .filter(|byte| *byte == b'\n')
                .count()
        });
        return Finding::fault(
            "provider",
            format!("{}:{line}: {}", file.display(), error.message()),
            "correct that line; Codex does not start with it either",
        );
    }
    match settings.detour(arguments, is_own) {
        Some((what, mend)) => Finding::fault(
            "provider",
            format!("Codex goes past codextap: {what}"),
            mend,
        ),
        None => Finding::ok("provider", "Codex's settings lead nowhere else"),
    }
}

/// Whether `url` leads to where a codextap will listen.
fn is_at(common: &Common, url: &str) -> bool {
    let own = format!("http://{}", common.listen);
    url.strip_prefix(&own)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}
