//! What a run did and said, without what no two runs have in common.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use regex::{Captures, Regex};
use serde_json::Value;

use crate::support::codex_run::Ended;
use crate::upstream::{Attempt, Kind};

/// All that is compared of a run.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Outcome {
    /// The exit code.
    pub(crate) code: Option<i32>,
    /// What Codex asked the model, in order, with the renewals of the login.
    pub(crate) attempts: Vec<Asked>,
    /// The lines of what else it asked. How often depends on how long it ran.
    side: BTreeSet<String>,
    output: String,
    /// Its lines of the log are apart: they are written when their thread comes to it.
    errors: [String; 2],
}

/// One attempt.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Asked {
    pub(crate) kind: Kind,
    /// Method and path, fields and body.
    text: String,
}

impl Outcome {
    /// Of a run that asked for `attempts`.
    pub(crate) fn new(ended: &Ended, attempts: &[Attempt]) -> Self {
        let mut names = Names::new();
        let (mut asked, mut side) = (Vec::new(), BTreeSet::new());
        for attempt in attempts {
            if attempt.kind == Kind::Side {
                let text = Names::new().asked(attempt).text;
                // Codex has not always made up its own name by then.
                let lines = text.lines().filter(|line| !line.starts_with("user-agent"));
                side.extend(lines.map(|line| format!("{}: {line}", attempt.asked)));
            } else {
                asked.push(names.asked(attempt));
            }
        }
        let errors = names.text(&ended.errors);
        Self {
            code: ended.status.code(),
            attempts: asked,
            side,
            output: names.text(&ended.output),
            errors: [false, true].map(|is_log| {
                let errors = errors
                    .lines()
                    .filter(|line| line.starts_with("TIME") == is_log);
                errors.collect::<Vec<_>>().join("\n")
            }),
        }
    }

    /// How the run through the proxy differs from this direct one; empty when it does not.
    pub(crate) fn differs(&self, through: &Self) -> String {
        let mut said = String::new();
        if self.code != through.code {
            let _ = writeln!(
                said,
                "exit code {:?}, through {:?}",
                self.code, through.code
            );
        }
        let kinds = |it: &Self| it.attempts.iter().map(|it| it.kind).collect::<Vec<_>>();
        let (ours, theirs) = (kinds(self), kinds(through));
        if ours == theirs {
            for (number, (ours, theirs)) in self.attempts.iter().zip(&through.attempts).enumerate()
            {
                lines(
                    &mut said,
                    &format!("attempt {}", number + 1),
                    &ours.text,
                    &theirs.text,
                );
            }
        } else {
            let _ = writeln!(said, "attempts {ours:?}\n through {theirs:?}");
        }
        let texts = |it: &Self| it.side.iter().cloned().collect::<Vec<_>>().join("\n");
        lines(&mut said, "side requests", &texts(self), &texts(through));
        lines(&mut said, "output", &self.output, &through.output);
        for (ours, theirs) in self.errors.iter().zip(&through.errors) {
            lines(&mut said, "errors", ours, theirs);
        }
        said
    }

    /// What was attempted, in the words of the table.
    pub(crate) fn attempted(&self) -> String {
        let mut words: Vec<(Kind, usize)> = Vec::new();
        for asked in self.attempts.iter().filter(|it| it.kind != Kind::WarmUp) {
            match words.last_mut() {
                Some((kind, count)) if *kind == asked.kind => *count += 1,
                _ => words.push((asked.kind, 1)),
            }
        }
        // An upgrade and its message, again and again, are counted and not spelt out.
        let mut spelt: Vec<String> = Vec::new();
        let mut rest = &words[..];
        while let [first, ..] = rest {
            let pair = rest
                .get(..2)
                .filter(|pair| first.1 == 1 && pair[1].1 == 1 && rest.get(2..4) == Some(*pair));
            if let Some(pair) = pair {
                let times = rest.chunks(2).take_while(|next| next == &pair).count();
                let (one, two) = (word(pair[0].0), word(pair[1].0));
                spelt.push(format!("{times} × ({one}, {two})"));
                rest = &rest[times * 2..];
            } else {
                spelt.push(match first {
                    (kind, 1) => word(*kind).to_owned(),
                    (kind, count) => format!("{count} × {}", word(*kind)),
                });
                rest = &rest[1..];
            }
        }
        spelt.join(", ")
    }
}

