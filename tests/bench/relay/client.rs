//! The client: takes each figure once, over raw sockets.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::Instant;

use super::Sample;
use super::upstream::now;

/// Microseconds that a small request takes on a kept connection.
pub(crate) fn small(target: SocketAddr) -> Sample {
    const COUNT: usize = 1500;
    let mut connection = connect(target);
    let times = (0..COUNT).map(|_| {
        let began = Instant::now();
        small_request(&mut connection);
        began.elapsed().as_secs_f64() * 1e6
    });
    Sample {
        value: quantile(times.collect(), 50),
        work: COUNT as f64,
    }
}

/// JSON requests per second over 32 connections.
pub(crate) fn requests(target: SocketAddr) -> Sample {
    const EACH: usize = 400;
    let began = Instant::now();
    let clients: Vec<_> = (0..32)
        .map(|_| thread::spawn(move || send(target, EACH)))
        .collect();
    let count = (clients.len() * EACH) as f64;
    for client in clients {
        client.join().unwrap();
    }
    Sample {
        value: count / began.elapsed().as_secs_f64(),
        work: count,
    }
}

/// Sends so many small requests over one connection.
pub(crate) fn send(target: SocketAddr, count: usize) {
    let mut connection = connect(target);
    (0..count).for_each(|_| small_request(&mut connection));
}

/// Microseconds from sending 30 KB to the first event.
pub(crate) fn first_event(target: SocketAddr) -> Sample {
    const COUNT: usize = 100;
    let times = (0..COUNT).map(|_| {
        let began = Instant::now();
        let mut stream = open_stream(target, 1, 0);
        let mut line = String::new();
        while !line.starts_with("data:") {
            line.clear();
            stream.read_line(&mut line).unwrap();
        }
        began.elapsed().as_secs_f64() * 1e6
    });
    Sample {
        value: quantile(times.collect(), 50),
        work: COUNT as f64,
    }
}

/// Microseconds that an event of a single stream is under way.
pub(crate) fn event_p50(target: SocketAddr) -> Sample {
    const COUNT: usize = 800;
    Sample {
        value: quantile(delays(target, COUNT, 800), 50),
        work: COUNT as f64,
    }
}

/// The same, the slowest hundredth, for long enough that some 30 keys fall into it.
pub(crate) fn event_p99(target: SocketAddr) -> Sample {
    const COUNT: usize = 2000;
    Sample {
        value: quantile(delays(target, COUNT, 800), 99),
        work: COUNT as f64,
    }
}

/// The same of 50 streams at once, the slowest hundredth.
pub(crate) fn events50_p99(target: SocketAddr) -> Sample {
    const EACH: usize = 100;
    let streams: Vec<_> = (0..50)
        .map(|_| thread::spawn(move || delays(target, EACH, 20_000)))
        .collect();
    let delays: Vec<f64> = streams
        .into_iter()
        .flat_map(|stream| stream.join().unwrap())
        .collect();
    Sample {
        work: delays.len() as f64,
        value: quantile(delays, 99),
    }
}

/// Events per second when the upstream writes as fast as it can.
pub(crate) fn flood(target: SocketAddr) -> Sample {
    const COUNT: usize = 150_000;
    let mut stream = open_stream(target, COUNT, 0);
    let began = Instant::now();
    let mut bytes = vec![0; 256 << 10];
    let mut received = 0;
    while received < COUNT {
        let read = stream.read(&mut bytes).unwrap();
        assert!(read > 0, "events were lost");
        received += memchr::memchr_iter(b'{', &bytes[..read]).count();
    }
    Sample {
        value: COUNT as f64 / began.elapsed().as_secs_f64(),
        work: COUNT as f64,
    }
}

/// Microseconds that a WebSocket message takes there and back.
pub(crate) fn echo(target: SocketAddr) -> Sample {
    const COUNT: usize = 1500;
    let mut socket = upgrade(target);
    let mut answer = [0; 2 + MESSAGE];
    let times = (0..COUNT).map(|_| {
        let began = Instant::now();
        socket.get_mut().write_all(&frame()).unwrap();
        socket.read_exact(&mut answer).unwrap();
        began.elapsed().as_secs_f64() * 1e6
    });
    Sample {
        value: quantile(times.collect(), 50),
        work: COUNT as f64,
    }
}

