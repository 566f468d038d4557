//! A tunnel through an outer proxy: CONNECT (RFC 9110 §9.3.6) or SOCKS 5 (RFC 1928).
//!
//! Every upstream is reached by a tunnel, one that is asked over plain HTTP as well. The other way
//! there is for those, a request with its target in absolute form, would have the outer proxy read the
//! request and write it anew: what passes is no longer what was sent, and a WebSocket would depend
//! on whether that proxy knows upgrades. In a tunnel it sees bytes.

use std::io;
use std::net::{IpAddr, SocketAddr};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::head::ResponseHead;
use super::outer::{Credentials, OuterProxy};
use super::wire::{NoHead, Source};

/// Where a tunnel is to lead.
#[derive(Clone, Copy, Debug)]
pub(super) enum Target<'a> {
    /// A name, or an address without brackets.
    Host(&'a str, u16),
    /// The same, as it was resolved here.
    Address(SocketAddr),
}

/// Why there is no tunnel.
#[derive(Debug, thiserror::Error)]
pub(super) enum TunnelError {
    /// The connection to the proxy failed.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The proxy said no, or nothing that makes sense.
    #[error("it {0}")]
    Refused(String),
}

/// Asks the HTTP proxy at the other end of `stream` for a tunnel to `host`.
pub(super) async fn connect<S>(
    stream: &mut S,
    proxy: &OuterProxy,
    host: &str,
    port: u16,
) -> Result<(), TunnelError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let place = if host.contains(':') {
        format!("[{host}]:{port}")
    } else {
        format!("{host}:{port}")
    };
    let mut request = format!("CONNECT {place} HTTP/1.1\r\nHost: {place}\r\n");
    if let Some(credentials) = &proxy.credentials {
        request.extend(["Proxy-Authorization: ", &credentials.basic(), "\r\n"]);
    }
    request.push_str("\r\n");
    stream.write_all(request.as_bytes()).await?;
    stream.flush().await?;
    let mut source = Source::new(stream);
    loop {
        let head = match source.head().await {
            Ok(head) => ResponseHead::parse(&head),
            Err(NoHead::Failed(error)) => return Err(error.into()),
            Err(NoHead::Closed) => return refused("closed the connection"),
            Err(NoHead::Refused(fault)) => Err(fault),
        };
        let head = match head {
            Ok(head) => head,
            Err(fault) => return refused(format!("gave no HTTP answer: {}", fault.message)),
        };
        match head.status.as_u16() {
            100 | 102..=199 => {}
            // An upstream does not speak first. What stands here would be taken for its answer.
            200..=299 if source.buffer.is_empty() => return Ok(()),
            200..=299 => return refused("sent more than its answer to CONNECT"),
            status => {
                let hint = match status {
                    407 if proxy.credentials.is_none() => ": it wants a user name and a password",
                    407 => ": it does not take the user name and password",
                    _ => "",
                };
                return refused(format!("answered {}{hint}", said(&head)));
            }
        }
    }
}

