//! What a screen takes while many streams run, beside a recorder of the same streams without one.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use crate::process::processor_time;
use crate::window::Window;

/// Prints how much of one core each takes, and how long keys wait meanwhile.
pub(crate) fn busy(program: &str, state: &Path, streams: u64) {
    let upstream = upstream();
    let options = [
        "--listen",
        "127.0.0.1:0",
        "--capture",
        "none",
        "--api-upstream",
        &upstream,
    ];
    let rate = 1000 / PAUSE.as_millis();
    println!("busy, {streams} streams of {rate} events/s:");
    let mut shares = Vec::new();
    for command in ["record", "tui"] {
        let command = [&[program, command][..], &options].concat();
        let mut window = Window::run(&command, state);
        window.until(|text| text.contains(ORIGIN));
        let text = window.text();
        let port = text.split(ORIGIN).nth(1).unwrap();
        let port: String = port.chars().take_while(char::is_ascii_digit).collect();
        for _ in 0..streams {
            stream(&format!("127.0.0.1:{port}"));
        }
        thread::sleep(Duration::from_secs(2));
        let has_screen = command.contains(&"tui");
        if has_screen {
            window.until(|text| text.contains(&format!("{streams} live")));
            window.after("1g", |text| row(text) == Some(FIRST));
        }
        let share = share(&mut window, |_| thread::sleep(SPAN));
        println!("  {}: {:.1} % of a core", command[1], share * 1e2);
        shares.push(share);
        if has_screen {
            let mut times = Vec::new();
            let with_keys = self::share(&mut window, |window| times = keys(window));
            times.sort_unstable();
            let at = |part: usize| times[times.len() * part / 100].as_secs_f64() * 1e3;
            println!(
                "  the screen's share: {:.1} %, with 20 keys/s {:.1} %; key to frame p50 {:.1} ms, p99 {:.1} ms",
                (share - shares[0]) * 1e2,
                (with_keys - shares[0]) * 1e2,
                at(50),
                at(99)
            );
        }
    }
}

/// The share of one core that the program takes during `wait`, with what it writes read.
fn share(window: &mut Window, wait: impl FnOnce(&mut Window)) -> f64 {
    let (before, began) = (processor_time(window.id()), Instant::now());
    wait(window);
    let spent = processor_time(window.id()).saturating_sub(before);
    spent.as_secs_f64() / began.elapsed().as_secs_f64()
}

/// Moves the cursor up and down; gives how long each move took to be on the screen.
fn keys(window: &mut Window) -> Vec<Duration> {
    let began = Instant::now();
    let mut times = Vec::new();
    while began.elapsed() < SPAN {
        let (key, to) = if times.len() % 2 == 0 {
            ("j", FIRST + 1)
        } else {
            ("k", FIRST)
        };
        times.push(window.after(key, |text| row(text) == Some(to)));
        thread::sleep(Duration::from_millis(50));
    }
    times
}

/// Where the list's cursor is.
fn row(text: &str) -> Option<usize> {
    text.lines().position(|line| line.starts_with("│▌"))
}

/// Starts a stream and reads it, for as long as the program runs.
fn stream(proxy: &str) {
    let mut stream = TcpStream::connect(proxy).unwrap();
    let body = r#"{"model":"gpt-5.5","input":[],"stream":true}"#;
    write!(
        stream,
        "POST /v1/responses HTTP/1.1\r\nHost: {proxy}\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    thread::spawn(move || {
        let mut chunk = [0; 1 << 14];
        while let Ok(1..) = stream.read(&mut chunk) {}
    });
}

/// An upstream that answers each request with text deltas without an end; gives its origin.
fn upstream() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            // Whoever is gone is told no more.
            thread::spawn(move || tell(stream).ok());
        }
    });
    origin
}

fn tell(mut stream: TcpStream) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut line = String::new();
    while reader.read_line(&mut line)? > 2 {
        line.clear();
    }
    stream.set_nodelay(true)?;
    stream.write_all(HEAD.as_bytes())?;
    for number in 0_u64.. {
        let event = format!(
            "event: response.output_text.delta\ndata: {{\"type\":\"response.output_text.delta\",\"item_id\":\"m\",\
             \"output_index\":0,\"content_index\":0,\"delta\":\"word {number} \",\"sequence_number\":{}}}\n\n",
            number + 3
        );
        stream.write_all(event.as_bytes())?;
        thread::sleep(PAUSE);
    }
    Ok(())
}

/// The head of each answer, and the events before the first delta.
const HEAD: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n\
    data: {\"type\":\"response.created\",\"sequence_number\":0,\"response\":{\"id\":\"r\",\"model\":\"gpt-5.5\",\"status\":\"in_progress\",\"output\":[]}}\n\n\
    data: {\"type\":\"response.output_item.added\",\"sequence_number\":1,\"output_index\":0,\"item\":{\"id\":\"m\",\"type\":\"message\",\"role\":\"assistant\",\"content\":[]}}\n\n\
    data: {\"type\":\"response.content_part.added\",\"sequence_number\":2,\"item_id\":\"m\",\"output_index\":0,\"content_index\":0,\"part\":{\"type\":\"output_text\",\"text\":\"\"}}\n\n";
/// The row of the list's first flow, below its frame and its header.
const FIRST: usize = 2;
const ORIGIN: &str = "http://127.0.0.1:";
/// Between two events of a stream.
const PAUSE: Duration = Duration::from_millis(10);
/// How long is measured.
const SPAN: Duration = Duration::from_secs(10);