/// WebSocket messages per second, there and back, when many are under way.
pub(crate) fn messages(target: SocketAddr) -> Sample {
    const COUNT: usize = 100_000;
    let mut socket = upgrade(target);
    let mut sender = socket.get_ref().try_clone().unwrap();
    let began = Instant::now();
    let sending = thread::spawn(move || {
        let batch = frame().repeat(100);
        for _ in 0..COUNT / 100 {
            sender.write_all(&batch).unwrap();
        }
    });
    let mut answer = [0; 2 + MESSAGE];
    for _ in 0..COUNT {
        socket.read_exact(&mut answer).unwrap();
    }
    sending.join().unwrap();
    Sample {
        value: COUNT as f64 / began.elapsed().as_secs_f64(),
        work: COUNT as f64,
    }
}

/// MiB per second of a body that goes up and comes back.
pub(crate) fn body(target: SocketAddr) -> Sample {
    const LENGTH: usize = 20 << 20;
    let mut connection = connect(target);
    let mut sender = connection.get_ref().try_clone().unwrap();
    let began = Instant::now();
    let sending = thread::spawn(move || {
        let head = format!(
            "POST /v1/body HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\nContent-Length: {LENGTH}\r\n\r\n"
        );
        sender.write_all(head.as_bytes()).unwrap();
        sender.write_all(&vec![b'x'; LENGTH]).unwrap();
    });
    let length = read_head(&mut connection);
    let mut body = vec![0; length];
    connection.read_exact(&mut body).unwrap();
    sending.join().unwrap();
    assert_eq!(length, LENGTH);
    Sample {
        value: 20.0 / began.elapsed().as_secs_f64(),
        work: 20.0,
    }
}

fn connect(target: SocketAddr) -> BufReader<TcpStream> {
    let stream = TcpStream::connect(target).unwrap();
    stream.set_nodelay(true).unwrap();
    BufReader::with_capacity(256 << 10, stream)
}

fn small_request(connection: &mut BufReader<TcpStream>) {
    connection
        .get_mut()
        .write_all(b"GET /v1/small HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .unwrap();
    let mut body = vec![0; read_head(connection)];
    connection.read_exact(&mut body).unwrap();
}

/// Reads a response's head; gives its content length.
fn read_head(connection: &mut BufReader<TcpStream>) -> usize {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        assert!(
            connection.read_line(&mut head).unwrap() > 0,
            "closed after {head:?}"
        );
    }
    let length = head.to_ascii_lowercase();
    let length = length
        .lines()
        .find_map(|line| line.strip_prefix("content-length:").map(str::trim));
    length.map_or(0, |length| length.parse().unwrap())
}

/// Asks for an event stream with a request of 30 KB.
fn open_stream(target: SocketAddr, events: usize, pause_us: u64) -> BufReader<TcpStream> {
    let mut connection = connect(target);
    let body = format!(
        "{{\"model\":\"gpt-5.5\",\"input\":\"{}\"}}",
        "words ".repeat(5000)
    );
    let head = format!(
        "POST /v1/responses HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
         X-Events: {events}\r\nX-Pause-Us: {pause_us}\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    connection
        .get_mut()
        .write_all((head + &body).as_bytes())
        .unwrap();
    connection
}

/// How long each event of a stream was under way, in microseconds.
fn delays(target: SocketAddr, events: usize, pause_us: u64) -> Vec<f64> {
    let mut stream = open_stream(target, events, pause_us);
    let mut delays = Vec::with_capacity(events);
    let mut line = String::new();
    while delays.len() < events {
        line.clear();
        assert!(
            stream.read_line(&mut line).unwrap() > 0,
            "the stream ended early"
        );
        if let Some(at) = line.find("\"at\":") {
            let sent: u64 = line[at + 6..at + 26].parse().unwrap();
            delays.push(now().saturating_sub(sent) as f64 / 1e3);
        }
    }
    delays
}

fn upgrade(target: SocketAddr) -> BufReader<TcpStream> {
    let mut connection = connect(target);
    connection
        .get_mut()
        .write_all(
            b"GET /v1/echo HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
              Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n",
        )
        .unwrap();
    read_head(&mut connection);
    connection
}

/// A masked text frame.
fn frame() -> Vec<u8> {
    let mut frame = vec![0x81, 0x80 | MESSAGE as u8, 1, 2, 3, 4];
    frame.extend((0..MESSAGE).map(|at| b'a' ^ [1, 2, 3, 4][at % 4]));
    frame
}

fn quantile(mut values: Vec<f64>, percent: usize) -> f64 {
    values.sort_by(f64::total_cmp);
    values[(values.len() - 1) * percent / 100]
}

const MESSAGE: usize = 100;
