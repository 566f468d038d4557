//! The upstream: raw sockets, a thread a connection, so that it costs the same whoever stands before it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

/// Nanoseconds since the process began: the one clock of both ends.
pub(crate) fn now() -> u64 {
    static START: OnceLock<Instant> = OnceLock::new();
    START.get_or_init(Instant::now).elapsed().as_nanos() as u64
}

/// Starts the upstream.
pub(crate) fn start() -> SocketAddr {
    now();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for client in listener.incoming() {
            thread::spawn(move || {
                let client = client.unwrap();
                client.set_nodelay(true).unwrap();
                // A client that leaves ends its thread.
                let _ = serve(client);
            });
        }
    });
    address
}

/// Serves one connection until it closes.
fn serve(mut client: TcpStream) -> std::io::Result<()> {
    let mut input = BufReader::new(client.try_clone()?);
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if input.read_line(&mut head)? == 0 {
                return Ok(());
            }
        }
        let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
        let mut body = vec![0; header(&head, "content-length").unwrap_or(0)];
        input.read_exact(&mut body)?;
        match path.as_str() {
            "/v1/echo" => {
                client.write_all(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")?;
                return echo(&mut input, &mut client);
            }
            "/v1/body" => {
                let head = format!("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n", body.len());
                client.write_all(head.as_bytes())?;
                client.write_all(&body)?;
            }
            "/v1/responses" => {
                let count = header(&head, "x-events").unwrap_or(0);
                let pause = header(&head, "x-pause-us").unwrap_or(0);
                stream(&mut client, count, Duration::from_micros(pause as u64))?;
                return Ok(());
            }
            _ => client.write_all(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 11\r\n\r\n{\"ok\":true}")?,
        }
    }
}

fn header(head: &str, name: &str) -> Option<usize> {
    let line = head
        .lines()
        .find(|line| line.to_ascii_lowercase().starts_with(name))?;
    line.split_once(':')?.1.trim().parse().ok()
}

/// An event stream whose events say when they were written; without a pause they leave in large writes.
fn stream(client: &mut TcpStream, count: usize, pause: Duration) -> std::io::Result<()> {
    client.write_all(
        b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n",
    )?;
    let mut buffer = Vec::with_capacity(80 << 10);
    for number in 0..count {
        write!(
            buffer,
            "event: response.output_text.delta\ndata: {{\"type\":\"response.output_text.delta\",\"sequence_number\":{number},\
             \"item_id\":\"msg_1\",\"output_index\":0,\"content_index\":0,\"delta\":\"some words \",\"at\":\"{:020}\"}}\n\n",
            now()
        )?;
        if !pause.is_zero() || buffer.len() > 64 << 10 {
            client.write_all(&buffer)?;
            buffer.clear();
        }
        if !pause.is_zero() {
            thread::sleep(pause);
        }
    }
    client.write_all(&buffer)
}

/// Sends each WebSocket frame back, unmasked. Frames are text of up to 125 bytes.
fn echo(input: &mut BufReader<TcpStream>, client: &mut TcpStream) -> std::io::Result<()> {
    let mut answer = Vec::new();
    loop {
        let mut header = [0; 6];
        input.read_exact(&mut header)?;
        let mut payload = vec![0; usize::from(header[1] & 0x7f)];
        input.read_exact(&mut payload)?;
        for (byte, mask) in payload.iter_mut().zip(header[2..].iter().cycle()) {
            *byte ^= mask;
        }
        answer.extend_from_slice(&[header[0], payload.len() as u8]);
        answer.extend_from_slice(&payload);
        // What arrived together is answered together.
        if input.buffer().is_empty() {
            client.write_all(&answer)?;
            answer.clear();
        }
    }
}
