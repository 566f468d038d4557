//! `codextap open`: captures, without a proxy.

use std::path::PathBuf;
use std::process::ExitCode;

use jiff::tz::TimeZone;
use tokio::sync::mpsc::UnboundedReceiver;

use super::args::Common;
use super::error::Error;
use super::line::FlowLine;
use super::log::Lines;
use super::opening;
use super::output::Output;
use super::screen::{Shown, Source, check_terminal, result, show, theme};
use super::signals::Signals;
use crate::app::{App, Loading as Taken, Msg, Options};
use crate::capture::{Recording, Shelf};
use crate::filter::Filter;
use crate::flow::{Store, Summary};
use crate::tap::Clock;
use crate::tui::{Loading, Session};

/// Shows captures on the screen or, without one, a line per flow. With `follows`, also what is added
/// to them meanwhile.
pub(super) async fn open(
    common: &Common,
    files: &[PathBuf],
    follows: bool,
    has_screen: bool,
    log: Option<Lines>,
) -> Result<ExitCode, Error> {
    let filter = super::filter(common)?;
    let theme = theme(common)?;
    let prices = super::prices::load(common)?.into();
    let recovered: Vec<String> = files
        .iter()
        .flat_map(|file| super::recovery::recover(file))
        .collect();
    let mut loading = opening::open(files, follows, super::export::redactor(common))?;
    if !has_screen {
        return print(common, filter.as_ref(), loading).await;
    }
    check_terminal()?;
    let names: Vec<String> = files
        .iter()
        .map(|file| file.display().to_string())
        .collect();
    let mut session = Session {
        app: App::new(Options {
            capture: Some(names.join(", ")),
            is_redacted: !common.no_redact,
            is_proxy: false,
            filter: common.filter.clone(),
            filters: common.settings.filters.clone().into(),
            keymap: common.settings.keymap.clone(),
            time_zone: TimeZone::system(),
            prices,
            cache: common.keep.cache(),
            now: Clock::start().now(),
            ..Options::default()
        }),
        theme,
        recording: Recording::browsing(),
        clock: Clock::start(),
    };
    begin(&mut session, &mut loading).await?;
    for what in recovered {
        session.app.update(Msg::LoadNoted(what));
    }
    let source = Source::Captures(loading);
    let mut signals = Signals::listen();
    let Shown { ended, .. } = show(common, session, source, log, &mut signals).await?;
    result(ended.end)?;
    Ok(code(tell(ended.session.app.loading(), false)?))
}

/// Waits for the first flows: with none, there is nothing to show a screen for.
async fn begin(
    session: &mut Session,
    loading: &mut UnboundedReceiver<Loading>,
) -> Result<(), Error> {
    while let Some(news) = loading.recv().await {
        match news {
            Loading::Opened(file) => session.recording.shelve(file),
            Loading::Piece(piece, percent) => {
                session.app.load(piece, percent);
                if !session.app.store().is_empty() {
                    return Ok(());
                }
            }
            Loading::Failed(why) => {
                session.app.update(Msg::LoadFailed(why));
            }
            Loading::Noted(what) => {
                session.app.update(Msg::LoadNoted(what));
            }
            Loading::Done => return tell(session.app.loading(), true).map(|_| ()),
        }
    }
    Ok(())
}

/// Prints a line per flow.
async fn print(
    common: &Common,
    filter: Option<&Filter>,
    mut loading: UnboundedReceiver<Loading>,
) -> Result<ExitCode, Error> {
    let (mut store, mut taken, mut shelf) = (Store::default(), Taken::default(), Shelf::default());
    while let Some(news) = loading.recv().await {
        match news {
            Loading::Opened(file) => {
                shelf.add(file);
            }
            Loading::Piece(piece, percent) => taken.take(&mut store, piece, percent),
            Loading::Failed(why) => taken.fail(why),
            Loading::Noted(what) => super::report(&what),
            Loading::Done => break,
        }
    }
    let has_failed = tell(&taken, store.is_empty())?;
    let mut chosen = 0;
    let mut output = Output::standard();
    for summary in store.rows().iter().filter_map(|id| store.summary(*id)) {
        let is_shown = match filter {
            None => true,
            Some(filter) => is_chosen(filter, &summary, &store, &shelf)?,
        };
        chosen += u64::from(is_shown);
        if is_shown && !output.is_gone() {
            output.write(&mut format!("{}\n", FlowLine(&summary)).into_bytes())?;
        }
    }
    output.finish()?;
    say_chosen(common, chosen);
    Ok(code(has_failed))
}

/// Says what could not be read; gives whether there was a file of which nothing could.
///
/// # Errors
/// Where there is nothing else, which is when `is_empty`, the last of that is the failure.
pub(super) fn tell(loading: &Taken, is_empty: bool) -> Result<bool, Error> {
    let mut failures = loading.failures();
    let last = if is_empty { failures.pop() } else { None };
    for line in failures.iter().cloned().chain(loading.notes()) {
        super::report(&line);
    }
    match last {
        Some(last) => Err(Error::usage(last)),
        None => Ok(!failures.is_empty()),
    }
}

/// What a command exits with that read captures.
pub(super) fn code(has_failed: bool) -> ExitCode {
    if has_failed {
        ExitCode::from(2)
    } else {
        ExitCode::SUCCESS
    }
}

/// Says so where the filter chose none.
pub(super) fn say_chosen(common: &Common, chosen: u64) {
    if let Some(filter) = common
        .filter
        .as_ref()
        .filter(|_| chosen == 0 && !common.quiet)
    {
        super::report(&format!("nothing matches {filter}"));
    }
}

/// Whether a flow of a capture passes the filter.
pub(super) fn is_chosen(
    filter: &Filter,
    summary: &Summary,
    store: &Store,
    shelf: &Shelf,
) -> Result<bool, Error> {
    let standing = filter.standing(store, summary.id, false);
    if let Some(is_chosen) = filter.judge(summary, store.get(summary.id), standing) {
        return Ok(is_chosen);
    }
    let Some(place) = store.place(summary.id) else {
        return Ok(false);
    };
    let flow = shelf.read(place, &summary.name).map_err(Error::new)?;
    Ok(filter.matches(&flow, standing))
}
