//! Disks that are full, slow or taken away: Codex notices nothing, and no line is lost in silence.

#[cfg(test)]
mod support {
    #[expect(dead_code, reason = "other tests use the rest")]
    pub(crate) mod recorder;
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use std::fs::{self, File};
    use std::io::{BufRead, BufReader};
    use std::path::{Path, PathBuf};
    use std::process::Command;
    use std::thread;

    use rustix::process::{Pid, Resource, Rlimit, prlimit};
    use serde_json::Value;
    use tempfile::TempDir;

    use crate::support::recorder::{Recorder, echo, send};

    /// A recorder into `capture.jsonl`, with one flow in the file.
    fn recorder(home: &TempDir, arguments: &[&str]) -> (Recorder, PathBuf) {
        let upstream = echo();
        let mut all = vec!["--capture", "capture.jsonl", "--api-upstream", &upstream];
        all.extend(arguments);
        let recorder = Recorder::start(home.path(), &all);
        send(recorder.address, "before", 1, "");
        let capture = home.path().join("capture.jsonl");
        has(&capture, 1);
        (recorder, capture)
    }

    /// Waits until the file has so many lines.
    fn has(path: &Path, lines: usize) {
        while fs::read_to_string(path).unwrap_or_default().lines().count() < lines {
            thread::yield_now();
        }
    }

    /// The paths of all requests in a capture, each line of which must be whole.
    fn paths(capture: &Path) -> Vec<String> {
        let text = fs::read_to_string(capture).unwrap();
        assert!(text.is_empty() || text.ends_with('\n'), "a torn line");
        let paths = text.lines().map(|line| {
            let line: Value = serde_json::from_str(line).unwrap();
            line["request"]["path"].as_str().unwrap().to_owned()
        });
        paths.collect()
    }

    /// Bounds the size of the process's files, as a full disk does.
    fn limit(recorder: &Recorder, bytes: Option<u64>) {
        let limit = Rlimit {
            current: bytes,
            maximum: None,
        };
        let process = Pid::from_raw(recorder.id().try_into().unwrap());
        prlimit(process, Resource::Fsize, limit).unwrap();
    }

    #[test]
    fn a_full_disk_fails_no_request_and_loses_no_line() {
        let home = TempDir::new().unwrap();
        let (recorder, capture) = recorder(&home, &[]);
        // There is room for a part of the next line.
        limit(&recorder, Some(fs::metadata(&capture).unwrap().len() + 100));
        send(recorder.address, "full", 3, "");
        recorder.says("cannot write capture.jsonl: File too large");
        assert_eq!(
            paths(&capture).len(),
            1,
            "a line is written whole or not at all"
        );
        limit(&recorder, None);
        recorder.says("capture.jsonl is written again");
        has(&capture, 4);
        let (status, _, err) = recorder.end();
        assert_eq!((status.code(), err.as_str()), (Some(0), ""));
        let expected = ["/v1/before/0", "/v1/full/0", "/v1/full/1", "/v1/full/2"];
        assert_eq!(paths(&capture), expected);
    }

    #[test]
    fn a_body_that_never_fits_holds_up_no_line_behind_it() {
        let home = TempDir::new().unwrap();
        let (recorder, capture) = recorder(&home, &[]);
        // There is room for what of the two bodies is in memory.
        limit(&recorder, Some(20 << 20));
        send(recorder.address, "long", 1, &"x".repeat(11 << 20));
        send(recorder.address, "small", 2, "");
        has(&capture, 4);
        let text = fs::read_to_string(&capture).unwrap();
        let line: Value = serde_json::from_str(text.lines().nth(1).unwrap()).unwrap();
        assert_eq!(line["request"]["path"], "/v1/long/0");
        for message in ["request", "response"] {
            let kept = line[message]["body"].as_str().unwrap().len() as u64;
            let missed = line[message]["missed"].as_u64().unwrap();
            assert_eq!(kept + missed, 11 << 20);
        }
        let (status, _, err) = recorder.end();
        assert_eq!((status.code(), err.as_str()), (Some(0), ""));
    }

    #[test]
    fn what_no_longer_fits_into_memory_is_named_with_its_size() {
        let home = TempDir::new().unwrap();
        let (recorder, capture) = recorder(&home, &["--memory", "16MiB"]);
        limit(&recorder, Some(fs::metadata(&capture).unwrap().len()));
        // Each flow has its body twice.
        send(recorder.address, "large", 8, &"x".repeat(1 << 20));
        recorder.says("is given up");
        limit(&recorder, None);
        recorder.says("capture.jsonl is written again");
        let (status, _, err) = recorder.end();
        assert_eq!(status.code(), Some(1), "{err}");
        let kept = paths(&capture);
        assert!(kept.len() > 1 && kept.len() < 9, "{kept:?}");
        let lost = 9 - kept.len();
        assert!(err.contains(&format!("{lost} flows of ")), "{err}");
        let text = fs::read_to_string(&capture).unwrap();
        let first: Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
        let (run, _) = first["id"].as_str().unwrap().split_once('-').unwrap();
        assert_eq!(err.matches(run).count(), lost, "each by its id: {err}");
    }

