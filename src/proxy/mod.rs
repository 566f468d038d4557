//! The reverse proxy that Codex talks to.
//!
//! It listens on one port and forwards by path ([`Route`]): HTTP/1.1 from Codex, HTTP/1.1 or HTTP/2
//! to the upstream, WebSocket upgrades upstream-first and then as raw bytes. Both ways it streams
//! with backpressure. HTTP/1.1 it relays itself, to the byte: a head is parsed, and its lines go on
//! as they came; a body's framing is watched, and its bytes go on as they came. It adds no field but
//! `Connection: close` where it closes, follows no redirect and never repeats a request. To each
//! client's connection belongs one of its own to the upstream, and the two end together: a client
//! that goes away aborts the upstream, and the reverse. What passes is copied to the [`Tap`], which
//! may pause a stream for a moment but never fail one.
//!
//! It refuses what must not pass (`guard`): requests without the [`Token`] where one is needed,
//! foreign `Host` names, browsers, paths without a route, requests that would lead back into
//! itself, and messages that two readers may read in two ways.

mod answer;
mod body;
mod chunked;
mod client;
mod connector;
mod error;
mod forward;
mod frames;
mod guard;
mod head;
mod hop;
mod http2;
mod listen;
mod no_proxy;
mod outer;
mod pass;
mod presence;
mod refusal;
mod relay;
mod reply;
mod returned;
mod route;
mod stream;
mod token;
mod tunnel;
mod upload;
mod upstream;
mod wire;
mod workspace;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::watch;

pub use connector::check_roots;
pub use error::Error;
pub use listen::Stage;
pub use outer::OuterProxies;
pub use route::Route;
pub use token::{Token, TokenError};

use crate::tap::Tap;

/// What a proxy is told before it starts.
#[derive(Clone, Debug)]
pub struct Config {
    /// The address to listen on; port 0 lets the system choose.
    pub listen: SocketAddr,
    /// Which path leads to which upstream; the longest prefix wins.
    pub routes: Vec<Route>,
    /// What each request must show. None is needed on a loopback address.
    pub token: Option<Token>,
    /// What proves to others on this machine that it is this proxy that listens; without one, nobody
    /// is told.
    pub key: Option<Token>,
    /// Names that `Host` may have besides loopback's and the address listened on.
    pub hosts: Vec<String>,
    /// A PEM file of root certificates that upstreams may use besides the system's.
    pub upstream_ca: Option<PathBuf>,
    /// How long a client may take from the first byte of a request's head to its end.
    pub request_timeout: Duration,
    /// Whether clients send what is no model traffic here as well, for which one answer of ChatGPT's
    /// has to be changed: what back end a workspace is bound to.
    pub side_channels: bool,
    /// Which outer proxies lead to the upstreams.
    pub outer: OuterProxies,
    /// How long resolving, connecting, an outer proxy's tunnel and the TLS handshake may take together.
    pub connect_timeout: Duration,
    /// How long an upstream may take to its response head; `None`: as long as the client waits.
    pub head_timeout: Option<Duration>,
    /// How long the answer to an upgrade may take, connecting included.
    pub upgrade_timeout: Duration,
    /// How long no byte may pass on a WebSocket, either way, before both ends are sent a close frame
    /// with 1011; `None`: for ever, as Codex's sockets are silent for as long as its user is.
    pub ws_idle_timeout: Option<Duration>,
    /// How long a WebSocket may be silent once one of its ends has sent a FIN.
    pub half_closed_timeout: Duration,
    /// How long exchanges in flight may go on after the shutdown began.
    pub drain: Duration,
}

impl Default for Config {
    /// `127.0.0.1:8787`, OpenAI's two upstreams, and timeouts that Codex never meets in good health.
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8787)),
            routes: vec![Route::api(), Route::chatgpt()],
            token: None,
            key: None,
            hosts: Vec::new(),
            upstream_ca: None,
            request_timeout: Duration::from_secs(60),
            side_channels: false,
            outer: OuterProxies::default(),
            connect_timeout: Duration::from_secs(10),
            head_timeout: None,
            upgrade_timeout: Duration::from_secs(60),
            ws_idle_timeout: None,
            half_closed_timeout: Duration::from_secs(30),
            drain: Duration::from_secs(5),
        }
    }
}

/// A proxy that listens.
#[derive(Debug)]
pub struct Proxy {
    listener: TcpListener,
    addr: SocketAddr,
    forwarder: Arc<forward::Forwarder>,
    drain: Duration,
}

impl Proxy {
    /// Begins to listen; clients are served once [`Proxy::serve`] runs. Fails when the address is
    /// not to be had, or open to others and there is no token, or the CA file cannot be used.
    pub async fn bind(config: Config, tap: Tap) -> Result<Self, Error> {
        let listen = config.listen;
        match &config.token {
            Some(token) => tap.hide(token.as_str()),
            None if listen.ip().to_canonical().is_loopback() => {}
            None => return Err(Error::Exposed(listen)),
        }
        let fail = |source| Error::Bind {
            addr: listen,
            source,
        };
        let roots = config
            .upstream_ca
            .as_deref()
            .map(connector::read_roots)
            .transpose()?;
        let listener = TcpListener::bind(listen).await.map_err(fail)?;
        let addr = listener.local_addr().map_err(fail)?;
        let drain = config.drain;
        let forwarder = forward::Forwarder::new(config, addr, roots.unwrap_or_default(), tap);
        Ok(Self {
            listener,
            addr,
            forwarder: Arc::new(forwarder),
            drain,
        })
    }

    /// The address it listens on, with the real port.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.addr
    }

    /// How many children of others on this machine send their traffic here.
    #[must_use]
    pub fn children(&self) -> watch::Receiver<usize> {
        self.forwarder.presence.children()
    }

    /// Serves until `stage` is [`Stage::Draining`] or its sender is gone, lets what is in flight go on
    /// for [`Config::drain`] or until `stage` is [`Stage::Closing`], and ends the rest. Dropping the
    /// future cuts everything at once.
    pub async fn serve(self, stage: watch::Receiver<Stage>) {
        listen::serve(self.listener, self.forwarder, self.drain, stage).await;
    }
}
