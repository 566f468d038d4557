//! A proxy that listens, and what stands behind it: the tap, the recording, the announcement.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::path::PathBuf;

use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::args::Common;
use super::aside;
use super::ending::Ending;
use super::error::Error;
use super::keep;
use super::runtime::{Announcement, Running};
use super::threads::Threads;
use super::volatile::{self, Place};
use crate::capture::{self, Hold, Recording, Removed};
use crate::config::{self, paths};
use crate::proxy::{self, OuterProxies, Proxy, Route, Stage, Token};
use crate::tap::{self, At, Clock, Redactor, Tail, Tap};

/// A running proxy with its recording.
#[derive(Debug)]
pub(super) struct Station {
    /// Where it listens, and the token it asks for.
    pub(super) running: Running,
    /// The file that the token is kept in, when nobody else knows it.
    pub(super) token_file: Option<PathBuf>,
    /// What the tap tells.
    pub(super) events: tap::Receiver,
    /// The clock that the tap uses.
    pub(super) clock: Clock,
    /// Makes flows of it and writes them down.
    pub(super) recording: Recording,
    /// The file that the flows go to.
    pub(super) capture: Option<PathBuf>,
    /// Captures of earlier runs that were removed.
    pub(super) removed: Removed,
    /// How many children of others send their traffic here.
    pub(super) children: watch::Receiver<usize>,
    /// Ends the proxy.
    stage: watch::Sender<Stage>,
    proxy: JoinHandle<()>,
    /// Where it runs.
    threads: Threads,
    /// Keeps others from what is meant for side channels.
    aside: Option<aside::Hold>,
    /// Missing where the state directory cannot be written: nobody finds this codextap then.
    announcement: Option<Announcement>,
}

/// Where a proxy listens and forwards to.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    /// The address to listen on.
    pub(super) listen: SocketAddr,
    /// Which path goes where.
    pub(super) routes: Vec<Route>,
    /// What each request must show.
    pub(super) token: Option<Token>,
    /// The file that it is kept in, if it was made here.
    pub(super) token_file: Option<PathBuf>,
    /// What leads there.
    pub(super) outer: OuterProxies,
}

impl Plan {
    /// What the options say.
    pub(super) fn new(common: &Common) -> Result<Self, Error> {
        let (token, token_file) = common.access.token(&common.settings.name("token"))?;
        Ok(Self {
            listen: common.listen,
            routes: routes(common)?,
            token,
            token_file,
            outer: outer(common)?,
        })
    }
}

/// Which path goes where, as the options say it.
pub(super) fn routes(common: &Common) -> Result<Vec<Route>, Error> {
    let route = |key: &str, prefix: &str, url: &str| {
        Route::new(prefix, url)
            .map_err(|error| Error::usage(format!("{}: {error}", common.settings.name(key))))
    };
    let mut routes = vec![
        route("api-upstream", "/v1", &common.api_upstream)?,
        route("chatgpt-upstream", "/backend-api", &common.chatgpt_upstream)?,
    ];
    for text in &common.route {
        let (prefix, url) = text.split_once('=').ok_or_else(|| {
            let name = common.settings.name("route");
            Error::usage(format!("{name} {text}: expected PREFIX=URL"))
                .hint("for example --route /azure=https://example.openai.azure.com")
        })?;
        routes.push(route("route", prefix, url)?);
    }
    Ok(routes)
}

/// The outer proxies that the options name, else those of the environment.
pub(super) fn outer(common: &Common) -> Result<OuterProxies, Error> {
    let variable = config::environment;
    let told = common.upstream_proxy.as_deref();
    match told.filter(|url| !url.is_empty()) {
        Some("none") => Ok(OuterProxies::default()),
        Some(url) => {
            let no_proxy = variable("no_proxy").or_else(|| variable("NO_PROXY"));
            OuterProxies::named(url, &no_proxy.unwrap_or_default()).map_err(|error| {
                let name = common.settings.name("upstream-proxy");
                Error::usage(format!("{name}: {error}"))
            })
        }
        None => OuterProxies::of_variables(variable).map_err(|error| {
            Error::new(error.to_string())
                .hint("correct the variable, or ignore it with --upstream-proxy none")
        }),
    }
}

fn no_threads(error: &dyn std::fmt::Display) -> Error {
    Error::new(format!("cannot start a thread: {error}"))
}

