//! A client and an upstream that put hostile text wherever HTTP, SSE, WebSockets and the Responses API let
//! them.

#[path = "../support/serve.rs"]
mod serve;

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

/// CSI, OSC 0, 8 and 52, DCS, their C1 forms, other controls, bidirectional overrides, characters that hide,
/// marks, wide and joined ones.
pub(crate) const HOSTILE: &str = "\x1b[3J\x1b[5nred\x1b]1;pwned\x07\x1b]8;;http://x\x1b\\\x1b]52;c;cHduZWQ=\x07\
     \x1bP1$qm\x1b\\\u{9b}31m\u{9d}0;pwned\u{9c}\u{90}q\u{9c}\t\r\n\0\x08\x7f\u{202e}\u{2066}\u{200b}\u{feff}\u{2028}\
     e\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}漢字\u{fe0f}한\u{e0061}\u{1f1e6}";

/// Starts the upstream; gives its origin.
pub(crate) fn upstream() -> String {
    serve::serve(answer)
}

/// Has all the conversations with it through the proxy, one after the other.
pub(crate) fn converse(proxy: SocketAddr) {
    let field = [
        b"x-hostile: \x9b31m\t\xff ".as_slice(),
        "\u{9b}2J\u{202e}漢".as_bytes(),
    ]
    .concat();
    let mut escaped = String::new();
    for byte in HOSTILE.bytes() {
        write!(escaped, "%{byte:02x}").unwrap();
    }
    let get = |path: &str| {
        [
            format!("GET {path} HTTP/1.1\r\n").as_bytes(),
            &field,
            b"\r\n",
        ]
        .concat()
    };
    ask(proxy, &get(&format!("/v1/models?{escaped}={escaped}")), b"");
    let body = request().to_string();
    for path in [
        "/v1/responses",
        "/v1/responses?refused",
        "/v1/responses?broken",
    ] {
        let head = format!("POST {path} HTTP/1.1\r\nContent-Type: application/json\r\n");
        ask(
            proxy,
            &[head.as_bytes(), &field, b"\r\n"].concat(),
            body.as_bytes(),
        );
    }
    let mut message = request();
    message["type"] = "response.create".into();
    let handshake = [
        get("/v1/responses"),
        b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
          Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
            .to_vec(),
    ];
    let frames = [
        frame(1, true, message.to_string().as_bytes()),
        frame(1, true, HOSTILE.as_bytes()),
    ];
    ask(proxy, &handshake.concat(), &frames.concat());
    ask(proxy, &get("/v1/the-last-of-them"), b"");
}

/// Sends a head without its end, and a body; reads until the proxy has no more.
fn ask(proxy: SocketAddr, head: &[u8], body: &[u8]) {
    let mut stream = TcpStream::connect(proxy).unwrap();
    let is_upgrade = head.windows(8).any(|field| field == b"Upgrade:");
    let rest = if is_upgrade {
        format!("Host: {proxy}\r\n\r\n")
    } else {
        format!(
            "Host: {proxy}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
            body.len()
        )
    };
    stream
        .write_all(&[head, rest.as_bytes(), body].concat())
        .unwrap();
    // What is reset has ended, too.
    let _ = stream.read_to_end(&mut Vec::new());
}

/// A request with hostile text in each of its places.
fn request() -> Value {
    let text = |kind: &str| json!([{"type": kind, "text": HOSTILE}]);
    json!({
        "model": HOSTILE, "instructions": format!("{HOSTILE}{}", "long ".repeat(1 << 18)), "stream": true,
        "prompt_cache_key": HOSTILE, "reasoning": {"effort": HOSTILE, "summary": HOSTILE},
        "service_tier": HOSTILE, "text": {"verbosity": HOSTILE}, "tool_choice": HOSTILE,
        "client_metadata": {HOSTILE: HOSTILE, "session_id": HOSTILE, "thread_id": HOSTILE},
        "tools": [{"type": "function", "name": HOSTILE, "description": HOSTILE, "parameters": {HOSTILE: HOSTILE}},
            {"type": HOSTILE}],
        "input": [
            {"type": "message", "role": HOSTILE, "content": text("input_text")},
            {"type": "message", "role": "user", "content": text("input_text")},
            {"type": "reasoning", "summary": text("summary_text"), "encrypted_content": HOSTILE},
            {"type": "function_call", "call_id": HOSTILE, "name": HOSTILE, "arguments": json!({"cmd": HOSTILE}).to_string()},
            {"type": "function_call_output", "call_id": HOSTILE, "output": HOSTILE},
            {"type": "custom_tool_call", "call_id": "c", "name": "apply_patch", "input": patch()},
            {"type": "custom_tool_call_output", "call_id": "c", "output": HOSTILE},
            {"type": HOSTILE, HOSTILE: HOSTILE},
        ],
        HOSTILE: HOSTILE,
    })
}

fn patch() -> String {
    let line = HOSTILE.replace(['\r', '\n'], "");
    format!(
        "*** Begin Patch\n*** Update File: {line}\n@@ {line}\n-{line}\n+{line}\n*** End Patch\n"
    )
}

