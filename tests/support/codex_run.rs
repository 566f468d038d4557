//! The real Codex, run once without a terminal, with a home of its own.

use std::ffi::OsString;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::wire_log::PATIENCE;

/// The versions of Codex that are tested.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Version {
    V0_169,
    V0_98,
}

impl Version {
    /// Where it is installed; `None`, with a message, when it is not and need not be.
    #[expect(
        clippy::disallowed_methods,
        reason = "the environment says where Codex is"
    )]
    pub(crate) fn find(self) -> Option<PathBuf> {
        let (variable, number) = match self {
            Self::V0_169 => ("CODEXTAP_TEST_CODEX_169", "0.169.0"),
            Self::V0_98 => ("CODEXTAP_TEST_CODEX_098", "0.98.0"),
        };
        let installed = format!("target/codex/{number}/node_modules/.bin/codex");
        let installed = Path::new(env!("CARGO_MANIFEST_DIR")).join(installed);
        let path = std::env::var_os(variable).map_or(installed, PathBuf::from);
        if path.exists() {
            return Some(path);
        }
        let missing = format!("Codex {number} is not at {} ({variable})", path.display());
        let required = std::env::var_os("CODEXTAP_REQUIRE_CODEX").is_some_and(|it| it == "1");
        assert!(!required, "{missing}");
        // Not eprintln: the test harness would keep the message of a test that passes to itself.
        writeln!(std::io::stderr(), "skipped: {missing}").unwrap();
        None
    }
}

/// Who Codex is to be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Login {
    ApiKey,
    ChatGpt,
}

/// One run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Run {
    pub(crate) version: Version,
    pub(crate) login: Login,
    /// Whether Codex is to try a WebSocket first.
    pub(crate) websocket: bool,
    /// A model other than the default one.
    pub(crate) model: Option<&'static str>,
    /// Limits other than Codex's own; the provider is then one that is configured, for those of
    /// the built-in one cannot be changed.
    pub(crate) limits: Option<Limits>,
}

/// When Codex gives up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Limits {
    /// How often it repeats a request, and how often a stream.
    pub(crate) retries: u8,
    /// How long it waits for an upgrade to be answered, and for the next event of a stream.
    pub(crate) wait_ms: u32,
}

/// How a run ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    pub(crate) output: String,
    pub(crate) errors: String,
}

impl Run {
    /// Runs `codex exec` with all its traffic sent to `port` on loopback; gives what it printed.
    ///
    /// Panics, with everything it printed, when it fails or does not end.
    pub(crate) fn exec(self, codex: &Path, port: u16, prompt: &str) -> String {
        let Ended {
            status,
            output,
            errors,
        } = self.run(codex, port, prompt);
        assert!(
            status.success(),
            "codex: {status}\n--- stdout\n{output}\n--- stderr\n{errors}"
        );
        output
    }

    /// The same, however it ends.
    ///
    /// Panics when it does not end.
    pub(crate) fn run(self, codex: &Path, port: u16, prompt: &str) -> Ended {
        let point = |command: &mut Command| self.point(command, port);
        self.start(|home| isolated(codex, home), point, prompt)
    }

    /// Runs what `program` gives for a home, with `point` adding the way to the upstream.
    ///
    /// Panics when it does not end.
    pub(crate) fn start(
        self,
        program: impl FnOnce(&Path) -> Command,
        point: impl FnOnce(&mut Command),
        prompt: &str,
    ) -> Ended {
        let home = TempDir::new().unwrap();
        let project = home.path().join("project");
        let codex_home = home.path().join(".codex");
        std::fs::create_dir(&project).unwrap();
        std::fs::create_dir(&codex_home).unwrap();
        let mut command = program(home.path());
        match self.login {
            Login::ApiKey => _ = command.env("CODEX_API_KEY", "sk-test-not-a-real-key"),
            Login::ChatGpt => {
                std::fs::write(codex_home.join("auth.json"), auth().to_string()).unwrap();
            }
        }
        command
            .args(["exec", "--skip-git-repo-check", "-s", "danger-full-access"])
            .current_dir(&project)
            .env("CODEX_HOME", &codex_home);
        if self.version == Version::V0_169 {
            command.args(["-c", "analytics.enabled=false"]);
            command.args(["--disable", "plugins", "--disable", "apps"]);
        } else if self.websocket {
            command.args(["--enable", "responses_websockets"]);
        }
        if let Some(model) = self.model {
            command.args(["-m", model]);
        }
        point(&mut command);
        let (status, output, errors) = Running::spawn(command.arg(prompt)).wait();
        Ended {
            status,
            output,
            errors,
        }
    }

    /// Sends everything to `port`, the way each version and login wants it.
    fn point(self, command: &mut Command, port: u16) {
        let origin = format!("http://127.0.0.1:{port}");
        let base = match self.login {
            Login::ApiKey => format!("{origin}/v1"),
            Login::ChatGpt => {
                // Where the login is renewed is no setting.
                let renewal = format!("{origin}/oauth/token");
                command.env("CODEX_REFRESH_TOKEN_URL_OVERRIDE", renewal);
                command.args(["-c", &format!("chatgpt_base_url=\"{origin}/backend-api/\"")]);
                format!("{origin}/backend-api/codex")
            }
        };
        // The built-in provider of 0.169 always tries a WebSocket; one of one's own need not.
        let is_plain = self.login == Login::ApiKey && !self.websocket;
        if self.limits.is_some() || self.version == Version::V0_169 && is_plain {
            self.configure(command, &base);
        } else if self.version == Version::V0_169 {
            // Codex goes elsewhere when both base URLs have the same origin.
            let base = base.replace("127.0.0.1", "localhost");
            command.args(["-c", &format!("openai_base_url=\"{base}\"")]);
        } else {
            command.env("OPENAI_BASE_URL", base);
        }
    }

