//! `codextap doctor`: looks at everything that stands between Codex and what the screen shows of it, and
//! says of each thing what was found and what mends it.
//!
//! Nothing is changed but that runtime files of dead processes are removed, and nothing is asked of the
//! network without `--online`.

mod client;
mod place;
mod terminal;
mod upstream;

use std::fmt::Write as _;

use clap::Args;
use serde::Serialize;

use super::args::Common;
use super::error::Error;
use super::output;
use super::runtime;
use crate::config::paths;
use crate::text::Clean;

/// What is asked.
#[derive(Args, Debug)]
pub(super) struct Question {
    /// Ask the upstreams as well, without credentials
    #[arg(long)]
    online: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// How bad it is.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Debug)]
#[serde(rename_all = "lowercase")]
enum Level {
    Ok,
    /// It works, and less well than it could.
    Warning,
    /// It does not work.
    Fault,
}

/// What was found of one thing.
#[derive(Serialize, Debug)]
struct Finding {
    /// The thing, in one word.
    check: &'static str,
    level: Level,
    /// What was found, in one line.
    says: String,
    /// What mends it.
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
}

impl Finding {
    fn ok(check: &'static str, says: impl Into<String>) -> Self {
        Self {
            check,
            level: Level::Ok,
            says: says.into(),
            hint: None,
        }
    }

    fn warning(check: &'static str, says: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            level: Level::Warning,
            hint: Some(hint.into()),
            ..Self::ok(check, says)
        }
    }

    fn fault(check: &'static str, says: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            level: Level::Fault,
            ..Self::warning(check, says, hint)
        }
    }

    /// What a command would fail with.
    fn failed(check: &'static str, error: &Error, hint: &str) -> Self {
        let (says, own) = error.parts();
        Self::fault(check, says, own.unwrap_or(hint))
    }
}

/// Prints what is found; tells whether it is free of faults.
pub(super) async fn doctor(common: &Common, question: &Question) -> Result<bool, Error> {
    let directory = paths::state().map(|state| state.join("running")).ok();
    let found = match &directory {
        Some(directory) => runtime::find(directory).await,
        None => runtime::Found::default(),
    };
    let mut findings = vec![place::listen(common, &found.running)];
    findings.extend(client::look(common, &found.running).await);
    findings.extend(upstream::look(common, question.online).await);
    findings.extend(place::directories(common));
    findings.extend(place::running(&found));
    findings.extend(terminal::look());
    let count = |level| findings.iter().filter(|it| it.level == level).count();
    let (faults, warnings) = (count(Level::Fault), count(Level::Warning));
    let text = if question.json {
        let document =
            serde_json::json!({"findings": findings, "faults": faults, "warnings": warnings});
        format!("{document:#}\n")
    } else {
        table(&findings, faults, warnings)
    };
    output::print(text)?;
    Ok(faults == 0)
}

fn table(findings: &[Finding], faults: usize, warnings: usize) -> String {
    let mut text = String::new();
    for finding in findings {
        let level = match finding.level {
            Level::Ok => "ok",
            Level::Warning => "warning",
            Level::Fault => "fault",
        };
        let says = Clean::new(&finding.says);
        let _ = writeln!(text, "{level:<8} {:<12} {says}", finding.check);
        if let Some(hint) = &finding.hint {
            let _ = writeln!(text, "hint: {}", Clean::new(hint));
        }
    }
    let plural = |count, word| format!("{count} {word}{}", if count == 1 { "" } else { "s" });
    text + &format!(
        "{}, {}\n",
        plural(faults, "fault"),
        plural(warnings, "warning")
    )
}
