//! The README: each command in it runs as it stands there, and what it points to is there.
//!
//! Its `console` blocks are those of `tests/help.rs`. Here are the lines of its `sh` blocks, in a terminal,
//! with a `codex` that only says how it was called; cargo's own are those of `.ci/run`.

#[cfg(test)]
#[expect(dead_code, reason = "other tests use the rest")]
mod support {
    pub(crate) mod pty;
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    use std::path::Path;
    use std::process::Command;

    use tempfile::TempDir;

    use crate::support::pty::Window;

    #[test]
    fn every_line_for_a_shell_runs() {
        let machine = Machine::new();
        let gate = fs::read_to_string(".ci/run").unwrap();
        let mut screen = None;
        for line in lines_for_a_shell(&readme()) {
            match line.as_str() {
                "cargo run --release -- demo" => {
                    let mut window = machine.run("codextap demo");
                    window.shows(&["Requests", "retry::tests"]);
                    leave(window);
                }
                // What installs and tests itself cannot do so from here.
                "cargo install --path ." | "cargo test" => {
                    assert!(gate.contains(&line), ".ci/run does not run: {line}");
                }
                "codextap" => {
                    let mut window = machine.run(&line);
                    window.shows(&["No traffic yet", "127.0.0.1:"]);
                    screen = Some(window);
                }
                "codextap codex" => {
                    let mut window = machine.run(&line);
                    window.shows(&["openai_base_url=\"http://127.0.0.1:", "/v1\""]);
                    assert!(window.ends().success());
                }
                _ => panic!("nothing here knows how to run: {line}"),
            }
        }
        leave(screen.unwrap());
    }

    #[test]
    fn every_command_and_option_in_the_text_is_there() {
        let readme = readme();
        // Blocks are the concern of other tests.
        let text: String = readme.split("```").step_by(2).collect();
        let codes: Vec<&str> = text.split('`').skip(1).step_by(2).collect();
        let mut commands: BTreeSet<&str> = BTreeSet::new();
        for code in codes
            .iter()
            .filter_map(|code| code.strip_prefix("codextap "))
        {
            let word = code.split(' ').next().unwrap();
            commands.extend(Some(word).filter(|word| !word.starts_with('-')));
        }
        assert!(commands.len() >= 10, "{commands:?}");
        let mut told = help(&[]);
        for command in commands {
            // Codex tells its own help.
            if command != "codex" {
                told += &help(&[command]);
            }
        }
        for word in codes.iter().flat_map(|code| code.split([' ', '='])) {
            let is_option = word.starts_with("--") && word.len() > 2;
            assert!(!is_option || told.contains(word), "there is no {word}");
        }
    }

    #[test]
    fn what_it_points_to_is_there() {
        let readme = readme();
        let links = readme.split("](").skip(1);
        let links = links.map(|rest| rest.split(')').next().unwrap());
        let pictures = ["src=\"", "srcset=\""]
            .into_iter()
            .flat_map(|attribute| readme.split(attribute).skip(1))
            .map(|rest| rest.split('"').next().unwrap());
        let targets: BTreeSet<&str> = links.chain(pictures).collect();
        for target in targets
            .iter()
            .filter(|target| !target.starts_with("https://"))
        {
            let (file, section) = target.split_once('#').unwrap_or((target, ""));
            assert!(Path::new(file).exists(), "{target}");
            let text = fs::read_to_string(file).unwrap_or_default();
            let mut headings = text.lines().filter_map(|line| line.strip_prefix("## "));
            let is_there = headings.any(|it| it.to_lowercase().replace(' ', "-") == section);
            assert!(section.is_empty() || is_there, "{target}");
        }
        for picture in fs::read_dir("docs/images").unwrap() {
            let path = picture.unwrap().path();
            let is_shown = targets.contains(path.to_str().unwrap());
            assert!(is_shown, "nothing shows {}", path.display());
        }
        for document in fs::read_dir("docs").unwrap() {
            let path = document.unwrap().path();
            let is_text = path.extension().is_some_and(|extension| extension == "md");
            let is_known = targets.contains(path.to_str().unwrap());
            assert!(!is_text || is_known, "nothing leads to {}", path.display());
        }
    }

    /// A home with an API key, and a directory of programs with codextap and a Codex in it.
    struct Machine {
        home: TempDir,
    }

    impl Machine {
        fn new() -> Self {
            let home = TempDir::new().unwrap();
            fs::create_dir_all(home.path().join(".codex")).unwrap();
            let login = "{\"OPENAI_API_KEY\":\"sk-of-a-test\"}";
            fs::write(home.path().join(".codex/auth.json"), login).unwrap();
            let program = env!("CARGO_BIN_EXE_codextap");
            symlink(program, home.path().join("codextap")).unwrap();
            let codex = home.path().join("codex");
            fs::write(&codex, "#!/bin/sh\necho codex-cli 0.169.0 \"$@\"\n").unwrap();
            fs::set_permissions(codex, fs::Permissions::from_mode(0o700)).unwrap();
            Self { home }
        }

        /// Runs a line of a shell in a window of its own; the port is any free one.
        fn run(&self, line: &str) -> Window {
            let home = self.home.path();
            let path = format!("PATH={}:/usr/local/bin:/usr/bin:/bin", home.display());
            let arguments = [&path, "CODEXTAP_LISTEN=127.0.0.1:0", "sh", "-c", line];
            // A child looks for the codextap that runs, wherever it listens.
            let is_child = line.contains(" codex");
            let arguments = arguments.into_iter();
            let arguments = arguments.filter(|word| !(is_child && word.contains("_LISTEN")));
            Window::run("env", arguments, (120, 40), home)
        }
    }

    fn leave(mut window: Window) {
        window.press("Q");
        assert!(window.ends().success());
        window.assert_restored();
    }

    fn readme() -> String {
        fs::read_to_string("README.md").unwrap()
    }

    /// The lines of the `sh` blocks, without comments.
    fn lines_for_a_shell(text: &str) -> Vec<String> {
        let blocks = text.split("```sh\n").skip(1);
        let blocks = blocks.map(|rest| rest.split("```").next().unwrap());
        let lines = blocks.flat_map(str::lines);
        let lines = lines.map(|line| line.split(" #").next().unwrap().trim().to_owned());
        lines.filter(|line| !line.is_empty()).collect()
    }

    fn help(command: &[&str]) -> String {
        let program = env!("CARGO_BIN_EXE_codextap");
        let output = Command::new(program).args(command).arg("--help").output();
        let output = output.unwrap();
        assert!(output.status.success(), "codextap {command:?}");
        String::from_utf8(output.stdout).unwrap()
    }
}
