//! A report of a run, held against what the run was.

use super::captured::SECRETS;
use super::fake_upstream::script::{COMMENTARY, FINAL_TEXT, SUMMARIES, USAGE};

/// The report tells of a session over SSE with so many calls of the shell, in all its sections.
pub(crate) fn assert_report(report: &str, model: &str, calls: usize) {
    for secret in SECRETS {
        assert!(!report.contains(secret), "the report tells {secret}");
    }
    let lines = outside_code(report);
    let sections: Vec<&str> = lines
        .iter()
        .filter(|line| line.starts_with("# ") || line.starts_with("## "))
        .copied()
        .collect();
    assert_eq!(sections, SECTIONS);

    let turns = calls + 1;
    let [input, cached, output, reasoning] = USAGE.map(|tokens| tokens * turns as u64);
    let row = |begin: String| {
        let row = lines.iter().find(|line| line.starts_with(&begin));
        row.unwrap_or_else(|| panic!("no row {begin}"))
    };
    row(format!("| POST | `/v1/responses` | SSE | {turns} | 0 | "));
    row(format!("| 200 | {turns} |"));
    row(format!("| model | {turns} | "));
    row(format!("| `response.completed` | {turns} | "));
    row(format!(
        "| `response.function_call_arguments.done` | {calls} | "
    ));
    assert!(row("| `input[]` | array ".to_owned()).contains(", `call_id` "));
    // What all have stands without a count.
    let usage = row(format!("| `response.usage` | object {turns}"));
    assert!(usage.contains(" number `input_tokens`, "), "{usage}");
    let used = [
        grouped(input),
        grouped(cached),
        "95 %".into(),
        grouped(output),
        grouped(reasoning),
    ];
    let used = used.join(" | ");
    row(format!("| `{model}` | {turns} | 0 | 0 | 0 | {used} | "));

    let conversation = report.split_once("\n## Conversation\n").unwrap().1;
    let parts = numbered(conversation);
    // What stands only where it came first.
    for once in [
        "<details><summary>Instructions: ",
        "<details><summary>Tools: ",
        "\n| `exec_command` | function | ",
        "\nauthorization: Bearer <redacted:",
    ] {
        assert!(parts[0].contains(once), "{once}");
        assert_eq!(conversation.matches(once).count(), 1, "{once}");
    }
    let turns = parts.iter().filter(|part| part.contains(" · SSE 200 · "));
    let turns: Vec<&&str> = turns.collect();
    assert_eq!(turns.len(), calls + 1);
    for (number, turn) in turns.iter().enumerate() {
        for always in [
            "\n**Request** ",
            &format!(" bytes · `{model}` · effort `"),
            "Instructions: ",
            "Tools: ",
            "\n| # | item | bytes | preview |\n",
            "\n**Response** completed · ",
            "<details><summary>Events: ",
            "\nOutput:\n",
            USED,
            "<details><summary>Header fields",
            "\n```http\nPOST /v1/responses\n",
        ] {
            assert!(turn.contains(always), "turn {number}: {always}");
        }
        if number < calls {
            assert!(turn.contains("\nReasoning summary:\n"), "{number}");
            assert!(turn.contains(&SUMMARIES.join("\n\n")), "{number}");
            assert!(turn.contains(COMMENTARY), "{number}");
            let call = "\nCall of `exec_command` (`call_";
            assert!(turn.contains(call), "{number}");
            let input = "```json\n{\"cmd\":\"echo $((40 + 2))\"}\n```";
            assert!(turn.contains(input), "{number}");
        } else {
            assert!(turn.contains(FINAL_TEXT), "{number}");
        }
        if number > 0 {
            assert!(turn.contains("| function\\_call\\_output | "), "{number}");
        }
    }
}

/// What stands below each numbered heading. Instructions have headings of their own.
fn numbered(mut text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    while let Some((part, rest)) = text.split_once(&format!("\n### {}. ", parts.len() + 1)) {
        parts.push(part);
        text = rest;
    }
    parts.push(text);
    parts.remove(0);
    parts
}

/// The lines that are none of code. What is opened, fences and details, is closed.
fn outside_code(report: &str) -> Vec<&str> {
    let (mut fence, mut details) = (None, 0);
    let mut lines = Vec::new();
    for line in report.lines() {
        let ticks = line.len() - line.trim_start_matches('`').len();
        match fence {
            Some(open) if line.len() == ticks && ticks >= open => fence = None,
            Some(_) => {}
            None if ticks >= 3 => fence = Some(ticks),
            None => {
                details += line.matches("<details>").count();
                details -= line.matches("</details>").count();
                lines.push(line);
            }
        }
    }
    assert_eq!((fence, details), (None, 0));
    lines
}

/// A number with commas between thousands, below a million.
fn grouped(number: u64) -> String {
    match number / 1000 {
        0 => number.to_string(),
        thousands => format!("{thousands},{:03}", number % 1000),
    }
}

const SECTIONS: [&str; 10] = [
    "# Report of codextap",
    "## In short",
    "## Endpoints",
    "## Status codes",
    "## Channels",
    "## Models",
    "## Sessions",
    "## Events",
    "## Payloads",
    "## Conversation",
];
/// [`USAGE`] of one turn.
const USED: &str = "Usage: 4,321 tokens in (4,096 cached, 95 %), 123 out (45 reasoning).";
