//! The other half: a pane beside the screen, in which a child runs whose traffic the screen shows.
//!
//! tmux, zellij, WezTerm and kitty open one on request. What runs in it is a script, because a
//! multiplexer gives new panes its own environment and not that of the shell: the script has this
//! program's variables in it, can be read by its owner alone, and removes itself before all else.

use std::ffi::{OsStr, OsString};
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use clap::ValueEnum as _;

use super::args::Common;
use super::codex::Login;
use super::error::Error;
use super::runtime::Running;
use crate::config::{self, paths};

/// A child that is to run in the other half.
#[derive(Debug)]
pub(super) struct Beside {
    multiplexer: Multiplexer,
    /// The command of codextap that starts it, and its arguments.
    words: Vec<OsString>,
}

/// What can open another half.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Multiplexer {
    Tmux,
    Zellij,
    WezTerm,
    Kitty,
}

/// The script of a half that was opened; removed with this, should it not have begun.
#[derive(Debug)]
pub(super) struct Opened(PathBuf);

impl Beside {
    /// `words` is a command of codextap, such as `codex exec hi`.
    ///
    /// # Errors
    /// Where there is no half to be had.
    pub(super) fn new(words: Vec<OsString>, has_screen: bool) -> Result<Self, Error> {
        let around = Multiplexer::around(config::environment);
        let Some(multiplexer) = around.filter(|_| has_screen) else {
            let why = "--split needs a terminal within tmux, zellij, WezTerm or kitty";
            return Err(Error::usage(why).hint(by_hand(&words)));
        };
        Ok(Self { multiplexer, words })
    }

    /// Opens it, for traffic that goes to `running`.
    ///
    /// # Errors
    /// When the script cannot be written or the pane cannot be opened.
    pub(super) fn open(&self, running: &Running) -> Result<Opened, Error> {
        let fail = |why: String| {
            Error::new(format!("cannot open the other half: {why}")).hint(by_hand(&self.words))
        };
        let state = paths::state().map_err(|error| fail(error.to_string()))?;
        let path = state.join(format!("split-{}.sh", std::process::id()));
        let text = self
            .script(running, &path)
            .map_err(|error| fail(error.to_string()))?;
        let written = write(&path, &text);
        written.map_err(|error| fail(format!("{}: {error}", path.display())))?;
        let opened = Opened(path);
        let columns = crossterm::terminal::size().map_or(0, |(columns, _)| columns);
        let (program, arguments) = self.multiplexer.command(columns >= WIDE);
        let output = Command::new(program)
            .args(arguments)
            .arg("sh")
            .arg(&opened.0)
            .stdin(Stdio::null())
            .output()
            .map_err(|error| fail(format!("{program}: {error}")))?;
        if output.status.success() {
            return Ok(opened);
        }
        let said = String::from_utf8_lossy(&output.stderr);
        let said = said.lines().next().unwrap_or("it failed");
        Err(fail(format!("{program}: {said}")))
    }

    /// What the pane runs. A child that fails leaves its last words on it until they were read.
    fn script(&self, running: &Running, path: &Path) -> io::Result<Vec<u8>> {
        let mut text = Vec::new();
        let mut line = |parts: &[&[u8]]| {
            text.extend(parts.concat());
            text.push(b'\n');
        };
        line(&[b"rm -f -- ", &quoted(path.as_os_str())]);
        for (name, value) in config::all_environment().filter(|(name, _)| goes_along(name)) {
            line(&[b"export ", name.as_bytes(), b"=", &quoted(&value)]);
        }
        line(&[b"cd ", &quoted(std::env::current_dir()?.as_os_str())]);
        let mut command = quoted(std::env::current_exe()?.as_os_str());
        command.extend(format!(" --listen {}", running.address).bytes());
        for word in &self.words {
            command.push(b' ');
            command.extend(quoted(word));
        }
        line(&[&command]);
        line(&[b"code=$?"]);
        line(&[b"[ $code = 0 ] || { printf '%s' \"It ended with $code. Enter closes this half.\"; read -r line; }"]);
        line(&[b"exit $code"]);
        Ok(text)
    }
}

impl Multiplexer {
    /// The innermost one that this program runs in, as far as variables tell.
    fn around(variable: impl Fn(&str) -> Option<String>) -> Option<Self> {
        let is_set = |name: &str| variable(name).is_some_and(|value| !value.is_empty());
        [
            ("TMUX", Self::Tmux),
            ("ZELLIJ", Self::Zellij),
            ("WEZTERM_PANE", Self::WezTerm),
            ("KITTY_WINDOW_ID", Self::Kitty),
        ]
        .into_iter()
        .find_map(|(name, multiplexer)| is_set(name).then_some(multiplexer))
    }

    /// What opens a pane, on the right or below, up to the command that runs in it.
    fn command(self, is_right: bool) -> (&'static str, Vec<&'static str>) {
        let side = |right, below| if is_right { right } else { below };
        match self {
            Self::Tmux => ("tmux", vec!["split-window", side("-h", "-v")]),
            Self::Zellij => {
                let side = side("right", "down");
                (
                    "zellij",
                    vec!["run", "--close-on-exit", "--direction", side, "--"],
                )
            }
            Self::WezTerm => {
                let side = side("--right", "--bottom");
                ("wezterm", vec!["cli", "split-pane", side, "--"])
            }
            Self::Kitty => {
                let side = side("--location=vsplit", "--location=hsplit");
                ("kitten", vec!["@", "launch", side])
            }
        }
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        // It has most likely removed itself.
        let _ = fs::remove_file(&self.0);
    }
}

