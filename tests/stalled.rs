//! `codextap record` in need: out of descriptors, and with a log that nobody reads.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

#[expect(dead_code, reason = "other tests use the rest")]
#[path = "support/pty_upstream.rs"]
mod pty_upstream;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use pty_upstream::{ask, interrupt, upstream};
use tempfile::TempDir;

/// `codextap record` with its standard error in a pipe; gives where it listens.
fn noisy(shell: &str, home: &Path) -> (Child, SocketAddr, impl BufRead) {
    let mut child = Command::new("sh")
        .args(["-c", &format!("{shell} exec \"$0\" \"$@\"")])
        .arg(env!("CARGO_BIN_EXE_codextap"))
        .args(["record", "--listen", "127.0.0.1:0", "--capture", "none"])
        .args(["--api-upstream", &upstream()])
        .env_clear()
        .env("HOME", home)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut first = String::new();
    out.read_line(&mut first).unwrap();
    let address = first.trim().strip_prefix("listening on http://");
    let address = address.expect(&first).parse().unwrap();
    // Read on, or its end would be the program's trouble.
    thread::spawn(move || out.read_to_string(&mut String::new()));
    let log = BufReader::new(child.stderr.take().unwrap());
    (child, address, log)
}

#[test]
fn out_of_descriptors_clients_wait_and_are_served_later() {
    let home = TempDir::new().unwrap();
    let (mut child, address, mut log) = noisy("ulimit -n 40;", home.path());
    let many: Vec<_> = (0..60)
        .map(|_| TcpStream::connect(address).unwrap())
        .collect();
    let mut line = String::new();
    while !line.contains(" accept: ") {
        line.clear();
        assert!(log.read_line(&mut line).unwrap() > 0, "the log ended");
    }
    assert!(line.contains("os error"), "{line}");
    drop(many);
    ask(address, "And now?");
    ask(address, "And again?");
    interrupt(&child);
    assert!(child.wait().unwrap().success());
    let mut rest = String::new();
    log.read_to_string(&mut rest).unwrap();
    let (_, failed) = rest.split_once("works again, having failed ").expect(&rest);
    let failed: u64 = failed.split(' ').next().unwrap().parse().unwrap();
    assert!((1..1000).contains(&failed), "tried {failed} times");
    assert_eq!(rest.matches(" accept: ").count(), 1, "{rest}");
}

#[test]
fn a_log_that_nobody_reads_holds_nothing_up() {
    let home = TempDir::new().unwrap();
    let (mut child, address, mut log) = noisy("", home.path());
    // Far more than a pipe holds.
    for number in 0..400 {
        let mut stream = TcpStream::connect(address).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        let path = "x".repeat(900);
        write!(
            stream,
            "GET /{path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 404 "), "{number}: {answer}");
    }
    ask(address, "Are you still there?");
    interrupt(&child);
    assert!(child.wait().unwrap().success());
    let mut text = String::new();
    log.read_to_string(&mut text).unwrap();
    assert!(text.contains(" ERROR no route for /xxx"), "{text}");
}
