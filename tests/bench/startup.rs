//! The program from outside: how long it takes to its first screen, and what it costs while idle.
//!
//! `cargo bench --bench startup` starts the release binary in a pseudo-terminal, beside `sh -c true` in the same kind
//! of terminal as the baseline, the two in turn, and prints medians and their ratio. Then it lets the
//! program stand idle and reads the processor time that it used.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark reports and may panic"
)]
#![expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]

use std::io::Read;
use std::time::{Duration, Instant};

use portable_pty::{CommandBuilder, PtySize, native_pty_system};

const ROUNDS: usize = 40;
const IDLE: Duration = Duration::from_secs(10);

fn main() {
    let state = tempfile::tempdir().unwrap();
    let program = env!("CARGO_BIN_EXE_codextap");
    let screen = |command: &[&str], until: &[u8]| first_output(command, until, state.path());
    let ours = [program, "--listen", "127.0.0.1:0", "--capture", "none"];
    let baseline = ["sh", "-c", "echo ready"];

    let mut times = [Vec::new(), Vec::new()];
    for round in 0..=ROUNDS {
        let pair = [screen(&ours, b"Requests"), screen(&baseline, b"ready")];
        // The first round warms the page cache.
        if round > 0 {
            for (times, time) in times.iter_mut().zip(pair) {
                times.push(time);
            }
        }
    }
    let [ours_ms, baseline_ms] = times.map(|mut times| {
        times.sort_unstable();
        times[times.len() / 2].as_secs_f64() * 1e3
    });
    println!("start to first screen, median of {ROUNDS}: {ours_ms:.1} ms");
    println!("`sh -c 'echo ready'` to its output:        {baseline_ms:.1} ms");
    println!(
        "ratio:                                     {:.1}",
        ours_ms / baseline_ms
    );

    let used = idle(&ours, state.path());
    println!(
        "processor time in {} s idle:                {:.0} ms = {:.2} % of a core",
        IDLE.as_secs(),
        used.as_secs_f64() * 1e3,
        used.as_secs_f64() / IDLE.as_secs_f64() * 100.0
    );
}

/// A command in a terminal of its own.
struct Terminal {
    child: Box<dyn portable_pty::Child + Send + Sync>,
    output: Box<dyn Read + Send>,
    /// Kept so that the terminal stays open.
    _master: Box<dyn portable_pty::MasterPty + Send>,
}

impl Terminal {
    fn start(command: &[&str], state: &std::path::Path) -> Self {
        let size = PtySize {
            rows: 50,
            cols: 160,
            pixel_width: 0,
            pixel_height: 0,
        };
        let pair = native_pty_system().openpty(size).unwrap();
        let mut builder = CommandBuilder::new(command[0]);
        builder.args(&command[1..]);
        builder.env("TERM", "xterm-256color");
        builder.env("XDG_STATE_HOME", state);
        let child = pair.slave.spawn_command(builder).unwrap();
        let output = pair.master.try_clone_reader().unwrap();
        Self {
            child,
            output,
            _master: pair.master,
        }
    }

    /// Reads until the output holds `text`.
    fn wait_for(&mut self, text: &[u8]) {
        let mut seen = Vec::new();
        let mut chunk = vec![0; 1 << 16];
        while !seen.windows(text.len()).any(|window| window == text) {
            let read = self.output.read(&mut chunk).unwrap();
            assert!(
                read > 0,
                "the program ended: {}",
                String::from_utf8_lossy(&seen)
            );
            seen.extend_from_slice(&chunk[..read]);
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn first_output(command: &[&str], until: &[u8], state: &std::path::Path) -> Duration {
    let began = Instant::now();
    let mut terminal = Terminal::start(command, state);
    terminal.wait_for(until);
    began.elapsed()
}

/// Processor time that the program uses while nothing happens.
fn idle(command: &[&str], state: &std::path::Path) -> Duration {
    let mut terminal = Terminal::start(command, state);
    terminal.wait_for(b"Requests");
    let pid = terminal.child.process_id().unwrap();
    // The first screen's own work is not idleness.
    std::thread::sleep(Duration::from_secs(1));
    let before = processor_time(pid);
    std::thread::sleep(IDLE);
    processor_time(pid).saturating_sub(before)
}

/// User and system time of a process, from `/proc/PID/stat` (proc(5)), in ticks of 10 ms.
fn processor_time(pid: u32) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let after_name = stat.rsplit(')').next().unwrap();
    let fields: Vec<&str> = after_name.split_whitespace().collect();
    let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
    Duration::from_millis(ticks * 10)
}
