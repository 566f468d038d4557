//! `codextap record`, which somebody else ends.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;

/// Records to `capture.jsonl` in `home`; gives the process and where it listens. What it prints is read.
pub(crate) fn record(home: &Path, origin: &str) -> (Child, SocketAddr) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_codextap"))
        .env_clear()
        .env("HOME", home)
        .args([
            "record",
            "--listen",
            "127.0.0.1:0",
            "--api-upstream",
            origin,
            "--capture",
        ])
        .arg(home.join("capture.jsonl"))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut first = String::new();
    out.read_line(&mut first).unwrap();
    thread::spawn(move || {
        // It ends with the program.
        let _ = out.read_to_end(&mut Vec::new());
    });
    let address = first.trim().strip_prefix("listening on http://").unwrap();
    (child, address.parse().unwrap())
}
