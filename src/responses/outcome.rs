//! How a tool call ended, read off the text that Codex makes of it for the model.
//!
//! Codex writes an exit code in five ways: as lines above the output (`Process exited with code 0`,
//! `Exit code: 0`, `Script completed`), and as members of JSON (`exit_code`, or within `metadata`).
//! Output that was too long says so in a line, or has a mark where its middle was. Text in no such
//! form is all output, and nothing is known of its end.

use std::borrow::Cow;
use std::time::Duration;

use super::ToolOutput;
use super::lenient::{self, Members};

/// How a tool call ended, as far as its output tells.
#[derive(Clone, PartialEq, Default, Debug)]
pub struct Outcome<'a> {
    /// Where it stands.
    pub end: End,
    /// How long the tool ran.
    pub took: Option<Duration>,
    /// Whether only part of the output is there.
    pub is_truncated: bool,
    /// Tokens of the output before it was cut.
    pub tokens: Option<u64>,
    /// What the tool printed or returned, without the lines above it.
    pub body: Cow<'a, str>,
}

/// Where a tool call stands.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum End {
    /// Its output does not tell.
    #[default]
    Unknown,
    /// A command exited with this code.
    Exited(i64),
    /// It goes on: a later call asks for more.
    Running,
    /// It ended as it should.
    Completed,
    /// It failed, or was not run.
    Failed,
}

impl End {
    /// Whether it went wrong.
    #[must_use]
    pub fn is_failure(self) -> bool {
        match self {
            Self::Exited(code) => code != 0,
            Self::Failed => true,
            Self::Unknown | Self::Running | Self::Completed => false,
        }
    }

    /// In a word: `exit 0`, `running`, `failed`; nothing where it is unknown.
    #[must_use]
    pub fn word(self) -> Option<Cow<'static, str>> {
        Some(match self {
            Self::Unknown => return None,
            Self::Exited(code) => format!("exit {code}").into(),
            Self::Running => "running".into(),
            Self::Completed => "completed".into(),
            Self::Failed => "failed".into(),
        })
    }
}

impl ToolOutput {
    /// How the call ended that this answers.
    #[must_use]
    pub fn outcome(&self) -> Outcome<'_> {
        Outcome::of(&self.text)
    }
}

impl<'a> Outcome<'a> {
    fn of(text: &'a str) -> Self {
        let mut outcome = of_json(text).unwrap_or_else(|| of_lines(text));
        outcome.is_truncated |= CUTS.iter().any(|mark| outcome.body.contains(mark));
        outcome
    }
}

/// Reads the lines that Codex writes above an output.
fn of_lines(text: &str) -> Outcome<'_> {
    let mut outcome = Outcome::default();
    let mut rest = text;
    let mut is_script = false;
    for _ in 0..PREAMBLE {
        let (line, after) = rest.split_once('\n').unwrap_or((rest, ""));
        let line = line.trim_end();
        if let Some(code) = after_any(line, &["Process exited with code ", "Exit code: "]) {
            outcome.end = code.parse().map_or(End::Unknown, End::Exited);
        } else if let Some(end) = SCRIPT.iter().find(|(start, _)| line.starts_with(start)) {
            outcome.end = end.1;
            is_script = true;
        } else if line.starts_with("Process running with session ID ") {
            outcome.end = End::Running;
        } else if let Some(time) = after_any(line, &["Wall time: ", "Wall time "]) {
            outcome.took = seconds(time.strip_suffix(" seconds").unwrap_or(time));
        } else if let Some(count) = line.strip_prefix("Original token count: ") {
            outcome.tokens = count.parse().ok();
        } else if let Some(count) =
            line.strip_prefix("Warning: truncated output (original token count: ")
        {
            outcome.is_truncated = true;
            outcome.tokens = count.trim_end_matches(')').parse().ok();
        } else if line.starts_with("Total output lines: ") {
            outcome.is_truncated = true;
        } else if !(line == "Output:"
            || line.starts_with("Chunk ID: ")
            || is_blank(line, rest, text))
        {
            break;
        }
        rest = after;
    }
    outcome.body = rest.into();
    if outcome.end == End::Unknown && FAILURES.iter().any(|start| rest.starts_with(start)) {
        outcome.end = End::Failed;
    }
    if is_script && let Some(inner) = of_results(rest) {
        // The script is done, but what it ran has the last word.
        if outcome.end == End::Completed {
            outcome.end = inner.end;
        }
        outcome.body = inner.body;
        outcome.tokens = inner.tokens;
    }
    outcome
}

