//! The commands that show traffic as it comes: `tui`, `demo`.

use std::io;
use std::path::PathBuf;

use jiff::tz::TimeZone;
use rustix::process::Signal;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::watch;

use super::args::{Color, Common};
use super::demo;
use super::ending::Record;
use super::error::Error;
use super::keep;
use super::log::Lines;
use super::signals::Signals;
use super::split::Beside;
use super::station::{Plan, Station};
use crate::app::{App, Options};
use crate::capture::Writer;
use crate::config::{self, paths, themes};
use crate::flow::{FlowId, Store};
use crate::proxy::{OuterProxies, Route, Stage};
use crate::responses::Prices;
use crate::tap;
use crate::text::nearest;
use crate::tui::{self, Devices, End, Ended, Loading, Screen, Session, Terminal};
use crate::view::{Depth, Ground, Theme, ThemeError};

/// `codextap tui`: proxy and screen, and a child in the other half if there is one.
pub(super) async fn live(
    common: &Common,
    plan: Plan,
    beside: Option<Beside>,
    log: Option<Lines>,
) -> Result<Option<Signal>, Error> {
    check_terminal()?;
    let theme = theme(common)?;
    let prices = super::prices::load(common)?;
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
    let _opened = beside
        .map(|beside| beside.open(&station.running))
        .transpose()?;
    let mut app = App::new(options(common, &station, upstreams, prices));
    if let Some(removed) = keep::told(&station.removed) {
        app.note(removed);
    }
    Box::pin(watch(common, station, app, theme, log)).await
}

/// `codextap demo`: the same, with an upstream and an agent inside this program. `pace` multiplies
/// every pause of theirs.
pub(super) async fn demo(
    common: &Common,
    pace: f64,
    log: Option<Lines>,
) -> Result<Option<Signal>, Error> {
    check_terminal()?;
    let theme = theme(common)?;
    let prices = super::prices::load(common)?;
    super::filter(common)?;
    let upstream = demo::start(pace)
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
        // Its agent has none but those of the story.
        side_channels: false,
        ..common.clone()
    };
    let station = Station::start(common, plan).await?;
    let address = station.running.address;
    let options = options(
        common,
        &station,
        "the demo's own upstream".to_owned(),
        prices,
    );
    let agent = tokio::spawn(demo::play(address, pace));
    let ended = Box::pin(watch(common, station, App::new(options), theme, log)).await;
    agent.abort();
    ended
}

/// Shows a station's traffic until the user quits or a signal comes; then lets what is in flight end,
/// and writes the capture to its end. Gives the second signal, if it was needed.
async fn watch(
    common: &Common,
    station: Station,
    app: App,
    theme: Theme,
    log: Option<Lines>,
) -> Result<Option<Signal>, Error> {
    let clock = station.clock;
    let mut children = station.children.clone();
    let mut signals = Signals::listen();
    let (events, mut recording, proxy) = station.into_parts();
    // Where there is no room for that, everything stays in memory.
    recording.spill(|| Writer::nameless(&std::env::temp_dir(), common.keep.backlog()).ok());
    let session = Session {
        app,
        theme,
        recording,
        clock,
    };
    let source = Source::Tap(events, children.clone());
    let Shown {
        ended:
            Ended {
                mut session,
                events,
                end,
                ..
            },
        signal,
    } = show(common, session, source, log, &mut signals).await?;
    let mut cut = None;
    if let Some(mut events) = events {
        let mut record = Record {
            events: &mut events,
            recording: &mut session.recording,
            store: session.app.store_mut(),
            finished: |store: &mut Store, ids: Vec<FlowId>| {
                // Its line is made, and nobody will look at it.
                for id in ids {
                    store.forget(id);
                }
            },
        };
        // Whoever quits while streams are live was asked already.
        let mut stage = match end {
            End::Quit => Stage::Closing,
            End::Told | End::Lost(_) => Stage::Draining,
        };
        // A screen that was closed was not meant to take the child's upstream with it.
        let is_left = signal.is_none_or(|signal| signal == Signal::HUP);
        if is_left && *children.borrow() > 0 {
            if !common.quiet {
                super::report(LEFT);
            }
            stage = Stage::Draining;
            let ended = async {
                tokio::select! {
                    _ = children.wait_for(|count| *count == 0) => {}
                    _ = signals.next() => {}
                }
            };
            record.until(ended).await;
        }
        cut = record.end(proxy, stage, &mut signals, clock).await;
    }
    let is_known = common.has_known_capture();
    super::close(session.recording, is_known)?;
    result(end)?;
    Ok(cut)
}

/// What is said where a child goes on without the screen.
const LEFT: &str =
    "recording goes on until the child that runs through it ends; Ctrl-C ends it now";

/// What a screen that ended this way comes to.
pub(super) fn result(end: End) -> Result<(), Error> {
    match end {
        End::Quit | End::Told => Ok(()),
        End::Lost(error) => Err(no_terminal(&error)),
    }
}

fn no_terminal(error: &io::Error) -> Error {
    Error::new(format!("cannot use the terminal: {error}"))
}

/// Where flows come from.
pub(super) enum Source {
    /// A proxy, and how many children of others send their traffic to it.
    Tap(tap::Receiver, watch::Receiver<usize>),
    /// Captures that are being read.
    Captures(UnboundedReceiver<Loading>),
}

