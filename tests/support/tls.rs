//! TLS for scripted upstreams.

use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

/// TLS for `localhost`, under the test CA that `tests/support/tls` holds.
pub fn acceptor(protocols: &[&[u8]]) -> TlsAcceptor {
    acceptor_with(include_bytes!("tls/localhost.pem"), protocols)
}

/// TLS with a certificate that ended in 2021, under the CA of `tls/expired-ca.pem`.
pub fn expired() -> TlsAcceptor {
    acceptor_with(include_bytes!("tls/expired.pem"), &[])
}

fn acceptor_with(pem: &[u8], protocols: &[&[u8]]) -> TlsAcceptor {
    let certificate = CertificateDer::from_pem_slice(pem).unwrap();
    let key = PrivateKeyDer::from_pem_slice(include_bytes!("tls/localhost.key")).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
    TlsAcceptor::from(Arc::new(config))
}
