//! One end of a TCP connection on loopback, spoken byte by byte.

use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A scripted client or server.
pub struct Peer {
    pub stream: TcpStream,
    /// What was received and not yet asked for.
    buffer: Vec<u8>,
}

/// A listener for scripted servers.
pub struct Server {
    listener: TcpListener,
    pub addr: SocketAddr,
}

impl Server {
    pub async fn bind() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Self {
            addr: listener.local_addr().unwrap(),
            listener,
        }
    }

    pub async fn accept(&self) -> Peer {
        Peer::new(within(self.listener.accept()).await.unwrap().0)
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.addr)
    }
}

impl Peer {
    pub fn new(stream: TcpStream) -> Self {
        stream.set_nodelay(true).unwrap();
        Self {
            stream,
            buffer: Vec::new(),
        }
    }

    pub async fn connect(addr: SocketAddr) -> Self {
        Self::new(within(TcpStream::connect(addr)).await.unwrap())
    }

    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        within(self.stream.write_all(bytes.as_ref())).await.unwrap();
    }

    /// Sends a FIN.
    pub async fn finish(&mut self) {
        within(self.stream.shutdown()).await.unwrap();
    }

    /// The bytes up to and including the next `end`.
    pub async fn read_to(&mut self, end: &str) -> String {
        loop {
            if let Some(at) = memchr::memmem::find(&self.buffer, end.as_bytes()) {
                let bytes: Vec<u8> = self.buffer.drain(..at + end.len()).collect();
                return String::from_utf8(bytes).unwrap();
            }
            assert!(
                self.fill().await > 0,
                "closed before {end:?}: {:?}",
                self.shown()
            );
        }
    }

    /// The next head, with its empty line.
    pub async fn head(&mut self) -> String {
        self.read_to("\r\n\r\n").await
    }

    /// The next `len` bytes.
    pub async fn read(&mut self, len: usize) -> Vec<u8> {
        while self.buffer.len() < len {
            assert!(self.fill().await > 0, "closed after {:?}", self.shown());
        }
        self.buffer.drain(..len).collect()
    }

    /// The next bytes, which must be `expected`.
    pub async fn expect(&mut self, expected: impl AsRef<[u8]>) {
        let read = self.read(expected.as_ref().len()).await;
        assert_eq!(
            String::from_utf8_lossy(&read),
            String::from_utf8_lossy(expected.as_ref())
        );
    }

    /// Everything up to the end of the connection, however it comes.
    pub async fn rest(&mut self) -> Vec<u8> {
        while matches!(
            within(self.stream.read_buf(&mut self.buffer)).await,
            Ok(1..)
        ) {}
        std::mem::take(&mut self.buffer)
    }

    /// The bytes of a chunked body, trailers included, chunk sizes taken out.
    pub async fn chunked(&mut self) -> (Vec<u8>, String) {
        let mut body = Vec::new();
        loop {
            let size = self.read_to("\r\n").await;
            let size = usize::from_str_radix(size.trim(), 16).unwrap();
            if size == 0 {
                let mut trailers = String::new();
                loop {
                    let line = self.read_to("\r\n").await;
                    if line == "\r\n" {
                        return (body, trailers);
                    }
                    trailers.push_str(&line);
                }
            }
            body.extend(self.read(size).await);
            self.expect("\r\n").await;
        }
    }

    async fn fill(&mut self) -> usize {
        within(self.stream.read_buf(&mut self.buffer))
            .await
            .unwrap_or(0)
    }

    fn shown(&self) -> String {
        String::from_utf8_lossy(&self.buffer).into_owned()
    }
}

/// A loopback address that nobody listens on.
pub async fn vacant() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap()
}

/// The header lines of a head without its first line, sorted.
pub fn lines(head: &str) -> Vec<&str> {
    let mut lines: Vec<&str> = head.trim_end().split("\r\n").skip(1).collect();
    lines.sort_unstable();
    lines
}

/// A test that waits for something that never comes must fail and not hang.
pub async fn within<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(Duration::from_secs(20), future)
        .await
        .expect("it never happened")
}