/// How a screen ended.
pub(super) struct Shown {
    pub(super) ended: Ended,
    /// The signal that ended it, if one did.
    pub(super) signal: Option<Signal>,
}

/// Runs the loop on the real terminal.
pub(super) async fn show(
    common: &Common,
    session: Session,
    source: Source,
    log: Option<Lines>,
    signals: &mut Signals,
) -> Result<Shown, Error> {
    if common.color == Color::Always {
        // Without this, whatever writes to the terminal honours NO_COLOR by itself.
        crossterm::style::force_color_output(true);
    }
    let terminal = Terminal::enter(!common.no_mouse).map_err(|error| no_terminal(&error))?;
    let size = crossterm::terminal::size().map_err(|error| no_terminal(&error))?;
    let ground = (is_guessed(common) && !is_plain(common)).then(|| terminal.ask_ground());
    let ground = ground.transpose().map_err(|error| no_terminal(&error))?;
    let screen = Screen::start(io::stdout());
    let (events, children, loading) = match source {
        Source::Tap(events, children) => (Some(events), Some(children), None),
        Source::Captures(loading) => (None, None, Some(loading)),
    };
    let devices = Devices {
        input: terminal.input(),
        events,
        log,
        loading,
        children,
        ground,
        screen: &screen,
        terminal: Some(&terminal),
        size,
    };
    let mut signal = None;
    let ending = async {
        signal = Some(signals.next().await);
    };
    let ended = tui::run(session, devices, ending).await;
    screen.settle();
    drop(terminal);
    for failure in &ended.unsaved {
        super::report(failure);
    }
    Ok(Shown { ended, signal })
}

/// Says why if the terminal cannot show a screen.
pub(super) fn check_terminal() -> Result<(), Error> {
    match config::environment("TERM").as_deref() {
        Some(name @ "dumb") => Err(Error::new(format!(
            "cannot draw a screen on a terminal without a cursor (TERM={name})"
        ))
        .hint("`codextap record` and `codextap open FILE | cat` need none")),
        _ => Ok(()),
    }
}

/// The theme that the options name, in the colours of the terminal.
pub(super) fn theme(common: &Common) -> Result<Theme, Error> {
    let own = own_themes()?;
    let variable = |name| config::environment(name).unwrap_or_default();
    let name = match common.theme.as_deref() {
        Some(name) if name != AUTO => name,
        _ => Ground::told(&variable("COLORFGBG")).theme(),
    };
    let load = |name: &str| Theme::load(name, &own);
    let theme = load(name).map_err(|error| {
        let mut names = vec![AUTO];
        names.extend(Theme::names());
        names.extend(own.iter().map(|(name, _)| name.as_str()));
        let meant = match &error {
            ThemeError::Unknown(name) => nearest(name, names.iter().copied()),
            _ => None,
        };
        let meant = meant.map(|meant| format!(": did you mean `{meant}`?"));
        let (told, meant) = (common.settings.name("theme"), meant.unwrap_or_default());
        let failure = Error::usage(format!("{told} {name}: {error}{meant}"));
        match &error {
            ThemeError::Unknown(_) => failure.hint(format!("themes: {}", names.join(", "))),
            _ => failure,
        }
    })?;
    let depth = Depth::told(&variable("TERM"), &variable("COLORTERM"));
    let shown = if is_plain(common) {
        load("mono")
    } else {
        theme.fitted(depth)
    };
    shown.map_err(|error| Error::new(error.to_string()))
}

/// Whether the theme goes by what the terminal's text stands on.
fn is_guessed(common: &Common) -> bool {
    common.theme.as_deref().is_none_or(|name| name == AUTO)
}

/// Whether there are to be no colours.
fn is_plain(common: &Common) -> bool {
    match common.color {
        Color::Always => false,
        Color::Never => true,
        // https://no-color.org
        Color::Auto => config::environment("NO_COLOR").is_some_and(|value| !value.is_empty()),
    }
}

/// Names the theme that goes with the terminal.
pub(super) const AUTO: &str = "auto";

/// The themes in the settings directory.
pub(super) fn own_themes() -> Result<Vec<(String, String)>, Error> {
    let Ok(settings) = paths::settings() else {
        return Ok(Vec::new());
    };
    let directory = settings.join("themes");
    themes::read(&directory)
        .map_err(|error| Error::new(format!("themes in {}: {error}", directory.display())))
}

fn options(common: &Common, station: &Station, upstreams: String, prices: Prices) -> Options {
    Options {
        listen: station.running.address.to_string(),
        base: station.running.shown(),
        upstreams,
        capture: station
            .capture
            .as_ref()
            .map(|path| path.display().to_string()),
        is_redacted: !common.no_redact,
        is_proxy: true,
        notes: notes(common),
        time_zone: TimeZone::system(),
        filter: common.filter.clone(),
        filters: common.settings.filters.clone().into(),
        keymap: common.settings.keymap.clone(),
        prices: prices.into(),
        cache: common.keep.cache(),
        now: station.clock.now(),
    }
}

fn notes(common: &Common) -> Vec<String> {
    let notes = [
        (common.no_redact, "not redacted"),
        (common.side_channels, "side channels"),
    ];
    let notes = notes.into_iter().filter(|(holds, _)| *holds);
    notes.map(|(_, note)| note.to_owned()).collect()
}
