//! Asking whoever listens on an address whether it is the codextap that it is said to be, and telling
//! it of a child (`GET /.well-known/codextap`).

use std::io;
use std::time::Duration;

use serde::Deserialize;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::runtime::Running;
use crate::proxy::Token;

/// What a running codextap says of itself.
#[derive(Clone, PartialEq, Eq, Deserialize, Debug)]
pub(super) struct Told {
    /// Its version.
    pub(super) codextap: String,
    /// How many exchanges there were so far.
    pub(super) exchanges: u64,
    proof: Option<String>,
}

/// Stands for a child, as long as it is kept.
#[derive(Debug)]
pub(super) struct Child {
    _stream: TcpStream,
}

/// Asks the codextap at `running`'s address for what it tells.
///
/// # Errors
/// When nobody answers in time, or who answers does not hold the key.
pub(super) async fn ask(running: &Running) -> io::Result<Told> {
    Ok(exchange(running, "").await?.0)
}

/// Tells it that a child of this process sends its traffic there.
///
/// # Errors
/// As for [`ask`].
pub(super) async fn stand_for_child(running: &Running) -> io::Result<Child> {
    let (_, stream) = exchange(running, "&child").await?;
    Ok(Child { _stream: stream })
}

async fn exchange(running: &Running, more: &str) -> io::Result<(Told, TcpStream)> {
    let asked = timeout(LIMIT, asked(running, more)).await;
    asked.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?
}

async fn asked(running: &Running, more: &str) -> io::Result<(Told, TcpStream)> {
    let invalid = |what: &'static str| io::Error::new(io::ErrorKind::InvalidData, what);
    let address = running.reachable();
    let challenge = Token::random().map_err(io::Error::other)?;
    let challenge = challenge.as_str();
    let token = running.token.as_ref().map(Token::as_str);
    let token = token.map_or_else(String::new, |token| {
        format!("x-codextap-token: {token}\r\n")
    });
    let mut stream = TcpStream::connect(address).await?;
    let request = format!(
        "GET /.well-known/codextap?challenge={challenge}{more} HTTP/1.1\r\nhost: {address}\r\n\
         {token}connection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    // A head, and a line of JSON; somebody else may say more than that.
    let told = loop {
        if let Some(line) = line_of_body(&answer) {
            break serde_json::from_slice::<Told>(line)?;
        }
        let room = LONGEST.saturating_sub(answer.len()) as u64;
        if (&mut stream).take(room).read_buf(&mut answer).await? == 0 {
            return Err(invalid("no answer of codextap"));
        }
    };
    if told.proof != Some(running.key.prove(challenge)) {
        return Err(invalid("another one listens there"));
    }
    Ok((told, stream))
}

/// The first line behind an answer's head, once it is whole.
fn line_of_body(answer: &[u8]) -> Option<&[u8]> {
    let head = memchr::memmem::find(answer, b"\r\n\r\n")?;
    let body = &answer[head + 4..];
    body.get(..memchr::memchr(b'\n', body)?)
}

/// How long an answer may take. Who stopped it, or its machine, is not waited for.
const LIMIT: Duration = Duration::from_secs(2);

/// The longest answer that is read.
const LONGEST: usize = 4096;
