//! Outer proxies on loopback that lead every name to one server.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use super::tls::acceptor;

/// What an outer proxy speaks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    Http,
    Https,
    Socks,
}

/// A running outer proxy. Dropped, it takes no more connections.
pub struct Outer {
    pub addr: SocketAddr,
    /// What it was asked: CONNECT's heads; for SOCKS, credentials and the place.
    heard: Arc<Mutex<Vec<String>>>,
    serving: JoinHandle<()>,
}

impl Outer {
    /// Leads to `server`, whatever it is asked for. SOCKS wants a password if `is_closed`.
    pub async fn start(kind: Kind, is_closed: bool, server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let told = Arc::clone(&heard);
        let serving = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let told = Arc::clone(&told);
                tokio::spawn(async move {
                    match kind {
                        Kind::Http => by_connect(stream, server, &told).await,
                        Kind::Https => {
                            let stream = acceptor(&[]).accept(stream).await.unwrap();
                            by_connect(stream, server, &told).await;
                        }
                        Kind::Socks => by_socks(stream, is_closed, server, &told).await,
                    }
                });
            }
        });
        Self {
            addr,
            heard,
            serving,
        }
    }

    pub fn heard(&self) -> Vec<String> {
        self.heard.lock().unwrap().clone()
    }
}

impl Drop for Outer {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn by_connect<S>(mut stream: S, server: SocketAddr, asked: &Mutex<Vec<String>>)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    asked.lock().unwrap().push(String::from_utf8(head).unwrap());
    let established = b"HTTP/1.1 200 Connection established\r\nvia: outer\r\n\r\n";
    stream.write_all(established).await.unwrap();
    stream.flush().await.unwrap();
    relay(stream, server).await;
}

/// RFC 1928 and 1929.
async fn by_socks<S>(mut stream: S, is_closed: bool, server: SocketAddr, asked: &Mutex<Vec<String>>)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    assert_eq!(stream.read_u8().await.unwrap(), 5);
    let methods = short(&mut stream).await;
    let method = if is_closed { 2 } else { 0 };
    assert_eq!(methods, [method]);
    stream.write_all(&[5, method]).await.unwrap();
    let mut told = String::new();
    if is_closed {
        assert_eq!(stream.read_u8().await.unwrap(), 1);
        for mark in [":", "@"] {
            told.push_str(&String::from_utf8(short(&mut stream).await).unwrap());
            told.push_str(mark);
        }
        stream.write_all(&[1, 0]).await.unwrap();
    }
    let mut request = [0; 4];
    stream.read_exact(&mut request).await.unwrap();
    assert_eq!(request[..3], [5, 1, 0]);
    let host = match request[3] {
        1 => stream
            .read_u32()
            .await
            .map(|bits| std::net::Ipv4Addr::from_bits(bits).to_string()),
        4 => stream
            .read_u128()
            .await
            .map(|bits| std::net::Ipv6Addr::from_bits(bits).to_string()),
        _ => Ok(String::from_utf8(short(&mut stream).await).unwrap()),
    };
    let port = stream.read_u16().await.unwrap();
    let place = format!("{told}{}:{port}", host.unwrap());
    asked.lock().unwrap().push(place);
    // Where the tunnel begins, as a name: whoever reads on must have read all of it.
    stream
        .write_all(b"\x05\x00\x00\x03\x04here\x00\x07")
        .await
        .unwrap();
    relay(stream, server).await;
}

/// Bytes with their number in front.
async fn short<S: AsyncRead + Unpin>(stream: &mut S) -> Vec<u8> {
    let mut bytes = vec![0; stream.read_u8().await.unwrap().into()];
    stream.read_exact(&mut bytes).await.unwrap();
    bytes
}

async fn relay<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S, server: SocketAddr) {
    let mut far = TcpStream::connect(server).await.unwrap();
    // However it ends, it does.
    let _ = copy_bidirectional(&mut stream, &mut far).await;
}
