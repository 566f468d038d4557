//! An upstream that fails as it is told, and keeps what was asked of it in the order it was asked.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use socket2::SockRef;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use crate::fault::{End, Fault, Meets, Reply};
use crate::support::fake_upstream::frames::{self, CLOSE, PING, PONG, TEXT};
use crate::support::fake_upstream::script::{self, Scenario};
use crate::support::wire_log::{Message, read_message};

/// A running upstream; its threads end with the connections.
#[derive(Debug)]
pub(crate) struct Upstream {
    pub(crate) address: SocketAddr,
    shared: Arc<Shared>,
}

/// Something that was asked: a request, or a message that asks for a turn on a WebSocket.
#[derive(Clone, Debug)]
pub(crate) struct Attempt {
    pub(crate) kind: Kind,
    /// Method and path of a request.
    pub(crate) asked: String,
    /// The fields of a request that a proxy has to pass on.
    pub(crate) fields: Vec<(String, String)>,
    pub(crate) body: Value,
}

/// What an attempt is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Kind {
    /// A model request over HTTP.
    Post,
    /// A handshake for a WebSocket.
    Upgrade,
    /// A message that begins a turn.
    Message,
    /// The same before there is anything to say.
    WarmUp,
    /// A renewal of the login.
    Renewal,
    /// Anything else.
    Side,
}

#[derive(Debug)]
struct Shared {
    fault: Fault,
    attempts: Mutex<Vec<Attempt>>,
    /// How often the fault was met.
    met: Mutex<usize>,
}

impl Upstream {
    /// Starts on a free port.
    pub(crate) fn start(fault: &Fault) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            fault: fault.clone(),
            attempts: Mutex::default(),
            met: Mutex::default(),
        });
        let served = Arc::clone(&shared);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let shared = Arc::clone(&served);
                thread::spawn(move || {
                    let pending = Vec::new();
                    let connection = Connection {
                        stream,
                        shared,
                        pending,
                    };
                    // Whoever leaves is free to.
                    let _gone = connection.serve();
                });
            }
        });
        Self { address, shared }
    }

    /// What was asked so far.
    pub(crate) fn attempts(&self) -> Vec<Attempt> {
        self.shared.attempts.lock().unwrap().clone()
    }
}

impl Shared {
    /// Keeps an attempt; gives its number among those of its kind, from 1.
    fn keep(&self, attempt: Attempt) -> usize {
        let mut attempts = self.attempts.lock().unwrap();
        let kind = attempt.kind;
        attempts.push(attempt);
        attempts.iter().filter(|it| it.kind == kind).count()
    }

    /// What a model request gets, if it is one that `could` meet the fault.
    fn reply(&self, could: impl FnOnce(&Fault) -> bool) -> Reply {
        let mut met = self.met.lock().unwrap();
        if *met == self.fault.times || !could(&self.fault) {
            return Reply::Well;
        }
        *met += 1;
        self.fault.reply.clone()
    }
}

struct Connection {
    stream: TcpStream,
    shared: Arc<Shared>,
    /// Read, but not used yet.
    pending: Vec<u8>,
}

impl Connection {
    fn serve(mut self) -> io::Result<()> {
        while let Some(request) = self.request()? {
            let kind = kind(&request);
            let body = match kind {
                Kind::Post => request.json(),
                _ => serde_json::from_slice(&request.body).unwrap_or_default(),
            };
            let tools = script::tools(&body);
            let number = self.shared.keep(Attempt {
                kind,
                asked: request.words()[..2].join(" "),
                fields: request.end_to_end(),
                body: body.clone(),
            });
            let id = match kind {
                // Several are under way at once.
                Kind::Side => "req_side".to_owned(),
                _ => format!("req_{kind:?}_{number}").to_lowercase(),
            };
            match kind {
                Kind::Post => {
                    let reply = self.shared.reply(|fault| fault.meets == Meets::Every);
                    let events = script::answer(Scenario::Text, &body, &tools);
                    if !self.answer(&id, &reply, &events)? {
                        return Ok(());
                    }
                }
                Kind::Upgrade => {
                    let reply = self.shared.reply(|fault| fault.reply.is_for_heads());
                    if !self.before_head(&id, &reply)? {
                        return Ok(());
                    }
                    if !matches!(reply, Reply::Status(..)) {
                        return self.converse(&id, &request);
                    }
                }
                Kind::Renewal => self.status(
                    &id,
                    "401 Unauthorized",
                    &[],
                    &json!({"error": {
                    "code": "refresh_token_expired", "message": "Log in again."}}),
                )?,
                Kind::Side | Kind::Message | Kind::WarmUp => self.side(&id, &request)?,
            }
        }
        Ok(())
    }

