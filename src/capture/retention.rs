//! Which captures of earlier runs stay, where codextap chooses their names itself.
//!
//! A capture that was renamed, or that the user named, is none of ours: only names as [`file_name`]
//! gives them are looked at. A run holds its capture by an advisory lock on a file beside it, in
//! `running/`, for as long as it lives: the lock of the capture itself is only taken for the time of a
//! write, by whichever process writes.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use super::file_name;
use crate::tap::At;

/// How much of earlier runs is kept. A capture stays as long as it is within all three.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Policy {
    /// How many captures.
    pub count: u64,
    /// How long after the last line was written.
    pub age: Duration,
    /// How many bytes together; the newest one stays whatever its size.
    pub bytes: u64,
}

/// What [`clean`] removed.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Removed {
    /// How many captures that held something.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// A capture in its directory.
struct Found {
    path: PathBuf,
    bytes: u64,
    age: Duration,
}

/// Removes captures that `policy` does not keep, the oldest first, and empty ones, which runs that were
/// killed leave behind. Those that a living process holds stay, and count.
///
/// A capture that cannot be removed stays: the next run tries again.
#[must_use]
pub fn clean(directory: &Path, policy: &Policy, now: At) -> Removed {
    let mut found = captures(directory, now);
    // The names are dates.
    found.sort_by(|a, b| b.path.cmp(&a.path));
    let (mut count, mut bytes) = (0, 0);
    found.retain(|capture| {
        if capture.bytes == 0 {
            return true;
        }
        count += 1;
        bytes += capture.bytes;
        let is_too_much = bytes > policy.bytes && count > 1;
        count > policy.count || is_too_much || capture.age > policy.age
    });
    let mut removed = Removed::default();
    for Found { path, bytes, .. } in found.into_iter().rev() {
        if !is_held(directory, &path) && fs::remove_file(&path).is_ok() && bytes > 0 {
            removed.files += 1;
            removed.bytes += bytes;
        }
    }
    removed
}

/// The captures in `directory` whose names are ours.
fn captures(directory: &Path, now: At) -> Vec<Found> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    entries
        .filter(|entry| entry.file_name().to_str().is_some_and(is_own_name))
        .filter_map(|entry| {
            // Not followed: a link leads to what somebody else keeps.
            let metadata = entry.metadata().ok().filter(fs::Metadata::is_file)?;
            let written = metadata.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
            Some(Found {
                path: entry.path(),
                bytes: metadata.len(),
                age: now.since(At::default().plus(written)),
            })
        })
        .collect()
}

/// Whether [`Hold::new`] gives such names: `2026-01-31T18-05-09Z.jsonl`, with `-2` and so on before
/// the ending where several runs began within a second.
fn is_own_name(name: &str) -> bool {
    let Some((date, rest)) = name.split_at_checked(DATE.len()) else {
        return false;
    };
    let is_date = date.bytes().zip(DATE.bytes()).all(|(byte, like)| {
        if like == b'0' {
            byte.is_ascii_digit()
        } else {
            byte == like
        }
    });
    let number = rest.strip_suffix(".jsonl");
    let is_number = |number: &str| {
        let digits = number.strip_prefix('-').unwrap_or_default();
        !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
    };
    is_date && number.is_some_and(|number| number.is_empty() || is_number(number))
}

/// The shape of a name's date.
const DATE: &str = "0000-00-00T00-00-00Z";

/// Keeps a capture from being removed by other processes, as long as it is not dropped.
#[derive(Debug)]
pub struct Hold {
    path: PathBuf,
    /// Keeps the lock, which goes with the process in any case.
    _file: File,
}