/// An empty line within the preamble, not one that begins the output of a tool without any.
fn is_blank(line: &str, rest: &str, text: &str) -> bool {
    line.is_empty() && !rest.is_empty() && rest.len() < text.len()
}

/// Reads what a script returned: JSON texts of commands, one below the other.
fn of_results(text: &str) -> Option<Outcome<'static>> {
    let mut all: Option<Outcome<'static>> = None;
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let one = of_json(line)?;
        all = Some(match all {
            None => one,
            Some(all) => Outcome {
                end: if all.end.is_failure() {
                    all.end
                } else {
                    one.end
                },
                is_truncated: all.is_truncated || one.is_truncated,
                body: format!("{}{}", all.body, one.body).into(),
                took: None,
                tokens: None,
            },
        });
    }
    all
}

/// Reads an object that tells an exit code, or a list of what commands of a shell printed.
fn of_json(text: &str) -> Option<Outcome<'static>> {
    let text = text.trim();
    if text.starts_with('[') {
        return of_shell(text);
    }
    if !text.starts_with('{') {
        return None;
    }
    let members = Members::of(text).ok()?;
    let metadata = Members::of(members.find("metadata").unwrap_or_default()).unwrap_or_default();
    let number = |name: &str| members.find(name).or_else(|| metadata.find(name));
    let is_error = members.find("isError").or_else(|| members.find("is_error"));
    let end = match (
        number("exit_code").and_then(|code| code.parse().ok()),
        is_error,
    ) {
        (Some(code), _) => End::Exited(code),
        (None, Some("true")) => End::Failed,
        (None, Some("false")) => End::Completed,
        (None, _) if members.find("session_id").is_some() && members.find("output").is_some() => {
            End::Running
        }
        (None, _) => return None,
    };
    let body = ["output", "content"]
        .iter()
        .find_map(|name| members.find(name));
    Some(Outcome {
        end,
        took: ["wall_time_seconds", "duration_seconds"]
            .iter()
            .find_map(|name| seconds(number(name)?)),
        is_truncated: false,
        tokens: number("original_token_count").and_then(lenient::number),
        body: body
            .and_then(lenient::text_or_json)
            .unwrap_or_default()
            .into(),
    })
}

/// Reads what a `shell_call_output` lists for each command.
fn of_shell(text: &str) -> Option<Outcome<'static>> {
    let mut all = Outcome::default();
    let mut body = String::new();
    for command in lenient::elements(text)? {
        let members = Members::of(command.get()).ok()?;
        let outcome = Members::of(members.find("outcome")?).ok()?;
        let end = match outcome.find("exit_code").and_then(|code| code.parse().ok()) {
            Some(code) => End::Exited(code),
            None => End::Failed,
        };
        if !all.end.is_failure() {
            all.end = end;
        }
        for name in ["stdout", "stderr"] {
            body.push_str(&members.text(name).unwrap_or_default());
        }
    }
    all.body = body.into();
    (all.end != End::Unknown).then_some(all)
}

fn after_any<'a>(line: &'a str, starts: &[&str]) -> Option<&'a str> {
    starts.iter().find_map(|start| line.strip_prefix(start))
}

fn seconds(text: &str) -> Option<Duration> {
    Duration::try_from_secs_f64(text.parse().ok()?).ok()
}

/// How many lines may stand above an output.
const PREAMBLE: usize = 10;

/// The first line of a script's output, and what it means.
const SCRIPT: [(&str, End); 4] = [
    ("Script completed", End::Completed),
    ("Script failed", End::Failed),
    ("Script terminated", End::Failed),
    ("Script running with cell ID ", End::Running),
];

/// How the output of a call begins that Codex did not run, or gave up.
const FAILURES: [&str; 8] = [
    "aborted",
    "unsupported call: ",
    "unsupported custom tool call: ",
    "failed to parse function arguments",
    "execution error: ",
    "exec_command failed",
    "command timed out after ",
    "apply_patch verification failed",
];

