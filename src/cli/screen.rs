//! The commands with a screen: `tui`, `open`, `demo`.

use std::io;
use std::path::PathBuf;

use crossterm::event::EventStream;
use jiff::tz::TimeZone;

use super::args::{Color, Common};
use super::demo;
use super::error::Error;
use super::line::FlowLine;
use super::record;
use super::signals;
use super::station::{Plan, Station};
use crate::app::{App, Options};
use crate::capture::{Loaded, Reader, Recording};
use crate::config;
use crate::proxy::Route;
use crate::tap::{Clock, Redactor};
use crate::tui::{self, Devices, Ended, Screen, Session, Terminal};
use crate::view::Theme;

/// `codextap tui`: proxy and screen.
pub(super) async fn live(common: &Common, plan: Plan) -> Result<(), Error> {
    let theme = theme(common)?;
    super::filter(common)?;
    let mut upstreams: Vec<&str> = Vec::new();
    for route in &plan.routes {
        let origin = route.origin();
        upstreams.push(origin.strip_prefix("https://").unwrap_or(origin));
    }
    upstreams.dedup();
    let upstreams = upstreams.join(", ");
    let station = Station::start(common, plan).await?;
    let options = options(common, &station, upstreams);
    watch(common, station, App::new(options), theme).await
}

/// `codextap demo`: the same, with an upstream and an agent inside this program.
pub(super) async fn demo(common: &Common) -> Result<(), Error> {
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
    let address = station.address;
    let options = options(common, &station, "the demo's own upstream".to_owned());
    let agent = tokio::spawn(demo::play(address, 1.0));
    let ended = watch(common, station, App::new(options), theme).await;
    agent.abort();
    ended
}

/// `codextap open`: captures, without a proxy.
pub(super) async fn open(
    common: &Common,
    files: &[PathBuf],
    has_screen: bool,
) -> Result<(), Error> {
    let filter = super::filter(common)?;
    let mut reader = Reader::default();
    for file in files {
        reader
            .file(file)
            .map_err(|error| Error::new(error.to_string()))?;
    }
    let Loaded { store, skipped } = reader.finish();
    for line in &skipped {
        super::report(&format!("skipped {line}"));
    }
    if !has_screen {
        for flow in store.rows().iter().filter_map(|id| store.get(*id)) {
            if filter
                .as_ref()
                .is_none_or(|filter| filter.matches(flow, false))
            {
                record::print(&FlowLine(flow).to_string());
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
        theme: theme(common)?,
        recording: Recording::new(clock.now(), Redactor::off(), None),
        clock,
    };
    show(common, session, None).await.map(|_| ())
}

/// Shows a station's traffic until the user quits; then drains, and writes the capture to its end.
async fn watch(common: &Common, station: Station, app: App, theme: Theme) -> Result<(), Error> {
    let clock = station.clock;
    let (events, recording, proxy) = station.into_parts();
    let session = Session {
        app,
        theme,
        recording,
        clock,
    };
    let Ended {
        mut session,
        mut events,
        by_user,
    } = show(common, session, Some(events)).await?;
    if by_user {
        // Whoever quits while streams are live was asked already.
        proxy.cut().await;
    } else {
        proxy.drain().await;
    }
    let mut arrived = Vec::new();
    if let Some(events) = &mut events {
        while events.try_recv_many(&mut arrived) > 0 {}
    }
    for event in arrived {
        session.recording.apply(session.app.store_mut(), event);
    }
    session.recording.cut(session.app.store_mut(), clock.now());
    super::close(session.recording)
}

/// Runs the loop on the real terminal.
async fn show(
    common: &Common,
    session: Session,
    events: Option<crate::tap::Receiver>,
) -> Result<Ended, Error> {
    let fail = |error: io::Error| Error::new(format!("cannot use the terminal: {error}"));
    let terminal = Terminal::enter(!common.no_mouse).map_err(fail)?;
    let size = crossterm::terminal::size().map_err(fail)?;
    let screen = Screen::start(io::stdout());
    let devices = Devices {
        input: EventStream::new(),
        events,
        screen: &screen,
        terminal: Some(&terminal),
        size,
    };
    let ended = tui::run(session, devices, signals::ending()).await;
    screen.settle();
    drop(terminal);
    ended.map_err(fail)
}

fn theme(common: &Common) -> Result<Theme, Error> {
    let is_plain = match common.color {
        Color::Always => false,
        Color::Never => true,
        Color::Auto => config::environment("NO_COLOR").is_some_and(|value| !value.is_empty()),
    };
    let name = if is_plain {
        "mono"
    } else {
        common.theme.as_deref().unwrap_or("default-dark")
    };
    Theme::load(name, &[]).map_err(|error| {
        Error::new(format!("--theme {name}: {error}"))
            .hint(format!("themes: {}", Theme::names().join(", ")))
    })
}

fn options(common: &Common, station: &Station, upstreams: String) -> Options {
    Options {
        listen: station.address.to_string(),
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
