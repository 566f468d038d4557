//! Connections to upstreams: names resolved, TCP, an outer proxy's tunnel where one is used, and TLS
//! for `https`.
//!
//! TLS is set up when it is first needed: reading the system's roots takes longer than everything
//! else at start, and an `http` upstream needs none of it.
//!
//! hyper-util has tunnels as well. They are not used here because they keep what an outer proxy said to
//! themselves, resolve names on the calling thread, and take no time down.

use std::convert::Infallible;
use std::error::Error as StdError;
use std::fmt;
use std::future::{Ready, ready};
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::Name;
use rustls::ClientConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tower_service::Service;

use super::error::{Error, reason};
use super::outer::{OuterProxies, OuterProxy, Protocol};
use super::route::Route;
use super::stream::{MaybeTls, Stream};
use super::tunnel::{self, Target, TunnelError};
use crate::tap::{At, Clock, Connection};

/// Makes connections.
#[derive(Debug)]
pub(super) struct Connector {
    /// Roots to trust besides the system's.
    roots: Vec<CertificateDer<'static>>,
    /// Made by the first connection with TLS; the error is kept, because trying again would not help.
    tls: OnceLock<Result<Tls, String>>,
    outer: OuterProxies,
    timeout: Duration,
    clock: Clock,
}

/// TLS, by what it negotiates.
#[derive(Clone)]
struct Tls {
    /// HTTP/2 or HTTP/1.1.
    any: TlsConnector,
    /// Nothing, and so HTTP/1.1.
    http1: TlsConnector,
}

impl Connector {
    /// A connector that has a connection within `timeout` or gives up.
    pub(super) fn new(
        roots: Vec<CertificateDer<'static>>,
        outer: OuterProxies,
        timeout: Duration,
        clock: Clock,
    ) -> Self {
        Self {
            roots,
            tls: OnceLock::new(),
            outer,
            timeout,
            clock,
        }
    }

    /// The outer proxy on the way to the upstream of `route`.
    pub(super) fn proxy(&self, route: &Route) -> Option<&Arc<str>> {
        let (tls, host, port) = route.place();
        self.outer.find(tls, host, port).map(|proxy| &proxy.name)
    }

    /// A connection to the upstream of `route`, on which HTTP/2 may be negotiated, and how it was made.
    pub(super) async fn connect(
        &self,
        route: &Route,
        http2: bool,
    ) -> Result<(Stream, Connection), ConnectError> {
        let (tls, host, port) = route.place();
        let proxy = self.outer.find(tls, host, port);
        let mut attempt = Attempt {
            connector: self,
            proxy: proxy.map(Arc::as_ref),
            step: Step::Resolve,
            connection: Connection {
                proxy: proxy.map(|proxy| Arc::clone(&proxy.name)),
                ..Connection::default()
            },
            begun: self.clock.now(),
        };
        let made = tokio::time::timeout(self.timeout, attempt.make(tls, host, port, http2)).await;
        match made.unwrap_or(Err(Why::TimedOut(self.timeout))) {
            Ok(stream) => Ok((stream, attempt.connection)),
            Err(why) => Err(ConnectError {
                step: attempt.step,
                proxy: attempt.connection.proxy,
                why,
            }),
        }
    }

    fn tls(&self) -> Result<&Tls, Why> {
        let tls = self.tls.get_or_init(|| Tls::new(&self.roots));
        let no_tls = |error: &String| Why::Said(format!("TLS cannot be set up: {error}"));
        tls.as_ref().map_err(no_tls)
    }
}

/// A connection in the making.
struct Attempt<'a> {
    connector: &'a Connector,
    proxy: Option<&'a OuterProxy>,
    /// What is being done.
    step: Step,
    /// What took how long so far.
    connection: Connection,
    /// When the step began.
    begun: At,
}

