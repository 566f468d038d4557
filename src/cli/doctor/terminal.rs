//! What the screen needs of the terminal.

use std::process::{Command, Stdio};

use super::Finding;
use crate::config::environment;

pub(super) fn look() -> Vec<Finding> {
    let mut findings = vec![kind(), letters(), colours()];
    if let Ok((columns, rows)) = crossterm::terminal::size()
        && (columns < 40 || rows < 10)
    {
        findings.push(Finding::warning(
            "size",
            format!("the terminal has {columns} by {rows} cells"),
            "make it 40 by 10 or larger",
        ));
    }
    if environment("TMUX").is_some() {
        findings.extend(tmux());
    }
    findings
}

fn kind() -> Finding {
    match environment("TERM").as_deref() {
        None | Some("") => Finding::fault(
            "terminal",
            "TERM is not set",
            "start codextap in a terminal, or set TERM, such as TERM=xterm-256color",
        ),
        Some("dumb") => Finding::fault(
            "terminal",
            "TERM=dumb has no screen",
            "use another terminal, or `codextap record`",
        ),
        Some(term) => Finding::ok("terminal", format!("TERM={term}")),
    }
}

/// Whether the locale is one whose characters the screen draws with.
fn letters() -> Finding {
    let names = ["LC_ALL", "LC_CTYPE", "LANG"];
    let set = |name: &&str| environment(name).filter(|value| !value.is_empty());
    let locale = names.iter().find_map(set).unwrap_or_default();
    let plain = locale.to_ascii_lowercase().replace('-', "");
    if plain.contains("utf8") {
        Finding::ok("locale", locale)
    } else {
        let why = if locale.is_empty() {
            "no locale is set".to_owned()
        } else {
            format!("{locale} is not UTF-8")
        };
        Finding::warning(
            "locale",
            format!("{why}, so lines and marks may look broken"),
            "export LC_ALL=C.UTF-8, or another locale of `locale -a` with UTF-8",
        )
    }
}

fn colours() -> Finding {
    if environment("NO_COLOR").is_some_and(|value| !value.is_empty()) {
        return Finding::ok("colours", "none, as NO_COLOR says");
    }
    let term = environment("TERM").unwrap_or_default();
    match environment("COLORTERM").as_deref() {
        Some("truecolor" | "24bit") => Finding::ok("colours", "24 bits"),
        _ if term.ends_with("-direct") => Finding::ok("colours", "24 bits"),
        _ => Finding::warning(
            "colours",
            "COLORTERM does not promise 24 bits; the default themes need 16 colours only",
            "if the terminal has them: export COLORTERM=truecolor",
        ),
    }
}

/// What tmux does with colours and the clipboard.
fn tmux() -> Vec<Finding> {
    let option = |arguments: &[&str]| {
        let output = Command::new("tmux")
            .args(arguments)
            .stdin(Stdio::null())
            .output()
            .ok()?;
        Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let mut findings = Vec::new();
    let clipboard = option(&["show-options", "-sv", "set-clipboard"]);
    findings.push(match clipboard.as_deref() {
        Some("off") => Finding::warning(
            "tmux",
            "set-clipboard is off, so copies do not leave tmux",
            "tmux set-option -s set-clipboard on",
        ),
        Some(value) if !value.is_empty() => {
            Finding::ok("tmux", "copies reach the terminal's clipboard (OSC 52)")
        }
        _ => Finding::warning(
            "tmux",
            "tmux does not tell its options",
            "is `tmux` in PATH?",
        ),
    });
    let features = option(&["display-message", "-p", "#{client_termfeatures}"]);
    if let Some(features) = features.filter(|it| !it.is_empty())
        && !features.split(',').any(|feature| feature == "RGB")
    {
        findings.push(Finding::warning(
            "tmux",
            "tmux does not pass on colours of 24 bits",
            "tmux set-option -as terminal-features ',*:RGB', and attach again",
        ));
    }
    findings
}
