//! Keys in the Frames pane of a connection with many frames.

use std::path::Path;
use std::time::Duration;

use crate::flows;
use crate::window::Window;
use crate::{QUARTER, report};

/// Opens a capture of a connection whose one turn has so many frames, and says how long keys take in its timeline.
pub(crate) fn frames(program: &str, state: &Path, count: u64) {
    let path = state.join(format!("frames-{count}.jsonl"));
    if !path.exists() {
        let part = state.join("part");
        flows::long(&part, count);
        std::fs::rename(part, &path).unwrap();
    }
    println!("frames, {count} of one connection:");
    let mut window = Window::run(&[program, "open", path.to_str().unwrap()], state);
    window.until(|text| text.contains("2 flows") && !text.contains("opening"));
    window.rest();
    let shown = window.after("G5z", |text| text.contains("response.created"));
    println!("  shown after {:.0} ms", shown.as_secs_f64() * 1e3);
    window.rest();
    pressed(
        &mut window,
        "moving",
        &["j", "j", "k", "\x04", "\x15", "G", "k", "g"],
    );
    window.press("gjjj");
    window.rest();
    pressed(
        &mut window,
        "a burst at the top, unfolded and folded",
        &["\r"],
    );
    window.press("Gkk");
    window.rest();
    pressed(
        &mut window,
        "a burst at the end, unfolded and folded",
        &["\r"],
    );
    window.press("g");
    window.rest();
    let filter = [
        "&", "r", "e", "a", "s", "o", "n", "i", "n", "g", "\r", "\\", "\\",
    ];
    pressed(&mut window, "a filter as it is typed, and moving", &filter);
    window.press("\\g");
    window.rest();
    let search = ["/", "e", "n", "d", "\r", "n", "n", "n", "n", "N", "n", "n"];
    pressed(&mut window, "a search as it is typed, n and N", &search);
    window.press("Q");
}

/// Presses keys again and again, with a pause in which the program goes on with what it has to do.
fn pressed(window: &mut Window, what: &str, keys: &[&str]) {
    let mut times = Vec::new();
    for key in keys.iter().cycle().take(keys.len().max(QUARTER)) {
        times.extend(window.frame(key));
        std::thread::sleep(Duration::from_millis(17));
    }
    report(&format!("  {what}"), times);
}
