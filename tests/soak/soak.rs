//! Ten minutes of mixed traffic with faults in it.
//!
//! `cargo bench --bench soak` puts the release binary, recording to a file, between clients and an
//! upstream in this process, which exchange JSON, event streams and WebSockets as fast as they can. What each
//! exchange says, and where it is broken off, follows from its number (`plan`); so both ends compare every byte
//! with what the other one was to send, and afterwards the capture is held against the same plan. It
//! fails when bytes, counts or lines differ, when the capture tells of a failure or fault that was none, when memory
//! grows by more than [`SLACK`] behind [`WARM`], or when something stays open.
//!
//! `-- --minutes 1` is shorter, `-- --seed N` repeats a run.

#![expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a test that is run by hand reports and reads the clock"
)]

mod capture;
mod content;
mod ledger;
mod plan;
mod play;
mod process;
mod random;

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::task::JoinSet;
use tokio::time::sleep;

use ledger::Ledger;
use plan::{End, Exchange, Fault};
use play::{Connection, Note, Outcome};
use process::{Codextap, Held};

/// What a run is told.
struct Run {
    seed: u64,
    length: Duration,
    /// The number of the next exchange.
    next: AtomicU64,
    /// Exchanges that the upstream is in the middle of.
    answering: AtomicU64,
    /// The upstream's name.
    host: String,
    /// Notes go here.
    notes: UnboundedSender<Note>,
}

#[tokio::main]
async fn main() -> ExitCode {
    let now = std::time::UNIX_EPOCH
        .elapsed()
        .map_or(0, |time| time.as_secs());
    let (minutes, seed) = (
        option("--minutes").unwrap_or(10),
        option("--seed").unwrap_or(now),
    );
    println!("seed {seed}, {minutes} minutes");
    let state = tempfile::tempdir().unwrap();
    let capture = state.path().join("capture.jsonl");
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let upstream = listener.local_addr().unwrap();
    let (notes, mut told) = unbounded_channel();
    let run = Arc::new(Run {
        seed,
        length: Duration::from_secs(minutes * 60),
        next: AtomicU64::new(0),
        answering: AtomicU64::new(0),
        host: upstream.to_string(),
        notes,
    });
    let serving = tokio::spawn(serve(listener, Arc::clone(&run)));
    let codextap = Codextap::start(upstream, &capture, state.path());
    let before = codextap.held();

    let began = Instant::now();
    let mut clients = JoinSet::new();
    for _ in 0..CLIENTS {
        clients.spawn(work(codextap.address, Arc::clone(&run)));
    }
    let mut ledger = Ledger::new(seed, run.host.clone());
    let mut samples = Vec::new();
    let mut ticks = tokio::time::interval(run.length / SAMPLES);
    ticks.tick().await;
    while !clients.is_empty() {
        tokio::select! {
            Some(note) = told.recv() => ledger.take(note),
            Some(ended) = clients.join_next() => ended.unwrap(),
            _ = ticks.tick() => {
                samples.push(codextap.held());
                println!("{:>4} s: {} exchanges, {:?}", began.elapsed().as_secs(), run.next.load(Ordering::Relaxed), samples[samples.len() - 1]);
            }
        }
    }
    while run.answering.load(Ordering::SeqCst) > 0 {
        sleep(Duration::from_millis(10)).await;
    }
    // The upstream's connections end with it, so that codextap has nothing to keep.
    serving.abort();
    let _ = serving.await;
    let after = settled(&codextap, before).await;
    while let Ok(note) = told.try_recv() {
        ledger.take(note);
    }
    ledger.finish();
    let has_ended = codextap.end();
    let sent = run.next.load(Ordering::Relaxed);
    let recorded = capture::read(&capture, seed, sent, &run.host);

    println!(
        "\n{sent} exchanges (undisturbed, disturbed): {:?}; {} answers of the proxy's own",
        ledger.kinds, ledger.answered
    );
    println!(
        "client   {:?}\nupstream {:?}",
        ledger.counters[0], ledger.counters[1]
    );
    println!(
        "capture  {:?}, {} lines, {} bytes",
        recorded.counters, recorded.lines, recorded.bytes
    );
    println!("before   {before:?}\nafter    {after:?}");
    let mut wrongs = ledger.wrongs;
    wrongs.extend(recorded.wrongs);
    let [client, of_upstream] = ledger.counters;
    let in_capture = ledger::Counters {
        bytes: client.bytes,
        ..recorded.counters
    };
    if client != of_upstream || client != in_capture {
        wrongs.push("the counters differ".to_owned());
    }
    if !after.is_back_at(before) {
        wrongs.push("something stayed open".to_owned());
    }
    let [early, late] = memory(&samples, run.length / SAMPLES);
    println!("memory at least: {early} KiB behind the start, {late} KiB at the end");
    if late > early + SLACK {
        wrongs.push(format!("memory grew by {} KiB", late - early));
    }
    if !has_ended {
        wrongs.push("codextap failed".to_owned());
    }
    for wrong in wrongs.iter().take(40) {
        println!("{wrong}");
    }
    println!("{} things wrong", wrongs.len());
    ExitCode::from(u8::from(!wrongs.is_empty()))
}

