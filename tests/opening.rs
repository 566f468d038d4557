//! Files that change while they are open, pipes that go on, and archives that are cut off.

#[cfg(test)]
#[path = "support/command.rs"]
mod command;
#[cfg(test)]
#[expect(dead_code, reason = "other tests use the rest")]
#[path = "support/pty.rs"]
mod pty;

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::io::Write as _;
    use std::path::Path;
    use std::process::Command;

    use flate2::Compression;
    use flate2::write::GzEncoder;
    use tempfile::TempDir;

    use crate::command::codextap;
    use crate::pty::Window;

    /// A line of a capture with an exchange of this path.
    fn line(path: &str) -> String {
        let demo = fs::read_to_string("tests/fixtures/demo.jsonl").unwrap();
        let mut flow: serde_json::Value =
            serde_json::from_str(demo.lines().next().unwrap()).unwrap();
        flow["id"] = format!("test-{path}").into();
        flow["request"]["path"] = format!("/v1/{path}").into();
        flow["gist"] = format!("GET /v1/{path}").into();
        format!("{flow}\n")
    }

    fn leave(mut window: Window) {
        window.press("Q");
        assert!(window.ends().success());
    }

    #[test]
    fn a_followed_file_that_is_cut_short_or_replaced_is_read_from_its_start() {
        let home = TempDir::new().unwrap();
        let (path, new) = (home.path().join("a.jsonl"), home.path().join("b.jsonl"));
        fs::write(&path, line("one") + &line("two")).unwrap();
        let arguments = ["open", "-F", "a.jsonl"];
        let mut window = Window::codextap(arguments, (120, 30), home.path());
        window.shows(&["/v1/one", "/v1/two"]);
        let mut file = File::options().append(true).open(&path).unwrap();
        file.write_all(line("three").as_bytes()).unwrap();
        window.shows(&["/v1/three"]);
        fs::write(&path, line("four")).unwrap();
        window.shows(&["a.jsonl was cut short", "/v1/one", "/v1/four"]);
        fs::write(&new, line("five")).unwrap();
        fs::rename(&new, &path).unwrap();
        window.shows(&["a.jsonl is another file now", "/v1/four", "/v1/five"]);
        let mut file = File::options().append(true).open(&path).unwrap();
        file.write_all(line("six").as_bytes()).unwrap();
        window.shows(&["/v1/six"]);
        // What is read back comes from the file that it stood in.
        window.press("G");
        window.press("3");
        leave(window);
    }

    #[test]
    fn what_comes_through_a_pipe_is_shown_before_its_end() {
        let home = TempDir::new().unwrap();
        let pipe = home.path().join("pipe");
        mkfifo(&pipe);
        let program = env!("CARGO_BIN_EXE_codextap");
        let command = format!("cat pipe | {program} open -");
        let mut window = Window::run("sh", ["-c", &command], (120, 30), home.path());
        let mut writer = File::options().write(true).open(&pipe).unwrap();
        for path in ["one", "two"] {
            writer.write_all(line(path).as_bytes()).unwrap();
            window.shows(&[&format!("/v1/{path}")]);
        }
        drop(writer);
        leave(window);
    }

    #[test]
    fn of_an_archive_that_is_cut_off_all_that_is_whole_is_shown() {
        let home = TempDir::new().unwrap();
        let lines: Vec<String> = (0..400).map(|number| line(&format!("n{number}"))).collect();
        let text = lines.concat();
        let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
        gzip.write_all(text.as_bytes()).unwrap();
        let zstd = zstd::encode_all(text.as_bytes(), 1).unwrap();
        for (name, coded) in [("a.gz", gzip.finish().unwrap()), ("a.zst", zstd)] {
            fs::write(home.path().join(name), &coded[..coded.len() * 3 / 4]).unwrap();
            let opened = codextap(home.path(), ["open", name]).output().unwrap();
            let said = String::from_utf8(opened.stderr).unwrap();
            assert!(opened.status.success(), "{said}");
            let rows = String::from_utf8(opened.stdout).unwrap().lines().count();
            assert!((1..400).contains(&rows), "{name}: {rows}");
            assert!(
                said.contains(&format!("{name} is cut off or broken")),
                "{said}"
            );
        }
    }

    fn mkfifo(path: &Path) {
        let made = Command::new("mkfifo").arg(path).status().unwrap();
        assert!(made.success(), "mkfifo: {made}");
    }
}
