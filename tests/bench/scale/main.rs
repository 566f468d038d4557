//! Large captures and long runs: time, memory and keys, beside baselines of the same run.
//!
//! `cargo bench --bench scale` generates captures under `target/scale`, opens them with the release binary in a
//! pseudo-terminal and records as many flows in a process of its own. Arguments choose parts by name (`open`,
//! `commands`, `keys`, `frames`, `busy`, `live`, `day`, `mitmproxy`) and give numbers of flows: `cargo bench --bench scale -- open 23000`.
//!
//! Baselines: line feeds counted in the same file; a bare list of ratatui in the same terminal; and mitmproxy with the
//! same flows, if `target/venv/bin/python` has it (`python3 -m venv target/venv && target/venv/bin/pip install
//! mitmproxy`).

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a benchmark reads the clock, reports and may panic"
)]

mod busy;
mod flows;
mod frames;
mod list;
mod live;
#[path = "../process.rs"]
mod process;
#[path = "../window.rs"]
mod window;

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use flows::{FAULT, KINDS};
use window::Window;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let state = Path::new(env!("CARGO_TARGET_TMPDIR")).join("scale");
    std::fs::create_dir_all(&state).unwrap();
    let number = |index: usize| arguments[index].parse::<u64>().unwrap();
    // What runs in a process of its own.
    match arguments.first().map(String::as_str) {
        Some("run-list") => return list::run(number(1)),
        Some("run-live") => return live::exchanges(&state.join("live.jsonl"), number(1)),
        Some("run-day") => return live::day(&state.join("live.jsonl"), number(1), 50),
        _ => {}
    }
    let counts: Vec<u64> = arguments
        .iter()
        .filter_map(|text| text.parse().ok())
        .collect();
    let is_wanted = |part: &str| {
        let mut names = arguments
            .iter()
            .filter(|text| text.chars().all(char::is_alphabetic))
            .peekable();
        names.peek().is_none() || names.any(|name| name == part)
    };
    let counts = |default: &[u64]| {
        if counts.is_empty() {
            default.to_vec()
        } else {
            counts.clone()
        }
    };
    if is_wanted("open") {
        for count in counts(&[10_000, 23_000, 100_000]) {
            open(&state, count);
        }
    }
    if is_wanted("commands") {
        for count in counts(&[23_000]) {
            commands(&state, count);
        }
    }
    if is_wanted("keys") {
        for count in counts(&[100_000]) {
            keys(&state, count);
        }
    }
    if is_wanted("frames") {
        for count in counts(&[100_000]) {
            frames::frames(program(), &state, count);
        }
    }
    if is_wanted("busy") {
        for count in counts(&[50]) {
            busy::busy(program(), &state, count);
        }
    }
    if is_wanted("live") {
        for count in counts(&[10_000, 100_000]) {
            own(&["run-live", &count.to_string()]);
        }
    }
    if is_wanted("day") {
        for count in counts(&[100_000]) {
            own(&["run-day", &count.to_string()]);
        }
    }
    if is_wanted("mitmproxy") {
        for count in counts(&[2_000]) {
            mitmproxy(&state, count);
        }
    }
}

/// Runs a part in a process of its own, so that its memory is its own.
fn own(arguments: &[&str]) {
    let status = Command::new(std::env::current_exe().unwrap())
        .args(arguments)
        .status();
    assert!(status.unwrap().success());
}

/// The capture of so many flows, made if it is not there. The whole file is in the page cache after it.
fn capture(state: &Path, count: u64) -> (PathBuf, u64) {
    let path = state.join(format!("{count}.jsonl"));
    if !path.exists() {
        let part = state.join("part");
        flows::capture(&part, count);
        std::fs::rename(part, &path).unwrap();
    }
    let len = path.metadata().unwrap().len();
    (path, len)
}

