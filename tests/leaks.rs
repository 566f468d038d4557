//! What exchanges that break off leave behind: no task, no descriptor.
//!
//! Alone in its binary, for it counts the descriptors of the whole process.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stderr,
    reason = "a test fails by panicking, and says when it was skipped"
)]

#[path = "ends/log.rs"]
mod log;
#[path = "ends/play.rs"]
mod play;
mod support;
#[path = "ends/table.rs"]
mod table;

use std::time::Duration;

use play::Stage;
use support::peer::within;
use table::{How, cases};

#[tokio::test]
async fn two_hundred_broken_exchanges_leave_no_task_and_no_descriptor() {
    let log = log::Log::start();
    let mut stage = Stage::new(None).await;
    // What is made once is made now.
    stage.next_works(&log).await;
    let before = settled(|_| true).await;
    let cases = cases();
    let cases = cases.iter().filter(|case| case.how != How::Silence);
    for case in cases.cycle().take(EXCHANGES) {
        stage.check(case, &log).await;
    }
    stage.next_works(&log).await;
    let after = settled(|now| *now == before).await;
    assert_eq!(after, before);
}

/// Tasks that live, and open descriptors where the system lists them.
fn count() -> (usize, Option<usize>) {
    let tasks = tokio::runtime::Handle::current()
        .metrics()
        .num_alive_tasks();
    let descriptors = std::fs::read_dir("/proc/self/fd").ok();
    if descriptors.is_none() {
        eprintln!("descriptors are not counted: there is no /proc/self/fd");
    }
    (tasks, descriptors.map(Iterator::count))
}

/// Waits until the count is `enough`, or stays as it is; a socket closes when its task is dropped,
/// and tasks are dropped when they are next run.
async fn settled(enough: impl Fn(&(usize, Option<usize>)) -> bool) -> (usize, Option<usize>) {
    let waiting = async {
        let mut every = tokio::time::interval(Duration::from_millis(2));
        let (mut last, mut same) = (count(), 0);
        while same < 100 || !enough(&last) && same < 1000 {
            every.tick().await;
            let now = count();
            same = if now == last { same + 1 } else { 0 };
            last = now;
            if same >= 5 && enough(&last) {
                break;
            }
        }
        last
    };
    within(waiting).await
}

const EXCHANGES: usize = 200;
