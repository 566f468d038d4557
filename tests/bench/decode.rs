//! How fast the decoders are, in bytes per second, beside a plain pass over the same bytes.
//!
//! `cargo bench --bench decode`.

#![expect(clippy::unwrap_used, reason = "a benchmark may panic")]

use std::hint::black_box;

use codextap::app::{App, Msg, Options};
use codextap::flow::{Flow, FlowKind, Summary};
use codextap::responses::{Request, Turn, Usage};
use codextap::tap::{At, Redactor};
use codextap::wire::{sse, websocket};
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use divan::Bencher;
use divan::counter::BytesCount;

fn main() {
    divan::main();
}

/// A response of `events` text deltas as an event stream.
fn stream(events: usize) -> String {
    let mut text = String::new();
    for number in 0..events {
        text.push_str("event: response.output_text.delta\ndata: ");
        text.push_str(&delta(number));
        text.push_str("\n\n");
    }
    text
}

fn delta(number: usize) -> String {
    format!(
        r#"{{"type":"response.output_text.delta","sequence_number":{number},"item_id":"msg_1","output_index":0,"content_index":0,"delta":"some words ","logprobs":[]}}"#
    )
}

/// A request with as much text as Codex's first one has.
fn request() -> String {
    let text = "You are a coding agent. ".repeat(1200);
    format!(
        r#"{{"model":"gpt-5.5","input":[{{"type":"message","role":"developer","content":[{{"type":"input_text","text":"{text}"}}]}}],"client_metadata":{{"session_id":"s"}}}}"#
    )
}

/// The baseline: looking at every byte once.
#[divan::bench]
fn count_line_feeds(bencher: Bencher) {
    let text = stream(1000);
    bencher.counter(BytesCount::of_str(&text)).bench(|| {
        black_box(&text)
            .bytes()
            .filter(|byte| *byte == b'\n')
            .count()
    });
}

#[divan::bench]
fn server_sent_events(bencher: Bencher) {
    let text = stream(1000);
    bencher.counter(BytesCount::of_str(&text)).bench(|| {
        let mut decoder = sse::Decoder::new(sse::DEFAULT_LIMIT);
        let mut events = 0;
        for chunk in text.as_bytes().chunks(1400) {
            decoder.push(chunk);
            while let Some(block) = decoder.next() {
                black_box(&block);
                events += 1;
            }
        }
        events
    });
}

#[divan::bench]
fn websocket_frames(bencher: Bencher) {
    let mut bytes = Vec::new();
    for number in 0..1000 {
        let text = delta(number);
        bytes.extend_from_slice(&[0x81, 126]);
        bytes.extend_from_slice(&u16::try_from(text.len()).unwrap().to_be_bytes());
        bytes.extend_from_slice(text.as_bytes());
    }
    bencher.counter(BytesCount::of_slice(&bytes)).bench(|| {
        let mut decoder = websocket::Decoder::new(false, None);
        let mut frames = 0;
        for chunk in bytes.chunks(1400) {
            decoder.push(chunk);
            while let Some(frame) = decoder.next() {
                black_box(&frame);
                frames += 1;
            }
        }
        frames
    });
}

#[divan::bench]
fn turn_of_deltas(bencher: Bencher) {
    let events: Vec<String> = (0..1000).map(delta).collect();
    bencher
        .counter(BytesCount::new(
            events.iter().map(String::len).sum::<usize>(),
        ))
        .bench(|| {
            let mut turn = Turn::default();
            for event in &events {
                turn.apply(event);
            }
            turn
        });
}

#[divan::bench]
fn request_of_30_kb(bencher: Bencher) {
    let text = request();
    bencher
        .counter(BytesCount::of_str(&text))
        .bench(|| Request::parse(black_box(&text)));
}

#[divan::bench]
fn masking_a_request(bencher: Bencher) {
    let (text, redactor) = (request(), Redactor::new());
    bencher
        .counter(BytesCount::of_str(&text))
        .bench(|| redactor.json(black_box(&text)).len());
}

/// A filter that summaries answer, over as many flows as a long session has, until the list shows what passes.
#[divan::bench(args = ["~c 429", "model:gpt-7", "in>50k hit<50% | is:failed", "tool:apply_patch since:5m"])]
fn filter_100_000_summaries(bencher: Bencher, filter: &str) {
    let mut app = App::new(Options::default());
    let mut flow = Flow::new(
        "0mfx2k1q-12".into(),
        "127.0.0.1:5".into(),
        "https://x".into(),
        At::from_micros(1),
    );
    flow.kind = FlowKind::Http;
    flow.model = Some("gpt-6.1-codex".to_owned());
    "Why does the parser drop the last line?".clone_into(&mut flow.gist);
    let summary = Summary::of(&flow);
    for number in 0..100_000 {
        let mut summary = summary.clone();
        summary.status = Some(if number % 100 == 0 { 429 } else { 200 });
        summary.tools = "shell\nupdate_plan".into();
        summary.started = At::from_micros(number);
        summary.ended = Some(summary.started);
        summary.usage = Some(Usage {
            input: number,
            cached: 1_000,
            ..Usage::default()
        });
        app.store_mut().push_summary(summary, None);
    }
    app.update(Msg::Changed);
    app.prepare((160, 50));
    bencher.bench_local(|| {
        for text in [filter, ""] {
            app.update(Msg::Key(KeyCode::Char('f').into()));
            app.update(Msg::Key(KeyEvent::new(
                KeyCode::Char('u'),
                KeyModifiers::CONTROL,
            )));
            app.update(Msg::Paste(text.to_owned()));
            app.update(Msg::Key(KeyCode::Enter.into()));
            while app.is_busy() {
                app.work();
            }
            app.prepare((160, 50));
        }
        black_box(app.list().rows().len())
    });
}
