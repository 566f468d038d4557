//! The last line of a capture whose writer was killed in the middle of it: set aside in a file of its
//! own, so that nothing is lost and what follows is whole again.

use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, ErrorKind, Read, Seek, SeekFrom};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::decode::entry;
use super::excerpt::Excerpt;
use super::read::MAX_LINE;

/// Sets the torn last line of the capture at `path` aside; gives the file that it is in now, if there
/// was one. A file that another program is writing to is left alone, and so is what is no capture.
///
/// # Errors
/// What the operating system says where the file cannot be read or written.
pub fn set_aside(path: &Path) -> io::Result<Option<PathBuf>> {
    // Whoever reads a pipe would take it for the end that somebody opens and closes it.
    if !path.metadata()?.is_file() {
        return Ok(None);
    }
    let mut file = OpenOptions::new().read(true).append(true).open(path)?;
    if file.try_lock().is_err() {
        return Ok(None);
    }
    take(&mut file, path)
}

/// The same with a file that is locked.
pub(super) fn take(file: &mut File, path: &Path) -> io::Result<Option<PathBuf>> {
    let end = file.seek(SeekFrom::End(0))?;
    let start = last_line(file, end)?;
    if start == end {
        return Ok(None);
    }
    file.seek(SeekFrom::Start(start))?;
    let mut excerpt = Excerpt::default();
    excerpt.read(&mut BufReader::with_capacity(CHUNK, &*file), MAX_LINE)?;
    let tail = excerpt.into_bytes();
    let is_ours = tail.starts_with(BEGINNING) || BEGINNING.starts_with(&tail);
    // A line that lacks no more than its line break is whole.
    if !is_ours || entry(&tail).is_ok() {
        return Ok(None);
    }
    let (aside, mut copy) = beside(path)?;
    file.seek(SeekFrom::Start(start))?;
    io::copy(&mut Read::by_ref(file).take(end - start), &mut copy)?;
    copy.sync_all()?;
    file.set_len(start)?;
    Ok(Some(aside))
}

/// A new file of mode 0600 for what was torn off `path`.
fn beside(path: &Path) -> io::Result<(PathBuf, File)> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(0o600);
    let mut number = 1_u32;
    loop {
        let mut name = path.as_os_str().to_owned();
        name.push(format!(".torn-{number}"));
        match options.open(&name) {
            Ok(file) => return Ok((name.into(), file)),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => number += 1,
            Err(error) => return Err(error),
        }
    }
}

/// Where the last line of a file begins; its end if that is after a line break.
fn last_line(file: &mut File, end: u64) -> io::Result<u64> {
    let mut chunk = vec![0; CHUNK];
    let mut at = end;
    while at > 0 {
        let start = at.saturating_sub(if at == end { 1 } else { CHUNK as u64 });
        let chunk = &mut chunk[..(at - start) as usize];
        file.seek(SeekFrom::Start(start))?;
        file.read_exact(chunk)?;
        if let Some(found) = chunk.iter().rposition(|byte| *byte == b'\n') {
            return Ok(start + found as u64 + 1);
        }
        at = start;
    }
    Ok(0)
}

/// How every line of a capture begins.
const BEGINNING: &[u8] = b"{\"v\":1,\"kind\":\"";

/// How much is read at once.
const CHUNK: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn after(text: &str) -> (String, Vec<String>) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("c.jsonl");
        fs::write(&path, text).unwrap();
        let aside = set_aside(&path).unwrap();
        let aside = aside.map(|aside| fs::read_to_string(aside).unwrap());
        (
            fs::read_to_string(&path).unwrap(),
            aside.into_iter().collect(),
        )
    }

    #[test]
    fn a_torn_line_goes_into_a_file_of_its_own() {
        for torn in ["{", "{\"v\":1,\"kind\":\"http\",\"id\":\"x", &long()] {
            for before in ["", "whole\n", "\n"] {
                let expected = (before.to_owned(), vec![torn.to_owned()]);
                assert_eq!(after(&format!("{before}{torn}")), expected);
            }
        }
    }

    #[test]
    fn what_is_whole_or_none_of_ours_stays() {
        for text in ["", "a\n", "a\nb", "{}", "{\"event\":1"] {
            assert_eq!(after(text), (text.to_owned(), Vec::new()));
        }
    }

    #[test]
    fn no_file_is_overwritten() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("c.jsonl");
        fs::write(directory.path().join("c.jsonl.torn-1"), "kept").unwrap();
        fs::write(&path, "{\"v\":1").unwrap();
        let aside = set_aside(&path).unwrap().unwrap();
        assert_eq!(aside, directory.path().join("c.jsonl.torn-2"));
    }

    /// Longer than what is read at once.
    fn long() -> String {
        format!(
            "{{\"v\":1,\"kind\":\"http\",\"id\":\"{}",
            "x".repeat(2 * CHUNK)
        )
    }
}
