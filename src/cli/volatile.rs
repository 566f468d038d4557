//! Where a [tail](crate::tap::Tail) may stand: a directory of the user's own whose files are in memory.
//!
//! That is `$XDG_RUNTIME_DIR/codextap/tails`, if that directory is the user's own, or `/dev/shm/codextap-<uid>`, if it really is a tmpfs or ramfs that nobody
//! else can enter. What stands there survives the program and not the machine. Elsewhere than on Linux there is no such place.

use std::path::PathBuf;

/// A place for a new tail.
#[derive(Debug)]
pub(super) struct Place {
    /// The directory.
    pub(super) directory: PathBuf,
    /// How many bytes it may take there, so that others find room too.
    pub(super) room: u64,
}

#[cfg(target_os = "linux")]
pub(super) use linux::{directories, place};

/// The directories that tails of killed programs may be in.
#[cfg(not(target_os = "linux"))]
pub(super) fn directories() -> Vec<PathBuf> {
    Vec::new()
}

/// The best place there is.
#[cfg(not(target_os = "linux"))]
pub(super) fn place() -> Option<Place> {
    None
}

#[cfg(target_os = "linux")]
mod linux {
    use std::fs::File;
    use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
    use std::path::{Path, PathBuf};

    use rustix::fs::{OFlags, fstatfs, fstatvfs};
    use rustix::process::geteuid;

    use super::Place;
    use crate::cli::runtime::private_directory;
    use crate::config::paths;

    /// The directories that tails of killed programs may be in.
    pub(in crate::cli) fn directories() -> Vec<PathBuf> {
        let mut directories = everywhere(paths::session());
        directories.retain(|directory| open(directory).is_some());
        directories
    }

    /// The best place there is.
    pub(in crate::cli) fn place() -> Option<Place> {
        candidates(paths::session())
            .into_iter()
            .find_map(|directory| {
                private_directory(&directory).ok()?;
                let room = room(&open(&directory)?)?;
                Some(Place { directory, room })
            })
    }

    /// Where a tail may be made by a program with such a directory of the session's.
    fn candidates(session: Option<PathBuf>) -> Vec<PathBuf> {
        // Under sudo the environment may name another user's, where nothing of ours belongs.
        let session = session.filter(|directory| directory.parent().is_some_and(is_own));
        let session = session.map(|directory| directory.join(TAILS));
        let shared = Path::new(SHARED).join(format!("codextap-{}", geteuid().as_raw()));
        session.into_iter().chain([shared]).collect()
    }

    /// Where one may be that was made by a program with another environment, too.
    fn everywhere(session: Option<PathBuf>) -> Vec<PathBuf> {
        let mut directories = candidates(session);
        let login = format!("{LOGINS}/{}/codextap/{TAILS}", geteuid().as_raw()).into();
        if !directories.contains(&login) {
            directories.push(login);
        }
        directories
    }

    fn is_own(directory: &Path) -> bool {
        let owner = std::fs::metadata(directory).map(|metadata| metadata.uid());
        owner.is_ok_and(|owner| owner == geteuid().as_raw())
    }

    /// The directory, if it is ours alone and in memory.
    fn open(directory: &Path) -> Option<File> {
        let mut options = File::options();
        let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW;
        options
            .read(true)
            .custom_flags(i32::try_from(flags.bits()).ok()?);
        let file = options.open(directory).ok()?;
        let metadata = file.metadata().ok()?;
        let is_own = metadata.uid() == geteuid().as_raw() && metadata.mode() & 0o777 == 0o700;
        let kind = u32::try_from(fstatfs(&file).ok()?.f_type).ok()?;
        (is_own && [TMPFS, RAMFS].contains(&kind)).then_some(file)
    }

    /// Half of the room that is left where `directory` is.
    fn room(directory: &File) -> Option<u64> {
        let status = fstatvfs(directory).ok()?;
        let free = status.f_bavail.saturating_mul(status.f_frsize) / 2;
        // A file system without a bound says that it has no blocks at all.
        Some(if status.f_blocks == 0 { u64::MAX } else { free })
    }

    /// The directory of tails beside what else there is of a session.
    const TAILS: &str = "tails";
    /// Where `$XDG_RUNTIME_DIR` is of each user who is logged in (`pam_systemd(8)`).
    const LOGINS: &str = "/run/user";
    /// Where POSIX's shared memory is, in a file system of that kind (`shm_overview(7)`).
    const SHARED: &str = "/dev/shm";
    /// `TMPFS_MAGIC` and `RAMFS_MAGIC` (`statfs(2)`).
    const TMPFS: u32 = 0x0102_1994;
    const RAMFS: u32 = 0x8584_58f6;

    #[cfg(test)]
    mod tests {
        use std::fs;
        use std::os::unix::fs::PermissionsExt;

        use super::*;

        #[test]
        fn a_tail_is_found_whatever_the_environment() {
            let login = format!("/run/user/{}/codextap", geteuid().as_raw());
            let login = PathBuf::from(login);
            let tails = login.join("tails");
            assert!(everywhere(None).contains(&tails));
            let all = everywhere(Some(login));
            assert_eq!(all.iter().filter(|it| **it == tails).count(), 1);
        }

        #[test]
        fn no_place_is_made_in_the_session_of_another_user() {
            let session = tempfile::tempdir().unwrap();
            let made = session.path().join("codextap");
            assert_eq!(candidates(Some(made.clone()))[0], made.join("tails"));
            let other = if geteuid().is_root() {
                std::os::unix::fs::chown(session.path(), Some(1), None).unwrap();
                made
            } else {
                PathBuf::from("/codextap")
            };
            assert_eq!(candidates(Some(other)), candidates(None));
        }

        #[test]
        fn a_place_is_in_memory_and_private() {
            let mode = fs::Permissions::from_mode;
            let place = tempfile::tempdir_in(SHARED).unwrap();
            fs::set_permissions(place.path(), mode(0o700)).unwrap();
            assert!(open(place.path()).is_some());
            fs::set_permissions(place.path(), mode(0o710)).unwrap();
            assert!(open(place.path()).is_none());
            let link = tempfile::tempdir_in(SHARED).unwrap();
            let link = link.path().join("link");
            fs::set_permissions(place.path(), mode(0o700)).unwrap();
            std::os::unix::fs::symlink(place.path(), &link).unwrap();
            assert!(open(&link).is_none());
            assert!(open(Path::new("/proc/self")).is_none());
        }
    }
}
