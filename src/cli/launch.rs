//! `codextap codex …` and `codextap run -- …`: a child whose traffic goes through a codextap that
//! runs, or through one that records as long as the child does.

use std::ffi::{OsStr, OsString};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::{ExitCode, ExitStatus};

use tokio::process::Command;

use super::args::Common;
use super::aside;
use super::codex::{self, Arguments, Login, Overrides, Settings};
use super::error::Error;
use super::presence;
use super::runtime::{self, Running};
use super::signals::Signals;
use super::station::{Plan, Station, routes};
use super::{child, choice, record, report};
use crate::config::{self, paths};
use crate::proxy::Route;

/// What is to be run.
#[derive(Debug)]
pub(super) struct Job {
    program: OsString,
    arguments: Vec<OsString>,
    login: Login,
    /// What is known of it if it is a Codex.
    codex: Option<Codex>,
}

/// What is known of a Codex before it runs.
#[derive(Debug)]
struct Codex {
    version: Option<(u32, u32)>,
    arguments: Arguments,
    settings: Settings,
}

impl Job {
    /// Codex, logged in as `login` says or as it is found to be.
    pub(super) async fn codex(program: &str, login: Option<Login>, arguments: &[OsString]) -> Self {
        let read = Arguments::parse(arguments);
        let settings = Settings::read(&read, codex::home().as_deref());
        let version = codex::version(program).await;
        let login = match login {
            Some(login) => login,
            None => Login::of(program, &read, &settings).await,
        };
        Self {
            program: program.into(),
            arguments: arguments.to_vec(),
            login,
            codex: Some(Codex {
                version: version.ok().and_then(|text| codex::parse_version(&text)),
                arguments: read,
                settings,
            }),
        }
    }

    /// Any command. One that is a Codex by its name is told what a Codex understands.
    pub(super) async fn command(program: &OsStr, login: Login, arguments: &[OsString]) -> Self {
        let is_codex = Path::new(program)
            .file_stem()
            .is_some_and(|it| it == "codex");
        if let Some(program) = program.to_str().filter(|_| is_codex) {
            return Self::codex(program, None, arguments).await;
        }
        Self {
            program: program.to_owned(),
            arguments: arguments.to_vec(),
            login,
            codex: None,
        }
    }

    /// The child's command line and environment; `aside`: where its side channels go to.
    fn prepare(&self, proxy: &Running, aside: Option<&str>) -> Command {
        let base_url = self.login.base_url(proxy);
        let host = proxy.reachable().ip();
        let no_proxy = config::environment("NO_PROXY").or_else(|| config::environment("no_proxy"));
        let overrides = match &self.codex {
            Some(codex) => Overrides::new(codex.version, &base_url, host, no_proxy.as_deref()),
            None => Overrides::of_any(&base_url, host, no_proxy.as_deref()),
        };
        let overrides = match aside {
            Some(url) => overrides.with_side_channels(url),
            None => overrides,
        };
        let mut command = Command::new(&self.program);
        command
            .args(overrides.arguments)
            .args(&self.arguments)
            .envs(overrides.variables)
            // It is in the base URL, which the commands that Codex runs do not get.
            .env_remove("CODEXTAP_TOKEN");
        command
    }

    fn name(&self) -> String {
        let name = Path::new(&self.program).file_name();
        name.unwrap_or(&self.program).to_string_lossy().into_owned()
    }

    /// Says why this will go past the proxy, if that can be known.
    fn warn(&self, proxy: &Running) -> bool {
        let Some(codex) = self.codex.as_ref().filter(|it| it.arguments.asks_model()) else {
            return false;
        };
        let detour = (codex.settings).detour(&codex.arguments, |url| proxy.is_at(url));
        if let Some((what, mend)) = &detour {
            report(&format!("codex will go past codextap: {what}; {mend}"));
        }
        detour.is_some()
    }

    /// Where it is to send side channels, if `proxy` takes them; else, or where that cannot be, what is said
    /// about it.
    async fn aside(&self, proxy: &Running, is_asked: bool) -> Result<Option<String>, String> {
        let Some(codex) = self.codex.as_ref().filter(|_| self.login == Login::ChatGpt) else {
            return Ok(None);
        };
        if !proxy.side_channels {
            return if is_asked {
                Err(format!(
                    "the codextap on {} takes no side channels, so they go to ChatGPT directly; \
                     start that one with --side-channels",
                    proxy.address
                ))
            } else {
                Ok(None)
            };
        }
        match codex.settings.text(&["chatgpt_base_url"]) {
            // It is told by hand what it would be told here.
            Some((url, _)) if proxy.is_at(url) => Ok(None),
            Some((url, layer)) if !aside::is_default(url) => Err(format!(
                "codex's side channels will go past codextap: chatgpt_base_url in {layer} leads to \
                 {url}; leave it out"
            )),
            _ if aside::leads_here().await => Ok(Some(aside::base_url(proxy))),
            _ => Err(
                "codex's side channels will go to ChatGPT directly: localhost is not 127.0.0.1 \
                 here; /etc/hosts may say that it is"
                    .to_owned(),
            ),
        }
    }

    /// Says that nothing came, where something was to come.
    fn tell_absence(&self, status: ExitStatus) {
        // Codex and most others say by it that they did not understand their arguments.
        if status.code() == Some(2) {
            return;
        }
        match &self.codex {
            Some(codex) if !codex.arguments.asks_model() => {}
            Some(_) => report(
                "nothing of codex came through codextap: it asked nothing, or its provider leads \
                 elsewhere; `codextap doctor` looks into it",
            ),
            None => report(&format!(
                "nothing of {} came through codextap: it asked nothing, or does not read \
                 OPENAI_BASE_URL",
                self.name()
            )),
        }
    }