impl Hold {
    /// Chooses the name of a capture in `directory` that begins at `at`, and holds it: no other run has
    /// it. Makes the directory (0700) where it is missing.
    ///
    /// # Errors
    /// When nothing can be written there.
    pub fn new(directory: &Path, at: At) -> io::Result<(PathBuf, Self)> {
        let name = file_name(at);
        let stem = name.strip_suffix(".jsonl").unwrap_or(&name);
        for number in 1..MOST {
            let path = match number {
                1 => directory.join(&name),
                _ => directory.join(format!("{stem}-{number}.jsonl")),
            };
            if let Some(hold) = Self::of(directory, &path)?
                && !path.exists()
            {
                return Ok((path, hold));
            }
        }
        Err(io::ErrorKind::AlreadyExists.into())
    }

    /// Holds `capture`; `None` if another process does.
    fn of(directory: &Path, capture: &Path) -> io::Result<Option<Self>> {
        let path = beside(directory, capture);
        if let Some(parent) = path.parent() {
            DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(parent)?;
        }
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false).mode(0o600);
        let file = options.open(&path)?;
        match file.try_lock() {
            // Whoever held it before may have removed the name meanwhile.
            Ok(()) if is_at(&path, &file) => Ok(Some(Self { path, _file: file })),
            Ok(()) | Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        // A file that stays misleads nobody: its lock is free.
        let _ = fs::remove_file(&self.path);
    }
}

/// Whether a process that lives holds `capture`. Where that cannot be told, it does.
fn is_held(directory: &Path, capture: &Path) -> bool {
    let path = beside(directory, capture);
    match File::open(&path) {
        Ok(file) => {
            let is_held = file.try_lock().is_err();
            if !is_held {
                // Left by a process that was killed.
                let _ = fs::remove_file(&path);
            }
            is_held
        }
        Err(error) => error.kind() != io::ErrorKind::NotFound,
    }
}

/// The file whose lock holds `capture`.
fn beside(directory: &Path, capture: &Path) -> PathBuf {
    let name = capture.file_name().unwrap_or_default();
    let mut name = name.to_owned();
    name.push(".hold");
    directory.join("running").join(name)
}

/// Whether `path` still names `file`.
pub(super) fn is_at(path: &Path, file: &File) -> bool {
    let identity = |metadata: fs::Metadata| (metadata.dev(), metadata.ino());
    match (fs::metadata(path), file.metadata()) {
        (Ok(named), Ok(open)) => identity(named) == identity(open),
        _ => false,
    }
}

/// Removes a capture that is empty still.
pub(super) fn remove_empty(path: &Path) {
    let Ok(file) = File::open(path) else {
        return;
    };
    let is_empty = |file: &File| {
        let metadata = file.metadata();
        metadata.is_ok_and(|metadata| metadata.is_file() && metadata.len() == 0)
    };
    // Whoever waits for the lock to write looks again which file the name means.
    if file.try_lock().is_ok() && is_empty(&file) && is_at(path, &file) {
        let _ = fs::remove_file(path);
    }
}