impl Attempt<'_> {
    async fn make(&mut self, tls: bool, host: &str, port: u16, http2: bool) -> Result<Stream, Why> {
        let (near, near_port) = match self.proxy {
            Some(proxy) => (&proxy.host[..], proxy.port),
            None => (host, port),
        };
        let speaks = |protocol| self.proxy.is_some_and(|proxy| proxy.protocol == protocol);
        let (is_socks5, proxy_tls) = (speaks(Protocol::Socks5), speaks(Protocol::Https));
        if tls || proxy_tls {
            // Its roots may take a while to read, which is no part of a handshake.
            self.step = Step::Tls;
            self.connector.tls()?;
            self.lap();
        }

        self.step = Step::Resolve;
        let addresses = resolve(near, near_port).await?;
        let mut target = Target::Host(host, port);
        if is_socks5 {
            self.step = Step::ResolveFar;
            if let Some(address) = resolve(host, port).await?.first() {
                target = Target::Address(*address);
            }
        }
        let (took, is_name) = (self.lap(), |host: &str| host.parse::<IpAddr>().is_err());
        let has_resolved = is_name(near) || (is_socks5 && is_name(host));
        self.connection.dns = has_resolved.then_some(took);

        self.step = Step::Connect;
        let mut stream = MaybeTls::Plain(tcp(addresses, near_port).await?);
        if let Some(proxy) = self.proxy {
            if proxy_tls {
                self.step = Step::ProxyTls;
                stream = on(stream, &self.connector.tls()?.http1, near).await?;
            }
            self.step = Step::Tunnel;
            match proxy.protocol {
                Protocol::Http | Protocol::Https => {
                    tunnel::connect(&mut stream, proxy, host, port).await?;
                }
                Protocol::Socks5 | Protocol::Socks5h => {
                    tunnel::socks(&mut stream, proxy.credentials.as_ref(), target).await?;
                }
            }
        }
        self.connection.connect = Some(self.lap());

        let stream = MaybeTls::Plain(stream);
        if !tls {
            return Ok(stream);
        }
        self.step = Step::Tls;
        let tls = self.connector.tls()?;
        let tls = if http2 { &tls.any } else { &tls.http1 };
        let stream = on(stream, tls, host).await?;
        self.connection.tls = Some(self.lap());
        Ok(stream)
    }

    /// How long it is since this was last asked.
    fn lap(&mut self) -> Duration {
        let now = self.connector.clock.now();
        now.since(std::mem::replace(&mut self.begun, now))
    }
}

/// Why there is no connection to an upstream.
#[derive(Debug, thiserror::Error)]
#[error("{step}: {why}")]
pub(super) struct ConnectError {
    /// What failed.
    pub(super) step: Step,
    /// The outer proxy on the way.
    pub(super) proxy: Option<Arc<str>>,
    /// How.
    #[source]
    pub(super) why: Why,
}

/// The steps to a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Step {
    /// Resolving the name of the upstream, or of the outer proxy in front of it.
    Resolve,
    /// Resolving the name of an upstream for an outer proxy.
    ResolveFar,
    /// TCP to the upstream or to the outer proxy.
    Connect,
    /// TLS to the outer proxy.
    ProxyTls,
    /// Asking the outer proxy for a tunnel.
    Tunnel,
    /// TLS to the upstream.
    Tls,
    /// HTTP/2's beginning.
    Http2,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Resolve | Self::ResolveFar => "resolve",
            Self::Connect => "connect",
            Self::ProxyTls => "TLS handshake with the outer proxy",
            Self::Tunnel => "tunnel through the outer proxy",
            Self::Tls => "TLS handshake",
            Self::Http2 => "HTTP/2 handshake",
        })
    }
}

/// How a step failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum Why {
    /// A call did.
    #[error(transparent)]
    Failed(#[from] Box<dyn StdError + Send + Sync>),
    /// It had no time left.
    #[error("no connection within {0:?}")]
    TimedOut(Duration),
    /// In the words for it.
    #[error("{0}")]
    Said(String),
}

