//! `codextap open`: captures, without a proxy.

use std::io::{self, Write as _};
use std::path::PathBuf;

use jiff::tz::TimeZone;
use tokio::sync::mpsc::UnboundedReceiver;

use super::args::Common;
use super::error::Error;
use super::line::FlowLine;
use super::log::Lines;
use super::opening;
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
) -> Result<(), Error> {
    let filter = super::filter(common)?;
    let theme = theme(common)?;
    let prices = super::prices::load(common)?.into();
    let recovered: Vec<String> = files
        .iter()
        .flat_map(|file| super::recovery::recover(file))
        .collect();
    let mut loading = opening::open(files, follows, super::export::redactor(common))?;
    if !has_screen {
        return print(filter.as_ref(), loading).await;
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
    say_skipped(ended.session.app.loading());
    result(ended.end)
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
            Loading::Failed(why) => return Err(Error::new(why)),
            Loading::Noted(what) => {
                session.app.update(Msg::LoadNoted(what));
            }
            Loading::Done => return nothing(session.app.loading()),
        }
    }
    Ok(())
}

/// Prints a line per flow.
async fn print(
    filter: Option<&Filter>,
    mut loading: UnboundedReceiver<Loading>,
) -> Result<(), Error> {
    let (mut store, mut taken, mut shelf) = (Store::default(), Taken::default(), Shelf::default());
    while let Some(news) = loading.recv().await {
        match news {
            Loading::Opened(file) => {
                shelf.add(file);
            }
            Loading::Piece(piece, percent) => taken.take(&mut store, piece, percent),
            Loading::Failed(why) => return Err(Error::new(why)),
            Loading::Noted(what) => super::report(&what),
            Loading::Done => break,
        }
    }
    if store.is_empty() {
        nothing(&taken)?;
    }
    say_skipped(&taken);
    let mut out = io::stdout().lock();
    for summary in store.rows().iter().filter_map(|id| store.summary(*id)) {
        let is_shown = match filter {
            None => true,
            Some(filter) => is_chosen(filter, &summary, &store, &shelf)?,
        };
        if is_shown && writeln!(out, "{}", FlowLine(&summary)).is_err() {
            // Whoever reads has read enough.
            break;
        }
    }
    Ok(())
}

/// Says which lines could not be read.
pub(super) fn say_skipped(loading: &Taken) {
    for line in loading.skipped() {
        super::report(&format!("skipped {line}"));
    }
    let more = loading.skips() - loading.skipped().len() as u64;
    if more > 0 {
        super::report(&format!("skipped {more} more lines"));
    }
}

/// Says what there is instead of flows, if there is anything.
pub(super) fn nothing(loading: &Taken) -> Result<(), Error> {
    match loading.skipped().first() {
        None => Ok(()),
        Some(first) => Err(Error::new(format!(
            "no line of {} is a flow: {}",
            first.file, first.why
        ))
        .hint("codextap open reads the captures that codextap writes")),
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
