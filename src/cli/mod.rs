//! Arguments, wiring, exit codes: what turns the library into a program.
//!
//! Exit codes: 0 done, 1 failed, 2 a wrong command line or a file that cannot be read; `codex` and `run` pass the child's own code on. A signal
//! is a way to be done; a second one, which cuts what the first one waits for, is 128 and its number.

mod access;
mod args;
mod aside;
mod captures;
mod child;
mod codex;
mod completions;
pub mod demo;
mod doctor;
mod ending;
mod error;
mod export;
mod keep;
mod launch;
mod limits;
mod line;
mod log;
mod manual;
mod open;
mod opening;
mod output;
mod prefix;
mod presence;
mod prices;
mod printer;
mod progress;
mod record;
mod recovery;
mod report;
mod runtime;
mod screen;
mod sessions;
mod settings;
mod setup;
mod signals;
mod source;
mod split;
mod station;
mod threads;
mod version;
mod volatile;

use std::ffi::OsString;
use std::io::{IsTerminal, Write as _};
use std::process::ExitCode;

use jiff::tz::TimeZone;

use crate::capture::{Choice, Recording, Stream, Written};
use crate::content::format;
use crate::filter::{Basis, Filter, Flag, Standing};
use crate::tap::Clock;
use crate::text::Clean;
use args::{Command, Common};
use error::Error;
use launch::Job;
use log::Log;
use settings::Stop;
use split::Beside;
use station::Plan;

