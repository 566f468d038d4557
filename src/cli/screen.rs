//! The commands with a screen: `tui`, `open`, `demo`.

use std::io::{self, Write as _};
use std::path::PathBuf;

use jiff::tz::TimeZone;
use rustix::process::Signal;

use super::args::{Color, Common};
use super::demo;
use super::ending::Record;
use super::error::Error;
use super::line::FlowLine;
use super::signals::Signals;
use super::station::{Plan, Station};
use crate::app::{App, Options};
use crate::capture::{Loaded, Reader, Recording};
use crate::config;
use crate::flow::Store;
use crate::proxy::{OuterProxies, Route, Stage};
use crate::tap::{Clock, Redactor};
use crate::tui::{self, Devices, End, Ended, Screen, Session, Terminal};
use crate::view::Theme;

/// `codextap tui`: proxy and screen.
pub(super) async fn live(common: &Common, plan: Plan) -> Result<Option<Signal>, Error> {
    let theme = theme(common)?;
    super::filter(common)?;
    let mut upstreams: Vec<&str> = Vec::new();
    for route in &plan.routes {
        let origin = route.origin();
        upstreams.push(origin.strip_prefix("https://").unwrap_or(origin));
    }
    upstreams.dedup();
    let upstreams = upstreams.join(", ");
    let mut station = Station::start(common, plan).await?;
    station.announce();
    let options = options(common, &station, upstreams);
    Box::pin(watch(common, station, App::new(options), theme)).await
}

/// `codextap demo`: the same, with an upstream and an agent inside this program.
pub(super) async fn demo(common: &Common) -> Result<Option<Signal>, Error> {
    let theme = theme(common)?;
    super::filter(common)?;
    let upstream = demo::start(1.0)
        .map_err(|error| Error::new(format!("cannot start the demo's upstream: {error}")))?;
    let plan = Plan {
        listen: std::net::SocketAddr::from((std::net::Ipv4Addr::LOCALHOST, 0)),
        routes: ["/v1", "/backend-api"]
            .into_iter()
            .map(|prefix| Route::new(prefix, &upstream.origin()))
            .collect::<Result<_, _>>()
            .map_err(|error| Error::new(error.to_string()))?,
        token: None,
        token_file: None,
        outer: OuterProxies::default(),
    };
    let common = &Common {
        capture: Some(
            common
                .capture
                .clone()
                .unwrap_or_else(|| PathBuf::from("none")),
        ),
        ..common.clone()
    };
    let station = Station::start(common, plan).await?;
    let address = station.running.address;
    let options = options(common, &station, "the demo's own upstream".to_owned());
    let agent = tokio::spawn(demo::play(address, 1.0));
    let ended = Box::pin(watch(common, station, App::new(options), theme)).await;
    agent.abort();
    ended
}

/// `codextap open`: captures, without a proxy.
pub(super) async fn open(
    common: &Common,
    files: &[PathBuf],
    has_screen: bool,
) -> Result<(), Error> {
    let theme = theme(common)?;
    let filter = super::filter(common)?;
    let mut reader = Reader::default();
    for file in files {
        reader
            .file(file)
            .map_err(|error| Error::new(error.to_string()))?;
    }
    let Loaded { store, skipped } = reader.finish();
    if let (true, Some(first)) = (store.flows().is_empty(), skipped.first()) {
        return Err(Error::new(format!(
            "no line of {} is a flow: {}",
            first.file, first.why
        ))
        .hint("codextap open reads the captures that codextap writes"));
    }
    for line in &skipped {
        super::report(&format!("skipped {line}"));
    }
    if !has_screen {
        let mut out = io::stdout().lock();
        for flow in store.rows().iter().filter_map(|id| store.get(*id)) {
            let is_shown = filter
                .as_ref()
                .is_none_or(|filter| filter.matches(flow, false));
            if is_shown && writeln!(out, "{}", FlowLine(flow)).is_err() {
                // Whoever reads has read enough.
                return Ok(());
            }
        }
        return Ok(());
    }
    let mut notes = Vec::new();
    if !skipped.is_empty() {
        notes.push(format!("{} lines skipped", skipped.len()));
    }
    let names: Vec<String> = files
        .iter()
        .map(|file| file.display().to_string())
        .collect();
    let options = Options {
        capture: Some(names.join(", ")),
        is_proxy: false,
        notes,
        filter: common.filter.clone(),
        time_zone: TimeZone::system(),
        ..Options::default()
    };
    let mut app = App::new(options);
    *app.store_mut() = store;
    let clock = Clock::start();
    let session = Session {
        app,
        theme,
        recording: Recording::new(clock.now(), Redactor::off(), None),
        clock,
    };
    let ended = show(common, session, None, &mut Signals::listen()).await?;
    result(ended.end)
}