/// One exchange after the other, on one connection as long as it holds.
async fn work(codextap: SocketAddr, run: Arc<Run>) {
    let end = Instant::now() + run.length;
    let mut kept = None;
    while Instant::now() < end {
        let id = run.next.fetch_add(1, Ordering::Relaxed);
        let exchange = Exchange::new(run.seed, id, &run.host);
        let mut connection = match kept.take() {
            Some(connection) => connection,
            None => Connection::new(TcpStream::connect(codextap).await.unwrap()),
        };
        let mut note = connection.play(&exchange, End::Client).await;
        let is_whole = note.outcome == Outcome::Whole;
        if is_whole
            && exchange.closes
            && let Err(wrong) = connection.ended().await
        {
            note.outcome = Outcome::Wrong(wrong);
        }
        if is_whole && !exchange.closes && exchange.fault.is_none() {
            kept = Some(connection);
        } else {
            connection.leave(&exchange);
        }
        let _ = run.notes.send(note);
    }
}

/// The upstream: a task for each connection, which end with this one.
async fn serve(listener: TcpListener, run: Arc<Run>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                connections.spawn(answer(Connection::new(accepted.unwrap().0), Arc::clone(&run)));
            }
            Some(ended) = connections.join_next() => ended.unwrap(),
        }
    }
}

/// Answers what comes on a connection.
async fn answer(mut connection: Connection, run: Arc<Run>) {
    loop {
        let id = loop {
            if let Some(id) = id(&connection.buffer) {
                break id;
            }
            if connection.wait().await == 0 {
                return;
            }
        };
        run.answering.fetch_add(1, Ordering::SeqCst);
        let exchange = Exchange::new(run.seed, id, &run.host);
        let note = connection.play(&exchange, End::Upstream).await;
        // An end that is not announced may overtake the next request.
        let goes_on = note.outcome == Outcome::Whole
            && !exchange.closes
            && exchange.fault != Some(Fault::MalformedAnswer);
        let _ = run.notes.send(note);
        run.answering.fetch_sub(1, Ordering::SeqCst);
        if !goes_on {
            connection.leave(&exchange);
            return;
        }
    }
}

/// The number of the exchange whose head this is, once it is whole.
fn id(head: &[u8]) -> Option<u64> {
    let end = memchr::memmem::find(head, b"\r\n\r\n")?;
    let head = std::str::from_utf8(&head[..end]).unwrap();
    let line = head.lines().find_map(|line| line.strip_prefix("X-Soak: "));
    Some(line.unwrap().parse().unwrap())
}

/// What codextap holds once it has let go of what it does not need, or a minute later.
async fn settled(codextap: &Codextap, before: Held) -> Held {
    let began = Instant::now();
    loop {
        let held = codextap.held();
        if held.is_back_at(before) || began.elapsed() > Duration::from_secs(60) {
            println!("settled after {} s", began.elapsed().as_secs());
            return held;
        }
        sleep(Duration::from_millis(100)).await;
    }
}

/// The least memory in the first and in the last third of the time behind [`WARM`], in KiB: bursts come and go, and
/// what leaks stays. Samples were taken `every` so often.
fn memory(samples: &[Held], every: Duration) -> [u64; 2] {
    let warm = WARM.min(every * SAMPLES / 3).div_duration_f64(every) as usize;
    let samples = samples.get(warm..).unwrap_or_default();
    let third = samples.len() / 3;
    [&samples[..third], &samples[2 * third..]].map(|samples| {
        let memory = samples.iter().map(|held| held.memory);
        memory.min().unwrap_or_default()
    })
}

/// The number behind an option.
fn option(name: &str) -> Option<u64> {
    let mut arguments = std::env::args();
    arguments.find(|argument| argument == name)?;
    Some(arguments.next().unwrap().parse().unwrap())
}

/// Clients at work at the same time.
const CLIENTS: usize = 48;

/// How often memory is looked at.
const SAMPLES: u32 = 60;

/// By then what is kept for long is there; of a short run, its first third.
const WARM: Duration = Duration::from_secs(120);

/// The least memory may grow by so much, in KiB: bursts leave holes in the heap. 70 bytes kept of each exchange are
/// more in ten minutes at 1,250 a second.
const SLACK: u64 = 24 << 10;