    /// Makes a provider of one's own the one that is used.
    fn configure(self, command: &mut Command, base: &str) {
        let login = match self.login {
            Login::ApiKey => "env_key=\"CODEX_API_KEY\"",
            Login::ChatGpt => "requires_openai_auth=true",
        };
        let mut provider = format!("name=\"tap\",base_url=\"{base}\",{login}");
        if self.websocket {
            provider += ",supports_websockets=true";
        }
        if let Some(Limits { retries, wait_ms }) = self.limits {
            let mut limits = vec![
                ("request_max_retries", u32::from(retries)),
                ("stream_max_retries", u32::from(retries)),
                ("stream_idle_timeout_ms", wait_ms),
            ];
            if self.version == Version::V0_169 {
                limits.push(("websocket_connect_timeout_ms", wait_ms));
            }
            for (name, limit) in limits {
                provider.extend([",", name, "=", &limit.to_string()]);
            }
        }
        command.args(["-c", "model_provider=\"tap\""]);
        command.args(["-c", &format!("model_providers.tap={{{provider}}}")]);
    }
}

/// A command whose home is `home`, and which nothing in the environment leads elsewhere.
pub(crate) fn isolated(program: &Path, home: &Path) -> Command {
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os().filter(|(name, _)| interferes(name)) {
        command.env_remove(name);
    }
    command
        .env("HOME", home)
        .env("NO_PROXY", LOOPBACK)
        .env("no_proxy", LOOPBACK);
    command
}

/// A child in a process group of its own, which is killed when this is dropped.
#[derive(Debug)]
pub(crate) struct Running {
    child: Child,
    /// The lines of standard output and standard error.
    printed: [Receiver<String>; 2],
}

impl Running {
    /// Starts the command without input.
    pub(crate) fn spawn(command: &mut Command) -> Self {
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.process_group(0).spawn().unwrap();
        let printed = [
            lines(child.stdout.take().unwrap()),
            lines(child.stderr.take().unwrap()),
        ];
        Self { child, printed }
    }

    /// The next line of standard output; panics with what else there is when there is none.
    pub(crate) fn line(self) -> (Self, String) {
        if let Ok(line) = self.printed[0].recv_timeout(PATIENCE) {
            return (self, line);
        }
        self.kill();
        let (status, output, errors) = self.wait();
        panic!("nothing was printed: {status}\n--- stdout\n{output}\n--- stderr\n{errors}");
    }

    /// Asks the process to end, as Ctrl-C does.
    pub(crate) fn interrupt(&self) {
        signal("-INT", &self.child.id().to_string());
    }

    /// Waits for the end; gives status, standard output and standard error.
    pub(crate) fn wait(mut self) -> (ExitStatus, String, String) {
        let mut late = false;
        let [output, errors] = [0, 1].map(|stream| {
            let mut text = String::new();
            loop {
                match self.printed[stream].recv_timeout(PATIENCE) {
                    Ok(line) => text += &line,
                    // Once the group is gone the rest of the output arrives.
                    Err(RecvTimeoutError::Timeout) if !late => {
                        late = true;
                        self.kill();
                    }
                    Err(_) => return text,
                }
            }
        });
        let status = self.child.wait().unwrap();
        assert!(
            !late,
            "still running after {PATIENCE:?}\n--- stdout\n{output}\n--- stderr\n{errors}"
        );
        (status, output, errors)
    }

    fn kill(&self) {
        signal("-KILL", &format!("-{}", self.child.id()));
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            self.kill();
            let _gone = self.child.wait();
        }
    }
}

/// Reads a stream's lines, each with its end, on a thread of its own.
fn lines(stream: impl Read + Send + 'static) -> Receiver<String> {
    let (done, printed) = channel();
    thread::spawn(move || {
        let mut stream = BufReader::new(stream);
        let mut line = Vec::new();
        while let Ok(1..) = stream.read_until(b'\n', &mut line) {
            let _nobody_waits = done.send(String::from_utf8_lossy(&line).into_owned());
            line.clear();
        }
    });
    printed
}

/// Sends a signal to a process, or to a group when the number is negative.
fn signal(name: &str, process: &str) {
    let status = Command::new("kill")
        .args([name, "--", process])
        .status()
        .unwrap();
    assert!(
        status.success() || name == "-KILL",
        "kill {name} {process}: {status}"
    );
}

/// Whether a variable could lead Codex or codextap elsewhere.
fn interferes(name: &OsString) -> bool {
    let name = name.to_string_lossy().to_ascii_uppercase();
    ["OPENAI_", "CODEX_", "CHATGPT_", "CODEXTAP_", "XDG_"]
        .iter()
        .any(|prefix| name.starts_with(prefix))
        || ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"].contains(&name.as_str())
}

/// A login that no server would accept: the tokens are not signed.
pub(crate) fn auth() -> Value {
    let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let claims = json!({
        "email": "dev@example.com", "sub": "user-test", "iat": 1_700_000_000,
        "exp": 4_000_000_000_u32,
        "https://api.openai.com/auth": {"chatgpt_plan_type": "plus", "chatgpt_user_id": "user-test",
            "user_id": "user-test", "chatgpt_account_id": "acct-test-0001"},
    });
    let token = [
        part(json!({"alg": "none", "typ": "JWT"})),
        part(claims),
        "c2ln".into(),
    ]
    .join(".");
    json!({
        "auth_mode": "chatgpt", "OPENAI_API_KEY": null, "last_refresh": "2099-01-01T00:00:00Z",
        "tokens": {"id_token": token, "access_token": token, "refresh_token": "not-a-real-one",
            "account_id": "acct-test-0001"},
    })
}

const LOOPBACK: &str = "127.0.0.1,localhost,::1";