/// Adds the lines that differ.
fn lines(said: &mut String, what: &str, direct: &str, through: &str) {
    if direct == through {
        return;
    }
    let missing = |of: &str, from: &str| -> Vec<String> {
        let has = |line: &&str| !from.lines().any(|other| other == *line);
        of.lines().filter(has).map(str::to_owned).collect()
    };
    let (ours, theirs) = (missing(direct, through), missing(through, direct));
    let _ = writeln!(said, "{what}: direct {ours:#?}\n through {theirs:#?}");
    if ours.is_empty() && theirs.is_empty() {
        let _ = writeln!(
            said,
            "  (the order): direct\n{direct}\n  through\n{through}"
        );
    }
}

fn word(kind: Kind) -> &'static str {
    match kind {
        Kind::Post => "POST",
        Kind::Upgrade => "upgrade",
        Kind::Message => "message",
        Kind::WarmUp => "warm-up",
        Kind::Renewal => "renewal",
        Kind::Side => "other",
    }
}

/// Gives ids names by their order, so that equal ones stay equal and all runs look the same.
#[derive(Debug)]
struct Names {
    ids: Vec<String>,
    patterns: Regex,
}

impl Names {
    fn new() -> Self {
        Self {
            ids: Vec::new(),
            patterns: Regex::new(PATTERNS).unwrap(),
        }
    }

    fn asked(&mut self, attempt: &Attempt) -> Asked {
        let mut text = attempt.asked.clone();
        for (name, value) in &attempt.fields {
            let value = match name.to_ascii_lowercase().as_str() {
                "sec-websocket-key" => "KEY".to_owned(),
                // Other times have another length. The body came whole, and is compared.
                "content-length" => "LENGTH".to_owned(),
                _ => self.value(value),
            };
            let _ = write!(text, "\n{name}: {value}");
        }
        let body = self.json(&attempt.body, 0);
        Asked {
            kind: attempt.kind,
            text: format!("{text}\n{body}"),
        }
    }

    /// JSON with a line for each member, in the order of their names.
    fn json(&mut self, value: &Value, depth: usize) -> String {
        let mut text = String::new();
        match value {
            Value::Object(members) => {
                let mut members: Vec<_> = members.iter().collect();
                members.sort_by_key(|(name, _)| name.as_str());
                for (name, value) in members {
                    let value = self.json(value, depth + 1);
                    let _ = write!(text, "\n{:depth$}{name}: {value}", "");
                }
            }
            Value::Array(values) => {
                for value in values {
                    let value = self.json(value, depth + 1);
                    let _ = write!(text, "\n{:depth$}- {value}", "");
                }
            }
            Value::String(value) => text = self.value(value),
            other => text = self.text(&other.to_string()),
        }
        text
    }

    /// A field's or a member's value, which may be JSON in turn.
    fn value(&mut self, value: &str) -> String {
        match serde_json::from_str(value) {
            Ok(json @ Value::Object(_)) => self.json(&json, 0),
            _ => self.text(value),
        }
    }

    fn text(&mut self, text: &str) -> String {
        let ids = &mut self.ids;
        let named = self.patterns.replace_all(text, |found: &Captures<'_>| {
            let is = |name| found.name(name).is_some();
            for name in ["HOME", "HOST", "TIME"] {
                if is(name) {
                    return name.to_owned();
                }
            }
            let number = ids.iter().position(|id| *id == found[0]);
            let number = number.unwrap_or_else(|| {
                ids.push(found[0].to_owned());
                ids.len() - 1
            });
            format!("ID{number}")
        });
        named.into_owned()
    }
}

const PATTERNS: &str = "(?x)
    (?<HOME> /[\\w./-]*/\\.tmp\\w{6}\\b )
    | (?<HOST> (127\\.0\\.0\\.1|localhost):\\d+ )
    | (?<TIME> \\d{4}-\\d\\d-\\d\\d(T\\d\\d:\\d\\d:\\d\\d(\\.\\d+)?Z)? | \\b1[0-9]{12}\\b | \\b1[0-9]{9}\\.\\d+ )
    | [0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}
    | \\b(resp|msg|rs|at|fco|ctco|amsg|ctc|fc)_[0-9a-f-]{16,}
";
