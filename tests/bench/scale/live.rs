//! A run in this process: what a recording, its store and the app keep of many flows.

use std::path::Path;
use std::time::{Duration, Instant};

use codextap::app::{App, Effect, Msg, Options};
use codextap::capture::{BACKLOG, Recording, Writer};
use codextap::flow::FlowId;
use codextap::tap::{At, Event, Redactor};
use codextap::view::{self, Theme};
use crossterm::event::{KeyCode, KeyEvent};
use ratatui::Terminal;
use ratatui::backend::TestBackend;

use crate::flows;
use crate::process::Memory;

/// Records so many exchanges, with the screen drawn now and then, and prints what that took.
pub(crate) fn exchanges(file: &Path, count: u64) {
    let mut run = Run::new(file);
    let empty = Memory::of(std::process::id());
    for number in 0..count {
        for event in flows::exchange(number) {
            run.take(event);
        }
        if number % 16 == 0 {
            run.draw();
        }
    }
    run.written();
    run.draw();
    let memory = Memory::of(std::process::id());
    println!(
        "live, {count} flows: RSS {:.0} MB, peak {:.0} MB, {:.0} bytes per flow; empty {:.0} MB",
        memory.now,
        memory.peak,
        (memory.now - empty.now) * 1024.0 * 1024.0 / count as f64,
        empty.now,
    );
}

/// Records a day: so many turns over `connections` one after another, with keys and frames between.
pub(crate) fn day(file: &Path, turns: u64, connections: u64) {
    let mut run = Run::new(file);
    let each = turns / connections;
    let tenth = (connections / 10).max(1);
    let mut since = Instant::now();
    for number in 0..connections {
        let mut events = 0_u64;
        flows::connection(number, number * each, each, |event| {
            run.take(event);
            events += 1;
            if events.is_multiple_of(1000) {
                run.draw();
            }
        });
        if (number + 1) % tenth == 0 {
            let spent = since.elapsed();
            run.written();
            let (p50, p99) = run.keys(200);
            let before = Memory::of(std::process::id());
            // An hour in which nothing happens but the clock.
            for _ in 0..3600 {
                run.idle();
            }
            let memory = Memory::of(std::process::id());
            println!(
                "day, {:>6} turns: RSS {:.0} MB (peak {:.0}), idle hour {:+.1} MB, {:.0} turns/s, key to frame p50 {:.2} ms p99 {:.2} ms",
                (number + 1) * each,
                memory.now,
                memory.peak,
                memory.now - before.now,
                (each * tenth) as f64 / spent.as_secs_f64(),
                p50.as_secs_f64() * 1e3,
                p99.as_secs_f64() * 1e3,
            );
            since = Instant::now();
        }
    }
}

struct Run {
    app: App,
    recording: Recording,
    terminal: Terminal<TestBackend>,
    theme: Theme,
    now: At,
}

impl Run {
    fn new(file: &Path) -> Self {
        let _ = std::fs::remove_file(file);
        let writer = Writer::open(file, BACKLOG).unwrap();
        Self {
            app: App::new(Options::default()),
            recording: Recording::new(At::default(), Redactor::new(), Some(writer)),
            terminal: Terminal::new(TestBackend::new(160, 50)).unwrap(),
            theme: Theme::load("default-dark", &[]).unwrap(),
            now: At::default(),
        }
    }

    /// What the loop does with an event.
    fn take(&mut self, event: Event) {
        self.now = event.at;
        let ended = self.recording.apply(self.app.store_mut(), event);
        self.recording.settle(self.app.store_mut());
        if !ended.is_empty() {
            self.recall();
        }
    }

    fn draw(&mut self) {
        self.app.update(Msg::Tick(self.now));
        self.app.update(Msg::Changed);
        self.recall();
        self.app.prepare((160, 50));
        let (app, theme) = (&self.app, &self.theme);
        self.terminal
            .draw(|frame| view::draw(app, theme, frame))
            .unwrap();
    }

    /// Reads back what the app asks for.
    fn recall(&mut self) {
        for effect in self.app.recall() {
            let Effect::Read(ids) = effect else {
                // No filter is set.
                continue;
            };
            let store = self.app.store();
            let read = |id: FlowId| {
                let (place, summary) = (store.place(id)?, store.summary(id)?);
                Some((
                    id,
                    self.recording
                        .shelf()
                        .read(place, &summary.name)
                        .map(Box::new),
                ))
            };
            let flows = ids.into_iter().filter_map(read).collect();
            self.app.update(Msg::Recalled(flows));
        }
    }

    /// Waits until all that ended is in the file.
    fn written(&mut self) {
        let is_written = |app: &App| {
            let mut ended = app.store().summaries().filter(|summary| !summary.is_live());
            ended.all(|summary| app.store().place(summary.id).is_some())
        };
        while !is_written(&self.app) {
            std::thread::sleep(Duration::from_millis(5));
            self.recording.settle(self.app.store_mut());
        }
        self.recall();
    }

    fn idle(&mut self) {
        self.now = self.now.plus(Duration::from_secs(1));
        self.recording.settle(self.app.store_mut());
        self.draw();
    }

    /// Half and 99 of 100 of so many mixed keys took no longer until their frame was done.
    fn keys(&mut self, count: usize) -> (Duration, Duration) {
        let mut times = Vec::new();
        for key in "kkjgGkkj3421".chars().cycle().take(count) {
            let began = Instant::now();
            self.app
                .update(Msg::Key(KeyEvent::from(KeyCode::Char(key))));
            self.draw();
            times.push(began.elapsed());
        }
        times.sort_unstable();
        (times[count / 2], times[count * 99 / 100])
    }
}
