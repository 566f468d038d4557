//! What the proxy adds, in time and work, beside nginx and a bare TCP relay.
//!
//! `cargo bench --bench relay` starts the release binary (recording to a file), nginx with buffering off if it is
//! installed, and a relay that copies bytes and looks at nothing; each forwards to one upstream in this process. Every
//! figure is taken from all of them in turn, round by round, so that a busy machine is equally busy for
//! all. What it prints are medians over the rounds, and their ratio to nginx.
//!
//! For `keys` the release binary is started a second time, with its screen in a pseudo-terminal and 10 000 flows
//! in the list, which keys move while it is measured.
//!
//! Arguments choose figures by name: `cargo bench --bench relay -- flood echo`.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "a benchmark reads the clock, reports and may panic"
)]

mod client;
mod targets;
mod upstream;
#[path = "../window.rs"]
#[expect(dead_code, reason = "another benchmark waits for frames, too")]
mod window;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use targets::Target;

/// A figure: how to take it once, and how to read it.
struct Figure {
    name: &'static str,
    what: &'static str,
    unit: Unit,
    take: fn(SocketAddr) -> Sample,
    rounds: usize,
}

/// What a figure counts.
#[derive(Clone, Copy, PartialEq)]
enum Unit {
    /// Microseconds: what the direct connection takes is subtracted.
    Added,
    /// Per second: more is better.
    Rate,
}

/// What one round gave.
struct Sample {
    /// Microseconds, or a rate.
    value: f64,
    /// How many units of work were done, to share processor time among.
    work: f64,
}

const FIGURES: [Figure; 10] = [
    Figure {
        name: "small",
        what: "small request, p50",
        unit: Unit::Added,
        take: client::small,
        rounds: 9,
    },
    Figure {
        name: "first",
        what: "first event after a 30 KB request, p50",
        unit: Unit::Added,
        take: client::first_event,
        rounds: 9,
    },
    Figure {
        name: "event",
        what: "SSE event, 1 stream, p50",
        unit: Unit::Added,
        take: client::event_p50,
        rounds: 7,
    },
    Figure {
        name: "events50",
        what: "SSE event, 50 streams, p99",
        unit: Unit::Added,
        take: client::events50_p99,
        rounds: 5,
    },
    Figure {
        name: "keys",
        what: "SSE event, 1 stream, p99, while 20 keys/s move the list",
        unit: Unit::Added,
        take: client::event_p99,
        rounds: 7,
    },
    Figure {
        name: "echo",
        what: "WebSocket echo, p50",
        unit: Unit::Added,
        take: client::echo,
        rounds: 9,
    },
    Figure {
        name: "flood",
        what: "SSE events at full flood",
        unit: Unit::Rate,
        take: client::flood,
        rounds: 5,
    },
    Figure {
        name: "requests",
        what: "JSON requests, 32 connections",
        unit: Unit::Rate,
        take: client::requests,
        rounds: 5,
    },
    Figure {
        name: "messages",
        what: "WebSocket messages, one connection",
        unit: Unit::Rate,
        take: client::messages,
        rounds: 5,
    },
    Figure {
        name: "body",
        what: "20 MiB bodies, MiB",
        unit: Unit::Rate,
        take: client::body,
        rounds: 5,
    },
];

fn main() {
    let chosen: Vec<String> = std::env::args()
        .skip(1)
        .filter(|name| !name.starts_with('-'))
        .collect();
    let upstream = upstream::start();
    let state = tempfile::tempdir().unwrap();
    let mut targets = targets::start(upstream, state.path());
    for figure in &FIGURES {
        if chosen.is_empty() || chosen.iter().any(|name| name == figure.name) {
            if figure.name == "keys" {
                targets.push(targets::screen(upstream, state.path()));
            }
            report(figure, &take(figure, &mut targets));
            targets.retain(|target| target.name != "screen");
        }
    }
}

/// Medians of one figure, by target: value, and processor time of the target per unit of work, in µs.
fn take(figure: &Figure, targets: &mut [Target]) -> BTreeMap<&'static str, (f64, f64)> {
    let mut values: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    let mut work: BTreeMap<&str, (f64, Duration)> = BTreeMap::new();
    // One round to warm connections and caches.
    for round in 0..=figure.rounds {
        for target in &mut *targets {
            let before = target.processor_time();
            let address = target.address;
            let sample = target.under_keys(|| (figure.take)(address));
            let used = target.processor_time().saturating_sub(before);
            if round > 0 {
                values.entry(target.name).or_default().push(sample.value);
                let total = work.entry(target.name).or_default();
                total.0 += sample.work;
                total.1 += used;
            }
        }
    }
    values
        .into_iter()
        .map(|(name, mut values)| {
            values.sort_by(f64::total_cmp);
            let (done, used) = work[name];
            (
                name,
                (values[values.len() / 2], used.as_secs_f64() * 1e6 / done),
            )
        })
        .collect()
}

fn report(figure: &Figure, medians: &BTreeMap<&str, (f64, f64)>) {
    println!("\n{} ({})", figure.what, figure.name);
    let direct = medians.get("direct").map_or(0.0, |(value, _)| *value);
    let read = |value: f64| {
        if figure.unit == Unit::Added {
            value - direct
        } else {
            value
        }
    };
    let nginx = medians
        .get("nginx")
        .map(|(value, work)| (read(*value), *work));
    for (name, (value, work)) in medians {
        let (value, unit) = match figure.unit {
            Unit::Added if *name == "direct" => (*value, "µs in all"),
            Unit::Added => (read(*value), "µs added"),
            Unit::Rate => (*value, "/s"),
        };
        let ratio =
            nginx
                .filter(|_| *name != "direct")
                .map_or(String::new(), |(nginx, nginx_work)| {
                    format!(
                        "{:>6.2} × nginx   work {:.2} × nginx",
                        value / nginx,
                        work / nginx_work
                    )
                });
        println!("  {name:<9} {value:>11.1} {unit:<9} {work:>8.2} µs of processor each   {ratio}");
    }
}
