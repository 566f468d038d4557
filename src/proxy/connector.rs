//! Connections to upstreams: TCP, and TLS on top for `https`.
//!
//! TLS is set up when the first `https` upstream is asked for: reading the system's roots takes
//! longer than everything else at start, and an `http` upstream needs none of it.

use std::error::Error as StdError;
use std::future::Future;
use std::net::SocketAddr;
use std::path::Path;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use http::uri::Scheme;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder, MaybeHttpsStream};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use tokio::net::TcpStream;
use tower_service::Service;

use super::error::{Error, reason};

/// Makes connections. Clones share their TLS set-up.
#[derive(Clone, Debug)]
pub(super) struct Connector {
    shared: Arc<Shared>,
    /// Whether HTTP/2 may be negotiated.
    http2: bool,
}

#[derive(Debug)]
struct Shared {
    tcp: HttpConnector,
    /// Roots to trust besides the system's.
    roots: Vec<CertificateDer<'static>>,
    /// Made by the first `https` connection; the error is kept, because trying again would not help.
    tls: OnceLock<Result<ClientConfig, String>>,
    timeout: Duration,
    /// Where the proxy itself listens.
    listen: SocketAddr,
}

impl Connector {
    /// A connector that negotiates HTTP/2, and within `timeout` resolves, connects and handshakes.
    /// Connections to `listen` are refused as [`ConnectError::Loop`].
    pub(super) fn new(
        roots: Vec<CertificateDer<'static>>,
        timeout: Duration,
        listen: SocketAddr,
    ) -> Self {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_keepalive(Some(KEEP_ALIVE));
        let shared = Shared {
            tcp,
            roots,
            tls: OnceLock::new(),
            timeout,
            listen,
        };
        Self {
            shared: Arc::new(shared),
            http2: true,
        }
    }

    /// The same one without HTTP/2, for upgrades.
    pub(super) fn http1(&self) -> Self {
        Self {
            http2: false,
            ..self.clone()
        }
    }

    async fn connect(self, uri: Uri) -> Result<Stream, ConnectError> {
        if uri.scheme() == Some(&Scheme::HTTPS) {
            return self.tls()?.call(uri).await.map_err(ConnectError::Failed);
        }
        let stream = self.shared.tcp.clone().call(uri).await;
        let stream = stream.map_err(|error| ConnectError::Failed(error.into()))?;
        // Over TLS nothing can loop: this listener does not speak it.
        if is_loop(stream.inner(), self.shared.listen) {
            return Err(ConnectError::Loop);
        }
        Ok(MaybeHttpsStream::Http(stream))
    }

    fn tls(&self) -> Result<HttpsConnector<HttpConnector>, ConnectError> {
        let config = self
            .shared
            .tls
            .get_or_init(|| tls_config(&self.shared.roots));
        let config = config.clone().map_err(ConnectError::Tls)?;
        let builder = HttpsConnectorBuilder::new()
            .with_tls_config(config)
            .https_only();
        let tcp = self.shared.tcp.clone();
        Ok(if self.http2 {
            builder.enable_all_versions().wrap_connector(tcp)
        } else {
            builder.enable_http1().wrap_connector(tcp)
        })
    }
}

impl Service<Uri> for Connector {
    type Response = Stream;
    type Error = ConnectError;
    type Future = Pin<Box<dyn Future<Output = Result<Stream, ConnectError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), ConnectError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let timeout = self.shared.timeout;
        let connecting = self.clone().connect(uri);
        Box::pin(async move {
            let connected = tokio::time::timeout(timeout, connecting).await;
            connected.unwrap_or(Err(ConnectError::TimedOut(timeout)))
        })
    }
}

/// A connection to an upstream.
pub(super) type Stream = MaybeHttpsStream<TokioIo<TcpStream>>;

/// Why there is no connection to an upstream.
#[derive(Debug, thiserror::Error)]
pub(super) enum ConnectError {
    /// Resolving, connecting or the TLS handshake failed.
    #[error(transparent)]
    Failed(Box<dyn StdError + Send + Sync>),
    /// They took too long.
    #[error("no connection within {0:?}")]
    TimedOut(Duration),
    /// TLS cannot be set up on this machine.
    #[error("TLS cannot be set up: {0}")]
    Tls(String),
    /// The upstream is the proxy itself.
    #[error("the upstream is codextap itself")]
    Loop,
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

/// What every TLS connection shares: ring's ciphers, the system's verifier with `roots` added.
fn tls_config(roots: &[CertificateDer<'static>]) -> Result<ClientConfig, String> {
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
    Ok(config
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth())
}

/// Whether `stream` leads to the listener at `listen`.
fn is_loop(stream: &TcpStream, listen: SocketAddr) -> bool {
    let (Ok(peer), Ok(local)) = (stream.peer_addr(), stream.local_addr()) else {
        return false;
    };
    let own = if listen.ip().is_unspecified() {
        // A wildcard listens on every address of this machine, and those talk to themselves.
        peer.ip() == local.ip() || peer.ip().is_loopback()
    } else {
        peer.ip() == listen.ip()
    };
    own && peer.port() == listen.port()
}

/// How long a connection is silent before TCP asks whether the peer is still there.
pub(super) const KEEP_ALIVE: Duration = Duration::from_secs(60);