/// Marks where the middle of an output was.
const CUTS: [&str; 4] = [
    " tokens truncated…",
    " chars truncated…",
    "[... omitted ",
    "[... removed ",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, end: End, took_ms: Option<u64>, is_truncated: bool, body: &str) {
        let outcome = Outcome::of(text);
        assert_eq!(outcome.end, end, "{text}");
        assert_eq!(outcome.took, took_ms.map(Duration::from_millis), "{text}");
        assert_eq!(outcome.is_truncated, is_truncated, "{text}");
        assert_eq!(outcome.body, body, "{text}");
    }

    #[test]
    fn every_way_to_tell_an_exit_code_is_read() {
        let process = "Chunk ID: 825520\nWall time: 0.0510 seconds\nProcess exited with code 0\nOriginal token count: 1\nOutput:\nhi\n";
        check(process, End::Exited(0), Some(51), false, "hi\n");
        assert_eq!(Outcome::of(process).tokens, Some(1));
        let running =
            "Chunk ID: 1\nWall time: 10.0 seconds\nProcess running with session ID 7\nOutput:\n";
        check(running, End::Running, Some(10_000), false, "");
        let patched = "Exit code: 1\nWall time: 0 seconds\nOutput:\nno such file\n";
        check(patched, End::Exited(1), Some(0), false, "no such file\n");
        let script = "Script completed\nWall time 0.5 seconds\nOutput:\n\n{\"chunk_id\":\"9\",\"wall_time_seconds\":0.1,\"exit_code\":2,\"output\":\"hi\\n\"}";
        check(script, End::Exited(2), Some(500), false, "hi\n");
        let both = "Script completed\nWall time 0.5 seconds\nOutput:\n\n{\"exit_code\":1,\"output\":\"a\"}\n{\"exit_code\":0,\"output\":\"b\"}";
        check(both, End::Exited(1), Some(500), false, "ab");
        let plain = "Script failed\nWall time 0.5 seconds\nOutput:\n\nScript error:\nno";
        check(plain, End::Failed, Some(500), false, "Script error:\nno");
        check(
            "Script running with cell ID 3\nWall time 30 seconds\nOutput:\n",
            End::Running,
            Some(30_000),
            false,
            "",
        );
        let old = r#"{"output":"a\n","metadata":{"exit_code":127,"duration_seconds":0.2}}"#;
        check(old, End::Exited(127), Some(200), false, "a\n");
        let shell = r#"[{"stdout":"a","stderr":"b","outcome":{"type":"exit","exit_code":0}},{"stdout":"","stderr":"","outcome":{"type":"timeout"}}]"#;
        check(shell, End::Failed, None, false, "ab");
        let mcp = r#"{"content":[{"type":"text","text":"x"}],"isError":true}"#;
        check(
            mcp,
            End::Failed,
            None,
            false,
            r#"[{"type":"text","text":"x"}]"#,
        );
    }

    #[test]
    fn what_was_cut_is_known_by_its_marks() {
        let told = "Chunk ID: 1\nWall time: 1 seconds\nProcess exited with code 0\nOriginal token count: 9000\nOutput:\nWarning: truncated output (original token count: 9000)\nTotal output lines: 500\n\nfirst";
        check(told, End::Exited(0), Some(1000), true, "first");
        assert_eq!(Outcome::of(told).tokens, Some(9000));
        for text in [
            "a…12 tokens truncated…b",
            "a…12 chars truncated…b",
            "a\n[... omitted 3 of 9 lines ...]\nb",
        ] {
            check(text, End::Unknown, None, true, text);
        }
    }

    #[test]
    fn other_text_is_all_output() {
        for text in [
            "",
            "\n\nhi",
            "hi\nExit code: 1",
            "{\"a\":1}",
            "[1]",
            "{",
            "Output: none",
        ] {
            check(text, End::Unknown, None, false, text);
        }
        for text in ["aborted by user after 3.2s", "unsupported call: nope"] {
            check(text, End::Failed, None, false, text);
        }
    }

    #[test]
    fn an_end_is_a_word() {
        let words = [
            (End::Exited(0), Some("exit 0"), false),
            (End::Exited(-1), Some("exit -1"), true),
            (End::Running, Some("running"), false),
            (End::Failed, Some("failed"), true),
            (End::Unknown, None, false),
        ];
        for (end, word, is_failure) in words {
            assert_eq!(end.word().as_deref(), word);
            assert_eq!(end.is_failure(), is_failure);
        }
    }
}
