//! The OpenAI and ChatGPT back ends on a loopback port, as far as Codex needs them.
//!
//! One thread per connection, plain blocking sockets, every byte kept. It answers model requests
//! over SSE and over WebSockets (with permessage-deflate and context takeover when Codex offers
//! it), the account check that precedes a ChatGPT login's first turn, and 404 to the rest.

pub(crate) mod frames;
pub(crate) mod script;

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use self::frames::{CLOSE, PING, PONG, TEXT};
use self::script::Scenario;
use super::wire_log::{self, Exchange, Log, Message};

/// A running upstream; its threads end with the connections.
#[derive(Debug)]
pub(crate) struct FakeUpstream {
    pub(crate) address: SocketAddr,
    pub(crate) log: Log,
}

/// What it does with requests to upgrade.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Sockets {
    /// Accepts them, and permessage-deflate if it is offered.
    Deflate,
    /// Accepts them without extensions.
    Plain,
    /// Answers with this status.
    Refuse(u16),
}

impl FakeUpstream {
    /// Starts on a free port.
    pub(crate) fn start(scenario: Scenario, sockets: Sockets) -> Self {
        Self::bound(scenario, sockets, "https://chatgpt.com")
    }

    /// The same with workspaces that are bound to the back end at `origin`.
    pub(crate) fn bound(scenario: Scenario, sockets: Sockets, origin: &'static str) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let log = Log::default();
        let kept = log.clone();
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let number = kept.open();
                let log = kept.clone();
                thread::spawn(move || {
                    let wire = Wire {
                        stream,
                        log: log.clone(),
                        number,
                        pending: Vec::new(),
                    };
                    // The client may leave whenever it likes; what counts is in the log.
                    let _gone = serve(wire, scenario, sockets, origin);
                    log.end(number, 2);
                });
            }
        });
        Self { address, log }
    }

    /// `http://127.0.0.1:PORT`.
    pub(crate) fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Everything that was asked and answered.
    pub(crate) fn exchanges(&self) -> Vec<Exchange> {
        self.log
            .connections()
            .iter()
            .flat_map(wire_log::exchanges)
            .collect()
    }
}

/// A connection that keeps what passes.
struct Wire {
    stream: TcpStream,
    log: Log,
    number: usize,
    /// Read, but not used yet.
    pending: Vec<u8>,
}

impl Wire {
    /// Reads once; false at the end.
    fn fill(&mut self) -> io::Result<bool> {
        let mut buffer = [0; 16 << 10];
        let length = self.stream.read(&mut buffer)?;
        self.log.sent(self.number, &buffer[..length]);
        self.pending.extend_from_slice(&buffer[..length]);
        Ok(length > 0)
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        // Kept first: the peer may act on the bytes before this thread runs again.
        self.log.received(self.number, bytes);
        self.stream.write_all(bytes)
    }

    fn write_head(&mut self, status: &str, fields: &[(&str, &str)]) -> io::Result<()> {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let mut head =
            format!("HTTP/1.1 {status}\r\nDate: {DATE}\r\nX-Request-Id: req_{number}\r\n");
        for (name, value) in fields {
            head.extend([name, ": ", value, "\r\n"]);
        }
        self.write(format!("{head}\r\n").as_bytes())
    }

    fn write_json(&mut self, status: &str, body: &Value) -> io::Result<()> {
        let body = body.to_string();
        let length = body.len().to_string();
        self.write_head(
            status,
            &[
                ("Content-Type", "application/json"),
                ("Content-Length", &length),
            ],
        )?;
        self.write(body.as_bytes())
    }

