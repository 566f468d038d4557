//! The bytes of TCP connections, kept as they passed, and read back as HTTP/1.1 exchanges.
//!
//! [`Recorder`] sits between two ends and copies bytes without looking at them; two of them, one
//! on either side of the proxy, show what it changes. The parser below shares no code with the
//! program, so that a mistake in one is not hidden by the same mistake in the other.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;
use std::time::Duration;

use serde_json::Value;

/// What passed on one connection.
#[derive(Clone, Default, Debug)]
pub(crate) struct Connection {
    /// From the end that connected.
    pub(crate) sent: Vec<u8>,
    /// From the end that accepted.
    pub(crate) received: Vec<u8>,
    /// How many of its two directions have ended.
    ended: u8,
}

/// Connections in the order in which they were opened.
#[derive(Clone, Default, Debug)]
pub(crate) struct Log {
    shared: Arc<(Mutex<Vec<Connection>>, Condvar)>,
}

impl Log {
    /// Adds a connection and gives its number.
    pub(crate) fn open(&self) -> usize {
        let mut connections = self.lock();
        connections.push(Connection::default());
        connections.len() - 1
    }

    /// Appends bytes from the end that connected.
    pub(crate) fn sent(&self, connection: usize, bytes: &[u8]) {
        self.lock()[connection].sent.extend_from_slice(bytes);
    }

    /// Appends bytes from the end that accepted.
    pub(crate) fn received(&self, connection: usize, bytes: &[u8]) {
        self.lock()[connection].received.extend_from_slice(bytes);
    }

    /// Notes that `directions` more directions of a connection have ended.
    pub(crate) fn end(&self, connection: usize, directions: u8) {
        self.lock()[connection].ended += directions;
        self.shared.1.notify_all();
    }

    /// Everything so far.
    pub(crate) fn connections(&self) -> Vec<Connection> {
        self.lock().clone()
    }

    /// Waits until every connection has ended in both directions.
    pub(crate) fn wait_ended(&self, what: &str) {
        let open = |connections: &mut Vec<Connection>| connections.iter().any(|it| it.ended < 2);
        let (_guard, timeout) = self
            .shared
            .1
            .wait_timeout_while(self.lock(), PATIENCE, open)
            .unwrap();
        assert!(
            !timeout.timed_out(),
            "{what}: a connection is still open after {PATIENCE:?}"
        );
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Connection>> {
        self.shared.0.lock().unwrap()
    }
}

/// A TCP hop that keeps a copy of everything.
#[derive(Debug)]
pub(crate) struct Recorder {
    pub(crate) address: SocketAddr,
    pub(crate) log: Log,
}

impl Recorder {
    /// Starts to accept on a free loopback port and passes everything on to `target`.
    pub(crate) fn before(target: SocketAddr) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let log = Log::default();
        let kept = log.clone();
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let Ok(server) = TcpStream::connect(target) else {
                    continue;
                };
                relay(&client, &server, &kept);
            }
        });
        Self { address, log }
    }
}

/// Copies both directions, each on a thread of its own.
fn relay(client: &TcpStream, server: &TcpStream, log: &Log) {
    let connection = log.open();
    let ways: [fn(&Log, usize, &[u8]); 2] = [Log::sent, Log::received];
    for ((from, to), keep) in [(client, server), (server, client)].into_iter().zip(ways) {
        let (mut from, mut to, log) = (
            from.try_clone().unwrap(),
            to.try_clone().unwrap(),
            log.clone(),
        );
        thread::spawn(move || {
            let mut buffer = [0; 16 << 10];
            while let Ok(length @ 1..) = from.read(&mut buffer) {
                keep(&log, connection, &buffer[..length]);
                if to.write_all(&buffer[..length]).is_err() {
                    // The receiver is gone: make the sender notice.
                    let _gone = from.shutdown(Shutdown::Both);
                    break;
                }
            }
            let _gone = to.shutdown(Shutdown::Write);
            log.end(connection, 1);
        });
    }
}

/// A request and its answer.
#[derive(Clone, Debug)]
pub(crate) struct Exchange {
    pub(crate) request: Message,
    pub(crate) response: Message,
    /// What followed a 101: from the client, from the server.
    pub(crate) upgraded: Option<(Vec<u8>, Vec<u8>)>,
}

/// One half of an exchange.
#[derive(Clone, Default, Debug)]
pub(crate) struct Message {
    /// Request line or status line.
    pub(crate) start: String,
    /// Names and values as they were written.
    pub(crate) fields: Vec<(String, String)>,
    /// Without transfer coding.
    pub(crate) body: Vec<u8>,
    /// Whether the body came to the end that its framing announced.
    pub(crate) whole: bool,
}

