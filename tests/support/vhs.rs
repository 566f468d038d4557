//! Reads tapes of VHS: one command a line, and of its commands those that drive a program in a terminal.
//! What it does not know is an error, so that no step of a tape is passed over.
//!
//! Source: the README of <https://github.com/charmbracelet/vhs>, "VHS Command Reference".

use std::time::Duration;

use regex::Regex;

/// A line of a tape.
#[derive(Debug)]
pub(crate) struct Step {
    /// Its number, from 1.
    pub(crate) line: usize,
    pub(crate) command: Command,
}

#[derive(Debug)]
pub(crate) enum Command {
    /// Where the picture goes.
    Output,
    Set(String, String),
    /// From here on nothing is in the picture.
    Hide,
    Show,
    /// What the keys send.
    Press(String),
    /// So many milliseconds pass.
    Sleep(u64),
    /// Goes on once the screen matches.
    Wait(Regex),
}

/// The steps of a tape.
///
/// # Errors
/// `LINE: what is wrong` for the first line that is none of the commands above.
pub(crate) fn read(tape: &str) -> Result<Vec<Step>, String> {
    let lines = tape.lines().zip(1..);
    let lines = lines.map(|(text, line)| (text.trim(), line));
    let lines = lines.filter(|(text, _)| !text.is_empty() && !text.starts_with('#'));
    let step = |(text, line)| {
        let command = command(text).map_err(|why| format!("{line}: {why}: {text}"))?;
        Ok(Step { line, command })
    };
    lines.map(step).collect()
}

fn command(text: &str) -> Result<Command, &'static str> {
    let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
    let (name, speed) = word.split_once('@').unwrap_or((word, "0"));
    time(speed).ok_or("no time after @")?;
    let bare = |command| {
        if rest.is_empty() {
            Ok(command)
        } else {
            Err("too much")
        }
    };
    match name {
        "Output" if !rest.is_empty() => Ok(Command::Output),
        "Set" => {
            let (setting, value) = rest.split_once(' ').ok_or("a setting without a value")?;
            let is_known = SETTINGS.contains(&setting);
            let command = || Command::Set(setting.to_owned(), value.to_owned());
            is_known.then(command).ok_or("an unknown setting")
        }
        "Hide" => bare(Command::Hide),
        "Show" => bare(Command::Show),
        "Sleep" => time(rest).map(Command::Sleep).ok_or("no time"),
        "Type" => Ok(Command::Press(quoted(rest)?.to_owned())),
        "Wait+Screen" => {
            let pattern = rest
                .strip_prefix('/')
                .and_then(|rest| rest.strip_suffix('/'));
            // A slash cannot be escaped.
            let pattern = pattern.filter(|pattern| !pattern.contains('/'));
            let pattern = pattern.ok_or("no /pattern/")?;
            Regex::new(pattern)
                .map(Command::Wait)
                .map_err(|_| "no regular expression")
        }
        _ => {
            let count = if rest.is_empty() { Ok(1) } else { rest.parse() };
            let count = count.map_err(|_| "an unknown command, or no count")?;
            let key = key(name).ok_or("an unknown command")?;
            Ok(Command::Press(key.repeat(count)))
        }
    }
}

/// A string in one of VHS's three quotes; nothing is escaped in them.
fn quoted(text: &str) -> Result<&str, &'static str> {
    let quote = text.chars().next().filter(|quote| "\"'`".contains(*quote));
    let quote = quote.ok_or("no string")?;
    let inner = text[1..]
        .strip_suffix(quote)
        .ok_or("a string without its end")?;
    if inner.contains(quote) {
        Err("more than one string")
    } else {
        Ok(inner)
    }
}

/// Milliseconds of `500ms` or `1.5s`; a bare number is seconds.
fn time(text: &str) -> Option<u64> {
    if let Some(ms) = text.strip_suffix("ms") {
        return ms.parse().ok();
    }
    let seconds: f64 = text.strip_suffix('s').unwrap_or(text).parse().ok()?;
    let time = Duration::try_from_secs_f64(seconds).ok()?;
    u64::try_from(time.as_millis()).ok()
}

/// What an xterm sends for a key.
fn key(name: &str) -> Option<String> {
    if let Some(held) = name.strip_prefix("Ctrl+") {
        let byte = held.bytes().next().filter(u8::is_ascii_alphabetic);
        return byte
            .filter(|_| held.len() == 1)
            .map(|byte| char::from(byte & 0x1f).to_string());
    }
    let keys = KEYS.iter().find(|(key, _)| *key == name);
    keys.map(|(_, sent)| (*sent).to_owned())
}

const KEYS: [(&str, &str); 11] = [
    ("Backspace", "\x7f"),
    ("Down", "\x1b[B"),
    ("Enter", "\r"),
    ("Escape", "\x1b"),
    ("Left", "\x1b[D"),
    ("PageDown", "\x1b[6~"),
    ("PageUp", "\x1b[5~"),
    ("Right", "\x1b[C"),
    ("Space", " "),
    ("Tab", "\t"),
    ("Up", "\x1b[A"),
];

const SETTINGS: [&str; 11] = [
    "FontFamily",
    "FontSize",
    "Framerate",
    "Height",
    "LineHeight",
    "Padding",
    "Shell",
    "Theme",
    "TypingSpeed",
    "WaitTimeout",
    "Width",
];