    /// The next request, once it is whole.
    fn request(&mut self) -> io::Result<Option<Message>> {
        loop {
            let mut rest = &self.pending[..];
            if let Some(request) = wire_log::read_message(&mut rest, false)
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
}

fn serve(mut wire: Wire, scenario: Scenario, sockets: Sockets, origin: &str) -> io::Result<()> {
    while let Some(request) = wire.request()? {
        let words = request.words();
        let path = words[1].split('?').next().unwrap_or_default();
        let account = request.field("chatgpt-account-id").unwrap_or_default();
        if path.ends_with("/responses") && words[0] == "POST" {
            let body = request.json();
            let tools = script::tools(&body);
            stream(&mut wire, &script::answer(scenario, &body, &tools))?;
        } else if let Some(key) = request.field("sec-websocket-key") {
            if let Sockets::Refuse(status) = sockets {
                let error =
                    json!({"error": {"type": "invalid_request_error", "message": "no sockets"}});
                wire.write_json(&format!("{status} Refused"), &error)?;
                continue;
            }
            let offered = request
                .field("sec-websocket-extensions")
                .unwrap_or_default();
            let deflate = sockets == Sockets::Deflate && offered.contains("permessage-deflate");
            return converse(
                &mut wire,
                scenario,
                &derive_accept_key(key.as_bytes()),
                deflate,
            );
        } else if path.ends_with("/wham/accounts/check") {
            wire.write_json(
                "200 OK",
                &json!({"accounts": [{
                "id": account, "name": null, "structure": "personal", "plan_type": "plus",
                "is_deactivated": false, "profile_picture_url": null,
                "workspace_backend_origin": origin,
                "account_routing_override": "NO_CONSTRAINT"}],
                "default_account_id": null, "account_ordering": []}),
            )?;
        } else {
            wire.write_json("404 Not Found", &json!({"detail": "Not Found"}))?;
        }
    }
    Ok(())
}

/// Answers with server-sent events, one chunk each.
fn stream(wire: &mut Wire, events: &[Value]) -> io::Result<()> {
    let fields = [
        ("Content-Type", "text/event-stream; charset=utf-8"),
        ("Transfer-Encoding", "chunked"),
        ("openai-version", "2020-10-01"),
        ("x-codex-turn-state", "state-of-this-turn"),
        ("X-Twice", "one"),
        ("X-Twice", "two"),
    ];
    wire.write_head("200 OK", &fields)?;
    for event in events {
        let event = format!(
            "event: {}\ndata: {event}\n\n",
            event["type"].as_str().unwrap()
        );
        wire.write(format!("{:x}\r\n{event}\r\n", event.len()).as_bytes())?;
    }
    wire.write(b"0\r\n\r\n")
}

/// Answers on a WebSocket until the client leaves.
fn converse(wire: &mut Wire, scenario: Scenario, accept: &str, deflate: bool) -> io::Result<()> {
    let mut fields = vec![
        ("Connection", "upgrade"),
        ("Upgrade", "websocket"),
        ("Sec-WebSocket-Accept", accept),
    ];
    if deflate {
        fields.push(("Sec-WebSocket-Extensions", "permessage-deflate"));
    }
    wire.write_head("101 Switching Protocols", &fields)?;
    let (mut reader, mut writer) = (frames::Reader::default(), frames::Writer::new(deflate));
    let mut tools = Vec::new();
    loop {
        reader.push(&std::mem::take(&mut wire.pending));
        while let Some(frame) = reader.next() {
            match frame.opcode {
                TEXT => {}
                PING => {
                    wire.write(&writer.frame(PONG, &frame.payload))?;
                    continue;
                }
                CLOSE => return wire.write(&writer.frame(CLOSE, &frame.payload)),
                _ => continue,
            }
            let request: Value = serde_json::from_slice(&frame.payload).expect("a frame of JSON");
            tools.extend(script::tools(&request));
            wire.write(&writer.frame(PING, b"are you there?"))?;
            for event in script::answer(scenario, &request, &tools) {
                wire.write(&writer.frame(TEXT, event.to_string().as_bytes()))?;
            }
        }
        if !wire.fill()? {
            return Ok(());
        }
    }
}

/// Any date will do; nobody looks at it.
const DATE: &str = "Fri, 20 Nov 2026 12:00:00 GMT";
