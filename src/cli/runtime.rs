//! Where a running codextap can be found by another one.
//!
//! Each listening codextap keeps a small file `<port>.addr` in its state directory, with its
//! address in it and, on a second line, the token it asks for. It holds a lock on it: a file whose
//! lock can be taken belongs to a process that is gone, whatever it says.
//!
//! Only its owner can read the file, and the directory. Who can read them all the same can read
//! Codex's own login beside them, which is what the token protects.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};

use crate::proxy::Token;

/// A codextap that listens, as those on this machine see it.
#[derive(Clone, Debug)]
pub(super) struct Running {
    /// The address it listens on.
    pub(super) address: SocketAddr,
    /// What each request must show.
    pub(super) token: Option<Token>,
}

impl Running {
    /// The address to reach it at: a wildcard is none, but includes loopback.
    #[must_use]
    pub(super) fn reachable(&self) -> SocketAddr {
        let mut address = self.address;
        match address.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => address.set_ip(Ipv4Addr::LOCALHOST.into()),
            IpAddr::V6(ip) if ip.is_unspecified() => address.set_ip(Ipv6Addr::LOCALHOST.into()),
            _ => {}
        }
        address
    }

    /// The URL that paths come behind, the token included.
    #[must_use]
    pub(super) fn url(&self) -> String {
        self.url_with(self.token.as_ref().map(Token::as_str))
    }

    /// The same for other eyes.
    #[must_use]
    pub(super) fn shown(&self) -> String {
        self.url_with(self.token.as_ref().map(|_| "TOKEN"))
    }

    fn url_with(&self, token: Option<&str>) -> String {
        let address = self.reachable();
        match token {
            Some(token) => format!("http://{address}/{token}"),
            None => format!("http://{address}"),
        }
    }
}

/// Says that this process listens, as long as it is kept.
#[derive(Debug)]
pub(super) struct Announcement {
    path: PathBuf,
    /// Keeps the lock.
    _file: File,
}

impl Announcement {
    /// Announces that this process is `running`.
    ///
    /// # Errors
    /// When the file cannot be written in `directory`.
    pub(super) fn new(directory: &Path, running: &Running) -> io::Result<Self> {
        private_directory(directory)?;
        let Running { address, token } = running;
        let path = directory.join(format!("{}.addr", address.port()));
        let mut file = options()
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)?;
        file.try_lock().map_err(|error| match error {
            TryLockError::Error(error) => error,
            TryLockError::WouldBlock => io::ErrorKind::WouldBlock.into(),
        })?;
        file.set_len(0)?;
        #[cfg(unix)]
        file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
        let token = token.as_ref().map_or("", Token::as_str);
        // At once: no other one reads the half of it.
        file.write_all(format!("{address}\n{token}\n").as_bytes())?;
        Ok(Self { path, _file: file })
    }
}

impl Drop for Announcement {
    fn drop(&mut self) {
        // The lock goes with the process in any case, so a file that stays misleads nobody.
        let _ = fs::remove_file(&self.path);
    }
}

/// A running codextap: the one on `preferred`'s port if it runs, else any.
#[must_use]
pub(super) fn find(directory: &Path, preferred: SocketAddr) -> Option<Running> {
    let mut found: Vec<Running> = fs::read_dir(directory)
        .into_iter()
        .flatten()
        .flatten()
        .filter(|entry| {
            entry
                .path()
                .extension()
                .is_some_and(|extension| extension == "addr")
        })
        .filter_map(|entry| alive(&entry.path()))
        .collect();
    found.sort_by_key(|running| {
        let port = running.address.port();
        (port != preferred.port(), port)
    });
    found.into_iter().next()
}

/// What `path` says, if the process that wrote it still holds its lock.
fn alive(path: &Path) -> Option<Running> {
    let mut file = options().read(true).open(path).ok()?;
    if !matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)) {
        return None;
    }
    let mut text = String::new();
    file.read_to_string(&mut text).ok()?;
    let mut lines = text.lines();
    let address = lines.next()?.parse().ok()?;
    let token = match lines.next().unwrap_or_default() {
        "" => None,
        token => Some(token.parse().ok()?),
    };
    Some(Running { address, token })
}

/// Makes a directory that only its owner can enter, unless it is there.
pub(super) fn private_directory(directory: &Path) -> io::Result<()> {
    let mut private = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut private, 0o700);
    private.recursive(true).create(directory)
}

fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn only_a_process_that_lives_is_found() {
        let directory = tempfile::tempdir().unwrap();
        let address: SocketAddr = "127.0.0.1:8787".parse().unwrap();
        let other: SocketAddr = "0.0.0.0:9000".parse().unwrap();
        let find = |directory, preferred| find(directory, preferred).map(|found| found.url());
        assert_eq!(find(directory.path(), address), None);

        fs::write(directory.path().join("8787.addr"), "127.0.0.1:8787").unwrap();
        assert_eq!(
            find(directory.path(), address),
            None,
            "left by a process that is gone"
        );

        let path = directory.path().join("9000.addr");
        fs::write(&path, "left by another one, and readable by all").unwrap();
        fs::set_permissions(&path, PermissionsExt::from_mode(0o644)).unwrap();
        let open = Running {
            address,
            token: None,
        };
        let guarded = Running {
            address: other,
            token: "open-sesame-0123456789".parse().ok(),
        };
        let announcement = Announcement::new(directory.path(), &open).unwrap();
        let second = Announcement::new(directory.path(), &guarded).unwrap();
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let plain = Some("http://127.0.0.1:8787".to_owned());
        let with_token = Some("http://127.0.0.1:9000/open-sesame-0123456789".to_owned());
        assert_eq!(guarded.shown(), "http://127.0.0.1:9000/TOKEN");
        assert_eq!(find(directory.path(), address), plain);
        assert_eq!(find(directory.path(), other), with_token);
        drop(announcement);
        assert_eq!(find(directory.path(), address), with_token);
        drop(second);
        assert_eq!(find(directory.path(), address), None);
    }
}