/// How many runs may begin within a second.
const MOST: u32 = 10_000;

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_hours(24);
    const ALL: Policy = Policy {
        count: u64::MAX,
        age: Duration::MAX,
        bytes: u64::MAX,
    };

    /// A directory with captures of these days of January, 100 bytes each; the moment is the 31st.
    fn state(days: &[u64]) -> (tempfile::TempDir, At) {
        let directory = tempfile::tempdir().unwrap();
        for day in days {
            let path = directory
                .path()
                .join(format!("2026-01-{day:02}T10-00-00Z.jsonl"));
            fs::write(&path, [b'x'; 100]).unwrap();
            let written = UNIX_EPOCH + JANUARY + DAY * (*day as u32);
            let file = File::options().write(true).open(&path).unwrap();
            file.set_modified(written).unwrap();
        }
        (directory, At::default().plus(JANUARY + DAY * 31))
    }

    /// From the epoch to the day before the first of January 2026, at ten.
    const JANUARY: Duration = Duration::from_secs(1_767_175_200);

    fn names(directory: &tempfile::TempDir) -> Vec<String> {
        let entries = fs::read_dir(directory.path()).unwrap().flatten();
        let names = entries.map(|entry| entry.file_name().into_string().unwrap());
        let mut names: Vec<String> = names.filter(|name| name != "running").collect();
        names.sort();
        names
    }

    #[test]
    fn the_oldest_go_first_by_count_by_age_and_by_size() {
        let keeps = |policy: Policy| {
            let (directory, now) = state(&[1, 10, 20, 30]);
            let removed = clean(directory.path(), &policy, now);
            assert_eq!(removed.bytes, removed.files * 100);
            let left = names(&directory);
            assert_eq!(left.len() as u64, 4 - removed.files);
            left.iter().map(|name| name[8..10].to_owned()).collect()
        };
        let kept: Vec<String> = keeps(ALL);
        assert_eq!(kept, ["01", "10", "20", "30"]);
        let kept: Vec<String> = keeps(Policy { count: 2, ..ALL });
        assert_eq!(kept, ["20", "30"]);
        let kept: Vec<String> = keeps(Policy {
            age: DAY * 21,
            ..ALL
        });
        assert_eq!(kept, ["10", "20", "30"]);
        let kept: Vec<String> = keeps(Policy { bytes: 399, ..ALL });
        assert_eq!(kept, ["10", "20", "30"]);
        let kept: Vec<String> = keeps(Policy { bytes: 50, ..ALL });
        assert_eq!(kept, ["30"], "the newest stays");
        let kept: Vec<String> = keeps(Policy { count: 0, ..ALL });
        assert_eq!(kept.len(), 0);
    }

    #[test]
    fn only_what_bears_a_name_of_ours_is_touched() {
        let (directory, now) = state(&[1]);
        let others = [
            "2026-01-01T10-00-00Z-keep.jsonl",
            "2026-01-01T10-00-00Z-.jsonl",
            "2026-01-01T10-00-00Z.jsonl.gz",
            "2026-01-01.jsonl",
            "starred.jsonl",
            "token",
        ];
        for name in others {
            fs::write(directory.path().join(name), "x").unwrap();
        }
        let link = "2026-01-02T10-00-00Z.jsonl";
        let target = directory.path().join("starred.jsonl");
        std::os::unix::fs::symlink(target, directory.path().join(link)).unwrap();
        fs::write(directory.path().join("2026-01-01T10-00-00Z-2.jsonl"), "").unwrap();
        let removed = clean(directory.path(), &Policy { count: 0, ..ALL }, now);
        let expected = Removed {
            files: 1,
            bytes: 100,
        };
        assert_eq!(removed, expected, "an empty one is not worth a word");
        let mut left = others.map(str::to_owned).to_vec();
        left.push(link.to_owned());
        left.sort();
        assert_eq!(names(&directory), left);
    }

    #[test]
    fn what_is_held_stays_until_it_is_let_go() {
        let (directory, now) = state(&[]);
        let (path, hold) = Hold::new(directory.path(), now).unwrap();
        let (other, second) = Hold::new(directory.path(), now).unwrap();
        assert_ne!(path, other, "each run has its own");
        fs::write(&path, "line\n").unwrap();
        fs::write(&other, "").unwrap();
        let none = Policy { count: 0, ..ALL };
        assert_eq!(clean(directory.path(), &none, now), Removed::default());
        assert_eq!(names(&directory).len(), 2);
        drop((hold, second));
        assert_eq!(clean(directory.path(), &none, now).files, 1);
        assert_eq!(names(&directory).len(), 0);
    }

    #[test]
    fn a_run_never_goes_on_in_the_file_of_another() {
        let (directory, now) = state(&[]);
        let (path, hold) = Hold::new(directory.path(), now).unwrap();
        fs::write(&path, "line\n").unwrap();
        drop(hold);
        let (other, _hold) = Hold::new(directory.path(), now).unwrap();
        assert_ne!(path, other);
        assert!(is_own_name(other.file_name().unwrap().to_str().unwrap()));
    }
}