/// Opens a capture, and says how long it takes and what memory.
fn open(state: &Path, count: u64) {
    let (path, len) = capture(state, count);
    let mega = len as f64 / 1e6;
    println!("open, {count} flows, {mega:.0} MB:");
    let (_, _) = count_lines(&path);
    let (wall, work) = count_lines(&path);
    println!(
        "  counting its lines, one thread: {:.0} MB/s, {:.0} MB/s of processor time",
        mega / wall.as_secs_f64(),
        mega / work.as_secs_f64()
    );
    let mut window = Window::run(&[program(), "open", path.to_str().unwrap()], state);
    let first = window.until(|text| text.contains("Task 0000"));
    let all =
        window.until(|text| text.contains(&format!("{count} flows")) && !text.contains("opening"));
    let work = process::processor_time(window.id());
    window.rest();
    let memory = process::Memory::of(window.id());
    println!(
        "  first rows {:.0} ms; all {:.2} s = {:.0} MB/s, {:.0} MB/s per core of processor time",
        first.as_secs_f64() * 1e3,
        all.as_secs_f64(),
        mega / all.as_secs_f64(),
        mega / work.as_secs_f64(),
    );
    println!(
        "  RSS {:.0} MB ({:.0} anonymous), peak {:.0} MB, {:.0} bytes per flow",
        memory.now,
        memory.anonymous,
        memory.peak,
        memory.anonymous * 1024.0 * 1024.0 / count as f64
    );
    window.press("Q");
}

/// Runs the commands that read a capture from end to end, and says how long they take and what memory.
fn commands(state: &Path, count: u64) {
    let (path, len) = capture(state, count);
    let mega = len as f64 / 1e6;
    println!("commands, {count} flows, {mega:.0} MB:");
    let (_, _) = count_lines(&path);
    let (wall, _) = count_lines(&path);
    let rate = mega / wall.as_secs_f64();
    println!("  counting its lines, one thread: {rate:.0} MB/s");
    let out = state.join("commands.out");
    for command in [&["sessions", "summary"][..], &["report"]] {
        let began = Instant::now();
        let mut child = Command::new(program())
            .args(command)
            .arg(&path)
            .stdout(File::create(&out).unwrap())
            .spawn()
            .unwrap();
        // What a process has used is gone with it.
        let (mut memory, mut work) = (process::Memory::of(child.id()), Duration::ZERO);
        let status = loop {
            if let Some(status) = child.try_wait().unwrap() {
                break status;
            }
            let now = process::Memory::of(child.id());
            if now.peak > memory.peak {
                memory = now;
            }
            work = process::processor_time(child.id());
            std::thread::sleep(Duration::from_millis(5));
        };
        let wall = began.elapsed();
        assert!(status.success());
        println!(
            "  {}: {:.2} s = {:.0} MB/s, {:.0} MB/s per core of processor time, peak {:.0} MB, {:.1} MB written",
            command.join(" "),
            wall.as_secs_f64(),
            mega / wall.as_secs_f64(),
            mega / work.as_secs_f64(),
            memory.peak,
            out.metadata().unwrap().len() as f64 / 1e6,
        );
    }
    std::fs::remove_file(&out).unwrap();
}

/// How long it takes to find every line's end, in time and processor time.
fn count_lines(path: &Path) -> (Duration, Duration) {
    let (began, before) = (Instant::now(), process::processor_time(std::process::id()));
    let mut file = File::open(path).unwrap();
    let mut chunk = vec![0; 1 << 20];
    let mut lines = 0_usize;
    loop {
        let read = file.read(&mut chunk).unwrap();
        if read == 0 {
            break;
        }
        lines += memchr::memchr_iter(b'\n', &chunk[..read]).count();
    }
    assert!(lines > 0);
    let work = process::processor_time(std::process::id()).saturating_sub(before);
    (began.elapsed(), work.max(Duration::from_millis(10)))
}