    /// Answers a POST; false when the connection is over.
    fn answer(&mut self, id: &str, reply: &Reply, events: &[Value]) -> io::Result<bool> {
        if !self.before_head(id, reply)? {
            return Ok(false);
        }
        let events = match reply {
            Reply::Status(..) => return Ok(true),
            Reply::Event(event) => std::slice::from_ref(event),
            Reply::Cut(length, _) => &events[..*length],
            _ => events,
        };
        self.head(
            id,
            "200 OK",
            &[
                ("Content-Type", "text/event-stream"),
                ("Transfer-Encoding", "chunked"),
            ],
        )?;
        if matches!(reply, Reply::LateEvent) && !self.pause()? {
            return Ok(false);
        }
        for event in events {
            let event = format!(
                "event: {}\ndata: {event}\n\n",
                event["type"].as_str().unwrap()
            );
            write!(self.stream, "{:x}\r\n{event}\r\n", event.len())?;
        }
        match reply {
            Reply::Cut(_, End::Torn) => {
                write!(self.stream, "40\r\nevent: response.out")?;
                return Ok(false);
            }
            Reply::Cut(_, End::Proper(_)) => {}
            Reply::Cut(_, end) => return self.end(*end),
            _ => {}
        }
        self.stream.write_all(b"0\r\n\r\n")?;
        Ok(true)
    }

    /// Does to a POST or an upgrade what comes before or in place of the head of an answer; false
    /// when the connection is over.
    fn before_head(&mut self, id: &str, reply: &Reply) -> io::Result<bool> {
        match reply {
            Reply::Status(status, fields, body) => self.status(id, status, fields, body)?,
            Reply::Unanswered(end) => return self.end(*end),
            Reply::LateHead => return self.pause(),
            Reply::Well | Reply::Cut(..) | Reply::Event(_) | Reply::LateEvent => {}
        }
        Ok(true)
    }

    /// Answers on a WebSocket until one end leaves.
    fn converse(&mut self, id: &str, request: &Message) -> io::Result<()> {
        let accept = derive_accept_key(request.field("sec-websocket-key").unwrap().as_bytes());
        let mut fields = vec![
            ("Connection", "upgrade"),
            ("Upgrade", "websocket"),
            ("Sec-WebSocket-Accept", accept.as_str()),
        ];
        let deflate = request
            .field("sec-websocket-extensions")
            .is_some_and(|offer| offer.contains("permessage-deflate"));
        if deflate {
            fields.push(("Sec-WebSocket-Extensions", "permessage-deflate"));
        }
        self.head(id, "101 Switching Protocols", &fields)?;
        let (mut reader, mut writer) = (frames::Reader::default(), frames::Writer::new(deflate));
        loop {
            reader.push(&std::mem::take(&mut self.pending));
            while let Some(frame) = reader.next() {
                match frame.opcode {
                    TEXT if !self.turn(&frame.payload, &mut writer)? => return Ok(()),
                    PING => self.stream.write_all(&writer.frame(PONG, &frame.payload))?,
                    CLOSE => return self.stream.write_all(&writer.frame(CLOSE, &frame.payload)),
                    _ => {}
                }
            }
            if !self.fill()? {
                return Ok(());
            }
        }
    }

    /// Answers one message; false when the connection is over.
    fn turn(&mut self, message: &[u8], writer: &mut frames::Writer) -> io::Result<bool> {
        let body: Value = serde_json::from_slice(message).unwrap();
        let is_warm_up = body["generate"] == false;
        let kind = if is_warm_up {
            Kind::WarmUp
        } else {
            Kind::Message
        };
        self.shared.keep(Attempt {
            kind,
            asked: String::new(),
            fields: Vec::new(),
            body: body.clone(),
        });
        let reply = self
            .shared
            .reply(|fault| !is_warm_up && fault.reply.is_for_turns());
        let events = script::answer(Scenario::Text, &body, &[]);
        let events = match reply {
            Reply::Event(ref event) => std::slice::from_ref(event),
            Reply::Cut(length, _) => &events[..length],
            _ => &events[..],
        };
        if matches!(reply, Reply::LateEvent) && !self.pause()? {
            return Ok(false);
        }
        for event in events {
            let frame = writer.frame(TEXT, event.to_string().as_bytes());
            self.stream.write_all(&frame)?;
        }
        match reply {
            Reply::Cut(_, End::Torn) => {
                self.stream.write_all(&[0x81, 0x7e, 0x01])?;
                Ok(false)
            }
            Reply::Cut(_, End::Proper(code)) => {
                let frame = writer.frame(CLOSE, &code.to_be_bytes());
                self.stream.write_all(&frame)?;
                // The client's own close frame, or its end.
                self.fill()?;
                Ok(false)
            }
            Reply::Cut(_, end) => self.end(end),
            _ => Ok(true),
        }
    }

