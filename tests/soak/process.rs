//! The release binary, and what the system says about it.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;

/// A codextap that records.
pub(crate) struct Codextap {
    process: Child,
    pub(crate) address: SocketAddr,
    /// Where it records to.
    capture: PathBuf,
}

/// What a process holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Held {
    /// Resident memory, in KiB.
    pub(crate) memory: u64,
    /// Open files and sockets, besides the capture and its journal, which are opened when there is something to write.
    pub(crate) descriptors: usize,
    pub(crate) threads: u64,
}

impl Held {
    /// Whether it has no more than it had before, but for the few files that the tail keeps open for what comes next.
    pub(crate) fn is_back_at(self, before: Self) -> bool {
        let more = self.descriptors.saturating_sub(before.descriptors);
        more <= SPARE && self.threads == before.threads
    }
}

impl Codextap {
    /// Starts it before `upstream`; it records into `capture`.
    pub(crate) fn start(upstream: SocketAddr, capture: &Path, state: &Path) -> Self {
        // Port 1 belongs to a protocol of 1988 that nobody speaks.
        let mut process = Command::new(env!("CARGO_BIN_EXE_codextap"))
            .args([
                "record",
                "--listen",
                "127.0.0.1:0",
                "--route",
                "/dead=http://127.0.0.1:1",
            ])
            .args(["--api-upstream", &format!("http://{upstream}"), "--capture"])
            .arg(capture)
            .arg("--log")
            .arg(state.join("log"))
            .env("XDG_STATE_HOME", state)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut output = BufReader::new(process.stdout.take().unwrap());
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        thread::spawn(move || std::io::copy(&mut output, &mut std::io::sink()));
        let address = line.trim().strip_prefix("listening on http://").unwrap();
        Self {
            address: address.parse().unwrap(),
            process,
            capture: capture.to_owned(),
        }
    }

    /// What it holds now (proc(5)).
    pub(crate) fn held(&self) -> Held {
        let directory = Path::new("/proc").join(self.process.id().to_string());
        let status = fs::read_to_string(directory.join("status")).unwrap();
        let number = |name: &str| {
            let line = status
                .lines()
                .find_map(|line| line.strip_prefix(name))
                .unwrap();
            line.trim_start_matches(':')
                .split_whitespace()
                .next()
                .unwrap()
                .parse()
                .unwrap()
        };
        Held {
            memory: number("VmRSS"),
            threads: number("Threads"),
            descriptors: self.descriptors(&directory),
        }
    }

    fn descriptors(&self, directory: &Path) -> usize {
        let open = fs::read_dir(directory.join("fd")).unwrap();
        open.filter(|entry| {
            let target = fs::read_link(entry.as_ref().unwrap().path());
            let capture = self.capture.as_os_str().as_encoded_bytes();
            target.is_ok_and(|it| !it.as_os_str().as_encoded_bytes().starts_with(capture))
        })
        .count()
    }

    /// Lets it write what it has; whether it ended well.
    pub(crate) fn end(mut self) -> bool {
        let id = rustix::process::Pid::from_child(&self.process);
        rustix::process::kill_process(id, rustix::process::Signal::TERM).unwrap();
        self.process.wait().unwrap().success()
    }
}

impl Drop for Codextap {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// How many files the tail keeps open while nothing is in flight.
const SPARE: usize = 4;
