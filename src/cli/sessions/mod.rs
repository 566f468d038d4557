//! `codextap sessions`: who worked on what in captures, and what it took.
//!
//! Tables for people, JSON for programs (`docs/sessions.md`); both are made from the same
//! [`Sessions`], and those from summaries, so that a capture is read as fast as it is opened.

mod document;
mod rows;
mod sort;
mod table;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use serde::Serialize;

use super::args::Common;
use super::captures::Captures;
use super::error::Error;
use super::export::redactor;
use super::open::say_chosen;
use super::output::Output;
use super::prefix::Breaks;
use super::progress::Progress;
use super::{filter, prefix, prices};
use crate::flow::sessions::Sessions;
use document::{Detail, Document, Namer};
use sort::Sort;

/// What is asked.
#[derive(Args, Debug)]
pub(super) struct Question {
    /// What to print
    #[arg(value_enum)]
    what: What,
    /// Captures or HAR files to read, one after another; gzip and zstd are undone, `-` is the standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Print JSON: one document, or a line per event
    #[arg(long)]
    json: bool,
    /// Only sessions whose id begins with this; `last` is the one that began last
    #[arg(long, value_name = "ID")]
    session: Option<String>,
    /// Sort sessions, or the rows of `events`, by this, the most first; without it as they began
    #[arg(long, value_enum, value_name = "BY")]
    sort: Option<Sort>,
}

/// What is printed.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum, Debug)]
enum What {
    /// A row per session
    List,
    /// The threads of each session, their turns and every attempt
    Show,
    /// What happened, in order: a row per attempt
    Events,
    /// Turns, tokens, cost and errors per session and model
    Summary,
}

/// Answers it on standard output.
pub(super) async fn sessions(common: &Common, question: &Question) -> Result<ExitCode, Error> {
    let filter = filter(common)?;
    let prices = prices::load(common)?;
    let mut progress = Progress::new(common.quiet);
    let captures = Captures::read(&question.files, &redactor(common), &mut progress).await?;
    let chosen = captures.chosen(filter.as_ref())?;
    let summaries = chosen.iter().filter_map(|id| captures.store.summary(*id));
    let mut sessions = Sessions::of(summaries, &prices);
    if let Some(begin) = &question.session {
        let all = &mut sessions.sessions;
        if begin == LAST {
            let last = all
                .iter()
                .max_by_key(|it| (!it.id.is_empty(), it.started()));
            let last = last.map(|session| session.id.clone());
            all.retain(|session| Some(&session.id) == last.as_ref());
        } else {
            all.retain(|session| session.id.starts_with(begin.as_str()));
        }
        if sessions.sessions.is_empty() {
            let why = if begin == LAST {
                "there is no session".to_owned()
            } else {
                format!("no session's id begins with {begin}")
            };
            return Err(Error::new(why).hint("`codextap sessions list` lists them"));
        }
    }
    if let Some(sort) = question.sort {
        sort.sessions(&mut sessions.sessions);
    }
    let breaks = match question.what {
        What::Show => prefix::breaks(&captures, &sessions, |_| true, &mut progress)?,
        What::List | What::Events | What::Summary => Breaks::new(),
    };
    let namer = Namer::new(&captures.store, &breaks);
    let out = match (question.what, question.json) {
        (What::List, false) => rows::list(&sessions).to_string(),
        (What::Show, false) => rows::show(&sessions, &breaks),
        (What::Events, false) => rows::events(&sessions, question.sort).to_string(),
        (What::Summary, false) => rows::summary(&sessions).to_string(),
        (What::Events, true) => {
            let mut lines = String::new();
            for event in document::events(&sessions, question.sort, &namer) {
                lines.push_str(&json(&event)?);
            }
            lines
        }
        (what, true) => {
            let detail = match what {
                What::Summary => Detail::Models,
                What::Show => Detail::Threads,
                What::List | What::Events => Detail::None,
            };
            json(&Document::new(
                &sessions,
                &prices,
                captures.skips,
                detail,
                &namer,
            ))?
        }
    };
    let mut output = Output::standard();
    output.write(&mut out.into_bytes())?;
    output.finish()?;
    say_chosen(common, chosen.len() as u64);
    Ok(captures.code())
}

/// A value as a line of JSON.
fn json(value: &impl Serialize) -> Result<String, Error> {
    let text = serde_json::to_string(value);
    let text = text.map_err(|error| Error::new(format!("cannot write JSON: {error}")))?;
    Ok(format!("{text}\n"))
}

/// What names the session that began last. No id begins so.
const LAST: &str = "last";