/// The words that run Codex, as [`Beside::new`] takes them.
pub(super) fn codex(
    common: &Common,
    login: Option<Login>,
    arguments: Vec<OsString>,
) -> Vec<OsString> {
    let mut words: Vec<OsString> = vec!["codex".into()];
    if common.codex != CODEX {
        words.extend(["--codex".into(), OsString::from(&common.codex)]);
    }
    if let Some(login) = login.and_then(|login| login.to_possible_value()) {
        words.extend(["--login".into(), login.get_name().into()]);
    }
    words.extend(arguments);
    words
}

/// The words that run any command; Codex without one.
pub(super) fn any(common: &Common, command: Vec<OsString>) -> Vec<OsString> {
    if command.first().is_none_or(|program| program == CODEX) {
        return codex(common, None, command.into_iter().skip(1).collect());
    }
    let words = ["run", "--"].map(OsString::from);
    words.into_iter().chain(command).collect()
}

/// What to type where no half can be opened.
fn by_hand(words: &[OsString]) -> String {
    let words: Vec<String> = words
        .iter()
        .map(|word| String::from_utf8_lossy(&shown(word)).into_owned())
        .collect();
    format!(
        "type `codextap` here, and in another terminal `codextap {}`",
        words.join(" ")
    )
}

fn write(path: &Path, text: &[u8]) -> io::Result<()> {
    let _ = fs::remove_file(path);
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(0o600);
    options.open(path)?.write_all(text)
}

/// `word` as a shell takes it for one word (POSIX XCU §2.2.2).
fn quoted(word: &OsStr) -> Vec<u8> {
    let mut text = vec![b'\''];
    for byte in word.as_bytes() {
        match byte {
            b'\'' => text.extend(b"'\\''"),
            byte => text.push(*byte),
        }
    }
    text.push(b'\'');
    text
}

/// The same, without quotes where none are needed.
fn shown(word: &OsStr) -> Vec<u8> {
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_./=:@,+".contains(byte);
    if !word.is_empty() && word.as_bytes().iter().all(is_plain) {
        return word.as_bytes().to_vec();
    }
    quoted(word)
}

/// Whether a variable is the user's, and not about the terminal of this half or for codextap alone.
fn goes_along(name: &OsStr) -> bool {
    let Some(name) = name.to_str() else {
        return false;
    };
    let is_letter = |c: char| c.is_ascii_alphabetic() || c == '_';
    let is_name =
        name.starts_with(is_letter) && name.chars().all(|c| is_letter(c) || c.is_ascii_digit());
    let is_ours = ["TERM_", "TMUX", "ZELLIJ", "WEZTERM_", "KITTY_", "CODEXTAP_"]
        .iter()
        .any(|prefix| name.starts_with(prefix));
    is_name && !is_ours && !OF_A_TERMINAL.contains(&name)
}

/// What Codex is called.
const CODEX: &str = "codex";

/// Variables of one terminal or one shell.
const OF_A_TERMINAL: [&str; 8] = [
    "TERM", "COLUMNS", "LINES", "SHLVL", "PWD", "OLDPWD", "WINDOWID", "_",
];

/// From so many columns on, two halves stand side by side.
const WIDE: u16 = 120;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_innermost_is_asked_for_a_half_on_the_right_or_below() {
        let around =
            |set: &[&str]| Multiplexer::around(|name| set.contains(&name).then(|| "1".to_owned()));
        assert_eq!(around(&[]), None);
        assert_eq!(Multiplexer::around(|_| Some(String::new())), None);
        let table = [
            (
                &["WEZTERM_PANE", "TMUX"][..],
                "tmux split-window -h",
                "tmux split-window -v",
            ),
            (
                &["ZELLIJ"],
                "zellij run --close-on-exit --direction right --",
                "zellij run --close-on-exit --direction down --",
            ),
            (
                &["WEZTERM_PANE"],
                "wezterm cli split-pane --right --",
                "wezterm cli split-pane --bottom --",
            ),
            (
                &["KITTY_WINDOW_ID"],
                "kitten @ launch --location=vsplit",
                "kitten @ launch --location=hsplit",
            ),
        ];
        for (set, right, below) in table {
            let multiplexer = around(set).unwrap();
            for (is_right, expected) in [(true, right), (false, below)] {
                let (program, arguments) = multiplexer.command(is_right);
                assert_eq!(format!("{program} {}", arguments.join(" ")), expected);
            }
        }
    }

    #[test]
    fn words_are_quoted_for_a_shell() {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        assert_eq!(text(quoted(OsStr::new("it's $HOME"))), r"'it'\''s $HOME'");
        assert_eq!(text(shown(OsStr::new("-c"))), "-c");
        let words = ["codex", "exec", "say hello", ""].map(OsString::from);
        assert_eq!(
            by_hand(&words),
            "type `codextap` here, and in another terminal `codextap codex exec 'say hello' ''`"
        );
    }

    #[test]
    fn only_the_users_own_variables_go_along() {
        for name in [
            "PATH",
            "CODEX_HOME",
            "CODEX_API_KEY",
            "LANG",
            "XDG_STATE_HOME",
            "_x",
        ] {
            assert!(goes_along(OsStr::new(name)), "{name}");
        }
        for name in [
            "TERM",
            "TMUX_PANE",
            "CODEXTAP_TOKEN",
            "BASH_FUNC_f%%",
            "1x",
            "",
            "a b",
        ] {
            assert!(!goes_along(OsStr::new(name)), "{name}");
        }
    }
}