impl Station {
    /// Starts a proxy and its recording.
    pub(super) async fn start(common: &Common, plan: Plan) -> Result<Self, Error> {
        let clock = Clock::start();
        let redactor = if common.no_redact {
            Redactor::off()
        } else {
            Redactor::new()
        };
        let (tap, events) = tap::channel(common.keep.tap(), clock, redactor.clone());
        let limits = &common.limits;
        let key = Token::random().map_err(|error| Error::new(error.to_string()))?;
        let config = proxy::Config {
            listen: plan.listen,
            routes: plan.routes.clone(),
            token: plan.token.clone(),
            key: Some(key.clone()),
            hosts: common.access.allow_host.clone(),
            side_channels: common.side_channels,
            request_timeout: limits.request_timeout,
            connect_timeout: limits.connect_timeout,
            head_timeout: limits.response_timeout,
            upgrade_timeout: limits.handshake_timeout,
            drain: limits.drain,
            upstream_ca: common.upstream_ca.clone(),
            outer: plan.outer,
            ws_idle_timeout: limits.ws_idle_timeout,
            ..proxy::Config::default()
        };
        let threads = Threads::start().map_err(|error| no_threads(&error))?;
        let bound = threads.spawn(Proxy::bind(config, tap.clone())).await;
        let bound = bound.map_err(|error| no_threads(&error))?;
        let proxy = bound.map_err(|error| {
            let failure = Error::new(error.to_string());
            match error {
                proxy::Error::Exposed(_) => Error::usage(error.to_string()).hint(
                    "add --token auto, or listen on 127.0.0.1; Codex then goes to \
                     http://HOST:PORT/TOKEN/v1",
                ),
                proxy::Error::Bind { addr, source } => failure.hint(match source.kind() {
                    ErrorKind::AddrInUse => format!(
                        "another codextap may be running there; choose another address with \
                         --listen, or any free port with --listen {}",
                        SocketAddr::new(addr.ip(), 0)
                    ),
                    ErrorKind::PermissionDenied => {
                        "choose a port above 1023 with --listen".to_owned()
                    }
                    _ => "choose an address of this machine with --listen, such as 127.0.0.1:8787"
                        .to_owned(),
                }),
                _ => failure,
            }
        })?;
        let address = proxy.local_addr();
        let aside = common.side_channels.then(|| aside::Hold::new(address));
        let aside = aside.transpose()?;
        let running = Running {
            address,
            token: plan.token,
            key,
            side_channels: common.side_channels,
            upstreams: plan.routes.iter().map(Route::told).collect(),
            started: clock.now().as_micros(),
        };
        let children = proxy.children();
        recover(common);
        let (capture, hold, removed) = capture(common, clock.now())?;
        let writer = capture
            .as_deref()
            .map(|path| capture::Writer::open(path, common.keep.backlog()))
            .transpose()
            .map_err(|error| {
                Error::new(error.to_string())
                    .hint("choose another file with --capture FILE, or none with --capture none")
            })?;
        let started = clock.now();
        let mut recording = Recording::new(started, redactor.clone(), writer);
        recording.slow_down(events.backlog());
        recording.hold(hold);
        keep_tail(&tap, &mut recording, started, redactor);
        let (stage, stages) = watch::channel(Stage::Serving);
        let proxy = threads.spawn(proxy.serve(stages));
        recording
            .keep_journal()
            .map_err(|error| no_threads(&error))?;
        Ok(Self {
            running,
            token_file: plan.token_file,
            events,
            clock,
            recording,
            capture,
            removed,
            children,
            stage,
            proxy,
            threads,
            aside,
            announcement: None,
        })
    }

    /// Lets `codextap codex` find this one. Not for one that answers by itself or serves a single child.
    pub(super) fn announce(&mut self) {
        self.announcement = paths::state().ok().and_then(|directory| {
            Announcement::new(&directory.join("running"), &self.running).ok()
        });
    }

    /// Says on standard error which captures were removed.
    pub(super) fn tell_removed(&self, common: &Common) {
        if let Some(removed) = keep::told(&self.removed).filter(|_| !common.quiet) {
            super::report(&removed);
        }
    }

    /// Splits off what ends the proxy, and gives the rest away.
    pub(super) fn into_parts(self) -> (tap::Receiver, Recording, Ending) {
        let ending = Ending {
            stage: self.stage,
            proxy: self.proxy,
            _threads: self.threads,
            _aside: self.aside,
            announcement: self.announcement,
        };
        (self.events, self.recording, ending)
    }
}

/// The file that flows go to: as told, else a new one in the state directory, for which old ones make
/// room.
fn capture(common: &Common, now: At) -> Result<(Option<PathBuf>, Option<Hold>, Removed), Error> {
    if let Some(told) = &common.capture {
        let path = (told.as_os_str() != "none").then(|| told.clone());
        return Ok((path, None, Removed::default()));
    }
    let directory = paths::state().map_err(|error| {
        Error::new(error.to_string()).hint("name a file with --capture FILE, or --capture none")
    })?;
    let removed = capture::clean(&directory, &common.keep.policy(), now);
    // Where nothing can be held nothing can be written, which the writer tells.
    let (path, hold) = match Hold::new(&directory, now) {
        Ok((path, hold)) => (path, Some(hold)),
        Err(_) => (directory.join(capture::file_name(now)), None),
    };
    Ok((Some(path), hold, removed))
}

/// Has what is in flight outlive this program up to its last byte, where that is possible.
fn keep_tail(tap: &Tap, recording: &mut Recording, started: At, redactor: Redactor) {
    let capture = recording.path().filter(|path| path.is_file());
    let (Some(capture), Some(place)) = (capture, volatile::place()) else {
        return;
    };
    let Place { directory, room } = place;
    let tail = capture::absolute(capture).and_then(|capture| {
        Tail::start(
            &directory,
            recording.run(),
            room,
            &capture,
            started,
            redactor,
        )
    });
    match tail {
        Ok(tail) => {
            tap.keep_tail(tail.clone());
            recording.keep_tail(tail);
        }
        Err(error) => {
            let directory = directory.display();
            tracing::warn!("no tail in {directory}: {error}");
        }
    }
}

/// Recovers what was in flight when runs before were killed: those that wrote to the file that was
/// named or, without one, all whose captures are in the state directory.
fn recover(common: &Common) {
    match &common.capture {
        Some(path) if path.as_os_str() == "none" => {}
        Some(path) => {
            super::recovery::recover(path);
        }
        None => {
            if let Ok(directory) = paths::state() {
                super::recovery::recover(&directory);
            }
        }
    }
}
