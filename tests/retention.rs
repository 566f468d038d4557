//! Which captures a run leaves behind, and which of earlier runs it removes.

#[cfg(test)]
mod support {
    pub(crate) mod recorder;
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::{Path, PathBuf};
    use std::thread;

    use serde_json::Value;
    use tempfile::TempDir;

    use crate::support::recorder::{Recorder, echo, send};

    /// The captures in the state directory of `home`.
    fn captures(home: &Path) -> Vec<PathBuf> {
        let state = fs::read_dir(home.join(".local/state/codextap")).unwrap();
        let paths = state.map(|entry| entry.unwrap().path());
        let mut captures: Vec<PathBuf> = paths
            .filter(|path| path.extension().is_some_and(|ending| ending == "jsonl"))
            .collect();
        captures.sort();
        captures
    }

    #[test]
    fn a_run_removes_captures_of_runs_that_are_over_and_says_so() {
        let home = TempDir::new().unwrap();
        let upstream = echo();
        let first = Recorder::start(home.path(), &["--api-upstream", &upstream]);
        send(first.address, "first", 1, "");
        first.line();
        let capture = captures(home.path()).remove(0);

        let none = ["--keep-count", "0", "--api-upstream", &upstream];
        let second = Recorder::start(home.path(), &none);
        assert!(capture.exists(), "its recorder lives");
        first.kill();
        let kept = capture.with_file_name("starred.jsonl");
        fs::copy(&capture, &kept).unwrap();

        let third = Recorder::start(home.path(), &none);
        third.says("removed 1 old capture (");
        // Its name may be in use again: a second is long.
        assert_eq!(fs::read(&capture).unwrap_or_default(), b"");
        for recorder in [second, third] {
            let (status, _, err) = recorder.end();
            assert_eq!((status.code(), err.as_str()), (Some(0), ""));
        }
        assert_eq!(
            captures(home.path()),
            [kept],
            "runs without traffic leave nothing"
        );
        let running = fs::read_dir(home.path().join(".local/state/codextap/running")).unwrap();
        let is_hold = |path: &Path| path.extension().is_some_and(|ending| ending == "hold");
        let holds = running.filter(|entry| is_hold(&entry.as_ref().unwrap().path()));
        assert_eq!(holds.count(), 0);
    }

    #[test]
    fn only_a_run_that_writes_to_the_state_directory_removes_anything() {
        let home = TempDir::new().unwrap();
        let state = home.path().join(".local/state/codextap");
        fs::create_dir_all(&state).unwrap();
        let old = state.join("2020-01-01T00-00-00Z.jsonl");
        fs::write(&old, "{}\n").unwrap();
        fs::File::options()
            .write(true)
            .open(&old)
            .unwrap()
            .set_modified(std::time::UNIX_EPOCH + std::time::Duration::from_hours(24 * 365 * 50))
            .unwrap();
        let recorder = Recorder::start(home.path(), &["--capture", "none"]);
        recorder.end();
        assert!(old.exists(), "nothing goes to the state directory");
        let recorder = Recorder::start(home.path(), &[]);
        recorder.says("removed 1 old capture (3 B)");
        assert!(!old.exists());
        recorder.end();
    }

    #[test]
    fn a_named_capture_without_traffic_is_not_left_behind_but_one_that_was_there_is() {
        let home = TempDir::new().unwrap();
        let (new, old) = (home.path().join("new.jsonl"), home.path().join("old.jsonl"));
        fs::write(&old, "").unwrap();
        for name in ["new.jsonl", "old.jsonl"] {
            let (status, _, err) = Recorder::start(home.path(), &["--capture", name]).end();
            assert_eq!((status.code(), err.as_str()), (Some(0), ""));
        }
        assert!(!new.exists() && old.exists());
    }

    #[test]
    fn two_processes_write_twenty_thousand_lines_into_one_file() {
        const FLOWS: usize = 10_000;
        let home = TempDir::new().unwrap();
        let upstream = echo();
        let arguments = ["--capture", "shared.jsonl", "--api-upstream", &upstream];
        let names = ["first", "second"];
        let recorders = names.map(|name| (name, Recorder::start(home.path(), &arguments)));
        thread::scope(|scope| {
            for (name, recorder) in &recorders {
                let address = recorder.address;
                scope.spawn(move || send(address, name, FLOWS, ""));
            }
        });
        for (_, recorder) in recorders {
            let (status, _, err) = recorder.end();
            assert_eq!((status.code(), err.as_str()), (Some(0), ""));
        }
        let text = fs::read_to_string(home.path().join("shared.jsonl")).unwrap();
        assert!(text.ends_with('\n'));
        assert_eq!(text.lines().count(), 2 * FLOWS);
        let mut numbers = names.map(|name| (format!("/v1/{name}/"), 0));
        for line in text.lines() {
            let line: Value = serde_json::from_str(line).unwrap();
            let path = line["request"]["path"].as_str().unwrap();
            let (prefix, number) = numbers
                .iter_mut()
                .find(|(prefix, _)| path.starts_with(prefix.as_str()))
                .unwrap();
            assert_eq!(path, format!("{prefix}{number}"), "out of order");
            *number += 1;
        }
    }
}
