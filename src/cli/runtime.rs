//! Where a running codextap can be found by another one.
//!
//! Each listening codextap keeps a small file `<port>.addr` in its state directory, with its
//! address in it, and holds a lock on it. A file whose lock can be taken belongs to a process that
//! is gone, whatever it says.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// Says that this process listens, as long as it is kept.
#[derive(Debug)]
pub(super) struct Announcement {
    path: PathBuf,
    /// Keeps the lock.
    _file: File,
}

impl Announcement {
    /// Announces that this process listens on `address`.
    ///
    /// # Errors
    /// When the file cannot be written in `directory`.
    pub(super) fn new(directory: &Path, address: SocketAddr) -> io::Result<Self> {
        let mut private = fs::DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut private, 0o700);
        private.recursive(true).create(directory)?;
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
        write!(file, "{address}")?;
        Ok(Self { path, _file: file })
    }
}

impl Drop for Announcement {
    fn drop(&mut self) {
        // The lock goes with the process in any case, so a file that stays misleads nobody.
        let _ = fs::remove_file(&self.path);
    }
}

/// The address of a running codextap: of the one on `preferred`'s port if it runs, else of any.
#[must_use]
pub(super) fn find(directory: &Path, preferred: SocketAddr) -> Option<SocketAddr> {
    let mut found: Vec<SocketAddr> = fs::read_dir(directory)
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
    found.sort_by_key(|address| (address.port() != preferred.port(), address.port()));
    found.first().copied()
}

/// The address in `path`, if the process that wrote it still holds its lock.
fn alive(path: &Path) -> Option<SocketAddr> {
    let mut file = options().read(true).open(path).ok()?;
    if !matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)) {
        return None;
    }
    let mut text = String::new();
    file.read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_process_that_lives_is_found() {
        let directory = tempfile::tempdir().unwrap();
        let address: SocketAddr = "127.0.0.1:8787".parse().unwrap();
        let other: SocketAddr = "127.0.0.1:9000".parse().unwrap();
        assert_eq!(find(directory.path(), address), None);

        fs::write(directory.path().join("8787.addr"), "127.0.0.1:8787").unwrap();
        assert_eq!(
            find(directory.path(), address),
            None,
            "left by a process that is gone"
        );

        let announcement = Announcement::new(directory.path(), address).unwrap();
        let second = Announcement::new(directory.path(), other).unwrap();
        assert_eq!(find(directory.path(), address), Some(address));
        assert_eq!(find(directory.path(), other), Some(other));
        drop(announcement);
        assert_eq!(find(directory.path(), address), Some(other));
        drop(second);
        assert_eq!(find(directory.path(), address), None);
    }
}