impl Message {
    /// The value of a field, whatever the case of its name.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        let found = self
            .fields
            .iter()
            .find(|(field, _)| field.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// The fields a proxy must pass on, in an order of their own.
    pub(crate) fn end_to_end(&self) -> Vec<(String, String)> {
        let mut fields = self.fields.clone();
        fields.retain(|(name, _)| !HOP_BY_HOP.contains(&name.to_ascii_lowercase().as_str()));
        fields.sort();
        fields
    }

    /// The JSON of the body, without its content coding.
    pub(crate) fn json(&self) -> Value {
        let body = match self.field("content-encoding") {
            None => self.body.clone(),
            Some("zstd") => zstd::decode_all(&self.body[..]).expect("broken zstd body"),
            Some(other) => panic!("unexpected content coding {other}"),
        };
        serde_json::from_slice(&body).expect("a body that is not JSON")
    }

    /// The words of the start line.
    pub(crate) fn words(&self) -> Vec<&str> {
        self.start.split(' ').collect()
    }
}

impl Exchange {
    /// Method and target.
    pub(crate) fn asked(&self) -> String {
        self.request.words()[..2].join(" ")
    }

    /// Whether it asks for a WebSocket.
    pub(crate) fn is_handshake(&self) -> bool {
        self.request.field("sec-websocket-key").is_some()
    }

    /// The status code.
    pub(crate) fn status(&self) -> u16 {
        self.response
            .words()
            .get(1)
            .and_then(|code| code.parse().ok())
            .unwrap_or_default()
    }
}

/// The exchanges of a connection, as far as they got.
pub(crate) fn exchanges(connection: &Connection) -> Vec<Exchange> {
    let (mut sent, mut received) = (&connection.sent[..], &connection.received[..]);
    let mut exchanges = Vec::new();
    while let Some(request) = read_message(&mut sent, false) {
        let response = read_message(&mut received, true).unwrap_or_default();
        let switched = response.start.contains(" 101");
        let upgraded = switched.then(|| (sent.to_vec(), received.to_vec()));
        exchanges.push(Exchange {
            request,
            response,
            upgraded,
        });
        if switched {
            break;
        }
    }
    exchanges
}

/// Takes one message off the front of `bytes`, once its head is whole.
pub(crate) fn read_message(bytes: &mut &[u8], response: bool) -> Option<Message> {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
    *bytes = &bytes[end + 4..];
    let mut lines = head.split("\r\n");
    let start = lines.next()?.to_owned();
    let fields = lines
        .map(|line| line.split_once(':').expect("a field without a colon"))
        .map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
        .collect();
    let mut message = Message {
        start,
        fields,
        body: Vec::new(),
        whole: true,
    };
    let bodiless = ["101", "204", "304"]
        .iter()
        .any(|code| message.words()[1] == *code);
    if message.field("transfer-encoding").is_some() {
        message.whole = read_chunks(bytes, &mut message.body);
    } else if let Some(length) = message.field("content-length") {
        let length: usize = length.parse().unwrap();
        message.whole = bytes.len() >= length;
        let (body, rest) = bytes.split_at(length.min(bytes.len()));
        message.body = body.to_vec();
        *bytes = rest;
    } else if response && !bodiless {
        message.body = std::mem::take(bytes).to_vec();
    }
    Some(message)
}

/// Undoes the chunked coding (RFC 9112 §7.1); false when its end is missing.
fn read_chunks(bytes: &mut &[u8], body: &mut Vec<u8>) -> bool {
    while let Some(line) = bytes.windows(2).position(|pair| pair == b"\r\n") {
        let size = str::from_utf8(&bytes[..line])
            .unwrap()
            .split(';')
            .next()
            .unwrap_or_default();
        let size = usize::from_str_radix(size.trim(), 16).unwrap();
        let rest = &bytes[line + 2..];
        body.extend_from_slice(&rest[..size.min(rest.len())]);
        if rest.len() < size + 2 {
            break;
        }
        *bytes = &rest[size + 2..];
        if size == 0 {
            return true;
        }
    }
    *bytes = &[];
    false
}

/// How long anything may take before a test fails.
pub(crate) const PATIENCE: Duration = Duration::from_secs(90);

/// RFC 9110 §7.6.1, and what a proxy must rewrite or may add for its own leg.
const HOP_BY_HOP: [&str; 9] = [
    "connection",
    "host",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];