    /// Ends the connection, or waits until the client ends it; always false.
    fn end(&mut self, end: End) -> io::Result<bool> {
        match end {
            End::Silence => while self.fill()? {},
            End::Reset => SockRef::from(&self.stream).set_linger(Some(Duration::ZERO))?,
            End::Fin | End::Torn | End::Proper(_) => {}
        }
        Ok(false)
    }

    /// Lets the client wait; false if it does not.
    fn pause(&mut self) -> io::Result<bool> {
        self.stream.set_read_timeout(Some(LATE))?;
        let waits = match self.fill() {
            Ok(is_open) => is_open,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => true,
            Err(error) => return Err(error),
        };
        self.stream.set_read_timeout(None)?;
        Ok(waits)
    }

    /// Answers what is no model request.
    fn side(&mut self, id: &str, request: &Message) -> io::Result<()> {
        if !request.words()[1].ends_with("/wham/accounts/check") {
            return self.status(id, "404 Not Found", &[], &json!({"detail": "Not Found"}));
        }
        let account = request.field("chatgpt-account-id").unwrap_or_default();
        let accounts = json!({"accounts": [{
            "id": account, "name": null, "structure": "personal", "plan_type": "plus",
            "is_deactivated": false, "profile_picture_url": null,
            "workspace_backend_origin": "https://chatgpt.com",
            "account_routing_override": "NO_CONSTRAINT"}],
            "default_account_id": null, "account_ordering": []});
        self.status(id, "200 OK", &[], &accounts)
    }

    fn status(
        &mut self,
        id: &str,
        status: &str,
        fields: &[(&str, &str)],
        body: &Value,
    ) -> io::Result<()> {
        let body = body.to_string();
        let length = body.len().to_string();
        let mut all = vec![
            ("Content-Type", "application/json"),
            ("Content-Length", &length),
        ];
        all.extend(fields);
        // In one piece: of a refusal's body Codex reads what comes along with the head.
        let answer = head(id, status, &all) + &body;
        self.stream.write_all(answer.as_bytes())
    }

    fn head(&mut self, id: &str, status: &str, fields: &[(&str, &str)]) -> io::Result<()> {
        self.stream.write_all(head(id, status, fields).as_bytes())
    }

    /// The next request, once it is whole.
    fn request(&mut self) -> io::Result<Option<Message>> {
        loop {
            let mut rest = &self.pending[..];
            if let Some(request) = read_message(&mut rest, false)
                && request.whole
            {
                self.pending = rest.to_vec();
                return Ok(Some(request));
            }
            if !self.fill()? {
                return Ok(None);
            }
        }
    }

    /// Reads once; false at the end.
    fn fill(&mut self) -> io::Result<bool> {
        let mut buffer = [0; 16 << 10];
        let length = self.stream.read(&mut buffer)?;
        self.pending.extend_from_slice(&buffer[..length]);
        Ok(length > 0)
    }
}

impl Reply {
    /// Whether it can be done to an upgrade itself.
    fn is_for_heads(&self) -> bool {
        matches!(
            self,
            Self::Status(..) | Self::Unanswered(_) | Self::LateHead
        )
    }

    /// Whether it can be done to a turn on a WebSocket.
    fn is_for_turns(&self) -> bool {
        matches!(self, Self::Cut(..) | Self::Event(_) | Self::LateEvent)
    }
}

/// A head up to and with the empty line.
fn head(id: &str, status: &str, fields: &[(&str, &str)]) -> String {
    let mut head = format!("HTTP/1.1 {status}\r\nX-Request-Id: {id}\r\n");
    for (name, value) in fields {
        head.extend([name, ": ", value, "\r\n"]);
    }
    head + "\r\n"
}

fn kind(request: &Message) -> Kind {
    let path = request.words()[1].split('?').next().unwrap_or_default();
    if request.field("sec-websocket-key").is_some() {
        Kind::Upgrade
    } else if path.ends_with("/oauth/token") {
        Kind::Renewal
    } else if path.ends_with("/responses") && request.words()[0] == "POST" {
        Kind::Post
    } else {
        Kind::Side
    }
}

/// For how long a late answer does not come, unless the client leaves.
const LATE: Duration = Duration::from_millis(1500);
