//! The program from outside: how long it takes to its first screen, and what it costs while idle.
//!
//! `cargo bench --bench startup` starts the release binary in a pseudo-terminal, beside `sh -c true` in the same kind
//! of terminal as the baseline, the two in turn, and prints medians and their ratio. Then it lets the
//! program stand idle and reads the processor time that it used.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a benchmark reads the clock, reports and may panic"
)]

#[expect(dead_code, reason = "another benchmark reads memory, too")]
mod process;
#[expect(dead_code, reason = "another benchmark presses keys, too")]
mod window;

use std::path::Path;
use std::time::Duration;

use process::processor_time;
use window::Window;

const ROUNDS: usize = 40;
const IDLE: Duration = Duration::from_secs(10);

fn main() {
    let state = tempfile::tempdir().unwrap();
    let program = env!("CARGO_BIN_EXE_codextap");
    let first = |command: &[&str], text: &str| {
        Window::run(command, state.path()).until(|screen| screen.contains(text))
    };
    let ours = [program, "--listen", "127.0.0.1:0", "--capture", "none"];
    let baseline = ["sh", "-c", "echo ready"];

    let mut times = [Vec::new(), Vec::new()];
    for round in 0..=ROUNDS {
        let pair = [first(&ours, "Requests"), first(&baseline, "ready")];
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

/// Processor time that the program uses while nothing happens.
fn idle(command: &[&str], state: &Path) -> Duration {
    let mut window = Window::run(command, state);
    window.until(|screen| screen.contains("Requests"));
    // The first screen's own work is not idleness.
    std::thread::sleep(Duration::from_secs(1));
    let before = processor_time(window.id());
    std::thread::sleep(IDLE);
    processor_time(window.id()).saturating_sub(before)
}