/// The events of a turn, hostile in each of their places.
fn events() -> Vec<Value> {
    let message = json!({"id": "m", "type": "message", "role": "assistant", "status": HOSTILE,
        "content": [{"type": "output_text", "text": HOSTILE, "annotations": []}, {"type": "refusal", "refusal": HOSTILE}]});
    let call = json!({"id": "f", "type": "function_call", "call_id": HOSTILE, "name": HOSTILE, "arguments": HOSTILE});
    let patch = json!({"id": "p", "type": "custom_tool_call", "call_id": "p", "name": "apply_patch", "input": patch()});
    let reasoning = json!({"id": "r", "type": "reasoning", "summary": [{"type": "summary_text", "text": HOSTILE}]});
    let response = json!({"id": HOSTILE, "status": "completed", "model": HOSTILE, "output": [],
        "usage": {"input_tokens": 1, "output_tokens": 1, "total_tokens": 2}});
    let mut events = vec![
        json!({"type": "response.created", "response": response}),
        json!({"type": "codex.rate_limits", "plan_type": HOSTILE, "rate_limits": {HOSTILE: HOSTILE}}),
        json!({"type": HOSTILE, HOSTILE: HOSTILE}),
    ];
    for (index, item) in [reasoning, message, call, patch].into_iter().enumerate() {
        events.push(
            json!({"type": "response.output_item.added", "output_index": index, "item": item}),
        );
        events.push(
            json!({"type": "response.output_item.done", "output_index": index, "item": item}),
        );
    }
    events.push(
        json!({"type": "response.output_text.delta", "item_id": "m", "output_index": 1,
        "content_index": 0, "delta": HOSTILE}),
    );
    events.push(
        json!({"type": "response.reasoning_summary_text.delta", "item_id": "r", "output_index": 0,
        "summary_index": 0, "delta": HOSTILE}),
    );
    events.push(json!({"type": "response.completed", "response": response}));
    events
}

fn answer(stream: &mut TcpStream) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let (mut length, mut first, mut is_upgrade) = (0, String::new(), false);
    loop {
        let mut line = Vec::new();
        if reader.read_until(b'\n', &mut line)? <= 2 {
            break;
        }
        let line = String::from_utf8_lossy(&line).to_lowercase();
        is_upgrade |= line.starts_with("upgrade:");
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        first = if first.is_empty() { line } else { first };
    }
    reader.read_exact(&mut vec![0; length])?;
    let field = b"Connection: close\r\nx-hostile: \xff\x9b31m\xe2\x80\xae\topen\r\n";
    if is_upgrade {
        let key = derive_accept_key(b"dGhlIHNhbXBsZSBub25jZQ==");
        let head = format!(
            "HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {key}\r\n\r\n"
        );
        stream.write_all(head.as_bytes())?;
        let mut frames = vec![
            frame(9, false, b"\x1b[3J\x9b"),
            frame(2, false, HOSTILE.as_bytes()),
        ];
        frames.extend(
            events()
                .iter()
                .map(|event| frame(1, false, event.to_string().as_bytes())),
        );
        let reason = &HOSTILE.as_bytes()[..60];
        frames.push(frame(8, false, &[&4000_u16.to_be_bytes(), reason].concat()));
        stream.write_all(&frames.concat())?;
        stream.shutdown(Shutdown::Write)?;
        // A connection that is closed with bytes unread is reset, and what was sent may be lost.
        return reader.read_to_end(&mut Vec::new()).map(drop);
    }
    let (status, kind, body) = if first.contains("refused") {
        let error = json!({"error": {"type": HOSTILE, "code": HOSTILE, "message": HOSTILE, "param": HOSTILE}});
        (
            "400 \x09Bad\u{9b}31m",
            "application/json",
            error.to_string().into_bytes(),
        )
    } else if first.contains("broken") {
        let mut body = b"event: \x1b[3J\x9b31m\ndata: {\"type\": \"\x1b[31m\xff\ndata: \xc3\x28\n\n: \x1b]0;x\x07\nid: \x9d\n".to_vec();
        body.extend(HOSTILE.as_bytes().repeat(1 << 13));
        ("200 OK", "text/event-stream", body)
    } else if first.contains("responses") {
        let event = |event: &Value| {
            format!(
                "event: {}\ndata: {event}\n\n",
                HOSTILE.replace(['\r', '\n'], "")
            )
        };
        let body: String = events().iter().map(event).collect();
        ("200 OK", "text/event-stream", body.into_bytes())
    } else {
        ("200 OK", "text/plain", HOSTILE.as_bytes().repeat(4))
    };
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n",
        body.len()
    );
    stream.write_all(&[head.as_bytes(), field, b"\r\n", &body].concat())
}

/// A whole frame (RFC 6455 §5.2); a client's is masked with zeros.
fn frame(opcode: u8, is_client: bool, payload: &[u8]) -> Vec<u8> {
    let mask = u8::from(is_client) << 7;
    let mut frame = vec![0x80 | opcode];
    match payload.len() {
        length @ ..126 => frame.push(mask | length as u8),
        length @ ..0x1_0000 => {
            frame.push(mask | 0x7e);
            frame.extend((length as u16).to_be_bytes());
        }
        length => {
            frame.push(mask | 0x7f);
            frame.extend((length as u64).to_be_bytes());
        }
    }
    frame.extend(if is_client { &[0; 4][..] } else { &[] });
    frame.extend(payload);
    frame
}