impl From<std::io::Error> for Why {
    fn from(error: std::io::Error) -> Self {
        Self::Failed(error.into())
    }
}

impl From<TunnelError> for Why {
    fn from(error: TunnelError) -> Self {
        match error {
            TunnelError::Io(error) => error.into(),
            TunnelError::Refused(_) => Self::Said(error.to_string()),
        }
    }
}

/// The addresses of `host`, a name or an address.
async fn resolve(host: &str, port: u16) -> Result<Vec<SocketAddr>, Why> {
    let found: Vec<SocketAddr> = tokio::net::lookup_host((host, port)).await?.collect();
    if found.is_empty() {
        return Err(Why::Said(format!("{host} has no address")));
    }
    Ok(found)
}

/// A connection to one of `addresses`, the first that answers; both families are tried side by side
/// (RFC 8305).
async fn tcp(addresses: Vec<SocketAddr>, port: u16) -> Result<TcpStream, Why> {
    let mut connector = HttpConnector::new_with_resolver(Resolved(addresses));
    connector.set_nodelay(true);
    connector.set_keepalive(Some(KEEP_ALIVE));
    // The resolver answers to any name.
    let place = format!("http://resolved:{port}").parse::<Uri>();
    let place = place.map_err(|error| Why::Failed(error.into()))?;
    let stream = connector.call(place).await;
    Ok(stream
        .map_err(|error| Why::Failed(error.into()))?
        .into_inner())
}

/// A resolver that was told already.
#[derive(Clone)]
struct Resolved(Vec<SocketAddr>);

impl Service<Name> for Resolved {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Name) -> Self::Future {
        ready(Ok(std::mem::take(&mut self.0).into_iter()))
    }
}

/// TLS with `host` on `stream`.
async fn on<S>(stream: MaybeTls<S>, tls: &TlsConnector, host: &str) -> Result<MaybeTls<S>, Why>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let MaybeTls::Plain(stream) = stream else {
        return Ok(stream);
    };
    let name = ServerName::try_from(host.to_owned());
    let name = name.map_err(|error| Why::Failed(error.into()))?;
    let stream = tls.connect(name, stream).await?;
    Ok(MaybeTls::Tls(Box::new(stream)))
}

impl Tls {
    /// ring's ciphers, the system's verifier with `roots` added.
    fn new(roots: &[CertificateDer<'static>]) -> Result<Self, String> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verifier = rustls_platform_verifier::Verifier::new_with_extra_roots(
            roots.iter().cloned(),
            Arc::clone(&provider),
        );
        let verifier = verifier.map_err(|error| error.to_string())?;
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?;
        // `dangerous` is rustls's word for any verifier of one's own; this one is the system's.
        let http1 = config
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_no_client_auth();
        let mut any = http1.clone();
        any.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Self {
            any: Arc::new(any).into(),
            http1: Arc::new(http1).into(),
        })
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tls")
    }
}

/// Reads the certificates of a PEM file; at least one.
pub(super) fn read_roots(path: &Path) -> Result<Vec<CertificateDer<'static>>, Error> {
    let fail = |reason: String| Error::Roots {
        path: path.to_owned(),
        reason,
    };
    let pem = std::fs::read(path).map_err(|error| fail(reason(&error)))?;
    let roots: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    let roots = roots.map_err(|error| fail(error.to_string()))?;
    if roots.is_empty() {
        return Err(fail("there is no PEM certificate in it".to_owned()));
    }
    Ok(roots)
}

/// How many certificates are in a PEM file that is to be [`Config::upstream_ca`](super::Config).
///
/// # Errors
/// When it cannot be read, or has none.
pub fn check_roots(path: &Path) -> Result<usize, Error> {
    Ok(read_roots(path)?.len())
}

/// How long a connection is silent before TCP asks whether the peer is still there.
pub(super) const KEEP_ALIVE: Duration = Duration::from_secs(60);