/// Asks the SOCKS proxy at the other end of `stream` for a tunnel to `target`.
pub(super) async fn socks<S>(
    stream: &mut S,
    credentials: Option<&Credentials>,
    target: Target<'_>,
) -> Result<(), TunnelError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let method = if credentials.is_some() {
        BY_PASSWORD
    } else {
        OPEN
    };
    stream.write_all(&[VERSION, 1, method]).await?;
    stream.flush().await?;
    match (answer::<2, _>(stream).await?, credentials) {
        ([VERSION, OPEN], None) => {}
        ([VERSION, BY_PASSWORD], Some(credentials)) => log_in(stream, credentials).await?,
        ([VERSION, NONE], None) => return refused("wants a user name and a password"),
        ([VERSION, NONE], Some(_)) => return refused("does not take a user name and a password"),
        _ => return refused("does not speak SOCKS 5"),
    }
    // RFC 1928 §4: version, CONNECT, reserved, address, port.
    let mut request = vec![VERSION, 1, 0];
    let (host, port) = match target {
        Target::Host(host, port) => (host.parse::<IpAddr>().map_err(|_| host), port),
        Target::Address(address) => (Ok(address.ip()), address.port()),
    };
    match host {
        Ok(IpAddr::V4(address)) => {
            request.push(1);
            request.extend(address.octets());
        }
        Ok(IpAddr::V6(address)) => {
            request.push(4);
            request.extend(address.octets());
        }
        Err(name) => {
            let Ok(length) = u8::try_from(name.len()) else {
                return refused("cannot be told a name of more than 255 bytes");
            };
            request.extend([3, length]);
            request.extend(name.as_bytes());
        }
    }
    request.extend(port.to_be_bytes());
    stream.write_all(&request).await?;
    stream.flush().await?;
    let [version, reply, _, kind] = answer(stream).await?;
    if version != VERSION {
        return refused("does not speak SOCKS 5");
    }
    if reply != 0 {
        // RFC 1928 §6.
        let word = match reply {
            1 => "general SOCKS server failure",
            2 => "connection not allowed by ruleset",
            3 => "network unreachable",
            4 => "host unreachable",
            5 => "connection refused",
            6 => "TTL expired",
            7 => "command not supported",
            8 => "address type not supported",
            _ => "an unknown failure",
        };
        return refused(format!("answered {reply}: {word}"));
    }
    // Where the tunnel begins is of no use here, but stands in front of what comes out of it.
    let length = match kind {
        1 => 4,
        4 => 16,
        3 => usize::from(answer::<1, _>(stream).await?[0]),
        _ => return refused("gave an address of an unknown kind"),
    };
    let mut bound = vec![0; length + 2];
    read(stream, &mut bound).await
}

/// RFC 1929: user name and password.
async fn log_in<S>(stream: &mut S, credentials: &Credentials) -> Result<(), TunnelError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut request = vec![1];
    for part in [&credentials.user, &credentials.password] {
        let Ok(length) = u8::try_from(part.len()) else {
            return refused("cannot be told more than 255 bytes");
        };
        request.push(length);
        request.extend(part);
    }
    stream.write_all(&request).await?;
    stream.flush().await?;
    match answer(stream).await? {
        [_, 0] => Ok(()),
        [..] => refused("does not take the user name and password"),
    }
}

/// The next bytes that the proxy says.
async fn answer<const LEN: usize, S>(stream: &mut S) -> Result<[u8; LEN], TunnelError>
where
    S: AsyncRead + Unpin,
{
    let mut bytes = [0; LEN];
    read(stream, &mut bytes).await?;
    Ok(bytes)
}

async fn read<S: AsyncRead + Unpin>(stream: &mut S, bytes: &mut [u8]) -> Result<(), TunnelError> {
    match stream.read_exact(bytes).await {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            refused("closed the connection")
        }
        Err(error) => Err(error.into()),
    }
}

/// The status and the reason of an answer, as short as a log line wants them.
fn said(head: &ResponseHead) -> String {
    let line = String::from_utf8_lossy(&head.line);
    let said = line.split_once(' ').map_or("", |(_, said)| said).trim();
    said.chars()
        .filter(|c| !c.is_control())
        .take(MAX_SAID)
        .collect()
}

fn refused<T>(what: impl Into<String>) -> Result<T, TunnelError> {
    Err(TunnelError::Refused(what.into()))
}

/// The version of SOCKS (RFC 1928 §3).
const VERSION: u8 = 5;
/// RFC 1928 §3: no authentication required.
const OPEN: u8 = 0;
/// RFC 1928 §3: user name and password.
const BY_PASSWORD: u8 = 2;
/// RFC 1928 §3: no acceptable methods.
const NONE: u8 = 0xff;
/// How many characters of a status line are told.
const MAX_SAID: usize = 100;