    /// Runs it with its traffic sent to `proxy`.
    async fn run(&self, proxy: &Running, common: &Common) -> Result<ExitStatus, Error> {
        let is_quiet = common.quiet;
        let is_warned = !is_quiet && self.warn(proxy);
        let aside = self.aside(proxy, common.side_channels).await;
        let aside = aside.unwrap_or_else(|why| {
            if !is_quiet {
                report(&why);
            }
            None
        });
        let before = presence::ask(proxy).await.ok();
        let status = child::run(self.prepare(proxy, aside.as_deref()))
            .await
            .map_err(|error| {
                let error = Error::new(format!(
                    "cannot run {}: {error}",
                    self.program.to_string_lossy()
                ));
                match &self.codex {
                Some(_) => error.hint(
                    "install it with `npm install -g @openai/codex`, or name it with --codex PATH",
                ),
                None => error,
            }
            })?;
        let after = presence::ask(proxy).await.ok();
        let is_absent = before
            .is_some_and(|before| after.is_some_and(|after| after.exchanges == before.exchanges));
        if is_absent && !is_warned && !is_quiet {
            self.tell_absence(status);
        }
        Ok(status)
    }
}

/// Runs `job` to its end; its exit code is ours.
pub(super) async fn launch(common: &Common, job: &Job) -> Result<ExitCode, Error> {
    let upstreams = own_upstreams(common)?;
    let proxy = match running(common, upstreams.as_deref()).await {
        Found::Joined(proxy) => proxy,
        Found::Other(address) => return record(common, job, Some(address)).await,
        Found::None => return record(common, job, None).await,
    };
    let mut told = vec!["capture", "filter", "upstream-proxy"];
    if upstreams.is_some_and(|upstreams| upstreams != proxy.upstreams) {
        told.extend(UPSTREAMS);
    }
    let told = told.iter().filter(|key| common.settings.is_told(key));
    for key in told.filter(|_| !common.quiet) {
        let (address, name) = (proxy.address, common.settings.name(key));
        report(&format!(
            "the codextap on {address} records this; {name} has no effect"
        ));
    }
    // One that shows its traffic knows by this that the child runs.
    let _child = presence::stand_for_child(&proxy).await;
    let status = job.run(&proxy, common).await?;
    Ok(child::exit_code(status))
}

/// Which codextap is to record.
#[derive(Debug)]
pub(super) enum Found {
    /// One that runs.
    Joined(Running),
    /// None: the newest, on this address, has other upstreams than were asked for.
    Other(SocketAddr),
    /// None.
    None,
}

/// What the options of this run say where the traffic goes to, if they do.
fn own_upstreams(common: &Common) -> Result<Option<Vec<String>>, Error> {
    if !UPSTREAMS.iter().any(|key| common.settings.is_told(key)) {
        return Ok(None);
    }
    let routes = routes(common)?;
    Ok(Some(routes.iter().map(Route::told).collect()))
}

/// The codextap that runs on the address of the command line if one was given, else the newest that has these
/// `upstreams`.
pub(super) async fn running(common: &Common, upstreams: Option<&[String]>) -> Found {
    let Ok(state) = paths::state() else {
        return Found::None;
    };
    let mut found = runtime::find(&state.join("running")).await.running;
    // Who names an address means the one that is there. With upstreams that are told, the settings file's is no more
    // than where one may run.
    let is_named = common.settings.is_told("listen");
    if let Some(upstreams) = upstreams.filter(|_| !is_named) {
        let newest = found.first().map(|newest| newest.address);
        found.retain(|running| running.upstreams == upstreams);
        if let Some(newest) = newest.filter(|_| found.is_empty()) {
            return Found::Other(newest);
        }
    }
    let count = found.len();
    let asked = common.listen_given();
    let mut chosen = found
        .into_iter()
        .filter(|running| asked.is_none_or(|asked| running.listens_at(asked)));
    let newest = chosen.next();
    match (&newest, asked) {
        (Some(newest), None) if count > 1 && !common.quiet => report(&format!(
            "{count} of codextap run; the newest, on {}, records this (--listen chooses another)",
            newest.address
        )),
        (None, Some(asked)) if count > 0 && !common.quiet => report(&format!(
            "no codextap runs on {asked}, so one of its own records this"
        )),
        _ => {}
    }
    newest.map_or(Found::None, Found::Joined)
}

/// Records as long as `job` runs; `other`: the address of a codextap that was not joined.
async fn record(common: &Common, job: &Job, other: Option<SocketAddr>) -> Result<ExitCode, Error> {
    let choice = choice(common)?;
    let plan = Plan {
        listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
        ..Plan::new(common)?
    };
    let station = Station::start(common, plan).await?;
    station.tell_removed(common);
    let (proxy, is_quiet) = (station.running.clone(), common.quiet);
    let (ended, child_ended) = tokio::sync::oneshot::channel::<()>();
    if let Some(other) = other.filter(|_| !common.quiet) {
        report(&format!(
            "{other} has other upstreams: started my own on {}",
            proxy.address
        ));
    }
    // The child owns standard output.
    let recording = tokio::spawn(async move {
        let ending = async {
            let _ = child_ended.await;
            // Those of before were the child's.
            Signals::listen()
        };
        record::recording(station, ending, choice, is_quiet, |_| ()).await
    });
    let status = job.run(&proxy, common).await;
    drop(ended);
    let recorded = recording
        .await
        .map_err(|error| Error::new(format!("recording: {error}")))?;
    let status = status?;
    recorded?;
    Ok(child::exit_code(status))
}

/// The options that say where traffic goes to.
const UPSTREAMS: [&str; 3] = ["api-upstream", "chatgpt-upstream", "route"];
