//! Where codextap listens and what it writes.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::statvfs;

use super::super::args::Common;
use super::super::runtime::{Found, Running};
use super::Finding;
use crate::config::paths;

/// The address to listen on.
pub(super) fn listen(common: &Common, running: &[Running]) -> Finding {
    let address = common.listen;
    if let Some(running) = running.iter().find(|it| it.listens_at(address)) {
        return Finding::ok(
            "listen",
            format!("a codextap listens on {}", running.address),
        );
    }
    if !address.ip().to_canonical().is_loopback() && !common.access.has_token() {
        return Finding::fault(
            "listen",
            format!("other machines can reach {address}, and there is no token"),
            "add --token auto, or listen on 127.0.0.1",
        );
    }
    match TcpListener::bind(address) {
        Ok(_) => Finding::ok("listen", format!("{address} is free")),
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => Finding::fault(
            "listen",
            format!("another program listens on {address}"),
            format!("choose another port with --listen {}", any_port(address)),
        ),
        Err(error) => Finding::fault(
            "listen",
            format!("cannot listen on {address}: {error}"),
            "choose another address with --listen 127.0.0.1:8787",
        ),
    }
}

fn any_port(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip(), 0)
}

/// The state directory, and where the capture goes.
pub(super) fn directories(common: &Common) -> Vec<Finding> {
    let mut findings = Vec::new();
    match paths::state() {
        Ok(state) => findings.extend(state_directory(&state)),
        Err(error) => findings.push(Finding::fault(
            "state",
            error.to_string(),
            "set HOME or XDG_STATE_HOME",
        )),
    }
    if let Some(capture) = common
        .capture
        .as_ref()
        .filter(|it| it.as_os_str() != "none")
    {
        let directory = existing(capture.parent().unwrap_or(Path::new(".")));
        findings.push(match writable(&directory) {
            Ok(()) => Finding::ok("capture", format!("{} can be written", capture.display())),
            Err(error) => Finding::fault(
                "capture",
                format!("cannot write in {}: {error}", directory.display()),
                "name another file with --capture FILE, or --capture none",
            ),
        });
    }
    findings
}

fn state_directory(state: &Path) -> Vec<Finding> {
    let shown = state.display();
    let directory = existing(state);
    if let Err(error) = writable(&directory) {
        return vec![Finding::fault(
            "state",
            format!("cannot write in {}: {error}", directory.display()),
            format!("make {shown} a directory of yours, or set XDG_STATE_HOME to one"),
        )];
    }
    let mut findings = Vec::new();
    let mode = fs::metadata(state).map(|it| it.permissions().mode() & 0o777);
    findings.push(match mode {
        Ok(mode) if mode & 0o077 != 0 => Finding::warning(
            "state",
            format!("others can enter {shown} (mode {mode:03o})"),
            format!("chmod 700 {shown}"),
        ),
        Ok(_) => Finding::ok("state", format!("{shown} is private and can be written")),
        Err(_) => Finding::ok("state", format!("{shown} can be made")),
    });
    if let Ok(system) = statvfs(&directory) {
        let free = system.f_bavail.saturating_mul(system.f_frsize);
        let says = format!("{} MiB are free for captures", free >> 20);
        findings.push(if free < LITTLE {
            let hint = "make room, bound captures with --keep-size, or use --capture none";
            Finding::warning("space", says, hint)
        } else {
            Finding::ok("space", says)
        });
    }
    findings
}

/// Runtime files.
pub(super) fn running(found: &Found) -> Vec<Finding> {
    let mut findings: Vec<Finding> = (found.silent.iter())
        .map(|path| {
            Finding::warning(
                "running",
                format!("{}: its process does not answer", path.display()),
                "it is stopped, or not of this user; end that process, or remove the file",
            )
        })
        .collect();
    let addresses: Vec<String> = (found.running.iter())
        .map(|running| running.address.to_string())
        .collect();
    let mut says = if addresses.is_empty() {
        "no codextap runs".to_owned()
    } else {
        format!("on {}, the newest first", addresses.join(", "))
    };
    if found.stale > 0 {
        let _ = write!(says, "; {} files of dead ones were removed", found.stale);
    }
    findings.push(Finding::ok("running", says));
    findings
}

/// `path`, or what there is above it.
fn existing(path: &Path) -> PathBuf {
    let found = path.ancestors().find(|path| path.exists());
    let found = found.filter(|path| !path.as_os_str().is_empty());
    found.unwrap_or(Path::new(".")).to_owned()
}

/// Whether a file can be made in `directory`, tried with one without a name that stays.
fn writable(directory: &Path) -> io::Result<()> {
    let probe = directory.join(format!(".codextap-{}", std::process::id()));
    fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(&probe)?;
    fs::remove_file(probe)
}

/// Below this, captures of a few sessions fill the disk.
const LITTLE: u64 = 256 << 20;