    #[test]
    fn a_disk_that_is_full_to_the_end_has_every_missing_flow_named() {
        let home = TempDir::new().unwrap();
        let (recorder, capture) = recorder(&home, &["--memory", "16MiB"]);
        limit(&recorder, Some(fs::metadata(&capture).unwrap().len()));
        let body = "x".repeat(256 << 10);
        for number in 0..24 {
            send(recorder.address, &format!("large{number}"), 1, &body);
        }
        let first = recorder.says("is given up");
        let (status, _, err) = recorder.end();
        assert_eq!(status.code(), Some(1), "{err}");
        assert_eq!(paths(&capture).len(), 1);
        let text = fs::read_to_string(&capture).unwrap();
        let line: Value = serde_json::from_str(&text).unwrap();
        let (run, _) = line["id"].as_str().unwrap().split_once('-').unwrap();
        let err = format!("{first}\n{err}");
        let named = |what: &str| err.lines().filter(|line| line.contains(what)).count();
        let (lost, waiting) = (named(" bytes is given up"), named(" is not in the file"));
        assert!(lost > 0 && waiting > 0, "{err}");
        assert_eq!(lost + waiting, 24, "{err}");
        for number in 2..26 {
            assert_eq!(named(&format!("flow {run}-{number} ")), 1, "{err}");
        }
        assert!(err.contains(&format!("{lost} flows of ")), "{err}");
        assert!(err.contains("1 flows are in the file"), "{err}");
    }

    #[test]
    fn a_file_that_is_renamed_truncated_or_removed_with_its_directory_is_begun_anew() {
        let home = TempDir::new().unwrap();
        let upstream = echo();
        let capture = home.path().join("captures/capture.jsonl");
        let file = capture.to_str().unwrap();
        let arguments = ["--capture", file, "--api-upstream", &upstream];
        let recorder = Recorder::start(home.path(), &arguments);
        let sent = |name: &str| {
            send(recorder.address, name, 1, "");
            recorder.line();
            has(&capture, 1);
            assert_eq!(paths(&capture), [format!("/v1/{name}/0")]);
        };
        sent("first");
        let rotated = capture.with_extension("jsonl.1");
        fs::rename(&capture, &rotated).unwrap();
        sent("renamed");
        assert_eq!(paths(&rotated), ["/v1/first/0"]);
        File::options()
            .write(true)
            .open(&capture)
            .unwrap()
            .set_len(0)
            .unwrap();
        sent("truncated");
        fs::remove_dir_all(capture.parent().unwrap()).unwrap();
        sent("removed");
        let (status, _, err) = recorder.end();
        assert_eq!((status.code(), err.as_str()), (Some(0), ""));
    }

    #[test]
    fn a_directory_that_cannot_be_written_is_told_at_the_start() {
        let output = Command::new(env!("CARGO_BIN_EXE_codextap"))
            .args(["record", "--listen", "127.0.0.1:0"])
            .args(["--capture", "/proc/capture.jsonl"])
            .output()
            .unwrap();
        let errors = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{errors}");
        assert!(
            errors.starts_with("codextap: cannot write /proc/capture.jsonl: "),
            "{errors}"
        );
    }

    #[test]
    fn a_disk_that_takes_nothing_for_a_while_holds_nobody_up() {
        let home = TempDir::new().unwrap();
        let pipe = home.path().join("capture.jsonl");
        assert!(
            Command::new("mkfifo")
                .arg(&pipe)
                .status()
                .unwrap()
                .success()
        );
        let upstream = echo();
        let arguments = ["--capture", "capture.jsonl", "--api-upstream", &upstream];
        let recorder = Recorder::start(home.path(), &arguments);
        // Open for writing as well, it does not end where a batch does.
        let reader = File::options().read(true).write(true).open(&pipe).unwrap();
        // More than a pipe holds.
        send(recorder.address, "slow", 20, &"x".repeat(10_000));
        let mut lines = BufReader::new(reader).lines();
        for number in 0..20 {
            let line: Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
            assert_eq!(line["request"]["path"], format!("/v1/slow/{number}"));
        }
        let (status, _, err) = recorder.end();
        assert_eq!((status.code(), err.as_str()), (Some(0), ""));
    }

    #[test]
    fn whoever_reads_a_pipe_gets_all_lines_and_then_the_end() {
        let home = TempDir::new().unwrap();
        let pipe = home.path().join("pipe");
        let made = Command::new("mkfifo").arg(&pipe).status().unwrap();
        assert!(made.success());
        let reader = thread::spawn(move || fs::read_to_string(pipe).unwrap());
        let upstream = echo();
        let recorder = Recorder::start(
            home.path(),
            &["--capture", "pipe", "--api-upstream", &upstream],
        );
        for name in ["first", "second"] {
            send(recorder.address, name, 1, "x");
            recorder.line();
        }
        let (status, _, err) = recorder.end();
        assert_eq!((status.code(), err.as_str()), (Some(0), ""));
        let text = reader.join().unwrap();
        assert_eq!(text.lines().count(), 2, "{text}");
    }
}