/// Keys, filters and searches on a capture that is open.
fn keys(state: &Path, count: u64) {
    let exe = std::env::current_exe().unwrap();
    let number = count.to_string();
    let mut bare = Window::run(&[exe.to_str().unwrap(), "run-list", &number], state);
    bare.until(|text| text.contains("Task 000001"));
    mixed(&mut bare, "a bare list of ratatui");
    drop(bare);

    let (path, len) = capture(state, count);
    let mut window = Window::run(&[program(), "open", path.to_str().unwrap()], state);
    window.until(|text| text.contains(&format!("{count} flows")) && !text.contains("opening"));
    mixed(&mut window, "codextap");
    window.press("1g");
    window.rest();

    // By cached tokens: what failed has none, comes first then, and fills the screen.
    window.press("o");
    window.rest();
    let sorted = window.after("c", |text| text.contains(&format!("{FAULT} 000320")));
    println!(
        "sorting {count} flows: {:.1} ms",
        sorted.as_secs_f64() * 1e3
    );
    window.press("\r");
    mixed(&mut window, "codextap, sorted");
    window.press("ot\r1g");
    window.rest();

    let filtered = window.after("/~c 429\r", |text| {
        text.contains(&format!("{FAULT} 0")) && !text.contains("Task 0")
    });
    println!(
        "metadata filter over {count} flows: {:.1} ms",
        filtered.as_secs_f64() * 1e3
    );
    window.rest();
    window.press("/\x15\r");
    window.rest();

    for search in ["~b zanzibar", "zanzibar", "~bq w[aeiou]x9"] {
        let before = process::processor_time(window.id());
        let in_force = format!("/ {search}");
        let began = window.press(&format!("/{search}\r"));
        let first = (search != "~bq w[aeiou]x9")
            .then(|| window.after("", |text| text.contains(&in_force) && are_hits(text)));
        window.until(|text| text.contains(&in_force));
        let mut times = Vec::new();
        while window.text().contains("filtering") {
            times.extend(window.frame(if times.len() % 2 == 0 { "j" } else { "k" }));
            // As many keys as a person presses, so that it is the search that takes the time.
            std::thread::sleep(Duration::from_millis(33));
        }
        let all = began.elapsed();
        let work = process::processor_time(window.id()).saturating_sub(before);
        println!(
            "search {search}: first hits {}, all of {:.0} MB in {:.2} s = {:.0} MB/s, {:.0} MB/s per core of processor time",
            first.map_or("-".to_owned(), |first| format!(
                "{:.0} ms",
                first.as_secs_f64() * 1e3
            )),
            len as f64 / 1e6,
            all.as_secs_f64(),
            len as f64 / 1e6 / all.as_secs_f64(),
            len as f64 / 1e6 / work.as_secs_f64(),
        );
        report("  keys meanwhile", times);
        window.rest();
        window.after("/\x15\r", |text| !text.contains(&in_force));
        window.press("g");
        window.rest();
    }
    let memory = process::Memory::of(window.id());
    println!(
        "RSS after it all {:.0} MB, peak {:.0} MB",
        memory.now, memory.peak
    );
    window.press("Q");
}

/// Whether there are rows, and all of them hold [`flows::NEEDLE`].
fn are_hits(text: &str) -> bool {
    let mut numbers = text
        .split("Task ")
        .skip(1)
        .filter_map(|rest| rest.get(..6)?.parse::<u64>().ok())
        .peekable();
    numbers.peek().is_some() && numbers.all(|number| number % KINDS == 1)
}

/// A thousand mixed keys, each pressed when the screen rests.
fn mixed(window: &mut Window, what: &str) {
    window.rest();
    let before = process::processor_time(window.id());
    let keys = [
        "j", "j", "k", "G", "k", "\x15", "\x04", "g", "j", "J", "2", "1", "\t", "1", "3", "4", "1",
    ];
    let mut times = Vec::new();
    for key in keys.iter().cycle().take(KEYS) {
        times.extend(window.frame(key));
        std::thread::sleep(Duration::from_millis(17));
    }
    let work = process::processor_time(window.id()).saturating_sub(before);
    report(&format!("keys, {what}"), times);
    println!(
        "  processor time per key {:.2} ms",
        work.as_secs_f64() * 1e3 / KEYS as f64
    );
}

pub(crate) fn report(what: &str, mut times: Vec<Duration>) {
    times.sort_unstable();
    let Some(last) = times.last().copied() else {
        return;
    };
    let at = |percent: usize| times[(times.len() - 1) * percent / 100].as_secs_f64() * 1e3;
    println!(
        "{what}: {} frames, p50 {:.2} ms, p90 {:.2} ms, p99 {:.2} ms, at most {:.1} ms",
        times.len(),
        at(50),
        at(90),
        at(99),
        last.as_secs_f64() * 1e3
    );
}

/// The same flows in mitmproxy.
fn mitmproxy(state: &Path, count: u64) {
    let (path, _) = capture(state, count);
    let python = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/venv/bin/python");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bench/scale/mitmproxy_load.py");
    let status = Command::new(&python)
        .arg(script)
        .arg(path)
        .arg(state.join("mitmproxy.flows"))
        .status();
    match status {
        Ok(status) => assert!(status.success()),
        Err(error) => println!("mitmproxy: {}: {error}", python.display()),
    }
}

fn program() -> &'static str {
    env!("CARGO_BIN_EXE_codextap")
}

/// How many keys are pressed.
const KEYS: usize = 1000;
/// How many of one kind.
pub(crate) const QUARTER: usize = KEYS / 4;
