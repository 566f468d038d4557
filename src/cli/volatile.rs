//! Where a [tail](crate::tap::Tail) may stand: a directory of the user's own whose files are in memory.
//!
//! That is `$XDG_RUNTIME_DIR/codextap/tails`, or `/dev/shm/codextap-<uid>`, if it really is a tmpfs or ramfs that nobody
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
        let mut directories = candidates();
        directories.retain(|directory| open(directory).is_some());
        directories
    }

    /// The best place there is.
    pub(in crate::cli) fn place() -> Option<Place> {
        candidates().into_iter().find_map(|directory| {
            private_directory(&directory).ok()?;
            let room = room(&open(&directory)?)?;
            Some(Place { directory, room })
        })
    }

    fn candidates() -> Vec<PathBuf> {
        let session = paths::session().map(|directory| directory.join("tails"));
        let shared = Path::new(SHARED).join(format!("codextap-{}", geteuid().as_raw()));
        session.into_iter().chain([shared]).collect()
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
