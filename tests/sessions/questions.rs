//! The five questions, asked of the program in a terminal about a day of sixty turns: each is answered in at
//! most three key presses from the request list.

use std::path::{Path, PathBuf};

use codextap::capture;
use codextap::flow::sessions::Sessions;
use codextap::responses::Prices;
use serde_json::json;
use tempfile::TempDir;

use crate::codex::{Codex, SESSION};
use crate::pty::Window;
use crate::wire::{Told, Wire as _};
use crate::{CAPTURE, long_day, write};

/// A long day, and a review after it that another model answered than the one asked for.
fn day() -> (TempDir, PathBuf) {
    let mut codex = Codex::new(Told::new());
    codex.play(&long_day());
    let mut wire = codex.wire;
    let response =
        |usage| json!({"id": "resp-r", "model": "gpt-5.4", "output": [], "usage": usage});
    let usage = json!({"input_tokens": 9_000, "output_tokens": 12, "total_tokens": 9_012,
        "input_tokens_details": {"cached_tokens": 0}});
    wire.post(
        &[
            ("session-id", SESSION),
            ("thread-id", "thread-r"),
            ("x-openai-subagent", "review"),
        ],
        &json!({"model": "gpt-5.5", "stream": true, "input": [{"type": "message", "role": "user",
            "content": [{"type": "input_text", "text": "Review the day"}]}]}),
        &[
            json!({"type": "response.created", "response": response(json!(null))}),
            json!({"type": "response.completed", "response": response(usage)}),
        ],
        false,
    );
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(CAPTURE);
    write(wire.script, &path);
    (directory, path)
}

/// What a turn of the main agent is about that was asked for three times.
fn retried(path: &Path) -> String {
    let store = capture::load(path).unwrap().store;
    let sessions = Sessions::of(store.summaries(), &Prices::default());
    let turns = sessions.sessions[0].threads[0].turns.iter();
    let mut retried = turns.filter(|turn| turn.attempts.len() == 3);
    let turn = retried.next().unwrap();
    turn.last().unwrap().gist.to_string()
}

/// A question, the keys that answer it, and the answer.
type Case<'a> = (&'a str, &'a str, &'a [&'a str]);

/// Asks in the list about the last flow that is about just that.
fn ask(path: &Path, size: (u16, u16), about: &str, cases: &[Case<'_>]) {
    for (question, keys, answer) in cases {
        assert!(keys.chars().count() <= 3, "{question}");
        let home = tempfile::tempdir().unwrap();
        let arguments = ["open".as_ref(), path.as_os_str()];
        let mut window = Window::codextap(arguments, size, home.path());
        window.shows(&["152 flows"]);
        window.press(&format!("/^{about}$\rG"));
        window.until("the turn under the cursor", |screen| {
            let mut lines = screen.lines();
            // Until the filter has judged all, others that begin like it are there, too.
            let cell = format!("{about} ");
            let found = lines.any(|line| line.contains('▌') && line.contains(&cell));
            found && screen.contains(&format!("/ ^{about}$"))
        });
        window.press(keys);
        window.shows(answer);
        window.press("Q");
        assert_eq!(window.ends().exit_code(), 0, "{question}");
    }
}

#[test]
fn each_question_is_answered_in_three_keys() {
    let (_directory, path) = day();
    let about = retried(&path);
    let sent = format!("user       {about}");
    for size in [(80, 24), (160, 50)] {
        let cases: [Case<'_>; 6] = [
            ("what was sent", "2zG", &[&sent]),
            (
                "what was sent, to the byte",
                "rz",
                &["→ text", "{\"model\":\"gpt-5.5\",\"stream\":true"],
            ),
            (
                "what changed since the last turn",
                "d",
                &["turn before", "Input +", "the same", &about],
            ),
            ("why was it slow", "2]z", &["Time ", "took ", "Attempts  3"]),
            (
                "why was it expensive",
                "2]z",
                &["Tokens ", "cached ", "Cache ", "Cost ", "by list price"],
            ),
            (
                "which model and agent",
                "2]",
                &["model gpt-5.5", "agent main"],
            ),
        ];
        ask(&path, size, &about, &cases);
        let cases: [Case<'_>; 2] = [
            (
                "was it the one asked for",
                "2]",
                &["! gpt-5.4 answered, not gpt-5.5 as asked", "agent review"],
            ),
            (
                "who else was there",
                "s",
                &["gpt-5.5 ≠ gpt-5.4", "scout", "review"],
            ),
        ];
        ask(&path, size, "Review the day", &cases);
    }
}