/// Runs the program.
#[must_use]
pub fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    match completions::answer(&arguments) {
        Ok(false) => {}
        Ok(true) => return ExitCode::SUCCESS,
        Err(error) => return fail(&error),
    }
    let cli = match settings::read(&arguments) {
        Ok(cli) => cli,
        Err(Stop::Answer(answer)) => {
            // A reader that went away has read enough.
            let _ = answer.print();
            return ExitCode::SUCCESS;
        }
        Err(Stop::Failed(error)) => return fail(&error),
    };
    let split = cli.split;
    let command = cli.command.unwrap_or(Command::Tui);
    let common = cli.common;
    // A child has the terminal to itself, and what goes wrong for the doctor is a finding.
    let has_screen = matches!(
        command,
        Command::Codex { .. } | Command::Run { .. } | Command::Doctor(_)
    ) || std::io::stdout().is_terminal()
        && !matches!(
            command,
            Command::Record | Command::Export(_) | Command::Report { .. }
        );
    let is_shown = has_screen
        && matches!(
            command,
            Command::Tui
                | Command::Split { .. }
                | Command::Codex { split: true, .. }
                | Command::Demo { .. }
                | Command::Open { .. }
        );
    let (log, lines) = match Log::start(&common, has_screen, is_shown) {
        Ok(log) => log,
        Err(error) => return fail(&error),
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let ended = match runtime {
        Ok(runtime) => {
            let ended = runtime.block_on(run(command, split, common, lines));
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

async fn run(
    command: Command,
    split: bool,
    common: Common,
    log: Option<log::Lines>,
) -> Result<ExitCode, Error> {
    let has_screen = std::io::stdout().is_terminal();
    signals::ignore_file_limit();
    let draws = matches!(
        command,
        Command::Tui | Command::Split { .. } | Command::Open { .. } | Command::Demo { .. }
    );
    let is_other = matches!(
        command,
        Command::Codex { .. }
            | Command::Run { .. }
            | Command::Completions { .. }
            | Command::Man { .. }
    );
    if !(draws && has_screen || is_other) {
        check(&common)?;
    }
    let cut = match command {
        Command::Tui if split => {
            let beside = Beside::new(split::any(&common, Vec::new()), has_screen)?;
            screen::live(&common, Plan::new(&common)?, Some(beside), log).await?
        }
        Command::Split { command } => {
            let beside = Beside::new(split::any(&common, command), has_screen)?;
            screen::live(&common, Plan::new(&common)?, Some(beside), log).await?
        }
        Command::Codex {
            login,
            arguments,
            split: true,
        } => {
            let words = split::codex(&common, login, arguments);
            let beside = Beside::new(words, has_screen)?;
            screen::live(&common, Plan::new(&common)?, Some(beside), log).await?
        }
        Command::Codex { .. } if split => {
            return Err(
                Error::usage("--split is an option of the command codex here")
                    .hint("codextap codex --split …"),
            );
        }
        _ if split => return Err(Error::usage("--split is for the screen and for codex")),
        Command::Tui if has_screen => screen::live(&common, Plan::new(&common)?, None, log).await?,
        Command::Tui | Command::Record => record::record(&common, Plan::new(&common)?).await?,
        Command::Open { files, follow } => {
            return Box::pin(open::open(&common, &files, follow, has_screen, log)).await;
        }
        Command::Export(what) => return export::export(&common, what).await,
        Command::Report {
            files,
            output,
            force,
        } => return report::report(&common, &files, output.as_deref(), force).await,
        Command::Sessions(question) => return sessions::sessions(&common, &question).await,
        Command::Config { default } => {
            settings::config(&common, default)?;
            None
        }
        Command::Completions { shell } => {
            completions::script(shell)?;
            None
        }
        Command::Man { out } => {
            manual::manual(out.as_deref())?;
            None
        }
        Command::Setup { shell } => {
            setup::setup(&common, shell).await?;
            None
        }
        Command::Doctor(question) => {
            let is_sound = doctor::doctor(&common, &question).await?;
            return Ok(if is_sound {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            });
        }
        Command::Demo { pace } if has_screen => screen::demo(&common, pace, log).await?,
        Command::Demo { .. } => {
            return Err(Error::new("the demo needs a terminal on standard output"));
        }
        Command::Codex {
            login, arguments, ..
        } => {
            let job = Job::codex(&common.codex, login, &arguments).await;
            return launch::launch(&common, &job).await;
        }
        Command::Run {
            login,
            program,
            arguments,
        } => {
            let job = Job::command(&program, login, &arguments).await;
            return launch::launch(&common, &job).await;
        }
    };
    // A first signal ends the program in good order, which is what it was asked for.
    Ok(cut.map_or(ExitCode::SUCCESS, |signal| signal_code(signal.as_raw())))
}

/// The exit code of a program that a signal ended, as shells tell it.
fn signal_code(signal: i32) -> ExitCode {
    u8::try_from(128 + signal).map_or(ExitCode::FAILURE, ExitCode::from)
}

/// Refuses what is wrong with the options of a screen, where there is none.
fn check(common: &Common) -> Result<(), Error> {
    screen::theme(common)?;
    prices::load(common)?;
    filter(common)?;
    Ok(())
}

/// The filter of the command line.
fn filter(common: &Common) -> Result<Option<Filter>, Error> {
    let Some(text) = &common.filter else {
        return Ok(None);
    };
    let filter = Filter::parse_with(text, &common.settings.filters).map_err(|error| {
        let name = common.settings.name("filter");
        Error::usage(format!("{name}: {error}")).hint(pointer(text, &error.span))
    })?;
    Ok(Some(filter.on(Basis {
        prices: prices::load(common)?.into(),
        zone: TimeZone::system(),
        now: Clock::start().now(),
    })))
}

/// The flows that the filter of the command line chooses. Nothing is marked where there is no screen.
fn choice(common: &Common) -> Result<Option<Choice>, Error> {
    let Some(filter) = filter(common)? else {
        return Ok(None);
    };
    if filter.asks(Flag::Retry) {
        // Of flows that ended nothing is kept.
        return Err(Error::usage(
            "--filter: is:retry asks for the flows before, which are not kept here",
        )
        .hint("record all of them, then codextap open FILE --filter is:retry"));
    }
    Ok(Some(Choice::new(move |flow, _| {
        filter.matches(flow, Standing::default())
    })))
}

/// Where in the filter's text the part stands that the error is about, and the text with it marked.
fn pointer(text: &str, span: &std::ops::Range<usize>) -> String {
    let (before, rest) = text.split_at_checked(span.start).unwrap_or((text, ""));
    let (wrong, after) = rest.split_at_checked(span.len()).unwrap_or((rest, ""));
    let number = before.chars().count() + 1;
    format!("at character {number}: {before}»{wrong}«{after}")
}

/// Writes what is waiting, and tells where the flows are; fails when some are missing from the file.
fn close(mut recording: Recording, is_quiet: bool) -> Result<(), Error> {
    let stream = recording.stream_to(None).map(Stream::finish);
    let mut closed = Ok(());
    if let Some(file) = recording.finish() {
        let (path, lines) = (file.path.clone(), file.status.lines);
        closed = written(file);
        if closed.is_ok() && lines > 0 && !is_quiet {
            let (path, flows) = (path.display(), format::counted(lines, "flow"));
            report(&format!(
                "captured to {path} ({flows}): codextap open {path}"
            ));
        }
    }
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
