//! Flows that a filter chooses, written while they end.

#[cfg(test)]
mod support {
    #[expect(dead_code, reason = "other tests use the rest")]
    pub(crate) mod recorder;
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use serde_json::Value;
    use tempfile::TempDir;

    use crate::support::recorder::{Recorder, echo, send};

    /// The paths of all requests in a capture.
    fn paths(capture: &Path) -> Vec<String> {
        let text = fs::read_to_string(capture).unwrap();
        let paths = text.lines().map(|line| {
            let line: Value = serde_json::from_str(line).unwrap();
            line["request"]["path"].as_str().unwrap().to_owned()
        });
        paths.collect()
    }

    #[test]
    fn record_prints_and_captures_what_the_filter_chooses() {
        let home = TempDir::new().unwrap();
        let upstream = echo();
        let chosen = [
            "--filter",
            "~u wanted | ~b needle",
            "--capture",
            "capture.jsonl",
        ];
        let arguments = [&chosen[..], &["--api-upstream", &upstream]].concat();
        let recorder = Recorder::start(home.path(), &arguments);
        send(recorder.address, "other", 2, "hay");
        send(recorder.address, "wanted", 2, "hay");
        send(recorder.address, "other", 1, "a needle in hay");
        let (status, out, err) = recorder.end();
        assert_eq!((status.code(), err.as_str()), (Some(0), ""));
        let expected = ["/v1/wanted/0", "/v1/wanted/1", "/v1/other/0"];
        assert_eq!(paths(&home.path().join("capture.jsonl")), expected);
        let printed: Vec<_> = out.lines().collect();
        assert_eq!(printed.len(), expected.len(), "{out}");
        for (line, path) in printed.iter().zip(expected) {
            assert!(line.contains(path), "{line}");
        }
    }

    #[test]
    fn where_nothing_is_chosen_no_capture_is_left() {
        let home = TempDir::new().unwrap();
        let upstream = echo();
        let arguments = [
            "--filter",
            "~e",
            "--capture",
            "capture.jsonl",
            "--api-upstream",
            &upstream,
        ];
        let recorder = Recorder::start(home.path(), &arguments);
        send(recorder.address, "fine", 3, "");
        let (status, out, err) = recorder.end();
        assert_eq!(
            (status.code(), out.as_str(), err.as_str()),
            (Some(0), "", "")
        );
        assert_eq!(
            fs::read_dir(home.path())
                .unwrap()
                .filter(|entry| {
                    let name = entry.as_ref().unwrap().file_name();
                    name.to_string_lossy().starts_with("capture")
                })
                .count(),
            0
        );
    }
}
