//! A home with a settings file, and codextap run in it.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use tempfile::TempDir;

/// What a command printed, and its exit code.
pub(crate) struct Done {
    pub(crate) out: String,
    pub(crate) err: String,
    pub(crate) code: Option<i32>,
}

/// A home, with a settings file or without.
pub(crate) struct Home(pub(crate) TempDir);

impl Home {
    pub(crate) fn new() -> Self {
        let home = Self(tempfile::tempdir().unwrap());
        let prices = "src/responses/prices.toml";
        fs::create_dir_all(home.directory()).unwrap();
        fs::copy(prices, home.directory().join("../../prices.toml")).unwrap();
        home
    }

    pub(crate) fn with(text: &str) -> Self {
        let home = Self::new();
        fs::write(home.directory().join("config.toml"), text).unwrap();
        home
    }

    pub(crate) fn directory(&self) -> PathBuf {
        self.0.path().join(".config/codextap")
    }

    pub(crate) fn run(&self, arguments: &[&str], variables: &[(String, String)]) -> Done {
        let output = Command::new(env!("CARGO_BIN_EXE_codextap"))
            .args(arguments)
            .env_clear()
            .env("HOME", self.0.path())
            .envs(variables.iter().cloned())
            .current_dir(self.0.path())
            .stdin(Stdio::null())
            .output()
            .unwrap();
        Done {
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
            code: output.status.code(),
        }
    }

    /// What `codextap config` prints.
    pub(crate) fn config(&self, arguments: &[&str], variables: &[(String, String)]) -> String {
        let arguments = [&["config"], arguments].concat();
        let done = self.run(&arguments, variables);
        assert_eq!(
            (done.err.as_str(), done.code),
            ("", Some(0)),
            "{arguments:?}"
        );
        done.out
    }
}

/// The settings that `codextap config` printed: their values, and where they are told.
pub(crate) fn told(printed: &str) -> BTreeMap<String, (String, String)> {
    let options = printed.split("\n[").next().unwrap();
    let lines = options.lines().skip(2).map(|line| {
        let (text, origin) = line.rsplit_once(" # ").unwrap();
        let text = text.trim_start_matches("# ").trim_end();
        let (key, value) = text.split_once(" = ").unwrap_or((text, ""));
        (key.to_owned(), (value.to_owned(), origin.to_owned()))
    });
    lines.collect()
}
