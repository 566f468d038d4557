//! Where a command's result goes: the standard output, or a file that appears as a whole or not at all. What is there
//! already and is no file, as a pipe or a device, is written as it is; behind a symbolic link stands what it leads to.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, ErrorKind, Write};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::error::Error;
use crate::capture::{Existing, create_beside, put};

/// Prints a result that is there as a whole.
pub(super) fn print(text: String) -> Result<(), Error> {
    let mut output = Output::standard();
    output.write(&mut text.into_bytes())?;
    output.finish()
}

/// A result that is being written.
pub(super) enum Output {
    /// To the standard output.
    Standard(BufWriter<io::Stdout>),
    /// To a file of mode 0600, under another name until it is whole.
    File {
        out: BufWriter<File>,
        path: PathBuf,
        /// The path without symbolic links.
        target: PathBuf,
        temporary: PathBuf,
        existing: Existing,
    },
    /// To what is no file: a pipe, a device.
    Special { out: BufWriter<File>, path: PathBuf },
    /// Whoever read it has read enough.
    Gone,
}

impl Output {
    /// The standard output.
    pub(super) fn standard() -> Self {
        Self::Standard(BufWriter::with_capacity(BUFFER, io::stdout()))
    }

    /// Opens it; without a path or with `-`, the standard output. None of `inputs` may be written over: a
    /// capture may be the only copy of what it has, and another program may still add to it.
    pub(super) fn open(
        path: Option<&Path>,
        inputs: &[PathBuf],
        existing: Existing,
    ) -> Result<Self, Error> {
        let Some(path) = path.filter(|path| *path != Path::new("-")) else {
            return Ok(Self::standard());
        };
        let there = fs::metadata(path);
        if path.file_name().is_none() || there.as_ref().is_ok_and(fs::Metadata::is_dir) {
            return Err(failed(path, "it is a directory"));
        }
        if there.as_ref().is_ok_and(|there| !there.is_file()) {
            let file = OpenOptions::new().write(true).open(path);
            return Ok(Self::Special {
                out: BufWriter::with_capacity(BUFFER, file.map_err(|error| failed(path, error))?),
                path: path.to_owned(),
            });
        }
        let is_same = |input: &PathBuf| {
            let identity = |path: &Path| fs::metadata(path).map(|file| (file.dev(), file.ino()));
            matches!((identity(path), identity(input)), (Ok(one), Ok(other)) if one == other)
        };
        if inputs.iter().any(is_same) {
            return Err(failed(path, "it is read; name another file"));
        }
        if there.is_ok() && existing == Existing::Keep {
            return Err(exists(path));
        }
        let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let (file, temporary) = create_beside(&target).map_err(|error| failed(path, error))?;
        Ok(Self::File {
            out: BufWriter::with_capacity(BUFFER, file),
            path: path.to_owned(),
            target,
            temporary,
            existing,
        })
    }

    /// Whether nobody reads any more.
    pub(super) fn is_gone(&self) -> bool {
        matches!(self, Self::Gone)
    }

    /// Writes the bytes and empties them.
    pub(super) fn write(&mut self, bytes: &mut Vec<u8>) -> Result<(), Error> {
        let written = match self {
            Self::Standard(out) => out.write_all(bytes),
            Self::File { out, .. } | Self::Special { out, .. } => out.write_all(bytes),
            Self::Gone => Ok(()),
        };
        bytes.clear();
        self.judge(written)
    }

    /// Writes what is waiting, and gives a file its name.
    pub(super) fn finish(mut self) -> Result<(), Error> {
        let mut is_there = false;
        let written = match &mut self {
            Self::Standard(out) => out.flush(),
            Self::Special { out, .. } => out.flush(),
            Self::File {
                out,
                target,
                temporary,
                existing,
                ..
            } => {
                let synced = out.flush().and_then(|()| out.get_ref().sync_all());
                let put = synced.and_then(|()| put(temporary, target, *existing));
                let why = put.as_ref().err().map(io::Error::kind);
                is_there = why == Some(ErrorKind::AlreadyExists);
                put
            }
            Self::Gone => Ok(()),
        };
        match &self {
            Self::File { path, .. } if is_there => Err(exists(path)),
            _ => self.judge(written),
        }
    }

    fn judge(&mut self, written: io::Result<()>) -> Result<(), Error> {
        match (written, &*self) {
            (Ok(()), _) => Ok(()),
            (Err(error), Self::Standard(_) | Self::Special { .. })
                if error.kind() == ErrorKind::BrokenPipe =>
            {
                *self = Self::Gone;
                Ok(())
            }
            (Err(error), Self::File { path, .. } | Self::Special { path, .. }) => {
                Err(failed(path, error))
            }
            (Err(error), _) => Err(failed(Path::new("standard output"), error)),
        }
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        if let Self::File { temporary, .. } = self {
            // Gone already where the file is whole.
            let _ = fs::remove_file(temporary);
        }
    }
}

fn exists(path: &Path) -> Error {
    failed(path, "it exists").hint("--force writes over it")
}

fn failed(path: &Path, why: impl std::fmt::Display) -> Error {
    Error::new(format!("cannot write {}: {why}", path.display()))
}

/// Bytes that are written at once.
const BUFFER: usize = 256 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_of_a_process_with_the_same_id_does_not_matter() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("out");
        let left = Output::open(Some(&path), &[], Existing::Keep).unwrap();
        let mut output = Output::open(Some(&path), &[], Existing::Keep).unwrap();
        output.write(&mut b"whole".to_vec()).unwrap();
        output.finish().unwrap();
        drop(left);
        assert_eq!(fs::read(&path).unwrap(), b"whole");
    }

    #[test]
    fn what_came_meanwhile_is_not_written_over() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("out");
        let output = Output::open(Some(&path), &[], Existing::Keep).unwrap();
        fs::write(&path, "of another").unwrap();
        let error = output.finish().unwrap_err();
        assert_eq!(error.parts().1, Some("--force writes over it"));
        assert_eq!(fs::read(&path).unwrap(), b"of another");
        let names = fs::read_dir(home.path()).unwrap();
        assert_eq!(names.count(), 1, "nothing is left beside it");
    }

    #[test]
    fn what_is_read_is_not_written_over() {
        let home = tempfile::tempdir().unwrap();
        let (input, link) = (home.path().join("in"), home.path().join("link"));
        fs::write(&input, "all there is").unwrap();
        std::os::unix::fs::symlink(&input, &link).unwrap();
        for path in [&input, &link] {
            let inputs = ["elsewhere".into(), input.clone()];
            let error = Output::open(Some(path), &inputs, Existing::Replace).err();
            let error = error.unwrap().to_string();
            assert!(error.ends_with("it is read; name another file"), "{error}");
        }
        assert_eq!(fs::read(&input).unwrap(), b"all there is");
    }
}