/// Shows a station's traffic until the user quits or a signal comes; then lets what is in flight end,
/// and writes the capture to its end. Gives the second signal, if it was needed.
async fn watch(
    common: &Common,
    station: Station,
    app: App,
    theme: Theme,
) -> Result<Option<Signal>, Error> {
    let clock = station.clock;
    let mut signals = Signals::listen();
    let (events, recording, proxy) = station.into_parts();
    let session = Session {
        app,
        theme,
        recording,
        clock,
    };
    let Ended {
        mut session,
        events,
        end,
        ..
    } = show(common, session, Some(events), &mut signals).await?;
    let mut cut = None;
    if let Some(mut events) = events {
        let record = Record {
            events: &mut events,
            recording: &mut session.recording,
            store: session.app.store_mut(),
            finished: |_: &mut Store, _| (),
        };
        // Whoever quits while streams are live was asked already.
        let stage = match end {
            End::Quit => Stage::Closing,
            End::Told | End::Lost(_) => Stage::Draining,
        };
        cut = record.end(proxy, stage, &mut signals, clock).await;
    }
    super::close(session.recording)?;
    result(end)?;
    Ok(cut)
}

/// What a screen that ended this way comes to.
fn result(end: End) -> Result<(), Error> {
    match end {
        End::Quit | End::Told => Ok(()),
        End::Lost(error) => Err(no_terminal(&error)),
    }
}

fn no_terminal(error: &io::Error) -> Error {
    Error::new(format!("cannot use the terminal: {error}"))
}

/// Runs the loop on the real terminal.
async fn show(
    common: &Common,
    session: Session,
    events: Option<crate::tap::Receiver>,
    signals: &mut Signals,
) -> Result<Ended, Error> {
    let terminal = Terminal::enter(!common.no_mouse).map_err(|error| no_terminal(&error))?;
    let size = crossterm::terminal::size().map_err(|error| no_terminal(&error))?;
    let screen = Screen::start(io::stdout());
    let devices = Devices {
        input: tui::input(),
        events,
        screen: &screen,
        terminal: Some(&terminal),
        size,
    };
    let ending = async {
        signals.next().await;
    };
    let ended = tui::run(session, devices, ending).await;
    screen.settle();
    drop(terminal);
    for failure in &ended.unsaved {
        super::report(failure);
    }
    Ok(ended)
}

/// The theme of the command line.
pub(super) fn theme(common: &Common) -> Result<Theme, Error> {
    let is_plain = match common.color {
        Color::Always => false,
        Color::Never => true,
        Color::Auto => config::environment("NO_COLOR").is_some_and(|value| !value.is_empty()),
    };
    let load = |name: &str| {
        Theme::load(name, &[]).map_err(|error| {
            Error::usage(format!("--theme {name}: {error}"))
                .hint(format!("themes: {}", Theme::names().join(", ")))
        })
    };
    let theme = load(common.theme.as_deref().unwrap_or("default-dark"))?;
    if is_plain { load("mono") } else { Ok(theme) }
}

fn options(common: &Common, station: &Station, upstreams: String) -> Options {
    Options {
        listen: station.running.address.to_string(),
        base: station.running.shown(),
        upstreams,
        capture: station
            .capture
            .as_ref()
            .map(|path| path.display().to_string()),
        is_proxy: true,
        notes: notes(common),
        time_zone: TimeZone::system(),
        filter: common.filter.clone(),
        ..Options::default()
    }
}

fn notes(common: &Common) -> Vec<String> {
    if common.no_redact {
        vec!["not redacted".to_owned()]
    } else {
        Vec::new()
    }
}
