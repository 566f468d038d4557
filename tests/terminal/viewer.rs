//! A pane's text in the user's pager, and searching it, in a terminal.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use tempfile::TempDir;

use crate::support::pty::Window;
use crate::support::pty_upstream::{ask, upstream};

/// A pager that shows the text and who may read it, and keeps the line that it is told.
const PAGER: &str = "#!/bin/sh\n\
    cat \"$2\"\necho \"$1\" `stat -c %a \"$2\"`\nread line\necho \"$line $2\" > told\n";

/// codextap in front of an upstream, with this pager, and where it listens.
fn started(home: &TempDir, pager: &str) -> (Window, SocketAddr) {
    let upstream = upstream();
    let program = env!("CARGO_BIN_EXE_codextap");
    let pager = format!("PAGER={pager}");
    let mut arguments = vec![&*pager, program, "--listen", "127.0.0.1:0"];
    arguments.extend(["--capture", "none", "--api-upstream", &upstream]);
    let mut window = Window::run("env", arguments, (80, 24), home.path());
    window.shows(&["No traffic yet", "/v1"]);
    let text = window.text();
    let at = text.find("http://127.0.0.1:").unwrap() + "http://".len();
    let address = text[at..].split('/').next().unwrap().parse().unwrap();
    (window, address)
}

#[test]
fn the_pager_has_the_terminal_while_recording_goes_on() {
    let home = TempDir::new().unwrap();
    let pager = home.path().join("pager");
    fs::write(&pager, PAGER).unwrap();
    fs::set_permissions(&pager, fs::Permissions::from_mode(0o700)).unwrap();
    let (mut window, proxy) = started(&home, &format!("{} mode", pager.display()));
    ask(proxy, "What is six by nine");
    window.shows(&["What is six"]);
    window.press("2\x0c");
    window.shows(&["Instructions"]);
    window.press("V");
    window.shows(&["Be brief.", "mode 600"]);
    // What is pressed is the pager's, and what comes meanwhile is recorded.
    ask(proxy, "And seven by six");
    window.press("told\r");
    window.shows(&["And seven"]);
    let told = fs::read_to_string(home.path().join("told")).unwrap();
    let (line, file) = told.trim().split_once(' ').unwrap();
    assert_eq!(line, "told");
    assert!(!Path::new(file).exists(), "it is gone with the pager");
    window.press("Q");
    assert_eq!(window.ends().exit_code(), 0, "{}", window.text());
    window.assert_restored();
}

#[test]
fn a_pager_that_there_is_not_is_said() {
    let home = TempDir::new().unwrap();
    let (mut window, proxy) = started(&home, "no-such-pager");
    ask(proxy, "What is six by nine");
    window.shows(&["What is six"]);
    window.press("2\x0c");
    window.shows(&["Instructions"]);
    window.press("V");
    window.shows(&["`no-such-pager` failed"]);
    window.press("Q");
    assert_eq!(window.ends().exit_code(), 0, "{}", window.text());
}

#[test]
fn a_text_is_searched_while_it_is_typed() {
    let home = TempDir::new().unwrap();
    let (mut window, proxy) = started(&home, "less");
    ask(proxy, "What is six by nine");
    window.shows(&["What is six"]);
    window.press("2\x0c");
    window.shows(&["Instructions"]);
    window.press("/brief");
    window.shows(&["1/1", "Be brief."]);
    window.press("\r");
    window.until("kept search", |screen| !screen.contains("Enter keeps"));
    window.press("n");
    window.shows(&["went on from the top"]);
    window.press("Q");
    assert_eq!(window.ends().exit_code(), 0, "{}", window.text());
}
