//! Arguments, wiring, exit codes: what turns the library into a program.
//!
//! Exit codes: 0 done, 1 failed, 2 a wrong command line; `codex` passes Codex's own code on. A signal
//! is a way to be done; a second one, which cuts what the first one waits for, is 128 and its number.

mod access;
mod args;
mod captures;
mod codex;
pub mod demo;
mod ending;
mod error;
mod export;
mod keep;
mod limits;
mod line;
mod log;
mod open;
mod opening;
mod output;
mod prices;
mod printer;
mod progress;
mod record;
mod recovery;
mod report;
mod runtime;
mod screen;
mod sessions;
mod signals;
mod station;
mod threads;

use std::ffi::OsString;
use std::io::{IsTerminal, Write as _};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::{ExitCode, ExitStatus};

use clap::Parser as _;

use crate::capture::{Choice, Recording, Stream, Written};
use crate::config::{self, paths};
use crate::filter::Filter;
use crate::text::Clean;
use args::{Cli, Command, Common, LoginArg};
use codex::Login;
use error::Error;
use log::Log;
use signals::Signals;
use station::{Plan, Station};

/// Runs the program.
#[must_use]
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(answer) if !answer.use_stderr() => {
            // Help or the version. A reader that went away has read enough.
            let _ = answer.print();
            return ExitCode::SUCCESS;
        }
        Err(error) => return fail(&Error::of_arguments(&error)),
    };
    let Cli { command, common } = cli;
    let command = command.unwrap_or(Command::Tui);
    // A Codex that runs has the terminal to itself.
    let has_screen = matches!(command, Command::Codex { .. })
        || std::io::stdout().is_terminal()
            && !matches!(
                command,
                Command::Record | Command::Export(_) | Command::Report { .. }
            );
    let log = match Log::start(&common, has_screen) {
        Ok(log) => log,
        Err(error) => return fail(&error),
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let ended = match runtime {
        Ok(runtime) => {
            let ended = runtime.block_on(run(command, common));
            // What still runs are reads of a terminal or a child that nobody waits for.
            runtime.shutdown_background();
            ended
        }
        Err(error) => Err(Error::new(format!("cannot start: {error}"))),
    };
    if let Some(log) = log {
        log.finish();
    }
    match ended {
        Ok(code) => code,
        Err(error) => fail(&error),
    }
}

/// Says why the program ends.
fn fail(error: &Error) -> ExitCode {
    report_line(&error.to_string());
    error.code()
}

async fn run(command: Command, common: Common) -> Result<ExitCode, Error> {
    let has_screen = std::io::stdout().is_terminal();
    signals::ignore_file_limit();
    let cut = match command {
        Command::Tui if has_screen => screen::live(&common, Plan::new(&common)?).await?,
        // A pipe never gets a screen, but is told of a theme that there is not.
        Command::Tui => {
            screen::theme(&common)?;
            record::record(&common, Plan::new(&common)?).await?
        }
        Command::Record => record::record(&common, Plan::new(&common)?).await?,
        Command::Open { files, follow } => {
            open::open(&common, &files, follow, has_screen).await?;
            None
        }
        Command::Export(what) => {
            export::export(&common, what).await?;
            None
        }
        Command::Report { files, output } => {
            report::report(&common, &files, output.as_deref()).await?;
            None
        }
        Command::Sessions(question) => {
            sessions::sessions(&common, &question).await?;
            None
        }
        Command::Demo if has_screen => screen::demo(&common).await?,
        Command::Demo => return Err(Error::new("the demo needs a terminal on standard output")),
        Command::Codex {
            codex,
            login,
            arguments,
        } => {
            return run_codex(&common, &codex, login, &arguments).await;
        }
    };
    // A first signal ends the program in good order, which is what it was asked for.
    Ok(cut.map_or(ExitCode::SUCCESS, |signal| signal_code(signal.as_raw())))
}

