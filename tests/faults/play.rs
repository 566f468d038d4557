//! One case: a Codex that meets a fault, directly and through codextap.

use std::fs;
use std::path::Path;
use std::thread;

use tempfile::TempDir;

use crate::fault::Fault;
use crate::flows::Flows;
use crate::outcome::Outcome;
use crate::support::codex_run::{Login, Run, Running, Version, isolated};
use crate::upstream::{Attempt, Upstream};

/// Who meets which fault.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) fault: Fault,
    pub(crate) run: Run,
}

impl Case {
    /// The row of the table: the fault, and what it is met over.
    pub(crate) fn row(&self) -> [String; 2] {
        let transport = if self.run.websocket {
            "WebSocket"
        } else {
            "SSE"
        };
        let login = match self.run.login {
            Login::ApiKey => "",
            Login::ChatGpt => ", ChatGPT login",
        };
        let limits = match self.run.limits {
            None => ", Codex's own limits",
            Some(_) => "",
        };
        [
            self.fault.name.to_owned(),
            format!("{transport}{login}{limits}"),
        ]
    }

    /// The column of the table.
    pub(crate) fn version(&self) -> &'static str {
        match self.run.version {
            Version::V0_169 => VERSIONS[0],
            Version::V0_98 => VERSIONS[1],
        }
    }

    /// What the case is called.
    pub(crate) fn name(&self) -> String {
        format!("{} | {}", self.row().join(" | "), self.version())
    }

    /// Runs `codex exec`, and `codextap codex exec`; says how the latter differs.
    pub(crate) fn launch(&self, codex: &Path) -> String {
        let direct = self.direct(codex);
        let upstream = Upstream::start(&self.fault);
        let origin = format!("http://{}", upstream.address);
        let program = |home: &Path| {
            let mut command = isolated(codextap(), home);
            command.args(["--api-upstream", &origin, "--capture", "none"]);
            command.args(["codex", "--codex"]).arg(codex);
            command
        };
        let mut launched = self.run.start(program, |_| (), PROMPT);
        let is_codex = |line: &&str| !line.starts_with("codextap: ");
        let said: Vec<_> = launched.errors.lines().filter(is_codex).collect();
        launched.errors = said.join("\n");
        direct.differs(&Outcome::new(&launched, &upstream.attempts()))
    }

    /// Runs both; gives the direct outcome, or how the other one differs.
    pub(crate) fn play(&self, codex: &Path) -> Result<Outcome, String> {
        let (direct, through) = thread::scope(|scope| {
            let through = scope.spawn(|| self.through(codex));
            let direct = scope.spawn(|| self.direct(codex));
            (direct.join(), through.join())
        });
        let failed = |_| "a run did not end as it should: see above".to_owned();
        let direct = direct.map_err(failed)?;
        let (through, attempts, flows) = through.map_err(failed)?;
        let differs = direct.differs(&through);
        if !differs.is_empty() {
            return Err(differs);
        }
        flows.check(self, &attempts)?;
        Ok(direct)
    }

    fn direct(&self, codex: &Path) -> Outcome {
        let upstream = Upstream::start(&self.fault);
        let ended = self.run.run(codex, upstream.address.port(), PROMPT);
        Outcome::new(&ended, &upstream.attempts())
    }

    fn through(&self, codex: &Path) -> (Outcome, Vec<Attempt>, Flows) {
        let upstream = Upstream::start(&self.fault);
        let directory = TempDir::new().unwrap();
        let file = directory.path().join("capture.jsonl");
        let origin = format!("http://{}", upstream.address);
        let mut command = isolated(codextap(), directory.path());
        command.args(["record", "--listen", "127.0.0.1:0"]);
        command.args(["--api-upstream", &origin, "--chatgpt-upstream", &origin]);
        command.args(["--route", &format!("/oauth={origin}"), "--capture"]);
        let (codextap, line) = Running::spawn(command.arg(&file)).line();
        let port = line.trim().rsplit(':').next().unwrap();
        let ended = self.run.run(codex, port.parse().unwrap(), PROMPT);
        let attempts = upstream.attempts();
        codextap.interrupt();
        let (status, printed, errors) = codextap.wait();
        assert!(status.success(), "codextap: {status}\n{printed}\n{errors}");
        let capture = fs::read_to_string(file).unwrap();
        let outcome = Outcome::new(&ended, &attempts);
        (outcome, attempts, Flows::new(&capture, &printed))
    }
}

/// The program.
fn codextap() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_codextap"))
}

/// The columns of the table.
pub(crate) const VERSIONS: [&str; 2] = ["0.169.0", "0.98.0"];

/// Any will do.
const PROMPT: &str = "Add forty and two.";
