//! What the program does to the terminal that it is in, and what it leaves alone.

use std::fs;
use std::process::Command;

use tempfile::TempDir;

use crate::support::pty::Window;
use crate::support::pty_upstream::ask;
use crate::tests::{captured, leave, live, open, wait};

#[test]
fn ctrl_z_stops_the_screen_and_nothing_else() {
    let home = TempDir::new().unwrap();
    let capture = home.path().join("live.jsonl");
    let (mut window, proxy) = live(&capture, (120, 40), &home);
    let lines = || {
        fs::read_to_string(&capture)
            .unwrap_or_default()
            .lines()
            .count()
    };
    for number in 1..=3 {
        window.press("\x1a");
        window.shows(&["codextap goes on recording"]);
        assert!(!window.is_taken());
        ask(proxy, &format!("Question {number} behind a shell"));
        wait("a line of it", || lines() == number);
        // The shell has the keys, and the size that the window has by now.
        window.resize_shell((100 + number as u16, 30));
        window.press("stty size; echo $((6*9))\n");
        window.shows(&[&format!("30 {}", 100 + number), "54"]);
        window.press("exit\n");
        window.takes();
        window.shows(&[&format!("Question {number} behind a shell"), "Requests"]);
    }
    window.press("?");
    window.shows(&["Move down"]);
    window.press("?");
    leave(window);
}

#[test]
fn behind_a_shell_it_does_not_say_that_it_records_what_it_does_not() {
    let home = TempDir::new().unwrap();
    let mut window = Window::codextap(["demo"], (120, 40), home.path());
    window.shows(&["Can `Pol"]);
    window.press("\x1a");
    window.shows(&["codextap goes on without a capture"]);
    window.press("exit\n");
    window.takes();
    leave(window);
}

#[test]
fn a_signal_ends_it_behind_a_shell_too() {
    let home = TempDir::new().unwrap();
    let capture = home.path().join("live.jsonl");
    let (mut window, proxy) = live(&capture, (80, 24), &home);
    window.press("\x1a");
    window.shows(&["codextap goes on recording"]);
    ask(proxy, "Who is there");
    window.signal("-TERM");
    assert!(window.ends().success());
    assert!(!window.is_taken());
    let text = fs::read_to_string(&capture).unwrap();
    assert!(text.contains("Who is there") && text.ends_with('\n'));
}

#[test]
fn a_window_that_is_resized_all_the_time_keeps_its_keys_and_its_place() {
    let home = TempDir::new().unwrap();
    let file = captured(&home);
    let mut window = open(&file, (120, 40), &home);
    window.press("k");
    for number in 0..200_u16 {
        window.resize((30 + number % 170, 8 + number % 43));
        window.press(["j", "k", "-", "z", "z"][usize::from(number % 5)]);
    }
    window.resize((160, 50));
    window.press("\x0c");
    window.until("the last size", |screen| {
        let mut lines = screen.lines();
        lines.any(|line| line.chars().count() == 160)
    });
    window.press("?");
    window.shows(&["Move down"]);
    window.press("?");
    leave(window);
}

#[test]
fn it_asks_the_terminal_for_no_more_than_it_needs() {
    let home = TempDir::new().unwrap();
    let file = captured(&home);
    let path = file.to_str().unwrap();
    for (arguments, has_mouse) in [
        (vec!["open", path], true),
        (vec!["open", path, "--no-mouse"], false),
    ] {
        let mut window = Window::codextap(arguments, (120, 40), home.path());
        window.shows(&["What is six"]);
        let written = String::from_utf8_lossy(&window.written).into_owned();
        for (sequence, is_asked) in [
            ("\x1b[?1049h", true),
            ("\x1b[?2004h", true),
            ("\x1b[?2026h", true),
            ("\x1b[?1000h", has_mouse),
            ("\x1b[?1002h", has_mouse),
            ("\x1b[?1006h", has_mouse),
            // Every move of the pointer, and the focus: nothing is done about either.
            ("\x1b[?1003h", false),
            ("\x1b[?1004h", false),
            // Colours beyond those that the terminal has a name for.
            ("[38;2;", false),
            ("[48;2;", false),
        ] {
            assert_eq!(written.contains(sequence), is_asked, "{sequence:?}");
        }
        leave(window);
    }
}

#[test]
fn what_is_pasted_goes_into_the_prompt_in_one_piece() {
    let home = TempDir::new().unwrap();
    let file = captured(&home);
    let mut window = open(&file, (120, 40), &home);
    // Keys that would mean something one by one, and a line break that would end the prompt.
    window.press("/\x1b[200~seven\r\n\x1b[201~");
    window.until("filtered list", |screen| !screen.contains("What is six"));
    window.press("\r");
    window.shows(&["/ seven"]);
    // Without a prompt it is nothing.
    window.press("\x1b[200~Q\x1b[201~\\");
    window.shows(&["What is six"]);
    leave(window);
}

#[test]
fn a_terminal_that_can_do_nothing_is_told_so() {
    let home = TempDir::new().unwrap();
    let file = captured(&home);
    let program = env!("CARGO_BIN_EXE_codextap");
    for arguments in [vec!["demo"], vec!["open", file.to_str().unwrap()]] {
        let arguments = ["TERM=dumb", program].into_iter().chain(arguments);
        let mut window = Window::run("env", arguments, (80, 24), home.path());
        assert_eq!(window.ends().exit_code(), 1);
        let text = window.text();
        assert!(
            text.contains("TERM=dumb") && text.contains("hint: "),
            "{text}"
        );
        assert!(!String::from_utf8_lossy(&window.written).contains("\x1b["));
    }
}

#[test]
fn it_is_the_same_within_tmux() {
    // Where there is none, nothing is to be seen.
    if Command::new("tmux").arg("-V").output().is_err() {
        return;
    }
    let home = TempDir::new().unwrap();
    let file = captured(&home);
    let command = format!("{} open {}", env!("CARGO_BIN_EXE_codextap"), file.display());
    let socket = home.path().join("tmux");
    let socket = socket.to_str().unwrap();
    let arguments = [
        "-u",
        "-f",
        "/dev/null",
        "-S",
        socket,
        "new-session",
        &command,
    ];
    let mut window = Window::run("tmux", arguments, (120, 40), home.path());
    window.shows(&["Requests", "What is six", "And seven"]);
    window.resize((60, 24));
    window.until("only the list", |screen| {
        screen.contains("And seven") && !screen.contains("Payload")
    });
    window.press("/\x1b[200~seven\x1b[201~\r");
    window.until("filtered list", |screen| !screen.contains("What is six"));
    window.press("Q");
    assert!(window.ends().success());
}