/// `codextap codex …`.
async fn run_codex(
    common: &Common,
    program: &str,
    login: Option<LoginArg>,
    arguments: &[OsString],
) -> Result<ExitCode, Error> {
    let login = match login {
        Some(LoginArg::ApiKey) => Login::ApiKey,
        Some(LoginArg::Chatgpt) => Login::ChatGpt,
        None => Login::detect(
            codex_home().as_deref(),
            config::environment("CODEX_API_KEY").is_some(),
        ),
    };
    let no_proxy = config::environment("NO_PROXY").or_else(|| config::environment("no_proxy"));
    let running = paths::state()
        .ok()
        .and_then(|state| runtime::find(&state.join("running"), common.listen));
    if let Some(proxy) = running.filter(|_| !common.has_upstreams()) {
        let told = [
            ("--capture", common.capture.is_some()),
            ("--filter", common.filter.is_some()),
            ("--upstream-proxy", common.upstream_proxy.is_some()),
        ];
        for (flag, _) in told.iter().filter(|(_, told)| *told && !common.quiet) {
            report(&format!(
                "the codextap on {} records this; {flag} has no effect",
                proxy.address
            ));
        }
        let status = codex::run(program, arguments, &proxy, login, no_proxy.as_deref()).await?;
        return Ok(exit_code(status));
    }
    let choice = choice(common)?;
    let plan = Plan {
        listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
        ..Plan::new(common)?
    };
    let station = Station::start(common, plan).await?;
    station.tell_removed(common);
    let (proxy, capture) = (station.running.clone(), station.capture.clone());
    let (ended, child_ended) = tokio::sync::oneshot::channel::<()>();
    // The child owns standard output.
    let recording = tokio::spawn(async move {
        let ending = async {
            let _ = child_ended.await;
            // Those of before were Codex's.
            Signals::listen()
        };
        record::recording(station, ending, choice, |_| ()).await
    });
    let status = codex::run(program, arguments, &proxy, login, no_proxy.as_deref()).await;
    drop(ended);
    let recorded = recording
        .await
        .map_err(|error| Error::new(format!("recording: {error}")))?;
    let status = status?;
    recorded?;
    // Without traffic there is none.
    if let Some(capture) = capture.filter(|capture| !common.quiet && capture.exists()) {
        report(&format!(
            "captured to {0}; see it with `codextap open {0}`",
            capture.display()
        ));
    }
    Ok(exit_code(status))
}

/// Where Codex keeps its login.
fn codex_home() -> Option<PathBuf> {
    config::environment("CODEX_HOME")
        .map(PathBuf::from)
        .or_else(|| paths::home().ok().map(|home| home.join(".codex")))
}

/// The child's own code; 128 and the signal's number if one ended it, as shells tell it.
fn exit_code(status: ExitStatus) -> ExitCode {
    use std::os::unix::process::ExitStatusExt as _;
    let ended = status.signal().map_or(ExitCode::FAILURE, signal_code);
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    code.map_or(ended, ExitCode::from)
}

/// The exit code of a program that a signal ended, as shells tell it.
fn signal_code(signal: i32) -> ExitCode {
    u8::try_from(128 + signal).map_or(ExitCode::FAILURE, ExitCode::from)
}

/// The filter of the command line.
fn filter(common: &Common) -> Result<Option<Filter>, Error> {
    let Some(text) = &common.filter else {
        return Ok(None);
    };
    Filter::parse(text).map(Some).map_err(|error| {
        Error::usage(format!("--filter: {error}")).hint(pointer(text, &error.span))
    })
}

/// The flows that the filter of the command line chooses. Nothing is marked where there is no screen.
fn choice(common: &Common) -> Result<Option<Choice>, Error> {
    let filter = filter(common)?;
    Ok(filter.map(|filter| Choice::new(move |flow| filter.matches(flow, false))))
}

/// The filter's text with the part marked that the error is about.
fn pointer(text: &str, span: &std::ops::Range<usize>) -> String {
    let (before, rest) = text.split_at_checked(span.start).unwrap_or((text, ""));
    let (wrong, after) = rest.split_at_checked(span.len()).unwrap_or((rest, ""));
    format!("{before}»{wrong}«{after}")
}

/// Writes what is waiting; fails when flows are missing from the file.
fn close(mut recording: Recording) -> Result<(), Error> {
    let stream = recording.stream_to(None).map(Stream::finish);
    let mut closed = recording.finish().map_or(Ok(()), written);
    if let Some(Err(error)) = stream.map(written) {
        match closed {
            Ok(()) => closed = Err(error),
            Err(_) => report_line(&error.to_string()),
        }
    }
    closed
}

/// What a file that was written to its end comes to.
fn written(written: Written) -> Result<(), Error> {
    for torn in &written.status.torn {
        recovery::say_torn(&written.path, torn);
    }
    let (path, status) = (written.path.display(), written.status);
    match status.error {
        None => Ok(()),
        Some(why) => Err(
            Error::new(format!("cannot write {path}: {why}")).hint(format!(
                "{} flows are in the file, {} bytes of others are not",
                status.lines, status.queued
            )),
        ),
    }
}

/// Tells the user something on standard error.
fn report(message: &str) {
    report_line(&format!("codextap: {}", Clean::new(message)));
}

fn report_line(line: &str) {
    // Standard error that is gone leaves nowhere to say so.
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}
